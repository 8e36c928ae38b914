"""Errors of landmarks in bars and curves: by level, by point, by kind of face, by network.

Errors are shares of the box width, 0.05 being 5 %; they are drawn in percent. NaN is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from facelab.metrics.landmarks import failure_rate
from facelab.plots.cascaded_landmarks.looks import (
    PLATE,
    bar_look,
    line_look,
    numbers,
    series,
)
from facelab.plots.palette import LINES, NARROW, PALETTE, WIDE
from facelab.plots.points import POINTS

Errors = Tensor | np.ndarray | Sequence[float]


def level_errors(
    errors: Mapping[str, Errors], *, threshold: float = 0.05, title: str = ""
) -> Figure:
    """Draw the mean error (left) and the failure rate (right) of each point, grouped by level.

    errors: name -> (N, 5) in the order of `POINTS`; a column of NaN has no bar: EN1 knows
    no mouth. threshold: errors above it are failures.
    """
    fig, axes = plt.subplots(1, 2, figsize=(WIDE[0], 3.3))
    wide, kinds = 0.84 / len(errors), series(errors)
    for number, (name, values) in enumerate(errors.items()):
        table = numbers(values).reshape(-1, len(POINTS))
        failed = np.where(np.isnan(table), np.nan, _failed(values, threshold).reshape(table.shape))
        places = np.arange(len(POINTS)) + (number - (len(errors) - 1) / 2) * wide
        for ax, shares in zip(axes, (table, failed), strict=True):
            known = ~np.isnan(shares).all(axis=0)
            heights = 100 * np.nanmean(shares[:, known], axis=0)
            bars = ax.bar(places[known], heights, 0.94 * wide, label=name,
                          **bar_look(kinds[name]))  # fmt: skip
            ax.bar_label(bars, [f"{h:.1f}" for h in heights], fontsize=10, rotation=90, padding=3)
    for ax, label in zip(
        axes,
        ("mean error (% of the box width)", f"points with an error above {threshold:.0%} (%)"),
        strict=True,
    ):
        ax.set_xticks(range(len(POINTS)), POINTS)
        ax.set_ylabel(label)
        ax.margins(y=0.24)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center",
               ncols=len(errors), frameon=False)  # fmt: skip
    if title:
        fig.suptitle(title)
    return fig


def cumulative(
    errors: Mapping[str, Errors],
    *,
    threshold: float = 0.05,
    most: float = 0.10,
    ax: Axes | None = None,
    title: str = "",
) -> Figure:
    """Draw the share of faces with an error up to x, for each set; the legend says it at threshold.

    errors: name -> (N,). most: right end of the axis.
    """
    fig, ax = _axes(ax, wide=True)
    kinds = series(errors)
    for name, values in errors.items():
        known = _known(values)
        ordered = np.sort(numbers(known))
        share = np.arange(1, len(ordered) + 1) / len(ordered)
        within = 1 - failure_rate(known, threshold)
        look = line_look(kinds[name])
        x, y = np.append(ordered, max(most, ordered[-1])), np.append(share, 1.0)
        ax.plot(100 * x, 100 * y, drawstyle="steps-post", lw=2, **look | {"marker": None},
                label=f"{name}: {within:.1%} within {threshold:.0%}")  # fmt: skip
        ax.plot(100 * threshold, 100 * within, **look, clip_on=False)
    ax.axvline(100 * threshold, color="black", lw=1, linestyle=LINES["ignored"])
    ax.set(xlim=(0, 100 * most), ylim=(0, 102))
    ax.set_xlabel("mean error of a face (% of the box width)")
    ax.set_ylabel("faces with at most this error (%)")
    ax.legend(frameon=True, framealpha=0.9, edgecolor="none", loc="lower right")
    ax.set_title(title)
    return fig


def breakdown(
    groups: Mapping[str, Mapping[str, Errors]], *, threshold: float = 0.05, title: str = ""
) -> Figure:
    """Draw the mean error of each group of faces, one panel a way of grouping.

    groups: way -> group -> (N,). Whiskers: the mean's 95 % interval. Above a bar: how many fail,
    below: how many there are. An empty group is left out.
    """
    fig, axes = plt.subplots(1, len(groups), figsize=(WIDE[0], 3.4), sharey=True, squeeze=False)
    for number, (ax, (way, sets)) in enumerate(zip(axes[0], groups.items(), strict=True)):
        kept = {name: found for name, values in sets.items() if len(found := _known(values))}
        means = [100 * float(found.mean()) for found in kept.values()]
        spans = [100 * _half_interval(numbers(found)) for found in kept.values()]
        ax.bar(range(len(kept)), means, width=0.7, **bar_look(number + 1))
        ax.errorbar(range(len(kept)), means, yerr=spans, fmt="none", ecolor="black", capsize=4)
        for place, (mean, span, found) in enumerate(zip(means, spans, kept.values(), strict=True)):
            words = f"{failure_rate(found, threshold):.1%}\nfail"
            plate = PLATE | {"pad": 0.2}
            ax.text(place, mean + 1.02 * span, words, ha="center", va="bottom", bbox=plate)
        ax.set_xticks(
            range(len(kept)), [f"{name}\nn={len(found):,}" for name, found in kept.items()]
        )
        ax.set_xlim(-0.6, max(len(kept), 1) - 0.4)
        ax.set_title(way)
        ax.axhline(100 * threshold, color="black", lw=1, linestyle=LINES["ignored"])
    axes[0, 0].set_ylabel("mean error (% of the box width)")
    axes[0, 0].margins(y=0.2)
    if title:
        fig.suptitle(title)
    return fig


def curves(
    x: Sequence[float],
    lines: Mapping[str, Errors],
    *,
    label: str,
    threshold: float | None = None,
    unit: str = "%",
    ylabel: str = "mean error (% of the box width)",
    ax: Axes | None = None,
    title: str = "",
) -> Figure:
    """Draw errors against something done to the faces, one line a name.

    x: what was done. lines: name -> one value for each x; shares, drawn in percent if unit is "%".
    label: of the horizontal axis, with its unit. threshold: drawn as a line.
    """
    fig, ax = _axes(ax, wide=True)
    factor = 100 if unit == "%" else 1
    kinds = series(lines)
    for name, values in lines.items():
        ax.plot(x, factor * numbers(values), label=name, ms=5, **line_look(kinds[name]))
    if threshold is not None:
        ax.axhline(factor * threshold, color="black", lw=1, linestyle=LINES["ignored"])
        ax.annotate(f"failure: {threshold:.0%}", (1, factor * threshold), xytext=(0, 3),
                    xycoords=("axes fraction", "data"), textcoords="offset points",
                    ha="right", bbox=PLATE | {"pad": 0.2})  # fmt: skip
    ax.set_ylim(bottom=0)
    ax.set_xlabel(label)
    ax.set_ylabel(ylabel)
    ax.legend(frameon=False)
    ax.set_title(title)
    return fig


def averaging(errors: Errors, *, names: Sequence[str], title: str = "") -> Figure:
    """Draw what averaging networks gains: their errors against each other, and the mean's size.

    errors: (K, N) signed errors of K >= 2 networks at one coordinate. names: of the networks. Left:
    network 1 against network 2. Right: the root mean square of each, of their mean as measured, as
    `averaged` predicts, and if they were independent.
    Raises ValueError for another shape or number of names.
    """
    table = numbers(errors)
    if table.ndim != 2 or len(table) < 2 or len(names) != len(table):
        raise ValueError(
            f"errors: expected (K, N) with K >= 2 and K names, got {table.shape} and {len(names)}"
        )
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDE[0], 3.3), width_ratios=(1, 1.3))
    left.plot(100 * table[0], 100 * table[1], ".", color=PALETTE["candidate"], ms=4, alpha=0.5)
    most = 125 * float(np.quantile(np.abs(table[:2]), 0.98))  # a few lie outside
    left.plot([-most, most], [-most, most], color="black", lw=1, linestyle=LINES["ignored"])
    left.set(xlim=(-most, most), ylim=(-most, most), box_aspect=1)
    left.set_xlabel(f"error of {names[0]} (%)")
    left.set_ylabel(f"error of {names[1]} (%)")
    left.set_title(f"correlation {correlation(table[0], table[1]):.2f}", fontsize=10)
    formula, independent = averaged(table)
    rows = {name: float(np.sqrt(np.mean(one**2))) for name, one in zip(names, table, strict=True)}
    rows["their mean, measured"] = float(np.sqrt(np.mean(table.mean(axis=0) ** 2)))
    rows["√(ρ + (1 − ρ)/K) of one"] = formula
    rows["if independent (ρ = 0)"] = independent
    kinds = [*([1] * len(table)), 3, 2, 0]  # series of `bar_look`
    for place, (value, kind) in enumerate(zip(rows.values(), kinds, strict=True)):
        bar = right.barh(place, 100 * value, height=0.7, **bar_look(kind))
        right.bar_label(bar, [f"{100 * value:.2f}"], padding=3)
    right.set_yticks(range(len(rows)), list(rows))
    right.invert_yaxis()
    right.margins(x=0.12)
    right.set_xlabel("root mean square error (% of the box width)")
    if title:
        fig.suptitle(title)
    return fig


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Compute how alike two networks err, from -1 to 1; about zero, so a common bias counts."""
    return float(np.mean(first * second) / np.sqrt(np.mean(first**2) * np.mean(second**2)))


