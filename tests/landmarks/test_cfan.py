"""CFAN: descriptors against a slow twin, sizes, stages, training and prediction."""

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from facelab.engine.budget import Budget
from facelab.engine.weights import WeightsError, save_tensors
from facelab.humans import load_pack
from facelab.landmarks import FacePatches, patches_of_people
from facelab.landmarks.cfan import (
    CFAN,
    PAPER,
    Build,
    CFANNet,
    StackedAutoEncoder,
    gradient_histograms,
    load,
)
from facelab.landmarks.cfan.targets import descriptors, point_windows, shapes_after
from facelab.landmarks.cfan.train import (
    AutoEncoder,
    Config,
    coded,
    pretrain,
    reconstruction_loss,
    stack_loss,
    stage_batches,
    train,
    train_on_people,
)

TINY = Build(side=16, hidden=(24, 16), local_hidden=(16,), window=8)


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.fixture(scope="module")
def people() -> FacePatches:
    return patches_of_people(load_pack(split="train"), points=5, limit=24, seed=3)


@pytest.fixture
def net(people: FacePatches) -> CFANNet:
    torch.manual_seed(0)
    net = CFANNet(TINY)
    net.describe(people.points.mean(dim=0))
    return net.eval()


def slow_histogram(patch: np.ndarray) -> np.ndarray:
    """The descriptor of one patch (S + 2, S + 2), pixel by pixel."""
    side = len(patch) - 2
    cells = np.zeros((4, 4, 8))
    for row in range(side):
        for column in range(side):
            dx = (patch[row + 1, column + 2] - patch[row + 1, column]) / 2
            dy = (patch[row + 2, column + 1] - patch[row, column + 1]) / 2
            y, x = (row + 0.5) * 4 / side - 0.5, (column + 0.5) * 4 / side - 0.5
            far = ((row + 0.5 - side / 2) ** 2 + (column + 0.5 - side / 2) ** 2) / (side / 2) ** 2
            weight = math.hypot(dx, dy) * math.exp(-far / 2)
            turn = (math.atan2(dy, dx) / (2 * math.pi) * 8) % 8
            for r in (math.floor(y), math.floor(y) + 1):
                for c in (math.floor(x), math.floor(x) + 1):
                    if 0 <= r < 4 and 0 <= c < 4:
                        for k in (math.floor(turn), math.floor(turn) + 1):
                            share = (1 - abs(y - r)) * (1 - abs(x - c)) * (1 - abs(turn - k))
                            cells[r, c, k % 8] += weight * share
    flat = cells.ravel()
    flat = np.minimum(flat / np.linalg.norm(flat), 0.2)
    return flat / np.linalg.norm(flat)


def test_the_paper_sizes_have_the_parameters_that_were_computed_for_them():
    with torch.device("meta"):
        net = CFANNet(PAPER)
    assert count(net.first) == 5_857_436
    assert [count(stage) for stage in net.stages] == [12_667_064] * 3


def test_the_build_that_ships_has_about_six_hundred_thousand_parameters():
    assert count(CFANNet()) == 610_718


@pytest.mark.parametrize("side", [4, 8, 11, 16])
def test_histograms_equal_those_made_pixel_by_pixel(side: int):
    patches = torch.rand(3, side + 2, side + 2, generator=rng(side), dtype=torch.float64)
    expected = np.stack([slow_histogram(patch) for patch in patches.numpy()])
    assert_close(gradient_histograms(patches), torch.from_numpy(expected))


def test_a_ramp_to_the_right_fills_direction_0_and_one_downwards_direction_2():
    steps = torch.arange(18.0) / 18
    across = gradient_histograms(steps.expand(18, 18)).view(4, 4, 8)
    down = gradient_histograms(steps[:, None].expand(18, 18)).view(4, 4, 8)
    assert across[..., 0].gt(0).all() and not across[..., 1:].any()
    assert down[..., 2].gt(0).all() and not down[..., [0, 1, 3, 4, 5, 6, 7]].any()


