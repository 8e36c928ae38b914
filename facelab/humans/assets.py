"""The files people are made of: base mesh, morph targets, fitted parts and textures.

They come from the MakeHuman community (CC0) and are not part of the repository. The folder is
`FACELAB_HUMANS_ASSETS`, or `datasets/humans_assets/` in a checkout. Everything is read on first use
and kept. Units are decimetres; x to the person's left, y up, z to the front.
"""

from __future__ import annotations

import functools
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

VARIABLE = "FACELAB_HUMANS_ASSETS"
LUMINANCE = 110 / 255  # mean luminance that the hair, brow and lash maps are stored with

ANCESTRIES = ("caucasian", "asian", "african")  # the asset's names for its morph targets

JAW = (2804, 859, 866, 911, 739, 741, 743, 921, 747, 3697, 3537, 3535, 3533, 3687, 3645, 3638, 5517)
"""Vertices of landmarks 0 to 16 on this mesh, found by `facelab.humans.asset_tools.jaw`: "lm68" of
extra.npz fits a frontal view only, and its jaw jumps in depth on turned heads."""


class AssetsError(RuntimeError):
    """Say which files of the people are missing or damaged, and how to get them."""


@dataclass(frozen=True, eq=False)
class Body:
    """The base mesh: head, neck and upper torso of the mean person.

    base: (V, 3) vertices. at: (C,) vertex of each corner, a corner being a vertex with one place
    in the texture. triangles: (T, 3) corners. uv: (C, 2), v from the top of the head map.
    region: (C,) 0 head, 1 torso, 2 inside of mouth and eye sockets. occlusion: (C,) share of the
    sky seen. landmarks: (68,), face, head: vertex numbers; landmarks are for labels. anchors: (68,)
    the vertices that drawing goes by, the same but on the jaw, where they fit a frontal view only;
    every picture depends on them. faces: (T, 3) vertices of the triangles. groups: joints by name.
    """

    base: np.ndarray
    at: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    region: np.ndarray
    occlusion: np.ndarray
    landmarks: np.ndarray
    anchors: np.ndarray
    face: np.ndarray
    head: np.ndarray
    mesh: np.ndarray
    mesh_triangles: np.ndarray
    groups: dict[str, np.ndarray]
    faces: np.ndarray


@dataclass(frozen=True, eq=False)
class Targets:
    """Sparse offsets of the body's vertices, one target after the other.

    number: name -> position. start: (N + 1,) first entry of each target. index: (E,) vertex.
    delta: (E, 3) decimetres.
    """

    number: dict[str, int]
    start: np.ndarray
    index: np.ndarray
    delta: np.ndarray


@dataclass(frozen=True, eq=False)
class FittedPart:
    """A mesh that sits on the body: eyes, teeth, tongue, brows, lashes, hair.

    Vertex k lies at the weighted mean of the body's vertices `reference[k]` (3,) plus
    `offset[k]`, scaled with the body. at, uv, triangles, occlusion: corners, as in `Body`.
    """

    reference: np.ndarray
    weight: np.ndarray
    offset: np.ndarray
    scale: np.ndarray
    at: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray
    occlusion: np.ndarray


def folder() -> Path:
    """Find the folder with the files. Raises AssetsError when there is none."""
    named = os.environ.get(VARIABLE)
    checkout = Path(__file__).resolve().parents[2] / "datasets" / "humans_assets"
    path = Path(named) if named else checkout
    missing = [name for name in ("humans.npz", "extra.npz") if not (path / name).is_file()]
    if missing:
        where = f"{path} (from {VARIABLE})" if named else str(path)
        raise AssetsError(
            f"the files people are made of are not there: {where} lacks {' and '.join(missing)}. "
            f"Run `facelab data humans-assets`, or point {VARIABLE} at the folder that holds them."
        )
    return path


def available() -> bool:
    """Say whether the folder is there, without reading it."""
    try:
        folder()
    except AssetsError:
        return False
    return True


