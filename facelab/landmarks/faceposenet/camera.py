"""Six degrees of freedom: rotation vectors, a perspective camera, and poses under 2-D maps.

| Here           | FacePoseNet              | Note                                             |
| -------------- | ------------------------ | ------------------------------------------------ |
| `rotations`    | rotation vector, radians | (N, 3): axis times angle; 0 looks at the camera  |
| `translations` | translation of the head  | (N, 3) decimetres; the last is the distance      |
| `FOCAL`        | fixed intrinsics A       | in sides of the crop; optical axis in its middle |
| `project`      | p ~ A [R, t] P           | crop units: (0, 0) left top, (1, 1) right bottom |

Camera axes: x to the right of the image, y down, z away from the camera. `angles` says the same
rotation in the convention of the labels of our people: yaw > 0 turns the face to its own left (to
the right of the image), pitch > 0 lifts it, roll > 0 leans it anticlockwise in the image.

One camera serves for all crops, however near the photographer stood and wherever in the photo the
face was. So a 2-D similarity of the crop is, but for turns about its middle, no exact motion of
the head: `moved` is right to first order, and the rest is what the fixed camera costs.
Source: Chang et al., "FacePoseNet: Making a Case for Landmark-Free Face Alignment", ICCV workshops
2017, and the released code.
"""

from __future__ import annotations

import torch
from torch import Tensor

from facelab.geometry.alignment import transform_points

FOCAL = 5.0
"""Focal length in sides of the crop, near the one with the least PnP residual on our people."""

MIDDLE = 0.5  # where the optical axis meets the crop
TINY = 1e-30  # keeps the derivative of the angle finite at 0


def rotation_matrices(rotations: Tensor) -> Tensor:
    """Turn rotation vectors into matrices, by Rodrigues' formula.

    rotations: (..., 3) radians. Returns (..., 3, 3), differentiable everywhere, at 0 too.
    Raises ValueError for another shape.
    """
    _expect_last("rotations", rotations, 3)
    angle = (rotations.square().sum(dim=-1) + TINY).sqrt()[..., None, None]  # (..., 1, 1)
    cross = cross_matrices(rotations)  # (..., 3, 3)
    sine = torch.sinc(angle / torch.pi)  # sin(angle) / angle
    cosine = 0.5 * torch.sinc(angle / (2 * torch.pi)).square()  # (1 - cos(angle)) / angle^2
    one = torch.eye(3, dtype=rotations.dtype, device=rotations.device)
    return one + sine * cross + cosine * (cross @ cross)


def cross_matrices(vectors: Tensor) -> Tensor:
    """Give the matrices [v] with [v] w = v x w. vectors: (..., 3). Returns (..., 3, 3)."""
    x, y, z = vectors.unbind(dim=-1)
    zero = torch.zeros_like(x)
    rows = torch.stack((zero, -z, y, z, zero, -x, -y, x, zero), dim=-1)
    return rows.unflatten(-1, (3, 3))


def rotation_vectors(matrices: Tensor) -> Tensor:
    """Turn rotation matrices into vectors whose angle is at most pi.

    matrices: (..., 3, 3). Returns (..., 3) radians. By way of the quaternion's largest component,
    so that no angle is lost, not at 0 and not at pi.
    Raises ValueError for another shape.
    """
    if matrices.shape[-2:] != (3, 3):
        raise ValueError(f"matrices: expected shape (..., 3, 3), got {tuple(matrices.shape)}")
    m = matrices
    diagonal = m.diagonal(dim1=-2, dim2=-1)  # (..., 3)
    trace = diagonal.sum(dim=-1, keepdim=True)
    odd = torch.stack(  # 4 w (x, y, z)
        (m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]),
        dim=-1,
    )
    outer = m + m.transpose(-1, -2) + (1 - trace)[..., None] * torch.eye(3).to(m)  # 4 v v^T
    rows = torch.cat(  # (..., 4, 4): row k is 4 times component k times the quaternion (w, x, y, z)
        (
            torch.cat((1 + trace, odd), dim=-1)[..., None, :],
            torch.cat((odd[..., None], outer), dim=-1),
        ),
        dim=-2,
    )
    largest = torch.cat((1 + trace, outer.diagonal(dim1=-2, dim2=-1)), dim=-1).argmax(dim=-1)
    chosen = rows.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    quaternion = torch.nn.functional.normalize(chosen, dim=-1)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    sine = torch.linalg.vector_norm(quaternion[..., 1:], dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, quaternion[..., :1])
    return quaternion[..., 1:] * torch.where(sine > 1e-9, angle / sine.clamp(min=1e-9), 2.0)


