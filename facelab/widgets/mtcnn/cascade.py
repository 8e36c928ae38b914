"""MTCNN's cascade under seven controls: what each net leaves of a photo, and what it costs.

A move repeats only what it changes: the nets remember their last answers (`Remembered`). The rest
is the detector's own `trace`, so that the explorer shows exactly what `detector.trace` gives; a
test holds it to that. The pictures are drawn in `cascade_views`.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import ipywidgets as widgets
import numpy as np
import torch
from torch import Tensor

from facelab.detection.mtcnn.model import CascadeNet
from facelab.detection.mtcnn.predict import MTCNN, MTCNNConfig
from facelab.images import as_photo
from facelab.widgets.base import (
    Choice,
    Controls,
    PictureView,
    Slider,
    SvgView,
    Twin,
    side_by_side,
    with_static,
)
from facelab.widgets.mtcnn.cascade_views import (
    LEGEND,
    NETS,
    Setting,
    draw_counts_and_cost,
    paint,
    read_out,
    settings_figure,
)

SHOWN = 440  # CSS pixels of the photo's longer side on the page


def cascade_explorer(detector: MTCNN, photo: np.ndarray) -> Twin:
    """Explore the cascade on a photo: options on sliders, boxes and counts per net, cost per scale.

    detector: its options are the first values. photo: (H, W, 3) uint8. One slider sets the overlap
    limit of three suppressions (P-Net across levels, R-Net, O-Net); P-Net's limit inside a level
    stays as the detector has it.
    Raises ImageError when photo is no such array, and ValueError when an option of the detector
    lies outside its slider.
    """
    photo = as_photo(photo)
    cascade = remembering(detector)
    height, width = photo.shape[:2]
    shown = round(SHOWN * width / max(height, width))
    picture = PictureView(alt="The photo with the boxes that the chosen net keeps", width=shown)
    drawing, readout = SvgView(), widgets.HTML()
    controls = Controls(*_controls(detector.config))

    def draw(stage: str, **moved: float) -> None:
        options = options_of(detector.config, **moved)
        trace = cascade.with_options(**options).trace(photo)
        picture.show(paint(photo, trace.stages[stage]))
        draw_counts_and_cost(drawing, trace, stage)
        readout.value = f'<div role="status">{read_out(trace, options)}</div>'

    controls.on_change(draw)
    left = widgets.VBox([controls[name] for name in ("min_face", "factor", "overlap")])
    right = widgets.VBox([controls[name] for name in ("pnet", "rnet", "onet")])
    seen = widgets.VBox([picture.view, widgets.HTML(LEGEND, layout={"width": f"{SHOWN}px"})])
    page = widgets.VBox(
        [
            side_by_side(left, right),
            side_by_side(controls["stage"], controls.button),
            readout,
            side_by_side(seen, drawing.view),
        ]
    )
    columns = three_settings(cascade, photo)
    alt = "Three settings side by side. " + " ".join(column.sentence() for column in columns)
    return with_static(
        page, static=lambda: settings_figure(photo, columns), alt=alt, controls=controls
    )


def _controls(config: MTCNNConfig) -> list[Slider | Choice]:
    """Describe the controls; those that make a net run again wait for the end of a drag."""
    return [
        Slider(
            "min_face",
            round(config.min_face),
            min=20,
            max=120,
            step=4,
            label="smallest face",
            unit="px",
            continuous=False,
        ),
        Slider(
            "factor",
            config.factor,
            min=0.509,
            max=0.809,
            step=0.01,
            label="pyramid factor",
            continuous=False,
        ),
        Slider(
            "overlap",
            config.nms_thresholds[1],
            min=0.3,
            max=0.9,
            step=0.05,
            label="overlap allowed (NMS)",
            continuous=False,
        ),
        *(
            Slider(
                name,
                threshold,
                min=0.3 if name == "pnet" else 0.05,  # lower floods R-Net
                max=0.95,
                step=0.05,
                label=f"{NETS[name]} score threshold",
                continuous=name == "onet",
            )
            for name, threshold in zip(NETS, config.thresholds, strict=True)
        ),
        Choice(
            "stage",
            "pnet",
            options={f"after {label}": name for name, label in NETS.items()},
            label="boxes shown",
        ),
    ]


def options_of(
    config: MTCNNConfig,
    *,
    min_face: float,
    factor: float,
    overlap: float,
    pnet: float,
    rnet: float,
    onet: float,
) -> dict[str, Any]:
    """Turn the values of the controls into options of the detector."""
    return {
        "min_face": min_face,
        "factor": factor,
        "thresholds": (pnet, rnet, onet),
        "nms_thresholds": (config.nms_thresholds[0], overlap, overlap, overlap),
    }


def three_settings(cascade: MTCNN, photo: np.ndarray) -> list[Setting]:
    """Trace the detector's own options, a smallest face twice as large, and a generous P-Net."""
    config = cascade.config
    pnet, rnet, onet = config.thresholds
    generous = round(pnet / 2, 2)
    variants: list[tuple[str, dict[str, Any]]] = [
        (f"Smallest face {config.min_face:g} px,\nP-Net threshold {pnet:g}", {}),
        (
            f"Smallest face doubled\nto {2 * config.min_face:g} px",
            {"min_face": 2 * config.min_face},
        ),
        (f"P-Net threshold lowered\nto {generous:g}", {"thresholds": (generous, rnet, onet)}),
    ]
    return [
        Setting(title, cascade.with_options(**options).trace(photo)) for title, options in variants
    ]


# ---- what is not worked out twice


Answer = TypeVar("Answer")


class Remembered(Generic[Answer]):
    """A function of tensors that gives its last answers again instead of repeating the work.

    Questions are compared number by number, so an answer never belongs to another question.
    size: answers kept.
    """

    def __init__(self, function: Callable[..., Answer], size: int) -> None:
        self._function = function
        self._answers: deque[tuple[tuple[Tensor, ...], Answer]] = deque(maxlen=size)

    def __call__(self, *question: Tensor) -> Answer:
        for known, answer in self._answers:
            if len(known) == len(question) and all(map(torch.equal, known, question)):
                return answer
        answer = self._function(*question)
        self._answers.append((question, answer))
        return answer


def remembering(detector: MTCNN) -> MTCNN:
    """Copy a detector; the copy's nets remember the features of their last images.

    P-Net's depend on smallest face and factor only, R-Net's on P-Net's boxes, O-Net's on R-Net's.
    """
    pnet, rnet, onet = (
        copy.deepcopy(detector.pnet),
        copy.deepcopy(detector.rnet),
        copy.deepcopy(detector.onet),
    )
    nets: list[tuple[CascadeNet, int]] = [(pnet, 24), (rnet, 6), (onet, 6)]
    for net, size in nets:  # 24 large levels: some six pyramids
        net.features = Remembered(net.features, size)  # type: ignore[method-assign, assignment]
    pnet.features_of = Remembered(pnet.features_of, 6)  # type: ignore[method-assign]
    return MTCNN(pnet, rnet, onet, config=detector.config).to("cpu")
