"""The cascade's claims: rules on made-up numbers, formulas on the paper's, rows for the table."""

import json
import re

import pytest

from benchmarks.cascade.claims import CLAIMS, rows
from benchmarks.cascade.paper import PAPER, gain, mean
from benchmarks.cascade.plans import LONGER
from benchmarks.cascade.verdicts import Below, Gain, Gone, Still, clear_of_zero
from facelab.course.claims import VERDICTS, read_claims

STRUCTURES = {"S0": 4.0, "S3": 4.1, "S4": 4.4, "S5": 5.0, "S6": 4.1, "S7": 4.2}


def flat(value, points=range(5), failures=None):
    errors = tuple(value if point in points else None for point in range(5))
    share = value if failures is None else failures
    failed = tuple(share if e is not None else None for e in errors)
    return {"error": errors, "failures": failed, "learnt": errors}


def made_up(noise=0.0, **changes):
    """Figures of a seed that show every claim clearly; noise moves them all together."""
    figures = {name: flat(value + noise) for name, value in (STRUCTURES | changes).items()}
    figures |= {
        "F1": flat(4.0),
        "EN1": flat(4.1, points=(0, 1, 2)),
        "NM1": flat(4.1, points=(2, 3, 4)),
        "level 1": {"error": (3.7, 3.7, 3.4, 3.7, 3.7), "failures": (30.0,) * 5},
        "level 2": flat(2.8 + noise, failures=20.0),
        "level 2, one network": flat(2.9 + noise, failures=20.0),
        "level 3": flat(2.7 + noise, failures=19.5),
        "level 3, one network": flat(2.75 + noise, failures=20.0),
        "S0 shifted": flat(6.0 - 10 * noise),
        "S7 shifted": flat(6.0),
        **{f"{name} longer": flat(STRUCTURES[name] - 1 + noise) for name in LONGER},
        "shipped": flat(2.0, failures=8.0 + noise),
        "shipped, frontal": flat(1.5, failures=2.0 + noise),
        "shipped, boxes off": flat(2.0, failures=9.0 + noise),
        "shipped, frontal, visible": flat(1.5, failures=2.5 + noise),
    }
    return figures


@pytest.mark.parametrize(
    ("values", "clear"),
    [
        ([3.0, 3.1, 2.9], True),
        ([3.0, 0.1, 6.0], False),  # mean 3, sd 2.95: 2.92 * 2.95 / sqrt(3) = 4.97
        ([1.6, 1.0, 0.5], True),  # mean 1.03, sd 0.55: 0.93
        ([1.7, 1.0, 0.3], False),  # mean 1.0, sd 0.7: 1.18
        ([-3.0, -3.1, -2.9], False),
        ([0.0, 0.0, 0.0], False),
        ([5.0], False),
    ],
)
def test_a_mean_is_clear_of_zero_in_a_one_sided_t_test(values, clear):
    assert clear_of_zero(values) is clear


def test_the_critical_values_are_those_of_the_t_distribution():
    stats = pytest.importorskip("scipy.stats")
    for count in range(2, 11):
        t = stats.t.ppf(0.95, count - 1)
        spread = [1.0 if i % 2 else -1.0 for i in range(count)]
        sd = stats.tstd(spread)
        centre = t * sd / count**0.5 - sum(spread) / count
        assert clear_of_zero([x + centre * 1.002 for x in spread])
        assert not clear_of_zero([x + centre * 0.998 - 0.001 for x in spread])


@pytest.mark.parametrize(
    ("rule", "values", "verdict"),
    [
        (Gain(3.0), [4.0, 4.2, 4.4], "reproduced"),
        (Gain(3.0), [2.0, 2.2, 2.4], "partly"),  # a gain, smaller than expected
        (Gain(3.0), [0.0, 4.0, 8.0], "partly"),  # large enough, but within the spread
        (Gain(3.0), [-2.0, 0.0, 2.5], "not reproduced"),
        (Gain(3.0), [-4.0, -4.2, -4.4], "not reproduced"),
        (Gain(0.0), [-1.0, 0.0, 1.0], "not reproduced"),
        (Gain(0.0, 8.0), [10.0, 10.2, 10.4], "partly"),  # more than expected
        (Gain(3.0), [4.0, 4.2], "partly"),  # two seeds are too few
        (Gone(1.5), [-1.0, 0.5, 1.0], "reproduced"),
        (Gone(1.5), [1.0, 1.1, 1.2], "partly"),  # small, but still there
        (Gone(1.5), [-6.0, 4.0, 8.0], "partly"),  # not to be seen, only for the spread
        (Gone(1.5), [4.0, 4.1, 4.2], "not reproduced"),
        (Still(10.0), [-8.0, 8.0, 12.0], "reproduced"),
        (Still(10.0), [-14.0, -16.0, -15.0], "partly"),
        (Still(10.0), [25.0, 25.0, 25.0], "not reproduced"),
        (Below(10.0), [8.0, 9.0, 9.9], "reproduced"),
        (Below(10.0), [8.0, 9.0, 10.0], "partly"),
        (Below(10.0), [12.0, 13.0, 9.0], "not reproduced"),
    ],
)
def test_a_rule_gives_the_verdict_that_its_table_says(rule, values, verdict):
    assert rule.verdict(values) == verdict


