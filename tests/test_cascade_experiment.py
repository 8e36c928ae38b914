"""What the cascade's claims train: fair plans, results that are kept, and a short run of it all."""

import json
import math
import runpy
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from benchmarks.cascade import plans
from benchmarks.cascade.plans import FAR_SHIFT, PLANS, SHIFT, STRUCTURES, SWEEP_SEED, Job
from benchmarks.cascade.store import Store, spread
from facelab.course.claims import read_claims

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LAPTOP = PLANS["laptop"]
NETWORKS = {*STRUCTURES, "EN1", "NM1", "level 2", "level 3"}


def made_up_rates():
    return {name: 0.001 * (1 + number) for number, name in enumerate(sorted(NETWORKS))}


def test_every_network_tries_the_same_rates_on_the_same_batches_for_the_same_steps():
    jobs = plans.sweep_jobs(LAPTOP)
    assert {job.network for job in jobs} == NETWORKS
    assert {job.seed for job in jobs} == {SWEEP_SEED}
    for name in NETWORKS:
        assert [job.rate for job in jobs if job.network == name] == list(LAPTOP.rates)
    level1 = {(job.steps, job.batch) for job in jobs if not job.network.startswith("level")}
    assert level1 == {(round(LAPTOP.steps * LAPTOP.sweep), LAPTOP.batch)}


def test_the_rate_with_the_lowest_validation_error_is_chosen_for_each_network():
    jobs = [Job(name, SWEEP_SEED, 9, 9, rate) for name in ("S0", "S7") for rate in (0.1, 0.2, 0.3)]
    errors = dict(zip(jobs, (3.0, 2.0, 4.0, 5.0, 4.5, 1.0), strict=True))
    assert plans.chosen_rates(LAPTOP, errors) == {"S0": 0.2, "S7": 0.3}


def test_the_networks_of_a_seed_differ_in_structure_rate_and_shift_only():
    jobs = plans.claim_jobs(LAPTOP, range(3), made_up_rates())
    for seed in range(3):
        own = plans.of_seed(jobs, seed)
        longer = [job for job in own if plans.label(job, LAPTOP).endswith(" longer")]
        assert {(job.steps, job.batch) for job in longer} == {(30_000, 32)}
        assert [job.network for job in longer] == list(plans.LONGER)
        own = [job for job in own if job not in longer]
        level1 = [job for job in own if not job.network.startswith("level")]
        assert {job.network for job in own} == NETWORKS
        assert {(job.steps, job.batch) for job in level1} == {(LAPTOP.steps, LAPTOP.batch)}
        far = {job.network: job for job in own if job.shift != SHIFT}
        assert set(far) == {"S0", "S7"}
        assert all(job.shift == FAR_SHIFT for job in far.values())
        assert all(job.rate == made_up_rates()[job.network] for job in own + longer)
        labels = [plans.label(job, LAPTOP) for job in own]
        assert len(set(labels)) == len(own)
        assert {"S0", "S0 shifted", "EN1", "level 2"} <= set(labels)
    assert SWEEP_SEED not in {job.seed for job in jobs}
    assert len({job.name for job in jobs}) == len(jobs)


