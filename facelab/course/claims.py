"""Claim tables: what a paper says, what was measured here, and where the number comes from.

Every number is read from benchmarks/results/*.json, which the benchmark commands write. A file
holds one claim or a list of them:

    {"table": "mtcnn", "claim": "...", "where": "MTCNN, table 2", "paper": 99.0, "paper_mark": "",
     "unit": "ms", "ours": [101.2, 99.9], "seeds": [0, 1], "data": "...", "budget": "laptop",
     "command": "python benchmarks/mtcnn.py", "verdict": "reproduced", "why": "one line"}
"""

from __future__ import annotations

import html
import json
import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from facelab.course.marking import table as html_table
from facelab.course.marking import text_table

VERDICTS = ("reproduced", "partly", "not attempted", "not reproduced")
SHARED = ("data", "budget", "runs", "measured by")
HEAD = ["claim", "paper", "ours", "data", "budget", "runs", "verdict", "why", "measured by"]


class ClaimError(ValueError):
    """A claim has no result file, or the file does not say everything."""


@dataclass(frozen=True)
class Claim:
    """One line of a claim table, as its result file gives it. ours: one value a seed or repeat."""

    table: str
    claim: str
    where: str
    paper: float | str | None
    paper_mark: str
    unit: str
    ours: tuple[float, ...]
    seeds: tuple[int, ...]
    data: str
    budget: str
    command: str
    verdict: str
    why: str

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ClaimError(f"{self.claim!r}: verdict {self.verdict!r} is not one of {VERDICTS}")
        if bool(self.ours) == (self.verdict == "not attempted"):
            raise ClaimError(f"{self.claim!r}: {len(self.ours)} results and '{self.verdict}'")
        if len(self.ours) != len(self.seeds):
            raise ClaimError(
                f"{self.claim!r}: {len(self.ours)} results, {len(self.seeds)} seeds; one each"
            )
        for name in ("claim", "where", "data", "budget", "command", "why"):
            if not getattr(self, name).strip():
                raise ClaimError(f"{self.claim!r}: {name!r} is empty")

    def cells(self) -> list[str]:
        """Return the line as texts in the order of HEAD."""
        mark = f" {self.paper_mark}" if self.paper_mark else ""
        paper = "none given" if self.paper is None else f"{_shown(self.paper)} {self.unit}".strip()
        ours = "not measured"
        if self.ours:
            ours = f"{_shown(statistics.fmean(self.ours))} {self.unit}".strip()
        if len(self.ours) > 1:
            low, high = min(self.ours), max(self.ours)
            ours += f" (sd {_shown(statistics.stdev(self.ours))}, {_shown(low)} to {_shown(high)})"
        paper = f"{paper}{mark} ({self.where})"
        count = str(len(self.ours))
        return [
            *(self.claim, paper, ours, self.data, self.budget, count),
            *(self.verdict, self.why, self.command),
        ]


class ClaimTable:
    """A claim table that shows in a notebook and prints as text."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        self.claims = tuple(claims)

    def __str__(self) -> str:
        blocks = []
        for claim in self.claims:
            pairs = zip(HEAD, claim.cells(), strict=True)
            blocks.append("\n".join(f"{name:<12}{text}" for name, text in pairs))
        return "\n\n".join(blocks)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return an HTML table; what all measured claims share stands once, below it."""
        rows = [claim.cells() for claim in self.claims]
        measured = [claim.cells() for claim in self.claims if claim.ours]
        shared = [
            at
            for at, name in enumerate(HEAD)
            if name in SHARED and len({cells[at] for cells in measured}) == 1
        ]
        head = [name for at, name in enumerate(HEAD) if at not in shared]
        body = [[text for at, text in enumerate(cells) if at not in shared] for cells in rows]
        notes = "".join(f"<br><b>{HEAD[at]}</b>: {html.escape(measured[0][at])}" for at in shared)
        return html_table(head, body) + (f"<p>For all measured claims{notes}</p>" if shared else "")

    def summary(self) -> str:
        """Return claim, ours and verdict only, as aligned text."""
        rows = [[cells[0], cells[2], cells[6]] for cells in (one.cells() for one in self.claims)]
        return text_table(["claim", "ours", "verdict"], rows)


def table(name: str) -> ClaimTable:
    """Return the claim table of this name from the result files.

    Raises ClaimError when there is no result for it, or a file cannot be used.
    """
    folder = results_folder()
    claims = [
        claim
        for file in sorted(folder.glob("*.json"))
        for claim in read_claims(file)
        if claim.table == name
    ]
    if not claims:
        raise ClaimError(f"no result file in {folder.name}/ has a claim for table {name!r}")
    return ClaimTable(claims)


def results(name: str) -> Any:
    """Return what a benchmark wrote to benchmarks/results/NAME.json, for a figure.

    Raises ClaimError when there is no such file, or it is not JSON.
    """
    return _parsed(results_folder() / f"{name}.json")


def read_claims(file: Path) -> list[Claim]:
    """Return the claims of one result file; a file without any `table` entry holds none.

    Raises ClaimError that names the file and the field.
    """
    found = _parsed(file)
    entries = found if isinstance(found, list) else [found]
    return [
        _claim(entry, file.name)
        for entry in entries
        if isinstance(entry, dict) and "table" in entry
    ]


def results_folder() -> Path:
    """Return the folder of result files: $FACELAB_RESULTS, else the repository's.

    Raises ClaimError when there is none, as in an installed wheel.
    """
    chosen = os.environ.get("FACELAB_RESULTS")
    if chosen:
        if not Path(chosen).is_dir():
            raise ClaimError(f"FACELAB_RESULTS is {chosen!r}, which is not a folder")
        return Path(chosen)
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).parents[2]):
        if (folder / "benchmarks" / "results").is_dir():
            return folder / "benchmarks" / "results"
    raise ClaimError(
        "the result files are part of the repository (benchmarks/results): run this from a clone, "
        "or set FACELAB_RESULTS to that folder"
    )


def _parsed(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ClaimError(f"{file.name} is not in {file.parent}: it was not measured yet") from None
    except ValueError as error:
        raise ClaimError(f"{file.name} is not JSON: {error}") from None


def _claim(entry: dict[str, Any], file: str) -> Claim:
    names = {field.name for field in fields(Claim)}
    missing, unknown = names - set(entry), set(entry) - names
    if missing or unknown:
        raise ClaimError(f"{file}: missing {sorted(missing)}, unknown {sorted(unknown)}")
    numbers = entry["ours"]
    if not isinstance(numbers, list) or not all(isinstance(one, (int, float)) for one in numbers):
        raise ClaimError(f"{file}: 'ours' must be a list of numbers, one a seed")
    try:
        return Claim(**(entry | {"ours": tuple(numbers), "seeds": tuple(entry["seeds"])}))
    except (ClaimError, AttributeError, TypeError) as error:
        raise ClaimError(f"{file}: {error}") from None


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
