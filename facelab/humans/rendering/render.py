"""Render a person: shape, dress, pose, light and shade, with labels.

    sprite = render(human, view, size=(160, 160))

The picture is drawn `supersample` times larger and averaged down. Order: morph the body, dress it,
turn it, draw the body and then all that is opaque into one depth buffer, draw the shadow map,
shade, scatter light under the skin, lay hair and glass over it, and read the labels off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from facelab.humans import assets
from facelab.humans.person.lights import Light
from facelab.humans.person.people import Human
from facelab.humans.person.skin import pore_tile
from facelab.humans.person.views import View
from facelab.humans.rendering import kernels, truth
from facelab.humans.rendering.bare import CLOTH, Posed, add_body, face_triangles, mesh_points, posed
from facelab.humans.rendering.merging import Joined, Materials, Soup, Table, add_parts
from facelab.humans.rendering.outfit import covered, dress
from facelab.humans.rendering.posing import Camera, vector
from facelab.humans.rendering.shading import shade
from facelab.humans.rendering.veils import blend
from facelab.humans.sprites import Sprite

__all__ = ["Posed", "finish", "mesh_points", "posed", "render", "tone_curve"]

BUMP = 0.0036  # decimetres of skin relief, in heads, for a change of one in the log of the colour
SCATTER = (0.0095, 0.0042)  # reach of red and green light under the skin, in heads
COLOUR = 0.12  # how much farther from grey a camera's pictures are than the scene
SHADOW = 256  # texels along a side of the shadow map for which a light's softness is given
HALF = 0.45  # picture heights of the head up to which a view is of half a body
LIFT = np.float32(1.004)  # lifts brows and lashes off the skin


def render(
    human: Human,
    view: View,
    *,
    size: tuple[int, int] = (160, 160),
    supersample: int = 2,
    person: int | None = None,
) -> Sprite:
    """Render one picture of a person with its labels.

    size: (height, width) pixels. supersample: samples a pixel along each side. person: number of
    the person in the labels, or None for the person's seed.
    Raises AssetsError without the assets, ValueError for a size or supersample below 1.
    """
    if min(size) < 1 or supersample < 1:
        raise ValueError(
            f"size and supersample must be at least 1; got size={tuple(size)}, "
            f"supersample={supersample}"
        )
    rows, columns = size[0] * supersample, size[1] * supersample
    state = posed(human, view, (rows, columns))
    head_px = rows * view.fill
    meshes = _meshes(human, view, state, head_px)
    buffers = _drawn(meshes, state.camera, (rows, columns))
    lighting = _lighting(view, meshes, state, head_px)
    image = _shaded(human, state, meshes, buffers, lighting, head_px, supersample)
    veil = _veiled(state.camera, meshes, buffers, lighting, image)
    rgba = finish(image, buffers.cover, size)
    seen = truth.Seen(buffers.nearest, buffers.on_face, buffers.worn, veil)
    sprite = truth.label(human, view, state, rgba, seen, scale=1 / supersample)
    return sprite if person is None else replace(sprite, person=person)


@dataclass(frozen=True, eq=False)
class _Meshes:
    """All that is drawn: opaque things, of which the first `num_body` triangles are the bare
    person's, hair and glass, and what they are made of."""

    solid: Joined
    num_body: int
    veils: Joined
    materials: Materials


def _meshes(human: Human, view: View, state: Posed, head_px: float) -> _Meshes:
    """Dress a posed person and lay everything into few meshes."""
    table = Table()
    bare, things, clear = Soup(), Soup(), Soup()
    add_body(bare, table, human, view, state, head_px, covered(view, state.fit))
    skull = state.fit.joint("head") + vector(0, 0.35 * state.height, 0)
    parts, shrinker = dress(human, view, state.fit), _Shrinker(head_px)
    add_parts(parts, table, things, clear, state.pose, skull, shrinker)
    body = bare.joined()
    solid = body.followed_by(things.joined())
    return _Meshes(solid, len(body.triangles), clear.joined(), table.arrays())


@dataclass(frozen=True, eq=False)
class _Buffers:
    """What every sample (H, W) shows.

    depth: (C,) inverse distances of the corners. nearest, owner, wa, wb: see `kernels.raster`.
    on_face: whether the bare person shows the face. worn: whether a thing that hides the face is
    drawn. cover: share that is covered; hair and glass are added later.
    """

    depth: np.ndarray
    nearest: np.ndarray
    owner: np.ndarray
    wa: np.ndarray
    wb: np.ndarray
    on_face: np.ndarray
    worn: np.ndarray
    cover: np.ndarray


