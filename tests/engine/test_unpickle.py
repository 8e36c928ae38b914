"""Arrays come out of pickle-based files, and nothing else does."""

import os
import pickle

import joblib
import numpy as np
import pytest

from facelab.engine.unpickle import read_joblib_arrays

ARRAYS = [
    np.arange(12, dtype=np.float32).reshape(3, 4),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.zeros((0, 5), np.int64),
    np.array(7, np.uint8),
]


def dump(value, path):
    joblib.dump(value, path)
    return path.read_bytes()


def test_arrays_of_a_joblib_dump_are_read_back(tmp_path):
    read = read_joblib_arrays(dump(ARRAYS, tmp_path / "arrays"))
    assert len(read) == len(ARRAYS)
    for got, expected in zip(read, ARRAYS, strict=True):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("value", [Hostile(), [Hostile()], [np.array([Hostile()], dtype=object)]])
def test_a_hostile_file_is_refused_and_runs_nothing(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = dump(value, tmp_path / "hostile")
    with pytest.raises(pickle.UnpicklingError):
        read_joblib_arrays(content)
    with pytest.raises(pickle.UnpicklingError, match=r"asks for|objects"):
        read_joblib_arrays(pickle.dumps(value))
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], "text", ARRAYS[0]])
def test_anything_but_a_list_of_arrays_is_refused(value, tmp_path):
    with pytest.raises(pickle.UnpicklingError, match="list of arrays"):
        read_joblib_arrays(dump(value, tmp_path / "other"))


def test_a_file_cut_at_any_place_is_refused(tmp_path):
    content = dump(ARRAYS[:2], tmp_path / "arrays")
    for end in range(0, len(content) - 1, 7):
        with pytest.raises(pickle.UnpicklingError):
            read_joblib_arrays(content[:end])
