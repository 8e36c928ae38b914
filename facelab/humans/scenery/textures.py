"""Colours, noise and cloth from which backgrounds, clothes and distractors are painted.

All pictures are uint8 (height, width, 3) RGB, all fields float32 (height, width). Everything random
comes from the numpy generator that is handed in, and nothing drawn from it depends on pixel values,
so that the same seed gives the same picture on any machine.
"""

from __future__ import annotations

import colorsys
import math

import cv2
import numpy as np

Colour = tuple[int, int, int]

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in a pixel's grey level. Source: ITU-R BT.601."""

# Skin in sRGB from light to dark; lights and looks spread it further.
SKIN = np.array(
    [
        [246, 214, 190],
        [234, 192, 160],
        [222, 170, 136],
        [200, 146, 110],
        [170, 116, 82],
        [132, 88, 62],
        [92, 60, 44],
        [64, 44, 36],
    ],
    np.float32,
)
HAIR = np.array(
    [[20, 16, 14], [40, 28, 22], [74, 48, 32], [120, 82, 48], [176, 140, 88], [150, 148, 146]],
    np.float32,
)

# Hue, saturation, value, each as (lowest, highest) in [0, 1].
_RANGES = {
    "any": ((0, 1), (0, 1), (0, 1)),
    "grey": ((0, 1), (0, 0.1), (0.08, 0.96)),
    "earth": ((0.03, 0.14), (0.16, 0.6), (0.2, 0.86)),
    "green": ((0.16, 0.36), (0.24, 0.78), (0.12, 0.75)),
    "vivid": ((0, 1), (0.55, 1), (0.35, 1)),
    "pale": ((0, 1), (0.01, 0.24), (0.7, 1)),
    "dark": ((0, 1), (0.04, 0.55), (0.03, 0.27)),
    "sky": ((0.53, 0.67), (0.04, 0.59), (0.59, 1)),
}


