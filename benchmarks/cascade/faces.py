"""The faces of the claims: cut out once, kept in files that the working processes read."""

from __future__ import annotations

import functools
import math
from pathlib import Path

from facelab.engine.budget import Budget
from facelab.engine.weights import read_tensors, save_tensors
from facelab.humans import load_pack
from facelab.landmarks import FacePatches
from facelab.landmarks.dcnn_cascade.train import training_patches
from facelab.landmarks.judging import FRONTAL, unseen_patches

from .plans import Plan
from .store import Store

SPLITS = ("train", "validation", "test")  # they share no person
KEPT = ("yaw", "person")


def prepare(store: Store, plan: Plan, pack: Path | None) -> dict[str, str]:
    """Cut out the faces of all splits, where that is not done yet; say in words what they are."""
    words = {}
    for split in SPLITS:
        path = faces_file(store.folder, split)
        if not path.exists():
            people = load_pack(pack, split=split)
            if split == "train":
                images = plan.images(len(people))
                budget = Budget("laptop", plan.steps, plan.batch, images, math.inf)
                faces = training_patches(people, budget=budget)
            else:
                faces = unseen_patches(people, limit=plan.judged)
            tensors = {"images": faces.images, "points": faces.points, "widths": faces.widths}
            tensors |= {name: faces.attributes[name] for name in KEPT}
            save_tensors(path, tensors, {"margin": faces.margin})
        faces = load_faces(path)
        words[split] = f"{len(faces):,} faces of {len(faces.attributes['person'].unique())} people"
    return words


def pack_in_words(pack: Path | None) -> str:
    """Say which pack it is, so that the same command can make it elsewhere."""
    manifest = load_pack(pack).manifest
    if pack is None:
        return "the shipped pack"
    return f"a pack of {manifest['counts']['people']:,} people, seed {manifest['recipe']['seed']}"


def faces_file(folder: Path, split: str) -> Path:
    """Say where the faces of a split lie."""
    return folder / f"faces-{split}.safetensors"


@functools.lru_cache(maxsize=len(SPLITS))
def load_faces(path: Path) -> FacePatches:
    """Read faces; the last files stay in memory."""
    tensors, card = read_tensors(path)
    attributes = {name: tensors.pop(name) for name in KEPT}
    return FacePatches(**tensors, margin=card["margin"], attributes=attributes)


def frontal(faces: FacePatches) -> FacePatches:
    """Choose the faces that look ahead: yaw of at most 20 degrees either way."""
    return faces.select(faces.attributes["yaw"].abs() <= FRONTAL)
