"""Backgrounds of scenes: painted places, and real photographs without faces, both varied at random.

The photographs are those that scikit-image ships in its wheel, without the ones that show people.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np

from facelab.engine.packages import package_file
from facelab.humans.scenery.backdrops import INDOORS, OUTDOORS, PAINTERS
from facelab.humans.scenery.textures import fractal, mixed
from facelab.images import read_image

PHOTOS = {
    "brick": "brick.png",
    "cat": "chelsea.png",
    "cell": "cell.png",
    "clock": "clock_motion.png",
    "coffee": "coffee.png",
    "colours": "color.png",
    "galaxies": "hubble_deep_field.jpg",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "logo": "logo.png",
    "moon": "moon.png",
    "motorcycle_left": "motorcycle_left.png",
    "motorcycle_right": "motorcycle_right.png",
    "page": "page.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "text": "text.png",
    "tissue": "ihc.png",
}
# Photos that look like places come more often than slides and stars, and so do cluttered places.
_WEIGHTS: dict[str, float] = {
    "motorcycle_left": 6,
    "motorcycle_right": 6,
    "coffee": 3,
    "cat": 2,
    "rocket": 2,
    "tissue": 0.5,
    "moon": 0.5,
    "retina": 0.4,
    "clock": 0.4,
    "colours": 0.4,
    "cell": 0.3,
}
_PLACES: dict[str, float] = {
    "room": 4,
    "street": 3,
    "park": 3,
    "foliage": 2.5,
    "collage": 2,
    "bars": 1.5,
    "brick": 0.7,
    "grass": 0.7,
    "night": 0.7,
    "seats": 0.5,
    "noise": 0.4,
}
KINDS = (*PAINTERS, "photo")
_LARGEST = 640  # longer side of a photo kept in memory, in pixels


@functools.cache
def photo(name: str) -> np.ndarray:
    """Read one of PHOTOS: uint8 (H, W, 3) RGB, at most 640 px long, not to be written to.

    Raises ValueError for an unknown name, ImageError when scikit-image's file is missing.
    """
    if name not in PHOTOS:
        raise ValueError(f"no photo without faces is named {name!r}; there are {', '.join(PHOTOS)}")
    image = read_image(package_file("scikit-image", f"skimage/data/{PHOTOS[name]}"))
    shrink = _LARGEST / max(image.shape[:2])
    if shrink < 1:
        size = round(image.shape[1] * shrink), round(image.shape[0] * shrink)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    image.setflags(write=False)
    return image


def background(
    rng: np.random.Generator,
    size: tuple[int, int],
    *,
    kind: str | None = None,
    real: bool = True,
    outdoors: bool | None = None,
) -> np.ndarray:
    """Make a background without people: uint8 (height, width, 3) RGB.

    size: (height, width) in pixels. kind: one of KINDS, or None for any. real: allow photographs.
    outdoors: True or False narrows the painted places; None allows all.
    Raises ValueError for less than 2 x 2 pixels, an unknown kind, and "photo" where `real` forbids
    it.
    """
    height, width = size
    if height < 2 or width < 2:
        raise ValueError(f"a background needs at least 2 x 2 pixels; got {height} x {width}")
    if kind is not None and kind not in KINDS:
        raise ValueError(f"no background is called {kind!r}; there are {', '.join(KINDS)}")
    if kind == "photo" and not real:
        raise ValueError("kind 'photo' asks for what real=False forbids; drop one of the two")
    if kind is None and real and rng.random() < 0.4:
        kind = "photo"
    if kind == "photo":
        picture = _varied_photo(rng, height, width)
        if rng.random() < 0.25:
            picture = _blended(rng, picture, _varied_photo(rng, height, width))
    else:
        picture = _painted(rng, height, width, kind, outdoors)
    if rng.random() < 0.15:
        other = _painted(rng, height, width, None, outdoors)
        picture = _blended(rng, picture, other)
    return picture


def _painted(
    rng: np.random.Generator, height: int, width: int, kind: str | None, outdoors: bool | None
) -> np.ndarray:
    """Paint a place at full or lower resolution, as if in or out of focus."""
    if kind is None:
        places = {True: OUTDOORS, False: INDOORS, None: PAINTERS}[outdoors]
        weights = np.array([_PLACES.get(name, 1.0) for name in places])
        kind = str(rng.choice(list(places), p=weights / weights.sum()))
    detail = float(rng.choice([1.0, 0.75, 0.5]))
    small = max(8, round(height * detail)), max(8, round(width * detail))
    picture = PAINTERS[kind](rng, *small)
    if small != (height, width):
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    return picture


def _varied_photo(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Crop, turn, mirror, warp and recolour a real photo, or lay several crops side by side."""
    if rng.random() < 0.2:
        return _mosaic(rng, height, width)
    names = list(PHOTOS)
    weights = np.array([_WEIGHTS.get(name, 1) for name in names], np.float64)
    image = photo(names[int(rng.choice(len(names), p=weights / weights.sum()))])
    if rng.random() < 0.12:
        image = np.rot90(image, int(rng.integers(1, 4)))
    if rng.random() < 0.5:
        image = image[:, ::-1]
    share = float(np.exp(rng.uniform(np.log(0.25), np.log(1.0))))
    crop = share * min(image.shape[0] / height, image.shape[1] / width)
    tall, wide = crop * height, crop * width
    left = rng.uniform(0, image.shape[1] - wide)
    top = rng.uniform(0, image.shape[0] - tall)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (wide, tall) + (left, top)
    corners += rng.normal(0, 0.04, (4, 2)) * (wide, tall)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
    image = np.ascontiguousarray(image)
    picture = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
    return _recoloured(rng, picture)


