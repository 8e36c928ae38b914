"""Write files so that they are there in full or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".tmp"
"""How unfinished files end; a process that was killed may leave one."""


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path in the same folder to write to; it becomes `path` when the block ends well.

    Whatever goes wrong, `path` keeps what it held. Raises OSError when the disk is full or the
    folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        temporary.touch()
        rights = temporary.stat().st_mode  # those of any new file; some writers give fewer
        yield temporary
        temporary.chmod(stat.S_IMODE(rights))
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())  # or a power cut leaves an empty file under the final name
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_whole(path: str | Path, data: bytes | str) -> None:
    """Write bytes, or text as UTF-8, in full or not at all. Raises OSError as `replacing` does."""
    with replacing(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)
