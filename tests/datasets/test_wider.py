"""WIDER FACE: the authors' list and RetinaFace's, with every trap of the layouts."""

import pickle

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from facelab.datasets.labelled import LabelError
from facelab.datasets.wider import ATTRIBUTES, read_wider, read_wider_landmarks
from facelab.humans.scenery.attributes import NAMES
from facelab.metrics.wider import Counted, Detections, score_wider
from facelab.types import Scene
from tests.datasets.layouts import write_photo

A, B, C = "0--Parade/0_Parade_a_1.png", "0--Parade/0_Parade_b_2.png", "1--Run/1_Run_c_3.png"
PLAIN = "10 20 30 40 0 0 0 0 0 0 "  # the authors' rows end with a blank
ZEROS = "0 0 0 0 0 0 0 0 0 0 "
POINTS = "18.5 30 0.0 32.25 31 1.0 25 38 0.0 19 50 2.0 31 51 0.0"
MISSING = " ".join(["-1.0"] * 15)
FACE = f"10 20 30 40 {POINTS} 0.82"


@pytest.fixture
def root(tmp_path):
    for name in (A, B, C):
        write_photo(tmp_path / name)
    return tmp_path


def read(root, *lines, **options):
    path = root / "wider_face_train_bbx_gt.txt"
    path.write_text("\n".join(lines) + "\n")
    return read_wider(path, root, **options)


def read_points(root, *lines, **options):
    path = root / "label.txt"
    path.write_text("\n".join(lines) + "\n")
    return read_wider_landmarks(path, root, **options)


def no_photo(path):
    raise AssertionError(f"{path} was read")


# ---- the authors' list


def test_a_photo_becomes_one_scene_with_all_its_faces(root):
    scenes = read(root, A, "2", PLAIN, "50 60 7 8 2 0 0 0 0 0 ", B, "1", "1 2 3 4 0 0 0 0 0 0 ")
    assert len(scenes) == 2 and isinstance(scenes[0], Scene)
    assert scenes[0].boxes.tolist() == [[10, 20, 40, 60], [50, 60, 57, 68]]
    assert scenes[0].image[20, 30].tolist() == [255, 255, 255]
    assert scenes[0].attributes["blur"].tolist() == [0, 2]
    assert scenes[0].landmarks is None and scenes[0].ignore.shape == (0, 4)
    assert scenes[1].boxes.tolist() == [[1, 2, 4, 6]]


def test_attributes_are_named_typed_and_coded_as_those_of_synthetic_scenes(root):
    scene = read(root, A, "1", PLAIN)[0]
    assert set(scene.attributes) == set(ATTRIBUTES) == set(NAMES)
    assert {value.dtype for value in scene.attributes.values()} == {torch.int64}
    assert {value.shape for value in scene.attributes.values()} == {(1,)}


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ("2 0 0 0 0 0", {"blur": 2}),
        ("0 1 0 0 0 0", {"expression": 1}),
        ("0 0 1 0 0 0", {"illumination": 1}),
        ("0 0 0 1 0 0", {"invalid": 1}),
        ("0 0 0 0 2 0", {"occlusion": 2}),
        ("0 0 0 0 0 1", {"pose": 1}),
        ("1 0 0 0 1 1", {"blur": 1, "occlusion": 1, "pose": 1}),
    ],
)
def test_each_column_has_its_name(root, codes, expected):
    scene = read(root, A, "1", f"10 20 30 40 {codes}", invalid="keep")[0]
    found = {name: value.item() for name, value in scene.attributes.items() if value.item()}
    assert found == expected


@pytest.mark.parametrize("below", [[ZEROS], [], [""]], ids=["zeros", "nothing", "blank line"])
def test_a_photo_without_faces_is_an_empty_scene_and_the_next_photo_is_read(root, below):
    scenes = read(root, A, "0", *below, B, "1", PLAIN, C, "0", *below)
    assert [len(scene) for scene in scenes] == [0, 1, 0]
    assert scenes[0].boxes.shape == scenes[0].ignore.shape == (0, 4)
    assert all(value.shape == (0,) for value in scenes[0].attributes.values())
    assert scenes[1].boxes.tolist() == [[10, 20, 40, 60]]
    assert (scenes.counts["empty_photos"], scenes.counts["dropped_faces"]) == (2, 0)


