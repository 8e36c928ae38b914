"""Clothes of the upper body: a shell from the neckline over shoulders and chest to the hips,
collars and hoods, sleeves with arms in them.

The shell follows the person's own chest: rays from inside give the skin. Front and back are two
panels of one map, flat projections of the mean body, so that what is printed on a shirt sits where
it belongs.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from facelab.humans import assets
from facelab.humans.parts import Fit, Material, Part
from facelab.humans.worn.body import Arms, arms, shoulders
from facelab.humans.worn.meshes import Mesh, floats, grid, merge, smooth, tube, whole
from facelab.humans.worn.patterns import cloth, colour, folds, knit, print_on
from facelab.humans.worn.surface import CHEST, Globe, directions

__all__ = ["CLOTHES", "Clothes", "clothes", "clothes_cover"]

CLOTHES = {
    "t-shirt": 0.2, "v-neck": 0.07, "shirt": 0.15, "polo": 0.06, "suit": 0.13, "hoodie": 0.09,
    "sweater": 0.08, "turtleneck": 0.04, "tank": 0.06, "dress": 0.05, "coat": 0.07,
    "bare": 0.025,
}  # fmt: skip
"""Kinds of clothes and how often they are drawn."""
_HIGH, _WIDE = 168, 114  # of one panel of the map, pixels
_X, _LOW, _TOP = 2.35, -0.8, 6.1  # what a panel shows: |x| up to _X, y from _LOW to _TOP
_COLUMNS = 40
_CHEST_ROWS = 11
_RINGS = _CHEST_ROWS + 6
_LOWEST = np.radians(-12)


@dataclass(frozen=True, eq=False)
class Clothes:
    """What is worn on the upper body.

    kind: one of CLOTHES. cloth: (168, 228, 3), front and back panel; for "bare" factors of the
    skin's colour. neck: depth of the neckline, 0 high to 1 low; pointed: a V rather than a round.
    wide: how far the neckline opens to the shoulders. loose: gap to the skin in decimetres. arms:
    pose and sleeves. trim: (3,) colour of collar, straps or hood. creases: (rows, columns) relief
    of the folds.
    """

    kind: str
    cloth: np.ndarray
    neck: float = 0.1
    pointed: bool = False
    wide: float = 0.0
    loose: float = 0.08
    arms: Arms = field(default_factory=Arms)
    trim: np.ndarray = field(default_factory=lambda: floats((0.5, 0.5, 0.5)))
    creases: np.ndarray = field(default_factory=lambda: np.zeros((_RINGS, _COLUMNS), np.float32))

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        *,
        kind: str = "",
        pose: str = "",
        male: float = 0.5,
        age: float = 30.0,
        half: bool = False,
    ) -> Clothes:
        """Sample clothes; kind and pose "" take any. half: the picture reaches down to the hips.

        Raises ValueError for an unknown kind or pose."""
        if not kind:
            share = np.array(list(CLOTHES.values()))
            share[list(CLOTHES).index("dress")] *= male < 0.5
            share[list(CLOTHES).index("bare")] *= male >= 0.5 and age >= 18
            kind = str(rng.choice(list(CLOTHES), p=share / share.sum()))
        if kind not in CLOTHES:
            raise ValueError(f"kind is one of {', '.join(CLOTHES)}; got {kind!r}")
        sleeve = {
            "t-shirt": rng.uniform(0.24, 0.42), "v-neck": rng.uniform(0.2, 1.0), "tank": 0.0,
            "polo": rng.uniform(0.28, 0.4), "dress": rng.choice([0.0, 0.3]), "bare": 0.0,
        }.get(kind, 1.0)  # fmt: skip
        if kind == "shirt" and rng.random() < 0.3:
            sleeve = rng.uniform(0.35, 0.75)
        worn = Arms.sample(rng, pose=pose, sleeve=float(sleeve), male=male, half=half)
        loose = float(rng.uniform(0.05, 0.12) + 0.1 * (kind in ("coat", "hoodie")))
        neck, wide = _neckline(rng, kind, male)
        trim = colour(rng)
        cloth_map = _panels(rng, kind, trim)
        relief = cv2.resize(
            rng.normal(0, 1, (5, 12)).astype(np.float32),
            (_COLUMNS, _RINGS),
            interpolation=cv2.INTER_CUBIC,
        )
        sleeve_map = np.ascontiguousarray(cloth_map[44:140, 8:56])
        worn = replace(worn, cloth=sleeve_map, loose=worn.loose + 0.5 * loose)
        pointed = kind in ("v-neck", "shirt", "suit", "polo") or (
            kind == "dress" and rng.random() < 0.4
        )
        return cls(kind, cloth_map, neck, pointed, wide, loose, worn, trim, 0.035 * relief)


def _neckline(rng: np.random.Generator, kind: str, male: float) -> tuple[float, float]:
    """Sample how deep and how wide a neckline is."""
    depth = {
        "t-shirt": (0.02, 0.25), "v-neck": (0.3, 0.75), "shirt": (0.0, 0.4), "polo": (0.05, 0.3),
        "suit": (0.0, 0.05), "hoodie": (0.05, 0.2), "sweater": (0.0, 0.2), "turtleneck": (0.0, 0.0),
        "tank": (0.25, 0.6), "dress": (0.3, 0.75), "coat": (0.0, 0.2),
        "bare": (0.1, 0.2),
    }[kind]  # fmt: skip
    wide = {"tank": (0.3, 0.55), "dress": (0.15, 0.65)}.get(kind, (0.0, 0.15))
    if kind == "t-shirt" and male < 0.5:
        wide = (0.0, 0.3)
    return float(rng.uniform(*depth)), float(rng.uniform(*wide))


def _at(x: float, y: float) -> tuple[int, int]:
    """Pixel of the front panel that shows x, y of the mean body."""
    return int((x + _X) / (2 * _X) * _WIDE), int((_TOP - y) / (_TOP - _LOW) * _HIGH)


def _panels(rng: np.random.Generator, kind: str, trim: np.ndarray) -> np.ndarray:
    """Make the map of front and back, with what is printed, sewn or buttoned on it."""
    if kind == "bare":
        return _chest(rng)
    if kind in ("sweater", "turtleneck"):
        base = knit(rng, colour(rng), size=_HIGH, ribs=56)
        if rng.random() < 0.35:
            base = cloth(rng, size=_HIGH)
    else:
        odds = {
            "suit": 0.75,
            "polo": 0.6,
            "hoodie": 0.6,
            "coat": 0.75,
            "t-shirt": 0.4,
            "dress": 0.25,
        }
        base = cloth(rng, "plain" if rng.random() < odds.get(kind, 0.3) else "", size=_HIGH)
    if kind == "suit" and rng.random() < 0.6:
        base = base * floats(rng.uniform(0.02, 0.12) / base.mean())
    front, back = base[:, :_WIDE].copy(), base[:, _HIGH - _WIDE :].copy()
    printed = {"t-shirt": 0.45, "hoodie": 0.4, "tank": 0.3, "sweater": 0.15}.get(kind, 0.0)
    if rng.random() < printed:
        wide = float(rng.uniform(0.15, 0.45))
        print_on(rng, front, centre=(0.5, float(rng.uniform(0.55, 0.7))), width=wide)
    if rng.random() < 0.5 * printed:
        print_on(rng, back, centre=(0.5, 0.7), width=0.4)
    if kind == "suit":
        _paint_suit(rng, front, trim)
    elif kind in ("shirt", "polo", "coat") or (kind == "hoodie" and rng.random() < 0.5):
        _paint_closing(rng, front, kind)
    both = np.concatenate([front, back], axis=1)
    both *= folds(rng, both.shape[:2], 0.16 if kind != "coat" else 0.3)[..., None]
    if kind == "coat":  # quilting
        rows = np.arange(_HIGH)[:, None, None]
        both = both * (1 - 0.3 * np.exp(-((((rows % 16) - 8) / 1.5) ** 2)))
    return np.ascontiguousarray(both.clip(0.005, 0.9), np.float32)


def _chest(rng: np.random.Generator) -> np.ndarray:
    """Shade of a bare chest and back, as factors of the skin's colour."""
    both = np.ones((_HIGH, 2 * _WIDE, 3), np.float32)
    for x in (-0.78, 0.78):
        spot = floats((0.62, 0.45, 0.42)).tolist()
        cv2.circle(both, _at(x, 3.95), 3, spot, -1, cv2.LINE_AA)
    both = floats(cv2.GaussianBlur(both, (0, 0), 1.0))
    return np.ascontiguousarray(both * folds(rng, both.shape[:2], 0.06)[..., None].clip(0.8, 1.05))


