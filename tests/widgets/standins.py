"""Faces and a cascade without networks, whose numbers can be worked out by hand."""

from types import SimpleNamespace

import torch

from facelab.landmarks.patches import FacePatches

TRUTH = torch.tensor([[0.3, 0.35], [0.7, 0.35], [0.5, 0.55], [0.35, 0.8], [0.65, 0.8]])
WIDTH = 0.9
OFF = torch.tensor([[0.03, 0.03], [0.03, 0.03], [0.02, 0.02], [0.03, 0.0], [0.03, 0.0]])
"""By how much level 1 of the stand-in errs on a square that is right."""


def faces(count: int = 3, *, margin: float = 0.6, side: int = 44, colour: bool = False):
    """Make faces of noise with the points `TRUTH`; face k is turned by 40 k degrees."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, 3 if colour else 1, side, side)
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    points = TRUTH.repeat(count, 1, 1).clone()
    turned = torch.deg2rad(torch.arange(count) * 40.0)
    points[..., 0] = 0.5 + (points[..., 0] - 0.5) * turned.cos()[:, None]
    return FacePatches(images, points, torch.full((count,), WIDTH), margin, {"yaw": turned})


class HalvingCascade:
    """Errs by `OFF` and by the shift of the square at level 1, by half of it after each next."""

    def __init__(self):
        self.runs = 0

    def trace(self, patches, *, squares=None):
        self.runs += 1
        squares = patches.squares() if squares is None else squares
        side = (squares[:, 2:] - squares[:, :2])[:, None]  # (N, 1, 2)
        shift = ((squares[:, :2] + squares[:, 2:]) / 2 - 0.5)[:, None]
        wrong = OFF + shift  # (N, 5, 2)
        levels = [patches.points + wrong / 2**level for level in range(3)]
        east, south = torch.tensor([0.06, 0.0]), torch.tensor([0.0, 0.06])
        right = patches.points + shift
        first = {"F1": right + east, "EN1": right[:, :3] + south, "NM1": right[:, 2:]}
        bands = torch.tensor(
            [[-0.05, -0.05, 1.05, 1.05], [-0.05, -0.04, 1.05, 0.84], [-0.05, 0.18, 1.05, 1.05]]
        )
        corner = squares[:, None, :2]
        whole = torch.cat([corner + bands[:, :2] * side, corner + bands[:, 2:] * side], dim=-1)
        windows = [whole]
        for points, halves in zip(levels, ((0.16, 0.18), (0.11, 0.12)), strict=False):
            half = torch.tensor(halves)[None, None, :, None] * side[:, :, None]
            windows.append(torch.cat([points[:, :, None] - half, points[:, :, None] + half], -1))
        return SimpleNamespace(first=first, points=tuple(levels), windows=tuple(windows))
