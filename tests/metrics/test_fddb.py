"""The FDDB evaluation against rasters, an oracle that matches anew each time, and by hand."""

from __future__ import annotations

import math
from itertools import permutations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.optimize import brentq, linear_sum_assignment
from torch.testing import assert_close

from facelab.metrics.fddb import (
    EllipseDetections,
    LabelledEllipses,
    OperatingPoint,
    Roc,
    ellipse_boxes,
    ellipse_iou,
    labelled_ellipses,
    operating_points,
    score_fddb,
)
from facelab.metrics.wider import Detections
from facelab.types import Faces, Scene


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


def iou(region, ellipse, **options):
    return ellipse_iou(rows(region), rows(ellipse), **options).item()


# ---- regions: a fine raster, row by row


def chords(region, y):
    """Left and right end of a region on each row y, nothing where left is not less."""
    if len(region) == 4:
        x1, y1, x2, y2 = region
        inside = (y >= y1) & (y < y2)
        return np.where(inside, x1, np.inf), np.where(inside, x2, -np.inf)
    a, b, angle, cx, cy = region
    # ((x cos + y sin) / a)^2 + ((y cos - x sin) / b)^2 = 1, solved for x - cx
    cos, sin, y = math.cos(angle), math.sin(angle), y - cy
    p = (cos / a) ** 2 + (sin / b) ** 2
    q = y * cos * sin * (1 / a**2 - 1 / b**2)
    r = y**2 * ((sin / a) ** 2 + (cos / b) ** 2) - 1
    root = np.sqrt(np.maximum(q**2 - p * r, 0))
    return cx + (-q - root) / p, cx + (-q + root) / p


def raster_areas(region, ellipse, size=None, lines=20_000):
    """Add up the chords of what both regions share and of each, on many rows."""
    reach = [ellipse[4] - max(ellipse[:2]), ellipse[4] + max(ellipse[:2])]
    reach += [region[1], region[3]] if len(region) == 4 else []
    reach += [region[4] - max(region[:2]), region[4] + max(region[:2])] if len(region) == 5 else []
    step = (max(reach) - min(reach)) / lines
    y = min(reach) + (np.arange(lines) + 0.5) * step
    ends = [chords(region, y), chords(ellipse, y)]
    if size is not None:
        photo = chords((0, 0, size[1], size[0]), y)
        ends = [(np.maximum(a, photo[0]), np.minimum(b, photo[1])) for a, b in ends]
    (a1, b1), (a2, b2) = ends
    areas = [np.maximum(b - a, 0).sum() * step for a, b in ends]
    common = np.maximum(np.minimum(b1, b2) - np.maximum(a1, a2), 0).sum() * step
    return common, *areas


def raster_iou(region, ellipse, size=None):
    common, *areas = raster_areas(region, ellipse, size)
    whole = sum(areas) - common
    return common / whole if whole > 0 else 0.0


place, length = st.floats(-40, 140), st.floats(0.5, 90)
boxes = st.tuples(place, place, length, length).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
angles = st.floats(-math.pi, math.pi)
ellipses = st.tuples(length, length, angles, place, place)
sizes = st.none() | st.tuples(st.integers(1, 120), st.integers(1, 120))


@given(boxes, ellipses, sizes)
@example((0.0, 0.0, 20.0, 20.0), (10.0, 10.0, 0.0, 10.0, 10.0), None)  # touches four sides
@example((10.0, 10.0, 30.0, 30.0), (8.0, 3.0, 0.7, 10.0, 10.0), None)  # a corner in the centre
def test_overlap_of_a_box_equals_a_fine_raster(box, ellipse, size):
    assert iou(box, ellipse, size=size) == pytest.approx(raster_iou(box, ellipse, size), abs=2e-4)


@given(ellipses, ellipses, sizes)
def test_overlap_of_an_ellipse_equals_a_fine_raster(found, ellipse, size):
    common, *areas = raster_areas(found, ellipse, size)
    assume(min(areas) > 1)  # with less than a pixel left of one, its polygon is too coarse
    expected = common / (sum(areas) - common)
    assert iou(found, ellipse, size=size) == pytest.approx(expected, abs=5e-4)


