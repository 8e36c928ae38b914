"""Random inputs for checks and tests."""

from __future__ import annotations

import torch
from torch import Tensor


def random_boxes(generator: torch.Generator, n: int, size: float = 100.0) -> Tensor:
    """Return (n, 4) float32 boxes on whole pixels in a square of `size`, each with an area."""
    limit = int(size)
    corner = torch.randint(0, limit - 1, (n, 2), generator=generator)
    room = limit - corner
    share = torch.rand(n, 2, generator=generator)
    extent = 1 + (share * (room - 1)).long()
    return torch.cat([corner, corner + extent], dim=1).float()
