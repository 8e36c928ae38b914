"""CFAN: stacked auto-encoders from coarse to fine (Zhang, Shan, Kan, Chen, ECCV 2014).

| Here                 | Paper                          | Value               | Note               |
| -------------------- | ------------------------------ | ------------------- | ------------------ |
| `StackedAutoEncoder` | SAN: sigmoid hidden layers,    | -                   | both verified      |
|                      | linear last layer              |                     |                    |
| global, `PAPER`      | 50x50 pixels, hidden layers    | 5,857,436           | sizes from memory, |
|                      | 1600, 900, 400, 68 points      | parameters          | unverified         |
| local, `PAPER`       | 68 x 128 SIFT, hidden layers   | 12,667,064          | sizes from memory, |
|                      | 1296, 784, 400                 | parameters a stage  | unverified         |
| local stages         | 3, on rising resolution        | 60, 90, 120 pixels  | 3 from memory, the |
|                      |                                | a square's side     | resolutions ours   |
| `gradient_histograms`| SIFT                           | 4x4x8 a point       | fixed, see there   |
| `Build()`            | -                              | 40x40, 256-128-10,  | 5 points, two      |
|                      |                                | then 640-128-10     | local stages, ours |

The global network says where all points are; each local one says how far they are to be moved, from
descriptors at the places where they are. Outputs are pixels of what the network looks at: the unit
matters, since the weights' own cost is added to the squared error (train.py). Which unit the paper
has is not stated.
Source: Zhang, Shan, Kan, Chen, "Coarse-to-Fine Auto-Encoder Networks (CFAN) for Real-Time Face
Alignment", ECCV 2014; the released SeetaFace code for the descriptor's window.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from facelab.landmarks.cfan.descriptors import CELLS, SIZE
from facelab.landmarks.windows import standardised, take_mean_shape

SPREAD = 0.3  # deviation of the pixels that the global network reads


@dataclass(frozen=True)
class Build:
    """The sizes of all stages.

    points: landmarks. side: of the global network's crop in pixels. margin: room around the face
    square in it, a share of the square's side. hidden: its hidden layers. resolutions: pixels that
    the square's side has in each local stage. local_hidden: hidden layers of these. window: side of
    the descriptors' windows in pixels, so that a higher resolution means a smaller part of the
    face. from_mean: leave the global network out and start at the mean shape.
    Raises ValueError that names the size when it is outside its range.
    """

    points: int = 5
    side: int = 40
    margin: float = 0.1
    hidden: tuple[int, ...] = (256, 128)
    resolutions: tuple[float, ...] = (40.0, 70.0)
    local_hidden: tuple[int, ...] = (128,)
    window: int = 16
    from_mean: bool = False

    def __post_init__(self) -> None:
        sizes = (self.points, self.side, *self.hidden, *self.local_hidden, *self.resolutions)
        if not all(size > 0 for size in sizes):
            raise ValueError(f"points, side, layers, resolutions: expected above 0, got {sizes}")
        if not self.hidden or not self.local_hidden:
            raise ValueError("hidden, local_hidden: expected one hidden layer or more, got none")
        if self.margin < 0 or self.window < CELLS:
            raise ValueError(
                f"margin, window: expected 0 or more, and {CELLS} pixels or more; got "
                f"{self.margin}, {self.window}"
            )
        if self.from_mean and not self.resolutions:
            raise ValueError("from_mean: without local stages nothing would be left to learn")

    @property
    def pixels(self) -> float:
        """The side of the face square in pixels of the global network's crop."""
        return self.side / (1 + 2 * self.margin)


PAPER = Build(
    points=68,
    side=50,
    margin=0.2,
    hidden=(1600, 900, 400),
    resolutions=(60.0, 90.0, 120.0),
    local_hidden=(1296, 784, 400),
    window=32,
)


class StackedAutoEncoder(nn.Module):
    """A stack of encoders with sigmoid, and a linear layer on top (SAN).

    sizes: of the input, of each hidden layer and of the output.
    Raises ValueError for fewer than three sizes.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        if len(sizes) < 3:
            raise ValueError(f"sizes: expected input, hidden layers and output, got {list(sizes)}")
        *inner, outputs = sizes
        hidden = [nn.Linear(a, b) for a, b in itertools.pairwise(inner)]
        self.hidden, self.last = nn.ModuleList(hidden), nn.Linear(inner[-1], outputs)
        for layer in hidden:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.last.weight, std=0.1 * inner[-1] ** -0.5)
        nn.init.zeros_(self.last.bias)

    def encode(self, x: Tensor, depth: int | None = None) -> Tensor:
        """Run the first `depth` encoders, all when left out. x: (B, inputs). Returns (B, size)."""
        for layer in self.hidden[:depth]:
            x = torch.sigmoid(layer(x))
        return x

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs)
        return self.last(self.encode(x))  # (B, outputs)

    def cost_of_weights(self) -> Tensor:
        """Give the sum of all squared weights, biases left out."""
        layers = [*self.hidden, self.last]
        return torch.stack([layer.weight.square().sum() for layer in layers]).sum()


def global_input(crops: Tensor) -> Tensor:
    """Give what the global network reads of crops (B, 1, side, side): (B, side * side).

    Each crop has mean 0 and deviation `SPREAD`, so that its sigmoids start where they are steep.
    """
    return SPREAD * standardised(crops).flatten(1)


class MeanShape(nn.Module):
    """What stands for the global network when it is left out: no move from the mean shape."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self.points = points

    def forward(self, x: Tensor) -> Tensor:  # (B, inputs)
        return x.new_zeros(len(x), 2 * self.points)  # (B, outputs)


class CFANNet(nn.Module):
    """All stages and the mean shape, from which the global network counts."""

    mean_shape: Tensor

    def __init__(self, build: Build | None = None) -> None:
        super().__init__()
        self.build = build = build or Build()
        outputs = 2 * build.points
        self.first: nn.Module = (
            MeanShape(build.points)
            if build.from_mean
            else StackedAutoEncoder((build.side**2, *build.hidden, outputs))
        )
        self.stages = nn.ModuleList(
            StackedAutoEncoder((build.points * SIZE, *build.local_hidden, outputs))
            for _ in build.resolutions
        )
        self.register_buffer("mean_shape", torch.zeros(build.points, 2))

    def start(self, crops: Tensor) -> Tensor:
        """Say where the points are: crops (B, 1, side, side) in [0, 1] give (B, P, 2)."""
        moves = self.first(global_input(crops))  # (B, 2 P) pixels of the crop
        return self.mean_shape + moves.view(len(crops), -1, 2) / self.build.pixels

    def increments(self, stage: int, descriptors: Tensor) -> Tensor:
        """Say how far to move the points: descriptors (B, P, 128) give (B, P, 2)."""
        moves = self.stages[stage](descriptors.flatten(1))  # (B, 2 P) pixels of the stage
        return moves.view(len(descriptors), -1, 2) / self.build.resolutions[stage]

    @torch.no_grad()
    def describe(self, mean_shape: Tensor) -> None:
        """Take the mean shape (P, 2) of the training faces, in square units.

        Raises ValueError for another shape, or NaN: a point that no face has.
        """
        take_mean_shape(self.mean_shape, mean_shape)
