"""Views and lights: what is asked for is kept, what is not is drawn, the same for the same seed."""

from dataclasses import replace

import numpy as np
import pytest

from facelab.humans import assets
from facelab.humans.person.lights import (
    KINDS,
    direction,
    exposure_for,
    leaves,
    plain_light,
    sample_light,
)
from facelab.humans.person.people import Human
from facelab.humans.person.views import EXPRESSIONS, View, sample_expression

needs_assets = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_light_has_lamps_of_unit_direction_and_sane_power(kind):
    for seed in range(5):
        light = sample_light(np.random.default_rng(seed), kind=kind)
        assert light.kind == kind
        np.testing.assert_allclose(np.linalg.norm(light.lamps[:, :3], axis=1), 1, atol=1e-5)
        assert (light.lamps[:, 3:] > 0).all() and (light.ambient[0] > 0).all()
        assert 0.2 < exposure_for(light) < 5
        assert (light.dapple is not None) == (kind == "dappled")


def test_the_plain_light_needs_no_exposure():
    assert exposure_for(plain_light()) == pytest.approx(1)


def test_a_dim_light_is_exposed_longer_than_the_sun():
    dim, sun = (sample_light(np.random.default_rng(0), kind=kind) for kind in ("dim", "sun"))
    assert exposure_for(dim) > 1.1 * exposure_for(sun)


def test_leaves_let_part_of_the_sun_through():
    mask = leaves(np.random.default_rng(0))
    assert mask.min() >= 0.04 and mask.max() <= 1
    assert 0.1 < mask.mean() < 0.9 and mask.std() > 0.1


def test_an_unknown_light_or_expression_is_refused_by_name():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="candle"):
        sample_light(rng, kind="candle")
    with pytest.raises(ValueError, match="yawn"):
        sample_expression(rng, "yawn")


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_keep_within_human_range(name):
    for seed in range(20):
        units, word = sample_expression(np.random.default_rng(seed), name)
        assert word == name
        assert all(0 <= amount <= 1 for amount in units.values())


def test_smiles_with_teeth_are_common():
    rng = np.random.default_rng(0)
    names = [sample_expression(rng)[1] for _ in range(400)]
    assert np.mean([name in ("grin", "beam", "laugh") for name in names]) > 0.25


@needs_assets
def test_the_same_seed_draws_the_same_view():
    human = Human.sample(np.random.default_rng(0))
    a, b = (View.sample(np.random.default_rng(9), human) for _ in range(2))
    assert (a.yaw, a.age, a.expression, a.light.kind) == (b.yaw, b.age, b.expression, b.light.kind)
    np.testing.assert_array_equal(a.light.lamps, b.light.lamps)


@needs_assets
def test_what_is_given_is_kept():
    human = Human.sample(np.random.default_rng(0))
    view = View.sample(
        np.random.default_rng(1),
        human,
        age=44.0,
        yaw=0.5,
        pitch=-0.1,
        roll=0.2,
        expression="beam",
        light="flash",
        occluders=False,
    )
    assert (view.age, view.yaw, view.pitch, view.roll) == (44.0, 0.5, -0.1, 0.2)
    assert (view.expression_name, view.light.kind) == ("beam", "flash")
    look = view.look
    assert look.glasses is look.hat is look.mask is look.held is None


@needs_assets
def test_looks_change_between_two_photos_of_a_person():
    human = Human.sample(np.random.default_rng(0))
    rng = np.random.default_rng(2)
    looks = [View.sample(rng, human).look for _ in range(12)]
    assert len({look.tan for look in looks}) > 3
    assert len({str(look.hair) for look in looks}) > 2


def test_half_of_all_faces_smile_and_few_are_cross():
    rng = np.random.default_rng(1)
    names = [sample_expression(rng)[1] for _ in range(1000)]
    shares = {name: names.count(name) / 1000 for name in EXPRESSIONS}
    assert 0.2 < shares["grin"] + shares["beam"] < 0.35
    assert 0.14 < shares["smile"] < 0.26 and 0.19 < shares["neutral"] < 0.31
    rare = ("surprise", "angry", "sad", "worried", "disgust", "effort", "pout", "shout")
    assert all(0 < shares[name] < 0.04 for name in rare)


def test_the_two_sides_of_a_face_move_nearly_alike():
    rng = np.random.default_rng(2)
    for _ in range(50):
        units, _ = sample_expression(rng)
        for unit, amount in units.items():
            other = units.get(unit.replace("left", "right"), amount)
            assert abs(amount - other) < 0.2 * max(amount, other)


@needs_assets
def test_a_dark_face_is_exposed_longer_than_a_light_one():
    people = [Human.sample(np.random.default_rng(seed)) for seed in range(30)]
    people.sort(key=lambda human: human.tone.mean())
    dark, light = (
        View.sample(np.random.default_rng(0), human, light="studio").exposure
        for human in (people[0], people[-1])
    )
    assert dark > 1.1 * light


def test_a_lamp_s_azimuth_runs_from_the_front_to_the_person_s_left_and_its_height_up():
    np.testing.assert_allclose(direction(0, 0), (0, 0, 1))
    np.testing.assert_allclose(direction(np.pi / 2, 0), (1, 0, 0), atol=1e-9)
    np.testing.assert_allclose(direction(0, np.pi / 2), (0, 1, 0), atol=1e-9)


def test_back_light_comes_from_behind_and_fools_the_meter():
    light = sample_light(np.random.default_rng(0), kind="back")
    assert light.lamps[1, 2] < 0 < light.lamps[0, 2]
    honest = exposure_for(replace(light, kind="studio"))
    assert exposure_for(light) == pytest.approx(0.75 * honest)


@needs_assets
def test_heads_turn_as_far_as_people_can_and_pictures_are_framed_as_asked():
    human, rng = Human.sample(np.random.default_rng(0)), np.random.default_rng(3)
    look = View.sample(rng, human).look
    views = [View.sample(rng, human, look=look, fill=0.3, shift=(0.1, -0.3)) for _ in range(300)]
    angles = np.abs([(view.yaw, view.pitch, view.roll) for view in views])
    assert (angles.max(axis=0) <= (1.5, 0.65, 0.8)).all()
    assert angles[:, 0].max() == 1.5  # some are held at the limit
    assert all((view.fill, view.shift) == (0.3, (0.1, -0.3)) for view in views)
    assert abs(np.mean([view.age for view in views]) - human.age) < 1
    turned = [view for view in views if abs(view.yaw) > 0.4]
    against = [view.gaze[0] * view.yaw < -0.1 for view in turned]
    assert 0.35 < np.mean(against)  # half of them look back at the camera


@needs_assets
def test_an_age_that_nobody_has_is_refused():
    human = Human.sample(np.random.default_rng(0))
    with pytest.raises(ValueError, match="years"):
        View.sample(np.random.default_rng(0), human, age=120.0)
