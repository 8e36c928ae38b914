"""The claims about the cascade's relatives: what is compared, and rows that the table can show."""

import json
import runpy
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from facelab.course.claims import read_claims

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "relatives_claims.py"


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        yield runpy.run_path(str(SCRIPT))


def errors_of(script, value):
    """Errors in which everything that should be better has `value`, and the rest 5 %."""
    better = {claim.after for claim in script["CLAIMS"]}
    worse = {claim.before for claim in script["CLAIMS"]}
    return {name: value if name in better else 5.0 for name in better | worse}


def test_a_gain_is_the_share_by_which_the_error_falls(script):
    assert_close(script["gain"]("a", "b")({"a": 4.0, "b": 3.0}), 25.0)


@pytest.mark.parametrize(("value", "verdict"), [(3.0, "reproduced"), (6.0, "not reproduced")])
def test_claims_become_rows_that_the_course_reads(script, tmp_path, value, verdict):
    runs = {seed: errors_of(script, value + 0.01 * seed) for seed in range(3)}
    rows = [claim.row(runs, "people", "laptop") for claim in script["CLAIMS"]]
    file = tmp_path / "relatives.json"
    file.write_text(json.dumps(rows))
    claims = read_claims(file)
    assert {claim.table for claim in claims} == {"coarse_to_fine", "cfan"}
    direct = [claim for claim, one in zip(claims, script["CLAIMS"], strict=True)
              if one.before not in {other.after for other in script["CLAIMS"]}]  # fmt: skip
    assert direct and {claim.verdict for claim in direct} == {verdict}


def test_squares_off_centre_are_off_by_the_same_in_every_direction(script):
    squares = script["off_centre"](400, 0)
    moves = squares[:, :2]
    assert_close(squares[:, 2:] - moves, torch.ones(400, 2))
    assert_close(moves.norm(dim=1), torch.full((400,), script["OFF"]))
    assert moves.mean(dim=0).abs().max() < 0.02


def test_every_error_that_a_claim_compares_is_measured(script):
    """One run of two steps with the real code, on a few faces."""
    from facelab.engine.budget import Budget

    budget = Budget("smoke", steps=2, batch=4, images=12, max_seconds=20)
    for table, (measure, _, _) in script["SYSTEMS"].items():
        errors = measure(0, budget, None)
        for claim in script["CLAIMS"]:
            if claim.table == table:
                assert 0 < errors[claim.before] < 100 and 0 < errors[claim.after] < 100
