"""Run a model over labelled photos and put its figures into words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from facelab.evaluation.labels import LabelsError, VerificationLabels
from facelab.evaluation.models import Detector, Embedder, ModelError
from facelab.geometry.alignment import align_face
from facelab.images import ImageError, read_image
from facelab.metrics.detection import Score, Truth, score_photos
from facelab.metrics.verification import Verdict, random_folds, verify
from facelab.types import Faces

Item = TypeVar("Item")
Progress = Callable[[Iterable[str]], Iterable[str]]
OnError = Callable[[ImageError], None]
HEAD = ("height, px", "faces", "AP", "recall", "precision", "score", "false alarms", "NME")


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found. found: photo name -> Faces. left_out: photo -> why it was not read."""

    found: dict[str, Faces]
    left_out: dict[str, str]


def photo_folder(labels: Path, given: Path | None) -> Path:
    """The folder of the photos: the one given, else `photos` beside the labels, else theirs."""
    if given is not None:
        return given
    beside = labels.parent / "photos"
    return beside if beside.is_dir() else labels.parent


def require_photos(names: Iterable[str], folder: Path) -> None:
    """Refuse before the work when labelled photos are not there. Raises LabelsError that lists."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise LabelsError(
            f"{folder}: lacks labelled photos: {', '.join(missing[:5])}{more}; say where they are "
            "with --photos"
        )


def run_detector(
    detector: Detector,
    truth: Mapping[str, Truth],
    folder: Path,
    *,
    progress: Progress = iter,
    on_error: OnError = lambda error: None,
) -> Detections:
    """Look at every labelled photo; damaged ones are told to `on_error` and left out.

    Raises ModelError with the photo's name when the detector fails or returns something else.
    """
    found: dict[str, Faces] = {}
    left_out: dict[str, str] = {}
    for name in progress(truth):
        try:
            photo = read_image(folder / name)
        except ImageError as error:
            left_out[name] = f"{error.what}; {error.advice}"
            on_error(error)
            continue
        found[name] = _asked(detector, photo, name)
    return Detections(found, left_out)


def judge_detector(result: Detections, truth: Mapping[str, Truth]) -> dict[str, Score]:
    """Score all photos that were read. Raises LabelsError when there is none."""
    if not result.found:
        raise LabelsError("no photo could be read, so there is nothing to judge")
    return score_photos([(faces, truth[name]) for name, faces in result.found.items()])


def judge_embedder(
    embedder: Embedder,
    labels: VerificationLabels,
    folder: Path,
    *,
    progress: Progress = iter,
    on_error: OnError = lambda error: None,
) -> tuple[Verdict, dict[str, str], list[tuple[str, str, bool, float]]]:
    """Align every photo, embed it, and compare the pairs by cosine.

    Returns the verdict, the photos that could not be read with reasons, and each judged pair with
    its similarity. Raises ModelError, or LabelsError when too few pairs are left.
    """
    vectors: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = {}
    for name in progress(labels.photos):
        try:
            crop = align_face(read_image(folder / name), labels.photos[name])
        except ImageError as error:
            left_out[name] = f"{error.what}; {error.advice}"
            on_error(error)
            continue
        except ValueError as problem:
            raise LabelsError(f"verification, people, {name!r}, lm: {problem}") from None
        vector = _asked(embedder, crop, name)
        vectors[name] = vector / np.linalg.norm(vector)
        if len(vector) != len(next(iter(vectors.values()))):
            raise ModelError(f"{name}: the embedding has {len(vector)} numbers, earlier ones not")
    pairs = [
        (first, second, same, float(vectors[first] @ vectors[second]))
        for first, second, same in labels.pairs
        if first in vectors and second in vectors
    ]
    try:
        similarity = np.array([pair[3] for pair in pairs])
        same = np.array([pair[2] for pair in pairs], dtype=bool)
        verdict = verify(similarity, same, folds=random_folds(len(pairs)))
    except ValueError as problem:
        raise LabelsError(f"verification, pairs: {problem}") from None
    return verdict, left_out, pairs


def _asked(model: Callable[[np.ndarray], Item], image: np.ndarray, name: str) -> Item:
    try:
        return model(image)
    except ModelError as problem:
        raise ModelError(f"{problem} (on {name})") from None
    except Exception as problem:
        raise ModelError(f"the model failed on {name}: {type(problem).__name__}: {problem}") from (
            problem
        )


def detector_table(scores: Mapping[str, Score]) -> str:
    """Lines for people: one a range of heights."""
    rows: list[tuple[str, ...]] = [HEAD]
    for name, score in scores.items():
        shares = (score.recall, score.precision, score.threshold)
        found = [_number(x) if score.faces else "-" for x in (score.ap, *shares)]
        rows.append((name, str(score.faces), *found, str(score.false_alarms), _number(score.nme)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    notes = "Recall, precision and false alarms at the score with the best F1; IoU 0.5."
    return "\n".join((*lines, notes))


def embedder_table(verdict: Verdict) -> str:
    """Lines for people: one a figure."""
    rows = (
        ("pairs", f"{verdict.pairs} ({verdict.same} of the same person)"),
        ("AUC", _number(verdict.auc)),
        ("equal error rate", _number(verdict.eer)),
        ("accuracy, 10 folds", f"{verdict.accuracy:.4f} +- {verdict.accuracy_error:.4f}"),
        ("TAR at FAR 0.01", _number(verdict.tar_at_far_1)),
    )
    return "\n".join(f"{name:20s}{value}" for name, value in rows)


def detector_record(scores: Mapping[str, Score]) -> dict[str, Any]:
    """The same as JSON; the precision-recall curve of all faces goes along."""
    curve = scores["all"].curve
    ranges = {
        name: {
            key: _plain(getattr(score, key))
            for key in ("faces", "ap", "recall", "precision", "threshold", "false_alarms", "nme")
        }
        for name, score in scores.items()
    }
    points = {
        key: [round(float(x), 6) for x in getattr(curve, key)]
        for key in ("recall", "precision", "threshold")
    }
    return {"ranges": ranges, "curve": points}


def embedder_record(verdict: Verdict, pairs: list[tuple[str, str, bool, float]]) -> dict[str, Any]:
    """The same as JSON, with the similarity of every pair."""
    judged = [[first, second, int(same), round(value, 6)] for first, second, same, value in pairs]
    return {**asdict(verdict), "judged": judged}


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"


def _plain(value: float) -> float | None:
    return None if isinstance(value, float) and math.isnan(value) else value
