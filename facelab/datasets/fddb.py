"""FDDB: photos whose faces are ellipses, in ten lists, and files of detections.

    2002/08/11/big/img_591                          2002/08/11/big/img_591
    1                                               1
    123.58 85.55 1.27 269.69 161.78  1              188 75 154 196 0.999738

A list has the photo's name without .jpg, the number of its faces, and then `major_radius
minor_radius angle center_x center_y 1` for each: half axes in pixels, and radians from the x axis
towards y, which is down. In a file of detections the rows are `x y w h score`, or an ellipse and
its score.

A photo is one scene with all its faces (`LabelledScenes`). Coordinates are taken as they stand:
where the first pixel begins is not documented, so they may be off by half a pixel.
Source: Jain, Learned-Miller, University of Massachusetts, 2010; page `datasets/fddb.md`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch

from facelab.datasets.labelled import Damaged, LabelError, Load, check_option
from facelab.datasets.photos import (
    COUNT,
    PLAIN,
    Block,
    LabelledScenes,
    Outside,
    PhotoLabels,
    blocks,
    number_table,
)
from facelab.datasets.text import Line, numbered_lines, photo_below
from facelab.engine.files import write_whole
from facelab.images import read_image
from facelab.metrics.fddb import (
    EllipseDetections,
    Found,
    LabelledEllipses,
    ellipse_boxes,
    labelled_ellipses,
)
from facelab.metrics.wider import Detections

__all__ = ["Kind", "ellipses_of", "read_fddb", "read_results", "write_results"]

Kind = Literal["boxes", "ellipses"]

_LISTS, _RESULTS = "FDDB-fold-*-ellipseList.txt", "fold-*-out.txt"  # of a folder
_LABEL = 6  # numbers of a labelled face
_COLUMNS: Mapping[Kind, int] = {"boxes": 5, "ellipses": 6}  # numbers of a detection
_SMALLEST = 1e-3  # pixels; a box with smaller sides has none in float32


def read_fddb(
    list_file: str | Path,
    root: str | Path,
    *,
    load: Load = read_image,
    damaged: Damaged = "refuse",
    outside: Outside = "refuse",
) -> LabelledScenes:
    """Read the labels of one fold, or of all ten.

    list_file: `FDDB-fold-01-ellipseList.txt`, or the folder of such files, `FDDB-folds`, which are
    read in the order of their names. root: `originalPics`, the folder that holds `2002` and `2003`.
    damaged: "refuse" raises the first error, "drop" leaves that photo out and counts it. Other
    options as `LabelledScenes`, which reads a photo when it is asked for.
    Scenes have the attribute `ellipse` (N, 5) float32: major_radius, minor_radius, angle, center_x,
    center_y. Their boxes (N, 4) are the bounding rectangles, which "clip" cuts, but not ellipses.
    Raises LabelError with file and line for a number of faces that is none or does not fit the rows
    below it, a row that is not six numbers with 1 as the last, a radius that is not positive, an
    angle beyond pi, a photo that is named twice or is not below root; for a folder without lists;
    and as `numbered_lines`; ValueError for an unknown option.
    """
    check_option("damaged", damaged, get_args(Damaged))
    photos: dict[str, PhotoLabels] = {}
    dropped = []
    for block in _blocks_in(Path(list_file), _LISTS):
        try:
            labels = _photo(block, Path(root))
            _check_new(labels.name, labels.where, photos)
            photos[labels.name] = labels
        except LabelError as error:
            if damaged == "refuse":
                raise
            dropped.append(error)
    return LabelledScenes(tuple(photos.values()), load, outside, tuple(dropped))


def ellipses_of(scenes: LabelledScenes, *, sizes: bool = False) -> dict[str, LabelledEllipses]:
    """Give what `score_fddb` needs: the photo's name -> its ellipses, in the order of the lists.

    sizes: read every photo for its size, which regions are cut to, as in the official tool.
    Raises LabelError for a photo that cannot be read, with sizes.
    """
    if sizes:
        found = (labelled_ellipses(scene) for scene in scenes)
    else:
        found = (
            LabelledEllipses(torch.from_numpy(labels.attributes["ellipse"]))
            for labels in scenes.photos
        )
    return {labels.name: ellipses for labels, ellipses in zip(scenes.photos, found, strict=True)}


def read_results(
    path: str | Path,
    names: Sequence[str] | Mapping[str, Any],
    *,
    kind: Kind = "boxes",
    missing: Literal["refuse", "empty"] = "refuse",
) -> dict[str, Detections | EllipseDetections]:
    """Read the detections of some photos.

    path: a file, or the folder of `fold-01-out.txt` and the like. names: of the photos, as
    `ellipses_of` gives them; others in the file are left out. kind: rows are "boxes", `x y w h
    score`, or "ellipses", `major_radius minor_radius angle center_x center_y score`. missing: what
    happens to a photo that is not in the file: "refuse" is an error, "empty" takes it for a photo
    without detections.
    Returns name -> boxes (D, 4) xyxy, or ellipses (D, 5), and scores (D,), float64, in the order of
    the file; photos in the order of names.
    Raises LabelError with file and line for a number that does not fit the rows, a row with another
    number of fields, a negative width or height, a radius that is not positive, a photo named
    twice; ValueError for an unknown option.
    """
    if kind not in _COLUMNS:
        raise ValueError(f"kind: expected one of boxes, ellipses, got {kind!r}")
    if missing not in ("refuse", "empty"):
        raise ValueError(f"missing: expected refuse or empty, got {missing!r}")
    path = Path(path)
    read: dict[str, Detections | EllipseDetections] = {}
    for block in _blocks_in(path, _RESULTS):
        name = _name(block)
        _check_new(name, block.where, read)
        read[name] = _found(_rows(block, _COLUMNS[kind]), kind, block.lines[1:])
    absent = [name for name in names if name not in read]
    if absent and missing == "refuse":
        more = f" and {len(absent) - 1} more photos have" if len(absent) > 1 else " has"
        what = f"{absent[0]}{more} no detections here"
        raise LabelError(path, what, 'write them, or pass missing="empty" for none found')
    nothing = _found(np.zeros((0, _COLUMNS[kind])), kind, [])
    return {name: read.get(name, nothing) for name in names}


def write_results(path: str | Path, found: Mapping[str, Found]) -> None:
    """Write detections into one file as the official tool reads them.

    found: name -> boxes (D, 4) xyxy or ellipses (D, 5), and scores (D,), `Faces` among others. The
    tool wants the photos of its list in the list's order. Pixels have 3 decimals, angles 6, scores
    what a float32 needs: rounded ones would be equal, and enter the curve together. The file is
    written whole, and folders are made as needed.
    Raises ValueError for a name that cannot be read again, or numbers that are not finite.
    """
    lines = []
    for name, detections in found.items():
        if len(name.split()) != 1 or name != name.strip() or PLAIN.fullmatch(name):
            raise ValueError(f"photo {name!r}: expected a name without blanks that is no number")
        rows = _written(detections)
        if not np.isfinite(rows).all():
            raise ValueError(f"{name}: a detection has a score or an edge that is not finite")
        elliptic = isinstance(detections, EllipseDetections)
        if (rows[:, :2] < _SMALLEST).any() if elliptic else (rows[:, 2:4] < 0).any():
            raise ValueError(f"{name}: a detection has no area, or less")
        angle = 2 if elliptic else None
        digits = [".6f" if column == angle else ".3f" for column in range(rows.shape[1] - 1)]
        lines += [name, str(len(rows))]
        for row in rows.tolist():
            lines.append(" ".join(map(format, row, [*digits, ".9g"])))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, "".join(f"{line}\n" for line in lines))


# ---- blocks of lines


def _blocks_in(path: Path, pattern: str) -> Iterator[Block]:
    """Give the photos of a file, or of the files in a folder whose names fit the pattern."""
    files = sorted(path.glob(pattern)) if path.is_dir() else [path]
    if not files:
        raise LabelError(path, f"holds no files {pattern}", "check the path, or name a file")
    for file in files:
        yield from blocks(numbered_lines(file), _name_in)


def _name_in(text: str) -> str | None:
    single = len(text.split()) == 1 and not PLAIN.fullmatch(text)
    return text.replace("\\", "/") if single else None


def _name(block: Block) -> str:
    if block.name is None:
        what = f"expected the name of a photo, got {block.lines[0][1][:40]!r}"
        raise LabelError(block.where, what, "begin with a name without blanks, then the number")
    return block.name


def _check_new(name: str, where: str, known: Mapping[str, Any]) -> None:
    if name in known:
        raise LabelError(where, f"the photo {name} is there twice", "remove one of them")


def _rows(block: Block, width: int) -> np.ndarray:
    """Read the rows below a name and a number, (N, width) float64."""
    advice = "write the name of a photo, a number, and so many rows"
    if not block.lines:
        raise LabelError(block.where, "the number of rows below is missing", advice)
    (where, count), *lines = block.lines
    if not COUNT.fullmatch(count):
        raise LabelError(where, f"expected the number of rows below, got {count[:40]!r}", advice)
    rows = number_table(lines, width, "correct the row, or the number above")
    if int(count) != len(rows):
        what = f"says {int(count)}, but {len(rows)} rows follow"
        raise LabelError(where, what, "correct the number, or complete the file")
    return rows


# ---- labels


def _photo(block: Block, root: Path) -> PhotoLabels:
    name = _name(block)
    photo = photo_below(root, f"{name}.jpg", block.where)
    rows, lines = _rows(block, _LABEL), block.lines[1:]
    _check_ellipses(rows, lines)
    for index in np.flatnonzero(rows[:, 5] != 1).tolist():
        what = f"the last number is {rows[index, 5]:g}, expected 1"
        raise LabelError(lines[index][0], what, "detections are read by read_results")
    ellipses = rows[:, :5]
    boxes = ellipse_boxes(torch.from_numpy(ellipses)).numpy().astype(np.float32)
    nothing = np.zeros((0, 4), np.float32)
    attributes = {"ellipse": ellipses.astype(np.float32)}
    return PhotoLabels(photo, name, block.where, boxes, nothing, attributes=attributes)


def _check_ellipses(rows: np.ndarray, lines: Sequence[Line]) -> None:
    """Refuse rows (N, 6) whose ellipse has no area, or an angle that must be in degrees."""
    for index in np.flatnonzero(~(rows[:, :2] >= _SMALLEST).all(axis=1)).tolist():
        what = f"radii {rows[index, 0]:g} and {rows[index, 1]:g}; the ellipse has no area"
        raise LabelError(lines[index][0], what, "correct or remove the row")
    for index in np.flatnonzero(np.abs(rows[:, 2]) > math.pi + 1e-6).tolist():
        what = f"the angle is {rows[index, 2]:g}, expected radians from -pi to pi"
        raise LabelError(lines[index][0], what, "check the order of the numbers")


# ---- detections


def _found(rows: np.ndarray, kind: Kind, lines: Sequence[Line]) -> Detections | EllipseDetections:
    table = torch.from_numpy(rows)
    if kind == "ellipses":
        _check_ellipses(rows, lines)
        return EllipseDetections(table[:, :5], table[:, 5])
    for index in np.flatnonzero((rows[:, 2:4] < 0).any(axis=1)).tolist():
        what = f"width {rows[index, 2]:g} and height {rows[index, 3]:g}; they cannot be negative"
        raise LabelError(lines[index][0], what, "write x y w h, not the second corner")
    return Detections(torch.cat((table[:, :2], table[:, :2] + table[:, 2:4]), dim=1), table[:, 4])


def _written(found: Found) -> np.ndarray:
    """Turn detections into the rows of a file, (D, 5) or (D, 6)."""
    if isinstance(found, EllipseDetections):
        regions = found.ellipses.double()
    else:
        corners = found.boxes.double()
        regions = torch.cat((corners[:, :2], corners[:, 2:] - corners[:, :2]), dim=1)
    return torch.cat((regions, found.scores.double()[:, None]), dim=1).numpy()
