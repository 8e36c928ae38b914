"""MTCNN's losses: three tasks, a mask for what each sample knows, and hard samples only.

| Here             | Paper     | Paper value           | Note                                 |
| ---------------- | --------- | --------------------- | ------------------------------------ |
| `classification` | eq. 1     | cross-entropy         | positive and negative samples        |
| `box`            | eq. 2     | squared Euclidean     | positive and part samples            |
| `landmarks`      | eq. 3     | squared Euclidean     | landmark samples                     |
| `TASK_WEIGHTS`   | eq. 4     | 1, 0.5, 0.5 (O-Net 1) | alpha_det, alpha_box, alpha_landmark |
| `ohem`           | sec. II.C | hardest 70 percent    | of the positives and negatives       |

Source: Zhang et al., 2016. The letter does not say how a batch is averaged; here each task is
averaged over the samples that take part in it, so that the task weights mean the same for every mix
of samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NEGATIVE, POSITIVE, PART, LANDMARK = 0, 1, -1, -2  # sample kinds, as public code numbers them


@dataclass(frozen=True)
class TaskWeights:
    """alpha of equation 4."""

    face: float = 1.0
    box: float = 0.5
    landmarks: float = 0.5


TASK_WEIGHTS = {"pnet": TaskWeights(), "rnet": TaskWeights(), "onet": TaskWeights(landmarks=1.0)}


def ohem(losses: Tensor, valid: Tensor, *, keep: float = 0.7) -> Tensor:
    """Choose the hardest samples of a batch (online hard example mining, section II.C).

    losses: (B,) per-sample losses. valid: (B,) bool, the samples that have a label for this task.
    keep: share of the valid samples, in (0, 1]. Returns (B,) bool with ceil(keep * valid) of the
    largest losses; ties go to the earlier.
    Raises ValueError for shapes that differ or a share outside (0, 1].
    """
    if losses.shape != valid.shape or losses.ndim != 1:
        got = f"{tuple(losses.shape)} and {tuple(valid.shape)}"
        raise ValueError(f"losses and valid must both be (B,); got {got}")
    if not 0 < keep <= 1:
        raise ValueError(f"keep is a share in (0, 1]; got {keep}")
    count = math.ceil(round(keep * int(valid.sum()), 9))  # round: 0.55 * 20 is not quite 11
    order = losses.detach().masked_fill(~valid, -torch.inf).argsort(descending=True, stable=True)
    chosen = torch.zeros_like(valid)
    chosen[order[:count]] = True
    return chosen


def multitask_loss(
    logits: Tensor,
    deltas: Tensor,
    landmarks: Tensor | None,
    *,
    kind: Tensor,
    true_deltas: Tensor,
    true_landmarks: Tensor,
    keep: float = 0.7,
) -> dict[str, Tensor]:
    """Give the three task losses of a batch, each a mean over the samples that take part (equations
    1 to 4).

    logits: (B, 2). deltas, true_deltas: (B, 4). landmarks, true_landmarks: (B, 10), or None for a
    net without that head. kind: (B,) int64 of NEGATIVE, POSITIVE, PART, LANDMARK. Rows of the
    targets that a sample has no label for are not read, and may be NaN. Returns scalars under
    "face", "box" and, with the head, "landmarks"; a task without samples gives 0. Weigh them with
    `TASK_WEIGHTS`.
    Raises ValueError when kind holds another number.
    """
    unknown = ~torch.isin(kind, kind.new_tensor([NEGATIVE, POSITIVE, PART, LANDMARK]))
    if unknown.any():
        raise ValueError(f"kind must be 0, 1, -1 or -2; got {sorted(set(kind[unknown].tolist()))}")
    classified = (kind == POSITIVE) | (kind == NEGATIVE)
    per_sample = F.cross_entropy(logits, (kind == POSITIVE).long(), reduction="none")  # (B,)
    losses = {"face": _mean(per_sample, ohem(per_sample, classified, keep=keep))}
    losses["box"] = _squared(deltas, true_deltas, (kind == POSITIVE) | (kind == PART))
    if landmarks is not None:
        losses["landmarks"] = _squared(landmarks, true_landmarks, kind == LANDMARK)
    return losses


def _mean(per_sample: Tensor, chosen: Tensor) -> Tensor:
    return per_sample[chosen].sum() / chosen.sum().clamp(min=1)


def _squared(output: Tensor, target: Tensor, chosen: Tensor) -> Tensor:
    distance = (output[chosen] - target[chosen]).square().sum(dim=1)
    return distance.sum() / chosen.sum().clamp(min=1)
