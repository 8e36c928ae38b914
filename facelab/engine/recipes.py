"""The recipes that `facelab train` knows: name -> the function that trains the shipped weights.

    function(data, *, budget, seed, folder, on_log) -> (tensors, card)

data: folder of a pack of synthetic people, or None for the shipped one. budget: a `Budget`. folder:
where `fit` keeps checkpoints. tensors: name -> Tensor, what `save_tensors` writes. card: anything
JSON: data in words, steps, figures. The module has BUDGETS, a tuple of four `Budget`s, from which
`budget` is chosen.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import facelab
from facelab.engine.budget import Budget
from facelab.engine.checkpoints import LOG
from facelab.engine.files import write_whole

RECIPES = {
    name: f"facelab.landmarks.{name}.train:train_on_people"
    for name in ("dcnn_cascade", "coarse_to_fine", "cfan", "faceposenet")
} | {"mtcnn": "facelab.detection.mtcnn.train:train_on_people"}
ABOUT = "run.json"


class RecipeError(ValueError):
    """A recipe cannot be run as asked; the message says what to do."""


@dataclass(frozen=True)
class Recipe:
    """A recipe, imported. budgets: its rows; function: see above."""

    name: str
    budgets: tuple[Budget, ...]
    function: Callable[..., tuple[Mapping[str, Any], Mapping[str, Any]]]

    def budget(self, name: str) -> Budget:
        """Return the row of this name. Raises RecipeError when there is none."""
        for row in self.budgets:
            if row.name == name:
                return row
        known = ", ".join(row.name for row in self.budgets)
        raise RecipeError(f"{self.name} has no budget {name!r}; known: {known}")


@dataclass(frozen=True)
class Order:
    """What is asked of a recipe. data: folder of a pack, None is the shipped one. limit: whether
    the budget's seconds count."""

    recipe: str
    budget: str
    seed: int = 0
    data: Path | None = None
    storage: str = "float32"
    limit: bool = True

    @property
    def command(self) -> str:
        """The command that asks for it, without the names of what it writes."""
        words = ["facelab", "train", self.recipe, "--budget", self.budget, "--seed", str(self.seed)]
        if self.data is not None:
            words += ["--data", str(self.data)]
        if self.storage != "float32":
            words += ["--storage", self.storage]
        if not self.limit:
            words.append("--no-limit")
        return shlex.join(words)


def names() -> list[str]:
    """List the names of the recipes."""
    return sorted(RECIPES)


def recipe(name: str) -> Recipe:
    """Import a recipe. Raises RecipeError when none has this name."""
    if name not in RECIPES:
        raise RecipeError(f"no recipe is named {name!r}; known: {', '.join(names())}")
    module_name, function = RECIPES[name].split(":")
    module = importlib.import_module(module_name)
    return Recipe(name, tuple(module.BUDGETS), getattr(module, function))


def check_folder(order: Order, folder: Path) -> None:
    """Refuse a folder that holds the work of another order.

    Raises RecipeError that names what differs.
    """
    file = folder / ABOUT
    if not file.exists():
        return
    text, wanted = file.read_text(encoding="utf-8", errors="replace").strip(), _about(order)
    if text != json.dumps(wanted):
        raise RecipeError(
            f"{folder} holds the work of another run: {text[:200]}, not {json.dumps(wanted)}; "
            "choose another folder with --work, or start anew with --no-resume"
        )


def run(order: Order, folder: Path, *, on_log: Any = None, write: bool = True) -> tuple[Any, Any]:
    """Run a recipe; return its tensors and the full card.

    folder: for checkpoints; `check_folder` first. write: False in all processes but the first.
    """
    made = recipe(order.recipe)
    budget = made.budget(order.budget)
    if write:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / ABOUT, json.dumps(_about(order)) + "\n")
    begun = time.perf_counter()
    tensors, card = made.function(
        order.data, budget=budget, seed=order.seed, folder=folder, on_log=on_log
    )
    usual = {
        "data": "the shipped people" if order.data is None else f"the pack {order.data.name}",
        "steps": budget.steps,
        "figures": {},
    }
    fixed = {
        "recipe": order.recipe,
        "command": order.command,
        "budget": order.budget,
        "seed": order.seed,
        "storage": order.storage,
        "seconds": round(time.perf_counter() - begun, 1),
        "runs": runs(folder),
        "facelab": facelab.__version__,
        "commit": commit(),
    }
    return dict(tensors), {**usual, **card, **fixed}


def runs(folder: Path) -> dict[str, dict[str, float]]:
    """Return the steps and seconds that each run of `fit` below a folder took, all parts counted,
    from the last line of its log."""
    found = {}
    for log in sorted(folder.rglob(LOG)):
        last = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
        name = log.parent.relative_to(folder).as_posix()
        found[name] = {"steps": last["step"], "seconds": round(last["seconds"], 1)}
    return found


def commit() -> str | None:
    """Return the commit of the clone that this package is in, with -dirty after it when files have
    changed; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        found = subprocess.run(command, check=True, capture_output=True, text=True, timeout=10)
        return found.stdout.strip() or None
    return None


def _about(order: Order) -> dict[str, Any]:
    """Describe what decides the checkpoints of an order, in JSON."""
    data = None if order.data is None else str(order.data.resolve())
    return {"recipe": order.recipe, "budget": order.budget, "seed": order.seed, "data": data}