def test_faces_without_area_are_in_no_box_and_counted_with_their_lines(root):
    rows = ("10 20 0 23 1 0 0 0 0 0", PLAIN, "10 20 23 0 0 0 0 1 0 0", "1 1 9 9 2 0 0 1 0 0")
    scenes = read(root, A, "4", *rows, B, "1", ZEROS)
    assert scenes[0].boxes.tolist() == [[10, 20, 40, 60]]
    assert scenes[0].attributes["blur"].tolist() == [0]
    assert scenes[0].ignore.tolist() == [[1, 1, 10, 10]]
    assert len(scenes[1]) == 0
    assert scenes.counts == {
        "photos": 2,
        "empty_photos": 0,
        "faces": 1,
        "ignored_faces": 1,
        "dropped_faces": 3,
        "dropped_photos": 0,
    }
    found = [str(problem) for problem in scenes.problems()]
    assert "gt.txt, line 3: the face of 0x23 pixels has no area" in found[0]
    assert ["line 5" in found[1], "line 9" in found[2], len(found)] == [True, True, 3]


def test_invalid_faces_are_ignored_or_kept(root):
    lines = (A, "3", PLAIN, "1 2 3 4 2 0 0 1 0 0", "50 50 10 10 1 0 0 0 0 0")
    scenes = read(root, *lines)
    assert scenes[0].boxes.tolist() == [[10, 20, 40, 60], [50, 50, 60, 60]]
    assert scenes[0].ignore.tolist() == [[1, 2, 4, 6]]
    assert scenes[0].attributes["blur"].tolist() == [0, 1]
    assert scenes[0].attributes["invalid"].tolist() == [0, 0]
    kept = read(root, *lines, invalid="keep")
    assert kept[0].boxes[1].tolist() == [1, 2, 4, 6] and len(kept[0].ignore) == 0
    assert kept[0].attributes["invalid"].tolist() == [0, 1, 0]
    assert (scenes.counts["ignored_faces"], kept.counts["ignored_faces"]) == (1, 0)


def test_a_photo_may_hold_a_thousand_faces(root):
    rng = np.random.default_rng(0)
    boxes = rng.integers((0, 0, 1, 1), (90, 90, 10, 10), (1000, 4))
    codes = rng.integers(0, (3, 2, 2, 1, 3, 2), (1000, 6))
    rows = [" ".join(map(str, row)) for row in np.hstack((boxes, codes)).tolist()]
    scene = read(root, A, "1000", *rows, B, "0", ZEROS)[0]
    corners = torch.from_numpy(np.hstack((boxes[:, :2], boxes[:, :2] + boxes[:, 2:])))
    assert_close(scene.boxes, corners.float())
    for column, name in enumerate(
        ("blur", "expression", "illumination", "invalid", "occlusion", "pose")
    ):
        assert scene.attributes[name].tolist() == codes[:, column].tolist()


def test_windows_line_ends_blank_lines_and_a_byte_order_mark_are_read(root):
    path = root / "list.txt"
    text = f"\ufeff{A}\r\n\r\n1\r\n{PLAIN}\r\n \r\n{B}\r\n0\r\n{ZEROS}\r\n\r\n"
    path.write_bytes(text.encode())
    scenes = read_wider(path, root)
    assert [len(scene) for scene in scenes] == [1, 0]
    assert scenes.photos[0].where == f"{path}, line 1"
    assert scenes.photos[1].where == f"{path}, line 6"


@pytest.mark.parametrize("name", ["my event/a photo (1).png", "0--Parade\\x.PNG", "a.b.JPG"])
def test_names_with_blanks_backslashes_and_capitals_are_found(root, name):
    write_photo(root / name.replace("\\", "/"))
    assert len(read(root, name, "1", PLAIN)[0]) == 1
    assert len(read_points(root, f"# {name}", FACE)[0]) == 1


def test_photos_have_the_names_of_the_evaluation(root):
    name = "9--Press_Conference\\9_Press.Conference_9_22.jpg"
    expected = "9--Press_Conference/9_Press.Conference_9_22"
    assert read(root, name, "1", PLAIN).photos[0].name == expected
    assert read_points(root, f"# {name}", FACE).photos[0].name == expected


