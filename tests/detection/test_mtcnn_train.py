"""Training MTCNN: what each net sees and minimises, and that a stop changes nothing."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import facelab
from facelab import samples as photos
from facelab.detection.mtcnn import MTCNN
from facelab.detection.mtcnn import train as training
from facelab.detection.mtcnn.losses import LANDMARK, NEGATIVE, PART, POSITIVE, TASK_WEIGHTS
from facelab.detection.mtcnn.model import ONet, PNet, RNet
from facelab.detection.mtcnn.targets import Samples
from facelab.detection.mtcnn.train import (
    BUDGETS,
    KEPT,
    NETS,
    SMALLEST,
    Config,
    batches,
    budget_of,
    figures,
    mirrored,
    samples_for,
    train,
)
from facelab.engine.budget import Budget
from facelab.geometry.boxes import box_iou
from facelab.images import resize
from facelab.types import Scene

QUIET = {"show": False, "accelerator": "cpu"}
SIDE = 40
FACE = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])  # points, shares


def toy_scene(seed, *, count=2, sides=(30, 50), size=(120, 160)):
    """Noise with bright squares that have five dark dots: faces that a small net can learn."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 90, (*size, 3), dtype=np.uint8)
    boxes, points = [], []
    for number in range(count):
        side = int(rng.integers(*sides))
        left = int(rng.integers(number * 80, number * 80 + 80 - side))
        top = int(rng.integers(0, size[0] - side))
        image[top : top + side, left : left + side] = 200
        five = FACE * side + (left, top)
        for x, y in five.round().astype(int):
            image[y - 2 : y + 3, x - 2 : x + 3] = 20
        boxes.append([left, top, left + side, top + side])
        points.append(five)
    return Scene(
        image,
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(np.array(points), dtype=torch.float32).reshape(-1, 5, 2),
    )


SCENES = [toy_scene(seed) for seed in range(6)]


def budget(steps=40, batch=56, **limits):
    return Budget(
        "smoke", **({"steps": steps, "batch": batch, "images": 6, "max_seconds": 60} | limits)
    )


def public(**options):
    return facelab.load("mtcnn", **options)


def same(one, other):
    pairs = zip((one.pnet, one.rnet, one.onet), (other.pnet, other.rnet, other.onet), strict=True)
    states = [(a.state_dict(), b.state_dict()) for a, b in pairs]
    return all(
        first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)
        for first, second in states
    )


def samples(kinds=(NEGATIVE,) * 6 + (POSITIVE,) * 3 + (PART,) * 3 + (LANDMARK,) * 3):
    """Samples whose crops, deltas and points are numbered."""
    kind = torch.tensor(kinds)
    number = torch.arange(len(kind))
    crops = number.to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 12, 12).clone()
    return Samples(
        crops, kind, number[:, None].expand(-1, 4) / 100, number[:, None].expand(-1, 10) / 100
    )


# ---- candidates: what the nets before a net propose


@pytest.fixture(scope="module")
def portrait():
    return resize(photos.photo("astronaut"), (256, 256))


def test_candidates_are_the_squares_that_a_trace_shows(portrait):
    detector = public()
    trace = detector.trace(portrait)
    for net, before in (("rnet", "pnet"), ("onet", "rnet")):
        squares = detector.candidates(portrait, net)
        assert len(squares) > 0
        assert_close(squares, trace.stages[before].kept.boxes[: len(squares)])
        width, height = (squares[:, 2:] - squares[:, :2]).unbind(dim=1)
        assert_close(width, height)


def test_candidates_do_not_run_the_net_that_they_are_for(portrait):
    detector = public()
    detector.onet = None  # would be an error
    squares = detector.candidates(portrait, "onet")
    detector.rnet = None
    assert len(detector.candidates(portrait, "rnet")) > len(squares) > 0
    with pytest.raises(ValueError, match="expected rnet or onet, got 'pnet'"):
        detector.candidates(portrait, "pnet")


# ---- samples of a net


