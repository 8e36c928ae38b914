"""The surface of an error: one point moved on sliders, its loss, its gradient, three normalisers.

The loss is that of the papers on regression of points: the mean of the squared distances, in units
of the face square. NMEs come from `facelab.metrics.landmarks`. The drawings are in `surface_views`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import ipywidgets as widgets
import torch
from torch import Tensor

from facelab.landmarks.patches import SCALE, FacePatches
from facelab.metrics.landmarks import Normaliser, nme
from facelab.plots.points import POINTS
from facelab.widgets.base import (
    Choice,
    Controls,
    Slider,
    SvgView,
    Twin,
    side_by_side,
    with_static,
)
from facelab.widgets.landmarks.surface_views import (
    LEGEND,
    NORMALISERS,
    REACH,
    Moved,
    draw_bars,
    draw_face,
    draw_surface,
    read_out,
    static_drawing,
)

START = (8.0, 5.0)  # percent of the square's side to the right and down


def error_surface(
    patches: FacePatches,
    *,
    predicted: Tensor | None = None,
    degrees: Sequence[float] = (0, 40, 70),
    box_height: float = 1 / SCALE,
) -> Twin:
    """Move a predicted point: the L2 loss and its gradient, and the NME by three normalisers.

    patches: faces with five known points and the attribute "yaw"; of them, those that are turned
    nearest to `degrees`, to either side, are shown. predicted: (N, 5, 2) points from which to move,
    in square units; the true ones when left out. box_height: of the labelled boxes in units of the
    square, for the normaliser "box_size".
    Raises ValueError for patches without what is needed.
    """
    start = patches.points if predicted is None else predicted
    if start.shape != patches.points.shape:
        raise ValueError(f"predicted: expected {tuple(patches.points.shape)}, got {start.shape}")
    chosen = faces_turned(patches, degrees)
    faces, angles = [patches.select([row]) for row in chosen], _angles(patches, chosen)
    picture, surface, bars, said = SvgView(), SvgView(), SvgView(), widgets.HTML()
    controls = Controls(*_controls(angles))

    def moved(face: int, point: int, right: float, down: float) -> Moved:
        return move(faces[face], start[chosen[face]], point, right, down, box_height=box_height)

    def draw(face: int, point: int, right: float, down: float) -> None:
        every = [moved(number, point, right, down) for number in range(len(faces))]
        draw_face(picture, faces[face], every[face], box_height)
        draw_surface(surface, every[face])
        draw_bars(bars, [one.nmes for one in every], angles, face)
        said.value = f'<div role="status">{read_out(every[face], every[0], angles, face)}</div>'

    controls.on_change(draw)
    page = widgets.VBox(
        [
            side_by_side(controls["face"], controls["point"], controls.button),
            side_by_side(controls["right"], controls["down"]),
            said,
            side_by_side(picture.view, surface.view, bars.view),
            widgets.HTML(LEGEND, layout={"max_width": "920px"}),
        ]
    )
    shown = [moved(number, 0, *START) for number in range(len(faces))]
    return with_static(
        page,
        static=lambda: static_drawing(faces, shown, angles, box_height),
        alt=_alt(shown, angles),
        controls=controls,
    )


def _angles(patches: FacePatches, rows: Sequence[int]) -> list[int]:
    """Give how far faces are turned, in whole degrees."""
    return [round(math.degrees(abs(float(patches.attributes["yaw"][row])))) for row in rows]


def _controls(angles: Sequence[int]) -> list[Slider | Choice]:
    """Describe the controls; of faces that are turned alike, all but the first have a number."""
    names: dict[str, int] = {}
    for number, angle in enumerate(angles):
        again = f" ({number + 1})" if f"yaw {angle}°" in names else ""
        names[f"yaw {angle}°{again}"] = number

    def shift(name: str, value: float, label: str) -> Slider:
        most = 100 * REACH
        return Slider(name, value, min=-most, max=most, step=0.5, label=label, unit="%")

    return [
        Choice("face", 0, options=names),
        Choice("point", 0, options={name: number for number, name in enumerate(POINTS)}),
        shift("right", START[0], "point moved right"),
        shift("down", START[1], "point moved down"),
    ]


def _alt(shown: Sequence[Moved], angles: Sequence[int]) -> str:
    """Say what the static twin shows."""
    parts = [
        f"Face turned by {angle} degrees: NME {one.sentence()}."
        for angle, one in zip(angles, shown, strict=True)
    ]
    moved = f"The left eye {START[0]:g}% of the square too far right and {START[1]:g}% too low."
    return " ".join([moved, *parts])


def faces_turned(patches: FacePatches, degrees: Sequence[float]) -> list[int]:
    """Choose, for each angle, the face with five known points that is turned nearest to it.

    A face is chosen once; faces of which all points show go first where that is known.
    Raises ValueError when yaw is missing or there are fewer such faces than angles.
    """
    if "yaw" not in patches.attributes or patches.points.shape[1] != 5:
        raise ValueError(
            f'patches: expected five points and the attribute "yaw", got {patches!r}; '
            f"patches_of_people gives both"
        )
    known = ~patches.points.isnan().any(dim=-1).any(dim=-1)  # (N,)
    if int(known.sum()) < len(degrees) or not degrees:
        raise ValueError(
            f"patches: {int(known.sum())} faces with five known points, {len(degrees)} asked for"
        )
    yaw = patches.attributes["yaw"].abs().rad2deg()
    chosen: list[int] = []
    for angle in degrees:
        far = (yaw - angle).abs() + 1000 * ~known
        far[chosen] = torch.inf
        chosen.append(int(far.argmin()))
    return chosen


def move(
    face: FacePatches,
    start: Tensor,
    point: int,
    right: float,
    down: float,
    *,
    box_height: float = 1 / SCALE,
) -> Moved:
    """Move one of the points (5, 2) of a face by percent of the square, and measure what changes.

    The loss is the mean over the points of |predicted - true|^2, in units of the square; its
    gradient at the point that is moved is 2 (predicted - true) / 5.
    """
    truth = face.points[0]
    predicted = start.clone()
    predicted[point] += torch.tensor([right, down]) / 100
    errors = predicted - truth  # (5, 2)
    box = torch.tensor([[0.0, 0.0, float(face.widths[0]), box_height]])
    both = (predicted[None], truth[None])
    return Moved(
        point=point,
        truth=truth,
        predicted=predicted,
        offset=(right / 100, down / 100),
        lowest=(truth - start)[point],
        loss=float(errors.square().sum(dim=-1).mean()),
        gradient=2 * errors[point] / len(errors),
        nmes={name: float(nme(*both, name, boxes=box)) for name in NORMALISERS},
        lengths=lengths_of(truth, float(face.widths[0]), box_height),
    )


def lengths_of(truth: Tensor, width: float, height: float) -> dict[Normaliser, float]:
    """Give what each normaliser divides by, in units of the square."""
    return {
        "eyes": float((truth[0] - truth[1]).norm()),
        "box_width": width,
        "box_size": math.sqrt(width * height),
    }
