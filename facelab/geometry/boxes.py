"""Boxes: areas, overlaps, and the codings that networks regress.

Boxes are xyxy in absolute pixels, x2 and y2 exclusive: width = x2 - x1. Older code counts whole
pixels instead, width = x2 - x1 + 1; where a paper's numbers depend on it, `inclusive=True` selects
that reading.

| Coding                     | Reference | Form                                   | Used by    |
| -------------------------- | --------- | -------------------------------------- | ---------- |
| `encode_corners`           | candidate | corner differences / candidate size    | MTCNN      |
| `encode_centers`           | anchor    | centre shift / size, log of size ratio | SSH        |
| same, variances (0.1, 0.2) | anchor    | the same, divided by 0.1 and by 0.2    | RetinaFace |
| `encode_landmarks_corner`  | candidate | (point - corner) / candidate size      | MTCNN      |
| `encode_landmarks`         | anchor    | (point - centre) / (0.1 x anchor size) | RetinaFace |

Each `encode_...` has its inverse, `decode_...`.
All functions work on any device, and in float32 or float64; smaller floats and integers are
computed in float32.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "box_area",
    "box_iof",
    "box_iou",
    "box_min_overlap",
    "clip_boxes",
    "decode_centers",
    "decode_corners",
    "decode_landmarks",
    "decode_landmarks_corner",
    "encode_centers",
    "encode_corners",
    "encode_landmarks",
    "encode_landmarks_corner",
    "square_boxes",
]


def box_area(boxes: Tensor, *, inclusive: bool = False) -> Tensor:
    """Compute the area of each box in square pixels.

    boxes: (N, 4). Returns (N,). A box without width or height, or with x2 < x1, has area 0.
    Raises ValueError when boxes is not (N, 4).
    """
    return _sides(_boxes("boxes", boxes), inclusive).prod(dim=1)


def box_iou(a: Tensor, b: Tensor, *, inclusive: bool = False) -> Tensor:
    """Compute intersection over union of every pair of boxes.

    a: (N, 4). b: (M, 4). Returns (N, M) in [0, 1]; pairs of boxes without area give 0, never NaN.
    Raises ValueError when a or b is not (N, 4).
    """
    a, b = _boxes("a", a), _boxes("b", b)
    inter = _intersection(a, b, inclusive)  # (N, M)
    area_a = _sides(a, inclusive).prod(dim=1)  # (N,)
    area_b = _sides(b, inclusive).prod(dim=1)  # (M,)
    return _ratio(inter, area_a[:, None] + area_b[None, :] - inter)


def box_iof(a: Tensor, b: Tensor, *, inclusive: bool = False) -> Tensor:
    """Compute the share of each box of `a` that lies inside each box of `b`.

    Known as intersection over foreground. a: (N, 4). b: (M, 4). Returns (N, M) in [0, 1]. Not
    symmetric. A box of `a` without area gives 0.
    Raises ValueError when a or b is not (N, 4).
    """
    a, b = _boxes("a", a), _boxes("b", b)
    area_a = _sides(a, inclusive).prod(dim=1)  # (N,)
    return _ratio(_intersection(a, b, inclusive), area_a[:, None])


def box_min_overlap(a: Tensor, b: Tensor, *, inclusive: bool = False) -> Tensor:
    """Compute intersection over the smaller of both areas: 1 for a box inside another.

    a: (N, 4). b: (M, 4). Returns (N, M) in [0, 1]; a pair with a box without area gives 0.
    Raises ValueError when a or b is not (N, 4).
    Source: MTCNN, released code, overlap of the last non-maximum suppression.
    """
    a, b = _boxes("a", a), _boxes("b", b)
    area_a = _sides(a, inclusive).prod(dim=1)  # (N,)
    area_b = _sides(b, inclusive).prod(dim=1)  # (M,)
    return _ratio(_intersection(a, b, inclusive), torch.minimum(area_a[:, None], area_b[None, :]))


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Move the corners that lie outside an image onto its border.

    boxes: (..., 4). size: (height, width) of the image. Returns (..., 4); a box wholly outside gets
    area 0.
    Raises ValueError when the last dimension is not 4.
    """
    boxes = _last_is_four("boxes", boxes)
    height, width = size
    x1, y1, x2, y2 = boxes.unbind(-1)
    xs = (x1.clamp(0, width), x2.clamp(0, width))
    ys = (y1.clamp(0, height), y2.clamp(0, height))
    return torch.stack((xs[0], ys[0], xs[1], ys[1]), dim=-1)


