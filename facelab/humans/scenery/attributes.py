"""What WIDER FACE says about a face beyond its box: blur, expression, illumination, occlusion,
pose, validity; and whether it is easy, medium or hard.

| Attribute      | 0                  | 1                                  | 2                   |
| -------------- | ------------------ | ---------------------------------- | ------------------- |
| `blur`         | clear              | normal                             | heavy               |
| `expression`   | typical            | exaggerated                        |                     |
| `illumination` | normal             | extreme: too dark, bright, harsh   |                     |
| `occlusion`    | none, below 1 %    | partial, up to 30 %                | heavy, above 30 %   |
| `pose`         | typical            | atypical: roll, pitch > 30 degrees |                     |
| `invalid`      | valid              | hardly to be known as a face       |                     |
| `difficulty`   | easy               | medium                             | hard                |

The codes and the limits of occlusion and pose are those of the WIDER FACE paper (Yang et al., 2016,
section 3.2), which also calls a yaw above 90 degrees atypical. The paper's annotators judged blur
and light by eye and took the levels of difficulty from a proposal method's hit rate; here they
follow from numbers: see `blur_code`, `illumination_code` and `difficulty_code`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

NAMES = ("blur", "expression", "illumination", "occlusion", "pose", "invalid")
EASY, MEDIUM, HARD = 0, 1, 2

EXAGGERATED = frozenset({"laugh", "surprise", "angry", "disgust", "effort", "shout"})

_ATYPICAL = np.deg2rad(30)
_SHARP_AT = 24.0  # face height in pixels above which size alone does not blur


def detail(height: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Give the number of distinct picture rows in faces of these heights behind this blur (N,).

    sigma: of the blur in pixels. A sharp picture still spreads a point over about a pixel.
    """
    return height / np.hypot(1.0, 2.0 * sigma)


def blur_code(height: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Tell clear (0), normal (1) and heavy blur (2), (N,) int64.

    Heavy means fewer than 9 distinct rows or a blur above 1/14 of the face's height; normal means
    fewer than 24 rows or a blur above 1/35.
    """
    rows, relative = detail(height, sigma), sigma / np.maximum(height, 1e-6)
    heavy = (rows < 9) | (relative > 1 / 14)
    normal = (rows < _SHARP_AT) | (relative > 1 / 35)
    return np.where(heavy, 2, np.where(normal, 1, 0)).astype(np.int64)


def occlusion_code(hidden: np.ndarray) -> np.ndarray:
    """Tell none (0), partial (1) and heavy occlusion (2) from the hidden share, (N,) int64."""
    return np.where(hidden > 0.3, 2, np.where(hidden >= 0.01, 1, 0)).astype(np.int64)


def expression_code(words: Sequence[str]) -> np.ndarray:
    """Tell typical (0) from exaggerated expressions (1) by their words (N,), as renders name
    them."""
    return np.array([word in EXAGGERATED for word in words], np.int64)


def pose_code(pose: np.ndarray) -> np.ndarray:
    """Tell typical (0) from atypical poses (1); pose (N, 3) yaw, pitch, roll in radians."""
    yaw, pitch, roll = np.abs(pose).T
    return ((yaw > np.pi / 2) | (pitch > _ATYPICAL) | (roll > _ATYPICAL)).astype(np.int64)


def illumination_code(mean: np.ndarray, spread: np.ndarray, burnt: np.ndarray) -> np.ndarray:
    """Tell normal (0) from extreme light (1), (N,) int64.

    mean, spread: of the face's grey levels, 0 to 255. burnt: share of its pixels above 250. Extreme
    is darker than 45, brighter than 215, a spread above 75, or a fifth burnt out.
    """
    return ((mean < 45) | (mean > 215) | (spread > 75) | (burnt > 0.2)).astype(np.int64)


def invalid_code(height: np.ndarray, sigma: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Tell valid (0) faces from those hardly to be known as faces (1): fewer than 4.5 distinct
    rows, or fewer than 7 with more than half hidden. (N,) int64."""
    rows = detail(height, sigma)
    return ((rows < 4.5) | ((rows < 7) & (hidden > 0.5))).astype(np.int64)


def difficulty_code(
    height: np.ndarray,
    blur: np.ndarray,
    occlusion: np.ndarray,
    pose: np.ndarray,
    hidden: np.ndarray,
) -> np.ndarray:
    """Tell easy (0), medium (1) and hard (2), (N,) int64; WIDER's medium set holds 0 and 1, its
    hard set all three.

    Easy: 50 px or higher, not heavily blurred or occluded, typical pose. Medium: 30 px or higher,
    not heavily blurred, at most half hidden; or large and hidden by less than 0.7. Rest: hard. The
    heights are those at which WIDER FACE's sets part (its easy faces have a median of 82 px, its
    medium ones 53, its hard ones 25).
    """
    easy = (height >= 50) & (blur < 2) & (occlusion < 2) & (pose == 0)
    medium = (height >= 30) & (blur < 2) & (hidden <= 0.5)
    medium |= (height >= 80) & (hidden < 0.7)
    return np.where(easy, EASY, np.where(medium, MEDIUM, HARD)).astype(np.int64)