def test_fractions_of_pixels_are_read_where_a_list_has_them(root):
    scene = read(root, A, "1", "10.5 -20.25 3e1 .5 1.0 0 0 0 2 0")[0:1].photos[0]
    assert scene.boxes.tolist() == [[10.5, -20.25, 40.5, -19.75]]
    assert (scene.attributes["blur"].item(), scene.attributes["occlusion"].item()) == (1, 2)


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        (("many", PLAIN), 5, "expected the number of faces, got 'many'"),
        (("-1", PLAIN), 5, "expected the number of faces, got '-1'"),
        (("1.0", PLAIN), 5, "expected the number of faces, got '1.0'"),
        (("٣", PLAIN), 5, "expected the number of faces"),
        (("9" * 5000, PLAIN), 5, "expected the number of faces"),
        ((PLAIN,), 5, "expected the number of faces, got '10 20 30 40 0 0 0 0 0 0'"),
        ((), 4, "the number of faces is missing"),
        (("3", PLAIN, PLAIN), 5, "the number of faces is 3, that of the rows below it 2"),
        (("3",), 5, "the number of faces is 3, that of the rows below it 0"),
        (("1", PLAIN, PLAIN), 5, "the number of faces is 1, that of the rows below it 2"),
        (("0", PLAIN), 5, "the number of faces is 0, that of the rows below it 1"),
        (("0", ZEROS, ZEROS), 5, "the number of faces is 0, that of the rows below it 2"),
        (("0", "0 0 0 0 0 0 0 0 1 0"), 5, "the number of faces is 0, that of the rows below it 1"),
        (("2", PLAIN, PLAIN[:-2]), 7, "expected 10 numbers, got 9 fields"),
        (("2", PLAIN, PLAIN + "0"), 7, "expected 10 numbers, got 11 fields"),
        (("1", PLAIN.replace("30", "3o")), 6, "field 3 is '3o', no number"),
        (("1", PLAIN.replace("30", "nan")), 6, "field 3 is 'nan', no number"),
        (("1", PLAIN.replace("30", "1e999")), 6, "field 3 is '1e999', no number or no place"),
        (("1", PLAIN.replace("30", "3_0")), 6, "field 3 is '3_0', no number"),
        (("1", PLAIN.replace("30", "-30")), 6, "width -30 and height 40; they cannot be negative"),
        (("1", "10 20 30 -1 0 0 0 0 0 0"), 6, "width 30 and height -1; they cannot be negative"),
        (("1", "10 20 30 40 3 0 0 0 0 0"), 6, "blur is 3, expected a code from 0 to 2"),
        (("1", "10 20 30 40 0 2 0 0 0 0"), 6, "expression is 2, expected a code from 0 to 1"),
        (("1", "10 20 30 40 0 0 0 2 0 0"), 6, "invalid is 2, expected a code from 0 to 1"),
        (("1", "10 20 30 40 0 0 0 0 -1 0"), 6, "occlusion is -1, expected a code from 0 to 2"),
        (("1", "10 20 30 40 0 0 0 0 0 0.5"), 6, "pose is 0.5, expected a code from 0 to 1"),
    ],
)
def test_a_damaged_photo_is_named_with_file_and_line(root, lines, line, message):
    everything = (A, "1", PLAIN, B, *lines, C, "1", "1 2 3 4 0 0 0 0 0 0")
    with pytest.raises(LabelError, match=f"train_bbx_gt.txt, line {line}: .*{message}"):
        read(root, *everything)
    scenes = read(root, *everything, damaged="drop")
    assert [scene.boxes.tolist() for scene in scenes] == [[[10, 20, 40, 60]], [[1, 2, 4, 6]]]
    assert scenes.counts["dropped_photos"] == 1 and f"line {line}:" in str(scenes.dropped[0])


def test_a_list_that_is_cut_off_is_refused(root):
    with pytest.raises(
        LabelError, match="line 5: the number of faces is 2, that of the rows below it 1"
    ):
        read(root, A, "1", PLAIN, B, "2", PLAIN)
    with pytest.raises(LabelError, match="line 4: the number of faces is missing"):
        read(root, A, "1", PLAIN, B)


