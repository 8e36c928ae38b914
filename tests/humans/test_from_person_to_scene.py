"""The rooms together: people rendered into a pack, read again, composed into scenes and crops."""

import numpy as np
import pytest

from facelab.humans import assets

pytest.importorskip("numba", reason="rendering needs facelab[render]")

from facelab.humans.packs.making import Recipe, make
from facelab.humans.scenery.scenes import SceneConfig, compose
from facelab.humans.tasks.loaders import AgedCrops, IdentityCrops, LandmarkCrops

pytestmark = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    recipe = Recipe(people=8, views=3, size=96, seed=3, props=3)
    return make(recipe, tmp_path_factory.mktemp("people") / "pack", workers=1)


def test_rendered_people_stand_in_scenes_with_every_label(people):
    config = SceneConfig(fringes=1.0)
    for seed in range(4):
        scene = compose(people, seed=seed, size=(240, 320), faces=6, config=config)
        assert scene.image.shape == (240, 320, 3)
        assert set(scene.attributes["person"].tolist()) <= set(people.table["person"].tolist())
        inside = scene.boxes[:, 2:] <= scene.boxes.new_tensor([320.0, 240.0]) + 1e-3
        assert bool(inside.all())


@pytest.mark.parametrize("task", [IdentityCrops, AgedCrops, LandmarkCrops])
def test_rendered_people_become_crops(people, task):
    data = task(people)
    crop = data[1].image
    assert crop.dtype == np.uint8
    assert crop.std() > 10
