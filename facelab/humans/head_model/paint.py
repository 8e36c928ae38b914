"""Where hair, brows, lashes, beard and the parts of the eyes are on the head model, by vertex."""

from __future__ import annotations

import numpy as np

from facelab.humans import assets
from facelab.humans.head_model import sources, topology
from facelab.humans.head_model.sources import HeadMesh
from facelab.humans.person import facemap

BROWS = ("eyebrow001", "eyebrow009")
LASHES = "eyelashes01"
BLUR = 0.016  # dm by which brows are spread, so that vertices 3 mm apart carry them
PUPIL_RING, IRIS_RING, RIM_RING = 0.15, 0.30, 0.40  # radians up to which each reaches

INSIDE = (0.20, 0.045, 0.04)  # linear reflectance of the mouth's inside
LID_EDGE = (0.42, 0.17, 0.14)
GUM, TOOTH, WHITE = (0.38, 0.12, 0.11), (0.70, 0.64, 0.52), (0.60, 0.55, 0.52)

MASKS = ("scalp", "brows", "lashes", "beard", "iris", "rim", "pupil")
"""Names of the masks, in the order of the file."""


def masks(mesh: HeadMesh) -> dict[str, np.ndarray]:
    """Make the masks (V,) in [0, 1]; `rim` is the dark edge of the iris."""
    points = sources.mean_points()
    where = sources.positions(mesh, points)
    origin = points[assets.body().groups["head"]].mean(axis=0)
    out = {name: np.zeros(mesh.num_vertices) for name in MASKS}
    num_skin = len(mesh.skin)
    skin = where[:num_skin] + origin
    inside = sources.inside_head()[mesh.skin]
    out["scalp"][:num_skin] = scalp(skin, points) * ~inside
    out["brows"][:num_skin] = _symmetric(mesh, brows(skin, points) * ~inside)
    out["lashes"][:num_skin] = _symmetric(mesh, lashes(mesh))
    out["beard"][:num_skin] = _from_map(mesh, "beard")
    ball, _ = topology.eyeball(sources.RINGS, sources.SEGMENTS)
    angle = np.arccos(np.clip(ball[:, 2], -1, 1))
    for rows in mesh.eyes:
        out["pupil"][rows] = angle < PUPIL_RING
        out["iris"][rows] = (angle >= PUPIL_RING) & (angle < RIM_RING)
        out["rim"][rows] = (angle >= IRIS_RING) & (angle < RIM_RING)
    return out


def fixed_colours(mesh: HeadMesh) -> tuple[np.ndarray, np.ndarray]:
    """Colours of what is not skin: vertices (V,) bool and linear reflectance (V, 3)."""
    fixed = np.ones(mesh.num_vertices, bool)
    colours = np.zeros((mesh.num_vertices, 3))
    inside = sources.inside_head()[mesh.skin]
    fixed[: len(mesh.skin)] = inside
    fixed[mesh.tooth_rows.stop :] = False  # the neck's end
    colours[: len(mesh.skin)] = np.where(mesh.mouth[:, None], INSIDE, LID_EDGE)
    for rows in mesh.eyes:
        colours[rows] = WHITE
    teeth = np.array([GUM, TOOTH, TOOTH, TOOTH, TOOTH, GUM])
    colours[mesh.tooth_rows] = np.repeat(teeth, sources.TEETH_COLUMNS, axis=0)
    return fixed, colours


def occlusion(mesh: HeadMesh) -> np.ndarray:
    """Share (V,) of light from all sides that reaches each vertex of a calm face."""
    body, num_skin = assets.body(), len(mesh.skin)
    sky = np.full(len(body.base), 1.0)
    np.minimum.at(sky, body.at, body.occlusion)
    out = np.ones(mesh.num_vertices)
    out[:num_skin] = np.clip(0.12 + 1.1 * sky[mesh.skin], 0, 1)
    points = sources.mean_points()
    eyes = points[body.anchors[36:48]]
    gap = np.linalg.norm(points[mesh.skin][:, None] - eyes, axis=2).min(axis=1)
    lids = (gap < 0.12) & ~sources.inside_head()[mesh.skin]
    out[:num_skin][lids] = out[:num_skin][lids].clip(0.7)  # they unfold when the eyes close
    ball, _ = topology.eyeball(sources.RINGS, sources.SEGMENTS)
    for rows in mesh.eyes:  # the upper lid shades the ball
        out[rows] = np.clip(0.80 - 0.45 * ball[:, 1] - 0.25 * ball[:, 0] ** 2, 0.25, 0.95)
    depth = sources.positions(mesh, sources.mean_points())[mesh.tooth_rows, 2]
    out[mesh.tooth_rows] = np.clip(0.85 - 4 * (depth.max() - depth), 0.12, 0.85)
    return out


