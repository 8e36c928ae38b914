"""The claims about MTCNN's training: what is measured, and rows that the table can show."""

import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from facelab.course.claims import read_claims
from facelab.metrics.detection import precision_recall
from facelab.types import Faces, Scene

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "mtcnn_training_claims.py"
TRUTH = torch.tensor([[0.0, 0, 40, 40], [60, 0, 100, 40], [0, 60, 10, 70]])  # the last is too small


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        yield runpy.run_path(str(SCRIPT))


class Given:
    """A detector whose answers are given: boxes after each net, the last with scores."""

    def __init__(self, **boxes):
        self.boxes = {name: torch.tensor(x, dtype=torch.float32) for name, x in boxes.items()}
        self.asked = None

    def with_options(self, **options):
        self.asked = options
        return self

    def __call__(self, photo):
        boxes = self.boxes["onet"]
        return Faces(boxes, torch.linspace(0.9, 0.5, len(boxes)))

    def trace(self, photo):
        kept = {
            name: SimpleNamespace(kept=Faces(x, torch.ones(len(x))))
            for name, x in self.boxes.items()
        }
        kept["pnet"].looked_at = 700
        return SimpleNamespace(stages=kept)


ONE, OTHER, WRONG = [0, 0, 40, 40], [60, 0, 100, 40], [30, 70, 60, 100]


def scenes(count=10):
    return [Scene(np.zeros((110, 110, 3), np.uint8), TRUTH) for _ in range(count)]


def test_recall_at_equal_false_alarms(script):
    hits = np.array([True, True, False, True, False, True])
    curve = precision_recall(np.linspace(1, 0, 6), hits, faces=5)
    assert [script["recall_at"](curve, alarms) for alarms in (0, 1, 2)] == [40.0, 60.0, 80.0]
    nothing = precision_recall(np.zeros(0), np.zeros(0, bool), faces=5)
    assert script["recall_at"](nothing, 3) == 0.0


def test_accuracy_counts_faces_of_20_pixels_at_low_thresholds(script):
    detector = Given(onet=[ONE, OTHER])
    figures = script["accuracy"](detector, scenes())
    assert detector.asked == {"thresholds": (0.5, 0.5, 0.3)}
    assert figures["recall"] == 100 and figures["ap"] == 100


def test_recall_is_taken_at_a_false_alarm_in_ten_scenes(script):
    """In each of ten scenes a false alarm comes between the two faces; one of ten is allowed."""
    figures = script["accuracy"](Given(onet=[ONE, WRONG, OTHER]), scenes())
    assert figures["recall"] == 50
    assert 50 < figures["ap"] < 100


def test_stages_count_what_is_left_and_found(script):
    detector = Given(pnet=[ONE, OTHER, WRONG, WRONG], rnet=[ONE, OTHER, WRONG], onet=[ONE])
    figures = script["stages"](detector, scenes(2))
    assert figures == {
        "windows": 700,
        "pnet": 4,
        "rnet": 3,
        "onet": 1,
        "recall_pnet": 100,
        "recall_rnet": 100,
        "recall_onet": 50,
    }


def runs_of(script, advantage):
    """Figures of three seeds in which the paper's way is better by `advantage` points."""
    full = {"pnet": 200.0, "rnet": 20.0, "onet": 2.0, "recall_pnet": 95.0, "recall_onet": 94.0}
    runs = {}
    for seed in range(3):
        base = {"recall": 80.0 + seed, "ap": 85.0, "nme": 5.0}
        better = {"recall": base["recall"] + advantage, "ap": 85 + advantage, "nme": 5.0}
        runs[seed] = dict.fromkeys(script["VARIANTS"], base) | {script["FULL"]: better | full}
    return runs


@pytest.mark.parametrize(("advantage", "verdict"), [(1.0, "reproduced"), (-1.0, "not reproduced")])
def test_claims_become_rows_that_the_course_reads(script, tmp_path, advantage, verdict):
    runs = runs_of(script, advantage)
    rows = [claim.row(runs, "people", "laptop", "command") for claim in script["CLAIMS"]]
    file = tmp_path / "mtcnn_training.json"
    file.write_text(json.dumps(rows))
    claims = {claim.claim: claim for claim in read_claims(file)}
    raising = [claim for text, claim in claims.items() if " raises " in text]
    assert len(raising) == 4 and {claim.verdict for claim in raising} == {verdict}
    assert claims["hard example mining raises recall"].ours == (advantage,) * 3
    assert claims["R-Net divides the candidates by"].ours == (10.0,) * 3
    lost = claims["the cascade costs little recall: lost between P-Net and O-Net"]
    assert lost.ours == (1.0,) * 3 and lost.verdict == "reproduced"


def test_the_variants_differ_in_one_thing_each(script):
    full, everything, silent = script["VARIANTS"].values()
    assert (full.keep, full.landmarks) == (0.7, True)
    assert (everything.keep, everything.landmarks) == (1.0, True)
    assert (silent.keep, silent.landmarks) == (0.7, False)
