"""The quiz of lab 01, synthetic_humans."""

from __future__ import annotations

from facelab.course.quizzing import Question, right, wrong

_AUGMENT = """
def augment(photo, boxes, landmarks, persons, generator):   # (H, W, 3), (N, 4), (N, 5, 2), (N,)
    height, width = photo.shape[:2]
    if torch.rand((), generator=generator) < 0.5:
        photo = photo[:, ::-1].copy()
        boxes = boxes[:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1]) + torch.tensor([width, 0] * 2)
        landmarks = landmarks * torch.tensor([-1, 1]) + torch.tensor([width, 0])
    window = random_window(height, width, generator)
    photo, boxes, landmarks, stays = crop_scene(photo, boxes, landmarks, window)
    persons = persons[stays]
    return photo, boxes, landmarks, persons
"""

QUESTIONS = (
    Question(
        "A model of 300 people is tested on photos that it never saw, and its accuracy is 99 %. "
        "The images were split at random. What do you know about strangers?",
        wrong(
            "99 %: no test photo was trained on",
            why="No photo, but the people: nearly everybody in the test has other photos in the "
            "training set, and recognising them again is the easier task.",
        ),
        wrong(
            "A little less, perhaps 97 %",
            why="There is no such rule. The gap may be tiny for detection and enormous for "
            "identity; only a split by person measures it.",
        ),
        right(
            "Next to nothing: split by person and measure again",
            why="People, not images, are what a new user brings. A test that shares its people "
            "with the training set measures memory and understanding together.",
        ),
    ),
    Question(
        "A batch for a triplet or contrastive loss has P people with K images each, P = 16 and "
        "K = 4. How many ordered pairs of two different images of the same person does it hold?",
        wrong("64", why="That is the number of images in the batch."),
        right(
            "192",
            why="Each of the 64 images has 3 others of its person: 64 x 3. A batch of 64 random "
            "images from 500 people would hold about 8 such pairs, mostly none for a given image.",
        ),
        wrong(
            "4,032",
            why="64 x 63 is all ordered pairs; most of them show two different people.",
        ),
        wrong(
            "96",
            why="Those are unordered pairs, 16 x (4 x 3 / 2). Ordered, each counts twice.",
        ),
    ),
    Question(
        "A detector trained on faces whose boxes are drawn from the brows to the chin is scored "
        "on WIDER FACE, whose boxes go from the forehead to the chin. What happens?",
        right(
            "It loses hits at high IoU thresholds although it finds every face",
            why="A box that misses the upper 30 % of the true one has an IoU of 0.7 at best. At a "
            "threshold of 0.5 nothing is seen; at 0.75 everything is lost. What a box is, is a "
            "convention of a data set, not a fact about faces.",
        ),
        wrong(
            "Nothing: a face is a face",
            why="The score is computed from boxes. Two honest annotators with different rules "
            "disagree on every face.",
        ),
        wrong(
            "It finds no face at all",
            why="IoU 0.7 still counts as a hit at the usual threshold of 0.5.",
        ),
    ),
    Question(
        "Which of these can synthetic people **not** tell you, however many you render?",
        wrong(
            "Whether a detector loses faces smaller than 20 pixels",
            why="Size is under full control and its label is exact: a good use of rendered scenes.",
        ),
        wrong(
            "Whether accuracy falls when the head turns",
            why="The pose is known exactly and can be varied alone, which no photo album offers.",
        ),
        right(
            "How often it fails for people with facial scars in a real hospital",
            why="Nothing in the renderer knows how scars look, who has them and how that hospital "
            "photographs. A rate in the world needs a sample of the world, with consent.",
        ),
        wrong(
            "Whether a change of hair colour changes the embedding",
            why="Rendering the same person with other hair, everything else equal, is exactly what "
            "the renderer can do and a photographer cannot.",
        ),
    ),
    Question(
        "Find the bug. Training runs, detection is fine, and yet the landmark net learns nothing "
        "but the middle of the face. Which line?",
        wrong(
            "`boxes = boxes[:, [2, 1, 0, 3]] * ...`",
            why="That is width - x2, y1, width - x1, y2: the edges change places, as they must.",
        ),
        right(
            "`landmarks = landmarks * torch.tensor([-1, 1]) + ...`",
            why="The points are mirrored but keep their numbers. In half of the batches point 0 is "
            "the eye at image left, in the other half the one at image right; the best compromise "
            "lies between them. Swap partners: `landmarks[:, [1, 0, 2, 4, 3]]`.",
        ),
        wrong(
            "`persons = persons[stays]`",
            why="Faces that the window cut off are gone from boxes and landmarks, so their persons "
            "have to go too.",
        ),
        wrong(
            "`photo = photo[:, ::-1].copy()`",
            why="Columns are the second axis, and the copy makes the array one piece again.",
        ),
        code=_AUGMENT,
    ),
)