def angles(rotations: Tensor) -> Tensor:
    """Say rotations as yaw, pitch and roll, as the labels of our people do.

    rotations: (..., 3) rotation vectors. Returns (..., 3) radians, pitch within pi / 2.
    Raises ValueError for another shape.
    """
    m = rotation_matrices(rotations) * _flip(rotations)  # in axes y up, z to the camera
    yaw = torch.atan2(m[..., 0, 2], m[..., 2, 2])
    pitch = torch.asin(m[..., 1, 2].clamp(-1, 1))
    roll = torch.atan2(m[..., 1, 0], m[..., 1, 1])
    return torch.stack((yaw, pitch, roll), dim=-1)


def from_angles(turns: Tensor) -> Tensor:
    """Give the rotation vectors of yaw, pitch and roll, the reverse of `angles`.

    turns: (..., 3) radians: yaw about y, then pitch about x, then roll about z, each in the axes
    that the one before left. Returns (..., 3).
    Raises ValueError for another shape.
    """
    _expect_last("turns", turns, 3)
    axes = turns.new_tensor(((0, -1, 0), (-1, 0, 0), (0, 0, -1)))  # y and z point the other way
    yaw, pitch, roll = rotation_matrices(turns[..., None] * axes).unbind(dim=-3)
    return rotation_vectors(yaw @ pitch @ roll)


def project(
    points: Tensor, rotations: Tensor, translations: Tensor, *, focal: float = FOCAL
) -> Tensor:
    """Project points of the head into the crop.

    points: (P, 3) or (N, P, 3) dm in the head's axes. rotations, translations: (N, 3). focal: in
    sides of the crop. Returns (N, P, 2) in crop units.
    Raises ValueError for wrong shapes.
    """
    check_poses(rotations, translations)
    if points.ndim not in (2, 3) or points.shape[-1] != 3:
        raise ValueError(f"points: expected (P, 3) or (N, P, 3), got {tuple(points.shape)}")
    seen = points @ rotation_matrices(rotations).transpose(-1, -2) + translations[:, None]
    return MIDDLE + focal * seen[..., :2] / seen[..., 2:]


def moved(
    rotations: Tensor, translations: Tensor, maps: Tensor, *, focal: float = FOCAL
) -> tuple[Tensor, Tensor]:
    """Map poses through similarities of the crop: where is the head that the new crop shows?

    rotations, translations: (N, 3). maps: (N, 2, 3) or (2, 3), [scale R | t] in crop units. focal:
    in sides of the crop. Returns rotations and translations (N, 3). Exact for a turn about the
    crop's middle. A shift turns the camera, so that the head is seen from the same side; a change
    of size moves the head along its line of sight. Both are right for a head that is small against
    its distance.
    Raises ValueError for wrong shapes, and for maps that are no similarity (a mirroring one: use
    `mirrored`).
    Source: FacePoseNet, labels of easy images carried over to perturbed ones.
    """
    check_poses(rotations, translations)
    maps = _similarities(maps, len(rotations)).to(rotations)
    scale = torch.hypot(maps[:, 0, 0], maps[:, 1, 0])  # (N,)
    lean = torch.atan2(maps[:, 1, 0], maps[:, 0, 0])
    zero = torch.zeros_like(lean)
    about_axis = rotation_matrices(torch.stack((zero, zero, lean), dim=-1))  # (N, 3, 3)
    old_ray = _rays(MIDDLE + focal * translations[:, :2] / translations[:, 2:], focal)
    place = MIDDLE + (old_ray * focal / old_ray[:, 2:])[:, :2]
    new_ray = _rays(transform_points(maps, place[:, None]).squeeze(1), focal)
    turned = (about_axis @ old_ray[..., None]).squeeze(-1)
    turn = _between(turned, new_ray) @ about_axis  # (N, 3, 3)
    rotation = rotation_vectors(turn @ rotation_matrices(rotations))
    distance = torch.linalg.vector_norm(translations, dim=-1) / scale
    return rotation, new_ray * distance[:, None]


