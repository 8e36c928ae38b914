"""Landmark errors against the numbers of the protocols, and against what people do to them."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from facelab.geometry.landmarks import FIVE, to5
from facelab.humans.head_model import HeadModel
from facelab.metrics.groups import yaw_bands
from facelab.metrics.landmarks import (
    aflw2000,
    auc,
    ced,
    failure_rate,
    nme,
    point_errors,
    summarise,
    summarise_groups,
    summarise_points,
)
from tests.geometry.faces import random_faces, symmetric_face

ERRORS = torch.tensor([0.0, 0.04, 0.08, 0.12], dtype=torch.float64)


def turned_heads(*degrees: float) -> Tensor:
    """68 points of the head model (N, 68, 2), seen from far away: one head for each yaw."""
    model = HeadModel.load()
    points = model.shape_mean[1][model.landmarks]  # (68, 3)
    yaw = torch.deg2rad(torch.tensor(degrees))[:, None]  # (N, 1)
    x = points[:, 0] * yaw.cos() + points[:, 2] * yaw.sin()  # (N, 68)
    return 100 * torch.stack((x, -points[:, 1].expand_as(x)), dim=-1)


def worked_case() -> tuple[Tensor, Tensor, Tensor]:
    """Two faces in boxes 100 and 50 wide: predictions off by (3, 4), and by 2 to the right."""
    truth = torch.tensor([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])
    truth = torch.stack((truth, truth / 2))
    predicted = truth.clone()
    predicted[0, 1] += torch.tensor([3.0, 4.0])  # 5 of 100
    predicted[0, 3] += torch.tensor([6.0, 8.0])  # 10 of 100
    predicted[1, 3, 0] += 2.0  # 2 of 50
    return predicted, truth, torch.tensor([[0.0, 0, 100, 120], [0, 0, 50, 60]])


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


def test_98_points_are_normalised_by_the_corners_60_and_72():
    truth = torch.zeros(1, 98, 2)
    truth[0, 60], truth[0, 72] = torch.tensor([10.0, 0]), torch.tensor([50.0, 30])
    moved = truth + torch.tensor([3.0, 4.0])
    assert_close(nme(moved, truth), torch.tensor([0.1]))


def test_the_size_of_the_points_is_that_of_the_box_round_those_that_are_known():
    truth = torch.full((2, 5, 2), torch.nan)
    truth[0, :3] = torch.tensor([[10.0, 20], [40, 20], [25, 47]])  # 30 x 27, so 9 sqrt(10)
    moved = truth + torch.tensor([0.0, 9.0])
    got = nme(moved, truth, "points_size")
    assert_close(got[0], torch.tensor(1 / 10**0.5))
    assert torch.isnan(got[1])


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
        (random_faces(2, 5), {}, "^interocular: expected 68 or 98 points a face, got 5"),
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


# Points one by one


def test_each_point_has_its_own_error_in_box_widths():
    predicted, truth, boxes = worked_case()
    got = point_errors(predicted, truth, "box_width", boxes=boxes)
    assert_close(got, torch.tensor([[0, 0.05, 0, 0.1, 0], [0, 0, 0, 0.04, 0]]))
    assert_close(got.mean(dim=1), nme(predicted, truth, "box_width", boxes=boxes))


def test_the_cascade_papers_table_has_mean_error_and_failures_of_each_point():
    predicted, truth, boxes = worked_case()
    rows = summarise_points(point_errors(predicted, truth, "box_width", boxes=boxes))
    assert list(rows) == list(FIVE)
    assert rows["left mouth corner"].mean == pytest.approx(0.07)
    assert rows["left mouth corner"].failures == 0.5
    assert rows["right eye"].mean == pytest.approx(0.025)
    assert rows["right eye"].failures == 0  # exactly 5 % is no failure
    assert rows["nose"].mean == rows["nose"].failures == 0 and rows["nose"].auc == 1


def test_a_point_that_the_truth_lacks_has_no_error_of_its_own():
    predicted, truth, boxes = worked_case()
    truth[1, 3] = torch.nan
    errors = point_errors(predicted, truth, "box_width", boxes=boxes, missing="failure")
    assert torch.isnan(errors).tolist() == [[False] * 5, [False, False, False, True, False]]
    with pytest.raises(ValueError, match="^errors: 1 of 2 are NaN"):
        summarise_points(errors)
    row = summarise_points(errors, nan="leave out")["left mouth corner"]
    assert (row.count, row.left_out) == (1, 1) and row.mean == pytest.approx(0.1)


@given(st.integers(0, 2**16), st.sampled_from(["interocular", "interpupil", "points_size"]))
def test_the_error_of_a_face_is_the_mean_of_its_known_points(seed, normaliser):
    truth, predicted = random_faces(3, 68, seed=seed), random_faces(3, 68, seed=seed + 1)
    truth[:, 5:9] = torch.nan  # a part of the jaw
    errors = point_errors(predicted, truth, normaliser)
    assert_close(errors.nanmean(dim=1), nme(predicted, truth, normaliser))
    assert (errors[~errors.isnan()] >= 0).all()


@given(st.integers(0, 2**16), st.permutations(range(4)))
def test_faces_are_judged_one_by_one(seed, order):
    truth, predicted = random_faces(4, 5, seed=seed), random_faces(4, 5, seed=seed + 1)
    errors = nme(predicted, truth, "eyes")
    assert_close(nme(predicted[order], truth[order], "eyes"), errors[list(order)])


# Predictions that are not there


def test_a_missing_prediction_is_a_failure_when_asked_for():
    predicted, truth, boxes = worked_case()
    predicted[1, 2] = torch.nan
    options = {"normaliser": "box_width", "boxes": boxes}
    assert torch.isnan(nme(predicted, truth, **options)).tolist() == [False, True]
    errors = nme(predicted, truth, **options, missing="failure")
    assert torch.isinf(errors).tolist() == [False, True]
    assert failure_rate(errors, 0.05) == 0.5
    row = summarise(errors, threshold=0.05)
    assert (row.count, row.missing, row.failures) == (2, 1, 0.5)
    assert row.mean == row.median == pytest.approx(0.03)  # of the one that is there


def test_where_truth_and_prediction_are_both_missing_nothing_is_counted():
    truth = random_faces(2, 5)
    truth[0, 4] = torch.nan
    truth[1] = torch.nan
    predicted = truth.clone()
    got = nme(predicted, truth, "eyes", missing="failure")
    assert got[0] == 0 and torch.isnan(got[1])


def test_a_face_whose_size_is_not_known_is_not_counted_even_if_nobody_found_it():
    truth = random_faces(1, 5)
    truth[0, 0] = torch.nan  # one eye, which the normaliser needs
    assert torch.isnan(nme(torch.full_like(truth, torch.nan), truth, "eyes", missing="failure"))


def test_an_unlabelled_face_may_have_a_box_of_size_0():
    truth = random_faces(2, 5)
    truth[1] = torch.nan
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 0, 0]])
    assert torch.isnan(nme(truth, truth, "box_width", boxes=boxes)).tolist() == [False, True]
    with pytest.raises(ValueError, match="^box_width: 1 of 2 faces have size 0"):
        nme(truth.nan_to_num(), truth.nan_to_num(), "box_width", boxes=boxes)


@pytest.mark.parametrize("function", [nme, point_errors])
def test_other_ways_to_treat_missing_points_are_refused(function):
    with pytest.raises(ValueError, match="^missing: expected one of nan, failure, got 'zero'"):
        function(random_faces(1, 5), random_faces(1, 5), "eyes", missing="zero")


# Summaries


def test_a_summary_of_the_worked_example():
    row = summarise(ERRORS, threshold=0.08)
    assert (row.count, row.missing, row.left_out) == (4, 0, 0)
    assert row.mean == row.median == pytest.approx(0.06)
    assert (row.failures, row.auc) == (0.25, pytest.approx(0.375))
    assert json.loads(json.dumps(row.to_dict(), allow_nan=False))["count"] == 4


def test_an_empty_summary_has_no_figures_and_is_still_json():
    row = summarise(torch.zeros(0), threshold=0.05)
    assert row.count == 0 and math.isnan(row.mean) and math.isnan(row.failures)
    assert row.to_dict()["mean"] is None
    lost = summarise(torch.tensor([torch.inf]), threshold=0.05)
    assert (lost.failures, lost.auc, lost.missing) == (1, 0, 1) and math.isnan(lost.mean)


def test_nan_is_refused_until_it_is_told_to_be_left_out():
    errors = torch.tensor([0.01, torch.nan, 0.03])
    with pytest.raises(ValueError, match="^errors: 1 of 3 are NaN or negative"):
        summarise(errors, threshold=0.02)
    row = summarise(errors, threshold=0.02, nan="leave out")
    assert (row.count, row.left_out, row.failures) == (2, 1, 0.5)
    with pytest.raises(ValueError, match="^nan: expected one of refuse, leave out, got 'zero'"):
        summarise(errors, threshold=0.02, nan="zero")


def test_a_negative_error_is_never_left_out():
    with pytest.raises(ValueError, match="^errors: 1 of 1 are NaN or negative"):
        summarise(torch.tensor([-0.1, torch.nan]), threshold=0.1, nan="leave out")


def test_a_summary_needs_a_threshold_above_zero_even_of_nothing():
    with pytest.raises(ValueError, match="^threshold: expected a number above 0"):
        summarise(torch.zeros(0), threshold=0)


def test_groups_are_summed_up_one_by_one_and_may_share_faces():
    groups = {
        "first two": torch.tensor([True, True, False, False]),
        "last three": torch.tensor([False, True, True, True]),
        "nobody": torch.zeros(4, dtype=torch.bool),
    }
    rows = summarise_groups(ERRORS, groups, threshold=0.08)
    assert [row.count for row in rows.values()] == [2, 3, 0]
    assert rows["first two"].mean == pytest.approx(0.02)
    assert rows["last three"].failures == pytest.approx(1 / 3)


def test_groups_of_points_count_each_point_of_their_faces():
    errors = torch.tensor([[0.1, 0.3], [0.2, 0.2]])
    rows = summarise_groups(errors, {"first": torch.tensor([True, False])}, threshold=0.15)
    assert (rows["first"].count, rows["first"].failures) == (2, 0.5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 99))
def test_groups_that_part_the_faces_average_to_the_whole(errors, seed):
    values = torch.tensor(errors, dtype=torch.float64)
    side = torch.rand(len(values), generator=torch.Generator().manual_seed(seed)) < 0.5
    parts = summarise_groups(values, {"a": side, "b": ~side}, threshold=0.5).values()
    whole = summarise(values, threshold=0.5)
    for figure in ("mean", "failures", "auc"):
        kept = [(part.count, getattr(part, figure)) for part in parts if part.count]
        mean = sum(count * value for count, value in kept) / whole.count
        assert mean == pytest.approx(getattr(whole, figure), abs=1e-9)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(3, dtype=torch.bool), r"expected bool of shape \(4,\), got bool \(3,\)"),
        (torch.tensor([0, 1, 2, 3]), r"expected bool of shape \(4,\), got int64 \(4,\)"),
    ],
)
def test_a_group_that_is_not_a_mask_of_the_faces_is_refused(mask, message):
    with pytest.raises(ValueError, match=r"^groups\['old'\]: " + message):
        summarise_groups(ERRORS, {"old": mask}, threshold=0.1)


def test_names_and_columns_of_points_must_agree():
    with pytest.raises(ValueError, match=r"^errors: expected shape \(N, 5\), .* got \(2, 68\)"):
        summarise_points(torch.zeros(2, 68))
    with pytest.raises(ValueError, match="each of 1 different names"):
        summarise_points(torch.zeros(2, 2), names=("eye", "eye"))


# AFLW2000-3D


def test_three_bins_of_yaw_weigh_the_same_however_many_faces_they_hold():
    truth = random_faces(4, 68)
    span = truth.amax(dim=1) - truth.amin(dim=1)  # (4, 2)
    size = span.prod(dim=1).sqrt()
    predicted = truth.clone()
    predicted[..., 0] += (size * torch.tensor([0.01, 0.03, 0.05, 0.10]))[:, None]
    yaw = torch.deg2rad(torch.tensor([5.0, -20, 45, -95]))
    verdict = aflw2000(predicted, truth, yaw)
    assert [row.count for row in verdict.bins.values()] == [2, 1, 1]
    means = [row.mean for row in verdict.bins.values()]
    assert means == pytest.approx([0.02, 0.05, 0.10], rel=1e-4)
    assert verdict.balanced == pytest.approx(0.17 / 3, rel=1e-4)
    assert verdict.all.mean == pytest.approx(0.19 / 4, rel=1e-4)


def test_without_a_face_in_each_bin_there_is_no_balanced_mean():
    truth = random_faces(2, 68)
    assert math.isnan(aflw2000(truth, truth, torch.tensor([0.1, 0.8])).balanced)
    unknown = torch.tensor([0.1, 0.8, 1.5, torch.nan])
    four = random_faces(4, 68)
    assert math.isnan(aflw2000(four, four, unknown).balanced)


def test_one_yaw_a_face_is_needed():
    truth = random_faces(2, 68)
    with pytest.raises(ValueError, match=r"^yaw: expected shape \(2,\), got \(3,\)"):
        aflw2000(truth, truth, torch.zeros(3))


# Claims of the protocols, on the head model


def test_the_same_predictions_are_some_40_percent_worse_by_pupils_than_by_corners():
    truth = turned_heads(0)
    ratio = nme(truth + 1, truth, "interpupil") / nme(truth + 1, truth, "interocular")
    assert 1.35 < ratio.item() < 1.45


def test_eye_distances_inflate_errors_by_one_over_the_cosine_of_yaw_and_the_points_box_does_not():
    degrees = (0, 15, 30, 45, 60, 75)
    truth = turned_heads(*degrees)
    predicted = truth + torch.tensor([3.0, 4.0])  # the same pixels at any yaw
    by_eyes = nme(predicted, truth, "interocular")
    expected = torch.tensor([1 / math.cos(math.radians(yaw)) for yaw in degrees])
    assert_close(by_eyes / by_eyes[0], expected, atol=0, rtol=1e-3)
    by_box = nme(predicted, truth, "points_size")
    assert ((by_box / by_box[0] - 1).abs() < 0.15).all()  # 13 percent at 75 degrees
    groups = yaw_bands(torch.deg2rad(torch.tensor(degrees, dtype=torch.float32)))
    means = [row.mean for row in summarise_groups(by_eyes, groups, threshold=0.1).values()]
    assert means == sorted(means) and means[2] > 2 * means[0]


def test_forgetting_that_pts_files_count_from_1_costs_1_to_2_percent_of_60_pixel_eyes():
    truth = symmetric_face()[None]  # outer corners 60 pixels apart
    assert 0.01 < nme(truth + 1, truth).item() < 0.025


def test_the_curve_agrees_with_counting():
    errors = np.random.default_rng(0).random(200)
    levels = np.linspace(0, 1, 50)
    expected = [(errors <= level).mean() for level in levels]
    assert_close(ced(torch.from_numpy(errors), torch.from_numpy(levels)), torch.tensor(expected))
