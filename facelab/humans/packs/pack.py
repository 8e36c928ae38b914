"""Packs of people: sprites and their labels in a few files, read one sprite at a time.

    from facelab.humans.packs.pack import load_pack
    people = load_pack(split="train")        # the shipped pack; or load_pack("a/folder")
    sprite = people[0]                       # decoded when it is asked for
    people.table["age"]                      # labels of all sprites, without decoding any

| File              | Holds                                                                     |
| ----------------- | ------------------------------------------------------------------------- |
| `manifest.json`   | name, bytes and sha256 of every other file, counts, how the pack was made |
| `sprites-NNN.bin` | WebP pictures (lossy RGB and alpha), one after the other                  |
| `labels.npz`      | all labels, and where each picture lies; see `labels.py`                  |
| `props.bin, .npz` | cut-outs without a face, and their kinds                                  |

A folder is complete or says what it lacks: every file but the manifest is written before the
manifest names it. Packs are made by `facelab data humans`, in `facelab.humans.packs.packing`.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelab.humans.packs import labels
from facelab.humans.sprites import Prop, Sprite

FORMAT = 1
MANIFEST = "manifest.json"
SPLITS = ("train", "validation", "test")
VARIABLE = "FACELAB_HUMANS_PACK"

_LAYOUT = ("shard", "start", "length")  # columns that say where a picture lies


class PackError(ValueError):
    """A pack cannot be read or written; the message says which file, why and what to do."""


class Pack:
    """The sprites of a pack, or of one of its splits; a `SpriteSource`.

    table: column name -> (N,) array, one row a sprite: person, age, yaw, pitch, roll (radians),
    hidden, height, width (pixels), split and the sprites' attributes. labels: the columns of
    `labels.py`, with all points; rows: those, and where each picture lies. props: the cut-outs
    without a face. folder, manifest: where the pack lies and what it says of itself.

    Safe to use from several threads, and in workers, forked or spawned: each opens the files on its
    own.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], rows: labels.Table) -> None:
        self.folder, self.manifest = folder, manifest
        self.rows = rows
        self.labels = {name: rows[name] for name in rows if name not in (*_LAYOUT, "split")}
        self._extra = labels.attributes(self.labels)
        self.table = _flat(rows)
        self.props: Sequence[Prop] = _Props(folder, manifest)
        self._files = _Files(folder)

    def __len__(self) -> int:
        return len(self.rows["person"])

    def __repr__(self) -> str:
        people = len(np.unique(self.rows["person"]))
        return f"Pack({str(self.folder)!r}, {len(self)} sprites of {people} people)"

    def __getitem__(self, index: int) -> Sprite:
        """Decode one sprite.

        Raises IndexError outside the pack, PackError when the picture is damaged.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"sprite {index} of {len(self)}")
        index = int(index) % len(self)
        row = self.rows
        name = shard_name(int(row["shard"][index]))
        data = self._files.read(name, int(row["start"][index]), int(row["length"][index]))
        size = (int(row["height"][index]), int(row["width"][index]))
        rgba = _decode(data, size, f"{self.folder / name}: picture {index}")
        return labels.from_table(self.labels, index, rgba, self._extra)

    def __iter__(self) -> Iterator[Sprite]:
        return (self[index] for index in range(len(self)))

    def select(self, rows: np.ndarray) -> Pack:
        """Give the pack of some sprites only. rows: a mask (N,), or sprite numbers."""
        return Pack(self.folder, self.manifest, {k: v[rows] for k, v in self.rows.items()})

    def verify(self, *, decode: bool = False) -> None:
        """Compare every file of the folder with its checksum; `decode` also opens all pictures.

        Raises PackError that names the first wrong file.
        """
        for name, entry in self.manifest["files"].items():
            path = _checked(self.folder, name, self.manifest)
            if checksum(path) != entry["sha256"]:
                raise PackError(f"{path}: its checksum is wrong, so it changed since it was made; "
                                f"{_again(self.manifest)}")  # fmt: skip
        if decode:
            for index in range(len(self)):
                self[index]
            for index in range(len(self.props)):
                self.props[index]


def load_pack(folder: str | Path | None = None, split: str | None = None) -> Pack:
    """Open a pack.

    folder: of the pack; the shipped one when left out (or $FACELAB_HUMANS_PACK). split: "train",
    "validation" or "test", which share no person; None for all.
    Raises PackError for a missing, cut off or damaged file, and an unknown or empty split.
    """
    where = Path(folder) if folder is not None else shipped_folder()
    if split is not None and split not in SPLITS:
        raise PackError(f"split: expected one of {', '.join(SPLITS)}, or None, got {split!r}")
    manifest = read_manifest(where)
    if not manifest["labels"]:
        raise PackError(f"{where}: no shard is finished yet; run the command that makes the pack "
                        f"again, it goes on where it stopped")  # fmt: skip
    for name in manifest["files"]:
        _checked(where, name, manifest)
    rows = _read_table(where, manifest["labels"])
    pack = Pack(where, manifest, rows)
    if split is None:
        return pack
    chosen = rows["split"] == SPLITS.index(split)
    if not chosen.any():
        held = [name for number, name in enumerate(SPLITS) if (rows["split"] == number).any()]
        raise PackError(f"{where}: no sprites in the split {split!r}, only in {', '.join(held)}")
    return pack.select(chosen)


def shipped_folder() -> Path:
    """Give the folder of the shipped pack: $FACELAB_HUMANS_PACK, or datasets/humans."""
    chosen = os.environ.get(VARIABLE, "")
    return Path(chosen) if chosen else Path(__file__).parents[3] / "datasets" / "humans"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check what a pack says of itself.

    Raises PackError when there is none, or it is damaged or of another version.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PackError(_nothing_there(folder)) from None
    except OSError as problem:
        raise PackError(f"{path}: cannot be read: {problem.strerror}") from None
    except (ValueError, RecursionError):
        raise PackError(f"{path}: damaged, not JSON; get the pack again") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise PackError(f"{path}: not a pack that this version of facelab reads (format {FORMAT})")
    wrong = _wrong_entry(manifest)
    if wrong:
        raise PackError(f"{path}: damaged, {wrong} is missing or wrong; get the pack again")
    return manifest


def checksum(path: Path) -> str:
    """Compute the sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shard_name(number: int) -> str:
    """Give the file of a shard."""
    return f"sprites-{number:03d}.bin"