@pytest.mark.parametrize("name", NETS)
def test_every_kind_is_there_and_none_beyond_its_share_of_a_scene(name):
    made = samples_for(name, SCENES, public(thresholds=(0.1, 0.1, 0.7)), seed=0)
    side = {"pnet": 12, "rnet": 24, "onet": 48}[name]
    assert made.crops.shape[1:] == (3, side, side)
    counts = {kind: int((made.kind == kind).sum()) for kind in KEPT}
    assert sum(counts.values()) == len(made)
    assert all(0 < counts[kind] <= 6 * most for kind, most in KEPT.items())
    assert counts[POSITIVE] > 5 * KEPT[POSITIVE]  # 2 x 20 windows round faces are enough


def test_without_landmarks_there_are_no_landmark_samples():
    made = samples_for("pnet", SCENES, public(), seed=0, landmarks=False)
    assert LANDMARK not in made.kind and made.landmarks.isnan().all()


def test_negatives_of_later_nets_are_what_the_earlier_propose(monkeypatch):
    """A net that sees a face everywhere at one place makes exactly that place a negative."""
    wrong = torch.tensor([[5.0, 5.0, 29.0, 29.0]])
    asked = []

    class Proposing:
        def candidates(self, photo, net):
            asked.append(net)
            return wrong

    scene = Scene(SCENES[0].image, torch.tensor([[90.0, 60.0, 130.0, 100.0]]))
    made = samples_for("onet", [scene], Proposing(), seed=0)
    assert asked == ["onet"]
    negatives = made.crops[made.kind == NEGATIVE]
    assert len(negatives) == 1
    cut = torch.from_numpy(resize(scene.image[5:29, 5:29], (48, 48))).permute(2, 0, 1)
    assert (negatives[0].int() - cut.int()).abs().float().mean() < 8


def test_where_the_nets_before_make_no_mistake_windows_are_drawn_at_random():
    class Perfect:
        def candidates(self, photo, net):
            return SCENES[0].boxes

    made = samples_for("rnet", SCENES[:1], Perfect(), seed=0)
    assert int((made.kind == NEGATIVE).sum()) == KEPT[NEGATIVE]


def test_faces_below_20_pixels_are_neither_positives_nor_negatives():
    scene = toy_scene(0, count=1, sides=(14, 15))
    own = float(scene.boxes[0, 2] - scene.boxes[0, 0])
    assert own < SMALLEST
    with pytest.raises(
        ValueError, match="none of 1 gives pnet positives; use more, with faces of 20"
    ):
        samples_for("pnet", [scene], public(), seed=0)
    seen = []
    both = Scene(scene.image, torch.cat([scene.boxes, torch.tensor([[100.0, 70.0, 130.0, 100.0]])]))
    real = training.samples_of

    def spy(scene, windows, size, **options):
        seen.append((scene, windows))
        return real(scene, windows, size, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "samples_of", spy)
        samples_for("pnet", [both], public(), seed=0)
    for got, windows in seen:
        assert_close(got.ignore, scene.boxes)
        assert_close(got.boxes, both.boxes[1:])
        assert len(windows)


def test_scenes_without_faces_give_negatives_beside_others():
    nobody = toy_scene(9, count=0)
    made = samples_for("pnet", [nobody, SCENES[0]], public(), seed=0)
    assert int((made.kind == NEGATIVE).sum()) > KEPT[NEGATIVE]
    with pytest.raises(ValueError, match="none of 1 gives pnet positives"):
        samples_for("pnet", [nobody], public(), seed=0)


def test_samples_follow_from_the_seed():
    one, again, other = (samples_for("pnet", SCENES[:2], public(), seed=s) for s in (0, 0, 1))
    assert torch.equal(one.crops, again.crops) and torch.equal(one.kind, again.kind)
    assert not torch.equal(one.crops[:50], other.crops[:50])


# ---- batches


