"""Masks and scarves over the lower face.

A mask is a patch of rays from inside the mouth: it spans the hollows beside the nose and lips and
never dips under the skin, whatever the expression.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from facelab.humans.parts import Fit, Material, Part
from facelab.humans.worn.meshes import Mesh, curve, floats, grid, merge, smooth, tube
from facelab.humans.worn.patterns import cloth, colour, folds, knit
from facelab.humans.worn.surface import Rays, directions, warp

__all__ = ["Mask", "Scarf", "mask", "scarf"]

KINDS = ("surgical", "cloth", "respirator", "bandana")
WEARING = ("over the nose", "below the nose", "under the chin")
_MOUTH = floats((0.0, 6.7, 0.75))  # inside the mouth of the mean person
_ROWS, _COLUMNS = 15, 23


@dataclass(frozen=True, eq=False)
class Mask:
    """What covers the lower face. kind: one of KINDS. worn: one of WEARING. cloth: (h, w, 3)."""

    kind: str
    cloth: np.ndarray
    worn: str = "over the nose"

    @classmethod
    def sample(cls, rng: np.random.Generator, *, kind: str = "", worn: str = "") -> Mask:
        """Sample a mask; "" takes any. Raises ValueError for an unknown kind or way of wearing."""
        kind = kind or str(rng.choice(KINDS, p=(0.5, 0.26, 0.14, 0.1)))
        worn = worn or str(rng.choice(WEARING, p=(0.8, 0.12, 0.08)))
        if kind not in KINDS or worn not in WEARING:
            raise ValueError(
                f"kind is one of {', '.join(KINDS)} and worn one of {', '.join(WEARING)}; "
                f"got {kind!r}, {worn!r}"
            )
        return cls(kind, _map(rng, kind), "over the nose" if kind == "bandana" else worn)


def _map(rng: np.random.Generator, kind: str) -> np.ndarray:
    if kind in ("cloth", "bandana"):
        out = cloth(rng, "" if rng.random() < 0.6 else "plain", size=64)
        return floats(out * folds(rng, (64, 64), 0.12)[..., None])
    if kind == "respirator":
        out = np.full((64, 64, 3), 0.72 if rng.random() < 0.8 else 0.03, np.float32)
        out[:, 31:33] *= 0.85
        out[:4] *= 0.8
        return out
    pool = (
        (0.25, 0.5, 0.62),
        (0.3, 0.55, 0.7),
        (0.72, 0.74, 0.74),
        (0.02, 0.02, 0.022),
        (0.3, 0.55, 0.5),
    )
    base = floats(pool[rng.choice(5, p=(0.4, 0.2, 0.18, 0.14, 0.08))])
    v = np.linspace(0, 1, 64, dtype=np.float32)[:, None, None]
    pleat = 1 - 0.22 * sum(np.exp(-(((v - at) / 0.025) ** 2)) for at in (0.3, 0.48, 0.66))
    edge = 1 - 0.12 * ((v < 0.06) | (v > 0.94))
    out = base * pleat * edge * np.exp(rng.normal(0, 0.02, (64, 64, 1)))
    return np.ascontiguousarray(np.broadcast_to(out, (64, 64, 3)), np.float32)


@functools.cache
def _rays(worn: str, kind: str) -> Rays:
    """Rays (rows, columns) of the patch: an arch around the mouth, from the chin to the nose."""
    across = np.linspace(-1, 1, _COLUMNS)
    top, bottom, side = _edges(worn, kind, across)
    up = np.linspace(0, 1, _ROWS)[:, None]
    return Rays(_MOUTH, directions(across * side, bottom * (1 - up) + top * up), limit=1.6)


def _edges(worn: str, kind: str, across: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Elevations of the upper and lower edge, and the azimuth of the sides, radians."""
    c = 1 - across**2
    side = 1.12
    top = 0.28 + 0.24 * c + 0.1 * np.exp(-((across / 0.16) ** 2))
    bottom = -0.12 - 0.72 * np.sqrt(np.maximum(c, 0))
    if kind == "bandana":
        return top, -0.55 - 0.55 * c, 1.35
    if worn == "below the nose":
        top = 0.05 + 0.1 * c
    elif worn == "under the chin":
        top = 0.02 - 0.36 * np.sqrt(np.maximum(c, 0))
        bottom = -0.2 - 0.95 * np.sqrt(np.maximum(c, 0))
    return top, bottom, side


