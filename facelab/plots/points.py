"""What figures and widgets of landmarks share: names, roles of the levels, patches as photos."""

from __future__ import annotations

import numpy as np
from torch import Tensor

POINTS = ("LE", "RE", "N", "LM", "RM")
"""Short names of the five points: left eye, right eye, nose, mouth corners; left of the image."""

LEVEL_ROLES = ("anchor", "candidate", "prediction")
"""Roles of the levels 1, 2 and 3 of a cascade: the last one's points are its answer."""


def picture(image: Tensor | np.ndarray) -> np.ndarray:
    """Give one face of `FacePatches.images` as a photo (S, S, 3). image: (1 or 3, S, S) uint8.

    Raises ValueError for another shape or type.
    """
    pixels = np.asarray(image)
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3) or pixels.dtype != np.uint8:
        raise ValueError(
            f"image: expected (1 or 3, S, S) uint8, as in FacePatches, got {pixels.dtype} of shape "
            f"{pixels.shape}"
        )
    return np.ascontiguousarray(np.broadcast_to(pixels.transpose(1, 2, 0), (*pixels.shape[1:], 3)))
