"""Contact sheets of a pack: many people, one person many times, a few people through their lives,
scenes. `rendered_sheets.py` draws new people for the same sheets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch

from facelab.humans.scenery.scenes import compose
from facelab.humans.sprites import SpriteSource
from facelab.plots.painter import annotate
from facelab.types import Faces


def over(rgba: np.ndarray, backdrop: np.ndarray) -> np.ndarray:
    """Lay a cut-out over a backdrop: alpha x colour + (1 - alpha) x backdrop.

    rgba: (H, W, 4) uint8, colours not multiplied by alpha. backdrop: (H, W, 3) uint8, or one colour
    (3,). Returns (H, W, 3) uint8.
    """
    alpha = rgba[..., 3:].astype(np.float32) / 255
    mixed = alpha * rgba[..., :3] + (1 - alpha) * np.asarray(backdrop, np.float32)
    return (mixed + 0.5).astype(np.uint8)


def wall(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Paint a quiet wall out of focus: uint8 (H, W, 3)."""
    grey = rng.uniform(70, 200) + rng.uniform(-35, 35, (3, 3, 1))
    grid = (grey + rng.uniform(-18, 18, 3)).astype(np.float32)
    smooth = cv2.resize(grid, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def sheet(photos: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Lay photos of one size out in rows. Returns uint8 (rows * H, columns * W, 3).

    Raises ValueError when there is no photo.
    """
    if not photos:
        raise ValueError("a contact sheet needs at least one photo")
    blank = np.full_like(photos[0], 255)
    padded = [*photos, *[blank] * (-len(photos) % columns)]
    rows = [np.hstack(padded[k : k + columns]) for k in range(0, len(padded), columns)]
    return np.vstack(rows)


def people(source: SpriteSource, count: int = 48, *, columns: int = 8, seed: int = 0) -> np.ndarray:
    """Show one photo each of many people."""
    rng = np.random.default_rng(seed)
    numbers = _busts(source)
    person = source.table["person"][numbers]
    chosen = rng.permutation(np.unique(person))[:count]
    return sheet([_photo(source, rng.choice(numbers[person == p]), rng) for p in chosen], columns)


def views(source: SpriteSource, count: int = 24, *, columns: int = 8, seed: int = 0) -> np.ndarray:
    """Show a few people, each as often as the pack does: only the person stays in a row."""
    rng = np.random.default_rng(seed)
    numbers = _busts(source)
    person = source.table["person"][numbers]
    shown, times = np.unique(person, return_counts=True)
    often, columns = shown[np.argsort(-times, kind="stable")], min(columns, int(times.max()))
    photos: list[np.ndarray] = []
    for p in often[: -(-count // columns)]:
        photos += _row(source, numbers[person == p][:columns], columns, rng)
    return sheet(photos, columns)


def ages(source: SpriteSource, count: int = 6, *, columns: int = 7, seed: int = 0) -> np.ndarray:
    """Show the people whom the pack has over most years, one a row, young to old."""
    rng = np.random.default_rng(seed)
    numbers = _busts(source)
    person, age = source.table["person"][numbers], source.table["age"][numbers]
    everybody = np.unique(person)
    span = np.array([np.ptp(age[person == p]) for p in everybody])
    photos: list[np.ndarray] = []
    shown = everybody[np.argsort(-span, kind="stable")[:count]]
    columns = min(columns, max((person == p).sum() for p in shown))
    for p in shown:
        own = numbers[person == p]
        own = own[np.argsort(source.table["age"][own])][:columns]
        photos += _row(source, own, columns, rng)
    return sheet(photos, columns)


def scenes(source: SpriteSource, count: int = 9, *, columns: int = 3, seed: int = 0) -> np.ndarray:
    """Show composed photos with the boxes of all faces, and the points of the larger ones."""
    photos = []
    for k in range(count):
        scene = compose(source, seed=seed + k, faces=None)
        assert scene.landmarks is not None
        points = scene.landmarks.clone()
        points[scene.boxes[:, 3] - scene.boxes[:, 1] < 32] = torch.nan
        faces = Faces(scene.boxes, torch.ones(len(scene)), points)
        photos.append(annotate(scene.image, faces, role="truth"))
    return sheet(photos, columns)


SHEETS: dict[str, Callable[..., np.ndarray]] = {
    "people": people,
    "views": views,
    "ages": ages,
    "scenes": scenes,
}


def _busts(source: SpriteSource) -> np.ndarray:
    """Find the sprites of the commonest size, which is head and shoulders: their numbers."""
    sizes = np.array([source.table["height"], source.table["width"]])
    kinds, times = np.unique(sizes, axis=1, return_counts=True)
    common = kinds[:, times.argmax()]
    found: np.ndarray = np.flatnonzero((sizes == common[:, None]).all(axis=0))
    return found


def _row(
    source: SpriteSource, numbers: np.ndarray, columns: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Give the photos of one row of a sheet, filled up with white ones."""
    photos = [_photo(source, number, rng) for number in numbers]
    return photos + [np.full_like(photos[0], 255)] * (columns - len(photos))


def _photo(source: SpriteSource, number: int, rng: np.random.Generator) -> np.ndarray:
    """Lay a sprite, by number, over a wall."""
    rgba = source[int(number)].rgba
    return over(rgba, wall(rng, rgba.shape[:2]))
