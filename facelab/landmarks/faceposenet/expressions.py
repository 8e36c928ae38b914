"""One face, many expressions: how far does the aligned crop move when only the face does?

Heads of the statistical model hold still before one camera and change their expression. The eyes
stay where they are, so an alignment that looks at the rigid head puts them at one place; what they
move in the aligned crops is the alignment's own jitter.
Source: the third criticism of landmarks by Chang et al., 2017; the measurement is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from facelab.geometry.alignment import template, transform_points, umeyama
from facelab.humans.head_model import HeadModel, Heads, front_camera, portrait_light, project, turn
from facelab.landmarks.patches import FacePatches, cut_patches, face_squares, to_square

EXPRESSIONS: dict[str, dict[str, float]] = {
    "calm": {},
    "smile": {"smile": 0.9, "squint": 0.3},
    "open mouth": {"mouth open": 0.8},
    "surprise": {"mouth open": 0.5, "brows up": 0.9, "eyes wide": 0.7},
    "pressed lips": {"lips pressed": 0.9, "brows down": 0.7},
    "grin": {"mouth wide": 0.9, "show teeth": 0.7},
    "pout": {"lips forward": 0.9},
}
"""Units of the head model, by the word for the face that they make."""

BOX = (1.32, -0.19)
"""Longer side of a face's box, and how far its middle lies below that of the 68 points, in units of
the longer side of the box round these: medians of the shipped people's labels."""

PHOTO = 160  # side of the rendered photos in pixels


@dataclass(frozen=True, eq=False)
class Faces:
    """H heads with E expressions each, head by head.

    patches: H x E faces, RGB, 68 points. eyes: (H x E, 2, 2) true eye centres in square units.
    heads: (H x E,) number of the head. names: the E expressions.
    """

    patches: FacePatches
    eyes: Tensor
    heads: Tensor
    names: tuple[str, ...]


@torch.no_grad()
def faces_with_expressions(
    count: int,
    *,
    generator: torch.Generator,
    expressions: dict[str, dict[str, float]] | None = None,
    side: int = 160,
    margin: float = 0.7,
) -> Faces:
    """Draw heads, each in one pose, and let them change their expression.

    count: heads. expressions: as `EXPRESSIONS`. side, margin: of the patches. All pictures of a
    head are cut by the box of its calm face, so that nothing but the expression differs.
    """
    expressions = EXPRESSIONS if expressions is None else expressions
    model = HeadModel.load()
    heads = model.sample(generator, count)
    heads = replace(heads, hair=heads.hair.clamp(min=0.7))
    angles = (2 * torch.rand(count, 3, generator=generator) - 1) * torch.tensor([0.7, 0.25, 0.15])
    camera = front_camera(count, distance=12.0, fill=0.6)
    light, renderer = portrait_light(count), model.renderer()
    calm = _seen(model, _with(model, heads, {}), angles, camera)[1]  # (count, 68, 2)
    squares = face_squares(_boxes(calm))
    images, points, eyes = [], [], []
    for units in expressions.values():
        changed = _with(model, heads, units)
        vertices, places, pupils = _seen(model, changed, angles, camera)
        colours = model.build(changed)[1]
        options = {"size": (PHOTO, PHOTO), "background": 0.45, "shine": 0.1}
        photos = renderer(vertices, colours, camera, light, **options).image
        images.append(_patches(photos, squares, side, margin))
        points.append(to_square(places, squares))
        eyes.append(to_square(pupils, squares))
    widths = 0.76 * torch.ones(count) / 0.8  # box width in sides of the square, as our people's
    each = len(expressions)
    patches = FacePatches(
        _by_head(images), _by_head(points), widths.repeat_interleave(each), margin
    )
    return Faces(
        patches, _by_head(eyes), torch.arange(count).repeat_interleave(each), tuple(expressions)
    )


def eye_jitter(points: Tensor, faces: Faces, *, size: int = 112) -> Tensor:
    """Say how far true eyes move in crops aligned by points while the expression changes.

    points: (H x E, 5, 2) in square units. size: of the crop. Returns (H,): root mean square
    distance of the eye centres from their mean place over the expressions, in percent of the
    template's distance between the eyes.
    """
    goal = template(size)
    places = transform_points(umeyama(points, goal), faces.eyes)  # (H E, 2, 2)
    places = places.unflatten(0, (-1, len(faces.names)))  # (H, E, 2, 2)
    away = places - places.mean(dim=1, keepdim=True)
    eyes = torch.linalg.vector_norm(goal[1] - goal[0])
    return 100 * away.square().sum(dim=-1).mean(dim=(1, 2)).sqrt() / eyes


def _with(model: HeadModel, heads: Heads, units: dict[str, float]) -> Heads:
    """The same heads with one expression, and eyes that look straight ahead."""
    expression = torch.zeros(len(heads.age), model.num_expression)
    for name, strength in units.items():
        expression[:, model.expressions.index(name)] = strength
    return replace(heads, expression=expression)


def _seen(
    model: HeadModel, heads: Heads, angles: Tensor, camera: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Turned vertices (H, V, 3), the 68 points (H, 68, 2) and the pupils (H, 2, 2) in pixels."""
    vertices = turn(model.build(heads)[0], angles)
    screen, _ = project(vertices, camera, size=(PHOTO, PHOTO))
    dark = model.masks[model.mask_names.index("pupil")] > 0.5  # (V,)
    left = model.shape_mean[0, :, 0] < 0  # at image left
    pupils = torch.stack([screen[:, dark & half].mean(dim=1) for half in (left, ~left)], dim=1)
    return vertices, screen[:, model.landmarks], pupils


def _boxes(points: Tensor) -> Tensor:
    """Boxes (N, 4) as our people's are labelled, from 68 points (N, 68, 2)."""
    low, high = points.amin(dim=1), points.amax(dim=1)
    longer = (high - low).amax(dim=1, keepdim=True)
    middle = (low + high) / 2 + longer * points.new_tensor([0.0, BOX[1]])
    half = longer * BOX[0] / 2 * points.new_tensor([0.76, 1.0])
    return torch.cat((middle - half, middle + half), dim=1)


def _patches(photos: Tensor, squares: Tensor, side: int, margin: float) -> Tensor:
    """Cut one patch from each photo (N, 3, H, W) in [0, 1]: uint8 (N, 3, side, side)."""
    whole = (photos * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    parts = [
        cut_patches(photo, square[None], side=side, margin=margin, colour=True)
        for photo, square in zip(whole, squares, strict=True)
    ]
    return torch.cat(parts)


def _by_head(parts: list[Tensor]) -> Tensor:
    """From E parts of H rows to H x E rows, head by head."""
    return torch.stack(parts, dim=1).flatten(0, 1)
