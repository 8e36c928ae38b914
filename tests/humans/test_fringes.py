"""Hair painted over the forehead."""

from dataclasses import replace

import numpy as np
import pytest

from facelab.humans.scenery.fringes import add_fringe, suits, turn_away
from tests.humans.drawn import FACE, drawn_person


def person(**attributes):
    """A drawn person whose 68 landmarks lie as on a face."""
    turns = np.linspace(np.pi, 0, 17)
    jaw = np.stack([48 + 20 * np.cos(turns), 44 + 27 * np.sin(turns)], axis=1)
    brows = np.stack([np.linspace(32, 64, 10), np.full(10, 35.0)], axis=1)
    nose = np.stack([np.full(9, 48.0), np.linspace(40, 52, 9)], axis=1)
    eyes = np.stack([np.repeat([40.0, 57.0], 6), np.full(12, 40.0)], axis=1)
    mouth = np.stack([np.linspace(40, 56, 20), np.full(20, 62.0)], axis=1)
    points = np.concatenate([jaw, brows, nose, eyes, mouth]).astype(np.float32)
    drawn = drawn_person(1)
    return replace(drawn, landmarks=points, attributes={"hair": "crop"} | attributes)


@pytest.mark.parametrize("seed", range(5))
def test_a_fringe_covers_the_forehead_and_leaves_the_eyes(seed):
    before = person()
    after = add_fringe(np.random.default_rng(seed), before)
    changed = (np.abs(after.rgba[..., :3].astype(int) - FACE).max(axis=2) > 40) & (
        np.abs(before.rgba[..., :3].astype(int) - FACE).max(axis=2) < 40
    )
    assert changed[24:30, 44:53].all()  # forehead
    assert not changed[43:70, 42:55].any()  # eyes to chin
    assert after.five_visible[2:].all()
    assert (after.visible <= before.visible).all()
    np.testing.assert_array_equal(after.box, before.box)
    assert 0 <= after.hidden < 0.3
    assert (after.rgba[..., 3] >= before.rgba[..., 3]).all()


def test_the_sprite_itself_stays_as_it_was():
    before = person()
    kept = before.rgba.copy()
    add_fringe(np.random.default_rng(0), before)
    np.testing.assert_array_equal(before.rgba, kept)


def test_hats_hands_beards_fair_curls_and_profiles_get_none():
    assert suits(person())
    for what in ({"hat": "cap"}, {"held": "phone"}, {"beard": "full"}, {"hair": "afro"}):
        assert not suits(person(**what))
    assert not suits(person(hair="bob", hair_colour=0.4))
    assert suits(person(hair="bob", hair_colour=0.02))
    assert not suits(replace(person(), pose=np.array([1.0, 0, 0], np.float32)))


def test_a_person_who_turns_away_shows_no_face():
    person = drawn_person(1)
    for seed in range(4):
        rgba = turn_away(np.random.default_rng(seed), person)
        face = (np.abs(rgba[..., :3].astype(int) - FACE).max(axis=2) < 60).sum()
        assert face < 30
        assert (rgba[..., 3] >= person.rgba[..., 3]).all()


def test_what_a_fringe_covers_below_the_brows_adds_to_what_is_hidden():
    before = replace(person(), hidden=0.3)
    after = [add_fringe(np.random.default_rng(seed), before) for seed in range(12)]
    assert min(sprite.hidden for sprite in after) >= 0.3
    assert max(sprite.hidden for sprite in after) > 0.3
    covered = [sprite.visible.sum() for sprite in after]
    assert min(covered) < before.visible.sum()  # brows under hair are not seen


def test_landmarks_that_are_missing_or_too_narrow_give_no_fringe():
    points = person().landmarks.copy()
    points[3] = np.nan
    assert not suits(replace(person(), landmarks=points))
    assert not suits(replace(person(), landmarks=person().landmarks * (0.05, 1)))
