"""Checks of lab 01, synthetic_humans: a box from points, and a turn that lays points on points."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from facelab.course.answers import synthetic_humans as answers
from facelab.course.checking import case, exercise, expect_close, expect_tensor, rng

LAB = "01_synthetic_humans"

# ---- box_from_landmarks --------------------------------------------------------------------------


@exercise(
    "box_from_landmarks",
    lab=LAB,
    points=2,
    hints=(
        "Which two of all x bound the box, and which two of all y? What do `amin` and `amax` give "
        "when one of the points is NaN, and what could you put in its place?",
        "low    = smallest known x and y of each face      (N, 2)\n"
        "high   = largest known x and y of each face       (N, 2)\n"
        "y1     = low y - up * (high y - low y)            (N,)\n"
        "a face without a known point                      a row of NaN",
        "known = ~torch.isnan(points)\n"
        "low = torch.where(known, points, ____).amin(dim=1)\n"
        "high = torch.where(known, points, -torch.inf).amax(dim=1)\n"
        "boxes = torch.cat([low, high], dim=1)\n"
        "boxes[:, 1] -= up * (boxes[:, 3] - boxes[:, 1])\n"
        "boxes[~known.any(dim=1).all(dim=1)] = torch.nan\n"
        "return boxes",
    ),
    reference="facelab.course.answers.synthetic_humans:box_from_landmarks",
)
def box_from_landmarks(fn: Any) -> None:
    def run(points: Tensor, *up: float, hint: str = "") -> Tensor:
        return expect_tensor(
            fn(points, *up),
            shape=(len(points), 4),
            dtype="floating",
            finite=False,
            hint=hint or "one box x1, y1, x2, y2 a face",
        )

    points = torch.tensor([[[30.0, 40.0], [70.0, 42.0], [52.0, 60.0], [35.0, 90.0], [66.0, 88.0]]])
    tight = torch.tensor([[30.0, 40.0, 70.0, 90.0]])
    with case("five points, not raised"):
        sizes = "x2 and y2 are the right and lower edge, not width and height"
        swapped = "the order is x1, y1, x2, y2: x before y, smallest before largest"
        inclusive = "points are places, not pixels: no + 1"
        expect_close(
            run(points),
            tight,
            suspects=(
                (torch.tensor([[30.0, 40.0, 40.0, 50.0]]), sizes),
                (tight[:, [1, 0, 3, 2]], swapped),
                (tight[:, [0, 2, 1, 3]], swapped),
                (tight + torch.tensor([0.0, 0, 1, 1]), inclusive),
            ),
            hint="smallest x, smallest y, largest x, largest y of the points; up is 0 by default",
        )
    with case("raised by a half"):
        raised = torch.tensor([[30.0, 15.0, 70.0, 90.0]])
        lowered = "y runs downwards: raising the top makes y1 smaller"
        pixels = "up is a share of the height, not a number of pixels"
        width = "up is a share of the height, not of the width"
        grown = "only the top moves: the chin stays where it is"
        expect_close(
            run(points, 0.5),
            raised,
            suspects=(
                (tight, "up was not used"),
                (torch.tensor([[30.0, 65.0, 70.0, 90.0]]), lowered),
                (torch.tensor([[30.0, 39.5, 70.0, 90.0]]), pixels),
                (torch.tensor([[30.0, 20.0, 70.0, 90.0]]), width),
                (torch.tensor([[30.0, 15.0, 70.0, 115.0]]), grown),
                (torch.tensor([[30.0, 40.0, 70.0, 115.0]]), "that lowers the chin"),
            ),
            hint="y1 = smallest y - up * (largest y - smallest y), 40 - 0.5 * 50",
        )
    unknown = "min and max of anything with NaN are NaN: put +inf or -inf in its place"
    with case("one point is unknown", hint=unknown):
        some = points.clone()
        some[0, 3] = torch.nan
        zero = "NaN was counted as 0: put +inf before amin and -inf before amax"
        expect_close(
            run(some),
            torch.tensor([[30.0, 40.0, 70.0, 88.0]]),
            suspects=(
                (torch.full((1, 4), torch.nan), unknown),
                (torch.tensor([[0.0, 0.0, 70.0, 88.0]]), zero),
            ),
            hint=unknown,
        )
    with case("a face without a known point"):
        both = torch.cat([torch.full_like(points, torch.nan), points])
        nothing = "nothing is known about the first face: its row is NaN, four times"
        expect_close(run(both, hint=nothing), torch.cat([tight * torch.nan, tight]), hint=nothing)
    empty = "no face is a valid input: work on all faces at once, with dim=1"
    with case("no faces", hint=empty):
        run(points[:0], hint=empty)
    with case("random faces"):
        faces = 100 * torch.rand(6, 68, 2, generator=rng()) - 20
        faces[torch.rand(6, 68, generator=rng()) < 0.2] = torch.nan
        up = torch.rand((), generator=rng()).item()
        expect_close(
            run(faces, up),
            answers.box_from_landmarks(faces, up),
            hint="each face has a box of its own, and points may lie left of or above the photo",
        )


# ---- umeyama -------------------------------------------------------------------------------------


def _similarity(p: Tensor, q: Tensor, mistake: str = "") -> Tensor:
    """Give Umeyama's answer (2, 3), or what a classic mistake makes of it."""
    if mistake == "swapped":
        p, q = q, p
    mean_p, mean_q = p.mean(dim=0), q.mean(dim=0)
    a, b = p - mean_p, q - mean_q
    u, d, vt = torch.linalg.svd(b.T @ a / len(a))
    sign = torch.ones(2)
    if torch.det(u) * torch.det(vt) < 0 and mistake != "mirror":
        sign[1] = -1.0
    rotation = u @ torch.diag(sign) @ vt
    rotation = rotation.T if mistake == "turned back" else rotation
    total = (d if mistake == "no sign" else d * sign).sum()
    scale = {
        "rigid": torch.ones(()),
        "sum": total / a.square().sum(),
        "target": total / b.square().sum(dim=1).mean(),
        "spread": (b.square().sum() / a.square().sum()).sqrt(),
        "per axis": total / a.square().mean(),
    }.get(mistake, total / a.square().sum(dim=1).mean())
    linear = scale * rotation
    shift = mean_q - mean_p if mistake == "shift" else mean_q - linear @ mean_p
    return torch.cat([linear, shift[:, None]], dim=1)


