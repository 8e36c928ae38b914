"""The quiz of lab 02, cascaded_landmarks."""

from __future__ import annotations

from facelab.course.quizzing import Question, right, wrong

_CASCADE = """
def cascade(faces, level1, refiners):        # refiners: half sides, reach and networks of a level
    full, eyes, mouth = level1(faces)        # each from -1 to 1 across its own crop
    points = fuse_level1(from_crop(full, F1), from_crop(eyes, EN1), from_crop(mouth, NM1))
    for halves, reach, networks in refiners:         # (0.16, 0.18), 0.05; (0.11, 0.12), 0.02
        outputs = []
        for half, network in zip(halves, networks):
            windows = windows_around(points, faces.squares(), half)
            outputs.append(network(faces.crop(windows, (15, 15))))
        points = nudge(points, torch.stack(outputs, dim=2), half)
    return points
"""

QUESTIONS = (
    Question(
        "Level 1 consists of F1, EN1 and NM1. How do these three networks work together?",
        wrong(
            "One after the other: EN1 and NM1 refine what F1 found",
            why="That is what *levels* do. Neither EN1 nor NM1 sees an answer of F1.",
        ),
        wrong(
            "F1 decides which of the other two is asked",
            why="All three always run; nothing is routed.",
        ),
        right(
            "Side by side: each predicts from its own crop, and every point is the mean of those "
            "who predict it",
            why="5 + 3 + 3 = 11 predictions become 5 points: two votes for each eye and mouth "
            "corner, three for the nose. Only the levels form a cascade.",
        ),
        wrong(
            "EN1 gives the eyes, NM1 the mouth, F1 the nose",
            why="F1 predicts all five, and its answers are averaged with theirs.",
        ),
    ),
    Question(
        "In which layer are weights shared *globally*?",
        wrong(
            "In a dense layer: every output sees the whole input",
            why="It sees everything and shares nothing: each output has weights of its own.",
        ),
        right(
            "In an ordinary convolution",
            why="One set of kernels for the whole map: p = q = 1. It is right when a feature may "
            "be anywhere. Sharing locally keeps one set in each of p x q regions.",
        ),
        wrong(
            "In the locally shared convolution with p = q = 2",
            why="There each quarter of the map has kernels of its own.",
        ),
        wrong(
            "In the pooling layer",
            why="It has a gain and a bias a map and region, no kernels at all.",
        ),
    ),
    Question(
        "A face square in a photo is 300 pixels wide. What does the network LE31 look at?",
        wrong(
            "At the 15 x 15 pixels around the current left eye",
            why="15 x 15 is what the network gets. The window is a share of the face and is "
            "resized, or the same net would see an eye on one photo and a lash on another.",
        ),
        wrong(
            "At 48 x 48 pixels around the current left eye",
            why="48 is 0.16 x 300: half a side, and of another network, LE21.",
        ),
        wrong(
            "At 66 x 66 pixels around the true left eye",
            why="In training, nearly. On a photo nobody knows the true eye: the window sits on the "
            "estimate of level 2.",
        ),
        right(
            "At 66 x 66 pixels around the current left eye, shrunk to 15 x 15",
            why="Half sides are shares of the square: 2 x 0.11 x 300 = 66.",
        ),
    ),
    Question(
        "Three networks predict a point, each with an error of 2 % (root mean square). Any two of "
        "their errors have a correlation of 0.8. What error does the mean of the three have?",
        wrong(
            "0.67 %",
            why="2 / 3 would need errors that cancel each other. Even independent ones only give "
            "2 / sqrt(3) = 1.15 %.",
        ),
        wrong(
            "1.15 %",
            why="That is for independent errors. These networks see the same face, learnt from the "
            "same people and make largely the same mistakes.",
        ),
        right(
            "1.86 %",
            why="The variance keeps the shared part: 0.8 + 0.2 / 3 = 0.867, and "
            "2 x sqrt(0.867) = 1.86. Hundred networks would still have 1.79.",
        ),
        wrong("2 %", why="Averaging helps a little unless the correlation is 1."),
    ),
    Question(
        "A paper reports 3 % failures, an error above 5 % of the box width. You measure 3 %, with "
        "5 % of the distance between the eyes as the limit. In both, eyes are 0.45 box widths "
        "apart. Who is better?",
        right(
            "You: your limit is stricter by a factor of more than two",
            why="5 % of the eye distance is 0.05 x 0.45 = 2.25 % of the box. Without the "
            "normaliser a failure rate says nothing.",
        ),
        wrong(
            "Neither: 3 % are 3 %",
            why="They count different events. A normaliser belongs to every such number.",
        ),
        wrong(
            "The paper: a box is larger than a pair of eyes",
            why="That is why its limit is the generous one.",
        ),
    ),
    Question(
        "Find the bug. Level 1 is fine, and every network answers right for itself. Yet level 2 "
        "makes the points much worse: they overshoot by more than three times. Which line?",
        wrong(
            "`points = fuse_level1(from_crop(full, F1), ...)`",
            why="Each answer is brought from its own crop into the square first, then averaged: "
            "right.",
        ),
        wrong(
            "`windows = windows_around(points, faces.squares(), half)`",
            why="Both networks of a level look around the same current estimate, each at its own "
            "size: right.",
        ),
        right(
            "`points = nudge(points, torch.stack(outputs, dim=2), half)`",
            why="An answer of 1 means `reach`, the largest shift in training, 0.05; half, 0.18, is "
            "what the network *sees*. 0.18 / 0.05 = 3.6 times too far.",
        ),
        wrong(
            "`outputs.append(network(faces.crop(windows, (15, 15))))`",
            why="Windows of any size become 15 x 15: what the networks were trained on.",
        ),
        code=_CASCADE,
    ),
)
