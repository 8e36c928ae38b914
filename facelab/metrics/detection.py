"""Detection: which boxes hit, average precision, recall, false alarms, landmark error.

How a photo's detections are matched, the surest first, equal scores in their given order:

1. A detection takes the face that it overlaps most among those not yet taken, if their IoU is at
   least the threshold (0.5).
2. Otherwise it is left out of the count when it lies on an ignored region: IoU with one above 0.3,
   or more than half of the detection inside one.
3. Otherwise it is a false alarm. So is a second box on a face that is already taken.

A range of heights counts the faces whose labelled height lies in it (lowest included, highest not).
A detection that hit a face of another range is left out; a false alarm counts in the range of its
own height.

Average precision is the area under the precision-recall curve, each precision replaced by the best
one at that recall or more (every point of the curve, not 11). It equals the WIDER FACE tool's idea
but not its details: that one has inclusive widths, 1000 score levels, and skips photos without
faces.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from facelab.geometry.boxes import box_iof, box_iou
from facelab.types import Faces

__all__ = [
    "RANGES",
    "Curve",
    "Score",
    "Truth",
    "average_precision",
    "landmark_error",
    "match",
    "precision_recall",
    "score_photos",
]

FALSE_ALARM, LEFT_OUT = -1, -2  # in what `match` returns, beside the numbers of faces
RANGES: Mapping[str, tuple[float, float]] = {
    "all": (0.0, math.inf),
    "below 16": (0.0, 16.0),
    "16 to 32": (16.0, 32.0),
    "32 to 96": (32.0, 96.0),
    "96 and above": (96.0, math.inf),
}
IGNORE_IOU, IGNORE_SHARE = 0.3, 0.5
NARROWEST_EYES = 0.15  # inter-ocular distance over face height; below it a face is near profile


@dataclass(frozen=True, eq=False)
class Truth:
    """What is labelled on one photo.

    boxes: (N, 4) xyxy. landmarks: (N, 5, 2), NaN for a face without, or None. ignore: (M, 4)
    regions in which detections are neither right nor wrong.
    """

    boxes: Tensor
    landmarks: Tensor | None = None
    ignore: Tensor = field(default_factory=lambda: torch.zeros(0, 4))


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall as the threshold falls: (K,) each, one entry a counted detection."""

    recall: np.ndarray
    precision: np.ndarray
    threshold: np.ndarray


@dataclass(frozen=True, eq=False)
class Score:
    """The verdict on one range of heights.

    ap: average precision, NaN where no face is labelled. recall, precision, false_alarms,
    threshold: at the threshold with the best F1 (harmonic mean of precision and recall). nme: mean
    landmark error over the inter-ocular distance of hit faces, NaN where there is none.
    """

    faces: int
    ap: float
    recall: float
    precision: float
    threshold: float
    false_alarms: int
    nme: float
    curve: Curve


