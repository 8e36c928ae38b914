"""Checks of lab 02, cascaded_landmarks: from a crop to the face, to the photo, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from facelab.course.answers import cascaded_landmarks as answers
from facelab.course.checking import (
    case,
    exercise,
    expect_agrees,
    expect_close,
    expect_pair,
    expect_tensor,
    rng,
)

LAB = "02_cascaded_landmarks"

_SQUARE = torch.tensor([[100.0, 40, 200, 140]])  # 100 pixels a side
_POINT = torch.tensor([[[0.25, 0.4]]])  # at (125, 80) in the photo

# ---- from_crop -----------------------------------------------------------------------------------


@exercise(
    "from_crop",
    lab=LAB,
    points=2,
    hints=(
        "An answer of -1 is the left edge of the crop, +1 the right edge. Where are these edges in "
        "the face square? Is the crop as high as it is wide?",
        "share      (outputs + 1) / 2                        0 to 1 across the crop\n"
        "x          left + share_x * (right - left)          (N, K)\n"
        "y          top + share_y * (bottom - top)           (N, K)",
        "left, right, top, bottom = crop\n"
        "corner = torch.tensor([left, top])\n"
        "size = torch.tensor([____])\n"
        "return corner + (outputs + 1) / 2 * size",
    ),
    reference="facelab.course.answers.cascaded_landmarks:from_crop",
)
def from_crop(fn: Any) -> None:
    def run(outputs: Tensor, crop: Sequence[float]) -> Tensor:
        return expect_tensor(
            fn(outputs, tuple(crop)),
            shape=tuple(outputs.shape),
            dtype="floating",
            hint="one point for each point, (N, K, 2)",
        )

    order = "the order is left, right, top, bottom, as in the paper: not x1, y1, x2, y2"
    with case("the crop is the square itself: 0, 1, 0, 1"):
        outputs = torch.tensor([[[-1.0, -1], [1, 1], [0, 0], [0.5, -0.5]]])
        expect_close(
            run(outputs, (0.0, 1.0, 0.0, 1.0)),
            [[[0, 0], [1, 1], [0.5, 0.5], [0.75, 0.25]]],
            suspects=(
                (outputs, "outputs run from -1 to 1, square units from 0 to 1"),
                (outputs / 2, "0 is the middle of the crop, not its corner: add 1 first"),
                (outputs + 0.5, "outputs run over 2, from -1 to 1: halve them"),
                (outputs + 1, "outputs run over 2, from -1 to 1: halve the sum"),
                (torch.tensor([0.0, 1.0]).expand(1, 4, 2), order),
                (outputs / 2 - 0.5, "add 1 and halve: -1 is the left edge"),
            ),
            hint="(outputs + 1) / 2 of the way across the crop",
        )
    _paper_crops(run)
    with case("a point outside the crop"):
        outside = "an answer beyond 1 lies outside the crop: no clamp here"
        expect_close(
            run(torch.tensor([[[1.5, -2.0]]]), (0.0, 1.0, 0.0, 1.0)),
            [[[1.25, -0.5]]],
            suspects=[([[[1.0, 0.0]]], outside)],
            hint=outside,
        )
    with case("no faces", hint="no face is a valid input: (0, 5, 2) gives (0, 5, 2)"):
        run(torch.zeros(0, 5, 2), (-0.05, 1.05, -0.05, 1.05))
    with case("random points in a random crop"):
        low = -0.3 * torch.rand(2, generator=rng())
        size = 0.3 + torch.rand(2, generator=rng())
        left, top, right, bottom = torch.cat([low, low + size]).tolist()
        outputs = 2 * torch.rand(4, 3, 2, generator=rng()) - 1
        expect_agrees(
            fn,
            answers.from_crop,
            outputs,
            (left, right, top, bottom),
            rows=((0,),),
            hint="x between left and right, y between top and bottom",
        )


def _paper_crops(run: Any) -> None:
    """Look at F1's margin and at EN1's and NM1's bands."""
    corners = torch.tensor([[[-1.0, -1], [1, 1], [0, 0]]])
    whole = "the crop is larger than the square: its left edge is at -0.05, and it is 1.10 wide"
    with case("F1's crop: -0.05, 1.05, -0.05, 1.05"):
        expect_close(
            run(corners, (-0.05, 1.05, -0.05, 1.05)),
            [[[-0.05, -0.05], [1.05, 1.05], [0.5, 0.5]]],
            suspects=(
                ([[[0, 0], [1, 1], [0.5, 0.5]]], whole),
                ([[[-0.05, -0.05], [0.95, 0.95], [0.45, 0.45]]], whole),
                ([[[-0.05, -0.05], [1.0, 1.0], [0.475, 0.475]]], whole),
            ),
            hint="from left to right edge of the crop: -0.05 + share * 1.10",
        )
    with case("NM1's band, left -0.05, right 1.05, top 0.18, bottom 1.05"):
        expect_close(
            run(corners, (-0.05, 1.05, 0.18, 1.05)),
            [[[-0.05, 0.18], [1.05, 1.05], [0.5, 0.615]]],
            suspects=(
                (
                    [[[-0.05, 0.18], [1.05, 1.28], [0.5, 0.73]]],
                    "the band is 1.05 - 0.18 = 0.87 high: its own height counts, not its width",
                ),
                (
                    [[[-0.05, 0.0], [1.05, 0.87], [0.5, 0.435]]],
                    "the band begins at 0.18: add its top",
                ),
                (
                    [[[-0.05, -0.05], [1.05, 1.05], [0.5, 0.5]]],
                    "top and bottom of the band were not used: it is not F1's crop",
                ),
                (
                    [[[0.18, -0.05], [1.05, 1.05], [0.615, 0.5]]],
                    "x goes with left and right, y with top and bottom",
                ),
                (
                    [[[-0.05, 1.05], [1.05, 0.18], [0.5, 0.615]]],
                    "y runs downwards: -1 is the top edge",
                ),
            ),
            hint="x = -0.05 + share * 1.10, y = 0.18 + share * 0.87",
        )


