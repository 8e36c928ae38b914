"""Checks of lab 03, mtcnn: P-Net and the size of its map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facelab.course.checking import (
    case,
    exercise,
    expect_close,
    expect_equal,
    expect_pair,
    expect_tensor,
    rng,
)
from facelab.course.failures import Failure, brief

LAB = "03_mtcnn"

# ---- map_side ------------------------------------------------------------------------------------

_BORDERS = (
    "follow 12 pixels through the table: conv1 takes 2 away, the pool halves, conv2 and conv3 "
    "take 2 each; one cell is left"
)
_STRIDE = "the pool halves the map: two more pixels in the image give one more cell"
_CEIL = (
    "an odd number of pixels enters the pool: with ceil mode the last, half filled window counts "
    "too"
)


@exercise(
    "map_side",
    lab=LAB,
    points=1,
    hints=(
        "Take an image of 13 pixels and a pencil. How many pixels are left after conv1? How many "
        "2x2 windows, two apart, are needed so that none of them is left out?",
        "after conv1            side - 2\n"
        "after pool1 (ceil)     ceil((side - 2) / 2)\n"
        "after conv2, conv3     ceil((side - 2) / 2) - 2 - 2",
        "return math.____((side - 2) / 2) - 4",
    ),
    reference="facelab.detection.mtcnn.model:map_side",
)
def map_side(fn: Any) -> None:
    def expect_side(side: int, expected: int, hint: str) -> None:
        got = fn(side)
        if type(got) is not int:
            cause = "a side is a whole number: math.ceil(...) or //, not / alone"
            raise Failure("wrong type", "an int", f"{type(got).__name__} {brief(got)}", cause)
        expect_equal(got, expected, hint=hint)

    with case("12 pixels, the smallest image"):
        expect_side(12, 1, _BORDERS)
    with case("even sides"):
        for side, expected in ((14, 2), (24, 7), (288, 139)):
            expect_side(side, expected, _STRIDE)
    with case("odd sides"):
        for side, expected in ((13, 2), (25, 8)):
            expect_side(side, expected, _CEIL)
    with case("random sides"):
        for side in torch.randint(12, 2000, (20,), generator=rng()).tolist():
            expect_side(side, -(-side // 2) - 5, _CEIL if side % 2 else _STRIDE)


# ---- build_pnet ----------------------------------------------------------------------------------

_PNET_PARAMETERS = (
    ("the weights of conv1", (10, 3, 3, 3)),
    ("the biases of conv1", (10,)),
    ("the slopes of prelu1", (10,)),
    ("the weights of conv2", (16, 10, 3, 3)),
    ("the biases of conv2", (16,)),
    ("the slopes of prelu2", (16,)),
    ("the weights of conv3", (32, 16, 3, 3)),
    ("the biases of conv3", (32,)),
    ("the slopes of prelu3", (32,)),
    ("the weights of the face head", (2, 32, 1, 1)),
    ("the biases of the face head", (2,)),
    ("the weights of the box head", (4, 32, 1, 1)),
    ("the biases of the box head", (4,)),
)
_PNET_TOTAL = 6_632
_PNET_DIFFERENCES = {
    -58: "58 parameters are missing: the slopes of nn.PReLU(channels), where ReLU has nothing to "
    "learn, or the biases of the three convolutions",
    -55: "nn.PReLU() shares one slope; the paper has one slope per channel: nn.PReLU(10)",
    -64: "64 parameters are missing: every convolution has a bias, the heads too",
    330: "330 too many: leave the landmark head out, as the released P-Net does",
}


def _run_pnet(
    build: Callable[[], Any], parameters: tuple[Tensor, ...], image: Tensor
) -> tuple[Tensor, Tensor, int]:
    """Build the net, give it these parameters; return logits, deltas and its parameter count."""
    net = build()
    if not isinstance(net, nn.Module):
        got = f"{type(net).__name__} {brief(net)}"
        cause = "build_pnet() returns the net itself, an object of a class derived from nn.Module"
        raise Failure("no net came back", "an nn.Module", got, cause)
    own = list(net.parameters())
    total = sum(one.numel() for one in own)
    _expect_parameters([tuple(one.shape) for one in own], total)
    with torch.no_grad():
        for one, value in zip(own, parameters, strict=True):
            one.copy_(value)
        logits, deltas = expect_pair(
            net.eval()(image), "return logits, deltas: no landmarks, no dict"
        )
    return logits, deltas, total


def _expect_parameters(shapes: list[tuple[int, ...]], total: int) -> None:
    """Raise Failure that names the first layer whose parameters are not the table's."""
    likely = _PNET_DIFFERENCES.get(total - _PNET_TOTAL, "")
    for index, (name, shape) in enumerate(_PNET_PARAMETERS):
        got = shapes[index] if index < len(shapes) else None
        if got != shape:
            order = (
                "compare this layer with the table, and keep the order conv1, prelu1, conv2, "
                "prelu2, conv3, prelu3, face head, box head"
            )
            have = "no more parameters" if got is None else f"shape {got}"
            where = f"parameter {index + 1} of the net should be {name}"
            raise Failure(where, f"shape {shape}", have, likely or order)
    if len(shapes) > len(_PNET_PARAMETERS):
        more = "the net has more layers than the table"
        end = "the table ends with the box head: leave out what follows it"
        raise Failure(more, f"{_PNET_TOTAL:,} parameters", f"{total:,}", likely or end)


