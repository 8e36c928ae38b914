"""What `facelab detect` does: photos and folders in, tables or JSON lines, marked pictures out."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from facelab.cli import PHOTO_FAILED, describe, readable, report, show_traceback

if TYPE_CHECKING:
    from facelab.pipeline import Detector
    from facelab.types import Faces

BOX, POINTS = ("x1", "y1", "x2", "y2"), ("eye L", "eye R", "nose", "mouth L", "mouth R")
COLUMNS: tuple[str, ...] = ("face", "score", *BOX, *POINTS)


def detect_all(
    arguments: list[Path], build: Callable[[], Detector], *, out: Path | None, as_json: bool
) -> int:
    """Print the faces of all photos; return the exit status.

    arguments: photos and folders. build: makes the detector, once it is clear that there is work.
    out: folder for marked pictures. A photo that cannot be read is reported, and the others go on.
    Raises typer.BadParameter for a folder that cannot be used.
    """
    photos, failed = list_photos(arguments, out)
    targets = annotated_names(photos, out) if out else {}
    detector = build()
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


def look_at(path: Path, detector: Detector, target: Path | None) -> dict[str, Any]:
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


def face_records(faces: Faces) -> list[dict[str, Any]]:
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
        rows: list[tuple[str, ...]] = [COLUMNS]
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
