"""Figures of lab 00: the pipeline on real photos, alignment, and the conventions on one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from facelab.geometry.alignment import template, transform_points, umeyama
from facelab.geometry.landmarks import FIVE
from facelab.pipeline import Portrait
from facelab.plots.figures import boxes as draw_boxes
from facelab.plots.figures import landmarks as draw_landmarks
from facelab.plots.figures import photo as draw_photo
from facelab.plots.palette import LINES, PALETTE, WIDE
from facelab.types import Faces

PLATE = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}


def pipeline_steps(
    photos: Mapping[str, np.ndarray], found: Sequence[Faces], portraits: Sequence[Portrait]
) -> Figure:
    """Draw one row a photo: the photo, what is detected in it, the surest face aligned.

    photos: uint8 (H, W, 3) by name. found, portraits: one entry a photo.
    """
    fig, grid = plt.subplots(len(photos), 3, figsize=(WIDE[0], 2.9 * len(photos)), squeeze=False)
    rows = zip(grid, photos.items(), found, portraits, strict=True)
    for (first, second, third), (name, photo), faces, portrait in rows:
        height, width = photo.shape[:2]
        draw_photo(photo, ax=first, title=f"{name}, {width} x {height}")
        scores = ", ".join(f"{score:.4f}" for score in faces.scores)
        draw_boxes(photo, faces, ax=second, title=f"detect: score {scores}")
        side = portrait.crop.shape[0]
        draw_photo(portrait.crop, ax=third, title=f"align: {side} x {side}")
    return fig


def hand_boxes(a: Sequence[float], b: Sequence[float], *, title: str = "") -> Figure:
    """Draw two boxes (x1, y1, x2, y2) on squared paper, A dashed, B solid, what they share hatched.

    y grows downwards, as in a photo.
    """
    fig, ax = plt.subplots(figsize=(5, 3.6))
    x1, y1, x2, y2 = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    ax.add_patch(_box((x1, y1, x2, y2), hatch="//", ec=PALETTE["candidate"], lw=0))
    for box, name, role, spot in ((a, "A", "truth", 0), (b, "B", "prediction", 1)):
        ax.add_patch(_box(box, ec=PALETTE[role], linestyle=LINES[role], lw=2))
        x, y = (box[0] + 2, box[1] + 5) if spot == 0 else (box[2] - 4, box[3] - 2)
        ax.text(x, y, name, color=PALETTE[role], weight="bold", fontsize=12)
    ax.text((x1 + x2) / 2, (y1 + y2) / 2, "shared", ha="center", va="center", bbox=PLATE)
    _paper(ax, max(a[2], b[2]) + 10, max(a[3], b[3]) + 10, step=10)
    ax.set_xlabel("x (pixels)")
    ax.set_ylabel("y (pixels)")
    ax.set_title(title)
    return fig


def onto_template(photo: np.ndarray, face: Faces, crop: np.ndarray) -> Figure:
    """Draw the way of five points: in the photo (circles), on the template (squares), and both on
    the crop.

    photo: uint8 (H, W, 3). face: one face with landmarks. crop: uint8 (S, S, 3), aligned.
    """
    fig, (first, second, third) = plt.subplots(1, 3, figsize=(WIDE[0], 3.1))
    if face.landmarks is None:
        raise ValueError("face: has no landmarks to draw")
    draw_landmarks(photo, face.landmarks, numbers=True, ax=first, title="1. five points found")
    _zoom(first, photo, face.boxes[0])
    side = crop.shape[0]
    goal = template(side)
    blank = np.full((side, side, 3), 245, np.uint8)
    title = f"2. where they belong, {side} x {side}"
    draw_landmarks(blank, goal, role="truth", numbers=True, ax=second, title=title)
    draw_landmarks(crop, goal, role="truth", ax=third, title="3. the photo, moved to fit")
    draw_landmarks(
        None, transform_points(umeyama(face.landmarks[0], goal), face.landmarks[0]), ax=third
    )
    return fig


def before_after(
    names: Sequence[str], cut: Sequence[np.ndarray], aligned: Sequence[np.ndarray]
) -> Figure:
    """Draw crops along the box (upper row) above aligned crops (lower row), one column a photo.

    The last column has the absolute difference of the first two columns, brighter where larger.
    """
    columns = len(names) + 1
    fig, grid = plt.subplots(2, columns, figsize=(2.1 * columns, 4.7))
    for row, (crops, words) in enumerate(((cut, "cut along the box"), (aligned, "aligned"))):
        for ax, name, crop in zip(grid[row], names, crops, strict=False):
            draw_photo(crop, ax=ax, title=f"{name},\n{words}")
        gap = grey_gap(crops[0], crops[1])
        image = grid[row, -1].imshow(
            np.abs(crops[0].astype(float) - crops[1]).mean(axis=2), cmap="cividis", vmin=0, vmax=160
        )
        grid[row, -1].set_axis_off()
        grid[row, -1].set_title(f"difference:\n{gap:.0f} grey levels")
    fig.colorbar(image, ax=grid[:, -1], label="grey levels", shrink=0.8)
    return fig


def grey_gap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean absolute difference of two photos of one size, in grey levels."""
    return float(np.abs(one.astype(float) - other).mean())


