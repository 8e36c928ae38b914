"""Compare our boxes and points with those of MTCNN's public weights on clear renders.

    python -m benchmarks.humans.box_offset

WIDER FACE's annotators draw boxes from forehead to chin, and the public weights were trained on
them. The mean offset of each side from the box around our face vertices, in widths and heights of
that box, is what `facelab.humans.rendering.truth.BOX_OFFSET` corrects. Writes
benchmarks/results/humans_box_offset.json.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import cv2
import numpy as np

import facelab
from facelab.humans import assets
from facelab.humans.person.people import Human
from facelab.humans.person.views import View
from facelab.humans.rendering import truth
from facelab.humans.rendering.render import posed, render

RESULT = Path(__file__).parents[1] / "results" / "humans_box_offset.json"
SIZE = (224, 224)
SIDES = ("left", "top", "right", "bottom")


def background(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A soft, out-of-focus wall (H, W, 3) in grey levels."""
    grid = rng.uniform(60, 190, (4, 4, 1)) + rng.uniform(-15, 15, (4, 4, 3))
    return cv2.resize(grid.astype(np.float32), size[::-1], interpolation=cv2.INTER_CUBIC)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes (4,)."""
    inter = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return float(inter / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inter))


def measure(people: int = 150, seed: int = 11) -> dict[str, object]:
    """Render people from the front, without anything before the face, and detect them."""
    rng = np.random.default_rng(seed)
    detect = facelab.load("mtcnn")
    offsets, overlaps, distances = [], [], []
    for _ in range(people):
        human = Human.sample(rng)
        angles = rng.normal(0, (0.17, 0.1, 0.08)).clip(-0.4, 0.4)
        view = View.sample(
            rng,
            human,
            yaw=float(angles[0]),
            pitch=float(angles[1]),
            roll=float(angles[2]),
            occluders=False,
            fill=0.5,
        )
        sprite = render(human, view, size=SIZE)
        alpha = sprite.rgba[..., 3:] / 255.0
        photo = sprite.rgba[..., :3] * alpha + background(rng, SIZE) * (1 - alpha)
        state = posed(human, view, SIZE)
        outline = state.camera.project(state.points)[0][assets.body().face]
        raw = np.concatenate((outline.min(axis=0), outline.max(axis=0)))
        found = detect(np.clip(photo, 0, 255).astype(np.uint8))
        boxes = found.boxes.numpy()
        if not len(boxes):
            continue
        best = int(np.argmax([overlap(box, sprite.box) for box in boxes]))
        if overlap(boxes[best], sprite.box) < 0.5:
            continue
        offsets.append((boxes[best] - raw) / np.tile(raw[2:] - raw[:2], 2))
        overlaps.append(overlap(boxes[best], sprite.box))
        points = found.landmarks.numpy()[best]
        between = math.dist(sprite.five[0], sprite.five[1])
        distances.append(np.linalg.norm(points - sprite.five, axis=1).astype(float) / between)
    rows = np.array(offsets, np.float64)
    return {
        "people": people,
        "seed": seed,
        "found": len(rows) / people,
        "offset_mean": dict(zip(SIDES, np.round(rows.mean(axis=0), 4).tolist(), strict=True)),
        "offset_deviation": dict(zip(SIDES, np.round(rows.std(axis=0), 4).tolist(), strict=True)),
        "used": dict(zip(SIDES, truth.BOX_OFFSET, strict=True)),
        "iou_mean": round(float(np.mean(overlaps)), 4),
        "point_distance_median": round(float(np.median(distances)), 4),
        "point_distance_median_each": np.round(np.median(distances, axis=0), 4).tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=150)
    parser.add_argument("--out", type=Path, default=RESULT)
    chosen = parser.parse_args()
    result = measure(chosen.people)
    chosen.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
