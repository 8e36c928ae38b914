"""A hand and a forearm, bent into everyday poses.

A hand is modelled as the person's left one: wrist at the origin, fingers up (+y), palm to the front
(+z), thumb at -x. Sizes are an adult's, in decimetres.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from facelab.humans.parts import Material
from facelab.humans.worn.meshes import Mesh, floats, loft, merge, smooth, tube

__all__ = ["POSES", "forearm", "frame", "hand", "skin_material"]

# Of each pose: bend of index, middle, ring and little finger (0 straight, 1 closed), spread of the
# fingers (radians), thumb: how far across the palm and how bent (0 to 1).
POSES: dict[str, tuple[tuple[float, float, float, float], float, tuple[float, float]]] = {
    "open": ((0.08, 0.05, 0.08, 0.1), 0.16, (0.0, 0.05)),
    "flat": ((0.1, 0.1, 0.1, 0.12), 0.03, (0.25, 0.1)),
    "relaxed": ((0.25, 0.32, 0.36, 0.4), 0.06, (0.35, 0.25)),
    "fist": ((0.98, 1.0, 1.0, 1.0), 0.0, (0.95, 0.65)),
    "point": ((0.04, 0.95, 1.0, 1.0), 0.02, (0.9, 0.6)),
    "victory": ((0.03, 0.03, 0.95, 1.0), 0.17, (0.95, 0.6)),
    "thumb up": ((0.95, 1.0, 1.0, 1.0), 0.0, (-0.1, 0.0)),
    "grip": ((0.5, 0.52, 0.54, 0.58), 0.03, (0.7, 0.35)),
    "tight grip": ((0.72, 0.74, 0.76, 0.8), 0.0, (0.85, 0.5)),
    "cupped": ((0.28, 0.28, 0.3, 0.32), 0.02, (0.4, 0.2)),
    "pinch": ((0.5, 0.75, 0.85, 0.9), 0.02, (0.75, 0.3)),
}
# Knuckle (x, y), length, radius of index to little finger.
_FINGERS = (
    (-0.285, 0.96, 0.74, 0.082),
    (-0.095, 1.00, 0.82, 0.085),
    (0.095, 0.96, 0.76, 0.080),
    (0.275, 0.87, 0.60, 0.070),
)


def hand(pose: str = "open", *, bend: float = 0.0) -> Mesh:
    """Model a left hand; bend adds to the bend of all fingers. Raises ValueError for a pose
    that is not in POSES."""
    if pose not in POSES:
        raise ValueError(f"pose is one of {', '.join(POSES)}; got {pose!r}")
    return _hand(pose, round(20 * bend))


@functools.lru_cache(maxsize=128)
def _hand(pose: str, steps: int) -> Mesh:
    """Model a pose, with bend in steps of a twentieth, so that few hands serve all people."""
    bend = steps / 20
    bends, spread, thumb = POSES[pose]
    pieces = [_palm()]
    for k, (finger, amount) in enumerate(zip(_FINGERS, bends, strict=True)):
        lean = spread * (k - 1.4)
        pieces.append(_finger(finger, float(np.clip(amount + bend, 0, 1)), lean))
    pieces.append(_thumb(*thumb))
    return merge(pieces)


def _palm() -> Mesh:
    # Height, middle x, half width, half thickness, shift to the front.
    levels = floats(
        [
            (-0.12, 0.0, 0.25, 0.18, 0.0),
            (0.05, 0.0, 0.28, 0.20, 0.0),
            (0.25, 0.0, 0.34, 0.20, 0.01),
            (0.5, 0.0, 0.39, 0.17, 0.01),
            (0.75, 0.0, 0.405, 0.15, 0.0),
            (0.95, 0.0, 0.385, 0.115, -0.01),
            (1.03, 0.0, 0.33, 0.06, -0.01),
        ]
    )
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    y, x, wide, deep, front = (levels[:, k : k + 1] for k in range(5))
    # u = 0.25 is the back of the hand, as for the fingers.
    across, over = wide * np.cos(angle), -deep * np.sin(angle)
    fall = 0.1 * (np.cos(angle) > 0) * smooth(y, 0.6, 1.0)  # the knuckles fall to the little finger
    rings = np.stack([x + across, y - fall + 0 * across, front + over], axis=-1)
    mesh = loft(rings, caps=True)
    return Mesh(mesh.positions, mesh.triangles, floats(mesh.uv * (1, 0.2) + (0, 0.3)))


def _finger(finger: tuple[float, float, float, float], bend: float, lean: float) -> Mesh:
    x, y, length, radius = finger
    angles = bend * np.array((1.35, 1.75, 1.05))
    turn = np.cumsum(angles)
    bones = length * np.array((0.46, 0.30, 0.24))
    lean = lean * (1 - bend)
    aim = np.stack([np.sin(lean) * np.cos(turn), np.cos(lean) * np.cos(turn), np.sin(turn)], axis=1)
    joints = np.concatenate(
        [[(x, y, -0.01)], (x, y, -0.01) + np.cumsum(bones[:, None] * aim, axis=0)]
    )
    root = joints[:1] - (0, 0.25, 0)
    path = _bent(np.concatenate([root, joints]))
    at = np.linspace(0, 1, len(path))
    radii = radius * np.interp(
        at, (0, 0.2, 0.42, 0.55, 0.75, 0.9, 1), (1.0, 1.12, 0.98, 1.06, 0.9, 0.86, 0.72)
    )
    mesh = tube(path, radii, sides=7, across=(-np.cos(lean), np.sin(lean), 0))
    return Mesh(mesh.positions, mesh.triangles, floats(mesh.uv * (1, 0.5) + (0, 0.5)))


def _bent(joints: np.ndarray) -> np.ndarray:
    """Put points along bones, close together at the joints so that the bends stay narrow."""
    points = [joints[0]]
    for a, b in zip(joints[:-1], joints[1:], strict=True):
        points += [a + 0.3 * (b - a), a + 0.75 * (b - a)]
    return floats([*points, joints[-1]])


def _thumb(across: float, bend: float) -> Mesh:
    out = 1 - across  # 1: stretched away, 0: across the palm
    root = floats((-0.17, 0.12, 0.03))
    first = floats((-0.34 * out - 0.16, 0.36, 0.10 + 0.22 * across))
    aim = floats((-0.55 * out + 0.12 * across, 0.78, 0.1 + 0.3 * across))
    aim /= np.linalg.norm(aim)
    curl = floats((0.9, -0.15, 0.25)) * bend * (0.4 + across)
    second = aim + 0.6 * curl
    third = second / np.linalg.norm(second) + 1.1 * curl
    second, third = second / np.linalg.norm(second), third / np.linalg.norm(third)
    a = root + first
    b = a + 0.34 * second
    path = _bent(np.stack([root, a, b, b + 0.27 * third]))
    radii = np.interp(
        np.linspace(0, 1, len(path)), (0, 0.3, 0.6, 0.85, 1), (0.15, 0.145, 0.1, 0.095, 0.075)
    )
    mesh = tube(path, radii, sides=7, across=(-0.55, -0.2, -0.8))
    return Mesh(mesh.positions, mesh.triangles, floats(mesh.uv * (1, 0.5) + (0, 0.5)))


def forearm(
    wrist: np.ndarray,
    elbow: np.ndarray,
    *,
    palm: npt.ArrayLike = (0.0, 0.0, 1.0),
    size: float = 1.0,
    start: float = 0.0,
) -> Mesh:
    """Model a forearm from the wrist to the elbow. palm: where the palm looks, the flat side of the
    wrist; start: share of its length left out at the wrist, for sleeves, which are wider."""
    share = np.linspace(start, 1, 8)
    wide = 1.0 if start == 0 else 1.18
    middle = floats(wrist) + share[:, None] * (floats(elbow) - floats(wrist))
    radii = (
        size * wide * np.interp(share, (0, 0.12, 0.45, 0.75, 1), (0.275, 0.27, 0.36, 0.43, 0.40))
    )
    flat = np.interp(share, (0, 0.5), (0.72, 0.95))
    ends = (start > 0, True)
    mesh = tube(middle, radii, sides=10, up=-floats(palm), flat=flat, round_ends=ends)
    if start == 0:
        return Mesh(mesh.positions, mesh.triangles, floats(mesh.uv * (1, 0.28)))
    return mesh


def frame(fingers: npt.ArrayLike, palm: npt.ArrayLike) -> np.ndarray:
    """Build the rotation (3, 3) that points a hand's fingers and palm where they are wanted."""
    y = floats(fingers) / np.linalg.norm(floats(fingers))
    z = floats(palm) - y * float(np.dot(palm, y))
    z /= np.linalg.norm(z)
    return floats(np.stack([np.cross(y, z), y, z], axis=1))


