"""What hands do near a face: rest on it, cover it, wave, and hold phones, cups, microphones.

Hands are placed on the mean person and carried to others by `surface.warp`; the arm goes down to an
elbow. Sizes are an adult's, in decimetres.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facelab.humans.parts import Fit, Follows, Material, Part
from facelab.humans.worn.fingers import forearm, frame, hand, skin_material
from facelab.humans.worn.meshes import Mesh, box, floats, grid, merge, smooth, tube
from facelab.humans.worn.patterns import cloth, colour
from facelab.humans.worn.surface import warp

__all__ = ["HELD", "Held", "held"]


@dataclass(frozen=True)
class _Hold:
    """How a left hand is held: pose, directions of fingers and palm, the hand's point that lies at
    `target`, the elbow; the last two on the mean person."""

    pose: str
    fingers: tuple[float, float, float]
    palm: tuple[float, float, float]
    contact: tuple[float, float, float]
    target: tuple[float, float, float]
    elbow: tuple[float, float, float]
    thing: str = ""
    both: bool = False


_TIP = (-0.29, 1.62, 0.06)  # of a stretched index finger
HELD: dict[str, _Hold] = {
    "cheek": _Hold("flat", (0.12, 0.95, -0.3), (-0.85, 0, -0.5), (0, 0.6, 0.16),
        (0.58, 6.82, 1.08), (1.1, 4.5, 2.1)),
    "chin": _Hold("fist", (-0.2, 0.95, -0.15), (0, 0.15, -1), (0.0, 1.02, 0.25),
        (0.04, 6.16, 1.32), (0.9, 3.8, 1.9)),
    "thinking": _Hold("point", (-0.25, 0.95, -0.1), (-0.35, 0, -1), (0, 0.85, 0.25),
        (0.2, 6.3, 1.45), (0.9, 4.0, 1.9)),
    "mouth": _Hold("flat", (-0.8, 0.55, -0.1), (0, 0.0, -1), (0, 0.8, 0.17), (0.0, 6.62, 1.62),
        (1.5, 4.6, 1.9)),
    "eye": _Hold("cupped", (-0.2, 0.97, -0.05), (0, 0, -1), (-0.05, 0.8, 0.2), (0.31, 7.26, 1.5),
        (1.2, 4.7, 2.2)),
    "forehead": _Hold("flat", (-0.8, 0.55, -0.25), (-0.2, -0.1, -1), (0, 0.9, 0.16),
        (0.1, 7.75, 1.53), (1.9, 5.6, 1.6)),
    "shade": _Hold("flat", (-0.9, 0.3, 0.15), (0.15, -1, -0.35), (0, 1.1, 0.16),
        (0.15, 7.6, 1.75), (2.0, 5.9, 1.5)),
    "lips": _Hold("point", (-0.12, 1, 0.02), (-0.3, 0, -1), (-0.29, 1.5, 0.1), (0.0, 6.68, 1.63),
        (0.9, 4.2, 2.2)),
    "both cheeks": _Hold("cupped", (0.1, 0.95, -0.35), (-0.85, 0, -0.5), (0, 0.6, 0.18),
        (0.56, 6.7, 1.1), (1.0, 4.3, 2.2), both=True),
    "both eyes": _Hold("flat", (-0.3, 0.95, -0.1), (0, 0, -1), (0, 0.9, 0.17), (0.3, 7.22, 1.5),
        (1.2, 4.6, 2.2), both=True),
    "wave": _Hold("open", (0.15, 1, 0.05), (-0.1, 0, 1), (0, 0.6, 0), (1.55, 6.9, 1.3),
        (1.75, 4.6, 0.9)),
    "victory": _Hold("victory", (0.1, 1, 0.0), (-0.2, 0, 1), (0, 0.6, 0), (1.0, 6.45, 1.75),
        (1.5, 4.3, 1.3)),
    "thumb": _Hold("thumb up", (-0.9, 0.3, 0.2), (-0.25, 0.0, -1), (0, 0.6, 0), (0.85, 5.9, 2.2),
        (1.8, 4.5, 1.5)),
    "point": _Hold("point", (0.1, 1, 0.1), (-0.6, 0, 0.8), (0, 0.6, 0), (1.05, 6.3, 1.7),
        (1.5, 4.2, 1.2)),
    "phone": _Hold("grip", (-0.1, 0.85, -0.45), (-0.95, 0.0, 0.1), (0, 0.72, 0.27),
        (0.93, 6.88, 0.8), (1.7, 5.0, 1.6), "phone"),
    "selfie": _Hold("grip", (-0.75, 0.65, -0.1), (0.1, 0.15, -1), (-0.05, 0.85, 0.26),
        (0.35, 6.6, 2.75), (1.8, 4.7, 1.6), "phone"),
    "cup": _Hold("grip", (-0.72, 0.12, 0.68), (-0.7, 0, -0.7), (0, 0.72, 0.45), (0, 6.32, 1.98),
        (1.5, 4.6, 1.3), "cup"),
    "glass": _Hold("grip", (-0.72, 0.12, 0.68), (-0.7, 0, -0.7), (0, 0.72, 0.4), (0, 6.36, 1.96),
        (1.5, 4.6, 1.3), "glass"),
    "bottle": _Hold("tight grip", (-0.72, 0.12, 0.68), (-0.7, 0, -0.7), (0, 0.75, 0.34),
        (0, 6.3, 2.4), (1.6, 4.7, 1.5), "bottle"),
    "microphone": _Hold("tight grip", (-0.7, 0.15, 0.7), (-0.7, 0, -0.7), (0, 0.75, 0.25),
        (0.05, 5.95, 2.15), (1.5, 4.3, 1.4), "microphone"),
    "food": _Hold("pinch", (-0.75, 0.4, 0.1), (-0.2, 0.1, -1), (0, 0.95, 0.4), (0, 6.45, 1.95),
        (1.4, 4.4, 1.9), "food"),
    "book": _Hold("grip", (-0.25, 0.95, 0.2), (-0.75, 0.1, -0.65), (0, 0.8, 0.25),
        (0.62, 6.3, 2.25), (1.5, 4.6, 1.7), "book", both=True),
    "camera": _Hold("grip", (-0.4, 0.6, 0.5), (-0.9, 0.2, -0.2), (0, 0.85, 0.3),
        (0.62, 7.05, 1.95), (1.5, 4.8, 1.6), "camera", both=True),
}  # fmt: skip
_ODDS = {
    "cheek": 1.2, "chin": 1.4, "thinking": 1.2, "mouth": 1.6, "eye": 0.9, "both eyes": 0.4,
    "wave": 0.9, "forehead": 0.8, "phone": 2.2, "cup": 1.3, "microphone": 1.4, "selfie": 1.0,
    "camera": 0.8,
}  # fmt: skip
"""How often a kind is drawn; 0.6 where it is not named."""


@dataclass(frozen=True, eq=False)
class Held:
    """A hand near the face, and what it holds. kind: one of HELD; right: which hand; sleeve:
    (h, w, 3) cloth from the wrist on, or None for a bare arm; shift: (3,) decimetres off the usual
    place; thing: (3,) colour of the thing; watch: worn or not; nails: (3,) varnish or None."""

    kind: str
    right: bool = False
    bend: float = 0.0
    shift: np.ndarray = field(default_factory=lambda: np.zeros(3, np.float32))
    sleeve: np.ndarray | None = None
    thing: np.ndarray = field(default_factory=lambda: floats((0.02, 0.02, 0.02)))
    watch: bool = False
    nails: np.ndarray | None = None

    @classmethod
    def sample(cls, rng: np.random.Generator, *, kind: str = "", male: float = 0.5) -> Held:
        """Sample a hand; kind "" takes any. Raises ValueError for an unknown kind."""
        if not kind:
            share = np.array([_ODDS.get(name, 0.6) for name in HELD])
            kind = str(rng.choice(list(HELD), p=share / share.sum()))
        if kind not in HELD:
            raise ValueError(f"kind is one of {', '.join(HELD)}; got {kind!r}")
        nails = None
        if male < 0.5 and rng.random() < 0.4:
            nails = floats(rng.uniform(0.02, 0.6, 3) * (1, 0.4, 0.5))
        return cls(
            kind=kind,
            right=bool(rng.random() < 0.5),
            bend=float(rng.uniform(-0.05, 0.1)),
            shift=floats(rng.normal(0, 0.07, 3) * (1, 1, 0.3)),
            sleeve=cloth(rng, size=48) if rng.random() < 0.5 else None,
            thing=colour(rng, vivid=0.5),
            watch=bool(rng.random() < 0.15),
            nails=nails,
        )


def held(
    params: Held, fit: Fit, *, skin: np.ndarray | None = None, age: float = 30.0
) -> list[Part]:
    """Build hand, forearm and thing. skin: (3,) linear colour of the person."""
    hold = HELD[params.kind]
    tone = floats((0.5, 0.3, 0.21)) if skin is None else floats(skin)
    size = float(fit.landmark(27)[1] - fit.landmark(8)[1]) / 1.16
    size *= 0.72 + 0.3 * float(smooth(age, 5, 16))
    parts: list[Part] = []
    for right in (False, True) if hold.both else (params.right,):
        parts += _one_hand(params, hold, fit, tone, size, right)
    if hold.thing:
        parts += _thing(params, hold, fit, size)
    return parts


def _place(params: Held, hold: _Hold, fit: Fit, right: bool) -> tuple[np.ndarray, np.ndarray]:
    """Give the factors (3,) that mirror for the right hand, and the hand's target (3,)."""
    side = floats((-1, 1, 1) if right else (1, 1, 1))
    target = warp(fit, floats(hold.target)[None] * side)[0]
    return side, target + params.shift * (not hold.both)


