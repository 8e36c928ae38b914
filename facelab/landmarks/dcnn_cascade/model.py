"""Deep convolutional network cascade for facial point detection (Sun, Wang, Tang, CVPR 2013).

| Here                 | Paper           | Value     | Note                                       |
| -------------------- | --------------- | --------- | ------------------------------------------ |
| `Stage`, convolution | CR(s, n, p, q)  | -         | p x q regions, a kernel bank each          |
| `Stage`, pooling     | P(s), s = 2     | -         | tanh(gain x max + shift), a map and region |
| absolute value       | CR against C    | -         | after tanh; `Structure.absolute`           |
| `Dense`              | F(n)            | -         | tanh, also after the last one              |
| S0 (F1)              | structure table | 343,670   | parameters; 3,151,920 multiply-adds        |
| S1 (EN1, NM1)        | structure table | 215,606   | parameters; 2,278,360 multiply-adds        |
| S2 (levels 2 and 3)  | structure table | 17,482    | parameters; 171,000 multiply-adds          |
| `CascadeNets`        | 1 + 2 + 20 nets | 1,124,522 | parameters, computed from the tables       |
| first weights        | "small, random" | -         | sizes that train, see `Stage` and `Dense`  |
| input scaling        | not stated      | -         | each crop to mean 0, deviation 1           |

max |tanh z| is tanh(max |z|), so the pooling comes first here and tanh works on a quarter of the
values: the same numbers, sooner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["LEVEL2", "LEVEL3", "STRUCTURES", "Bank", "CascadeNets", "Network", "Structure"]

POOL = 2  # every pooling of the paper is 2 x 2


@dataclass(frozen=True)
class Layer:
    """CR(kernel, maps, *grid), and P(2) where `pools`. grid: p, q regions, rows before columns."""

    kernel: int
    maps: int
    grid: tuple[int, int] = (1, 1)
    pools: bool = True


@dataclass(frozen=True)
class Structure:
    """One row of the paper's structure table.

    size: (rows, columns) of the crop. hidden: units of the first dense layer. outputs: numbers in
    [-1, 1]. absolute: CR, or C when False.
    """

    name: str
    size: tuple[int, int]
    layers: tuple[Layer, ...]
    hidden: int
    outputs: int
    absolute: bool = True

    def shapes(self) -> list[tuple[int, int, int]]:
        """Give maps, rows and columns of the crop, and after every stage.

        Raises ValueError where regions or pooling cells do not fit.
        """
        found = [(1, *self.size)]
        for layer in self.layers:
            rows, columns = (side - layer.kernel + 1 for side in found[-1][1:])
            cell = POOL if layer.pools else 1
            for side, parts in ((rows, layer.grid[0]), (columns, layer.grid[1])):
                if side < 1 or side % (parts * cell):
                    raise ValueError(f"{self.name}: {side} cells do not make {parts} equal regions")
            found.append((layer.maps, rows // cell, columns // cell))
        return found

    @property
    def macs(self) -> int:
        """Count the multiply-adds of one crop, convolutions and dense layers."""
        total, shapes = 0, self.shapes()
        for layer, before, after in zip(self.layers, shapes, shapes[1:], strict=False):
            cells = after[1] * after[2] * (POOL**2 if layer.pools else 1)
            total += cells * layer.maps * before[0] * layer.kernel**2
        return total + math.prod(shapes[-1]) * self.hidden + self.hidden * self.outputs


_S0_LAYERS = (
    Layer(4, 20, (2, 2)),
    Layer(3, 40, (2, 2)),
    Layer(3, 60, (3, 3)),
    Layer(2, 80, (2, 2), pools=False),
)
_S1_LAYERS = (
    Layer(4, 20),
    Layer(3, 40, (2, 2)),
    Layer(3, 60, (2, 3)),
    Layer(2, 80, (1, 2), pools=False),
)
_S0 = Structure("S0", (39, 39), _S0_LAYERS, 120, 10)
STRUCTURES: Mapping[str, Structure] = {
    one.name: one
    for one in (
        _S0,
        Structure("S1", (31, 39), _S1_LAYERS, 100, 6),
        Structure("S2", (15, 15), (Layer(4, 20), Layer(3, 40)), 60, 2),
        replace(_S0, name="S3", layers=_S0_LAYERS[:3]),
        replace(_S0, name="S4", layers=_S0_LAYERS[:2]),
        replace(_S0, name="S5", layers=_S0_LAYERS[:1]),
        replace(_S0, name="S6", absolute=False),
        replace(_S0, name="S7", layers=tuple(replace(one, grid=(1, 1)) for one in _S0_LAYERS)),
    )
}
"""The paper's structures: S0 to S2 make the cascade, S3 to S7 are its ablations of F1."""


