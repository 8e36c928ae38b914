"""Learning rates, and the randomness of batches."""

import itertools
import math

import pytest
import torch

from facelab.engine.randomness import drawn_rows, generator
from facelab.engine.schedules import warm_cosine


def rates(steps, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule, found = warm_cosine(optimizer, steps, **options), []
    for _ in range(steps + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_the_rate_rises_evenly_and_falls_along_half_a_cosine():
    found = rates(12, warm_up=4, last=0.1)
    assert found[:4] == pytest.approx([0.5, 1.0, 1.5, 2.0])
    assert found[8] == pytest.approx(2 * (0.1 + 0.9 / 2)), "half way down"
    assert found[6] == pytest.approx(2 * (0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2))
    assert found[12] == pytest.approx(0.2)


def test_without_a_warm_up_the_rate_begins_at_its_largest():
    assert rates(10)[0] == 2.0
    assert rates(10)[10] == pytest.approx(0.02)


def test_a_run_that_is_shorter_than_its_warm_up_has_a_rate_all_the_same():
    assert rates(2, warm_up=50) == pytest.approx([0.04, 0.08, 0.12])


@pytest.mark.parametrize("options", [{"warm_up": -1}, {"last": 1.5}])
def test_a_schedule_that_makes_no_sense_is_refused(options):
    with pytest.raises(ValueError, match="warm_up, last"):
        rates(3, **options)


def test_seeds_and_purposes_draw_numbers_of_their_own():
    drawn = [
        torch.rand(4, generator=generator(seed, purpose)).tolist()
        for seed, purpose in itertools.product((0, 1, 2**31), ("one", "two"))
    ]
    assert len({tuple(numbers) for numbers in drawn}) == 6
    again = torch.rand(4, generator=generator(1, "two")).tolist()
    assert again == drawn[3]


def test_rows_follow_from_seed_purpose_and_step_alone():
    def first(count, **options):
        batches = drawn_rows(1000, 8, **{"seed": 0, "purpose": "a"} | options)
        return [
            (rows.tolist(), torch.rand((), generator=own).item())
            for rows, own in itertools.islice(batches, count)
        ]

    assert first(5)[3:] == first(2, start=3)
    assert first(1) != first(1, seed=1)
    assert first(1) != first(1, purpose="b")
    assert len({tuple(rows) for rows, _ in first(5)}) == 5
