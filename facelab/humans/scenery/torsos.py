"""Bodies painted below busts: shoulders, arms, hands, legs, in the colours of the bust's lower
edge, and clothes in other patterns.

Everything is laid out in the bust's own pixels and drawn through the matrix that takes the bust
into the scene, so that both fit without a seam. Lengths are in heights of the face box; an adult is
about nine of them tall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from facelab.humans.scenery.cutouts import Canvas, blurred, frame, moved, warp
from facelab.humans.scenery.limbs import Patch
from facelab.humans.scenery.textures import (
    Colour,
    cloth,
    colour,
    folds,
    mixed,
    shade,
    times,
)

ARMS = ("down", "apart", "hips", "front", "crossed", "up")
_ARM_SHARES = (0.4, 0.15, 0.1, 0.17, 0.13, 0.05)


@dataclass(frozen=True, eq=False)
class Bust:
    """What is known of a bust from its picture; lengths in its pixels.

    unit: height of the face box. chin: (2,) its lower middle. left, right: (2,) where the outline
    leaves the picture or its lower edge. open_left, open_right: whether it leaves at the side, so
    that the shoulder goes on. bottom: height of the picture. seam_start: column of the
    first colour of the seam. seam: (n, 3) uint8 colours along the lower edge. skin: (3,) of the
    face. collar: row below which clothes are looked for. cloth: (3,) their colour as `_direction`
    gives it, None where they are not plain or cannot be told from skin.
    """

    unit: float
    chin: np.ndarray
    left: np.ndarray
    right: np.ndarray
    open_left: bool
    open_right: bool
    bottom: float
    seam_start: int
    seam: np.ndarray
    skin: np.ndarray
    collar: int
    cloth: np.ndarray | None


def measure(rgba: np.ndarray, box: np.ndarray) -> Bust | None:
    """Measure a cut-out (h, w, 4) with its face box (4,); None when it does not reach its lower
    edge and so needs no body."""
    height, width = rgba.shape[:2]
    alpha = rgba[..., 3]
    columns = np.flatnonzero(alpha[-2] > 127)
    if len(columns) < 0.15 * (box[2] - box[0]):
        return None
    chin_row = int(min(box[3], height - 1))
    ends, opens = [], []
    for column, edge in ((0, columns[0]), (width - 1, columns[-1])):
        side = np.flatnonzero(alpha[chin_row:, column] > 127)
        opens.append(len(side) > 0)
        y = chin_row + side[0] if len(side) else height
        ends.append(np.array([edge + (column > 0), y], float))
    band = rgba[-6:, columns[0] : columns[-1] + 1]
    weight = band[..., 3:].astype(np.float32) + np.float32(1e-3)
    seam = (band[..., :3] * weight).sum(0) / weight.sum(0)  # (n, 3)
    seam = cv2.blur(seam[None], (max(1, len(seam) // 12), 1))[0]
    x1, y1, x2, y2 = (box * 0.5 + np.tile((box[:2] + box[2:]) / 4, 2)).round().astype(int).tolist()
    cheek = rgba[max(y1, 0) : max(y2, 1), max(x1, 0) : max(x2, 1)].reshape(-1, 4)
    cheek = cheek[cheek[:, 3] > 200]
    skin = _median(cheek[:, :3]) if len(cheek) else np.array([200.0, 150.0, 120.0])
    unit = float(box[3] - box[1])
    return Bust(
        unit=unit,
        chin=np.array([(box[0] + box[2]) / 2, box[3]]),
        left=ends[0],
        right=ends[1],
        open_left=opens[0],
        open_right=opens[1],
        bottom=float(height),
        seam_start=int(columns[0]),
        seam=seam.round().astype(np.uint8),
        skin=skin,
        collar=int(min(max(box[3] - 0.1 * unit, 0), height)),
        cloth=_plain_cloth(seam, skin),
    )


def _median(colours: np.ndarray) -> np.ndarray:
    """Give the median of colours (n, 3), channel by channel."""
    ranked = np.sort(np.ascontiguousarray(colours.T), axis=1, kind="stable")
    half = ranked.shape[1] // 2
    return (ranked[:, half].astype(float) + ranked[:, -half - 1]) / 2


def _direction(colours: np.ndarray) -> np.ndarray:
    """Give colours (..., 3) unit length: what they are without how bright they are."""
    raised = colours.astype(np.float32) + np.float32(4)
    return raised / np.sqrt(np.einsum("...i,...i", raised, raised))[..., None]


def _plain_cloth(seam: np.ndarray, skin: np.ndarray) -> np.ndarray | None:
    """Give the direction (3,) of plain clothes' colour at the lower edge; None where the edge has
    several colours, or that of the skin."""
    middle = _direction(_median(seam))
    if np.abs(_direction(seam) - middle).max() > 0.12:
        return None
    return None if np.abs(middle - _direction(skin)).max() < 0.06 else middle


def _clothes(rgba: np.ndarray, bust: Bust, tone: np.ndarray) -> tuple[np.ndarray, int] | None:
    """Find plain clothes of a tone (3,) below the chin: mask (h, w) uint8, 0 or 255, from the
    highest row with clothes on, and that row; None where there are none."""
    below = rgba[bust.collar :]
    raised = below[..., :3].astype(np.float32) + np.float32(4)
    length = np.sqrt(np.einsum("hwc,hwc->hw", raised, raised))
    alike = below[..., 3] > 0
    for channel, share in enumerate(tone.tolist()):
        alike &= np.abs(raised[..., channel] - share * length) < 0.05 * length
    rows = np.flatnonzero(alike.any(axis=1))
    if not len(rows):
        return None
    first = int(rows[0])
    return alike[first:].astype(np.uint8) * np.uint8(255), bust.collar + first


def dress(
    rng: np.random.Generator, rgba: np.ndarray, bust: Bust
) -> tuple[np.ndarray, Bust, np.ndarray | None]:
    """Change the clothes: returns the picture, the bust with its seam in the new colours, and the
    cloth, which a body repeats (h, w, 3) uint8, or None where that is plain or stays as it was."""
    wish = rng.random(), int(rng.integers(2**32))  # the same draws whatever the picture is
    if bust.cloth is None or wish[0] < 0.3:
        return rgba, bust, None
    found = _clothes(rgba, bust, bust.cloth)
    if found is None:
        return rgba, bust, None
    mask, top = found
    inner = np.random.default_rng(wish[1])
    part = rgba[top:]
    height, width = part.shape[:2]
    plain = wish[0] < 0.5
    pattern: np.ndarray
    if plain:
        pattern = np.full((height, width, 3), colour(inner), np.uint8)
    else:
        pattern = cloth(inner, height, width, pitch=bust.unit * 0.22)
    light = bust.seam.mean(axis=1, dtype=np.float32)
    middle = float(np.median(light)) + 1e-3
    pattern = cv2.convertScaleAbs(pattern, alpha=float(inner.uniform(0.7, 1.05)))
    grey = cv2.transform(part, np.full((1, 4), 1 / 3, np.float32) * (1, 1, 1, 0))
    grey = np.minimum(cv2.convertScaleAbs(grey, alpha=127.5 / middle), np.uint8(217))
    lit = cv2.multiply(pattern, cv2.merge([grey] * 3), scale=1 / 127.5)
    rgba = rgba.copy()
    worn = cv2.cvtColor(part, cv2.COLOR_RGBA2RGB)
    rgba[top:, :, :3] = mixed(worn, lit, cv2.blur(mask, (3, 3)))
    tone = np.array(cv2.mean(pattern)[:3])
    seam = np.clip(tone * (light / middle)[:, None], 0, 255).round().astype(np.uint8)
    return rgba, replace(bust, seam=seam), None if plain else pattern


def paint(
    rng: np.random.Generator,
    canvas: Canvas,
    bust: Bust,
    matrix: np.ndarray,
    *,
    pattern: np.ndarray | None,
    gains: np.ndarray,
    sigma: float,
    owner: int,
) -> None:
    """Paint the body that continues a bust under it, onto the canvas.

    matrix: (2, 3) from bust to scene pixels. bust, pattern: from `dress`. gains: (3,) change of
    colour that the bust gets too. sigma: blur in pixels. owner: the number its pixels get.
    """
    pose = _Pose.draw(rng, bust)
    extent = np.array([[-2.4, pose.top], [2.4, pose.top], [-2.4, 7.8], [2.4, 7.8]]) * bust.unit
    size = canvas.owner.shape
    rectangle = frame(moved(bust.chin + extent, matrix), size)
    if rectangle is None:
        return
    x1, y1, x2, y2 = rectangle
    coarse = min(1.0, 220 / max(x2 - x1, y2 - y1))  # large bodies are soft anyway
    scaled = matrix.copy()
    scaled[:, 2] -= (x1, y1)
    scaled *= coarse
    wide, tall = max(2, round((x2 - x1) * coarse)), max(2, round((y2 - y1) * coarse))
    patch = Patch(np.zeros((tall, wide, 4), np.uint8), scaled, bust.unit)
    shirt = _shirt(rng, bust, patch, pattern)
    skin = np.clip(bust.skin * rng.uniform(0.8, 1.0), 0, 255)
    _legs(rng, patch, pose, skin)
    for arm in pose.arms_behind:
        patch.arm(arm, shirt, skin, pose.sleeve)
    patch.fill(pose.torso, shirt, 0.75)
    for arm in pose.arms_before:
        patch.arm(arm, shirt, skin, pose.sleeve)
    rgba = _gained(patch.rgba, gains)
    if (wide, tall) != (x2 - x1, y2 - y1):
        rgba = cv2.resize(rgba, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
    soft, x, y = blurred(rgba, sigma, size, (x1, y1))
    canvas.lay(soft, x, y, owner)


def _legs(rng: np.random.Generator, patch: Patch, pose: _Pose, skin: np.ndarray) -> None:
    """Draw the legs in trousers, or bare under shorts or a skirt."""
    trousers = np.array(shade(colour(rng, str(rng.choice(["dark", "any", "grey"]))), 0.8))
    short = rng.uniform(0.25, 1.0) if rng.random() < 0.3 else 0.0
    for outline in pose.legs:
        patch.fill(outline, skin if short else trousers, 0.4)
    if not short:
        return
    for outer, knee, _, _, back, inner, top in pose.legs:
        hem = [outer + (knee - outer) * short, inner + (back - inner) * short]
        patch.fill(np.array([outer, *hem, inner, top]), trousers, 0.4)


def _gained(premultiplied: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Multiply colours that come multiplied by alpha (h, w, 4) by gains (3,), at most to alpha."""
    colours = cv2.cvtColor(premultiplied, cv2.COLOR_RGBA2RGB)
    colours = cv2.transform(colours, np.diag(gains).astype(np.float32))
    alpha = premultiplied[..., 3]
    return cv2.merge([*cv2.split(cv2.min(colours, cv2.merge([alpha] * 3))), alpha])


