"""Labels from the finished picture: which points are seen, how much of the face is hidden, the
box."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facelab.humans import assets
from facelab.humans.person.people import Human
from facelab.humans.person.skin import lightness
from facelab.humans.person.views import View
from facelab.humans.rendering import kernels
from facelab.humans.rendering.bare import Posed
from facelab.humans.rendering.posing import vector
from facelab.humans.sprites import Sprite

BOX_OFFSET = (0.0112, 0.0135, -0.0112, 0.0126)
"""Shift of left, top, right and bottom in widths and heights of the raw box.

Measured as the mean difference to the boxes that MTCNN's public weights, trained on WIDER FACE,
give for 150 clear renders; left and right are averaged, as no face has a side. Source:
benchmarks/humans/box_offset.py, stored in benchmarks/results/humans_box_offset.json.
"""

NEAR, NEAR_JAW = 0.18, 0.3
"""Decimetres that a point may lie behind the surface drawn at its place. The jaw's points lie where
the face turns away, so that a pixel beside them may be far nearer."""


def face_box(points: np.ndarray) -> np.ndarray:
    """Box (4,) xyxy float32 around the face's vertices (N, 2), corrected by `BOX_OFFSET`."""
    x, y = points[:, 0], points[:, 1]  # one by one: faster than along an axis of two
    low, high = np.array((x.min(), y.min())), np.array((x.max(), y.max()))
    size = np.tile(high - low, 2)
    box = np.concatenate((low, high)) + np.array(BOX_OFFSET) * size
    return box.astype(np.float32)


def seen(
    screen: np.ndarray,
    depth: np.ndarray,
    nearest: np.ndarray,
    worn: np.ndarray,
    veil: np.ndarray,
    behind: float = NEAR,
) -> np.ndarray:
    """Say for each point whether the picture shows it: (N,) bool.

    screen: (N, 2) pixels. depth: (N,) inverse distances. nearest: (H, W) depth buffer. worn: (H, W)
    bool, pixels of things. veil: (H, W) how much hair and dark glass hide. behind: see `NEAR`. A
    point outside the picture is not seen.
    """
    return np.asarray(kernels.seen(screen, depth, nearest, worn, veil, behind))


def hidden_share(
    outline: np.ndarray, on_face: np.ndarray, worn: np.ndarray, veil: np.ndarray
) -> float:
    """Share of the face that hair and things hide, of what the camera would see of it without them.

    outline: (N, 2) pixels of the face's vertices. on_face: (H, W) bool, where the bare person shows
    the face. worn, veil: as in `seen`.
    """
    hull = cv2.convexHull(outline.astype(np.float32)).reshape(-1, 2)
    x, y, w, h = cv2.boundingRect(hull)
    top, left, bottom, right = max(y, 0), max(x, 0), max(y + h, 0), max(x + w, 0)
    part = (slice(top, bottom), slice(left, right))
    inside = np.zeros(on_face[part].shape, np.uint8)
    if not inside.size:
        return 0.0
    corners = (hull - vector(left, top)) * 16 - 8
    cv2.fillConvexPoly(inside, np.round(corners).astype(np.int32), 1, shift=4)
    region = on_face[part] & (inside > 0)
    if not region.any():
        return 0.0
    return float(np.where(worn[part], 1.0, veil[part])[region].mean())


@dataclass(frozen=True, eq=False)
class Seen:
    """What a picture shows, pixel by pixel (H, W): depth buffer, whether the bare person shows the
    face there, whether a thing is drawn there, and how much hair and dark glass hide."""

    nearest: np.ndarray
    on_face: np.ndarray
    worn: np.ndarray
    veil: np.ndarray


EYES = (slice(36, 42), slice(42, 48))  # landmarks around the eyes at image left and right
CLOSED = 0.12  # an eye's opening in its widths below which the pupil is not seen


def label(
    human: Human, view: View, state: Posed, rgba: np.ndarray, picture: Seen, *, scale: float
) -> Sprite:
    """Make the sprite of a picture. scale: from pixels of `picture` to those of `rgba`."""
    mesh = assets.body()
    landmarks, depth = state.camera.project(state.points[mesh.landmarks])
    visible = np.concatenate(
        [
            seen(landmarks[k], depth[k], picture.nearest, picture.worn, picture.veil, behind)
            for k, behind in ((slice(17), NEAR_JAW), (slice(17, 68), NEAR))
        ]
    )
    pupils, _ = state.camera.project(state.pupils)
    five = np.concatenate((pupils, landmarks[[30, 48, 54]]))
    for k, lids in enumerate(EYES):
        ring = landmarks[lids]
        opening = np.linalg.norm(ring[[1, 2]] - ring[[5, 4]], axis=1).mean()
        if opening < CLOSED * np.linalg.norm(ring[0] - ring[3]):
            five[k] = ring.mean(axis=0)  # where annotators click when the eye is closed
    eyes = [visible[lids].mean() >= 0.5 for lids in EYES]
    outline, _ = state.camera.project(state.points[mesh.face])
    return Sprite(
        rgba=rgba,
        box=(face_box(outline) * scale).astype(np.float32),
        landmarks=(landmarks * scale).astype(np.float32),
        visible=visible,
        five=(five * scale).astype(np.float32),
        five_visible=np.array((*eyes, *visible[[30, 48, 54]])),
        pose=vector(view.yaw, view.pitch, view.roll),
        person=human.seed,
        age=float(view.age),
        hidden=hidden_share(outline, picture.on_face, picture.worn, picture.veil),
        attributes=attributes(human, view),
    )


def attributes(human: Human, view: View) -> dict[str, float | int | str]:
    """The labels beside points, pose and age.

    male: 0 to 1. tone: individual typology angle of the skin in degrees, without tan. from_*:
    mixture of ancestries. hair_colour: mean linear reflectance. hair, beard, glasses, hat, mask,
    held, clothes: kinds, "" for none. stubble: 0 to 1. expression, light: words.
    """
    look = view.look
    origins = zip(assets.ANCESTRIES, human.ancestry, strict=True)
    worn = ("hair", "beard", "hat", "mask", "held", "clothes")
    return {
        "male": float(human.male),
        "tone": lightness(human.tone),
        **{f"from_{name}": float(share) for name, share in origins},
        "hair_colour": float(human.hair_at(view.age, look.hair_colour).mean()),
        **{name: str(getattr(getattr(look, name), "kind", "")) for name in worn},
        "glasses": "" if look.glasses is None else look.glasses.lens,
        "stubble": float(look.stubble),
        "expression": view.expression_name,
        "light": view.light.kind,
    }
