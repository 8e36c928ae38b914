"""Figures of photos with boxes, landmarks and crops, and the one way to display a figure."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from facelab.plots.palette import LINES, MARKERS, NARROW, PALETTE, WIDE
from facelab.plots.publish import checked_alt, image_tag, publish
from facelab.types import Faces

DPI = 100
LARGE_PNG = 60_000  # bytes


def style() -> None:
    """Set the course's style: large type, Okabe-Ito with line styles, cividis, no clutter."""
    mpl.rcParams.update(
        {
            "figure.figsize": NARROW,
            "figure.dpi": DPI,
            "figure.constrained_layout.use": True,
            "savefig.dpi": DPI,
            "font.size": 10,
            "axes.titlesize": 11,
            "axes.labelsize": 10,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.fontsize": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=list(PALETTE.values()))
            + cycler(linestyle=list(LINES.values())),
            "image.cmap": "cividis",
        }
    )


def show(fig: Figure, *, alt: str) -> None:
    """Display a figure with a text for readers who do not see it, and close it.

    alt: one or two sentences that say what the picture shows, with the key number.
    Raises ValueError when alt is empty or looks like a file name.
    """
    text = checked_alt(alt)
    tag = figure_tag(fig, text)
    plt.close(fig)
    publish(text, tag)


def figure_tag(fig: Figure, alt: str) -> str:
    """Return the figure as an `<img>` with alt text.

    Large PNGs, which hold photos, are stored with 256 colours or as JPEG where that saves a third.
    """
    stream = io.BytesIO()
    fig.savefig(
        stream,
        format="png",
        dpi=DPI,
        facecolor="white",
        metadata={"Software": None},
        pil_kwargs={"optimize": True},
    )
    width = round(fig.get_figwidth() * DPI)
    data = stream.getvalue()
    if len(data) > LARGE_PNG:
        picture = Image.open(stream).convert("RGB")
        jpeg, palette = io.BytesIO(), io.BytesIO()
        picture.save(jpeg, format="jpeg", quality=88, optimize=True)
        picture.quantize(256, dither=Image.Dither.NONE).save(palette, format="png", optimize=True)
        kind, small = min(("jpeg", jpeg), ("png", palette), key=lambda one: one[1].tell())
        if small.tell() < len(data) * 2 / 3:
            return image_tag(small.getvalue(), kind=kind, alt=alt, width=width)
    return image_tag(data, kind="png", alt=alt, width=width)


def photo(photo: np.ndarray, *, ax: Axes | None = None, title: str = "") -> Figure:
    """Draw a photo, pixels square, without axes; the title states the finding."""
    height, width = photo.shape[:2]
    if ax is None:
        wide = WIDE[0] if width > 1.6 * height else NARROW[0]
        fig, ax = plt.subplots(figsize=(wide, min(wide * height / width, 6.0) + 0.3 * bool(title)))
    smooth = "nearest" if max(height, width) < 100 else "antialiased"
    ax.imshow(photo, interpolation=smooth, extent=(0, width, height, 0))  # pixel k is [k, k + 1)
    ax.set_axis_off()
    if title:
        ax.set_title(title)
    return _figure(ax)


