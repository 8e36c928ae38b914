"""The claims of the specification (sections 7 and 13) and of the course, as rows of a claim table.

Each is one number made of a seed's figures. The same formula, put to the paper's figures, gives the
paper's value. Expected sizes are those of section 13; the rules are in `verdicts.py`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .paper import MARKS, PAPER, Figures, gain, mean, mean_known
from .verdicts import Below, Gain, Gone, Rule, Still

__all__ = ["CLAIMS", "COMMAND", "Claim", "mean_known", "rows"]

COMMAND = "facelab reproduce dcnn_cascade"
NOSE = 2


@dataclass(frozen=True)
class Claim:
    """One expectation. value: figures of a seed -> number in `unit`, KeyError where they lack it.

    where: in the paper, or "goal of this course". note: what else to know of the number.
    """

    text: str
    where: str
    unit: str
    value: Callable[[Figures], float]
    rule: Rule
    note: str = ""
    kind: str = "error"

    @property
    def paper(self) -> float | None:
        """Put the formula to the paper's figures; None where it gives no such figures."""
        try:
            return round(self.value(PAPER), 2)
        except KeyError:
            return None

    def row(
        self, runs: Mapping[int, Figures], *, data: str, budget: str, command: str = COMMAND
    ) -> dict[str, Any]:
        """Give the claim as `facelab.course.claims` reads it. runs: seed -> figures."""
        found: dict[int, float] = {}
        for seed, figures in runs.items():
            try:
                found[seed] = round(self.value(figures), 4)
            except KeyError:  # that experiment was not run
                continue
        ours = list(found.values())
        return {
            "table": "dcnn_cascade",
            "claim": self.text,
            "where": self.where,
            "paper": self.paper,
            "paper_mark": "" if self.paper is None else MARKS[self.kind],
            "unit": self.unit,
            "ours": ours,
            "seeds": list(found),
            "data": data if ours else "none yet",
            "budget": budget,
            "command": command,
            "verdict": self.rule.verdict(ours) if ours else "not attempted",
            "why": "; ".join(filter(None, (self.rule.expected, self.note))),
        }


def lower(better: str, worse: str, kind: str = "error") -> Callable[[Figures], float]:
    """Give the formula: by how many % the first's mean over points is lower."""
    return lambda figures: gain(figures, better, worse, kind)


def nose_ahead(figures: Figures) -> float:
    """Say by how many points averaging level 1 helps the nose more than the other points."""
    before, after = (figures[name]["error"] for name in ("F1", "level 1"))
    gains = [100 * (1 - a / b) for a, b in zip(after, before, strict=True)]  # type: ignore[operator]
    return gains[NOSE] - statistics.fmean(gains[:NOSE] + gains[NOSE + 1 :])


def left_of_advantage(figures: Figures) -> float:
    """Say by how many points local sharing's advantage shrinks when boxes are shifted."""
    return gain(figures, "S0", "S7") - gain(figures, "S0 shifted", "S7 shifted")


def failed(name: str) -> Callable[[Figures], float]:
    """Give the formula: the failure rate, averaged over the points."""
    return lambda figures: mean(figures, name, "failures")


