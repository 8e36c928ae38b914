"""Light that falls on a scene."""

import numpy as np
import pytest

from facelab.humans.scenery.lighting import KINDS, Light


def rng(seed=0):
    return np.random.default_rng(seed)


def grey(level=100):
    return np.full((60, 90, 3), level, np.uint8)


def cast(kind, seed=0, strength=0.8):
    return Light(kind, strength).cast(rng(seed), grey()).astype(float)


def drawn(**options):
    return [Light.draw(rng(seed), **options) for seed in range(1500)]


@pytest.mark.parametrize("outdoors", [True, False])
def test_kinds_come_as_often_as_their_shares_say(outdoors):
    found = [light.kind for light in drawn(outdoors=outdoors, good=False)]
    total = sum(shares[outdoors] for shares in KINDS.values())
    for kind, shares in KINDS.items():
        assert found.count(kind) / len(found) == pytest.approx(shares[outdoors] / total, abs=0.04)


def test_photographers_avoid_hard_light():
    lights = drawn(outdoors=False, good=True)
    assert {"spots", "tinted", "haze"}.isdisjoint(light.kind for light in lights)
    assert max(light.strength for light in lights) <= 0.65


@pytest.mark.parametrize("kind", KINDS)
def test_every_light_keeps_the_shape_and_follows_from_its_seed(kind):
    light, image = Light(kind, 0.8), grey()
    done = light.cast(rng(3), image)
    assert done.shape == image.shape
    assert done.dtype == np.uint8
    np.testing.assert_array_equal(done, light.cast(rng(3), image))
    np.testing.assert_array_equal(image, grey())
    assert (done != image).any() == (kind not in ("even", "flash"))


def test_light_changes_a_grey_picture_as_its_name_says():
    assert cast("sun").mean() > 120
    assert cast("sun")[..., 0].mean() > cast("sun")[..., 2].mean()  # warm
    assert cast("haze").std(axis=(0, 1)).max() < 1
    assert cast("haze").mean() > 110
    assert np.ptp(cast("tinted").mean(axis=(0, 1))) > 10
    for kind in ("dappled", "shadows", "side", "spots"):
        assert np.mean([cast(kind, seed).std() for seed in range(6)]) > 8
    assert np.mean([np.percentile(cast("spots", seed), 10) for seed in range(6)]) < 80


def test_a_flash_falls_off_with_distance():
    flash = next(light for light in drawn(outdoors=False, good=False) if light.kind == "flash")
    assert flash.far == 1 - 0.75 * flash.strength
    near, middle, far = (flash.gain(height, 80.0) for height in (80.0, 30.0, 1e-6))
    assert near == 1
    assert near > middle > far == pytest.approx(flash.far, abs=1e-3)
    assert Light("sun", 0.5).gain(10, 80) == 1
