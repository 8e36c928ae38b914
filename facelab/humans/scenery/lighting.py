"""Light that falls on a whole scene, people and background alike: sun through leaves, flash, spots,
windows, haze."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from facelab.humans.scenery.textures import colour, fractal, rows_and_columns

# Kinds and how often each is drawn, indoors and outdoors, relative to the others.
KINDS = {
    "even": (0.45, 0.42),
    "sun": (0.05, 0.16),
    "dappled": (0.03, 0.18),
    "shadows": (0.05, 0.08),
    "side": (0.14, 0.05),
    "flash": (0.1, 0.02),
    "spots": (0.06, 0.01),
    "tinted": (0.04, 0.015),
    "haze": (0.02, 0.05),
}

_HARD = ("spots", "tinted", "haze")


@dataclass(frozen=True)
class Light:
    """The light of a scene. kind: one of KINDS. strength: 0 to 1. far: what remains of the light at
    the background, flash falls off with distance."""

    kind: str
    strength: float
    far: float = 1.0

    @classmethod
    def draw(cls, rng: np.random.Generator, *, outdoors: bool, good: bool) -> Light:
        """Draw a kind of light that suits the place. good: one that photographers choose."""
        shares = np.array([pair[1 if outdoors else 0] for pair in KINDS.values()])
        if good:
            shares = shares * [kind not in _HARD for kind in KINDS]
        kind = str(rng.choice(list(KINDS), p=shares / shares.sum()))
        strength = float(rng.uniform(0.2, 0.65) if good else rng.uniform(0.3, 1.0))
        return cls(kind, strength, 1 - 0.75 * strength if kind == "flash" else 1.0)

    def gain(self, height: float, nearest: float) -> float:
        """Give the brightness of a person whose face has this height, relative to the nearest."""
        return self.far + (1 - self.far) * min(1.0, height / max(nearest, 1.0)) ** 0.7

    def cast(self, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
        """Let the light fall on a picture (H, W, 3) uint8; gives a new one, or the same where the
        light is even or was the camera's own."""
        if self.kind in ("even", "flash"):
            return image
        strength = self.strength
        if self.kind == "haze":
            veil = np.full_like(image, colour(rng, "pale"))
            return cv2.addWeighted(image, 1 - 0.45 * strength, veil, 0.45 * strength, 0)
        field, warm = self._field(rng, *image.shape[:2])
        field = np.maximum(field, 0)  # OpenCV would take the absolute value
        planes = [cv2.convertScaleAbs(field, alpha=100 * gain) for gain in warm.tolist()]
        return cv2.multiply(image, cv2.merge(planes), scale=1 / 100)

    def _field(
        self, rng: np.random.Generator, height: int, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw how much light falls where, (height, width) float32, and its colour (3,)."""
        strength, white = self.strength, np.ones(3)
        flat: np.ndarray = np.ones((height, width), np.float32)
        if self.kind == "sun":
            return flat * np.float32(1.05 + 0.45 * strength), np.array([1.04, 1.0, 0.94])
        if self.kind == "dappled":
            spots = _dapples(rng, height, width)
            return (1 - 0.45 * strength) + spots * (0.9 * strength), np.array([1.03, 1.0, 0.93])
        if self.kind == "shadows":
            return _shadows(rng, height, width, strength), white
        if self.kind == "side":
            turn = rng.uniform(0, 2 * np.pi)
            y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * math.sin(turn)
            x = np.linspace(-1, 1, width, dtype=np.float32) * math.cos(turn)
            return 1 + 0.6 * strength * (x + y), white
        if self.kind == "spots":
            field = _spots(rng, height, width, strength)
            lamp = colour(rng, "vivid" if rng.random() < 0.5 else "pale")
            return field, 0.6 + 0.55 * np.array(lamp) / 255
        tint = np.array(colour(rng, "vivid")) / 255
        return flat, 1 - 0.6 * strength + 0.9 * strength * tint


def _spots(rng: np.random.Generator, height: int, width: int, strength: float) -> np.ndarray:
    """Draw one to three round lights in the dark: (height, width) float32."""
    field = np.full((height, width), 1 - 0.75 * strength, np.float32)
    y, x = rows_and_columns(height, width)
    for _ in range(int(rng.integers(1, 4))):
        column, row = rng.uniform(0, width), rng.uniform(0, height)
        reach = rng.uniform(0.15, 0.5) * width
        bell = np.exp(-(((y - row) / reach) ** 2)) * np.exp(-(((x - column) / reach) ** 2))
        field += 1.3 * strength * bell
    return field


def _dapples(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Draw sun through leaves: soft round and leaf-shaped spots of light, (height, width) in [0,
    1]."""
    mask = np.zeros((height, width), np.uint8)
    size = width * float(np.exp(rng.uniform(np.log(0.01), np.log(0.12))))
    count = int(np.clip(0.25 * height * width / size**2, 12, 250))
    centres = rng.uniform(0, 1, (count, 2)) * (width, height)
    axes = size * np.exp(rng.normal(0, 0.5, (count, 2)))
    turns = rng.uniform(0, 180, count)
    for centre, axis, turn in zip(centres.tolist(), axes.tolist(), turns.tolist(), strict=True):
        cv2.ellipse(mask, (centre, axis, turn), 255, -1)
    if rng.random() < 0.5:  # shadows of leaves on a lit ground instead
        mask = 255 - mask
    spots = cv2.GaussianBlur(mask, (0, 0), max(0.6, size * float(rng.uniform(0.06, 0.35))))
    clouds = fractal(rng, height, width, cells=2, octaves=4)
    return spots.astype(np.float32) * (1 / 255) * np.clip(2.2 * clouds - 0.3, 0, 1)


def _shadows(rng: np.random.Generator, height: int, width: int, strength: float) -> np.ndarray:
    """Draw shadows of bars, leaves or an edge across the picture: (height, width) float32."""
    mask: np.ndarray = np.zeros((height, width), np.uint8)
    if rng.random() < 0.5:  # blinds, fences
        pitch, turn = rng.uniform(0.04, 0.3) * width, rng.uniform(0, np.pi)
        y, x = rows_and_columns(height, width)
        wave = x * (math.cos(turn) / pitch) + y * (math.sin(turn) / pitch)
        mask = (wave - np.floor(wave) < rng.uniform(0.3, 0.7)) * np.uint8(255)
    else:
        for _ in range(int(rng.integers(1, 25))):
            centre = rng.uniform(0, 1, 2) * (width, height)
            axes = width * np.exp(rng.uniform(np.log(0.02), np.log(0.4), 2))
            box = (centre.tolist(), axes.tolist(), float(rng.uniform(0, 180)))
            cv2.ellipse(mask, box, 255, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), float(np.exp(rng.uniform(0, 1.8))))
    return 1.15 - mask.astype(np.float32) * np.float32(0.65 * strength / 255)
