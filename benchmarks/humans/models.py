"""Trained probes as plain functions, for `facelab eval` and any other judge.

    FACELAB_PROBES=DIR PYTHONPATH=benchmarks facelab eval detector LABELS.json \
        --model humans.models:detector

`detector(photo)` gives boxes (N, 4), scores (N,), landmarks (N, 5, 2); `embedder(crop)` gives a
vector of unit length. DIR is the probe's --out folder.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import torch

from facelab.engine.weights import read_tensors

from .detector_net import Predictor, ProbeDetector
from .embedder_net import ProbeEmbedder


def folder() -> Path:
    """The folder that FACELAB_PROBES names. Raises ValueError when it is not set."""
    name = os.environ.get("FACELAB_PROBES", "")
    if not name:
        raise ValueError("FACELAB_PROBES is not set; set it to the --out folder of a probe")
    return Path(name)


@functools.cache
def _predictor(path: Path) -> Predictor:
    net = ProbeDetector()
    net.load_state_dict(read_tensors(path)[0])
    return Predictor(net)


@functools.cache
def load_embedder(path: Path) -> ProbeEmbedder:
    """Build a trained embedder. Raises WeightsError when the file is missing or damaged."""
    net, tensors = ProbeEmbedder(), read_tensors(path)[0]
    own = {key.removeprefix("net."): x for key, x in tensors.items() if key.startswith("net.")}
    net.load_state_dict(own)  # without how far it has come
    return net.eval()


def detector(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find faces with the trained probe: photo (H, W, 3) uint8 RGB."""
    faces = _predictor(folder() / "weights.safetensors")(photo)
    assert faces.landmarks is not None
    return faces.boxes.numpy(), faces.scores.numpy(), faces.landmarks.numpy()


def embedder(crop: np.ndarray) -> np.ndarray:
    """Describe an aligned crop (112, 112, 3) uint8 RGB with the trained probe: (D,), the mean of
    the crop's vector and its mirror image's, as usual in verification."""
    image = torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        both = load_embedder(folder() / "weights.safetensors")(torch.cat([image, image.flip(3)]))
    return torch.nn.functional.normalize(both.mean(dim=0), dim=0).numpy()
