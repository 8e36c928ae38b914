"""Lights: rooms, studio, flash, sun, dappled shade, back light, dim and coloured rooms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

KINDS = {
    "indoors": 0.24,
    "window": 0.12,
    "studio": 0.14,
    "flash": 0.08,
    "sun": 0.15,
    "overcast": 0.09,
    "dappled": 0.05,
    "back": 0.06,
    "dim": 0.04,
    "coloured": 0.03,
}
"""Kinds of light and how often they are drawn."""

STAGE = ((1.0, 0.35, 0.3), (1.0, 0.4, 0.9), (0.45, 0.5, 1.0), (1.0, 0.7, 0.35), (0.4, 0.9, 1.0))
"""Colours of stage lamps, screens and neon at their fullest: red, magenta, blue, amber, cyan."""


@dataclass(frozen=True, eq=False)
class Light:
    """What lights a person.

    lamps: (L, 6) float32 direction to the lamp and its colour; the first casts shadows. ambient:
    (4, 3) spherical harmonics: constant, x, y, z. softness: of the shadow's edge, in texels of the
    shadow map. dapple: (n, n) share of the first lamp that leaves let through, or None.
    """

    kind: str
    lamps: np.ndarray
    ambient: np.ndarray
    softness: float = 1.0
    dapple: np.ndarray | None = None


def direction(azimuth: float, height: float) -> np.ndarray:
    """Unit vector to a lamp. Radians: azimuth from the front to the person's left, height up."""
    level = math.cos(height)
    return np.array((math.sin(azimuth) * level, math.sin(height), math.cos(azimuth) * level))


def plain_light() -> Light:
    """A calm studio light for figures: a large lamp at the upper left, little from the right."""
    key = np.r_[direction(0.6, 0.6), 1.1 * np.array((1.05, 1, 0.93))]
    fill = np.r_[direction(-0.9, 0.2), 0.3 * np.ones(3)]
    ambient = np.array(((0.42, 0.43, 0.46), (0, 0, 0), (0.1, 0.1, 0.12), (0.06, 0.06, 0.06)))
    return Light("studio", np.array((key, fill), np.float32), ambient.astype(np.float32), 1.5)


