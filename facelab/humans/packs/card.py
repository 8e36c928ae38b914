"""The data card of a pack: every number on it is counted from the labels."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from facelab.humans.packs.pack import SPLITS, Pack
from facelab.humans.packs.packing import write_file

WORN = ("glasses", "hat", "mask", "held")

_INTRO = """\
# People who never existed

<!-- Written by `facelab data card`; every number is counted from the labels. -->

Pictures of {people} synthetic people, cut out with transparency, with exact labels: {sprites}
pictures of head and shoulders or more, and {props} cut-outs without a face. Aligned crops, landmark
crops, age pairs and endless scenes are composed from them while training.

    from facelab.humans.packs.pack import load_pack
    people = load_pack({folder}split="train")
    people[0].rgba, people.table["age"]

`facelab data info` prints these tables, `facelab data verify` compares all files with their
checksums in `manifest.json`.
"""

_MADE = """\
## How they were made

Meshes, morph targets and skin maps of the MakeHuman community (CC0) are morphed at random into
people, aged, dressed, posed, lit and rendered by `facelab/humans`. The maps and meshes themselves
are not part of this folder; `facelab data humans-assets` says where they come from. No photograph
of a person was used, and nobody is depicted.

    {command}

made this pack. The same command gives the same people.
{versions}

What belongs to a person: the shape of head and face, skin and its marks, eyes, natural hair colour,
how they age. What changes from picture to picture: age, expression, gaze, pose, camera, light, hair
style and dye, beard, make-up, glasses, hat, mask, things held, clothes. So none of the latter tells
who somebody is.
"""

_SPLITS = """\
## Splits

By person: no person is in two splits, so that a test asks about people who were never trained on.
{held}
"""

_CANNOT = """\
## Known artefacts

- Skin maps are few ({skins}); pores, wrinkles and marks are varied on top of them by rule.
- Hair is cards with transparency: seen from the side or above, strands end abruptly.
- Lips do not deform around food, cigarettes or fingers; tongues hardly move.
- Each cut-out has one light of its own. A scene brings it near the scene's light, but shadows of
  one person do not fall on another.
- Half bodies end at the lower edge of their picture; hands belong to held things only.
- Pictures are WebP with loss (quality {quality}): fine hair is softened, edges are exact to about a
  pixel. Points are stored to 1/64 pixel.

## What synthetic people cannot show

- How well a model does on real people. Scores on this pack compare methods; only real, consented
  photos say what a model is worth outside it.
- Fairness. Sex, ancestry and skin tone were drawn from distributions that we chose; equal numbers
  here say nothing about the groups of people whom these words name, and an equal error here does
  not mean an equal error there.
- What the morphs leave out: scars, burns, strabismus, swellings, piercings, tattoos, veils of most
  kinds, wigs, moles of any but small size, disabilities that show in the face, babies.
- Ageing as it happens. Ages are rules with some variety, fitted to no person; nobody's weight,
  teeth, illness or work is in them.
- Likeness within families: twins, parents and children look no more alike than strangers.
- How people move, look at each other, and gather; why a picture was taken.

## Licence

Creative Commons Attribution 4.0 International (CC BY 4.0), the facelab authors. The MakeHuman
assets from which the pictures were rendered are CC0 1.0.
"""


def write(pack: Pack) -> Path:
    """Write the data card, README.md, into the pack's folder. Raises PackError."""
    path = pack.folder / "README.md"
    write_file(path, text(pack).encode())
    return path


def text(pack: Pack) -> str:
    """Give the data card as Markdown."""
    from facelab.humans.packs.drawing import TEST_HAIR, TEST_SKINS
    from facelab.humans.packs.pack import shipped_folder

    counts, notes = pack.manifest["counts"], pack.manifest["notes"]
    shipped = pack.folder.resolve() == shipped_folder().resolve()
    versions = ", ".join(f"{name} {version}" for name, version in notes["versions"].items())
    versions = textwrap.fill(f"Versions: {versions}.", 100)
    held = textwrap.fill(
        f"Only people of the test split have the skins {', '.join(TEST_SKINS)} and the hair styles "
        f"{', '.join(TEST_HAIR)}.",
        100,
    )
    parts = [
        _INTRO.format(**counts, folder="" if shipped else '"this folder", '),
        _MADE.format(command=notes["command"] or "(no command was noted)", versions=versions),
        _SPLITS.format(held=held),
        _table(splits(pack.table)),
        "## Distribution\n\nShares of pictures, in percent; sex and skin tone are shares of people."
        "\nThey were chosen, not measured: a choice that lab 01 discusses.\n",
        *(f"**{name}**\n\n{_table(rows)}" for name, rows in distributions(pack.table).items()),
        _CANNOT.format(skins=20, quality=pack.manifest["recipe"].get("quality", "unknown")),
    ]
    return "\n".join(parts)


