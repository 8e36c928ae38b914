"""Painters of walls and of what is outdoors: sky, leaves, streets, seats, lights at night, fences.

Each takes a generator and a size in pixels and gives a uint8 (height, width, 3) RGB picture without
any person in it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from facelab.humans.scenery.textures import (
    Colour,
    colour,
    fractal,
    lit,
    mixed,
    rows_and_columns,
    shade,
    times,
    tinted,
    words,
)


def gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a studio wall: a smooth change of colour with a light spot."""
    kind = str(rng.choice(["grey", "pale", "any", "dark", "earth"]))
    base = colour(rng, kind)
    y, x = rows_and_columns(height, width)
    turn = rng.uniform(0, 2 * np.pi)
    across, down = 0.9 * math.cos(turn), 0.9 * math.sin(turn)
    field = 0.5 + across * (x / width - 0.5) + down * (y / height - 0.5)
    column, row = (rng.uniform(0, 1, 2) * (width, height)).tolist()
    reach = rng.uniform(0.3, 1.2) * max(height, width)
    bell = np.exp(-(((y - row) / reach) ** 2)) * np.exp(-(((x - column) / reach) ** 2))
    field += 0.35 * bell + 0.15 * (fractal(rng, height, width, cells=2, octaves=3) - 0.5)
    return tinted(field, [shade(base, 0.45), base, shade(base, 1.25)])


