"""Boxes against hand-worked numbers, properties, and torchvision."""

import math

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from facelab.geometry.boxes import (
    box_area,
    box_iof,
    box_iou,
    box_min_overlap,
    clip_boxes,
    decode_centers,
    decode_corners,
    decode_landmarks,
    decode_landmarks_corner,
    encode_centers,
    encode_corners,
    encode_landmarks,
    encode_landmarks_corner,
    square_boxes,
)

OVERLAPS = [box_iou, box_iof, box_min_overlap]


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_boxes(count: int, seed: int) -> Tensor:
    """Boxes of 10 to 110 px inside about 600 px."""
    g = rng(seed)
    corner = 500 * torch.rand(count, 2, generator=g)
    return torch.cat((corner, corner + 10 + 100 * torch.rand(count, 2, generator=g)), dim=1)


def box(*corners: float) -> Tensor:
    return torch.tensor([corners], dtype=torch.float32)


@st.composite
def box_sets(draw, max_size: int = 8) -> Tensor:
    """Boxes with whole corners, some without width or height."""
    side = st.integers(0, 40)
    rows = draw(st.lists(st.tuples(side, side, side, side), max_size=max_size))
    corners = torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)
    return torch.cat((corners[:, :2], corners[:, :2] + corners[:, 2:]), dim=1)


def test_half_open_and_inclusive_readings_of_the_same_faces_agree():
    half_open = box_iou(box(0, 0, 10, 10), box(5, 0, 15, 10))
    inclusive = box_iou(box(0, 0, 9, 9), box(5, 0, 14, 9), inclusive=True)
    assert_close(half_open, torch.tensor([[1 / 3]]))
    assert_close(inclusive, torch.tensor([[1 / 3]]))


def test_a_shift_of_three_pixels_costs_more_in_the_half_open_reading():
    a, b = box(0, 0, 10, 10), box(3, 0, 13, 10)
    assert_close(box_iou(a, b).item(), 7 / 13)
    assert_close(box_iou(a, b, inclusive=True).item(), 8 / 14)


@pytest.mark.parametrize(
    ("side", "expected"), [(64, 0.88), (32, 0.78), (16, 0.62), (8, 0.39), (6, 0.29)]
)
def test_a_shift_of_two_pixels_hurts_small_faces_most(side, expected):
    got = box_iou(box(0, 0, side, side), box(2, 2, side + 2, side + 2)).item()
    assert round(got, 2) == expected


def test_a_box_inside_another_overlaps_fully_by_the_smaller_area():
    inner, outer = box(5, 5, 15, 15), box(0, 0, 20, 20)
    assert box_iou(inner, outer).item() == 0.25
    assert box_min_overlap(inner, outer).item() == 1.0
    assert box_iof(inner, outer).item() == 1.0
    assert box_iof(outer, inner).item() == 0.25


def test_areas_count_pixels_in_both_readings():
    boxes = torch.tensor([[0.0, 0, 10, 5], [3, 3, 3, 9], [9, 9, 5, 5]])
    assert box_area(boxes).tolist() == [50, 0, 0]
    assert box_area(boxes[:1], inclusive=True).tolist() == [66]


def test_iou_equals_torchvision_on_random_boxes():
    a, b = random_boxes(60, seed=0), random_boxes(40, seed=1)
    assert_close(box_iou(a, b), torchvision.ops.box_iou(a, b))
    assert_close(box_area(a), torchvision.ops.box_area(a))


@given(box_sets(), box_sets())
def test_overlaps_lie_between_zero_and_one_and_are_never_nan(a, b):
    for overlap in OVERLAPS:
        got = overlap(a, b)
        assert got.shape == (len(a), len(b))
        assert ((got >= 0) & (got <= 1)).all()


@given(box_sets(), box_sets())
def test_iou_and_min_overlap_are_symmetric(a, b):
    assert_close(box_iou(a, b), box_iou(b, a).T)
    assert_close(box_min_overlap(a, b), box_min_overlap(b, a).T)


@given(box_sets(), st.sampled_from([0.25, 2.0, 16.0]), st.integers(-50, 50), st.integers(-50, 50))
def test_overlaps_do_not_change_when_the_photo_is_scaled_or_moved(boxes, scale, dx, dy):
    moved = scale * boxes + torch.tensor([dx, dy, dx, dy])
    for overlap in OVERLAPS:
        assert_close(overlap(moved, moved), overlap(boxes, boxes))


