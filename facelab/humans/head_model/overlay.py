"""What a picture of a head is overlaid with: landmarks, face box and a mesh of lines."""

from __future__ import annotations

import torch
from torch import Tensor

from facelab.humans.head_model.camera import project
from facelab.humans.head_model.model import HeadModel
from facelab.humans.head_model.raster import doubled_area, edges_of

FOREHEAD = 0.50  # height of the forehead above the brows, as a share of brows to chin
CHIN, BROWS = 8, slice(17, 27)  # landmarks


def landmarks(
    model: HeadModel, vertices: Tensor, camera: Tensor, *, size: tuple[int, int]
) -> Tensor:
    """Project the 68 landmarks. vertices: (B, V, 3). camera: (B, 7). Returns (B, 68, 2) pixels in
    the order of `facelab.geometry.landmarks`; also for points that the head hides."""
    return project(vertices[:, model.landmarks], camera, size=size)[0]


def box_from_landmarks(points: Tensor) -> Tensor:
    """Draw a box from forehead to chin around 68 landmarks, as WIDER FACE's annotators do.

    points: (B, 68, 2) pixels. Returns (B, 4) xyxy. The jaw and brows give all but the top, which
    lies half as far above the brows as the chin lies below them, in the direction of the face.
    Raises ValueError for another shape.
    """
    if points.ndim != 3 or points.shape[1:] != (68, 2):
        raise ValueError(f"points: expected shape (B, 68, 2), got {tuple(points.shape)}")
    brows = points[:, BROWS]
    up = FOREHEAD * (brows.mean(dim=1, keepdim=True) - points[:, CHIN, None])  # (B, 1, 2)
    outline = torch.cat([points, brows + up], dim=1)
    return torch.cat([outline.amin(dim=1), outline.amax(dim=1)], dim=1)


def wireframe(
    model: HeadModel, vertices: Tensor, camera: Tensor, *, size: tuple[int, int]
) -> list[Tensor]:
    """List the lines of the coarse mesh on the side of the head that faces the camera.

    vertices: (B, V, 3). camera: (B, 7). Returns for each head (L, 2, 2): both ends in pixels.
    """
    screen, depth = project(vertices, camera, size=size)
    corners = screen[:, model.coarse]  # (B, C, 3, 2)
    front = (doubled_area(corners) < 0) & (depth[:, model.coarse].amin(dim=2) > 0)
    return [screen[image, edges_of(model.coarse[faces])[0]] for image, faces in enumerate(front)]