@given(boxes, ellipses, st.floats(-500, 500), st.floats(0.1, 20))
def test_overlap_does_not_change_when_both_move_grow_or_turn_half_round(box, ellipse, shift, scale):
    a, b, angle, cx, cy = ellipse
    moved = [scale * edge + shift for edge in box]
    other = (scale * a, scale * b, angle + math.pi, scale * cx + shift, scale * cy + shift)
    assert iou(moved, other) == pytest.approx(iou(box, ellipse), abs=1e-9)
    turned = (b, a, angle + math.pi / 2, cx, cy)
    assert iou(box, turned) == pytest.approx(iou(box, ellipse), abs=1e-9)


@given(ellipses, ellipses)
def test_overlap_of_two_ellipses_is_symmetric_and_one_with_itself(a, b):
    assert iou(a, b) == pytest.approx(iou(b, a), abs=2e-4)
    assert iou(a, a) == pytest.approx(1, abs=2e-4)
    assert 0 <= iou(a, b) <= 1


@pytest.mark.parametrize(
    ("region", "ellipse", "expected"),
    [
        ((0, 0, 20, 20), (10, 10, 0, 10, 10), math.pi / 4),
        ((5, 5, 15, 15), (10, 10, 1, 10, 10), 1 / math.pi),  # a square inside a circle
        ((50, 0, 90, 100), (20, 10, 0, 50, 50), 100 * math.pi / (4000 + 100 * math.pi)),  # half
        ((10, 10, 40, 40), (6, 6, 0, 10, 10), 9 * math.pi / (900 + 27 * math.pi)),  # a quarter
        ((21, 0, 30, 20), (10, 10, 0, 10, 10), 0),
        ((17.2, 17.2, 20, 20), (10, 10, 0, 10, 10), 0),  # boxes meet, regions do not
        ((5, 5, 5, 15), (10, 10, 0, 10, 10), 0),  # no width
        ((15, 15, 5, 5), (10, 10, 0, 10, 10), 0),  # corners exchanged
        ((10, 4, 0.5, 3, 3), (20, 8, 0.5, 3, 3), 1 / 4),
        ((10, 10, 0, 0, 0), (10, 10, 0, 20, 0), 0),
    ],
)
def test_overlaps_by_hand(region, ellipse, expected):
    assert iou(region, ellipse) == pytest.approx(expected, abs=2e-5)


def test_the_angle_turns_from_x_towards_y_as_where_the_official_tool_draws_it():
    ellipse = (200.0, 50.0, math.pi / 6, 300.0, 300.0)
    assert iou((440, 360, 460, 420), ellipse) > 0.01
    assert iou((440, 180, 460, 240), ellipse) == pytest.approx(0)
    drawn = np.zeros((600, 600), np.uint8)
    cv2.ellipse(drawn, (300, 300), (200, 50), math.degrees(math.pi / 6), 0, 360, 1, cv2.FILLED)
    for box in ((300, 300, 500, 420), (250, 150, 400, 350), (0, 0, 300, 300)):
        x1, y1, x2, y2 = box
        common, own = int(drawn[y1:y2, x1:x2].sum()), int(drawn.sum())
        whole = (x2 - x1) * (y2 - y1) + own - common
        assert iou(box, ellipse) == pytest.approx(common / whole, abs=0.01)


def test_the_photo_cuts_all_regions():
    ellipse, box = (10, 10, 0, 0, 20), (-10, 10, 10, 30)
    assert iou(box, ellipse) == pytest.approx(math.pi / 4)
    half = 50 * math.pi  # of the ellipse, in a box of 200
    assert iou((0, 10, 10, 30), ellipse) == pytest.approx(half / (200 + half))
    assert iou((0, 10, 10, 30), ellipse, size=(100, 100)) == pytest.approx(math.pi / 4)
    assert iou(box, ellipse, size=(100, 100)) == pytest.approx(math.pi / 4)
    assert iou(box, ellipse, size=(20, 100)) == pytest.approx(math.pi / 4)
    assert iou((-30, 10, -1, 30), ellipse, size=(100, 100)) == 0
    assert iou((0, 0, 50, 50), (5, 5, 0, -9, 9), size=(50, 50)) == 0
    circle = (20, 20, 0, 30, 30)
    assert iou(circle, circle, size=(15, 100)) == pytest.approx(1, abs=1e-3)
    assert iou((-40, -40, 100, 100), circle, size=(60, 60)) == pytest.approx(math.pi / 9)


