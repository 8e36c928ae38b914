"""Colours, noise and cloth."""

import numpy as np
import pytest

from facelab.humans.scenery.textures import (
    CLOTHS,
    cloth,
    colour,
    folds,
    fractal,
    lit,
    mixed,
    saturation,
    shade,
    times,
    tinted,
    words,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_every_cloth_has_its_pattern():
    for kind in CLOTHS:
        made = [cloth(rng(seed), 40, 50, kind=kind) for seed in range(4)]
        assert made[0].shape == (40, 50, 3)
        assert any(len(np.unique(c.reshape(-1, 3), axis=0)) > 1 for c in made) == (kind != "plain")


def test_colours_keep_to_their_kind():
    for seed in range(20):
        red, green, blue = colour(rng(seed), "skin")
        assert red > green > blue * 0.95
        assert max(colour(rng(seed), "dark")) < 75
        assert min(colour(rng(seed), "pale")) > 120


def test_noise_is_centred_and_fills_the_range():
    field = fractal(rng(), 120, 160, cells=8, octaves=5)
    assert field.shape == (120, 160)
    assert abs(field.mean() - 0.5) < 0.06
    assert 0.12 < field.std() < 0.4


def test_an_unknown_cloth_is_refused():
    with pytest.raises(ValueError, match="'silk'; there are plain"):
        cloth(rng(), 20, 20, kind="silk")


def test_stretch_draws_streaks_along_its_direction():
    across, down = (fractal(rng(1), 100, 100, cells=4, stretch=s) for s in (5.0, 0.2))
    change = [np.abs(np.diff(field, axis=1)).mean() for field in (across, down)]
    assert change[0] < 0.6 * change[1]
    change = [np.abs(np.diff(field, axis=0)).mean() for field in (across, down)]
    assert change[1] < 0.6 * change[0]


def test_light_and_shade_are_clipped_and_never_wrap_around():
    field = np.array([[-1.0, 0.0, 0.5, 1.0, 1.9]], np.float32)
    assert lit((200, 100, 0), field)[0, :, 0].tolist() == [0, 0, 100, 200, 255]
    picture = np.full((1, 5, 3), 200, np.uint8)
    done = times(picture, field)[0, :, 1].astype(int)
    np.testing.assert_allclose(done, [0, 0, 100, 200, 255], atol=1)
    assert shade((100, 200, 250), 1.5) == (150, 255, 255)


def test_a_field_is_coloured_through_evenly_spaced_colours():
    field = np.array([[0.0, 0.25, 0.5, 1.0]], np.float32)
    shown = tinted(field, [(0, 0, 0), (100, 200, 0), (100, 200, 240)])[0].astype(int)
    np.testing.assert_allclose(
        shown, [[0, 0, 0], [50, 100, 0], [100, 200, 0], [100, 200, 240]], atol=2
    )


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_a_blend_takes_its_share_of_the_second_picture(kind):
    first, second = np.full((1, 3, 3), 40, np.uint8), np.full((1, 3, 3), 240, np.uint8)
    share = np.array([[0, 0.5, 1]]) * (255 if kind == np.uint8 else 1)
    done = mixed(first, second, share.astype(kind))[0, :, 0].astype(int)
    np.testing.assert_allclose(done, [40, 140, 240], atol=1)


def test_a_share_of_the_colour_keeps_greys_and_brightness():
    np.testing.assert_allclose(saturation(0.3).sum(axis=1), 1)
    np.testing.assert_allclose(saturation(1.0), np.eye(3))
    assert np.ptp(saturation(0.0) @ (200, 100, 50)) < 1e-9


def test_folds_are_light_and_dark_about_one():
    field = folds(rng(), 120, 120, depth=0.5)
    assert abs(field.mean() - 1) < 0.1
    assert 0.1 < field.std() < 0.5


def test_words_are_those_of_the_list_and_numbers():
    for seed in range(20):
        drawn = words(rng(seed), 3).split(" ")
        assert len(drawn) == 3
        assert all(word.isalpha() or word.isdigit() for word in drawn)
