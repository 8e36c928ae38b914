"""Pyramid scales against the specification; resizes and crops against plain oracles."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from facelab.geometry.pyramid import MipMaps, level_size, pyramid_scales


def noise(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_scales_of_a_vga_photo_are_those_of_the_specification():
    scales = pyramid_scales(480, 640, min_face=20, factor=0.709)
    expected = [0.6, 0.4254, 0.3016, 0.2138, 0.1516, 0.1075, 0.0762, 0.054, 0.0383, 0.0272]
    assert scales == pytest.approx(expected, abs=5e-5)
    assert level_size(480, 640, scales[0]) == (288, 384)
    assert len(pyramid_scales(720, 1280, min_face=20, factor=0.709)) == 11
    assert len(pyramid_scales(480, 640, min_face=40, factor=0.709)) == 8


@given(st.integers(1, 400), st.integers(1, 400), st.floats(10, 60), st.floats(0.3, 0.9))
def test_the_smallest_face_maps_to_the_window_and_every_level_holds_one(
    height, width, min_face, factor
):
    scales = pyramid_scales(height, width, min_face=min_face, factor=factor)
    assert (len(scales) == 0) == (min(height, width) * (12 / min_face) < 12)
    if scales:
        assert scales[0] * min_face == pytest.approx(12)
        assert min(level_size(height, width, scales[-1])) >= 12
        assert min(height, width) * scales[-1] * factor < 12


@pytest.mark.parametrize(
    ("min_face", "factor"), [(0, 0.7), (-5, 0.7), (20, 0), (20, 1), (20, float("nan"))]
)
def test_impossible_options_are_refused(min_face, factor):
    with pytest.raises(ValueError, match=r"min_face|factor"):
        pyramid_scales(480, 640, min_face=min_face, factor=factor)


def test_resizing_by_a_power_of_two_is_the_mean_of_blocks():
    photo = noise(64, 96)
    expected = F.avg_pool2d(torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255, 4)
    assert (
        MipMaps(photo).resize(16, 24) - expected
    ).abs().max() < 1.5 / 255  # rounded twice on the way


def test_resizing_does_not_alias():
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 255  # one pixel wide: any faithful small copy is grey
    small = MipMaps(stripes).resize(20, 20)
    assert (small - 0.5).abs().max() < 0.05


def bilinear(photo, x, y):
    """Colour at a continuous position, black outside, pixel by pixel."""
    total = np.zeros(3)
    left, top = int(np.floor(x - 0.5)), int(np.floor(y - 0.5))
    for row in (top, top + 1):
        for col in (left, left + 1):
            if 0 <= row < photo.shape[0] and 0 <= col < photo.shape[1]:
                weight = (1 - abs(x - 0.5 - col)) * (1 - abs(y - 0.5 - row))
                total += weight * photo[row, col] / 255
    return total


@pytest.mark.parametrize(
    "box", [(3.0, 4.0, 15.0, 16.0), (-7.25, 10.5, 9.5, 27.25), (20.0, -30.0, 44.0, -6.0)]
)
def test_crops_equal_bilinear_sampling_with_black_outside(box):
    photo = noise(40, 50)
    crop = MipMaps(photo).crops(torch.tensor([box]), 12)[0]
    x1, y1, x2, y2 = box
    for row in range(12):
        for col in range(12):
            x, y = x1 + (col + 0.5) / 12 * (x2 - x1), y1 + (row + 0.5) / 12 * (y2 - y1)
            torch.testing.assert_close(
                crop[:, row, col].double(),
                torch.from_numpy(bilinear(photo, x, y)),
                atol=1e-4,
                rtol=0,
            )


def test_crops_of_many_sizes_come_back_in_order():
    photo = noise(300, 400)
    boxes = torch.tensor([[0.0, 0, 200, 200], [10, 10, 22, 22], [5, 50, 105, 150], [0, 0, 48, 48]])
    mipmaps = MipMaps(photo)
    together = mipmaps.crops(boxes, 24)
    for box, crop in zip(boxes, together, strict=True):
        torch.testing.assert_close(mipmaps.crops(box[None], 24)[0], crop)
    assert mipmaps.crops(torch.zeros(0, 4), 24).shape == (0, 3, 24, 24)


def test_large_crops_are_area_means_and_do_not_alias():
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[::2] = 255
    crop = MipMaps(stripes).crops(torch.tensor([[0.0, 0.0, 256.0, 256.0]]), 24)
    assert (crop[..., 1:-1, 1:-1] - 0.5).abs().max() < 0.02