def test_histograms_do_not_depend_on_brightness_and_contrast():
    patches = torch.rand(2, 5, 18, 18, generator=rng(0))
    assert_close(gradient_histograms(0.4 * patches + 0.3), gradient_histograms(patches))


def test_a_plain_patch_has_an_empty_histogram():
    assert not gradient_histograms(torch.full((2, 18, 18), 0.7)).any()


@pytest.mark.parametrize("shape", [(18,), (18, 17), (5, 5)])
def test_patches_that_have_no_cells_are_refused(shape: tuple[int, ...]):
    with pytest.raises(ValueError, match="S of 4"):
        gradient_histograms(torch.zeros(shape))


def test_hidden_layers_are_sigmoids_and_the_last_layer_is_linear():
    stack = StackedAutoEncoder((3, 2, 1))
    x = torch.tensor([[1.0, -2.0, 0.5]])
    hidden = torch.sigmoid(x @ stack.hidden[0].weight.T + stack.hidden[0].bias)
    assert_close(stack.encode(x), hidden)
    assert_close(stack(x), hidden @ stack.last.weight.T + stack.last.bias)
    assert_close(stack.encode(x, 0), x)


def test_the_cost_of_weights_leaves_biases_out():
    stack = StackedAutoEncoder((3, 2, 1))
    for parameter in stack.parameters():
        nn.init.constant_(parameter, 2.0)
    assert stack.cost_of_weights().item() == 4.0 * (3 * 2 + 2 * 1)


@pytest.mark.parametrize("build", [TINY, dataclasses.replace(TINY, points=68, window=4)])
def test_every_parameter_of_every_stage_learns(build: Build):
    net = CFANNet(build)
    shapes = net.start(torch.rand(3, 1, 16, 16))
    moves = [net.increments(j, torch.rand(3, build.points, 128)) for j in range(2)]
    assert shapes.shape == moves[0].shape == moves[1].shape == (3, build.points, 2)
    torch.stack([shape.square().sum() for shape in (shapes, *moves)]).sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0


def test_windows_cover_a_smaller_part_of_the_face_at_a_higher_resolution():
    squares = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.5, 0.5, 1.0, 1.0]])
    shapes = torch.tensor([[[0.5, 0.25]], [[0.5, 0.25]]])
    coarse, fine = (point_windows(shapes, squares, r, 16) for r in (36.0, 72.0))
    assert_close(coarse[0, 0], torch.tensor([0.25, 0.0, 0.75, 0.5]))  # 18 of 36 pixels
    assert_close(coarse[1, 0], torch.tensor([0.625, 0.5, 0.875, 0.75]))  # in a half-size square
    assert_close(fine[..., 2:] - fine[..., :2], (coarse[..., 2:] - coarse[..., :2]) / 2)


def test_descriptors_move_with_the_points(net: CFANNet, people: FacePatches):
    squares, shapes = people.squares(), people.points
    shifted = squares + torch.tensor([0.1, -0.05, 0.1, -0.05])
    first = descriptors(people, squares, shapes, TINY, 0)
    same_place = descriptors(people, shifted, shapes - torch.tensor([0.1, -0.05]), TINY, 0)
    assert first.shape == (24, 5, 128)
    assert_close(same_place, first, atol=1e-3, rtol=0)
    assert (descriptors(people, squares, shapes + 0.1, TINY, 0) - first).abs().max() > 0.1


def test_each_stage_adds_its_increment(net: CFANNet, people: FacePatches):
    squares = people.squares()
    shapes = shapes_after(net, people, squares)
    for stage, (before, after) in enumerate(zip(shapes[:-1], shapes[1:], strict=True)):
        seen = descriptors(people, squares, before, TINY, stage)
        assert_close(after, before + net.increments(stage, seen))
    assert len(shapes_after(net, people, squares, 1)) == 2


