"""Figures with one style, colours by role with a second cue, and alt text on all that is shown.

`plots.annotate` paints on a photo with cv2 only; everything else needs matplotlib, which is
imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from facelab.plots.palette import LINES, MARKERS, NARROW, PALETTE, WIDE

if TYPE_CHECKING:
    from facelab.plots.figures import boxes, crops, landmarks, photo, show, style
    from facelab.plots.painter import annotate

__all__ = [
    "LINES",
    "MARKERS",
    "NARROW",
    "PALETTE",
    "WIDE",
    "annotate",
    "boxes",
    "crops",
    "landmarks",
    "photo",
    "show",
    "style",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "painter" if name == "annotate" else "figures"
    return getattr(importlib.import_module(f"{__name__}.{room}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
