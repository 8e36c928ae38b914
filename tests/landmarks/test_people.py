"""Face patches of people: dots painted into made-up sprites are found where the labels say."""

import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from facelab.geometry.landmarks import MIRROR_5, MIRROR_68
from facelab.humans.tasks.crops import PLAIN, Augment
from facelab.landmarks import face_squares, patches_of_people
from tests.landmarks.faces import Dotted, dot_near, nowhere


def turned(angle, mirror=0.0, **options):
    return Augment(angle=angle, zoom=1.0, shift=0.0, mirror=mirror, **options)


def people(source=None, **options):
    choices = {"augment": PLAIN, "backdrops": nowhere(), "side": 96}
    return patches_of_people(Dotted() if source is None else source, **(choices | options))


def assert_points_lie_on_their_dots(patches, chosen=(0, 1, 2, 3, 4)):
    for image, places in zip(patches.images[:, 0], patches.in_patch(patches.points), strict=True):
        for point in chosen:
            found = dot_near(image.numpy(), places[point], radius=6)
            np.testing.assert_allclose(found, places[point], atol=0.15)


@pytest.mark.parametrize(
    "augment",
    [PLAIN, turned(0.0, 1.0), turned(0.5), turned(0.5, 1.0)],
    ids=["as they are", "mirrored", "turned", "both"],
)
def test_points_lie_on_the_dots_of_the_picture(augment):
    patches = people(augment=augment, seed=3, repeats=2)
    assert (len(patches), patches.points.dtype) == (6, torch.float32)
    assert_points_lie_on_their_dots(patches)
    assert (patches.points[:, 0, 0] < patches.points[:, 1, 0]).all(), "eye at image left is first"


def test_the_square_and_the_width_are_those_of_the_labelled_box():
    sprite = Dotted().sprites[0]
    patches = people(limit=1)
    square = face_squares(torch.from_numpy(sprite.box)[None])[0]
    extent = square[2] - square[0]
    assert_close(patches.points[0], (torch.from_numpy(sprite.five) - square[:2]) / extent)
    width = torch.tensor([sprite.box[2] - sprite.box[0]])
    assert_close(patches.widths, width / extent)
    assert_close(people(limit=1, augment=turned(0.5, 1.0)).widths, width / extent)


