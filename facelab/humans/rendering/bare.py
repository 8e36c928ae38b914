"""The person without clothes and hair: shape, eyes, teeth, pose, and the camera before them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from facelab.humans import assets
from facelab.humans.parts import Fit
from facelab.humans.person import mouth
from facelab.humans.person.people import Human
from facelab.humans.person.skin import eye_map, skin_map, teeth_map
from facelab.humans.person.views import View
from facelab.humans.rendering import kernels
from facelab.humans.rendering.merging import EYE, PLAIN, SKIN, Soup, Table
from facelab.humans.rendering.posing import Camera, Pose, rotation, vector
from facelab.humans.worn.meshes import smooth

INSIDE_MOUTH = vector(0.17, 0.055, 0.05)
TONGUE = vector(0.40, 0.12, 0.11)
CLOTH = 3  # number of the material of the plain shirt, painted where there are no clothes


@dataclass(frozen=True, eq=False)
class Posed:
    """A person's body in a view; lengths in decimetres.

    fit: in the rest pose. points: (V, 3) posed vertices. eyes: (P, 3) vertices of the turned eyes
    in the rest pose. pupils: (2, 3) posed, at the person's right and left. height: of the head,
    from chin to crown, in the rest pose.
    """

    fit: Fit
    points: np.ndarray
    pose: Pose
    camera: Camera
    eyes: np.ndarray
    pupils: np.ndarray
    height: float


def posed(human: Human, view: View, size: tuple[int, int]) -> Posed:
    """Shape and turn a person and place the camera. size: (height, width) of the picture."""
    mesh = assets.body()
    fit = human.fit(view.age, expression=view.expression, weight=view.look.weight)
    pose = Pose.of(fit, yaw=view.yaw, pitch=view.pitch, roll=view.roll, tilt=view.tilt)
    points = pose.apply(fit.points)
    eyes, pupils = _eyes(fit, view.gaze)
    head = points[mesh.head]
    middle = (head.min(axis=0) + head.max(axis=0)) / 2
    rest = fit.points[mesh.head]
    height = float(rest[:, 1].max() - fit.landmark(8)[1])
    focal = 0.5 / np.tan(view.fov / 2)
    eye = np.array((middle[0], middle[1], middle[2] + height / view.fill * focal), np.float32)
    rows, columns = size
    where = (columns / 2 + view.shift[0] * rows, rows / 2 + view.shift[1] * rows)
    camera = Camera(eye, float(focal), where, float(rows))
    return Posed(fit, points, pose, camera, eyes, pose.apply(pupils), height)


def mesh_points(
    human: Human, view: View, *, size: tuple[int, int] = (160, 160)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give a coarse mesh of the face as the picture shows it.

    size: (height, width) of the picture. Returns pixels (400, 2), distances to the camera in
    decimetres (400,), and triangles (771, 3).
    """
    mesh = assets.body()
    state = posed(human, view, size)
    points = state.points[mesh.mesh]
    screen, _ = state.camera.project(points)
    return screen, state.camera.eye[2] - points[:, 2], mesh.mesh_triangles


@functools.cache
def face_triangles() -> np.ndarray:
    """Say which of the body's triangles (T,) are the face's."""
    mesh = assets.body()
    face = np.zeros(len(mesh.base), bool)
    face[mesh.face] = True
    return face[mesh.faces].all(axis=1)


def add_body(
    soup: Soup,
    table: Table,
    human: Human,
    view: View,
    state: Posed,
    head_px: float,
    under: np.ndarray | None,
) -> None:
    """Lay the body, eyes, teeth and tongue into the soup; materials 0 to 3 are the body's.

    head_px: height of the head in samples, for the size of the maps. under: (V,) bool, vertices
    that clothes hide, or None without clothes.
    """
    opened = mouth.opening(state.fit)
    numbers = _add_materials(table, human, view, head_px, opened)
    _add_skin(soup, state, under)
    inside = {"eyes": state.eyes}
    if opened > 0:
        neutral = human.fit(view.age, weight=view.look.weight)
        inside["teeth"] = mouth.teeth(state.fit, neutral, state.height)
        inside["tongue"] = mouth.tongue(state.fit, neutral, state.height)
    for name, rest in inside.items():
        _add_piece(soup, name, numbers[name], rest, state.pose)


