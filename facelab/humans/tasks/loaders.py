"""Data sets for training, one a task, from any source of sprites.

| Data set        | Gives                                               | For                  |
| --------------- | --------------------------------------------------- | -------------------- |
| `IdentityCrops` | `IdentityImage`, aligned; `PKSampler` batches P x K | recognition          |
| `AgedCrops`     | `AgedFace`, aligned, with age groups                | aging by groups      |
| `AgePairs`      | two `AgedFace` of one person, the younger first     | aging with the truth |
| `LandmarkCrops` | `Scene` with one face, 5 or 68 points               | landmarks, pose      |
| `Scenes`        | `Scene` with many faces                             | detection            |
| `Patches`       | `Patch`: a face small and large, or no face         | tiny faces           |
| `PairCrops`     | `Pair`, in folds as in LFW                          | verification         |

    people = load_pack(split="train")
    crops = IdentityCrops(people, seed=0)
    sampler = PKSampler(crops.identities, people=16, images=4, seed=0)
    for images, identities in make_loader(crops, batch_sampler=sampler, collate=identity_batch): ...

Item i depends on (seed, epoch, i) and on nothing else: not on workers, nor on what was asked for
before. `set_epoch` changes the crops of all items, also in workers that are already running.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from facelab.humans.sprites import Sprite, SpriteSource
from facelab.humans.tasks import crops
from facelab.humans.tasks.batches import (
    Item,
    PKSampler,
    Seeded,
    identity_batch,
    make_loader,
    start_worker,
)
from facelab.humans.tasks.crops import PLAIN, Augment, Backdrops, default_augment, varied
from facelab.humans.tasks.pairs import VerificationPairs, verification_pairs
from facelab.humans.tasks.patches import Patch, Patches
from facelab.types import AgedFace, IdentityImage, Pair, Scene

__all__ = [
    "AGE_GROUPS",
    "PLAIN",
    "AgePairs",
    "AgedCrops",
    "Augment",
    "IdentityCrops",
    "LandmarkCrops",
    "PKSampler",
    "PairCrops",
    "Patch",
    "Patches",
    "Scenes",
    "age_group",
    "identity_batch",
    "make_loader",
    "start_worker",
    "verification_pairs",
]

AGE_GROUPS = (11.0, 21.0, 31.0, 41.0, 51.0)
"""First years of the groups 11-20, 21-30, 31-40, 41-50, over 50. Source: IPCGAN, section 4.1."""


class _Crops(Seeded[Item]):
    """Crops of sprites on backgrounds; options as `IdentityCrops`."""

    def __init__(
        self,
        source: SpriteSource,
        *,
        size: int | tuple[int, int] = 112,
        seed: int = 0,
        augment: Augment | None = None,
        backdrops: Backdrops | None = None,
    ) -> None:
        super().__init__(seed=seed)
        self.source = source
        self.size = (size, size) if isinstance(size, int) else size
        self.augment = default_augment() if augment is None else augment
        self.backdrops = Backdrops() if backdrops is None else backdrops

    def taken(
        self, sprite: Sprite, matrix: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cut one crop through a map (2, 3), varied and degraded as the options say: uint8
        (H, W, 3), and the map that was used."""
        matrix = varied(matrix, self.size, rng, self.augment)
        image = crops.cut(sprite.rgba, matrix, self.size, self.backdrops.window(rng, self.size))
        if self.augment.degrade is not None:
            image = self.augment.degrade(image, rng)
        return image, matrix


class _Aligned(_Crops[Item]):
    """Aligned crops."""

    def crop(self, sprite: Sprite, rng: np.random.Generator) -> tuple[np.ndarray, Tensor]:
        """Cut one aligned crop: uint8 (H, W, 3) and its five points (5, 2) in the crop."""
        image, matrix = self.taken(sprite, crops.alignment(sprite.five, self.size), rng)
        return image, torch.from_numpy(crops.move_points(matrix, sprite.five))


