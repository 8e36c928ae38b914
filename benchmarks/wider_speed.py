"""Time the WIDER FACE evaluation beside a straightforward Python port of it, in one run.

    python benchmarks/wider_speed.py [--photos 3000] [--detections 300]     (a minute or two)

Both judge the same made-up detections at all three levels. The port below goes through detections
and thresholds as the rules are written; its overlaps are computed by NumPy a photo, as ports do in
compiled code. Writes results/wider_speed.json; fails where the two differ by more than 1e-6.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch

from facelab.engine.files import write_whole
from facelab.metrics.wider import LEVELS, Counted, Detections, score_wider

RESULT = Path(__file__).parent / "results" / "wider_speed.json"
MEAN_FACES = 12.3  # 39,708 faces on 3,226 photos of the validation set
MOST_APART = 1e-6
Photo = tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]


def made_up(rng: np.random.Generator, detections: int) -> Photo:
    """Make a photo's detections (D, 5) with score, the surest first, faces (N, 4), and levels."""
    count = int(rng.geometric(1 / MEAN_FACES))
    corner, side = rng.integers(0, 900, (count, 2)), rng.integers(8, 120, (count, 2))
    boxes = np.hstack((corner, corner + side)).astype(np.float64)
    found = boxes[rng.integers(0, count, detections)]
    found = found + rng.normal(0, 6, found.shape)
    found[:, 2:] = np.maximum(found[:, 2:], found[:, :2] + 1)
    scores = np.sort(rng.beta(0.5, 1.0, detections))[::-1]
    difficulty = rng.choice(4, count, p=[0.18, 0.16, 0.46, 0.2])
    counted = {level: difficulty <= code for code, level in enumerate(LEVELS)}
    return np.column_stack((found, scores)), boxes, counted


def as_records(photo: Photo) -> tuple[Detections, Counted]:
    """Give a photo as `score_wider` takes it."""
    found, boxes, counted = photo
    return (
        Detections(torch.from_numpy(found[:, :4].copy()), torch.from_numpy(found[:, 4].copy())),
        Counted(torch.from_numpy(boxes), {k: torch.from_numpy(v) for k, v in counted.items()}),
    )


# ---- the port


def overlaps(found: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    low = np.maximum(found[:, None, :2], boxes[:, :2])
    high = np.minimum(found[:, None, 2:4], boxes[:, 2:])
    common = (high - low + 1).clip(0).prod(axis=2)
    areas = ((x[:, 2:4] - x[:, :2] + 1).prod(axis=1) for x in (found, boxes))
    own, face = areas
    return common / (own[:, None] + face - common)


def port(photos: list[Photo], level: str) -> float:
    low = min(found[:, 4].min() for found, _, _ in photos)
    high = max(found[:, 4].max() for found, _, _ in photos)
    low, high = min(low, 1.0), max(high, 0.0)
    totals, faces = np.zeros((1000, 2)), 0
    for found, boxes, counted in photos:
        faces += int(counted[level].sum())
        scores = (found[:, 4] - low) / (high - low)
        hits, proposal = follow(overlaps(found, boxes), counted[level])
        for step in range(1000):
            reached = np.where(scores >= 1 - (step + 1) / 1000)[0]
            if len(reached):
                last = reached[-1]
                totals[step] += len(np.where(proposal[: last + 1] == 1)[0]), hits[last]
    precision = totals[:, 1] / np.maximum(totals[:, 0], 1)
    recall = np.concatenate(([0.0], totals[:, 1] / faces, [1.0]))
    precision = np.concatenate(([0.0], precision, [0.0]))
    for step in range(len(precision) - 1, 0, -1):
        precision[step - 1] = max(precision[step - 1], precision[step])
    steps = np.where(recall[1:] != recall[:-1])[0]
    return float(((recall[steps + 1] - recall[steps]) * precision[steps + 1]).sum())


def follow(overlap: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    state, proposal = np.zeros(len(counted)), np.ones(len(overlap))
    hits = np.zeros(len(overlap))
    for number, row in enumerate(overlap):
        best = row.argmax()
        if row[best] >= 0.5:
            if not counted[best]:
                state[best], proposal[number] = -1, -1
            elif state[best] == 0:
                state[best] = 1
        hits[number] = len(np.where(state == 1)[0])
    return hits, proposal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--detections", type=int, default=300, help="a photo")
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    photos = [made_up(rng, given.detections) for _ in range(given.photos)]
    records = [as_records(photo) for photo in photos]
    score_wider(records[:50])  # warms up
    started = time.perf_counter()
    ours = score_wider(records)
    ours_s = time.perf_counter() - started
    started = time.perf_counter()
    theirs = {level: port(photos, level) for level in LEVELS}
    port_s = time.perf_counter() - started
    apart = max(abs(ours[level].ap - theirs[level]) for level in LEVELS)
    if not apart <= MOST_APART:
        raise SystemExit(f"the two differ by {apart:.2g} in average precision")
    result = {
        "command": "python benchmarks/wider_speed.py",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "photos": given.photos,
        "detections": given.detections,
        "seconds": {"port": round(port_s, 2), "facelab": round(ours_s, 3)},
        "largest_difference": apart,
        "ap": {level: round(ours[level].ap, 4) for level in LEVELS},
    }
    write_whole(RESULT, json.dumps(result, indent=1) + "\n")
    print(f"port {port_s:.1f} s, facelab {ours_s:.2f} s: {port_s / ours_s:.0f}x; written")


if __name__ == "__main__":
    main()
