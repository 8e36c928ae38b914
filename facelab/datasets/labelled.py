"""Labelled photos: labels read and checked at once, photos read when they are asked for.

A damaged line is an error that names file and line, or, when asked, dropped and counted. What a
reader repairs is written down too, so that `counts` says how clean a list is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar, get_args, overload

import numpy as np
import torch
from torch import Tensor

from facelab.images import ImageError
from facelab.types import Scene

__all__ = [
    "Damaged",
    "LabelError",
    "LabelledFace",
    "LabelledPhotos",
    "Load",
    "Outside",
    "box_around",
    "check_option",
    "collect",
]

Load = Callable[[Path], np.ndarray]
Damaged = Literal["refuse", "drop"]
Outside = Literal["refuse", "keep"]
Item = TypeVar("Item")
Label = TypeVar("Label")


class LabelError(ValueError):
    """Say which label is wrong (`where`: file and line), what is wrong and what to do."""

    def __init__(self, where: str | Path, what: str, advice: str) -> None:
        super().__init__(str(where), what, advice)
        self.where, self.what, self.advice = str(where), what, advice

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.advice}"


@dataclass(frozen=True, eq=False)
class LabelledFace:
    """Hold what is written about one face.

    photo: its file. where: file and line of the label. box: (4,) xyxy. landmarks: (P, 2). Both in
    pixels of the photo. attributes: name -> tensor of one entry. repairs: what was put right.
    """

    photo: Path
    where: str
    box: Tensor
    landmarks: Tensor
    attributes: Mapping[str, Tensor] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class LabelledPhotos(Sequence[Scene]):
    """Labelled faces whose photos are read one at a time: item i is a `Scene` with face i.

    Lines keep their order, as protocols want it; a photo with several labelled faces comes once for
    each of them, and the others are not in its scene. faces: the labels. load: path -> uint8
    (H, W, 3) RGB. outside: what happens to a face with a point farther outside its photo than
    tolerance, a share of the longer side of its box: "refuse" is an error, "keep" leaves it.
    dropped: damaged lines that were left out, as the errors that they would have been.
    Raises ValueError for an unknown option.
    """

    faces: tuple[LabelledFace, ...]
    load: Load
    outside: Outside = "refuse"
    tolerance: float = 0.1
    dropped: tuple[LabelError, ...] = ()

    def __post_init__(self) -> None:
        check_option("outside", self.outside, get_args(Outside))
        if not self.tolerance >= 0:
            raise ValueError(f"tolerance: expected 0 or more, got {self.tolerance}")

    @property
    def counts(self) -> dict[str, int]:
        """How many lines were read, how many of these repaired, and how many dropped."""
        repaired = sum(bool(face.repairs) for face in self.faces)
        return {"read": len(self.faces), "repaired": repaired, "dropped": len(self.dropped)}

    def __repr__(self) -> str:
        said = ", ".join(f"{number} {what}" for what, number in self.counts.items())
        return f"LabelledPhotos({said})"

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> Scene: ...
    @overload
    def __getitem__(self, index: slice) -> LabelledPhotos: ...
    def __getitem__(self, index: int | slice) -> Scene | LabelledPhotos:
        """Read the photo of one face; a slice selects labels and reads nothing.

        Raises LabelError for a photo that cannot be read or does not hold its points, IndexError.
        """
        if isinstance(index, slice):
            return replace(self, faces=self.faces[index])
        face = self.faces[index]
        try:
            photo = self.load(face.photo)
        except ImageError as error:
            raise LabelError(face.where, str(error.what), f"look for {error.where}") from error
        if self.outside == "refuse":
            _check_inside(face, photo, self.tolerance)
        attributes = {name: value[None].clone() for name, value in face.attributes.items()}
        return Scene(photo, face.box[None].clone(), face.landmarks[None].clone(), attributes)

    def problems(self) -> Iterator[LabelError]:
        """Read every photo once and give what is wrong, with what was dropped, instead of raising.

        Run it before a long training: missing photos and stray points show up now.
        """
        yield from self.dropped
        for index in range(len(self)):
            try:
                self[index]
            except LabelError as error:
                yield error


def collect(
    items: Iterable[Item], parse: Callable[[Item], Label], *, damaged: Damaged
) -> tuple[tuple[Label, ...], tuple[LabelError, ...]]:
    """Parse item by item: faces or photos, and the errors of those that were dropped.

    damaged: "refuse" raises the first LabelError of `parse`, "drop" goes on.
    Raises ValueError for an unknown option.
    """
    check_option("damaged", damaged, get_args(Damaged))
    labels, dropped = [], []
    for item in items:
        try:
            labels.append(parse(item))
        except LabelError as error:
            if damaged == "refuse":
                raise
            dropped.append(error)
    return tuple(labels), tuple(dropped)


def box_around(landmarks: Tensor, where: str | Path) -> Tensor:
    """Return the smallest box (4,) xyxy round points (P, 2).

    Raises LabelError when it has no area: the points are damaged.
    """
    box = torch.cat((landmarks.amin(dim=0), landmarks.amax(dim=0)))
    if not (box[2:] > box[:2]).all():
        raise LabelError(where, "the points lie on one line or spot", "correct or leave it out")
    return box


def _check_inside(face: LabelledFace, photo: np.ndarray, tolerance: float) -> None:
    height, width = photo.shape[:2]
    room = tolerance * float((face.box[2:] - face.box[:2]).max())
    low = face.landmarks < -room  # (P, 2)
    high = face.landmarks > torch.tensor([width, height]) + room
    strays = (low | high).any(dim=1).nonzero().flatten().tolist()
    if strays:
        x, y = face.landmarks[strays[0]].tolist()
        raise LabelError(
            face.where,
            f"{len(strays)} of {len(face.landmarks)} points lie outside the photo of "
            f"{width}x{height} pixels, first point {strays[0]} at ({x:g}, {y:g})",
            f'check that {face.photo.name} is the original size, or pass outside="keep"',
        )


def check_option(name: str, value: str, allowed: Sequence[str]) -> None:
    """Raise ValueError when an option has a value that is not allowed."""
    if value not in allowed:
        raise ValueError(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")