def sample_light(rng: np.random.Generator, *, kind: str | None = None) -> Light:
    """Draw a light. kind: one of `KINDS`, or None for any.

    Raises ValueError for another kind.
    """
    if kind is None:
        shares = np.array(list(KINDS.values()))
        kind = str(rng.choice(list(KINDS), p=shares / shares.sum()))
    elif kind not in KINDS:
        raise ValueError(f"light: expected one of {', '.join(KINDS)}; got {kind!r}")
    warm = rng.normal(0, 0.1)
    tint = np.exp(np.array((warm, 0, -warm)) * 1.2)
    cool = np.exp(np.array((-0.5, 0, 0.5)) * warm + rng.normal(0, 0.035, 3))
    side = rng.choice((-1.0, 1.0))

    def lamp(azimuth: float, height: float, power: float, colour: np.ndarray) -> np.ndarray:
        return np.r_[direction(azimuth, height), power * colour]

    def around(spread: float) -> float:
        return float(rng.normal(0, spread))

    lamps: list[np.ndarray] = []
    sky, up, front, softness = 0.5, 0.15, 0.08, 1.2
    dapple = None
    if kind == "indoors":
        sky, up, softness = rng.uniform(0.25, 0.5), rng.uniform(0.1, 0.3), 2.6
        lamps.append(lamp(around(0.6), rng.uniform(0.3, 1.05), rng.uniform(0.6, 1.15), tint))
        lamps.append(lamp(around(1.2), rng.uniform(0.1, 0.8), rng.uniform(0.1, 0.4), cool))
    elif kind == "window":
        sky, softness = rng.uniform(0.1, 0.35), 3.0
        lamps.append(lamp(side * rng.uniform(0.8, 1.6), rng.uniform(0, 0.5), 1.4, cool))
        lamps.append(lamp(-side * rng.uniform(0.6, 1.6), 0.2, rng.uniform(0.05, 0.35), tint))
    elif kind == "studio":
        sky, softness = rng.uniform(0.2, 0.5), rng.uniform(0.8, 3)
        lamps.append(lamp(side * rng.uniform(0.2, 0.9), rng.uniform(0.2, 0.8), 1.1, tint))
        lamps.append(lamp(-side * rng.uniform(0.4, 1.2), 0.2, rng.uniform(0.15, 0.6), tint))
        back = math.pi + rng.uniform(-1, 1)
        lamps.append(lamp(back, rng.uniform(0.2, 0.8), rng.uniform(0.2, 1.4), tint))
    elif kind == "flash":
        sky, up, softness = rng.uniform(0.03, 0.15), 0.03, 0.6
        lamps.append(lamp(around(0.1), rng.uniform(0.02, 0.2), rng.uniform(1.2, 1.9), np.ones(3)))
    elif kind in ("sun", "dappled"):
        sky, up, softness = rng.uniform(0.22, 0.55), rng.uniform(0.1, 0.3), 0.5
        warm_sun = np.array((1.08, 1.0, 0.86)) * tint
        cool = np.array((0.88, 1.0, 1.16)) * np.exp(rng.normal(0, 0.04, 3))
        lamps.append(lamp(around(0.9), rng.uniform(0.35, 1.25), rng.uniform(1.5, 2.4), warm_sun))
        ground = np.array((1.0, 0.95, 0.8))
        lamps.append(lamp(around(0.8), -rng.uniform(0.5, 1.2), rng.uniform(0.1, 0.5), ground))
        if kind == "dappled":
            dapple = leaves(rng)
    elif kind == "overcast":
        sky, up, softness = rng.uniform(0.45, 0.65), rng.uniform(0.3, 0.5), 4.0
        lamps.append(lamp(around(0.6), rng.uniform(0.6, 1.2), rng.uniform(0.4, 0.8), cool))
    elif kind == "back":
        sky, front, softness = rng.uniform(0.25, 0.55), 0.0, 1.0
        lamps.append(lamp(around(0.8), rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.4), cool))
        back = math.pi + rng.uniform(-0.9, 0.9)
        lamps.append(lamp(back, rng.uniform(0.2, 0.9), rng.uniform(1.2, 2.6), tint))
    elif kind == "dim":
        sky, up, softness = rng.uniform(0.08, 0.25), rng.uniform(0, 0.1), 2.0
        tint = np.exp(np.array((1, 0.1, -1)) * rng.uniform(0.1, 0.45))
        lamps.append(lamp(around(1.1), rng.uniform(-0.2, 1.2), rng.uniform(0.3, 0.7), tint))
    else:  # coloured: stage, neon, screens
        sky = rng.uniform(0.1, 0.35)
        for place in (rng.uniform(0.1, 1.4), -rng.uniform(0.3, 1.6)):
            colour = np.array(STAGE[rng.integers(len(STAGE))]) ** rng.uniform(0.2, 1)
            power = rng.uniform(0.3, 1.0) / colour.mean()
            lamps.append(lamp(side * place, rng.uniform(-0.1, 0.9), power, colour))
        cool = np.exp(rng.normal(0, 0.12, 3))
    across = rng.normal(0, 0.12) * sky
    ambient = np.stack((sky * cool, across * np.ones(3), sky * up / 0.5 * cool, front * np.ones(3)))
    return Light(
        kind, np.array(lamps, np.float32), ambient.astype(np.float32), float(softness), dapple
    )


def exposure_for(light: Light, *, share: float = 0.65) -> float:
    """Exposure that a camera would choose for a light; share: how fully it evens lights out.

    Measured on a grey ball seen from the front: 1 for the plain studio light.
    """

    def level(one: Light) -> float:
        facing = np.clip(0.35 + 0.65 * one.lamps[:, 2], 0, 1)  # what of it falls on the front
        return float(one.ambient[0].mean() + (one.lamps[:, 3:].mean(axis=1) * facing).sum())

    dark = 0.75 if light.kind in ("back", "dim") else 1.0  # the surroundings fool the meter
    return dark * float((level(plain_light()) / max(level(light), 0.05)) ** share)


def leaves(rng: np.random.Generator, size: int = 96) -> np.ndarray:
    """Share of the sun that reaches a face under a tree: (size, size) float32 in [0.04, 1]."""
    coarse = rng.standard_normal((rng.integers(5, 11),) * 2).astype(np.float32)
    fine = rng.standard_normal((24, 24)).astype(np.float32)
    field = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    field = field + 0.5 * cv2.resize(fine, (size, size), interpolation=cv2.INTER_CUBIC)
    field = (field - rng.uniform(-0.4, 0.5)) * rng.uniform(2, 6)
    return (0.04 + 0.96 / (1 + np.exp(-field))).astype(np.float32)
