"""Training crops of the probe embedder: sprites aligned, laid over something, and worn down.

Whatever is not the person varies: background, light, colour, sharpness, what is hidden.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from facelab.humans.sprites import Sprite, SpriteSource
from facelab.humans.tasks.crops import Backdrops, alignment, cut

from .embedder_net import SIDE

PEOPLE, EACH = 32, 4  # of a batch; crops of each
KIND = ("male", "from_african", "from_asian", "age")
ALIKE = 0.7  # share of batches whose people are of one kind: harder to tell apart
# Who somebody is cannot be seen behind a mask, a hand or from the side.
MOST_HIDDEN, LARGEST_YAW = 0.35, 1.0  # share of the face; radians


def mess(rng: np.random.Generator) -> np.ndarray:
    """A blurred mess of colours with a few edges: (SIDE, SIDE, 3) uint8."""
    coarse = rng.integers(0, 256, (*rng.integers(2, 9, 2), 3), dtype=np.uint8)
    if rng.random() < 0.3:
        coarse = cv2.cvtColor(cv2.cvtColor(coarse, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    mode = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(3))]
    image = cv2.resize(coarse, (SIDE, SIDE), interpolation=mode)
    return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 5)) if rng.random() < 0.5 else image


def aligned(
    sprite: Sprite, rng: np.random.Generator, backdrops: Backdrops | None = None
) -> np.ndarray:
    """Cut a sprite's face out at the template's place, with the error of a detector's landmarks.

    backdrops: what lies behind it half of the time, else a mess of colours. Returns uint8
    (SIDE, SIDE, 3).
    """
    between = float(np.linalg.norm(sprite.five[1] - sprite.five[0]))
    error = rng.normal(0, 0.03 * max(between, 4.0), (5, 2))
    matrix = alignment(sprite.five + error, SIDE)
    if backdrops is not None and rng.random() < 0.5:
        behind = backdrops.window(rng, (SIDE, SIDE))
    else:
        behind = mess(rng)
    return cut(sprite.rgba, matrix, (SIDE, SIDE), behind)


def worn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light, colour, sharpness, noise, compression and things in front: uint8 in and out."""
    corners = np.exp(rng.normal(0, 0.12, (2, 2, 1)) + np.zeros(3)).astype(np.float32)
    light = cv2.resize(corners, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    image = cv2.multiply(image, light, dtype=cv2.CV_8U)
    image = cv2.LUT(image, _tones(rng))
    saturation = 0.0 if rng.random() < 0.1 else float(np.exp(rng.normal(0, 0.2)))
    grey = np.full((3, 3), 1 / 3)
    image = cv2.transform(image, grey + saturation * (np.eye(3) - grey))
    if rng.random() < 0.25:  # seen from far away
        small = int(rng.uniform(0.3, 0.9) * SIDE)
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.3))
    if rng.random() < 0.3:
        noise = rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(0, 6)
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.2:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    if rng.random() < 0.1:  # random erasing
        height, width = (int(x) for x in rng.uniform(0.1, 0.4, 2) * SIDE)
        y, x = int(rng.integers(SIDE - height)), int(rng.integers(SIDE - width))
        image[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    return image[:, ::-1] if rng.random() < 0.5 else image


def _tones(rng: np.random.Generator) -> np.ndarray:
    """Brightness, colour cast, gamma and contrast as one table: (1, 256, 3) uint8."""
    level = np.arange(256.0)[:, None] / 255 * np.exp(rng.normal(0, 0.15) + rng.normal(0, 0.04, 3))
    level = np.clip(level, 0, 1) ** np.exp(rng.normal(0, 0.2))
    middle = rng.uniform(0.25, 0.65)
    level = (level - middle) * np.exp(rng.normal(0, 0.12)) + middle
    return np.clip(255 * level, 0, 255).astype(np.uint8)[None]


class IdentityCrops(Dataset[dict[str, Tensor]]):
    """Batches of people, with a few crops of each; item k depends on (seed, k) only."""

    def __init__(self, source: SpriteSource, *, batches: int, seed: int = 0) -> None:
        self.source, self.batches, self.seed = source, batches, seed
        self.backdrops = Backdrops(seed=seed, count=24)
        person = np.asarray(source.table["person"])
        shown = np.asarray(source.table["hidden"]) <= MOST_HIDDEN
        shown &= np.abs(np.asarray(source.table["yaw"])) <= LARGEST_YAW
        members = [np.flatnonzero(shown & (person == name)) for name in np.unique(person)]
        self.members = [rows for rows in members if len(rows) >= 2]
        self.num_people = len(self.members)
        columns = [np.asarray(source.table[name]) for name in KIND if name in source.table]
        self.kinds = np.array([[c[rows].mean() for c in columns] for rows in self.members])
        self.kinds /= np.maximum(self.kinds.std(axis=0), 1e-6)

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        cv2.setNumThreads(0)
        rng = np.random.default_rng((self.seed, index))
        people = self._people(rng)
        images = []
        for person in people:  # the same sprite may come twice, where somebody has few
            rows = self.members[person]
            for sprite in rng.choice(rows, EACH, replace=len(rows) < EACH):
                images.append(worn(aligned(self.source[int(sprite)], rng, self.backdrops), rng))
        crops = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
        return {"image": crops, "person": torch.from_numpy(np.repeat(people, EACH))}

    def _people(self, rng: np.random.Generator) -> np.ndarray:
        """Draw the people of a batch, from all or from those most like a random one."""
        order = rng.permutation(self.num_people)
        if rng.random() < ALIKE:
            away = np.linalg.norm(self.kinds[order] - self.kinds[order[0]], axis=1)
            order = order[np.argsort(away + rng.uniform(0, 0.5, len(order)))]
        return order[:PEOPLE]
