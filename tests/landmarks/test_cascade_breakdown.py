"""Errors sorted by what makes a face hard, and blur that is added to see how much it matters."""

import cv2
import pytest
import torch
from torch.testing import assert_close

from facelab.landmarks.dcnn_cascade import Cascade, CascadeNets
from facelab.landmarks.judging import blurred, breakdown, errors
from tests.landmarks.faces import noisy_faces, toy_faces


def some_cascade():
    """Untrained, whose answers differ from face to face."""
    nets = CascadeNets(generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for net in (nets.f1, nets.en1, nets.nm1, nets.level2, nets.level3):
            net.output.weight *= 10
    return Cascade(nets)


def hard_faces():
    """Eight faces, turned to both sides and hidden more and more."""
    patches = toy_faces(8)
    patches.attributes["yaw"] = torch.tensor([3, -9, 18, -27, 36, -54, 63, -80]).deg2rad()
    patches.attributes["hidden"] = torch.arange(8) / 11
    return patches


def test_every_face_is_in_its_bands_with_the_mean_over_its_known_points():
    patches, cascade = hard_faces(), some_cascade()
    patches.points[3, 1:] = torch.nan
    found = breakdown(cascade, patches)
    each = errors(cascade.on_patches(patches), patches)
    mean = each.nanmean(dim=1)
    assert_close(mean[3], each[3, 0])
    assert list(found) == ["turned by (°)", "hidden (%)", "added blur (% of the side)"]
    expected = {"0-15": [0, 1], "15-30": [2, 3], "30-45": [4], "45-90": [5, 6, 7]}
    assert list(found["turned by (°)"]) == list(expected)
    for name, rows in expected.items():
        assert_close(found["turned by (°)"][name], mean[rows])
    assert [len(group) for group in found["hidden (%)"].values()] == [1, 1, 2, 4]
    assert_close(found["added blur (% of the side)"]["none"], mean)


def test_bands_without_a_face_are_left_out():
    patches = hard_faces().select([0, 1])
    found = breakdown(some_cascade(), patches)
    assert list(found["turned by (°)"]) == ["0-15"]


def test_added_blur_is_what_the_cascade_sees():
    patches, cascade = noisy_faces(3), some_cascade()
    patches.attributes.update(yaw=torch.zeros(3), hidden=torch.zeros(3))
    blur = breakdown(cascade, patches)["added blur (% of the side)"]
    assert list(blur) == ["none", "1", "2", "4"]
    seen = errors(cascade.on_patches(blurred(patches, 0.04)), patches).mean(dim=1)
    assert_close(blur["4"], seen)
    assert (blur["4"] - blur["none"]).abs().max() > 1e-4


@pytest.mark.parametrize("sigma", [0.01, 0.05])
def test_blur_is_that_of_opencv_in_units_of_the_square(sigma):
    patches = noisy_faces(2)
    spread = sigma * patches.pixels
    reach = max(1, int(-(-3 * spread // 1)))
    for before, after in zip(patches.images, blurred(patches, sigma).images, strict=True):
        expected = cv2.GaussianBlur(
            before[0].float().numpy(),
            (2 * reach + 1,) * 2,
            spread,
            borderType=cv2.BORDER_REPLICATE,
        )
        assert_close(after[0].float(), torch.from_numpy(expected), atol=0.51, rtol=0)


def test_a_flat_face_stays_as_it_is_and_so_do_points_and_colours():
    patches = noisy_faces(2)
    patches.images[:] = 77
    after = blurred(patches, 0.03)
    assert torch.equal(after.images, patches.images)
    assert after.points is patches.points


def test_blur_of_nothing_is_refused():
    with pytest.raises(ValueError, match="sigma: expected above 0, got 0"):
        blurred(toy_faces(1), 0)