def _one_hand(
    params: Held, hold: _Hold, fit: Fit, skin: np.ndarray, size: float, right: bool
) -> list[Part]:
    side, target = _place(params, hold, fit, right)
    model = hand(hold.pose, bend=params.bend)
    turn = frame(hold.fingers, hold.palm)
    elbow = warp(fit, floats(hold.elbow)[None] * side)[0]
    local = (model.positions - floats(hold.contact)) * size
    mesh = Mesh(local @ turn.T, model.triangles, model.uv)
    wrist = turn @ (-floats(hold.contact) * size)
    elbow = (elbow - target) * side
    reach = elbow - wrist
    elbow = wrist + reach * (2.6 * size / np.linalg.norm(reach))
    arm = forearm(wrist, elbow, palm=turn[:, 2], size=size)
    bare = merge([mesh, arm])
    extra = []
    if params.sleeve is not None:
        extra.append(
            (
                "sleeve",
                forearm(wrist, elbow, palm=turn[:, 2], size=size, start=0.1),
                Material(params.sleeve, roughness=0.9, gloss=0.05),
            )
        )
    elif params.watch:
        at = wrist + (elbow - wrist) * floats([[0.1], [0.15]])
        strap = tube(at, 0.3 * size, sides=10, up=turn[:, 2], flat=0.76, round_ends=(False, False))
        extra.append(("watch", strap, Material(params.thing, roughness=0.3, gloss=0.8)))
    out = [("hand", bare, skin_material(skin, nails=params.nails))] + extra
    parts = []
    for name, piece, material in out:
        piece = piece.mirrored() if right else piece
        parts.append(_part(name, piece, target, material))
    return parts


