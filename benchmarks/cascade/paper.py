"""What the paper measured: its figures 4 and 5, in the form in which ours are stored.

Figures are dictionaries: name of a network or level -> {"error": five numbers, "failures": five},
in %, in the order of `facelab.geometry.landmarks.FIVE`; None for a point that a network does not
give. Error: mean over faces, of the box width. Failures: share of faces with an error above 5 %.
Ours also have "learnt", the error on faces of the people that were learnt from.

Bar heights were read off the plots: errors within 0.02 (figure 5) and 0.03 (figure 4), rates within
0.1. Source: Sun, Wang, Tang, 2013, figures 4 and 5.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

Figures = Mapping[str, Mapping[str, Sequence[float | None]]]
"""Network or level -> "error" and "failures", five numbers each in %, None where it has none."""

MARKS = {"error": "[V, read off the plot]", "failures": "[V, read off the plot]"}

PAPER: Figures = {
    "F1": {"error": (1.40, 1.42, 1.64, 1.76, 1.80), "failures": (1.1, 0.9, 1.1, 2.5, 2.2)},
    "EN1": {"error": (1.39, 1.40, 1.58, None, None)},
    "NM1": {"error": (None, None, 1.60, 1.75, 1.78)},
    "level 1": {"error": (1.28, 1.30, 1.40, 1.64, 1.68), "failures": (0.9, 0.85, 0.6, 2.0, 1.9)},
    "level 2": {"error": (0.97, 0.94, 1.17, 1.36, 1.38), "failures": (0.9, 0.5, 0.35, 1.55, 1.6)},
    "level 3": {"error": (0.90, 0.88, 1.17, 1.33, 1.33), "failures": (0.8, 0.5, 0.35, 1.6, 1.65)},
    "S0": {"error": (1.40, 1.42, 1.64, 1.76, 1.80)},
    "S3": {"error": (1.44, 1.47, 1.74, 1.80, 1.82)},
    "S4": {"error": (1.56, 1.56, 1.83, 1.91, 1.94)},
    "S5": {"error": (1.75, 1.74, 2.03, 2.07, 2.14)},
    "S6": {"error": (1.47, 1.46, 1.68, 1.80, 1.82)},
    "S7": {"error": (1.50, 1.50, 1.73, 1.85, 1.86)},
}
PAPER |= {f"{name} longer": PAPER[name] for name in ("S0", "S3", "S6", "S7")}  # it says no steps


def mean_known(values: Sequence[float | None]) -> float:
    """Average what is not None."""
    return statistics.fmean(value for value in values if value is not None)


def mean(figures: Figures, name: str, kind: str = "error") -> float:
    """Average over the points that a network or level gives, in %.

    Raises KeyError when the figures do not hold it.
    """
    return mean_known(figures[name][kind])


def gain(figures: Figures, better: str, worse: str, kind: str = "error") -> float:
    """Say by how many % the mean of `better` is lower than that of `worse`, over the points that
    both give."""
    pairs = [
        (a, b)
        for a, b in zip(figures[better][kind], figures[worse][kind], strict=True)
        if a is not None and b is not None
    ]
    low, high = (statistics.fmean(column) for column in zip(*pairs, strict=True))
    return 100 * (1 - low / high)
