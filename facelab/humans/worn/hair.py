"""Hair styles: the asset's ten, stretched, curled, cut and dyed, and grown ones.

The colour is the person's (or the dye's) and is given when hair is built; what is sampled here is
cut, curl, volume, parting and how the colour runs from root to tip.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from facelab.humans import assets
from facelab.humans.parts import Fit, Follows, Material, Part
from facelab.humans.worn.cuts import Cut, sample_cut
from facelab.humans.worn.meshes import Mesh, floats, merge, smooth, tube, whole
from facelab.humans.worn.strands import hairline, ribbons, shell_map, shells, strand_map
from facelab.humans.worn.surface import HEAD, warp

__all__ = ["STYLES", "Hair", "hair"]

ASSETS = (
    "short01", "short02", "short03", "short04", "afro01", "long01", "ponytail01", "braid01",
    "bob01", "bob02",
)  # fmt: skip
GROWN = (
    "buzz", "crop", "quiff", "side part", "slick", "mop", "short curls", "afro", "pixie", "bob",
    "fringe bob", "long straight", "long waves", "long curls", "bun", "pigtails", "updo", "rim",
)  # fmt: skip
STYLES = ASSETS + GROWN
# How often men and women wear each: (male, female).
_ODDS = {
    "short01": (11, 0.3), "short02": (10, 0.3), "short03": (0.6, 0.6), "short04": (9, 2),
    "afro01": (0.5, 0.5), "long01": (0.4, 9), "ponytail01": (0.1, 7), "braid01": (0, 3),
    "bob01": (0, 0.8), "bob02": (0, 1.2), "buzz": (5, 0.2), "crop": (5, 0.3), "quiff": (3, 0.2),
    "side part": (7, 0.6), "slick": (2, 0.6), "mop": (1.5, 0.5), "short curls": (2.5, 1.5),
    "afro": (0.6, 0.8), "pixie": (0.3, 1.5), "bob": (0.4, 4), "fringe bob": (0.2, 6),
    "long straight": (0.8, 8), "long waves": (0.6, 6), "long curls": (0.6, 3.5),
    "bun": (0.5, 4), "pigtails": (0, 1), "updo": (0, 1.5), "rim": (0, 0),
}  # fmt: skip


@dataclass(frozen=True)
class Hair:
    """One hair style. kind: one of STYLES. flip: parting on the other side. length: of what hangs
    below the ears, 1 as designed. volume: 0 flat to 1 full. curl: 0 straight to 1 curly. tips: how
    much lighter (+) or darker (-) the tips are. streaks: strength of streaks. seed: of the strands'
    places. cut: how grown styles grow."""

    kind: str
    flip: bool = False
    length: float = 1.0
    volume: float = 0.3
    curl: float = 0.0
    tips: float = 0.0
    streaks: float = 0.0
    seed: int = 0
    cut: Cut | None = None

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        *,
        kind: str = "",
        male: float = 0.5,
        age: float = 30.0,
        ancestry: np.ndarray | None = None,
        recession: float = 0.0,
    ) -> Hair:
        """Sample a style; kind "" takes any that fits. ancestry: (3,) mixture, whose last share
        makes curls likely. recession: 0 to 1, from 0.8 on a rim of hair is left.

        Raises ValueError for an unknown kind."""
        african = 0.0 if ancestry is None else float(ancestry[2])
        if not kind:
            kind = _sample_kind(rng, male, age, african, recession)
        if kind not in STYLES:
            raise ValueError(f"kind is one of {', '.join(STYLES)}; got {kind!r}")
        curly = rng.random() < 0.18 + 0.4 * african
        return cls(
            kind=kind,
            flip=bool(rng.random() < 0.5),
            length=float(np.clip(rng.normal(1, 0.3), 0.45, 1.6)),
            volume=float(rng.beta(1.5, 2.2)),
            curl=float(rng.uniform(0.3, 1) if curly else max(0.0, rng.normal(0.0, 0.12))),
            tips=float(np.clip(rng.normal(0.0, 0.25), -0.5, 0.9)),
            streaks=float(max(0.0, rng.normal(0.15, 0.25))),
            seed=int(rng.integers(2**31)),
            cut=sample_cut(rng, kind, african),
        )


def _sample_kind(
    rng: np.random.Generator, male: float, age: float, african: float, recession: float
) -> str:
    if recession > 0.8:
        return "rim"
    if recession > 0.4:  # thin hair is worn short
        return str(rng.choice(("buzz", "crop", "side part", "slick", "short02", "short04")))
    share = np.array(
        [_ODDS[name][0] * male**2 + _ODDS[name][1] * (1 - male) ** 2 for name in STYLES]
    )
    boost = {
        "afro": 14, "afro01": 10, "short curls": 2.5, "buzz": 2.5, "braid01": 1.5,
        "long curls": 1.5,
    }  # fmt: skip
    fewer = ("slick", "side part", "quiff", "long straight", "bob01", "short01")
    for k, name in enumerate(STYLES):
        share[k] *= 1 + african * (boost.get(name, 1) - 1)
        share[k] *= 1 - 0.75 * african * (name in fewer)
        share[k] *= 1 - 0.7 * float(smooth(age, 45, 75)) * (
            name in ("pigtails", "braid01", "long straight")
        )
        share[k] *= 1 + 4 * (age < 11) * (name == "pigtails")
    return str(rng.choice(STYLES, p=share / share.sum()))


def hair(
    params: Hair, fit: Fit, *, colour: np.ndarray | None = None, recession: float = 0.0
) -> list[Part]:
    """Build the hair. colour: (3,) linear. recession: 0 to 1, bares temples and forehead."""
    tint = floats((0.05, 0.03, 0.02)) if colour is None else floats(colour)
    if params.kind in ASSETS:
        return [_asset(params, fit, tint, recession)]
    if params.kind in ("buzz", "rim", "afro"):
        return _shell_hair(params, fit, tint, recession)
    return _grown(params, fit, tint, recession)


def _part(
    mesh: Mesh,
    tint: np.ndarray,
    maps: tuple[np.ndarray, np.ndarray],
    *,
    follows: Follows,
    gloss: float,
) -> Part:
    """Make hair of a mesh. tint: (3,) linear. maps: luminance and alpha of its strands."""
    light, alpha = maps
    material = Material(tint, alpha, light, roughness=0.6, gloss=gloss)
    return Part("hair", mesh.positions, mesh.triangles, material, mesh.uv, follows, two_sided=True)


def _shell_hair(params: Hair, fit: Fit, tint: np.ndarray, recession: float) -> list[Part]:
    bare = round(recession * 5) / 5
    if params.kind == "afro":
        tall = 0.2 + 0.5 * params.volume
        mesh = shells(fit, layers=5, height=0.85 * tall, crown=0.3)
        maps = shell_map(5, "curl", recession=bare, seed=params.seed % 3)
        body = _part(mesh, tint * 0.8, maps, follows="head", gloss=0.1)
        long = tall + 0.15
        cut = Cut(
            1.3 * long, long, long, long, lift=1.0, weight=0.05, curl=0.05, wave=0.25,
            texture="coily", width=0.12, count=290, taper=0.1,
        )  # fmt: skip
        curls = ribbons(cut, fit, seed=params.seed, recession=recession)
        maps = _toned("coily", 0.5, round(2 * params.streaks) / 2)
        return [body, _part(curls, tint, maps, follows="head", gloss=0.1)]
    rim = params.kind == "rim"
    mesh = shells(fit, layers=4, height=0.04 + (0.14 if rim else 0.1) * params.volume)
    sparse = round(0.2 + 0.4 * recession, 1) if not rim else 0.3
    maps = shell_map(4, "fine", sparse=sparse, recession=bare, rim=rim, seed=params.seed % 3)
    return [_part(mesh, tint * 0.9, maps, follows="head", gloss=0.12)]


def _grown(params: Hair, fit: Fit, tint: np.ndarray, recession: float) -> list[Part]:
    """Ribbons over a dark cap that hides the scalp between them, and what is tied up."""
    cut = params.cut or Cut()
    recession = min(recession, 0.75)
    cap = shells(fit, layers=2, height=0.07)
    maps = shell_map(
        2, "fine", sparse=round(0.1 + 0.5 * recession, 1), recession=round(recession * 5) / 5
    )
    parts = [_part(cap, tint * 0.7, maps, follows="head", gloss=0.1)]
    mesh = ribbons(cut, fit, seed=params.seed, recession=recession)
    if params.flip:
        middle = 2 * fit.joint("head")[0]
        flipped = mesh.mirrored()
        mesh = Mesh(flipped.positions + floats((middle, 0, 0)), flipped.triangles, mesh.uv)
    maps = _toned(cut.texture, round(2 * params.tips) / 2, round(2 * params.streaks) / 2)
    parts.append(_part(mesh, tint, maps, follows="skin", gloss=0.25))
    if params.kind in ("bun", "pigtails", "updo"):
        tied = _tied(params)
        knot = Mesh(warp(fit, tied.positions), tied.triangles, tied.uv)
        parts.append(_part(knot, tint, _knot_map(), follows="head", gloss=0.25))
    return parts


def _tied(params: Hair) -> Mesh:
    """Bun, knot or two tails on the mean person."""
    big = 0.8 + 0.5 * params.volume
    if params.kind == "pigtails":
        side = floats(
            [
                (0.72, 7.75, 0.1),
                (0.98, 7.75, 0.0),
                (1.12, 7.3, -0.02),
                (1.12, 6.6, 0.05),
                (1.08, 6.1, 0.12),
            ]
        )
        tail = tube(side, floats((0.1, 0.16, 0.2, 0.17, 0.1)) * big, sides=9, flat=0.8)
        return merge([tail, tail.mirrored()])
    top = params.kind == "updo" or params.length > 1.05
    at = floats((0, 8.55, 0.05) if top else (0, 7.55, -0.5))
    out = floats((0, 0.85, -0.5) if top else (0, 0.2, -1))
    path = at + out * floats([[-0.15], [0.02], [0.14], [0.26]]) * big
    return tube(path, floats((0.2, 0.32, 0.31, 0.16)) * big, sides=10, up=(0, 0.3, 1))


@functools.cache
def _knot_map() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    field = cv2.GaussianBlur(
        rng.standard_normal((64, 64)).astype(np.float32), (0, 0), sigmaX=0.8, sigmaY=5
    )
    light = np.clip(0.95 + 0.3 * field / field.std(), 0.4, 1.6)
    return floats(light), floats(np.clip(1.0 + 0.25 * field / field.std(), 0.75, 1))


@functools.lru_cache(maxsize=64)
def _toned(texture: str, tips: float, streaks: float) -> tuple[np.ndarray, np.ndarray]:
    """Strands with lighter or darker tips, and streaks."""
    light, alpha = strand_map(texture)
    v = np.linspace(0, 1, len(light))[:, None]
    rng = np.random.default_rng(3)
    lines = np.repeat(rng.normal(0, 1, (1, light.shape[1] // 4)), 4, axis=1)
    return floats(light * np.exp(tips * (v - 0.4) + 0.3 * streaks * lines)), alpha


def _asset(params: Hair, fit: Fit, tint: np.ndarray, recession: float) -> Part:
    """Fit one of the asset's styles and change it."""
    piece = assets.part(params.kind)
    points = assets.fitted(params.kind, fit.points)[piece.at]
    triangles = piece.triangles
    centre = warp(fit, floats([HEAD]))[0]
    if params.flip:
        points = (points - centre) * floats((-1, 1, 1)) + centre
        triangles = triangles[:, ::-1]
    ears = fit.landmark(0)[1] - 0.15
    below = points[:, 1] < ears
    long = params.kind in ("long01", "ponytail01", "braid01", "bob01", "bob02")
    if long:
        points[below, 1] = ears + (points[below, 1] - ears) * params.length
    ray = points - centre
    length = np.linalg.norm(ray, axis=1, keepdims=True) + 1e-6
    high = smooth(points[:, 1:2], ears, ears + 0.7)
    behind = 1 - smooth(ray[:, 2:3] / length, 0.35, 0.75) * (
        1 - smooth(ray[:, 1:2] / length, 0.6, 0.9)
    )
    swell = 0.2 * params.volume * (0.35 + 0.65 * high) * behind
    points = points + ray / length * swell
    if params.curl > 0.05:
        hang = smooth(-(points[:, 1] - ears - 0.6), 0.0, 1.2)[:, None] if long else floats(0.35)
        wave = 0.55 - 0.25 * params.curl
        phase = 2 * np.pi * points[:, 1] / wave + 2.5 * np.sin(3 * np.arctan2(ray[:, 0], ray[:, 2]))
        side = np.cross(ray / length, floats((0, 1, 0)))
        bend = np.sin(phase)[:, None] * side + 0.7 * np.cos(phase)[:, None] * ray / length
        points = points + 0.12 * params.curl * hang * bend
    if recession > 0.15 and params.kind.startswith("short"):
        elevation = np.arcsin(ray[:, 1] / length[:, 0])
        azimuth = np.arctan2(ray[:, 0], ray[:, 2])
        bare = (
            (elevation < hairline(azimuth, recession))
            & (np.abs(azimuth) < 1.1)
            & (ray[:, 1] > 0.25)
        )
        triangles = triangles[~bare[triangles].any(axis=1)]
    bends = 0 if params.curl < 0.2 else 1 if params.curl < 0.6 else 2
    maps = _asset_maps(
        params.kind, round(2 * params.tips) / 2, round(2 * params.streaks) / 2, bends
    )
    mesh = Mesh(floats(points), np.ascontiguousarray(triangles), piece.uv)
    return _part(mesh, tint, maps, follows="skin", gloss=0.3)


