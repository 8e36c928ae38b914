"""Where things are in the map of the head: face, lips, beard, lids; the lines that age draws."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facelab.humans import assets

WIDTH, HEIGHT = 1024, 548  # of the map at level 0


@dataclass(frozen=True, eq=False)
class Masks:
    """Soft masks (h, w) float32 in [0, 1]; beard: the whole one; goatee: moustache and chin;
    oily: forehead, nose and chin."""

    face: np.ndarray
    lips: np.ndarray
    beard: np.ndarray
    goatee: np.ndarray
    lids: np.ndarray
    cheeks: np.ndarray
    nose: np.ndarray
    chin: np.ndarray
    under_eyes: np.ndarray
    oily: np.ndarray


@functools.cache
def map_landmarks() -> np.ndarray:
    """Places (68, 2) of the face landmarks in the map of level 0, in texels."""
    body = assets.body()
    first: dict[int, int] = {}
    for corner in np.flatnonzero(body.region == 0):
        first.setdefault(int(body.at[corner]), int(corner))
    places = np.full((68, 2), np.nan, np.float32)
    for k, vertex in enumerate(body.anchors):
        if int(vertex) in first:
            places[k] = body.uv[first[int(vertex)]]
    return places * (WIDTH, HEIGHT)


@functools.cache
def _face_width() -> float:
    """Texels of level 0 between the two ends of the jaw; the unit of all that is placed here."""
    places = map_landmarks()
    return float(np.linalg.norm(places[16] - places[0]))


def _off(x: float, y: float) -> np.ndarray:
    """A step (2,) in texels, to the right and down, given in face widths."""
    return np.array((x, y), np.float32) * _face_width()


def _area(points: Sequence[np.ndarray] | np.ndarray, blur: float) -> np.ndarray:
    """A polygon (h, w) of level 0 with soft borders; blur: in face widths."""
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.fillPoly(mask, [np.round(np.array(points)).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), blur * _face_width())


def _dot(middle: np.ndarray, radius: float, flat: float = 1.0) -> np.ndarray:
    """A soft spot (h, w) of level 0; radius: in face widths; flat: its height in widths."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    distance = (x - middle[0]) ** 2 + ((y - middle[1]) / flat) ** 2
    return np.exp(-distance / (radius * _face_width()) ** 2).astype(np.float32)


@functools.cache
def masks(level: int) -> Masks:
    """Make the masks for one level of the map, 0 the largest; every level halves it."""
    if level:
        fine = masks(level - 1)
        halves = {
            name: np.ascontiguousarray(assets.halved(getattr(fine, name)[..., None])[..., 0])
            for name in Masks.__dataclass_fields__
        }
        return Masks(**halves)
    p = map_landmarks()
    lips = _area(p[48:60], 0.006)
    beard, goatee = _beards(lips)
    lids = _area([*p[36:40], *p[20:17:-1]], 0.02) + _area([*p[42:46], *p[25:22:-1]], 0.02)
    above = [p[26] - _off(0, 0.12), p[24] - _off(0, 0.2), p[19] - _off(0, 0.2)]
    above += [p[17] - _off(0, 0.12)]
    between = (p[21] + p[22]) / 2
    bags = sum(
        (_dot((p[a] + p[b]) / 2 + _off(0, 0.035), 0.055, 0.45) for a, b in ((40, 41), (46, 47))),
        np.zeros((HEIGHT, WIDTH), np.float32),
    )
    nose = _dot(p[30], 0.07)
    oily = nose + 0.8 * _dot(between - _off(0, 0.12), 0.17, 0.7)
    oily = oily + 0.5 * _dot(p[8] - _off(0, 0.05), 0.07)
    oily = oily + 0.6 * _dot(p[28], 0.04, 2.0)
    return Masks(
        face=_area([*p[:17], *above], 0.03),
        lips=lips,
        beard=beard,
        goatee=goatee,
        lids=np.clip(lids, 0, 1),
        cheeks=_dot(p[1] * 0.45 + p[31] * 0.55, 0.09) + _dot(p[15] * 0.45 + p[35] * 0.55, 0.09),
        nose=nose,
        chin=_dot(p[8] - _off(0, 0.06), 0.07),
        under_eyes=np.clip(bags, 0, 1),
        oily=np.clip(oily, 0, 1),
    )


