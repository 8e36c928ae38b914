"""Cut-outs on a canvas: scaled down as a camera does, turned, laid over a picture that knows which
person each pixel belongs to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from facelab.humans.scenery.textures import mixed

NOBODY, THING = -1, -2  # owners of background and of things in front


@dataclass(eq=False)
class Canvas:
    """A picture in the making.

    image: (H, W, 3) uint8 RGB. owner: (H, W) int16, number of the person whose pixel it is, or
    NOBODY or THING.
    """

    image: np.ndarray
    owner: np.ndarray

    @classmethod
    def over(cls, background: np.ndarray) -> Canvas:
        """Start from a background (H, W, 3), which is drawn over."""
        return cls(background, np.full(background.shape[:2], NOBODY, np.int16))

    def lay(self, premultiplied: np.ndarray, x: int, y: int, owner: int) -> None:
        """Lay a cut-out over the canvas at a pixel: (h, w, 4) uint8, colours multiplied by alpha.

        Parts outside the canvas are left out.
        """
        height, width = self.owner.shape
        alpha = cv2.extractChannel(premultiplied, 3)
        left, top, wide, tall = cv2.boundingRect(alpha)  # much of most cut-outs is empty
        x1, y1 = max(x + left, 0), max(y + top, 0)
        x2, y2 = min(x + left + wide, width), min(y + top + tall, height)
        if x1 >= x2 or y1 >= y2:
            return
        part = slice(y1 - y, y2 - y), slice(x1 - x, x2 - x)
        alpha = alpha[part]
        under = self.image[y1:y2, x1:x2]
        rest = cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGB)
        colours = cv2.cvtColor(premultiplied[part], cv2.COLOR_RGBA2RGB)
        cv2.add(cv2.multiply(under, rest, scale=1 / 255), colours, dst=under)
        self.owner[y1:y2, x1:x2][alpha > 127] = owner


def premultiply(rgba: np.ndarray) -> np.ndarray:
    """Multiply colours by alpha: (h, w, 4) uint8 in and out."""
    return cv2.cvtColor(rgba, cv2.COLOR_RGBA2mRGBA)


def straight(premultiplied: np.ndarray) -> np.ndarray:
    """Divide colours by alpha, the inverse of `premultiply`: (h, w, 4) uint8 in and out.

    What OpenCV draws smoothly on nothing comes multiplied.
    """
    alpha = cv2.extractChannel(premultiplied, 3)
    full = cv2.merge([alpha, alpha, alpha, np.full_like(alpha, 255)])
    return cv2.divide(premultiplied, full, scale=255)


def painted_over(rgba: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Paint a picture (h, w, 3) over a cut-out (h, w, 4) where a mask (h, w) uint8 says; gives a
    new one, opaque where the mask is."""
    colours = mixed(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), picture, mask)
    alpha = cv2.max(cv2.extractChannel(rgba, 3), mask)
    return cv2.merge([*cv2.split(colours), alpha])


def brightened(rgba: np.ndarray, gains: np.ndarray | float) -> np.ndarray:
    """Multiply the colours of a cut-out (h, w, 4) by a gain each, (3,), or all by one; a new one of
    the same alpha."""
    levels = np.arange(256)[:, None]
    table = np.concatenate([levels * np.broadcast_to(gains, 3), levels], axis=1)
    return cv2.LUT(rgba, table.clip(0, 255).round().astype(np.uint8).reshape(256, 1, 4))


