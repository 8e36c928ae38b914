"""Perspective-n-point: the pose of a known head from where its points lie in the crop.

The start is a weak perspective: all points at one distance, so that the crop is a linear map of the
head, found by least squares and rounded to the nearest scaled rotation. Gauss-Newton steps in the
six degrees of freedom then bring the true perspective in. A step solves J d = r for all faces at
once, where r are the residuals in crop units and J their derivatives:

    X = R P + t,  p = middle + focal (X / Z, Y / Z)
    dp/dX = focal / Z [1 0 -X/Z; 0 1 -Y/Z],  dX/dt = 1,  dX/dw = -[R P]

with w a small rotation put in front of R, so that no angle is special.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from facelab.landmarks.faceposenet.camera import (
    FOCAL,
    MIDDLE,
    cross_matrices,
    rotation_matrices,
    rotation_vectors,
)
from facelab.landmarks.faceposenet.head import generic_head

STEPS = 8  # Gauss-Newton converges quadratically; four are enough for exact points
LEAST = 5  # points that a pose needs: the linear start has 8 unknowns, 10 numbers tie them
NEAREST = 1.0  # dm from the camera; a step never brings the head nearer
CHUNK = 4096  # faces at a time: bounds the memory of the derivatives


class Solved(NamedTuple):
    """rotations, translations: (N, 3), NaN where no pose was found. residuals: (N,) root mean
    square distance of the points from those of the posed head, in sides of the crop."""

    rotations: Tensor
    translations: Tensor
    residuals: Tensor


def solve_pnp(
    points: Tensor,
    head: Tensor | None = None,
    *,
    weights: Tensor | None = None,
    focal: float = FOCAL,
    steps: int = STEPS,
) -> Solved:
    """Find the poses from which a head's points are seen where they are.

    points: (N, P, 2) in crop units, NaN where unknown. head: (P, 3) dm in the camera's axes; the
    generic head's 68 points when left out. weights: (N, P), 0 or more; all 1 when left out. focal:
    in sides of the crop. steps: of Gauss-Newton. Computed in float64, given in the type of points.
    A face with fewer than five known points, or with all of them in one place, gets NaN.
    Raises ValueError for wrong shapes or negative weights.
    """
    head = generic_head() if head is None else head
    _check(points, head, weights)
    known = torch.isfinite(points).all(dim=-1)  # (N, P)
    share = known.double() if weights is None else known * weights.double()
    share = share / share.sum(dim=1, keepdim=True).clamp(min=1e-12)
    places = torch.where(known[..., None], points, MIDDLE).double()
    parts = [
        _solve(p, head.double(), w, focal=focal, steps=steps)
        for p, w in zip(places.split(CHUNK), share.split(CHUNK), strict=True)
    ]
    rotations, translations, residuals = (torch.cat(column) for column in zip(*parts, strict=True))
    lost = (share > 0).sum(dim=1) < LEAST
    for found in (rotations, translations, residuals):
        found[lost] = torch.nan
    dtype = points.dtype
    return Solved(rotations.to(dtype), translations.to(dtype), residuals.to(dtype))


def _solve(
    points: Tensor, head: Tensor, weights: Tensor, *, focal: float, steps: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Solve faces (N, P, 2) with weights (N, P) that sum to 1, all float64."""
    matrices, shifts = _weak_perspective(points, head, weights, focal=focal)
    for _ in range(steps):
        residual, derivative = _linearised(points, head, matrices, shifts, focal=focal)
        weighted = derivative * weights[..., None, None]  # (N, P, 2, 6)
        normal = torch.einsum("npck,npcl->nkl", weighted, derivative)
        right = torch.einsum("npck,npc->nk", weighted, residual)
        normal = normal + 1e-12 * torch.eye(6, dtype=torch.float64)
        step, _ = torch.linalg.solve_ex(normal, right)  # (N, 6) rotation, translation
        step = step.nan_to_num().clamp(-1e3, 1e3)
        matrices = rotation_matrices(step[:, :3]) @ matrices
        shifts = shifts + step[:, 3:]
        shifts[:, 2].clamp_(min=NEAREST)
    residual, _ = _linearised(points, head, matrices, shifts, focal=focal)
    rms = (weights * residual.square().sum(dim=-1)).sum(dim=1).sqrt()
    good = torch.isfinite(rms)
    nowhere = torch.full_like(shifts, torch.nan)
    rotations = torch.where(good[:, None], rotation_vectors(matrices), nowhere)
    return rotations, torch.where(good[:, None], shifts, nowhere), rms


