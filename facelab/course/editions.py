"""Make the two editions of a lab from its source: open exercises for the learner, and solved."""

from __future__ import annotations

import ast
import io
import textwrap
import tokenize
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from facelab.course.labs import cell_id, solution_link
from facelab.course.source import Cell, checks_in, syntax

LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def learner_edition(cells: list[Cell]) -> NotebookNode:
    """Return the notebook with open exercises, each check with a folded link to its solution."""
    ideas = {cell.exercise: cell.idea for cell in cells if cell.exercise}
    built = []
    for cell in cells:
        if "instructor" in cell.tags:
            continue
        hint = next((tag for tag in cell.tags if tag.startswith("hint-")), "")
        if hint:
            built.append(_markdown(cell, _folded_hint(cell, hint)))
        elif cell.kind == "markdown":
            built.append(_markdown(cell, cell.source))
        else:
            source = stub(cell) if cell.exercise else cell.source
            tags = [tag for tag in cell.tags if tag != "nbval-check-output"]
            built.append(_code(cell, source, tags))
        if "check" in cell.tags:
            built += [
                _solution_link(cell.lab, name, ideas[name])
                for name, _ in checks_in(cell)
                if name in ideas
            ]
    return _notebook(cells[0].lab, "learner", built)


def solution_edition(cells: list[Cell]) -> NotebookNode:
    """Return the solved notebook, not yet executed."""
    built = [
        _markdown(cell, cell.source)
        if cell.kind == "markdown"
        else _code(cell, cell.source, list(cell.tags))
        for cell in cells
        if not any(tag.startswith("hint-") for tag in cell.tags)
    ]
    return _notebook(cells[0].lab, "solution", built)


def stub(cell: Cell) -> str:
    """Return a solution cell with open bodies: decorators, signatures and docstrings stay.

    Raises BuildError when the cell holds anything but functions and classes.
    """
    parts = []
    for node in syntax(cell).body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            raise cell.error(
                "a solution cell holds only def and class; move the rest to another cell"
            )
        parts.append(_open(cell, node))
    if not parts:
        raise cell.error("a solution cell needs a def or class")
    return "\n\n\n".join(parts)


def _open(cell: Cell, node: ast.FunctionDef | ast.ClassDef) -> str:
    header = _header(cell.source, node)
    indent = " " * (node.col_offset + 4)
    pieces = [header]
    first = node.body[0]
    has_docstring = ast.get_docstring(node) is not None
    if has_docstring:
        pieces.append(_lines(cell.source, first.lineno, first.end_lineno or first.lineno))
    if isinstance(node, ast.FunctionDef):
        reason = f"exercise {cell.exercise}: write me, then run the check below"
        pieces.append(f'{indent}raise NotImplementedError("{reason}")')
        return "\n".join(pieces)
    for inner in node.body[has_docstring:]:
        if isinstance(inner, ast.FunctionDef):
            pieces += ["", _open(cell, inner)]
        elif isinstance(inner, (ast.Assign, ast.AnnAssign)):
            pieces.append(_lines(cell.source, inner.lineno, inner.end_lineno or inner.lineno))
        else:
            raise cell.error(f"class {node.name}: only fields and methods can be opened")
    return "\n".join(pieces)


def _header(source: str, node: ast.FunctionDef | ast.ClassDef) -> str:
    """Return decorators and signature up to the colon, with a comment that follows it."""
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    text = _lines(source, node.lineno, node.end_lineno or node.lineno)
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(textwrap.dedent(text)).readline):
        depth += (token.string in "([{") - (token.string in ")]}") if token.string else 0
        if token.type == tokenize.OP and token.string == ":" and depth == 0:
            row, column = token.end
            break
    lines = text.splitlines()[:row]
    column += node.col_offset
    after = lines[-1][column:]
    lines[-1] = lines[-1] if after.lstrip().startswith("#") else lines[-1][:column]
    before = [_lines(source, first, node.lineno - 1)] if first < node.lineno else []
    return "\n".join([*before, *lines])


def _lines(source: str, first: int, last: int) -> str:
    return "\n".join(source.splitlines()[first - 1 : last])


def _folded_hint(cell: Cell, tag: str) -> str:
    body = cell.source if cell.kind == "markdown" else f"```python\n{cell.source}\n```"
    return _folded(f"Hint {tag[-1]}", body)


def _folded(title: str, body: str) -> str:
    return f"<details>\n<summary>{title}</summary>\n\n{body}\n\n</details>"


def _solution_link(lab: str, exercise: str, idea: str) -> NotebookNode:
    body = f"{idea}\n\n[The solution of `{exercise}`]({solution_link(lab, exercise)})"
    cell = new_markdown_cell(_folded(f"The idea, and a solution of {exercise}", body))
    cell["id"] = cell_id(lab, f"solution link {exercise}")
    return cell


def _markdown(cell: Cell, source: str) -> NotebookNode:
    built = new_markdown_cell(source)
    built["id"] = cell.id
    if "instructor" in cell.tags:
        built.metadata["tags"] = ["instructor"]
    return built


def _code(cell: Cell, source: str, tags: list[str]) -> NotebookNode:
    built = new_code_cell(source)
    built["id"] = cell.id
    if tags:
        built.metadata["tags"] = tags
    if cell.exercise:
        built.metadata["facelab"] = {
            "exercise": cell.exercise,
            "difficulty": cell.difficulty,
            "minutes": cell.minutes,
        }
    return built


def _notebook(lab: str, edition: str, cells: list[NotebookNode]) -> NotebookNode:
    notebook = new_notebook(cells=cells)
    notebook.metadata.update(
        kernelspec=dict(KERNEL),
        language_info=dict(LANGUAGE),
        facelab={"lab": lab, "edition": edition},
    )
    nbformat.validate(notebook)
    return notebook


def fingerprint(notebook: NotebookNode) -> list[tuple[Any, ...]]:
    """Return what must not differ between a committed notebook and a fresh build; no outputs."""
    return [
        (
            cell["id"],
            cell["cell_type"],
            cell["source"],
            tuple(cell["metadata"].get("tags", ())),
            tuple(sorted(cell["metadata"].get("facelab", {}).items())),
        )
        for cell in notebook["cells"]
    ]
