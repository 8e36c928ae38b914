"""Meshes that the renderer draws: hair, glasses, hats, clothes, hands and whatever else is worn or
held.

Positions are in decimetres in the rest pose: head upright, face to the front (+z), x to the
person's left, y up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Follows = Literal["head", "body", "skin"]


@dataclass(frozen=True, eq=False)
class Material:
    """What a surface is made of. Colours are linear reflectance in [0, 1].

    colour: (3,) for a plain surface, or (h, w, 3) float32 for a map that `Part.uv` looks up.
    alpha: None for an opaque surface; (h, w) float32 for hair and lace, whose `luminance` (h, w)
    scales the colour; a number for tinted glass.
    roughness: 0.1 (mirror-like) to 1 (matt). gloss: strength of reflections, 1 for skin.
    """

    colour: np.ndarray
    alpha: np.ndarray | float | None = None
    luminance: np.ndarray | None = None
    roughness: float = 0.6
    gloss: float = 0.3


@dataclass(frozen=True, eq=False)
class Part:
    """A mesh in the rest pose.

    positions: (V, 3) float32. triangles: (T, 3) int32, front faces counter-clockwise.
    uv: (V, 2) float32 with v from the bottom, or None for a plain colour. follows: what it turns
    with: "head", "body", or "skin" for a blend of both as the neck's. hides: whether it counts as
    an occluder of the face in the labels. two_sided: draw back faces too (cloth, hair, brims).
    """

    name: str
    positions: np.ndarray
    triangles: np.ndarray
    material: Material
    uv: np.ndarray | None = None
    follows: Follows = "head"
    hides: bool = True
    two_sided: bool = False


@dataclass(frozen=True, eq=False)
class Fit:
    """A person's rest-pose body, on which things are fitted.

    points: (V, 3) float32 morphed vertices of the base mesh, all groups. landmarks: (68,) vertex
    numbers of the face landmarks. groups: name -> vertex numbers of joints ("neck", "head",
    "l-eye", "r-eye", "jaw", "mouth"). base: (V, 3) the same vertices of the mean person.
    """

    points: np.ndarray
    landmarks: np.ndarray
    base: np.ndarray
    groups: dict[str, np.ndarray] = field(default_factory=dict)

    def landmark(self, number: int) -> np.ndarray:
        """Give the position (3,) of one of the 68 face landmarks."""
        return self.points[self.landmarks[number]]

    def joint(self, name: str) -> np.ndarray:
        """Give the middle (3,) of a joint."""
        return self.points[self.groups[name]].mean(axis=0)
