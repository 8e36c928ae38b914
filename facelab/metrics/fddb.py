"""FDDB: the official evaluation, ellipses against boxes or ellipses, one to one.

1. The overlap of a detection and a face is the IoU of two regions of the plane, in half-open
   continuous coordinates: a box is its area, an ellipse the part of the photo inside it.
2. At each threshold, the detections of a photo that reach it are paired one to one with its faces
   for the largest sum of overlaps: a maximum-weight bipartite matching, new at every threshold.
3. A pair scores, discrete, 1 if its overlap is above 0.5, and continuous, its overlap. A detection
   without a pair above 0.5 is a false positive, on the continuous curve too.
4. The curve is the sum of scores over the number of faces against the number of false positives in
   all photos, those without faces too.

Since the matching is new each time, a new detection can cost a hit: two overlaps of 0.48 are more
than one of 0.75. So neither the discrete score nor the false positives need to grow steadily.

| Here                       | Official tool             | Note                                   |
| -------------------------- | ------------------------- | -------------------------------------- |
| exact areas                | whole pixels, drawn       | there a box gains a pixel, radii lose  |
|                            |                           | their fraction: small faces differ     |
| `size` cuts regions to the | always cut, by drawing    | without it, faces at the border are    |
| photo                      |                           | compared beyond it                     |
| equal sums: either pairing | either pairing            | only hits above 0.5 may differ         |

Source: Jain, Learned-Miller, "FDDB: A Benchmark for Face Detection in Unconstrained Settings",
University of Massachusetts, 2010, and its tool.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from facelab.metrics.wider import Detections
from facelab.types import Faces, Scene

__all__ = [
    "FALSE_POSITIVES",
    "EllipseDetections",
    "Found",
    "LabelledEllipses",
    "OperatingPoint",
    "Roc",
    "ellipse_boxes",
    "ellipse_iou",
    "labelled_ellipses",
    "operating_points",
    "score_fddb",
]

FALSE_POSITIVES = (100, 500, 1000, 2000)
"""Where curves are read; those of the benchmark end at 2,000."""

_HIT = 0.5  # a pair above it is a hit
_CORNERS = 256  # of the polygon that stands for a detected ellipse: IoU right to 1e-4


class EllipseDetections(NamedTuple):
    """Ellipses (D, 5), as those of `ellipse_iou`, and scores (D,) of any range."""

    ellipses: Tensor
    scores: Tensor


Found = Faces | Detections | EllipseDetections


@dataclass(frozen=True, eq=False)
class LabelledEllipses:
    """What is labelled on one photo: ellipses (N, 5), as those of `ellipse_iou`.

    size: (height, width) of the photo, which regions are cut to, or None to leave them whole.
    Raises ValueError for another shape, radii that are not positive, NaN, or a size that is none.
    """

    ellipses: Tensor
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _ellipses("ellipses", self.ellipses)
        _check_size(self.size)


@dataclass(frozen=True, eq=False)
class Roc:
    """The curve as the threshold falls: (K,) each, one entry for each score that occurs.

    faces: how many are labelled. threshold: the score. false_positives: int64. discrete, continuous
    scores over `faces`, in [0, 1]; NaN where no face is labelled.
    """

    faces: int
    threshold: np.ndarray
    false_positives: np.ndarray
    discrete: np.ndarray
    continuous: np.ndarray


class OperatingPoint(NamedTuple):
    """One point of the curve: false positives, both scores in [0, 1], and the threshold."""

    false_positives: int
    discrete: float
    continuous: float
    threshold: float


def ellipse_boxes(ellipses: Tensor) -> Tensor:
    """Return the bounding rectangles (N, 4) xyxy of ellipses (N, 5), in their type.

    Raises ValueError as `ellipse_iou`.
    """
    boxes = _bounds(_ellipses("ellipses", ellipses))
    return torch.from_numpy(boxes).to(ellipses.dtype)


def ellipse_iou(
    regions: Tensor, ellipses: Tensor, *, size: tuple[int, int] | None = None
) -> Tensor:
    """Compute intersection over union of regions with ellipses, as parts of the plane.

    regions: boxes (D, 4) xyxy, exact, or ellipses (D, 5), right to 1e-4 as polygons of the same
    area, as long as more than a sliver of them is in the photo. ellipses: (N, 5) as (major_radius,
    minor_radius, angle, center_x, center_y): half axes in pixels, and the angle from the x axis to
    the major one, in radians towards y, which is down. size: (height, width) of the photo, which
    all regions are cut to. Returns (D, N) float64 in [0, 1]; a box without area gives 0.
    Raises ValueError for another shape, NaN or infinity, an ellipse without area, a bad size.
    """
    _check_size(size)
    faces = _ellipses("ellipses", ellipses)
    outlines = _outlines(_regions(regions))  # (D, K, 2)
    photo = None
    if size is not None:
        outlines = _cut(outlines, size)
        photo = _corners(np.array([[0, 0, size[1], size[0]]], np.float64))  # (1, 4, 2)
    low, high = outlines.min(axis=1, initial=np.inf), outlines.max(axis=1, initial=-np.inf)
    bounds = _bounds(faces)  # (N, 4)
    touch = (low[:, None] < bounds[:, 2:]) & (high[:, None] > bounds[:, :2])  # (D, N, 2)
    region, face = np.nonzero(touch.all(axis=2))  # (P,) pairs: most share nothing
    common = _shared(outlines[region], faces[face])  # (P,)
    areas = _area(outlines)  # (D,)
    own = math.pi * faces[:, 0] * faces[:, 1] if photo is None else _shared(photo, faces)  # (N,)
    whole = areas[region] + own[face] - common
    overlap = np.zeros((len(outlines), len(faces)))
    overlap[region, face] = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    return torch.from_numpy(overlap.clip(0, 1))


def labelled_ellipses(scene: Scene) -> LabelledEllipses:
    """Take the ellipses of a scene, its attribute `ellipse` (N, 5), and the size of its photo.

    Raises ValueError for a scene without them, or as `LabelledEllipses`.
    """
    if "ellipse" not in scene.attributes:
        known = ", ".join(scene.attributes) or "none"
        raise ValueError(f"the scene has no attribute `ellipse`, only: {known}")
    height, width = scene.image.shape[:2]
    return LabelledEllipses(scene.attributes["ellipse"], (height, width))


def score_fddb(photos: Sequence[tuple[Found, LabelledEllipses]]) -> Roc:
    """Judge detections as the official tool does, by the rules at the top.

    photos: what was found and what is labelled, photo by photo, of all folds together.
    Raises ValueError that names the photo for a score or region that is not finite, a wrong shape,
    a detected ellipse without area.
    """
    steps = [_no_steps()]
    faces = 0
    for number, (found, truth) in enumerate(photos):
        try:
            regions, scores = _detections(found)
            overlap = ellipse_iou(regions, truth.ellipses, size=truth.size).numpy()
        except ValueError as error:
            raise ValueError(f"photo {number}: {error}") from None
        faces += len(truth.ellipses)
        steps.append(_photo_steps(overlap, scores))
    thresholds, entered, hits, total = (np.concatenate(part) for part in zip(*steps, strict=True))
    levels, level = np.unique(-thresholds, return_inverse=True)
    entered, hits, total = (
        np.bincount(level, weights=part, minlength=len(levels)).cumsum()
        for part in (entered, hits, total)
    )
    per_face = 1 / faces if faces else math.nan
    false_positives = np.rint(entered - hits).astype(np.int64)
    return Roc(faces, -levels, false_positives, hits * per_face, total * per_face)


def operating_points(
    curve: Roc, false_positives: Sequence[int] = FALSE_POSITIVES
) -> dict[int, OperatingPoint]:
    """Read the curve at some numbers of false positives.

    Each gives the point with the lowest threshold that has at most so many; if the curve ends
    earlier, that is its end, as the point's own number of false positives tells. Where even the
    surest detections have more, the scores are 0 (NaN without faces) and the threshold is infinite.
    Raises ValueError for a negative number.
    """
    if any(most < 0 for most in false_positives):
        raise ValueError(f"false_positives: expected 0 or more, got {list(false_positives)}")
    return {most: _point(curve, most) for most in false_positives}


def _point(curve: Roc, most: int) -> OperatingPoint:
    allowed = np.flatnonzero(curve.false_positives <= most)
    if not len(allowed):
        nothing = 0.0 if curve.faces else math.nan
        return OperatingPoint(0, nothing, nothing, math.inf)
    last = allowed[-1]
    return OperatingPoint(
        int(curve.false_positives[last]),
        float(curve.discrete[last]),
        float(curve.continuous[last]),
        float(curve.threshold[last]),
    )


# ---- matching


class _Steps(NamedTuple):
    """What changes at each score of a photo, falling: (K,) each."""

    threshold: np.ndarray
    entered: np.ndarray  # detections
    hits: np.ndarray
    total: np.ndarray  # sum of overlaps


def _no_steps() -> _Steps:
    return _Steps(*np.zeros((4, 0)))


def _photo_steps(overlap: np.ndarray, scores: np.ndarray) -> _Steps:
    """Match overlaps (D, N) anew at each of the photo's scores (D,) where it can matter."""
    from scipy.optimize import linear_sum_assignment  # here: reading lists needs no SciPy

    levels, level = np.unique(-scores, return_inverse=True)  # the surest first
    hits, total = np.zeros(len(levels)), np.zeros(len(levels))
    near = np.flatnonzero(overlap.any(axis=1))
    near = near[np.argsort(level[near], kind="stable")]
    arrivals, starts = np.unique(level[near], return_index=True)
    kept = near[:0]
    for place, new in zip(arrivals, np.split(near, starts)[1:], strict=True):
        candidates = _leading(overlap, np.concatenate((kept, new)))
        if not np.array_equal(candidates, kept):
            kept, pairs = candidates, overlap[candidates]
            matched = pairs[linear_sum_assignment(pairs, maximize=True)]
            hits[place:], total[place:] = (matched > _HIT).sum(), matched.sum()
    entered = np.bincount(level, minlength=len(levels))
    return _Steps(-levels, entered, np.diff(hits, prepend=0), np.diff(total, prepend=0))


