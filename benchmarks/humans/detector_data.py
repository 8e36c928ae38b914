"""Training crops of the probe detector: cut from composed scenes, with the targets of every anchor.

A sample is a pure function of (seed, number), so that neither load nor the number of workers
changes what is trained on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from facelab.geometry.boxes import encode_centers, encode_landmarks
from facelab.types import Scene

from .detector_net import BOX_UNITS, POINT_UNIT, STRIDES, anchors_for

SIDE = 320  # of the training crops, px
LARGEST = 480.0  # height of the face that a crop is made for; parts of it are no faces, px
SMALLEST = 7.0  # faces below this height in a crop are neither hit nor missed, px
Compose = Callable[[int], Scene]  # seed -> scene


@dataclass(frozen=True, eq=False)
class Crop:
    """A piece of a scene. image: (SIDE, SIDE, 3) uint8. boxes: (N, 4). points: (N, 5, 2), NaN where
    unknown. ignore: (M, 4)."""

    image: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    ignore: np.ndarray


def cut(scene: Scene, rng: np.random.Generator) -> Crop:
    """Cut a square at a random scale: about a random face in four of five, anywhere else."""
    boxes, ignore = scene.boxes.numpy(), scene.ignore.numpy()
    points = np.full((len(boxes), 5, 2), np.nan, np.float32)
    if scene.landmarks is not None:
        points = scene.landmarks.numpy()
    height, width = scene.image.shape[:2]
    smallest = SIDE / max(height, width)  # the whole scene; less would be padding only
    centre, scale = rng.uniform(0, 1, 2) * (width, height), np.exp(rng.uniform(-0.5, 0.9))
    if len(boxes) and rng.random() < 0.8:
        x1, y1, x2, y2 = boxes[rng.integers(len(boxes))]
        wanted = np.exp(rng.uniform(np.log(10), np.log(LARGEST)))
        scale = wanted / max(y2 - y1, 1)
        centre = np.array([x1 + x2, y1 + y2]) / 2
    scale = float(np.clip(scale, smallest, 4.0))
    corner = centre - rng.uniform(0.1, 0.9, 2) * SIDE / scale
    # Where the window is smaller than the scene it stays inside, so that little is padding.
    room = np.array([width, height]) - SIDE / scale
    corner = np.clip(corner, np.minimum(room, 0), np.maximum(room, 0))
    shift = -corner * scale
    image = warp(scene.image, scale, shift, rng)
    move = np.concatenate((shift, shift))
    boxes, ignore = boxes * scale + move, ignore * scale + move
    points = points * scale + shift
    kept, lost = split_visible(boxes)
    ignore = np.concatenate((clipped(ignore), clipped(boxes[lost])))
    image, boxes, points, ignore = flipped(
        image, clipped(boxes[kept]), points[kept], ignore, rng.random() < 0.5
    )
    return Crop(recoloured(image, rng), boxes, points, ignore)


def warp(
    image: np.ndarray, scale: float, shift: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Resize the window and lay it on a plain square; areas when shrinking, as cameras do."""
    height, width = image.shape[:2]
    x0, y0 = np.maximum(0, np.floor(-shift / scale)).astype(int)
    x1, y1 = np.ceil((SIDE - shift) / scale).astype(int)
    piece = image[y0 : min(y1, height), x0 : min(x1, width)]
    mode = cv2.INTER_AREA
    if scale > 1:
        mode = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(2))]
    elif rng.random() < 0.25:
        mode = cv2.INTER_LINEAR
    size = [max(1, round(side * scale)) for side in piece.shape[:2]]
    piece = cv2.resize(piece, size[::-1], interpolation=mode)
    fill = np.array([127, int(rng.integers(256))])[int(rng.random() < 0.5)]
    canvas = np.full((SIDE, SIDE, 3), fill, np.uint8)
    left, top = np.round(np.array([x0, y0]) * scale + shift).astype(int)
    source = piece[max(0, -top) :, max(0, -left) :]
    top, left = max(0, top), max(0, left)
    source = source[: SIDE - top, : SIDE - left]
    canvas[top : top + source.shape[0], left : left + source.shape[1]] = source
    return canvas


