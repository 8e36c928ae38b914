"""Faces and marks in SVG, in units of the face square: what the widgets of lab 02 share."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from facelab.plots.palette import PALETTE
from facelab.plots.points import LEVEL_ROLES, picture
from facelab.widgets import svg
from facelab.widgets.base import encoded

TRUTH = PALETTE["truth"]
TABLE = '<table style="font-size:12px;line-height:1.4">'
LEVELS = tuple(
    (PALETTE[role], kind)
    for role, kind in zip(LEVEL_ROLES, ("plus", "triangle", "circle"), strict=True)
)
"""Colour and marker of the points after each level, as in the figures."""

Place = tuple[float, float]


@dataclass(frozen=True)
class Glass:
    """A square piece of a drawing through which a part of a face is seen.

    left, top, side: pixels of the drawing. window: (x1, y1, x2, y2) of the face in square units;
    the piece is as high as its sides ask for.
    """

    left: float
    top: float
    side: float
    window: tuple[float, float, float, float]

    @property
    def scale(self) -> float:
        """Pixels of the drawing a unit of the square."""
        return self.side / (self.window[2] - self.window[0])

    @property
    def height(self) -> float:
        """Height of the piece in pixels."""
        return self.scale * (self.window[3] - self.window[1])

    def place(self, point: Tensor | Place) -> Place:
        """Give the pixel of a point inside the piece."""
        x, y = (float(value) for value in point)
        return (x - self.window[0]) * self.scale, (y - self.window[1]) * self.scale

    def holding(self, body: str) -> str:
        """Cut off what leaves the piece."""
        return (
            f'<svg x="{self.left:.1f}" y="{self.top:.1f}" width="{self.side:.1f}" '
            f'height="{self.height:.1f}" overflow="hidden">{body}</svg>'
        )

    def face(self, image: Tensor, margin: float) -> str:
        """Draw a face patch (C, S, S) that covers its square and `margin` around it."""
        corner = self.place((-margin, -margin))
        return pixels(picture(image), *corner, (1 + 2 * margin) * self.scale, kind="jpeg")

    def box(self, corners: Tensor, *, stroke: str, dashes: str = "", width: float = 2) -> str:
        """Draw a window (4,) in square units, on a white rim."""
        x1, y1 = self.place(corners[:2])
        x2, y2 = self.place(corners[2:])
        place = f'x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}"'
        pattern = f' stroke-dasharray="{dashes}"' if dashes else ""
        rim = (
            f'<rect {place} fill="none" stroke="white" stroke-width="{width + 1.6}" opacity="0.7"/>'
        )
        return rim + (
            f'<rect {place} fill="none" stroke="{stroke}" stroke-width="{width}"{pattern}/>'
        )


def pixels(photo: np.ndarray, x: float, y: float, width: float, *, kind: str = "png") -> str:
    """Put a photo (H, W, 3) uint8 into a drawing, `width` pixels wide.

    kind: "jpeg" is drawn smooth, "png" pixel by pixel.
    """
    height = width * photo.shape[0] / photo.shape[1]
    data = base64.b64encode(encoded(photo, kind)).decode()
    look = "" if kind == "jpeg" else ' style="image-rendering:pixelated"'
    return (
        f'<image x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'preserveAspectRatio="none"{look} href="data:image/{kind};base64,{data}"/>'
    )


def arrow(
    start: Place, end: Place, *, stroke: str = svg.INK, width: float = 2, head: float = 7
) -> str:
    """Draw an arrow on a white rim; one shorter than two heads is only a line."""
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1)
    shaft = svg.line(x1, y1, x2, y2, stroke="white", width=width + 2.5)
    shaft += svg.line(x1, y1, x2, y2, stroke=stroke, width=width)
    if length < 2 * head:
        return shaft
    dx, dy = (x2 - x1) / length * head, (y2 - y1) / length * head
    tips = ((-dx - 0.5 * dy, -dy + 0.5 * dx), (-dx + 0.5 * dy, -dy - 0.5 * dx))
    return shaft + "".join(
        svg.line(x2 + a, y2 + b, x2, y2, stroke=colour, width=thick)
        for colour, thick in (("white", width + 2.5), (stroke, width))
        for a, b in tips
    )
