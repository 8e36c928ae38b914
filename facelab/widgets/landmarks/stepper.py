"""The cascade level by level on one face, with sliders for a box that the detector misplaced.

Every move runs the networks on the face as it is: the square they start from moves, the pixels do
not. Errors are those of the package, in percent of the box width. The drawings are in
`stepper_views`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import ipywidgets as widgets
import torch
from torch import Tensor

from facelab.landmarks.patches import FacePatches
from facelab.widgets.base import (
    Choice,
    Controls,
    Slider,
    SvgView,
    Twin,
    side_by_side,
    with_static,
)
from facelab.widgets.landmarks.stepper_views import (
    LEGEND,
    SHOWN,
    Steps,
    draw_errors_and_tiles,
    draw_face,
    error_table,
    read_out,
    settings_drawing,
)

SETTINGS = {
    "the square as it should be": (0, 0, 1.0),
    "12% too far right": (12, 0, 1.0),
    "30% too far right": (30, 0, 1.0),
}
"""Columns of the static twin: shift to the right and down in percent of the square, and scale."""

MOST_FACES = 8


class Traced(Protocol):
    """What a cascade's trace holds of N faces, in units of each face's own square.

    first: answer of each level-1 network, (N, 5, 2) or (N, 3, 2). points: (N, 5, 2) after each of
    the three levels. windows: of level 1 (N, 3, 4), of levels 2 and 3 (N, 5, 2, 4).
    """

    first: Mapping[str, Tensor]
    points: Sequence[Tensor]
    windows: Sequence[Tensor]


class Cascade(Protocol):
    """Anything that shows its levels."""

    def trace(self, patches: FacePatches, *, squares: Tensor | None = None) -> Traced: ...


def cascade_stepper(
    cascade: Cascade, patches: FacePatches, *, names: Sequence[str] | None = None
) -> Twin:
    """Step through the levels on a face: windows, arrows, what the networks see, errors by level.

    patches: up to eight faces with five points to choose from; a margin of 0.6 leaves room for
    squares that are far off, beyond it the edge's colours go on. names: one a face, on its button.
    Raises ValueError for no faces or more than eight, unknown points, or another number of names.
    """
    words = _button_words(patches, names)
    faces = [patches.select([number]) for number in range(len(patches))]
    picture, drawing, said, table = SvgView(), SvgView(), widgets.HTML(), widgets.HTML()
    controls = Controls(*_controls(words))

    def draw(face: int, level: int, right: int, down: int, scale: float) -> None:
        steps = steps_of(cascade, faces[face], start_square(right, down, scale))
        draw_face(picture, faces[face], steps, level)
        draw_errors_and_tiles(drawing, faces[face], steps, level)
        said.value = f'<div role="status">{read_out(steps, level)}</div>'
        table.value = error_table(steps, level)

    controls.on_change(draw)
    legend = widgets.HTML(LEGEND, layout={"width": f"{SHOWN}px"})
    page = widgets.VBox(
        [
            side_by_side(controls["face"], controls.button),
            side_by_side(
                widgets.VBox([controls["level"], controls["scale"]]),
                widgets.VBox([controls["right"], controls["down"]]),
            ),
            said,
            side_by_side(widgets.VBox([picture.view, legend, table]), drawing.view),
        ]
    )
    columns = {
        name: steps_of(cascade, faces[0], start_square(*where)) for name, where in SETTINGS.items()
    }
    alt = "The cascade on one face from three squares. " + " ".join(
        f"{name}: {steps.sentence()}" for name, steps in columns.items()
    )
    return with_static(
        page, static=lambda: settings_drawing(faces[0], columns), alt=alt, controls=controls
    )


def _button_words(patches: FacePatches, names: Sequence[str] | None) -> list[str]:
    """Give the words on the buttons of the faces; refuse what `cascade_stepper` says it refuses."""
    count = len(patches)
    if not 1 <= count <= MOST_FACES or patches.points.shape[1] != 5:
        raise ValueError(
            f"patches: expected 1 to {MOST_FACES} faces with five points, got {patches!r}; "
            f"choose some with .select(...)"
        )
    if patches.points.isnan().any():
        raise ValueError("patches: a point of a face is unknown (NaN); choose other faces")
    words = list(names) if names is not None else [str(number + 1) for number in range(count)]
    if len(set(words)) != count:
        raise ValueError(f"names: expected {count} different ones, got {words}")
    return words


def _controls(names: Sequence[str]) -> list[Slider | Choice]:
    """Describe the controls; the networks run on each move, so a drag counts at its end."""

    def shift(name: str, label: str) -> Slider:
        return Slider(name, 0, min=-40, max=40, step=1, label=label, unit="%", continuous=False)

    return [
        Choice("face", 0, options={name: number for number, name in enumerate(names)}),
        Slider("level", 1, min=1, max=3, step=1, label="level shown", continuous=False),
        shift("right", "square moved right"),
        shift("down", "square moved down"),
        Slider(
            "scale", 1.0, min=0.6, max=1.6, step=0.02, label="square's side", unit="times",
            continuous=False,
        ),
    ]  # fmt: skip


def start_square(right: float, down: float, scale: float) -> Tensor:
    """Give the square (4,) that the cascade starts from, in units of the true one.

    right, down: shift of its middle in percent of the true square's side. scale: of its side.
    """
    middle = torch.tensor([0.5 + right / 100, 0.5 + down / 100])
    return torch.cat([middle - scale / 2, middle + scale / 2])


def steps_of(cascade: Cascade, face: FacePatches, square: Tensor) -> Steps:
    """Run the cascade on one face from a square (4,) and keep what each level did."""
    with torch.inference_mode():
        trace = cascade.trace(face, squares=square[None])
    first = {}
    for name, points in trace.first.items():
        whole = torch.full((5, 2), torch.nan)
        whole[slice(2, 5) if name == "NM1" else slice(0, points.shape[1])] = points[0]
        first[name] = whole
    return Steps(
        square=square,
        first=first,
        points=torch.stack([points[0] for points in trace.points]),
        windows=tuple(windows[0].reshape(-1, 4) for windows in trace.windows),
        truth=face.points[0],
        width=float(face.widths[0]),
    )
