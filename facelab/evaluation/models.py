"""Models by name, with what they return checked before it is judged.

| Name                      | Detector                        | Embedder                       |
| ------------------------- | ------------------------------- | ------------------------------ |
| `mtcnn`                   | MTCNN with public weights       | -                              |
| `pixels`                  | -                               | the crop's pixels: a base line |
| a file, `x.safetensors`   | MTCNN with these weights        | -                              |
| `module:function`         | any function of the form below  | the same                       |

A detector takes a photo (H, W, 3) uint8 RGB and returns `Faces`, or boxes (N, 4) xyxy, scores (N,)
and landmarks (N, 5, 2) or None. An embedder takes an aligned crop (112, 112, 3) uint8 RGB and
returns a vector (D,), of any length.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from facelab.types import Faces

Detector = Callable[[np.ndarray], Faces]
Embedder = Callable[[np.ndarray], np.ndarray]


class ModelError(ValueError):
    """A model cannot be found, or returns something else than it should."""


def detector_named(name: str) -> Detector:
    """Find a detector. Raises ModelError when there is none of that name, or it does not load."""
    if ":" in name and not os.path.exists(name):
        function = _imported(name)
        return lambda photo: as_faces(function(photo), name=name)
    import facelab

    weights = "public" if name == "mtcnn" else name
    if name != "mtcnn" and not os.path.exists(name):
        raise ModelError(f"{name}: no such detector or file; say mtcnn, a file or module:function")
    try:
        found: Detector = facelab.load("mtcnn", weights=weights)
    except (OSError, ValueError) as problem:
        raise ModelError(str(problem)) from None
    return found


def embedder_named(name: str) -> Embedder:
    """Find an embedder. Raises ModelError when there is none of that name, or it does not load."""
    if name == "pixels":
        return pixels
    if ":" not in name:
        raise ModelError(f"{name}: no such embedder; say pixels or module:function")
    function = _imported(name)
    return lambda crop: as_vector(function(crop), name=name)


def pixels(crop: np.ndarray) -> np.ndarray:
    """Describe a crop by its own grey pixels, the mean removed: what no training at all gives."""
    grey = crop.mean(axis=2)[::4, ::4].ravel()
    return grey - grey.mean()


def as_faces(found: Any, *, name: str) -> Faces:
    """Turn what a detector returned into Faces. Raises ModelError that names model and shape."""
    if isinstance(found, Faces):
        return found
    if not isinstance(found, tuple | list) or len(found) != 3:
        got = type(found).__name__
        raise ModelError(
            f"{name}: expected Faces or (boxes, scores, landmarks or None), returned {got}"
        )
    boxes = _array(found[0], name, "boxes", (None, 4))
    scores = _array(found[1], name, "scores", (len(boxes),))
    points = None
    if found[2] is not None:
        points = torch.from_numpy(_array(found[2], name, "landmarks", (len(boxes), 5, 2)))
    try:
        return Faces(torch.from_numpy(boxes), torch.from_numpy(scores), points)
    except ValueError as problem:
        raise ModelError(f"{name}: returned {problem}") from None


def as_vector(found: Any, *, name: str) -> np.ndarray:
    """Turn what an embedder returned into (D,) float64. Raises ModelError for anything else."""
    vector = _array(found, name, "the embedding", (None,)).astype(np.float64)
    if not np.isfinite(vector).all():
        raise ModelError(f"{name}: the embedding holds NaN or infinity")
    if not vector.any():
        raise ModelError(f"{name}: the embedding is zero everywhere and has no direction")
    return vector


def _imported(name: str) -> Callable[[np.ndarray], Any]:
    """Import `module:function`; modules beside the command's folder are found, as with python."""
    module, _, function = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), function, None)
    except Exception as problem:  # a module may do, and fail at, anything
        text = f"{name}: cannot be imported: {type(problem).__name__}: {problem}"
        if isinstance(problem, ModuleNotFoundError) and module.startswith(str(problem.name)):
            text = f"{name}: {problem}; start where {module}.py lies, or set PYTHONPATH"
        raise ModelError(text) from problem
    if found is None:
        raise ModelError(f"{name}: the module has no {function!r}; check the name")
    if not callable(found):
        raise ModelError(f"{name}: {function!r} is no function")
    return found


def _array(value: Any, name: str, part: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Copy into float32 and compare the shape, where None is any size; no rows may be `[]`."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().float().numpy()
    try:
        array = np.array(value, dtype=np.float32)
    except (TypeError, ValueError):
        raise ModelError(f"{name}: {part}: expected numbers, got {type(value).__name__}") from None
    if not array.size and (not shape[0]):
        array = array.reshape(0, *(n or 0 for n in shape[1:]))
    fits = array.ndim == len(shape) and all(
        n is None or n == got for n, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("N" if n is None else str(n) for n in shape)
        raise ModelError(f"{name}: {part}: expected shape ({wanted}), got {array.shape}")
    return array
