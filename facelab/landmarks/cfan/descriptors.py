"""What CFAN's local stages look at: a fixed histogram of gradients around each point.

| Step      | SIFT (Lowe, 2004)                     | Here                               |
| --------- | ------------------------------------- | ---------------------------------- |
| gradients | differences of neighbouring pixels    | the same                           |
| weight    | Gaussian, deviation half the window   | the same                           |
| bins      | 8 directions, linear between two      | the same                           |
| cells     | 4x4, linear between neighbours        | the same                           |
| scaling   | length 1, at most 0.2, length 1 again | the same; a plain patch stays 0    |
| turn      | to the strongest direction            | left out: faces stand upright      |
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

CELLS, BINS = 4, 8
SIZE = CELLS * CELLS * BINS  # 128 numbers a point
LARGEST = 0.2
FAINT = 1e-3  # shortest histogram that is scaled to length 1; grey levels lie in [0, 1]


def gradient_histograms(patches: Tensor) -> Tensor:
    """Describe grey patches by where their edges point.

    patches: (..., S + 2, S + 2) in [0, 1]: a window of S x S pixels and one pixel around it.
    Returns (..., 128), the cell's row first, then its column, then the direction; direction k is
    k/8 of a turn from the x axis towards the y axis, along which it gets brighter.
    Raises ValueError for patches that are not square or smaller than 4x4 cells of one pixel.
    """
    side = patches.shape[-1] - 2
    if patches.ndim < 2 or patches.shape[-2] != patches.shape[-1] or side < CELLS:
        raise ValueError(
            f"patches: expected (..., S + 2, S + 2) with S of {CELLS} or more, got "
            f"{tuple(patches.shape)}"
        )
    dx = (patches[..., 1:-1, 2:] - patches[..., 1:-1, :-2]) / 2  # (..., S, S)
    dy = (patches[..., 2:, 1:-1] - patches[..., :-2, 1:-1]) / 2
    strength = torch.hypot(dx, dy) * _gaussian(side).to(dx)
    place = torch.atan2(dy, dx) * (BINS / (2 * math.pi))  # in bins, -4 to 4
    directions = torch.arange(BINS).to(dx)[:, None, None]  # (8, 1, 1)
    apart = (place[..., None, :, :] - directions + BINS / 2).remainder(BINS) - BINS / 2
    parts = (1 - apart.abs()).clamp_(min=0) * strength[..., None, :, :]  # (..., 8, S, S)
    pool = _cell_weights(side).to(dx)  # (4, S)
    cells = pool @ (parts @ pool.T)  # (..., 8, 4, 4)
    return _bounded(cells.movedim(-3, -1).flatten(-3))  # (..., 128)


def _gaussian(side: int) -> Tensor:
    """Weigh the middle of a window more: (side, side)."""
    steps = (torch.arange(side) + 0.5 - side / 2) / (side / 2)
    line = torch.exp(-0.5 * steps.square())
    return line[:, None] * line


def _cell_weights(side: int) -> Tensor:
    """Share each pixel between the two cells whose middles are nearest: (4, side)."""
    pixels = (torch.arange(side) + 0.5) * (CELLS / side)  # in cells
    middles = torch.arange(CELLS) + 0.5
    return (1 - (pixels - middles[:, None]).abs()).clamp(min=0)


def _bounded(histograms: Tensor) -> Tensor:
    """Scale to length 1, so that contrast drops out, with no number far above the others."""
    length = torch.linalg.vector_norm(histograms, dim=-1, keepdim=True)
    scaled = (histograms / length.clamp(min=FAINT)).clamp(max=LARGEST)
    length = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
    return scaled / length.clamp(min=FAINT)
