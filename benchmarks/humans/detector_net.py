"""The probe detector: one small single-shot net, and how it looks at a photo.

| Part     | Here                                                                            |
| -------- | ------------------------------------------------------------------------------- |
| backbone | plain 3x3 convolutions, residual, strides 2 to 32 (quicker on a CPU in bfloat16 |
|          | than depthwise ones, which are bound by memory)                                 |
| pyramid  | strides 8, 16, 32 from the top down; 64 and 128 by strided convolutions         |
| head     | one head shared by all levels, one square anchor a cell: 3 x stride             |
| output   | logit of the box's quality, box deltas, five landmarks                          |
| photo    | looked at twice: at 416 px, and at twice its size (1600 px at most) without the |
|          | strides 64 and 128                                                              |
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facelab.geometry.anchors import grid_anchors
from facelab.geometry.boxes import decode_centers, decode_landmarks
from facelab.geometry.nms import nms
from facelab.types import Faces

STRIDES = (8, 16, 32, 64, 128)
# Outputs of about 1 reach every face; with RetinaFace's 0.1 and 0.2 they would have to grow to 5.
BOX_UNITS, POINT_UNIT = (0.33, 1.0), 0.33
ANCHOR_SIDES = tuple((3.0 * stride,) for stride in STRIDES)
COARSE_SIDE, FINE_SIDE, FINE_SCALE = 416, 1600, 2.0  # px of the long side; largest enlargement


def conv(c_in: int, c_out: int, *, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, normalisation, ReLU."""
    layer = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(c_out), nn.ReLU(inplace=True))


def grouped(channels: int, *, stride: int = 1) -> nn.Sequential:
    """Convolution, normalisation by groups of eight channels, ReLU."""
    layer = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
    return nn.Sequential(layer, nn.GroupNorm(channels // 8, channels), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two convolutions added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels), conv(channels, channels)[:2])

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        return F.relu(x + self.body(x))


class ProbeDetector(nn.Module):
    """Images in, raw outputs for every anchor out; 0.47 M parameters."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        half = width // 2
        self.stem = nn.Sequential(
            conv(3, width // 4, stride=2), conv(width // 4, half, stride=2), Residual(half)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(conv(c_in, width, stride=2), Residual(width))
            for c_in in (half, width, width)
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in range(3))
        # Normalised by groups: levels differ too much, and the highest have too few cells, for the
        # statistics of a batch to hold for a photo.
        self.higher = nn.ModuleList(grouped(width, stride=2) for _ in range(2))
        self.tower = grouped(width)
        self.head = nn.Conv2d(width, 15, 3, padding=1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)
        nn.init.constant_(self.head.bias[:1], -4.6)  # a score of 0.01 everywhere at first

    def forward(self, images: Tensor) -> Tensor:  # (B, 3, H, W) in [0, 1], sides multiples of 128
        """Returns (B, A, 15): logit, 4 box deltas, 10 landmark deltas, anchors level by level."""
        x = self.stem(images * 4 - 2)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        maps = [lateral(f) for lateral, f in zip(self.lateral, features, strict=True)]
        for i in (1, 0):
            maps[i] = maps[i] + F.interpolate(maps[i + 1], scale_factor=2)
        for higher in self.higher:
            maps.append(higher(maps[-1]))
        raw = [self.head(self.tower(m)).flatten(2).transpose(1, 2) for m in maps]
        return torch.cat(raw, dim=1)


def anchors_for(height: int, width: int) -> Tensor:
    """Anchors of an image, (A, 4) xyxy, in the order of the net's outputs."""
    return grid_anchors(height, width, strides=STRIDES, sizes=ANCHOR_SIDES)


def decode(raw: Tensor, anchors: Tensor) -> tuple[Tensor, Tensor]:
    """Turn raw outputs (..., A, 15) into boxes (..., A, 4) and points (..., A, 5, 2)."""
    boxes = decode_centers(raw[..., 1:5].clamp(-4, 4), anchors, variances=BOX_UNITS)
    points = decode_landmarks(raw[..., 5:].unflatten(-1, (5, 2)), anchors, variance=POINT_UNIT)
    return boxes, points


class Predictor:
    """Look at a photo coarsely and finely with a trained net; photo -> Faces."""

    def __init__(
        self, net: ProbeDetector, *, threshold: float = 0.02, overlap: float = 0.4
    ) -> None:
        self.net = net.eval().to(memory_format=torch.channels_last)
        self.threshold, self.overlap = threshold, overlap

    def __call__(self, photo: np.ndarray) -> Faces:  # (H, W, 3) uint8 RGB
        long = max(photo.shape[:2])
        coarse, fine = (min(side / long, FINE_SCALE) for side in (COARSE_SIDE, FINE_SIDE))
        looks = [self.at_scale(photo, coarse)]
        if fine > coarse:
            looks.append(self.at_scale(photo, fine, levels=3))
        return self.merged(looks)

    @torch.inference_mode()
    def at_scale(
        self, photo: np.ndarray, scale: float, *, levels: int = len(STRIDES)
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Look once at the photo resized by a factor; results in pixels of the photo.

        levels: how many count, from the finest on; large faces are the coarse look's.
        """
        size = [max(1, round(side * scale)) for side in photo.shape[:2]]
        mode = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        small = cv2.resize(photo, size[::-1], interpolation=mode)
        padded = np.full((*(-(-side // 128) * 128 for side in size), 3), 127, np.uint8)
        padded[: size[0], : size[1]] = small
        image = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
        with torch.autocast("cpu", torch.bfloat16):
            raw = self.net(image.to(memory_format=torch.channels_last))[0].float()  # (A, 15)
        scores = raw[:, 0].sigmoid()
        anchors = anchors_for(*padded.shape[:2])
        sides = anchors[:, 2] - anchors[:, 0]
        found = (scores > self.threshold) & (sides <= ANCHOR_SIDES[levels - 1][0])
        boxes, points = decode(raw[found], anchors[found])
        factors = torch.tensor([photo.shape[1] / size[1], photo.shape[0] / size[0]])
        return boxes * factors.repeat(2), points * factors, scores[found]

    def merged(self, looks: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Faces:
        """Put several looks together and suppress doubles."""
        boxes, points, scores = (torch.cat(part) for part in zip(*looks, strict=True))
        keep = nms(boxes, scores, self.overlap)[:500]
        return Faces(boxes[keep], scores[keep], points[keep])
