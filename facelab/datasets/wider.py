"""WIDER FACE: photos with all their faces, in the authors' list and in that of RetinaFace.

    0--Parade/0_Parade_marchingband_1_849.jpg       # 0--Parade/0_Parade_marchingband_1_849.jpg
    1                                               449 330 122 149  x y flag ... x y flag  0.82
    449 330 122 149 0 0 0 0 0 0

The authors' list gives left, top, width, height, then blur, expression, illumination, invalid,
occlusion and pose; below a photo without faces it has one row of ten zeros. That of RetinaFace adds
five points with a flag each, 0 for visible, and a number for how clear the face is.

A photo is one scene with all its faces (`LabelledScenes`). Coordinates are taken as they stand:
where the first pixel begins is not documented, so they may be off by half a pixel.
Source: Yang et al., CVPR 2016; Deng et al., CVPR 2020 (RetinaFace); page `datasets/wider_face.md`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import numpy as np

from facelab.datasets.labelled import Damaged, LabelError, Load, check_option, collect
from facelab.datasets.photos import (
    COUNT,
    Block,
    LabelledScenes,
    Outside,
    PhotoLabels,
    blocks,
    number_table,
)
from facelab.datasets.text import Line, numbered_lines, photo_below
from facelab.images import SUFFIXES, read_image

__all__ = [
    "ATTRIBUTES",
    "Invalid",
    "read_wider",
    "read_wider_landmarks",
]

Invalid = Literal["ignore", "keep"]

ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "blur": ("clear", "normal", "heavy"),
    "expression": ("typical", "exaggerated"),
    "illumination": ("normal", "extreme"),
    "invalid": ("valid", "invalid"),
    "occlusion": ("none", "partial", "heavy"),
    "pose": ("typical", "atypical"),
}
"""What each number behind a box means, 0 first, in the order of the authors' list."""

_BOX, _ROW = 4, 4 + len(ATTRIBUTES)  # numbers of a face
_LANDMARKS = 20  # box, five times x y flag, and how clear it is


def read_wider(
    list_file: str | Path,
    root: str | Path,
    *,
    invalid: Invalid = "ignore",
    load: Load = read_image,
    damaged: Damaged = "refuse",
    outside: Outside = "refuse",
) -> LabelledScenes:
    """Read the authors' list: `wider_face_train_bbx_gt.txt` or `wider_face_val_bbx_gt.txt`.

    root: `WIDER_train/images` or `WIDER_val/images`. invalid: "ignore" moves faces marked invalid
    to the scene's `ignore`, "keep" leaves them in its boxes. damaged: "refuse" raises the first
    error, "drop" leaves that photo out and counts it. Other options as `LabelledScenes`.
    Scenes have boxes (N, 4) and ATTRIBUTES, (N,) int64 each, with the names and codes of synthetic
    scenes. Faces without width or height are in neither boxes nor ignore; they are counted.
    Raises LabelError with file and line for a number of faces that is none or does not fit the rows
    below it, a row with other than ten fields, a field that is no number or no code, a negative
    width or height, a photo that is not below root; and as `numbered_lines`; ValueError for an
    unknown option.
    """
    check_option("invalid", invalid, get_args(Invalid))
    found = blocks(numbered_lines(Path(list_file)), _photo_name)
    parse = functools.partial(_photo, root=Path(root), invalid=invalid)
    photos, dropped = collect(found, parse, damaged=damaged)
    return LabelledScenes(photos, load, outside, dropped)


def read_wider_landmarks(
    label_txt: str | Path,
    root: str | Path,
    *,
    load: Load = read_image,
    damaged: Damaged = "refuse",
    outside: Outside = "refuse",
) -> LabelledScenes:
    """Read RetinaFace's list, `train/label.txt`, or `val/label.txt`, which has boxes only.

    root: folder of the photos. Options as `read_wider`. The first face says whether a list has
    points. Scenes of one that has: landmarks (N, 5, 2), NaN where a face has none; attributes
    `visible` (N, 5) bool, False for a missing point, and `quality` (N,) float32 in [0, 1], NaN
    where unknown. That is the last number of a line: RetinaFace's reader calls it blur, but it is
    higher the clearer the face, and no code; so it does not take that name here. Scenes of a list
    without points: landmarks None, no attributes. Faces without width or height are dropped and
    counted; a photo without faces stays, as an empty scene.
    Raises LabelError with file and line for a face before the first photo, a line with another
    number of fields, a field that is no number, a point that is half missing, a quality above 1, a
    negative width or height, a photo that is not below root; and as `numbered_lines`; ValueError
    for an unknown option.
    """
    lines = numbered_lines(Path(label_txt))
    widths = [len(text.split()) for _, text in lines if not text.startswith("#")]
    known = (width for width in widths if width in (_BOX, _LANDMARKS))
    width = next(known, _LANDMARKS if widths else _BOX)
    parse = functools.partial(_photo_with_points, root=Path(root), width=width)
    photos, dropped = collect(blocks(lines, _name_behind_hash), parse, damaged=damaged)
    return LabelledScenes(photos, load, outside, dropped)


# ---- blocks of lines


def _photo_name(text: str) -> str | None:
    return text if text.lower().endswith(SUFFIXES) else None


def _name_behind_hash(text: str) -> str | None:
    return text[1:].strip() if text.startswith("#") else None


