"""The wheel: what is inside, and that it works where nothing of the checkout can be seen."""

import json
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import cv2
import pytest
import skimage.data

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy of the tracked sources, without network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("facelab", "tests", "notebooks", "solutions"):
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, source / folder, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install the wheel into an empty environment that borrows the packages it depends on.

    The borrowed folder is named by a .pth file, whose own .pth files (this checkout's editable
    install among them) are not read.
    """
    folder = tmp_path_factory.mktemp("empty") / "env"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*command, "--no-deps", str(wheel)], check=True, capture_output=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    borrowed |= {path for path in site.getsitepackages() if Path(path).exists()}
    Path(found.stdout.strip(), "borrowed.pth").write_text("\n".join(sorted(borrowed)))
    return scripts


def outside(command, folder):
    """Run a command in another folder, with nothing in the environment that names the checkout."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True)


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "facelab",
        wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info",
    }


def test_the_wheel_holds_every_file_of_the_package(wheel):
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    unwanted = ("__pycache__",)
    in_checkout = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "facelab").rglob("*")
        if path.is_file() and not set(path.parts) & set(unwanted)
    }
    assert in_checkout - in_wheel == set()


def test_the_installed_command_finds_the_face_of_a_photo(installed, tmp_path):
    code = "import facelab; print(facelab.__file__)"
    imported = outside([installed / "python", "-c", code], tmp_path)
    assert imported.stdout.startswith(str(installed.parent)), "not the installed wheel"

    photo = tmp_path / "portrait.png"
    cv2.imwrite(str(photo), skimage.data.astronaut()[..., ::-1])
    found = outside([installed / "facelab", "detect", "--json", photo.name], tmp_path)
    assert found.returncode == 0, found.stderr
    face = json.loads(found.stdout)["faces"][0]
    x1, y1, x2, y2 = face["box"]
    assert x1 < 220 < x2
    assert y1 < 110 < y2
    assert face["score"] > 0.9
