"""Training the cascade: what it minimises, what it sees, and that a stop changes nothing."""

import dataclasses
import itertools
import math

import pytest
import torch
from torch.testing import assert_close

from facelab.engine.budget import Budget
from facelab.engine.recipes import RECIPES
from facelab.engine.runs import History
from facelab.engine.weights import read_tensors, save_tensors
from facelab.humans.packs.making import Recipe, make
from facelab.landmarks.dcnn_cascade import Cascade, CascadeNets, load
from facelab.landmarks.dcnn_cascade import train as training
from facelab.landmarks.dcnn_cascade.targets import BANDS, band_windows, from_answers
from facelab.landmarks.dcnn_cascade.train import (
    BUDGETS,
    RUNS,
    Config,
    budget_of,
    train,
    train_band,
    train_level,
    train_on_people,
    training_patches,
)
from facelab.landmarks.windows import shaken_squares
from tests.humans.toys import render_toy, render_toy_props
from tests.landmarks.faces import Dotted, noisy_faces, toy_faces

QUIET = {"show": False, "accelerator": "cpu"}
SHORT = {"F1": "LE RE N LM RM", "EN1": "LE RE N", "NM1": "N LM RM"}


def budget(steps=3, batch=4, **limits):
    choices = {"steps": steps, "batch": batch, "images": 16, "max_seconds": 60} | limits
    return Budget("smoke", **choices)


def same(one, other):
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.fixture(scope="module")
def trained():
    """F1, with shared weights because they are quicker, and level 2, after 80 steps on 8 faces."""
    options = {"budget": budget(80, 8), "config": Config(warm_up=5), **QUIET}
    return {
        "F1": train_band("F1", toy_faces(8), structure="S7", **options),
        "level 2": train_level(2, toy_faces(8), **options),
    }


@pytest.mark.parametrize("name", ["F1", "level 2"])
def test_80_steps_on_8_faces_halve_the_loss(name, trained):
    network, history = trained[name]
    totals = [sum(row) for row in zip(*history.losses.values(), strict=True)]
    assert history.steps == [20, 40, 60, 80]
    assert totals[-1] < 0.5 * totals[0]
    assert not network.training


def test_level_2_brings_the_points_of_new_faces_much_nearer(trained):
    nets, faces = CascadeNets(), toy_faces(8, seed=1)
    nets.f1, nets.level2 = trained["F1"][0], trained["level 2"][0]
    squares = shaken_squares(8, shift=0.02, scale=0.05, generator=torch.Generator().manual_seed(3))
    trace = Cascade(nets, levels=2, voters=("F1",)).trace(faces, squares=squares)
    first, second = ((points - faces.points).norm(dim=-1).mean() for points in trace.points)
    assert second < 0.5 * first < 0.05


def test_all_runs_are_trained_and_logged_by_their_names():
    rows = []
    cascade, histories = train(
        toy_faces(4),
        budget=budget(6),
        on_log=lambda step, losses: rows.append((step, set(losses))),
        log_every=2,
        **QUIET,
    )
    assert tuple(histories) == RUNS == ("F1", "EN1", "NM1", "level 2", "level 3")
    expected, before = [], 0
    for name, history in histories.items():
        words = {f"{name}/{point}" for point in SHORT.get(name, "LE RE N LM RM").split()}
        assert history.steps == ([2] if "level" in name else [2, 4, 6])
        assert set(history.losses) == words
        expected += [(before + step, words) for step in history.steps]
        before += history.steps[-1]
    assert rows == expected, "steps count on from run to run"
    assert cascade.on_patches(toy_faces(4)).shape == (4, 5, 2)


def test_every_network_comes_from_its_own_run_and_the_seed_decides_all():
    patches, options = toy_faces(4), {"budget": budget(2), **QUIET}
    cascade, _ = train(patches, seed=3, **options)
    again, _ = train(patches, seed=3, **options)
    other, _ = train(patches, seed=4, **options)
    assert same(cascade.nets, again.nets)
    for one, two in zip(cascade.nets.parameters(), other.nets.parameters(), strict=True):
        assert not torch.equal(one, two)
    for name in BANDS:
        assert same(cascade.networks[name], train_band(name, patches, seed=3, **options)[0])
    options["budget"] = budget_of("level 2", options["budget"])
    assert same(cascade.nets.level2, train_level(2, patches, seed=3, **options)[0])
    assert same(cascade.nets.level3, train_level(3, patches, seed=3, **options)[0])
    assert not same(cascade.nets.en1, cascade.nets.nm1)
    assert not same(cascade.nets.level2, cascade.nets.level3)


