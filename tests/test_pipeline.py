"""Detect and align, together."""

import pytest
import torch

import facelab
from facelab import samples
from facelab.geometry.alignment import ARCFACE_TEMPLATE
from facelab.pipeline import Pipeline
from facelab.types import Faces


def test_an_aligned_face_has_its_landmarks_on_the_template():
    detector = facelab.load("mtcnn", min_face=40)
    portraits = Pipeline(detector=detector)(samples.photo("astronaut"))
    assert len(portraits) == 1
    assert portraits[0].crop.shape == (112, 112, 3)
    large = Pipeline(detector=detector, size=224)(samples.photo("astronaut"))[0].crop
    again = detector(large).landmarks[0] / 2
    # found again where the template says
    assert (again - torch.as_tensor(ARCFACE_TEMPLATE)).abs().max() < 6


def test_a_detector_without_landmarks_is_refused_with_the_reason():
    blind = Pipeline(detector=lambda photo: Faces(torch.tensor([[0.0, 0, 9, 9]]), torch.ones(1)))
    with pytest.raises(ValueError, match="no landmarks"):
        blind(samples.photo("astronaut"))


def test_a_photo_without_faces_gives_no_portraits():
    assert Pipeline(detector=lambda photo: Faces.empty())(samples.photo("coffee")) == []
