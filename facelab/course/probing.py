"""Call a learner's function as a black box: clones in, plain data out, a limit on time.

Plain data are tensors, numpy arrays, numbers, strings, None, and tuples, lists and dicts of
them. Subclasses are refused: an object with an `__eq__` of its own could otherwise agree with
everything. The same check can therefore run here or in another process.
"""

from __future__ import annotations

import contextlib
import inspect
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from facelab.course.failures import Failure, NotWritten, TookTooLong, brief, size_of

_SCALARS = (bool, int, float, str, type(None))


class Probe:
    """Stand for a learner's function inside a check.

    fn: the learner's object. through: called as `through(fn, *inputs)` when fn is not itself a
    function from plain data to plain data. names: of the arguments, for messages.
    """

    def __init__(
        self, fn: Any, *, through: Callable[..., Any] | None = None, names: tuple[str, ...] = ()
    ) -> None:
        self.fn = fn
        self.through = through
        self.names = names
        self.inputs: tuple[tuple[str, str], ...] = ()
        self.size = 0

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Call the function on copies.

        Raises Failure when it raises, changes an input or returns something that is not plain
        data, and NotWritten when it is still the stub.
        """
        named = list(zip(self._names(len(inputs)), inputs, strict=True)) + list(options.items())
        self.inputs = tuple((name, brief(value)) for name, value in named)
        self.size = size_of(inputs) + size_of(options)
        given, given_options = copied(inputs), copied(options)
        try:
            if self.through is None:
                answer = self.fn(*given, **given_options)
            else:
                answer = self.through(self.fn, *given, **given_options)
        except Failure:  # a function in another process reports through its proxy
            raise
        except NotImplementedError as error:
            if not error.args or str(error).startswith("exercise "):
                raise NotWritten from None
            raise self._crash(error) from None
        except SystemExit:
            raise Failure("the function called exit()", hint="return the result instead") from None
        except Exception as error:
            raise self._crash(error) from None
        after = list(given) + list(given_options.values())
        for (name, before), now in zip(named, after, strict=True):
            if not same(before, now):
                raise Failure(
                    f"the function changed its input {name!r} in place",
                    hint=f"work on a copy: {name}.clone(), and no += or [...] = on what was given",
                )
        return plain(answer)

    def _names(self, count: int) -> list[str]:
        known = self.names[:count]
        return [*known, *(f"argument {index + 1}" for index in range(len(known), count))]

    def _crash(self, error: Exception) -> Failure:
        what = traceback.format_exception_only(error)[-1].strip()
        line = ""
        frames = traceback.extract_tb(error.__traceback__)
        code = getattr(self.fn, "__code__", None)
        for frame in frames:
            if code is not None and frame.filename == code.co_filename and frame.line:
                line = f" at the line: {frame.line}"
        return Failure(f"the function stopped with {brief_line(what)}{line}")


def brief_line(text: str) -> str:
    """Return the first line of a message, cut to a readable length."""
    first = text.splitlines()[0] if text else text
    return first if len(first) <= 200 else first[:197] + "..."


def copied(value: Any) -> Any:
    """Return a deep copy of plain data."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (tuple, list)):
        return type(value)(copied(item) for item in value)
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return value


def same(before: Any, now: Any) -> bool:
    """Return whether two plain values are equal in type, shape and every number; NaN equals NaN."""
    if type(before) is not type(now):
        return False
    if isinstance(before, Tensor):
        if before.shape != now.shape or before.dtype != now.dtype:
            return False
        equal = torch.eq(before, now) | (torch.isnan(before) & torch.isnan(now))
        return bool(equal.all())
    if isinstance(before, np.ndarray):
        if before.shape != now.shape or before.dtype != now.dtype:
            return False
        return bool(np.array_equal(before, now, equal_nan=before.dtype.kind in "fc"))
    if isinstance(before, (tuple, list)):
        return len(before) == len(now) and all(map(same, before, now))
    if isinstance(before, dict):
        return list(before) == list(now) and all(same(before[key], now[key]) for key in before)
    return bool(before == now) or (before != before and now != now)


def plain(value: Any) -> Any:
    """Return plain data, detached from graphs.

    Raises Failure that names the type when something else is inside.
    """
    if type(value) in (Tensor, torch.nn.Parameter):
        return value.detach().clone().as_subclass(Tensor)
    if type(value) is np.ndarray and value.dtype != object:
        return value.copy()
    if type(value) in _SCALARS:
        return value
    if isinstance(value, np.generic) and type(value).__module__ == "numpy":
        return value.item()
    if isinstance(value, torch.Size):
        return tuple(value)
    if type(value) in (tuple, list):
        return type(value)(plain(item) for item in value)
    if type(value) is dict:
        return {plain(key): plain(item) for key, item in value.items()}
    raise Failure(
        f"the result holds a {type(value).__name__}",
        expected="tensors, numbers, strings, or tuples, lists and dicts of them",
        got=type(value).__name__,
        hint="return plain data, not an object of a class of your own",
    )


def argument_names(function: Any) -> tuple[str, ...]:
    """Return the names of a function's arguments, or nothing where they cannot be known."""
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TookTooLong after so many seconds of work, at the latest after five times as many.

    The clock is the thread's own processor time, so that a busy machine does not fail a correct
    answer. Works in the main thread of a POSIX system; elsewhere there is no limit. A timer
    that was already running goes on afterwards. Code inside one long call of a compiled library
    is not interrupted.
    """
    usable = hasattr(signal, "setitimer")
    if not usable or threading.current_thread() is not threading.main_thread():
        yield
        return
    started, worked = time.monotonic(), time.thread_time()

    def look(signum: int, frame: Any) -> None:
        if time.thread_time() - worked > 0.75 * seconds or time.monotonic() - started > 5 * seconds:
            raise TookTooLong

    handler = signal.signal(signal.SIGALRM, look)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, seconds / 8)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if left:
            rest = left - (time.monotonic() - started)
            signal.setitimer(signal.ITIMER_REAL, max(rest, 0.001), interval)
