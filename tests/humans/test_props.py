"""Cut-outs without faces."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="rendering needs facelab[render]")

from facelab.humans.worn.props import KINDS, render_props
from tests.humans import worn

pytestmark = worn.needs_assets


@pytest.mark.parametrize("kind", KINDS)
def test_cut_outs_are_trimmed_and_neither_empty_nor_full(kind):
    for prop in render_props(np.random.default_rng(5), 3, kinds=(kind,), size=64):
        alpha = prop.rgba[..., 3]
        assert prop.kind == kind and prop.rgba.dtype == np.uint8
        assert 6 <= min(alpha.shape) and max(alpha.shape) <= 64
        assert 0.08 < (alpha > 128).mean()
        assert all(edge.max() > 8 for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))


def test_bare_hands_are_skin_coloured():
    seen = 0
    for prop in render_props(np.random.default_rng(2), 8, kinds=("hand",), size=48):
        solid = prop.rgba[prop.rgba[..., 3] > 250][:, :3].astype(float)
        red, green, blue = np.median(solid, axis=0)
        seen += red > green > 0.8 * blue
    assert seen >= 5


def test_headless_bodies_have_no_head():
    for prop in render_props(np.random.default_rng(1), 4, kinds=("body",), size=96):
        alpha = prop.rgba[..., 3] > 128
        # A head would be narrow rows on top of a wide body; what is left starts at the neck.
        width = alpha.sum(axis=1)
        assert width[max(2, len(width) // 5)] > 0.25 * width.max()


def test_the_same_seed_gives_the_same_cut_outs():
    one, two = (render_props(np.random.default_rng(9), 4, size=48) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert a.kind == b.kind
        np.testing.assert_array_equal(a.rgba, b.rgba)


def test_none_are_made_when_none_are_asked_for():
    assert render_props(np.random.default_rng(0), 0) == []


def test_unknown_kinds_and_tiny_sizes_are_refused():
    with pytest.raises(ValueError, match="mannequin"):
        render_props(np.random.default_rng(0), 1, kinds=("mannequin",))
    with pytest.raises(ValueError, match="size"):
        render_props(np.random.default_rng(0), 1, size=4)
