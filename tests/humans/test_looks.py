"""Looks: what people of an age and sex wear, and that one thing does not shift the others."""

import numpy as np
import pytest

from facelab.humans import assets

pytest.importorskip("numba", reason="people need facelab[render]")

from facelab.humans.person.looks import Look
from facelab.humans.person.people import Human

pytestmark = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)


@pytest.fixture(scope="module")
def man() -> Human:
    people = (Human.sample(np.random.default_rng(seed)) for seed in range(40))
    return next(human for human in people if human.male > 0.7 and human.beard_growth > 0.5)


def looks(human: Human, age: float, count: int = 150, **options) -> list[Look]:
    return [Look.sample(np.random.default_rng(k), human, age, **options) for k in range(count)]


def test_boys_have_neither_beards_nor_stubble_nor_dyed_hair_and_men_do(man):
    boy, grown = looks(man, 10.0), looks(man, 40.0)
    assert all(look.beard is None and look.stubble == 0 for look in boy)
    assert all(look.hair_colour is None for look in boy)
    assert 0.05 < np.mean([look.beard is not None for look in grown]) < 0.4
    assert np.mean([look.stubble > 0.2 for look in grown]) > 0.1
    assert 0 < np.mean([look.hair_colour is not None for look in grown]) < 0.3


def test_hats_are_worn_in_every_seventh_photo_and_scarves_never_over_masks_or_hoods(man):
    worn = looks(man, 40.0, 400)
    assert 0.09 < np.mean([look.hat is not None for look in worn]) < 0.2
    scarves = [look for look in worn if look.scarf is not None]
    assert scarves and all(look.mask is None for look in scarves)
    assert all(look.hat is None or look.hat.kind not in ("scarf", "hood") for look in scarves)
    assert all(look.hat is None for look in worn if look.headphones is not None)


def test_what_is_worn_does_not_shift_what_is_drawn_for_the_rest(man):
    for free, worn in zip(looks(man, 40.0, occluders=False), looks(man, 40.0), strict=True):
        assert (free.tan, free.stubble, free.weight) == (worn.tan, worn.stubble, worn.weight)
        assert str(free.clothes) == str(worn.clothes)
