"""How the jaw line is chosen: the smoothest curve, against every other, and on a toy head."""

import itertools

import numpy as np
import pytest

from facelab.humans.asset_tools.jaw import BEND, jaw, smoothest


def total(points: np.ndarray, path: tuple[int, ...], costs: dict[int, float]) -> float:
    """Costs of a curve that goes on behind its last point as its mirror image."""
    line = points[[*path, path[-2]]]
    line[-1, 0] *= -1
    bend = line[:-2] - 2 * line[1:-1] + line[2:]
    return sum(costs[k] for k in path) + float(((bend / BEND) ** 2).sum())


@pytest.mark.parametrize("seed", range(5))
def test_no_other_choice_costs_less(seed):
    rng = np.random.default_rng(seed)
    sizes = (1, 3, 4, 2, 3, 1)
    numbers = iter(range(sum(sizes)))
    groups = [np.array([next(numbers) for _ in range(n)]) for n in sizes]
    points = 0.1 * rng.normal(size=(sum(sizes), 3))
    costs = {k: float(c) for k, c in enumerate(rng.uniform(0, 3, sum(sizes)))}
    found = smoothest(points, groups, [np.array([costs[k] for k in g]) for g in groups])
    best = min(itertools.product(*groups), key=lambda path: total(points, path, costs))
    assert tuple(found) == best


def toy() -> dict:
    """Marks down a line; at each, one vertex on a smooth curve and a decoy nearer to the mark."""
    heights = np.linspace(0, -1, 9)
    curve = np.stack([-0.6 + 0.6 * heights**2, heights, 0.7 + 0.5 * heights**2], axis=1)
    decoys = curve + (0, 0, 0.3)
    decoys[::2, 2] += 0.3
    points = np.concatenate([curve, decoys])
    spots = np.concatenate([500 * curve[:, :2] + (3, 0), 500 * curve[:, :2]])
    marks = {k: tuple(500 * curve[k, :2]) for k in range(9)}
    forward, allowed = np.zeros(18), np.ones(18, bool)
    return {"points": points, "spots": spots, "forward": forward, "allowed": allowed,
            "ends": (0, 8), "marks": marks}  # fmt: skip


def test_depth_counts_where_the_picture_cannot_tell():
    assert jaw(**toy()).tolist() == list(range(9))


def test_a_mark_without_vertices_is_named():
    head = toy()
    head["allowed"][[5, 14]] = False
    with pytest.raises(ValueError, match="landmark 5: no vertex lies within"):
        jaw(**head)
