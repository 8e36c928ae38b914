"""Lab 01's claim table is made of the honesty checks and of nothing else."""

import json
import runpy
from pathlib import Path

import pytest

from facelab.course.claims import read_claims

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "humans_claims.py"
CHECKS = {
    "found": {"renders": 500, "found": 0.982, "median_landmark_error": 0.056},
    "shortcuts": {"people": 100, "chance": 0.01, "face": 0.6, "hair": 0.09, "background": 0.2},
    "nearest": {"people": 90, "different_people_most": 0.995},
    "age": {"rank_correlation": 0.75, "monotone": False},
    "speed": {"renders_per_second": 10.0},
}
VERDICTS = {
    "near-frontal": "reproduced",
    "median distance": "reproduced",
    "people told apart": "partly",
    "the two most alike": "not reproduced",
    "an estimator": "partly",
    "renders of 128": "not reproduced",
}


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def by_start(rows):
    return {start: row for row in rows for start in VERDICTS if row["claim"].startswith(start)}


def test_a_goal_is_reached_nearly_reached_or_missed(script):
    rows = by_start(script["claims"](CHECKS))
    assert {start: row["verdict"] for start, row in rows.items()} == VERDICTS
    assert rows["near-frontal"]["ours"] == [98.2]
    assert rows["people told apart"]["ours"] == [20.0]


def test_the_face_itself_is_no_shortcut(script):
    checks = {"shortcuts": {"people": 9, "chance": 0.1, "face": 0.9, "hair": 0.05}}
    (row,) = [one for one in script["claims"](checks) if one["ours"]]
    assert row["ours"] == [5.0]
    assert row["verdict"] == "reproduced"


def test_a_check_that_was_not_run_is_a_claim_that_was_not_attempted(script):
    rows = script["claims"]({})
    assert {row["verdict"] for row in rows} == {"not attempted"}
    assert all(row["ours"] == [] for row in rows)


@pytest.mark.parametrize("checks", [CHECKS, {}], ids=["measured", "nothing"])
def test_the_rows_are_what_a_claim_table_reads(script, tmp_path, checks):
    file = tmp_path / "humans_claims.json"
    file.write_text(json.dumps(script["claims"](checks)))
    found = read_claims(file)
    assert len(found) == len(VERDICTS)
    assert {claim.table for claim in found} == {"synthetic_humans"}


def test_what_is_stored_follows_from_the_stored_checks(script):
    checks = json.loads(script["CHECKS"].read_text())
    assert json.loads(script["CLAIMS"].read_text()) == script["claims"](checks)
