"""How good a system is on faces that it has not seen: errors, and what makes a face hard.

Errors are distances over the width of the labelled box; one above 0.05 is a failure.
Source: Sun et al. 2013, section 5.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from facelab.humans.sprites import SpriteSource
from facelab.humans.tasks.crops import PLAIN, default_augment
from facelab.landmarks.patches import FacePatches
from facelab.landmarks.people import patches_of_people
from facelab.metrics.groups import bands
from facelab.metrics.landmarks import point_errors, summarise

__all__ = [
    "FAILURE",
    "FRONTAL",
    "blurred",
    "breakdown",
    "errors",
    "face_errors",
    "stage_figures",
    "unseen_patches",
]

FAILURE = 0.05
FRONTAL = math.radians(20)
TURNS = (0, 15, 30, 45, 90)  # edges of the bands of |yaw|, degrees
HIDDEN = (0, 5, 15, 30, 100)  # of the share of the face that is hidden, percent
BLURS = (1, 2, 4)  # added blur: sigma in percent of the square's side


class Landmarker(Protocol):
    """A system that places points in face patches: (N, P, 2) in square units."""

    def on_patches(self, patches: FacePatches) -> Tensor: ...


def unseen_patches(
    source: SpriteSource,
    *,
    points: Literal[5, 68] = 5,
    limit: int | None = None,
    degrade: bool = True,
    seed: int = 1_000,
    colour: bool = False,
) -> FacePatches:
    """Cut out faces to be judged on: upright, not mirrored, on backgrounds.

    degrade: as by ordinary cameras, or left as they were rendered. Other options as in
    `patches_of_people`.
    """
    augment = default_augment(angle=0.0, zoom=1.0, shift=0.0, mirror=0.0) if degrade else PLAIN
    return patches_of_people(
        source, points=points, seed=seed, limit=limit, augment=augment, colour=colour
    )


def errors(points: Tensor, patches: FacePatches, chosen: tuple[int, ...] | None = None) -> Tensor:
    """Compute the error of each point as a share of the box width: (N, K).

    points: (N, K, 2) in square units. chosen: which of the five they are; all when left out.
    """
    boxes = F.pad(patches.widths[:, None], (2, 1))  # 0, 0, width, 0
    truth = patches.points if chosen is None else patches.points[:, chosen]
    return point_errors(points, truth, "box_width", boxes=boxes)


def face_errors(points: Tensor, patches: FacePatches) -> Tensor:
    """Give each face's mean error as a share of the box width, over the points it has: (N,).

    points: (N, P, 2) in square units.
    """
    return errors(points, patches).nanmean(dim=1)


def stage_figures(stages: Mapping[str, Tensor], patches: FacePatches) -> dict[str, float]:
    """Sum up the estimates of all stages on labelled faces.

    stages: name -> (N, P, 2) in square units, the answer last. Returns the number of faces, the
    mean error of each stage, and the answer's share of faces with a mean error above 5 %, of all
    and of those within 20 degrees of frontal, if there are any.
    Raises ValueError for no stages.
    """
    if not stages:
        raise ValueError("stages: expected one or more, got none")
    found = {name: face_errors(points, patches) for name, points in stages.items()}
    figures = {"faces": float(len(patches))}
    for name, values in found.items():
        mean = summarise(values, threshold=FAILURE, nan="leave out").mean
        figures[f"{name}: mean error"] = round(mean, 5)
    answer = list(found.values())[-1]
    frontal = patches.attributes["yaw"].abs() <= FRONTAL
    for words, values in (("", answer), (", within 20 degrees", answer[frontal])):
        if len(values):
            summary = summarise(values, threshold=FAILURE, nan="leave out")
            figures[f"failures{words}"] = round(summary.failures, 4)
    return figures


def breakdown(system: Landmarker, patches: FacePatches) -> dict[str, dict[str, Tensor]]:
    """Sort the errors of a system by what makes a face hard: turn, things in front, blur.

    Returns what -> group -> (faces of the group,) mean error of each face over its known points.
    Blur is added to all faces alike; the other groups are those of the faces as they are. Bands
    without a face are left out.
    """
    yaw, hidden = (patches.attributes[name] for name in ("yaw", "hidden"))
    plain = errors(system.on_patches(patches), patches).nanmean(dim=1)
    masks = {
        "turned by (°)": bands(yaw.abs().rad2deg(), TURNS),
        "hidden (%)": bands(100 * hidden, HIDDEN),
    }
    found = {
        what: {name: plain[mask] for name, mask in named.items() if mask.any()}
        for what, named in masks.items()
    }
    blur = found["added blur (% of the side)"] = {"none": plain}
    for percent in BLURS:
        points = system.on_patches(blurred(patches, percent / 100))
        blur[f"{percent:g}"] = errors(points, patches).nanmean(dim=1)
    return found


def blurred(patches: FacePatches, sigma: float) -> FacePatches:
    """Blur all faces alike. sigma: of a Gaussian, above 0, as a share of the square's side.

    Raises ValueError for another sigma.
    """
    if not sigma > 0:
        raise ValueError(f"sigma: expected above 0, got {sigma}")
    spread = sigma * patches.pixels
    reach = max(1, math.ceil(3 * spread))
    places = torch.arange(-reach, reach + 1, device=patches.images.device)
    kernel = torch.exp(-0.5 * (places / spread).square())
    kernel = (kernel / kernel.sum()).view(1, 1, -1, 1)
    side = patches.images.shape[-1]
    images = patches.images.view(-1, 1, side, side).float()  # channels are planes of their own
    images = F.pad(images, (reach,) * 4, mode="replicate")
    images = F.conv2d(F.conv2d(images, kernel), kernel.transpose(2, 3))
    whole = images.round().clamp(0, 255).to(torch.uint8).view_as(patches.images)
    return dataclasses.replace(patches, images=whole)
