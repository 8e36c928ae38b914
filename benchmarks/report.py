"""Write benchmarks/README.md from benchmarks/results/*.json: `python benchmarks/report.py`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
INTRO = """# Benchmarks

Each file here is one command that measures something and stores what it found in `results/`. This
page is written from these files by `python benchmarks/report.py`; nothing on it is typed by hand,
and a test fails when it is out of date. Times hold for the machine they were taken on: compare the
columns, and run the command on yours.
"""

TITLES = {
    "mtcnn": "MTCNN",
    "dcnn_cascade": "Landmark cascade",
    "coarse_to_fine": "Coarse to fine, 68 points",
    "cfan": "CFAN",
    "faceposenet": "FacePoseNet",
}


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def speed(result: dict[str, Any]) -> str:
    """Median milliseconds a photo for every detector, and how many times as fast as the first."""
    peer, *own = result["rows"][0]["median_ms"]
    head = ["photo", *(f"{name}, ms" for name in (peer, *own)), *(f"{x}: faster by" for x in own)]
    rows = []
    for row in [*result["rows"], *totals(result["rows"])]:
        median = row["median_ms"]
        times = [f"{median[name]:.0f}" for name in (peer, *own)]
        ratios = [f"{median[peer] / median[name]:.2f}x" for name in own]
        rows.append([row["photo"], *times, *ratios])
    how = (
        f"`{result['command']}`; {result['machine']}; medians of {result['repeats']} runs of each "
        "detector, taken in turn in one process; smallest face 20 px.\n`compat` gives the same "
        "faces as facenet-pytorch (tests/parity), `default` follows the paper's specification."
    )
    slow = [
        f"{row['photo']} ({name}, {row['median_ms'][peer] / row['median_ms'][name]:.2f}x)"
        for row in result["rows"]
        for name in own
        if row["median_ms"][peer] < 2 * row["median_ms"][name]
    ]
    goal = (
        f"The goal is twice the peer's speed on every photo. Missed: {'; '.join(slow) or 'none'}."
    )
    return f"## MTCNN: speed\n\n{how}\n\n{table(head, rows)}\n\n{goal}\n"


def totals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All photos of a size one after the other: what decides the throughput."""
    sizes = dict.fromkeys(row["photo"].split(",")[0] for row in rows)
    found = []
    for size in sizes:
        times = [row["median_ms"] for row in rows if row["photo"].startswith(f"{size},")]
        summed = {name: sum(one[name] for one in times) for name in times[0]}
        found.append({"photo": f"{size}, both photos", "median_ms": summed})
    return found


def claims(found: list[dict[str, Any]]) -> str:
    """The claims of a file, table by table: mean and range over seeds, verdict, one line why.

    What the paper gives has a column of its own where it gives anything.
    """
    tables = dict.fromkeys(claim["table"] for claim in found)
    parts = []
    for name in tables:
        title = TITLES.get(name, name.replace("_", " "))
        own = [claim for claim in found if claim["table"] == name]
        parts.append(f"## {title}: claims\n\n{_claims(own)}\n")
    return "\n".join(parts)


def _claims(found: list[dict[str, Any]]) -> str:
    if not (measured := [claim for claim in found if claim["ours"]]):
        return "Nothing was measured yet."
    papers = any(isinstance(claim["paper"], int | float) for claim in measured)
    rows = []
    for claim in found:
        values, ours = claim["ours"], "-"
        if values:
            spread = f"{min(values):.3g} to {max(values):.3g}"
            ours = f"{statistics.mean(values):.3g} ({spread}) {claim['unit']}"
        paper = [_paper(claim)] if papers else []
        seeds = str(len(claim["seeds"]))
        rows.append(
            [claim["claim"], claim["where"], *paper, ours, seeds, claim["verdict"], claim["why"]]
        )
    paper = ["paper"] if papers else []
    head = ["claim", "where", *paper, "ours: mean (least to most)", "seeds", "verdict", "note"]
    how = "\n".join(dict.fromkeys(f"`{one['command']}`; {one['data']}." for one in measured))
    return f"{how}\n\n{table(head, rows)}"


def _paper(claim: dict[str, Any]) -> str:
    """Give the paper's value with its mark, or a dash."""
    if claim["paper"] is None:
        return "-"
    value = claim["paper"]
    shown = value if isinstance(value, str) else f"{value:.3g}"
    return f"{shown} {claim['paper_mark']}".strip()


def people(found: dict[str, Any]) -> str:
    """The honesty checks of the synthetic people that have been run: one row a figure."""
    rows = []
    for name, result in found.items():
        for key, value in result.items():
            if not isinstance(value, list | dict):
                rows.append([name, key.replace("_", " "), str(value)])
    how = "`python benchmarks/humans_checks.py`, see there what each check asks."
    return f"## Synthetic people: checks\n\n{how}\n\n{table(['check', 'figure', 'value'], rows)}\n"


def loaders(result: dict[str, Any]) -> str:
    """What the loaders deliver a second, the peer's way among them."""
    rows = [[name, f"{rate:.0f}"] for name, rate in result["a_second"].items()]
    how = (
        f"`{result['command']}`; {result['machine']}; medians of {result['turns']} turns, taken in "
        f"one run; {result['sprites']} pictures.\nThe goal is 1,000 aligned crops and 20 scenes of "
        "640x480 with 12 faces a second. The peer reads one file a picture with ImageFolder, "
        "aligns with scikit-image and lays nothing over a background."
    )
    return f"## Synthetic people: loaders\n\n{how}\n\n{table(['what', 'a second'], rows)}\n"


