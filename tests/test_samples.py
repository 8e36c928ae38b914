"""Photos that packages ship, and crowds made of them."""

import numpy as np
import pytest

from facelab import samples


@pytest.mark.parametrize("name", samples.NAMES)
def test_every_sample_photo_is_there(name):
    photo = samples.photo(name)
    assert photo.dtype == np.uint8
    assert photo.ndim == 3
    assert min(photo.shape[:2]) >= 300


def test_an_unknown_name_is_answered_with_those_that_exist():
    with pytest.raises(ValueError, match="'lena'; there are astronaut"):
        samples.photo("lena")


def test_crowds_grow_by_heads_and_not_by_pixels():
    empty, few, full = samples.crowd(0), samples.crowd(7), samples.crowd(48)
    assert empty.shape == few.shape == full.shape == (480, 640, 3)
    assert (empty == 128).all()
    filled = (few.reshape(6, 80, 8, 80, 3) != 128).any(axis=(1, 3, 4))
    assert filled.sum() == 7
    with pytest.raises(ValueError, match="0 to 48 heads; got 49"):
        samples.crowd(49)
