"""Time MTCNN beside facenet-pytorch in one run.

    pip install --no-deps facenet-pytorch==2.6.0        (optional: the peer)
    python benchmarks/mtcnn.py [--repeats 11]           (about one minute on two cores)

Writes benchmarks/results/mtcnn_speed.json; `python benchmarks/report.py` puts it into README.md.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import facelab
from facelab import samples
from facelab.images import resize

RESULT = Path(__file__).parent / "results" / "mtcnn_speed.json"
SIZES = ((480, 640), (960, 1280))
MIN_FACE = 20
Detector = Callable[[np.ndarray], object]


def photos(height: int, width: int) -> dict[str, np.ndarray]:
    """One face beside a photo without faces, and twelve faces, at the same size."""
    portrait = resize(samples.photo("astronaut"), (height, height))
    rest = resize(samples.photo("coffee"), (height, width - height))
    crowd = resize(samples.crowd(12), (height, width))
    return {"1 face": np.hstack([portrait, rest]), "12 faces": crowd}


def facenet_pytorch() -> Detector | None:
    """The peer with its own defaults, or None, said aloud, where it is not installed."""
    try:
        from facenet_pytorch import MTCNN
    except ImportError:
        print("Without the peer: pip install --no-deps facenet-pytorch==2.6.0")
        return None
    warnings.filterwarnings("ignore", module="facenet_pytorch")
    peer = MTCNN(keep_all=True, device="cpu", min_face_size=MIN_FACE)
    return lambda photo: peer.detect(photo, landmarks=True)


def milliseconds(
    detectors: dict[str, Detector], photo: np.ndarray, repeats: int
) -> dict[str, float]:
    """Median times, taken in turn, so that a change in the machine's speed meets all alike."""
    times: dict[str, list[float]] = {name: [] for name in detectors}
    for turn in range(repeats + 1):
        for name, detect in detectors.items():
            started = time.perf_counter()
            detect(photo)
            if turn > 0:  # the first turn warms up
                times[name].append(1000 * (time.perf_counter() - started))
    return {name: round(statistics.median(values), 1) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=11, help="timed runs of each detector")
    repeats = parser.parse_args().repeats
    detectors: dict[str, Detector] = {}
    if (peer := facenet_pytorch()) is not None:
        detectors["facenet-pytorch 2.6.0"] = peer
    detectors["compat"] = facelab.load("mtcnn", compat="facenet", min_face=MIN_FACE)
    detectors["default"] = facelab.load("mtcnn", min_face=MIN_FACE)
    rows = []
    for height, width in SIZES:
        for content, photo in photos(height, width).items():
            medians = milliseconds(detectors, photo, repeats)
            rows.append({"photo": f"{width}x{height}, {content}", "median_ms": medians})
            print(rows[-1]["photo"], medians)
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    command = "python benchmarks/mtcnn.py"
    result = {"command": command, "machine": machine, "repeats": repeats, "rows": rows}
    if peer is None:
        print("Nothing stored: the table compares with the peer.")
        return
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"written: {RESULT.name}")


if __name__ == "__main__":
    main()