def averaged(errors: np.ndarray) -> tuple[float, float]:
    """Predict the root mean square of the mean of K networks' errors (K, N).

    Returns s sqrt(rho + (1 - rho) / K), s being the networks' own root mean square and rho the mean
    correlation of two of them; and the same for rho = 0. Exact when all are of one size.
    """
    count = len(errors)
    size = float(np.sqrt(np.mean(errors**2)))
    pairs = [(i, j) for i in range(count) for j in range(i)]
    rho = float(np.mean([correlation(errors[i], errors[j]) for i, j in pairs]))
    return size * float(np.sqrt(max(rho + (1 - rho) / count, 0.0))), size / count**0.5


def ablation(results: Mapping[str, Errors], *, title: str = "") -> Figure:
    """Draw variants of a network, one panel a point: the mean as a diamond, seeds as small rings.

    results: variant -> (seeds, 5) or (5,) mean errors; the first is the one to compare with, its
    mean a dashed line. The axis does not start at zero.
    """
    tables = {name: numbers(values).reshape(-1, len(POINTS)) for name, values in results.items()}
    tall = 1.0 + 0.36 * len(tables)
    fig, axes = plt.subplots(1, len(POINTS), figsize=(WIDE[0], tall), sharey=True, sharex=True)
    names = list(tables)
    for column, (point, ax) in enumerate(zip(POINTS, axes, strict=True)):
        for place, table in enumerate(tables.values()):
            seeds = 100 * table[:, column]
            role = "prediction" if place == 0 else "candidate"
            ax.plot(seeds, [place] * len(seeds), "o", color=PALETTE[role], ms=4, mfc="none")
            ax.plot(seeds.mean(), place, "D", color=PALETTE[role], ms=6)
            ax.text(seeds.mean(), place - 0.2, f"{seeds.mean():.2f}", ha="center",
                    va="bottom", bbox=PLATE | {"pad": 0.2})  # fmt: skip
        reference = 100 * tables[names[0]][:, column].mean()
        ax.axvline(reference, color="black", lw=1, linestyle=LINES["ignored"], zorder=0)
        ax.set_title(point, fontsize=10)
        ax.margins(x=0.25)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].set_ylim(len(names) - 0.6, -0.75)  # the first variant on top
    fig.supxlabel("mean error (% of the box width)", fontsize=10)
    if title:
        fig.suptitle(title)
    return fig


def _axes(ax: Axes | None, *, wide: bool = False) -> tuple[Figure, Axes]:
    if ax is None:
        fig, ax = plt.subplots(figsize=(WIDE[0], 3.4) if wide else NARROW)
        return fig, ax
    fig = ax.get_figure(root=True)  # type: ignore[assignment]
    assert fig is not None
    return fig, ax


def _known(values: Errors) -> Tensor:
    """Give the errors that are known (N,), in their own type, as thresholds are meant."""
    found = torch.as_tensor(values).detach().flatten()
    return found[~found.isnan()]


def _failed(values: Errors, threshold: float) -> np.ndarray:
    """Say which errors are above the threshold, in their own type as `failure_rate` does."""
    return (torch.as_tensor(values).detach() > threshold).numpy()


def _half_interval(found: np.ndarray) -> float:
    """Give half the 95 % interval of a mean."""
    return 1.96 * float(found.std(ddof=1)) / len(found) ** 0.5 if len(found) > 1 else 0.0
