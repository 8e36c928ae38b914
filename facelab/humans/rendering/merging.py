"""One mesh of everything opaque and one of everything see-through, as the shading loops want it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from facelab.humans.parts import Part
from facelab.humans.rendering import kernels
from facelab.humans.rendering.posing import Pose
from facelab.humans.rendering.shading import EYE, PLAIN, SKIN

SLOTS = 32  # maps that one picture can use; fixed, as a tuple's length is part of compiled code
NO_MAP = np.zeros((2, 2, 3), np.float32)

Shrink = Callable[[np.ndarray], np.ndarray]


@dataclass
class Table:
    """Materials and maps of one picture, filled as meshes are added."""

    kind: list[int] = field(default_factory=list)
    map_of: list[int] = field(default_factory=list)
    colour: list[np.ndarray] = field(default_factory=list)
    surface: list[tuple[float, float, float, float]] = field(default_factory=list)
    alpha: list[float] = field(default_factory=list)
    hair: list[tuple[float, float, float]] = field(default_factory=list)
    maps: list[np.ndarray] = field(default_factory=list)

    def add(
        self,
        kind: int,
        colour: np.ndarray,
        *,
        image: np.ndarray | None = None,
        rough: float = 0.6,
        gloss: float = 0.3,
        f0: float = 0.04,
        occlusion: float = 1.0,
        alpha: float = -1.0,
        lead: float = 0.0,
        sheen: float = 0.0,
        hides: bool = False,
    ) -> int:
        """Add a material; returns its number. The options are as in `Materials`.

        kind: SKIN, EYE or PLAIN. colour: (3,) linear reflectance. image: map (h, w, c) float32 that
        stands for the colour, or None.
        Raises ValueError when a picture needs more than `SLOTS` maps.
        """
        slot = -1
        if image is not None:
            if len(self.maps) >= SLOTS:
                raise ValueError(
                    f"a person can have {SLOTS} maps at most; let some of the parts share one"
                )
            slot = len(self.maps)
            self.maps.append(image)
        self.kind.append(kind)
        self.map_of.append(slot)
        self.colour.append(np.asarray(colour, np.float32)[:3])
        self.surface.append((rough, gloss, f0, occlusion))
        self.alpha.append(alpha)
        self.hair.append((lead, sheen, float(hides)))
        return len(self.kind) - 1

    def arrays(self) -> Materials:
        """Make arrays of it all."""
        hair = np.array(self.hair, np.float32).reshape(-1, 3)
        return Materials(
            kind=np.array(self.kind, np.int64),
            map_of=np.array(self.map_of, np.int64),
            colour=np.ascontiguousarray(self.colour, np.float32),
            surface=np.array(self.surface, np.float32),
            alpha=np.array(self.alpha, np.float32),
            hair=hair,
            hides=hair[:, 2] > 0,
            textures=tuple(self.maps) + (NO_MAP,) * (SLOTS - len(self.maps)),
        )


@dataclass(frozen=True, eq=False)
class Materials:
    """Arrays of a `Table` of M materials.

    kind: (M,) SKIN, EYE or PLAIN. map_of: (M,) number of the map in `textures`, -1 for none.
    colour: (M, 3) linear reflectance. surface: (M, 4) roughness, gloss, reflectance at right angles
    and factor of the occlusion. alpha: (M,) of tinted glass, else -1. hair: (M, 3) lead in
    decimetres over bare skin, strength of the highlight, 1 if it hides the face; hides: (M,) bool,
    the same. textures: `SLOTS` maps (h, w, c) float32, empty ones at the end.
    """

    kind: np.ndarray
    map_of: np.ndarray
    colour: np.ndarray
    surface: np.ndarray
    alpha: np.ndarray
    hair: np.ndarray
    hides: np.ndarray
    textures: tuple[np.ndarray, ...]


@dataclass
class Soup:
    """Corners and triangles of several meshes, laid end to end."""

    points: list[np.ndarray] = field(default_factory=list)
    normal: list[np.ndarray] = field(default_factory=list)
    uv: list[np.ndarray] = field(default_factory=list)
    occlusion: list[np.ndarray] = field(default_factory=list)
    collar: list[np.ndarray] = field(default_factory=list)
    triangles: list[np.ndarray] = field(default_factory=list)
    material: list[np.ndarray] = field(default_factory=list)
    two_sided: list[np.ndarray] = field(default_factory=list)
    corners: int = 0

    def add(
        self,
        points: np.ndarray,
        normal: np.ndarray,
        uv: np.ndarray | None,
        triangles: np.ndarray,
        material: int | np.ndarray,
        *,
        occlusion: np.ndarray | None = None,
        collar: np.ndarray | None = None,
        two_sided: bool = False,
    ) -> None:
        """Lay a mesh behind the others.

        points, normal: (C, 3). uv: (C, 2) or None without a map. triangles: (T, 3). material: a
        number or (T,). occlusion: (C,) share of the sky, all of it if None. collar: (C,)
        decimetres over the neckline of the plain shirt, above it if None.
        """
        count = len(points)
        self.points.append(points)
        self.normal.append(normal)
        self.uv.append(np.zeros((count, 2), np.float32) if uv is None else uv)
        ones = np.ones(count, np.float32)
        self.occlusion.append(ones if occlusion is None else occlusion)
        self.collar.append(ones if collar is None else collar)
        self.triangles.append(triangles + np.int32(self.corners))
        number = np.full(len(triangles), material) if isinstance(material, int) else material
        self.material.append(number)
        self.two_sided.append(np.full(len(triangles), two_sided))
        self.corners += count

    def joined(self) -> Joined:
        """Make arrays of it all."""

        def cat(rows: list[np.ndarray], kind: type, columns: int = 0) -> np.ndarray:
            if not rows:
                return np.zeros((0, columns) if columns else 0, kind)
            return np.ascontiguousarray(np.concatenate(rows), kind)

        return Joined(
            points=cat(self.points, np.float32, 3),
            normal=cat(self.normal, np.float32, 3),
            uv=cat(self.uv, np.float32, 2),
            occlusion=cat(self.occlusion, np.float32),
            collar=cat(self.collar, np.float32),
            triangles=cat(self.triangles, np.int32, 3),
            material=cat(self.material, np.int16),
            two_sided=cat(self.two_sided, np.bool_),
        )


@dataclass(frozen=True, eq=False)
class Joined:
    """Arrays of a `Soup` of C corners and T triangles.

    points, normal: (C, 3). uv: (C, 2). occlusion, collar: (C,), see `Soup.add`. triangles: (T, 3)
    int32. material: (T,) int16. two_sided: (T,) bool.
    """

    points: np.ndarray
    normal: np.ndarray
    uv: np.ndarray
    occlusion: np.ndarray
    collar: np.ndarray
    triangles: np.ndarray
    material: np.ndarray
    two_sided: np.ndarray

    def followed_by(self, other: Joined) -> Joined:
        """Lay another joined mesh behind this one."""
        if not len(other.points):
            return self
        both = {
            name: np.concatenate((getattr(self, name), getattr(other, name)))
            for name in self.__dataclass_fields__
            if name != "triangles"
        }
        triangles = other.triangles + np.int32(len(self.points))
        return Joined(triangles=np.concatenate((self.triangles, triangles)), **both)


def add_parts(
    parts: Sequence[Part],
    table: Table,
    solid: Soup,
    clear: Soup,
    pose: Pose,
    skull: np.ndarray,
    shrink: Shrink,
) -> None:
    """Pose parts and lay each with the solid or the see-through ones.

    skull: (3,) middle of the head in the rest pose, from which the normals of hair are bent
    outwards. shrink: halves a map until it suits the size of the picture.
    """
    for part in parts:
        positions = np.ascontiguousarray(part.positions, np.float32)
        triangles = np.ascontiguousarray(part.triangles, np.int32)
        normal = kernels.normals(positions, triangles)
        if _is_hair(part):
            kernels.outwards(positions, normal, skull)
        points, turned = pose.place(positions, normal, part.follows)
        number = _add_material(part, table, shrink)
        if part.material.alpha is None:
            solid.add(points, turned, part.uv, triangles, number, two_sided=part.two_sided)
        else:
            clear.add(points, turned, part.uv, triangles, number)


def _is_hair(part: Part) -> bool:
    return part.name.startswith("hair")


def _add_material(part: Part, table: Table, shrink: Shrink) -> int:
    """Add a part's material to the table; returns its number."""
    own = part.material
    colour = np.asarray(own.colour, np.float32)
    plain = colour if colour.ndim == 1 else np.zeros(3, np.float32)
    if own.alpha is None:
        image = shrink(colour) if colour.ndim == 3 else None
        return table.add(
            PLAIN, plain, image=image, rough=own.roughness, gloss=own.gloss, hides=part.hides
        )
    if np.ndim(own.alpha) == 0 and colour.ndim == 1:
        return table.add(PLAIN, plain, alpha=float(own.alpha), gloss=own.gloss, hides=part.hides)
    return table.add(
        PLAIN,
        plain,
        image=shrink(_card(colour, own.alpha, own.luminance)),
        lead=0.13 if _is_hair(part) else 0.0,
        sheen=0.4 * own.gloss,
        hides=part.hides,
    )


