"""What the recipes of landmark systems begin with: faces to learn from, and a net that knows none.

Each system's `train.py` says what its own networks look at: how many points, grey or colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor

from facelab.humans.sprites import SpriteSource
from facelab.humans.tasks.crops import default_augment
from facelab.landmarks.patches import FacePatches
from facelab.landmarks.people import patches_of_people

__all__ = ["at_mean_shape", "turned_people"]


class MeanShaped(Protocol):
    """A net that counts from a mean shape (P, 2), in square units, and takes it by `describe`."""

    @property
    def mean_shape(self) -> Tensor: ...
    def describe(self, mean_shape: Tensor) -> None: ...


Net = TypeVar("Net", bound=MeanShaped)


def turned_people(
    source: SpriteSource, *, images: int, angle: float, seed: int = 0, **options: Any
) -> FacePatches:
    """Make patches of people to learn from, each sprite as often as the others.

    source: sprites of the training split. images: how many patches, or a few more. angle: largest
    turn, radians. seed: of all that is random. options: further ones of `patches_of_people`.
    """
    repeats = max(1, math.ceil(images / len(source)))
    return patches_of_people(
        source,
        seed=seed,
        repeats=repeats,
        limit=math.ceil(images / repeats),
        augment=default_augment(angle=angle, zoom=1.0, shift=0.0),
        **options,
    )


def at_mean_shape(make: Callable[[], Net], patches: FacePatches, *, seed: int) -> Net:
    """Draw a net's first weights, and let it take the mean shape of patches.

    make: builds the net, which draws from torch's global stream; that goes on as before.
    Raises ValueError for patches of other points than the net's.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = make()
    found, expected = patches.points.shape[1], len(net.mean_shape)
    if found != expected:
        raise ValueError(f"patches: have {found} points and the build {expected}")
    net.describe(patches.points.nanmean(dim=0))
    return net
