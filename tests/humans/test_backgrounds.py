"""Backgrounds: every kind, with and without real photographs."""

import numpy as np
import pytest

from facelab.humans.scenery import backgrounds
from facelab.humans.scenery.backgrounds import KINDS, PHOTOS, background, photo

PEOPLE = {"astronaut.png", "camera.png", "lfw_subset.npy", "coins.png"}


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_fills_the_picture_and_varies_with_the_seed(kind):
    first, again, other = (background(rng(s), (97, 130), kind=kind) for s in (1, 1, 2))
    assert first.shape == (97, 130, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 2


def test_backgrounds_of_any_kind_differ_from_each_other():
    many = np.stack([background(rng(s), (48, 64)) for s in range(40)]).astype(float)
    assert len(np.unique(many.mean(axis=(1, 2, 3)).round(3))) == 40
    assert many.mean(axis=(1, 2, 3)).std() > 20  # some dark, some bright


def test_without_real_photos_none_is_opened(monkeypatch):
    def refuse(name):
        raise AssertionError(f"opened {name}")

    monkeypatch.setattr(backgrounds, "photo", refuse)
    for seed in range(30):
        background(rng(seed), (48, 64), real=False)
    with pytest.raises(AssertionError, match="opened"):
        for seed in range(30):
            background(rng(seed), (48, 64), real=True)


def test_no_photo_shows_a_person():
    assert not PEOPLE & set(PHOTOS.values())


@pytest.mark.parametrize("name", PHOTOS)
def test_every_photo_is_shipped_with_scikit_image(name):
    image = photo(name)
    assert image.ndim == 3
    assert 100 < max(image.shape[:2]) <= 640
    assert not image.flags.writeable


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": (1, 60)}, "at least 2 x 2"),
        ({"size": (40, 60), "kind": "jungle"}, "'jungle'; there are sky"),
        ({"size": (40, 60), "kind": "photo", "real": False}, "drop one of the two"),
    ],
)
def test_bad_wishes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        background(rng(), options.pop("size"), **options)


def test_an_unknown_photo_is_refused():
    with pytest.raises(ValueError, match="'astronaut'; there are brick"):
        photo("astronaut")
