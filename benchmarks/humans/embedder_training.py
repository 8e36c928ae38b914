"""What the probe embedder is punished for: people that lie closer to each other than to themselves.

In the few minutes that a probe may take, comparing the crops of a batch with each other teaches far
more than comparing them with one centre a person: a centre is seen a handful of times.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .embedder_net import ProbeEmbedder
from .training import Batch

TEMPERATURES = 0.2, 0.08
"""Of the comparison, at the start and at the end: later, the hardest pairs count more."""


class Learner(nn.Module):
    """The embedder, and how far it has come; the temperature falls evenly in its logarithm.

    steps: batches in all.
    """

    done: Tensor  # batches so far; stored with the weights, so that a continued run goes on

    def __init__(self, *, steps: int) -> None:
        super().__init__()
        self.net, self.steps = ProbeEmbedder(), steps
        self.register_buffer("done", torch.zeros((), dtype=torch.int64))

    def forward(self, crops: Tensor) -> Tensor:  # (B, 3, H, W) -> (B, D)
        self.done += int(self.training)
        return self.net(crops)

    def temperature(self) -> float:
        """The temperature of the batch at hand."""
        start, end = TEMPERATURES
        return start * (end / start) ** min(1.0, float(self.done) / self.steps)


def losses_of(learner: Learner, batch: Batch) -> dict[str, Tensor]:
    """Compare every crop with all others of the batch; see `contrast`."""
    crops = batch["image"].float().div_(255).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        vectors = learner(crops)
    return {"person": contrast(vectors.float(), batch["person"], learner.temperature())}


def contrast(vectors: Tensor, person: Tensor, temperature: float) -> Tensor:
    """Ask each vector to find its own person's others among all vectors of the batch.

    vectors: (B, D) of unit length. person: (B,); somebody who is there once is compared with, but
    asks nothing. Returns a scalar.
    Source: Khosla et al., "Supervised contrastive learning", 2020, equation 2.
    """
    itself = torch.eye(len(person), dtype=torch.bool, device=person.device)
    logits = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    chance = logits - logits.logsumexp(dim=1, keepdim=True)  # logarithm of each one's share
    own = (person[:, None] == person[None]) & ~itself
    found = torch.where(own, chance, 0.0).sum(dim=1)
    asks = own.sum(dim=1)
    return -(found / asks.clamp(min=1))[asks > 0].mean()
