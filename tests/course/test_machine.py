import importlib.metadata
import re
import socket
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch

from facelab.course import machine


@pytest.fixture(autouse=True)
def laptop(monkeypatch):
    monkeypatch.setenv("FACELAB_BUDGET", "laptop")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_the_table_tells_all_that_a_lab_depends_on():
    assert [finding.what for finding in machine.look()] == [
        *("Python", "PyTorch", "torchvision", "OpenCV", "JupyterLab"),
        *("CPU cores", "memory", "GPU", "free disk", "budget"),
    ]


def test_the_machine_that_passes_the_tests_has_the_right_versions():
    for finding in machine.look()[:5]:
        assert finding.good, finding
        assert finding.verdict == "fine"


def test_the_bounds_are_those_of_the_package():
    lines = importlib.metadata.requires("facelab")
    (torch_line,) = [line for line in lines if re.match(r"torch\b", line)]
    assert torch_line.endswith(".".join(map(str, machine.lower_bounds()["torch"])))
    assert "pytest" not in machine.lower_bounds()
    assert {*machine.SHOWN} <= {*machine.lower_bounds()}


def test_an_old_python_and_an_old_package_are_told_with_the_way_out(monkeypatch):
    old = machine.python("3.10.12")
    assert not old.good
    assert "3.11 or newer" in old.verdict and "make clean lab" in old.verdict
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.9.1+cpu")
    old = machine.package("torch")
    assert not old.good and old.verdict.startswith("too old: 2.")
    assert "pip install --upgrade torch torchvision" in old.verdict


def test_a_missing_package_is_told(monkeypatch):
    def gone(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", gone)
    finding = machine.package("jupyterlab")
    assert (finding.found, finding.good) == ("missing", False)
    assert "pip install --upgrade jupyterlab" in finding.verdict


@pytest.mark.parametrize(
    ("older", "newer"), [("2.9.1", "2.13"), ("3.10.12", ">=3.11"), ("4.6", "4.6.1"), ("4", "5.0.0")]
)
def test_versions_are_compared_number_by_number(older, newer):
    assert machine.numbers(older) < machine.numbers(newer)


def test_a_version_with_a_build_label_or_a_zero_is_the_same_version():
    assert machine.numbers("2.13.0+cpu") == machine.numbers(">=2.13") == (2, 13)


def test_little_memory_and_little_disk_are_told(monkeypatch):
    monkeypatch.setattr(machine, "memory_bytes", lambda: 2 * machine.GIB)
    assert machine.memory().cells()[1:] == [
        "2.0 GiB",
        "! little: close other programs, and keep one lab open at a time",
    ]
    monkeypatch.setattr(machine, "memory_bytes", lambda: None)
    assert machine.memory().good
    monkeypatch.setattr(
        machine.shutil, "disk_usage", lambda path: type("Usage", (), {"free": machine.GIB})
    )
    assert not machine.disk().good


def test_memory_is_a_plausible_number_of_bytes():
    size = machine.memory_bytes()
    assert size is None or 2**28 < size < 2**50


def test_a_machine_without_a_card_is_fine():
    finding = machine.graphics()
    assert finding.good and finding.found.startswith("none")


def test_a_card_with_an_old_driver_is_told_without_a_warning(monkeypatch):
    def complain():
        warnings.warn("The NVIDIA driver on your system is too old", stacklevel=2)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", complain)
    monkeypatch.delenv("FACELAB_BUDGET")
    finding = machine.graphics()
    assert not finding.good and "driver" in finding.verdict
    assert machine.budget().found == "laptop, the default here"


def test_a_usable_card_is_named_with_its_memory(monkeypatch):
    card = type("Card", (), {"name": "Some Card", "total_memory": 24 * machine.GIB})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    assert machine.graphics().found == "Some Card, 24 GiB, and 2 more"


def test_every_budget_has_a_meaning_and_an_unknown_one_a_way_out(monkeypatch):
    assert tuple(machine.MEANINGS) == machine.NAMES
    for name in machine.NAMES:
        monkeypatch.setenv("FACELAB_BUDGET", name)
        assert machine.budget().cells()[1:] == [
            f"{name}, from FACELAB_BUDGET",
            f"✓ fine: {machine.MEANINGS[name]}",
        ]
    monkeypatch.setenv("FACELAB_BUDGET", "turbo")
    finding = machine.budget()
    assert (finding.found, finding.good) == ("turbo", False)
    assert "smoke, laptop, gpu, paper" in finding.verdict


def test_the_summary_counts_what_is_to_do():
    fine = machine.Finding("a", "1", True, "fine")
    old = machine.Finding("b", "1", False, "too old")
    assert machine.summary([fine]) == "Everything is fine."
    assert machine.summary([fine, old]) == "1 of 2 lines marked ! needs a look."
    assert machine.summary([old, old]) == "2 of 2 lines marked ! need a look."


class Headers(HTMLParser):
    def __init__(self):
        super().__init__()
        self.scopes = []

    def handle_starttag(self, tag, attributes):
        if tag == "th":
            self.scopes.append(dict(attributes).get("scope"))


def test_the_page_is_a_table_that_a_screen_reader_can_follow(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(machine, "publish", lambda text, markup: shown.extend([text, markup]))
    machine.show()
    text, markup = shown
    found = Headers()
    found.feed(markup)
    assert found.scopes == ["col"] * 3 + ["row"] * 10
    assert "<caption>" in markup
    assert len(text.splitlines()) == 13


def test_the_table_names_neither_the_machine_nor_its_folders(capsys):
    machine.show()
    said = capsys.readouterr().out
    assert "PyTorch" in said
    for secret in (socket.gethostname(), str(Path.home()), str(Path.cwd()), sys.prefix):
        assert len(secret) < 2 or secret not in said
