"""Faces with their points, the windows that networks look through, and the way of a guess.

Points and windows are in units of the face square, (0, 0) its left top and (1, 1) its right bottom
corner; images are those of `FacePatches`, which show the square grown by `margin` on each edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from torch import Tensor

from facelab.geometry.landmarks import to5
from facelab.landmarks.patches import FacePatches
from facelab.plots.cascaded_landmarks.looks import (
    RIM,
    join,
    line_look,
    mark,
    show_face,
)
from facelab.plots.figures import photo as draw_photo
from facelab.plots.palette import MARKERS, PALETTE, WIDE
from facelab.plots.points import LEVEL_ROLES, POINTS

LEVELS = ("level 1", "level 2", "level 3")
CLOSE = 0.08  # half the side of a zoomed picture at least, in units of the square
EYE = 0.12  # half the side of a window that holds an eye


def faces(
    images: Tensor,
    *,
    margin: float = 0.3,
    truth: Tensor | None = None,
    predicted: Tensor | None = None,
    titles: Sequence[str] = (),
    columns: int = 4,
    square: bool = True,
    ax: Axes | None = None,
    title: str = "",
) -> Figure:
    """Draw faces with true points as rings and predicted ones as crosses, joined where both are.

    images: (N, 1 or 3, S, S) uint8. truth, predicted: (N, P, 2); NaN is left out. titles: one a
    face. square: draw the face square, dashed. ax: draw here; for a single face.
    Raises ValueError when ax is given and there is not exactly one face.
    """
    count = len(images)
    if ax is not None:
        if count != 1:
            raise ValueError(f"ax= holds one face; got {count} images: leave ax out for a grid")
        fig, spots = ax.get_figure(root=True), [ax]
        assert fig is not None
        ax.set_title(title)
    else:
        fig, spots = _grid(count, columns, lines=max([t.count("\n") + 1 for t in titles] or [0]))
        fig.suptitle(title) if title else None
    for number, spot in enumerate(spots):
        show_face(spot, images[number], margin, square=square)
        if number < len(titles):
            spot.set_title(titles[number], fontsize=10)
        _face_points(
            spot,
            None if truth is None else truth[number],
            None if predicted is None else predicted[number],
        )
    return fig


def _face_points(ax: Axes, truth: Tensor | None, predicted: Tensor | None) -> None:
    many = len(truth if truth is not None else predicted if predicted is not None else ()) > 10
    if truth is not None and predicted is not None and not many:
        join(ax, truth, predicted)
    size = 3.0 if many else 7.0
    for points, kind in ((truth, "truth"), (predicted, "prediction")):
        if points is not None:
            mark(ax, points, kind, size=size, mew=1.0 if many else 1.6)


def _grid(count: int, columns: int, *, lines: int) -> tuple[Figure, list[Axes]]:
    """Make a grid of `count` square panels with room for titles of so many lines."""
    columns = max(1, min(columns, count))
    rows = max(1, -(-count // columns))
    cell = WIDE[0] / max(columns, 3)
    fig, grid = plt.subplots(
        rows,
        columns,
        squeeze=False,
        figsize=(cell * columns, (cell + 0.2 * lines) * rows + 0.35),
    )
    for ax in grid.flat[count:]:
        ax.set_axis_off()
    return fig, list(grid.flat[:count])


def windows(
    image: Tensor,
    windows: Tensor,
    *,
    margin: float = 0.3,
    points: Tensor | None = None,
    truth: Tensor | None = None,
    labels: Sequence[str] = (),
    ax: Axes | None = None,
    title: str = "",
) -> Figure:
    """Draw the windows through which networks see a face.

    image: (1 or 3, S, S) uint8. windows: (K, 4) xyxy. labels: one a window, or none; windows with
    one label share a colour and a line style, and stand in the legend once. points: (P, 2) drawn as
    crosses; truth: (P, 2) as rings.
    Raises ValueError when there are labels, but not one for each window.
    """
    if labels and len(labels) != len(windows):
        raise ValueError(f"labels: expected one a window; got {len(labels)} for {len(windows)}")
    if ax is None:
        fig, ax = plt.subplots(figsize=(5.0, 4.3))
    else:
        fig = ax.get_figure(root=True)  # type: ignore[assignment]
    show_face(ax, image, margin, square=False)
    names = list(dict.fromkeys(labels)) or [""]
    for number, (x1, y1, x2, y2) in enumerate(windows.tolist()):
        place = names.index(labels[number]) if labels else 0
        look = line_look(place + 1)
        box = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=look["color"])
        box.set_linewidth(2 + 1.6 * (len(names) - 1 - place))  # shared edges stay visible
        box.set(linestyle=look["linestyle"], path_effects=RIM, clip_on=False)
        ax.add_patch(box)
    if labels:
        _window_legend(ax, names)
    _face_points(ax, truth, points)
    ax.set_title(title)
    return fig


def _window_legend(ax: Axes, names: Sequence[str]) -> None:
    looks = [line_look(number + 1) for number in range(len(names))]
    lines = [Line2D([], [], lw=2, color=one["color"], ls=one["linestyle"]) for one in looks]
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.01)}
    ax.legend(lines, names, frameon=False, ncols=min(len(names), 3), **below)


def arrows(
    image: Tensor,
    levels: Tensor,
    *,
    margin: float = 0.3,
    truth: Tensor | None = None,
    names: Sequence[str] = LEVELS,
    width: float | None = None,
    title: str = "",
) -> Figure:
    """Draw the way of the five points through the levels, on the face and each point close up.

    image: (1 or 3, S, S) uint8. levels: (L, 5, 2), the points after each level. truth: (5, 2).
    width: of the box in units of the square; then a circle marks an error of 5 % of it.
    """
    fig = plt.figure(figsize=(WIDE[0], 4.1))
    grid = fig.add_gridspec(2, 5, width_ratios=(1.25, 1.25, 1, 1, 1))
    whole = fig.add_subplot(grid[:, :2])
    show_face(whole, image, margin)
    _way(whole, levels, truth, small=True)
    spots = [fig.add_subplot(grid[place // 3, 2 + place % 3]) for place in range(6)]
    for number, (name, ax) in enumerate(zip(POINTS, spots, strict=False)):
        centre = levels[-1, number] if truth is None else truth[number]
        show_face(ax, image, margin, square=False)
        _way(ax, levels[:, number : number + 1], None if truth is None else truth[number, None])
        if width is not None and truth is not None:
            x, y = truth[number].tolist()
            circle = plt.Circle((x, y), 0.05 * width, fill=False, color="white")
            ax.add_patch(circle)
        x, y = centre.tolist()
        reach = max(CLOSE, 1.15 * float((levels[:, number] - centre).abs().max()))
        ax.set(xlim=(x - reach, x + reach), ylim=(y + reach, y - reach))
        ax.set_title(name, fontsize=10)
    known = truth is not None
    _way_legend(spots[5], names[: len(levels)], truth=known, circle=known and width is not None)
    if title:
        fig.suptitle(title)
    return fig


def _way(ax: Axes, levels: Tensor, truth: Tensor | None, *, small: bool = False) -> None:
    """Draw points (L, P, 2) of all levels with arrows between them, and the truth (P, 2)."""
    if truth is not None:
        mark(ax, truth, "truth", size=8 if small else 13)
    for before, after in zip(levels[:-1], levels[1:], strict=True):
        for start, end in zip(before.tolist(), after.tolist(), strict=True):
            if small:
                ax.plot(*zip(start, end, strict=True), color="black", lw=1.3, path_effects=RIM)
                continue
            style = {"arrowstyle": "->", "color": "black", "lw": 1.5, "shrinkA": 2, "shrinkB": 3}
            ax.annotate("", end, start, arrowprops=style | {"path_effects": RIM}, zorder=5)
    for points, role in zip(levels, LEVEL_ROLES, strict=False):
        x, y = points.numpy().T
        ax.plot(x, y, ls="none", marker=MARKERS[role], color=PALETTE[role], mew=1.8,
                ms=4 if small else 7, path_effects=RIM)  # fmt: skip


def _way_legend(ax: Axes, names: Sequence[str], *, truth: bool, circle: bool) -> None:
    looks = [
        Line2D([], [], ls="none", marker=MARKERS[role], color=PALETTE[role], ms=7, mew=1.8)
        for role, _ in zip(LEVEL_ROLES, names, strict=False)
    ]
    labels = list(names)
    if truth:
        ring = Line2D([], [], ls="none", marker="o", mfc="none", mew=1.6, color=PALETTE["truth"])
        looks.append(ring)
        labels.append("truth")
    if circle:
        looks.append(Line2D([], [], ls="none", marker="o", mfc="none", ms=11, color="black"))
        labels.append("error of 5%")
    ax.legend(looks, labels, loc="center", frameon=False, handletextpad=0.2)
    ax.set_axis_off()


def compare(
    photos: np.ndarray | Sequence[np.ndarray],
    boxes: Tensor,
    first: Tensor,
    second: Tensor,
    *,
    names: tuple[str, str] = ("MTCNN", "cascade"),
    titles: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw two sets of points on real photos, one panel a face: rings, crosses, lines between.

    photos: one (H, W, 3) uint8 for all faces, or one a face. boxes: (N, 4) pixels. first, second:
    (N, 5, 2) pixels, first drawn as rings. titles: one a face.
    """
    count = len(boxes)
    shown = [photos] * count if isinstance(photos, np.ndarray) else list(photos)
    fig, spots = _grid(count, 4, lines=max([t.count("\n") + 1 for t in titles] or [0]))
    for number, (ax, photo) in enumerate(zip(spots, shown, strict=True)):
        draw_photo(photo, ax=ax)
        join(ax, first[number], second[number])
        mark(ax, first[number], "truth", size=9, color=PALETTE["candidate"])
        mark(ax, second[number], "prediction", size=8)
        x1, y1, x2, y2 = boxes[number].tolist()
        half, x, y = 0.62 * max(x2 - x1, y2 - y1), (x1 + x2) / 2, (y1 + y2) / 2
        ax.set(xlim=(x - half, x + half), ylim=(y + half, y - half))
        if number < len(titles):
            ax.set_title(titles[number], fontsize=10)
    looks = [
        Line2D([], [], ls="none", marker="o", mfc="none", mew=1.6, color=PALETTE["candidate"]),
        Line2D([], [], ls="none", marker="x", mew=1.6, color=PALETTE["prediction"]),
    ]
    fig.legend(looks, names, loc="outside lower center", ncols=2, frameon=False)
    if title:
        fig.suptitle(title)
    return fig


def clearest(patches: FacePatches) -> int:
    """Find the face that explains best: both eyes stand out among those that show most points.

    patches: with 5 or 68 points and the attribute `visible` (N, points).
    """
    five = patches.points.shape[1] == 5
    eyes = (patches.points if five else to5(patches.points))[:, :2]
    around = torch.cat((eyes - EYE, eyes + EYE), dim=2)  # (N, 2, 4)
    contrast = patches.crop(around, (15, 15)).std(dim=(2, 3, 4)).amin(dim=1)
    seen = patches.attributes["visible"].sum(dim=1)  # (N,)
    return int((contrast * (seen == seen.max())).argmax())
