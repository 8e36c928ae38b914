"""Hats, caps, hoods and helmets: shells over the skull, and which hair they leave to be seen.

A shell follows the person's own skull: rays from inside the head give the skin, the hat keeps a gap
to it that is the hair under it. Angles of the hat line are elevations seen from inside the head.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from facelab.humans.parts import Fit, Material, Part
from facelab.humans.worn.meshes import Mesh, floats, grid, merge, smooth, tube
from facelab.humans.worn.patterns import cloth, colour, folds, knit, print_on
from facelab.humans.worn.surface import HEAD, Globe, Rays, directions, warp

__all__ = ["Hat", "hat", "hat_hides"]

KINDS = (
    "cap", "beanie", "brim", "bucket", "scarf", "hood", "helmet", "hard hat", "turban", "headband",
)  # fmt: skip
_COLUMNS, _ROWS = 28, 9
# Elevation (radians) of the hat line: front, side, back.
_LINE = {
    "cap": (0.55, 0.40, 0.22),
    "beanie": (0.56, 0.22, 0.06),
    "brim": (0.60, 0.42, 0.26),
    "bucket": (0.66, 0.4, 0.22),
    "helmet": (0.60, 0.40, 0.12),
    "hard hat": (0.60, 0.46, 0.32),
    "turban": (0.58, 0.34, 0.16),
    "headband": (0.60, 0.36, 0.05),
}


@dataclass(frozen=True, eq=False)
class Hat:
    """What is worn on the head.

    kind: one of KINDS. cloth: (h, w, 3) map. line: raises (+) or lowers (-) the hat line, radians.
    gap: room for hair, decimetres. brim: its width, decimetres. turn: how far the peak of a cap is
    turned, radians (pi: backwards). tall: height added to the crown. droop: slope of brim or peak.
    bobble: on top of a knitted cap. gloss: shine.
    """

    kind: str
    cloth: np.ndarray
    line: float = 0.0
    gap: float = 0.08
    brim: float = 0.65
    turn: float = 0.0
    tall: float = 0.1
    droop: float = 0.15
    bobble: bool = False
    gloss: float = 0.08

    @classmethod
    def sample(cls, rng: np.random.Generator, *, kind: str = "") -> Hat:
        """Sample a hat; kind "" takes any. Raises ValueError for an unknown kind."""
        if not kind:
            kind = str(
                rng.choice(KINDS, p=(0.34, 0.19, 0.1, 0.06, 0.12, 0.05, 0.05, 0.03, 0.03, 0.03))
            )
        if kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}; got {kind!r}")
        turn = 0.0
        if kind == "cap":
            turn = float(
                rng.choice([rng.normal(0, 0.12), np.pi + rng.normal(0, 0.2)], p=[0.8, 0.2])
            )
        brim = {"cap": (0.55, 0.8), "brim": (0.45, 1.15), "bucket": (0.35, 0.55)}.get(
            kind, (0.12, 0.3)
        )
        return cls(
            kind=kind,
            cloth=_map(rng, kind),
            line=float(np.clip(rng.normal(0, 0.07), -0.16, 0.16)),
            gap=float(rng.uniform(0.05, 0.12)),
            brim=float(rng.uniform(*brim)),
            turn=turn,
            tall=float(rng.uniform(0.0, 0.14)),
            droop=float(rng.uniform(0.02, 0.3)),
            bobble=bool(kind == "beanie" and rng.random() < 0.3),
            gloss=0.9 if kind in ("helmet", "hard hat") else float(rng.uniform(0.03, 0.12)),
        )


def _map(rng: np.random.Generator, kind: str) -> np.ndarray:
    """Sample the cloth of a hat; the front is in the middle of the map, u = 0.5."""
    if kind == "beanie":
        return knit(rng, colour(rng, vivid=0.5))
    if kind in ("helmet", "hard hat"):
        out = np.empty((48, 96, 3), np.float32)
        out[:] = colour(rng, vivid=0.7)
        if kind == "helmet":
            for u in range(6, 96, 12):
                out[8:30, u : u + 3] *= 0.12  # air slots
        return out
    if kind == "brim" and rng.random() < 0.5:  # straw
        straw = floats((0.5, 0.36, 0.17)) * floats(rng.uniform(0.6, 1.3))
        weave = np.exp(rng.normal(0, 0.18, (64, 96, 1)).astype(np.float32))
        out = np.clip(straw * weave, 0.01, 0.9).astype(np.float32)
        out[46:56] = colour(rng)  # the band
        return out
    plain = rng.random() < (0.6 if kind != "scarf" else 0.5)
    out = cloth(rng, "plain" if plain else "", size=112)
    if kind == "cap":
        if rng.random() < 0.55:
            print_on(rng, out, centre=(0.5, 0.4), width=float(rng.uniform(0.06, 0.16)))
        for u in np.linspace(0, 111, 7)[:-1].astype(int):  # seams
            out[:, u : u + 1] *= 0.6
    if kind in ("scarf", "hood", "turban"):
        out *= folds(rng, out.shape[:2], 0.35)[..., None]
    return np.ascontiguousarray(out, np.float32)


def hat(params: Hat, fit: Fit) -> list[Part]:
    """Build the hat. Brims and hoods are drawn from both sides."""
    if params.kind in ("scarf", "hood"):
        return _hood(params, fit)
    skull, centre = _skull(fit)
    if params.kind == "headband":
        band = _cuff(params, skull)
        material = Material(params.cloth, roughness=0.9, gloss=0.05)
        return [Part("headband", band.positions + centre, band.triangles, material, band.uv)]
    crown, line = _crown(params, skull)
    pieces = [crown]
    if params.kind == "cap":
        pieces.append(_peak(params, skull))
    elif params.kind in ("brim", "bucket", "hard hat"):
        pieces.append(_brim(params, line))
    elif params.kind == "beanie":
        pieces.append(_cuff(params, skull))
    if params.bobble:
        top = crown.positions[:, 1].max()
        ball = floats([(0, top - 0.05, -0.1), (0, top + 0.1, -0.12), (0, top + 0.25, -0.14)])
        pieces.append(tube(ball, floats((0.2, 0.26, 0.2)), sides=9, up=(0, 0, 1)))
    mesh = merge(pieces)
    material = Material(
        params.cloth, roughness=0.3 if params.gloss > 0.5 else 0.8, gloss=params.gloss
    )
    positions = mesh.positions + centre
    return [Part(params.kind, positions, mesh.triangles, material, mesh.uv, two_sided=True)]


def hat_hides(params: Hat, fit: Fit, positions: np.ndarray) -> np.ndarray:
    """Say which points (N, 3) of hair the hat hides: those above its line, and for scarves and
    hoods all that is not in the face opening. Hair below the line stays. Returns (N,) bool."""
    centre = _centre(fit)
    ray = positions - centre
    length = np.linalg.norm(ray, axis=1) + 1e-6
    elevation = np.arcsin(ray[:, 1] / length)
    azimuth = np.arctan2(ray[:, 0], ray[:, 2])
    if params.kind in ("scarf", "hood"):
        opening = np.arccos(np.clip(ray[:, 2] / length, -1, 1))
        around = np.arctan2(ray[:, 0], ray[:, 1])
        inside = 0.06 if params.kind == "scarf" else -0.1  # a hood lets the fringe be seen
        return opening > _opening(params, around) - inside
    if params.kind == "headband":
        return np.zeros(len(positions), bool)
    return elevation > _line(params, azimuth) - 0.04


def _line(params: Hat, azimuth: np.ndarray) -> np.ndarray:
    """Elevation of the hat line at an azimuth (radians, 0 to the front)."""
    front, side, back = _LINE[params.kind]
    c = np.cos(azimuth)
    base = side + np.where(c > 0, (front - side) * c**2, (back - side) * c**2)
    return base + params.line


@functools.cache
def _globe() -> Globe:
    return Globe(HEAD, columns=48, low=np.radians(-40), high=np.pi / 2, rows=27)


def _centre(fit: Fit) -> np.ndarray:
    return warp(fit, floats([HEAD]))[0]


def _skull(fit: Fit) -> tuple[np.ndarray, np.ndarray]:
    """Give the skin (27, 48, 3) on the grid of `_globe`, raised where it is hollow, relative to the
    point it is seen from, and that point."""
    centre = _centre(fit)
    skin = _globe().rays.points(fit) - centre
    radius = np.linalg.norm(skin, axis=-1)
    wide = np.maximum(radius, np.maximum(np.roll(radius, 1, axis=1), np.roll(radius, -1, axis=1)))
    return skin * (0.5 + 0.5 * wide / np.maximum(radius, 1e-3))[..., None], centre


def _ring(params: Hat, skull: np.ndarray, azimuth: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Points of the crown relative to the centre; share 0 at the line, 1 at the top."""
    low = _line(params, azimuth)
    elevation = low + share * (np.pi / 2 - low)
    gap = params.gap * (0.5 + 0.9 * np.sin(np.pi * np.minimum(share * 0.6 + 0.08, 0.5)))
    rise = params.tall * np.sin(elevation) ** 2 * smooth(share, 0.0, 0.6)
    if params.kind == "brim":  # a taller crown with a flat top
        rise = rise + 0.18 * smooth(share, 0.05, 0.5) * (1 - 0.45 * smooth(share, 0.75, 1.0))
    elif params.kind in ("helmet", "hard hat"):
        gap = gap + 0.14
    elif params.kind == "turban":  # wound: thick folds that run aslant to the front
        wound = np.sin(9 * share + 2.5 * np.abs(np.sin(azimuth / 2)) + params.line * 30)
        gap = gap + (0.16 + 0.05 * wound) * smooth(share, -0.05, 0.2) * (1 - 0.6 * share)
    elif params.kind == "cap":  # the front panel stands up
        rise = rise + 0.1 * smooth(share, 0, 0.35) * smooth(np.cos(azimuth - params.turn), 0, 0.9)
    skin = _globe().look_up(skull, azimuth, elevation)
    return skin + directions(azimuth, elevation) * np.asarray(gap + rise)[..., None]


