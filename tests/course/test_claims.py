import json

import pytest

from facelab.course import claims

ENTRY = {
    "table": "mtcnn",
    "claim": "Three nets are <faster> than one",
    "where": "MTCNN, table 2",
    "paper": 99.0,
    "paper_mark": "[M]",
    "unit": "ms",
    "ours": [100.0, 102.0, 98.0],
    "seeds": [0, 1, 2],
    "data": "two portraits, tiled",
    "budget": "laptop",
    "command": "python benchmarks/mtcnn.py",
    "verdict": "reproduced",
    "why": "Same order of magnitude.",
}


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.setenv("FACELAB_RESULTS", str(tmp_path))

    def one(name="a.json", **changes):
        entry = {key: value for key, value in (ENTRY | changes).items() if value is not ...}
        (tmp_path / name).write_text(json.dumps(entry))

    return one


def test_a_line_shows_paper_mean_spread_runs_command_and_verdict(write):
    write()
    text = str(claims.table("mtcnn"))
    for part in ("99 ms [M] (MTCNN, table 2)", "100 ms (sd 2, 98 to 102)", "reproduced", "laptop"):
        assert part in text
    assert "runs        3" in text
    assert "python benchmarks/mtcnn.py" in text


def test_the_html_is_a_table_with_headers_and_escaped_text(write):
    write()
    markup = claims.table("mtcnn")._repr_html_()
    assert '<th scope="col" style="text-align:left">verdict</th>' in markup
    assert "&lt;faster&gt;" in markup


def test_claims_of_several_files_and_lists_come_together(write, tmp_path):
    write("b.json")
    (tmp_path / "a.json").write_text(json.dumps([ENTRY | {"claim": "first"}, {"speed": 3}]))
    write("c.json", table="other")
    assert [claim.claim for claim in claims.table("mtcnn").claims] == ["first", ENTRY["claim"]]
    assert "first" in claims.table("mtcnn").summary()


def test_what_was_not_attempted_has_no_number(write):
    write(ours=[], seeds=[], verdict="not attempted", paper=None)
    assert "not measured" in str(claims.table("mtcnn"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"verdict": "probably"}, "not one of"),
        ({"ours": []}, "0 results"),
        ({"verdict": "not attempted"}, "3 results"),
        ({"seeds": [1]}, "one each"),
        ({"why": ""}, "'why' is empty"),
        ({"data": ...}, r"missing \['data'\]"),
        ({"extra": 1}, r"unknown \['extra'\]"),
        ({"ours": "fast"}, "list of numbers"),
        ({"why": 3}, "a.json"),
    ],
)
def test_a_result_that_does_not_say_everything_is_an_error(write, changes, reason):
    write(**changes)
    with pytest.raises(claims.ClaimError, match=reason):
        claims.table("mtcnn")


def test_a_number_without_result_file_is_an_error(write):
    with pytest.raises(claims.ClaimError, match="no result file"):
        claims.table("mtcnn")


def test_a_file_that_is_not_json_is_named(write, tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(claims.ClaimError, match="broken.json is not JSON"):
        claims.table("mtcnn")


def test_a_figure_reads_what_a_benchmark_wrote(tmp_path, monkeypatch):
    monkeypatch.setenv("FACELAB_RESULTS", str(tmp_path))
    (tmp_path / "levels.json").write_text('{"levels": [1, 2]}')
    assert claims.results("levels") == {"levels": [1, 2]}
    with pytest.raises(claims.ClaimError, match="ages.json is not in .*not measured yet"):
        claims.results("ages")


def test_an_installed_wheel_says_where_the_results_are(tmp_path, monkeypatch):
    monkeypatch.delenv("FACELAB_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(claims, "__file__", str(tmp_path / "facelab" / "course" / "claims.py"))
    with pytest.raises(claims.ClaimError, match="from a clone"):
        claims.results_folder()
    monkeypatch.setenv("FACELAB_RESULTS", str(tmp_path / "nowhere"))
    with pytest.raises(claims.ClaimError, match="not a folder"):
        claims.results_folder()


def test_the_results_are_found_from_a_folder_of_the_repository(tmp_path, monkeypatch):
    monkeypatch.delenv("FACELAB_RESULTS", raising=False)
    (tmp_path / "benchmarks" / "results").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert claims.results_folder() == tmp_path / "benchmarks" / "results"
