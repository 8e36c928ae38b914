"""Skin maps: tone, age, make-up, beards, levels."""

from dataclasses import replace

import numpy as np
import pytest

from facelab.humans import assets
from facelab.humans.person.facemap import map_landmarks, masks
from facelab.humans.person.looks import Look, Makeup
from facelab.humans.person.people import SKIN_TONES, Human
from facelab.humans.person.skin import bare_skin, lightness, skin_map

pytestmark = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)
LEVEL = 2


def person(seed: int = 0) -> Human:
    return Human.sample(np.random.default_rng(seed))


def on(mask: np.ndarray, values: np.ndarray) -> np.ndarray:
    return values[mask > 0.8].mean(axis=0)


def test_the_map_has_the_tone_of_the_person_on_the_face():
    human = person()
    skin = bare_skin(human, 30, LEVEL)
    assert skin.shape == (548 >> LEVEL, 1024 >> LEVEL, 7)
    mean = on(masks(LEVEL).face, skin)[:3]
    np.testing.assert_allclose(mean, human.tone, rtol=0.35)


def test_a_small_map_shows_the_same_skin_as_a_large_one():
    human = person(1)
    large, small = bare_skin(human, 50, 1), bare_skin(human, 50, 2)
    shrunk = assets.halved(large[..., :3])
    h, w = small.shape[:2]
    face = masks(2).face[:h, :w] > 0.5
    difference = np.abs(np.log(shrunk[:h, :w]) - np.log(small[..., :3]))[face]
    assert difference.mean() < 0.08


def test_old_skin_has_more_relief_than_young_skin():
    human = person(2)
    face = masks(1).face > 0.5
    young, old = (bare_skin(human, age, 1)[face][:, 3:5].std() for age in (20, 75))
    assert old > 1.3 * young


def test_make_up_paints_the_lips_and_leaves_the_forehead():
    human = person(3)
    plain = Look()
    red = replace(plain, makeup=Makeup(np.float32((0.5, 0.02, 0.05)), lip_strength=0.8))
    bare, painted = skin_map(human, 30, plain, LEVEL), skin_map(human, 30, red, LEVEL)
    lips = masks(LEVEL).lips
    ratio = on(lips, painted)[:3] / on(lips, bare)[:3]
    assert ratio[0] > 1.2 * ratio[1]
    row, column = (map_landmarks()[27] / 2**LEVEL).astype(int)[::-1]
    np.testing.assert_array_equal(bare[row - 20, column], painted[row - 20, column])


def test_stubble_darkens_the_jaw_of_grown_ups_only():
    human = replace(person(4), hair_colour=np.float32((0.02, 0.02, 0.02)))
    beard = masks(LEVEL).beard
    bearded = Look(stubble=0.9)
    grown, child = (
        on(beard, skin_map(human, age, bearded, LEVEL))[:3].mean()
        / on(beard, skin_map(human, age, Look(), LEVEL))[:3].mean()
        for age in (30, 10)
    )
    assert grown < 0.7
    assert child == pytest.approx(1)


def test_drawing_a_map_does_not_change_the_kept_one():
    human = person(5)
    before = bare_skin(human, 40, LEVEL).copy()
    skin_map(human, 40, Look(tan=0.8, stubble=0.8, makeup=Makeup(lip_strength=1)), LEVEL)
    np.testing.assert_array_equal(before, bare_skin(human, 40, LEVEL))


def test_lightness_falls_from_the_lightest_tone_to_the_darkest():
    angles = [lightness(tone) for tone in SKIN_TONES]
    assert (np.diff(angles) < 0).all()
    assert angles[0] > 41 and angles[-1] < -30  # light, dark in Chardon's classes


def test_a_grey_wall_of_known_lightness_has_a_right_angle():
    assert lightness(np.array((0.5, 0.5, 0.5))) == pytest.approx(90, abs=0.5)  # no yellow at all
