"""What recipes begin with: faces that are turned as asked for, and nets at their mean shape."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from facelab.landmarks.starting import at_mean_shape, turned_people
from tests.landmarks.faces import Dotted, toy_faces


class Shaped(nn.Module):
    """A layer with random weights and a mean shape."""

    def __init__(self, points):
        super().__init__()
        self.layer, self.mean_shape = nn.Linear(3, 2), torch.zeros(points, 2)

    def describe(self, mean_shape):
        self.mean_shape = mean_shape


def test_every_sprite_is_used_as_often_as_the_others_and_turned_as_asked_for():
    patches = turned_people(Dotted(4), images=7, angle=0.2, seed=1)
    assert patches.attributes["sprite"].tolist() == [0, 1, 2, 3] * 2
    assert 0 < patches.attributes["turn"].abs().max() <= 0.2
    few = turned_people(Dotted(4), images=2, angle=0.0, points=68, colour=True)
    assert few.points.shape == (2, 68, 2) and few.images.shape[1] == 3
    assert not few.attributes["turn"].any()


def test_a_net_follows_from_its_seed_and_leaves_the_global_stream_alone():
    patches = toy_faces(6)
    patches.points[0, 2] = torch.nan
    state = torch.get_rng_state()
    one, same, other = (at_mean_shape(lambda: Shaped(5), patches, seed=k) for k in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.layer.weight, same.layer.weight)
    assert not torch.equal(one.layer.weight, other.layer.weight)
    assert_close(one.mean_shape[2], patches.points[1:, 2].mean(dim=0))


def test_faces_of_other_points_are_refused():
    with pytest.raises(ValueError, match="patches: have 5 points and the build 68"):
        at_mean_shape(lambda: Shaped(68), toy_faces(2), seed=0)
