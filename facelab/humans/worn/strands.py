"""Hair grown from the scalp: ribbons that carry many painted strands, and shells for short or dense
hair.

Ribbons start at roots spread over the scalp of the mean person, follow a comb direction, sink by
their weight, are kept out of the head, curl, and are warped to the person. All lengths are in
decimetres, angles seen from inside the head as for hats.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from facelab.humans import assets
from facelab.humans.parts import Fit
from facelab.humans.worn.cuts import TEXTURES, Cut
from facelab.humans.worn.meshes import Mesh, floats, grid, merge, smooth, whole
from facelab.humans.worn.surface import HEAD, Globe, directions, warp

__all__ = ["fur_map", "hairline", "ribbons", "shell_map", "shells", "strand_map"]

# Elevation of the hairline (radians) at azimuths from the front (0) to the back (pi).
_LINE_AT = np.radians((0, 25, 42, 58, 75, 90, 110, 135, 180))
_LINE = np.radians((46, 47, 42, 27, 22, 16, -2, -20, -28))
_STEPS = 7
_REACH = 2.2  # angle from the crown that the maps of shells show, radians


def hairline(azimuth: np.ndarray, recession: float = 0.0) -> np.ndarray:
    """Give the elevation of the hairline, radians; recession from 0 to 1 bares temples, then the
    top."""
    around = np.abs(np.angle(np.exp(1j * np.asarray(azimuth))))
    line = np.interp(around, _LINE_AT, _LINE)
    temples = np.exp(-(((around - 0.6) / 0.4) ** 2))
    front = smooth(-around, -1.25, -0.75)
    return line + recession * (0.35 * temples + 0.75 * recession * front)


@functools.cache
def globe() -> Globe:
    """Give the rays from inside the head that hair grows along."""
    return Globe(HEAD, columns=48, low=np.radians(-60), high=np.pi / 2, rows=31)


@functools.cache
def _mean_radius() -> np.ndarray:
    body = assets.body()
    radius = globe().radius(Fit(body.base, body.anchors, body.base, body.groups))
    low = globe().elevation < -0.5  # shoulders are not the head's business
    radius[low] = np.minimum(radius[low], 1.15)
    return floats(cv2.GaussianBlur(radius, (3, 3), 0.8))


@functools.lru_cache(maxsize=8)
def _roots(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth and elevation of roots evenly over the scalp of the mean person."""
    k = np.arange(int(count * 1.75)) + 0.5
    elevation = np.arcsin(np.clip(1 - 1.55 * k / len(k), -0.55, 1))
    azimuth = np.angle(np.exp(1j * k * 2.399963))
    inside = elevation > hairline(azimuth) - 0.02
    return azimuth[inside], elevation[inside]


def ribbons(cut: Cut, fit: Fit, *, seed: int, recession: float = 0.0) -> Mesh:
    """Grow the ribbons of a cut. uv: u picks one of four strand patterns, v = 1 at the root."""
    rng = np.random.default_rng(seed)
    azimuth, elevation = _roots(cut.count)
    kept = elevation > hairline(azimuth, recession)
    azimuth, elevation = azimuth[kept], elevation[kept]
    count = len(azimuth)
    azimuth = azimuth + rng.normal(0, 0.05, count)
    out = directions(azimuth, elevation)  # (N, 3)
    line = hairline(azimuth, recession)
    front, above = np.cos(azimuth), smooth(elevation, 0.6, 1.1)
    edge = smooth(-(elevation - line), -0.45, -0.1) * smooth(front, 0.3, 0.75)
    length = np.where(front < -0.2, cut.back, cut.side) * (1 - above) + cut.top * above
    length = length * (1 - edge) + cut.fringe * edge
    length = length * np.clip(rng.normal(1, 0.13, count), 0.6, 1.4)
    flow = _flow(cut, out, azimuth, edge, rng)
    aim = out * (0.12 + 1.1 * cut.lift) + flow * (1.1 - 0.7 * cut.lift)
    aim = aim + rng.normal(0, 0.05 + 0.12 * cut.lift, (count, 3))
    spine = _grow(cut, out * _on_head(azimuth, elevation), aim, length, rng)
    if cut.curl > 0:
        spine = spine + _curls(cut, spine, length, rng)
    share = np.linspace(0, 1, _STEPS, dtype=np.float32)[None, :, None]
    away = spine / (np.linalg.norm(spine, axis=2, keepdims=True) + 1e-6)
    spine = warp(fit, floats(spine) + floats(HEAD))
    along = np.gradient(spine, axis=1)
    size = np.linalg.norm(along, axis=2, keepdims=True)
    across = np.cross(along, away) + 0.2 * size * rng.normal(0, 1, (count, 1, 3))
    across /= np.linalg.norm(across, axis=2, keepdims=True) + 1e-6
    wide = cut.width * rng.uniform(0.75, 1.25, (count, 1, 1)) * (1 - cut.taper * share**1.5)
    sheet = np.stack([spine - across * wide, spine + across * wide], axis=2)  # (N, steps, 2, 3)
    column = rng.integers(0, 4, count)
    u = (column[:, None, None] + floats([0.04, 0.96])) / 4 + np.zeros((count, _STEPS, 1))
    v = np.broadcast_to((1 - share) * 0.98 + 0.01, (count, _STEPS, 2))
    uv = np.stack([u, v], axis=-1).reshape(-1, 2)
    return Mesh(floats(sheet.reshape(-1, 3)), _strips(count), floats(uv))


