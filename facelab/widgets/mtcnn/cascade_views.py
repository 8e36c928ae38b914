"""The cascade explorer's pictures: boxes on the photo, bars of counts and cost, static twin."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from facelab import plots
from facelab.detection.mtcnn.predict import Stage, Trace
from facelab.plots.palette import PALETTE, rgb
from facelab.types import Faces
from facelab.widgets import svg
from facelab.widgets.base import SvgView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETS = {"pnet": "P-Net", "rnet": "R-Net", "onet": "O-Net"}
STEPS = ("looked at", "above threshold", "kept")  # what happens to candidates in each net
FILLS = (PALETTE["anchor"], PALETTE["candidate"], PALETTE["prediction"])  # of the three steps
LEGEND = (
    f'<span style="color:{PALETTE["prediction"]}"><b>&#9472;&#9472; solid</b></span>: kept by this '
    f"net, moved by its offsets; number: face score; dots: the five landmarks (O-Net only). "
    f'<span style="color:{PALETTE["ignored"]}"><b>- - - dashed</b></span>: above the threshold, '
    f"but a better box overlaps it."
)
CANVAS = 660  # pixels of the longer side of the picture that is painted
NAMED_LEVELS = 9  # pyramid levels with a bar of their own; smaller ones share one
CROWDED = 12  # boxes; above, they are drawn without scores


# ---- the photo


def suppressed(stage: Stage) -> Tensor:
    """Give the boxes (S, 4) above the threshold that fell to a better one."""
    fell = torch.ones(len(stage.passed), dtype=torch.bool)
    fell[stage.keep] = False
    return stage.passed.boxes[fell]


def paint(photo: np.ndarray, stage: Stage) -> np.ndarray:
    """Paint a net's boxes on a paled copy of the photo: (h, w, 3) uint8, longer side `CANVAS`."""
    scale = CANVAS / max(photo.shape[:2])
    size = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
    canvas = cv2.resize(photo, size, interpolation=cv2.INTER_LINEAR)
    canvas = cv2.addWeighted(canvas, 0.75, np.full_like(canvas, 255), 0.25, 0)
    _dashed(canvas, suppressed(stage) * scale)
    kept = stage.kept
    if len(kept) <= CROWDED:
        canvas = plots.annotate(canvas, Faces(kept.boxes * scale, kept.scores, None))
    else:
        outlines = _outlines(kept.boxes * scale)
        cv2.polylines(canvas, outlines, True, rgb("prediction"), 2)
    if kept.landmarks is not None:
        _dots(canvas, kept.landmarks * scale)
    return canvas


