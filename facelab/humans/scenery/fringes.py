"""Hair painted over sprites: fringes down to the brows, frequent in photos of groups and rare among
rendered cuts; and hair over the whole face, as of people seen from behind."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from facelab.humans.scenery.cutouts import covers, fixed, painted_over
from facelab.humans.scenery.labelling import disc
from facelab.humans.scenery.textures import colour, fractal, lit, rows_and_columns
from facelab.humans.sprites import Sprite

_SHORT = ("", "buzz", "crop", "short01", "short02", "short03", "short04", "slick", "rim", "bun")
_BIG = ("afro", "afro01", "mop", "short curls", "long curls", "long waves", "pigtails", "quiff")
_DARK = 0.06  # linear reflectance of hair that black strands may be laid over
_TURNED = 0.5  # radians of yaw beyond which a painted fringe looks flat
_GRID = disc(12)  # places on the face that a fringe may hide, in a box of side 1


def suits(sprite: Sprite) -> bool:
    """Tell whether a fringe can be painted: face to the front, no hat, hand, beard or fair, big
    hair in the way."""
    said = sprite.attributes
    dark = float(said.get("hair_colour", 1.0)) < _DARK and said.get("hair") not in _BIG
    free = (dark or said.get("hair") in _SHORT) and not said.get("hat") and not said.get("held")
    if not free or said.get("beard") or abs(float(sprite.pose[0])) >= _TURNED:
        return False
    marks = sprite.landmarks
    return bool(np.isfinite(marks).all()) and float(np.ptp(marks[:17, 0])) > 4


def add_fringe(rng: np.random.Generator, sprite: Sprite) -> Sprite:
    """Paint hair that frames the face and covers the forehead; labels follow, the box stays.

    What it covers of the forehead does not count as hidden, as little as annotators count it.
    """
    height, width = sprite.rgba.shape[:2]
    inner, outer = _outlines(rng, sprite)
    mask: np.ndarray = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [fixed(outer)], 255, cv2.LINE_AA, 4)
    hole = np.zeros_like(mask)
    cv2.fillPoly(hole, [fixed(inner)], 255, cv2.LINE_AA, 4)
    mask = cv2.subtract(mask, hole)
    rgba = painted_over(sprite.rgba, _hair(rng, sprite, outer), mask)
    sides = sprite.box[2:] - sprite.box[:2]
    face = (sprite.box[:2] + sprite.box[2:]) / 2 + _GRID * sides
    face = face[face[:, 1] > sprite.landmarks[17:27, 1].mean()]  # foreheads are hair's own place
    covered = 0.7 * float(covers(mask, face).mean()) if len(face) else 0.0
    return replace(
        sprite,
        rgba=rgba,
        visible=sprite.visible & ~covers(mask, sprite.landmarks),
        five_visible=sprite.five_visible & ~covers(mask, sprite.five),
        hidden=float(1 - (1 - sprite.hidden) * (1 - covered)),
    )


def turn_away(rng: np.random.Generator, sprite: Sprite) -> np.ndarray:
    """Cover a sprite's face with hair, as if seen from behind: (h, w, 4) uint8."""
    x1, y1, x2, y2 = sprite.box.tolist()
    centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2 - 0.05 * (y2 - y1)])
    axes = np.array([(x2 - x1) * rng.uniform(0.62, 0.72), (y2 - y1) * rng.uniform(0.62, 0.75)])
    mask: np.ndarray = np.zeros(sprite.rgba.shape[:2], np.uint8)
    middle, radii = ((16 * pair).round().astype(int).tolist() for pair in (centre, axes))
    cv2.ellipse(mask, middle, radii, 0, 0, 360, 255, -1, cv2.LINE_AA, 4)
    if rng.random() < 0.4:  # long hair
        low = np.array([[-1, 0], [1, 0], [1.05, 1.5], [-1.05, 1.5]]) * axes + centre
        cv2.fillPoly(mask, [(low * 16).round().astype(np.int32)], 255, cv2.LINE_AA, 4)
    tone = np.array(colour(rng, "hair"), np.float32)
    height, width = mask.shape
    strands = fractal(rng, height, width, cells=9, octaves=4, decay=0.7, stretch=0.2)
    y, x = rows_and_columns(height, width)
    (column, row), (across, up) = centre.tolist(), axes.tolist()
    round_ = 1.15 - 0.6 * (((x - column) / across) ** 2 + ((y - row) / up) ** 2)
    hair = lit(tone, (0.4 + 1.2 * strands) * np.clip(round_, 0.35, 1.2))
    return painted_over(sprite.rgba, hair, mask)


