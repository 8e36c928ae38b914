"""Tiny people for tests of packs and loaders: coloured ovals with exact labels."""

import numpy as np

from facelab.humans.sprites import Prop, Sprite

FIVE = np.array([(0.35, 0.42), (0.65, 0.42), (0.5, 0.55), (0.4, 0.7), (0.6, 0.7)])


def toy_sprite(person, number, size=(48, 48), age=30.0):
    """Person `number` is a hue; five dark dots are the points."""
    rng = np.random.default_rng([person, number])
    height, width = size
    side = min(height, width)
    y, x = np.mgrid[:height, :width] + 0.5
    oval = ((x / side - 0.5) / 0.3) ** 2 + ((y / side - 0.5) / 0.4) ** 2
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[..., :3] = 60 + (person * np.array((37, 91, 53))) % 160
    rgba[..., 3] = 255 * (oval < 1)
    five = (FIVE * side + rng.uniform(-0.4, 0.4, (5, 2))).astype(np.float32)
    for px, py in five:
        rgba[int(py) - 1 : int(py) + 2, int(px) - 1 : int(px) + 2, :3] = 20
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    rim = np.stack([0.5 + 0.3 * np.cos(angles), 0.5 + 0.4 * np.sin(angles)], axis=1) * side
    return Sprite(
        rgba=rgba,
        box=np.array((0.2, 0.1, 0.8, 0.9), np.float32) * side,
        landmarks=rim.astype(np.float32),
        visible=rng.random(68) < 0.8,
        five=five,
        five_visible=rng.random(5) < 0.8,
        pose=rng.uniform(-1, 1, 3).astype(np.float32),
        person=person,
        age=age,
        hidden=0.25 * (number % 3),
        attributes={
            "male": float(person % 2),
            "tone": 0.1 + 0.05 * (person % 7),
            "hair": ("long", "short", "bald")[number % 3],
            "moles": person % 4,
        },
    )


def toy_people(people=6, views=5, size=(48, 48)):
    """All sprites, person by person; ages 15, 27, 39, ..."""
    return [toy_sprite(p, k, size, age=15.0 + 12 * k) for p in range(people) for k in range(views)]


def toy_props(count=3):
    """Plain squares."""
    return [Prop(np.full((20, 10 + k, 4), 200, np.uint8), "hand") for k in range(count)]


class ToySource:
    """A `SpriteSource` in memory."""

    def __init__(self, people=6, views=5, size=(48, 48), props=3):
        self.sprites = toy_people(people, views, size)
        self.props = toy_props(props)
        self.table = {
            "person": np.array([s.person for s in self.sprites]),
            "age": np.array([s.age for s in self.sprites], np.float32),
            "hidden": np.array([s.hidden for s in self.sprites], np.float32),
            "male": np.array([s.attributes["male"] for s in self.sprites]),
            "tone": np.array([s.attributes["tone"] for s in self.sprites]),
            "yaw": np.array([s.pose[0] for s in self.sprites]),
            "height": np.array([s.rgba.shape[0] for s in self.sprites]),
            "width": np.array([s.rgba.shape[1] for s in self.sprites]),
        }

    def __len__(self):
        return len(self.sprites)

    def __getitem__(self, index):
        return self.sprites[index]


def render_toy(recipe, person):
    """Stand in for the renderer; depends on the recipe and the person only."""
    from facelab.humans.packs.making import shots

    return [
        toy_sprite(person, k + 100 * recipe.seed, shot.size, shot.age or 30.0)
        for k, shot in enumerate(shots(recipe, person))
    ]


def render_toy_props(recipe):
    return toy_props(recipe.props)
