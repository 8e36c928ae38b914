"""Figures of lab 03, and the numbers behind them: what the cascade sees, keeps and spends.

The three nets have a colour, a line style and a marker each, the same in every figure (`ROLES`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from facelab.detection.mtcnn.model import CascadeNet, normalise
from facelab.detection.mtcnn.predict import Level, Trace
from facelab.plots.figures import photo as draw_photo
from facelab.plots.palette import LINES, MARKERS, PALETTE, WIDE

ROLES = {"pnet": "candidate", "rnet": "accent", "onet": "prediction"}
NAMES = {"pnet": "P-Net", "rnet": "R-Net", "onet": "O-Net"}


def score_maps(
    maps: Sequence[Tensor], scales: Sequence[float], *, columns: int = 5, title: str = ""
) -> Figure:
    """Draw P-Net's face probability for every cell, one picture a level of the pyramid.

    maps: (h, w) each, in [0, 1]. scales: of the levels, one a map. All share one colour bar.
    Raises ValueError when there are no maps, or not one scale for each.
    """
    if not maps or len(maps) != len(scales):
        raise ValueError(f"need one scale for each map; got {len(maps)} maps, {len(scales)} scales")
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    size = (WIDE[0], 1.75 * rows + 0.7)
    fig, grid = plt.subplots(rows, columns, squeeze=False, figsize=size)
    for ax in grid.flat[len(maps) :]:
        ax.set_axis_off()
    for ax, scores, scale in zip(grid.flat, maps, scales, strict=False):
        image = ax.imshow(scores.numpy(), vmin=0, vmax=1, cmap="cividis", interpolation="nearest")
        height, width = scores.shape
        ax.set_title(f"scale {scale:.3g}\n{height} x {width} cells", fontsize=10)
        ax.set_xticks([])
        ax.set_yticks([])
    fig.colorbar(image, ax=grid, label="face score (probability)", shrink=0.8)
    if title:
        fig.suptitle(title)
    return fig


def stage_boxes(photo: np.ndarray, trace: Trace, *, title: str = "") -> Figure:
    """Draw what is left on a photo after each step of the cascade, with the counts as titles."""
    stages = trace.stages
    steps = [
        ("P-Net: above threshold", stages["pnet"].passed.boxes, "pnet"),
        ("P-Net: after suppression", stages["pnet"].kept.boxes, "pnet"),
        ("R-Net: kept", stages["rnet"].kept.boxes, "rnet"),
        ("O-Net: faces", trace.faces.boxes, "onet"),
    ]
    height, width = photo.shape[:2]
    panel = WIDE[0] / len(steps)
    tall = panel * height / width + 0.6
    fig, axes = plt.subplots(1, len(steps), figsize=(WIDE[0], tall))
    for ax, (name, boxes, net) in zip(axes, steps, strict=True):
        draw_photo(255 - (255 - photo) // 2, ax=ax)  # faded, so that thin boxes stand out
        ax.set_title(f"{name}\n{len(boxes):,} boxes", fontsize=10)
        ax.set_xlim(0, width)
        ax.set_ylim(height, 0)
        _outlines(ax, boxes, ROLES[net], width=0.7 if len(boxes) > 40 else 1.8)
    if title:
        fig.suptitle(title)
    return fig


def level_costs(levels: Sequence[Level], *, title: str = "") -> Figure:
    """Draw P-Net's multiply-adds for each level of the pyramid, windows written on the bars."""
    fig, ax = plt.subplots(figsize=WIDE)
    costs = [level.macs / 1e6 for level in levels]
    bars = ax.bar(range(len(levels)), costs, color=PALETTE["candidate"], hatch="//", ec="white")
    ax.bar_label(bars, [f"{level.windows:,}" for level in levels], padding=2, fontsize=10)
    ax.set_xticks(range(len(levels)), [f"{level.scale:.3f}" for level in levels])
    ax.set_xlabel("scale of the level (on the bar: windows looked at)")
    ax.set_ylabel("multiply-adds (million)")
    ax.margins(y=0.12)
    ax.set_title(title)
    return fig


