"""Checks of lab 01, synthetic_humans: photos and frames change, and the labels stay true."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from facelab.course.answers import synthetic_humans as answers
from facelab.course.checking import case, exercise, expect_close, expect_tensor, rng
from facelab.course.failures import Failure, brief

LAB = "01_synthetic_humans"

# ---- flip_scene ----------------------------------------------------------------------------------


def _three(got: Any, names: str, count: int = 3) -> tuple[Any, ...]:
    if not isinstance(got, (tuple, list)) or len(got) != count:
        raise Failure("wrong result", f"{count} results", brief(got), f"return {names}")
    return tuple(got)


def _photo(height: int, width: int) -> np.ndarray:
    """Draw a random photo (H, W, 3) uint8 from the check's generator."""
    return torch.randint(0, 256, (height, width, 3), generator=rng()).to(torch.uint8).numpy()


def _random_face_points(count: int, num: int, width: int, height: int) -> Tensor:
    size = torch.tensor([width, height], dtype=torch.float32)
    return torch.rand(count, num, 2, generator=rng()) * size


@exercise(
    "flip_scene",
    lab=LAB,
    points=3,
    hints=(
        "A mirrored photo is a new photo. Which edge of a box is now the left one? And which eye "
        "is now the one at image left, hers or the other?",
        "x           becomes width - x\n"
        "box         (width - x2, y1, width - x1, y2)                     (N, 4)\n"
        "point i     comes from point partner[i], then its x is mirrored  (N, P, 2)",
        "width = photo.shape[1]\n"
        "x1, y1, x2, y2 = boxes.unbind(dim=1)\n"
        "boxes = torch.stack([width - x2, y1, width - x1, y2], dim=1)\n"
        "partner = MIRROR_5 if landmarks.shape[1] == 5 else MIRROR_68\n"
        "points = landmarks[:, ____]\n"
        "points = torch.stack([width - points[..., 0], points[..., 1]], dim=-1)\n"
        "return photo[:, ::-1].copy(), boxes, points",
    ),
    reference="facelab.course.answers.synthetic_humans:flip_scene",
)
def flip_scene(fn: Any) -> None:
    def run(photo: np.ndarray, boxes: Tensor, landmarks: Tensor) -> tuple[Any, ...]:
        names = "photo, boxes, landmarks"
        image, moved, points = _three(fn(photo, boxes, landmarks), names)
        return image, moved, points

    five = torch.tensor([[[4.0, 4.0], [10.0, 5.0], [8.0, 8.0], [5.0, 11.0], [9.0, 12.0]]])
    box = torch.tensor([[2.0, 1.0, 12.0, 14.0]])
    width, photo = 20, _photo(15, 20)
    with case("the photo, 15 x 20 pixels"):
        image, _, _ = run(photo, box, five)
        expect_close(
            image,
            photo[:, ::-1],
            suspects=(
                (photo, "the photo itself has to be mirrored too"),
                (photo[::-1], "that is upside down: columns are the second axis"),
                (photo[..., ::-1], "that swaps red and blue: columns are the second axis"),
            ),
            hint="left becomes right: photo[:, ::-1]",
        )
    with case("one box"):
        _, moved, _ = run(photo, box, five)
        crossed = "x1 is now larger than x2: the left edge of the new box is the old right edge"
        inclusive = "x runs from 0 to the width, edges included: width - x, not width - 1 - x"
        expect_close(
            expect_tensor(moved, shape=(1, 4), dtype="floating", hint="boxes (N, 4)"),
            [[8.0, 1.0, 18.0, 14.0]],
            suspects=(
                (box, "the box stayed where it was"),
                ([[18.0, 1.0, 8.0, 14.0]], crossed),
                ([[7.0, 1.0, 17.0, 14.0]], inclusive),
                ([[17.0, 1.0, 7.0, 14.0]], crossed),
                ([[2.0, 1.0, 12.0, 14.0]], "the box stayed where it was"),
                ([[3.0, 1.0, 13.0, 14.0]], "mirror at the width of the photo, not at its height"),
            ),
            hint="(width - x2, y1, width - x1, y2)",
        )
    with case("five points"):
        _, _, points = run(photo, box, five)
        x = torch.tensor([-1.0, 1.0])
        unswapped = five * x + torch.tensor([width, 0.0])
        truth = unswapped[:, [1, 0, 2, 4, 3]]
        partner = (
            "point 0 is the eye at image left, and after the flip that is the other eye: swap "
            "partners"
        )
        inclusive = "width - x, not width - 1 - x: landmarks share the frame of the boxes"
        expect_close(
            expect_tensor(points, shape=(1, 5, 2), dtype="floating", hint="landmarks (N, P, 2)"),
            truth,
            suspects=(
                (unswapped, partner),
                (five[:, [1, 0, 2, 4, 3]], "partners changed places, but x was not mirrored"),
                (truth - torch.tensor([1.0, 0.0]), inclusive),
                (unswapped - torch.tensor([1.0, 0.0]), partner),
                (unswapped[:, [1, 0, 2, 3, 4]], "the corners of the mouth are partners too"),
                (
                    unswapped[:, [4, 3, 2, 1, 0]],
                    "not reversed: eyes with eyes, corners with corners, the nose with itself",
                ),
                (five, "the landmarks stayed where they were"),
            ),
            hint="swap the partners, then mirror x",
        )
    with case("68 points"):
        many = _random_face_points(2, 68, width, 15)
        boxes = torch.tensor([[1.0, 1.0, 9.0, 9.0], [5.0, 2.0, 15.0, 14.0]])
        truth = answers.flip_scene(photo, boxes, many)[2]
        backwards = truth.clone()
        plain = torch.stack([width - many[..., 0], many[..., 1]], dim=-1)
        backwards = plain.flip(1)
        partner = "the 68 points have partners of their own: MIRROR_68[i] is where point i is from"
        reversed_ = "not simply backwards: the jaw reverses in itself, so do brows, lips and so on"
        points = run(photo, boxes, many)[2]
        expect_close(
            expect_tensor(points, shape=(2, 68, 2), dtype="floating", hint="all 68 points"),
            truth,
            suspects=((plain, partner), (backwards, reversed_)),
            hint=partner,
        )
    with case("an unknown point"):
        some = five.clone()
        some[0, 1] = torch.nan
        points = run(photo, box, some)[2]
        expect_close(
            points,
            answers.flip_scene(photo, box, some)[2],
            hint="NaN changes places as its partner does, and stays NaN",
        )
    empty = "no face is a valid input: index all faces at once"
    with case("no faces", hint=empty):
        _, moved, points = run(photo, box[:0], five[:0])
        expect_tensor(moved, shape=(0, 4), hint=empty)
        expect_tensor(points, shape=(0, 5, 2), hint=empty)


