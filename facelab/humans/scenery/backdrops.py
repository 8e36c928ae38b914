"""Painters of rooms and what is in them, and the list of all painted backgrounds.

Each painter takes a generator and a size in pixels and gives a uint8 (height, width, 3) RGB picture
without any person in it.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from facelab.humans.scenery.outdoors import (
    bars,
    brick,
    foliage,
    gradient,
    grass,
    lettering,
    night,
    noise,
    park,
    place,
    seats,
    sky,
    street,
)
from facelab.humans.scenery.textures import cloth, colour, folds, fractal, lit, shade, times

Painter = Callable[[np.random.Generator, int, int], np.ndarray]


def curtain(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint cloth that fills the picture: a curtain, a sofa, a bed, a carpet."""
    pitch = min(height, width) * float(rng.uniform(0.02, 0.15))
    picture = cloth(rng, height, width, pitch=pitch)
    return times(picture, np.clip(folds(rng, height, width, depth=0.7), 0.2, 1.8))


def room(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a room: wall, floor, windows, doors, shelves, pictures, lamps."""
    wall = brick if rng.random() < 0.15 else gradient
    picture = wall(rng, height, width)
    horizon = int(height * rng.uniform(0.55, 1.15))
    if horizon < height - 4:
        floor = brick if rng.random() < 0.5 else curtain
        picture[horizon:] = floor(rng, height - horizon, width)
        cv2.line(picture, (0, horizon), (width, horizon), colour(rng, "pale"), max(1, height // 90))
    for _ in range(int(rng.integers(2, 10))):
        things = (window, shelf, framed, door, lamp, sofa, table)
        thing = things[int(rng.choice(len(things), p=[0.2, 0.18, 0.2, 0.08, 0.08, 0.14, 0.12]))]
        tall = int(height * rng.uniform(0.15, 0.7))
        wide = int(tall * rng.uniform(0.5, 1.8))
        x, y = int(rng.uniform(-0.1, 0.9) * width), int(rng.uniform(-0.1, 0.5) * height)
        if thing in (sofa, table):
            y = min(horizon, height) - int(tall * rng.uniform(0.3, 0.8))
        place(picture, thing(rng, max(tall, 8), max(wide, 8)), x, y)
    return picture


def window(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a window with its bars, looking out on sky, leaves or the night."""
    outside = (sky, foliage, gradient, night)[int(rng.integers(4))]
    patch = cv2.convertScaleAbs(outside(rng, height, width), alpha=float(rng.uniform(0.8, 1.7)))
    frame, thick = colour(rng, str(rng.choice(["pale", "earth", "dark"]))), max(1, height // 24)
    for line in range(int(rng.integers(0, 3)) + 2):
        x, y = round(line * width / 2), round(line * height / 2)
        cv2.line(patch, (x, 0), (x, height), frame, thick)
        cv2.line(patch, (0, y), (width, y), frame, thick)
    cv2.rectangle(patch, (0, 0), (width - 1, height - 1), frame, 2 * thick)
    return patch


def shelf(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint shelves with books and boxes."""
    patch = np.full((height, width, 3), shade(colour(rng, "earth"), 0.5), np.uint8)
    rows = int(rng.integers(1, 6))
    board = max(1, height // 40)
    for row in range(rows):
        top, bottom = row * height // rows, (row + 1) * height // rows - board
        x = 0.0
        while x < width:
            if rng.random() < 0.2:
                wide = float(bottom - top) * rng.uniform(0.4, 1.5)
                tall = max(4, int((bottom - top) * rng.uniform(0.4, 0.95)))
                item = (box, papers)[int(rng.integers(2))](rng, tall, max(4, int(wide)))
                place(patch, item, int(x), bottom - tall)
                x += wide * 1.05
                continue
            wide = width * rng.uniform(0.015, 0.09)
            start = int(top + (bottom - top) * rng.uniform(0.05, 0.5))
            tone = colour(rng)
            cv2.rectangle(patch, (int(x), start), (int(x + wide), bottom), tone, -1)
            if rng.random() < 0.5:
                cv2.line(patch, (int(x), start), (int(x), bottom), shade(tone, 0.5), 1)
            x += wide * (1 + (rng.random() < 0.15) * rng.uniform(0, 3))
        cv2.rectangle(patch, (0, bottom), (width, bottom + board), colour(rng, "earth"), -1)
    return patch


def box(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a carton or crate with a lid, a label and a grip."""
    tone = colour(rng, "earth" if rng.random() < 0.6 else "any")
    grain = 0.8 + 0.4 * fractal(rng, height, width, cells=4, octaves=3, stretch=0.5)
    patch = lit(tone, grain)
    lid = max(1, int(height * rng.uniform(0.1, 0.35)))
    patch[:lid] = cv2.convertScaleAbs(patch[:lid], alpha=1.2)
    cv2.line(patch, (0, lid), (width, lid), shade(tone, 0.5), max(1, height // 30))
    x, y = (rng.uniform(0.1, 0.6, 2) * (width, height)).astype(int).tolist()
    end = x + max(2, width // 4), y + max(2, height // 6)
    cv2.rectangle(patch, (x, y), end, colour(rng, "pale" if rng.random() < 0.7 else "dark"), -1)
    cv2.rectangle(patch, (0, 0), (width - 1, height - 1), shade(tone, 0.6), max(1, height // 40))
    return patch


def papers(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a stack of papers, folders or folded clothes."""
    patch = np.full((height, width, 3), colour(rng, "dark"), np.uint8)
    y, kind = 0, "pale" if rng.random() < 0.6 else "any"
    while y < height:
        thick = max(1, int(height * rng.uniform(0.02, 0.15)))
        left, right = int(width * rng.uniform(0, 0.12)), int(width * rng.uniform(0.88, 1.0))
        cv2.rectangle(patch, (left, y), (right, y + thick), colour(rng, kind), -1)
        y += thick + 1
    return patch


def boxes(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint stacked boxes, crates and papers: a store, a workshop, a removal."""
    patch = np.full((height, width, 3), colour(rng, "dark"), np.uint8)
    y = height
    while y > 0:
        tall, x = max(4, int(height * rng.uniform(0.12, 0.35))), int(-0.2 * rng.random() * width)
        while x < width:
            wide = max(8, int(tall * rng.uniform(0.6, 2.0)))
            own = max(8, int(tall * rng.uniform(0.6, 1.0)))
            item = (box, box, papers, window)[int(rng.integers(4))](rng, own, wide)
            place(patch, item, x, y - own)
            x += int(wide * rng.uniform(1.0, 1.1))
        y -= tall
    return patch


def framed(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a picture, poster or screen in a frame."""
    motif = (sky, noise, foliage, curtain, gradient, lettering)[int(rng.integers(6))]
    patch = motif(rng, height, width)
    tone = colour(rng, str(rng.choice(["dark", "earth", "pale"])))
    cv2.rectangle(patch, (0, 0), (width - 1, height - 1), tone, max(1, min(height, width) // 14))
    return patch


def door(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a door or cupboard with panels and knobs."""
    tone = colour(rng, str(rng.choice(["earth", "pale", "grey"])))
    grain = 0.85 + 0.3 * fractal(rng, height, width, cells=6, octaves=4, stretch=0.2)
    patch = lit(tone, grain)
    for row in range(int(rng.integers(1, 4))):
        top, bottom = int(height * (0.06 + row * 0.32)), int(height * (0.32 + row * 0.3))
        for left, right in ((0.1, 0.45), (0.55, 0.9)):
            corners = (int(left * width), top), (int(right * width), bottom)
            cv2.rectangle(patch, *corners, shade(tone, 0.65), max(1, width // 40))
    cv2.circle(patch, (int(0.9 * width), height // 2), max(1, width // 30), colour(rng, "grey"), -1)
    return patch


def sofa(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a sofa, armchair or bed: back, seat, cushions, shade below."""
    patch = curtain(rng, height, width)
    cover = cloth(rng, height, width, pitch=height / 8)
    seat = int(height * rng.uniform(0.4, 0.6))
    fading = np.linspace(1.1, 0.7, seat, dtype=np.float32)[:, None].repeat(width, 1)
    patch[:seat] = times(cover[:seat], fading)
    count = int(rng.integers(1, 4))
    for index in range(count):
        left = int(width * (index + 0.1) / count)
        right = int(width * (index + 0.9) / count)
        top = int(seat * rng.uniform(0.1, 0.5))
        tone = colour(rng)
        cv2.rectangle(patch, (left, top), (right, seat), tone, -1)
        cv2.rectangle(patch, (left, top), (right, seat), shade(tone, 0.6), max(1, height // 60))
    patch[-max(1, height // 10) :] //= 3
    return patch


def table(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a table or desk with things on it, before a plain wall."""
    patch = gradient(rng, height, width)
    top, tone = int(height * rng.uniform(0.35, 0.6)), colour(rng, "earth")
    for _ in range(int(rng.integers(1, 8))):
        x, tall = int(rng.uniform(0, width)), int(height * rng.uniform(0.05, 0.3))
        wide = max(2, int(tall * rng.uniform(0.3, 1.2)))
        cv2.rectangle(patch, (x, top - tall), (x + wide, top), colour(rng), -1)
    cv2.rectangle(patch, (0, top), (width, top + max(2, height // 14)), tone, -1)
    for leg in (0.05, 0.9):
        corners = (int(leg * width), top), (int((leg + 0.06) * width), height)
        cv2.rectangle(patch, *corners, shade(tone, 0.7), -1)
    return patch


def lamp(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a lamp, bright in a dark surrounding."""
    patch = gradient(rng, height, width)
    centre = (width // 2, int(height * rng.uniform(0.2, 0.5)))
    radius = max(2, int(min(height, width) * rng.uniform(0.1, 0.4)))
    cv2.circle(patch, centre, radius, (255, 246, 214), -1, cv2.LINE_AA)
    return cv2.GaussianBlur(patch, (0, 0), max(0.6, radius / 12))


def blobs(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a crowd so far out of focus that nobody has a face: rows of coloured heads and
    coats."""
    picture = noise(rng, height, width)
    size = height * float(rng.uniform(0.03, 0.09))
    rows = int(min(12, 0.8 * height / size))
    for row in range(rows):
        y = height * (0.15 + 0.85 * row / rows)
        for x in np.arange(-1, width / (1.4 * size) + 1):
            centre = np.array([x * 1.4 * size, y]) + rng.normal(0, 0.3 * size, 2)
            centre = centre.round().astype(int)
            coat = colour(rng, str(rng.choice(["any", "dark", "pale"])))
            axes = (int(0.8 * size), int(1.2 * size))
            low = (int(centre[0]), int(centre[1] + 1.5 * size))
            cv2.ellipse(picture, low, axes, 0, 0, 360, coat, -1)
            tone = colour(rng, "skin" if rng.random() < 0.7 else "hair")
            cv2.circle(picture, centre.tolist(), max(1, int(0.45 * size)), tone, -1)
    return cv2.GaussianBlur(picture, (0, 0), float(0.35 * size * rng.uniform(1, 2.2)))


def collage(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a jumble of cloths, letters and shapes: a market stall, a desk, a wall of posters."""
    picture = noise(rng, height, width)
    for _ in range(int(rng.integers(6, 30))):
        tall = max(8, int(height * float(np.exp(rng.uniform(np.log(0.06), np.log(0.5))))))
        wide = max(8, int(tall * rng.uniform(0.5, 2)))
        kinds: tuple[Painter, ...] = (gradient, curtain, lettering, noise, brick, framed)
        patch = kinds[int(rng.integers(len(kinds)))](rng, tall, wide)
        place(picture, patch, int(rng.uniform(-0.1, 1) * width), int(rng.uniform(-0.1, 1) * height))
    return picture


OUTDOORS: dict[str, Painter] = {
    "sky": sky,
    "street": street,
    "park": park,
    "foliage": foliage,
    "grass": grass,
    "brick": brick,
    "seats": seats,
    "bars": bars,
}
INDOORS: dict[str, Painter] = {
    "room": room,
    "gradient": gradient,
    "curtain": curtain,
    "night": night,
    "shelf": shelf,
    "boxes": boxes,
    "lettering": lettering,
    "collage": collage,
    "blobs": blobs,
    "noise": noise,
}
PAINTERS: dict[str, Painter] = {**OUTDOORS, **INDOORS}
