"""No test writes into the home of the person who runs it."""

import os
import shutil
import tempfile

import pytest

_KEPT = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Give learners' records a folder of their own, also in the notebooks that are run."""
    folder = tempfile.mkdtemp(prefix="facelab-tests-")
    config.stash[_KEPT] = folder
    os.environ["FACELAB_HOME"] = folder


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that folder."""
    shutil.rmtree(config.stash[_KEPT], ignore_errors=True)