def _on_head(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    return (globe().look_up(_mean_radius(), azimuth, elevation) - 0.02)[:, None]


def _grow(
    cut: Cut, root: np.ndarray, aim: np.ndarray, length: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Follow each hair from its root (N, 3) with its first direction: (N, steps, 3)."""
    radius = _mean_radius()
    aim = aim / np.linalg.norm(aim, axis=1, keepdims=True)
    point, path = root, [root]
    stride = (length / (_STEPS - 1))[:, None]
    layer = rng.uniform(0.2, 1, len(root))  # hair lies over other hair
    for k in range(1, _STEPS):
        share = k / (_STEPS - 1)
        weight = min(cut.weight * (0.15 + 0.6 * share), 0.75)
        aim = (1 - weight) * aim + weight * floats((0, -1, 0))
        face = (point[:, 2] > 0.1) & (np.abs(point[:, 0]) < 0.66) & (point[:, 1] < 0.72)
        if cut.comb in ("part", "back"):  # tucked aside, off the face
            spread = floats(face * np.sign(point[:, 0]) * 1.1 * (length > 0.85))
            aim = aim + spread[:, None] * floats((1, 0, 0))
        aim = aim / (np.linalg.norm(aim, axis=1, keepdims=True) + 1e-6)
        gap = (0.03 + 0.09 * layer + 0.16 * cut.lift * layer) * min(1.0, 2.5 * share)
        loose = 0.03 + 1.1 * cut.lift**1.5 * length * share
        point = _outside(point + aim * stride, radius, gap, loose)
        step = point - path[-1]  # along the head where the head was in the way
        aim = 0.35 * aim + 0.65 * step / (np.linalg.norm(step, axis=1, keepdims=True) + 1e-6)
        path.append(point)
    return np.stack(path, axis=1)


@functools.lru_cache(maxsize=8)
def _strips(count: int) -> np.ndarray:
    one = []
    for k in range(_STEPS - 1):
        a = 2 * k
        one += [(a, a + 1, a + 3), (a, a + 3, a + 2)]
    start = np.arange(count)[:, None, None] * 2 * _STEPS
    return whole(np.array(one)[None] + start).reshape(-1, 3)


def _flow(
    cut: Cut, out: np.ndarray, azimuth: np.ndarray, edge: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Direction (N, 3) along the scalp that the hair is combed in."""
    down = floats((0, -1, 0)) - out * -out[:, 1:2]  # away from the crown
    away = out - floats((0, 0.85, -0.5))
    if cut.comb == "forward":
        wish = away + floats((0, 0, 1.0)) * smooth(out[:, 2:3], -0.6, 0.5)
    elif cut.comb == "back":
        wish = down * 0.3 + floats((0, 0.1, -1.2)) * smooth(out[:, 1:2], -0.2, 0.5)
    elif cut.comb == "side":
        wish = down * 0.5 + floats((np.sign(cut.part) * -1.1, 0, 0.35)) * smooth(
            out[:, 1:2], 0.2, 0.7
        )
    elif cut.comb == "part":
        line = np.sin(cut.part)
        wish = down * 0.8 + np.sign(out[:, :1] - line) * floats((1.2, 0, 0)) * smooth(
            out[:, 1:2], 0.2, 0.8
        )
    else:
        wish = away + rng.normal(0, 0.5, out.shape)
    wish = wish + edge[:, None] * down * (0.6 if cut.comb != "back" else 0.0)
    wish = wish - out * (wish * out).sum(axis=1, keepdims=True)
    return wish / (np.linalg.norm(wish, axis=1, keepdims=True) + 1e-6)


def _outside(
    points: np.ndarray, radius: np.ndarray, gap: np.ndarray, loose: np.ndarray
) -> np.ndarray:
    """Keep points out of head, neck and shoulders of the mean person, and above the ears not more
    than `loose` off the head."""
    length = np.linalg.norm(points, axis=1) + 1e-6
    elevation = np.arcsin(points[:, 1] / length)
    azimuth = np.arctan2(points[:, 0], points[:, 2])
    least = globe().look_up(radius, azimuth, elevation) + gap
    most = least + loose + 3 * smooth(-elevation, -0.25, 0.15)
    points = points * (np.clip(length, least, most) / length)[:, None]
    # Shoulders and chest: an ellipsoid about (0, 4.5, 0.25).
    from_chest = points - (floats((0, 4.5, 0.25)) - floats(HEAD))
    inside = np.linalg.norm(from_chest / floats((2.35, 1.4, 1.05)), axis=1)
    push = np.where((inside < 1) & (points[:, 1] < -0.9), 1 / np.maximum(inside, 0.3), 1)
    return points + from_chest * (push - 1)[:, None]


def _curls(cut: Cut, spine: np.ndarray, length: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Offsets (N, steps, 3) of a helix around each spine."""
    turns = length[:, None] * np.linspace(0, 1, _STEPS)[None] / max(cut.wave, 0.1)
    # More than a third of a turn between points of the spine cannot be seen as a curl.
    turns = np.minimum(turns, np.linspace(0, 1, _STEPS)[None] * 0.33 * _STEPS)
    angle = 2 * np.pi * turns + rng.uniform(0, 2 * np.pi, (len(length), 1))
    away = spine / (np.linalg.norm(spine, axis=2, keepdims=True) + 1e-6)
    across = np.cross(np.gradient(spine, axis=1), away)
    across /= np.linalg.norm(across, axis=2, keepdims=True) + 1e-6
    ease = smooth(np.linspace(0, 1, _STEPS), 0.05, 0.4)[None, :, None]
    ring = np.cos(angle)[..., None] * across + 0.7 * (1 + np.sin(angle))[..., None] * away
    return cut.curl * ease * ring


@functools.cache
def strand_map(texture: str) -> tuple[np.ndarray, np.ndarray]:
    """Paint four ribbons' strands: luminance and alpha (128, 160), root at the top."""
    rng = np.random.default_rng(TEXTURES.index(texture) + 11)
    high, wide = 128, 160
    bend, turns, strands = {
        "straight": (0.6, 0.5, 30),
        "wavy": (2.6, 2.2, 26),
        "curly": (4.5, 4.0, 24),
        "coily": (5.0, 9.0, 26),
    }[texture]
    v = np.linspace(0, 1, high)[:, None]
    x = np.arange(wide)[None]
    alpha, light = np.zeros((high, wide)), np.zeros((high, wide))
    for column in range(4):
        shared = rng.uniform(0, 2 * np.pi)
        for _ in range(strands):
            middle = (column + 0.5) * wide / 4
            start = float(np.clip(rng.normal(0, 7), -13, 13))
            drift = start * (1 + rng.normal(0, 0.25) * v)
            swing = bend * np.sin(
                2 * np.pi * turns * rng.normal(1, 0.06) * v + shared + rng.normal(0, 0.7)
            )
            at = middle + (drift + swing * np.minimum(1, 3 * v)).clip(-18, 18)
            ends = rng.uniform(0.72, 1.0)
            body = smooth(-v, -ends, -ends + 0.12) * (1.0 if texture == "straight" else 0.9)
            line = np.exp(-(((x - at) / rng.uniform(0.9, 1.7)) ** 2)) * body
            shade = rng.uniform(0.65, 1.35) * (
                0.75 + 0.5 * np.cos(2 * np.pi * turns * v) ** 2 if turns > 1 else 1.0
            )
            light = light * (1 - line) + shade * line
            alpha = alpha * (1 - line) + line
    light = np.where(alpha > 0.02, light / np.maximum(alpha, 0.02), 1.0)
    light *= 0.65 + 0.5 * np.clip(v * 2.5, 0, 1)  # darker at the roots, where no light comes
    return floats(light), floats(np.clip(1.25 * alpha, 0, 1))


def shells(fit: Fit, *, layers: int, height: float, crown: float = 0.0) -> Mesh:
    """Lay sheets over the scalp, `height` apart in all, from the hairline to the crown.

    crown: extra height on top. uv: in as many bands as layers, the innermost lowest; in a band the
    head seen from above, the angle from the crown as radius (see `shell_map`).
    """
    azimuth = np.linspace(-np.pi, np.pi, 31)  # the last column lies on the first
    low = hairline(azimuth) - 0.08
    share = np.linspace(0, 1, 8)[:, None]
    elevation = low + share * (np.pi / 2 - low)
    around = np.broadcast_to(azimuth, elevation.shape)
    centre = globe().centre(fit)
    skin = globe().look_up(globe().rays.points(fit), around, elevation)
    skin[-1] = skin[-1].mean(axis=0)
    out = skin - centre
    out /= np.linalg.norm(out, axis=2, keepdims=True)
    # Hair grows out of the line slowly, and stands highest on top.
    rise = smooth(share, 0.0, 0.35) * (1 + crown * smooth(np.sin(elevation), 0.3, 1.0))
    far = (np.pi / 2 - elevation) / _REACH
    flat = 0.5 + 0.5 * np.stack([far * np.sin(around), far * np.cos(around)], axis=-1)
    sheets = []
    for k in range(layers):
        level = (k + 0.5) / layers * height * rise + 0.012
        mesh = grid(skin + out * level[..., None])
        band = np.stack([flat[..., 0], (k + 0.02 + 0.96 * flat[..., 1]) / layers], axis=-1)
        sheets.append(Mesh(mesh.positions, mesh.triangles, floats(band.reshape(-1, 2))))
    return merge(sheets)


@functools.lru_cache(maxsize=24)
def shell_map(
    layers: int,
    grain: str,
    *,
    sparse: float = 0.0,
    recession: float = 0.0,
    rim: bool = False,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Paint the sheets of `shells`: luminance and alpha (layers * n, n), n = 224 for fine hair, 128
    for curls.

    grain: "fine" for cropped hair, "curl" for small curls. sparse: from 0 (dense) to 1. recession:
    of the hairline. rim: hair at sides and back only.
    """
    size = 224 if grain == "fine" else 128
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size].astype(np.float32) / (size / 2) - 1 + 1 / size
    azimuth, elevation = np.arctan2(x, -y), np.pi / 2 - np.hypot(x, y) * _REACH
    noise = rng.standard_normal((size, size)).astype(np.float32)
    edge = elevation + 0.03 * noise - hairline(azimuth, recession)
    grows = smooth(edge, -0.03, 0.13)
    if rim:
        top = 0.42 - 0.5 * np.cos(azimuth) - 0.2
        grows = smooth(elevation + 0.03 * noise - hairline(azimuth), -0.03, 0.1)
        grows = grows * smooth(top - elevation + 0.05 * noise, -0.1, 0.2)
        grows = grows * smooth(-np.cos(azimuth), -0.35, -0.1)
    light, alpha = _sheets(rng, noise, layers, grain, sparse)
    return light, floats(alpha * np.tile(grows, (layers, 1)))


@functools.lru_cache(maxsize=32)
def fur_map(layers: int, *, sparse: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Paint sheets of short hair all over: luminance and alpha (layers * 64, 192)."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((64, 192)).astype(np.float32)
    return _sheets(rng, noise, layers, "fine", sparse)


def _sheets(
    rng: np.random.Generator, noise: np.ndarray, layers: int, grain: str, sparse: float
) -> tuple[np.ndarray, np.ndarray]:
    """Luminance and alpha of sheets, the outermost at the top: fewer hairs reach further out."""
    sigma = {"fine": (0.5, 1.0), "curl": (1.5, 1.5)}[grain]
    field = cv2.GaussianBlur(noise, (0, 0), sigmaX=sigma[0], sigmaY=sigma[1])
    rank = field.ravel().argsort().argsort().reshape(field.shape) / field.size  # uniform, 0 to 1
    lights, alphas = [], []
    for k in reversed(range(layers)):
        depth = k / max(layers - 1, 1)
        least = depth * (0.62 if grain == "fine" else 0.7) + 0.6 * sparse * (0.5 + 0.5 * depth)
        here = rank if grain == "fine" else np.roll(rank, (5 * k, 11 * k), axis=(0, 1))
        hairs = smooth(here, least - 0.12, least + 0.12) * (1 - 0.25 * sparse)
        if k == 0:  # between the hairs one sees more hairs, not bare skin
            hairs = np.maximum(hairs, 0.6 - 0.5 * sparse)
        alphas.append(hairs)
        contrast = 0.5 if grain == "fine" else 0.8
        lights.append((0.4 + 0.65 * depth) * (1 - 0.5 * contrast + contrast * here))
    return floats(np.concatenate(lights)), floats(np.concatenate(alphas).clip(0, 1))