def square_boxes(boxes: Tensor) -> Tensor:
    """Grow each box to a square of its longer side around the same centre.

    boxes: (..., 4). Returns (..., 4), which may leave the image: crop it with padding.
    Raises ValueError when the last dimension is not 4.
    Source: MTCNN, released code, `rerec`; side L = max(w, h), x1 + (w - L) / 2, x2 = x1 + L.
    """
    boxes = _last_is_four("boxes", boxes)
    sizes = boxes[..., 2:] - boxes[..., :2]  # (..., 2)
    side = sizes.amax(dim=-1, keepdim=True)  # (..., 1)
    top_left = boxes[..., :2] + (sizes - side) / 2
    return torch.cat((top_left, top_left + side), dim=-1)


def encode_corners(boxes: Tensor, candidates: Tensor, *, inclusive: bool = False) -> Tensor:
    """Express true boxes as corner offsets from candidates, in units of the candidate's size.

    boxes, candidates: (..., 4), shapes that broadcast. Returns deltas (..., 4), all 0 where both
    agree.
    Raises ValueError for a wrong shape, or a candidate without width or height.
    Source: MTCNN, section II.B; corners as in all public code, where the letter speaks of left,
    top, width, height.
    """
    boxes, candidates = _last_is_four("boxes", boxes), _last_is_four("candidates", candidates)
    sizes = _positive("candidates", _sizes(candidates, inclusive))  # (..., 2)
    return (boxes - candidates) / torch.cat((sizes, sizes), dim=-1)


def decode_corners(deltas: Tensor, candidates: Tensor, *, inclusive: bool = False) -> Tensor:
    """Move candidates by corner offsets: the inverse of `encode_corners`.

    deltas, candidates: (..., 4), shapes that broadcast. inclusive: the candidate's width is x2 - x1
    + 1, as in stages 2 and 3 of the authors' code. Returns boxes (..., 4).
    Raises ValueError when a last dimension is not 4.
    Source: MTCNN, released code, `bbreg`.
    """
    deltas, candidates = _last_is_four("deltas", deltas), _last_is_four("candidates", candidates)
    sizes = _sizes(candidates, inclusive)
    return candidates + deltas * torch.cat((sizes, sizes), dim=-1)


def encode_centers(
    boxes: Tensor, anchors: Tensor, *, variances: tuple[float, float] = (1.0, 1.0)
) -> Tensor:
    """Express true boxes relative to anchors: centre offset / size, logarithm of the size ratio.

    boxes, anchors: (..., 4) xyxy, shapes that broadcast. variances: divisors of the centre and size
    part, (1, 1) in SSH and (0.1, 0.2) in the public RetinaFace. Returns deltas (..., 4) as (dx, dy,
    dw, dh).
    Raises ValueError for a wrong shape, or a box or anchor without width or height.
    Source: SSH, section 3.4 (Faster R-CNN coding); variances from the public RetinaFace code (SSD
    coding).
    """
    boxes, anchors = _last_is_four("boxes", boxes), _last_is_four("anchors", anchors)
    sizes = _positive("boxes", _sizes(boxes))  # (..., 2)
    anchor_sizes = _positive("anchors", _sizes(anchors))
    shift = (_centers(boxes) - _centers(anchors)) / (variances[0] * anchor_sizes)
    growth = torch.log(sizes / anchor_sizes) / variances[1]
    return torch.cat((shift, growth), dim=-1)


def decode_centers(
    deltas: Tensor, anchors: Tensor, *, variances: tuple[float, float] = (1.0, 1.0)
) -> Tensor:
    """Turn regressed deltas into boxes: the inverse of `encode_centers`.

    deltas, anchors: (..., 4), shapes that broadcast, so (B, A, 4) with (A, 4) is fine. Returns
    boxes (..., 4) xyxy. Weights trained with inclusive widths give the same boxes here, as long as
    the anchors are half-open.
    Raises ValueError when a last dimension is not 4.
    Source: SSH, section 3.4; variances from the public RetinaFace code.
    """
    deltas, anchors = _last_is_four("deltas", deltas), _last_is_four("anchors", anchors)
    anchor_sizes = _sizes(anchors)
    centers = _centers(anchors) + variances[0] * deltas[..., :2] * anchor_sizes  # (..., 2)
    half = anchor_sizes * torch.exp(variances[1] * deltas[..., 2:]) / 2  # (..., 2)
    return torch.cat((centers - half, centers + half), dim=-1)


def encode_landmarks(landmarks: Tensor, anchors: Tensor, *, variance: float = 0.1) -> Tensor:
    """Express landmarks relative to the centres of anchors, in units of variance times anchor size.

    landmarks: (..., P, 2). anchors: (..., 4). Returns (..., P, 2); NaN points stay NaN.
    Raises ValueError for a wrong shape, or an anchor without width or height.
    Source: RetinaFace, equation 1 with the variance 0.1 of the public code; the paper itself has
    variance 1.
    """
    landmarks, anchors = _points("landmarks", landmarks), _last_is_four("anchors", anchors)
    sizes = _positive("anchors", _sizes(anchors))
    return (landmarks - _centers(anchors)[..., None, :]) / (variance * sizes[..., None, :])


