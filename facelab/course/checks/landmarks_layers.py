"""Checks of lab 02, cascaded_landmarks: the layers of the paper."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from facelab.course.answers import cascaded_landmarks as answers
from facelab.course.checking import case, exercise, expect_agrees, expect_close, expect_tensor, rng

LAB = "02_cascaded_landmarks"

# ---- rectified_pool ------------------------------------------------------------------------------


@exercise(
    "rectified_pool",
    lab=LAB,
    points=2,
    hints=(
        "An edge from dark to light answers +2, the opposite edge -2. What should both give after "
        "rectification? And which of gain and maximum comes first, if the gain may be negative?",
        "rectified   |tanh(maps)|                                 (B, n, H, W)\n"
        "pooled      largest of each 2 x 2, no overlap            (B, n, H/2, W/2)\n"
        "result      tanh(gain * pooled + bias)                   (B, n, H/2, W/2)",
        "rectified = torch.tanh(maps).abs()\n"
        "pooled = F.max_pool2d(rectified, 2)\n"
        "return torch.tanh(____)",
    ),
    reference="facelab.course.answers.cascaded_landmarks:rectified_pool",
)
def rectified_pool(fn: Any) -> None:
    def run(maps: Tensor, gain: Tensor, bias: Tensor) -> Tensor:
        batch, num, height, width = maps.shape
        shape = "2 x 2 without overlap halves both sides: (B, n, H/2, W/2)"
        return expect_tensor(
            fn(maps, gain, bias),
            shape=(batch, num, height // 2, width // 2),
            dtype="floating",
            hint=shape,
        )

    one, zero = torch.ones(1, 1, 1), torch.zeros(1, 1, 1)
    four = torch.tensor([[[[0.5, -2.0], [1.0, 0.0]]]])
    _one_cell(run, four, one, zero)
    _gains(run, four, one, zero)
    with case("one gain for each of two maps"):
        maps = torch.stack([four[0, 0], four[0, 0]])[None]
        gain, bias = torch.tensor([1.0, 3.0]).reshape(2, 1, 1), torch.zeros(2, 1, 1)
        own = "map k has gain k: with (n, 1, 1) it broadcasts over the batch, rows and columns"
        expect_close(run(maps, gain, bias), answers.rectified_pool(maps, gain, bias), hint=own)
    with case("another gain in each cell, (n, H/2, W/2)"):
        maps = torch.randn(2, 1, 4, 6, generator=rng())
        gain = 0.5 + torch.rand(1, 2, 3, generator=rng())
        own = "regions have gains of their own: multiply cell by cell, by broadcasting alone"
        expect_close(run(maps, gain, zero), answers.rectified_pool(maps, gain, zero), hint=own)
    with case("no faces", hint="no face is a valid input: no loop, no squeeze"):
        run(four[:0], one, zero)
    with case("random maps"):
        maps = 2 * torch.randn(3, 4, 6, 8, generator=rng())
        gain, bias = torch.randn(2, 4, 1, 1, generator=rng())
        expect_agrees(
            fn,
            answers.rectified_pool,
            maps,
            gain,
            bias,
            rows=((0,),),
            hint="tanh(gain * max over 2 x 2 of |tanh(maps)| + bias)",
        )


def _one_cell(run: Any, four: Tensor, one: Tensor, zero: Tensor) -> None:
    """Look at one cell of 2 x 2 answers: 0.5, -2, 1 and 0."""
    squashed = torch.tanh(four)
    best = torch.tanh(torch.tensor(2.0))  # |tanh(-2)|
    with case("one cell of 0.5, -2, 1 and 0, gain 1, bias 0"):
        expect_close(
            run(four, one, zero),
            [[[[torch.tanh(best).item()]]]],
            suspects=(
                (
                    best.reshape(1, 1, 1, 1),
                    "two tanh: one before the pooling, one after gain and bias",
                ),
                (
                    torch.tanh(torch.tanh(torch.tensor(1.0))).reshape(1, 1, 1, 1),
                    "-2 is the strongest answer: |tanh| before the maximum; ReLU would forget it",
                ),
                (
                    torch.tanh(torch.tensor(1.0)).reshape(1, 1, 1, 1),
                    "tanh twice and an absolute value: |tanh(maps)|, pool, tanh(gain * max + bias)",
                ),
                (
                    torch.tanh(squashed.abs().mean()).reshape(1, 1, 1, 1),
                    "the largest of the four, not their mean",
                ),
                (
                    torch.tanh(torch.tensor(2.0)).tanh().neg().reshape(1, 1, 1, 1),
                    "take the absolute value before the maximum, not of the minimum",
                ),
                (
                    torch.tanh(four.abs().amax()).reshape(1, 1, 1, 1),
                    "tanh is taken twice: before the pooling and after gain and bias",
                ),
            ),
            hint="|tanh(-2)| = 0.964 is the largest, and tanh(0.964) = 0.746",
        )
    with case("nothing but negative answers"):
        maps = (-four.abs() - 0.25).repeat(1, 1, 2, 3)  # 4 x 6
        expect_close(
            run(maps, one, zero),
            torch.tanh(torch.tanh(-maps).amax()).expand(1, 1, 2, 3),
            suspects=[
                (
                    torch.zeros(1, 1, 2, 3),
                    "that is ReLU: it forgets the negative answers. |tanh| keeps them",
                )
            ],
            hint="the sign does not matter: the strongest answer is -2.25",
        )


def _gains(run: Any, four: Tensor, one: Tensor, zero: Tensor) -> None:
    best = torch.tanh(torch.tensor(2.0))
    with case("the same cell, gain 2, bias 0.5"):
        expect_close(
            run(four, 2 * one, zero + 0.5),
            torch.tanh(2 * best + 0.5).reshape(1, 1, 1, 1),
            suspects=(
                (torch.tanh(best).reshape(1, 1, 1, 1), "gain and bias were not used"),
                (torch.tanh(2 * (best + 0.5)).reshape(1, 1, 1, 1), "gain * max first, then bias"),
                ((2 * best + 0.5).reshape(1, 1, 1, 1), "the last step is a tanh"),
                (
                    (2 * torch.tanh(best) + 0.5).reshape(1, 1, 1, 1),
                    "gain and bias are inside the last tanh",
                ),
                (
                    torch.tanh(torch.tanh(2 * four + 0.5).abs().amax()).reshape(1, 1, 1, 1),
                    "gain and bias come after the pooling, not before",
                ),
                (
                    torch.tanh(2 * torch.tensor(2.0) + 0.5).reshape(1, 1, 1, 1),
                    "tanh is taken twice: before the pooling and after gain and bias",
                ),
            ),
            hint="tanh(2 * 0.964 + 0.5)",
        )
    with case("the same cell, gain -1"):
        last = "the maximum is taken before the gain: with a negative gain the order matters"
        expect_close(run(four, -one, zero), torch.tanh(-best).reshape(1, 1, 1, 1), hint=last)


# ---- local_conv ----------------------------------------------------------------------------------


@exercise(
    "local_conv",
    lab=LAB,
    points=4,
    hints=(
        "A region of the OUTPUT has its own kernels. A kernel of 3 looks one row further than the "
        "region is high, and one more: which rows of the input does region (u, v) have to see?",
        "Hr, Wr     (H - s + 1) / p, (W - s + 1) / q             region of the output\n"
        "it sees    rows u Hr ... u Hr + Hr + s - 2, columns alike, of x\n"
        "region     conv2d(seen, weight[u, v], bias[u, v])       (B, n, Hr, Wr)\n"
        "result     the p x q regions put together               (B, n, H-s+1, W-s+1)",
        "p, q, num, _, s, _ = weight.shape\n"
        "height, width = (x.shape[2] - s + 1) // p, (x.shape[3] - s + 1) // q\n"
        "out = x.new_zeros(len(x), num, p * height, q * width)\n"
        "for u in range(p):\n"
        "    for v in range(q):\n"
        "        top, left = u * height, v * width\n"
        "        seen = x[:, :, ____]\n"
        "        part = F.conv2d(seen, weight[u, v], bias[u, v])\n"
        "        out[:, :, top : top + height, left : left + width] = part\n"
        "return out",
    ),
    reference="facelab.course.answers.cascaded_landmarks:local_conv",
)
def local_conv(fn: Any) -> None:
    def run(x: Tensor, weight: Tensor, bias: Tensor, note: str = "") -> Tensor:
        height, width = (side - weight.shape[-1] + 1 for side in x.shape[2:])
        shape = note or "no padding: (B, n, H - s + 1, W - s + 1)"
        return expect_tensor(
            fn(x, weight, bias),
            shape=(len(x), weight.shape[2], height, width),
            dtype="floating",
            hint=shape,
        )

    _one_region(run)
    _regions(run)
    with case("no faces", hint="no face is a valid input: no loop over faces"):
        weight, bias = _kernels(2, 2, 3, 1, 3)
        run(torch.zeros(0, 1, 8, 8), weight, bias)
    with case("random input, 3 x 2 regions"):
        weight, bias = _kernels(3, 2, 4, 3, 2)
        x = torch.randn(3, 3, 7, 9, generator=rng())
        expect_agrees(
            fn,
            answers.local_conv,
            x,
            weight,
            bias,
            rows=((0,),),
            hint="region (u, v) of the output: what it sees, under weight[u, v] and bias[u, v]",
        )


def _one_region(run: Any) -> None:
    """With one region, or with tied kernels, it is an ordinary convolution."""
    with case("one region, p = q = 1"):
        weight, bias = _kernels(1, 1, 3, 2, 3)
        x = torch.randn(2, 2, 6, 7, generator=rng())
        plain = F.conv2d(x, weight[0, 0], bias[0, 0])
        suspects = (
            (F.conv2d(x, weight[0, 0]), "the bias is missing: one number a map and region"),
            (
                F.conv2d(x, weight[0, 0].flip(2, 3), bias[0, 0]),
                "no flip of the kernel: nets slide it as it is, as F.conv2d does",
            ),
            (torch.tanh(plain), "the sum alone: tanh and absolute value come in the next step"),
            (torch.tanh(plain).abs(), "the sum alone: tanh and absolute value come later"),
        )
        ordinary = "one region is an ordinary convolution without padding"
        expect_close(run(x, weight, bias, ordinary), plain, suspects=suspects, hint=ordinary)
    with case("2 x 2 regions with the same kernels in all four"):
        weight, bias = _kernels(1, 1, 2, 1, 3)
        x = torch.randn(1, 1, 8, 10, generator=rng())
        seams = (
            "regions tile the output, but what they see overlaps by s - 1: with equal kernels no "
            "seam may show"
        )
        got = run(x, weight.repeat(2, 2, 1, 1, 1, 1), bias.repeat(2, 2, 1), seams)
        expect_close(got, F.conv2d(x, weight[0, 0], bias[0, 0]), hint=seams)


def _regions(run: Any) -> None:
    """Kernels of one number make the map of the regions visible."""
    x = torch.ones(1, 1, 4, 6)
    marks = torch.arange(1.0, 7.0).reshape(2, 3)
    weight, bias = marks.reshape(2, 3, 1, 1, 1, 1), torch.zeros(2, 3, 1)
    grid = marks.repeat_interleave(2, 0).repeat_interleave(2, 1)[None, None]  # (1, 1, 4, 6)
    turned = marks.T.reshape(2, 3).repeat_interleave(2, 0).repeat_interleave(2, 1)[None, None]
    with case("1 x 1 kernels 1 to 6 in 2 x 3 regions, an input of ones"):
        expect_close(
            run(x, weight, bias),
            grid,
            suspects=(
                (torch.ones_like(grid), "every region has kernels of its own: weight[u, v]"),
                (turned, "weight[u, v]: u counts regions downwards, v to the right"),
                (grid.flip(2), "region (0, 0) is the one at the top left"),
                (grid.flip(3), "region (0, 0) is the one at the top left"),
                (marks.repeat(2, 2)[None, None], "a region is one piece: not every p-th row"),
            ),
            hint="p rows and q columns of regions, each 2 x 2 cells here",
        )
    with case("the same with a bias for each region, kernels 0"):
        expect_close(
            run(x, 0 * weight, marks[..., None]),
            grid,
            suspects=[
                (0 * grid, "the bias is missing: bias[u, v] goes with weight[u, v]"),
                (torch.ones_like(grid), "every region has a bias of its own: bias[u, v]"),
            ],
            hint="bias[u, v] goes with weight[u, v]",
        )
    with case("2 x 2 regions of a 6 x 6 input under 3 x 3 kernels"):
        weight, bias = _kernels(2, 2, 1, 1, 3)
        x = torch.randn(1, 1, 6, 6, generator=rng())
        border = (
            "regions divide the OUTPUT, 4 x 4 here, into 2 x 2; region (u, v) sees 4 x 4 pixels "
            "of the input, from (2u, 2v) on"
        )
        expect_close(run(x, weight, bias, border), _slow(x, weight, bias), hint=border)


def _kernels(p: int, q: int, num: int, channels: int, size: int) -> tuple[Tensor, Tensor]:
    weight = torch.randn(p, q, num, channels, size, size, generator=rng())
    return weight, torch.randn(p, q, num, generator=rng())


def _slow(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve with every region's kernels everywhere and keep what belongs to each region."""
    p, q, _, _, size, _ = weight.shape
    height, width = (x.shape[2] - size + 1) // p, (x.shape[3] - size + 1) // q
    rows = []
    for u in range(p):
        whole = [F.conv2d(x, weight[u, v], bias[u, v]) for v in range(q)]
        row = [one[..., width * v : width * (v + 1)] for v, one in enumerate(whole)]
        rows.append(torch.cat(row, dim=3)[:, :, height * u : height * (u + 1)])
    return torch.cat(rows, dim=2)
