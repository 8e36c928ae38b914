"""Training crops of the probe embedder: sprites aligned, laid over something, and worn down.

Whatever is not the person varies: background, light, colour, sharpness, what is hidden.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from facelab.geometry.alignment import template, umeyama
from facelab.humans.sprites import Sprite, SpriteSource
from facelab.humans.tasks.crops import Backdrops

SIDE = 112
BATCH = 64
# Who somebody is cannot be seen behind a mask, a hand or from the side.
MOST_HIDDEN, LARGEST_YAW = 0.35, 1.0  # share of the face; radians


def mess(rng: np.random.Generator) -> np.ndarray:
    """A blurred mess of colours with a few edges: (SIDE, SIDE, 3) float32 in [0, 255]."""
    coarse = rng.uniform(0, 255, (int(rng.integers(2, 9)), int(rng.integers(2, 9)), 3))
    grey = rng.random()
    coarse = coarse * (1 - grey) + coarse.mean(axis=2, keepdims=True) * grey
    mode = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(3))]
    image = cv2.resize(coarse.astype(np.float32), (SIDE, SIDE), interpolation=mode)
    if rng.random() < 0.6:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.5, 6))
    return image + rng.normal(0, rng.uniform(0, 12), image.shape).astype(np.float32)


def aligned(
    sprite: Sprite, rng: np.random.Generator, backdrops: Backdrops | None = None
) -> np.ndarray:
    """Cut a sprite's face out at the template's place, with the error of a detector's landmarks.

    backdrops: what lies behind it half of the time, else a mess of colours. Returns float32
    (SIDE, SIDE, 3) in [0, 255].
    """
    five = torch.from_numpy(sprite.five).float()
    between = float((five[1] - five[0]).norm())
    error = torch.from_numpy(rng.normal(0, 0.03, (5, 2))).float() * max(between, 4.0)
    matrix = umeyama(five + error, template(SIDE)).numpy()
    rgba = sprite.rgba.astype(np.float32)
    alpha = rgba[..., 3:] / 255
    # Colours are weighted with alpha, so that edges take nothing from what lies outside.
    solid = np.concatenate((rgba[..., :3] * alpha, alpha), axis=2)
    shrink = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if shrink < 0.7:
        solid = cv2.GaussianBlur(solid, (0, 0), 0.4 / shrink)
    face = cv2.warpAffine(solid, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
    if backdrops is not None and rng.random() < 0.5:
        behind = backdrops.window(rng, (SIDE, SIDE)).astype(np.float32)
    else:
        behind = mess(rng)
    return face[..., :3] + behind * (1 - face[..., 3:])


def worn(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light, colour, sharpness, noise, compression and things in front: float in, uint8 out."""
    ramp = rng.normal(0, 0.35, 2) @ (np.mgrid[:SIDE, :SIDE].reshape(2, -1) / SIDE - 0.5)
    image = image * np.exp(ramp.reshape(SIDE, SIDE, 1) + rng.normal(0, 0.2)).astype(np.float32)
    image = image * np.exp(rng.normal(0, 0.08, 3)).astype(np.float32)
    image = 255 * np.clip(image / 255, 0, 1) ** np.exp(rng.normal(0, 0.25))
    middle = rng.uniform(60, 160)
    image = (image - middle) * np.exp(rng.normal(0, 0.15)) + middle
    saturation = 0.0 if rng.random() < 0.2 else np.exp(rng.normal(0, 0.3))
    grey = image.mean(axis=2, keepdims=True)
    image = grey + (image - grey) * saturation
    if rng.random() < 0.4:  # seen from far away
        small = int(rng.uniform(22, 90))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8))
    image = image + rng.normal(0, rng.uniform(0, 7), image.shape)
    result = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))]
        result = cv2.imdecode(cv2.imencode(".jpg", result, quality)[1], cv2.IMREAD_COLOR)
    if rng.random() < 0.3:  # random erasing
        height, width = (int(x) for x in rng.uniform(12, 50, 2))
        y, x = int(rng.integers(SIDE - height)), int(rng.integers(SIDE - width))
        result[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    return result[:, ::-1] if rng.random() < 0.5 else result


class IdentityCrops(Dataset[dict[str, Tensor]]):
    """Batches of crops with the number of their person; item k depends on (seed, k) only."""

    def __init__(self, source: SpriteSource, *, batches: int, seed: int = 0) -> None:
        self.source, self.batches, self.seed = source, batches, seed
        self.backdrops = Backdrops(seed=seed, count=24)
        person = np.asarray(source.table["person"])
        shown = np.asarray(source.table["hidden"]) <= MOST_HIDDEN
        shown &= np.abs(np.asarray(source.table["yaw"])) <= LARGEST_YAW
        members = [np.flatnonzero(shown & (person == name)) for name in np.unique(person)]
        self.members = [rows for rows in members if len(rows) >= 2]
        self.num_people = len(self.members)

    def __len__(self) -> int:
        return self.batches

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        cv2.setNumThreads(0)
        rng = np.random.default_rng((self.seed, index))
        people = rng.integers(self.num_people, size=BATCH)  # people alike, however many sprites
        images = []
        for person in people:
            sprite = self.source[int(rng.choice(self.members[person]))]
            images.append(worn(aligned(sprite, rng, self.backdrops), rng))
        crops = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
        return {"image": crops, "person": torch.from_numpy(people)}
