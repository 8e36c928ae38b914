"""Which vertices and triangles the head model has: the renderer's head with fewer triangles, closed
and exactly symmetric.

One half of the head is thinned by collapsing edges, the other half is its mirror image. A vertex
that stays is a vertex of the full mesh, so the position of every vertex is known for every person.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import numpy as np

FLAT = 0.2  # least cosine between the normals of a triangle before and after a collapse
ON_AXIS = 1e-4  # dm from the plane of symmetry that counts as on it


def mirror_of(points: np.ndarray) -> np.ndarray:
    """Find the partner of every point (V, 3) on the other side of x = 0. Returns (V,) numbers.

    Raises ValueError when a point has no partner within a thousandth of a decimetre.
    """
    keys = np.round(points * 2000).astype(np.int64)
    at = {tuple(key): number for number, key in enumerate(keys.tolist())}
    partner = np.empty(len(points), np.int64)
    for number, (x, y, z) in enumerate(keys.tolist()):
        near = [(-x + i, y + j, z + k) for i in (0, -1, 1) for j in (0, -1, 1) for k in (0, -1, 1)]
        found = next((at[key] for key in near if key in at), None)
        if found is None:
            raise ValueError(f"point {number} at {points[number]} has no mirror image in the mesh")
        partner[number] = found
    return partner


def directed_edges(triangles: np.ndarray) -> np.ndarray:
    """List all sides (3 T, 2) of triangles (T, 3) in the direction in which they are wound."""
    return np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])


def boundary_edges(triangles: np.ndarray) -> np.ndarray:
    """List the directed edges (E, 2) that belong to one triangle only."""
    directed = directed_edges(triangles)
    _, inverse, count = np.unique(
        np.sort(directed, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return directed[count[inverse] == 1]


def thin(
    points: np.ndarray,
    triangles: np.ndarray,
    *,
    spacing: np.ndarray,
    kept: Iterable[int],
    num_vertices: int,
) -> np.ndarray:
    """Collapse edges of half a head until it has `num_vertices`; returns the triangles (T, 3).

    points: (V, 3), x >= 0. spacing: (V,) edge length in dm that is wanted around each vertex: an
    edge costs its length over that, and the bend of the surface at it. kept: vertices that stay.
    Vertices on the border, and so those on x = 0, move along the border only.
    Source: half-edge collapse with quadric errors, Garland and Heckbert, SIGGRAPH 1997.
    """
    mesh = _Mesh(points, triangles, spacing, frozenset(int(v) for v in kept))
    while mesh.num_vertices > num_vertices and mesh.collapse_next():
        pass
    return np.array([mesh.faces[f] for f in sorted(mesh.faces)], np.int64)


class _Mesh:
    """A triangle mesh under edge collapses, with a queue of edges by cost."""

    def __init__(
        self,
        points: np.ndarray,
        triangles: np.ndarray,
        spacing: np.ndarray,
        kept: frozenset[int],
    ) -> None:
        self.points, self.spacing, self.kept = points.astype(np.float64), spacing, kept
        self.faces = {number: tuple(face) for number, face in enumerate(triangles.tolist())}
        self.around: dict[int, set[int]] = {}  # vertex -> its faces
        for number, face in self.faces.items():
            for vertex in face:
                self.around.setdefault(vertex, set()).add(number)
        self.border = set(boundary_edges(triangles).ravel().tolist())
        self.quadric = {vertex: np.zeros((4, 4)) for vertex in self.around}
        for face in self.faces.values():
            a, b, c = self.points[list(face)]
            normal = np.cross(b - a, c - a)
            normal /= np.linalg.norm(normal) + 1e-12
            plane = np.append(normal, -normal @ a)
            for vertex in face:
                self.quadric[vertex] += np.outer(plane, plane) / 3
        self.num_vertices = len(self.around)
        self.queue: list[tuple[float, int, int]] = []
        for vertex in sorted(self.around):
            self._push(vertex)

    def neighbours(self, vertex: int) -> set[int]:
        return {v for f in self.around[vertex] for v in self.faces[f]} - {vertex}

    def cost(self, gone: int, into: int) -> float:
        """Cost of moving `gone` onto `into`: edge length and bend, both in the wanted spacing."""
        wanted = min(self.spacing[gone], self.spacing[into])
        length = np.linalg.norm(self.points[gone] - self.points[into]) / wanted
        at = np.append(self.points[into], 1.0)
        bend = float(np.sqrt(max(0.0, at @ self.quadric[gone] @ at))) / wanted
        return float(length + 6.0 * bend)

    def _push(self, vertex: int) -> None:
        if vertex not in self.kept:
            for other in sorted(self.neighbours(vertex)):
                heapq.heappush(self.queue, (self.cost(vertex, other), vertex, other))

    def collapse_next(self) -> bool:
        """Do the cheapest collapse that keeps the mesh sound; False when there is none left."""
        while self.queue:
            cost, gone, into = heapq.heappop(self.queue)
            if gone not in self.around or into not in self.around:
                continue
            if into not in self.neighbours(gone) or abs(cost - self.cost(gone, into)) > 1e-12:
                continue
            if self._sound(gone, into):
                self._collapse(gone, into)
                return True
        return False

    def _sound(self, gone: int, into: int) -> bool:
        shared = self.around[gone] & self.around[into]
        if gone in self.border and (into not in self.border or len(shared) != 1):
            return False  # a border vertex slides along the border
        opposite = {v for f in shared for v in self.faces[f]} - {gone, into}
        if self.neighbours(gone) & self.neighbours(into) != opposite:
            return False  # two sheets would be glued together
        for number in self.around[gone] - shared:
            before = self.points[list(self.faces[number])]
            corners = [into if v == gone else v for v in self.faces[number]]
            after = self.points[corners]
            if _quality(after) < min(0.12, _quality(before)):
                return False
            if _unit_normal(before) @ _unit_normal(after) < FLAT:
                return False
        return True

    def _collapse(self, gone: int, into: int) -> None:
        for number in sorted(self.around[gone]):
            face = self.faces[number]
            if into in face:
                for vertex in face:
                    self.around[vertex].discard(number)
                del self.faces[number]
            else:
                self.faces[number] = tuple(into if v == gone else v for v in face)
                self.around[into].add(number)
        self.quadric[into] += self.quadric.pop(gone)
        del self.around[gone]
        self.num_vertices -= 1
        self._push(into)
        for vertex in sorted(self.neighbours(into)):
            self._push(vertex)


def _unit_normal(corners: np.ndarray) -> np.ndarray:
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    return normal / (np.linalg.norm(normal) + 1e-15)


def _quality(corners: np.ndarray) -> float:
    """Give 1 for an equilateral triangle, towards 0 for a needle."""
    sides = corners - np.roll(corners, 1, axis=0)
    area = np.linalg.norm(np.cross(sides[0], sides[1])) / 2
    return float(4 * np.sqrt(3) * area / ((sides**2).sum() + 1e-15))


def unfold(half: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Add the mirror image of half a head. half: (T, 3). Returns (2 T, 3), wound outwards."""
    return np.concatenate([half, partner[half][:, ::-1]])


