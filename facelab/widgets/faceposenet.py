"""A widget on pose: turn the generic head and see what the same error becomes in three NMEs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from facelab.landmarks.faceposenet.camera import from_angles, project
from facelab.landmarks.faceposenet.head import generic_head
from facelab.metrics.landmarks import Normaliser, nme
from facelab.plots.faceposenet import CONTOURS, JAW
from facelab.plots.palette import PALETTE
from facelab.widgets.base import Controls, Slider, SvgView, Twin, side_by_side, with_static
from facelab.widgets.svg import TEXTURES, bar, text, textures

SIDE = 280  # of the picture, pixels
OFF = 0.02  # decimetres, 2 mm, that every point is off to the side, in the plane of the image
NORMALISERS: dict[Normaliser, str] = {
    "interocular": "outer eye corners",
    "interpupil": "eye centres",
    "box_size": "box, √(w·h)",
}


def errors(turns: Tensor, distance: float) -> dict[str, float]:
    """Give the NME, percent, of 2 mm on every point of the generic head, by normaliser.

    turns: (3,) yaw, pitch, roll in radians. distance: dm.
    """
    points = _seen(turns, distance)
    away = points + torch.tensor([5.0 * OFF / distance, 0.0])  # focal length x millimetres / depth
    box = torch.cat((points.amin(dim=1), points.amax(dim=1)), dim=1)
    return {
        name: 100 * float(nme(away, points, kind, boxes=box)[0])
        for kind, name in NORMALISERS.items()
    }


def pose_explorer() -> Twin:
    """Turn the generic head with sliders; beside it, one error of 2 mm in three NMEs."""
    controls = Controls(
        Slider("yaw", 0, min=-85, max=85, step=1, unit="degrees"),
        Slider("pitch", 0, min=-45, max=45, step=1, unit="degrees"),
        Slider("roll", 0, min=-60, max=60, step=1, unit="degrees"),
        Slider("distance", 14.0, min=9.0, max=24.0, step=0.5, unit="dm"),
    )
    head, bars = SvgView(), SvgView()

    def draw(yaw: float, pitch: float, roll: float, distance: float) -> None:
        turns = torch.tensor([math.radians(angle) for angle in (yaw, pitch, roll)])
        vector = ", ".join(f"{x:.2f}" for x in from_angles(turns).tolist())
        label = f"Generic head, yaw {yaw:g}°, pitch {pitch:g}°, roll {roll:g}°; rotation ({vector})"
        head.draw(_face(_seen(turns, distance)[0], label), width=SIDE, height=SIDE, label=label)
        found = errors(turns, distance)
        said = "; ".join(f"{name} {value:.1f} %" for name, value in found.items())
        bars.draw(_bars(found), width=SIDE, height=SIDE, label=f"2 mm off on every point: {said}")

    controls.on_change(draw)
    box = side_by_side(controls.box, head.view, bars.view)
    alt = "The generic head in a crop, turned by sliders, and three bars: what 2 mm are in percent."
    return with_static(box, alt=alt, controls=controls)


def _seen(turns: Tensor, distance: float) -> Tensor:
    """The generic head's points (1, 68, 2) in crop units."""
    away = torch.tensor([[0.0, 0.0, distance]])
    return project(generic_head(), from_angles(turns)[None], away)


def _face(points: Tensor, label: str) -> str:
    """SVG of the contours of points (68, 2) in crop units."""
    places = (points * SIDE).tolist()
    parts = []
    for contour in CONTOURS:
        line = " ".join(f"{places[k][0]:.1f},{places[k][1]:.1f}" for k in contour)
        parts.append(
            f'<polyline points="{line}" fill="none" stroke="{PALETTE["candidate"]}" '
            f'stroke-width="1.6"/>'
        )
    for x, y in (places[k] for k in JAW):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{PALETTE["candidate"]}"/>')
    parts.append(text(6, SIDE - 8, label.split("; ")[1]))
    return "".join(parts)


def _bars(found: dict[str, float]) -> str:
    """SVG of one bar a normaliser, 20 % over the full width."""
    parts = [textures(), text(6, 18, "NME of 2 mm on every point, divided by")]
    roles = ("prediction", "accent", "truth")
    bars = zip(found.items(), roles, TEXTURES, strict=True)
    for at, ((name, value), role, texture) in enumerate(bars):
        top, width = 40 + 76 * at, min(value / 20, 1.0) * (SIDE - 70)
        parts.append(text(6, top + 12, name))
        parts.append(bar(6, top + 20, width, 24, fill=PALETTE[role], texture=texture))
        parts.append(text(width + 12, top + 37, f"{value:.1f} %"))
    return "".join(parts)
