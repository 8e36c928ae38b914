"""Text files of labels: lines with their numbers, and numbers that are numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from facelab.datasets.labelled import LabelError

__all__ = ["Line", "box_of", "numbered_lines", "numbers", "photo_below"]

Line = tuple[str, str]
"""Where it stands, "list.txt, line 3", and its text."""

_LARGEST = 1e6  # pixels: 1e999 is a number to Python
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def numbered_lines(path: Path) -> list[Line]:
    """Read the lines that are not blank, each with file and line number, counted from 1.

    Raises LabelError when the file is missing, unreadable, empty, or not UTF-8 text.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise LabelError(path, "there is no such file", "check the path") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise LabelError(path, f"cannot be read ({reason})", "check the path") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise LabelError(
            f"{path}, line {number}",
            f"not UTF-8 text (byte 0x{data[error.start]:02x})",
            "convert the file to UTF-8, or download it again if it is damaged",
        ) from None
    lines = [
        (f"{path}, line {number}", line.strip())
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    if not lines:
        raise LabelError(path, "the file is empty", "copy or download it again")
    return lines


def numbers(fields: Sequence[str], where: str, *, first: int = 1) -> Tensor:
    """Turn fields into float32 (N,). first: what the first field is called in a message.

    Raises LabelError for a field that is no number below a million: a label missing or damaged.
    """
    for index, text in enumerate(fields, start=first):
        if not _NUMBER.fullmatch(text) or abs(float(text)) > _LARGEST:
            what = f"field {index} is {text!r}, no number or no place in a photo"
            raise LabelError(where, what, "correct the line")
    return torch.tensor([float(text) for text in fields], dtype=torch.float32)


def photo_below(root: Path, name: str, where: str) -> Path:
    """Return the path of a photo that a list names, with backslashes as separators or without.

    Raises LabelError for a name that leads out of the folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name):
        raise LabelError(
            where, f"the photo {name!r} is not below the folder", "write its path from there"
        )
    return root / path


def box_of(corners: Tensor, points: Tensor, where: str) -> tuple[Tensor, tuple[str, ...]]:
    """Check a box by its face: corners (4,) xyxy, points (P, 2); returns the box and its repairs.

    Edges that are exchanged are put right.
    Raises LabelError for a box without area, or one that does not hold the middle of the points,
    which is what a wrong order of its numbers would look like.
    """
    box = torch.cat((torch.minimum(corners[:2], corners[2:]), corners[:2].maximum(corners[2:])))
    repairs = () if torch.equal(box, corners) else ("edges of the box were exchanged",)
    shown = ", ".join(f"{value:g}" for value in corners.tolist())
    if not (box[2:] > box[:2]).all():
        raise LabelError(where, f"the box ({shown}) has no area", "correct or remove the line")
    middle = points.mean(dim=0)  # (2,)
    if (middle < box[:2]).any() or (middle > box[2:]).any():
        x, y = middle.tolist()
        raise LabelError(
            where,
            f"the middle of the points ({x:.1f}, {y:.1f}) is not in the box ({shown}, as xyxy)",
            "check the order of the numbers, or correct the line",
        )
    return box, repairs
