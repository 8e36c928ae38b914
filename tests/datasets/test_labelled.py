"""What all readers share: photos read late, points outside them, options."""

import pickle

import numpy as np
import pytest
import torch

from facelab.datasets import LabelError, read_cascade_list
from facelab.types import Scene
from tests.datasets.layouts import write_photo

LINE = "a.png 10 90 20 95 30 40 70 40 50 60 35 80 65 80"


@pytest.fixture
def root(tmp_path):
    write_photo(tmp_path / "a.png")
    return tmp_path


def faces_of(root, *lines, **options):
    path = root / "list.txt"
    path.write_text("\n".join(lines))
    return read_cascade_list(path, root, **options)


def test_photos_are_read_when_they_are_asked_for_and_not_before(root):
    asked = []

    def load(path):
        asked.append(path.name)
        return np.zeros((100, 100, 3), np.uint8)

    faces = faces_of(root, LINE, LINE.replace("a.png", "b.png"), load=load)
    assert len(faces) == 2 and asked == []
    assert isinstance(faces[1], Scene) and asked == ["b.png"]
    assert len(faces[1:]) == 1 and faces[1:].faces[0].photo.name == "b.png"
    assert [scene.boxes.tolist() for scene in faces] == [[[10, 20, 90, 95]]] * 2
    assert asked == ["b.png", "a.png", "b.png"]


def test_a_scene_can_be_changed_without_changing_the_labels(root):
    faces = faces_of(root, LINE)
    faces[0].landmarks.zero_()
    faces[0].boxes.zero_()
    assert faces[0].landmarks[0, 0].tolist() == [30, 40] and faces[0].boxes[0, 2] == 90


def test_a_missing_photo_is_named_with_the_line_that_wants_it(root):
    faces = faces_of(root, LINE, LINE.replace("a.png", "gone.png"))
    assert faces[0].image.shape == (100, 100, 3)
    with pytest.raises(LabelError, match="line 2: there is no such file; look for .*gone.png"):
        faces[1]


def test_a_damaged_photo_is_named_with_the_line_that_wants_it(root):
    (root / "a.png").write_bytes((root / "a.png").read_bytes()[:60])
    with pytest.raises(LabelError, match="list.txt, line 1: .*damaged.*; look for .*a.png"):
        faces_of(root, LINE)[0]


def test_errors_of_a_loader_of_ones_own_come_through(root):
    def load(path):
        raise RuntimeError("archive is closed")

    with pytest.raises(RuntimeError, match="archive is closed"):
        faces_of(root, LINE, load=load)[0]


def test_a_point_far_outside_its_photo_is_refused_or_kept(root):
    line = LINE.replace("65 80", "165 80")
    with pytest.raises(
        LabelError,
        match=r"list.txt, line 1: 1 of 5 points lie outside the photo of 100x100 pixels, "
        r"first point 4 at \(165, 80\); check that a.png is the original size",
    ):
        faces_of(root, line)[0]
    assert faces_of(root, line, outside="keep")[0].landmarks[0, 4].tolist() == [165, 80]


def test_a_little_outside_is_within_the_tolerance_in_shares_of_the_box(root):
    line = LINE.replace("65 80", "-7.9 80")  # the box is 80 wide and 75 high
    assert faces_of(root, line)[0].landmarks[0, 4, 0] == pytest.approx(-7.9)
    with pytest.raises(LabelError, match="outside the photo"):
        faces_of(root, LINE.replace("65 80", "-8.1 80"))[0]
    with pytest.raises(LabelError, match="outside the photo"):
        faces_of(root, line, tolerance=0)[0]
    assert faces_of(root, LINE.replace("65 80", "100 100"), tolerance=0)[0]  # the far edge


@pytest.mark.parametrize(
    ("point", "inside"), [("110 70", True), ("121 70", False), ("70 110", False), ("70 80", True)]
)
def test_width_and_height_of_the_photo_limit_x_and_y(root, point, inside):
    write_photo(root / "a.png", width=120, height=80)
    faces = faces_of(root, LINE.replace("65 80", point), tolerance=0)
    assert (list(faces.problems()) == []) == inside


@pytest.mark.parametrize(("point", "inside"), [("107.9 70", True), ("108.1 70", False)])
def test_the_tolerance_holds_at_the_far_edges_too(root, point, inside):
    faces = faces_of(root, LINE.replace("65 80", point))
    assert (list(faces.problems()) == []) == inside


def test_all_problems_are_found_before_training(root):
    lines = (LINE, "b.png 1 2", LINE.replace("a.png", "c.png"), LINE.replace("65 80", "165 80"))
    faces = faces_of(root, *lines, damaged="drop")
    found = [str(problem) for problem in faces.problems()]
    assert ["line 2" in found[0], "line 3" in found[1], "line 4" in found[2]] == [True] * 3
    assert len(found) == 3 and list(faces_of(root, LINE).problems()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damaged": "skip"}, "^damaged: expected one of refuse, drop, got 'skip'"),
        ({"outside": "drop"}, "^outside: expected one of refuse, keep, got 'drop'"),
        ({"tolerance": -1}, "^tolerance: expected 0 or more, got -1"),
    ],
)
def test_unknown_options_are_refused_by_name(root, options, message):
    with pytest.raises(ValueError, match=message):
        faces_of(root, LINE, **options)


def test_what_was_read_repaired_and_dropped_is_shown(root):
    faces = faces_of(root, LINE, "a.png", LINE.replace("10 90", "90 10"), damaged="drop")
    assert repr(faces) == "LabelledPhotos(2 read, 1 repaired, 1 dropped)"


def test_the_labels_can_be_sent_to_the_workers_of_a_data_loader(root):
    faces = faces_of(root, LINE, "a.png", damaged="drop")
    sent = pickle.loads(pickle.dumps(faces))
    assert sent.counts == faces.counts and str(sent.dropped[0]) == str(faces.dropped[0])
    assert torch.equal(sent[0].landmarks, faces[0].landmarks)


def test_the_errors_of_labels_are_value_errors_with_parts():
    error = LabelError("list.txt, line 3", "the box has no area", "correct it")
    assert str(error) == "list.txt, line 3: the box has no area; correct it"
    assert isinstance(error, ValueError)
