"""pyproject.toml is the only list of packages: complete, and repeated nowhere."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())


def names(requirements: list[str]) -> list[str]:
    """Return the normalised package names of requirement lines."""
    return [re.split(r"[^\w.-]", line)[0].lower().replace("_", "-") for line in requirements]


def third_party_imports(files: list[Path]) -> dict[str, Path]:
    """Return every top-level module imported from outside, with a file that does so."""
    found = {}
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module]
            found.update({module.partition(".")[0]: file for module in modules})
    return {m: f for m, f in found.items() if m not in {*sys.stdlib_module_names, "facelab"}}


def pip_lines() -> list[str]:
    return next(entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))


def test_environment_yml_has_only_the_keys_it_needs():
    assert set(CONDA) <= {"name", "channels", "dependencies", "variables"}


def test_environment_yml_takes_all_packages_from_pyproject():
    (line,) = pip_lines()
    extras = re.fullmatch(r"-e \.\[([a-z,]+)\]", line).group(1).split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    plain = [entry for entry in CONDA["dependencies"] if isinstance(entry, str)]
    assert [entry.partition("=")[0] for entry in plain] == ["python", "pip"]


def test_environment_yml_brings_a_python_that_pyproject_accepts():
    (python,) = [e for e in CONDA["dependencies"] if isinstance(e, str) and e.startswith("python")]
    asked = tuple(map(int, python.partition("=")[2].split(".")))
    least = tuple(map(int, PROJECT["requires-python"].removeprefix(">=").split(".")))
    assert asked >= least


def test_no_package_is_listed_twice():
    listed = names(PROJECT["dependencies"])
    for extra in PROJECT["optional-dependencies"].values():
        listed += names(extra)
    assert sorted(listed) == sorted(set(listed))


@pytest.mark.parametrize(
    ("folder", "extras"),
    [("facelab", ["render"]), ("solutions/_source", []), ("tests", ["render", "test"])],
)
def test_every_imported_package_is_declared(folder, extras):
    declared = names(PROJECT["dependencies"])
    for extra in extras:
        declared += names(PROJECT["optional-dependencies"][extra])
    providers = packages_distributions()
    # A peer to compare with where somebody has it; what only the build of labs needs.
    optional = {"facenet_pytorch", "jupytext"}
    own = {"tests", "benchmarks", *(path.stem for path in (ROOT / "scripts").glob("*.py"))}
    missing = []
    for module, file in third_party_imports(sorted((ROOT / folder).rglob("*.py"))).items():
        if module in optional or (module in own and folder == "tests"):
            continue
        providing = {name.lower().replace("_", "-") for name in providers.get(module, [module])}
        if not providing & set(declared):
            missing.append(f"{file.relative_to(ROOT)} imports {module}")
    assert missing == [], "pyproject.toml lacks what is imported"
