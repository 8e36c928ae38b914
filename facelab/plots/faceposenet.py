"""Figures of the notebook on FacePoseNet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from facelab.plots.figures import photo as draw_photo
from facelab.plots.palette import LINES, MARKERS, PALETTE, WIDE

CONTOURS = (
    (*range(17, 22),),
    (*range(22, 27),),
    (*range(27, 31),),
    (*range(31, 36),),
    (*range(36, 42), 36),
    (*range(42, 48), 42),
    (*range(48, 60), 48),
    (*range(60, 68), 60),
)
"""Which of the 68 points are joined: brows, nose, eyes, lips."""

JAW = range(17)
"""Drawn as dots: our people's jaw points lie at uneven depths, a line would zigzag when turned."""

FAMILIES = {"noise": "prediction", "shift": "accent", "pose": "candidate", "truth": "truth"}
"""Role of each family of ways to align, by the beginning of its name; others are `ignored`."""


def wire(ax: Axes, points: Tensor, *, role: str = "prediction", label: str = "") -> None:
    """Draw a face of 68 points (68, 2) as its contours."""
    for number, contour in enumerate(CONTOURS):
        x, y = points[list(contour)].T.tolist()
        ax.plot(x, y, ls=LINES[role], color=PALETTE[role], lw=1.4, label="" if number else label)
    ax.plot(*points[list(JAW)].T.tolist(), ".", color=PALETTE[role], ms=4)


def posed_faces(
    images: Sequence[np.ndarray],
    layers: Mapping[str, Sequence[Tensor]],
    *,
    titles: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Draw faces in a row with wires over them.

    images: (H, W, 3) uint8 each. layers: role -> points (68, 2) in pixels, one a face.
    """
    fig, axes = plt.subplots(1, len(images), figsize=(WIDE[0], 2.3), squeeze=False)
    for at, (ax, image) in enumerate(zip(axes[0], images, strict=True)):
        draw_photo(image, ax=ax, title=titles[at] if titles else "")
        for role, points in layers.items():
            wire(ax, points[at], role=role)
        ax.set(xlim=(0, image.shape[1]), ylim=(image.shape[0], 0))
        ax.title.set_fontsize(10)
    if title:
        fig.suptitle(title, fontsize=11)
    return fig


def curves(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    *,
    labels: tuple[str, str],
    title: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw lines over a common axis, each with a colour and a style of its own."""
    if ax is None:
        _, ax = plt.subplots()
    for (name, values), role in zip(lines.items(), PALETTE, strict=False):
        ax.plot(x, values, color=PALETTE[role], ls=LINES[role], lw=2, label=name)
    ax.set(xlabel=labels[0], ylabel=labels[1], title=title)
    ax.legend(frameon=False)
    fig = ax.get_figure(root=True)
    assert fig is not None
    return fig


def ways(
    numbers: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    errors: Sequence[str],
    figure: str,
    named: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """Draw how well ways of aligning recognise over how much they err, one panel an error.

    numbers: way -> figure -> one value a seed, as benchmarks/alignment_recognition.py writes them.
    errors: figures for the x axes. figure: for the y axis. named: ways whose names are written.
    """
    fig, axes = plt.subplots(1, len(errors), figsize=(WIDE[0], 3.4), sharey=True, squeeze=False)
    for ax, error in zip(axes[0], errors, strict=True):
        for name, row in numbers.items():
            family = next((f for f in FAMILIES if name.startswith(f)), "")
            role = FAMILIES.get(family, "ignored")
            x, y = np.mean(row[error]), np.mean(row[figure])
            ax.errorbar(
                x, y, yerr=np.std(row[figure]), fmt=MARKERS[role], color=PALETTE[role], ms=6
            )
            if name in named:  # every second label hangs below, as neighbours lie close together
                place = (6, 5 if list(named).index(name) % 2 == 0 else -13)
                ax.annotate(name, (x, y), place, textcoords="offset points", fontsize=9)
        for family in ("noise", "shift"):
            line = [row for name, row in numbers.items() if name.startswith(family)]
            across = [float(np.mean(row[error])) for row in [numbers["truth"], *line]]
            up = [float(np.mean(row[figure])) for row in [numbers["truth"], *line]]
            role = FAMILIES[family]
            ax.plot(across, up, color=PALETTE[role], ls=LINES[role], lw=1.2, label=family)
        ax.set_xlabel(error)
    axes[0, 0].set_ylabel(figure)
    axes[0, 0].legend(frameon=False, loc="lower left")
    fig.suptitle(title, fontsize=11)
    return fig
