"""Squares and shapes that are a little off, and pixels of one brightness."""

import math

import pytest
import torch
from torch.testing import assert_close

from facelab.landmarks.windows import (
    as_patches,
    grown,
    shaken_shapes,
    shaken_squares,
    standardised,
)


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_shaken_squares_stay_square_and_within_their_limits():
    squares = shaken_squares(2000, shift=0.05, scale=0.1, generator=rng(0))
    sides = squares[:, 2:] - squares[:, :2]
    middles = (squares[:, 2:] + squares[:, :2]) / 2 - 0.5
    assert_close(sides[:, 0], sides[:, 1])
    assert middles.abs().max() <= 0.05 and middles.amax() > 0.045 and middles.amin() < -0.045
    assert 0.9 <= sides.min() < 0.91 and 1.09 < sides.max() <= 1.1


def test_nothing_shaken_is_the_face_square():
    assert_close(shaken_squares(2, shift=0, scale=0), torch.tensor([[0.0, 0.0, 1.0, 1.0]] * 2))


@pytest.mark.parametrize("limits", [{"shift": -0.1, "scale": 0}, {"shift": 0, "scale": 1.0}])
def test_limits_that_make_no_squares_are_refused(limits: dict[str, float]):
    with pytest.raises(ValueError, match="scale below 1"):
        shaken_squares(3, **limits)


def test_a_square_grows_by_a_share_of_its_side_on_each_edge():
    square = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert_close(grown(square, 0.25), torch.tensor([[0.5, 1.5, 3.5, 4.5]]))


def test_shaken_shapes_are_similar_to_the_first():
    """All distances inside a shape change by one factor, whose spread is `scale`."""
    shapes = torch.rand(1, 7, 2, generator=rng(1)).expand(4000, 7, 2)
    noise = {"shift": 0.02, "scale": 0.1, "angle": 0.2}
    shaken = shaken_shapes(shapes, **noise, generator=rng(2))
    factors = torch.cdist(shaken, shaken)[:, 0, 1:] / torch.cdist(shapes, shapes)[:, 0, 1:]
    assert_close(factors, factors[:, :1].expand(-1, 6), atol=1e-4, rtol=0)
    edge, before = (x[:, 1] - x[:, 0] for x in (shaken, shapes))
    turns = torch.atan2(edge[:, 1], edge[:, 0]) - torch.atan2(before[:, 1], before[:, 0])
    turns = (turns + math.pi).remainder(2 * math.pi) - math.pi
    moves = shaken.mean(dim=1) - shapes.mean(dim=1)
    assert_close(factors[:, 0].std().item(), 0.1, atol=0.005, rtol=0)
    assert_close(turns.std().item(), 0.2, atol=0.01, rtol=0)
    assert_close(moves.std(dim=0), torch.tensor([0.02, 0.02]), atol=0.001, rtol=0)


def test_standardised_pixels_have_one_brightness_and_contrast_a_face():
    images = torch.rand(3, 1, 8, 8, generator=rng(0)) * torch.tensor([0.1, 1.0, 0.0]).view(
        3, 1, 1, 1
    )
    flat = standardised(images).flatten(1)
    assert_close(flat.mean(dim=1), torch.zeros(3), atol=1e-5, rtol=0)
    assert_close(flat.std(dim=1, correction=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-4, rtol=0)


def test_images_become_patches_without_known_points():
    images = torch.zeros(2, 1, 16, 16, dtype=torch.uint8)
    patches = as_patches(images)
    assert patches.points.isnan().all() and len(patches) == 2
    assert as_patches(patches) is patches
