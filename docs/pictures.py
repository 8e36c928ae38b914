"""Make the README's picture: python docs/pictures.py"""

from pathlib import Path

import cv2
import numpy as np

import facelab
from facelab import plots, samples
from facelab.images import write_image
from facelab.pipeline import Pipeline

TARGET = Path(__file__).parent / "images" / "detections.jpg"


def main() -> None:
    """Two real photos with what MTCNN finds in them, and the two aligned faces beside them."""
    detector = facelab.load("mtcnn", weights="public", min_face=40)
    pipeline = Pipeline(detector=detector, size=256)
    photos = [samples.photo(name)[:512] for name in ("astronaut", "grace_hopper")]
    aligned = np.vstack([portrait.crop for photo in photos for portrait in pipeline(photo)])
    marked = [plots.annotate(photo, detector(photo)) for photo in photos]
    picture = np.hstack([*marked, aligned])
    small = cv2.resize(picture, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    write_image(TARGET, small, quality=88)
    print(f"written: {TARGET.name}")


if __name__ == "__main__":
    main()
