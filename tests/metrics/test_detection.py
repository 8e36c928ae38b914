"""Average precision and its companions against numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from facelab.metrics.detection import (
    FALSE_ALARM,
    LEFT_OUT,
    Truth,
    average_precision,
    landmark_error,
    match,
    precision_recall,
    score_photos,
)
from facelab.types import Faces

FACE = [0.0, 0.0, 10.0, 10.0]
FAR_AWAY = [50.0, 50.0, 60.0, 60.0]
EYES = torch.tensor([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [35.0, 80.0], [65.0, 80.0]])


def boxes(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def found(*rows: list[float], scores: list[float] | None = None) -> Faces:
    falling = scores if scores is not None else [0.9 - 0.1 * k for k in range(len(rows))]
    return Faces(boxes(*rows), torch.tensor(falling, dtype=torch.float32))


def shifted(x: float) -> list[float]:
    """FACE moved to the right; IoU (10 - x) / (10 + x)."""
    return [x, 0.0, 10.0 + x, 10.0]


def curve(hits: list[bool], faces: int, scores: list[float] | None = None):
    falling = scores if scores is not None else [1 - 0.1 * k for k in range(len(hits))]
    return precision_recall(np.array(falling), np.array(hits, dtype=bool), faces)


# Matching


def test_a_hit_needs_an_iou_of_one_half_and_exactly_that_is_enough():
    # 10 x 10 against 10 x 20: intersection 100, union 200.
    tall = [0.0, 0.0, 10.0, 20.0]
    assert match(found(tall), Truth(boxes(FACE))).tolist() == [0]
    assert match(found([0.0, 0, 10, 20.1]), Truth(boxes(FACE))).tolist() == [FALSE_ALARM]


def test_the_second_box_on_a_face_is_a_false_alarm_whatever_its_overlap():
    result = match(found(shifted(2), FACE, scores=[0.9, 0.8]), Truth(boxes(FACE)))
    assert result.tolist() == [0, FALSE_ALARM]
    result = match(found(shifted(2), FACE, scores=[0.8, 0.9]), Truth(boxes(FACE)))
    assert result.tolist() == [FALSE_ALARM, 0]


def test_a_detection_takes_the_best_face_that_is_still_free():
    # Both faces overlap both detections with at least one half.
    truth = Truth(boxes(shifted(0), shifted(3)))
    assert match(found(shifted(1), shifted(1)), truth).tolist() == [0, 1]


def test_equal_scores_are_matched_in_their_given_order():
    both = found(shifted(3), FACE, scores=[0.5, 0.5])
    assert match(both, Truth(boxes(FACE))).tolist() == [0, FALSE_ALARM]


def test_a_detection_on_an_ignored_region_is_left_out_unless_it_hits_a_face():
    truth = Truth(boxes(FACE), ignore=boxes([0, 0, 30, 30]))
    inside = [15.0, 15, 25, 25]  # IoU 100 / 900, wholly inside
    half_out = [25.0, 0, 35, 10]  # exactly half inside, IoU 50 / 950: counts
    result = match(found(FACE, inside, half_out, FAR_AWAY), truth)
    assert result.tolist() == [0, LEFT_OUT, FALSE_ALARM, FALSE_ALARM]


def test_a_large_detection_around_an_ignored_region_is_left_out_by_its_iou():
    truth = Truth(boxes(), ignore=boxes([0, 0, 10, 10]))
    # A third of the detection inside, so the share does not decide: IoU 100 / 300.
    assert match(found([0, 0, 10, 30]), truth).tolist() == [LEFT_OUT]
    assert match(found([0, 0, 10, 34]), truth).tolist() == [FALSE_ALARM]


@pytest.mark.parametrize("iou", [0.0, -1.0, 1.5])
def test_a_threshold_outside_its_range_is_refused(iou):
    with pytest.raises(ValueError, match="iou"):
        match(found(FACE), Truth(boxes(FACE)), iou=iou)


# Average precision


def test_the_specification_example_gives_five_sixths():
    # Right at 0.9, wrong at 0.8, right at 0.7, two faces: 1/2 x 1 + 1/2 x 2/3.
    assert average_precision(curve([True, False, True], 2)) == pytest.approx(5 / 6)


def test_precision_is_the_best_at_that_recall_or_more():
    # Precisions 0, 1/2, 2/3: the envelope is 2/3 everywhere.
    assert average_precision(curve([False, True, True], 2)) == pytest.approx(2 / 3)


def test_faces_never_found_take_their_share_of_the_area():
    assert average_precision(curve([True], 4)) == pytest.approx(0.25)


def test_nothing_found_is_zero_and_false_alarms_after_the_last_hit_change_nothing():
    assert average_precision(curve([], 3)) == 0
    assert average_precision(curve([True, True, False, False], 2)) == 1


def test_more_hits_than_faces_are_refused():
    with pytest.raises(ValueError, match="2 detections are hits"):
        curve([True, True], 1)


# A set of photos


def test_ranks_are_compared_across_photos():
    # Over both photos by score: right, wrong, right.
    first = found(FACE, FAR_AWAY, scores=[0.9, 0.8]), Truth(boxes(FACE))
    second = found(FACE, scores=[0.7]), Truth(boxes(FACE))
    assert score_photos([first, second])["all"].ap == pytest.approx(5 / 6)


def test_false_alarms_on_photos_without_faces_count():
    first = found(FACE, scores=[0.5]), Truth(boxes(FACE))
    empty = found(FACE, scores=[0.9]), Truth(boxes())
    score = score_photos([first, empty])["all"]
    assert (score.ap, score.false_alarms, score.faces) == (pytest.approx(0.5), 1, 1)


def test_ranges_split_faces_by_their_height_with_the_lower_end_included():
    small, large = [0.0, 0, 16, 16], [100.0, 100, 140, 132]
    photo = found(small, large), Truth(boxes(small, large))
    scores = score_photos([photo])
    faces = {name: score.faces for name, score in scores.items()}
    assert faces == {"all": 2, "below 16": 0, "16 to 32": 1, "32 to 96": 1, "96 and above": 0}
    assert scores["16 to 32"].ap == scores["32 to 96"].ap == 1
    assert math.isnan(scores["below 16"].ap)


def test_hits_of_another_range_are_left_out_and_false_alarms_count_by_their_own_height():
    small, large = [0.0, 0, 20, 20], [100.0, 100, 140, 140]
    alarm = [200.0, 0, 240, 40]
    photo = found(large, alarm, small), Truth(boxes(small, large))
    scores = score_photos([photo])
    assert scores["16 to 32"].ap == 1, "neither the large hit nor the large false alarm counts"
    assert len(scores["16 to 32"].curve.recall) == 1
    assert len(scores["32 to 96"].curve.recall) == 2


def test_the_best_f1_gives_recall_precision_threshold_and_false_alarms():
    # F1 after each: 2/4, 2/5, 4/6, 6/7; the last detection lowers it again.
    face = [[20.0 * k, 0.0, 20.0 * k + 10, 10.0] for k in range(3)]
    photo = (
        found(face[0], FAR_AWAY, face[1], face[2], [70, 70, 80, 80]),
        Truth(boxes(*face)),
    )
    score = score_photos([photo])["all"]
    assert (score.recall, score.precision, score.false_alarms) == (1.0, 0.75, 1)
    assert score.threshold == pytest.approx(0.6)


def test_nothing_at_all_is_judged_without_a_warning():
    score = score_photos([(Faces.empty(), Truth(boxes()))])["all"]
    assert (score.faces, score.recall, score.false_alarms) == (0, 0.0, 0)
    assert math.isnan(score.ap)
    assert math.isnan(score.nme)


# Landmarks


def test_the_landmark_error_is_the_mean_distance_over_that_of_the_eyes():
    # Eyes 40 px apart; all points off by (3, 4), 5 px.
    moved = EYES + torch.tensor([3.0, 4.0])
    assert landmark_error(moved, EYES, height=100) == pytest.approx(5 / 40)
    moved = EYES.clone()
    moved[2] += torch.tensor([0.0, 10.0])
    assert landmark_error(moved, EYES, height=100) == pytest.approx(10 / 5 / 40)


def test_faces_near_profile_have_no_landmark_error():
    assert landmark_error(EYES, EYES, height=266) == 0  # 40 px is above 0.15 x 266 = 39.9
    assert math.isnan(landmark_error(EYES, EYES, height=267))


def test_a_missing_point_gives_no_landmark_error():
    for point in (0, 4):
        partly = EYES.clone()
        partly[point] = math.nan
        assert math.isnan(landmark_error(EYES, partly, height=100))


def test_landmark_errors_are_averaged_over_the_hit_faces_that_have_points():
    face, other = [0.0, 0, 100, 100], [200.0, 0, 300, 100]
    points = torch.stack([EYES, torch.full((5, 2), math.nan)])
    faces = Faces(
        boxes(face, other, FAR_AWAY),
        torch.tensor([0.9, 0.8, 0.7]),
        torch.stack([EYES + torch.tensor([4.0, 0.0]), EYES, EYES]),
    )
    score = score_photos([(faces, Truth(boxes(face, other), points))])["all"]
    assert score.nme == pytest.approx(0.1)
