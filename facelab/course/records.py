"""What a learner has done, kept in one JSON file on the learner's own machine and nowhere else.

The file is replaced as a whole, so that a crash leaves the old one. A damaged file is set
aside, never overwritten. Where nothing can be written the records live until the kernel stops,
with one message.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any

import platformdirs

from facelab.engine.files import write_whole

VERSION = 1
PAUSE_S = 600.0  # a longer gap between two signs of work counts as a pause
_SECTIONS = ("exercises", "guesses", "quizzes")


def home() -> Path:
    """Return the folder of the learner's records: $FACELAB_HOME, else the user's data folder."""
    chosen = os.environ.get("FACELAB_HOME")
    return Path(chosen) if chosen else platformdirs.user_data_path("facelab", appauthor=False)


class Records:
    """Read and change the records in one file; never raises because of the file.

    path: the JSON file, or None to keep everything in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.memory = _fresh()

    def read(self) -> dict[str, Any]:
        """Return all records: exercises, guesses and quizzes by name."""
        if self.path is None:
            return self.memory
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return _fresh()
        except (ValueError, RecursionError):
            return self._set_aside()
        except OSError as error:
            return self._stay_in_memory(error)
        if isinstance(found, dict) and _is_newer(found):
            return self._stay_in_memory("it was written by a newer version of facelab")
        return found if _is_sound(found) else self._set_aside()

    def change(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Apply `edit` to the records and store them in one step."""
        if self.path is None:
            edit(self.memory)
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(self.path):
                records = self.read()
                edit(records)
                if self.path is not None:
                    write_whole(self.path, json.dumps(records, indent=1, sort_keys=True) + "\n")
        except OSError as error:
            records = self._stay_in_memory(error)
            edit(records)

    def _set_aside(self) -> dict[str, Any]:
        assert self.path is not None
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 1_000_000:06d}"
        aside = self.path.with_name(f"{self.path.stem}.damaged-{stamp}.json")
        try:
            self.path.rename(aside)
        except OSError as error:
            return self._stay_in_memory(error)
        print(f"Your progress file was damaged. It is kept as {aside}; a new one begins.")
        return _fresh()

    def _stay_in_memory(self, reason: object) -> dict[str, Any]:
        why = reason.strerror if isinstance(reason, OSError) else reason
        print(f"Progress is not stored ({self.path}: {why}). It is kept until this kernel stops.")
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found = json.loads(self.path.read_text(encoding="utf-8")) if self.path else None
            if isinstance(found, dict) and _is_sound(found):
                self.memory = found
        self.path = None
        return self.memory


_OPEN: dict[Path | None, Records] = {}


def records() -> Records:
    """Return the records in use; running a solution records nothing."""
    notebook = PurePath(os.environ.get("JPY_SESSION_NAME", ""))
    path = None if "solutions" in notebook.parts else home() / "progress.json"
    return _OPEN.setdefault(path, Records(path))


def note_exercise(
    name: str, *, attempted: bool = False, solved: bool = False, hinted: bool = False
) -> int:
    """Count one sign of work on an exercise and return how many hints it has had so far."""
    hints = 0

    def edit(everything: dict[str, Any]) -> None:
        nonlocal hints
        entry = everything["exercises"].setdefault(name, {})
        now = time.time()
        pause = now - entry.get("last_seen", now)
        entry["seconds"] = round(entry.get("seconds", 0) + (pause if 0 < pause < PAUSE_S else 0), 1)
        entry["last_seen"] = round(now, 1)
        entry["attempts"] = entry.get("attempts", 0) + attempted
        entry["hints"] = entry.get("hints", 0) + hinted
        entry["solved"] = entry.get("solved", False) or solved
        hints = entry["hints"]

    records().change(edit)
    return hints


def _fresh() -> dict[str, Any]:
    return {"version": VERSION} | {section: {} for section in _SECTIONS}


def _is_newer(found: dict[str, Any]) -> bool:
    version = found.get("version")
    return isinstance(version, int) and version > VERSION


def _is_sound(found: Any) -> bool:
    if not isinstance(found, dict) or found.get("version") != VERSION:
        return False
    sections: list[Any] = [found.get(section) for section in _SECTIONS]
    if not all(isinstance(section, dict) for section in sections):
        return False
    exercises, guesses, quizzes = sections
    return (
        all(_is_exercise(entry) for entry in exercises.values())
        and all(isinstance(guess, (int, float, str)) for guess in guesses.values())
        and all(isinstance(answers, dict) for answers in quizzes.values())
    )


def _is_exercise(entry: Any) -> bool:
    counts = ("attempts", "hints", "seconds", "last_seen", "solved")
    return isinstance(entry, dict) and all(
        isinstance(entry.get(key, 0), (int, float)) for key in counts
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let two kernels take turns, where the system has file locks."""
    try:
        import fcntl
    except ImportError:  # Windows: the last writer wins
        yield
        return
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
