"""The official files: Matlab's ground truth and folders of detections, written and read again."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torch.testing import assert_close

from facelab.datasets import LabelError
from facelab.metrics.wider import LEVELS, Detections, score_wider
from facelab.metrics.wider_files import read_results, read_truth, write_results
from facelab.types import Faces

PHOTOS = {  # event -> photo -> faces x y w h, and which count: easy, medium, hard
    "0--Parade": {
        "0_Parade_one": ([[10, 20, 30, 40]], {"easy": [1], "medium": [1], "hard": [1]}),
        "0_Parade_gjpg": (
            [[0, 0, 9, 9], [50, 60, 20, 20], [90, 5, 0, 23]],
            {"easy": [], "medium": [2], "hard": [2, 1]},
        ),
    },
    "1--Handshaking": {"1_Handshaking_none": ([], {"easy": [], "medium": [], "hard": []})},
}


def cells(items):
    """Make Matlab's column of cells."""
    column = np.empty((len(items), 1), dtype=object)
    for index, item in enumerate(items):
        column[index, 0] = item
    return column


def write_truth(folder, **other):
    """Write the four files in the official layout; other: variable -> what stands there instead."""
    faces = [
        cells([np.array(boxes, np.float64).reshape(-1, 4) for boxes, _ in photos.values()])
        for photos in PHOTOS.values()
    ]
    main = {
        "event_list": cells([np.array([event]) for event in PHOTOS]),
        "file_list": cells([cells([np.array([x]) for x in photos]) for photos in PHOTOS.values()]),
        "face_bbx_list": cells(faces),
    }
    savemat(folder / "wider_face_val.mat", main | {k: v for k, v in other.items() if k in main})
    for level in LEVELS:
        lists = [
            cells([np.array(marks[level], np.uint8)[:, None] for _, marks in photos.values()])
            for photos in PHOTOS.values()
        ]
        found = other.get(level, {"gt_list": cells(lists)})
        savemat(folder / f"wider_{level}_val.mat", found)
    return folder


def test_truth_has_all_photos_in_order_with_corners_and_levels(tmp_path):
    truth = read_truth(write_truth(tmp_path))
    assert list(truth) == [
        "0--Parade/0_Parade_one",
        "0--Parade/0_Parade_gjpg",
        "1--Handshaking/1_Handshaking_none",
    ]
    second = truth["0--Parade/0_Parade_gjpg"]
    assert second.boxes.tolist() == [[0, 0, 9, 9], [50, 60, 70, 80], [90, 5, 90, 28]]
    assert {level: marks.tolist() for level, marks in second.counted.items()} == {
        "easy": [False, False, False],
        "medium": [False, True, False],
        "hard": [True, True, False],
    }
    assert truth["1--Handshaking/1_Handshaking_none"].boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"easy": {"gt_list": cells([cells([])])}}, "wider_easy_val.mat: lists 0 photos"),
        ({"hard": {"other": np.zeros(3)}}, "has no variable gt_list"),
        ({"medium": {"gt_list": np.zeros(3)}}, "no array of cells"),
        ({"event_list": cells([np.array(["a"])])}, "lists of different length"),
        ({"face_bbx_list": cells([cells([]), cells([])])}, "event 0--Parade: 2 photos with 0"),
        (
            {"face_bbx_list": cells([cells([np.zeros((1, 4))] * 2), cells([np.zeros((0, 4))])])},
            "photo 0--Parade/0_Parade_gjpg: counts face 2 of 1",
        ),
    ],
)
def test_truth_that_does_not_fit_together_is_refused(tmp_path, other, message):
    with pytest.raises(LabelError, match=message):
        read_truth(write_truth(tmp_path, **other))


def test_a_missing_or_damaged_file_is_named(tmp_path):
    write_truth(tmp_path)
    (tmp_path / "wider_hard_val.mat").write_bytes(b"not a Matlab file")
    with pytest.raises(LabelError, match="wider_hard_val.mat: no Matlab file"):
        read_truth(tmp_path)
    (tmp_path / "wider_face_val.mat").unlink()
    with pytest.raises(LabelError, match=r"wider_face_val.mat: there is no such file"):
        read_truth(tmp_path)


# ---- detections