def mirrored(rotations: Tensor, translations: Tensor) -> tuple[Tensor, Tensor]:
    """Give the poses in the crop mirrored left to right; the head must be symmetric.

    rotations, translations: (N, 3). Returns both, (N, 3) each.
    Raises ValueError for wrong shapes.
    """
    check_poses(rotations, translations)
    return (
        rotations * rotations.new_tensor((1.0, -1.0, -1.0)),
        translations * translations.new_tensor((-1.0, 1.0, 1.0)),
    )


def check_poses(rotations: Tensor, translations: Tensor) -> None:
    """Refuse poses that are not (N, 3) each."""
    if rotations.ndim != 2 or rotations.shape[1] != 3 or translations.shape != rotations.shape:
        got = f"{tuple(rotations.shape)} and {tuple(translations.shape)}"
        raise ValueError(f"rotations, translations: expected (N, 3) each, got {got}")


def _rays(places: Tensor, focal: float) -> Tensor:
    """Give unit vectors (N, 3) from the camera towards places (N, 2) of the crop."""
    ahead = torch.full_like(places[:, :1], focal)
    return torch.nn.functional.normalize(torch.cat((places - MIDDLE, ahead), dim=1), dim=1)


def _between(start: Tensor, end: Tensor) -> Tensor:
    """Give the smallest rotations (N, 3, 3) that turn unit vectors (N, 3) into others."""
    axis = torch.linalg.cross(start, end)
    cosine = (start * end).sum(dim=-1)[..., None, None]
    cross = cross_matrices(axis)
    return torch.eye(3).to(start) + cross + cross @ cross / (1 + cosine)


def _similarities(maps: Tensor, count: int) -> Tensor:
    """Check maps (N, 2, 3) or (2, 3) and give them as (N, 2, 3)."""
    if tuple(maps.shape[-2:]) != (2, 3) or maps.ndim not in (2, 3):
        raise ValueError(f"maps: expected (2, 3) or ({count}, 2, 3), got {tuple(maps.shape)}")
    if maps.ndim == 3 and len(maps) != count:
        raise ValueError(f"maps: {len(maps)} maps for {count} poses; give one each, or one for all")
    a, b, c, d = (maps[..., 0, 0], maps[..., 0, 1], maps[..., 1, 0], maps[..., 1, 1])
    size = torch.hypot(a, c)
    skew = torch.maximum((a - d).abs(), (b + c).abs())
    if bool(((skew > 1e-4 * size) | (size <= 0)).any()):
        raise ValueError(
            "maps: a pose survives turns, changes of size and shifts only; for a mirrored crop use "
            "`mirrored`"
        )
    return maps.expand(count, 2, 3)


def _flip(like: Tensor) -> Tensor:
    """Signs (3, 3) that take a rotation from camera axes to axes with y up, z to the camera."""
    signs = like.new_tensor((1.0, -1.0, -1.0))
    return signs[:, None] * signs


def _expect_last(name: str, value: Tensor, size: int) -> None:
    if value.ndim < 1 or value.shape[-1] != size:
        raise ValueError(f"{name}: expected shape (..., {size}), got {tuple(value.shape)}")
