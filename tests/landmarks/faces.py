"""Made-up faces for tests of landmarks: dots at places that are known exactly."""

import numpy as np
import torch

from facelab.humans.sprites import Sprite
from facelab.humans.tasks.crops import Backdrops
from facelab.landmarks.patches import FacePatches

FIVE = torch.tensor([(0.28, 0.3), (0.72, 0.3), (0.5, 0.56), (0.34, 0.8), (0.66, 0.8)])
"""Five points of a usual face, in square units."""


def dots(height, width, places, *, spread=2.0, ground=40.0, peak=200.0):
    """Grey float (H, W): soft dots at places (K, 2), where pixel k covers [k, k + 1)."""
    y, x = np.mgrid[:height, :width] + 0.5
    image = np.full((height, width), ground)
    for px, py in np.asarray(places):
        image += (peak - ground) * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * spread**2))
    return image.clip(0, 255)


def photo(height, width, places, **options):
    """The same as a photo (H, W, 3) uint8."""
    grey = dots(height, width, places, **options).round().astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def dot_near(image, place, *, radius=8.0, ground=40.0):
    """Find the middle of the dot near a place (2,) of a grey image (H, W): (2,), pixel k covering
    [k, k + 1)."""
    height, width = image.shape
    y, x = np.mgrid[:height, :width] + 0.5
    px, py = (float(value) for value in place)
    near = (x - px) ** 2 + (y - py) ** 2 < radius**2
    weight = np.where(near, np.asarray(image, np.float64) - ground, 0).clip(0)
    assert weight.max() > 20, f"no dot near {px:.1f}, {py:.1f}"
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def black(rng, size):
    """A backdrop without anything, which takes no time."""
    return np.zeros((*size, 3), np.uint8)


def nowhere():
    return Backdrops(count=1, side=64, paint=black)


def dotted_sprite(number=0, *, size=(140, 130), points=5):
    """A grey rectangle, opaque everywhere, with soft dots at its points; nothing is symmetric."""
    rng = np.random.default_rng([7, number])
    height, width = size
    box = np.array([0.23 * width, 0.2 * height, 0.75 * width, 0.86 * height], np.float32)
    corner, extent = box[:2], box[2:] - box[:2]
    five = corner + extent * (FIVE.numpy() + rng.uniform(-0.06, 0.06, (5, 2)))
    rim = corner + extent * rng.uniform(0.1, 0.9, (68, 2))
    painted = five if points == 5 else rim[[0, 16]]
    grey = dots(height, width, painted).round().astype(np.uint8)
    rgba = np.repeat(grey[..., None], 4, axis=2)
    rgba[..., 3] = 255
    return Sprite(
        rgba=rgba,
        box=box,
        landmarks=rim.astype(np.float32),
        visible=rng.random(68) < 0.5,
        five=five.astype(np.float32),
        five_visible=np.array([True, False, True, True, False]),
        pose=np.array([0.3 + 0.01 * number, -0.2, 0.1], np.float32),
        person=number // 2,
        age=20.0 + number,
        hidden=0.125 * number,
        attributes={"tone": 0.5, "hair": "short"},
    )


class Dotted:
    """A `SpriteSource` of such sprites."""

    props = ()

    def __init__(self, count=3, **options):
        self.sprites = [dotted_sprite(number, **options) for number in range(count)]
        self.table = {"person": np.array([sprite.person for sprite in self.sprites])}

    def __len__(self):
        return len(self.sprites)

    def __getitem__(self, index):
        return self.sprites[index]


def toy_faces(count=8, *, side=56, margin=0.3, seed=0, spread=1.5):
    """Face patches with soft dots at five points, which lie a little differently in each face."""
    generator = torch.Generator().manual_seed(seed)
    points = FIVE + 0.04 * (2 * torch.rand(count, 5, 2, generator=generator) - 1)
    places = (points + margin) * side / (1 + 2 * margin)
    pictures = [dots(side, side, face, spread=spread) for face in places]
    images = torch.from_numpy(np.stack(pictures).round().astype(np.uint8))[:, None]
    widths = 0.9 + 0.05 * torch.arange(count) / count
    attributes = {
        "yaw": torch.linspace(-0.6, 0.6, count),
        "person": torch.arange(count) // 2,
        "visible": torch.ones(count, 5, dtype=torch.bool),
    }
    return FacePatches(images, points, widths, margin, attributes)


def noisy_faces(count=4, *, side=56, margin=0.3, seed=0):
    """Face patches of noise, where every pixel counts."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 1, side, side), generator=generator, dtype=torch.uint8)
    points = FIVE + 0.05 * (2 * torch.rand(count, 5, 2, generator=generator) - 1)
    return FacePatches(images, points, torch.ones(count), margin)