def _leading(overlap: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Leave out detections (C,) that cannot raise the sum of overlaps (D, N).

    If a face has one that is not among the N that overlap it most, one of those is free, since the
    other faces have N - 1 at most, and does as well.
    """
    ranking = np.argsort(-overlap[candidates], axis=0, kind="stable")  # (C, N)
    return candidates[np.unique(ranking[: overlap.shape[1]])]


# ---- regions


def _corners(boxes: np.ndarray) -> np.ndarray:
    """Turn boxes (D, 4) into corners (D, 4, 2), round from x towards y."""
    x1, y1, x2, y2 = boxes.T
    x2, y2 = np.maximum(x1, x2), np.maximum(y1, y2)  # no area rather than a negative one
    return np.stack((x1, y1, x2, y1, x2, y2, x1, y2), axis=1).reshape(-1, 4, 2)


def _outlines(regions: np.ndarray) -> np.ndarray:
    """Turn boxes (D, 4) or ellipses (D, 5) into polygons (D, K, 2) of the same area."""
    if regions.shape[1] == 4:
        return _corners(regions)
    turn = 2 * math.pi / _CORNERS
    reach = math.sqrt(turn / math.sin(turn))  # corners lie outside, so that the area is the same
    angles = np.arange(_CORNERS) * turn
    circle = reach * np.stack((np.cos(angles), np.sin(angles)), axis=1)  # (K, 2)
    major, minor = _axes(regions)
    return regions[:, None, 3:] + circle[:, :1] * major[:, None] + circle[:, 1:] * minor[:, None]


def _axes(ellipses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the half axes of ellipses (N, 5) as vectors, (N, 2) each."""
    cos, sin = np.cos(ellipses[:, 2]), np.sin(ellipses[:, 2])
    major = ellipses[:, :1] * np.stack((cos, sin), axis=1)
    minor = ellipses[:, 1:2] * np.stack((-sin, cos), axis=1)
    return major, minor


def _bounds(ellipses: np.ndarray) -> np.ndarray:
    """Bounding rectangles (N, 4) xyxy of ellipses (N, 5)."""
    half = np.hypot(*_axes(ellipses))  # (N, 2)
    return np.hstack((ellipses[:, 3:] - half, ellipses[:, 3:] + half))


def _cut(polygons: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut polygons (D, K, 2) to the photo, (D, 5 K, 2).

    Points outside move onto the border, where they enclose nothing; edges are parted there first.
    """
    border = np.array([[0, 0], size[::-1]], np.float64)  # (2, 2)
    edge = np.roll(polygons, -1, axis=1) - polygons
    slope = np.where(edge == 0, 1, edge)[
        :, :, None
    ]  # an edge along a border may be parted anywhere
    parts = ((border - polygons[:, :, None]) / slope).clip(0, 1)  # (D, K, 2, 2), share of the edge
    parts = np.sort(parts.reshape(*edge.shape[:2], 4), axis=2)
    parts = np.concatenate((np.zeros_like(parts[..., :1]), parts), axis=2)[..., None]
    points = polygons[:, :, None] + parts * edge[:, :, None]  # (D, K, 5, 2)
    return points.reshape(len(points), -1, 2).clip(*border)


def _area(polygons: np.ndarray) -> np.ndarray:
    """Area (D,) of polygons (D, K, 2) that run from x towards y."""
    return _cross(polygons, np.roll(polygons, -1, axis=1)).sum(axis=1) / 2


def _shared(polygons: np.ndarray, ellipses: np.ndarray) -> np.ndarray:
    """Area (P,) that polygons (P, K, 2) or (1, K, 2) share with ellipses (P, 5), exactly.

    The ellipse is made the unit circle. Each edge then adds what its triangle with the centre
    shares with the circle: a triangle where the edge is inside, sectors where it is outside.
    """
    major, minor = _axes(ellipses)
    centred = polygons - ellipses[:, None, 3:]  # (P, K, 2)
    along, across = (  # (P, K): over the square, once for the unit vector, once for the radius
        (centred * axis[:, None]).sum(axis=2) / (axis**2).sum(axis=1)[:, None]
        for axis in (major, minor)
    )
    start = np.stack((along, across), axis=2)
    end = np.roll(start, -1, axis=1)
    edge = end - start
    length = (edge**2).sum(axis=2)  # squared; the circle is where length t^2 + 2 b t + c < 0
    b, c = (start * edge).sum(axis=2), (start**2).sum(axis=2) - 1
    root = np.sqrt(np.maximum(b**2 - length * c, 0))
    length = np.where(length > 0, length, 1)
    enter, leave = (  # where the edge crosses the circle, or its nearest end
        start + ((side - b) / length).clip(0, 1)[..., None] * edge for side in (-root, root)
    )
    sectors = _angle(start, enter) + _angle(leave, end)
    halves = (sectors + _cross(enter, leave)).sum(axis=1)
    return np.maximum(halves, 0) / 2 * ellipses[:, 0] * ellipses[:, 1]


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle from one direction to another, in (-pi, pi]."""
    return np.arctan2(_cross(a, b), (a * b).sum(axis=-1))


# ---- checks


def _detections(found: Found) -> tuple[Tensor, np.ndarray]:
    """Give regions (D, 4) or (D, 5) and scores (D,), checked."""
    regions = found.ellipses if isinstance(found, EllipseDetections) else found.boxes
    wanted = 5 if isinstance(found, EllipseDetections) else 4
    if regions.ndim != 2 or regions.shape[1] != wanted:
        raise ValueError(f"detections: expected (D, {wanted}), got {tuple(regions.shape)}")
    scores = found.scores.double().numpy()
    if scores.shape != regions.shape[:1]:
        raise ValueError(f"scores: expected ({len(regions)},), got {scores.shape}")
    if not np.isfinite(scores).all():
        raise ValueError(f"scores: {int((~np.isfinite(scores)).sum())} are NaN or infinite")
    return regions, scores


def _regions(regions: Tensor) -> np.ndarray:
    if regions.ndim == 2 and regions.shape[1] == 5:
        return _ellipses("regions", regions)
    if regions.ndim != 2 or regions.shape[1] != 4:
        raise ValueError(
            f"regions: expected boxes (D, 4) or ellipses (D, 5), got {tuple(regions.shape)}"
        )
    return _finite("regions", regions)


def _ellipses(name: str, ellipses: Tensor) -> np.ndarray:
    if ellipses.ndim != 2 or ellipses.shape[1] != 5:
        raise ValueError(f"{name}: expected ellipses (N, 5), got {tuple(ellipses.shape)}")
    values = _finite(name, ellipses)
    flat = ~(values[:, :2] > 0).all(axis=1)
    if flat.any():
        first = int(flat.argmax())
        radii = "{:g} and {:g}".format(*values[first, :2])
        raise ValueError(
            f"{name}: {int(flat.sum())} of {len(values)} have no area, first number {first} with "
            f"radii {radii}; drop them first"
        )
    return values


def _finite(name: str, values: Tensor) -> np.ndarray:
    array = values.double().numpy()
    wrong = int((~np.isfinite(array)).any(axis=1).sum())
    if wrong:
        raise ValueError(f"{name}: {wrong} of {len(array)} hold NaN or infinity; drop them first")
    return array


def _check_size(size: tuple[int, int] | None) -> None:
    if size is not None and not (len(size) == 2 and all(side > 0 for side in size)):
        raise ValueError(f"size: expected (height, width) in pixels, got {size}")
