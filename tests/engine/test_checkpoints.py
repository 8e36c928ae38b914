"""A run that was stopped goes on as if nothing had happened, and only where it belongs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from facelab.engine import checkpoints
from facelab.engine.checkpoints import CheckpointError
from tests.engine import small_run
from tests.engine.small_run import budget, loss, network, same, train


class Stop(Exception):
    """Stands for whatever ends a run."""


def stops_at(step, how):
    def watched(model, batch):
        watched.calls += 1
        if watched.calls == step:
            how()
        return loss(model, batch)

    watched.calls = 0
    return watched


def broken_off(folder, *, at=8, **options):
    """Leave a folder as a run does that fails at a step, having saved after each step before."""

    def fail():
        raise Stop

    with pytest.raises(Stop):
        train(folder, loss=stops_at(at, fail), save_every_s=0, **options)


def test_a_killed_process_goes_on_to_the_very_same_weights(tmp_path):
    """SIGKILL, at no chosen moment: the process writes a checkpoint most of the time."""
    steps = 150
    command = [sys.executable, small_run.__file__, str(tmp_path), str(steps), "0.005"]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.getcwd()})
    log, limit = tmp_path / "log.jsonl", time.monotonic() + 60
    while not log.exists() or len(log.read_text().splitlines()) < 4:
        assert process.poll() is None and time.monotonic() < limit
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "rank0.pt").exists(), "it was killed before its end"
    killed_at = checkpoints._read(tmp_path / "checkpoint.pt")["step"]
    assert 19 <= killed_at < steps, "the row of a step is written before its checkpoint"

    def samples(model, batch):
        return loss(model, batch) | {"samples": torch.tensor(8.0)}

    resumed, history = train(tmp_path, steps=steps, loss=samples)
    whole, expected = train(steps=steps, loss=samples)
    assert same(resumed, whole)
    assert history.steps == expected.steps and history.losses == expected.losses
    rows = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert rows == expected.steps, "no row twice, none missing"


@pytest.mark.parametrize("stop", range(1, 12, 2))
def test_any_step_is_a_good_place_to_go_on_from(tmp_path, stop):
    broken_off(tmp_path, at=stop + 1)
    resumed, history = train(tmp_path)
    whole, expected = train()
    assert same(resumed, whole)
    assert history.losses == expected.losses


def test_rows_of_steps_that_were_lost_go_from_the_log(tmp_path, monkeypatch):
    """The end comes between the row of step 10 and the checkpoint of step 10."""
    save = checkpoints.save_checkpoint

    def fails_at_10(folder, state, about):
        if state["step"] == 10:
            raise Stop
        save(folder, state, about)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(checkpoints, "save_checkpoint", fails_at_10)
        train(tmp_path, save_every_s=0)
    log = tmp_path / "log.jsonl"
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [5, 10]
    told = []
    train(tmp_path, on_log=lambda step, _: told.append(step))
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == [5, 10, 12]
    assert told == [5, 10, 12]


def test_ctrl_c_saves_first_and_the_run_goes_on_from_there(tmp_path, capfd):
    def interrupt():
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, loss=stops_at(7, interrupt))
    assert signal.getsignal(signal.SIGINT) is before
    assert "saving after this step" in capfd.readouterr().err
    assert checkpoints._read(tmp_path / "checkpoint.pt")["step"] == 7
    rows = []
    resumed, _ = train(tmp_path, on_log=lambda step, losses: rows.append(step))
    assert same(resumed, train()[0])
    assert rows == [5, 10, 12], "rows from before are told again"


def test_ctrl_c_twice_stops_at_once(tmp_path):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, loss=stops_at(7, twice))
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_finished_run_is_read_and_not_done_again(tmp_path, capsys):
    model, history = train(tmp_path)

    def never(model, batch):
        raise AssertionError("a step was taken")

    again, same_history = train(tmp_path, loss=never, show=True)
    assert same(model, again)
    assert same_history.losses == history.losses
    assert "was finished before: 12 of 12 steps" in capsys.readouterr().out


def test_time_is_counted_over_all_parts_and_more_of_it_may_be_given(tmp_path):
    def slow(model, batch):
        time.sleep(0.03)
        return loss(model, batch)

    short = budget(max_seconds=0.2)
    _, history = train(tmp_path, loss=slow, budget=short)
    stopped = history.steps[-1]
    assert stopped < 12
    _, history = train(tmp_path, loss=slow, budget=short)
    assert history.steps[-1] == stopped, "its time is over"
    resumed, history = train(tmp_path, loss=slow, budget=budget(max_seconds=30))
    assert history.steps[-1] == 12 and history.seconds > 0.3
    assert same(resumed, train()[0])


def test_without_resume_a_run_starts_anew_and_the_old_one_is_gone(tmp_path):
    broken_off(tmp_path)
    steps = []
    train(tmp_path, resume=False, on_log=lambda step, _: steps.append(step))
    assert steps == [5, 10, 12]
    broken_off(tmp_path, at=1, resume=False)
    assert list(tmp_path.iterdir()) == [], "what is left could be taken for the new run's"


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"seed": 1}, r"seed differ \(seed: there '0', here '1'\)"),
        ({"budget": budget(13)}, "budget differ.*12 steps of 8.*13 steps of 8"),
        ({"config": {"margin": 0.3}}, "config differ"),
        ({"clip": 1.0}, "clip differ"),
        ({"precision": "bf16-mixed"}, "precision differ"),
        ({"model": network(hidden=7)}, r"model differ.*\[7\].*optimizer|model differ.*\[7"),
        ({"scheduler": None}, "scheduler differ"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_with_what_differs(tmp_path, other, named):
    broken_off(tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(CheckpointError, match=named) as caught:
        train(tmp_path, **other)
    assert str(tmp_path / "checkpoint.pt") in str(caught.value)
    assert "--no-resume" in str(caught.value)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "hostile", "foreign"])
def test_a_damaged_or_foreign_checkpoint_says_which_file_and_what_to_do(
    tmp_path, damage, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    broken_off(tmp_path / "run")
    path = tmp_path / "run" / "checkpoint.pt"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-200])
    elif damage in ("empty", "text"):
        path.write_bytes(b"" if damage == "empty" else b"no checkpoint at all")
    else:
        torch.save(Hostile() if damage == "hostile" else {"weights": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: .*delete it to start anew"):
        train(tmp_path / "run")
    assert not Path("owned").exists()
    train(tmp_path / "run", resume=False)


def test_a_write_that_fails_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    broken_off(tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        train(tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert {file.name for file in tmp_path.iterdir()} == {"checkpoint.pt", "log.jsonl"}


def test_what_cannot_be_read_back_is_refused_at_the_first_checkpoint(tmp_path):
    class Odd(torch.optim.lr_scheduler.StepLR):
        def state_dict(self):
            return {"where": Path("x")}

    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(CheckpointError, match="more than tensors"):
        train(tmp_path, model=model, optimizer=optimizer, scheduler=Odd(optimizer, 2))
    assert not (tmp_path / "checkpoint.pt").exists()


def test_remains_of_a_killed_write_are_cleared_away(tmp_path):
    rest = tmp_path / ".checkpoint.pt.0a1b.tmp"
    rest.write_bytes(b"half")
    train(tmp_path)
    assert not rest.exists()
