"""Find 68 points: a photo and boxes in, landmarks out, or every level's estimate.

find = facelab.load("coarse_to_fine", weights="humans")
landmarks = find(photo, faces.boxes)                  # (N, 68, 2) pixels
points = find.on_patches(patches)                     # (N, 68, 2) square units
trace = find.trace(patches)                           # trace.level1, trace.single, trace.level2
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facelab.engine.weights import build_of, load_net
from facelab.geometry.alignment import invert, transform_points
from facelab.landmarks.coarse_to_fine.model import Build, CoarseToFineNet, average_votes
from facelab.landmarks.coarse_to_fine.targets import (
    face_crops,
    landmark_patches,
    normalising,
    votes_of,
)
from facelab.landmarks.patches import (
    MARGIN,
    SIDE,
    FacePatches,
    cut_patches,
    face_squares,
    from_square,
)
from facelab.landmarks.windows import as_patches

BATCH = 64  # faces in one forward pass: 64 x 68 patches of 24x24 bound the memory


@dataclass(frozen=True, eq=False)
class Trace:
    """What each level says, in square units of the patches.

    level1: (N, P, 2) shapes of level 1. single: (N, P, 2) each landmark by its own patch only.
    level2: (N, P, 2) averaged over the neighbours' votes, the answer.
    """

    level1: Tensor
    single: Tensor
    level2: Tensor

    def stages(self) -> dict[str, Tensor]:
        """Give the estimates by name, in the order in which they are made."""
        names = ("level 1", "own patch only", "level 2")
        return dict(zip(names, (self.level1, self.single, self.level2), strict=True))


class CoarseToFine:
    """The whole system: `find(photo, boxes)`, or `find.on_patches(patches)`.

    net: both levels, trained; put into evaluation mode. normalise: False leaves the similarity
    normalisation out, as the net must have been trained. squares: boxes (N, 4) to face squares.
    """

    def __init__(
        self,
        net: CoarseToFineNet,
        *,
        normalise: bool = True,
        squares: Callable[[Tensor], Tensor] = face_squares,
    ) -> None:
        self.net = net.eval().to(memory_format=torch.channels_last)
        self.normalise, self.squares = normalise, squares

    def to(self, device: torch.device | str) -> CoarseToFine:
        """Move the networks; photos are cut on the CPU and points come back to it."""
        self.net.to(device)
        return self

    def __call__(self, photo: np.ndarray, boxes: Tensor) -> Tensor:
        """Find the points of faces whose boxes are known.

        photo: uint8 (H, W, 3). boxes: (N, 4) xyxy pixels of any detector, tight from forehead to
        chin. N may be 0. Returns (N, P, 2) pixels.
        Raises ImageError for a wrong photo, ValueError for boxes of another shape.
        """
        squares, build = self.squares(boxes), self.net.build
        side = max(SIDE, round(build.side * (1 + 2 * MARGIN) / (1 + 2 * build.margin)))
        images = cut_patches(photo, squares, side=side, colour=build.channels == 3)
        return from_square(self.on_patches(images), squares)

    def on_patches(self, patches: FacePatches | Tensor, *, squares: Tensor | None = None) -> Tensor:
        """Find the points of face patches: (N, P, 2) in square units; arguments as `trace`."""
        return self.trace(patches, squares=squares).level2

    @torch.no_grad()
    def trace(self, patches: FacePatches | Tensor, *, squares: Tensor | None = None) -> Trace:
        """Find the points of face patches and keep what each level said, in square units.

        patches: `FacePatches`, or images (N, C, S, S) uint8 as `cut_patches` gives. squares: (N, 4)
        where the detector believes the face squares, in square units; the true ones when left out.
        Raises ValueError for patches of other channels than the net's.
        """
        patches = as_patches(patches)
        check_channels(patches, self.net.build)
        squares = patches.squares() if squares is None else squares
        device = self.net.mean_shape.device
        parts = [tuple(torch.zeros(0, self.net.build.points, 2) for _ in range(3))]
        for rows in torch.arange(len(patches)).split(BATCH) if len(patches) else ():
            own = squares[rows].to(device)
            shapes = self._run(patches.select(rows).to(device), own)
            parts.append(tuple(from_square(shape, own).cpu() for shape in shapes))
        return Trace(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def _run(self, patches: FacePatches, squares: Tensor) -> tuple[Tensor, ...]:
        """Give all shapes of a batch in the frames of their squares, (B, P, 2) each."""
        net = self.net
        first = net.level1(face_crops(patches, squares, net.build))
        matrices = normalising(first, net.mean_shape, turn=self.normalise)
        centres = transform_points(matrices, first)
        seen = landmark_patches(patches, squares, matrices, centres, net.build)
        votes = votes_of(net, centres, net.level2(seen))  # (B, P, K, 2) canonical
        back = invert(matrices)
        single = transform_points(back, votes[:, :, 0])
        return first, single, transform_points(back, average_votes(votes, net.neighbours))


def load(weights: str | Path = "humans") -> CoarseToFine:
    """Build the system with weights: "humans" are those that facelab ships, or give a file.

    Raises WeightsError when the file is missing, damaged or of another system.
    """
    return CoarseToFine(load_net("coarse_to_fine", weights, _untrained))


def _untrained(tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> CoarseToFineNet:
    net = CoarseToFineNet(Build(**build_of(card)))
    net.describe(tensors["level1.mean_shape"])  # neighbours are not stored, they follow from it
    return net


def check_channels(patches: FacePatches, build: Build) -> None:
    """Raise ValueError when the build cannot look at these patches."""
    if patches.images.shape[1] != build.channels:
        raise ValueError(
            f"patches: have {patches.images.shape[1]} channels and the build {build.channels}; "
            f"make them with colour={build.channels == 3}"
        )