def _shirt(
    rng: np.random.Generator, bust: Bust, patch: Patch, pattern: np.ndarray | None
) -> np.ndarray:
    """Carry the seam's colours down, or the pattern on: (h, w, 3) uint8 for a patch (h, w)."""
    matrix, (height, width) = patch.matrix, patch.rgba.shape[:2]
    scale = math.hypot(*matrix[:, 0].tolist())
    foot, start = moved(np.array([bust.chin[0], bust.bottom]), matrix).tolist()
    below = (np.arange(height, dtype=np.float32) - start) / (scale * bust.unit)
    ramp = below.clip(0, 1)[:, None]  # folds grow from the seam on, where the bust has none
    if pattern is not None:
        shirt = warp(pattern, matrix, (0, 0, width, height), border=cv2.BORDER_REFLECT, most=1)
    else:
        columns = (np.arange(width) + 0.5 - foot) / scale + bust.chin[0]
        places = np.arange(len(bust.seam)) + bust.seam_start + 0.5
        line = np.stack([np.interp(columns, places, channel) for channel in bust.seam.T], axis=1)
        ends = np.stack([line.ravel(), np.tile(_main_colour(rng, bust), width)])
        share = np.hstack([(1 - ramp) ** 2, 1 - (1 - ramp) ** 2])
        shirt = cv2.convertScaleAbs(share @ ends.astype(np.float32)).reshape(height, width, 3)
    depth = float(rng.uniform(0.1, 0.5))
    light = 1 + (folds(rng, height, width, depth=depth) - 1) * ramp
    return times(shirt, light)


