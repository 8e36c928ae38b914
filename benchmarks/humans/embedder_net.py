"""The probe embedder: a small residual net on aligned faces, trained to tell people apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DIMENSIONS, CHANNELS = 128, 512  # of the vector, and of what it is made of
SIDE = 80  # pixels that it looks at: a third of the work of 112 x 112


def conv(
    c_in: int, c_out: int, *, stride: int = 1, kernel: int = 3, groups: int = 1
) -> nn.Sequential:
    """Convolution and normalisation."""
    layer = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(c_out))


class Residual(nn.Module):
    """Two convolutions with a ReLU between, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(channels, channels), nn.ReLU(inplace=True), conv(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        return x + self.body(x)


class Places(nn.Module):
    """Weigh every place of every channel and add: MobileFaceNet's global depthwise convolution."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, side, side) / side)

    def forward(self, x: Tensor) -> Tensor:  # (B, C, S, S) -> (B, C)
        return (x * self.weight).sum(dim=(2, 3))


class ProbeEmbedder(nn.Module):
    """Crops in, unit vectors out; 2.4 M parameters.

    Plain 3x3 convolutions and ReLU, quicker on a CPU in bfloat16 than depthwise ones and PReLU; the
    end is MobileFaceNet's: 1x1 convolution, one filter of the whole map, linear layer.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(3, 32, stride=2), nn.ReLU(inplace=True)]  # 40 x 40
        for c_in, c_out, depth in ((32, 64, 1), (64, 128, 2), (128, 256, 1)):  # 20, 10, 5
            layers += [conv(c_in, c_out, stride=2), nn.ReLU(inplace=True)]
            layers += [Residual(c_out) for _ in range(depth)]
        layers += [conv(256, CHANNELS, kernel=1), nn.ReLU(inplace=True)]
        self.features = nn.Sequential(*layers)
        self.pool = nn.Sequential(Places(CHANNELS, SIDE // 16), nn.BatchNorm1d(CHANNELS))
        self.project = nn.Sequential(
            nn.Linear(CHANNELS, DIMENSIONS, bias=False), nn.BatchNorm1d(DIMENSIONS)
        )

    def described(self, crops: Tensor) -> Tensor:  # (B, 3, H, W) in [0, 1], H = W -> (B, CHANNELS)
        if crops.shape[-1] != SIDE:
            crops = F.interpolate(crops, (SIDE, SIDE), mode="bilinear", antialias=True)
        return self.pool(self.features(crops * 2 - 1))

    def forward(self, crops: Tensor) -> Tensor:  # (B, 3, H, W) in [0, 1] -> (B, DIMENSIONS)
        return F.normalize(self.project(self.described(crops)).float(), dim=1)
