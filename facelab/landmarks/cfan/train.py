"""Train CFAN stage by stage: encoders first, greedily, then each whole stack on shapes.

    patches = training_patches(load_pack(split="train"), budget=budget, seed=0)
    net = train(patches, budget=budget, seed=0)

| Here              | Paper                                       | Note                          |
| ----------------- | ------------------------------------------- | ----------------------------- |
| `AutoEncoder`     | each hidden layer as an auto-encoder        | decoder linear, thrown away   |
| its loss          | squared reconstruction error + alpha |W|^2  | summed over the inputs        |
| `stack_loss`      | |S_true - S|^2 + alpha sum |W|^2            | in pixels of the stage, ours  |
| `alpha`           | 0.001 in global and local networks          | from a reading note           |
| stage j           | on the shapes that stage j - 1 leaves       | and a small random similarity |
|                   |                                             | of them, ours                 |
| optimiser         | not verified (L-BFGS was usual)             | Adam, cosine                  |
| data              | LFPW, HELEN, XM2VTS, AFW, from memory       | synthetic people              |

Source: Zhang et al., ECCV 2014, section 3.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facelab.engine.budget import Budget
from facelab.engine.randomness import drawn_rows
from facelab.engine.schedules import warm_cosine
from facelab.engine.training import fit
from facelab.humans.sprites import SpriteSource
from facelab.landmarks.cfan.model import Build, CFANNet, StackedAutoEncoder, global_input
from facelab.landmarks.cfan.predict import CFAN
from facelab.landmarks.cfan.targets import check_grey, descriptors, face_pixels, shapes_after
from facelab.landmarks.judging import stage_figures, unseen_patches
from facelab.landmarks.patches import FacePatches, to_square
from facelab.landmarks.starting import at_mean_shape, turned_people
from facelab.landmarks.windows import shaken_shapes, shaken_squares

BUDGETS = (
    Budget("smoke", steps=12, batch=16, images=48, max_seconds=5),
    Budget("laptop", steps=3_000, batch=64, images=11_760, max_seconds=220),
    Budget("gpu", steps=12_000, batch=128, images=60_000, max_seconds=900),
    Budget("paper", steps=100_000, batch=128, images=600_000, max_seconds=172_800),
)
"""How much each budget computes: steps of each network's fine-tuning; each of its hidden layers
takes a fifth of that before. Seconds are of everything together."""

GREEDY = 0.2  # steps of a hidden layer's auto-encoder, as a share of those of fine-tuning

OnLog = Callable[[int, Mapping[str, float]], None]
Batch = tuple[Tensor, Tensor]
Batches = Callable[[int], Iterator[Batch]]


@dataclass(frozen=True)
class Config:
    """Say what is trained, and how.

    build: sizes. alpha: cost of the squared weights. learning_rate: Adam's first; it falls along a
    cosine to a hundredth. pretrain: False leaves the greedy auto-encoders out. angle: largest turn
    of a patch when it is made, radians. shift, scale: of the shaken squares. noise_shift,
    noise_scale, noise_angle: standard deviations of what is added to a stage's shapes, in square
    units, as a share and in radians.
    Raises ValueError for a learning rate that is not above 0, or a negative alpha.
    """

    build: Build = field(default_factory=Build)
    alpha: float = 1e-3
    learning_rate: float = 3e-3
    pretrain: bool = True
    angle: float = math.radians(10)
    shift: float = 0.05
    scale: float = 0.05
    noise_shift: float = 0.01
    noise_scale: float = 0.02
    noise_angle: float = 0.03

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and self.alpha >= 0):
            raise ValueError(
                f"learning_rate, alpha: expected above 0, and 0 or more; got "
                f"{self.learning_rate}, {self.alpha}"
            )


class AutoEncoder(nn.Module):
    """One hidden layer of a stack, and a decoder to learn it with.

    What the layer reads (B, inputs) gives what the decoder makes of its answer, (B, inputs).
    """

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer, self.decoder = layer, nn.Linear(layer.out_features, layer.in_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(torch.sigmoid(self.layer(x)))


def reconstruction_loss(coder: AutoEncoder, x: Tensor, alpha: float) -> dict[str, Tensor]:
    """Give the squared error of the decoder, summed over its outputs, and the weights' cost."""
    weights = coder.layer.weight.square().sum() + coder.decoder.weight.square().sum()
    return {
        "reconstruction": (coder(x) - x).square().sum(dim=1).mean(),
        "weights": alpha * weights,
    }


