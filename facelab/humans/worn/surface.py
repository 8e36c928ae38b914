"""Where the surface of a person is: for each direction from inside the body, and for any point near
the mean person, so that things are modelled once and fit everybody.

Things are designed on the mean person. `warp` carries them to another person with a smooth field
that is exact at chosen vertices of the body; `Rays` find the skin itself, exactly.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Sequence

import numpy as np
from numba import njit

from facelab.humans import assets
from facelab.humans.parts import Fit
from facelab.humans.worn.meshes import floats, whole

__all__ = ["CHEST", "HEAD", "Globe", "Rays", "directions", "warp"]

HEAD = (0.0, 7.1, 0.5)  # inside the skull, between the ears
CHEST = (0.0, 4.4, 0.25)
CONTROLS = 150

_fields: weakref.WeakKeyDictionary[Fit, np.ndarray] = weakref.WeakKeyDictionary()


class Rays:
    """Rays from a point of the mean person's inside, bound to the outermost skin they meet.

    origin: (3,). direction: (..., 3) unit. corner: (..., 3) vertices of the triangle met and
    weight: (..., 3) the place in it. met: (...) bool, False where a ray leaves by the cut of
    arms or chest.
    """

    def __init__(
        self,
        origin: Sequence[float] | np.ndarray,
        direction: np.ndarray,
        *,
        limit: float = 9.0,
        below: float = 9.0,
    ) -> None:
        """limit: no skin farther than this counts; below: no skin higher than this (both dm)."""
        body = assets.body()
        outer = (body.region[body.triangles] != 2).all(axis=1)
        outer &= (body.base[body.faces, 1] < below).all(axis=1)
        faces = body.faces[outer]
        self.origin = floats(origin)
        self.direction = floats(direction)
        flat = np.ascontiguousarray(self.direction.reshape(-1, 3))
        found, weight = _cast(body.base, faces, self.origin, flat, floats(limit))
        shape = self.direction.shape[:-1]
        self.corner = faces[np.maximum(found, 0)].reshape(*shape, 3)
        self.weight = weight.reshape(*shape, 3)
        self.met = (found >= 0).reshape(shape)

    def points(self, fit: Fit) -> np.ndarray:
        """Give the skin's points (..., 3) of a person; rays that met nothing give the origin."""
        skin = np.einsum("...k,...kx->...x", self.weight, fit.points[self.corner])
        return np.where(self.met[..., None], skin, self.origin).astype(np.float32)

    def skin(self, fit: Fit, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the skin's points (..., 3) of a person, closed where skin is missing, and where the
        origin (3,) is. reach: (...) decimetres from there, of rays that met nothing."""
        centre = warp(fit, self.origin[None])[0]
        guess = centre + self.direction * reach[..., None]
        return np.where(self.met[..., None], self.points(fit), guess), centre


def directions(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Make unit vectors (..., 3) from angles in radians that broadcast to the same shape.

    azimuth: 0 to the front, growing to the person's left. elevation: 0 level, up positive.
    """
    azimuth, elevation = np.broadcast_arrays(azimuth, elevation)
    level = np.cos(elevation)
    return np.stack(
        [np.sin(azimuth) * level, np.sin(elevation), np.cos(azimuth) * level], axis=-1
    ).astype(np.float32)


class Globe:
    """The skin's distance from a point inside the body, on a grid of directions.

    azimuth: (A,) radians from -pi on, evenly; elevation: (E,) radians, evenly.
    """

    def __init__(
        self,
        origin: Sequence[float],
        *,
        columns: int,
        low: float,
        high: float,
        rows: int,
        below: float = 9.0,
    ) -> None:
        self.azimuth = np.linspace(-np.pi, np.pi, columns, endpoint=False)
        self.elevation = np.linspace(low, high, rows)
        self.direction = directions(self.azimuth[None], self.elevation[:, None])
        self.rays = Rays(origin, self.direction, below=below)

    def centre(self, fit: Fit) -> np.ndarray:
        """Give the place (3,) the distances are measured from on a person."""
        return warp(fit, self.rays.origin[None])[0]

    def radius(self, fit: Fit) -> np.ndarray:
        """Give the distances (E, A) on a person; directions that meet no skin give 0."""
        reach = np.linalg.norm(self.rays.points(fit) - self.centre(fit), axis=-1)
        return np.where(self.rays.met, reach, 0).astype(np.float32)

    def look_up(self, values: np.ndarray, azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
        """Read values (E, A, ...) of the grid at N directions between. Returns (N, ...) float32."""
        rows, columns = values.shape[:2]
        x = (azimuth + np.pi) / (2 * np.pi) * columns
        low, high = self.elevation[0], self.elevation[-1]
        y = np.clip((elevation - low) / (high - low), 0, 0.9999) * (rows - 1)
        i, j = y.astype(int), np.floor(x).astype(int)
        shape = (*x.shape, *(1,) * (values.ndim - 2))
        fy, fx = np.reshape(y - i, shape), np.reshape(x - j, shape)
        j, k = j % columns, (j + 1) % columns
        lower = values[i, j] * (1 - fx) + values[i, k] * fx
        upper = values[i + 1, j] * (1 - fx) + values[i + 1, k] * fx
        return floats(lower * (1 - fy) + upper * fy)


def warp(fit: Fit, positions: np.ndarray) -> np.ndarray:
    """Carry positions (..., 3) near the mean person to where they are on this person.

    A biharmonic field (kernel |r| and a linear part) that moves CONTROLS body vertices exactly.
    """
    control, inverse = _controls()
    field = _fields.get(fit)
    if field is None:
        moved = np.zeros((len(control) + 4, 3))
        moved[:-4] = fit.points[control] - assets.body().base[control]
        field = _fields[fit] = floats(inverse @ moved)
    flat = np.ascontiguousarray(positions, np.float32).reshape(-1, 3)
    out = _evaluate(flat, assets.body().base[control], field)
    return out.reshape(positions.shape)


@functools.cache
def _controls() -> tuple[np.ndarray, np.ndarray]:
    """Choose control vertices, landmarks first, then far from each other; invert their kernel."""
    body = assets.body()
    base = body.base.astype(float)
    outer = np.unique(body.at[body.region != 2])
    marks = body.anchors[[0, 2, 4, 6, 8, 10, 12, 14, 16, 17, 19, 21, 22, 24, 26, 27, 28, 30, 31]]
    marks = np.unique(np.r_[marks, body.anchors[[33, 35, 36, 39, 42, 45, 48, 51, 54, 57]]])
    chosen = marks.tolist()
    distance = np.min([np.linalg.norm(base[outer] - base[k], axis=1) for k in chosen], axis=0)
    reach = np.where(base[outer, 1] > 6, 1.0, 0.45)  # the head's shape varies more than the chest's
    while len(chosen) < CONTROLS:
        k = int(outer[(distance * reach).argmax()])
        chosen.append(k)
        distance = np.minimum(distance, np.linalg.norm(base[outer] - base[k], axis=1))
    p = base[chosen]
    n = len(p)
    system = np.zeros((n + 4, n + 4))
    system[:n, :n] = np.linalg.norm(p[:, None] - p[None], axis=2)
    system[:n, n] = system[n, :n] = 1
    system[:n, n + 1 :] = p
    system[n + 1 :, :n] = p.T
    return whole(chosen), np.linalg.inv(system)


@njit(fastmath=True, nogil=True, cache=True)
def _evaluate(points, control, field):  # type: ignore[no-untyped-def]
    """Add the field of `warp` to points (N, 3)."""
    n = len(control)
    out = np.empty_like(points)
    for i in range(len(points)):
        x, y, z = points[i]
        a = field[n, 0] + x * field[n + 1, 0] + y * field[n + 2, 0] + z * field[n + 3, 0]
        b = field[n, 1] + x * field[n + 1, 1] + y * field[n + 2, 1] + z * field[n + 3, 1]
        c = field[n, 2] + x * field[n + 1, 2] + y * field[n + 2, 2] + z * field[n + 3, 2]
        for k in range(n):
            dx, dy, dz = x - control[k, 0], y - control[k, 1], z - control[k, 2]
            r = np.sqrt(dx * dx + dy * dy + dz * dz)
            a += r * field[k, 0]
            b += r * field[k, 1]
            c += r * field[k, 2]
        out[i, 0], out[i, 1], out[i, 2] = x + a, y + b, z + c
    return out


@njit(fastmath=True, nogil=True, cache=True)
def _cast(points, faces, origin, direction, limit):  # type: ignore[no-untyped-def]
    """Find the farthest triangle within `limit` that each ray meets: number and weights."""
    count = len(direction)
    found = np.full(count, -1, np.int64)
    weight = np.zeros((count, 3), np.float32)
    length = np.zeros(count, np.float32)
    for t in range(len(faces)):
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        ax, ay, az = points[i, 0], points[i, 1], points[i, 2]
        ex, ey, ez = points[j, 0] - ax, points[j, 1] - ay, points[j, 2] - az
        fx, fy, fz = points[k, 0] - ax, points[k, 1] - ay, points[k, 2] - az
        ox, oy, oz = origin[0] - ax, origin[1] - ay, origin[2] - az
        qx, qy, qz = oy * ez - oz * ey, oz * ex - ox * ez, ox * ey - oy * ex
        far = fx * qx + fy * qy + fz * qz
        for r in range(count):
            dx, dy, dz = direction[r, 0], direction[r, 1], direction[r, 2]
            px, py, pz = dy * fz - dz * fy, dz * fx - dx * fz, dx * fy - dy * fx
            det = ex * px + ey * py + ez * pz
            if abs(det) < 1e-9:
                continue
            inverse = 1 / det
            u = (ox * px + oy * py + oz * pz) * inverse
            if u < -1e-4 or u > 1.0001:
                continue
            v = (dx * qx + dy * qy + dz * qz) * inverse
            if v < -1e-4 or u + v > 1.0001:
                continue
            s = far * inverse
            if length[r] < s < limit:
                length[r] = s
                found[r] = t
                weight[r, 0], weight[r, 1], weight[r, 2] = 1 - u - v, u, v
    return found, weight
