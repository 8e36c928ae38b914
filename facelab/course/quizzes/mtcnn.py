"""The quiz of lab 03, mtcnn."""

from __future__ import annotations

from facelab.course.quizzing import Question, right, wrong

_STAGE_THREE = """
def finish(photo, squares):                  # squares (N, 4): what R-Net left, made square
    crops = cut(photo, squares, size=48)     # (N, 3, 48, 48), black outside the photo
    logits, deltas, points = onet(crops)     # (N, 2), (N, 4), (N, 5, 2) in [0, 1]
    scores = logits.softmax(dim=1)[:, 1]
    boxes = calibrate(squares, deltas)
    size = boxes[:, 2:] - boxes[:, :2]
    landmarks = boxes[:, None, :2] + points * size[:, None]
    keep = nms(boxes, scores, 0.7, overlap="min")
    keep = keep[scores[keep] > 0.7]
    return boxes[keep], scores[keep], landmarks[keep]
"""

QUESTIONS = (
    Question(
        "On the same photo you look for faces from 40 pixels up instead of 20. What happens to "
        "the work of `P-Net`?",
        wrong(
            "It falls by one level of ten, so by a tenth",
            why="Two levels go, and they are the two largest. Each level has half the area of the "
            "one before, so the first two hold three quarters of the work.",
        ),
        wrong(
            "Nothing, the pyramid starts at the original photo anyway",
            why="It starts at 12 / `min_face` times the photo, the scale at which the smallest "
            "face fills the window of 12 pixels.",
        ),
        right(
            "It falls to about a quarter",
            why="The first level is the photo times 12 / 40 instead of 12 / 20: half as many rows "
            "and half as many columns, and so on every level below. A 640 x 480 photo goes from "
            "378 to 88 million multiply-adds.",
        ),
        wrong(
            "It falls to a half",
            why="Height and width are both halved, and the work goes with the area.",
        ),
    ),
    Question(
        "A photo of a landscape and a photo of a crowd, both 640 x 480. Which part of the cascade "
        "takes longer on the crowd?",
        right(
            "Suppression after `P-Net`, and `R-Net` and `O-Net`",
            why="They work once per candidate, and a crowd has many. A hundred candidates for "
            "`O-Net` cost 1.29 billion multiply-adds, more than three times the pyramid of "
            "`P-Net`.",
        ),
        wrong(
            "`P-Net`: it has more faces to find",
            why="`P-Net` visits every window of every level, with or without a face in it. Its "
            "cost follows from the size of the photo, the smallest face and the pyramid factor.",
        ),
        wrong(
            "All three nets by the same factor",
            why="Only what works per candidate grows. `P-Net` works per window, and the number of "
            "windows is the same.",
        ),
        wrong(
            "None, a net takes the same time on any input of one size",
            why="True for one crop. But the number of crops that `R-Net` and `O-Net` get is the "
            "number of candidates before them.",
        ),
    ),
    Question(
        "While training data are made, a random crop has an IoU of 0.5 with a face and less with "
        "all others. What is it used for?",
        wrong(
            "As a positive: 0.5 is the usual limit",
            why="It is in other detectors. Here a positive needs 0.65, and a part that counts as "
            "a face teaches the net to be sure of half faces.",
        ),
        wrong(
            "As a negative, because the face is cut off",
            why="A negative has an IoU below 0.3 with every face. Half a face as background would "
            "contradict the positives.",
        ),
        wrong(
            "For nothing, it falls in the gap",
            why="There is a gap, but from 0.3 to 0.4.",
        ),
        right(
            "For the box loss only: it is a part sample",
            why="From 0.4 to 0.65 a crop shows enough of the face to learn where its box lies, "
            "but is neither a good example of a face nor of background.",
        ),
    ),
    Question(
        "A batch has 192 negatives, 64 positives, 64 parts and 64 landmark samples. How many "
        "classification losses does hard example mining with 70 percent keep?",
        wrong(
            "269",
            why="That is 70 percent of all 384. Only 256 of them have a face label, so everybody "
            "would be kept and nothing mined.",
        ),
        right(
            "180",
            why="256 samples have a face label, and 0.7 x 256 = 179.2 is rounded up. The losses "
            "for box and landmarks are not mined.",
        ),
        wrong(
            "224",
            why="That counts the parts as classified. They have no face label: they know where a "
            "face is, not whether the crop is one.",
        ),
        wrong(
            "76, those that are dropped",
            why="The hardest 70 percent are kept and the easiest 30 percent are dropped, not the "
            "other way round.",
        ),
    ),
    Question(
        "After `O-Net` a box of 20 x 20 lies inside one of 40 x 40, both on the same face. "
        "Suppression at 0.7 uses the overlap over the smaller area. What would plain IoU do?",
        wrong(
            "The same: one box goes",
            why="The union is the whole large box. A box inside another one has an IoU of area "
            "over area, here 400 / 1600.",
        ),
        wrong(
            "Drop both",
            why="Suppression never drops the most sure box of a cluster.",
        ),
        right(
            "Keep both: their IoU is 0.25",
            why="400 / 1600 = 0.25 is far below 0.7, though one box holds the other. Over the "
            "smaller area the overlap is 400 / 400 = 1, and the less sure box goes.",
        ),
    ),
    Question(
        "Find the bug. Boxes and scores are right, but eyes and mouths sit a few pixels off, and "
        "more so the further `O-Net` moved the box. Which line?",
        right(
            "`landmarks = boxes[:, None, :2] + points * size[:, None]`, with the size above it",
            why="The net saw the crop of the square, so its points are shares of `squares`. Put "
            "into the calibrated box, they move and stretch with it.",
        ),
        wrong(
            "`boxes = calibrate(squares, deltas)`",
            why="The offsets do count in sizes of the box that was cropped, the square. And the "
            "boxes are right.",
        ),
        wrong(
            '`keep = nms(boxes, scores, 0.7, overlap="min")`',
            why="The last suppression follows the calibration and uses the smaller area, as in "
            "the released code.",
        ),
        wrong(
            "`scores = logits.softmax(dim=1)[:, 1]`",
            why="The net returns logits and channel 1 is the face. Without this line the "
            "threshold 0.7 would be compared with a logit.",
        ),
        wrong(
            "`keep = keep[scores[keep] > 0.7]`",
            why="Thresholding after suppression is slower, not wrong: a box that is dropped here "
            "has suppressed only boxes that were less sure still.",
        ),
        code=_STAGE_THREE,
    ),
)
