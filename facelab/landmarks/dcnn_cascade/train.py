"""Train the cascade: three networks on bands of the face, then two banks of ten on small windows.

    patches = training_patches(load_pack(split="train"), budget=budget, seed=0)
    cascade, histories = train(patches, budget=budget, seed=0)

| Here        | Paper                      | Note                                              |
| ----------- | -------------------------- | ------------------------------------------------- |
| loss        | squared error, implied     | a mean over faces for each point, then their sum  |
| level 1     | small shifts and turns     | amounts not given: 8 % of the side, 10 degrees    |
| levels 2, 3 | shifts up to 0.05 and 0.02 | about the true points: no level waits for another |
| optimiser   | SGD, a rate a weight       | Adam, warm-up, then the rate falls on a cosine    |
| data        | 10,000 faces, LFW and web  | synthetic people, or any `FacePatches`            |
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facelab.engine.budget import Budget
from facelab.engine.randomness import drawn_rows, generator
from facelab.engine.runs import History
from facelab.engine.schedules import warm_cosine
from facelab.engine.training import fit
from facelab.geometry.landmarks import FIVE
from facelab.humans.sprites import SpriteSource
from facelab.landmarks.dcnn_cascade import targets
from facelab.landmarks.dcnn_cascade.model import (
    POINTS,
    STRUCTURES,
    Bank,
    CascadeNets,
    Network,
    Structure,
)
from facelab.landmarks.dcnn_cascade.predict import Cascade
from facelab.landmarks.patches import FacePatches
from facelab.landmarks.starting import turned_people
from facelab.landmarks.windows import shaken_squares

__all__ = ["BUDGETS", "Config", "train", "train_band", "train_level", "train_on_people"]

BUDGETS = (
    Budget("smoke", steps=24, batch=16, images=64, max_seconds=10),
    Budget("laptop", steps=3_000, batch=16, images=10_080, max_seconds=220),
    Budget("gpu", steps=60_000, batch=32, images=80_640, max_seconds=900),
    Budget("paper", steps=500_000, batch=64, images=600_000, max_seconds=172_800),
)
"""How much each budget computes. Steps are those of each network of level 1; levels 2 and 3 take a
third, as ten networks learn from every face there. Seconds are for all five runs together."""

RUNS = ("F1", "EN1", "NM1", "level 2", "level 3")
LEVEL_SHARE = 1 / 3  # of the steps, for levels 2 and 3
SHORT = ("LE", "RE", "N", "LM", "RM")

OnLog = Callable[[int, Mapping[str, float]], None]
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Config:
    """Say how the networks are trained.

    learning_rate: Adam's largest. warm_up: steps until it is reached. last: share of it that is
    left in the end. shift, scale: how far the squares of training miss, shares of their side.
    angle: largest turn of a face when its patch is made, radians.
    Raises ValueError for a number outside its range.
    """

    learning_rate: float = 3e-3
    warm_up: int = 50
    last: float = 0.01
    shift: float = 0.08
    scale: float = 0.08
    angle: float = math.radians(10)

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate: expected above 0, got {self.learning_rate}")
        if self.warm_up < 0 or not 0 < self.last <= 1:
            raise ValueError(
                f"warm_up, last: expected 0 or more and a share above 0, got {self.warm_up}, "
                f"{self.last}"
            )
        if not (self.shift >= 0 and 0 <= self.scale < 1 and self.angle >= 0):
            raise ValueError(
                f"shift, scale, angle: expected 0 or more, scale below 1, got {self.shift}, "
                f"{self.scale}, {self.angle}"
            )


def training_patches(
    source: SpriteSource, *, budget: Budget, seed: int = 0, config: Config | None = None
) -> FacePatches:
    """Make as many patches of people as a budget asks for, with five points.

    source: sprites of the training split. seed: of all that is random.
    """
    config = config or Config()
    return turned_people(source, images=budget.images, angle=config.angle, seed=seed)


def train(
    patches: FacePatches,
    *,
    budget: Budget,
    config: Config | None = None,
    seed: int = 0,
    folder: Path | None = None,
    on_log: OnLog | None = None,
    **options: Any,
) -> tuple[Cascade, dict[str, History]]:
    """Train all 23 networks, each on its own windows.

    budget: how long. seed: of weights and batches. folder: where the runs are kept, to go on with
    them. on_log: called with step and mean losses, "F1/LE" or "level 2/N"; steps count on from run
    to run. options: further ones of `engine.training.fit`.
    Returns the cascade and the history of every run of RUNS.
    Raises ValueError for patches of other points or of colours.
    """
    _check(patches)
    nets = CascadeNets()
    parts = {"F1": "f1", "EN1": "en1", "NM1": "nm1", "level 2": "level2", "level 3": "level3"}
    histories: dict[str, History] = {}
    done = 0
    for name in RUNS:
        row = budget_of(name, budget)
        common: dict[str, Any] = {
            "budget": row,
            "config": config,
            "seed": seed,
            "folder": None if folder is None else folder / name.replace(" ", ""),
            "on_log": _counting_on(on_log, done),
            **options,
        }
        net: nn.Module
        if name in targets.BANDS:
            net, histories[name] = train_band(name, patches, **common)
        else:
            net, histories[name] = train_level(int(name[-1]), patches, **common)
        setattr(nets, parts[name], net)
        done += row.steps
    return Cascade(nets), histories


def budget_of(run: str, budget: Budget) -> Budget:
    """Give the share of a budget that one of RUNS may use."""
    share = 1 if run in targets.BANDS else LEVEL_SHARE
    whole = sum(1 if one in targets.BANDS else LEVEL_SHARE for one in RUNS)
    return dataclasses.replace(
        budget,
        steps=max(1, round(budget.steps * share)),
        max_seconds=budget.max_seconds * share / whole,
    )


def train_band(
    name: str,
    patches: FacePatches,
    *,
    budget: Budget,
    structure: Structure | str | None = None,
    config: Config | None = None,
    seed: int = 0,
    folder: Path | None = None,
    on_log: OnLog | None = None,
    **options: Any,
) -> tuple[Network, History]:
    """Train one network of level 1.

    name: of `targets.BANDS`. structure: another one than the paper's for this network, with as many
    outputs, to compare. Everything else as in `train`.
    Raises ValueError for another name, a structure of other outputs, and as `train`.
    """
    _check(patches)
    if name not in targets.BANDS:
        raise ValueError(f"name: expected one of {', '.join(targets.BANDS)}, got {name!r}")
    config, band = config or Config(), targets.BANDS[name]
    network = Network(structure or band.structure, generator=generator(seed, name))
    if network.structure.outputs != 2 * len(band.points):
        raise ValueError(
            f"structure: {name} answers {2 * len(band.points)} numbers, {network.structure.name} "
            f"{network.structure.outputs}"
        )
    _start_at_mean(network, patches, band)

    def samples(chosen: FacePatches, generator: torch.Generator) -> Batch:
        squares = _shaken(chosen, config, generator)
        return targets.band_samples(chosen, squares, band, network.size)

    words = [f"{name}/{SHORT[point]}" for point in band.points]
    run = _Run(name, words, samples, config, budget, seed)
    return network, run.fit(network, patches, folder=folder, on_log=on_log, **options)


def train_level(
    level: int,
    patches: FacePatches,
    *,
    budget: Budget,
    config: Config | None = None,
    seed: int = 0,
    folder: Path | None = None,
    on_log: OnLog | None = None,
    **options: Any,
) -> tuple[Bank, History]:
    """Train the ten networks of level 2 or 3, side by side. Everything as in `train`.

    Raises ValueError for another level, and as `train`.
    """
    _check(patches)
    if level not in targets.LEVELS:
        raise ValueError(f"level: expected 2 or 3, got {level}")
    config, name = config or Config(), f"level {level}"
    bank = Bank(STRUCTURES["S2"], nets=2 * POINTS, generator=generator(seed, name))

    def samples(chosen: FacePatches, generator: torch.Generator) -> Batch:
        squares = _shaken(chosen, config, generator)
        return targets.level_samples(chosen, squares, level, generator)

    run = _Run(name, [f"{name}/{point}" for point in SHORT], samples, config, budget, seed)
    return bank, run.fit(bank, patches, folder=folder, on_log=on_log, **options)


@dataclass(frozen=True)
class _Run:
    """One of the five runs. words: names of the losses, one a point. samples: makes a batch."""

    name: str
    words: list[str]
    samples: Callable[[FacePatches, torch.Generator], Batch]
    config: Config
    budget: Budget
    seed: int

    def fit(self, net: nn.Module, patches: FacePatches, **options: Any) -> History:
        optimizer = torch.optim.Adam(net.parameters(), lr=self.config.learning_rate, fused=True)
        config = self.config
        scheduler = warm_cosine(
            optimizer, self.budget.steps, warm_up=config.warm_up, last=config.last
        )
        return fit(
            net,
            self.losses,
            lambda start: self.batches(patches, start),
            budget=self.budget,
            optimizer=optimizer,
            scheduler=scheduler,
            seed=self.seed,
            title=self.name,
            config=dataclasses.asdict(config) | {"faces": len(patches)},
            **options,
        )

    def batches(self, patches: FacePatches, start: int) -> Iterator[Batch]:
        """Draw batches; batch k depends on the seed and k alone."""
        drawn = drawn_rows(
            len(patches), self.budget.batch, seed=self.seed, purpose=self.name, start=start
        )
        for rows, own in drawn:
            yield self.samples(patches.select(rows), own)

    def losses(self, net: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Give the mean squared error of each point, in coded answers."""
        crops, wanted = batch  # (B, outputs / 2, 2), or (B, 10, 2) for the two networks of a point
        known = ~wanted.isnan()
        off = net(crops).view_as(wanted) - wanted.where(known, 0.0)
        squared = (off.square() * known).unflatten(1, (len(self.words), -1))
        counts = known.unflatten(1, (len(self.words), -1)).sum(dim=(0, 2, 3)).clamp(min=1)
        means = squared.sum(dim=(0, 2, 3)) / counts  # (points,)
        return dict(zip(self.words, means, strict=True))


