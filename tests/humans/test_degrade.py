"""What cameras and formats do to a picture."""

import numpy as np
import pytest

from facelab.humans.scenery.degrade import STEPS, Step, apply, blur_sigma, degrade, expose, plan


def rng(seed=0):
    return np.random.default_rng(seed)


def picture(height=60, width=80):
    y, x = np.mgrid[0:height, 0:width]
    planes = [90 + 80 * np.sin(x / 5), 120 + 60 * np.cos(y / 4), 100 + 0.5 * (x + y)]
    return np.stack(planes, axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize("name", STEPS)
def test_every_step_changes_the_picture_and_keeps_its_shape(name):
    image = picture()
    before = image.copy()
    done = degrade(image, rng(), steps=[name])
    assert done.shape == image.shape
    assert done.dtype == np.uint8
    assert (done != image).any()
    np.testing.assert_array_equal(image, before)


def test_the_same_seed_does_the_same():
    for seed in range(5):
        np.testing.assert_array_equal(degrade(picture(), rng(seed)), degrade(picture(), rng(seed)))
    assert (degrade(picture(), rng(1)) != degrade(picture(), rng(2))).any()


def test_strength_nothing_is_a_copy():
    image = picture()
    done = degrade(image, rng(), strength=0)
    np.testing.assert_array_equal(done, image)
    assert done is not image


def test_more_strength_changes_more():
    image = picture().astype(int)

    def change(strength):
        runs = [degrade(picture(), rng(s), strength=strength) for s in range(60)]
        return np.mean([np.abs(run - image).mean() for run in runs])

    assert change(0.3) < change(1.0) < change(2.0)


def test_noise_has_the_stated_strength():
    flat = np.full((200, 200, 3), 128, np.uint8)
    done = apply(flat, [Step("noise", 8.0, second=0.0)], rng())
    assert abs(done.astype(float).std() - 8.0) < 0.5
    assert abs(done.astype(float).mean() - 128) < 0.3


def test_motion_spreads_a_point_along_its_direction():
    image = np.zeros((41, 41, 3), np.uint8)
    image[20, 20] = 255
    done = apply(image, [Step("motion", 12.0, second=0.0)], rng())[..., 0]
    assert 11 <= (done[20] > 0).sum() <= 15
    assert (done[:19] == 0).all()
    assert (done[22:] == 0).all()


def test_blur_adds_up_over_steps():
    assert blur_sigma([]) == 0
    assert blur_sigma([Step("blur", 3.0), Step("jpeg", 50)]) == 3
    assert blur_sigma([Step("blur", 3.0), Step("blur", 4.0)]) == pytest.approx(5)


def test_grey_has_no_colour():
    done = apply(picture(), [Step("grey", 1.0)], rng())
    assert (done.max(axis=2) == done.min(axis=2)).all()


@pytest.mark.parametrize("size", [(1, 1), (6, 5), (12, 12)])
def test_tiny_crops_survive_every_step(size):
    image = picture(*size)
    for seed in range(4):
        assert degrade(image, rng(seed), strength=2, steps=STEPS).shape == image.shape


def test_bad_wishes_are_refused():
    with pytest.raises(ValueError, match=r"\[0, 3\]; got -1"):
        plan(rng(), strength=-1)
    with pytest.raises(ValueError, match="fog; there are gamma"):
        degrade(picture(), rng(), steps=["fog"])
    with pytest.raises(ValueError, match="uint8"):
        degrade(picture().astype(np.float32), rng())


def test_a_good_camera_brings_the_mean_near_middle_grey_and_a_bad_one_less():
    def off(image, good):
        means = [expose(image, rng(seed), good=good).mean() for seed in range(20)]
        return np.abs(np.array(means) - 115).mean()

    for level in (50, 200):
        image = np.full((40, 40, 3), level, np.uint8)
        assert off(image, True) < 27
        assert off(image, True) < off(image, False)


def test_exposing_keeps_the_order_of_grey_levels_and_never_wraps_around():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for seed in range(10):
        done = expose(ramp, rng(seed), good=seed % 2 == 0)[0, :, 0].astype(int)
        assert (np.diff(done) >= 0).all()


def test_burnt_out_lights_bend_towards_white():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    done = apply(ramp, [Step("gamma", 1.0, 1.0)], rng())[0, :, 0].astype(int)
    assert (np.diff(done) >= 0).all()
    assert done[128] > 128  # a stop brighter
    assert 245 < done[190] < 254 <= done[255]  # twice the light of 190 is more than white


def test_saturation_of_nothing_leaves_grey_of_the_same_brightness():
    image = np.full((4, 4, 3), (200, 100, 50), np.uint8)
    done = apply(image, [Step("colour", 0.0, 0.0, third=0.0)], rng())
    assert done[0, 0].tolist() == [124] * 3  # 0.299 R + 0.587 G + 0.114 B
    assert (apply(image, [Step("colour", 0.0, 0.0, third=1.0)], rng()) == image).all()
