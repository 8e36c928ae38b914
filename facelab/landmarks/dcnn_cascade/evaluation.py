"""Errors of the cascade on faces that it has not seen: by network, by level, by point.

Source: Sun et al. 2013, section 5.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from facelab.landmarks.dcnn_cascade import targets
from facelab.landmarks.dcnn_cascade.predict import Cascade
from facelab.landmarks.judging import FAILURE, FRONTAL, errors
from facelab.landmarks.patches import FacePatches
from facelab.landmarks.windows import shaken_squares
from facelab.metrics.landmarks import summarise

__all__ = ["card_figures", "errors_by_level"]


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
    """Say how good a cascade is, on true squares and on squares that miss by up to 5 %.

    Faces within 20 degrees of frontal have a line of their own, if there are any.
    """
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
        if frontal.any():
            ahead = by_level["level 3"][frontal].flatten()
            summary = summarise(ahead, threshold=FAILURE, nan="leave out")
            figures[f"level 3, within 20 degrees: failures{what}"] = round(summary.failures, 4)
    return figures
