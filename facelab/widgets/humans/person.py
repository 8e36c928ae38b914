"""One person on sliders: the head model, its camera and lamp, and the labels that follow exactly.

A move builds the mesh, projects it and draws it; nothing is looked up, so that every label is what
the geometry says. The drawings are in `person_views`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import ipywidgets as widgets
import torch
from torch import Tensor

from facelab.geometry.landmarks import to5
from facelab.humans.head_model import HeadModel, Renderer, front_camera, project, turn
from facelab.images import to_photo
from facelab.widgets.base import (
    Choice,
    Controls,
    PictureView,
    Slider,
    SvgView,
    Twin,
    side_by_side,
    with_static,
)
from facelab.widgets.humans.person_views import (
    OVERLAYS,
    Labels,
    draw_room,
    label_table,
    paint,
    presets_figure,
    sentence,
)

SIDE = 224  # pixels of the square picture that is rendered and labelled
SHOWN = 448  # CSS pixels on the page
RAISED = 0.35  # the box is that of the 68 points, its top raised by this share of the height
LAMP = 10.0  # dm from the middle of the skull
NEAR = 0.12  # dm a landmark may lie behind the surface that is drawn at its place
SHADES = ((0.26, 0.27, 0.29), (1.0, 0.95, 0.88))  # of the light from all sides and of the lamp

PRESETS: dict[str, dict[str, float]] = {
    "as at the start": {},
    "turned by 50°": {"yaw": 50},
    "aged 70, smiling": {"age": 70, "smile": 90},
    "another person, side light": {"shape1": -2, "shape2": 2, "tone": 2, "lamp": 75},
}
"""Settings of the static twin; what is not named is as at the start."""


@dataclass(frozen=True)
class Pose:
    """Where the sliders stand: years, degrees, percent, and standard deviations."""

    age: float = 30
    yaw: float = 15
    pitch: float = 0
    roll: float = 0
    smile: float = 30
    open: float = 0
    lamp: float = 20
    shape1: float = 0
    shape2: float = 0
    shape3: float = 0
    tone: float = 0


def person_explorer(model: HeadModel | None = None) -> Twin:
    """Explore one person: age, pose, expression, lamp, identity; overlay and labels.

    model: the shipped head model when left out.
    Raises WeightsError when that is missing.
    """
    model = HeadModel.load() if model is None else model
    renderer = model.renderer()
    picture = PictureView(alt="A rendered head with the chosen labels drawn on it", width=SHOWN)
    room, table, said = SvgView(), widgets.HTML(), widgets.HTML()
    controls = Controls(*_controls())

    def draw(overlay: str, **moved: float) -> None:
        labels = look(model, renderer, Pose(**moved))
        picture.show(paint(labels, overlay, width=SHOWN))
        draw_room(room, labels)
        table.value = label_table(labels)
        said.value = f'<div role="status">{sentence(labels)}</div>'

    controls.on_change(draw)
    names = [item.name for item in fields(Pose)]
    left = widgets.VBox([controls[name] for name in names[:7]])
    right = widgets.VBox([*(controls[name] for name in names[7:]), controls["overlay"]])
    page = widgets.VBox(
        [
            side_by_side(left, right),
            controls.button,
            said,
            side_by_side(picture.view, widgets.VBox([room.view, table])),
        ]
    )
    looks = {name: look(model, renderer, Pose(**changes)) for name, changes in PRESETS.items()}
    alt = "One head model in four settings, with box and landmarks. " + " ".join(
        f"{name}: {labels.key_numbers()}." for name, labels in looks.items()
    )
    return with_static(page, static=lambda: presets_figure(looks), alt=alt, controls=controls)


def _controls() -> list[Slider | Choice]:
    """Describe the controls: one slider for each field of `Pose`, and the overlay."""
    start = Pose()

    def degrees(name: str, most: int, label: str) -> Slider:
        value = int(getattr(start, name))
        return Slider(name, value, min=-most, max=most, step=1, label=label, unit="°")

    def spread(name: str, label: str) -> Slider:
        return Slider(name, 0.0, min=-3.0, max=3.0, step=0.1, label=label, unit="s.d.")

    return [
        Slider("age", int(start.age), min=8, max=80, step=1, unit="years"),
        degrees("yaw", 80, "yaw to image right"),
        degrees("pitch", 40, "pitch up"),
        degrees("roll", 40, "roll to image left"),
        Slider("smile", int(start.smile), min=0, max=100, step=5, unit="%"),
        Slider("open", int(start.open), min=0, max=100, step=5, label="mouth open", unit="%"),
        degrees("lamp", 90, "lamp to image right"),
        spread("shape1", "shape 1"),
        spread("shape2", "shape 2"),
        spread("shape3", "shape 3"),
        spread("tone", "skin 1"),
        Choice("overlay", "points", options={name: name for name in OVERLAYS}),
    ]


def look(model: HeadModel, renderer: Renderer, pose: Pose) -> Labels:
    """Render one head and label it.

    Returns the picture (SIDE, SIDE, 3), the box, landmarks and their visibility in its pixels, and
    the outlines of the coarse mesh's triangles that face the camera.
    """
    with torch.inference_mode():
        age = torch.tensor([float(pose.age)])
        shape = torch.tensor([[pose.shape1, pose.shape2, pose.shape3]], dtype=torch.float32)
        units = torch.zeros(1, model.num_expression)
        for name, percent in (("smile", pose.smile), ("mouth open", pose.open)):
            units[0, model.expressions.index(name)] = percent / 100
        hair = torch.ones(1)
        vertices = model(shape, units, age, hair=hair)
        colours = model.albedo(torch.tensor([[float(pose.tone)]]), age, hair=hair)
        angles = torch.tensor([[pose.yaw, pose.pitch, pose.roll]], dtype=torch.float32).deg2rad()
        vertices = turn(vertices, angles)
        camera = front_camera(fill=0.74)
        drawn = renderer(
            vertices, colours, camera, lamp_at(pose.lamp), size=(SIDE, SIDE), background=0.62,
            shine=0.08,
        )  # fmt: skip
        screen, depth = project(vertices, camera, size=(SIDE, SIDE))
        points, near = screen[0, model.landmarks], depth[0, model.landmarks]
        visible = seen(points, near, drawn.depth[0])
    corners = screen[0, model.coarse]  # (C, 3, 2)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    front = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0  # y runs downwards
    return Labels(
        image=to_photo(drawn.image[0]),
        box=box_of(points),
        landmarks=points,
        visible=visible,
        five=to5(points),
        mesh=corners[front],
        angles=(pose.yaw, pose.pitch, pose.roll),
        age=pose.age,
        lamp=pose.lamp,
    )


def lamp_at(degrees: float) -> Tensor:
    """Make the light (1, 9) of a lamp that stands so many degrees to the image's right."""
    turned, raised = math.radians(degrees), math.radians(25)
    place = (
        LAMP * math.sin(turned) * math.cos(raised),
        LAMP * math.sin(raised),
        LAMP * math.cos(turned) * math.cos(raised),
    )
    ambient, lamp = SHADES
    return torch.tensor([[*place, *lamp, *ambient]])


def seen(points: Tensor, depth: Tensor, surface: Tensor) -> Tensor:
    """Say which points (P, 2) the picture shows: nothing nearer is drawn around their place.

    depth: (P,) dm. surface: (H, W) dm, inf where there is nothing. Returns (P,) bool; a point
    outside the picture is not seen.
    """
    height, width = surface.shape
    x, y = points.floor().long().unbind(dim=1)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    farthest = torch.full_like(depth, -torch.inf)
    for down in (-1, 0, 1):  # a point on the outline may fall beside the surface
        for across in (-1, 0, 1):
            row, column = (y + down).clamp(0, height - 1), (x + across).clamp(0, width - 1)
            farthest = torch.maximum(farthest, surface[row, column])
    return inside & (depth <= farthest + NEAR)


def box_of(points: Tensor) -> Tensor:
    """Give the box (4,) around the 68 points (68, 2), raised to the forehead by `RAISED`."""
    low, high = points.amin(dim=0), points.amax(dim=0)
    top = low[1] - RAISED * (high[1] - low[1])
    return torch.stack([low[0], top, high[0], high[1]])
