"""FDDB: lists of ellipses, ten folds, and files of detections, written and read again."""

import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from facelab.datasets.fddb import ellipses_of, read_fddb, read_results, write_results
from facelab.datasets.labelled import LabelError
from facelab.metrics.fddb import EllipseDetections, labelled_ellipses, score_fddb
from facelab.metrics.wider import Detections
from facelab.types import Faces, Scene
from tests.datasets.layouts import write_photo

A, B, C = "2002/08/11/big/img_591", "2002/08/26/big/img_265", "2003/01/15/big/img_390"
UPRIGHT = "30.000000 20.000000 1.570796 40.500000 50.250000  1"  # two blanks, as in the lists
TILTED = "20.0 10.0 -0.523599 60.0 40.0  1"
LIST = "FDDB-fold-01-ellipseList.txt"


@pytest.fixture
def root(tmp_path):
    for name in (A, B, C):
        write_photo(tmp_path / f"{name}.jpg")
    return tmp_path


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def read(root, *lines, **options):
    return read_fddb(write(root / LIST, *lines), root, **options)


def no_photo(path):
    raise AssertionError(f"{path} was read")


# ---- labels


def test_a_photo_becomes_one_scene_with_all_its_faces(root):
    scenes = read(root, A, "2", UPRIGHT, TILTED, B, "1", TILTED)
    assert len(scenes) == 2 and isinstance(scenes[0], Scene)
    first = torch.tensor([30, 20, 1.570796, 40.5, 50.25])
    second = torch.tensor([20, 10, -0.523599, 60, 40])
    assert_close(scenes[0].attributes["ellipse"], torch.stack((first, second)))
    assert_close(scenes[1].attributes["ellipse"], second[None])
    assert scenes[0].landmarks is None and scenes[0].ignore.shape == (0, 4)
    assert scenes[0].image.shape == (100, 100, 3)
    assert scenes[0].image[20, 30].min() > 200  # the white pixel, after JPEG
    assert scenes.photos[1].name == B and scenes.photos[1].photo == root / f"{B}.jpg"


def test_boxes_are_the_bounding_rectangles(root):
    scene = read(root, A, "2", UPRIGHT, TILTED)[0]
    width = math.hypot(20 * math.cos(math.pi / 6), 10 * math.sin(math.pi / 6))
    height = math.hypot(20 * math.sin(math.pi / 6), 10 * math.cos(math.pi / 6))
    tilted = [60 - width, 40 - height, 60 + width, 40 + height]
    assert_close(scene.boxes, torch.tensor([[20.5, 20.25, 60.5, 80.25], tilted]))


def test_photos_are_read_when_they_are_asked_for_and_not_before(root):
    scenes = read(root, A, "1", UPRIGHT, B, "0", C, "1", TILTED, load=no_photo)
    assert scenes.counts["photos"] == 3 and scenes.counts["faces"] == 2
    assert [labels.name for labels in scenes[1:].photos] == [B, C]
    with pytest.raises(AssertionError, match=r"img_390\.jpg was read"):
        scenes[2]


def test_a_photo_without_faces_is_an_empty_scene(root):
    scenes = read(root, A, "0", B, "1", UPRIGHT)
    assert [len(scene) for scene in scenes] == [0, 1]
    assert scenes[0].attributes["ellipse"].shape == (0, 5)
    assert scenes.counts["empty_photos"] == 1


def test_all_folds_of_a_folder_are_read_in_their_order(root):
    folder = root / "FDDB-folds"
    for fold, name in ((10, C), (2, B), (1, A)):
        write(folder / f"FDDB-fold-{fold:02d}-ellipseList.txt", name, "1", UPRIGHT)
        write(folder / f"FDDB-fold-{fold:02d}.txt", name)
    scenes = read_fddb(folder, root)
    assert [labels.name for labels in scenes.photos] == [A, B, C]
    assert scenes.photos[2].where.endswith("FDDB-fold-10-ellipseList.txt, line 1")
    with pytest.raises(LabelError, match="holds no files FDDB-fold"):
        read_fddb(root / "2002", root)


