"""WFLW: 98 points, six attributes, lists with and without boxes."""

import pytest
import torch
from torch.testing import assert_close

from facelab.datasets import LabelError, read_wflw
from facelab.datasets.wflw import ATTRIBUTES
from facelab.geometry.landmarks import to5
from facelab.metrics.groups import by_label
from facelab.metrics.landmarks import nme, summarise_groups
from tests.datasets.layouts import face_98, wflw_line, write_photo


@pytest.fixture
def root(tmp_path):
    write_photo(tmp_path / "37--Soccer" / "37_Soccer_a.png")
    return tmp_path


def write_list(root, *lines: str):
    path = root / "list_98pt_rect_attr_test.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_line_becomes_a_scene_with_98_points_and_six_attributes(root):
    scene = read_wflw(write_list(root, wflw_line()), root)[0]
    assert scene.landmarks.shape == (1, 98, 2)
    assert_close(scene.landmarks[0], face_98())
    assert scene.boxes.tolist() == [[18, 18, 82, 82]]
    assert tuple(scene.attributes) == ATTRIBUTES
    assert {name for name, value in scene.attributes.items() if value.item()} == {
        "large_pose",
        "occlusion",
    }


def test_five_points_can_be_asked_for(root):
    scene = read_wflw(write_list(root, wflw_line()), root, points=5)[0]
    assert_close(scene.landmarks[0], to5(face_98()))
    assert scene.boxes.tolist() == [[18, 18, 82, 82]]


def test_two_faces_of_one_photo_stay_two_lines_in_their_order(root):
    lines = (wflw_line(), wflw_line(points=face_98() + 2, box="20 20 90 90"))
    faces = read_wflw(write_list(root, *lines), root)
    assert len(faces) == 2 and faces.faces[0].photo == faces.faces[1].photo
    assert faces[1].boxes.tolist() == [[20, 20, 90, 90]]


def test_a_list_of_a_part_has_no_boxes_and_gets_those_round_the_points(root):
    points = " ".join(map(str, face_98().flatten().tolist()))
    scene = read_wflw(write_list(root, f"{points} 37--Soccer/37_Soccer_a.png"), root)[0]
    assert scene.attributes == {}
    box = torch.cat((face_98().amin(dim=0), face_98().amax(dim=0)))
    assert_close(scene.boxes[0], box)


def test_exchanged_corners_are_put_right_and_counted(root):
    faces = read_wflw(write_list(root, wflw_line(box="82 82 18 18")), root)
    assert faces[0].boxes.tolist() == [[18, 18, 82, 82]]
    assert faces.counts["repaired"] == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (" ".join(wflw_line().split()[2:]), "expected 207 fields, 196 of them .*, got 205"),
        (wflw_line(attributes="1 0 0 0 2 0"), "attribute occlusion is '2', expected 0 or 1"),
        (wflw_line(attributes="1 0 0 0 0 0.5"), "attribute blur is '0.5'"),
        (wflw_line(box="18 18 82 x"), "field 200 is 'x', no number"),
        (wflw_line(box="18 18 18 82"), "the box .* has no area"),
        (wflw_line(box="1 1 9 9"), "is not in the box"),
        (wflw_line().replace(wflw_line().split()[2], "-", 1), "field 3 is '-', no number"),
        ("1 2 3 a.png", "expected 207 fields, 196 of them coordinates, got 4"),
    ],
)
def test_a_damaged_line_is_named_with_file_and_line(root, line, message):
    path = write_list(root, wflw_line(), line)
    with pytest.raises(LabelError, match=f"list_98pt_rect_attr_test.txt, line 2: .*{message}"):
        read_wflw(path, root)
    assert read_wflw(path, root, damaged="drop").counts["dropped"] == 1


def test_lines_of_both_kinds_in_one_list_are_refused(root):
    points = " ".join(map(str, face_98().flatten().tolist()))
    path = write_list(root, wflw_line(), f"{points} a.png")
    with pytest.raises(LabelError, match="line 2: expected 207 fields, .*, got 197"):
        read_wflw(path, root)


def test_only_5_and_98_points_are_offered(root):
    with pytest.raises(ValueError, match="^points: expected 5 or 98, got 68"):
        read_wflw(write_list(root, wflw_line()), root, points=68)


def test_the_official_protocol_is_eye_corners_and_parts_by_attribute(root):
    lines = [wflw_line(attributes=a) for a in ("0 0 0 0 0 0", "1 0 0 0 0 1", "0 0 0 0 0 1")]
    scenes = list(read_wflw(write_list(root, *lines), root))
    truth = torch.cat([scene.landmarks for scene in scenes])
    predicted = truth + torch.tensor([1.0, 2, 3])[:, None, None]
    errors = nme(predicted, truth)
    size = (truth[:, 60] - truth[:, 72]).norm(dim=-1)
    assert_close(errors, torch.tensor([1.0, 2, 3]) * 2**0.5 / size)
    groups = {}
    for name in ATTRIBUTES:
        found = torch.cat([scene.attributes[name] for scene in scenes])
        groups[name] = by_label(found, ("other", name))[name]
    rows = summarise_groups(errors, groups, threshold=0.1)
    assert [rows[name].count for name in ATTRIBUTES] == [1, 0, 0, 0, 0, 2]
    assert rows["blur"].mean == pytest.approx(float(errors[1:].mean()))
