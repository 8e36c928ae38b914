"""What every exercise of every lab has to stand: right answers, wrong ones, constants, crashes."""

import inspect
import re
import textwrap

import pytest

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


class Answers:
    """What a lab's tests hand in.

    right: exercise -> a solution written without the package. mistakes: exercise, function and
    words of the hint, one parameter set each.
    """

    def __init__(self):
        self.right, self.mistakes = {}, []

    def solved(self, function):
        """Keep a solution of the exercise that has the function's name."""
        self.right[function.__name__] = function
        return function

    def wrong(self, exercise, words, name=""):
        """Keep a wrong answer, whose hint must hold the words. name: the function's if left out."""

        def keep(function):
            label = f"{exercise}-{name or function.__name__}"
            self.mistakes.append(pytest.param(exercise, function, words, id=label))
            return function

        return keep


class EveryExercise:
    """The tests of each exercise; a lab's tests inherit them.

    names: the exercises. answers: what is handed in. changed: exercise and position of an input
    that a careless answer changes. gaps: exercise -> what fills the gap of its third hint. space:
    names that the hints' code may use. given: exercise -> lines that come before such code.
    """

    given = {}
    hint_seeds = SEEDS

    def pytest_generate_tests(self, metafunc):
        """Run a test once for each exercise, or for each case that its arguments ask for."""
        cases = {
            ("name", "function", "words"): self.answers.mistakes,
            ("name", "position"): self.changed,
            ("name", "gap"): self.gaps.items(),
            ("name",): self.names,
        }
        wanted = next(known for known in cases if set(known) <= set(metafunc.fixturenames))
        metafunc.parametrize(wanted if len(wanted) > 1 else wanted[0], cases[wanted])

    def test_the_packages_answer_passes(self, name):
        passes(name, find_exercise(name).reference())

    def test_an_answer_written_without_the_package_passes(self, name):
        passes(name, self.answers.right[name])

    def test_a_wrong_answer_fails_with_the_hint_that_fits(self, name, function, words):
        fails_with(name, function, words)

    def test_every_exercise_has_at_least_three_wrong_answers(self, name):
        assert sum(one.values[0] == name for one in self.answers.mistakes) >= 3

    def test_a_constant_does_not_pass(self, name):
        constants_fail(name, lambda: Frozen(self.answers.right[name]))

    def test_an_answer_that_raises_is_reported_and_not_raised(self, name):
        crash_is_reported(name)

    def test_the_stub_is_not_written_and_not_wrong(self, name):
        stub_is_not_written(name)

    def test_changing_an_input_is_found_although_the_answer_is_right(self, name, position):
        changed_input_is_found(name, self.answers.right[name], position)

    def test_the_third_hint_has_exactly_one_gap_and_the_others_none(self, name):
        hints_are_a_ladder(name)

    def test_the_third_hint_with_its_gap_filled_is_a_solution(self, name, gap):
        reference, before = find_exercise(name).reference(), self.given.get(name, "")
        passes(name, filled(name, gap, reference, self.space, before), self.hint_seeds)
