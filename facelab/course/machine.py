"""Say whether this machine can run the labs: each finding with a verdict in words.

Nothing that names the machine or its user is shown, so that the table can be pasted anywhere.
"""

from __future__ import annotations

import importlib.metadata as packages
import os
import platform
import re
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

from facelab.course.marking import table, text_table
from facelab.engine.budget import NAMES, budget_name
from facelab.plots.publish import publish

GIB = 1024**3
HEAD = ["what", "found", "verdict"]
SHOWN = {
    "torch": "PyTorch",
    "torchvision": "torchvision",
    "opencv-python-headless": "OpenCV",
    "jupyterlab": "JupyterLab",
}
TOGETHER = {"torch": "torch torchvision", "torchvision": "torch torchvision"}
LITTLE_MEMORY = 4 * GIB
LITTLE_DISK = 2 * GIB
MEANINGS = {
    "smoke": "a whole lab in under 40 s, for a first look and for tests; results are crude",
    "laptop": "a whole lab in under 10 minutes on a CPU",
    "gpu": "a whole lab in under 15 minutes on an NVIDIA card",
    "paper": "the paper's own schedule, which may take days",
}


@dataclass(frozen=True)
class Finding:
    """One line of the table. good: nothing has to be done."""

    what: str
    found: str
    good: bool
    verdict: str

    def cells(self) -> list[str]:
        """Return the line as texts in the order of HEAD; a mark stands beside the words."""
        return [self.what, self.found, f"{'✓' if self.good else '!'} {self.verdict}"]


def show() -> None:
    """Display what this machine has, and what to do where something is missing."""
    findings = look()
    rows = [finding.cells() for finding in findings]
    words = summary(findings)
    publish(f"{words}\n{text_table(HEAD, rows)}", table(HEAD, rows, caption=words))


def look() -> list[Finding]:
    """Return all findings: versions, processor, memory, graphics card, disk and budget."""
    found = [python(platform.python_version())]
    found += [package(name) for name in SHOWN]
    return [*found, cores(), memory(), graphics(), disk(), budget()]


def summary(findings: list[Finding]) -> str:
    """Return the outcome in one sentence."""
    to_do = sum(not finding.good for finding in findings)
    if not to_do:
        return "Everything is fine."
    return f"{to_do} of {len(findings)} lines marked ! need{'s' * (to_do == 1)} a look."


def python(version: str) -> Finding:
    """Judge a version of Python by what the package asks for."""
    needed = numbers(_own_metadata()["Requires-Python"] or "")
    good = numbers(version) >= needed
    advice = (
        f"too old: {_dotted(needed)} or newer is needed; install it, then `make clean lab` "
        "in the folder of the course"
    )
    return Finding("Python", version, good, "fine" if good else advice)


def package(name: str) -> Finding:
    """Judge the installed version of a package by what facelab asks for."""
    command = f"`pip install --upgrade {TOGETHER.get(name, name)}`"
    try:
        version = packages.version(name)
    except packages.PackageNotFoundError:
        return Finding(SHOWN[name], "missing", False, f"missing: {command}")
    needed = lower_bounds().get(name, ())
    if numbers(version) >= needed:
        return Finding(SHOWN[name], version, True, "fine")
    verdict = f"too old: {_dotted(needed)} or newer is needed; `make lab` or {command}"
    return Finding(SHOWN[name], version, False, verdict)


def cores() -> Finding:
    """Count the processor cores that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on every system
    count = len(allowed(0)) if allowed else os.cpu_count() or 1
    verdict = "fine" if count > 1 else "fine, only slower: times in the labs mean two cores"
    return Finding("CPU cores", str(count), True, verdict)


def memory() -> Finding:
    """Measure the memory that this process may use: the machine's, or a container's limit."""
    size = memory_bytes()
    if size is None:
        return Finding("memory", "not known", True, "this system does not tell; 4 GiB are enough")
    good = size >= LITTLE_MEMORY
    advice = "little: close other programs, and keep one lab open at a time"
    return Finding("memory", f"{size / GIB:.1f} GiB", good, "fine" if good else advice)


def graphics() -> Finding:
    """Look for an NVIDIA card that PyTorch can use."""
    import torch

    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        usable = torch.cuda.is_available()
    if usable:
        card = torch.cuda.get_device_properties(0)
        more = torch.cuda.device_count() - 1
        found = f"{card.name}, {card.total_memory / GIB:.0f} GiB{f', and {more} more' * bool(more)}"
        return Finding("GPU", found, True, "fine: longer training becomes possible")
    if complaints:
        verdict = "update the NVIDIA driver to use it; until then labs run on the CPU"
        return Finding("GPU", "one that PyTorch cannot use", False, verdict)
    return Finding("GPU", "none that PyTorch can use", True, "fine: no lab needs one")


def disk() -> Finding:
    """Measure the free space of the disk that holds the current folder."""
    free = shutil.disk_usage(Path.cwd()).free
    good = free >= LITTLE_DISK
    advice = "little: free some before labs that store data or trained nets"
    return Finding("free disk", f"{free / GIB:.1f} GiB", good, "fine" if good else advice)


def budget() -> Finding:
    """Say which budget is in use and what it means."""
    chosen = os.environ.get("FACELAB_BUDGET", "").strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the driver; `graphics` reports it
            name = budget_name()
    except ValueError:
        verdict = f"unknown: set FACELAB_BUDGET to one of {', '.join(NAMES)}, or to nothing"
        return Finding("budget", chosen, False, verdict)
    origin = "from FACELAB_BUDGET" if chosen else "the default here"
    return Finding("budget", f"{name}, {origin}", True, f"fine: {MEANINGS[name]}")


def lower_bounds() -> dict[str, tuple[int, ...]]:
    """Return the least version that facelab asks for, by package; nothing where it asks none."""
    bounds = {}
    for line in _own_metadata().get_all("Requires-Dist") or []:
        match = re.match(r"([\w.-]+)\s*(?:>=|==)\s*([\d.]+)(?![^;]*;.*extra)", line)
        if match:
            bounds[match[1].lower()] = numbers(match[2])
    return bounds


def memory_bytes() -> int | None:
    """Return the memory of the machine or the container, in bytes; None where it is not told."""
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return size
    return min(size, int(limit)) if limit.isdigit() else size


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers at the front of a version or bound: ">=2.13" and "2.13.0+cpu" compare."""
    match = re.match(r"[>=~\s]*(\d+(?:\.\d+)*)", version)
    parts = [int(part) for part in match[1].split(".")] if match else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version)) + (".0" if len(version) == 1 else "")


def _own_metadata() -> packages.PackageMetadata:
    return packages.metadata("facelab")
