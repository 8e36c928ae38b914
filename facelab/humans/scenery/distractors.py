"""Things that detectors take for faces, and that are none: strewn behind people, and some before
them.

Hands, bare arms and knees, wheels, clocks, buttons, balls, sockets, cars, houses, lettering, cloth,
leaves, animals, patches of skin. A painter takes a generator and a size and gives a cut-out: uint8
(h, w, 4) RGBA, colours not multiplied by alpha, h and w about the size.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from facelab.humans.scenery.backdrops import (
    brick,
    curtain,
    foliage,
    gradient,
    lettering,
    noise,
    shelf,
)
from facelab.humans.scenery.backgrounds import photo
from facelab.humans.scenery.cutouts import (
    NOBODY,
    THING,
    Canvas,
    brightened,
    corners,
    frame,
    premultiply,
    similarity,
    stamp,
    straight,
)
from facelab.humans.scenery.flesh import arm, clasped, ear, hand, knees, skin_blob, tie
from facelab.humans.scenery.textures import (
    cloth,
    colour,
    folds,
    fractal,
    rows_and_columns,
    shade,
    times,
)
from facelab.humans.scenery.things import THINGS, blank, opaque
from facelab.humans.sprites import SpriteSource

Painter = Callable[[np.random.Generator, int], np.ndarray]


def cloth_patch(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a piece of patterned cloth: a cushion, a bag, a coat over a chair."""
    picture = cloth(rng, size, size, pitch=size / float(rng.uniform(5, 16)))
    picture = times(picture, np.clip(folds(rng, size, size, depth=0.8), 0.2, 1.8))
    rgba = opaque(picture)
    turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 12))))
    reach = rng.uniform(0.35, 0.52, (len(turns), 1)) * size
    outline = size / 2 + reach * np.stack([np.cos(turns), np.sin(turns)], 1)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    rgba[..., 3] = mask
    return rgba


def leaf_cluster(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a branch or pot plant: leaves around a stem."""
    rgba = blank(size)
    base = colour(rng, "green")
    slim = rng.uniform(0.15, 0.4)
    for _ in range(int(rng.integers(6, 28))):
        centre = rng.normal(0.5, 0.17, 2) * size
        turn, reach = rng.uniform(0, np.pi), size * rng.uniform(0.07, 0.22)
        along = np.array([np.cos(turn), np.sin(turn)]) * reach
        across = np.array([-along[1], along[0]]) * slim
        outline = centre + np.array([-along, 0.8 * across, along, -0.8 * across])
        tone = shade(base, float(np.exp(rng.normal(0, 0.35))))
        points = (outline * 16).round().astype(np.int32)
        cv2.fillConvexPoly(rgba, points, (*tone, 255), cv2.LINE_AA, 4)
        ends = (centre - along).astype(int).tolist(), (centre + along).astype(int).tolist()
        cv2.line(rgba, *ends, (*shade(tone, 0.7), 255), 1, cv2.LINE_AA)
    return straight(rgba)


def cat(rng: np.random.Generator, size: int) -> np.ndarray:
    """Cut the cat's face out of a real photo, in other furs and shapes."""
    image = photo("cat")
    left, top, side = rng.uniform(60, 150), rng.uniform(0, 20), rng.uniform(220, 279)
    crop = image[int(top) : int(top + side), int(left) : int(left + side)]
    crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    mix = np.eye(3) + rng.normal(0, 0.12, (3, 3))
    grey = rng.uniform(0, 1) if rng.random() < 0.4 else 0.0
    mix = ((1 - grey) * mix + grey / 3) * np.exp(rng.normal(0, 0.35))
    rgba = opaque(cv2.transform(crop, mix.astype(np.float32)))
    if rng.random() < 0.6:
        mask = np.zeros((size, size), np.uint8)
        axes = (rng.uniform(0.7, 1.0, 2) * size).tolist()
        cv2.ellipse(mask, ((size / 2, size / 2), axes, 0.0), 255, -1, cv2.LINE_AA)
        rgba[..., 3] = cv2.GaussianBlur(mask, (0, 0), max(0.5, size / 40))
    return rgba


PAINTERS: dict[str, tuple[float, Painter]] = {
    "skin": (2.0, skin_blob),
    "hand": (2.2, hand),
    "clasped": (2.0, clasped),
    "tie": (0.7, tie),
    "ear": (1.4, ear),
    "arm": (2.5, arm),
    "knees": (2.0, knees),
    "cloth": (2.0, cloth_patch),
    "leaves": (1.0, leaf_cluster),
    "cat": (0.7, cat),
    **THINGS,
}


def paint(rng: np.random.Generator, kind: str, size: int) -> np.ndarray:
    """Paint one thing by name: uint8 (h, w, 4) RGBA.

    Raises ValueError for a name that is not in PAINTERS or a size below 8 pixels.
    """
    if kind not in PAINTERS:
        raise ValueError(f"no distractor is called {kind!r}; there are {', '.join(PAINTERS)}")
    if size < 8:
        raise ValueError(f"a distractor is painted at 8 pixels or more; got {size}")
    return PAINTERS[kind][1](rng, size)


def strew(
    rng: np.random.Generator, canvas: Canvas, source: SpriteSource, *, busy: bool = False
) -> None:
    """Strew things over a background, before people are drawn. busy: more of them."""
    height, width = canvas.owner.shape
    most = 24 if busy else 15
    for _ in range(int(rng.integers(0, most))):
        side = float(np.exp(rng.uniform(np.log(10), np.log(0.45 * height))))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        _put(rng, canvas, source, side, x, y, NOBODY)
    if rng.random() < 0.12:  # many of a kind: buttons, wheels, lamps, windows, plates
        _rows(rng, canvas)


def strew_before(rng: np.random.Generator, canvas: Canvas, source: SpriteSource) -> None:
    """Put a few things before people, which hide parts of them."""
    height, width = canvas.owner.shape
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 5))):
            side = float(height * np.exp(rng.uniform(np.log(0.04), np.log(0.4))))
            low = rng.uniform(0.3, 1.1) if rng.random() < 0.8 else rng.uniform(0, 0.3)
            _put(rng, canvas, source, side, rng.uniform(0, width), low * height, THING)
    if rng.random() < 0.12:
        _poles(rng, canvas)


