"""Crops: windows of images at any place and size, resized by averaging, as matrix products.

A pixel of the crop covers part of the window, and its value is the mean of the image over that
part; pixels of the image are squares of one colour. Two refinements make the mean exact:

| When the window is ... | The mean is taken over        | So that                               |
| ---------------------- | ----------------------------- | ------------------------------------- |
| shrunk                 | the covered part              | a factor of 2 is the mean of 2x2      |
| enlarged               | one pixel's width, at least   | it is bilinear interpolation          |
| at any other place     | the part, with tilted weights | a ramp stays a ramp, never moved      |

Resizing is separable: one matrix for the rows and one for the columns of every window, so that a
batch of windows is two batched matrix products, with gradients to the images. Pixel k covers
[k, k + 1), as everywhere in facelab.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from facelab.geometry.boxes import require_tensor

__all__ = ["Outside", "crop"]

Outside = Literal["edge", "zero"]
"""What lies outside an image: the colour of its nearest pixel, or black."""


def crop(
    images: Tensor, windows: Tensor, size: tuple[int, int], *, outside: Outside = "edge"
) -> Tensor:
    """Cut one window, or several, out of each image of a batch, resized to one size.

    images: (B, C, H, W) float of any range, or uint8, which becomes float32 in [0, 1]. windows:
    (B, 4) or (B, K, 4) xyxy in pixels, at any float position, also outside. size: (h, w) of the
    crops. Returns (B, C, h, w), or (B, K, C, h, w), differentiable in the images.
    Raises ValueError for a wrong shape or type, a window that is empty or not finite, or a size
    below 1.
    """
    _check(images, windows, size, outside)
    height, width = images.shape[-2:]
    each = windows.shape[1] if windows.ndim == 3 else 1
    flat = windows.reshape(-1, 4).to(images.device)  # (N, 4), N = B * each
    if images.dtype != torch.uint8:
        flat = flat.to(images.dtype)
    left, columns = _weights(flat[:, 0], flat[:, 2], size[1], width, outside)  # (N, w, across)
    top, rows = _weights(flat[:, 1], flat[:, 3], size[0], height, outside)  # (N, h, down)
    blocks = _blocks(images, each, top, left, rows.shape[2], columns.shape[2])  # (N, C, ., .)
    if images.dtype == torch.uint8:
        blocks = blocks.to(rows.dtype).div_(255)
    small = rows[:, None] @ (blocks @ columns.transpose(1, 2)[:, None])  # (N, C, h, w)
    return small.view(*windows.shape[:-1], *small.shape[1:])


def _weights(
    start: Tensor, stop: Tensor, size: int, length: int, outside: Outside
) -> tuple[Tensor, Tensor]:
    """Say how much each pixel of an image's axis counts in each pixel of a crop's.

    start, stop: (N,) ends of the windows on this axis. size: pixels of the crop. length: pixels of
    the image. Returns the first pixel that each window needs (N,) int64, which may be below 0, and
    the weights (N, size, block) of the pixels from there on.
    """
    scale = (stop - start)[:, None] / size  # (N, 1) pixels of the image a pixel of the crop
    reach = scale.clamp(min=1) / 2
    steps = torch.arange(size, device=start.device, dtype=start.dtype) + 0.5
    middles = start[:, None] + steps * scale  # (N, size)
    first = (middles[:, 0] - reach[:, 0]).floor()  # (N,)
    block = int(((middles[:, -1] + reach[:, 0]).ceil() - first).max()) if len(first) else 1
    middles = (middles - first[:, None])[..., None]  # (N, size, 1), counted from `first`
    reach = reach[..., None]
    pixels = torch.arange(block, device=start.device, dtype=start.dtype)  # left edges
    covered = torch.minimum(middles + reach, pixels + 1) - torch.maximum(middles - reach, pixels)
    weights = covered.clamp_(min=0) / (2 * reach)  # (N, size, block)
    weights = _tilted(weights, pixels + 0.5, middles)
    if outside == "zero":
        place = first[:, None] + pixels  # (N, block)
        weights = weights * ((place >= 0) & (place < length))[:, None]
    return first.long(), weights


def _tilted(weights: Tensor, places: Tensor, middles: Tensor) -> Tensor:
    """Tilt weights a little, so that their centre of mass is the middle of the crop's pixel.

    Without it a mean over 1.5 pixels lies up to 0.08 pixels beside the middle.
    """
    from_middle = places - middles  # (N, size, block)
    weighted = weights * from_middle
    beside = weighted.sum(dim=-1, keepdim=True)  # (N, size, 1)
    spread = (weighted * from_middle).sum(dim=-1, keepdim=True) - beside.square()
    slope = beside / spread.clamp(min=1e-6)  # both are 0 where one pixel has all the weight
    return weights * (1 + slope * beside) - weighted * slope


def _blocks(images: Tensor, each: int, top: Tensor, left: Tensor, down: int, across: int) -> Tensor:
    """Take the pixels that each window needs, edge colours outside: (N, C, down, across)."""
    _, channels, height, width = images.shape
    device = images.device
    rows = (top[:, None] + torch.arange(down, device=device)).clamp_(0, height - 1)  # (N, down)
    columns = (left[:, None] + torch.arange(across, device=device)).clamp_(0, width - 1)
    number = torch.arange(len(images), device=device).repeat_interleave(each)
    channel = torch.arange(channels, device=device)
    return images[
        number[:, None, None, None],
        channel[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]


def _check(images: Tensor, windows: Tensor, size: tuple[int, int], outside: str) -> None:
    for name, value in (("images", images), ("windows", windows)):
        require_tensor(name, value)
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise ValueError(f"images: expected shape (B, C, H, W), got {tuple(images.shape)}")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(f"images: expected floats or uint8, got {images.dtype}")
    if windows.ndim not in (2, 3) or windows.shape[-1] != 4 or len(windows) != len(images):
        count = len(images)
        raise ValueError(
            f"windows: expected ({count}, 4) or ({count}, K, 4), one row an image, got "
            f"{tuple(windows.shape)}"
        )
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"size: expected (height, width) of at least 1 pixel, got {size}")
    if outside not in get_args(Outside):
        raise ValueError(f'outside: expected "edge" or "zero", got {outside!r}')
    extent = windows[..., 2:] - windows[..., :2]
    wrong = int((~((extent > 0) & extent.isfinite())).any(dim=-1).sum())  # NaN is not above 0
    if wrong:
        raise ValueError(
            f"windows: {wrong} of {windows[..., 0].numel()} are empty or not finite; a face whose "
            f"points are unknown (NaN) has no window around them"
        )
