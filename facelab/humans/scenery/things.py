"""Painters of things that look a little like faces: round ones, pairs of round ones, letters,
houses, cars, animals. Each gives a uint8 (h, w, 4) RGBA cut-out."""

from __future__ import annotations

import functools
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from facelab.humans.scenery.cutouts import straight
from facelab.humans.scenery.textures import Colour, cloth, colour, fractal, shade, times, words

Painter = Callable[[np.random.Generator, int], np.ndarray]


def blank(size: int) -> np.ndarray:
    """Start an empty cut-out."""
    return np.zeros((size, size, 4), np.uint8)


def opaque(picture: np.ndarray) -> np.ndarray:
    """Give a picture (h, w, 3) an alpha of 255."""
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


def _disc(
    rgba: np.ndarray, x: float, y: float, radius: float, tone: Colour, *, thick: float = 0
) -> None:
    """Draw a disc, or a ring with a thickness; lengths are shares of the cut-out's size."""
    size = rgba.shape[0]
    centre = round(x * size * 16), round(y * size * 16)
    line = -1 if thick == 0 else max(1, round(thick * size))
    cv2.circle(rgba, centre, max(8, round(radius * size * 16)), (*tone, 255), line, cv2.LINE_AA, 4)


def _box(rgba: np.ndarray, corners: tuple[float, float, float, float], tone: Colour) -> None:
    """Draw a rectangle x1, y1, x2, y2 in shares of the cut-out's size."""
    x1, y1, x2, y2 = (round(value * rgba.shape[0]) for value in corners)
    cv2.rectangle(rgba, (x1, y1), (x2, y2), (*tone, 255), -1)


def _poly(rgba: np.ndarray, points: list[tuple[float, float]], tone: Colour) -> None:
    """Draw a polygon; points are shares of the cut-out's size."""
    outline = (np.array(points) * rgba.shape[0] * 16).round().astype(np.int32)
    cv2.fillPoly(rgba, [outline], (*tone, 255), cv2.LINE_AA, 4)


def _rays(
    rgba: np.ndarray, count: int, inner: float, outer: float, tone: Colour, thick: float
) -> None:
    """Draw lines out from the middle: spokes, ticks."""
    size = rgba.shape[0]
    turns = np.linspace(0, 2 * np.pi, count, endpoint=False)
    for cos, sin in zip(np.cos(turns), np.sin(turns), strict=True):
        first, last = (
            (round((0.5 + reach * cos) * size), round((0.5 + reach * sin) * size))
            for reach in (inner, outer)
        )
        cv2.line(rgba, first, last, (*tone, 255), max(1, round(thick * size)), cv2.LINE_AA)


def _lit(rng: np.random.Generator, rgba: np.ndarray, strength: float) -> np.ndarray:
    """Lay light and shade over shapes that were drawn on nothing, as on something round."""
    return _shone(rng, straight(rgba), strength)


def _shone(rng: np.random.Generator, rgba: np.ndarray, strength: float) -> np.ndarray:
    """Lay light and shade over a cut-out whose colours are not multiplied by alpha."""
    size = rgba.shape[0]
    line = np.linspace(-1, 1, size, dtype=np.float32)
    cx, cy = rng.uniform(-0.6, 0.6), rng.uniform(-0.7, 0.2)
    light = 1.15 - strength * ((line - cx) ** 2 + (line[:, None] - cy) ** 2)
    light *= 0.85 + 0.3 * fractal(rng, size, size, cells=4, octaves=4)
    rgb = times(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), np.clip(light, 0.25, 1.6))
    return cv2.merge([*cv2.split(rgb), cv2.extractChannel(rgba, 3)])