def _mosaic(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Tile the picture with varied crops of photos, as a shelf, a wall or a shop window."""
    rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 5))
    tall, wide = -(-height // rows), -(-width // columns)
    names = list(PHOTOS)
    picture = np.empty((rows * tall, columns * wide, 3), np.uint8)
    for row in range(rows):
        for column in range(columns):
            image = photo(names[int(rng.integers(len(names)))])
            side = float(rng.uniform(0.15, 0.7)) * min(image.shape[:2])
            x = int(rng.uniform(0, image.shape[1] - side))
            y = int(rng.uniform(0, image.shape[0] - side))
            crop = image[y : y + int(side), x : x + int(side)]
            tile = cv2.resize(crop, (wide, tall), interpolation=cv2.INTER_LINEAR)
            picture[row * tall :, column * wide :][:tall, :wide] = _recoloured(rng, tile)
    return picture[:height, :width]


def _recoloured(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Change hue, saturation, contrast and brightness; give grey photos a colour."""
    wild = rng.random() < 0.25
    mix = np.eye(3) + rng.normal(0, 0.15 if wild else 0.06, (3, 3))
    if rng.random() < 0.06:
        mix = mix[rng.permutation(3)]
    grey = float(rng.uniform(0, 1)) if rng.random() < 0.2 else 0.0
    mix = (1 - grey) * mix + grey / 3
    mix *= (rng.normal(1, 0.2 if wild else 0.07, 3) * float(np.exp(rng.normal(0, 0.3))))[:, None]
    shift = rng.normal(0, 14, (3, 1))
    return cv2.transform(picture, np.hstack([mix, shift]).astype(np.float32))


def _blended(rng: np.random.Generator, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Join two pictures along a wandering border, soft or sharp."""
    height, width = first.shape[:2]
    field = fractal(rng, height, width, cells=2, octaves=4)
    field += (np.linspace(-0.5, 0.5, height, dtype=np.float32) * float(rng.normal(0, 1)))[:, None]
    edge = float(rng.choice([4.0, 40.0]))
    return mixed(first, second, np.clip((field - 0.5) * edge + 0.5, 0, 1))