def test_a_list_must_begin_with_the_name_of_a_photo(root):
    with pytest.raises(LabelError, match="line 1: expected the name of a photo, got '1'"):
        read(root, "1", PLAIN, A, "1", PLAIN)
    scenes = read(root, "1", PLAIN, A, "1", PLAIN, damaged="drop")
    assert (scenes.counts["photos"], scenes.counts["dropped_photos"]) == (1, 1)


def test_a_name_that_is_no_photo_is_named_as_the_line_that_is_no_row(root):
    with pytest.raises(LabelError, match="line 4: expected 10 numbers, got 1 fields"):
        read(root, A, "1", PLAIN, "0--Parade/no_suffix", "1", PLAIN)


def test_one_list_in_place_of_the_other_is_told_apart(root):
    with pytest.raises(LabelError, match="line 2: expected the number of faces, got '10 20 30 40"):
        read(root, f"# {A}", FACE)
    with pytest.raises(LabelError, match="line 1: expected the name of a photo.*by read_wider$"):
        read_points(root, A, "1", PLAIN)


@pytest.mark.parametrize("name", ["../a.png", "0--Parade/../../a.png", "/a.png", "C:\\a.png"])
def test_names_that_lead_out_of_the_folder_are_refused(root, name):
    with pytest.raises(LabelError, match="gt.txt, line 1: the photo .* is not below the folder"):
        read(root, name, "1", PLAIN)
    with pytest.raises(LabelError, match="label.txt, line 2: the photo .* is not below"):
        read_points(root, f"# {A}", f"# {name}", FACE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"invalid": "drop"}, "^invalid: expected one of ignore, keep, got 'drop'"),
        ({"damaged": "skip"}, "^damaged: expected one of refuse, drop, got 'skip'"),
        ({"outside": "drop"}, "^outside: expected one of refuse, keep, clip, got 'drop'"),
    ],
)
def test_unknown_options_are_refused_by_name(root, options, message):
    with pytest.raises(ValueError, match=message):
        read(root, A, "1", PLAIN, **options)


def test_an_empty_or_missing_list_is_refused(root):
    with pytest.raises(LabelError, match="the file is empty"):
        read(root, "")
    with pytest.raises(LabelError, match="there is no such file"):
        read_wider_landmarks(root / "gone.txt", root)


# ---- photos


def test_photos_are_read_when_they_are_asked_for_and_not_before(root):
    lines = (A, "1", PLAIN, B, "0", ZEROS, C, "1", PLAIN)
    scenes = read(root, *lines, load=no_photo)
    part = scenes[1:]
    assert len(scenes) == 3 and len(part) == 2 and scenes.counts["faces"] == 2
    assert [labels.photo for labels in part.photos] == [root / B, root / C]
    assert part.counts["faces"] == 1 and part.counts["empty_photos"] == 1
    asked = []

    def load(path):
        asked.append(path)
        return np.zeros((100, 100, 3), np.uint8)

    scenes = read(root, *lines, load=load)
    assert len(scenes[-1]) == 1 and asked == [root / C]
    with pytest.raises(IndexError):
        scenes[3]


def test_slices_keep_the_options(root):
    lines = (A, "1", "90 90 20 30 0 0 0 0 0 0")
    assert read(root, *lines, outside="clip")[:1][0].boxes.tolist() == [[90, 90, 100, 100]]


def test_missing_and_damaged_photos_are_named_with_the_line_that_wants_them(root):
    (root / B).unlink()
    (root / C).write_bytes((root / C).read_bytes()[:60])
    scenes = read(root, A, "1", PLAIN, B, "0", ZEROS, C, "1", PLAIN)
    assert len(scenes[0]) == 1
    with pytest.raises(LabelError, match="line 4: there is no such file; look for .*b_2.png"):
        scenes[1]
    with pytest.raises(LabelError, match="line 7: .*damaged.*; look for .*c_3.png"):
        scenes[2]
    assert ["line 4" in str(p) or "line 7" in str(p) for p in scenes.problems()] == [True, True]


def test_errors_of_a_loader_of_ones_own_come_through(root):
    with pytest.raises(AssertionError, match="a_1.png was read"):
        read(root, A, "1", PLAIN, load=no_photo)[0]


