"""Checks of lab 03, mtcnn: from a map of scores to the crops of the next stage."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision import ops

from facelab.course.answers import mtcnn as answers
from facelab.course.checking import (
    case,
    exercise,
    expect_agrees,
    expect_close,
    expect_equal,
    expect_pair,
    expect_tensor,
    rng,
)
from facelab.course.sampling import random_boxes
from facelab.geometry.boxes import encode_corners

LAB = "03_mtcnn"

# ---- generate_boxes ------------------------------------------------------------------------------


@exercise(
    "generate_boxes",
    lab=LAB,
    points=2,
    hints=(
        "Go one cell to the right in the map. How far did the window move in the shrunken image, "
        "and how far in the photo, which is 1 / scale times as large? Which of row and column is "
        "x?",
        "rows, cols       cells with score >= threshold        (N,), (N,) row by row\n"
        "in the level     [2c, 2r, 2c + 12, 2r + 12]           (N, 4)\n"
        "in the photo     the same / scale                     (N, 4)",
        "rows, cols = (score_map >= threshold).nonzero(as_tuple=True)\n"
        "corner = 2 * torch.stack([____], dim=1)\n"
        "boxes = torch.cat([corner, corner + 12], dim=1) / scale\n"
        "return boxes, score_map[rows, cols]",
    ),
    reference="facelab.course.answers.mtcnn:generate_boxes",
)
def generate_boxes(fn: Any) -> None:
    def run(score_map: Tensor, scale: float, threshold: float, num: int, hint: str) -> Any:
        boxes, scores = expect_pair(fn(score_map, scale, threshold), "return boxes, scores")
        boxes = expect_tensor(boxes, shape=(None, 4), dtype="floating", hint="boxes are (N, 4)")
        scores = expect_tensor(
            scores, shape=(len(boxes),), dtype="floating", hint="one score a box"
        )
        expect_equal(len(boxes), num, hint=hint)
        return boxes, scores

    with case("a cell exactly at the threshold"):
        at = torch.tensor([[0.25, 0.5, 0.75]])
        equal = "the score of the second cell equals the threshold: >= keeps it, > does not"
        run(at, 1.0, 0.5, 2, equal)
    with case("three cells of a 2 x 3 map at scale 0.5"):
        score_map = torch.tensor([[0.1, 0.7, 0.2], [0.9, 0.3, 0.8]])
        level = torch.tensor([[2.0, 0, 14, 12], [0, 2, 12, 14], [4, 2, 16, 14]])
        truth = level / 0.5
        boxes, scores = run(score_map, 0.5, 0.5, 3, "three cells have a score of 0.5 or more")
        last = torch.tensor([0.0, 0, 1, 1])
        order = "keep the cells row by row, as nonzero gives them: no sorting here"
        swapped = "rows and columns are swapped: the column is x, the row is y"
        smaller = "divide by scale: the window is in the shrunken image, the box in the photo"
        larger = "divide by scale, do not multiply: the photo is the larger one"
        stride = "neighbouring windows are 2 pixels apart, because of the pool"
        exclusive = "x2 and y2 are exclusive: a window of 12 pixels ends at 2c + 12"
        from_one = "no + 1: that belongs to counting from one, pixel 0 is the first"
        expect_close(
            boxes,
            truth,
            suspects=(
                (truth[:, [1, 0, 3, 2]], swapped),
                (level, smaller),
                (level * 0.5, larger),
                ((level - level[:, [0, 1, 0, 1]] / 2) / 0.5, stride),
                ((level - last) / 0.5, exclusive),
                ((level + 1 - last) / 0.5, from_one),
                (truth[[1, 0, 2]], order),
                (truth[[1, 2, 0]], order),
            ),
            hint="cell (r, c) looks at [2c, 2r, 2c + 12, 2r + 12], / scale",
        )
        expect_close(scores, [0.7, 0.9, 0.8], hint="the score of a box is that of its own cell")
    with case("no cell is sure enough", hint="no face is a valid input: index, do not loop"):
        run(torch.full((4, 5), 0.25), 0.6, 0.5, 0, "every score is below the threshold")
    with case("a map of one cell"):
        boxes, _ = run(torch.tensor([[0.75]]), 0.25, 0.5, 1, "the only cell is above the threshold")
        expect_close(
            boxes, [[0.0, 0.0, 48.0, 48.0]], hint="12 pixels at scale 0.25 are 48 in the photo"
        )
    with case("a random map"):
        score_map = torch.rand(9, 14, generator=rng())
        scale = 0.1 + 0.5 * torch.rand((), generator=rng()).item()
        expect_agrees(
            fn,
            answers.generate_boxes,
            score_map,
            scale,
            0.75,
            rows=((0,),),
            hint="row r, column c: [2c, 2r, 2c + 12, 2r + 12] / scale, in the order of nonzero()",
        )


# ---- nms -----------------------------------------------------------------------------------------

_TABLE = torch.tensor([[0.0, 0.0, 10.0, 10.0], [2.0, 0.0, 12.0, 10.0], [8.0, 0.0, 18.0, 10.0]])


@exercise(
    "nms",
    lab=LAB,
    points=3,
    hints=(
        "Box B was dropped because of A. May B still drop C? Which boxes does a candidate have to "
        "be compared with?",
        "order      indices by falling score            (N,)\n"
        "overlap    IoU of every pair                   (N, N)\n"
        "repeat     keep the first of order; of the others, stay only those with\n"
        "           overlap[first, others] <= threshold",
        "order = scores.argsort(descending=True, stable=True)\n"
        "overlap, kept = box_iou(boxes, boxes), []\n"
        "while len(order):\n"
        "    best, order = order[0], order[1:]\n"
        "    kept.append(best)\n"
        "    order = order[overlap[____] <= threshold]\n"
        "return torch.stack(kept) if kept else order",
    ),
    reference="facelab.course.answers.mtcnn:nms",
)
def nms(fn: Any) -> None:
    def keep(boxes: Tensor, scores: Tensor, *threshold: float, hint: str = "") -> list[int]:
        got = expect_tensor(
            fn(boxes, scores, *threshold),
            shape=(None,),
            dtype=torch.int64,
            hint=hint or "one int64 index per kept box",
        )
        return got.tolist()

    with case("boxes A, B, C of the table above, threshold 0.2"):
        got = keep(_TABLE, torch.tensor([0.9, 0.8, 0.7]), 0.2)
        dead = (
            "C was suppressed by B, but B had already been dropped. Compare with kept boxes only."
        )
        last = "the least sure box was visited first: begin with the highest score"
        stays = "B shares two thirds with A, which is more than 0.2: it has to go"
        expect_equal(
            got,
            [0, 2],
            suspects=(([0], dead), ([2, 0], last), ([0, 1, 2], stays)),
            hint="A drops B (0.67 > 0.2), then C is compared with A only (0.11)",
        )
    with case("the same boxes, B the most sure"):
        got = keep(_TABLE, torch.tensor([0.8, 0.9, 0.7]), 0.2)
        position = (
            "that is a place in the sorted list: return the index that the box has in the input"
        )
        visit = "visit the boxes by falling score, not as they come: B first, and it drops A and C"
        expect_equal(got, [1], suspects=[([0], position)], hint=visit)
    with case("the same boxes, C the most sure and A the least"):
        got = keep(_TABLE, torch.tensor([0.7, 0.8, 0.9]), 0.2)
        order = "the right boxes in the wrong order: return the best first, not in order of input"
        visit = "C drops B (0.25 > 0.2), then A is compared with C only"
        expect_equal(got, [2, 0], suspects=[([0, 2], order)], hint=visit)
    with case("boxes that touch along an edge, threshold 0.02"):
        touching = torch.tensor([[0.0, 0.0, 10.0, 10.0], [10.0, 0.0, 20.0, 10.0]])
        expect_equal(
            keep(touching, torch.tensor([0.9, 0.8]), 0.02),
            [0, 1],
            hint="they share nothing: x2 is exclusive, so the width is x2 - x1 without a + 1",
        )
    with case("an overlap of exactly the threshold"):
        half = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0]])
        expect_equal(
            keep(half, torch.tensor([0.9, 0.8]), 0.5),
            [0, 1],
            hint="their IoU is 0.5: a box falls when it is greater than the threshold, not when "
            "equal",
        )
    with case("equal scores"):
        ties = torch.cat([_TABLE[:2], _TABLE[:2] + 50])
        expect_equal(
            keep(ties, torch.full((4,), 0.5), 0.2),
            [0, 2],
            hint="ties keep the order of the input: argsort(descending=True, stable=True)",
        )
    with case("one box"):
        expect_equal(keep(_TABLE[:1], torch.tensor([0.3]), 0.5), [0], hint="nobody can suppress it")
    nothing = (
        "without boxes the answer is an empty int64 tensor; torch.stack([]) fails, "
        "torch.tensor([]) is float"
    )
    with case("no boxes", hint=nothing):
        expect_equal(keep(_TABLE[:0], torch.zeros(0), 0.5, hint=nothing), [])
    with case("the threshold left out"):
        boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 6.0], [0.0, 0.0, 10.0, 4.0]])
        got = keep(boxes, torch.tensor([0.9, 0.8, 0.7]))
        expect_equal(
            got, [0, 2], hint="IoU 0.6 and 0.4 with the first: the default threshold is 0.5"
        )
    for threshold in (0.25, 0.5):
        with case("random boxes"):
            boxes = random_boxes(rng(), 30, size=30.0)
            scores = torch.randint(1, 12, (30,), generator=rng()) / 12  # some are equal
            expect_agrees(
                fn,
                ops.nms,
                boxes,
                scores,
                threshold,
                rows=((0, 1),),
                exact=True,
                hint="visit by falling score; a box falls when its IoU with a kept box is > "
                "threshold",
            )


# ---- calibrate -----------------------------------------------------------------------------------


def _calibrate_centers(boxes: Tensor, deltas: Tensor) -> Tensor:
    size = boxes[:, 2:] - boxes[:, :2]
    center = boxes[:, :2] + size / 2 + deltas[:, :2] * size
    half = size * torch.exp(deltas[:, 2:]) / 2
    return torch.cat([center - half, center + half], dim=1)


@exercise(
    "calibrate",
    lab=LAB,
    points=1,
    hints=(
        "The offsets were divided by something before the net learned them, so that a large and a "
        "small face give the same numbers. By what? Is it the same for x and for y?",
        "w, h = x2 - x1, y2 - y1                    (N,), (N,) of the candidate\n"
        "result = boxes + deltas * [w, h, w, h]     (N, 4)",
        "size = boxes[:, 2:] - boxes[:, :2]                     # (N, 2)\n"
        "return boxes + deltas * torch.cat([____], dim=1)       # (N, 4)",
    ),
    reference="facelab.course.answers.mtcnn:calibrate",
)
def calibrate(fn: Any) -> None:
    def run(boxes: Tensor, deltas: Tensor) -> Tensor:
        answer = fn(boxes, deltas)
        return expect_tensor(answer, shape=(len(boxes), 4), dtype="floating", hint="one box a row")

    sign = "wrong sign: the target was truth minus candidate, so the offset is added"
    heights = "offsets in y count in heights of the candidate, not in widths"
    widths = "offsets in x count in widths of the candidate, not in heights"
    swapped = "width and height are swapped: x goes with the width"
    shares = "offsets are shares of the candidate: multiply by its width or height"
    exclusive = "x2 is exclusive, so the width is x2 - x1 without a + 1"
    centre = (
        "that is the coding with centre and size of later detectors; MTCNN moves the two corners"
    )
    boxes = torch.tensor([[10.0, 20.0, 30.0, 60.0]])
    w, h = 20.0, 40.0
    for name, deltas in (
        ("a box of 20 x 40, its left edge moved", torch.tensor([[0.1, 0.0, 0.0, 0.0]])),
        ("a box of 20 x 40, all edges moved", torch.tensor([[0.1, 0.2, -0.1, 0.3]])),
    ):
        with case(name):
            got = run(boxes, deltas)
            suspects = (
                (boxes - deltas * torch.tensor([w, h, w, h]), sign),
                (boxes + deltas * w, heights),
                (boxes + deltas * h, widths),
                (boxes + deltas * torch.tensor([h, w, h, w]), swapped),
                (boxes + deltas, shares),
                (boxes + deltas * torch.tensor([w + 1, h + 1, w + 1, h + 1]), exclusive),
                (_calibrate_centers(boxes, deltas), centre),
            )
            own = "each of the four edges moves by its own offset only"
            expect_close(got, answers.calibrate(boxes, deltas), suspects=suspects, hint=own)
    with case("offsets of zero"):
        expect_close(run(boxes, torch.zeros(1, 4)), boxes, hint="nothing moves")
    with case("no boxes", hint="no candidate is a valid input: write it without a loop"):
        run(torch.zeros(0, 4), torch.zeros(0, 4))
    with case("random boxes, there and back"):
        boxes, truth = random_boxes(rng(), 12), random_boxes(rng(), 12)
        expect_agrees(
            fn,
            answers.calibrate,
            boxes,
            encode_corners(truth, boxes),
            rows=((0, 1),),
            atol=1e-2,
            hint="every row uses width and height of its own box",
        )


# ---- square_crop ---------------------------------------------------------------------------------


@exercise(
    "square_crop",
    lab=LAB,
    points=3,
    hints=(
        "A face at the left border: its square begins at x = -7. What should the net see in the "
        "first seven columns, and what does image[:, :, -7:20] give instead?",
        "L = max(w, h); left = x1 - (L - w) // 2; top = y1 - (L - h) // 2\n"
        "in the image       rows max(top, 0) .. min(top + L, H), columns alike\n"
        "in the crop        the same rows minus top, columns minus left\n"
        "everything else    0                                          (C, L, L)",
        "crop = torch.zeros(len(image), L, L)\n"
        "y1, y2 = max(top, 0), min(top + L, image.shape[1])\n"
        "x1, x2 = max(left, 0), min(left + L, image.shape[2])\n"
        "if y1 < y2 and x1 < x2:\n"
        "    crop[:, ____] = image[:, y1:y2, x1:x2]\n"
        "return crop",
    ),
    reference="facelab.course.answers.mtcnn:square_crop",
)
def square_crop(fn: Any) -> None:
    image = 1 + torch.rand(3, 12, 17, generator=rng())  # nowhere 0, so that padding can be seen

    def run(box: tuple[int, int, int, int], shape_hint: str, value_hint: str) -> None:
        side = max(box[2] - box[0], box[3] - box[1])
        answer = fn(image, box)
        got = expect_tensor(answer, shape=(3, side, side), dtype="floating", hint=shape_hint)
        repeated = _replicated(image, box)
        truth = answers.square_crop(image, box)
        expect_close(got, truth, suspects=[(repeated, copied)], hint=value_hint)

    copied = "outside the photo is black: 0, not the nearest pixel repeated"
    axes = "image is (C, H, W): rows are y, columns are x, so image[:, y1:y2, x1:x2]"
    longer = "the side is the longer one of width and height, so that nothing of the box is lost"
    centre = (
        "box and square share their centre: left = x1 - (L - w) // 2, top = y1 - (L - h) // 2, "
        "each with its own difference"
    )
    pad = (
        "the crop has L x L pixels also where the square leaves the photo: pad with 0, do not "
        "clip (and a negative index counts from the end)"
    )
    place = "what is inside the photo goes where it lies in the square: at row -top when top < 0"
    with case("a square box inside the photo"):
        run((9, 2, 13, 6), axes, axes)
    with case("a wide box inside the photo"):
        run((4, 4, 11, 8), longer, centre)
    with case("a tall box inside the photo"):
        run((6, 2, 9, 10), longer, centre)
    with case("a square that leaves the photo at the top left"):
        run((-3, -2, 5, 6), pad, place)
    with case("a square that leaves the photo at the bottom right"):
        run((10, 7, 20, 17), pad, "columns beyond the right border and rows below the last are 0")
    with case("a wide box along the upper border"):
        run((2, 0, 12, 4), pad, "the box is inside, its square is not: square first, then pad")
    with case("a square around the whole photo"):
        run((-4, -6, 21, 19), pad, place)
    with case("a box wholly outside the photo", hint="nothing is shared: the crop is all 0"):
        for box in ((-9, 3, -4, 8), (20, 3, 25, 8), (3, -9, 8, -4), (3, 14, 8, 19)):
            run(box, pad, "nothing of the photo is in it: all 0")
    with case("one pixel"):
        run((16, 11, 17, 12), axes, "the last pixel of the photo: x2 and y2 are exclusive")
    with case("random boxes"):
        corners = torch.randint(-6, 16, (8, 2), generator=rng())
        sizes = torch.randint(1, 16, (8, 2), generator=rng())
        for x1, y1, x2, y2 in torch.cat([corners, corners + sizes], dim=1).tolist():
            run((x1, y1, x2, y2), pad, centre)


def _replicated(image: Tensor, box: tuple[int, int, int, int]) -> Tensor:
    """Return the square crop with the nearest pixel outside the photo: a mistake to recognise."""
    x1, y1, x2, y2 = box
    side = max(x2 - x1, y2 - y1)
    rows = torch.arange(side) + y1 - (side - (y2 - y1)) // 2
    cols = torch.arange(side) + x1 - (side - (x2 - x1)) // 2
    return image[:, rows.clamp(0, image.shape[1] - 1)][:, :, cols.clamp(0, image.shape[2] - 1)]
