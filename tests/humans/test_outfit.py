"""Outfits: everything in a look becomes parts, and hats press hair down."""

from dataclasses import replace

import numpy as np
import pytest

from facelab.humans import assets

pytest.importorskip("numba", reason="rendering needs facelab[render]")

from facelab.humans.person.looks import Look
from facelab.humans.person.people import Human
from facelab.humans.person.views import View
from facelab.humans.rendering.outfit import covered, dress
from facelab.humans.worn.clothes import Clothes
from facelab.humans.worn.hair import Hair
from facelab.humans.worn.hats import Hat

pytestmark = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)


@pytest.fixture(scope="module")
def human() -> Human:
    return Human.sample(np.random.default_rng(0))


def test_a_bare_look_has_brows_and_lashes_only(human):
    parts = dress(human, View(age=30.0, look=Look()), human.fit(30.0))
    assert [part.name for part in parts] == ["brows", "lashes"]
    assert not any(part.hides for part in parts)


def test_a_hat_takes_hair_away(human):
    rng = np.random.default_rng(0)
    bare = Look(hair=Hair.sample(rng, kind="long01"))
    hatted = replace(bare, hat=Hat.sample(rng, kind="beanie"))
    fit = human.fit(30.0)
    counts = [
        sum(len(part.triangles) for part in dress(human, View(age=30.0, look=look), fit)
            if part.name.startswith("hair"))
        for look in (bare, hatted)
    ]  # fmt: skip
    assert 0 < counts[1] < 0.9 * counts[0]


def test_clothes_cover_the_shoulders_and_not_the_face(human):
    fit = human.fit(30.0)
    look = Look(clothes=Clothes.sample(np.random.default_rng(0)))
    assert covered(View(age=30.0, look=Look()), fit) is None
    under = covered(View(age=30.0, look=look), fit)
    assert under is not None and under.any()
    assert not under[assets.body().face].any()


def test_every_sampled_look_can_be_worn(human):
    rng = np.random.default_rng(1)
    fit = human.fit(30.0)
    for _ in range(15):
        for part in dress(human, View(age=30.0, look=Look.sample(rng, human, 30.0)), fit):
            assert np.isfinite(part.positions).all(), part.name
            assert part.triangles.max(initial=-1) < len(part.positions), part.name


def test_tan_darkens_and_reddens_the_skin(human):
    pale, brown = Look().tone(human), Look(tan=1.0).tone(human)
    assert (brown < pale).all()
    assert brown[0] / brown[2] > pale[0] / pale[2]
    np.testing.assert_array_equal(pale, human.tone)