def test_faces_cut_off_by_the_border_stay_and_those_of_another_photo_are_refused(root):
    half = "30 20 1.5 -5 50 1"
    scene = read(root, A, "1", half)[0]
    assert scene.boxes[0, 0] < 0
    beyond = read(root, A, "2", half, "30 20 0 400 50 1")
    with pytest.raises(LabelError, match="line 1: 1 of 2 faces lie outside the photo of 100x100"):
        beyond[0]
    kept = read(root, A, "2", half, "30 20 0 400 50 1", outside="clip")[0]
    assert kept.boxes[0, 0] == 0 and len(kept.attributes["ellipse"]) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("30 20 1.5 40 50", "expected 6 numbers, got 5 fields"),
        ("30 20 1.5 40 50 1 1", "expected 6 numbers, got 7 fields"),
        ("30 20 x 40 50 1", "field 3 is 'x', no number"),
        ("30 20 nan 40 50 1", "field 3 is 'nan', no number"),
        ("30 20 1_5 40 50 1", "field 3 is '1_5', no number"),
        ("30 20 1.5 1e9 50 1", "field 4 is '1e9', no number or no place"),
        ("0 20 1.5 40 50 1", "radii 0 and 20; the ellipse has no area"),
        ("30 -20 1.5 40 50 1", "radii 30 and -20; the ellipse has no area"),
        ("30 20 86.1 40 50 1", "the angle is 86.1, expected radians from -pi to pi"),
        ("30 20 1.5 40 50 0.99", "the last number is 0.99, expected 1; .* by read_results"),
    ],
)
def test_a_damaged_row_is_named_with_file_and_line(root, row, message):
    lines = (A, "2", UPRIGHT, row, B, "1", TILTED)
    with pytest.raises(LabelError, match=f"{LIST}, line 4: {message}"):
        read(root, *lines)
    scenes = read(root, *lines, damaged="drop")
    assert [labels.name for labels in scenes.photos] == [B]
    assert scenes.counts["dropped_photos"] == 1 and "line 4" in str(next(scenes.problems()))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((A, "2", UPRIGHT, B, "1", TILTED), "line 2: says 2, but 1 rows follow"),
        ((A, "1", UPRIGHT, TILTED, B, "1", TILTED), "line 2: says 1, but 2 rows follow"),
        ((A, UPRIGHT, B, "1", TILTED), "line 2: expected the number of rows below, got '30"),
        ((A, "-1", B, "1", TILTED), "line 2: expected the number of rows below, got '-1'"),
        ((A, B, "1", TILTED), "line 1: the number of rows below is missing"),
        (("1", UPRIGHT, B, "1", TILTED), "line 1: expected the name of a photo, got '1'"),
        (("../" + A, "1", UPRIGHT, B, "1", TILTED), "line 1: the photo .* is not below"),
        ((B, "1", TILTED, B, "1", TILTED), "line 4: the photo .*265 is there twice"),
        ((B, "1", TILTED, A), "line 4: the number of rows below is missing"),
    ],
)
def test_a_list_that_disagrees_with_itself_is_refused(root, lines, message):
    with pytest.raises(LabelError, match=f"{LIST}, {message}"):
        read(root, *lines)
    scenes = read(root, *lines, damaged="drop")
    assert [labels.name for labels in scenes.photos] == [B]
    assert_close(scenes[0].attributes["ellipse"][0, :2], torch.tensor([20.0, 10.0]))


def test_names_may_have_backslashes(root):
    scenes = read(root, A.replace("/", "\\"), "1", UPRIGHT)
    assert scenes.photos[0].name == A and len(scenes[0]) == 1


def test_missing_and_empty_files_and_unknown_options(root):
    with pytest.raises(LabelError, match="there is no such file"):
        read_fddb(root / "none.txt", root)
    with pytest.raises(LabelError, match="the file is empty"):
        read(root)
    with pytest.raises(ValueError, match="damaged: expected one of refuse, drop, got 'skip'"):
        read(root, A, "1", UPRIGHT, damaged="skip")
    with pytest.raises(ValueError, match="outside: expected one of"):
        read(root, A, "1", UPRIGHT, outside="drop")
    (root / f"{A}.jpg").unlink()
    with pytest.raises(LabelError, match=f"{LIST}, line 1: "):
        read(root, A, "1", UPRIGHT)[0]


def test_a_scene_can_be_changed_and_labels_can_be_sent_to_workers(root):
    scenes = read(root, A, "1", UPRIGHT)
    scenes[0].attributes["ellipse"].zero_()
    assert scenes[0].attributes["ellipse"][0, 0] == 30
    again = pickle.loads(pickle.dumps(scenes))
    assert_close(again[0].boxes, scenes[0].boxes)


# ---- what the metric needs


