"""The jaw line of the 68 landmarks: vertices that form a smooth curve in space.

On a frontal picture the side of a head is seen edge on, so that vertices of very different depth
fall on one mark, and the nearest of each makes a line that jumps to and fro when the head turns.
Here all points of one half are chosen together, near their marks, along the edge of the jaw where
cheek turns into throat, and with small second differences in space. The other half is its mirror
image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

NEAR = 10.0  # pixels of the marked picture that count as much as the other two scales
TURNED, SPREAD = -0.1, 0.15  # z of the normals at the edge of the jaw, and its scale
BEND = 0.08  # second difference in decimetres
REACH = 26.0  # pixels from the mark at most
EAR = 0.56  # z in decimetres of the mean head; ears lie behind
FORWARD = (-0.6, 0.55)  # z of the normals: neither neck nor front of the face


def jaw(
    points: np.ndarray,
    spots: np.ndarray,
    forward: np.ndarray,
    allowed: np.ndarray,
    *,
    ends: tuple[int, int],
    marks: Mapping[int, tuple[int, int]],
) -> np.ndarray:
    """Choose the vertices of landmarks 0 to 8, of the half with negative x: (9,).

    points: (V, 3) of the mean head, decimetres. spots: (V, 2) its frontal picture, pixels.
    forward: (V,) z of the normals. allowed: (V,) bool. ends: vertices of landmarks 0 and 8, which
    stay. marks: landmark -> pixels. Raises ValueError when a mark has no vertex near it.
    """
    allowed = allowed & (points[:, 0] < 0) & (points[:, 2] > EAR)
    allowed &= (forward > FORWARD[0]) & (forward < FORWARD[1])
    candidates, costs = [np.array(ends[:1])], [np.zeros(1)]
    for number in range(1, 8):
        off = np.linalg.norm(spots - np.array(marks[number]), axis=1)
        near = np.flatnonzero(allowed & (off < REACH))
        if not len(near):
            raise ValueError(f"landmark {number}: no vertex lies within {REACH:g} pixels")
        candidates.append(near)
        costs.append((off[near] / NEAR) ** 2 + ((forward[near] - TURNED) / SPREAD) ** 2)
    candidates.append(np.array(ends[1:]))
    costs.append(np.zeros(1))
    return smoothest(points, candidates, costs)


def smoothest(
    points: np.ndarray, candidates: Sequence[np.ndarray], costs: Sequence[np.ndarray]
) -> np.ndarray:
    """Choose one vertex of each of K groups, so that the curve through them bends least: (K,).

    points: (V, 3) decimetres. candidates: K >= 3 groups of vertices, (n,) each; the curve goes on
    behind the last as its mirror image in x. costs: what choosing each costs by itself, (n,) each.
    The exact minimum of the costs and of (second difference / BEND)^2, by dynamic programming over
    pairs of neighbours.
    """
    where = points.astype(np.float64)
    total = costs[0][:, None] + costs[1][None]  # (n0, n1)
    best_first = []
    for k in range(2, len(candidates)):
        one, two, three = (where[candidates[j]] for j in (k - 2, k - 1, k))
        bend = one[:, None, None] - 2 * two[None, :, None] + three[None, None]  # (n0, n1, n2, 3)
        choices = total[..., None] + np.square(bend / BEND).sum(axis=-1)
        best_first.append(choices.argmin(axis=0))  # (n1, n2)
        total = choices.min(axis=0) + costs[k][None]
    before, last = where[candidates[-2]], where[candidates[-1]]
    bend = before[:, None] - 2 * last[None] + (before * (-1, 1, 1))[:, None]
    total = total + np.square(bend / BEND).sum(axis=-1)
    path = [int(k) for k in np.unravel_index(total.argmin(), total.shape)]
    for first in reversed(best_first):
        path.insert(0, int(first[path[0], path[1]]))
    return np.array([group[k] for group, k in zip(candidates, path, strict=True)])