def _main_colour(rng: np.random.Generator, bust: Bust) -> Colour:
    """Give the colour of the clothes below: the seam's, or a new one where the seam is mostly
    skin."""
    middle, other = np.median(bust.seam, axis=0), colour(rng)
    bare = np.abs(_direction(middle) - _direction(bust.skin)).max() < 0.04
    return other if bare else shade(middle, 1.0)


@dataclass(frozen=True, eq=False)
class _Pose:
    """Outlines of a body in bust pixels: arms are polylines shoulder, elbow, wrist. sleeve: share
    of the arm that it covers. top: highest point, in face heights below the chin."""

    torso: np.ndarray
    legs: list[np.ndarray]
    arms_behind: list[np.ndarray]
    arms_before: list[np.ndarray]
    sleeve: float
    top: float

    @classmethod
    def draw(cls, rng: np.random.Generator, bust: Bust) -> _Pose:
        """Draw a stance at random."""
        u, chin = bust.unit, bust.chin
        broad = float(rng.uniform(1.0, 1.28))
        waist, hip = rng.uniform(0.62, 0.95), rng.uniform(0.7, 1.0)
        left, right = _side(bust, -1, broad), _side(bust, 1, broad)
        middle = (left[0, 0] + right[0, 0]) / 2 * 0.5 + chin[0] * 0.5
        torso = _torso(bust, left, right, middle, waist=waist, hip=hip)
        step = rng.uniform(0.0, 0.35)
        legs = [_leg(rng, bust, side, middle, hip=hip, step=step) for side in (-1, 1)]
        behind: list[np.ndarray] = []
        before: list[np.ndarray] = []
        kinds = rng.choice(ARMS, 2, p=_ARM_SHARES)
        if rng.random() < 0.6:
            kinds[1] = kinds[0]
        for side, kind, outline in ((-1, str(kinds[0]), left), (1, str(kinds[1]), right)):
            arm = _arm(rng, outline[-1], side, kind, chin, middle, u)
            (before if kind in ("front", "crossed") else behind).append(arm)
        sleeve = float(rng.choice([0.25, 0.5, 1.0], p=[0.37, 0.15, 0.48]))
        return cls(torso, legs, behind, before, sleeve, -2.4 if "up" in kinds else -0.6)


