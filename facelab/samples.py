"""Real photos that installed packages ship, so that every lab and test has a face to look at,
offline.

| Name           | Shows                   | Comes with   | Rights                       |
| -------------- | ----------------------- | ------------ | ---------------------------- |
| `astronaut`    | Eileen Collins, 512x512 | scikit-image | NASA, public domain          |
| `grace_hopper` | Grace Hopper, 512x600   | matplotlib   | US Navy photo, public domain |
| `chelsea`      | a cat                   | scikit-image | Stefan van der Walt, CC0     |
| `coffee`       | a cup of coffee         | scikit-image | Rachel Michetti, CC0         |
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facelab.engine.packages import package_file
from facelab.images import read_image

_FILES = {
    "astronaut": ("scikit-image", "skimage/data/astronaut.png"),
    "grace_hopper": ("matplotlib", "matplotlib/mpl-data/sample_data/grace_hopper.jpg"),
    "chelsea": ("scikit-image", "skimage/data/chelsea.png"),
    "coffee": ("scikit-image", "skimage/data/coffee.png"),
}
NAMES = tuple(_FILES)
_HEADS = {
    "astronaut": (143, 18, 300, 175),
    "grace_hopper": (115, 60, 415, 360),
}  # squares around the heads, xyxy


def path(name: str) -> Path:
    """Give the file of a sample photo. Raises ValueError for an unknown name."""
    if name not in _FILES:
        raise ValueError(f"no sample photo is named {name!r}; there are {', '.join(NAMES)}")
    return package_file(*_FILES[name])


def photo(name: str = "astronaut") -> np.ndarray:
    """Read a sample photo: uint8 (H, W, 3) RGB. Raises ValueError for an unknown name."""
    return read_image(path(name))


def crowd(count: int, *, rows: int = 6, columns: int = 8, cell: int = 80) -> np.ndarray:
    """Build a photo with `count` heads on plain grey: uint8 (rows * cell, columns * cell, 3),
    480x640 by default.

    The size does not depend on `count`, so that two crowds differ in their faces only. The two
    portraits take turns in the cells of a grid, every other pair mirrored.
    Raises ValueError when the heads do not fit into the grid.
    """
    if not 0 <= count <= rows * columns:
        raise ValueError(
            f"a grid of {rows} x {columns} cells holds 0 to {rows * columns} heads; got {count}"
        )
    canvas = np.full((rows * cell, columns * cell, 3), 128, np.uint8)
    heads = [photo(name)[y1:y2, x1:x2] for name, (x1, y1, x2, y2) in _HEADS.items()]
    heads = [cv2.resize(head, (cell, cell), interpolation=cv2.INTER_AREA) for head in heads]
    heads += [head[:, ::-1] for head in heads]
    places = np.random.default_rng(0).permutation(rows * columns)
    for index in range(count):
        row, column = divmod(int(places[index]), columns)
        canvas[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell] = heads[
            index % len(heads)
        ]
    return canvas
