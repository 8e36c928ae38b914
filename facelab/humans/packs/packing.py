"""Write packs: whole people in, a folder out that is valid after every shard."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facelab.engine.files import TEMPORARY, write_whole
from facelab.humans.packs import labels
from facelab.humans.packs.pack import (
    FORMAT,
    MANIFEST,
    SPLITS,
    PackError,
    checksum,
    load_pack,
    read_manifest,
    shard_name,
)
from facelab.humans.sprites import Prop, Sprite

SHARD_BYTES = 16_000_000
QUALITY = 84
"""Of the lossy WebP, 0 to 100: below 80 the lips and irises of a small face lose their colour."""

_ALPHA_QUALITY = 60  # alpha is off by a tenth of a grey level in the mean


@dataclass(frozen=True, eq=False)
class Chunk:
    """Encoded sprites of one person. pictures: N WebP files. table: their labels, N rows."""

    pictures: list[bytes]
    table: labels.Table

    @property
    def bytes(self) -> int:
        """Say how large its pictures are together."""
        return sum(map(len, self.pictures))

    def save(self, path: Path) -> None:
        """Write it to a file, atomically.

        Raises PackError when the disk is full or the folder cannot be written.
        """
        table = dict(self.table)
        table["length"] = np.array([len(picture) for picture in self.pictures])
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, pictures=_array(self.pictures), **table)
        write_file(path, file.getvalue())

    @classmethod
    def load(cls, path: Path) -> Chunk:
        """Read what `save` wrote. Raises one of labels.DAMAGED."""
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            table = {name: stored[name] for name in stored.files}
        joined, ends = table.pop("pictures").tobytes(), np.cumsum(table.pop("length"))
        return cls([joined[a:b] for a, b in zip([0, *ends], ends, strict=False)], table)


def encode(sprites: Sequence[Sprite], *, quality: int = QUALITY) -> Chunk:
    """Compress sprites. quality: of the pictures, 0 to 100."""
    pictures = [encode_picture(sprite.rgba, quality=quality) for sprite in sprites]
    return Chunk(pictures, labels.to_table(sprites))


def encode_picture(rgba: np.ndarray, *, quality: int = QUALITY) -> bytes:
    """Compress one uint8 (H, W, 4) picture to WebP, lossy in colour and alpha."""
    file = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(rgba))
    picture.save(file, "WEBP", quality=quality, alpha_quality=_ALPHA_QUALITY, method=6)
    return file.getvalue()


class PackWriter:
    """Write a pack, person by person; a folder that was begun earlier is gone on with.

    folder: made where it does not exist. recipe: how the pack is made, JSON; a folder that was
    begun with another recipe is refused. notes: what else the manifest should say, such as the
    command and versions. shard_bytes: size that no shard of pictures exceeds.
    people: how many people the finished shards hold; go on adding with the next one.

    Raises PackError for a folder of another recipe, a full disk, or a folder that cannot be
    written; the finished shards stay valid whatever happens.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        recipe: Mapping[str, Any],
        notes: Mapping[str, Any] | None = None,
        shard_bytes: int = SHARD_BYTES,
    ) -> None:
        if not 0 < shard_bytes <= SHARD_BYTES:
            raise ValueError(f"shard_bytes: expected 1 to {SHARD_BYTES}, got {shard_bytes}")
        self.folder, self.shard_bytes = Path(folder), shard_bytes
        self.recipe, self.notes = dict(recipe), dict(notes or {})
        self.people = 0
        self.finished = False
        self._done: list[labels.Table] = []
        self._waiting: list[tuple[Chunk, int]] = []
        self._files: dict[str, dict[str, Any]] = {}
        self._labels, self._props = "", 0
        make_folder(self.folder)
        if (self.folder / MANIFEST).exists():
            self._go_on()
            self._remove_unnamed()
            return
        foreign = [path for path in self._unnamed() if path.suffix != TEMPORARY]
        if foreign:  # we would overwrite or remove it
            raise PackError(f"{foreign[0]}: there is no {MANIFEST} that knows this file; choose "
                            f"another folder, or remove it first")  # fmt: skip
        self._write_manifest()

    @property
    def has_props(self) -> bool:
        """Say whether the props are written."""
        return "props.npz" in self._files

    def add(self, chunk: Chunk, *, split: str) -> None:
        """Add all sprites of one person; a full shard is written first."""
        if self.finished:
            raise ValueError(f"{self.folder}: this pack is finished")
        if chunk.bytes > self.shard_bytes:
            raise PackError(f"one person takes {chunk.bytes} bytes, more than a shard of "
                            f"{self.shard_bytes}; make fewer or smaller views")  # fmt: skip
        if sum(waiting.bytes for waiting, _ in self._waiting) + chunk.bytes > self.shard_bytes:
            self._write_shard()
        self._waiting.append((chunk, SPLITS.index(split)))

    def add_props(self, props: Sequence[Prop], *, quality: int = QUALITY) -> None:
        """Write the cut-outs without a face, all at once."""
        pictures = [encode_picture(prop.rgba, quality=quality) for prop in props]
        if not pictures:
            return
        length = np.array([len(picture) for picture in pictures])
        table = {
            "kind": np.array([prop.kind for prop in props]),
            "height": np.array([prop.rgba.shape[0] for prop in props]),
            "width": np.array([prop.rgba.shape[1] for prop in props]),
            "start": np.cumsum(length) - length,
            "length": length,
        }
        self._write("props.bin", b"".join(pictures))
        self._write("props.npz", labels.to_bytes(table))
        self._props = len(pictures)
        self._write_manifest()

    def finish(self) -> None:
        """Write what waits, and say in the manifest that the pack is complete."""
        if self.finished:
            return
        if self._waiting:
            self._write_shard()
        if not self._done:
            raise PackError(f"{self.folder}: nobody was added, and an empty pack is of no use")
        self.finished = True
        self._publish("labels.npz")

    def _go_on(self) -> None:
        """Take over the finished shards of an earlier run."""
        manifest = read_manifest(self.folder)
        if manifest["recipe"] != json.loads(json.dumps(self.recipe)):
            differ = _differences(manifest["recipe"], self.recipe)
            raise PackError(f"{self.folder}: holds a pack made in another way ({differ}); choose "
                            f"another folder, or remove this one first")  # fmt: skip
        self._files, self._labels = manifest["files"], manifest["labels"]
        self.finished, self._props = manifest["finished"], manifest["counts"]["props"]
        if self._labels:
            self._done = [load_pack(self.folder).rows]
            self.people = manifest["counts"]["people"]

    def _write_shard(self) -> None:
        chunks = [chunk for chunk, _ in self._waiting]
        pictures = [picture for chunk in chunks for picture in chunk.pictures]
        length = np.array([len(picture) for picture in pictures], np.int64)
        number = sum(name.startswith("sprites-") for name in self._files)
        table = labels.join([chunk.table for chunk in chunks])
        table["shard"] = np.full(len(pictures), number, np.int64)
        table["start"], table["length"] = np.cumsum(length) - length, length
        splits = [np.full(len(chunk.pictures), split, np.int64) for chunk, split in self._waiting]
        table["split"] = np.concatenate(splits)
        self._write(shard_name(number), b"".join(pictures))
        self._done.append(table)
        self.people += len(chunks)
        self._waiting = []
        self._publish(f"labels-{number:03d}.npz")

    def _publish(self, name: str) -> None:
        """Write the labels under a new name, then the manifest that names them."""
        before, self._labels = self._labels, name
        self._done = [labels.join(self._done)]
        self._write(name, labels.to_bytes(self._done[0]))
        if before != name:
            self._files.pop(before, None)
        self._write_manifest()
        self._remove_unnamed()

    def _remove_unnamed(self) -> None:
        """Remove what an interrupted run, or the labels before these, left behind."""
        for path in self._unnamed():
            path.unlink(missing_ok=True)

    def _unnamed(self) -> list[Path]:
        """List files that look like ours and are not in the manifest."""
        patterns = (f"*{TEMPORARY}", "labels.npz", "labels-*.npz", "sprites-*.bin",
                    "props.bin", "props.npz")  # fmt: skip
        found = {path for pattern in patterns for path in self.folder.glob(pattern)}
        return sorted(path for path in found if path.name not in self._files)

    def _write_manifest(self) -> None:
        rows = self._done[0] if self._done else {}
        manifest = {
            "format": FORMAT,
            "finished": self.finished,
            "counts": {
                "people": self.people,
                "sprites": len(rows.get("person", ())),
                "props": self._props,
            },
            "labels": self._labels,
            "files": dict(sorted(self._files.items())),
            "recipe": self.recipe,
            "notes": self.notes,
        }
        write_file(self.folder / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())

    def _write(self, name: str, data: bytes) -> None:
        write_file(self.folder / name, data)
        path = self.folder / name
        self._files[name] = {"bytes": len(data), "sha256": checksum(path)}


def write_file(path: Path, data: bytes) -> None:
    """Write a file so that it is there in full or not at all.

    Raises PackError when the disk is full or the folder cannot be written.
    """
    try:
        write_whole(path, data)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise PackError(f"{path}: the disk is full ({len(data)} bytes more were needed). What "
                            f"is finished stays valid: free some space and run the same command "
                            f"again, it goes on") from None  # fmt: skip
        raise PackError(f"{path}: cannot be written ({problem.strerror}); change its rights or "
                        f"choose another place") from None  # fmt: skip


def make_folder(folder: Path) -> None:
    """Make a folder; PackError where that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        why = "it is a file" if folder.is_file() else problem.strerror
        raise PackError(f"{folder}: cannot make this folder: {why}; choose another") from None


def _array(pictures: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(pictures), np.uint8)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Name up to three settings in which two recipes differ."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return ", ".join(f"{name} {old.get(name)!r}, not {new.get(name)!r}" for name in names[:3])
