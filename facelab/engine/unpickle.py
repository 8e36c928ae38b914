"""Read arrays out of pickle-based files without running anything that such a file could ask for.

A pickle can call any function it names. The unpickler here knows NumPy arrays and the types inside
them and refuses every other name, so a hostile file ends in an `UnpicklingError` and not in
somebody else's code.
"""

from __future__ import annotations

import pickle
from io import BytesIO
from typing import Any, Protocol

import numpy as np


class _Reader(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...
    def readline(self) -> bytes: ...


class _NoReadAhead:
    """A byte stream without `peek`: the unpickler then stops exactly where an array's raw bytes
    begin."""

    def __init__(self, content: bytes) -> None:
        self._stream = BytesIO(content)
        self.read = self._stream.read
        self.readline = self._stream.readline


class _RawArray:
    """Stand-in for joblib's NumpyArrayWrapper: a header in the pickle, then padding and the raw
    numbers."""

    stream: _Reader
    array: np.ndarray

    def __setstate__(self, state: dict[str, Any]) -> None:
        dtype = np.dtype(state["dtype"])
        if dtype.hasobject:
            raise pickle.UnpicklingError(
                "the file holds Python objects where numbers were expected"
            )
        if state.get("numpy_array_alignment_bytes") is not None:
            self.stream.read(self.stream.read(1)[0])
        count = int(np.prod(state["shape"], dtype=np.int64))
        raw = self.stream.read(count * dtype.itemsize)
        if len(raw) != count * dtype.itemsize:
            raise pickle.UnpicklingError("the file ends in the middle of an array")
        self.array = np.frombuffer(raw, dtype).reshape(state["shape"], order=state["order"])


class _ArrayUnpickler(pickle.Unpickler):
    def __init__(self, stream: _Reader) -> None:
        super().__init__(stream)
        raw_array = type("RawArray", (_RawArray,), {"stream": stream})
        self._allowed: dict[tuple[str, str], Any] = {
            ("joblib.numpy_pickle", "NumpyArrayWrapper"): raw_array,
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"the file asks for {module}.{name}; only arrays are read"
            ) from None


def read_joblib_arrays(content: bytes) -> list[np.ndarray]:
    """Give the arrays of a joblib dump (uncompressed bytes) that holds a list of NumPy arrays.

    Raises pickle.UnpicklingError when the bytes are damaged or hold anything else.
    """
    try:
        items = _ArrayUnpickler(_NoReadAhead(content)).load()
    except (
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        ImportError,
    ) as error:
        raise pickle.UnpicklingError(f"damaged joblib file: {error}") from error
    if not isinstance(items, list) or not all(isinstance(item, _RawArray) for item in items):
        raise pickle.UnpicklingError("expected a list of arrays")
    return [item.array for item in items]
