"""Coarse to fine: 68 points from the whole face, then from a patch at each (Fan & Zhou, 2016).

| Here                  | Paper                      | Value         | Note                        |
| --------------------- | -------------------------- | ------------- | --------------------------- |
| `WholeFaceNet`        | level 1, all points        | -             | layers of the public "net1" |
| its parameters        | -                          | 17,559,592    | 136 outputs, `NET1`         |
| its multiply-adds     | -                          | 386.0 M       | 10 outputs                  |
| `targets.normalising` | similarity to a mean shape | -             | between the levels          |
| `LocalNet`            | level 2, a CNN a landmark  | K neighbours  | K = 5 and sizes are ours;   |
|                       |                            |               | one trunk for all landmarks |
| `average_votes`       | mean of all predictions    | -             | a landmark's from K patches |
| `Build()`             | -                          | 96x96 grey,   | half of net1's widths, ours |
|                       |                            | 24x24 patches |                             |

The paper's own layer tables are not verified: net1 is a public network of the same kind, the rest
of the method is as third parties sum it up. Input scaling is ours: each crop to mean 0, deviation
1; in level 2 all patches of a face together, or the contrast between them would be lost.

Units are those of the face square (facelab/landmarks/patches.py); level 2 works in the frame of the
mean shape, which has the same unit.
Source: Fan & Zhou, "Approaching human level facial landmark localization by deep learning", Image
and Vision Computing 47, 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facelab.landmarks.windows import standardised, take_mean_shape


@dataclass(frozen=True)
class Build:
    """The sizes of both levels.

    points: landmarks. channels: 1 grey, 3 RGB. side: of level 1's crop in pixels. margin: room
    around the face square in it, a share of the square's side. widths: maps of the five groups of
    convolutions. hidden: numbers before the last layer. patch: side of level 2's patches in pixels.
    half: half of that side in square units. local_widths, local_hidden: of level 2. neighbours: K,
    the landmark itself included.
    Raises ValueError that names the size when it is outside its range.
    """

    points: int = 68
    channels: int = 1
    side: int = 96
    margin: float = 0.2
    widths: tuple[int, ...] = (12, 32, 32, 64, 128)
    hidden: int = 192
    patch: int = 24
    half: float = 0.17
    local_widths: tuple[int, ...] = (16, 32)
    local_hidden: int = 64
    neighbours: int = 5

    def __post_init__(self) -> None:
        for name in ("points", "channels", "hidden", "local_hidden"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")
        for name, widths in (("side", self.widths[1:]), ("patch", self.local_widths)):
            halves = 2 ** len(widths)
            if not widths or getattr(self, name) < halves or getattr(self, name) % halves:
                raise ValueError(
                    f"{name}: is halved {len(widths)} times, so it must be a multiple of {halves}; "
                    f"got {getattr(self, name)}"
                )
        if not 1 <= self.neighbours <= self.points:
            raise ValueError(
                f"neighbours: expected 1 to {self.points}, the points, got {self.neighbours}"
            )
        if not (self.half > 0 and self.margin >= 0):
            raise ValueError(
                f"half, margin: expected above 0, and 0 or more; got {self.half}, {self.margin}"
            )


NET1 = Build(channels=3, side=128, widths=(24, 64, 64, 128, 256), hidden=1024)
"""Level 1 as the public net1; level 2 has the small sizes, as nothing else is known."""


def conv_relu(c_in: int, c_out: int) -> list[nn.Module]:
    return [nn.Conv2d(c_in, c_out, 3, padding=1), nn.ReLU(inplace=True)]


class WholeFaceNet(nn.Module):
    """Level 1: regress all points from the whole face (net1).

    One convolution, then three groups of two, each followed by 2x2 max pooling, one convolution
    more and two linear layers. Crops (B, C, side, side) in [0, 1] give shapes (B, P, 2).
    """

    mean_shape: Tensor

    def __init__(self, build: Build) -> None:
        super().__init__()
        first, *middle, last = build.widths
        layers = [*conv_relu(build.channels, first), nn.MaxPool2d(2)]
        width = first
        for wider in middle:
            layers += [*conv_relu(width, wider), *conv_relu(wider, wider), nn.MaxPool2d(2)]
            width = wider
        side = build.side // 2 ** (len(middle) + 1)
        self.trunk = nn.Sequential(*layers, *conv_relu(width, last), nn.Flatten())
        self.hidden = nn.Sequential(nn.Linear(last * side * side, build.hidden), nn.ReLU())
        self.last = nn.Linear(build.hidden, 2 * build.points)
        self.register_buffer("mean_shape", torch.zeros(build.points, 2))
        _start_small(self, self.last)

    def forward(self, crops: Tensor) -> Tensor:  # (B, C, side, side)
        features = self.trunk(standardised(crops))  # (B, last * side / 16 * side / 16)
        moves = self.last(self.hidden(features))  # (B, 2 P)
        return self.mean_shape + moves.view(len(crops), -1, 2)  # (B, P, 2) square units


class LocalNet(nn.Module):
    """Level 2: from the patch at each landmark, say where its K neighbours are.

    Patches (B, P, C, patch, patch) in [0, 1] give (B, P, K, 2), in units of half a patch, how far
    each neighbour lies from where the estimate has it. All landmarks share the trunk; each has its
    own last layer.
    """

    def __init__(self, build: Build) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = build.channels
        for wider in build.local_widths:
            layers += [*conv_relu(width, wider), nn.MaxPool2d(2)]
            width = wider
        side = build.patch // 2 ** len(build.local_widths)
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        self.hidden = nn.Sequential(nn.Linear(width * side * side, build.local_hidden), nn.ReLU())
        outputs = 2 * build.neighbours
        self.weight = nn.Parameter(torch.zeros(build.points, build.local_hidden, outputs))
        self.bias = nn.Parameter(torch.zeros(build.points, 1, outputs))
        _start_small(self)
        nn.init.normal_(self.weight, std=0.1 * build.local_hidden**-0.5)

    def forward(self, patches: Tensor) -> Tensor:  # (B, P, C, patch, patch)
        b, p = patches.shape[:2]
        features = self.hidden(self.trunk(standardised(patches).flatten(0, 1)))  # (B P, hidden)
        own = features.view(b, p, -1).transpose(0, 1)  # (P, B, hidden)
        votes = torch.baddbmm(self.bias, own, self.weight)  # (P, B, 2 K)
        return votes.transpose(0, 1).reshape(b, p, -1, 2)  # (B, P, K, 2)


class CoarseToFineNet(nn.Module):
    """Both levels, the mean shape and who is whose neighbour.

    neighbours: (P, K) int64, row l holds landmark l itself first, then those nearest to it in the
    mean shape.
    """

    neighbours: Tensor

    def __init__(self, build: Build | None = None) -> None:
        super().__init__()
        self.build = build or Build()
        self.level1 = WholeFaceNet(self.build)
        self.level2 = LocalNet(self.build)
        nobody = torch.arange(self.build.points)[:, None].expand(-1, self.build.neighbours)
        self.register_buffer("neighbours", nobody.clone(), persistent=False)

    @property
    def mean_shape(self) -> Tensor:
        """The mean shape (P, 2) in square units."""
        return self.level1.mean_shape

    @torch.no_grad()
    def describe(self, mean_shape: Tensor) -> None:
        """Take the mean shape (P, 2) of the training faces, and find the neighbours in it.

        Raises ValueError for another shape, or NaN: a point that no face has.
        """
        take_mean_shape(self.mean_shape, mean_shape)
        self.neighbours.copy_(nearest(mean_shape, self.build.neighbours))


def nearest(shape: Tensor, count: int) -> Tensor:
    """Find the landmarks nearest to each one, itself first. shape: (P, 2). Returns (P, count)."""
    distance = torch.cdist(shape, shape)
    distance.fill_diagonal_(-1.0)  # itself first, also where points coincide
    return distance.argsort(dim=1, stable=True)[:, :count]


def average_votes(votes: Tensor, neighbours: Tensor) -> Tensor:
    """Average what several patches say about each landmark.

    votes: (B, P, K, 2) positions; votes[:, l, k] is about landmark neighbours[l, k]. neighbours:
    (P, K). Returns (B, P, 2). Every landmark has at least one vote, its own.
    """
    b, p, k, _ = votes.shape
    about = neighbours.flatten()  # (P K,)
    total = votes.new_zeros(b, p, 2).index_add(1, about, votes.reshape(b, p * k, 2))
    return total / torch.bincount(about, minlength=p)[:, None]


def _start_small(net: nn.Module, last: nn.Linear | None = None) -> None:
    """Draw weights that keep the variance through ReLU layers; the last layer starts near 0."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    if last is not None:
        nn.init.normal_(last.weight, std=0.1 * last.in_features**-0.5)
