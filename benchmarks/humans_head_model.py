"""Time the head model and its renderer: the batch that a dense branch trains on, and one picture.

    python benchmarks/humans_head_model.py                                   (under a minute)

Goals: 32 pictures of 64x64 with the full mesh in under 0.3 s on two cores, one of 256x256 in under
100 ms on one. The median of ten counts. Writes benchmarks/results/humans_head_model.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from facelab.humans.head_model import HeadModel, front_camera, portrait_light

RESULT = Path(__file__).parent / "results" / "humans_head_model.json"
TURNS = 10
CASES = (  # pictures, side in pixels, cores, goal of the forward pass in ms
    (32, 64, 2, 300.0),
    (1, 256, 1, 100.0),
)


def median_ms(call: Callable[[], Any]) -> float:
    """Time a call, after two that warm up."""
    times = []
    for turn in range(TURNS + 2):
        started = time.perf_counter()
        call()
        if turn >= 2:
            times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def measure(model: HeadModel, batch: int, side: int) -> dict[str, float]:
    """Time making the heads, drawing them, and the gradients of a loss on the pictures."""
    heads = model.sample(torch.Generator().manual_seed(0), batch)
    vertices, colours = model.build(heads)
    renderer, camera, light = model.renderer(), front_camera(batch), portrait_light(batch)

    def draw(points: torch.Tensor) -> torch.Tensor:
        return renderer(points, colours, camera, light, size=(side, side), shine=0.07).image

    def learn() -> None:
        points = vertices.clone().requires_grad_()
        draw(points).square().mean().backward()

    with torch.no_grad():
        made = median_ms(lambda: model.build(heads))
        drawn = median_ms(lambda: draw(vertices))
    return {"heads_ms": made, "forward_ms": drawn, "forward_and_backward_ms": median_ms(learn)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--note", default="", help="kept in the result, such as: measured busy")
    options = parser.parse_args()
    model = HeadModel.load()
    rows = []
    for batch, side, cores, goal in CASES:
        torch.set_num_threads(cores)
        row = {"pictures": batch, "side_px": side, "cores": cores, "goal_forward_ms": goal}
        row |= {name: round(value, 1) for name, value in measure(model, batch, side).items()}
        rows.append(row)
        print(row, flush=True)
    result = {
        "command": "python benchmarks/humans_head_model.py",
        "machine": f"{platform.machine()}, torch {torch.__version__}",
        "note": options.note,
        "vertices": model.num_vertices,
        "triangles": len(model.triangles),
        "turns": TURNS,
        "rows": rows,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {RESULT.name}")


if __name__ == "__main__":
    main()
