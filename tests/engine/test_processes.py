"""Several processes take the step that one would take, and end with equal weights."""

import os
import subprocess
import sys

import pytest
import torch

from facelab.engine.processes import Machine, current_machine, share, using_machine
from tests.engine import small_run
from tests.engine.small_run import budget, same, train


def test_the_shares_of_a_batch_are_equal_and_make_up_the_batch():
    samples = torch.arange(12).reshape(6, 2)
    shares = [share(samples, rank, 3) for rank in range(3)]
    assert [len(part) for part in shares] == [2, 2, 2]
    assert sorted(torch.cat(shares).flatten().tolist()) == list(range(12))
    assert share(torch.tensor(3.0), 1, 3) == 3.0


def test_samples_that_cannot_be_shared_equally_are_refused():
    with pytest.raises(ValueError, match="7 samples cannot be shared equally by 2"):
        share(torch.zeros(7), 0, 2)


def test_a_choice_goes_before_the_machine_in_use_and_that_before_the_default():
    with using_machine(Machine(devices=3, precision="bf16-mixed", resume=False)):
        assert current_machine(precision="32-true", devices=None) == Machine(
            devices=3, resume=False
        )
    assert current_machine() == Machine()


def test_what_the_command_asked_for_reaches_a_run_that_says_nothing(tmp_path):
    train(tmp_path)
    with using_machine(Machine(accelerator="cpu", resume=False)):
        calls = []
        train(tmp_path, accelerator=None, on_log=lambda step, _: calls.append(step))
    assert calls == [5, 10, 12]
    with pytest.raises(ValueError, match="devices: at least 1"):
        Machine(devices=0)


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a card")
    with pytest.raises(ValueError, match="cannot train on 1 cuda device"):
        train(accelerator="cuda")


@pytest.mark.slow
@pytest.mark.parametrize("starter", ["fabric", "torchrun"])
def test_two_processes_share_each_batch_and_end_with_equal_weights(tmp_path, starter):
    arguments = [small_run.__file__, str(tmp_path), "12", "0"]
    command = [sys.executable, *arguments, "2"]
    if starter == "torchrun":
        run = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        command = [sys.executable, *run, *arguments]
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-3000:]}"
    found = [torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in range(2)]
    assert [one["world"] for one in found] == [2, 2], "or nothing was tested"
    for name, value in found[0]["weights"].items():
        assert torch.equal(value, found[1]["weights"][name]), name
    assert found[0]["losses"] == found[1]["losses"]
    assert [one["resumed"] for one in found] == [True, True], "each with its own dropout"
    assert set(found[0]["losses"]["samples"]) == {4.0}, "each process takes half of the 8 samples"
    alone = torch.nn.Linear(4, 1)
    torch.nn.init.zeros_(alone.weight), torch.nn.init.zeros_(alone.bias)
    train(steps=3, model=alone)
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(found[0]["plain"][name], value)


def test_a_batch_that_processes_cannot_share_is_refused_before_the_first_step(monkeypatch):
    from lightning_fabric import Fabric

    monkeypatch.setattr(Fabric, "world_size", property(lambda self: 3))
    monkeypatch.setattr("facelab.engine.processes.start", lambda machine: Fabric(accelerator="cpu"))
    with pytest.raises(ValueError, match="8 samples a step cannot be shared equally by 3"):
        train(budget=budget())


def test_equal_models_are_seen_as_equal_and_others_not():
    one, other = small_run.network(1), small_run.network(2)
    assert same(one, small_run.network(1)) and not same(one, other)