class Stop(Exception):
    """An interruption."""


def stops_after(rows):
    left = iter(range(rows))

    def on_log(step, losses):
        if next(left, None) is None:
            raise Stop

    return on_log


@pytest.mark.parametrize("rows", [1, 4])
def test_a_stopped_training_goes_on_to_the_same_weights(rows, tmp_path):
    # Row 1 lies in the middle of F1, row 4 in the middle of EN1.
    patches, options = toy_faces(4), {"budget": budget(3), "log_every": 1, **QUIET}
    expected, histories = train(patches, **options)
    with pytest.raises(Stop):
        train(patches, folder=tmp_path, on_log=stops_after(rows), save_every_s=0, **options)
    begun = ["F1"] if rows == 1 else ["EN1", "F1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == begun
    cascade, resumed = train(patches, folder=tmp_path, **options)
    assert same(cascade.nets, expected.nets)
    for name in RUNS:
        assert resumed[name].losses == histories[name].losses
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("EN1", "F1", "NM1", "level2", "level3")
    ]


def test_levels_2_and_3_take_a_third_of_the_steps_and_of_the_time(monkeypatch):
    seen = []

    def fit(net, losses, batches, *, budget, **options):
        seen.append(budget)
        return History()

    monkeypatch.setattr(training, "fit", fit)
    train(toy_faces(2), budget=budget(7, max_seconds=55))
    assert [one.steps for one in seen] == [7, 7, 7, 2, 2]
    assert [one.max_seconds for one in seen] == pytest.approx([15, 15, 15, 5, 5])
    assert {(one.name, one.batch) for one in seen} == {("smoke", 4)}


def captured(monkeypatch, run, *arguments, **options):
    """What `fit` is given by a run: the network, the losses, the batches and the rest."""
    found = {}

    def fit(net, losses, batches, **rest):
        found.update(rest, net=net, losses=losses, batches=batches)
        return History()

    monkeypatch.setattr(training, "fit", fit)
    run(*arguments, **options)
    return found


RUNS_OF = {"F1": train_band, "NM1": train_band, 2: train_level, 3: train_level}


