"""Sprites: people cut out with their labels, which the renderer makes, the pack stores and scenes
are composed of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np


@dataclass(frozen=True, eq=False)
class Sprite:
    """One person cut out of a picture, head and shoulders or more.

    rgba: (H, W, 4) uint8, colours not multiplied by alpha. box: (4,) float32 xyxy, forehead to
    chin, ears left out, as WIDER FACE draws it; in sprite pixels, not clipped. landmarks: (68, 2)
    float32. visible: (68,) bool, False where the head itself, hair or something worn or held hides
    the point. five: (5, 2) float32, pupils, nose tip, mouth corners in the course's order.
    five_visible: (5,) bool. pose: (3,) float32 yaw, pitch, roll in radians. age: years. hidden:
    share of the face region hidden by hair and things, 0 to 1. attributes: the rest of the labels,
    numbers or short words.
    """

    rgba: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    visible: np.ndarray
    five: np.ndarray
    five_visible: np.ndarray
    pose: np.ndarray
    person: int
    age: float
    hidden: float = 0.0
    attributes: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Prop:
    """A cut-out without a face: a hand, an arm, a headless body.

    rgba: (H, W, 4) uint8, colours not multiplied by alpha. kind: for example "hand".
    """

    rgba: np.ndarray
    kind: str


class SpriteSource(Protocol):
    """Anything that hands out sprites by number: the shipped pack, or a folder rendered on demand.

    table: column name -> (N,) array, one row a sprite: person, age, yaw, pitch, roll, hidden and
    the sprites' attributes.
    """

    props: Sequence[Prop]

    @property
    def table(self) -> Mapping[str, np.ndarray]: ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Sprite: ...
