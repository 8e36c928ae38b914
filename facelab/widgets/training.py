"""Loss curves that grow while a network trains, in the cell that trains it.

    with live_losses(budget) as log:
        history = fit(model, loss, batches, budget=budget, optimizer=optimizer, on_log=log)

One drawing changes in place, at most three times a second. At the end its last state is stored as a
picture, which a notebook that is only read shows. Outside a notebook nothing is displayed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from facelab.engine.budget import Budget, duration
from facelab.plots.publish import in_notebook
from facelab.widgets.base import SvgView, with_static
from facelab.widgets.curves import draw_losses, groups

__all__ = ["LiveLosses", "live_losses"]

EVERY_S = 0.35  # between two drawings
RECENT = 10  # rows from which the speed is taken; after a resume, old rows come all at once


def live_losses(
    budget: Budget | None = None, *, runs: int = 1, every_s: float = EVERY_S
) -> LiveLosses:
    """Make a view of losses for `fit(..., on_log=...)`; it appears with the first row.

    Names "level 2/LE" and "level 2/N" share the panel "level 2". budget: its steps are those of
    each run, its seconds those of all; left out, nothing is said about what remains. runs: how many
    follow each other, as the five of the cascade. every_s: seconds between two drawings. Use it in
    a `with` statement, so that the last state is drawn and stored also when training stops early.
    """
    return LiveLosses(budget, runs=runs, every_s=every_s)


class LiveLosses:
    """What `fit` calls with each row of its log, and the view that shows the rows.

    tracks: name -> steps and values so far. drawn: number of drawings so far. clock: for tests.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        *,
        runs: int = 1,
        every_s: float = EVERY_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.tracks: dict[str, tuple[list[int], list[float]]] = {}
        self.drawn = 0
        self._budget, self._runs, self._every_s, self._clock = budget, runs, every_s, clock
        self._begun, self._shown_at = clock(), 0.0
        self._recent: deque[tuple[float, int]] = deque(maxlen=RECENT)
        self._run, self._step, self._told, self._total = 0, 0, 0, 0.0
        self._names: set[str] = set()
        self._words, self._curves = widgets.HTML(), SvgView()
        self.view = widgets.VBox([self._words, self._curves.view])
        self._shown: Any = None

    def __call__(self, step: int, losses: Mapping[str, float]) -> None:
        """Take a row, and draw when the last drawing is old enough or the budget is used up.

        Other names, or a step that is not after the last one, begin another run: with names that
        are known it starts all over, with new ones it is the next. Steps may begin again with a run
        or count on.
        """
        if step <= self._told or set(losses) != self._names:
            self._begin_run(losses)
        self._told = step
        self._step = step if self._budget is None else (step - 1) % self._budget.steps + 1
        self._total = sum(losses.values())
        for name, value in losses.items():
            steps, values = self.tracks.setdefault(name, ([], []))
            steps.append(self._step)
            values.append(float(value))
        now = self._clock()
        self._recent.append((now, self._step))
        if self._rest() == 0:
            self.close()
        elif self.drawn == 0 or now - self._shown_at >= self._every_s:
            self._draw(self._progress(now), status=False)

    def _begin_run(self, losses: Mapping[str, float]) -> None:
        again = [name for name in losses if name in self.tracks]
        for name in again:
            del self.tracks[name]
        self._run = 0 if again or not self._names else self._run + 1
        self._names = set(losses)
        self._recent.clear()

    def __enter__(self) -> LiveLosses:
        self._begun = self._clock()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Draw the last state, and store it as the picture of a notebook that is only read."""
        if self.tracks:
            gone = duration(self._clock() - self._begun)
            words = f"step {self._step:,} after {gone}; total loss {self._total:.4g}"
            self._draw(f"<b>Done:</b> {words}.", status=True)
            if self._shown is not None:
                self._shown.update(self._twin())

    def remaining(self) -> float | None:
        """Estimate the seconds that the run still takes, from its last rows; None when unknown."""
        if self._budget is None or len(self._recent) < 2:
            return None
        (first, begin), (last, end) = self._recent[0], self._recent[-1]
        rest = (self._rest() or 0) * (last - first) / (end - begin)
        return max(0.0, min(rest, self._budget.max_seconds - (last - self._begun)))

    def _rest(self) -> int | None:
        """Count the steps that are left in this run and the next ones; None without a budget."""
        if self._budget is None:
            return None
        return self._budget.steps - self._step + (self._runs - 1 - self._run) * self._budget.steps

    def _progress(self, now: float) -> str:
        run = f"Run {self._run + 1} of {self._runs}, step" if self._runs > 1 else "Step"
        of = f" of {self._budget.steps:,}" if self._budget is not None else ""
        rest = self.remaining()
        to_go = f", about {duration(rest)} to go" if rest is not None else ""
        return (
            f"<b>{run} {self._step:,}{of}</b>; {duration(now - self._begun)} gone{to_go}; "
            f"total loss {self._total:.4g}."
        )

    def _draw(self, words: str, *, status: bool) -> None:
        """Change the view. status: have the words read out; three times a second would be noise."""
        most = None if self._budget is None else self._budget.steps
        body, height = draw_losses(self.tracks, most_steps=most)
        self._words.value = f"<div{' role=status' * status}>{words}</div>"
        panels = ", ".join(groups(self.tracks))
        label = f"Losses ({panels}) up to step {self._step:,}; total {self._total:.4g}"
        self._curves.draw(body, width=880, height=height, label=label)
        self.drawn += 1
        self._shown_at = self._clock()
        if self._shown is None and in_notebook():
            from IPython.display import display

            self._shown = display(self._twin(), display_id=True)

    def _twin(self) -> Any:
        return with_static(self.view, alt=self._curves.label)
