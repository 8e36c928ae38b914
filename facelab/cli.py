"""The command `facelab`.

Only the standard library and typer are imported here: torch is loaded once a photo has to be
looked at, so `facelab --help` answers at once.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

PHOTO_FAILED, MISUSED, INTERRUPTED = 1, 2, 130

# of commands whose arguments another app reads, which is imported only then
_PASSED_ON: dict[str, Any] = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}

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


def describe(problem: Exception) -> str:
    """Return an exception's message for people."""
    if isinstance(problem, ValueError) and str(problem):
        return str(problem)
    if isinstance(problem, OSError) and problem.strerror:
        where = f"{problem.filename}: " if problem.filename is not None else ""
        return f"{where}{problem.strerror}"
    return f"{type(problem).__name__}: {problem}"


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
    from facelab.detecting import detect_all

    def detector() -> Any:
        options = {"compat": compat and compat.value, "thresholds": (0.6, 0.7, threshold)}
        return _detector(landmarks, weights=weights, min_face=min_face, **options)

    with told(failed=MISUSED):
        status = detect_all(photos, detector, out=out, as_json=as_json)
    raise typer.Exit(status)


def _detector(landmarks: Landmarks, **options: Any) -> Any:
    """Build MTCNN, and who places the points instead of it."""
    import facelab

    detector = facelab.load("mtcnn", **options)
    if landmarks is Landmarks.OWN:
        return detector
    from facelab.pipeline import with_landmarks

    return with_landmarks(detector, facelab.load(landmarks.value))


@app.command(context_settings=_PASSED_ON)
def course(context: typer.Context) -> None:
    """Show your progress in the labs, or build them."""
    from facelab.course.cli import app as course_app

    course_app(args=context.args or ["--help"], prog_name="facelab course")


@app.command(context_settings=_PASSED_ON)
def data(context: typer.Context) -> None:
    """Render synthetic people, and look after packs of them."""
    from facelab.humans.cli import app as data_app

    data_app(args=context.args or ["--help"], prog_name="facelab data")


@app.command(name="eval", context_settings=_PASSED_ON)
def evaluate(context: typer.Context) -> None:
    """Judge a detector or an embedder on labelled photos of your own."""
    from facelab.evaluation.cli import app as evaluation_app

    evaluation_app(args=context.args or ["--help"], prog_name="facelab eval")


@app.command(context_settings=_PASSED_ON)
def train(context: typer.Context) -> None:
    """Train a model on synthetic people by its recipe."""
    from facelab.training_cli import train_app

    train_app(args=context.args or ["--help"], prog_name="facelab train")


@app.command(context_settings=_PASSED_ON)
def reproduce(context: typer.Context) -> None:
    """Measure what a paper claims, over several seeds."""
    from facelab.training_cli import reproduce_app

    reproduce_app(args=context.args or ["--help"], prog_name="facelab reproduce")


if __name__ == "__main__":
    main()
