"""What a person wears in a view, as parts: brows, lashes, hair, glasses, hats, masks, clothes."""

from __future__ import annotations

import functools
from dataclasses import replace

import cv2
import numpy as np

from facelab.humans import assets
from facelab.humans.parts import Fit, Material, Part
from facelab.humans.person import ageing
from facelab.humans.person.people import Human
from facelab.humans.person.views import View
from facelab.humans.rendering.posing import vector
from facelab.humans.worn.accessories import earrings, glasses, headphones
from facelab.humans.worn.beards import beard
from facelab.humans.worn.clothes import clothes, clothes_cover
from facelab.humans.worn.hair import hair
from facelab.humans.worn.hands import held
from facelab.humans.worn.hats import Hat, hat, hat_hides
from facelab.humans.worn.masks import mask, scarf


def dress(human: Human, view: View, fit: Fit) -> list[Part]:
    """Make all that hangs on a person's rest-pose body; see `Look`."""
    look, age = view.look, view.age
    colour = human.hair_at(age, look.hair_colour)
    grown = human.hair_at(age)  # beards are seldom dyed
    skin = look.tone(human)
    parts = _brows_and_lashes(human, view, fit)
    if look.hair is not None:
        recession = ageing.recession(age, human.bald_age)
        locks = hair(look.hair, fit, colour=colour, recession=recession)
        parts += locks if look.hat is None else _pressed(locks, look.hat, fit)
    if look.beard is not None:
        parts += beard(look.beard, fit, colour=grown, age=age)
    if look.glasses is not None:
        parts += glasses(look.glasses, fit)
    if look.hat is not None:
        parts += hat(look.hat, fit)
    if look.mask is not None:
        parts += mask(look.mask, fit)
    if look.scarf is not None:
        parts += scarf(look.scarf, fit)
    if look.headphones is not None:
        parts += headphones(look.headphones, fit)
    if look.earrings is not None:
        parts += earrings(look.earrings, fit)
    if look.held is not None:
        parts += held(look.held, fit, skin=skin, age=age)
    if look.clothes is not None:
        parts += clothes(look.clothes, fit, skin=skin, male=human.male, age=age)
    return parts


def covered(view: View, fit: Fit) -> np.ndarray | None:
    """Say which vertices (V,) of the body lie under clothes; None without clothes."""
    worn = view.look.clothes
    return None if worn is None else np.asarray(clothes_cover(worn, fit), bool)


def _pressed(locks: list[Part], worn: Hat, fit: Fit) -> list[Part]:
    """Take away the hair that a hat presses down."""
    out = []
    for part in locks:
        under = hat_hides(worn, fit, part.positions)
        keep = ~under[part.triangles].any(axis=1)
        out.append(replace(part, triangles=part.triangles[keep]))
    return out


def _brows_and_lashes(human: Human, view: View, fit: Fit) -> list[Part]:
    """Brows are darker and duller than the hair; mascara comes with painted lids."""
    look = view.look
    colour = human.hair_at(max(view.age - 14, 1))  # brows grey late
    brows = 0.6 * (0.6 * colour + 0.4 * colour.mean() * vector(1.25, 0.95, 0.75))
    lashes = brows * 0.2 + 0.004
    grown = 0.55 + 0.45 * ageing.rise(view.age, 6, 17)
    full = 0.75 - 0.35 * human.male + 0.8 * look.makeup.lid_strength
    return [
        _card("brows", f"eyebrows/{human.brow}", fit, brows, look.brow * grown),
        _card("lashes", f"eyelashes/{look.lash}", fit, lashes, full),
    ]


def _card(name: str, path: str, fit: Fit, colour: np.ndarray, strength: float) -> Part:
    """Fit one of the asset's brows or lashes. path: its map without suffix."""
    stem = path.split("/")[1]
    piece = assets.part(stem)
    luminance, alpha = _maps(path, round(strength, 1))
    return Part(
        name=name,
        positions=assets.fitted(stem, fit.points)[piece.at],
        triangles=piece.triangles,
        material=Material(colour.astype(np.float32), alpha, luminance, gloss=0.0),
        uv=piece.uv,
        follows="skin",
        hides=False,
    )


@functools.lru_cache(maxsize=128)
def _maps(path: str, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Luminance and alpha of brows or lashes; kept, so that smaller versions can be kept too."""
    values = assets.texture(f"{path}.png")
    alpha = values[..., 1]
    if path.startswith("eyebrows"):  # the asset's brows are plucked: fill them
        full = cv2.GaussianBlur(alpha, (0, 0), sigmaX=6, sigmaY=7)
        alpha = 0.6 * alpha + 1.3 * full
    alpha = np.clip(alpha * strength, 0, 0.95).astype(np.float32)
    return np.ascontiguousarray(values[..., 0]), np.ascontiguousarray(alpha)
