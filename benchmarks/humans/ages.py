"""The age check: a small net learns ages from half of the people and is asked about the others."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facelab.humans.sprites import SpriteSource

from .embedder_data import aligned, worn
from .embedder_net import CHANNELS, ProbeEmbedder

STEPS, BATCH = 1500, 48
GROUPS = (11, 20, 30, 40, 50, 60, 70, 81)  # years
UNSEEN = 1500  # renders that are judged at most


class AgeNet(nn.Module):
    """The body of the probe embedder with one number at its end: decades above 40."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.decades = ProbeEmbedder(), nn.Linear(CHANNELS, 1)

    def forward(self, crops: Tensor) -> Tensor:  # (B, 3, H, W) in [0, 1] -> (B,)
        return self.decades(self.body.described(crops))[:, 0]


def judge_ages(source: SpriteSource, *, steps: int = STEPS) -> dict[str, Any]:
    """Train on every second person; give the mean guess in each group of true ages of the others.

    `monotone`: the mean guesses rise from group to group.
    """
    person = np.asarray(source.table["person"])
    is_trained = np.isin(person, np.unique(person)[::2])
    net = trained(source, np.flatnonzero(is_trained), steps)
    unseen = np.random.default_rng(1).permutation(np.flatnonzero(~is_trained))[:UNSEEN]
    truth = np.asarray(source.table["age"])[unseen].astype(float)
    guess = guesses(net, source, unseen)
    groups = []
    for low, high in zip(GROUPS, GROUPS[1:], strict=False):
        inside = (truth >= low) & (truth < high)
        if inside.any():
            mean = round(float(guess[inside].mean()), 2)
            groups.append({"from": low, "to": high, "renders": int(inside.sum()), "guess": mean})
    means = [group["guess"] for group in groups]
    return {
        "renders": len(unseen),
        "mean_error_years": round(float(np.abs(guess - truth).mean()), 2),
        "rank_correlation": round(spearman(guess, truth), 4),
        "groups": groups,
        "monotone": all(a < b for a, b in zip(means, means[1:], strict=False)),
    }


def trained(source: SpriteSource, rows: np.ndarray, steps: int) -> nn.Module:
    """Train an age net on some rows of a source, in worn crops."""
    torch.manual_seed(0)
    net = AgeNet()
    net.to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    drawn = batches(source, rows)
    for step in range(steps):
        images, years = next(drawn)
        with torch.autocast("cpu", torch.bfloat16):
            decades = net(images.float() / 255).float()
        loss = F.smooth_l1_loss(decades, (years - 40) / 10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"age: step {step}, loss {loss.item():.3f}", file=sys.stderr, flush=True)
    return net.eval()


def batches(source: SpriteSource, rows: np.ndarray) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches of crops (B, 3, SIDE, SIDE) uint8 and years (B,), all decades alike often."""
    rng = np.random.default_rng(0)
    ages = np.asarray(source.table["age"])
    decade = np.digitize(ages[rows], np.arange(15, 80, 10))
    members = [rows[decade == name] for name in np.unique(decade)]
    while True:
        picked = [int(rng.choice(members[rng.integers(len(members))])) for _ in range(BATCH)]
        crops = [worn(aligned(source[row], rng), rng) for row in picked]
        images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        yield images, torch.from_numpy(ages[picked].astype(np.float32))


def guesses(net: nn.Module, source: SpriteSource, rows: np.ndarray) -> np.ndarray:
    """Ages in years of some sprites, (N,)."""
    rng = np.random.default_rng(2)
    result = []
    with torch.inference_mode():
        for start in range(0, len(rows), 64):
            crops = [aligned(source[int(row)], rng) for row in rows[start : start + 64]]
            images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float()
            result.append(40 + 10 * net(images / 255).numpy())
    return np.concatenate(result)


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation of ranks; equal values keep their order."""
    ranks = [np.argsort(np.argsort(x, kind="stable")) for x in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])
