"""Widgets of lab 00: two boxes and their overlap; a threshold on scores."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from facelab import plots
from facelab.geometry.boxes import box_area, box_iou
from facelab.plots.palette import PALETTE, rgb
from facelab.types import Faces
from facelab.widgets import svg
from facelab.widgets.base import Controls, PictureView, Slider, SvgView, Twin, with_static

DRAWING = 420  # CSS pixels: width of the drawings beside a picture


def iou_explorer(photo: np.ndarray, box: Tensor) -> Twin:
    """Show a photo with a fixed box A and a box B that sliders move and resize, and their IoU.

    photo: uint8 (H, W, 3) RGB. box: (4,) xyxy, the fixed box; B starts a quarter of its width to
    the right, where the IoU is 0.6.
    """
    width, height = (box[2:] - box[:2]).round().int().tolist()
    picture = PictureView(alt="The photo with box A, dashed, and box B, solid.", width=DRAWING)
    sums = SvgView()
    view, corner, scale = close_up(photo, box)
    controls = Controls(
        Slider(
            "right",
            round(width / 4),
            min=-round(1.5 * width),
            max=round(1.5 * width),
            step=1,
            label="move B right",
            unit="px",
        ),
        Slider("down", 0, min=-height, max=height, step=1, label="move B down", unit="px"),
        Slider("size", 100, min=25, max=250, step=5, label="size of B", unit="% of A"),
    )

    def draw(right: int, down: int, size: int) -> None:
        other = moved(box, right, down, size)
        picture.show(pair(view, (box - corner) * scale, (other - corner) * scale))
        body, words = overlap_sums(box, other)
        sums.draw(body, width=DRAWING, height=150, label=words)

    controls.on_change(draw)
    return with_static(
        widgets.VBox([controls.box, widgets.HBox([picture.view, sums.view], layout=_wrapping())]),
        static=lambda: three_pairs(photo, box),
        alt="Three places of box B against box A: moved by a third of the width, IoU 0.50; half "
        "as wide and high, IoU 0.25; moved by a whole width, IoU 0.",
        controls=controls,
    )


def close_up(photo: np.ndarray, box: Tensor) -> tuple[np.ndarray, Tensor, float]:
    """Cut the surroundings of a box out of a photo, enlarged to the width of a drawing.

    Returns the view, uint8 (H, W, 3), and what brings a box into it: subtract the corner (4,),
    multiply with the scale.
    """
    height, width = photo.shape[:2]
    reach = 1.4 * (box[2:] - box[:2]).max()
    left, top = (box[:2] - reach).clamp(min=0).floor().int().tolist()
    right, bottom = (box[2:] + reach).ceil().int().tolist()
    cut = photo[top : min(bottom, height), left : min(right, width)]
    scale = DRAWING / cut.shape[1]
    view = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    return view, box.new_tensor([left, top, left, top]), scale


def moved(box: Tensor, right: float, down: float, size: float) -> Tensor:
    """Return a box (4,) moved by pixels and resized about its centre to `size` percent."""
    centre = (box[:2] + box[2:]) / 2 + box.new_tensor([right, down])
    half = (box[2:] - box[:2]) / 2 * (size / 100)
    return torch.cat([centre - half, centre + half])


def pair(photo: np.ndarray, a: Tensor, b: Tensor) -> np.ndarray:
    """Paint box A dashed and box B solid on a copy of the photo, what they share lighter."""
    canvas = photo.copy()
    shared = torch.cat([torch.maximum(a[:2], b[:2]), torch.minimum(a[2:], b[2:])])
    height, width = photo.shape[:2]
    limits = torch.tensor([width, height, width, height])
    x1, y1, x2, y2 = torch.minimum(shared.round().clamp(min=0), limits).int().tolist()
    if x1 < x2 and y1 < y2:
        canvas[y1:y2, x1:x2] = canvas[y1:y2, x1:x2] // 2 + 127
    for box, role, dash in ((a, "truth", 9), (b, "prediction", 0)):
        _outline(canvas, box, rgb(role), dash)
    for box, name, role in ((a, "A", "truth"), (b, "B", "prediction")):
        left, bottom = box[0].round().int().item(), box[3].round().int().item()
        place = (int(np.clip(left + 4, 2, width - 18)), int(np.clip(bottom - 6, 18, height - 4)))
        for shade, thickness in (((255, 255, 255), 5), (rgb(role), 2)):
            cv2.putText(canvas, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, shade, thickness)
    return canvas


def overlap_sums(a: Tensor, b: Tensor) -> tuple[str, str]:
    """Draw shared part and union as one bar with the division under it; return it with its words.

    The bar is the union: A alone (striped), shared (plain), B alone (dotted).
    """
    area_a, area_b = box_area(torch.stack([a, b])).tolist()
    sides = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).tolist()
    inter = sides[0] * sides[1]
    union = area_a + area_b - inter
    iou = float(box_iou(a[None], b[None]))
    start, room, body = 10.0, DRAWING - 20, [svg.textures()]
    for name, share, role, texture in (
        ("A alone", area_a - inter, "truth", "stripes"),
        ("shared", inter, "candidate", "solid"),
        ("B alone", area_b - inter, "prediction", "dots"),
    ):
        length = room * share / union
        body.append(svg.bar(start, 30, length, 26, fill=PALETTE[role], texture=texture))
        if length > 55:
            body.append(svg.text(start + length / 2, 22, name, anchor="middle"))
        start += length
    lines = (
        f"shared: {sides[0]:.1f} x {sides[1]:.1f} = {inter:,.0f} pixels",
        f"union: {area_a:,.0f} + {area_b:,.0f} - {inter:,.0f} = {union:,.0f} pixels",
    )
    body += [svg.text(10, 80 + 20 * at, words) for at, words in enumerate(lines)]
    verdict = "a hit, as most tests count" if iou >= 0.5 else "a miss, as most tests count"
    body.append(svg.text(10, 132, f"IoU = {inter:,.0f} / {union:,.0f} = {iou:.3f}", bold=True))
    body.append(svg.text(DRAWING - 10, 132, verdict, anchor="end"))
    return "".join(body), f"IoU {iou:.3f}: {lines[0]}; {lines[1]}; {verdict}."


def three_pairs(photo: np.ndarray, box: Tensor) -> Figure:
    """Draw box B in three places: a third of A's width aside, half as large, next to A."""
    width = float(box[2] - box[0])
    view, corner, scale = close_up(photo, box)
    fig, axes = plt.subplots(1, 3, figsize=(8, 3.0))
    for ax, words, move in zip(
        axes,
        ("a third aside", "half as wide and high", "next to it"),
        ((width / 3, 0, 100), (0, 0, 50), (width, 0, 100)),
        strict=True,
    ):
        other = moved(box, *move)
        iou = float(box_iou(box[None], other[None]))
        a, b = (box - corner) * scale, (other - corner) * scale
        plots.boxes(view, a[None], role="truth", ax=ax)
        plots.boxes(None, b[None], role="prediction", ax=ax, title=f"{words}: IoU {iou:.2f}")
    return fig


