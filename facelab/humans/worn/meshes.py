"""Small meshes from numbers: grids, tubes, lofts and boxes, of which worn and held things are made.

All positions are in decimetres; front faces are counter-clockwise seen from outside.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = [
    "Mesh",
    "box",
    "curve",
    "floats",
    "grid",
    "loft",
    "merge",
    "normals",
    "plate",
    "smooth",
    "tube",
    "whole",
]


def floats(values: npt.ArrayLike) -> np.ndarray:
    """Make float32 numbers of anything like an array."""
    return np.asarray(values, np.float32)


def whole(values: npt.ArrayLike) -> np.ndarray:
    """Make int32 numbers of anything like an array."""
    return np.asarray(values, np.int32)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Positions (V, 3) float32, triangles (T, 3) int32, uv (V, 2) float32, v from the bottom."""

    positions: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray

    def moved(self, rotation: np.ndarray | None = None, shift: npt.ArrayLike = (0, 0, 0)) -> Mesh:
        """Turn the mesh about the origin by a (3, 3) matrix, then shift it."""
        points = self.positions if rotation is None else self.positions @ floats(rotation).T
        return Mesh(floats(points + floats(shift)), self.triangles, self.uv)

    def mirrored(self) -> Mesh:
        """Swap left and right (x becomes -x), front faces kept."""
        return Mesh(self.positions * floats([-1, 1, 1]), self.triangles[:, ::-1], self.uv)


