"""Rounded limbs in two dimensions: arms, hands and anything else that is shaded towards its rim."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import cv2
import numpy as np

from facelab.humans.scenery.cutouts import fixed, frame, moved

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


_TURNS = np.linspace(-np.pi / 2, np.pi / 2, 7)
_CAP = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1)  # a half circle about the first axis


@dataclass(frozen=True, eq=False)
class Patch:
    """A premultiplied picture (h, w, 4) on which limbs are drawn through a (2, 3) matrix.

    unit: height of a face in the limbs' coordinates.
    """

    rgba: np.ndarray
    matrix: np.ndarray
    unit: float

    @functools.cached_property
    def face(self) -> float:
        """Height of a face in pixels."""
        return math.hypot(*self.matrix[:, 0].tolist()) * self.unit

    def fill(self, outline: np.ndarray, paint: np.ndarray, soft: float) -> None:
        """Fill an outline (n, 2) with a colour (3,) or picture (h, w, 3), darker towards its rim.

        soft: how far in the shade of the rim reaches, in shares of a face's height.
        """
        points = moved(outline, self.matrix)
        reach = max(1, round(0.3 * soft * self.face))
        rectangle = frame(points, self.rgba.shape[:2], margin=reach)
        if rectangle is None:
            return
        shaded = self.face > 9
        if not shaded and paint.ndim == 1:
            tone = (*paint.tolist(), 255.0)
            cv2.fillPoly(self.rgba, [fixed(points)], tone, cv2.LINE_AA, 4)
            return
        x1, y1, x2, y2 = rectangle
        mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
        cv2.fillPoly(mask, [fixed(points - (x1, y1))], 255, cv2.LINE_AA, 4)
        lit: np.ndarray = mask
        if shaded:
            side = (2 * reach + 1, 2 * reach + 1)
            inner = cv2.blur(cv2.blur(mask, side), side)
            light = cv2.convertScaleAbs(inner, alpha=0.55, beta=115)
            lit = cv2.multiply(light, mask, scale=1 / 255)
        if paint.ndim == 1:
            planes = [cv2.convertScaleAbs(lit, alpha=tone / 255) for tone in paint.tolist()]
            over = cv2.merge([*planes, mask])
        else:
            over = cv2.cvtColor(paint[y1:y2, x1:x2], cv2.COLOR_RGB2RGBA)
            over = cv2.multiply(over, cv2.merge([lit, lit, lit, mask]), scale=1 / 255)
        part = self.rgba[y1:y2, x1:x2]
        rest = cv2.bitwise_not(mask)
        cv2.add(cv2.multiply(part, cv2.merge([rest] * 4), scale=1 / 255), over, dst=part)

    def arm(self, points: np.ndarray, shirt: np.ndarray, skin: np.ndarray, sleeve: float) -> None:
        """Draw an arm with its hand: points (3, 2) are shoulder, elbow, wrist.

        shirt: picture (h, w, 3) of the sleeve, which covers a share `sleeve` of the arm from the
        shoulder. skin: colour (3,).
        """
        u = self.unit
        shoulder, elbow, wrist = points
        if self.face < 14:  # too small for hands
            self.fill(capsule(shoulder, elbow, 0.21 * u, 0.18 * u), shirt, 0.35)
            lower = capsule(elbow, wrist, 0.18 * u, 0.13 * u)
            self.fill(lower, shirt if sleeve > 0.5 else skin, 0.35)
            return
        self.fill(capsule(shoulder, elbow, 0.21 * u, 0.18 * u), skin, 0.35)
        self.fill(capsule(elbow, wrist, 0.18 * u, 0.11 * u), skin, 0.35)
        along = unit(wrist - elbow)
        palm = wrist + (0.14 * along + _PALM @ _axes(along)) * u
        self.fill(palm, skin, 0.3)
        cuff = shoulder + (elbow - shoulder) * min(1.0, sleeve * 2)
        self.fill(capsule(shoulder, cuff, 0.22 * u, 0.2 * u), shirt, 0.35)
        if sleeve > 0.5:
            end = elbow + (wrist - elbow) * min(1.0, 2 * sleeve - 1)
            self.fill(capsule(elbow, end, 0.19 * u, 0.13 * u), shirt, 0.35)


def unit(vector: np.ndarray) -> np.ndarray:
    """Give a vector (2,) the length 1."""
    return vector / max(math.hypot(*vector.tolist()), 1e-6)


def capsule(start: np.ndarray, end: np.ndarray, first: float, last: float) -> np.ndarray:
    """Give the outline (n, 2) of a limb between two points with a radius at each."""
    cap = _CAP @ _axes(unit(end - start))
    return np.concatenate([end + last * cap, start - first * cap])


def _axes(along: np.ndarray) -> np.ndarray:
    """Give a direction and the one across it as rows (2, 2)."""
    x, y = along.tolist()
    return np.array([[x, y], [-y, x]])
