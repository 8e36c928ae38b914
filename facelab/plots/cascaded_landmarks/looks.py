"""How lab 02's figures and widgets show points, levels and faces: the same everywhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor

from facelab.plots.palette import LINES, MARKERS, PALETTE
from facelab.plots.points import picture

SERIES = ("ignored", "anchor", "candidate", "prediction", "truth", "accent")
"""Roles of the series of a chart, in the order in which they are used."""

HATCHES = ("///", "..", "", "xx", "\\\\\\", "--")  # the second cue of bars, in the order of SERIES

RIM: list[Any] = [withStroke(linewidth=3, foreground="white")]
PLATE: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0}


def show_face(ax: Axes, image: Tensor | np.ndarray, margin: float, *, square: bool = True) -> None:
    """Draw a face in units of its square: (0, 0) and (1, 1) are the corners of the dashed frame."""
    extent = (-margin, 1 + margin, 1 + margin, -margin)
    ax.imshow(picture(image), extent=extent, interpolation="bilinear")
    ax.set_axis_off()
    ax.set_autoscale_on(False)
    if square:
        frame = Rectangle((0, 0), 1, 1, fill=False, ec="white", lw=1.0, linestyle="--")
        ax.add_patch(frame)


def mark(ax: Axes, points: Tensor, kind: str, *, size: float = 8.0, **look: Any) -> None:
    """Draw points as rings ("truth") or crosses ("prediction"), on a white rim; NaN is left out.

    points: (P, 2) in the units of the axes.
    """
    x, y = torch.as_tensor(points).double().reshape(-1, 2).numpy().T
    shape = {"mfc": "none", "marker": "o"} if kind == "truth" else {"marker": "x"}
    options: dict[str, Any] = {"color": PALETTE[kind], "ms": size, "mew": 1.6, "ls": "none"}
    ax.plot(x, y, path_effects=RIM, **(options | shape | look))


def join(ax: Axes, first: Tensor, second: Tensor) -> None:
    """Draw a thin line between partners. first, second: (P, 2)."""
    for start, end in zip(first.tolist(), second.tolist(), strict=True):
        ax.plot(
            *zip(start, end, strict=True), color=PALETTE["prediction"], lw=1.2, path_effects=RIM
        )


def series(names: Iterable[str]) -> dict[str, int]:
    """Number the series of a chart: "level 1" to "level 3" look the same in every chart.

    Returns the numbers that `line_look` and `bar_look` take; other names share what is left.
    """
    others = itertools.cycle((0, 4, 5))
    levels = {f"level {level}": level for level in (1, 2, 3)}
    return {name: levels.get(name[:7].lower(), 0) or next(others) for name in names}


def line_look(number: int) -> dict[str, Any]:
    """Give colour, line style and marker of the series with this number."""
    role = SERIES[number % len(SERIES)]
    return {"color": PALETTE[role], "linestyle": LINES[role], "marker": MARKERS[role]}


def bar_look(number: int) -> dict[str, Any]:
    """Give colour and hatch of the series with this number."""
    place = number % len(SERIES)
    return {"color": PALETTE[SERIES[place]], "hatch": HATCHES[place], "ec": "white"}


def numbers(values: Tensor | np.ndarray | Sequence[float]) -> np.ndarray:
    """Give errors as a float64 array."""
    return np.asarray(torch.as_tensor(values).detach().double())
