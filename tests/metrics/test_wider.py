"""The WIDER FACE evaluation against a slow, literal port of its rules, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from facelab.metrics.wider import LEVELS, Counted, Detections, counted_faces, score_wider
from facelab.types import Faces, Scene

# ---- the oracle: loops, as the protocol is written


def slow_overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(x[2] - x[0] + 1) * (x[3] - x[1] + 1) for x in (a, b)]
    return width * height / (areas[0] + areas[1] - width * height)


def slow_image(found, boxes, counted, iou):
    """Follow hits and proposals through the detections (D, 5) of a photo."""
    state, hits = [0] * len(boxes), []
    proposal = [1] * len(found)
    for number, detection in enumerate(found):
        overlaps = [slow_overlap(detection[:4], box) for box in boxes]
        best = int(np.argmax(overlaps))
        if overlaps[best] >= iou:
            if not counted[best]:
                state[best], proposal[number] = -1, -1
            elif state[best] == 0:
                state[best] = 1
        hits.append(state.count(1))
    return hits, proposal


def slow_wider(photos, level, iou=0.5):
    """Return the average precision; photos: (detections (D, 5) falling, boxes (N, 4), counted)."""
    low, high = 1.0, 0.0
    for found, _, _ in photos:
        if len(found):
            low, high = min(low, found[:, 4].min()), max(high, found[:, 4].max())
    totals, faces = np.zeros((1000, 2)), 0
    for found, boxes, counted in photos:
        faces += int(counted[level].sum())
        if not len(found) or not len(boxes):
            continue
        scores = (found[:, 4] - low) / (high - low)
        hits, proposal = slow_image(found, boxes, counted[level], iou)
        for k in range(1000):
            reached = np.where(scores >= 1 - (k + 1) / 1000)[0]
            if len(reached):
                totals[k] += proposal[: reached[-1] + 1].count(1), hits[reached[-1]]
    precision = [h / p if p else 0.0 for p, h in totals]
    recall = [h / faces for _, h in totals]
    recall, precision = [0.0, *recall, 1.0], [0.0, *precision, 0.0]
    for k in range(len(precision) - 2, -1, -1):
        precision[k] = max(precision[k], precision[k + 1])
    return sum(
        (recall[k + 1] - recall[k]) * precision[k + 1]
        for k in range(len(recall) - 1)
        if recall[k + 1] != recall[k]
    )


# ---- made-up photos


def corners(rng, count, largest=80):
    xy = rng.integers(0, 200, (count, 2))
    return np.concatenate((xy, xy + rng.integers(0, largest, (count, 2))), axis=1).astype(float)


def made_up(rng, detections):
    """Make labels with ignored and empty faces, and detections near them and elsewhere."""
    boxes = corners(rng, int(rng.integers(0, 9)))
    hard = rng.random(len(boxes)) < 0.8
    medium = hard & (rng.random(len(boxes)) < 0.6)
    counted = {"easy": medium & (rng.random(len(boxes)) < 0.6), "medium": medium, "hard": hard}
    found = corners(rng, detections)
    if len(boxes) and detections:
        near = rng.random(detections) < 0.7
        found[near] = boxes[rng.integers(0, len(boxes), near.sum())]
        found[near] += rng.normal(0, 4, (near.sum(), 4)).round(1)
    scores = np.sort(rng.choice([0.3, 0.5, 0.97], detections) * rng.random(detections))[::-1]
    return np.column_stack((found, scores)), boxes, counted


def as_records(photo):
    found, boxes, counted = photo
    detections = Detections(
        boxes=torch.from_numpy(found[:, :4].copy()), scores=torch.from_numpy(found[:, 4].copy())
    )
    flags = {level: torch.from_numpy(faces) for level, faces in counted.items()}
    return detections, Counted(torch.from_numpy(boxes), flags)


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_literal_port(seed):
    rng = np.random.default_rng(seed)
    photos = [made_up(rng, int(rng.integers(0, 40))) for _ in range(30)]
    scores = score_wider([as_records(photo) for photo in photos])
    assert tuple(scores) == LEVELS
    for level in LEVELS:
        assert scores[level].ap == pytest.approx(slow_wider(photos, level), abs=1e-6)
        assert 0.05 < scores[level].ap < 0.95


# ---- by hand


def face(*corners):
    return torch.tensor([corners], dtype=torch.float32)


A, B, C = face(0, 0, 20, 20), face(100, 0, 120, 20), face(200, 0, 220, 20)
NOWHERE = face(300, 300, 330, 330)


def found(*pairs):
    boxes, scores = zip(*pairs, strict=True)
    return Faces(torch.cat(boxes), torch.tensor(scores))


def labelled(boxes, **counted):
    flags = {level: torch.tensor(faces) for level, faces in counted.items()}
    return Counted(torch.cat(boxes), flags)


def ap(detections, truth):
    (score,) = score_wider([(detections, truth)]).values()
    return score.ap


def test_two_faces_by_hand():
    # hit at 1.0, false alarm at 0.8, hit at the lowest score: 1/2 * 1 + 1/2 * 2/3
    detections = found((A, 0.9), (NOWHERE, 0.85), (B, 0.5))
    assert ap(detections, labelled([A, B], all=[True, True])) == pytest.approx(5 / 6)


def test_perfect_detections_have_all_the_area():
    score = score_wider([(found((A, 0.9), (B, 0.4)), labelled([A, B], all=[True, True]))])["all"]
    assert score.ap == pytest.approx(1.0)
    assert score.faces == 2
    assert score.curve.recall[-1] == 1.0


def test_a_second_detection_of_a_face_is_a_false_alarm_but_costs_nothing_after_the_last_hit():
    truth = labelled([A, B], all=[True, True])
    detections = found((A, 0.9), (B, 0.8), (A, 0.2), (B, 0.1))
    score = score_wider([(detections, truth)])["all"]
    assert score.ap == pytest.approx(1.0)
    assert score.curve.precision[-1] == pytest.approx(0.5)


def test_detections_of_ignored_faces_have_no_effect():
    truth = labelled([A, B, C], all=[True, False, False])
    alone = score_wider([(found((A, 0.9), (NOWHERE, 0.5)), truth)])["all"]
    more = score_wider([(found((B, 0.9), (A, 0.9), (C, 0.8), (NOWHERE, 0.5)), truth)])["all"]
    assert more.ap == alone.ap
    assert more.curve.precision[-1] == alone.curve.precision[-1] == 0.5


def test_a_detection_belongs_to_the_face_that_it_overlaps_most_even_if_that_is_ignored():
    ignored = face(4, 0, 24, 20)
    detection = face(3, 0, 23, 20)  # overlaps both by more than half
    truth = labelled([A, ignored], all=[True, False])
    assert ap(found((detection, 0.9)), truth) == 0.0


def test_levels_count_different_faces_of_the_same_photo():
    truth = labelled([A, B], easy=[True, False], hard=[True, True])
    scores = score_wider([(found((A, 0.9), (B, 0.8)), truth)])
    assert (scores["easy"].faces, scores["hard"].faces) == (1, 2)
    only_a = score_wider([(found((A, 0.9)), truth)])
    assert only_a["easy"].ap == pytest.approx(1.0)
    assert only_a["hard"].ap == pytest.approx(0.5)


def test_overlaps_count_inclusive_pixels():
    small = face(0, 0, 9, 9)  # 10 inclusive pixels a side
    moved = face(3, 0, 12, 9)  # 70 of 130 inclusive, 54 of 108 half-open
    truth = labelled([small], all=[True])
    for limit, hit in ((0.53, 1.0), (0.55, 0.0)):
        score = score_wider([(found((moved, 0.9)), truth)], iou=limit)["all"]
        assert score.ap == pytest.approx(hit)


def test_a_photo_without_faces_costs_nothing_and_one_without_detections_misses_its_faces():
    truth = labelled([A], all=[True])
    nothing = Counted(torch.zeros(0, 4), {"all": torch.zeros(0, dtype=torch.bool)})
    photos = [(found((A, 0.9)), truth), (found((NOWHERE, 0.95)), nothing), (Faces.empty(), truth)]
    score = score_wider(photos)["all"]
    assert score.faces == 2
    assert score.ap == pytest.approx(0.5)
    assert score.curve.precision[-1] == 1.0


def test_scores_are_stretched_over_the_whole_set_whatever_their_range():
    photos = [
        (found((A, 0.9), (NOWHERE, 0.6)), labelled([A], all=[True])),
        (found((B, 0.5)), labelled([B], all=[True])),
    ]
    scaled = [(Detections(boxes=x.boxes, scores=40 * x.scores - 30), truth) for x, truth in photos]
    assert score_wider(scaled)["all"].ap == pytest.approx(score_wider(photos)["all"].ap)


def test_detections_may_come_in_any_order():
    truth = labelled([A, B], all=[True, True])
    falling = found((A, 0.9), (NOWHERE, 0.85), (B, 0.5))
    assert ap(falling[[2, 0, 1]], truth) == ap(falling, truth)


def test_one_score_for_everything_is_one_point_of_the_curve():
    detections = found((A, 0.7), (NOWHERE, 0.7))
    assert ap(detections, labelled([A], all=[True])) == pytest.approx(0.5)


def test_nothing_found_and_nothing_asked():
    truth = labelled([A], all=[True])
    assert ap(Faces.empty(), truth) == 0.0
    assert math.isnan(ap(found((A, 0.9)), labelled([A], all=[False])))
    assert score_wider([]) == {}


def test_what_cannot_be_judged_is_refused_with_the_photo():
    truth = labelled([A], all=[True])
    for boxes, scores in ((A, [math.nan]), (A * math.nan, [0.5])):
        bad = Detections(boxes=boxes, scores=torch.tensor(scores))
        with pytest.raises(ValueError, match="photo 1: a detection has"):
            score_wider([(found((A, 0.9)), truth), (bad, truth)])
    with pytest.raises(ValueError, match=r"photo 1: levels \['easy'\], expected \['all'\]"):
        score_wider([(Faces.empty(), truth), (Faces.empty(), labelled([A], easy=[True]))])
    with pytest.raises(ValueError, match="iou: expected"):
        score_wider([], iou=0)
    with pytest.raises(ValueError, match=r"counted\['all'\]: expected torch.bool of shape \(1,\)"):
        labelled([A], all=[True, False])
    with pytest.raises(ValueError, match=r"boxes: expected \(N, 4\)"):
        Counted(torch.zeros(3), {})


def test_a_scene_says_by_difficulty_and_validity_what_each_level_counts():
    scene = Scene(
        np.zeros((40, 400, 3), np.uint8),
        torch.cat([A, B, C, NOWHERE]),
        attributes={
            "difficulty": torch.tensor([0, 1, 2, 0]),
            "invalid": torch.tensor([0, 0, 0, 1]),
        },
        ignore=face(1, 1, 5, 5),
    )
    truth = counted_faces(scene)
    assert truth.boxes[-1].tolist() == [1, 1, 5, 5]
    assert {level: marks.long().tolist() for level, marks in truth.counted.items()} == {
        "easy": [1, 0, 0, 0, 0],
        "medium": [1, 1, 0, 0, 0],
        "hard": [1, 1, 1, 0, 0],
    }
    with pytest.raises(ValueError, match="no attribute `difficulty`, only: blur"):
        counted_faces(Scene(scene.image, A, attributes={"blur": torch.zeros(1)}))
