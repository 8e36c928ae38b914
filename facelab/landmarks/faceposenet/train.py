"""Train FacePoseNet: labels by PnP, crops and labels perturbed together, L2 on six numbers.

    patches = training_patches(load_pack(split="train"), budget=budget, seed=0)
    net = train(patches, budget=budget, seed=0)

| Here      | Paper, released code          | Note                               |
| --------- | ----------------------------- | ---------------------------------- |
| labels    | PnP of landmarks on easy ones | the true 68 points, `pose_labels`  |
| crops     | random similarities of them   | `Perturbation`; patches are turned |
| optimiser | Adam                          | AdamW; rate falls along a cosine   |
| data      | 2.6 M photos, VGG-Face [M]    | synthetic people                   |

[M]: from memory, not verified. Source: Chang et al., 2017, and the released code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facelab.engine.budget import Budget
from facelab.engine.randomness import drawn_rows, generator
from facelab.engine.schedules import warm_cosine
from facelab.engine.training import fit
from facelab.geometry.landmarks import to5
from facelab.humans.packs.pack import load_pack
from facelab.humans.sprites import SpriteSource
from facelab.landmarks.faceposenet.model import (
    AlexPoseNet,
    PoseNet,
    Poses,
    SmallPoseNet,
    pose_loss,
)
from facelab.landmarks.faceposenet.predict import FacePoseNet, Pose, exact_pose
from facelab.landmarks.faceposenet.targets import (
    MARGIN,
    Perturbation,
    check_patches,
    perturbed,
    plain_crops,
    pose_labels,
    steady_weights,
)
from facelab.landmarks.patches import FacePatches
from facelab.landmarks.starting import turned_people
from facelab.metrics.pose import pose_error

BUILDS: dict[str, Callable[[], PoseNet]] = {"small": SmallPoseNet, "alexnet": AlexPoseNet}

BUDGETS = (
    Budget("smoke", steps=20, batch=16, images=48, max_seconds=10),
    Budget("laptop", steps=3_500, batch=64, images=8_820, max_seconds=180),
    Budget("gpu", steps=6_000, batch=256, images=40_000, max_seconds=900),
    Budget("paper", steps=100_000, batch=256, images=100_000, max_seconds=172_800),
)
"""How much each budget computes; images counts patches, of which a sprite can give several."""

OnLog = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Config:
    """Say how the net is trained.

    build: "small" or "alexnet". learning_rate: Adam's first; it falls to a hundredth along a
    cosine. weight_decay: decoupled. angle: largest turn of a patch when it is made, radians.
    perturbation: of the crops in each step. steady: labels by `steady_weights`, not the paper's.
    Raises ValueError for an unknown build or a learning rate that is not above 0.
    """

    build: str = "small"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    angle: float = 0.35
    perturbation: Perturbation = field(default_factory=Perturbation)
    steady: bool = False

    def __post_init__(self) -> None:
        if self.build not in BUILDS:
            raise ValueError(f"build: expected one of {', '.join(BUILDS)}, got {self.build!r}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate: expected above 0, got {self.learning_rate}")


Batch = tuple[Tensor, Tensor]
"""Crops (B, 3, side, side) in [0, 1] and standardised poses (B, 6)."""


def training_patches(
    source: SpriteSource, *, budget: Budget, seed: int = 0, config: Config | None = None
) -> FacePatches:
    """Make as many patches of people as a budget allows: 68 points, RGB, room for the crop.

    source: sprites of the training split. seed: of all that is random.
    """
    config = config or Config()
    side = {"small": 96, "alexnet": 280}[config.build]  # about the pixels that the crop needs
    return turned_people(
        source,
        images=budget.images,
        angle=config.angle,
        seed=seed,
        points=68,
        side=side,
        margin=MARGIN,
        colour=True,
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
) -> PoseNet:
    """Train a net on patches with 68 points (or five), RGB, margin of `MARGIN` or more.

    budget: how long. seed: of weights and batches. folder: where a run is kept, to go on with it.
    on_log: called with step and mean losses. options: further ones of `engine.training.fit`.
    Returns the net in evaluation mode. Faces whose pose PnP does not find are left out.
    Raises ValueError for patches that do not fit, or fewer than two with a pose.
    """
    config = config or Config()
    check_patches(patches, least=MARGIN)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = BUILDS[config.build]()
    patches, poses = labelled(patches, steady=config.steady)
    describe(net, patches, poses, config, seed)
    rate = config.learning_rate
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=config.weight_decay)
    scheduler = warm_cosine(optimizer, budget.steps)
    fit(
        net,
        losses,
        lambda start: batches(net, patches, poses, budget, config, seed, start),
        budget=budget,
        optimizer=optimizer,
        scheduler=scheduler,
        folder=folder,
        on_log=on_log,
        seed=seed,
        config=asdict(config),
        **{"title": "FacePoseNet", **options},
    )
    return net


def train_on_people(
    data: Path | None, *, budget: Budget, seed: int, folder: Path, on_log: OnLog | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Train the small build on a pack of people, for `facelab train faceposenet`.

    data: folder of a pack, or None for the shipped one. folder: where the run is kept. Returns
    tensors and card, whose figures are of the pack's test split.
    """
    config = Config()
    people = load_pack(data, split="train")
    patches = training_patches(people, budget=budget, seed=seed, config=config)
    net = train(patches, config=config, budget=budget, seed=seed, folder=folder, on_log=on_log)
    held_out = load_pack(data, split="test")
    few = replace(budget, images=min(len(held_out), budget.images))
    tests = training_patches(held_out, budget=few, seed=seed + 1, config=config)
    card = {
        "data": f"{len(patches)} pictures of {_people(patches)} synthetic people",
        "tested": f"{len(tests)} pictures of {_people(tests)} others",
        "build": config.build,
        "config": asdict(config),
        "figures": figures(FacePoseNet(net), tests),
    }
    return dict(net.state_dict()), card


