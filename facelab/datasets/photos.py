"""Labelled photos with all their faces: labels read and checked at once, photos when asked for.

The sister of `LabelledPhotos` for detection, where a face that is left out of a photo would count
as background; therefore a photo with a damaged line is refused or left out as a whole, too. Lists
have the photo's name and then lines about it (`blocks`, `number_table`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args, overload

import numpy as np
import torch

from facelab.datasets.labelled import LabelError, Load, check_option
from facelab.datasets.text import Line, numbers
from facelab.geometry.boxes import clip_boxes
from facelab.images import ImageError
from facelab.types import Scene

__all__ = [
    "Block",
    "LabelledScenes",
    "Outside",
    "PhotoLabels",
    "blocks",
    "number_table",
]

Outside = Literal["refuse", "keep", "clip"]

COUNT = re.compile(r"\d{1,6}", re.ASCII)
"""A number of faces or detections, as a list has it."""

PLAIN = re.compile(r"[-+.eE\d\s]*", re.ASCII)
"""What a line of numbers is made of: float() also knows nan and 1_0."""

_LARGEST = 1e6  # pixels


@dataclass(frozen=True, eq=False)
class PhotoLabels:
    """Hold what is written about one photo.

    photo: its file. name: `<event>/<photo>` without suffix, as the evaluation calls it. where: file
    and line of the name. boxes: (N, 4) xyxy. ignore: (M, 4) xyxy. landmarks: (N, 5, 2), NaN where
    missing, or None. All float32 in pixels of the photo. attributes: name -> (N, ...). dropped:
    faces without area, which are in none of these, as errors with their lines.
    Labels are arrays: a tensor each would take a file descriptor on its way to a worker process.
    """

    photo: Path
    name: str
    where: str
    boxes: np.ndarray
    ignore: np.ndarray
    landmarks: np.ndarray | None = None
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)
    dropped: tuple[LabelError, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class LabelledScenes(Sequence[Scene]):
    """Labelled photos that are read one at a time: item i is a `Scene` of photo i with all faces.

    Photos keep the order of the list. photos: the labels. load: path -> uint8 (H, W, 3) RGB.
    outside: "refuse" makes a face wholly outside its photo an error, which is what a photo of
    another size looks like; "keep" leaves it; "clip" cuts boxes to the photo and leaves such a face
    out. Boxes partly outside are fine, and only "clip" touches them. dropped: damaged photos that
    were left out, as the errors that they would have been.
    Raises ValueError for an unknown option.
    """

    photos: tuple[PhotoLabels, ...]
    load: Load
    outside: Outside = "refuse"
    dropped: tuple[LabelError, ...] = ()

    def __post_init__(self) -> None:
        check_option("outside", self.outside, get_args(Outside))

    @property
    def counts(self) -> dict[str, int]:
        """How many photos were read, how many of them say nothing of faces, how many faces are in
        boxes and how many to be ignored; and how many faces without area and damaged photos were
        dropped."""
        labels = self.photos
        return {
            "photos": len(labels),
            "empty_photos": sum(not (len(p.boxes) or len(p.ignore) or p.dropped) for p in labels),
            "faces": sum(len(p.boxes) for p in labels),
            "ignored_faces": sum(len(p.ignore) for p in labels),
            "dropped_faces": sum(len(p.dropped) for p in labels),
            "dropped_photos": len(self.dropped),
        }

    def __repr__(self) -> str:
        said = (f"{number} {what.replace('_', ' ')}" for what, number in self.counts.items())
        return f"LabelledScenes({', '.join(said)})"

    def __len__(self) -> int:
        return len(self.photos)

    @overload
    def __getitem__(self, index: int) -> Scene: ...
    @overload
    def __getitem__(self, index: slice) -> LabelledScenes: ...
    def __getitem__(self, index: int | slice) -> Scene | LabelledScenes:
        """Read one photo; a slice selects labels and reads nothing.

        Raises LabelError for a photo that cannot be read or does not hold its faces, IndexError.
        """
        if isinstance(index, slice):
            return replace(self, photos=self.photos[index])
        labels = self.photos[index]
        try:
            photo = self.load(labels.photo)
        except ImageError as error:
            raise LabelError(labels.where, error.what, f"look for {error.where}") from error
        if self.outside == "refuse":
            _check_inside(labels, photo)
        faces, ignored = (
            _touch(boxes, photo) if self.outside == "clip" else np.ones(len(boxes), bool)
            for boxes in (labels.boxes, labels.ignore)
        )
        # indexing by a mask copies: a scene can be changed without changing the labels
        boxes, ignore = (
            torch.from_numpy(boxes) for boxes in (labels.boxes[faces], labels.ignore[ignored])
        )
        if self.outside == "clip":
            size = photo.shape[:2]
            boxes, ignore = clip_boxes(boxes, size), clip_boxes(ignore, size)
        points = labels.landmarks
        return Scene(
            photo,
            boxes,
            None if points is None else torch.from_numpy(points[faces]),
            {name: torch.from_numpy(values[faces]) for name, values in labels.attributes.items()},
            ignore,
        )

    def problems(self) -> Iterator[LabelError]:
        """Read every photo once and give what is wrong, with what was dropped, instead of raising.

        Run it before a long training: missing photos and photos of another size show up now.
        """
        yield from self.dropped
        for index, labels in enumerate(self.photos):
            yield from labels.dropped
            try:
                self[index]
            except LabelError as error:
                yield error


class Block(NamedTuple):
    """What stands below the name of a photo; lines above the first name have the name None."""

    where: str
    name: str | None
    lines: list[Line]


def blocks(lines: Iterable[Line], name_in: Callable[[str], str | None]) -> list[Block]:
    """Part a list at the names of photos, not by the numbers of faces: one may be wrong.

    name_in: the name that a line holds, or None.
    """
    found: list[Block] = []
    for where, text in lines:
        name = name_in(text)
        if name is not None:
            found.append(Block(where, name, []))
        elif found:
            found[-1].lines.append((where, text))
        else:
            found.append(Block(where, None, [(where, text)]))
    return found


def number_table(lines: Sequence[Line], width: int, advice: str) -> np.ndarray:
    """Read numbers, (N, width) float64; line by line only to say what is wrong.

    Raises LabelError with the line for another number of fields, or one that is no number.
    """
    rows = [text.split() for _, text in lines]
    for (where, _), fields in zip(lines, rows, strict=True):
        if len(fields) != width:
            what = f"expected {width} numbers, got {len(fields)} fields"
            raise LabelError(where, what, advice)
    try:
        values = np.array([list(map(float, fields)) for fields in rows]).reshape(-1, width)
    except ValueError:
        values = None
    plain = all(PLAIN.fullmatch(text) for _, text in lines)
    if values is None or not plain or np.abs(values).max(initial=0) > _LARGEST:
        read = [numbers(fields, where) for (where, _), fields in zip(lines, rows, strict=True)]
        values = torch.stack(read).double().numpy()
    return values


def _touch(boxes: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """Say which boxes (N, 4) share area with the photo, (N,) bool."""
    height, width = photo.shape[:2]
    begins, ends = boxes[:, :2] < (width, height), boxes[:, 2:] > 0
    return np.logical_and.reduce(np.hstack((begins, ends)), axis=1)


def _check_inside(labels: PhotoLabels, photo: np.ndarray) -> None:
    boxes = np.concatenate((labels.boxes, labels.ignore))
    strays = boxes[~_touch(boxes, photo)]
    if len(strays):
        height, width = photo.shape[:2]
        shown = ", ".join(f"{value:g}" for value in strays[0])
        raise LabelError(
            labels.where,
            f"{len(strays)} of {len(boxes)} faces lie outside the photo of {width}x{height} "
            f"pixels, first one at ({shown}, as xyxy)",
            f'check that {labels.photo.name} is the original size, or pass outside="keep"',
        )