def test_ellipses_come_by_name_without_a_photo_or_with_the_sizes(root):
    scenes = read(root, B, "1", UPRIGHT, A, "2", TILTED, UPRIGHT, C, "0", load=no_photo)
    truth = ellipses_of(scenes)
    assert list(truth) == [B, A, C]
    assert [len(faces.ellipses) for faces in truth.values()] == [1, 2, 0]
    assert {faces.size for faces in truth.values()} == {None}
    write_photo(root / f"{B}.jpg", width=120, height=90)
    sized = ellipses_of(read(root, B, "1", UPRIGHT, A, "1", TILTED), sizes=True)
    assert [faces.size for faces in sized.values()] == [(90, 120), (100, 100)]
    assert_close(sized[B].ellipses, truth[B].ellipses)


def test_boxes_round_the_faces_of_a_list_are_hits_without_their_corners(root):
    scenes = read(root, A, "2", UPRIGHT, "10 8 0 60 95 1", B, "1", "20 10 0 60 40 1")
    photos = [
        (Faces(scene.boxes, torch.linspace(0.9, 0.5, len(scene))), labelled_ellipses(scene))
        for scene in scenes
    ]
    curve = score_fddb(photos)
    assert curve.faces == 3 and curve.false_positives[-1] == 0
    assert curve.discrete[-1] == pytest.approx(1)
    assert curve.continuous[0] < 2 / 3 * 0.8  # pi / 4 where nothing is cut
    assert curve.continuous[-1] == pytest.approx(math.pi / 4, abs=0.03)


# ---- detections


FOUND = "10 20 30.5 40 0.999738"


def read_found(root, *lines, names=(A,), **options):
    return read_results(write(root / "fold-01-out.txt", *lines), names, **options)


def test_detections_become_corners_and_scores(root):
    found = read_found(root, A, "2", FOUND, "1 2 3 4 -7.5", B, "0", names=[B, A])
    assert list(found) == [B, A]
    assert_close(found[A].boxes, torch.tensor([[10, 20, 40.5, 60], [1, 2, 4, 6]]).double())
    assert_close(found[A].scores, torch.tensor([0.999738, -7.5]).double())
    assert found[B].boxes.shape == (0, 4) and found[B].scores.shape == (0,)


def test_detected_ellipses_are_read_as_such(root):
    row = "30 20 -1.5 40.5 50.25 0.75"
    found = read_found(root, A, "1", row, B, "0", names=[A, B], kind="ellipses")
    assert isinstance(found[A], EllipseDetections)
    expected = torch.tensor([[30, 20, -1.5, 40.5, 50.25]], dtype=torch.float64)
    assert_close(found[A].ellipses, expected)
    assert found[A].scores.tolist() == [0.75]
    assert found[B].ellipses.shape == (0, 5)


def test_detections_of_all_folds_are_read_from_a_folder(root):
    for fold, name in ((1, A), (2, B)):
        write(root / "out" / f"fold-{fold:02d}-out.txt", name, "1", FOUND)
    found = read_results(root / "out", [B, A])
    assert [len(detections.boxes) for detections in found.values()] == [1, 1]
    write(root / "out" / "fold-03-out.txt", A, "1", FOUND)
    with pytest.raises(LabelError, match=r"fold-03-out\.txt, line 1: .* is there twice"):
        read_results(root / "out", [A])
    with pytest.raises(LabelError, match="holds no files fold-"):
        read_results(root / "2002", [A])


def test_photos_without_detections_are_refused_or_empty_and_others_left_out(root):
    lines = (A, "1", FOUND)
    with pytest.raises(LabelError, match=f"{B} and 1 more photos have no detections here; .*empty"):
        read_found(root, *lines, names=[A, B, C])
    with pytest.raises(LabelError, match=f"{B} has no detections here"):
        read_found(root, *lines, names=[A, B])
    found = read_found(root, *lines, names=[B], missing="empty")
    assert list(found) == [B] and found[B].boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("lines", "kind", "message"),
    [
        ((A, "2", FOUND), "boxes", "line 2: says 2, but 1 rows follow"),
        ((A, "1", "1 2 3 4"), "boxes", "line 3: expected 5 numbers, got 4 fields"),
        ((A, "1", FOUND), "ellipses", "line 3: expected 6 numbers, got 5 fields"),
        ((A, "2", FOUND, "1 2 3 4 nan"), "boxes", "line 4: field 5 is 'nan'"),
        ((A, "2", FOUND, "1 2 -3 4 1"), "boxes", "line 4: width -3 and height 4"),
        ((A, "1", "0 5 1 9 9 1"), "ellipses", "line 3: radii 0 and 5"),
        ((A, FOUND), "boxes", "line 2: expected the number of rows below"),
        ((FOUND, A), "boxes", "line 1: expected the name of a photo, got '10 20"),
    ],
)
def test_damaged_files_of_detections_are_named_with_the_line(root, lines, kind, message):
    with pytest.raises(LabelError, match=rf"fold-01-out\.txt, {message}"):
        read_found(root, *lines, kind=kind)


