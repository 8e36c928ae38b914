"""Groups of faces by pose and label, and the error of a head pose."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facelab.metrics.groups import bands, by_label, yaw_bands
from facelab.metrics.pose import angle_between, pose_error

DEGREES = torch.tensor([0.0, 30, -30, 30.1, -60, 61, 90, -120, math.nan])


def test_yaw_goes_into_three_bands_by_its_size():
    groups = yaw_bands(torch.deg2rad(DEGREES))
    assert list(groups) == ["|yaw| 0-30", "|yaw| 30-60", "|yaw| 60-90"]
    members = [mask.nonzero().flatten().tolist() for mask in groups.values()]
    assert members == [[0, 1, 2], [3, 4], [5, 6, 7]]  # NaN is in none, beyond 90 in the last


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("degrees", [30, 60])
def test_an_angle_on_an_edge_is_in_the_lower_band_in_any_precision(dtype, degrees):
    yaw = torch.tensor([math.radians(degrees)], dtype=dtype)
    names = [name for name, mask in yaw_bands(yaw).items() if mask.item()]
    assert names == [f"|yaw| {degrees - 30}-{degrees}"]


def test_yaw_in_degrees_is_refused_but_one_fitted_angle_beyond_a_turn_is_not():
    with pytest.raises(ValueError, match="^yaw: most angles are beyond pi.* use torch.deg2rad"):
        yaw_bands(torch.tensor([-40.0, 20, 35]))
    assert yaw_bands(torch.tensor([0.1, 0.2, 7.0]))["|yaw| 60-90"].tolist() == [False, False, True]
    assert [len(mask) for mask in yaw_bands(torch.zeros(0)).values()] == [0, 0, 0]


def test_bands_hold_their_upper_edge_and_the_first_its_lower_one_too():
    groups = bands(torch.tensor([0.0, 0.1, 0.2, 1.0, 1.1, -0.1]), (0, 0.1, 1), unit=" hidden")
    assert list(groups) == ["0-0.1 hidden", "0.1-1 hidden"]
    members = [mask.nonzero().flatten().tolist() for mask in groups.values()]
    assert members == [[0, 1], [2, 3]]


def test_an_open_band_has_no_upper_edge():
    groups = bands(torch.tensor([5.0, 1e9]), (0, 10, math.inf), unit=" px")
    assert groups["above 10 px"].tolist() == [False, True]


@given(st.lists(st.floats(0, 1), max_size=30))
def test_a_value_between_the_edges_is_in_exactly_one_band(values):
    groups = bands(torch.tensor(values, dtype=torch.float64), (0, 0.25, 0.5, 1))
    count = torch.stack(list(groups.values())).sum(dim=0)
    assert (count == 1).all()


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (torch.zeros(2, 2), {"edges": (0, 1)}, "^values: expected floats of shape"),
        (torch.zeros(2, dtype=torch.int64), {"edges": (0, 1)}, "^values: .* got torch.int64"),
        (torch.zeros(2), {"edges": (0, 1, 1)}, "^edges: expected at least 2 rising numbers"),
        (torch.zeros(2), {"edges": (0,)}, "^edges: expected at least 2"),
        (torch.zeros(2), {"edges": (0, 1), "names": ("a", "b")}, "^names: expected 1 different"),
    ],
)
def test_wrong_bands_are_refused(values, options, message):
    with pytest.raises(ValueError, match=message):
        bands(values, **options)


def test_labels_become_groups_in_the_order_of_the_names():
    groups = by_label(torch.tensor([1, 0, 2, -1, 1]), ("clear", "normal", "heavy"))
    assert list(groups) == ["clear", "normal", "heavy"]
    assert groups["normal"].tolist() == [True, False, False, False, True]
    assert sum(int(mask.sum()) for mask in groups.values()) == 4  # -1 is in none
    assert by_label(torch.tensor([True, False]), ("no", "yes"))["yes"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (torch.tensor([0.0]), ("a",), "^labels: expected whole numbers .* got float32"),
        (torch.zeros(1, 1, dtype=torch.int64), ("a",), "^labels: expected whole numbers"),
        (torch.tensor([2]), ("a", "b"), "^labels: 2 has no name; 2 names were given"),
        (torch.tensor([0]), ("a", "a"), "^names: expected different ones"),
    ],
)
def test_wrong_labels_are_refused(labels, names, message):
    with pytest.raises(ValueError, match=message):
        by_label(labels, names)


# Pose


def test_the_error_of_each_angle_is_the_mean_of_its_absolute_differences():
    truth = torch.deg2rad(torch.tensor([[10.0, 0, -5], [-20, 90, 5]]))
    predicted = truth + torch.deg2rad(torch.tensor([[1.0, -2, 3], [-3, 4, 0]]))
    got = pose_error(predicted, truth)
    assert got.degrees == pytest.approx((2, 3, 1.5, 6.5 / 3), rel=1e-4)
    assert (got.count, got.left_out) == (2, 0)


def test_faces_with_any_angle_beyond_99_degrees_are_left_out():
    truth = torch.deg2rad(torch.tensor([[0.0, 99, 0], [0, -99.5, 0], [100, 0, 0], [0, 0, 0]]))
    predicted = truth + math.radians(1)
    predicted[1:3] += 1  # does not matter
    got = pose_error(predicted, truth)
    assert (got.count, got.left_out) == (2, 2)
    assert got.degrees == pytest.approx((1, 1, 1, 1), rel=1e-3)
    assert pose_error(predicted, truth, largest=math.pi).left_out == 0


def test_angles_are_compared_the_short_way_round():
    a, b = torch.deg2rad(torch.tensor([179.0, 10])), torch.deg2rad(torch.tensor([-179.0, 370]))
    assert torch.rad2deg(angle_between(a, b)).tolist() == pytest.approx([2, 0], abs=1e-3)


@given(st.floats(-20, 20), st.floats(-20, 20))
def test_the_angle_between_two_is_the_same_both_ways_and_at_most_half_a_turn(a, b):
    one, two = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    got = float(angle_between(one, two))
    assert 0 <= got <= math.pi + 1e-9
    assert got == pytest.approx(float(angle_between(two, one)), abs=1e-9)


def test_when_every_face_is_left_out_the_error_is_not_a_number():
    got = pose_error(torch.full((2, 3), 2.0), torch.full((2, 3), 2.0))
    assert got.count == 0 and math.isnan(got.mean) and all(map(math.isnan, got.angles))


@pytest.mark.parametrize(
    ("predicted", "truth", "message"),
    [
        (torch.zeros(2, 3), torch.zeros(3, 3), r"same shape \(N, 3\), got \(2, 3\) and \(3, 3\)"),
        (torch.zeros(2, 2), torch.zeros(2, 2), r"same shape \(N, 3\)"),
        (torch.zeros(1, 3) + math.nan, torch.zeros(1, 3), "^predicted: 1 of 1 faces have no pose"),
        (torch.zeros(1, 3), torch.zeros(1, 3) + math.nan, "^truth: 1 of 1 faces have no pose"),
        (torch.zeros(1, 3) + 20, torch.zeros(1, 3), "^predicted: most angles are beyond pi"),
    ],
)
def test_wrong_poses_are_refused(predicted, truth, message):
    with pytest.raises(ValueError, match=message):
        pose_error(predicted, truth)