def test_an_auto_encoder_learns_its_own_layer_and_no_other():
    stack = StackedAutoEncoder((12, 8, 4, 2))
    x = torch.rand(6, 12, generator=rng(0))
    (read, _), *_ = itertools.islice(coded(stack, 1, lambda _: iter([(x, x)]))(0), 1)
    assert_close(read, stack.encode(x, 1))
    coder = AutoEncoder(stack.hidden[1])
    losses = reconstruction_loss(coder, read, alpha=0.5)
    weights = coder.layer.weight.square().sum() + coder.decoder.weight.square().sum()
    assert_close(losses["weights"], 0.5 * weights)
    torch.stack(list(losses.values())).sum().backward()
    assert stack.hidden[0].weight.grad is None and stack.last.weight.grad is None
    assert stack.hidden[1].weight.grad is not None


def test_pretraining_makes_the_code_keep_more_of_the_input():
    directions = torch.linalg.qr(torch.randn(20, 20, generator=rng(1))).Q
    x = torch.randn(64, 20, generator=rng(0)) * 0.5 ** torch.arange(20.0) @ directions.T
    torch.manual_seed(0)
    stack = StackedAutoEncoder((20, 3, 2))
    before = unexplained(stack, x)
    budget = Budget("smoke", steps=500, batch=64, images=64, max_seconds=20)
    config = Config(alpha=0, learning_rate=0.02)

    def batches(start: int):
        while True:
            yield x, x

    pretrain(stack, batches, config, budget, 0, show=False)
    assert unexplained(stack, x) < 0.8 * before


def unexplained(stack: StackedAutoEncoder, x: Tensor) -> float:
    """Share of the input's variance that the best linear decoder of the code cannot give back."""
    with torch.no_grad():
        code = stack.encode(x)
    code = torch.cat((code, torch.ones(len(code), 1)), dim=1)
    back = code @ torch.linalg.lstsq(code, x).solution
    return float((x - back).square().sum() / (x - x.mean(dim=0)).square().sum())


def test_the_loss_counts_known_points_in_pixels():
    stack = StackedAutoEncoder((3, 2, 4))
    nn.init.zeros_(stack.last.weight)
    targets = torch.tensor([[[3.0, 4.0], [math.nan, math.nan]]])
    losses = stack_loss(stack, torch.rand(1, 3), targets, alpha=0.1)
    assert losses["shape"].item() == 25.0
    assert_close(losses["weights"], 0.1 * stack.cost_of_weights())


@pytest.mark.parametrize("stage", [None, 0, 1])
def test_targets_lead_from_the_shape_to_the_truth(
    net: CFANNet, people: FacePatches, stage: int | None
):
    """Without shaking and noise, shape + target in pixels / resolution is the truth."""
    config = Config(
        build=TINY, shift=0, scale=0, noise_shift=0, noise_scale=0, noise_angle=0, angle=0
    )
    one = people.select(slice(1))
    inputs, targets = next(stage_batches(net, one, config, 4, 0, stage))
    with torch.no_grad():
        stack = net.first if stage is None else net.stages[stage]
        answer = stack(inputs).view(4, -1, 2)
    pixels = TINY.pixels if stage is None else TINY.resolutions[stage]
    errors = []
    for face in (one, one.mirrored()):
        shapes = shapes_after(net, face, face.squares())
        after = shapes[0 if stage is None else stage + 1]
        errors.append(((face.points - after) * pixels - (targets - answer)[:1]).abs().max())
    assert min(errors) < 1e-3


def test_batches_depend_on_seed_and_step_only(net: CFANNet, people: FacePatches):
    for stage in (None, 0, 1):
        stream = stage_batches(net, people, Config(build=TINY), 4, 5, stage)
        next(stream)
        again = next(stage_batches(net, people, Config(build=TINY), 4, 5, stage, 1))
        for one, other in zip(next(stream), again, strict=True):
            assert_close(one, other, rtol=0, atol=0)


def test_two_hundred_steps_on_eight_faces_halve_the_loss(people: FacePatches):
    losses: dict[str, list[float]] = {}

    def keep(step: int, terms: dict[str, float]) -> None:
        for name, value in terms.items():
            losses.setdefault(name, []).append(value)

    budget = Budget("smoke", steps=200, batch=8, images=8, max_seconds=60)
    config = Config(build=TINY, learning_rate=2e-2, alpha=0)
    train(people.select(slice(8)), config=config, budget=budget, seed=0, on_log=keep, show=False)
    assert list(losses) == ["global", "local 1", "local 2"]
    assert losses["global"][-1] < losses["global"][0] / 2
    assert losses["local 1"][-1] < losses["local 1"][0]