def _put(
    rng: np.random.Generator,
    canvas: Canvas,
    source: SpriteSource,
    side: float,
    x: float,
    y: float,
    owner: int,
) -> None:
    """Paint one thing and lay it with its middle at (x, y), its longer side `side` pixels."""
    fate = float(rng.random())
    own = np.random.default_rng(rng.integers(2**63))
    if source.props and fate < 0.42:
        rgba = source.props[int(own.integers(len(source.props)))].rgba
    elif fate > 0.93:
        rgba = _sprite_skin(own, source)
    else:
        names = list(PAINTERS)
        weights = np.array([PAINTERS[name][0] for name in names])
        name = names[int(own.choice(len(names), p=weights / weights.sum()))]
        rgba = paint(own, name, int(np.clip(side * 1.1, 20, 200)))
    if own.random() < 0.5:
        rgba = cv2.flip(rgba, 1)
    turn = float(own.uniform(-np.pi, np.pi) if own.random() < 0.35 else own.normal(0, 0.2))
    rgba = brightened(rgba, np.exp(own.normal(0, 0.18)))
    sigma = float(own.uniform(0.4, 2.0)) if own.random() < 0.3 else 0.0
    _lay(canvas, rgba, side, x, y, turn, owner, sigma=sigma)


def _lay(
    canvas: Canvas,
    rgba: np.ndarray,
    side: float,
    x: float,
    y: float,
    turn: float,
    owner: int,
    *,
    sigma: float = 0.0,
) -> None:
    """Lay a cut-out with its middle at (x, y), its longer side `side` pixels, turned, blurred."""
    tall, wide = rgba.shape[:2]
    matrix = similarity(
        scale=side / max(tall, wide), turn=turn, pivot=(wide / 2, tall / 2), target=(x, y)
    )
    rectangle = frame(corners(rgba, matrix), canvas.owner.shape)
    if rectangle is None:
        return
    drawn = stamp(premultiply(rgba), matrix, rectangle)
    if sigma:
        drawn = cv2.GaussianBlur(drawn, (0, 0), sigma)
    canvas.lay(drawn, rectangle[0], rectangle[1], owner)


_WORN = ("tie", "letters", "logo", "button", "letters", "logo", "flower", "clasped")


def decorate(
    rng: np.random.Generator, canvas: Canvas, *, x: float, y: float, height: float, owner: int
) -> None:
    """Put a tie, badge, print or a pair of hands on the chest of a person whose face has its centre
    at (x, y) and this height."""
    kind = _WORN[int(rng.integers(len(_WORN)))]
    side = height * float(rng.uniform(0.25, 0.9))
    down, off = rng.uniform(1.15, 2.0), rng.normal(0, 0.25)
    if kind == "tie":
        side, down, off = height * 1.2, 1.25, 0.0
    own = np.random.default_rng(rng.integers(2**63))
    if side < 3:
        return
    pixels = int(np.clip(side * 1.2, 20, 160))
    rgba = cloth_patch(own, pixels) if kind == "flower" else paint(own, kind, pixels)
    _lay(canvas, rgba, side, x + off * height, y + down * height, float(own.normal(0, 0.06)), owner)


