"""300-W: counting from 1, parts of the set, and files that are cut off."""

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torch.testing import assert_close

from facelab.datasets import LabelError, read_w300, read_w300_boxes
from facelab.datasets.w300 import SUBSETS, read_pts
from facelab.geometry.landmarks import to5
from facelab.metrics.landmarks import nme
from tests.datasets.layouts import face_68, pts_text, write_photo, write_pts


@pytest.fixture
def root(tmp_path):
    for folder in ("afw", "helen/trainset", "helen/testset", "lfpw/trainset", "lfpw/testset"):
        write_pts(tmp_path / folder, "100_1")
    write_pts(tmp_path / "ibug", "image_003_1")
    write_pts(tmp_path / "ibug", "image_004")
    return tmp_path


def test_the_centre_of_the_first_pixel_moves_from_1_1_to_a_half(root):
    points = face_68()
    points[30] = torch.tensor([31.0, 21.0])  # Matlab's name of the white pixel
    write_pts(root / "afw", "100_1", points)
    scene = read_w300(root / "afw")[0]
    x, y = scene.landmarks[0, 30].tolist()
    assert (x, y) == (30.5, 20.5)
    assert scene.image[int(y), int(x)].tolist() == [255, 255, 255]
    assert_close(scene.landmarks[0], points - 0.5)


def test_points_as_stored_and_for_arrays_of_pixel_centres_are_a_shift_away(root):
    stored = read_w300(root, "challenging", shift=0)[0].landmarks
    assert_close(read_w300(root, "challenging", shift=-1)[0].landmarks, stored - 1)
    error = nme(stored, read_w300(root, "challenging")[0].landmarks)
    assert 0.005 < error.item() < 0.02  # what forgetting it costs on eyes 60 pixels apart


def test_without_boxes_the_box_is_the_one_round_the_points(root):
    scene = read_w300(root, "challenging", points=5)[0]
    points = face_68() - 0.5
    expected = torch.cat((points.amin(dim=0), points.amax(dim=0)))
    assert_close(scene.boxes[0], expected)  # of all 68
    assert_close(scene.landmarks[0], to5(points))


@pytest.mark.parametrize(
    ("subset", "count"),
    [("train", 3), ("common", 2), ("challenging", 2), ("full", 4), (None, 7)],
)
def test_each_part_of_the_set_has_its_folders(root, subset, count):
    assert len(read_w300(root, subset)) == count


def test_the_parts_have_the_sizes_that_papers_count():
    sizes = {name: count for name, (_, count) in SUBSETS.items()}
    assert sizes["full"] == sizes["common"] + sizes["challenging"] == 689
    assert set(SUBSETS["full"][0]) == {*SUBSETS["common"][0], *SUBSETS["challenging"][0]}
    assert not set(SUBSETS["train"][0]) & set(SUBSETS["full"][0])


def test_files_come_in_the_order_of_their_names(tmp_path):
    names = [f"image_{number:03d}" for number in (5, 1, 8, 2, 9, 0, 7, 3, 6, 4)]
    for name in names:
        write_pts(tmp_path, name)
    assert [face.photo.stem for face in read_w300(tmp_path).faces] == sorted(names)


def test_a_missing_part_or_folder_is_named(root):
    with pytest.raises(LabelError, match="300W/01_Indoor: there is no such folder; unpack afw"):
        read_w300(root, "competition")
    (root / "empty").mkdir()
    with pytest.raises(LabelError, match="empty: holds no .pts files"):
        read_w300(root / "empty")
    with pytest.raises(ValueError, match="^subset: expected one of train, common, .*, got 'test'"):
        read_w300(root, "test")
    with pytest.raises(ValueError, match="^points: expected 5 or 68, got 98"):
        read_w300(root, points=98)


