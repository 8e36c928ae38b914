"""The pack that comes with facelab keeps what the course promises of it."""

from dataclasses import asdict

import numpy as np
import pytest

from facelab.humans.packs import card
from facelab.humans.packs.drawing import MOST_HIDDEN, TEST_HAIR
from facelab.humans.packs.making import SHIPPED, VERSION
from facelab.humans.packs.pack import SPLITS, load_pack
from facelab.humans.scenery.scenes import compose


@pytest.fixture(scope="module")
def pack():
    return load_pack()


def test_it_is_whole_and_made_by_the_shipped_recipe(pack):
    pack.verify()
    assert pack.manifest["finished"]
    assert pack.manifest["recipe"] == {"version": VERSION, **asdict(SHIPPED)}


def test_it_holds_enough_people_in_at_most_eighteen_megabytes(pack):
    counts = pack.manifest["counts"]
    assert counts["people"] >= 400 and counts["sprites"] >= 4000 and counts["props"] > 0
    sizes = {path.name: path.stat().st_size for path in pack.folder.iterdir()}
    assert sum(sizes.values()) <= 18_000_000
    assert max(sizes.values()) <= 16_000_000
    aged = card.splits(pack.table)[-1][3]
    assert int(aged) >= 120


def test_splits_share_nobody_and_only_the_test_split_has_its_hair(pack):
    people = [set(load_pack(split=split).table["person"].tolist()) for split in SPLITS]
    assert sum(map(len, people)) == len(set().union(*people)) == pack.manifest["counts"]["people"]
    test = pack.table["split"] == "test"
    kept = np.isin(pack.table["hair"], TEST_HAIR)
    assert kept[test].any() and not kept[~test].any()


def test_every_sprite_shows_a_face_with_its_labels(pack):
    rows = pack.labels
    height = rows["box"][:, 3] - rows["box"][:, 1]
    assert height.min() > 24
    middle = (rows["box"][:, :2] + rows["box"][:, 2:]) / 2
    assert (middle > 0).all() and (middle < np.stack([rows["width"], rows["height"]], 1)).all()
    assert np.isfinite(rows["landmarks"]).all()
    assert (pack.table["hidden"] <= MOST_HIDDEN).mean() > 0.99
    assert pack.table["age"].min() >= 11 and pack.table["age"].max() <= 80


@pytest.mark.parametrize("index", [0, 1234, -1])
def test_sprites_decode(pack, index):
    sprite = pack[index]
    assert sprite.rgba.shape == (*sprite.rgba.shape[:2], 4)
    x, y = sprite.five[sprite.five_visible].astype(int).T
    assert (sprite.rgba[y, x, 3] > 200).all(), "visible points lie on the person"


def test_the_data_card_is_written_from_the_labels(pack):
    text = (pack.folder / "README.md").read_text()
    assert text == card.text(pack), "run: facelab data card"


def test_scenes_of_its_people_hide_some_faces_and_make_half_of_them_small():
    people, hidden, heights = load_pack(split="train"), [], []
    for seed in range(80):
        scene = compose(people, seed=seed, faces=12)
        hidden += scene.attributes["hidden"].tolist()
        heights += (scene.boxes[:, 3] - scene.boxes[:, 1]).tolist()
    assert len(hidden) > 700
    assert 0.12 < np.mean(np.array(hidden) > 0.3) < 0.22, "15 to 20 percent are aimed at"
    assert 0.40 < np.mean(np.array(heights) < 32) < 0.65, "half are aimed at"