def test_overlaps_of_all_pairs_and_of_none():
    regions, faces = rows((0, 0, 20, 20), (50, 50, 60, 60)), rows((10, 10, 0, 10, 10))
    assert_close(ellipse_iou(regions, faces), rows((math.pi / 4,), (0.0,)))
    for width in (4, 5):
        nothing = torch.zeros(0, width)
        assert ellipse_iou(nothing, faces).shape == (0, 1)
        assert ellipse_iou(nothing, torch.zeros(0, 5)).shape == (0, 0)
    assert ellipse_iou(regions, torch.zeros(0, 5)).shape == (2, 0)
    assert ellipse_iou(regions.float(), faces.float()).dtype == torch.float64


@given(ellipses)
def test_the_bounding_rectangle_touches_the_ellipse_on_all_sides(ellipse):
    a, b, angle, cx, cy = ellipse
    turn = np.linspace(0, 2 * math.pi, 5000)
    x = cx + a * np.cos(turn) * math.cos(angle) - b * np.sin(turn) * math.sin(angle)
    y = cy + a * np.cos(turn) * math.sin(angle) + b * np.sin(turn) * math.cos(angle)
    expected = [x.min(), y.min(), x.max(), y.max()]
    assert ellipse_boxes(rows(ellipse))[0].tolist() == pytest.approx(expected, abs=1e-3)


def test_bounding_rectangles_by_hand():
    found = ellipse_boxes(torch.tensor([[20.0, 10, 0, 50, 60], [20, 10, math.pi / 2, 50, 60]]))
    assert_close(found, torch.tensor([[30.0, 50, 70, 70], [40, 40, 60, 80]]))
    assert ellipse_boxes(torch.zeros(0, 5)).shape == (0, 4)


# ---- the oracle: all photos matched anew at every threshold


def best_pairs(overlap):
    """Try every way to pair detections (D, N) with faces; the overlaps of the best one."""
    count, faces = overlap.shape
    seats = [*range(faces), *[None] * count]
    best, pairs = -1.0, []
    for order in set(permutations(seats, count)):
        chosen = [overlap[row, face] for row, face in enumerate(order) if face is not None]
        if sum(chosen) > best:
            best, pairs = sum(chosen), chosen
    return pairs


def solved_pairs(overlap):
    return overlap[linear_sum_assignment(overlap, maximize=True)].tolist()


def slow_roc(photos, pairs_of):
    """Return threshold, false positives, discrete and continuous score at every threshold."""
    judged = []
    for found, truth in photos:
        regions = found.ellipses if isinstance(found, EllipseDetections) else found.boxes
        overlap = ellipse_iou(regions, truth.ellipses, size=truth.size).numpy()
        judged.append((overlap, found.scores.double().numpy()))
    faces = sum(len(truth.ellipses) for _, truth in photos)
    points = []
    for threshold in sorted({score for _, scores in judged for score in scores}, reverse=True):
        found, hits, total = 0, 0, 0.0
        for overlap, scores in judged:
            valid = scores >= threshold
            found += int(valid.sum())
            for pair in pairs_of(overlap[valid]):
                total += pair
                hits += pair > 0.5
        points.append((threshold, found - hits, hits / faces, total / faces))
    return np.array(points).reshape(-1, 4).T


