"""Loss curves while training: driven by hand, by `fit`, and in a notebook's kernel."""

import re

import nbformat
import pytest
import torch
from torch import nn

from facelab.course.execution import execute
from facelab.engine.budget import Budget
from facelab.engine.training import fit
from facelab.widgets.training import LiveLosses, live_losses
from tests.widgets.live import inside

BUDGET = Budget("laptop", steps=100, batch=4, images=8, max_seconds=30)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def live(clock):
    return LiveLosses(BUDGET, every_s=0.35, clock=clock)


def shown(live):
    words, curves = (str(w.value) for w in inside(live.view) if type(w).__name__ == "HTML")
    return words, curves


def test_it_draws_at_most_three_times_a_second(live, clock):
    for step in range(1, 61):
        clock.now += 0.05
        live(step, {"points": 1 / step})
    assert live.drawn <= 1 + 3 / 0.35 + 1
    assert live.drawn >= 7
    assert len(live.tracks["points"][0]) == 60


def test_it_says_steps_time_gone_and_time_to_go(live, clock):
    for step in (20, 40):
        clock.now += 4
        live(step, {"a": 0.25, "b": 0.5})
    words, _ = shown(live)
    assert "Step 40 of 100" in words
    assert "8 s gone, about 12 s to go" in words
    assert "total loss 0.75" in words


def test_the_time_limit_bounds_what_remains(live, clock):
    for step in (10, 20):
        clock.now += 12
        live(step, {"a": 1.0})
    assert live.remaining() == pytest.approx(30 - 24)


def test_nothing_is_said_about_the_rest_without_a_budget(clock):
    live = LiveLosses(clock=clock)
    for step in (10, 20):
        clock.now += 1
        live(step, {"a": 1.0})
    assert live.remaining() is None
    assert "to go" not in shown(live)[0] and "Step 20</b>" in shown(live)[0]


def test_the_last_step_of_the_budget_is_drawn_and_read_out(live, clock):
    live(50, {"a": 1.0})
    live(100, {"a": 0.5})
    words, curves = shown(live)
    assert "role=status" in words and "Done" in words and "step 100" in words
    assert "total 0.5" in re.search(r'aria-label="([^"]*)"', curves).group(1)


def test_training_that_stops_early_is_drawn_to_its_last_row(clock):
    with pytest.raises(KeyboardInterrupt), LiveLosses(BUDGET, clock=clock) as live:
        live(10, {"a": 1.0})
        live(11, {"a": 0.25})  # too soon to be drawn
        raise KeyboardInterrupt
    assert "step 11" in shown(live)[0] and "0.25" in shown(live)[0]


def test_another_run_starts_its_curves_anew_and_keeps_those_of_other_names(live):
    live(20, {"level 1/LE": 1.0})
    live(40, {"level 1/LE": 0.5})
    live(20, {"level 2/LE": 2.0})
    assert live.tracks == {"level 1/LE": ([20, 40], [1.0, 0.5]), "level 2/LE": ([20], [2.0])}
    live(10, {"level 2/LE": 3.0})
    assert live.tracks["level 2/LE"] == ([10], [3.0])


@pytest.mark.parametrize("counting_on", [0, 100])
def test_runs_that_follow_each_other_share_the_axis_and_the_estimate(clock, counting_on):
    live = LiveLosses(BUDGET, runs=3, clock=clock)
    for run, name in enumerate(("F1", "EN1")):
        for step in (20, 40, 60) if run else (50, 100):
            clock.now += 1
            live(run * counting_on + step, {f"{name}/LE": 1.0, f"{name}/N": 0.5})
    assert live.tracks["EN1/N"] == ([20, 40, 60], [0.5] * 3)
    assert live.tracks["F1/N"][0] == [50, 100]
    assert "Run 2 of 3, step 60 of 100" in shown(live)[0]
    assert live.remaining() == pytest.approx((40 + 100) / 20)
    assert "Done" not in shown(live)[0]
    live(2 * counting_on + 100, {"level 2/LE": 1.0})
    assert "Done" in shown(live)[0]


def test_training_all_over_counts_runs_from_the_first(clock):
    live = LiveLosses(BUDGET, runs=2, clock=clock)
    for name in ("F1", "EN1", "F1"):
        live(20, {name: 1.0})
        clock.now += 1
    assert "Run 1 of 2" in shown(live)[0]


def test_rows_told_again_after_a_resume_do_not_spoil_the_estimate(live, clock):
    for step in range(1, 41):
        live(step, {"a": 1.0})  # all at once
    for step in range(41, 61):
        clock.now += 0.1
        live(step, {"a": 1.0})
    assert live.remaining() == pytest.approx(40 * 0.1)


def test_outside_a_notebook_nothing_is_displayed(live, capsys):
    live(1, {"a": 1.0})
    live.close()
    assert capsys.readouterr().out == ""
    LiveLosses(BUDGET).close()  # without rows there is nothing to draw


def test_fit_feeds_it_and_the_history_holds_the_same_numbers():
    torch.manual_seed(0)
    model = nn.Linear(2, 1)
    batch = torch.randn(4, 2)

    def loss(model, batch):
        return {"level 1/LE": model(batch).square().mean(), "level 1/RE": model.bias.square().sum()}

    def batches(start):
        while True:
            yield batch

    budget = Budget("smoke", steps=12, batch=4, images=4, max_seconds=9)
    with live_losses(budget) as live:
        history = fit(
            model, loss, batches, budget=budget, log_every=4, on_log=live, show=False, bar=False,
            optimizer=torch.optim.SGD(model.parameters(), 0.1), accelerator="cpu",
        )  # fmt: skip
    assert live.tracks["level 1/LE"] == (history.steps, history.losses["level 1/LE"])
    assert "step 12" in shown(live)[0]


def test_in_a_notebook_the_last_state_is_stored_as_one_picture(tmp_path):
    source = (
        "from facelab.widgets.training import live_losses\n"
        "from facelab.engine.budget import Budget\n"
        "budget = Budget('smoke', steps=30, batch=1, images=1, max_seconds=9)\n"
        "with live_losses(budget, every_s=0) as log:\n"
        "    for step in range(1, 21):\n"
        "        log(step, {'points': 1 / step})\n"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    notebook.metadata["facelab"] = {"lab": "live"}
    execute(notebook, folder=tmp_path, budget="smoke")
    (output,) = notebook.cells[0].outputs
    assert "<img" in output.data["text/html"] and "up to step 20" in output.data["text/html"]