def eyeball(rings: Iterable[float], segments: int) -> tuple[np.ndarray, np.ndarray]:
    """Build a unit eyeball that looks along +z: pole, then rings at these angles in radians.

    Returns points (1 + R x segments, 3) and triangles (T, 3), open at the back.
    """
    around = 2 * np.pi * (np.arange(segments) + 0.5) / segments  # no vertex on the mirror plane
    points = [np.array([[0.0, 0.0, 1.0]])]
    for angle in rings:
        ring = np.sin(angle) * np.stack([np.cos(around), np.sin(around)], axis=1)
        points.append(np.concatenate([ring, np.full((segments, 1), np.cos(angle))], axis=1))
    here = np.arange(segments)
    after = (here + 1) % segments
    triangles = [np.stack([np.zeros_like(here), 1 + here, 1 + after], axis=1)]
    for number in range(len(points) - 2):
        first, second = 1 + number * segments, 1 + (number + 1) * segments
        triangles.append(np.stack([first + here, second + here, second + after], axis=1))
        triangles.append(np.stack([first + here, second + after, first + after], axis=1))
    return np.concatenate(points), np.concatenate(triangles)


def sheet(rows: int, columns: int) -> np.ndarray:
    """Triangles (T, 3) of a grid of vertices numbered row by row, top row first, left to right.

    Diagonals mirror each other left and right of the middle.
    """
    corner = np.arange((rows - 1) * columns).reshape(rows - 1, columns)[:, :-1]
    left, right = corner[:, : columns // 2].ravel(), corner[:, columns // 2 :].ravel()
    down, over = columns, columns + 1
    return np.concatenate(
        [
            np.stack([left, left + down, left + over], axis=1),
            np.stack([left, left + over, left + 1], axis=1),
            np.stack([right, right + down, right + 1], axis=1),
            np.stack([right + down, right + over, right + 1], axis=1),
        ]
    )