def split_visible(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Say which boxes are faces in the crop, and which are neither faces nor background.

    A face shows at least half of its box and is not too small. With a quarter to a half, or too
    small, it is not counted; with less it is background: an eye alone is no face.
    """
    inside = clipped(boxes)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    seen = np.prod(np.clip(inside[:, 2:] - inside[:, :2], 0, None), axis=1) / np.maximum(area, 1e-6)
    kept = (seen >= 0.5) & (boxes[:, 3] - boxes[:, 1] >= SMALLEST)
    return kept, (seen > 0.25) & ~kept


def clipped(boxes: np.ndarray) -> np.ndarray:
    """Clip boxes to the crop."""
    return np.clip(boxes, 0, SIDE)


def flipped(
    image: np.ndarray, boxes: np.ndarray, points: np.ndarray, ignore: np.ndarray, flip: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mirror a crop with its labels; left and right points change places."""
    if not flip:
        return image, boxes, points, ignore
    mirror = [2, 1, 0, 3]
    ends = np.array([-1, 1, -1, 1]), np.array([SIDE, 0, SIDE, 0])
    boxes, ignore = (b[:, mirror] * ends[0] + ends[1] for b in (boxes, ignore))
    points = points[:, [1, 0, 2, 4, 3]] * (-1, 1) + (SIDE, 0)
    return np.ascontiguousarray(image[:, ::-1]), boxes, points, ignore


def recoloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change exposure, contrast and colour balance a little; a few crops become grey or JPEG."""
    gain = np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.05, 3))
    gamma = np.exp(rng.normal(0, 0.15))
    levels = np.arange(256)[:, None] / 255
    table = np.clip(255 * levels**gamma * gain + rng.normal(0, 8), 0, 255).astype(np.uint8)
    image = cv2.LUT(image, table[None])
    if rng.random() < 0.1:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2))
    if rng.random() < 0.25:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image


ANCHORS = anchors_for(SIDE, SIDE)
LEVELS = np.repeat(np.arange(len(STRIDES)), [(-(-SIDE // s)) ** 2 for s in STRIDES])


def targets(crop: Crop) -> dict[str, Tensor]:
    """Give every anchor its task: label 1 face, 0 none, -1 not counted; deltas where 1.

    A face belongs to the level whose stride is about a third of its size (with an overlap of a
    quarter), there to the cells in the middle 60 percent of its box, at least the nearest. Where
    faces share a cell the smaller one has it.
    """
    anchors = ANCHORS.numpy()
    centre = (anchors[:, :2] + anchors[:, 2:]) / 2  # (A, 2)
    stride = np.array(STRIDES)[LEVELS]  # (A,)
    label = np.zeros(len(anchors), np.int64)
    for x1, y1, x2, y2 in crop.ignore:
        inside = (centre > (x1, y1)).all(axis=1) & (centre < (x2, y2)).all(axis=1)
        label[inside] = -1
    owner = np.full(len(anchors), -1)
    size = np.sqrt(np.prod(crop.boxes[:, 2:] - crop.boxes[:, :2], axis=1))
    for i in np.argsort(-size, kind="stable"):
        low, high = 2 * stride / 1.25, 4 * stride * 1.25
        low, high = np.where(LEVELS == 0, 0, low), np.where(LEVELS == LEVELS[-1], np.inf, high)
        fits = (size[i] >= low) & (size[i] <= high)
        middle = (crop.boxes[i, :2] + crop.boxes[i, 2:]) / 2
        distance = np.abs(centre - middle)  # (A, 2)
        near = (distance <= 0.3 * (crop.boxes[i, 2:] - crop.boxes[i, :2])).all(axis=1)
        nearest = (distance <= stride[:, None] / 2).all(axis=1)
        owner[fits & (near | nearest)] = i
    positive = owner >= 0
    label[positive] = 1
    deltas = torch.zeros(len(anchors), 4)
    points = torch.full((len(anchors), 5, 2), torch.nan)
    if positive.any():
        own, there = owner[positive], torch.from_numpy(positive)
        boxes = torch.from_numpy(crop.boxes[own]).float()
        deltas[there] = encode_centers(boxes, ANCHORS[there], variances=BOX_UNITS)
        faces = torch.from_numpy(crop.points[own]).float()
        points[there] = encode_landmarks(faces, ANCHORS[there], variance=POINT_UNIT)
    return {"label": torch.from_numpy(label), "deltas": deltas, "points": points}


class Crops(Dataset[dict[str, Tensor]]):
    """Crops with targets: item k holds `per_scene` crops of scene number k."""

    def __init__(self, compose: Compose, *, scenes: int, per_scene: int, seed: int = 0) -> None:
        self.compose, self.scenes, self.per_scene, self.seed = compose, scenes, per_scene, seed

    def __len__(self) -> int:
        return self.scenes

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        cv2.setNumThreads(0)
        rng = np.random.default_rng((self.seed, index))
        scene = self.compose(int(rng.integers(2**31)))
        items = []
        for _ in range(self.per_scene):
            crop = cut(scene, rng)
            image = torch.from_numpy(crop.image).permute(2, 0, 1)  # (3, SIDE, SIDE) uint8
            items.append({"image": image, **targets(crop)})
        return {key: torch.stack([item[key] for item in items]) for key in items[0]}