@functools.lru_cache(maxsize=40)
def _asset_maps(
    kind: str, tips: float, streaks: float, bends: int
) -> tuple[np.ndarray, np.ndarray]:
    """The asset's maps with toned tips, streaks, and strands bent to waves (1) or curls (2)."""
    values = assets.texture(f"hair/{kind}.png", 1)
    light, alpha = values[..., 0], values[..., 1]
    size = light.shape[0]
    if bends and kind != "afro01":
        v, u = np.mgrid[:size, :size].astype(np.float32)
        reach, turns = ((0.006, 14), (0.008, 26))[bends - 1]
        shift = np.sin(2 * np.pi * turns * v / size + 5 * np.sin(2 * np.pi * u / size * 5))
        u = u + reach * size * shift.astype(np.float32)
        light = cv2.remap(light, u, v, cv2.INTER_LINEAR)
        alpha = cv2.remap(alpha, u, v, cv2.INTER_LINEAR)
    depth = _root_to_tip(kind, size)
    lines = np.random.default_rng(3).normal(0, 1, (1, size // 6 + 1)).repeat(6, axis=1)[:, :size]
    light = light * np.exp(tips * (depth - 0.35) + 0.3 * streaks * lines)
    return np.ascontiguousarray(light, np.float32), np.ascontiguousarray(alpha, np.float32)


@functools.cache
def _root_to_tip(kind: str, size: int) -> np.ndarray:
    """How far below the crown the hair at each place of a map hangs, 0 to 1."""
    piece = assets.part(kind)
    height = assets.fitted(kind, assets.body().base)[piece.at][:, 1]
    depth = (height.max() - height) / max(float(np.ptp(height)), 0.5)
    small = np.full((96, 96), 0.3, np.float32)
    places = whole(np.stack([piece.uv[:, 0], 1 - piece.uv[:, 1]], axis=1) * 96)
    for triangle in piece.triangles:
        cv2.fillConvexPoly(small, places[triangle], float(depth[triangle].mean()))
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.0), (size, size))