# ---- windows_around ------------------------------------------------------------------------------


@exercise(
    "windows_around",
    lab=LAB,
    points=2,
    hints=(
        "A face of 100 pixels begins at x = 100. Where in the photo is the point with x = 0.25? "
        "And how many pixels is a `half` of 0.16 there, and on a face of 200?",
        "corner    (x1, y1) of the square                         (N, 1, 2)\n"
        "side      x2 - x1, y2 - y1                               (N, 1, 2)\n"
        "window    corner + (point - half) * side, the same with + half, side by side (N, P, 4)",
        "corner = squares[:, None, :2]\n"
        "side = (squares[:, 2:] - squares[:, :2])[:, None]\n"
        "return torch.cat([corner + (points - half) * side, ____], dim=2)",
    ),
    reference="facelab.course.answers.cascaded_landmarks:windows_around",
)
def windows_around(fn: Any) -> None:
    def run(points: Tensor, squares: Tensor, half: float) -> Tensor:
        return expect_tensor(
            fn(points, squares, half),
            shape=(*points.shape[:2], 4),
            dtype="floating",
            hint="one window x1, y1, x2, y2 for each point of each face, (N, P, 4)",
        )

    with case("the point (0.25, 0.4) of a square of 100 pixels at (100, 40), half 0.16"):
        expect_close(run(_POINT, _SQUARE, 0.16), [[[109, 64, 141, 96]]], **_window_suspects())
    with case("the same on a face twice as large"):
        own = "half counts in sides of this face's square: twice the face, twice the window"
        expect_close(
            run(_POINT, 2 * _SQUARE, 0.16),
            [[[218, 128, 282, 192]]],
            suspects=[([[[234, 144, 266, 176]]], own)],
            hint=own,
        )
    with case("a window that leaves the photo"):
        beyond = "a window may leave the square and the photo: it is not clipped here"
        expect_close(
            run(torch.zeros(1, 1, 2), torch.tensor([[0.0, 0, 50, 50]]), 0.1),
            [[[-5, -5, 5, 5]]],
            suspects=[([[[0, 0, 5, 5]]], beyond)],
            hint=beyond,
        )
    with case("a window between pixels"):
        whole = "no rounding: the crop is taken between pixels, and rounding shakes every level"
        square = torch.tensor([[0.0, 0, 33, 33]])
        expect_close(
            run(torch.full((1, 1, 2), 0.5), square, 0.11),
            [[[12.87, 12.87, 20.13, 20.13]]],
            suspects=[([[[13, 13, 20, 20]]], whole), ([[[12, 12, 20, 20]]], whole)],
            hint=whole,
        )
    with case("no faces", hint="no face is a valid input: (0, 5, 2) gives (0, 5, 4)"):
        run(torch.zeros(0, 5, 2), _SQUARE[:0], 0.16)
    with case("random faces with five points"):
        expect_agrees(
            fn,
            answers.windows_around,
            torch.rand(4, 5, 2, generator=rng()),
            _squares(4),
            0.05 + 0.2 * torch.rand((), generator=rng()).item(),
            rows=((0, 1),),
            atol=1e-2,
            hint="every face uses corner and side of its own square",
        )


def _window_suspects() -> dict[str, Any]:
    """Say what the classic mistakes give for the first window."""
    return {
        "suspects": (
            ([[[117, 72, 133, 88]]], "half is half the side: the window is 2 * half wide"),
            ([[[93, 48, 157, 112]]], "half is half the side: 0.16 to each side, 0.32 in all"),
            ([[[9, 24, 41, 56]]], "the photo's pixels: add the square's corner"),
            ([[[64, 109, 96, 141]]], "x before y"),
            ([[[109, 64, 32, 32]]], "two corners, xyxy: not a corner and a size"),
            ([[[125, 80, 32, 32]]], "two corners, xyxy: not a centre and a size"),
            ([[[125, 80, 157, 112]]], "the point is the middle of the window, not its corner"),
            (
                [[[0.09, 0.24, 0.41, 0.56]]],
                "that is in square units: multiply by the side, add x1, y1",
            ),
            (
                [[[124.84, 79.84, 125.16, 80.16]]],
                "half counts in sides of the square, not in pixels",
            ),
            ([[[118, 73.6, 182, 118.4]]], "the side is x2 - x1, not x2"),
            ([[[109, 64, 140, 95]]], "x2 and y2 are exclusive: no - 1"),
            ([[[109, 24, 141, 56]]], "y counts from the square's own y1"),
        ),
        "hint": "the point is at (125, 80), the window 0.32 * 100 pixels wide around it",
    }


