"""Beards and moustaches as sheets of hair over the jaw, which move with the mouth."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from facelab.humans.parts import Fit, Material, Part
from facelab.humans.worn.meshes import Mesh, floats, grid, merge, smooth
from facelab.humans.worn.strands import fur_map
from facelab.humans.worn.surface import Rays, directions

__all__ = ["BEARDS", "Beard", "beard"]

BEARDS = {
    "moustache": 0.2,
    "goatee": 0.22,
    "chin strap": 0.1,
    "short": 0.28,
    "full": 0.14,
    "long": 0.06,
}
"""Kinds of beards and how often they are drawn."""
_MOUTH = floats((0.0, 6.7, 0.75))
_ROWS, _COLUMNS = 12, 27
_SIDE = 1.62  # azimuth of the sideburns, radians


@dataclass(frozen=True)
class Beard:
    """What a beard is like. kind: one of BEARDS. length: of hair, decimetres. dense: 0 thin to 1
    thick. seed: of the hairs' places."""

    kind: str = "short"
    length: float = 0.08
    dense: float = 0.8
    seed: int = 0

    @classmethod
    def sample(cls, rng: np.random.Generator, *, kind: str = "") -> Beard:
        """Sample a beard; kind "" takes any. Raises ValueError for an unknown kind."""
        kind = kind or str(rng.choice(list(BEARDS), p=np.array(list(BEARDS.values()))))
        if kind not in BEARDS:
            raise ValueError(f"kind is one of {', '.join(BEARDS)}; got {kind!r}")
        longest = {"full": (0.14, 0.26), "long": (0.4, 0.75), "moustache": (0.05, 0.1)}
        length = float(rng.uniform(*longest.get(kind, (0.04, 0.1))))
        return cls(kind, length, float(rng.uniform(0.55, 1)), int(rng.integers(4)))


def _edges(around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Elevation of the sheets' lower and upper edge, radians, at an azimuth without its sign."""
    at = (0, 0.6, 1.1, 1.62)
    high = np.interp(around, (0, 0.35, 0.8, 1.2, 1.62), (0.14, 0.14, 0.08, 0.2, 0.62))
    return np.interp(around, at, (-1.15, -1.05, -0.75, -0.35)), high


@functools.cache
def _rays() -> tuple[Rays, np.ndarray]:
    """Rays over the lower face (rows, columns), with their elevations."""
    azimuth = np.broadcast_to(np.linspace(-_SIDE, _SIDE, _COLUMNS), (_ROWS, _COLUMNS))
    low, high = _edges(np.abs(azimuth[0]))
    elevation = low + np.linspace(0, 1, _ROWS)[:, None] * (high - low)
    return Rays(_MOUTH, directions(azimuth, elevation), limit=1.5), elevation


@functools.lru_cache(maxsize=64)
def _maps(kind: str, dense: float, seed: int, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Luminance and alpha of all sheets: hair noise where this kind of beard grows."""
    light, alpha = fur_map(layers, sparse=0.5 * (1 - dense), seed=seed)
    v, u = np.mgrid[1:0:64j, 0:1:192j]
    azimuth = (2 * u - 1) * _SIDE
    a = np.abs(azimuth)
    low, high = _edges(a)
    e = low + v * (high - low)
    soft = 0.05
    lips = np.hypot(azimuth / 0.43, (e + 0.14 + 0.05 * np.cos(azimuth * 6)) / 0.155)
    off_lips = smooth(lips, 0.9, 1.15)
    cheek = np.interp(a, (0, 0.3, 0.5, 0.9, 1.25, 1.62), (0.16, 0.14, 0.0, -0.04, 0.12, 0.6))
    below_cheek = smooth(cheek - e, -soft, soft)
    above = 0.105 - 0.2 * a - 0.02 * np.exp(-((a / 0.05) ** 2))
    moustache = (
        smooth(e, -0.16, -0.1) * smooth(0.5 - a, -0.04, 0.06) * smooth(above - e, -0.04, 0.03)
    )
    chin = smooth(0.42 - a, -0.08, 0.06) * smooth(-0.3 - e, -0.03, 0.05)
    ring = smooth(0.55 - a, -0.05, 0.05) * smooth(e + 0.6, -0.1, 0.1)
    jaw = np.interp(a, (0, 0.6, 1.1, 1.62), (-0.62, -0.6, -0.35, 0.1))
    strap = smooth(jaw + 0.1 - e, -soft, soft)
    shape = {
        "moustache": moustache,
        "goatee": np.maximum(np.maximum(moustache, chin), ring * (a > 0.33)),
        "chin strap": np.maximum(strap, 0.5 * chin),
    }.get(kind, np.ones_like(e))
    shape = shape * below_cheek * off_lips * smooth(e - low, 0.0, 0.16)
    shape = shape * smooth(_SIDE - a, 0, 0.08)
    return light, floats(alpha * np.tile(shape, (layers, 1)))


def beard(
    params: Beard, fit: Fit, *, colour: np.ndarray | None = None, age: float = 30.0
) -> list[Part]:
    """Build the beard. colour: (3,) linear, of the person's hair. age: in years, which greys it."""
    rays, elevation = _rays()
    skin, centre = rays.skin(fit, floats(0.9))
    out = skin - centre
    out /= np.linalg.norm(out, axis=-1, keepdims=True)
    layers = 6 if params.kind == "long" else 4
    tint = floats((0.04, 0.03, 0.02)) if colour is None else floats(colour) * 0.8
    grey = float(smooth(age, 40, 75)) * 0.1
    low = smooth(-elevation, 0.25, 0.9)[..., None]  # the chin's hair is longest
    sheets = []
    for k in range(layers):
        level = (k + 0.6) / layers * params.length
        hang = floats((0, -0.9, 0.1)) * low * max(0.0, level - 0.1) * 1.3
        points = skin + out * (0.01 + min(level, 0.16)) * (0.5 + 0.5 * low) + hang
        mesh = grid(points)
        band = floats(mesh.uv * (1, 0.96 / layers) + (0, (k + 0.02) / layers))
        sheets.append(Mesh(mesh.positions, mesh.triangles, band))
    mesh = merge(sheets)
    light, alpha = _maps(params.kind, round(params.dense, 1), params.seed, layers)
    material = Material(tint + floats(grey), alpha, light, roughness=0.8, gloss=0.15)
    return [
        Part("hair beard", mesh.positions, mesh.triangles, material, mesh.uv, "skin", False, True)
    ]