def threshold_explorer(photo: np.ndarray, faces: Faces) -> Twin:
    """Show the boxes of a photo whose score reaches a threshold, and all scores on a line.

    photo: uint8 (H, W, 3) RGB. faces: boxes with their scores, the doubtful ones included.
    """
    picture = PictureView(alt="The photo with the boxes that are kept.", width=DRAWING)
    line = SvgView()
    controls = Controls(
        Slider("threshold", 0.7, min=0.0, max=1.0, step=0.01, label="lowest score to keep")
    )

    def draw(threshold: float) -> None:
        picture.show(plots.annotate(photo, Faces(*_kept(faces, threshold))))
        body, words = score_line(faces.scores, threshold)
        line.draw(body, width=DRAWING, height=130, label=words)

    controls.on_change(draw)
    counts = [int((faces.scores >= threshold).sum()) for threshold in THREE]
    told = ", ".join(f"{n} at {threshold:g}" for n, threshold in zip(counts, THREE, strict=True))
    return with_static(
        widgets.VBox([controls.box, widgets.HBox([picture.view, line.view], layout=_wrapping())]),
        static=lambda: three_thresholds(photo, faces),
        alt=f"The photo at three thresholds; boxes that are kept: {told}.",
        controls=controls,
    )


THREE = (0.0, 0.5, 0.9)  # thresholds of the static twin