HALF = ("-20 -10 30 40 0 0 0 0 0 0", "90 95 30 20 1 0 0 0 0 0", "99 50 9 9 0 0 0 1 0 0")


@pytest.mark.parametrize("outside", ["refuse", "keep"])
def test_faces_half_outside_their_photo_stay_as_they_are(root, outside):
    scene = read(root, A, "3", *HALF, outside=outside)[0]
    assert scene.boxes.tolist() == [[-20, -10, 10, 30], [90, 95, 120, 115]]
    assert scene.ignore.tolist() == [[99, 50, 108, 59]]


def test_boxes_are_cut_to_the_photo_when_asked_for(root):
    write_photo(root / A, width=104, height=96)
    scenes = read(root, A, "3", *HALF, outside="clip")
    assert scenes[0].boxes.tolist() == [[0, 0, 10, 30], [90, 95, 104, 96]]
    assert scenes[0].ignore.tolist() == [[99, 50, 104, 59]]
    assert scenes.photos[0].boxes[0].tolist() == [-20, -10, 10, 30]


@pytest.mark.parametrize("box", ["120 20 9 9", "-9 20 9 9", "20 80 9 9", "20 -9 9 9"])
@pytest.mark.parametrize("invalid", ["0", "1"])
def test_a_face_wholly_outside_its_photo_is_refused_kept_or_clipped_away(root, box, invalid):
    write_photo(root / A, width=120, height=80)
    lines = (A, "3", "0 0 9 9 0 0 0 0 0 0", f"{box} 1 0 0 {invalid} 0 0", "111 71 9 9 2 0 0 0 0 0")
    scenes = read(root, *lines)
    with pytest.raises(
        LabelError,
        match=r"gt.txt, line 1: 1 of 3 faces lie outside the photo of 120x80 pixels, first one at "
        r'\(.*\); check that 0_Parade_a_1.png is the original size, or pass outside="keep"',
    ):
        scenes[0]
    assert len(list(scenes.problems())) == 1
    kept = read(root, *lines, outside="keep")
    assert len(kept[0]) + len(kept[0].ignore) == 3 and list(kept.problems()) == []
    clipped = read(root, *lines, outside="clip")[0]
    assert clipped.boxes.tolist() == [[0, 0, 9, 9], [111, 71, 120, 80]]
    assert clipped.attributes["blur"].tolist() == [0, 2] and len(clipped.ignore) == 0


def test_a_scene_can_be_changed_without_changing_the_labels(root):
    scenes = read(root, A, "2", PLAIN, "1 2 3 4 2 0 0 1 0 0")
    scene = scenes[0]
    for values in (scene.boxes, scene.ignore, scene.attributes["blur"]):
        values.sub_(7)
    assert scenes[0].boxes.tolist() == [[10, 20, 40, 60]]
    assert scenes[0].ignore.tolist() == [[1, 2, 4, 6]]
    assert scenes[0].attributes["blur"].tolist() == [0]
    scenes = read_points(root, f"# {A}", FACE)
    scenes[0].landmarks.zero_()
    assert scenes[0].landmarks[0, 0].tolist() == [18.5, 30]


def test_all_problems_are_found_before_training(root):
    (root / C).unlink()
    lines = (A, "x", B, "2", PLAIN, ZEROS, C, "1", PLAIN)
    found = [str(problem) for problem in read(root, *lines, damaged="drop").problems()]
    assert [f"line {n}:" in text for n, text in zip((2, 6, 7), found, strict=True)] == [True] * 3
    assert list(read(root, A, "1", PLAIN).problems()) == []


def test_how_clean_a_list_is_is_shown(root):
    lines = (A, "2", PLAIN, "1 2 3 4 0 0 0 1 0 0", B, "1", ZEROS, C, "0", ZEROS, A, "x")
    scenes = read(root, *lines, damaged="drop")
    assert repr(scenes) == (
        "LabelledScenes(3 photos, 1 empty photos, 1 faces, 1 ignored faces, 1 dropped faces, "
        "1 dropped photos)"
    )


