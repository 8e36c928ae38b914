"""The exercises of lab 01 as the package does them, under the lab's names and signatures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from facelab.geometry import alignment
from facelab.geometry.landmarks import mirror

__all__ = [
    "box_from_landmarks",
    "crop_scene",
    "flip_scene",
    "pk_batches",
    "split_by_person",
    "umeyama",
]


def box_from_landmarks(points: Tensor, up: float = 0.0) -> Tensor:
    """Give the smallest box around each face's known points, its top raised by a share.

    points: (N, P, 2), NaN where unknown. up: share of the box's height. Returns (N, 4), NaN for a
    face without a known point.
    """
    known = ~torch.isnan(points)
    low = torch.where(known, points, torch.inf).amin(dim=1)  # (N, 2)
    high = torch.where(known, points, -torch.inf).amax(dim=1)
    boxes = torch.cat([low, high], dim=1)
    boxes[:, 1] -= up * (boxes[:, 3] - boxes[:, 1])
    boxes[~known.any(dim=1).all(dim=1)] = torch.nan
    return boxes


def umeyama(source: Tensor, target: Tensor) -> Tensor:
    """Give the similarity (2, 3) that moves points (N, 2) onto others with the least error."""
    return alignment.umeyama(source, target)


def flip_scene(
    photo: np.ndarray, boxes: Tensor, landmarks: Tensor
) -> tuple[np.ndarray, Tensor, Tensor]:
    """Mirror a photo (H, W, 3) left to right with its boxes (N, 4) and landmarks (N, 5 or 68, 2).

    Points change places with their partners, so that point 0 is still the eye at image left.
    """
    width = photo.shape[1]
    x1, y1, x2, y2 = boxes.unbind(dim=1)
    mirrored = torch.stack([width - x2, y1, width - x1, y2], dim=1)
    return photo[:, ::-1].copy(), mirrored, mirror(landmarks, width)


def crop_scene(
    photo: np.ndarray,
    boxes: Tensor,
    landmarks: Tensor,
    window: Sequence[int],
    least: float = 0.5,
) -> tuple[np.ndarray, Tensor, Tensor, Tensor]:
    """Cut a window out of a photo (H, W, 3) and bring the labels along.

    boxes: (N, 4). landmarks: (N, P, 2). window: whole numbers x1, y1, x2, y2 inside the photo.
    least: share of a box's area that has to be inside. Returns the cut, the boxes (K, 4) of faces
    that stay, moved and clipped, their landmarks (K, P, 2) with NaN for points outside, and who
    stays, (N,) bool.
    """
    x1, y1, x2, y2 = window
    size = boxes.new_tensor([x2 - x1, y2 - y1])
    moved = boxes - boxes.new_tensor([x1, y1, x1, y1])
    clipped = torch.minimum(moved.clamp(min=0), size.repeat(2))
    area, inside = (x[:, 2:] - x[:, :2] for x in (moved, clipped))
    stays = inside.prod(dim=1) >= least * area.prod(dim=1)
    stays &= (inside > 0).all(dim=1)
    points = landmarks[stays] - landmarks.new_tensor([x1, y1])
    outside = ~((points >= 0) & (points < size)).all(dim=-1)
    points[outside] = torch.nan
    return photo[y1:y2, x1:x2], clipped[stays], points, stays


def pk_batches(persons: Tensor, p: int, k: int, seed: int) -> Tensor:
    """Give one epoch of batches of p people with k images each: indices (B, p * k) int64.

    persons: (N,) int64, the person in each image. Everybody with k images or more takes part once,
    in random order; who does not fill a batch waits for the next epoch.
    """
    generator = torch.Generator().manual_seed(seed)
    groups = []
    for person in persons.unique():
        own = (persons == person).nonzero()[:, 0]
        if len(own) >= k:
            groups.append(own[torch.randperm(len(own), generator=generator)[:k]])
    order = torch.randperm(len(groups), generator=generator)[: len(groups) // p * p]
    if len(order) == 0:
        return torch.zeros(0, p * k, dtype=torch.int64)
    return torch.stack(groups)[order].reshape(-1, p * k)


def split_by_person(persons: Tensor, share: float, seed: int) -> Tensor:
    """Mark the images (N,) bool of a random share of the people: the test set.

    persons: (N,) int64. share: of the people, in [0, 1]; their number is rounded.
    """
    generator = torch.Generator().manual_seed(seed)
    people = persons.unique()
    count = round(share * len(people))
    chosen = people[torch.randperm(len(people), generator=generator)[:count]]
    return torch.isin(persons, chosen)
