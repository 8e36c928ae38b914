"""Build notebooks/ and solutions/ from solutions/_source/, and say when they are out of date.

Ids depend on the section and place of a cell, so that a build of unchanged sources changes no
byte. A solution is executed only when its code changed since the stored outputs were made (or
when that is asked for).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from facelab.course.editions import fingerprint, learner_edition, solution_edition
from facelab.course.execution import execute
from facelab.course.labs import find_lab
from facelab.course.source import BuildError, read_source
from facelab.engine.files import write_whole

LARGEST = 1_500_000  # bytes of one notebook


def find_root(start: Path | None = None) -> Path:
    """Return the folder that holds solutions/_source, at `start` or above it.

    Raises BuildError when there is none.
    """
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "solutions" / "_source").is_dir():
            return folder
    raise BuildError(f"no solutions/_source at {here} or above: run this inside the repository")


def source_files(root: Path, labs: Sequence[str] = ()) -> list[Path]:
    """Return the sources of the named labs, or all of them.

    Raises BuildError for a lab that is unknown or has no source.
    """
    folder = root / "solutions" / "_source"
    if not labs:
        files = [*folder.glob("[0-9]*.py"), *folder.glob("extras/[0-9]*.py")]
        return sorted(files, key=lambda file: file.name)
    files = []
    for key in labs:
        try:
            files.append(folder / find_lab(key).place.with_suffix(".py"))
        except ValueError as error:
            raise BuildError(str(error)) from None
        if not files[-1].is_file():
            raise BuildError(f"lab {files[-1].stem} has no source yet (solutions/_source)")
    return files


def notebook_files(root: Path, folder: str) -> list[Path]:
    """Return all notebooks of `notebooks` or `solutions`, sequels too, in the course's order."""
    here = root / folder
    files = [*here.glob("*.ipynb"), *here.glob("extras/*.ipynb")]
    return sorted(files, key=lambda file: file.name)


def build_lab(
    file: Path,
    *,
    run: bool | None = None,
    budget: str = "laptop",
    say: Callable[[str], None] = print,
) -> None:
    """Write both editions of a lab.

    run: True executes the solution, False does not, None does when its code changed.
    Raises BuildError when the source breaks a rule or the solution does not run.
    """
    cells = read_source(file)
    root = find_root(file)
    place = find_lab(file.stem).place
    solution = solution_edition(cells)
    learner = learner_edition(cells)
    unchanged = _keep_outputs(solution, root / "solutions" / place)
    if run or (run is None and not unchanged):
        say(f"{file.stem}: running the solution")
        target = (root / "solutions" / place).parent
        target.mkdir(parents=True, exist_ok=True)
        execute(solution, folder=target, budget=budget)
    _write(learner, root / "notebooks" / place)
    _write(solution, root / "solutions" / place)
    say(f"{file.stem}: built, {len(learner.cells)} cells for the learner")


def stale_files(root: Path, labs: Sequence[str] = ()) -> list[str]:
    """Return a line for each notebook that a build would change, or that has no source.

    Outputs are not compared.
    Raises BuildError when a source breaks a rule.
    """
    lines = []
    files = source_files(root, labs)
    for file in files:
        cells = read_source(file)
        for folder, fresh in (
            ("notebooks", learner_edition(cells)),
            ("solutions", solution_edition(cells)),
        ):
            place = f"{folder}/{find_lab(file.stem).place}"
            stored = _read(root / place)
            if stored is None:
                lines.append(f"{place} is missing")
            elif fingerprint(stored) != fingerprint(fresh):
                lines.append(f"{place} is stale: {_first_difference(stored, fresh)}")
            elif folder == "solutions" and "budget" not in stored.metadata.get("facelab", {}):
                lines.append(f"{place} has not been executed")
    if not labs:
        known = {file.stem for file in files}
        for folder in ("notebooks", "solutions"):
            for path in notebook_files(root, folder):
                if path.stem not in known:
                    place = path.relative_to(root).as_posix()
                    lines.append(f"{place} has no source in solutions/_source")
    return lines


def _first_difference(stored: NotebookNode, fresh: NotebookNode) -> str:
    old, new = fingerprint(stored), fingerprint(fresh)
    for index, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            parts = ("id", "type", "source", "tags", "metadata")
            what = next(part for part, a, b in zip(parts, one, other, strict=True) if a != b)
            return f"the {what} of cell {index + 1} differs"
    return f"{len(old)} cells stored, {len(new)} in a fresh build"


def _keep_outputs(fresh: NotebookNode, path: Path) -> bool:
    """Copy stored outputs into cells with the same code; return whether all code is unchanged."""
    stored = _read(path)
    if stored is None:
        return False
    old = {(cell["id"], cell.source): cell for cell in stored.cells if cell.cell_type == "code"}
    code = [cell for cell in fresh.cells if cell.cell_type == "code"]
    for cell in code:
        match = old.get((cell["id"], cell.source))
        if match is not None:
            cell.outputs, cell.execution_count = match.outputs, match.execution_count
    budget = stored.metadata.get("facelab", {}).get("budget")
    unchanged = [(cell["id"], cell.source) for cell in code] == list(old)
    if unchanged and budget:
        fresh.metadata["facelab"]["budget"] = budget
    return bool(unchanged and budget)


def _read(path: Path) -> NotebookNode | None:
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        return None
    except (ValueError, nbformat.ValidationError) as error:
        raise BuildError(f"{path.name} is not a notebook: {error}") from None


def _write(notebook: NotebookNode, path: Path) -> None:
    nbformat.validate(notebook)
    text = nbformat.writes(notebook) + "\n"
    if len(text.encode()) > LARGEST:
        size = len(text.encode()) / 1e6
        raise BuildError(f"{path.name} would be {size:.1f} MB, at most 1.5: make figures smaller")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
