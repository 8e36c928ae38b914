"""What is computed from the cut-out mesh: landmark vertices, the face, a coarse mesh of it, and how
much sky each corner sees.

The 68 landmarks were marked by hand on a frontal picture of the mean head, 1000 pixels wide and
high, and snap to the nearest visible vertex; the person's left half mirrors the right one. The jaw
line is seen edge on there, so its vertices are chosen together (`jaw_line`): "landmarks" in
extra.npz. Drawing keeps to the snapped ones, "lm68", on which every picture depends.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from facelab.humans.asset_tools import jaw
from facelab.humans.asset_tools.meshfiles import SourceError

MARKS = {
    0: (268, 560), 1: (272, 620), 2: (280, 680), 3: (292, 740), 4: (312, 800), 5: (340, 852),
    6: (385, 893), 7: (440, 925), 8: (500, 938), 17: (302, 510), 18: (325, 492), 19: (358, 484),
    20: (405, 497), 21: (455, 518), 27: (500, 545), 28: (500, 585), 29: (500, 625),
    30: (500, 668), 31: (455, 703), 32: (477, 706), 33: (500, 712), 36: (347, 548),
    37: (368, 533), 38: (405, 532), 39: (433, 553), 40: (408, 563), 41: (370, 562),
    48: (418, 790), 49: (445, 770), 50: (478, 756), 51: (500, 760), 59: (447, 818),
    58: (475, 833), 57: (500, 836), 60: (428, 790), 61: (472, 786), 62: (500, 788),
    67: (472, 793), 66: (500, 793),
}  # fmt: skip
"""Landmark -> where it was marked, in pixels of the frontal picture."""

PARTNER = {
    **{k: 16 - k for k in range(8)}, **{17 + k: 26 - k for k in range(5)}, 31: 35, 32: 34, 36: 45,
    37: 44, 38: 43, 39: 42, 40: 47, 41: 46, 48: 54, 49: 53, 50: 52, 59: 55, 58: 56, 60: 64, 61: 63,
    67: 65,
}  # fmt: skip

_SIDE = 1000  # of the marked picture
_COARSE = 400  # vertices of the coarse mesh
_RAYS = 220  # directions of the sky


def extra(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Compute the arrays of extra.npz from those of humans.npz.

    Raises SourceError when the mesh is not MakeHuman's, so that landmarks find no vertex.
    """
    points = mean_points(arrays)
    head = _head(arrays)
    spots, forward, visible = _frontal(arrays, points, head)
    landmarks = _landmarks(arrays, points, head, spots, forward, visible)
    line = jaw_line(arrays, points, head, spots, forward, (landmarks[0], landmarks[8]))
    x, y = spots.T
    face = np.flatnonzero(visible & (x > 262) & (x < 738) & (y > 300) & (y < 960))
    mesh, triangles = _coarse(points, face, int(landmarks[30]), spots)
    return {
        "lm68": landmarks.astype(np.int32),
        "landmarks": np.concatenate((line, landmarks[len(line) :])).astype(np.int32),
        "face_pts": face.astype(np.int32),
        "mesh_pts": mesh.astype(np.int32),
        "mesh_tri": triangles,
        "head_pts": head.astype(np.int32),
        **occlusion(arrays, points),
    }


