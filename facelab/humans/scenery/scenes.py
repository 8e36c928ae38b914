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

from facelab.humans.scenery import degrade, distractors, torsos
from facelab.humans.scenery.backdrops import OUTDOORS
from facelab.humans.scenery.backgrounds import KINDS, background
from facelab.humans.scenery.cutouts import (
    THING,
    Canvas,
    blurred,
    frame,
    moved,
    premultiply,
    reduced,
    similarity,
    stamp,
)
from facelab.humans.scenery.fringes import add_fringe, suits
from facelab.humans.scenery.labelling import DISC, Person, label
from facelab.humans.scenery.layouts import LAYOUTS, Spot, draw_count
from facelab.humans.scenery.lighting import Light
from facelab.humans.scenery.staging import Focus, add_faceless, cast, missing_share, stage
from facelab.humans.scenery.textures import fractal
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
) = range(10)


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
    height, width = _checked(source, size, faces)
    streams = [np.random.default_rng([seed, stream]) for stream in range(10)]
    rng = streams[_LAYOUT]
    count = draw_count(rng) if faces is None else int(faces)
    spots = stage(
        rng,
        count=count,
        size=(height, width),
        layout=config.layout,
        smallest=config.smallest,
        sizes=config.sizes,
        hide=missing_share(source, config.hide),
    )
    focus = Focus.draw(rng, spots)
    canvas, outdoors = _ground(streams[_BACKGROUND], config, height, width)
    good = bool(streams[_CAMERA].random() < _GOOD)
    light = Light.draw(streams[_LIGHT], outdoors=outdoors, good=good)
    if light.far < 1:
        canvas.image = cv2.convertScaleAbs(canvas.image, alpha=light.far)
    if focus.depth:
        canvas.image = cv2.GaussianBlur(canvas.image, (0, 0), 0.3 + 2.2 * focus.depth)
    if config.distractors:
        distractors.strew(streams[_BEHIND], canvas, source, busy=count < 3)
        spots = add_faceless(
            streams[_FACELESS], spots, size=(height, width), smallest=config.smallest
        )
    people = _populate(seed, canvas, source, spots, config, light, focus)
    if config.distractors:
        distractors.strew_before(streams[_BEFORE], canvas, source)
    image = light.cast(streams[_LIGHT], canvas.image)
    image = _exposed(streams[_CAMERA], image, good=good)
    steps = degrade.plan(streams[_CAMERA], strength=config.degrade * (0.3 if good else 1.0))
    if config.blur:
        steps.insert(0, degrade.Step("blur", config.blur))
    image = degrade.apply(image, steps, streams[_NOISE])
    return label(
        image,
        canvas.owner,
        people,
        sigma=degrade.blur_sigma(steps),
        smallest=config.smallest,
        most_hidden=config.most_hidden,
    )


def _checked(source: SpriteSource, size: tuple[int, int], faces: int | None) -> tuple[int, int]:
    """Refuse what cannot be composed."""
    if len(source) == 0:
        raise ValueError("the source holds no people; load or render a pack first")
    height, width = size
    if not (32 <= height <= 4096 and 32 <= width <= 4096):
        raise ValueError(f"size is (height, width), each of 32 to 4096 pixels; got {size}")
    if faces is not None and not 0 <= faces <= MOST_FACES:
        raise ValueError(f"faces: a number from 0 to {MOST_FACES}, or None; got {faces}")
    return int(height), int(width)


def _ground(
    rng: np.random.Generator, config: SceneConfig, height: int, width: int
) -> tuple[Canvas, bool]:
    """Make the background; also tells whether it is to be lit as outdoors."""
    outdoors = bool(rng.random() < 0.5)
    kind = config.background
    if kind is not None and kind != "photo":
        outdoors = kind in OUTDOORS
    picture = background(
        rng, (height, width), kind=kind, real=config.real_backgrounds, outdoors=outdoors
    )
    pure, bright = float(rng.uniform(0.3, 1.0)), float(np.exp(rng.normal(0.05, 0.2)))
    mix = bright * (pure * np.eye(3) + (1 - pure) * np.array([0.299, 0.587, 0.114]))
    picture = cv2.transform(picture, mix.astype(np.float32))
    return Canvas.over(np.ascontiguousarray(picture)), outdoors


