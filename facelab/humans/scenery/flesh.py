"""Painters of bare skin and what is near it: hands, arms, knees, ears, ties. Each gives a uint8
(size, size, 4) RGBA cut-out, colours not multiplied by alpha."""

from __future__ import annotations

import numpy as np

from facelab.humans.scenery.cutouts import straight
from facelab.humans.scenery.limbs import Patch, capsule
from facelab.humans.scenery.textures import cloth, colour, fractal, lit, shade


def skin_blob(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint one to four rounded, skin-coloured shapes: cheeks without a face, bellies, backs."""
    patch = _limbs(size)
    tone = np.array(colour(rng, "skin"), np.float32)
    for _ in range(int(rng.integers(1, 5))):
        start = rng.uniform(0.25, 0.75, 2)
        end = start + rng.normal(0, 0.18, 2)
        radii = rng.uniform(0.08, 0.25, 2)
        patch.fill(capsule(start, end, *radii.tolist()), _skin(rng, tone, size), 0.6)
    return straight(patch.rgba)


def hand(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint an open hand or a fist."""
    patch = _limbs(size)
    tone = np.array(colour(rng, "skin"), np.float32)
    skin = _skin(rng, tone, size)
    wrist, palm = np.array([0.5, 1.05]), np.array([0.5, 0.62])
    fill = patch.fill
    fill(capsule(wrist, palm, 0.12, 0.14), skin, 0.4)
    closed = rng.random() < 0.4
    spread = rng.uniform(0.08, 0.35)
    for finger in range(4):
        root = palm + ((finger - 1.5) * 0.085, -0.1)
        turn = (finger - 1.5) * spread + rng.normal(0, 0.06)
        reach = (0.12 if closed else rng.uniform(0.25, 0.34)) * (1.0, 1.12, 1.05, 0.85)[finger]
        tip = root + reach * np.array([np.sin(turn), -np.cos(turn)])
        fill(capsule(root, tip, 0.046, 0.036), skin, 0.18)
    fill(capsule(palm - (0, 0.06), palm + (0, 0.06), 0.16, 0.14), skin, 0.5)
    side = rng.choice([-1, 1])
    thumb = palm + (side * 0.14, 0.02)
    tip = thumb + ((-side * 0.16, -0.06) if closed else (side * 0.17, -0.16))
    fill(capsule(thumb, tip, 0.055, 0.04), skin, 0.2)
    return straight(patch.rgba)


def clasped(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint two hands that are clasped or hold something, with cuffs."""
    patch = _limbs(size)
    tone = np.array(colour(rng, "skin"), np.float32)
    thing = rng.random()
    if thing < 0.5:
        held = cloth(rng, size, size, pitch=size / 8)
        corners = np.array([[0.36, -0.02], [0.64, -0.02], [0.62, 0.6], [0.38, 0.6]])
        patch.fill(corners + rng.normal(0, 0.04, (4, 2)), held, 0.3)
    cuff = cloth(rng, size, size, pitch=size / 12)
    low = rng.uniform(0.0, 0.25)
    for side in (-1, 1):
        skin = _skin(rng, tone, size)
        wrist = np.array([0.5 + side * 0.42, 0.75 + low])
        palm = np.array([0.5 + side * 0.12, 0.5 + 0.3 * low])
        patch.fill(capsule(wrist, palm, 0.11, 0.13), skin, 0.4)
        for finger in range(4):
            root = palm + (0.0, (finger - 1.8) * 0.075)
            tip = root + (-side * rng.uniform(0.12, 0.22), rng.normal(0, 0.015))
            patch.fill(capsule(root, tip, 0.045, 0.038), skin, 0.2)
        thumb = palm + (-side * 0.02, -0.15)
        patch.fill(capsule(thumb, thumb + (-side * 0.08, -0.1), 0.05, 0.04), skin, 0.2)
        patch.fill(capsule(wrist, wrist + (side * 0.3, 0.25), 0.15, 0.18), cuff, 0.4)
    return straight(patch.rgba)


def arm(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a bent arm or leg, bare, or two that cross."""
    patch = _limbs(size)
    tone = np.array(colour(rng, "skin"), np.float32)
    for number in range(int(rng.integers(1, 3))):
        skin = _skin(rng, tone, size)
        start = np.array([rng.uniform(-0.1, 0.4), rng.uniform(0.0, 0.6)])
        middle = np.array([rng.uniform(0.35, 0.65), rng.uniform(0.4, 0.8)])
        end = np.array([rng.uniform(0.6, 1.1), rng.uniform(0.0, 1.0)])
        if number:
            start, middle, end = np.array([1, 0]) + np.array([-1, 1]) * (start, middle, end)
        thick = rng.uniform(0.08, 0.17)
        patch.fill(capsule(start, middle, thick * 1.15, thick), skin, 0.5)
        patch.fill(capsule(middle, end, thick, 0.65 * thick), skin, 0.5)
        if rng.random() < 0.5:
            sleeve = cloth(rng, size, size, pitch=size / 12)
            patch.fill(capsule(start, (start + middle) / 2, thick * 1.3, thick * 1.3), sleeve, 0.5)
    return straight(patch.rgba)


def knees(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint two knees or legs side by side, bare under a hem or in trousers."""
    patch = _limbs(size)
    bare = rng.random() < 0.5
    jeans = (colour(rng, "sky"), colour(rng, "dark"))[int(rng.integers(2))]
    tone = np.array(colour(rng, "skin") if bare else shade(jeans, 0.6), np.float32)
    apart = rng.uniform(0.16, 0.24)
    for x in (0.5 - apart, 0.5 + apart):
        skin = _skin(rng, tone, size)
        knee = np.array([x + rng.normal(0, 0.04), rng.uniform(0.4, 0.6)])
        thick = rng.uniform(0.12, 0.2)
        patch.fill(capsule(np.array([x, -0.1]), knee, thick * 1.15, thick), skin, 0.5)
        patch.fill(capsule(knee, knee + (0, 0.55), thick * 0.9, thick * 0.6), skin, 0.5)
        if bare:
            patch.fill(capsule(knee, knee + (0.01, 0.02), 0.6 * thick, 0.5 * thick), skin, 0.5)
    hem = rng.uniform(0.05, 0.4)
    corners = np.array([[0, -0.1], [1, -0.1], [1, hem], [0, hem + rng.normal(0, 0.05)]])
    if bare or rng.random() < 0.5:
        patch.fill(corners, cloth(rng, size, size, pitch=size / 12), 0.4)
    return straight(patch.rgba)


def ear(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint an ear before hair."""
    patch = _limbs(size)
    tone = np.array(colour(rng, "skin"), np.float32)
    if rng.random() < 0.7:
        hair = np.array(colour(rng, "hair"), np.float32)
        patch.fill(capsule(np.array([0.3, 0.3]), np.array([0.7, 0.4]), 0.34, 0.3), hair, 0.4)
    skin = _skin(rng, tone, size)
    top, low = np.array([0.5, 0.33]), np.array([0.45, 0.72])
    patch.fill(capsule(top, low, 0.2, 0.1), skin, 0.3)
    patch.fill(capsule(top + (0.01, 0.03), low - (0, 0.12), 0.13, 0.05), tone * 0.72, 0.3)
    patch.fill(capsule(top + (-0.03, 0.1), low - (0.02, 0.1), 0.07, 0.05), skin, 0.3)
    return straight(patch.rgba)


def tie(rng: np.random.Generator, size: int) -> np.ndarray:
    """Paint a tie or bow on a shirt's front."""
    patch = _limbs(size)
    shirt = np.array(colour(rng, "pale"), np.float32)
    patch.fill(np.array([[0.25, 0.0], [0.75, 0.0], [0.6, 0.9], [0.4, 0.9]]), shirt, 0.2)
    silk = cloth(rng, size, size, pitch=size / float(rng.uniform(8, 20)))
    if rng.random() < 0.2:
        for side in (-1, 1):
            wing = np.array([[0, 0.1], [0.2, 0.02], [0.2, 0.24], [0, 0.16]]) * (side, 1) + (0.5, 0)
            patch.fill(wing, silk, 0.3)
    else:
        wide = rng.uniform(0.07, 0.12)
        blade = [[0.46, 0.13], [0.54, 0.13], [0.5 + wide, 0.85], [0.5, 0.97], [0.5 - wide, 0.85]]
        patch.fill(np.array(blade), silk, 0.3)
        patch.fill(np.array([[0.42, 0.0], [0.58, 0.0], [0.54, 0.14], [0.46, 0.14]]), silk, 0.3)
    return straight(patch.rgba)


def _limbs(size: int) -> Patch:
    """Start a picture of limbs whose coordinates run from 0 to 1."""
    matrix = np.array([[size, 0, 0], [0, size, 0]], float)
    return Patch(np.zeros((size, size, 4), np.uint8), matrix, 1.0)


def _skin(rng: np.random.Generator, tone: np.ndarray, size: int) -> np.ndarray:
    """Paint skin (size, size, 3) in light and shade."""
    light = fractal(rng, size, size, cells=2, octaves=4, decay=0.5)
    return lit(shade(tone, 1.0), 0.6 + 0.8 * light)
