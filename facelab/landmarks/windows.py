"""What systems that refine shapes share: squares and shapes that are a little off.

A network works in the frame of the square that it was given: (0, 0) is its left top corner and
(1, 1) its right bottom corner, whatever face is in it. `to_square` and `from_square` of
`facelab.landmarks.patches` change frames.
"""

from __future__ import annotations

import torch
from torch import Tensor

from facelab.landmarks.patches import FacePatches

__all__ = [
    "as_patches",
    "grown",
    "shaken_shapes",
    "shaken_squares",
    "standardised",
    "take_mean_shape",
]


def shaken_squares(
    count: int, *, shift: float, scale: float, generator: torch.Generator | None = None
) -> Tensor:
    """Draw face squares that miss a little, in square units.

    count: how many, N. shift: largest, on each axis, as a share of the side. scale: largest change
    of the side; both uniform. Returns (N, 4).
    Raises ValueError for negative numbers, or a scale of 1 or more.
    """
    if count < 0 or shift < 0 or not 0 <= scale < 1:
        raise ValueError(
            f"count, shift, scale: expected 0 or more, scale below 1; got {count}, {shift}, {scale}"
        )
    move, size = (2 * torch.rand(2, count, 2, generator=generator) - 1).unbind()
    middle = 0.5 + shift * move  # (N, 2)
    half = 0.5 * (1 + scale * size[:, :1])
    return torch.cat((middle - half, middle + half), dim=1)


def grown(squares: Tensor, margin: float) -> Tensor:
    """Grow squares (N, 4) by a share of their side on each edge."""
    edge = (squares[:, 2:] - squares[:, :2]) * margin
    return torch.cat((squares[:, :2] - edge, squares[:, 2:] + edge), dim=1)


def shaken_shapes(
    shapes: Tensor,
    *,
    shift: float,
    scale: float,
    angle: float,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Move whole shapes (B, P, 2) by small random similarities about their centres.

    shift: in square units. scale: as a share. angle: radians. All are standard deviations of a
    normal distribution. A level that is trained on estimates of faces that the level before has
    learnt by heart would see too small errors; this adds what a new face brings.
    """
    noise = torch.randn(4, len(shapes), 1, generator=generator).to(shapes)  # (4, B, 1)
    size, turn = 1 + scale * noise[0], angle * noise[1]
    middle = shapes.mean(dim=1, keepdim=True)  # (B, 1, 2)
    x, y = (shapes - middle).unbind(dim=-1)  # (B, P) each
    turned = torch.stack((x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos()), dim=-1)
    move = shift * torch.stack((noise[2], noise[3]), dim=-1)  # (B, 1, 2)
    return middle + turned * size[..., None] + move


@torch.no_grad()
def take_mean_shape(held: Tensor, mean_shape: Tensor) -> None:
    """Copy the mean shape (P, 2) of the training faces, in square units, to where a net holds it.

    Raises ValueError for another shape, or NaN: a point that no face has.
    """
    if mean_shape.shape != held.shape or not torch.isfinite(mean_shape).all():
        raise ValueError(
            f"mean_shape: expected finite numbers of shape {tuple(held.shape)}, "
            f"got {tuple(mean_shape.shape)}; every point needs a face that has it"
        )
    held.copy_(mean_shape)


def standardised(images: Tensor) -> Tensor:
    """Scale each face's pixels (B, ...) to mean 0 and deviation 1; a plain one becomes 0."""
    flat = images.flatten(1)  # (B, pixels)
    deviation, mean = torch.std_mean(flat, dim=1, correction=0, keepdim=True)
    return ((flat - mean) / deviation.clamp(min=1e-3)).view_as(images)


def as_patches(patches: FacePatches | Tensor) -> FacePatches:
    """Take patches, or images (N, C, S, S) uint8 as `cut_patches` gives, whose points nobody
    knows."""
    if isinstance(patches, FacePatches):
        return patches
    unknown = torch.full((len(patches), 5, 2), torch.nan)
    return FacePatches(patches, unknown, torch.ones(len(patches)))