def _paint_suit(rng: np.random.Generator, front: np.ndarray, shirt: np.ndarray) -> None:
    """Paint shirt, tie, lapels and buttons on the front panel, in place.

    shirt: (3,) its colour, of the collar too; made white or blue in place, most often.
    """
    if rng.random() < 0.7:
        shirt[:] = (0.75, 0.76, 0.78) if rng.random() < 0.7 else (0.4, 0.5, 0.68)
    low = float(rng.uniform(3.2, 4.2))
    dark = [float(v) for v in front.mean(axis=(0, 1)) * 0.55]
    light = [float(v) for v in front.mean(axis=(0, 1)) * 1.25]

    def fill(points: list[tuple[float, float]], ink: list[float]) -> None:
        cv2.fillPoly(front, [whole([_at(x, y) for x, y in points])], ink, cv2.LINE_AA)

    for s in (-1, 1):
        fill([(s * 0.62, 6.0), (s * 1.05, 5.0), (s * 0.8, 4.85), (0, low), (s * 0.4, 6.0)], light)
        line = whole([_at(s * 0.62, 6.0), _at(s * 1.05, 5.0), _at(s * 0.8, 4.85), _at(0, low)])
        cv2.polylines(front, [line], False, dark, 1, cv2.LINE_AA)
    fill([(-0.55, 6.05), (0, low + 0.1), (0.55, 6.05)], [float(v) for v in shirt])
    if rng.random() < 0.7:
        tie = [float(v) for v in colour(rng, vivid=0.7)]
        fill([(-0.11, 5.75), (0.11, 5.75), (0.08, 5.5), (-0.08, 5.5)], [0.8 * v for v in tie])
        fill(
            [(-0.07, 5.5), (0.07, 5.5), (0.17, low + 0.3), (0, low - 0.1), (-0.17, low + 0.3)], tie
        )
        if rng.random() < 0.4:
            second = [float(v) for v in colour(rng, vivid=0.7)]
            for y in np.arange(low, 5.5, 0.22):
                cv2.line(front, _at(-0.1, y), _at(0.1, y + 0.12), second, 1, cv2.LINE_AA)
    cv2.line(front, _at(0.03, low), _at(0.12, _LOW), dark, 1, cv2.LINE_AA)
    for y in (low - 0.15, low - 0.9):
        cv2.circle(front, _at(0.05, y), 2, dark, -1, cv2.LINE_AA)
    if rng.random() < 0.4:
        fill([(0.75, 4.4), (1.05, 4.4), (1.0, 4.55), (0.8, 4.55)], [float(v) for v in shirt])


