"""Matlab files of labels, and where Matlab begins to count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from facelab.datasets.labelled import LabelError
from facelab.images import SUFFIXES

__all__ = ["FIRST_PIXEL", "photo_beside", "read_mat"]

FIRST_PIXEL = -0.5
"""Added to Matlab's coordinates: the centre of its first pixel is (1, 1), that of ours (0.5, 0.5).

An array whose whole numbers are pixel centres wants -1 instead; our pixel k covers [k, k + 1).
"""


def read_mat(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """Read some variables of a Matlab file; one that it does not have is not in the answer.

    Raises LabelError when the file is missing, no Matlab file, damaged or in HDF5 (version 7.3).
    """
    from scipy.io import loadmat  # here: reading lists needs no SciPy

    if not path.is_file():
        raise LabelError(path, "there is no such file", "check the path")
    try:
        return dict(loadmat(str(path), variable_names=list(keys)))
    except NotImplementedError:
        raise LabelError(
            path, "a Matlab file of version 7.3", "save it with -v7 in Matlab"
        ) from None
    except Exception as error:  # SciPy raises nearly every kind for a damaged file
        reason = str(error) or type(error).__name__
        what = f"no Matlab file, or damaged ({reason})"
        raise LabelError(path, what, "copy or download it again") from error


def photo_beside(label: Path) -> Path:
    """Return the photo with the same name as a label file, whatever its suffix, first in SUFFIXES.

    Raises LabelError when there is none.
    """
    for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)):
        photo = label.with_suffix(suffix)
        if photo.is_file():
            return photo
    raise LabelError(
        label, "has no photo beside it", f"put {label.stem}.jpg or .png into the same folder"
    )