@pytest.mark.parametrize("name", RUNS_OF)
def test_a_batch_follows_from_the_seed_and_its_number_alone(name, monkeypatch):
    patches = noisy_faces(6)

    def batches(seed, start, count):
        found = captured(monkeypatch, RUNS_OF[name], name, patches, budget=budget(), seed=seed)
        return list(itertools.islice(found["batches"](start), count))

    whole, later = batches(5, 0, 4), batches(5, 2, 2)
    for one, two in zip(whole[2:], later, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(whole[0][0], whole[1][0])
    assert not torch.equal(whole[0][0], batches(6, 0, 1)[0][0])
    crops, wanted = whole[0]
    assert len(crops) == len(wanted) == 4, "the batch of the budget"


@pytest.mark.parametrize(
    ("config", "least", "most"),
    [
        (Config(shift=0.0, scale=0.0), 0.0, 1e-6),
        (Config(shift=0.1, scale=0.0), 0.095, 0.1 + 1e-6),
        # A point at 0.8 lies at 0.5 + 0.3 / 0.8 in a square that is a fifth too small.
        (Config(shift=0.0, scale=0.2), 0.06, 0.1),
    ],
    ids=["not at all", "by a shift", "by their size"],
)
def test_squares_of_training_miss_by_as_much_as_the_config_says(config, least, most, monkeypatch):
    patches = toy_faces(1)
    options = {"budget": budget(batch=400), "config": config}
    found = captured(monkeypatch, train_band, "F1", patches, **options)
    _, wanted = next(found["batches"](0))
    # The same face every time: answers differ by how the squares miss.
    seen = from_answers(wanted, band_windows(patches.squares(), BANDS["F1"]).repeat(400, 1))
    assert least <= (seen - patches.points).abs().max() <= most


def test_losses_are_mean_squared_errors_of_each_point_and_leave_out_what_nobody_knows(monkeypatch):
    found = captured(monkeypatch, train_band, "EN1", toy_faces(2), budget=budget())
    wanted = torch.zeros(2, 3, 2)
    wanted[1, 0] = torch.nan
    wanted[:, 2] = torch.nan
    says = torch.tensor([[0.1, 0.3, 0.5, 0.7, 0.2, 0.2], [0.4, 0.4, 0.1, 0.1, 0.9, 0.9]])
    says.requires_grad_()
    losses = found["losses"](lambda crops: says, (None, wanted))
    assert list(losses) == ["EN1/LE", "EN1/RE", "EN1/N"]
    values = torch.stack(list(losses.values()))
    known = (0.25 + 0.49 + 0.01 + 0.01) / 4
    assert_close(values, torch.tensor([(0.01 + 0.09) / 2, known, 0.0]))
    values.sum().backward()
    assert says.grad.isfinite().all()
    assert not says.grad[1, :2].any() and not says.grad[:, 4:].any()


def test_the_two_networks_of_a_point_share_its_loss(monkeypatch):
    found = captured(monkeypatch, train_level, 3, toy_faces(2), budget=budget())
    wanted, says = torch.zeros(1, 10, 2), torch.zeros(1, 10, 2)
    says[0, 4] = torch.tensor([0.2, 0.4])  # N31
    says[0, 5] = torch.tensor([0.6, 0.0])  # N32
    losses = found["losses"](lambda crops: says, (None, wanted))
    assert list(losses) == [f"level 3/{point}" for point in ("LE", "RE", "N", "LM", "RM")]
    assert_close(losses.pop("level 3/N"), torch.tensor((0.04 + 0.16 + 0.36) / 4))
    assert not any(losses.values())


@pytest.mark.parametrize("name", BANDS)
def test_an_untrained_network_answers_about_the_mean_shape(name, monkeypatch):
    patches, band = toy_faces(30), BANDS[name]
    network = captured(monkeypatch, train_band, name, patches, budget=budget())["net"]
    with torch.no_grad():
        network.output.weight.zero_()  # what is left is where it starts
    windows = band_windows(patches.squares(), band)
    answers = network(patches.crop(windows, network.size)).unflatten(1, (-1, 2))
    mean = patches.points[:, band.points].mean(dim=0).expand(30, -1, 2)
    assert_close(from_answers(answers, windows), mean, atol=1e-4, rtol=0)


def test_points_that_no_face_knows_start_in_the_middle_and_can_be_trained(monkeypatch):
    patches = toy_faces(4)
    patches.points[:, 1] = torch.nan
    network, history = train_band("EN1", patches, budget=budget(2), **QUIET)
    assert all(parameter.isfinite().all() for parameter in network.parameters())
    assert history.losses["EN1/RE"] == [0.0]
    assert history.losses["EN1/LE"][0] > 0


def test_the_learning_rate_warms_up_and_falls_on_a_cosine(monkeypatch):
    config = Config(learning_rate=0.5, warm_up=4, last=0.1)
    options = {"budget": budget(24), "config": config}
    found = captured(monkeypatch, train_band, "F1", toy_faces(2), **options)
    rates = []
    for _ in range(30):
        rates.append(found["optimizer"].param_groups[0]["lr"])
        found["optimizer"].step()
        found["scheduler"].step()
    assert rates[:5] == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5])
    assert rates[14] == pytest.approx(0.5 * (0.1 + 0.9 / 2)), "half-way"
    assert rates[24:] == pytest.approx([0.05] * 6)
    assert isinstance(found["optimizer"], torch.optim.Adam)
    assert len(found["optimizer"].param_groups[0]["params"]) == len(list(found["net"].parameters()))