def _populate(
    seed: int,
    canvas: Canvas,
    source: SpriteSource,
    spots: list[Spot],
    config: SceneConfig,
    light: Light,
    focus: Focus,
) -> list[Person]:
    """Draw everybody, far to near."""
    people: list[Person] = []
    nearest = max((spot.height for spot in spots), default=1.0)
    tone = canvas.image[::8, ::8].reshape(-1, 3).mean(axis=0) + 20.0
    tint = tone**0.16 / float((tone**0.16).mean()) * (float(tone.mean()) / 130) ** 0.3
    sizes = np.array([spot.height for spot in spots if spot.role == "face"])
    order = cast(np.random.default_rng([seed, _PEOPLE]), source, sizes)
    backs = _backs(source)
    faceless = 0
    walls = 0.12 * min(1.0, 16 / max(len(spots), 1))  # in crowds each hides many of those behind
    for spot in spots:
        is_face = spot.role == "face"
        key = len(people) if is_face else MOST_FACES + faceless
        own = np.random.default_rng([seed, _PEOPLE, key])
        body = np.random.default_rng([seed, _BODIES, key])
        index = int(order[key] if is_face else own.integers(len(source)))
        gains = tint * float(np.exp(own.normal(0, 0.14))) * np.exp(own.normal(0, 0.03, 3))
        gains = gains * light.gain(spot.height, nearest)
        owner = len(people) if is_face else THING
        sprite = source[index]
        if is_face and own.random() < config.fringes and suits(sprite):
            sprite = add_fringe(own, sprite)
        if not is_face:
            sprite = _faceless(own, source, sprite, backs)
        person = _draw(own, body, canvas, sprite, spot, gains, focus, config, owner)
        person.sprite = index
        if is_face:
            people.append(person)
        else:
            faceless += 1
        if not config.distractors:
            continue
        if config.bodies and spot.height > 12 and own.random() < 0.25:
            distractors.decorate(own, canvas, x=spot.x, y=spot.y, height=spot.height, owner=owner)
        if spot.height < 90 and own.random() < walls:
            distractors.barrier(own, canvas, x=spot.x, y=spot.y, height=spot.height)
    return people


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
        return replace(sprite, rgba=torsos.turn_away(rng, sprite))
    rgba = source.props[int(backs[rng.integers(len(backs))])].rgba
    height, width = rgba.shape[:2]
    solid = np.flatnonzero((rgba[: height // 2, :, 3] > 127).any(axis=0))
    middle = float(solid.mean()) if len(solid) else width / 2
    box = np.array([middle - 0.16 * height, 0.18 * height, middle + 0.16 * height, 0.6 * height])
    return replace(sprite, rgba=rgba, box=box.astype(np.float32))


def _draw(
    rng: np.random.Generator,
    body_rng: np.random.Generator,
    canvas: Canvas,
    sprite: Sprite,
    spot: Spot,
    gains: np.ndarray,
    focus: Focus,
    config: SceneConfig,
    owner: int,
) -> Person:
    """Draw one person and give the labels."""
    flip = bool(rng.random() < 0.5)
    turn = float(rng.normal(0, 0.05) + (rng.normal(0, 0.16) if rng.random() < 0.12 else 0.0))
    rgba = sprite.rgba
    box, five, visible = sprite.box.astype(float), sprite.five.astype(float), sprite.five_visible
    times = int((box[3] - box[1]) / (1.5 * spot.height))
    if times > 1:  # everything below is quicker on a smaller picture
        rgba = reduced(rgba, times)
        box, five = box / times, five / times
    pose = sprite.pose.astype(float) * (1, 1, 1)
    if flip:
        wide = rgba.shape[1]
        rgba = cv2.flip(rgba, 1)
        box = np.array([wide - box[2], box[1], wide - box[0], box[3]])
        swap = [1, 0, 2, 4, 3]
        five, visible = (five * (-1, 1) + (wide, 0))[swap], visible[swap]
        pose = pose * (-1, 1, -1)
    centre = (box[:2] + box[2:]) / 2
    sides = box[2:] - box[:2]
    scale = spot.height / sides[1]
    matrix = similarity(scale=scale, turn=turn, pivot=tuple(centre), target=(spot.x, spot.y))
    sigma = focus.sigma(spot.height)
    _stamp(rng, body_rng, canvas, rgba, box, matrix, gains, sigma, config, owner)
    half = 0.5 * scale * np.hypot(sides * np.cos(turn), sides[::-1] * np.sin(turn))
    middle = np.array([spot.x, spot.y])
    points = centre + DISC * sides
    columns = points[:, 0].astype(int).clip(0, rgba.shape[1] - 1)
    lines = points[:, 1].astype(int).clip(0, rgba.shape[0] - 1)
    points = points[rgba[lines, columns, 3] > 127] if spot.role == "face" else points[:0]
    grown = 0.35 * max(scale - 1, 0.0)  # a picture that was enlarged lacks detail
    return Person(
        box=np.concatenate([middle - half, middle + half]),
        five=moved(five, matrix),
        visible=visible,
        points=moved(points, matrix),
        pose=pose + (0, 0, turn),
        sigma=float(np.hypot(sigma, grown)),
        sprite=-1,
        source=sprite,
    )


def _stamp(
    rng: np.random.Generator,
    body_rng: np.random.Generator,
    canvas: Canvas,
    rgba: np.ndarray,
    box: np.ndarray,
    matrix: np.ndarray,
    gains: np.ndarray,
    sigma: float,
    config: SceneConfig,
    owner: int,
) -> None:
    """Paint the body and lay the bust over it."""
    bust = torsos.measure(rgba, box) if config.bodies else None
    if bust is not None:
        rgba, seam, pattern = torsos.dress(body_rng, rgba, bust)
        torsos.paint(
            body_rng,
            canvas,
            bust,
            matrix,
            seam=seam,
            pattern=pattern,
            gains=gains,
            sigma=sigma,
            owner=owner,
            bottom=canvas.owner.shape[0],
        )
    wide, tall = rgba.shape[1], rgba.shape[0]
    corners = moved(np.array([[0, 0], [wide, 0], [0, tall], [wide, tall]], float), matrix)
    rectangle = frame(corners, canvas.owner.shape)
    if rectangle is None:
        return
    levels = np.arange(256)[:, None] * gains
    table = np.concatenate([levels, np.arange(256)[:, None]], axis=1)
    table = table.clip(0, 255).round().astype(np.uint8).reshape(256, 1, 4)
    drawn = stamp(premultiply(cv2.LUT(rgba, table)), matrix, rectangle)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    if scale > 1.5:
        drawn = _smooth_edge(drawn, 0.45 * scale)
        drawn = _pores(rng, drawn, min(1.0, (scale - 1) / 3))
    soft, x, y = blurred(drawn, sigma, canvas.owner.shape, rectangle[:2])
    canvas.lay(soft, x, y, owner)


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


def _exposed(rng: np.random.Generator, image: np.ndarray, *, good: bool) -> np.ndarray:
    """Let the camera choose the exposure: a good one brings the mean towards middle grey."""
    trust = 0.9 if good else float(rng.uniform(0, 0.8))
    aim = float(rng.uniform(88, 142))
    mean = float(image[::4, ::4].mean()) + 4.0
    gain = float(np.clip((aim / mean) ** trust, 0.5, 3.0))
    snap = float(rng.uniform(0.95, 1.35))  # cameras add contrast
    level = np.arange(256) / 255.0 * gain
    level = np.maximum(aim / 255 + (level - aim / 255) * snap, 0.0)
    knee = np.where(level < 0.75, level, 0.75 + 0.25 * np.tanh((level - 0.75) / 0.25))
    return cv2.LUT(image, (knee * 255).clip(0, 255).round().astype(np.uint8))
