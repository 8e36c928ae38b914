"""The loss explorer's pictures: crops with what each adds, shares of the tasks, static twin."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from facelab.detection.mtcnn.losses import LANDMARK, NEGATIVE, PART, POSITIVE, TaskWeights
from facelab.images import to_photo
from facelab.plots.palette import PALETTE
from facelab.widgets import svg
from facelab.widgets.base import SvgView, encoded

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {NEGATIVE: "negative", POSITIVE: "positive", PART: "part", LANDMARK: "landmark"}
NAMES = {"face": "face or not", "box": "box", "landmarks": "landmarks"}
LETTERS = {"face": "F", "box": "B", "landmarks": "L"}
FILLS = {
    "face": PALETTE["candidate"],
    "box": PALETTE["prediction"],
    "landmarks": PALETTE["truth"],
}
TEXTURES = dict(zip(NAMES, svg.TEXTURES, strict=True))
HATCHES = {"face": "", "box": "///", "landmarks": ".."}  # of the static twin
COLUMNS, CELL = 7, 108  # samples side by side, pixels for each
CROP = 78  # pixels of a crop on the page
DECADES = 5  # a bar grows from 0.00001 to 1
WIDTH = COLUMNS * CELL


@dataclass(frozen=True)
class Samples:
    """A toy batch for O-Net; a row of a target counts where the kind says so.

    crops: (B, 3, 48, 48) in [0, 1]. kind: (B,) int64. iou: (B,) with the nearest face. true_deltas:
    (B, 4). true_landmarks: (B, 10), x1..x5 then y1..y5.
    """

    crops: Tensor
    kind: Tensor
    iou: Tensor
    true_deltas: Tensor
    true_landmarks: Tensor


@dataclass(frozen=True)
class Measured:
    """O-Net on each sample, by task: losses (B,), gradients (B, 256), and who takes part (B,)."""

    losses: Mapping[str, Tensor]
    gradients: Mapping[str, Tensor]
    takes_part: Mapping[str, Tensor]


@dataclass(frozen=True)
class Weighed:
    """The total loss in parts.

    means: each task's loss before its weight. contributions: what each sample (B,) adds, by task.
    pulls: length of each task's gradient at the shared features, over the batch. pull: length of
    their sum. dropped: (B,) left out of the classification by OHEM.
    """

    means: Mapping[str, float]
    contributions: Mapping[str, Tensor]
    pulls: Mapping[str, float]
    pull: float
    dropped: Tensor

    @property
    def terms(self) -> dict[str, float]:
        """Give each task's weighted term."""
        return {task: float(part.sum()) for task, part in self.contributions.items()}

    @property
    def total(self) -> float:
        """Give the total loss."""
        return sum(self.terms.values())

    def sentence(self) -> str:
        """Say the key numbers."""
        loss, pull = shares(self.terms), shares(self.pulls)
        parts = [f"{NAMES[t]} {loss[t]:.0%} of it and {pull[t]:.0%} of the gradient" for t in NAMES]
        return f"total {self.total:.3f}, {', '.join(parts)}."


def shares(values: Mapping[str, float]) -> dict[str, float]:
    """Divide by the sum; all zero when nothing is there to share."""
    whole = sum(values.values())
    return {name: value / whole if whole > 0 else 0.0 for name, value in values.items()}


# ---- the crops


