"""The labs of the course and their shorter sequels, in order, and which can be opened today."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Lab:
    """One lab: number and name make the file name, room is the package that it builds.

    part: the letter of a shorter sequel, which lies in the folder `extras`; empty for a lab.
    """

    number: int
    short: str
    title: str
    room: str
    minutes: int
    available: bool = False
    part: str = ""

    @property
    def key(self) -> str:
        """Return what the course calls it in lists: `03`, or `02a` for a sequel."""
        return f"{self.number:02d}{self.part}"

    @property
    def name(self) -> str:
        """Return the file name without suffix, for example `03_mtcnn`."""
        return f"{self.key}_{self.short}"

    @property
    def place(self) -> PurePosixPath:
        """Return where its notebook lies in notebooks/ and in solutions/."""
        return PurePosixPath("extras" if self.part else "", f"{self.name}.ipynb")


LABS = (
    Lab(0, "start_here", "Start here: a tour of the course", "pipeline", 30, available=True),
    Lab(
        1,
        "synthetic_humans",
        "Synthetic humans: where the data comes from",
        "humans",
        75,
        available=True,
    ),
    Lab(
        2,
        "cascaded_landmarks",
        "Cascaded landmarks: five points, refined",
        "landmarks",
        90,
        available=True,
    ),
    Lab(3, "mtcnn", "MTCNN: find faces with three small nets", "detection", 90, available=True),
    Lab(4, "ssh", "SSH: one shot, headless", "detection", 75),
    Lab(5, "retinaface", "RetinaFace: boxes, points and a mesh at once", "detection", 90),
    Lab(6, "tiny_face_gan", "Tiny faces: sharpen, then decide", "detection", 75),
    Lab(7, "mobilefacenet", "MobileFaceNet: an embedding for a phone", "recognition", 75),
    Lab(8, "arcface", "ArcFace: the family of margin losses", "recognition", 90),
    Lab(9, "pyramid_gan_aging", "Aging with a pyramid of critics", "aging", 75),
    Lab(10, "ipcgan", "IPCGAN: aging that keeps the person", "aging", 75),
    Lab(11, "capstone", "Capstone: your own album", "pipeline", 90),
)

EXTRAS = (
    Lab(
        2,
        "coarse_to_fine",
        "Coarse to fine: 68 points",
        "landmarks",
        30,
        available=True,
        part="a",
    ),
    Lab(
        2,
        "cfan",
        "CFAN: auto-encoders that move points",
        "landmarks",
        30,
        available=True,
        part="b",
    ),
    Lab(
        2,
        "faceposenet",
        "FacePoseNet: align without landmarks",
        "landmarks",
        40,
        available=True,
        part="c",
    ),
)
"""Sequels: a lab's relatives, each in a shorter notebook without a quiz."""

ALL = tuple(sorted((*LABS, *EXTRAS), key=lambda lab: lab.name))


def find_lab(key: str) -> Lab:
    """Return the lab or sequel called `03`, `mtcnn` or `03_mtcnn`.

    Raises ValueError that lists them when there is none.
    """
    for lab in ALL:
        if key in (lab.name, lab.short, lab.key, f"{lab.number}{lab.part}"):
            return lab
    raise ValueError(f"no lab is called {key!r}; the labs: {', '.join(lab.name for lab in ALL)}")


def cell_id(lab: str, key: str) -> str:
    """Return the id of a cell from lab and key: the same in every build and edition."""
    return hashlib.sha1(f"{lab}/{key}".encode()).hexdigest()[:12]


def solution_link(lab: str, exercise: str) -> str:
    """Return the address of an exercise's solution, relative to the folder of its learner lab."""
    place = find_lab(lab).place
    up = "../" * len(place.parts)
    return f"{up}solutions/{place}#cell-id={cell_id(lab, f'exercise {exercise}')}"
