"""The probe embedder: a small residual net on aligned 112-px crops, trained with ArcFace's loss."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

DIMENSIONS = 128


def conv(
    c_in: int, c_out: int, *, stride: int = 1, kernel: int = 3, groups: int = 1
) -> nn.Sequential:
    """Convolution and normalisation."""
    layer = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(c_out))


class Residual(nn.Module):
    """Two convolutions with a PReLU between, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(channels, channels), nn.PReLU(channels), conv(channels, channels)
        )

    def forward(self, x: Tensor) -> Tensor:  # (B, C, H, W)
        return x + self.body(x)


class ProbeEmbedder(nn.Module):
    """Crops in, unit vectors out; 0.98 M parameters.

    Plain 3x3 convolutions, quicker on a CPU in bfloat16 than depthwise ones; the end is
    MobileFaceNet's: 1x1 convolution, one depthwise 7x7 filter, linear layer, normalisation.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(3, 32, stride=2), nn.PReLU(32)]  # 56 x 56
        for c_in, c_out, depth in ((32, 64, 2), (64, 96, 2), (96, 128, 1)):  # 28, 14, 7
            layers += [conv(c_in, c_out, stride=2), nn.PReLU(c_out)]
            layers += [Residual(c_out) for _ in range(depth)]
        layers += [conv(128, 256, kernel=1), nn.PReLU(256)]
        self.features = nn.Sequential(*layers)
        self.pool = nn.Sequential(
            nn.Conv2d(256, 256, 7, groups=256, bias=False), nn.BatchNorm2d(256)
        )
        self.project = nn.Sequential(
            nn.Linear(256, DIMENSIONS, bias=False), nn.BatchNorm1d(DIMENSIONS)
        )

    def forward(self, crops: Tensor) -> Tensor:  # (B, 3, 112, 112) in [0, 1]
        x = self.pool(self.features(crops * 2 - 1)).flatten(1)  # (B, 256)
        return F.normalize(self.project(x).float(), dim=1)  # (B, 128)
