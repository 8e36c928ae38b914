"""Records are checked when they are made, and say which field is wrong."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from facelab.types import AgedFace, Faces, IdentityImage, Pair, Scene

PHOTO = np.zeros((20, 30, 3), np.uint8)
NAN = math.nan


def three_faces(landmarks: bool = True) -> Faces:
    boxes = torch.tensor([[0.0, 0, 10, 10], [5, 5, 20, 25], [1, 2, 3, 4]])
    points = torch.arange(30.0).reshape(3, 5, 2) if landmarks else None
    return Faces(boxes, torch.tensor([0.9, 0.8, 0.7]), points)


def test_no_faces_are_a_valid_answer():
    empty = Faces.empty()
    assert len(empty) == 0 and empty.landmarks is not None
    assert (empty.boxes.shape, empty.scores.shape) == ((0, 4), (0,))
    assert empty.landmarks.shape == (0, 5, 2)
    assert Faces.empty(landmarks=False).landmarks is None
    assert len(Faces.empty()[torch.zeros(0, dtype=torch.bool)]) == 0
    assert len(Faces.empty()[[]]) == 0


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (1, [0.8]),
        (-1, [0.7]),
        (slice(None, None, 2), [0.9, 0.7]),
        ([2, 0], [0.7, 0.9]),
        ([], []),
        (torch.tensor([1, 1]), [0.8, 0.8]),
        (torch.tensor([True, False, True]), [0.9, 0.7]),
        ([False, True, False], [0.8]),
        (np.array([False, False, True]), [0.7]),
    ],
)
def test_faces_are_selected_by_number_slice_indices_or_mask(index, expected):
    faces = three_faces()
    got = faces[index]
    assert isinstance(got, Faces) and len(got) == len(expected)
    assert got.scores.tolist() == pytest.approx(expected)
    rows = [faces.scores.tolist().index(score) for score in got.scores.tolist()]
    assert torch.equal(got.boxes, faces.boxes[rows])
    assert torch.equal(got.landmarks, faces.landmarks[rows])


def test_selecting_keeps_the_absence_of_landmarks():
    assert three_faces(landmarks=False)[1:].landmarks is None


@pytest.mark.parametrize("index", [3, -4, torch.tensor([3]), torch.tensor([True, False])])
def test_faces_that_do_not_exist_are_not_selected(index):
    with pytest.raises(IndexError):
        three_faces()[index]


def test_a_loop_over_faces_visits_each_once():
    assert [round(face.scores.item(), 1) for face in three_faces()] == [0.9, 0.8, 0.7]


def test_faces_become_json_with_null_for_missing_landmarks():
    faces = three_faces()
    faces.landmarks[1] = NAN
    found = json.loads(json.dumps(faces.to_dict(), allow_nan=False))
    assert found["boxes"][1] == [5, 5, 20, 25]
    assert found["scores"] == pytest.approx([0.9, 0.8, 0.7])
    assert found["landmarks"][0][4] == [8, 9]
    assert found["landmarks"][1] == [None] * 5
    assert three_faces(landmarks=False).to_dict()["landmarks"] is None
    assert Faces.empty().to_dict() == {"boxes": [], "scores": [], "landmarks": []}


def test_records_show_shapes_instead_of_numbers():
    assert repr(three_faces()) == "Faces(boxes=(3, 4), scores=(3,), landmarks=(3, 5, 2))"
    scene = Scene(PHOTO, torch.zeros(1, 4), attributes={"blur": torch.zeros(1, dtype=torch.int64)})
    assert repr(scene) == (
        "Scene(image=(20, 30, 3) uint8, boxes=(1, 4), landmarks=None, "
        "attributes={blur: (1,) int64}, ignore=(0, 4))"
    )


def test_records_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        three_faces().boxes = torch.zeros(0, 4)  # type: ignore[misc]


BOXES, SCORES = torch.zeros(2, 4), torch.zeros(2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(4), SCORES), r"Faces.boxes: expected shape \(N, 4\), got \(4,\)"),
        ((torch.zeros(2, 5), SCORES), r"Faces.boxes: expected shape \(N, 4\), got \(2, 5\)"),
        ((BOXES.double(), SCORES), r"Faces.boxes: .* got torch.float64 on cpu; use .float\(\).cpu"),
        ((BOXES.int(), SCORES), r"Faces.boxes: expected float32 on the CPU, got torch.int32"),
        ((BOXES.to("meta"), SCORES), r"Faces.boxes: expected float32 on the CPU, .* on meta"),
        ((BOXES.numpy(), SCORES), r"Faces.boxes: expected a float32 tensor .* \(2, 4\) float32"),
        ((BOXES + NAN, SCORES), "Faces.boxes: 2 of 2 boxes hold NaN or infinity"),
        ((BOXES.clone().requires_grad_(), SCORES), "Faces.boxes: carries a gradient"),
        ((BOXES, torch.zeros(3)), r"Faces.scores: expected shape \(2,\), got \(3,\)"),
        ((BOXES, torch.tensor([0.5, 1.5])), r"Faces.scores: 1 of 2 values .*softmax"),
        ((BOXES, torch.tensor([-2.0, NAN])), r"Faces.scores: 2 of 2 values are outside \[0, 1\]"),
        ((BOXES, SCORES, torch.zeros(2, 68, 2)), r"Faces.landmarks: expected shape \(2, 5, 2\)"),
        ((BOXES, SCORES, torch.zeros(2, 10)), r"Faces.landmarks: .* got \(2, 10\)"),
        ((BOXES, SCORES, torch.zeros(3, 5, 2)), r"Faces.landmarks: expected shape \(2, N, 2\)"),
        ((BOXES, SCORES, torch.zeros(2, 5, 2) + math.inf), "Faces.landmarks: holds infinity"),
        (
            (BOXES, SCORES, torch.tensor([0.0, NAN]).expand(2, 5, 2)),
            "Faces.landmarks: a point has only one of x and y",
        ),
    ],
)
def test_wrong_faces_are_refused_by_field(arguments, message):
    with pytest.raises(ValueError, match=message):
        Faces(*arguments)


@pytest.mark.parametrize("points", [5, 68, 98])
def test_scenes_hold_5_68_or_98_points_and_faces_without_them(points):
    landmarks = torch.zeros(2, points, 2)
    landmarks[1] = NAN
    scene = Scene(PHOTO, BOXES, landmarks, {"pose": torch.zeros(2, 3)}, torch.zeros(4, 4))
    assert len(scene) == 2 and scene.ignore.shape == (4, 4)
    assert Scene(PHOTO, torch.zeros(0, 4)).attributes == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": PHOTO[..., 0]}, r"Scene.image: expected a uint8 array .* got shape \(20, 30\)"),
        ({"image": PHOTO / 255}, "Scene.image: .* got dtype float64"),
        ({"boxes": torch.zeros(2, 3)}, r"Scene.boxes: expected shape \(N, 4\), got \(2, 3\)"),
        (
            {"landmarks": torch.zeros(2, 21, 2)},
            r"Scene.landmarks: expected shape .* or \(2, 98, 2\), got \(2, 21, 2\)",
        ),
        ({"attributes": {"blur": torch.zeros(3)}}, r"Scene.attributes\['blur'\]: .* 2 entries"),
        ({"attributes": {"blur": [0, 1]}}, r"Scene.attributes\['blur'\]: expected a tensor"),
        ({"ignore": torch.zeros(4)}, r"Scene.ignore: expected shape \(N, 4\), got \(4,\)"),
    ],
)
def test_wrong_scenes_are_refused_by_field(options, message):
    with pytest.raises(ValueError, match=message):
        Scene(**{"image": PHOTO, "boxes": BOXES} | options)


def test_good_records_of_single_faces_are_accepted():
    assert Pair(PHOTO, PHOTO[:10], same=True).same
    assert IdentityImage(PHOTO, np.int64(3), torch.zeros(5, 2)).identity == 3
    assert AgedFace(PHOTO, 31).identity is None
    assert AgedFace(PHOTO, 31.5, 7, torch.full((68, 2), NAN)).age == 31.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pair(PHOTO, None, True), "Pair.second: .* got NoneType"),
        (lambda: Pair(PHOTO, PHOTO, 1), "Pair.same: expected True or False, got 1"),
        (lambda: IdentityImage(PHOTO, "Ann"), "IdentityImage.identity: expected a whole number"),
        (lambda: IdentityImage(PHOTO, -1), "IdentityImage.identity: .* 0 or more, got -1"),
        (lambda: IdentityImage(PHOTO, True), "IdentityImage.identity: .* got True"),
        (
            lambda: IdentityImage(PHOTO, 1, torch.zeros(1, 5, 2)),
            r"IdentityImage.landmarks: expected shape \(5, 2\) or \(68, 2\), got \(1, 5, 2\)",
        ),
        (lambda: AgedFace(PHOTO, "31"), "AgedFace.age: expected years from 0 to 150, got '31'"),
        (lambda: AgedFace(PHOTO, -1), "AgedFace.age: .* got -1"),
        (lambda: AgedFace(PHOTO, NAN), "AgedFace.age: .* got nan"),
        (lambda: AgedFace(PHOTO, True), "AgedFace.age: .* got True"),
        (lambda: AgedFace(PHOTO, 30, 1.5), "AgedFace.identity: expected a whole number"),
        (lambda: AgedFace(PHOTO[:0], 30), "AgedFace.image: no pixels"),
    ],
)
def test_wrong_records_of_single_faces_are_refused_by_field(make, message):
    with pytest.raises(ValueError, match=message):
        make()
