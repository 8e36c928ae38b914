"""A run small enough for tests, as functions and as a program that can be killed.

python small_run.py FOLDER STEPS SECONDS_A_STEP [PROCESSES]   writes FOLDER/rank0.pt, ...
"""

import contextlib
import sys
import time
from pathlib import Path

import torch
from torch import nn

from facelab.engine.budget import Budget
from facelab.engine.training import fit

BATCH = 8


def budget(steps=12, **limits):
    return Budget(
        "smoke", **{"steps": steps, "batch": BATCH, "images": 16, "max_seconds": 60} | limits
    )


def network(seed=0, *, hidden=6):
    """Layers that draw (dropout) and layers that count (batch norm), with weights of this seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Linear(4, hidden), nn.BatchNorm1d(hidden), nn.Dropout(0.3), nn.Linear(hidden, 1)
    return nn.Sequential(*layers)


def batches(start):
    step = start
    while True:
        x = torch.rand(BATCH, 4, generator=torch.Generator().manual_seed(step))
        yield x, x.sum(dim=1, keepdim=True)
        step += 1


def loss(model, batch):
    x, y = batch
    predicted = model(x)
    return {"near": (predicted - y).square().mean(), "small": 0.01 * predicted.abs().mean()}


def train(folder=None, *, steps=12, model=None, loss=loss, batches=batches, **options):
    """Return the trained model and its history."""
    model = network() if model is None else model
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [5, 9], gamma=0.5)
    choices = {"budget": budget(steps), "log_every": 5, "show": False, "accelerator": "cpu"}
    choices |= {"optimizer": optimizer, "scheduler": scheduler, "folder": folder}
    return model, fit(model, loss, batches, **(choices | options))


def same(a, b):
    """Say whether two models hold the same numbers, bit for bit."""
    one, other = a.state_dict(), b.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def broken_off_and_resumed(folder, steps, loss, devices):
    """Return the model of a run that failed in its seventh step and went on."""
    steps_left = iter(range(6))

    def fails(model, batch):
        next(steps_left)
        return loss(model, batch)

    with contextlib.suppress(StopIteration):
        train(folder, steps=steps, loss=fails, devices=devices, save_every_s=0)
    return train(folder, steps=steps, loss=loss, devices=devices)[0]


def main():
    folder, steps, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    devices = int(sys.argv[4]) if len(sys.argv) > 4 else 1

    def slowly(model, batch):
        time.sleep(pause)
        return loss(model, batch) | {"samples": torch.tensor(float(len(batch[0])))}

    model, history = train(folder, steps=steps, loss=slowly, devices=devices, save_every_s=0)
    plain = nn.Linear(4, 1)  # nothing random, nothing counted: any number of processes agree
    nn.init.zeros_(plain.weight), nn.init.zeros_(plain.bias)
    train(steps=3, model=plain, devices=devices)
    resumed = broken_off_and_resumed(folder / "again", steps, slowly, devices)
    rank, world = 0, 1
    if torch.distributed.is_initialized():
        rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    found = {"world": world, "losses": history.losses, "steps": history.steps}
    found |= {"resumed": same(model, resumed)}
    found |= {"weights": model.state_dict(), "plain": plain.state_dict()}
    torch.save(found, folder / f"rank{rank}.pt")


if __name__ == "__main__":
    main()
