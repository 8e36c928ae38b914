"""The files of the WIDER FACE evaluation: its ground truth, and folders of detections.

    truth = read_truth("eval_tools/ground_truth")        # wider_face_val.mat and one file a level
    found = read_results("results", truth)
    scores = score_wider([(found[name], faces) for name, faces in truth.items()])

A folder of detections has a file for each photo, `<event>/<photo>.txt`: the photo's name, how many
detections, and then a line `x y w h score` for each, the surest first. Photos are called by
`<event>/<photo>`, without suffix.
Source: the official tool; `datasets/wider_face.md`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from facelab.datasets.labelled import LabelError
from facelab.datasets.matlab import read_mat
from facelab.datasets.text import Line, numbered_lines, numbers
from facelab.engine.files import write_whole
from facelab.metrics.wider import LEVELS, Counted, Detections, Found

__all__ = ["read_results", "read_truth", "write_results"]

_ROW = 5  # numbers of a detection


def read_truth(folder: str | Path) -> dict[str, Counted]:
    """Read the official ground truth: `wider_face_val.mat` and `wider_{easy,medium,hard}_val.mat`.

    Returns `<event>/<photo>` -> the photo's faces, in the order of the files. Boxes (N, 4) float32
    are x, y, x + w, y + h as the tool takes them.
    Raises LabelError when a file is missing or damaged, or when a level names a face that the photo
    does not have.
    """
    folder = Path(folder)
    main = folder / "wider_face_val.mat"
    photos = list(_photos(main))
    counted: dict[str, list[Tensor]] = {}
    for level in LEVELS:
        path = folder / f"wider_{level}_val.mat"
        lists = [cell for event in _cells(path, "gt_list") for cell in _flat(event, path)]
        if len(lists) != len(photos):
            what = f"lists {len(lists)} photos, {main.name} {len(photos)}"
            raise LabelError(path, what, "take all files from one download")
        counted[level] = [
            _marked(numbers, len(boxes), f"{path}, photo {name}")
            for numbers, (name, boxes) in zip(lists, photos, strict=True)
        ]
    return {
        name: Counted(boxes, {level: counted[level][index] for level in LEVELS})
        for index, (name, boxes) in enumerate(photos)
    }


def read_results(
    folder: str | Path,
    names: Sequence[str] | Mapping[str, Any],
    *,
    missing: Literal["refuse", "empty"] = "refuse",
) -> dict[str, Detections]:
    """Read the detections of some photos.

    names: `<event>/<photo>` each, as `read_truth` gives them. missing: what happens to a photo
    without a file: "refuse" is an error, "empty" takes it for a photo without detections.
    Returns name -> boxes (D, 4) xyxy and scores (D,), in the order of the file.
    Raises LabelError with file and line for a count that does not fit, a line that is not five
    numbers, a negative width or height; ValueError for an unknown option.
    """
    if missing not in ("refuse", "empty"):
        raise ValueError(f"missing: expected refuse or empty, got {missing!r}")
    folder = Path(folder)
    if not folder.is_dir():
        raise LabelError(folder, "there is no such folder", "check the path")
    absent = {name for name in names if not _file(folder, name).is_file()}
    if absent and missing == "refuse":
        more = f" and {len(absent) - 1} more photos have" if len(absent) > 1 else " has"
        what = f"{min(absent)}{more} no file of detections"
        raise LabelError(folder, what, 'write them, or pass missing="empty" for none found')
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0))
    return {name: nothing if name in absent else _read(_file(folder, name)) for name in names}


def write_results(folder: str | Path, found: Mapping[str, Found]) -> None:
    """Write detections as the official tool reads them, the surest first, photo by photo.

    found: `<event>/<photo>` -> boxes (D, 4) xyxy and scores (D,), `Faces` among others. Coordinates
    have 3 decimals and scores 6. Folders are made as needed; each file is written whole.
    Raises ValueError for a name that leads out of the folder, or numbers that are not finite.
    """
    for name, faces in found.items():
        path = _file(Path(folder), name)
        order = faces.scores.argsort(descending=True, stable=True)
        boxes, scores = faces.boxes.double()[order], faces.scores.double()[order]
        if not bool(boxes.isfinite().all() and scores.isfinite().all()):
            raise ValueError(f"{name}: a detection has a score or an edge that is not finite")
        boxes = torch.cat((boxes[:, :2], boxes[:, 2:] - boxes[:, :2]), dim=1)
        rows = [
            " ".join(f"{value:.3f}" for value in box) + f" {score:.6f}"
            for box, score in zip(boxes.tolist(), scores.tolist(), strict=True)
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, "\n".join([path.stem, str(len(rows)), *rows]) + "\n")


# ---- Matlab's cells


def _photos(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Give names and boxes (N, 4) xyxy of all photos."""
    events, files, boxes = (
        _cells(path, key) for key in ("event_list", "file_list", "face_bbx_list")
    )
    if not len(events) == len(files) == len(boxes):
        raise LabelError(path, "lists of different length", "copy or download it again")
    for event, own_files, own_boxes in zip(events, files, boxes, strict=True):
        names, faces = _flat(own_files, path), _flat(own_boxes, path)
        if len(names) != len(faces):
            what = f"event {_text(event)}: {len(names)} photos with {len(faces)} lists of faces"
            raise LabelError(path, what, "copy or download it again")
        for name, xywh in zip(names, faces, strict=True):
            where = f"{_text(event)}/{_text(name)}"
            rows = np.asarray(xywh, dtype=np.float32).reshape(-1, 4) if np.size(xywh) else None
            if rows is None:
                yield where, torch.zeros(0, 4)
            else:
                yield where, torch.from_numpy(np.hstack((rows[:, :2], rows[:, :2] + rows[:, 2:])))