def _beards(lips: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where a whole beard grows, and moustache and chin beard only, around the lips (h, w)."""
    p = map_landmarks()
    whole = [
        *p[1:16],
        p[15] * 0.7 + p[54] * 0.3 - _off(0, 0.02),
        p[54] + _off(0.05, -0.02),
        p[33] * 0.6 + p[51] * 0.4,
        p[48] - _off(0.05, 0.02),
        p[1] * 0.7 + p[48] * 0.3 - _off(0, 0.02),
    ]
    small = [
        p[48] - _off(0.04, 0),
        *p[6:11],
        p[54] + _off(0.04, 0),
        p[54] + _off(0.02, -0.05),
        p[33] * 0.55 + p[51] * 0.45,
        p[48] - _off(0.02, 0.05),
    ]
    beard = _area(whole, 0.035) - 1.2 * _area(p[48:60], 0.008)
    return np.clip(beard, 0, 1), np.clip(_area(small, 0.015) - 1.2 * lips, 0, 1)


@functools.cache
def patch(name: str, level: int) -> tuple[tuple[slice, slice], np.ndarray]:
    """The rectangle of a map that a mask covers, and the mask inside it."""
    mask = getattr(masks(level), name)
    x, y, w, h = cv2.boundingRect((mask > 0.01).astype(np.uint8))
    part = (slice(y, y + h), slice(x, x + w))
    return part, np.ascontiguousarray(mask[part])


@functools.lru_cache(maxsize=12)
def lines(seed: int, level: int) -> np.ndarray:
    """Depth (h, w) of a person's lines, 0 to about 1: forehead, frown, crow's feet, smile folds.

    seed: of the person. Which of them are strong is the person's own, and stays.
    """
    if level:
        return np.ascontiguousarray(assets.halved(lines(seed, level - 1)[..., None])[..., 0])
    rng = np.random.default_rng((seed, 4))
    p = map_landmarks()
    out = np.zeros((HEIGHT, WIDTH), np.float32)

    def shake(amount: float = 0.01) -> np.ndarray:
        return rng.normal(0, amount, 2).astype(np.float32) * _face_width()

    forehead, frown, feet, folds = rng.uniform(0.3, 1.0, 4)
    brows = np.stack((p[17:22].mean(axis=0), p[22:27].mean(axis=0)))
    for k in range(int(rng.integers(2, 5))):
        rise = _off(0, -0.07 - 0.045 * k)
        sag = _off(0, 0.012)
        middle = brows.mean(axis=0) + sag
        row = [brows[0] - _off(0.1, 0), brows[0], middle, brows[1], brows[1] + _off(0.1, 0)]
        _draw(out, [q + rise + shake(0.006) for q in row], forehead * rng.uniform(0.4, 1), 2.2)
    for side, eye, nostril, mouth in ((-1, 36, 31, 48), (1, 45, 35, 54)):
        inner = p[21 if side < 0 else 22]
        start = inner + _off(-0.012 * side, 0.01)
        _draw(out, [start + shake(), start - _off(0, 0.06) + shake()], frown * 0.9, 2.0)
        for k in range(3):
            corner = p[eye] + _off(0.035 * side, 0.008)
            reach = _off(0.075 * side, 0.035 * (k - 1) + 0.005)
            _draw(
                out,
                [corner + _off(0.01 * side, 0.014 * (k - 1)), corner + reach + shake()],
                feet,
                1.6,
            )
        wing = p[nostril] + _off(0.022 * side, -0.03)
        bend = (p[nostril] + p[mouth]) / 2 + _off(0.055 * side, -0.01)
        end = p[mouth] + _off(0.045 * side, 0.01)
        _draw(out, [wing, bend + shake(0.008), end + shake(0.008)], 0.6 + 0.4 * folds, 3.2)
        low = p[mouth] + _off(0.02 * side, 0.02)
        _draw(out, [low, low + _off(0.02 * side, 0.07) + shake(0.006)], folds * 0.6, 2.6)
        lids = (39, 40, 41) if side < 0 else (42, 47, 46)
        under = [p[k] + _off(0, 0.03 + 0.006 * (k in (40, 47))) for k in lids]
        _draw(out, [q + shake(0.003) for q in under], 0.5, 2.2)
    return out


def _draw(out: np.ndarray, points: list[np.ndarray], strength: float, thick: float) -> None:
    """Lay a soft curve through the points (2,), fading at its ends, into out (h, w), in place.

    strength: depth at its deepest. thick: half width in texels.
    """
    knots = np.array(points, np.float32)
    t = np.linspace(0, len(knots) - 1, 40)
    xs = np.interp(t, np.arange(len(knots)), knots[:, 0])
    ys = np.interp(t, np.arange(len(knots)), knots[:, 1])
    path = np.stack((xs, ys), axis=1)
    path[1:-1] = (path[:-2] + 2 * path[1:-1] + path[2:]) / 4
    reach = math.ceil(4 * thick)
    low = np.clip(np.floor(path.min(axis=0)).astype(int) - reach, 0, (WIDTH, HEIGHT))
    high = np.clip(np.ceil(path.max(axis=0)).astype(int) + reach, low + 1, (WIDTH, HEIGHT))
    layer = np.zeros((high - low)[::-1], np.float32)
    fade = np.sin(np.linspace(0.15, np.pi - 0.15, len(path) - 1))
    places = ((path - low) * 16).astype(int).tolist()
    for start, end, ink in zip(places, places[1:], fade.tolist(), strict=False):
        cv2.line(layer, start, end, ink, 1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(layer, (0, 0), thick)
    here = out[low[1] : high[1], low[0] : high[0]]
    np.maximum(here, soft * (strength / (float(soft.max()) + 1e-6)), out=here)
