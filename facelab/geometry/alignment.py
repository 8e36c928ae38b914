"""Alignment: turn, scale and move a face so that its five points fall on a template.

A similarity keeps shapes: x -> scale x rotation x x + shift, four numbers, written as a (2, 3)
matrix [scale R | t]. Umeyama's method finds the one with the least squared error in closed form,
without ever mirroring.

Pixel coordinates are those of `cv2.warpAffine`, landmarks and template alike, as everywhere in face
recognition: (0, 0) is the centre of the first pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from facelab.images import as_photo

__all__ = [
    "ARCFACE_TEMPLATE",
    "align_face",
    "align_faces",
    "invert",
    "template",
    "transform_points",
    "umeyama",
]

ARCFACE_TEMPLATE = torch.tensor(
    [
        [38.2946, 51.6963],  # eye at image left
        [73.5318, 51.5014],  # eye at image right
        [56.0252, 71.7366],  # nose tip
        [41.5493, 92.3655],  # mouth corner left
        [70.7299, 92.2041],  # mouth corner right
    ]
)
"""Where the points go in a 112x112 crop: (5, 2) float32 xy in pixels. Source: ArcFace, code."""


def template(size: int | tuple[int, int] = 112) -> Tensor:
    """Give the five template points for a crop size.

    size: side S of a square crop, or (112, 96) for the taller crop of earlier papers. A multiple of
    112, and any other S, scales the template by S / 112. A multiple of 128 that is not one of 112
    leaves a margin instead: 8 is added to x, then all is scaled by S / 128. Returns (5, 2) float32
    xy in pixels.
    Raises ValueError for a side below 1, or another shape that is not square.
    Source: insightface, face alignment; 112x96 is the 112x112 template moved 8 to the left.
    """
    if size == (112, 96):
        return ARCFACE_TEMPLATE - torch.tensor([8.0, 0.0])
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or height != width:
        raise ValueError(f"size: expected a side of at least 1 pixel, or (112, 96), got {size}")
    if height % 128 == 0 and height % 112 != 0:
        return (ARCFACE_TEMPLATE + torch.tensor([8.0, 0.0])) * (height / 128)
    return ARCFACE_TEMPLATE * (height / 112)


def umeyama(source: Tensor, target: Tensor) -> Tensor:
    """Find the similarity that moves points onto others with the least squared error.

    source, target: (..., N, 2) with N >= 2, leading shapes that broadcast. Returns (..., 2, 3)
    matrices [scale R | t] in the type and on the device of source; R is always a rotation, never a
    reflection. Computed in float64.
    Raises ValueError for a wrong shape, NaN or infinity, or points that all coincide.
    Source: Umeyama, "Least-squares estimation of transformation parameters between two point
    patterns", 1991.
    """
    for name, value in (("source", source), ("target", target)):
        _check_points(name, value)
        if value.shape[-2] < 2:
            raise ValueError(f"{name}: a similarity needs 2 points or more, got {value.shape[-2]}")
        wrong = int((~torch.isfinite(value)).flatten(-2).any(dim=-1).sum())
        if wrong:
            raise ValueError(
                f"{name}: {wrong} sets of points hold NaN or infinity; leave such faces out"
            )
    if source.shape[-2] != target.shape[-2]:
        raise ValueError(
            f"target: expected {source.shape[-2]} points, as in source, got {target.shape[-2]}"
        )
    dtype = source.dtype if source.is_floating_point() else torch.float32
    p, q = source.double(), target.to(source.device).double()
    for name, value in (("source", p), ("target", q)):
        extent = value.detach().abs().amax(dim=(-2, -1))  # (...,) sets how far rounding reaches
        spread = value.detach() - value.detach().mean(dim=-2, keepdim=True)
        flat = int((spread.abs().amax(dim=(-2, -1)) <= 1e-9 * extent).sum())
        if flat:
            raise ValueError(f"{name}: {flat} sets of points coincide; they have no scale or angle")
    mean_p, mean_q = p.mean(dim=-2), q.mean(dim=-2)  # (..., 2)
    p, q = p - mean_p[..., None, :], q - mean_q[..., None, :]
    variance = p.square().sum(dim=-1).mean(dim=-1)  # (...,)
    covariance = q.transpose(-1, -2) @ p / p.shape[-2]  # (..., 2, 2)
    u, d, vt = torch.linalg.svd(covariance)
    sign = torch.ones_like(d)  # (..., 2) turns a reflection into the best rotation
    sign[..., 1] = torch.where(torch.det(u) * torch.det(vt) < 0, -1.0, 1.0)
    rotation = u * sign[..., None, :] @ vt  # (..., 2, 2)
    scale = (d * sign).sum(dim=-1) / variance  # (...,)
    linear = scale[..., None, None] * rotation
    shift = mean_q - (linear @ mean_p[..., None]).squeeze(-1)  # (..., 2)
    return torch.cat((linear, shift[..., None]), dim=-1).to(dtype)


def transform_points(matrix: Tensor, points: Tensor) -> Tensor:
    """Apply affine maps to points.

    matrix: (..., 2, 3). points: (..., N, 2), leading shapes that broadcast. Returns (..., N, 2);
    NaN points stay NaN.
    Raises ValueError for a wrong shape.
    """
    _check_matrix(matrix)
    _check_points("points", points)
    return points @ matrix[..., :2].transpose(-1, -2) + matrix[..., None, :, 2]


def invert(matrix: Tensor) -> Tensor:
    """Invert affine maps, as for bringing points of a crop back into the photo.

    matrix: (..., 2, 3). Returns (..., 2, 3).
    Raises ValueError for a wrong shape, or a map without an inverse.
    """
    _check_matrix(matrix)
    linear = matrix[..., :2].double()
    if bool((torch.det(linear) == 0).any()):
        raise ValueError("matrix: flattens the plane (determinant 0) and has no inverse")
    inverse = torch.linalg.inv(linear)
    shift = -(inverse @ matrix[..., 2:].double())
    return torch.cat((inverse, shift), dim=-1).to(matrix.dtype)


def align_face(
    photo: np.ndarray, landmarks: Tensor, size: int | tuple[int, int] = 112
) -> np.ndarray:
    """Cut one face out of a photo, upright and at the template's place.

    photo: uint8 (H, W, 3). landmarks: (5, 2) xy in pixels. size: of the crop, as in `template`.
    Returns uint8 (S, S, 3), bilinear; what lies outside the photo is black.
    Raises ImageError for a wrong array, ValueError for landmarks of another shape, NaN, or all in
    one place.
    Source: ArcFace, section 3.1.
    """
    photo = as_photo(photo)
    if tuple(landmarks.shape) != (5, 2):
        raise ValueError(f"landmarks: expected shape (5, 2), got {tuple(landmarks.shape)}")
    height, width = (size, size) if isinstance(size, int) else size
    matrix = umeyama(landmarks.detach().cpu().double(), template(size))
    return cv2.warpAffine(
        np.ascontiguousarray(photo),
        matrix.numpy(),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(0, 0, 0),
    )


def align_faces(
    photo: np.ndarray, landmarks: Tensor, size: int | tuple[int, int] = 112
) -> np.ndarray:
    """Cut all faces out of a photo.

    photo: uint8 (H, W, 3). landmarks: (N, 5, 2). size: as in `template`. Returns uint8 (N, S, S,
    3), black where a face has no landmarks (NaN).
    Raises as `align_face`.
    """
    if landmarks.ndim != 3 or tuple(landmarks.shape[1:]) != (5, 2):
        raise ValueError(f"landmarks: expected shape (N, 5, 2), got {tuple(landmarks.shape)}")
    height, width = (size, size) if isinstance(size, int) else size
    crops = np.zeros((len(landmarks), height, width, 3), dtype=np.uint8)
    for crop, points in zip(crops, landmarks, strict=True):
        if not torch.isnan(points).any():
            crop[:] = align_face(photo, points, size)
    return crops


def _check_points(name: str, value: Tensor) -> None:
    if not isinstance(value, Tensor) or value.ndim < 2 or value.shape[-1] != 2:
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name}: expected a tensor of shape (..., N, 2), got {got}")


def _check_matrix(value: Tensor) -> None:
    if not isinstance(value, Tensor) or tuple(value.shape[-2:]) != (2, 3):
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"matrix: expected a tensor of shape (..., 2, 3), got {got}")