def scalp(skin: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where hair grows: above a line from the forehead past temple and ear to the nape. (S,)."""
    mark = points[assets.body().anchors]
    brow, ear, chin = mark[19, 1], mark[0], mark[8, 1]
    middle = np.array([0.0, ear[2] - 0.15])
    azimuth = np.abs(np.arctan2(skin[:, 0] - middle[0], skin[:, 2] - middle[1]))  # 0 in front
    # Height of the hairline by azimuth in radians: forehead, temple, sideburn, behind ear, nape.
    at = (0.0, 0.35, 0.62, 0.85, 1.12, 1.32, 1.45, 2.0, 2.4, np.pi)
    height = np.array(
        [
            *(brow + 0.60, brow + 0.58, brow + 0.44, brow + 0.30, brow + 0.0),
            *(ear[1] - 0.02, ear[1] + 0.30, ear[1] - 0.25, chin + 0.42, chin + 0.28),
        ]
    )
    line = np.interp(azimuth, at, height)
    t = np.clip((skin[:, 1] - line + 0.09) / 0.18, 0, 1)
    cover = t * t * (3 - 2 * t)
    ear_zone = (np.abs(skin[:, 0]) > np.abs(ear[0]) + 0.035) & (skin[:, 1] < ear[1] + 0.22)
    ear_zone &= (skin[:, 1] > ear[1] - 0.7) & (skin[:, 2] < ear[2] + 0.05)
    return np.where(ear_zone, 0.0, cover)


def tufts(mesh: HeadMesh, mean: np.ndarray) -> np.ndarray:
    """How far hair stands off (V,), 0.55 to 1.3 and the same on both sides: hair is no cap."""
    random = np.random.default_rng(0).uniform(-1, 1, mesh.num_vertices)
    random = (random + random[mesh.partner]) / np.sqrt(2)
    crown = np.clip((mean[:, 1] - 0.7) / 0.6, 0, 1)  # longer on top than at the sides
    return np.clip(0.65 + 0.4 * crown + 0.22 * random, 0.3, 1.4)


def brows(skin: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Cover (S,) by brow hairs, the mean of several brows, spread over about 2 mm."""
    total = np.zeros(len(skin))
    for name in BROWS:
        piece, place = assets.part(name), assets.fitted(name, points)
        alpha = assets.texture(f"eyebrows/{name}.png", 1)[..., 1:]
        corners, uv = place[piece.at[piece.triangles]], piece.uv[piece.triangles]
        area = np.linalg.norm(
            np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
        )
        steps = 5
        for i in range(steps):
            for j in range(steps - i):
                weight = np.array([(i + 1 / 3) / steps, (j + 1 / 3) / steps, 0.0])
                weight[2] = 1 - weight[0] - weight[1]
                spot = (corners * weight[:, None]).sum(axis=1)  # (T, 3)
                on_map = (uv * weight[:, None]).sum(axis=1)
                cover = sources.look_up(alpha, np.stack([on_map[:, 0], 1 - on_map[:, 1]], axis=1))
                share = area / 2 / (steps * (steps + 1) / 2)
                near = ((skin[:, None, :2] - spot[None, :, :2]) ** 2).sum(axis=2)
                spread = np.exp(-near / (2 * BLUR**2)) / (2 * np.pi * BLUR**2)
                front = skin[:, 2] > spot[:, 2].min() - 0.3
                total += front * (spread @ (share * cover[:, 0]))
    return np.clip(total / len(BROWS) * 1.9, 0, 1)


def lashes(mesh: HeadMesh) -> np.ndarray:
    """Nearness (S,) to the roots of the lashes, the upper ones most.

    The lid folds back under the open eye; only what is near with the eye closed as well counts.
    """
    someone = sources.mean_human()
    gaps, upper = [], np.zeros(0)
    for closed in (1.0, 0.0):
        points = someone.shape(25.0, {"eye-*-closure": closed})
        place = assets.fitted(LASHES, points)
        gap = np.linalg.norm(points[mesh.skin][:, None] - place[None], axis=2)
        gaps.append(gap.min(axis=1))
        upper = place[gap.argmin(axis=1), 1] > points[assets.body().anchors[36:48], 1].mean()
    return np.where(upper, 1.0, 0.4) * np.exp(-((np.max(gaps, axis=0) / 0.016) ** 2))


def _from_map(mesh: HeadMesh, name: str) -> np.ndarray:
    """Read a mask of the head map at the skin vertices, 0 beside the map. (S,)."""
    values = getattr(facemap.masks(sources.MAP_LEVEL), name)[..., None]
    on_map = mesh.corner >= 0
    out = np.zeros(len(mesh.skin))
    out[on_map] = sources.look_up(values, assets.body().uv[mesh.corner[on_map]])[:, 0]
    return out


def _symmetric(mesh: HeadMesh, values: np.ndarray) -> np.ndarray:
    return (values + values[mesh.partner[: len(mesh.skin)]]) / 2
