"""Label a composed scene: who is hidden, who counts, who is ignored, and what WIDER FACE would
say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from facelab.humans.scenery import attributes
from facelab.humans.scenery.textures import LUMA
from facelab.humans.sprites import Sprite
from facelab.types import Scene


def disc(side: int) -> np.ndarray:
    """Give the points (n, 2) of a grid of side x side that lie in the ellipse of a box of side 1,
    whose middle is at 0."""
    line = (np.arange(side) + 0.5) / side - 0.5
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    return grid[np.hypot(*grid.T) < 0.5]


DISC = disc(16)  # where faces are looked at to tell what hides them


@dataclass(frozen=True, eq=False)
class Person:
    """Labels of one person in scene pixels.

    box: (4,). five: (5, 2). visible: (5,) bool. points: (n, 2) places all over the face. pose: (3,)
    yaw, pitch, roll in radians. sigma: blur in pixels. sprite: its number in the source. source:
    the sprite itself.
    """

    box: np.ndarray
    five: np.ndarray
    visible: np.ndarray
    points: np.ndarray
    pose: np.ndarray
    sigma: float
    sprite: int
    source: Sprite


def label(
    image: np.ndarray,
    owner: np.ndarray,
    people: list[Person],
    *,
    sigma: float,
    smallest: float,
    most_hidden: float,
) -> Scene:
    """Find out who is hidden, whom to label and whom to ignore; give the scene."""
    height, width = owner.shape
    limits = np.array([width, height, width, height], float)
    rows: list[tuple[Person, np.ndarray, float, np.ndarray, np.ndarray]] = []
    ignore = []
    for number, person in enumerate(people):
        box = np.clip(person.box, 0, limits)
        if min(box[2] - box[0], box[3] - box[1]) < 1:
            continue
        inside = _inside(person.points, width, height)
        pixels = person.points[inside].astype(int)
        free = owner[pixels[:, 1], pixels[:, 0]] == number
        others = 1 - free.mean() if len(free) else 1.0
        hidden = 1 - (1 - person.source.hidden) * (1 - others)
        shown = free.sum() / max(len(person.points), 1) * (1 - person.source.hidden)
        if shown < 0.03:
            continue
        if 1 - shown > most_hidden or box[3] - box[1] < 0.9 * smallest:
            ignore.append(box)
            continue
        seen = person.visible & _inside(person.five, width, height)
        spots = person.five.astype(int).clip(0, (width - 1, height - 1))
        seen = seen & (owner[spots[:, 1], spots[:, 0]] == number)
        rows.append((person, box, float(hidden), seen, pixels[free]))
    return Scene(
        image=image,
        boxes=_tensor([row[1] for row in rows], (0, 4)),
        landmarks=_tensor([row[0].five for row in rows], (0, 5, 2)),
        attributes=_attributes(image, rows, sigma),
        ignore=_tensor(ignore, (0, 4)),
    )


def _attributes(image: np.ndarray, rows: list, sigma: float) -> dict[str, torch.Tensor]:
    """Judge each labelled face as WIDER FACE's annotators do."""
    people = [row[0] for row in rows]
    count = len(rows)
    height = np.array([person.box[3] - person.box[1] for person in people])
    hidden = np.array([row[2] for row in rows])
    blur = np.hypot([person.sigma for person in people], sigma) if count else np.zeros(0)
    pose = np.array([person.pose for person in people]).reshape(count, 3)
    levels = np.zeros((count, 3))
    for index, (_, _, _, _, pixels) in enumerate(rows):
        grey = image[pixels[:, 1], pixels[:, 0]].astype(float) @ LUMA
        levels[index] = grey.mean(), grey.std(), (grey > 250).mean()
    words = [str(person.source.attributes.get("expression", "")) for person in people]
    codes = {
        "blur": attributes.blur_code(height, blur),
        "expression": attributes.expression_code(words),
        "illumination": attributes.illumination_code(*levels.T),
        "occlusion": attributes.occlusion_code(hidden),
        "pose": attributes.pose_code(pose),
        "invalid": attributes.invalid_code(height, blur, hidden),
    }
    codes["difficulty"] = attributes.difficulty_code(
        height, codes["blur"], codes["occlusion"], codes["pose"], hidden
    )
    codes["person"] = np.array([person.source.person for person in people], np.int64)
    codes["sprite"] = np.array([person.sprite for person in people], np.int64)
    codes["age"] = np.array([person.source.age for person in people], np.float32)
    codes["hidden"] = hidden.astype(np.float32)
    codes["visible"] = np.array([row[3] for row in rows], bool).reshape(count, 5)
    return {name: torch.from_numpy(values) for name, values in codes.items()}


def _inside(points: np.ndarray, width: int, height: int) -> np.ndarray:
    x, y = points.T
    return (x >= 0) & (y >= 0) & (x < width) & (y < height)


def _tensor(rows: list[np.ndarray], empty: tuple[int, ...]) -> torch.Tensor:
    array = np.array(rows, np.float32) if rows else np.zeros(empty, np.float32)
    return torch.from_numpy(array)
