"""The loop that both probes share: fixed number of steps, cosine schedule, averaged weights,
resumable.

Steps and pictures are counted, not seconds, so that a busy machine trains the same model.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from facelab.engine.weights import read_tensors, save_tensors

Batch = Mapping[str, Tensor]
Losses = Callable[[Any, Batch], dict[str, Tensor]]
SAVE_EVERY = 200  # steps


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a training does. items_per_step: entries of the data set that make one batch."""

    steps: int
    items_per_step: int
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warm_up: int = 100
    average: float = 0.998
    clip: float = 5.0
    seed: int = 0


class Average:
    """Exponential moving average of a net's weights and statistics."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {key: value.detach().clone() for key, value in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        """Move towards the net's weights, quickly in the first steps."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for key, value in net.state_dict().items():
            if value.is_floating_point():
                self.state[key].lerp_(value, 1 - decay)
            else:
                self.state[key].copy_(value)


def learning_rate(recipe: Recipe, step: int) -> float:
    """Rise linearly, then fall as half a cosine to a hundredth."""
    if step < recipe.warm_up:
        return recipe.learning_rate * (step + 1) / recipe.warm_up
    done = (step - recipe.warm_up) / max(1, recipe.steps - recipe.warm_up)
    return recipe.learning_rate * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)


def batches(data: Dataset, recipe: Recipe, *, start: int, workers: int) -> Iterator[Batch]:
    """Give the batches from step `start` on; item k of the data set is always in the same one."""
    rest = Subset(data, range(start * recipe.items_per_step, recipe.steps * recipe.items_per_step))
    loader: DataLoader = DataLoader(
        rest,
        batch_size=recipe.items_per_step,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="fork" if workers else None,
        collate_fn=joined,
    )
    return iter(loader)


def joined(items: list[Batch]) -> Batch:
    """Put the samples of several items into one batch."""
    return {key: torch.cat([item[key] for item in items]) for key in items[0]}


def fit(
    net: nn.Module,
    data: Dataset,
    losses_of: Losses,
    recipe: Recipe,
    *,
    out: Path,
    card: Mapping[str, Any],
    workers: int = 1,
) -> Path:
    """Train a net and write `out/weights.safetensors` (averaged weights) and `out/log.jsonl`.

    A run that was stopped goes on from `out/state.safetensors`. Raises FloatingPointError with the
    step and the losses when they are no longer finite.
    """
    out.mkdir(parents=True, exist_ok=True)
    net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    decay = [p for p in net.parameters() if p.ndim > 1]
    plain = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decay}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, recipe.learning_rate, weight_decay=recipe.weight_decay)
    average = Average(net, recipe.average)
    start = restore(out / "state.safetensors", net, average, optimizer, recipe)
    began, waited, last = time.perf_counter(), 0.0, time.perf_counter()
    with (out / "log.jsonl").open("a") as log:
        for step, batch in enumerate(batches(data, recipe, start=start, workers=workers), start):
            waited += time.perf_counter() - last
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, step)
            losses = losses_of(net, batch)  # name -> scalar tensor
            total = torch.stack(list(losses.values())).sum()
            if not torch.isfinite(total):
                values = ", ".join(f"{key}={value.item():.3g}" for key, value in losses.items())
                raise FloatingPointError(f"step {step}: {values}")
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            nn.utils.clip_grad_norm_(net.parameters(), recipe.clip)
            optimizer.step()
            average.update(net, step)
            if step % 25 == 24 or step + 1 == recipe.steps:
                seconds = time.perf_counter() - began
                row = {"step": step + 1, "seconds": round(seconds, 1), "waited": round(waited, 1)}
                row |= {key: round(value.item(), 4) for key, value in losses.items()}
                log.write(json.dumps(row) + "\n")
                log.flush()
                print(json.dumps(row), file=sys.stderr, flush=True)
            if (step + 1) % SAVE_EVERY == 0:
                keep(out / "state.safetensors", net, average, optimizer, recipe, step + 1)
            last = time.perf_counter()
    weights = out / "weights.safetensors"
    save_tensors(weights, average.state, {**card, "recipe": asdict(recipe)})
    return weights


def keep(
    path: Path,
    net: nn.Module,
    average: Average,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    step: int,
) -> None:
    """Store all that a continued run needs."""
    tensors = {f"net.{key}": value.clone() for key, value in net.state_dict().items()}
    tensors |= {f"average.{key}": value for key, value in average.state.items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{key}": value for key, value in state.items()}
    save_tensors(path, tensors, {"step": step, "recipe": asdict(recipe)})


def restore(
    path: Path, net: nn.Module, average: Average, optimizer: torch.optim.Optimizer, recipe: Recipe
) -> int:
    """Go back to a stored state; return its step, or 0 where there is none of this recipe."""
    if not path.exists():
        return 0
    tensors, card = read_tensors(path)
    if card["recipe"] != asdict(recipe):
        raise ValueError(f"{path}: belongs to another recipe; choose another --out or delete it")
    parts: dict[str, dict[str, Tensor]] = {"net": {}, "average": {}, "optimizer": {}}
    for name, value in tensors.items():
        part, key = name.split(".", 1)
        parts[part][key] = value
    net.load_state_dict(parts["net"])
    average.state = parts["average"]
    stored: dict[int, dict[str, Tensor]] = {}
    for name, value in parts["optimizer"].items():
        number, key = name.split(".", 1)
        stored.setdefault(int(number), {})[key] = value
    state = optimizer.state_dict()
    optimizer.load_state_dict({"state": stored, "param_groups": state["param_groups"]})
    return int(card["step"])
