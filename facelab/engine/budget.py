"""One dial for how much to compute: $FACELAB_BUDGET is smoke, laptop, gpu or paper.

| Budget | Meant for                    | A whole lab takes        |
| ------ | ---------------------------- | ------------------------ |
| smoke  | tests on two cores           | under 40 s               |
| laptop | default without CUDA         | under 10 minutes         |
| gpu    | default with CUDA            | under 15 minutes         |
| paper  | the paper's own schedule     | as long as the paper's   |

A recipe is a tuple of four `Budget`s, one a name. The code path is the same for all of them.
"""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from dataclasses import dataclass

NAMES = ("smoke", "laptop", "gpu", "paper")


@dataclass(frozen=True)
class Budget:
    """Say how much a recipe may compute.

    steps: optimiser steps. batch: images a step. images: images of the data that are used.
    max_seconds: wall-clock limit; the loop stops at whichever limit comes first.
    Raises ValueError when the name is unknown or a limit is not positive.
    """

    name: str
    steps: int
    batch: int
    images: int
    max_seconds: float

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ValueError(f"budget {self.name!r} is unknown; known: {', '.join(NAMES)}")
        for limit in ("steps", "batch", "images", "max_seconds"):
            if not getattr(self, limit) > 0:
                raise ValueError(
                    f"budget {self.name}: {limit} must be positive, got {getattr(self, limit)}"
                )


DEFAULT = (
    Budget("smoke", steps=20, batch=8, images=16, max_seconds=10),
    Budget("laptop", steps=1_000, batch=32, images=2_000, max_seconds=300),
    Budget("gpu", steps=10_000, batch=128, images=50_000, max_seconds=900),
    Budget("paper", steps=100_000, batch=256, images=1_000_000, max_seconds=172_800),
)


def budget_name() -> str:
    """Return the name of the budget in use: $FACELAB_BUDGET, else laptop, or gpu where CUDA is.

    Raises ValueError when the variable holds another word.
    """
    chosen = os.environ.get("FACELAB_BUDGET", "").strip().lower()
    if chosen in NAMES:
        return chosen
    if chosen:
        raise ValueError(f"FACELAB_BUDGET is {chosen!r}; it must be one of {', '.join(NAMES)}")
    import torch

    return "gpu" if torch.cuda.is_available() else "laptop"


def current_budget(recipe: Sequence[Budget] = DEFAULT) -> Budget:
    """Return the row of the recipe that $FACELAB_BUDGET asks for.

    Raises ValueError when the recipe has no such row, or the variable holds an unknown word.
    """
    name = budget_name()
    for budget in recipe:
        if budget.name == name:
            return budget
    raise ValueError(f"the recipe has no budget {name!r}, only {[row.name for row in recipe]}")


class BudgetTable:
    """Show the rows of a recipe; the row in use is marked with a word, not only with weight.

    current: name of the row in use; None is what $FACELAB_BUDGET asks for.
    """

    def __init__(self, recipe: Sequence[Budget], current: str | None = None) -> None:
        self.recipe = tuple(recipe)
        self.current = current or budget_name()

    def __str__(self) -> str:
        lines = ["budget       steps   batch     images   at most"]
        for row in self.recipe:
            mark = "  <- in use" if row.name == self.current else ""
            lines.append(
                f"{row.name:<8}{row.steps:>10,}{row.batch:>8,}{row.images:>11,}"
                f"{duration(row.max_seconds):>10}{mark}"
            )
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col">{title}</th>'
            for title in ("budget", "steps", "batch", "images", "at most")
        )
        rows = []
        for row in self.recipe:
            used = row.name == self.current
            name = f"<b>{html.escape(row.name)} (in use)</b>" if used else html.escape(row.name)
            cells = (f"{row.steps:,}", f"{row.batch:,}", f"{row.images:,}")
            body = "".join(f"<td>{cell}</td>" for cell in (*cells, duration(row.max_seconds)))
            rows.append(f'<tr><th scope="row">{name}</th>{body}</tr>')
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def budget_table(recipe: Sequence[Budget] = DEFAULT) -> BudgetTable:
    """Return a table of the recipe that shows in a notebook and prints as text."""
    return BudgetTable(recipe)


def duration(seconds: float) -> str:
    """Return a time as people say it: `0.4 s`, `40 s`, `5 min`, `2.5 h`."""
    if seconds < 1:
        return f"{seconds:.1g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.3g} h"
