"""The records that cross rooms, and the conventions that hold everywhere in facelab.

| Thing         | Convention                                                                       |
| ------------- | -------------------------------------------------------------------------------- |
| photo         | uint8 `(H, W, 3)` RGB numpy array, EXIF orientation applied                      |
| image tensor  | float32 `(B, 3, H, W)` RGB in [0, 1]; a net normalises inside its own forward    |
| boxes         | float32 `(N, 4)` xyxy in absolute pixels, x2 and y2 exclusive: width = x2 - x1   |
| landmarks     | float32 `(N, 5, 2)` or `(N, 68, 2)` xy in pixels, in the same frame as the boxes |
|               | (photos of WFLW: 98 points); x = 0 is the left edge of the first pixel           |
| their order   | eye at image left, eye at image right, nose tip, mouth corner left, right        |
| missing       | NaN for a point or face without landmarks, `None` for a source without any       |
| scores        | float32 `(N,)`, probabilities in [0, 1]                                          |
| embeddings    | float32 `(N, D)` of unit length; similarity is the cosine                        |
| age           | years, float                                                                     |
| nothing found | `(0, 4)`, `(0,)`, `(0, 5, 2)`: a valid value, accepted by every function         |

Records hold CPU float32 tensors and are checked when they are made, so that a mistake is reported
where it happens and not three rooms later. A tensor of another type or device is refused, never
converted silently.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from facelab.images import as_photo

__all__ = ["AgedFace", "Faces", "IdentityImage", "Pair", "Scene", "SceneSource"]


class _Record:
    """Show shapes instead of a screen of numbers."""

    def __repr__(self) -> str:
        shown = (
            f"{item.name}={_brief(getattr(self, item.name))}"
            for item in fields(self)  # type: ignore[arg-type]
        )
        return f"{type(self).__name__}({', '.join(shown)})"


@dataclass(frozen=True, eq=False, repr=False)
class Faces(_Record):
    """Hold the faces found in one photo.

    boxes: (N, 4) float32. scores: (N,) float32 in [0, 1]. landmarks: (N, 5, 2) float32, NaN for a
    face without, or None when the detector gives none.
    Raises ValueError that names the field when a shape, type or value is wrong.
    """

    boxes: Tensor
    scores: Tensor
    landmarks: Tensor | None = None

    def __post_init__(self) -> None:
        _check_boxes("Faces.boxes", self.boxes)
        _check_tensor("Faces.scores", self.scores, shape=(len(self.boxes),))
        scores = self.scores.numpy()
        inside = (scores >= 0) & (scores <= 1)  # NaN counts as outside
        if not inside.all():
            raise ValueError(
                f"Faces.scores: {int((~inside).sum())} of {len(scores)} values are outside [0, 1] "
                f"or NaN; apply softmax or sigmoid to logits first"
            )
        if self.landmarks is not None:
            _check_landmarks("Faces.landmarks", self.landmarks, count=len(self.boxes), points=(5,))

    @classmethod
    def empty(cls, landmarks: bool = True) -> Faces:
        """Return the answer for a photo without faces."""
        points = torch.zeros(0, 5, 2) if landmarks else None
        return cls(torch.zeros(0, 4), torch.zeros(0), points)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: int | slice | Tensor | np.ndarray | Sequence[int]) -> Faces:
        """Select faces by number, slice, indices or mask; the answer is always a `Faces`."""
        if isinstance(index, int):
            if not -len(self) <= index < len(self):
                raise IndexError(f"face {index} of {len(self)}")
            index = [index]
        if not isinstance(index, slice):
            index = torch.as_tensor(index)
            if index.numel() == 0 and index.dtype != torch.bool:
                index = index.long()
            if index.dtype == torch.bool and index.shape != (len(self),):
                raise IndexError(f"mask of shape {tuple(index.shape)} for {len(self)} faces")
        points = None if self.landmarks is None else self.landmarks[index]
        return Faces(self.boxes[index], self.scores[index], points)

    def to_dict(self) -> dict[str, list[Any] | None]:
        """Return plain lists for JSON; landmarks that a face does not have become None."""
        points: list[Any] | None = None
        if self.landmarks is not None:
            points = [
                [None if math.isnan(point[0]) else point for point in face]
                for face in self.landmarks.tolist()
            ]
        return {"boxes": self.boxes.tolist(), "scores": self.scores.tolist(), "landmarks": points}


@dataclass(frozen=True, eq=False, repr=False)
class Scene(_Record):
    """Hold an annotated photo: what every detection and landmark recipe trains and is tested on.

    image: (H, W, 3) uint8 RGB. boxes: (N, 4) float32. landmarks: (N, P, 2) float32, P 5, 68 or 98,
    NaN where missing, or None. attributes: name -> tensor with one entry per face, any type.
    ignore: (M, 4) float32 boxes of faces that count neither as hits nor as misses.
    Raises ValueError that names the field when a shape, type or value is wrong.
    """

    image: np.ndarray
    boxes: Tensor
    landmarks: Tensor | None = None
    attributes: Mapping[str, Tensor] = field(default_factory=dict)
    ignore: Tensor = field(default_factory=lambda: torch.zeros(0, 4))

    def __post_init__(self) -> None:
        as_photo(self.image, name="Scene.image")
        _check_boxes("Scene.boxes", self.boxes)
        if self.landmarks is not None:
            _check_landmarks(
                "Scene.landmarks", self.landmarks, count=len(self.boxes), points=(5, 68, 98)
            )
        for key, value in self.attributes.items():
            if not isinstance(value, Tensor) or value.ndim == 0 or len(value) != len(self.boxes):
                raise ValueError(
                    f"Scene.attributes[{key!r}]: expected a tensor with {len(self.boxes)} entries, "
                    f"one per face, got {_brief(value)}"
                )
        _check_boxes("Scene.ignore", self.ignore)

    def __len__(self) -> int:
        return len(self.boxes)


class SceneSource(Protocol):
    """Scenes by number: what a detector learns from; a list of scenes is one too."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Scene: ...


