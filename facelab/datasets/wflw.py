"""WFLW: one line a face, 98 points, box, six attributes and the name of the photo.

    x0 y0 ... x97 y97  x_min y_min x_max y_max  pose expression illumination make-up occlusion blur
    name.jpg

The lists of the test's parts, in `list_98pt_test`, have points and name only. Coordinates are taken
as they stand: where the first pixel begins is not documented, so they may be off by half a pixel.
Source: Wu et al., CVPR 2018; page `datasets/wflw.md`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from facelab.datasets.labelled import (
    Damaged,
    LabelError,
    LabelledFace,
    LabelledPhotos,
    Load,
    Outside,
    box_around,
    collect,
)
from facelab.datasets.text import Line, box_of, numbered_lines, numbers, photo_below
from facelab.geometry.landmarks import to5
from facelab.images import read_image

__all__ = ["ATTRIBUTES", "read_wflw"]

ATTRIBUTES = ("large_pose", "expression", "illumination", "make_up", "occlusion", "blur")
"""What a 1 in the list says of the face: True in the scene."""

_POINTS, _FULL, _SHORT = 196, 207, 197  # coordinates; fields of a line with and without the rest


def read_wflw(
    list_file: str | Path,
    root: str | Path,
    *,
    points: Literal[5, 98] = 98,
    load: Load = read_image,
    damaged: Damaged = "refuse",
    outside: Outside = "refuse",
    tolerance: float = 0.1,
) -> LabelledPhotos:
    """Read WFLW's list: `list_98pt_rect_attr_train.txt`, its test sister, or that of a part.

    list_file: its first line says whether boxes and attributes are there. root: `WFLW_images`.
    points: 98, which the protocol is on, or 5 made of them. Other options as `LabelledPhotos` and
    `collect`. Attributes: ATTRIBUTES, (1,) bool each, where the list has them. A list without boxes
    gets the box round the points; exchanged edges of a box are put right and counted.
    Raises LabelError with file and line for missing fields, a field that is no number, an attribute
    other than 0 and 1, a box without area or beside its points; and as `numbered_lines`;
    ValueError for an unknown option.
    """
    if points not in (5, 98):
        raise ValueError(f"points: expected 5 or 98, got {points}")
    lines = numbered_lines(Path(list_file))
    width = _SHORT if len(lines[0][1].split()) == _SHORT else _FULL
    parse = functools.partial(_face, root=Path(root), points=points, width=width)
    faces, dropped = collect(lines, parse, damaged=damaged)
    return LabelledPhotos(faces, load, outside, tolerance, dropped)


def _face(line: Line, *, root: Path, points: int, width: int) -> LabelledFace:
    where, text = line
    fields = text.split(maxsplit=width - 1)  # a name may hold blanks
    if len(fields) != width:
        what = f"expected {width} fields, {_POINTS} of them coordinates, got {len(fields)}"
        raise LabelError(where, what, "complete or remove the line")
    landmarks = numbers(fields[:_POINTS], where).reshape(-1, 2)  # (98, 2)
    attributes: dict[str, Tensor] = {}
    repairs: tuple[str, ...] = ()
    if width == _SHORT:
        box = box_around(landmarks, where)
    else:
        corners = numbers(fields[_POINTS : _POINTS + 4], where, first=_POINTS + 1)
        box, repairs = box_of(corners, landmarks, where)
        attributes = _attributes(fields[_POINTS + 4 : -1], where)
    if points == 5:
        landmarks = to5(landmarks)
    photo = photo_below(root, fields[-1], where)
    return LabelledFace(photo, where, box, landmarks, attributes, repairs)


def _attributes(fields: list[str], where: str) -> dict[str, Tensor]:
    for name, value in zip(ATTRIBUTES, fields, strict=True):
        if value not in ("0", "1"):
            what = f"attribute {name} is {value!r}, expected 0 or 1"
            raise LabelError(where, what, "correct the line")
    return {name: torch.tensor(v == "1") for name, v in zip(ATTRIBUTES, fields, strict=True)}
