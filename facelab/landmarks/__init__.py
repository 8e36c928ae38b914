"""Landmarks: finding points of faces whose boxes are known.

Every system here looks at the same thing, the face square, and keeps faces in memory as
`FacePatches`.
"""

from facelab.landmarks.patches import (
    FacePatches,
    cut_patches,
    face_squares,
    from_square,
    patches_from_scenes,
    to_square,
)
from facelab.landmarks.people import patches_of_people

__all__ = [
    "FacePatches",
    "cut_patches",
    "face_squares",
    "from_square",
    "patches_from_scenes",
    "patches_of_people",
    "to_square",
]
