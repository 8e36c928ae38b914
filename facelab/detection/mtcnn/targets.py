"""What MTCNN's nets learn from: windows of annotated photos, sorted by how well they fit a face.

| Kind     | Rule                           | Learns           | Here       |
| -------- | ------------------------------ | ---------------- | ---------- |
| negative | IoU below 0.3 with every face  | score            | `NEGATIVE` |
| positive | IoU of 0.65 or more with one   | score and box    | `POSITIVE` |
| part     | IoU of 0.4 to 0.65             | box              | `PART`     |
| landmark | like a positive, points known  | landmarks        | `LANDMARK` |
| -        | IoU of 0.3 to 0.4, or near an  | nothing          | left out   |
|          | ignored face                   |                  |            |

P-Net's windows are drawn at random, over the photo and round its faces (`random_windows`); those of
R- and O-Net are what the nets before them propose (`proposals`), so that false alarms of one stage
are the negatives of the next. Targets are those of eq. 2 and 3: how far the edges of the face lie
from those of the window, and where the points lie in it, in sides of the window.
Source: Zhang et al., 2016, section II.B and III.A; the numbers of random windows follow public
training code, as the letter gives none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from facelab.detection.mtcnn.conventions import HalfOpen
from facelab.detection.mtcnn.losses import LANDMARK, NEGATIVE, PART, POSITIVE
from facelab.geometry.boxes import box_iou, encode_corners, encode_landmarks_corner
from facelab.types import Scene

__all__ = ["Samples", "kinds_of", "random_windows", "samples_of", "windows_round_faces"]

NEGATIVE_BELOW, PART_FROM, POSITIVE_FROM = 0.3, 0.4, 0.65
SMALLEST = 12  # pixels: P-Net's window
UNUSED = -9


@dataclass(frozen=True, eq=False)
class Samples:
    """Windows cut out and labelled.

    crops: (N, 3, S, S) uint8 RGB. kind: (N,) int64 of NEGATIVE, POSITIVE, PART, LANDMARK. deltas:
    (N, 4), landmarks: (N, 10) x1..x5, y1..y5; NaN where a kind has no such target.
    """

    crops: Tensor
    kind: Tensor
    deltas: Tensor
    landmarks: Tensor

    def __len__(self) -> int:
        return len(self.kind)

    def select(self, rows: Tensor) -> Samples:
        """Take some samples, by index (M,) or mask (N,)."""
        return Samples(*(getattr(self, part.name)[rows] for part in fields(self)))

    @classmethod
    def join(cls, parts: Sequence[Samples]) -> Samples:
        """Put samples of several photos, at least one, behind each other."""
        return cls(*(torch.cat([getattr(x, part.name) for x in parts]) for part in fields(cls)))


def kinds_of(windows: Tensor, scene: Scene) -> tuple[Tensor, Tensor]:
    """Sort windows (N, 4) by the faces of a scene.

    Returns kinds (N,) int64, `UNUSED` for those that nothing is learnt from, and the face (N,) that
    each overlaps most, 0 in a scene without faces.
    """
    kind = torch.full((len(windows),), UNUSED)
    overlap = box_iou(windows, scene.boxes)  # (N, F)
    near_ignored = box_iou(windows, scene.ignore).amax(dim=1) if len(scene.ignore) else 0.0
    best, face = (
        overlap.max(dim=1)
        if len(scene)
        else (torch.zeros(len(windows)), torch.zeros(len(windows), dtype=torch.int64))
    )
    kind[(best < NEGATIVE_BELOW) & (torch.as_tensor(near_ignored) < NEGATIVE_BELOW)] = NEGATIVE
    kind[best >= PART_FROM] = PART
    kind[best >= POSITIVE_FROM] = POSITIVE
    return kind, face


def random_windows(scene: Scene, rng: np.random.Generator, *, anywhere: int = 50) -> Tensor:
    """Draw squares for P-Net's negatives: over the whole photo, and five that touch each face.

    Sides are 12 pixels to half the photo's shorter side. Returns (anywhere + 5 F, 4); windows may
    turn out to be no negatives. A photo narrower than 12 pixels has none.
    """
    height, width = scene.image.shape[:2]
    if min(height, width) < SMALLEST:
        return torch.zeros(0, 4)
    boxes = scene.boxes.double().numpy().repeat(5, axis=0)  # (5 F, 4)
    sides = rng.uniform(SMALLEST, max(SMALLEST, min(height, width) / 2), anywhere + len(boxes))
    room = np.array([width, height]) - sides[:, None]  # (anywhere + 5 F, 2)
    corners = rng.uniform(0, 1, room.shape) * room
    first = boxes[:, :2] - sides[anywhere:, None]  # from here to the face's far edge they touch it
    near = first + rng.uniform(0, 1, first.shape) * (boxes[:, 2:] - first)
    corners[anywhere:] = near.clip(0, room[anywhere:])
    return torch.from_numpy(np.hstack((corners, corners + sides[:, None]))).float()


def windows_round_faces(boxes: Tensor, rng: np.random.Generator, *, count: int = 20) -> Tensor:
    """Draw squares that lie like a face, more or less: positives, parts, and landmark samples.

    boxes: (F, 4). Sides are 0.8 of the shorter to 1.25 of the longer one, centres up to a fifth of
    the sides aside. Returns (F * count, 4), the windows of a face behind each other.
    """
    box = boxes.double().numpy().repeat(count, axis=0)  # (F * count, 4)
    own = box[:, 2:] - box[:, :2]  # (F * count, 2)
    sides = rng.uniform(0.8 * own.min(axis=1), 1.25 * own.max(axis=1))[:, None]
    centre = (box[:, :2] + box[:, 2:]) / 2 + rng.uniform(-0.2, 0.2, own.shape) * own
    return torch.from_numpy(np.hstack((centre - sides / 2, centre + sides / 2))).float()


def samples_of(scene: Scene, windows: Tensor, size: int, *, landmarks: bool = False) -> Samples:
    """Cut windows (N, 4) out of a scene, label them, and leave out those that teach nothing.

    size: side of the crops in pixels. landmarks: make LANDMARK samples of the positives whose five
    points are known, and nothing of the others.
    """
    kind, face = kinds_of(windows, scene)
    missing = torch.full((len(scene), 5, 2), torch.nan)
    points = missing if scene.landmarks is None else scene.landmarks  # (F, 5, 2)
    if landmarks:
        known = points.isfinite().all(dim=2).all(dim=1)  # (F,)
        useful = kind == POSITIVE
        useful[useful.clone()] = known[face[useful]]
        kind = torch.where(useful, LANDMARK, UNUSED)
    chosen = kind != UNUSED
    windows, kind, face = windows[chosen], kind[chosen], face[chosen]
    deltas, places = torch.full((len(kind), 4), torch.nan), torch.full((len(kind), 10), torch.nan)
    with_box = (kind == POSITIVE) | (kind == PART)
    deltas[with_box] = encode_corners(scene.boxes[face[with_box]], windows[with_box])
    if landmarks and len(kind):
        inside = encode_landmarks_corner(points[face], windows)  # (N, 5, 2)
        places = inside.transpose(1, 2).flatten(1)
    crops = HalfOpen(scene.image).crops(windows, size)  # (N, 3, size, size) in [0, 1]
    return Samples((255 * crops).round().to(torch.uint8), kind, deltas, places)
