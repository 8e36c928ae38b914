"""The command `facelab`.

Only the standard library and typer are imported here: torch is loaded once a photo has to be
looked at, so `facelab --help` answers at once.
"""

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from facelab.types import Faces

PHOTO_FAILED, MISUSED, INTERRUPTED = 1, 2, 130
COLUMNS: tuple[str, ...] = (
    "face",
    "score",
    "x1",
    "y1",
    "x2",
    "y2",
    "eye L",
    "eye R",
    "nose",
    "mouth L",
    "mouth R",
)

app = typer.Typer(
    name="facelab",
    help="Find faces, train and judge models, make synthetic people, and look after the labs of "
    "the course.",
    epilog="Try `facelab detect photo.jpg`; `facelab detect --help` lists what else it can do.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Compat(StrEnum):
    """Other implementations whose results `detect` can reproduce."""

    FACENET = "facenet"


class Landmarks(StrEnum):
    """Where the five points of `detect` come from: the detector, or a model of its own."""

    OWN = "own"
    CASCADE = "dcnn_cascade"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; a user never meets a traceback.

    FACELAB_DEBUG=1 (or `--debug`) prints it after all.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # a replaced stream, as in tests
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(args=list(arguments) if arguments is not None else None)
    except Exception as problem:
        report(f"unexpected problem: {type(problem).__name__}: {problem}")
        show_traceback()
        if not debugging():
            report("say FACELAB_DEBUG=1 to see where it happened")
        sys.exit(PHOTO_FAILED)


def debugging() -> bool:
    """Say whether tracebacks are wanted."""
    return os.environ.get("FACELAB_DEBUG", "") not in ("", "0")


def show_traceback() -> None:
    """Print the traceback of the exception at hand, where it is wanted."""
    if debugging():
        traceback.print_exc()


def report(message: str) -> None:
    """Print a message for people; stdout is for results."""
    print(f"facelab: {message}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def told(
    *expected: type[Exception], failed: int = PHOTO_FAILED, stopped: str = "interrupted"
) -> Iterator[None]:
    """Turn what a user can mend into one line on stderr and an exit status, for all commands.

    expected: kinds of errors beside those of values, files and missing packages. failed: the exit
    status. stopped: what to say to Ctrl-C. Anything else goes on to `main`, as a mistake of ours.
    """
    kinds: tuple[type[Exception], ...] = (ValueError, OSError, ImportError, *expected)
    try:
        yield
    except KeyboardInterrupt:
        report(stopped)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise  # `| head` has seen enough, which typer knows how to end
    except kinds as problem:
        ours = isinstance(problem, (ImportError, *expected))  # written for people to read
        report(readable(str(problem) if ours else describe(problem), lines=True))
        show_traceback()
        raise typer.Exit(failed) from None


def readable(name: object, *, lines: bool = False) -> str:
    """Return a text that any terminal can print: no control characters, no broken encoding; a line
    only, or several."""
    return "".join(c if c.isprintable() or (lines and c == "\n") else "?" for c in str(name))


def print_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        import facelab

        print(f"facelab {facelab.__version__}")
        raise typer.Exit


def photo_path(name: str) -> Path:
    """Return the path of a photo or folder; the empty name would be the folder we are in."""
    if not name:
        raise typer.BadParameter("the name is empty")
    return Path(name)


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of problems.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True),
    ] = False,
) -> None:
    """Set what all commands share."""
    if debug:
        os.environ["FACELAB_DEBUG"] = "1"


