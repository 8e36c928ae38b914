"""Lab 02's quiz: what it calls right is right, and the bug is where it says."""

import math

import pytest
import torch

from facelab.course.answers import cascaded_landmarks as answers
from facelab.course.quizzing import load_quiz
from facelab.landmarks.patches import FacePatches

QUESTIONS = load_quiz("02").questions


def right(question):
    (option,) = [option for option in question.options if option.is_right]
    return option


def test_there_are_six_questions_and_one_shows_ten_lines_with_a_bug():
    assert len(QUESTIONS) == 6
    assert [len(q.code.splitlines()) for q in QUESTIONS if q.code] == [10]


def test_the_error_of_a_mean_of_correlated_errors_is_as_said():
    covariance = 2.0**2 * (0.8 * torch.ones(3, 3) + 0.2 * torch.eye(3))
    of_mean = math.sqrt(float(covariance.mean()))
    assert right(QUESTIONS[3]).text == f"{of_mean:.2f} %"
    assert f"{2 * math.sqrt(0.8 + 0.2 / 100):.2f}" in right(QUESTIONS[3]).why


def test_the_window_of_a_level_three_network_is_as_wide_as_said():
    window = answers.windows_around(
        torch.tensor([[[0.3, 0.4]]]), torch.tensor([[0.0, 0, 300, 300]]), 0.11
    )
    assert f"{float(window[0, 0, 2] - window[0, 0, 0]):.0f} x 66 pixels" in right(QUESTIONS[2]).text


def networks_that_know(truth, reach):
    """Give a network for each half side that answers with the way to the true points."""

    def network(centres):
        return (truth - centres) / reach

    return network


class Faces(FacePatches):
    """Faces whose crops are the centres of the windows: what a perfect network would see."""

    def crop(self, windows, size):
        assert size == (15, 15)
        return (windows[..., :2] + windows[..., 2:]) / 2


def run_the_cascade(code, truth, start):
    crops = {
        "F1": (-0.05, 1.05, -0.05, 1.05),
        "EN1": (-0.05, 1.05, -0.04, 0.84),
        "NM1": (-0.05, 1.05, 0.18, 1.05),
    }

    def coded(points, name):
        left, right_, top, bottom = crops[name]
        corner = torch.tensor([left, top])
        return 2 * (points - corner) / torch.tensor([right_ - left, bottom - top]) - 1

    def level1(faces):
        return coded(start, "F1"), coded(start[:, :3], "EN1"), coded(start[:, 2:], "NM1")

    space = {"torch": torch, **{name: getattr(answers, name) for name in answers.__all__}, **crops}
    exec(code, space)
    faces = Faces(torch.zeros(2, 1, 16, 16, dtype=torch.uint8), truth, torch.ones(2))
    refiners = [
        (halves, reach, [networks_that_know(truth, reach)] * 2)
        for halves, reach in (((0.16, 0.18), 0.05), ((0.11, 0.12), 0.02))
    ]
    return space["cascade"](faces, level1, refiners)


def test_the_bug_is_in_the_units_of_the_nudge_and_nowhere_else():
    (question,) = [q for q in QUESTIONS if q.code]
    generator = torch.Generator().manual_seed(0)
    truth = torch.rand(2, 5, 2, generator=generator)
    start = truth + 0.02
    wrong_line = "points = nudge(points, torch.stack(outputs, dim=2), half)"
    assert right(question).text == f"`{wrong_line}`"
    off = run_the_cascade(question.code, truth, start)
    assert float((off - truth).abs().min()) > 0.1  # 0.02 too far right, moved 3.6 times too far
    mended = question.code.replace(wrong_line, wrong_line.replace("half)", "reach)"))
    torch.testing.assert_close(run_the_cascade(mended, truth, start), truth)
    assert 0.18 / 0.05 == pytest.approx(3.6)
