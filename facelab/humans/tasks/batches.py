"""Batches: choosing people and images, stacking crops, workers that keep to one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from facelab.types import IdentityImage

Item = TypeVar("Item")


class Seeded(Dataset[Item], Generic[Item]):
    """A data set whose items follow from (seed, epoch, number)."""

    def __init__(self, *, seed: int) -> None:
        self.seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers see changes

    @property
    def epoch(self) -> int:
        """Say which epoch it is."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, here and in running workers."""
        self._epoch.fill_(epoch)

    def rng(self, index: int) -> np.random.Generator:
        """Give the randomness of an item."""
        return np.random.default_rng([self.seed, self.epoch, index])

    def _check(self, index: int) -> int:
        """Count a negative index from the end; refuse one outside with IndexError, which ends a
        loop."""
        count = len(self)  # type: ignore[arg-type]
        if not -count <= index < count:
            raise IndexError(f"item {index} of {count}")
        return int(index) % count


class PKSampler(Sampler[list[int]]):
    """Batches of P people with K images each, for losses that compare within a batch.

    identities: (N,) the person of each item. people, images: P and K. seed: of the choice.
    An epoch has N // (P K) batches; each person comes once before anybody comes again. Nobody is
    twice in a batch; somebody with fewer than K images has some of them repeated.
    Raises ValueError when there are fewer than P people.
    """

    def __init__(
        self, identities: Sequence[int] | np.ndarray, *, people: int, images: int, seed: int = 0
    ) -> None:
        if people < 1 or images < 1:
            raise ValueError(f"people, images: expected 1 or more, got {people}, {images}")
        identities = np.asarray(identities)
        order = np.argsort(identities, kind="stable")
        starts = np.flatnonzero(np.diff(identities[order], prepend=-1))[1:]
        self._members = np.split(order, starts)
        if len(identities) == 0 or len(self._members) < people:
            raise ValueError(
                f"people: {people} asked for, {len(self._members)} there; ask for fewer a batch"
            )
        self.people, self.images, self.seed, self.epoch = people, images, seed, 0
        self._length = max(1, len(identities) // (people * images))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; each draws other batches."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        waiting: list[int] = []
        for _ in range(self._length):
            if len(waiting) < self.people:  # those left over come first, and nobody twice
                fresh = rng.permutation(len(self._members))
                late = np.isin(fresh, waiting)
                waiting += [*fresh[~late].tolist(), *fresh[late].tolist()]
            chosen, waiting = waiting[: self.people], waiting[self.people :]
            batch: list[int] = []
            for person in chosen:
                items = self._members[person]
                few = len(items) < self.images
                batch += rng.choice(items, self.images, replace=few).tolist()
            yield batch


def identity_batch(records: Sequence[IdentityImage]) -> tuple[Tensor, Tensor]:
    """Stack crops for training: images (B, 3, H, W) float32 in [0, 1], identities (B,) int64."""
    images = np.stack([record.image for record in records])
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2))  # as bytes, a quarter of the work
    identities = torch.tensor([record.identity for record in records])
    return torch.from_numpy(planes).float().div_(255), identities


def make_loader(
    data: Dataset[Any],
    *,
    batch: int = 1,
    batch_sampler: Sampler[list[int]] | None = None,
    shuffle: bool = False,
    workers: int = 0,
    seed: int = 0,
    collate: Callable[[Any], Any] = list,
) -> DataLoader[Any]:
    """Give a DataLoader whose workers keep to one thread each.

    batch, shuffle: as usual, unless a batch_sampler decides. workers: processes, 0 for none. seed:
    of the shuffling. collate: makes a batch of a list of records; the list itself when left out.
    """
    if batch_sampler is not None:
        order: dict[str, Any] = {"batch_sampler": batch_sampler}
    else:
        generator = torch.Generator().manual_seed(seed)
        order = {"batch_size": batch, "shuffle": shuffle, "generator": generator}
    return DataLoader(
        data,
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=start_worker,
        persistent_workers=workers > 0,
        **order,
    )


def start_worker(number: int) -> None:
    """Keep a worker to one thread: several that use all cores are slower than one."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
