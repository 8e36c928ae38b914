"""Suppression against hand-worked numbers, a plain greedy loop, and torchvision."""

import importlib
import math
import warnings

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from facelab.geometry.boxes import box_iou, box_min_overlap
from facelab.geometry.nms import batched_nms, box_voting, nms, soft_nms

module = importlib.import_module("facelab.geometry.nms")  # the package has a function of that name

A_B_C = torch.tensor([[0.0, 0, 10, 10], [2, 0, 12, 10], [8, 0, 18, 10]])
FALLING = torch.tensor([0.9, 0.8, 0.7])


def clusters(count: int, faces: int, seed: int) -> tuple[Tensor, Tensor]:
    """Boxes scattered around faces, as a detector gives them."""
    g = torch.Generator().manual_seed(seed)
    corner, side = (
        500 * torch.rand(faces, 2, generator=g),
        20 + 60 * torch.rand(faces, 1, generator=g),
    )
    face = torch.randint(0, faces, (count,), generator=g)
    corner, side = corner[face], side[face]
    corner = corner + 0.15 * side * torch.randn(count, 2, generator=g)
    sides = side * (1 + 0.1 * torch.randn(count, 2, generator=g)).clamp(min=0.2)
    return torch.cat((corner, corner + sides), dim=1), torch.rand(count, generator=g)


def greedy_loop(boxes: Tensor, scores: Tensor, threshold: float, overlap=box_iou) -> list[int]:
    """The definition, one box at a time."""
    kept: list[int] = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if not kept or bool((overlap(boxes[index, None], boxes[kept]) <= threshold).all()):
            kept.append(index)
    return kept


@st.composite
def crowded(draw, max_size: int = 30) -> tuple[Tensor, Tensor]:
    """Whole corners on a small grid and few different scores: ties, duplicates, equal overlaps."""
    small, side = st.integers(0, 12), st.integers(0, 10)
    score = st.sampled_from([0.25, 0.5, 0.75, 1.0])
    rows = draw(st.lists(st.tuples(small, small, side, side, score), max_size=max_size))
    table = torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)
    return torch.cat((table[:, :2], table[:, :2] + table[:, 2:4]), dim=1), table[:, 4]


def test_the_dead_do_not_vote():
    # IoU(A, B) = 0.67, IoU(A, C) = 0.11, IoU(B, C) = 0.25: B falls to A, and cannot take C along.
    assert nms(A_B_C, FALLING, 0.2).tolist() == [0, 2]


@pytest.mark.parametrize(("threshold", "kept"), [(0.0, [0]), (0.1, [0]), (0.7, [0, 1, 2])])
def test_the_threshold_decides_who_survives(threshold, kept):
    assert nms(A_B_C, FALLING, threshold).tolist() == kept


def test_an_overlap_equal_to_the_threshold_does_not_suppress():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5]])  # IoU exactly 0.5
    assert nms(boxes, FALLING[:2], 0.5).tolist() == [0, 1]
    assert nms(boxes, FALLING[:2], math.nextafter(0.5, 0)).tolist() == [0]


@pytest.mark.parametrize("tenths", range(1, 10))
def test_thresholds_that_float32_cannot_hold_decide_as_in_torchvision(tenths):
    threshold = tenths / 10
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, tenths]])  # IoU = tenths / 10 in float32
    expected = torchvision.ops.nms(boxes, FALLING[:2], threshold).tolist()
    assert nms(boxes, FALLING[:2], threshold).tolist() == expected


def test_one_tenth_really_is_a_threshold_where_naive_rounding_goes_wrong():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 1]])
    assert float(np.float32(0.1)) > 0.1  # so this overlap is above 0.1
    assert nms(boxes, FALLING[:2], 0.1).tolist() == [0]


def test_equal_scores_keep_their_order():
    boxes = torch.tensor([[50.0, 0, 60, 10], [0, 0, 10, 10], [50, 0, 60, 10], [20, 0, 30, 10]])
    assert nms(boxes, torch.ones(4), 0.5).tolist() == [0, 1, 3]


