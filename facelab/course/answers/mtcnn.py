"""The exercises of lab 03 as the package does them, under the lab's names and signatures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from facelab.detection.mtcnn import losses as package_losses
from facelab.detection.mtcnn.model import STRIDE, WINDOW, PNet, map_side
from facelab.geometry.boxes import decode_corners
from facelab.geometry.nms import nms as greedy_nms

__all__ = [
    "build_pnet",
    "calibrate",
    "generate_boxes",
    "map_side",
    "multitask_loss",
    "nms",
    "ohem",
    "square_crop",
]


class _TwoHeads(nn.Module):
    """The package's P-Net, with a plain pair as its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.net = PNet()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        logits, deltas, _ = self.net(image)
        return logits, deltas


def build_pnet() -> nn.Module:
    """Give a P-Net with random weights, and a plain pair as its answer.

    It maps an image (B, 3, H, W) in [0, 1] to logits (B, 2, h, w) and deltas (B, 4, h, w).
    """
    return _TwoHeads()


def generate_boxes(score_map: Tensor, scale: float, threshold: float) -> tuple[Tensor, Tensor]:
    """Give the windows of the cells that are sure enough, in pixels of the photo, row by row.

    score_map: (h, w) in [0, 1], of one pyramid level. scale: of that level. Returns boxes (N, 4)
    and scores (N,) of the cells with score >= threshold.
    """
    rows, cols = (score_map >= threshold).nonzero(as_tuple=True)
    corner = STRIDE * torch.stack([cols, rows], dim=1)
    return torch.cat([corner, corner + WINDOW], dim=1) / scale, score_map[rows, cols]


def nms(boxes: Tensor, scores: Tensor, threshold: float = 0.5) -> Tensor:
    """Keep the best box of every cluster; a box falls when its IoU with a kept one is > threshold.

    boxes: (N, 4). scores: (N,). Returns indices (K,) int64, best first.
    """
    return greedy_nms(boxes, scores, threshold)


def calibrate(boxes: Tensor, deltas: Tensor) -> Tensor:
    """Move each corner of boxes (N, 4) by deltas (N, 4) times the box's own width or height."""
    return decode_corners(deltas, boxes)


def square_crop(image: Tensor, box: Sequence[int]) -> Tensor:
    """Cut the square around a box out of an image, black where it leaves the image.

    image: (C, H, W). box: whole numbers x1, y1, x2, y2, exclusive at x2 and y2.
    Returns (C, L, L), L the longer side of the box.
    """
    x1, y1, x2, y2 = (int(value) for value in box)
    width, height = x2 - x1, y2 - y1
    side = max(width, height)
    left, top = x1 - (side - width) // 2, y1 - (side - height) // 2
    right, bottom = left + side, top + side
    crop = image.new_zeros(image.shape[0], side, side)
    inside = image[:, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]  # (C, h, w)
    down, across = max(-top, 0), max(-left, 0)
    crop[:, down : down + inside.shape[1], across : across + inside.shape[2]] = inside
    return crop


def ohem(losses: Tensor, valid: Tensor, keep: float = 0.7) -> Tensor:
    """Mark the hardest samples: the ceil(keep * number of valid) largest losses among the valid.

    losses: (B,). valid: (B,) bool. Returns (B,) bool; ties go to the earlier sample.
    """
    return package_losses.ohem(losses, valid, keep=keep)


def multitask_loss(
    logits: Tensor,
    deltas: Tensor,
    landmarks: Tensor,
    kind: Tensor,
    true_deltas: Tensor,
    true_landmarks: Tensor,
    weights: tuple[float, float, float] = (1.0, 0.5, 0.5),
) -> Tensor:
    """Give the weighted sum of the three task losses, each a mean over the samples that take part.

    logits: (B, 2). deltas, true_deltas: (B, 4). landmarks, true_landmarks: (B, 10). kind: (B,)
    int64, 1 for positive, 0 negative, -1 part, -2 landmark; target rows without a label may be NaN.
    weights: of face, box, landmarks. Returns a scalar.
    """
    terms = package_losses.multitask_loss(
        logits,
        deltas,
        landmarks,
        kind=kind,
        true_deltas=true_deltas,
        true_landmarks=true_landmarks,
        keep=1.0,
    )
    return weights[0] * terms["face"] + weights[1] * terms["box"] + weights[2] * terms["landmarks"]
