"""The weights that facelab ships for the four landmark systems, on people none of them has seen."""

from __future__ import annotations

from pathlib import Path

import pytest

import facelab
from facelab.engine.weights import read_card
from facelab.humans import load_pack
from facelab.landmarks import FacePatches, patches_of_people
from facelab.landmarks.faceposenet.train import figures
from facelab.landmarks.judging import face_errors

FOLDER = Path(facelab.__file__).parent / "weights"
SYSTEMS = ("dcnn_cascade", "coarse_to_fine", "cfan", "faceposenet")
FACES = 120


def unseen(points: int, **options) -> FacePatches:
    source = load_pack(split="test")
    return patches_of_people(source, points=points, seed=5, limit=FACES, **options)


def test_all_four_are_there_with_their_cards_and_below_four_megabytes_together():
    files = [FOLDER / f"{name}_humans.safetensors" for name in SYSTEMS]
    assert sum(file.stat().st_size for file in files) < 4_000_000
    for name, file in zip(SYSTEMS, files, strict=True):
        card = read_card(file)
        assert card["recipe"] == name
        assert card["command"].startswith(f"facelab train {name} --budget gpu --seed 0")


@pytest.mark.parametrize(
    ("name", "points", "last"),
    [("dcnn_cascade", 5, "level 3"), ("coarse_to_fine", 68, "level 2"), ("cfan", 5, "local 2")],
)
def test_points_are_as_good_as_the_card_says_and_better_at_every_step(name, points, last):
    patches = unseen(points)
    trace = facelab.load(name).trace(patches)
    stages = trace.points if name == "dcnn_cascade" else trace.stages().values()
    errors = [float(face_errors(shapes, patches).nanmean()) for shapes in stages]
    promised = read_card(FOLDER / f"{name}_humans.safetensors")["figures"][f"{last}: mean error"]
    assert 0.6 * promised < errors[-1] < 1.4 * promised
    assert errors == sorted(errors, reverse=True)  # each step improves on the one before


def test_poses_are_as_good_as_the_card_says():
    found = figures(facelab.load("faceposenet"), unseen(68, colour=True))
    promised = read_card(FOLDER / "faceposenet_humans.safetensors")["figures"]
    for name in ("yaw_degrees", "pitch_degrees", "roll_degrees", "nme_five_percent"):
        assert 0.6 * promised[name] < found[name] < 1.4 * promised[name], name
