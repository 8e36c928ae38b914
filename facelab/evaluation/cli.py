"""`facelab eval`: judge a detector or an embedder on labelled photos of your own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facelab.cli import MISUSED, PHOTO_FAILED, readable, report, told

if TYPE_CHECKING:
    from facelab.images import ImageError

app = typer.Typer(
    name="eval",
    help="Judge a detector or an embedder on labelled photos of your own.",
    epilog="docs/eval.md explains the format, the rules of counting and what a model must return.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Labels = Annotated[Path, typer.Argument(metavar="LABELS.json", help="What the photos show.")]
Photos = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of the photos; by default `photos` beside the labels, else their own folder.",
    ),
]
Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write all figures to this file.")
]


@app.command()
def detector(
    labels: Labels,
    photos: Photos = None,
    model: Annotated[
        str,
        typer.Option(metavar="NAME", help="mtcnn, FILE.safetensors (MTCNN), or module:function."),
    ] = "mtcnn",
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write sheets of false alarms and misses there."),
    ] = None,
    as_json: Json = None,
) -> None:
    """Judge a face detector: average precision, recall, false alarms, landmark error.

    A function takes a photo (H, W, 3) uint8 RGB and returns Faces, or boxes (N, 4) x1 y1 x2 y2,
    scores (N,) and landmarks (N, 5, 2) or None.

    \b
    LABELS.json:
    {"detection": {"party.jpg": {
        "faces": [{"box": [x1, y1, x2, y2],
                   "lm": [[x, y], [x, y], [x, y], [x, y], [x, y]]}],
        "ignore": [[x1, y1, x2, y2]]}}}

    "lm" (eye at image left, eye at image right, nose, mouth left, right) and "ignore" (regions
    where detections are neither right nor wrong) may be left out.

    Exit status: 0 all went well, 1 a photo could not be read, 2 labels or model are wrong.
    """
    with told(failed=MISUSED):
        status = _detector(labels, photos, model, pictures, as_json)
    raise typer.Exit(status)


@app.command()
def embedder(
    labels: Labels,
    photos: Photos = None,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="pixels (a base line), or module:function.")
    ] = "pixels",
    as_json: Json = None,
) -> None:
    """Judge a face embedder: AUC, equal error rate, accuracy, TAR at FAR 0.01 over pairs.

    A function takes an aligned crop (112, 112, 3) uint8 RGB and returns a vector (D,).

    \b
    LABELS.json:
    {"verification": {
        "people": {"anna1.jpg": {"person": "anna", "lm": [[x, y], ... five points]}},
        "pairs": [["anna1.jpg", "anna2.jpg", 1], ["anna1.jpg", "ben.jpg", 0]]}}

    Without "pairs" every two photos are a pair.

    Exit status: 0 all went well, 1 a photo could not be read, 2 labels or model are wrong.
    """
    with told(failed=MISUSED):
        status = _embedder(labels, photos, model, as_json)
    raise typer.Exit(status)


def _require_place(file: Path | None) -> None:
    """Refuse a file that cannot be written before the work, not after it. Raises ValueError."""
    if file is None:
        return
    if file.is_dir():
        raise ValueError(f"{file}: a folder; name a file for --json")
    if not file.parent.is_dir():
        raise ValueError(f"{file}: there is no folder {file.parent}; make it, or change --json")
    if not os.access(file.parent, os.W_OK):
        raise ValueError(f"{file}: its folder cannot be written; change its rights, or --json")


def _detector(
    labels: Path, photos: Path | None, model: str, pictures: Path | None, as_json: Path | None
) -> int:
    from facelab.evaluation import judging, sheets
    from facelab.evaluation.labels import detection_labels
    from facelab.evaluation.models import detector_named
    from facelab.humans.packs.packing import make_folder

    _require_place(as_json)
    truth = detection_labels(labels)
    folder = judging.photo_folder(labels, photos)
    judging.require_photos(truth, folder)
    function = detector_named(model)
    if pictures is not None:
        make_folder(pictures)
    result = judging.run_detector(function, truth, folder, progress=_progress, on_error=_tell)
    scores = judging.judge_detector(result, truth)
    print(judging.detector_table(scores))
    if pictures is not None:
        wrong = sheets.false_alarms(result.found, truth)
        missed = sheets.misses(result.found, truth, scores["all"].threshold)
        for name, rows, role in (
            ("false_alarms", wrong, "prediction"),
            ("misses", missed, "truth"),
        ):
            path = pictures / f"{name}.png"
            sheets.write_sheet(path, rows, folder, role=role)
            print(f"{path}: {min(len(rows), sheets.MOST)} of {len(rows)} {name.replace('_', ' ')}")
    record = {"model": model, "photos": len(result.found), "left_out": result.left_out}
    return _finish(as_json, record | judging.detector_record(scores), result.left_out)


def _embedder(labels: Path, photos: Path | None, model: str, as_json: Path | None) -> int:
    from facelab.evaluation import judging
    from facelab.evaluation.labels import verification_labels
    from facelab.evaluation.models import embedder_named

    _require_place(as_json)
    people = verification_labels(labels)
    folder = judging.photo_folder(labels, photos)
    judging.require_photos(people.photos, folder)
    function = embedder_named(model)
    verdict, left_out, pairs = judging.judge_embedder(
        function, people, folder, progress=_progress, on_error=_tell
    )
    print(judging.embedder_table(verdict))
    record = {"model": model, "photos": len(people.photos) - len(left_out), "left_out": left_out}
    return _finish(as_json, record | judging.embedder_record(verdict, pairs), left_out)


def _finish(as_json: Path | None, record: dict[str, Any], left_out: dict[str, str]) -> int:
    from facelab.engine.files import write_whole

    if as_json is not None:
        try:
            write_whole(as_json, json.dumps(record, indent=1) + "\n")
        except OSError as problem:
            raise ValueError(
                f"{as_json}: cannot be written ({problem.strerror}); the figures are those above"
            ) from None
    if left_out:
        of = len(left_out) + record["photos"]
        report(f"{len(left_out)} of {of} photos could not be read; the figures are of the others")
    return PHOTO_FAILED if left_out else 0


def _progress(names: Iterable[str]) -> Iterator[str]:
    """A bar on a terminal's stderr."""
    from tqdm import tqdm

    yield from tqdm(
        list(names), desc="photos", unit="photo", file=sys.stderr, leave=False, disable=None
    )


def _tell(error: ImageError) -> None:
    report(readable(error))


if __name__ == "__main__":
    app()
