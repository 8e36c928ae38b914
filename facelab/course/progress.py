"""The progress page: all labs, what is open today, what is done."""

from __future__ import annotations

from typing import Any

from facelab.course.checking import exercises
from facelab.course.labs import ALL, Lab
from facelab.course.marking import table, text_table
from facelab.course.records import records
from facelab.plots.publish import publish

HEAD = ["lab", "state", "exercises", "hints", "time", "quiz"]


def state_of(lab: Lab) -> tuple[str, list[str]]:
    """Return a lab's state and its line of the page.

    States: "planned" (cannot be opened yet), "open", "in progress", "done" (every exercise solved).
    """
    kept = records().read()
    names = [one.name for one in exercises(lab.name)]
    entries: list[dict[str, Any]] = [kept["exercises"].get(name, {}) for name in names]
    solved = sum(bool(entry.get("solved")) for entry in entries)
    hints = sum(entry.get("hints", 0) for entry in entries)
    minutes = sum(entry.get("seconds", 0) for entry in entries) / 60
    answers = kept["quizzes"].get(lab.name, {})
    started = any(entry.get("attempts") or entry.get("hints") for entry in entries) or answers
    if not lab.available:
        state = "planned"
    elif names and solved == len(names):
        state = "done"
    else:
        state = "in progress" if started else "open"
    right = sum(answer is True for answer in answers.values())
    line = [
        f"{lab.key} {lab.title}",
        {"planned": "· ", "open": "○ ", "in progress": "◐ ", "done": "● "}[state] + state,
        f"{solved} of {len(names)}" if names else "-",
        str(hints) if names else "-",
        f"{minutes:.0f} min" if started else "-",
        f"{right} of {len(answers)} right" if answers else "-",
    ]
    return state, line


def text() -> str:
    """Return the progress page as text."""
    return text_table(HEAD, [state_of(lab)[1] for lab in ALL])


def show() -> None:
    """Display the progress page."""
    rows = [state_of(lab)[1] for lab in ALL]
    publish(text_table(HEAD, rows), table(HEAD, rows))
