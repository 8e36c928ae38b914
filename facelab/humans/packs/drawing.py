"""What `facelab data humans` renders of one person: how people, their ages and what they wear are
spread over a pack.

Some hair styles and skins are kept for the test split, so that a test also asks about people of a
kind that was never trained on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from facelab.humans.packs.making import Recipe
    from facelab.humans.person.people import Human
    from facelab.humans.person.views import View
    from facelab.humans.sprites import Prop, Sprite

TEST_SKINS = ("young_lightskinned_female3", "young_lightskinned_male3")
"""Skins that only people of the test split have."""

TEST_HAIR = ("slick", "short03", "updo", "braid01")
"""Hair styles that only people of the test split wear."""

MOST_HIDDEN = 0.6
"""Largest share of a face that hair and things may hide; views beyond are drawn anew."""

_TRIES, _REDRAWS, _SMALLER = 400, 4, 3

# Height of the head in picture heights, and how far its middle lies from the picture's.
_FRAMES = {"bust": (0.56, -0.06), "half": (0.35, -0.22), "large": (0.62, -0.04)}


def render_person(recipe: Recipe, person: int) -> list[Sprite]:
    """Render all views of one person; depends on the recipe's seed and the person only.

    Raises AssetsError when the renderer's assets are missing.
    """
    from facelab.humans.packs.making import person_rng, shots, split_of

    rng, test = person_rng(recipe, person), split_of(person) == "test"
    human = draw_human(rng, male=is_male(person), test=test)
    usual = human.age
    if not recipe.youngest <= usual <= recipe.oldest:
        usual = float(rng.uniform(recipe.youngest, recipe.oldest))
    sprites = []
    for shot in shots(recipe, person):
        age = shot.age if shot.age is not None else usual + float(rng.normal(0, 2.5))
        age = float(np.clip(age, recipe.youngest, recipe.oldest))
        for _ in range(_REDRAWS):  # a face that is hidden almost wholly teaches nothing
            view = draw_view(rng, human, age, shot.kind, test=test)
            sprite = _render_whole(human, view, shot.size, person)
            if sprite.hidden <= MOST_HIDDEN:
                break
        sprites.append(sprite)
    return sprites


def require_assets() -> None:
    """Raise AssetsError if what people are made of is missing, before any work."""
    from facelab.humans import assets

    assets.body()


def is_male(person: int) -> bool:
    """Say which sex a person is asked to have: as many of each in every split."""
    return (person + person // 10) % 2 == 1


def _render_whole(human: Human, view: View, size: tuple[int, int], person: int) -> Sprite:
    """Render, from farther away where hair or a hat is cut off at the top."""
    from facelab.humans.rendering.render import render

    for _ in range(_SMALLER):
        sprite = render(human, view, size=size, person=person)
        if (sprite.rgba[0, :, 3] > 128).mean() < 0.01:
            break
        view = replace(view, fill=0.88 * view.fill, shift=(view.shift[0], view.shift[1] + 0.02))
    return sprite


def draw_human(rng: np.random.Generator, *, male: bool, test: bool) -> Human:
    """Draw a person of a sex. Skins kept for testing are light ones: half of the light-skinned
    people of the test split have them, nobody else, and no split gets lighter or darker by it."""
    from facelab.humans.person.people import Human

    kept, dark = test and rng.random() < 0.5, None
    for _ in range(_TRIES):
        human = Human.sample(rng)
        if (human.male > 0.5) != male:
            continue
        if dark is None:
            dark = "dark" in human.skins[0]
        wanted = kept and not dark
        if ("dark" in human.skins[0]) == dark and (human.skins[0] in TEST_SKINS) == wanted:
            break
    return human


def draw_view(rng: np.random.Generator, human: Human, age: float, kind: str, *, test: bool) -> View:
    """Draw a view at an age, framed as a bust, half body or large picture; in the test split a
    third prefer hair that is kept for it."""
    from facelab.humans.person.views import View

    fill, up = _FRAMES[kind]
    fill *= float(np.exp(rng.normal(0, 0.06)))
    wanted = test and rng.random() < 1 / 3
    for _ in range(_TRIES if not wanted else 20):  # nobody is made to wear what does not suit them
        shift = (float(rng.normal(0, 0.02)), up + float(rng.normal(0, 0.015)))
        view = View.sample(rng, human, age=age, fill=fill, shift=shift)
        kept = view.look.hair is not None and view.look.hair.kind in TEST_HAIR
        if kept == wanted:
            break
    return view


def render_props(recipe: Recipe) -> list[Prop]:
    """Make the cut-outs without a face."""
    from facelab.humans.worn import props

    rng = np.random.default_rng([recipe.seed, 2**32])
    return props.render_props(rng, recipe.props, size=recipe.size)