def cost_curves(
    num_faces: Sequence[int],
    macs: Mapping[str, Sequence[float]],
    seconds: Mapping[str, Sequence[float]],
    *,
    title: str = "",
) -> Figure:
    """Draw each net's multiply-adds (left) and time (right) against the faces in the photo.

    macs: multiply-adds by net ("pnet", "rnet", "onet"), one for each entry of num_faces.
    seconds: likewise.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.4))
    for net, role in ROLES.items():
        look = {"color": PALETTE[role], "linestyle": LINES[role], "marker": MARKERS[role]}
        left.plot(num_faces, [value / 1e9 for value in macs[net]], label=NAMES[net], **look)
        right.plot(num_faces, [value * 1e3 for value in seconds[net]], label=NAMES[net], **look)
    left.set_ylabel("multiply-adds (billion)")
    right.set_ylabel("time (ms)")
    for ax in (left, right):
        ax.set_xlabel("faces in the photo")
        ax.set_ylim(bottom=0)
    left.legend(title="spent in", frameon=False)
    if title:
        fig.suptitle(title)
    return fig


def hard_samples(losses: Tensor, chosen: Tensor, *, title: str = "") -> Figure:
    """Draw the losses of a batch from hard to easy; the chosen ones are plain, the others hatched.

    losses: (B,), drawn on a logarithmic axis. chosen: (B,) bool.
    """
    order = losses.argsort(descending=True)
    places = np.arange(len(losses))
    heights, kept = losses[order].clamp(min=1e-6).numpy(), chosen[order].numpy()
    fig, ax = plt.subplots(figsize=WIDE)
    for mask, role, hatch, label in (
        (kept, "prediction", "", "kept: gives the gradient"),
        (~kept, "ignored", "///", "dropped: too easy"),
    ):
        ax.bar(
            places[mask],
            heights[mask],
            width=1.0,
            color=PALETTE[role],
            hatch=hatch,
            ec="white",
            lw=0,
            label=f"{label} ({int(mask.sum())})",
        )
    ax.set_yscale("log")
    ax.set_xlabel("sample, hardest first")
    ax.set_ylabel("cross-entropy (nats)")
    ax.legend(frameon=False)
    ax.set_title(title)
    return fig


def score_curves(
    positions: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    *,
    ax: Axes,
    label: str,
    threshold: float | None = None,
    title: str = "",
) -> Figure:
    """Draw the score of a face against something done to the photo; 0 stands for "no face found".

    curves: scores by name, one for each position. label: of the horizontal axis, with its unit.
    """
    roles = ("candidate", "prediction", "accent", "truth", "anchor")
    for (name, scores), role in zip(curves.items(), roles, strict=False):
        look = {"color": PALETTE[role], "linestyle": LINES[role], "marker": MARKERS[role]}
        ax.plot(positions, scores, label=name, markersize=4, **look)
    if threshold is not None:
        look = {"color": PALETTE["ignored"], "linestyle": LINES["ignored"]}
        ax.axhline(threshold, label=f"threshold {threshold:g}", **look)
    ax.set_ylim(-0.05, 1.05)
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    ax.set_xlabel(label)
    ax.set_ylabel("score (0: not found)")
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.22))
    ax.set_title(title)
    fig = ax.get_figure(root=True)
    assert fig is not None
    return fig


def layer_rows(net: CascadeNet, side: int) -> list[tuple[str, str, int, int]]:
    """List name, output shape, parameters and multiply-adds of each layer, from one real pass.

    side: of the square input, pixels. A row includes the PReLU behind its layer. Multiply-adds
    are those of convolutions and dense layers.
    """
    x = normalise(torch.rand(1, 3, side, side))
    heads = [(name, layer) for name, layer in net.named_children() if name != "trunk"]
    rows = []
    for name, layer in [*net.trunk.named_children(), *heads]:
        y = layer(x)
        shape = "x".join(str(size) for size in y.shape[1:])
        parameters = sum(p.numel() for p in layer.parameters())
        macs = sum(p[0].numel() * y.numel() for p in layer.parameters() if p.ndim > 1)
        rows.append((name, shape, parameters, macs))
        x = x if (name, layer) in heads else y
    return rows


def place(
    photo: np.ndarray, box: Tensor, *, height: float, degrees: float = 0.0, side: int = 200
) -> np.ndarray:
    """Put a face into the middle of a grey square, `height` pixels tall.

    photo: (H, W, 3) uint8. box: (4,) xyxy of the face. degrees: turned counter-clockwise.
    Returns (side, side, 3) uint8.
    """
    x1, y1, x2, y2 = box.tolist()
    scale, centre = height / (y2 - y1), ((x1 + x2) / 2, (y1 + y2) / 2)
    shrink = min(1.0, scale)  # a warp alone would skip pixels, so shrink by area first
    small = cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    middle = (centre[0] * shrink - 0.5, centre[1] * shrink - 0.5)  # cv2 counts from pixel centres
    matrix = cv2.getRotationMatrix2D(middle, degrees, scale / shrink)
    matrix[:, 2] += np.asarray([side / 2 - 0.5 - middle[0], side / 2 - 0.5 - middle[1]])
    return cv2.warpAffine(small, matrix, (side, side), borderValue=(128, 128, 128))


def _outlines(ax: Axes, boxes: Tensor, role: str, *, width: float) -> None:
    """Draw many boxes at once, thin enough that the photo stays visible."""
    patches = [Rectangle((x1, y1), x2 - x1, y2 - y1) for x1, y1, x2, y2 in boxes.tolist()]
    solid = len(patches) > 40  # dashes of a hundred thin lines would only flicker
    style = "-" if solid else LINES[role]
    outlines = mpl.collections.PatchCollection(
        patches, facecolor="none", edgecolor=PALETTE[role], linewidth=width, linestyle=style
    )
    ax.add_collection(outlines)
