"""Rounded limbs in two dimensions: arms, hands and anything else that is shaded towards its rim."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facelab.humans.scenery.cutouts import frame, moved

# A hand seen from the side, fingers along the first axis; in face heights.
_PALM = np.array(
    [
        [0.1, 0.12],
        [0.26, 0.1],
        [0.4, 0.05],
        [0.4, -0.04],
        [0.26, -0.1],
        [0.1, -0.13],
        [-0.1, -0.1],
        [-0.1, 0.1],
    ]
)


@dataclass(frozen=True, eq=False)
class Patch:
    """A premultiplied picture (h, w, 4) on which limbs are drawn through a matrix."""

    rgba: np.ndarray
    matrix: np.ndarray
    unit: float

    def fill(self, outline: np.ndarray, paint_: np.ndarray, round_: float) -> None:
        """Fill an outline (n, 2) with a colour (3,) or picture, darker towards its rim."""
        points = moved(outline, self.matrix)
        scale = float(np.hypot(*self.matrix[:, 0])) * self.unit
        reach = max(1, round(0.3 * round_ * scale))
        rectangle = frame(points + np.array([[-reach], [reach]])[:, None], self.rgba.shape[:2])
        if rectangle is None:
            return
        x1, y1, x2, y2 = rectangle
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        local = ((points - (x1 + 0.5, y1 + 0.5)) * 16).round().astype(np.int32)
        cv2.fillPoly(mask, [local], 255, cv2.LINE_AA, 4)
        lit: np.ndarray = mask
        if scale > 9:
            inner = cv2.blur(cv2.blur(mask, (2 * reach + 1,) * 2), (2 * reach + 1,) * 2)
            lit = cv2.multiply(cv2.addWeighted(inner, 0.55, inner, 0.0, 115), mask, scale=1 / 255)
        part = self.rgba[y1:y2, x1:x2]
        under = cv2.multiply(part, cv2.merge([255 - mask] * 4), scale=1 / 255)
        shades = cv2.merge([lit, lit, lit, mask])
        if paint_.ndim == 1:
            over = cv2.transform(shades, np.diag([*(paint_ / 255), 1.0]).astype(np.float32))
        else:
            over = cv2.cvtColor(np.ascontiguousarray(paint_[y1:y2, x1:x2]), cv2.COLOR_RGB2RGBA)
            over = cv2.multiply(over, shades, scale=1 / 255)
        self.rgba[y1:y2, x1:x2] = cv2.add(under, over)

    def arm(self, points: np.ndarray, shirt: np.ndarray, skin: np.ndarray, sleeve: float) -> None:
        """Draw an arm (3, 2) with its hand; the sleeve covers a share of it from the shoulder."""
        u = self.unit
        if np.hypot(*self.matrix[:, 0]) * u < 14:  # too small for hands
            self.fill(capsule(points[0], points[1], 0.21 * u, 0.18 * u), shirt, 0.35)
            lower = capsule(points[1], points[2], 0.18 * u, 0.13 * u)
            self.fill(lower, shirt if sleeve > 0.5 else skin, 0.35)
            return
        hand = points[2] + 0.14 * u * unit(points[2] - points[1])
        upper = capsule(points[0], points[1], 0.21 * u, 0.18 * u)
        lower = capsule(points[1], points[2], 0.18 * u, 0.11 * u)
        cuff = points[0] + (points[1] - points[0]) * min(1.0, sleeve * 2)
        self.fill(upper, skin, 0.35)
        self.fill(lower, skin, 0.35)
        along = unit(points[2] - points[1])
        across = np.array([-along[1], along[0]])
        palm = hand + _PALM @ np.stack([along, across]) * u
        self.fill(palm, skin, 0.3)
        self.fill(capsule(points[0], cuff, 0.22 * u, 0.2 * u), shirt, 0.35)
        if sleeve > 0.5:
            wrist = points[1] + (points[2] - points[1]) * min(1.0, 2 * sleeve - 1)
            self.fill(capsule(points[1], wrist, 0.19 * u, 0.13 * u), shirt, 0.35)


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.hypot(*vector)), 1e-6)


def capsule(start: np.ndarray, end: np.ndarray, first: float, last: float) -> np.ndarray:
    """Give the outline (n, 2) of a limb between two points with a radius at each."""
    along = unit(end - start)
    angles = np.linspace(-np.pi / 2, np.pi / 2, 7)
    across = np.array([-along[1], along[0]])
    cap = np.cos(angles)[:, None] * along + np.sin(angles)[:, None] * across
    back = -np.cos(angles)[:, None] * along - np.sin(angles)[:, None] * across
    return np.concatenate([end + last * cap, start + first * back])
