"""Test what is said of the landmark cascade: facelab reproduce dcnn_cascade [--seeds 3]

Trains the cascade and the paper's other structures of its first network on synthetic people, once a
seed, and measures them on people that they never saw; two hours on two cores with the laptop
budget, more than half of them for four structures that learn longer.
Learning rates are tuned first, alike for every network: each tries the same rates for a share of
the steps, and the lowest error on validation people decides. Then every network has the same faces
in the same order and the same number of steps. A run that was stopped goes on where it was.

Writes dcnn_cascade.json, the claim table of lab 02, and dcnn_cascade_levels.json, the figures by
level, structure and point, both with the paper's values. What counts as reproduced was fixed before
anything was measured: benchmarks/cascade/verdicts.py.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cascade import claims, plans
from cascade.paper import PAPER, Figures
from cascade.plans import Job, Plan
from cascade.store import Store, spread

RESULTS = Path(__file__).parent / "results"
SEEDS = 3
LEVELS = ("F1", "EN1", "NM1", "level 1", "level 2", "level 3")
NOTES = {
    "S0": "four convolutions, locally shared",
    "S3": "three convolutions",
    "S4": "two convolutions",
    "S5": "one convolution",
    "S6": "no absolute value",
    "S7": "globally shared",
}
Runs = dict[int, dict[str, Any]]


def do(job: Job, folder: Path) -> dict[str, Any]:
    """Train one network and store its figures, and its weights where a cascade needs them."""
    import torch
    from cascade.faces import SPLITS, faces_file, load_faces
    from cascade.training import PARTS, figures, network_errors, train

    from facelab.engine.weights import save_tensors

    torch.set_num_threads(1)
    faces = {split: load_faces(faces_file(folder, split)) for split in SPLITS}
    network = train(job, faces["train"])
    judged = faces | {"train": faces["train"].select(slice(len(faces["test"])))}
    found = {split: figures(network_errors(job, network, one)) for split, one in judged.items()}
    if job.network in PARTS and job.shift == plans.SHIFT and job.seed != plans.SWEEP_SEED:
        save_tensors(weights_of(folder, job), network.state_dict(), {})
    Store(folder).put(job.name, found)
    return found


def weights_of(folder: Path, job: Job) -> Path:
    """Say where the weights of a job lie."""
    return folder / f"{job.name}.safetensors"


def run(jobs: Sequence[Job], store: Store, *, workers: int) -> dict[Job, dict[str, Any]]:
    """Do the jobs that are not done yet, in several processes; give the figures of all."""
    from tqdm.auto import tqdm

    found = {job: stored for job in jobs if (stored := store.get(job.name)) is not None}
    left = [job for job in jobs if job not in found]
    work = functools.partial(do, folder=store.folder)
    silent = not sys.stderr.isatty()
    with tqdm(total=len(jobs), initial=len(found), desc="networks", disable=silent) as bar:
        for job, result in spread(left, work, workers=workers):
            found[job] = result
            bar.update()
            if silent:
                error = claims.mean_known(result["test"]["error"])
                print(f"{len(found)} of {len(jobs)}: {job.name} {error:.2f} %", flush=True)
    return found


def tuned(plan: Plan, store: Store, *, workers: int) -> dict[str, float]:
    """Give each network the learning rate that is best for it on validation people."""
    found = run(plans.sweep_jobs(plan), store, workers=workers)
    errors = {job: claims.mean_known(one["validation"]["error"]) for job, one in found.items()}
    return plans.chosen_rates(plan, errors)


def cascades(jobs: Sequence[Job], store: Store, plan: Plan) -> dict[str, Any]:
    """Put the networks of a seed together and measure the cascade."""
    from cascade.faces import faces_file, load_faces
    from cascade.training import PARTS, assemble, cascade_errors, figures

    from facelab.engine.weights import read_tensors

    parts = {
        job.network: read_tensors(weights_of(store.folder, job))[0]
        for job in jobs
        if job.network in PARTS and plans.label(job, plan) == job.network
    }
    errors = cascade_errors(assemble(parts), load_faces(faces_file(store.folder, "test")))
    return {name: figures(found) for name, found in errors.items()}


def shipped(seed: int, plan: Plan, pack: Path | None) -> dict[str, Any]:
    """Measure the shipped weights on held-out people, on other backgrounds; {} without weights."""
    from cascade.faces import frontal
    from cascade.training import figures, off_boxes

    import facelab
    from facelab.engine.weights import WeightsError
    from facelab.humans import load_pack
    from facelab.landmarks.dcnn_cascade.evaluation import errors_by_level
    from facelab.landmarks.judging import unseen_patches

    try:
        cascade = facelab.load("dcnn_cascade")
    except WeightsError as problem:
        print(f"shipped weights: {problem}", file=sys.stderr)
        return {}
    faces = unseen_patches(load_pack(pack, split="test"), limit=plan.judged, seed=1_000 + seed)
    ahead, found = frontal(faces), {}
    for name, some in (("shipped", faces), ("shipped, frontal", ahead)):
        errors = errors_by_level(cascade, some)
        hidden = ~some.attributes["visible"]
        off = errors_by_level(cascade, some, squares=off_boxes(some))["level 3"]
        found |= {
            name: figures(errors["level 3"]),
            f"{name}, visible": figures(errors["level 3"].masked_fill(hidden, math.nan)),
            f"{name}, boxes off": figures(off),
            **{f"{name}, {level}": figures(errors[level]) for level in LEVELS},
        }
    return found


def measure(plan: Plan, store: Store, options: argparse.Namespace) -> tuple[Runs, dict[str, float]]:
    """Train and measure everything: figures by seed, and the learning rates that were chosen."""
    rates = tuned(plan, store, workers=options.workers)
    seeds = range(options.seeds)
    jobs = plans.claim_jobs(plan, seeds, rates)
    found = run(jobs, store, workers=options.workers)
    runs: Runs = {}
    for seed in seeds:
        own = plans.of_seed(jobs, seed)
        alone = {
            plans.label(job, plan): found[job]["test"] | {"learnt": found[job]["train"]["error"]}
            for job in own
            if "level" not in job.network
        }
        runs[seed] = alone | cascades(own, store, plan) | shipped(seed, plan, options.data)
    return runs, rates


def levels_file(
    runs: Runs, rates: dict[str, float], *, plan: Plan, how: str, command: str
) -> dict[str, Any]:
    """Give all figures by level, structure and point, with the paper's, for the lab to draw."""
    from facelab.geometry.landmarks import FIVE

    def rows(names: Sequence[str], paper: Figures) -> list[dict[str, Any]]:
        made = []
        for name in names:
            ours = [run[name] for run in runs.values() if name in run]
            if ours:
                columns = {kind: [one[kind] for one in ours] for kind in ours[0]}
                made.append({"name": name, **columns, "paper": paper.get(name, {})})
        return made

    others = sorted({name for run in runs.values() for name in run} - {*LEVELS, *NOTES})
    return {
        "command": command,
        "how": how,
        "plan": plan.about(),
        "seeds": list(runs),
        "points": list(FIVE),
        "unit": "error, and learnt on training faces: % of the box width; failures: % above 5 %",
        "rates": rates,
        "levels": rows(LEVELS, PAPER),
        "structures": [row | {"note": NOTES[row["name"]]} for row in rows(list(NOTES), PAPER)],
        "others": rows(others, {}),
    }


