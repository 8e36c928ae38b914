"""Checks of lab 02, cascaded_landmarks: how the answers of several networks become one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from facelab.course.answers import cascaded_landmarks as answers
from facelab.course.checking import case, exercise, expect_agrees, expect_close, expect_tensor, rng

LAB = "02_cascaded_landmarks"

_NOSE = "the nose has three votes of equal weight, not the mean of a mean"

# ---- fuse_level1 ---------------------------------------------------------------------------------


@exercise(
    "fuse_level1",
    lab=LAB,
    points=2,
    hints=(
        "Who predicts the left eye? Who predicts the nose? How many answers is each of the five "
        "sums made of?",
        "LE, RE    (full + eyes) / 2\n"
        "N         (full + eyes + mouth) / 3\n"
        "LM, RM    (full + mouth) / 2              eyes: LE RE N, mouth: N LM RM",
        "total = full.clone()\n"
        "total[:, :3] += eyes\n"
        "total[:, ____] += mouth\n"
        "return total / torch.tensor([2, 2, 3, 2, 2])[:, None]",
    ),
    reference="facelab.course.answers.cascaded_landmarks:fuse_level1",
)
def fuse_level1(fn: Any) -> None:
    def run(full: Tensor, eyes: Tensor, mouth: Tensor) -> Tensor:
        return expect_tensor(
            fn(full, eyes, mouth),
            shape=(len(full), 5, 2),
            dtype="floating",
            hint="eleven predictions become five points, (N, 5, 2)",
        )

    with case("F1 says 0, EN1 says 6, NM1 says 12 for every x, and the same for y"):
        full, eyes, mouth = (
            torch.zeros(1, 5, 2),
            torch.full((1, 3, 2), 6.0),
            torch.full((1, 3, 2), 12.0),
        )
        got = run(full, eyes, mouth)
        expect_close(got, _column([3, 3, 6, 6, 6]), **_vote_suspects())
    with case("every prediction another number"):
        full = torch.tensor([0.0, 10, 20, 30, 40]).reshape(1, 5, 1).repeat(1, 1, 2)
        eyes = torch.tensor([2.0, 14, 26]).reshape(1, 3, 1).repeat(1, 1, 2)
        mouth = torch.tensor([17.0, 36, 48]).reshape(1, 3, 1).repeat(1, 1, 2)
        order = "NM1's three are N, LM, RM, in this order: its first one belongs to the nose"
        expect_close(
            run(full, eyes, mouth),
            _column([1, 12, 21, 33, 44]),
            suspects=(
                (_column([1, 12, (20 + 26 + 48) / 3, (30 + 17) / 2, (40 + 36) / 2]), order),
                (_column([1, 12, ((20 + 17) / 2 + 26) / 2, 33, 44]), _NOSE),
                (_column([8.5, 23, (20 + 26 + 48) / 3, 30, 40]), order),
                (_column([1, 12, (20 + 26 + 36) / 3, (30 + 48) / 2, (40 + 17) / 2]), order),
                (_column([1, 12, (20 + 26 + 36) / 3, (30 + 17) / 2, 44]), order),
            ),
            hint="LE, RE: F1 and EN1; N: all three; LM, RM: F1 and NM1",
        )
    with case("x and y"):
        full = torch.tensor([[1.0, -1.0]]).repeat(5, 1)[None]
        own = "x stays x, and y stays y"
        expect_close(run(full, full[:, :3], full[:, :3]), full, hint=own)
    with case("no faces", hint="no face is a valid input: (0, 5, 2)"):
        run(torch.zeros(0, 5, 2), torch.zeros(0, 3, 2), torch.zeros(0, 3, 2))
    with case("random predictions"):
        expect_agrees(
            fn,
            answers.fuse_level1,
            *(torch.rand(4, num, 2, generator=rng()) for num in (5, 3, 3)),
            rows=((0, 1, 2),),
            hint="every face by itself: 2, 2, 3, 2, 2 answers a point",
        )


def _vote_suspects() -> dict[str, Any]:
    """Say what the classic mistakes give where F1 says 0, EN1 6 and NM1 12."""
    return {
        "suspects": (
            (_column([0, 0, 0, 0, 0]), "EN1 and NM1 have a say: average them in"),
            (_column([3, 3, 7.5, 6, 6]), _NOSE),
            (_column([3, 3, 4.5, 6, 6]), _NOSE),
            (_column([3, 3, 9, 6, 6]), "the nose has three votes, F1's too: divide by 3"),
            (_column([3, 3, 3, 6, 6]), "NM1 predicts the nose as well: three votes"),
            (_column([2, 2, 6, 4, 4]), "eyes and mouth have two votes each: divide by 2, not by 3"),
            (_column([6, 6, 18, 12, 12]), "a mean, not a sum"),
            (_column([6, 6, 9, 12, 12]), "F1 has a vote for every point"),
            (_column([6, 6, 6, 12, 12]), "average with F1, do not replace it"),
            (_column([3, 3, 3, 0, 6]), "NM1's points are N, LM, RM: they are points 2, 3 and 4"),
        ),
        "hint": "(0 + 6) / 2, (0 + 6) / 2, (0 + 6 + 12) / 3, (0 + 12) / 2, (0 + 12) / 2",
    }


def _column(values: list[float]) -> Tensor:
    """Give five points (1, 5, 2) with these numbers as x and as y."""
    return torch.tensor(values, dtype=torch.float32).reshape(1, 5, 1).repeat(1, 1, 2)


# ---- nudge ---------------------------------------------------------------------------------------


@exercise(
    "nudge",
    lab=LAB,
    points=1,
    hints=(
        "Two networks look at the same point through windows of two sizes. What is 1 in their "
        "answers: the window, half of it, or the farthest shift that they were trained for?",
        "mean      over the networks of each point          (N, P, 2)\n"
        "result    points + reach * mean                    (N, P, 2)",
        "mean = outputs.mean(dim=____)\nreturn points + reach * mean",
    ),
    reference="facelab.course.answers.cascaded_landmarks:nudge",
)
def nudge(fn: Any) -> None:
    def run(points: Tensor, outputs: Tensor, reach: float) -> Tensor:
        return expect_tensor(
            fn(points, outputs, reach),
            shape=tuple(points.shape),
            dtype="floating",
            hint="one moved point for each point, (N, P, 2)",
        )

    points = torch.tensor([[[0.5, 0.25]]])
    outputs = torch.tensor([[[[1.0, -0.25], [0.5, 0.75]]]])  # mean (0.75, 0.25)
    move = torch.tensor([[[0.75, 0.25]]])
    with case("two networks answer (1, -0.25) and (0.5, 0.75), reach 0.05"):
        expect_close(
            run(points, outputs, 0.05),
            [[[0.5375, 0.2625]]],
            suspects=(
                (points + 0.1 * move, "the mean of the two answers, not their sum"),
                (points - 0.05 * move, "plus: the target was the way from the window to the point"),
                (points + move, "an answer of 1 moves by reach, not by the whole square"),
                (0.05 * move, "the answer corrects the point, it does not replace it"),
                (move, "the answer corrects the point, it does not replace it"),
                ((points + move) / 2, "a displacement is added to the point, not averaged with it"),
                (
                    points + 0.05 * torch.tensor([0.375, 0.625]),
                    "mean over the networks, not over x and y",
                ),
                (points + 0.05 * outputs[:, :, 0], "the second network has a say as well"),
                (points + 0.05 * outputs[:, :, 1], "the first network has a say as well"),
            ),
            hint="(0.5 + 0.05 * 0.75, 0.25 + 0.05 * 0.25)",
        )
    with case("three networks a point"):
        three = torch.tensor([[[[3.0, 0.0], [0.0, 3.0], [0.0, 0.0]]]])
        any_number = "the mean over however many networks there are: three here"
        expect_close(run(points, three, 0.1), [[[0.6, 0.35]]], hint=any_number)
    with case("no faces", hint="no face is a valid input: (0, 5, 2)"):
        run(points[:0], outputs[:0], 0.05)
    with case("random faces"):
        some = 2 * torch.rand(4, 5, 2, 2, generator=rng()) - 1
        expect_agrees(
            fn,
            answers.nudge,
            torch.rand(4, 5, 2, generator=rng()),
            some,
            0.02,
            rows=((0, 1),),
            hint="points + reach * mean over the networks, dim 2",
        )
