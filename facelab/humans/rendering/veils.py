"""Hair, brows, lashes and tinted glass over a shaded picture: loops compiled by numba.

Hair is lit at the corners of its triangles, which are small, and only where one can be seen; glass
is lit sample by sample, as its highlights are sharp.
"""

from __future__ import annotations

import numpy as np

from facelab.humans.rendering.kernels import jit, look_up, span
from facelab.humans.rendering.shading import SKIN, in_shadow_map, open_share


@jit
def lead_light(x, y, z, shadow, to_light, softness):  # type: ignore[no-untyped-def]
    """Share of the key light that reaches a point; 2 x 2 places are enough for hair."""
    sx, sy, sz = in_shadow_map(to_light, x, y, z)
    return open_share(shadow, sx, sy, sz, 0.08, 2 * softness, 2)


@jit
def facing(point, normal, eye_point, frame):  # type: ignore[no-untyped-def]
    """Fill frame (6,) with the normal, turned to the camera, and the direction to it; returns the
    cosine between them."""
    length, far = np.float32(1e-12), np.float32(1e-12)
    for i in range(3):
        frame[3 + i] = eye_point[i] - point[i]
        length += normal[i] * normal[i]
        far += frame[3 + i] * frame[3 + i]
    k, f = 1 / np.sqrt(length), 1 / np.sqrt(far)
    cosine = np.float32(0)
    for i in range(3):
        frame[i] = normal[i] * k
        frame[3 + i] *= f
        cosine += frame[i] * frame[3 + i]
    if cosine < 0:
        for i in range(3):
            frame[i] = -frame[i]
    return abs(cosine)


@jit
def light_strand(  # type: ignore[no-untyped-def]
    point, normal, eye_point, lamps, ambient, shadow, to_light, softness, frame, glow
):  # fmt: skip
    """Light one corner of hair into glow (7,): irradiance, highlight, and 1 for done."""
    facing(point, normal, eye_point, frame)
    nx, ny, nz = frame[0], frame[1], frame[2]
    lit = 1.0
    if lamps.shape[0] > 0:
        lit = lead_light(point[0], point[1], point[2], shadow, to_light, softness)
    for i in range(3):
        sky = ambient[1, i] * nx + ambient[2, i] * ny + ambient[3, i] * nz
        glow[i] = max(ambient[0, i] + 0.7 * sky, 0.0) * 0.75
        glow[3 + i] = 0
    for n in range(lamps.shape[0]):
        lx, ly, lz = lamps[n, 0], lamps[n, 1], lamps[n, 2]
        seen = lit if n == 0 else 0.8
        diffuse = max((nx * lx + ny * ly + nz * lz + 0.3) / 1.3, 0.0) * seen
        hx, hy, hz = lx + frame[3], ly + frame[4], lz + frame[5]
        k = 1 / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
        spark = max((nx * hx + ny * hy + nz * hz) * k, 0.0) ** 24 * seen
        for i in range(3):
            glow[i] += lamps[n, 3 + i] * diffuse
            glow[3 + i] += lamps[n, 3 + i] * spark
    glow[6] = 1


@jit
def light_glass(  # type: ignore[no-untyped-def]
    point, normal, tint, gloss, opaque, eye_point, lamps, ambient, shadow, to_light, softness,
    frame, out,
):  # fmt: skip
    """Light one sample of glass into out (3,): it mirrors the lamps and what is around it."""
    nv = facing(point, normal, eye_point, frame)
    nx, ny, nz, vx, vy, vz = frame[0], frame[1], frame[2], frame[3], frame[4], frame[5]
    lit = 1.0
    if lamps.shape[0] > 0:
        lit = lead_light(point[0], point[1], point[2], shadow, to_light, softness)
    g = 1 - nv
    shiny = (0.04 + 0.96 * g * g * g * g * g) * gloss
    rx, ry, rz = 2 * nv * nx - vx, 2 * nv * ny - vy, 2 * nv * nz - vz
    for i in range(3):
        sky = ambient[1, i] * nx + ambient[2, i] * ny + ambient[3, i] * nz
        out[i] = max(ambient[0, i] + 0.7 * sky, 0.0) * 0.75 * tint[i]
        sky = ambient[1, i] * rx + ambient[2, i] * ry + ambient[3, i] * rz
        out[i] += shiny * max(ambient[0, i] + sky, 0.0) / max(opaque, 0.05)
    for n in range(lamps.shape[0]):
        lx, ly, lz = lamps[n, 0], lamps[n, 1], lamps[n, 2]
        seen = lit if n == 0 else 0.8
        diffuse = max((nx * lx + ny * ly + nz * lz + 0.3) / 1.3, 0.0) * seen
        hx, hy, hz = lx + vx, ly + vy, lz + vz
        k = 1 / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
        g = max((nx * hx + ny * hy + nz * hz) * k, 0.0)
        spark = gloss * g**200 * 4 / max(opaque, 0.05)
        for i in range(3):
            out[i] += lamps[n, 3 + i] * (diffuse * tint[i] + spark)


