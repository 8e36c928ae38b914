"""Keep the global random streams of a run apart from those of the program around it.

What the package draws itself comes from a `torch.Generator`. Layers such as dropout draw from the
global stream of torch, and somebody's batches may draw from those of NumPy or Python: these three
are seeded for a run, can be written down in the middle of it, and are given back afterwards.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

_STRIDE = 1_000_003  # between the seeds of two processes: a prime, far from neighbouring seeds


@contextlib.contextmanager
def random_streams(seed: int, *, rank: int = 0) -> Iterator[None]:
    """Seed torch (CPU and CUDA), NumPy and Python for the block; afterwards they go on as before.

    seed: 0 or more. rank: number of the process; each process draws other numbers.
    """
    before = stream_states()
    start = seed + _STRIDE * rank
    torch.manual_seed(start)
    np.random.seed(start % 2**32)  # noqa: NPY002
    random.seed(start)
    try:
        yield
    finally:
        set_stream_states(before)


@contextlib.contextmanager
def untouched_streams() -> Iterator[None]:
    """Let the block draw what it likes; afterwards all streams are where they were."""
    before = stream_states()
    try:
        yield
    finally:
        set_stream_states(before)


def stream_states() -> dict[str, Any]:
    """Return where the streams are, in tensors and plain numbers only."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    version, words, spare = random.getstate()
    states: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": [str(name), torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest],
        "python": [version, torch.tensor(words, dtype=torch.int64), spare],
    }
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def set_stream_states(states: Mapping[str, Any]) -> None:
    """Put the streams where `stream_states` found them."""
    torch.set_rng_state(states["torch"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, words, spare = states["python"]
    random.setstate((version, tuple(words.tolist()), spare))
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def generator(seed: int, purpose: str) -> torch.Generator:
    """Give the randomness of one purpose: the same seed and words, the same numbers.

    Torch keeps 32 bits of a seed, so a purpose must not be shifted above them.
    """
    mixed = (zlib.crc32(purpose.encode()) * _STRIDE + seed) % 2**32
    return torch.Generator().manual_seed(mixed)


def drawn_rows(
    count: int, batch: int, *, seed: int, purpose: str, start: int = 0
) -> Iterator[tuple[Tensor, torch.Generator]]:
    """Draw the rows of batch after batch from step `start` on, without end.

    count: rows there are. batch: rows a step, with repeats. Yields (batch,) int64 and the generator
    for whatever else the batch draws; both follow from seed, purpose and step alone, as `fit` asks.
    """
    for step in itertools.count(start):
        own = generator(seed, f"{purpose} step {step}")
        yield torch.randint(count, (batch,), generator=own), own
