"""Does a lower landmark error mean better recognition? python benchmarks/alignment_recognition.py

Held-out people are aligned in many ways: by their true points, by true points with growing noise,
by the cascade, by exact and by predicted poses. Each way is judged twice: by its landmark error,
and by how well the aligned crops tell people apart, with the same embedders for all. Then heads of
the statistical model change their expression, and we see how far their eyes move in the crops.

Writes benchmarks/results/alignment_recognition.json; `facelab reproduce faceposenet` makes the
claim table of it (benchmarks/faceposenet_claims.py). Systems whose weights are not there are left
out, and said so. With FACELAB_PROBES, the folder of a trained probe embedder
(benchmarks/humans_probes.py), that one judges too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

import facelab
from facelab.engine.weights import WeightsError
from facelab.geometry.landmarks import to5
from facelab.humans.packs.pack import Pack, load_pack
from facelab.humans.tasks.crops import default_augment
from facelab.humans.tasks.pairs import VerificationPairs, verification_pairs
from facelab.landmarks import FacePatches, patches_of_people
from facelab.landmarks.faceposenet import Pose, exact_pose, steady_weights
from facelab.landmarks.faceposenet.expressions import eye_jitter, faces_with_expressions
from facelab.landmarks.faceposenet.study import (
    Embedder,
    aligned,
    crop_error,
    fit_fisher,
    jittered,
    judge,
    pixels,
    random_features,
)
from facelab.landmarks.faceposenet.targets import MARGIN
from facelab.metrics.landmarks import Normaliser, nme

sys.path.insert(0, str(Path(__file__).parent))

RESULTS, RESULT = Path(__file__).parent / "results", "alignment_recognition.json"
COMMAND = "python benchmarks/alignment_recognition.py"
SEEDS = (0, 1, 2)
LEVELS = (0.01, 0.02, 0.03, 0.05, 0.08)  # mean landmark error asked for, shares of the box width
KINDS = ("any", "easy", "pose")
SIDE = 200  # of a patch in pixels: the aligned crop is not enlarged
TURN = math.radians(10)
HEADS = 16  # that change their expression, a seed
Numbers = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Held:
    """Held-out people of one seed: the same pictures with five and with 68 points, and pairs."""

    five: FacePatches
    dense: FacePatches
    pairs: dict[str, VerificationPairs]


def systems() -> dict[str, Callable[[FacePatches], Tensor]]:
    """What places five points in RGB patches, by name: those whose weights are there."""
    found: dict[str, Callable[[FacePatches], Tensor]] = {}
    for name, title in (("dcnn_cascade", "cascade"), ("faceposenet", "pose, net")):
        try:
            system = facelab.load(name)
        except WeightsError as problem:
            print(f"left out: {problem}")
            continue
        if title == "cascade":
            found[title] = lambda faces, run=system: run.on_patches(grey(faces))
        else:
            found[title] = lambda faces, run=system: run.on_patches(faces).landmarks()
    return found


def grey(faces: FacePatches) -> FacePatches:
    """The same patches without colour, as the cascade sees them."""
    planes = [
        cv2.cvtColor(image.permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2GRAY)
        for image in faces.images
    ]
    points = to5(faces.points) if faces.points.shape[1] == 68 else faces.points
    images = torch.from_numpy(np.stack(planes))[:, None]
    return replace(faces, images=images, points=points, attributes={})


def patches(source: Pack, points: int, seed: int, repeats: int = 1) -> FacePatches:
    """Pictures of people: turned by up to 10 degrees, degraded, never mirrored."""
    augment = default_augment(angle=TURN, zoom=1.0, shift=0.0, mirror=0.0)
    return patches_of_people(
        source,
        points=points,
        seed=seed,
        repeats=repeats,
        augment=augment,
        side=SIDE,
        margin=MARGIN,
        colour=True,
    )


def held_out(source: Pack, seed: int, folds: int) -> Held:
    """Draw the pictures and pairs of one seed."""
    own = 1_000 + seed
    pairs = {kind: verification_pairs(source, kind=kind, folds=folds, seed=own) for kind in KINDS}
    return Held(patches(source, 5, own), patches(source, 68, own), pairs)


def embedders(people: Pack, seed: int, repeats: int) -> dict[str, Embedder]:
    """What judges: two that learnt nothing, one that learnt from true alignments, maybe a probe."""
    faces = patches(people, 5, 2_000 + seed, repeats)
    generator = torch.Generator().manual_seed(seed)
    nearly = jittered(faces.points, faces.widths, 0.01, generator=generator)
    who = faces.attributes["person"].numpy()
    found = {
        "pixels": pixels,
        "random projection": random_features(seed),
        "fisher": fit_fisher(aligned(faces, nearly), who),
    }
    if os.environ.get("FACELAB_PROBES"):
        from humans.models import folder, load_embedder

        net = load_embedder(folder() / "weights.safetensors")

        @torch.inference_mode()
        def probe(crops: np.ndarray) -> np.ndarray:
            images = torch.from_numpy(crops).permute(0, 3, 1, 2)
            parts = [net(part.float() / 255) for part in images.split(64)]
            return torch.cat(parts).numpy()

        found["probe"] = probe
    return found


def alignments(held: Held, found: dict[str, Callable], seed: int) -> dict[str, Tensor]:
    """Five points (N, 5, 2) for every way of aligning."""
    truth, widths = held.five.points, held.five.widths
    generator = torch.Generator().manual_seed(seed)
    points = {"truth": truth, **poses(held.dense)}
    points |= {name: system(held.dense) for name, system in found.items()}
    for shared, name in ((False, "noise"), (True, "shift")):
        for level in LEVELS:
            moved = jittered(truth, widths, level, generator=generator, shared=shared)
            points[f"{name} {100 * level:g} %"] = moved
    points["box only"] = truth.mean(dim=0, keepdim=True).expand_as(truth)
    return points


def poses(faces: FacePatches) -> dict[str, Tensor]:
    """Five points from exact poses, of all points alike and of those that expressions spare."""
    steady = exact_pose(faces, weights=steady_weights())
    return {"pose, exact": exact_pose(faces).landmarks(), "pose, steady": steady.landmarks()}


def measure(held: Held, found: dict[str, Callable], judges: dict, seed: int) -> Numbers:
    """Landmark error, misplaced crops and verification of every alignment."""
    truth, widths = held.five.points, held.five.widths
    boxes = torch.nn.functional.pad(widths[:, None], (2, 1))  # 0, 0, width, 0
    numbers: Numbers = {}
    for name, points in alignments(held, found, seed).items():
        crops = aligned(held.five, points)
        row = {
            "landmark error": 100 * float(nme(points, truth, "box_width", boxes=boxes).mean()),
            "crop error": 100 * float(crop_error(points, truth).mean()),
        }
        for judge_name, embedder in judges.items():
            for kind, pairs in held.pairs.items():
                verdict = judge(embedder, crops, pairs)
                row[f"{judge_name}, {kind}, AUC"] = 100 * verdict.auc
                row[f"{judge_name}, {kind}, accuracy"] = 100 * verdict.accuracy
        numbers[name] = row
        print(f"seed {seed}  {name:12s}", *(f"{key} {row[key]:.1f}" for key in SHOWN), flush=True)
    return numbers


SHOWN = ("landmark error", "crop error", "fisher, any, AUC", "random projection, easy, AUC")


def jitter(found: dict[str, Callable], seed: int, heads: int) -> Numbers:
    """How far eyes move in the crop while only the expression changes, percent of eye distance."""
    faces = faces_with_expressions(heads, generator=torch.Generator().manual_seed(seed))
    points = {"true points": to5(faces.patches.points)}
    points |= poses(faces.patches)
    points |= {name: system(faces.patches) for name, system in found.items()}
    calm = Pose(*_calm(exact_pose(faces.patches), len(faces.names)))
    points["pose of the calm face"] = calm.landmarks()
    return {name: {"jitter": float(eye_jitter(p, faces).mean())} for name, p in points.items()}


def _calm(pose: Pose, each: int) -> tuple[Tensor, Tensor, Tensor]:
    """Give every picture of a head the pose of its first one."""
    first = torch.arange(len(pose)) // each * each
    return pose.rotations[first], pose.translations[first], pose.squares


def growth(held: Held, normaliser: Normaliser) -> float:
    """By how much a normaliser lets the same error grow from frontal faces to turned ones.

    Every face gets points that are off by 3 % of its head's true size, whatever its pose: the
    distance of its PnP pose says how large it is in the picture.
    """
    pose = exact_pose(held.dense)
    size = 1 / pose.translations[:, 2]  # of the head in the picture, up to a factor
    shift = torch.stack((size, torch.zeros_like(size)), dim=1)[:, None]
    low, high = held.dense.points.amin(dim=1), held.dense.points.amax(dim=1)
    boxes = torch.cat((low, high), dim=1)
    errors = nme(held.dense.points + 0.03 * shift, held.dense.points, normaliser, boxes=boxes)
    yaw = held.dense.attributes["yaw"].abs()
    return float(errors[yaw > math.radians(45)].mean() / errors[yaw < math.radians(15)].mean())


def options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many draws")
    parser.add_argument("--people", type=int, help="held-out; four times as many to learn from")
    parser.add_argument("--repeats", type=int, default=2, help="pictures of a training sprite")
    parser.add_argument("--heads", type=int, default=HEADS, help="that change expression")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the result")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure all seeds and write the numbers."""
    args = options(argv)
    seeds = tuple(range(args.seeds))
    test, training = load_pack(split="test"), load_pack(split="train")
    if args.people:
        test, training = first(test, args.people), first(training, 4 * args.people)
    found, runs = systems(), []
    for seed in seeds:
        held = held_out(test, seed, folds=3 if args.people else 10)
        normalisers: tuple[Normaliser, ...] = ("interocular", "interpupil", "box_size")
        runs.append(
            {
                "growth": {name: {"ratio": growth(held, name)} for name in normalisers},
                "ways": measure(held, found, embedders(training, seed, args.repeats), seed),
                "jitter": jitter(found, seed, args.heads),
            }
        )
    count, people = len(test), len(np.unique(test.table["person"]))
    data = f"{count} pictures of {people} held-out synthetic people a seed (small data)"
    args.out.mkdir(parents=True, exist_ok=True)
    numbers = {"command": COMMAND, "data": data, "seeds": list(seeds), **collected(runs)}
    (args.out / RESULT).write_text(json.dumps(numbers, indent=1) + "\n")
    print(f"written: {RESULT}")


def first(source: Pack, count: int) -> Pack:
    """Give the pack of the first so many people."""
    names = np.unique(source.table["person"])[:count]
    return source.select(np.isin(source.table["person"], names))


def collected(runs: list[dict]) -> dict[str, dict]:
    """Put the seeds' numbers together: group -> way -> figure -> one value a seed."""
    return {
        group: {
            name: {key: [round(run[group][name][key], 3) for run in runs] for key in row}
            for name, row in runs[0][group].items()
        }
        for group in runs[0]
    }


if __name__ == "__main__":
    main()
