"""Clothes: they lie outside the body, leave the face free, and vary."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba", reason="fitting needs facelab[render]")

from facelab.humans import assets
from facelab.humans.worn.clothes import CLOTHES, Clothes, clothes, clothes_cover
from facelab.humans.worn.patterns import KINDS, cloth, folds, knit, print_on
from tests.humans import worn


def rng(seed=0):
    return np.random.default_rng(seed)


@worn.needs_assets
@pytest.mark.parametrize("kind", CLOTHES)
def test_clothes_are_sound_and_leave_the_face_free(kind):
    for k, fit in enumerate(worn.people()[::6]):
        parts = clothes(Clothes.sample(rng(k), kind=kind), fit)
        worn.sound(parts, 2800)
        marks = np.stack([fit.landmark(n) for n in (8, 30, 37, 44, 48, 54)])
        assert not any(worn.in_front(part, marks).any() for part in parts)


@worn.needs_assets
@pytest.mark.parametrize("kind", ["t-shirt", "shirt", "sweater", "tank"])
def test_skin_does_not_stick_through_the_shell(kind):
    body = assets.body()
    chest = np.flatnonzero((np.abs(body.base[:, 0]) < 1.0) & (body.base[:, 2] > 0.6))
    chest = chest[(body.base[chest, 1] < 5.4) & (body.base[chest, 1] > 4.2)][::3]
    chest = np.intersect1d(chest, body.at[body.region == 1])
    for k, fit in enumerate(worn.people()[::6]):
        params = Clothes.sample(rng(k), kind=kind)
        covered = chest[clothes_cover(params, fit)[chest]]
        shell = clothes(params, fit)[0]
        out = worn.in_front(shell, fit.points[covered] - np.float32((0, 0, 0.02)))
        assert out.mean() > 0.95


@worn.needs_assets
def test_clothes_cover_chest_and_arms_but_not_head_and_neck():
    fit = worn.people()[8]
    cover = clothes_cover(Clothes.sample(rng(), kind="t-shirt"), fit)
    body = assets.body()
    assert not cover[body.head].any() and not cover[body.landmarks].any()
    low = body.base[:, 1] < 4.5
    assert cover[low].all() and cover[np.abs(body.base[:, 0]) > 2.0].all()


@worn.needs_assets
def test_a_low_neckline_covers_less():
    fit = worn.people()[8]
    params = Clothes.sample(rng(), kind="v-neck")
    covered = [clothes_cover(replace(params, neck=n), fit).sum() for n in (0.1, 0.5, 0.9)]
    assert covered[0] > covered[1] > covered[2]


@worn.needs_assets
def test_half_pictures_get_hands_and_others_do_not():
    fit = worn.people()[8]
    for half in (True, False):
        parts = clothes(Clothes.sample(rng(1), kind="sweater", half=half), fit)
        assert any(part.name == "arms" for part in parts) == half


@worn.needs_assets
def test_bare_arms_have_the_persons_skin():
    fit = worn.people()[8]
    skin = np.float32((0.2, 0.11, 0.07))
    parts = clothes(Clothes.sample(rng(1), kind="tank"), fit, skin=skin)
    arm = next(part for part in parts if part.name == "arms")
    assert np.abs(np.median(arm.material.colour, axis=(0, 1)) / skin - 1).max() < 0.3


@worn.needs_assets
def test_the_same_seed_gives_the_same_clothes():
    fit = worn.people()[4]
    for seed in range(3):
        assert worn.equal(
            clothes(Clothes.sample(rng(seed)), fit), clothes(Clothes.sample(rng(seed)), fit)
        )


def test_clothes_vary():
    kinds = [Clothes.sample(rng(k)).kind for k in range(60)]
    assert len(set(kinds)) >= 8
    colours = np.array([Clothes.sample(rng(k)).cloth.mean(axis=(0, 1)) for k in range(30)])
    assert colours.mean(axis=1).min() < 0.08 and colours.mean(axis=1).max() > 0.35


@pytest.mark.parametrize("kind", KINDS)
def test_cloth_maps_are_reflectances_and_repeatable(kind):
    first, again = cloth(rng(3), kind, size=64), cloth(rng(3), kind, size=64)
    assert first.shape == (64, 64, 3) and first.dtype == np.float32
    assert 0 < first.min() and first.max() < 1
    np.testing.assert_array_equal(first, again)


def test_patterned_cloth_has_more_contrast_than_plain_cloth():
    contrast = {
        kind: np.median([cloth(rng(k), kind, size=64).mean(axis=2).std() for k in range(9)])
        for kind in ("plain", "stripes", "checks", "flowers")
    }
    assert min(contrast[k] for k in ("stripes", "checks", "flowers")) > 3 * contrast["plain"]


def test_printing_changes_only_the_printed_place():
    for seed in range(8):
        plain = np.full((64, 64, 3), 0.5, np.float32)
        print_on(rng(seed), plain, centre=(0.5, 0.5), width=0.4)
        changed = np.abs(plain - 0.5).max(axis=2) > 1e-3
        assert 0.002 < changed.mean() < 0.5 and not changed[:4].any()


def test_knit_and_folds_shade_cloth():
    assert knit(rng(), np.float32((0.4, 0.3, 0.2)), size=32).std() > 0.01
    shade = folds(rng(), (40, 60))
    assert shade.shape == (40, 60) and 0.5 < shade.min() < shade.max() < 1.5


def test_unknown_kinds_are_named():
    with pytest.raises(ValueError, match="'toga'"):
        Clothes.sample(rng(), kind="toga")
    with pytest.raises(ValueError, match="'tartan'"):
        cloth(rng(), "tartan")
