"""WIDER FACE's codes from numbers."""

import numpy as np

from facelab.humans.scenery import attributes as a


def test_occlusion_parts_at_one_and_thirty_percent():
    hidden = np.array([0, 0.009, 0.01, 0.3, 0.301, 1])
    np.testing.assert_array_equal(a.occlusion_code(hidden), [0, 0, 1, 1, 2, 2])


def test_pose_is_atypical_beyond_thirty_degrees_of_roll_or_pitch():
    degrees = [[0, 0, 0], [85, 0, 0], [95, 0, 0], [0, 31, 0], [0, -31, 0], [0, 0, 29], [0, 0, -31]]
    np.testing.assert_array_equal(a.pose_code(np.deg2rad(degrees)), [0, 0, 1, 1, 1, 0, 1])
    assert a.pose_code(np.zeros((0, 3))).shape == (0,)


def test_blur_grows_with_sigma_and_with_smallness():
    height = np.array([100.0, 100.0, 100.0, 20.0, 8.0])
    sigma = np.array([0.0, 4.0, 10.0, 0.0, 0.0])
    np.testing.assert_array_equal(a.blur_code(height, sigma), [0, 1, 2, 1, 2])
    rising = a.blur_code(np.full(50, 60.0), np.linspace(0, 10, 50))
    assert (np.diff(rising) >= 0).all()
    assert set(rising) == {0, 1, 2}


def test_light_is_extreme_when_dark_bright_harsh_or_burnt():
    mean, spread = np.array([120, 30, 230, 120, 150]), np.array([40, 10, 10, 90, 40])
    burnt = np.array([0, 0, 0, 0, 0.3])
    np.testing.assert_array_equal(a.illumination_code(mean, spread, burnt), [0, 1, 1, 1, 1])


def test_expressions_go_by_their_word():
    np.testing.assert_array_equal(a.expression_code(["smile", "laugh", "", "shout"]), [0, 1, 0, 1])


def test_invalid_faces_are_too_small_or_small_and_hidden():
    height, hidden = np.array([6.0, 6.0, 30.0, 4.0]), np.array([0.0, 0.6, 0.6, 0.0])
    np.testing.assert_array_equal(a.invalid_code(height, np.zeros(4), hidden), [0, 1, 0, 1])


def test_easy_is_large_clear_and_free():
    def code(height, blur=0, occlusion=0, pose=0, hidden=0.0):
        return int(
            a.difficulty_code(*(np.array([v]) for v in (height, blur, occlusion, pose, hidden)))[0]
        )

    assert code(60) == a.EASY
    assert code(60, pose=1) == code(60, occlusion=2, hidden=0.4) == code(35) == a.MEDIUM
    assert code(25) == code(60, blur=2) == code(60, occlusion=2, hidden=0.6) == a.HARD
    assert code(100, occlusion=2, hidden=0.6) == a.MEDIUM


def test_smaller_faces_are_never_easier():
    height = np.linspace(6, 200, 80)
    nothing = np.zeros(80, int)
    codes = a.difficulty_code(height, nothing, nothing, nothing, np.zeros(80))
    assert (np.diff(codes) <= 0).all()
