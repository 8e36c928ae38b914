"""Readers of public data sets: the original files in, `Scene` records out, as from our own people.

    faces = read_cascade_list("trainImageList.txt", "photos")
    len(faces), faces.counts          # labels are read and checked; photos not yet
    scene = faces[0]                  # reads one photo

What each set holds, means and allows stands on its page in the repository's `datasets/`.
"""

from facelab.datasets.aflw2000 import read_aflw2000
from facelab.datasets.cascade_list import read_cascade_list
from facelab.datasets.fddb import read_fddb
from facelab.datasets.labelled import LabelError, LabelledPhotos
from facelab.datasets.photos import LabelledScenes
from facelab.datasets.w300 import read_w300, read_w300_boxes
from facelab.datasets.wflw import read_wflw
from facelab.datasets.wider import read_wider, read_wider_landmarks

__all__ = [
    "LabelError",
    "LabelledPhotos",
    "LabelledScenes",
    "read_aflw2000",
    "read_cascade_list",
    "read_fddb",
    "read_w300",
    "read_w300_boxes",
    "read_wflw",
    "read_wider",
    "read_wider_landmarks",
]
