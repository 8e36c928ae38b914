"""The renderer's inner loops, compiled by numba: morphing, normals, rasterising, texture look-up.

Screen points are pixels with x to the right and y down; pixel k covers [k, k + 1). Depth is the
inverse distance to the camera, so that larger is nearer and 0 is infinitely far. No fast-math: the
same numbers come out on every machine, save for the last bits of exp and sin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from numba import njit
except ImportError as error:  # pragma: no cover - numba is there wherever the tests run
    raise ImportError(
        "rendering people needs numba; install it with: pip install 'facelab[render]'"
    ) from error

jit: Any = njit(nogil=True, cache=True, error_model="numpy")


@jit
def morph(base, numbers, weights, start, index, delta):  # type: ignore[no-untyped-def]
    """Add weighted targets to the base mesh. base: (V, 3). Returns (V, 3) float32."""
    points = base.copy()
    for k in range(numbers.shape[0]):
        weight = weights[k]
        for e in range(start[numbers[k]], start[numbers[k] + 1]):
            i = index[e]
            points[i, 0] += delta[e, 0] * weight
            points[i, 1] += delta[e, 1] * weight
            points[i, 2] += delta[e, 2] * weight
    return points


@jit
def normals(points, triangles):  # type: ignore[no-untyped-def]
    """Mean normal of the triangles around each vertex, by area. Returns (V, 3) of unit length."""
    out = np.zeros((points.shape[0], 3), np.float32)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = (
            points[b, 0] - points[a, 0],
            points[b, 1] - points[a, 1],
            points[b, 2] - points[a, 2],
        )
        vx, vy, vz = (
            points[c, 0] - points[a, 0],
            points[c, 1] - points[a, 1],
            points[c, 2] - points[a, 2],
        )
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for i in (a, b, c):
            out[i, 0] += nx
            out[i, 1] += ny
            out[i, 2] += nz
    for i in range(points.shape[0]):
        length = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2) + 1e-9
        out[i, 0] /= length
        out[i, 1] /= length
        out[i, 2] /= length
    return out


@jit
def lean(points, still, turned, pivot, neck, length):  # type: ignore[no-untyped-def]
    """See `posing.Pose.apply`; still, turned: (N, 3) points that moved with body and head."""
    out = np.empty_like(still)
    none, whole, two, three = np.float32(0), np.float32(1), np.float32(2), np.float32(3)
    start, reach, forward = np.float32(0.03), np.float32(0.65), np.float32(0.55)
    for i in range(points.shape[0]):
        height = points[i, 1] - neck[1] + forward * (points[i, 2] - neck[2])
        t = min(max((height / length - start) / reach, none), whole)
        share = t * t * (three - two * t)
        for k in range(3):
            out[i, k] = still[i, k] + (turned[i, k] - still[i, k]) * share + pivot[k]
    return out


@jit
def outwards(points, normal, skull):  # type: ignore[no-untyped-def]
    """Turn the normals (N, 3) of hair away from the middle of the head, skull (3,), and bend them
    so that strands shade as one head of hair; in place."""
    tiny, own, bent = np.float32(1e-6), np.float32(0.6), np.float32(0.4)
    for i in range(points.shape[0]):
        x, y, z = points[i, 0] - skull[0], points[i, 1] - skull[1], points[i, 2] - skull[2]
        side = np.sign(normal[i, 0] * x + normal[i, 1] * y + normal[i, 2] * z + tiny)
        length = np.sqrt(x * x + y * y + z * z)
        normal[i, 0] = normal[i, 0] * side * own + bent * x / length
        normal[i, 1] = normal[i, 1] * side * own + bent * y / length
        normal[i, 2] = normal[i, 2] * side * own + bent * z / length


@jit
def flattened(triangles, at, under):  # type: ignore[no-untyped-def]
    """Copy triangles (T, 3) of corners, those flattened to nothing whose three vertices are under
    cloth. at: (C,) vertices of the corners. under: (V,) bool."""
    out = triangles.copy()
    for t in range(out.shape[0]):
        a, b, c = out[t, 0], out[t, 1], out[t, 2]
        if under[at[a]] and under[at[b]] and under[at[c]]:
            out[t, 1] = out[t, 2] = a
    return out


@jit
def span(a, b, c, size):  # type: ignore[no-untyped-def]
    """First and last pixel whose middle may lie between three coordinates."""
    return max(0, int(np.ceil(min(a, b, c) - 0.5))), min(size - 1, int(max(a, b, c) - 0.5))


@jit
def raster(triangles, two_sided, first, screen, depth, nearest, owner, wa, wb):  # type: ignore[no-untyped-def]
    """Draw opaque triangles into the depth buffer.

    triangles: (T, 3). two_sided: (T,) draws back faces too. first: number of the first triangle in
    `owner`. screen: (N, 2) pixels. depth: (N,), 0 or less behind the camera. Fills, where nearer:
    nearest (H, W), owner (H, W) triangle, wa, wb (H, W) the weights of its first two corners.
    """
    height, width = nearest.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if (area >= 0 and not two_sided[t]) or abs(area) < 1e-9:
            continue
        da, db, dc = depth[a], depth[b], depth[c]
        if da <= 0 or db <= 0 or dc <= 0:
            continue
        x0, x1 = span(ax, bx, cx, width)
        y0, y1 = span(ay, by, cy, height)
        if x0 > x1 or y0 > y1:
            continue
        inverse = 1 / area
        du, dv = (by - cy) * inverse, (cy - ay) * inverse  # a step to the right
        for y in range(y0, y1 + 1):
            px, py = x0 + 0.5, y + 0.5
            u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
            v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
            inside = False
            for x in range(x0, x1 + 1):
                if u >= 0 and v >= 0 and u + v <= 1:
                    inside = True
                    d = u * da + v * db + (1 - u - v) * dc
                    if d > nearest[y, x]:
                        nearest[y, x] = d
                        owner[y, x] = first + t
                        wa[y, x] = u
                        wb[y, x] = v
                elif inside:  # past the triangle's other side
                    break
                u += du
                v += dv


@jit
def cell(texture, u, v):  # type: ignore[no-untyped-def]
    """Column, row and shares of the next ones for a look-up at u, v in [0, 1], v from the top."""
    h, w, _ = texture.shape
    x = min(max(u * w - 0.5, 0.0), w - 1.001)
    y = min(max(v * h - 0.5, 0.0), h - 1.001)
    i, j = int(x), int(y)
    return i, j, np.float32(x - i), np.float32(y - j)


@jit
def mixed(texture, i, j, fx, fy, c):  # type: ignore[no-untyped-def]
    """Mix the four texels of a cell in channel c."""
    top = texture[j, i, c] + (texture[j, i + 1, c] - texture[j, i, c]) * fx
    low = texture[j + 1, i, c] + (texture[j + 1, i + 1, c] - texture[j + 1, i, c]) * fx
    return top + (low - top) * fy


@jit
def look_up(texture, u, v, out):  # type: ignore[no-untyped-def]
    """Read a map (h, w, c) bilinearly at u, v in [0, 1], v from the top, into out (c,) or more."""
    i, j, fx, fy = cell(texture, u, v)
    for c in range(texture.shape[2]):
        out[c] = mixed(texture, i, j, fx, fy, c)


@jit
def shadow_map(triangles, two_sided, screen, depth, texture_of, uv, textures, nearest):  # type: ignore[no-untyped-def]
    """Draw triangles as the key light sees them; those with a map count where alpha is over 0.5.

    triangles: (T, 3). two_sided: (T,) casts from behind too. screen: (N, 2) texels, y up. depth:
    (N,), larger is nearer to the light. texture_of: (T,) number of the map of luminance and alpha,
    or -1. Fills nearest (S, S).
    """
    height, width = nearest.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9 or (area < 0 and not two_sided[t]):
            continue
        x0, x1 = span(ax, bx, cx, width)
        y0, y1 = span(ay, by, cy, height)
        if x0 > x1 or y0 > y1:
            continue
        inverse = 1 / area
        number = texture_of[t]
        texture = textures[max(number, 0)]
        da, db, dc = depth[a], depth[b], depth[c]
        du, dv = (by - cy) * inverse, (cy - ay) * inverse
        for y in range(y0, y1 + 1):
            px, py = x0 - 0.5, y + 0.5
            u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
            v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
            inside = False
            for x in range(x0, x1 + 1):
                u += du
                v += dv
                if u < 0 or v < 0 or u + v > 1:
                    if inside:
                        break
                    continue
                inside = True
                q = 1 - u - v
                d = u * da + v * db + q * dc
                if d <= nearest[y, x]:
                    continue
                if number >= 0:
                    s = u * uv[a, 0] + v * uv[b, 0] + q * uv[c, 0]
                    r = u * uv[a, 1] + v * uv[b, 1] + q * uv[c, 1]
                    i, j, fx, fy = cell(texture, s, 1 - r)
                    if mixed(texture, i, j, fx, fy, 1) < 0.5:
                        continue
                nearest[y, x] = d


@jit
def seen(screen, depth, nearest, worn, veil, behind):  # type: ignore[no-untyped-def]
    """See `truth.seen`; behind: how far a point may lie behind the surface drawn at its place."""
    height, width = nearest.shape
    out = np.zeros(len(screen), np.bool_)
    for k in range(len(screen)):
        x, y = int(np.floor(screen[k, 0])), int(np.floor(screen[k, 1]))
        if depth[k] <= 0 or x < 0 or y < 0 or x >= width or y >= height or veil[y, x] >= 0.5:
            continue
        if nearest[y, x] <= depth[k]:
            out[k] = True
            continue
        if worn[y, x]:
            continue
        limit = 1 / (1 / depth[k] - behind)
        for j in range(max(y - 1, 0), min(y + 2, height)):
            for i in range(max(x - 1, 0), min(x + 2, width)):
                if nearest[j, i] < limit and not worn[j, i]:
                    out[k] = True
    return out


@jit
def mark_face(owner, is_face, on_face):  # type: ignore[no-untyped-def]
    """Fill on_face (H, W): whether owner (H, W) is one of the body's triangles (F,) of the face."""
    for y in range(owner.shape[0]):
        for x in range(owner.shape[1]):
            t = owner[y, x]
            on_face[y, x] = 0 <= t < len(is_face) and is_face[t]


@jit
def mark_things(owner, material, hides, worn, cover):  # type: ignore[no-untyped-def]
    """Fill worn and cover (H, W): whether a thing that hides the face is drawn, or anything.

    owner: (H, W) triangle or -1. material: (T,). hides: (M,) bool.
    """
    for y in range(owner.shape[0]):
        for x in range(owner.shape[1]):
            t = owner[y, x]
            if t >= 0:
                worn[y, x] = hides[material[t]]
                cover[y, x] = 1.0


@jit
def combine(irradiance, reflectance, shine):  # type: ignore[no-untyped-def]
    """Multiply light by colour and add it to the reflections, shine (H, W, 3), in place."""
    for y in range(shine.shape[0]):
        for x in range(shine.shape[1]):
            for c in range(3):
                shine[y, x, c] += irradiance[y, x, c] * reflectance[y, x, c]
