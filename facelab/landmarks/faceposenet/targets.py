"""What FacePoseNet looks at and what it learns: the crop, and labels by PnP on easy images.

| Step   | Paper                                | Here                                    |
| ------ | ------------------------------------ | --------------------------------------- |
| crop   | square of the longer side, 25 % room | `pose_squares`; black outside the photo |
| label  | PnP of landmarks, one 3-D head       | `pose_labels`, of the true 68 points    |
| harder | random similarity of image and label | `perturbed`: the window moves           |

Patches of any origin work when their squares are those of `face_squares` and their margin is at
least `MARGIN`: the crop is then the same part of every patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from facelab.geometry.crops import crop
from facelab.landmarks.faceposenet.camera import mirrored, moved
from facelab.landmarks.faceposenet.head import generic_head, reference_points
from facelab.landmarks.faceposenet.model import Poses
from facelab.landmarks.faceposenet.pnp import Solved, solve_pnp
from facelab.landmarks.patches import DOWN, SCALE, FacePatches, face_squares

GROWN = 0.25
"""Room on every edge of the box's square, as a share of its side. Source: released code."""

MARGIN = 0.7
"""Least margin of face patches for training: the crop, and room to move it."""


@dataclass(frozen=True)
class Perturbation:
    """How far training moves the crop: `shift` on each axis, in sides; `zoom`, a factor above 1.

    mirror: chance of mirroring. Raises ValueError that names what is outside its range.
    """

    shift: float = 0.06
    zoom: float = 1.12
    mirror: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.shift < 0.5:
            raise ValueError(f"shift: expected 0 to 0.5 sides of the crop, got {self.shift}")
        if not self.zoom >= 1:
            raise ValueError(f"zoom: a factor of 1 or more, got {self.zoom}")
        if not 0 <= self.mirror <= 1:
            raise ValueError(f"mirror: a chance from 0 to 1, got {self.mirror}")


def pose_squares(boxes: Tensor) -> Tensor:
    """Give the paper's crop squares of boxes (N, 4) in pixels: (N, 4), may leave the photo.

    Raises ValueError for another shape.
    """
    return face_squares(boxes, scale=1 + 2 * GROWN, down=0.0)


def pose_windows(count: int) -> Tensor:
    """Give the same crops in square units of `FacePatches`: (count, 4)."""
    half = (1 + 2 * GROWN) / SCALE / 2  # in sides of the face square
    middle = torch.tensor([0.5, 0.5 - DOWN / SCALE])
    return torch.cat((middle - half, middle + half)).repeat(count, 1)


def steady_weights() -> Tensor:
    """Give weights (68,) for PnP that trust what expressions move least: nose, eyes, sides.

    The paper takes all points alike. Then a mouth that opens tips the head: see the notebook.
    """
    weights = torch.ones(68)
    weights[3:14], weights[17:27], weights[48:68] = 0.1, 0.3, 0.1  # chin, brows, mouth
    return weights


def pose_labels(patches: FacePatches, *, weights: Tensor | None = None) -> Solved:
    """Find the poses of faces by PnP against the generic head.

    patches: with 68 points, or with five, which stand for the generic head's `reference_points`.
    weights: (P,), what each point counts; all alike when left out. Returns (N, 3) rotations and
    translations in the camera of the unperturbed crop, NaN for a face with fewer than five known
    points.
    """
    windows = pose_windows(len(patches))
    head = generic_head() if patches.points.shape[1] == 68 else reference_points()
    own = None if weights is None else weights.expand(patches.points.shape[:2])
    return solve_pnp(into_windows(patches.points, windows), head, weights=own)


def into_windows(points: Tensor, windows: Tensor) -> Tensor:
    """Turn points (N, P, 2) into units of windows (N, 4) given in the same frame."""
    return (points - windows[:, None, :2]) / (windows[:, None, 2:] - windows[:, None, :2])


def moved_windows(count: int, how: Perturbation, generator: torch.Generator) -> Tensor:
    """Draw crops moved at random: (count, 4) in square units, on the CPU."""
    windows = pose_windows(count)
    side = windows[:, 2:] - windows[:, :2]  # (N, 2)
    draw = 2 * torch.rand(count, 3, generator=generator) - 1
    half = side / 2 * how.zoom ** draw[:, 2:]
    middle = (windows[:, :2] + windows[:, 2:]) / 2 + draw[:, :2] * how.shift * side
    return torch.cat((middle - half, middle + half), dim=1)


def window_maps(windows: Tensor) -> Tensor:
    """Give the similarities that a moved crop applies to what it shows, in crop units.

    windows: (N, 4) in square units. Returns (N, 2, 3): from units of the plain crop to those of
    the moved one.
    """
    plain = pose_windows(len(windows)).to(windows)
    side = windows[:, 2:] - windows[:, :2]
    scale = (plain[:, 2:] - plain[:, :2]) / side  # (N, 2)
    shift = (plain[:, :2] - windows[:, :2]) / side
    return torch.cat((torch.diag_embed(scale), shift[..., None]), dim=2)


def perturbed(
    patches: FacePatches,
    poses: Poses,
    *,
    side: int,
    how: Perturbation,
    generator: torch.Generator,
) -> tuple[Tensor, Poses]:
    """Make training examples: crops moved at random, and the labels mapped with them.

    patches: RGB, margin of `MARGIN` or more. poses: of the plain crops, (N, 3) each. side: of the
    crops in pixels. generator: on the CPU. Returns (N, 3, side, side) in [0, 1] and poses (N, 3).
    Raises ValueError for grey patches, too small a margin, or another number of poses.
    """
    check_patches(patches, least=MARGIN)
    if len(poses.rotations) != len(patches):
        raise ValueError(f"poses: expected {len(patches)}, got {len(poses.rotations)}")
    windows = moved_windows(len(patches), how, generator).to(patches.images.device)
    flip = torch.rand(len(patches), generator=generator).to(windows.device) < how.mirror  # (N,)
    crops = patches.crop(windows, (side, side))
    straight = moved(*poses, window_maps(windows))
    turned = mirrored(*straight)
    crops = torch.where(flip[:, None, None, None], crops.flip(-1), crops)
    rotations, translations = (
        torch.where(flip[:, None], one, other) for one, other in zip(turned, straight, strict=True)
    )
    return crops, Poses(rotations, translations)


def plain_crops(patches: FacePatches, side: int) -> Tensor:
    """Cut the unperturbed crops (N, 3, side, side) in [0, 1], black outside the patch.

    Raises ValueError for grey patches, or a margin so small that crops would be half empty.
    """
    check_patches(patches, least=0.3)
    windows = pose_windows(len(patches)).to(patches.images.device)
    return crop(patches.images, patches.in_patch(windows), (side, side), outside="zero")


def check_patches(patches: FacePatches, *, least: float) -> None:
    """Refuse grey patches, and those that reach less far than the crop."""
    if patches.images.shape[1] != 3:
        raise ValueError("patches: FacePoseNet needs RGB; make them with colour=True")
    if patches.margin < least:
        raise ValueError(
            f"patches: a margin of {patches.margin:g} is too small, the crop needs {least:g}; make "
            f"them with margin={MARGIN}"
        )
