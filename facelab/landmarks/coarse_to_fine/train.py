"""Train coarse to fine: level 1 on whole faces, then level 2 where level 1 puts the landmarks.

    patches = training_patches(load_pack(split="train"), budget=budget, seed=0)
    net = train(patches, budget=budget, seed=0)

| Here       | Paper                  | Note                                                      |
| ---------- | ---------------------- | --------------------------------------------------------- |
| loss       | squared error, implied | mean over the known points, in square units               |
| level 1    | not verified           | squares shaken by `shift` and `scale`, patches turned     |
| level 2    | not verified           | starts where level 1 is, and a small random similarity of |
|            |                        | it (`Noise`): level 1 errs more on new faces              |
| optimiser  | not verified           | Adam, warm-up, then the rate falls along a cosine         |
| data       | 300-W, 68 points       | synthetic people, 68 exact points                         |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facelab.engine.budget import Budget
from facelab.engine.randomness import drawn_rows, generator
from facelab.engine.schedules import warm_cosine
from facelab.engine.training import fit
from facelab.geometry.alignment import transform_points
from facelab.humans.sprites import SpriteSource
from facelab.landmarks.coarse_to_fine.model import Build, CoarseToFineNet, WholeFaceNet
from facelab.landmarks.coarse_to_fine.predict import CoarseToFine, check_channels
from facelab.landmarks.coarse_to_fine.targets import (
    face_crops,
    landmark_patches,
    normalising,
    vote_targets,
)
from facelab.landmarks.judging import stage_figures, unseen_patches
from facelab.landmarks.patches import FacePatches, to_square
from facelab.landmarks.starting import at_mean_shape, turned_people
from facelab.landmarks.windows import shaken_shapes, shaken_squares

BUDGETS = (
    Budget("smoke", steps=12, batch=8, images=32, max_seconds=5),
    Budget("laptop", steps=3_000, batch=16, images=8_820, max_seconds=260),
    Budget("gpu", steps=16_000, batch=32, images=60_000, max_seconds=900),
    Budget("paper", steps=100_000, batch=128, images=600_000, max_seconds=172_800),
)
"""How much each budget computes: steps and batch of level 1, seconds of both levels; level 2 takes
half of the steps with half of the batch, as it sees 68 patches a face."""

SHARE = 0.5  # of the seconds, for level 1

OnLog = Callable[[int, Mapping[str, float]], None]
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Noise:
    """What is added to level 1's shapes when level 2 learns; standard deviations.

    shift: in square units. scale: as a share. angle: radians.
    """

    shift: float = 0.02
    scale: float = 0.04
    angle: float = 0.06


@dataclass(frozen=True)
class Config:
    """Say what is trained, and how.

    build: sizes. learning_rate: Adam's largest. warm_up: steps until it is reached. angle: largest
    turn of a patch when it is made, radians. shift, scale: of the shaken squares. noise: on level
    1's shapes. normalise: False trains level 2 without similarity normalisation.
    Raises ValueError for a learning rate that is not above 0.
    """

    build: Build = field(default_factory=Build)
    learning_rate: float = 1e-3
    warm_up: int = 50
    angle: float = 0.35
    shift: float = 0.05
    scale: float = 0.05
    noise: Noise = field(default_factory=Noise)
    normalise: bool = True

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate: expected above 0, got {self.learning_rate}")


def training_patches(
    source: SpriteSource, *, budget: Budget, seed: int = 0, config: Config | None = None
) -> FacePatches:
    """Make as many patches of people as a budget allows, with the points that the build has.

    source: sprites of the training split. seed: of all that is random.
    """
    config = config or Config()
    return turned_people(
        source,
        images=budget.images,
        angle=config.angle,
        seed=seed,
        points=5 if config.build.points == 5 else 68,
        colour=config.build.channels == 3,
    )


def train(
    patches: FacePatches,
    *,
    config: Config | None = None,
    budget: Budget,
    seed: int = 0,
    folder: Path | None = None,
    on_log: OnLog | None = None,
    **options: Any,
) -> CoarseToFineNet:
    """Train both levels on patches.

    budget: how long. seed: of weights and batches. folder: where the runs are kept, to go on with
    them. on_log: called with step and {"level 1" or "level 2": mean loss}; level 2 counts on.
    options: further ones of `engine.training.fit`. Returns the net in evaluation mode.
    Raises ValueError for patches of other points or channels than the build's.
    """
    config = config or Config()
    net = untrained(patches, config, seed)
    level1 = dataclasses.replace(budget, max_seconds=budget.max_seconds * SHARE)
    train_level1(net, patches, config, level1, seed, folder, on_log, **options)
    train_level2(net, patches, config, budget_of_level2(budget), seed, folder, on_log, **options)
    return net


def untrained(patches: FacePatches, config: Config, seed: int) -> CoarseToFineNet:
    """Draw first weights and take the mean shape of the patches."""
    check_channels(patches, config.build)
    net = at_mean_shape(lambda: CoarseToFineNet(config.build), patches, seed=seed)
    return net.to(memory_format=torch.channels_last)


def budget_of_level2(budget: Budget) -> Budget:
    """Give level 2's part of a budget."""
    return dataclasses.replace(
        budget,
        steps=max(1, budget.steps // 2),
        batch=max(1, budget.batch // 2),
        max_seconds=budget.max_seconds * (1 - SHARE),
    )


def train_level1(
    net: CoarseToFineNet,
    patches: FacePatches,
    config: Config,
    budget: Budget,
    seed: int,
    folder: Path | None = None,
    on_log: OnLog | None = None,
    **options: Any,
) -> None:
    """Train level 1 in place."""
    _fit(
        net.level1,
        lambda model, batch: {"level 1": squared_error(model(batch[0]), batch[1])},
        lambda start: level1_batches(patches, config, budget.batch, seed, start),
        *(config, budget, seed, folder and folder / "level1", on_log),
        **{"title": "level 1", **options},
    )


def train_level2(
    net: CoarseToFineNet,
    patches: FacePatches,
    config: Config,
    budget: Budget,
    seed: int,
    folder: Path | None = None,
    on_log: OnLog | None = None,
    *,
    after: int | None = None,
    **options: Any,
) -> None:
    """Train level 2 in place, on what level 1 says now. after: steps that were told before."""
    squares = shaken_squares(len(patches), **_shaking(config, seed))
    starts = estimates(net.level1, patches, squares, config.build)
    before = 2 * budget.steps if after is None else after
    tell = None if on_log is None else lambda step, losses: on_log(before + step, losses)
    _fit(
        net.level2,
        lambda model, batch: {"level 2": squared_error(model(batch[0]), batch[1])},
        lambda start: level2_batches(
            net, patches, squares, starts, config, budget.batch, seed, start
        ),
        *(config, budget, seed, folder and folder / "level2", tell),
        **{"title": "level 2", **options},
    )


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Give the mean squared distance over the known points. outputs, targets: (..., 2)."""
    known = ~torch.isnan(targets)
    square = torch.where(known, outputs - targets.nan_to_num(), 0.0).square()
    return 2 * square.sum() / known.sum().clamp(min=1)


def level1_batches(
    patches: FacePatches, config: Config, batch: int, seed: int, start: int = 0
) -> Iterator[Batch]:
    """Yield crops (B, C, side, side) and true shapes (B, P, 2) in the frames of shaken squares;
    every second batch or so is mirrored."""
    for rows, own in drawn_rows(len(patches), batch, seed=seed, purpose="level 1", start=start):
        chosen = patches.select(rows)
        if torch.rand((), generator=own) < 0.5:
            chosen = chosen.mirrored()
        squares = shaken_squares(batch, shift=config.shift, scale=config.scale, generator=own)
        yield face_crops(chosen, squares, config.build), to_square(chosen.points, squares)


@torch.no_grad()
def estimates(level1: WholeFaceNet, patches: FacePatches, squares: Tensor, build: Build) -> Tensor:
    """Give level 1's shapes of all patches (N, P, 2), in the frames of their squares."""
    level1.eval()
    parts = [
        level1(face_crops(patches.select(rows), squares[rows], build))
        for rows in torch.arange(len(patches)).split(256)
    ]
    return torch.cat(parts)


def level2_batches(
    net: CoarseToFineNet,
    patches: FacePatches,
    squares: Tensor,
    starts: Tensor,
    config: Config,
    batch: int,
    seed: int,
    start: int = 0,
) -> Iterator[Batch]:
    """Yield patches (B, P, C, patch, patch) and votes (B, P, K, 2) that are right for them.

    squares: (N, 4) of the estimates `starts` (N, P, 2), which are shaken anew in each batch.
    """
    noise, build = dataclasses.asdict(config.noise), config.build
    for rows, own in drawn_rows(len(patches), batch, seed=seed, purpose="level 2", start=start):
        chosen, frames = patches.select(rows), squares[rows]
        shapes = shaken_shapes(starts[rows], **noise, generator=own)
        matrices = normalising(shapes, net.mean_shape, turn=config.normalise)
        centres = transform_points(matrices, shapes)
        truth = transform_points(matrices, to_square(chosen.points, frames))
        seen = landmark_patches(chosen, frames, matrices, centres, build)
        yield seen, vote_targets(net, centres, truth)


def train_on_people(
    data: Path | None, *, budget: Budget, seed: int, folder: Path, on_log: OnLog | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Train on the people of a pack; what `facelab train coarse_to_fine` does.

    data: a pack's folder; the shipped one for None. Returns tensors by name and the card.
    """
    from facelab.humans import load_pack

    source = load_pack(data, split="train")
    patches = training_patches(source, budget=budget, seed=seed)
    net = train(patches, budget=budget, seed=seed, folder=folder, on_log=on_log)
    card = {
        "data": f"{len(patches)} patches of {len(source)} sprites of synthetic people",
        "build": dataclasses.asdict(net.build),
        "steps": budget.steps + budget_of_level2(budget).steps,
        "figures": figures(net, load_pack(data, split="test")),
    }
    return net.state_dict(), card


def figures(net: CoarseToFineNet, source: SpriteSource) -> dict[str, float]:
    """Sum up a net's errors on upright faces of people; source: sprites of the test split."""
    points, channels = net.build.points, net.build.channels
    faces = unseen_patches(source, points=5 if points == 5 else 68, colour=channels == 3)
    return stage_figures(CoarseToFine(net).trace(faces).stages(), faces)


def _shaking(config: Config, seed: int) -> dict[str, Any]:
    own = generator(seed, "squares of level 2")
    return {"shift": config.shift, "scale": config.scale, "generator": own}


def _fit(
    net: nn.Module,
    loss: Callable[[Any, Batch], Mapping[str, Tensor]],
    batches: Callable[[int], Iterator[Batch]],
    config: Config,
    budget: Budget,
    seed: int,
    folder: Path | None,
    on_log: OnLog | None,
    **options: Any,
) -> None:
    """Train one level with Adam; the rate rises for `warm_up` steps and falls along a cosine."""
    optimizer = torch.optim.Adam(net.parameters(), lr=config.learning_rate)
    fit(
        net,
        loss,
        batches,
        budget=budget,
        optimizer=optimizer,
        scheduler=warm_cosine(optimizer, budget.steps, warm_up=config.warm_up),
        folder=folder,
        on_log=on_log,
        seed=seed,
        config=dataclasses.asdict(config),
        **options,
    )
