"""Find files that installed packages carry, without importing these packages."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path


def package_file(distribution: str, path: str) -> Path:
    """Give the place of a file or folder inside an installed distribution, whether or not it
    exists.

    Raises ModuleNotFoundError, with the command that installs it, when the distribution is missing.
    """
    try:
        return Path(str(importlib.metadata.distribution(distribution).locate_file(path)))
    except importlib.metadata.PackageNotFoundError:
        message = f"the package {distribution} is not installed: pip install {distribution}"
        raise ModuleNotFoundError(message, name=distribution) from None
