"""Render a person: shape, dress, pose, light and shade, with labels.

    sprite = render(human, view, size=(160, 160))

The picture is drawn `supersample` times larger and averaged down. Order: morph the body, dress it,
turn it, draw the body and then all that is opaque into one depth buffer, draw the shadow map,
shade, scatter light under the skin, lay hair and glass over it, and read the labels off.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from facelab.humans import assets
from facelab.humans.person.lights import Light
from facelab.humans.person.people import Human
from facelab.humans.person.skin import pore_tile
from facelab.humans.person.views import View
from facelab.humans.rendering import kernels, truth
from facelab.humans.rendering.bare import CLOTH, Posed, add_body, face_triangles, mesh_points, posed
from facelab.humans.rendering.merging import Joined, Soup, Table, add_parts
from facelab.humans.rendering.outfit import covered, dress
from facelab.humans.rendering.posing import vector
from facelab.humans.rendering.shading import shade
from facelab.humans.rendering.veils import blend
from facelab.humans.sprites import Sprite

__all__ = ["Posed", "finish", "mesh_points", "posed", "render", "tone_curve"]

BUMP = 0.0036  # decimetres of skin relief, in heads, for a change of one in the log of the colour
SCATTER = (0.0095, 0.0042)  # reach of red and green light under the skin, in heads
COLOUR = 0.12  # how much farther from grey a camera's pictures are than the scene
SHADOW = 256  # texels along a side of the shadow map for which a light's softness is given


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
    table = Table()
    bare, worn_solid, clear = Soup(), Soup(), Soup()
    head_px = rows * view.fill
    add_body(bare, table, human, view, state, head_px, covered(view, state.fit))
    shrinker = _Shrinker(head_px)
    skull = state.fit.joint("head") + vector(0, 0.35 * state.height, 0)
    add_parts(dress(human, view, state.fit), table, worn_solid, clear, state.pose, skull, shrinker)
    body, things, veils = bare.joined(), worn_solid.joined(), clear.joined()
    solid = body.followed_by(things)
    textures = table.textures()
    screen, depth = state.camera.project(solid.points)
    nearest = np.zeros((rows, columns), np.float32)
    owner = np.full((rows, columns), -1, np.int32)
    wa, wb = np.zeros_like(nearest), np.zeros_like(nearest)
    count = len(body.triangles)
    kernels.raster(
        solid.triangles[:count], solid.two_sided[:count], 0, screen, depth, nearest, owner, wa, wb
    )
    on_face = np.zeros((rows, columns), bool)
    kernels.mark_face(owner, face_triangles(), on_face)
    kernels.raster(
        solid.triangles[count:], solid.two_sided[count:], count, screen, depth, nearest, owner,
        wa, wb,
    )  # fmt: skip
    material = solid.material
    worn, cover = np.zeros_like(on_face), np.zeros_like(nearest)
    kernels.mark_things(owner, material, np.array(table.worn), worn, cover)
    light = view.light
    lamps, ambient = light.lamps.copy(), light.ambient * np.float32(view.exposure)
    lamps[:, 3:] *= np.float32(view.exposure)
    to_light, shadow = _shadow(light, solid, veils, table, textures, state, head_px, view.fill)
    softness = light.softness * len(shadow) / SHADOW * (1.0 if view.fill > 0.45 else 0.5)
    arrays = _Arrays(table)
    irradiance, reflectance, shine = (np.zeros((rows, columns, 3), np.float32) for _ in range(3))
    is_skin = np.zeros((rows, columns), np.float32)
    gloss = vector(1.0, *_pores(head_px, human.pores))
    dapple = np.ones((1, 1), np.float32) if light.dapple is None else light.dapple
    shade(
        owner, wa, wb, solid.triangles, material, solid.points, solid.normal, solid.uv,
        solid.occlusion, solid.collar, depth, state.camera.eye, textures, arrays.kind,
        arrays.map_of, arrays.colour, arrays.surface, np.float32(state.height * BUMP), pore_tile(),
        gloss, lamps, ambient, shadow, to_light, softness, dapple,
        CLOTH, supersample, irradiance, reflectance, shine, is_skin,
    )  # fmt: skip
    scatter(irradiance, is_skin, head_px)
    kernels.combine(irradiance, reflectance, shine)
    veil = np.zeros_like(cover)
    if len(veils.triangles):
        spots, near = state.camera.project(veils.points)
        lead = np.float32(1.004)  # lifts brows and lashes off the skin
        order = np.argsort(-near[veils.triangles].sum(axis=1), kind="stable").astype(np.int32)
        blend(
            order, veils.triangles, veils.material, spots, near * lead, veils.points, veils.normal,
            veils.uv, textures, arrays.map_of, arrays.colour, arrays.surface, arrays.alpha,
            arrays.hair, owner, material, arrays.kind, state.camera.eye, lamps, ambient,
            shadow, to_light, softness, nearest, shine, cover, veil,
        )  # fmt: skip
    rgba = finish(shine, cover, size)
    seen = truth.Seen(nearest, on_face, worn, veil)
    sprite = truth.label(human, view, state, rgba, seen, scale=1 / supersample)
    return sprite if person is None else replace(sprite, person=person)


class _Arrays:
    """A table of materials as arrays."""

    def __init__(self, table: Table) -> None:
        self.kind = np.array(table.kind, np.int64)
        self.map_of = np.array(table.map_of, np.int64)
        self.colour = np.ascontiguousarray(table.colour, np.float32)
        self.surface = np.array(table.surface, np.float32)
        self.alpha = np.array(table.alpha, np.float32)
        self.hair = np.array(table.hair, np.float32)


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
    light: Light,
    solid: Joined,
    veils: Joined,
    table: Table,
    textures: tuple[np.ndarray, ...],
    state: Posed,
    head_px: float,
    fill: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the shadow map (S, S) of the first lamp, and the (3, 4) matrix into it."""
    to_light = np.zeros((3, 4), np.float32)
    heads, drop = (1.9, 0.0) if fill > 0.45 else (3.8, 0.85)  # half bodies reach to the hips
    size = int(np.clip(0.58 * heads * head_px, 96, SHADOW))
    shadow = np.zeros((size, size), np.float32)
    if not len(light.lamps):
        return to_light, shadow
    ahead = light.lamps[0, :3].astype(np.float64)
    up = np.array((0.0, 1.0, 0.0) if abs(ahead[1]) < 0.95 else (1.0, 0.0, 0.0))
    right = np.cross(up, ahead)
    right /= np.linalg.norm(right)
    above = np.cross(ahead, right)
    scale = size / (heads * state.height)
    head = state.points[assets.body().head]
    middle = (head.min(axis=0) + head.max(axis=0)) / 2 - vector(0, drop * state.height, 0)
    to_light[0, :3], to_light[1, :3], to_light[2, :3] = right * scale, above * scale, ahead
    to_light[:2, 3] = size / 2 - (right @ middle * scale), size / 2 - (above @ middle * scale)
    to_light[2, 3] = 20
    for mesh, maps in ((solid, None), (veils, table.map_of)):
        if not len(mesh.triangles):
            continue
        spots = mesh.points @ to_light[:, :3].T + to_light[:, 3]
        triangles, two_sided = mesh.triangles, mesh.two_sided
        number = np.full(len(triangles), -1)
        if maps is not None:
            number = np.array(maps)[mesh.material]
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
            textures,
            shadow,
        )
    return to_light, shadow


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