def info(pack: Pack) -> str:
    """Give counts and distributions as text for the screen."""
    counts = pack.manifest["counts"]
    size = sum(entry["bytes"] for entry in pack.manifest["files"].values()) / 1e6
    state = "" if pack.manifest["finished"] else ", not finished"
    lines = [
        f"{pack.folder}: {counts['people']} people, {counts['sprites']} pictures, "
        f"{counts['props']} props, {size:.1f} MB{state}",
        "",
        *_columns(splits(pack.table)),
    ]
    for name, rows in distributions(pack.table).items():
        lines += ["", name, *_columns(rows)]
    return "\n".join(lines)


def csv_lines(pack: Pack) -> list[str]:
    """Give the table and the boxes as lines of CSV, the head first; angles are in radians."""
    columns = {"sprite": np.arange(len(pack)), **pack.table}
    columns.update(
        {name: pack.labels["box"][:, k] for k, name in enumerate(("x1", "y1", "x2", "y2"))}
    )
    cells = [
        [f"{value:.4g}" for value in column] if column.dtype.kind == "f" else column.astype(str)
        for column in columns.values()
    ]
    return [",".join(columns), *(",".join(row) for row in zip(*cells, strict=True))]


def splits(table: Mapping[str, np.ndarray]) -> list[list[str]]:
    """Count people and pictures in each split; the first row is the head."""
    rows = [["split", "people", "pictures", "people at five or more ages"]]
    for split in (*SPLITS, "all"):
        mine = (table["split"] == split) | (split == "all")
        people = table["person"][mine]
        aged = sum(_ages(table["age"][mine][people == one]) >= 5 for one in np.unique(people))
        rows.append([split, str(len(np.unique(people))), str(int(mine.sum())), str(aged)])
    return rows


def distributions(table: Mapping[str, np.ndarray]) -> dict[str, list[list[str]]]:
    """Count how pictures and people are spread: name -> rows, the first one the head."""
    found = {
        "Age, years": _binned(table["age"], [20, 30, 40, 50, 60, 70]),
        "Yaw, degrees to either side": _binned(
            np.degrees(np.abs(table["yaw"])), [10, 20, 30, 45, 60]
        ),
        "Pitch, degrees (up is positive)": _binned(
            np.degrees(table["pitch"]), [-20, -10, 0, 10, 20]
        ),
        "Share of the face that is hidden, percent": _binned(
            100 * table["hidden"], [5, 15, 30, 50]
        ),
    }
    first = np.unique(table["person"], return_index=True)[1]
    if "male" in table:
        female = 100 * float((table["male"][first] < 0.5).mean())
        found["Sex, people"] = [["female", "male"], [f"{female:.0f}", f"{100 - female:.0f}"]]
    if "tone" in table:
        found["Skin tone, people: individual typology angle, degrees"] = _tones(
            table["tone"][first]
        )
    worn = [name for name in WORN if name in table]
    if worn:
        shares = [f"{100 * float((table[name] != '').mean()):.0f}" for name in worn]
        found["Worn and held"] = [worn, shares]
    for name, column in table.items():
        if column.dtype.kind == "U" and name not in (*WORN, "split"):
            found[name.replace("_", " ").capitalize()] = _words(column)
    return found


def _ages(ages: np.ndarray) -> int:
    """Count ages that are three years apart or more."""
    count, last = 0, -np.inf
    for age in np.sort(ages):
        if age - last >= 3:
            count, last = count + 1, float(age)
    return count


def _binned(values: np.ndarray, edges: list[float]) -> list[list[str]]:
    """Share out values over bins, in percent; the first and the last bin are open."""
    counts = np.histogram(values, [-np.inf, *edges, np.inf])[0] * (100 / max(len(values), 1))
    between = [f"{low:.0f} to {high:.0f}" for low, high in zip(edges, edges[1:], strict=False)]
    names = [f"under {edges[0]:.0f}", *between, f"{edges[-1]:.0f} and over"]
    return [names, [f"{share:.0f}" for share in counts]]


def _tones(angle: np.ndarray) -> list[list[str]]:
    """Share out people over the classes of Chardon et al., 1991."""
    names = ["dark, below -30", "brown, to 10", "tan, to 28", "intermediate, to 41", "light, to 55",
             "very light"]  # fmt: skip
    counts = np.histogram(angle, [-91, -30, 10, 28, 41, 55, 91])[0] * (100 / max(len(angle), 1))
    return [names, [f"{share:.0f}" for share in counts]]


def _words(column: np.ndarray) -> list[list[str]]:
    """Share out words, the commonest first, at most ten."""
    words, counts = np.unique(column, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    shown = [(str(words[k]) or "none", 100 * counts[k] / len(column)) for k in order[:9]]
    rest = 100 - sum(share for _, share in shown)
    if len(order) > 9:
        shown.append(("other", rest))
    return [[word for word, _ in shown], [f"{share:.0f}" for _, share in shown]]


def _table(rows: list[list[str]]) -> str:
    """Lay rows out as Markdown."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines) + "\n"


def _columns(rows: list[list[str]]) -> list[str]:
    """Lay rows out for the screen."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
