"""What a check may expect of a result: a failure names expected, got and a likely cause."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facelab.course.failures import Failure, brief, number
from facelab.course.probing import plain

MAX_TRIALS = 60  # calls that may be spent on finding a smaller failing input

Suspects = Sequence[tuple[Any, str]]  # what a classic mistake gives, and the hint for who makes it


def expect_tensor(
    got: Any,
    *,
    shape: Sequence[int | None] | None = None,
    dtype: torch.dtype | str | None = None,
    finite: bool = True,
    hint: str = "",
) -> Tensor:
    """Return `got` when it is a tensor as described.

    shape: None where any length will do. dtype: a torch dtype, "floating" or "integer".
    Raises Failure otherwise.
    """
    got = plain(got)
    if not isinstance(got, Tensor):
        raise _wrong_type("a tensor", got, hint)
    _check_shape(tuple(got.shape), shape, hint)
    kinds = {"floating": got.is_floating_point(), "integer": _is_integer(got)}
    fits = kinds.get(dtype, False) if isinstance(dtype, str) else dtype in (None, got.dtype)
    _check_dtype(fits, got.dtype, dtype, hint)
    if finite and not torch.isfinite(got).all():
        raise _not_finite(got)
    return got


def expect_array(
    got: Any,
    *,
    shape: Sequence[int | None] | None = None,
    dtype: Any = None,
    finite: bool = True,
    hint: str = "",
) -> np.ndarray:
    """Return `got` when it is a numpy array as described, as `expect_tensor` does for tensors."""
    got = plain(got)
    if not isinstance(got, np.ndarray):
        raise _wrong_type("a numpy array", got, hint)
    _check_shape(got.shape, shape, hint)
    kinds = {"floating": got.dtype.kind == "f", "integer": got.dtype.kind in "iu"}
    known = isinstance(dtype, str) and dtype in kinds
    fits = kinds[dtype] if known else dtype is None or got.dtype == np.dtype(dtype)
    _check_dtype(fits, got.dtype, dtype, hint)
    if finite and got.dtype.kind == "f" and not np.isfinite(got).all():
        raise _not_finite(torch.from_numpy(got))
    return got


def expect_pair(got: Any, hint: str) -> tuple[Any, Any]:
    """Return the two results of a function that gives two; raises Failure otherwise."""
    got = plain(got)
    if not isinstance(got, (tuple, list)) or len(got) != 2:
        raise Failure("wrong result", "two results", f"{type(got).__name__} {brief(got)}", hint)
    return got[0], got[1]


def expect_close(
    got: Any,
    expected: Any,
    *,
    hint: str = "",
    suspects: Suspects = (),
    atol: float = 1e-4,
    rtol: float = 1e-4,
) -> None:
    """Expect equal structure, shapes and, within the tolerance, numbers; NaN equals NaN only.

    suspects: (result, hint) of classic mistakes; the first whose result was got gives the hint.
    Raises Failure that shows the worst place.
    """
    got = plain(got)
    _compare(got, plain(expected), _likely(got, suspects, hint), atol, rtol, place="")


def expect_equal(got: Any, expected: Any, *, hint: str = "", suspects: Suspects = ()) -> None:
    """Expect exactly equal values; a tensor or array may stand for a list.

    suspects: as for `expect_close`. Raises Failure otherwise.
    """
    got, expected = plain(got), plain(expected)
    if not _identical(_as_lists(got), _as_lists(expected)):
        hint = _likely(got, suspects, hint)
        raise Failure(expected=brief(expected), got=brief(got), hint=hint)


def expect_that(condition: Any, hint: str) -> None:
    """Expect a property; the hint says which one and what usually breaks it."""
    if not bool(condition):
        raise Failure(hint=hint)


def expect_agrees(
    fn: Callable[..., Any],
    truth: Callable[..., Any],
    *inputs: Any,
    rows: Sequence[Sequence[int]] = (),
    exact: bool = False,
    atol: float = 1e-4,
    rtol: float = 1e-4,
    hint: str = "",
) -> None:
    """Expect fn and truth to agree on the inputs; else report the smallest failing input.

    rows: groups of positions of inputs that share their first axis. Rows are dropped, group by
    group, while the two still disagree.
    """

    def disagreement(trial: Sequence[Any]) -> Failure | None:
        got = fn(*trial)
        try:
            if exact:
                expect_equal(got, truth(*trial), hint=hint)
            else:
                expect_close(got, truth(*trial), hint=hint, atol=atol, rtol=rtol)
        except Failure as failure:
            return failure
        return None

    failure = disagreement(inputs)
    if failure is None:
        return
    smallest = list(inputs)
    trials = 0
    for group in rows:
        step = len(smallest[group[0]])
        while step >= 1 and trials < MAX_TRIALS:
            start = 0
            while start < len(smallest[group[0]]) and trials < MAX_TRIALS:
                trial = list(smallest)
                for position in group:
                    trial[position] = _without(smallest[position], start, start + step)
                trials += 1
                try:
                    found = disagreement(trial)
                except Failure:  # it crashes on fewer rows: another fault, not this one
                    found = None
                if found is None:
                    start += step
                else:
                    smallest, failure = trial, found
            step //= 2
    again = disagreement(smallest)  # the last call made is the one that is shown
    raise again or failure


def _likely(got: Any, suspects: Suspects, otherwise: str) -> str:
    """Return the hint of the first suspect whose numbers are those of `got`."""
    values = _as_array(got)
    for result, hint in suspects:
        wrong = _as_array(result)
        if values is None or wrong is None or values.shape != wrong.shape:
            continue
        if np.allclose(values, wrong, atol=1e-4, rtol=1e-4):
            return hint
    return otherwise


def _without(value: Any, start: int, stop: int) -> Any:
    if isinstance(value, Tensor):
        return torch.cat([value[:start], value[stop:]])
    if isinstance(value, np.ndarray):
        return np.concatenate([value[:start], value[stop:]])
    return value[:start] + value[stop:]


def _compare(got: Any, expected: Any, hint: str, atol: float, rtol: float, place: str) -> None:
    if isinstance(expected, dict):
        if not isinstance(got, dict) or set(got) != set(expected):
            names = f"a dict with {', '.join(map(repr, expected))}"
            raise Failure(f"wrong keys{place}", names, brief(got), hint)
        for key, value in expected.items():
            _compare(got[key], value, hint, atol, rtol, f"{place}[{key!r}]")
        return
    numbers = _as_array(expected)
    if numbers is None:
        if isinstance(expected, (tuple, list)):
            if not isinstance(got, (tuple, list)) or len(got) != len(expected):
                raise Failure(f"wrong result{place}", f"{len(expected)} values", brief(got), hint)
            for index, (one, other) in enumerate(zip(got, expected, strict=True)):
                _compare(one, other, hint, atol, rtol, f"{place}[{index}]")
        elif got != expected:
            raise Failure(f"wrong result{place}", brief(expected), brief(got), hint)
        return
    values = _as_array(got)
    if values is None or isinstance(got, (dict, str)):
        raise _wrong_type("numbers", got, hint)
    if values.shape != numbers.shape:
        raise Failure(
            f"wrong shape{place}", f"shape {numbers.shape}", f"shape {values.shape}", hint
        )
    good = np.isclose(values, numbers, atol=atol, rtol=rtol, equal_nan=True)
    if good.all():
        return
    if numbers.size <= 6:
        raise Failure(f"wrong numbers{place}", brief(expected), brief(got), hint)
    distance = np.abs(np.where(good, 0.0, values - numbers))
    distance = np.where(~good & ~np.isfinite(distance), np.inf, distance)
    worst = np.unravel_index(int(np.argmax(distance)), distance.shape)
    where = "[" + ", ".join(str(int(index)) for index in worst) + "]"
    raise Failure(
        f"{int((~good).sum())} of {good.size} numbers are wrong; the worst is at {place}{where}",
        number(float(numbers[worst])),
        number(float(values[worst])),
        hint,
    )


def _as_array(value: Any) -> np.ndarray | None:
    """Return float64 for tensors, arrays, numbers and regular lists of numbers, else None."""
    if isinstance(value, Tensor):
        return value.to(torch.float64).numpy()
    if isinstance(value, np.ndarray):
        return value.astype(np.float64) if value.dtype.kind in "biuf" else None
    if isinstance(value, (bool, int, float)):
        return np.asarray(value, dtype=np.float64)
    if isinstance(value, (tuple, list)) and _all_numbers(value):
        try:
            return np.asarray(value, dtype=np.float64)
        except ValueError:  # rows of different lengths are compared one by one
            return None
    return None


def _all_numbers(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_all_numbers(item) for item in value)
    return isinstance(value, (bool, int, float))


def _identical(one: Any, other: Any) -> bool:
    """Compare plain values strictly: 1, 1.0 and True are three different things."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_identical, one, other))
    if isinstance(one, dict):
        return set(one) == set(other) and all(_identical(one[key], other[key]) for key in one)
    return bool(one == other)