TEXT = pts_text(face_68().tolist())
LAST = TEXT.splitlines()[70]  # the 68th point, on line 71


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "bad.pts: the file is empty"),
        (TEXT.replace("{", "", 1), "bad.pts: has no line with {"),
        (TEXT.replace("\n}", ""), "bad.pts, line 71: cut off: the last line is not }"),
        (TEXT.replace(LAST + "\n", ""), "bad.pts, line 70: the points end after 67 of 68"),
        (TEXT.replace(LAST, LAST + "\n1 2"), "bad.pts, line 72: the points end after 69 of 68"),
        (TEXT.replace(LAST, "5"), "bad.pts, line 71: expected x and y of a point, got 1 fields"),
        (TEXT.replace(LAST, "5 x"), "bad.pts, line 71: field 2 is 'x', no number"),
        (TEXT.replace(LAST, "NaN 1"), "bad.pts, line 71: field 1 is 'NaN', no number"),
        (TEXT.replace(": 68", ": 49"), "bad.pts, line 2: n_points is 49, expected 68"),
        (TEXT.replace("n_points", "points"), "bad.pts: n_points is no number, expected 68"),
        (TEXT.replace("version: 1", "hello"), "bad.pts, line 1: expected a header line"),
        (pts_text([[1, 1]] * 68), "bad.pts: the points lie on one line or spot"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path, text, message):
    write_photo(tmp_path / "bad.png")
    (tmp_path / "bad.pts").write_text(text)
    with pytest.raises(LabelError, match=message):
        read_w300(tmp_path)
    write_pts(tmp_path, "good")
    faces = read_w300(tmp_path, damaged="drop")
    assert faces.counts == {"read": 1, "repaired": 0, "dropped": 1}


def test_windows_line_ends_and_tabs_are_read(tmp_path):
    path = write_pts(tmp_path, "a")
    path.write_bytes(path.read_text().replace(" ", "\t").replace("\n", "\r\n").encode())
    assert_close(read_pts(path), face_68())


def test_a_file_that_is_no_text_is_refused(tmp_path):
    write_pts(tmp_path, "a").write_bytes(b"\x89PNG\r\n\xff\xd8")
    with pytest.raises(LabelError, match="a.pts, line 1: not UTF-8 text"):
        read_w300(tmp_path)


def test_a_label_without_a_photo_is_named(tmp_path):
    write_pts(tmp_path, "a")
    (tmp_path / "a.png").unlink()
    with pytest.raises(LabelError, match="a.pts: has no photo beside it; put a.jpg or .png"):
        read_w300(tmp_path)
    write_photo(tmp_path / "a.JPG")
    assert len(read_w300(tmp_path)) == 1


def write_boxes(path, rows):
    cells = np.empty((1, len(rows)), object)
    for index, (name, detector, truth) in enumerate(rows):
        cells[0, index] = {
            "imgName": name,
            "bb_detector": np.array([detector], float),
            "bb_ground_truth": np.array([truth], float),
        }
    savemat(path, {"bounding_boxes": cells})
    return path


def test_boxes_of_the_organisers_are_found_by_the_name_of_the_photo(root):
    rows = [("image_003_1.png", (11, 21, 91, 95), (12, 22, 90, 94))]
    path = write_boxes(root / "bounding_boxes_ibug.mat", rows)
    boxes = read_w300_boxes(path)
    assert {name: box.tolist() for name, box in boxes.items()} == {
        "image_003_1.png": [10.5, 20.5, 90.5, 94.5]
    }
    assert read_w300_boxes(path, kind="truth")["image_003_1.png"][0] == 11.5
    with pytest.raises(LabelError, match="image_004.pts: no box is given for image_004.png"):
        read_w300(root, "challenging", boxes=boxes)
    faces = read_w300(root, "challenging", boxes=boxes, damaged="drop")
    assert faces[0].boxes.tolist() == [[10.5, 20.5, 90.5, 94.5]] and len(faces) == 1


def test_files_of_boxes_in_another_layout_are_refused(tmp_path):
    path = tmp_path / "boxes.mat"
    savemat(path, {"boxes": np.zeros(3)})
    with pytest.raises(LabelError, match="boxes.mat: has no variable bounding_boxes"):
        read_w300_boxes(path)
    savemat(path, {"bounding_boxes": np.zeros((1, 3))})
    with pytest.raises(LabelError, match="does not hold imgName and bb_detector"):
        read_w300_boxes(path)
    write_boxes(path, [("a.png", (1, 2, 3), (1, 2, 3, 4))])
    with pytest.raises(LabelError, match=r"the box of a.png is \[1.0, 2.0, 3.0\]"):
        read_w300_boxes(path)
    assert read_w300_boxes(path, kind="truth")["a.png"].tolist() == [0.5, 1.5, 2.5, 3.5]
    with pytest.raises(ValueError, match="^kind: expected one of detector, truth, got 'both'"):
        read_w300_boxes(path, kind="both")
