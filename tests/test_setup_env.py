"""Setting up: what a user is told when something is in the way, and what a second try does."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import setup_env

ROOT = Path(__file__).resolve().parents[1]


class FakePip:
    """Stands for the slow parts: records what would be installed, and may be interrupted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[list[str]] = []
        self.created = 0
        self.problem: BaseException | None = None
        self.peer_problem: BaseException | None = None
        monkeypatch.setattr(setup_env, "pip_install", self.install)
        monkeypatch.setattr(setup_env, "check_imports", lambda folder: None)
        monkeypatch.setattr(setup_env, "check_disk", lambda folder, torch: None)
        monkeypatch.setattr(setup_env, "runs", lambda python: python.exists())
        monkeypatch.setattr(setup_env, "venv", SimpleNamespace(create=self.create))

    def create(self, folder: Path, **_: object) -> None:
        self.created += 1
        python = setup_env.python_of(folder)
        python.parent.mkdir()
        python.touch()

    def install(self, folder: Path, arguments: list[str]) -> None:
        self.calls.append(list(arguments))
        problem = self.peer_problem if setup_env.PEER in self.calls[-1] else self.problem
        if problem:
            raise problem


@pytest.fixture
def pip(monkeypatch):
    return FakePip(monkeypatch)


def make(folder: Path, *more: str) -> int:
    return setup_env.main(["--venv", str(folder), *more])


def test_torch_is_installed_first_and_the_stamp_comes_last(tmp_path, pip):
    assert make(tmp_path / "env", "--extra", "test") == 0
    assert [call[0].partition(">")[0] for call in pip.calls] == ["torch", "-e", "--no-deps"]
    assert pip.calls[1] == ["-e", ".[test]"]
    assert json.loads((tmp_path / "env" / setup_env.READY).read_text())["extras"] == ["test"]


def test_a_second_call_does_nothing(tmp_path, pip, capsys):
    make(tmp_path / "env")
    capsys.readouterr()
    assert make(tmp_path / "env") == 0
    assert len(pip.calls) == 2
    assert capsys.readouterr().out == ""


def test_an_interrupted_attempt_is_made_again(tmp_path, pip, capsys):
    pip.problem = KeyboardInterrupt()
    assert make(tmp_path / "env") == 130
    assert "Run the same command again" in capsys.readouterr().err
    assert not (tmp_path / "env" / setup_env.READY).exists()
    (tmp_path / "env" / "half-written").touch()
    pip.problem = None
    assert make(tmp_path / "env") == 0
    assert pip.created == 2
    assert not (tmp_path / "env" / "half-written").exists()


def test_an_environment_whose_python_is_gone_is_made_again(tmp_path, pip):
    make(tmp_path / "env")
    setup_env.python_of(tmp_path / "env").unlink()
    assert make(tmp_path / "env") == 0
    assert pip.created == 2


def test_a_moved_environment_is_made_again(tmp_path, pip):
    make(tmp_path / "env")
    shutil.move(tmp_path / "env", tmp_path / "elsewhere")
    assert make(tmp_path / "elsewhere") == 0
    assert pip.created == 2


def test_new_requirements_update_the_environment_in_place(tmp_path, pip, monkeypatch):
    make(tmp_path / "env")
    monkeypatch.setattr(setup_env, "project_hash", lambda pyproject: "changed")
    assert make(tmp_path / "env") == 0
    assert (len(pip.calls), pip.created) == (4, 1)


def test_a_failed_update_keeps_the_environment(tmp_path, pip, monkeypatch, capsys):
    make(tmp_path / "env")
    monkeypatch.setattr(setup_env, "project_hash", lambda pyproject: "changed")
    pip.problem = setup_env.SetupError("no network")
    assert make(tmp_path / "env") == 1
    assert "no network" in capsys.readouterr().err
    pip.problem = None
    assert make(tmp_path / "env") == 0
    assert pip.created == 1


def test_settings_of_other_tools_do_not_cause_an_update(tmp_path):
    text = (ROOT / "pyproject.toml").read_text()
    (tmp_path / "a.toml").write_text(text)
    (tmp_path / "b.toml").write_text(text.replace("line-length = 100", "line-length = 99"))
    (tmp_path / "c.toml").write_text(text.replace("torch>=", "torch>"))
    a, b, c = (setup_env.project_hash(tmp_path / f"{name}.toml") for name in "abc")
    assert a == b
    assert a != c


def test_extras_of_an_earlier_call_stay(tmp_path, pip):
    make(tmp_path / "env", "--extra", "test")
    make(tmp_path / "env")
    assert len(pip.calls) == 3
    make(tmp_path / "env", "--extra", "render")
    assert pip.calls[-2] == ["-e", ".[render,test]"]


def test_the_peer_of_the_comparison_comes_with_the_tests_and_without_its_old_torch(tmp_path, pip):
    make(tmp_path / "env")
    assert not any(setup_env.PEER in call for call in pip.calls)
    make(tmp_path / "env", "--extra", "test")
    assert pip.calls[-1] == ["--no-deps", setup_env.PEER]


