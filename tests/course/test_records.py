import json
import os
import subprocess
import sys

import pytest

from facelab.course import records


@pytest.fixture
def home(tmp_path, monkeypatch):
    folder = tmp_path / "home"
    monkeypatch.setenv("FACELAB_HOME", str(folder))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setattr(records, "_OPEN", {})
    return folder


def stored(home):
    return json.loads((home / "progress.json").read_text())


def test_attempts_hints_and_success_are_counted(home):
    records.note_exercise("nms", attempted=True)
    assert records.note_exercise("nms", hinted=True) == 1
    assert records.note_exercise("nms", hinted=True) == 2
    records.note_exercise("nms", attempted=True, solved=True)
    entry = stored(home)["exercises"]["nms"]
    assert (entry["attempts"], entry["hints"], entry["solved"]) == (2, 2, True)


def test_a_solved_exercise_stays_solved_after_a_wrong_attempt(home):
    records.note_exercise("nms", attempted=True, solved=True)
    records.note_exercise("nms", attempted=True)
    assert stored(home)["exercises"]["nms"]["solved"] is True


def test_time_at_work_is_added_up_without_long_pauses(home, monkeypatch):
    for now in (1000.0, 1060.0, 1060.0 + 3 * records.PAUSE_S, 1090.0 + 3 * records.PAUSE_S):
        monkeypatch.setattr(records.time, "time", lambda now=now: now)
        records.note_exercise("nms", attempted=True)
    assert stored(home)["exercises"]["nms"]["seconds"] == 90.0


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"version": 0}', '{"version": 1, "exercises": 3}', "\x00\x00", "[" * 100_000]
    + ['{"version":1,"exercises":{"nms":{"attempts":"x"}},"guesses":{},"quizzes":{}}'],
)
def test_a_damaged_file_is_set_aside_with_a_message_and_kept(home, text, capsys):
    home.mkdir()
    (home / "progress.json").write_text(text)
    records.note_exercise("nms", solved=True)
    assert stored(home)["exercises"]["nms"]["solved"] is True
    aside = list(home.glob("progress.damaged-*.json"))
    assert [file.read_text() for file in aside] == [text]
    assert "was damaged" in capsys.readouterr().out


def test_bytes_that_are_no_text_are_set_aside(home):
    home.mkdir()
    (home / "progress.json").write_bytes(b"\xff\xfe{")
    assert records.records().read()["exercises"] == {}
    assert len(list(home.glob("progress.damaged-*.json"))) == 1


def test_a_file_of_a_newer_version_is_left_alone(home, capsys):
    home.mkdir()
    text = '{"version": 99, "what": "is this"}'
    (home / "progress.json").write_text(text)
    records.note_exercise("nms", solved=True)
    assert (home / "progress.json").read_text() == text
    assert records.records().read()["exercises"]["nms"]["solved"] is True
    assert "newer version" in capsys.readouterr().out


def test_where_nothing_can_be_written_the_records_live_in_memory_with_one_message(
    tmp_path, home, monkeypatch, capsys
):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("FACELAB_HOME", str(tmp_path / "file" / "below"))
    records.note_exercise("nms", attempted=True)
    records.note_exercise("nms", attempted=True, solved=True)
    assert records.records().read()["exercises"]["nms"]["attempts"] == 2
    assert capsys.readouterr().out.count("Progress is not stored") == 1


def test_what_was_stored_stays_visible_when_the_disk_becomes_read_only(home, monkeypatch):
    records.note_exercise("iou", solved=True)

    def refuse(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(records, "write_whole", refuse)
    records.note_exercise("nms", solved=True)
    assert set(records.records().read()["exercises"]) == {"iou", "nms"}
    assert set(stored(home)["exercises"]) == {"iou"}


def test_an_interrupted_write_leaves_the_old_file_and_no_rubbish(home, monkeypatch):
    records.note_exercise("iou", solved=True)
    before = stored(home)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        records.note_exercise("nms", solved=True)
    assert stored(home) == before
    assert sorted(file.name for file in home.iterdir()) == ["progress.json", "progress.lock"]


def test_running_a_solution_records_nothing(home, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/somewhere/solutions/03_mtcnn.ipynb")
    records.note_exercise("nms", solved=True)
    assert not home.exists()


def test_two_kernels_do_not_lose_each_other_s_records(home):
    count = "from facelab.course.records import note_exercise\nfor _ in range(40):\n"
    count += "    note_exercise('nms', attempted=True)"
    both = [subprocess.Popen([sys.executable, "-c", count]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert stored(home)["exercises"]["nms"]["attempts"] == 80
