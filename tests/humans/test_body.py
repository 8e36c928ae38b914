"""Arms and legs: joints, sleeves, poses."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba", reason="fitting needs facelab[render]")

from facelab.humans.parts import Part
from facelab.humans.worn.body import ARMS, Arms, arms, leg, limb, shoulders
from tests.humans import worn

pytestmark = worn.needs_assets


def rng(seed=0):
    return np.random.default_rng(seed)


def test_shoulders_are_as_wide_as_peoples():
    for fit in worn.people():
        joints, size = shoulders(fit)
        assert joints[0, 0] > 0 > joints[1, 0]
        assert 1.8 < joints[0, 0] - joints[1, 0] < 5.0
        assert 0.5 < size < 1.4


@pytest.mark.parametrize("pose", ARMS)
def test_every_pose_gives_two_sound_arms(pose):
    for k, fit in enumerate(worn.people()[::6]):
        parts = arms(Arms.sample(rng(k), pose=pose), fit)
        worn.sound(parts, 4200)
        flesh = next(part for part in parts if part.name == "arms")
        assert flesh.follows == "body"
        assert flesh.positions[:, 0].min() < 0 < flesh.positions[:, 0].max()


def test_hanging_hands_are_low_and_raised_hands_are_high():
    fit = worn.people()[10]
    chin = fit.landmark(8)[1]
    low = arms(Arms(pose="hanging", sleeve=0.0), fit)[0].positions[:, 1]
    high = arms(Arms(pose="raised", sleeve=0.0), fit)[0].positions[:, 1]
    assert low.min() < chin - 6 and low.max() < chin
    assert high.max() > chin + 2


def test_swapping_sides_mirrors_the_arms():
    fit = worn.people()[10]
    one = arms(Arms(pose="one up", sleeve=0.0), fit)[0].positions
    other = arms(Arms(pose="one up", sleeve=0.0, swap=True), fit)[0].positions
    assert one[one[:, 1].argmax(), 0] > 0 > other[other[:, 1].argmax(), 0]


def test_sleeves_cover_the_share_they_should():
    fit = worn.people()[10]
    names = [{part.name for part in arms(Arms(sleeve=s), fit)} for s in (0.0, 0.4, 1.0)]
    assert "sleeves" not in names[0]
    assert "sleeves" in names[1] and "sleeves" in names[2]
    reach = [
        np.ptp(next(p for p in arms(Arms(sleeve=s), fit) if p.name == "sleeves").positions[:, 1])
        for s in (0.3, 0.6, 1.0)
    ]
    assert reach[0] < reach[1] < reach[2]


def test_without_hands_arms_end_above_the_wrist():
    fit = worn.people()[10]
    low = [
        min(part.positions[:, 1].min() for part in arms(Arms(hands=h), fit)) for h in (True, False)
    ]
    assert low[1] > low[0] + 1.5


def test_limbs_face_outwards():
    mesh = limb(np.float32([(0, 0, 0), (0, -2, 0.3), (0, -4, 0)]), np.float32((0.5, 0.4, 0.3)))
    assert worn.volume(Part("limb", mesh.positions, mesh.triangles, None)) > 0
    mesh = leg((0, 0, 0), (0, -4, 0.2), (0, -8, 0))
    assert worn.volume(Part("leg", mesh.positions, mesh.triangles, None)) > 0
    assert 8 < np.ptp(mesh.positions[:, 1]) < 10


def test_the_same_seed_gives_the_same_arms():
    fit = worn.people()[4]
    assert worn.equal(arms(Arms.sample(rng(3)), fit), arms(Arms.sample(rng(3)), fit))
    changed = replace(Arms.sample(rng(3)), thick=1.3)
    assert not worn.equal(arms(Arms.sample(rng(3)), fit), arms(changed, fit))


def test_an_unknown_pose_is_named():
    with pytest.raises(ValueError, match="'juggling'"):
        Arms.sample(rng(), pose="juggling")
