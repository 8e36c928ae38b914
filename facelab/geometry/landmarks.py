"""Facial landmarks: the five-point and 68-point sets, mirroring, and the errors that papers report.

Five points: eye at image left, eye at image right, nose tip, mouth corner left, mouth corner right.
The 68 points of 300-W, numbered from 0:

| Part  | jaw  | brows | nose  | eyes         | outer mouth | inner mouth |
| ----- | ---- | ----- | ----- | ------------ | ----------- | ----------- |
| Index | 0-16 | 17-26 | 27-35 | 36-41, 42-47 | 48-59       | 60-67       |

The normalised mean error (NME) divides pixel distances by a size of the face. Which size, changes
the number by a factor; so every NME is quoted with its normaliser:

| Normaliser       | Distance that counts as 1                | Points | Used with               |
| ---------------- | ---------------------------------------- | ------ | ----------------------- |
| `"interocular"`  | between the outer eye corners, 36 and 45 | 68     | 300-W, FacePoseNet      |
| `"interpupil"`   | between the means of 36-41 and 42-47     | 68     | older 300-W papers      |
| `"eyes"`         | between the two eye points               | 5      | BioID, LFPW, MTCNN      |
| `"box_width"`    | width of the box                         | any    | DCNN cascade validation |
| `"box_diagonal"` | square root of w^2 + h^2                 | any    | some AFLW protocols     |
| `"box_size"`     | square root of w x h                     | any    | RetinaFace, AFLW2000-3D |

The same predictions score about 1.4 times worse by `"interpupil"` than by `"interocular"`.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

__all__ = [
    "FIVE",
    "MIRROR_5",
    "MIRROR_68",
    "Normaliser",
    "auc",
    "ced",
    "failure_rate",
    "mirror",
    "nme",
    "to5",
]

Normaliser = Literal["interocular", "interpupil", "eyes", "box_width", "box_diagonal", "box_size"]

FIVE = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")
"""Names of the five points; left and right are those of the image."""

MIRROR_5 = (1, 0, 2, 4, 3)
"""Where each of the five points comes from when the photo is mirrored."""

MIRROR_68 = (
    *range(16, -1, -1),  # jaw, 0-16
    *range(26, 16, -1),  # brows, 17-26
    *(27, 28, 29, 30),  # bridge of the nose
    *range(35, 30, -1),  # nostrils, 31-35
    *(45, 44, 43, 42, 47, 46),  # eye at image left, 36-41
    *(39, 38, 37, 36, 41, 40),  # eye at image right, 42-47
    *range(54, 47, -1),  # upper lip, outside, 48-54
    *range(59, 54, -1),  # lower lip, outside, 55-59
    *range(64, 59, -1),  # upper lip, inside, 60-64
    *range(67, 64, -1),  # lower lip, inside, 65-67
)
"""Where each of the 68 points comes from when the photo is mirrored."""


def to5(landmarks: Tensor) -> Tensor:
    """Reduce 68 points to five: centres of the eyes, nose tip, outer corners of the mouth.

    landmarks: (..., 68, 2). Returns (..., 5, 2).
    Raises ValueError for another shape.
    Source: 300-W markup; means of 36-41 and 42-47, points 30, 48 and 54, counted from 0.
    """
    if landmarks.shape[-2:] != (68, 2):
        raise ValueError(f"landmarks: expected shape (..., 68, 2), got {tuple(landmarks.shape)}")
    left, right = _eye_centers(landmarks)
    nose_and_mouth = landmarks[..., (30, 48, 54), :]  # (..., 3, 2)
    return torch.cat((left[..., None, :], right[..., None, :], nose_and_mouth), dim=-2)


def mirror(landmarks: Tensor, width: int) -> Tensor:
    """Move landmarks with a photo that is mirrored left to right.

    landmarks: (..., 5, 2) or (..., 68, 2) xy in pixels, in the frame of the boxes: x becomes width
    - x, and points change places with their partners, so that "eye at image left" stays true.
    width: of the photo in pixels. Returns the same shape; NaN stays NaN.
    Raises ValueError for another number of points.
    """
    points = landmarks.shape[-2] if landmarks.ndim >= 2 and landmarks.shape[-1] == 2 else 0
    if points not in (5, 68):
        raise ValueError(
            f"landmarks: expected shape (..., 5, 2) or (..., 68, 2), got {tuple(landmarks.shape)}"
        )
    swapped = landmarks[..., MIRROR_5 if points == 5 else MIRROR_68, :]
    return torch.stack((width - swapped[..., 0], swapped[..., 1]), dim=-1)


def nme(
    predicted: Tensor,
    truth: Tensor,
    normaliser: Normaliser = "interocular",
    *,
    boxes: Tensor | None = None,
) -> Tensor:
    """Compute the normalised mean error of each face, as a share: 0.04 is 4 %.

    predicted, truth: (N, P, 2) in pixels. normaliser: see the table of this module; sizes come from
    the truth. boxes: (N, 4), needed by the three box normalisers only. Returns (N,): the mean
    distance over the points that the truth has, divided by the face's size; NaN for a face without
    true landmarks. A missing prediction (NaN) also gives NaN: say what it should count as before
    taking a mean.
    Raises ValueError for wrong shapes, an unknown normaliser, or a face whose size is 0.
    Source: 300-W and the protocols in the table.
    """
    if truth.ndim != 3 or truth.shape[-1] != 2 or truth.shape[1] == 0:
        raise ValueError(f"truth: expected shape (N, P, 2), got {tuple(truth.shape)}")
    if predicted.shape != truth.shape:
        raise ValueError(
            f"predicted: expected {tuple(truth.shape)}, as truth, got {tuple(predicted.shape)}"
        )
    size = _face_size(truth, normaliser, boxes)  # (N,)
    flat = int((size <= 0).sum())
    if flat:
        raise ValueError(f"{normaliser}: {flat} of {len(size)} faces have size 0; leave them out")
    known = ~torch.isnan(truth).any(dim=-1)  # (N, P)
    distance = torch.linalg.vector_norm(predicted - truth, dim=-1)  # (N, P)
    total = torch.where(known, distance, 0.0).sum(dim=1)  # (N,)
    return total / known.sum(dim=1) / size  # 0 / 0 is NaN: no true landmarks


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


def _eye_centers(landmarks: Tensor) -> tuple[Tensor, Tensor]:
    return landmarks[..., 36:42, :].mean(dim=-2), landmarks[..., 42:48, :].mean(dim=-2)


def _face_size(truth: Tensor, normaliser: str, boxes: Tensor | None) -> Tensor:
    """Return the size of each face (N,), NaN where eyes are asked for and not known."""
    needs = {"interocular": 68, "interpupil": 68, "eyes": 5}.get(normaliser)
    if needs is not None and truth.shape[1] != needs:
        raise ValueError(
            f"{normaliser}: expected {needs} points a face, got {truth.shape[1]}; choose another"
        )
    if normaliser == "interocular":
        return torch.linalg.vector_norm(truth[:, 36] - truth[:, 45], dim=-1)
    if normaliser == "interpupil":
        left, right = _eye_centers(truth)
        return torch.linalg.vector_norm(left - right, dim=-1)
    if normaliser == "eyes":
        return torch.linalg.vector_norm(truth[:, 0] - truth[:, 1], dim=-1)
    if normaliser not in ("box_width", "box_diagonal", "box_size"):
        raise ValueError(
            f"normaliser: expected one of {', '.join(get_args(Normaliser))}, got {normaliser!r}"
        )
    if boxes is None or tuple(boxes.shape) != (len(truth), 4):
        got = None if boxes is None else tuple(boxes.shape)
        raise ValueError(f"{normaliser}: needs boxes of shape ({len(truth)}, 4), got {got}")
    width, height = (boxes[:, 2:] - boxes[:, :2]).to(truth).unbind(dim=1)
    if normaliser == "box_width":
        return width
    if normaliser == "box_diagonal":
        return torch.hypot(width, height)
    return (width * height).clamp(min=0).sqrt()


def _checked(errors: Tensor) -> Tensor:
    """Return the errors as (N,), in their own type: a float32 0.1 is not above a threshold 0.1."""
    flat = errors.detach().flatten()
    if len(flat) == 0:
        raise ValueError("errors: empty, so a share of them means nothing")
    wrong = int((~(flat >= 0)).sum())
    if wrong:
        raise ValueError(
            f"errors: {wrong} of {len(flat)} are NaN or negative; leave out faces without "
            f"landmarks, and count a missing prediction as infinity"
        )
    return flat