def test_a_turn_goes_about_the_middle_of_the_box():
    # Two eyes and two corners of the mouth span the same shape after it, only turned.
    straight, askew = people(), people(augment=turned(0.5))
    box_middle = torch.tensor([0.5, 0.5 - 0.05 / 0.8])  # the square lies 0.05 of the box lower
    turns = askew.attributes["turn"]
    assert turns.abs().min() > 0.02
    for face, turn in enumerate(turns):
        cos, sin = turn.cos(), turn.sin()
        matrix = torch.stack([torch.stack([cos, sin]), torch.stack([-sin, cos])])  # y points down
        expected = box_middle + (straight.points[face] - box_middle) @ matrix.T
        assert_close(askew.points[face], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_the_turn_is_that_of_the_picture_as_seen_also_when_it_is_mirrored(mirror):
    def slope(patches):
        across = patches.points[:, 1] - patches.points[:, 0]
        return torch.atan2(-across[:, 1], across[:, 0])  # of the eyes, counter-clockwise as seen

    straight = people(augment=turned(0.0, mirror))
    askew = people(augment=turned(0.5, mirror))
    assert_close(slope(askew) - slope(straight), askew.attributes["turn"], atol=1e-4, rtol=0)
    assert not straight.attributes["turn"].any()


def test_the_attributes_of_a_face_are_those_of_its_sprite():
    source = Dotted()
    found = people(source).attributes
    for name, wanted in {
        "yaw": [sprite.pose[0] for sprite in source.sprites],
        "pitch": [sprite.pose[1] for sprite in source.sprites],
        "roll": [sprite.pose[2] for sprite in source.sprites],
        "hidden": [sprite.hidden for sprite in source.sprites],
        "age": [sprite.age for sprite in source.sprites],
        "person": [sprite.person for sprite in source.sprites],
        "sprite": [0, 1, 2],
        "tone": [0.5] * 3,
    }.items():
        np.testing.assert_allclose(found[name], wanted, rtol=1e-6, err_msg=name)
    assert found["visible"].tolist() == [sprite.five_visible.tolist() for sprite in source.sprites]


@pytest.mark.parametrize(("points", "partners"), [(5, MIRROR_5), (68, MIRROR_68)])
def test_a_mirrored_face_has_mirrored_attributes(points, partners):
    as_they_are = people(points=points).attributes
    mirrored = people(points=points, augment=turned(0.0, 1.0)).attributes
    for name in ("yaw", "roll"):
        assert torch.equal(mirrored[name], -as_they_are[name])
    for name in ("pitch", "hidden", "age", "person"):
        assert torch.equal(mirrored[name], as_they_are[name])
    assert torch.equal(mirrored["visible"], as_they_are["visible"][:, list(partners)])


def test_mirroring_at_the_making_is_mirroring_afterwards():
    made, afterwards = people(augment=turned(0.0, 1.0)), people().mirrored()
    assert (made.images.int() - afterwards.images.int()).abs().max() <= 2
    assert_close(made.points, afterwards.points, atol=1e-5, rtol=0)
    assert made.attributes.keys() == afterwards.attributes.keys()
    for name, value in made.attributes.items():
        assert_close(value, afterwards.attributes[name])


def test_68_points_lie_on_their_dots():
    patches = people(Dotted(points=68), points=68)
    assert patches.points.shape == (3, 68, 2)
    assert_points_lie_on_their_dots(patches, chosen=(0, 16))
    assert patches.attributes["visible"].shape == (3, 68)


def test_a_point_outside_the_patch_counts_as_not_seen():
    patches = people(margin=0.0, points=68)
    inside = ((patches.points >= 0) & (patches.points < 1)).all(dim=-1)
    assert not inside.all()
    assert not (patches.attributes["visible"] & ~inside).any()
    labelled = torch.from_numpy(np.stack([sprite.visible for sprite in Dotted().sprites]))
    assert torch.equal(patches.attributes["visible"], labelled & inside)


def noisy(image, rng):
    return np.clip(image + rng.integers(0, 20, image.shape), 0, 255).astype(np.uint8)


VARIED = turned(0.3, 0.5, degrade=noisy)


def same(one, other):
    return torch.equal(one.images, other.images) and torch.equal(one.points, other.points)


def test_the_same_seed_gives_the_same_faces_and_another_seed_others():
    one, again = (people(augment=VARIED, seed=5, repeats=2) for _ in range(2))
    assert same(one, again)
    other = people(augment=VARIED, seed=6, repeats=2)
    assert not torch.equal(one.points, other.points)


def test_a_face_follows_from_seed_repeat_and_sprite_alone():
    source = Dotted(5)
    whole = people(source, augment=VARIED, repeats=2)
    fewer = people(source, augment=VARIED, repeats=1, limit=2)
    assert fewer.attributes["sprite"].tolist() == [0, 2]
    assert same(fewer, whole.select([0, 2]))
    assert not same(whole.select([0]), whole.select([5])), "every repeat is different"


def test_repeats_come_one_after_the_other_and_a_limit_is_spread_evenly():
    source = Dotted(7)
    assert people(source, repeats=2).attributes["sprite"].tolist() == [*range(7), *range(7)]
    assert people(source, limit=3).attributes["sprite"].tolist() == [0, 2, 4]
    assert len(people(source, limit=99)) == 7


def test_about_half_of_the_faces_are_mirrored_and_turned_up_to_ten_degrees_when_nothing_is_said():
    patches = patches_of_people(Dotted(2), repeats=60, backdrops=nowhere(), side=24)
    mirrored = patches.attributes["yaw"] < 0
    assert 0.3 < mirrored.float().mean() < 0.7
    turns = patches.attributes["turn"].abs()
    assert math.radians(8) < turns.max() <= math.radians(10) + 1e-6


def test_colours_and_backdrops_are_those_of_the_picture():
    source = Dotted(1)
    source.sprites[0].rgba[..., 1] = 0
    patches = people(source, colour=True, margin=1.5)
    assert patches.images.shape == (1, 3, 96, 96)
    assert patches.images[0, 0, 48, 48] > 30 and patches.images[0, 1, 48, 48] == 0
    assert not patches.images[0, :, :4].any(), "the black backdrop, above the sprite"


def test_a_source_without_sprites_gives_no_patch():
    patches = people(Dotted(0))
    assert patches.images.shape == (0, 1, 96, 96)
    assert patches.points.shape == (0, 5, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 98}, "points: expected 5 or 68, got 98"),
        ({"repeats": 0}, "repeats: expected 1 or more, got 0"),
        ({"limit": 0}, "limit: expected 1 or more, got 0"),
        ({"augment": Augment(zoom=1.1, shift=0.0)}, "augment: zoom and shift must be 1 and 0"),
        ({"augment": Augment(zoom=1.0, shift=0.1)}, "training moves the windows"),
    ],
)
def test_what_cannot_be_made_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        people(**options)
