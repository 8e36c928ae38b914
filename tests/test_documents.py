"""What the documents promise exists: files, commands and labs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import facelab
from facelab import samples
from facelab.course.labs import ALL, EXTRAS, LABS
from facelab.engine.weights import models
from facelab.humans import assets
from facelab.images import write_image

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md"]
PAGES = [*DOCUMENTS, "docs/humans.md", "docs/eval.md", "docs/landmarks.md", "datasets/README.md"]
README = (ROOT / "README.md").read_text()
PEOPLE = (ROOT / "docs" / "humans.md").read_text()
LANDMARKS = (ROOT / "docs" / "landmarks.md").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_every_linked_file_is_there(name):
    page = ROOT / name
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_page_on_synthetic_people_can_be_typed_in():
    loaders, drawing = re.findall(r"(?ms)^```python\n(.*?)^```", PEOPLE)
    names: dict = {}
    exec(loaders.replace("    ...", "    break"), names)
    assert len(names["scene"]) > 0
    assert names["images"].shape == (64, 3, 112, 112)
    if not assets.available():
        pytest.skip("drawing people needs the assets, which are not there")
    exec(drawing, names)
    assert names["sprite"].rgba.shape == (128, 128, 4)


def test_the_commands_on_synthetic_people_exist():
    commands = set(re.findall(r"(?m)^    facelab data ([a-z-]+)", PEOPLE))
    known = subprocess.run(
        [sys.executable, "-m", "facelab.cli", "data", "--help"], capture_output=True, text=True
    ).stdout
    assert commands >= {"info", "verify", "humans"}
    assert all(re.search(rf"(?m)^  {command} ", known) for command in commands)


def test_the_page_on_landmarks_can_be_typed_in(monkeypatch, tmp_path, capsys):
    use, train = re.findall(r"(?ms)^```python\n(.*?)^```", LANDMARKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACELAB_BUDGET", "smoke")
    portrait = samples.photo("astronaut")
    write_image("portrait.jpg", portrait)
    names: dict = {}
    exec(use, names)
    count = len(names["faces"])
    assert count > 0
    assert names["points"].shape == (count, 5, 2)
    angles = re.findall(r"-?\d+\.\d+", capsys.readouterr().out)
    assert len(angles) == 3 * count
    folder = tmp_path / "helen" / "trainset"
    folder.mkdir(parents=True)
    write_image(folder / "portrait.jpg", portrait)
    shape = 200 + 60 * np.random.default_rng(0).random((68, 2))
    rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in shape)
    (folder / "portrait.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    exec(train, names)
    assert len(names["patches"]) == 1
    assert set(names["histories"]) == {"F1", "EN1", "NM1", "level 2", "level 3"}


def test_the_systems_on_the_page_on_landmarks_are_those_that_load():
    shown = set(re.findall(r'(?m)^\| `"(\w+)"` \|', LANDMARKS))
    assert shown == {path.parent.name for path in (ROOT / "facelab/landmarks").glob("*/predict.py")}
    assert shown <= set(models())


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


def test_the_map_links_the_sequels_that_work():
    linked = re.findall(r"\(notebooks/(extras/[^)]*)\)", README)
    assert linked == [lab.place.as_posix() for lab in EXTRAS if lab.available]


def test_every_available_lab_is_in_both_editions():
    for lab in ALL:
        for folder in ("notebooks", "solutions"):
            assert (ROOT / folder / lab.place).exists() == lab.available, lab.name


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