def _pnet_outputs(
    parameters: tuple[Tensor, ...],
    image: Tensor,
    *,
    scaled: Callable[[Tensor], Tensor] = lambda image: (image * 255 - 127.5) / 128,
    pool_last: bool = True,
    window: int = 2,
) -> tuple[Tensor, Tensor]:
    """Compute P-Net's logits and deltas by hand; the options are mistakes."""
    w1, b1, s1, w2, b2, s2, w3, b3, s3, wf, bf, wb, bb = parameters

    def pool(x: Tensor) -> Tensor:
        return F.max_pool2d(x, window, stride=2, ceil_mode=True)

    x = F.conv2d(scaled(image), w1, b1)
    x = pool(F.prelu(x, s1)) if pool_last else F.prelu(pool(x), s1)
    x = F.prelu(F.conv2d(x, w2, b2), s2)
    x = F.prelu(F.conv2d(x, w3, b3), s3)
    return F.conv2d(x, wf, bf), F.conv2d(x, wb, bb)


def _pnet_suspects(parameters: tuple[Tensor, ...], image: Tensor) -> list[tuple[Tensor, str]]:
    """Return the logits that each classic mistake gives, and what to say about it."""
    scale = (
        "pixels arrive in [0, 1]; the net was trained on (255 x - 127.5) / 128: do that first in "
        "forward"
    )
    raw = (
        "return logits: no softmax or sigmoid inside, the loss and the detector apply it themselves"
    )
    logits, _ = _pnet_outputs(parameters, image)
    forgotten: tuple[Callable[[Tensor], Tensor], ...] = (
        lambda image: image,
        lambda image: (image - 127.5) / 128,
        lambda image: image * 255,
        lambda image: image * 2 - 1,
    )
    found = [(_pnet_outputs(parameters, image, scaled=one)[0], scale) for one in forgotten]
    found += [(one, raw) for one in (logits.softmax(1), logits.log_softmax(1), logits.sigmoid())]
    swapped = _pnet_outputs(parameters, image, pool_last=False)[0]
    found.append((swapped, "PReLU comes before the pool: a negative slope turns the order around"))
    wide = _pnet_outputs(parameters, image, window=3)[0]
    found.append((wide, "P-Net's pool has 2x2 windows; 3x3 belongs to R-Net and O-Net"))
    return found


@exercise(
    "build_pnet",
    lab=LAB,
    points=3,
    hints=(
        "A net that slides over an image of any size: which layer would pin it to one size, and "
        "what stands in its place at the end of the table?",
        "x = (255 image - 127.5) / 128                          (B, 3, H, W)\n"
        "conv1 3x3, 10 + PReLU(10), pool 2x2 / 2 ceil           (B, 10, ceil((H - 2) / 2), ...)\n"
        "conv2 3x3, 16 + PReLU(16), conv3 3x3, 32 + PReLU(32)   (B, 32, h, w)\n"
        "face: conv 1x1, 2   box: conv 1x1, 4                   (B, 2, h, w), (B, 4, h, w)",
        "self.trunk = nn.Sequential(\n"
        "    nn.Conv2d(3, 10, 3), nn.PReLU(10), nn.MaxPool2d(2, stride=2, ____=True),\n"
        "    nn.Conv2d(10, 16, 3), nn.PReLU(16), nn.Conv2d(16, 32, 3), nn.PReLU(32))\n"
        "self.face, self.box = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)\n"
        "# forward: x = self.trunk((image * 255 - 127.5) / 128); return self.face(x), self.box(x)",
    ),
    reference="facelab.course.answers.mtcnn:build_pnet",
    through=_run_pnet,
)
def build_pnet(fn: Any) -> None:
    parameters = tuple(
        torch.randn(shape, generator=rng()) * 0.3 for _, shape in _PNET_PARAMETERS
    )  # some slopes are negative, as trained ones may be

    def run(batch: int, height: int, width: int, rows: int, cols: int, hint: str) -> None:
        image = torch.rand(batch, 3, height, width, generator=rng())
        logits, deltas, total = fn(parameters, image)
        logits = expect_tensor(logits, shape=(batch, 2, rows, cols), dtype="floating", hint=hint)
        deltas = expect_tensor(deltas, shape=(batch, 4, rows, cols), dtype="floating", hint=hint)
        true_logits, true_deltas = _pnet_outputs(parameters, image)
        expect_close(
            logits,
            true_logits,
            suspects=_pnet_suspects(parameters, image),
            hint="shapes and parameters fit, so look at forward: scaling, trunk, then both heads "
            "on the same features",
            atol=1e-3,
        )
        expect_close(
            deltas,
            true_deltas,
            hint="the box head sees the 32 channels after prelu3, and nothing follows it",
            atol=1e-3,
        )
        expect_equal(total, _PNET_TOTAL)

    with case("one window of 12 x 12 pixels"):
        run(1, 12, 12, 1, 1, "12 pixels shrink to one cell: no padding; return logits, then deltas")
    with case("even sides, two images"):
        run(2, 14, 24, 2, 7, "14 x 24 pixels give 2 x 7 cells: stride 1 everywhere but in the pool")
    with case("odd sides"):
        run(1, 13, 25, 2, 8, "13 x 25 pixels give 2 x 8 cells: the pool needs ceil_mode=True")
    with case("a random size"):
        height, width = torch.randint(12, 40, (2,), generator=rng()).tolist()
        rows, cols = -(-height // 2) - 5, -(-width // 2) - 5
        run(2, height, width, rows, cols, "rows follow the height, columns the width")
