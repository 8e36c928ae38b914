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


def test_a_landmarker_places_the_points_instead_of_the_detector():
    detector = facelab.load("mtcnn", min_face=40)
    photo = samples.photo("astronaut")
    asked = []

    def moved(image, boxes):
        """Give the detector's points 5 pixels away."""
        asked.append(boxes)
        return detector(image).landmarks + 5

    plain, other = (Pipeline(detector=detector, landmarker=one)(photo) for one in (None, moved))
    assert torch.equal(asked[0], detector(photo).boxes)
    assert plain[0].box == other[0].box
    assert (plain[0].crop != other[0].crop).any()
    box = Faces(torch.tensor([[143.0, 18, 300, 175]]), torch.ones(1))
    blind = Pipeline(detector=lambda _: box, landmarker=lambda *_: detector(photo).landmarks)
    assert (blind(photo)[0].crop == plain[0].crop).all()


def test_a_photo_without_faces_gives_no_portraits():
    assert Pipeline(detector=lambda photo: Faces.empty())(samples.photo("coffee")) == []