def test_mirroring_twice_changes_nothing_and_once_swaps_sides():
    crops = torch.arange(3 * 12 * 12, dtype=torch.uint8).view(1, 3, 12, 12)
    deltas = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    points = torch.tensor([[0.2, 0.8, 0.5, 0.3, 0.7, 0.31, 0.32, 0.5, 0.81, 0.82]])
    one = Samples(crops, torch.tensor([POSITIVE]), deltas, points)
    turned = mirrored(one)
    assert torch.equal(turned.crops, crops.flip(3))
    # a face from 0.1 to 1 + 0.3 lies, seen from the right, from -0.3 to 1 - 0.1
    assert_close(turned.deltas, torch.tensor([[-0.3, 0.2, -0.1, 0.4]]))
    # the eye at image left is the one that was at image right
    expected = torch.tensor([[0.2, 0.8, 0.5, 0.3, 0.7, 0.32, 0.31, 0.5, 0.82, 0.81]])
    assert_close(turned.landmarks, expected)
    back = mirrored(turned)
    assert torch.equal(back.crops, crops)
    assert_close(back.deltas, deltas)
    assert_close(back.landmarks, points)


def test_a_batch_has_3_1_1_2_of_the_kinds():
    crops, kind, deltas, landmarks = next(batches(samples(), 70, seed=0))
    counts = [int((kind == one).sum()) for one in (NEGATIVE, POSITIVE, PART, LANDMARK)]
    assert counts == [30, 10, 10, 20]
    assert crops.dtype == torch.uint8
    assert len(crops) == len(deltas) == len(landmarks) == 70
    assert_close(deltas[:, 1], crops[:, 0, 0, 0] / 100)  # a sample keeps what belongs to it


def test_about_half_of_a_batch_is_mirrored():
    _, _, deltas, _ = next(batches(samples(), 700, seed=0))
    assert 0.4 < float((deltas[:, 0] < 0).float().mean()) < 0.6


def test_a_batch_does_without_a_kind_that_there_is_none_of():
    _, kind, _, _ = next(batches(samples((NEGATIVE, POSITIVE)), 70, seed=0))
    assert sorted(kind.tolist()) == [NEGATIVE] * 30 + [POSITIVE] * 10


def test_a_batch_follows_from_seed_and_step_alone():
    first = list(itertools.islice(batches(samples(), 28, seed=5), 4))
    third = next(batches(samples(), 28, seed=5, start=2))
    other = next(batches(samples(), 28, seed=6, start=2))
    assert all(torch.equal(a, b) for a, b in zip(first[2], third, strict=True))
    assert not torch.equal(first[2][0], other[0]) and not torch.equal(first[1][0], third[0])


# ---- losses


@pytest.mark.parametrize("name, net", [("pnet", PNet), ("rnet", RNet), ("onet", ONet)])
def test_the_tasks_are_weighed_as_equation_4_says(name, net):
    torch.manual_seed(0)
    model = net() if name == "onet" else net(landmarks=True)
    model.eval().requires_grad_(False)
    side = training.SIDES[name]
    crops = torch.randint(0, 255, (4, 3, side, side), dtype=torch.uint8)
    kind = torch.tensor([NEGATIVE, POSITIVE, PART, LANDMARK])
    deltas, landmarks = torch.full((4, 4), 0.5), torch.full((4, 10), 0.25)
    losses = training._losses(name, model, (crops, kind, deltas, landmarks), keep=1.0)
    logits, box, points = (x.flatten(1) for x in model(crops / 255))
    weights = TASK_WEIGHTS[name]
    wanted = {
        "face": -logits.log_softmax(1)[[0, 1], [0, 1]].mean() * weights.face,
        "box": (box[1:3] - 0.5).square().sum(1).mean() * weights.box,
        "landmarks": (points[3] - 0.25).square().sum() * weights.landmarks,
    }
    assert {key: float(x) for key, x in losses.items()} == pytest.approx(
        {f"{name}/{task}": float(x) for task, x in wanted.items()}, rel=1e-4
    )


def test_only_the_share_kept_of_positives_and_negatives_counts():
    torch.manual_seed(0)
    model = PNet(landmarks=True).eval().requires_grad_(False)
    batch = next(batches(samples(), 70, seed=0))
    kept, everything = (training._losses("pnet", model, batch, keep=k) for k in (0.1, 1.0))
    assert kept["pnet/face"] > everything["pnet/face"]
    assert_close(kept["pnet/box"], everything["pnet/box"])


# ---- the whole training