def test_boxes_without_area_neither_suppress_nor_fall():
    boxes = torch.tensor([[5.0, 5, 5, 5], [5, 5, 5, 5], [0, 0, 10, 10], [5, 0, 5, 10]])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.6])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for overlap in ("iou", "min"):
            assert nms(boxes, scores, 0.0, overlap=overlap).tolist() == [0, 1, 2, 3]


def test_the_smaller_area_catches_what_iou_lets_through():
    boxes = torch.tensor([[0.0, 0, 20, 20], [5, 5, 15, 15]])  # IoU 0.25, min overlap 1.0
    assert nms(boxes, FALLING[:2], 0.7).tolist() == [0, 1]
    assert nms(boxes, FALLING[:2], 0.7, overlap="min").tolist() == [0]


@given(crowded(), st.sampled_from([0.0, 0.1, 0.2, 0.25, 1 / 3, 0.5, 0.6, 0.7, 1.0]))
def test_nms_equals_torchvision_with_ties_duplicates_and_overlaps_at_the_threshold(
    found, threshold
):
    boxes, scores = found
    expected = torchvision.ops.nms(boxes, scores, threshold)
    got = nms(boxes, scores, threshold)
    assert got.dtype == torch.int64
    assert got.tolist() == expected.tolist()


@given(crowded(), st.sampled_from([0.25, 0.5, 0.75]))
def test_min_overlap_equals_the_plain_greedy_loop(found, threshold):
    boxes, scores = found
    expected = greedy_loop(boxes, scores, threshold, overlap=box_min_overlap)
    assert nms(boxes, scores, threshold, overlap="min").tolist() == expected


@pytest.mark.parametrize("count", [1, 127, 128, 129, 700, 3000])
@pytest.mark.parametrize("faces", [3, 60])
@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.7])
def test_nms_equals_torchvision_across_blocks(count, faces, threshold):
    boxes, scores = clusters(count, faces, seed=count)
    scores = (scores * 50).round() / 50  # many ties
    assert torch.equal(nms(boxes, scores, threshold), torchvision.ops.nms(boxes, scores, threshold))


def test_more_kept_boxes_than_fit_one_comparison_still_suppress():
    grid = 12.0 * torch.arange(60)
    corner = torch.cartesian_prod(grid, grid)  # 3600 boxes apart, then each of them again
    boxes = torch.cat((corner, corner + 10), dim=1).repeat(2, 1)
    assert len(boxes) / 2 > module._EARLIER
    assert nms(boxes, torch.ones(7200), 0.5).tolist() == list(range(3600))


def test_a_chain_in_which_every_second_box_survives_is_the_worst_case_and_exact():
    x = 3.0 * torch.arange(500)
    boxes = torch.stack((x, 0 * x, x + 10, 0 * x + 10), dim=1)  # IoU with the next is 7 / 13
    scores = torch.linspace(1, 0.1, 500)
    assert nms(boxes, scores, 0.5).tolist() == list(range(0, 500, 2))


@pytest.mark.parametrize("block", [1, 2, 3, 7])
def test_the_answer_does_not_depend_on_the_block_size(block, monkeypatch):
    boxes, scores = clusters(90, 6, seed=0)
    groups = torch.arange(90) % 4
    expected, expected_batched = nms(boxes, scores, 0.3), batched_nms(boxes, scores, groups, 0.3)
    monkeypatch.setattr(module, "_BLOCK", block)
    monkeypatch.setattr(module, "_EARLIER", 5)
    assert torch.equal(nms(boxes, scores, 0.3), expected)
    assert torch.equal(batched_nms(boxes, scores, groups, 0.3), expected_batched)


@given(crowded(), st.sampled_from([0.5, 4.0]), st.integers(-20, 20))
def test_scaling_or_moving_the_photo_changes_nothing(found, scale, shift):
    boxes, scores = found
    assert nms(scale * boxes + shift, scores, 0.4).tolist() == nms(boxes, scores, 0.4).tolist()


@given(crowded())
def test_suppressing_the_survivors_again_removes_nobody(found):
    boxes, scores = found
    kept = nms(boxes, scores, 0.3)
    assert nms(boxes[kept], scores[kept], 0.3).tolist() == list(range(len(kept)))


