"""Two readings of a photo's coordinates, and how each resizes, crops and decodes.

`HalfOpen` is the course's own: pixel k covers [k, k + 1), windows are exact, crops are padded with
black. `Facenet` repeats facenet-pytorch 2.6.0, number by number: Matlab's one-based inclusive
pixels, area resizing, and crops clipped at the photo's border. Both serve the same cascade
(predict.py).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from facelab.detection.mtcnn.model import STRIDE, WINDOW
from facelab.geometry.boxes import decode_corners, decode_landmarks_corner
from facelab.geometry.integral import IntegralImage
from facelab.geometry.nms import nms
from facelab.geometry.pyramid import MipMaps, level_size


class Convention(Protocol):
    """What the cascade asks of a photo. Boxes are (N, 4) xyxy, crops and levels RGB in [0, 1]."""

    def __init__(self, photo: np.ndarray) -> None: ...

    def level(self, scale: float) -> Tensor:
        """Give the photo at a scale: (1, 3, h, w)."""

    def windows(self, rows: Tensor, cols: Tensor, scales: Tensor) -> Tensor:
        """Give the boxes (N, 4) that cells (N,) of P-Net's maps at these scales (N,) looked at."""

    def fit(self, boxes: Tensor) -> Tensor:
        """Mark boxes (N,) bool of which a crop can be made."""

    def crops(self, boxes: Tensor, size: int) -> Tensor:
        """Cut square boxes out: (N, 3, size, size)."""

    def calibrate_window(self, boxes: Tensor, deltas: Tensor) -> Tensor:
        """Move P-Net's windows by their offsets."""

    def calibrate(self, boxes: Tensor, deltas: Tensor) -> Tensor:
        """Move the boxes of R- and O-Net by their offsets."""

    def landmarks(self, boxes: Tensor, points: Tensor) -> Tensor:
        """Turn x1..x5, y1..y5 in box units (N, 10) into pixels (N, 5, 2)."""

    def final_nms(self, boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
        """Suppress nested boxes: overlap over the smaller area."""


class HalfOpen:
    """The specification in continuous coordinates; see `Convention` for what each method does."""

    def __init__(self, photo: np.ndarray) -> None:
        self.mipmaps = MipMaps(photo)

    def level(self, scale: float) -> Tensor:
        return self.mipmaps.resize(*level_size(self.mipmaps.height, self.mipmaps.width, scale))

    def windows(self, rows: Tensor, cols: Tensor, scales: Tensor) -> Tensor:
        top_left = torch.stack([cols, rows], dim=1) * STRIDE  # (N, 2) in pixels of the level
        return torch.cat([top_left, top_left + WINDOW], dim=1) / scales[:, None]

    def fit(self, boxes: Tensor) -> Tensor:
        return (boxes[:, 2:] > boxes[:, :2]).all(dim=1)

    def crops(self, boxes: Tensor, size: int) -> Tensor:
        return self.mipmaps.crops(boxes, size)

    def calibrate_window(self, boxes: Tensor, deltas: Tensor) -> Tensor:
        return decode_corners(deltas, boxes)

    calibrate = calibrate_window

    def landmarks(self, boxes: Tensor, points: Tensor) -> Tensor:
        return decode_landmarks_corner(points.reshape(-1, 2, 5).transpose(1, 2), boxes)

    def final_nms(self, boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
        return nms(boxes, scores, threshold, overlap="min")


class Facenet:
    """facenet-pytorch 2.6.0 (detect_face.py), which follows the authors' Matlab code in its pixel
    counting."""

    def __init__(self, photo: np.ndarray) -> None:
        self.integral = IntegralImage(photo)

    def level(self, scale: float) -> Tensor:
        return self.integral.resize(
            int(self.integral.height * scale + 1), int(self.integral.width * scale + 1)
        )

    def windows(self, rows: Tensor, cols: Tensor, scales: Tensor) -> Tensor:
        top_left = torch.stack([cols, rows], dim=1) * STRIDE  # (N, 2) in pixels of the level
        first_and_last = torch.cat([top_left + 1, top_left + WINDOW], dim=1)  # (N, 4)
        return (first_and_last / scales[:, None]).floor()

    def fit(self, boxes: Tensor) -> Tensor:
        pixels = self._pixels(boxes)
        return (pixels[:, 2:] > pixels[:, :2]).all(dim=1)

    def crops(self, boxes: Tensor, size: int) -> Tensor:
        return self.integral.crops(self._pixels(boxes), size)

    def _pixels(self, boxes: Tensor) -> Tensor:
        """Half-open whole pixels of one-based inclusive boxes, clipped at the border, toward
        zero."""
        x1, y1, x2, y2 = boxes.long().unbind(dim=1)
        return torch.stack(
            [
                x1.clamp(min=1) - 1,
                y1.clamp(min=1) - 1,
                x2.clamp(max=self.integral.width),
                y2.clamp(max=self.integral.height),
            ],
            dim=1,
        )

    def calibrate_window(self, boxes: Tensor, deltas: Tensor) -> Tensor:
        return decode_corners(deltas, boxes)

    def calibrate(self, boxes: Tensor, deltas: Tensor) -> Tensor:
        return decode_corners(deltas, boxes, inclusive=True)

    def landmarks(self, boxes: Tensor, points: Tensor) -> Tensor:
        return (
            decode_landmarks_corner(points.reshape(-1, 2, 5).transpose(1, 2), boxes, inclusive=True)
            - 1
        )

    def final_nms(self, boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
        inclusive = boxes + boxes.new_tensor(
            [0.0, 0.0, 1.0, 1.0]
        )  # a one-based box holds its last pixel
        return nms(inclusive, scores, threshold, overlap="min")
