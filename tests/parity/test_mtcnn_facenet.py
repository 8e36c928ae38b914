"""compat="facenet" finds what facenet-pytorch 2.6.0 finds: stored output for everybody, the peer
itself where installed."""

import importlib.util
import json

import pytest
import torch

from facelab.detection.mtcnn.weights import load
from facelab.geometry.boxes import box_iou
from tests.parity.facenet_reference import FILE, MIN_FACES, peer, photos

PHOTOS = photos()
STORED = json.loads(FILE.read_text())
PEER = importlib.util.find_spec("facenet_pytorch") is not None


def assert_same_faces(faces, expected):
    boxes = torch.tensor(expected["boxes"], dtype=torch.float32).reshape(-1, 4)
    assert len(faces) == len(boxes)
    iou, match = box_iou(boxes, faces.boxes).max(dim=1)
    assert sorted(match.tolist()) == list(
        range(len(boxes))
    )  # one to one: equal scores may swap places
    assert (iou > 0.99).all(), f"least IoU {iou.min():.4f}"
    landmarks = torch.tensor(expected["landmarks"], dtype=torch.float32)
    assert (landmarks - faces.landmarks[match]).abs().max() < 0.5
    torch.testing.assert_close(
        faces.scores[match], torch.tensor(expected["scores"]), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("min_face", MIN_FACES)
@pytest.mark.parametrize("name", PHOTOS)
def test_faces_equal_the_stored_output_of_facenet_pytorch(name, min_face):
    expected = STORED[name][str(min_face)]
    assert expected["boxes"], "a reference without faces proves nothing"
    detector = load("public", compat="facenet", min_face=min_face)
    assert_same_faces(detector(PHOTOS[name]), expected)


@pytest.mark.skipif(
    not PEER,
    reason="facenet-pytorch is not installed: pip install --no-deps facenet-pytorch==2.6.0",
)
@pytest.mark.parametrize("name", PHOTOS)
def test_faces_equal_those_of_the_installed_facenet_pytorch(name):
    assert_same_faces(load("public", compat="facenet")(PHOTOS[name]), peer(PHOTOS[name], 20))


@pytest.mark.skipif(
    not PEER,
    reason="facenet-pytorch is not installed: pip install --no-deps facenet-pytorch==2.6.0",
)
def test_both_packages_carry_the_same_weights():
    ours, theirs = load("public"), load("facenet-pytorch")
    for name in ("pnet", "rnet", "onet"):
        expected = getattr(theirs, name).state_dict()
        for key, value in getattr(ours, name).state_dict().items():
            torch.testing.assert_close(value, expected[key], rtol=0, atol=0)
