"""Face patches: faces cut out once with room around them, from which every network takes its crop.

| Frame        | (0, 0)                              | Unit                                        |
| ------------ | ----------------------------------- | ------------------------------------------- |
| photo        | left top corner of the photo        | pixels                                      |
| square units | left top corner of the face square  | its side: (1, 1) is the right bottom corner |
| patch        | left top corner of the patch        | pixels of the patch                         |

The face square stands for the box of the detector of 2013, a square from above the brows to below
the lips. Boxes of today are tight, from the forehead to the chin: `face_squares` turns one into the
other. A patch covers the square and a margin around it, so that a square that is a little off, or a
window around a point near the chin, still lies inside.

    people = patches_of_people(load_pack(split="train"), repeats=4, seed=0)
    crops = people.crop(people.squares(), (39, 39))        # (N, 1, 39, 39) in [0, 1]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from facelab.geometry.boxes import require_tensor
from facelab.geometry.crops import crop
from facelab.geometry.landmarks import MIRROR_5, MIRROR_68, mirror, to5
from facelab.geometry.pyramid import MipMaps
from facelab.images import as_photo
from facelab.types import Scene

__all__ = [
    "FacePatches",
    "cut_patches",
    "face_squares",
    "from_square",
    "patches_from_scenes",
    "to_square",
]

SIDE, MARGIN = 112, 0.3  # of a patch: pixels, and room on each edge as a share of the square's side
SCALE, DOWN = 0.8, 0.05  # of the face square, in units of the box's longer side


@dataclass(frozen=True, eq=False, repr=False)
class FacePatches:
    """N faces with room around them, and their points.

    images: (N, C, S, S) uint8, C = 1 grey or 3 RGB. points: (N, P, 2) float32 in square units, NaN
    where unknown; P is 5 or 68. widths: (N,) float32, width of the labelled box in square units:
    what errors are divided by. margin: share of the square's side around it on each edge.
    attributes: name -> tensor with one row a face.
    Raises ValueError that names the field when a shape, type or value is wrong.
    """

    images: Tensor
    points: Tensor
    widths: Tensor
    margin: float = MARGIN
    attributes: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, rank in (("images", 4), ("points", 3), ("widths", 1)):
            value = getattr(self, name)
            require_tensor(f"FacePatches.{name}", value)
            if value.ndim != rank or len(value) != len(self.images):
                raise ValueError(
                    f"FacePatches.{name}: expected {rank} axes and {len(self.images)} rows, one a "
                    f"face, got {tuple(value.shape)}"
                )
        _, channels, height, width = self.images.shape
        if self.images.dtype != torch.uint8 or channels not in (1, 3) or height != width:
            raise ValueError(
                f"FacePatches.images: expected uint8 of shape (N, 1 or 3, S, S), got "
                f"{self.images.dtype} {tuple(self.images.shape)}"
            )
        if self.points.shape[1] not in (5, 68) or self.points.shape[2] != 2:
            raise ValueError(
                f"FacePatches.points: expected (N, 5, 2) or (N, 68, 2), got "
                f"{tuple(self.points.shape)}"
            )
        if not self.margin >= 0:
            raise ValueError(f"FacePatches.margin: expected 0 or more, got {self.margin}")
        for name, value in self.attributes.items():
            if value.ndim == 0 or len(value) != len(self.images):
                raise ValueError(
                    f"FacePatches.attributes[{name!r}]: expected {len(self.images)} rows, one a "
                    f"face, got {tuple(value.shape)}"
                )

    def __repr__(self) -> str:
        n, channels, side, _ = self.images.shape
        colour = "grey" if channels == 1 else "RGB"
        return (
            f"FacePatches({n} faces, {self.points.shape[1]} points, {side}x{side} {colour}, "
            f"margin={self.margin:g}, attributes: {', '.join(self.attributes) or 'none'})"
        )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def pixels(self) -> float:
        """Give the side of the face square in pixels of the patch."""
        return self.images.shape[-1] / (1 + 2 * self.margin)

    def squares(self) -> Tensor:
        """Give the face squares in square units: (N, 4), each 0, 0, 1, 1."""
        return torch.tensor([0.0, 0.0, 1.0, 1.0], device=self.images.device).repeat(len(self), 1)

    def in_patch(self, places: Tensor) -> Tensor:
        """Turn points (..., 2) or windows (..., 4) in square units into pixels of the patch."""
        return (places + self.margin) * self.pixels

    def crop(self, windows: Tensor, size: tuple[int, int]) -> Tensor:
        """Cut windows (N, 4) or (N, K, 4) in square units: float32 (N, C, h, w) or (N, K, C, h, w)
        in [0, 1]."""
        return crop(self.images, self.in_patch(windows), size)

    def select(self, rows: Tensor | Sequence[int] | slice) -> FacePatches:
        """Choose faces by number, slice or mask."""
        if not isinstance(rows, slice):
            rows = torch.as_tensor(rows, device=self.images.device)
            rows = rows if rows.dtype == torch.bool else rows.long()
        return dataclasses.replace(
            self,
            images=self.images[rows],
            points=self.points[rows],
            widths=self.widths[rows],
            attributes={name: value[rows] for name, value in self.attributes.items()},
        )

    def mirrored(self) -> FacePatches:
        """Mirror all faces left to right; points change places with their partners."""
        changed = {
            name: -value if name in ("yaw", "roll", "turn") else value
            for name, value in self.attributes.items()
        }
        if "visible" in changed:
            partners = MIRROR_5 if self.points.shape[1] == 5 else MIRROR_68
            changed["visible"] = changed["visible"][:, partners]
        return dataclasses.replace(
            self, images=self.images.flip(-1), points=mirror(self.points, 1), attributes=changed
        )

    def to(self, device: torch.device | str) -> FacePatches:
        """Move the faces to a device."""
        return dataclasses.replace(
            self,
            images=self.images.to(device),
            points=self.points.to(device),
            widths=self.widths.to(device),
            attributes={name: value.to(device) for name, value in self.attributes.items()},
        )

    @staticmethod
    def concatenate(parts: Sequence[FacePatches]) -> FacePatches:
        """Join several sets of faces; attributes that not all of them have are left out.

        Raises ValueError for no parts, or parts of different margins or shapes.
        """
        shapes = {(part.margin, part.images.shape[1:], part.points.shape[1:]) for part in parts}
        if len(shapes) != 1:
            raise ValueError(
                f"parts: expected one or more with the same margin, image and point shapes, got "
                f"{len(parts)} with {sorted(map(str, shapes))}"
            )
        shared = set.intersection(*(set(part.attributes) for part in parts))
        return FacePatches(
            torch.cat([part.images for part in parts]),
            torch.cat([part.points for part in parts]),
            torch.cat([part.widths for part in parts]),
            parts[0].margin,
            {
                name: torch.cat([part.attributes[name] for part in parts])
                for name in parts[0].attributes
                if name in shared
            },
        )


def face_squares(boxes: Tensor, *, scale: float = SCALE, down: float = DOWN) -> Tensor:
    """Turn tight boxes, forehead to chin, into face squares, about brows to lips.

    boxes: (N, 4) xyxy. scale: side of the square in units of the box's longer side. down: how far
    its middle lies below the box's, in the same unit. Returns (N, 4), which may leave the photo.
    Raises ValueError for another shape or a scale that is not above 0.
    """
    boxes = _corners("boxes", boxes)
    if not scale > 0:
        raise ValueError(f"scale: expected a number above 0, got {scale}")
    longer = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1, keepdim=True)  # (N, 1)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 + longer * boxes.new_tensor([0.0, down])
    half = longer * (scale / 2)
    return torch.cat((middle - half, middle + half), dim=1)


def to_square(points: Tensor, squares: Tensor) -> Tensor:
    """Turn pixels of a photo into square units. points: (N, P, 2). squares: (N, 4)."""
    return (points - squares[:, None, :2]) / (squares[:, None, 2:] - squares[:, None, :2])


def from_square(points: Tensor, squares: Tensor) -> Tensor:
    """Turn square units into pixels of a photo. points: (N, P, 2). squares: (N, 4)."""
    return squares[:, None, :2] + points * (squares[:, None, 2:] - squares[:, None, :2])


def cut_patches(
    photo: np.ndarray,
    squares: Tensor,
    *,
    side: int = SIDE,
    margin: float = MARGIN,
    colour: bool = False,
) -> Tensor:
    """Cut face patches out of a photo.

    photo: uint8 (H, W, 3). squares: (N, 4) face squares in pixels; outside the photo the colours of
    its edge go on. side: of a patch in pixels. margin: around the square, a share of its side.
    colour: RGB, or grey. Returns uint8 (N, 3 or 1, side, side).
    Raises ImageError for a wrong array, ValueError for squares that are none, or a side below 1.
    """
    photo = as_photo(photo)
    squares = _corners("squares", squares)
    if side < 1:
        raise ValueError(f"side: expected 1 or more pixels, got {side}")
    sides = squares[:, 2:] - squares[:, :2]  # (N, 2)
    wrong = int((~((sides[:, 0] - sides[:, 1]).abs() <= 0.01 * sides.amax(dim=1))).sum())
    if wrong:
        raise ValueError(f"squares: {wrong} of {len(squares)} are not square; see face_squares")
    grown = squares.new_tensor([-margin, -margin, margin, margin])
    windows = squares + sides[:, :1] * grown  # (N, 4)
    patches = torch.empty(len(squares), 3 if colour else 1, side, side, dtype=torch.uint8)
    levels = MipMaps(photo, smallest=side).levels
    shrink = (windows[:, 2] - windows[:, 0]) / side  # pixels of the photo a pixel of the patch
    level = shrink.clamp(min=1).log2().floor().clamp(max=len(levels) - 1)  # (N,)
    for number in level.unique().long().tolist():
        image = levels[number]
        ratio = [image.shape[1] / photo.shape[1], image.shape[0] / photo.shape[0]] * 2
        here = windows * windows.new_tensor(ratio)  # (N, 4) pixels of this level
        planes = torch.from_numpy(grey_or_colour(image, colour=colour))
        for rows in (level == number).nonzero()[:, 0].split(64):  # 64: bounds the memory
            found = crop(planes[None], here[None, rows], (side, side))
            patches[rows] = found[0].mul_(255).round_().to(torch.uint8)
    return patches


def patches_from_scenes(
    scenes: Iterable[Scene],
    *,
    points: Literal[5, 68] = 5,
    side: int = SIDE,
    margin: float = MARGIN,
    colour: bool = False,
    squares: Callable[[Tensor], Tensor] = face_squares,
) -> FacePatches:
    """Cut out all faces of scenes that have landmarks, from any adapter.

    points: 5 or 68; scenes with 68 give 5 too. side, margin, colour: as in `cut_patches`. squares:
    boxes (N, 4) to face squares; `geometry.square_boxes` for lists whose boxes are the paper's.
    Attributes are those of the scenes, pose (N, 3) as yaw, pitch and roll, and `scene`, its number.
    Raises ValueError for a scene with boxes but without the points asked for.
    """
    parts = []
    for number, scene in enumerate(scenes):
        known = _known_points(scene, points, number)
        rows = (~known.isnan()).any(dim=-1).any(dim=-1).nonzero()[:, 0]
        if not len(rows):
            continue  # it may lack attributes that the others have
        frame = squares(scene.boxes[rows])
        parts.append(
            FacePatches(
                cut_patches(scene.image, frame, side=side, margin=margin, colour=colour),
                to_square(known[rows], frame),
                (scene.boxes[rows, 2] - scene.boxes[rows, 0]) / (frame[:, 2] - frame[:, 0]),
                margin,
                _scene_attributes(scene, rows, points, number),
            )
        )
    if parts:
        return FacePatches.concatenate(parts)
    nothing = torch.zeros(0, 3 if colour else 1, side, side, dtype=torch.uint8)
    return FacePatches(nothing, torch.zeros(0, points, 2), torch.zeros(0), margin)


def _corners(name: str, value: Tensor) -> Tensor:
    """Take boxes (N, 4) as floats: whole numbers would lose the shares that are added to them."""
    require_tensor(name, value)
    if value.ndim != 2 or value.shape[1] != 4:
        raise ValueError(f"{name}: expected shape (N, 4), got {tuple(value.shape)}")
    return value if value.is_floating_point() else value.float()


def grey_or_colour(photo: np.ndarray, *, colour: bool) -> np.ndarray:
    """Give a photo's channels as a patch has them: uint8 (3 or 1, H, W)."""
    if colour:
        return np.ascontiguousarray(photo.transpose(2, 0, 1))
    return cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[None]


def _known_points(scene: Scene, points: int, number: int) -> Tensor:
    """Give the points of a scene's faces: (N, points, 2) pixels, NaN where unknown."""
    if scene.landmarks is None:
        if len(scene):
            raise ValueError(f"scene {number}: has faces but no landmarks; leave it out")
        return torch.zeros(0, points, 2)
    if scene.landmarks.shape[1] == points:
        return scene.landmarks
    if points == 5:
        return to5(scene.landmarks)
    found = scene.landmarks.shape[1]
    raise ValueError(f"scene {number}: has {found} points a face, and {points} are asked for")


def _scene_attributes(scene: Scene, rows: Tensor, points: int, number: int) -> dict[str, Tensor]:
    """Give the attributes of chosen faces as `FacePatches` names them."""
    found = {name: value[rows] for name, value in scene.attributes.items()}
    if "pose" in found:
        found.update(zip(("yaw", "pitch", "roll"), found.pop("pose").unbind(dim=1), strict=True))
    if "visible" in found and found["visible"].shape[1] != points:
        del found["visible"]  # of 68 points, where 5 are asked for
    return {**found, "scene": torch.full((len(rows),), number)}
