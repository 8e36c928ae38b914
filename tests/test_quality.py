"""The code is tidy and its types hold."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "tool", ["ruff check .", "ruff format --check --diff .", "mypy"], ids=lambda tool: tool[:11]
)
def test_the_tools_have_no_complaint(tool):
    command = [sys.executable, "-m", *tool.split()]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, f"{tool}\n{found.stdout}{found.stderr}"
