"""Cut-outs land where their labels say, and hide what they cover."""

import numpy as np
import pytest

from facelab.humans.scenery.cutouts import (
    NOBODY,
    Canvas,
    blurred,
    brightened,
    corners,
    covers,
    frame,
    moved,
    premultiply,
    reduced,
    similarity,
    stamp,
)


def disc(centre=(41.0, 30.0), radius=14.0, size=(70, 80)):
    rgba = np.full((*size, 4), (200, 100, 50, 0), np.uint8)
    y, x = np.indices(size) + 0.5
    rim = radius - np.hypot(x - centre[0], y - centre[1])
    rgba[..., 3] = np.clip(255 * (rim + 0.5), 0, 255)
    return rgba


def centroid(alpha):
    y, x = np.indices(alpha.shape) + 0.5
    weight = alpha / alpha.sum()
    return np.array([(x * weight).sum(), (y * weight).sum()])


@pytest.mark.parametrize("scale", [0.13, 0.3, 0.6, 0.9, 1.0, 1.7, 3.2])
@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_pixels_go_where_points_go(scale, turn):
    centre = np.array([41.0, 30.0])
    matrix = similarity(scale=scale, turn=turn, pivot=(40, 35), target=(150.3, 140.7))
    drawn = stamp(premultiply(disc()), matrix, (0, 0, 300, 300))
    np.testing.assert_allclose(
        centroid(drawn[..., 3].astype(float)), moved(centre, matrix), atol=0.08
    )
    area = drawn[..., 3].sum() / 255 / (np.pi * 14**2 * scale**2)
    assert area == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("times", [2, 3, 5])
def test_reducing_keeps_place_and_colour(times):
    small = reduced(disc(size=(75, 90)), times)
    np.testing.assert_allclose(times * centroid(small[..., 3].astype(float)), [41, 30], atol=0.1)
    solid = small[small[..., 3] > 60]
    assert np.abs(solid[:, :3].astype(int) - (200, 100, 50)).max() <= 6  # no dark rim


def test_a_cut_out_covers_and_owns_its_pixels():
    canvas = Canvas.over(np.full((40, 50, 3), 10, np.uint8))
    patch = np.zeros((20, 20, 4), np.uint8)
    patch[:, :10] = (90, 90, 90, 255)
    patch[:, 10:] = (45, 45, 45, 100)
    canvas.lay(patch, 40, -5, owner=3)
    assert (canvas.image[:15, 40:50] == 90).all()
    assert (canvas.image[15:] == 10).all()
    assert (canvas.owner[:15, 40:50] == 3).all()
    canvas.lay(patch, 0, 0, owner=4)
    assert (canvas.owner[:20, 10:20] == NOBODY).all()  # mostly see-through
    assert np.abs(canvas.image[:20, 10:20].astype(int) - (45 + 10 * 155 / 255)).max() <= 1
    canvas.lay(patch, 100, 100, owner=5)
    assert not (canvas.owner == 5).any()


def test_a_cut_at_the_border_of_the_cut_out_stays_clean():
    rgba = np.full((30, 30, 4), 200, np.uint8)
    rgba[..., 3] = 255
    matrix = similarity(scale=3.0, turn=0.0, pivot=(0, 0), target=(5, 5))
    drawn = stamp(premultiply(rgba), matrix, (0, 0, 100, 100))
    assert (drawn[6:94, 6:94, 3] == 255).all()
    assert (drawn[6:94, 6:94, :3] == 200).all()  # no dark or bright line along the edge
    assert (drawn[:4] == 0).all()


def test_colours_never_exceed_alpha():
    matrix = similarity(scale=2.6, turn=0.2, pivot=(40, 35), target=(100, 100))
    drawn = stamp(premultiply(disc()), matrix, (0, 0, 200, 200))
    assert (drawn[..., :3] <= drawn[..., 3:]).all()


def test_frames_are_cut_to_the_picture():
    points = np.array([[-3.2, 4.1], [8.5, 20.0]])
    assert frame(points, (10, 30)) == (0, 4, 9, 10)
    assert frame(points - 50, (10, 30)) is None


def test_blur_spreads_beyond_the_patch_but_not_where_the_picture_ends():
    patch = np.full((10, 10, 4), 255, np.uint8)
    soft, x, y = blurred(patch, 2.0, (40, 10), (0, 15))
    assert (x, y) == (-5, 10)
    column = soft[:, 10, 3]
    assert column[0] < 40
    assert column[len(column) // 2] > 240
    assert (soft[10, 5:15, 3] >= 240).all()  # the picture cuts off both sides: no soft edge there


def test_gains_change_colours_and_not_alpha():
    rgba = np.array([[[100, 100, 100, 40], [200, 10, 0, 255]]], np.uint8)
    assert brightened(rgba, np.array([0.5, 1.0, 2.0])).tolist() == [
        [[50, 100, 200, 40], [100, 10, 0, 255]]
    ]
    assert brightened(rgba, 2.0).tolist() == [[[200, 200, 200, 40], [255, 20, 0, 255]]]


def test_a_mask_covers_the_points_where_it_is_full():
    mask = np.zeros((10, 20), np.uint8)
    mask[:, :5] = 255
    mask[:, 5:7] = 127
    points = np.array([[4.9, 3.0], [5.1, 3.0], [12.0, 9.9], [-3.0, 4.0], [3.0, 30.0]])
    assert covers(mask, points).tolist() == [True, False, False, True, True]


def test_corners_go_where_the_matrix_takes_them():
    matrix = similarity(scale=2.0, turn=np.pi / 2, pivot=(0, 0), target=(50, 10))
    wanted = [[50, 10], [50, 70], [10, 70], [10, 10]]  # of 30 x 20 pixels, turned with the clock
    np.testing.assert_allclose(corners(np.zeros((20, 30, 4)), matrix), wanted, atol=1e-9)
