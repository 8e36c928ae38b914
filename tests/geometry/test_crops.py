"""Crops: means over parts of pixels, against ramps, area averages, OpenCV and a slow oracle."""

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from facelab.geometry.crops import crop


def noise(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def ramp(height, width, *, right=0.03, down=0.05, start=0.2):
    """Images whose pixel k holds the value of the ramp at its middle, k + 0.5."""
    x, y = middles(0, width, width), middles(0, height, height)
    return (start + right * x[None, :] + down * y[:, None])[None, None]


def middles(start, stop, size):
    """Where the pixels of a crop have their middles, in pixels of the image."""
    return start + (torch.arange(size).double() + 0.5) * (stop - start) / size


RAMP_WINDOWS = [
    ((5.0, 6.0, 35.0, 26.0), (20, 30)),  # as it is
    ((5.0, 6.0, 35.0, 26.0), (10, 10)),  # shrunk by whole factors
    ((5.0, 6.0, 35.0, 26.0), (57, 100)),  # enlarged
    ((5.3, 6.7, 34.1, 25.9), (13, 17)),  # shrunk by 1.69 and 1.48
    ((5.25, 6.5, 9.75, 8.25), (9, 31)),  # a few pixels, much enlarged
    ((4.9, 7.1, 33.3, 27.2), (19, 1)),  # one column
    ((10.01, 8.4, 30.2, 20.6), (11, 20)),  # shrunk by a hundredth
]


@pytest.mark.parametrize(("window", "size"), RAMP_WINDOWS)
def test_a_ramp_stays_a_ramp_and_is_nowhere_moved(window, size):
    left, top, right, bottom = window
    got = crop(ramp(32, 40), torch.tensor([window], dtype=torch.float64), size)[0, 0]
    x, y = middles(left, right, size[1]), middles(top, bottom, size[0])
    assert_close(got, 0.2 + 0.03 * x[None, :] + 0.05 * y[:, None], atol=1e-12, rtol=0)


@given(
    left=st.floats(2, 12),
    top=st.floats(2, 12),
    width=st.floats(0.5, 25),
    height=st.floats(0.5, 25),
    rows=st.integers(1, 24),
    columns=st.integers(1, 24),
)
def test_any_window_well_inside_keeps_a_ramp(left, top, width, height, rows, columns):
    image = ramp(64, 64)
    # A pixel of the crop may reach over the window by half a pixel of the image.
    window = torch.tensor([[left, top, left + width, top + height]], dtype=torch.float64)
    got = crop(image, window, (rows, columns))[0, 0]
    x, y = middles(left, left + width, columns), middles(top, top + height, rows)
    assert_close(got, 0.2 + 0.03 * x[None, :] + 0.05 * y[:, None], atol=1e-9, rtol=0)


@given(
    left=st.floats(-30, 30),
    top=st.floats(-30, 30),
    width=st.floats(0.1, 60),
    height=st.floats(0.1, 60),
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
)
def test_one_colour_stays_that_colour_wherever_the_window_lies(
    left, top, width, height, rows, columns
):
    window = torch.tensor([[left, top, left + width, top + height]])
    got = crop(torch.full((1, 2, 9, 11), 0.7), window, (rows, columns))
    assert_close(got, torch.full((1, 2, rows, columns), 0.7), atol=1e-4, rtol=0)


def test_the_whole_image_at_its_own_size_comes_back_as_it_is():
    images = noise(3, 2, 7, 11)
    whole = torch.tensor([[0.0, 0.0, 11.0, 7.0]]).repeat(3, 1)
    assert_close(crop(images, whole, (7, 11)), images, atol=1e-6, rtol=0)


def test_whole_pixels_of_the_image_come_back_as_they_are():
    images = noise(1, 1, 9, 9)
    got = crop(images, torch.tensor([[2.0, 3.0, 6.0, 8.0]]), (5, 4))
    assert_close(got, images[:, :, 3:8, 2:6], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("down", "across"), [(2, 2), (3, 4), (5, 1)])
def test_shrinking_by_whole_numbers_is_the_mean_of_blocks(down, across):
    images = noise(2, 3, 6 * down + 2, 5 * across + 3)
    window = torch.tensor([[3.0, 2.0, 3 + 5 * across, 2 + 6 * down]]).repeat(2, 1)
    blocks = images[:, :, 2:, 3:].unfold(2, down, down).unfold(3, across, across)
    assert_close(crop(images, window, (6, 5)), blocks.mean(dim=(-2, -1)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_opencv_shrinks_by_whole_numbers_to_the_same_picture(factor):
    image = noise(12 * factor, 16 * factor).numpy()
    expected = cv2.resize(image, (16, 12), interpolation=cv2.INTER_AREA)
    window = torch.tensor([[0.0, 0.0, 16 * factor, 12 * factor]])
    got = crop(torch.from_numpy(image)[None, None], window, (12, 16))
    np.testing.assert_allclose(got[0, 0], expected, atol=1e-6)


@pytest.mark.parametrize("factor", [2, 3])
def test_enlarging_is_bilinear_as_in_torch(factor):
    images = noise(1, 2, 6, 7)
    expected = torch.nn.functional.interpolate(
        images, scale_factor=factor, mode="bilinear", align_corners=False
    )
    got = crop(images, torch.tensor([[0.0, 0.0, 7.0, 6.0]]), (6 * factor, 7 * factor))
    assert_close(got, expected, atol=1e-6, rtol=0)


def test_shrinking_by_one_and_a_half_by_hand():
    # Pixels 0..2 make two: each covers one and a half. Covered shares 2/3 and 1/3 have their middle
    # at 5/6 - the crop's pixel has it at 3/4; tilted by 1/12, they are 3/4 and 1/4.
    image = torch.tensor([[[[8.0, 4.0, 40.0]]]])
    got = crop(image, torch.tensor([[0.0, 0.0, 3.0, 1.0]]), (1, 2))
    assert_close(got, torch.tensor([[[[7.0, 31.0]]]]), atol=1e-5, rtol=0)


@given(
    left=st.floats(-3, 9),
    width=st.floats(0.3, 14),
    size=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_values_lie_between_the_smallest_and_the_largest_pixel(left, width, size, seed):
    image = noise(1, 1, 1, 9, seed=seed).double()
    window = torch.tensor([[left, 0.0, left + width, 1.0]], dtype=torch.float64)
    got = crop(image, window, (1, size))
    assert image.min() - 1e-9 <= got.min() <= got.max() <= image.max() + 1e-9


def test_a_window_moved_by_a_whole_pixel_sees_the_image_moved():
    image = noise(1, 1, 20, 20)
    window = torch.tensor([[3.3, 4.6, 14.2, 15.9]])
    moved = torch.roll(image, shifts=(2, 1), dims=(2, 3))
    there = window + torch.tensor([1.0, 2.0, 1.0, 2.0])
    assert_close(crop(moved, there, (5, 7)), crop(image, window, (5, 7)), atol=1e-5, rtol=0)


def test_rows_and_columns_are_not_confused():
    image = torch.zeros(1, 1, 8, 12)
    image[0, 0, 1, 10] = 1.0  # row 1, column 10
    got = crop(image, torch.tensor([[9.0, 0.0, 12.0, 4.0]]), (4, 3))[0, 0]
    assert got.shape == (4, 3)
    assert got.argmax() == 1 * 3 + 1


def test_outside_lies_the_colour_of_the_edge_or_black():
    image = torch.tensor([[[[0.2, 0.9], [0.4, 0.6]]]])
    around = torch.tensor([[-2.0, -1.0, 4.0, 3.0]])
    edge = torch.tensor(
        [
            [0.2, 0.2, 0.2, 0.9, 0.9, 0.9],
            [0.2, 0.2, 0.2, 0.9, 0.9, 0.9],
            [0.4, 0.4, 0.4, 0.6, 0.6, 0.6],
            [0.4, 0.4, 0.4, 0.6, 0.6, 0.6],
        ]
    )
    assert_close(crop(image, around, (4, 6))[0, 0], edge, atol=1e-6, rtol=0)
    black = torch.zeros(4, 6)
    black[1:3, 2:4] = image[0, 0]
    assert_close(crop(image, around, (4, 6), outside="zero")[0, 0], black, atol=1e-6, rtol=0)


@pytest.mark.parametrize("window", [(40.0, 1.0, 44.0, 3.0), (-9.0, -9.0, -5.0, -5.0)])
def test_a_window_that_misses_the_image_is_its_nearest_corner_or_side_or_black(window):
    image = noise(1, 1, 4, 4)
    near = image[0, 0, :, -1] if window[0] > 0 else image[0, 0, :1, 0].repeat(4)
    got = crop(image, torch.tensor([window]), (2, 2))
    wanted = near[1:3] if window[0] > 0 else near[:2]
    assert_close(got[0, 0], wanted[:, None].repeat(1, 2), atol=1e-6, rtol=0)
    assert not crop(image, torch.tensor([window]), (2, 2), outside="zero").any()


def test_half_a_pixel_outside_is_half_black():
    image = torch.ones(1, 1, 4, 4)
    window = torch.tensor([[-1.0, 0.0, 3.0, 4.0]])
    got = crop(image, window, (2, 2), outside="zero")[0, 0]
    assert_close(got, torch.tensor([[0.5, 1.0], [0.5, 1.0]]))


def random_windows(*shape, seed=1):
    corner = 20 * noise(*shape, 2, seed=seed) - 5
    return torch.cat([corner, corner + 0.5 + 15 * noise(*shape, 2, seed=seed + 1)], dim=-1)


@pytest.mark.parametrize("outside", ["edge", "zero"])
def test_a_batch_gives_what_its_images_give_one_by_one(outside):
    images, windows = noise(5, 3, 17, 13), random_windows(5)
    whole = crop(images, windows, (6, 4), outside=outside)
    assert whole.shape == (5, 3, 6, 4)
    for image, window, got in zip(images, windows, whole, strict=True):
        alone = crop(image[None], window[None], (6, 4), outside=outside)[0]
        assert_close(got, alone, atol=1e-6, rtol=0)


def test_several_windows_an_image_are_several_calls():
    images, windows = noise(3, 2, 17, 13), random_windows(3, 4)
    together = crop(images, windows, (5, 6))
    assert together.shape == (3, 4, 2, 5, 6)
    for number in range(4):
        alone = crop(images, windows[:, number], (5, 6))
        assert_close(together[:, number], alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("outside", ["edge", "zero"])
def test_windows_of_all_sizes_and_places_go_together(outside):
    images = noise(1, 2, 17, 13)
    windows = torch.tensor(
        [
            [
                [3.2, 4.1, 3.5, 4.3],  # inside one pixel
                [-200.0, -300.0, 400.0, 250.0],  # many times the image
                [20.0, 2.0, 31.0, 9.0],  # beside it
                [-8.0, -9.0, -2.5, -3.5],  # beyond its corner
                [0.0, 0.0, 13.0, 17.0],  # all of it
                [12.5, 16.5, 14.0, 18.0],  # its last pixel and a little more
            ]
        ]
    )
    together = crop(images, windows, (4, 3), outside=outside)
    for number in range(6):
        alone = crop(images, windows[:, number], (4, 3), outside=outside)
        assert_close(together[:, number], alone, atol=1e-5, rtol=0)


def test_a_gradient_that_is_asked_for_changes_no_value():
    images, windows = noise(2, 3, 9, 10), random_windows(2, 3)
    asked = crop(images.clone().requires_grad_(), windows, (4, 5))
    assert_close(asked.detach(), crop(images, windows, (4, 5)))
    turned = images.transpose(2, 3).contiguous().transpose(2, 3)  # rows do not lie in memory
    assert_close(crop(turned, windows, (4, 5)), crop(images, windows, (4, 5)))


def test_bytes_are_floats_over_255():
    images = (noise(2, 3, 9, 10) * 255).round().to(torch.uint8)
    windows = random_windows(2)
    got = crop(images, windows, (4, 5))
    assert_close(got, crop(images.float() / 255, windows, (4, 5)), atol=1e-6, rtol=0)
    assert crop(images, windows.double(), (4, 5)).dtype == torch.float32


def test_windows_of_whole_numbers_may_be_integers():
    images = noise(1, 1, 9, 9)
    windows = torch.tensor([[1, 2, 6, 9]])
    assert_close(crop(images, windows, (3, 3)), crop(images, windows.float(), (3, 3)))
    pictures = (255 * images).to(torch.uint8)
    assert_close(crop(pictures, windows, (3, 3)), crop(pictures, windows.float(), (3, 3)))


def test_the_type_of_the_images_is_kept():
    window = torch.tensor([[1.0, 1.0, 4.0, 4.0]])
    for dtype in (torch.float32, torch.float64):
        assert crop(noise(1, 1, 6, 6, dtype=dtype), window, (2, 2)).dtype == dtype


@pytest.mark.parametrize("outside", ["edge", "zero"])
def test_the_gradient_to_the_images_is_the_true_derivative(outside):
    images = noise(2, 1, 4, 5, dtype=torch.float64).requires_grad_()
    windows = torch.tensor([[[-1.3, 0.4, 3.1, 3.9], [0.2, 0.1, 2.3, 5.5]]] * 2)
    assert torch.autograd.gradcheck(
        lambda x: crop(x, windows.double(), (2, 3), outside=outside), (images,)
    )


def test_no_image_gives_no_crop():
    assert crop(torch.zeros(0, 3, 8, 8), torch.zeros(0, 4), (2, 5)).shape == (0, 3, 2, 5)
    assert crop(torch.zeros(0, 3, 8, 8), torch.zeros(0, 6, 4), (2, 5)).shape == (0, 6, 3, 2, 5)
    assert crop(torch.zeros(2, 3, 8, 8), torch.zeros(2, 0, 4), (2, 5)).shape == (2, 0, 3, 2, 5)
    bytes_ = torch.zeros(0, 1, 8, 8, dtype=torch.uint8)
    assert crop(bytes_, torch.zeros(0, 4), (2, 5)).dtype == torch.float32


IMAGES, WINDOW = torch.zeros(1, 1, 4, 4), torch.tensor([[0.0, 0.0, 4.0, 4.0]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((1, 1, 4, 4))}, "images: expected a tensor, got ndarray"),
        ({"windows": [[0, 0, 4, 4]]}, "windows: expected a tensor, got list"),
        ({"images": torch.zeros(1, 4, 4)}, r"images: expected shape \(B, C, H, W\)"),
        ({"images": torch.zeros(1, 1, 0, 4)}, r"images: .* got \(1, 1, 0, 4\)"),
        ({"images": torch.zeros(1, 1, 4, 4).int()}, "images: expected floats or uint8"),
        ({"windows": torch.zeros(4)}, r"windows: expected \(1, 4\) or \(1, K, 4\)"),
        ({"windows": torch.zeros(1, 5)}, r"windows: .* got \(1, 5\)"),
        ({"windows": torch.zeros(2, 4)}, r"one row an image, got \(2, 4\)"),
        ({"size": (0, 3)}, r"size: expected \(height, width\) of at least 1 pixel"),
        ({"size": (3,)}, "size: expected"),
        ({"outside": "wrap"}, 'outside: expected "edge" or "zero", got \'wrap\''),
        ({"windows": torch.tensor([[1.0, 1.0, 1.0, 3.0]])}, "windows: 1 of 1 are empty"),
        ({"windows": torch.tensor([[1.0, 3.0, 2.0, 1.0]])}, "windows: 1 of 1 are empty"),
        ({"windows": torch.tensor([[0.0, math.nan, 4.0, 4.0]])}, "NaN"),
        ({"windows": torch.tensor([[0.0, 0.0, math.inf, 4.0]])}, "empty or not finite"),
    ],
)
def test_what_cannot_be_cropped_is_refused_with_a_reason(changes, message):
    arguments = {"images": IMAGES, "windows": WINDOW, "size": (2, 2), "outside": "edge"} | changes
    outside = arguments.pop("outside")
    with pytest.raises(ValueError, match=message):
        crop(*arguments.values(), outside=outside)


def test_the_message_counts_the_windows_that_are_wrong():
    windows = torch.tensor([[[0.0, 0.0, 1.0, 1.0], [2.0, 2.0, 1.0, 1.0], [math.nan] * 4]])
    with pytest.raises(ValueError, match="windows: 2 of 3"):
        crop(IMAGES, windows, (2, 2))
