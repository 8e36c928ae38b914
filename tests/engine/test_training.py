"""`fit`: what it minimises, when it stops, what it refuses, what it shows and leaves alone."""

import itertools
import json
import random
import re
import time

import numpy as np
import pytest
import torch
from torch import nn

from facelab.engine.processes import Machine, using_machine
from facelab.engine.training import estimate, fit
from tests.engine import small_run
from tests.engine.small_run import batches, budget, loss, network, same, train


def test_the_sum_of_the_terms_is_minimised_as_by_a_loop_written_by_hand():
    model, by_hand = nn.Linear(4, 1), nn.Linear(4, 1)
    by_hand.load_state_dict(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, gamma=0.5)
    fit(
        *(model, loss, batches),
        budget=budget(6),
        optimizer=optimizer,
        scheduler=scheduler,
        clip=0.5,
        accelerator="cpu",
        show=False,
    )
    for step, batch in enumerate(itertools.islice(batches(0), 6)):
        by_hand.zero_grad()
        sum(loss(by_hand, batch).values()).backward()
        norm = torch.cat([p.grad.flatten() for p in by_hand.parameters()]).norm()
        with torch.no_grad():
            for parameter in by_hand.parameters():
                shrunk = parameter.grad * min(1.0, 0.5 / float(norm))
                parameter -= 0.1 * 0.5 ** (step // 2) * shrunk
    for name, value in by_hand.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value)


def test_the_loss_falls_and_the_history_holds_means_since_the_row_before():
    model, history = train(steps=200)
    assert history.losses["near"][-1] < 0.3 * history.losses["near"][0]
    seen = []

    def recorded(model, batch):
        terms = loss(model, batch)
        seen.append(terms["near"].item())
        return terms

    _, history = train(steps=12, loss=recorded)
    assert history.steps == [5, 10, 12], "a row each 5 steps, and one at the end"
    expected = [np.mean(seen[:5]), np.mean(seen[5:10]), np.mean(seen[10:])]
    assert history.losses["near"] == pytest.approx(expected)
    assert history.seconds > 0


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    one, _ = train(seed=3)
    torch.rand(7)
    again, _ = train(seed=3)
    other, _ = train(seed=4)
    assert same(one, again)
    assert not same(one, other), "dropout draws from the seed"


def test_the_random_streams_of_the_program_go_on_as_if_nothing_had_happened():
    def draw():
        return torch.rand(1).item(), np.random.rand(), random.random()  # noqa: NPY002

    torch.manual_seed(5), np.random.seed(5), random.seed(5)  # noqa: NPY002
    expected = draw()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)  # noqa: NPY002
    train(steps=2, show=True)
    assert draw() == expected


def test_the_model_trains_in_train_mode_and_comes_back_in_eval_mode():
    modes = []
    model = network().eval()
    train(model=model, loss=lambda m, b: modes.append(m.training) or loss(m, b), steps=2)
    assert modes == [True, True]
    assert not any(part.training for part in model.modules())


def test_the_time_limit_stops_a_run_and_the_last_row_is_logged():
    def slow(model, batch):
        time.sleep(0.05)
        return loss(model, batch)

    _, history = train(steps=1000, loss=slow, budget=budget(1000, max_seconds=0.3))
    assert 1 <= history.steps[-1] <= 6
    assert history.seconds == pytest.approx(0.3, abs=0.2)


def test_without_the_time_limit_all_steps_are_taken(capsys):
    with using_machine(Machine(limit=False)):
        _, history = train(steps=12, budget=budget(12, max_seconds=1e-6), show=True)
    assert history.steps[-1] == 12
    assert "at most" not in capsys.readouterr().out


def test_a_loss_that_is_not_finite_is_refused_with_step_and_terms():
    def breaks(model, batch):
        terms = loss(model, batch)
        breaks.calls += 1
        return terms | {"odd": terms["near"] * (float("nan") if breaks.calls == 4 else 1.0)}

    breaks.calls = 0
    with pytest.raises(FloatingPointError, match=r"step 3 of sums: near=\S+, small=\S+, odd=nan"):
        train(loss=breaks, title="sums")


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({}, "no terms"),
        ({"a": torch.zeros(3)}, r"'a' must be a scalar tensor, got \(3,\)"),
        ({"a": 0.5}, "'a' must be a scalar tensor, got float"),
    ],
)
def test_terms_that_are_no_scalars_are_refused_by_name(terms, message):
    with pytest.raises(ValueError, match=message):
        train(loss=lambda model, batch: terms)


