"""Find and load weights: one door for shipped files, public checkpoints and files of your own."""

from __future__ import annotations

import hashlib
import importlib
import json
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from facelab.engine.files import replacing, write_whole

# Model name -> function (weights=its own default, **options) that builds the model; imported only
# when asked for.
_LOADERS = {
    "cfan": "facelab.landmarks.cfan.predict:load",
    "coarse_to_fine": "facelab.landmarks.coarse_to_fine.predict:load",
    "dcnn_cascade": "facelab.landmarks.dcnn_cascade.predict:load",
    "faceposenet": "facelab.landmarks.faceposenet.predict:load",
    "mtcnn": "facelab.detection.mtcnn.weights:load",
}

SHIPPED = Path(__file__).resolve().parents[1] / "weights"
STORAGES = ("float32", "float16", "int8")
SMALL = 1024  # tensors with fewer numbers are kept as they are: they would save nothing
_SCALE = ":scale"  # ends the name of the scales of an int8 tensor

Net = TypeVar("Net", bound=nn.Module)


class WeightsError(ValueError):
    """Weights cannot be loaded; the message says which file, what is wrong and what to do."""


def load(model: str, *, weights: str | Path | None = None, **options: Any) -> Any:
    """Build a model with weights, ready to use: `facelab.load("mtcnn")(photo)`.

    model: a name of `models()`. weights: "humans" (shipped, trained on synthetic people), "public"
    (a public checkpoint), or the path of a file; None is the model's own default, which is public
    for mtcnn and humans for models that have no public checkpoint.
    options: keywords of the model, for example `min_face=40` for MTCNN.
    Raises WeightsError when the model or the weights are unknown, missing or damaged.
    """
    try:
        module, function = _LOADERS[model].split(":")
    except KeyError:
        raise WeightsError(f"no model is named {model!r}; known: {', '.join(models())}") from None
    loader: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loader(**options) if weights is None else loader(weights, **options)


def models() -> list[str]:
    """List the names that `load` accepts."""
    return sorted(_LOADERS)


def weights_file(model: str, weights: str | Path) -> Path:
    """Return the file that a model's loader should read: the shipped one for "humans", else a path.

    Raises WeightsError when there is no such file, or the shipped one is not what its card says.
    """
    if weights != "humans":
        if not Path(weights).is_file():
            known = "humans, or the path of a file that exists"
            raise WeightsError(f"{model} weights {str(weights)!r}: expected {known}")
        return Path(weights)
    path = SHIPPED / f"{model}_humans.safetensors"
    if not path.is_file():
        raise WeightsError(
            f"{path}: {model} is not shipped with weights; train them with "
            f"`facelab train {model} --out FILE`, then say weights=FILE"
        )
    if sha256(path) != read_card(path).get("sha256"):
        raise WeightsError(f"{path}: damaged, it is not what its card says; install facelab again")
    return path


def load_net(
    model: str,
    weights: str | Path,
    make: Callable[[Mapping[str, Tensor], Mapping[str, Any]], Net],
) -> Net:
    """Make a net with the weights of a file; the `load` of a model begins with this.

    weights: as in `weights_file`. make: gives an untrained net for the file's tensors and card; it
    may raise ValueError, or let a missing tensor be a KeyError.
    Raises WeightsError when the file is missing, damaged or of another model.
    """
    path = weights_file(model, weights)
    tensors, card = read_tensors(path)
    try:
        net = make(tensors, card)
        net.load_state_dict(tensors)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: not the weights of {model} ({_reason(error)}); train some with "
            f"`facelab train {model} --out FILE`, then say weights=FILE"
        ) from error
    return net