def draw_samples(view: SvgView, samples: Samples, weighed: Weighed) -> None:
    """Draw every crop with its kind and, below, what it adds to each task it takes part in."""
    body = svg.textures()
    words = "What each crop adds to the total loss (a fifth of the bar: ten times more)"
    body += svg.text(6, 14, words, bold=True)
    step = CROP + 56
    for index in range(len(samples.kind)):
        row, column = divmod(index, COLUMNS)
        body += _sample(samples, weighed, index, x=column * CELL + 6, y=row * step + 22)
    rows = -(-len(samples.kind) // COLUMNS)
    label = (
        f"{len(samples.kind)} crops that add up to a loss of {weighed.total:.3f}; "
        f"{int(weighed.dropped.sum())} of them dropped by hard example mining"
    )
    view.draw(body, width=WIDTH, height=rows * step + 22, label=label)


def _sample(samples: Samples, weighed: Weighed, index: int, *, x: float, y: float) -> str:
    dropped = bool(weighed.dropped[index])
    kind = int(samples.kind[index])
    body = _crop(samples.crops[index], x, y + 16, faded=dropped)
    body += svg.text(x, y + 12, f"{KINDS[kind]}, IoU {samples.iou[index]:.2f}", size=11)
    if dropped:
        body += svg.line(x, y + 16, x + CROP, y + 16 + CROP, width=2)
        body += svg.line(x, y + 16 + CROP, x + CROP, y + 16, width=2)
    floor = y + CROP + 20
    for task in tasks_of(kind):
        value = float(weighed.contributions[task][index])
        width = 50 * decades(value)
        words = "dropped (easy)" if dropped and task == "face" else small(value)
        body += svg.text(x, floor + 10, LETTERS[task], bold=True, size=11)
        body += svg.bar(x + 12, floor + 1, width, 11, fill=FILLS[task], texture=TEXTURES[task])
        body += svg.text(x + 15 + width, floor + 10, words, size=11)
        floor += 15
    return body


def tasks_of(kind: int) -> list[str]:
    """List the tasks for which a kind of sample has a label."""
    return {
        NEGATIVE: ["face"],
        POSITIVE: ["face", "box"],
        PART: ["box"],
        LANDMARK: ["landmarks"],
    }[kind]


def decades(value: float) -> float:
    """Place a loss between 0.00001 (0) and 1 (1) on a scale of powers of ten."""
    return min(max(math.log10(max(value, 1e-9)) + DECADES, 0.0) / DECADES, 1.0)


def small(value: float) -> str:
    """Write a loss in at most six characters: 0.0123, and 3e-07 below a ten-thousandth."""
    return f"{value:.4f}" if value >= 1e-4 or value == 0 else f"{value:.0e}"


def _crop(crop: Tensor, x: float, y: float, *, faded: bool) -> str:
    pixels = to_photo(crop)
    if faded:
        grey = pixels.mean(axis=2, keepdims=True)
        pixels = np.broadcast_to(grey * 0.4 + 255 * 0.6, pixels.shape).astype(np.uint8)
    data = base64.b64encode(encoded(pixels, "jpeg")).decode()
    place = f'x="{x}" y="{y}" width="{CROP}" height="{CROP}"'
    return f'<image {place} href="data:image/jpeg;base64,{data}"/>'


# ---- the shares


def draw_shares(view: SvgView, weighed: Weighed) -> None:
    """Draw two whole bars, cut into the three tasks: of the loss, and of the gradient."""
    loss, pull = weighed.terms, weighed.pulls
    body = svg.textures()
    body += svg.text(6, 16, f"Share of the total loss ({weighed.total:.3f})", bold=True)
    body += _stack(loss, y=24)
    words = "Share of the push (gradient) on the 256 features that all tasks read"
    together = f"{words}; together {weighed.pull:.3f}, as pushes can cancel"
    body += svg.text(6, 92, together, bold=True)
    body += _stack(pull, y=100)
    label = f"Two stacked bars: {weighed.sentence()}"
    view.draw(body, width=WIDTH, height=152, label=label)


def _stack(values: Mapping[str, float], *, y: float) -> str:
    """Draw one stacked bar and, below, a key with every task's value and share."""
    body, x, whole = "", 6.0, WIDTH - 12
    for index, (task, share) in enumerate(shares(values).items()):
        body += svg.bar(x, y, whole * share, 22, fill=FILLS[task], texture=TEXTURES[task])
        x += whole * share
        key = 6 + index * whole / 3
        body += svg.bar(key, y + 30, 14, 14, fill=FILLS[task], texture=TEXTURES[task])
        words = f"{LETTERS[task]}: {NAMES[task]} {small(values[task])} ({share:.0%})"
        body += svg.text(key + 19, y + 41, words)
    return body


def read_out(weighed: Weighed, weights: TaskWeights) -> str:
    """Write the total as a sum, and what hard example mining dropped."""
    sums = [
        f"{getattr(weights, task):.2f} x {small(mean)} ({NAMES[task]})"
        for task, mean in weighed.means.items()
    ]
    dropped = int(weighed.dropped.sum())
    return (
        f"<b>Total loss {weighed.total:.4f}</b> = {' + '.join(sums)}.<br>"
        f"Hard example mining (OHEM) drops the {dropped} easiest face-or-not losses, crossed out "
        f"below; a positive that is crossed out still counts for its box."
    )


# ---- the static twin


def presets_figure(samples: Samples, settings: Mapping[str, Weighed], shown: str) -> Figure:
    """Draw the crops and what each adds under one setting, and every setting's shares of the tasks.

    shown: name of the setting for the crops.
    """
    import matplotlib.pyplot as plt

    fig = plt.figure(figsize=(9.6, 6.6), layout="constrained")
    parts: Any = fig.subfigures(2, 1, height_ratios=(5, 3))
    upper, lower = parts
    upper.suptitle(f"What each crop adds to the loss of {shown}; crossed: dropped", fontsize=11)
    axes = upper.subplots(-(-len(samples.kind) // COLUMNS), COLUMNS, squeeze=False)
    for index, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if index < len(samples.kind):
            _static_crop(ax, samples, settings[shown], index)
    loss_ax, pull_ax = lower.subplots(1, 2, sharey=True)
    _stacks(loss_ax, {name: x.terms for name, x in settings.items()}, "Share of the total loss")
    _stacks(pull_ax, {name: x.pulls for name, x in settings.items()}, "Share of the gradient")
    loss_ax.invert_yaxis()  # the first setting on top, in both
    handles, labels = loss_ax.get_legend_handles_labels()
    lower.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return fig


def _static_crop(ax: Axes, samples: Samples, weighed: Weighed, index: int) -> None:
    added = sum(float(part[index]) for part in weighed.contributions.values())
    kind = KINDS[int(samples.kind[index])]
    ax.imshow(to_photo(samples.crops[index]))
    ax.set_title(f"{kind}\nIoU {samples.iou[index]:.2f}\nadds {small(added)}", fontsize=10)
    if weighed.dropped[index]:
        ax.plot([0, 47, float("nan"), 0, 47], [0, 47, float("nan"), 47, 0], color="white", lw=4)
        ax.plot([0, 47, float("nan"), 0, 47], [0, 47, float("nan"), 47, 0], color="black", lw=2)


def _stacks(ax: Axes, settings: Mapping[str, Mapping[str, float]], title: str) -> None:
    parts = {name: shares(values) for name, values in settings.items()}
    start = np.zeros(len(parts))
    for task, words in NAMES.items():
        widths = np.array([100 * part[task] for part in parts.values()])
        bars = ax.barh(list(parts), widths, left=start, label=words, color=FILLS[task])
        for bar in bars:
            bar.set(hatch=HATCHES[task], edgecolor="white")
        for place, (left, width) in enumerate(zip(start, widths, strict=True)):
            if width >= 8:
                plate = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                middle = left + width / 2
                ax.text(middle, place, f"{width:.0f} %", ha="center", va="center", bbox=plate)
        start += widths
    ax.set_xlim(0, 100)
    ax.set_xlabel("percent")
    ax.set_title(title, fontsize=11)
    ax.spines[["top", "right"]].set_visible(False)
