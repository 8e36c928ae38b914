"""Every learner edition runs from top to bottom before a single exercise is solved."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from facelab.course.build import notebook_files

LABS = notebook_files(Path(__file__).resolve().parents[2], "notebooks")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(path: Path, folder: Path) -> list[str]:
    """Run a notebook to its end, also past errors; return the errors that its cells show."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=120,
        iopub_timeout=10,
        startup_timeout=120,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, "FACELAB_BUDGET": "smoke", "FACELAB_HOME": str(folder)})
    return [
        f"cell {number} ({cell.source.strip().splitlines()[0]}): {output.ename}: {output.evalue}"
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_learner_edition_runs_unsolved(path, tmp_path):
    assert run(path, tmp_path) == []


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_a_learner_edition_is_stored_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert [c.id for c in notebook.cells if c.get("outputs") or c.get("execution_count")] == []


def test_there_are_labs():
    assert [path.stem for path in LABS][:1] == ["00_start_here"]


def test_an_error_in_a_lab_is_noticed(tmp_path):
    cells = [nbformat.v4.new_code_cell("1 / 0"), nbformat.v4.new_code_cell("2 / 0")]
    path = tmp_path / "broken.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert [error.partition(":")[0] for error in run(path, tmp_path)] == [
        "cell 0 (1 / 0)",
        "cell 1 (2 / 0)",
    ]