def _paint_closing(rng: np.random.Generator, front: np.ndarray, kind: str) -> None:
    """Paint a row of buttons or a zip down the front panel, in place."""
    mean = front.mean(axis=(0, 1))
    edge = [float(v) for v in mean * 0.6]
    bottom = 4.6 if kind == "polo" else _LOW
    for x in (-0.12, 0.12) if kind != "hoodie" else (-0.03, 0.03):
        cv2.line(front, _at(x, 6.0), _at(x, bottom), edge, 1, cv2.LINE_AA)
    if kind in ("shirt", "polo") or rng.random() < 0.5:
        button = [0.7, 0.7, 0.68] if mean.mean() < 0.3 or rng.random() < 0.3 else [0.05, 0.05, 0.05]
        step = 0.42 if kind != "coat" else 0.9
        for y in np.arange(5.6, bottom, -step):
            cv2.circle(front, _at(0, y), 1 if kind != "coat" else 3, button, -1, cv2.LINE_AA)
    if kind == "shirt" and rng.random() < 0.5:
        cv2.rectangle(front, _at(0.55, 4.75), _at(1.15, 4.0), edge, 1, cv2.LINE_AA)


@functools.cache
def _globe() -> Globe:
    return Globe(CHEST, columns=48, low=np.radians(-14), high=np.radians(72), rows=30, below=6.12)


def _edge(params: Clothes, azimuth: np.ndarray) -> np.ndarray:
    """Elevation of the neckline, radians, at azimuths seen from inside the chest."""
    front = np.cos(azimuth)
    around = np.abs(np.angle(np.exp(1j * azimuth)))
    high = np.radians(67.0)
    width = 0.55 + 0.5 * params.wide + 0.35 * params.neck
    if params.pointed:
        fall = np.clip(1 - around / (width + 0.15), 0, 1)
    else:
        fall = smooth(np.cos(np.clip(around / (1.7 * width), 0, np.pi / 2)), 0, 1)
    drop = 0.12 + 0.75 * params.neck
    side = 0.42 * params.wide * np.sin(azimuth) ** 2 + 0.2 * params.wide * (front < 0) * front**2
    return high - drop * fall - side + 0.03 * (front < -0.3)


