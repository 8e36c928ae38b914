"""WIDER FACE: the official evaluation, easy, medium and hard, without a loop over detections.

How a photo's detections count, the surest first:

1. Each belongs to the labelled face that it overlaps most, ignored ones included; the overlap is
   the IoU of inclusive pixels (width + 1) and must be at least 0.5.
2. On an ignored face it is left out. The first on a counted face is a hit. A second one there, and
   one on no face at all, are false alarms.
3. Scores of the whole set are stretched to [0, 1], by a lowest score that begins at 1 and a highest
   that begins at 0; hits and false alarms are added up at 1,000 thresholds 0.999, 0.998, ... 0.
4. Average precision is the area under the whole curve, precisions made non-increasing.

Photos without labelled faces or without detections are skipped, so that false alarms in a photo
without faces cost nothing; its faces, if it has any, still count as missed. The three levels are
nested: hard contains medium contains easy, and a face that is not in a level is ignored there.

| Here                     | Official tool           | Note                                        |
| ------------------------ | ----------------------- | ------------------------------------------- |
| detections are sorted    | taken as they stand     | a stable sort; nothing changes in a file    |
|                          |                         | that is sorted, as the format demands       |
| 0 / 0 counts as 0        | NaN, spreads            | where no detection reaches a threshold      |
| one score for everything | divides by 0            | all become 1: one point of the curve        |

Source: Yang, Luo, Loy, Tang, "WIDER FACE: A Face Detection Benchmark", CVPR 2016, and its tool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from facelab.geometry.boxes import box_iou
from facelab.metrics.detection import Curve, average_precision
from facelab.types import Faces, Scene

__all__ = [
    "LEVELS",
    "THRESHOLDS",
    "Counted",
    "Detections",
    "Found",
    "LevelScore",
    "counted_faces",
    "score_wider",
]

LEVELS = ("easy", "medium", "hard")
THRESHOLDS = 1 - (np.arange(1000) + 1) / 1000
"""At which the curve is taken: (1000,), falling."""


class Detections(NamedTuple):
    """Boxes (D, 4) xyxy and scores (D,) of any range: `Faces` wants probabilities."""

    boxes: Tensor
    scores: Tensor


Found = Faces | Detections


@dataclass(frozen=True, eq=False)
class Counted:
    """What is labelled on one photo: boxes (N, 4) xyxy, and which faces each level counts.

    counted: name of a level -> (N,) bool; a face that is not counted is ignored.
    Raises ValueError when a level has another number of faces, or is no bool.
    """

    boxes: Tensor
    counted: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            raise ValueError(f"boxes: expected (N, 4), got {tuple(self.boxes.shape)}")
        for level, faces in self.counted.items():
            if faces.dtype != torch.bool or faces.shape != self.boxes.shape[:1]:
                got = f"{faces.dtype} of shape {tuple(faces.shape)}"
                raise ValueError(
                    f"counted[{level!r}]: expected torch.bool of shape ({len(self.boxes)},), "
                    f"got {got}"
                )


@dataclass(frozen=True, eq=False)
class LevelScore:
    """The verdict on one level: `ap` is NaN where it counts no face; `curve` at the thresholds."""

    faces: int
    ap: float
    curve: Curve


def counted_faces(scene: Scene) -> Counted:
    """Say which faces of an annotated scene each level counts.

    Reads the attribute `difficulty`, 0 easy, 1 medium, 2 hard, as synthetic scenes have it; levels
    are nested. Faces with the attribute `invalid`, and the scene's `ignore`, are in no level.
    Raises ValueError for a scene without `difficulty`.
    """
    if "difficulty" not in scene.attributes:
        known = ", ".join(scene.attributes) or "none"
        raise ValueError(f"the scene has no attribute `difficulty`, only: {known}")
    boxes = torch.cat((scene.boxes, scene.ignore))
    ignored = torch.zeros(len(scene.ignore), dtype=torch.bool)
    invalid = scene.attributes.get("invalid", torch.zeros(len(scene)))
    return Counted(
        boxes,
        {
            level: torch.cat(((scene.attributes["difficulty"] <= code) & (invalid == 0), ignored))
            for code, level in enumerate(LEVELS)
        },
    )


def score_wider(
    photos: Sequence[tuple[Found, Counted]], *, iou: float = 0.5
) -> dict[str, LevelScore]:
    """Judge detections as the official tool does.

    photos: what was found and what is labelled, photo by photo; every photo with the same levels.
    Returns level -> LevelScore; nothing for no photos.
    Raises ValueError when levels differ, iou is outside (0, 1], or a score or box is not finite.
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou: expected a number in (0, 1], got {iou}")
    levels = list(photos[0][1].counted) if photos else []
    scores: list[np.ndarray] = [np.zeros(0)]
    low, high = 1.0, 0.0
    kinds: dict[str, list[np.ndarray]] = {level: [np.zeros((2, 0), bool)] for level in levels}
    faces = dict.fromkeys(levels, 0)
    for number, (found, truth) in enumerate(photos):
        if list(truth.counted) != levels:
            raise ValueError(f"photo {number}: levels {list(truth.counted)}, expected {levels}")
        for level in levels:
            faces[level] += int(truth.counted[level].sum())
        if not len(found.boxes):
            continue
        own = _checked_scores(found, number)
        low, high = min(low, own.min()), max(high, own.max())
        if len(truth.boxes):
            order = np.argsort(-own, kind="stable")
            scores.append(own[order])
            nearest, on_face = _matched(found.boxes[order], truth.boxes, iou)
            for level in levels:
                counted = truth.counted[level].numpy()
                kinds[level].append(_kinds(nearest, on_face, counted))
    steps = _steps(np.concatenate(scores), low, high)
    return {
        level: _verdict(steps, np.concatenate(kinds[level], axis=1), faces[level])
        for level in levels
    }


