"""Facial landmarks: sets of 5, 68 and 98 points, how they mirror and reduce to five.

Five points: eye at image left, eye at image right, nose tip, mouth corner left, mouth corner right.
The 68 points of 300-W, numbered from 0:

| Part  | jaw  | brows | nose  | eyes         | outer mouth | inner mouth |
| ----- | ---- | ----- | ----- | ------------ | ----------- | ----------- |
| Index | 0-16 | 17-26 | 27-35 | 36-41, 42-47 | 48-59       | 60-67       |

The 98 points of WFLW, numbered from 0:

| Part  | jaw  | brows | nose  | eyes         | outer mouth | inner mouth | pupils |
| ----- | ---- | ----- | ----- | ------------ | ----------- | ----------- | ------ |
| Index | 0-32 | 33-50 | 51-59 | 60-67, 68-75 | 76-87       | 88-95       | 96, 97 |

What predictions of them are worth is computed in `facelab.metrics.landmarks`.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["FIVE", "MIRROR_5", "MIRROR_68", "MIRROR_98", "mirror", "to5"]

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


MIRROR_98 = (
    *range(32, -1, -1),  # jaw, 0-32
    *range(46, 41, -1),  # brow at image left, upper edge, 33-37
    *range(50, 46, -1),  # its lower edge, 38-41
    *range(37, 32, -1),  # brow at image right, upper edge, 42-46
    *range(41, 37, -1),  # its lower edge, 47-50
    *(51, 52, 53, 54),  # bridge of the nose
    *range(59, 54, -1),  # nostrils, 55-59
    *(72, 71, 70, 69, 68, 75, 74, 73),  # eye at image left, 60-67
    *(64, 63, 62, 61, 60, 67, 66, 65),  # eye at image right, 68-75
    *range(82, 75, -1),  # upper lip, outside, 76-82
    *range(87, 82, -1),  # lower lip, outside, 83-87
    *range(92, 87, -1),  # upper lip, inside, 88-92
    *range(95, 92, -1),  # lower lip, inside, 93-95
    *(97, 96),  # pupils
)
"""Where each of the 98 points comes from when the photo is mirrored."""

_MIRRORS = {5: MIRROR_5, 68: MIRROR_68, 98: MIRROR_98}
# Lids of the eye at image left and right (up to, not including), nose tip, corners of the mouth.
_FIVE_OF = {
    68: ((36, 42), (42, 48), (30, 48, 54)),
    98: ((60, 68), (68, 76), (54, 76, 82)),
}


def to5(landmarks: Tensor) -> Tensor:
    """Reduce 68 or 98 points to five: centres of the eyes, nose tip, outer corners of the mouth.

    landmarks: (..., 68, 2) or (..., 98, 2). Returns (..., 5, 2). The centre of an eye is the mean
    of its lids in both sets: the pupils of WFLW would move with the gaze.
    Raises ValueError for another shape.
    Source: 300-W markup: means of 36-41 and 42-47, points 30, 48 and 54, counted from 0; WFLW:
    means of 60-67 and 68-75, points 54, 76 and 82.
    """
    if landmarks.ndim < 2 or landmarks.shape[-2] not in _FIVE_OF or landmarks.shape[-1] != 2:
        raise ValueError(
            f"landmarks: expected shape (..., 68, 2) or (..., 98, 2), got {tuple(landmarks.shape)}"
        )
    left, right, others = _FIVE_OF[landmarks.shape[-2]]
    eyes = [landmarks[..., first:end, :].mean(dim=-2, keepdim=True) for first, end in (left, right)]
    return torch.cat((*eyes, landmarks[..., others, :]), dim=-2)


def mirror(landmarks: Tensor, width: int) -> Tensor:
    """Move landmarks with a photo that is mirrored left to right.

    landmarks: (..., P, 2) xy in pixels with P 5, 68 or 98, in the frame of the boxes: x becomes
    width - x, and points change places with their partners, so that "eye at image left" stays true.
    width: of the photo in pixels. Returns the same shape; NaN stays NaN.
    Raises ValueError for another number of points.
    """
    points = landmarks.shape[-2] if landmarks.ndim >= 2 and landmarks.shape[-1] == 2 else 0
    if points not in _MIRRORS:
        raise ValueError(
            f"landmarks: expected shape (..., P, 2) with P 5, 68 or 98, "
            f"got {tuple(landmarks.shape)}"
        )
    swapped = landmarks[..., _MIRRORS[points], :]
    return torch.stack((width - swapped[..., 0], swapped[..., 1]), dim=-1)
