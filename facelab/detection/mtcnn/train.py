"""Train MTCNN: P-Net, then R- and O-Net on what the nets before them let through.

    scenes = Scenes(load_pack(split="train"), length=budget.images, seed=0)
    detector = train(scenes, budget=budget, seed=0, folder="runs/mtcnn")

| Here          | Paper                  | Note                                                   |
| ------------- | ---------------------- | ------------------------------------------------------ |
| `MIX`         | 3 : 1 : 1 : 2          | negatives, positives, parts, landmarks of a batch      |
| hard samples  | section II.C           | 70 percent of positives and negatives: `losses.ohem`   |
| R-, O-Net's   | section III.A          | windows that the nets before propose, and windows      |
| samples       |                        | round faces, for P-Net proposes few good ones early    |
| landmark head | all three nets         | `landmarks=False` leaves it out of P- and R-Net        |
| `SMALLEST`    | not given              | smaller faces are no samples, nor is what touches them |
| optimiser     | not given              | Adam, warm-up, then the rate falls along a cosine      |
| mirroring     | not given              | every second sample or so                              |

Samples are made once a net and kept in memory, so a run that goes on makes them again.
Source: Zhang et al., 2016.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from facelab.detection.mtcnn.losses import (
    LANDMARK,
    NEGATIVE,
    PART,
    POSITIVE,
    TASK_WEIGHTS,
    multitask_loss,
)
from facelab.detection.mtcnn.model import CascadeNet, ONet, PNet, RNet
from facelab.detection.mtcnn.predict import MTCNN
from facelab.detection.mtcnn.targets import (
    Samples,
    kinds_of,
    random_windows,
    samples_of,
    windows_round_faces,
)
from facelab.detection.mtcnn.weights import tensors_of
from facelab.engine.budget import Budget
from facelab.engine.randomness import generator
from facelab.engine.schedules import warm_cosine
from facelab.engine.training import fit
from facelab.metrics.wider import counted_faces, score_wider
from facelab.types import Scene, SceneSource

BUDGETS = (
    Budget("smoke", steps=6, batch=56, images=3, max_seconds=20),
    Budget("laptop", steps=3_000, batch=224, images=300, max_seconds=240),
    Budget("gpu", steps=40_000, batch=224, images=3_000, max_seconds=840),
    Budget("paper", steps=150_000, batch=448, images=12_880, max_seconds=172_800),
)
"""How much each budget computes: steps of P-Net, and scenes; R- and O-Net take shares of steps."""

Net = Literal["pnet", "rnet", "onet"]
NETS: tuple[Net, ...] = ("pnet", "rnet", "onet")
SIDES = {"pnet": 12, "rnet": 24, "onet": 48}  # of the crops, pixels
STEPS = {"pnet": 1.0, "rnet": 0.4, "onet": 0.2}  # shares of the budget's steps
SECONDS = {"pnet": 0.1, "rnet": 0.4, "onet": 0.5}  # shares of its time
MIX: Mapping[int, int] = {NEGATIVE: 3, POSITIVE: 1, PART: 1, LANDMARK: 2}
KEPT: Mapping[int, int] = {NEGATIVE: 40, POSITIVE: 16, PART: 16, LANDMARK: 24}  # most of a scene
SMALLEST = 20.0  # pixels: longer side of the least face that is learnt from
WIDER_THRESHOLDS = (0.5, 0.5, 0.3)  # the authors' for average precision
JUDGED = 200  # scenes, at most, behind the card's figures
MINING = (0.5, 0.5, 0.7)  # thresholds: what is below them is rejected well enough already

OnLog = Callable[[int, Mapping[str, float]], None]
Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class Config:
    """Say what is trained, and how.

    landmarks: whether P- and R-Net have the landmark head, and landmark samples are learnt from;
    O-Net always has it, but without this it learns no landmarks. keep: share of the positives and
    negatives that is learnt from, 1 for all of them. learning_rate: Adam's largest. warm_up: steps
    until it is reached.
    Raises ValueError for a share outside (0, 1], or a rate that is not above 0.
    """

    landmarks: bool = True
    keep: float = 0.7
    learning_rate: float = 2e-3
    warm_up: int = 50

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise ValueError(f"keep: expected a share in (0, 1], got {self.keep}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate: expected above 0, got {self.learning_rate}")


def train(
    scenes: SceneSource,
    *,
    budget: Budget,
    config: Config | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    on_log: OnLog | None = None,
    **options: Any,
) -> MTCNN:
    """Train the three nets one after the other.

    scenes: annotated photos, read once a net; `budget.images` of them at most. folder: where the
    runs are kept, one a net, to go on with them. on_log: called with step, counted through all
    nets, and {"pnet/face": loss, ...}, the weighted losses of the tasks. options: further ones of
    `engine.training.fit`. Returns the detector.
    Raises ValueError when there are no scenes, or none of them has a face to learn from.
    """
    config = config or Config()
    if not len(scenes):
        raise ValueError("scenes: expected at least one")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        heads = config.landmarks
        nets = PNet(landmarks=heads), RNet(landmarks=heads), ONet()
    miner = MTCNN(*nets, thresholds=MINING)
    before = 0
    for name, net in zip(NETS, nets, strict=True):
        own = budget_of(name, budget)
        used = (scenes[index] for index in range(min(len(scenes), budget.images)))
        optimizer = torch.optim.Adam(net.parameters(), lr=config.learning_rate, fused=True)
        fit(
            net,
            functools.partial(_losses, name, keep=config.keep),
            _from(used, name, miner, own.batch, seed, config),
            budget=own,
            optimizer=optimizer,
            scheduler=warm_cosine(optimizer, own.steps, warm_up=config.warm_up),
            folder=None if folder is None else Path(folder) / name,
            on_log=_told(before, on_log),
            seed=seed,
            config=dataclasses.asdict(config),
            **{"title": name, **options},
        )
        before += own.steps
    return MTCNN(*nets)


def train_on_people(
    data: Path | None, *, budget: Budget, seed: int, folder: Path, on_log: OnLog | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Train on scenes with the people of a pack; what `facelab train mtcnn` does.

    data: a pack's folder; the shipped one for None. Returns tensors by name and the card.
    """
    from facelab.humans import load_pack
    from facelab.humans.tasks.loaders import Scenes

    people = load_pack(data, split="train")
    scenes = Scenes(people, length=budget.images, seed=seed)
    detector = train(scenes, budget=budget, seed=seed, folder=folder, on_log=on_log)
    unseen = Scenes(load_pack(data, split="test"), length=min(JUDGED, budget.images), seed=seed)
    card = {
        "data": f"{len(scenes)} scenes with {len(people)} sprites of synthetic people",
        "steps": sum(budget_of(name, budget).steps for name in NETS),
        "figures": figures(detector, unseen),
    }
    return tensors_of(detector.pnet, detector.rnet, detector.onet), card


