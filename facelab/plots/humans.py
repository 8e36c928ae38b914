"""Figures of lab 01: how a synthetic person is put together, what the labels say, who is in a pack.

Skin tone is the individual typology angle in degrees, as `lightness` of
`facelab.humans.person.skin` gives it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from facelab.humans.head_model import HeadModel, front_camera, portrait_light, turn
from facelab.humans.sprites import Sprite
from facelab.images import to_photo
from facelab.plots.figures import boxes as draw_boxes
from facelab.plots.figures import photo as draw_photo
from facelab.plots.palette import LINES, MARKERS, PALETTE, WIDE
from facelab.plots.sheets import over

AGES = (0, 11, 21, 31, 41, 51, 61, 71, 91)
TONES = {"dark": -30.0, "brown": 10.0, "tan": 28.0, "medium": 41.0, "light": 55.0, "pale": 90.0}
"""Upper ends of the tone groups in degrees. Source: Chardon et al., 1991 (names ours)."""

WORN = ("glasses", "hat", "mask", "held")

_PLATE: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.0}


# ---- pictures of a person


def layers(sprite: Sprite, backdrop: np.ndarray, *, title: str = "") -> Figure:
    """Draw the four pictures of alpha compositing: colour, alpha, background, and the sum.

    backdrop: (H, W, 3) uint8 of the sprite's size.
    """
    pictures = {
        "colour c": sprite.rgba[..., :3].copy(),
        "alpha α": np.repeat(sprite.rgba[..., 3:], 3, axis=2),
        "background b": backdrop,
        "α c + (1 - α) b": over(sprite.rgba, backdrop),
    }
    return strip(pictures, title=title)


def strip(pictures: Mapping[str, np.ndarray], *, height: float = 2.3, title: str = "") -> Figure:
    """Draw pictures side by side, each under its name. pictures: name -> (H, W, 3) uint8."""
    fig, axes = plt.subplots(1, len(pictures), figsize=(WIDE[0], height), squeeze=False)
    for ax, (name, picture) in zip(axes[0], pictures.items(), strict=True):
        draw_photo(picture, ax=ax)
        ax.set_title(name, fontsize=10)
    if title:
        fig.suptitle(title)
    return fig


def steps(model: HeadModel, *, seed: int = 3, side: int = 160) -> dict[str, np.ndarray]:
    """Render one head from the mean to a person, a step at a time: name -> (side, side, 3) uint8.

    seed: of the person's shape and skin.
    """
    generator = torch.Generator().manual_seed(seed)
    shape = 1.4 * torch.randn(1, 12, generator=generator)
    skin = torch.randn(1, 6, generator=generator)
    nobody, old, hair = torch.zeros(1, 1), torch.tensor([62.0]), torch.ones(1)
    smile = torch.zeros(1, model.num_expression)
    smile[0, model.expressions.index("smile")] = 0.9
    shapes = {
        "mean shape": model(nobody),
        "+ identity": model(shape),
        "+ age 62": model(shape, age=old),
        "+ smile, hair": model(shape, smile, old, hair=hair),
    }
    clay = torch.full((1, model.num_vertices, 3), 0.55)
    pictures = {name: (points, clay, 0.0) for name, points in shapes.items()}
    last = shapes["+ smile, hair"]
    colours = model.albedo(skin, old, hair=hair, hair_colour=torch.tensor([[0.4, 0.4, 0.4]]))
    pictures["+ skin"] = (last, colours, 0.0)
    pictures["+ pose"] = (turn(last, torch.tensor([[0.5, 0.1, -0.1]])), colours, 0.08)
    draw, made = model.renderer(), {}
    for name, (points, paint, shine) in pictures.items():
        with torch.inference_mode():
            image = draw(
                points, paint, front_camera(fill=0.74), portrait_light(),
                size=(side, side), background=0.9, shine=shine,
            ).image[0]  # fmt: skip
        made[name] = to_photo(image)
    return made


def labelled(
    sprite: Sprite, *, backdrop: np.ndarray | Sequence[int] = (150, 156, 162), ax: Axes
) -> Figure:
    """Draw a face with its labels: box, 68 points (hidden ones as crosses), rings for the five.

    backdrop: (H, W, 3) uint8, or one colour (3,).
    """
    photo = over(sprite.rgba, np.asarray(backdrop))
    draw_photo(photo, ax=ax)
    draw_boxes(None, torch.from_numpy(sprite.box)[None], role="truth", ax=ax)
    rim = [withStroke(linewidth=2.5, foreground="white")]
    looks = ((sprite.visible, "candidate", "o", 2.5), (~sprite.visible, "accent", "x", 4))
    for mask, role, marker, size in looks:
        x, y = sprite.landmarks[mask].T
        ax.plot(x, y, marker, ms=size, mew=1.2, color=PALETTE[role], path_effects=rim)
    x, y = sprite.five.T
    ring = PALETTE["prediction"]
    ax.plot(x, y, "o", ms=9, mfc="none", mew=1.5, color=ring, path_effects=rim)
    return _zoom(ax, photo, sprite.box, around=0.3)


def numbered(photo: np.ndarray, points: Tensor, *, ax: Axes, title: str = "") -> Figure:
    """Draw a face with its five numbered points; 0 and 3 are squares, 1 and 4 circles.

    photo: (H, W, 3) uint8. points: (5, 2) in its pixels.
    """
    draw_photo(photo, ax=ax, title=title)
    ax.title.set_fontsize(10)
    for number, (x, y) in enumerate(points.tolist()):
        marker = "soDso"[number]
        ax.plot(x, y, marker=marker, color=PALETTE["prediction"], markeredgecolor="white", ms=8)
        ax.annotate(str(number), (x, y), xytext=(7, 4), textcoords="offset points", bbox=_PLATE)
    corners = np.concatenate([points.amin(dim=0), points.amax(dim=0)])
    return _zoom(ax, photo, corners, around=1.1)


def _zoom(ax: Axes, photo: np.ndarray, box: np.ndarray, *, around: float) -> Figure:
    """Show the square about a box (4,), larger than it by a share on each side, in the photo."""
    height, width = photo.shape[:2]
    x, y = (box[:2] + box[2:]) / 2
    half = min((0.5 + around) * float(max(box[2:] - box[:2])), height / 2, width / 2)
    x, y = np.clip(x, half, width - half), np.clip(y, half, height - half)
    ax.set_xlim(x - half, x + half)
    ax.set_ylim(y + half, y - half)
    return ax.get_figure(root=True)  # type: ignore[return-value]


# ---- curves


def agreement(
    shares: Sequence[float], overlaps: Mapping[str, Sequence[float]], *, title: str = ""
) -> Figure:
    """Draw the IoU of boxes from landmarks with the true boxes, against how far they are raised.

    shares: raised by, as shares of the height. overlaps: mean IoU by kind of face.
    """
    fig, ax = plt.subplots(figsize=WIDE)
    for (name, values), role in zip(overlaps.items(), ("candidate", "prediction"), strict=False):
        look = {"color": PALETTE[role], "linestyle": LINES[role], "marker": MARKERS[role]}
        ax.plot(shares, values, label=name, markersize=5, **look)
    ax.set_xlabel("top raised by (share of the box's height)")
    ax.set_ylabel("IoU with the true box")
    ax.set_ylim(top=1.0)
    ax.legend(frameon=False)
    ax.set_title(title)
    return fig


def leak(
    accuracy: Mapping[str, Sequence[float]],
    years: Mapping[str, Sequence[float]],
    *,
    chance: float,
    constant: float,
    title: str = "",
) -> Figure:
    """Draw what a leak does to two results: a bar is the mean over seeds, dots are the seeds.

    accuracy: way of splitting -> one accuracy a seed, in [0, 1]; chance: of a guess. years: the
    same ways -> one mean error a seed; constant: of the answer that is always the same.
    """
    fig, axes = plt.subplots(1, 2, figsize=(WIDE[0], 2.6), sharey=True)
    looks = (("anchor", ".."), ("ignored", "//"), ("candidate", ""))
    halves = (
        (axes[0], accuracy, chance, "{:.0%}", "guessing", "accuracy on the coin"),
        (axes[1], years, constant, "{:.1f}", "always the same", "mean error of the age (years)"),
    )
    for ax, results, line, shown, name, label in halves:
        for place, values in enumerate(results.values()):
            role, hatch = looks[place % len(looks)]
            mean = float(np.mean(values))
            ax.barh(place, mean, color=PALETTE[role], hatch=hatch, ec="white", height=0.7)
            ax.plot(values, [place] * len(values), "o", color="black", ms=4, mfc="white")
            ax.text(0, place, " " + shown.format(mean), va="center", bbox=_PLATE)
        ax.axvline(line, color="black", linestyle=LINES["ignored"], lw=1)
        ax.text(line, -0.5, name, va="bottom", ha="center", fontsize=10)
        ax.set_xlabel(label)
    axes[0].set_yticks(range(len(accuracy)), list(accuracy))
    axes[0].set_ylim(len(accuracy) - 0.5, -0.5)  # the first way on top
    axes[0].set_xlim(0, 1)
    axes[0].xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if title:
        fig.suptitle(title)
    return fig


def audit(hits: Mapping[str, Mapping[str, np.ndarray]], *, label: str, title: str = "") -> Figure:
    """Draw a share for each group, with the range that chance alone leaves open (95 %, Wilson).

    hits: condition -> group -> (N,) bool, the same groups for each condition. label: of the axis. A
    group without anybody is left out.
    """
    fig, ax = plt.subplots(figsize=WIDE)
    looks = (("anchor", ""), ("candidate", "//"))
    wide = 0.8 / len(hits)
    names: dict[str, str] = {}
    for number, (condition, groups) in enumerate(hits.items()):
        found = {name: np.asarray(one, bool) for name, one in groups.items() if len(one)}
        names |= {name: f"{name}\nn = {len(one)}" for name, one in found.items()}
        places = np.arange(len(found)) + (number - (len(hits) - 1) / 2) * wide
        shares = np.array([one.mean() for one in found.values()])
        low, high = np.array([wilson(one) for one in found.values()]).T
        gaps = np.maximum(np.stack([shares - low, high - shares]), 0)
        role, hatch = looks[number % len(looks)]
        bars = ax.bar(places, shares, width=0.92 * wide, color=PALETTE[role], ec="white")
        for bar in bars:
            bar.set_hatch(hatch)
        bars.set_label(condition)
        ax.errorbar(places, shares, yerr=gaps, fmt="none", ecolor="black", capsize=4)
        for place, share in zip(places, shares, strict=True):
            ax.text(place, 0.02, f"{share:.0%}", ha="center", va="bottom", fontsize=10, bbox=_PLATE)
    ax.set_xticks(range(len(names)), list(names.values()))
    ax.set_ylim(0, 1.02)
    ax.set_ylabel(label)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if len(hits) > 1:
        fig.legend(frameon=False, loc="outside lower center", ncols=len(hits))
    ax.set_title(title)
    return fig


def wilson(hits: np.ndarray, z: float = 1.96) -> tuple[float, float]:
    """Give the interval of a share in which its true value lies with 95 %.

    hits: (N,) bool, N >= 1.
    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    count, share = len(hits), float(np.mean(hits))
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count)
    half *= (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5
    return max(middle - half, 0.0), min(middle + half, 1.0)


# ---- who is in a pack


def tone_groups(tones: np.ndarray) -> np.ndarray:
    """Number the tone groups of `TONES`, 0 for the darkest. tones: (N,) degrees."""
    return np.searchsorted(list(TONES.values())[:-1], np.asarray(tones), side="right")


def people_of(table: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Reduce a table of sprites to one row a person: each person's first."""
    _, first = np.unique(table["person"], return_index=True)
    return {name: column[first] for name, column in table.items()}


def distributions(table: Mapping[str, np.ndarray], *, title: str = "") -> Figure:
    """Draw who and what is in a pack: ages by sex, skin tones, yaw and pitch, expressions, things.

    table: columns of a `SpriteSource`, one row a sprite; a column that is missing leaves its panel
    empty and says so.
    """
    fig, axes = plt.subplots(2, 3, figsize=(9.6, 5.4))
    for ax, draw in zip(
        axes.flat, (_ages, _tones, _hidden, _poses, _expressions, _worn), strict=True
    ):
        try:
            draw(ax, table)
        except KeyError as missing:
            ax.text(0.5, 0.5, f"no column {missing}", ha="center", transform=ax.transAxes)
        ax.title.set_fontsize(10)
    if title:
        fig.suptitle(title)
    return fig


def _age_names() -> list[str]:
    return [f"{low}-{high - 1}" for low, high in zip(AGES[:-1], AGES[1:], strict=True)]


def _ages(ax: Axes, table: Mapping[str, np.ndarray]) -> None:
    male = np.asarray(table["male"]) > 0.5
    bottom = np.zeros(len(AGES) - 1)
    for mask, name, role, hatch in (
        (~male, "female", "accent", "//"),
        (male, "male", "candidate", ""),
    ):
        counts = np.histogram(table["age"][mask], AGES)[0]
        ax.bar(range(len(counts)), counts, bottom=bottom, color=PALETTE[role], hatch=hatch,
               ec="white", label=name)  # fmt: skip
        bottom += counts
    names = _age_names()
    ax.set_xticks(range(len(names)), names, rotation=60)
    ax.set_xlabel("age (years)")
    ax.set_ylabel("renders")
    ax.set_ylim(top=1.3 * bottom.max())  # room for the legend
    ax.legend(frameon=False, fontsize=10, loc="upper right", ncols=2)
    ax.set_title("Age and sex")


def _tones(ax: Axes, table: Mapping[str, np.ndarray]) -> None:
    counts = np.bincount(tone_groups(people_of(table)["tone"]), minlength=len(TONES))
    greys = [str(0.2 + 0.7 * at / (len(TONES) - 1)) for at in range(len(TONES))]
    ax.bar(range(len(counts)), counts, color=greys, ec="black")
    ax.set_xticks(range(len(TONES)), list(TONES), rotation=60)
    ax.set_xlabel("skin tone (typology angle)")
    ax.set_ylabel("people")
    ax.set_title("Skin tone")


def _poses(ax: Axes, table: Mapping[str, np.ndarray]) -> None:
    yaw, pitch = np.degrees(table["yaw"]), np.degrees(table["pitch"])
    edges = np.arange(-90, 91, 10), np.arange(-40, 41, 8)
    image = ax.hist2d(yaw, pitch, bins=list(edges), cmap="cividis", cmin=1)[3]
    ax.get_figure(root=True).colorbar(image, ax=ax, label="renders")  # type: ignore[union-attr]
    ax.set_xlabel("yaw (degrees)")
    ax.set_ylabel("pitch (degrees)")
    ax.set_title("Pose of the head")


def _hidden(ax: Axes, table: Mapping[str, np.ndarray]) -> None:
    edges = list(range(0, 101, 5))
    ax.hist(np.asarray(table["hidden"]) * 100, edges, color=PALETTE["candidate"])
    ax.set_yscale("symlog", linthresh=10)
    ax.set_xlabel("hidden share of the face (%)")
    ax.set_ylabel("renders")
    ax.set_title("Hidden by hair and things")


def _expressions(ax: Axes, table: Mapping[str, np.ndarray]) -> None:
    names, counts = np.unique(np.asarray(table["expression"]).astype(str), return_counts=True)
    order = np.argsort(counts)[-9:]
    ax.barh(names[order], counts[order], color=PALETTE["truth"], hatch="..", ec="white")
    ax.set_xlabel("renders")
    ax.set_title("Expression")


def _worn(ax: Axes, table: Mapping[str, np.ndarray]) -> None:
    shares = {name: float((np.asarray(table[name]).astype(str) != "").mean()) for name in WORN}
    ax.barh(list(shares), [100 * share for share in shares.values()], color=PALETTE["anchor"],
            hatch="//", ec="black")  # fmt: skip
    ax.set_xlabel("share of the renders (%)")
    ax.set_title("Worn and held")


def cross_table(table: Mapping[str, np.ndarray], *, title: str = "") -> Figure:
    """Draw how many people there are for each pair of age group and skin tone.

    A person counts in every age group of which there is a render. Cells are numbered, empty ones
    crossed out.
    """
    counts = cross_counts(table)
    fig, ax = plt.subplots(figsize=(WIDE[0], 3.4))
    image = ax.imshow(counts, cmap="cividis", aspect="auto", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        red, green, blue, _ = image.cmap(image.norm(count))
        dark = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.18
        text = str(count) if count else "x"
        ax.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
    names = _age_names()
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(TONES)), list(TONES))
    ax.set_xlabel("age (years)")
    ax.set_ylabel("skin tone")
    fig.colorbar(image, ax=ax, label="people")
    ax.set_title(title)
    return fig


def cross_counts(table: Mapping[str, np.ndarray]) -> np.ndarray:
    """Count people by tone group (rows) and age group (columns): (6, 8) int64."""
    group = np.digitize(table["age"], AGES[1:-1])
    rows = np.stack([tone_groups(table["tone"]), group, table["person"]], axis=1)
    found = np.unique(rows, axis=0)
    counts = np.zeros((len(TONES), len(AGES) - 1), np.int64)
    np.add.at(counts, (found[:, 0], found[:, 1]), 1)
    return counts
