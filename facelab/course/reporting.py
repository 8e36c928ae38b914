"""Say what a check found: short, in words, with the smallest failing input."""

from __future__ import annotations

import html
from dataclasses import dataclass

from facelab.course.failures import Failure
from facelab.plots.publish import publish

_COLOURS = {"passed": "#009E73", "failed": "#D55E00", "not written": "#0072B2"}
_MARKS = {"passed": "✓", "failed": "✗", "not written": "…"}
_STEPS = ("a question", "the formula", "code with a gap")


@dataclass(frozen=True)
class Result:
    """What a check found. status: "passed", "failed", "not written"; bad, total: cases."""

    name: str
    status: str
    bad: int
    total: int
    seed: int
    failure: Failure | None = None

    @property
    def passed(self) -> bool:
        """Return whether every case passed."""
        return self.status == "passed"

    @property
    def headline(self) -> str:
        """Return the outcome in one sentence."""
        if self.status == "not written":
            return f"{self.name}: not written yet, going on with the package's {self.name}"
        cases = f"{self.total} check" + ("s" if self.total != 1 else "")
        if self.passed:
            return f"{self.name}: {cases} passed, going on with yours"
        if self.total == 0 or (self.failure is not None and not self.failure.case):
            return f"{self.name}: not right yet, going on with the package's {self.name}"
        return f"{self.name}: {self.bad} of {cases} failed, going on with the package's {self.name}"

    def rows(self) -> list[tuple[str, str]]:
        """Return the details of a failure as label and text."""
        if self.failure is None:
            return []
        failure = self.failure
        rows = [("case", failure.case), ("problem", failure.problem)]
        rows += [("input", f"{name} = {value}") for name, value in failure.inputs]
        rows += [
            ("expected", failure.expected),
            ("got", failure.got),
            ("likely cause", failure.hint),
            ("repeat with", f"check.{self.name}({self.name}, seed={self.seed})"),
        ]
        return [(label, text) for label, text in rows if text]

    def __str__(self) -> str:
        lines = [f"{_MARKS[self.status]} {self.headline}"]
        lines += [f"  {label:<13}{text}" for label, text in self.rows()]
        if not self.passed:
            lines.append(f'  {"help":<13}check.hint("{self.name}")')
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        colour, mark = _COLOURS[self.status], _MARKS[self.status]
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(label)}</th>'
            f'<td style="text-align:left"><code>{html.escape(text)}</code></td></tr>'
            for label, text in [
                *self.rows(),
                *([] if self.passed else [("help", f'check.hint("{self.name}")')]),
            ]
        )
        table = f"<table>{rows}</table>" if rows else ""
        return (
            f'<div style="border-left:4px solid {colour};padding-left:10px">'
            f"<b>{mark} {html.escape(self.headline)}</b>{table}</div>"
        )


def show_result(result: Result) -> None:
    """Display a result."""
    publish(str(result), result._repr_html_())


def show_hint(name: str, count: int, hints: tuple[str, str, str], link: str) -> None:
    """Display hint number `count` of an exercise; after the third, the way to the solution."""
    if count <= len(hints):
        title = f"Hint {count} of 3 for {name}: {_STEPS[count - 1]}"
        body = hints[count - 1].strip("\n")
        wrap = 'style="white-space:pre-wrap;word-break:normal"'
        publish(
            f"{title}\n{body}", f"<b>{html.escape(title)}</b><pre {wrap}>{html.escape(body)}</pre>"
        )
    else:
        title = f"That were all hints for {name}. The solution, when you want it:"
        anchor = f'<a href="{html.escape(link)}" target="_blank">{html.escape(link)}</a>'
        publish(f"{title} {link}", f"{html.escape(title)} {anchor}")
