"""Train the probes: how good can a small model get that saw nothing but synthetic people?

    python benchmarks/humans_probes.py detector --data PACK --out DIR
    python benchmarks/humans_probes.py embedder --data PACK --out DIR

PACK is the folder of a pack, or module:callable that gives a SpriteSource. The recipes are fixed:
a number of steps that takes at most 20 minutes on two quiet cores. What comes out is judged with
`facelab eval`, see humans/models.py. A run that was stopped goes on where it was.

The detector learns from the shipped pack. The embedder needs more people than that:

    facelab data humans --people 2400 --views 12 --half 0 --large 0 --aged 0.15 --quality 90 \
        --seed 11 --out PACK
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ABLATIONS = {  # name -> fields of SceneConfig that switch it off
    "real-backgrounds": {"real_backgrounds": False},
    "distractors": {"distractors": False},
    "bodies": {"bodies": False},
}
# (height, width) of the scenes and their number of faces, in turn; None: as photos have it.
SCENES: tuple[tuple[tuple[int, int], int | None], ...] = (
    ((480, 640), None),
    ((480, 640), 12),
    ((640, 480), 6),
    ((512, 512), None),
    ((480, 640), 24),
)


def named(path: str) -> Any:
    """Import what `module:name` names."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def sprite_source(data: str) -> Any:
    """Open a pack for training, by default the shipped one, or call a `module:callable`."""
    if ":" in data and not Path(data).exists():
        return named(data)()
    from facelab.humans.packs.pack import load_pack

    return load_pack(Path(data) if data else None, split="train")


class Composer:
    """Scenes of a source by seed; the source is opened where it is used, in each worker."""

    def __init__(self, data: str, ablate: list[str]) -> None:
        self.data, self.ablate = data, ablate
        self._compose: Callable[[int], Any] | None = None

    def __call__(self, seed: int) -> Any:
        if self._compose is None:
            from facelab.humans.scenery.scenes import SceneConfig, compose

            source = sprite_source(self.data)
            config = SceneConfig()
            for name in self.ablate:
                config = replace(config, **ABLATIONS[name])

            def composed(seed: int) -> Any:
                size, faces = SCENES[seed % len(SCENES)]
                return compose(source, seed=seed, size=size, faces=faces, config=config)

            self._compose = composed
        return self._compose(seed)


def train_detector(options: argparse.Namespace) -> Path:
    from humans.detector_data import Crops
    from humans.detector_losses import losses_of
    from humans.detector_net import ProbeDetector
    from humans.training import Recipe, fit

    recipe = Recipe(steps=options.steps or 2400, items_per_step=2, seed=options.seed)
    compose = named(options.scenes) if options.scenes else Composer(options.data, options.ablate)
    scenes = recipe.steps * recipe.items_per_step
    data = Crops(compose, scenes=scenes, per_scene=8, seed=options.seed)
    return fit(
        ProbeDetector(),
        data,
        losses_of,
        recipe,
        out=options.out,
        card={"model": "probe-detector", "scenes": scenes, "ablated": options.ablate},
        workers=options.workers,
    )


def train_embedder(options: argparse.Namespace) -> Path:
    from humans.embedder_data import IdentityCrops
    from humans.embedder_training import Learner, losses_of
    from humans.training import Recipe, fit

    source = sprite_source(options.data)
    recipe = Recipe(
        steps=options.steps or 3000, items_per_step=1, learning_rate=4e-3, seed=options.seed
    )
    data = IdentityCrops(source, batches=recipe.steps, seed=options.seed)
    return fit(
        Learner(steps=recipe.steps),
        data,
        losses_of,
        recipe,
        out=options.out,
        card={"model": "probe-embedder", "people": data.num_people, "sprites": len(source)},
        workers=options.workers,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("probe", choices=["detector", "embedder"])
    parser.add_argument("--data", default="", help="folder of a pack, or module:callable")
    parser.add_argument("--scenes", default="", help="module:function, seed -> Scene, for trials")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and log")
    parser.add_argument("--ablate", action="append", default=[], choices=sorted(ABLATIONS))
    parser.add_argument("--steps", type=int, help="fewer than the recipe's, for a quick look")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    import torch  # here, so that --help answers at once

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    train = {"detector": train_detector, "embedder": train_embedder}[options.probe]
    print(train(options))


if __name__ == "__main__":
    sys.exit(main())
