"""The renderer's people as vertices of the head model: positions and colours.

The head's skin comes from the base mesh, thinned (`topology`). Each eye is a ball of rings, so that
pupil, iris and white have their own vertices; two strips are the teeth, and a fan closes the neck.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields

import numpy as np

from facelab.humans import assets
from facelab.humans.head_model import topology
from facelab.humans.person import skin
from facelab.humans.person.people import Human

SKIN_VERTICES = 2660  # of 3,000 at most in all
RINGS = (0.13, 0.17, 0.28, 0.38, 0.43, 0.65, 0.95, 1.35)  # radians from the line of sight
SEGMENTS = 16
EYE_VERTICES = 1 + len(RINGS) * SEGMENTS  # of each eyeball
TEETH_COLUMNS = 13
MAP_LEVEL = 2  # of the skin maps: about 1 mm a texel, a third of the vertices' spacing


@dataclass(frozen=True, eq=False)
class HeadMesh:
    """Which vertices the model has, and where each comes from.

    skin: (S,) vertices of the base mesh. corner: (S,) their corners in the head map, -1 beside it.
    mouth: (S,) bool, vertices of the mouth's inside. teeth: (D,) vertices of the fitted teeth. rim:
    (R,) rows of `skin` around the neck's cut. triangles: (T, 3), partner: (V,) mirror images,
    landmarks: (68,), in the model's numbers; anchors: (68,), those that the mesh was thinned around
    (`assets.Body`). The order is skin, eyeball of the person's right and
    left eye, teeth, the neck's rim once more (so that its normals point down) and its middle.
    """

    skin: np.ndarray
    corner: np.ndarray
    mouth: np.ndarray
    teeth: np.ndarray
    rim: np.ndarray
    triangles: np.ndarray
    partner: np.ndarray
    landmarks: np.ndarray
    anchors: np.ndarray

    @property
    def num_vertices(self) -> int:
        """Number of vertices in all."""
        return len(self.partner)

    @property
    def eyes(self) -> tuple[slice, slice]:
        """Rows of the person's right eyeball, at the image's left, and of the left one."""
        start, count = len(self.skin), EYE_VERTICES
        return slice(start, start + count), slice(start + count, start + 2 * count)

    @property
    def tooth_rows(self) -> slice:
        """Rows of the teeth."""
        start = self.eyes[1].stop
        return slice(start, start + len(self.teeth))


def head_mesh() -> HeadMesh:
    """Choose vertices and triangles. Takes seconds. Raises AssetsError without the assets."""
    points = mean_points()
    faces, partner = _thinned_skin(points)
    chosen = np.unique(faces)
    row = np.full(len(points), -1)
    row[chosen] = np.arange(len(chosen))
    rim_edges = row[topology.boundary_edges(faces)]
    teeth = _teeth(points)
    num_skin, num_eye = len(chosen), EYE_VERTICES
    mirrored = _eye_partner()
    first_tooth = num_skin + 2 * num_eye
    rim = np.unique(rim_edges)
    neck = first_tooth + len(teeth) + np.searchsorted(rim, rim_edges)  # (R, 2) copies of the rim
    middle = first_tooth + len(teeth) + len(rim)
    _, eye = topology.eyeball(RINGS, SEGMENTS)
    strip = topology.sheet(3, TEETH_COLUMNS)
    flipped = np.arange(len(teeth)).reshape(2, 3, TEETH_COLUMNS)[..., ::-1].ravel()
    return HeadMesh(
        skin=chosen,
        corner=_corners(chosen),
        mouth=inner_mouth(points)[chosen],
        teeth=teeth,
        rim=rim,
        triangles=np.concatenate(
            [
                row[faces],
                num_skin + eye,
                num_skin + num_eye + mirrored[eye][:, ::-1],
                first_tooth + strip,
                first_tooth + len(teeth) // 2 + strip,
                np.stack([neck[:, 1], neck[:, 0], np.full(len(neck), middle)], axis=1),
            ]
        ),
        partner=np.concatenate(
            [
                row[partner[chosen]],
                num_skin + num_eye + mirrored,
                num_skin + mirrored,
                first_tooth + flipped,
                middle - len(rim) + np.searchsorted(rim, row[partner[chosen]][rim]),
                [middle],
            ]
        ),
        landmarks=_rows(row, assets.body().landmarks),
        anchors=row[assets.body().anchors],
    )


def _rows(row: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Look up the model's numbers (68,) of body vertices; all must have survived the thinning."""
    lost = np.flatnonzero(row[landmarks] < 0)
    if len(lost):
        raise ValueError(f"landmarks {lost.tolist()}: thinning removed their vertices; keep them")
    return row[landmarks]


