"""Instant checks: `nms = check.nms(nms)` says what is wrong and returns what to go on with.

A check is a function `(fn) -> None` in facelab/course/checks/, registered with `@exercise`. It
treats fn as a black box (see probing.py), holds named cases, and draws fresh random inputs from
`rng()`. `run_check` only computes; `check.NAME` also prints, counts the attempt and never
raises.
"""

from __future__ import annotations

import contextvars
import difflib
import importlib
import pkgutil
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import torch

from facelab.course import checks, records
from facelab.course.expectations import (
    expect_agrees,
    expect_array,
    expect_close,
    expect_equal,
    expect_pair,
    expect_tensor,
    expect_that,
)
from facelab.course.failures import Failure, NotWritten, TookTooLong
from facelab.course.labs import find_lab, solution_link
from facelab.course.probing import Probe, argument_names, brief_line, time_limit
from facelab.course.reporting import Result, show_hint, show_result

__all__ = [
    "Exercise",
    "Result",
    "UnknownExercise",
    "case",
    "check",
    "exercise",
    "exercises",
    "expect_agrees",
    "expect_array",
    "expect_close",
    "expect_equal",
    "expect_pair",
    "expect_tensor",
    "expect_that",
    "find_exercise",
    "rng",
    "run_check",
]

Check = Callable[[Any], None]
_REGISTRY: dict[str, Exercise] = {}
_RESERVED = ("hint",)


class UnknownExercise(AttributeError):
    """No exercise has this name."""


@dataclass(frozen=True)
class Exercise:
    """One exercise of a lab with its check, its hints and the package's own answer."""

    name: str
    lab: str
    points: int
    hints: tuple[str, str, str]
    check: Check
    answer: Any
    through: Callable[..., Any] | None = None
    limit_s: float = 2.0

    def reference(self) -> Any:
        """Return the package's own function for this exercise."""
        if not isinstance(self.answer, str):
            return self.answer
        module, attribute = self.answer.split(":")
        return getattr(importlib.import_module(module), attribute)


def exercise(
    name: str,
    *,
    lab: str,
    points: int,
    hints: tuple[str, str, str],
    reference: Any,
    through: Callable[..., Any] | None = None,
    limit_s: float = 2.0,
) -> Callable[[Check], Check]:
    """Register the decorated function as the check of an exercise.

    hints: a question, the formula with shapes, the code with a gap. reference: the package's own
    function, or "module:attribute" to import it only when needed. through: see Probe.
    Raises ValueError when the name is taken or not usable, or there are not three hints.
    """
    if not name.isidentifier() or name.startswith("_") or name in _RESERVED:
        raise ValueError(f"{name!r} cannot be used as check.{name}")
    if len(hints) != 3 or not all(hint.strip() for hint in hints):
        raise ValueError(f"exercise {name}: three hints are needed (question, formula, code)")

    def register(function: Check) -> Check:
        known = _REGISTRY.get(name)
        if known is not None and known.check.__module__ != function.__module__:
            raise ValueError(f"exercise {name} is already registered in {known.check.__module__}")
        _REGISTRY[name] = Exercise(
            name=name,
            lab=find_lab(lab).name,
            points=points,
            hints=hints,
            check=function,
            answer=reference,
            through=through,
            limit_s=limit_s,
        )
        return function

    return register


def exercises(lab: str | None = None) -> list[Exercise]:
    """Return all exercises in order of registration, or those of one lab."""
    for module in pkgutil.iter_modules(checks.__path__):
        importlib.import_module(f"{checks.__name__}.{module.name}")
    found = list(_REGISTRY.values())
    return found if lab is None else [one for one in found if one.lab == find_lab(lab).name]


def find_exercise(name: str) -> Exercise:
    """Return the exercise with this name.

    Raises UnknownExercise that lists near names.
    """
    names = [one.name for one in exercises()]
    if name in names:
        return _REGISTRY[name]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5) or names
    raise UnknownExercise(f"there is no exercise {name!r}; did you mean {', '.join(near)}?")


