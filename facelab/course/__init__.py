"""The course around the labs: checks with hints, guesses, quizzes, claims, progress, the build.

A lab imports its tools from here: `from facelab.course import check, claims, predict, progress,
quiz`. They are loaded on first use, so that `facelab --help` does not wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facelab.course import claims, progress
    from facelab.course.checking import check
    from facelab.course.guessing import predict
    from facelab.course.quizzing import quiz

__all__ = ["check", "claims", "predict", "progress", "quiz"]

_HOMES = {"check": "checking", "predict": "guessing", "quiz": "quizzing"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in ("claims", "progress"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
