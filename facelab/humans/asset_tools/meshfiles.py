"""Readers of MakeHuman's text files: meshes (.obj) and how parts sit on the body (.mhclo)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np


class SourceError(ValueError):
    """A MakeHuman file is missing or not what it should be; the message says which and why."""


@dataclass(frozen=True, eq=False)
class Mesh:
    """An .obj file. points: (V, 3). uv: (U, 2). quads: (F, 4) vertex numbers, a triangle's last
    one doubled. quad_uv: (F, 4) numbers of uv. group: (F,) name of each face's group."""

    points: np.ndarray
    uv: np.ndarray
    quads: np.ndarray
    quad_uv: np.ndarray
    group: np.ndarray


@dataclass(frozen=True, eq=False)
class Fitting:
    """An .mhclo file: vertex i of the part lies at the weighted mean of three body vertices, plus
    an offset that grows with the body.

    reference: (P, 3) body vertices. weight: (P, 3). offset: (P, 3). scale: axis -> (body vertex,
    body vertex, their distance along the axis on the mean body).
    """

    reference: np.ndarray
    weight: np.ndarray
    offset: np.ndarray
    scale: dict[str, tuple[int, int, float]]


def read_obj(path: Path) -> Mesh:
    """Read a mesh. Raises SourceError for a missing or damaged file, and a Git LFS pointer."""
    points: list[list[float]] = []
    uv: list[list[float]] = []
    quads: list[list[int]] = []
    quad_uv: list[list[int]] = []
    groups: list[str] = []
    group = ""
    for number, line in enumerate(_lines(path), start=1):
        word, *rest = line.split() or [""]
        try:
            if word == "v":
                points.append([float(x) for x in rest[:3]])
            elif word == "vt":
                uv.append([float(x) for x in rest[:2]])
            elif word == "g":
                group = rest[0] if rest else ""
            elif word == "f":
                corners = [corner.split("/") for corner in rest]
                at = [int(corner[0]) - 1 for corner in corners]
                place = [
                    int(corner[1]) - 1 if len(corner) > 1 and corner[1] else 0 for corner in corners
                ]
                if len(at) not in (3, 4):
                    raise ValueError(f"a face has {len(at)} corners, expected 3 or 4")
                quads.append((at + at[-1:])[:4])
                quad_uv.append((place + place[-1:])[:4])
                groups.append(group)
        except ValueError as problem:
            raise SourceError(
                f"{path}, line {number}: not a mesh that can be read: {problem}"
            ) from None
    if not points or not quads:
        raise SourceError(f"{path}: holds no mesh")
    if max(map(max, quads)) >= len(points):
        raise SourceError(f"{path}: cut off, a face asks for a vertex that is not there")
    return Mesh(
        np.array(points, np.float32),
        np.array(uv, np.float32).reshape(-1, 2),
        np.array(quads),
        np.array(quad_uv),
        np.array(groups),
    )


def read_mhclo(path: Path) -> Fitting:
    """Read how a part sits on the body. Raises SourceError."""
    reference: list[list[int]] = []
    weight: list[list[float]] = []
    offset: list[list[float]] = []
    scale: dict[str, tuple[int, int, float]] = {}
    listing = False
    for number, line in enumerate(_lines(path), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        axis = re.fullmatch(r"([xyz])_scale", words[0])
        try:
            if axis:
                scale[axis[1]] = (int(words[1]), int(words[2]), float(words[3]))
            elif words[0] in ("verts", "delete_verts"):
                listing = words[0] == "verts"
            elif listing and words[0].isdigit():
                if len(words) == 1:  # exactly on a vertex of the body
                    reference.append([int(words[0])] * 3)
                    weight.append([1.0, 0.0, 0.0])
                    offset.append([0.0, 0.0, 0.0])
                elif len(words) >= 9:
                    reference.append([int(word) for word in words[:3]])
                    weight.append([float(word) for word in words[3:6]])
                    offset.append([float(word) for word in words[6:9]])
                else:
                    raise ValueError(f"{len(words)} numbers, expected 1 or 9")
        except (ValueError, IndexError) as problem:
            raise SourceError(f"{path}, line {number}: cannot be read: {problem}") from None
    if not reference or set(scale) != set("xyz"):
        raise SourceError(f"{path}: lacks its vertices, or x_scale, y_scale, z_scale")
    return Fitting(
        np.array(reference), np.array(weight, np.float32), np.array(offset, np.float32), scale
    )


def weld(quads: np.ndarray, quad_uv: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make triangles with one corner for each pair of (vertex, place in the map).

    quads, quad_uv: (F, 4). Returns the vertex (C,) and the place (C,) of each corner, and the
    triangles (T, 3); those that a doubled vertex makes empty are left out.
    """
    at, place = _triangles(quads), _triangles(quad_uv)
    real = (at[:, 0] != at[:, 1]) & (at[:, 1] != at[:, 2]) & (at[:, 0] != at[:, 2])
    pairs = np.stack([at[real].ravel(), place[real].ravel()], axis=1)
    corners, triangles = np.unique(pairs, axis=0, return_inverse=True)
    return corners[:, 0], corners[:, 1], triangles.reshape(-1, 3)


def is_pointer(path: Path) -> bool:
    """Say whether a file is a Git LFS pointer in place of the real one."""
    with open(path, "rb") as file:
        return file.read(40).startswith(b"version https://git-lfs")


def pointed_sha256(path: Path) -> str:
    """Give the sha256 that a Git LFS pointer names."""
    found = re.search(r"oid sha256:([0-9a-f]{64})", path.read_text(encoding="utf-8"))
    if not found:
        raise SourceError(f"{path}: a damaged Git LFS pointer")
    return found[1]


def _triangles(quads: np.ndarray) -> np.ndarray:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _lines(path: Path) -> list[str]:
    try:
        if is_pointer(path):
            raise SourceError(f"{path}: only a Git LFS pointer; run `git lfs pull` in its checkout")
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        raise SourceError(f"{path}: missing") from None
    except OSError as problem:
        raise SourceError(f"{path}: cannot be read: {problem.strerror}") from None
