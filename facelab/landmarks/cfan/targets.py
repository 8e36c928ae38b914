"""What CFAN's stages look at: the whole face in few pixels, then descriptors at each point.

All shapes are in the frame of the square that the detector gave: (0, 0) its left top corner, (1, 1)
its right bottom corner. A stage with resolution r sees the face as if the square had r pixels a
side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from facelab.geometry.crops import crop
from facelab.landmarks.cfan.descriptors import gradient_histograms
from facelab.landmarks.cfan.model import Build, CFANNet
from facelab.landmarks.patches import FacePatches, from_square
from facelab.landmarks.windows import grown


def face_pixels(patches: FacePatches, squares: Tensor, build: Build) -> Tensor:
    """Cut what the global network looks at: (B, 1, side, side) in [0, 1].

    squares: (B, 4) in square units of the patches.
    """
    windows = patches.in_patch(grown(squares, build.margin))
    return crop(patches.images, windows, (build.side, build.side))


def point_windows(shapes: Tensor, squares: Tensor, resolution: float, window: int) -> Tensor:
    """Give the windows around points, with one pixel more on each edge for the gradients.

    shapes: (B, P, 2) in the frames of the squares (B, 4). Returns (B, P, 4) in square units of the
    patches.
    """
    half = (window / 2 + 1) / resolution * (squares[:, None, 2:] - squares[:, None, :2])
    middles = from_square(shapes, squares)  # (B, P, 2)
    return torch.cat((middles - half, middles + half), dim=-1)


def descriptors(
    patches: FacePatches, squares: Tensor, shapes: Tensor, build: Build, stage: int
) -> Tensor:
    """Describe the face around each point, as a local stage sees it: (B, P, 128).

    squares: (B, 4). shapes: (B, P, 2) where the points are believed to be, in the squares' frames.
    """
    windows = point_windows(shapes, squares, build.resolutions[stage], build.window)
    side = build.window + 2
    seen = crop(patches.images, patches.in_patch(windows), (side, side))  # (B, P, 1, side, side)
    return gradient_histograms(seen[:, :, 0])


def shapes_after(
    net: CFANNet, patches: FacePatches, squares: Tensor, stages: int | None = None
) -> list[Tensor]:
    """Run the global network and the first local stages.

    stages: how many local ones; all when left out. Returns the shapes (B, P, 2) that the global
    network gives and each of them leaves, in the squares' frames.
    """
    shapes = [net.start(face_pixels(patches, squares, net.build))]
    for stage in range(len(net.stages) if stages is None else stages):
        seen = descriptors(patches, squares, shapes[-1], net.build, stage)
        shapes.append(shapes[-1] + net.increments(stage, seen))
    return shapes


def check_grey(patches: FacePatches) -> None:
    """Raise ValueError when patches are not grey: CFAN uses no colour."""
    if patches.images.shape[1] != 1:
        raise ValueError("patches: CFAN looks at grey patches; make them with colour=False")
