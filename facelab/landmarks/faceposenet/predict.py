"""Find poses: a photo and boxes in, six degrees of freedom for each face out.

fpn = facelab.load("faceposenet", weights="humans")
pose = fpn(photo, faces.boxes)                  # Pose of N faces
pose.angles, pose.project()                     # (N, 3) yaw, pitch, roll; (N, 68, 2) pixels
crops = align_by_pose(photo, pose)              # (N, 112, 112, 3)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facelab.engine.weights import load_net
from facelab.images import as_photo
from facelab.landmarks.faceposenet.camera import angles, project
from facelab.landmarks.faceposenet.head import generic_head, reference_points
from facelab.landmarks.faceposenet.model import AlexPoseNet, PoseNet, SmallPoseNet
from facelab.landmarks.faceposenet.targets import (
    plain_crops,
    pose_labels,
    pose_squares,
    pose_windows,
)
from facelab.landmarks.patches import FacePatches, cut_patches

BATCH = 256  # crops in one forward pass: bounds the memory

BUILDS: dict[int, Callable[[], PoseNet]] = {64: SmallPoseNet, 227: AlexPoseNet}
"""What to build, by the side of the crops that it reads."""


@dataclass(frozen=True, eq=False)
class Pose:
    """Six degrees of freedom of N faces, each in the camera of its own crop.

    rotations: (N, 3) rotation vectors, radians. translations: (N, 3) dm. squares: (N, 4) the crops
    xyxy in the photo's pixels (or in square units, for patches). A face without a pose is NaN.
    Raises ValueError that names the field when a shape is wrong or a square is empty.
    """

    rotations: Tensor
    translations: Tensor
    squares: Tensor

    def __post_init__(self) -> None:
        count = len(self.squares)
        for name, width in (("rotations", 3), ("translations", 3), ("squares", 4)):
            value = getattr(self, name)
            if tuple(value.shape) != (count, width):
                raise ValueError(
                    f"Pose.{name}: expected shape ({count}, {width}), got {tuple(value.shape)}"
                )
        if bool((self.squares[:, 2:] <= self.squares[:, :2]).any()):
            raise ValueError("Pose.squares: hold an empty square; x2 and y2 lie beyond x1 and y1")

    def __len__(self) -> int:
        return len(self.squares)

    def __getitem__(self, rows: slice | Tensor | Sequence[int]) -> Pose:
        """Choose faces by slice, numbers or mask."""
        if not isinstance(rows, slice | Tensor):
            rows = torch.tensor(list(rows), dtype=torch.int64)
        return Pose(self.rotations[rows], self.translations[rows], self.squares[rows])

    @property
    def angles(self) -> Tensor:
        """Yaw, pitch and roll (N, 3) in radians, as the labels of our people have them."""
        return angles(self.rotations)

    def project(self, points: Tensor | None = None) -> Tensor:
        """Project points of the generic head into the photo.

        points: (P, 3) or (N, P, 3) dm in the camera's axes; the 68 of the generic head when left
        out. Returns (N, P, 2) in the frame of `squares`.
        """
        points = generic_head().to(self.rotations) if points is None else points
        places = project(points, self.rotations, self.translations)
        side = self.squares[:, None, 2:] - self.squares[:, None, :2]
        return self.squares[:, None, :2] + places * side

    def landmarks(self) -> Tensor:
        """Give where the generic head's five points lie: (N, 5, 2) in the frame of `squares`."""
        return self.project(reference_points().to(self.rotations))


class FacePoseNet:
    """The estimator: `fpn(photo, boxes)`, or `fpn.on_patches(patches)`.

    net: a trained build; it is put into evaluation mode and stays on its device.
    """

    def __init__(self, net: PoseNet) -> None:
        self.net = net.eval()

    def to(self, device: torch.device | str) -> FacePoseNet:
        """Move the net; photos are cut on the CPU and poses come back to it."""
        self.net.to(device)
        return self

    def __call__(self, photo: np.ndarray, boxes: Tensor) -> Pose:
        """Find the poses of faces whose boxes are known.

        photo: uint8 (H, W, 3). boxes: (N, 4) xyxy pixels of any detector, tight from forehead to
        chin. N may be 0.
        Raises ImageError for a wrong photo, ValueError for boxes of another shape.
        """
        squares = pose_squares(boxes)
        return self._estimate(crops_of(photo, squares, self.net.side), squares)

    def on_patches(self, patches: FacePatches) -> Pose:
        """Find the poses of face patches; squares and points are in square units.

        Raises ValueError for grey patches or a margin of less than 0.3.
        """
        windows = pose_windows(len(patches))
        return self._estimate(plain_crops(patches, self.net.side), windows)

    @torch.inference_mode()
    def _estimate(self, crops: Tensor, squares: Tensor) -> Pose:
        device = next(self.net.parameters()).device
        parts = [self.net.pose(part.to(device)) for part in crops.split(BATCH) if len(part)]
        if not parts:
            return Pose(torch.zeros(0, 3), torch.zeros(0, 3), squares)
        rotations, translations = (torch.cat(column).cpu() for column in zip(*parts, strict=True))
        return Pose(rotations.clone(), translations.clone(), squares)


def load(weights: str | Path = "humans") -> FacePoseNet:
    """Build the estimator with weights: "humans", those that facelab ships, or a file.

    The build follows from the tensors.
    Raises WeightsError when the file is missing, damaged, or not of this model.
    """
    return FacePoseNet(load_net("faceposenet", weights, _untrained))


def _untrained(tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> PoseNet:
    side = tensors["mean_image"].shape[-1]
    if side not in BUILDS:
        raise ValueError(f"mean_image: expected a side of 64 or 227 pixels, got {side}")
    return BUILDS[side]()


def exact_pose(patches: FacePatches, *, weights: Tensor | None = None) -> Pose:
    """Give the poses that the true points of patches have by PnP, in square units.

    weights: as in `targets.pose_labels`.
    """
    solved = pose_labels(patches, weights=weights)
    return Pose(solved.rotations, solved.translations, pose_windows(len(patches)))


def crops_of(photo: np.ndarray, squares: Tensor, side: int) -> Tensor:
    """Cut squares out of a photo, black outside it.

    photo: uint8 (H, W, 3). squares: (N, 4) pixels. Returns (N, 3, side, side) float32 in [0, 1].
    Raises ImageError for a wrong photo, ValueError for what is not square.
    """
    photo = as_photo(photo)
    crops = cut_patches(photo, squares, side=side, margin=0.0, colour=True).float() / 255
    steps = (torch.arange(side) + 0.5) / side
    for axis, length in ((0, photo.shape[1]), (1, photo.shape[0])):
        start, stop = squares[:, axis, None], squares[:, axis + 2, None]
        place = start + steps * (stop - start)  # (N, side) in pixels of the photo
        inside = (place >= 0) & (place < length)
        crops *= inside[:, None, None, :] if axis == 0 else inside[:, None, :, None]
    return crops
