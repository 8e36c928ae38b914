"""Checks of lab 02, cascaded_landmarks: how wrong is wrong."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from facelab.course.answers import cascaded_landmarks as answers
from facelab.course.checking import case, exercise, expect_agrees, expect_close, expect_tensor, rng
from facelab.course.sampling import random_boxes

LAB = "02_cascaded_landmarks"

_TRUTH = torch.tensor([[[20.0, 40], [44, 47], [32, 60], [24, 75], [43, 78]]])
_OFF = torch.tensor([[[3.0, 4], [0, 0], [0, -5], [5, 0], [0, 0]]])  # 5, 0, 5, 5 and 0 pixels
_BOX = torch.tensor([[10.0, 20, 60, 90]])  # 50 wide, 70 high


@exercise(
    "nme",
    lab=LAB,
    points=2,
    hints=(
        "How far is each predicted point from its true one, in pixels? Over which points is the "
        "mean taken, and which number of the TRUTH makes two faces of different size comparable?",
        "distance   length of predicted - truth                  (N, P)\n"
        "size       x2 - x1, or |truth[:, 0] - truth[:, 1]|      (N,)\n"
        "result     mean of distance over known points / size    (N,)",
        "distance = (predicted - truth).norm(dim=2)              # (N, P), NaN where unknown\n"
        "if boxes is None:\n"
        "    size = (truth[:, 0] - truth[:, 1]).norm(dim=1)      # (N,)\n"
        "else:\n"
        "    size = boxes[:, 2] - boxes[:, 0]\n"
        "return distance.____(dim=1) / size",
    ),
    reference="facelab.course.answers.cascaded_landmarks:nme",
)
def nme(fn: Any) -> None:
    def run(predicted: Tensor, truth: Tensor, *boxes: Tensor, finite: bool = True) -> Tensor:
        one = "one number a face, (N,)"
        got = fn(predicted, truth, *boxes)
        return expect_tensor(got, shape=(len(truth),), dtype="floating", finite=finite, hint=one)

    _by_hand(run)
    _own_sizes(run)
    _unknown_points(run)
    empty = "no face is a valid input: the answer has shape (0,)"
    with case("no faces", hint=empty):
        run(_TRUTH[:0], _TRUTH[:0], _BOX[:0])
        run(_TRUTH[:0], _TRUTH[:0])
    with case("random faces in boxes"):
        boxes = random_boxes(rng(), 6)
        truth = _points_in(boxes, 68)
        near = truth + torch.randn(truth.shape, generator=rng())
        every = "the same rule for any number of points: here there are 68"
        expect_agrees(fn, answers.nme, near, truth, boxes, rows=((0, 1, 2),), hint=every)
    with case("random faces without boxes"):
        truth = _points_in(random_boxes(rng(), 6), 5)
        truth[:, 1, 0] += 20.0  # no two eyes in one place
        near = truth + torch.randn(truth.shape, generator=rng())
        eyes = "divide by the distance of the two true eyes of the same face"
        expect_agrees(fn, answers.nme, near, truth, rows=((0, 1),), hint=eyes)


def _by_hand(run: Any) -> None:
    """Look at one face, with its box and without."""
    distance = torch.tensor([5.0, 0, 5, 5, 0])
    root = distance.square().mean().sqrt()
    euclid = "a distance is the square root of dx^2 + dy^2, not |dx| + |dy|"
    rms = "mean of the distances, not the root of the mean square: that weighs far points more"
    coordinates = "the mean is over points; each point counts once, not once for x and once for y"
    with case("one face by hand: points off by 5, 0, 5, 5, 0 pixels, box 50 x 70"):
        expect_close(
            run(_TRUTH + _OFF, _TRUTH, _BOX),
            [0.06],
            suspects=(
                ([3.4 / 50], euclid),
                (
                    [15.0 / 50],
                    "15 is the sum of the distances, and the mean of their squares: 3 it is",
                ),
                ([root.item() / 50], rms),
                ([1.7 / 50], coordinates),
                (
                    [(75**0.5) / 50],
                    "that is one length of all coordinates together: take P lengths",
                ),
                ([(75**0.5) / 5 / 50], "one length a point first, then their mean"),
                ([3.0], "divide by the width of the box: pixels do not compare faces"),
                ([3.0 / 51], "x2 is exclusive, so the width is x2 - x1 without a + 1"),
                ([3.0 / 70], "the width of the box counts as 1, not the height"),
                ([3.0 / 3500**0.5], "the width alone: no root of width times height"),
                ([3.0 / 7400**0.5], "the width alone, not the diagonal"),
                ([3.0 / 60], "width is x2 - x1: x2 alone is a place, not a size"),
                ([3.0 / 25], "boxes are given here: divide by their width, not by the eyes"),
                ([6.0], "a share, please: 0.06, not 6 percent"),
            ),
            hint="(5 + 0 + 5 + 5 + 0) / 5 = 3 pixels, and 3 / 50 = 0.06",
        )
    with case("the same face without a box: its true eyes are 25 pixels apart"):
        moved = _TRUTH + _OFF
        apart = (moved[0, 0] - moved[0, 1]).norm().item()
        expect_close(
            run(moved, _TRUTH),
            [3.0 / 25],
            suspects=(
                ([3.0 / apart], "the size comes from the truth: a wrong prediction may not set it"),
                ([3.0 / 24], "the eyes are tilted: their distance has an x and a y"),
                ([3.0 / (_TRUTH[0, 3] - _TRUTH[0, 4]).norm().item()], "eyes are points 0 and 1"),
                ([3.0 / 31], "the distance is the root of 24^2 + 7^2 = 25, not 24 + 7"),
                ([3.0 / 50], "without boxes there is no 50: use the eyes"),
                ([3.0], "divide by the distance of the eyes"),
                ([12.0], "a share, please: 0.12, not 12 percent"),
            ),
            hint="24 to the right and 7 down are 25 pixels; 3 / 25 = 0.12",
        )
    with case("a perfect prediction"):
        expect_close(run(_TRUTH, _TRUTH, _BOX), [0.0], hint="nothing is off")


def _own_sizes(run: Any) -> None:
    with case("two faces, the second twice as large"):
        truth = torch.cat([_TRUTH, 2 * _TRUTH])
        near = truth + _OFF
        boxes = torch.cat([_BOX, 2 * _BOX])
        own = "every face is divided by its own size"
        expect_close(
            run(near, truth, boxes),
            [0.06, 0.03],
            suspects=(
                ([0.04, 0.04], own),
                ([0.06, 0.06], own),
                ([0.03, 0.03], own),
                ([0.03, 0.06], "the sizes of the two faces have changed places"),
            ),
            hint=own,
        )
        expect_close(
            run(near, truth), [3.0 / 25, 3.0 / 50], suspects=[([0.08, 0.08], own)], hint=own
        )


def _unknown_points(run: Any) -> None:
    """A point that nobody marked takes no part; a face without any has no error."""
    some = _TRUTH.clone()
    some[0, 3] = torch.nan  # 5, 0, 5 and 0 pixels are left
    with case("a mouth corner that nobody marked, NaN in the truth"):
        for boxes, size in (((_BOX,), 50), ((), 25)):
            expect_close(
                run(_TRUTH + _OFF, some, *boxes, finite=False),
                [2.5 / size],
                suspects=(
                    ([2.0 / size], "divide by the number of known points, 4, not by 5"),
                    ([3.0 / size], "the unknown point takes no part: its prediction is not judged"),
                ),
                hint="an unknown point takes no part: the mean of the four others is 2.5 pixels",
            )
    with case("one face without any true point"):
        truth = torch.cat([torch.full_like(_TRUTH, torch.nan), _TRUTH])
        near = torch.cat([_TRUTH, _TRUTH + _OFF])
        nothing = (
            "0 would be a perfect face: without truth the error is NaN, and only for that face"
        )
        expect_close(
            run(near, truth, _BOX.repeat(2, 1), finite=False),
            [float("nan"), 0.06],
            suspects=[([0.0, 0.06], nothing)],
            hint=nothing,
        )


def _points_in(boxes: Tensor, num: int) -> Tensor:
    """Draw points (N, num, 2) inside boxes (N, 4)."""
    share = torch.rand(len(boxes), num, 2, generator=rng())
    return boxes[:, None, :2] + share * (boxes[:, None, 2:] - boxes[:, None, :2])
