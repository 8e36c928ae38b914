"""Make the documents' pictures: python docs/pictures.py [detections] [humans]"""

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


PICTURES = {"detections": detections, "humans": humans}


def main(names: list[str]) -> None:
    for name in names or PICTURES:
        write_image(IMAGES / f"{name}.jpg", PICTURES[name](), quality=88)
        print(f"written: {name}.jpg")


if __name__ == "__main__":
    main(sys.argv[1:])
