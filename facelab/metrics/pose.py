"""Head pose: mean absolute error of pitch, yaw and roll, without the angles protocols leave out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["LARGEST", "PoseError", "angle_between", "check_radians", "pose_error"]

LARGEST = math.radians(99)
"""Angles beyond this are left out: the labels of AFLW2000-3D cannot be trusted there."""


@dataclass(frozen=True)
class PoseError:
    """Mean absolute errors in radians, in the order of the angles that were given, and their mean.

    count: faces judged. left_out: faces with an angle beyond the largest. NaN when none is left.
    """

    angles: tuple[float, ...]
    mean: float
    count: int
    left_out: int

    @property
    def degrees(self) -> tuple[float, ...]:
        """The errors in degrees, as papers print them; the mean is the last one."""
        return tuple(math.degrees(value) for value in (*self.angles, self.mean))


def angle_between(a: Tensor, b: Tensor) -> Tensor:
    """Compute how far two angles are apart, the short way round: radians in [0, pi], any shape."""
    return ((a - b + math.pi).remainder(2 * math.pi) - math.pi).abs()


def check_radians(name: str, angles: Tensor) -> None:
    """Refuse angles of heads that look like degrees: more than half of them beyond pi.

    Single ones do lie beyond: fitted poses of AFLW2000-3D go once round and more.
    Raises ValueError that names the argument.
    """
    if angles.numel() and (angles.abs() > math.pi).double().mean() > 0.5:
        raise ValueError(
            f"{name}: most angles are beyond pi, up to {float(angles.abs().nan_to_num().max()):g}; "
            f"expected radians, use torch.deg2rad"
        )


def pose_error(predicted: Tensor, truth: Tensor, *, largest: float = LARGEST) -> PoseError:
    """Compute the mean absolute error of each angle over the faces that a protocol counts.

    predicted, truth: (N, 3) in radians, both in the same order of angles. largest: faces with a
    true angle beyond it, to either side, are left out.
    Raises ValueError for wrong shapes, NaN, or what looks like degrees.
    Source: the protocol of AFLW2000-3D, which excludes absolute angles above 99 degrees.
    """
    if truth.ndim != 2 or truth.shape[1] != 3 or predicted.shape != truth.shape:
        raise ValueError(
            f"predicted, truth: expected the same shape (N, 3), got {tuple(predicted.shape)} "
            f"and {tuple(truth.shape)}"
        )
    for name, values in (("predicted", predicted), ("truth", truth)):
        wrong = int((~torch.isfinite(values)).any(dim=1).sum())
        if wrong:
            raise ValueError(
                f"{name}: {wrong} of {len(values)} faces have no pose; drop them first"
            )
        check_radians(name, values)
    counted = (truth.abs() <= largest).all(dim=1)  # (N,)
    errors = angle_between(predicted[counted], truth[counted]).double().mean(dim=0)  # (3,)
    left_out = len(truth) - int(counted.sum())
    return PoseError(tuple(errors.tolist()), float(errors.mean()), int(counted.sum()), left_out)
