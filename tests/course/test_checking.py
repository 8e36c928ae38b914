import re
import signal
import threading
import time

import numpy as np
import pytest
import torch

from facelab.course import check, checking
from facelab.course.checking import (
    case,
    exercise,
    expect_agrees,
    expect_close,
    expect_equal,
    expect_pair,
    expect_tensor,
    find_exercise,
    rng,
    run_check,
)
from facelab.course.failures import Failure
from facelab.geometry.boxes import box_iou

HINTS = ("a question?", "a formula", "code with a ___")


def right_iou(a, b):
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (bottom_right - top_left).clamp(min=0).prod(dim=-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(dim=-1) for x in (a, b))
    return inter / (area_a[:, None] + area_b[None, :] - inter)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FACELAB_HOME", str(tmp_path / "home"))


@pytest.fixture
def register(monkeypatch):
    """Register an exercise for one test only."""
    monkeypatch.setattr(checking, "_REGISTRY", dict(checking._REGISTRY))

    def make(function, reference=max, **options):
        name = options.pop("name", "sample")
        wrap = exercise(name, lab="00", points=1, hints=HINTS, reference=reference, **options)
        wrap(function)
        return find_exercise(name)

    return make


def outcome(fn, seed=0):
    return run_check(find_exercise("box_iou"), fn, seed=seed)


def test_a_right_answer_passes_and_is_returned(capsys):
    assert check.box_iou(right_iou) is right_iou
    assert "9 checks passed" in capsys.readouterr().out


def test_the_package_s_own_answer_passes():
    assert outcome(box_iou).passed


def test_a_stub_is_met_with_the_package_s_function_and_without_an_error(capsys):
    def stub(a, b):
        raise NotImplementedError("exercise box_iou: write me, then run the check below")

    assert check.box_iou(stub) is box_iou
    assert "not written yet" in capsys.readouterr().out


def without_clamp(a, b):
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (bottom_right - top_left).prod(dim=-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(dim=-1) for x in (a, b))
    return inter / (area_a[:, None] + area_b[None, :] - inter)


def over_the_smaller(a, b):
    inter = right_iou(a, b)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(dim=-1) for x in (a, b))
    shared = inter * (area_a[:, None] + area_b[None]) / (1 + inter)
    return shared / torch.minimum(area_a[:, None], area_b[None])


def with_inclusive_corners(a, b):
    return right_iou(a + torch.tensor([0, 0, 1.0, 1.0]), b + torch.tensor([0, 0, 1.0, 1.0]))


def fails_without_boxes(a, b):
    a[0], b[0]
    return right_iou(a, b)


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (without_clamp, "clamp both"),
        (over_the_smaller, "union"),
        (with_inclusive_corners, "union 100 \\+ 100 - 50"),
        (lambda a, b: right_iou(a, b).T, "row"),
        (lambda a, b: torch.full((len(a), len(b)), 1 / 3), "clamp"),
        (lambda a, b: 1 - right_iou(a, b), "shared part"),
    ],
)
def test_a_wrong_answer_is_met_with_its_likely_cause(wrong, hint):
    result = outcome(wrong)
    assert result.status == "failed"
    assert re.search(hint, result.failure.hint), str(result)


def test_a_crash_without_boxes_shows_the_line_that_failed():
    result = outcome(fails_without_boxes)
    assert result.failure.case == "no boxes"
    assert "IndexError" in result.failure.problem
    assert "a[0], b[0]" in result.failure.problem


