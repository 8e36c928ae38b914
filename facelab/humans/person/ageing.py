"""What age does to a person: shape, skin, hair. Every curve is smooth and runs over 1 to 90 years.

Four stages of the base mesh (baby, child, young, old) carry the growth; details are laid over
them so that the decades between 16 and 60 differ as well: a face loses its fullness, folds and bags
come, lips thin, ears and nose grow, hair recedes and greys.
Source: ages of the stages as in MakeHuman (baby 1, child about 10, young 25, old 90).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

YOUNGEST, OLDEST = 1.0, 90.0
STAGES = ("baby", "child", "young", "old")


def rise(age: float, low: float, high: float) -> float:
    """Rise smoothly from 0 at age `low` to 1 at age `high`."""
    t = min(max((age - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


def checked_age(age: float) -> float:
    """Refuse an age outside 1 to 90 years with a ValueError."""
    if not YOUNGEST <= age <= OLDEST:
        raise ValueError(f"age is in years, from {YOUNGEST:g} to {OLDEST:g}; got {age}")
    return float(age)


def stages(age: float) -> np.ndarray:
    """Weights (4,) of baby, child, young and old, which sum to 1."""
    v = (age - 1) / 48 if age < 25 else 0.5 + (age - 25) / 130
    baby, old = max(0.0, 1 - v * 16 / 3), max(0.0, 2 * v - 1)
    child = min(v * 16 / 3, (0.5 - v) / 0.3125) if v > 0.1875 else v * 16 / 3
    child = max(0.0, child)
    return np.array((baby, child, max(0.0, 1 - baby - child - old), old))


def shape_changes(age: float, *, male: float, weight: float, sag: float) -> dict[str, float]:
    """Give targets and weights that age adds to a face; a stem without a side is for both sides.

    male, 0 to 1. weight: -1 thin to 1 heavy. sag: how strongly this person ages, about 1.
    """
    puppy = 1 - rise(age, 13, 34)  # fullness of youth
    teen = rise(age, 8, 13) * puppy
    early, middle, late = rise(age, 18, 48), rise(age, 34, 66), rise(age, 50, 88)
    thin = max(0.0, 1 - max(weight, 0) * 1.5)
    return {
        "cheek/*-cheek-volume-incr": 0.45 * teen,
        "cheek/*-cheek-bones-decr": 0.35 * teen,
        "head/head-fat-incr": 0.2 * teen + 0.3 * early * (1 - 0.6 * late) * (1 - 0.5 * thin * late),
        "head/head-round": 0.3 * teen,
        "chin/chin-bones-decr": 0.3 * teen,
        "nose/nose-scale-vert-decr": 0.24 * teen,
        "nose/nose-volume-decr": 0.2 * teen,
        "eyes/*-eye-scale-incr": 0.2 * teen,
        "chin/chin-width-incr": 0.3 * early * male,
        "chin/chin-jaw-drop-incr": 0.1 * early,
        "mouth/mouth-laugh-lines-in": sag * (0.45 * early + 0.35 * middle),
        "cheek/*-cheek-inner-decr": sag * 0.5 * early * thin,
        "cheek/*-cheek-volume-decr": sag * thin * (0.35 * early + 0.3 * late),
        "cheek/*-cheek-trans-down": sag * (0.2 * early + 0.3 * middle),
        "eyes/*-eye-bag-incr": sag * (0.4 * early + 0.4 * middle),
        "eyes/*-eye-bag-out": sag * (0.15 * early + 0.3 * middle),
        "eyes/*-eye-eyefold-down": sag * (0.35 * early + 0.3 * middle),
        "eyes/*-eye-corner2-down": sag * (0.1 * early + 0.2 * late),
        "eyes/*-eye-height2-decr": sag * (0.12 * early + 0.2 * middle),
        "eyebrows/eyebrows-trans-down": sag * (0.15 * early + 0.15 * middle),
        "ears/*-ear-scale-incr": 0.12 * early + 0.15 * middle + 0.2 * late,
        "ears/*-ear-lobe-incr": 0.15 * early + 0.2 * middle + 0.35 * late,
        "mouth/mouth-upperlip-volume-decr": 0.3 * early + 0.35 * middle,
        "mouth/mouth-lowerlip-volume-decr": 0.2 * early + 0.25 * middle,
        "mouth/mouth-angles-down": sag * (0.1 * early + 0.12 * middle),
        "nose/nose-scale-vert-incr": 0.16 * early + 0.16 * late,
        "nose/nose-point-down": 0.1 * early + 0.2 * late,
        "head/head-age-incr": sag * (0.12 * early + 0.2 * middle + 0.45 * late),
        "neck/neck-double-incr": (0.15 * early + 0.1 * middle + 0.2 * late) * (1 + max(weight, 0)),
    }


@dataclass(frozen=True)
class SkinAge:
    """How old a skin looks; all from 0 to 1.

    middle, old: shares of the textures of these ages. wrinkles: depth of lines. lines: how many
    lines show. spots: share of a person's age spots. plain: share of detail that a child's skin
    lacks. teen: blemishes of youth. eyes: shadow under the eyes.
    """

    middle: float
    old: float
    wrinkles: float
    lines: float
    spots: float
    plain: float
    teen: float
    eyes: float


def skin_age(age: float) -> SkinAge:
    """Say how a skin of this age looks."""
    return SkinAge(
        middle=rise(age, 18, 46),
        old=rise(age, 42, 82),
        wrinkles=0.12 * rise(age, 18, 32) + 0.38 * rise(age, 28, 55) + 0.5 * rise(age, 48, 85),
        lines=rise(age, 16, 70),
        spots=rise(age, 44, 85),
        plain=1 - rise(age, 9, 26),
        teen=rise(age, 11, 15) * (1 - rise(age, 18, 25)),
        eyes=0.25 * rise(age, 16, 30) + 0.75 * rise(age, 26, 60),
    )


def grey_share(age: float, grey_age: float) -> float:
    """Share of white hairs; half of them at `grey_age`."""
    return rise(age, grey_age - 17, grey_age + 17)


def recession(age: float, bald_age: float) -> float:
    """How far the hairline has drawn back: 0 full hair, 1 bald, which comes at `bald_age`."""
    return rise(age, bald_age - 28, bald_age + 4)
