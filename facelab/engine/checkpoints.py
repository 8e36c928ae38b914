"""Checkpoints: everything a run needs to go on as if it had never stopped, in one file.

The file holds tensors, numbers and texts only and is read with `weights_only=True`, so a hostile
one cannot run code. It is replaced in one go: a kill at any moment leaves the old or the new one.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from facelab.engine.budget import Budget
from facelab.engine.files import TEMPORARY, replacing, write_whole

NAME = "checkpoint.pt"
LOG = "log.jsonl"
FORMAT = "facelab checkpoint 1"


class CheckpointError(ValueError):
    """A checkpoint cannot be used; the message says which file, why and what to do."""


def identity(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scheduler: Any,
    budget: Budget,
    **more: Any,
) -> dict[str, str]:
    """Describe a run in texts: two runs with the same description may share a checkpoint.

    The time limit is left out: a run that ran out of time may be given more.
    more: whatever else decides the result, such as seed and precision; anything JSON can hold.
    """
    shapes = {name: list(value.shape) for name, value in model.state_dict().items()}
    groups = [len(group["params"]) for group in optimizer.param_groups]
    return {
        "budget": f"{budget.name}: {budget.steps} steps of {budget.batch} from {budget.images}",
        "model": json.dumps(shapes, sort_keys=True),
        "optimizer": f"{type(optimizer).__name__} {groups} {_text(optimizer.defaults)}",
        "scheduler": type(scheduler).__name__,
        **{name: _text(value) for name, value in more.items()},
    }


def save_checkpoint(folder: Path, state: Mapping[str, Any], about: Mapping[str, str]) -> None:
    """Write the state of the run that `about` describes to the folder's checkpoint, atomically.

    The first checkpoint of a folder is read again at once: better to hear now than after a kill
    that a scheduler keeps something that cannot be read back.
    Raises CheckpointError in that case and OSError when the file cannot be written.
    """
    path = folder / NAME
    first = not path.exists()
    with replacing(path) as temporary:
        torch.save({"format": FORMAT, "identity": dict(about), **state}, temporary)
        if first:
            _read(temporary)


def clear_remains(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote a checkpoint or log."""
    for name in (NAME, LOG):
        for file in folder.glob(f".{name}.*{TEMPORARY}"):
            file.unlink(missing_ok=True)


def discard_checkpoint(folder: Path) -> None:
    """Remove checkpoint and log of an earlier run, so that a new one cannot be taken for it."""
    for name in (NAME, LOG):
        (folder / name).unlink(missing_ok=True)


def load_checkpoint(folder: Path, about: Mapping[str, str]) -> dict[str, Any] | None:
    """Read the folder's checkpoint, tensors on the CPU; None when there is none.

    Raises CheckpointError when it is damaged, something else, or of a run that `about` does not
    describe.
    """
    path = folder / NAME
    if not path.exists():
        return None
    state = _read(path)
    found = state["identity"]
    differing = [name for name in about if found.get(name) != about[name]]
    if differing:
        name = differing[0]
        raise CheckpointError(
            f"{path} belongs to another run: {', '.join(differing)} differ ({name}: "
            f"{_difference(found.get(name, 'none'), about[name])}); "
            "choose another folder, or start anew with resume=False (--no-resume)"
        )
    return state


def write_log(folder: Path, rows: list[dict[str, Any]]) -> None:
    """Make the folder's log hold exactly these rows, a line of JSON each."""
    write_whole(folder / LOG, "".join(json.dumps(row) + "\n" for row in rows))


def append_log(folder: Path, row: Mapping[str, Any]) -> None:
    """Add a row to the folder's log."""
    with open(folder / LOG, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _read(path: Path) -> dict[str, Any]:
    advice = "delete it to start anew, or put back a copy"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # torch's own message advises to run the file as a program
        raise CheckpointError(
            f"{path}: damaged, or it holds more than tensors, numbers and texts; {advice}"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: cannot be read ({reason}); {advice}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path}: not a checkpoint of facelab.engine.training; {advice}")
    return state


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _difference(found: str, wanted: str, *, room: int = 60) -> str:
    """Show two texts from a little before the place where they part."""
    both = zip(found, wanted, strict=False)
    at = next((i for i, (a, b) in enumerate(both) if a != b), min(len(found), len(wanted)))
    start = max(0, at - room // 2)
    cut = [("..." if start else "") + text[start : start + room] for text in (found, wanted)]
    return f"there {cut[0]!r}, here {cut[1]!r}"
