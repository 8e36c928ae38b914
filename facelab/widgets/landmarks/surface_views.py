"""The pictures of the error surface: the face, the loss as a map, NMEs as bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from facelab.landmarks.patches import DOWN, SCALE, FacePatches
from facelab.metrics.landmarks import Normaliser
from facelab.plots.palette import PALETTE
from facelab.plots.points import POINTS
from facelab.widgets import svg
from facelab.widgets.base import SvgView
from facelab.widgets.curves import marker, polyline
from facelab.widgets.landmarks.marks import TRUTH, Glass, arrow, pixels

NORMALISERS: dict[Normaliser, str] = {
    "eyes": "eye distance",
    "box_width": "box width",
    "box_size": "box size √(w h)",
}
FAILURES: dict[Normaliser, float] = {
    "eyes": 0.10,
    "box_width": 0.05,
}  # above which the protocols count a failure
REACH = 0.25  # how far a point can be moved, in units of the square
STEP = 1.25  # the arrow is this times the gradient: half the way to the minimum
RINGS = (0.05, 0.10, 0.15, 0.20, 0.25)  # radii of the contours, in units of the square
SHOWN, BARS = 290, 320  # pixels of the pictures, width of the bars
CELLS = 64  # of the map, a side
LIMITS = (0.04, 0.08, 0.16, 0.32, 0.64, 1.28)  # ends of the axis of NMEs
PREDICTION = PALETTE["prediction"]
LEGEND = (
    '<div style="line-height:1.4">'
    "<b>&#9711;</b> green ring: the truth. <b>&#10005;</b> vermillion cross: the prediction. "
    "Arrow: downhill, against the gradient of the loss at the point that is moved. Green dashes: "
    "the labelled box; blue line: the eye distance. White rings on the map: equal loss, every 5% "
    "of the square. The same move is measured on all faces; solid bar: the face that is shown."
    "</div>"
)


@dataclass(frozen=True, eq=False)
class Moved:
    """A face with one point moved, in units of the square.

    truth, predicted: (5, 2). offset: how far the point was moved. lowest: (2,) the offset at which
    the loss is lowest. loss: mean squared distance. gradient: (2,) of the loss at the point. nmes:
    NME by normaliser, shares. lengths: what each divides by.
    """

    point: int
    truth: Tensor
    predicted: Tensor
    offset: tuple[float, float]
    lowest: Tensor
    loss: float
    gradient: Tensor
    nmes: Mapping[Normaliser, float]
    lengths: Mapping[Normaliser, float]

    def loss_at(self, right: Any, down: Any) -> Any:
        """Give the loss if the point were moved so far instead; numbers, or arrays of one shape."""
        x, y = (self.predicted - self.truth)[self.point].tolist()
        rest = self.loss - (x * x + y * y) / len(POINTS)  # of the other points
        low_x, low_y = self.lowest.tolist()
        return rest + ((right - low_x) ** 2 + (down - low_y) ** 2) / len(POINTS)

    def sentence(self) -> str:
        """Say the NMEs."""
        parts = [f"{self.nmes[name]:.1%} by {words}" for name, words in NORMALISERS.items()]
        return ", ".join(parts)


def read_out(now: Moved, frontal: Moved, angles: Sequence[int], face: int) -> str:
    """Say what the views show."""
    x, y = now.gradient.tolist()
    distance = float((now.predicted - now.truth)[now.point].norm())
    own = ", ".join(
        f"{distance / now.lengths[name]:.1%} of the {words}" for name, words in NORMALISERS.items()
    )
    compared = ""
    if face and frontal.nmes["eyes"] > 0:
        factors = [
            f"{now.nmes[name] / frontal.nmes[name]:.1f} times ({words})"
            for name, words in NORMALISERS.items()
        ]
        compared = (
            f"<br>Against the face turned by {angles[0]}°, the same move costs "
            f"{', '.join(factors)} as much."
        )
    return (
        f"<b>L2 loss {now.loss:.5f}</b>, gradient ({x:.4f}, {y:.4f}), length "
        f"{math.hypot(x, y):.4f}. <b>NME {now.sentence()}.</b><br>{POINTS[now.point]} is "
        f"{distance:.1%} of the square off: {own}.{compared}"
    )


# ---- the face


def draw_face(view: SvgView, face: FacePatches, now: Moved, box_height: float) -> None:
    """Draw the face with its points, the box, the eye distance and the way downhill."""
    body = face_drawing(face, now, box_height, Glass(0, 22, SHOWN, _around(face)))
    body += svg.text(0, 14, "The face, its points and its sizes", bold=True)
    eyes, width = now.lengths["eyes"], now.lengths["box_width"]
    label = (
        f"A face with {POINTS[now.point]} moved; eye distance {eyes:.2f} and box width {width:.2f} "
        f"of the square"
    )
    view.draw(body, width=SHOWN, height=SHOWN + 22, label=label)


def face_drawing(face: FacePatches, now: Moved, box_height: float, glass: Glass) -> str:
    """Draw a face in a piece of a drawing."""
    body = glass.face(face.images[0], face.margin)
    middle, half = 0.5 - DOWN / SCALE, box_height / 2
    width = now.lengths["box_width"]
    box = now.truth.new_tensor([0.5 - width / 2, middle - half, 0.5 + width / 2, middle + half])
    body += glass.box(box, stroke=TRUTH, dashes="7 4", width=1.8)
    ends = (*glass.place(now.truth[0]), *glass.place(now.truth[1]))
    body += svg.line(*ends, stroke="white", width=5)
    body += svg.line(*ends, stroke=PALETTE["candidate"], width=2.4)
    for point in now.truth:
        body += marker(*glass.place(point), "ring", fill=TRUTH, size=7)
    for point in now.predicted:
        body += marker(*glass.place(point), "cross", fill=PREDICTION, size=4)
    start = now.predicted[now.point]
    end = start - STEP * now.gradient
    body += arrow(glass.place(start), glass.place(end))
    return glass.holding(body)


def _around(face: FacePatches) -> tuple[float, float, float, float]:
    room = min(face.margin, 0.3)
    return -room, -room, 1 + room, 1 + room


# ---- the map


def draw_surface(view: SvgView, now: Moved) -> None:
    """Draw the loss for every place of the point, its contours and the way downhill."""
    label = (
        f"The loss for every place of {POINTS[now.point]}, a bowl; here it is {now.loss:.5f}, its "
        f"gradient has the length {float(now.gradient.norm()):.4f}"
    )
    body = surface_drawing(now, left=0, top=0, side=SHOWN)
    view.draw(body, width=SHOWN, height=SHOWN + 22, label=label)


def surface_drawing(now: Moved, *, left: float, top: float, side: float) -> str:
    """Draw the map in a square piece of a drawing, with its heading and axes."""
    inner = side - 56
    glass = Glass(left + 36, top + 22, inner, (-REACH, -REACH, REACH, REACH))
    places = (np.arange(CELLS) + 0.5) / CELLS * 2 * REACH - REACH
    values = now.loss_at(*np.meshgrid(places, places))
    most = max(float(values.max()), 1e-9)
    grey = np.round(255 * values / most).astype(np.uint8)
    coloured = cv2.applyColorMap(grey, cv2.COLORMAP_CIVIDIS)
    body = pixels(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), 0, 0, inner, kind="png")
    low = glass.place(now.lowest)
    for radius in RINGS:
        body += (
            f'<circle cx="{low[0]:.1f}" cy="{low[1]:.1f}" r="{radius * glass.scale:.1f}" '
            f'fill="none" stroke="white" stroke-width="1" opacity="0.75"/>'
        )
    for radius in RINGS[1::2]:
        words = f"{float(now.loss_at(now.lowest[0] + radius, now.lowest[1])):.4f}"
        body += svg.text(low[0], low[1] - radius * glass.scale + 4, words, anchor="middle", size=11)
    body += marker(*low, "ring", fill=TRUTH, size=6)
    here = now.predicted.new_tensor(now.offset)
    body += arrow(glass.place(here), glass.place(here - STEP * now.gradient))
    body += marker(*glass.place(here), "cross", fill=PREDICTION, size=5)
    outside = svg.text(left, top + 14, f"L2 loss: dark is low (largest {most:.3f})", bold=True)
    bottom = top + 22 + inner
    for share in (-20, -10, 0, 10, 20):
        at = inner * (share / 100 + REACH) / (2 * REACH)
        outside += svg.text(left + 36 + at, bottom + 14, f"{share}", anchor="middle", size=11)
        outside += svg.text(left + 30, top + 26 + at, f"{share}", anchor="end", size=11)
    words = "moved right (% of the square)"
    outside += svg.text(left + 36 + inner / 2, bottom + 29, words, anchor="middle", size=11)
    x, y = left + 8, top + 22 + inner / 2
    words = svg.text(x, y, "moved down", anchor="middle", size=11)
    return (
        glass.holding(body)
        + outside
        + words.replace("<text ", f'<text transform="rotate(-90 {x:.1f} {y:.1f})" ', 1)
    )


# ---- the bars


def draw_bars(
    view: SvgView, nmes: Sequence[Mapping[Normaliser, float]], angles: Sequence[int], face: int
) -> None:
    """Draw the NME of every face by every normaliser; the face that is shown has solid bars."""
    label = "NME " + "; ".join(
        f"by {words} " + ", ".join(f"{one[name]:.1%}" for one in nmes)
        for name, words in NORMALISERS.items()
    )
    body = svg.textures() + bars_drawing(nmes, angles, face, left=0, top=0, width=BARS)
    view.draw(body, width=BARS, height=SHOWN + 22, label=label)


def bars_drawing(
    nmes: Sequence[Mapping[Normaliser, float]],
    angles: Sequence[int],
    face: int | None,
    *,
    left: float,
    top: float,
    width: float,
) -> str:
    """Draw the bars, one group a normaliser; face: whose bars are solid, None for all."""
    largest = max(max(one.values()) for one in nmes)
    limit = next((limit for limit in LIMITS if limit >= largest), largest)
    start, span = left + 62, width - 62 - 46
    body, y = svg.text(left, top + 14, "NME of the same move, by normaliser", bold=True), top + 30
    for name, length_name in NORMALISERS.items():
        failure, words = FAILURES.get(name), ""
        dashed = f" (dashed: failure above {failure:.0%})" if failure is not None else ""
        body += svg.text(left, y + 8, f"divided by the {length_name}{dashed}", size=11)
        upper = y + 13
        lower = upper + 17 * len(nmes)
        for number, (one, angle) in enumerate(zip(nmes, angles, strict=True)):
            chosen = face is None or number == face
            fill = PREDICTION if chosen else PALETTE["ignored"]
            texture = "solid" if chosen else "stripes"
            length = span * min(one[name] / limit, 1.0)
            place = upper + 17 * number
            body += svg.text(start - 5, place + 11, f"yaw {angle}°", anchor="end", size=11)
            body += svg.bar(start, place, length, 14, fill=fill, texture=texture)
            percent = f"{one[name]:.1%}"
            words += svg.text(start + length + 4, place + 11, percent, size=11, bold=chosen)
        if failure is not None and failure <= limit:
            x = start + span * failure / limit
            body += polyline([(x, upper - 3), (x, lower)], stroke=svg.INK, dashes="4 3", width=1.4)
        body += words
        y = lower + 14
    for share in (0, 0.5, 1):
        x = start + span * share
        body += svg.line(x, y - 8, x, y - 3)
        body += svg.text(x, y + 9, f"{100 * limit * share:g}%", anchor="middle", size=11)
    return body + svg.line(start, y - 8, start + span, y - 8)


# ---- the static twin


def static_drawing(
    faces: Sequence[FacePatches],
    moved: Sequence[Moved],
    angles: Sequence[int],
    box_height: float,
) -> str:
    """Draw the first and the last face with the same move, the loss as a map, and all NMEs."""
    side, gap = 230, 10
    body = svg.textures()
    for place, number in enumerate((0, len(faces) - 1)):
        left = place * (side + gap)
        words = f"yaw {angles[number]}°: eye distance {moved[number].lengths['eyes']:.2f}"
        body += svg.text(left, 14, words, bold=True)
        glass = Glass(left, 22, side, _around(faces[number]))
        body += face_drawing(faces[number], moved[number], box_height, glass)
    body += surface_drawing(moved[0], left=2 * (side + gap), top=0, side=252)
    left = 2 * (side + gap) + 252 + gap
    nmes = [one.nmes for one in moved]
    body += bars_drawing(nmes, angles, None, left=left, top=0, width=BARS - 20)
    width, height = left + BARS - 20, 290
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="background:white" font-family="sans-serif" font-size="12">'
        f"{body}</svg>"
    )
