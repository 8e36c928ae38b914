"""Render people into a pack, with all cores, in steps that survive an interruption.

The unit of work is one person: everything random about a person comes from (seed, person), so the
same recipe gives the same files whatever the number of workers, and whether or not it was stopped
in between. A finished person waits in `unfinished/` until there are enough for a shard.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facelab.engine.files import TEMPORARY
from facelab.engine.workers import worker_pool
from facelab.humans.packs import labels
from facelab.humans.packs.pack import MANIFEST, Pack, PackError, load_pack
from facelab.humans.packs.packing import (
    QUALITY,
    SHARD_BYTES,
    Chunk,
    PackWriter,
    encode,
    make_folder,
)
from facelab.humans.sprites import Prop, Sprite

UNFINISHED = "unfinished"
SMALLEST, LARGEST = 32, 1024
"""Limits of `Recipe.size`, in pixels: below, a face has fewer pixels than landmarks."""

VERSION = 1
"""Of the making: raised when the same recipe gives other people."""


@dataclass(frozen=True)
class Recipe:
    """Say which people to render, and how.

    people, views: how many people, and pictures of each. size: side of a head-and-shoulder picture
    in pixels; half bodies are 1.6 times as high, large pictures 2.4 times as wide and high. seed:
    another one gives other people. youngest, oldest: range of ages, years. aged: share of the
    people who are shown across that range in even steps, one age a view; the others stay within a
    few years of one age. half, large: shares of half bodies and of large pictures. props: how many
    cut-outs without a face. quality: of the pictures, 0 to 100.
    Raises ValueError that names the setting.
    """

    people: int = 400
    views: int = 10
    size: int = 160
    seed: int = 1
    youngest: float = 11.0
    oldest: float = 80.0
    aged: float = 0.3
    half: float = 0.3
    large: float = 0.05
    props: int = 0
    quality: int = QUALITY

    def __post_init__(self) -> None:
        whole = ("people", "views", "size", "seed", "props", "quality")
        for name in whole:
            if int(getattr(self, name)) != getattr(self, name):
                raise ValueError(f"{name}: expected a whole number, got {getattr(self, name)}")
        for name in ("people", "views"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected 1 or more, got {getattr(self, name)}")
        if not SMALLEST <= self.size <= LARGEST:
            raise ValueError(f"size: expected {SMALLEST} to {LARGEST} pixels, got {self.size}")
        if self.seed < 0 or self.props < 0:
            raise ValueError("seed, props: expected 0 or more")
        if not 0 <= self.quality <= 100:
            raise ValueError(f"quality: expected 0 to 100, got {self.quality}")
        if not 5 <= self.youngest <= self.oldest <= 90:
            raise ValueError(
                f"ages: expected 5 <= youngest <= oldest <= 90, got {self.youngest:g} to "
                f"{self.oldest:g} years"
            )
        shares = (self.aged, self.half, self.large, self.half + self.large)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("aged, half, large: expected shares, half + large at most 1")


SHIPPED = Recipe(people=600, views=7, seed=0, props=240, quality=82)
"""The pack in datasets/humans: `facelab data humans --shipped` makes it again."""


@dataclass(frozen=True)
class Shot:
    """One picture that is asked of a person. age: years, or None near the person's own. kind:
    "bust", "half" or "large". size: (H, W) pixels."""

    age: float | None
    kind: str
    size: tuple[int, int]


RenderPerson = Callable[[Recipe, int], Sequence[Sprite]]
"""(recipe, number of the person) -> that person's sprites; must depend on nothing else."""

RenderProps = Callable[[Recipe], Sequence[Prop]]


def person_rng(recipe: Recipe, person: int) -> np.random.Generator:
    """Give the randomness of one person."""
    return np.random.default_rng([recipe.seed, person])


def split_of(person: int) -> str:
    """Say which split a person belongs to: of every ten, seven train, one validates, two test."""
    return (("train",) * 7 + ("validation",) + ("test",) * 2)[person % 10]


def shots(recipe: Recipe, person: int) -> list[Shot]:
    """Plan the pictures of one person; their ages and framings, in random order."""
    rng = np.random.default_rng([recipe.seed, person, 1])
    ages: list[float | None] = [None] * recipe.views
    if (person * 0.6180339887) % 1 < recipe.aged:  # spread evenly over people and splits
        step = (recipe.oldest - recipe.youngest) / recipe.views
        even = recipe.youngest + step * (np.arange(recipe.views) + rng.random(recipe.views))
        ages = rng.permutation(even).tolist()
    side, draws = recipe.size, rng.random(recipe.views)
    found = []
    for age, draw in zip(ages, draws.tolist(), strict=True):
        if draw < recipe.large:
            found.append(Shot(age, "large", (round(2.4 * side), round(2.4 * side))))
        elif draw < recipe.large + recipe.half:
            found.append(Shot(age, "half", (round(1.6 * side), side)))
        else:
            found.append(Shot(age, "bust", (side, side)))
    return found


