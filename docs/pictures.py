"""Make the documents' pictures: python docs/pictures.py [detections] [humans] [landmarks]"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch

import facelab
from facelab import plots, samples
from facelab.humans import compose, load_pack
from facelab.images import write_image
from facelab.pipeline import Pipeline
from facelab.plots import sheets
from facelab.types import Faces

IMAGES = Path(__file__).parent / "images"


def detections() -> np.ndarray:
    """Two real photos with what MTCNN finds in them, and the two aligned faces beside them."""
    detector = facelab.load("mtcnn", weights="public", min_face=40)
    pipeline = Pipeline(detector=detector, size=256)
    photos = [samples.photo(name)[:512] for name in ("astronaut", "grace_hopper")]
    aligned = np.vstack([portrait.crop for photo in photos for portrait in pipeline(photo)])
    marked = [plots.annotate(photo, detector(photo)) for photo in photos]
    picture = np.hstack([*marked, aligned])
    return cv2.resize(picture, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)


def humans() -> np.ndarray:
    """People of the shipped pack, and a scene composed of such people with its labels."""
    pack = load_pack()
    people = sheets.people(pack, 15, columns=5, seed=2)
    scene = compose(load_pack(split="train"), seed=21, size=people.shape[:2], faces=12)
    faces = Faces(scene.boxes, torch.ones(len(scene)), scene.landmarks)
    return np.hstack([people, plots.annotate(scene.image, faces, role="truth")])


def landmarks() -> np.ndarray:
    """Two real faces, each with the answers of the four landmark systems."""
    detector = facelab.load("mtcnn", min_face=60)
    systems = [facelab.load(name) for name in ("dcnn_cascade", "cfan", "coarse_to_fine")]
    pose = facelab.load("faceposenet")
    rows = []
    for photo in (samples.photo(name) for name in ("astronaut", "grace_hopper")):
        boxes = detector(photo).boxes[:1]
        window = pose(photo, boxes).squares[0]
        side, scale = 300, 300 / float(window[2] - window[0])
        move = np.float32([[scale, 0, -scale * window[0]], [0, scale, -scale * window[1]]])
        face = cv2.warpAffine(photo, move, (side, side), flags=cv2.INTER_AREA)
        found = [system(photo, boxes)[0] for system in systems] + [pose(photo, boxes).project()[0]]
        rows.append(np.hstack([_dotted(face, (p - window[:2]) * scale) for p in found]))
    return np.vstack(rows)


def _dotted(face: np.ndarray, points: torch.Tensor) -> np.ndarray:
    """Draw points (P, 2) on a copy of a face, few of them larger."""
    face, radius = face.copy(), 5 if len(points) == 5 else 3
    for x, y in points.round().int().tolist():
        cv2.circle(face, (x, y), radius + 1, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(face, (x, y), radius, (213, 94, 0), -1, cv2.LINE_AA)
    return face


PICTURES = {"detections": detections, "humans": humans, "landmarks": landmarks}


def main(names: list[str]) -> None:
    for name in names or PICTURES:
        write_image(IMAGES / f"{name}.jpg", PICTURES[name](), quality=88)
        print(f"written: {name}.jpg")


if __name__ == "__main__":
    main(sys.argv[1:])
