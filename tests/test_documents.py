"""What the documents promise exists: files, commands and labs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import facelab
from facelab.course.labs import LABS

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md"]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_linked_file_is_there(name):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_is_there(name):
    asked = set(re.findall(r"(?m)(?:`|^|&& )make ([a-z-]+)", (ROOT / name).read_text()))
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    assert asked
    assert asked <= targets


def test_the_map_of_labs_says_what_works_today():
    rows = re.findall(r"(?m)^\| (\d\d) \| (.*) \| ([^|]*) \|$", README)
    assert [int(number) for number, _, _ in rows] == [lab.number for lab in LABS]
    for (_, title, works), lab in zip(rows, LABS, strict=True):
        assert works.startswith("yes") == lab.available, lab.name
        assert (f"(notebooks/{lab.name}.ipynb)" in title) == lab.available, lab.name


def test_every_available_lab_is_in_both_editions():
    for lab in LABS:
        for folder in ("notebooks", "solutions"):
            assert (ROOT / folder / f"{lab.name}.ipynb").exists() == lab.available, lab.name


def test_the_citation_names_the_version_and_licence_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == facelab.__version__
    assert citation["license"] == "MIT"
    assert citation["authors"] == [{"name": "the facelab authors"}]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_the_ci_script_is_executable_bash():
    script = ROOT / ".ci/run"
    subprocess.run(["bash", "-n", script], check=True)
    assert script.stat().st_mode & 0o111
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert workflow["jobs"]["test"]["steps"][-1] == {"run": ".ci/run"}