@pytest.mark.parametrize("structure", ["S4", "S6", "S7"])
def test_another_structure_can_be_compared_on_the_same_windows(structure, monkeypatch):
    patches = noisy_faces(5)
    runs = [
        captured(monkeypatch, train_band, "F1", patches, structure=chosen, budget=budget())
        for chosen in (None, structure)
    ]
    assert runs[0]["net"].structure.name == "S0"
    assert runs[1]["net"].structure.name == structure
    for one, two in zip(*(next(run["batches"](0)) for run in runs), strict=True):
        assert torch.equal(one, two)


def test_a_structure_of_another_number_of_points_cannot_be_trained():
    with pytest.raises(ValueError, match="structure: F1 answers 10 numbers, S1 6"):
        train_band("F1", toy_faces(2), structure="S1", budget=budget(1), **QUIET)


@pytest.mark.parametrize(
    "patches",
    [
        toy_faces(2).select([]),
        dataclasses.replace(toy_faces(2), points=torch.zeros(2, 68, 2)),
        dataclasses.replace(toy_faces(2), images=toy_faces(2).images.repeat(1, 3, 1, 1)),
    ],
    ids=["none", "68 points", "colour"],
)
def test_other_patches_are_refused(patches):
    for run in (
        train,
        lambda *a, **k: train_band("F1", *a, **k),
        lambda *a, **k: train_level(2, *a, **k),
    ):
        with pytest.raises(
            ValueError, match="one or more grey faces with 5 points, got FacePatches"
        ):
            run(patches, budget=budget())


def test_networks_and_levels_that_there_are_not_are_refused():
    with pytest.raises(ValueError, match="name: expected one of F1, EN1, NM1, got 'F2'"):
        train_band("F2", toy_faces(2), budget=budget())
    with pytest.raises(ValueError, match="level: expected 2 or 3, got 4"):
        train_level(4, toy_faces(2), budget=budget())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate: expected above 0, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"warm_up": -1}, "warm_up, last: .* got -1"),
        ({"last": 0.0}, "warm_up, last"),
        ({"last": 1.5}, "warm_up, last"),
        ({"shift": -0.1}, "shift, scale, angle: .* got -0.1"),
        ({"scale": 1.0}, "scale below 1, got .*, 1.0"),
        ({"angle": math.nan}, "shift, scale, angle"),
    ],
)
def test_a_config_outside_its_range_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Config(**values)


def test_a_budget_gets_as_many_patches_as_it_asks_for():
    source = Dotted(7)
    patches = training_patches(source, budget=budget(images=16), config=Config(angle=0.3))
    assert len(patches) == 18, "three repeats of six of the seven"
    assert patches.attributes["sprite"].tolist() == [0, 1, 2, 3, 4, 5] * 3
    assert 0.2 < patches.attributes["turn"].abs().max() <= 0.3
    assert len(training_patches(source, budget=budget(images=3))) == 3


def test_the_recipe_has_all_budgets_and_its_line_in_the_list():
    assert [row.name for row in BUDGETS] == ["smoke", "laptop", "gpu", "paper"]
    assert RECIPES["dcnn_cascade"] == "facelab.landmarks.dcnn_cascade.train:train_on_people"


def test_people_are_trained_on_and_judged_and_the_weights_load(tmp_path, capsys):
    toys = {"render": render_toy, "render_props": render_toy_props}
    make(Recipe(people=10, views=2, size=48), tmp_path / "pack", workers=1, **toys)
    folder, rows = tmp_path / "run", []
    tensors, card = train_on_people(
        tmp_path / "pack",
        budget=budget(steps=2, images=20, max_seconds=600),
        seed=1,
        folder=folder,
        on_log=lambda step, losses: rows.append(step),
    )
    assert card["data"] == "20 pictures of 7 synthetic people"
    assert card["steps"] == 2
    assert card["figures"]["faces"] == 4, "two people of ten are never trained on"
    assert rows == [2, 4, 6, 7, 8]
    path = tmp_path / "cascade.safetensors"
    save_tensors(path, tensors, card, storage="int8")
    assert load(path).on_patches(toy_faces(2)).isfinite().all()
    assert read_tensors(path)[1] == card
