"""Find five points: a photo and boxes in, landmarks out, or every stage's estimate.

find = facelab.load("cfan", weights="humans")
landmarks = find(photo, faces.boxes)                  # (N, 5, 2) pixels
points = find.on_patches(patches)                     # (N, 5, 2) square units
stages = find.trace(patches).stages()                 # name -> (N, 5, 2) square units
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facelab.engine.weights import build_of, load_net
from facelab.landmarks.cfan.model import Build, CFANNet
from facelab.landmarks.cfan.targets import check_grey, shapes_after
from facelab.landmarks.patches import (
    MARGIN,
    SIDE,
    FacePatches,
    cut_patches,
    face_squares,
    from_square,
)
from facelab.landmarks.windows import as_patches

BATCH = 256  # faces in one forward pass: bounds the memory


@dataclass(frozen=True, eq=False)
class Trace:
    """What each stage says, in square units of the patches.

    shapes: (N, P, 2) each, that of the global network (or the mean shape) first, then what each
    local stage leaves; the last is the answer.
    """

    shapes: tuple[Tensor, ...]
    from_mean: bool = False

    def stages(self) -> dict[str, Tensor]:
        """Give the shapes by name, in the order in which they are made."""
        first = "mean shape" if self.from_mean else "global"
        names = (first, *(f"local {stage}" for stage in range(1, len(self.shapes))))
        return dict(zip(names, self.shapes, strict=True))


class CFAN:
    """The whole system: `find(photo, boxes)`, or `find.on_patches(patches)`.

    net: all stages, trained; put into evaluation mode. squares: boxes (N, 4) to face squares.
    """

    def __init__(self, net: CFANNet, *, squares: Callable[[Tensor], Tensor] = face_squares) -> None:
        self.net, self.squares = net.eval(), squares

    def to(self, device: torch.device | str) -> CFAN:
        """Move the networks; photos are cut on the CPU and points come back to it."""
        self.net.to(device)
        return self

    def __call__(self, photo: np.ndarray, boxes: Tensor) -> Tensor:
        """Find the points of faces whose boxes are known.

        photo: uint8 (H, W, 3). boxes: (N, 4) xyxy pixels of any detector, tight from forehead to
        chin. N may be 0. Returns (N, P, 2) pixels.
        Raises ImageError for a wrong photo, ValueError for boxes of another shape.
        """
        squares = self.squares(boxes)
        sharpest = max((self.net.build.pixels, *self.net.build.resolutions))
        side = max(SIDE, round(sharpest * (1 + 2 * MARGIN)))
        return from_square(self.on_patches(cut_patches(photo, squares, side=side)), squares)

    def on_patches(self, patches: FacePatches | Tensor, *, squares: Tensor | None = None) -> Tensor:
        """Find the points of face patches: (N, P, 2) in square units; arguments as `trace`."""
        return self.trace(patches, squares=squares).shapes[-1]

    @torch.no_grad()
    def trace(self, patches: FacePatches | Tensor, *, squares: Tensor | None = None) -> Trace:
        """Find the points of face patches and keep what each stage said, in square units.

        patches: `FacePatches`, or grey images (N, 1, S, S) uint8 as `cut_patches` gives. squares:
        (N, 4) where the detector believes the face squares, in square units; the true ones when
        left out.
        Raises ValueError for patches in colour.
        """
        patches = as_patches(patches)
        check_grey(patches)
        squares = patches.squares() if squares is None else squares
        device = self.net.mean_shape.device
        parts = [[torch.zeros(0, self.net.build.points, 2)] * (1 + len(self.net.stages))]
        for rows in torch.arange(len(patches)).split(BATCH) if len(patches) else ():
            own = squares[rows].to(device)
            shapes = shapes_after(self.net, patches.select(rows).to(device), own)
            parts.append([from_square(shape, own).cpu() for shape in shapes])
        found = tuple(torch.cat(column) for column in zip(*parts, strict=True))
        return Trace(found, self.net.build.from_mean)


def load(weights: str | Path = "humans") -> CFAN:
    """Build the system with weights: "humans" are those that facelab ships, or give a file.

    Raises WeightsError when the file is missing, damaged or of another system.
    """
    return CFAN(load_net("cfan", weights, lambda tensors, card: CFANNet(Build(**build_of(card)))))
