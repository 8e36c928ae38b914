"""Landmarks to test with."""

import torch
from torch import Tensor


def random_faces(count: int, points: int, seed: int = 0) -> Tensor:
    return 100 * torch.rand(count, points, 2, generator=torch.Generator().manual_seed(seed))


def symmetric_face() -> Tensor:
    """68 points of a face that is its own mirror image in a photo 100 pixels wide."""
    eye = [(20, 40), (25, 36), (32, 36), (38, 40), (32, 43), (25, 43)]
    mirrored_eye = [(100 - x, y) for x, y in (eye[i] for i in (3, 2, 1, 0, 5, 4))]
    lip = lambda xs, ys: list(zip(xs, ys, strict=True))  # noqa: E731
    points = [
        *lip([10 + 5 * i for i in range(17)], [90 - abs(i - 8) * 5 for i in range(17)]),
        *lip([15, 22, 29, 36, 43], [30, 27, 26, 27, 29]),
        *lip([57, 64, 71, 78, 85], [29, 27, 26, 27, 30]),
        *lip([50, 50, 50, 50], [40, 46, 52, 58]),
        *lip([42, 46, 50, 54, 58], [62, 64, 65, 64, 62]),
        *eye,
        *mirrored_eye,
        *lip([35, 40, 45, 50, 55, 60, 65], [75, 72, 70, 71, 70, 72, 75]),
        *lip([60, 55, 50, 45, 40], [79, 81, 82, 81, 79]),
        *lip([38, 45, 50, 55, 62], [75, 74, 75, 74, 75]),
        *lip([55, 50, 45], [77, 78, 77]),
    ]
    return torch.tensor(points, dtype=torch.float32)
