"""The exercises of lab 02 as the package does them, under the lab's names and signatures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from facelab.landmarks.dcnn_cascade import targets
from facelab.landmarks.dcnn_cascade.predict import fuse
from facelab.landmarks.patches import from_square
from facelab.metrics import landmarks as package_errors

__all__ = [
    "fuse_level1",
    "local_conv",
    "nme",
    "nudge",
    "rectified_pool",
    "from_crop",
    "training_pair",
    "windows_around",
]


def nme(predicted: Tensor, truth: Tensor, boxes: Tensor | None = None) -> Tensor:
    """Give the mean distance of each face's known points as a share of the face's size.

    predicted, truth: (N, P, 2) pixels, NaN for a point that nobody marked. boxes: (N, 4); their
    width counts as 1. Without boxes it is the distance of the two true eyes, points 0 and 1.
    Returns (N,).
    """
    if boxes is not None:
        return package_errors.nme(predicted, truth, "box_width", boxes=boxes)
    return package_errors.nme(predicted, truth, "eyes")


def rectified_pool(maps: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
    """Rectify a convolution's answers by |tanh|, pool 2 x 2, scale, and squash again.

    maps: (B, n, H, W), H and W even. gain, bias: (n, 1, 1) or (n, H/2, W/2). Returns
    (B, n, H/2, W/2).
    """
    return torch.tanh(gain * F.max_pool2d(torch.tanh(maps).abs(), 2) + bias)


def local_conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve with other kernels in each of p x q equal regions of the output; no padding.

    x: (B, c, H, W). weight: (p, q, n, c, s, s). bias: (p, q, n). Returns (B, n, H-s+1, W-s+1).
    """
    p, q, *_, size = weight.shape
    height, width = (x.shape[2] - size + 1) // p, (x.shape[3] - size + 1) // q  # of a region
    rows = []
    for u in range(p):
        row = []
        for v in range(q):
            top, left = u * height, v * width
            seen = x[:, :, top : top + height + size - 1, left : left + width + size - 1]
            row.append(F.conv2d(seen, weight[u, v], bias[u, v]))
        rows.append(torch.cat(row, dim=3))
    return torch.cat(rows, dim=2)


def from_crop(outputs: Tensor, crop: Sequence[float]) -> Tensor:
    """Bring points from a net's crop into the face square.

    outputs: (N, K, 2), -1 to 1 across the crop. crop: its left, right, top, bottom in square
    units. Returns (N, K, 2) in square units.
    """
    left, right, top, bottom = crop
    windows = outputs.new_tensor([left, top, right, bottom]).expand(len(outputs), 4)
    return targets.from_answers(targets.CODED * outputs, windows)


def windows_around(points: Tensor, squares: Tensor, half: float) -> Tensor:
    """Give the square windows around points, in pixels of the photo.

    points: (N, P, 2) in units of each face's square. squares: (N, 4) pixels. half: half the side
    of a window, in square units. Returns (N, P, 4) xyxy.
    """
    return targets.point_windows(from_square(points, squares), squares, half)


def fuse_level1(full: Tensor, eyes: Tensor, mouth: Tensor) -> Tensor:
    """Average what F1, EN1 and NM1 say about each point.

    full: (N, 5, 2), LE RE N LM RM. eyes: (N, 3, 2), LE RE N. mouth: (N, 3, 2), N LM RM.
    Returns (N, 5, 2).
    """
    return fuse({"F1": full, "EN1": eyes, "NM1": mouth})


def nudge(points: Tensor, outputs: Tensor, reach: float) -> Tensor:
    """Move points by the mean answer of the networks that look at each.

    points: (N, P, 2) in square units. outputs: (N, P, K, 2), -1 to 1, of K networks a point.
    reach: what an answer of 1 moves, in square units. Returns (N, P, 2).
    """
    return points + reach * outputs.mean(dim=2)


def training_pair(
    points: Tensor, squares: Tensor, noise: Tensor, half: float, reach: float
) -> tuple[Tensor, Tensor]:
    """Make windows beside the true points, and what the network has to answer there.

    points: (N, P, 2) true points in square units. squares: (N, 4) pixels. noise: (N, P, 2), -1 to
    1. half, reach: of the level, in square units. Returns windows (N, P, 4) in pixels and targets
    (N, P, 2), -1 to 1.
    """
    return windows_around(points + reach * noise, squares, half), -noise