def _torso(
    bust: Bust, left: np.ndarray, right: np.ndarray, middle: float, *, waist: float, hip: float
) -> np.ndarray:
    """Give the outline (n, 2) from the neck down to the hips.

    left, right: shoulders, from `_side`. middle: column about which the rest is even. waist, hip:
    half their widths, in face heights.
    """
    u, chin = bust.unit, bust.chin
    half = 0.5 * (right[-1, 0] - left[-1, 0]) - 0.2 * u
    widths, downs = np.array([half, waist * u, hip * u]), chin[1] + np.array([1.3, 2.2, 3.4]) * u
    neck = np.array([[chin[0] - 0.3 * u, left[0, 1] - 0.06 * u]])
    nape = np.array([[chin[0] + 0.3 * u, right[0, 1] - 0.06 * u]])
    down = np.stack([middle - widths, downs], axis=1)
    up = np.stack([middle + widths, downs], axis=1)[::-1]
    return np.concatenate([neck, left, down, up, right[::-1], nape])


def _leg(
    rng: np.random.Generator, bust: Bust, side: int, middle: float, *, hip: float, step: float
) -> np.ndarray:
    """Give the outline (7, 2) of one leg: outer hip, knee and foot, then up along the inside."""
    u = bust.unit
    foot = middle + side * (0.35 + step * rng.uniform(0, 1)) * u
    knee = middle + side * 0.42 * u + rng.normal(0, 0.08) * u
    thick = side * 0.24 * u
    top, low, end = bust.chin[1] + np.array([3.2, 5.4, 7.4]) * u
    return np.array(
        [
            [middle + side * hip * u, top],
            [knee + thick, low],
            [foot + thick * 0.8, end],
            [foot - thick * 0.8, end],
            [knee - thick * 0.9, low],
            [middle, top + 0.25 * u],
            [middle, top],
        ]
    )