def command_of(options: argparse.Namespace) -> str:
    """Give the command that makes these results again."""
    seeds = f" --seeds {options.seeds}" if options.seeds != SEEDS else ""
    return claims.COMMAND + seeds + (" --data PACK" if options.data is not None else "")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; see the top of this file."""
    options = parsed(arguments)
    from cascade.faces import pack_in_words, prepare

    plan, pack = plans.PLANS[options.budget], pack_in_words(options.data)
    store = Store(options.work, {"plan": plan.about(), "pack": pack})
    words = prepare(store, plan, options.data)
    data = (
        f"{words['train']} ({pack}) to learn from, {words['test']} that were held out; boxes off "
        "by up to 5 %"
    )
    runs, rates = measure(plan, store, options)
    command = command_of(options)
    how = (
        f"`{command}`; {data}; seeds: {len(runs)}; steps: {plan.steps:,} of {plan.batch} faces at "
        f"level 1, {plan.local_steps:,} of {plan.local_batch} at levels 2 and 3; longer: "
        f"{plan.longer:,} of {plan.longer_batch}."
    )
    table = claims.rows(runs, data=data, budget=plan.name, command=command)
    levels = levels_file(runs, rates, plan=plan, how=how, command=command)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, result in (("dcnn_cascade", table), ("dcnn_cascade_levels", levels)):
        (options.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    for row in table:
        ours = ", ".join(f"{value:.2f}" for value in row["ours"]) or "-"
        print(f"{row['verdict']:<16} {row['claim']}: {ours} {row['unit']} ({row['why']})")
    print(f"written: {options.out}/dcnn_cascade.json and dcnn_cascade_levels.json")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many; a verdict needs three")
    parser.add_argument("--budget", choices=list(plans.PLANS), default="laptop")
    parser.add_argument("--data", type=Path, metavar="PACK", help="not the shipped people")
    parser.add_argument("--out", type=Path, metavar="DIR", help="not benchmarks/results")
    parser.add_argument("--work", type=Path, metavar="DIR", help="what is finished; runs/... here")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.workers < 0:
        parser.error("--seeds is at least 1, --workers at least 0")
    name = "shipped" if options.data is None else options.data.name
    options.work = options.work or Path("runs") / f"dcnn_cascade-{options.budget}-{name}"
    # a short look does not replace the results of the real thing
    options.out = options.out or (options.work if options.budget == "smoke" else RESULTS)
    return options


if __name__ == "__main__":
    main()