def mean_points(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Shape the mean grown-up, between the sexes and ancestries: (V, 3)."""
    points = arrays["base"].copy()
    weights = {}
    for ancestry in ("caucasian", "asian", "african"):
        for sex in ("female", "male"):
            weights[f"macrodetails/{ancestry}-{sex}-young"] = 1 / 6
        for side in ("left", "right"):  # the neutral brows frown
            weights[f"expression/units/{ancestry}/eyebrows-{side}-inner-up"] = 0.1
    for name, weight in weights.items():
        at, moved = _target(arrays, name)
        points[at] += moved * np.float32(weight * 1e-3)
    return points


def occlusion(arrays: dict[str, np.ndarray], points: np.ndarray) -> dict[str, np.ndarray]:
    """Compute which share of the sky each corner of body, eyes, teeth and tongue sees.

    Returns "body/ao", "eyes/ao", "teeth/ao", "tongue/ao": (C,) float32 in [0, 1].
    """
    from facelab.humans.rendering import kernels

    spans, corners, normals, triangles = {}, [], [], []
    neck, skull = (points[arrays[f"group/joint-{name}"]].mean(axis=0) for name in ("neck", "head"))
    pivot, start = neck + 0.4 * (skull - neck), 0
    for name in ("body", "eyes", "teeth", "tongue"):
        vertices = points
        if name != "body":  # hung free of the head: closed lips would leave the teeth black
            vertices = _fitted(arrays, name, points) - pivot
        at, faces = arrays[f"{name}/pos"], arrays[f"{name}/tri"]
        corners.append(vertices[at])
        normals.append(kernels.normals(vertices.astype(np.float32), at[faces].astype(np.int32))[at])
        triangles.append(faces + start)
        spans[name] = slice(start, start + len(at))
        start += len(at)
    where = np.concatenate(corners).astype(np.float32)
    upright = np.concatenate(normals)
    faces = np.concatenate(triangles).astype(np.int32)
    seen, possible = np.zeros(len(where)), np.zeros(len(where))
    head = where[:, 1] > 6
    for ray in _sky(_RAYS):
        up = np.array([0, 1, 0.0]) if abs(ray[1]) < 0.95 else np.array([1, 0, 0.0])
        across = np.cross(up, ray)
        across /= np.linalg.norm(across)
        flat = np.stack([where @ across, where @ np.cross(ray, across)], axis=1)
        flat = (flat - flat[head].mean(axis=0)) * 70 + 200
        depth = (where @ ray + 20).astype(np.float32)
        nearest = _nearest(faces, flat.astype(np.float32), depth, side=400, two_sided=True)
        column, row = np.clip(flat.astype(int), 0, 399).T
        weight = np.clip(upright @ ray, 0, None)
        seen += weight * (depth > nearest[row, column] - 0.05)
        possible += weight
    share = (seen / np.maximum(possible, 1e-6)).astype(np.float32)
    return {f"{name}/ao": share[span] for name, span in spans.items()}


def _head(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Number the vertices of the head without the neck."""
    head = np.unique(arrays["body/pos"][arrays["body/region"] == 0])
    x = arrays["base"][head]
    return head[(x[:, 1] > 6.35) | ((x[:, 1] > 5.9) & (x[:, 2] > 0.55))]


def _frontal(
    arrays: dict[str, np.ndarray], points: np.ndarray, head: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take the marked picture: pixels (V, 2), z of the normals (V,), which head vertices show."""
    from facelab.humans.rendering import kernels

    upper = points[arrays["base"][:, 1] > 6.5]
    if not len(upper):
        raise SourceError("base.obj: no vertex above 6.5 decimetres; it is not MakeHuman's body")
    low, high = upper.min(axis=0), upper.max(axis=0)
    middle = (low + high) / 2
    focal = 0.5 / math.tan(math.radians(5))
    away = middle[2] + (high[1] - low[1]) / 0.7 * focal - points[:, 2]
    half, zoom = _SIDE / 2, focal * _SIDE
    x = half + (points[:, 0] - middle[0]) / away * zoom
    y = half - (points[:, 1] - middle[1]) / away * zoom
    spots, depth = np.stack([x, y], axis=1).astype(np.float32), (1 / away).astype(np.float32)
    faces = arrays["body/pos"][arrays["body/tri"]].astype(np.int32)
    nearest = _nearest(faces, spots, depth, side=_SIDE, two_sided=False)
    column, row = np.clip(np.round(spots).astype(int), 2, _SIDE - 3).T
    around = [nearest[row + j, column + i] for i in (-2, 0, 2) for j in (-2, 0, 2)]
    forward = kernels.normals(points.astype(np.float32), faces)[:, 2]
    visible = np.zeros(len(points), bool)
    visible[head] = True
    visible &= (depth > np.max(around, axis=0) * 0.9985) & (forward > -0.05)
    return spots, forward, visible


def _landmarks(
    arrays: dict[str, np.ndarray],
    points: np.ndarray,
    head: np.ndarray,
    spots: np.ndarray,
    forward: np.ndarray,
    visible: np.ndarray,
) -> np.ndarray:
    """Snap the marks to vertices: (68,)."""
    at, moved = _target(arrays, "expression/units/caucasian/mouth-open")
    drop = np.zeros(len(points))
    drop[at] = -moved[:, 1]
    found = np.full(68, -1)
    for number, mark in MARKS.items():
        fits = visible.copy()
        if number < 9:  # the jaw line lies where the head turns away
            fits = np.zeros(len(points), bool)
            fits[head] = True
            fits &= (forward > -0.5) & (forward < 0.55) & (points[:, 2] > 0.35)
        if mark[0] == _SIDE / 2:
            fits &= np.abs(points[:, 0]) < 0.02
            if number == 8:
                fits &= forward > -0.2
        if number in (61, 62):  # the lips touch: the upper one does not open with the mouth
            fits &= drop < 0.35 * drop.max()
        if number in (66, 67):
            fits &= drop > 0.35 * drop.max()
        candidates = np.flatnonzero(fits)
        if not len(candidates):
            raise SourceError(f"landmark {number}: no vertex fits; the mesh is not MakeHuman's")
        distance = ((spots[candidates] - mark) ** 2).sum(axis=1)
        found[number] = candidates[distance.argmin()]
        if number in PARTNER:
            mirrored = points[found[number]] * (-1, 1, 1)
            found[PARTNER[number]] = head[((points[head] - mirrored) ** 2).sum(axis=1).argmin()]
    return found


def jaw_line(
    arrays: dict[str, np.ndarray],
    points: np.ndarray,
    head: np.ndarray,
    spots: np.ndarray,
    forward: np.ndarray,
    ends: tuple[int, int],
) -> np.ndarray:
    """Choose the vertices of landmarks 0 to 16 as one smooth, symmetric curve in space: (17,).

    ends: vertices of landmarks 0 and 8. Raises SourceError when the mesh is not MakeHuman's.
    """
    allowed = np.zeros(len(points), bool)
    allowed[head] = True
    allowed[arrays["body/pos"][arrays["body/region"] == 2]] = False  # inside of the mouth
    try:
        half = jaw.jaw(points, spots, forward, allowed, ends=ends, marks=MARKS)
    except ValueError as error:
        raise SourceError(f"{error}; the mesh is not MakeHuman's") from error
    mirrored = points[half[:-1]] * (-1, 1, 1)
    gap = ((points[head][None] - mirrored[:, None]) ** 2).sum(axis=2)
    return np.concatenate((half, head[gap.argmin(axis=1)][::-1]))


def _coarse(
    points: np.ndarray, face: np.ndarray, first: int, spots: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose face vertices far from each other, and triangulate them: (400,), (T, 3) int32."""
    chosen = [first]
    distance = ((points[face] - points[first]) ** 2).sum(axis=1)
    while len(chosen) < min(_COARSE, len(face)):
        chosen.append(int(face[distance.argmax()]))
        distance = np.minimum(distance, ((points[face] - points[chosen[-1]]) ** 2).sum(axis=1))
    plane = cv2.Subdiv2D((0, 0, _SIDE + 1, _SIDE + 1))
    number = {}
    for k, vertex in enumerate(chosen):
        x, y = (float(v) for v in spots[vertex])
        number[round(x, 2), round(y, 2)] = k
        plane.insert((x, y))
    corners = np.array(plane.getTriangleList()).reshape(-1, 3, 2)
    triangles = [
        [number.get((round(float(x), 2), round(float(y), 2)), -1) for x, y in triangle]
        for triangle in corners
    ]
    return np.array(chosen), np.array([t for t in triangles if min(t) >= 0], np.int32)


def _nearest(
    faces: np.ndarray, spots: np.ndarray, depth: np.ndarray, *, side: int, two_sided: bool
) -> np.ndarray:
    """Draw the depth of the nearest surface: (side, side) float32."""
    from facelab.humans.rendering import kernels

    nearest = np.zeros((side, side), np.float32)
    owner = np.full((side, side), -1, np.int32)
    weights = np.zeros_like(nearest), np.zeros_like(nearest)
    both = np.full(len(faces), two_sided)
    kernels.raster(faces, both, 0, spots, depth, nearest, owner, *weights)
    return nearest


def _fitted(arrays: dict[str, np.ndarray], name: str, points: np.ndarray) -> np.ndarray:
    """Place a part on the body: (P, 3)."""
    size = [abs(points[int(i), k] - points[int(j), k]) / length
            for k, (i, j, length) in enumerate(arrays[f"{name}/scale"])]  # fmt: skip
    on_body = (points[arrays[f"{name}/ref"]] * arrays[f"{name}/w"][..., None]).sum(axis=1)
    return (on_body + arrays[f"{name}/off"] * np.array(size, np.float32)).astype(np.float32)


def _target(arrays: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Give a target's vertices (E,) and offsets (E, 3) in thousandths. Raises SourceError."""
    where = np.flatnonzero(arrays["target_names"] == name)
    if not len(where):
        raise SourceError(f"targets.npz: lacks {name}; it is not that of makehuman 1.3.2")
    span = slice(arrays["target_start"][where[0]], arrays["target_start"][where[0] + 1])
    return arrays["target_index"][span], arrays["target_delta"][span].astype(np.float32)


def _sky(count: int) -> np.ndarray:
    """Spread directions evenly over the sphere: (count, 3)."""
    turn = math.pi * (3 - math.sqrt(5))
    k = np.arange(count)
    y = 1 - 2 * (k + 0.5) / count
    r = np.sqrt(1 - y * y)
    return np.stack([np.cos(turn * k) * r, y, np.sin(turn * k) * r], axis=1)
