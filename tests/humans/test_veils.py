"""Hair and glass over a picture: rows of triangles, and light that turns to the camera."""

import numpy as np
import pytest

from facelab.humans.person.lights import plain_light
from facelab.humans.rendering.veils import facing, light_glass, light_strand, row_span

NO_SHADOW = np.zeros((4, 4), np.float32)
TO_LIGHT = np.zeros((3, 4), np.float32)
TO_LIGHT[2, 3] = 20


@pytest.mark.parametrize("seed", range(5))
def test_a_span_keeps_every_sample_of_a_triangle(seed):
    rng = np.random.default_rng(seed)
    for _ in range(200):
        u, v, du, dv = (np.float32(x) for x in rng.normal(0, (1, 1, 0.1, 0.1)))
        step = np.arange(1, 42, dtype=np.float32)  # weights are those after the step
        inside = (u + du * step >= 0) & (v + dv * step >= 0) & (u + du * step + v + dv * step <= 1)
        kept = np.flatnonzero(inside)
        first, last = row_span(u, du, v, dv, 40)
        if len(kept):
            assert first <= kept.min() and kept.max() <= last
        assert 0 <= first and last <= 40


def test_a_normal_that_points_away_is_turned_to_the_camera():
    frame, point = np.zeros(6, np.float32), np.zeros(3, np.float32)
    away, camera = np.array((0, 0, -2), np.float32), np.array((0, 0, 5), np.float32)
    assert facing(point, away, camera, frame) == pytest.approx(1)
    np.testing.assert_allclose(frame, (0, 0, 1, 0, 0, 1), atol=1e-6)


def lit(seen: float) -> np.ndarray:
    """Light on a strand that faces the lamp, with the key light open (1) or shadowed (0)."""
    light, glow = plain_light(), np.zeros(7, np.float32)
    shadow = np.full((4, 4), 0 if seen else 99, np.float32)
    ahead = light.lamps[0, :3].copy()
    light_strand(
        np.zeros(3, np.float32), ahead, np.array((0, 0, 9), np.float32), light.lamps,
        light.ambient, shadow, TO_LIGHT, 0.5, np.zeros(6, np.float32), glow,
    )  # fmt: skip
    return glow


def test_a_shadow_dims_hair_and_marks_it_as_lit():
    open_, shadowed = lit(1), lit(0)
    assert (open_[:3] > 1.15 * shadowed[:3]).all()
    assert open_[6] == shadowed[6] == 1


def test_glass_mirrors_more_at_a_grazing_angle():
    light, found = plain_light(), []
    for normal in ((0, 0, 1), (0.98, 0, 0.2)):
        out = np.zeros(3, np.float32)
        light_glass(
            np.zeros(3, np.float32), np.array(normal, np.float32), np.zeros(3, np.float32), 1.0,
            0.5, np.array((0, 0, 9), np.float32), light.lamps, light.ambient, NO_SHADOW,
            TO_LIGHT, 1.0, np.zeros(6, np.float32), out,
        )  # fmt: skip
        found.append(out.mean())
    assert found[1] > 2 * found[0]
