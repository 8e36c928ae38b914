"""Groups of faces for a breakdown: masks by name, from a number, an angle or a label of each face.

groups = {
    **yaw_bands(pose[:, 0]),
    **bands(hidden, (0, 0.1, 0.3, 1), unit=" hidden"),
    **by_label(occluded, ("bare", "occluded")),
}
rows = summarise_groups(nme(...), groups, threshold=0.05)
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from facelab.metrics.pose import check_radians

__all__ = ["YAW_EDGES", "bands", "by_label", "yaw_bands"]

YAW_EDGES = (0, 30, 60, 90)
"""Edges of the usual bands of |yaw| in degrees."""


def bands(
    values: Tensor, edges: Sequence[float], *, names: Sequence[str] | None = None, unit: str = ""
) -> dict[str, Tensor]:
    """Sort faces into bands of a number: the first band holds both its edges, others the upper one.

    values: (N,). edges: rising, one more than bands; the last may be infinity. names: of the bands,
    by default "low-high" with the unit behind. Returns name -> (N,) bool. A value outside the
    edges, or NaN, is in no band.
    Raises ValueError for a wrong shape, edges that do not rise, or a wrong number of names.
    """
    if values.ndim != 1 or not values.is_floating_point():
        raise ValueError(
            f"values: expected floats of shape (N,), got {values.dtype} {tuple(values.shape)}"
        )
    rising = all(low < high for low, high in zip(edges, edges[1:], strict=False))
    if len(edges) < 2 or not rising:
        raise ValueError(f"edges: expected at least 2 rising numbers, got {list(edges)}")
    if names is None:
        names = [
            f"{low:g}-{high:g}{unit}" if high < math.inf else f"above {low:g}{unit}"
            for low, high in zip(edges, edges[1:], strict=False)
        ]
    if len(set(names)) != len(edges) - 1:
        raise ValueError(f"names: expected {len(edges) - 1} different ones, got {list(names)}")
    limits = torch.tensor(edges, dtype=torch.float64).to(values)  # as values: 0.1 is 0.1 in float32
    result = {}
    for index, name in enumerate(names):
        low, high = limits[index], limits[index + 1]
        above = values >= low if index == 0 else values > low
        result[name] = above & (values <= high)
    return result


def yaw_bands(yaw: Tensor) -> dict[str, Tensor]:
    """Sort faces by how far the head is turned to either side: 0-30, 30-60 and 60-90 degrees.

    yaw: (N,) in radians. A head turned beyond 90 degrees is in the last band, as in the benchmark
    of AFLW2000-3D; NaN is in none. Returns name -> (N,) bool, names such as "|yaw| 0-30".
    Raises ValueError for a wrong shape, or what looks like degrees.
    """
    check_radians("yaw", yaw)
    edges = [math.radians(edge) for edge in YAW_EDGES[:-1]]
    names = [f"|yaw| {a}-{b}" for a, b in zip(YAW_EDGES, YAW_EDGES[1:], strict=False)]
    return bands(yaw.abs(), (*edges, math.inf), names=names)


def by_label(labels: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Sort faces by a label: label 0 belongs to the first name, 1 to the second.

    labels: (N,) whole numbers or bool; a negative one is in no group. Returns name -> (N,) bool.
    Raises ValueError for a wrong shape or type, repeated names, or a label without a name.
    """
    if labels.ndim != 1 or labels.is_floating_point():
        raise ValueError(
            f"labels: expected whole numbers of shape (N,), "
            f"got {str(labels.dtype).removeprefix('torch.')} {tuple(labels.shape)}"
        )
    if len(set(names)) != len(names):
        raise ValueError(f"names: expected different ones, got {list(names)}")
    if labels.numel() and int(labels.max()) >= len(names):
        raise ValueError(f"labels: {int(labels.max())} has no name; {len(names)} names were given")
    return {name: labels == index for index, name in enumerate(names)}