@pytest.mark.parametrize("overlap", ["iou", "min"])
def test_empty_and_single_inputs_are_valid(overlap):
    none = nms(torch.zeros(0, 4), torch.zeros(0), 0.5, overlap=overlap)
    assert none.shape == (0,) and none.dtype == torch.int64
    assert nms(A_B_C[:1], FALLING[:1], 0.5, overlap=overlap).tolist() == [0]
    groups = torch.zeros(0, dtype=torch.int64)
    assert batched_nms(torch.zeros(0, 4), torch.zeros(0), groups, 0.5).shape == (0,)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_float_types_are_accepted(dtype):
    assert nms(A_B_C.to(dtype), FALLING.to(dtype), 0.2).tolist() == [0, 2]


def test_float64_boxes_equal_torchvision_at_the_threshold():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 1]], dtype=torch.float64)
    scores = FALLING[:2].double()
    assert nms(boxes, scores, 0.1).tolist() == torchvision.ops.nms(boxes, scores, 0.1).tolist()


def test_tensors_with_a_gradient_are_accepted():
    assert nms(A_B_C.clone().requires_grad_(), FALLING.clone().requires_grad_(), 0.2).tolist() == [
        0,
        2,
    ]


def test_boxes_too_large_for_float32_areas_suppress_nobody_as_in_torchvision():
    boxes = torch.tensor([[0.0, 0, 1e30, 1e30], [0, 0, 1e30, 1e30]])
    assert nms(boxes, FALLING[:2], 0.5).tolist() == [0, 1]
    assert torchvision.ops.nms(boxes, FALLING[:2], 0.5).tolist() == [0, 1]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_with_argument_and_count(bad):
    boxes, scores = A_B_C.clone(), FALLING.clone()
    boxes[1, 2] = boxes[2, 0] = scores[0] = bad
    with pytest.raises(ValueError, match=r"^boxes: 2 of 3 hold NaN or infinity; .*drop"):
        nms(boxes, FALLING, 0.5)
    with pytest.raises(ValueError, match=r"^scores: 1 of 3 hold NaN or infinity; .*drop"):
        nms(A_B_C, scores, 0.5)


@pytest.mark.parametrize(
    ("boxes", "scores", "message"),
    [
        (torch.zeros(4), torch.zeros(1), r"^boxes: expected shape \(N, 4\), got \(4,\)"),
        (torch.zeros(2, 5), torch.zeros(2), r"^boxes: expected shape \(N, 4\), got \(2, 5\)"),
        (torch.zeros(2, 4), torch.zeros(3), r"^scores: expected shape \(2,\), .* got \(3,\)"),
        (torch.zeros(2, 4), torch.zeros(2, 1), r"^scores: expected shape \(2,\), .* got \(2, 1\)"),
        ([[0, 0, 1, 1]], torch.zeros(1), r"^boxes: expected a tensor, got list"),
        (torch.zeros(1, 4), [0.5], r"^scores: expected a tensor, got list"),
    ],
)
def test_wrong_shapes_and_types_are_refused_by_name(boxes, scores, message):
    with pytest.raises(ValueError, match=message):
        nms(boxes, scores, 0.5)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, 50, math.nan])
def test_a_threshold_in_percent_is_refused(threshold):
    with pytest.raises(ValueError, match=r"^threshold: expected a number in \[0, 1\]"):
        nms(A_B_C, FALLING, threshold)


def test_an_unknown_overlap_is_refused():
    with pytest.raises(ValueError, match=r'^overlap: expected "iou" or "min", got \'giou\''):
        nms(A_B_C, FALLING, 0.5, overlap="giou")  # type: ignore[arg-type]


