"""People drawn with a few shapes whose faces have a colour that nothing else has, for tests of
scenes."""

import cv2
import numpy as np

from facelab.humans.sprites import Prop, Sprite

FACE = (255, 0, 255)
BOX = np.array([28.0, 20.0, 68.0, 72.0], np.float32)
FIVE = np.array([[40, 40], [57, 40], [48, 50], [42, 60], [55, 60]], np.float32)


def drawn_person(person, *, hidden=0.0):
    """A magenta face on a bust that reaches the picture's lower edge."""
    rgba = np.zeros((96, 96, 4), np.uint8)
    shirt = (40 + 17 * person % 90, 160, 130 - 13 * person % 90, 255)
    cv2.ellipse(rgba, ((48.0, 100.0), (84.0, 50.0), 0.0), shirt, -1, cv2.LINE_AA)
    cv2.rectangle(rgba, (40, 60), (56, 80), (190, 140, 110, 255), -1)
    x, y = (BOX[:2] + BOX[2:]) / 2 - 0.5
    size = (BOX[2:] - BOX[:2]).tolist()
    cv2.ellipse(rgba, ((float(x), float(y)), size, 0.0), (*FACE, 255), -1, cv2.LINE_AA)
    points = np.repeat(FIVE, 14, axis=0)[:68]
    return Sprite(
        rgba=rgba,
        box=BOX,
        landmarks=points,
        visible=np.ones(68, bool),
        five=FIVE,
        five_visible=np.ones(5, bool),
        pose=np.zeros(3, np.float32),
        person=person,
        age=20.0 + person,
        hidden=hidden,
        attributes={"expression": "laugh" if person % 2 else "neutral"},
    )


class DrawnPeople:
    """A `SpriteSource` in memory that counts what was asked for."""

    def __init__(self, people=12, *, hidden=0.0, props=0):
        self.sprites = [drawn_person(person, hidden=hidden) for person in range(people)]
        self.props = [Prop(np.full((20, 30, 4), 180, np.uint8), "hand") for _ in range(props)]
        self.table = {"hidden": np.full(people, hidden, np.float32)}

    def __len__(self):
        return len(self.sprites)

    def __getitem__(self, index):
        return self.sprites[index]
