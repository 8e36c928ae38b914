"""AFLW2000-3D: a `.mat` file with 68 points and a pose beside each photo.

| Key       | Shape   | Becomes                                                                   |
| --------- | ------- | ------------------------------------------------------------------------- |
| pt3d_68   | (3, 68) | landmarks from x and y, attribute `depth` from z, in pixels               |
| Pose_Para | (1, 7)  | attribute `pose`: stored pitch, yaw, roll become yaw, pitch, roll         |
| roi       | (1, 4)  | attribute `roi` where it is there: what was cut out of the Flickr photo   |

The box is the one round the points, by which the protocol measures. Coordinates are taken to count
from 1, as the set was made with Matlab: not documented, so they may be off by up to a pixel.
Source: Zhu et al., CVPR 2016; page `datasets/aflw2000_3d.md`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from facelab.datasets.labelled import (
    Damaged,
    LabelError,
    LabelledFace,
    LabelledPhotos,
    Load,
    Outside,
    box_around,
    collect,
)
from facelab.datasets.matlab import FIRST_PIXEL, photo_beside, read_mat
from facelab.geometry.landmarks import to5
from facelab.images import read_image

__all__ = ["read_aflw2000"]

_NEEDED = {"pt3d_68": (3, 68), "Pose_Para": (1, 7)}


def read_aflw2000(
    root: str | Path,
    *,
    points: Literal[5, 68] = 68,
    shift: float = FIRST_PIXEL,
    load: Load = read_image,
    damaged: Damaged = "refuse",
    outside: Outside = "refuse",
    tolerance: float = 0.1,
) -> LabelledPhotos:
    """Read AFLW2000-3D: all `.mat` files in a folder, sorted by name.

    root: folder with `image00002.mat`, `image00002.jpg` and so on. points: 68, or 5 made of them.
    shift: added to the stored coordinates. Other options as `LabelledPhotos` and `collect`.
    Attributes: pose (1, 3) yaw, pitch, roll in radians as stored, some beyond what a head can do;
    depth (1, 68); roi (1, 4), NaN where the file has none.
    Raises LabelError for a file that is damaged, lacks a key or has one of another shape, holds NaN
    or has no photo beside it, and for a folder without any; ValueError for an unknown option.
    """
    if points not in (5, 68):
        raise ValueError(f"points: expected 5 or 68, got {points}")
    root = Path(root)
    files = sorted(root.glob("*.mat"))
    if not files:
        what = "holds no .mat files" if root.is_dir() else "there is no such folder"
        raise LabelError(root, what, "name the folder that holds image00002.mat")
    parse = functools.partial(_face, points=points, shift=shift)
    faces, dropped = collect(files, parse, damaged=damaged)
    return LabelledPhotos(faces, load, outside, tolerance, dropped)


def _face(path: Path, *, points: int, shift: float) -> LabelledFace:
    stored = read_mat(path, (*_NEEDED, "roi"))
    shape, pose = (_array(stored, key, path) for key in _NEEDED)  # (3, 68), (1, 7)
    landmarks = shape[:2].T.contiguous() + shift  # (68, 2)
    pitch, yaw, roll = pose[0, :3]
    roi = torch.full((4,), torch.nan)
    if "roi" in stored:
        roi = _array(stored, "roi", path, (1, 4))[0]
    attributes = {"pose": torch.stack((yaw, pitch, roll)), "depth": shape[2], "roi": roi}
    box = box_around(landmarks, path)
    if points == 5:
        landmarks = to5(landmarks)
    return LabelledFace(photo_beside(path), str(path), box, landmarks, attributes)


def _array(
    stored: dict[str, Any], key: str, path: Path, shape: tuple[int, ...] | None = None
) -> Tensor:
    shape = shape or _NEEDED[key]
    if key not in stored:
        advice = "is this a file of AFLW2000-3D? 300W-LP keeps its points elsewhere"
        raise LabelError(path, f"has no variable {key}", advice)
    value = np.asarray(stored[key])
    if value.shape != shape or value.dtype.kind not in "fiu":
        what = f"{key} is {value.dtype} {value.shape}, expected numbers of shape {shape}"
        raise LabelError(path, what, "download the file again")
    result = torch.from_numpy(value.astype(np.float32))
    if not torch.isfinite(result).all():
        raise LabelError(path, f"{key} holds NaN or infinity", "leave the file out")
    return result
