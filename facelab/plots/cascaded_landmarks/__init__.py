"""Figures of lab 02: faces with points and windows, errors by level, locally shared filters."""

from facelab.plots.cascaded_landmarks.errors import (
    ablation,
    averaging,
    breakdown,
    cumulative,
    curves,
    level_errors,
)
from facelab.plots.cascaded_landmarks.networks import regions, sharing
from facelab.plots.cascaded_landmarks.pictures import arrows, clearest, compare, faces, windows

__all__ = [
    "ablation",
    "arrows",
    "averaging",
    "breakdown",
    "clearest",
    "compare",
    "cumulative",
    "curves",
    "faces",
    "level_errors",
    "regions",
    "sharing",
    "windows",
]