def cut_square(photo: np.ndarray, box: Tensor, side: int = 112) -> np.ndarray:
    """Cut a box out of a photo and stretch it to (side, side, 3), the way one does without points.

    box: (4,) xyxy, inside the photo at least in part.
    """
    height, width = photo.shape[:2]
    limits = torch.tensor([width, height, width, height])
    x1, y1, x2, y2 = torch.minimum(box.round().clamp(min=0), limits).int().tolist()
    return cv2.resize(photo[y1:y2, x1:x2], (side, side), interpolation=cv2.INTER_AREA)


def turning(centre: Sequence[float], degrees: float) -> Tensor:
    """Return the (2, 3) matrix of a turn about a point (x, y), counter-clockwise as seen."""
    return torch.from_numpy(
        cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), degrees, 1.0)
    ).float()


def turned(photo: np.ndarray, matrix: Tensor) -> np.ndarray:
    """Move a photo by a (2, 3) matrix; grey where nothing was before."""
    height, width = photo.shape[:2]
    return cv2.warpAffine(photo, matrix.numpy(), (width, height), borderValue=(128, 128, 128))


def conventions(photo: np.ndarray, face: Faces) -> Figure:
    """Draw the conventions on a face: axes, corners of the box, order of the points, half-open.

    photo: uint8 (H, W, 3). face: one face with landmarks.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 4.4), width_ratios=[1.25, 1])
    if face.landmarks is None:
        raise ValueError("face: has no landmarks to draw")
    draw_boxes(photo, face.boxes, ax=left, title="On a photo: x to the right, y down")
    draw_landmarks(None, face.landmarks, role="truth", numbers=True, ax=left)
    x1, y1, x2, y2 = face.boxes[0].round().int().tolist()
    left.text(x1, y1 - 3, f"(x1, y1) = ({x1}, {y1})", va="bottom", ha="left", bbox=PLATE)
    left.text(x2, y2 + 3, f"(x2, y2) = ({x2}, {y2})", va="top", ha="right", bbox=PLATE)
    _zoom(left, photo, face.boxes[0], margin=0.45)
    left.set_axis_on()
    left.set_xlabel("x, column (pixels)")
    left.set_ylabel("y, row (pixels)")
    for column in range(2, 6):
        for row in range(1, 4):
            right.add_patch(Rectangle((column, row), 1, 1, fc="#F6D5BF", ec="none", hatch=".."))
    right.add_patch(_box((2, 1, 6, 4), ec=PALETTE["prediction"], lw=2.5))
    _paper(right, 8, 6, step=1)
    right.set_title("Box (2, 1, 6, 4): 4 x 3 pixels")
    right.text(6.1, 2.5, "column 6\nis outside", va="center", bbox=PLATE)
    right.text(4, 4.5, "row 4 is outside", ha="center", va="center", bbox=PLATE)
    right.set_xlabel("x (pixels)")
    return fig


def point_names() -> str:
    """Return the five landmarks with their numbers, in words."""
    return ", ".join(f"{number} {name}" for number, name in enumerate(FIVE))


def _box(box: Sequence[float], **look: Any) -> Rectangle:
    x1, y1, x2, y2 = box
    return Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, **look)


def _paper(ax: Axes, width: float, height: float, *, step: int) -> None:
    """Make squared paper of an axes, y downwards."""
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_aspect("equal")
    ax.set_xticks(np.arange(0, width + 1, step))
    ax.set_yticks(np.arange(0, height + 1, step))
    ax.grid(color="#D0D0D0", linewidth=0.6)
    ax.set_axisbelow(True)


def _zoom(ax: Axes, photo: np.ndarray, box: Tensor, *, margin: float = 0.25) -> None:
    """Show the surroundings of a box only, a square."""
    x1, y1, x2, y2 = box.tolist()
    half = max(x2 - x1, y2 - y1) * (0.5 + margin)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    ax.set_xlim(max(x - half, -0.5), min(x + half, photo.shape[1] - 0.5))
    ax.set_ylim(min(y + half, photo.shape[0] - 0.5), max(y - half, -0.5))
