"""Curves for small SVG drawings: lines with a dash pattern and a marker, labels that do not touch,
and panels of training losses on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facelab.plots.palette import PALETTE
from facelab.widgets import svg

Look = tuple[str, str, str]

LOOKS: tuple[Look, ...] = (
    (PALETTE["candidate"], "", "circle"),
    (PALETTE["prediction"], "7 3", "square"),
    (PALETTE["truth"], "2 2", "triangle"),
    (PALETTE["accent"], "9 3 2 3", "diamond"),
    (PALETTE["ignored"], "4 4", "cross"),
)
"""Colour, dashes and marker of the series of a chart, in the order in which they are used."""

LETTER = 6.5  # pixels that a letter of a line's name takes
MOST_POINTS = 240  # corners of a drawn line; more would only be slower
SHOWN_DECADES = 4  # of a logarithmic axis, below its largest value

Losses = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""name -> steps and values, of one length."""


def polyline(
    points: Sequence[tuple[float, float]], *, stroke: str, dashes: str = "", width: float = 1.8
) -> str:
    """Draw a line through points. dashes: as SVG's stroke-dasharray; "" is a solid line."""
    corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<polyline points="{corners}" fill="none" stroke="{stroke}" '
        f'stroke-width="{width}"{pattern}/>'
    )


def marker(x: float, y: float, kind: str, *, fill: str, size: float = 4.0) -> str:
    """Draw a marker on a white rim. kind: circle, square, triangle, diamond, cross, plus or ring.

    size: half its extent in pixels.
    Raises ValueError for another kind.
    """
    if kind in ("circle", "ring"):
        inner = fill if kind == "circle" else "none"
        stroke = "white" if kind == "circle" else fill
        halo = _circle(x, y, size, "none", "white", 4.5) if kind == "ring" else ""
        return halo + _circle(x, y, size, inner, stroke, 1.5 if kind == "circle" else 2)
    if kind in ("cross", "plus"):
        ends = (
            ((-1, -1, 1, 1), (-1, 1, 1, -1)) if kind == "cross" else ((-1, 0, 1, 0), (0, -1, 0, 1))
        )
        return "".join(
            svg.line(x + a * size, y + b * size, x + c * size, y + d * size, stroke=s, width=w)
            for s, w in (("white", 5), (fill, 2.2))
            for a, b, c, d in ends
        )
    corners = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "triangle": ((0, -1.2), (1.1, 0.9), (-1.1, 0.9)),
        "diamond": ((0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)),
    }
    if kind not in corners:
        raise ValueError(f"marker: unknown kind {kind!r}")
    path = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in corners[kind])
    return f'<polygon points="{path}" fill="{fill}" stroke="white" stroke-width="1.5"/>'


