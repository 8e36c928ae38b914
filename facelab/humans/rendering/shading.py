"""How light meets skin, eyes and cloth: the renderer's shading loop, compiled by numba.

`shade` colours what the depth buffer shows and keeps irradiance and reflectance apart, so that
light can scatter under the skin before both are multiplied. `veils.blend` then lays hair, lashes
and tinted glass over it.

Sources: diffuse Lambert with a soft terminator; reflections by Walter et al., "Microfacet models",
2007 (GGX), with Schlick's Fresnel term and Smith's masking; ambient light in four spherical
harmonics (Ramamoorthi and Hanrahan, 2001).
"""

from __future__ import annotations

import numpy as np

from facelab.humans.rendering.kernels import jit, look_up

SKIN, EYE, PLAIN = 0, 1, 2  # kinds of material
PI = 3.14159265


@jit
def in_shadow_map(to_light, x, y, z):  # type: ignore[no-untyped-def]
    """Column, row and nearness to the key light of a point in decimetres."""
    return (
        to_light[0, 0] * x + to_light[0, 1] * y + to_light[0, 2] * z + to_light[0, 3],
        to_light[1, 0] * x + to_light[1, 1] * y + to_light[1, 2] * z + to_light[1, 3],
        to_light[2, 0] * x + to_light[2, 1] * y + to_light[2, 2] * z + to_light[2, 3],
    )


@jit
def open_share(shadow, x, y, z, bias, step, side):  # type: ignore[no-untyped-def]
    """Share of side x side places of the shadow map, `step` texels apart, that let the key light
    pass; bias: decimetres that a surface may lie behind what is drawn there."""
    h, w = shadow.shape
    count = 0
    for j in range(side):
        for i in range(side):
            q = int(np.floor(x + (i - (side - 1) / 2) * step))
            p = int(np.floor(y + (j - (side - 1) / 2) * step))
            if q < 0 or p < 0 or q >= w or p >= h or shadow[p, q] < z + bias:
                count += 1
    return count / (side * side)


@jit
def reflect(nh, nl, nv, vh, rough, f0):  # type: ignore[no-untyped-def]
    """Microfacet reflection times the cosine of the light; all cosines are 0 to 1."""
    a2 = rough * rough * rough * rough
    d = nh * nh * (a2 - 1) + 1
    k = (rough + 1) * (rough + 1) / 8
    g = 1 / ((nl * (1 - k) + k + 1e-4) * (nv * (1 - k) + k))
    m = 1 - vh
    fresnel = f0 + (1 - f0) * m * m * m * m * m
    return a2 / (PI * d * d) * g * fresnel * nl / 4


@jit
def gather(t, u, v, triangles, depth, points, normal, uv, occlusion, collar, out):  # type: ignore[no-untyped-def]
    """Mix the corners of triangle t with perspective-correct weights into out (11,): inverse
    distance, position, normal, place in the map, occlusion, height over the collar."""
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    u, v, q = u * depth[a], v * depth[b], (1 - u - v) * depth[c]
    out[0] = u + v + q
    u /= out[0]
    v /= out[0]
    q /= out[0]
    for k in range(3):
        out[1 + k] = u * points[a, k] + v * points[b, k] + q * points[c, k]
        out[4 + k] = u * normal[a, k] + v * normal[b, k] + q * normal[c, k]
    for k in range(2):
        out[7 + k] = u * uv[a, k] + v * uv[b, k] + q * uv[c, k]
    out[9] = u * occlusion[a] + v * occlusion[b] + q * occlusion[c]
    out[10] = u * collar[a] + v * collar[b] + q * collar[c]


@jit
def alike(samples, what):  # type: ignore[no-untyped-def]
    """Say whether samples (n, 11) of materials `what` (n,) lie on one stretch of surface."""
    for j in range(1, len(samples)):
        near = samples[j, 0] / samples[0, 0]
        if what[j] != what[0] or near > 1.01 or near < 0.99:
            return False
        if abs(samples[j, 7] - samples[0, 7]) + abs(samples[j, 8] - samples[0, 8]) > 0.06:
            return False  # a seam of the map
    return True


