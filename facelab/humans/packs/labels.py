"""The labels of many sprites as one table, and its compact form in a file.

In memory a table is a dictionary of arrays with one row a sprite, in plain units. In a file:

| Label           | Kept as                                         | Error at most |
| --------------- | ----------------------------------------------- | ------------- |
| points, boxes   | 1/32 pixel; landmarks as steps from one to next | 1/64 px       |
| pose            | 1e-4 radians                                    | 5e-5 radians  |
| age             | 1/64 year                                       | 1/128 year    |
| other fractions | float16                                         | 0.05 percent  |
| words           | numbers of a list                               | none          |

The file is an npz without pickles; bytes of equal weight lie side by side, which saves a third.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from facelab.humans.sprites import Sprite

Table = dict[str, np.ndarray]

POINT_STEPS, POSE_STEPS, AGE_STEPS = 32.0, 1e4, 64.0
"""Steps a pixel, a radian and a year in the file."""

DAMAGED = (OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, zlib.error,
           zipfile.BadZipFile)  # fmt: skip
"""What reading a damaged npz file raises."""

EXTRA = "attribute/"
"""Columns of `Sprite.attributes` start with this, so that no name can hide another."""

_WORDS, _CODES = "words/", "codes/"


def to_table(sprites: Sequence[Sprite]) -> Table:
    """Collect the labels of sprites: `from_table(to_table(sprites), i, rgba)` is sprite i again.

    Returns columns of N rows: box (N, 4), landmarks (N, 68, 2), visible (N, 68), five (N, 5, 2),
    five_visible (N, 5), pose (N, 3), person, age, hidden, height, width (N,) and "attribute/<name>"
    (N,) of int64, float32 or words.
    Raises ValueError when sprites differ in the names of their attributes, or there are none.
    """
    if not sprites:
        raise ValueError("no sprites: a table needs one or more")
    names = set(sprites[0].attributes)
    for sprite in sprites:
        if set(sprite.attributes) != names:
            odd = sorted(names ^ set(sprite.attributes))
            raise ValueError(f"attributes {odd} are not on all sprites of person {sprite.person}")
    table = {
        "box": np.stack([s.box for s in sprites]).astype(np.float32),
        "landmarks": np.stack([s.landmarks for s in sprites]).astype(np.float32),
        "visible": np.stack([s.visible for s in sprites]).astype(bool),
        "five": np.stack([s.five for s in sprites]).astype(np.float32),
        "five_visible": np.stack([s.five_visible for s in sprites]).astype(bool),
        "pose": np.stack([s.pose for s in sprites]).astype(np.float32),
        "person": np.array([s.person for s in sprites], np.int64),
        "age": np.array([s.age for s in sprites], np.float32),
        "hidden": np.array([s.hidden for s in sprites], np.float32),
        "height": np.array([s.rgba.shape[0] for s in sprites], np.int64),
        "width": np.array([s.rgba.shape[1] for s in sprites], np.int64),
    }
    for name in sorted(names):
        table[EXTRA + name] = _column([s.attributes[name] for s in sprites])
    return table


def attributes(table: Mapping[str, np.ndarray]) -> Table:
    """Give the columns of `Sprite.attributes`, by the names that they have there."""
    return {
        name.removeprefix(EXTRA): column for name, column in table.items() if name.startswith(EXTRA)
    }


def from_table(
    table: Mapping[str, np.ndarray],
    row: int,
    rgba: np.ndarray,
    extra: Mapping[str, np.ndarray] | None = None,
) -> Sprite:
    """Give one sprite of a table, with its picture. extra: `attributes(table)`, where at hand."""
    if extra is None:
        extra = attributes(table)
    return Sprite(
        rgba=rgba,
        box=table["box"][row],
        landmarks=table["landmarks"][row],
        visible=table["visible"][row],
        five=table["five"][row],
        five_visible=table["five_visible"][row],
        pose=table["pose"][row],
        person=int(table["person"][row]),
        age=float(table["age"][row]),
        hidden=float(table["hidden"][row]),
        attributes={name: column[row].item() for name, column in extra.items()},
    )


def join(tables: Sequence[Table]) -> Table:
    """Put tables below each other.

    Raises ValueError when they differ in their columns.
    """
    names = set(tables[0])
    for table in tables[1:]:
        if set(table) != names:
            odd = sorted(names ^ set(table))
            raise ValueError(f"tables differ in their columns {odd}; they come from two versions")
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def to_bytes(table: Mapping[str, np.ndarray]) -> bytes:
    """Pack a table into the bytes of an npz file; the same table gives the same bytes.

    Columns that `to_table` does not know are kept as they are, integers as small as they fit.
    Raises ValueError for a point more than 1000 pixels away, or a number that float16 cannot hold.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, column in sorted(_compact(table).items()):
            member = zipfile.ZipInfo(f"{name}.npy")  # a fixed date: equal tables are equal files
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w") as out:
                np.lib.format.write_array(out, np.ascontiguousarray(column), allow_pickle=False)
    return file.getvalue()


