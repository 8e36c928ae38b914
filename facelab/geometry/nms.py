"""Non-maximum suppression: of many boxes around one face, keep the best.

Greedy suppression is sequential by definition: visit boxes by falling score, keep a box unless a
*kept* one overlaps it too much. Here it runs without a loop over boxes and gives exactly the same
answer:

1. Sort by score and cut the list into blocks.
2. Drop the boxes of a block that a box kept in an earlier block suppresses: those verdicts are
   final.
3. Inside the block, repeat `keep <- no earlier box that is kept overlaps`, starting from any guess.
   A verdict depends on earlier boxes only, so after k rounds that on the first k boxes is the
   greedy one; and once a round changes nothing, so are they all. In practice 2 to 6 rounds do.

The fixed point is the idea of Cluster-NMS (Zheng et al., "Enhancing Geometric Factors in Model
Learning and Inference for Object Detection and Instance Segmentation", 2020). Blocks bound the
memory, and the rounds in the worst case, a chain of boxes that overlap only their neighbours.

The work is done by NumPy on the CPU: a photo has few boxes, and a dozen small calls cost less there
than as many torch operations or kernel launches. Tensors of another device are copied there, and
the indices back.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from facelab.geometry.boxes import box_iou, require_tensor

__all__ = ["batched_nms", "box_voting", "nms", "soft_nms"]

Overlap = Literal["iou", "min"]

_BLOCK = 128  # boxes judged together; small blocks stay in the cache and bound the rounds
_IS_EARLIER = np.tri(_BLOCK, k=-1, dtype=bool).T  # (B, B) row before column
_EARLIER = 1024  # kept boxes compared with a block at a time: half a MiB for each matrix


def nms(boxes: Tensor, scores: Tensor, threshold: float, *, overlap: Overlap = "iou") -> Tensor:
    """Keep the best box of every cluster: greedy non-maximum suppression.

    boxes: (N, 4) xyxy, x2 and y2 exclusive. scores: (N,). threshold: in [0, 1]; a box falls when
    its overlap with a kept box is strictly greater. overlap: "iou", or "min" for intersection over
    the smaller area. Boxes without area neither suppress nor fall. Returns (K,) int64 indices, best
    first; equal scores keep their input order.
    Raises ValueError for a wrong shape, NaN or infinity, a threshold outside [0, 1], or an unknown
    overlap.
    Source: equal to torchvision.ops.nms, ties included; "min" is the last stage of MTCNN.
    """
    corners, ranked = _checked(boxes, scores)
    _check_options(threshold, overlap)
    order = np.argsort(-ranked, kind="stable")  # (N,)
    keep = order[_greedy(corners.T.take(order, axis=1), None, threshold, overlap)]
    return torch.from_numpy(keep).to(boxes.device)


def batched_nms(
    boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float, *, overlap: Overlap = "iou"
) -> Tensor:
    """Suppress inside groups only, all groups at once.

    boxes: (N, 4). scores: (N,). groups: (N,) int64, any values: classes, images of a batch, levels
    of a pyramid. threshold, overlap: as in `nms`.
    Returns (K,) int64 indices by falling score over all groups; the set is exactly that of `nms` on
    each group, since groups are compared by number and coordinates are not shifted (the usual
    trick, which rounds them).
    Raises ValueError as `nms`, and when groups is not (N,) int64.
    """
    corners, ranked = _checked(boxes, scores)
    _check_options(threshold, overlap)
    require_tensor("groups", groups)
    if groups.dtype != torch.int64 or groups.shape != scores.shape:
        got = f"{groups.dtype} of shape {tuple(groups.shape)}"
        raise ValueError(f"groups: expected torch.int64 of shape ({len(scores)},), got {got}")
    names = groups.cpu().numpy()  # (N,)
    by_score = np.argsort(-ranked, kind="stable")  # (N,)
    by_group = np.argsort(names[by_score], kind="stable")  # (N,) groups in a row, best first
    order = by_score[by_group]
    kept = _greedy(corners.T.take(order, axis=1), names[order], threshold, overlap)  # (K,)
    rank = np.sort(by_group[kept])  # (K,) places in the order of scores
    return torch.from_numpy(by_score[rank]).to(boxes.device)


def soft_nms(
    boxes: Tensor,
    scores: Tensor,
    *,
    method: Literal["linear", "gaussian"] = "gaussian",
    threshold: float = 0.3,
    sigma: float = 0.5,
    min_score: float = 0.001,
) -> tuple[Tensor, Tensor]:
    """Lower the scores of overlapping boxes instead of deleting them.

    boxes: (N, 4). scores: (N,). method: "linear" multiplies by 1 - IoU where IoU > threshold,
    "gaussian" multiplies by exp(-IoU^2 / sigma) always. Boxes that fall below min_score are
    removed. Returns (keep, scores): (K,) int64 indices in the order of choice, and their (K,) new
    scores, which never rise. Each round needs the scores of the one before, so this is a loop over
    the kept boxes, with vectors inside.
    Raises ValueError for a wrong shape, NaN or infinity, an unknown method, or options out of
    range.
    Source: Bodla et al., "Soft-NMS: improving object detection with one line of code", 2017.
    """
    corners, ranked = _checked(boxes, scores)
    if method not in ("linear", "gaussian"):
        raise ValueError(f'method: expected "linear" or "gaussian", got {method!r}')
    _check_options(threshold, "iou")
    if not sigma > 0:
        raise ValueError(f"sigma: expected a number above 0, got {sigma}")
    limit = _comparable(threshold, corners.dtype)
    everyone, current = torch.from_numpy(corners), torch.from_numpy(ranked)
    left = torch.nonzero(current >= min_score).flatten()  # (R,) indices of boxes not yet chosen
    current = current[left]  # (R,) their scores by now
    keep, new_scores = [left[:0]], [current[:0]]
    while len(left):
        best = int(current.argmax())  # the first of equal scores
        keep.append(left[best, None])
        new_scores.append(current[best, None])
        iou = box_iou(everyone[keep[-1]], everyone[left])[0]  # (R,)
        if method == "linear":
            current = torch.where(iou > limit, current * (1 - iou), current)
        else:
            current = current * torch.exp(-iou.square() / sigma)
        stays = current >= min_score
        stays[best] = False
        left, current = left[stays], current[stays]
    return torch.cat(keep).to(boxes.device), torch.cat(new_scores).to(boxes.device)


def box_voting(boxes: Tensor, scores: Tensor, keep: Tensor, *, threshold: float = 0.4) -> Tensor:
    """Replace each kept box by the score-weighted mean of all boxes that overlap it.

    boxes: (N, 4). scores: (N,), none negative. keep: (K,) int64, the answer of `nms`. threshold:
    boxes with IoU >= threshold to the kept one vote, itself included. Returns (K, 4); the scores of
    the kept boxes stay as they are.
    Raises ValueError for a wrong shape, NaN or infinity, negative scores, or a threshold outside
    [0, 1].
    Source: RetinaFace, section 4.2, multi-scale testing with IoU 0.4.
    """
    corners, ranked = _checked(boxes, scores)
    _check_options(threshold, "iou")
    negative = int((ranked < 0).sum())
    if negative:
        raise ValueError(f"scores: {negative} of {len(ranked)} are negative; weights must not be")
    everyone, votes = torch.from_numpy(corners), torch.from_numpy(ranked).to(torch.float64)
    parts = [everyone[:0]]
    for part in everyone[keep.cpu()].split(_BLOCK):  # (B, 4)
        weights = (box_iou(part, everyone) >= threshold) * votes  # (B, N)
        total = weights.sum(dim=1, keepdim=True)  # (B, 1)
        mean = weights @ everyone.to(torch.float64) / torch.where(total > 0, total, 1.0)
        parts.append(torch.where(total > 0, mean, part).to(everyone.dtype))
    return torch.cat(parts).to(boxes.device)


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # 0 / 0, and areas beyond float32
def _greedy(
    corners: np.ndarray, groups: np.ndarray | None, threshold: float, overlap: Overlap
) -> np.ndarray:
    """Return the positions (K,) of the kept boxes.

    corners: (4, N), the columns of the boxes, sorted by falling score within each group. groups:
    (N,) ascending, or None for one group.
    """
    limit = _comparable(threshold, corners.dtype)
    count = corners.shape[1]
    kept = []  # positions, one array a block
    earlier = np.zeros(0, dtype=np.int64)  # (E,) kept positions of the group at the border
    for start in range(0, count, _BLOCK):
        end = min(start + _BLOCK, count)
        block = np.arange(start, end)  # (B,)
        for first in range(0, len(earlier), _EARLIER):
            some = earlier[first : first + _EARLIER]  # (S,)
            block = block[~_hits(corners, groups, some, block, limit, overlap).any(axis=0)]
        hits = _hits(corners, groups, block, block, limit, overlap)  # (B, B)
        kept.append(block[_settle(hits)])
        if end < count:
            earlier = np.concatenate((earlier, kept[-1]))
            if groups is not None:
                earlier = earlier[groups[earlier] == groups[end]]
    return np.concatenate(kept) if kept else earlier


def _settle(hits: np.ndarray) -> np.ndarray:
    """Return the greedy verdict (B,) on a sorted block, True for kept, as a fixed point.

    hits: (B, B) bool, True where the box of the row is too close to the box of the column.
    """
    hits &= _IS_EARLIER[: len(hits), : len(hits)]
    keep = ~np.any(hits, axis=0)  # (B,) to begin with, those that nobody can suppress
    while True:
        verdict = ~np.any(hits[keep], axis=0)
        if np.array_equal(verdict, keep):
            return keep
        keep = verdict


def _hits(
    corners: np.ndarray,
    groups: np.ndarray | None,
    rows: np.ndarray,
    columns: np.ndarray,
    limit: float,
    overlap: Overlap,
) -> np.ndarray:
    """Return (R, C) bool: do two boxes overlap more than limit, and share a group?

    In place, as this is where the time goes. The order of operations is torchvision's, so that a
    quotient that equals the threshold does so in both; 0 / 0 gives NaN, which is not greater than
    anything.
    """
    x1, y1, x2, y2 = corners[:, rows, None]  # (R, 1) each
    u1, v1, u2, v2 = corners[:, columns]  # (C,) each
    area, other = (x2 - x1) * (y2 - y1), (u2 - u1) * (v2 - v1)
    inter = np.minimum(x2, u2)  # (R, C)
    inter -= np.maximum(x1, u1)
    np.maximum(inter, 0, out=inter)
    height = np.minimum(y2, v2)  # (R, C)
    height -= np.maximum(y1, v1)
    np.maximum(height, 0, out=height)
    inter *= height
    whole = np.subtract(area + other, inter) if overlap == "iou" else np.minimum(area, other)
    inter /= whole
    hits = np.greater(inter, limit)
    if groups is not None:
        hits &= groups[rows, None] == groups[columns]
    return hits


def _comparable(threshold: float, dtype: np.dtype) -> float:
    """Round the threshold down to a number of this type.

    A quotient in float32 is above the double 0.1 exactly when it is above the largest float32 that
    does not exceed 0.1; the nearest float32 is slightly greater than 0.1, and would spare boxes
    that torchvision drops.
    """
    if dtype.itemsize == 8:
        return float(threshold)
    nearest = np.float32(threshold)
    above = float(nearest) > float(threshold)  # as doubles: NumPy would round the threshold first
    return float(np.nextafter(nearest, np.float32(-1)) if above else nearest)


def _checked(boxes: Tensor, scores: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes (N, 4) and scores (N,) as arrays of float32 or float64."""
    require_tensor("boxes", boxes)
    require_tensor("scores", scores)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes: expected shape (N, 4), got {tuple(boxes.shape)}")
    if scores.shape != boxes.shape[:1]:
        raise ValueError(
            f"scores: expected shape ({len(boxes)},), one per box, got {tuple(scores.shape)}"
        )
    arrays = []
    for name, value in (("boxes", boxes), ("scores", scores)):
        if value.dtype not in (torch.float32, torch.float64):
            value = value.float()
        array = value.detach().cpu().numpy()
        finite = np.isfinite(array)
        if not finite.all():
            wrong = int((~finite).reshape(len(array), -1).any(axis=1).sum())
            raise ValueError(
                f"{name}: {wrong} of {len(array)} hold NaN or infinity; find out where they come "
                f"from, or drop these boxes before suppression"
            )
        arrays.append(array)
    return arrays[0], arrays[1]


def _check_options(threshold: float, overlap: str) -> None:
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold: expected a number in [0, 1], got {threshold}")
    if overlap not in ("iou", "min"):
        raise ValueError(f'overlap: expected "iou" or "min", got {overlap!r}')