def _dots(canvas: np.ndarray, landmarks: Tensor) -> None:
    """Paint landmarks (N, 5, 2) as dots with a white rim."""
    for x, y in landmarks.reshape(-1, 2).round().int().tolist():
        cv2.circle(canvas, (x, y), 7, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(canvas, (x, y), 5, rgb("prediction"), -1, cv2.LINE_AA)


def _dashed(canvas: np.ndarray, boxes: Tensor) -> None:
    """Draw outlines in grey and white dashes: whole lines on a mask, cut along diagonals."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.polylines(mask, _outlines(boxes), True, 1, 1)
    rows, cols = mask.nonzero()
    grey = ((rows + cols) // 6 % 2 == 0)[:, None]  # (P, 1)
    canvas[rows, cols] = np.where(grey, np.array(rgb("ignored"), np.uint8), np.uint8(255))


def _outlines(boxes: Tensor) -> list[np.ndarray]:
    """Give the four corners (4, 2) int32 of each box, clockwise."""
    corners = boxes.round().int().numpy()[:, [0, 1, 2, 1, 2, 3, 0, 3]]
    return list(corners.reshape(-1, 4, 2))


# ---- the drawing


@dataclass(frozen=True)
class Row:
    """One bar of a chart: its net, words, a number, the number in words, and how it is filled."""

    group: str
    label: str
    value: float
    number: str
    fill: str
    bold: bool = False


def draw_counts_and_cost(drawing: SvgView, trace: Trace, stage: str) -> None:
    """Draw the candidates left after every step and the multiply-adds of every scale."""
    counts, cost = count_rows(trace, stage), cost_rows(trace)
    limit = _limit(max(row.value for row in cost))
    powers = [10**power for power in range(6)]
    quarters = [limit * part / 4 for part in range(5)]
    counts_body, counts_end = _chart(counts, top=24, ticks=powers, place=_log_place)
    cost_body, end = _chart(cost, top=counts_end + 28, ticks=quarters, place=lambda x: x / limit)
    total, onet = total_macs(trace), trace.stages["onet"]
    titles = svg.text(8, 16, "Candidates left (each line: ten times more)", bold=True)
    titles += svg.text(8, counts_end + 20, "Cost in million multiply-adds (M)", bold=True)
    titles += svg.text(8, end + 16, f"All three nets together: {millions(total)}", bold=True)
    label = (
        f"Bars: {trace.stages['pnet'].looked_at} windows become {len(onet.kept)} faces; "
        f"{millions(total)} multiply-adds in all"
    )
    drawing.draw(titles + counts_body + cost_body, width=470, height=end + 26, label=label)


def count_rows(trace: Trace, stage: str) -> list[Row]:
    """Give three bars a net; the net that is shown on the photo is bold."""
    rows = []
    for name, net in NETS.items():
        counts = stage_counts(trace.stages[name])
        for step, count, fill in zip(STEPS, counts, FILLS, strict=True):
            rows.append(Row(name, f"{net}: {step}", count, f"{count:,}", fill, name == stage))
    return rows


def stage_counts(stage: Stage) -> tuple[int, int, int]:
    """Count the candidates a net looked at, those above its threshold, and those it kept."""
    return stage.looked_at, len(stage.passed), len(stage.kept)


def cost_rows(trace: Trace) -> list[Row]:
    """Give one bar a pyramid level, the smallest ones together, then R-Net and O-Net."""
    rows = [
        Row("pnet", f"P-Net on {x.width} x {x.height}", x.macs, millions(x.macs), FILLS[0])
        for x in trace.levels[:NAMED_LEVELS]
    ]
    rest = trace.levels[NAMED_LEVELS:]
    if rest:
        macs = sum(level.macs for level in rest)
        plural = "s" if len(rest) > 1 else ""
        label = f"P-Net, {len(rest)} smaller level{plural}"
        rows.append(Row("pnet", label, macs, millions(macs), FILLS[0]))
    for name, fill in (("rnet", FILLS[1]), ("onet", FILLS[2])):
        stage = trace.stages[name]
        crops = f"{stage.looked_at:,} crop{'' if stage.looked_at == 1 else 's'}"
        rows.append(
            Row(name, f"{NETS[name]} on {crops}", stage.macs, millions(stage.macs), fill, True)
        )
    return rows


def total_macs(trace: Trace) -> int:
    """Add the multiply-adds of the three nets."""
    return sum(stage.macs for stage in trace.stages.values())


def millions(macs: float) -> str:
    """Write multiply-adds in millions: 88.1 M."""
    return f"{macs / 1e6:,.1f} M"


def _chart(
    rows: list[Row], *, top: int, ticks: Sequence[float], place: Callable[[float], float]
) -> tuple[str, int]:
    """Draw horizontal bars, label on the left, number at the end; a gap parts the groups.

    place: value to [0, 1]. Returns the elements and where they end.
    """
    left, span, step = 168, 226, 15
    bars, y = "", top
    for index, row in enumerate(rows):
        y += 5 if index and row.group != rows[index - 1].group else 0
        width = span * place(row.value)
        bars += svg.text(left - 6, y + 12, row.label, anchor="end", bold=row.bold)
        bars += svg.bar(left, y + 2, width, step - 3, fill=row.fill)
        bars += svg.text(left + width + 4, y + 12, row.number, bold=row.bold)
        y += step
    lines = ""
    for tick in ticks:
        x = left + span * place(tick)
        lines += svg.line(x, top, x, y + 3, stroke=svg.FAINT)
        lines += svg.text(x, y + 15, _tick(tick), anchor="middle", size=11)
    return lines + bars, y + 18


def _log_place(count: float) -> float:
    """Place a count between a half (0) and 200,000 (1) on a scale of powers; zero has no bar."""
    return math.log(max(count, 0.5) / 0.5) / math.log(200_000 / 0.5)


def _tick(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:,.0f}"
    return f"{value / 1000:.0f}k" if value >= 1000 else f"{value:.0f}"


def _limit(largest: float) -> float:
    """Give the end of the cost axis: few steps, so that bars can be compared between moves."""
    limits = [millions * 1e6 for millions in (40, 80, 200, 400, 800, 2000, 4000, 8000)]
    return next((limit for limit in limits if limit >= largest), largest)


def read_out(trace: Trace, options: dict[str, Any]) -> str:
    """Say in words what the views show."""
    pnet, rnet, onet = trace.stages.values()
    count = len(onet.kept)
    inside, overlap = options["nms_thresholds"][:2]
    shares = ", ".join(
        f"{NETS[name]} {stage.macs / max(total_macs(trace), 1):.0%}"
        for name, stage in trace.stages.items()
    )
    return (
        f"<b>{count} face{'' if count == 1 else 's'} found.</b> "
        f"{len(trace.levels)} pyramid levels, {pnet.looked_at:,} windows; "
        f"P-Net keeps {len(pnet.kept):,}, R-Net {len(rnet.kept):,}, O-Net {count}. "
        f"{millions(total_macs(trace))} multiply-adds ({shares}).<br>"
        f"Overlap allowed: IoU {overlap:.2f} across P-Net's levels and after R-Net, "
        f"{overlap:.2f} of the smaller box after O-Net "
        f"(inside one level P-Net always uses IoU {inside:.2f})."
    )


# ---- the static twin


@dataclass(frozen=True)
class Setting:
    """One column of the static twin."""

    title: str
    trace: Trace

    def sentence(self) -> str:
        """Say the column's key numbers."""
        stages = self.trace.stages
        left = ", ".join(f"{len(stages[name].kept):,} after {NETS[name]}" for name in NETS)
        return (
            f"{' '.join(self.title.split())}: {stages['pnet'].looked_at:,} windows, {left}; "
            f"{millions(total_macs(self.trace))} multiply-adds."
        )


def settings_figure(photo: np.ndarray, columns: Sequence[Setting]) -> Figure:
    """Draw each setting's photo after P-Net, the candidates after every step, and the cost."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(
        2,
        len(columns),
        figsize=(9.6, 6.4),
        squeeze=False,
        layout="constrained",
        height_ratios=(4, 3),
    )
    fig.suptitle("After P-Net: solid boxes go on to R-Net, dashed ones fell to a better box")
    for index, (photo_ax, bar_ax, column) in enumerate(zip(*axes, columns, strict=True)):
        plots.photo(paint(photo, column.trace.stages["pnet"]), ax=photo_ax, title=column.title)
        _count_bars(bar_ax, column.trace, labelled=index == 0)
    return fig


def _count_bars(ax: Axes, trace: Trace, *, labelled: bool) -> None:
    rows = count_rows(trace, "")
    values = [max(row.value, 0.5) for row in rows]  # an empty step has no bar
    ax.barh(
        range(len(rows)),
        [value - 0.5 for value in values],
        left=0.5,
        color=[row.fill for row in rows],
        tick_label=[row.label if labelled else "" for row in rows],
    )
    for place, (value, row) in enumerate(zip(values, rows, strict=True)):
        ax.text(value * 1.25, place, row.number, va="center", fontsize=10)
    ax.set_xscale("log")
    ax.set_xlim(0.5, 2e6)
    ax.invert_yaxis()
    ax.set_xlabel("candidates")
    ax.set_title(f"{millions(total_macs(trace))} multiply-adds", fontsize=11)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right"]].set_visible(False)