def _kept(faces: Faces, threshold: float) -> tuple[Tensor, Tensor]:
    keep = faces.scores >= threshold
    return faces.boxes[keep], faces.scores[keep]


def score_line(scores: Tensor, threshold: float) -> tuple[str, str]:
    """Draw every score as a dot on a line from 0 to 1, filled when kept; return it with words."""
    left, right, y = 20.0, DRAWING - 20.0, 60.0
    body = [svg.line(left, y, right, y)]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + tick * (right - left)
        body += [svg.line(x, y + 12, x, y + 18), svg.text(x, y + 32, f"{tick:g}", anchor="middle")]
    at = left + threshold * (right - left)
    body.append(svg.line(at, 22, at, y + 18, width=2))
    body.append(
        svg.text(np.clip(at, 60, DRAWING - 60), 16, f"keep from {threshold:.2f}", anchor="middle")
    )
    for value in scores.tolist():
        kept = value >= threshold
        fill = PALETTE["prediction"] if kept else "white"
        x = left + value * (right - left)
        body.append(
            f'<circle cx="{x:.1f}" cy="{y}" r="6" fill="{fill}" stroke="{svg.INK}" '
            f'stroke-width="1.5"/>'
        )
    kept_count = int((scores >= threshold).sum())
    words = f"{kept_count} of {len(scores)} boxes kept (filled dots) at threshold {threshold:.2f}"
    body.append(svg.text(left, y + 58, words, bold=True))
    return "".join(body), words


def three_thresholds(
    photo: np.ndarray, faces: Faces, thresholds: Sequence[float] = THREE
) -> Figure:
    """Draw the boxes that are kept at three thresholds, side by side."""
    fig, axes = plt.subplots(1, len(thresholds), figsize=(8, 3.0))
    for ax, threshold in zip(axes, thresholds, strict=True):
        boxes, _ = _kept(faces, threshold)
        plots.boxes(photo, boxes, ax=ax, title=f"from {threshold:g}: {len(boxes)} kept")
    return fig


def _outline(canvas: np.ndarray, box: Tensor, colour: tuple[int, int, int], dash: int) -> None:
    """Draw a rectangle with a white rim, dashed when dash (pixels) is not 0."""
    x1, y1, x2, y2 = box.round().int().tolist()
    corners = ((x1, y1), (x2 - 1, y1), (x2 - 1, y2 - 1), (x1, y2 - 1))
    for shade, thickness in (((255, 255, 255), 4), (colour, 2)):
        for start, end in zip(corners, (*corners[1:], corners[0]), strict=True):
            for first, last in _pieces(np.asarray(start), np.asarray(end), dash):
                cv2.line(canvas, first, last, shade, thickness)


def _pieces(
    start: np.ndarray, end: np.ndarray, dash: int
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    length = float(np.abs(end - start).max())
    if not dash or length == 0:
        return [(_point(start), _point(end))]
    cuts = np.arange(0, length, 2 * dash) / length
    step = (end - start) * dash / length
    return [
        (_point(begin), _point(begin + step))
        for begin in (start + share * (end - start) for share in cuts)
    ]


def _point(place: np.ndarray) -> tuple[int, int]:
    return int(round(float(place[0]))), int(round(float(place[1])))


def _wrapping() -> widgets.Layout:
    return widgets.Layout(flex_flow="row wrap", align_items="center")
