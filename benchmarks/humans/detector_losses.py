"""What the probe detector is punished for."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .detector_data import ANCHORS
from .detector_net import decode
from .training import Batch

FEWEST = 64  # a batch without faces must not weigh more than one with many


def quality_focal(logits: Tensor, quality: Tensor) -> Tensor:
    """Focal loss with a target in [0, 1] in place of 0 or 1, per anchor.

    Source: Li et al., "Generalized Focal Loss", 2020, equation 5 with beta = 2.
    """
    plain = F.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    return (quality - logits.sigmoid()).square() * plain


def paired_iou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and generalised IoU of boxes in pairs: (N, 4), (N, 4) -> (N,), (N,).

    Source: Rezatofighi et al., "Generalized Intersection over Union", 2019, algorithm 1.
    """
    inter = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    around = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    overlap, hull = inter.prod(dim=1), around.prod(dim=1)
    union = (a[:, 2:] - a[:, :2]).prod(dim=1) + (b[:, 2:] - b[:, :2]).prod(dim=1) - overlap
    iou = overlap / union.clamp(min=1e-6)
    return iou, iou - (hull - union) / hull.clamp(min=1e-6)


def losses_of(net: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Score, box and landmark loss of a batch.

    The score learns the IoU of its own box, so that of two boxes on a face the better one stays.
    """
    images = batch["image"].float().div_(255).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        raw = net(images)
    raw = raw.float()  # (B, A, 15)
    label = batch["label"]
    positive, counted = label == 1, label >= 0
    number = positive.sum().clamp(min=FEWEST)
    anchors = ANCHORS.expand(len(label), -1, -1)[positive]  # (P, 4)
    boxes, _ = decode(raw[positive], anchors)
    truth, _ = decode(F.pad(batch["deltas"][positive], (1, 10)), anchors)
    iou, general = paired_iou(boxes, truth)
    quality = torch.zeros_like(raw[..., 0])
    quality[positive] = iou.detach().clamp(0, 1)
    score = quality_focal(raw[..., 0][counted], quality[counted]).sum() / number
    wanted = batch["points"][positive].flatten(1)  # (P, 10)
    known = wanted.isfinite()
    guess = raw[positive][:, 5:][known]
    error = F.smooth_l1_loss(guess, wanted[known], reduction="sum", beta=0.1)
    return {
        "score": score,
        "box": 2 * (1 - general).sum() / number,
        "landmarks": 4 * error / known.sum().clamp(min=1),
    }
