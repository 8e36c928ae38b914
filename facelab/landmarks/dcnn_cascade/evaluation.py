"""Errors of the cascade on faces that it has not seen: by level, by point, by what makes it hard.

Errors are distances over the width of the labelled box; one above 0.05 is a failure.
Source: Sun et al. 2013, section 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from facelab.humans.sprites import SpriteSource
from facelab.humans.tasks.crops import PLAIN, default_augment
from facelab.landmarks.dcnn_cascade import targets
from facelab.landmarks.dcnn_cascade.predict import Cascade
from facelab.landmarks.patches import FacePatches
from facelab.landmarks.people import patches_of_people
from facelab.landmarks.windows import shaken_squares
from facelab.metrics.landmarks import point_errors, summarise

__all__ = ["FAILURE", "FRONTAL", "card_figures", "errors", "errors_by_level", "test_patches"]

FAILURE = 0.05
FRONTAL = math.radians(20)


def test_patches(
    source: SpriteSource, *, limit: int | None = None, degrade: bool = True, seed: int = 1_000
) -> FacePatches:
    """Cut out faces to be judged on: upright, not mirrored, on backgrounds.

    degrade: as by ordinary cameras, or left as they were rendered.
    """
    augment = default_augment(angle=0.0, zoom=1.0, shift=0.0, mirror=0.0) if degrade else PLAIN
    return patches_of_people(source, seed=seed, limit=limit, augment=augment)


test_patches.__test__ = False  # type: ignore[attr-defined]  # no test, whatever pytest thinks


def errors(points: Tensor, patches: FacePatches, chosen: tuple[int, ...] | None = None) -> Tensor:
    """Compute the error of each point as a share of the box width: (N, K).

    points: (N, K, 2) in square units. chosen: which of the five they are; all when left out.
    """
    boxes = F.pad(patches.widths[:, None], (2, 1))  # 0, 0, width, 0
    truth = patches.points if chosen is None else patches.points[:, chosen]
    return point_errors(points, truth, "box_width", boxes=boxes)


def errors_by_level(
    cascade: Cascade, patches: FacePatches, *, squares: Tensor | None = None
) -> dict[str, Tensor]:
    """Compute the errors of the level-1 networks alone and after each level.

    Returns "F1", "EN1", "NM1", "level 1", ...: (N, 5), NaN for points that a network does not
    place. squares: as in `Cascade.trace`.
    """
    trace = cascade.trace(patches, squares=squares)
    found: dict[str, Tensor] = {}
    for name, points in trace.first.items():
        band = targets.BANDS[name].points
        found[name] = patches.points.new_full((len(patches), patches.points.shape[1]), torch.nan)
        found[name][:, band] = errors(points, patches, band)
    for level, points in enumerate(trace.points, start=1):
        found[f"level {level}"] = errors(points, patches)
    return found


def card_figures(cascade: Cascade, patches: FacePatches) -> Mapping[str, float]:
    """Say how good a cascade is, on true squares and on squares that miss by up to 5 %."""
    generator = torch.Generator().manual_seed(0)
    off = shaken_squares(len(patches), shift=0.05, scale=0.05, generator=generator)
    frontal = patches.attributes["yaw"].abs() <= FRONTAL
    figures: dict[str, float] = {"faces": float(len(patches))}
    for what, squares in (("", None), (", squares off by up to 5 %", off)):
        by_level = errors_by_level(cascade, patches, squares=squares)
        for level in ("level 1", "level 2", "level 3"):
            summary = summarise(by_level[level].flatten(), threshold=FAILURE, nan="leave out")
            figures[f"{level}: mean error{what}"] = round(summary.mean, 5)
        figures[f"level 3: failures{what}"] = round(summary.failures, 4)
        ahead = summarise(
            by_level["level 3"][frontal].flatten(), threshold=FAILURE, nan="leave out"
        )
        figures[f"level 3, within 20 degrees: failures{what}"] = round(ahead.failures, 4)
    return figures