def skin_material(skin: np.ndarray, *, nails: np.ndarray | None = None) -> Material:
    """Make the skin of hands and forearms: palms lighter, knuckles and tips redder, nails.

    skin: (3,) linear. The map has the forearm below, the palm in the middle, fingers above;
    u = 0.25 is the back of the hand.
    """
    shade, pale, creases, nail = _skin_fields()
    tone = floats(skin) * shade
    light = floats((0.62, 0.38, 0.28))
    target = np.maximum(tone, light * floats(0.35 + 0.65 * float(np.mean(skin)) / 0.44))
    tone = (tone * (1 - pale) + np.minimum(target, 0.8) * pale) * creases
    paint = floats(skin) * floats((1.15, 1.0, 1.0)) + 0.06 if nails is None else floats(nails)
    tone = (tone * (1 - nail) + paint * nail).clip(0.01, 0.9)
    return Material(np.ascontiguousarray(tone, np.float32), roughness=0.5, gloss=0.8)


@functools.cache
def _skin_fields() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Where a hand's map (64, 32) is redder (a factor), paler, creased (a factor), and nail."""
    v, u = np.mgrid[:64, :32].astype(np.float32) / floats((64, 32))[:, None, None]
    v = 1 - v
    back = 0.5 + 0.5 * np.cos(2 * np.pi * (u - 0.25))
    along = np.clip((v - 0.5) * 2, 0, 1)
    joints = sum(np.exp(-(((along - at) / 0.035) ** 2)) for at in (0.22, 0.5, 0.72)) * (v > 0.5)
    tip = smooth(along, 0.85, 1.0)
    red = 0.22 * joints * back + 0.3 * tip + 0.12 * (1 - back) * (v > 0.3)
    shade = np.exp(-red[..., None] * floats((-0.05, 0.55, 0.4)))
    pale = 0.45 * (1 - back) * smooth(v, 0.26, 0.36)
    creases = 0.18 * joints * (np.abs((along * 55) % 1 - 0.5) < 0.2)
    nail = smooth(along, 0.83, 0.86) * (1 - smooth(along, 0.93, 0.95)) * smooth(back, 0.86, 0.95)
    return (
        floats(shade),
        floats(pale[..., None]),
        floats(1 - creases[..., None]),
        floats(nail[..., None]),
    )