def test_terms_that_change_their_names_are_refused():
    names = iter("aab")
    with pytest.raises(ValueError, match=r"step 2: loss terms \['b'\], \['a'\] before"):
        train(loss=lambda model, batch: {next(names): loss(model, batch)["near"]})


def test_batches_that_end_too_early_are_refused():
    with pytest.raises(ValueError, match="ended before step 3; the budget asks for 12"):
        train(batches=lambda start: itertools.islice(batches(start), 3))


def test_a_batch_of_unknown_things_is_refused_by_their_type():
    with pytest.raises(TypeError, match="a batch holds a ndarray"):
        train(batches=lambda start: itertools.repeat(np.zeros(3)))


def test_a_precision_that_is_not_known_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="'bf16' is not one of 32-true, bf16-mixed, 16-mixed"):
        train(precision="bf16")


def test_mixed_precision_computes_in_bfloat16_and_keeps_weights_in_float32():
    kinds = set()

    def watched(model, batch):
        kinds.add(model(batch[0]).dtype)
        return loss(model, batch)

    model, history = train(loss=watched, precision="bf16-mixed", steps=40)
    assert kinds == {torch.bfloat16}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert history.losses["near"][-1] < 0.8 * history.losses["near"][0]


def test_expected_and_real_time_are_printed_and_cost_no_step(capsys):
    quiet, _ = train()
    assert capsys.readouterr().out == ""
    told, _ = train(show=True, title="points")
    before, after = capsys.readouterr().out.splitlines()
    times = r"about [\d.]+ s expected \([\d.]+ m?s a step\), at most 60 s"
    assert re.fullmatch(f"points begins: 12 steps of 8, {times}", before)
    assert re.fullmatch(r"points done: 12 of 12 steps in [\d.]+ s, [\d.]+ s expected", after)
    assert same(quiet, told), "the steps that were timed were those of a copy"


def test_the_estimate_is_near_the_time_that_steps_take_and_within_the_limit():
    def slow(model, batch):
        time.sleep(0.05)
        return loss(model, batch)

    model = network()
    untouched = network()
    choices = {"optimizer": torch.optim.Adam(model.parameters()), "accelerator": "cpu"}
    expected = estimate(model, slow, batches, budget=budget(100), **choices)
    assert 5.0 <= expected < 20.0, "100 steps that wait 0.05 s, on a machine that may be busy"
    assert estimate(model, slow, batches, budget=budget(100, max_seconds=1), **choices) == 1
    assert same(model, untouched)


def test_the_estimate_takes_few_steps_of_a_short_run():
    calls = []

    def counted(model, batch):
        calls.append(1)
        return loss(model, batch)

    train(loss=counted, steps=12, show=True)
    assert len(calls) == 12 + 1, "one that is thrown away"
    calls.clear()
    train(loss=counted, steps=100, show=True)
    assert len(calls) == 100 + 4


def test_a_callback_gets_every_row_as_it_is_logged(tmp_path):
    rows = []
    _, history = train(tmp_path, on_log=lambda step, losses: rows.append((step, dict(losses))))
    assert [step for step, _ in rows] == history.steps
    assert [losses["near"] for _, losses in rows] == history.losses["near"]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["losses"]) for line in lines] == rows
    assert [line["rate"] for line in lines] == [0.01, 0.005, 0.005]


def test_a_bar_shows_the_losses_where_it_is_asked_for(capsys):
    train(bar=True, title="points")
    shown = capsys.readouterr().err
    assert "points" in shown and "12/12" in shown and "near=" in shown


def test_a_dataclass_of_tensors_is_a_batch_too():
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Pair:
        x: torch.Tensor
        y: torch.Tensor
        name: str = "pair"

    model, _ = train(
        batches=lambda start: (Pair(*pair) for pair in batches(start)),
        loss=lambda model, pair: loss(model, (pair.x, pair.y)),
    )
    assert same(model, train()[0])


@pytest.mark.gpu
def test_a_model_trains_on_the_card_and_comes_back(tmp_path):
    for precision in ("32-true", "bf16-mixed", "16-mixed"):
        folder = tmp_path / precision
        model, history = train(folder, steps=100, accelerator="cuda", precision=precision)
        assert {p.device.type for p in model.parameters()} == {"cpu"}
        assert history.losses["near"][-1] < 0.6 * history.losses["near"][0]
        again, _ = train(folder, steps=100, accelerator="cuda", precision=precision)
        assert same(model, again)


def test_the_helper_run_is_what_the_other_tests_think_it_is():
    first, second = itertools.islice(batches(1), 2)
    assert torch.equal(next(batches(2))[0], second[0]) and not torch.equal(first[0], second[0])
    assert len(first[0]) == small_run.BATCH