def in_groups(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> list[int]:
    """nms on each group, and the union sorted by score."""
    kept = [
        members[nms(boxes[members], scores[members], threshold)]
        for members in (torch.nonzero(groups == g).flatten() for g in groups.unique())
    ]
    union = torch.cat([*kept, torch.zeros(0, dtype=torch.int64)]).sort().values
    return union[scores[union].argsort(descending=True, stable=True)].tolist()


@given(crowded(), st.sampled_from([0.1, 0.3, 0.5]), st.integers(1, 5))
def test_groups_are_suppressed_as_if_alone_and_merged_by_score(found, threshold, number):
    boxes, scores = found
    groups = 7 * (torch.arange(len(boxes)) * 31 % number) - 3  # any values, negative too
    expected = in_groups(boxes, scores, groups, threshold)
    assert batched_nms(boxes, scores, groups, threshold).tolist() == expected


@pytest.mark.parametrize("number", [1, 2, 10, 900])
def test_groups_that_cross_blocks_are_suppressed_as_if_alone(number):
    boxes, scores = clusters(900, 8, seed=number)
    groups = torch.randint(0, number, (900,), generator=torch.Generator().manual_seed(0))
    expected = in_groups(boxes, scores, groups, 0.4)
    assert batched_nms(boxes, scores, groups, 0.4).tolist() == expected


@pytest.mark.parametrize("number", [2, 9])
def test_groups_agree_with_torchvision(number):
    boxes, scores = clusters(400, 8, seed=5)
    groups = torch.arange(400) % number
    expected = torchvision.ops.batched_nms(boxes, scores, groups, 0.4)
    assert torch.equal(batched_nms(boxes, scores, groups, 0.4), expected)


def test_many_groups_do_not_cost_precision():
    # The usual shift by group x (largest coordinate + 1) rounds corners away at this group number.
    boxes = torch.tensor([[100.0, 0, 100.5, 10], [100.25, 0, 100.75, 10]])  # IoU 1 / 3
    groups = torch.full((2,), 10_000_000)
    assert batched_nms(boxes, FALLING[:2], groups, 0.4).tolist() == [0, 1]
    assert batched_nms(boxes, FALLING[:2], groups, 0.3).tolist() == [0]


@pytest.mark.parametrize("groups", [torch.zeros(3), torch.zeros(2, dtype=torch.int64)])
def test_groups_of_another_type_or_length_are_refused(groups):
    with pytest.raises(ValueError, match=r"^groups: expected torch.int64 of shape \(3,\)"):
        batched_nms(A_B_C, FALLING, groups, 0.5)


# Two boxes with IoU 0.6: a 10 x 10 and a 10 x 6 inside it.
PAIR = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 6]])


@pytest.mark.parametrize(
    ("method", "expected"), [("gaussian", 0.8 * math.exp(-0.72)), ("linear", 0.32)]
)
def test_soft_suppression_lowers_a_score_as_worked_by_hand(method, expected):
    keep, scores = soft_nms(PAIR, torch.tensor([0.9, 0.8]), method=method)
    assert keep.tolist() == [0, 1]
    assert_close(scores, torch.tensor([0.9, expected]))
    assert round(expected, 4) in (0.3894, 0.32)


def test_linear_soft_suppression_spares_overlaps_up_to_the_threshold():
    half = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5]])
    scores = torch.tensor([0.9, 0.8])
    assert_close(soft_nms(half, scores, method="linear", threshold=0.5)[1], scores)
    lowered = soft_nms(half, scores, method="linear", threshold=0.49)[1]
    assert_close(lowered, torch.tensor([0.9, 0.4]))


def test_soft_suppression_sorts_again_after_every_round():
    # The second box overlaps the first and falls behind the third, which stands apart.
    boxes = torch.cat((PAIR, torch.tensor([[50.0, 0, 60, 10]])))
    keep, scores = soft_nms(boxes, torch.tensor([0.9, 0.8, 0.5]), method="linear")
    assert keep.tolist() == [0, 2, 1]
    assert_close(scores, torch.tensor([0.9, 0.5, 0.32]))


def test_soft_suppression_removes_what_falls_below_the_least_score():
    scores = torch.tensor([0.9, 0.8])
    assert soft_nms(PAIR, scores, method="linear", min_score=0.33)[0].tolist() == [0]
    assert soft_nms(PAIR, scores, method="linear", min_score=0.31)[0].tolist() == [0, 1]
    assert soft_nms(PAIR, scores, min_score=0.95)[0].tolist() == []
    twice = torch.zeros(2, 4) + torch.tensor([0.0, 0, 10, 10])
    assert soft_nms(twice, scores, method="linear")[0].tolist() == [0]  # IoU 1 leaves 0


