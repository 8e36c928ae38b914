"""300-W: a `.pts` file of 68 points beside each photo.

    version: 1
    n_points: 68
    {
    x y
    }

Coordinates count from 1, as Matlab does. The set has four folders of photos, and papers quote three
parts of the test; `SUBSETS` says which folders they are, with the number of faces in each.
Source: Sagonas et al., ICCV workshops 2013; page `datasets/w300.md`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

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
from facelab.datasets.matlab import FIRST_PIXEL, photo_beside, read_mat
from facelab.datasets.text import Line, numbered_lines, numbers
from facelab.geometry.landmarks import to5
from facelab.images import read_image

__all__ = ["SUBSETS", "Subset", "read_pts", "read_w300", "read_w300_boxes"]

Subset = Literal["train", "common", "challenging", "full", "competition"]
SUBSETS: Mapping[Subset, tuple[tuple[str, ...], int]] = {
    "train": (("afw", "helen/trainset", "lfpw/trainset"), 3148),
    "common": (("helen/testset", "lfpw/testset"), 554),
    "challenging": (("ibug",), 135),
    "full": (("helen/testset", "lfpw/testset", "ibug"), 689),
    "competition": (("300W/01_Indoor", "300W/02_Outdoor"), 600),
}
"""Folders of each part, and how many faces the papers count in it."""


def read_w300(
    root: str | Path,
    subset: Subset | None = None,
    *,
    points: Literal[5, 68] = 68,
    boxes: Mapping[str, Tensor] | None = None,
    shift: float = FIRST_PIXEL,
    load: Load = read_image,
    damaged: Damaged = "refuse",
    outside: Outside = "refuse",
    tolerance: float = 0.1,
) -> LabelledPhotos:
    """Read 300-W: all `.pts` files below a folder, or those of one part of the set, sorted.

    root: folder that holds `afw`, `helen`, `ibug` and `lfpw`. subset: None reads everything below
    root. points: 68, or 5 made of them. boxes: file name of the photo -> (4,) xyxy, as from
    `read_w300_boxes`; without, the box round the 68 points, brows to chin. shift: added to all
    stored coordinates. Other options as `LabelledPhotos` and `collect`.
    Raises LabelError with file and line for a damaged or incomplete file, one without photo or box,
    or a folder without any; ValueError for an unknown option.
    """
    if points not in (5, 68):
        raise ValueError(f"points: expected 5 or 68, got {points}")
    root = Path(root)
    folders = [root]
    if subset is not None:
        if subset not in SUBSETS:
            names = ", ".join(get_args(Subset))
            raise ValueError(f"subset: expected one of {names}, got {subset!r}")
        folders = [root / folder for folder in SUBSETS[subset][0]]
    files = [file for folder in folders for file in _files(folder)]
    parse = functools.partial(_face, points=points, boxes=boxes, shift=shift)
    faces, dropped = collect(files, parse, damaged=damaged)
    return LabelledPhotos(faces, load, outside, tolerance, dropped)


def read_pts(path: str | Path, *, count: int = 68) -> Tensor:
    """Read the points of one file, (count, 2) float32, as they are stored: counted from 1.

    Raises LabelError with file and line when header, number of points or a coordinate is wrong.
    """
    path = Path(path)
    lines = numbered_lines(path)
    inside = _between_braces(lines, path, count)
    rows = []
    for where, text in inside:
        fields = text.split()
        if len(fields) != 2:
            what = f"expected x and y of a point, got {len(fields)} fields"
            raise LabelError(where, what, "correct the line")
        rows.append(numbers(fields, where))
    if len(rows) != count:
        where = inside[-1][0] if inside else str(path)
        what = f"the points end after {len(rows)} of {count}"
        raise LabelError(where, what, "download the file again")
    return torch.stack(rows)


def read_w300_boxes(
    path: str | Path,
    *,
    kind: Literal["detector", "truth"] = "detector",
    shift: float = FIRST_PIXEL,
) -> dict[str, Tensor]:
    """Read the boxes that 300-W gives out as `bounding_boxes_helen_testset.mat` and the like.

    kind: "detector", of the organisers' detector, or "truth", round their points. Returns file name
    of the photo -> (4,) float32 xyxy; join the answers of several files with `|`.
    Raises LabelError when the file is damaged or has not this layout, ValueError for another kind.
    """
    path = Path(path)
    fields = {"detector": "bb_detector", "truth": "bb_ground_truth"}
    if kind not in fields:
        raise ValueError(f"kind: expected one of {', '.join(fields)}, got {kind!r}")
    field = fields[kind]
    found = read_mat(path, ("bounding_boxes",)).get("bounding_boxes")
    if found is None:
        raise LabelError(path, "has no variable bounding_boxes", "is this a file of boxes?")
    result = {}
    for cell in found.ravel():
        try:
            record = cell[0, 0]
            name, corners = str(record["imgName"].item()), record[field].ravel().tolist()
        except (IndexError, KeyError, TypeError, ValueError) as error:
            what = f"bounding_boxes does not hold imgName and {field}"
            raise LabelError(path, what, "download the file again") from error
        box = torch.tensor(corners, dtype=torch.float32) + shift
        if box.shape != (4,) or not torch.isfinite(box).all() or not (box[2:] > box[:2]).all():
            what = f"the box of {name} is {corners}"
            raise LabelError(path, what, "correct it, or leave the photo out")
        result[name] = box
    return result


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.rglob("*.pts"))
    if not files:
        what = "holds no .pts files" if folder.is_dir() else "there is no such folder"
        raise LabelError(folder, what, "unpack afw, helen, ibug and lfpw below the folder you name")
    return files


def _face(
    path: Path, *, points: int, boxes: Mapping[str, Tensor] | None, shift: float
) -> LabelledFace:
    landmarks = read_pts(path) + shift  # (68, 2)
    photo = photo_beside(path)
    box = box_around(landmarks, path)
    if boxes is not None:
        if photo.name not in boxes:
            raise LabelError(path, f"no box is given for {photo.name}", "add one, or pass no boxes")
        box = boxes[photo.name]
    if points == 5:
        landmarks = to5(landmarks)
    return LabelledFace(photo, str(path), box, landmarks)


def _between_braces(lines: list[Line], path: Path, count: int) -> list[Line]:
    """Check the header and return the lines between the braces."""
    texts = [text for _, text in lines]
    if "{" not in texts:
        raise LabelError(path, "has no line with {", "is this a .pts file? download it again")
    start, header = texts.index("{"), {}
    for where, text in lines[:start]:
        key, colon, value = text.partition(":")
        if not colon:
            raise LabelError(where, f"expected a header line, got {text!r}", "is this a .pts file?")
        header[key.strip()] = (where, value.strip())
    where, stated = header.get("n_points", (str(path), "no number"))
    if stated != str(count):
        what = f"n_points is {stated}, expected {count}"
        raise LabelError(where, what, f"leave out files that do not hold {count} points")
    if lines[-1][1] != "}":
        raise LabelError(lines[-1][0], "cut off: the last line is not }", "download it again")
    return lines[start + 1 : -1]