def _crown(params: Hat, skull: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """Make the crown, and the points (columns, 3) of its lower edge."""
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    share = np.linspace(0, 1, _ROWS)
    around, up = np.meshgrid(azimuth, share)
    points = _ring(params, skull, around, up)
    points[-1] = points[-1].mean(axis=0)
    mesh = grid(points, closed=True)
    turned = mesh.uv.copy()
    turned[:, 0] = (turned[:, 0] - params.turn / (2 * np.pi)) % 1.0001
    return Mesh(mesh.positions, mesh.triangles, turned), points[0]


def _peak(params: Hat, skull: np.ndarray) -> Mesh:
    """Make the peak of a cap: wide, bent down at both sides."""
    half = 1.15
    angle = np.linspace(-half, half, 17)
    edge = _ring(params, skull, angle + params.turn, np.zeros(17))
    level = edge[:, 1].copy()
    middle = level[8]
    rows = []
    across = angle / half
    for t in np.linspace(0, 1, 5):
        reach = params.brim * t * np.sqrt(np.maximum(1 - across**4, 0))
        forward = np.stack(
            [np.sin(angle * 0.35 + params.turn), 0 * angle, np.cos(angle * 0.35 + params.turn)], 1
        )
        row = edge + forward * reach[:, None]
        bend = params.droop * (1.2 * across**2 * t + 0.55 * t)
        row[:, 1] = level * (1 - 0.6 * t) + middle * 0.6 * t - bend * params.brim - 0.02
        rows.append(row)
    mesh = grid(np.stack(rows), flip=True)
    u = np.full((len(mesh.uv), 2), (0.3, 0.02), np.float32)
    u[:, 0] += 0.05 * mesh.uv[:, 0]
    return Mesh(mesh.positions, mesh.triangles, u)


def _brim(params: Hat, line: np.ndarray) -> Mesh:
    """Make a brim all around; the edge sinks by `droop`, more at front and back of a felt hat."""
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    out = np.stack([np.sin(azimuth), 0 * azimuth, np.cos(azimuth)], axis=1)
    slope = params.droop + (0.45 if params.kind == "bucket" else 0.0)
    front = 1.7 * smooth(np.cos(azimuth), 0.2, 1) if params.kind == "hard hat" else 0
    rows = []
    for t in np.linspace(0, 1, 4):
        reach = params.brim * t * (1 + front)
        wave = 0.06 * np.cos(2 * azimuth + params.line * 40) * t
        row = line + out * np.reshape(reach, (-1, 1))
        row[:, 1] -= slope * reach * (0.6 + 0.4 * t) - wave
        rows.append(row)
    mesh = grid(np.stack(rows), closed=True, flip=True)
    return Mesh(mesh.positions, mesh.triangles, floats(mesh.uv * (1, 0.02) + (0, 0.02)))


def _cuff(params: Hat, skull: np.ndarray) -> Mesh:
    """Make the folded edge of a knitted cap."""
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    height = min(params.brim, 0.3) if params.kind != "headband" else 0.28
    rows = []
    for share, out in (
        (0.0, 0.0),
        (-0.01, 0.06),
        (0.12, 0.075),
        (height, 0.06),
        (height + 0.02, 0.0),
    ):
        points = _ring(params, skull, azimuth, np.full(_COLUMNS, share))
        points *= 1 + out / np.linalg.norm(points, axis=1, keepdims=True)
        rows.append(points)
    return grid(np.stack(rows), closed=True)


def _opening(params: Hat, around: np.ndarray) -> np.ndarray:
    """Angle from the front to the edge of the face opening; around: 0 up, growing to the left."""
    c = np.cos(around)
    wide = 0.16 if params.kind == "hood" else 0.0
    return np.where(c > 0, 1.02 - 0.24 * c**2, 1.02 - 0.02 * c**2) + wide + 0.6 * params.line


@functools.cache
def _hood_rays(shift: float, kind: str) -> tuple[Rays, np.ndarray]:
    """Rays of a hood in rings around the face opening, (9, 28), for a rounded shift of its line;
    and their directions."""
    around = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    plain = Hat(kind, np.zeros((1, 1, 3), np.float32), line=shift)
    edge = _opening(plain, around)
    share = np.linspace(0, 1, 9)[:, None] ** 0.85
    low = smooth(-np.cos(around), 0.2, 0.9)  # below, the neck is in the way
    last = np.pi * (1 - low) + 2.0 * low
    angle = edge + share * (last - edge)
    direction = np.stack(
        [np.sin(angle) * np.sin(around), np.sin(angle) * np.cos(around), np.cos(angle)], axis=-1
    )
    return Rays(HEAD, direction, limit=2.2), direction


def _hood(params: Hat, fit: Fit) -> list[Part]:
    """Make a headscarf or hood: rings from the face opening to the back, a skirt on the neck."""
    rays, direction = _hood_rays(round(params.line * 20) / 20, params.kind)
    centre = _centre(fit)
    around = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    skin = np.where(rays.met[..., None], rays.points(fit), centre + direction)
    radius = np.linalg.norm(skin - centre, axis=-1)
    # Below the chin the rays would run on to the chest: there the scarf stays near the neck.
    limit = np.where(np.cos(around) < 0, 1.05 + 0.95 * (1 + np.cos(around)), 3.0)
    skin = centre + (skin - centre) * np.minimum(1, limit / radius)[..., None]
    radius = np.minimum(radius, limit)
    wide = radius
    for _ in range(2):  # cloth spans ears and hollows
        wide = np.maximum(wide, (wide + np.roll(wide, 1, 1) + np.roll(wide, -1, 1)) / 3)
    share = np.linspace(0, 1, 9)[:, None]
    gap = 0.05 + (params.gap + 0.05) * smooth(share, 0, 0.3) + wide - radius
    if params.kind == "hood":
        gap = gap + 0.1 + 0.18 * smooth(np.cos(around), -0.2, 0.8)[None] * smooth(share, 0.1, 0.6)
    points = skin + direction * gap[..., None]
    points[-1, np.cos(around) > 0] = points[-1, np.cos(around) > 0].mean(axis=0)
    cap, skirt = grid(points, closed=True, flip=True), _skirt(params)
    material = Material(params.cloth, roughness=0.85, gloss=params.gloss)
    kind, below = params.kind, warp(fit, skirt.positions)
    return [
        Part(f"{kind} cap", cap.positions, cap.triangles, material, cap.uv, two_sided=True),
        Part(f"{kind} skirt", below, skirt.triangles, material, skirt.uv, "skin", two_sided=True),
    ]


def _skirt(params: Hat) -> Mesh:
    """Make the part of a scarf that falls from the chin over neck and shoulders."""
    angle = np.linspace(-np.pi, np.pi, 24, endpoint=False)
    rows = []
    # Height, middle of the ring (z), half width, half depth.
    levels = [
        (6.55, 0.5, 0.62, 0.62),
        (6.2, 0.55, 0.62, 0.72),
        (5.95, 0.45, 0.78, 0.72),
        (5.75, 0.35, 1.0, 0.85),
        (5.55, 0.32, 1.4, 1.0),
        (5.3, 0.35, 1.65, 1.15),
    ]
    if params.kind == "hood":
        levels = [
            (6.3, 0.25, 0.72, 0.7),
            (6.0, 0.25, 0.85, 0.78),
            (5.65, 0.22, 1.3, 0.85),
            (5.4, 0.2, 1.6, 0.9),
        ]
    for k, (y, z, wide, deep) in enumerate(levels):
        wave = 1 + 0.035 * np.sin(7 * angle + 2 * k) * min(k, 3) / 3
        front = np.cos(angle) > 0
        drop = 0.35 * smooth(np.abs(np.sin(angle)), 0.5, 1.0) * (k > 2)
        height = y + 0 * angle - drop * (k - 2) * 0.4
        if k == 0:
            height = np.where(front, y - 0.25, y)
        rows.append(
            np.stack([wide * np.sin(angle) * wave, height, z + deep * np.cos(angle) * wave], axis=1)
        )
    return grid(np.stack(rows)[::-1], closed=True)
