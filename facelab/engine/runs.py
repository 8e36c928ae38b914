"""What happens around the steps of a run: counting, logging, saving, stopping."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from facelab.engine import checkpoints, processes
from facelab.engine.budget import Budget, duration

OnLog = Callable[[int, Mapping[str, float]], None]


@dataclass
class History:
    """What a run logged. steps: steps done at each row. losses: name -> mean since the row before.

    seconds: time spent in steps, counted over all resumed parts.
    """

    steps: list[int] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Display:
    """What a run shows. on_log: called with step and mean losses, also for rows before a resume.

    show: print expected and real time. bar: progress bar; None is in notebooks and terminals.
    """

    title: str
    on_log: OnLog | None
    show: bool
    bar: bool | None


class Run:
    """One run: its position, its log and what it still has to do.

    Every decision is the same in all processes: what the first one's clock or anybody's Ctrl-C
    asks for travels with the losses, in one exchange a step.
    """

    def __init__(
        self,
        fabric: Fabric,
        budget: Budget,
        display: Display,
        *,
        folder: Path | None,
        about: Mapping[str, str],
        log_every: int,
        save_every_s: float,
    ) -> None:
        if log_every < 1:
            raise ValueError(f"log_every: at least 1 step, got {log_every}")
        if budget.batch % fabric.world_size:
            raise ValueError(
                f"budget {budget.name}: {budget.batch} samples a step cannot be shared equally by "
                f"{fabric.world_size} processes"
            )
        self.fabric, self.budget, self.display = fabric, budget, display
        self.folder, self.about = folder, about
        self.log_every, self.save_every_s = log_every, save_every_s
        self.start = self.step = 0
        self.interrupted = self.finished = False
        self._save_due = self._asked = False
        self._seconds_before = 0.0
        self._begun, self._saved = math.inf, 0.0
        self._values: dict[str, float] = {}
        self._sums: dict[str, float] = {}
        self._rows: list[dict[str, Any]] = []
        self._expected = math.nan
        self._bar: Any = None

    def open(self, *, resume: bool) -> dict[str, Any] | None:
        """Make the folder ready and return the checkpoint's state, if there is one to go on from.

        Raises CheckpointError when there is one that does not fit.
        """
        if self.folder is None:
            return None
        self.folder.mkdir(parents=True, exist_ok=True)
        state = checkpoints.load_checkpoint(self.folder, self.about) if resume else None
        self.fabric.barrier()  # nobody writes before all have read
        if self._first:
            checkpoints.clear_remains(self.folder)
        if state is None:
            if self._first:
                checkpoints.discard_checkpoint(self.folder)
            return None
        self.start = self.step = state["step"]
        self._seconds_before = state["seconds"]
        self._sums, self._rows = state["sums"], state["rows"]
        self.finished = self.step >= self.budget.steps or self._out_of_time()
        if self._first:
            checkpoints.write_log(self.folder, self._rows)  # rows of lost steps go
            for row in self._rows:
                self._tell(row)
        return state

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        """Count time and show progress; let Ctrl-C wait for the end of the step, if it is saved."""
        handled = self.folder is not None and threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, self._ask) if handled else None
        self._bar = self._make_bar()
        self._saved = time.perf_counter()
        self._begun = math.inf if self.finished else self._saved
        try:
            yield
        finally:
            self._seconds_before, self._begun = self.seconds, math.inf
            self._bar.close()
            if handled:
                signal.signal(signal.SIGINT, before or signal.default_int_handler)

    @property
    def seconds(self) -> float:
        """Seconds spent in steps so far."""
        return self._seconds_before + max(0.0, time.perf_counter() - self._begun)

    def announce(self, seconds_a_step: float) -> None:
        """Print how long the rest will take, if steps take that long."""
        rest = self.budget.steps - self.step
        limit = self.budget.max_seconds
        expected = min(rest * seconds_a_step, limit - self._seconds_before)
        self._expected = self._seconds_before + expected
        begin = f"goes on at step {self.step:,} of" if self.step else "begins:"
        self._print(
            f"{begin} {self.budget.steps:,} steps of {self.budget.batch}, "
            f"about {duration(expected)} expected ({_brief(seconds_a_step)} a step)"
            + ("" if math.isinf(limit) else f", at most {duration(limit)}")
        )

    def agree(self, losses: Mapping[str, Tensor]) -> None:
        """Take the losses of a step, and agree with the other processes on what happens after it.

        Raises FloatingPointError when a loss is not finite, ValueError when they are no scalars or
        have other names than before.
        """
        self._check(losses)
        now = time.perf_counter()
        flags = [
            float(self._first and self._out_of_time()),
            float(self._first and now - self._saved >= self.save_every_s),
            float(self._asked),
        ]
        values = torch.stack([value.detach().float() for value in losses.values()]).cpu().double()
        shared = processes.total(torch.cat([values, torch.tensor(flags).double()]), self.fabric)
        means = (shared[:-3] / self.fabric.world_size).tolist()
        self._values = dict(zip(losses, means, strict=True))
        out_of_time, self._save_due, self.interrupted = (shared[-3:] > 0).tolist()
        self.finished = out_of_time or self.step + 1 >= self.budget.steps
        if not all(map(math.isfinite, means)):
            terms = ", ".join(f"{name}={value:.3g}" for name, value in self._values.items())
            raise FloatingPointError(
                f"step {self.step} of {self.display.title}: {terms}; look at batch {self.step}, "
                "or lower the learning rate"
            )

    def count(self, rate: float) -> None:
        """Count the step as done, and log it where it is due. rate: learning rate after it."""
        self.step += 1
        for name, value in self._values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if self.step % self.log_every == 0 or self.finished:
            since = self.step - (self._rows[-1]["step"] if self._rows else 0)
            means = {name: value / since for name, value in self._sums.items()}
            row = {"step": self.step, "seconds": round(self.seconds, 3), "rate": rate}
            self._rows.append(row | {"losses": means})
            self._sums = {}
            if self._first:
                if self.folder is not None:
                    checkpoints.append_log(self.folder, self._rows[-1])
                self._tell(self._rows[-1])
                self._bar.set_postfix({name: f"{x:.3g}" for name, x in means.items()})
        self._bar.update()

    @property
    def must_save(self) -> bool:
        """Say whether a checkpoint is due after this step."""
        due = self._save_due or self.finished or self.interrupted
        return self.folder is not None and due

    def save(self, parts: Mapping[str, Any]) -> None:
        """Write a checkpoint: these states and the position of the run."""
        assert self.folder is not None
        if self._first:
            position: dict[str, Any] = {"step": self.step, "seconds": self.seconds}
            position |= {"sums": self._sums, "rows": self._rows}
            checkpoints.save_checkpoint(self.folder, {**parts, **position}, self.about)
        self._saved = time.perf_counter()

    def close(self) -> History:
        """Print the real time and return the history."""
        names = self._rows[-1]["losses"] if self._rows else {}
        history = History(
            [row["step"] for row in self._rows],
            {name: [row["losses"][name] for row in self._rows] for name in names},
            self.seconds,
        )
        took = f"{self.step:,} of {self.budget.steps:,} steps in {duration(history.seconds)}"
        if self.start == self.step:
            self._print(f"was finished before: {took}; read from {self.folder}")
        else:
            early = "" if self.step >= self.budget.steps else "; stopped by the time limit"
            expected = (
                "" if math.isnan(self._expected) else f", {duration(self._expected)} expected"
            )
            self._print(f"done: {took}{expected}{early}")
        return history

    @property
    def _first(self) -> bool:
        return bool(self.fabric.is_global_zero)

    def _out_of_time(self) -> bool:
        return self.seconds >= self.budget.max_seconds

    def _ask(self, *_: Any) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        if self._first:
            message = "saving after this step; Ctrl-C again stops at once"
            print(f"\n{self.display.title}: {message}", file=sys.stderr, flush=True)

    def _check(self, losses: Mapping[str, Tensor]) -> None:
        if not losses:
            raise ValueError("loss(model, batch) returned no terms; name -> scalar is expected")
        for name, value in losses.items():
            if not isinstance(value, Tensor) or value.ndim:
                got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(f"loss term {name!r} must be a scalar tensor, got {got}")
        logged = self._rows[-1]["losses"] if self._rows else losses
        before = self._values or self._sums or logged
        if set(before) != set(losses):
            raise ValueError(
                f"step {self.step}: loss terms {sorted(losses)}, {sorted(before)} before; "
                "return the same names at every step (0 where a term is off)"
            )

    def _tell(self, row: Mapping[str, Any]) -> None:
        if self.display.on_log is not None:
            self.display.on_log(row["step"], row["losses"])

    def _make_bar(self) -> Any:
        from tqdm.auto import tqdm

        wanted = self.display.bar
        if wanted is None:
            wanted = _in_notebook() or sys.stderr.isatty()
        off = not (wanted and self._first) or self.finished
        return tqdm(
            total=self.budget.steps,
            initial=self.step,
            desc=self.display.title,
            unit="step",
            disable=off,
        )

    def _print(self, text: str) -> None:
        if self.display.show and self._first:
            print(f"{self.display.title} {text}", flush=True)


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _brief(seconds: float) -> str:
    """Return the time of a step as `1.6 s`, `120 ms` or `1.2 ms`."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{1000 * seconds:.{0 if seconds >= 0.01 else 1}f} ms"