@given(box_sets())
def test_a_box_with_area_overlaps_itself_fully_and_one_without_not_at_all(boxes):
    expected = (box_area(boxes) > 0).float()
    for overlap in OVERLAPS:
        assert_close(overlap(boxes, boxes).diagonal(), expected)


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_empty_sets_give_empty_matrices(overlap):
    some, none = random_boxes(3, seed=0), torch.zeros(0, 4)
    assert overlap(some, none).shape == (3, 0)
    assert overlap(none, some).shape == (0, 3)
    assert overlap(none, none).shape == (0, 0)


def test_overlap_has_a_finite_gradient_even_for_boxes_without_area():
    a = torch.tensor([[0.0, 0, 10, 10], [5, 5, 5, 5]], requires_grad=True)
    box_iou(a, torch.tensor([[5.0, 0, 15, 10], [5, 5, 5, 5]])).sum().backward()
    assert a.grad is not None and torch.isfinite(a.grad).all()
    assert a.grad.abs().sum() > 0


def test_iou_gradient_is_the_true_derivative():
    a, b = random_boxes(3, seed=2).double().requires_grad_(), random_boxes(4, seed=3).double()
    assert torch.autograd.gradcheck(lambda x: box_iou(x, b), (a,))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
def test_other_number_types_are_computed_in_float(dtype):
    got = box_iou(box(0, 0, 300, 300).to(dtype), box(0, 0, 300, 150).to(dtype))
    assert got.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert got.item() == 0.5  # the area does not fit into float16


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("wrong", [torch.zeros(4), torch.zeros(3, 5), torch.zeros(2, 3, 4)])
def test_wrong_shapes_are_refused_by_name(overlap, wrong):
    with pytest.raises(ValueError, match=r"^b: expected boxes of shape \(N, 4\)"):
        overlap(torch.zeros(1, 4), wrong)


def test_a_list_instead_of_a_tensor_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match=r"^a: expected a tensor, got list; use torch.as_tensor"):
        box_iou([[0, 0, 1, 1]], torch.zeros(1, 4))  # type: ignore[arg-type]


def test_clipping_keeps_boxes_inside_and_flattens_those_outside():
    boxes = torch.tensor([[-5.0, -5, 20, 20], [2, 3, 8, 9], [200, 5, 300, 9]])
    got = clip_boxes(boxes, size=(10, 100))
    assert got.tolist() == [[0, 0, 20, 10], [2, 3, 8, 9], [100, 5, 100, 9]]
    assert clip_boxes(torch.zeros(0, 4), size=(10, 100)).shape == (0, 4)


def test_squares_take_the_longer_side_around_the_same_centre():
    got = square_boxes(torch.tensor([[10.0, 10, 20, 30], [0, 0, 8, 4]]))
    assert got.tolist() == [[5, 10, 25, 30], [0, -2, 8, 6]]
    assert square_boxes(torch.zeros(0, 4)).shape == (0, 4)


@given(box_sets())
def test_squares_contain_their_boxes_and_squaring_twice_changes_nothing(boxes):
    squares = square_boxes(boxes)
    assert (squares[:, :2] <= boxes[:, :2]).all() and (squares[:, 2:] >= boxes[:, 2:]).all()
    assert_close(square_boxes(squares), squares)


def test_corner_deltas_are_label_minus_candidate_in_units_of_the_candidate():
    candidate, truth = box(10, 20, 30, 60), box(12, 16, 36, 64)
    assert_close(encode_corners(truth, candidate), torch.tensor([[0.1, -0.1, 0.3, 0.1]]))
    assert_close(decode_corners(torch.tensor([[0.1, -0.1, 0.3, 0.1]]), candidate), truth)


def test_the_authors_later_stages_count_one_pixel_more():
    got = decode_corners(torch.tensor([[0.1, 0.0, 0.0, 0.0]]), box(0, 0, 9, 9), inclusive=True)
    assert_close(got, box(1, 0, 9, 9))  # a tenth of 9 - 0 + 1


def test_centre_deltas_match_the_worked_example():
    anchor, truth = box(0, 0, 16, 16), box(4, 0, 36, 32)  # centres (8, 8) and (20, 16)
    deltas = torch.tensor([[12 / 16, 8 / 16, math.log(2), math.log(2)]])
    assert_close(encode_centers(truth, anchor), deltas)
    scaled = deltas / torch.tensor([0.1, 0.1, 0.2, 0.2])
    assert_close(encode_centers(truth, anchor, variances=(0.1, 0.2)), scaled)
    assert_close(decode_centers(scaled, anchor, variances=(0.1, 0.2)), truth)


