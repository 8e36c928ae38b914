"""Maps for cloth: plain, striped, checked, flowered, dotted, camouflage, lettering, knitted.

All maps are (h, w, 3) float32 linear reflectance, made from a generator alone.
"""

from __future__ import annotations

import string

import cv2
import numpy as np

from facelab.humans.worn.meshes import floats

__all__ = ["KINDS", "cloth", "colour", "folds", "knit", "print_on", "skin_colour"]

KINDS = ("plain", "stripes", "bands", "checks", "flowers", "dots", "camouflage", "blocks", "noise")
_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)


def colour(rng: np.random.Generator, *, vivid: float = 0.4) -> np.ndarray:
    """Sample a cloth colour (3,): often dark, white, grey or blue, with chance `vivid` any hue."""
    if rng.random() < vivid:
        hue, depth = rng.random(), rng.uniform(0.3, 1)
        wheel = 0.5 + 0.5 * np.cos(2 * np.pi * (hue + np.array((0, 1 / 3, 2 / 3))))
        return floats(rng.uniform(0.08, 0.75) * (1 - depth + depth * wheel**1.5))
    choices = ((0.015,) * 3, (0.78,) * 3, (0.2, 0.2, 0.21), (0.02, 0.03, 0.08), (0.06, 0.11, 0.25))
    more = ((0.5, 0.44, 0.34), (0.12, 0.07, 0.04), (0.3, 0.02, 0.03), (0.07, 0.1, 0.05))
    pick = (choices + more)[rng.integers(9)]
    return floats(np.clip(np.array(pick) * np.exp(rng.normal(0, 0.15, 3)), 0.01, 0.85))


def skin_colour(rng: np.random.Generator) -> np.ndarray:
    """Sample a skin colour (3,), from light to dark, for limbs that belong to nobody."""
    light, dark = np.array((0.68, 0.42, 0.31)), np.array((0.13, 0.07, 0.045))
    t = rng.beta(1.1, 1.3)
    return floats(light ** (1 - t) * dark**t * np.exp(rng.normal(0, 0.06, 3)))


def cloth(
    rng: np.random.Generator, kind: str = "", *, size: int = 160, scale: float = 1.0
) -> np.ndarray:
    """Make a cloth map (size, size, 3). kind: one of KINDS, or "" for any. scale: of the pattern.

    Raises ValueError for an unknown kind.
    """
    if not kind:
        kind = str(rng.choice(KINDS, p=(0.34, 0.15, 0.08, 0.14, 0.09, 0.06, 0.04, 0.05, 0.05)))
    if kind not in KINDS:
        raise ValueError(f"kind is one of {', '.join(KINDS)}; got {kind!r}")
    first, second, third = colour(rng), colour(rng, vivid=0.6), colour(rng, vivid=0.6)
    if abs(float(np.log(first.mean() / second.mean()))) < 0.7:  # the pattern has to show
        second = floats(np.clip(second * (3 if first.mean() < 0.2 else 0.25), 0.01, 0.85))
    v, u = np.mgrid[:size, :size].astype(np.float32) / size
    n = float(rng.uniform(7, 26)) / scale
    if kind in ("stripes", "bands"):
        if kind == "bands":
            phase = v * (n / 4)
        else:
            phase = (v if rng.random() < 0.6 else u) * n
        mask = ((phase % 1) < rng.uniform(0.15, 0.6)).astype(np.float32)
    elif kind == "checks":
        width = rng.uniform(0.2, 0.5)
        across = ((u * n * 0.7) % 1 < width).astype(np.float32)
        down = ((v * n * 0.7) % 1 < width).astype(np.float32)
        mask = 0.5 * across + 0.5 * down
    elif kind == "dots":
        rows = np.floor(v * n)
        x, y = (u * n + 0.5 * (rows % 2)) % 1 - 0.5, (v * n) % 1 - 0.5
        mask = (x * x + y * y < rng.uniform(0.04, 0.12)).astype(np.float32)
    elif kind == "camouflage":
        field = _noise(rng, size, 9)
        mask = (field > 0.35).astype(np.float32)
        base = np.where((_noise(rng, size, 7) > 0.2)[..., None], third, first)
        return _threads(rng, base * (1 - mask[..., None]) + second * mask[..., None])
    elif kind == "flowers":
        return _threads(rng, _flowers(rng, size, first, second, third, scale))
    elif kind == "blocks":
        edge = rng.uniform(0.35, 0.7)
        mask = (v > edge).astype(np.float32)
    elif kind == "noise":
        mask = np.clip(0.5 + 0.5 * _noise(rng, size, 12), 0, 1)
    else:
        mask = np.zeros_like(u)
    return _threads(rng, first * (1 - mask[..., None]) + second * mask[..., None])


