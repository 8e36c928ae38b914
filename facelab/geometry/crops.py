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
    flat = flat.to(torch.float32 if images.dtype == torch.uint8 else images.dtype)
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
    the image. Returns the first pixel of the block that each window needs (N,) int64, inside the
    image, and the weights (N, size, block) of the pixels from there on.
    """
    scale = (stop - start)[:, None] / size  # (N, 1) pixels of the image a pixel of the crop
    reach = scale.clamp(min=1) / 2
    steps = torch.arange(size, device=start.device, dtype=start.dtype) + 0.5
    middles = start[:, None] + steps * scale  # (N, size)
    nearest = (middles - reach).floor()  # (N, size) the first pixel that counts
    many = int((2 * reach).ceil().max()) + 1 if len(start) else 1  # pixels that can count
    left = torch.arange(many, device=start.device, dtype=start.dtype)  # edges, from the nearest on
    middles, reach = (middles - nearest)[..., None], reach[..., None]  # (N, size, 1), (N, 1, 1)
    covered = torch.minimum(middles + reach, left + 1) - torch.maximum(middles - reach, left)
    weights = _tilted(covered.clamp_(min=0) / (2 * reach), left + 0.5 - middles)
    places = nearest[..., None] + left  # (N, size, many)
    if outside == "zero":
        weights = weights * ((places >= 0) & (places < length))
    places = places.clamp_(0, length - 1).long()  # the edge counts for all that lies beyond it
    first = places[:, 0, 0]  # (N,)
    block = int((places[:, -1, -1] - first).max()) + 1 if len(start) else 1
    first = first.clamp(max=length - block)  # so that the block lies in the image
    laid = weights.new_zeros(*middles.shape[:2], block)
    return first, laid.scatter_add_(2, places - first[:, None, None], weights)


def _tilted(weights: Tensor, from_middle: Tensor) -> Tensor:
    """Tilt weights a little, so that their centre of mass is the middle of the crop's pixel.

    from_middle: (N, size, pixels), where each pixel's middle lies. Without it a mean over 1.5
    pixels lies up to 0.08 pixels beside the middle.
    """
    weighted = weights * from_middle
    beside = weighted.sum(dim=-1, keepdim=True)  # (N, size, 1)
    spread = (weighted * from_middle).sum(dim=-1, keepdim=True) - beside.square()
    slope = beside / spread.clamp(min=1e-6)  # both are 0 where one pixel has all the weight
    return weights * (1 + slope * beside) - weighted * slope


def _blocks(images: Tensor, each: int, top: Tensor, left: Tensor, down: int, across: int) -> Tensor:
    """Take the pixels that each window needs, all inside its image: (N, C, down, across)."""
    _, channels, height, width = images.shape
    planes = torch.arange(len(images) * channels, device=images.device).view(-1, channels)
    corner = planes.repeat_interleave(each, dim=0) * height + top[:, None]  # (N, C) in rows
    rows = corner[..., None] + torch.arange(down, device=images.device)  # (N, C, down)
    starts = rows * width + left[:, None, None]
    flat = images.reshape(-1)
    if images.requires_grad or not len(starts):
        return flat.take(starts[..., None] + torch.arange(across, device=images.device))
    rows_of_blocks = flat.unfold(0, across, 1)  # a view: copying whole rows takes a tenth of it
    return rows_of_blocks.index_select(0, starts.flatten()).view(*starts.shape, across)


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
