"""Colours by role (Okabe and Ito, "Color universal design", 2008), with line style and marker.

The second cue is for readers who do not tell the colours apart, and for print in grey.
"""

from __future__ import annotations

from typing import Any

NARROW = (5.0, 3.0)  # inches
WIDE = (8.0, 3.0)

PALETTE = {
    "truth": "#009E73",  # bluish green
    "prediction": "#D55E00",  # vermillion
    "anchor": "#56B4E9",  # sky blue
    "candidate": "#0072B2",  # blue
    "accent": "#CC79A7",  # reddish purple
    "ignored": "#767676",  # grey, 4.5:1 on white
}
LINES: dict[str, Any] = {
    "truth": "--",
    "prediction": "-",
    "anchor": ":",
    "candidate": "-.",
    "accent": (0, (1, 1)),
    "ignored": (0, (5, 5)),
}
MARKERS = {
    "truth": "s",
    "prediction": "o",
    "anchor": "+",
    "candidate": "^",
    "accent": "D",
    "ignored": "x",
}


def rgb(role: str) -> tuple[int, int, int]:
    """Return the colour of a role as three numbers from 0 to 255."""
    code = PALETTE[role]
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)