def knit(
    rng: np.random.Generator, base: np.ndarray, *, size: int = 96, ribs: int = 40
) -> np.ndarray:
    """Make a knitted map: ribs that run up, with stitches, and sometimes a broad band."""
    v, u = np.mgrid[:size, :size].astype(np.float32) / size
    shade = 0.75 + 0.25 * np.abs(np.sin(np.pi * ribs * u)) + 0.08 * np.sin(2 * np.pi * 30 * v)
    out = floats(base) * shade[..., None]
    if rng.random() < 0.3:
        band = np.abs(v - rng.uniform(0.3, 0.8)) < rng.uniform(0.05, 0.2)
        out[band] = colour(rng, vivid=0.7) * shade[band][:, None]
    return floats(out)


def folds(rng: np.random.Generator, shape: tuple[int, int], strength: float = 0.25) -> np.ndarray:
    """Make a field (h, w) around 1 that darkens a cloth where folds would lie."""
    h, w = shape
    field = cv2.resize(_noise(rng, 64, 5), (w, h), interpolation=cv2.INTER_CUBIC)
    ridge = 1 - np.abs(field)  # creases are narrow lines, not blobs
    return floats(np.exp(strength * (np.clip(ridge, -1, 1) - 0.4)))


def print_on(
    rng: np.random.Generator, cloth_map: np.ndarray, *, centre: tuple[float, float], width: float
) -> None:
    """Print lettering, a number or a badge on a map, in place.

    centre: (u, v), v from the bottom; width: share of the map's width.
    """
    h, w = cloth_map.shape[:2]
    ink = [float(x) for x in colour(rng, vivid=0.7)]
    if abs(np.mean(ink) - float(cloth_map.mean())) < 0.15:
        ink = [0.8, 0.8, 0.78] if cloth_map.mean() < 0.25 else [0.02, 0.02, 0.03]
    x, y = centre[0] * w, (1 - centre[1]) * h
    style = rng.integers(4)
    if style == 0:  # a badge
        radius = max(2, int(width * w / 2))
        cv2.circle(cloth_map, (int(x), int(y)), radius, ink, -1, cv2.LINE_AA)
        inner = [float(v) for v in colour(rng, vivid=0.8)]
        cv2.circle(cloth_map, (int(x), int(y)), radius // 2, inner, -1, cv2.LINE_AA)
        return
    pool = string.digits if style == 1 else string.ascii_uppercase
    length = int(rng.integers(1, 3) if style == 1 else rng.integers(3, 8))
    lines = int(rng.integers(1, 3)) if style == 3 else 1
    for line in range(lines):
        word = "".join(rng.choice(list(pool), length))
        font, thick = _FONTS[rng.integers(len(_FONTS))], int(rng.integers(1, 4))
        (tw, th), _ = cv2.getTextSize(word, font, 1.0, thick)
        size = width * w / max(tw, 1)
        at = (int(x - size * tw / 2), int(y + size * th * (0.5 + 1.4 * line)))
        mask = np.zeros((h, w), np.uint8)
        cv2.putText(mask, word, at, font, size, 255, thick, cv2.LINE_AA)
        share = floats(mask)[..., None] / 255
        cloth_map[:] = cloth_map * (1 - share) + floats(ink) * share


def _flowers(
    rng: np.random.Generator,
    size: int,
    ground: np.ndarray,
    petal: np.ndarray,
    leaf: np.ndarray,
    scale: float,
) -> np.ndarray:
    out = np.empty((size, size, 3), np.float32)
    out[:] = ground
    for _ in range(int(rng.integers(30, 90))):
        x, y = rng.integers(0, size, 2)
        r = float(rng.uniform(0.012, 0.035) * size * scale)
        turn = rng.uniform(0, 2 * np.pi)
        for k in range(5):
            a = turn + 2 * np.pi * k / 5
            at = (int(x + r * np.cos(a)), int(y + r * np.sin(a)))
            c = petal if rng.random() < 0.85 else leaf
            cv2.circle(out, at, max(1, int(r * 0.7)), [float(v) for v in c], -1, cv2.LINE_AA)
        cv2.circle(out, (int(x), int(y)), max(1, int(r * 0.5)), [0.6, 0.4, 0.05], -1, cv2.LINE_AA)
    return out


def _threads(rng: np.random.Generator, cloth_map: np.ndarray) -> np.ndarray:
    """Add the small unevenness that every cloth has."""
    h, w = cloth_map.shape[:2]
    grain = np.exp(rng.normal(0, 0.05, (h, w, 1)).astype(np.float32))
    return np.ascontiguousarray(np.clip(cloth_map * grain, 0.004, 0.9), np.float32)


def _noise(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Smooth random field (size, size) with about unit deviation."""
    out = np.zeros((size, size), np.float32)
    for octave in (1, 2):
        coarse = rng.standard_normal((cells * octave, cells * octave)).astype(np.float32)
        out += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) / octave
    return out
