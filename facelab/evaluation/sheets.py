"""Sheets of what went wrong: the strongest false alarms and the missed faces, to be looked at."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from facelab.images import read_image, write_image
from facelab.metrics.detection import FALSE_ALARM, Truth, match
from facelab.plots.palette import rgb
from facelab.types import Faces

TILE, COLUMNS, MOST = 112, 12, 60
Wrong = tuple[float, str, np.ndarray]  # score, photo, box


def false_alarms(found: Mapping[str, Faces], truth: Mapping[str, Truth]) -> list[Wrong]:
    """List false alarms on all photos, the strongest first."""
    wrong = []
    for name, faces in found.items():
        for index in np.flatnonzero(match(faces, truth[name]) == FALSE_ALARM):
            wrong.append((float(faces.scores[index]), name, faces.boxes[index].numpy()))
    return sorted(wrong, key=lambda row: -row[0])


def misses(found: Mapping[str, Faces], truth: Mapping[str, Truth], threshold: float) -> list[Wrong]:
    """List faces that no detection of at least this score hits, the largest first."""
    wrong = []
    for name, faces in found.items():
        matched = match(faces, truth[name])
        hit = set(matched[faces.scores.numpy() >= threshold].tolist())
        for index, box in enumerate(truth[name].boxes.numpy()):
            if index not in hit:
                wrong.append((0.0, name, box))
    return sorted(wrong, key=lambda row: row[2][1] - row[2][3])


def write_sheet(path: Path, wrong: list[Wrong], folder: Path, *, role: str) -> None:
    """Draw the first 60 boxes with what is around them, twice their size, as one picture.

    role: of the palette, "prediction" or "truth". Raises ImageError where it cannot be written.
    """
    read = functools.lru_cache(maxsize=8)(read_image)
    shown = wrong[:MOST]
    tiles = [_tile(read(folder / name), box, score, role) for score, name, box in shown]
    rows = max(1, -(-len(tiles) // COLUMNS))
    tiles += [np.full((TILE, TILE, 3), 255, np.uint8)] * (rows * COLUMNS - len(tiles))
    lines = [np.hstack(tiles[k : k + COLUMNS]) for k in range(0, len(tiles), COLUMNS)]
    write_image(path, np.vstack(lines))


def _tile(photo: np.ndarray, box: np.ndarray, score: float, role: str) -> np.ndarray:
    """Cut out twice the box; what lies outside the photo is black."""
    side = 2 * float(max(box[2] - box[0], box[3] - box[1], 1.0))
    scale = TILE / side
    shift = TILE / 2 - scale * (box[:2] + box[2:]) / 2
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    if scale < 0.5:  # shrink first: a warp looks at four pixels only
        half = max(1, int(1 / scale))
        size = (max(1, photo.shape[1] // half), max(1, photo.shape[0] // half))
        matrix[:, :2] *= (photo.shape[1] / size[0], photo.shape[0] / size[1])
        photo = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    tile = cv2.warpAffine(photo, matrix, (TILE, TILE), flags=flags)
    corners = (box.reshape(2, 2) * scale + shift).round().astype(int)
    cv2.rectangle(tile, corners[0].tolist(), corners[1].tolist(), rgb(role), 1)
    if score:
        place = (3, TILE - 4)
        for colour, width in (((0, 0, 0), 2), ((255, 255, 255), 1)):
            cv2.putText(tile, f"{score:.2f}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.35, colour, width)
    return tile