def test_a_run_that_was_stopped_ends_like_one_that_was_not(people: FacePatches, tmp_path: Path):
    few = people.select(slice(8))

    def run(folder: Path) -> CFANNet:
        budget = Budget("smoke", steps=6, batch=4, images=8, max_seconds=60)
        config = Config(build=TINY)
        return train(few, config=config, budget=budget, seed=1, folder=folder, show=False)

    whole = run(tmp_path / "whole")
    (tmp_path / "parts").mkdir()
    (tmp_path / "whole" / "global").rename(tmp_path / "parts" / "global")  # the rest was not begun
    for one, other in zip(whole.parameters(), run(tmp_path / "parts").parameters(), strict=True):
        assert_close(one, other, rtol=0, atol=0)


def test_without_the_global_network_the_mean_shape_is_the_start(people: FacePatches):
    build = dataclasses.replace(TINY, from_mean=True)
    budget = Budget("smoke", steps=3, batch=4, images=8, max_seconds=20)
    net = train(people, config=Config(build=build), budget=budget, show=False)
    stages = CFAN(net).trace(people, squares=people.squares() + 0.1).stages()
    assert list(stages) == ["mean shape", "local 1", "local 2"]
    assert_close(stages["mean shape"], (net.mean_shape + 0.1).expand(24, 5, 2))
    assert not list(net.first.parameters())


def test_prediction_works_on_photos_patches_and_nothing(net: CFANNet, people: FacePatches):
    find = CFAN(net)
    photo = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    box = torch.tensor([[30.0, 25.0, 60.0, 65.0]])
    assert find(photo, torch.zeros(0, 4)).shape == (0, 5, 2)
    moved = find(np.roll(photo, (7, 4), axis=(0, 1)), box + torch.tensor([4.0, 7.0, 4.0, 7.0]))
    assert_close(moved, find(photo, box) + torch.tensor([4.0, 7.0]), atol=0.2, rtol=0)
    stages = find.trace(people).stages()
    assert list(stages) == ["global", "local 1", "local 2"]
    assert_close(stages["local 2"], find.on_patches(people.images))


def test_patches_in_colour_are_refused(net: CFANNet):
    with pytest.raises(ValueError, match="colour=False"):
        CFAN(net).on_patches(torch.zeros(1, 3, 112, 112, dtype=torch.uint8))


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"side": 0}, "side"),
        ({"hidden": ()}, "one hidden layer"),
        ({"window": 3}, "window"),
        ({"from_mean": True, "resolutions": ()}, "nothing would be left"),
    ],
)
def test_sizes_that_cannot_be_built_are_named(sizes: dict[str, object], said: str):
    with pytest.raises(ValueError, match=said):
        Build(**sizes)  # type: ignore[arg-type]


def test_the_recipe_gives_weights_that_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, people: FacePatches
):
    from facelab.landmarks.cfan import train as recipe

    monkeypatch.setattr(recipe, "training_patches", lambda *_, **__: people)
    few = load_pack(split="test").select(slice(12))
    monkeypatch.setattr("facelab.humans.load_pack", lambda *_, **__: few)
    budget = Budget("smoke", 2, 2, 24, 20)
    tensors, card = train_on_people(None, budget=budget, seed=0, folder=tmp_path / "run")
    file = tmp_path / "cfan.safetensors"
    save_tensors(file, tensors, card, storage="int8")
    assert card["figures"]["faces"] == 12
    found = load(file)
    assert_close(found.net.mean_shape, people.points.mean(dim=0))
    assert found.on_patches(people).isfinite().all()
    save_tensors(file, {"x": torch.zeros(2)}, card)
    with pytest.raises(WeightsError, match="cfan"):
        load(file)