def made_up(rng, faces, detections, *, levels=None, elliptic=False, apart=60.0):
    """Make crowded ellipses, and detections near them and elsewhere."""
    centres = rng.uniform(0, apart, (faces, 2))
    turn = rng.uniform(-1.5, 1.5, faces)
    labels = np.column_stack((rng.uniform(15, 30, (faces, 2)), turn, centres))
    regions = np.column_stack((rng.uniform(10, 40, (detections, 2)), rng.normal(0, 1, detections)))
    regions = np.column_stack((regions, rng.uniform(0, 2 * apart, (detections, 2))))
    if faces:
        near = rng.random(detections) < 0.8
        regions[near] = labels[rng.integers(0, faces, near.sum())]
        regions[near, 3:] += rng.normal(0, 7, (near.sum(), 2))
    scores = rng.normal(0, 5, detections)
    if levels is not None:
        scores = np.round(rng.random(detections) * levels) / levels
    scores, regions = torch.from_numpy(scores), torch.from_numpy(regions)
    found = EllipseDetections(regions, scores)
    if not elliptic:
        found = Detections(ellipse_boxes(regions), scores)
    return found, LabelledEllipses(torch.from_numpy(labels))


def assert_same(curve, expected):
    threshold, false_positives, discrete, continuous = expected
    assert curve.threshold.tolist() == threshold.tolist()
    assert curve.false_positives.tolist() == false_positives.tolist()
    np.testing.assert_allclose(curve.discrete, discrete, atol=1e-9)
    np.testing.assert_allclose(curve.continuous, continuous, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_equals_trying_every_pairing_at_every_threshold(seed):
    rng = np.random.default_rng(seed)
    photos = [
        made_up(rng, int(rng.integers(0, 4)), int(rng.integers(0, 5)), elliptic=bool(photo % 2))
        for photo in range(8)
    ]
    assert_same(score_fddb(photos), slow_roc(photos, best_pairs))


@pytest.mark.parametrize("levels", [None, 8])
def test_equals_matching_every_photo_anew_at_every_threshold(levels):
    rng = np.random.default_rng(6)
    photos = [
        made_up(rng, int(rng.integers(0, 6)), int(rng.integers(0, 30)), levels=levels, apart=40.0)
        for _ in range(12)
    ]
    expected = slow_roc(photos, solved_pairs)
    curve = score_fddb(photos)
    assert_same(curve, expected)
    assert 0.2 < curve.discrete[-1] < 1 and curve.false_positives[-1] > 20
    if levels is None:
        assert (np.diff(curve.discrete) < 0).any()  # a new detection may cost a hit
        assert (np.diff(curve.false_positives) < 0).any()  # or help another to one


def test_many_detections_of_few_faces_equal_matching_them_all():
    photos = [made_up(np.random.default_rng(6), 4, 150, apart=25.0)]
    assert_same(score_fddb(photos), slow_roc(photos, solved_pairs))


@given(st.integers(0, 10_000))
def test_order_does_not_matter_and_the_parts_add_up(seed):
    rng = np.random.default_rng(seed)
    photos = [made_up(rng, int(rng.integers(0, 4)), 5, levels=4) for _ in range(3)]
    curve = score_fddb(photos)
    mixed = []
    for found, truth in reversed(photos):
        order = torch.from_numpy(rng.permutation(len(found.scores)))
        again = torch.from_numpy(rng.permutation(len(truth.ellipses)))
        mixed.append(
            (
                Detections(found.boxes[order], found.scores[order]),
                LabelledEllipses(truth.ellipses[again]),
            )
        )
    other = score_fddb(mixed)
    for name in ("threshold", "false_positives", "discrete", "continuous"):
        np.testing.assert_allclose(getattr(other, name), getattr(curve, name), atol=1e-9)
    if curve.faces:
        hits = curve.discrete * curve.faces
        scores = np.concatenate([found.scores.numpy() for found, _ in photos])
        entered = [(scores >= threshold).sum() for threshold in curve.threshold]
        np.testing.assert_allclose(hits + curve.false_positives, entered, atol=1e-9)
        assert (np.diff(curve.continuous) >= -1e-12).all()
        assert (curve.threshold[:-1] > curve.threshold[1:]).all()
        assert (curve.discrete <= 1).all() and (curve.continuous <= 1).all()


# ---- by hand: circles of radius 10


def circles(*places):
    return torch.tensor([[10.0, 10, 0, x, y] for x, y in places])


def found(*pairs):
    places, scores = zip(*pairs, strict=True)
    return EllipseDetections(circles(*places), torch.tensor(scores))


def labelled(*places):
    return LabelledEllipses(circles(*places))


def distance(overlap):
    """How far apart two circles of radius 10 are that have this IoU: the area of a lens."""

    def excess(d):
        lens = 2 * 100 * math.acos(d / 20) - d / 2 * math.sqrt(400 - d * d)
        return lens / (200 * math.pi - lens) - overlap

    return brentq(excess, 0, 20)


A, B, NOWHERE = (0.0, 0.0), (100.0, 0.0), (300.0, 300.0)


def test_two_faces_by_hand():
    near = (distance(0.6), 0.0)
    far = (100.0, distance(0.3))
    curve = score_fddb([(found((near, 0.9), (NOWHERE, 0.8), (far, 0.7)), labelled(A, B))])
    assert curve.faces == 2
    assert curve.threshold.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert curve.false_positives.tolist() == [0, 1, 2]
    assert curve.discrete.tolist() == [0.5, 0.5, 0.5]
    # a pair below one half is a false positive, but adds its overlap to the continuous score
    assert curve.continuous.tolist() == pytest.approx([0.3, 0.3, 0.45], abs=1e-4)


def test_a_perfect_box_is_a_hit_but_loses_its_corners():
    box = Faces(torch.tensor([[-10.0, -10, 10, 10]]), torch.tensor([0.9]))
    curve = score_fddb([(box, labelled(A))])
    assert curve.discrete.tolist() == [1.0]
    assert curve.continuous.tolist() == pytest.approx([math.pi / 4])


def test_an_overlap_of_one_half_is_no_hit():
    half = Detections(rows((0, 0, 10, 5 * math.pi)), rows(0.5))  # twice the circle
    face = LabelledEllipses(rows((5, 5, 0, 5, 5 * math.pi / 2)))
    assert ellipse_iou(half.boxes, face.ellipses).item() == pytest.approx(0.5)
    for grown, hit in ((0.99, 1.0), (1.01, 0.0)):
        box = Detections(half.boxes * rows(1, 1, 1, grown), half.scores)
        assert score_fddb([(box, face)]).discrete.tolist() == [hit]


def test_a_second_detection_of_a_face_is_a_false_positive():
    curve = score_fddb([(found((A, 0.9), (A, 0.8)), labelled(A))])
    assert curve.false_positives.tolist() == [0, 1]
    assert curve.discrete.tolist() == [1.0, 1.0]


def test_a_better_detection_that_comes_later_takes_the_face():
    worse = (distance(0.6), 0.0)
    curve = score_fddb([(found((worse, 0.9), (A, 0.8)), labelled(A))])
    assert curve.false_positives.tolist() == [0, 1]
    assert curve.continuous.tolist() == pytest.approx([0.6, 1.0], abs=1e-4)


def test_pairs_are_chosen_for_their_sum_where_the_greedy_choice_would_lose_one():
    step = distance(0.6)
    first, second = (0.0, 0.0), (step, 0.0)  # faces
    between, left = (0.4 * step, 0.0), (-step, 0.0)
    curve = score_fddb([(found((between, 0.9), (left, 0.8)), labelled(first, second))])
    overlap = ellipse_iou(circles(between, left), circles(first, second)).numpy()
    assert overlap[0].argmax() == 0 and overlap[1, 1] < 0.5 < overlap[0, 1]
    assert curve.discrete.tolist() == [0.5, 1.0]
    expected = [overlap[0, 0] / 2, (overlap[0, 1] + overlap[1, 0]) / 2]
    assert curve.continuous.tolist() == pytest.approx(expected)


def test_a_new_detection_can_cost_a_hit():
    first = (0.0, 0.0)
    sure = (distance(0.75), 0.0)  # on the first face
    second = (sure[0] + distance(0.48), 0.0)
    late = (-distance(0.48), 0.0)
    curve = score_fddb([(found((sure, 0.9), (late, 0.8)), labelled(first, second))])
    assert curve.discrete.tolist() == [0.5, 0.0]
    assert curve.false_positives.tolist() == [0, 2]
    assert curve.continuous.tolist() == pytest.approx([0.375, 0.48], abs=1e-4)


def test_equal_scores_enter_together_also_in_different_photos():
    photos = [
        (found((A, 0.9), (NOWHERE, 0.9)), labelled(A)),
        (found((B, 0.9), (NOWHERE, 0.5)), labelled(B)),
    ]
    curve = score_fddb(photos)
    assert curve.threshold.tolist() == pytest.approx([0.9, 0.5])
    assert curve.false_positives.tolist() == [1, 2]
    assert curve.discrete.tolist() == [1.0, 1.0]


def test_photos_without_faces_cost_false_positives_and_those_without_detections_miss():
    nothing = LabelledEllipses(torch.zeros(0, 5))
    photos = [
        (found((A, 0.9)), labelled(A)),
        (found((A, 0.95), (B, 0.2)), nothing),
        (Faces.empty(), labelled(A, B)),
        (Faces.empty(), nothing),
    ]
    curve = score_fddb(photos)
    assert curve.faces == 3
    assert curve.false_positives.tolist() == [1, 1, 2]
    assert curve.discrete.tolist() == pytest.approx([0, 1 / 3, 1 / 3])


def test_the_size_of_the_photo_counts():
    truth = circles((0, 50))
    box = Faces(torch.tensor([[0.0, 40, 10, 60]]), torch.tensor([0.9]))
    whole = score_fddb([(box, LabelledEllipses(truth))])
    cut = score_fddb([(box, LabelledEllipses(truth, (100, 100)))])
    assert (whole.discrete[0], cut.discrete[0]) == (0.0, 1.0)
    assert cut.continuous[0] == pytest.approx(math.pi / 4)


def test_nothing_found_and_nothing_asked():
    for photos in ([], [(Faces.empty(), labelled(A))]):
        curve = score_fddb(photos)
        assert len(curve.threshold) == len(curve.false_positives) == len(curve.discrete) == 0
        assert curve.false_positives.dtype == np.int64
    curve = score_fddb([(found((A, 0.9)), LabelledEllipses(torch.zeros(0, 5)))])
    assert np.isnan(curve.discrete).all() and np.isnan(curve.continuous).all()
    assert curve.false_positives.tolist() == [1]


def test_a_scene_gives_its_ellipses_and_the_size_of_its_photo():
    image = np.zeros((40, 60, 3), np.uint8)
    scene = Scene(image, torch.zeros(1, 4), attributes={"ellipse": circles(A)})
    truth = labelled_ellipses(scene)
    assert truth.size == (40, 60) and torch.equal(truth.ellipses, circles(A))
    with pytest.raises(ValueError, match="no attribute `ellipse`, only: none"):
        labelled_ellipses(Scene(image, torch.zeros(1, 4)))


# ---- reading the curve


CURVE = Roc(
    faces=10,
    threshold=np.array([0.9, 0.8, 0.7, 0.6, 0.5]),
    false_positives=np.array([2, 40, 90, 101, 99]),
    discrete=np.array([0.1, 0.4, 0.7, 0.8, 0.75]),
    continuous=np.array([0.05, 0.3, 0.5, 0.6, 0.65]),
)


def test_the_curve_is_read_at_the_lowest_threshold_with_at_most_so_many_false_positives():
    read = operating_points(CURVE, (1, 2, 89, 90, 100, 101))
    assert read[1] == OperatingPoint(0, 0.0, 0.0, math.inf)
    assert read[2] == OperatingPoint(2, 0.1, 0.05, 0.9)
    assert read[89] == OperatingPoint(40, 0.4, 0.3, 0.8)
    assert read[90] == OperatingPoint(90, 0.7, 0.5, 0.7)
    assert read[100] == read[101] == OperatingPoint(99, 0.75, 0.65, 0.5)


def test_it_is_read_at_four_numbers_unless_told_and_its_end_says_where_it_is():
    read = operating_points(CURVE)
    assert list(read) == [100, 500, 1000, 2000]
    assert {point.false_positives for point in read.values()} == {99}


def test_reading_a_curve_without_detections_or_without_faces():
    assert operating_points(score_fddb([(Faces.empty(), labelled(A))]), [0])[0].discrete == 0
    empty = operating_points(score_fddb([]), [0])[0]
    assert math.isnan(empty.discrete) and empty.threshold == math.inf
    with pytest.raises(ValueError, match="false_positives: expected 0 or more"):
        operating_points(CURVE, [100, -1])


# ---- bad input


GOOD = torch.tensor([[10.0, 5, 0, 20, 20]])


@pytest.mark.parametrize(
    ("ellipses", "message"),
    [
        (torch.zeros(3), r"expected ellipses \(N, 5\), got \(3,\)"),
        (torch.zeros(2, 4), r"expected ellipses \(N, 5\), got \(2, 4\)"),
        (GOOD * math.nan, "1 of 1 hold NaN or infinity"),
        (torch.cat((GOOD, GOOD / 0)), "1 of 2 hold NaN or infinity"),
        (
            torch.cat((GOOD, GOOD * torch.tensor([1.0, 0, 1, 1, 1]))),
            "1 of 2 have no area, first number 1 with radii 10 and 0",
        ),
        (-GOOD, "1 of 1 have no area, first number 0 with radii -10 and -5"),
    ],
)
def test_ellipses_that_are_none_are_refused(ellipses, message):
    with pytest.raises(ValueError, match=f"ellipses: {message}"):
        LabelledEllipses(ellipses)
    with pytest.raises(ValueError, match=f"ellipses: {message}"):
        ellipse_boxes(ellipses)
    with pytest.raises(ValueError, match=f"ellipses: {message}"):
        ellipse_iou(torch.zeros(1, 4), ellipses)


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (10,), (1, 2, 3)])
def test_a_size_that_is_none_is_refused(size):
    with pytest.raises(ValueError, match=r"size: expected \(height, width\)"):
        LabelledEllipses(GOOD, size)
    with pytest.raises(ValueError, match=r"size: expected \(height, width\)"):
        ellipse_iou(torch.zeros(1, 4), GOOD, size=size)


