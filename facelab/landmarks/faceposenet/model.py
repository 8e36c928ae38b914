"""FacePoseNet: six numbers of pose from a face's pixels, without landmarks (Chang et al., 2017).

| Here                            | Paper, released code   | Value       | Note                    |
| ------------------------------- | ---------------------- | ----------- | ----------------------- |
| `AlexPoseNet`                   | AlexNet, six outputs   | 227x227x3   | 56,892,806 parameters   |
| its multiply-adds               | -                      | 720,335,392 | counted by `count_macs` |
| `SmallPoseNet`                  | -                      | 64x64x3     | 176,062 parameters      |
| `mean_image`                    | mean training image    | pixels/255  | buffer, 3 x side x side |
| `label_mean`, `label_deviation` | (y - mean) / deviation | 6 each      | buffers                 |
| `pose_loss`                     | L2 on standardised y   | -           | mean over six numbers   |

Outputs are standardised; `pose` gives radians and decimetres. In the small build batch norm follows
each convolution, so that it learns in minutes; AlexNet has its local response norm instead.
Source: Chang et al., "FacePoseNet: Making a Case for Landmark-Free Face Alignment", ICCV workshops
2017, and the released code; Krizhevsky et al., 2012, for AlexNet.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

NUMBERS = 6  # rotation vector, translation


class Poses(NamedTuple):
    """rotations: (N, 3) rotation vectors, radians. translations: (N, 3) dm."""

    rotations: Tensor
    translations: Tensor


class PoseNet(nn.Module):
    """What both builds share: input scaling, standardised labels. side: of the input in pixels."""

    side: int
    mean_image: Tensor
    label_mean: Tensor
    label_deviation: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.register_buffer("mean_image", torch.full((3, side, side), 0.5))
        self.register_buffer("label_mean", torch.zeros(NUMBERS))
        self.register_buffer("label_deviation", torch.ones(NUMBERS))
        self.trunk: nn.Module = nn.Identity()

    def forward(self, crops: Tensor) -> Tensor:
        """Map crops (B, 3, side, side) RGB in [0, 1] to standardised poses (B, 6).

        Raises ValueError for crops of another shape.
        """
        if tuple(crops.shape[1:]) != (3, self.side, self.side):
            wanted = f"(B, 3, {self.side}, {self.side})"
            raise ValueError(f"crops: expected shape {wanted}, got {tuple(crops.shape)}")
        return self.trunk(crops - self.mean_image)

    def pose(self, crops: Tensor) -> Poses:
        """Estimate poses of crops (B, 3, side, side) in the crop's camera."""
        numbers = self(crops) * self.label_deviation + self.label_mean  # (B, 6)
        return Poses(numbers[:, :3], numbers[:, 3:])

    def standardise(self, poses: Poses) -> Tensor:
        """Turn poses into what `forward` should give: (N, 6)."""
        return (torch.cat(poses, dim=1) - self.label_mean) / self.label_deviation

    @torch.no_grad()
    def describe_data(self, mean_image: Tensor, poses: Poses) -> None:
        """Take the means and deviations of the training data into the buffers.

        mean_image: (3, side, side) in [0, 1]. poses: (N, 3) each, N of 2 or more.
        Raises ValueError for an image of another shape, or fewer than two poses.
        """
        if mean_image.shape != self.mean_image.shape or len(poses.rotations) < 2:
            raise ValueError(
                f"mean_image, poses: expected {tuple(self.mean_image.shape)} and two poses or "
                f"more, got {tuple(mean_image.shape)} and {len(poses.rotations)}"
            )
        numbers = torch.cat(poses, dim=1)
        self.mean_image.copy_(mean_image)
        self.label_mean.copy_(numbers.mean(dim=0))
        self.label_deviation.copy_(numbers.std(dim=0).clamp(min=1e-6))


class SmallPoseNet(PoseNet):
    """The small build: 64x64 crops, four convolutions of stride 2, 176,062 parameters."""

    def __init__(self, *, channels: tuple[int, ...] = (24, 48, 64, 64), hidden: int = 96) -> None:
        super().__init__(64)
        layers: list[nn.Module] = []
        kernels = (5, *(3 for _ in channels[1:]))
        for c_in, c_out, k in zip((3, *channels[:-1]), channels, kernels, strict=True):
            layers += [nn.Conv2d(c_in, c_out, k, stride=2, padding=k // 2, bias=False)]
            layers += [nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)]  # sides 32, 16, 8, 4
        layers += [nn.Flatten(), nn.Linear(16 * channels[-1], hidden), nn.ReLU(inplace=True)]
        self.trunk = nn.Sequential(*layers, nn.Linear(hidden, NUMBERS))


class AlexPoseNet(PoseNet):
    """The paper's build: AlexNet with its two groups, and six outputs."""

    def __init__(self, *, dropout: float = 0.5) -> None:
        super().__init__(227)
        self.trunk = nn.Sequential(
            *(nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(inplace=True)),  # (B, 96, 55, 55)
            *(local_norm(), nn.MaxPool2d(3, 2)),  # (B, 96, 27, 27)
            *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(inplace=True)),
            *(local_norm(), nn.MaxPool2d(3, 2)),  # (B, 256, 13, 13)
            *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(inplace=True)),
            *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(inplace=True)),
            *(nn.MaxPool2d(3, 2), nn.Flatten()),  # (B, 9216)
            *(nn.Linear(9216, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            *(nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(dropout)),
            nn.Linear(4096, NUMBERS),
        )


def local_norm() -> nn.LocalResponseNorm:
    """AlexNet's local response norm over five neighbouring channels (Caffe's constants)."""
    return nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=1.0)


def pose_loss(outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Give the L2 loss on standardised labels, by what it is about.

    outputs, targets: (B, 6) standardised. Returns the shares "rotation" and "translation" of the
    mean square over the six numbers; their sum is the loss.
    Raises ValueError for shapes that differ.
    Source: FacePoseNet, released code.
    """
    if outputs.shape != targets.shape or outputs.ndim != 2 or outputs.shape[1] != NUMBERS:
        got = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
        raise ValueError(f"outputs, targets: expected (B, {NUMBERS}) each, got {got}")
    square = (outputs - targets).square().mean(dim=0) / NUMBERS  # (6,)
    return {"rotation": square[:3].sum(), "translation": square[3:].sum()}


def count_macs(net: nn.Module, side: int) -> int:
    """Count the multiply-adds of convolutions and linear layers for one crop, side in pixels."""
    total = 0

    def add(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        places = output[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
        total += layer.weight.numel() * places

    layers = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    training = net.training
    try:
        with torch.no_grad():
            net.eval()(torch.zeros(1, 3, side, side))
    finally:
        net.train(training)
        for hook in hooks:
            hook.remove()
    return total
