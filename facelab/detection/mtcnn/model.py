"""MTCNN: three small nets that propose, refine and place five landmarks (Zhang et al., 2016).

| Here             | Paper         | Paper value          | Note                             |
| ---------------- | ------------- | -------------------- | -------------------------------- |
| `PNet`           | fig. 2        | 12x12 window         | stride 2; 6,632 parameters       |
| `RNet`           | fig. 2        | 24x24 crop           | 100,178 parameters               |
| `ONet`           | fig. 2        | 48x48 crop           | 389,040 parameters               |
| `landmarks=True` | fig. 2, eq. 3 | 10 outputs, all nets | not in the released P- and R-Net |
| max pooling      | released nets | ceil mode            | floor would change ONet's 1,152  |
| `normalise`      | released code | (x - 127.5) / 128    | callers pass RGB in [0, 1]       |

Convolutions are valid (no padding), stride 1, with bias; activations are PReLU with one slope per
channel.
Source: Zhang, Zhang, Li, Qiao, "Joint Face Detection and Alignment using Multi-task Cascaded
Convolutional Networks", IEEE Signal Processing Letters 23(10), 2016, and the authors' released
networks.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor, nn

STRIDE = 2  # of P-Net's output map, in pixels of the pyramid level
WINDOW = 12  # side of the square that one cell of P-Net's map looks at


class Output(NamedTuple):
    """What each net says: `logits` (B, 2, ...), `deltas` (B, 4, ...), `landmarks` (B, 10, ...) or
    None.

    Channel 1 of `logits` is "face". `landmarks` are x1..x5 then y1..y5, in units of the candidate
    box.
    """

    logits: Tensor
    deltas: Tensor
    landmarks: Tensor | None


def normalise(image: Tensor) -> Tensor:
    """Map RGB in [0, 1] to the range the nets were trained on, (255 x - 127.5) / 128 (released
    code)."""
    return torch.add(image.new_tensor(-127.5 / 128.0), image, alpha=255.0 / 128.0)  # one pass


def conv_prelu(c_in: int, c_out: int, *, kernel: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel), PReLU(c_out))


class PReLU(nn.PReLU):
    """PReLU with one slope a channel.

    For few channels that lie side by side in memory, on a CPU and without gradients, the pixels of
    a row are taken as channels too: torch works through a pixel at a time, which for 10 channels
    takes three times as long. The result is the same.
    """

    def forward(self, x: Tensor) -> Tensor:  # (B, C, ...)
        side_by_side = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
        if (
            torch.is_grad_enabled()
            or not side_by_side
            or x.shape[1] >= 16
            or x.device.type != "cpu"
        ):
            return super().forward(x)
        b, c, h, w = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(b * h, w * c)
        bent = nn.functional.prelu(rows, self.weight.repeat(w))
        return bent.view(b, h, w, c).permute(0, 3, 1, 2)


def max_pool_3() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)


class MaxPool2(nn.MaxPool2d):
    """2x2 max pooling with stride 2 in ceil mode, as Caffe does it.

    On a CPU and without gradients it is one maximum along each axis, which takes half the time of
    torch's own; the result is the same.
    """

    def __init__(self) -> None:
        super().__init__(2, stride=2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        if torch.is_grad_enabled() or x.device.type != "cpu":
            return super().forward(x)
        rows = _larger(x[:, :, 0::2], x[:, :, 1::2], dim=2)  # (B, C, ceil(H / 2), W)
        return _larger(rows[..., 0::2], rows[..., 1::2], dim=3)  # (B, C, ceil(H / 2), ceil(W / 2))


def _larger(first: Tensor, second: Tensor, *, dim: int) -> Tensor:
    """Give the larger of neighbours; where `second` is one shorter, the last stands alone."""
    if first.shape == second.shape:
        return torch.maximum(first, second)
    largest, pairs = torch.empty_like(first), second.shape[dim]
    torch.maximum(first.narrow(dim, 0, pairs), second, out=largest.narrow(dim, 0, pairs))
    largest.select(dim, pairs).copy_(first.select(dim, pairs))
    return largest


class CascadeNet(nn.Module):
    """What the three nets share: one trunk, and a head for every task on its features."""

    trunk: nn.Module
    face: nn.Module
    box: nn.Module
    landmarks: nn.Module | None

    def heads(self, features: Tensor) -> Output:  # (B, C) or (B, C, h, w)
        points = self.landmarks(features) if self.landmarks is not None else None
        return Output(self.face(features), self.box(features), points)

    def features(self, image: Tensor) -> Tensor:  # (B, 3, H, W) in [0, 1]
        return self.trunk(normalise(image))

    def forward(self, image: Tensor) -> Output:
        return self.heads(self.features(image))


class PNet(CascadeNet):
    """Look at every 12x12 window of an image, two pixels apart (fig. 2, P-Net).

    An image (B, 3, H, W) gives maps of `map_side(H)` by `map_side(W)` cells.
    """

    def __init__(self, *, landmarks: bool = False) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            OrderedDict(
                conv1=conv_prelu(3, 10, kernel=3),
                pool1=MaxPool2(),
                conv2=conv_prelu(10, 16, kernel=3),
                conv3=conv_prelu(16, 32, kernel=3),
            )
        )
        self.face = nn.Conv2d(32, 2, 1)
        self.box = nn.Conv2d(32, 4, 1)
        self.landmarks = nn.Conv2d(32, 10, 1) if landmarks else None

    @torch.inference_mode()
    def features_of(self, *images: Tensor) -> list[Tensor]:
        """Give `features` of several images (1, 3, h, w), at least one, in one pass.

        They lie side by side on one sheet, and what no window of an image covers is left out. Many
        small images take less time than one by one. Returns maps (1, 32, rows, columns).
        """
        sizes = [(x.shape[2], x.shape[3]) for x in images]
        starts = [0]
        for _, width in sizes:
            starts.append(starts[-1] + width + width % 2)  # even: pooling looks at pairs
        sheet = images[0].new_zeros(1, max(height for height, _ in sizes), starts[-1], 3)
        sheet = sheet.permute(0, 3, 1, 2)  # channels side by side in memory
        for image, (height, width), left in zip(images, sizes, starts[:-1], strict=True):
            sheet[:, :, :height, left : left + width] = image
        conv1, *rest = self.trunk.children()
        x = conv1(normalise(sheet))  # (1, 10, H - 2, W - 2)
        for (height, width), left in zip(sizes, starts[:-1], strict=True):
            # the last pair of an odd side has one pixel, which is given itself for a neighbour
            if width % 2:
                x[..., left + width - 2] = x[..., left + width - 3]
            if height % 2:
                columns = slice(left, left + width - 1)
                x[:, :, height - 2 : height - 1, columns] = x[:, :, height - 3, None, columns]
        for module in rest:
            x = module(x)
        return [
            x[:, :, : map_side(height), left // 2 : left // 2 + map_side(width)]
            for (height, width), left in zip(sizes, starts[:-1], strict=True)
        ]


class RNet(CascadeNet):
    """Reject or refine crops (B, 3, 24, 24) (fig. 2, R-Net)."""

    def __init__(self, *, landmarks: bool = False) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            OrderedDict(
                conv1=conv_prelu(3, 28, kernel=3),  # (B, 28, 22, 22)
                pool1=max_pool_3(),  # (B, 28, 11, 11)
                conv2=conv_prelu(28, 48, kernel=3),  # (B, 48, 9, 9)
                pool2=max_pool_3(),  # (B, 48, 4, 4)
                conv3=conv_prelu(48, 64, kernel=2),  # (B, 64, 3, 3)
                flatten=nn.Flatten(),  # (B, 576)
                fc4=nn.Sequential(nn.Linear(576, 128), nn.PReLU(128)),
            )
        )
        self.face = nn.Linear(128, 2)
        self.box = nn.Linear(128, 4)
        self.landmarks = nn.Linear(128, 10) if landmarks else None


class ONet(CascadeNet):
    """Reject or refine crops (B, 3, 48, 48) and place five landmarks (fig. 2, O-Net)."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            OrderedDict(
                conv1=conv_prelu(3, 32, kernel=3),  # (B, 32, 46, 46)
                pool1=max_pool_3(),  # (B, 32, 23, 23)
                conv2=conv_prelu(32, 64, kernel=3),  # (B, 64, 21, 21)
                pool2=max_pool_3(),  # (B, 64, 10, 10)
                conv3=conv_prelu(64, 64, kernel=3),  # (B, 64, 8, 8)
                pool3=MaxPool2(),  # (B, 64, 4, 4)
                conv4=conv_prelu(64, 128, kernel=2),  # (B, 128, 3, 3)
                flatten=nn.Flatten(),  # (B, 1152)
                fc5=nn.Sequential(nn.Linear(1152, 256), nn.Dropout(0.25), nn.PReLU(256)),
            )
        )
        self.face = nn.Linear(256, 2)
        self.box = nn.Linear(256, 4)
        self.landmarks = nn.Linear(256, 10)


def map_side(side: int) -> int:
    """Give the side of P-Net's output map for an image side in pixels: 12 -> 1, 24 -> 7, 288 ->
    139.

    Raises ValueError below 12 pixels, where no window fits.
    """
    if side < WINDOW:
        raise ValueError(f"P-Net needs at least {WINDOW} pixels a side; got {side}")
    return -(-(side - 2) // 2) - 4  # ceil((side - 2) / 2) - 4


def pnet_macs(height: int, width: int) -> int:
    """Count P-Net's multiply-adds on one (height, width) image, heads for face and box only."""
    rows, cols = map_side(height), map_side(width)
    conv1 = (height - 2) * (width - 2) * 3 * 3 * 3 * 10
    conv2 = (rows + 2) * (cols + 2) * 3 * 3 * 10 * 16
    conv3 = rows * cols * 3 * 3 * 16 * 32
    return conv1 + conv2 + conv3 + rows * cols * 32 * (2 + 4)


RNET_MACS = 1_530_768  # per 24x24 crop, heads for face and box
ONET_MACS = 12_909_952  # per 48x48 crop
