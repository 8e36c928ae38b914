"""Time the loaders of synthetic people beside what one would write with public packages.

    python benchmarks/humans_loaders.py [--pack DIR] [--seconds 10]      (about two minutes)

Two worker processes deliver aligned 112-px crops in batches of 64, and scenes of 640x480 with 12
faces. The peer reads the same pictures, one WebP file each in a folder a person, as torchvision's
ImageFolder does, and aligns them with scikit-image's similarity and warp; it lays nothing over a
background. Ways take turns; the median counts. Writes benchmarks/results/humans_loaders.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage.transform import SimilarityTransform, warp
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

from facelab.engine.files import write_whole
from facelab.geometry.alignment import ARCFACE_TEMPLATE
from facelab.humans.packs.pack import Pack, load_pack
from facelab.humans.tasks.loaders import (
    PLAIN,
    IdentityCrops,
    PKSampler,
    Scenes,
    identity_batch,
    make_loader,
)

RESULT = Path(__file__).parent / "results" / "humans_loaders.json"
WORKERS, BATCH, TURNS = 2, 64, 3


class Folder(ImageFolder):
    """The peer: one file a picture, decoded by Pillow, aligned by scikit-image."""

    def __init__(self, root: Path, five: np.ndarray) -> None:
        super().__init__(root)
        self.five = five

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        picture, label = super().__getitem__(index)
        number = int(Path(self.samples[index][0]).stem)
        similarity = SimilarityTransform.from_estimate(self.five[number], ARCFACE_TEMPLATE.numpy())
        crop = warp(np.asarray(picture), similarity.inverse, output_shape=(112, 112))
        return torch.from_numpy(crop.astype(np.float32)).permute(2, 0, 1), label


def as_folder(pack: Pack, root: Path) -> Folder:
    """Write the pictures of a pack as files: root/person/number.webp."""
    for index in range(len(pack)):
        sprite = pack[index]
        path = root / f"{sprite.person:06d}" / f"{index:06d}.webp"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(sprite.rgba).save(path, quality=85)
    return Folder(root, pack.labels["five"])


def items_a_second(loader: Iterable[Any], size: int, seconds: float) -> float:
    """Deliver batches for a while, after two that start the workers."""
    count, batches = 0, endless(loader)
    for _ in range(2 * WORKERS):
        next(batches)
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        next(batches)
        count += size
    return count / (time.perf_counter() - started)


def endless(loader: Iterable[Any]) -> Any:
    """Go through a loader again and again."""
    while True:
        yield from loader


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pack", type=Path, help="folder of the pack; the shipped one without")
    parser.add_argument("--seconds", type=float, default=10, help="of each way and turn")
    parser.add_argument("--note", default="", help="kept in the result, such as: measured busy")
    options = parser.parse_args()
    pack = load_pack(options.pack, "train")
    torch.set_num_threads(1)
    rates: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as root:
        peer = as_folder(pack, Path(root))
        for _ in range(TURNS):
            for name, loader, size in ways(pack, peer):
                rate = items_a_second(loader, size, options.seconds)
                rates.setdefault(name, []).append(rate)
                print(f"{name}: {rate:.0f} a second", flush=True)
    result = {
        "command": "python benchmarks/humans_loaders.py",
        "machine": f"{platform.machine()}, {WORKERS} workers, torch {torch.__version__}",
        "note": options.note,
        "sprites": len(pack),
        "turns": TURNS,
        "a_second": {name: round(statistics.median(found), 1) for name, found in rates.items()},
    }
    write_whole(RESULT, json.dumps(result, indent=1) + "\n")
    print(f"written: {RESULT.name}")


def ways(pack: Pack, peer: Folder) -> Iterable[tuple[str, Iterable[Any], int]]:
    """Give each way's name, loader and items a batch; made anew, so that no worker idles along."""
    for name, options in (("aligned crops", {}), ("aligned crops, plain", {"augment": PLAIN})):
        data = IdentityCrops(pack, **options)
        sampler = PKSampler(data.identities, people=16, images=4)
        yield (
            name,
            make_loader(data, batch_sampler=sampler, workers=WORKERS, collate=identity_batch),
            64,
        )
    yield "peer: aligned crops", DataLoader(peer, BATCH, shuffle=True, num_workers=WORKERS), BATCH
    scenes = Scenes(pack, length=100_000, size=(480, 640), faces=12)
    yield "scenes", make_loader(scenes, batch=4, workers=WORKERS), 4


if __name__ == "__main__":
    main()
