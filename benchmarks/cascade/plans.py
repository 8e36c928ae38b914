"""How much the claims train under each budget, and which trainings that makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

STRUCTURES = ("S0", "S3", "S4", "S5", "S6", "S7")
"""Structures of F1 that figure 4 of the paper compares; S0 is F1 itself."""

SHIFTED = ("S0", "S7")
LONGER = ("S0", "S3", "S6", "S7")
"""Structures that are also trained longer: does their order depend on how long they learn?"""

SHIFT, FAR_SHIFT, SCALE = 0.05, 0.25, 0.05
"""Largest shift of a box, in its sides, as usual and in the shifted experiment; largest scaling."""

SWEEP_SEED = 1000
"""Seed of the trainings that choose learning rates: one that no claim uses."""


@dataclass(frozen=True)
class Plan:
    """Say how much is trained.

    faces: of training people, each sprite once or several times on other backgrounds. judged: faces
    of validation people, and of test people. steps, batch: of a network of level 1. local_steps,
    local_batch: of the ten networks of level 2 or 3, in faces. longer, longer_batch: steps and
    batch of the structures in `LONGER`, at the rates chosen for the short trainings.
    rates: learning rates that every network tries. sweep: share of the steps that a trial has.
    """

    name: str
    faces: int
    judged: int
    steps: int
    batch: int
    local_steps: int
    local_batch: int
    longer: int
    longer_batch: int
    rates: tuple[float, ...] = (1.5e-3, 3e-3, 6e-3)
    sweep: float = 0.25

    def images(self, sprites: int) -> int:
        """Say how many faces are made of so many sprites: all of them, equally often, or fewer."""
        return self.faces if self.faces < sprites else round(self.faces / sprites) * sprites

    def about(self) -> dict[str, object]:
        """Give all of it for JSON."""
        return asdict(self)


PLANS = {
    "smoke": Plan("smoke", 32, 32, 4, 8, 4, 4, 6, 8, rates=(3e-3,)),
    "laptop": Plan("laptop", 24_000, 2_000, 9_000, 16, 3_000, 16, 30_000, 32),
    "gpu": Plan("gpu", 60_000, 5_000, 60_000, 64, 20_000, 64, 200_000, 64),
    "paper": Plan("paper", 600_000, 5_000, 400_000, 64, 100_000, 64, 1_000_000, 64),
}


@dataclass(frozen=True, order=True)
class Job:
    """One training. network: a structure, EN1, NM1, "level 2" or "level 3".

    shift: largest shift of the boxes that it learns from and is tested on, in sides of the square.
    """

    network: str
    seed: int
    steps: int
    batch: int
    rate: float
    shift: float = SHIFT

    @property
    def name(self) -> str:
        """Give a name for files; two jobs that differ have two names."""
        words = [self.network, f"seed{self.seed}", f"{self.steps}x{self.batch}", f"{self.rate:g}"]
        return "-".join([*words, f"shift{self.shift:g}"]).replace(" ", "")


def sweep_jobs(plan: Plan) -> list[Job]:
    """List the trials that choose a learning rate for every network: all alike, on the same
    batches, a share of the steps each."""
    short = replace(
        plan,
        steps=max(1, round(plan.steps * plan.sweep)),
        local_steps=max(1, round(plan.local_steps * plan.sweep)),
    )
    if len(plan.rates) == 1:
        return []
    names = (*STRUCTURES, "EN1", "NM1", "level 2", "level 3")
    return [_job(short, name, SWEEP_SEED, rate) for name in names for rate in plan.rates]


def chosen_rates(plan: Plan, errors: dict[Job, float]) -> dict[str, float]:
    """Give each network the rate with the lowest validation error. errors: of all trials.

    A structure's rate serves its shifted experiment too.
    """
    if len(plan.rates) == 1:
        names = (*STRUCTURES, "EN1", "NM1", "level 2", "level 3")
        return dict.fromkeys(names, plan.rates[0])
    rates: dict[str, float] = {}
    for job in sorted(errors, key=errors.__getitem__):
        rates.setdefault(job.network, job.rate)
    return rates


def claim_jobs(plan: Plan, seeds: Sequence[int], rates: dict[str, float]) -> list[Job]:
    """List the trainings of the claims, seed by seed, so that early seeds are complete first."""
    jobs = []
    for seed in seeds:
        for name in (*STRUCTURES, "EN1", "NM1", "level 2", "level 3"):
            jobs.append(_job(plan, name, seed, rates[name]))
        for name in SHIFTED:
            jobs.append(replace(_job(plan, name, seed, rates[name]), shift=FAR_SHIFT))
    for seed in seeds:  # last, as they take more time than all others
        jobs += [Job(name, seed, plan.longer, plan.longer_batch, rates[name]) for name in LONGER]
    return jobs


def label(job: Job, plan: Plan) -> str:
    """Name what a job measures: its network, and what is unusual about its training."""
    if job.shift == FAR_SHIFT:
        return f"{job.network} shifted"
    return f"{job.network} longer" if _is_longer(job, plan) else job.network


def _is_longer(job: Job, plan: Plan) -> bool:
    return job.network in LONGER and (job.steps, job.batch) == (plan.longer, plan.longer_batch)


def of_seed(jobs: Sequence[Job], seed: int) -> list[Job]:
    """Choose the jobs of a seed."""
    return [job for job in jobs if job.seed == seed]


def _job(plan: Plan, network: str, seed: int, rate: float) -> Job:
    local = network.startswith("level")
    steps = plan.local_steps if local else plan.steps
    return Job(network, seed, steps, plan.local_batch if local else plan.batch, rate)