def from_bytes(data: bytes) -> Table:
    """Unpack what `to_bytes` made.

    Raises one of DAMAGED when the bytes are.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        found = {name: stored[name] for name in stored.files}
    table: Table = {}
    for name, column in found.items():
        if name.startswith(_CODES):
            name = name.removeprefix(_CODES)
            table[name] = found[_WORDS + name][column]
        elif name in ("box", "landmarks", "five"):
            table[name] = _from_planes(column).astype(np.float32) / np.float32(POINT_STEPS)
        elif name == "pose":
            table[name] = _from_planes(column).astype(np.float32) / np.float32(POSE_STEPS)
        elif name == "age":
            table[name] = column.astype(np.float32) / np.float32(AGE_STEPS)
        elif name in ("visible", "five_visible"):
            count = {"visible": 68, "five_visible": 5}[name]
            table[name] = np.unpackbits(column, axis=1, count=count).astype(bool)
        elif not name.startswith(_WORDS):
            kind = {"f": np.float32, "i": np.int64, "u": np.int64}.get(column.dtype.kind)
            table[name] = column if kind is None else column.astype(kind)
    return table


def _column(values: list[Any]) -> np.ndarray:
    """Choose the type of a column: words, whole numbers or fractions."""
    if any(isinstance(value, str) for value in values):
        return np.array([str(value) for value in values])
    if all(isinstance(value, int | np.integer | np.bool_) for value in values):
        return np.array(values, np.int64)
    return np.array(values, np.float32)


def _compact(table: Mapping[str, np.ndarray]) -> Table:
    found: Table = {}
    for name, column in table.items():
        if name in ("box", "landmarks", "five"):
            found[name] = _to_planes(_fixed(name, column, POINT_STEPS))
        elif name == "pose":
            found[name] = _to_planes(_fixed(name, column, POSE_STEPS))
        elif name == "age":
            found[name] = _fixed(name, column, AGE_STEPS)
        elif name in ("visible", "five_visible"):
            found[name] = np.packbits(column, axis=1)
        elif column.dtype.kind == "U":
            words, codes = np.unique(column, return_inverse=True)
            found[_WORDS + name], found[_CODES + name] = words, _smallest(codes)
        elif column.dtype.kind in "iu":
            found[name] = _smallest(column)
        elif column.dtype.kind == "f":
            with np.errstate(over="ignore"):
                found[name] = column.astype(np.float16)
            if np.isinf(found[name]).any():
                raise ValueError(f"{name}: {np.abs(column).max():.4g} is too large, at most 65504")
        else:
            found[name] = column
    return found


def _fixed(name: str, column: np.ndarray, steps: float) -> np.ndarray:
    """Round to whole steps as int16."""
    whole = np.round(column.astype(np.float64) * steps)
    if not (np.abs(whole) <= 32_000).all():  # NaN fails too
        raise ValueError(f"{name}: NaN, or beyond +-{32_000 / steps:g}, which the file cannot hold")
    return whole.astype(np.int16)


def _to_planes(whole: np.ndarray) -> np.ndarray:
    """Split int16 (N, ..., C) into steps along the points and bytes: (2, ..., C, N) uint8."""
    if whole.ndim == 3:
        whole = np.diff(whole, axis=1, prepend=np.int16(0))
    parts = whole.astype("<i2")[..., None].view(np.uint8)  # (N, ..., C, 2)
    return np.moveaxis(np.moveaxis(parts, -1, 0), 1, -1)


def _from_planes(planes: np.ndarray) -> np.ndarray:
    parts = np.moveaxis(np.moveaxis(planes, -1, 1), 0, -1)
    whole = np.ascontiguousarray(parts).view("<i2")[..., 0].astype(np.int16)
    return np.cumsum(whole, axis=1, dtype=np.int16) if whole.ndim == 3 else whole


def _smallest(column: np.ndarray) -> np.ndarray:
    """Use the smallest whole-number type that holds all values."""
    low, high = (int(column.min()), int(column.max())) if column.size else (0, 0)
    for kind in (np.uint8, np.int16, np.uint16, np.int32, np.uint32):
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            return column.astype(kind)
    return column
