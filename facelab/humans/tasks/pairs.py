"""Pairs for verification, in folds as in Labeled Faces in the Wild: same person or not?

| Kind   | Same person                                | Different people                    |
| ------ | ------------------------------------------ | ----------------------------------- |
| `any`  | any two pictures                           | any two people                      |
| `easy` | nearly frontal, clear, ages within 5 years | nearly frontal and clear            |
| `age`  | ages 15 years apart or more                | same sex, similar skin, similar age |
| `pose` | one nearly frontal, one turned away        | so too, same sex, similar skin      |

Folds share no person, so that a threshold chosen on nine of them is judged on people it never saw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from facelab.humans.sprites import SpriteSource

Kind = Literal["any", "easy", "age", "pose"]

_FRONTAL, _TURNED = math.radians(20), math.radians(40)


@dataclass(frozen=True, eq=False)
class VerificationPairs:
    """Pairs of sprites. first, second: (N,) int64 sprite numbers. same: (N,) bool. fold: (N,)
    int64. Half of each fold's pairs show the same person."""

    first: np.ndarray
    second: np.ndarray
    same: np.ndarray
    fold: np.ndarray

    def __len__(self) -> int:
        return len(self.first)


def verification_pairs(
    source: SpriteSource,
    *,
    kind: Kind = "any",
    folds: int = 10,
    per_fold: int | None = None,
    seed: int = 0,
) -> VerificationPairs:
    """Draw pairs from a source, balanced in each fold.

    kind: see the table of this module. folds: how many. per_fold: pairs of the same person in a
    fold, and as many of different people; as many as there are, at most 300, when left out. seed:
    of the draw.
    Raises ValueError for an unknown kind, too few people, or fewer pairs than asked for.
    Source: Huang et al., Labeled Faces in the Wild, 2007, section 3: 10 folds of 300 and 300.
    """
    if kind not in get_args(Kind):
        raise ValueError(f"kind: expected one of {', '.join(get_args(Kind))}, got {kind!r}")
    rng, table = np.random.default_rng(seed), source.table
    people = rng.permutation(np.unique(table["person"]))
    if folds < 1 or len(people) < 2 * folds:
        raise ValueError(f"folds: {folds} folds need {2 * folds} people, there are {len(people)}")
    groups = np.array_split(people, folds)
    same = [_same(table, group, kind) for group in groups]  # (M, 2) each
    other = [_different(table, group, kind) for group in groups]
    least = min(len(pairs) for pairs in (*same, *other))
    if per_fold is None:
        per_fold = min(300, least)
    if per_fold < 1 or per_fold > least:
        raise ValueError(
            f"per_fold: {per_fold} asked for, but one fold has only {least} pairs of the kind "
            f"{kind!r}; ask for fewer, or for fewer folds"
        )
    chosen = []
    for one, two in zip(same, other, strict=True):
        chosen += [_spread(rng, table, one, per_fold), _spread(rng, table, two, per_fold)]
    pairs = np.concatenate(chosen)
    turned = rng.random(len(pairs)) < 0.5
    pairs[turned] = pairs[turned, ::-1]
    label = np.tile(np.repeat([True, False], per_fold), folds)
    return VerificationPairs(
        pairs[:, 0], pairs[:, 1], label, np.repeat(np.arange(folds), 2 * per_fold)
    )


def _same(table: Mapping[str, np.ndarray], group: np.ndarray, kind: Kind) -> np.ndarray:
    """List the pairs of one person each: (M, 2)."""
    found = [np.zeros((0, 2), np.int64)]
    for person in group:
        mine = np.flatnonzero(table["person"] == person)
        pairs = mine[np.stack(np.triu_indices(len(mine), 1), axis=1)]
        gap = np.abs(table["age"][pairs[:, 0]] - table["age"][pairs[:, 1]])
        fits = _fits(table, pairs, kind)
        if kind == "easy":
            fits &= gap <= 5
        elif kind == "age":
            fits &= gap >= 15
        found.append(pairs[fits])
    return np.concatenate(found)


def _different(table: Mapping[str, np.ndarray], group: np.ndarray, kind: Kind) -> np.ndarray:
    """List the pairs of different people: (M, 2)."""
    mine = np.flatnonzero(np.isin(table["person"], group))
    pairs = mine[np.stack(np.triu_indices(len(mine), 1), axis=1)]
    first, second = pairs[:, 0], pairs[:, 1]
    fits = (table["person"][first] != table["person"][second]) & _fits(table, pairs, kind)
    if kind in ("age", "pose"):
        male, tone = table["male"], table["tone"]
        fits &= (male[first] > 0.5) == (male[second] > 0.5)
        fits &= np.abs(tone[first] - tone[second]) < 0.5 * np.std(tone)
    if kind == "age":
        fits &= np.abs(table["age"][first] - table["age"][second]) < 10
    return pairs[fits]


def _fits(table: Mapping[str, np.ndarray], pairs: np.ndarray, kind: Kind) -> np.ndarray:
    """Say which pairs have the poses and clear faces of their kind: (M,) bool."""
    turn = np.abs(table["yaw"])[pairs]  # (M, 2)
    if kind == "easy":
        return (turn < _FRONTAL).all(axis=1) & (table["hidden"][pairs] < 0.15).all(axis=1)
    if kind == "pose":
        return (turn.min(axis=1) < _FRONTAL) & (turn.max(axis=1) > _TURNED)
    return np.ones(len(pairs), bool)


def _spread(
    rng: np.random.Generator, table: Mapping[str, np.ndarray], pairs: np.ndarray, count: int
) -> np.ndarray:
    """Choose pairs so that people come about equally often: (count, 2)."""
    pairs = rng.permutation(pairs)
    person = table["person"][pairs]  # (M, 2)
    _, key = np.unique(np.sort(person, axis=1), axis=0, return_inverse=True)
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    turn = np.empty(len(pairs), np.int64)  # how many pairs of the same two people came before
    turn[order] = np.arange(len(pairs)) - np.repeat(starts, np.diff([*starts, len(pairs)]))
    return pairs[np.argsort(turn, kind="stable")[:count]]
