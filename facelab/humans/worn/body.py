"""Arms and legs: tubes of flesh or sleeve between joints, in everyday poses.

The asset's body ends at chest and upper arms; from the shoulder joint on, arms are made here. Poses
are given for the mean person's left arm, in decimetres, and scaled about the shoulder.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from facelab.humans import assets
from facelab.humans.parts import Fit, Material, Part
from facelab.humans.worn.fingers import frame, hand, skin_material
from facelab.humans.worn.meshes import Mesh, curve, floats, merge, tube
from facelab.humans.worn.surface import warp

__all__ = ["ARMS", "Arms", "arms", "leg", "limb", "shoulders"]

SHOULDER = floats((1.68, 4.82, 0.08))


@dataclass(frozen=True)
class _ArmPose:
    """Elbow and wrist of the left arm; where fingers point and the palm looks; the hand's pose."""

    elbow: tuple[float, float, float]
    wrist: tuple[float, float, float]
    fingers: tuple[float, float, float]
    palm: tuple[float, float, float]
    hand: str = "relaxed"


_ARM_POSES = {
    "hanging": _ArmPose((2.25, 2.35, -0.1), (2.4, -0.1, 0.3), (0, -1, 0.15), (-1, 0, 0.1)),
    "hip": _ArmPose((3.35, 2.9, -0.45), (1.75, 1.3, 0.3), (-0.75, -0.6, 0.3), (-0.5, 0.3, -0.9),
        "fist"),
    "folded over": _ArmPose((2.25, 2.75, 0.75), (-0.35, 3.25, 1.95), (-0.85, 0.35, -0.35),
        (-0.2, 0, -1), "flat"),
    "folded under": _ArmPose((2.2, 2.6, 0.7), (-0.2, 2.8, 1.75), (-0.95, 0.1, -0.4), (0, 0, -1),
        "flat"),
    "front": _ArmPose((2.3, 2.4, 0.3), (0.55, 0.9, 1.5), (-0.9, -0.35, 0.1), (0, 0, -1), "cupped"),
    "raised": _ArmPose((2.7, 6.4, 0.2), (2.3, 8.7, 0.5), (-0.1, 1, 0.1), (0, 0, 1), "open"),
    "half raised": _ArmPose((2.7, 2.7, 0.5), (2.5, 4.6, 1.6), (0.0, 1, 0.2), (-0.1, 0, 1), "open"),
    "reach": _ArmPose((2.4, 3.1, 1.4), (1.6, 3.6, 3.6), (-0.3, 0.1, 1), (-0.7, 0.3, 0), "relaxed"),
    "behind": _ArmPose((2.5, 2.5, -0.7), (0.9, 0.8, -1.1), (-1, -0.2, -0.1), (0, 0, -1), "relaxed"),
    "shrug": _ArmPose((2.6, 2.6, 0.3), (3.6, 3.2, 1.9), (0.7, 0.3, 0.6), (0, 1, 0.2), "open"),
}  # fmt: skip
ARMS = {
    "hanging": ("hanging", "hanging"),
    "hips": ("hip", "hip"),
    "one hip": ("hip", "hanging"),
    "folded": ("folded over", "folded under"),
    "front": ("front", "front"),
    "raised": ("raised", "raised"),
    "wave": ("half raised", "hanging"),
    "one up": ("raised", "hanging"),
    "reach": ("reach", "hanging"),
    "behind": ("behind", "behind"),
    "shrug": ("shrug", "shrug"),
}
"""Names of poses: what the left and the right arm do; sampling swaps the sides at random."""
_ODDS = (0.34, 0.07, 0.08, 0.13, 0.1, 0.05, 0.06, 0.05, 0.05, 0.05, 0.02)


@dataclass(frozen=True, eq=False)
class Arms:
    """Both arms. pose: one of ARMS; swap: right does what left is said to; sleeve: share of the arm
    under cloth, 0 to 1; cloth: (h, w, 3) of the sleeves; loose: width of sleeves, 1 tight; hands:
    False leaves hands and forearms out, for pictures that end at the chest; watch: worn or not;
    thick: 1 on average."""

    pose: str = "hanging"
    swap: bool = False
    sleeve: float = 0.35
    cloth: np.ndarray = field(default_factory=lambda: np.full((1, 1, 3), 0.3, np.float32))
    loose: float = 1.15
    hands: bool = True
    watch: bool = False
    thick: float = 1.0

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        *,
        pose: str = "",
        sleeve: float | None = None,
        male: float = 0.5,
        half: bool = True,
    ) -> Arms:
        """Sample arms; pose "" takes any. half: the picture shows the body down to the hips.

        Raises ValueError for an unknown pose."""
        pose = pose or (str(rng.choice(list(ARMS), p=_ODDS)) if half else "hanging")
        if pose not in ARMS:
            raise ValueError(f"pose is one of {', '.join(ARMS)}; got {pose!r}")
        if sleeve is None:
            sleeve = float(rng.choice([0.0, rng.uniform(0.25, 0.45), 1.0], p=[0.12, 0.4, 0.48]))
        return cls(
            pose=pose,
            swap=bool(rng.random() < 0.5),
            sleeve=sleeve,
            loose=float(rng.uniform(1.03, 1.16)),
            hands=half,
            watch=bool(rng.random() < 0.2),
            thick=float(0.84 + 0.2 * male + rng.normal(0, 0.05)),
        )


