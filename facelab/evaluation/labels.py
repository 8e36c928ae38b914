"""Labels of one's own photos: one JSON file, read here and nowhere else.

    {"detection": {
        "party.jpg": {
            "faces": [{"box": [x1, y1, x2, y2], "lm": [[x, y], ... five points]}],
            "ignore": [[x1, y1, x2, y2]]}},
     "verification": {
        "people": {"anna1.jpg": {"person": "anna", "lm": [[x, y], ... five points]}},
        "pairs": [["anna1.jpg", "anna2.jpg", 1], ["anna1.jpg", "ben.jpg", 0]]}}

Either part may be missing, and so may "lm" of a detection (or null), "ignore" and "pairs" (then
every pair of photos counts). Everything else in the file is left alone. Pixels and the order of
points are those of facelab/types.py, in the upright photo.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facelab.metrics.detection import Truth

_LARGEST = 1e9  # pixels
_POINTS = "five points [x, y]: eye at image left, eye at image right, nose, mouth left, right"


class LabelsError(ValueError):
    """The labels cannot be used; the message names file, entry, what is wrong and what to do."""


@dataclass(frozen=True, eq=False)
class VerificationLabels:
    """Photos of people and the pairs to judge.

    photos: name -> landmarks (5, 2). person: name -> who. pairs: (first, second, same).
    """

    photos: dict[str, Tensor]
    person: dict[str, str]
    pairs: list[tuple[str, str, bool]]


def read_labels(file: Path) -> dict[str, Any]:
    """Read the file as a dictionary.

    Raises LabelsError when it is missing, no JSON, or holds something else.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise LabelsError(f"{file}: there is no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise LabelsError(f"{file}: cannot be read ({problem}); check the file") from None
    except json.JSONDecodeError as problem:
        where = f"line {problem.lineno}, column {problem.colno}"
        raise LabelsError(f"{file}: no valid JSON: {problem.msg} at {where}; correct it") from None
    except (ValueError, RecursionError) as problem:  # numbers of 5000 digits, brackets without end
        raise LabelsError(f"{file}: no valid JSON: {problem}; correct it") from None
    if not isinstance(found, dict):
        raise _wrong(file, "the file", "expected an object with detection or verification", found)
    return found


def detection_labels(file: Path) -> dict[str, Truth]:
    """Read what is labelled on each photo: name -> Truth.

    Raises LabelsError that names file and entry.
    """
    photos = _part(read_labels(file), "detection", file)
    return {name: _truth(entry, file, f"detection, {name!r}") for name, entry in photos.items()}


def verification_labels(file: Path) -> VerificationLabels:
    """Read people's photos and the pairs. Raises LabelsError that names file and entry."""
    part = _part(read_labels(file), "verification", file)
    people = part.get("people")
    if not isinstance(people, dict) or len(people) < 2:
        raise _wrong(file, "verification, people", "expected two photos or more", people)
    photos, person = {}, {}
    for name, entry in people.items():
        where = f"verification, people, {name!r}"
        if not isinstance(entry, dict) or not isinstance(entry.get("person"), str | int):
            raise _wrong(file, where, 'expected {"person": ..., "lm": ...}', entry)
        person[name] = str(entry["person"])
        photos[name] = _points(entry.get("lm"), file, f"{where}, lm")
    pairs = part.get("pairs")
    if pairs is None:
        every = itertools.combinations(photos, 2)
        judged = [(a, b, person[a] == person[b]) for a, b in every]
        return VerificationLabels(photos, person, judged)
    if not isinstance(pairs, list) or not pairs:
        raise _wrong(file, "verification, pairs", "expected a list of pairs", pairs)
    checked = [_pair(pair, person, file, number) for number, pair in enumerate(pairs, 1)]
    return VerificationLabels(photos, person, checked)


def _part(labels: dict[str, Any], name: str, file: Path) -> dict[str, Any]:
    part = labels.get(name)
    if part is None:
        raise LabelsError(f'{file}: has no "{name}"; `facelab eval --help` shows the format')
    if not isinstance(part, dict) or not part:
        raise _wrong(file, name, "expected an object that is not empty", part)
    return part


def _truth(entry: Any, file: Path, where: str) -> Truth:
    if not isinstance(entry, dict) or not isinstance(entry.get("faces"), list):
        raise _wrong(file, where, 'expected {"faces": [...]}', entry)
    boxes, landmarks = [], []
    for number, face in enumerate(entry["faces"], start=1):
        here = f"{where}, face {number}"
        if not isinstance(face, dict):
            raise _wrong(file, here, 'expected {"box": [x1, y1, x2, y2]}', face)
        boxes.append(_box(face.get("box"), file, f"{here}, box"))
        points = face.get("lm")
        none = torch.full((5, 2), math.nan)
        landmarks.append(none if points is None else _points(points, file, f"{here}, lm"))
    ignore = entry.get("ignore") or []
    if not isinstance(ignore, list):
        raise _wrong(file, f"{where}, ignore", "expected a list of boxes", ignore)
    regions = [
        _box(box, file, f"{where}, ignore {number}") for number, box in enumerate(ignore, start=1)
    ]
    return Truth(
        torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4),
        torch.stack(landmarks).double() if landmarks else torch.zeros(0, 5, 2),
        torch.tensor(regions, dtype=torch.float64).reshape(-1, 4),
    )


def _box(value: Any, file: Path, where: str) -> list[float]:
    wanted = "expected [x1, y1, x2, y2] in pixels with x1 < x2 and y1 < y2"
    if not _numbers(value, (4,)) or not (value[0] < value[2] and value[1] < value[3]):
        raise _wrong(file, where, wanted, value)
    return [float(x) for x in value]


def _points(value: Any, file: Path, where: str) -> Tensor:
    if not _numbers(value, (5, 2)):
        raise _wrong(file, where, f"expected {_POINTS}", value)
    return torch.tensor(value, dtype=torch.float64)


def _pair(value: Any, person: dict[str, str], file: Path, number: int) -> tuple[str, str, bool]:
    where = f"verification, pair {number}"
    names = value[:2] if isinstance(value, list) else []
    if len(names) != 2 or len(value) != 3 or value[2] not in (0, 1):
        raise _wrong(file, where, "expected [photo, photo, 0 or 1]", value)
    for name in names:
        if not isinstance(name, str) or name not in person:
            raise _wrong(file, where, "expected two photos that people lists", name)
    first, second = names
    if bool(value[2]) != (person[first] == person[second]):
        people = f"{person[first]!r} and {person[second]!r}"
        raise LabelsError(
            f"{file}: {where}: says {value[2]}, but the photos show {people}; correct one of them"
        )
    return first, second, bool(value[2])


def _numbers(value: Any, shape: tuple[int, ...]) -> bool:
    """Say whether this is a nested list of finite numbers of this shape."""
    if not shape:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and abs(value) < _LARGEST  # NaN fails too
    fits = isinstance(value, list) and len(value) == shape[0]
    return fits and all(_numbers(part, shape[1:]) for part in value)


def _wrong(file: Path, where: str, wanted: str, got: Any) -> LabelsError:
    text = json.dumps(got)
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return LabelsError(f"{file}: {where}: {wanted}, got {shown}")