def _circle(x: float, y: float, radius: float, fill: str, stroke: str, width: float) -> str:
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" fill="{fill}" '
        f'stroke="{stroke}" stroke-width="{width:g}"/>'
    )


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move places apart, so that labels at them are at least `gap` apart and lie in [low, high].

    Their order stays; where there is no room for all, the gap shrinks.
    """
    order = sorted(range(len(places)), key=lambda i: places[i])
    gap = min(gap, (high - low) / max(len(places) - 1, 1))
    moved = [0.0] * len(places)
    edge = low
    for i in order:  # downwards, then back up from the bottom
        moved[i] = max(places[i], edge)
        edge = moved[i] + gap
    edge = high
    for i in reversed(order):
        moved[i] = min(moved[i], edge)
        edge = moved[i] - gap
    if not moved:
        return moved
    back = sum(places) / len(places) - sum(moved) / len(moved)  # towards where they belong
    back = min(max(back, low - min(moved)), high - max(moved))
    return [place + back for place in moved]


# ---- training losses


@dataclass(frozen=True)
class Frame:
    """A panel's place and axes: pixels of its inside, and what its edges stand for.

    steps: from 0 to this. low, high: powers of ten at bottom and top.
    """

    left: float
    top: float
    width: float
    height: float
    steps: float
    low: int
    high: int

    def place(self, step: float, value: float) -> tuple[float, float]:
        """Give the pixel of a value; values outside the axis lie on its edge."""
        power = math.log10(value) if value > 0 else -math.inf
        share = min(max((power - self.low) / (self.high - self.low), 0.0), 1.0)
        x = self.left + self.width * step / self.steps
        return x, self.top + self.height * (1 - share)


def groups(losses: Losses) -> dict[str, dict[str, tuple[Sequence[float], Sequence[float]]]]:
    """Sort losses into panels: "level 2/LE" is the line LE of the panel "level 2".

    Names without a slash are lines of the panel "loss".
    """
    found: dict[str, dict[str, tuple[Sequence[float], Sequence[float]]]] = {}
    for name, track in losses.items():
        panel, _, line = name.partition("/") if "/" in name else ("loss", "", name)
        found.setdefault(panel, {})[line] = track
    return found


def looks_of(losses: Losses) -> dict[str, Look]:
    """Give each line its look, the same in all panels."""
    lines = dict.fromkeys(line for panel in groups(losses).values() for line in panel)
    return {line: LOOKS[number % len(LOOKS)] for number, line in enumerate(lines)}


def draw_losses(
    losses: Losses,
    *,
    width: int = 880,
    height: int = 190,
    columns: int = 3,
    at: float | None = None,
    most_steps: float | None = None,
) -> tuple[str, int]:
    """Draw one panel a group on axes that all share, and name every line at its end.

    at: a step to mark with a line and each curve's marker. most_steps: right end of the axis; the
    last step when left out. Returns the elements and the height of the drawing.
    """
    panels, looks = groups(losses), looks_of(losses)
    last = max((steps[-1] for steps, _ in losses.values() if len(steps)), default=1)
    end = max(most_steps or 0, last, 1)
    low, high = powers([v for _, values in losses.values() for v in values])
    columns = max(1, min(columns, len(panels)))
    cell = width / columns
    room = max(50.0, 24 + LETTER * max((len(line) for line in looks), default=0))  # for the names
    body = ""
    for number, (name, lines) in enumerate(panels.items()):
        row, column = divmod(number, columns)
        frame = Frame(
            left=column * cell + 46, top=row * height + 26,
            width=cell - 46 - room, height=height - 64,
            steps=end, low=low, high=high,
        )  # fmt: skip
        body += _panel(frame, name, lines, looks, at)
    return body, height * max(1, -(-len(panels) // columns))


def powers(values: Sequence[float]) -> tuple[int, int]:
    """Give the powers of ten at the ends of the axis of losses, one to four apart."""
    positive = np.asarray([v for v in values if v > 0 and math.isfinite(v)])
    if not len(positive):
        return -1, 0
    high = math.ceil(math.log10(float(positive.max())) - 1e-9)
    low = math.floor(math.log10(float(positive.min())) + 1e-9)
    return max(min(low, high - 1), high - SHOWN_DECADES), high


def _panel(
    frame: Frame,
    name: str,
    lines: Losses,
    looks: Mapping[str, Look],
    at: float | None,
) -> str:
    body = svg.text(frame.left, frame.top - 10, name, bold=True) + _axes(frame)
    if at is not None:
        x = frame.place(at, 1)[0]
        body += svg.line(x, frame.top, x, frame.top + frame.height, width=1.2)
    ends, marks = [], ""
    for line, (steps, values) in lines.items():
        colour, dashes, kind = looks[line]
        thin = max(1, len(steps) // MOST_POINTS)
        kept = sorted({*range(0, len(steps), thin), len(steps) - 1})
        points = [frame.place(steps[i], values[i]) for i in kept]
        body += polyline(points, stroke=colour, dashes=dashes)
        spot = points[-1]
        if at is not None:
            spot = frame.place(min(at, steps[-1]), value_at(steps, values, at))
        marks += marker(*spot, kind, fill=colour)
        ends.append(points[-1])
    heights = spread([y for _, y in ends], 13, frame.top + 4, frame.top + frame.height)
    x = frame.left + frame.width + 16
    for label, y in zip(lines, heights, strict=True):
        colour, _, kind = looks[label]
        body += marker(x, y, kind, fill=colour, size=3.5) + svg.text(x + 8, y + 4, label, size=11)
    return body + marks


def _axes(frame: Frame) -> str:
    """Draw grid, frame and ticks: powers of ten, and the steps in halves."""
    body, bottom = "", frame.top + frame.height
    for power in range(frame.low, frame.high + 1):
        y = frame.place(0, 10.0**power)[1]
        body += svg.line(frame.left, y, frame.left + frame.width, y, stroke=svg.FAINT)
        body += svg.text(frame.left - 5, y + 4, f"{10.0**power:g}", anchor="end", size=11)
    for half in (0, 0.5, 1):
        step = half * frame.steps
        x = frame.left + half * frame.width
        body += svg.line(x, bottom, x, bottom + 4, stroke=svg.INK)
        anchor = "start" if half == 0 else "middle"
        body += svg.text(x, bottom + 16, f"{step:,.0f}", anchor=anchor, size=11)
    body += svg.line(frame.left, bottom, frame.left + frame.width, bottom)
    return body + svg.text(
        frame.left + frame.width / 2, bottom + 30, "step", anchor="middle", size=11
    )


def value_at(steps: Sequence[float], values: Sequence[float], step: float) -> float:
    """Give the value of the last row that is not after `step`, or of the first row."""
    place = int(np.searchsorted(np.asarray(steps, float), step, side="right")) - 1
    return float(values[max(place, 0)])
