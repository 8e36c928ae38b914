"""What can go wrong with a learner's function, and how values are shown in a few characters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

SHOWN = 12  # tensors up to this many numbers are shown whole
LONGEST = 160


@dataclass
class Failure(Exception):
    """The first thing wrong in a case: expected, got, likely cause and the input."""

    problem: str = ""
    expected: str = ""
    got: str = ""
    hint: str = ""
    case: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    size: int = 0


class NotWritten(Exception):
    """The exercise is still the stub."""


class TookTooLong(BaseException):
    """The check's time is over. No Exception, so that a learner's `except Exception` misses it."""


def brief(value: Any) -> str:
    """Show a value in one line: small tensors with their numbers, large ones by shape."""
    if isinstance(value, np.ndarray):
        value = (
            torch.from_numpy(np.ascontiguousarray(value))
            if value.dtype != object
            else "object array"
        )
    if isinstance(value, Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        if 0 < value.numel() <= SHOWN and not value.is_complex():
            return brief(value.tolist())
        return f"{kind} of shape {tuple(value.shape)}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, (list, tuple)):
        inside = ", ".join(brief(item) for item in value)
        text = f"[{inside}]" if isinstance(value, list) else f"({inside})"
        return text if len(text) <= LONGEST else f"{type(value).__name__} of {len(value)} values"
    if isinstance(value, dict):
        text = "{" + ", ".join(f"{key!r}: {brief(item)}" for key, item in value.items()) + "}"
        return text if len(text) <= LONGEST else f"dict with keys {', '.join(map(str, value))}"
    text = repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def number(value: float) -> str:
    """Show a float in four significant digits, whole numbers without a point."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"


def size_of(value: Any) -> int:
    """Count the numbers in a value; the smallest failing input is the one with the fewest."""
    if isinstance(value, Tensor):
        return value.numel()
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, (list, tuple)):
        return sum(size_of(item) for item in value)
    if isinstance(value, dict):
        return sum(size_of(item) for item in value.values())
    return 1
