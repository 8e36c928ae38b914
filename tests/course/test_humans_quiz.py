"""Lab 01's quiz: what it calls right is right, and the bug is where it says."""

import numpy as np
import pytest
import torch

from facelab.course.answers import synthetic_humans as answers
from facelab.course.quizzing import load_quiz
from facelab.geometry.boxes import box_iou

QUESTIONS = load_quiz("01").questions


def right(question):
    (text,) = [option.text for option in question.options if option.is_right]
    return text


def test_there_are_five_questions_and_one_shows_ten_lines_with_a_bug():
    assert len(QUESTIONS) == 5
    assert [len(q.code.splitlines()) for q in QUESTIONS if q.code] == [10]


def test_the_pairs_of_a_p_k_batch_are_counted_right():
    persons = torch.arange(16).repeat_interleave(4)
    same = persons[:, None] == persons
    assert right(QUESTIONS[1]) == str(int(same.sum()) - 64)
    assert 64 * 63 / 500 == pytest.approx(8, abs=0.1)


def test_a_box_without_the_upper_thirty_percent_overlaps_by_seven_tenths():
    whole = torch.tensor([[0.0, 0.0, 60.0, 100.0]])
    assert float(box_iou(whole, torch.tensor([[0.0, 30.0, 60.0, 100.0]]))) == pytest.approx(0.7)


def test_the_bug_is_in_the_landmarks_and_nowhere_else():
    (question,) = [q for q in QUESTIONS if q.code]
    space = {
        "torch": torch,
        "crop_scene": answers.crop_scene,
        "random_window": lambda height, width, generator: [0, 0, width, height],
    }
    exec(question.code, space)
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    boxes = torch.tensor([[5.0, 5, 25, 35], [30, 10, 50, 30]])
    five = torch.tensor([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    points = boxes[:, None, :2] + five * (boxes[:, None, 2:] - boxes[:, None, :2])
    generator = torch.Generator()
    flips = 0
    for seed in range(12):
        generator.manual_seed(seed)
        out = space["augment"](photo, boxes, points, torch.tensor([3, 8]), generator)
        image, moved, landmarks, persons = out
        truth = answers.flip_scene(photo, boxes, points)
        if (image == photo).all():
            assert torch.equal(landmarks, points)
            continue
        flips += 1
        assert (image == truth[0]).all()
        torch.testing.assert_close(moved, truth[1])
        assert persons.tolist() == [3, 8]
        torch.testing.assert_close(landmarks[:, [1, 0, 2, 4, 3]], truth[2])
        assert not torch.allclose(landmarks, truth[2])
    assert 0 < flips < 12
    assert right(question).startswith("`landmarks =")
