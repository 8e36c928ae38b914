"""Cut-outs without a face, which detectors take for faces: hands, arms, legs, feet, headless
bodies, backs of heads.

    props = render_props(np.random.default_rng(0), 100)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from facelab.humans.parts import Material, Part
from facelab.humans.person.lights import Light, sample_light
from facelab.humans.person.looks import Look
from facelab.humans.person.people import Human
from facelab.humans.person.views import View
from facelab.humans.rendering import kernels
from facelab.humans.rendering.posing import Camera, rotation
from facelab.humans.rendering.render import finish, render
from facelab.humans.sprites import Prop
from facelab.humans.worn.body import ARMS, leg
from facelab.humans.worn.clothes import Clothes
from facelab.humans.worn.fingers import POSES, forearm, hand, skin_material
from facelab.humans.worn.hats import Hat
from facelab.humans.worn.meshes import Mesh, floats, merge, normals, plate, smooth, tube
from facelab.humans.worn.patterns import cloth, colour, skin_colour

__all__ = ["KINDS", "render_props"]

KINDS = {
    "hand": 0.26, "arm": 0.12, "legs": 0.14, "knees": 0.08, "foot": 0.05, "body": 0.13,
    "folded arms": 0.08, "back": 0.14,
}  # fmt: skip
"""Kinds of cut-outs and their shares."""


def render_props(
    rng: np.random.Generator, count: int, *, kinds: tuple[str, ...] = (), size: int = 160
) -> list[Prop]:
    """Render cut-outs, each trimmed to what is to be seen.

    kinds: of KINDS; empty takes all, in their shares. size: of the longer side at most, pixels.
    Raises AssetsError without the assets, ValueError for an unknown kind or a size below 8.
    """
    names = kinds or tuple(KINDS)
    unknown = [name for name in names if name not in KINDS]
    if unknown or size < 8:
        raise ValueError(
            f"kinds are among {', '.join(KINDS)} and size is at least 8; got {unknown or size}"
        )
    share = np.array([KINDS[name] for name in names])
    made: list[Prop] = []
    while len(made) < count:
        kind = str(rng.choice(names, p=share / share.sum()))
        rgba = _trimmed(_MAKERS[kind](np.random.default_rng(int(rng.integers(2**31))), size))
        if min(rgba.shape[:2]) >= max(2, size // 10):  # not a sliver
            made.append(Prop(rgba, kind))
    return made


def _trimmed(rgba: np.ndarray) -> np.ndarray:
    """Cut empty borders off."""
    seen = rgba[..., 3] > 8
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if not len(rows):
        return rgba[:1, :1]
    return np.ascontiguousarray(rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _hand(rng: np.random.Generator, size: int) -> np.ndarray:
    pose = str(rng.choice(list(POSES)))
    skin = skin_material(skin_colour(rng))
    model = hand(pose, bend=float(rng.uniform(-0.1, 0.15)))
    arm = forearm(np.zeros(3), floats((rng.normal(0, 0.5), -2.4, rng.normal(0, 0.5))))
    parts = [_flesh(merge([model, arm]), skin)]
    if rng.random() < 0.4:
        parts.append(_sleeve(rng, arm, start=0.12))
    elif rng.random() < 0.3:
        parts.append(_watch(rng, floats((0, -0.25, 0)), 0.31))
    if rng.random() < 0.5:  # not every hand shows much of its arm
        parts = [_cut(part, lambda p: p[:, 1] > -0.9) for part in parts]
    turn = rotation(
        rng.uniform(-math.pi, math.pi), rng.normal(0, 0.6), rng.uniform(-math.pi, math.pi)
    )
    return _draw(rng, parts, turn, size)


def _arm(rng: np.random.Generator, size: int) -> np.ndarray:
    skin = skin_material(skin_colour(rng))
    elbow = floats((0, -2.5, 0))
    bend = rng.uniform(0.2, 2.4)
    shoulder = elbow + 2.7 * floats((0, -math.cos(bend), -math.sin(bend)))
    thick = rng.uniform(0.8, 1.15)
    upper = tube(
        elbow + floats([[0.0], [0.4], [1.0]]) * (shoulder - elbow),
        thick * floats((0.38, 0.46, 0.52)), sides=10, up=(1, 0, 0.1),
    )  # fmt: skip
    lower = forearm(np.zeros(3), elbow, size=thick)
    pose = str(rng.choice(["relaxed", "fist", "flat", "open"]))
    upper = Mesh(upper.positions, upper.triangles, floats(upper.uv * (1, 0.2)))
    parts = [_flesh(merge([hand(pose), lower, upper]), skin)]
    if rng.random() < 0.4:
        parts.append(_watch(rng, floats((0, -0.3, 0)), 0.32 * thick))
    if rng.random() < 0.4:
        parts = [_cut(part, lambda p: p[:, 1] < -0.2) for part in parts]
    turn = rotation(
        rng.uniform(-math.pi, math.pi), rng.normal(0, 0.5), rng.uniform(-math.pi, math.pi)
    )
    return _draw(rng, parts, turn, size)


def _legs(rng: np.random.Generator, size: int) -> np.ndarray:
    skin = skin_material(skin_colour(rng))
    sitting = rng.random() < 0.5
    wear = str(rng.choice(["bare", "shorts", "trousers"], p=(0.35, 0.3, 0.35)))
    trousers = Material(
        cloth(rng, "plain" if rng.random() < 0.7 else "", size=64), roughness=0.9, gloss=0.05
    )
    gap = rng.uniform(0.5, 1.5)
    flesh, covered, shoes = [], [], []
    thick = float(rng.uniform(0.85, 1.15))
    for side in (-1, 1):
        hip = floats((side * 0.75, 0, 0))
        if sitting:
            knee = hip + floats((side * (gap - 0.75), rng.normal(0, 0.3), 4.0))
            ankle = knee + floats((side * rng.normal(0, 0.4), -4.0, rng.normal(0, 0.8)))
        else:
            knee = hip + floats((side * 0.1 * gap, -4.1, rng.normal(0, 0.4)))
            ankle = knee + floats((0, -4.0, rng.normal(-0.3, 0.4)))
        if wear == "trousers":
            covered.append(leg(hip, knee, ankle, wide=1.15 * thick))
        else:
            flesh.append(leg(hip, knee, ankle, wide=thick))
            if wear == "shorts":
                covered.append(
                    leg(hip, knee, ankle, wide=1.2 * thick, part=(0, rng.uniform(0.2, 0.45)))
                )
        shoes.append(_foot_mesh().moved(shift=ankle))
    parts = []
    if flesh:
        mesh = merge(flesh)
        parts.append(
            _flesh(Mesh(mesh.positions, mesh.triangles, floats(mesh.uv * (1, 0.27))), skin)
        )
    if covered:
        mesh = merge(covered)
        parts.append(
            Part("trousers", mesh.positions, mesh.triangles, trousers, mesh.uv, two_sided=True)
        )
    if rng.random() < 0.8:
        mesh = merge(shoes)
        leather = Material(colour(rng), roughness=0.5, gloss=0.3)
        parts.append(Part("shoes", mesh.positions, mesh.triangles, leather, mesh.uv))
    turn = rotation(
        rng.normal(0, 0.7), rng.normal(-0.2 if sitting else 0, 0.25), rng.normal(0, 0.15)
    )
    return _draw(rng, parts, turn, size)


def _knees(rng: np.random.Generator, size: int) -> np.ndarray:
    """A close view of legs: a part of a larger picture."""
    rgba = _trimmed(_legs(rng, size * 2))
    high, wide = rgba.shape[:2]
    rows, columns = int(high * rng.uniform(0.3, 0.6)), max(8, int(wide * rng.uniform(0.5, 1)))
    top, left = rng.integers(0, high - rows + 1), rng.integers(0, wide - columns + 1)
    return rgba[top : top + rows, left : left + columns][:size, :size]


def _foot_mesh() -> Mesh:
    """A foot or shoe, ankle at the origin, toes to the front."""
    path = floats(
        [(0, 0.1, -0.25), (0, -0.35, 0.0), (0, -0.5, 0.7), (0, -0.58, 1.3), (0, -0.6, 1.7)]
    )
    return tube(
        path,
        floats((0.36, 0.42, 0.42, 0.44, 0.3)),
        sides=10,
        up=(0, 1, 0.4),
        flat=floats((1, 0.9, 0.7, 0.5, 0.4)),
    )


def _foot(rng: np.random.Generator, size: int) -> np.ndarray:
    shin = leg((0, 8, -0.2), (0, 4, 0), (0, 0, 0), part=(0.6, 1))
    shin = Mesh(shin.positions, shin.triangles, floats(shin.uv * (1, 0.27)))
    foot = _foot_mesh()
    skin = skin_material(skin_colour(rng))
    if rng.random() < 0.5:
        parts = [_flesh(shin, skin)]
        leather = Material(colour(rng), roughness=0.5, gloss=0.3)
        parts.append(Part("shoe", foot.positions, foot.triangles, leather, foot.uv))
    else:
        toes = []
        for k, (x, reach) in enumerate(
            ((-0.26, 1.86), (-0.1, 1.82), (0.03, 1.76), (0.16, 1.68), (0.28, 1.56))
        ):
            r = 0.14 if k == 0 else 0.095
            toes.append(
                tube(floats([(x * 0.8, -0.62, 1.2), (x, -0.64, reach)]), r, sides=6, up=(0, 1, 0))
            )
        bare = merge([foot, *toes])
        bare = Mesh(bare.positions, bare.triangles, floats(bare.uv * (1, 0.27)))
        parts = [_flesh(merge([shin, bare]), skin)]
    turn = rotation(rng.uniform(-math.pi, math.pi), rng.normal(0, 0.4), rng.normal(0, 0.6))
    return _draw(rng, parts, turn, size)


def _body(rng: np.random.Generator, size: int, *, pose: str = "") -> np.ndarray:
    """A dressed body, its head cut away."""
    human = Human.sample(rng)
    view = View.sample(rng, human, occluders=False, fill=0.24, shift=(0.0, -0.3))
    dressed = Clothes.sample(rng, male=human.male, half=True, pose=pose)
    yaw = float(rng.normal(0, 0.8))
    view = replace(view, look=Look(clothes=dressed), yaw=yaw, pitch=0.0, roll=0.0)
    sprite = render(human, view, size=(size, size))
    rgba = sprite.rgba.copy()
    chin = sprite.landmarks[8]
    tall = float(chin[1] - sprite.box[1])
    rows, columns = np.mgrid[:size, :size].astype(np.float32) + 0.5
    off_head = smooth(rows - chin[1] - 0.12 * tall, -1.0, 1.0)
    if dressed.arms.pose in ("raised", "one up"):  # arms that are held up stay
        off_head = np.maximum(off_head, np.abs(columns - chin[0]) > 1.4 * tall)
    rgba[..., 3] = np.uint8(rgba[..., 3] * off_head)
    _, pieces = cv2.connectedComponents((rgba[..., 3] > 8).astype(np.uint8))
    largest = np.bincount(pieces[pieces > 0], minlength=2).argmax()
    rgba[pieces != largest, 3] = 0
    return rgba


def _folded(rng: np.random.Generator, size: int) -> np.ndarray:
    """Arms before a chest, cut out around them."""
    pose = str(rng.choice(["folded", "front", "hips"], p=(0.7, 0.2, 0.1)))
    rgba = _trimmed(_body(rng, size * 3 // 2, pose=pose))
    high = rgba.shape[0]
    top = int(high * rng.uniform(0.15, 0.4))
    return rgba[top : top + int(high * rng.uniform(0.35, 0.6))][:size]


def _back(rng: np.random.Generator, size: int) -> np.ndarray:
    """A head turned away so far that no face is seen."""
    human = Human.sample(rng)
    yaw = float(rng.choice([-1, 1]) * rng.uniform(2.45, math.pi))
    look = replace(Look.sample(rng, human, human.age, occluders=False), held=None)
    if rng.random() < 0.2:
        look = replace(look, hat=Hat.sample(rng))
    view = View.sample(rng, human, yaw=yaw, look=look, fill=float(rng.uniform(0.4, 0.75)))
    return render(human, replace(view, tilt=0.5 * yaw), size=(size, size)).rgba


_MAKERS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "hand": _hand,
    "arm": _arm,
    "legs": _legs,
    "knees": _knees,
    "foot": _foot,
    "body": lambda rng, size: _body(rng, size, pose=str(rng.choice(list(ARMS)))),
    "folded arms": _folded,
    "back": _back,
}


def _flesh(mesh: Mesh, material: Material) -> Part:
    return Part("flesh", mesh.positions, mesh.triangles, material, mesh.uv)


def _sleeve(rng: np.random.Generator, arm: Mesh, *, start: float) -> Part:
    mesh = forearm(np.zeros(3), arm.positions[-40:].mean(axis=0), start=start)
    material = Material(cloth(rng, size=48), roughness=0.9, gloss=0.05)
    return Part("sleeve", mesh.positions, mesh.triangles, material, mesh.uv, two_sided=True)


def _watch(rng: np.random.Generator, at: np.ndarray, radius: float) -> Part:
    strap = tube(
        at + floats([(0, 0.07, 0), (0, -0.07, 0)]), radius, sides=12, up=(0, 0, 1), flat=0.8,
        round_ends=(False, False),
    )  # fmt: skip
    a = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    face = plate(0.2 * np.stack([np.cos(a), np.sin(a)], axis=1), 0.03, -0.05)
    face = face.moved(rotation(math.pi, 0, 0), at + floats((0, 0, -0.85 * radius)))
    mesh = merge([strap, face])
    return Part(
        "watch", mesh.positions, mesh.triangles, Material(colour(rng), roughness=0.3, gloss=0.8)
    )


def _cut(part: Part, keep: Callable[[np.ndarray], np.ndarray]) -> Part:
    """Drop triangles with a corner where `keep` says no."""
    kept = keep(part.positions)[part.triangles].all(axis=1)
    return replace(part, triangles=part.triangles[kept], two_sided=True)


def _draw(
    rng: np.random.Generator,
    parts: list[Part],
    turn: np.ndarray,
    size: int,
    *,
    supersample: int = 2,
) -> np.ndarray:
    """Draw opaque parts, turned by a rotation, filling a square picture: (size, size, 4) uint8."""
    parts = [part for part in parts if len(part.triangles)]
    light = sample_light(rng)
    wide = size * supersample
    used = np.concatenate([part.positions[np.unique(part.triangles)] for part in parts]) @ turn.T
    middle = (used.min(axis=0) + used.max(axis=0)) / 2
    reach = float(np.ptp(used[:, :2], axis=0).max()) * 1.06
    away = reach * float(rng.uniform(2, 6))
    eye = floats(middle + (0, 0, away + np.ptp(used[:, 2]) / 2))
    camera = Camera(eye, away / reach, (wide / 2, wide / 2), float(wide))
    image = np.zeros((wide, wide, 3), np.float32)
    nearest = np.zeros((wide, wide), np.float32)
    cover = np.zeros((wide, wide), np.float32)
    for part in parts:
        points = floats(part.positions @ turn.T)
        screen, depth = camera.project(points)
        owner = np.full((wide, wide), -1, np.int32)
        wa, wb = np.zeros_like(nearest), np.zeros_like(nearest)
        triangles = np.ascontiguousarray(part.triangles, np.int32)
        sides = np.full(len(triangles), True)
        kernels.raster(triangles, sides, 0, screen, depth, nearest, owner, wa, wb)
        seen = owner >= 0
        if seen.any():
            weights = np.stack([wa[seen], wb[seen], 1 - wa[seen] - wb[seen]], axis=1)
            image[seen] = _shaded(part, points, triangles[owner[seen]], weights, eye, light)
            cover[seen] = 1
    return finish(image, cover, (size, size))


def _shaded(
    part: Part,
    points: np.ndarray,
    corners: np.ndarray,
    weights: np.ndarray,
    eye: np.ndarray,
    light: Light,
) -> np.ndarray:
    """Light the seen points of a part: (N, 3) linear. corners: (N, 3); weights: (N, 3)."""
    normal = normals(points, part.triangles)

    def blend(values: np.ndarray) -> np.ndarray:
        return np.einsum("nk,nkd->nd", weights, values[corners])

    n, at = blend(normal), blend(points)
    to_eye = eye - at
    to_eye /= np.linalg.norm(to_eye, axis=1, keepdims=True)
    n /= np.linalg.norm(n, axis=1, keepdims=True) + 1e-9
    n *= np.where((n * to_eye).sum(axis=1, keepdims=True) < 0, -1, 1)
    m = part.material
    if m.colour.ndim == 3 and part.uv is not None:
        h, w = m.colour.shape[:2]
        uv = blend(part.uv)
        x = np.clip((uv[:, 0] * w).astype(int), 0, w - 1)
        y = np.clip(((1 - uv[:, 1]) * h).astype(int), 0, h - 1)
        base = m.colour[y, x]
    else:
        base = np.broadcast_to(m.colour, n.shape)
    sh = light.ambient
    glow = np.maximum(sh[0] + n[:, :1] * sh[1] + n[:, 1:2] * sh[2] + n[:, 2:] * sh[3], 0)
    shine = np.zeros_like(n)
    for lamp in light.lamps:
        glow = glow + np.clip((n @ lamp[:3] + 0.1) / 1.1, 0, None)[:, None] * lamp[3:]
        half = lamp[:3] + to_eye
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        power = 4 / max(m.roughness, 0.1) ** 3
        spot = np.clip((n * half).sum(axis=1), 0, None) ** power
        shine += 0.12 * m.gloss * spot[:, None] * lamp[3:]
    return floats(base * glow + shine)
