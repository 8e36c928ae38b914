"""The scene composer's pictures: boxes by difficulty, heights, the label table, static twin."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from facelab.plots.palette import PALETTE, rgb
from facelab.types import Scene
from facelab.widgets import svg
from facelab.widgets.base import SvgView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEVELS = ("easy", "medium", "hard")
ROLES = ("truth", "candidate", "prediction")  # colour of each level
DASHES = (0, 12, 5)  # pixels of a dash on the picture, 0 for a solid line
WORDS = {
    "blur": ("clear", "normal", "heavy"),
    "expression": ("typical", "exaggerated"),
    "illumination": ("normal", "extreme"),
    "occlusion": ("none", "partial", "heavy"),
    "pose": ("typical", "atypical"),
    "invalid": ("valid", "invalid"),
}
ROWS = 8  # faces in the table
LEGEND = (
    f'Boxes: <span style="color:{PALETTE["truth"]}"><b>&#9472;&#9472; solid</b></span> easy, '
    f'<span style="color:{PALETTE["candidate"]}"><b>&#9472; &#9472; long dashes</b></span> medium, '
    f'<span style="color:{PALETTE["prediction"]}"><b>&#183; &#183; short dashes</b></span> hard, '
    f'<span style="color:{PALETTE["ignored"]}"><b>crossed out</b></span> ignored, too hidden.'
)
BINS = (4, 8, 16, 32, 64, 128, 256)  # face heights, pixels


def heights(scene: Scene) -> np.ndarray:
    """Give the heights of the labelled boxes (N,) in pixels."""
    return (scene.boxes[:, 3] - scene.boxes[:, 1]).numpy()


def levels(scene: Scene) -> np.ndarray:
    """Give the difficulty of each face (N,): 0 easy, 1 medium, 2 hard."""
    return scene.attributes["difficulty"].numpy()


# ---- the picture


def paint(scene: Scene, *, width: int) -> np.ndarray:
    """Paint the boxes on an enlarged copy: (h, width, 3) uint8."""
    scale = width / scene.image.shape[1]
    canvas = cv2.resize(scene.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    for x1, y1, x2, y2 in (scene.ignore * scale).round().int().tolist():
        for start, end in (((x1, y1), (x2, y2)), ((x1, y2), (x2, y1))):
            cv2.line(canvas, start, end, (255, 255, 255), 3, cv2.LINE_AA)
            cv2.line(canvas, start, end, rgb("ignored"), 1, cv2.LINE_AA)
    level, corners = levels(scene), (scene.boxes * scale).round().int().tolist()
    for index in np.argsort(-level, kind="stable").tolist():  # easy ones on top
        _outline(canvas, corners[index], rgb(ROLES[level[index]]), DASHES[level[index]])
    return canvas


def _outline(
    canvas: np.ndarray, box: Sequence[int], colour: tuple[int, int, int], dash: int
) -> None:
    """Draw a rectangle on a white rim, dashed where dash (pixels) is not 0."""
    x1, y1, x2, y2 = box
    cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), (255, 255, 255), 3)
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.rectangle(mask, (x1, y1), (x2 - 1, y2 - 1), 1, 2)
    rows, columns = mask.nonzero()
    drawn = np.ones(len(rows), bool) if not dash else (rows + columns) // dash % 2 == 0
    canvas[rows[drawn], columns[drawn]] = colour


# ---- the drawing


def draw_sizes(view: SvgView, scene: Scene) -> None:
    """Draw how many faces there are of each height, stacked by difficulty."""
    counts, bins = size_counts(scene), _bin_names()
    left, floor, span, step = 34.0, 170.0, 130.0, 50.0
    most = max(int(counts.sum(axis=0).max(initial=0)), 4)
    body = svg.textures() + svg.text(4, 14, "Faces by height of the box", bold=True)
    for share in (0.0, 0.5, 1.0):
        y = floor - span * share
        body += svg.line(left, y, left + step * counts.shape[1], y, stroke=svg.FAINT)
        body += svg.text(left - 4, y + 4, f"{most * share:g}", anchor="end", size=11)
    for column in range(counts.shape[1]):
        x, base = left + column * step, floor
        for level, texture in enumerate(svg.TEXTURES):
            tall = span * counts[level, column] / most
            base -= tall
            fill = PALETTE[ROLES[level]]
            body += svg.bar(x + 5, base, step - 10, tall, fill=fill, texture=texture)
        body += svg.text(x + step / 2, floor + 16, bins[column], anchor="middle", size=11)
    body += svg.text(left + step * counts.shape[1] / 2, floor + 34, "pixels", anchor="middle")
    for level, (name, texture) in enumerate(zip(LEVELS, svg.TEXTURES, strict=True)):
        x, count = 8 + level * 110, int(counts[level].sum())
        body += svg.bar(x, floor + 44, 16, 12, fill=PALETTE[ROLES[level]], texture=texture)
        body += svg.text(x + 21, floor + 55, f"{name}: {count}")
    label = f"Face heights; {level_words(scene)}"
    view.draw(body, width=350, height=236, label=label)


def size_counts(scene: Scene) -> np.ndarray:
    """Count faces by difficulty (rows) and height (columns): (3, 6) int64."""
    column = np.clip(np.searchsorted(BINS, heights(scene), side="right") - 1, 0, len(BINS) - 2)
    counts = np.zeros((3, len(BINS) - 1), np.int64)
    np.add.at(counts, (levels(scene), column), 1)
    return counts


def _bin_names() -> list[str]:
    return [f"{low}-{high}" for low, high in zip(BINS[:-1], BINS[1:], strict=True)]


# ---- words


def level_words(scene: Scene) -> str:
    """Count the faces by difficulty in words."""
    counts = np.bincount(levels(scene), minlength=3)
    return ", ".join(f"{count} {name}" for count, name in zip(counts.tolist(), LEVELS, strict=True))


def sentence(scene: Scene) -> str:
    """Say what the labels hold."""
    count, tall = len(scene), heights(scene)
    if count == 0:
        left = f"{len(scene.ignore)} ignored" if len(scene.ignore) else "a scene without a face"
        return f"<b>No labelled face</b> ({left})."
    hidden = int((scene.attributes["occlusion"] == 2).sum())
    ignored = f", {len(scene.ignore)} more ignored" if len(scene.ignore) else ""
    return (
        f"<b>{count} labelled face{'s' if count > 1 else ''}</b>{ignored}: {level_words(scene)}. "
        f"Heights {tall.min():.0f} to {tall.max():.0f} px; "
        f"{int((tall < 32).sum())} below 32 px; {hidden} heavily occluded."
    )


def label_table(scene: Scene) -> str:
    """Write the labels of the largest faces as an HTML table."""
    head = ("box x1, y1, x2, y2", *WORDS, "hidden", "difficulty", "age", "person")
    order = np.argsort(-heights(scene), kind="stable")[:ROWS].tolist()
    rows = "".join(f"<tr>{''.join(_cells(scene, index))}</tr>" for index in order)
    titles = "".join(
        f'<th scope="col" style="text-align:left;padding-right:12px">{html.escape(name)}</th>'
        for name in head
    )
    rest = len(scene) - len(order)
    more = f"<p>The {ROWS} largest of {len(scene)} faces.</p>" if rest else ""
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table>{more}"


def _cells(scene: Scene, index: int) -> list[str]:
    """Write the labels of one face as the cells of a table's row."""
    box = ", ".join(f"{value:.0f}" for value in scene.boxes[index].tolist())
    found = scene.attributes
    texts = [box]
    for name, words in WORDS.items():
        code = int(found[name][index])
        texts.append(f"{code} {words[code]}")
    texts += [
        f"{float(found['hidden'][index]):.0%}",
        LEVELS[int(found["difficulty"][index])],
        f"{float(found['age'][index]):.0f}",
        str(int(found["person"][index])),
    ]
    return [f'<td style="padding-right:12px">{html.escape(text)}</td>' for text in texts]


