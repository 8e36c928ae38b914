"""Checks of lab 01, synthetic_humans: which images belong together, and which must not meet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from facelab.course.checking import case, exercise, expect_equal, expect_tensor, expect_that, rng

LAB = "01_synthetic_humans"


def _persons(counts: list[int]) -> Tensor:
    """Give shuffled labels (N,) int64 with gaps between the numbers; counts: images a person."""
    numbers = 7 + 5 * torch.arange(len(counts))
    labels = numbers.repeat_interleave(torch.tensor(counts, dtype=torch.int64))
    return labels[torch.randperm(len(labels), generator=rng())]


def _seed() -> int:
    return int(torch.randint(0, 10_000, (1,), generator=rng()))


# ---- pk_batches ----------------------------------------------------------------------------------


@exercise(
    "pk_batches",
    lab=LAB,
    points=3,
    hints=(
        "First give every person a row of k of their own images; who cannot fill a row? Then "
        "shuffle the rows: how many rows make one batch, and what happens to the rest?",
        "own        indices of a person's images                    (n,)\n"
        "row        k of them, drawn without replacement            (k,)\n"
        "rows       of everybody with n >= k, in random order       (R, k)\n"
        "batches    the first R // p * p rows, p rows a batch       (R // p, p * k)",
        "generator = torch.Generator().manual_seed(seed)\n"
        "rows = []\n"
        "for person in persons.unique():\n"
        "    own = (persons == person).nonzero()[:, 0]\n"
        "    if len(own) >= k:\n"
        "        rows.append(own[torch.randperm(len(own), generator=generator)[:k]])\n"
        "order = torch.randperm(len(rows), generator=generator)[:____]\n"
        "rows = torch.stack(rows) if rows else torch.zeros(0, k, dtype=torch.int64)\n"
        "return rows[order].reshape(-1, p * k)",
    ),
    reference="facelab.course.answers.synthetic_humans:pk_batches",
)
def pk_batches(fn: Any) -> None:
    def run(persons: Tensor, p: int, k: int, seed: int, num: int, hint: str) -> Tensor:
        got = expect_tensor(
            fn(persons, p, k, seed),
            shape=(None, p * k),
            dtype=torch.int64,
            hint="int64 indices of images, one row of p * k a batch",
        )
        expect_equal(len(got), num, hint=hint)
        if got.numel():
            low, high = int(got.min()), int(got.max())
            expect_that(
                0 <= low and high < len(persons),
                "these are not indices of images: 0 to N - 1. Are they numbers of persons?",
            )
        return got

    def look(persons: Tensor, batches: Tensor, p: int, k: int) -> None:
        for batch in batches:
            rows = persons[batch].reshape(p, k)
            expect_that(
                (rows == rows[:, :1]).all(),
                "the k images of a person stand side by side: [a a a, b b b, ...]",
            )
            expect_equal(len(rows[:, 0].unique()), p, hint="p different people in each batch")
            expect_equal(
                len(batch.unique()),
                p * k,
                hint="an image twice in a batch: draw k without replacement",
            )

    with case("eight people with four images each, p = 2, k = 3"):
        persons = _persons([4] * 8)
        batches = run(persons, 2, 3, _seed(), 4, "8 people, 2 in each batch: 4 batches")
        look(persons, batches, 2, 3)
        expect_equal(
            len(persons[batches].unique()),
            8,
            hint="everybody takes part once an epoch: shuffle the people, do not draw them anew "
            "for each batch",
        )
    with case("somebody with too few images"):
        persons = _persons([2, 2, 4, 1, 4, 3, 5])
        few = "three people have fewer than 3 images and sit out: 4 people, 2 in each batch"
        look(persons, run(persons, 2, 3, _seed(), 2, few), 2, 3)
    with case("people that do not fill the last batch"):
        persons = _persons([3] * 7)
        rest = "7 people, 3 in each batch: 2 batches, and one person waits for the next epoch"
        look(persons, run(persons, 3, 2, _seed(), 2, rest), 3, 2)
    with case("the same seed and another one"):
        persons, seed = _persons([6] * 9), _seed()
        one, again, other = (fn(persons, 3, 2, s) for s in (seed, seed, seed + 1))
        expect_equal(
            one,
            again,
            hint="the same seed gives the same batches: one generator, made "
            "from the seed, for all that is random",
        )
        expect_that(
            not torch.equal(one, other), "another seed gives other batches: use the generator"
        )
        who = [persons[x].reshape(-1, 2)[:, 0].tolist() for x in (one, other)]
        expect_that(who[0] != who[1], "the people come in the same order: shuffle them as well")
    with case("over many epochs, every image"):
        persons = _persons([5] * 4)
        start = _seed()
        seen = torch.cat([fn(persons, 2, 2, start + epoch).flatten() for epoch in range(30)])
        expect_equal(
            len(seen.unique()),
            20,
            hint="some images never appear: draw k of a person's images at random, not the first k",
        )
    with case("nobody has enough images", hint="no batch is a valid answer, of shape (0, p * k)"):
        run(_persons([1, 2, 1]), 2, 3, _seed(), 0, "nobody has 3 images: no batch")


# ---- split_by_person -----------------------------------------------------------------------------


@exercise(
    "split_by_person",
    lab=LAB,
    points=2,
    hints=(
        "What is drawn at random here: images or people? Once you know who is in the test set, "
        "how do you find all their images?",
        "people    persons.unique()                           (U,)\n"
        "count     round(share * U)\n"
        "chosen    count of the people, drawn at random       (count,)\n"
        "answer    is the person of this image among them?    (N,) bool",
        "generator = torch.Generator().manual_seed(seed)\n"
        "people = persons.unique()\n"
        "count = round(share * len(people))\n"
        "chosen = people[torch.randperm(len(people), generator=generator)[:count]]\n"
        "return torch.isin(____)",
    ),
    reference="facelab.course.answers.synthetic_humans:split_by_person",
)
def split_by_person(fn: Any) -> None:
    def run(persons: Tensor, share: float, seed: int) -> Tensor:
        return expect_tensor(
            fn(persons, share, seed),
            shape=(len(persons),),
            dtype=torch.bool,
            hint="one bool an image: True in the test set",
        )

    def people_in(persons: Tensor, test: Tensor) -> tuple[set[int], set[int]]:
        return set(persons[test].tolist()), set(persons[~test].tolist())

    with case("ten people with six images each, share 0.3"):
        persons = _persons([6] * 10)
        test, train = people_in(persons, run(persons, 0.3, _seed()))
        both = "somebody is on both sides: draw people, then take all their images"
        expect_equal(len(test & train), 0, hint=both)
        many = "0.3 of 10 people are 3; is it the test set that you marked, or the rest?"
        expect_equal(
            len(test), 3, hint=many, suspects=[(7, "True marks the test set, not the training set")]
        )
    with case("people with one and with forty images"):
        persons = _persons([40, 1, 1, 1])
        expect_equal(
            len(people_in(persons, run(persons, 0.5, _seed()))[0]),
            2,
            hint="share counts people, not images: half of four people are two",
        )
    with case("the same seed and others"):
        persons, seed = _persons([3] * 20), _seed()
        one, again, *others = (run(persons, 0.4, s) for s in (seed, seed, seed + 1, seed + 2))
        expect_equal(one, again, hint="the same seed gives the same split")
        expect_that(
            any(not torch.equal(one, other) for other in others),
            "every seed gives the same people: draw them with a generator made from the seed",
        )
    with case("a share of 0 and of 1"):
        persons = _persons([2, 3, 1])
        expect_equal(int(run(persons, 0.0, 1).sum()), 0, hint="a share of 0: nobody is in the test")
        expect_equal(int(run(persons, 1.0, 1).sum()), 6, hint="a share of 1: everybody is in it")
    empty = "no image is a valid input: the answer is an empty bool tensor"
    with case("no images", hint=empty):
        run(torch.zeros(0, dtype=torch.int64), 0.5, 0)