def _add_materials(
    table: Table, human: Human, view: View, head_px: float, opened: float
) -> dict[str, int]:
    """Add what a body is made of; returns the numbers of eyes, teeth and tongue."""
    skin = skin_map(human, view.age, view.look, _level(head_px, 640))
    rows, columns = skin.shape[:2]
    strip = skin[-rows // 10 :, columns // 3 : -columns // 3, :3].reshape(-1, 3)
    neck = np.median(strip, axis=0)
    table.add(SKIN, neck, image=skin, f0=0.028)
    table.add(PLAIN, neck, rough=0.55, gloss=0.7, f0=0.028)
    table.add(PLAIN, INSIDE_MOUTH, rough=0.4, gloss=0.6, occlusion=0.55)
    shirt = np.random.default_rng((human.seed, 5)).uniform(0.05, 0.6, 3)
    table.add(PLAIN, shirt, rough=0.9, gloss=0.1)  # `CLOTH`
    level = _level(head_px, 1000)
    iris, tooth = eye_map(human.eyes, level), teeth_map(level)
    lit = 0.4 + 0.85 * opened  # teeth let light through
    return {
        "eyes": table.add(EYE, neck, image=iris, rough=0.12, gloss=1.0),
        "teeth": table.add(PLAIN, neck, image=tooth, rough=0.3, gloss=0.5, occlusion=lit),
        "tongue": table.add(PLAIN, TONGUE, rough=0.4, gloss=0.7, occlusion=0.6),
    }


def _add_skin(soup: Soup, state: Posed, under: np.ndarray | None) -> None:
    """Lay the body's surface into the soup, with a plain shirt painted on where `under` is None."""
    mesh = assets.body()
    normal = kernels.normals(state.points, mesh.faces).take(mesh.at, axis=0)
    points, collar, triangles = state.points.take(mesh.at, axis=0), None, mesh.triangles
    if under is None:
        collar = _collar()
        points = points + normal * (0.07 * smooth(-collar, 0, 0.05))[:, None].astype(np.float32)
    else:  # flattened, not left out: the numbers of the triangles stay
        triangles = kernels.flattened(triangles, mesh.at, under)
    region, occlusion = _regions()
    soup.add(points, normal, mesh.uv, triangles, region, occlusion=occlusion, collar=collar)


def _add_piece(soup: Soup, name: str, number: int, rest: np.ndarray, pose: Pose) -> None:
    """Lay the eyes, teeth or tongue into the soup. rest: their rest-pose vertices (P, 3)."""
    piece = assets.part(name)
    here = pose.apply(rest)
    around = kernels.normals(here, _faces(name))
    sky = np.clip(0.12 + 1.1 * piece.occlusion, 0, 1)
    if name == "eyes":
        sky = 0.6 + 0.4 * sky  # the baked shade of the mean person's lids is too dark
    if name == "teeth":  # baked with closed lips; light reaches the front ones
        sky = mouth.teeth_light(rest)[piece.at]
        around = mouth.rounded(around, pose.head[:, 2])
    here, around = here.take(piece.at, axis=0), around.take(piece.at, axis=0)
    soup.add(here, around, piece.uv, piece.triangles, number, occlusion=sky)


@functools.cache
def _regions() -> tuple[np.ndarray, np.ndarray]:
    """Material (T,) of the body's triangles, and share of the sky (C,) its corners see."""
    mesh = assets.body()
    occlusion = np.clip(1.15 * mesh.occlusion, 0.04, 1) ** np.float32(1.25)
    return mesh.region[mesh.triangles[:, 0]], occlusion


@functools.cache
def _faces(name: str) -> np.ndarray:
    """Triangles (T, 3) of a part as numbers of its vertices, not of its corners."""
    piece = assets.part(name)
    return np.ascontiguousarray(piece.at[piece.triangles])


def _level(head_px: float, wide: float) -> int:
    """Halvings of a map that is `wide` texels across a head of so many pixels."""
    return int(np.clip(np.floor(np.log2(max(wide / max(head_px, 1), 1)) + 0.15), 0, 3))


def _eyes(fit: Fit, gaze: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Turn the eyes in the rest pose: their vertices, and the two pupils (2, 3)."""
    points = assets.fitted("eyes", fit.points)
    turn = rotation(gaze[0], gaze[1], 0.0)
    pupils = []
    for side in (points[:, 0] < 0, points[:, 0] > 0):
        ball = points[side]
        middle = (ball.min(axis=0) + ball.max(axis=0)) / 2
        ahead = vector(0, 0, ball[:, 2].max() - middle[2])
        points[side] = (ball - middle) @ turn.T + middle
        pupils.append(middle + turn @ ahead)
    return points, np.array(pupils, np.float32)


@functools.cache
def _collar() -> np.ndarray:
    """Height of each corner of the body over the neckline of a plain shirt."""
    mesh = assets.body()
    base = mesh.base
    line = base[mesh.groups["neck"]].mean(axis=0)[1] - 0.13
    line = line + 0.3 * np.clip(-base[:, 2], -0.9, 0.6) + 0.6 * smooth(abs(base[:, 0]), 0.5, 1.3)
    return (base[:, 1] - line)[mesh.at].astype(np.float32)
