"""Turn the honesty checks of the synthetic people into lab 01's claim table.

    python benchmarks/humans_claims.py

Reads results/humans_checks.json, which humans_checks.py writes, and writes
results/humans_claims.json. The goals are the course's own: no paper promises anything here. A check
that is not there becomes a claim that was not attempted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
CHECKS, CLAIMS = RESULTS / "humans_checks.json", RESULTS / "humans_claims.json"
Check = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """One goal: what is read from a check, and the range that is asked for.

    value: check -> number. low, high: reached between them. near: how far beyond them still counts
    as partly reached.
    """

    text: str
    check: str
    unit: str
    value: Callable[[Check], float]
    asked: str
    goal: float | None
    low: float = float("-inf")
    high: float = float("inf")
    near: float = 0.0

    def verdict(self, number: float) -> str:
        """Say whether the goal is reached."""
        if self.low <= number <= self.high:
            return "reproduced"
        close = self.low - self.near <= number <= self.high + self.near
        return "partly" if close else "not reproduced"

    def row(self, checks: Mapping[str, Check]) -> dict[str, Any]:
        """Give the claim as `facelab.course.claims` reads it."""
        found = checks.get(self.check)
        number = None if found is None else round(float(self.value(found)), 4)
        measured = number is not None
        return {
            "table": "synthetic_humans",
            "claim": self.text,
            "where": "goal of this course",
            "paper": self.goal,
            "paper_mark": "",
            "unit": self.unit,
            "ours": [number] if measured else [],
            "seeds": [0] if measured else [],
            "data": "the shipped people" if self.check != "speed" else "new people",
            "budget": "laptop",
            "command": f"python benchmarks/humans_checks.py {self.check}",
            "verdict": self.verdict(number) if number is not None else "not attempted",
            "why": self.asked,
        }


def parts(check: Check) -> dict[str, float]:
    """Give how often each part of a picture gives a person away, without the face itself."""
    numbers = {k: v for k, v in check.items() if isinstance(v, float) and k != "chance"}
    return {name: share for name, share in numbers.items() if not name.startswith("face")}


GOALS = (
    Goal(
        "near-frontal, clear renders that MTCNN's public weights find",
        "found",
        "%",
        lambda found: 100 * found["found"],
        "at least 97 asked for: the people are face-like to a net that saw real faces only",
        97.0,
        low=97.0,
        near=3.0,
    ),
    Goal(
        "median distance of its points from ours, in eye distances",
        "found",
        "%",
        lambda found: 100 * (found["median_landmark_error"] or 1.0),
        "at most 8 asked for; two careful people differ by about as much",
        8.0,
        high=8.0,
        near=2.0,
    ),
    Goal(
        "people told apart by anything but the face: the best part of the picture",
        "shortcuts",
        "% right",
        lambda found: 100 * max(parts(found).values()),
        "at most 15 asked for; hair, light and background change with every render",
        15.0,
        high=15.0,
        near=15.0,
    ),
    Goal(
        "the two most alike people, cosine of their mean faces",
        "nearest",
        "",
        lambda found: found["different_people_most"],
        "at most 0.98 asked for; 1 would be the same person twice",
        0.98,
        high=0.98,
        near=0.01,
    ),
    Goal(
        "an estimator trained on half of the people orders the others by age (rank correlation)",
        "age",
        "",
        lambda found: found["rank_correlation"],
        "at least 0.8 asked for",
        0.8,
        low=0.8,
        near=0.1,
    ),
    Goal(
        "renders of 128 pixels a second, on one core",
        "speed",
        "a second",
        lambda found: found["renders_per_second"],
        "50 asked for; holds for the machine it was taken on",
        50.0,
        low=50.0,
        near=35.0,
    ),
)


def claims(checks: Mapping[str, Check]) -> list[dict[str, Any]]:
    """Give all rows of the table."""
    return [goal.row(checks) for goal in GOALS]


def main() -> None:
    checks = json.loads(CHECKS.read_text()) if CHECKS.exists() else {}
    CLAIMS.write_text(json.dumps(claims(checks), indent=1) + "\n")
    for row in claims(checks):
        print(f"{row['verdict']:16s}{row['claim']}: {row['ours']}")


if __name__ == "__main__":
    main()