@jit
def row_span(u, du, v, dv, wide):  # type: ignore[no-untyped-def]
    """First and last of the steps 0 to `wide` of a row that may lie in a triangle.

    u, v: weights of two corners one step before the row; du, dv: what a step adds.
    """
    low, high = np.float32(0), np.float32(wide)
    for k in range(3):
        at, step = (u, du) if k == 0 else ((v, dv) if k == 1 else (1 - u - v, -du - dv))
        if step > 1e-9:
            low = max(low, -at / step - 1.01)
        elif step < -1e-9:
            high = min(high, -at / step - 0.99)
    return int(np.ceil(low)), int(np.floor(high))


@jit
def blend(  # type: ignore[no-untyped-def]
    order, triangles, material, screen, depth, points, normal, uv, textures, map_of, colour,
    surface, alpha, hair, owner, owner_material, kind, eye_point, lamps, ambient, shadow, to_light,
    softness, nearest, image, cover, veil,
):  # fmt: skip
    """Lay see-through triangles over the picture.

    order: (T,) triangles from near to far, so that what lies behind full hair is never shaded.
    alpha: (M,) of tinted glass, or -1 where the map gives it. hair: (M, 3) lead in decimetres over
    bare skin, strength of the highlight, whether it hides the face. image: (H, W, 3), cover:
    (H, W) and veil: (H, W), what hides the face, are changed in place.
    """
    height, width = nearest.shape
    value = np.zeros(8, np.float32)
    out, frame = np.zeros(3, np.float32), np.zeros(6, np.float32)
    point, bend = np.zeros(3, np.float32), np.zeros(3, np.float32)
    glow = np.zeros((points.shape[0], 7), np.float32)
    left = np.ones((height, width), np.float32)  # share of light that still passes
    laid = np.zeros((height, width, 3), np.float32)
    for o in range(order.shape[0]):
        t = order[o]
        m = material[t]
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        if depth[a] <= 0 or depth[b] <= 0 or depth[c] <= 0:
            continue
        ax, ay, bx, by = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        x0, x1 = span(ax, bx, cx, width)
        y0, y1 = span(ay, by, cy, height)
        number, lead = map_of[m], hair[m, 0]
        texture = textures[max(number, 0)]
        own_colour = number >= 0 and texture.shape[2] >= 5
        da, db, dc = depth[a], depth[b], depth[c]
        du, dv = (by - cy) / area, (cy - ay) / area  # a step to the right
        for y in range(y0, y1 + 1):
            mx, my = x0 - 0.5, y + 0.5
            u = ((bx - mx) * (cy - my) - (by - my) * (cx - mx)) / area
            v = ((cx - mx) * (ay - my) - (cy - my) * (ax - mx)) / area
            first, last = row_span(u, du, v, dv, x1 - x0)
            u += du * first
            v += dv * first
            for x in range(x0 + first, x0 + last + 1):
                u += du
                v += dv
                if u < 0 or v < 0 or u + v > 1 or left[y, x] < 0.02:
                    continue
                q = 1 - u - v
                near = u * da + v * db + q * dc
                if lead > 0 and owner[y, x] >= 0:
                    if kind[owner_material[owner[y, x]]] == SKIN:
                        near = 1 / (1 / near - lead)
                if near < nearest[y, x]:
                    continue
                value[0] = 1.0
                opaque = alpha[m]
                if number >= 0:
                    s = u * uv[a, 0] + v * uv[b, 0] + q * uv[c, 0]
                    r = u * uv[a, 1] + v * uv[b, 1] + q * uv[c, 1]
                    look_up(texture, s, 1 - r, value)
                    opaque = value[1]
                if not own_colour:
                    for i in range(3):
                        value[2 + i] = colour[m, i]
                if opaque < 0.02:
                    continue
                if number >= 0:
                    for corner in (a, b, c):
                        if glow[corner, 6] == 0:
                            light_strand(
                                points[corner], normal[corner], eye_point, lamps, ambient, shadow,
                                to_light, softness, frame, glow[corner],
                            )  # fmt: skip
                    red = value[2] + 0.02
                    for i in range(3):
                        fall = u * glow[a, i] + v * glow[b, i] + q * glow[c, i]
                        spark = u * glow[a, 3 + i] + v * glow[b, 3 + i] + q * glow[c, 3 + i]
                        sheen = hair[m, 1] * (0.3 + 0.7 * value[2 + i] / red)
                        out[i] = value[0] * (fall * value[2 + i] + spark * sheen)
                else:
                    for i in range(3):
                        point[i] = u * points[a, i] + v * points[b, i] + q * points[c, i]
                        bend[i] = u * normal[a, i] + v * normal[b, i] + q * normal[c, i]
                    light_glass(
                        point, bend, value[2:5], surface[m, 1], opaque, eye_point, lamps, ambient,
                        shadow, to_light, softness, frame, out,
                    )  # fmt: skip
                for i in range(3):
                    laid[y, x, i] += left[y, x] * opaque * out[i]
                left[y, x] *= 1 - opaque
                if hair[m, 2] > 0:
                    veil[y, x] = veil[y, x] * (1 - opaque) + opaque
    for y in range(height):
        for x in range(width):
            through = left[y, x]
            if through < 1:
                for i in range(3):
                    image[y, x, i] = image[y, x, i] * through + laid[y, x, i]
                cover[y, x] = cover[y, x] * through + 1 - through
