"""The skin of the head as a map: colour, bumps, roughness and gloss; what is painted on it.

A map is float32 (h, w, 7): linear reflectance (3), gradient of the height to the right and down,
roughness, gloss. The gradient counts in map widths, so that it does not depend on the level. Level
0 is 1024 x 548; every level halves it, and small pictures use, and make, small maps only.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from facelab.humans import assets
from facelab.humans.person import ageing
from facelab.humans.person.facemap import Masks, lines, masks, patch
from facelab.humans.person.looks import Look
from facelab.humans.person.people import Human
from facelab.humans.rendering.posing import vector

IRISES = ((0.705, 0.296), (0.293, 0.704))
"""Middles of the two irises in the maps of the eyes, in map widths and heights."""


def skin_map(human: Human, age: float, look: Look, level: int = 0) -> np.ndarray:
    """Make the map (h, w, 7) of a person at an age with a look. level: 0 to 3."""
    bare = bare_skin(human, max(1, 3 * round(age / 3)), level)  # so that a few maps serve a life
    out = bare.copy()
    if look.tan > 0.02:
        for channel, kept in enumerate(look.tone(human) / human.tone):
            out[..., channel] *= kept
    _makeup(out, level, human, look, age)
    if look.stubble > 0.02 and age > 15:
        _stubble(out, human, age, look, level)
    return out


@functools.lru_cache(maxsize=12)
def bare_skin(human: Human, age: int, level: int) -> np.ndarray:
    """Make the map (h, w, 7) of a person's skin without tan, make-up or beard; kept."""
    state = ageing.skin_age(age)
    where = masks(level)
    h, w = where.face.shape
    blotch, redness, yellow, patches = _uneven(human, level)
    redness = redness * (0.035 * (1 + 0.5 * state.old))
    log = _grain(human, state, level)  # (3, h, w) log reflectance, relative
    red, green, blue = log
    red += blotch * 0.8
    green += blotch - redness
    blue += blotch - redness * 0.8 - yellow
    warm = 0.19 * where.cheeks + 0.12 * where.nose + 0.07 * where.chin
    warm = warm * (0.7 + 0.6 * state.teen + 0.5 * state.old)
    green -= warm
    blue -= warm * 0.8
    _darken(log, where.under_eyes * (0.18 * state.eyes + 0.06), (0.8, 1.1, 0.85))
    _darken(log, where.lips, (0.14, 0.50, 0.36), 1 - 0.45 * state.old)
    _marks(log, where, human, state)
    groove = lines(human.seed, level)  # (h, w) depth of the lines, 1 at the deepest
    depth = state.wrinkles * human.wrinkles
    _darken(log, groove * depth, (0.16, 0.24, 0.26))
    out = np.empty((h, w, 7), np.float32)
    for channel, tone in enumerate(human.tone):
        out[..., channel] = np.clip(np.exp(log[channel]) * tone, 0.004, 0.9)
    fine = (red + green + blue) / np.float32(3)
    fine = fine - cv2.GaussianBlur(fine, (0, 0), max(7 / 2**level, 0.8))
    relief = 0.22 + 0.2 * human.pores + 0.3 * state.wrinkles
    bare = 0.25 + 0.75 * where.face  # cropped hair on the skull is paint, not relief
    height = np.clip(fine, -0.4, 0.4) * relief * bare * (1 - 0.6 * where.lips)
    height = height - groove * depth * 0.55
    step = w / 8  # Sobel's weights sum to 8
    out[..., 3] = cv2.Sobel(height, cv2.CV_32F, 1, 0) * step
    out[..., 4] = cv2.Sobel(height, cv2.CV_32F, 0, 1) * step
    oily = human.oil * where.oily
    out[..., 5] = np.clip(0.60 - 0.11 * oily - 0.10 * where.lips + patches, 0.3, 0.8)
    out[..., 6] = (0.6 + 0.3 * oily + 0.25 * where.lips - 0.2 * state.plain) * bare
    return out