def _cells(path: Path, key: str) -> list[Any]:
    found = read_mat(path, [key])
    if key not in found:
        raise LabelError(path, f"has no variable {key}", "check that it is the official file")
    return _flat(found[key], path)


def _flat(cells: Any, path: Path) -> list[Any]:
    """Turn an array of cells into a list."""
    if not isinstance(cells, np.ndarray) or cells.dtype != object:
        raise LabelError(path, "a list is no array of cells", "check that it is the official file")
    return list(cells.ravel())


def _text(cell: Any) -> str:
    return str(np.asarray(cell).ravel()[0])


def _marked(cell: Any, faces: int, where: str) -> Tensor:
    """Turn Matlab's indices, which begin at 1, into (faces,) bool."""
    indices = np.asarray(cell).ravel().astype(np.int64) - 1
    if len(indices) and not (0 <= indices.min() and indices.max() < faces):
        what = f"counts face {indices.max() + 1} of {faces}"
        raise LabelError(where, what, "take all files from one download")
    marks = torch.zeros(faces, dtype=torch.bool)
    marks[torch.from_numpy(indices)] = True
    return marks


# ---- text


def _file(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts:
        raise ValueError(f"photo {name!r}: expected <event>/<photo>, below the folder")
    return folder.joinpath(*parts[:-1], f"{parts[-1]}.txt")


def _read(path: Path) -> Detections:
    lines = numbered_lines(path)
    count = lines[1][1] if len(lines) > 1 else ""
    if not count.isdecimal() or int(count) != len(lines) - 2:
        where = lines[min(1, len(lines) - 1)][0]
        what = f"expected the number of detections, {max(0, len(lines) - 2)} lines; got {count!r}"
        raise LabelError(where, what, "write name, number, and a line for each detection")
    rows = _rows(lines[2:])
    boxes = torch.cat((rows[:, :2], rows[:, :2] + rows[:, 2:4]), dim=1)
    return Detections(boxes, rows[:, 4])


def _rows(lines: Sequence[Line]) -> Tensor:
    """Read x, y, w, h, score of lines: (D, 5); line by line only to say what is wrong."""
    try:
        rows = np.array([text.split() for _, text in lines], np.float64).reshape(-1, _ROW)
    except ValueError:
        rows = None
    if rows is None or not (np.isfinite(rows).all() and (rows[:, 2:4] >= 0).all()):
        return torch.stack([_row(line) for line in lines]).double()
    return torch.from_numpy(rows)


def _row(line: Line) -> Tensor:
    where, text = line
    fields = text.split()
    if len(fields) != _ROW:
        what = f"expected x y w h score, got {len(fields)} fields"
        raise LabelError(where, what, "correct the line")
    row = numbers(fields, where)
    if not (row[2:4] >= 0).all():
        what = f"width {row[2]:g} and height {row[3]:g}; they cannot be negative"
        raise LabelError(where, what, "write x y w h, not the second corner")
    return row