def build_of(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sizes that a card has under "build", for a dataclass: JSON's lists are tuples.

    A card without them gives none. Raises ValueError when they are not names with values.
    """
    build = card.get("build", {})
    if not isinstance(build, Mapping):
        raise ValueError(f"the card's build is {build!r}, expected sizes by name")
    return {key: tuple(size) if isinstance(size, list) else size for key, size in build.items()}


def save_tensors(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    card: Mapping[str, Any],
    *,
    storage: str = "float32",
) -> None:
    """Write tensors and their card (recipe, data, figures: anything JSON) to a safetensors file,
    atomically.

    storage: float32 keeps every tensor as it is. float16 and int8 make those with floating-point
    numbers and at least 1024 of them smaller; int8 keeps each matrix or filter bank (two
    dimensions or more) as whole numbers -127 to 127 with a scale for each output row, so a number
    is off by at most half a step: its row's largest value / 254. A row is what one output reads:
    all but the first dimension, or the last three where filters differ from place to place.
    `read_tensors` gives float32 back.
    Raises ValueError when the storage is unknown or a tensor holds what it cannot keep.
    """
    check_storage(storage)
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith(_SCALE):
            raise ValueError(f"tensor {name!r}: names that end with {_SCALE} are taken")
        stored |= _packed(name, tensor.detach().cpu().contiguous(), storage)
    metadata = {"card": json.dumps(dict(card)), "storage": storage}
    with replacing(path) as temporary:
        safetensors.torch.save_file(stored, temporary, metadata=metadata)


def check_storage(storage: str) -> None:
    """Raise ValueError when `save_tensors` does not know this storage."""
    if storage not in STORAGES:
        raise ValueError(f"storage {storage!r} is not one of {', '.join(STORAGES)}")


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and card of a safetensors file written by `save_tensors`, whatever its storage.

    Raises WeightsError when the file is missing or is not such a file.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            stored = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata() or {}
        card = json.loads(metadata.get("card", "{}"))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such file; give the path of a .safetensors file") from None
    except (safetensors.SafetensorError, OSError, json.JSONDecodeError) as error:
        raise WeightsError(
            f"{path}: not a readable safetensors file ({error}); copy or download it again"
        ) from error
    try:
        return _unpacked(stored, metadata.get("storage", "float32")), card
    except ValueError as error:
        raise WeightsError(f"{path}: {error}; copy or download it again") from error


def write_card(path: str | Path) -> Path:
    """Write the card beside a safetensors file, as JSON with its size and checksum; return where.

    Raises WeightsError when the file cannot be read.
    """
    path = Path(path)
    _, card = read_tensors(path)
    card |= {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)}
    write_whole(path.with_suffix(".json"), json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return path.with_suffix(".json")


def read_card(path: str | Path) -> dict[str, Any]:
    """Read the card beside a safetensors file. Raises WeightsError when it is missing or no JSON
    object."""
    beside = Path(path).with_suffix(".json")
    try:
        card = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{beside}: the card cannot be read ({error})") from error
    if not isinstance(card, dict):
        raise WeightsError(f"{beside}: the card must be a JSON object")
    return card


def sha256(path: str | Path) -> str:
    """Return the SHA-256 checksum of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    """Say in one short line why a net and a file do not fit."""
    if isinstance(error, KeyError):
        return f"it has no {error}"
    first, *details = str(error).splitlines() or [type(error).__name__]
    # torch names the module first, then tensor after tensor
    return textwrap.shorten(details[0] if details else first, 160, placeholder=" ...")


def _packed(name: str, tensor: Tensor, storage: str) -> dict[str, Tensor]:
    """Return what is written of one tensor, by name."""
    if storage == "float32" or not tensor.is_floating_point() or tensor.numel() < SMALL:
        return {name: tensor}
    if not tensor.isfinite().all():
        raise ValueError(f"tensor {name!r} holds NaN or infinity, which {storage} cannot keep")
    if storage == "float16":
        half = tensor.half()
        if not half.isfinite().all():
            raise ValueError(f"tensor {name!r} holds numbers beyond 65504; use float32")
        return {name: half}
    if tensor.ndim < 2:
        return {name: tensor.float()}
    leading = max(1, tensor.ndim - 3)
    values = tensor.float()
    scale = values.flatten(leading).abs().amax(dim=-1) / 127
    steps = values / _beside(scale.where(scale > 0, 1.0), values)  # a row of zeros stays zero
    return {name: steps.round().clamp(-127, 127).to(torch.int8), name + _SCALE: scale}


def _beside(scale: Tensor, values: Tensor) -> Tensor:
    """Give scales (rows...) the dimensions of the values (rows..., numbers of a row...)."""
    return scale.reshape(*scale.shape, *[1] * (values.ndim - scale.ndim))


def _unpacked(stored: Mapping[str, Tensor], storage: str) -> dict[str, Tensor]:
    if storage not in STORAGES:
        raise ValueError(f"it is stored as {storage!r}, which this version does not know")
    tensors = {name: value for name, value in stored.items() if not name.endswith(_SCALE)}
    if storage == "float16":
        return {k: x.float() if x.dtype == torch.float16 else x for k, x in tensors.items()}
    for name, scale in stored.items():
        if not name.endswith(_SCALE):
            continue
        name = name.removesuffix(_SCALE)
        whole = tensors.get(name)
        fits = whole is not None and whole.shape[: scale.ndim] == scale.shape
        if whole is None or not fits or whole.dtype != torch.int8:
            raise ValueError(f"the scales of tensor {name!r} do not belong to it")
        tensors[name] = whole * _beside(scale, whole)
    return tensors
