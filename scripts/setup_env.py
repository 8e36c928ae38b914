"""Create or update the virtual environment of `make lab` and `make test`.

Standard library only: the system's Python runs it before anything is installed. What has been
installed is recorded in `facelab-ready.json` inside the environment, and only at the very end, so
an attempt that was cut off is recognised next time and started afresh. pip keeps what it has
downloaded, so a second attempt is quicker than the first.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH_PACKAGES = ("torch", "torchvision")
PEER = "facenet-pytorch==2.6.0"  # tests/parity compares with it; it pins an old torch
BEGUN = "facelab-begun"  # written first: this environment is ours, it may be built again
READY = "facelab-ready.json"  # written last: what it holds
GIB = 1024**3


class SetupError(Exception):
    """Something the user can put right; the text says what and how."""


def needed_gib(torch: str, platform: str = sys.platform) -> float:
    """Return the disk space that setting up takes in GiB, pip's downloads included.

    Measured with CUDA packages: 6.4 stay, 7.8 while pip works, and its cache keeps another 2.3.
    """
    cuda = torch == "default" and platform.startswith("linux")
    return 10.0 if cuda else 3.0


def check_venv_module() -> None:
    """Raise SetupError where Python came without its venv module, as on Debian and Ubuntu."""
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"{sys.executable} lacks the module {' and '.join(missing)}, "
            "so it cannot create an environment.\n"
            f"On Debian or Ubuntu: sudo apt-get install python{version}-venv\n"
            "Elsewhere, install Python from python.org, or use conda: see environment.yml."
        )


def check_disk(folder: Path, torch: str) -> None:
    """Raise SetupError when the disk of `folder` (need not exist yet) has too little room."""
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    free, needed = shutil.disk_usage(existing).free / GIB, needed_gib(torch)
    if free >= needed:
        return
    advice = "Free some space, or put the environment on another disk: make lab VENV=/path/to/env"
    if torch == "default" and needed > needed_gib("cpu"):
        advice += f"\nWithout an NVIDIA card, {needed_gib('cpu'):.1f} GiB do: make lab TORCH=cpu"
    raise SetupError(
        f"the disk of {folder} has {free:.1f} GiB free; the environment needs {needed:.1f} GiB "
        "while it is made.\n" + advice
    )


def project_hash(pyproject: Path) -> str:
    """Return a hash of what pip reads in pyproject.toml; settings of other tools do not count."""
    content = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    relevant = {key: content.get(key) for key in ("build-system", "project")}
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()


def torch_requirements(pyproject: Path) -> list[str]:
    """Return the lines of pyproject.toml that ask for torch and torchvision."""
    lines = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["dependencies"]
    return [line for line in lines if re.split(r"[^\w.-]", line)[0] in TORCH_PACKAGES]


def read_ready(folder: Path) -> dict[str, Any] | None:
    """Return what a finished environment recorded, or None for anything else.

    A moved or copied environment counts as unfinished: its scripts name the old place.
    """
    try:
        ready = json.loads((folder / READY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return ready if isinstance(ready, dict) and ready.get("folder") == str(folder) else None


def python_of(folder: Path) -> Path:
    """Return the path of an environment's Python."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def runs(python: Path) -> bool:
    """Say whether this Python starts and has pip."""
    try:
        command = [str(python), "-c", "import pip"]
        return subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def wanted_torch(asked: str | None, ready: dict[str, Any] | None, folder: Path) -> str:
    """Return "default" or "cpu": what was asked for, else what the environment has.

    Raises SetupError when a finished environment has the other kind: pip would mix the two.
    """
    present = ready["torch"] if ready else None
    if asked and present and asked != present:
        raise SetupError(
            f"{folder} was made with TORCH={present}. To change to TORCH={asked}:\n"
            f"make clean && make lab TORCH={asked}"
        )
    return asked or present or "default"


def prepare(folder: Path, ready: dict[str, Any] | None, torch: str) -> None:
    """Leave an environment with a working pip in `folder`: keep a good one, replace a broken one.

    Raises SetupError when `folder` holds something that this script did not make.
    """
    working = runs(python_of(folder))
    if ready and working:
        return
    ours = (folder / BEGUN).exists()
    if not ours and working:
        print(f"Using the environment that is already in {folder}.", flush=True)
        return
    if not ours and folder.exists() and any(folder.iterdir()):
        raise SetupError(
            f"{folder} exists and is not a working Python environment; it is left alone.\n"
            "Remove it, or choose another place: make lab VENV=/path/to/env"
        )
    if ours:
        print(f"An earlier attempt left {folder} unfinished; making it again.", flush=True)
        shutil.rmtree(folder)
    check_venv_module()
    check_disk(folder, torch)
    where = "about 6.5 GB on disk" if needed_gib(torch) > 5 else "about 2 GB on disk"
    print(
        f"Creating the environment in {folder} ({where}).\n"
        "This happens once and takes 3 to 10 minutes, longer on a slow connection.",
        flush=True,
    )
    folder.mkdir(parents=True)
    (folder / BEGUN).touch()
    venv.create(folder, with_pip=True, symlinks=os.name != "nt")


