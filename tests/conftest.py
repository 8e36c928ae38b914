"""No test writes into the home of the person who runs it."""

import os
import shutil
import tempfile

import pytest
import torch

_KEPT = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Give learners' records a folder of their own, also in the notebooks that are run."""
    folder = tempfile.mkdtemp(prefix="facelab-tests-")
    config.stash[_KEPT] = folder
    os.environ["FACELAB_HOME"] = folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests marked gpu out where there is no CUDA card."""
    on_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if on_gpu and not torch.cuda.is_available():
        config.hook.pytest_deselected(items=on_gpu)
        items[:] = [item for item in items if item not in on_gpu]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that folder."""
    shutil.rmtree(config.stash[_KEPT], ignore_errors=True)