def stack_loss(
    stack: StackedAutoEncoder, x: Tensor, targets: Tensor, alpha: float
) -> dict[str, Tensor]:
    """Give the squared distance of shapes and the weights' cost.

    x: (B, inputs). targets: (B, P, 2) in pixels of the stage, NaN where unknown.
    """
    known = ~torch.isnan(targets)
    outputs = stack(x).view_as(targets)
    square = torch.where(known, outputs - targets.nan_to_num(), 0.0).square()
    return {"shape": square.sum(dim=(1, 2)).mean(), "weights": alpha * stack.cost_of_weights()}


def training_patches(
    source: SpriteSource, *, budget: Budget, seed: int = 0, config: Config | None = None
) -> FacePatches:
    """Make as many patches of people as a budget allows, with the points that the build has.

    source: sprites of the training split. seed: of all that is random.
    """
    config = config or Config()
    points = 5 if config.build.points == 5 else 68
    return turned_people(source, images=budget.images, angle=config.angle, seed=seed, points=points)


def train(
    patches: FacePatches,
    *,
    config: Config | None = None,
    budget: Budget,
    seed: int = 0,
    folder: Path | None = None,
    on_log: OnLog | None = None,
    first: CFANNet | None = None,
    **options: Any,
) -> CFANNet:
    """Train all stages on grey patches, one after the other.

    budget: how long. seed: of weights and batches. folder: where the runs are kept, to go on with
    them. on_log: called with step and {stage: mean squared error of a point in pixels}; steps
    count on from stage to stage. first: a trained net whose global network is taken over.
    options: further ones of `engine.training.fit`. Returns the net in evaluation mode.
    Raises ValueError for patches in colour, or of other points than the build's.
    """
    config = config or Config()
    net = untrained(patches, config, seed)
    stacks = _stacks(net)
    if first is not None:
        net.first.load_state_dict(first.first.state_dict())
        net.describe(first.mean_shape)
        del stacks["global"]
    each = dataclasses.replace(budget, max_seconds=budget.max_seconds / len(stacks))
    for number, (name, stage) in enumerate(stacks.items()):
        place = folder and folder / name.replace(" ", "_")
        tell = _told(name, number * budget.steps, config.build.points, on_log)
        train_stage(
            *(net, patches, config, each, seed, stage, place, tell), **{"title": name, **options}
        )
    return net.eval()


def train_stage(
    net: CFANNet,
    patches: FacePatches,
    config: Config,
    budget: Budget,
    seed: int,
    stage: int | None,
    folder: Path | None = None,
    on_log: OnLog | None = None,
    *,
    title: str,
    **options: Any,
) -> None:
    """Train one network in place on what those before it leave; stage None is the global one."""
    stack = net.first if stage is None else net.stages[stage]
    assert isinstance(stack, StackedAutoEncoder)

    def batches(start: int) -> Iterator[Batch]:
        return stage_batches(net, patches, config, budget.batch, seed, stage, start)

    if config.pretrain:
        pretrain(stack, batches, config, budget, seed, folder, title=title, **options)
    _fit(
        stack,
        lambda model, batch: stack_loss(model, *batch, config.alpha),
        *(batches, config, _share(budget, config.pretrain, stack), seed),
        **{"folder": folder, "on_log": on_log, "title": title, **options},
    )


def untrained(patches: FacePatches, config: Config, seed: int) -> CFANNet:
    """Draw first weights and take the mean shape of the patches."""
    check_grey(patches)
    return at_mean_shape(lambda: CFANNet(config.build), patches, seed=seed)


