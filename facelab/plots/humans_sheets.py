"""Contact sheets of the synthetic people: many people, many views of one, and ages of a few."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from facelab.humans.person.people import Human
from facelab.humans.person.views import View
from facelab.humans.rendering.render import render
from facelab.humans.sprites import Sprite

AGES = (5.0, 11.0, 16.0, 22.0, 30.0, 38.0, 46.0, 55.0, 64.0, 72.0, 80.0)


def over(sprite: Sprite, background: np.ndarray) -> np.ndarray:
    """Lay a sprite over a background (H, W, 3) uint8 of its size. Returns uint8 (H, W, 3)."""
    alpha = sprite.rgba[..., 3:].astype(np.float32) / 255
    mixed = sprite.rgba[..., :3] * alpha + background * (1 - alpha)
    return (mixed + 0.5).astype(np.uint8)


def wall(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A quiet wall out of focus: uint8 (H, W, 3)."""
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


def people(
    count: int = 48, *, columns: int = 8, size: int = 160, seed: int = 0, occluders: bool = True
) -> np.ndarray:
    """One photo each of many people, light, look and pose as they come."""
    rng = np.random.default_rng(seed)
    photos = []
    for _ in range(count):
        human = Human.sample(rng)
        view = View.sample(rng, human, fill=0.62, shift=(0, -0.02), occluders=occluders)
        photos.append(over(render(human, view, size=(size, size)), wall(rng, (size, size))))
    return sheet(photos, columns)


def views(count: int = 24, *, columns: int = 8, size: int = 160, seed: int = 0) -> np.ndarray:
    """Many photos of one person: only the person stays."""
    rng = np.random.default_rng(seed)
    human = Human.sample(rng)
    photos = []
    for _ in range(count):
        view = View.sample(rng, human, fill=0.62, shift=(0, -0.02))
        photos.append(over(render(human, view, size=(size, size)), wall(rng, (size, size))))
    return sheet(photos, columns)


def ages(
    count: int = 3, *, years: Sequence[float] = AGES, size: int = 160, seed: int = 0
) -> np.ndarray:
    """A few people through their lives, one a row, in the same light and pose."""
    rng = np.random.default_rng(seed)
    photos = []
    for _ in range(count):
        human = Human.sample(rng)
        back = wall(rng, (size, size))
        kept = int(rng.integers(2**31))
        for age in years:
            view = View.sample(
                np.random.default_rng(kept),
                human,
                age=age,
                yaw=0.2,
                pitch=0.0,
                roll=0.0,
                expression="neutral",
                light="indoors",
                occluders=False,
                fill=0.62,
                shift=(0, -0.02),
            )
            photos.append(over(render(human, view, size=(size, size)), back))
    return sheet(photos, len(years))


def figure(picture: np.ndarray, title: str, *, labels: Sequence[str] = ()) -> Figure:
    """Frame a contact sheet. labels: words under its columns, from left to right."""
    height, width = picture.shape[:2]
    fig, ax = plt.subplots(figsize=(8, 8 * height / width + 0.6))
    ax.imshow(picture, extent=(0, width, height, 0))
    ax.set_yticks([])
    ticks = [(k + 0.5) * width / len(labels) for k in range(len(labels))] if labels else []
    ax.set_xticks(ticks, labels)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_title(title)
    return fig
