"""Patches of tiny faces, and of places without, at low and at high resolution."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from facelab.humans.sprites import SpriteSource
from facelab.humans.tasks import crops
from facelab.humans.tasks.batches import Seeded
from facelab.humans.tasks.crops import Augment, Backdrops, Degrade, varied

_FACE = Augment(angle=0.15, zoom=1.2, shift=0.06)
_CHEST = Augment(angle=0.0, zoom=1.0, shift=0.0)
_ANYHOW = Augment(angle=3.1, zoom=1.2, shift=0.1)


@dataclass(frozen=True, eq=False)
class Patch:
    """A patch at two resolutions. low: uint8 (h, w, 3), as a far camera sees it. high: uint8
    (H, W, 3), sharp. face: whether it shows one. landmarks: (5, 2) float32 in `high`, or None.
    """

    low: np.ndarray
    high: np.ndarray
    face: bool
    landmarks: Tensor | None = None


class Patches(Seeded[Patch]):
    """Tiny faces, and places without, each at low and high resolution.

    size: side of `high` in pixels. scale: how many times smaller `low` is. negatives: share of
    patches without a face: backgrounds, props and bodies. degrade: what happens to `low` after the
    shrinking, or None. Item i shows sprite i, or no face.
    Raises ValueError for a size that is no multiple of the scale, or a share outside [0, 1].
    Source: Finding tiny faces in the wild with generative adversarial network, 48 and 12 pixels.
    """

    def __init__(
        self,
        source: SpriteSource,
        *,
        size: int = 48,
        scale: int = 4,
        negatives: float = 0.5,
        seed: int = 0,
        degrade: Degrade | None = None,
        backdrops: Backdrops | None = None,
    ) -> None:
        super().__init__(seed=seed)
        if scale < 1 or size < scale or size % scale:
            raise ValueError(
                f"size: expected a multiple of scale, and scale 1 or more; got {size} and {scale}"
            )
        if not 0 <= negatives <= 1:
            raise ValueError(f"negatives: expected a share, 0 to 1, got {negatives}")
        self.source, self.size, self.scale = source, size, scale
        self.negatives, self.degrade = negatives, degrade
        self.backdrops = Backdrops() if backdrops is None else backdrops

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Patch:
        index = self._check(index)
        rng, size = self.rng(index), (self.size, self.size)
        backdrop = self.backdrops.window(rng, size)
        face = bool(rng.random() >= self.negatives)
        five = None
        if face:
            sprite = self.source[index]
            matrix = crops.around(sprite.box, size, margin=0.05)
            matrix = varied(matrix, size, rng, _FACE)
            high = crops.cut(sprite.rgba, matrix, size, backdrop)
            five = torch.from_numpy(crops.move_points(matrix, sprite.five))
        else:
            high = self._without(index, rng, backdrop)
        small = self.size // self.scale
        low = cv2.resize(high, (small, small), interpolation=cv2.INTER_AREA)
        if self.degrade is not None:
            low = self.degrade(low, rng)
        return Patch(low, high, face, five)

    def _without(self, index: int, rng: np.random.Generator, backdrop: np.ndarray) -> np.ndarray:
        """Give a patch without a face."""
        size, draw = backdrop.shape[:2], rng.random()
        if draw < 0.4:
            return backdrop
        if draw < 0.7 and len(self.source.props):
            prop = self.source.props[int(rng.integers(len(self.source.props)))].rgba
            height, width = prop.shape[:2]
            box = np.array([0.0, 0.0, width, height])
            matrix = crops.around(box, size, margin=float(rng.uniform(-0.3, 0.1)))
            return crops.cut(prop, varied(matrix, size, rng, _ANYHOW), size, backdrop)
        sprite = self.source[index]
        side = float(max(sprite.box[2:] - sprite.box[:2]))
        top = sprite.box[3] + 0.1 * side  # the chest, below the chin
        middle = (sprite.box[0] + sprite.box[2]) / 2 + rng.uniform(-0.5, 0.5) * side
        box = np.array([middle - side / 2, top, middle + side / 2, top + side])
        matrix = varied(crops.around(box, size, margin=0.0), size, rng, _CHEST)
        return crops.cut(sprite.rgba, matrix, size, backdrop)