@functools.lru_cache(maxsize=4)
def _uneven(human: Human, level: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fields (h, w) of a person's blotches, redness, yellowness and dull patches; kept, as they
    stay at all ages."""
    rng = np.random.default_rng((human.seed, 2))
    shape = masks(level).face.shape
    blotch = noise(rng, shape, 5) * 0.035
    redness = noise(rng, shape, 9)
    yellow = noise(rng, shape, 4) * 0.03
    return blotch, redness, yellow, noise(rng, shape, 12) * 0.035


def _darken(
    log: np.ndarray, mask: np.ndarray, taken: tuple[float, float, float], share: float = 1.0
) -> None:
    """Take from the log reflectance (3, h, w) where a mask (h, w) says, in place."""
    for channel, amount in zip(log, taken, strict=True):
        channel -= mask * np.float32(amount) * share


def _grain(human: Human, state: ageing.SkinAge, level: int) -> np.ndarray:
    """Blend the textures of three ages, all brought to the same mean, as log reflectance.

    Returns (3, h, w): apart, the channels are several times faster to work on.
    """
    shares = (
        (1 - state.middle) * (1 - state.old),
        state.middle * (1 - state.old),
        state.old,
    )
    layers = [
        _relative(name, level) * share
        for name, share in zip(human.skins, shares, strict=True)
        if share >= 0.01
    ]
    return sum(layers[1:], layers[0]) * (1 - 0.3 * state.plain)


@functools.lru_cache(maxsize=64)
def _relative(name: str, level: int) -> np.ndarray:
    """Log (3, h, w) of a texture over its median on the cheeks; dark ones with their doubtful hues
    calmed."""
    values = assets.texture(f"skins/{name}.jpg", level)
    h, w = values.shape[:2]
    middle = values[int(0.45 * h) : int(0.75 * h), int(0.4 * w) : int(0.6 * w)].reshape(-1, 3)
    log = np.log(np.maximum(values, 0.01)) - np.log(np.median(middle, axis=0))
    dark = "dark" in name
    own = 0.35 if dark else 0.85
    log = own * log + (1 - own) * log.mean(axis=2, keepdims=True)
    relative = log * (0.55 if dark else 0.9)
    return np.ascontiguousarray(relative.transpose(2, 0, 1), np.float32)


def noise(
    rng: np.random.Generator, shape: tuple[int, int], cells: int, octaves: int = 3
) -> np.ndarray:
    """Smooth random field (h, w) of unit deviation, the same at every level of a map."""
    h, w = shape
    out: np.ndarray = np.zeros(shape, np.float32)
    for octave in range(octaves):
        count = cells * 2**octave
        grid = rng.standard_normal((max(2, count * h // w + 1), count + 1)).astype(np.float32)
        out = out + cv2.resize(grid, (w, h), interpolation=cv2.INTER_CUBIC) / 1.6**octave
    return out / (float(out.std()) + 1e-6)


def _marks(log: np.ndarray, where: Masks, human: Human, state: ageing.SkinAge) -> None:
    """Paint moles, freckles, age spots and blemishes, in place."""
    h, w = where.face.shape
    scale = w / 1024
    kinds = (
        (human.moles, 1.0, 2.4, 0.75, 0.0),
        (int(650 * human.freckles * (1 - 0.4 * state.old)), 0.6, 1.6, 0.28, 0.0),
        (int((4 + human.seed % 23) * state.spots), 1.5, 4.5, 0.24, 0.0),
        (int((human.seed % 19) * state.teen), 1.2, 2.6, 0.1, 0.6),
    )
    dark, red = np.zeros((h, w), np.float32), np.zeros((h, w), np.float32)
    for number, (count, low, high, strength, redness) in enumerate(kinds):
        rng = np.random.default_rng((human.seed, 3, number))
        for _ in range(count):
            x, y = rng.uniform(0.2, 0.8) * w, rng.uniform(0.3, 1.0) * h
            radius, amount = rng.uniform(low, high) * scale, strength * rng.uniform(0.4, 1)
            ink = amount * min(1.0, (radius / 0.6) ** 2)  # smaller than a texel: paler instead
            place, size = (int(x * 16), int(y * 16)), int(max(radius, 0.6) * 16)
            layer = red if redness else dark
            cv2.circle(layer, place, size, float(ink), -1, cv2.LINE_AA, 4)
    on_face = np.clip(where.face + 0.1, 0, 1)
    brown = cv2.GaussianBlur(dark, (0, 0), max(0.9 * scale, 0.4)) * on_face
    pink = cv2.GaussianBlur(red, (0, 0), max(1.2 * scale, 0.4)) * on_face
    _darken(log, brown, (0.9, 1.25, 1.5))
    _darken(log, pink, (0.5, 3.0, 2.2))


def _makeup(out: np.ndarray, level: int, human: Human, look: Look, age: float) -> None:
    """Paint lips, lids and cheeks, in place."""
    makeup = look.makeup
    if age <= 12:
        return
    bright = np.float32(0.5 + 1.4 * human.tone.mean())
    if makeup.lip_strength > 0:
        part, mask = patch("lips", level)
        lips = mask * makeup.lip_strength
        colour = out[part][..., :3]
        colour += lips[..., None] * (makeup.lips * bright - colour)
        out[part][..., 5] -= lips * 0.08
    if makeup.lid_strength > 0:
        part, mask = patch("lids", level)
        lids = (mask * makeup.lid_strength)[..., None]
        out[part][..., :3] *= 1 - lids * vector(0.5, 0.58, 0.55)
    if makeup.blush > 0:
        part, mask = patch("cheeks", level)
        blush = (mask * (0.22 * makeup.blush))[..., None]
        out[part][..., :3] *= np.exp(-blush * vector(0.1, 1.0, 0.8))


def _stubble(out: np.ndarray, human: Human, age: float, look: Look, level: int) -> None:
    """Paint a beard of short hairs over the skin, in place."""
    part, area = patch("beard" if look.stubble_area > 0.35 else "goatee", level)
    growth = look.stubble
    hairs = _hairs(out.shape[:2], level)[part]
    share = np.clip(area * (growth * 0.75 * hairs + 0.3 * growth), 0, 0.93)
    hair = human.hair_at(age) * 0.75
    skin = out[part]
    skin[..., :3] += share[..., None] * (hair - skin[..., :3])
    skin[..., 5] += share * 0.12
    skin[..., 6] *= 1 - 0.6 * share


@functools.cache
def _hairs(shape: tuple[int, ...], level: int) -> np.ndarray:
    rng = np.random.default_rng(level)
    fine = rng.standard_normal(shape).astype(np.float32)
    fine = np.abs(cv2.GaussianBlur(fine, (0, 0), sigmaX=0.6, sigmaY=1.3))
    contrast = 0.6 / 2**level  # hairs merge in small maps
    return np.clip(1 - contrast + fine / fine.mean() * contrast - 0.1, 0, 1.6).astype(np.float32)


@functools.cache
def pore_tile(size: int = 128) -> np.ndarray:
    """Fine skin that repeats: (size, size, 3) gradient to the right and down, and roughness."""
    rng = np.random.default_rng(7)
    height = np.zeros((size, size), np.float32)
    for _ in range(2600):  # small pits, of all sizes
        x, y = rng.integers(0, size, 2)
        radius = rng.uniform(0.5, 1.5)
        deep = rng.uniform(0.3, 1.0)
        for dx in (-size, 0, size):
            for dy in (-size, 0, size):
                place = (int((x + dx) * 16), int((y + dy) * 16))
                cv2.circle(height, place, int(radius * 16), -float(deep), -1, cv2.LINE_AA, 4)
    wrapped = cv2.copyMakeBorder(height, 8, 8, 8, 8, cv2.BORDER_WRAP)
    wrapped = cv2.GaussianBlur(wrapped, (0, 0), 0.8)
    gx = cv2.Sobel(wrapped, cv2.CV_32F, 1, 0)[8:-8, 8:-8]
    gy = cv2.Sobel(wrapped, cv2.CV_32F, 0, 1)[8:-8, 8:-8]
    rough = wrapped[8:-8, 8:-8] - wrapped.mean()
    return np.ascontiguousarray(np.stack((gx * size / 8, gy * size / 8, -rough), 2), np.float32)


@functools.lru_cache(maxsize=64)
def eye_map(name: str, level: int = 0) -> np.ndarray:
    """Map of an eye (h, w, 3), linear; the asset's colours are too vivid and are calmed."""
    values = assets.texture(f"eyes/{name}.jpg", level)
    grey = values.mean(axis=2, keepdims=True)
    if name.startswith("brown"):
        calm = 0.4 * values + 0.6 * grey * vector(1.45, 0.9, 0.55)
        values = np.where(values[..., :1] > 1.6 * values[..., 1:2], calm, values)
    else:
        y, x = (np.mgrid[: len(values), : len(values)] + 0.5) / len(values)
        away = np.min([np.hypot(x - u, y - v) for u, v in IRISES], axis=0)[..., None]
        iris = np.clip((0.125 - away) / 0.02, 0, 1)
        rim = np.exp(-(((away - 0.112) / 0.012) ** 2))
        values = (grey + 0.5 * (values - grey)) * (1 - 0.35 * iris) * (1 - 0.45 * rim)
    return np.ascontiguousarray(np.clip(values * 1.2, 0, 0.8), np.float32)


@functools.lru_cache(maxsize=8)
def teeth_map(level: int = 0) -> np.ndarray:
    """Map of the teeth (h, w, 3), linear, whiter and more even than the asset's."""
    values = assets.texture("teeth.jpg", level)
    grey = values.mean(axis=2, keepdims=True)
    gum = np.clip((values[..., :1] - 1.35 * values[..., 1:2]) / 0.04, 0, 1)
    tooth = (0.42 + 0.45 * grey) * vector(1.04, 1.0, 0.90)
    red = 0.55 * values + 0.45 * vector(0.30, 0.085, 0.08)
    return np.ascontiguousarray(np.clip(tooth + gum * (red - tooth), 0, 0.85), np.float32)


def lightness(tone: np.ndarray) -> float:
    """Individual typology angle in degrees: over 55 very light, below -30 dark.

    tone: (3,) linear reflectance. ITA = atan((L* - 50) / b*) of the CIE L*a*b* colour under D65.
    Source: Chardon et al., 1991.
    """
    light = np.array(((0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))) @ np.asarray(tone)
    y, z = np.cbrt(light / (1.0, 1.089))  # relative to D65
    return float(np.degrees(np.arctan2(116 * y - 16 - 50, 200 * (y - z))))