LONGER = "rates chosen for the short trainings"
DROP, FAILED, GOAL = "%, lower error", "%", "goal of this course"
CLAIMS: tuple[Claim, ...] = (
    Claim("level 2 lowers the error of level 1", "figure 5", DROP,
          lower("level 2", "level 1"), Gain(20.0), "20 to 30 expected in the specification"),
    Claim("level 3 lowers the error of level 2, by little", "figure 5", DROP,
          lower("level 3", "level 2"), Gain(0.0, 8.0)),
    Claim("level 2 lowers the failure rate of level 1", "figure 5", "%, fewer failures",
          lower("level 2", "level 1", "failures"), Gain(0.0), kind="failures"),
    Claim("level 3 hardly moves the failure rate", "figure 5", "%, fewer failures",
          lower("level 3", "level 2", "failures"), Still(10.0), kind="failures"),
    Claim("averaging F1 with EN1 and NM1 beats F1 alone", "figure 5", DROP,
          lower("level 1", "F1"), Gain(5.0), "5 to 15 expected in the specification"),
    Claim("the nose, with three votes, gains more by it than the other points", "figure 5",
          "points", nose_ahead, Gain(0.0)),
    Claim("level 2: two networks a point beat one", "section 3.3", DROP,
          lower("level 2", "level 2, one network"), Gain(0.0),
          "against each of the two alone, on average"),
    Claim("level 3: two networks a point beat one", "section 3.3", DROP,
          lower("level 3", "level 3, one network"), Gain(0.0),
          "against each of the two alone from level 2 on, on average"),
    Claim("locally shared weights (S0) beat globally shared ones (S7) on F1", "figure 4", DROP,
          lower("S0", "S7"), Gain(3.0), "3 to 7 expected in the specification"),
    Claim("S0 fits the faces that it learns from better than S7", "not in the paper", DROP,
          lower("S0", "S7", "learnt"), Gain(0.0), "four times as many weights fit more, and need "
          "more people to tell faces from chance"),
    Claim("that advantage shrinks when boxes are shifted by up to 25 %", "specification",
          "points", left_of_advantage, Gain(0.0)),
    Claim("... and is gone: S0 against S7 on shifted boxes", "specification", DROP,
          lower("S0 shifted", "S7 shifted"), Gone(1.5)),
    Claim("absolute values after tanh (S0) beat tanh alone (S6)", "figure 4", DROP,
          lower("S0", "S6"), Gain(1.0), "1 to 5 expected in the specification, maybe within noise"),
    Claim("the fourth convolution helps: S0 against S3", "figure 4", DROP,
          lower("S0", "S3"), Gain(0.0)),
    Claim("the third convolution helps: S3 against S4", "figure 4", DROP,
          lower("S3", "S4"), Gain(0.0)),
    Claim("the second convolution helps: S4 against S5", "figure 4", DROP,
          lower("S4", "S5"), Gain(0.0)),
    Claim("one convolution (S5) is worse than four (S0)", "figure 4", "%, higher error",
          lambda run: 100 * (mean(run, "S5") / mean(run, "S0") - 1), Gain(20.0),
          "20 to 25 expected in the specification; S5 has the most weights of all"),
    Claim("learning longer: locally shared weights (S0) beat globally shared ones (S7)", "figure 4",
          DROP, lower("S0 longer", "S7 longer"), Gain(3.0), LONGER),
    Claim("learning longer: absolute values after tanh (S0) beat tanh alone (S6)", "figure 4", DROP,
          lower("S0 longer", "S6 longer"), Gain(1.0), LONGER),
    Claim("learning longer: the fourth convolution helps, S0 against S3", "figure 4", DROP,
          lower("S0 longer", "S3 longer"), Gain(0.0), LONGER),
    Claim("shipped weights: errors above 5 % of the box width, held-out people", GOAL, FAILED,
          failed("shipped"), Below(10.0), "mean over the points, on the labelled boxes"),
    Claim("the same, frontal faces (yaw up to 20 degrees)", GOAL, FAILED,
          failed("shipped, frontal"), Below(3.0)),
    Claim("the same, all faces, boxes off by up to 5 % of the side", GOAL, FAILED,
          failed("shipped, boxes off"), Below(10.0), "the goal is for labelled boxes"),
    Claim("the same, frontal faces, visible points only", GOAL, FAILED,
          failed("shipped, frontal, visible"), Below(3.0), "the goal is for all points"),
)  # fmt: skip
"""All claims, in the order of the table."""


def rows(
    runs: Mapping[int, Figures], *, data: str, budget: str, command: str = COMMAND
) -> list[dict[str, Any]]:
    """Give the whole table. runs: seed -> figures; the rest: what stands in the table."""
    return [claim.row(runs, data=data, budget=budget, command=command) for claim in CLAIMS]