def figures(detector: MTCNN, scenes: SceneSource) -> dict[str, float]:
    """Give the average precision on easy, medium and hard faces of scenes, at low thresholds."""
    low, found = detector.with_options(thresholds=WIDER_THRESHOLDS), []
    for index in range(len(scenes)):
        scene = scenes[index]
        found.append((low(scene.image), counted_faces(scene)))
    levels = score_wider(found)
    return {f"ap_{name}": round(level.ap, 4) for name, level in levels.items()}


def budget_of(name: Net, budget: Budget) -> Budget:
    """Give a net's part of the budget. name: pnet, rnet or onet."""
    return dataclasses.replace(
        budget,
        steps=max(1, round(budget.steps * STEPS[name])),
        max_seconds=budget.max_seconds * SECONDS[name],
    )


def samples_for(
    name: Net, scenes: Iterable[Scene], detector: MTCNN, *, seed: int, landmarks: bool = True
) -> Samples:
    """Make the samples of a net from scenes, at most `KEPT` of each kind a scene.

    name: pnet, rnet or onet; the detector's nets before it propose windows.
    Raises ValueError when the scenes give no negatives, or no positives.
    """
    parts: list[Samples] = []
    for number, scene in enumerate(scenes):
        scene = _without_small(scene)
        rng = np.random.default_rng([seed, NETS.index(name), number])
        windows = [windows_round_faces(scene.boxes, rng)]
        if name != "pnet":
            windows.append(detector.candidates(scene.image, name))
        if name == "pnet" or not (kinds_of(windows[-1], scene)[0] == NEGATIVE).any():
            windows.append(random_windows(scene, rng))  # the nets before made no mistake
        made = [samples_of(scene, torch.cat(windows), SIDES[name])]
        if landmarks:
            near = windows_round_faces(scene.boxes, rng)
            made.append(samples_of(scene, near, SIDES[name], landmarks=True))
        parts += [_some(samples, rng) for samples in made]
    samples = Samples.join(parts)
    for kind, what in ((NEGATIVE, "negatives"), (POSITIVE, "positives")):
        if not bool((samples.kind == kind).any()):
            raise ValueError(
                f"scenes: none of {number + 1} gives {name} {what}; "
                f"use more, with faces of {SMALLEST:g} pixels and more"
            )
    return samples


