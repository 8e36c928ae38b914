"""Read the one source of a lab, solutions/_source/NN_name.py, and refuse what breaks the rules.

A source is a percent-format file. Headers carry `key=value` metadata: tags, and for a solution
cell exercise, difficulty, minutes and idea. The lists below are complete; anything else is an
error with its line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from facelab.course.labs import cell_id, find_lab
from facelab.plots.publish import checked_alt

TAGS = (
    *("solution", "check", "hint-1", "hint-2", "hint-3", "figure", "widget", "gpu", "claim"),
    *("reveal", "instructor", "nbval-check-output"),
)
MARKDOWN_TAGS = ("instructor", "hint-1", "hint-2", "hint-3")
KEYS = ("tags", "exercise", "difficulty", "minutes", "idea")
LONGEST_CELL = 25
_HEADER = re.compile(r"^# %%")
_PICTURE = re.compile(r"!\[([^\]]*)\]\(|<img\b([^>]*)>")


class BuildError(ValueError):
    """A lab breaks a rule; the message names lab, line and reason."""


@dataclass(frozen=True)
class Cell:
    """One cell of a source. key: stays the same when cells of other sections come and go."""

    lab: str
    kind: str
    source: str
    line: int
    key: str
    tags: tuple[str, ...] = ()
    exercise: str = ""
    difficulty: int = 0
    minutes: int = 0
    idea: str = ""

    @property
    def id(self) -> str:
        """Return the id of the cell in both editions."""
        return cell_id(self.lab, self.key)

    def error(self, reason: str) -> BuildError:
        """Return an error that points at this cell."""
        return BuildError(f"{self.lab}.py, line {self.line}: {reason}")


def read_source(file: Path) -> list[Cell]:
    """Return the cells of a lab's source.

    Raises BuildError at the first broken rule.
    """
    try:
        lab = find_lab(file.stem).name
    except ValueError as error:
        raise BuildError(f"{file.name}: {error}") from None
    text = file.read_text(encoding="utf-8")
    cells = list(_parsed(text, lab))
    for cell in cells:
        _check_cell(cell)
    _check_order(cells)
    return cells


def _parsed(text: str, lab: str) -> Iterator[Cell]:
    try:
        import jupytext
    except ImportError:
        raise BuildError("building labs needs jupytext: pip install 'facelab[test]'") from None

    try:
        found = jupytext.reads(text, fmt="py:percent").cells
    except nbformat.ValidationError as error:
        raise BuildError(f"{lab}.py: a cell header is not valid: {error.message}") from None
    while found and (found[0].cell_type == "raw" or not found[0].source.strip()):
        found = found[1:]  # a comment on the file and empty lines, before its first cell
    lines = [number for number, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]
    if len(lines) != len(found):
        raise BuildError(f"{lab}.py: {len(found)} cells but {len(lines)} headers '# %%'")
    section, counts = "start", {"start": 0}
    for line, cell in zip(lines, found, strict=True):
        metadata = {key: value for key, value in cell.metadata.items() if "lines_to" not in key}
        unknown = [key for key in metadata if key not in KEYS]
        if unknown:
            broken = "incorrectly_encoded_metadata" in unknown
            reason = "the cell header cannot be read" if broken else f"unknown metadata {unknown}"
            raise BuildError(f"{lab}.py, line {line}: {reason}")
        tags = metadata.get("tags", [])
        heading = re.match(r"#+\s+(.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading and "instructor" not in tags:
            section = _new_section(heading.group(1), counts)
        key = f"{section} {counts[section]}"
        if "exercise" in metadata:
            key = f"exercise {metadata['exercise']}"
        elif "instructor" in tags:
            place = f"{section} instructor"
            counts[place] = counts.get(place, -1) + 1
            key = f"{place} {counts[place]}"
        else:
            counts[section] += 1
        yield Cell(
            lab=lab,
            kind=cell.cell_type,
            source=cell.source,
            line=line,
            key=key,
            tags=tuple(tags),
            exercise=metadata.get("exercise", ""),
            difficulty=metadata.get("difficulty", 0),
            minutes=metadata.get("minutes", 0),
            idea=metadata.get("idea", ""),
        )


def _new_section(heading: str, counts: dict[str, int]) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-") or "section"
    section, again = slug, 2
    while section in counts:
        section, again = f"{slug}-{again}", again + 1
    counts[section] = 0
    return section


def _check_cell(cell: Cell) -> None:
    allowed = TAGS if cell.kind == "code" else MARKDOWN_TAGS
    for tag in cell.tags:
        if tag not in allowed:
            where = "" if tag not in TAGS else f" on a {cell.kind} cell"
            raise cell.error(f"unknown tag {tag!r}{where}; known: {', '.join(allowed)}")
    if cell.kind == "markdown":
        _check_pictures(cell)
    elif cell.kind == "code":
        _check_code(cell)
    else:
        raise cell.error(f"a {cell.kind} cell is neither code nor markdown")
    if bool(cell.exercise) != ("solution" in cell.tags):
        raise cell.error("exercise= and the tag 'solution' belong together")
    if cell.exercise:
        if cell.difficulty not in range(1, 6) or cell.minutes not in range(1, 91):
            raise cell.error("an exercise needs difficulty=1 to 5 and minutes=1 to 90")
        if not cell.idea.strip():
            raise cell.error("an exercise needs idea=, the one sentence beside the solution link")


def _check_pictures(cell: Cell) -> None:
    for markdown_alt, attributes in _PICTURE.findall(cell.source):
        quoted = re.search(r"alt\s*=\s*[\"']([^\"']*)", attributes)
        alt = quoted.group(1) if quoted else markdown_alt
        try:
            checked_alt(alt)
        except ValueError as error:
            raise cell.error(f"picture: {error}") from None


def _check_code(cell: Cell) -> None:
    length = len(cell.source.splitlines())
    if length > LONGEST_CELL:
        raise cell.error(f"{length} lines of code, at most {LONGEST_CELL}: move it to the package")
    shows = list(calls(cell, "plots.show"))
    for call in shows:
        given = [word.value for word in call.keywords if word.arg == "alt"]
        if not given:
            raise cell.error("plots.show needs alt=")
        if isinstance(given[0], ast.Constant):
            try:
                checked_alt(str(given[0].value))
            except ValueError as error:
                raise cell.error(str(error)) from None
    if "figure" in cell.tags and not shows:
        raise cell.error("a figure cell shows its figure with plots.show(fig, alt=...)")


def _check_order(cells: list[Cell]) -> None:
    from facelab.course.checking import UnknownExercise, find_exercise

    code = [cell for cell in cells if cell.kind == "code"]
    asked: set[str] = set()
    names: set[str] = set()
    for cell, following in zip(code, [*code[1:], None], strict=True):
        asked |= {_first_text(call) for call in calls(cell, "predict")}
        for call in calls(cell, "predict.reveal"):
            if _first_text(call) not in asked:
                raise cell.error(f"predict.reveal({_first_text(call)!r}) comes before its question")
        if "check" in cell.tags and not names & {name for name, _ in checks_in(cell)}:
            raise cell.error("a check cell follows its exercise and calls check.NAME")
        if not cell.exercise:
            continue
        if cell.exercise in names:
            raise cell.error(f"exercise {cell.exercise!r} is there twice")
        names.add(cell.exercise)
        checked = following is not None and "check" in following.tags
        if following is None or not checked or cell.exercise not in dict(checks_in(following)):
            raise cell.error(
                f"exercise {cell.exercise!r}: the next code cell must be its check, tagged "
                f"'check', with {cell.exercise} = check.{cell.exercise}({cell.exercise})"
            )
        try:
            found = find_exercise(cell.exercise)
        except UnknownExercise as error:
            raise cell.error(f"no check is registered: {error}") from None
        if found.lab != cell.lab:
            raise cell.error(f"the check of {cell.exercise!r} is registered for {found.lab}")


def calls(cell: Cell, name: str) -> Iterator[ast.Call]:
    """Yield the calls of `name`, for example "plots.show", in a code cell."""
    for node in ast.walk(syntax(cell)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
            yield node


def checks_in(cell: Cell) -> Iterator[tuple[str, ast.Call]]:
    """Yield name and call of every `check.NAME(...)` in a code cell."""
    for node in ast.walk(syntax(cell)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if ast.unparse(node.func.value) == "check" and node.func.attr != "hint":
                yield node.func.attr, node


def syntax(cell: Cell) -> ast.Module:
    """Return the syntax tree of a code cell; lines of magics and shell commands count as `pass`.

    Raises BuildError when it is not Python.
    """
    try:
        return ast.parse(re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", cell.source))
    except SyntaxError as error:
        raise cell.error(f"not Python: {error.msg} in line {error.lineno} of the cell") from None


def _first_text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return str(first.value) if isinstance(first, ast.Constant) else ""
