"""Landmark sets and errors against the numbers of the protocols."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from facelab.geometry.landmarks import (
    FIVE,
    MIRROR_5,
    MIRROR_68,
    auc,
    ced,
    failure_rate,
    mirror,
    nme,
    to5,
)

ERRORS = torch.tensor([0.0, 0.04, 0.08, 0.12], dtype=torch.float64)


def random_faces(count: int, points: int, seed: int = 0) -> Tensor:
    return 100 * torch.rand(count, points, 2, generator=torch.Generator().manual_seed(seed))


def symmetric_face() -> Tensor:
    """68 points of a face that is its own mirror image in a photo 100 pixels wide."""
    eye = [(20, 40), (25, 36), (32, 36), (38, 40), (32, 43), (25, 43)]
    mirrored_eye = [(100 - x, y) for x, y in (eye[i] for i in (3, 2, 1, 0, 5, 4))]
    lip = lambda xs, ys: list(zip(xs, ys, strict=True))  # noqa: E731
    points = [
        *lip([10 + 5 * i for i in range(17)], [90 - abs(i - 8) * 5 for i in range(17)]),
        *lip([15, 22, 29, 36, 43], [30, 27, 26, 27, 29]),
        *lip([57, 64, 71, 78, 85], [29, 27, 26, 27, 30]),
        *lip([50, 50, 50, 50], [40, 46, 52, 58]),
        *lip([42, 46, 50, 54, 58], [62, 64, 65, 64, 62]),
        *eye,
        *mirrored_eye,
        *lip([35, 40, 45, 50, 55, 60, 65], [75, 72, 70, 71, 70, 72, 75]),
        *lip([60, 55, 50, 45, 40], [79, 81, 82, 81, 79]),
        *lip([38, 45, 50, 55, 62], [75, 74, 75, 74, 75]),
        *lip([55, 50, 45], [77, 78, 77]),
    ]
    return torch.tensor(points, dtype=torch.float32)


def test_five_points_come_from_the_means_of_the_eyes_and_three_others():
    face = random_faces(1, 68)[0]
    five = to5(face)
    assert len(five) == len(FIVE) == 5
    assert_close(five[0], face[36:42].mean(dim=0))
    assert_close(five[1], face[42:48].mean(dim=0))
    assert_close(five[2:], torch.stack((face[30], face[48], face[54])))
    assert to5(random_faces(7, 68)).shape == (7, 5, 2)
    assert to5(torch.zeros(0, 68, 2)).shape == (0, 5, 2)


def test_eyes_at_image_left_come_first_in_the_reduced_set():
    five = to5(symmetric_face())
    assert five[0, 0] < five[2, 0] < five[1, 0]
    assert five[3, 0] < five[2, 0] < five[4, 0]


def test_a_face_without_68_points_is_not_reduced():
    with pytest.raises(ValueError, match=r"expected shape \(..., 68, 2\), got \(1, 5, 2\)"):
        to5(torch.zeros(1, 5, 2))


@pytest.mark.parametrize("order", [MIRROR_5, MIRROR_68])
def test_partners_are_partners_both_ways(order):
    assert sorted(order) == list(range(len(order)))
    assert all(order[order[i]] == i for i in range(len(order)))


def test_a_symmetric_face_is_its_own_mirror_image():
    face = symmetric_face()
    assert_close(mirror(face, 100), face)
    assert_close(mirror(to5(face), 100), to5(face))


@pytest.mark.parametrize(
    ("one", "partner"), [(0, 16), (17, 26), (31, 35), (36, 45), (37, 44), (41, 46), (48, 54)]
)
def test_some_partners_that_are_easily_confused(one, partner):
    assert MIRROR_68[one] == partner


def test_centre_points_have_no_partner():
    assert [i for i in range(68) if MIRROR_68[i] == i] == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]


def test_mirroring_moves_x_as_it_moves_box_edges():
    face = torch.tensor([[10.0, 5], [30, 6], [20, 15], [12, 25], [28, 26]])
    expected = torch.tensor([[70.0, 6], [90, 5], [80, 15], [72, 26], [88, 25]])
    assert_close(mirror(face, 100), expected)


@given(st.sampled_from([5, 68]), st.integers(1, 2000), st.integers(0, 3))
def test_mirroring_twice_changes_nothing(points, width, count):
    faces = random_faces(count, points)
    assert_close(mirror(mirror(faces, width), width), faces, atol=1e-3, rtol=0)


def test_mirroring_and_reducing_can_change_places():
    faces = random_faces(4, 68)
    assert_close(to5(mirror(faces, 120)), mirror(to5(faces), 120), atol=1e-4, rtol=0)


def test_missing_points_change_places_too():
    face = torch.rand(1, 5, 2)
    face[0, 3] = torch.nan
    assert (
        torch.isnan(mirror(face, 10)[0, 4]).all() and not torch.isnan(mirror(face, 10)[0, 3]).any()
    )


@pytest.mark.parametrize("shape", [(5, 3), (2, 21, 2), (5,)])
def test_other_sets_of_points_are_not_mirrored(shape):
    with pytest.raises(ValueError, match="^landmarks: expected shape"):
        mirror(torch.zeros(shape), 100)


def test_every_normaliser_divides_by_the_distance_of_the_table():
    truth = torch.zeros(1, 68, 2)
    truth[0, 36], truth[0, 45] = torch.tensor([0.0, 0]), torch.tensor([50.0, 0])  # outer corners
    truth[0, 37:42], truth[0, 42:45], truth[0, 46:48] = 12.0, 36.0, 36.0
    boxes = torch.tensor([[0.0, 0, 30, 40]])
    moved = truth + torch.tensor([3.0, 4.0])  # every point 5 pixels off
    left, right = truth[0, 36:42].mean(dim=0), truth[0, 42:48].mean(dim=0)
    assert_close(nme(moved, truth), torch.tensor([0.1]))
    assert_close(nme(moved, truth, "interpupil"), 5 / (left - right).norm()[None])
    assert_close(nme(moved, truth, "box_width", boxes=boxes), torch.tensor([5 / 30]))
    assert_close(nme(moved, truth, "box_diagonal", boxes=boxes), torch.tensor([0.1]))
    assert_close(nme(moved, truth, "box_size", boxes=boxes), torch.tensor([5 / 1200**0.5]))
    five = to5(truth)
    size = (five[:, 0] - five[:, 1]).norm(dim=-1)
    assert_close(nme(five + torch.tensor([3.0, 4.0]), five, "eyes"), 5 / size)


def test_pupils_are_closer_than_outer_corners_so_the_error_is_larger():
    truth = symmetric_face()[None]
    ratio = nme(truth + 1, truth, "interpupil") / nme(truth + 1, truth, "interocular")
    assert 1.35 < ratio.item() < 1.45


def test_the_error_is_a_mean_over_points():
    truth = random_faces(1, 5)
    predicted = truth.clone()
    predicted[0, 2] += torch.tensor([6.0, 8.0])  # one point of five is 10 pixels off
    size = (truth[0, 0] - truth[0, 1]).norm()
    assert_close(nme(predicted, truth, "eyes"), (2 / size)[None])


@given(st.sampled_from([0.5, 3.0]), st.integers(-50, 50))
def test_the_error_does_not_change_when_the_photo_is_scaled_or_moved(scale, shift):
    truth, predicted = random_faces(4, 68), random_faces(4, 68, seed=1)
    got = nme(scale * predicted + shift, scale * truth + shift)
    assert_close(got, nme(predicted, truth), atol=1e-5, rtol=1e-3)


def test_points_that_the_truth_lacks_do_not_count_and_missing_predictions_show():
    truth, predicted = random_faces(3, 5), random_faces(3, 5, seed=1)
    truth[0, 4] = torch.nan  # one point not annotated
    truth[1] = torch.nan  # a face without landmarks
    predicted[2, 3] = torch.nan  # a point not predicted
    got = nme(predicted, truth, "eyes")
    size = (truth[0, 0] - truth[0, 1]).norm()
    assert_close(got[0], (predicted[0, :4] - truth[0, :4]).norm(dim=-1).mean() / size)
    assert torch.isnan(got[1]) and torch.isnan(got[2])


def test_perfect_predictions_have_no_error_and_no_faces_give_no_errors():
    truth = random_faces(3, 68)
    assert_close(nme(truth, truth), torch.zeros(3))
    assert nme(torch.zeros(0, 68, 2), torch.zeros(0, 68, 2)).shape == (0,)


@pytest.mark.parametrize(
    ("truth", "options", "message"),
    [
        (random_faces(2, 5), {}, "^interocular: expected 68 points a face, got 5"),
        (random_faces(2, 68), {"normaliser": "eyes"}, "^eyes: expected 5 points a face, got 68"),
        (random_faces(2, 5), {"normaliser": "iod"}, "^normaliser: expected one of interocular, "),
        (random_faces(2, 5), {"normaliser": "box_size"}, "^box_size: needs boxes of shape"),
        (torch.zeros(2, 5, 2), {"normaliser": "eyes"}, "^eyes: 2 of 2 faces have size 0"),
        (torch.zeros(5, 2), {}, r"^truth: expected shape \(N, P, 2\), got \(5, 2\)"),
    ],
)
def test_errors_that_cannot_be_normalised_are_refused(truth, options, message):
    with pytest.raises(ValueError, match=message):
        nme(truth, truth, **options)


def test_predictions_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"^predicted: expected \(2, 5, 2\), as truth"):
        nme(random_faces(2, 68), random_faces(2, 5), "eyes")


def test_the_worked_example_of_the_protocol():
    assert auc(ERRORS, 0.08) == pytest.approx(0.375)
    assert failure_rate(ERRORS, 0.08) == 0.25  # an error equal to the threshold is no failure
    levels = torch.tensor([0.0, 0.039, 0.04, 0.08, 0.2], dtype=torch.float64)
    assert ced(ERRORS, levels).tolist() == [0.25, 0.25, 0.5, 0.75, 1.0]


def test_an_error_equal_to_the_threshold_is_no_failure_in_float32_either():
    errors = torch.tensor([0.08, 0.1, 0.3])  # float32, where 0.1 is slightly more than the double
    assert failure_rate(errors, 0.1) == pytest.approx(1 / 3)
    assert ced(errors, torch.tensor([0.1], dtype=torch.float64)).item() == pytest.approx(2 / 3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.01, 0.5))
def test_the_area_is_the_integral_of_the_curve(errors, threshold):
    values = torch.tensor(errors, dtype=torch.float64)
    steps = torch.sort(
        torch.cat((values, torch.tensor([0.0, threshold], dtype=torch.float64)))
    ).values
    steps = steps[steps <= threshold]  # the curve is constant between these
    integral = (steps.diff() * ced(values, steps[:-1])).sum() / threshold
    assert auc(values, threshold) == pytest.approx(integral.item(), abs=1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 1))
def test_failures_and_successes_add_to_one(errors, threshold):
    values = torch.tensor(errors, dtype=torch.float64)
    level = torch.tensor([threshold], dtype=torch.float64)
    assert failure_rate(values, threshold) + ced(values, level).item() == pytest.approx(1)


def test_an_infinite_error_is_a_failure_at_any_threshold():
    errors = torch.tensor([0.01, torch.inf])
    assert failure_rate(errors, 1e6) == 0.5
    assert auc(errors, 0.1) == pytest.approx(0.45)


@pytest.mark.parametrize("summary", [failure_rate, auc, lambda e, t: ced(e, torch.tensor([t]))])
def test_summaries_refuse_empty_and_missing_errors(summary):
    with pytest.raises(ValueError, match="^errors: empty"):
        summary(torch.zeros(0), 0.1)
    with pytest.raises(ValueError, match="^errors: 2 of 3 are NaN or negative"):
        summary(torch.tensor([0.1, torch.nan, -0.2]), 0.1)


def test_the_area_needs_a_threshold_above_zero():
    with pytest.raises(ValueError, match="^threshold: expected a number above 0"):
        auc(ERRORS, 0.0)