@functools.cache
def body() -> Body:
    """Read the base mesh. Raises AssetsError."""
    a, e = _archive("humans.npz"), _archive("extra.npz")
    try:
        groups = {
            name.removeprefix("group/").removeprefix("joint-"): a[name]
            for name in a
            if name.startswith("group/")
        }
        at, triangles = a["body/pos"].astype(np.int32), a["body/tri"].astype(np.int32)
        return Body(
            base=a["base"],
            at=at,
            triangles=triangles,
            uv=a["body/uv"].astype(np.float32),
            region=a["body/region"],
            occlusion=e["body/ao"],
            landmarks=np.concatenate((np.array(JAW, e["lm68"].dtype), e["lm68"][len(JAW) :])),
            anchors=e["lm68"],
            face=e["face_pts"],
            head=e["head_pts"],
            mesh=e["mesh_pts"],
            mesh_triangles=e["mesh_tri"],
            groups=groups,
            faces=np.ascontiguousarray(at[triangles]),
        )
    except KeyError as error:
        raise _damaged("humans.npz or extra.npz", f"it lacks {error}") from error


@functools.cache
def targets() -> Targets:
    """Read the morph targets. Raises AssetsError."""
    a = _archive("humans.npz")
    try:
        names = {str(name): k for k, name in enumerate(a["target_names"].tolist())}
        delta = a["target_delta"].astype(np.float32) * np.float32(1e-3)
        index = a["target_index"].astype(np.int32)
        return Targets(names, a["target_start"].astype(np.int64), index, delta)
    except KeyError as error:
        raise _damaged("humans.npz", f"it lacks {error}") from error


@functools.cache
def part(name: str) -> FittedPart:
    """Read a fitted part: "eyes", "teeth", "tongue", a brow, lash or hair style. Raises
    AssetsError."""
    a, e = _archive("humans.npz"), _archive("extra.npz")
    try:
        at = a[f"{name}/pos"].astype(np.int32)
        return FittedPart(
            reference=a[f"{name}/ref"].astype(np.int32),
            weight=a[f"{name}/w"].astype(np.float32),
            offset=a[f"{name}/off"].astype(np.float32),
            scale=a[f"{name}/scale"],
            at=at,
            uv=np.ascontiguousarray(a[f"{name}/uv"], np.float32),
            triangles=a[f"{name}/tri"].astype(np.int32),
            occlusion=e.get(f"{name}/ao", np.ones(len(at), np.float32)),
        )
    except KeyError as error:
        raise _damaged("humans.npz", f"it lacks {error}") from error


def fitted(name: str, points: np.ndarray) -> np.ndarray:
    """Place a part on a morphed body. points: (V, 3). Returns (P, 3) float32, one row a vertex."""
    piece = part(name)
    size = np.empty(3, np.float32)
    for axis, (i, j, length) in enumerate(piece.scale):
        size[axis] = abs(points[int(i), axis] - points[int(j), axis]) / length
    on_body = np.einsum("pkx,pk->px", points.take(piece.reference, axis=0), piece.weight)
    return (on_body + piece.offset * size).astype(np.float32)


@functools.lru_cache(maxsize=256)
def texture(path: str, level: int = 0) -> np.ndarray:
    """Read a map, halved `level` times, as float32.

    path: inside the folder, for example "eyes/brown.jpg". Returns (h, w, 3) linear reflectance, or
    (h, w, 2) luminance (1 in the mean) and alpha for maps of hair, brows and lashes.
    Raises AssetsError.
    """
    if level:
        full = texture(path, level - 1)
        return halved(full)
    try:
        picture = Image.open(folder() / path)
        values = np.asarray(picture, np.float32) / 255
    except (OSError, UnidentifiedImageError) as error:
        raise _damaged(path, str(error)) from error
    if picture.mode == "LA":
        return values * np.array((1 / LUMINANCE, 1), np.float32)
    return np.ascontiguousarray(values[..., :3] ** np.float32(2.2))


def halved(values: np.ndarray) -> np.ndarray:
    """Halve a map (h, w, c) by means of 2 x 2 cells; an odd last row or column is dropped."""
    h, w = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    v = values[:h, :w]
    mean = (v[0::2, 0::2] + v[1::2, 0::2] + v[0::2, 1::2] + v[1::2, 1::2]) * np.float32(0.25)
    return np.ascontiguousarray(mean, np.float32)


def names(kind: str) -> list[str]:
    """List the maps of a kind: "eyes", "skins", "hair", "eyebrows" or "eyelashes"."""
    return sorted(path.stem for path in (folder() / kind).glob("*.*"))


@functools.cache
def _archive(name: str) -> dict[str, np.ndarray]:
    path = folder() / name
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged(name, str(error)) from error


def _damaged(name: str, why: str) -> AssetsError:
    return AssetsError(
        f"{folder() / name} cannot be read ({why}). Run `facelab data humans-assets` to make it "
        f"again."
    )