# ---- crop_scene ----------------------------------------------------------------------------------


@exercise(
    "crop_scene",
    lab=LAB,
    points=4,
    hints=(
        "In the crop, pixel (0, 0) is what was pixel (x1, y1) of the window. What is a box that "
        "sticks out? Of which area is a share of 0.5 a half? And is a nose that was cut off known?",
        "moved      boxes - (x1, y1, x1, y1)                          (N, 4)\n"
        "clipped    moved, kept within 0 and the window's size        (N, 4)\n"
        "stays      area(clipped) >= least * area(moved), and > 0     (N,) bool\n"
        "points     landmarks - (x1, y1); NaN unless 0 <= x < width and 0 <= y < height",
        "x1, y1, x2, y2 = window\n"
        "size = torch.tensor([x2 - x1, y2 - y1])\n"
        "moved = boxes - torch.tensor([x1, y1, x1, y1])\n"
        "clipped = torch.minimum(moved.clamp(min=0), size.repeat(2))\n"
        "whole, inside = ((x[:, 2:] - x[:, :2]) for x in (moved, clipped))\n"
        "stays = (inside.prod(dim=1) >= least * ____.prod(dim=1)) & (inside > 0).all(dim=1)\n"
        "points = landmarks[stays] - torch.tensor([x1, y1])\n"
        "points[~((points >= 0) & (points < size)).all(dim=-1)] = torch.nan\n"
        "return photo[y1:y2, x1:x2], clipped[stays], points, stays",
    ),
    reference="facelab.course.answers.synthetic_humans:crop_scene",
)
def crop_scene(fn: Any) -> None:
    def run(
        photo: np.ndarray, boxes: Tensor, points: Tensor, window: list[int], *least: float
    ) -> tuple[Any, ...]:
        names = "cut, boxes, landmarks, stays"
        return _three(fn(photo, boxes, points, window, *least), names, 4)

    photo = _photo(40, 60)
    window = [10, 5, 40, 35]  # 30 x 30 pixels
    boxes = torch.tensor(
        [
            [15.0, 10.0, 25.0, 22.0],  # inside
            [34.0, 20.0, 44.0, 30.0],  # 6 of 10 columns inside
            [37.0, 6.0, 47.0, 16.0],  # 3 of 10 columns inside
            [0.0, 0.0, 6.0, 8.0],  # outside
        ]
    )
    share = torch.tensor([[0.25, 0.3], [0.75, 0.3], [0.5, 0.55], [0.3, 0.8], [0.7, 0.8]])
    points = boxes[:, None, :2] + share * (boxes[:, None, 2:] - boxes[:, None, :2])  # (4, 5, 2)
    with case("the pixels of the window"):
        cut = run(photo, boxes, points, window)[0]
        wrong_order = "rows are y: photo[y1:y2, x1:x2]"
        expect_close(
            cut,
            photo[5:35, 10:40],
            suspects=((photo[10:40, 5:35], wrong_order),),
            hint=wrong_order,
        )
    with case("four faces: inside, 60 % inside, 30 % inside, outside"):
        stays = expect_tensor(
            run(photo, boxes, points, window)[3],
            shape=(4,),
            dtype=torch.bool,
            hint="one bool a face of the photo",
        )
        half = "a face stays when at least half of its area is inside; of the third only 30 % is"
        lost = "the second face has 60 % of its area inside, which is enough"
        far = "the last face is nowhere near the window: clamp, then look at width and height"
        expect_close(
            stays.int(),
            [1, 1, 0, 0],
            suspects=(
                ([1, 1, 1, 0], half),
                ([1, 0, 0, 0], lost),
                ([1, 1, 0, 1], far),
                ([1, 1, 1, 1], half),
            ),
            hint="share = area inside the window / area of the whole box",
        )
    with case("the boxes of the faces that stay"):
        got = run(photo, boxes, points, window)[1]
        truth = torch.tensor([[5.0, 5.0, 15.0, 17.0], [24.0, 15.0, 30.0, 25.0]])
        unclipped = torch.tensor([[5.0, 5.0, 15.0, 17.0], [24.0, 15.0, 34.0, 25.0]])
        exclusive = torch.tensor([[5.0, 5.0, 15.0, 17.0], [24.0, 15.0, 29.0, 25.0]])
        expect_close(
            expect_tensor(got, shape=(2, 4), dtype="floating", hint="boxes of who stays, (K, 4)"),
            truth,
            suspects=(
                (boxes[:2], "subtract the window's corner: the crop begins at (0, 0)"),
                (unclipped, "the second box sticks out: clip it to the window's width and height"),
                (exclusive, "x2 is exclusive: clip at the width, not at the last pixel"),
                (
                    truth + torch.tensor([10.0, 5, 10, 5]),
                    "subtract the window's corner after clipping, too",
                ),
                (
                    unclipped + torch.tensor([20.0, 10, 20, 10]),
                    "subtract the corner, do not add it",
                ),
            ),
            hint="move by the window's corner, then clip to 0 and the window's size",
        )
    with case("the landmarks of the faces that stay"):
        got = run(photo, boxes, points, window)[2]
        moved = points[:2] - torch.tensor([10.0, 5.0])
        truth = moved.clone()
        truth[1, [1, 4]] = torch.nan  # x = 31.5 and 31: cut off at 30
        border = "a point that was cut off is unknown, NaN; moved to the border it is a wrong label"
        expect_close(
            expect_tensor(
                got, shape=(2, 5, 2), dtype="floating", finite=False, hint="(K, 5, 2), who stays"
            ),
            truth,
            suspects=(
                (points[:2], "subtract the window's corner from the landmarks too"),
                (moved, "two points of the second face lie outside the crop: they are NaN there"),
                (moved.clamp(max=30), border),
                (moved.clamp(max=29), border),
                (torch.where(torch.isnan(truth), 0.0, truth), "unknown is NaN, not 0"),
                (torch.where(torch.isnan(truth), -1.0, truth), "unknown is NaN, not -1"),
            ),
            hint="move by the corner; NaN in x and y unless 0 <= x < width and 0 <= y < height",
        )
    with case("exactly half of a face inside"):
        at = torch.tensor([[35.0, 10.0, 45.0, 20.0]])
        stays = run(photo, at, points[:1], window)[3]
        expect_close(stays.int(), [1], hint="half of the face is inside: >= keeps it, > does not")
    nobody = "nobody stays here: the answers are (0, 4), (0, 5, 2) and a mask of False"
    with case("30 % of a face inside, least 0.25"):
        stays = run(photo, boxes[2:3], points[:1], window, 0.25)[3]
        expect_close(stays.int(), [1], hint="least is 0.25 here, not 0.5")
    with case("a large face around a small window, least 0.2", hint=nobody):
        at = torch.tensor([[0.0, 0.0, 50.0, 40.0]])
        stays = run(photo, at, points[:1], [20, 10, 40, 20], 0.2)[3]
        own = "divide by the area of the face, not by that of the window: 200 / 2000 is 0.1"
        expect_close(stays.int(), [0], hint=own)
    with case("a face without area, as WIDER FACE has some", hint=nobody):
        at = torch.tensor([[20.0, 10.0, 20.0, 30.0]])
        stays = run(photo, at, points[:1], window)[3]
        nothing = "0 >= 0.5 * 0 is true: ask for a width and a height above 0 as well"
        expect_close(stays.int(), [0], hint=nothing)
    empty = "no face is a valid input: answers are (0, 4), (0, 5, 2) and (0,)"
    with case("no faces", hint=empty):
        _, moved, left, stays = run(photo, boxes[:0], points[:0], window)
        expect_tensor(moved, shape=(0, 4), hint=empty)
        expect_tensor(left, shape=(0, 5, 2), hint=empty)
        expect_tensor(stays, shape=(0,), dtype=torch.bool, hint=empty)
    with case("random faces"):
        corner = torch.rand(9, 2, generator=rng()) * torch.tensor([50.0, 30.0])
        at = torch.cat([corner, corner + 4 + 12 * torch.rand(9, 2, generator=rng())], dim=1)
        near = _random_face_points(9, 5, 60, 40)
        right = answers.crop_scene(photo, at, near, window, 0.3)
        got = run(photo, at, near, window, 0.3)
        expect_close(got[3].int(), right[3].int(), hint="least is 0.3 here, not 0.5")
        expect_close(got[1], right[1], hint="faces keep their order")
        expect_close(got[2], right[2], hint="points above and left of the window are NaN too")