def _drawn(meshes: _Meshes, camera: Camera, samples: tuple[int, int]) -> _Buffers:
    """Draw the body and then all that is opaque. samples: (height, width)."""
    solid, count = meshes.solid, meshes.num_body
    screen, depth = camera.project(solid.points)
    nearest, wa, wb, cover = (np.zeros(samples, np.float32) for _ in range(4))
    owner = np.full(samples, -1, np.int32)
    on_face, worn = np.zeros(samples, bool), np.zeros(samples, bool)
    for first, part in ((0, slice(count)), (count, slice(count, None))):
        kernels.raster(
            solid.triangles[part], solid.two_sided[part], first, screen, depth, nearest, owner,
            wa, wb,
        )  # fmt: skip
        if not first:  # the face of the bare person, before anything hides it
            kernels.mark_face(owner, face_triangles(), on_face)
    kernels.mark_things(owner, solid.material, meshes.materials.hides, worn, cover)
    return _Buffers(depth, nearest, owner, wa, wb, on_face, worn, cover)


@dataclass(frozen=True, eq=False)
class _Lighting:
    """A light as the camera exposes it, with the first lamp's shadow map; see `shade`."""

    lamps: np.ndarray
    ambient: np.ndarray
    shadow: np.ndarray
    to_light: np.ndarray
    softness: float
    dapple: np.ndarray


def _lighting(view: View, meshes: _Meshes, state: Posed, head_px: float) -> _Lighting:
    """Expose a view's light and draw its shadow map."""
    light, exposure = view.light, np.float32(view.exposure)
    lamps = light.lamps.copy()
    lamps[:, 3:] *= exposure
    to_light, shadow = _shadow(light, meshes, state, head_px, view.fill)
    softness = light.softness * len(shadow) / SHADOW * (1.0 if view.fill > HALF else 0.5)
    dapple = np.ones((1, 1), np.float32) if light.dapple is None else light.dapple
    return _Lighting(lamps, light.ambient * exposure, shadow, to_light, softness, dapple)


def _shaded(
    human: Human,
    state: Posed,
    meshes: _Meshes,
    buffers: _Buffers,
    lighting: _Lighting,
    head_px: float,
    supersample: int,
) -> np.ndarray:
    """Light what is opaque: (H, W, 3) linear."""
    solid, made = meshes.solid, meshes.materials
    irradiance, reflectance, shine = (
        np.zeros((*buffers.owner.shape, 3), np.float32) for _ in range(3)
    )
    is_skin = np.zeros_like(buffers.nearest)
    gloss = vector(1.0, *_pores(head_px, human.pores))
    shade(
        buffers.owner, buffers.wa, buffers.wb, solid.triangles, solid.material, solid.points,
        solid.normal, solid.uv, solid.occlusion, solid.collar, buffers.depth, state.camera.eye,
        made.textures, made.kind, made.map_of, made.colour, made.surface,
        np.float32(state.height * BUMP), pore_tile(), gloss, lighting.lamps, lighting.ambient,
        lighting.shadow, lighting.to_light, lighting.softness, lighting.dapple, CLOTH, supersample,
        irradiance, reflectance, shine, is_skin,
    )  # fmt: skip
    scatter(irradiance, is_skin, head_px)
    kernels.combine(irradiance, reflectance, shine)
    return shine


def _veiled(
    camera: Camera, meshes: _Meshes, buffers: _Buffers, lighting: _Lighting, image: np.ndarray
) -> np.ndarray:
    """Lay hair and glass over the image and the cover, in place; returns how much they hide of the
    face (H, W)."""
    veils, made = meshes.veils, meshes.materials
    veil = np.zeros_like(buffers.cover)
    if not len(veils.triangles):
        return veil
    spots, near = camera.project(veils.points)
    order = np.argsort(-near[veils.triangles].sum(axis=1), kind="stable").astype(np.int32)
    blend(
        order, veils.triangles, veils.material, spots, near * LIFT, veils.points, veils.normal,
        veils.uv, made.textures, made.map_of, made.colour, made.surface, made.alpha, made.hair,
        buffers.owner, meshes.solid.material, made.kind, camera.eye, lighting.lamps,
        lighting.ambient, lighting.shadow, lighting.to_light, lighting.softness, buffers.nearest,
        image, buffers.cover, veil,
    )  # fmt: skip
    return veil


class _Shrinker:
    """Halve maps of parts until they suit the size of the picture; kept between pictures."""

    kept: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def __init__(self, head_px: float) -> None:
        self.head_px = head_px

    def __call__(self, image: np.ndarray) -> np.ndarray:
        level, scale = 0, 2.2 * self.head_px / 300
        while scale < 0.55 and min(image.shape[:2]) >> level > 16:
            level, scale = level + 1, scale * 2
        if not level:
            return np.ascontiguousarray(image, np.float32)
        key = (id(image), level)
        if key not in self.kept:
            if len(self.kept) >= 64:
                self.kept.clear()
            small = image
            for _ in range(level):
                small = assets.halved(small)
            self.kept[key] = (small, image)  # keeps the map alive, so that its id stays its own
        return self.kept[key][0]


