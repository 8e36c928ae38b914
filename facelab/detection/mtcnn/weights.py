"""Load MTCNN weights: the public ones, from the packages that carry them, or a file of your own.

The authors' Caffe nets live on in two packages of the Python index: `mtcnn` 1.0.0 (MIT; joblib
arrays in LZ4 frames, Keras layout) and `facenet-pytorch` (MIT; state dicts). The numbers in both
are the same. Neither package is imported: only its files are read. The nets were trained on
transposed images (Matlab stores columns first), so the first dense layer expects its features in
the order (W, H, C); `_reorder` puts its columns into torch's (C, H, W).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import lz4.frame
import torch
from torch import Tensor, nn

from facelab.detection.mtcnn.model import CascadeNet, ONet, PNet, RNet
from facelab.detection.mtcnn.predict import MTCNN
from facelab.engine.packages import package_file
from facelab.engine.unpickle import read_joblib_arrays
from facelab.engine.weights import WeightsError, read_tensors, save_tensors, weights_file

NAMES = ("pnet", "rnet", "onet")
# What readers raise for files that are missing, cut short, or hold something else.
_DAMAGE = OSError, RuntimeError, ValueError, pickle.UnpicklingError
# Both packages list a net's trunk first; then come its heads, each package in an order of its own.
_MTCNN_HEADS = {
    "pnet": ("box", "face"),
    "rnet": ("box", "face"),
    "onet": ("box", "landmarks", "face"),
}
_FACENET_HEADS = {
    "pnet": ("face", "box"),
    "rnet": ("face", "box"),
    "onet": ("face", "box", "landmarks"),
}


def load(weights: str | Path = "public", **options: Any) -> MTCNN:
    """Build a detector. weights: "public", "facenet-pytorch", "humans" (shipped, trained on
    synthetic people), or the path of a file that `save` or `facelab train mtcnn` wrote.

    Raises WeightsError when the weights are missing, damaged or of another model.
    """
    try:
        if weights == "public":
            nets = read_mtcnn_package(package_file("mtcnn", "mtcnn/assets/weights"))
        elif weights == "facenet-pytorch":
            nets = read_facenet_package(package_file("facenet-pytorch", "facenet_pytorch/data"))
        elif weights == "humans" or Path(weights).is_file():
            nets = read(weights_file("mtcnn", weights))
        else:
            known = "public, facenet-pytorch, humans, or the path of a file that exists"
            raise WeightsError(f"mtcnn weights {str(weights)!r}: expected {known}")
    except ModuleNotFoundError as error:
        # without what the package itself needs: only its data files are read
        raise WeightsError(f"weights missing: pip install --no-deps {error.name}") from error
    return MTCNN(*nets, **options)


def read_mtcnn_package(folder: Path) -> tuple[PNet, RNet, ONet]:
    """Read pnet.lz4, rnet.lz4 and onet.lz4 as `mtcnn` 1.0.0 ships them.

    Raises WeightsError when a file is missing or damaged.
    """

    def tensors(file: Path) -> list[Tensor]:
        arrays = read_joblib_arrays(lz4.frame.decompress(file.read_bytes()))
        return [_from_keras(torch.tensor(array)) for array in arrays]

    files = {name: folder / f"{name}.lz4" for name in NAMES}
    advice = "reinstall with: pip install --force-reinstall mtcnn==1.0.0"
    return _read_nets(files, tensors, _MTCNN_HEADS, advice)


def read_facenet_package(folder: Path) -> tuple[PNet, RNet, ONet]:
    """Read pnet.pt, rnet.pt and onet.pt as `facenet-pytorch` ships them.

    Raises WeightsError when a file is missing or damaged.
    """

    def tensors(file: Path) -> list[Tensor]:
        try:
            return list(torch.load(file, map_location="cpu", weights_only=True).values())
        except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError) as error:
            # torch's own message advises to load the file as a program
            raise ValueError("not a readable checkpoint of tensors") from error

    files = {name: folder / f"{name}.pt" for name in NAMES}
    advice = "reinstall with: pip install --force-reinstall --no-deps facenet-pytorch"
    return _read_nets(files, tensors, _FACENET_HEADS, advice)


def _read_nets(
    files: Mapping[str, Path],
    tensors: Callable[[Path], list[Tensor]],
    heads: Mapping[str, Sequence[str]],
    advice: str,
) -> tuple[PNet, RNet, ONet]:
    nets = PNet(), RNet(), ONet()
    for net, (name, file) in zip(nets, files.items(), strict=True):
        try:
            _fill(net, tensors(file), heads[name])
        except _DAMAGE as error:
            raise WeightsError(f"{file}: {error}; {advice}") from error
    return nets


def save(path: str | Path, pnet: PNet, rnet: RNet, onet: ONet, card: dict[str, Any]) -> None:
    """Write the three nets and their card to one safetensors file."""
    save_tensors(path, tensors_of(pnet, rnet, onet), {"model": "mtcnn", **card})


def tensors_of(pnet: PNet, rnet: RNet, onet: ONet) -> dict[str, Tensor]:
    """Name all tensors of the nets: pnet.trunk..., rnet..., onet..."""
    nets = zip(NAMES, (pnet, rnet, onet), strict=True)
    return {f"{name}.{key}": value for name, net in nets for key, value in net.state_dict().items()}


def read(path: str | Path) -> tuple[PNet, RNet, ONet]:
    """Read what `save` wrote; P- and R-Net get a landmark head when the file has one.

    Raises WeightsError when the file is not a readable MTCNN file.
    """
    tensors, _ = read_tensors(path)
    pnet = PNet(landmarks="pnet.landmarks.weight" in tensors)
    rnet = RNet(landmarks="rnet.landmarks.weight" in tensors)
    nets = pnet, rnet, ONet()
    try:
        for name, net in zip(NAMES, nets, strict=True):
            own = {
                key.removeprefix(f"{name}."): x
                for key, x in tensors.items()
                if key.startswith(f"{name}.")
            }
            net.load_state_dict(own)
    except RuntimeError as error:
        raise WeightsError(f"{path}: these are not MTCNN weights ({error})") from error
    return nets


def _from_keras(array: Tensor) -> Tensor:
    """Keras keeps convolutions as (H, W, in, out), dense layers as (in, out) and slopes as (1, 1,
    C)."""
    if array.ndim == 4:
        return array.permute(3, 2, 0, 1)
    return array.T if array.ndim == 2 else array.flatten()


def _fill(net: CascadeNet, tensors: Sequence[Tensor], heads: Sequence[str]) -> None:
    """Copy tensors into the trunk and then the heads, in order. Raises ValueError when they do not
    fit."""
    layers = [
        layer
        for layer in net.trunk.modules()
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.PReLU | nn.Flatten)
    ]
    layers += [getattr(net, head) for head in heads]
    rest = iter(tensors)
    after_flatten = False
    with torch.no_grad():
        for layer in layers:
            for parameter in layer.parameters():
                value = next(rest, torch.empty(0))
                if value.shape != parameter.shape:
                    raise ValueError(
                        f"expected shape {tuple(parameter.shape)}, got {tuple(value.shape)}"
                    )
                parameter.copy_(_reorder(value) if after_flatten and value.ndim == 2 else value)
            after_flatten = isinstance(layer, nn.Flatten)
    if (left := len(list(rest))) > 0:
        raise ValueError(f"{left} arrays too many")


def _reorder(weight: Tensor) -> Tensor:
    """Bring the columns of the first dense layer from (W, H, C) to (C, H, W); maps are 3x3 there in
    both nets."""
    out = weight.shape[0]
    return weight.reshape(out, 3, 3, -1).permute(0, 3, 2, 1).reshape(out, -1)
