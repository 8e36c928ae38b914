import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output
from typer.testing import CliRunner

from facelab.course import build as building
from facelab.course.build import build_lab, find_root, source_files, stale_files
from facelab.course.cli import app
from facelab.course.execution import _check_outputs
from facelab.course.source import BuildError

SAMPLE = Path(__file__).parent / "data" / "00_start_here.py"
QUIET = {"say": lambda _: None}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A repository with the sample lab, built and executed once."""
    root = tmp_path_factory.mktemp("built")
    (root / "solutions" / "_source").mkdir(parents=True)
    shutil.copy(SAMPLE, root / "solutions" / "_source")
    build_lab(root / "solutions" / "_source" / SAMPLE.name, budget="smoke", **QUIET)
    return root


@pytest.fixture
def root(built, tmp_path):
    """A copy of it that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "root"))


@pytest.fixture
def no_run(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the solution was executed")

    monkeypatch.setattr(building, "execute", refuse)


def source(root):
    return root / "solutions" / "_source" / SAMPLE.name


def read(root, folder):
    return nbformat.read(root / folder / "00_start_here.ipynb", as_version=4)


def edit(root, old, new):
    text = source(root).read_text()
    assert old in text
    source(root).write_text(text.replace(old, new))


def outputs(root):
    return "\n".join(
        str(output) for cell in read(root, "solutions").cells for output in cell.get("outputs", [])
    )


def test_both_editions_are_valid_and_only_the_solution_has_outputs(built):
    for folder in ("notebooks", "solutions"):
        nbformat.validate(read(built, folder))
    assert all(not cell.get("outputs") for cell in read(built, "notebooks").cells)
    assert "9 checks passed" in outputs(built)
    assert "for the instructor only" in outputs(built)


def test_stored_outputs_hold_pictures_instead_of_widgets_and_no_progress_bars(built):
    text = outputs(built)
    assert "widget-view" not in text and "stderr" not in text and "%|" not in text
    assert "A grey square that gets brighter." in text
    assert "widgets" not in read(built, "solutions").metadata
    assert "version" not in read(built, "solutions").metadata["language_info"]


def test_a_second_build_changes_no_byte_and_runs_nothing(root, no_run):
    files = [root / folder / "00_start_here.ipynb" for folder in ("notebooks", "solutions")]
    before = [file.read_bytes() for file in files]
    build_lab(source(root), **QUIET)
    assert [file.read_bytes() for file in files] == before
    assert stale_files(root) == []


def test_a_change_of_words_keeps_the_outputs(root, no_run):
    edit(root, "One sentence.", "Another sentence.")
    build_lab(source(root), **QUIET)
    assert "9 checks passed" in outputs(root)
    assert "Another sentence." in read(root, "notebooks").cells[0].source


@pytest.mark.parametrize("run", [None, True])
def test_changed_code_or_a_wish_executes_again(root, monkeypatch, run):
    ran = []
    monkeypatch.setattr(building, "execute", lambda *_, **__: ran.append(1))
    if run is None:
        edit(root, "range(3)", "range(4)")
    build_lab(source(root), run=run, **QUIET)
    assert ran == [1]


def test_without_execution_changed_cells_lose_their_outputs_and_the_lab_counts_as_stale(
    root, no_run
):
    edit(root, "[[0.0, 0, 2, 1]]", "[[0.0, 0, 2, 2]]")
    build_lab(source(root), run=False, **QUIET)
    assert "9 checks passed" in outputs(root) and "overlap 0.50" not in outputs(root)
    assert stale_files(root) == ["solutions/00_start_here.ipynb has not been executed"]


@pytest.mark.parametrize(
    ("old", "new", "what", "files"),
    [
        ("One sentence.", "Two.", "the source of cell 1", 2),
        ('["reveal"]', '["claim"]', "the tags of cell", 2),
        ("difficulty=2", "difficulty=3", "the metadata of cell", 2),
        ("for the instructor", "for a teacher", "the source of cell", 1),
        ("Clamp the", "First clamp the", "the source of cell", 1),
        ("# ## See it move", "# ## See it", "the id of cell", 2),
    ],
)
def test_a_stale_edition_is_named_with_what_differs(root, old, new, what, files):
    edit(root, old, new)
    stale = stale_files(root)
    assert len(stale) == files
    assert all("is stale" in line and what in line for line in stale)


def test_a_notebook_edited_by_hand_is_stale(root):
    path = root / "notebooks" / "00_start_here.ipynb"
    notebook = read(root, "notebooks")
    notebook.cells[1].source += "\nx = 1"
    nbformat.write(notebook, path)
    assert stale_files(root) == [
        "notebooks/00_start_here.ipynb is stale: the source of cell 2 differs"
    ]


def test_a_sequel_is_built_into_the_folder_of_the_extras(root):
    file = source(root).parent / "extras" / "02b_cfan.py"
    file.parent.mkdir()
    file.write_text("# %% [markdown]\n# # A sequel\n# %%\nprint(1 + 1)\n")
    assert source_files(root, ["cfan"]) == [file] == source_files(root)[1:]
    build_lab(file, budget="smoke", **QUIET)
    solved = nbformat.read(root / "solutions" / "extras" / "02b_cfan.ipynb", as_version=4)
    assert solved.cells[1].outputs[0].text == "2\n"
    assert stale_files(root) == []
    file.unlink()
    assert stale_files(root) == [
        f"{folder}/extras/02b_cfan.ipynb has no source in solutions/_source"
        for folder in ("notebooks", "solutions")
    ]


def test_missing_and_orphaned_notebooks_are_named(root):
    (root / "notebooks" / "00_start_here.ipynb").rename(root / "notebooks" / "05_old.ipynb")
    assert stale_files(root) == [
        "notebooks/00_start_here.ipynb is missing",
        "notebooks/05_old.ipynb has no source in solutions/_source",
    ]


def test_outputs_are_not_compared(root):
    path = root / "solutions" / "00_start_here.ipynb"
    path.write_text(path.read_text().replace("overlap 0.50", "overlap 0.51"))
    assert stale_files(root) == []


def test_a_failing_solution_stops_the_build_and_leaves_the_old_files(root):
    before = (root / "solutions" / "00_start_here.ipynb").read_bytes()
    source(root).write_text("# %%\nx = 1\n# %%\nraise ValueError('on purpose')\n")
    with pytest.raises(BuildError, match="on purpose"):
        build_lab(source(root), **QUIET)
    assert (root / "solutions" / "00_start_here.ipynb").read_bytes() == before


def test_a_progress_bar_in_a_compared_cell_is_refused(root):
    text = "# %%\nimport sys\n# %% tags=['nbval-check-output']\nprint('50%|##', file=sys.stderr)\n"
    source(root).write_text(text.replace("'nbval-check-output'", '"nbval-check-output"'))
    with pytest.raises(BuildError, match="draws a progress bar"):
        build_lab(source(root), **QUIET)


def test_a_solution_that_does_not_end_is_stopped(root, monkeypatch):
    monkeypatch.setattr("facelab.course.execution.CELL_LIMIT_S", 2)
    source(root).write_text("# %%\nwhile True:\n    pass\n")
    with pytest.raises(BuildError, match="did not come to an end"):
        build_lab(source(root), **QUIET)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (new_output("stream", name="stderr", text="UserWarning: old"), "writes to stderr"),
        (new_output("display_data", data={"image/png": "aGk="}), "without alt text"),
        (new_output("display_data", data={"text/html": '<img src="x">'}), "without alt text"),
        (new_output("stream", name="stdout", text=f"in {Path.home()}/x"), "path of this machine"),
        (new_output("stream", name="stdout", text="<f at 0x7f12aa34bb>"), "memory address"),
    ],
)
def test_an_output_that_cannot_be_stored_is_named_with_its_cell(output, reason):
    with pytest.raises(BuildError, match=f"begins 'f\\(\\)'.*{reason}"):
        _check_outputs("00_start_here", new_code_cell("f()", outputs=[output]))


