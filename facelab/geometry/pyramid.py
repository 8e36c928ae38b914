"""Image pyramids: which sizes to look at, and how to make them cheaply from one photo.

A detector with a fixed window finds faces of one size. It finds the others in smaller copies of the
photo. The copies here share their work: the photo is halved once (`MipMaps`), and every copy is a
bilinear resize of the smallest half that is still large enough. Never shrinking by more than two in
one step is what keeps bilinear sampling from skipping pixels (aliasing), the way texture hardware
does it (Williams, "Pyramidal parametrics", SIGGRAPH 1983).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def pyramid_scales(
    height: int, width: int, *, min_face: float, factor: float, window: int = 12
) -> list[float]:
    """List the scales s_k = (window / min_face) * factor^k at which a photo is looked at.

    The list goes on while the shorter side, scaled, still holds one window; a photo smaller than
    `min_face` gives an empty list. height, width: pixels. min_face: smallest face to find, pixels.
    factor: in (0, 1).
    Raises ValueError when min_face is not positive or factor is outside (0, 1).
    Source: MTCNN, section II.A and the authors' code (first factor window / min_face, not 1).
    """
    if not min_face > 0:
        raise ValueError(f"min_face is a size in pixels and must be positive; got {min_face}")
    if not 0 < factor < 1:
        raise ValueError(f"factor shrinks each level and must lie in (0, 1); got {factor}")
    scales = []
    scale = window / min_face
    while min(height, width) * scale >= window:
        scales.append(scale)
        scale *= factor
    return scales


def level_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """Give (rows, columns) of a level: both sides scaled and rounded up, so that no pixel is
    lost."""
    return math.ceil(height * scale), math.ceil(width * scale)


class MipMaps:
    """One photo and its halves, ready for resizing and cropping at any scale.

    photo: (H, W, 3) uint8. Halving stops at `smallest` pixels a side. Each half is the mean of 2x2
    blocks.
    """

    def __init__(self, photo: np.ndarray, *, smallest: int = 12) -> None:
        self.height, self.width = photo.shape[:2]
        self.levels = [photo]
        while min(self.levels[-1].shape[:2]) >= 2 * smallest:
            rows, cols = self.levels[-1].shape[:2]
            half = ((cols + 1) // 2, (rows + 1) // 2)
            self.levels.append(cv2.resize(self.levels[-1], half, interpolation=cv2.INTER_AREA))
        self._tensors: dict[int, Tensor] = {}

    def resize(self, height: int, width: int) -> Tensor:
        """Give the photo at (height, width) as a tensor (1, 3, height, width) in [0, 1]."""
        large_enough = [x for x in self.levels if x.shape[0] >= height and x.shape[1] >= width]
        source = large_enough[-1] if large_enough else self.levels[0]
        resized = cv2.resize(source, (width, height), interpolation=cv2.INTER_LINEAR)
        return _to_batch(resized)

    def crops(self, boxes: Tensor, size: int) -> Tensor:
        """Cut boxes out of the photo, each resized to (size, size); what lies outside the photo is
        black.

        boxes: (N, 4) xyxy in pixels, any float position. Returns (N, 3, size, size) in [0, 1].
        """
        # channels last, see _to_batch
        crops = boxes.new_empty((len(boxes), size, size, 3)).permute(0, 3, 1, 2)
        side = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1)  # (N,)
        level = (
            torch.log2((side / size).clamp(min=1)).floor().long().clamp(max=len(self.levels) - 1)
        )
        for index in range(len(self.levels)):
            chosen = (level == index).nonzero()[:, 0]
            if len(chosen):
                crops[chosen] = self._sample(index, boxes[chosen], size)
        return crops

    def _sample(self, index: int, boxes: Tensor, size: int) -> Tensor:
        if index not in self._tensors:
            self._tensors[index] = _to_batch(self.levels[index]).contiguous()
        steps = (torch.arange(size) + 0.5) / size  # (size,) pixel centres of the crop, in [0, 1]
        extent = torch.tensor([self.width, self.height], dtype=boxes.dtype)
        top_left, bottom_right = boxes[:, None, :2], boxes[:, None, 2:]  # (N, 1, 2)
        points = top_left + steps[None, :, None] * (bottom_right - top_left)  # (N, size, 2)
        points = points / extent * 2 - 1  # (N, size, 2) in [-1, 1]
        x = points[:, None, :, 0].expand(-1, size, -1)  # (N, size, size)
        y = points[:, :, None, 1].expand(-1, -1, size)
        grid = torch.stack([x, y], dim=-1).reshape(1, -1, size, 2)  # (1, N * size, size, 2)
        sampled = F.grid_sample(self._tensors[index], grid, align_corners=False)
        return sampled.reshape(3, -1, size, size).transpose(0, 1)  # (N, 3, size, size)


def _to_batch(photo: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) to float (1, 3, H, W) in [0, 1], channels last in memory: faster convolutions
    on a CPU.

    The batch axis comes first and the permutation second: the other way round torch takes it for
    channels first.
    """
    return torch.from_numpy(photo)[None].permute(0, 3, 1, 2).float().div_(255)
