"""Contact sheets of people rendered anew: many people, many views of one, and ages of a few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from facelab.humans.person.people import Human
from facelab.humans.person.views import View
from facelab.humans.rendering.render import render
from facelab.plots.sheets import over, sheet, wall

AGES = (5.0, 11.0, 16.0, 22.0, 30.0, 38.0, 46.0, 55.0, 64.0, 72.0, 80.0)
_FRAMING: dict[str, Any] = {"fill": 0.62, "shift": (0, -0.02)}  # head and shoulders


def people(count: int = 48, *, columns: int = 8, size: int = 160, seed: int = 0) -> np.ndarray:
    """Render one photo each of many people, light, look and pose as they come."""
    rng = np.random.default_rng(seed)
    photos = []
    for _ in range(count):
        human = Human.sample(rng)
        view = View.sample(rng, human, **_FRAMING)
        photos.append(_photo(human, view, wall(rng, (size, size))))
    return sheet(photos, columns)


def views(count: int = 24, *, columns: int = 8, size: int = 160, seed: int = 0) -> np.ndarray:
    """Render many photos of one person: only the person stays."""
    rng = np.random.default_rng(seed)
    human = Human.sample(rng)
    photos = []
    for _ in range(count):
        view = View.sample(rng, human, **_FRAMING)
        photos.append(_photo(human, view, wall(rng, (size, size))))
    return sheet(photos, columns)


def ages(
    count: int = 3, *, years: Sequence[float] = AGES, size: int = 160, seed: int = 0
) -> np.ndarray:
    """Render a few people through their lives, one a row, in the same light and pose."""
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
                **_FRAMING,
            )
            photos.append(_photo(human, view, back))
    return sheet(photos, len(years))


def _photo(human: Human, view: View, backdrop: np.ndarray) -> np.ndarray:
    """Render a view before a backdrop (H, W, 3) of the same size."""
    height, width = backdrop.shape[:2]
    return over(render(human, view, size=(height, width)).rgba, backdrop)


SHEETS: dict[str, Callable[..., np.ndarray]] = {"people": people, "views": views, "ages": ages}