def _side(bust: Bust, side: int, broad: float) -> np.ndarray:
    """Continue the shoulder on one side: (n, 2) points from the bust's outline to the arm's
    outside."""
    start, is_open = (bust.left, bust.open_left) if side < 0 else (bust.right, bust.open_right)
    u = bust.unit
    if not is_open:  # begin behind the bust, where the rim's shade does not show
        inside = start + (0.4 * (bust.chin[0] - start[0]), -0.3 * u)
        return np.array([inside, start, start + (0, 0.05 * u)])
    reach = max(0.1 * u, broad * u - abs(start[0] - bust.chin[0]))
    drop = min(0.5 * u, 0.25 * u + 0.3 * reach)
    return np.array(
        [
            start + (0, 0.01 * u),
            start + (side * 0.5 * reach, 0.28 * drop),
            start + (side * 0.85 * reach, 0.62 * drop),
            start + (side * reach, drop + 0.15 * u),
        ]
    )


def _arm(
    rng: np.random.Generator,
    outer: np.ndarray,
    side: int,
    kind: str,
    chin: np.ndarray,
    middle: float,
    u: float,
) -> np.ndarray:
    """Give shoulder, elbow and wrist (3, 2) of an arm whose outside starts at `outer`."""
    shoulder = outer + np.array([-side * 0.2 * u, 0.0])
    x = shoulder[0]
    elbow_y = chin[1] + 1.95 * u
    if kind == "down":
        elbow = [x + side * rng.uniform(0, 0.15) * u, elbow_y]
        wrist = [x + side * rng.uniform(-0.1, 0.15) * u, chin[1] + 3.2 * u]
    elif kind == "apart":
        elbow = [x + side * rng.uniform(0.25, 0.7) * u, elbow_y - 0.1 * u]
        wrist = [x + side * rng.uniform(0.2, 1.2) * u, chin[1] + rng.uniform(2.2, 3.2) * u]
    elif kind == "hips":
        elbow = [x + side * rng.uniform(0.45, 0.7) * u, elbow_y]
        wrist = [middle + side * 0.8 * u, chin[1] + 2.7 * u]
    elif kind == "up":
        elbow = [x + side * rng.uniform(0.4, 0.9) * u, chin[1] + rng.uniform(-0.4, 0.6) * u]
        wrist = [x + side * rng.uniform(0.1, 0.9) * u, chin[1] - rng.uniform(0.9, 1.8) * u]
    else:
        elbow = [x + side * rng.uniform(0.0, 0.2) * u, chin[1] + rng.uniform(1.6, 2.0) * u]
        reach = -0.45 if kind == "crossed" else rng.uniform(-0.1, 0.4)
        wrist = [middle + side * reach * u, chin[1] + rng.uniform(1.3, 2.1) * u]
    return np.array([shoulder, elbow, wrist])