@app.command(no_args_is_help=True)
def detect(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO",
            parser=photo_path,
            help="Photos, or folders to search.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write pictures with the faces marked to this folder."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a line of JSON for each photo, not a table.")
    ] = False,
    min_face: Annotated[
        float,
        typer.Option(
            min=12, metavar="PIXELS", help="Smallest face to look for; larger ones are faster."
        ),
    ] = 20,
    threshold: Annotated[
        float, typer.Option(min=0, max=1, metavar="SCORE", help="Lowest score of a face to report.")
    ] = 0.7,
    weights: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", help="Weights of MTCNN: public, facenet-pytorch, or a file."
        ),
    ] = "public",
    compat: Annotated[
        Compat | None,
        typer.Option(metavar="facenet", help="Find exactly what facenet-pytorch 2.6.0 finds."),
    ] = None,
    landmarks: Annotated[
        Landmarks,
        typer.Option(help="Who places the five points: the detector, or the cascade of lab 02."),
    ] = Landmarks.OWN,
) -> None:
    """Find the faces in photos: boxes, scores and five landmarks.

    Boxes are x1 y1 x2 y2 in pixels of the upright photo. L and R are left and right as seen in
    the picture. A photo that cannot be read is reported, and the others go on.

    \b
    facelab detect party.jpg                    a table on the screen
    facelab detect album --out marked           and pictures in the folder marked
    facelab detect album --json > faces.jsonl   numbers for another program

    Exit status: 0 all went well, 1 a photo failed, 2 the command was misused.
    """
    with told(failed=MISUSED):
        status = _detect(photos, out, as_json, weights, min_face, threshold, compat, landmarks)
    raise typer.Exit(status)


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def course(context: typer.Context) -> None:
    """Show your progress in the labs, or build them."""
    from facelab.course.cli import app as course_app

    course_app(args=context.args or ["--help"], prog_name="facelab course")


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def data(context: typer.Context) -> None:
    """Render synthetic people, and look after packs of them."""
    from facelab.humans.cli import app as data_app

    data_app(args=context.args or ["--help"], prog_name="facelab data")