def smooth(x: np.ndarray | float, low: float, high: float) -> np.ndarray:
    """Step softly from 0 at `low` to 1 at `high`, element by element."""
    t = np.clip((np.asarray(x) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def grid(points: np.ndarray, *, closed: bool = False, flip: bool = False) -> Mesh:
    """Join a (rows, columns, 3) array of points into a sheet.

    Outside is where rows cross columns (right-hand rule: d/d column x d/d row points out when rows
    go up and columns go counter-clockwise seen from above); `flip` turns it round. closed: the last
    column joins the first, with the seam's points doubled so that u runs from 0 to 1.
    """
    if closed:
        points = np.concatenate([points, points[:, :1]], axis=1)
    rows, columns = points.shape[:2]
    triangles, uv = _sheet(rows, columns)
    triangles = triangles[:, ::-1] if flip else triangles
    return Mesh(floats(points.reshape(-1, 3)), triangles, uv)


@functools.lru_cache(256)
def _sheet(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Triangles and uv of a grid; shared, so they cannot be written to."""
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    uv = np.stack([u, v], axis=-1).reshape(-1, 2).astype(np.float32)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    first = np.stack([corner, corner + 1, corner + columns + 1], axis=1)
    second = np.stack([corner, corner + columns + 1, corner + columns], axis=1)
    triangles = np.concatenate([first, second]).astype(np.int32)
    for array in (triangles, uv):
        array.flags.writeable = False
    return triangles, uv


def merge(meshes: Sequence[Mesh]) -> Mesh:
    """Put several meshes into one."""
    starts = np.cumsum([0] + [len(mesh.positions) for mesh in meshes[:-1]])
    return Mesh(
        np.concatenate([mesh.positions for mesh in meshes]),
        np.concatenate(
            [mesh.triangles + start for mesh, start in zip(meshes, starts, strict=True)]
        ).astype(np.int32),
        np.concatenate([mesh.uv for mesh in meshes]),
    )


def normals(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Average the triangles' normals at the vertices: (V, 3) float32 of unit length."""
    p = positions
    faces = np.cross(
        p[triangles[:, 1]] - p[triangles[:, 0]], p[triangles[:, 2]] - p[triangles[:, 0]]
    )
    corners = triangles.ravel()
    total = np.stack(
        [np.bincount(corners, np.repeat(faces[:, k], 3), len(p)) for k in range(3)], axis=1
    )
    return floats(total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-12))


def curve(points: Sequence[npt.ArrayLike] | np.ndarray, count: int) -> np.ndarray:
    """Draw a smooth curve (Catmull-Rom) through the points: (count, d), the ends included."""
    p = np.stack([floats(point) for point in points])
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    at = np.linspace(0, len(p) - 3, count)
    i = np.minimum(at.astype(int), len(p) - 4)
    t = (at - i)[:, None].astype(np.float32)
    a, b, c, d = p[i], p[i + 1], p[i + 2], p[i + 3]
    return floats(
        b
        + 0.5 * t * (c - a)
        + t**2 * (a - 2.5 * b + 2 * c - 0.5 * d)
        + t**3 * (1.5 * (b - c) + 0.5 * (d - a))
    )


def tube(
    path: np.ndarray,
    radii: np.ndarray | float,
    *,
    sides: int = 8,
    up: npt.ArrayLike = (0.0, 0.3, 1.0),
    across: npt.ArrayLike | None = None,
    flat: np.ndarray | float = 1.0,
    round_ends: tuple[bool, bool] = (True, True),
) -> Mesh:
    """Sweep an ellipse along a path.

    path: (N, 3). radii: a number or (N,). up: where the side u = 0.25 of the tube looks; instead,
    across: where u = 0 looks, for paths that bend into `up`. flat: ratio of the radius towards `up`
    to the one across, a number or (N,). round_ends: close the start and the end with a small dome.
    """
    path = floats(path)
    radius = np.broadcast_to(floats(radii), (len(path),)).copy()
    ratio = np.broadcast_to(floats(flat), (len(path),)).copy()
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    if round_ends[0]:
        path, radius, ratio, along = _dome(path, radius, ratio, along, start=True)
    if round_ends[1]:
        path, radius, ratio, along = _dome(path, radius, ratio, along, start=False)
    side = np.cross(along, floats(up)) if across is None else floats(across) + 0 * along
    side = side - (side * along).sum(axis=1, keepdims=True) * along
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-9
    over = np.cross(side, along)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False, dtype=np.float32)[None, :, None]
    ring = radius[:, None, None] * (
        np.cos(angle) * side[:, None] + ratio[:, None, None] * np.sin(angle) * over[:, None]
    )
    return grid(path[:, None] + ring, closed=True, flip=True)


def _dome(
    path: np.ndarray, radius: np.ndarray, ratio: np.ndarray, along: np.ndarray, *, start: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Add two shrinking rings beyond one end of a tube."""
    end = 0 if start else -1
    sign = -1.0 if start else 1.0
    size = radius[end] * min(float(ratio[end]), 1.0)
    steps = [(0.6, 0.8), (0.95, 0.02)]
    points = np.stack([path[end] + sign * a * size * along[end] for a, _ in steps])
    sizes = floats([b * radius[end] for _, b in steps])
    extra = (points, sizes, np.repeat(ratio[end], 2), np.repeat(along[end][None], 2, axis=0))
    given = (path, radius, ratio, along)
    if start:
        joined = [np.concatenate([x[::-1], y]) for x, y in zip(extra, given, strict=True)]
    else:
        joined = [np.concatenate([y, x]) for x, y in zip(extra, given, strict=True)]
    return joined[0], joined[1], joined[2], joined[3]


def loft(rings: np.ndarray, *, caps: bool = False) -> Mesh:
    """Join closed rings (N, sides, 3), counter-clockwise seen from the last one, into a skin.

    caps: close both ends with a fan to the middle.
    """
    rings = floats(rings)
    if caps:
        first = np.repeat(rings[:1].mean(axis=1, keepdims=True), rings.shape[1], axis=1)
        last = np.repeat(rings[-1:].mean(axis=1, keepdims=True), rings.shape[1], axis=1)
        rings = np.concatenate([first, rings, last])
    return grid(rings, closed=True)


def box(size: Sequence[float], *, bevel: float = 0.0) -> Mesh:
    """Make a block of the given full sizes (x, y, z) about the origin, edges along z cut by
    `bevel`; the front (+z) shows the whole map, v up."""
    x, y, z = (s / 2 for s in size)
    b = bevel
    outline = floats(
        [
            (x, -y + b),
            (x, y - b),
            (x - b, y),
            (b - x, y),
            (-x, y - b),
            (-x, b - y),
            (b - x, -y),
            (x - b, -y),
        ]
    )
    return plate(outline, z, -z)


def plate(outline: np.ndarray, front: float, back: float) -> Mesh:
    """Extrude an outline (N, 2) in x and y, counter-clockwise, from z = back to z = front."""
    outline = floats(outline)
    count = len(outline)
    low, high = outline.min(axis=0), outline.max(axis=0)
    uv = (outline - low) / np.maximum(high - low, 1e-6)
    middle = outline.mean(axis=0)
    face = np.concatenate([outline, middle[None]])
    face_uv = np.concatenate([uv, [(middle - low) / np.maximum(high - low, 1e-6)]])
    i = np.arange(count)
    fan = np.stack([i, (i + 1) % count, np.full(count, count)], axis=1)
    sheets = []
    for z, flip in ((front, False), (back, True)):
        points = np.concatenate([face, np.full((count + 1, 1), z)], axis=1)
        sheets.append(
            Mesh(
                floats(points),
                whole(fan[:, ::-1] if flip else fan),
                floats(face_uv),
            )
        )
    rim = np.stack(
        [np.concatenate([outline, np.full((count, 1), z)], axis=1) for z in (back, front)]
    )
    side = grid(rim, closed=True)
    edge = Mesh(side.positions, side.triangles, np.full_like(side.uv, 0.01))
    return merge([*sheets, edge])
