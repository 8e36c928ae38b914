"""The generic head: 68 points that stand for everybody, and the surface they lie on.

It is the mean of facelab's statistical head model at 30 years, calm, made exactly symmetric, and
turned into the camera's axes: x to the right of the image, y down, z away from the camera; in
decimetres, about the middle of the skull. So a pose of zero rotation looks straight into the
camera. The paper does the same with one generic 3-D face: what a person's own face, age or smile
adds is left out on purpose.
Source: FacePoseNet; `facelab.humans.head_model`.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from facelab.geometry.landmarks import MIRROR_68
from facelab.humans.head_model import HeadModel
from facelab.humans.head_model.raster import visible

AXES = (1.0, -1.0, -1.0)  # from x left, y up, z front of the person to the camera's axes


@functools.cache
def generic_head() -> Tensor:
    """Give the generic head's points in the order of 300-W: (68, 3) float32 dm, read only.

    Raises WeightsError when the package's head model is missing or damaged.
    """
    model = _model()
    points = _mean(model)[model.landmarks]
    partner = points[list(MIRROR_68)] * points.new_tensor((-1.0, 1.0, 1.0))
    return (points + partner) / 2


@functools.cache
def reference_points() -> Tensor:
    """Give the five points that alignment uses: eye centres, nose tip and mouth corners of the
    generic head, (5, 3) float32 dm in the course's order."""
    head = generic_head()
    eyes = head[36:42].mean(dim=0), head[42:48].mean(dim=0)
    return torch.stack((*eyes, head[30], head[48], head[54]))


@functools.cache
def front_surface(size: int, *, scale: float, middle: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Look at the generic head from far in front: which point of it does each pixel show?

    size: side of the view in pixels. scale: pixels a decimetre. middle: where the skull's middle
    lies, in pixels. Returns points (S, S, 3) dm, NaN beside the head, and the surface's outward
    unit normals (S, S, 3).
    """
    model = _model()
    vertices = _mean(model)
    screen = vertices[:, :2] * scale + vertices.new_tensor(middle)
    depth = vertices[:, 2] + 100  # parallel rays; the raster only asks what is nearer
    seen = visible(screen[None], depth[None], model.triangles, size=(size, size)).face[0]  # (S, S)
    inside = seen >= 0
    corners = vertices[model.triangles[seen.clamp(min=0)]]  # (S, S, 3 corners, 3)
    weights = _weights(corners[..., :2] * scale + vertices.new_tensor(middle))  # (S, S, 3)
    points = (weights[..., None] * corners).sum(dim=-2)
    normals = model.renderer().normals(vertices[None])[0]
    smooth = (weights[..., None] * normals[model.triangles[seen.clamp(min=0)]]).sum(dim=-2)
    smooth = torch.nn.functional.normalize(smooth, dim=-1)
    return torch.where(inside[..., None], points, torch.nan), smooth


@functools.cache
def _model() -> HeadModel:
    return HeadModel.load()


def _mean(model: HeadModel) -> Tensor:
    """The mean head's vertices (V, 3) in the camera's axes."""
    vertices = model(torch.zeros(1, 0))[0]
    return vertices * vertices.new_tensor(AXES)


def _weights(corners: Tensor) -> Tensor:
    """Barycentric weights (S, S, 3) of pixel centres in triangles (S, S, 3, 2)."""
    rows, columns = corners.shape[:2]
    y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
    offset = corners - torch.stack((x, y), dim=-1)[..., None, :]
    after = offset.roll(-1, dims=-2)
    cross = offset[..., 0] * after[..., 1] - offset[..., 1] * after[..., 0]  # sides 01, 12, 20
    opposite = cross.roll(-1, dims=-1)
    return opposite / opposite.sum(dim=-1, keepdim=True)