def test_a_peer_that_cannot_be_installed_is_told_once_and_is_no_error(tmp_path, pip, capsys):
    pip.peer_problem = setup_env.SetupError("no such version")
    assert make(tmp_path / "env", "--extra", "test") == 0
    assert f"{setup_env.PEER} could not be installed" in capsys.readouterr().out
    assert make(tmp_path / "env", "--extra", "test") == 0
    assert make(tmp_path / "env") == 0
    assert sum(setup_env.PEER in call for call in pip.calls) == 1
    assert capsys.readouterr().out == ""


def test_an_interrupted_peer_is_tried_again_in_the_same_environment(tmp_path, pip):
    pip.peer_problem = KeyboardInterrupt()
    assert make(tmp_path / "env", "--extra", "test") == 130
    pip.peer_problem = None
    assert make(tmp_path / "env", "--extra", "test") == 0
    assert pip.calls[-2] == pip.calls[-1] == ["--no-deps", setup_env.PEER]
    assert pip.created == 1


def test_a_new_environment_gets_its_peer_again(tmp_path, pip):
    make(tmp_path / "env", "--extra", "test")
    setup_env.python_of(tmp_path / "env").unlink()
    make(tmp_path / "env")
    assert pip.calls[-1] == ["--no-deps", setup_env.PEER]
    assert pip.created == 2


def test_cpu_torch_comes_from_the_cpu_index_and_is_remembered(tmp_path, pip):
    make(tmp_path / "env", "--torch", "cpu")
    assert pip.calls[0][-2:] == ["--index-url", setup_env.CPU_INDEX]
    assert "--index-url" not in pip.calls[1]
    assert make(tmp_path / "env") == 0
    assert len(pip.calls) == 2


def test_a_change_of_torch_is_refused_with_the_way_to_do_it(tmp_path, pip, capsys):
    make(tmp_path / "env")
    assert make(tmp_path / "env", "--torch", "cpu") == 1
    assert "make clean && make lab TORCH=cpu" in capsys.readouterr().err


def test_a_folder_of_somebody_else_is_left_alone(tmp_path, pip, capsys):
    (tmp_path / "thesis.txt").write_text("three years of work")
    assert make(tmp_path) == 1
    assert "not a working Python environment; it is left alone" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "three years of work"


def test_an_environment_that_the_user_made_is_used(tmp_path, pip):
    pip.create(tmp_path)
    assert make(tmp_path) == 0
    assert (len(pip.calls), pip.created) == (2, 1)


def test_a_full_disk_is_reported_with_two_ways_out(tmp_path, monkeypatch):
    usage = SimpleNamespace(free=5 * setup_env.GIB)
    monkeypatch.setattr(setup_env.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(setup_env.needed_gib, "__defaults__", ("linux",))
    with pytest.raises(setup_env.SetupError) as caught:
        setup_env.check_disk(tmp_path / "not" / "yet", "default")
    for part in ("5.0 GiB free", "needs 10.0 GiB", "VENV=", "TORCH=cpu"):
        assert part in str(caught.value)
    setup_env.check_disk(tmp_path, "cpu")


def test_a_python_without_venv_is_told_which_package_to_install(monkeypatch):
    monkeypatch.setattr(
        setup_env.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else name
    )
    with pytest.raises(setup_env.SetupError, match=r"apt-get install python3\.\d+-venv"):
        setup_env.check_venv_module()


def test_pip_is_given_every_argument_once(tmp_path, monkeypatch):
    commands = []

    def run(command, **_):
        commands.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(setup_env.subprocess, "run", run)
    setup_env.pip_install(tmp_path, ["--no-deps", "anything"])
    (command,) = commands
    assert command[:4] == [str(setup_env.python_of(tmp_path)), "-m", "pip", "install"]
    assert command[-2:] == ["--no-deps", "anything"]
    assert len(command) == len(set(command))


def test_a_failing_pip_leads_to_advice_and_leaves_no_scratch_files(tmp_path, capfd):
    python = setup_env.python_of(tmp_path)
    python.parent.mkdir()
    python.write_text("#!/bin/sh\nexit 7\n")
    python.chmod(0o755)
    with pytest.raises(setup_env.SetupError, match="Run the same command again"):
        setup_env.pip_install(tmp_path, ["anything"])
    assert not (tmp_path / "tmp").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("python", "expected"),
    [("/nowhere/python3", "/nowhere/python3 is missing or older"), ("", "none was found")],
)
def test_make_says_which_python_it_needs(tmp_path, python, expected):
    make_path = shutil.which("make")
    shell = shutil.which("sh")
    os.symlink(shell, tmp_path / "sh")
    found = subprocess.run(
        [make_path, "lab", f"PYTHON={python}", f"VENV={tmp_path / 'env'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path)},
    )
    assert found.returncode != 0
    assert "facelab needs Python 3.11 or newer" in found.stderr
    assert expected in found.stderr
    assert "make lab PYTHON=" in found.stderr
    assert not (tmp_path / "env").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_help_lists_the_two_commands():
    found = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for line in ("make lab ", "make test ", "TORCH=cpu", "--no-browser"):
        assert line in found.stdout


def test_the_script_runs_without_any_installed_package():
    command = [sys.executable, "-I", "-S", str(ROOT / "scripts/setup_env.py"), "--help"]
    assert subprocess.run(command, capture_output=True).returncode == 0