def test_the_report_shows_expected_got_input_and_how_to_repeat(capsys):
    assert check.box_iou(lambda a, b: 2 * right_iou(a, b), seed=3) is box_iou
    report = capsys.readouterr().out
    assert "of 9 checks failed" in report
    assert "a = [[0, 0, 10, 10]]" in report
    assert "expected     [[0.3333]]" in report
    assert "got          [[0.6667]]" in report
    assert "seed=3" in report
    assert 'check.hint("box_iou")' in report


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (None, "wrong type"),
        ([[0.5]], "wrong type"),
        (torch.zeros(1), "wrong shape"),
        (torch.zeros(1, 1, dtype=torch.int64), "wrong number type"),
        (torch.full((1, 1), torch.nan), "not finite"),
        (torch.full((1, 1), torch.inf), "not finite"),
        (object(), "holds a object"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_named(answer, problem):
    assert problem in outcome(lambda a, b: answer).failure.problem


class Sly(float):
    def __eq__(self, other):
        return True

    def __abs__(self):
        return 0.0

    __hash__ = float.__hash__


class SlyTensor(torch.Tensor):
    pass


@pytest.mark.parametrize("value", [Sly(3.0), SlyTensor([3.0]), [Sly(3.0)], {"x": Sly(3.0)}])
def test_an_object_that_agrees_with_everything_does_not_pass(register, value):
    sample = register(lambda fn: expect_close(fn(1.0), 7.0))
    result = run_check(sample, lambda x: value)
    assert not result.passed
    assert "holds a Sly" in result.failure.problem


def test_a_function_that_changes_its_input_is_caught():
    def mean(a, b):
        a[:, 2:] -= a[:, :2]
        return right_iou(torch.cat([a[:, :2], a[:, 2:] + a[:, :2]], dim=1), b)

    failure = outcome(mean).failure
    assert "changed its input 'a' in place" in failure.problem
    assert "clone" in failure.hint


def test_an_endless_loop_ends(register):
    def endless(x):
        while True:
            try:
                x += 1
            except Exception:
                pass

    def look(fn):
        with case("first"):
            expect_equal(fn(1), 1)
        with case("second"):
            expect_equal(fn(2), 2)

    started = time.monotonic()
    result = run_check(register(look, limit_s=0.2), endless)
    assert time.monotonic() - started < 5
    assert result.failure.case == "first"
    assert "did not come to an end" in result.failure.problem


def test_a_sleeping_function_ends_too(register):
    sample = register(lambda fn: expect_equal(fn(1), 1), limit_s=0.1)
    started = time.monotonic()
    assert not run_check(sample, lambda x: time.sleep(30)).passed
    assert time.monotonic() - started < 5


def test_a_timer_that_was_running_goes_on_after_the_check(register):
    sample = register(lambda fn: expect_equal(fn(1), 1))
    before = signal.setitimer(signal.ITIMER_REAL, 50)
    try:
        assert run_check(sample, lambda x: x).passed
        assert 40 < signal.getitimer(signal.ITIMER_REAL)[0] <= 50
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def test_a_check_runs_in_a_thread_without_a_limit_on_time():
    found = []
    thread = threading.Thread(target=lambda: found.append(outcome(right_iou)))
    thread.start()
    thread.join()
    assert found[0].passed


@pytest.mark.parametrize("raised", [SystemExit(3), MemoryError(), RecursionError("deep")])
def test_check_never_raises_whatever_the_function_does(raised, capsys):
    def bad(a, b):
        raise raised

    assert check.box_iou(bad) is box_iou
    assert "failed" in capsys.readouterr().out


@pytest.mark.parametrize("thing", [None, 3, "box_iou"])
def test_what_is_not_a_function_is_named(thing, capsys):
    assert check.box_iou(thing) is box_iou
    assert "not a function" in capsys.readouterr().out


def test_an_unknown_name_lists_near_ones():
    with pytest.raises(AttributeError, match="did you mean box_iou"):
        _ = check.box_ious


def test_the_names_of_all_checks_can_be_completed():
    assert "box_iou" in dir(check)


def test_the_same_seed_gives_the_same_inputs_and_another_seed_others(register):
    seen = []

    def look(fn):
        seen.append(torch.rand(3, generator=rng()))

    sample = register(look)
    for seed in (1, 1, 2):
        run_check(sample, lambda: None, seed=seed)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_without_a_seed_every_run_draws_new_inputs(register):
    seen = set()
    sample = register(lambda fn: seen.add(torch.rand(1, generator=rng()).item()))
    for _ in range(4):
        run_check(sample, lambda: None)
    assert len(seen) == 4


def test_the_smallest_failing_input_of_a_case_is_shown(register):
    def look(fn):
        for size in (7, 2, 5):
            with case("random"):
                expect_equal(fn(torch.zeros(size)), -1)

    result = run_check(register(look, reference=torch.sum), lambda input: len(input))
    assert result.failure.inputs[0][1] == "[0, 0]"
    assert result.total == 1


def test_a_failing_input_is_shrunk_row_by_row(register):
    def look(fn):
        boxes, scores = torch.arange(40.0).reshape(10, 4), torch.arange(10.0)
        expect_agrees(
            fn, lambda boxes, scores, t: scores * t, boxes, scores, 2.0, rows=((0, 1),), hint="h"
        )

    def wrong_for_seven(boxes, scores, t):
        return torch.where(scores == 7, 0.0, scores * t)

    result = run_check(register(look, reference=wrong_for_seven), wrong_for_seven)
    assert dict(result.failure.inputs)["boxes"] == "[[28, 29, 30, 31]]"
    assert (result.failure.expected, result.failure.got) == ("[14]", "[0]")


def test_a_failure_in_one_case_leaves_the_others_running(register):
    def look(fn):
        with case("one"):
            expect_equal(fn(1), 1)
        with case("two"):
            expect_equal(fn(2), -1)
        with case("three"):
            expect_equal(fn(3), -1)

    result = run_check(register(look), lambda x: x)
    assert (result.bad, result.total, result.failure.case) == (2, 3, "two")


def test_a_class_is_checked_through_plain_data(register):
    def run_net(build, state, x):
        net = build()
        net.load_state_dict(state)
        return net(x)

    def look(fn):
        with case("one layer"):
            state = {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}
            got = expect_tensor(fn(state, torch.ones(3, 2)), shape=(3, 1))
            expect_close(got, torch.full((3, 1), 2.0))

    sample = register(look, through=run_net)
    assert run_check(sample, lambda: torch.nn.Linear(2, 1)).passed
    assert not run_check(sample, lambda: torch.nn.Linear(3, 1)).passed


def test_three_hints_come_one_at_a_time_and_then_the_way_to_the_solution(capsys):
    said = []
    for _ in range(5):
        check.hint("box_iou")
        said.append(capsys.readouterr().out)
    for step, (text, hint) in enumerate(zip(said, find_exercise("box_iou").hints, strict=False), 1):
        assert f"Hint {step} of 3" in text
        assert hint in text
    assert "../solutions/00_start_here.ipynb#cell-id=" in said[3]
    assert said[4] == said[3]


def test_hints_do_not_hold_the_whole_solution():
    assert "____" in find_exercise("box_iou").hints[2]


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, True),
        (1, 1.0),
        ([0.0, 2.0], [0, 2]),
        (torch.tensor([0, 2]), [2, 0]),
        ("a", "b"),
        ((1, 2), (1, 2, 3)),
        ({"a": 1}, {"b": 1}),
        (float("nan"), 0.0),
    ],
)
def test_expect_equal_is_strict(got, expected):
    with pytest.raises(Failure):
        expect_equal(got, expected)


