"""What the tests of worn things share: people, and measures of meshes."""

import functools

import numpy as np
import pytest

from facelab.humans import assets
from facelab.humans.parts import Fit, Part
from facelab.humans.person.people import Human

needs_assets = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)
OPEN_MOUTH = {"mouth-open": 0.7}


@functools.cache
def human(seed: int) -> Human:
    return Human.sample(np.random.default_rng(seed))


@functools.cache
def people(count: int = 20, mouth_open: bool = False) -> list[Fit]:
    """Different people of different ages."""
    ages = np.linspace(8, 80, count)
    expression = OPEN_MOUTH if mouth_open else None
    return [human(k).fit(float(age), expression=expression) for k, age in enumerate(ages)]


def volume(part: Part) -> float:
    """Volume of a closed mesh; positive when its front faces look out."""
    a, b, c = (part.positions[part.triangles[:, k]].astype(float) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def crossings(part: Part, origin: np.ndarray, direction: tuple[float, float, float]) -> np.ndarray:
    """Distances at which a ray from a point meets a part's triangles."""
    d = np.asarray(direction, float)
    a, b, c = (part.positions[part.triangles[:, k]].astype(float) for k in range(3))
    e, f, o = b - a, c - a, origin - a
    p = np.cross(d, f)
    det = (e * p).sum(axis=1)
    det = np.where(np.abs(det) < 1e-12, 1e-12, det)
    u = (o * p).sum(axis=1) / det
    q = np.cross(o, e)
    v, s = (d * q).sum(axis=1) / det, (f * q).sum(axis=1) / det
    return s[(u >= 0) & (v >= 0) & (u + v <= 1)]


def in_front(part: Part, points: np.ndarray) -> np.ndarray:
    """Say for each point (N, 3) whether the part lies before it, seen from the front."""
    return np.array([(crossings(part, point, (0, 0, 1)) > 0).any() for point in points])


def equal(first: list[Part], second: list[Part]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a.positions, b.positions)
        and np.array_equal(a.triangles, b.triangles)
        and np.array_equal(a.material.colour, b.material.colour)
        for a, b in zip(first, second, strict=True)
    )


def sound(parts: list[Part], at_most: int) -> None:
    """Check what every list of parts keeps to."""
    assert sum(len(part.triangles) for part in parts) <= at_most
    for part in parts:
        assert part.positions.dtype == np.float32 and np.isfinite(part.positions).all()
        assert part.triangles.min(initial=0) >= 0
        assert part.triangles.max(initial=0) < len(part.positions)
        colour = part.material.colour
        assert colour.min() >= 0 and colour.max() <= 1.0
        if part.uv is not None:
            assert part.uv.shape == (len(part.positions), 2)
            assert part.uv.min() > -0.01 and part.uv.max() < 1.01