def covers(mask: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Tell at which points (n, 2) a mask (h, w) uint8 is more than half full, (n,) bool; points
    outside count as the nearest pixel."""
    columns = points[:, 0].astype(int).clip(0, mask.shape[1] - 1)
    rows = points[:, 1].astype(int).clip(0, mask.shape[0] - 1)
    return mask[rows, columns] > 127


def reduced(rgba: np.ndarray, times: int) -> np.ndarray:
    """Shrink a cut-out (h, w, 4) by a whole number, by area means that leave out what is
    transparent."""
    height, width = rgba.shape[0] // times, rgba.shape[1] // times
    even = premultiply(rgba[: height * times, : width * times])
    return straight(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))


def similarity(
    *, scale: float, turn: float, pivot: tuple[float, float], target: tuple[float, float]
) -> np.ndarray:
    """Give the (2, 3) matrix that scales, turns (radians, clockwise on screen) and moves pivot to
    target; both in pixel coordinates where pixel k covers [k, k + 1)."""
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.hstack([linear, (np.array(target) - linear @ np.array(pivot))[:, None]])


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply a (2, 3) matrix to points (..., 2)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def corners(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Give the corners (4, 2) of a picture (h, w, ...) that is drawn through a (2, 3) matrix."""
    height, width = picture.shape[:2]
    return moved(np.array([[0, 0], [width, 0], [width, height], [0, height]], float), matrix)


def fixed(points: np.ndarray) -> np.ndarray:
    """Give points (n, 2) as OpenCV's drawing functions take them with a shift of 4 bits; OpenCV
    puts pixel centres on whole numbers."""
    return ((points - 0.5) * 16).round().astype(np.int32)


def frame(
    points: np.ndarray, size: tuple[int, ...], *, margin: int = 0
) -> tuple[int, int, int, int] | None:
    """Give the whole-pixel rectangle x1, y1, x2, y2 around points (n, 2) with a margin, cut to
    (height, width); None if nothing is left."""
    left, top = points.min(axis=0).tolist()
    right, bottom = points.max(axis=0).tolist()
    x1, y1 = max(math.floor(left) - margin, 0), max(math.floor(top) - margin, 0)
    x2 = min(math.ceil(right) + margin, size[1])
    y2 = min(math.ceil(bottom) + margin, size[0])
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def warp(
    picture: np.ndarray,
    matrix: np.ndarray,
    rectangle: tuple[int, int, int, int],
    *,
    border: int = cv2.BORDER_CONSTANT,
    most: int = 2,
) -> np.ndarray:
    """Draw a picture (h, w, c) uint8 through a matrix into a rectangle of the target.

    Shrinks by area means, as a sensor does: picture halved until it is at most twice too fine, then
    drawn at double resolution and averaged. most: 1 leaves the doubling out.
    """
    x1, y1, x2, y2 = rectangle
    matrix = matrix.copy()
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    fine = most if scale < 0.75 else 1
    while scale * fine < 0.5 and min(picture.shape[:2]) >= 4:
        height, width = picture.shape[0] // 2 * 2, picture.shape[1] // 2 * 2
        even = picture[:height, :width]
        picture = cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        matrix[:, :2] *= 2
        scale *= 2
    matrix[:, 2] -= (x1, y1)
    matrix *= fine
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV puts pixel centres on whole numbers
    size = (x2 - x1) * fine, (y2 - y1) * fine
    filter_ = cv2.INTER_CUBIC if scale > 1.2 else cv2.INTER_LINEAR
    drawn = cv2.warpAffine(picture, matrix, size, flags=filter_, borderMode=border)
    if fine == 2:
        drawn = cv2.resize(drawn, (x2 - x1, y2 - y1), interpolation=cv2.INTER_AREA)
    return drawn


def stamp(
    premultiplied: np.ndarray, matrix: np.ndarray, rectangle: tuple[int, int, int, int]
) -> np.ndarray:
    """Draw a cut-out (h, w, 4) through a matrix into a rectangle; where the cut-out's own border
    cuts something, the cut stays clean."""
    drawn = warp(premultiplied, matrix, rectangle, border=cv2.BORDER_REPLICATE)
    mask = np.zeros(drawn.shape[:2], np.uint8)
    outline = fixed(corners(premultiplied, matrix) - rectangle[:2])
    cv2.fillConvexPoly(mask, outline, 255, cv2.LINE_AA, 4)
    alpha = cv2.multiply(drawn[..., 3], mask, scale=1 / 255)
    drawn = cv2.multiply(drawn, cv2.merge([mask] * 4), scale=1 / 255)
    return cv2.min(drawn, cv2.merge([alpha] * 4))  # bicubic filters overshoot


def blurred(
    premultiplied: np.ndarray, sigma: float, size: tuple[int, int], corner: tuple[int, int]
) -> tuple[np.ndarray, int, int]:
    """Put a cut-out out of focus: pad it, blur it, and give it with its new corner."""
    if sigma < 0.3:
        return premultiplied, *corner
    pad = int(np.ceil(2.5 * sigma))
    wide = cv2.copyMakeBorder(premultiplied, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    for axis in (0, 1):  # where the picture's border cuts the person, it goes on
        start = corner[1 - axis]
        first, last = start == 0, start + premultiplied.shape[axis] == size[axis]
        edge = [slice(None)] * 2
        row = edge.copy()
        for cut, padding, source in (
            (first, slice(0, pad), slice(pad, pad + 1)),
            (last, slice(-pad, None), slice(-pad - 1, -pad)),
        ):
            if cut:
                edge[axis], row[axis] = padding, source
                wide[tuple(edge)] = wide[tuple(row)]
    return cv2.GaussianBlur(wide, (0, 0), sigma), corner[0] - pad, corner[1] - pad