def mask(params: Mask, fit: Fit) -> list[Part]:
    """Build the mask and its ear loops."""
    rays = _rays(params.worn, params.kind)
    flat = np.linalg.norm(rays.points(fit) - warp(fit, _MOUTH[None])[0], axis=-1)
    radius = np.where(rays.met, flat, np.median(flat))
    skin, _ = rays.skin(fit, radius)
    span = cv2.dilate(radius, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE)
    span = cv2.GaussianBlur(span, (5, 5), 1.6, borderType=cv2.BORDER_REPLICATE)
    middle = np.sin(np.pi * np.linspace(0, 1, _ROWS))[:, None]
    inner = np.sin(np.pi * np.linspace(0, 1, _COLUMNS))[None]
    # The cloth stands off in the middle and lies on the skin at its edges.
    loose = smooth(middle * inner, 0.0, 0.5)
    off = np.maximum(span - radius, 0) * loose + 0.025 + 0.03 * loose
    if params.kind == "respirator":
        ridge = np.exp(-((np.linspace(-1, 1, _COLUMNS) / 0.35) ** 2))[None]
        off = off + 0.16 * ridge * middle**0.7
    points = floats(skin + rays.direction * off[..., None])
    if params.kind == "bandana":
        points = _hang(points)
    sheet = grid(points)
    material = Material(params.cloth, roughness=0.85, gloss=0.1)
    parts = [
        Part("mask", sheet.positions, sheet.triangles, material, sheet.uv, two_sided=True),
    ]
    if params.kind != "bandana":
        loops = _loops(points, fit)
        plain = Material(floats(params.cloth.mean(axis=(0, 1))), roughness=0.8, gloss=0.1)
        parts.append(Part("mask loops", loops.positions, loops.triangles, plain, hides=False))
    return parts


def _hang(points: np.ndarray) -> np.ndarray:
    """Let the lower part of a bandana fall straight down to a point."""
    out = points.copy()
    half = _ROWS // 2
    for row in range(half - 1, -1, -1):
        step = points[row + 1] - points[row]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        fall = floats((0, -1, 0.08)) * length
        out[row] = out[row + 1] + fall
        out[row, :, 0] *= 0.95
    return out


def _loops(points: np.ndarray, fit: Fit) -> Mesh:
    """Run an elastic loop from the two corners of each side around the ear."""
    ears = floats([(0.76, 7.38, 0.56), (0.76, 7.3, 0.38), (0.74, 7.0, 0.36), (0.735, 6.9, 0.48)])
    pieces = []
    for sign, column in ((1, -1), (-1, 0)):
        around = warp(fit, ears * floats((sign, 1, 1)))
        upper, lower = points[-2, column], points[2, column]
        path = curve(np.concatenate([upper[None], around, lower[None]]), 13)
        pieces.append(tube(path, 0.012, sides=4, up=(0.3, 0.2, 1)))
    return merge(pieces)


@dataclass(frozen=True, eq=False)
class Scarf:
    """A scarf around the neck. cloth: (h, w, 3). high: 0 on the collar, 1 up over the mouth. thick:
    1 on average."""

    cloth: np.ndarray
    high: float = 0.2
    thick: float = 1.0

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Scarf:
        """Sample a scarf; one in six is pulled over the mouth."""
        base = knit(rng, colour(rng)) if rng.random() < 0.5 else cloth(rng, size=96)
        base = floats(base * folds(rng, base.shape[:2], 0.4)[..., None])
        high = 1.0 if rng.random() < 0.16 else rng.uniform(0, 0.45)
        return cls(base, float(high), float(rng.uniform(0.8, 1.25)))


def scarf(params: Scarf, fit: Fit) -> list[Part]:
    """Wind the scarf around the neck: a thick uneven ring, and its two ends on the chest."""
    angle = np.linspace(-np.pi, np.pi, 22, endpoint=False)
    lift = 1.1 * params.high
    front = 0.5 + 0.5 * np.cos(angle)
    rows = []
    levels = ((5.75, 0.62), (5.72, 0.8), (5.86, 0.93), (6.05, 0.92), (6.2, 0.82), (6.22, 0.66))
    for k, (y, wide) in enumerate(levels):
        share = k / (len(levels) - 1)
        reach = 0.5 + (wide - 0.5) * params.thick
        wave = 1 + 0.04 * np.sin(5 * angle + k) * np.sin(np.pi * share)
        deep = (reach + (0.75 * front * lift if lift > 0.6 else 0.12 * front)) * wave
        height = y - 0.12 * front * (1 - share) + (lift * share + 0.04 * np.sin(3 * angle)) * 0.9
        rows.append(
            np.stack([reach * np.sin(angle) * wave, height, 0.22 + deep * np.cos(angle)], axis=1)
        )
    ring = grid(np.stack(rows), closed=True)
    ends = []
    for x, long in ((0.16, 1.5), (-0.2, 1.2)):
        t = np.linspace(0, 1, 6)[:, None]
        left = np.concatenate([x - 0.2 + 0 * t, 5.75 - long * t, 0.98 + 0.62 * np.sqrt(t)], axis=1)
        right = left + (0.4, 0, 0)
        bulge = (left + right) / 2 + (0, 0, 0.07)
        ends.append(grid(np.stack([left, bulge, right], axis=1), flip=True))
    mesh = merge([ring, *ends])
    material = Material(params.cloth, roughness=0.9, gloss=0.05)
    positions = warp(fit, mesh.positions)
    hides = params.high > 0.5
    return [Part("scarf", positions, mesh.triangles, material, mesh.uv, "skin", hides, True)]
