"""Lab 00's check: right answers pass, each classic mistake is met with the hint that fits it."""

import pytest
import torch
from torchvision import ops

from facelab.course.checking import find_exercise, run_check
from facelab.course.quizzing import load_quiz
from facelab.geometry.boxes import box_iof

SEEDS = range(5)


def parts(a, b):
    """Return the sides of what is shared, not clamped, and the areas of a and b."""
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    areas = ((x[:, 2:] - x[:, :2]).prod(dim=-1) for x in (a, b))
    return bottom_right - top_left, *areas


def solved(a, b):
    sides, area_a, area_b = parts(a, b)
    inter = sides.clamp(min=0).prod(dim=-1)
    return inter / (area_a[:, None] + area_b - inter)


def solved_side_by_side(a, b):
    columns = [solved(a, box[None]) for box in b]
    return torch.cat(columns, dim=1) if columns else torch.zeros(len(a), 0)


def without_clamp(a, b):
    sides, area_a, area_b = parts(a, b)
    inter = sides.prod(dim=-1)
    return inter / (area_a[:, None] + area_b - inter)


def clamped_after_the_product(a, b):
    sides, area_a, area_b = parts(a, b)
    inter = sides.prod(dim=-1).clamp(min=0)
    return inter / (area_a[:, None] + area_b - inter)


def shared_counted_twice(a, b):
    sides, area_a, area_b = parts(a, b)
    return sides.clamp(min=0).prod(dim=-1) / (area_a[:, None] + area_b)


def plus_one(a, b):
    sides = (parts(a, b)[0] + 1).clamp(min=0)
    areas = [(x[:, 2:] - x[:, :2] + 1).prod(dim=-1) for x in (a, b)]
    inter = sides.prod(dim=-1)
    return inter / (areas[0][:, None] + areas[1] - inter)


def over_the_smaller(a, b):
    sides, area_a, area_b = parts(a, b)
    inter = sides.clamp(min=0).prod(dim=-1)
    return inter / torch.minimum(area_a[:, None], area_b[None])


def rows_and_columns_swapped(a, b):
    return solved(b, a)


def box_with_its_partner_only(a, b):
    return solved(a, b)[:, :1].squeeze(1)


def always_a_third(a, b):
    return torch.full((len(a), len(b)), 1 / 3)


def in_place(a, b):
    a[:, 2:] -= a[:, :2]
    return solved(a, b)


def from_the_first_box(a, b):
    return solved(a, b) + 0 * a[0].sum() * b[0].sum()


WRONG = [
    (without_clamp, "clamp both at 0 before"),
    (clamped_after_the_product, "clamp both at 0 before"),
    (shared_counted_twice, "union 100 + 100 - 50"),
    (plus_one, "shared part 5 x 10 = 50"),
    (box_iof, "union 100 + 100 - 50"),
    (over_the_smaller, "union 100 + 100 - 50"),
    (rows_and_columns_swapped, "one row per box of a"),
    (box_with_its_partner_only, "one row per box of a"),
    (always_a_third, "clamp both"),
    (in_place, "work on a copy"),
    (from_the_first_box, "without a[0]"),
]


@pytest.mark.parametrize("right", [solved, solved_side_by_side])
def test_a_right_answer_passes_whatever_the_numbers(right):
    for seed in SEEDS:
        assert run_check(find_exercise("box_iou"), right, seed=seed).status == "passed"


@pytest.mark.parametrize(
    ("wrong", "words"), WRONG, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_mistake_is_met_with_its_likely_cause(wrong, words):
    for seed in SEEDS:
        result = run_check(find_exercise("box_iou"), wrong, seed=seed)
        assert result.status == "failed"
        assert words in result.failure.hint, str(result)


def test_the_bug_of_the_quiz_is_a_bug_where_the_question_says():
    space = {"torch": torch}
    (question,) = [one for one in load_quiz("00").questions if one.code]
    exec(question.code, space)
    boxes = torch.tensor([[0.0, 0, 10, 10], [5, 5, 15, 15], [10, 0, 20, 10], [30, 0, 40, 10]])
    assert torch.allclose(space["box_iou"](boxes, boxes), ops.box_iou(boxes, boxes))
    apart = torch.tensor([[20.0, 20, 30, 30]])
    assert space["box_iou"](boxes[:1], apart) > 0


def test_the_numbers_of_the_quiz_are_right():
    first, _, third, _ = load_quiz("00").questions
    inside = ops.box_iou(torch.tensor([[0.0, 0, 40, 40]]), torch.tensor([[5.0, 5, 25, 25]]))
    (answer,) = [option.text for option in first.options if option.is_right]
    assert float(answer) == float(inside)
    (answer,) = [option.text for option in third.options if option.is_right]
    corners = ops.box_convert(torch.tensor([30.0, 20, 10, 5]), "xywh", "xyxy")
    assert answer == f"`({', '.join(f'{value:g}' for value in corners.tolist())})`"
