"""Compose photos of people who never existed, with every label.

    scene = compose(source, seed=7, size=(480, 640), faces=12)

A background, people from far to near, things behind and before them, one light over all, one
camera. The same seed gives the same scene on any machine: labels within 1e-3 px, pixels within 2
grey levels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from facelab.humans.scenery import degrade, distractors
from facelab.humans.scenery.backdrops import OUTDOORS
from facelab.humans.scenery.backgrounds import KINDS, background
from facelab.humans.scenery.cutouts import THING, Canvas
from facelab.humans.scenery.fringes import add_fringe, suits, turn_away
from facelab.humans.scenery.labelling import Person, label
from facelab.humans.scenery.layouts import LAYOUTS, Spot, draw_count
from facelab.humans.scenery.lighting import Light
from facelab.humans.scenery.placing import Look, place_person
from facelab.humans.scenery.staging import Focus, add_faceless, cast, missing_share, stage
from facelab.humans.scenery.textures import saturation
from facelab.humans.sprites import Sprite, SpriteSource
from facelab.types import Scene

MOST_FACES = 300


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """What a scene may contain.

    layout: a name from `layouts.LAYOUTS`, or None for one that suits the number of faces.
    background: a name from `backgrounds.KINDS`, or None for any. real_backgrounds: allow real
    photographs without people. distractors: paint things that are taken for faces. bodies: continue
    busts below their picture. smallest: face height in pixels. sizes: (lowest, highest) face
    height, or None for what the layout finds natural. hide: share of faces of which more
    than 0.3 is to be hidden, 0 to 1; more where people's own hands and masks exceed it.
    degrade: strength of what the camera does, 0 to 3. blur: extra blur, sigma in pixels.
    most_hidden: a face of which more than this share is hidden or cut off goes to `ignore`.
    fringes: share of those people whose hair allows it that get a fringe painted over their brows.
    Raises ValueError that names the option when a value is outside its range.
    """

    layout: str | None = None
    background: str | None = None
    real_backgrounds: bool = True
    distractors: bool = True
    bodies: bool = True
    smallest: float = 6.0
    sizes: tuple[float, float] | None = None
    hide: float = 0.17
    degrade: float = 1.0
    blur: float = 0.0
    most_hidden: float = 0.75
    fringes: float = 0.3

    def __post_init__(self) -> None:
        for name, value, known in (
            ("layout", self.layout, tuple(LAYOUTS)),
            ("background", self.background, KINDS),
        ):
            if value is not None and value not in known:
                raise ValueError(f"{name}: one of {', '.join(known)}, or None; got {value!r}")
        if self.background == "photo" and not self.real_backgrounds:
            raise ValueError("background 'photo' needs real_backgrounds=True")
        if not self.smallest >= 2:
            raise ValueError(f"smallest: face height of at least 2 pixels; got {self.smallest}")
        if self.sizes is not None and not self.smallest <= self.sizes[0] <= self.sizes[1]:
            raise ValueError(
                f"sizes: (lowest, highest) face height, at least smallest={self.smallest}; "
                f"got {self.sizes}"
            )
        for name, number, most in (
            ("hide", self.hide, 1.0),
            ("degrade", self.degrade, 3.0),
            ("blur", self.blur, 50.0),
            ("most_hidden", self.most_hidden, 1.0),
            ("fringes", self.fringes, 1.0),
        ):
            if not 0 <= number <= most:
                raise ValueError(f"{name} lies in [0, {most:g}]; got {number}")


_GOOD = 0.77  # share of scenes in decent light, taken by a decent camera

# Streams of random numbers: what is switched off leaves the rest of the scene as it was.
_STREAMS = 10
(
    _LAYOUT,
    _BACKGROUND,
    _PEOPLE,
    _BODIES,
    _FACELESS,
    _BEHIND,
    _BEFORE,
    _LIGHT,
    _CAMERA,
    _NOISE,
) = range(_STREAMS)


def compose(
    source: SpriteSource,
    *,
    seed: int,
    size: tuple[int, int] = (480, 640),
    faces: int | None = 12,
    config: SceneConfig | None = None,
) -> Scene:
    """Compose a photo of people with its labels.

    size: (height, width) in pixels, 32 to 4096. faces: number of people whose face is turned to the
    camera, 0 to 300; None draws it as photos on the web have it, sometimes none. Faces that others
    hide almost wholly, or that lie outside the picture, are not in the labels: see `SceneConfig`.
    Returns a Scene with boxes (N, 4) clipped to the picture, landmarks (N, 5, 2), which may lie
    outside it, and attributes: those of `attributes.NAMES` and "difficulty", "person", "sprite"
    (int64), "age", "hidden" (float32; share of the face in the picture that something hides),
    "visible" ((N, 5) bool).
    Raises ValueError for an empty source, a size or a number of faces outside its range.
    """
    config = config or SceneConfig()
    size = _checked(source, size, faces)
    streams = [np.random.default_rng([seed, stream]) for stream in range(_STREAMS)]
    rng = streams[_LAYOUT]
    count = draw_count(rng) if faces is None else int(faces)
    spots = stage(
        rng,
        count=count,
        size=size,
        layout=config.layout,
        smallest=config.smallest,
        sizes=config.sizes,
        hide=missing_share(source, config.hide),
    )
    focus = Focus.draw(rng, spots)
    canvas, outdoors = _ground(streams[_BACKGROUND], config, size)
    good = bool(streams[_CAMERA].random() < _GOOD)
    light = Light.draw(streams[_LIGHT], outdoors=outdoors, good=good)
    canvas.image = _far_away(canvas.image, light, focus)
    if config.distractors:
        distractors.strew(streams[_BEHIND], canvas, source, busy=count < 3)
        spots = add_faceless(streams[_FACELESS], spots, size=size, smallest=config.smallest)
    people = _populate(seed, canvas, source, spots, config, light, focus)
    if config.distractors:
        distractors.strew_before(streams[_BEFORE], canvas, source)
    image = degrade.expose(light.cast(streams[_LIGHT], canvas.image), streams[_CAMERA], good=good)
    strength = config.degrade * (0.3 if good else 1.0)
    steps = degrade.plan(streams[_CAMERA], strength=strength)
    if config.blur:
        steps.insert(0, degrade.Step("blur", config.blur))
    return label(
        degrade.apply(image, steps, streams[_NOISE]),
        canvas.owner,
        people,
        sigma=degrade.blur_sigma(steps),
        smallest=config.smallest,
        most_hidden=config.most_hidden,
    )


def _checked(source: SpriteSource, size: tuple[int, int], faces: int | None) -> tuple[int, int]:
    """Refuse what cannot be composed; give the size in whole numbers."""
    if len(source) == 0:
        raise ValueError("the source holds no people; load or render a pack first")
    height, width = size
    if not (32 <= height <= 4096 and 32 <= width <= 4096):
        raise ValueError(f"size is (height, width), each of 32 to 4096 pixels; got {size}")
    if faces is not None and not 0 <= faces <= MOST_FACES:
        raise ValueError(f"faces: a number from 0 to {MOST_FACES}, or None; got {faces}")
    return int(height), int(width)


def _ground(
    rng: np.random.Generator, config: SceneConfig, size: tuple[int, int]
) -> tuple[Canvas, bool]:
    """Make the background; also tells whether it is to be lit as outdoors."""
    outdoors = bool(rng.random() < 0.5)
    kind = config.background
    if kind is not None and kind != "photo":
        outdoors = kind in OUTDOORS
    picture = background(rng, size, kind=kind, real=config.real_backgrounds, outdoors=outdoors)
    pure, bright = float(rng.uniform(0.3, 1.0)), float(np.exp(rng.normal(0.05, 0.2)))
    picture = cv2.transform(picture, (bright * saturation(pure)).astype(np.float32))
    return Canvas.over(np.ascontiguousarray(picture)), outdoors


def _far_away(image: np.ndarray, light: Light, focus: Focus) -> np.ndarray:
    """Show a background as dark and as blurred as its distance makes it."""
    if light.far < 1:
        image = cv2.convertScaleAbs(image, alpha=light.far)
    if focus.depth:
        image = cv2.GaussianBlur(image, (0, 0), 0.3 + 2.2 * focus.depth)
    return image


def _populate(
    seed: int,
    canvas: Canvas,
    source: SpriteSource,
    spots: list[Spot],
    config: SceneConfig,
    light: Light,
    focus: Focus,
) -> list[Person]:
    """Draw everybody, far to near; give the labels of those who show their face."""
    people: list[Person] = []
    nearest = max((spot.height for spot in spots), default=1.0)
    tint = _tint(canvas.image)
    sizes = np.array([spot.height for spot in spots if spot.role == "face"])
    order = cast(np.random.default_rng([seed, _PEOPLE]), source, sizes)
    backs = _backs(source)
    walls = 0.12 * min(1.0, 16 / max(len(spots), 1))  # in crowds each hides many of those behind
    for place, spot in enumerate(spots):
        is_face, count = spot.role == "face", len(people)
        key = count if is_face else MOST_FACES + place - count  # those without a face come after
        own = np.random.default_rng([seed, _PEOPLE, key])
        body = np.random.default_rng([seed, _BODIES, key])
        number = int(order[key] if is_face else own.integers(len(source)))
        gains = tint * float(np.exp(own.normal(0, 0.14))) * np.exp(own.normal(0, 0.03, 3))
        gains = gains * light.gain(spot.height, nearest)
        sprite = source[number]
        if not is_face:
            sprite = _faceless(own, source, sprite, backs)
        elif own.random() < config.fringes and suits(sprite):
            sprite = add_fringe(own, sprite)
        look = Look(gains, focus.sigma(spot.height), config.bodies, count if is_face else THING)
        person = place_person(own, body, canvas, sprite, spot, look, number=number)
        if is_face:
            people.append(person)
        if config.distractors:
            _surround(own, canvas, spot, look, walls)
    return people


def _tint(image: np.ndarray) -> np.ndarray:
    """Give the gains (3,) by which a place's own colour and brightness change who stands in it."""
    tone = image[::8, ::8].reshape(-1, 3).mean(axis=0) + 20.0
    return tone**0.16 / float((tone**0.16).mean()) * (float(tone.mean()) / 130) ** 0.3