class IdentityCrops(_Aligned[IdentityImage]):
    """Aligned crops of people: item i is sprite i on a background, as `IdentityImage`.

    source: sprites. size: of the crop, as in `geometry.template`. seed: of the augmentation.
    augment: by how much crops vary; `PLAIN` for testing. backdrops: backgrounds.
    identities: (N,) int64, 0 to the number of people - 1: the class of each item. people: (C,) the
    person whom each class is in the source.
    """

    def __init__(self, source: SpriteSource, **options: Any) -> None:
        super().__init__(source, **options)
        self.people, identities = np.unique(source.table["person"], return_inverse=True)
        self.identities: np.ndarray = identities.astype(np.int64)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> IdentityImage:
        index = self._check(index)
        image, five = self.crop(self.source[index], self.rng(index))
        return IdentityImage(image, int(self.identities[index]), five)


class AgedCrops(_Aligned[AgedFace]):
    """Aligned crops with ages: item i is sprite i, as `AgedFace`; options as `IdentityCrops`.

    groups: (N,) int64, the age group of each item, -1 below the first. edges: first years of the
    groups.
    """

    def __init__(
        self, source: SpriteSource, *, edges: Sequence[float] = AGE_GROUPS, **options: Any
    ) -> None:
        super().__init__(source, **options)
        self.edges = tuple(edges)
        self.groups = age_group(source.table["age"], edges)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> AgedFace:
        index = self._check(index)
        return _aged(self, index, self.rng(index))


class AgePairs(_Aligned[tuple[AgedFace, AgedFace]]):
    """Pairs of one person at two ages, the younger first; options as `IdentityCrops`.

    gap: least difference in years. pairs: (N, 2) int64 sprite numbers of each item.
    Raises ValueError for a gap of 0 or less, and when nobody has two ages that far apart.
    """

    def __init__(self, source: SpriteSource, *, gap: float = 10.0, **options: Any) -> None:
        super().__init__(source, **options)
        person, age = source.table["person"], source.table["age"]
        if not gap > 0:
            raise ValueError(f"gap: expected years above 0, got {gap:g}")
        found = [np.zeros((0, 2), np.int64)]
        for one in np.unique(person):
            mine = np.flatnonzero(person == one)
            younger, older = np.nonzero(age[mine][None, :] - age[mine][:, None] >= gap)
            found.append(np.stack([mine[younger], mine[older]], axis=1))
        self.pairs = np.concatenate(found)
        if not len(self.pairs):
            raise ValueError(
                f"gap: nobody is shown at two ages {gap:g} years apart; ask for a smaller gap"
            )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[AgedFace, AgedFace]:
        index = self._check(index)
        rng = self.rng(index)
        younger, older = (_aged(self, int(sprite), rng) for sprite in self.pairs[index])
        return younger, older


class LandmarkCrops(_Crops[Scene]):
    """Crops around the face box with landmarks: item i is sprite i, as `Scene` with one face.

    points: 5 or 68. margin: left around the box, as a share of its longer side. augment: by how
    much the crop varies about that; other options as `IdentityCrops`. Attributes: visible (1, P)
    bool, in the crop and not hidden; pose (1, 3) yaw, pitch, roll in radians, mirrored with the
    crop but not turned with it; hidden, age (1,), person (1,).
    Raises ValueError for another number of points, or a margin of -0.5 or less.
    """

    def __init__(
        self,
        source: SpriteSource,
        *,
        points: Literal[5, 68] = 68,
        margin: float = 0.15,
        augment: Augment | None = None,
        **options: Any,
    ) -> None:
        wide = default_augment(angle=0.35, zoom=1.15, shift=0.08)
        super().__init__(source, augment=wide if augment is None else augment, **options)
        if points not in (5, 68):
            raise ValueError(f"points: expected 5 or 68, got {points}")
        if not margin > -0.5:
            raise ValueError(f"margin: expected more than -0.5, which leaves nothing; got {margin}")
        self.points, self.margin = points, margin

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Scene:
        index = self._check(index)
        sprite, rng = self.source[index], self.rng(index)
        matrix = crops.around(sprite.box, self.size, margin=self.margin)
        image, matrix = self.taken(sprite, matrix, rng)
        five = self.points == 5
        points = crops.move_points(matrix, sprite.five if five else sprite.landmarks)
        seen = (sprite.five_visible if five else sprite.visible)[crops.swap(matrix, self.points)]
        seen = seen & ((points >= 0) & (points < self.size[::-1])).all(axis=1)
        pose = np.array(sprite.pose, np.float32)
        if crops.area(matrix) < 0:
            pose *= (-1, 1, -1)  # yaw and roll change sides
        return Scene(
            image,
            torch.from_numpy(crops.move_box(matrix, sprite.box))[None],
            torch.from_numpy(points)[None],
            {
                "visible": torch.from_numpy(seen)[None],
                "pose": torch.from_numpy(pose)[None],
                "hidden": torch.tensor([sprite.hidden]),
                "age": torch.tensor([sprite.age]),
                "person": torch.tensor([sprite.person]),
            },
        )