def _part(
    name: str, mesh: Mesh, at: np.ndarray, material: Material, follows: Follows = "head"
) -> Part:
    points = floats(mesh.positions + floats(at))
    return Part(name, points, mesh.triangles, material, mesh.uv, follows)


def _thing(params: Held, hold: _Hold, fit: Fit, size: float) -> list[Part]:
    _, at = _place(params, hold, fit, params.right)
    plain = Material(floats(params.thing), roughness=0.35, gloss=0.5)
    if hold.thing == "phone":
        body = box((0.74, 1.5, 0.085), bevel=0.06)
        if params.kind == "phone":
            turn = frame((-0.05, 0.85, -0.5), (-1, 0, 0.05))
        else:
            turn = frame((0.25, 0.95, 0), (0, 0.1, 1))
        face = _phone_map(params.thing)
        mesh = body.moved(turn)
        mesh = mesh.mirrored() if params.right else mesh
        return [_part("phone", mesh, at, Material(face, roughness=0.2, gloss=0.8))]
    if hold.thing in ("cup", "glass"):
        radii = floats((0.05, 0.3, 0.33, 0.38, 0.4, 0.37, 0.05)) * (
            0.9 if hold.thing == "glass" else 1
        )
        height = floats((-0.42, -0.42, -0.1, 0.3, 0.45, 0.44, 0.2))
        material = plain
        if hold.thing == "glass":
            material = Material(floats((0.6, 0.62, 0.62)), alpha=0.35, roughness=0.1, gloss=1.0)
        tip = floats((0, 0.93, -0.36))
    elif hold.thing == "bottle":
        radii = floats((0.05, 0.3, 0.31, 0.31, 0.12, 0.11, 0.02))
        height = floats((-1.1, -1.1, -0.9, 0.1, 0.5, 0.85, 0.87))
        material, tip = plain, floats((0, 0.45, -0.89))
    elif hold.thing == "microphone":
        radii = floats((0.02, 0.1, 0.12, 0.15, 0.24, 0.26, 0.2, 0.02))
        height = floats((-1.2, -1.2, 0.0, 0.45, 0.5, 0.7, 0.87, 0.93))
        material, tip = plain, floats((0, 0.82, -0.57))
    elif hold.thing == "food":
        radii = floats((0.02, 0.28, 0.42, 0.4, 0.25, 0.02))
        height = floats((-0.35, -0.3, -0.1, 0.12, 0.3, 0.34))
        material, tip = plain, floats((0.2, 0.95, 0.1))
    elif hold.thing == "book":
        return _book(fit, params, size)
    else:
        return _camera(fit, params, plain)
    mesh = tube(tip * height[:, None], radii, sides=12, up=(0.2, 0.3, 1), round_ends=(False, False))
    return [_part(hold.thing, mesh, at, material)]


