"""Honesty checks of the synthetic people; each stores what it finds in results/humans_checks.json.

    python benchmarks/humans_checks.py found shortcuts nearest age speed --data PACK

| Check       | Question                                                                          |
| ----------- | --------------------------------------------------------------------------------- |
| `found`     | what share of near-frontal, clear renders do MTCNN's public weights find?         |
| `shortcuts` | can a linear classifier tell people apart by hair, clothes or skin colour alone?  |
| `nearest`   | are two people nearly identical?                                                  |
| `age`       | does an age estimator, trained on half of the people, age the other half evenly?  |
| `speed`     | how many renders a second does one core make?                                     |

PACK is the folder of a pack, or module:callable that gives a SpriteSource; without it the shipped
pack. `speed` needs the assets instead.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
from humans_probes import sprite_source

SPEED_PEOPLE = 20  # whose renders are timed
RESULT = Path(__file__).parent / "results" / "humans_checks.json"


def found(options: argparse.Namespace) -> dict[str, Any]:
    """MTCNN with public weights on clear renders, on grey."""
    from humans import checks

    import facelab

    detector = facelab.load("mtcnn", min_face=40)
    return checks.found_by(detector, sprite_source(options.data), count=options.count)


def shortcuts(options: argparse.Namespace) -> dict[str, Any]:
    """Linear classifiers on parts of the picture."""
    from humans import checks

    return checks.tell_apart(sprite_source(options.data), people=100, per_person=10)


def nearest(options: argparse.Namespace) -> dict[str, Any]:
    """Vectors of aligned clear renders, averaged over each person: of a probe, or grey pixels."""
    from humans import checks

    embed = checks.grey_crop
    if options.embedder:
        from humans.models import load_embedder

        embed = checks.embedding(load_embedder(options.embedder / "weights.safetensors"))
    by = "probe embedder" if options.embedder else "grey pixels"
    return {"by": by, **checks.nearest_people(sprite_source(options.data), embed)}


def age(options: argparse.Namespace) -> dict[str, Any]:
    """A small net learns ages from every second person and is asked about the others."""
    from humans.ages import judge_ages

    return judge_ages(sprite_source(options.data))


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Render 128-px pictures on one core, five of each person, after as many that do not count:
    they compile, and read the assets."""
    from facelab.humans.person.people import Human
    from facelab.humans.person.views import View
    from facelab.humans.rendering.render import render

    rng = np.random.default_rng(0)
    first, later = [], []
    for person in range(2 * SPEED_PEOPLE):
        human = Human.sample(rng)
        for number in range(5):
            view = View.sample(rng, human)
            began = time.perf_counter()
            render(human, view, size=(128, 128))
            if person >= SPEED_PEOPLE:
                (later if number else first).append(1000 * (time.perf_counter() - began))
    low, high = np.percentile(first + later, [10, 90])
    return {
        "renders": len(first + later),
        "size_px": 128,
        "median_ms": round(statistics.median(first + later), 1),
        "median_ms_first_of_a_person": round(statistics.median(first), 1),
        "tenth_to_ninetieth_ms": [round(float(low), 1), round(float(high), 1)],
        "renders_per_second": round(1000 / statistics.mean(first + later), 1),
    }


CHECKS = {
    "found": found,
    "shortcuts": shortcuts,
    "nearest": nearest,
    "age": age,
    "speed": speed,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checks", nargs="+", choices=sorted(CHECKS))
    parser.add_argument("--data", default="", help="folder of a pack, or module:callable")
    parser.add_argument("--count", type=int, default=500, help="renders that `found` looks at")
    parser.add_argument(
        "--embedder", type=Path, metavar="DIR", help="probe that `nearest` compares people with"
    )
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    import torch  # here, so that --help answers at once

    torch.set_num_threads(1)
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.checks:
        results[name] = CHECKS[name](options)
        print(json.dumps({name: results[name]}, indent=1))
        options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