def _skin(fit: Fit, size: float, wide: float = 1.0) -> np.ndarray:
    """Give the chest's skin (30, 48, 3) on the grid of `_globe`, cut where the arms begin,
    closed where it is missing. wide: how far the neckline opens."""
    globe = _globe()
    # Near the armpits rays run along the arm: there the width falls from shoulder to chest.
    limit = (1.45 + 0.35 * smooth(globe.elevation, -0.2, 0.35)[:, None]) * size
    far = limit / np.maximum(np.abs(globe.direction[..., 0]), 0.3)
    points, centre = globe.rays.skin(fit, far)
    over = np.abs(points[..., 0] - centre[0]) / limit
    points = np.where(over[..., None] > 1, centre + (points - centre) / over[..., None], points)
    # The asset's arms are half raised, and its shoulders with them; here they hang.
    aside = smooth(np.abs(points[..., 0] - centre[0]) / size, 0.75, 1.8)
    fall = 0.3 * (1 - min(1.0, 2 * wide))  # bare shoulders stay where they are
    points[..., 1] -= fall * size * aside * smooth(globe.elevation, 0.1, 0.5)[:, None]
    return floats(points)


def clothes(
    params: Clothes,
    fit: Fit,
    *,
    skin: np.ndarray | None = None,
    male: float = 0.5,
    age: float = 30.0,
) -> list[Part]:
    """Build clothes and arms. skin: (3,) linear colour of bare arms and hands."""
    globe = _globe()
    size = shoulders(fit)[1]
    skin_points = _skin(fit, size, params.wide)
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    edge = _edge(params, azimuth)
    share = np.linspace(0, 1, _CHEST_ROWS)[:, None]
    elevation = edge + (_LOWEST - edge) * share
    around = np.broadcast_to(azimuth, elevation.shape)
    out = directions(around, elevation) * floats((1, 0.6, 1))
    out /= np.linalg.norm(out, axis=2, keepdims=True)
    gap = 0.06 + 0.08 * params.wide + params.loose * smooth(share, 0.0, 0.25)
    gap = gap + params.creases[:_CHEST_ROWS] * (share > 0.15)
    chest = globe.look_up(skin_points, around, elevation) + out * gap[..., None]
    shell = np.concatenate([chest, _trunk(params, chest[-1], size, male)])
    mesh = _paneled(shell, fit, size)
    material = Material(params.cloth, roughness=0.88, gloss=0.07)
    if params.kind == "bare":
        tone = floats((0.5, 0.3, 0.21)) if skin is None else floats(skin)
        material = Material(params.cloth * tone, roughness=0.55, gloss=0.7)
    parts = [Part("clothes", mesh.positions, mesh.triangles, material, mesh.uv, "skin", True, True)]
    trim = _trimmings(params, fit, shell, size)
    if trim:
        piece = merge(trim)
        tint = (
            params.trim
            if params.kind in ("suit", "dress", "tank")
            else params.cloth.mean(axis=(0, 1)) * 0.9
        )
        plain = Material(floats(tint), roughness=0.88, gloss=0.07)
        parts.append(
            Part("collar", piece.positions, piece.triangles, plain, None, "skin", True, True)
        )
    return parts + arms(params.arms, fit, skin=skin, age=age)


# Below the chest: how far down (decimetres), width of a slim waist, width of a loose shirt.
_TRUNK = floats(
    [
        (0.5, 0.94, 0.98),
        (1.1, 0.85, 0.96),
        (1.9, 0.82, 0.95),
        (2.8, 0.90, 0.97),
        (3.8, 1.02, 1.02),
        (4.7, 1.06, 1.05),
    ]
)


def _trunk(params: Clothes, ring: np.ndarray, size: float, male: float) -> np.ndarray:
    """Rings (6, columns, 3) below the chest down to the hips, from the ring (columns, 3) above."""
    middle = ring.mean(axis=0)
    slack = min(1.0, 4 * params.loose)
    down, slim, loose = (_TRUNK[:, None, k] for k in range(3))
    width = slack * loose + (1 - slack) * slim
    width = width + 0.06 * (male - 0.5) * np.where(down < 2.5, 1, -1)
    deep = 0.5 + 0.5 * width - 0.08 * smooth(down, 0.2, 1.5)
    wave = 1 + params.creases[-len(_TRUNK) :]
    off = ring - middle
    tilt = off[:, 1] * (1 - smooth(down, 0, 1.2))  # the chest ring is not level, the hips are
    x = middle[0] + off[:, 0] * width * wave
    y = middle[1] - down * size + tilt
    z = middle[2] - 0.1 * size * smooth(down, 0, 2) + off[:, 2] * deep * wave
    return floats(np.stack([x, y, z], axis=-1))