@dataclass(frozen=True, eq=False, repr=False)
class Pair(_Record):
    """Hold two photos of faces and whether they show the same person (LFW-style verification).

    first, second: (H, W, 3) uint8 RGB, sizes may differ. same: True for the same person.
    Raises ValueError that names the field.
    """

    first: np.ndarray
    second: np.ndarray
    same: bool

    def __post_init__(self) -> None:
        as_photo(self.first, name="Pair.first")
        as_photo(self.second, name="Pair.second")
        if not isinstance(self.same, bool | np.bool_):
            raise ValueError(f"Pair.same: expected True or False, got {self.same!r}")


@dataclass(frozen=True, eq=False, repr=False)
class IdentityImage(_Record):
    """Hold a photo of one face and whose face it is.

    image: (H, W, 3) uint8 RGB. identity: number of the person in its data set, 0 or more.
    landmarks: (5, 2) or (68, 2) float32 in this image, or None.
    Raises ValueError that names the field.
    """

    image: np.ndarray
    identity: int
    landmarks: Tensor | None = None

    def __post_init__(self) -> None:
        as_photo(self.image, name="IdentityImage.image")
        _check_identity("IdentityImage.identity", self.identity)
        _check_points("IdentityImage.landmarks", self.landmarks)


@dataclass(frozen=True, eq=False, repr=False)
class AgedFace(_Record):
    """Hold a photo of one face, the age it shows and, where known, whose face it is.

    image: (H, W, 3) uint8 RGB. age: years. identity: number of the person in its data set, or None.
    landmarks: (5, 2) or (68, 2) float32 in this image, or None.
    Raises ValueError that names the field.
    """

    image: np.ndarray
    age: float
    identity: int | None = None
    landmarks: Tensor | None = None

    def __post_init__(self) -> None:
        as_photo(self.image, name="AgedFace.image")
        number = isinstance(self.age, int | float | np.number) and not isinstance(self.age, bool)
        if not number or not 0 <= self.age <= 150:
            raise ValueError(f"AgedFace.age: expected years from 0 to 150, got {self.age!r}")
        if self.identity is not None:
            _check_identity("AgedFace.identity", self.identity)
        _check_points("AgedFace.landmarks", self.landmarks)


def _brief(value: object) -> str:
    if isinstance(value, Tensor):
        kind = "" if value.dtype == torch.float32 else f" {str(value.dtype).removeprefix('torch.')}"
        return f"{tuple(value.shape)}{kind}"
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.dtype}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_brief(item)}" for key, item in value.items()) + "}"
    return repr(value)


def _check_tensor(name: str, value: object, shape: tuple[int | None, ...]) -> None:
    """Refuse anything but a CPU float32 tensor of this shape, where None is any size."""
    wanted = (
        "("
        + ", ".join("N" if n is None else str(n) for n in shape)
        + ("," * (len(shape) == 1))
        + ")"
    )
    if not isinstance(value, Tensor):
        raise ValueError(
            f"{name}: expected a float32 tensor of shape {wanted}, got {_brief(value)}"
        )
    fits = value.ndim == len(shape) and all(
        n is None or n == got for n, got in zip(shape, value.shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name}: expected shape {wanted}, got {tuple(value.shape)}")
    if value.dtype != torch.float32 or value.device.type != "cpu":
        raise ValueError(
            f"{name}: expected float32 on the CPU, got {value.dtype} on {value.device}; "
            f"use .float().cpu()"
        )
    if value.requires_grad:
        raise ValueError(f"{name}: carries a gradient; use .detach()")


def _check_boxes(name: str, value: object) -> None:
    _check_tensor(name, value, shape=(None, 4))
    assert isinstance(value, Tensor)
    fine = np.isfinite(value.numpy())  # NumPy: a detector makes many small records a photo
    if not fine.all():
        wrong = int((~fine).any(axis=1).sum())
        raise ValueError(
            f"{name}: {wrong} of {len(value)} boxes hold NaN or infinity; drop them first"
        )


def _check_landmarks(name: str, value: object, *, count: int, points: tuple[int, ...]) -> None:
    shapes = " or ".join(f"({count}, {n}, 2)" for n in points)
    if isinstance(value, Tensor) and (value.ndim != 3 or value.shape[1] not in points):
        raise ValueError(f"{name}: expected shape {shapes}, got {tuple(value.shape)}")
    _check_tensor(name, value, shape=(count, None, 2))
    assert isinstance(value, Tensor)
    _check_points_values(name, value)


def _check_points(name: str, value: object) -> None:
    """Accept None or the landmarks of one face."""
    if value is None:
        return
    if isinstance(value, Tensor) and (value.ndim != 2 or value.shape[0] not in (5, 68)):
        raise ValueError(f"{name}: expected shape (5, 2) or (68, 2), got {tuple(value.shape)}")
    _check_tensor(name, value, shape=(None, 2))
    assert isinstance(value, Tensor)
    _check_points_values(name, value)


def _check_points_values(name: str, value: Tensor) -> None:
    points = value.numpy()
    if np.isinf(points).any():
        raise ValueError(f"{name}: holds infinity; a missing point is NaN")
    missing = np.isnan(points)
    if (missing[..., 0] != missing[..., 1]).any():
        raise ValueError(f"{name}: a point has only one of x and y; a missing point is NaN in both")


def _check_identity(name: str, value: object) -> None:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < 0:  # type: ignore[operator]
        raise ValueError(f"{name}: expected a whole number, 0 or more, got {value!r}")
