"""Anchors: the grid of boxes that a single-stage detector corrects.

One function makes them all: for every cell of every level's map, one square per size around one
centre. The map of a level has ceil(side / stride) cells a side, as the padded convolutions give;
anchors are not clipped to the image.

| Preset               | Strides   | Sizes in pixels                 | Anchors at 640x640   |
| -------------------- | --------- | ------------------------------- | -------------------- |
| `ssh_anchors`        | 8, 16, 32 | 16 x (1, 2), (4, 8), (16, 32)   | 12 800 + 3 200 + 800 |
| `retinaface_anchors` | 8, 16, 32 | (16, 32), (64, 128), (256, 512) | 16 800               |
| `pyramid_anchors`    | 4 ... 64  | 16 x 2^(j/3), j = 0 ... 14      | 102 300              |

Order, everywhere: level, row, column, size; so anchor 0 and 1 of the public RetinaFace share the
first cell.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["grid_anchors", "map_sizes", "pyramid_anchors", "retinaface_anchors", "ssh_anchors"]

_STRIDES = (8, 16, 32)
_SIZES = ((16.0, 32.0), (64.0, 128.0), (256.0, 512.0))


def map_sizes(height: int, width: int, strides: Sequence[int]) -> list[tuple[int, int]]:
    """Count the rows and columns of each level's map: ceil(height / stride), ceil(width / stride).

    Raises ValueError for a size or stride below 1.
    """
    if height < 1 or width < 1:
        raise ValueError(f"height, width: expected at least 1 pixel, got {height} and {width}")
    if any(stride < 1 for stride in strides):
        raise ValueError(f"strides: expected at least 1 pixel each, got {tuple(strides)}")
    return [(-(-height // stride), -(-width // stride)) for stride in strides]


def grid_anchors(
    height: int,
    width: int,
    *,
    strides: Sequence[int],
    sizes: Sequence[Sequence[float]],
    first_center: float | None = None,
) -> Tensor:
    """Make the square anchors of an image: for each level, row and column, one per size.

    height, width: of the image in pixels. strides: pixels between cells, one per level. sizes: for
    each level, the sides of its anchors in pixels. first_center: x and y of the centre in the first
    cell, in pixels, the same on all levels; by default the middle of the cell, stride / 2.
    Returns (A, 4) float32 xyxy, x2 and y2 exclusive, in the order level, row, column, size.
    Raises ValueError when strides and sizes differ in length, or for a size that is not above 0.
    """
    if len(strides) != len(sizes):
        raise ValueError(
            f"strides, sizes: expected one entry per level, got {len(strides)} and {len(sizes)}"
        )
    levels = [torch.zeros(0, 4)]
    for stride, sides, (rows, columns) in zip(
        strides, sizes, map_sizes(height, width, strides), strict=True
    ):
        if any(side <= 0 for side in sides):
            raise ValueError(f"sizes: expected sides above 0 pixels, got {tuple(sides)}")
        start = stride / 2 if first_center is None else first_center
        y = start + stride * torch.arange(rows, dtype=torch.float64)[:, None, None]
        x = start + stride * torch.arange(columns, dtype=torch.float64)[None, :, None]
        half = torch.tensor(sides, dtype=torch.float64) / 2  # (S,)
        corners = torch.broadcast_tensors(x - half, y - half, x + half, y + half)
        levels.append(torch.stack(corners, dim=-1).reshape(-1, 4).float())  # rows, columns, S
    return torch.cat(levels)


def ssh_anchors(height: int, width: int, *, inclusive: bool = False) -> Tensor:
    """Make the anchors of SSH, module after module.

    inclusive: give x2 and y2 as the last pixel inside instead of the first outside, the convention
    of the released code.
    Returns (A, 4) float32 xyxy: 2 per cell for strides 8, 16 and 32.
    Source: SSH, section 3.3 and released code: as in Faster R-CNN, a base box (0, 0, 15, 15) is
    scaled about its centre and moved by multiples of the stride, so that centres lie at 8 + stride
    x cell on every level, not in the middle of the cells.
    """
    anchors = grid_anchors(height, width, strides=_STRIDES, sizes=_SIZES, first_center=8.0)
    return anchors - torch.tensor([0.0, 0.0, 1.0, 1.0]) if inclusive else anchors


def retinaface_anchors(height: int, width: int, *, normalised: bool = False) -> Tensor:
    """Make the anchors ("priors") of the public RetinaFace implementation.

    normalised: give (cx, cy, w, h) in shares of the image's width and height, the form that its
    code works with, instead of pixels. Returns (A, 4) float32: xyxy in pixels, or that form; 2 per
    cell for strides 8, 16 and 32.
    Source: public PyTorch RetinaFace, prior boxes: map sizes rounded up, centre (column + 0.5) x
    stride.
    """
    anchors = grid_anchors(height, width, strides=_STRIDES, sizes=_SIZES)
    if not normalised:
        return anchors
    centers, sizes = (anchors[:, :2] + anchors[:, 2:]) / 2, anchors[:, 2:] - anchors[:, :2]
    scale = torch.tensor([width, height], dtype=torch.float32)
    return torch.cat((centers / scale, sizes / scale), dim=1)


def pyramid_anchors(height: int, width: int) -> Tensor:
    """Make the anchors of the RetinaFace paper: three a cell on the levels P2 to P6.

    Returns (A, 4) float32 xyxy in pixels, 3 per cell for strides 4, 8, 16, 32 and 64.
    Source: RetinaFace, table 1: sides 16 x 2^(j/3) for j = 0 ... 14.
    """
    sides = [16.0 * 2.0 ** (j / 3) for j in range(15)]
    levels = [sides[start : start + 3] for start in range(0, 15, 3)]
    return grid_anchors(height, width, strides=(4, 8, 16, 32, 64), sizes=levels)
