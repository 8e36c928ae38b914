"""Tools for the question behind the title: does a lower landmark error mean better recognition?

    crops = aligned(patches, points)                       # (N, 112, 112, 3), from any five points
    verdict = judge(random_features(), crops, pairs)       # AUC, accuracy over folds, ...

| Points                | Error of five points that ...                                        |
| --------------------- | -------------------------------------------------------------------- |
| `jittered`            | err each on their own: the similarity averages part of it away       |
| `jittered, shared=True` | err together, as a shifted box does: nothing is averaged           |
| `Pose.landmarks`      | belong to another, generic face: an error that is much the same      |
|                       | for all photos of a person, and a crop that is steady                |

Embedders are functions from crops (N, 112, 112, 3) uint8 to (N, D) of unit length. `pixels` and
`random_features` learn nothing, so that no way of aligning is the one they were trained with;
`fit_fisher` learns in seconds and knows people far better.
Source: Chang et al., 2017, experiments on recognition; the embedders are ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from facelab.geometry.alignment import align_face, template, transform_points, umeyama
from facelab.humans.tasks.pairs import VerificationPairs
from facelab.landmarks.patches import FacePatches
from facelab.metrics.verification import Verdict, verify

Embedder = Callable[[np.ndarray], np.ndarray]

SIDE = 112  # of the crops, pixels
CHUNK = 64  # crops at a time: bounds the memory


def aligned(patches: FacePatches, points: Tensor) -> np.ndarray:
    """Align RGB patches by five points: uint8 (N, 112, 112, 3), black where points are NaN.

    points: (N, 5, 2) in square units.
    Raises ValueError for grey patches or another shape of points.
    """
    if patches.images.shape[1] != 3 or tuple(points.shape) != (len(patches), 5, 2):
        raise ValueError(
            f"patches, points: expected RGB and ({len(patches)}, 5, 2), got "
            f"{patches.images.shape[1]} channels and {tuple(points.shape)}"
        )
    crops = np.zeros((len(patches), SIDE, SIDE, 3), np.uint8)
    places = patches.in_patch(points)
    for crop, image, five in zip(crops, patches.images, places, strict=True):
        if torch.isfinite(five).all():
            crop[:] = align_face(image.permute(1, 2, 0).numpy(), five)
    return crops


def jittered(
    points: Tensor,
    widths: Tensor,
    level: float,
    *,
    generator: torch.Generator,
    shared: bool = False,
) -> Tensor:
    """Move points at random until their mean error is a level.

    points: (N, P, 2). widths: (N,) what errors are divided by. level: the mean error asked for, a
    share of the width, 0 or more. shared: one shift for all points of a face. Returns (N, P, 2).
    Raises ValueError for a level below 0.
    """
    if not level >= 0:
        raise ValueError(f"level: expected a share of 0 or more, got {level}")
    count = 1 if shared else points.shape[1]
    noise = torch.randn(len(points), count, 2, generator=generator)
    deviation = level / math.sqrt(math.pi / 2)  # a normal error in the plane has this mean length
    return points + noise * deviation * widths[:, None, None]


def crop_error(points: Tensor, truth: Tensor) -> Tensor:
    """Say how far an alignment puts the true points from where the true alignment puts them.

    points, truth: (N, 5, 2) in one frame. Returns (N,): the mean over the five points, in shares of
    the template's distance between the eyes. Errors that a similarity undoes do not count.
    """
    goal = template(SIDE)
    ours, best = (transform_points(umeyama(five, goal), truth) for five in (points, truth))
    eyes = torch.linalg.vector_norm(goal[1] - goal[0])
    return torch.linalg.vector_norm(ours - best, dim=-1).mean(dim=1) / eyes


def judge(
    embedder: Embedder, crops: np.ndarray, pairs: VerificationPairs, rows: np.ndarray | None = None
) -> Verdict:
    """Verify pairs of crops. crops: (N, 112, 112, 3), row i is sprite i of the pairs. rows: which
    pairs, a mask or numbers; all when left out."""
    vectors = embedder(crops)
    chosen = np.arange(len(pairs)) if rows is None else np.arange(len(pairs))[rows]
    first, second = vectors[pairs.first[chosen]], vectors[pairs.second[chosen]]
    return verify((first * second).sum(axis=1), pairs.same[chosen], folds=pairs.fold[chosen])


def pixels(crops: np.ndarray) -> np.ndarray:
    """Describe crops by their grey pixels, 28x28, brightness and contrast taken off: (N, 784)."""
    grey = _grey(crops)  # (N, 1, 112, 112)
    small = F.interpolate(grey, (28, 28), mode="area") * _oval(28)
    return _unit(small.flatten(1)).numpy()


def random_features(seed: int = 0, *, dimensions: int = 256) -> Embedder:
    """Make a fixed random projection: random filters, absolute value, pooling, random directions.

    seed: of all weights. dimensions: D of the vectors. Nothing is learnt. The filters have mean 0,
    as edges do; pooling over 4 x 4 places forgives a crop that is a few pixels off.
    """
    generator = torch.Generator().manual_seed(seed)
    filters = torch.randn(32, 1, 7, 7, generator=generator)
    filters = filters - filters.mean(dim=(2, 3), keepdim=True)
    filters = filters / filters.flatten(1).norm(dim=1)[:, None, None, None]
    cells = SIDE // 2 // 4
    directions = torch.randn(32 * cells * cells, dimensions, generator=generator)

    @torch.inference_mode()
    def embed(crops: np.ndarray) -> np.ndarray:
        parts = [torch.zeros(0, dimensions)]
        for part in _chunks(crops):
            small = F.avg_pool2d(_grey(part), 2) * _oval(SIDE // 2)  # (n, 1, 56, 56)
            maps = F.conv2d(small, filters, padding=3).abs()  # (n, 32, 56, 56)
            cells_of = F.avg_pool2d(maps, 4).sqrt()  # (n, 32, 14, 14); the root tames highlights
            centred = cells_of - cells_of.mean(dim=(2, 3), keepdim=True)
            parts.append(_unit(_unit(centred.flatten(1)) @ directions))
        return torch.cat(parts).numpy()

    return embed


def fit_fisher(
    crops: np.ndarray, people: np.ndarray, *, dimensions: int = 64, components: int = 400
) -> Embedder:
    """Learn what tells people apart: Fisher's discriminants of gradient histograms.

    crops: (N, 112, 112, 3) uint8 of training people. people: (N,) who each is. dimensions: D of the
    vectors. components: principal components kept before. Closed form, seconds instead of hours.
    Raises ValueError for fewer than two people.
    Source: Belhumeur, Hespanha, Kriegman, "Eigenfaces vs. Fisherfaces", 1997; Dalal, Triggs,
    "Histograms of oriented gradients for human detection", 2005.
    """
    names, number = np.unique(people, return_inverse=True)
    if len(names) < 2:
        raise ValueError(f"people: {len(names)} of them; telling people apart needs two or more")
    features = gradient_histograms(crops).double()  # (N, F)
    middle = features.mean(dim=0)
    centred = features - middle
    _, basis = torch.linalg.eigh(centred.T @ centred)
    basis = basis[:, -min(components, len(crops) - 1) :]
    reduced, who = centred @ basis, torch.from_numpy(number)  # (N, K)
    sums = torch.zeros(len(names), reduced.shape[1], dtype=torch.float64).index_add(0, who, reduced)
    means = sums / torch.bincount(who)[:, None]
    within = (reduced - means[who]).T @ (reduced - means[who]) / len(reduced)
    ridge = 0.5 * within.diagonal().mean() * torch.eye(len(within), dtype=torch.float64)
    white = torch.linalg.inv(torch.linalg.cholesky(within + ridge)).T  # (K, K)
    between = white.T @ (means.T @ means / len(means)) @ white
    directions = basis @ white @ torch.linalg.eigh(between)[1][:, -dimensions:]

    def embed(crops: np.ndarray) -> np.ndarray:
        vectors = (gradient_histograms(crops).double() - middle) @ directions
        return _unit(vectors).float().numpy()

    return embed


def gradient_histograms(crops: np.ndarray, *, bins: int = 8, cell: int = 4) -> Tensor:
    """Count gradients by direction in cells of a crop of half size: (N, 8 x 14 x 14), float32."""
    parts = [torch.zeros(0, bins * (SIDE // 2 // cell) ** 2)]
    middles = torch.arange(bins) * (2 * math.pi / bins)
    for part in _chunks(crops):
        small = F.pad(F.avg_pool2d(_grey(part), 2), (1, 1, 1, 1), mode="replicate")
        across = small[..., 1:-1, 2:] - small[..., 1:-1, :-2]  # (n, 1, 56, 56)
        down = small[..., 2:, 1:-1] - small[..., :-2, 1:-1]
        off = torch.atan2(down, across) - middles[:, None, None]  # (n, 8, 56, 56)
        off = ((off + math.pi).remainder(2 * math.pi) - math.pi).abs()
        share = (1 - off * bins / (2 * math.pi)).clamp(min=0)  # to the two nearest directions
        cells = F.avg_pool2d(share * torch.hypot(across, down), cell)  # (n, 8, 14, 14)
        near = F.avg_pool2d(cells.square().sum(dim=1, keepdim=True), 3, 1, 1).sqrt()
        bounded = (cells / (near + 0.05)).clamp(max=0.4)
        parts.append((bounded * _oval(cells.shape[-1])).flatten(1))
    return torch.cat(parts)


def _chunks(crops: np.ndarray) -> list[np.ndarray]:
    return np.array_split(crops, math.ceil(len(crops) / CHUNK)) if len(crops) else []


def _grey(crops: np.ndarray) -> Tensor:
    """Grey crops (N, 1, 112, 112) of mean 0 and deviation 1."""
    planes = [cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY) for crop in crops]
    grey = torch.from_numpy(np.array(planes, np.float32).reshape(-1, 1, SIDE, SIDE))
    centred = grey - grey.mean(dim=(2, 3), keepdim=True)
    return centred / centred.square().mean(dim=(2, 3), keepdim=True).sqrt().clamp(min=1.0)


def _oval(side: int) -> Tensor:
    """Weights (side, side) of the face: 1 inside an oval, 0 outside, as hair tells on people."""
    y, x = torch.meshgrid(*[(torch.arange(side) + 0.5) / side] * 2, indexing="ij")
    radius = ((x - 0.5) / 0.46).square() + ((y - 0.55) / 0.5).square()
    return ((1.15 - radius) / 0.3).clamp(0, 1)


def _unit(vectors: Tensor) -> Tensor:
    return F.normalize(vectors, dim=1, eps=1e-6)
