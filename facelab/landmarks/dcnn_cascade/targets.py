"""What the cascade's networks look at and what they answer, and back: the frames between levels.

| Network       | Looks at, in units of the face square       | Answers in [-1, 1], before coding  |
| ------------- | ------------------------------------------- | ---------------------------------- |
| F1, EN1, NM1  | a band of the square (`BANDS`)              | places; the band's edges are -1, 1 |
| LE21, RM32... | a window centred on a point (`LEVELS`)      | how far the point is off, a share  |
|               |                                             | of the largest shift in training   |

Coded answers are 0.9 of that, because a tanh reaches 1 only at infinity. The face square that a
cascade is given may miss the face a little; units are those of the given square, wherever it is.
Source: Sun et al. 2013, table of input ranges. The coding is ours; the paper does not state one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from facelab.landmarks.patches import FacePatches

__all__ = [
    "BANDS",
    "LEVELS",
    "Band",
    "Level",
    "band_samples",
    "band_windows",
    "from_answers",
    "level_samples",
    "moves_from_answers",
    "point_windows",
    "to_answers",
]

CODED = 0.9


@dataclass(frozen=True)
class Band:
    """What a network of level 1 sees of the face square, and which of the five points it places."""

    left: float
    right: float
    top: float
    bottom: float
    points: tuple[int, ...]
    structure: str


@dataclass(frozen=True)
class Level:
    """Windows of a level's two networks a point, and its search range, in units of the square.

    halves: half of a window's side, for the first and the second network. reach: largest shift from
    the true point in training, on each axis.
    """

    halves: tuple[float, float]
    reach: float


BANDS: Mapping[str, Band] = {
    "F1": Band(-0.05, 1.05, -0.05, 1.05, (0, 1, 2, 3, 4), "S0"),
    "EN1": Band(-0.05, 1.05, -0.04, 0.84, (0, 1, 2), "S1"),
    "NM1": Band(-0.05, 1.05, 0.18, 1.05, (2, 3, 4), "S1"),
}
LEVELS: Mapping[int, Level] = {2: Level((0.16, 0.18), 0.05), 3: Level((0.11, 0.12), 0.02)}
WINDOW = (15, 15)  # rows and columns of the crops of levels 2 and 3


def band_windows(squares: Tensor, band: Band) -> Tensor:
    """Give the window of a level-1 network: squares (N, 4) xyxy -> (N, 4) in the same frame."""
    corner, side = squares[:, :2], squares[:, 2:] - squares[:, :2]  # (N, 2)
    start, end = squares.new_tensor([[band.left, band.top], [band.right, band.bottom]])
    return torch.cat((corner + start * side, corner + end * side), dim=1)


def point_windows(points: Tensor, squares: Tensor, half: float | Tensor) -> Tensor:
    """Give the windows about points. points: (N, P, 2) and squares: (N, 4) in one frame; half: half
    of the side, in units of the square, or (P,). Returns (N, P, 4)."""
    half = torch.as_tensor(half).to(points)[..., None]
    reach = half * (squares[:, 2:] - squares[:, :2])[:, None]  # (N, P or 1, 2)
    return torch.cat((points - reach, points + reach), dim=2)


def to_answers(points: Tensor, windows: Tensor) -> Tensor:
    """Code places as a level-1 network answers them: points (N, K, 2), windows (N, 4) -> (N, K, 2),
    -0.9 at the left or top edge of the window, 0.9 at the other."""
    corner, side = windows[:, None, :2], (windows[:, 2:] - windows[:, :2])[:, None]
    return CODED * (2 * (points - corner) / side - 1)


def from_answers(answers: Tensor, windows: Tensor) -> Tensor:
    """Turn level-1 answers (N, K, 2) into places in the frame of the windows (N, 4)."""
    corner, side = windows[:, None, :2], (windows[:, 2:] - windows[:, :2])[:, None]
    return corner + side * (answers / CODED + 1) / 2


def moves_from_answers(
    answers: Tensor, squares: Tensor, level: int, *, clamp: bool = False
) -> Tensor:
    """Turn answers of level 2 or 3 into moves in the frame of the squares.

    answers: (N, K, 2). squares: (N, 4). clamp: let no move be longer than the training shifts on an
    axis; without it, 1 / 0.9 of that is possible. Returns (N, K, 2).
    """
    shares = answers / CODED
    if clamp:
        shares = shares.clamp(-1, 1)
    return shares * LEVELS[level].reach * (squares[:, 2:] - squares[:, :2])[:, None]


def band_samples(
    patches: FacePatches, squares: Tensor, band: Band, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Make training samples of a level-1 network.

    squares: (N, 4) in square units of the patches, a little off on purpose. size: of the crops.
    Returns crops (N, 1, h, w) in [0, 1] and coded answers (N, K, 2), NaN for unknown points.
    """
    windows = band_windows(squares, band)
    return patches.crop(windows, size), to_answers(patches.points[:, band.points], windows)


def level_samples(
    patches: FacePatches, squares: Tensor, level: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Make training samples of level 2 or 3, for all ten networks at once.

    Windows lie about the true points, shifted at random up to the level's reach on each axis; the
    answer is the way back. squares: (N, 4) in square units; only their size counts. Returns crops
    (N, 10, 1, 15, 15) in [0, 1] and coded answers (N, 10, 2), in the order of the banks, NaN for
    unknown points.
    """
    places = patches.points.repeat_interleave(2, dim=1)  # (N, 10, 2)
    shift = 2 * torch.rand(places.shape, generator=generator).to(places) - 1  # in units of reach
    side = (squares[:, 2:] - squares[:, :2])[:, None]
    centres = places + shift * LEVELS[level].reach * side
    known = ~places.isnan()
    windows = point_windows(centres.where(known, 0.5), squares, halves(level))
    return patches.crop(windows, WINDOW), (-CODED * shift).where(known, torch.nan)


def halves(level: int, points: int = 5) -> Tensor:
    """Give half the window's side of each network of level 2 or 3, in the order of the banks."""
    return torch.tensor(LEVELS[level].halves).repeat(points)
