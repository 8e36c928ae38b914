"""What every exercise of every lab has to stand: right answers, wrong ones, constants, crashes."""

import inspect
import re
import textwrap

from facelab.course.checking import find_exercise, run_check

SEEDS = range(5)


def check(name, function, seed):
    return run_check(find_exercise(name), function, seed=seed)


def passes(name, function, seeds=SEEDS):
    """Expect a right answer to pass whatever the numbers."""
    for seed in seeds:
        result = check(name, function, seed)
        assert result.passed, str(result)


def fails_with(name, function, words):
    """Expect a wrong answer to fail, with a hint that holds the words (a regular expression)."""
    for seed in SEEDS:
        result = check(name, function, seed)
        assert result.status == "failed", f"seed {seed}: {result}"
        assert re.search(words, result.failure.hint), f"seed {seed}: {result}"


def constants_fail(name, make_constant):
    """Expect a constant to fail, and nothing at all. make_constant: gives a fresh one."""
    for seed in SEEDS:
        assert check(name, make_constant(), seed).status == "failed"
        assert check(name, lambda *inputs: None, seed).status == "failed"


class Frozen:
    """Answer the first call rightly, and every other call with that same answer."""

    def __init__(self, function):
        self.function, self.answer = function, None

    def __call__(self, *inputs):
        if self.answer is None:
            self.answer = self.function(*inputs)
        return self.answer


def crash_is_reported(name):
    """Expect an answer that raises to be a failure that shows the message."""

    def broken(*inputs):
        raise RuntimeError("the sizes do not fit")

    result = check(name, broken, 0)
    assert result.status == "failed"
    assert "the sizes do not fit" in result.failure.problem


def stub_is_not_written(name):
    """Expect the stub of the learner's edition to count as not written."""

    def stub(*inputs):
        raise NotImplementedError(f"exercise {name}: replace this line")

    assert check(name, stub, 0).status == "not written"


def changed_input_is_found(name, function, position):
    """Expect a right answer to fail that changes one of its inputs."""

    def careless(*inputs):
        answer = function(*inputs)
        inputs[position].zero_()
        return answer

    result = check(name, careless, 0)
    assert result.status == "failed"
    assert "in place" in result.failure.problem


def hints_are_a_ladder(name):
    """Expect a question, a formula, and code with exactly one gap."""
    question, formula, code = find_exercise(name).hints
    assert code.count("____") == 1
    assert "?" in question
    assert "____" not in question + formula


def filled(name, gap, reference, space, before=""):
    """Return the third hint with its gap filled, as a function with the reference's signature.

    space: the names that the code may use. before: lines that the lab has given already.
    """
    body = before + find_exercise(name).hints[2].replace("____", gap)
    arguments = ", ".join(
        key if one.default is one.empty else f"{key}={one.default}"
        for key, one in inspect.signature(reference).parameters.items()
    )
    names = dict(space)
    exec(f"def answer({arguments}):\n" + textwrap.indent(body, "    "), names)
    return names["answer"]