def _weak_perspective(
    points: Tensor, head: Tensor, weights: Tensor, *, focal: float
) -> tuple[Tensor, Tensor]:
    """Start: rotations (N, 3, 3) and translations (N, 3) of the nearest scaled rotation."""
    solid = weights[..., None]
    middle = (solid * head).sum(dim=1, keepdim=True)  # (N, 1, 3)
    centre = (solid * points).sum(dim=1, keepdim=True)  # (N, 1, 2)
    around = head - middle  # (N, P, 3)
    spread = around.transpose(1, 2) @ (solid * around) + 1e-9 * torch.eye(3).double()
    mixed = around.transpose(1, 2) @ (solid * (points - centre))  # (N, 3, 2)
    linear = torch.linalg.solve(spread, mixed).transpose(1, 2)  # (N, 2, 3)
    u, size, vt = torch.linalg.svd(linear, full_matrices=False)
    two = u @ vt  # (N, 2, 3), rows of length 1 at right angles
    third = torch.linalg.cross(two[:, 0], two[:, 1])
    matrices = torch.cat((two, third[:, None]), dim=1)
    distance = focal / size.mean(dim=1).clamp(min=1e-6)
    shift = (centre.squeeze(1) - MIDDLE) / focal * distance[:, None]
    offset = (matrices @ middle.transpose(1, 2)).squeeze(2)
    return matrices, torch.cat((shift, distance[:, None]), dim=1) - offset


def _linearised(
    points: Tensor, head: Tensor, matrices: Tensor, shifts: Tensor, *, focal: float
) -> tuple[Tensor, Tensor]:
    """Give what is left to the points (N, P, 2), and the derivatives (N, P, 2, 6) of the seen
    places by a small rotation and translation."""
    turned = head @ matrices.transpose(1, 2)  # (N, P, 3)
    x, y, z = (turned + shifts[:, None]).unbind(dim=-1)
    z = z.clamp(min=1e-3)
    seen = MIDDLE + focal * torch.stack((x / z, y / z), dim=-1)
    zero, scale = torch.zeros_like(z), focal / z
    rows = (
        torch.stack((scale, zero, -scale * x / z), dim=-1),
        torch.stack((zero, scale, -scale * y / z), dim=-1),
    )
    by_place = torch.stack(rows, dim=-2)  # (N, P, 2, 3)
    return points - seen, torch.cat((by_place @ -cross_matrices(turned), by_place), dim=-1)


def _check(points: Tensor, head: Tensor, weights: Tensor | None) -> None:
    if points.ndim != 3 or points.shape[-1] != 2 or not points.is_floating_point():
        raise ValueError(f"points: expected floats of shape (N, P, 2), got {tuple(points.shape)}")
    if tuple(head.shape) != (points.shape[1], 3):
        raise ValueError(
            f"head: expected ({points.shape[1]}, 3), one 3-D point for each of the points, got "
            f"{tuple(head.shape)}"
        )
    if weights is not None:
        if weights.shape != points.shape[:2]:
            wanted = tuple(points.shape[:2])
            raise ValueError(f"weights: expected {wanted}, got {tuple(weights.shape)}")
        if bool((weights < 0).any()):
            raise ValueError("weights: hold numbers below 0; a weight of 0 leaves a point out")
