"""The cascade paper's list: its order of box edges, its backslashes, and its damage."""

import pytest
import torch

from facelab.datasets import LabelError, read_cascade_list
from tests.datasets.layouts import write_photo

POINTS = "30.5 40.25 70 40 50 60 35 80 65 80"
LINE = f"lfw_5590\\Ann_Example_0001.png 10 90 20 95 {POINTS}"


@pytest.fixture
def root(tmp_path):
    write_photo(tmp_path / "lfw_5590" / "Ann_Example_0001.png")
    write_photo(tmp_path / "net_7876" / "0001 a.png")
    return tmp_path


def write_list(root, *lines: str, end: str = "\n"):
    path = root / "trainImageList.txt"
    path.write_bytes(end.join(lines).encode())
    return path


def test_left_right_top_bottom_become_corners_and_backslashes_folders(root):
    faces = read_cascade_list(write_list(root, LINE), root)
    scene = faces[0]
    assert scene.image.shape == (100, 100, 3)
    assert scene.boxes.tolist() == [[10, 20, 90, 95]]
    assert scene.landmarks.shape == (1, 5, 2)
    assert scene.landmarks[0, 0].tolist() == [30.5, 40.25]
    assert scene.landmarks[0, 4].tolist() == [65, 80]
    assert faces.counts == {"read": 1, "repaired": 0, "dropped": 0}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\n  \n"])
def test_line_ends_and_blank_lines_do_not_matter(root, end):
    second = LINE.replace("lfw_5590\\Ann_Example_0001", "net_7876/0001 a")
    faces = read_cascade_list(write_list(root, LINE, second, "", end=end), root)
    assert [face.photo.name for face in faces.faces] == ["Ann_Example_0001.png", "0001 a.png"]
    assert len(list(faces)) == 2  # a name may hold a blank


def test_a_byte_order_mark_is_no_part_of_the_first_name(root):
    path = write_list(root, LINE)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_cascade_list(path, root)[0].boxes.shape == (1, 4)


def test_exchanged_edges_are_put_right_and_counted(root):
    swapped = LINE.replace("10 90 20 95", "90 10 20 95")
    faces = read_cascade_list(write_list(root, LINE, swapped), root)
    assert faces[1].boxes.tolist() == [[10, 20, 90, 95]]
    assert faces.counts == {"read": 2, "repaired": 1, "dropped": 0}
    assert faces.faces[1].repairs == ("edges of the box were exchanged",)


DAMAGE = [
    (LINE.removesuffix(" 65 80"), "expected a box of 4 numbers and 10 coordinates, got 12 numbers"),
    (LINE + " 1 2", "got 16 numbers"),
    (LINE.split(" ")[0], "got 0 numbers"),
    (LINE.replace("60", "6O"), "field 11 is '6O', no number"),
    (LINE.replace("60", "nan"), "field 11 is 'nan', no number"),
    (LINE.replace("60", "1e999"), "field 11 is '1e999', no number or no place"),
    (LINE.replace("60", "6_0"), "field 11 is '6_0', no number"),
    (LINE.replace("10 90", "10 10"), r"the box \(10, 20, 10, 95\) has no area"),
    (LINE.replace("10 90 20 95", "110 190 120 195"), r"middle of the points .* is not in the box"),
    (LINE.replace("10 90 20 95", "10 20 80 75"), "check the order of the numbers"),  # x y w h
    (LINE.replace(".png", ""), "names no photo"),
    (f"..\\..\\secret.png 10 90 20 95 {POINTS}", "is not below the folder"),
    (f"C:\\secret.png 10 90 20 95 {POINTS}", "is not below the folder"),
    (f"/secret.png 10 90 20 95 {POINTS}", "is not below the folder"),
]


@pytest.mark.parametrize(("line", "message"), DAMAGE)
def test_a_damaged_line_is_named_with_file_and_line(root, line, message):
    path = write_list(root, LINE, "", line)
    with pytest.raises(LabelError, match=f"trainImageList.txt, line 3: .*{message}"):
        read_cascade_list(path, root)


def test_damaged_lines_are_dropped_and_counted_when_asked(root):
    path = write_list(root, LINE, *(line for line, _ in DAMAGE), LINE)
    faces = read_cascade_list(path, root, damaged="drop")
    assert faces.counts == {"read": 2, "repaired": 0, "dropped": len(DAMAGE)}
    assert [error.where for error in faces.dropped][:2] == [f"{path}, line 2", f"{path}, line 3"]


def test_an_empty_a_missing_and_a_binary_list_are_told_apart(root):
    with pytest.raises(LabelError, match="trainImageList.txt: the file is empty"):
        read_cascade_list(write_list(root, ""), root)
    with pytest.raises(LabelError, match="other.txt: there is no such file"):
        read_cascade_list(root / "other.txt", root)
    with pytest.raises(LabelError, match="cannot be read"):
        read_cascade_list(root, root)
    (root / "latin.txt").write_bytes(LINE.encode() + b"\nlfw_5590\\Ren\xe9.png 1 2 3 4\n")
    with pytest.raises(LabelError, match=r"latin.txt, line 2: not UTF-8 text \(byte 0xe9\)"):
        read_cascade_list(root / "latin.txt", root)
    (root / "utf16.txt").write_bytes(LINE.encode("utf-16"))
    with pytest.raises(LabelError, match="utf16.txt, line 1: not UTF-8 text"):
        read_cascade_list(root / "utf16.txt", root, damaged="drop")


def test_normalised_points_are_shares_of_the_box(root):
    scene = read_cascade_list(write_list(root, LINE), root)[0]
    box, points = scene.boxes[0], scene.landmarks[0]
    shares = (points - box[:2]) / (box[2:] - box[:2])
    expected = torch.tensor([(30.5 - 10) / 80, (40.25 - 20) / 75])  # (x - L) / (R - L), ...
    torch.testing.assert_close(shares[0], expected)