class Stage(nn.Module):
    """A locally shared convolution, rectified, and pooling with gain and shift where there is one.

    The output map of the convolution is cut into p x q equal regions, each with its own kernels;
    all regions, and all networks side by side, are one grouped convolution.
    weight: (p, q, maps, channels, s, s). bias, gain, shift: (p, q, maps). Several networks have
    one more dimension in front.
    """

    # Small, because every value passes two tanh: three times as much does not train.
    SPREAD = 0.45

    def __init__(
        self,
        layer: Layer,
        *,
        channels: int,
        size: tuple[int, int],
        absolute: bool = True,
        nets: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.layer, self.channels, self.absolute, self.nets = layer, channels, absolute, nets
        self.region = tuple(
            (side - layer.kernel + 1) // parts for side, parts in zip(size, layer.grid, strict=True)
        )  # rows and columns of a region
        banks = (*_several(nets), *layer.grid, layer.maps)
        square = (layer.kernel, layer.kernel)
        most = self.SPREAD * math.sqrt(3 / (channels * layer.kernel**2))
        weight = torch.empty(*banks, channels, *square).uniform_(-most, most, generator=generator)
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(torch.zeros(banks))
        self.gain: nn.Parameter | None = None
        self.shift: nn.Parameter | None = None
        if layer.pools:
            self.gain, self.shift = (
                nn.Parameter(torch.ones(banks)),
                nn.Parameter(torch.zeros(banks)),
            )

    @property
    def pools(self) -> bool:
        """Say whether there is a pooling after the convolution."""
        return self.layer.pools

    def forward(self, x: Tensor) -> Tensor:  # (B, nets * channels, H, W)
        z = self._convolved(self._windows(x))  # (B, nets * p * q * maps, region)
        if self.absolute:
            z = z.abs()
        if self.gain is not None and self.shift is not None:
            z = _largest(z).tanh()  # max |tanh z| = tanh(max |z|)
            gain, shift = (value.reshape(-1, 1, 1) for value in (self.gain, self.shift))
            z = torch.addcmul(shift, gain, z)
        return self._joined(z.tanh())  # (B, nets * maps, H', W')

    def _windows(self, x: Tensor) -> Tensor:
        """Give every region what it sees: (B, nets * p * q * channels, region + s - 1)."""
        if self.layer.grid == (1, 1):
            return x
        batch, reach = len(x), self.layer.kernel - 1
        for axis, step in enumerate(self.region, start=2):
            x = x.unfold(axis, step + reach, step)
        # (B, nets * channels, p, q, rows, columns)
        x = x.unflatten(1, (self.nets, self.channels)).permute(0, 1, 3, 4, 2, 5, 6)
        return x.reshape(batch, -1, *x.shape[-2:])

    def _convolved(self, windows: Tensor) -> Tensor:
        p, q = self.layer.grid
        kernels = self.weight.flatten(end_dim=-4)  # (nets * p * q * maps, channels, s, s)
        # channels last: grouped convolutions take half as long on a processor
        windows, kernels = (
            value.contiguous(memory_format=torch.channels_last) for value in (windows, kernels)
        )
        return F.conv2d(windows, kernels, self.bias.flatten(), groups=self.nets * p * q)

    def _joined(self, z: Tensor) -> Tensor:
        """Lay the regions side by side: (B, nets * maps, p * rows, q * columns)."""
        p, q = self.layer.grid
        if (p, q) == (1, 1):
            return z
        batch, (rows, columns) = len(z), z.shape[-2:]
        z = z.view(batch, self.nets, p, q, self.layer.maps, rows, columns)
        z = z.permute(0, 1, 4, 2, 5, 3, 6)  # (B, nets, maps, p, rows, q, columns)
        return z.reshape(batch, -1, p * rows, q * columns)

    def spread(self, values: Tensor) -> Tensor:
        """Lay gain or shift (p, q, maps) of one network over its pooled maps: (maps, H', W')."""
        cell = POOL if self.pools else 1
        whole = values.permute(2, 0, 1)  # (maps, p, q)
        for axis, step in enumerate(self.region, start=1):
            whole = whole.repeat_interleave(step // cell, dim=axis)
        return whole


class Dense(nn.Module):
    """F(n): a dense layer for each of the networks side by side, before its tanh.

    weight: (outputs, inputs), bias: (outputs,); several networks have one more dimension in front.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        spread: float,
        nets: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        most = spread * math.sqrt(3 / inputs)
        drawn = torch.empty(*_several(nets), outputs, inputs)
        self.weight = nn.Parameter(drawn.uniform_(-most, most, generator=generator))
        self.bias = nn.Parameter(torch.zeros(*_several(nets), outputs))

    def forward(self, x: Tensor) -> Tensor:  # (B, nets, inputs)
        outputs, inputs = self.weight.shape[-2:]
        weight, bias = self.weight.view(-1, outputs, inputs), self.bias.view(-1, 1, outputs)
        y = torch.baddbmm(bias, x.transpose(0, 1), weight.transpose(1, 2))
        return y.transpose(0, 1)  # (B, nets, outputs)


class _Nets(nn.Module):
    """What `Network` and `Bank` share: stages and two dense layers, `nets` times side by side."""

    # Wide enough for tanh to bend, and an answer near 0 to begin with.
    SPREADS = (1.5, 0.1)

    def __init__(
        self, structure: Structure, *, nets: int = 1, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.structure, self.nets = structure, nets
        shapes = structure.shapes()
        self.stages = nn.ModuleList(
            Stage(
                layer,
                channels=shape[0],
                size=shape[1:],
                absolute=structure.absolute,
                nets=nets,
                generator=generator,
            )
            for layer, shape in zip(structure.layers, shapes, strict=False)
        )
        flat, hidden = math.prod(shapes[-1]), structure.hidden
        first, last = self.SPREADS
        self.hidden = Dense(flat, hidden, spread=first, nets=nets, generator=generator)
        self.output = Dense(hidden, structure.outputs, spread=last, nets=nets, generator=generator)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a crop."""
        return self.structure.size

    @staticmethod
    def normalise(crops: Tensor) -> Tensor:
        """Bring each crop (..., h, w) to mean 0 and deviation 1; a flat one to 0."""
        centred = crops - crops.mean(dim=(-2, -1), keepdim=True)
        variance = centred.square().mean(dim=(-2, -1), keepdim=True)
        return centred / variance.clamp(min=1e-6).sqrt()

    def _answers(self, crops: Tensor) -> Tensor:  # (B, nets, h, w) in [0, 1]
        if not len(crops):  # no face: a mean and deviation of nothing would be a warning
            return crops.new_zeros(0, self.nets, self.structure.outputs)
        x = self._features(crops)  # (B, nets * maps, H', W')
        x = self.hidden(x.reshape(len(crops), self.nets, -1)).tanh()  # (B, nets, hidden)
        return self.output(x).tanh()  # (B, nets, outputs)

    def _features(self, crops: Tensor) -> Tensor:
        if crops.shape[1:] != (self.nets, *self.size):
            raise ValueError(
                f"crops: {self.structure.name} looks at {self.size} rows and columns of grey, got "
                f"crops of shape {tuple(crops.shape)}"
            )
        x = self.normalise(crops)
        for stage in self.stages:
            x = stage(x)
        return x


class Network(_Nets):
    """One network of the cascade: crops (B, 1, h, w) in [0, 1] -> answers (B, outputs) in [-1, 1].

    Raises ValueError for crops of another size.
    """

    def __init__(
        self, structure: Structure | str, *, generator: torch.Generator | None = None
    ) -> None:
        structure = STRUCTURES[structure] if isinstance(structure, str) else structure
        super().__init__(structure, generator=generator)

    def forward(self, crops: Tensor) -> Tensor:
        return self._answers(crops)[:, 0]

    def features(self, crops: Tensor) -> Tensor:
        """Give the maps after the last convolution: (B, maps, H', W')."""
        return self._features(crops)


class Bank(_Nets):
    """Networks of one structure side by side, each with a crop of its own, in one pass.

    crops (B, nets, 1, h, w) in [0, 1] -> answers (B, nets, outputs) in [-1, 1]; the same numbers
    as from each network alone. Raises ValueError for crops of another size or number.
    """

    def __init__(
        self, structure: Structure, *, nets: int, generator: torch.Generator | None = None
    ) -> None:
        if nets < 2:
            raise ValueError(f"nets: a bank has 2 or more, got {nets}")
        super().__init__(structure, nets=nets, generator=generator)

    def forward(self, crops: Tensor) -> Tensor:
        if crops.ndim != 5 or crops.shape[1:3] != (self.nets, 1):
            raise ValueError(
                f"crops: expected shape (B, {self.nets}, 1, h, w), got {tuple(crops.shape)}"
            )
        return self._answers(crops[:, :, 0])

    def network(self, number: int) -> Network:
        """Take one network out, with a copy of its weights."""
        one = Network(self.structure)
        one.load_state_dict({name: value[number] for name, value in self.state_dict().items()})
        return one.train(self.training)


POINTS = 5
LEVEL2 = tuple(f"{point}2{k}" for point in ("LE", "RE", "N", "LM", "RM") for k in (1, 2))
LEVEL3 = tuple(name.replace("2", "3", 1) for name in LEVEL2)
"""Names of the networks of levels 2 and 3, in the order of their banks: LE21, LE22, RE21, ..."""


class CascadeNets(nn.Module):
    """All 23 networks; how they work together is in `predict`.

    f1: S0. en1, nm1: S1. level2, level3: ten S2 each, two a point, in the order of LEVEL2.
    """

    def __init__(self, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.f1 = Network("S0", generator=generator)
        self.en1 = Network("S1", generator=generator)
        self.nm1 = Network("S1", generator=generator)
        self.level2 = Bank(STRUCTURES["S2"], nets=2 * POINTS, generator=generator)
        self.level3 = Bank(STRUCTURES["S2"], nets=2 * POINTS, generator=generator)

    @property
    def macs(self) -> int:
        """Count the multiply-adds of one face."""
        parts = (self.f1, self.en1, self.nm1, self.level2, self.level3)
        return sum(part.nets * part.structure.macs for part in parts)


def _largest(z: Tensor) -> Tensor:
    """Give the largest of each 2 x 2 cell: (..., H, W) -> (..., H / 2, W / 2).

    On a processor and without gradients one maximum along each axis is quicker.
    """
    if torch.is_grad_enabled() or z.device.type != "cpu":
        return F.max_pool2d(z, POOL)
    rows = torch.maximum(z[..., 0::2, :], z[..., 1::2, :])
    return torch.maximum(rows[..., 0::2], rows[..., 1::2])


def _several(nets: int) -> tuple[int, ...]:
    """Give the dimension in front of the weights of several networks; one has none."""
    return (nets,) if nets > 1 else ()