def test_a_widget_cell_without_static_twin_is_refused():
    cell = new_code_cell("f()", metadata={"tags": ["widget"]})
    with pytest.raises(BuildError, match="no static twin"):
        _check_outputs("00_start_here", cell)


def test_a_large_notebook_is_refused(root, monkeypatch, no_run):
    monkeypatch.setattr(building, "LARGEST", 1000)
    with pytest.raises(BuildError, match="at most 1.5"):
        build_lab(source(root), **QUIET)


def test_sources_are_chosen_by_number_or_name(root, tmp_path):
    assert [file.stem for file in source_files(root, ["start_here"])] == ["00_start_here"]
    with pytest.raises(BuildError, match="no source yet"):
        source_files(root, ["11"])
    with pytest.raises(BuildError, match="no lab is called"):
        source_files(root, ["cooking"])
    assert find_root(root / "notebooks") == root
    with pytest.raises(BuildError, match="inside the repository"):
        find_root(tmp_path)


def test_the_command_checks_and_builds(root, monkeypatch, no_run):
    monkeypatch.chdir(root)
    assert CliRunner().invoke(app, ["build", "--check"]).exit_code == 0
    edit(root, "One sentence.", "Two.")
    stale = CliRunner().invoke(app, ["build", "--check"])
    assert stale.exit_code == 1 and "notebooks/00_start_here.ipynb is stale" in stale.output
    assert CliRunner().invoke(app, ["build", "00"]).exit_code == 0
    assert CliRunner().invoke(app, ["build", "--check"]).exit_code == 0


def test_the_command_reports_a_mistake_in_one_line(root, monkeypatch):
    monkeypatch.chdir(root)
    source(root).write_text("# %%\nx = = 1\n")
    result = CliRunner().invoke(app, ["build"])
    assert result.exit_code == 1
    assert "00_start_here.py, line 1: not Python" in result.output
    assert "Traceback" not in result.output
