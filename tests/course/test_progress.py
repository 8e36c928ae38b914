import pytest
from typer.testing import CliRunner

from facelab.course import progress
from facelab.course.checking import exercises
from facelab.course.cli import app
from facelab.course.labs import ALL, EXTRAS, LABS, find_lab, solution_link
from facelab.course.records import note_exercise, records


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACELAB_HOME", str(tmp_path))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)


def test_the_page_lists_all_twelve_labs_in_order_with_their_sequels_after_them(capsys):
    progress.show()
    keys = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [key for key in keys if key.isdigit()] == [f"{number:02d}" for number in range(12)]
    assert keys[keys.index("02") :][:5] == ["02", "02a", "02b", "02c", "03"]
    assert len(keys) == len(LABS) + len(EXTRAS)


def test_a_lab_goes_from_open_to_in_progress_to_done():
    start = find_lab("00")
    names = [one.name for one in exercises("00")]
    assert progress.state_of(start)[0] == "open"
    note_exercise(names[0], hinted=True)
    assert progress.state_of(start)[0] == "in progress"
    for name in names:
        note_exercise(name, attempted=True, solved=True)
    state, line = progress.state_of(start)
    assert state == "done"
    assert line[2:4] == [f"{len(names)} of {len(names)}", "1"]


def test_a_state_is_told_by_word_and_mark():
    assert progress.state_of(find_lab("00"))[1][1] == "○ open"
    assert {progress.state_of(lab)[1][1] for lab in ALL} <= {"○ open", "· planned"}


def test_quiz_answers_are_shown():
    def edit(everything):
        everything["quizzes"]["00_start_here"] = {"1": True, "2": False}

    records().change(edit)
    state, line = progress.state_of(find_lab("00"))
    assert state == "in progress"
    assert line[5] == "1 of 2 right"


def test_course_status_prints_the_page():
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 0
    assert "03 MTCNN" in result.output


@pytest.mark.parametrize("key", ["03", "3", "mtcnn", "03_mtcnn"])
def test_a_lab_is_found_by_number_or_name(key):
    assert find_lab(key).name == "03_mtcnn"


@pytest.mark.parametrize("key", ["02b", "2b", "cfan", "02b_cfan"])
def test_a_sequel_is_found_too_and_lies_in_a_folder_of_its_own(key):
    assert find_lab(key).place.as_posix() == "extras/02b_cfan.ipynb"
    assert find_lab("02").part == ""


def test_an_unknown_lab_lists_the_known_ones():
    with pytest.raises(ValueError, match="11_capstone"):
        find_lab("12")


def test_the_link_to_a_solution_names_its_cell():
    assert solution_link("03_mtcnn", "nms") != solution_link("03_mtcnn", "iou")
    assert solution_link("03_mtcnn", "nms").startswith("../solutions/03_mtcnn.ipynb#cell-id=")
    assert solution_link("02b_cfan", "x").startswith("../../solutions/extras/02b_cfan.ipynb#")
