"""The inside of the mouth: teeth that show as they do in photos, and the tongue.

The asset's two rows of teeth hang on the lips and the lower row lies before the upper one. Here the
upper row stays with the skull and the lower row goes with the jaw, and in a smile the upper row
fills the gap between the lips, as most smiles in photos show it.
"""

from __future__ import annotations

import functools

import numpy as np

from facelab.humans import assets
from facelab.humans.parts import Fit
from facelab.humans.worn.meshes import smooth

SHOWN = 0.034  # heads: how far the upper teeth reach below the upper lip when it does not rise
CROWN = 0.060  # heads: the most of them that a smile shows
SLOPE = 0.25  # rise of the line between the rows for a decimetre towards the back
INNER_UPPER, INNER_LOWER, CHIN = 62, 66, 8  # landmarks


def opening(fit: Fit) -> float:
    """0 for closed lips, 1 where light falls on the teeth."""
    gap = fit.landmark(INNER_UPPER)[1] - fit.landmark(INNER_LOWER)[1]
    return float(smooth(gap, 0.022, 0.055))


def teeth(fit: Fit, neutral: Fit, height: float) -> np.ndarray:
    """Place the teeth in the rest pose: (P, 3) decimetres.

    fit, neutral: the body with and without the expression. height: of the head in decimetres.
    """
    points = assets.fitted("teeth", neutral.points)
    upper = upper_row()
    edge = _edge(points[upper & crowns()])
    lip, low = fit.landmark(INNER_UPPER), fit.landmark(INNER_LOWER)
    still = neutral.landmark(INNER_UPPER)
    raised = max(0.0, float(lip[1] - still[1]))
    shown = min(SHOWN * height + raised, CROWN * height)
    wanted = max(lip[1] - shown, min(low[1] + 0.004 * height, lip[1]))
    back = min(0.0, float(lip[2] - still[2]))  # lips drawn back press on the teeth
    points[upper] += np.array((0, wanted - edge, 0.6 * back), np.float32)
    jaw = fit.landmark(CHIN) - neutral.landmark(CHIN)
    under = still[1] - (SHOWN + 0.006) * height  # the lower row hides behind the upper one
    lower = ~upper & crowns() & (points[:, 2] > _front(points[~upper & crowns()]))
    drop = under - points[lower][:, 1].max()
    move = np.array((0, drop + 1.05 * min(0.0, float(jaw[1])), -0.022 * height), np.float32)
    points[~upper] += move + np.array(
        (0, 0, 0.6 * back + 0.5 * min(0.0, float(jaw[2]))), np.float32
    )
    gum = np.where(
        upper, points[:, 1] - wanted - 0.035 * height, wanted - 0.04 * height - points[:, 1]
    )
    gum = np.where(crowns(), 0, np.maximum(gum, 0))  # roots, which no lip should show
    points[:, 1] += np.where(upper, -0.6, 0.6) * gum
    points[:, 2] -= np.where(crowns(), 0, 0.012 * height) + 0.5 * gum
    return points


def tongue(fit: Fit, neutral: Fit, height: float) -> np.ndarray:
    """Place the tongue in the rest pose: (P, 3) decimetres, behind the lower teeth."""
    points = assets.fitted("tongue", neutral.points)
    jaw = fit.landmark(CHIN) - neutral.landmark(CHIN)
    points += np.array(
        (0, 0.8 * min(0.0, float(jaw[1])), 0.5 * min(0.0, float(jaw[2]))), np.float32
    )
    points[:, 1:] -= np.float32(0.012 * height)
    return points


def rounded(normals: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    """Bend the normals (P, 3) of teeth to the front: a row of teeth shades as one smooth arch."""
    return (0.5 * normals + 0.5 * ahead).astype(np.float32)


def teeth_light(points: np.ndarray) -> np.ndarray:
    """Share of the sky (P,) that teeth at rest-pose points see: the front ones most."""
    depth = points[:, 2].max() - points[:, 2]
    light = np.clip(1.0 - depth * 1.6, 0.12, 1.0)
    return (light * np.where(upper_row(), 1.0, 0.75)).astype(np.float32)


def _front(points: np.ndarray) -> float:
    return float(points[:, 2].max()) - 0.12


def _edge(points: np.ndarray) -> float:
    """Height of the lower edge of the upper incisors."""
    front = points[points[:, 2] > _front(points)]
    return float(np.percentile(front[:, 1], 3))


@functools.cache
def pieces() -> np.ndarray:
    """Number (P,) of the connected piece that each vertex of the teeth belongs to."""
    part = assets.part("teeth")
    faces = part.at[part.triangles]
    label = np.arange(len(part.reference))
    while True:
        before = label.copy()
        least = label[faces].min(axis=1)
        for corner in range(3):
            np.minimum.at(label, faces[:, corner], least)
        label = label[label]
        if (label == before).all():
            return np.unique(label, return_inverse=True)[1]


@functools.cache
def crowns() -> np.ndarray:
    """Say which vertices (P,) are of teeth, not of the gum."""
    return np.asarray(pieces() != np.argmax(np.bincount(pieces())))


@functools.cache
def upper_row() -> np.ndarray:
    """Say which vertices (P,) are of the upper teeth and gum."""
    points = assets.fitted("teeth", assets.body().base)
    label = pieces()
    front = points[:, 2].max()
    line = np.median(points[:, 1]) + SLOPE * (front - 0.25 - points[:, 2])
    above = points[:, 1] > line
    share = np.bincount(label, weights=above) / np.bincount(label)
    return np.where(crowns(), share[label] > 0.5, above)