def _as_lists(value: Any) -> Any:
    if isinstance(value, (Tensor, np.ndarray)):
        return value.tolist()
    if isinstance(value, (tuple, list)):
        return [_as_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: _as_lists(item) for key, item in value.items()}
    return value


def _is_integer(tensor: Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)


def _check_shape(got: tuple[int, ...], wanted: Sequence[int | None] | None, hint: str) -> None:
    if wanted is None:
        return
    fits = len(got) == len(wanted) and all(
        need in (None, have) for have, need in zip(got, wanted, strict=True)
    )
    if not fits:
        shown = ", ".join("any" if length is None else str(length) for length in wanted)
        comma = "," if len(wanted) == 1 else ""
        raise Failure("wrong shape", f"shape ({shown}{comma})", f"shape {got}", hint)


def _check_dtype(fits: bool, got: Any, wanted: Any, hint: str) -> None:
    if not fits:
        names = [str(name).removeprefix("torch.") for name in (wanted, got)]
        raise Failure("wrong number type", names[0], names[1], hint)


def _wrong_type(wanted: str, got: Any, hint: str) -> Failure:
    cause = "does the function return its result?" if got is None else f"give back {wanted}"
    if hint:
        cause = f"{cause} ({hint})"
    return Failure("wrong type", wanted, f"{type(got).__name__} {brief(got)}", cause)


def _not_finite(got: Tensor) -> Failure:
    count = int((~torch.isfinite(got)).sum())
    cause = "look for a division by zero, or the log or root of a negative number"
    return Failure("the result is not finite", "finite numbers", f"{count} NaN or infinite", cause)