@jit
def shade(  # type: ignore[no-untyped-def]
    owner, wa, wb, triangles, material, points, normal, uv, occlusion, collar, depth, eye_point,
    textures, kind, map_of, colour, surface, bump, pores, gloss, lamps, ambient, shadow, to_light,
    softness, dapple, cloth, block, irradiance, reflectance, shine, skin,
):  # fmt: skip
    """Shade every covered sample; the samples of a picture's pixel together where they are alike.

    owner, wa, wb: from `kernels.raster`. material: (T,). kind, map_of: (M,). colour: (M, 3).
    surface: (M, 4) roughness, gloss, reflectance at right angles, factor of the occlusion.
    bump: decimetres of height in a unit of the skin map's gradient. pores: (h, w, 3) gradient and
    roughness of fine skin, repeated, with its repeats over the map and strength in `gloss[1:3]`.
    lamps: (L, 6). ambient: (4, 3). shadow, to_light: map of the key light and (3, 4) into it.
    dapple: (h, w) share of the key light. cloth: number of the material below the collar.
    block: samples along a side of a pixel. Fills irradiance, reflectance, shine (H, W, 3) and skin
    (H, W), 1 where light scatters.
    """
    height, width = owner.shape
    value = np.zeros(8, np.float32)
    fine = np.zeros(8, np.float32)
    samples = np.zeros((block * block, 11), np.float32)
    mean = np.zeros(11, np.float32)
    ids, what_of = np.zeros(block * block, np.int64), np.zeros(block * block, np.int64)
    ys, xs = np.zeros(block * block, np.int64), np.zeros(block * block, np.int64)
    light, glint = np.zeros(3, np.float32), np.zeros(3, np.float32)
    dapple_h, dapple_w = dapple.shape
    for corner in range(((height + block - 1) // block) * ((width + block - 1) // block)):
        top = corner // ((width + block - 1) // block) * block
        left = corner % ((width + block - 1) // block) * block
        count = 0
        for y in range(top, min(top + block, height)):
            for x in range(left, min(left + block, width)):
                t = owner[y, x]
                if t < 0:
                    continue
                gather(
                    t, wa[y, x], wb[y, x], triangles, depth, points, normal, uv, occlusion,
                    collar, samples[count],
                )  # fmt: skip
                ids[count], ys[count], xs[count] = t, y, x
                what_of[count] = cloth if samples[count, 10] < 0 else material[t]
                count += 1
        together = count > 1 and alike(samples[:count], what_of)
        for j in range(1 if together else count):
            t, m = ids[j], what_of[j]
            for k in range(11):
                mean[k] = samples[j, k]
                if together:
                    for n in range(1, count):
                        mean[k] += samples[n, k]
                    mean[k] /= count
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            px, py, pz = mean[1], mean[2], mean[3]
            nx, ny, nz = mean[4], mean[5], mean[6]
            s, r = mean[7], mean[8]
            rough, shiny, f0 = surface[m, 0], surface[m, 1], surface[m, 2]
            open_sky = mean[9] * surface[m, 3]
            what = kind[m]
            for i in range(3):
                value[i] = colour[m, i]
            if what == SKIN:
                look_up(textures[map_of[m]], s, r, value)
                rough = value[5]
                shiny = gloss[0] * value[6]
                gx, gy = value[3], value[4]
                if gloss[2] > 0:
                    ps, pr = s * gloss[1], r * gloss[1] * 0.535
                    look_up(pores, ps - np.floor(ps), pr - np.floor(pr), fine)
                    gx += fine[0] * gloss[1] * gloss[2]
                    gy += fine[1] * gloss[1] * gloss[2]
                    rough = min(max(rough + fine[2] * gloss[2], 0.2), 1.0)
                # frame of the triangle along the map
                ex = points[b, 0] - points[a, 0]
                ey = points[b, 1] - points[a, 1]
                ez = points[b, 2] - points[a, 2]
                fx = points[c, 0] - points[a, 0]
                fy = points[c, 1] - points[a, 1]
                fz = points[c, 2] - points[a, 2]
                du1, dv1 = uv[b, 0] - uv[a, 0], uv[b, 1] - uv[a, 1]
                du2, dv2 = uv[c, 0] - uv[a, 0], uv[c, 1] - uv[a, 1]
                turn = du1 * dv2 - du2 * dv1
                if abs(turn) > 1e-12:
                    tx, ty, tz = ex * dv2 - fx * dv1, ey * dv2 - fy * dv1, ez * dv2 - fz * dv1
                    bx, by, bz = fx * du1 - ex * du2, fy * du1 - ey * du2, fz * du1 - ez * du2
                    sign = 1.0 if turn > 0 else -1.0
                    l0 = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
                    gx *= bump * sign / np.sqrt(tx * tx + ty * ty + tz * tz + 1e-12)
                    gy *= bump * sign / np.sqrt(bx * bx + by * by + bz * bz + 1e-12)
                    nx = nx * l0 - gx * tx - gy * bx
                    ny = ny * l0 - gx * ty - gy * by
                    nz = nz * l0 - gx * tz - gy * bz
            elif map_of[m] >= 0:
                look_up(textures[map_of[m]], s, 1 - r, value)
            k = 1 / np.sqrt(nx * nx + ny * ny + nz * nz + 1e-12)
            nx *= k
            ny *= k
            nz *= k
            vx, vy, vz = eye_point[0] - px, eye_point[1] - py, eye_point[2] - pz
            k = 1 / np.sqrt(vx * vx + vy * vy + vz * vz)
            vx *= k
            vy *= k
            vz *= k
            nv = nx * vx + ny * vy + nz * vz
            if nv < 0 and what == PLAIN:  # the back of a two-sided sheet
                nx, ny, nz, nv = -nx, -ny, -nz, -nv
            lit = 0.0
            if lamps.shape[0] > 0:
                sx, sy, sz = in_shadow_map(to_light, px, py, pz)
                if nx * lamps[0, 0] + ny * lamps[0, 1] + nz * lamps[0, 2] > -0.2:
                    lit = open_share(shadow, sx, sy, sz, 0.05, softness, 4)
                    if dapple_h > 1 and lit > 0:
                        ix = min(max(int(sx / shadow.shape[1] * dapple_w), 0), dapple_w - 1)
                        iy = min(max(int(sy / shadow.shape[0] * dapple_h), 0), dapple_h - 1)
                        lit *= dapple[iy, ix]
            for i in range(3):
                sky = ambient[0, i] + ambient[1, i] * nx + ambient[2, i] * ny + ambient[3, i] * nz
                light[i] = max(sky, 0.0) * open_sky
            # the surroundings, mirrored at a grazing angle
            g = 1 - max(nv, 0.0)
            mirror = (f0 + (1 - f0) * g * g * g * g * g * 0.4) * shiny * open_sky * 0.8
            rx, ry, rz = 2 * nv * nx - vx, 2 * nv * ny - vy, 2 * nv * nz - vz
            for i in range(3):
                sky = ambient[0, i] + ambient[1, i] * rx + ambient[2, i] * ry + ambient[3, i] * rz
                glint[i] = mirror * max(sky, 0.0)
            wrap = 0.1 if what == SKIN else 0.0
            cavity = 0.35 + 0.65 * open_sky
            for n in range(lamps.shape[0]):
                lx, ly, lz = lamps[n, 0], lamps[n, 1], lamps[n, 2]
                seen = cavity * lit if n == 0 else cavity
                nl = nx * lx + ny * ly + nz * lz
                diffuse = max((nl + wrap) / (1 + wrap), 0.0) * seen
                spark = 0.0
                if nl > 0 and seen > 0:
                    hx, hy, hz = lx + vx, ly + vy, lz + vz
                    k = 1 / np.sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
                    nh = max((nx * hx + ny * hy + nz * hz) * k, 0.0)
                    vh = max((vx * hx + vy * hy + vz * hz) * k, 0.0)
                    spark = reflect(nh, nl, max(nv, 0.05), vh, rough, f0)
                    if what == SKIN:  # two lobes: matt skin and its film of oil
                        spark = 0.75 * spark + 0.25 * reflect(
                            nh, nl, max(nv, 0.05), vh, rough * 0.65, f0
                        )
                    spark *= shiny * seen * PI
                for i in range(3):
                    light[i] += lamps[n, 3 + i] * diffuse
                    glint[i] += lamps[n, 3 + i] * spark
            for n in range(j, count if together else j + 1):
                for i in range(3):
                    irradiance[ys[n], xs[n], i] = light[i]
                    reflectance[ys[n], xs[n], i] = value[i]
                    shine[ys[n], xs[n], i] = glint[i]
                skin[ys[n], xs[n]] = 1.0 if what == SKIN else 0.0
