"""What locally shared weights are: regions on the face, and the filters that act in each."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from facelab.plots.cascaded_landmarks.looks import numbers
from facelab.plots.palette import PALETTE, WIDE

REGION_ROLES = ("candidate", "prediction", "truth", "accent", "anchor", "ignored")


def sharing(
    face: Tensor | np.ndarray, kernels: Mapping[str, Tensor], *, maps: int = 4, title: str = ""
) -> Figure:
    """Draw which bank of filters acts where on a face, and the filters themselves.

    face: (H, W), the network's input. kernels: name -> (p, q, n, 1, s, s) or (p, q, n, s, s), the
    weights of the first layer: p rows and q columns of regions, n maps. maps: how many of them to
    show. Filters of one region have a frame in its colour; all of one network share a scale.
    Raises ValueError when kernels are of another shape.
    """
    kernels = {name: _one_channel(name, bank) for name, bank in kernels.items()}
    fig = plt.figure(figsize=(WIDE[0], 2.15 * len(kernels)))
    rows = np.atleast_1d(fig.subfigures(len(kernels), 1))  # type: ignore[arg-type]
    for part, (name, bank) in zip(rows, kernels.items(), strict=True):
        p, q, n, size, _ = bank.shape
        shown = min(maps, n)
        axes = part.subplots(1, 1 + shown)
        part.suptitle(f"{name}: {p * q} bank{'s' if p * q > 1 else ''} of {n} filters", fontsize=11)
        _region_frames(axes[0], numbers(face), (p, q), size)
        limit = float(bank[:, :, :shown].abs().max()) or 1.0
        for number, ax in enumerate(axes[1:]):
            image = _filters(ax, numbers(bank[:, :, number]), limit)
            ax.set_title(f"map {number + 1}", fontsize=10)
        part.colorbar(image, ax=axes[1:], label="weight", shrink=0.7, aspect=12)
    if title:
        fig.suptitle(title)
    return fig


def _one_channel(name: str, bank: Tensor) -> Tensor:
    """Give kernels as (p, q, n, s, s), without their gradient."""
    flat = bank.detach()[:, :, :, 0] if bank.ndim == 6 and bank.shape[3] == 1 else bank.detach()
    if flat.ndim != 5:
        raise ValueError(f"{name}: expected kernels (p, q, n, s, s), got {tuple(bank.shape)}")
    return flat


def _region_frames(ax: Axes, face: np.ndarray, grid: tuple[int, int], size: int) -> None:
    """Draw a face and the part of it that each region's filters see; neighbours overlap."""
    height, width = face.shape
    p, q = grid
    ax.imshow(face, cmap="gray", extent=(0, width, height, 0))
    tall, wide = (height - size + 1) / p, (width - size + 1) / q
    for row in range(p):
        for column in range(q):
            inset = 0.6  # keeps the frames of neighbours apart
            corner = (column * wide + (size - 1) / 2 * (column > 0) + inset,
                      row * tall + (size - 1) / 2 * (row > 0) + inset)  # fmt: skip
            far = ((column + 1) * wide + (size - 1) / 2 * (1 + (column == q - 1)) - inset,
                   (row + 1) * tall + (size - 1) / 2 * (1 + (row == p - 1)) - inset)  # fmt: skip
            colour = PALETTE[REGION_ROLES[(row * q + column) % len(REGION_ROLES)]]
            ax.add_patch(plt.Rectangle(corner, far[0] - corner[0], far[1] - corner[1], fill=False,
                                       ec=colour, lw=2.5))  # fmt: skip
            ax.text(corner[0] + 1, corner[1] + 1, str(row * q + column + 1), va="top", fontsize=10,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # fmt: skip
    ax.set_axis_off()


def _filters(ax: Axes, filters: np.ndarray, limit: float) -> object:
    """Draw one map's filters (p, q, s, s), each at the place of its region."""
    p, q, size, _ = filters.shape
    gap = 1.0
    for row in range(p):
        for column in range(q):
            x, y = column * (size + gap), row * (size + gap)
            image = ax.imshow(
                filters[row, column], cmap="cividis", vmin=-limit, vmax=limit,
                extent=(x, x + size, y + size, y), interpolation="nearest",
            )  # fmt: skip
            colour = PALETTE[REGION_ROLES[(row * q + column) % len(REGION_ROLES)]]
            ax.add_patch(
                plt.Rectangle((x, y), size, size, fill=False, ec=colour, lw=2.5, clip_on=False)
            )
    ax.set_xlim(-0.3, q * (size + gap) - gap + 0.3)
    ax.set_ylim(p * (size + gap) - gap + 0.3, -0.3)
    ax.set_aspect("equal")
    ax.set_axis_off()
    return image


def regions(maps: Tensor, grid: tuple[int, int], *, columns: int = 5, title: str = "") -> Figure:
    """Draw what a layer answers, with lines where one bank of filters gives way to the next.

    maps: (n, H, W), the layer's output for one face. grid: (p, q) regions, rows and columns.
    """
    tables = numbers(maps)
    columns = min(columns, len(tables))
    rows = -(-len(tables) // columns)
    cell = WIDE[0] / max(columns, 4)
    size = (cell * columns, cell * rows + 0.4)
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    limit = float(np.abs(tables).max()) or 1.0
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, table in zip(axes.flat, tables, strict=False):
        height, width = table.shape
        image = ax.imshow(table, cmap="cividis", vmin=-limit if tables.min() < 0 else 0,
                          vmax=limit, extent=(0, width, height, 0))  # fmt: skip
        for part in range(1, grid[0]):
            ax.axhline(part * height / grid[0], color="white", lw=1.5, linestyle="--")
        for part in range(1, grid[1]):
            ax.axvline(part * width / grid[1], color="white", lw=1.5, linestyle="--")
    fig.colorbar(image, ax=axes, label="activation", shrink=0.8)
    if title:
        fig.suptitle(title)
    return fig
