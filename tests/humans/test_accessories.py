"""Glasses, hats, masks and the like: they sit where they should, on everybody."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba", reason="fitting needs facelab[render]")

from facelab.humans import assets
from facelab.humans.person.looks import Look
from facelab.humans.person.views import View
from facelab.humans.rendering.render import render
from facelab.humans.worn import hats, masks
from facelab.humans.worn.accessories import (
    SHAPES,
    Earrings,
    Glasses,
    Headphones,
    earrings,
    glasses,
    headphones,
)
from facelab.humans.worn.hats import Hat, hat, hat_hides
from facelab.humans.worn.masks import Mask, Scarf, mask, scarf
from tests.humans import worn

pytestmark = worn.needs_assets
EYES = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))
MOUTH = [48, 51, 54, 57]


def rng(seed=0):
    return np.random.default_rng(seed)


def pairs():
    """Twenty people, each with another shape of glasses."""
    for k, fit in enumerate(worn.people()):
        params = replace(Glasses.sample(rng(k)), shape=SHAPES[k % len(SHAPES)], slide=0.0)
        yield fit, glasses(params, fit)


def test_the_bridge_of_glasses_sits_on_the_nose():
    for fit, (frame, _) in pairs():
        nose = fit.landmark(27)
        assert np.linalg.norm(frame.positions - nose, axis=1).min() < 0.2
        middle = frame.positions[np.abs(frame.positions[:, 0] - nose[0]) < 0.05]
        assert middle[:, 2].min() > nose[2] - 0.06  # not inside it


def test_lenses_are_in_front_of_the_eyes():
    for fit, (_, lenses) in pairs():
        for eye in EYES:
            middle = np.mean([fit.landmark(k) for k in eye], axis=0)
            distance = worn.crossings(lenses, middle, (0, 0, 1))
            assert len(distance) and 0.02 < distance.min() < 0.6


def test_lids_brows_and_cheeks_do_not_stick_through_lenses():
    near = assets.body().face[::9]
    for fit, (_, lenses) in pairs():
        low, high = lenses.positions[:, :2].min(axis=0), lenses.positions[:, :2].max(axis=0)
        skin = fit.points[near]
        inside = ((skin[:, :2] > low) & (skin[:, :2] < high)).all(axis=1)
        skin = skin[inside & (np.abs(skin[:, 0] - fit.landmark(27)[0]) > 0.16)]
        behind = [(worn.crossings(lenses, point, (0, 0, -1)) > 0.01).any() for point in skin]
        assert np.mean(behind) < 0.02


def test_temples_end_behind_the_ears():
    for fit, (frame, _) in pairs():
        for mark in (0, 16):
            side = fit.landmark(mark)
            own = frame.positions[np.sign(frame.positions[:, 0]) == np.sign(side[0])]
            end = own[own[:, 2].argmin()]
            assert end[2] < side[2] - 0.15
            assert 0 < abs(end[0]) - abs(side[0]) + 0.12 < 0.3


def test_only_dark_glasses_count_as_occluders():
    fit = worn.people()[9]
    dark = glasses(Glasses.sample(rng(1), dark=True), fit)
    clear = glasses(Glasses.sample(rng(1), dark=False), fit)
    assert any(part.hides for part in dark)
    assert not any(part.hides for part in clear)


@pytest.mark.parametrize("kind", hats.KINDS)
def test_hats_enclose_the_skull_above_their_line(kind):
    head = assets.body().head[::7]
    for k, fit in enumerate(worn.people()[::4]):
        params = Hat.sample(rng(k), kind=kind)
        parts = hat(params, fit)
        worn.sound(parts, 1200)
        skin = fit.points[head]
        under = skin[hat_hides(params, fit, skin)]
        under = under[(under[:, 1] > fit.landmark(27)[1] + 0.75)]
        centre = fit.joint("head") + np.float32((0, 0.1, 0.3))
        poking = 0
        for point in under:
            out = (point - centre) / np.linalg.norm(point - centre)
            poking += not any((worn.crossings(p, point, tuple(out)) > -0.01).any() for p in parts)
        assert poking <= 0.03 * len(under)


@pytest.mark.parametrize("kind", ["cap", "beanie", "brim", "bucket", "helmet", "hard hat"])
def test_hats_leave_eyes_and_mouth_free(kind):
    for k, fit in enumerate(worn.people()[::4]):
        parts = hat(Hat.sample(rng(k), kind=kind), fit)
        marks = np.stack([fit.landmark(n) for n in (30, 37, 44, *MOUTH)])
        assert not any(worn.in_front(part, marks).any() for part in parts)


def test_hair_on_top_is_hidden_and_hair_on_the_shoulders_is_not():
    fit = worn.people()[10]
    top = fit.points[assets.body().head]
    top = top[top[:, 1].argmax()] + np.float32((0, 0.1, 0))
    shoulder = fit.joint("neck") + np.float32((1.0, -0.3, 0.2))
    spots = np.stack([top, shoulder])
    for kind in hats.KINDS[:4]:
        assert hat_hides(Hat.sample(rng(2), kind=kind), fit, spots).tolist() == [True, False]


@pytest.mark.parametrize("mouth_open", [False, True])
@pytest.mark.parametrize("kind", masks.KINDS)
def test_a_mask_covers_nose_and_mouth_and_follows_the_jaw(kind, mouth_open):
    for k, fit in enumerate(worn.people(20, mouth_open)[::4]):
        parts = mask(Mask.sample(rng(k), kind=kind, worn="over the nose"), fit)
        worn.sound(parts, 1000)
        marks = np.stack([fit.landmark(n) for n in (30, 33, *MOUTH)])
        assert worn.in_front(parts[0], marks).all()
        eyes = np.stack([fit.landmark(n) for n in (37, 38, 43, 44, 40, 47)])
        assert not worn.in_front(parts[0], eyes).any()


def test_a_mask_worn_low_leaves_nose_or_mouth_free():
    for fit in worn.people()[::4]:
        nose, lips = fit.landmark(30)[None], fit.landmark(62)[None]
        low = mask(Mask.sample(rng(0), kind="surgical", worn="below the nose"), fit)[0]
        chin = mask(Mask.sample(rng(0), kind="surgical", worn="under the chin"), fit)[0]
        assert not worn.in_front(low, nose).any() and worn.in_front(low, lips).all()
        assert not worn.in_front(chin, np.concatenate([nose, lips])).any()


def test_headphones_and_earrings_are_at_the_ears():
    for k, fit in enumerate(worn.people()[::4]):
        cups = headphones(Headphones.sample(rng(k)), fit)
        rings = earrings(Earrings.sample(rng(k)), fit)
        worn.sound(cups + rings, 1200)
        for part in cups + rings:
            for mark in (0, 16):
                gap = np.linalg.norm(part.positions - fit.landmark(mark), axis=1).min()
                assert gap < 0.45
        assert worn.volume(cups[0]) > 0


def test_a_scarf_goes_around_the_neck():
    for k, fit in enumerate(worn.people()[::4]):
        parts = scarf(replace(Scarf.sample(rng(k)), high=0.2), fit)
        worn.sound(parts, 800)
        neck = fit.joint("neck") + np.float32((0, 0.15, 0))
        for direction in ((1, 0, 0), (-1, 0, 0), (0, 0, 1), (0, 0, -1)):
            assert (worn.crossings(parts[0], neck, direction) > 0).any()


def rendered(**things):
    human = worn.human(2)
    view = View(age=30.0, look=Look(**things), fill=0.6)
    return render(human, view, size=(160, 160))


@pytest.fixture(scope="module")
def bare():
    return rendered()


def test_labels_say_what_is_hidden(bare):
    assert bare.visible[[30, 37, 44, 48, 54, 62]].all()
    dark = rendered(glasses=replace(Glasses.sample(rng(1), dark=True), shape="large"))
    assert not dark.visible[36:48].any() and dark.visible[48:60].all()
    clear = rendered(glasses=Glasses.sample(rng(1), dark=False))
    assert clear.visible[36:48].mean() > 0.7
    masked = rendered(mask=Mask.sample(rng(0), kind="surgical", worn="over the nose"))
    assert not masked.visible[[30, 33, 48, 51, 54, 57]].any() and masked.visible[36:48].all()
    low = rendered(mask=Mask.sample(rng(0), kind="surgical", worn="below the nose"))
    assert low.visible[30] and not low.visible[[51, 57]].any()
    capped = rendered(hat=Hat.sample(rng(0), kind="cap"))
    assert (capped.visible | ~bare.visible)[27:60].all()
    assert 0 <= bare.hidden < 0.1 < min(masked.hidden, dark.hidden)


def test_closed_meshes_face_outwards():
    fit = worn.people()[3]
    for shape in SHAPES:
        assert worn.volume(glasses(Glasses(shape=shape), fit)[0]) > 0


@pytest.mark.parametrize(
    ("make", "build"),
    [(Glasses, glasses), (Hat, hat), (Mask, mask), (Scarf, scarf), (Headphones, headphones)],
)
def test_the_same_seed_gives_the_same_thing(make, build):
    fit = worn.people()[5]
    for seed in range(4):
        assert worn.equal(build(make.sample(rng(seed)), fit), build(make.sample(rng(seed)), fit))


def test_unknown_kinds_are_named():
    with pytest.raises(ValueError, match="'fez'"):
        Hat.sample(rng(), kind="fez")
    with pytest.raises(ValueError, match="'veil'"):
        Mask.sample(rng(), kind="veil")
