"""How the learning rate moves while a model trains."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warm_cosine(
    optimizer: Optimizer, steps: int, *, warm_up: int = 0, last: float = 0.01
) -> LambdaLR:
    """Let the rate rise evenly for `warm_up` steps, then fall along half a cosine.

    steps: of the whole run. last: share of the optimizer's rate that is left at their end.
    Raises ValueError for a negative warm-up, or a share outside [0, 1].
    """
    if warm_up < 0 or not 0 <= last <= 1:
        raise ValueError(f"warm_up, last: expected 0 or more and a share, got {warm_up}, {last}")

    def share(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        done = min(1.0, (step - warm_up) / max(1, steps - warm_up))
        return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2

    return LambdaLR(optimizer, share)