def barrier(rng: np.random.Generator, canvas: Canvas, *, x: float, y: float, height: float) -> None:
    """Put a table, wall, hedge or banner before the lower body of a person whose face has its
    centre at (x, y) and this height."""
    top = y + height * rng.uniform(0.95, 3.5)
    tall, wide = height * rng.uniform(1.0, 4.0), height * rng.uniform(2.0, 8.0)
    left = x - wide * rng.uniform(0.25, 0.75)
    rectangle = frame(np.array([[left, top], [left + wide, top + tall]]), canvas.owner.shape)
    painters = (brick, curtain, gradient, noise, foliage, lettering, shelf)
    painter = painters[int(rng.integers(len(painters)))]
    own = np.random.default_rng(rng.integers(2**63))
    if rectangle is None:
        return
    x1, y1, x2, y2 = rectangle
    side = max(16, min(160, round(tall))), max(16, min(240, round(wide)))
    picture = painter(own, *side)[: y2 - y1, : x2 - x1]
    if picture.shape[:2] != (y2 - y1, x2 - x1):
        picture = cv2.resize(picture, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
    edge = max(1, round(0.08 * height))
    picture[:edge] = shade(picture[0].mean(axis=0), 0.8 + 0.5 * own.random())
    canvas.lay(opaque(picture), x1, y1, THING)


def _rows(rng: np.random.Generator, canvas: Canvas) -> None:
    """Lay one thing many times on a grid."""
    names = list(PAINTERS)
    height, width = canvas.owner.shape
    side = int(height * np.exp(rng.uniform(np.log(0.04), np.log(0.2))))
    rgba = premultiply(paint(rng, names[int(rng.integers(len(names)))], max(side, 10)))
    tall, wide = rgba.shape[:2]
    apart = rng.uniform(1.0, 1.8, 2)
    x0, y0 = rng.uniform(-0.2, 0.6, 2) * (width, height)
    for row in range(int(rng.integers(1, 6))):
        for column in range(int(rng.integers(2, 8))):
            x, y = x0 + column * apart[0] * wide, y0 + row * apart[1] * tall
            canvas.lay(rgba, int(x), int(y), NOBODY)


def _poles(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draw poles, bars or a railing across the picture."""
    height, width = canvas.owner.shape
    count = int(rng.choice([1, 2, 9], p=[0.6, 0.2, 0.2]))
    thick = max(2, int(width * np.exp(rng.uniform(np.log(0.004), np.log(0.04)))))
    tone = np.array(colour(rng, str(rng.choice(["grey", "dark", "earth"]))), np.float32)
    across = 1.1 - 1.4 * (np.linspace(-0.4, 0.6, thick) ** 2)
    strip = np.clip(tone * across[:, None], 0, 255).round().astype(np.uint8)[None]
    top = 0 if rng.random() < 0.7 else int(height * rng.uniform(0.3, 0.8))
    pole = opaque(np.repeat(strip, height - top, 0))
    start, gap = int(rng.uniform(0, width)), thick * rng.uniform(2.5, 8)
    for number in range(count):
        canvas.lay(pole, int(start + number * gap), top, THING)


def _sprite_skin(rng: np.random.Generator, source: SpriteSource) -> np.ndarray:
    """Cut a patch of skin without features out of a person's neck or cheek."""
    sprite = source[int(rng.integers(len(source)))]
    x1, y1, x2, y2 = sprite.box
    wide, tall = x2 - x1, y2 - y1
    fx, fy = (rng.uniform(0.3, 0.6), 1.0) if rng.random() < 0.6 else (rng.uniform(0.15, 0.65), 0.5)
    left = int(np.clip(x1 + fx * wide, 0, sprite.rgba.shape[1] - 8))
    top = int(np.clip(y1 + fy * tall, 0, sprite.rgba.shape[0] - 8))
    crop = sprite.rgba[top : top + max(6, int(0.2 * tall)), left : left + max(6, int(0.2 * wide))]
    rgba = cv2.resize(crop, (96, 96), interpolation=cv2.INTER_CUBIC)
    y, x = (line / 48 - 1 for line in rows_and_columns(96, 96))
    field = fractal(rng, 96, 96, cells=2, octaves=3) - 0.3 * np.hypot(y, x)
    rgba[..., 3] = cv2.convertScaleAbs(np.maximum(field - 0.25, 0), alpha=12 * 255)
    return rgba
