"""Anchors against the counts and first boxes of the papers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from facelab.geometry.anchors import (
    grid_anchors,
    map_sizes,
    pyramid_anchors,
    retinaface_anchors,
    ssh_anchors,
)


def test_ssh_places_twelve_eight_hundred_and_so_on_at_640():
    anchors = ssh_anchors(640, 640)
    assert len(anchors) == 12_800 + 3_200 + 800
    sides = (anchors[:, 2] - anchors[:, 0]).split([12_800, 3_200, 800])
    assert [side.unique().tolist() for side in sides] == [[16, 32], [64, 128], [256, 512]]


def test_ssh_scales_the_base_box_about_its_centre_and_moves_it_by_the_stride():
    first = ssh_anchors(640, 640, inclusive=True)
    assert first[:4].tolist() == [[0, 0, 15, 15], [-8, -8, 23, 23], [8, 0, 23, 15], [0, -8, 31, 23]]
    assert first[12_800].tolist() == [-24, -24, 39, 39]  # 64 pixels around 7.5
    assert first[12_802].tolist() == [-8, -24, 55, 39]  # one stride of 16 further


def test_inclusive_anchors_end_one_pixel_earlier():
    difference = ssh_anchors(64, 96) - ssh_anchors(64, 96, inclusive=True)
    assert difference.unique(dim=0).tolist() == [[0, 0, 1, 1]]


def test_public_retinaface_priors_at_640_have_the_known_first_values():
    priors = retinaface_anchors(640, 640, normalised=True)
    assert priors.shape == (16_800, 4)
    assert_close(priors[0], torch.tensor([4.0, 4, 16, 16]) / 640)
    assert_close(priors[1], torch.tensor([4.0, 4, 32, 32]) / 640)
    assert_close(priors[2], torch.tensor([12.0, 4, 16, 16]) / 640)  # the column moves first
    assert_close(priors[160], torch.tensor([4.0, 12, 16, 16]) / 640)
    assert_close(priors[12_800], torch.tensor([8.0, 8, 64, 64]) / 640)


def test_priors_are_divided_by_width_and_height_separately():
    priors = retinaface_anchors(480, 640, normalised=True)
    assert priors.shape == (12_600, 4)
    assert_close(priors[0], torch.tensor([4 / 640, 4 / 480, 16 / 640, 16 / 480]))


def test_normalised_and_pixel_anchors_are_the_same_boxes():
    pixels, shares = retinaface_anchors(100, 77), retinaface_anchors(100, 77, normalised=True)
    size = torch.tensor([77.0, 100])
    centers, sizes = shares[:, :2] * size, shares[:, 2:] * size
    assert_close(torch.cat((centers - sizes / 2, centers + sizes / 2), dim=1), pixels)


def test_the_paper_s_pyramid_has_102300_anchors_of_fifteen_sizes():
    anchors = pyramid_anchors(640, 640)
    assert anchors.shape == (102_300, 4)
    sides = (anchors[:, 2] - anchors[:, 0]).double()
    levels = sides.split([76_800, 19_200, 4_800, 1_200, 300])
    table = [
        (16, 20.16, 25.40),
        (32, 40.32, 50.80),
        (64, 80.63, 101.59),
        (128, 161.26, 203.19),
        (256, 322.54, 406.37),
    ]
    for level, expected in zip(levels, table, strict=True):
        expected = torch.tensor(expected, dtype=torch.float64)
        assert_close(level.reshape(-1, 3), expected.expand(len(level) // 3, 3), atol=0.01, rtol=0)
    assert len(levels[0]) / len(sides) == pytest.approx(0.75, abs=0.001)


def test_maps_are_rounded_up_as_padded_convolutions_give_them():
    assert map_sizes(1200, 1600, (8, 16, 32)) == [(150, 200), (75, 100), (38, 50)]
    assert map_sizes(1, 33, (8, 16, 32)) == [(1, 5), (1, 3), (1, 2)]


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 40), st.integers(1, 3))
def test_there_is_one_square_per_cell_and_size_and_centres_step_by_the_stride(
    height, width, stride, count
):
    sizes = [3.0 * (j + 1) for j in range(count)]
    rows, columns = map_sizes(height, width, (stride,))[0]
    anchors = grid_anchors(height, width, strides=(stride,), sizes=(sizes,))
    assert anchors.shape == (rows * columns * count, 4) and anchors.dtype == torch.float32
    grid = anchors.reshape(rows, columns, count, 4)
    centers = (grid[..., :2] + grid[..., 2:]) / 2
    for row, column in ((0, 0), (rows - 1, columns - 1)):
        expected = torch.tensor([(column + 0.5) * stride, (row + 0.5) * stride])
        assert_close(centers[row, column], expected.expand(count, 2))
    assert_close(grid[0, 0, :, 2] - grid[0, 0, :, 0], torch.tensor(sizes))
    assert rows * stride >= height > (rows - 1) * stride


def test_no_levels_give_no_anchors():
    assert grid_anchors(10, 10, strides=(), sizes=()).shape == (0, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strides": (8, 16), "sizes": ((16,),)}, "one entry per level, got 2 and 1"),
        ({"strides": (8,), "sizes": ((16, 0),)}, "sides above 0"),
        ({"strides": (0,), "sizes": ((16,),)}, "^strides: expected at least 1"),
    ],
)
def test_settings_that_make_no_grid_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        grid_anchors(64, 64, **options)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(ValueError, match="at least 1 pixel, got 0 and 64"):
        ssh_anchors(0, 64)
