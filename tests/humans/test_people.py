"""Identities: drawn the same from the same seed, all different, human."""

from dataclasses import replace

import numpy as np
import pytest

from facelab.humans import assets
from facelab.humans.person.people import Human

pytestmark = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)


def person(seed: int) -> Human:
    return Human.sample(np.random.default_rng(seed))


def test_the_same_seed_draws_the_same_person():
    a, b = person(3), person(3)
    assert a.details == b.details
    assert (a.skins, a.eyes, a.brow, a.seed) == (b.skins, b.eyes, b.brow, b.seed)
    np.testing.assert_array_equal(a.tone, b.tone)
    np.testing.assert_array_equal(a.shape(30.0), b.shape(30.0))


def test_sampling_takes_one_number_from_the_generator():
    used, other = np.random.default_rng(5), np.random.default_rng(5)
    Human.sample(used)
    other.integers(2**31)
    assert used.random() == other.random()


def face(human: Human, age: float) -> np.ndarray:
    """Landmarks of a neutral face, centred, in units of the eyes' distance."""
    points = human.shape(age)[assets.body().landmarks]
    points = points - points.mean(axis=0)
    return points / np.linalg.norm(points[36] - points[45])


def test_no_two_of_forty_people_are_nearly_identical():
    faces = np.stack([face(person(seed), 30.0) for seed in range(40)])
    gaps = np.sqrt(((faces[:, None] - faces[None]) ** 2).sum(axis=-1).mean(axis=-1))
    gaps[np.diag_indices(40)] = np.inf
    assert gaps.min() > 0.02  # of the distance between the outer corners of the eyes
    assert np.isfinite(faces).all()


def test_a_person_differs_less_from_themselves_ten_years_on_than_from_others():
    people = [person(seed) for seed in range(12)]
    young = np.stack([face(human, 25.0) for human in people])
    older = np.stack([face(human, 35.0) for human in people])
    gaps = np.sqrt(((young[:, None] - older[None]) ** 2).sum(axis=-1).mean(axis=-1))
    assert (gaps.argmin(axis=1) == np.arange(12)).all()


def test_expressions_move_the_mouth_and_leave_the_skull():
    human, body = person(1), assets.body()
    still, open_ = human.shape(30.0), human.shape(30.0, {"mouth-open": 0.8})
    lips = body.landmarks[[62, 66]]
    assert (still[lips[1], 1] - open_[lips[1], 1]) > 0.05
    top = body.head[np.argsort(body.base[body.head, 1])[-50:]]
    np.testing.assert_allclose(still[top], open_[top], atol=0.02)


@pytest.mark.parametrize("age", [0.5, 91.0, -3.0])
def test_an_age_outside_the_model_is_refused(age):
    with pytest.raises(ValueError, match="years"):
        person(0).shape(age)


def test_an_unknown_expression_is_refused():
    with pytest.raises(KeyError, match="mouth-sideways"):
        person(0).shape(30.0, {"mouth-sideways": 1.0})


def test_both_sexes_and_all_ancestries_are_common():
    people = [person(seed) for seed in range(120)]
    male = np.mean([human.male > 0.5 for human in people])
    assert 0.35 < male < 0.65
    main = np.bincount([int(human.ancestry.argmax()) for human in people], minlength=3) / 120
    assert main.min() > 0.15


def test_the_mean_face_has_the_proportions_of_real_ones():
    """In distances of the pupils: eyes 0.48 wide and 0.17 open, chin 1.75 below; Farkas, 1994."""
    spots = np.stack([person(seed).shape(30.0)[assets.body().landmarks] for seed in range(40)])
    eyes = np.stack((spots[:, 36:42].mean(axis=1), spots[:, 42:48].mean(axis=1)), axis=1)
    between = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)
    wide = np.linalg.norm(spots[:, 36] - spots[:, 39], axis=1) / between
    open_ = (spots[:, 37:39, 1] - spots[:, 40:42, 1]).mean(axis=1) / between
    low = (eyes[:, :, 1].mean(axis=1) - spots[:, 8, 1]) / between
    brow = (spots[:, [19, 24], 1].mean(axis=1) - eyes[:, :, 1].mean(axis=1)) / between
    assert 0.42 < np.median(wide) < 0.5
    assert 0.14 < np.median(open_) < 0.18
    assert 1.65 < np.median(low) < 1.9
    assert np.median(brow) > 0.24


def test_smiles_widen_the_mouth_raise_the_cheeks_and_are_smaller_in_children():
    human, marks = person(2), assets.body().landmarks
    units = {"mouth-corner-puller": 0.5, "mouth-upward-retraction": 0.7}
    widening = {}
    for age in (5.0, 30.0):
        still, smiling = human.shape(age)[marks], human.shape(age, units)[marks]
        wide = np.linalg.norm(still[48] - still[54])
        widening[age] = np.linalg.norm(smiling[48] - smiling[54]) / wide - 1
    assert 0.1 < widening[30.0] < 0.5
    assert 0 < widening[5.0] < widening[30.0]
    alone = human.targets(30.0, units), human.targets(30.0)
    assert alone[0]["cheek/l-cheek-trans-up"] > alone[1].get("cheek/l-cheek-trans-up", 0)


def test_hair_is_fair_in_children_white_in_old_age_and_dyed_if_asked():
    human = replace(person(0), hair_colour=np.array((0.1, 0.06, 0.03)), grey_age=55.0)
    child, grown, old = (human.hair_at(age) for age in (4, 30, 85))
    np.testing.assert_allclose(grown, human.hair_colour, rtol=1e-6)
    assert (child > 1.2 * grown).all() and (old > 0.4).all()
    dye = np.array((0.3, 0.02, 0.2), np.float32)
    np.testing.assert_array_equal(human.hair_at(85, dye), dye)


def test_weight_of_a_view_adds_to_the_person_s_and_children_differ_less():
    human = replace(person(0), weight=0.0)
    heavy, thin = (human.targets(30.0, weight=change) for change in (0.25, -0.25))
    stem = "macrodetails/universal-female-young-averagemuscle"
    assert f"{stem}-maxweight" in heavy and f"{stem}-minweight" in thin
    name = max(human.details, key=lambda key: human.details[key])
    assert human.targets(4.0)[name] < 0.7 * human.targets(30.0)[name]


def test_fair_hair_and_bald_women_are_as_rare_as_they_are():
    people = [person(seed) for seed in range(120)]
    african_or_asian = [human for human in people if human.ancestry.argmax() != 0]
    european = [human for human in people if human.ancestry.argmax() == 0]
    fair = [
        np.mean([h.hair_colour[0] > 0.15 for h in some]) for some in (african_or_asian, european)
    ]
    assert fair[0] < 0.15 < fair[1]
    assert all(human.bald_age > 150 for human in people if human.male < 0.3)
