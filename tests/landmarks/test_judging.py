"""Figures of a card, from errors worked out by hand."""

import pytest
import torch
from torch.testing import assert_close

from facelab.landmarks import FacePatches
from facelab.landmarks.judging import face_errors, stage_figures


def two_faces() -> FacePatches:
    """A frontal face and a profile, whose boxes are 0.5 and 1 wide; one point is not known."""
    points = torch.zeros(2, 5, 2)
    points[1, 4] = torch.nan
    yaw = torch.tensor([0.1, -1.2])
    images = torch.zeros(2, 1, 16, 16, dtype=torch.uint8)
    return FacePatches(images, points, torch.tensor([0.5, 1.0]), attributes={"yaw": yaw})


def test_errors_are_shares_of_the_box_width_over_the_points_that_are_known():
    points = torch.full((2, 5, 2), torch.tensor(0.03).item())
    points[..., 1] = 0.04  # each point is off by 0.05
    assert_close(face_errors(points, two_faces()), torch.tensor([0.1, 0.05]))


def test_a_card_has_the_error_of_each_stage_and_the_failures_of_the_last():
    first, last = torch.zeros(2, 5, 2), torch.zeros(2, 5, 2)
    first[..., 0], last[..., 0] = 0.10, torch.tensor([[0.02], [0.08]]).expand(2, 5)
    figures = stage_figures({"global": first, "local": last}, two_faces())
    assert figures == {
        "faces": 2.0,
        "global: mean error": 0.15,
        "local: mean error": 0.06,
        "failures": 0.5,
        "failures, within 20 degrees": 0.0,
    }


def test_no_stages_are_refused():
    with pytest.raises(ValueError, match="one or more"):
        stage_figures({}, two_faces())
