"""When a claim counts as reproduced: rules over seeds, fixed before anything was measured.

A value a seed, made of figures of the same seed (same people, same batches), so that what all
networks of a seed have in common drops out. It is *clear of zero* when its mean is above zero in a
one-sided t test at 5 %: mean > t * sd / sqrt(seeds), with t = 2.92 for three seeds.

| Rule    | Reproduced                           | Partly                                   |
| ------- | ------------------------------------ | ---------------------------------------- |
| `Gain`  | clear of zero, and the mean between  | clear of zero with a mean outside, or    |
|         | `low` and `high`                     | the mean inside but not clear of zero    |
| `Gone`  | not clear of zero, the mean at most  | one of the two                           |
|         | `small`                              |                                          |
| `Still` | the mean within plus or minus `band` | within twice the band                    |
| `Below` | every seed below `limit`             | the mean below `limit`                   |

Anything else is not reproduced. With fewer than three seeds nothing is more than partly reproduced.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

FEWEST = 3
"""Seeds below which a claim is at most partly reproduced."""

REPRODUCED, PARTLY, NOT = "reproduced", "partly", "not reproduced"
_T95 = (math.inf, 6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)


class Rule(Protocol):
    """Judge one value a seed."""

    @property
    def expected(self) -> str:
        """Say what is expected, in the claim's unit."""

    def verdict(self, values: Sequence[float]) -> str:
        """Give the verdict; values: one a seed, at least one."""


def clear_of_zero(values: Sequence[float]) -> bool:
    """Say whether the mean is above zero by more than chance: one-sided t test at 5 %.

    Two values or more; a single one is never clear of zero.
    """
    if len(values) < 2:
        return False
    t = _T95[min(len(values), len(_T95)) - 1]
    mean = statistics.fmean(values)
    return mean > 0 and mean >= t * statistics.stdev(values) / math.sqrt(len(values))


@dataclass(frozen=True)
class Gain:
    """Expect an advantage: above zero at all, and of this size on average."""

    low: float
    high: float = math.inf

    @property
    def expected(self) -> str:
        if math.isinf(self.high):
            return f"above {self.low:g} expected" if self.low else "a gain expected"
        return f"{self.low:g} to {self.high:g} expected"

    def verdict(self, values: Sequence[float]) -> str:
        """Judge the size and whether it can be told from zero."""
        inside = self.low <= statistics.fmean(values) <= self.high
        clear = clear_of_zero(values)
        if inside and clear:
            return _with(values)
        return PARTLY if clear or (inside and statistics.fmean(values) > 0) else NOT


@dataclass(frozen=True)
class Gone:
    """Expect that an advantage is no longer there."""

    small: float

    @property
    def expected(self) -> str:
        return f"about 0 or less expected (at most {self.small:g})"

    def verdict(self, values: Sequence[float]) -> str:
        """Judge whether anything is left that can be told from zero."""
        gone, small = not clear_of_zero(values), statistics.fmean(values) <= self.small
        if gone and small:
            return _with(values)
        return PARTLY if gone or small else NOT


@dataclass(frozen=True)
class Still:
    """Expect that a figure hardly moves."""

    band: float

    @property
    def expected(self) -> str:
        return f"within {self.band:g} of 0 expected"

    def verdict(self, values: Sequence[float]) -> str:
        """Judge how far it moves on average."""
        moved = abs(statistics.fmean(values))
        if moved <= self.band:
            return _with(values)
        return PARTLY if moved <= 2 * self.band else NOT


@dataclass(frozen=True)
class Below:
    """Expect a figure below a limit, at every seed."""

    limit: float

    @property
    def expected(self) -> str:
        return f"below {self.limit:g} asked for"

    def verdict(self, values: Sequence[float]) -> str:
        """Judge every seed, and the mean."""
        if max(values) < self.limit:
            return _with(values)
        return PARTLY if statistics.fmean(values) < self.limit else NOT


def _with(values: Sequence[float]) -> str:
    """Give the best verdict that this number of seeds allows."""
    return REPRODUCED if len(values) >= FEWEST else PARTLY
