"""Hands: proportions, poses, and where they are held."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="fitting needs facelab[render]")

from facelab.humans.parts import Part
from facelab.humans.worn.fingers import POSES, forearm, frame, hand, skin_material
from facelab.humans.worn.hands import HELD, Held, held
from tests.humans import worn

SKIN = np.float32((0.45, 0.27, 0.19))


def rng(seed=0):
    return np.random.default_rng(seed)


def as_part(mesh):
    return Part("hand", mesh.positions, mesh.triangles, skin_material(SKIN), mesh.uv)


def test_an_open_hand_has_a_hands_proportions():
    size = np.ptp(hand("open").positions, axis=0)
    assert 1.7 < size[1] < 2.2  # with a little of the wrist, decimetres
    assert 1.0 < size[0] < 1.7 and size[2] < 0.8


def test_a_fist_is_shorter_and_thicker_than_a_flat_hand():
    fist, flat = (np.ptp(hand(pose).positions, axis=0) for pose in ("fist", "flat"))
    assert fist[1] < 0.8 * flat[1] and fist[2] > flat[2]


@pytest.mark.parametrize("pose", POSES)
def test_hands_face_outwards_and_are_small_meshes(pose):
    mesh = hand(pose)
    assert worn.volume(as_part(mesh)) > 0
    assert len(mesh.triangles) <= 1200


def test_bending_closes_the_fingers():
    straight, bent = (hand("open", bend=b).positions[:, 1].max() for b in (0.0, 0.5))
    assert bent < straight - 0.2


def test_a_frame_points_fingers_and_palm_where_they_are_wanted():
    turn = frame((0, 0, 2), (0, 1, 1))
    np.testing.assert_allclose(turn @ (0, 1, 0), (0, 0, 1), atol=1e-6)
    np.testing.assert_allclose(turn @ (0, 0, 1), (0, 1, 0), atol=1e-6)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-5)


def test_a_forearm_widens_to_the_elbow():
    arm = forearm(np.zeros(3), np.float32((0, -2.5, 0)))
    assert worn.volume(as_part(arm)) > 0
    wide = [np.ptp(arm.positions[np.abs(arm.positions[:, 1] + y) < 0.2, 0]) for y in (0.1, 1.9)]
    assert wide[1] > 1.3 * wide[0]


def test_the_back_of_a_hand_has_the_skins_colour_and_palms_of_dark_hands_are_lighter():
    dark = np.float32((0.14, 0.075, 0.05))
    colour = skin_material(dark).colour
    rows = slice(int(0.52 * 64), int(0.68 * 64))  # the palm's share of the map, v from the bottom
    back, palm = colour[rows, 8].mean(axis=0), colour[rows, 24].mean(axis=0)
    np.testing.assert_allclose(back, dark, rtol=0.12)
    assert palm.mean() > 1.1 * back.mean()


@worn.needs_assets
@pytest.mark.parametrize("kind", HELD)
def test_held_hands_are_near_the_head_and_in_front_of_nothing_strange(kind):
    for k, fit in enumerate(worn.people()[::7]):
        params = Held.sample(rng(k), kind=kind)
        parts = held(params, fit, skin=SKIN)
        worn.sound(parts, 3800)
        points = next(part for part in parts if part.name == "hand").positions
        face = fit.landmark(30)
        assert np.linalg.norm(points - face, axis=1).min() < 2.4
        assert np.abs(points - face).max() < 6


@worn.needs_assets
@pytest.mark.parametrize(
    ("kind", "marks"),
    [("mouth", (48, 51, 54, 57, 62)), ("both eyes", (37, 40, 43, 46)), ("camera", (37, 44))],
)
def test_hands_cover_what_they_are_said_to_cover(kind, marks):
    for k, fit in enumerate(worn.people()[::6]):
        params = Held(kind=kind, right=bool(k % 2))
        parts = held(params, fit, skin=SKIN, age=30.0)
        points = np.stack([fit.landmark(m) for m in marks])
        hidden = np.any([worn.in_front(part, points) for part in parts], axis=0)
        assert hidden.mean() > 0.7


@worn.needs_assets
def test_a_phone_is_at_the_ear_of_the_hands_side():
    fit = worn.people()[10]
    for right, mark in ((False, 16), (True, 0)):
        phone = held(Held(kind="phone", right=right), fit, skin=SKIN)[-1]
        assert phone.name == "phone"
        assert np.linalg.norm(phone.positions.mean(axis=0) - fit.landmark(mark)) < 0.9


@worn.needs_assets
def test_right_hands_mirror_left_ones():
    fit = worn.people()[10]
    left, right = (held(Held(kind="wave", right=r), fit, skin=SKIN)[0] for r in (False, True))
    middle = fit.landmark(27)[0]
    assert left.positions[:, 0].min() > middle > right.positions[:, 0].max()
    assert worn.volume(right) > 0


@worn.needs_assets
def test_children_have_smaller_hands():
    fit = worn.people()[0]
    sizes = [np.ptp(held(Held(kind="wave"), fit, age=a)[0].positions[:, 1]) for a in (5.0, 30.0)]
    assert sizes[0] < 0.85 * sizes[1]


@worn.needs_assets
def test_the_same_seed_gives_the_same_hand():
    fit = worn.people()[4]
    for seed in range(5):
        assert worn.equal(held(Held.sample(rng(seed)), fit), held(Held.sample(rng(seed)), fit))


def test_unknown_poses_and_kinds_are_named():
    with pytest.raises(ValueError, match="'claw'"):
        hand("claw")
    with pytest.raises(ValueError, match="'sword'"):
        Held.sample(rng(), kind="sword")
