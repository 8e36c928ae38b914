"""Write what facenet-pytorch 2.6.0 finds on photos that packages ship, for machines without that
package.

pip install --no-deps facenet-pytorch==2.6.0
python tests/parity/facenet_reference.py
"""

import json
import warnings
from pathlib import Path

import numpy as np

from facelab import samples
from facelab.images import resize

FILE = Path(__file__).parent / "data" / "facenet_pytorch_2.6.0.json"
MIN_FACES = (20, 40)


def photos() -> dict[str, np.ndarray]:
    """The photos of the comparison: two portraits, a small odd size, a large one, and a crowd."""
    astronaut, hopper = samples.photo("astronaut"), samples.photo("grace_hopper")
    return {
        "astronaut": astronaut,
        "grace_hopper": hopper,
        "astronaut_211x333": resize(astronaut, (211, 333)),
        "grace_hopper_1201x1023": resize(hopper, (1201, 1023)),
        "crowd_12": samples.crowd(12),
        "crowd_48_60px": samples.crowd(48, cell=60),
        "face_at_the_border": np.ascontiguousarray(astronaut[:300, 190:450]),
    }


def peer(photo: np.ndarray, min_face: int) -> dict[str, list]:
    """Boxes (N, 4), scores (N,) and landmarks (N, 5, 2) of facenet-pytorch, best first."""
    from facenet_pytorch import MTCNN

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector = MTCNN(keep_all=True, device="cpu", min_face_size=min_face, select_largest=False)
        boxes, scores, landmarks = detector.detect(photo, landmarks=True)
    if boxes is None:
        return {"boxes": [], "scores": [], "landmarks": []}
    order = np.argsort(-scores.astype(float), kind="stable")
    values = {"boxes": boxes, "scores": scores, "landmarks": landmarks}
    return {
        name: np.asarray(value, float)[order].round(4).tolist() for name, value in values.items()
    }


if __name__ == "__main__":
    found = {name: {m: peer(photo, m) for m in MIN_FACES} for name, photo in photos().items()}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{FILE}: {sum(len(x['boxes']) for per in found.values() for x in per.values())} faces")