def pretrain(
    stack: StackedAutoEncoder,
    batches: Batches,
    config: Config,
    budget: Budget,
    seed: int,
    folder: Path | None = None,
    *,
    title: str = "stack",
    **options: Any,
) -> None:
    """Teach each hidden layer of a stack to keep what it reads, from the lowest up."""
    for depth in range(len(stack.hidden)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed((seed << 8) + depth)
            layer = stack.hidden[depth]
            assert isinstance(layer, nn.Linear)
            coder = AutoEncoder(layer)
        name = f"{title}, layer {depth + 1} alone"
        _fit(
            coder,
            lambda model, batch: reconstruction_loss(model, batch[0], config.alpha),
            *(coded(stack, depth, batches), config, _greedy(budget, stack), seed),
            **{"folder": folder and folder / f"layer{depth + 1}", "title": name, **options},
        )


def coded(stack: StackedAutoEncoder, depth: int, batches: Batches) -> Batches:
    """Give batches as layer `depth` of a stack reads them, above the layers below it."""

    @torch.no_grad()
    def encode(x: Tensor) -> Tensor:
        return stack.encode(x, depth)

    return lambda start: ((encode(x), targets) for x, targets in batches(start))


def stage_batches(
    net: CFANNet,
    patches: FacePatches,
    config: Config,
    batch: int,
    seed: int,
    stage: int | None,
    start: int = 0,
) -> Iterator[Batch]:
    """Yield inputs (B, n) of a stage, None for the global network, and what it should answer.

    Answers are (B, P, 2) in pixels of the stage. Every second batch or so is mirrored.
    """
    build, purpose = config.build, "global" if stage is None else f"local {stage + 1}"
    for rows, own in drawn_rows(len(patches), batch, seed=seed, purpose=purpose, start=start):
        chosen = patches.select(rows)
        if torch.rand((), generator=own) < 0.5:
            chosen = chosen.mirrored()
        squares = shaken_squares(batch, shift=config.shift, scale=config.scale, generator=own)
        truth = to_square(chosen.points, squares)  # (B, P, 2)
        if stage is None:
            seen = face_pixels(chosen, squares, build)
            yield global_input(seen), (truth - net.mean_shape) * build.pixels
        else:
            with torch.no_grad():
                shapes = shapes_after(net, chosen, squares, stage)[-1]
            shapes = shaken_shapes(shapes, **_noise(config), generator=own)
            seen = descriptors(chosen, squares, shapes, build, stage)
            yield seen.flatten(1), (truth - shapes) * build.resolutions[stage]


def train_on_people(
    data: Path | None, *, budget: Budget, seed: int, folder: Path, on_log: OnLog | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Train on the people of a pack; what `facelab train cfan` does.

    data: a pack's folder; the shipped one for None. Returns tensors by name and the card.
    """
    from facelab.humans import load_pack

    source = load_pack(data, split="train")
    patches = training_patches(source, budget=budget, seed=seed)
    net = train(patches, budget=budget, seed=seed, folder=folder, on_log=on_log)
    card = {
        "data": f"{len(patches)} patches of {len(source)} sprites of synthetic people",
        "build": dataclasses.asdict(net.build),
        "steps": budget.steps * len(_stacks(net)),
        "figures": figures(net, load_pack(data, split="test")),
    }
    return net.state_dict(), card


def figures(net: CFANNet, source: SpriteSource) -> dict[str, float]:
    """Sum up a net's errors on upright faces of people; source: sprites of the test split."""
    faces = unseen_patches(source, points=5 if net.build.points == 5 else 68)
    return stage_figures(CFAN(net).trace(faces).stages(), faces)


def _stacks(net: CFANNet) -> dict[str, int | None]:
    """Name the networks in the order of training: None is the global one."""
    names: dict[str, int | None] = {} if net.build.from_mean else {"global": None}
    return names | {f"local {stage + 1}": stage for stage in range(len(net.stages))}


def _noise(config: Config) -> dict[str, float]:
    return {
        "shift": config.noise_shift,
        "scale": config.noise_scale,
        "angle": config.noise_angle,
    }


def _share(budget: Budget, pretrained: bool, stack: StackedAutoEncoder) -> Budget:
    """Give what fine-tuning has of a stack's seconds."""
    layers = len(stack.hidden) if pretrained else 0
    return dataclasses.replace(budget, max_seconds=budget.max_seconds / (1 + GREEDY * layers))


def _greedy(budget: Budget, stack: StackedAutoEncoder) -> Budget:
    """Give what one hidden layer has before that."""
    seconds = budget.max_seconds * GREEDY / (1 + GREEDY * len(stack.hidden))
    steps = max(1, round(budget.steps * GREEDY))
    return dataclasses.replace(budget, steps=steps, max_seconds=seconds)


def _told(name: str, before: int, points: int, on_log: OnLog | None) -> OnLog | None:
    """Pass on the error of one stage under its name, in squared pixels a point."""
    if on_log is None:
        return None
    return lambda step, losses: on_log(before + step, {name: losses["shape"] / points})


def _fit(
    net: nn.Module,
    loss: Callable[[Any, Batch], Mapping[str, Tensor]],
    batches: Batches,
    config: Config,
    budget: Budget,
    seed: int,
    **options: Any,
) -> None:
    """Train one network with Adam; the rate falls to a hundredth along a cosine."""
    optimizer = torch.optim.Adam(net.parameters(), lr=config.learning_rate)
    scheduler = warm_cosine(optimizer, budget.steps)
    decisive = {"seed": seed, "scheduler": scheduler, "config": dataclasses.asdict(config)}
    fit(net, loss, batches, budget=budget, optimizer=optimizer, **{**decisive, **options})
