"""Coarse to fine: 68 points from the whole face, then from a patch at each landmark (2016)."""

from facelab.landmarks.coarse_to_fine.model import (
    NET1,
    Build,
    CoarseToFineNet,
    LocalNet,
    WholeFaceNet,
    average_votes,
)
from facelab.landmarks.coarse_to_fine.predict import CoarseToFine, Trace, load

__all__ = [
    "NET1",
    "Build",
    "CoarseToFine",
    "CoarseToFineNet",
    "LocalNet",
    "Trace",
    "WholeFaceNet",
    "average_votes",
    "load",
]
