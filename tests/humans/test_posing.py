"""Turning heads: what follows head and body, the camera, and the loops compiled for them."""

import numpy as np
import pytest
import torch

from facelab.humans.head_model.camera import turn
from facelab.humans.parts import Fit
from facelab.humans.rendering import kernels
from facelab.humans.rendering.posing import Camera, Pose, rotation, vector

POSE = Pose(
    head=rotation(0.8, 0.2, 0.1),
    torso=rotation(0.3, 0, 0),
    pivot=vector(0, 0.5, 0),
    neck=vector(0, 0, 0),
    length=1.0,
)
POINTS = vector(0.4, 3, 0.5, 0.3, -2, 0.1, 0.2, 0.2, 0.1).reshape(3, 3)  # head, body, between


def test_skin_goes_with_the_head_above_the_neck_and_with_the_body_below():
    skin, head, body = (POSE.apply(POINTS, way) for way in ("skin", "head", "body"))
    np.testing.assert_allclose(skin[0], head[0], atol=1e-6)
    np.testing.assert_allclose(skin[1], body[1], atol=1e-6)
    t = (0.2 + 0.55 * 0.1 - 0.03) / 0.65
    share = t * t * (3 - 2 * t)
    np.testing.assert_allclose(skin[2], body[2] + share * (head[2] - body[2]), atol=1e-6)


def test_angles_turn_heads_as_in_the_head_model():
    angles = (0.5, -0.3, 0.2)
    turned = turn(torch.from_numpy(POINTS)[None], torch.tensor([angles]))[0]
    np.testing.assert_allclose(POINTS @ rotation(*angles).T, turned, atol=1e-5)


def test_a_person_turns_between_neck_and_skull_and_the_shoulders_follow_in_part():
    points = vector(0, 1, 0, 0, 3, 0.5).reshape(2, 3)
    groups = {"neck": np.array([0]), "head": np.array([1])}
    fit = Fit(points, np.zeros(68, int), points, groups)
    pose = Pose.of(fit, yaw=0.6, pitch=0.2, roll=0.1, tilt=0.25)
    np.testing.assert_allclose(pose.head, rotation(0.6, 0.2, 0.1))
    np.testing.assert_allclose(pose.torso, rotation(0.45 * 0.6 + 0.25, 0, 0))
    np.testing.assert_allclose(pose.pivot, (0, 1.8, 0.2), atol=1e-6)
    np.testing.assert_array_equal(pose.neck, points[0])
    assert pose.length == pytest.approx(2)


def test_the_camera_is_a_pinhole():
    camera = Camera(vector(1, 2, 10), focal=2.0, middle=(30.0, 20.0), height=40.0)
    points = vector(1, 2, 0, 2, 3, 2, 0, 0, 11).reshape(3, 3)  # ahead, aside, behind
    screen, depth = camera.project(points)
    np.testing.assert_allclose(screen[:2], [(30, 20), (40, 10)])  # 80 pixels at 1 dm; y is down
    np.testing.assert_allclose(depth, (0.1, 0.125, -1))


def test_normals_turn_with_their_points():
    normals = np.eye(3, dtype=np.float32)
    for way in ("skin", "head", "body"):
        points, turned = POSE.place(POINTS, normals, way)
        np.testing.assert_array_equal(points, POSE.apply(POINTS, way))
        ahead = POSE.apply(POINTS + 0.01 * normals, way) - points
        np.testing.assert_allclose(turned, 100 * ahead, atol=2e-4)


def test_hair_is_bent_outwards_whichever_way_its_triangles_are_wound():
    points, skull = vector(1, 2, 3, 3, 0, 3).reshape(2, 3), vector(1, 0, 3)
    normal = vector(0, -1, 0, 0, 0, 1).reshape(2, 3)
    kernels.outwards(points, normal, skull)
    np.testing.assert_allclose(normal, [[0, 1, 0], [0.4, 0, 0.6]], atol=1e-6)


def test_only_triangles_wholly_under_cloth_are_flattened():
    triangles = np.array([[0, 1, 2], [1, 2, 3]], np.int32)
    at = np.array([5, 4, 3, 2], np.int32)
    under = np.array([0, 0, 0, 1, 1, 1], bool)
    got = kernels.flattened(triangles, at, under)
    assert got.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert triangles.tolist() == [[0, 1, 2], [1, 2, 3]]