def _without_small(scene: Scene) -> Scene:
    """Make faces below `SMALLEST` ignored ones."""
    small = (scene.boxes[:, 2:] - scene.boxes[:, :2]).amax(dim=1) < SMALLEST
    return Scene(
        scene.image,
        scene.boxes[~small],
        None if scene.landmarks is None else scene.landmarks[~small],
        {},
        torch.cat([scene.ignore, scene.boxes[small]]),
    )


def _some(samples: Samples, rng: np.random.Generator) -> Samples:
    """Take at most `KEPT` samples of each kind."""
    shuffled = torch.from_numpy(rng.permutation(len(samples)))
    kind = samples.kind[shuffled]
    rows = [shuffled[kind == one][:most] for one, most in KEPT.items()]
    return samples.select(torch.cat(rows))


def mirrored(samples: Samples) -> Samples:
    """Mirror samples: crops, and what is to be answered with them."""
    left, top, right, bottom = samples.deltas.unbind(dim=1)
    x, y = samples.landmarks.view(-1, 2, 5)[..., [1, 0, 2, 4, 3]].unbind(dim=1)  # partners swap
    return Samples(
        samples.crops.flip(-1),
        samples.kind,
        torch.stack((-right, top, -left, bottom), dim=1),
        torch.cat((1 - x, y), dim=1),
    )


def batches(samples: Samples, batch: int, *, seed: int, start: int = 0) -> Iterator[Batch]:
    """Draw batches by `MIX` from step `start` on, without end; kinds that are missing leave gaps.

    Yields crops (B, 3, S, S) uint8, kinds (B,), deltas (B, 4) and landmarks (B, 10).
    """
    places = {kind: (samples.kind == kind).nonzero().flatten() for kind in MIX}
    counts = {kind: round(batch * share / sum(MIX.values())) for kind, share in MIX.items()}
    for step in itertools.count(start):
        own = generator(seed, f"mtcnn step {step}")
        rows = torch.cat(
            [
                found[torch.randint(len(found), (counts[kind],), generator=own)]
                for kind, found in places.items()
                if len(found)
            ]
        )
        chosen = samples.select(rows)
        flip = torch.rand(len(rows), generator=own) < 0.5
        parts = Samples.join([chosen.select(~flip), mirrored(chosen.select(flip))])
        yield parts.crops, parts.kind, parts.deltas, parts.landmarks


def _losses(name: str, net: CascadeNet, batch: Batch, *, keep: float) -> dict[str, Tensor]:
    """Weigh the losses of the tasks: {"pnet/face": ..., "pnet/box": ..., "pnet/landmarks": ...}."""
    crops, kind, deltas, landmarks = batch
    # channels last: O-Net runs twice as fast on a processor
    output = net((crops.float() / 255).contiguous(memory_format=torch.channels_last))
    found = [None if x is None else x.flatten(1) for x in output]
    losses = multitask_loss(
        *found,  # type: ignore[arg-type]
        kind=kind,
        true_deltas=deltas,
        true_landmarks=landmarks,
        keep=keep,
    )
    weights = dataclasses.asdict(TASK_WEIGHTS[name])
    return {f"{name}/{task}": weights[task] * loss for task, loss in losses.items()}


def _from(
    scenes: Iterable[Scene], name: Net, miner: MTCNN, batch: int, seed: int, config: Config
) -> Callable[[int], Iterator[Batch]]:
    """Give the batches of a net from a step on; the samples are made when the first is asked for,
    once."""

    @functools.cache
    def samples() -> Samples:
        return samples_for(name, scenes, miner, seed=seed, landmarks=config.landmarks)

    return lambda start: batches(samples(), batch, seed=seed, start=start)


def _told(before: int, on_log: OnLog | None) -> OnLog | None:
    """Count a net's steps on from those of the nets before it."""
    return None if on_log is None else lambda step, losses: on_log(before + step, losses)