def train_on_people(
    data: Path | None, *, budget: Budget, seed: int, folder: Path, on_log: OnLog | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Train the weights that ship: what `facelab train dcnn_cascade` runs.

    data: folder of a pack of people, the shipped one when None. Returns tensors and their card,
    with errors on the people of the pack's test split.
    """
    from facelab.humans import load_pack
    from facelab.landmarks.dcnn_cascade.evaluation import card_figures
    from facelab.landmarks.judging import unseen_patches

    people = load_pack(data, split="train")
    patches = training_patches(people, budget=budget, seed=seed)
    cascade, _ = train(patches, budget=budget, seed=seed, folder=folder, on_log=on_log)
    judged = unseen_patches(load_pack(data, split="test"), limit=budget.images)
    persons = len(set(patches.attributes["person"].tolist()))
    card = {
        "data": f"{len(patches):,} pictures of {persons:,} synthetic people",
        "steps": budget.steps,
        "figures": card_figures(cascade, judged),
    }
    return dict(cascade.nets.state_dict()), card


def _start_at_mean(network: Network, patches: FacePatches, band: targets.Band) -> None:
    """Let an untrained network answer the mean shape of the faces."""
    windows = targets.band_windows(patches.squares(), band)
    answers = targets.to_answers(patches.points[:, band.points], windows)
    mean = answers.nanmean(dim=0).nan_to_num().flatten().clamp(-0.95, 0.95)
    with torch.no_grad():
        network.output.bias.copy_(mean.atanh())


def _shaken(patches: FacePatches, config: Config, generator: torch.Generator) -> Tensor:
    count = len(patches)
    return shaken_squares(count, shift=config.shift, scale=config.scale, generator=generator)


def _counting_on(on_log: OnLog | None, before: int) -> OnLog | None:
    if on_log is None:
        return None
    return lambda step, losses: on_log(before + step, losses)


def _check(patches: FacePatches) -> None:
    if patches.points.shape[1] != len(FIVE) or patches.images.shape[1] != 1 or not len(patches):
        raise ValueError(
            f"patches: expected one or more grey faces with 5 points, got {patches!r}; make them "
            f"with points=5, colour=False"
        )
