"""Age: smooth, monotone where it should be, different in every decade."""

from itertools import pairwise

import numpy as np
import pytest

from facelab.humans import assets
from facelab.humans.person import ageing
from facelab.humans.person.people import Human

YEARS = np.linspace(1, 90, 179)


def test_the_stages_sum_to_one_and_change_smoothly():
    weights = np.stack([ageing.stages(year) for year in YEARS])
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-9)
    assert (weights >= 0).all()
    assert np.abs(np.diff(weights, axis=0)).max() < 0.1


def test_wrinkles_grey_hair_and_recession_only_grow():
    for curve in (
        [ageing.skin_age(year).wrinkles for year in YEARS],
        [ageing.grey_share(year, 50) for year in YEARS],
        [ageing.recession(year, 60) for year in YEARS],
    ):
        assert (np.diff(curve) >= 0).all()
        assert curve[0] == 0 and curve[-1] == pytest.approx(1)


def test_half_the_hair_is_white_at_the_grey_age():
    assert ageing.grey_share(50, 50) == pytest.approx(0.5)


@pytest.mark.skipif(not assets.available(), reason="the people's files are not there")
def test_every_five_years_change_the_face_between_11_and_80():
    human = Human.sample(np.random.default_rng(2))
    marks = assets.body().face
    ages = np.arange(11, 81, 5.0)
    faces = [human.shape(age)[marks] for age in ages]
    faces = [face - face.mean(axis=0) for face in faces]  # growing taller is not ageing
    steps = [np.linalg.norm(b - a, axis=1).mean() for a, b in pairwise(faces)]
    assert min(steps) > 0.0018  # decimetres: no standstill
    grown_up = steps[4:]
    assert max(grown_up) < 2 * min(grown_up)  # even steps


@pytest.mark.parametrize("age", [0.0, 120.0, float("nan")])
def test_impossible_ages_are_refused(age):
    with pytest.raises(ValueError, match="years"):
        ageing.checked_age(age)


def test_youth_is_round_and_age_long_eared():
    child, grown, old = (
        ageing.shape_changes(age, male=0.5, weight=0.0, sag=1.0) for age in (13, 40, 85)
    )
    assert child["cheek/*-cheek-volume-incr"] > 0.2 and grown["cheek/*-cheek-volume-incr"] == 0
    assert 0 < grown["ears/*-ear-scale-incr"] < old["ears/*-ear-scale-incr"]


def test_the_cheeks_of_heavy_people_do_not_hollow():
    thin, heavy = (
        ageing.shape_changes(70, male=0.5, weight=weight, sag=1.0)["cheek/*-cheek-inner-decr"]
        for weight in (0.0, 0.8)
    )
    assert heavy == 0 < thin


def test_only_children_have_plain_skin_and_only_the_young_have_blemishes():
    child, teen, grown = (ageing.skin_age(age) for age in (8, 16, 40))
    assert child.plain == 1 and grown.plain == 0
    assert child.teen == grown.teen == 0 < teen.teen
