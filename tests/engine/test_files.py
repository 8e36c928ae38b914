"""Files are there in full or not at all."""

from __future__ import annotations

import os

import pytest

from facelab.engine.files import replacing, write_whole


def test_text_and_bytes_replace_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    write_whole(path, "ä")
    assert path.read_bytes() == "ä".encode()
    write_whole(path, b"\x00")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"\x00"


def test_a_failure_while_writing_keeps_the_old_file_and_leaves_no_rubbish(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        assert temporary.parent == path.parent, "a rename must not cross file systems"
        raise KeyboardInterrupt
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "old")]


def test_a_failure_while_renaming_keeps_the_old_file_and_leaves_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("old")

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("file", "old")]


def test_new_files_get_the_usual_rights(tmp_path):
    (tmp_path / "usual").write_text("")
    write_whole(tmp_path / "file", "text")
    with replacing(tmp_path / "private") as temporary:
        temporary.unlink()  # as writers do that put a file of their own there
        os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    rights = [(tmp_path / name).stat().st_mode for name in ("usual", "file", "private")]
    assert rights[0] == rights[1] == rights[2]