def _thinned_skin(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut the head off the body and thin it. Returns triangles (T, 3) of body vertices, and the
    mirror image (P,) of every body vertex."""
    body = assets.body()
    faces, base = body.faces.astype(np.int64), body.base
    used = np.unique(faces)
    partner = np.full(len(base), -1)
    partner[used] = used[topology.mirror_of(base[used])]
    above = (base[:, 1] > 5.72 - 0.2 * base[:, 2]) & (np.abs(base[:, 0]) < 0.95)
    half = faces[(above & (base[:, 0] >= -topology.ON_AXIS))[faces].all(axis=1)]
    thinned = topology.thin(
        points,
        half,
        spacing=_spacing(points),
        kept=body.anchors,
        num_vertices=(SKIN_VERTICES + 62) // 2,  # the halves share about 62 on the axis
    )
    return topology.unfold(thinned, partner), partner


def positions(mesh: HeadMesh, points: np.ndarray) -> np.ndarray:
    """Place the model's vertices for a person's rest-pose body points (P, 3), as `Human.shape`
    gives them. Returns (V, 3) float64 in dm.

    The origin is the middle of the skull.
    """
    body = assets.body()
    origin = points[body.groups["head"]].mean(axis=0)
    ball, _ = topology.eyeball(RINGS, SEGMENTS)
    eyes = assets.fitted("eyes", points)[_eye_vertices()]
    balls = []
    for side in (eyes[:, 0] < 0, eyes[:, 0] > 0):
        low, high = eyes[side].min(axis=0), eyes[side].max(axis=0)
        radius = (high[0] - low[0]) / 2
        middle = np.array([low[0] + high[0], low[1] + high[1], 2 * (high[2] - radius)]) / 2
        balls.append(middle + radius * ball)
    on_skin = points[mesh.skin].astype(np.float64)
    cavity = on_skin[mesh.mouth]
    on_skin[mesh.mouth] += 0.15 * (cavity.mean(axis=0) - cavity)  # off the thinned cheeks
    rim = on_skin[mesh.rim]
    slope = np.stack([rim[:, 2], np.ones(len(rim))], axis=1)
    rim[:, 1] = slope @ np.linalg.lstsq(slope, rim[:, 1], rcond=None)[0]  # a clean cut
    on_skin[mesh.rim] = rim
    teeth = assets.fitted("teeth", points)[mesh.teeth]
    return np.concatenate([on_skin, *balls, teeth, rim, rim.mean(axis=0)[None]]) - origin


def skin_colours(mesh: HeadMesh, human: Human, age: float) -> np.ndarray:
    """Read a person's bare skin at the skin vertices: log reflectance (S, 3). age: years."""
    colours = skin.bare_skin(human, round(age), MAP_LEVEL)[..., :3]
    on_map = np.flatnonzero(mesh.corner >= 0)
    log = np.zeros((len(mesh.skin), 3))
    log[on_map] = np.log(look_up(colours, assets.body().uv[mesh.corner[on_map]]))
    return _spread(mesh, log, known=mesh.corner >= 0)


def mean_human() -> Human:
    """Make a person between all others, without details."""
    someone = Human.sample(np.random.default_rng(0))
    values = {item.name: getattr(someone, item.name) for item in fields(someone)}
    values.update(male=0.5, ancestry=np.full(3, 1 / 3), weight=0.0, sag=1.0)
    values["details"] = {
        name: 0.8 for name in someone.details if name.startswith("eyebrows/eyebrows-angle-up")
    }
    return Human(**values)


@functools.cache
def mean_points() -> np.ndarray:
    """Body points (P, 3) of a mean grown-up of 25 years with a calm face."""
    return mean_human().shape(25.0).astype(np.float64)


def inside_head() -> np.ndarray:
    """Body vertices (P,) bool inside the mouth and the eye sockets."""
    body = assets.body()
    inside = np.zeros(len(body.base), bool)
    inside[body.at[body.region == 2]] = True
    inside[body.at[body.region != 2]] = False
    return inside


def inner_mouth(points: np.ndarray) -> np.ndarray:
    """Body vertices (P,) bool inside the mouth, for the mean person's points."""
    eyes = points[assets.body().anchors[36:48], 1].min()
    return inside_head() & (points[:, 1] < eyes - 0.15)


def _spacing(points: np.ndarray) -> np.ndarray:
    """Say how far apart in dm vertices should be: fine at eyes and mouth, coarse at the back."""
    body = assets.body()
    mark = points[body.anchors]
    inside = inside_head()
    wanted = np.full(len(points), 0.05)
    fine = np.concatenate([mark[36:48], mark[48:68]])
    reach = np.linalg.norm(points[:, None] - fine, axis=2).min(axis=1)
    wanted[reach < 0.12] = 0.03
    wanted[points[:, 2] < mark[0, 2]] = 0.15  # behind the ears' fronts
    ear = (np.abs(points[:, 0]) > np.abs(mark[0, 0]) - 0.03) & (points[:, 2] < mark[0, 2])
    ear &= (points[:, 1] > mark[3, 1] - 0.25) & (points[:, 1] < mark[0, 1] + 0.35)
    wanted[ear] = 0.08
    wanted[points[:, 1] < mark[8, 1] - 0.05] = 0.25  # the neck
    lip = np.linalg.norm(points[:, None] - mark[60:68], axis=2).min(axis=1)
    wanted[inside] = np.where(lip < 0.1, 0.08, 0.3)[inside]
    return wanted


def _corners(chosen: np.ndarray) -> np.ndarray:
    """Find a corner in the head map for each of these body vertices, -1 where there is none."""
    body = assets.body()
    corner = np.full(len(body.base), -1)
    on_head = np.flatnonzero(body.region == 0)
    corner[body.at[on_head][::-1]] = on_head[::-1]  # the first of several
    return corner[chosen]


def _eye_vertices() -> np.ndarray:
    piece = assets.part("eyes")
    return np.unique(piece.at[piece.triangles])


def _eye_partner() -> np.ndarray:
    """Mirror images within the rings of an eyeball."""
    ring = (SEGMENTS // 2 - 1 - np.arange(SEGMENTS)) % SEGMENTS
    rings = [1 + number * SEGMENTS + ring for number in range(len(RINGS))]
    return np.concatenate([[0], *rings])


def _teeth(points: np.ndarray) -> np.ndarray:
    """Choose vertices on the front of the teeth: upper strip, then lower, three rows each."""
    where = assets.fitted("teeth", points).astype(np.float64)
    lip = points[assets.body().anchors]
    middle = np.array([0.0, lip[66, 1], where[:, 2].max() - 0.32])
    from_middle = where - middle
    angle = np.arctan2(from_middle[:, 0], from_middle[:, 2])
    reach = np.hypot(from_middle[:, 0], from_middle[:, 2])
    half = TEETH_COLUMNS // 2
    lower = _moves_with_jaw()
    edge = where[~lower & (where[:, 2] > where[:, 2].max() - 0.1), 1].min()
    rows: list[np.ndarray] = []
    for height in (edge + 0.105, edge + 0.06, edge, edge - 0.004, edge - 0.06, edge - 0.1):
        row = np.empty(TEETH_COLUMNS, np.int64)
        for column in range(half + 1):
            wanted = 1.25 * column / half
            wrong = lower != (len(rows) >= 3)
            off = (
                1e3 * wrong + ((angle - wanted) / 0.10) ** 2 + ((where[:, 1] - height) / 0.012) ** 2
            )
            best = int(np.argmin(off - 40 * reach))  # the outermost near the wanted place
            image = int(np.linalg.norm(where * (-1, 1, 1) - where[best], axis=1).argmin())
            row[half + column], row[half - column] = best, image
        rows.append(row)
    return np.concatenate(rows)


def _moves_with_jaw() -> np.ndarray:
    """Vertices of the fitted teeth (D,) bool that go down when the mouth opens."""
    someone = Human.sample(np.random.default_rng(0))
    calm, open_ = (someone.shape(25.0, {"mouth-open": amount}) for amount in (0.0, 1.0))
    drop = (assets.fitted("teeth", calm) - assets.fitted("teeth", open_))[:, 1]
    return drop > drop.max() / 3


def look_up(values: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Sample a map (h, w, c) at uv (N, 2), v from the top, between its texels. Returns (N, c)."""
    h, w = values.shape[:2]
    x = np.clip(uv[:, 0] * w - 0.5, 0, w - 1.001)
    y = np.clip(uv[:, 1] * h - 0.5, 0, h - 1.001)
    i, j = x.astype(int), y.astype(int)
    fx, fy = (x - i)[:, None], (y - j)[:, None]
    top = values[j, i] * (1 - fx) + values[j, i + 1] * fx
    return top * (1 - fy) + (values[j + 1, i] * (1 - fx) + values[j + 1, i + 1] * fx) * fy


def _spread(mesh: HeadMesh, values: np.ndarray, *, known: np.ndarray) -> np.ndarray:
    """Continue values (S, c) smoothly over the skin vertices that are not known."""
    num_skin = len(mesh.skin)
    faces = mesh.triangles[(mesh.triangles < num_skin).all(axis=1)]
    edge = topology.directed_edges(faces)
    out = values.copy()
    out[~known] = values[known].mean(axis=0)
    degree = np.bincount(edge[:, 0], minlength=num_skin).clip(1)[:, None]
    for _ in range(60):
        total = np.stack(
            [np.bincount(edge[:, 0], out[edge[:, 1], c], num_skin) for c in range(out.shape[1])],
            axis=1,
        )
        out = np.where(known[:, None], values, total / degree)
    return out