def decode_landmarks(deltas: Tensor, anchors: Tensor, *, variance: float = 0.1) -> Tensor:
    """Turn regressed offsets into points: the inverse of `encode_landmarks`.

    deltas: (..., P, 2). anchors: (..., 4). Returns landmarks (..., P, 2) in pixels.
    Raises ValueError for a wrong shape.
    Source: as `encode_landmarks`.
    """
    deltas, anchors = _points("deltas", deltas), _last_is_four("anchors", anchors)
    return _centers(anchors)[..., None, :] + variance * deltas * _sizes(anchors)[..., None, :]


def encode_landmarks_corner(
    landmarks: Tensor, candidates: Tensor, *, inclusive: bool = False
) -> Tensor:
    """Express landmarks as shares of the candidate's width and height from its top left corner.

    landmarks: (..., P, 2). candidates: (..., 4). Returns (..., P, 2), mostly in [0, 1]; NaN points
    stay NaN.
    Raises ValueError for a wrong shape, or a candidate without width or height.
    Source: MTCNN, section II.B; the candidate is the square that was cropped, not the calibrated
    box.
    """
    landmarks, candidates = _points("landmarks", landmarks), _last_is_four("candidates", candidates)
    sizes = _positive("candidates", _sizes(candidates, inclusive))
    return (landmarks - candidates[..., None, :2]) / sizes[..., None, :]


def decode_landmarks_corner(
    deltas: Tensor, candidates: Tensor, *, inclusive: bool = False
) -> Tensor:
    """Turn shares of a candidate box into points: the inverse of `encode_landmarks_corner`.

    deltas: (..., P, 2). candidates: (..., 4), the boxes that were cropped. Returns landmarks (...,
    P, 2) in pixels.
    Raises ValueError for a wrong shape.
    Source: as `encode_landmarks_corner`.
    """
    deltas, candidates = _points("deltas", deltas), _last_is_four("candidates", candidates)
    return candidates[..., None, :2] + deltas * _sizes(candidates, inclusive)[..., None, :]


def _sizes(boxes: Tensor, inclusive: bool = False) -> Tensor:
    sizes = boxes[..., 2:] - boxes[..., :2]
    return sizes + 1 if inclusive else sizes


def _sides(boxes: Tensor, inclusive: bool) -> Tensor:
    return _sizes(boxes, inclusive).clamp(min=0)


def _centers(boxes: Tensor) -> Tensor:
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def _intersection(a: Tensor, b: Tensor, inclusive: bool) -> Tensor:
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])  # (N, M, 2)
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])  # (N, M, 2)
    return _sides(torch.cat((top_left, bottom_right), dim=-1), inclusive).prod(dim=-1)


def _ratio(inter: Tensor, whole: Tensor) -> Tensor:
    """Divide, with 0 for 0 / 0; the inner `where` keeps the gradient finite too."""
    return inter / torch.where(whole == 0, torch.ones_like(whole), whole)


def require_tensor(name: str, value: object) -> None:
    """Refuse a list or array. Raises ValueError that names the argument."""
    if not isinstance(value, Tensor):
        kind = type(value).__name__
        raise ValueError(f"{name}: expected a tensor, got {kind}; use torch.as_tensor(...)")


def _as_float(name: str, value: Tensor) -> Tensor:
    require_tensor(name, value)
    return value if value.dtype in (torch.float32, torch.float64) else value.float()


def _boxes(name: str, value: Tensor) -> Tensor:
    value = _as_float(name, value)
    if value.ndim != 2 or value.shape[1] != 4:
        raise ValueError(f"{name}: expected boxes of shape (N, 4), got {tuple(value.shape)}")
    return value


def _last_is_four(name: str, value: Tensor) -> Tensor:
    value = _as_float(name, value)
    if value.ndim == 0 or value.shape[-1] != 4:
        raise ValueError(f"{name}: expected shape (..., 4), got {tuple(value.shape)}")
    return value


def _points(name: str, value: Tensor) -> Tensor:
    value = _as_float(name, value)
    if value.ndim < 2 or value.shape[-1] != 2:
        raise ValueError(f"{name}: expected points of shape (..., P, 2), got {tuple(value.shape)}")
    return value


def _positive(name: str, sizes: Tensor) -> Tensor:
    wrong = int((sizes <= 0).any(dim=-1).sum())
    if wrong:
        raise ValueError(
            f"{name}: {wrong} of {sizes[..., 0].numel()} have no width or height; drop them first"
        )
    return sizes