@pytest.fixture(scope="module")
def trained():
    rows = []
    detector = train(
        SCENES,
        budget=budget(200, 56),
        config=Config(warm_up=5),
        on_log=lambda step, losses: rows.append((step, dict(losses))),
        **QUIET,
    )
    return detector, rows


def test_each_net_learns_each_task(trained):
    _, rows = trained
    for name in NETS:
        own = [row for _, row in rows if f"{name}/face" in row]
        assert all(
            row.keys() == {f"{name}/{x}" for x in ("face", "box", "landmarks")} for row in own
        )
        for task in ("face", "box", "landmarks"):
            assert own[-1][f"{name}/{task}"] < 0.9 * own[0][f"{name}/{task}"], (name, task)


def test_steps_are_counted_through_all_nets(trained):
    steps = [step for step, _ in trained[1]]
    assert steps == sorted(steps)
    assert steps[-1] == sum(budget_of(name, budget(200)).steps for name in NETS) == 320


def test_the_detector_finds_faces_that_it_never_saw_and_is_not_in_train_mode(trained):
    detector, _ = trained
    assert detector.config.thresholds == MTCNN(PNet(), RNet(), ONet()).config.thresholds
    found = whole = 0
    for seed in range(100, 106):
        scene = toy_scene(seed)
        faces = detector(scene.image)
        overlaps = box_iou(scene.boxes, faces.boxes)
        found += int((overlaps > 0.5).any(dim=1).sum()) if len(faces) else 0
        whole += len(scene)
        again = detector(scene.image)
        assert torch.equal(faces.scores, again.scores)  # no dropout
    assert found >= 0.7 * whole


def test_figures_are_average_precisions_of_the_levels(trained):
    scenes = [toy_scene(seed) for seed in range(100, 103)]
    levels = {"difficulty": torch.tensor([0, 2])}
    scenes = [Scene(x.image, x.boxes, x.landmarks, levels) for x in scenes]
    numbers = figures(trained[0], scenes)
    assert numbers.keys() == {"ap_easy", "ap_medium", "ap_hard"}
    assert 0 <= numbers["ap_easy"] <= 1 and numbers["ap_hard"] > 0.5


@pytest.mark.parametrize("stop", [0, 1, 2])
def test_a_run_that_is_stopped_in_any_net_goes_on_to_the_same_weights(tmp_path, stop):
    options = {"budget": budget(10, 28), "config": Config(warm_up=2), "log_every": 1, **QUIET}
    whole = train(SCENES[:2], **options)
    before = sum(budget_of(name, options["budget"]).steps for name in NETS[:stop])

    def interrupt(step, losses):
        if step == before + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SCENES[:2], folder=tmp_path, on_log=interrupt, save_every_s=0, **options)
    assert [name for name in NETS if (tmp_path / name).exists()] == list(NETS[: stop + 1])
    assert same(train(SCENES[:2], folder=tmp_path, **options), whole)
    assert same(train(SCENES[:2], folder=tmp_path, **options), whole)  # finished: nothing is done


def test_nets_without_landmark_heads(trained):
    detector = train(
        SCENES[:2], budget=budget(2, 14), config=Config(landmarks=False, warm_up=1), **QUIET
    )
    assert detector.pnet.landmarks is None and detector.rnet.landmarks is None
    assert trained[0].pnet.landmarks is not None


def test_training_leaves_the_caller_s_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train(SCENES[:1], budget=budget(1, 14), config=Config(warm_up=1), **QUIET)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"keep": 0.0}, "keep"),
        ({"keep": 1.1}, "keep"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": math.nan}, "learning_rate"),
    ],
)
def test_a_config_that_cannot_be_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Config(**options)


def test_no_scenes_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        train([], budget=budget(), **QUIET)


def test_the_nets_take_the_whole_of_the_budget_s_time():
    for row in BUDGETS:
        own = [budget_of(name, row) for name in NETS]
        assert sum(part.max_seconds for part in own) == pytest.approx(row.max_seconds)
        assert all(part.steps >= 1 and part.batch == row.batch for part in own)
    assert dataclasses.replace(BUDGETS[1], steps=1, max_seconds=1) != BUDGETS[1]