# ---- the static twin


@dataclass(frozen=True, eq=False)
class Setting:
    """One column of the static twin."""

    title: str
    scene: Scene

    def sentence(self) -> str:
        """Say the column's key numbers."""
        return f"{self.title}: {len(self.scene)} labelled faces, {level_words(self.scene)}."


def settings_figure(columns: Sequence[Setting]) -> Figure:
    """Draw each setting's scene with its boxes, and below it the faces by height and difficulty."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(
        2,
        len(columns),
        figsize=(9.6, 4.9),
        squeeze=False,
        layout="constrained",
        height_ratios=(3, 2),
    )
    for upper, lower, column in zip(axes[0], axes[1], columns, strict=True):
        upper.imshow(paint(column.scene, width=480))
        upper.set_axis_off()
        upper.set_title(column.title, fontsize=10)
        counts, base = size_counts(column.scene), np.zeros(len(BINS) - 1)
        for level, hatch in enumerate(("", "//", "..")):
            lower.bar(
                range(len(base)),
                counts[level],
                bottom=base,
                color=PALETTE[ROLES[level]],
                hatch=hatch,
                edgecolor="white",
                label=LEVELS[level],
            )
            base += counts[level]
        lower.set_xticks(range(len(base)), _bin_names(), rotation=45, fontsize=9)
        lower.set_xlabel("face height (px)")
        lower.spines[["top", "right"]].set_visible(False)
    axes[1, 0].set_ylabel("faces")
    handles, labels = axes[1, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return fig
