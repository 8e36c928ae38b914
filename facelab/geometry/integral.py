"""Integral images: the mean of any rectangle of a photo from four look-ups (Viola and Jones, 2001).

With them, area resizing of a whole photo and of hundreds of crops reads no pixel twice. The windows
are those of adaptive average pooling, whole pixels from floor(i * n / m) to ceil((i + 1) * n / m),
so results equal `torch.nn.functional.interpolate(mode="area")` up to rounding.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

_ROWS = 64  # of the result that are made at once
_MAX_INT32_PIXELS = (2**31 - 1) // 255  # more white pixels than this overflow a 32-bit sum


class IntegralImage:
    """Sums over all rectangles that begin at the photo's top left corner.

    photo: (H, W, 3) uint8. Sums are exact: int32 where they fit, float64 beyond about 8 megapixels.
    """

    def __init__(self, photo: np.ndarray) -> None:
        self.height, self.width = photo.shape[:2]
        depth = cv2.CV_32S if self.height * self.width <= _MAX_INT32_PIXELS else cv2.CV_64F
        self.sums = torch.from_numpy(cv2.integral(photo, sdepth=depth))  # (H + 1, W + 1, 3)

    def resize(self, height: int, width: int) -> Tensor:
        """Give the photo at (height, width) as a tensor (1, 3, height, width) in [0, 1].

        Every pixel is an area mean.
        """
        top, bottom = _bins(self.height, height)
        left, right = _bins(self.width, width)
        resized = torch.empty(1, height, width, 3)
        for first in range(0, height, _ROWS):  # a part at a time stays in the cache
            part = slice(first, first + _ROWS)
            rows = self.sums.index_select(0, bottom[part])  # (R, W + 1, 3)
            rows -= self.sums.index_select(0, top[part])
            total = rows.index_select(1, right)  # (R, width, 3)
            total -= rows.index_select(1, left)
            _means(total, (bottom - top)[part, None], right - left, out=resized[0, part])
        return resized.permute(0, 3, 1, 2)

    def crops(self, boxes: Tensor, size: int) -> Tensor:
        """Cut whole-pixel boxes out of the photo and resize each to (size, size) by area means.

        boxes: (N, 4) int64 xyxy, half-open, inside the photo, at least one pixel a side. Returns
        (N, 3, size, size) in [0, 1].
        """
        left, top = boxes[:, 0, None], boxes[:, 1, None]  # (N, 1)
        x1, x2 = _bins(boxes[:, 2, None] - left, size)  # (N, size)
        y1, y2 = _bins(boxes[:, 3, None] - top, size)
        heights, widths = y2 - y1, x2 - x1
        x1, x2, y1, y2 = x1 + left, x2 + left, y1 + top, y2 + top
        flat = self.sums.reshape(-1, 3)

        def corner(y: Tensor, x: Tensor) -> Tensor:  # (N, size, size, 3)
            index = y[:, :, None] * (self.width + 1) + x[:, None, :]
            return flat.index_select(0, index.reshape(-1)).reshape(*index.shape, 3)

        total = corner(y2, x2) - corner(y1, x2) - corner(y2, x1) + corner(y1, x1)
        means = torch.empty(total.shape)
        _means(total, heights[..., None], widths[:, None], out=means)
        return means.permute(0, 3, 1, 2)


def _means(total: Tensor, heights: Tensor, widths: Tensor, *, out: Tensor) -> None:
    """Divide sums (..., columns, 3) of 0..255 by their windows' sizes: means in [0, 1] into `out`.

    heights: (..., 1). widths: (..., columns). Columns and colours are one long axis meanwhile:
    torch is slow at an innermost axis of three.
    """
    out.copy_(total)
    rows = out.flatten(-2)  # (..., columns * 3), the same memory
    rows *= 1.0 / (255.0 * widths.repeat_interleave(3, dim=-1))
    rows *= 1.0 / heights


def _bins(length: int | Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Split `length` pixels into `count` bins that may share an edge pixel: starts and ends, int64
    (..., count)."""
    index = torch.arange(count)
    return index * length // count, -((index + 1) * -length // count)