class _Run:
    """What one run of a check has seen so far."""

    def __init__(self, probe: Probe, seed: int) -> None:
        self.probe = probe
        self.generator = torch.Generator().manual_seed(seed)
        self.cases: dict[str, list[Failure]] = {}

    def fail(self, name: str, failure: Failure, hint: str = "") -> None:
        self.cases.setdefault(name, []).append(
            replace(
                failure,
                case=name,
                hint=failure.hint or hint,
                inputs=self.probe.inputs,
                size=self.probe.size,
            )
        )

    def first_failure(self) -> Failure | None:
        """Return the failure with the smallest input of the first failing case."""
        for failures in self.cases.values():
            if failures:
                return min(failures, key=lambda failure: failure.size)
        return None


_RUN: contextvars.ContextVar[_Run] = contextvars.ContextVar("run")


class case:
    """Name a part of a check: `with case("empty input"):`. A failure ends its case, not the check.

    hint: the likely cause when the learner's function crashes in this case.
    """

    def __init__(self, name: str, *, hint: str = "") -> None:
        self.name = name
        self.hint = hint

    def __enter__(self) -> case:
        _RUN.get().cases.setdefault(self.name, [])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None:
            return False
        failure = _as_failure(error)
        if failure is None:
            return False
        _RUN.get().fail(self.name, failure, self.hint)
        return not isinstance(error, TookTooLong)


def _as_failure(error: BaseException) -> Failure | None:
    if isinstance(error, Failure):
        return error
    if isinstance(error, TookTooLong):
        return Failure(
            "the function did not come to an end in time", hint="look for an endless loop"
        )
    if isinstance(error, NotWritten) or not isinstance(error, Exception):
        return None
    what = brief_line(f"{type(error).__name__}: {error}")
    return Failure(f"the result could not be used ({what})", hint="check the shape and type first")


def rng() -> torch.Generator:
    """Return the random generator of the running check, fresh for every run."""
    return _RUN.get().generator


def run_check(exercise: Exercise, fn: Any, *, seed: int | None = None) -> Result:
    """Run the check of an exercise on fn and return what was found; prints and stores nothing.

    seed: of the random inputs; a new one when left out.
    """
    seed = secrets.randbelow(2**31) if seed is None else seed
    if not callable(fn):
        failure = Failure("this is not a function", "a function", type(fn).__name__)
        return Result(exercise.name, "failed", 1, 1, seed, failure)
    through = exercise.through
    names = argument_names(through)[1:] if through else argument_names(exercise.reference())
    run = _Run(Probe(fn, through=exercise.through, names=names), seed)
    token = _RUN.set(run)
    try:
        with time_limit(exercise.limit_s):
            exercise.check(run.probe)
    except NotWritten:
        return Result(exercise.name, "not written", 0, 0, seed)
    except (Exception, TookTooLong) as error:
        failed_outside = _as_failure(error)
        if failed_outside is not None and not (
            isinstance(error, TookTooLong) and run.first_failure() is not None
        ):
            run.fail("", failed_outside)
    finally:
        _RUN.reset(token)
    first = run.first_failure()
    bad = sum(bool(failures) for failures in run.cases.values())
    status = "passed" if first is None else "failed"
    return Result(exercise.name, status, bad, len(run.cases), seed, first)


class Checks:
    """Hold every exercise's check as an attribute: `check.nms(nms)`; `check.hint("nms")` helps."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        found = find_exercise(name)

        def run(fn: Any, *, seed: int | None = None) -> Any:
            result = run_check(found, fn, seed=seed)
            written = result.status != "not written"
            records.note_exercise(name, attempted=written, solved=result.passed)
            show_result(result)
            return fn if result.passed else found.reference()

        run.__name__ = name
        run.__doc__ = (
            f"Check {name} of lab {found.lab}; return it, or the package's when it is not right."
        )
        return run

    def __dir__(self) -> list[str]:
        return sorted(["hint", *(one.name for one in exercises())])

    def hint(self, name: str) -> None:
        """Show the next hint of an exercise: a question, the formula, code, then the solution."""
        found = find_exercise(name)
        count = records.note_exercise(name, hinted=True)
        link = solution_link(found.lab, name)
        show_hint(name, count, found.hints, link)


check = Checks()