class PairCrops(_Aligned[Pair]):
    """Aligned pairs for verification: item i is pair i of `pairs.verification_pairs`, as `Pair`;
    options as `IdentityCrops`.

    The two crops have backgrounds of their own. folds: (N,) int64, the fold of each pair.
    """

    def __init__(self, source: SpriteSource, pairs: VerificationPairs, **options: Any) -> None:
        super().__init__(source, **options)
        self.pairs, self.folds = pairs, pairs.fold

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Pair:
        index = self._check(index)
        rng = self.rng(index)
        sprites = (
            self.source[int(self.pairs.first[index])],
            self.source[int(self.pairs.second[index])],
        )
        first, second = (self.crop(sprite, rng)[0] for sprite in sprites)
        return Pair(first, second, bool(self.pairs.same[index]))


Compose = Callable[..., Scene]


class Scenes(Seeded[Scene]):
    """Photos of many people, composed when they are asked for, as `Scene`.

    length: scenes an epoch. size: (H, W) pixels. faces: how many, or a range (least, most) to draw
    from, in equal steps of the logarithm, or None for as many as photos on the web have. compose:
    what makes one of source, seed, size and faces; facelab's own when left out. options: the rest
    goes to `compose`, such as config.
    Raises ValueError for a length below 1, or a range that is not 1 <= least <= most.
    """

    def __init__(
        self,
        source: SpriteSource,
        *,
        length: int,
        size: tuple[int, int] = (480, 640),
        faces: int | tuple[int, int] | None = None,
        seed: int = 0,
        compose: Compose | None = None,
        **options: Any,
    ) -> None:
        super().__init__(seed=seed)
        if length < 1:
            raise ValueError(f"length: expected 1 or more, got {length}")
        if isinstance(faces, tuple) and not 1 <= faces[0] <= faces[1]:
            raise ValueError(f"faces: a range is (least, most), 1 <= least <= most; got {faces}")
        if compose is None:
            from facelab.humans.scenery.scenes import compose as own

            compose = own
        self.source, self.length, self.size, self.faces = source, length, size, faces
        self.compose = partial(compose, **options)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Scene:
        rng = self.rng(self._check(index))
        faces = self.faces
        if isinstance(faces, tuple):
            low, high = np.log(faces[0]), np.log(faces[1] + 1)
            faces = min(int(np.exp(rng.uniform(low, high))), faces[1])
        seed = int(rng.integers(2**62))
        return self.compose(self.source, seed=seed, size=self.size, faces=faces)


def age_group(age: np.ndarray, edges: Sequence[float] = AGE_GROUPS) -> np.ndarray:
    """Number the age groups: age (N,) years, edges the first year of each. Returns (N,) int64, -1
    below the first edge."""
    return np.searchsorted(np.asarray(edges), np.asarray(age), side="right").astype(np.int64) - 1


def _aged(data: _Aligned[Any], index: int, rng: np.random.Generator) -> AgedFace:
    """Cut the aligned crop of a sprite, by number, as a record with its age."""
    sprite = data.source[index]
    image, five = data.crop(sprite, rng)
    return AgedFace(image, float(sprite.age), int(sprite.person), five)