def test_weights_trained_with_inclusive_widths_decode_to_the_same_pixels():
    anchor, deltas = box(-8, -8, 23, 23), torch.tensor([[0.2, -0.1, 0.3, -0.2]])
    width = anchor[:, 2:] - anchor[:, :2] + 1  # Faster R-CNN, inclusive pixels throughout
    center = anchor[:, :2] + 0.5 * (width - 1) + deltas[:, :2] * width
    size = width * torch.exp(deltas[:, 2:])
    inclusive = torch.cat((center - 0.5 * (size - 1), center + 0.5 * (size - 1)), dim=1)
    exclusive = torch.tensor([0.0, 0, 1, 1])
    assert_close(decode_centers(deltas, anchor + exclusive), inclusive + exclusive)


@pytest.mark.parametrize("seed", range(3))
def test_every_box_coding_is_undone_by_its_decoding(seed):
    truth, reference = random_boxes(50, seed), random_boxes(50, seed + 100)
    for inclusive in (False, True):
        deltas = encode_corners(truth, reference, inclusive=inclusive)
        back = decode_corners(deltas, reference, inclusive=inclusive)
        assert_close(back, truth, rtol=1e-5, atol=1e-5)
    for variances in ((1.0, 1.0), (0.1, 0.2)):
        deltas = encode_centers(truth, reference, variances=variances)
        back = decode_centers(deltas, reference, variances=variances)
        assert_close(back, truth, rtol=1e-5, atol=1e-5)


def test_every_landmark_coding_is_undone_by_its_decoding_and_keeps_missing_points():
    points, reference = 500 * torch.rand(20, 5, 2, generator=rng(0)), random_boxes(20, seed=1)
    points[3] = torch.nan
    for encode, decode in (
        (encode_landmarks, decode_landmarks),
        (encode_landmarks_corner, decode_landmarks_corner),
    ):
        back = decode(encode(points, reference), reference)
        assert_close(back, points, rtol=1e-5, atol=1e-4, equal_nan=True)


def test_landmark_codings_match_the_worked_example():
    points, reference = torch.tensor([[[12.0, 8.0]]]), box(0, 0, 16, 32)  # centre (8, 16)
    assert_close(encode_landmarks(points, reference), torch.tensor([[[2.5, -2.5]]]))
    assert_close(encode_landmarks_corner(points, reference), torch.tensor([[[0.75, 0.25]]]))


@pytest.mark.parametrize("scale", [0.5, 4.0])
def test_deltas_do_not_depend_on_the_scale_of_the_photo(scale):
    truth, reference = random_boxes(9, 0), random_boxes(9, 1)
    assert_close(encode_corners(scale * truth, scale * reference), encode_corners(truth, reference))
    assert_close(encode_centers(scale * truth, scale * reference), encode_centers(truth, reference))


def test_a_batch_of_predictions_is_decoded_against_one_set_of_anchors():
    anchors, deltas = random_boxes(6, 0), torch.rand(2, 6, 4, generator=rng(1))
    got = decode_centers(deltas, anchors)
    assert got.shape == (2, 6, 4)
    assert_close(got[1], decode_centers(deltas[1], anchors))
    points = decode_landmarks(torch.rand(2, 6, 5, 2, generator=rng(2)), anchors)
    assert points.shape == (2, 6, 5, 2)


@pytest.mark.parametrize("encode", [encode_corners, encode_centers])
def test_encoding_against_a_box_without_area_is_refused(encode):
    flat = torch.tensor([[0.0, 0, 10, 10], [3, 3, 3, 9], [3, 3, 9, 3]])
    with pytest.raises(ValueError, match="2 of 3 have no width or height"):
        encode(random_boxes(3, 0), flat)


def test_codings_accept_empty_sets():
    none = torch.zeros(0, 4)
    assert encode_corners(none, none).shape == (0, 4)
    assert decode_centers(none, none).shape == (0, 4)
    assert encode_landmarks(torch.zeros(0, 5, 2), none).shape == (0, 5, 2)
    assert decode_landmarks_corner(torch.zeros(0, 5, 2), none).shape == (0, 5, 2)


def test_codings_refuse_wrong_shapes_by_name():
    with pytest.raises(ValueError, match=r"^deltas: expected shape \(..., 4\), got \(2, 3\)"):
        decode_centers(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"^landmarks: expected points of shape \(..., P, 2\)"):
        encode_landmarks(torch.zeros(2, 10), torch.ones(2, 4))
