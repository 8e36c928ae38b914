"""Place one person in a scene: made smaller, mirrored, turned, continued below by a body, out of
focus; with the labels that follow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from facelab.geometry.landmarks import MIRROR_5
from facelab.humans.scenery import torsos
from facelab.humans.scenery.cutouts import (
    Canvas,
    blurred,
    brightened,
    corners,
    covers,
    frame,
    moved,
    premultiply,
    reduced,
    similarity,
    stamp,
)
from facelab.humans.scenery.labelling import DISC, Person
from facelab.humans.scenery.layouts import Spot
from facelab.humans.scenery.textures import fractal
from facelab.humans.sprites import Sprite


@dataclass(frozen=True, eq=False)
class Look:
    """How a person is drawn.

    gains: (3,) by which colours are multiplied. sigma: blur in pixels. body: whether a bust goes on
    below its picture. owner: the number its pixels get on the canvas.
    """

    gains: np.ndarray
    sigma: float
    body: bool
    owner: int


@dataclass(frozen=True, eq=False)
class _Bust:
    """A sprite's picture on its way into the scene, with the labels that change with it: float64,
    in pixels of rgba (h, w, 4) uint8."""

    rgba: np.ndarray
    box: np.ndarray
    five: np.ndarray
    visible: np.ndarray
    pose: np.ndarray

    @classmethod
    def of(cls, sprite: Sprite, height: float) -> _Bust:
        """Take a sprite for a face of some height, smaller where its picture is much too fine."""
        rgba, box, five = sprite.rgba, sprite.box.astype(float), sprite.five.astype(float)
        times = int((box[3] - box[1]) / (1.5 * height))
        if times > 1:  # everything that follows is quicker on a smaller picture
            rgba, box, five = reduced(rgba, times), box / times, five / times
        return cls(rgba, box, five, sprite.five_visible, sprite.pose.astype(float))

    def mirrored(self) -> _Bust:
        """Exchange left and right."""
        width = self.rgba.shape[1]
        x1, y1, x2, y2 = self.box
        swap = list(MIRROR_5)
        return _Bust(
            cv2.flip(self.rgba, 1),
            np.array([width - x2, y1, width - x1, y2]),
            (self.five * (-1, 1) + (width, 0))[swap],
            self.visible[swap],
            self.pose * (-1, 1, -1),
        )


def place_person(
    rng: np.random.Generator,
    body_rng: np.random.Generator,
    canvas: Canvas,
    sprite: Sprite,
    spot: Spot,
    look: Look,
    *,
    number: int,
) -> Person:
    """Draw a person over the canvas and give the labels.

    body_rng: what happens below the bust follows from it alone. number: of the sprite in its
    source.
    """
    flip = bool(rng.random() < 0.5)
    turn = float(rng.normal(0, 0.05) + (rng.normal(0, 0.16) if rng.random() < 0.12 else 0.0))
    bust = _Bust.of(sprite, spot.height)
    if flip:
        bust = bust.mirrored()
    centre, sides = (bust.box[:2] + bust.box[2:]) / 2, bust.box[2:] - bust.box[:2]
    scale = spot.height / sides[1]
    matrix = similarity(scale=scale, turn=turn, pivot=tuple(centre), target=(spot.x, spot.y))
    _draw(rng, body_rng, canvas, bust, matrix, look)
    half = 0.5 * scale * np.hypot(sides * np.cos(turn), sides[::-1] * np.sin(turn))
    middle = np.array([spot.x, spot.y])
    face = centre + DISC * sides
    face = face[covers(bust.rgba[..., 3], face)] if spot.role == "face" else face[:0]
    grown = 0.35 * max(scale - 1, 0.0)  # a picture that was enlarged lacks detail
    return Person(
        box=np.concatenate([middle - half, middle + half]),
        five=moved(bust.five, matrix),
        visible=bust.visible,
        points=moved(face, matrix),
        pose=bust.pose - (0, 0, turn),  # roll counts against the clock, turn with it
        sigma=float(np.hypot(look.sigma, grown)),
        sprite=number,
        source=sprite,
    )


def _draw(
    rng: np.random.Generator,
    body_rng: np.random.Generator,
    canvas: Canvas,
    bust: _Bust,
    matrix: np.ndarray,
    look: Look,
) -> None:
    """Paint the body and lay the bust over it, through a matrix (2, 3) from bust to scene."""
    rgba, size = bust.rgba, canvas.owner.shape
    measured = torsos.measure(rgba, bust.box) if look.body else None
    if measured is not None:
        rgba, measured, pattern = torsos.dress(body_rng, rgba, measured)
        torsos.paint(
            body_rng,
            canvas,
            measured,
            matrix,
            pattern=pattern,
            gains=look.gains,
            sigma=look.sigma,
            owner=look.owner,
        )
    rectangle = frame(corners(rgba, matrix), size)
    if rectangle is None:
        return
    drawn = stamp(premultiply(brightened(rgba, look.gains)), matrix, rectangle)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale > 1.5:
        drawn = _smooth_edge(drawn, 0.45 * scale)
        drawn = _pores(rng, drawn, min(1.0, (scale - 1) / 3))
    soft, x, y = blurred(drawn, look.sigma, size, rectangle[:2])
    canvas.lay(soft, x, y, look.owner)


def _smooth_edge(premultiplied: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth the outline of an enlarged cut-out, which shows the steps of its own pixels."""
    soft = cv2.GaussianBlur(premultiplied, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    alpha = soft[..., 3].astype(np.float32) * np.float32(1 / 255)
    edge = np.minimum(6 * alpha * (1 - alpha), 1)
    return cv2.blendLinear(soft, premultiplied, edge, 1 - edge)


def _pores(rng: np.random.Generator, premultiplied: np.ndarray, strength: float) -> np.ndarray:
    """Give an enlarged picture the fine grain of skin and cloth that it lacks."""
    height, width = premultiplied.shape[:2]
    cells = max(4, min(height, width) // 24)
    grain = fractal(rng, height, width, cells=cells, octaves=4, decay=0.9)
    share = ((1 + 0.22 * strength * (grain - 0.5)) * 127.5).clip(0, 255).astype(np.uint8)
    rgb = cv2.multiply(premultiplied[..., :3], cv2.merge([share] * 3), scale=1 / 127.5)
    alpha = premultiplied[..., 3:]
    return np.dstack([np.minimum(rgb, alpha), alpha])
