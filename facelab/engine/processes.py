"""Devices and processes of a run, through Lightning Fabric.

One process on the best device is the default. Several share each batch: process r of n takes the
samples r, r + n, r + 2n, ..., and Fabric averages their gradients (DDP), so n processes take the
step that one would take. They are started in one of two ways, never from inside a notebook:

    torchrun --nproc_per_node 2 my_training.py     recognised here; `devices` need not be given
    facelab train NAME --devices 2                 Fabric starts the same command once more
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.distributed
from lightning_fabric import Fabric
from torch import Tensor

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class Machine:
    """What to run on.

    accelerator: auto, cpu, cuda or mps. devices: processes on this computer. precision: one of
    PRECISIONS; bf16-mixed needs no care, 16-mixed is for cards without bfloat16.
    resume: go on from checkpoints. limit: heed the budget's seconds; without, only steps count.
    Raises ValueError for another precision or devices below 1.
    """

    accelerator: str = "auto"
    devices: int = 1
    precision: str = "32-true"
    resume: bool = True
    limit: bool = True

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise ValueError(f"devices: at least 1 is needed, got {self.devices}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision {self.precision!r} is not one of {', '.join(PRECISIONS)}")


_machine = Machine()


def current_machine(**choices: Any) -> Machine:
    """Return what `using_machine` asked for, with these choices instead wherever not None."""
    return replace(_machine, **{name: x for name, x in choices.items() if x is not None})


@contextlib.contextmanager
def using_machine(machine: Machine) -> Iterator[None]:
    """Make `machine` the default of every `fit` in the block, also of those in a paper's recipe."""
    global _machine
    before, _machine = _machine, machine
    try:
        yield
    finally:
        _machine = before


def start(machine: Machine) -> Fabric:
    """Return Fabric, launched on this machine; with several processes it returns in each of them.

    Raises ValueError when there are fewer devices than asked for, or inside a notebook.
    """
    devices, nodes = machine.devices, 1
    if torch.distributed.is_available() and torch.distributed.is_torchelastic_launched():
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    many = devices * nodes > 1
    try:
        fabric = Fabric(
            accelerator=machine.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy="ddp" if many else "auto",
            precision=machine.precision,  # type: ignore[arg-type]
        )
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"cannot train on {devices} {machine.accelerator} device(s) with precision "
            f"{machine.precision}: {error}; several are started from a terminal, "
            "with torchrun or facelab train --devices"
        ) from error
    if fabric.world_size != devices * nodes:
        raise ValueError(f"{devices * nodes} processes were asked for, {fabric.world_size} run")
    return fabric


def placed(batch: Any, fabric: Fabric) -> Any:
    """Return this process's samples of a batch, on its device; numbers and texts stay as they are.

    batch: tensors with the samples in their first dimension, in tuples, lists, mappings and
    dataclasses as deep as you like; tensors without dimensions go to all.
    Raises TypeError for anything else and ValueError when samples cannot be shared equally.
    """
    if batch is None or isinstance(batch, (bool, int, float, str)):
        return batch
    if isinstance(batch, Tensor):
        return share(batch, fabric.global_rank, fabric.world_size).to(fabric.device)
    if isinstance(batch, Mapping):
        return {name: placed(item, fabric) for name, item in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(placed(item, fabric) for item in batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(placed(item, fabric) for item in batch)
    if dataclasses.is_dataclass(batch) and not isinstance(batch, type):
        items = {f.name: getattr(batch, f.name) for f in dataclasses.fields(batch) if f.init}
        return dataclasses.replace(
            batch, **{name: placed(item, fabric) for name, item in items.items()}
        )
    raise TypeError(
        f"a batch holds a {type(batch).__name__}; tensors, numbers, texts, None, and tuples, "
        "lists, mappings or dataclasses of them can be placed on a device"
    )


def share(samples: Tensor, rank: int, world: int) -> Tensor:
    """Return the samples rank, rank + world, ... of a tensor.

    Raises ValueError when the shares would not be equal: then the mean over processes would not
    be the mean over samples.
    """
    if world == 1 or samples.ndim == 0:
        return samples
    if len(samples) % world:
        raise ValueError(f"{len(samples)} samples cannot be shared equally by {world} processes")
    return samples[rank::world]


def total(numbers: Tensor, fabric: Fabric) -> Tensor:
    """Return the sum of these numbers over the processes, on the CPU; each process gets it."""
    if fabric.world_size == 1:
        return numbers.cpu()
    numbers = numbers.to(fabric.device)
    torch.distributed.all_reduce(numbers)
    return numbers.cpu()


def gathered(item: Any, fabric: Fabric) -> list[Any]:
    """Return one item of each process, in order; each process gets the list."""
    if fabric.world_size == 1:
        return [item]
    items: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(items, item)
    return items


def same_buffers(model: torch.nn.Module, fabric: Fabric) -> None:
    """Give all processes the buffers of the first, such as running means of batch norm; gradients
    keep only parameters equal."""
    if fabric.world_size > 1:
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, src=0)
