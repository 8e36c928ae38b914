"""Integral images against torch's own area interpolation."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from facelab.geometry import integral
from facelab.geometry.integral import IntegralImage


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def area(photo, size):
    image = torch.from_numpy(photo).permute(2, 0, 1)[None].double() / 255
    return F.interpolate(image, size=size, mode="area").float()


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60))
def test_resizing_equals_area_interpolation_up_and_down(height, width, rows, cols):
    photo = noise(height, width)
    torch.testing.assert_close(IntegralImage(photo).resize(rows, cols), area(photo, (rows, cols)))


def test_crops_equal_area_interpolation_of_each_cut_out():
    photo = noise(90, 120)
    boxes = torch.tensor([[0, 0, 120, 90], [3, 5, 17, 80], [119, 89, 120, 90], [40, 40, 64, 64]])
    crops = IntegralImage(photo).crops(boxes, 24)
    for (x1, y1, x2, y2), crop in zip(boxes.tolist(), crops, strict=True):
        torch.testing.assert_close(crop[None], area(photo[y1:y2, x1:x2], (24, 24)))
    assert IntegralImage(photo).crops(torch.zeros(0, 4, dtype=torch.int64), 24).shape == (
        0,
        3,
        24,
        24,
    )


@pytest.mark.parametrize("limit", [0, 2**31])
def test_sums_are_exact_in_both_number_types(limit, monkeypatch):
    monkeypatch.setattr(integral, "_MAX_INT32_PIXELS", limit)
    white = np.full((50, 60, 3), 255, np.uint8)
    image = IntegralImage(white)
    assert image.sums.dtype == (torch.float64 if limit == 0 else torch.int32)
    assert (image.resize(7, 9) == 1).all()


def test_the_limit_is_the_largest_all_white_photo_of_32_bits():
    assert integral._MAX_INT32_PIXELS * 255 < 2**31 <= (integral._MAX_INT32_PIXELS + 1) * 255