def _phone_map(tint: np.ndarray) -> np.ndarray:
    """The back of a phone: plain, with its camera in a corner."""
    out = np.empty((32, 16, 3), np.float32)
    out[:] = tint
    out[2:8, 9:14] = 0.01
    out[3:5, 10:12] = 0.15
    return out


def _book(fit: Fit, params: Held, size: float) -> list[Part]:
    """An open book or paper before the chin, its covers to the viewer."""
    at = warp(fit, floats([(0.0, 6.25, 2.35)]))[0]
    x = floats([-1.15, -0.6, 0.0, 0.6, 1.15]) * (0.6 + 0.25 * (params.bend + 0.05) / 0.15)
    rows = [np.stack([x, 0 * x + y, 0.32 - 0.45 * np.abs(x)], axis=1) for y in (-0.85, 0.85)]
    sheet = grid(np.stack(rows) * size)
    cover = np.empty((24, 32, 3), np.float32)
    cover[:] = params.thing
    cover[:, 15:17] *= 0.5
    cover[6:9, 20:29] = cover[12:13, 20:27] = 1 - 0.9 * params.thing  # a title, a name
    material = Material(cover, roughness=0.5, gloss=0.3)
    return [Part("book", sheet.positions + at, sheet.triangles, material, sheet.uv, two_sided=True)]


def _camera(fit: Fit, params: Held, plain: Material) -> list[Part]:
    at = warp(fit, floats([(0.0, 7.12, 2.05)]))[0]
    dark = floats((0.02, 0.02, 0.022))
    case = merge(
        [box((1.3, 0.85, 0.55), bevel=0.08), box((0.5, 0.25, 0.4)).moved(shift=(0, 0.5, 0))]
    )
    axis = floats(
        [(0, -0.02, 0.2), (0, -0.02, 0.3), (0, -0.02, 0.75), (0, -0.02, 0.8), (0, -0.02, 0.7)]
    )
    barrel = tube(
        axis,
        floats((0.36, 0.37, 0.36, 0.3, 0.02)),
        sides=14,
        up=(0, 1, 0),
        round_ends=(False, False),
    )
    return [
        _part("camera", case, at, Material(dark, roughness=0.5, gloss=0.4)),
        _part("camera lens", barrel, at, Material(dark * 0.6, roughness=0.2, gloss=0.9)),
    ]
