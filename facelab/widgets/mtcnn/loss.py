"""MTCNN's multi-task loss under four sliders: which crops push O-Net, at which task, and how hard.

The crops come from real photos, their targets from the public detector, and the losses and
gradients from O-Net as it is. All are measured once; a move only weighs them anew. That is exact,
since the total is a weighted sum of the losses of single samples, and so is its gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
import numpy as np
import torch
from torch import Tensor

from facelab.detection.mtcnn.losses import (
    LANDMARK,
    NEGATIVE,
    PART,
    POSITIVE,
    TASK_WEIGHTS,
    TaskWeights,
    multitask_loss,
    ohem,
)
from facelab.detection.mtcnn.model import ONet
from facelab.detection.mtcnn.predict import MTCNN
from facelab.geometry.boxes import box_iou, encode_corners, encode_landmarks_corner
from facelab.geometry.pyramid import MipMaps
from facelab.types import Faces
from facelab.widgets.base import Controls, Slider, SvgView, Twin, with_static
from facelab.widgets.mtcnn.loss_views import (
    Measured,
    Samples,
    Weighed,
    draw_samples,
    draw_shares,
    presets_figure,
    read_out,
)

PER_PHOTO = {NEGATIVE: 3, POSITIVE: 1, PART: 1, LANDMARK: 2}  # the paper's mix, 3 : 1 : 1 : 2
RANGES = {NEGATIVE: (0.0, 0.3), POSITIVE: (0.65, 1.01), PART: (0.4, 0.65), LANDMARK: (0.65, 1.01)}
TRIES = 600  # random squares around a face, from which the samples are taken
START = "O-Net (1, 0.5, 1)"
KEEP = 0.7  # of the classification losses, by OHEM
PRESETS = {
    "P-/R-Net (1, 0.5, 0.5)": TASK_WEIGHTS["rnet"],
    START: TASK_WEIGHTS["onet"],
}


def loss_explorer(detector: MTCNN, photos: Sequence[np.ndarray], *, seed: int = 0) -> Twin:
    """Explore the multi-task loss on crops around real faces: task weights and OHEM on sliders.

    detector: gives the faces that count as the truth, and the O-Net whose losses are shown. photos:
    (H, W, 3) uint8 each, with a face in every one; seven samples are taken from each. seed: of the
    samples.
    Raises ValueError when the detector finds no face in a photo.
    """
    samples = take_samples(detector, photos, generator=torch.Generator().manual_seed(seed))
    measured = measure(detector.onet, samples)
    strip, shares, readout = SvgView(), SvgView(), widgets.HTML()
    controls = Controls(*_controls(PRESETS[START]))

    def draw(face: float, box: float, landmarks: float, keep: float) -> None:
        weights = TaskWeights(face, box, landmarks)
        weighed = weigh(measured, weights, keep)
        draw_samples(strip, samples, weighed)
        draw_shares(shares, weighed)
        readout.value = f'<div role="status">{read_out(weighed, weights)}</div>'

    controls.on_change(draw)
    buttons = [_preset_button(controls, name) for name in PRESETS]
    row = widgets.HBox([*buttons, controls.button], layout={"flex_flow": "row wrap"})
    sliders = widgets.VBox([controls[name] for name in controls])
    page = widgets.VBox([sliders, row, readout, strip.view, shares.view])
    columns = _settings(measured)
    alt = f"{len(samples.kind)} crops above the loss of each setting. " + " ".join(
        f"{name}: {weighed.sentence()}" for name, weighed in columns.items()
    )
    return with_static(
        page, static=lambda: presets_figure(samples, columns, START), alt=alt, controls=controls
    )


def _controls(start: TaskWeights) -> list[Slider]:
    def weight(name: str, value: float, label: str) -> Slider:
        return Slider(name, value, min=0.0, max=2.0, step=0.05, label=label)

    return [
        weight("face", start.face, "weight: face or not"),
        weight("box", start.box, "weight: box"),
        weight("landmarks", start.landmarks, "weight: landmarks"),
        Slider("keep", KEEP, min=0.1, max=1.0, step=0.1, label="hardest share kept (OHEM)"),
    ]


def _preset_button(controls: Controls, name: str) -> widgets.Widget:
    weights = PRESETS[name]
    button = widgets.Button(
        description=name,
        tooltip="The paper's weights for face or not, box, landmarks",
        layout={"width": "auto"},
    )
    button.on_click(
        lambda _: controls.put(face=weights.face, box=weights.box, landmarks=weights.landmarks)
    )
    return button


def _settings(measured: Measured) -> dict[str, Weighed]:
    """Weigh the static twin's three settings: both presets, and O-Net's without OHEM."""
    settings = {name: weigh(measured, weights, KEEP) for name, weights in PRESETS.items()}
    settings["O-Net, all samples kept"] = weigh(measured, TASK_WEIGHTS["onet"], 1.0)
    return settings


# ---- samples from real photos


def take_samples(
    detector: MTCNN, photos: Sequence[np.ndarray], *, generator: torch.Generator
) -> Samples:
    """Take negatives, positives, parts and landmark samples from photos, `PER_PHOTO` of each kind.

    Negatives are squares that P-Net proposed, or that lie around a face, and are none: what O-Net
    has to refuse.
    Raises ValueError when the detector finds no face in a photo.
    """
    parts = []
    for index, photo in enumerate(photos):
        trace = detector.trace(photo)
        if not len(trace.faces):
            raise ValueError(f"photo {index}: the detector finds no face; give photos with a face")
        proposals = trace.stages["pnet"].kept.boxes
        parts.append(_from_photo(photo, trace.faces, proposals, generator))
    kinds = torch.cat([part.kind for part in parts])
    order = torch.cat([(kinds == kind).nonzero()[:, 0] for kind in PER_PHOTO])
    fields = ("crops", "kind", "iou", "true_deltas", "true_landmarks")
    return Samples(**{f: torch.cat([getattr(part, f) for part in parts])[order] for f in fields})


def _from_photo(
    photo: np.ndarray, faces: Faces, proposals: Tensor, generator: torch.Generator
) -> Samples:
    around = random_squares(faces.boxes[0], TRIES, generator=generator)
    boxes, kinds = [], []
    for kind, count in PER_PHOTO.items():
        pool = torch.cat([proposals, around]) if kind == NEGATIVE else around
        chosen = _within(pool, faces.boxes, RANGES[kind], count, generator)
        boxes.append(chosen)
        kinds += [kind] * len(chosen)
    squares = torch.cat(boxes)
    overlap, owner = box_iou(squares, faces.boxes).max(dim=1)  # (B,)
    assert faces.landmarks is not None
    points = encode_landmarks_corner(faces.landmarks[owner], squares)  # (B, 5, 2)
    return Samples(
        crops=MipMaps(photo).crops(squares, 48),
        kind=torch.tensor(kinds),
        iou=overlap,
        true_deltas=encode_corners(faces.boxes[owner], squares),
        true_landmarks=points.transpose(1, 2).flatten(1),  # x1..x5, y1..y5
    )


def random_squares(box: Tensor, count: int, *, generator: torch.Generator) -> Tensor:
    """Draw squares (count, 4) around a box (4,): shifted up to half a side, 0.8 to 1.5 times it."""
    size = (box[2:] - box[:2]).max()
    draws = torch.rand(count, 3, generator=generator)
    side = size * (0.8 + 0.7 * draws[:, :1])  # (count, 1)
    centre = (box[:2] + box[2:]) / 2 + size * (draws[:, 1:] - 0.5)  # (count, 2)
    return torch.cat([centre - side / 2, centre + side / 2], dim=1)


def _within(
    squares: Tensor,
    faces: Tensor,
    limits: tuple[float, float],
    count: int,
    generator: torch.Generator,
) -> Tensor:
    """Choose at random squares whose largest overlap with a face lies in [low, high)."""
    overlap = box_iou(squares, faces).amax(dim=1)
    low, high = limits
    fitting = squares[(overlap >= low) & (overlap < high)]
    return fitting[torch.randperm(len(fitting), generator=generator)[:count]]


# ---- losses and gradients


def measure(onet: ONet, samples: Samples) -> Measured:
    """Measure every sample's loss at every task, and its gradient at the features of O-Net."""
    device = next(onet.parameters()).device
    with torch.no_grad():
        features = onet.features(samples.crops.to(device))  # (B, 256)
    losses = {task: torch.zeros(len(features)) for task in ("face", "box", "landmarks")}
    gradients = {task: torch.zeros(features.shape) for task in losses}
    for index in range(len(features)):
        one = slice(index, index + 1)
        shared = features[one].clone().requires_grad_()
        output = onet.heads(shared)
        terms = multitask_loss(
            *output,
            kind=samples.kind[one].to(device),
            true_deltas=samples.true_deltas[one].to(device),
            true_landmarks=samples.true_landmarks[one].to(device),
            keep=1.0,
        )
        for task, loss in terms.items():
            losses[task][index] = loss.item()
            (slope,) = torch.autograd.grad(loss, shared, retain_graph=True)
            gradients[task][index] = slope[0].cpu()
    kind = samples.kind
    takes_part = {
        "face": (kind == POSITIVE) | (kind == NEGATIVE),
        "box": (kind == POSITIVE) | (kind == PART),
        "landmarks": kind == LANDMARK,
    }
    return Measured(losses, gradients, takes_part)


def weigh(measured: Measured, weights: TaskWeights, keep: float) -> Weighed:
    """Weigh the losses of single samples into the total of equation 4.

    keep: share of the classification losses that OHEM keeps. A task is a mean over its samples, as
    in `multitask_loss`, so each of them counts weight / count times.
    """
    chosen = dict(measured.takes_part)
    chosen["face"] = ohem(measured.losses["face"], chosen["face"], keep=keep)
    shares = {task: mask / mask.sum().clamp(min=1) for task, mask in chosen.items()}  # (B,) each
    factors = {task: getattr(weights, task) * share for task, share in shares.items()}
    pulls = {task: factors[task][:, None] * measured.gradients[task] for task in factors}
    return Weighed(
        means={task: float(shares[task] @ measured.losses[task]) for task in shares},
        contributions={task: factors[task] * measured.losses[task] for task in factors},
        pulls={task: float(pull.norm()) for task, pull in pulls.items()},
        pull=float(torch.stack(list(pulls.values())).sum(dim=0).norm()),
        dropped=measured.takes_part["face"] & ~chosen["face"],
    )
