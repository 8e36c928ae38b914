import subprocess
import sys

import numpy as np
import pytest
import torch

from facelab import plots
from facelab.plots.palette import rgb
from facelab.types import Faces


def one_face(x1, y1, x2, y2, *, points=True):
    box = torch.tensor([[x1, y1, x2, y2]], dtype=torch.float32)
    share = torch.tensor([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    landmarks = box[:, None, :2] + share * (box[:, None, 2:] - box[:, None, :2])
    return Faces(box, torch.tensor([0.97]), landmarks if points else None)


def test_box_and_landmarks_are_painted_at_their_place_on_a_copy():
    photo = np.zeros((240, 320, 3), np.uint8)
    painted = plots.annotate(photo, one_face(100, 80, 200, 200))
    assert photo.sum() == 0
    assert painted.shape == photo.shape and painted.dtype == np.uint8
    assert tuple(painted[140, 100]) == rgb("prediction")
    assert tuple(painted[140, 199]) == rgb("prediction")
    assert painted[128, 130].sum() > 0
    assert painted[120, 110].sum() == 0


def test_a_photo_without_faces_stays_as_it_is():
    photo = np.full((50, 60, 3), 7, np.uint8)
    assert np.array_equal(plots.annotate(photo, Faces.empty()), photo)


def test_missing_landmarks_are_left_out():
    faces = one_face(20, 20, 80, 80)
    faces.landmarks[0, 1] = torch.nan
    plots.annotate(np.zeros((100, 100, 3), np.uint8), faces)
    plots.annotate(np.zeros((100, 100, 3), np.uint8), one_face(20, 20, 80, 80, points=False))


@pytest.mark.parametrize("size", [(1, 1), (20, 20), (3000, 4000)])
@pytest.mark.parametrize("box", [(0, 0, 1, 1), (-50, -50, 5000, 5000), (10, -20, 15, -4)])
def test_any_size_and_any_box_can_be_painted(size, box):
    painted = plots.annotate(np.zeros((*size, 3), np.uint8), one_face(*box))
    assert painted.shape == (*size, 3)


def test_the_truth_has_no_score():
    photo, face = np.zeros((200, 200, 3), np.uint8), one_face(50, 80, 150, 180, points=False)
    above = slice(40, 76)
    assert plots.annotate(photo, face)[above].any()
    assert not plots.annotate(photo, face, role="truth")[above].any()


def test_lines_grow_with_the_photo():
    def width(scale):
        photo = np.zeros((300 * scale, 300 * scale, 3), np.uint8)
        box = [50 * scale, 50 * scale, 250 * scale, 250 * scale]
        painted = plots.annotate(photo, one_face(*box, points=False))
        return int((painted[150 * scale, : 150 * scale].sum(axis=1) > 0).sum())

    assert width(8) > 3 * width(1) / 2 > 0


def test_the_score_of_a_face_at_the_top_edge_is_inside_the_photo():
    photo = np.zeros((200, 200, 3), np.uint8)
    top = plots.annotate(photo, one_face(50, 0, 150, 120, points=False))
    assert (top[4:15, 54:80] == 255).any()


def test_painting_needs_no_matplotlib():
    code = (
        "import sys, numpy as np; from facelab import plots; from facelab.types import Faces\n"
        "plots.annotate(np.zeros((9, 9, 3), np.uint8), Faces.empty())\n"
        "assert 'matplotlib' not in sys.modules and 'IPython' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
