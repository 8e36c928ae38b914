"""Hair and beards: on the head, off the face, short or long, thinner with age."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("numba", reason="fitting needs facelab[render]")

from facelab.humans import assets
from facelab.humans.worn.beards import BEARDS, Beard, beard
from facelab.humans.worn.cuts import Cut
from facelab.humans.worn.hair import ASSETS, GROWN, STYLES, Hair, hair
from facelab.humans.worn.strands import hairline, ribbons, shell_map, strand_map
from tests.humans import worn

BROWN = np.float32((0.1, 0.06, 0.035))


def rng(seed=0):
    return np.random.default_rng(seed)


def points_of(parts):
    return np.concatenate([p.positions[np.unique(p.triangles)] for p in parts])


@worn.needs_assets
@pytest.mark.parametrize("kind", STYLES)
def test_every_style_is_sound_and_sits_on_the_head(kind):
    for k, fit in enumerate(worn.people()[::8]):
        parts = hair(Hair.sample(rng(k), kind=kind), fit, colour=BROWN)
        worn.sound(parts, 9000)
        assert all(part.name.startswith("hair") for part in parts)
        points = points_of(parts)
        skull = fit.joint("head")
        assert np.abs(np.median(points[:, 0]) - skull[0]) < 0.5  # partings are aside
        crown = fit.points[assets.body().head][:, 1].max()
        assert points[:, 1].max() > crown - (1.2 if kind == "rim" else 0.3)
        assert points[:, 1].max() < crown + 1.3


@worn.needs_assets
@pytest.mark.parametrize("kind", [k for k in GROWN if k not in ("mop", "fringe bob", "long curls")])
def test_grown_hair_leaves_most_of_the_face_free(kind):
    marks = [30, 33, 48, 51, 54, 57, 37, 40, 43, 46]
    hidden = []
    for k, fit in enumerate(worn.people()[::5]):
        parts = hair(Hair.sample(rng(k), kind=kind), fit, colour=BROWN)
        spots = np.stack([fit.landmark(m) for m in marks])
        hidden.append(np.any([worn.in_front(part, spots) for part in parts], axis=0).mean())
    assert np.mean(hidden) < 0.35


@worn.needs_assets
def test_ribbons_do_not_run_through_the_head():
    body = assets.body()
    for k, fit in enumerate(worn.people()[::7]):
        mesh = ribbons(Cut(top=1.2, side=1.0, back=1.0, weight=0.8, lift=0.2), fit, seed=k)
        middle = fit.joint("head") + np.float32((0, 0.1, 0.3))
        skin = fit.points[np.intersect1d(body.head, body.at[body.region == 0])] - middle
        skin = skin[skin[:, 1] > 0.3]
        length = np.linalg.norm(skin, axis=1)
        out = skin / length[:, None]
        points = mesh.positions[::5] - middle
        points = points[points[:, 1] > 0.4]
        far = np.linalg.norm(points, axis=1)
        nearest = (points / far[:, None] @ out.T).argmax(axis=1)
        assert np.mean(far < length[nearest] - 0.12) < 0.03


@worn.needs_assets
def test_longer_cuts_hang_lower():
    fit = worn.people()[9]
    low = []
    for length in (0.4, 1.2, 2.4):
        cut = Cut(length, length, length, length, weight=0.9, comb="part")
        low.append(np.percentile(ribbons(cut, fit, seed=1).positions[:, 1], 2))
    assert low[0] > low[1] + 0.4 > low[2] + 1.0


@worn.needs_assets
def test_length_stretches_what_hangs_below_the_ears_of_an_asset_style():
    fit = worn.people()[9]
    style = Hair("long01", curl=0.0)
    low = [points_of(hair(replace(style, length=s), fit))[:, 1].min() for s in (0.5, 1.0, 1.5)]
    assert low[0] > low[1] > low[2]


@worn.needs_assets
def test_flipping_a_style_mirrors_it():
    fit = worn.people()[9]
    one, other = (points_of(hair(Hair("short04", flip=f, volume=0), fit)) for f in (False, True))
    middle = fit.joint("head")[0]
    assert np.percentile(one[:, 0] - middle, 90) == pytest.approx(
        -np.percentile(other[:, 0] - middle, 10), abs=0.05
    )


def test_the_hairline_recedes_at_the_temples_first():
    azimuth = np.array([0.0, 0.6, np.pi])
    rise = hairline(azimuth, 0.4) - hairline(azimuth)
    assert rise[1] > rise[0] > 0 and rise[2] == pytest.approx(0, abs=0.01)


@worn.needs_assets
def test_recession_bares_the_forehead():
    fit = worn.people()[15]
    brow = fit.landmark(27)
    for kind in ("crop", "short02"):
        style = Hair.sample(rng(2), kind=kind)
        style = replace(style, flip=False, cut=None if kind == "short02" else style.cut)
        front = []
        for recession in (0.0, 0.7):
            parts = hair(style, fit, recession=recession)
            points = points_of(parts[-1:])
            near = (points[:, 2] > brow[2] - 0.45) & (points[:, 1] > brow[1])
            front.append(near.sum())
        assert front[1] < 0.5 * front[0]


def test_shell_maps_thin_out_and_recede():
    _, dense = shell_map(4, "fine")
    _, thin = shell_map(4, "fine", sparse=0.8)
    _, rim = shell_map(4, "fine", rim=True)
    assert thin.mean() < 0.7 * dense.mean()
    inner = rim[-224:]  # the innermost sheet, seen from above
    assert inner[90:134, 90:134].max() < 0.05 < inner.max()


@pytest.mark.parametrize("texture", ["straight", "wavy", "curly", "coily"])
def test_strands_are_fine_and_end_before_the_ribbon_does(texture):
    light, alpha = strand_map(texture)
    assert light.shape == alpha.shape == (128, 160)
    assert alpha[10:60].mean() > 0.45 and alpha[-1].max() < 0.1
    assert light[alpha > 0.5].std() > 0.1


@worn.needs_assets
@pytest.mark.parametrize("kind", BEARDS)
def test_beards_are_on_the_jaw_and_leave_the_lips_free(kind):
    for mouth_open in (False, True):
        fit = worn.people(20, mouth_open)[12]
        (part,) = beard(Beard.sample(rng(1), kind=kind), fit, colour=BROWN)
        worn.sound([part], 6000)
        high, wide = part.material.alpha.shape
        x = np.clip((part.uv[:, 0] * wide).astype(int), 0, wide - 1)
        y = np.clip(((1 - part.uv[:, 1]) * high).astype(int), 0, high - 1)
        alpha = part.material.alpha[y, x]
        lips = np.mean([fit.landmark(k) for k in (60, 62, 64, 66)], axis=0)
        near = np.linalg.norm(part.positions - lips, axis=1) < 0.1
        assert not near.any() or alpha[near].max() < 0.3
        spot = fit.landmark(33 if kind == "moustache" else 8)
        reach = np.linalg.norm(part.positions - spot, axis=1) < 0.3
        assert alpha[reach].max() > 0.4


def test_styles_fit_the_person_they_are_drawn_for():
    men = [Hair.sample(rng(k), male=0.95).kind for k in range(80)]
    women = [Hair.sample(rng(k), male=0.05).kind for k in range(80)]
    bald = [Hair.sample(rng(k), male=0.95, recession=0.9).kind for k in range(5)]
    african = [Hair.sample(rng(k), male=0.5, ancestry=np.eye(3)[2]).kind for k in range(80)]
    assert sum("long" in kind for kind in women) > 3 * sum("long" in kind for kind in men)
    assert set(bald) == {"rim"} and len(set(men)) > 8 and len(set(women)) > 10
    assert sum(kind in ("afro", "afro01", "short curls", "buzz") for kind in african) > 25


@worn.needs_assets
def test_the_same_seed_gives_the_same_hair():
    fit = worn.people()[4]
    for seed in range(4):
        one, two = (hair(Hair.sample(rng(seed)), fit, colour=BROWN) for _ in range(2))
        assert worn.equal(one, two)


def test_unknown_kinds_are_named():
    assert set(ASSETS) < set(STYLES)
    with pytest.raises(ValueError, match="'mullet'"):
        Hair.sample(rng(), kind="mullet")
    with pytest.raises(ValueError, match="'sideburns'"):
        Beard.sample(rng(), kind="sideburns")