def _paneled(shell: np.ndarray, fit: Fit, size: float) -> Mesh:
    """Join rings into front and back panel, with their places in the map from their flat views."""
    quarter = _COLUMNS // 4
    front = shell[::-1, quarter : 3 * quarter + 1]
    order = np.r_[np.arange(3 * quarter, _COLUMNS), np.arange(0, quarter + 1)]
    back = shell[::-1, order]
    neck, mean = fit.joint("neck"), assets.body().base[assets.body().groups["neck"]].mean(axis=0)
    sheets = []
    for sheet, half, sign in ((front, 0.0, 1), (back, 0.5, -1)):
        mesh = grid(sheet)
        flat = (mesh.positions - neck) / size + mean
        u = half + 0.5 * np.clip((sign * flat[:, 0] + _X) / (2 * _X), 0.01, 0.99)
        v = np.clip((flat[:, 1] - _LOW) / (_TOP - _LOW), 0.01, 0.99)
        sheets.append(Mesh(mesh.positions, mesh.triangles, floats(np.stack([u, v], axis=1))))
    return merge(sheets)


def _trimmings(params: Clothes, fit: Fit, shell: np.ndarray, size: float) -> list[Mesh]:
    """Collar, hood, polo neck or shoulder straps, along the neckline shell[0]."""
    edge = shell[0]
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    inward = fit.joint("neck") * floats((1, 0, 1)) - edge * floats((1, 0, 1))
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    up = floats((0, 1, 0))
    if params.kind in ("shirt", "suit", "polo", "coat"):
        tall = size * (0.3 if params.kind != "coat" else 0.45)
        opened = 0.1 + 0.5 * params.neck if params.kind != "suit" else 0.06
        left, right = np.flatnonzero(azimuth >= opened), np.flatnonzero(azimuth <= -opened)
        keep = np.r_[left, right]  # from the left of the gap round the back
        a = np.abs(azimuth[keep])
        point = np.exp(-(((a - opened) / 0.35) ** 2))  # the collar's points at the front
        base, turn = edge[keep], inward[keep]
        leaf = (0.06 + 0.3 * point)[:, None] * size
        rows = [
            base + 0.03 * turn,
            base + tall * 0.7 * up + 0.1 * turn,
            base + tall * up + 0.06 * turn,
            base + tall * 0.8 * up - 0.02 * turn,
            base - leaf * (up * 0.8 + turn * 0.6) - 0.06 * turn + 0.05 * up,
        ]
        return [grid(np.stack(rows))]
    if params.kind == "turtleneck":
        rows = [edge, edge + 0.3 * up + 0.08 * inward, edge + 0.45 * up + 0.1 * inward]
        rows += [edge + 0.42 * up + 0.01 * inward, edge + 0.05 * up - 0.08 * inward]
        return [grid(np.stack(rows), closed=True)]
    if params.kind == "hoodie":
        back = np.r_[np.flatnonzero(azimuth > 0.5), np.flatnonzero(azimuth < -0.5)]
        path = edge[back] - 0.1 * inward[back] + 0.16 * size * up
        swell = 0.11 + 0.19 * smooth(-np.cos(azimuth[back]), -0.6, 0.8)
        return [tube(path, swell * size, sides=8, up=(0, 1, 0.1), flat=0.8)]
    if params.kind in ("tank", "dress") and params.arms.sleeve < 0.1 and params.wide > 0.45:
        skin = _skin(fit, size)
        straps = []
        for sign in (-1, 1):
            t = np.linspace(0, 1, 9)
            a = sign * (0.5 + t * (np.pi - 1.0))
            e = np.interp(t, (0, 0.5, 1), (0.55, 1.0, 0.6))
            rows = [
                _globe().look_up(skin, a, e + turn) + 0.04 * directions(a, e + turn)
                for turn in (-0.04, 0.04)
            ]
            straps.append(grid(np.stack(rows), flip=sign > 0))
        return straps
    return []


def clothes_cover(params: Clothes, fit: Fit) -> np.ndarray:
    """Say which body vertices (V,) are under cloth or replaced by arms: their triangles need not
    be drawn where all three corners are covered."""
    ray = fit.base - floats(CHEST)
    length = np.linalg.norm(ray, axis=1) + 1e-6
    elevation = np.arcsin(ray[:, 1] / length)
    azimuth = np.arctan2(ray[:, 0], ray[:, 2])
    under = elevation < _edge(params, azimuth) - (0.07 - 0.06 * params.wide)
    return (under | (np.abs(fit.base[:, 0]) > 1.75)) & (fit.base[:, 1] < 6.0)
