"""Train one network as a job says, and measure networks and cascades on people they never saw.

All networks of a seed learn alike, by the recipe of the package: the same faces in the same order,
boxes shifted alike, the same number of steps. Two structures differ in nothing but themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from facelab.engine.budget import Budget
from facelab.landmarks import FacePatches
from facelab.landmarks.dcnn_cascade.evaluation import errors_by_level
from facelab.landmarks.dcnn_cascade.model import CascadeNets
from facelab.landmarks.dcnn_cascade.predict import Cascade
from facelab.landmarks.dcnn_cascade.targets import (
    BANDS,
    band_samples,
    band_windows,
    from_answers,
    level_samples,
    moves_from_answers,
)
from facelab.landmarks.dcnn_cascade.train import Config, train_band, train_level
from facelab.landmarks.judging import FAILURE, errors
from facelab.landmarks.windows import shaken_squares

from .plans import SCALE, SHIFT, Job

PARTS = {"S0": "f1", "EN1": "en1", "NM1": "nm1", "level 2": "level2", "level 3": "level3"}
"""Networks that make the cascade, and their names in `CascadeNets`; S0 is F1."""

AT_ONCE = 512  # faces that are measured side by side


def train(job: Job, faces: FacePatches) -> nn.Module:
    """Train the network of a job on faces."""
    bare = FacePatches(faces.images, faces.points, faces.widths, faces.margin)  # no attributes
    options: dict[str, Any] = {
        "budget": Budget("laptop", job.steps, job.batch, len(bare), math.inf),
        "config": Config(learning_rate=job.rate, shift=job.shift, scale=SCALE),
        "seed": job.seed,
        "show": False,
        "bar": False,
    }
    if level_of(job.network) > 1:
        return train_level(level_of(job.network), bare, **options)[0]
    structure = None if job.network in BANDS else job.network
    return train_band(band_of(job.network), bare, structure=structure, **options)[0]


def level_of(network: str) -> int:
    """Give the level of a network: 1 for structures of F1, EN1 and NM1."""
    return int(network[-1]) if network.startswith("level") else 1


def band_of(network: str) -> str:
    """Give the level-1 network that a network is: every structure stands in for F1."""
    return network if network in BANDS else "F1"


def off_boxes(faces: FacePatches, *, shift: float = SHIFT) -> Tensor:
    """Draw face squares that miss as those of training do: (N, 4), the same for all networks."""
    generator = torch.Generator().manual_seed(0)
    return shaken_squares(len(faces), shift=shift, scale=SCALE, generator=generator)


@torch.inference_mode()
def network_errors(job: Job, network: nn.Module, faces: FacePatches) -> Tensor:
    """Measure a network on its own: (N, 5) errors in box widths, NaN for points it does not give.

    Level 1: on boxes that miss as in training. Levels 2 and 3: what is left of random shifts, the
    two networks of a point averaged.
    """
    squares = off_boxes(faces, shift=job.shift)
    measure = _band_errors if level_of(job.network) == 1 else _level_errors
    parts = [slice(at, at + AT_ONCE) for at in range(0, len(faces), AT_ONCE)]
    return torch.cat([measure(job, network, faces.select(one), squares[one]) for one in parts])


def _band_errors(job: Job, network: Any, faces: FacePatches, squares: Tensor) -> Tensor:
    band = BANDS[band_of(job.network)]
    crops, _ = band_samples(faces, squares, band, network.size)
    answers = network(crops).unflatten(1, (-1, 2))
    found = torch.full(faces.points.shape[:2], torch.nan)
    points = from_answers(answers, band_windows(squares, band))
    found[:, band.points] = errors(points, faces, band.points)
    return found


def _level_errors(job: Job, bank: nn.Module, faces: FacePatches, squares: Tensor) -> Tensor:
    level, generator = level_of(job.network), torch.Generator().manual_seed(1)
    crops, wanted = level_samples(faces, squares, level, generator)
    left = moves_from_answers(bank(crops) - wanted, squares, level).unflatten(1, (5, 2))
    return errors(faces.points + left.mean(dim=2), faces)


def cascade_errors(nets: CascadeNets, faces: FacePatches) -> dict[str, Tensor]:
    """Measure a cascade on boxes that miss as in training: name -> (N, 5) errors in box widths.

    F1, EN1, NM1 alone; after each level; and after levels 2 and 3 with one network a point in place
    of two from level 2 on, the first and the second in turn, below each other: (2 N, 5).
    """
    squares = off_boxes(faces)
    found = errors_by_level(Cascade(nets), faces, squares=squares)
    alone = [
        errors_by_level(Cascade(nets, pair=(number,)), faces, squares=squares) for number in (1, 2)
    ]
    for level in ("level 2", "level 3"):
        found[f"{level}, one network"] = torch.cat([one[level] for one in alone])
    return found


def assemble(parts: Mapping[str, Mapping[str, Tensor]]) -> CascadeNets:
    """Make the cascade of trained parts. parts: name as in PARTS -> tensors of the network."""
    nets = CascadeNets()
    for name, place in PARTS.items():
        getattr(nets, place).load_state_dict(dict(parts[name]))
    return nets


def figures(found: Tensor) -> dict[str, list[float | None]]:
    """Sum errors (N, 5) up as `paper.Figures` holds them: mean and failures in % a point, over what
    is not NaN."""
    failures = torch.where(found.isnan(), torch.nan, (found > FAILURE).to(found))
    columns = {"error": found.nanmean(dim=0), "failures": failures.nanmean(dim=0)}
    return {
        name: [None if math.isnan(x) else round(100 * x, 4) for x in column.tolist()]
        for name, column in columns.items()
    }
