"""What the probe embedder is punished for: people that lie too close to each other."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .embedder_net import DIMENSIONS, ProbeEmbedder
from .training import Batch

MARGIN, SCALE = 0.2, 32.0


class Learner(nn.Module):
    """The embedder with a centre for every person, needed while it learns only.

    The margin grows from 0 to its full size over the first `ramp` batches.
    """

    done: Tensor  # batches so far; stored with the weights, so that a continued run goes on

    def __init__(self, *, people: int, ramp: int = 1) -> None:
        super().__init__()
        self.net, self.ramp = ProbeEmbedder(), ramp
        self.register_buffer("done", torch.zeros((), dtype=torch.int64))
        self.centres = nn.Parameter(torch.randn(people, DIMENSIONS) * 0.1)

    def forward(self, crops: Tensor) -> Tensor:  # (B, 3, 112, 112) -> (B, people) cosines
        self.done += int(self.training)
        return self.net(crops) @ F.normalize(self.centres, dim=1).T

    def margin(self) -> float:
        """The margin of the batch at hand."""
        return MARGIN * min(1.0, float(self.done) / self.ramp)


def losses_of(learner: Learner, batch: Batch) -> dict[str, Tensor]:
    """CosFace: the own centre must be nearer than all others by a margin.

    Source: Wang et al., "CosFace", 2018, equation 4.
    """
    crops = batch["image"].float().div_(255).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        cosine = learner(crops)
    own = F.one_hot(batch["person"], cosine.shape[1])
    logits = SCALE * (cosine.float() - learner.margin() * own)
    return {"person": F.cross_entropy(logits, batch["person"])}