def _outlines(rng: np.random.Generator, sprite: Sprite) -> tuple[np.ndarray, np.ndarray]:
    """Give the opening in which the face is seen, and the hair's outside, (n, 2) each."""
    marks = sprite.landmarks.astype(float)
    left, right = marks[0], marks[16]
    x = (right - left) / max(float(np.hypot(*(right - left))), 1e-6)
    y = np.array([-x[1], x[0]])
    middle, half = (left + right) / 2, float(np.hypot(*(right - left))) / 2
    unit = float(sprite.box[3] - sprite.box[1])
    brow = float((marks[17:27].mean(axis=0) - middle) @ y)
    eyes = float((marks[36:48].mean(axis=0) - middle) @ y)
    edge = brow + (eyes - brow) * rng.uniform(-0.5, 0.35)  # where the fringe ends
    long = unit * float(rng.choice([0.05, 0.2, 0.5, 0.8, 1.15])) * rng.uniform(0.85, 1.15)
    wide = half * rng.uniform(1.18, 1.42)
    top = -unit * rng.uniform(0.66, 0.78)
    turns = np.linspace(np.pi, 2 * np.pi, 19)
    bend = np.sign(np.cos(turns)) * np.abs(np.cos(turns)) ** 0.75  # heads are rounder than ellipses
    crown = np.stack([wide * bend, top * np.abs(np.sin(turns)) ** 0.85], 1)
    foot = wide * rng.uniform(0.85, 1.08)
    outside = np.concatenate([crown, [[foot, long], [-foot, long]]])
    teeth = int(rng.integers(7, 18))
    gap = half * rng.uniform(0.72, 0.95)
    across = np.linspace(-gap, gap, 2 * teeth + 1)
    ragged = unit * rng.uniform(0.005, 0.035)
    lower = edge + ragged * rng.uniform(-1, 1, len(across)) + 0.06 * unit * (across / gap) ** 2
    cheek = half * rng.uniform(0.8, 1.02)
    inside = np.concatenate(
        [np.stack([across, lower], 1), [[cheek, long + 1.0], [-cheek, long + 1.0]]]
    )
    frame = np.stack([x, y])
    return middle + inside @ frame, middle + outside @ frame


def _hair(rng: np.random.Generator, sprite: Sprite, outer: np.ndarray) -> np.ndarray:
    """Paint straight hair with its sheen: (h, w, 3) uint8."""
    height, width = sprite.rgba.shape[:2]
    tone = np.array(colour(rng, "hair"), np.float32)
    if rng.random() < 0.85:
        tone = tone / max(float(tone.max()), 1) * float(rng.uniform(14, 55))
    strands = fractal(rng, height, width, cells=14, octaves=4, decay=0.8, stretch=0.12)
    y, x = rows_and_columns(height, width)
    (left, top), (right, low) = outer.min(axis=0).tolist(), outer.max(axis=0).tolist()
    place = (y - top) / max(low - top, 1)
    side = (2 * (x - left) / max(right - left, 1) - 1) ** 2
    sheen = np.exp(-(((place - rng.uniform(0.1, 0.25) - 0.1 * side) / 0.07) ** 2))
    light = (0.55 + 0.9 * strands) * (1.1 - 0.5 * side) * (1 + rng.uniform(0, 1.2) * sheen)
    around = sum(cv2.mean(sprite.rgba)[:3]) / 3
    light *= float(np.clip(around / 90, 0.6, 1.4))
    return lit(tone, light)