def figures(estimator: FacePoseNet, patches: FacePatches) -> dict[str, float]:
    """Judge an estimator on patches with 68 points.

    Returns mean absolute errors of yaw, pitch and roll against PnP of the true points, degrees, and
    `nme_five_percent`: the error of the generic head's five points in percent of the box's width,
    beside that of the PnP poses themselves.
    """
    found, exact, five = estimator.on_patches(patches), exact_pose(patches), to5(patches.points)
    error = pose_error(found.angles, exact.angles)

    def percent(pose: Pose) -> float:
        distance = torch.linalg.vector_norm(pose.landmarks() - five, dim=-1).mean(dim=1)
        return 100 * float((distance / patches.widths).nanmean())

    return {
        **dict(zip(("yaw_degrees", "pitch_degrees", "roll_degrees"), error.degrees, strict=False)),
        "nme_five_percent": percent(found),
        "nme_five_percent_of_pnp": percent(exact),
    }


def _people(patches: FacePatches) -> int:
    return len(patches.attributes["person"].unique())


def losses(net: PoseNet, batch: Batch) -> dict[str, Tensor]:
    """Give the loss terms of a batch."""
    crops, targets = batch
    return pose_loss(net(crops), targets)


def labelled(patches: FacePatches, *, steady: bool = False) -> tuple[FacePatches, Poses]:
    """Keep the patches whose pose PnP finds: these, and their poses (N, 3).

    steady: trust the points that expressions move least; needs 68.
    Raises ValueError when fewer than two are left.
    """
    solved = pose_labels(patches, weights=steady_weights() if steady else None)
    found = torch.isfinite(solved.residuals)
    if int(found.sum()) < 2:
        raise ValueError(
            f"patches: {int(found.sum())} of {len(patches)} have a pose; training needs two or "
            f"more faces with five known points each"
        )
    return patches.select(found), Poses(solved.rotations[found], solved.translations[found])


def describe(
    net: PoseNet, patches: FacePatches, poses: Poses, config: Config, seed: int, most: int = 1024
) -> None:
    """Set the net's mean image, and the labels' mean and deviation as training perturbs them."""
    rows = torch.arange(min(most, len(patches))) * len(patches) // min(most, len(patches))
    some, own = patches.select(rows), Poses(*(part[rows] for part in poses))
    how = config.perturbation
    _, moved = perturbed(some, own, side=1, how=how, generator=generator(seed, "labels"))
    net.describe_data(plain_crops(some, net.side).mean(dim=0), moved)


def batches(
    net: PoseNet,
    patches: FacePatches,
    poses: Poses,
    budget: Budget,
    config: Config,
    seed: int,
    start: int = 0,
) -> Iterator[Batch]:
    """Yield batch after batch from step `start` on; batch k depends on seed and k alone."""
    mean, deviation = net.label_mean.cpu().clone(), net.label_deviation.cpu().clone()
    for rows, own in drawn_rows(len(patches), budget.batch, seed=seed, purpose="pose", start=start):
        crops, moved = perturbed(
            patches.select(rows),
            Poses(*(part[rows] for part in poses)),
            side=net.side,
            how=config.perturbation,
            generator=own,
        )
        yield crops, (torch.cat(moved, dim=1) - mean) / deviation