def match(found: Faces, truth: Truth, *, iou: float = 0.5) -> np.ndarray:
    """Give each detection its face by the three rules at the top.

    Returns (D,) int64: the number of the face that was hit, or FALSE_ALARM or LEFT_OUT.
    Raises ValueError when iou is outside (0, 1].
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou: expected a number in (0, 1], got {iou}")
    boxes = found.boxes.double()
    overlap = box_iou(boxes, truth.boxes.double()).numpy()  # (D, N)
    ignore = truth.ignore.double()
    near, share = box_iou(boxes, ignore).numpy(), box_iof(boxes, ignore).numpy()  # (D, M)
    ignored = (near > IGNORE_IOU).any(axis=1) | (share > IGNORE_SHARE).any(axis=1)  # (D,)
    result = np.where(ignored, LEFT_OUT, FALSE_ALARM)  # (D,)
    for index in np.argsort(-found.scores.numpy(), kind="stable"):
        best = int(overlap[index].argmax()) if overlap.shape[1] else -1
        if best >= 0 and overlap[index, best] >= iou:
            result[index] = best
            overlap[:, best] = -1.0  # taken
    return result


def precision_recall(scores: np.ndarray, hits: np.ndarray, faces: int) -> Curve:
    """Follow precision and recall while the threshold falls.

    scores: (K,). hits: (K,) bool, False for a false alarm. faces: how many could be found. Equal
    scores keep their order.
    Raises ValueError when faces is less than the number of hits.
    """
    if faces < int(hits.sum()):
        raise ValueError(f"faces: {faces}, but {int(hits.sum())} detections are hits")
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])  # (K,)
    precision = right / np.arange(1, len(order) + 1)
    return Curve(right / max(faces, 1), precision, scores[order])


def average_precision(curve: Curve) -> float:
    """Area under the curve, with precision made non-increasing from the right."""
    best = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return float(np.sum(np.diff(curve.recall, prepend=0.0) * best))


def landmark_error(found: Tensor, labelled: Tensor, height: float) -> float:
    """Mean distance of five points, over the labelled distance between the eyes.

    found, labelled: (5, 2). height: of the labelled box. NaN where a point is missing, and for
    faces near profile: eyes closer than 0.15 of the height, by which the error would explode.
    """
    found, labelled = found.double(), labelled.double()
    eyes = float((labelled[0] - labelled[1]).norm())
    if not eyes > NARROWEST_EYES * height:  # also where it is NaN
        return math.nan
    return float((found - labelled).norm(dim=1).mean()) / eyes


def score_photos(
    photos: Sequence[tuple[Faces, Truth]],
    *,
    ranges: Mapping[str, tuple[float, float]] = RANGES,
    iou: float = 0.5,
) -> dict[str, Score]:
    """Judge detections on a set of photos, by ranges of the face height in pixels.

    photos: what was found and what is there, photo by photo. ranges: name -> lowest height, and the
    first that is too large. Returns range name -> Score.
    Raises ValueError as `match`.
    """
    matches = [match(found, truth, iou=iou) for found, truth in photos]
    return {name: _score(photos, matches, *limits) for name, limits in ranges.items()}


def _score(
    photos: Sequence[tuple[Faces, Truth]], matches: list[np.ndarray], low: float, high: float
) -> Score:
    scores, hits, errors, faces = [np.zeros(0)], [np.zeros(0, bool)], [], 0
    for (found, truth), matched in zip(photos, matches, strict=True):
        heights = _heights(truth.boxes)
        asked = (heights >= low) & (heights < high)  # (N,)
        faces += int(asked.sum())
        own = _heights(found.boxes)  # (D,)
        hit = np.zeros(len(matched), bool)
        hit[matched >= 0] = asked[matched[matched >= 0]]
        wrong = (matched == FALSE_ALARM) & (own >= low) & (own < high)
        # The surest first, as `match` saw them: photos keep their order among equal scores.
        order = np.argsort(-found.scores.numpy(), kind="stable")
        order = order[(hit | wrong)[order]]
        scores.append(found.scores.numpy()[order].astype(np.float64))
        hits.append(hit[order])
        if found.landmarks is not None and truth.landmarks is not None:
            for index in np.flatnonzero(hit):
                face = matched[index]
                points = found.landmarks[index], truth.landmarks[face]
                errors.append(landmark_error(*points, height=heights[face]))
    curve = precision_recall(np.concatenate(scores), np.concatenate(hits), faces)
    known = [error for error in errors if not math.isnan(error)]
    nme = float(np.mean(known)) if known else math.nan
    return _verdict(curve, faces, nme)


def _verdict(curve: Curve, faces: int, nme: float) -> Score:
    ap = average_precision(curve) if faces else math.nan
    if not len(curve.threshold):
        return Score(faces, ap, 0.0, 0.0, math.nan, 0, nme, curve)
    both = np.maximum(curve.precision + curve.recall, 1e-9)
    best = int((2 * curve.precision * curve.recall / both).argmax())
    recall, precision = float(curve.recall[best]), float(curve.precision[best])
    false_alarms = round((best + 1) * (1 - precision))
    threshold = float(curve.threshold[best])
    return Score(faces, ap, recall, precision, threshold, false_alarms, nme, curve)


def _heights(boxes: Tensor) -> np.ndarray:
    corners = boxes.double().numpy()
    return corners[:, 3] - corners[:, 1]
