"""Find and load weights: one door for shipped files, public checkpoints and files of your own."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from facelab.engine.files import replacing

# Model name -> function (weights, **options) that builds the model; imported only when asked for.
_LOADERS = {"mtcnn": "facelab.detection.mtcnn.weights:load"}


class WeightsError(ValueError):
    """Weights cannot be loaded; the message says which file, what is wrong and what to do."""


def load(model: str, *, weights: str | Path = "public", **options: Any) -> Any:
    """Build a model with weights, ready to use: `facelab.load("mtcnn")(photo)`.

    model: a name of `models()`. weights: "public" (a public checkpoint), or the path of a file.
    options: keywords of the model, for example `min_face=40` for MTCNN.
    Raises WeightsError when the model or the weights are unknown, missing or damaged.
    """
    try:
        module, function = _LOADERS[model].split(":")
    except KeyError:
        raise WeightsError(f"no model is named {model!r}; known: {', '.join(models())}") from None
    loader: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loader(weights, **options)


def models() -> list[str]:
    """List the names that `load` accepts."""
    return sorted(_LOADERS)


def save_tensors(path: str | Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write tensors and their card (recipe, data, figures: anything JSON) to a safetensors file,
    atomically."""
    tidy = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        safetensors.torch.save_file(tidy, temporary, metadata={"card": json.dumps(dict(card))})


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and card of a safetensors file written by `save_tensors`.

    Raises WeightsError when the file is missing or is not such a file.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            card = json.loads((file.metadata() or {}).get("card", "{}"))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; give the path of a .safetensors file") from None
    except (safetensors.SafetensorError, OSError, json.JSONDecodeError) as error:
        raise WeightsError(
            f"{path}: not a readable safetensors file ({error}); copy or download it again"
        ) from error
    return tensors, card
