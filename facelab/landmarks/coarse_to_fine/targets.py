"""Between the levels: similarity normalisation, patches at landmarks, and what level 2 learns.

| Frame     | Where                                   | Unit                              |
| --------- | --------------------------------------- | --------------------------------- |
| patch     | pixels of the face patch                | pixel                             |
| square    | the square that the detector gave       | its side                          |
| canonical | the face moved onto the mean shape by a | as square: the mean shape lies in |
|           | similarity                              | an average one                    |

The similarity comes from level 1's estimate alone, so that it is known for a new face too. Patches
are read straight from the face patch at canonical places; nothing is warped that no patch needs.
Source: Fan & Zhou, 2016, as summed up by others.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from facelab.geometry.alignment import invert, transform_points, umeyama
from facelab.geometry.crops import crop
from facelab.landmarks.coarse_to_fine.model import Build, CoarseToFineNet
from facelab.landmarks.patches import FacePatches, from_square
from facelab.landmarks.windows import grown


def normalising(estimates: Tensor, mean_shape: Tensor, *, turn: bool = True) -> Tensor:
    """Find the similarities that move estimates onto the mean shape.

    estimates: (B, P, 2) in square units. mean_shape: (P, 2). turn: False leaves the face as it
    stands and only moves it, so that the sums are the same and the similarity is missing. Returns
    (B, 2, 3), square to canonical.
    Raises ValueError for estimates that hold NaN, or points all in one place.
    """
    if turn:
        return umeyama(estimates, mean_shape)
    eye = torch.eye(2).to(estimates).expand(len(estimates), 2, 2)
    shift = mean_shape.mean(dim=0) - estimates.mean(dim=1)  # (B, 2)
    return torch.cat((eye, shift[..., None]), dim=-1)


def face_crops(patches: FacePatches, squares: Tensor, build: Build) -> Tensor:
    """Cut what level 1 looks at: (B, C, side, side) in [0, 1]. squares: (B, 4) in square units."""
    windows = patches.in_patch(grown(squares, build.margin))
    return crop(patches.images, windows, (build.side, build.side))


def landmark_patches(
    patches: FacePatches, squares: Tensor, matrices: Tensor, centres: Tensor, build: Build
) -> Tensor:
    """Read an upright patch at each landmark.

    squares: (B, 4) frames of the estimates. matrices: (B, 2, 3) square to canonical. centres:
    (B, P, 2) canonical. Returns (B, P, C, patch, patch) in [0, 1], bilinear; outside the face
    patch its edge goes on.
    """
    size, (b, p) = build.patch, centres.shape[:2]
    steps = ((torch.arange(size) + 0.5) / size * 2 - 1).to(centres) * build.half
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), dim=-1).view(-1, 2)
    places = (centres[:, :, None] + grid).view(b, -1, 2)  # (B, P size size, 2) canonical
    places = transform_points(invert(matrices), places)  # square
    places = patches.in_patch(from_square(places, squares))  # pixels of the patch
    places = places / patches.images.shape[-1] * 2 - 1  # -1 and 1: the outer edges
    images = patches.images.to(centres.dtype) / 255
    found = F.grid_sample(
        images, places[:, None], padding_mode="border", align_corners=False
    )  # (B, C, 1, P size size)
    return found.view(b, -1, p, size, size).transpose(1, 2)


def vote_targets(net: CoarseToFineNet, centres: Tensor, truth: Tensor) -> Tensor:
    """Give what level 2 should answer: (B, P, K, 2) in units of half a patch.

    How far each neighbour is from where the estimate has it. So a patch that sees nothing of its
    neighbour and answers 0 votes for the estimate, and what level 1 knows of the shape is kept.
    centres: (B, P, 2) estimates, truth: (B, P, 2) true points, both canonical; NaN stays NaN.
    """
    return (truth - centres)[:, net.neighbours] / net.build.half


def votes_of(net: CoarseToFineNet, centres: Tensor, outputs: Tensor) -> Tensor:
    """Turn level 2's answers into positions: the inverse of `vote_targets`, (B, P, K, 2)."""
    return centres[:, net.neighbours] + outputs * net.build.half