def wheel(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a wheel: tyre, rim, spokes, hub."""
    rgba = blank(size)
    _disc(rgba, 0.5, 0.5, 0.48, colour(rng, "dark"))
    rim = rng.uniform(0.25, 0.4)
    open_ = rng.random() < 0.5
    _disc(rgba, 0.5, 0.5, rim, colour(rng, "grey" if open_ else "any"))
    _rays(rgba, int(rng.integers(4, 24)), 0.05, rim, colour(rng, "grey"), rng.uniform(0.01, 0.06))
    _disc(rgba, 0.5, 0.5, rng.uniform(0.04, 0.12), colour(rng, "grey"))
    _disc(rgba, 0.5, 0.5, rim, colour(rng, "grey"), thick=0.02)
    if rng.random() < 0.3:
        rgba[int(size * rng.uniform(0.4, 0.6)) :] = 0
    return _lit(rng, rgba, 0.3)


def clock(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a clock or watch, perhaps on its strap."""
    rgba = blank(size)
    face, ink = colour(rng, "pale"), colour(rng, "dark")
    if rng.random() < 0.3:
        face, ink = ink, face
    wide = rng.uniform(0.3, 0.48)
    if rng.random() < 0.5:
        wide = rng.uniform(0.22, 0.32)
        _box(rgba, (0.5 - 0.6 * wide, 0, 0.5 + 0.6 * wide, 1), colour(rng, "earth"))
    _disc(rgba, 0.5, 0.5, wide, colour(rng, str(rng.choice(["grey", "earth", "dark"]))))
    _disc(rgba, 0.5, 0.5, 0.86 * wide, face)
    _rays(rgba, int(rng.choice([4, 12, 12, 60])), 0.72 * wide, 0.82 * wide, ink, 0.02)
    for reach, thick in ((0.45, 0.03), (0.68, 0.018)):
        turn = rng.uniform(0, 2 * np.pi)
        end = 0.5 + reach * wide * np.array([np.cos(turn), np.sin(turn)])
        ends = (size // 2, size // 2), tuple((end * size).astype(int).tolist())
        cv2.line(rgba, *ends, (*ink, 255), max(1, round(thick * size)), cv2.LINE_AA)
    if rng.random() < 0.4:
        for across, down in ((-0.3, 0), (0.3, 0), (0, 0.32))[: int(rng.integers(1, 4))]:
            x, y = 0.5 + across * wide, 0.5 + down * wide
            _disc(rgba, x, y, 0.2 * wide, ink, thick=0.012)
    return _lit(rng, rgba, 0.2)


def button(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a button, plate, lens, hob or badge: rings, perhaps with holes."""
    rgba = blank(size)
    tone = colour(rng)
    radius = 0.48
    while radius > 0.06:
        _disc(rgba, 0.5, 0.5, radius, tone)
        radius *= rng.uniform(0.5, 0.93)
        tone = shade(tone, float(rng.uniform(0.6, 1.4))) if rng.random() < 0.75 else colour(rng)
    if rng.random() < 0.2:  # an eye of a cartoon
        _disc(rgba, 0.5, 0.5, 0.47, (250, 250, 248))
        _disc(rgba, 0.5, 0.5, 0.47, (12, 12, 12), thick=float(rng.uniform(0.02, 0.07)))
        x, y = rng.uniform(0.35, 0.65, 2)
        _disc(rgba, x, y, rng.uniform(0.06, 0.2), (12, 12, 12))
    holes = int(rng.choice([0, 2, 4], p=[0.5, 0.2, 0.3]))
    for hole in range(holes):
        turn = 2 * np.pi * hole / holes + 0.785 * (holes == 4)
        _disc(rgba, 0.5 + 0.13 * np.cos(turn), 0.5 + 0.13 * np.sin(turn), 0.04, colour(rng, "dark"))
    return _lit(rng, rgba, 0.4)


def ball(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a ball, balloon, fruit or lamp, often in the colour of skin."""
    tone = colour(rng, str(rng.choice(["skin", "vivid", "pale"], p=[0.45, 0.35, 0.2])))
    picture = np.full((size, size, 3), tone, np.uint8)
    if rng.random() < 0.35:
        picture = cloth(rng, size, size, pitch=size / 6)
    rgba = opaque(picture)
    mask = np.zeros((size, size), np.uint8)
    axes = (size * 0.96, size * float(rng.uniform(0.7, 0.96)))
    cv2.ellipse(
        mask, ((size / 2, size / 2), axes, float(rng.uniform(0, 180))), 255, -1, cv2.LINE_AA
    )
    rgba[..., 3] = mask
    rgba = _shone(rng, rgba, 0.7)
    if rng.random() < 0.4:
        x, y = rng.uniform(0.25, 0.6, 2)
        _disc(rgba, x, y, 0.05, (255, 255, 250))
        rgba[..., 3] = np.minimum(rgba[..., 3], mask)
    return rgba


def pair(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint two equal round things side by side, perhaps with a third: eyes of dolls, sockets,
    lamps."""
    rgba = blank(size)
    if rng.random() < 0.6:
        tone = colour(rng, str(rng.choice(["any", "grey", "pale", "skin", "earth"])))
        if rng.random() < 0.5:
            _disc(rgba, 0.5, 0.5, 0.49, tone)
        else:
            _box(rgba, (0.02, 0.05, 0.98, 0.95), tone)
    apart, radius, y = rng.uniform(0.12, 0.28), rng.uniform(0.05, 0.14), rng.uniform(0.3, 0.55)
    outer, inner = colour(rng, "pale"), colour(rng, "dark")
    if rng.random() < 0.5:
        outer, inner = inner, outer
    rings = int(rng.integers(1, 4))
    for x in (0.5 - apart, 0.5 + apart):
        for ring in range(rings):
            _disc(rgba, x, y, radius * (1 - ring / rings), outer if ring % 2 == 0 else inner)
    if rng.random() < 0.4:
        kind = rng.random()
        if kind < 0.5:
            _disc(rgba, 0.5, y + rng.uniform(0.15, 0.3), radius * rng.uniform(0.4, 1), outer)
        else:
            _box(rgba, (0.5 - apart, 0.72, 0.5 + apart, 0.72 + rng.uniform(0.02, 0.1)), inner)
    return _lit(rng, rgba, 0.3)


def car(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint the front of a car, bus or train: lamps, grill, windscreen."""
    rgba = blank(size)
    body = colour(rng, str(rng.choice(["vivid", "grey", "dark", "pale"])))
    glass = shade(colour(rng, "sky"), float(rng.uniform(0.2, 0.8)))
    roof = rng.uniform(0.08, 0.25)
    _poly(
        rgba, [(0.2, roof), (0.8, roof), (0.95, 0.5), (0.95, 0.88), (0.05, 0.88), (0.05, 0.5)], body
    )
    _poly(rgba, [(0.26, roof + 0.05), (0.74, roof + 0.05), (0.86, 0.45), (0.14, 0.45)], glass)
    lamp = rng.uniform(0.05, 0.1)
    for x in (0.2, 0.8):
        _disc(rgba, x, 0.62, lamp, colour(rng, "grey"))
        _disc(rgba, x, 0.62, 0.75 * lamp, colour(rng, "pale"))
        _box(rgba, (x - 0.1, 0.88, x + 0.1, 0.98), colour(rng, "dark"))
    _box(rgba, (0.34, 0.56, 0.66, rng.uniform(0.62, 0.74)), colour(rng, "dark"))
    for line in range(int(rng.integers(0, 4))):
        _box(rgba, (0.34, 0.58 + 0.04 * line, 0.66, 0.59 + 0.04 * line), colour(rng, "grey"))
    _box(rgba, (0.4, 0.78, 0.6, 0.85), colour(rng, "pale"))
    return _lit(rng, rgba, 0.35)


def house(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a house front with two windows and a door under a roof."""
    rgba = blank(size)
    _box(
        rgba, (0.1, 0.35, 0.9, 1.0), colour(rng, str(rng.choice(["pale", "earth", "any", "skin"])))
    )
    _poly(rgba, [(0.02, 0.37), (0.5, rng.uniform(0.0, 0.2)), (0.98, 0.37)], colour(rng, "earth"))
    pane, frame_ = shade(colour(rng, "sky"), float(rng.uniform(0.2, 0.8))), colour(rng, "pale")
    apart, y, side = rng.uniform(0.18, 0.26), rng.uniform(0.45, 0.55), rng.uniform(0.06, 0.1)
    for x in (0.5 - apart, 0.5 + apart):
        _box(rgba, (x - 1.15 * side, y - 1.15 * side, x + 1.15 * side, y + 1.15 * side), frame_)
        _box(rgba, (x - side, y - side, x + side, y + side), pane)
    wide = rng.uniform(0.05, 0.12)
    _box(rgba, (0.5 - wide, 0.72, 0.5 + wide, 1.0), colour(rng, "dark"))
    return _lit(rng, rgba, 0.25)


def socket(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a socket, switch, tape, radio or screw."""
    rgba = blank(size)
    tone = colour(rng, "pale" if rng.random() < 0.7 else "dark")
    _box(rgba, (0.06, 0.06, 0.94, 0.94), tone)
    _disc(rgba, 0.5, 0.5, 0.36, shade(tone, 0.85))
    _disc(rgba, 0.5, 0.5, 0.36, shade(tone, 0.6), thick=0.02)
    apart, hole = rng.uniform(0.1, 0.2), rng.uniform(0.03, 0.06)
    for x in (0.5 - apart, 0.5 + apart):
        _disc(rgba, x, rng.uniform(0.42, 0.5), hole, (30, 28, 26))
    if rng.random() < 0.6:
        _disc(rgba, 0.5, 0.66, hole, (30, 28, 26))
    return _lit(rng, rgba, 0.25)


def animal(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint the head of a dog, bear, owl, rabbit or toy: ears, muzzle, round eyes, no human
    face."""
    rgba = blank(size)
    fur = colour(rng, str(rng.choice(["earth", "grey", "dark", "pale", "hair"])))
    ear_x, ear_y = rng.uniform(0.18, 0.32), rng.uniform(0.12, 0.3)
    for side in (-1, 1):
        x = 0.5 + side * ear_x
        tip = x + side * rng.uniform(0.0, 0.2)
        if rng.random() < 0.5:
            _disc(rgba, x, ear_y, rng.uniform(0.1, 0.17), shade(fur, 0.8))
        else:
            low = rng.uniform(-0.05, 0.75)
            _poly(rgba, [(x - 0.13, 0.35), (tip, low), (x + 0.13, 0.35)], shade(fur, 0.75))
    _disc(rgba, 0.5, 0.52, rng.uniform(0.33, 0.4), fur)
    snout = shade(fur, float(rng.uniform(1.1, 1.6)))
    axes = size * rng.uniform(0.24, 0.4), size * rng.uniform(0.2, 0.4)
    cv2.ellipse(rgba, ((0.5 * size, 0.66 * size), axes, 0.0), (*snout, 255), -1, cv2.LINE_AA)
    apart, eye = rng.uniform(0.12, 0.2), rng.uniform(0.025, 0.07)
    iris = colour(rng, str(rng.choice(["dark", "earth", "vivid"])))
    for x in (0.5 - apart, 0.5 + apart):
        _disc(rgba, x, 0.44, eye, iris)
        _disc(rgba, x, 0.44, 0.6 * eye, (14, 12, 12))
        _disc(rgba, x + 0.3 * eye, 0.44 - 0.4 * eye, 0.2 * eye, (250, 250, 250))
    nose = size * rng.uniform(0.05, 0.13)
    place = ((0.5 * size, 0.58 * size), (nose, 0.7 * nose), 0.0)
    cv2.ellipse(rgba, place, (24, 20, 20, 255), -1, cv2.LINE_AA)
    coat = fractal(rng, size, size, cells=10, octaves=5, decay=0.9, stretch=0.5)
    rgb = times(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), 0.6 + 0.8 * coat)
    return _lit(rng, np.dstack([rgb, rgba[..., 3]]), 0.3)


@functools.cache
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Load Pillow's own font once for each size in pixels."""
    return ImageFont.load_default(size)


_SIGNS = "ABDGHMNORSTXZ0123456789&%?!+#"


def letters(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a word, number or sign, with or without a board behind it."""
    word = words(rng, 1) if rng.random() < 0.7 else _SIGNS[int(rng.integers(len(_SIGNS)))]
    font = _font(int(rng.choice([16, 24, 40, 64])))
    left, top, right, bottom = font.getbbox(word)
    wide, tall = int(right - left) + 8, int(bottom - top) + 8
    board = rng.random() < 0.6
    base = colour(rng, str(rng.choice(["vivid", "pale", "dark", "any"])))
    ink = colour(rng, "dark" if sum(base) > 380 else "pale")
    picture = Image.new("RGBA", (wide, tall), (*base, 255 if board else 0))
    ImageDraw.Draw(picture).text((4 - left, 4 - top), word, fill=(*ink, 255), font=font)
    return np.array(picture)


def logo(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a logo: two to six plain shapes and a letter on a round, square or shield-like
    ground."""
    rgba = blank(size)
    tones = [colour(rng, "vivid"), colour(rng, "pale"), colour(rng, "dark")]
    ground = rng.random()
    if ground < 0.4:
        _disc(rgba, 0.5, 0.5, 0.48, tones[0])
    elif ground < 0.7:
        _box(rgba, (0.03, 0.03, 0.97, 0.97), tones[0])
    elif ground < 0.85:
        _poly(rgba, [(0.08, 0.05), (0.92, 0.05), (0.88, 0.6), (0.5, 0.97), (0.12, 0.6)], tones[0])
    mirrored = rng.random() < 0.5
    for _ in range(int(rng.integers(1, 5))):
        tone = tones[int(rng.integers(1, 3))]
        x, y, reach = rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), rng.uniform(0.05, 0.2)
        kind = rng.random()
        turn = rng.uniform(0, 2 * np.pi, 3)
        for centre in (x, 1 - x) if mirrored else (x,):
            if kind < 0.4:
                _disc(rgba, centre, y, reach, tone)
            elif kind < 0.6:
                _disc(rgba, centre, y, reach, tone, thick=0.04)
            elif kind < 0.8:
                _box(rgba, (centre - reach, y - 0.3 * reach, centre + reach, y + 0.3 * reach), tone)
            else:
                corners = [(centre + reach * np.cos(t), y + reach * np.sin(t)) for t in turn]
                _poly(rgba, corners, tone)
    if rng.random() < 0.5:
        sign = _SIGNS[int(rng.integers(20))]
        place = int(0.3 * size), int(0.7 * size)
        cv2.putText(
            rgba, sign, place, 2, size / 50, (*tones[1], 255), max(1, size // 24), cv2.LINE_AA
        )
    return _lit(rng, rgba, 0.15)


THINGS: dict[str, tuple[float, Painter]] = {
    "wheel": (1.2, wheel),
    "clock": (1.0, clock),
    "button": (1.2, button),
    "ball": (1.2, ball),
    "pair": (1.2, pair),
    "car": (0.8, car),
    "house": (0.6, house),
    "socket": (0.5, socket),
    "animal": (0.8, animal),
    "letters": (3.2, letters),
    "logo": (1.2, logo),
}
