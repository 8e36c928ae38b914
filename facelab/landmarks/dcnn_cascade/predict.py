"""The cascade at work: boxes in, five points out, level by level.

    cascade = facelab.load("dcnn_cascade")
    faces = detector(photo)
    points = cascade(photo, faces.boxes)             # (N, 5, 2) in pixels

A point is the mean of the level-1 networks that place it, plus the mean move of its two level-2
networks, plus that of its two level-3 networks. All faces and networks run side by side.
Source: Sun et al. 2013, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facelab.engine.weights import load_net
from facelab.landmarks.dcnn_cascade import targets
from facelab.landmarks.dcnn_cascade.model import POINTS, CascadeNets, Network
from facelab.landmarks.patches import FacePatches, cut_patches, face_squares, from_square

__all__ = ["Cascade", "Trace", "fuse", "load"]

AT_ONCE = 128  # faces that run side by side: bounds the memory, and most maps stay in the cache


@dataclass(frozen=True, eq=False)
class Trace:
    """What the cascade did, in square units of the patches.

    first: the level-1 networks' own points, name -> (N, 5 or 3, 2). points: after each level,
    (N, 5, 2) each. windows: what was looked at, level 1 (N, networks, 4) in the order of `first`,
    then (N, 5, 2, 4), two networks a point; xyxy.
    """

    first: Mapping[str, Tensor]
    points: tuple[Tensor, ...]
    windows: tuple[Tensor, ...]


class Cascade:
    """The networks as one function: photo (H, W, 3) uint8, boxes (N, 4) -> points (N, 5, 2).

    levels: how many are used, 1 to 3. voters: the level-1 networks that are averaged; F1 must be
    one of them or both others. pair: which networks of a point are averaged at levels 2 and 3.
    clamp: let no move be longer than the shifts of training. squares: boxes to face squares;
    `facelab.geometry.square_boxes` for boxes that are the paper's already.
    Raises ValueError for voters that leave a point without a vote, and other levels or pairs.
    """

    def __init__(
        self,
        nets: CascadeNets | None = None,
        *,
        levels: int = 3,
        voters: Sequence[str] = tuple(targets.BANDS),
        pair: Sequence[int] = (1, 2),
        clamp: bool = False,
        squares: Callable[[Tensor], Tensor] = face_squares,
    ) -> None:
        if levels not in (1, 2, 3):
            raise ValueError(f"levels: expected 1, 2 or 3, got {levels}")
        if not set(pair) <= {1, 2} or not pair:
            raise ValueError(f"pair: expected (1, 2), (1,) or (2,), got {tuple(pair)}")
        self.nets = (CascadeNets() if nets is None else nets).eval()
        self.levels, self.voters, self.pair = levels, tuple(voters), tuple(pair)
        self.clamp, self.squares = clamp, squares
        _votes(self.voters)  # refuses what cannot vote

    @property
    def networks(self) -> dict[str, Network]:
        """Give the three networks of level 1 by name."""
        return {"F1": self.nets.f1, "EN1": self.nets.en1, "NM1": self.nets.nm1}

    @torch.inference_mode()
    def __call__(self, photo: np.ndarray, boxes: Tensor) -> Tensor:
        """Place five points in each box. boxes: (N, 4) xyxy in pixels. Returns (N, 5, 2) pixels.

        Raises ImageError for a wrong array, ValueError for boxes that are none.
        """
        squares = self.squares(boxes)
        return from_square(self.on_patches(cut_patches(photo, squares)), squares)

    def on_patches(self, patches: FacePatches | Tensor, *, squares: Tensor | None = None) -> Tensor:
        """Place five points in face patches. patches: `FacePatches`, or grey images (N, 1, S, S)
        uint8 as `cut_patches` gives. squares: as in `trace`. Returns (N, 5, 2) in square units."""
        return self.trace(patches, squares=squares).points[-1]

    @torch.inference_mode()
    def trace(self, patches: FacePatches | Tensor, *, squares: Tensor | None = None) -> Trace:
        """Place points and keep what every level saw and said.

        squares: (N, 4) in square units, where the cascade is told that the faces are; 0, 0, 1, 1
        when left out. Other squares are boxes that miss: the windows move, the pixels do not.
        """
        if isinstance(patches, Tensor):
            count = len(patches)
            patches = FacePatches(patches, torch.zeros(count, POINTS, 2), torch.ones(count))
        squares = patches.squares() if squares is None else squares.to(patches.squares())
        if squares.shape != (len(patches), 4):
            raise ValueError(
                f"squares: expected shape ({len(patches)}, 4), got {tuple(squares.shape)}"
            )
        parts = [slice(at, at + AT_ONCE) for at in range(0, len(patches), AT_ONCE)] or [slice(0)]
        return _joined([self._part(patches.select(rows), squares[rows]) for rows in parts])

    def _part(self, patches: FacePatches, squares: Tensor) -> Trace:
        first, windows = {}, []
        for name in self.voters:
            band, network = targets.BANDS[name], self.networks[name]
            window = targets.band_windows(squares, band)  # (N, 4)
            answers = network(patches.crop(window, network.size)).unflatten(1, (-1, 2))
            first[name] = targets.from_answers(answers, window)  # (N, K, 2)
            windows.append(window)
        points, seen = [fuse(first)], [torch.stack(windows, dim=1)]
        for level in range(2, self.levels + 1):
            about = points[-1].repeat_interleave(2, dim=1)  # (N, 10, 2)
            window = targets.point_windows(about, squares, targets.halves(level))
            answers = self._bank(level)(patches.crop(window, targets.WINDOW))  # (N, 10, 2)
            moves = targets.moves_from_answers(answers, squares, level, clamp=self.clamp)
            chosen = moves.unflatten(1, (POINTS, 2))[:, :, [one - 1 for one in self.pair]]
            points.append(points[-1] + chosen.mean(dim=2))
            seen.append(window.unflatten(1, (POINTS, 2)))
        return Trace(first, tuple(points), tuple(seen))

    def answers(self, level: int, number: int, crops: Tensor) -> Tensor:
        """Ask the first or second network of every point at level 2 or 3, as they are.

        number: 1 or 2. crops: (N, 5, 1, 15, 15) in [0, 1]. Returns answers (N, 5, 2) in [-1, 1].
        Raises ValueError for another level or number.
        """
        if level not in (2, 3) or number not in (1, 2):
            raise ValueError(f"level, number: expected 2 or 3 and 1 or 2, got {level}, {number}")
        return self._bank(level)(crops.repeat_interleave(2, dim=1))[:, number - 1 :: 2]

    def _bank(self, level: int) -> torch.nn.Module:
        return self.nets.level2 if level == 2 else self.nets.level3


def fuse(first: Mapping[str, Tensor]) -> Tensor:
    """Average the level-1 networks, each point over those that place it: (N, 5, 2).

    first: name -> (N, K, 2), the points of its band in order.
    Raises ValueError when a point has no vote, or a network is unknown.
    """
    votes = _votes(tuple(first))
    (sample, *_) = first.values()
    total = sample.new_zeros(len(sample), POINTS, 2)
    for name, points in first.items():
        total[:, targets.BANDS[name].points] += points
    return total / votes.to(total)[:, None]


def load(weights: str | Path = "humans", **options: object) -> Cascade:
    """Build the cascade with weights: "humans", which are shipped, or the path of a file.

    options: those of `Cascade`. Raises WeightsError when the file is missing, damaged or of another
    model.
    """
    nets = load_net("dcnn_cascade", weights, lambda tensors, card: CascadeNets())
    return Cascade(nets, **options)  # type: ignore[arg-type]


def _votes(voters: tuple[str, ...]) -> Tensor:
    """Count the votes of each point: (5,)."""
    unknown = [name for name in voters if name not in targets.BANDS]
    if unknown:
        raise ValueError(f"voters: {unknown[0]!r} is not one of {', '.join(targets.BANDS)}")
    votes = torch.zeros(POINTS)
    for name in voters:
        votes[list(targets.BANDS[name].points)] += 1
    if not votes.all():
        raise ValueError(
            f"voters: {', '.join(voters) or 'none'} leave points without a vote; F1 places all"
        )
    return votes


def _joined(parts: Sequence[Trace]) -> Trace:
    """Put the traces of parts of the faces below each other."""
    return Trace(
        {name: torch.cat([part.first[name] for part in parts]) for name in parts[0].first},
        tuple(map(torch.cat, zip(*(part.points for part in parts), strict=True))),
        tuple(map(torch.cat, zip(*(part.windows for part in parts), strict=True))),
    )
