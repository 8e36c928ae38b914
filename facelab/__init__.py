"""facelab: face detection, alignment, recognition and aging, built from the papers and taught in
notebooks.

    import facelab

    photo = facelab.read_image("group.jpg")
    faces = facelab.load("mtcnn", weights="public")(photo)

Importing this module is cheap: torch and OpenCV are loaded when a name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facelab.engine.weights import load as load
    from facelab.images import read_image as read_image
    from facelab.types import Faces as Faces

__version__ = "0.1.0"

__all__ = ["Faces", "__version__", "load", "read_image"]

_HOME = {
    "Faces": "facelab.types",
    "load": "facelab.engine.weights",
    "read_image": "facelab.images",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'facelab' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
