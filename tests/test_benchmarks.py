"""The benchmark page says what the stored results say."""

import json
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_the_page_is_written_from_the_stored_results():
    report = runpy.run_path(str(BENCHMARKS / "report.py"))["report"]
    assert (BENCHMARKS / "README.md").read_text() == report(), "run: python benchmarks/report.py"


def test_the_stored_speed_holds_both_modes_and_the_peer_at_both_sizes():
    result = json.loads((BENCHMARKS / "results" / "mtcnn_speed.json").read_text())
    sizes = [row["photo"].split(",")[0] for row in result["rows"]]
    assert sizes == ["640x480", "640x480", "1280x960", "1280x960"]
    for row in result["rows"]:
        assert list(row["median_ms"]) == ["facenet-pytorch 2.6.0", "compat", "default"]


def test_the_page_names_every_photo_that_misses_twice_the_speed_of_the_peer():
    speed = runpy.run_path(str(BENCHMARKS / "report.py"))["speed"]
    rows = [
        {"photo": "small, 1 face", "median_ms": {"peer": 100.0, "compat": 51.0, "default": 50.0}},
        {"photo": "large, 1 face", "median_ms": {"peer": 100.0, "compat": 40.0, "default": 30.0}},
    ]
    result = {"command": "c", "machine": "m", "repeats": 3, "rows": rows}
    assert speed(result).endswith("Missed: small, 1 face (compat, 1.96x).\n")
    assert speed(result | {"rows": rows[1:]}).endswith("Missed: none.\n")


@pytest.fixture(scope="module")
def page():
    return runpy.run_path(str(BENCHMARKS / "report.py"))


def claim(**changes):
    usual = {
        "table": "some_paper",
        "claim": "more is better",
        "where": "table 1",
        "paper": 4.9,
        "paper_mark": "[V]",
        "unit": "%",
        "ours": [1.0, 3.0],
        "seeds": [0, 1],
        "data": "ten faces",
        "command": "measure",
        "verdict": "partly",
        "why": "so so",
    }
    return usual | changes


def test_a_claim_table_shows_the_papers_value_with_its_mark_beside_ours(page):
    open_one = claim(claim="less is more", ours=[], seeds=[], paper=None, data="none yet")
    text = page["claims"]([claim(), open_one])
    assert text.startswith("## some paper: claims\n\n`measure`; ten faces.\n")
    assert "| more is better | table 1 | 4.9 [V] | 2 (1 to 3) % | 2 | partly | so so |" in text
    assert "| less is more | table 1 | - | - | 0 | partly | so so |" in text
    assert "none yet" not in text


def test_a_claim_table_without_any_figure_of_the_paper_has_no_column_for_it(page):
    text = page["claims"]([claim(paper=None, paper_mark="")])
    assert "| more is better | table 1 | 2 (1 to 3) % | 2 | partly | so so |" in text
    assert "paper |" not in text


def test_a_file_with_several_claim_tables_gives_a_section_for_each(page):
    rows = [claim(table="cfan"), claim(table="coarse_to_fine"), claim(table="cfan", why="or not")]
    text = page["claims"](rows)
    heads = [line for line in text.splitlines() if line.startswith("##")]
    assert heads == ["## CFAN: claims", "## Coarse to fine, 68 points: claims"]
    assert text.index("or not") < text.index("## Coarse")


def test_claims_that_nobody_measured_are_said_to_be_so(page):
    assert "Nothing was measured" in page["claims"]([claim(ours=[], seeds=[])])


def test_the_cascades_figures_stand_beside_the_papers_point_by_point(page):
    error = [[1.0, 2.0, 3.0, None, None], [2.0, 2.0, 5.0, None, None]]
    row = {"name": "EN1", "error": error, "failures": error}
    row["paper"] = {"error": [1.39, 1.4, 1.58, None, None]}
    points = ["LE", "RE", "N", "LM", "RM"]
    result = {"how": "measured", "points": points, "levels": [row], "structures": [], "rates": {}}
    text = page["cascade_levels"](result)
    shown = "| EN1 | 1.50 (1.39) | 2.00 (1.40) | 4.00 (1.58) | - | - | 2.50 (1.46) |"
    assert shown in text
    assert "| EN1 | 1.50 | 2.00 | 4.00 | - | - | 2.50 |" in text  # failures: the paper gives none


def test_the_speed_of_the_cascade_is_faces_a_second_beside_those_of_onet(page):
    row = {"faces": 256, "what": "all", "median_ms": {"cascade": 256.0, "O-Net": 512.0}}
    macs = {"cascade": 11_128_640, "O-Net": 12_950_000}
    result = {"command": "c", "machine": "m", "repeats": 3, "macs": macs, "rows": [row]}
    text = page["landmarks_speed"](result)
    assert "| 256 | all | 1,000 | 500 | 2.00x |" in text
    assert "cascade 11.1" in text


def test_the_speed_of_the_wider_evaluation_is_set_beside_that_of_a_port(page):
    result = {
        "command": "c", "machine": "m", "photos": 3000, "detections": 300,
        "seconds": {"port": 30.0, "facelab": 1.25}, "largest_difference": 2e-17,
    }  # fmt: skip
    assert "| 3,000 | 300 | 30.0 | 1.2 | 24x | 2e-17 |" in page["wider_speed"](result)


def test_the_port_of_the_wider_evaluation_gives_the_same_average_precision():
    speed = runpy.run_path(str(BENCHMARKS / "wider_speed.py"))
    rng = np.random.default_rng(1)
    photos = [speed["made_up"](rng, 40) for _ in range(5)]
    scores = speed["score_wider"]([speed["as_records"](photo) for photo in photos])
    for level in speed["LEVELS"]:
        assert scores[level].ap == pytest.approx(speed["port"](photos, level), abs=1e-6)
        assert 0.1 < scores[level].ap < 0.9


def test_both_systems_of_the_landmark_speed_give_five_points_for_every_face():
    speed = runpy.run_path(str(BENCHMARKS / "landmarks_speed.py"))
    photo, boxes = speed["crowd"](3)
    assert photo.shape == (80, 240, 3)
    assert boxes[2].tolist() == [180.0, 12.0, 220.0, 64.0]
    onet = speed["facelab"].load("mtcnn").onet
    works = speed["tasks"](speed["Cascade"](), onet, 3)
    whole, alone = works.values()
    assert whole["cascade"]().shape == (3, 5, 2)
    assert whole["O-Net"]().shape == alone["O-Net"]().shape == (3, 10)
    answers = alone["cascade"]()
    assert [tuple(one.shape) for one in answers] == [(3, 10), (3, 6), (3, 6), *[(3, 10, 2)] * 2]


@pytest.mark.parametrize(
    "file", sorted((BENCHMARKS / "results").glob("*.json")), ids=lambda p: p.name
)
def test_stored_results_hold_no_path_of_a_machine(file):
    assert not re.search(r"(/home|/root|/work|/Users|/tmp)/|[A-Z]:\\\\", file.read_text())
