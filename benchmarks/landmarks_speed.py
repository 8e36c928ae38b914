"""Time the landmark cascade beside MTCNN's O-Net on the same faces, in one run.

    python benchmarks/landmarks_speed.py [--repeats 15] [--threads 2]      (about a minute)

Both give five points a face: the cascade with 23 small networks at three levels, batched over faces
and networks, O-Net with one network on 48x48 crops, in batches of 64 as MTCNN runs it. Timed with
cutting the crops from the photo, and on crops that are ready. Writes
benchmarks/results/landmarks_speed.json; `python benchmarks/report.py` puts it into README.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import facelab
from facelab import samples
from facelab.detection.mtcnn.conventions import HalfOpen
from facelab.detection.mtcnn.model import ONET_MACS
from facelab.detection.mtcnn.predict import BATCH
from facelab.engine.weights import WeightsError
from facelab.landmarks import FacePatches, cut_patches, face_squares
from facelab.landmarks.dcnn_cascade.predict import Cascade
from facelab.landmarks.dcnn_cascade.targets import WINDOW

RESULT = Path(__file__).parent / "results" / "landmarks_speed.json"
FACES = (1, 16, 256)
SIDE, CELL = 48, 80  # pixels of O-Net's crop, and of a face's place in the photo
Work = Callable[[], object]


def crowd(count: int) -> tuple[np.ndarray, Tensor]:
    """Build a photo with `count` faces, and tight boxes about them: (H, W, 3), (count, 4)."""
    columns = min(16, count)
    photo = samples.crowd(count, rows=-(-count // columns), columns=columns, cell=CELL)
    row, column = torch.arange(count) // columns, torch.arange(count) % columns
    corner = torch.stack((column, row), dim=1) * float(CELL)
    inside = torch.tensor([0.25, 0.15, 0.75, 0.8]) * CELL  # of a cell
    return photo, corner.repeat(1, 2) + inside


def points_of_onet(onet: torch.nn.Module, crops: Tensor) -> Tensor:
    """Run O-Net as MTCNN does: crops (N, 3, 48, 48) -> points (N, 10)."""
    return torch.cat([onet(part).landmarks for part in crops.split(BATCH[SIDE])])


def networks_alone(cascade: Cascade, patches: FacePatches) -> Work:
    """Cut all crops now, and give what runs the 23 networks on them."""
    trace = cascade.trace(patches)
    first = [
        (network, patches.crop(trace.windows[0][:, number], network.size))
        for number, network in enumerate(cascade.networks.values())
    ]
    banks = [cascade.nets.level2, cascade.nets.level3]
    later = [
        (bank, patches.crop(windows.flatten(1, 2), WINDOW))
        for bank, windows in zip(banks, trace.windows[1:], strict=True)
    ]
    return lambda: [network(crops) for network, crops in (*first, *later)]


def tasks(cascade: Cascade, onet: torch.nn.Module, count: int) -> dict[str, dict[str, Work]]:
    """Give what is timed for a number of faces: what -> system -> function."""
    photo, boxes = crowd(count)
    squares = face_squares(boxes)
    images = cut_patches(photo, squares)
    patches = FacePatches(images, torch.zeros(count, 5, 2), torch.ones(count))
    crops = HalfOpen(photo).crops(squares, SIDE)
    return {
        "photo and boxes to points": {
            "cascade": lambda: cascade(photo, boxes),
            "O-Net": lambda: points_of_onet(onet, HalfOpen(photo).crops(squares, SIDE)),
        },
        "networks alone, crops ready": {
            "cascade": networks_alone(cascade, patches),
            "O-Net": lambda: points_of_onet(onet, crops),
        },
    }


@torch.inference_mode()
def medians(works: Mapping[str, Work], repeats: int) -> dict[str, float]:
    """Time in ms, taken in turn, so that a change in the machine's speed meets all alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 2):
        for name, work in works.items():
            started = time.perf_counter()
            work()
            if turn > 1:  # the first turns warm up
                times[name].append(1000 * (time.perf_counter() - started))
    return {name: round(statistics.median(values), 3) for name, values in times.items()}


def load_cascade() -> Cascade:
    """Load the shipped cascade; its time does not depend on its weights, so any will do."""
    try:
        return facelab.load("dcnn_cascade")
    except WeightsError:
        return Cascade()


def measure(repeats: int) -> list[dict[str, object]]:
    """Time everything: one row for each number of faces and thing timed."""
    cascade, onet = load_cascade(), facelab.load("mtcnn").onet
    rows = []
    for count in FACES:
        for what, works in tasks(cascade, onet, count).items():
            rows.append({"faces": count, "what": what, "median_ms": medians(works, repeats)})
            print(f"{count:>4} {what}: {rows[-1]['median_ms']}")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15, help="timed runs of each")
    parser.add_argument("--threads", type=int, default=2, help="cores")
    parser.add_argument("--out", type=Path, default=RESULT, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = measure(options.repeats)
    result = {
        "command": "python benchmarks/landmarks_speed.py",
        "machine": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
        "repeats": options.repeats,
        "macs": {"cascade": load_cascade().nets.macs, "O-Net": ONET_MACS},
        "rows": rows,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {options.out.name}")


if __name__ == "__main__":
    main()
