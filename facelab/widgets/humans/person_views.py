"""The person explorer's pictures: labels on the head, the room from above, the label table."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from torch import Tensor

from facelab.geometry.landmarks import FIVE
from facelab.plots.palette import PALETTE, rgb
from facelab.widgets import svg
from facelab.widgets.base import SvgView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEAREST = (36, 45, 30, 48, 54)  # of the 68: whose visibility stands for each of the five

OVERLAYS = ("none", "box", "points", "mesh")  # what can be drawn over the picture
WHITE = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Labels:
    """One rendered head with everything that is known about it, in pixels of the picture.

    image: (S, S, 3) uint8. box: (4,). landmarks: (68, 2). visible: (68,) bool. five: (5, 2). mesh:
    (T, 3, 2) triangles that face the camera. angles: yaw, pitch, roll in degrees; lamp: in degrees.
    age: years.
    """

    image: np.ndarray
    box: Tensor
    landmarks: Tensor
    visible: Tensor
    five: Tensor
    mesh: Tensor
    angles: tuple[float, float, float]
    age: float
    lamp: float

    @property
    def hidden(self) -> int:
        """Count the landmarks that do not show."""
        return int((~self.visible).sum())

    def key_numbers(self) -> str:
        """Say how large the box is and how many points are hidden."""
        x1, y1, x2, y2 = self.box.tolist()
        return f"box {x2 - x1:.0f} x {y2 - y1:.0f} pixels, {self.hidden} of 68 points hidden"


def sentence(labels: Labels) -> str:
    """Say the labels in words."""
    yaw, pitch, roll = labels.angles
    eyes = (labels.five[0] - labels.five[1]).norm().item()
    return (
        f"<b>Age {labels.age:g}; yaw {yaw:g}°, pitch {pitch:g}°, roll {roll:g}°</b> "
        f"({math.radians(yaw):.2f}, {math.radians(pitch):.2f}, {math.radians(roll):.2f} radians); "
        f"{labels.key_numbers()}; the eyes are {eyes:.1f} pixels apart."
    )


# ---- the picture


def paint(labels: Labels, overlay: str, *, width: int) -> np.ndarray:
    """Paint the overlay on an enlarged copy: (width, width, 3) uint8.

    overlay: one of `OVERLAYS`; "points" come with the box.
    """
    scale = width / labels.image.shape[1]
    canvas = cv2.resize(labels.image, (width, width), interpolation=cv2.INTER_CUBIC)
    if overlay == "mesh":
        lines = _fixed(labels.mesh * scale)
        cv2.polylines(canvas, list(lines), True, rgb("anchor"), 1, cv2.LINE_AA, shift=3)
    if overlay in ("box", "points"):
        x1, y1, x2, y2 = (labels.box * scale).round().int().tolist()
        for colour, thickness in ((WHITE, 5), (rgb("truth"), 2)):
            cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), colour, thickness)
    if overlay == "points":
        _points(canvas, labels, scale)
    return canvas


def _points(canvas: np.ndarray, labels: Labels, scale: float) -> None:
    """Paint seen points as dots and hidden ones as crosses, and rings around the five."""
    places = (labels.landmarks * scale).round().int().tolist()
    for (x, y), shown in zip(places, labels.visible.tolist(), strict=True):
        if shown:
            cv2.circle(canvas, (x, y), 4, WHITE, -1, cv2.LINE_AA)
            cv2.circle(canvas, (x, y), 3, rgb("candidate"), -1, cv2.LINE_AA)
        else:
            for colour, thickness in ((WHITE, 4), (rgb("accent"), 2)):
                cv2.line(canvas, (x - 4, y - 4), (x + 4, y + 4), colour, thickness, cv2.LINE_AA)
                cv2.line(canvas, (x - 4, y + 4), (x + 4, y - 4), colour, thickness, cv2.LINE_AA)
    for x, y in (labels.five * scale).round().int().tolist():
        cv2.circle(canvas, (x, y), 8, WHITE, 4, cv2.LINE_AA)
        cv2.circle(canvas, (x, y), 8, rgb("prediction"), 2, cv2.LINE_AA)


def _fixed(corners: Tensor) -> np.ndarray:
    """Give corners as whole numbers of eighths of a pixel, as cv2's `shift=3` reads them."""
    return (corners * 8).round().int().numpy()


# ---- the drawing


