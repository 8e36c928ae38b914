"""Checks of lab 00, start_here."""

from __future__ import annotations

from typing import Any

import torch
from torchvision import ops

from facelab.course.checking import (
    case,
    exercise,
    expect_agrees,
    expect_close,
    expect_tensor,
    rng,
)
from facelab.course.sampling import random_boxes

_HINTS = (
    "Draw two boxes that overlap. Which of the two left edges bounds the shared part, and which of "
    "the two right edges? What do your formulas give for boxes that do not touch?",
    "top_left     = max(a[:, None, :2], b[None, :, :2])     (N, M, 2)\n"
    "bottom_right = min(a[:, None, 2:], b[None, :, 2:])     (N, M, 2)\n"
    "inter        = width * height, each at least 0         (N, M)\n"
    "iou          = inter / (area_a + area_b - inter)       (N, M)",
    "top_left = torch.maximum(a[:, None, :2], b[None, :, :2])\n"
    "bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])\n"
    "inter = (bottom_right - top_left).____(min=0).prod(dim=-1)\n"
    "area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(dim=-1) for x in (a, b))\n"
    "return inter / (area_a[:, None] + area_b[None, :] - inter)",
)
_EMPTY = "no face is a valid input: write it without a loop and without a[0]"


@exercise(
    "box_iou",
    lab="00_start_here",
    points=2,
    hints=_HINTS,
    reference="facelab.geometry.boxes:box_iou",
)
def box_iou(fn: Any) -> None:
    square = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    with case("two boxes that share a third"):
        got = expect_tensor(
            fn(square, torch.tensor([[5.0, 0.0, 15.0, 10.0]])),
            shape=(1, 1),
            dtype="floating",
            hint="one row per box of a, one column per box of b",
        )
        expect_close(
            got, [[1 / 3]], hint="shared part 5 x 10 = 50; union 100 + 100 - 50, not 100 + 100"
        )
    with case("two boxes against one"):
        expect_tensor(
            fn(torch.cat([square, square]), square),
            shape=(2, 1),
            hint="one row per box of a, one column per box of b",
        )
    with case("one box far from the other in x and in y"):
        expect_close(
            fn(square, torch.tensor([[20.0, 20.0, 30.0, 30.0]])),
            [[0.0]],
            hint="width and height are both negative here, their product is not: clamp both at 0 "
            "before you multiply",
        )
    with case("boxes that touch along an edge"):
        expect_close(
            fn(square, torch.tensor([[10.0, 0.0, 20.0, 10.0]])),
            [[0.0]],
            hint="x2 is exclusive, so the width is x2 - x1 without a + 1",
        )
    with case("identical boxes"):
        expect_close(fn(square, square), [[1.0]], hint="the union counts the shared part once")
    with case("a box inside another"):
        expect_close(
            fn(square, torch.tensor([[2.0, 2.0, 7.0, 7.0]])),
            [[0.25]],
            hint="25 / 100: divide by the union, not by the smaller box",
        )
    with case("a box without area"):
        expect_close(
            fn(square, torch.tensor([[5.0, 5.0, 5.0, 5.0]])), [[0.0]], hint="nothing is shared"
        )
    for num_a, num_b in ((0, 3), (3, 0), (0, 0)):
        with case("no boxes", hint=_EMPTY):
            expect_tensor(
                fn(random_boxes(rng(), num_a), random_boxes(rng(), num_b)),
                shape=(num_a, num_b),
                hint=_EMPTY,
            )
    with case("random boxes"):
        expect_agrees(
            fn,
            ops.box_iou,
            random_boxes(rng(), 40),
            random_boxes(rng(), 7),
            rows=((0,), (1,)),
            hint="row i belongs to box i of a, column j to box j of b",
        )