def test_unknown_options_of_detections_are_refused(root):
    with pytest.raises(ValueError, match="kind: expected one of boxes, ellipses, got 'pixels'"):
        read_found(root, A, "1", FOUND, kind="pixels")
    with pytest.raises(ValueError, match="missing: expected refuse or empty, got 'drop'"):
        read_found(root, A, "1", FOUND, missing="drop")


def test_files_are_written_as_the_official_tool_reads_them(tmp_path):
    boxes = Detections(torch.tensor([[10.0, 20, 40.5, 60]]), torch.tensor([0.75]))
    ellipse = EllipseDetections(torch.tensor([[30.0, 20, -1.5, 40, 50]]), torch.tensor([2.0]))
    path = tmp_path / "new" / "fold-01-out.txt"
    write_results(path, {B: boxes, A: Faces.empty()})
    assert path.read_text() == f"{B}\n1\n10.000 20.000 30.500 40.000 0.75\n{A}\n0\n"
    write_results(path, {A: ellipse})
    assert path.read_text() == f"{A}\n1\n30.000 20.000 -1.500000 40.000 50.000 2\n"


values = st.floats(-900, 900, width=32)


@settings(deadline=None, database=None, derandomize=True, max_examples=60)
@given(st.lists(st.tuples(values, values, st.floats(0, 90), st.floats(0, 90), values), max_size=9))
def test_what_is_written_is_read_again(tmp_path_factory, rows):
    table = torch.tensor(rows, dtype=torch.float64).reshape(-1, 5)
    boxes = torch.cat((table[:, :2], table[:, :2] + table[:, 2:4]), dim=1)
    path = tmp_path_factory.mktemp("fddb") / "out.txt"
    write_results(path, {A: Detections(boxes, table[:, 4].float())})
    found = read_results(path, [A])[A]
    assert_close(found.boxes, boxes, atol=2e-3, rtol=0)
    assert torch.equal(found.scores.float(), table[:, 4].float())  # ties stay ties, and no others


def test_ellipses_are_written_and_read_again(tmp_path):
    rng = np.random.default_rng(0)
    ellipses = torch.from_numpy(rng.uniform(0.5, 3, (7, 5)))
    found = EllipseDetections(ellipses, torch.from_numpy(rng.normal(size=7)))
    write_results(tmp_path / "out.txt", {A: found})
    again = read_results(tmp_path / "out.txt", [A], kind="ellipses")[A]
    assert_close(again.ellipses, ellipses, atol=6e-4, rtol=0)
    assert_close(again.ellipses[:, 2], ellipses[:, 2], atol=6e-7, rtol=0)
    assert_close(again.scores, found.scores, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("name", ["", "a b", " a", "a\n", "12", "1.5"])
def test_names_that_could_not_be_read_again_are_not_written(tmp_path, name):
    with pytest.raises(ValueError, match="expected a name without blanks that is no number"):
        write_results(tmp_path / "out.txt", {name: Faces.empty()})
    assert not (tmp_path / "out.txt").exists()


def test_detections_that_could_not_be_read_again_are_not_written(tmp_path):
    one = torch.ones(1)
    for found in (
        Detections(torch.zeros(1, 4), one * math.nan),
        Detections(torch.ones(1, 4) * math.inf, one),
    ):
        with pytest.raises(ValueError, match=f"{A}: .* not finite"):
            write_results(tmp_path / "out.txt", {A: found})
    for found in (
        Detections(torch.tensor([[5.0, 5, 4, 9]]), one),
        EllipseDetections(torch.tensor([[5.0, 0, 0, 9, 9]]), one),
    ):
        with pytest.raises(ValueError, match=f"{A}: a detection has no area, or less"):
            write_results(tmp_path / "out.txt", {A: found})
