"""Glasses, headphones, earrings: small things worn on the head. Hats are in `hats.py`, masks and
scarves in `masks.py`.

Modelled on the mean person in decimetres, then fitted: glasses rigidly, because they do not bend
with a face; the rest by `surface.warp`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np

from facelab.humans import assets
from facelab.humans.parts import Fit, Material, Part
from facelab.humans.worn.meshes import Mesh, curve, floats, grid, merge, tube, whole
from facelab.humans.worn.surface import warp

__all__ = [
    "Earrings",
    "Glasses",
    "Headphones",
    "earrings",
    "glasses",
    "headphones",
]

SHAPES = ("round", "oval", "rectangular", "square", "cat-eye", "aviator", "large", "sport")
LENSES = ("clear", "tinted", "dark", "mirror")
# Half width and half height of a lens, and how square it is (2 an ellipse), on the mean person.
_LENS = {
    "round": (0.235, 0.225, 2.0),
    "oval": (0.25, 0.165, 2.2),
    "rectangular": (0.27, 0.155, 5.0),
    "square": (0.255, 0.205, 4.0),
    "cat-eye": (0.265, 0.19, 3.0),
    "aviator": (0.275, 0.25, 2.6),
    "large": (0.30, 0.275, 2.8),
    "sport": (0.31, 0.18, 2.8),
}
_BRIDGE = floats((0.0, 7.30, 1.53))  # where the front of the frame crosses the nose
_HINGE = floats((0.69, 7.40, 1.27))
_EAR = floats((0.755, 7.42, 0.52))  # over the top of the ear
_HOOK = floats((0.735, 7.14, 0.30))  # behind the ear
_EDGE = 28  # points around a lens


@dataclass(frozen=True)
class Glasses:
    """What a pair of glasses looks like.

    shape: one of SHAPES. lens: one of LENSES. size: 1 on average. rim: thickness in decimetres, 0
    for rimless. half: no rim below. slide: how far down the nose, decimetres. metal: what the frame
    is of. colour, lens_colour: (3,) linear. lens_alpha: share of light the lens holds back.
    """

    shape: str = "rectangular"
    lens: str = "clear"
    size: float = 1.0
    rim: float = 0.03
    half: bool = False
    slide: float = 0.0
    metal: bool = False
    colour: np.ndarray = field(default_factory=lambda: floats((0.02, 0.02, 0.02)))
    lens_colour: np.ndarray = field(default_factory=lambda: floats((0.7, 0.72, 0.75)))
    lens_alpha: float = 0.06

    @classmethod
    def sample(cls, rng: np.random.Generator, *, dark: bool | None = None) -> Glasses:
        """Sample a pair; dark=True gives sunglasses, False clear ones, None either."""
        if dark is None:
            dark = rng.random() < 0.3
        if dark:
            lens = str(rng.choice(["dark", "tinted", "mirror"], p=[0.72, 0.16, 0.12]))
            odds = (0.1, 0.06, 0.1, 0.18, 0.1, 0.22, 0.16, 0.08)
        else:
            lens = "clear"
            odds = (0.17, 0.15, 0.26, 0.18, 0.08, 0.07, 0.09, 0.0)
        shape = str(rng.choice(SHAPES, p=odds))
        metal = bool(rng.random() < (0.75 if shape in ("aviator", "oval") else 0.4))
        rim = float(rng.uniform(0.012, 0.02) if metal else rng.uniform(0.022, 0.05))
        if not dark and rng.random() < 0.1:
            rim = 0.0
        alpha, tint = _lens_look(rng, lens)
        return cls(
            shape=shape,
            lens=lens,
            size=float(np.clip(rng.normal(1, 0.07), 0.85, 1.18)),
            rim=rim,
            half=bool(rim > 0 and not dark and rng.random() < 0.12),
            slide=float(np.clip(rng.exponential(0.03) - 0.02, 0, 0.2)),
            metal=metal,
            colour=_frame_colour(rng, metal=metal),
            lens_colour=tint,
            lens_alpha=alpha,
        )


def _lens_look(rng: np.random.Generator, lens: str) -> tuple[float, np.ndarray]:
    if lens == "clear":
        return float(rng.uniform(0.02, 0.09)), floats((0.7, 0.72, 0.75))
    if lens == "mirror":
        return float(rng.uniform(0.85, 0.97)), floats(rng.uniform(0.2, 0.6, 3))
    tint = floats((0.02, 0.017, 0.015)) * floats(np.exp(rng.normal(0, 0.3, 3)))
    if lens == "dark":
        return float(rng.uniform(0.82, 0.97)), tint
    return float(rng.uniform(0.45, 0.7)), tint + floats(rng.uniform(0, 0.12, 3))


def _frame_colour(rng: np.random.Generator, *, metal: bool) -> np.ndarray:
    pool: tuple[tuple[float, float, float], ...]
    if metal:
        pool = ((0.45, 0.45, 0.46), (0.5, 0.36, 0.14), (0.03, 0.03, 0.03), (0.4, 0.2, 0.14))
    else:
        pool = (
            (0.012, 0.012, 0.012),
            (0.012, 0.012, 0.012),
            (0.09, 0.045, 0.02),
            (0.16, 0.02, 0.02),
            (0.02, 0.04, 0.15),
            (0.6, 0.58, 0.55),
        )
    picked = np.array(pool[rng.integers(len(pool))])
    return floats(np.clip(picked * np.exp(rng.normal(0, 0.2, 3)), 0.005, 0.8))


def glasses(params: Glasses, fit: Fit) -> list[Part]:
    """Build the frame and the two lenses. Dark lenses count as occluders, frames do not."""
    outline = _outline(params)  # (n, 3) of the lens at the person's left, on the mean person
    frame = _frame(params, outline)
    inner = np.concatenate([outline, outline.mean(axis=0, keepdims=True)])
    inner[-1, 2] += 0.02  # lenses are domed
    n = len(outline)
    fan = np.stack([np.arange(n), (np.arange(n) + 1) % n, np.full(n, n)], axis=1)
    low, high = outline[:, :2].min(axis=0), outline[:, :2].max(axis=0)
    lens = Mesh(inner, whole(fan), floats((inner[:, :2] - low) / (high - low)))
    lenses = merge([lens, lens.mirrored()])
    place = _Seat(params, fit, np.concatenate([outline, outline * (-1, 1, 1)]))
    parts = [
        Part(
            "glasses frame",
            place(frame.positions),
            frame.triangles,
            Material(params.colour, roughness=0.25 if params.metal else 0.35, gloss=0.8),
            hides=False,
        )
    ]
    tint, alpha = _lens_map(params)
    material = Material(tint, alpha=alpha, roughness=0.1, gloss=1.0)
    hides = params.lens_alpha > 0.4
    positions = place(lenses.positions)
    parts.append(
        Part("lenses", positions, lenses.triangles, material, lenses.uv, "head", hides, True)
    )
    return parts


class _Seat:
    """The rigid place of a pair of glasses: on the nose, over both ears, clear of the lids."""

    def __init__(self, params: Glasses, fit: Fit, front: np.ndarray) -> None:
        base = assets.body().base
        marks = assets.body().anchors

        def both(number: tuple[int, int], points: np.ndarray) -> np.ndarray:
            return points[marks[list(number)]].mean(axis=0)

        def apart(number: tuple[int, int], points: np.ndarray) -> float:
            return float(points[marks[number[1]], 0] - points[marks[number[0]], 0])

        face = apart((0, 16), fit.points) / apart((0, 16), base)
        eyes = apart((36, 45), fit.points) / apart((36, 45), base)
        self.size = floats(0.5 * face + 0.5 * eyes)
        self.face = floats(face)
        move = both((27, 27), fit.points) - both((27, 27), base)
        lids = both((36, 45), fit.points) - both((36, 45), base)
        down, out = params.slide * floats((-0.95, 0.42))
        self.to = _BRIDGE + floats((0.0, 0.4 * move[1] + 0.6 * lids[1] + down, move[2] + out))
        self.to[0] = 0.5 * (move[0] + lids[0])
        ears = warp(fit, np.stack([_EAR, _EAR * (-1, 1, 1)])).mean(axis=0)
        reach = self.to[2] - ears[2]
        self.depth = floats(reach / (_BRIDGE[2] - _EAR[2]))
        fall = (ears[1] - self.to[1]) - (_EAR[1] - _BRIDGE[1])
        self.tilt = floats(-fall / reach)
        self._clear(fit, front)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        p = floats(positions) - _BRIDGE
        back = np.clip(-p[:, 2:] / (_BRIDGE[2] - _EAR[2]), 0, 1)
        wide = self.size * (1 - back) + self.face * back
        y = p[:, 1:2] * self.size + self.tilt * p[:, 2:] * self.depth
        z = p[:, 2:] * np.where(p[:, 2:] > -0.35, self.size, self.depth)
        return floats(np.concatenate([p[:, :1] * wide, y, z], axis=1) + self.to)

    def _clear(self, fit: Fit, front: np.ndarray) -> None:
        """Move forward until the rims are clear of brows and cheeks."""
        near = _eye_region()
        skin = fit.points[near]
        rims = self(front)
        reach = np.abs(rims[:, 0]).max()
        bow = np.polyfit(rims[:, 0] ** 2, rims[:, 2], 1)  # depth of the front against x squared
        inside = (
            (np.abs(skin[:, 0] - self.to[0]) < reach)
            & (skin[:, 1] > rims[:, 1].min())
            & (skin[:, 1] < rims[:, 1].max())
        )
        if inside.any():
            gap = np.polyval(bow, skin[inside, 0] ** 2) - skin[inside, 2]
            need = float(np.clip(0.03 - gap.min(), 0, 0.15))
            self.to = self.to + floats((0, 0, need))


@functools.cache
def _eye_region() -> np.ndarray:
    """Vertices of the mean person around the eyes, the nose left out."""
    body = assets.body()
    b = body.base
    near = (np.abs(b[:, 0]) > 0.13) & (np.abs(b[:, 0]) < 0.62)
    near &= (np.abs(b[:, 1] - 7.27) < 0.3) & (b[:, 2] > 0.95)
    outer = np.zeros(len(b), bool)
    outer[body.at[body.region == 0]] = True
    return np.flatnonzero(near & outer)


def _outline(params: Glasses) -> np.ndarray:
    """Draw the edge of the lens at the person's left: (n, 3), counter-clockwise from the front."""
    half_x, half_y, power = _LENS[params.shape]
    half_x, half_y = half_x * params.size, half_y * params.size
    angle = np.linspace(0, 2 * np.pi, _EDGE, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    x = half_x * np.sign(c) * np.abs(c) ** (2 / power)
    y = half_y * np.sign(s) * np.abs(s) ** (2 / power)
    outer, low = x / half_x, y / half_y
    if params.shape == "cat-eye":
        y = y + 0.09 * np.clip(outer, 0, 1) ** 2 * (low > -0.3)
    elif params.shape == "aviator":
        y = y - 0.05 * (low < 0) * (0.6 + 0.4 * outer)
        x = x * (1 - 0.16 * np.clip(-low, 0, 1)) + 0.03 * np.clip(-low, 0, 1)
    elif params.shape in ("square", "large", "rectangular"):
        x = x * (1 - 0.08 * np.clip(-low, 0, 1))
    elif params.shape == "sport":
        y = y * (1 - 0.3 * np.clip(outer, 0, 1)) + 0.03 * outer
    x = x + half_x + (0.045 if params.shape == "sport" else 0.095)  # beside the nose
    y = y + _BRIDGE[1] - 0.03 - 0.25 * max(half_y - 0.17, 0)
    wrap = 0.55 if params.shape == "sport" else 0.36
    z = _BRIDGE[2] + 0.02 - wrap * x**2 - 0.06 * (y - _BRIDGE[1] < 0) * (_BRIDGE[1] - y)
    return floats(np.stack([x, y, z], axis=1))


def _frame(params: Glasses, outline: np.ndarray) -> Mesh:
    """Join rims, bridge and temples of the mean person."""
    r = max(params.rim, 0.012) * 0.5
    pieces = []
    if params.rim > 0:
        count = len(outline)
        ring = outline[np.arange(-1, count // 2 + 2) % count] if params.half else outline
        pieces.append(_rim(ring, r, closed=not params.half))
    tip = outline[outline[:, 0].argmax()]
    hinge = floats((max(tip[0] + 0.02, _HINGE[0]), 0, _HINGE[2]))
    upper = outline[np.argmin(np.abs(outline - (tip + (0, 0.06, 0))).sum(axis=1))]
    hinge[1] = max(upper[1], 7.3)
    arm = curve(
        [
            upper,
            hinge,
            (0.735, 0.35 * hinge[1] + 0.65 * _EAR[1], 0.9),
            _EAR,
            _HOOK + (0, 0.14, 0.08),
            _HOOK,
        ],
        12,
    )
    thick = np.interp(np.arange(12), [0, 2, 9, 11], [1.3, 1.4, 1.0, 0.9]) * max(r, 0.011)
    pieces.append(tube(arm, thick, sides=5, up=(0, 1, 0.2), flat=1.6 if not params.metal else 1))
    pieces += [piece.mirrored() for piece in pieces]
    inner = outline[outline[:, 0].argmin()]
    high = 0.05 if params.shape in ("aviator", "rectangular", "square") else 0.02
    rise = floats((0, high, 0.0))
    bridge = curve([inner * (-1, 1, 1) + rise, _BRIDGE + (0, high + 0.03, 0.035), inner + rise], 7)
    pieces.append(tube(bridge, max(r, 0.012), sides=5))
    if params.shape == "aviator":
        top = curve([(-0.16, 7.42, 1.53), (0, 7.44, 1.55), (0.16, 7.42, 1.53)], 5)
        pieces.append(tube(top, 0.012, sides=5))
    return merge(pieces)


def _rim(path: np.ndarray, radius: float, *, closed: bool) -> Mesh:
    """Sweep a bar along the edge of a lens."""
    middle = path.mean(axis=0)
    out = path - middle
    out[:, 2] = 0
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    front = floats((0, 0, 1))
    corners = [(1, -1), (1, 1), (-1, 1), (-1, -1)]
    ring = np.stack([path + radius * (a * out + 0.9 * b * front) for a, b in corners], axis=1)
    if closed:
        ring = np.concatenate([ring, ring[:1]])
    return grid(ring, closed=True, flip=True)


def _lens_map(params: Glasses) -> tuple[np.ndarray, np.ndarray]:
    """Make colour (16, 16, 3) and alpha (16, 16) of a lens: a soft streak of reflected light."""
    v, u = np.mgrid[:16, :16].astype(np.float32) / 15
    streak = np.exp(-(((u - v * 0.5 - 0.18) / 0.12) ** 2)) * (1 - v)
    strength = {"clear": 0.16, "tinted": 0.1, "dark": 0.06, "mirror": 0.35}[params.lens]
    alpha = np.clip(params.lens_alpha + strength * streak, 0, 1)
    if params.lens == "tinted":
        alpha = alpha * (1.25 - 0.6 * v)
    white = floats((0.7, 0.72, 0.75))
    share = (strength * streak / np.maximum(alpha, 1e-3))[..., None].clip(0, 1)
    return floats(params.lens_colour * (1 - share) + white * share), floats(alpha.clip(0, 1))


@dataclass(frozen=True)
class Headphones:
    """Headphones with a band over the head. colour: (3,) linear. cup: radius of the cups, lift: gap
    between band and head, decimetres."""

    colour: np.ndarray = field(default_factory=lambda: floats((0.03, 0.03, 0.03)))
    cup: float = 0.34
    lift: float = 0.1

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Headphones:
        """Sample a pair, mostly black, white or grey."""
        pool = ((0.02, 0.02, 0.02), (0.7, 0.7, 0.7), (0.2, 0.2, 0.22), (0.4, 0.03, 0.04))
        picked = floats(pool[rng.choice(4, p=[0.5, 0.25, 0.15, 0.1])])
        return cls(picked, float(rng.uniform(0.27, 0.4)), float(rng.uniform(0.06, 0.2)))


def headphones(params: Headphones, fit: Fit) -> list[Part]:
    """Build band and cups; they hide the ears, not the face."""
    up = params.lift
    half = [(0.93, 7.3, 0.48), (0.9, 7.8, 0.47), (0.62, 8.38 + up, 0.46), (0, 8.56 + up, 0.46)]
    band = curve([(-x, y, z) for x, y, z in half[:3]] + half[::-1], 19)
    pieces = [tube(band, 0.045, sides=6, up=(0, 0, 1), flat=2.2)]
    axis = floats([(x, 7.17, 0.5) for x in (0.76, 0.78, 0.86, 0.93, 0.97, 0.975)])
    radii = params.cup * floats((0.8, 0.95, 1.0, 0.92, 0.75, 0.05))
    cup = tube(axis, radii, sides=14, up=(0, 0, 1), flat=1.15, round_ends=(False, False))
    pieces += [cup, cup.mirrored()]
    mesh = merge(pieces)
    material = Material(params.colour, roughness=0.4, gloss=0.5)
    return [Part("headphones", warp(fit, mesh.positions), mesh.triangles, material, mesh.uv)]


@dataclass(frozen=True)
class Earrings:
    """A pair of earrings. kind: "stud", "hoop" or "drop"; size: radius in decimetres."""

    kind: str = "hoop"
    size: float = 0.1
    colour: np.ndarray = field(default_factory=lambda: floats((0.6, 0.42, 0.16)))

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Earrings:
        """Sample a pair in gold, silver or a colour."""
        kind = str(rng.choice(["stud", "hoop", "drop"]))
        size = {"stud": (0.025, 0.05), "hoop": (0.07, 0.28), "drop": (0.04, 0.09)}[kind]
        metal = ((0.6, 0.42, 0.16), (0.6, 0.6, 0.62))[rng.integers(2)]
        colour = floats(metal) if rng.random() < 0.75 else floats(rng.uniform(0.02, 0.7, 3))
        return cls(kind, float(rng.uniform(*size)), colour)


def earrings(params: Earrings, fit: Fit) -> list[Part]:
    """Hang the pair on the ear lobes."""
    lobe = floats((0.765, 6.9, 0.53))
    r = params.size
    if params.kind == "hoop":
        a = np.linspace(0, 2 * np.pi, 15)
        ring = np.stack([0.05 + 0 * a, -r + r * np.cos(a), r * np.sin(a)], axis=1)
        mesh = tube(ring, 0.012, sides=4, up=(1, 0.01, 0.02), round_ends=(False, False))
    elif params.kind == "stud":
        mesh = tube(floats([(0.02, 0, 0), (0.06, 0, 0)]), r, sides=6)
    else:
        drop = floats([(0.05, 0, 0), (0.05, -2 * r, 0), (0.05, -4.5 * r, 0), (0.05, -6 * r, 0)])
        mesh = tube(drop, r * floats((0.15, 0.25, 1, 0.5)), sides=6, up=(0, 0, 1))
    lobes = warp(fit, np.stack([lobe, lobe * floats((-1, 1, 1))]))
    pair = merge([mesh.moved(shift=lobes[0]), mesh.mirrored().moved(shift=lobes[1])])
    material = Material(params.colour, roughness=0.2, gloss=1.0)
    return [Part("earrings", pair.positions, pair.triangles, material, hides=False)]
