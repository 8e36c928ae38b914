"""Build the head model from the renderer's people:

    python -m facelab.humans.head_model.build --people 1500 --out head_model.safetensors

It needs the people's assets and takes a few minutes. The same people and seed give the same file on
the same machine. Printed, and kept in the file's card: how far people that took no part in the
building are from their best likeness, by the number of components. `--landmarks FILE` writes only
the landmarks of such a file again, when the people's have been mended.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facelab.engine.weights import read_tensors, save_tensors
from facelab.humans import assets
from facelab.humans.assets import AssetsError
from facelab.humans.head_model import paint, sources, topology
from facelab.humans.head_model.model import HeadModel
from facelab.humans.head_model.sources import HeadMesh
from facelab.humans.person.people import Human

AGES = (5, 8, 11, 14, 17, 20, 25, 32, 40, 50, 60, 70, 85)
SHAPES, SKINS = 60, 24  # components kept
COUNTS = (0, 5, 10, 20, 40, 60)
HELD_OUT = 0.1  # share of the people that only measure
COARSE = 330  # vertices of the mesh for drawing
HAIR_DEPTH = 0.11  # dm of hair at most
GAZE = {"left": 0.40, "up": 0.25}  # radians at strength 1
EXPRESSIONS: dict[str, dict[str, float]] = {
    "mouth open": {"mouth-open": 0.8},
    "smile": {"mouth-corner-puller": 0.85, "eye-*-slit": 0.2},
    "show teeth": {"mouth-parling": 0.8},
    "lips forward": {"mouth-pursing": 0.9},
    "mouth wide": {"mouth-retraction": 0.8},
    "mouth down": {"mouth-depression": 0.9},
    "lips pressed": {"mouth-compression": 0.9},
    "blink": {"eye-*-closure": 1.0},
    "squint": {"eye-*-slit": 1.0},
    "eyes wide": {"eye-*-opened-up": 0.9},
    "brows up": {"eyebrows-*-up": 1.0},
    "brows down": {"eyebrows-*-down": 1.0},
    "brows worried": {"eyebrows-*-inner-up": 0.8},
    "nose wrinkled": {"nose-*-elevation": 0.9},
}
MIRROR = (-1.0, 1.0, 1.0)  # sign of each axis in the mirror
Report = Callable[[str], None]


def build(
    num_people: int = 1500, *, seed: int = 0, report: Report = lambda line: None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Make the tensors and the card of a head model.

    num_people: at least 40; a tenth of them only measure. report: is told about the progress.
    Raises ValueError for too few people, AssetsError without the assets.
    """
    if num_people < 40:
        raise ValueError(f"people: at least 40 are needed, got {num_people}")
    mesh = sources.head_mesh()
    report(f"mesh: {mesh.num_vertices} vertices, {len(mesh.triangles)} triangles")
    people = [Human.sample(np.random.default_rng((seed, k))) for k in range(num_people)]
    num_train = num_people - round(HELD_OUT * num_people)
    # Ages evenly spread, in an order that has nothing to do with the people's.
    ages = AGES[0] + (AGES[-1] - AGES[0]) * (np.arange(num_people) * 0.618034 % 1)

    heads = np.stack(
        [sources.positions(mesh, h.shape(a)) for h, a in zip(people, ages, strict=True)]
    )
    curve = _curve(people[: min(num_train, 300)], lambda h, a: sources.positions(mesh, h.shape(a)))
    shape = _Basis(curve, heads[:num_train], ages[:num_train], mesh.partner, SHAPES, flip=MIRROR)
    report(f"shape: {num_train} people, {len(shape.basis)} components")

    count = min(num_people, 600)  # skins take longer
    rows = np.r_[: round(count * 0.9), num_people - (count - round(count * 0.9)) : num_people]
    skins = np.stack([sources.skin_colours(mesh, people[k], ages[k]) for k in rows])
    partner = mesh.partner[: len(mesh.skin)]
    few = people[: max(3, min(40, num_train // 12))]
    skin_curve = _curve(few, lambda h, a: sources.skin_colours(mesh, h, a))
    trained = rows < num_train
    skin = _Basis(skin_curve, skins[trained], ages[rows][trained], partner, SKINS)
    report(f"skin: {int(trained.sum())} people, {len(skin.basis)} components")

    tensors, steps = _tensors(mesh, shape, skin, people[:num_train])
    card: dict[str, Any] = {
        "name": "facelab head model",
        "recipe": f"python -m facelab.humans.head_model.build --people {num_people} --seed {seed}",
        "people": f"{num_train} synthetic people to build, {num_people - num_train} to measure",
        "source": "MakeHuman base mesh, targets and skins (CC0), through facelab.humans",
        "licence": "CC0 1.0",
        "units": "decimetres; linear reflectance",
        "expressions": [*EXPRESSIONS, *(f"gaze {way}" for way in GAZE)],
        "traits": ["masculine", "heavy"],
        "masks": ["fixed", *paint.MASKS],
        **steps,
    }
    model = HeadModel(tensors, card)
    card["accuracy"] = _accuracy(model, heads[num_train:], ages[num_train:])
    card["skin_accuracy"] = _skin_accuracy(model, skins[~trained], ages[rows][~trained], mesh)
    return tensors, card


def rewrite_landmarks(path: Path) -> bool:
    """Write the landmarks of a model's file again and nothing else; say whether they changed.

    Raises ValueError when the file has another mesh, AssetsError without the assets.
    """
    tensors, card = read_tensors(path)
    mesh = sources.head_mesh()
    if not torch.equal(tensors["triangles"], _whole(mesh.triangles)):
        raise ValueError(f"{path}: its mesh is not the one that is made today; build it anew")
    landmarks = _whole(mesh.landmarks)
    changed = not torch.equal(tensors["landmarks"], landmarks)
    if changed:
        save_tensors(path, tensors | {"landmarks": landmarks}, card)
    return changed


class _Basis:
    """Mean by age and principal components of values (N, V, 3); mirror images count as well, so
    that the mean is symmetric and every component symmetric or its opposite."""

    def __init__(
        self,
        curve: np.ndarray,
        values: np.ndarray,
        ages: np.ndarray,
        partner: np.ndarray,
        count: int,
        *,
        flip: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> None:
        def mirrored(x: np.ndarray) -> np.ndarray:
            return x[:, partner] * flip

        rest = values - _at_age(curve, ages)
        curve = curve + rest.mean(axis=0)
        self.mean = (curve + mirrored(curve)) / 2
        rest = values - _at_age(self.mean, ages)
        parts = []
        for sign in (1, -1):
            half = ((rest + sign * mirrored(rest)) / 2).reshape(len(rest), -1)
            variance, vectors = np.linalg.eigh(half @ half.T / len(half))
            for column in np.argsort(variance)[::-1][:count]:
                if variance[column] > 1e-12 * variance.max():
                    direction = vectors[:, column] @ half
                    direction *= np.sqrt(variance[column]) / np.linalg.norm(direction)
                    direction *= np.sign(direction[np.abs(direction).argmax()])
                    parts.append((variance[column], direction))
        parts.sort(key=lambda part: -part[0])
        self.basis = np.stack([direction for _, direction in parts[:count]])
        self.basis = self.basis.reshape(-1, *values.shape[1:])
        size = (self.basis**2).sum(axis=(1, 2))
        self.coefficients = np.einsum("nvc,kvc->nk", rest, self.basis) / size


def _at_age(curve: np.ndarray, ages: np.ndarray) -> np.ndarray:
    after = np.clip(np.searchsorted(AGES, ages), 1, len(AGES) - 1)
    low, high = np.array(AGES)[after - 1], np.array(AGES)[after]
    share = ((ages - low) / (high - low))[:, None, None]
    return curve[after - 1] * (1 - share) + curve[after] * share


def _curve(people: list[Human], value: Callable[[Human, float], np.ndarray]) -> np.ndarray:
    """Mean (A, V, 3) of the same people at every age, so that only age differs."""
    return np.stack([np.mean([value(h, float(a)) for h in people], axis=0) for a in AGES])


def _expressions(mesh: HeadMesh) -> np.ndarray:
    """Offsets (E, V, 3) of a mean face that makes each expression at strength 1."""
    someone = sources.mean_human()
    calm = sources.positions(mesh, someone.shape(25.0))
    out = []
    for units in EXPRESSIONS.values():
        offset = sources.positions(mesh, someone.shape(25.0, units)) - calm
        out.append((offset + offset[mesh.partner] * MIRROR) / 2)
    for way, angle in GAZE.items():
        offset = np.zeros_like(calm)
        for rows in mesh.eyes:
            middle = calm[rows][0] - [0, 0, np.ptp(calm[rows][:, 0]) / 2]
            ball = calm[rows] - middle
            turn = np.sin(angle) * (
                np.stack([ball[:, 2], 0 * ball[:, 0], -ball[:, 0]], axis=1)
                if way == "left"
                else np.stack([0 * ball[:, 0], ball[:, 2], -ball[:, 1]], axis=1)
            )
            offset[rows] = turn
        out.append(offset)
    return np.stack(out)


def _traits(people: list[Human], coefficients: np.ndarray) -> np.ndarray:
    """Shape coefficients (2, K) that go with being male instead of between, and heavy."""
    causes = np.array([[2 * h.male - 1, h.weight, 1.0] for h in people])
    return np.linalg.lstsq(causes, coefficients, rcond=None)[0][:2]


def _coarse(mesh: HeadMesh) -> np.ndarray:
    """Triangles (C, 3) of a mesh of few of the model's vertices: face, skull and ears."""
    where = sources.positions(mesh, sources.mean_points())
    num_skin = len(mesh.skin)
    faces = mesh.triangles[(mesh.triangles < num_skin).all(axis=1)]
    inside = sources.inside_head()[mesh.skin]
    faces = faces[~inside[faces].any(axis=1)]
    half = faces[(where[faces][:, :, 0] >= -topology.ON_AXIS).all(axis=1)]
    spacing = np.where(where[:, 2] > where[mesh.anchors[0], 2], 0.15, 0.35)
    thinned = topology.thin(
        where, half, spacing=spacing, kept=mesh.anchors, num_vertices=COARSE // 2
    )
    return topology.unfold(thinned, mesh.partner)


def _tensors(
    mesh: HeadMesh, shape: _Basis, skin: _Basis, people: list[Human]
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """Round everything to whole steps; returns tensors and the sizes of steps of the means."""
    num, num_skin = mesh.num_vertices, len(mesh.skin)
    masks = paint.masks(mesh)
    fixed, colours = paint.fixed_colours(mesh)
    mean = shape.mean[AGES.index(25)]
    outward = mean - [0.0, 0.35, 0.2]
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    lift = HAIR_DEPTH * (masks["scalp"] ** 2 * paint.tufts(mesh, mean))[:, None] * outward

    def on_all(values: np.ndarray) -> np.ndarray:  # (K, S, 3): the neck's end has its rim's skin
        out = np.zeros((len(values), num, 3))
        out[:, :num_skin] = values
        out[:, mesh.tooth_rows.stop : -1] = values[:, mesh.rim]
        out[:, -1] = values[:, mesh.rim].mean(axis=1)
        out[:, fixed] = 0
        return out

    uv = np.full((num, 2), np.nan)
    on_map = np.flatnonzero(mesh.corner >= 0)
    uv[on_map] = assets.body().uv[mesh.corner[on_map]]
    whole: dict[str, Tensor] = {}
    steps: dict[str, float] = {}
    for name, values in (("shape_mean", shape.mean), ("skin_mean", on_all(skin.mean))):
        steps[f"{name}_step"] = float(np.abs(values).max() / 32_000)
        whole[name] = _whole(values / steps[f"{name}_step"])
    bases = {"shape": shape.basis, "expression": _expressions(mesh), "skin": on_all(skin.basis)}
    for name, basis in bases.items():
        size = np.abs(basis).max(axis=(1, 2)) / 32_000
        whole[f"{name}_basis"] = _whole(basis / size[:, None, None])
        whole[f"{name}_step"] = torch.from_numpy(size.astype(np.float32))
    stack = np.stack([fixed.astype(float), *masks.values()])
    whole |= {
        "ages": torch.tensor(AGES, dtype=torch.int16),
        "fixed_colours": _bytes(colours),
        "masks": _bytes(stack),
        "occlusion": _bytes(paint.occlusion(mesh)),
        "hair_lift": torch.from_numpy(lift).half(),
        "traits": torch.from_numpy(_traits(people, shape.coefficients)).float(),
        "triangles": _whole(mesh.triangles),
        "coarse": _whole(_coarse(mesh)),
        "mirror": _whole(mesh.partner),
        "landmarks": _whole(mesh.landmarks),
        "uv": torch.from_numpy(uv).half(),
    }
    return whole, steps


def _whole(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.round(values).astype(np.int16))


def _bytes(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.round(values.clip(0, 1) * 255).astype(np.uint8))


def _accuracy(model: HeadModel, heads: np.ndarray, ages: np.ndarray) -> list[dict[str, float]]:
    """Distance in mm between unknown people and their likeness, by number of components."""
    truth, age = torch.from_numpy(heads).float(), torch.from_numpy(ages).float()
    best = model.coefficients(truth, age)
    rows = []
    for count in COUNTS:
        gap = 100 * torch.linalg.vector_norm(model(best[:, :count], None, age) - truth, dim=2)
        rows.append(
            {
                "components": count,
                "mean_mm": round(float(gap.mean()), 3),
                "worst_person_mm": round(float(gap.mean(dim=1).max()), 3),
            }
        )
    return rows


def _skin_accuracy(
    model: HeadModel, skins: np.ndarray, ages: np.ndarray, mesh: HeadMesh
) -> list[dict[str, float]]:
    """Mean error of reflectance relative to it, of unknown people, by number of components."""
    free = torch.from_numpy(~paint.fixed_colours(mesh)[0][: len(mesh.skin)])
    truth, age = torch.from_numpy(skins).float()[:, free], torch.from_numpy(ages).float()
    basis = model.skin_basis[:, : len(mesh.skin)][:, free]
    rest = truth - model._at_age(model.skin_mean, age, len(age))[:, : len(mesh.skin)][:, free]
    size = basis.square().sum(dim=(1, 2))
    best = torch.einsum("nvc,kvc->nk", rest, basis) / size
    rows = []
    for count in (0, 5, 10, SKINS):
        left = rest - torch.einsum("nk,kvc->nvc", best[:, :count], basis[:count])
        rows.append(
            {"components": count, "mean_relative": round(float(left.expm1().abs().mean()), 4)}
        )
    return rows


def table(card: Mapping[str, Any]) -> str:
    """Write the accuracy in the card as text."""
    lines = ["components  mean distance  worst person (unknown people)"]
    lines += [
        f"{row['components']:10d}  {row['mean_mm']:10.2f} mm  {row['worst_person_mm']:9.2f} mm"
        for row in card["accuracy"]
    ]
    lines += ["components  mean error of the skin's reflectance"]
    lines += [
        f"{row['components']:10d}  {100 * row['mean_relative']:10.1f} %"
        for row in card["skin_accuracy"]
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m facelab.humans.head_model.build")
    parser.add_argument("--people", type=int, default=1500, help="how many to sample")
    parser.add_argument("--seed", type=int, default=0)
    goal = parser.add_mutually_exclusive_group(required=True)
    goal.add_argument("--out", type=Path, help="a .safetensors file")
    goal.add_argument("--landmarks", type=Path, help="a file whose landmarks to write again")
    options = parser.parse_args(arguments)
    if options.out and not options.out.parent.is_dir():
        parser.error(f"--out: there is no folder {options.out.parent}")
    try:
        if options.landmarks:
            changed = rewrite_landmarks(options.landmarks)
            print(f"{options.landmarks}: landmarks {'mended' if changed else 'as they should be'}")
            return 0
        tensors, card = build(options.people, seed=options.seed, report=print)
        save_tensors(options.out, tensors, card)
    except (AssetsError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(card))
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.2f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