def boxes(
    photo: np.ndarray | None,
    faces_or_boxes: Faces | Tensor,
    *,
    scores: Tensor | None = None,
    landmarks: Tensor | None = None,
    role: str = "prediction",
    colour_by: str | None = None,
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str = "",
) -> Figure:
    """Draw boxes on a photo, in the colour and line style of their role.

    photo: (H, W, 3) uint8, or None to draw over what `ax` already shows. faces_or_boxes: Faces,
    or (N, 4) xyxy. colour_by: "score" draws sure boxes dark and thick, unsure ones light and
    thin, with a colour bar. labels: one text a box, above it. landmarks: (N, 5, 2) points.
    """
    if isinstance(faces_or_boxes, Faces):
        corners = faces_or_boxes.boxes
        scores = faces_or_boxes.scores if scores is None else scores
        landmarks = faces_or_boxes.landmarks if landmarks is None else landmarks
    else:
        corners = torch.as_tensor(faces_or_boxes).reshape(-1, 4)
    fig, ax = _canvas(photo, ax, title)
    by_score = colour_by == "score" and scores is not None and len(corners) > 0
    if colour_by not in (None, "score"):
        raise ValueError(f"colour_by must be 'score' or None, got {colour_by!r}")
    tint = mpl.colormaps["cividis_r"]
    for index, (x1, y1, x2, y2) in enumerate(corners.tolist()):
        score = float(scores[index]) if by_score and scores is not None else 1.0
        colour = tint(score) if by_score else PALETTE[role]
        width = 0.6 + 2.4 * score**2 if by_score else 2.0
        outline = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, lw=width, ec=colour)
        outline.set_linestyle(LINES[role])
        ax.add_patch(outline)
        if labels is not None:
            plate = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0}
            ax.text(x1, y1, labels[index], va="bottom", fontsize=10, bbox=plate, color="black")
    if by_score:
        scale = mpl.cm.ScalarMappable(mpl.colors.Normalize(0, 1), tint)
        fig.colorbar(scale, ax=ax, label="score (probability)", shrink=0.8)
    if landmarks is not None:
        _points(ax, landmarks, role, numbers=False)
    return fig


def landmarks(
    photo: np.ndarray | None,
    points: Tensor,
    *,
    role: str = "prediction",
    numbers: bool = False,
    ax: Axes | None = None,
    title: str = "",
) -> Figure:
    """Draw landmarks on a photo. points: (K, 2) or (N, K, 2) pixels; NaN points are left out.

    numbers: write each point's index beside it.
    """
    fig, ax = _canvas(photo, ax, title)
    _points(ax, points, role, numbers=numbers)
    return fig


def crops(
    crops: Sequence[np.ndarray] | np.ndarray,
    *,
    titles: Sequence[str] | None = None,
    columns: int = 8,
    title: str = "",
) -> Figure:
    """Draw crops in a grid, each with its title. crops: uint8 (H, W, 3) each."""
    count = len(crops)
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    cell = WIDE[0] / max(columns, 4)
    fig, grid = plt.subplots(
        rows,
        columns,
        squeeze=False,
        figsize=(cell * columns, (cell + 0.25 * bool(titles)) * rows + 0.35 * bool(title)),
    )
    for index, ax in enumerate(grid.flat):
        ax.set_axis_off()
        if index < count:
            ax.imshow(crops[index], interpolation="nearest")
            if titles:
                ax.set_title(titles[index], fontsize=10)
    if title:
        fig.suptitle(title)
    return fig


def _canvas(image: np.ndarray | None, ax: Axes | None, title: str) -> tuple[Figure, Axes]:
    if image is not None:
        fig = photo(image, ax=ax, title=title)
        return fig, ax if ax is not None else fig.axes[0]
    if ax is None:
        raise ValueError("give a photo, or the axes of a picture to draw over (ax=)")
    if title:
        ax.set_title(title)
    return _figure(ax), ax


def _figure(ax: Axes) -> Figure:
    fig = ax.get_figure(root=True)
    assert fig is not None
    return fig


def _points(ax: Axes, points: Tensor, role: str, *, numbers: bool) -> None:
    pairs = torch.as_tensor(points).reshape(-1, torch.as_tensor(points).shape[-2], 2)
    options: dict[str, Any] = {"color": PALETTE[role], "marker": MARKERS[role], "linestyle": "none"}
    if MARKERS[role] not in "+x":
        options["markeredgecolor"] = "white"
    for face in pairs.tolist():
        xs, ys = [point[0] for point in face], [point[1] for point in face]
        ax.plot(xs, ys, markersize=6, **options)
        if numbers:
            for index, (x, y) in enumerate(face):
                if x == x and y == y:
                    plate = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.5}
                    ax.text(x + 2, y - 2, str(index), fontsize=10, bbox=plate)