def _squares(count: int) -> Tensor:
    """Draw squares (count, 4) in a photo."""
    corner = 300 * torch.rand(count, 2, generator=rng()) - 20
    return torch.cat([corner, corner + 20 + 200 * torch.rand(count, 1, generator=rng())], dim=1)


# ---- training_pair -------------------------------------------------------------------------------


@exercise(
    "training_pair",
    lab=LAB,
    points=3,
    hints=(
        "The window was put to the right of the point. To which side must the network move the "
        "window's centre so that it is on the point again? What number stands for the largest "
        "move?",
        "centre    points + reach * noise                  (N, P, 2) square units\n"
        "windows   around the centre, half to each side    (N, P, 4) pixels\n"
        "targets   (points - centre) / reach               (N, P, 2) from -1 to 1",
        "centre = points + reach * noise\n"
        "windows = windows_around(centre, squares, half)\n"
        "return windows, ____ / reach",
    ),
    reference="facelab.course.answers.cascaded_landmarks:training_pair",
)
def training_pair(fn: Any) -> None:
    def run(
        points: Tensor, squares: Tensor, noise: Tensor, half: float, reach: float
    ) -> tuple[Tensor, Tensor]:
        answer = fn(points, squares, noise, half, reach)
        windows, targets = expect_pair(answer, "return windows, targets")
        shape = tuple(points.shape)
        four = "windows (N, P, 4), the first result"
        two = "targets (N, P, 2), the second result"
        return (
            expect_tensor(windows, shape=(*shape[:2], 4), dtype="floating", hint=four),
            expect_tensor(targets, shape=shape, dtype="floating", hint=two),
        )

    noise = torch.tensor([[[1.0, -0.5]]])
    with case("the window, moved by 1 and -0.5 times a reach of 0.05, half 0.16"):
        windows, _ = run(_POINT, _SQUARE, noise, 0.16, 0.05)
        expect_close(windows, [[[114, 61.5, 146, 93.5]]], **_shift_suspects())
    with case("what the network has to answer there"):
        _, targets = run(_POINT, _SQUARE, noise, 0.16, 0.05)
        expect_close(
            targets,
            [[[-1.0, 0.5]]],
            suspects=(
                (noise, "the window moved right, so the way back is to the left: minus"),
                (
                    -0.05 * noise,
                    "in units of reach, so that 1 is the largest move: divide by reach",
                ),
                (0.05 * noise, "minus, and in units of reach"),
                (-5 * noise, "in units of reach, not in pixels of the photo"),
                (-noise * 0.05 / 0.16, "in units of reach: half is about what the network sees"),
                (-noise * 0.05 / 0.32, "in units of reach: the window's size is what it sees"),
                (noise * 0.05 / 0.16, "minus, and in units of reach, not of half"),
                (
                    _POINT,
                    "a displacement, not a place: levels 2 and 3 correct, they do not replace",
                ),
                (2 * _POINT - 1, "a displacement, not a place in the square"),
            ),
            hint="minus the shift, divided by reach: from -1 to 1",
        )
    with case("no shift"):
        windows, targets = run(_POINT, _SQUARE, 0 * noise, 0.11, 0.02)
        expect_close(windows, [[[114, 69, 136, 91]]], hint="around the true point itself")
        expect_close(targets, [[[0.0, 0.0]]], hint="already there: nothing to correct")
    with case("no faces", hint="no face is a valid input"):
        run(_POINT[:0], _SQUARE[:0], noise[:0], 0.16, 0.05)
    with case("random faces"):
        points = torch.rand(4, 5, 2, generator=rng())
        shift = 2 * torch.rand(4, 5, 2, generator=rng()) - 1
        expect_agrees(
            fn,
            answers.training_pair,
            points,
            _squares(4),
            shift,
            0.12,
            0.02,
            rows=((0, 1, 2),),
            atol=1e-2,
            hint="each point of each face has its own shift and its own window",
        )


def _shift_suspects() -> dict[str, Any]:
    """Say what the classic mistakes give for the shifted window."""
    return {
        "suspects": (
            ([[[109, 64, 141, 96]]], "the window is still on the true point: add reach * noise"),
            ([[[104, 66.5, 136, 98.5]]], "the window moves with the noise, the target against it"),
            ([[[209, 14, 241, 46]]], "the noise counts in units of reach: 1 is 0.05 of the square"),
            ([[[125, 56, 157, 88]]], "reach, not half, says how far the window moves"),
            ([[[110, 63.5, 142, 95.5]]], "reach counts in sides of the square, not in pixels"),
            ([[[114, 69, 146, 101]]], "x and y have a shift each"),
        ),
        "hint": "the centre is at (0.25 + 0.05, 0.4 - 0.025), the window 32 pixels wide",
    }
