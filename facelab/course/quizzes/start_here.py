"""The quiz of lab 00, start_here."""

from __future__ import annotations

from facelab.course.quizzing import Question, right, wrong

_CLASSMATE = """
def box_iou(a, b):                                             # (N, 4), (M, 4) -> (N, M)
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (bottom_right - top_left).prod(dim=-1).clamp(min=0)
    area_a = (a[:, 2:] - a[:, :2]).prod(dim=-1)
    area_b = (b[:, 2:] - b[:, :2]).prod(dim=-1)
    return inter / (area_a[:, None] + area_b[None, :] - inter)
"""

QUESTIONS = (
    Question(
        "Box A is 40 x 40 pixels. Box B is 20 x 20 and lies completely inside A. What is their "
        "IoU?",
        wrong(
            "1, because B is inside A",
            why="All of B is shared, but IoU asks both ways: three quarters of A are not in B.",
        ),
        wrong(
            "0.5, because B is half as wide",
            why="Half as wide **and** half as high is a quarter of the area.",
        ),
        right(
            "0.25",
            why="They share 20 x 20 = 400 pixels, and the union is A itself: 1600. 400 / 1600.",
        ),
        wrong(
            "0.2",
            why="400 / (1600 + 400) counts the shared part twice. Subtract it once: 400 / 1600.",
        ),
    ),
    Question(
        "Your check says `2 of 9 checks failed, going on with the package's box_iou`. What happens "
        "in the cells below?",
        wrong(
            "They stop with an error until yours is right",
            why="A check never raises. A lab runs to its end even when nothing is solved.",
        ),
        right(
            "They run, with the package's function instead of yours",
            why="`box_iou = check.box_iou(box_iou)` returns yours when it is right, else the "
            "package's. You can go on and come back.",
        ),
        wrong(
            "They run with your wrong function",
            why="Then every picture below would be wrong for a reason that is far away. The check "
            "swaps it for the package's.",
        ),
    ),
    Question(
        "A friend's detector gives boxes as `(x, y, width, height)`. One is `(30, 20, 10, 5)`. "
        "How is it written here?",
        wrong(
            "`(30, 20, 39, 24)`",
            why="That names the last pixel inside. Here x2 and y2 are exclusive.",
        ),
        wrong(
            "`(20, 30, 25, 40)`",
            why="Arrays are indexed `photo[y, x]`, but boxes are written x first.",
        ),
        wrong(
            "`(30, 20, 10, 5)`",
            why="Read as corners, its right edge would lie left of its left edge.",
        ),
        right(
            "`(30, 20, 40, 25)`",
            why="x2 = 30 + 10 and y2 = 20 + 5; both name the first pixel **outside**, so the width "
            "is x2 - x1 without a + 1.",
        ),
    ),
    Question(
        "Find the bug. This version is right for boxes that touch or overlap, and for boxes side "
        "by side. For some boxes that share nothing it gives more than 0. Which line?",
        wrong(
            "`top_left = torch.maximum(a[:, None, :2], b[None, :, :2])`",
            why="The shared part begins where the later of the two boxes begins: a maximum.",
        ),
        right(
            "`inter = (bottom_right - top_left).prod(dim=-1).clamp(min=0)`",
            why="For boxes apart in x **and** in y, width and height are both negative and their "
            "product is positive. Clamp each side first, then multiply.",
        ),
        wrong(
            "`area_a = (a[:, 2:] - a[:, :2]).prod(dim=-1)`",
            why="Width times height of every box of a, with x2 exclusive: right.",
        ),
        wrong(
            "`return inter / (area_a[:, None] + area_b[None, :] - inter)`",
            why="Shared part over union, one row a box of a, one column a box of b: right.",
        ),
        code=_CLASSMATE,
    ),
)
