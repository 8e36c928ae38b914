"""The papers working together: a photo goes in, aligned faces come out.

So far three steps exist: detect, place landmarks, align. Embedding, comparing and ageing join as
their rooms open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from facelab.geometry.alignment import align_face
from facelab.types import Faces

Detector = Callable[[np.ndarray], Faces]
Landmarker = Callable[[np.ndarray, Tensor], Tensor]
"""(photo (H, W, 3) uint8, boxes (N, 4)) -> five landmarks a face, (N, 5, 2), in pixels."""


def with_landmarks(detector: Detector, landmarker: Landmarker) -> Detector:
    """Give a detector whose landmarks come from somebody else: the same boxes and scores."""

    def detect(photo: np.ndarray) -> Faces:
        faces = detector(photo)
        return Faces(faces.boxes, faces.scores, landmarker(photo, faces.boxes))

    return detect


@dataclass(frozen=True)
class Portrait:
    """One face of a photo, found and aligned.

    box: x1, y1, x2, y2 in pixels of the photo. score: in [0, 1]. crop: uint8 (size, size, 3),
    turned and scaled so that its landmarks lie on the ArcFace template.
    """

    box: tuple[float, float, float, float]
    score: float
    crop: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Detect the faces of a photo and align each to the template.

    detector: photo -> Faces. landmarker: photo and boxes -> five landmarks a face, used instead of
    the detector's own; needed when that gives none. size: side of the aligned crops in pixels.
    """

    detector: Detector
    landmarker: Landmarker | None = None
    size: int = 112

    def __call__(self, photo: np.ndarray) -> list[Portrait]:
        """Give the portraits of a photo, uint8 (H, W, 3) RGB, the surest face first.

        Raises ValueError when there are no landmarks to align with.
        """
        detector = self.detector
        if self.landmarker is not None:
            detector = with_landmarks(detector, self.landmarker)
        faces = detector(photo)
        if faces.landmarks is None:
            raise ValueError(
                "the detector gives no landmarks, and alignment needs five; choose one that does, "
                'or give a landmarker, such as facelab.load("dcnn_cascade")'
            )
        found = zip(faces.boxes.tolist(), faces.scores.tolist(), faces.landmarks, strict=True)
        return [
            Portrait(tuple(box), score, align_face(photo, points, size=self.size))
            for box, score, points in found
        ]
