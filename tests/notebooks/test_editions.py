"""Every lab in solutions/_source: its editions are up to date, linked, short and described."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from facelab.course.build import LARGEST, notebook_files, source_files, stale_files
from facelab.course.checking import exercises
from facelab.course.labs import ALL, find_lab
from facelab.course.quizzing import load_quiz
from facelab.course.source import LONGEST_CELL, TAGS, read_source

ROOT = Path(__file__).parents[2]
SOURCES = source_files(ROOT)
LABELS = [file.stem for file in SOURCES]

every_lab = pytest.mark.parametrize("file", SOURCES, ids=LABELS)
every_edition = pytest.mark.parametrize("folder", ["notebooks", "solutions"])


def path_of(file, folder):
    return ROOT / folder / find_lab(file.stem).place


def notebook(file, folder):
    return nbformat.read(path_of(file, folder), as_version=4)


@every_lab
def test_both_editions_are_what_the_source_builds(file):
    assert stale_files(ROOT, [file.stem]) == []


def test_no_notebook_is_without_source():
    stray = [
        path.name
        for folder in ("notebooks", "solutions")
        for path in notebook_files(ROOT, folder)
        if path.stem not in LABELS
    ]
    assert stray == []


def test_the_labs_that_the_course_calls_available_have_a_source():
    assert {lab.name for lab in ALL if lab.available} == set(LABELS)


@every_lab
@every_edition
def test_code_cells_are_short_and_tags_known(file, folder):
    for cell in notebook(file, folder).cells:
        assert set(cell.metadata.get("tags", [])) <= set(TAGS)
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source


@every_lab
@every_edition
def test_links_between_the_files_of_the_course_lead_somewhere(file, folder):
    for cell in notebook(file, folder).cells:
        if cell.cell_type != "markdown":
            continue
        for target in re.findall(r"\]\(([^)\s]+)\)", cell.source):
            if re.match(r"[a-z]+:", target) or target.startswith("#"):
                continue
            path, _, fragment = target.partition("#")
            place = path_of(file, folder).parent / path
            assert place.exists(), f"{target} leads nowhere"
            if fragment.startswith("cell-id="):
                ids = [other.id for other in nbformat.read(place, as_version=4).cells]
                assert fragment.removeprefix("cell-id=") in ids


@every_lab
@every_edition
def test_every_picture_has_alt_text(file, folder):
    for cell in notebook(file, folder).cells:
        text = cell.source if cell.cell_type == "markdown" else ""
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert not any(kind.startswith("image/") for kind in data)
            text += data.get("text/html", "")
        for tag in re.findall(r"<img\b[^>]*>", text):
            assert re.search(r'\balt="[^"]{10,}"', tag)
        assert not re.search(r"!\[\s*\]\(", text)


@every_lab
def test_the_learner_edition_has_open_exercises_and_no_outputs(file):
    cells = notebook(file, "notebooks").cells
    stubs = [cell for cell in cells if "exercise" in cell.metadata.get("facelab", {})]
    assert stubs or find_lab(file.stem).part  # a sequel may only tell and show
    for cell in stubs:
        assert "raise NotImplementedError" in cell.source
        ast.parse(cell.source)
    assert all(not cell.get("outputs") for cell in cells)
    assert not any("instructor" in cell.metadata.get("tags", []) for cell in cells)


@every_lab
def test_the_solution_edition_was_executed_and_every_check_passed(file):
    cells = notebook(file, "solutions").cells
    for cell in cells:
        if cell.cell_type != "code":
            continue
        assert cell.execution_count
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
        if "check" in cell.metadata.get("tags", []):
            assert "passed, going on with yours" in str(cell.outputs)


@every_lab
def test_every_registered_exercise_of_the_lab_is_in_it(file):
    inside = [cell.exercise for cell in read_source(file) if cell.exercise]
    assert sorted(inside) == sorted(one.name for one in exercises(file.stem))


@every_lab
def test_the_lab_predicts_shows_and_asks(file):
    cells = read_source(file)
    code = "\n".join(cell.source for cell in cells if cell.kind == "code")
    if find_lab(file.stem).part:
        assert any("figure" in cell.tags for cell in cells)
        return
    if not file.stem.startswith("00"):
        assert len(re.findall(r"\bpredict\(", code)) >= 3
        assert any("widget" in cell.tags for cell in cells)
        seen = [bool({"figure", "widget"} & set(cell.tags)) for cell in cells]
        assert max(map(len, "".join("x" if see else "." for see in seen).split("x"))) <= 6
    assert "quiz(" in code
    assert load_quiz(file.stem).questions


@every_lab
@every_edition
def test_a_notebook_is_small(file, folder):
    assert path_of(file, folder).stat().st_size < LARGEST