ONE = "0--Parade/0_Parade_one"
FOUND = Faces(
    torch.tensor([[10.25, 20, 40, 60], [1, 2, 3.5, 4], [5, 5, 6, 6]]),
    torch.tensor([0.2, 0.987654, 0.5]),
)


def test_what_is_written_is_read_again_the_surest_first(tmp_path):
    write_results(tmp_path, {ONE: FOUND, "1--Handshaking/x": Faces.empty()})
    text = (tmp_path / "0--Parade" / "0_Parade_one.txt").read_text()
    assert text.splitlines() == [
        "0_Parade_one",
        "3",
        "1.000 2.000 2.500 2.000 0.987654",
        "5.000 5.000 1.000 1.000 0.500000",
        "10.250 20.000 29.750 40.000 0.200000",
    ]
    read = read_results(tmp_path, [ONE, "1--Handshaking/x"])
    assert_close(read[ONE].boxes, FOUND.boxes[[1, 2, 0]].double())
    assert_close(read[ONE].scores, FOUND.scores[[1, 2, 0]].double(), atol=1e-6, rtol=0)
    assert len(read["1--Handshaking/x"].boxes) == 0


def test_truth_and_detections_meet_in_the_score(tmp_path):
    truth = read_truth(write_truth(tmp_path))
    found = {name: Detections(x.boxes, torch.ones(len(x.boxes))) for name, x in truth.items()}
    write_results(tmp_path / "results", found)
    read = read_results(tmp_path / "results", truth)
    scores = score_wider([(read[name], faces) for name, faces in truth.items()])
    assert {level: score.faces for level, score in scores.items()} == {
        "easy": 1,
        "medium": 2,
        "hard": 3,
    }
    assert all(score.ap == pytest.approx(1.0) for score in scores.values())


def test_a_photo_without_a_file_is_refused_or_has_no_detections(tmp_path):
    write_results(tmp_path, {ONE: FOUND})
    names = [ONE, "0--Parade/a", "0--Parade/b"]
    with pytest.raises(LabelError, match="0--Parade/a and 1 more photos have no file"):
        read_results(tmp_path, names)
    with pytest.raises(LabelError, match="0--Parade/a has no file"):
        read_results(tmp_path, names[:2])
    read = read_results(tmp_path, names, missing="empty")
    assert [len(read[name].boxes) for name in names] == [3, 0, 0]
    with pytest.raises(ValueError, match="missing: expected refuse or empty"):
        read_results(tmp_path, names, missing="ignore")
    with pytest.raises(LabelError, match="there is no such folder"):
        read_results(tmp_path / "nowhere", names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\n2\n1 2 3 4 0.5\n", "line 2: expected the number of detections, 1 lines; got '2'"),
        ("name\nmany\n1 2 3 4 0.5\n", "line 2: expected the number of detections"),
        ("name\n", "line 1: expected the number of detections, 0 lines; got ''"),
        ("name\n1\n1 2 3 4\n", "line 3: expected x y w h score, got 4 fields"),
        ("name\n2\n1 2 3 4 0.5\n1 2 3 nan 0.5\n", "line 4: field 4 is 'nan'"),
        ("name\n1\n1 2 3 4 inf\n", "line 3: field 5 is 'inf'"),
        ("name\n1\n1 2 3 x 0.1\n", "line 3: field 4 is 'x'"),
        ("name\n1\n30 40 20 20.5 .3 4\n", "line 3: expected x y w h score, got 6 fields"),
        ("name\n1\n30 40 -2 5 .3\n", "line 3: width -2 and height 5; they cannot be negative"),
        ("", "the file is empty"),
    ],
)
def test_a_damaged_file_of_detections_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "0--Parade" / "0_Parade_one.txt"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(LabelError, match=message):
        read_results(tmp_path, [ONE])


def test_names_stay_below_the_folder_and_numbers_are_finite(tmp_path):
    for name in ("../x", "/x", ""):
        with pytest.raises(ValueError, match="below the folder"):
            write_results(tmp_path, {name: FOUND})
    bad = Detections(torch.zeros(1, 4), torch.tensor([float("nan")]))
    with pytest.raises(ValueError, match="not finite"):
        write_results(tmp_path, {ONE: bad})
    assert not list(tmp_path.rglob("*.txt"))
