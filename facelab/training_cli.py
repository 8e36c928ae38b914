"""`facelab train` runs the recipe of a model, `facelab reproduce` measures a paper's claims."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from facelab.cli import MISUSED, PHOTO_FAILED, readable, told

if TYPE_CHECKING:
    from facelab.engine.processes import Machine
    from facelab.engine.recipes import Order

_SETTINGS: dict[str, Any] = {
    "no_args_is_help": True,
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
train_app = typer.Typer(name="train", **_SETTINGS)
reproduce_app = typer.Typer(name="reproduce", **_SETTINGS)


@train_app.command()
def train(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Recipe; a wrong one lists them.")],
    data: Annotated[
        Path | None, typer.Option(metavar="PACK", help="Folder of a pack, not the shipped people.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="smoke, laptop, gpu or paper; without it FACELAB_BUDGET, or what fits here.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another run.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights to write; by default NAME_BUDGET_seedN here."),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Checkpoints and logs; by default FILE.work beside FILE."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--no-resume", help="Go on from the checkpoints in DIR.")
    ] = True,
    limit: Annotated[
        bool,
        typer.Option(
            "--limit/--no-limit", help="Stop at the budget's time; or take all steps anyway."
        ),
    ] = True,
    storage: Annotated[
        str, typer.Option(metavar="KIND", help="How the weights are kept: float32, float16, int8.")
    ] = "float32",
    devices: Annotated[int, typer.Option(min=1, help="Processes, each on a device.")] = 1,
    accelerator: Annotated[
        str, typer.Option(metavar="KIND", help="auto, cpu, cuda or mps.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(metavar="KIND", help="32-true, bf16-mixed or 16-mixed.")
    ] = "32-true",
) -> None:
    """Train a model on synthetic people by its recipe, and write its weights with a card.

    Ctrl-C saves; the same command goes on from there, and ends with the same weights as if it had
    never stopped. A folder of the work of another command is refused.

    \b
    facelab train dcnn_cascade --budget smoke      to see that it works
    facelab train cfan --data PACK --out my.safetensors
    facelab train cfan --budget gpu --no-limit     as long as it takes, without a card
    torchrun --nproc_per_node 2 -m facelab.cli train cfan      on two cards

    The weights are loaded by facelab.load(NAME, weights=FILE). FILE.json beside them says how they
    were made and how good they are.

    Exit status: 0 all went well, 1 training failed, 2 the command was misused, 130 interrupted.
    """
    from facelab.engine import processes, recipes, weights
    from facelab.engine.budget import budget_name

    with told(failed=MISUSED):
        choice = budget or budget_name()
        recipes.recipe(name).budget(choice)
        out = out or Path(f"{name}_{choice}_seed{seed}.safetensors")
        work = work or out.with_name(out.stem + ".work")
        _require_places(out, data)
        order = recipes.Order(name, choice, seed, data, storage, limit)
        machine = processes.Machine(accelerator, devices, precision, resume, limit)
        weights.check_storage(storage)
        if resume:
            recipes.check_folder(order, work)
    stopped = f"interrupted; the same command goes on from {readable(work)}"
    with told(FloatingPointError, failed=PHOTO_FAILED, stopped=stopped):
        _train(order, out, work, machine)


@reproduce_app.command(
    context_settings={
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": ["-h", "--help"],
    }
)
def reproduce(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Paper; a wrong one lists them.")],
    options: Annotated[
        list[str] | None, typer.Argument(metavar="OPTION", help="Passed on; --help shows them.")
    ] = None,
) -> None:
    """Measure what a paper claims, over several seeds, and write the results.

    Runs benchmarks/NAME_claims.py of the repository that we are in, or that the package lies in.
    The claim tables of the labs are made from what it writes to benchmarks/results.

    \b
    facelab reproduce mtcnn
    facelab reproduce dcnn_cascade --help

    Exit status: that of the program, 2 when there is none of this name.
    """
    with told(failed=MISUSED):
        program = claims_program(name)
    paths = [str(program.parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    with told():
        command = [sys.executable, str(program), *(options or ())]
        status = subprocess.run(command, env=environment).returncode
    raise typer.Exit(status)


def claims_program(name: str) -> Path:
    """Return the program that measures the claims of a paper.

    Raises ValueError when there is none, or no repository.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        programs = sorted((folder / "benchmarks").glob("*_claims.py"))
        if programs and (folder / "facelab").is_dir():
            break
    else:
        raise ValueError(
            "what measures the claims is part of the repository (benchmarks/NAME_claims.py), not "
            "of the installed package: run this from a clone"
        )
    known = {program.stem.removesuffix("_claims"): program for program in programs}
    if name not in known:
        raise ValueError(f"no claims are named {name!r} in {folder}; known: {', '.join(known)}")
    return known[name]


def _require_places(out: Path, data: Path | None) -> None:
    """Refuse files that cannot be read or written before the work, not after it.

    Raises ValueError.
    """
    if out.suffix != ".safetensors":
        raise ValueError(f"{out}: the name of weights ends with .safetensors; change --out")
    if not out.absolute().parent.is_dir():
        raise ValueError(f"{out}: there is no folder {out.parent}; make it, or change --out")
    if data is not None and not data.is_dir():
        raise ValueError(f"{data}: no such folder; --data is a pack of people")


def _train(order: Order, out: Path, work: Path, machine: Machine) -> None:
    """Run the order in as many processes as asked for; the first one prints and writes."""
    from facelab.engine import processes, recipes, weights
    from facelab.engine.budget import BudgetTable, duration

    fabric = processes.start(machine)
    fabric.barrier()  # all have looked at the folder before one writes to it
    if fabric.is_global_zero:
        print(BudgetTable(recipes.recipe(order.recipe).budgets, order.budget), flush=True)
    with processes.using_machine(machine):
        tensors, card = recipes.run(order, work, write=fabric.is_global_zero)
    if not fabric.is_global_zero:
        return
    weights.save_tensors(out, tensors, card, storage=order.storage)
    beside = weights.write_card(out)
    for figure, value in card["figures"].items():
        print(f"{figure}: {value:.4g}" if isinstance(value, float) else f"{figure}: {value}")
    size = f"{out.stat().st_size / 2**20:.2f} MiB"
    took = duration(card["seconds"])
    print(f"{readable(out)} ({size}) and {readable(beside)} written after {took}")