def _affine(p: Tensor, q: Tensor) -> Tensor:
    ones = torch.cat([p, torch.ones(len(p), 1)], dim=1)
    return torch.linalg.lstsq(ones, q).solution.T


_MISTAKES = {
    "mirror": "a mirrored face came out: when det(U) det(V) is negative, the last singular value "
    "gets a minus, in the rotation and in the scale",
    "no sign": "the minus of the last singular value belongs into the scale as well",
    "turned back": "it turns the wrong way round: which of source and target comes first in the "
    "covariance?",
    "rigid": "the scale is missing: sum(d * sign) / variance of the source",
    "sum": "divide by the variance, a mean over the points, if the covariance is a mean too",
    "target": "divide by the variance of the source, not of the target",
    "spread": "the ratio of the spreads is only right when the fit is exact: use sum(d * sign) / "
    "variance",
    "per axis": "the variance is the mean of |p|^2, x and y added, not the mean over 2 N numbers",
    "shift": "turn and scale the mean of the source before you subtract it from the target's",
    "swapped": "that moves target onto source: the other way round",
}


@exercise(
    "umeyama",
    lab=LAB,
    points=4,
    hints=(
        "Take both sets to their centres first: then no shift is left, only a turn and a scale. "
        "Which turn makes the sum of q . (R p) largest? And what if the best matrix is a mirror?",
        "p, q         points minus their means                         (N, 2)\n"
        "u, d, vt     svd of q^T p / N                                 (2, 2), (2,), (2, 2)\n"
        "sign         (1, 1), or (1, -1) if det(u) det(vt) < 0         (2,)\n"
        "R            u diag(sign) vt                                  (2, 2)\n"
        "s            sum(d * sign) / mean of |p|^2                    ()\n"
        "shift        mean_q - s R mean_p                              (2,)",
        "mean_p, mean_q = source.mean(dim=0), target.mean(dim=0)\n"
        "p, q = source - mean_p, target - mean_q\n"
        "u, d, vt = torch.linalg.svd(q.T @ p / len(p))\n"
        "sign = torch.ones(2)\n"
        "sign[1] = torch.sign(____)\n"
        "linear = (d * sign).sum() / p.square().sum(dim=1).mean() * (u * sign @ vt)\n"
        "return torch.cat([linear, (mean_q - linear @ mean_p)[:, None]], dim=1)",
    ),
    reference="facelab.course.answers.synthetic_humans:umeyama",
)
def umeyama(fn: Any) -> None:
    def run(name: str, source: Tensor, target: Tensor, hint: str, *names: str) -> None:
        with case(name):
            got = expect_tensor(
                fn(source, target), shape=(2, 3), dtype="floating", hint="[s R | shift], (2, 3)"
            )
            suspects = [(_similarity(source, target, one), _MISTAKES[one]) for one in names]
            if len(source) > 2:
                words = "that stretches: a similarity has four free numbers, not six"
                suspects.append((_affine(source, target), words))
            truth = _similarity(source, target).round(decimals=4) + 0.0  # no -0 in a message
            expect_close(got, truth, suspects=suspects, hint=hint, atol=1e-3, rtol=1e-3)

    every = tuple(name for name in _MISTAKES if name not in ("mirror", "no sign"))
    corner = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 1.0]])
    shifted = corner + torch.tensor([10.0, 20.0])
    plain = "expected no turn, scale 1, shift (10, 20)"
    run("three points, moved", corner, shifted, plain, *every)
    turned = 2 * torch.stack([-corner[:, 1], corner[:, 0]], dim=1) + torch.tensor([5.0, 3.0])
    run(
        "the same points, a quarter turn, doubled",
        corner,
        turned,
        "x' = 5 - 2y and y' = 3 + 2x: [[0, -2, 5], [2, 0, 3]]",
        *("turned back", "rigid", "sum", "target", "per axis", "shift", "swapped"),
    )
    face = torch.tensor([[30.0, 40.0], [70.0, 44.0], [55.0, 62.0], [33.0, 88.0], [64.0, 90.0]])
    bent = face * 1.5 + torch.tensor([[3.0, 0], [-3, 2], [0, -4], [2, 2], [-2, 0]])
    run("five points that do not fit exactly", face, bent, "least squares: scale by d", *every)
    mirrored = face * torch.tensor([-1.0, 1.0])
    run(
        "a mirrored face",
        face,
        mirrored,
        "no turn makes a mirror image; take the best turn, with det(R) = 1",
        *("mirror", "no sign", "spread", "rigid"),
    )
    two = torch.tensor([[10.0, 10.0], [20.0, 10.0]])
    run("two points", two, two * 3, "two points fix a similarity exactly")
    angle = 2 * math.pi * torch.rand((), generator=rng()).item()
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    noisy = face @ turn.T * 0.7 + torch.randn(5, 2, generator=rng())
    run("a random turn with noise", face, noisy, "compare with the formula of hint 2", *every)
