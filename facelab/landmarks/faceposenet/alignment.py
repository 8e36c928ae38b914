"""Alignment from the pose: a 2-D similarity as for landmarks, or the face turned to the front.

| Way             | Paper                                     | Here                             |
| --------------- | ----------------------------------------- | -------------------------------- |
| `align_by_pose` | project points of the generic head, fit a | to the course's five-point       |
|                 | similarity to their canonical places      | template                         |
| `frontalise`    | texture the generic head, render it at    | at yaw 0; the far half is filled |
|                 | 0, 40 or 75 degrees of yaw                | from the near one                |

Both see only the generic head: no smile and no long nose moves the crop.
Source: FacePoseNet; for the soft symmetry: Hassner, Harel, Paz, Enbar, "Effective Face
Frontalization in Unconstrained Images", CVPR 2015.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
import torch
from torch import Tensor

from facelab.geometry.alignment import align_faces, template, transform_points, umeyama
from facelab.images import as_photo
from facelab.landmarks.faceposenet.camera import rotation_matrices
from facelab.landmarks.faceposenet.head import front_surface, reference_points
from facelab.landmarks.faceposenet.predict import Pose

FACING = (0.05, 0.35)  # cosines between which a surface fades from unseen to fully seen


def align_by_pose(photo: np.ndarray, pose: Pose, size: int | tuple[int, int] = 112) -> np.ndarray:
    """Cut faces out of a photo, upright and at the template's place, from their poses.

    photo: uint8 (H, W, 3). pose: of N faces in this photo. size: as in `geometry.template`.
    Returns uint8 (N, S, S, 3), black for a face without a pose (NaN).
    Raises ImageError for a wrong photo.
    """
    return align_faces(photo, pose.landmarks(), size)


def frontalise(photo: np.ndarray, pose: Pose, size: int = 112) -> np.ndarray:
    """Turn faces to the front: the generic head, coloured by the photo and seen from ahead.

    photo: uint8 (H, W, 3). pose: of N faces in this photo. size: side S of the crops in pixels; the
    generic head's five points lie at `geometry.template(size)` as nearly as they can. Returns uint8
    (N, S, S, 3), black beside the head and for a face without a pose (NaN). What faces away from
    the camera is filled from the other half of the face; that a nose hides a cheek is not noticed.
    Raises ImageError for a wrong photo, ValueError for a side below 1.
    """
    photo = as_photo(photo)
    points, normals = _front(size)  # (S, S, 3) each
    on_head = torch.isfinite(points).all(dim=-1)  # (S, S)
    crops = np.zeros((len(pose), size, size, 3), np.uint8)
    flat = points.nan_to_num().reshape(-1, 3)
    places = pose.project(flat).view(-1, size, size, 2)
    facing = _facing(pose, flat, normals.reshape(-1, 3)).view(-1, size, size)
    for crop, place, seen in zip(crops, places.numpy(), facing, strict=True):
        if not np.isfinite(place).all():
            continue
        # Pixel k of a photo covers [k, k + 1), and remap counts from the middle of the first.
        across, down = (np.ascontiguousarray(place[..., k] - 0.5, np.float32) for k in (0, 1))
        image = cv2.remap(np.ascontiguousarray(photo), across, down, cv2.INTER_LINEAR)
        crop[:] = _filled(image, (seen.clamp(min=1e-3) * on_head).numpy())
    return crops


def _filled(image: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mix a crop with its mirror image where that one shows more. image: uint8 (S, S, 3). seen:
    (S, S) in [0, 1]. Returns uint8 (S, S, 3), black where neither side shows anything."""
    other = seen[:, ::-1]
    own = np.where(seen >= other, 1.0, seen / np.maximum(seen + other, 1e-6))[..., None]
    mixed = own * image + (1 - own) * image[:, ::-1]
    return (mixed * (np.maximum(seen, other) > 0)[..., None]).round().astype(np.uint8)


def _facing(pose: Pose, points: Tensor, normals: Tensor) -> Tensor:
    """Say how well the camera sees surface points: (N, P) in [0, 1]."""
    turn = rotation_matrices(pose.rotations).transpose(1, 2)
    seen = points @ turn + pose.translations[:, None]  # (N, P, 3) from the camera
    cosine = -torch.nn.functional.cosine_similarity(seen, normals @ turn, dim=-1)
    low, high = FACING
    return ((cosine - low) / (high - low)).clamp(0, 1).nan_to_num()


@functools.lru_cache(maxsize=8)
def _front(size: int) -> tuple[Tensor, Tensor]:
    """Look at the generic head so that its five points lie on the template: see `front_surface`.

    The head is symmetric and the crop too, which the mirror filling needs, so the template's
    middle is the crop's.
    """
    if size < 1:
        raise ValueError(f"size: expected a side of 1 pixel or more, got {size}")
    flat = reference_points()[:, :2]
    fit = umeyama(flat, template(size))
    scale = float(torch.hypot(fit[0, 0], fit[1, 0]))
    middle = transform_points(fit, torch.zeros(1, 2))[0]
    return front_surface(size, scale=scale, middle=(size / 2, float(middle[1]) + 0.5))