def test_the_labels_can_be_sent_to_the_workers_of_a_data_loader(root):
    scenes = read_points(root, f"# {A}", FACE, "1 2 0 4 " + FACE[12:], f"# {B}")
    sent = pickle.loads(pickle.dumps(scenes))
    assert sent.counts == scenes.counts
    assert torch.equal(sent[0].landmarks, scenes[0].landmarks)
    labels = sent.photos[0]
    held = [labels.boxes, labels.ignore, labels.landmarks, *labels.attributes.values()]
    assert {type(values) for values in held} == {np.ndarray}


def test_perfect_detections_on_a_list_score_one_and_ignored_faces_cost_nothing(root):
    rows = (PLAIN, "60 60 20 20 2 0 0 1 0 0", "1 1 9 9 0 0 0 0 0 0")
    photos = []
    for scene in read(root, A, "3", *rows, B, "0", ZEROS, C, "1", PLAIN):
        boxes = torch.cat((scene.boxes, scene.ignore))
        counts = torch.arange(len(boxes)) < len(scene.boxes)
        found = Detections(boxes, torch.linspace(0.9, 0.5, len(boxes)))
        photos.append((found, Counted(boxes, {"hard": counts})))
    score = score_wider(photos)["hard"]
    assert score.faces == 3 and score.ap == pytest.approx(1)


# ---- RetinaFace's list


def test_a_face_of_retinaface_has_five_points_flags_and_a_quality(root):
    scene = read_points(root, f"# {A}", FACE)[0]
    assert scene.boxes.tolist() == [[10, 20, 40, 60]]
    expected = [[[18.5, 30], [32.25, 31], [25, 38], [19, 50], [31, 51]]]
    assert_close(scene.landmarks, torch.tensor(expected))
    assert set(scene.attributes) == {"visible", "quality"}
    assert scene.attributes["visible"].dtype == torch.bool
    assert scene.attributes["visible"].tolist() == [[True, False, True, False, True]]
    assert_close(scene.attributes["quality"], torch.tensor([0.82]))


def test_markers_of_missing_landmarks_become_nan_and_unknown_quality_too(root):
    lines = (f"# {A}", f"1 2 3 4 {MISSING} 0.2", FACE, f"5 6 7 8 {MISSING} -1.0")
    scene = read_points(root, *lines)[0]
    assert scene.landmarks.isnan().all(dim=2).tolist() == [[True] * 5, [False] * 5, [True] * 5]
    assert scene.attributes["visible"].any(dim=1).tolist() == [False, True, False]
    quality = scene.attributes["quality"]
    assert_close(quality, torch.tensor([0.2, 0.82, torch.nan]), equal_nan=True)
    assert quality.dtype == torch.float32


def test_a_single_missing_point_is_nan_alone(root):
    line = FACE.replace("32.25 31 1.0", "-1 -1 -1")
    scene = read_points(root, f"# {A}", line)[0]
    assert scene.landmarks[0].isnan().any(dim=1).tolist() == [False, True, False, False, False]
    assert scene.attributes["visible"].tolist() == [[True, False, True, False, True]]


def test_a_point_outside_the_photo_is_no_missing_one(root):
    scene = read_points(root, f"# {A}", FACE.replace("18.5 30", "-1 30"))[0]
    assert scene.landmarks[0, 0].tolist() == [-1, 30]


def test_the_first_name_makes_no_empty_scene_and_the_last_photo_is_not_lost(root):
    scenes = read_points(root, f"# {A}", FACE, f"# {B}", FACE, FACE, f"# {C}", FACE)
    assert [labels.photo for labels in scenes.photos] == [root / A, root / B, root / C]
    assert [len(scene) for scene in scenes] == [1, 2, 1]


def test_photos_without_faces_stay_also_first_and_last(root):
    scenes = read_points(root, f"# {A}", f"#{B}", FACE, "", f"# {C}")
    assert [len(scene) for scene in scenes] == [0, 1, 0]
    assert scenes[0].boxes.shape == (0, 4) and scenes[0].landmarks.shape == (0, 5, 2)
    assert scenes[0].attributes["visible"].shape == (0, 5)
    assert scenes[2].attributes["quality"].shape == (0,)
    assert scenes.counts["empty_photos"] == 2