def test_expect_equal_lets_tensors_and_arrays_stand_for_lists():
    expect_equal(torch.tensor([0, 2]), [0, 2])
    expect_equal(np.array([[1, 2]]), torch.tensor([[1, 2]]))
    expect_equal({"a": (1, 2)}, {"a": [1, 2]})


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (torch.tensor([1.0, torch.nan]), torch.tensor([1.0, 2.0])),
        (torch.tensor([1.0]), torch.tensor([[1.0]])),
        (1.0, 1.01),
        ([torch.zeros(2), torch.zeros(3)], [torch.zeros(2)]),
        ({"a": torch.zeros(2)}, {"a": torch.ones(2)}),
        ("1", 1.0),
        (None, 0.0),
        (torch.tensor(torch.inf), torch.tensor(0.0)),
    ],
)
def test_expect_close_refuses_what_differs(got, expected):
    with pytest.raises(Failure):
        expect_close(got, expected)


def test_expect_close_accepts_equal_structures_and_expected_nan():
    expect_close({"a": [1.0, 2.0]}, {"a": torch.tensor([1.0, 2.00001])})
    expect_close(torch.tensor([torch.nan, 1.0]), torch.tensor([torch.nan, 1.0]))
    expect_close((torch.zeros(2), "name"), (torch.zeros(2), "name"))


@pytest.mark.parametrize(
    ("got", "hint"),
    [
        (torch.tensor([3.0, 4.0]), "not doubled"),
        ([-1.5, -2.0], "the sign"),
        (torch.tensor([0.0, 0.0]), "look again"),
        (torch.tensor([[3.0, 4.0]]), "look again"),
        ("nothing", "look again"),
        (None, "look again"),
    ],
)
def test_a_suspect_whose_result_was_got_gives_the_hint(got, hint):
    suspects = [([3, 4], "not doubled"), (torch.tensor([-1.5, -2.0]), "the sign")]
    for expect in (expect_close, expect_equal):
        with pytest.raises(Failure) as caught:
            expect(got, [6.0, 8.0], suspects=suspects, hint="look again")
        assert hint in caught.value.hint


def test_a_suspect_does_no_harm_to_a_right_result():
    expect_close(torch.tensor([6.0]), [6.0], suspects=[([6], "the same by chance")])
    expect_equal([True], [True], suspects=[([True], "the same by chance")])


@pytest.mark.parametrize("got", [None, 3, [1, 2, 3], {"a": 1, "b": 2}, torch.zeros(2)])
def test_expect_pair_refuses_what_is_not_two_results(got):
    with pytest.raises(Failure, match="two results"):
        expect_pair(got, hint="return boxes, scores")
    assert expect_pair([1, "b"], hint="") == (1, "b")


def test_the_worst_of_many_wrong_numbers_is_shown():
    expected = torch.zeros(10, 10)
    got = expected.clone()
    got[3, 4], got[5, 6] = 1.0, -9.0
    with pytest.raises(Failure) as caught:
        expect_close(got, expected)
    assert "2 of 100" in caught.value.problem
    assert "[5, 6]" in caught.value.problem
    assert caught.value.got == "-9"


@pytest.mark.parametrize("name", ["hint", "_private", "two words"])
def test_a_name_that_cannot_be_an_attribute_is_refused(name):
    with pytest.raises(ValueError, match="cannot be used"):
        exercise(name, lab="00", points=1, hints=HINTS, reference=max)


def test_an_exercise_without_three_hints_is_refused():
    with pytest.raises(ValueError, match="three hints"):
        exercise("sample", lab="00", points=1, hints=("one", "two", " "), reference=max)