def draw_room(view: SvgView, labels: Labels) -> None:
    """Draw head, camera and lamp from above and from the side, with the angles."""
    yaw, pitch, _ = labels.angles
    body = svg.text(8, 16, "From above: yaw and lamp", bold=True)
    body += _head(100, 70, math.radians(yaw), down=True) + _camera(100, 172)
    body += _lamp(100, 70, math.radians(labels.lamp))
    body += svg.text(8, 196, f"yaw {yaw:g}°, lamp {labels.lamp:g}°", size=11)
    body += svg.text(228, 16, "From the side: pitch", bold=True)
    body += _head(290, 100, math.radians(pitch), down=False)
    body += svg.line(322, 100, 400, 100, stroke=svg.FAINT) + _camera(412, 100, side=True)
    body += svg.text(228, 196, f"pitch {pitch:g}°, up is positive", size=11)
    label = f"Yaw {yaw:g} degrees, pitch {pitch:g} degrees, lamp {labels.lamp:g} degrees"
    view.draw(body, width=440, height=204, label=label)


def _head(x: float, y: float, angle: float, *, down: bool) -> str:
    """Draw a round head with a nose: `down` looks at the camera below, else at one on the right."""
    dx, dy = (math.sin(angle), math.cos(angle)) if down else (math.cos(angle), -math.sin(angle))
    body = f'<circle cx="{x}" cy="{y}" r="30" fill="#F2E6DA" stroke="{svg.INK}"/>'
    body += svg.line(x, y, x + 62 * dx, y + 62 * dy, stroke=PALETTE["prediction"], width=2)
    nose = f"{x + 38 * dx:.1f},{y + 38 * dy:.1f}"
    left = f"{x + 29 * dx - 7 * dy:.1f},{y + 29 * dy + 7 * dx:.1f}"
    right = f"{x + 29 * dx + 7 * dy:.1f},{y + 29 * dy - 7 * dx:.1f}"
    return body + f'<polygon points="{left} {nose} {right}" fill="{svg.INK}"/>'


def _camera(x: float, y: float, *, side: bool = False) -> str:
    """Draw the camera; `side`: in the view from the side, where its name has no room."""
    words = "" if side else svg.text(x + 20, y + 4, "camera", size=11)
    return f'<rect x="{x - 14}" y="{y - 9}" width="28" height="18" fill="{svg.INK}"/>' + words


def _lamp(x: float, y: float, angle: float) -> str:
    """Draw the lamp as a disc, 86 pixels from the head at (x, y), and its ray."""
    place = (x + 86 * math.sin(angle), y + 86 * math.cos(angle))
    edge = (x + 33 * math.sin(angle), y + 33 * math.cos(angle))
    ray = svg.line(*place, *edge, stroke="#B58900", width=2)
    centre = f'cx="{place[0]:.1f}" cy="{place[1]:.1f}"'
    return ray + f'<circle {centre} r="8" fill="#F5D547" stroke="#B58900"/>'


def label_table(labels: Labels) -> str:
    """Write box and five points as an HTML table."""
    side = labels.image.shape[1]
    box = ", ".join(f"{value:.1f}" for value in labels.box.tolist())
    rows = [("box x1, y1, x2, y2", box, "")]
    for name, (x, y), nearest in zip(FIVE, labels.five.tolist(), NEAREST, strict=True):
        rows.append((name, f"{x:.1f}, {y:.1f}", "seen" if labels.visible[nearest] else "hidden"))
    cell = '<td style="padding-right:14px">{}</td>'
    body = "".join(
        "<tr>" + "".join(cell.format(html.escape(text)) for text in row) + "</tr>" for row in rows
    )
    head = "".join(
        f'<th scope="col" style="text-align:left">{name}</th>'
        for name in ("label", f"pixels of {side}", "")
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


# ---- the static twin


def presets_figure(looks: Mapping[str, Labels]) -> Figure:
    """Draw each setting twice: with box and points, and as the mesh that was drawn."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(2, len(looks), figsize=(9.6, 5.2), squeeze=False, layout="constrained")
    for upper, lower, (name, labels) in zip(axes[0], axes[1], looks.items(), strict=True):
        width = 2 * labels.image.shape[1]
        upper.imshow(paint(labels, "points", width=width))
        lower.imshow(paint(labels, "mesh", width=width))
        upper.set_title(f"{name}\n{labels.hidden} of 68 points hidden", fontsize=10)
        for ax in (upper, lower):
            ax.set_axis_off()
    return fig