def make(
    recipe: Recipe,
    folder: str | Path,
    *,
    render: RenderPerson | None = None,
    render_props: RenderProps | None = None,
    workers: int | None = None,
    command: str = "",
    shard_bytes: int = SHARD_BYTES,
) -> Pack:
    """Render a pack, or go on with one that was begun.

    folder: of the pack. render, render_props: what makes the pictures; facelab's own when left out.
    workers: processes, all cores when left out. command: kept in the manifest, for whoever wants to
    do it again. Returns the finished pack.
    Raises PackError for a full disk, a folder of another recipe and a worker that died, AssetsError
    when the renderer's assets are missing; what was finished stays, and the same call goes on from
    there.
    """
    from facelab.humans.packs import drawing

    folder = Path(folder)
    if workers is not None and workers < 1:
        raise ValueError(f"workers: expected 1 or more, got {workers}")
    waiting, begun = folder / UNFINISHED, (folder / MANIFEST).exists()
    if render is None and not begun:
        drawing.require_assets()  # before a folder is begun in vain
    render = render or drawing.render_person
    render_props = render_props or drawing.render_props
    writer = PackWriter(
        folder,
        recipe={"version": VERSION, **asdict(recipe)},
        notes={"command": command, "versions": versions()},
        shard_bytes=shard_bytes,
    )
    if writer.finished:
        return load_pack(folder)
    make_folder(waiting)
    # whoever waits in a folder that was not begun belongs to a recipe that is gone
    _clear(waiting, 0 if begun else sys.maxsize, half=True)
    if recipe.props and not writer.has_props:
        writer.add_props(render_props(recipe), quality=recipe.quality)
    next_person = writer.people
    todo = [n for n in range(next_person, recipe.people) if _waiting(waiting, n) is None]
    with _bar(recipe.people, recipe.people - len(todo)) as bar:
        for _ in _finished(todo, partial(_one, recipe, render, waiting), _count(workers, todo)):
            bar.update()
            next_person = _pack(writer, waiting, next_person, recipe.people)
    next_person = _pack(writer, waiting, next_person, recipe.people)
    if next_person < recipe.people:
        raise PackError(f"{_file(waiting, next_person)}: vanished; run the same command again")
    writer.finish()
    _clear(waiting, recipe.people)
    with contextlib.suppress(OSError):
        waiting.rmdir()
    return load_pack(folder)


def command_of(recipe: Recipe) -> str:
    """Give the command that makes a pack by this recipe."""
    words = ["facelab data humans"]
    for item in fields(Recipe):
        value = getattr(recipe, item.name)
        if item.name not in ("youngest", "oldest") and value != item.default:
            words.append(f"--{item.name} {value}")
    if (recipe.youngest, recipe.oldest) != (Recipe.youngest, Recipe.oldest):
        words.append(f"--ages {recipe.youngest:.15g}-{recipe.oldest:.15g}")
    return " ".join([*words, "--out DIR"])


def versions() -> dict[str, str]:
    """Name what the rendering depends on."""
    found = {"python": platform.python_version()}
    for name in ("numpy", "opencv-python-headless", "numba", "pillow"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _one(recipe: Recipe, render: RenderPerson, waiting: Path, person: int) -> int:
    """Render and keep one person; runs in a worker."""
    chunk = encode(render(recipe, person), quality=recipe.quality)
    chunk.save(_file(waiting, person))
    return person


def _finished(todo: list[int], work: Callable[[int], int], workers: int) -> Iterator[int]:
    """Do the work, yielding what is finished, in any order."""
    if workers <= 1:
        yield from map(work, todo)
        return
    with worker_pool(workers, ready=_one_thread) as pool:
        try:
            futures: list[Future[int]] = [pool.submit(work, person) for person in todo]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise PackError(
                "a worker died, perhaps for want of memory. What is finished stays: run the same "
                "command again, with fewer --workers"
            ) from None


def _one_thread() -> None:
    """Keep OpenCV, too, to one thread; runs in a worker."""
    import cv2

    cv2.setNumThreads(1)


def _pack(writer: PackWriter, waiting: Path, person: int, people: int) -> int:
    """Hand the people who wait to the writer, in order; return who comes next."""
    done = writer.people
    while person < people and (chunk := _waiting(waiting, person)) is not None:
        writer.add(chunk, split=split_of(person))
        person += 1
    if writer.people > done:
        _clear(waiting, writer.people)
    return person


def _file(waiting: Path, person: int) -> Path:
    return waiting / f"{person:06d}.npz"


def _waiting(waiting: Path, person: int) -> Chunk | None:
    """Read a person who waits; None where there is none, and for a damaged file."""
    path = _file(waiting, person)
    if not path.exists():
        return None
    try:
        return Chunk.load(path)
    except labels.DAMAGED:
        path.unlink(missing_ok=True)
        return None


def _clear(waiting: Path, people: int, *, half: bool = False) -> None:
    """Remove the files of people below a number, who are in finished shards.

    half: half files too; only while no worker writes, since these are the files it writes to.
    """
    for path in waiting.iterdir():
        number = path.name.removesuffix(".npz")
        if (half and path.suffix == TEMPORARY) or (number.isdigit() and int(number) < people):
            path.unlink(missing_ok=True)


def _count(workers: int | None, todo: list[int]) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(workers or cores or 1, len(todo))


def _bar(total: int, done: int) -> Any:
    from tqdm import tqdm

    return tqdm(
        total=total, initial=done, desc="people", unit="person", file=sys.stderr, disable=None
    )