def _checked_scores(found: Found, number: int) -> np.ndarray:
    scores = found.scores.double().numpy()
    if not (np.isfinite(scores).all() and bool(found.boxes.isfinite().all())):
        raise ValueError(f"photo {number}: a detection has a score or an edge that is not finite")
    return scores


def _matched(found: Tensor, boxes: Tensor, iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the face that each detection (D, 4) overlaps most, and whether it is enough: (D,)."""
    overlap = box_iou(found.double(), boxes.double(), inclusive=True).numpy()  # (D, N)
    return overlap.argmax(axis=1), overlap.max(axis=1) >= iou


def _kinds(nearest: np.ndarray, on_face: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Mark detections (D,), the surest first: (2, D), those that count, and those that hit."""
    counts = ~on_face | counted[nearest]
    hits = np.zeros(len(nearest), bool)
    right = np.flatnonzero(on_face & counted[nearest])
    _, first = np.unique(nearest[right], return_index=True)  # the surest on each face
    hits[right[first]] = True
    return np.stack((counts, hits))


def _steps(scores: np.ndarray, low: float, high: float) -> np.ndarray:
    """Give the first threshold that each score (K,), stretched, reaches: its place, (K,)."""
    stretched = (scores - low) / (high - low) if high > low else np.ones_like(scores)
    return np.searchsorted(-THRESHOLDS, -stretched)


def _verdict(steps: np.ndarray, kinds: np.ndarray, faces: int) -> LevelScore:
    counts, hits = (
        np.bincount(steps[kind], minlength=len(THRESHOLDS) + 1)[: len(THRESHOLDS)].cumsum()
        for kind in kinds
    )
    precision = np.divide(hits, counts, out=np.zeros(len(THRESHOLDS)), where=counts > 0)
    curve = Curve(hits / max(faces, 1), precision, THRESHOLDS)
    return LevelScore(faces, average_precision(curve) if faces else float("nan"), curve)
