"""Seven camera and nine light numbers, as RetinaFace's dense branch predicts them, and what they
mean.

| Columns      | Paper                       | Here                                                |
| ------------ | --------------------------- | --------------------------------------------------- |
| camera[0:3]  | camera location             | position of the camera in dm                        |
| camera[3:6]  | camera pose                 | the point in dm that lies in the image's middle     |
| camera[6]    | focal length                | in image heights: 0.5 / tan(half the field of view) |
| light[0:3]   | point light source location | position of the lamp in dm                          |
| light[3:6]   | its colour values           | red, green, blue, 0 or more; 1 lights white fully   |
| light[6:9]   | colour of ambient lighting  | red, green, blue, 0 or more; equal from all sides   |

Axes: the origin is the middle of the skull, x points to the person's left (to the right in a
frontal image), y up, z to the front. A camera is never rolled: y stays up in the image, as seven
numbers allow no more; `turn` tilts the head instead. The light does not weaken with distance.
Source: Deng et al., "RetinaFace: Single-stage Dense Face Localisation in the Wild", 2019, section
3.2 (camera and illumination parameters), after Genova et al., CVPR 2018.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

CAMERA = ("x", "y", "z", "look x", "look y", "look z", "focal length")
"""Names of the seven camera numbers."""

LIGHT = (
    *("lamp x", "lamp y", "lamp z"),
    *("lamp red", "lamp green", "lamp blue"),
    *("ambient red", "ambient green", "ambient blue"),
)
"""Names of the nine light numbers."""


def front_camera(
    batch: int = 1, *, distance: float = 9.0, fill: float = 0.75, height: float = 0.32
) -> Tensor:
    """Make cameras (batch, 7) straight in front of the face.

    distance: dm from the middle of the skull. fill: height of a grown-up's head as a share of the
    image. height: dm above the middle of the skull of what the image is centred on.
    Raises ValueError when one is not positive.
    """
    if distance <= 0 or fill <= 0:
        raise ValueError(f"distance and fill must be positive; got {distance} and {fill}")
    head = 2.15  # dm from chin to crown
    focal = fill * distance / head
    return torch.tensor([0.0, height, distance, 0.0, height, 0.0, focal]).repeat(batch, 1)


def portrait_light(batch: int = 1) -> Tensor:
    """Make lights (batch, 9): a warm lamp above the camera's right, soft light from all sides."""
    lamp = [4.5, 5.5, 9.0, 1.15, 1.08, 1.0, 0.40, 0.42, 0.46]
    return torch.tensor(lamp).repeat(batch, 1)


def turn(vertices: Tensor, angles: Tensor) -> Tensor:
    """Turn heads about the middle of the skull.

    vertices: (B, V, 3). angles: (B, 3) yaw, pitch, roll in radians: yaw > 0 turns the face to its
    own left (to the right in the image), pitch > 0 upwards, roll > 0 tilts it counter-clockwise in
    the image. Returns (B, V, 3).
    Raises ValueError for other shapes.
    """
    if vertices.ndim != 3 or vertices.shape[-1] != 3:
        raise ValueError(f"vertices: expected shape (B, V, 3), got {tuple(vertices.shape)}")
    if angles.shape != (len(vertices), 3):
        raise ValueError(
            f"angles: expected shape ({len(vertices)}, 3), one row a head, "
            f"got {tuple(angles.shape)}"
        )
    cos, sin = angles.cos(), angles.sin()
    one, zero = torch.ones_like(cos[:, 0]), torch.zeros_like(cos[:, 0])
    yaw = torch.stack(
        [cos[:, 0], zero, sin[:, 0], zero, one, zero, -sin[:, 0], zero, cos[:, 0]], dim=1
    ).view(-1, 3, 3)
    pitch = torch.stack(
        [one, zero, zero, zero, cos[:, 1], sin[:, 1], zero, -sin[:, 1], cos[:, 1]], dim=1
    ).view(-1, 3, 3)
    roll = torch.stack(
        [cos[:, 2], -sin[:, 2], zero, sin[:, 2], cos[:, 2], zero, zero, zero, one], dim=1
    ).view(-1, 3, 3)
    return vertices @ (yaw @ pitch @ roll).transpose(1, 2)


def project(points: Tensor, camera: Tensor, *, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Project points into images.

    points: (B, N, 3) in dm. camera: (B, 7). size: height and width in pixels. Returns pixels
    (B, N, 2), x to the right and y down, pixel k covering [k, k + 1), and depths (B, N): dm along
    the line of sight, negative behind the camera, where the pixels mean nothing.
    Raises ValueError for wrong shapes, a focal length that is not positive, or a camera that looks
    straight up or down, for which "up in the image" is undefined.
    """
    check_camera(camera, batch=len(points))
    if points.ndim != 3 or points.shape[-1] != 3:
        raise ValueError(f"points: expected shape (B, N, 3), got {tuple(points.shape)}")
    height, width = size
    position, target, focal = camera[:, :3], camera[:, 3:6], camera[:, 6]
    forward = torch.nn.functional.normalize(target - position, dim=1)  # (B, 3)
    side = torch.stack([-forward[:, 2], torch.zeros_like(focal), forward[:, 0]], dim=1)
    side = torch.nn.functional.normalize(side, dim=1)  # forward x up, to the right in the image
    up = torch.linalg.cross(side, forward)
    axes = torch.stack([side, up, forward], dim=2)  # (B, 3, 3)
    seen = (points - position[:, None]) @ axes  # (B, N, 3)
    depth = seen[..., 2]
    away = torch.where(depth.abs() < 1e-6, 1e-6, depth)
    scale = focal[:, None] * height / away  # (B, N) pixels a dm
    x = width / 2 + seen[..., 0] * scale
    y = height / 2 - seen[..., 1] * scale
    return torch.stack([x, y], dim=-1), depth


def check_camera(camera: Tensor, *, batch: int) -> None:
    """Refuse cameras that are not (batch, 7), finite, with a focal length and a view to the
    side."""
    if camera.shape != (batch, 7):
        raise ValueError(
            f"camera: expected shape ({batch}, 7): position, look-at point, focal length; "
            f"got {tuple(camera.shape)}"
        )
    values = camera.detach()
    if not bool(torch.isfinite(values).all()):
        raise ValueError("camera: holds NaN or infinity")
    if bool((values[:, 6] <= 0).any()):
        worst = float(values[:, 6].min())
        raise ValueError(f"camera: the focal length, column 6, must be positive; got {worst:g}")
    level = torch.hypot(values[:, 3] - values[:, 0], values[:, 5] - values[:, 2])
    if bool((level < 1e-6).any()):
        raise ValueError(
            "camera: position and look-at point lie above each other (or are the same), so the "
            "camera looks straight up or down; move one of them in x or z"
        )


def focal_length(field_of_view: float) -> float:
    """Give the focal length in image heights for a vertical field of view in radians.

    Raises ValueError outside (0, pi), for example for degrees.
    """
    if not 0 < field_of_view < math.pi:
        raise ValueError(f"field_of_view is in radians, in (0, pi); got {field_of_view}")
    return 0.5 / math.tan(field_of_view / 2)
