"""Hair cuts: the numbers that `strands.ribbons` grows hair by, and how they vary within a style.

All lengths are in decimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["TEXTURES", "Cut", "sample_cut"]

TEXTURES = ("straight", "wavy", "curly", "coily")


@dataclass(frozen=True)
class Cut:
    """A cut, from which ribbons grow. top, side, back, fringe: lengths by place. comb: "forward",
    "back", "side", "part" (from a parting to both sides) or "free". part: azimuth of the parting,
    radians. lift: how much hair stands off the head, 0 to 1. weight: how fast it sinks. curl:
    radius of the curls; wave: their length. texture: of the strands, one of TEXTURES. width: half
    width of a ribbon, which narrows by the share `taper`. count: of ribbons."""

    top: float = 0.6
    side: float = 0.5
    back: float = 0.5
    fringe: float = 0.4
    comb: str = "free"
    part: float = 0.4
    lift: float = 0.3
    weight: float = 0.4
    curl: float = 0.0
    wave: float = 0.5
    texture: str = "straight"
    width: float = 0.13
    count: int = 150
    taper: float = 0.5


def sample_cut(rng: np.random.Generator, kind: str, african: float) -> Cut | None:
    """Sample how a grown style grows; None for asset styles and shells."""
    u = rng.uniform
    part = float(rng.choice([-1, 1]) * u(0.1, 0.6))
    texture = str(rng.choice(["straight", "wavy"], p=[0.65, 0.35]))
    curly = "coily" if african > 0.5 and rng.random() < 0.7 else "curly"
    long = u(1.1, 2.6)
    cuts = {
        "crop": Cut(u(0.2, 0.4), u(0.1, 0.25), u(0.12, 0.25), u(0.15, 0.4), "forward", part,
            u(0.08, 0.25), 0.2, 0.01, 0.3, texture, 0.074, 290),
        "quiff": Cut(u(0.4, 0.7), 0.18, 0.2, u(0.45, 0.8), "back", part, u(0.25, 0.5), 0.05, 0.0,
            0.5, texture, 0.081, 290),
        "side part": Cut(u(0.5, 0.8), u(0.2, 0.4), u(0.2, 0.35), u(0.5, 0.8), "side", part,
            u(0.15, 0.4), 0.2, 0.0, 0.5, texture, 0.089, 290),
        "slick": Cut(u(0.6, 0.9), u(0.4, 0.6), 0.5, u(0.6, 0.9), "back", part, 0.05, 0.1, 0.0,
            0.5, "straight", 0.096, 290),
        "mop": Cut(u(0.6, 1.0), u(0.5, 0.8), u(0.5, 0.9), u(0.5, 0.85), "free", part,
            u(0.2, 0.45), 0.6, u(0.02, 0.06), 0.5, "wavy", 0.104, 290),
        "short curls": Cut(u(0.35, 0.8), u(0.25, 0.6), u(0.3, 0.6), u(0.3, 0.7), "free", part,
            u(0.5, 0.9), 0.35, u(0.05, 0.1), u(0.25, 0.4), curly, 0.104, 290),
        "pixie": Cut(u(0.5, 0.8), u(0.35, 0.55), 0.4, u(0.5, 0.85), "side", part, u(0.08, 0.25),
            0.45, 0.02, 0.5, texture, 0.089, 290),
        "bob": Cut(u(1.3, 1.6), u(0.95, 1.3), u(0.9, 1.2), u(1.2, 1.5), "part", part,
            u(0.1, 0.35), 0.75, u(0, 0.04), 0.7, texture, 0.111, 290, 0.2),
        "fringe bob": Cut(u(1.3, 1.6), u(0.95, 1.4), u(0.9, 1.3), u(0.5, 0.72), "part", part,
            u(0.1, 0.35), 0.75, 0.0, 0.7, texture, 0.111, 290, 0.2),
        "long straight": Cut(long + 0.5, long, long, u(1.0, 2.0), "part", part, u(0.05, 0.25),
            0.9, 0.0, 0.7, "straight", 0.118, 290, 0.2),
        "long waves": Cut(long + 0.5, long, long, u(1.0, 2.0), "part", part, u(0.1, 0.4), 0.85,
            u(0.05, 0.1), u(0.6, 1.0), "wavy", 0.126, 290, 0.2),
        "long curls": Cut(long + 0.3, long, long, u(0.5, 1.6), "part", part, u(0.25, 0.5), 0.8,
            u(0.07, 0.13), u(0.35, 0.6), curly, 0.133, 290, 0.2),
        "bun": Cut(u(0.7, 1.0), u(0.6, 0.9), 0.6, u(0.7, 1.0), "back", part, 0.02, 0.05, 0.0,
            0.5, "straight", 0.111, 290),
        "pigtails": Cut(0.9, 0.7, 0.6, u(0.5, 0.9), "part", 0.05, 0.02, 0.3, 0.0, 0.5, texture,
            0.111, 290),
        "updo": Cut(u(0.5, 0.8), 0.5, 0.5, u(0.5, 0.8), "back", part, 0.3, 0.05, 0.04, 0.5,
            "wavy", 0.111, 290),
    }  # fmt: skip
    return cuts.get(kind)