def colour(rng: np.random.Generator, kind: str = "any") -> Colour:
    """Draw an sRGB colour. kind: "any", "grey", "earth", "green", "vivid", "pale", "dark", "sky",
    "skin" or "hair"."""
    if kind == "skin":
        return shade(_between(rng, SKIN), float(rng.uniform(0.7, 1.15)))
    if kind == "hair":
        return shade(_between(rng, HAIR), float(rng.uniform(0.7, 1.3)))
    hues, saturations, values = _RANGES[kind]
    saturation, value = rng.uniform(*saturations), rng.uniform(*values)
    if kind == "any":  # most things are rather dull
        saturation, value = rng.beta(1.2, 2.6), rng.beta(1.8, 1.3)
    red, green, blue = colorsys.hsv_to_rgb(rng.uniform(*hues), saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def _between(rng: np.random.Generator, colours: np.ndarray) -> np.ndarray:
    """Draw a colour between two neighbours of a list (n, 3)."""
    place = rng.uniform(0, len(colours) - 1)
    low = int(place)
    share = place - low
    return colours[low] * (1 - share) + colours[min(low + 1, len(colours) - 1)] * share


def shade(base: np.ndarray | Colour, factor: float) -> Colour:
    """Give a colour (3,) made brighter or darker."""
    red, green, blue = (np.asarray(base, np.float32) * factor).clip(0, 255).round().astype(int)
    return int(red), int(green), int(blue)


def saturation(share: float) -> np.ndarray:
    """Give the matrix (3, 3) that keeps a share of a picture's colour: 0 leaves grey, 1 all."""
    return share * np.eye(3) + (1 - share) * LUMA


def fractal(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    cells: int = 4,
    octaves: int = 5,
    decay: float = 0.55,
    stretch: float = 1.0,
) -> np.ndarray:
    """Draw fractal noise: (height, width) float32, most of it in [0, 1], mean 0.5.

    cells: size of the coarsest grid along the shorter side. decay: amplitude of an octave relative
    to the one before. stretch: above 1 makes horizontal streaks, below 1 vertical ones.
    """
    side = min(height, width)
    rows = max(2, round(cells * height / side * max(1.0, stretch)))
    columns = max(2, round(cells * width / side * max(1.0, 1 / stretch)))
    field: np.ndarray = np.zeros((rows, columns), np.float32)
    amplitude, power = 1.0, 0.0
    for octave in range(octaves):
        if octave:
            rows, columns = min(2 * rows, height), min(2 * columns, width)
            field = cv2.resize(field, (columns, rows), interpolation=cv2.INTER_LINEAR)
        field += amplitude * rng.standard_normal(field.shape, np.float32)
        power += amplitude**2
        amplitude *= decay
        if rows == height and columns == width:
            break
    field *= np.float32(0.3 / power**0.5)
    field += np.float32(0.5)
    return cv2.resize(field, (width, height), interpolation=cv2.INTER_LINEAR)


def rows_and_columns(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the coordinates y (height, 1) and x (1, width) of all pixels, float32."""
    y, x = np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32)
    return y[:, None], x[None]


def lit(tone: np.ndarray | Colour, light: np.ndarray) -> np.ndarray:
    """Give a flat colour (3,) the brightness of a field (h, w): (h, w, 3) uint8, clipped."""
    light = np.maximum(light, 0)  # OpenCV would take the absolute value
    return cv2.merge([cv2.convertScaleAbs(light, alpha=float(channel)) for channel in tone])


def tinted(field: np.ndarray, colours: list[Colour]) -> np.ndarray:
    """Colour a field in [0, 1] through evenly spaced colours: (height, width, 3) uint8."""
    stops = np.linspace(0, 255, len(colours))
    table = np.stack(
        [np.interp(np.arange(256), stops, channel) for channel in np.array(colours).T], axis=1
    )
    index = cv2.convertScaleAbs(np.maximum(field, 0), alpha=255)
    return cv2.applyColorMap(index, table.round().astype(np.uint8).reshape(256, 1, 3))


def times(image: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Multiply a picture (h, w, 3) by a field (h, w) in [0, 2); uint8, clipped."""
    share = cv2.convertScaleAbs(np.maximum(factor, 0), alpha=127.5)
    return cv2.multiply(image, cv2.merge([share, share, share]), scale=1 / 127.5)


def mixed(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Blend two pictures (h, w, 3); share (h, w) is that of the second: float in [0, 1], or uint8
    in [0, 255]."""
    if share.dtype != np.uint8:
        share = cv2.convertScaleAbs(share, alpha=255)
    share = cv2.merge([share, share, share])
    rest = cv2.multiply(first, cv2.bitwise_not(share), scale=1 / 255)
    return cv2.add(rest, cv2.multiply(second, share, scale=1 / 255))


_WORDS = (
    "open exit sale taxi music radio museum garden coffee tea bread fruit books paper school lab "
    "team north south east west river lake mountain sun moon star summer winter market station "
    "hotel bus tram train line gate ticket press photo video sport run team club blue green red "
    "welcome hello news today free new best first one two three city park road bridge tower"
).split()


def words(rng: np.random.Generator, count: int) -> str:
    """Draw harmless words and numbers: random letters might spell what nobody wants to read."""
    drawn = []
    for _ in range(count):
        word = _WORDS[int(rng.integers(len(_WORDS)))]
        look = int(rng.integers(4))
        drawn.append((word, word.upper(), word.title(), str(int(rng.integers(1, 10**4))))[look])
    return " ".join(drawn)


CLOTHS = ("plain", "stripes", "checks", "tartan", "dots", "flowers", "zigzag", "knit", "print")
_SHARES = np.array([0.22, 0.17, 0.13, 0.1, 0.08, 0.1, 0.05, 0.07, 0.08])  # how often each is drawn


def cloth(
    rng: np.random.Generator, height: int, width: int, *, kind: str | None = None, pitch: float = 12
) -> np.ndarray:
    """Paint woven or printed cloth without light or folds: (height, width, 3) uint8.

    kind: one of CLOTHS, or None for any. pitch: typical size of a stripe or motif in pixels.
    Raises ValueError for another kind.
    """
    if kind is not None and kind not in CLOTHS:
        raise ValueError(f"no cloth is called {kind!r}; there are {', '.join(CLOTHS)}")
    kind = kind or str(rng.choice(CLOTHS, p=_SHARES))
    taste = "any" if rng.random() < 0.6 else str(rng.choice(["grey", "vivid", "pale", "dark"]))
    base, second, third = (colour(rng, taste if n else "any") for n in range(3))
    pitch = max(2.0, pitch * float(np.exp(rng.normal(0, 0.45))))
    angle = float(rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)], p=[0.45, 0.35, 0.2]))
    y, x = rows_and_columns(height, width)
    cos, sin = math.cos(angle) / pitch, math.sin(angle) / pitch
    along, across = x * cos + y * sin, y * cos - x * sin
    phase = float(rng.uniform(0, 1))
    if kind == "stripes":
        widths = rng.dirichlet([2.0, 2.0, 1.0])
        return _bands(along + phase, widths, [base, second, third])
    if kind in ("checks", "tartan"):
        widths = rng.dirichlet([3.0, 2.0, 0.6]) if kind == "tartan" else np.array([0.5, 0.5])
        colours = [base, second, third][: len(widths)]
        first = _bands(along + phase, widths, colours)
        return cv2.addWeighted(first, 0.5, _bands(across + phase, widths, colours), 0.5, 0)
    if kind == "zigzag":
        bent = along + 0.5 * np.abs(across % 1 - 0.5)
        return _bands(bent, np.array([0.5, 0.5]), [base, second])
    if kind in ("dots", "flowers"):
        return _motifs(along, across, kind, [base, second, third], float(rng.uniform(0.18, 0.42)))
    if kind == "knit":
        ribs = 0.88 + 0.12 * np.sin(4 * np.pi * along) * np.cos(2 * np.pi * across)
        return lit(base, ribs)
    picture = np.full((height, width, 3), base, np.uint8)
    if kind == "print":
        _print(rng, picture, pitch, [second, third])
    return picture


def _print(
    rng: np.random.Generator, picture: np.ndarray, pitch: float, colours: list[Colour]
) -> None:
    """Scatter large ellipses and rectangles over a picture, in place."""
    height, width = picture.shape[:2]
    for _ in range(int(rng.integers(1, 9))):
        centre = rng.uniform(0, 1, 2) * (width, height)
        axes = pitch * rng.uniform(0.4, 3.0, 2)
        tone = colours[int(rng.integers(len(colours)))]
        box = (centre.tolist(), (2 * axes).tolist(), float(rng.uniform(0, 180)))
        if rng.random() < 0.5:
            cv2.ellipse(picture, box, tone, -1, cv2.LINE_AA)
        else:
            cv2.fillPoly(picture, [cv2.boxPoints(box).astype(np.int32)], tone, cv2.LINE_AA)


def _bands(place: np.ndarray, widths: np.ndarray, colours: list[Colour]) -> np.ndarray:
    """Colour a running coordinate by bands that repeat every 1."""
    edges = np.cumsum(widths) / np.sum(widths)
    table = np.zeros((256, 1, 3), np.uint8)
    steps = np.searchsorted(edges[:-1], (np.arange(256) + 0.5) / 256, side="right")
    table[:, 0] = np.array(colours, np.uint8)[steps]
    index = (place - np.floor(place)) * 256
    return cv2.applyColorMap(index.astype(np.uint16).astype(np.uint8), table)  # 256 is 0 again


def _motifs(
    along: np.ndarray, across: np.ndarray, kind: str, colours: list[Colour], size: float
) -> np.ndarray:
    """Scatter dots or five-petalled flowers, every other row moved by half a pitch."""
    across = across / 1.6
    rows = np.floor(across)
    u = along / 1.6 + 0.5 * (rows % 2)
    u, v = u - np.floor(u) - 0.5, across - rows - 0.5
    radius = np.hypot(u, v)
    edge: np.ndarray | float = size
    if kind == "flowers":
        edge = size * (0.72 + 0.28 * np.cos(5 * np.arctan2(v, u)))
    ring = (radius < edge).view(np.uint8) + (radius < 0.3 * size).view(np.uint8)  # 0, 1 or 2
    table = np.zeros((256, 1, 3), np.uint8)
    table[:3, 0] = colours
    return cv2.applyColorMap(ring, table)


def folds(rng: np.random.Generator, height: int, width: int, *, depth: float = 0.2) -> np.ndarray:
    """Draw the light and dark of hanging cloth: (height, width) float32 around 1."""
    field = fractal(rng, height, width, cells=3, octaves=3, decay=0.6, stretch=0.45)
    return 1 + 2 * depth * (field - 0.5)
