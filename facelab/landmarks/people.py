"""Face patches of synthetic people: sprites on backgrounds, with exact points."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from facelab.humans.sprites import Sprite, SpriteSource
from facelab.humans.tasks import crops
from facelab.humans.tasks.crops import Augment, Backdrops, default_augment
from facelab.landmarks.patches import MARGIN, SIDE, FacePatches, face_squares, grey_or_colour

__all__ = ["patches_of_people"]


def patches_of_people(
    source: SpriteSource,
    *,
    points: Literal[5, 68] = 5,
    seed: int = 0,
    repeats: int = 1,
    limit: int | None = None,
    augment: Augment | None = None,
    backdrops: Backdrops | None = None,
    side: int = SIDE,
    margin: float = MARGIN,
    colour: bool = False,
) -> FacePatches:
    """Lay people on backgrounds and cut out their faces.

    points: 5 or 68. seed: of all that is random; face i of repeat r depends on (seed, r, i) only.
    repeats: how often each sprite is used, every time turned, lit and degraded differently. limit:
    how many sprites are used, evenly spread over the source; all when left out. augment: `angle`,
    `mirror` and `degrade` are used; turns up to 10 degrees, half of the faces mirrored and
    facelab's own `degrade` when left out; `PLAIN` for none of it. backdrops: backgrounds. side,
    margin, colour: as in `cut_patches`.
    Attributes: yaw, pitch, roll (N,) radians, mirrored with the face but not turned with it; turn
    (N,) radians, by which the picture was turned, counter-clockwise as seen; visible (N, P);
    hidden, age, person, sprite (N,), its number. Faces come repeat by repeat.
    Raises ValueError for numbers below 1, another number of points, or an augment that zooms or
    shifts: training moves the windows instead.
    """
    if augment is None:
        augment = default_augment(angle=math.radians(10), zoom=1.0, shift=0.0)
    _check(points, repeats, limit, augment)
    backdrops = Backdrops() if backdrops is None else backdrops
    count = len(source) if limit is None else min(limit, len(source))
    images = np.empty((repeats, count, 3 if colour else 1, side, side), np.uint8)
    labels: list[list[dict[str, np.ndarray]]] = [[] for _ in range(repeats)]
    for place in range(count):
        index = place * len(source) // count
        sprite = source[index]  # decoded once for all repeats
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, repeat, index])
            turn = rng.uniform(-augment.angle, augment.angle)
            mirrored = bool(rng.random() < augment.mirror)
            matrix = _matrix(sprite.box, side, margin, turn, mirrored)
            image = crops.cut(
                sprite.rgba, matrix, (side, side), backdrops.window(rng, (side, side))
            )
            if augment.degrade is not None:
                image = augment.degrade(image, rng)
            images[repeat, place] = grey_or_colour(image, colour=colour)
            found = _labels(sprite, matrix, points, side, margin)
            found["turn"] = np.array(-turn if mirrored else turn, np.float32)  # as it is seen
            found["sprite"] = np.array(index)
            labels[repeat].append(found)
    return _gathered(images, [row for one in labels for row in one], points, margin)


def _matrix(box: np.ndarray, side: int, margin: float, turn: float, mirrored: bool) -> np.ndarray:
    """Find the map from sprite to patch that turns a face about the middle of its box.

    The face square of the turned face lies exactly where a patch has it. Returns (2, 3).
    """
    square = face_squares(torch.from_numpy(box)[None])[0].double().numpy()
    middle, size = (box[:2] + box[2:]) / 2, square[2] - square[0]
    scale = side / (size * (1 + 2 * margin))
    below = (square[:2] + square[2:]) / 2 - middle  # from the box's middle to the square's
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    linear = np.array([[cos, sin], [-sin, cos]])  # counter-clockwise, as y points down
    if mirrored:
        linear[0] *= -1
    shift = side / 2 - 0.5 - scale * below - linear @ (middle - 0.5)  # between pixel centres
    return np.column_stack([linear, shift])


def _labels(
    sprite: Sprite, matrix: np.ndarray, points: int, side: int, margin: float
) -> dict[str, np.ndarray]:
    """Give what is known of a face after a map: its points in square units, and attributes."""
    five = points == 5
    places = crops.move_points(matrix, sprite.five if five else sprite.landmarks)  # pixels
    seen = (sprite.five_visible if five else sprite.visible)[crops.swap(matrix, points)]
    mirrored = crops.area(matrix) < 0
    box, pixels = crops.move_box(matrix, sprite.box), side / (1 + 2 * margin)
    yaw, pitch, roll = np.asarray(sprite.pose, np.float32)
    found = {
        "points": places / np.float32(pixels) - np.float32(margin),
        "widths": (box[2] - box[0]) / np.float32(pixels),
        "visible": seen & ((places >= 0) & (places < side)).all(axis=1),
        "yaw": -yaw if mirrored else yaw,
        "pitch": pitch,
        "roll": -roll if mirrored else roll,
        "hidden": np.array(sprite.hidden, np.float32),
        "age": np.array(sprite.age, np.float32),
        "person": np.array(sprite.person),
    }
    if "tone" in sprite.attributes:
        found["tone"] = np.array(sprite.attributes["tone"], np.float32)
    return found


def _gathered(
    images: np.ndarray, labels: list[dict[str, np.ndarray]], points: int, margin: float
) -> FacePatches:
    """Make one record of images (R, N, C, S, S) and the labels of each, in that order."""
    flat = torch.from_numpy(images.reshape(-1, *images.shape[2:]))
    if not labels:
        return FacePatches(flat, torch.zeros(0, points, 2), torch.zeros(0), margin)
    columns: dict[str, Tensor] = {
        name: torch.from_numpy(np.stack([row[name] for row in labels])) for name in labels[0]
    }
    return FacePatches(flat, columns.pop("points"), columns.pop("widths"), margin, columns)


def _check(points: int, repeats: int, limit: int | None, augment: Augment) -> None:
    if points not in (5, 68):
        raise ValueError(f"points: expected 5 or 68, got {points}")
    for name, value in (("repeats", repeats), ("limit", limit)):
        if value is not None and value < 1:
            raise ValueError(f"{name}: expected 1 or more, got {value}")
    if augment.zoom != 1 or augment.shift != 0:
        raise ValueError(
            f"augment: zoom and shift must be 1 and 0, got {augment.zoom} and {augment.shift}; "
            f"training moves the windows, not the pixels"
        )