def test_the_formulas_give_the_papers_own_claims_on_the_papers_figures():
    papers = {claim.text: claim.paper for claim in CLAIMS}
    for words in (
        "locally shared weights (S0)",
        "absolute values after tanh",
        "fourth convolution",
    ):
        assert len({paper for text, paper in papers.items() if words in text}) == 1
    assert papers["level 2 lowers the error of level 1"] == pytest.approx(20.3, abs=0.1)
    assert papers["level 3 lowers the error of level 2, by little"] == pytest.approx(3.6, abs=0.1)
    assert papers["averaging F1 with EN1 and NM1 beats F1 alone"] == pytest.approx(9.0, abs=0.1)
    sharing = "locally shared weights (S0) beat globally shared ones (S7) on F1"
    assert papers[sharing] == pytest.approx(4.9, abs=0.1)
    assert papers["one convolution (S5) is worse than four (S0)"] == pytest.approx(21.3, abs=0.1)
    assert papers["... and is gone: S0 against S7 on shifted boxes"] is None


def test_an_average_leaves_out_the_points_that_a_network_does_not_give():
    assert mean(PAPER, "EN1") == pytest.approx((1.39 + 1.40 + 1.58) / 3)
    left, right = (1.39 + 1.40 + 1.58) / 3, (1.40 + 1.42 + 1.64) / 3
    assert gain(PAPER, "EN1", "F1") == pytest.approx(100 * (1 - left / right))


def test_clear_results_reproduce_every_claim():
    table = rows({s: made_up(s / 500) for s in range(3)}, data="made up", budget="laptop")
    assert {row["claim"]: row["verdict"] for row in table if row["verdict"] != "reproduced"} == {}


def test_a_claim_is_judged_by_its_own_networks_only():
    runs = {s: made_up(S7=3.9, S6=4.0) for s in range(3)}
    table = rows(runs, data="made up", budget="laptop")
    failed = {row["claim"] for row in table if row["verdict"] != "reproduced"}
    assert len(failed) == 4
    for words in ("globally shared", "S0 fits", "advantage shrinks", "absolute values"):
        assert any(words in claim for claim in failed)
    runs = {s: made_up() | {"S6 longer": flat(3.0)} for s in range(3)}
    table = rows(runs, data="made up", budget="laptop")
    failed = [row["claim"] for row in table if row["verdict"] != "reproduced"]
    assert len(failed) == 1
    assert failed[0].startswith("learning longer: absolute values")


def test_what_was_not_run_is_not_attempted_and_the_rest_is_judged():
    runs = {s: {name: flat(x + s / 50) for name, x in STRUCTURES.items()} for s in range(3)}
    table = rows(runs, data="made up", budget="laptop")
    attempted = {row["claim"] for row in table if row["verdict"] != "not attempted"}
    assert len(attempted) == 7
    assert all(re.search(r"S\d", claim) for claim in attempted)


@pytest.mark.parametrize("runs", [{}, {0: made_up()}, {s: made_up(s) for s in range(3)}])
def test_the_rows_are_what_a_claim_table_reads(tmp_path, runs):
    file = tmp_path / "dcnn_cascade.json"
    file.write_text(json.dumps(rows(runs, data="made up", budget="laptop")))
    found = read_claims(file)
    assert len(found) == len(CLAIMS)
    assert {claim.table for claim in found} == {"dcnn_cascade"}
    assert {claim.verdict for claim in found} <= set(VERDICTS)
    assert all(claim.paper_mark for claim in found if claim.paper is not None)
