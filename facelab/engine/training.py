"""The training loop of every paper: `fit`.

It stops on steps or time, refuses NaN, saves and goes on, and runs unchanged in one process or in
several, on a processor or a graphics card (facelab/engine/processes.py).

On a processor a run that was killed and goes on ends with the same weights, bit for bit, as one
that never stopped. A graphics card adds in an order of its own: there it holds only as far as its
operations are deterministic.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from facelab.engine import checkpoints, processes, randomness
from facelab.engine.budget import Budget
from facelab.engine.runs import Display, History, OnLog, Run

Loss = Callable[[Any, Any], Mapping[str, Tensor]]
Batches = Callable[[int], Iterator[Any]]

TRIALS, TRIAL_SECONDS = 3, 2.0  # steps that are timed for the estimate, and when that is enough
TRIAL_SHARE = 0.05  # of all steps, and of the time limit


def fit(
    model: nn.Module,
    loss: Loss,
    batches: Batches,
    *,
    budget: Budget,
    optimizer: torch.optim.Optimizer,
    scheduler: Any = None,
    folder: str | Path | None = None,
    resume: bool | None = None,
    log_every: int = 20,
    on_log: OnLog | None = None,
    seed: int = 0,
    accelerator: str | None = None,
    devices: int | None = None,
    precision: str | None = None,
    clip: float | None = None,
    title: str = "training",
    config: Mapping[str, Any] | None = None,
    save_every_s: float = 30.0,
    show: bool = True,
    bar: bool | None = None,
) -> History:
    """Train the model in place, in train mode; it comes back in eval mode, where it was.

    loss(model, batch): name -> scalar; their sum is minimised. batches(start): the batches from
    step `start` on, of CPU tensors; batch k depends on the seed and k alone, or a resumed run would
    not see the same data. scheduler: steps once after each step of the optimizer.
    folder: for checkpoint.pt and log.jsonl, written each `save_every_s` seconds and at the end;
    Ctrl-C saves first; a finished run is not done again. config: JSON; a checkpoint of another
    config, budget, seed, optimizer or shape is refused. clip: largest norm of all gradients.
    on_log(step, losses): called every `log_every` steps with means; for earlier rows on resume.
    accelerator, devices, precision, resume: None is what `facelab train` was told, else auto, 1,
    32-true, True. show: print expected and real time. bar: None is in notebooks and terminals.
    Raises FloatingPointError with step and terms when a loss is not finite, CheckpointError when
    the checkpoint does not fit, ValueError for losses, batches or devices that cannot be used.
    """
    machine = processes.current_machine(
        accelerator=accelerator, devices=devices, precision=precision, resume=resume
    )
    if not machine.limit:
        budget = dataclasses.replace(budget, max_seconds=math.inf)
    fabric = processes.start(machine)
    decisive = {"seed": seed, "precision": machine.precision, "clip": clip, "config": config}
    run = Run(
        fabric,
        budget,
        Display(title, on_log, show, bar),
        folder=Path(folder) if folder is not None else None,
        about=checkpoints.identity(model, optimizer, scheduler, budget, **decisive),
        log_every=log_every,
        save_every_s=save_every_s,
    )
    state = run.open(resume=machine.resume)
    home = _device(model)
    model.train()
    if show and not run.finished:
        run.announce(_seconds_a_step(fabric, model, loss, batches(run.step), optimizer, budget))
    objective, stepper = fabric.setup(_Objective(model, loss), optimizer)
    parts = {"model": model, "optimizer": optimizer, "precision": fabric.strategy.precision}
    parts |= {} if scheduler is None else {"scheduler": scheduler}
    try:
        with randomness.random_streams(seed, rank=fabric.global_rank), run.under_way():
            if state is not None:
                _restore(parts, state, fabric)
            if not run.finished:
                _train(fabric, objective, stepper, batches, run, parts, clip)
        processes.same_buffers(model, fabric)
    finally:
        model.to(home).eval()
    return run.close()


def _train(
    fabric: Fabric,
    objective: nn.Module,
    optimizer: Any,
    batches: Batches,
    run: Run,
    parts: Mapping[str, Any],
    clip: float | None,
) -> None:
    """Take steps until the run is finished; after Ctrl-C save and raise KeyboardInterrupt."""
    for batch in batches(run.step):
        losses = objective(_Sealed(processes.placed(batch, fabric)))  # name -> scalar tensor
        run.agree(losses)  # refuses NaN
        optimizer.zero_grad(set_to_none=True)
        fabric.backward(sum(losses.values()))
        if clip is not None:
            fabric.clip_gradients(objective, optimizer, max_norm=clip, error_if_nonfinite=False)
        optimizer.step()
        if "scheduler" in parts:
            parts["scheduler"].step()
        run.count(optimizer.param_groups[0]["lr"])
        if run.must_save:
            run.save(_states(parts, fabric))
        if run.interrupted:
            raise KeyboardInterrupt
        if run.finished:
            return
    raise ValueError(
        f"batches({run.start}) ended before step {run.step}; "
        f"the budget asks for {run.budget.steps} steps"
    )


def estimate(
    model: nn.Module,
    loss: Loss,
    batches: Batches,
    *,
    budget: Budget,
    optimizer: torch.optim.Optimizer,
    accelerator: str | None = None,
    devices: int | None = None,
    precision: str | None = None,
) -> float:
    """Return the seconds that `fit` will take, from a few steps of a copy that is thrown away.

    Model, optimizer and random streams stay as they are.
    """
    machine = processes.current_machine(
        accelerator=accelerator, devices=devices, precision=precision
    )
    fabric = processes.start(machine)
    each = _seconds_a_step(fabric, model, loss, batches(0), optimizer, budget)
    return min(budget.steps * each, budget.max_seconds)


def _seconds_a_step(
    fabric: Fabric,
    model: nn.Module,
    loss: Loss,
    batches: Iterator[Any],
    optimizer: torch.optim.Optimizer,
    budget: Budget,
) -> float:
    """Time steps of a copy of model and optimizer; the first counts only when it is the only one,
    because it also pays for what is done once."""
    times: list[float] = []
    most = min(TRIALS, int(TRIAL_SHARE * budget.steps))
    limit = min(TRIAL_SECONDS, TRIAL_SHARE * budget.max_seconds)
    with randomness.untouched_streams():
        trial, stepper = copy.deepcopy((model, optimizer))
        trial.to(fabric.device).train()
        begun = time.perf_counter()
        for batch in batches:
            with fabric.autocast():
                losses = loss(trial, processes.placed(batch, fabric))
            stepper.zero_grad(set_to_none=True)
            torch.stack(list(losses.values())).sum().backward()
            stepper.step()
            if fabric.device.type == "cuda":
                torch.cuda.synchronize(fabric.device)
            times.append(time.perf_counter() - begun - sum(times))
            if len(times) > most or sum(times) > limit:
                break
    steady = times[1:] or times or [0.0]
    return sum(steady) / len(steady)


class _Objective(nn.Module):
    """Model and loss as one module, so that a step is one forward whatever the loss calls."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, sealed: _Sealed) -> dict[str, Tensor]:
        return dict(self.loss(self.model, sealed.batch))


class _Sealed:
    """A batch that Fabric and DDP pass on as it is; they would take dataclasses apart."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch


def _states(parts: Mapping[str, Any], fabric: Fabric) -> dict[str, Any]:
    """Return the states of the parts, and of the random streams of all processes."""
    states = {name: part.state_dict() for name, part in parts.items()}
    return {"parts": states, "streams": processes.gathered(randomness.stream_states(), fabric)}


def _restore(parts: Mapping[str, Any], state: Mapping[str, Any], fabric: Fabric) -> None:
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    if len(state["streams"]) == fabric.world_size:  # else new streams: their number has changed
        randomness.set_stream_states(state["streams"][fabric.global_rank])


def _device(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
