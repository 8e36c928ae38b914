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
        by_height, by_width = _shares((bottom - top)[:, None], right - left)
        resized = torch.empty(1, height, width, 3)
        for first in range(0, height, _ROWS):  # a part at a time stays in the cache
            part = slice(first, first + _ROWS)
            rows = self.sums.index_select(0, bottom[part])  # (R, W + 1, 3)
            rows -= self.sums.index_select(0, top[part])
            total = rows.index_select(1, right)  # (R, width, 3)
            total -= rows.index_select(1, left)
            _means(total, by_height[part], by_width, out=resized[0, part])
        return resized.permute(0, 3, 1, 2)

    def crops(self, boxes: Tensor, size: int) -> Tensor:
        """Cut whole-pixel boxes out of the photo and resize each to (size, size) by area means.

        boxes: (N, 4) int64 xyxy, half-open, inside the photo, at least one pixel a side. Returns
        (N, 3, size, size) in [0, 1].
        """
        left, top = boxes[:, 0, None], boxes[:, 1, None]  # (N, 1)
        x1, x2 = _bins(boxes[:, 2, None] - left, size)  # (N, size)
        y1, y2 = _bins(boxes[:, 3, None] - top, size)
        by_height, by_width = _shares((y2 - y1)[..., None], (x2 - x1)[:, None])
        columns = self.width + 1
        x1, x2 = (x1 + left)[:, None], (x2 + left)[:, None]  # (N, 1, size)
        y1, y2 = (columns * (y1 + top))[..., None], (columns * (y2 + top))[..., None]
        flat = self.sums.reshape(-1, 3)

        def corner(y: Tensor, x: Tensor) -> Tensor:  # (N * size * size, 3)
            return flat.index_select(0, (y + x).flatten())

        total = corner(y2, x2)
        total -= corner(y1, x2)
        total -= corner(y2, x1)
        total += corner(y1, x1)
        total = total.view(len(boxes), size, size, 3)
        means = torch.empty(total.shape)
        _means(total, by_height, by_width, out=means)
        return means.permute(0, 3, 1, 2)


def _shares(heights: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
    """Give what a sum of 0..255 is multiplied by, to be a mean in [0, 1], along each axis.

    heights: (..., 1). widths: (..., columns). Returns (..., 1) and (..., columns * 3): columns and
    colours are one long axis, as torch is slow at an innermost axis of three.
    """
    return 1.0 / heights, 1.0 / (255.0 * widths.repeat_interleave(3, dim=-1))


def _means(total: Tensor, by_height: Tensor, by_width: Tensor, *, out: Tensor) -> None:
    """Write the means of windows with these sums (..., columns, 3) and `_shares` into `out`."""
    means = out.flatten(-2)  # (..., columns * 3), the same memory
    torch.mul(total.flatten(-2), by_width, out=means)
    means *= by_height


def _bins(length: int | Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Split `length` pixels into `count` bins that may share an edge pixel: starts and ends, int64
    (..., count)."""
    index = torch.arange(count)
    return index * length // count, -((index + 1) * -length // count)
