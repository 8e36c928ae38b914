"""Elements of small SVG drawings, as strings: text, lines and bars with a texture beside colour."""

from __future__ import annotations

import html

INK = "#222222"
FAINT = "#D0D0D0"
TEXTURES = ("solid", "stripes", "dots")  # the second cue of a bar, beside its colour


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    bold: bool = False,
    size: int = 12,
    fill: str = INK,
) -> str:
    """Write words with their baseline at (x, y), on a white halo. anchor: start, middle or end."""
    weight = ' font-weight="bold"' if bold else ""
    halo = 'stroke="white" stroke-width="3" paint-order="stroke"'
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
        f'fill="{fill}" {halo}{weight}>{html.escape(words)}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = INK, width: float = 1) -> str:
    """Draw a straight line."""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{stroke}" stroke-width="{width}"/>'
    )


def bar(
    x: float, y: float, width: float, height: float, *, fill: str, texture: str = "solid"
) -> str:
    """Draw a bar in a colour and one of `TEXTURES`; needs `textures()` once in the drawing."""
    place = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}"'
    body = f'<rect {place} fill="{fill}"/>'
    return body if texture == "solid" else body + f'<rect {place} fill="url(#facelab-{texture})"/>'


def textures() -> str:
    """Define what `bar` lays over its colour; all drawings define the same, so they share names."""
    white = 'stroke="white" stroke-width="2.5"'
    tile = 'width="7" height="7" patternUnits="userSpaceOnUse"'
    return (
        f'<defs><pattern id="facelab-stripes" {tile} patternTransform="rotate(45)">'
        f'<line x1="0" y1="0" x2="0" y2="7" {white}/></pattern>'
        f'<pattern id="facelab-dots" {tile}>'
        f'<circle cx="3.5" cy="3.5" r="1.6" fill="white"/></pattern></defs>'
    )
