"""Tiny files in the real layouts, as the readers of data sets find them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facelab.images import write_image
from tests.geometry.faces import symmetric_face


def write_photo(path: Path, *, width: int = 100, height: int = 100) -> Path:
    """A grey PNG or JPEG with one white pixel at column 30, row 20."""
    path.parent.mkdir(parents=True, exist_ok=True)
    photo = np.full((height, width, 3), 128, np.uint8)
    photo[20, 30] = 255
    write_image(path, photo)
    return path


def face_68() -> Tensor:
    """68 points (68, 2) in a photo of 100 x 100, rounded as label files have them."""
    return symmetric_face().round(decimals=3)


def face_98() -> Tensor:
    """98 points (98, 2) in a photo of 100 x 100; their mean is near (50, 50)."""
    places = torch.arange(98) / 98 * 2 * torch.pi
    return (50 + 30 * torch.stack((places.cos(), places.sin()), dim=1)).round(decimals=3)


def pts_text(points: Sequence[Sequence[float]]) -> str:
    """The text of a .pts file with these points."""
    rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points)
    return f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n"


def write_pts(folder: Path, stem: str, points: Tensor | None = None) -> Path:
    """A photo and its .pts file in a folder; points as stored, counted from 1."""
    write_photo(folder / f"{stem}.png")
    path = folder / f"{stem}.pts"
    path.write_text(pts_text((face_68() if points is None else points).tolist()))
    return path


def wflw_line(
    name: str = "37--Soccer/37_Soccer_a.png",
    *,
    points: Tensor | None = None,
    box: str = "18 18 82 82",
    attributes: str = "1 0 0 0 1 0",
) -> str:
    """One line of WFLW's full list."""
    places = " ".join(f"{value:.6f}" for value in (face_98() if points is None else points).ravel())
    return f"{places} {box} {attributes} {name}"