def test_regions_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"boxes \(D, 4\) or ellipses \(D, 5\), got \(1, 3\)"):
        ellipse_iou(torch.zeros(1, 3), GOOD)
    with pytest.raises(ValueError, match="regions: 1 of 2 hold NaN or infinity"):
        ellipse_iou(rows((0, 0, 1, 1), (0, 0, 1, math.inf)), GOOD)
    with pytest.raises(ValueError, match="regions: 1 of 1 have no area"):
        ellipse_iou(torch.zeros(1, 5), GOOD)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Detections(torch.zeros(1, 4), torch.tensor([math.nan])), "scores: 1 are NaN or infinite"),
        (Detections(torch.zeros(1, 4), torch.zeros(2)), r"scores: expected \(1,\), got \(2,\)"),
        (Detections(torch.zeros(1, 4) / 0, torch.zeros(1)), "regions: 1 of 1 hold NaN"),
        (Detections(torch.zeros(1, 5), torch.zeros(1)), r"expected \(D, 4\), got \(1, 5\)"),
        (EllipseDetections(torch.zeros(1, 4), torch.zeros(1)), r"expected \(D, 5\), got \(1, 4\)"),
        (EllipseDetections(torch.zeros(1, 5), torch.zeros(1)), "regions: 1 of 1 have no area"),
    ],
)
def test_detections_that_cannot_be_judged_are_refused_with_the_photo(bad, message):
    with pytest.raises(ValueError, match=f"photo 1: .*{message}"):
        score_fddb([(Faces.empty(), labelled(A)), (bad, labelled(A))])
