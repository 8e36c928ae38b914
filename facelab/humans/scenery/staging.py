"""Stage a scene: how many people stand where, seen from which side, how large and how sharp."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from facelab.humans.scenery.layouts import LAYOUTS, Request, Spot, bring_forth, choose, push_behind
from facelab.humans.sprites import SpriteSource

_CLOSE = 110  # face height in pixels above which the size of a sprite's picture matters
MOST_COVERED = 0.06  # share of people whose own hands, masks or hair hide much of the face


def stage(
    rng: np.random.Generator,
    *,
    count: int,
    size: tuple[int, int],
    layout: str | None,
    smallest: float,
    sizes: tuple[float, float] | None,
    hide: float,
) -> list[Spot]:
    """Place people whose faces are seen, from far to near.

    count: faces. size: (height, width) in pixels. layout, smallest, sizes: see `SceneConfig`. hide:
    share of faces that nearer people are to hide by a third or more.
    """
    name = layout or choose(rng, count)
    spots = LAYOUTS[name](rng, Request(count, *size, smallest)) if count else []
    ranked = name in ("rows", "crowd", "parade")  # lower in the picture is nearer
    if sizes is not None:
        spots = _resized(rng, spots, sizes, even=ranked)
    spots.sort(key=lambda spot: spot.y if ranked else spot.height)
    return push_behind(rng, bring_forth(rng, spots, hide), hide)


def add_faceless(
    rng: np.random.Generator, spots: list[Spot], *, size: tuple[int, int], smallest: float
) -> list[Spot]:
    """Add people without a face, now and then: turned away, or with the head above the picture."""
    height, width = size
    extra = []
    if rng.random() < (0.25 if spots else 0.5):
        for _ in range(int(rng.integers(1, 3 + len(spots) // 6))):
            like = spots[int(rng.integers(len(spots)))].height if spots else height * 0.15
            own = float(np.clip(like * np.exp(rng.normal(0, 0.3)), smallest, 0.3 * height))
            x, y = rng.uniform(0, width), rng.uniform(0.2, 1.0) * height
            extra.append(Spot(float(x), float(y), own, "back"))
    if rng.random() < (0.15 if spots else 0.4):
        for _ in range(int(rng.integers(1, 4))):
            own = float(height * np.exp(rng.uniform(np.log(0.06), np.log(0.33))))
            extra.append(
                Spot(float(rng.uniform(0, width)), -float(rng.uniform(0.6, 1.6)) * own, own, "back")
            )
    spots = list(spots)
    for spot in extra:  # behind all who are nearer; the cut off ones behind everybody
        place = sum(other.height < spot.height for other in spots) if spot.y > 0 else 0
        spots.insert(place, spot)
    return spots


def _resized(
    rng: np.random.Generator, spots: list[Spot], sizes: tuple[float, float], *, even: bool
) -> list[Spot]:
    """Bring face heights between two limits. even: keep those of rows alike, instead of spreading
    all between the limits."""
    low, high = np.log(sizes)
    logs = np.log([spot.height for spot in spots])
    if even or len(spots) < 2:
        middle = rng.uniform(low, high)
        logs = np.clip(logs - logs.mean() + middle, low, high) if len(spots) else logs
    else:
        logs = low + (high - low) * (logs - logs.min()) / max(float(np.ptp(logs)), 1e-6)
    return [
        replace(spot, height=float(np.exp(value))) for spot, value in zip(spots, logs, strict=True)
    ]


def missing_share(source: SpriteSource, wanted: float) -> float:
    """Tell which share of faces others have to hide, where things that people wear hide some
    already.

    Some of those that a layout hides come out less hidden than it reckons, or more and are ignored.
    """
    own = min(float(_covered(source).mean()), MOST_COVERED)
    hidden = source.table.get("hidden", np.zeros(1))
    some = float(np.minimum(hidden, 0.3).mean())  # adds to what others do
    return float(np.clip(1.5 * (wanted - own) - 0.9 * some, 0.25 * wanted, 1.0))


def cast(rng: np.random.Generator, source: SpriteSource, heights: np.ndarray) -> np.ndarray:
    """Choose a sprite, by number, for each face height (N,): nobody twice before everybody was
    there once, large pictures for large faces, and at most MOST_COVERED of them with hands, masks
    or hair over much of the face, where a source has more."""
    covered = _covered(source)
    keep = 1.0 if covered.all() else min(1.0, MOST_COVERED / max(float(covered.mean()), 1e-6))
    chosen: list[int] = []
    while len(chosen) < len(heights):
        order = rng.permutation(len(source))
        chosen += order[~covered[order] | (rng.random(len(order)) < keep)].tolist()
    sprites = np.array(chosen[: len(heights)], np.int64)
    pictures = source.table.get("height")
    if pictures is None:
        return sprites
    close = np.flatnonzero(heights > _CLOSE)
    for index in close:  # enlarging a small picture shows: take the largest of a few
        others = rng.integers(0, len(source), 4)
        sprites[index] = max([sprites[index], *others], key=lambda sprite: pictures[sprite])
    ranked = sprites[np.argsort(np.asarray(pictures)[sprites], kind="stable")]
    sprites[np.argsort(heights, kind="stable")] = ranked
    return sprites


def _covered(source: SpriteSource) -> np.ndarray:
    """Tell whose face is hidden by more than 0.3 by what they wear or hold, (N,) bool."""
    hidden = source.table.get("hidden")
    return np.zeros(len(source), bool) if hidden is None else np.asarray(hidden) > 0.3


@dataclass(frozen=True)
class Focus:
    """Depth of field. depth: blur in pixels for each doubling or halving of the distance. sharp:
    height in pixels of the faces that are in focus."""

    depth: float
    sharp: float

    @classmethod
    def draw(cls, rng: np.random.Generator, spots: list[Spot]) -> Focus:
        """Draw it: mostly everything is sharp, else mostly the nearest person."""
        depth = float(rng.uniform(0.2, 1.2)) if rng.random() < 0.3 else 0.0
        sharp = max((spot.height for spot in spots), default=50.0)
        if spots and rng.random() < 0.2:
            sharp = spots[int(rng.integers(len(spots)))].height
        return cls(depth, sharp)

    def sigma(self, height: float) -> float:
        """Give the blur in pixels of a person whose face has this height."""
        return min(self.depth * abs(float(np.log2(height / self.sharp))), 0.12 * height)