def _named(block: Block, root: Path, advice: str) -> tuple[Path, str]:
    """Give the file of a photo, and its name without suffix."""
    if block.name is None or _photo_name(block.name) is None:
        shown = block.lines[0][1] if block.name is None else block.name
        raise LabelError(block.where, f"expected the name of a photo, got {shown[:40]!r}", advice)
    photo = photo_below(root, block.name, block.where)
    return photo, PurePosixPath(block.name.replace("\\", "/")).with_suffix("").as_posix()


# ---- the authors' list


def _photo(block: Block, *, root: Path, invalid: Invalid) -> PhotoLabels:
    advice = "write the name of a photo, how many faces it has, and a row for each"
    photo, name = _named(block, root, f"{advice}; label.txt is read by read_wider_landmarks")
    if not block.lines:
        raise LabelError(block.where, "the number of faces is missing", advice)
    (where, count), *lines = block.lines
    if not COUNT.fullmatch(count):
        raise LabelError(where, f"expected the number of faces, got {count[:40]!r}", advice)
    advice_row = "correct the row, or the number of faces above"
    rows = number_table(lines, _ROW, advice_row).astype(np.float32)
    if int(count) == 0 and len(rows) == 1 and not rows.any():
        rows = rows[:0]  # stands for no face
    if int(count) != len(rows):
        what = f"the number of faces is {int(count)}, that of the rows below it {len(rows)}"
        raise LabelError(where, what, "correct the number, or complete the list")
    boxes, solid, dropped = _corners(rows[:, :_BOX], lines)
    _check_codes(rows[:, _BOX:], lines)
    attributes = dict(zip(ATTRIBUTES, rows[:, _BOX:].T.astype(np.int64), strict=True))
    apart = attributes["invalid"] == 1 if invalid == "ignore" else np.zeros(len(boxes), bool)
    faces = solid & ~apart
    return PhotoLabels(
        photo,
        name,
        block.where,
        boxes[faces],
        boxes[solid & apart],
        attributes={name: values[faces] for name, values in attributes.items()},
        dropped=dropped,
    )


def _check_codes(codes: np.ndarray, lines: Sequence[Line]) -> None:
    """Refuse codes (N, 6) that mean nothing."""
    highest = np.array([len(words) - 1 for words in ATTRIBUTES.values()])
    unknown = (codes < 0) | (codes > highest) | (codes % 1 != 0)
    for face, place in np.argwhere(unknown).tolist():
        name, last = list(ATTRIBUTES)[place], highest[place]
        what = f"{name} is {codes[face, place]:g}, expected a code from 0 to {last}"
        raise LabelError(lines[face][0], what, "correct the row")


# ---- RetinaFace's list


def _photo_with_points(block: Block, *, root: Path, width: int) -> PhotoLabels:
    advice = "write # and the name of a photo, and a line for each of its faces"
    photo, name = _named(block, root, f"{advice}; the authors' lists are read by read_wider")
    advice = "complete or remove it; all faces of a list have 4 numbers or 20"
    rows = number_table(block.lines, width, advice).astype(np.float32)
    boxes, solid, dropped = _corners(rows[:, :_BOX], block.lines)
    ignore = np.zeros((0, 4), np.float32)
    if width == _BOX:
        return PhotoLabels(photo, name, block.where, boxes[solid], ignore, dropped=dropped)
    _check_points(rows, block.lines)
    marks = rows[solid, _BOX:-1].reshape(-1, 5, 3)  # x, y, flag
    points = np.where(marks[..., 2:] < 0, np.float32("nan"), marks[..., :2])  # (N, 5, 2)
    quality = rows[solid, -1]
    attributes = {
        "visible": marks[..., 2] == 0,
        "quality": np.where(quality < 0, np.float32("nan"), quality),
    }
    return PhotoLabels(photo, name, block.where, boxes[solid], ignore, points, attributes, dropped)


def _check_points(rows: np.ndarray, lines: Sequence[Line]) -> None:
    """Refuse faces (N, 20) with a point that is half missing, or a quality above 1."""
    marks = rows[:, _BOX:-1].reshape(-1, 5, 3)  # x, y, flag
    missing = (marks == -1).all(axis=2)
    half = ((marks[..., 2] < 0) | (marks[..., :2] == -1).all(axis=2)) & ~missing
    for face, point in np.argwhere(half).tolist():
        x, y, flag = marks[face, point]
        what = f"point {point} is ({x:g}, {y:g}) with flag {flag:g}"
        advice = "write -1 three times for a missing point; other flags are 0 or more"
        raise LabelError(lines[face][0], what, advice)
    for face in np.flatnonzero(rows[:, -1] > 1).tolist():
        what = f"the last number is {rows[face, -1]:g}, expected at most 1"
        raise LabelError(lines[face][0], what, "check the order of the numbers")


# ---- boxes


def _corners(
    xywh: np.ndarray, lines: Sequence[Line]
) -> tuple[np.ndarray, np.ndarray, tuple[LabelError, ...]]:
    """Turn boxes (N, 4) into xyxy; say which have an area, (N,) bool, and what is wrong with the
    others."""
    negative = (xywh[:, 2:] < 0).any(axis=1)
    for index in np.flatnonzero(negative).tolist():
        what = f"width {xywh[index, 2]:g} and height {xywh[index, 3]:g}; they cannot be negative"
        raise LabelError(lines[index][0], what, "write left, top, width, height")
    boxes = np.hstack((xywh[:, :2], xywh[:, :2] + xywh[:, 2:]))
    solid = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    dropped = tuple(
        LabelError(
            lines[index][0],
            f"the face of {xywh[index, 2]:g}x{xywh[index, 3]:g} pixels has no area",
            "it is left out",
        )
        for index in np.flatnonzero(~solid).tolist()
    )
    return boxes, solid, dropped