def shoulders(fit: Fit) -> tuple[np.ndarray, float]:
    """Give the left and right shoulder joints (2, 3) and the size of the body, 1 for the mean."""
    joints = warp(fit, np.stack([SHOULDER, SHOULDER * floats((-1, 1, 1))]))
    low, mean = _bottom()
    tall = fit.joint("neck")[1] - fit.points[low, 1].mean()
    wide = (joints[0, 0] - joints[1, 0]) / (2 * SHOULDER[0])
    return joints, float(0.5 * wide + 0.5 * tall / mean)


@functools.cache
def _bottom() -> tuple[np.ndarray, float]:
    """Vertices near the lower end of the asset's body, and how far the neck is above them."""
    body = assets.body()
    low = np.unique(body.at[(body.region == 1) & (body.base[body.at, 1] < 3.8)])
    return low, float(body.base[body.groups["neck"], 1].mean() - body.base[low, 1].mean())


def limb(
    joints: np.ndarray,
    radii: np.ndarray,
    *,
    count: int = 14,
    sides: int = 10,
    part: tuple[float, float] = (0, 1),
    closed: bool = True,
) -> Mesh:
    """Sweep a limb through joints (N, 3) with radii (N,); part: which share of it is made; closed:
    with a dome at the far end."""
    path = curve(joints, 33)
    size = curve(floats(radii)[:, None], 33)[:, 0]
    at = np.linspace(part[0] * 32, part[1] * 32, count)
    inner = np.arange(33)
    points = np.stack([np.interp(at, inner, path[:, k]) for k in range(3)], axis=1)
    ends = (True, closed)
    return tube(points, np.interp(at, inner, size), sides=sides, up=(0.1, 0.15, 1), round_ends=ends)


def arms(
    params: Arms, fit: Fit, *, skin: np.ndarray | None = None, age: float = 30.0
) -> list[Part]:
    """Build both arms with hands and sleeves. skin: (3,) linear."""
    tone = floats((0.5, 0.3, 0.21)) if skin is None else floats(skin)
    joints, size = shoulders(fit)
    poses = ARMS[params.pose]
    if params.swap:
        poses = poses[::-1]
    flesh: list[Mesh] = []
    sleeves: list[Mesh] = []
    straps: list[Mesh] = []
    for joint, name, right in zip(joints, poses, (False, True), strict=True):
        bare, cloth, strap = _arm(params, _ARM_POSES[name], size)
        at = joint * floats((-1, 1, 1)) if right else joint
        for pieces, into in ((bare, flesh), (cloth, sleeves), (strap, straps)):
            for piece in pieces:
                moved = piece.moved(shift=at)
                into.append(moved.mirrored() if right else moved)
    parts = []
    looks = (
        ("arms", flesh, skin_material(tone)),
        ("sleeves", sleeves, Material(params.cloth, roughness=0.88, gloss=0.07)),
        ("watch", straps, Material(floats((0.02, 0.02, 0.02)), roughness=0.3, gloss=0.8)),
    )
    for label, pieces, material in looks:
        if pieces:
            mesh = merge(pieces)
            double = label == "sleeves"
            parts.append(
                Part(label, mesh.positions, mesh.triangles, material, mesh.uv, "body", True, double)
            )
    return parts


def _arm(params: Arms, pose: _ArmPose, size: float) -> tuple[list[Mesh], list[Mesh], list[Mesh]]:
    """Flesh, sleeve and watch of a left arm, the shoulder joint at the origin."""
    elbow, wrist = floats(pose.elbow) - SHOULDER, floats(pose.wrist) - SHOULDER
    inner = floats((-0.3, 0.08, 0.0))
    high = 0.16 * elbow + (0.06, 0, 0)
    low = 0.55 * elbow + 0.45 * wrist
    path = np.stack([inner, np.zeros(3), high, 0.5 * elbow, elbow, low, wrist])
    radii = params.thick * floats((0.46, 0.52, 0.53, 0.45, 0.38, 0.38, 0.27))
    path, radii = path * size, radii * size
    flesh, cloth, strap = [], [], []
    end = 1.0 if params.hands else 0.62
    if params.sleeve < 0.98:
        start = max(0.0, params.sleeve - 0.1)
        bare = limb(path, radii, part=(start, end), count=6 + round(9 * (end - start)))
        flesh.append(Mesh(bare.positions, bare.triangles, floats(bare.uv * (1, -0.27) + (0, 0.28))))
    if params.sleeve > 0.05:
        wide = radii * params.loose + 0.03
        cloth.append(limb(path, wide, part=(0, min(params.sleeve, end, 0.985))))
    if params.hands:
        model = hand(pose.hand)
        turn = frame(pose.fingers, pose.palm)
        flesh.append(Mesh(model.positions * size, model.triangles, model.uv).moved(turn, path[-1]))
        if params.watch and params.sleeve < 0.9:
            near = path[-1] + (path[-2] - path[-1]) * floats([[0.12], [0.22]])
            strap.append(
                tube(near, 0.33 * size * params.thick, sides=10, round_ends=(False, False))
            )
    return flesh, cloth, strap


def leg(
    hip: npt.ArrayLike,
    knee: npt.ArrayLike,
    ankle: npt.ArrayLike,
    *,
    wide: float = 1.0,
    part: tuple[float, float] = (0, 1),
) -> Mesh:
    """Model a leg through three joints; wide above 1 for trousers; part: which share is made."""
    hip, knee, ankle = (floats(x) for x in (hip, knee, ankle))
    path = np.stack([hip, 0.5 * (hip + knee), knee, 0.65 * knee + 0.35 * ankle, ankle])
    return limb(path, wide * floats((0.9, 0.78, 0.58, 0.56, 0.36)), count=14, sides=12, part=part)