def test_the_list_of_the_validation_set_has_boxes_only(root):
    scenes = read_points(root, f"# {A}", f"# {B}", "10 20 30 40", "1 2 0 4", "5 6 7 8")
    assert [len(scene) for scene in scenes] == [0, 2]
    assert scenes[1].boxes.tolist() == [[10, 20, 40, 60], [5, 6, 12, 14]]
    assert scenes[0].landmarks is None and scenes[1].landmarks is None
    assert scenes[1].attributes == {} and scenes.counts["dropped_faces"] == 1


def test_a_list_of_names_only_has_no_landmarks(root):
    scenes = read_points(root, f"# {A}", f"# {B}")
    assert [len(scene) for scene in scenes] == [0, 0] and scenes[0].landmarks is None


def test_a_face_without_area_takes_its_points_and_attributes_with_it(root):
    lines = (f"# {A}", f"1 2 0 4 {MISSING} 0.1", FACE, f"1 2 4 0 {POINTS} 0.3")
    scenes = read_points(root, *lines)
    assert scenes[0].boxes.tolist() == [[10, 20, 40, 60]]
    assert scenes[0].landmarks[0, 0].tolist() == [18.5, 30]
    assert_close(scenes[0].attributes["quality"], torch.tensor([0.82]))
    assert scenes.counts["dropped_faces"] == 2
    assert ["line 2" in str(p) or "line 4" in str(p) for p in scenes.problems()] == [True, True]


def test_a_face_clipped_away_takes_its_points_and_attributes_with_it(root):
    lines = (f"# {A}", f"200 20 9 9 {MISSING} 0.1", FACE, f"90 90 20 20 {POINTS} 0.3")
    scene = read_points(root, *lines, outside="clip")[0]
    assert scene.boxes.tolist() == [[10, 20, 40, 60], [90, 90, 100, 100]]
    assert not scene.landmarks.isnan().any()
    assert_close(scene.attributes["quality"], torch.tensor([0.82, 0.3]))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (FACE.rsplit(maxsplit=1)[0], "expected 20 numbers, got 19 fields"),
        (f"{FACE} 0", "expected 20 numbers, got 21 fields"),
        ("10 20 30 40", "expected 20 numbers, got 4 fields; .*4 numbers or 20"),
        (FACE.replace("25 38", "25 ?"), "field 12 is '\\?', no number"),
        (FACE.replace("10 20 30", "10 20 -30"), "width -30 and height 40; they cannot be negative"),
        (FACE.replace("25 38 0.0", "-1 -1 0.0"), r"point 2 is \(-1, -1\) with flag 0"),
        (FACE.replace("25 38 0.0", "25 38 -1"), r"point 2 is \(25, 38\) with flag -1"),
        (FACE.replace("25 38 0.0", "-1 -1 -2"), r"point 2 is \(-1, -1\) with flag -2"),
        (FACE.replace("0.82", "1.5"), "the last number is 1.5, expected at most 1"),
    ],
)
def test_a_damaged_line_of_retinaface_is_named_with_file_and_line(root, line, message):
    lines = (f"# {A}", FACE, f"# {B}", FACE, line, f"# {C}", FACE)
    with pytest.raises(LabelError, match=f"label.txt, line 5: .*{message}"):
        read_points(root, *lines)
    scenes = read_points(root, *lines, damaged="drop")
    assert [labels.photo for labels in scenes.photos] == [root / A, root / C]
    assert scenes.counts["dropped_photos"] == 1


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        ((FACE, f"# {A}", FACE), 1, "expected the name of a photo, got '10 20"),
        ((f"# {A}", FACE, "#", FACE), 3, "expected the name of a photo, got ''"),
        ((f"# {A} 1024 1385", FACE), 1, "expected the name of a photo, got '0--Parade/"),
        ((f"# {A}", FACE[:-5]), 2, "expected 20 numbers, got 19 fields"),
        ((f"# {A}", "10 20 30 40", FACE), 3, "expected 4 numbers, got 20 fields"),
    ],
)
def test_a_list_of_retinaface_that_is_none_is_refused(root, lines, line, message):
    with pytest.raises(LabelError, match=f"label.txt, line {line}: {message}"):
        read_points(root, *lines)
