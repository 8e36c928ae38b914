"""What is rendered of each person: from the recipe and their number alone, splits kept apart."""

import numpy as np
import pytest

from facelab.humans import assets
from facelab.humans.packs.drawing import (
    TEST_HAIR,
    TEST_SKINS,
    draw_human,
    draw_view,
    render_person,
)
from facelab.humans.packs.making import Recipe, shots

pytestmark = pytest.mark.skipif(not assets.available(), reason="needs the renderer's assets")

RECIPE = Recipe(people=20, views=3, size=48, large=0.0)


def test_a_person_is_rendered_the_same_again():
    first, second = (render_person(RECIPE, 3) for _ in range(2))
    for one, two in zip(first, second, strict=True):
        assert (one.rgba == two.rgba).all() and (one.landmarks == two.landmarks).all()
        assert one.person == 3 and one.age == two.age


def test_sprites_are_as_the_shots_ask():
    wanted = Recipe(people=20, views=3, size=48, aged=1.0)
    for shot, sprite in zip(shots(wanted, 6), render_person(wanted, 6), strict=True):
        assert sprite.rgba.shape == (*shot.size, 4)
        assert sprite.age == pytest.approx(shot.age, abs=0.01)


def test_most_pictures_of_a_person_who_is_not_aged_are_within_a_few_years():
    same = Recipe(people=20, views=6, size=32, aged=0.0, half=0.0, large=0.0)
    ages = [sprite.age for sprite in render_person(same, 2)]
    assert np.ptp(ages) < 16 and min(ages) >= 11 and max(ages) <= 80


def test_skins_kept_for_testing_are_not_trained_on():
    rng = np.random.default_rng(0)
    for male in (False, True):
        train = [draw_human(rng, male=male, test=False) for _ in range(15)]
        test = [draw_human(rng, male=male, test=True) for _ in range(15)]
        assert all((human.male > 0.5) == male for human in train + test)
        assert not any(set(human.skins) & set(TEST_SKINS) for human in train)
        assert any(set(human.skins) & set(TEST_SKINS) for human in test)


def test_keeping_skins_back_makes_no_split_lighter_or_darker():
    rng = np.random.default_rng(0)
    dark = [
        np.mean(["dark" in draw_human(rng, male=True, test=test).skins[0] for _ in range(150)])
        for test in (False, True)
    ]
    assert abs(dark[0] - dark[1]) < 0.15 and 0.15 < np.mean(dark) < 0.45


def test_hair_kept_for_testing_is_not_trained_on():
    rng = np.random.default_rng(0)
    worn = {False: set(), True: set()}
    for test in worn:
        for number in range(36):
            human = draw_human(rng, male=bool(number % 2), test=test)
            hair = draw_view(rng, human, 30.0, "bust", test=test).look.hair
            worn[test] |= {hair.kind} if hair is not None else set()
    assert not worn[False] & set(TEST_HAIR)
    assert worn[True] & set(TEST_HAIR)
    assert worn[False] & worn[True], "most styles are in both"