def pip_install(folder: Path, arguments: Iterable[str]) -> None:
    """Run pip install inside the environment, quietly where nobody watches.

    Raises SetupError when pip fails; its own message is above.
    """
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    scratch = folder / "tmp"  # pip unpacks gigabytes: not in a /tmp that is small on many machines
    scratch.mkdir(exist_ok=True)
    pip = [str(python_of(folder)), "-m", "pip", "install", "--disable-pip-version-check"]
    command = [*pip, *quiet, *arguments]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    environment.pop("PIP_USER", None)
    try:
        status = subprocess.run(command, cwd=ROOT, env=environment).returncode
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if status:
        raise SetupError(
            "pip could not install the packages; the reason is above "
            "(often the network, or a full disk).\n"
            "Run the same command again to go on: what was downloaded is kept."
        )


def try_peer(folder: Path) -> None:
    """Install the other MTCNN that ours is compared with, or say what is missed without it."""
    print(f"Optional: {PEER}, to compare with", flush=True)
    try:
        pip_install(folder, ["--no-deps", PEER])
    except SetupError:
        print(
            f"{PEER} could not be installed; its comparison is skipped and all else works.\n"
            f"To try again: {python_of(folder)} -m pip install --no-deps {PEER}",
            flush=True,
        )


def check_imports(folder: Path) -> None:
    """Raise SetupError when the installed packages do not work together."""
    code = "import torch, torchvision, cv2, jupyterlab, facelab"
    found = subprocess.run(
        [str(python_of(folder)), "-c", code], cwd=folder, capture_output=True, text=True
    )
    if found.returncode:
        reason = (found.stderr.strip().splitlines() or ["no message"])[-1]
        raise SetupError(
            f"the packages are installed but do not work: {reason}\nTry: make clean && make lab"
        )


def write_ready(folder: Path, ready: dict[str, Any]) -> None:
    """Record what the environment holds, in one step."""
    part = folder / (READY + ".part")
    part.write_text(json.dumps(ready, indent=1), encoding="utf-8")
    part.replace(folder / READY)


def ensure(folder: Path, asked_torch: str | None, extras: Iterable[str]) -> None:
    """Bring the environment up to date; quick when there is nothing to do.

    Raises SetupError with a message for the user.
    """
    ready = read_ready(folder)
    torch = wanted_torch(asked_torch, ready, folder)
    all_extras = sorted({*extras, *(ready["extras"] if ready else ())})
    goal = {
        "folder": str(folder),
        "project": str(ROOT),
        "pyproject": project_hash(ROOT / "pyproject.toml"),
        "torch": torch,
        "extras": all_extras,
    }
    tried = ready.pop("peer", None) if ready else None
    if ready != goal or not python_of(folder).exists():
        install(folder, ready, goal)
        tried = None
    if "test" in all_extras and tried != PEER:
        try_peer(folder)
        write_ready(folder, {**goal, "peer": PEER})


def install(folder: Path, ready: dict[str, Any] | None, goal: dict[str, Any]) -> None:
    """Make or update the environment, and record what it holds in the end.

    Raises SetupError with a message for the user.
    """
    torch, extras = goal["torch"], goal["extras"]
    started = time.monotonic()
    prepare(folder, ready, torch)
    index = ["--index-url", CPU_INDEX] if torch == "cpu" else []
    print("Step 1 of 2: PyTorch", flush=True)
    pip_install(folder, [*torch_requirements(ROOT / "pyproject.toml"), *index])
    print("Step 2 of 2: facelab and the packages it uses", flush=True)
    pip_install(folder, ["-e", f".[{','.join(extras)}]" if extras else "."])
    check_imports(folder)
    write_ready(folder, goal)
    print(f"The environment is ready ({time.monotonic() - started:.0f} s).", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, set the environment up, return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="where it is made")
    parser.add_argument("--torch", choices=["", "default", "cpu"], default="")
    parser.add_argument("--extra", action="append", default=[], help="of pyproject.toml")
    options = parser.parse_args(arguments)
    try:
        ensure(Path(os.path.abspath(options.venv)), options.torch or None, options.extra)
    except SetupError as problem:
        print(f"\nfacelab: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nfacelab: interrupted. Run the same command again to go on.", file=sys.stderr)
        return 130
    except (OSError, subprocess.CalledProcessError) as problem:
        print(f"\nfacelab: the environment could not be made: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