def _shadow(
    light: Light, meshes: _Meshes, state: Posed, head_px: float, fill: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the shadow map of the first lamp: the (3, 4) matrix into it, and the map (S, S)."""
    heads, drop = (1.9, 0.0) if fill > HALF else (3.8, 0.85)  # half bodies reach to the hips
    size = int(np.clip(0.58 * heads * head_px, 96, SHADOW))
    shadow = np.zeros((size, size), np.float32)
    if not len(light.lamps):
        return np.zeros((3, 4), np.float32), shadow
    head = state.points[assets.body().head]
    middle = (head.min(axis=0) + head.max(axis=0)) / 2 - vector(0, drop * state.height, 0)
    to_light = _into_shadow(light.lamps[0, :3], middle, size, size / (heads * state.height))
    for mesh in (meshes.solid, meshes.veils):
        if not len(mesh.triangles):
            continue
        spots = mesh.points @ to_light[:, :3].T + to_light[:, 3]
        triangles, two_sided = mesh.triangles, mesh.two_sided
        number = np.full(len(triangles), -1)
        if mesh is meshes.veils:
            number = meshes.materials.map_of[mesh.material]
            casts = number >= 0  # glass casts no shadow
            triangles, number = triangles[casts], number[casts]
            two_sided = np.ones(len(triangles), bool)
        kernels.shadow_map(
            triangles,
            two_sided,
            np.ascontiguousarray(spots[:, :2]),
            spots[:, 2] - np.float32(0.07 * (drop > 0)),  # wide texels would shade themselves
            number,
            mesh.uv,
            meshes.materials.textures,
            shadow,
        )
    return to_light, shadow


def _into_shadow(toward: np.ndarray, middle: np.ndarray, size: int, scale: float) -> np.ndarray:
    """Build the matrix (3, 4) from decimetres to texels and nearness of a lamp's shadow map.

    toward: (3,) direction to the lamp. middle: (3,) point in the map's middle. size: texels along a
    side. scale: texels a decimetre.
    """
    ahead = toward.astype(np.float64)
    up = np.array((0.0, 1.0, 0.0) if abs(ahead[1]) < 0.95 else (1.0, 0.0, 0.0))
    right = np.cross(up, ahead)
    right /= np.linalg.norm(right)
    above = np.cross(ahead, right)
    to_light = np.zeros((3, 4), np.float32)
    to_light[0, :3], to_light[1, :3], to_light[2, :3] = right * scale, above * scale, ahead
    to_light[:2, 3] = size / 2 - (right @ middle * scale), size / 2 - (above @ middle * scale)
    to_light[2, 3] = 20
    return to_light


def scatter(irradiance: np.ndarray, is_skin: np.ndarray, head_px: float) -> None:
    """Let light spread under the skin, red the widest; in place."""
    x, y, w, h = cv2.boundingRect((is_skin > 0).astype(np.uint8))
    if not w:
        return
    skin = np.ascontiguousarray(is_skin[y : y + h, x : x + w])
    for channel, reach in enumerate(SCATTER):
        sigma = reach * head_px
        if sigma < 0.5:
            continue
        light = irradiance[y : y + h, x : x + w, channel]
        spread = cv2.GaussianBlur(light * skin, (0, 0), sigma)
        share = cv2.GaussianBlur(skin, (0, 0), sigma)
        mixed = 0.35 * light + 0.65 * spread / np.maximum(share, 1e-3)
        np.copyto(light, mixed, where=skin > 0)


def _pores(head_px: float, own: float) -> tuple[float, float]:
    """Repeats of the fine pores over the map, so that a texel is about a pixel, and their depth.

    A small picture cannot show them and gets none.
    """
    repeats = float(np.clip(head_px * 1.6 / 160, 5, 14))
    shown = float(np.clip((head_px - 100) / 300, 0, 1))
    return repeats, 0.05 * shown * own


def finish(image: np.ndarray, cover: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Average down to `size` and go from linear light to (H, W, 4) uint8.

    image: (h, w, 3) linear, multiplied by cover (h, w).
    """
    height, width = size
    if image.shape[:2] != (height, width):
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        cover = cv2.resize(cover, (width, height), interpolation=cv2.INTER_AREA)
    plain = image / np.maximum(cover, 1e-3)[..., None]
    return np.dstack((tone_curve(plain), (cover * 255 + 0.5).astype(np.uint8)))


def tone_curve(linear: np.ndarray) -> np.ndarray:
    """Camera's curve from linear light (..., 3) to uint8: a soft shoulder, gamma 2.2, a little
    more contrast and colour than there was."""
    x = (1 - np.exp(-1.05 * np.maximum(linear, 0))) ** np.float32(1 / 2.2)
    x = x - 0.045 * np.sin(2 * np.pi * x)
    grey = (x[..., 0] + x[..., 1] + x[..., 2]) / np.float32(3)  # `mean` is ten times slower here
    x = x + np.float32(COLOUR) * (x - grey[..., None])
    return (np.clip(x, 0, 1) * 255 + 0.5).astype(np.uint8)