def head_model(result: dict[str, Any]) -> str:
    """How long the head model's renderer takes."""
    rows = []
    for row in result["rows"]:
        cores = "1 core" if row["cores"] == 1 else f"{row['cores']} cores"
        what = f"{row['pictures']} of {row['side_px']}x{row['side_px']}, {cores}"
        times = ("heads_ms", "forward_ms", "forward_and_backward_ms", "goal_forward_ms")
        rows.append([what, *(f"{row[name]:.0f}" for name in times)])
    how = (
        f"`{result['command']}`; {result['machine']}; {result['vertices']} vertices, "
        f"{result['triangles']} triangles; medians of {result['turns']} runs."
    )
    head = ["pictures", "making heads, ms", "drawing, ms", "drawing and gradients, ms", "goal, ms"]
    return f"## Head model: speed\n\n{how}\n\n{table(head, rows)}\n"


def cascade_levels(result: dict[str, Any]) -> str:
    """The cascade's errors and failures by level and point, ours beside the paper's."""
    names = {
        "error": "Mean error, % of the box width: ours (the paper's)",
        "failures": "Errors above 5 %, % of faces: ours (the paper's)",
        "learnt": "Mean error on faces of the people that were learnt from",
    }
    parts = [f"## Landmark cascade: levels and structures\n\n{result['how']}\n"]
    for title, group in (("levels", result["levels"]), ("structures of F1", result["structures"])):
        for kind, what in names.items():
            rows = [_by_point(row, kind, result["points"]) for row in group if kind in row]
            if rows:
                head = [title, *result["points"], "mean"]
                parts.append(f"{what}\n\n{table(head, rows)}\n")
    rates = [[name, f"{rate:g}"] for name, rate in result["rates"].items()]
    if rates:
        parts.append(
            f"Learning rates chosen on validation people\n\n{table(['', 'rate'], rates)}\n"
        )
    return "\n".join(parts)


def _by_point(row: dict[str, Any], kind: str, points: list[str]) -> list[str]:
    """Give a row of means over seeds, the paper's value in brackets, and the mean over points."""
    paper = row.get("paper", {}).get(kind) or [None] * len(points)
    ours = [
        None if column[0] is None else statistics.fmean(column)
        for column in zip(*row[kind], strict=True)
    ]
    cells = []
    for values in ([*ours, _mean(ours)], [*paper, _mean(paper)]):
        cells.append(["-" if value is None else f"{value:.2f}" for value in values])
    texts = [one if other == "-" else f"{one} ({other})" for one, other in zip(*cells, strict=True)]
    name = f"{row['name']}: {row['note']}" if "note" in row else row["name"]
    return [name, *texts]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def landmarks_speed(result: dict[str, Any]) -> str:
    """Faces a second of the cascade and of MTCNN's O-Net, on the same faces."""
    names = list(result["rows"][0]["median_ms"])
    head = ["faces at once", "what is timed", *(f"{name}, faces/s" for name in names), "ratio"]
    rows = []
    for row in result["rows"]:
        rate = {name: 1000 * row["faces"] / ms for name, ms in row["median_ms"].items()}
        ours, other = (rate[name] for name in names[:2])
        shown = [f"{rate[name]:,.0f}" for name in names]
        rows.append([str(row["faces"]), row["what"], *shown, f"{ours / other:.2f}x"])
    macs = ", ".join(f"{name} {count / 1e6:.1f}" for name, count in result["macs"].items())
    how = (
        f"`{result['command']}`; {result['machine']}; medians of {result['repeats']} runs of each, "
        f"taken in turn in one process.\nMillion multiply-adds a face: {macs}."
    )
    return f"## Landmark cascade: speed\n\n{how}\n\n{table(head, rows)}\n"


def wider_speed(result: dict[str, Any]) -> str:
    """Seconds of the WIDER FACE evaluation, beside a port of its rules."""
    seconds = result["seconds"]
    head = ["photos", "detections each", *(f"{name}, s" for name in seconds), "faster by", "apart"]
    ratio = f"{seconds['port'] / seconds['facelab']:.0f}x"
    row = [f"{result['photos']:,}", str(result["detections"])]
    row += [*(f"{value:.1f}" for value in seconds.values()), ratio]
    row.append(f"{result['largest_difference']:.0e}")
    how = (
        f"`{result['command']}`; {result['machine']}; three levels of the same made-up detections, "
        "one run of each in one process.\nThe last column is the largest difference of an average "
        "precision. The goal is 20 times the port's speed."
    )
    return f"## WIDER FACE evaluation: speed\n\n{how}\n\n{table(head, [row])}\n"


SECTIONS: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("mtcnn_speed", speed),
    ("mtcnn", claims),
    ("humans_checks", people),
    ("humans_loaders", loaders),
    ("humans_head_model", head_model),
    ("dcnn_cascade", claims),
    ("dcnn_cascade_levels", cascade_levels),
    ("landmarks_speed", landmarks_speed),
    ("relatives", claims),
    ("faceposenet", claims),
    ("wider_speed", wider_speed),
)
"""Files of results/ and what makes a section of each, in the page's order."""


def report() -> str:
    """Give the whole page; what was not measured yet is left out."""
    files = [(HERE / "results" / f"{name}.json", section) for name, section in SECTIONS]
    parts = [section(json.loads(file.read_text())) for file, section in files if file.exists()]
    return "\n".join([INTRO, *parts])


if __name__ == "__main__":
    (HERE / "README.md").write_text(report())
    print("written: benchmarks/README.md")
