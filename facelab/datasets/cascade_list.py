"""The list of the DCNN cascade (LFW 5,590 and web 7,876): `trainImageList.txt` and its sister.

    lfw_5590\\Name_0001.jpg L R T B x1 y1 x2 y2 x3 y3 x4 y4 x5 y5

One line a face: left and right edge of the box, then top and bottom, then the five points in our
order. Coordinates are taken as they stand: where the first pixel begins is not documented, so they
may be off by half a pixel.
Source: Sun, Wang, Tang, CVPR 2013; page `datasets/cascade_list.md`.
"""

from __future__ import annotations

import functools
from pathlib import Path

from facelab.datasets.labelled import (
    Damaged,
    LabelError,
    LabelledFace,
    LabelledPhotos,
    Load,
    Outside,
    collect,
)
from facelab.datasets.text import Line, box_of, numbered_lines, numbers, photo_below
from facelab.images import SUFFIXES, read_image

__all__ = ["read_cascade_list"]


def read_cascade_list(
    list_file: str | Path,
    root: str | Path,
    *,
    load: Load = read_image,
    damaged: Damaged = "refuse",
    outside: Outside = "refuse",
    tolerance: float = 0.1,
) -> LabelledPhotos:
    """Read the cascade paper's list of boxes and five points.

    list_file: `trainImageList.txt` or `testImageList.txt`. root: folder that holds `lfw_5590` and
    `net_7876`. Other options as `LabelledPhotos` and `collect`. Exchanged edges of a box are put
    right and counted.
    Raises LabelError with file and line for a line without name, box or all five points, a field
    that is no number, a box without area or beside its points; and as `numbered_lines`.
    """
    parse = functools.partial(_face, root=Path(root))
    faces, dropped = collect(numbered_lines(Path(list_file)), parse, damaged=damaged)
    return LabelledPhotos(faces, load, outside, tolerance, dropped)


def _face(line: Line, *, root: Path) -> LabelledFace:
    where, text = line
    name, fields = _split_name(text, where)
    if len(fields) != 14:
        what = f"expected a box of 4 numbers and 10 coordinates, got {len(fields)} numbers"
        raise LabelError(where, what, "complete or remove the line")
    values = numbers(fields, where, first=2)
    points = values[4:].reshape(5, 2)
    box, repairs = box_of(values[[0, 2, 1, 3]], points, where)  # L R T B to xyxy
    return LabelledFace(photo_below(root, name, where), where, box, points, repairs=repairs)


def _split_name(text: str, where: str) -> tuple[str, list[str]]:
    """Part a line into the photo's name, which may hold blanks, and the fields behind it."""
    fields = text.split()
    for end in range(len(fields), 0, -1):
        if fields[end - 1].lower().endswith(SUFFIXES):
            return " ".join(fields[:end]), fields[end:]
    raise LabelError(where, "names no photo", f"begin it with a name in {', '.join(SUFFIXES)}")
