"""Coarse to fine: sizes, the frames between the levels, votes, training and prediction."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

from facelab.engine.budget import Budget
from facelab.engine.weights import WeightsError, save_tensors
from facelab.geometry.alignment import transform_points
from facelab.humans import load_pack
from facelab.landmarks import FacePatches, patches_of_people
from facelab.landmarks.coarse_to_fine import (
    NET1,
    Build,
    CoarseToFine,
    CoarseToFineNet,
    LocalNet,
    WholeFaceNet,
    average_votes,
    load,
)
from facelab.landmarks.coarse_to_fine.model import nearest
from facelab.landmarks.coarse_to_fine.targets import (
    landmark_patches,
    normalising,
    vote_targets,
    votes_of,
)
from facelab.landmarks.coarse_to_fine.train import (
    Config,
    level1_batches,
    level2_batches,
    squared_error,
    train,
    train_on_people,
)

TINY = Build(side=32, widths=(4, 6, 8), hidden=16, patch=12, local_widths=(4, 6), local_hidden=8)


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.fixture(scope="module")
def people() -> FacePatches:
    return patches_of_people(load_pack(split="train"), points=68, limit=24, seed=3)


@pytest.fixture
def net(people: FacePatches) -> CoarseToFineNet:
    torch.manual_seed(0)
    net = CoarseToFineNet(TINY)
    net.describe(people.points.mean(dim=0))
    return net.eval()


def ramp(side: int = 100) -> FacePatches:
    """A face patch whose grey level is x plus twice y, so that every place has its own colour."""
    steps = torch.arange(side, dtype=torch.float32) + 0.5
    image = (steps[None] + 2 * steps[:, None]) * 0.8
    points = torch.full((1, 68, 2), torch.nan)
    return FacePatches(image.to(torch.uint8)[None, None], points, torch.ones(1), margin=0.25)


@pytest.mark.parametrize(("points", "parameters"), [(5, 17_430_442), (68, 17_559_592)])
def test_net1_has_as_many_parameters_as_the_public_one(points: int, parameters: int):
    with torch.device("meta"):
        assert count(WholeFaceNet(dataclasses.replace(NET1, points=points))) == parameters


def test_net1_makes_386_million_multiplications():
    with torch.device("meta"):
        net = WholeFaceNet(dataclasses.replace(NET1, points=5))
        side, macs = 128, 0
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d):
                macs += layer.weight.numel() * side**2
            elif isinstance(layer, nn.MaxPool2d):
                side //= 2
            elif isinstance(layer, nn.Linear):
                macs += layer.weight.numel()
    assert round(macs / 1e6, 1) == 386.0


def test_the_build_that_ships_has_less_than_one_and_a_half_million_parameters():
    net = CoarseToFineNet()
    assert (count(net.level1), count(net.level2)) == (1_071_808, 122_792)


@pytest.mark.parametrize("build", [TINY, dataclasses.replace(TINY, points=5, channels=3, side=64)])
def test_both_levels_give_what_they_promise_and_learn_with_every_parameter(build: Build):
    level1, level2 = WholeFaceNet(build), LocalNet(build)
    shapes = level1(torch.rand(3, build.channels, build.side, build.side))
    patches = torch.rand(3, build.points, build.channels, build.patch, build.patch)
    votes = level2(patches)
    assert shapes.shape == (3, build.points, 2)
    assert votes.shape == (3, build.points, build.neighbours, 2)
    (shapes.square().sum() + votes.square().sum()).backward()
    for parameter in (*level1.parameters(), *level2.parameters()):
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0


def test_the_answer_does_not_depend_on_brightness_and_contrast():
    level1 = WholeFaceNet(TINY).eval()
    crops = torch.rand(2, 1, 32, 32, generator=rng(0))
    assert_close(level1(0.3 * crops + 0.2), level1(crops), atol=1e-5, rtol=1e-4)


def test_each_landmark_has_a_last_layer_of_its_own():
    net = LocalNet(TINY)
    patches = torch.rand(1, 68, 1, 12, 12, generator=rng(0))
    same = patches[:, :1].expand(-1, 68, -1, -1, -1)  # one patch everywhere
    votes = net(same)[0]  # (68, 5, 2)
    apart = (votes[None] - votes[:, None]).abs().amax(dim=(2, 3))
    assert (apart + torch.eye(68) > 0).all()


def test_a_landmark_comes_first_among_its_neighbours_even_when_points_coincide():
    shape = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [5.0, 0.0]])
    assert nearest(shape, 3).tolist() == [[0, 1, 2], [1, 2, 0], [2, 1, 0], [3, 1, 2]]


def test_votes_are_averaged_over_the_patches_that_vote():
    # Landmark 0 is about 0 and 1, landmark 1 about 1 and 0, landmark 2 about 2 and 1.
    neighbours = torch.tensor([[0, 1], [1, 0], [2, 1]])
    x = torch.tensor([[[1.0, 10.0], [20.0, 3.0], [7.0, 60.0]]])  # (1, 3, 2)
    votes = torch.stack((x, -x), dim=-1)
    expected = torch.tensor([[2.0, 30.0, 7.0]])
    assert_close(average_votes(votes, neighbours), torch.stack((expected, -expected), dim=-1))


def test_right_votes_average_to_the_truth(net: CoarseToFineNet, people: FacePatches):
    truth = people.points
    centres = truth + 0.05 * torch.randn(truth.shape, generator=rng(1))
    votes = votes_of(net, centres, vote_targets(net, centres, truth))
    assert_close(average_votes(votes, net.neighbours), truth, atol=1e-5, rtol=0)


def test_a_silent_patch_votes_for_the_estimate_of_its_neighbours(net: CoarseToFineNet):
    centres = torch.rand(2, net.build.points, 2, generator=rng(2))
    silence = torch.zeros(2, net.build.points, net.build.neighbours, 2)
    votes = votes_of(net, centres, silence)
    assert_close(votes[:, 3, 1], centres[:, net.neighbours[3, 1]])
    assert_close(average_votes(votes, net.neighbours), centres)


def test_the_similarity_turns_a_moved_shape_back(net: CoarseToFineNet):
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]]) * 1.3
    moved = (net.mean_shape @ turn.T + torch.tensor([0.2, -0.1]))[None]
    matrix = normalising(moved, net.mean_shape)
    assert_close(transform_points(matrix, moved)[0], net.mean_shape, atol=1e-5, rtol=0)
    only_moved = transform_points(normalising(moved, net.mean_shape, turn=False), moved)[0]
    assert_close(only_moved.mean(dim=0), net.mean_shape.mean(dim=0), atol=1e-5, rtol=0)
    assert (only_moved - net.mean_shape).abs().max() > 0.1


def test_a_patch_shows_the_face_at_its_landmark():
    patches = ramp()
    build = dataclasses.replace(TINY, points=1, neighbours=1, half=0.09)  # 12 px of 66.7 a square
    squares = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    same = torch.eye(2, 3)[None]
    seen = landmark_patches(patches, squares, same, torch.tensor([[[0.5, 0.2]]]), build)
    x, y = (0.5 + 0.25) / 1.5 * 100, (0.2 + 0.25) / 1.5 * 100  # pixels of the patch
    assert seen.shape == (1, 1, 1, 12, 12)
    assert_close(seen.mean().item() * 255, (x + 2 * y) * 0.8, atol=1.0, rtol=0)
    across, down = (
        seen[0, 0, 0, 0, -1] - seen[0, 0, 0, 0, 0],
        seen[0, 0, 0, -1, 0] - seen[0, 0, 0, 0, 0],
    )
    assert_close((down / across).item(), 2.0, atol=0.2, rtol=0)


def test_a_patch_is_the_same_whichever_square_the_detector_gave():
    """Squares move the frame, not the pixels: a shape in another frame is the same place."""
    patches, build = ramp(), dataclasses.replace(TINY, points=1, neighbours=1)
    place, same = torch.tensor([[[0.5, 0.4]]]), torch.eye(2, 3)[None]
    squares = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    shifted = squares + torch.tensor([[0.1, -0.05, 0.1, -0.05]])
    moved = place - torch.tensor([0.1, -0.05])
    first = landmark_patches(patches, squares, same, place, build)
    assert_close(landmark_patches(patches, shifted, same, moved, build), first)


def test_an_upright_patch_is_read_from_a_turned_face():
    """With the similarity of a face turned by 90 degrees, the ramp's steep axis lies across."""
    patches, build = ramp(), dataclasses.replace(TINY, points=1, neighbours=1, half=0.05)
    squares = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    quarter = torch.tensor([[[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]])  # square (x, y) -> (y, 1 - x)
    centre = transform_points(quarter, torch.tensor([[[0.5, 0.5]]]))
    seen = landmark_patches(patches, squares, quarter, centre, build)[0, 0, 0]
    assert seen[0, -1] - seen[0, 0] > 1.5 * (seen[0, 0] - seen[-1, 0]) > 0


def test_points_that_are_not_known_do_not_count_in_the_loss():
    outputs = torch.zeros(2, 3, 2, requires_grad=True)
    targets = torch.ones(2, 3, 2)
    targets[1] = torch.nan
    loss = squared_error(outputs, targets)
    loss.backward()
    assert loss.item() == 2.0  # 1 + 1 for each known point
    assert outputs.grad is not None and not outputs.grad[1].any()


def test_batches_depend_on_seed_and_step_only(net: CoarseToFineNet, people: FacePatches):
    config, squares, starts = Config(build=TINY), people.squares(), people.points
    for make in (
        lambda start: level1_batches(people, config, 4, 5, start),
        lambda start: level2_batches(net, people, squares, starts, config, 4, 5, start),
    ):
        stream = make(0)
        next(stream)
        for one, other in zip(next(stream), next(make(1)), strict=True):
            assert_close(one, other, rtol=0, atol=0)


def test_two_hundred_steps_on_eight_faces_halve_the_loss(people: FacePatches):
    losses: dict[str, list[float]] = {"level 1": [], "level 2": []}

    def keep(step: int, terms: dict[str, float]) -> None:
        for name, value in terms.items():
            losses[name].append(value)

    budget = Budget("smoke", steps=200, batch=8, images=8, max_seconds=60)
    config = Config(build=TINY, learning_rate=3e-3, warm_up=10)
    train(people.select(slice(8)), config=config, budget=budget, seed=0, on_log=keep, show=False)
    assert losses["level 1"][-1] < losses["level 1"][0] / 2
    assert losses["level 2"][-1] < losses["level 2"][0]


def test_a_run_that_was_stopped_ends_like_one_that_was_not(people: FacePatches, tmp_path: Path):
    config = Config(build=TINY)
    few = people.select(slice(8))

    def run(folder: Path) -> CoarseToFineNet:
        budget = Budget("smoke", steps=6, batch=4, images=8, max_seconds=60)
        return train(few, config=config, budget=budget, seed=1, folder=folder, show=False)

    whole = run(tmp_path / "whole")
    (tmp_path / "parts").mkdir()
    (tmp_path / "whole" / "level1").rename(tmp_path / "parts" / "level1")  # level 2 was not begun
    for one, other in zip(whole.parameters(), run(tmp_path / "parts").parameters(), strict=True):
        assert_close(one, other, rtol=0, atol=0)


def test_prediction_works_on_photos_patches_and_nothing(net: CoarseToFineNet, people: FacePatches):
    find = CoarseToFine(net)
    photo = np.zeros((90, 120, 3), np.uint8)
    photo[20:70, 30:80] = 200
    boxes = torch.tensor([[30.0, 15.0, 75.0, 75.0], [-5.0, 40.0, 30.0, 80.0]])
    assert find(photo, boxes).shape == (2, 68, 2)
    assert find(photo, torch.zeros(0, 4)).shape == (0, 68, 2)
    assert find.on_patches(people).shape == (24, 68, 2)
    stages = find.trace(people).stages()
    assert list(stages) == ["level 1", "own patch only", "level 2"]
    assert_close(stages["level 2"], find.on_patches(people.images))


def test_a_photo_that_moves_moves_the_points(net: CoarseToFineNet):
    find = CoarseToFine(net)
    photo = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    box = torch.tensor([[30.0, 25.0, 60.0, 65.0]])
    shifted = np.roll(photo, (7, 4), axis=(0, 1))
    moved = find(shifted, box + torch.tensor([4.0, 7.0, 4.0, 7.0]))
    assert_close(moved, find(photo, box) + torch.tensor([4.0, 7.0]), atol=0.2, rtol=0)


def test_a_square_that_misses_changes_the_frame_of_the_answer(
    net: CoarseToFineNet, people: FacePatches
):
    with torch.no_grad():  # a net that always says the mean shape
        net.level1.last.weight.zero_()
        net.level2.weight.zero_()
    squares = people.squares() + 0.1
    found = CoarseToFine(net).trace(people, squares=squares).level1
    assert_close(found, (net.mean_shape + 0.1).expand_as(found))


def test_patches_in_colour_are_refused_by_a_grey_build(net: CoarseToFineNet):
    with pytest.raises(ValueError, match="colour=False"):
        CoarseToFine(net).on_patches(torch.zeros(1, 3, 112, 112, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"side": 90}, "multiple of 16"),
        ({"patch": 22}, "multiple of 4"),
        ({"neighbours": 69}, "neighbours"),
        ({"half": 0.0}, "half"),
        ({"hidden": 0}, "hidden"),
    ],
)
def test_sizes_that_cannot_be_built_are_named(sizes: dict[str, float], said: str):
    with pytest.raises(ValueError, match=said):
        Build(**sizes)  # type: ignore[arg-type]


def test_a_mean_shape_with_a_hole_is_refused():
    with pytest.raises(ValueError, match="every point"):
        CoarseToFineNet(TINY).describe(torch.full((68, 2), math.nan))


def test_the_recipe_gives_weights_that_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, people: FacePatches
):
    from facelab.landmarks.coarse_to_fine import train as recipe

    monkeypatch.setattr(recipe, "training_patches", lambda *_, **__: people)
    few = load_pack(split="test").select(slice(12))
    monkeypatch.setattr("facelab.humans.load_pack", lambda *_, **__: few)
    budget = Budget("smoke", 2, 2, 24, 20)
    tensors, card = train_on_people(None, budget=budget, seed=0, folder=tmp_path / "run")
    file = tmp_path / "c2f.safetensors"
    save_tensors(file, tensors, card, storage="int8")
    assert card["figures"]["faces"] == 12
    found = load(file)
    assert_close(found.net.mean_shape, people.points.mean(dim=0))
    assert found.net.neighbours[:, 0].tolist() == list(range(68))
    assert found.on_patches(people).isfinite().all()
    save_tensors(file, {"x": torch.zeros(2)}, card)
    with pytest.raises(WeightsError, match="coarse_to_fine"):
        load(file)
