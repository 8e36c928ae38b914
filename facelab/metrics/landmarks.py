"""Landmark errors and what papers make of them: NME, failure rate, cumulative curve, AUC.

The normalised mean error (NME) divides pixel distances by a size of the face. Which size, changes
the number by a factor; so every NME is quoted with its normaliser:

| Normaliser       | Distance that counts as 1                       | Points | Used with          |
| ---------------- | ----------------------------------------------- | ------ | ------------------ |
| `"interocular"`  | between the outer eye corners: 36, 45 or 60, 72 | 68, 98 | 300-W, WFLW        |
| `"interpupil"`   | between the means of 36-41 and 42-47            | 68     | older 300-W papers |
| `"eyes"`         | between the two eye points                      | 5      | BioID, LFPW, MTCNN |
| `"box_width"`    | width of the box                                | any    | DCNN cascade       |
| `"box_diagonal"` | square root of w^2 + h^2                        | any    | some AFLW papers   |
| `"box_size"`     | square root of w x h                            | any    | RetinaFace         |
| `"points_size"`  | the same of the box round the true points       | any    | AFLW2000-3D        |

The same predictions score about 1.4 times worse by `"interpupil"` than by `"interocular"`. Eye
distances shrink as a head turns, so by them the same pixels count more and more; boxes do not.

What a missing number means, everywhere in this module:

| Missing                          | Error                                                         |
| -------------------------------- | ------------------------------------------------------------- |
| a true point                     | NaN for the point, which does not count in its face           |
| all true points of a face, or    | NaN for the face                                              |
| one that its size comes from     |                                                               |
| a predicted point                | NaN for point and face; with `missing="failure"` infinity,    |
|                                  | which is a failure at any threshold                           |

Summaries refuse NaN until told to leave it out, so that no face drops out of a table unseen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from facelab.geometry.landmarks import FIVE, to5
from facelab.metrics.groups import yaw_bands

__all__ = [
    "Balanced",
    "Missing",
    "Nan",
    "Normaliser",
    "Summary",
    "aflw2000",
    "auc",
    "ced",
    "failure_rate",
    "nme",
    "point_errors",
    "summarise",
    "summarise_groups",
    "summarise_points",
]

Normaliser = Literal[
    "interocular", "interpupil", "eyes", "box_width", "box_diagonal", "box_size", "points_size"
]
Missing = Literal["nan", "failure"]
Nan = Literal["refuse", "leave out"]

_OUTER_CORNERS = {68: (36, 45), 98: (60, 72)}  # counted from 0; in the papers' count 37, 46


@dataclass(frozen=True)
class Summary:
    """What a paper reports of a set of errors.

    count: errors counted, of which missing: predictions that are not there (infinite errors).
    left_out: NaN, not counted. mean, median: of the errors that are finite. failures: share above
    the threshold, missing ones included. auc: area under the cumulative curve up to the threshold,
    in [0, 1]. NaN where nothing is counted.
    """

    count: int
    missing: int
    left_out: int
    mean: float
    median: float
    failures: float
    auc: float

    def to_dict(self) -> dict[str, int | float | None]:
        """Return plain values for JSON; NaN becomes None."""
        return {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in asdict(self).items()
        }


@dataclass(frozen=True)
class Balanced:
    """The verdict of AFLW2000-3D: bins of |yaw| by name, all faces, and the mean over the bins."""

    bins: Mapping[str, Summary]
    all: Summary
    balanced: float


def point_errors(
    predicted: Tensor,
    truth: Tensor,
    normaliser: Normaliser = "interocular",
    *,
    boxes: Tensor | None = None,
    missing: Missing = "nan",
) -> Tensor:
    """Compute the normalised error of each point, as a share: 0.04 is 4 %.

    predicted, truth: (N, P, 2) in pixels. normaliser: see the table of this module; sizes come from
    the truth. boxes: (N, 4) xyxy, needed by the three box normalisers only. missing: what a
    predicted NaN becomes where the truth is known. Returns (N, P), NaN where the truth is missing.
    Raises ValueError for wrong shapes, an unknown option, or a labelled face whose size is 0.
    Source: Sun et al., CVPR 2013, section 5 (per point, box width); 300-W for eye distances.
    """
    if truth.ndim != 3 or truth.shape[-1] != 2 or truth.shape[1] == 0:
        raise ValueError(f"truth: expected shape (N, P, 2), got {tuple(truth.shape)}")
    if predicted.shape != truth.shape:
        raise ValueError(
            f"predicted: expected {tuple(truth.shape)}, as truth, got {tuple(predicted.shape)}"
        )
    _check_option("missing", missing, get_args(Missing))
    size = _face_size(truth, normaliser, boxes)  # (N,)
    known = ~torch.isnan(truth).any(dim=-1)  # (N, P)
    flat = int(((size <= 0) & known.any(dim=1)).sum())
    if flat:
        raise ValueError(f"{normaliser}: {flat} of {len(size)} faces have size 0; leave them out")
    distance = torch.linalg.vector_norm(predicted - truth, dim=-1)  # (N, P)
    if missing == "failure":
        distance = distance.nan_to_num(nan=torch.inf, posinf=torch.inf)
    return torch.where(known, distance / size[:, None], torch.nan)


def nme(
    predicted: Tensor,
    truth: Tensor,
    normaliser: Normaliser = "interocular",
    *,
    boxes: Tensor | None = None,
    missing: Missing = "nan",
) -> Tensor:
    """Compute the normalised mean error of each face, as a share: 0.04 is 4 %.

    Arguments as `point_errors`. Returns (N,): the mean over the points that the truth has; NaN for
    a face without true landmarks. One missing point of a prediction makes the face NaN, or infinite
    with missing="failure".
    Raises ValueError as `point_errors`.
    Source: 300-W and the protocols in the table.
    """
    errors = point_errors(predicted, truth, normaliser, boxes=boxes, missing=missing)  # (N, P)
    known = ~torch.isnan(truth).any(dim=-1)  # (N, P)
    return torch.where(known, errors, 0.0).sum(dim=1) / known.sum(dim=1)  # 0 / 0 is NaN


def failure_rate(errors: Tensor, threshold: float) -> float:
    """Compute the share of errors strictly above a threshold, 1 - CED(threshold).

    errors: (N,) or any shape, as from `nme`. threshold: in the same unit, 0.08 for 8 %.
    Raises ValueError when errors are empty, NaN or negative.
    """
    return float((_checked(errors) > threshold).double().mean())


def ced(errors: Tensor, levels: Tensor) -> Tensor:
    """Compute the cumulative error distribution: the share of errors at or below each level.

    errors: (N,) or any shape. levels: (L,) in the same unit. Returns (L,) float64 in [0, 1].
    Raises ValueError when errors are empty, NaN or negative.
    """
    ordered = _checked(errors).sort().values  # (N,)
    count = torch.searchsorted(ordered, levels.to(ordered).contiguous(), right=True)  # (L,)
    return count.double() / len(ordered)


def auc(errors: Tensor, threshold: float) -> float:
    """Compute the normalised area under the cumulative error distribution, up to a threshold.

    errors: (N,) or any shape. threshold: above 0, in the same unit. Returns a number in [0, 1],
    exact, without sampling the curve: the mean of max(0, 1 - error / threshold).
    Raises ValueError when errors are empty, NaN or negative, or threshold is not above 0.
    Source: 300-W and Menpo challenges, AUC at 8 % or 10 %.
    """
    if not threshold > 0:
        raise ValueError(f"threshold: expected a number above 0, got {threshold}")
    return float((1 - _checked(errors).double() / threshold).clamp(min=0).mean())


def summarise(errors: Tensor, *, threshold: float, nan: Nan = "refuse") -> Summary:
    """Sum a set of errors up: mean, median, failure rate and area up to a threshold.

    errors: (N,) or any shape, as from `nme` or one column of `point_errors`; infinity is a missing
    prediction. threshold: above 0. nan: "leave out" counts NaN in `left_out` and nowhere else.
    Raises ValueError for negative errors, NaN while nan is "refuse", or a wrong threshold; no
    errors at all are a summary with count 0.
    """
    _check_option("nan", nan, get_args(Nan))
    if not threshold > 0:
        raise ValueError(f"threshold: expected a number above 0, got {threshold}")
    flat = errors.detach().flatten()
    left_out = int(torch.isnan(flat).sum()) if nan == "leave out" else 0
    if left_out:
        flat = flat[~torch.isnan(flat)]
    if len(flat) == 0:
        return Summary(0, 0, left_out, math.nan, math.nan, math.nan, math.nan)
    finite = _checked(flat)[torch.isfinite(flat)].double()
    return Summary(
        count=len(flat),
        missing=len(flat) - len(finite),
        left_out=left_out,
        mean=float(finite.mean()),  # NaN of nothing
        median=float(finite.quantile(0.5)) if len(finite) else math.nan,
        failures=failure_rate(flat, threshold),
        auc=auc(flat, threshold),
    )


def summarise_points(
    errors: Tensor, *, threshold: float = 0.05, names: Sequence[str] = FIVE, nan: Nan = "refuse"
) -> dict[str, Summary]:
    """Sum errors up point by point, as the cascade paper reports them.

    errors: (N, P) from `point_errors`, in its validation with "box_width" and a threshold of 0.05,
    against others with "eyes" and 0.10. names: P of them. Returns name -> Summary.
    Raises ValueError for a wrong shape, repeated names, and as `summarise`.
    Source: Sun et al., CVPR 2013, section 5: mean error and failure rate of each point.
    """
    if errors.ndim != 2 or errors.shape[1] != len(names) or len(set(names)) != len(names):
        raise ValueError(
            f"errors: expected shape (N, {len(names)}), one column for each of {len(set(names))} "
            f"different names, got {tuple(errors.shape)}"
        )
    return {
        name: summarise(column, threshold=threshold, nan=nan)
        for name, column in zip(names, errors.unbind(dim=1), strict=True)
    }


def summarise_groups(
    errors: Tensor, groups: Mapping[str, Tensor], *, threshold: float, nan: Nan = "refuse"
) -> dict[str, Summary]:
    """Sum the errors of groups of faces up: by pose, by what hides them, by blur, by any label.

    errors: (N,) from `nme`, or (N, P), whose points then count one by one. groups: name -> (N,)
    bool, which faces belong; see `facelab.metrics.groups`. A face may be in several, or in none.
    Returns name -> Summary, a group without faces included.
    Raises ValueError for a mask of another shape or type, and as `summarise`.
    """
    result = {}
    for name, mask in groups.items():
        if mask.dtype != torch.bool or tuple(mask.shape) != (len(errors),):
            raise ValueError(
                f"groups[{name!r}]: expected bool of shape ({len(errors)},), "
                f"got {str(mask.dtype).removeprefix('torch.')} {tuple(mask.shape)}"
            )
        result[name] = summarise(errors[mask], threshold=threshold, nan=nan)
    return result


def aflw2000(
    predicted: Tensor,
    truth: Tensor,
    yaw: Tensor,
    *,
    threshold: float = 0.1,
    missing: Missing = "nan",
    nan: Nan = "refuse",
) -> Balanced:
    """Judge landmarks by the protocol of AFLW2000-3D: three bins of |yaw| that weigh the same.

    predicted, truth: (N, 68, 2) in pixels, NME by "points_size". yaw: (N,) true yaw in radians; a
    head beyond 90 degrees counts in the last bin. threshold: of failures, which the protocol has
    not. Returns bins, all faces, and `balanced`, the mean of the bins' means: NaN when one is empty
    or when a face has no yaw.
    Raises ValueError for wrong shapes, and as `nme` and `summarise`.
    Source: Zhu et al., CVPR 2016, section 5; bins as in the authors' released benchmark.
    """
    errors = nme(predicted, truth, "points_size", missing=missing)  # (N,)
    if yaw.shape != errors.shape:
        raise ValueError(f"yaw: expected shape {tuple(errors.shape)}, got {tuple(yaw.shape)}")
    bins = summarise_groups(errors, yaw_bands(yaw), threshold=threshold, nan=nan)
    means = [summary.mean for summary in bins.values()]
    everyone = summarise(errors, threshold=threshold, nan=nan)
    balanced = math.nan if torch.isnan(yaw).any() else sum(means) / len(means)
    return Balanced(bins, everyone, balanced)


def _face_size(truth: Tensor, normaliser: str, boxes: Tensor | None) -> Tensor:
    """Return the size of each face (N,), NaN where the points that give it are not known."""
    _check_option("normaliser", normaliser, get_args(Normaliser))
    needs = {"interocular": (68, 98), "interpupil": (68,), "eyes": (5,)}.get(normaliser)
    if needs is not None and truth.shape[1] not in needs:
        wanted = " or ".join(map(str, needs))
        raise ValueError(
            f"{normaliser}: expected {wanted} points a face, got {truth.shape[1]}; choose another"
        )
    if normaliser == "points_size":
        known = ~torch.isnan(truth).any(dim=-1, keepdim=True)  # (N, P, 1)
        low = torch.where(known, truth, torch.inf).amin(dim=1)  # (N, 2)
        high = torch.where(known, truth, -torch.inf).amax(dim=1)
        width, height = (high - low).unbind(dim=1)
        size = (width * height).sqrt()  # of infinities where nothing is known
        return torch.where(known.any(dim=1).squeeze(-1), size, torch.nan)
    if normaliser == "interocular":
        left, right = _OUTER_CORNERS[truth.shape[1]]
        return torch.linalg.vector_norm(truth[:, left] - truth[:, right], dim=-1)
    if normaliser in ("interpupil", "eyes"):
        five = to5(truth) if normaliser == "interpupil" else truth
        return torch.linalg.vector_norm(five[:, 0] - five[:, 1], dim=-1)
    if boxes is None or tuple(boxes.shape) != (len(truth), 4):
        got = None if boxes is None else tuple(boxes.shape)
        raise ValueError(f"{normaliser}: needs boxes of shape ({len(truth)}, 4), got {got}")
    width, height = (boxes[:, 2:] - boxes[:, :2]).to(truth).unbind(dim=1)
    if normaliser == "box_width":
        return width
    if normaliser == "box_diagonal":
        return torch.hypot(width, height)
    return (width * height).clamp(min=0).sqrt()


def _check_option(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")


def _checked(errors: Tensor) -> Tensor:
    """Return the errors as (N,), in their own type: a float32 0.1 is not above a threshold 0.1."""
    flat = errors.detach().flatten()
    if len(flat) == 0:
        raise ValueError("errors: empty, so a share of them means nothing")
    wrong = int((~(flat >= 0)).sum())
    if wrong:
        raise ValueError(
            f"errors: {wrong} of {len(flat)} are NaN or negative; leave out faces without "
            f'landmarks, and count a missing prediction as infinity (missing="failure")'
        )
    return flat