def noise(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint fractal noise in two to four colours: stone, plaster, rust, clouds, blurred nothing."""
    rough = float(rng.uniform(0.4, 0.85))
    field = fractal(
        rng,
        height,
        width,
        cells=int(rng.integers(2, 12)),
        octaves=7,
        decay=rough,
        stretch=float(np.exp(rng.normal(0, 0.6))),
    )
    tastes = ["any", "earth", "grey"]
    colours = [colour(rng, str(rng.choice(tastes))) for _ in range(int(rng.integers(2, 5)))]
    return tinted(np.clip(field * 1.4 - 0.2, 0, 1), colours)


def brick(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a wall of bricks, tiles or boards."""
    tall = height * float(np.exp(rng.uniform(np.log(0.02), np.log(0.2))))
    wide = tall * float(rng.choice([1.0, 2.2, 3.0, 12.0]))
    base = colour(rng, str(rng.choice(["earth", "grey", "pale", "any"])))
    y, x = rows_and_columns(height, width)
    row = np.floor(y / tall)
    place_ = x / wide + 0.5 * (row % 2)
    column = np.floor(place_)
    tones = rng.uniform(0.75, 1.2, 997).astype(np.float32)
    field = tones[((row * 131 + column * 57) % 997).astype(np.int32)]
    joint = max(1.0, 0.07 * tall)
    gap = (y % tall < joint) | ((place_ - column) * wide < joint)
    field[gap] = rng.uniform(0.5, 1.4)
    field *= 0.75 + 0.5 * fractal(rng, height, width, cells=8, octaves=6, decay=0.8)
    return lit(base, np.minimum(field, 1.9))


def lettering(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a poster, page or sign full of letters."""
    base = colour(rng, str(rng.choice(["pale", "vivid", "dark"])))
    patch = np.full((height, width, 3), base, np.uint8)
    ink = colour(rng, "dark" if sum(base) > 380 else "pale")
    fonts = (0, 1, 2, 3, 4, 6, 7)
    y = 0.0
    while y < height:
        tall = height * float(np.exp(rng.uniform(np.log(0.03), np.log(0.35))))
        y += tall * 1.5
        text = words(rng, int(rng.integers(1, 5)))
        x = int(width * rng.uniform(-0.1, 0.3))
        thick = max(1, int(tall / rng.uniform(3, 14)))
        font = int(fonts[int(rng.integers(len(fonts)))])
        cv2.putText(patch, text, (x, int(y)), font, tall / 24, ink, thick, cv2.LINE_AA)
    return patch


def place(picture: np.ndarray, patch: np.ndarray, x: int, y: int) -> None:
    """Copy a patch into a picture, clipped, in place."""
    x1, y1 = max(x, 0), max(y, 0)
    x2, y2 = min(x + patch.shape[1], picture.shape[1]), min(y + patch.shape[0], picture.shape[0])
    if x1 < x2 and y1 < y2:
        picture[y1:y2, x1:x2] = patch[y1 - y : y2 - y, x1 - x : x2 - x]


def sky(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint sky with clouds above sea, sand, snow, meadow or hills."""
    picture = tinted(
        np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, 1),
        [colour(rng, "sky"), colour(rng, "pale")],
    )
    clouds = fractal(rng, height, width, cells=3, octaves=6, stretch=2.0) * 3 - 1.3
    white = np.full_like(picture, rng.integers(190, 256))
    picture = mixed(picture, white, np.clip(clouds, 0, 0.95))
    horizon = int(height * rng.uniform(0.25, 1.0))
    for row in range(int(rng.integers(0, 3))):
        hills = horizon - height * 0.22 * fractal(rng, 2, width, cells=1, octaves=6)[0]
        line = np.stack([np.arange(width), hills + row * 6], axis=1)
        corners = np.concatenate([line, [[width, height], [0, height]]]).astype(np.int32)
        cv2.fillPoly(picture, [corners], shade(colour(rng, "green"), 0.9))
    if horizon < height - 2:
        kind = str(rng.choice(["sky", "earth", "pale", "green", "dark"]))
        picture[horizon:] = ground(rng, height - horizon, width, colour(rng, kind))
    return picture


def ground(rng: np.random.Generator, height: int, width: int, base: Colour) -> np.ndarray:
    """Paint ground that runs away from the camera: texture gets finer towards the top."""
    flat = fractal(rng, height, width, cells=6, octaves=6, decay=0.8, stretch=1.5)
    far = np.linspace(0.25, 1, height, dtype=np.float32)[:, None]
    return lit(base, 1 + (flat - 0.5) * far)


def grass(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a lawn with blades, seen from above or at an angle."""
    base = colour(rng, "green")
    picture = ground(rng, height, width, base)
    count = int(rng.integers(200, 700))
    foot = rng.uniform(0, 1, (count, 2)) * (width, height)
    length = height * rng.uniform(0.02, 0.08) * (0.4 + foot[:, 1] / height)
    tip = foot + np.stack([rng.normal(0, 0.5, count), -np.ones(count)], 1) * length[:, None]
    tones = [shade(base, float(factor)) for factor in rng.uniform(0.5, 1.6, 12)]
    lines = np.stack([foot, tip], axis=1).astype(np.int32)
    for index, tone in enumerate(tones):
        cv2.polylines(picture, list(lines[index :: len(tones)]), False, tone, 1, cv2.LINE_AA)
    return picture


def foliage(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint leaves before dark depth or bright sky, some of them lit from behind."""
    behind = colour(rng, "sky") if rng.random() < 0.45 else shade(colour(rng, "green"), 0.35)
    picture = tinted(fractal(rng, height, width, cells=4, octaves=4), [shade(behind, 0.6), behind])
    size = min(height, width) * float(np.exp(rng.uniform(np.log(0.012), np.log(0.09))))
    count = int(np.clip(0.9 * height * width / size**2, 60, 700))
    autumn = rng.random() < 0.15
    base = colour(rng, "earth" if autumn else "green")
    leaves(rng, picture, count=count, size=size, base=base)
    light = np.clip(fractal(rng, height, width, cells=3, octaves=4) * 1.6 + 0.25, 0.3, 1.9)
    return times(picture, light)


def leaves(
    rng: np.random.Generator, picture: np.ndarray, *, count: int, size: float, base: Colour
) -> None:
    """Strew pointed leaves over a picture, in place."""
    height, width = picture.shape[:2]
    centres = rng.uniform(-0.05, 1.05, (count, 2)) * (width, height)
    lengths = size * np.exp(rng.normal(0, 0.35, count))
    turns = rng.normal(rng.uniform(0, 2 * np.pi), 1.2, count)
    slim = float(rng.uniform(0.25, 0.6))
    outline = np.array(
        [[-1, 0], [-0.4, slim], [0.3, 0.8 * slim], [1, 0], [0.3, -0.8 * slim], [-0.4, -slim]]
    )
    cos, sin = np.cos(turns), np.sin(turns)
    rotation = np.stack([np.stack([cos, -sin], 1), np.stack([sin, cos], 1)], 1)  # (count, 2, 2)
    shapes = np.einsum("nij,kj->nki", rotation, outline) * lengths[:, None, None]
    shapes = ((shapes + centres[:, None]) * 16).round().astype(np.int32)
    tones = [shade(base, float(factor)) for factor in np.exp(rng.normal(0, 0.4, 24))]
    for index in range(count):
        cv2.fillConvexPoly(picture, shapes[index], tones[index % 24], cv2.LINE_AA, 4)


def park(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint trees and bushes behind a lawn or path."""
    picture = foliage(rng, height, width)
    for _ in range(int(rng.integers(0, 5))):
        x, thick = rng.uniform(0, width), width * rng.uniform(0.01, 0.07)
        lean = rng.normal(0, 0.04) * width
        columns = [x - thick, x + lean - thick / 2, x + lean + thick / 2, x + thick]
        trunk = np.array([columns, [height, 0, 0, height]]).T.astype(np.int32)
        cv2.fillPoly(picture, [trunk], shade(colour(rng, "earth"), 0.5), cv2.LINE_AA)
    horizon = int(height * rng.uniform(0.45, 0.95))
    painter = grass if rng.random() < 0.7 else _path
    picture[horizon:] = painter(rng, height - horizon, width)
    return picture


def _path(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint bare earth."""
    return ground(rng, height, width, colour(rng, "earth"))


def street(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a street: sky, house fronts with windows and shops, pavement."""
    picture = sky(rng, height, width)
    horizon = int(height * rng.uniform(0.4, 0.85))
    x = -int(width * rng.uniform(0, 0.2))
    while x < width:
        wide = int(width * rng.uniform(0.12, 0.6))
        tall = int(horizon * rng.uniform(0.5, 1.2))
        place(picture, _facade(rng, tall, wide), x, horizon - tall)
        x += wide
    kind = str(rng.choice(["grey", "earth"]))
    picture[horizon:] = ground(rng, height - horizon, width, colour(rng, kind))
    vanish = np.array([width * rng.uniform(0.2, 0.8), horizon])
    for foot in np.linspace(-1, 2, int(rng.integers(2, 12))):
        end = (int(foot * width), height)
        cv2.line(picture, vanish.astype(int).tolist(), end, colour(rng, "grey"), 1, cv2.LINE_AA)
    return picture


def _facade(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint a house front: rows of windows, perhaps a shop sign and an awning."""
    wall = brick if rng.random() < 0.4 else noise if rng.random() < 0.2 else gradient
    patch = wall(rng, height, width)
    rows, columns = int(rng.integers(2, 8)), int(rng.integers(2, 9))
    pane = shade(colour(rng, "sky"), float(rng.uniform(0.25, 0.9)))
    fill = rng.uniform(0.35, 0.85, 2)
    trim = colour(rng, "pale")
    for row in range(rows):
        for column in range(columns):
            x1 = int((column + 0.5 - fill[0] / 2) * width / columns)
            x2 = int((column + 0.5 + fill[0] / 2) * width / columns)
            y1 = int((row + 0.5 - fill[1] / 2) * height / rows)
            y2 = int((row + 0.5 + fill[1] / 2) * height / rows)
            tone = shade(pane, float(rng.uniform(0.5, 1.3)))
            cv2.rectangle(patch, (x1, y1), (x2, y2), tone, -1)
            cv2.rectangle(patch, (x1, y1), (x2, y2), trim, 1)
    if rng.random() < 0.5:
        tall = max(8, height // int(rng.integers(6, 14)))
        place(patch, lettering(rng, tall, width), 0, height - 3 * tall)
    return patch


def seats(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint rows of seats, steps or benches that run away from the camera."""
    base = colour(rng, "vivid" if rng.random() < 0.6 else "earth")
    picture = np.full((height, width, 3), shade(base, 0.4), np.uint8)
    y, tall = 0.0, height * rng.uniform(0.015, 0.05)
    while y < height:
        wide = tall * 1.1
        for column in range(int(width / wide) + 2):
            x = int(column * wide + rng.normal(0, 0.04) * wide)
            tone = shade(base, float(rng.uniform(0.7, 1.2)))
            corners = (x, int(y)), (int(x + 0.8 * wide), int(y + 0.75 * tall))
            cv2.rectangle(picture, *corners, tone, -1)
        y += tall
        tall *= 1.09
    return picture


def night(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint lights out of focus before the dark: a stage, a street at night, a tree with
    candles."""
    dark = colour(rng, "dark")
    picture = tinted(
        np.clip(fractal(rng, height, width, cells=2, octaves=4), 0, 1),
        [shade(dark, 0.3), dark, shade(colour(rng, "vivid"), float(rng.uniform(0.1, 0.7)))],
    )
    glow = np.zeros_like(picture)
    size = min(height, width) * float(np.exp(rng.uniform(np.log(0.006), np.log(0.07))))
    tones = [colour(rng, "vivid" if rng.random() < 0.4 else "pale") for _ in range(5)]
    for _ in range(int(rng.integers(8, 90))):
        x, y = (rng.uniform(0, 1, 2) * (width, height)).astype(int).tolist()
        radius = max(1, int(size * np.exp(rng.normal(0, 0.3))))
        tone = shade(tones[int(rng.integers(5))], float(rng.uniform(0.3, 1)))
        cv2.circle(glow, (x, y), radius, tone, -1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 5))):  # beams from above
        x, foot = rng.uniform(0, width, 2)
        spread = width * rng.uniform(0.03, 0.25)
        beam = np.zeros_like(picture)
        columns = [x - 2, x + 2, foot + spread, foot - spread]
        corners = np.array([columns, [0, 0, height, height]]).T.astype(np.int32)
        cv2.fillPoly(beam, [corners], shade(colour(rng, "vivid"), 0.4), cv2.LINE_AA)
        glow = cv2.add(glow, beam)
    return cv2.add(picture, cv2.GaussianBlur(glow, (0, 0), float(rng.uniform(0.6, 4))))


def bars(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Paint blinds, a fence, a railing or ironwork before something else."""
    behind = (sky, foliage, street, gradient, night)[int(rng.integers(5))]
    picture = behind(rng, height, width)
    tone = colour(rng, str(rng.choice(["dark", "grey", "pale", "earth"])))
    pitch = float(height * np.exp(rng.uniform(np.log(0.03), np.log(0.2))))
    thick = max(1, round(pitch * rng.uniform(0.08, 0.6)))
    upright, lying = rng.random() < 0.75, rng.random() < 0.4
    if upright or not lying:
        for x in np.arange(rng.uniform(0, pitch), width, pitch):
            cv2.line(picture, (int(x), 0), (int(x), height), tone, thick, cv2.LINE_AA)
    if lying:
        for y in np.arange(rng.uniform(0, pitch), height, pitch):
            cv2.line(picture, (0, int(y)), (width, int(y)), shade(tone, 0.9), thick, cv2.LINE_AA)
    if rng.random() < 0.4:  # ornaments between the bars
        kind = rng.random()
        for x in np.arange(pitch, width, 2 * pitch):
            for y in np.arange(pitch, height, 2 * pitch):
                centre, reach = (int(x), int(y)), max(1, int(0.5 * pitch))
                cv2.circle(picture, centre, reach, tone, max(1, thick // 2), cv2.LINE_AA)
                if kind < 0.5:
                    cv2.circle(picture, centre, max(1, reach // 3), tone, -1, cv2.LINE_AA)
    return picture