@app.command(
    name="eval",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def evaluate(context: typer.Context) -> None:
    """Judge a detector or an embedder on labelled photos of your own."""
    from facelab.evaluation.cli import app as evaluation_app

    evaluation_app(args=context.args or ["--help"], prog_name="facelab eval")


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def train(context: typer.Context) -> None:
    """Train a model on synthetic people by its recipe."""
    from facelab.training_cli import train_app

    train_app(args=context.args or ["--help"], prog_name="facelab train")


@app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def reproduce(context: typer.Context) -> None:
    """Measure what a paper claims, over several seeds."""
    from facelab.training_cli import reproduce_app

    reproduce_app(args=context.args or ["--help"], prog_name="facelab reproduce")


def _detect(
    arguments: list[Path],
    out: Path | None,
    as_json: bool,
    weights: str,
    min_face: float,
    threshold: float,
    compat: Compat | None,
    landmarks: Landmarks,
) -> int:
    photos, failed = list_photos(arguments, out)
    targets = annotated_names(photos, out) if out else {}
    import facelab

    detector = facelab.load(
        "mtcnn",
        weights=weights,
        min_face=min_face,
        thresholds=(0.6, 0.7, threshold),
        compat=compat.value if compat else None,
    )
    if landmarks is not Landmarks.OWN:
        from facelab.pipeline import with_landmarks

        detector = with_landmarks(detector, facelab.load(landmarks.value))
    for path, message in failed.items():
        tell_failure(path, message, as_json=as_json, say=print)
    with progress(photos) as (paths, say):
        for path in paths:
            try:
                result = look_at(path, detector, targets.get(path))
            except Exception as problem:
                failed[path] = describe(problem)
                tell_failure(path, failed[path], as_json=as_json, say=say)
                show_traceback()
                continue
            say(json.dumps(result) if as_json else table(result))
    asked = failed.keys() | set(photos)
    if failed and len(asked) > 1:
        report(f"{len(failed)} of {len(asked)} failed")
    return PHOTO_FAILED if failed else 0


def list_photos(arguments: list[Path], out: Path | None) -> tuple[list[Path], dict[Path, str]]:
    """Return the photos that were asked for, each once, and what cannot be searched with reasons.

    Pictures under `out` that only a search above it finds are left out: an earlier run wrote them.
    """
    from facelab.images import ImageError, find_images

    photos: dict[Path, None] = {}
    failed: dict[Path, str] = {}
    for argument in arguments:
        if not os.path.isdir(argument):
            photos[argument] = None
            continue
        errors: list[ImageError] = []
        found = find_images(argument, on_error=errors.append)
        failed.update((Path(error.where), str(error)) for error in errors)
        if out and is_below(out, argument):
            found = [photo for photo in found if not is_below(photo, out)]
        if not found and not errors:
            failed[argument] = "no photo in this folder"
        photos.update(dict.fromkeys(found))
    return list(photos), failed


def is_below(path: Path, folder: Path) -> bool:
    """Say whether a path lies inside a folder, links followed."""
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents


def annotated_names(photos: list[Path], out: Path) -> dict[Path, Path]:
    """Make `out`; return where each photo's marked picture goes: their folders, mirrored there.

    Raises typer.BadParameter when that is impossible or would overwrite a photo.
    """
    if not photos:
        return {}
    inputs = {os.path.realpath(path) for path in photos}
    absolute = {photo: Path(os.path.abspath(photo)) for photo in photos}
    common_folder = os.path.commonpath([path.parent for path in absolute.values()])
    targets: dict[Path, Path] = {}
    for photo, path in absolute.items():
        target = out / path.relative_to(common_folder)
        suffix = "" if target.suffix.lower() in (".png", ".jpg", ".jpeg") else ".png"
        target = target.with_name(target.name + suffix)
        while target in targets.values():  # a.webp beside a photo that is called a.webp.png
            target = target.with_name(target.name + ".png")
        if os.path.realpath(target) in inputs:
            raise typer.BadParameter(
                f"{readable(target)} is one of the photos and would be overwritten; "
                "choose another folder",
                param_hint="--out",
            )
        targets[photo] = target
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        reason = "it is a file" if out.is_file() else problem.strerror
        raise typer.BadParameter(
            f"cannot make the folder {readable(out)}: {reason}", param_hint="--out"
        ) from None
    return targets


def look_at(path: Path, detector: Any, target: Path | None) -> dict[str, Any]:
    """Return what is printed of one photo; write its marked picture to `target`, if given."""
    from facelab.images import read_image

    photo = read_image(path)
    faces = detector(photo)
    result = {
        "photo": str(path),
        "width": photo.shape[1],
        "height": photo.shape[0],
        "faces": face_records(faces),
    }
    if target is not None:
        from facelab import plots
        from facelab.images import write_image

        target.parent.mkdir(parents=True, exist_ok=True)
        write_image(target, plots.annotate(photo, faces))
        result["annotated"] = str(target)
    return result


def face_records(faces: "Faces") -> list[dict[str, Any]]:
    """Return one dictionary a face, numbers rounded to what they mean."""
    records = []
    for i in range(len(faces)):
        points = None  # as long as they are not known, which NaN says too
        if faces.landmarks is not None and not faces.landmarks[i].isnan().any():
            points = [[round(x, 2) for x in point] for point in faces.landmarks[i].tolist()]
        records.append(
            {
                "box": [round(x, 2) for x in faces.boxes[i].tolist()],
                "score": round(float(faces.scores[i]), 6),
                "landmarks": points,
            }
        )
    return records


def table(result: dict[str, Any]) -> str:
    """Return one photo's faces as lines for people, in whole pixels; JSON has the decimals."""
    faces = result["faces"]
    count = f"{len(faces) or 'no'} face{'' if len(faces) == 1 else 's'}"
    size = f"{result['width']} x {result['height']}"
    lines = [f"{readable(result['photo'])} ({size}): {count}"]
    if faces:
        rows = [COLUMNS]
        for number, face in enumerate(faces, start=1):
            box = (f"{x:.0f}" for x in face["box"])
            points = [f"{x:.0f},{y:.0f}" for x, y in face["landmarks"] or ()] or ["-"] * 5
            rows.append((str(number), f"{face['score']:.3f}", *box, *points))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
    if "annotated" in result:
        lines.append(f"  marked picture: {readable(result['annotated'])}")
    return "\n".join(lines)


def describe(problem: Exception) -> str:
    """Return an exception's message for people."""
    if isinstance(problem, ValueError) and str(problem):
        return str(problem)
    if isinstance(problem, OSError) and problem.strerror:
        where = f"{problem.filename}: " if problem.filename is not None else ""
        return f"{where}{problem.strerror}"
    return f"{type(problem).__name__}: {problem}"


def tell_failure(path: Path, message: str, *, as_json: bool, say: Any) -> None:
    """Report a photo that failed on stderr, and in the JSON lines."""
    text = readable(message)
    prefix = "" if str(path) in text else f"{readable(path)}: "
    report(prefix + text)
    if as_json:
        say(json.dumps({"photo": str(path), "error": message}))


@contextlib.contextmanager
def progress(photos: list[Path]) -> Iterator[tuple[Any, Any]]:
    """Yield the photos, with a bar on a terminal's stderr, and a print that spares the bar."""
    from tqdm import tqdm

    bar = tqdm(
        photos,
        desc="photos",
        unit="photo",
        file=sys.stderr,
        leave=False,
        disable=None if len(photos) > 1 else True,
    )

    def say(text: str) -> None:
        with bar.external_write_mode(file=sys.stdout):
            print(text, flush=True)

    with bar:
        yield bar, say


if __name__ == "__main__":
    main()
