"""From the rest pose to the picture: head turn, neck, camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from facelab.humans.parts import Fit, Follows
from facelab.humans.rendering import kernels

BODY_SHARE = 0.45  # of the head's turn that the shoulders follow


def vector(*values: float) -> np.ndarray:
    """Make a float32 array of numbers."""
    return np.array(values, np.float32)


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Build a rotation (3, 3) float32 from radians: yaw about y, pitch about x, roll about z.

    yaw > 0 turns the face to its own left, pitch > 0 lifts it, roll > 0 leans the head to its own
    right, anticlockwise in the picture.
    """
    cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(-pitch), math.sin(-pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    turn = np.array(((cy, 0, sy), (0, 1, 0), (-sy, 0, cy)))
    nod = np.array(((1, 0, 0), (0, cp, -sp), (0, sp, cp)))
    lean = np.array(((cr, -sr, 0), (sr, cr, 0), (0, 0, 1)))
    return (turn @ nod @ lean).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Pose:
    """Turn head and shoulders of one person.

    head, torso: (3, 3) rotations about `pivot`. neck: (3,) base of the neck. length: of the neck.
    """

    head: np.ndarray
    torso: np.ndarray
    pivot: np.ndarray
    neck: np.ndarray
    length: float

    @classmethod
    def of(cls, fit: Fit, *, yaw: float, pitch: float, roll: float, tilt: float = 0.0) -> Pose:
        """Pose a person. Angles in radians; tilt turns the shoulders on their own."""
        neck, skull = fit.joint("neck"), fit.joint("head")
        return cls(
            head=rotation(yaw, pitch, roll),
            torso=rotation(yaw * BODY_SHARE + tilt, 0, 0),
            pivot=(neck + 0.4 * (skull - neck)).astype(np.float32),
            neck=neck,
            length=float(skull[1] - neck[1]),
        )

    def apply(self, points: np.ndarray, follows: Follows = "skin") -> np.ndarray:
        """Move rest-pose points (N, 3) with the head, the body, or as skin, with a blend of both.

        The neck leans forward: the chin moves with the head, the nape with the body.
        """
        centred = points - self.pivot
        if follows == "head":
            return centred @ self.head.T + self.pivot
        if follows == "body":
            return centred @ self.torso.T + self.pivot
        still, turned = centred @ self.torso.T, centred @ self.head.T
        length = np.float32(self.length)
        return np.asarray(kernels.lean(points, still, turned, self.pivot, self.neck, length))

    def place(
        self, points: np.ndarray, normals: np.ndarray, follows: Follows
    ) -> tuple[np.ndarray, np.ndarray]:
        """Move rest-pose points (N, 3) with their normals (N, 3), nearly of unit length."""
        moved = self.apply(points, follows)
        if follows == "skin":
            return moved, (self.apply(points + 0.01 * normals) - moved) * 100
        return moved, normals @ (self.head if follows == "head" else self.torso).T


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera that looks along -z.

    eye: (3,) position. focal: focal length in picture heights. middle: (2,) pixels where the
    optical axis meets the picture. height: of the picture in pixels.
    """

    eye: np.ndarray
    focal: float
    middle: tuple[float, float]
    height: float

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give pixels (N, 2) and inverse distances (N,), -1 behind the camera."""
        distance = self.eye[2] - points[:, 2]
        inverse = 1 / np.maximum(distance, 0.1)
        scale = inverse * np.float32(self.focal * self.height)
        x = self.middle[0] + (points[:, 0] - self.eye[0]) * scale
        y = self.middle[1] - (points[:, 1] - self.eye[1]) * scale
        screen = np.stack((x, y), axis=1).astype(np.float32)
        return screen, np.where(distance > 0.1, inverse, -1).astype(np.float32)