def test_every_sprite_is_used_equally_often_or_some_are_left_out():
    assert LAPTOP.images(LAPTOP.faces // 8) == 8 * (LAPTOP.faces // 8)
    assert LAPTOP.images(LAPTOP.faces - 5) == LAPTOP.faces - 5
    assert LAPTOP.images(10 * LAPTOP.faces) == LAPTOP.faces


def test_a_kept_result_is_found_again_and_another_plan_is_refused(tmp_path):
    about = {"plan": LAPTOP.about(), "pack": "some"}
    store = Store(tmp_path / "work", about)
    assert store.get("one") is None
    store.put("one", {"error": [1.5, None]})
    assert Store(tmp_path / "work", about).get("one") == {"error": [1.5, None]}
    assert Store(tmp_path / "work").get("one") == {"error": [1.5, None]}
    with pytest.raises(ValueError, match="work of another run"):
        Store(tmp_path / "work", {"plan": PLANS["gpu"].about(), "pack": "some"})


def test_tasks_are_done_here_or_in_processes():
    assert dict(spread([4, 9], math.sqrt, workers=0)) == {4: 2.0, 9: 3.0}
    assert dict(spread([4, 9], math.sqrt, workers=1)) == {4: 2.0, 9: 3.0}


@pytest.fixture(scope="module")
def training():
    from benchmarks.cascade import training

    return training


@pytest.fixture(scope="module")
def faces():
    from facelab.humans import load_pack
    from facelab.landmarks.judging import unseen_patches

    return unseen_patches(load_pack(split="test"), limit=6)


class Perfect(torch.nn.Module):
    """Answers what it is told, whatever it sees."""

    def __init__(self, answers, size):
        super().__init__()
        self.answers, self.size = answers, size

    def forward(self, crops):
        return self.answers


@pytest.mark.parametrize(("network", "points"), [("S7", 5), ("EN1", 3), ("NM1", 3)])
def test_a_network_that_answers_right_has_no_error(training, faces, network, points):
    job = Job(network, 0, 1, 1, 0.1, shift=0.2)
    band = training.BANDS[training.band_of(network)]
    squares = training.off_boxes(faces, shift=0.2)
    assert not torch.equal(squares, faces.squares())
    _, right = training.band_samples(faces, squares, band, (2, 2))
    off = right.clone()
    off[:, 0, 0] += 0.9 * 2 * 0.05 / (band.right - band.left)  # 5 % of the square to the right
    size = (39, 39) if points == 5 else (31, 39)
    perfect = training.network_errors(job, Perfect(right.flatten(1), size), faces)
    found = training.network_errors(job, Perfect(off.flatten(1), size), faces)
    assert int((~perfect.isnan()).sum(dim=1).unique()) == points
    assert float(perfect.nan_to_num().max()) < 1e-5
    side = squares[:, 2] - squares[:, 0]
    assert_close(found[:, band.points[0]], 0.05 * side / faces.widths, atol=1e-5, rtol=1e-4)


def test_the_level_two_networks_are_measured_by_what_their_mean_leaves(training, faces):
    job, squares = Job("level 2", 0, 1, 1, 0.1), training.off_boxes(faces)
    generator = torch.Generator().manual_seed(1)
    _, right = training.level_samples(faces, squares, 2, generator)
    off = right.clone()
    off[:, 0, 0] += 0.18  # the first of two networks of the left eye: a fifth of the reach
    found = training.network_errors(job, Perfect(off, (15, 15)), faces)
    side = squares[:, 2] - squares[:, 0]
    assert_close(found[:, 0], 0.5 * 0.2 * 0.05 * side / faces.widths, atol=1e-5, rtol=1e-4)
    assert float(found[:, 1:].max()) < 1e-5


def test_figures_are_means_and_failure_rates_in_percent_with_none_for_unknown_points(training):
    nan = math.nan
    errors = torch.tensor([[0.01, 0.06, nan, nan, nan], [0.03, 0.08, nan, nan, 0.05]])
    found = training.figures(errors)
    assert found["error"] == pytest.approx([2.0, 7.0, None, None, 5.0])
    assert found["failures"] == [0.0, 100.0, None, None, 0.0]


def test_shipped_weights_are_measured_on_all_points_on_visible_ones_and_on_boxes_that_miss(
    monkeypatch, claims_program
):
    cascade = claims_program["facelab_cascade"]
    monkeypatch.setattr("facelab.load", lambda name: cascade)
    found = claims_program["shipped"](0, PLANS["smoke"], None)
    for name in ("shipped", "shipped, frontal"):
        rows = [found[name], found[f"{name}, visible"], found[f"{name}, boxes off"]]
        means = [sum(row["error"]) for row in rows]
        assert len(set(means)) == 3
        assert found[f"{name}, level 3"] == found[name]


def test_without_shipped_weights_there_are_no_figures_of_them(monkeypatch, claims_program, capsys):
    from facelab.engine.weights import WeightsError

    def missing(name):
        raise WeightsError("not shipped")

    monkeypatch.setattr("facelab.load", missing)
    assert claims_program["shipped"](0, PLANS["smoke"], None) == {}
    assert "not shipped" in capsys.readouterr().err


@pytest.fixture(scope="module")
def claims_program():
    """What the program defines, with benchmarks/ in sight as when it runs; an untrained cascade."""
    from facelab.landmarks.dcnn_cascade.predict import Cascade

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        found = runpy.run_path(str(BENCHMARKS / "dcnn_cascade_claims.py"))
        yield found | {"facelab_cascade": Cascade()}


@pytest.fixture(scope="module")
def short_run(tmp_path_factory, claims_program):
    """One seed of everything under the smoke budget, and the same again from what was kept."""
    folder, main = tmp_path_factory.mktemp("claims"), claims_program["main"]
    options = ["--budget", "smoke", "--seeds", "1", "--workers", "0", "--work", str(folder)]
    times = []
    for _ in range(2):
        main(options)
        times.append({file.name: file.stat().st_mtime_ns for file in folder.glob("S*.json")})
    return folder, *times


def test_a_short_run_writes_a_claim_table_and_the_figures_behind_it(short_run):
    folder, _, _ = short_run
    found = read_claims(folder / "dcnn_cascade.json")
    trained = [
        claim for claim in found if "shipped" not in claim.claim and "same" not in claim.claim
    ]
    assert all(len(claim.ours) == 1 for claim in trained)
    assert not any(claim.verdict == "reproduced" for claim in found)  # one seed is too few
    levels = json.loads((folder / "dcnn_cascade_levels.json").read_text())
    assert [row["name"] for row in levels["structures"]] == list(STRUCTURES)
    names = [row["name"] for row in levels["levels"]]
    assert names == ["F1", "EN1", "NM1", "level 1", "level 2", "level 3"]
    assert levels["levels"][0]["paper"]["error"] == [1.40, 1.42, 1.64, 1.76, 1.80]
    assert all(len(row["error"]) == 1 and len(row["error"][0]) == 5 for row in levels["levels"])


def test_f1_of_the_cascade_is_the_network_that_the_structures_compare(short_run):
    levels = json.loads((short_run[0] / "dcnn_cascade_levels.json").read_text())
    assert levels["levels"][0]["error"][0] == pytest.approx(levels["structures"][0]["error"][0])


def test_what_was_finished_is_not_trained_again(short_run):
    _, first, again = short_run
    assert first
    assert first == again