def _surround(
    rng: np.random.Generator, canvas: Canvas, spot: Spot, look: Look, walls: float
) -> None:
    """Put something on a person's chest now and then, and something before the body. walls: chance
    of the latter."""
    if look.body and spot.height > 12 and rng.random() < 0.25:
        distractors.decorate(rng, canvas, x=spot.x, y=spot.y, height=spot.height, owner=look.owner)
    if spot.height < 90 and rng.random() < walls:
        distractors.barrier(rng, canvas, x=spot.x, y=spot.y, height=spot.height)


def _backs(source: SpriteSource) -> np.ndarray:
    """Find the props that show heads and shoulders from behind: their numbers."""
    kinds = getattr(source.props, "kinds", None)
    if kinds is None:
        kinds = [prop.kind for prop in source.props]
    return np.flatnonzero(np.asarray(kinds, str) == "back")


def _faceless(
    rng: np.random.Generator, source: SpriteSource, sprite: Sprite, backs: np.ndarray
) -> Sprite:
    """Turn a person away from the camera, or give another who is seen from behind."""
    if not len(backs) or rng.random() < 0.3:
        return replace(sprite, rgba=turn_away(rng, sprite))
    rgba = source.props[int(backs[rng.integers(len(backs))])].rgba
    height, width = rgba.shape[:2]
    solid = np.flatnonzero((rgba[: height // 2, :, 3] > 127).any(axis=0))
    middle = float(solid.mean()) if len(solid) else width / 2
    box = np.array([middle - 0.16 * height, 0.18 * height, middle + 0.16 * height, 0.6 * height])
    return replace(sprite, rgba=rgba, box=box.astype(np.float32))
