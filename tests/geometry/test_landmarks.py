"""Landmark sets: which point is whose partner, and how the five come from the many."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from facelab.geometry.landmarks import FIVE, MIRROR_5, MIRROR_68, MIRROR_98, mirror, to5
from tests.geometry.faces import random_faces, symmetric_face


def test_five_points_come_from_the_means_of_the_eyes_and_three_others():
    face = random_faces(1, 68)[0]
    five = to5(face)
    assert len(five) == len(FIVE) == 5
    assert_close(five[0], face[36:42].mean(dim=0))
    assert_close(five[1], face[42:48].mean(dim=0))
    assert_close(five[2:], torch.stack((face[30], face[48], face[54])))
    assert to5(random_faces(7, 68)).shape == (7, 5, 2)
    assert to5(torch.zeros(0, 68, 2)).shape == (0, 5, 2)


def test_eyes_at_image_left_come_first_in_the_reduced_set():
    five = to5(symmetric_face())
    assert five[0, 0] < five[2, 0] < five[1, 0]
    assert five[3, 0] < five[2, 0] < five[4, 0]


def test_98_points_reduce_to_the_same_five_with_lids_instead_of_pupils():
    face = random_faces(1, 98)[0]
    five = to5(face)
    assert_close(five[0], face[60:68].mean(dim=0))
    assert_close(five[1], face[68:76].mean(dim=0))
    assert_close(five[2:], torch.stack((face[54], face[76], face[82])))
    assert to5(torch.zeros(0, 98, 2)).shape == (0, 5, 2)


@pytest.mark.parametrize("shape", [(1, 5, 2), (68, 3), (68,)])
def test_a_face_without_68_or_98_points_is_not_reduced(shape):
    with pytest.raises(ValueError, match=r"expected shape \(..., 68, 2\) or \(..., 98, 2\), got"):
        to5(torch.zeros(shape))


@pytest.mark.parametrize("order", [MIRROR_5, MIRROR_68, MIRROR_98])
def test_partners_are_partners_both_ways(order):
    assert sorted(order) == list(range(len(order)))
    assert all(order[order[i]] == i for i in range(len(order)))


def test_a_symmetric_face_is_its_own_mirror_image():
    face = symmetric_face()
    assert_close(mirror(face, 100), face)
    assert_close(mirror(to5(face), 100), to5(face))


@pytest.mark.parametrize(
    ("one", "partner"), [(0, 16), (17, 26), (31, 35), (36, 45), (37, 44), (41, 46), (48, 54)]
)
def test_some_partners_that_are_easily_confused(one, partner):
    assert MIRROR_68[one] == partner


@pytest.mark.parametrize(
    ("one", "partner"),
    [(0, 32), (33, 46), (37, 42), (38, 50), (41, 47), (55, 59), (60, 72), (64, 68), (65, 75)]
    + [(67, 73), (76, 82), (83, 87), (88, 92), (93, 95), (96, 97)],
)
def test_partners_of_98_points_that_are_easily_confused(one, partner):
    assert MIRROR_98[one] == partner


def test_centre_points_have_no_partner():
    assert [i for i in range(68) if MIRROR_68[i] == i] == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    centre = [16, 51, 52, 53, 54, 57, 79, 85, 90, 94]
    assert [i for i in range(98) if MIRROR_98[i] == i] == centre


def test_mirroring_moves_x_as_it_moves_box_edges():
    face = torch.tensor([[10.0, 5], [30, 6], [20, 15], [12, 25], [28, 26]])
    expected = torch.tensor([[70.0, 6], [90, 5], [80, 15], [72, 26], [88, 25]])
    assert_close(mirror(face, 100), expected)


@given(st.sampled_from([5, 68, 98]), st.integers(1, 2000), st.integers(0, 3))
def test_mirroring_twice_changes_nothing(points, width, count):
    faces = random_faces(count, points)
    assert_close(mirror(mirror(faces, width), width), faces, atol=1e-3, rtol=0)


@pytest.mark.parametrize("points", [68, 98])
def test_mirroring_and_reducing_can_change_places(points):
    faces = random_faces(4, points)
    assert_close(to5(mirror(faces, 120)), mirror(to5(faces), 120), atol=1e-4, rtol=0)


def test_missing_points_change_places_too():
    face = torch.rand(1, 5, 2)
    face[0, 3] = torch.nan
    assert (
        torch.isnan(mirror(face, 10)[0, 4]).all() and not torch.isnan(mirror(face, 10)[0, 3]).any()
    )


@pytest.mark.parametrize("shape", [(5, 3), (2, 21, 2), (5,)])
def test_other_sets_of_points_are_not_mirrored(shape):
    with pytest.raises(ValueError, match="^landmarks: expected shape"):
        mirror(torch.zeros(shape), 100)