def soft_loop(boxes, scores, method, threshold, sigma, min_score):
    """The definition, one pair at a time."""
    left = {i: float(s) for i, s in enumerate(scores) if s >= min_score}
    chosen = []
    while left:
        best = max(left, key=lambda i: (left[i], -i))
        chosen.append((best, left.pop(best)))
        for i in list(left):
            iou = float(box_iou(boxes[best, None], boxes[i, None]))
            factor = math.exp(-(iou**2) / sigma) if method == "gaussian" else 1.0
            if method == "linear" and iou > threshold:
                factor = 1 - iou
            left[i] *= factor
            if left[i] < min_score:
                del left[i]
    return chosen


@pytest.mark.parametrize("method", ["linear", "gaussian"])
@pytest.mark.parametrize("seed", range(4))
def test_soft_suppression_equals_the_plain_loop(method, seed):
    boxes, scores = clusters(60, 4, seed)
    boxes, scores = boxes.double(), scores.double()
    keep, new = soft_nms(boxes, scores, method=method, threshold=0.3, sigma=0.5, min_score=0.05)
    expected = soft_loop(boxes, scores, method, threshold=0.3, sigma=0.5, min_score=0.05)
    assert keep.tolist() == [index for index, _ in expected]
    assert_close(new, torch.tensor([score for _, score in expected], dtype=torch.float64))


@given(crowded(max_size=12))
def test_soft_scores_never_rise_and_never_exceed_the_old_ones(found):
    boxes, scores = found
    for method in ("linear", "gaussian"):
        keep, new = soft_nms(boxes, scores, method=method)
        assert (new[1:] <= new[:-1]).all()
        assert (new <= scores[keep]).all()
        assert len(keep.unique()) == len(keep)


def test_soft_suppression_accepts_no_boxes_and_refuses_wrong_options():
    keep, scores = soft_nms(torch.zeros(0, 4), torch.zeros(0))
    assert keep.shape == scores.shape == (0,) and keep.dtype == torch.int64
    with pytest.raises(ValueError, match=r'^method: expected "linear" or "gaussian"'):
        soft_nms(PAIR, FALLING[:2], method="hard")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^sigma: expected a number above 0"):
        soft_nms(PAIR, FALLING[:2], sigma=0)
    with pytest.raises(ValueError, match=r"^boxes: 1 of 2 hold NaN"):
        soft_nms(PAIR * torch.tensor([[1.0], [math.nan]]), FALLING[:2])


def test_voting_takes_the_score_weighted_mean_of_close_boxes():
    boxes = torch.tensor([[0.0, 0, 10, 10], [2, 0, 12, 10], [40, 0, 50, 10]])
    scores = torch.tensor([0.9, 0.6, 0.5])  # IoU of the first two is 0.67; 2 * 0.6 / 1.5 = 0.8
    got = box_voting(boxes, scores, nms(boxes, scores, 0.4))
    assert_close(got, torch.tensor([[0.8, 0, 10.8, 10], [40, 0, 50, 10]]))


def test_a_box_votes_when_its_overlap_equals_the_threshold():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 4]])  # IoU exactly 0.4
    keep = torch.tensor([0])
    assert_close(box_voting(boxes, torch.ones(2), keep), torch.tensor([[0.0, 0, 10, 7]]))
    stricter = box_voting(boxes, torch.ones(2), keep, threshold=0.41)
    assert_close(stricter, boxes[:1])


def test_voting_leaves_boxes_without_votes_and_accepts_none():
    boxes = torch.tensor([[5.0, 5, 5, 5], [0, 0, 10, 10]])
    keep = torch.tensor([0, 1])
    assert_close(box_voting(boxes, torch.tensor([0.5, 0.0]), keep), boxes)
    none = torch.zeros(0, dtype=torch.int64)
    assert box_voting(torch.zeros(0, 4), torch.zeros(0), none).shape == (0, 4)
    with pytest.raises(ValueError, match=r"^scores: 1 of 2 are negative"):
        box_voting(boxes, torch.tensor([0.5, -0.1]), keep)


@pytest.mark.gpu
def test_boxes_on_a_gpu_give_indices_on_that_gpu():
    boxes, scores = clusters(500, 8, seed=0)
    got = nms(boxes.cuda(), scores.cuda(), 0.4)
    assert got.is_cuda and torch.equal(got.cpu(), nms(boxes, scores, 0.4))
