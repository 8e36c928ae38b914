"""Cut faces out of sprites and lay them on backgrounds: the small pictures that loaders hand out.

Matrices are (2, 3) maps from sprite pixels to crop pixels, in the coordinates of `cv2.warpAffine`,
as in `facelab.geometry.alignment`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from facelab.geometry.alignment import template
from facelab.geometry.landmarks import MIRROR_5, MIRROR_68

Degrade = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""(photo uint8 (H, W, 3), generator) -> the same photo, as a worse camera takes it."""

Paint = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
"""(generator, (H, W)) -> a photo uint8 (H, W, 3) without faces."""


class Backdrops:
    """A few backgrounds, made once in each process; windows of them serve many crops.

    seed: another one gives others. count: how many. side: of each, in pixels. paint: what makes one
    of (height, width); facelab's own backgrounds when left out.
    Raises ValueError for a count or side below 1.
    """

    def __init__(
        self, *, seed: int = 0, count: int = 48, side: int = 320, paint: Paint | None = None
    ) -> None:
        if count < 1 or side < 1:
            raise ValueError(f"count, side: expected 1 or more, got {count}, {side}")
        self.seed, self.count, self.side, self.paint = seed, count, side, paint
        self._made: dict[int, np.ndarray] = {}

    def __getstate__(self) -> dict[str, object]:
        """Leave the pictures out: another process makes its own."""
        return {**self.__dict__, "_made": {}}

    def window(self, rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
        """Give a random part of a random backdrop: uint8 (H, W, 3), its own copy."""
        number, turn = int(rng.integers(self.count)), int(rng.integers(8))
        if number not in self._made:
            own = np.random.default_rng([self.seed, number])
            self._made[number] = self._paint(own)
        backdrop = self._made[number]
        zoom = float(np.exp(rng.uniform(math.log(0.5), math.log(2.0))))
        height, width = (min(self.side, max(2, round(n * zoom))) for n in size)
        top = int(rng.integers(self.side - height + 1))
        left = int(rng.integers(self.side - width + 1))
        part = backdrop[top : top + height, left : left + width]
        if turn & 1:
            part = cv2.flip(part, 1)
        gain = rng.uniform(0.6, 1.25) * rng.uniform(0.9, 1.1, 3)
        part = cv2.resize(part, size[::-1], interpolation=cv2.INTER_LINEAR)
        return cv2.transform(part, np.diag(gain))

    def _paint(self, rng: np.random.Generator) -> np.ndarray:
        """Make one backdrop: uint8 (side, side, 3)."""
        if self.paint is not None:
            return self.paint(rng, (self.side, self.side))
        from facelab.humans.scenery.backgrounds import background

        return background(rng, (self.side, self.side))


@dataclass(frozen=True)
class Augment:
    """Say by how much crops vary; `PLAIN` not at all.

    angle: largest turn, radians. zoom: largest change of size, a factor above 1. shift: largest,
    as a share of the side. mirror: chance of mirroring. degrade: what a worse camera does to the
    crop, or None.
    Raises ValueError that names what is outside its range.
    """

    angle: float = 0.06
    zoom: float = 1.06
    shift: float = 0.02
    mirror: float = 0.5
    degrade: Degrade | None = None

    def __post_init__(self) -> None:
        for name, least, most in (
            ("angle", 0, math.inf),
            ("zoom", 1, math.inf),
            ("shift", 0, math.inf),
            ("mirror", 0, 1),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                limits = f"{least} or more" if most == math.inf else f"{least} to {most}"
                raise ValueError(f"{name}: expected {limits}, got {value}")


PLAIN = Augment(angle=0.0, zoom=1.0, shift=0.0, mirror=0.0)


def default_augment(**changes: float) -> Augment:
    """Give the usual variation of crops, with facelab's own `degrade`."""
    from facelab.humans.scenery.degrade import degrade

    return Augment(degrade=degrade, **changes)


def cut(
    rgba: np.ndarray, matrix: np.ndarray, size: tuple[int, int], backdrop: np.ndarray
) -> np.ndarray:
    """Warp a cut-out into a crop and lay it on a backdrop.

    rgba: uint8 (h, w, 4), colours not multiplied by alpha. matrix: (2, 3) cut-out to crop. size:
    (H, W) of the crop. backdrop: uint8 (H, W, 3). Returns uint8 (H, W, 3).
    """
    part, matrix = _needed(rgba, matrix, size)
    ink, matrix = _shrunk(cv2.cvtColor(part, cv2.COLOR_RGBA2mRGBA), matrix)  # colours times alpha
    warped = cv2.warpAffine(ink, matrix, size[::-1], flags=cv2.INTER_LINEAR)  # (H, W, 4)
    colour = cv2.cvtColor(warped, cv2.COLOR_RGBA2RGB)
    clear = cv2.cvtColor(cv2.bitwise_not(cv2.extractChannel(warped, 3)), cv2.COLOR_GRAY2RGB)
    return cv2.add(colour, cv2.multiply(backdrop, clear, scale=1 / 255))


def alignment(five: np.ndarray, size: int | tuple[int, int] = 112) -> np.ndarray:
    """Find the map that aligns a face: the same as `umeyama` onto the template, in a thirtieth of
    the time.

    five: (5, 2). size: of the crop, as in `geometry.template`. Returns (2, 3) float64.
    """
    target, middle = _template(size)
    points = five[:, 0] + 1j * five[:, 1].astype(np.float64)
    start = points.mean()
    points -= start
    turn = np.vdot(points, target) / np.vdot(points, points)  # turn and scale are one number
    move = middle - turn * start
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


def around(box: np.ndarray, size: tuple[int, int], *, margin: float) -> np.ndarray:
    """Find the map that brings a box into the middle of a crop.

    box: (4,) xyxy. size: (H, W) of the crop. margin: what is left on each side, as a share of the
    box's longer side. Returns (2, 3) float64.
    """
    middle = (box[:2] + box[2:]) / 2
    scale = min(size) / (float(max(box[2:] - box[:2])) * (1 + 2 * margin))
    half = np.array([size[1], size[0]]) / 2
    shift = half - 0.5 - scale * (middle - 0.5)  # between centres of pixels
    return np.column_stack([np.eye(2) * scale, shift])


def shaken(
    matrix: np.ndarray,
    size: tuple[int, int],
    rng: np.random.Generator,
    *,
    angle: float,
    zoom: float,
    shift: float,
) -> np.ndarray:
    """Turn, scale and move a map at random, about the middle of the crop.

    angle: largest, radians. zoom: largest change of size, as a factor above 1. shift: largest, as a
    share of the crop's side. Returns (2, 3).
    """
    turn = rng.uniform(-angle, angle)
    scale = math.exp(rng.uniform(-1, 1) * math.log(zoom))
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    x, y = (size[1] - 1) / 2, (size[0] - 1) / 2
    right, down = rng.uniform(-shift, shift, 2).tolist()
    move_x = x - cos * x + sin * y + right * size[1]
    move_y = y - sin * x - cos * y + down * size[0]
    return then(matrix, np.array([[cos, -sin, move_x], [sin, cos, move_y]]))


def varied(
    matrix: np.ndarray, size: tuple[int, int], rng: np.random.Generator, augment: Augment
) -> np.ndarray:
    """Vary a map from sprite to crop at random, by as much as `augment` says."""
    matrix = shaken(matrix, size, rng, angle=augment.angle, zoom=augment.zoom, shift=augment.shift)
    return flipped(matrix, size[1]) if rng.random() < augment.mirror else matrix


def flipped(matrix: np.ndarray, width: int) -> np.ndarray:
    """Mirror a crop left to right: x becomes width - 1 - x, pixel centre by pixel centre."""
    mirrored = matrix.copy()
    mirrored[0] *= -1
    mirrored[0, 2] += width - 1
    return mirrored


def then(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Chain two (2, 3) maps: the first, then the second."""
    both = second[:, :2] @ first
    both[:, 2] += second[:, 2]
    return both


def move_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply a map of pixel centres to points of the labels' frame, where pixel k covers [k, k + 1).

    points: (P, 2). Returns (P, 2) float32; a mirroring map also swaps left and right partners.
    """
    moved = (points - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    return moved[swap(matrix, len(points))].astype(np.float32)


def swap(matrix: np.ndarray, points: int) -> np.ndarray:
    """Say where each point comes from after a map: elsewhere only if the map mirrors."""
    order = {5: MIRROR_5, 68: MIRROR_68}.get(points)
    if order is None or area(matrix) > 0:
        return np.arange(points)
    return np.array(order)


def move_box(matrix: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Move a box: its middle goes where the map says, its size only scales. Returns (4,)."""
    middle = move_points(matrix, ((box[:2] + box[2:]) / 2)[None])[0]
    half = (box[2:] - box[:2]) / 2 * math.sqrt(abs(area(matrix)))
    return np.concatenate([middle - half, middle + half]).astype(np.float32)


def area(matrix: np.ndarray) -> float:
    """Say how many pixels of the crop a pixel of the sprite becomes: below 0 for a map that
    mirrors."""
    (a, b, _), (c, d, _) = matrix.tolist()
    return a * d - b * c


@functools.cache
def _template(size: int | tuple[int, int]) -> tuple[np.ndarray, complex]:
    """Give the template as complex numbers about their mean, (5,), and that mean."""
    points = template(size).double().numpy()
    places = points[:, 0] + 1j * points[:, 1]
    return places - places.mean(), complex(places.mean())


def _needed(
    rgba: np.ndarray, matrix: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out what lies outside the crop: the rest is handled in half of the time."""
    (a, b, e), (c, d, f) = matrix.tolist()
    scale = area(matrix)
    corners = [(x - e, y - f) for x in (0, size[1]) for y in (0, size[0])]
    across = [(d * x - b * y) / scale for x, y in corners]  # where they lie in the sprite
    down = [(a * y - c * x) / scale for x, y in corners]
    margin = 2 + 2 / math.sqrt(abs(scale))  # what bilinear and area reach
    left, right = _span(across, margin, rgba.shape[1])
    top, bottom = _span(down, margin, rgba.shape[0])
    there = matrix.copy()
    there[:, 2] += matrix[:, :2] @ (left, top)
    return rgba[top:bottom, left:right], there


def _span(places: list[float], margin: float, length: int) -> tuple[int, int]:
    """Give the first pixel and the one after the last that are needed, at least one."""
    first = min(max(math.floor(min(places) - margin), 0), length - 1)
    return first, max(min(math.ceil(max(places) + margin), length), first + 1)


def _shrunk(ink: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shrink a picture first if the map shrinks it by more than bilinear sampling can follow."""
    scale = math.sqrt(abs(area(matrix)))
    if scale > 0.6:
        return ink, matrix
    height, width = (max(1, round(n * scale * 1.2)) for n in ink.shape[:2])
    ratio_x, ratio_y = ink.shape[1] / width, ink.shape[0] / height
    small = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
    # From the centres of the small picture's pixels to those of the large one's.
    enlarge = np.array([[ratio_x, 0, (ratio_x - 1) / 2], [0, ratio_y, (ratio_y - 1) / 2]])
    return small, then(enlarge, matrix)