class _Files:
    """Ranges of bytes out of files, which each process opens for itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, mmap.mmap] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> Path:
        return self.folder

    def __setstate__(self, folder: Path) -> None:
        self.__init__(folder)  # type: ignore[misc]

    def read(self, name: str, start: int, length: int) -> bytes:
        with self._lock:
            if name not in self._open:
                try:
                    with open(self.folder / name, "rb") as file:
                        self._open[name] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                except (OSError, ValueError) as problem:  # ValueError: the file is empty
                    raise PackError(f"{self.folder / name}: cannot be read ({problem}); "
                                    f"get the pack again") from None  # fmt: skip
            return self._open[name][start : start + length]


class _Props(Sequence[Prop]):
    """The props of a pack, decoded one at a time. kinds: (P,) words."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        self.folder, self._files = folder, _Files(folder)
        stored = "props.npz" in manifest["files"]
        self._rows = _read_table(folder, "props.npz") if stored else {}
        self.kinds: np.ndarray = self._rows.get("kind", np.array([], dtype=str))

    def __len__(self) -> int:
        return len(self.kinds)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"prop {index} of {len(self)}")
        start, length, height, width = (
            int(self._rows[name][index]) for name in ("start", "length", "height", "width")
        )
        data = self._files.read("props.bin", start, length)
        where = f"{self.folder / 'props.bin'}: prop {index}"
        return Prop(_decode(data, (height, width), where), str(self.kinds[index]))


def _decode(data: bytes, size: tuple[int, int], where: str) -> np.ndarray:
    """Decode a picture into uint8 (H, W, 4)."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if found is None or found.ndim != 3 or found.shape[:2] != size:
        raise PackError(f"{where} is damaged; `facelab data verify` says which files are")
    return cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA if found.shape[2] == 4 else cv2.COLOR_BGR2RGBA)


def _read_table(folder: Path, name: str) -> labels.Table:
    try:
        return labels.from_bytes((folder / name).read_bytes())
    except labels.DAMAGED as problem:
        raise PackError(f"{folder / name}: damaged ({problem}); get the pack again") from None


def _flat(rows: labels.Table) -> labels.Table:
    """Reduce the labels to one number or word a sprite and column."""
    table = {name: rows[name] for name in ("person", "age", "hidden", "height", "width")}
    table.update(
        {name: rows["pose"][:, axis] for axis, name in enumerate(("yaw", "pitch", "roll"))}
    )
    table["split"] = np.array(SPLITS)[rows["split"]]
    return table | labels.attributes(rows)


def _wrong_entry(manifest: Mapping[str, Any]) -> str:
    """Name the first entry of a manifest that is not what it should be, "" where all are."""
    kinds = {"files": dict, "counts": dict, "recipe": dict, "notes": dict, "labels": str,
             "finished": bool}  # fmt: skip
    for name, kind in kinds.items():
        if not isinstance(manifest.get(name), kind):
            return name
    for name in ("people", "sprites", "props"):
        if not isinstance(manifest["counts"].get(name), int):
            return f"counts, {name}"
    for name, entry in manifest["files"].items():
        if not isinstance(entry, dict) or set(map(type, entry.values())) != {int, str}:
            return f"files, {name}"
        if not {"bytes", "sha256"} <= set(entry):
            return f"files, {name}"
    return "labels" if manifest["labels"] and manifest["labels"] not in manifest["files"] else ""


def _checked(folder: Path, name: str, manifest: Mapping[str, Any]) -> Path:
    """Give the path of a file of a pack that is there and whole, as far as its size says."""
    path, wanted = folder / name, manifest["files"][name]["bytes"]
    try:
        size = path.stat().st_size
    except OSError:
        raise PackError(f"{path}: missing; {_again(manifest)}") from None
    if size != wanted:
        what = "cut off" if size < wanted else "too long"
        raise PackError(f"{path}: {what}, {size} bytes where the manifest says {wanted}; "
                        f"{_again(manifest)}")  # fmt: skip
    return path


def _again(manifest: Mapping[str, Any]) -> str:
    """Say what to do about a wrong file."""
    command = manifest["notes"].get("command")
    anew = f", or remove its folder and make it anew with `{command}`" if command else ""
    return f"get the pack again, all its files together{anew}"


def _nothing_there(folder: Path) -> str:
    if folder == shipped_folder():
        return (
            f"{folder}: the people that come with facelab are not here. They lie in datasets/humans"
            f" of its repository: work in a clone of it, or name the folder in {VARIABLE}"
        )
    what = "holds no pack (manifest.json is missing)" if folder.is_dir() else "no such folder"
    return f"{folder}: {what}; `facelab data humans --out {folder}` renders people into it"