_cards: dict[tuple[int, ...], tuple[object, ...]] = {}


def _card(
    colour: np.ndarray, alpha: np.ndarray | float, luminance: np.ndarray | None
) -> np.ndarray:
    """Stack luminance and alpha, and colour if it is a map: (h, w, 2 or 5).

    Kept, as many parts share their maps.
    """
    key = (id(alpha), id(luminance), id(colour) if colour.ndim == 3 else 0)
    if key not in _cards:
        if len(_cards) >= 32:
            _cards.clear()
        shape = colour.shape[:2] if np.ndim(alpha) == 0 else np.shape(alpha)
        see = np.broadcast_to(np.asarray(alpha, np.float32), shape)
        bright = np.ones(shape, np.float32) if luminance is None else luminance
        layers = [bright[..., None], see[..., None]]
        if colour.ndim == 3:
            if colour.shape[:2] != shape:
                colour = cv2.resize(colour, shape[::-1], interpolation=cv2.INTER_LINEAR)
            layers.append(colour)
        stacked = np.ascontiguousarray(np.concatenate(layers, axis=2), np.float32)
        _cards[key] = (stacked, alpha, luminance, colour)  # alive, so that ids stay theirs
    return _cards[key][0]  # type: ignore[return-value]


__all__ = ["EYE", "PLAIN", "SKIN", "Joined", "Materials", "Soup", "Table", "add_parts"]
