"""Test what is said of MTCNN's training: facelab reproduce mtcnn_training [--seeds 0 1 2]

Trains the three nets on scenes with synthetic people, as the paper does, without hard example
mining, and without the landmark task, once a seed each, and looks for people that none of them
saw. Writes mtcnn_training.json, the claim table "mtcnn_training" of lab 03; about an hour on two
cores with the laptop budget. Expectations are those of our specification; verdicts:
benchmarks/cascade/verdicts.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cascade.faces import pack_in_words
from cascade.verdicts import Below, Gain, Rule

from facelab.detection.mtcnn import MTCNN
from facelab.detection.mtcnn.train import BUDGETS, NETS, WIDER_THRESHOLDS, Config, train
from facelab.engine.budget import NAMES, Budget
from facelab.geometry.boxes import box_iou
from facelab.humans import load_pack
from facelab.humans.tasks.loaders import Scenes
from facelab.metrics.detection import Curve, Truth, score_photos
from facelab.types import SceneSource

COMMAND = "python benchmarks/mtcnn_training_claims.py"
RESULT = Path(__file__).parent / "results" / "mtcnn_training.json"
SMALLEST = 20.0  # pixels: faces that are counted, the detector's smallest
TESTED = 200  # scenes
ALARMS = 0.1  # false alarms a scene at which recall is compared
VARIANTS = {
    "as in the paper": Config(),
    "all samples": Config(keep=1.0),
    "no landmark task": Config(landmarks=False),
}
Figures = Mapping[str, float]


def recall_at(curve: Curve, alarms: int) -> float:
    """Give the largest recall in percent with at most so many false alarms."""
    counted = np.arange(1, len(curve.precision) + 1)
    wrong = np.round(counted * (1 - curve.precision))  # so far, (K,)
    return 100 * float(curve.recall[wrong <= alarms].max(initial=0.0))


def accuracy(detector: MTCNN, scenes: SceneSource) -> Figures:
    """Give recall at `ALARMS` false alarms a scene, average precision and landmark error, in
    percent, at low thresholds."""
    low, photos = detector.with_options(thresholds=WIDER_THRESHOLDS), []
    for scene in (scenes[index] for index in range(len(scenes))):
        photos.append((low(scene.image), Truth(scene.boxes, scene.landmarks, scene.ignore)))
    score = score_photos(photos, ranges={"counted": (SMALLEST, math.inf)})["counted"]
    return {
        "recall": recall_at(score.curve, round(ALARMS * len(photos))),
        "ap": 100 * score.ap,
        "nme": 100 * score.nme,
    }


def stages(detector: MTCNN, scenes: SceneSource) -> Figures:
    """Give candidates a scene and recall in percent after each net, at the usual thresholds."""
    left: dict[str, list[int]] = {name: [] for name in ("windows", *NETS)}
    found: dict[str, list[bool]] = {name: [] for name in NETS}
    for scene in (scenes[index] for index in range(len(scenes))):
        trace = detector.trace(scene.image)
        left["windows"].append(trace.stages["pnet"].looked_at)
        faces = scene.boxes[scene.boxes[:, 3] - scene.boxes[:, 1] >= SMALLEST]
        for name in NETS:
            kept = trace.stages[name].kept.boxes
            left[name].append(len(kept))
            found[name] += (box_iou(faces, kept) >= 0.5).any(dim=1).tolist()
    figures = {name: statistics.fmean(counts) for name, counts in left.items()}
    return figures | {
        f"recall_{name}": 100 * statistics.fmean(hits) for name, hits in found.items()
    }


def measure(seed: int, budget: Budget, data: Path | None, work: Path | None) -> dict[str, Figures]:
    """Train and judge the variants of a seed; all see the same scenes."""
    seen = Scenes(load_pack(data, split="train"), length=budget.images, seed=seed)
    unseen = Scenes(load_pack(data, split="test"), length=min(TESTED, budget.images), seed=seed)
    runs: dict[str, Figures] = {}
    for name, config in VARIANTS.items():
        folder = None if work is None else work / f"{name} {seed}".replace(" ", "_")
        detector = train(seen, budget=budget, config=config, seed=seed, folder=folder)
        runs[name] = accuracy(detector, unseen)
        if name == "as in the paper":
            runs[name] = {**runs[name], **stages(detector, unseen)}
        print(f"seed {seed}, {name}: " + ", ".join(f"{k} {x:.2f}" for k, x in runs[name].items()))
    return runs


@dataclass(frozen=True)
class Claim:
    """One claim: its words, where it comes from, a number made of a seed's figures, and the rule
    that judges these numbers."""

    text: str
    where: str
    unit: str
    value: Callable[[Mapping[str, Figures]], float]
    rule: Rule
    told: Callable[[Mapping[str, Figures]], tuple[float, ...]]
    words: str
    paper: float | None = None

    def row(
        self, runs: Mapping[int, Mapping[str, Figures]], data: str, budget: str, command: str
    ) -> dict[str, Any]:
        """Give the claim as `facelab.course.claims` reads it, one value a seed."""
        ours = [round(self.value(run), 4) for run in runs.values()]
        means = [statistics.fmean(x) for x in zip(*map(self.told, runs.values()), strict=True)]
        return {
            "table": "mtcnn_training",
            "claim": self.text,
            "where": self.where,
            "paper": self.paper,
            "paper_mark": "" if self.paper is None else "[M]",
            "unit": self.unit,
            "ours": ours,
            "seeds": list(runs),
            "data": data,
            "budget": budget,
            "command": command,
            "verdict": self.rule.verdict(ours),
            "why": f"{self.words.format(*means)}; {self.rule.expected}",
        }


FULL = "as in the paper"


def _ratio(before: str, after: str) -> Callable[[Mapping[str, Figures]], float]:
    return lambda run: run[FULL][before] / max(run[FULL][after], 1e-9)


def _both(key: str, one: str, other: str) -> Callable[[Mapping[str, Figures]], tuple[float, ...]]:
    return lambda run: (run[one][key], run[other][key])


def _more(key: str, one: str, other: str) -> Callable[[Mapping[str, Figures]], float]:
    return lambda run: run[one][key] - run[other][key]


def _left(before: str, after: str) -> Callable[[Mapping[str, Figures]], tuple[float, ...]]:
    return lambda run: (run[FULL][before], run[FULL][after])


A_SCENE = "{:.0f} and {:.1f} a scene"
AT_EQUAL = f"{{:.1f}} against {{:.1f}} % at {ALARMS:g} false alarms a scene"
CLAIMS = (
    Claim(
        "R-Net divides the candidates by",
        *("section II.A", "x", _ratio("pnet", "rnet"), Gain(5, 50)),
        *(_left("pnet", "rnet"), A_SCENE),
    ),
    Claim(
        "O-Net divides the candidates by",
        *("section II.A", "x", _ratio("rnet", "onet"), Gain(5, 50)),
        *(_left("rnet", "onet"), A_SCENE),
    ),
    Claim(
        "the cascade costs little recall: lost between P-Net and O-Net",
        *(
            "section II.A",
            "points",
            lambda run: run[FULL]["recall_pnet"] - run[FULL]["recall_onet"],
        ),
        *(Below(2), _left("recall_pnet", "recall_onet"), "{:.1f} and {:.1f} %"),
    ),
    Claim(
        "hard example mining raises recall",
        *("section II.C", "points", _more("recall", FULL, "all samples"), Gain(0.5, 3)),
        *(_both("recall", FULL, "all samples"), AT_EQUAL, 1.5),
    ),
    Claim(
        "hard example mining raises average precision",
        *("section II.C", "points", _more("ap", FULL, "all samples"), Gain(0)),
        *(_both("ap", FULL, "all samples"), "{:.1f} against {:.1f} %"),
    ),
    Claim(
        "the landmark task raises recall",
        *("section III.B", "points", _more("recall", FULL, "no landmark task"), Gain(0, 2)),
        *(_both("recall", FULL, "no landmark task"), AT_EQUAL),
    ),
    Claim(
        "the landmark task raises average precision",
        *("section III.B", "points", _more("ap", FULL, "no landmark task"), Gain(0, 2)),
        *(_both("ap", FULL, "no landmark task"), "{:.1f} against {:.1f} %"),
    ),
    Claim(
        "landmarks are usable: mean error over the distance between the eyes",
        *("table of AFLW", "%", lambda run: run[FULL]["nme"], Below(10)),
        *(lambda run: (run[FULL]["nme"],), "{:.1f} % on the faces found", 6.9),
    ),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, measure, and write the claims."""
    parser = argparse.ArgumentParser(description="Test what is said of MTCNN's training.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", choices=NAMES, default="laptop")
    parser.add_argument("--data", type=Path, help="folder of a pack, instead of the shipped one")
    parser.add_argument("--work", type=Path, help="folder of checkpoints, to go on with a run")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args(argv)
    budget = next(row for row in BUDGETS if row.name == given.budget)
    # steps alone decide: on a slow or busy machine the same nets are compared
    budget = dataclasses.replace(budget, max_seconds=math.inf)
    runs = {seed: measure(seed, budget, given.data, given.work) for seed in given.seeds}
    data = f"{budget.images} scenes with synthetic people of {pack_in_words(given.data)}"
    command = COMMAND + (" --data PACK" if given.data is not None else "")
    rows = [claim.row(runs, data, given.budget, command) for claim in CLAIMS]
    given.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"written: {given.out.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
