"""The scene composer's controls, moved without a browser, against the scenes themselves."""

import html
import re

import numpy as np
import pytest
import torch

from facelab.types import Scene
from facelab.widgets.humans import scene_views as views
from facelab.widgets.humans.scene import MOST, composed, scene_composer
from tests.humans.toys import ToySource
from tests.widgets.live import inside

SOURCE = ToySource(people=8, views=4, size=(64, 64))


@pytest.fixture(scope="module")
def composer():
    return scene_composer(SOURCE, seed=5)


@pytest.fixture
def twin(composer):
    composer.controls.reset()
    return composer


def values(twin):
    return [str(getattr(w, "value", "")) for w in inside(twin.widget)]


def read_out(twin):
    return next(value for value in values(twin) if 'role="status"' in value)


def table(twin):
    return next(value for value in values(twin) if value.startswith("<table"))


def picture(twin):
    return next(value for value in values(twin) if value.startswith("<img"))


def drawing(twin):
    return next(value for value in values(twin) if value.startswith("<svg"))


def scene_of(twin):
    settings = twin.controls.values()
    return composed(SOURCE, **settings)


def toy_scene(tall, difficulty, ignored=0):
    """A scene whose faces have the given heights and difficulties."""
    count = len(tall)
    boxes = torch.tensor([[10.0, 10.0, 10.0 + h * 0.75, 10.0 + h] for h in tall]).reshape(-1, 4)
    codes = {name: torch.zeros(count, dtype=torch.int64) for name in (*views.WORDS, "person")}
    labels = {
        **codes,
        "difficulty": torch.tensor(difficulty, dtype=torch.int64),
        "age": torch.full((count,), 40.0),
        "hidden": torch.full((count,), 0.25),
    }
    image = np.full((120, 160, 3), 128, np.uint8)
    ignore = torch.tensor([[100.0, 60.0, 120.0, 80.0]] * ignored).reshape(-1, 4)
    return Scene(image, boxes, None, labels, ignore)


@pytest.mark.parametrize(
    "moves",
    [{"faces": 3}, {"faces": 12, "smallest": 10, "largest": 30}, {"blur": 2.0}, {"seed": 9}],
    ids=str,
)
def test_the_read_out_and_the_table_are_those_of_the_composed_scene(twin, moves):
    twin.controls.put(**moves)
    scene = scene_of(twin)
    assert views.sentence(scene) in read_out(twin)
    assert table(twin) == views.label_table(scene)
    assert f"Face heights; {views.level_words(scene)}" in html.unescape(drawing(twin))


def test_every_control_changes_the_scene_or_its_picture(twin):
    first = picture(twin)
    moves = {
        "faces": 14,
        "smallest": 50,
        "largest": 160,
        "blur": 3.0,
        "hide": 100,
        "camera": 200,
        "seed": 6,
        "arranged": "rows",
    }
    assert set(moves) == set(twin.controls)
    for name, value in moves.items():
        twin.controls.reset()
        twin.controls[name].value = value
        assert picture(twin) != first, name


def test_the_same_seed_gives_the_same_picture_and_reset_brings_it_back(twin):
    first = picture(twin), table(twin), drawing(twin)
    twin.controls.put(faces=3, seed=11)
    assert picture(twin) != first[0]
    twin.controls.reset()
    assert (picture(twin), table(twin), drawing(twin)) == first


def test_nobody_is_a_scene_too(twin):
    twin.controls["faces"].value = 0
    assert "No labelled face" in read_out(twin)
    assert "<td" not in table(twin)


def test_a_largest_size_below_the_smallest_counts_as_the_smallest(twin):
    twin.controls.put(smallest=60, largest=20)
    tall = views.heights(scene_of(twin))
    assert len(tall)
    assert "labelled" in read_out(twin)


def test_as_many_people_as_the_slider_allows_are_drawn(twin):
    twin.controls["faces"].value = MOST
    assert len(scene_of(twin)) + len(scene_of(twin).ignore) > 15


def test_faces_are_counted_by_height_and_difficulty():
    scene = toy_scene([5, 12, 40, 40, 100, 400], [2, 2, 1, 0, 0, 0])
    assert views.size_counts(scene).tolist() == [
        [0, 0, 0, 1, 1, 1],
        [0, 0, 0, 1, 0, 0],
        [1, 1, 0, 0, 0, 0],
    ]
    assert views.level_words(scene) == "3 easy, 1 medium, 2 hard"
    assert "3 below 32 px" not in views.sentence(scene)
    assert "2 below 32 px" in views.sentence(scene)


def test_the_table_has_the_largest_faces_first_and_says_that_there_are_more():
    scene = toy_scene([10 + 5 * k for k in range(12)], [0] * 12)
    rows = re.findall(r"<tr>(.*?)</tr>", views.label_table(scene))[1:]
    assert len(rows) == views.ROWS
    assert "10, 10, 59, 75" in rows[0] and "The 8 largest of 12 faces" in views.label_table(scene)
    assert "25%" in rows[0] and "0 clear" in rows[0]


def test_boxes_of_each_difficulty_differ_in_dashes_and_not_only_in_colour():
    coloured = []
    for level in range(3):
        scene = toy_scene([80], [level])
        shown = views.paint(scene, width=160)
        colour = np.array(views.rgb(views.ROLES[level]))
        edge = (shown[9:12, 20:60] == colour).all(axis=2).any(axis=0)
        coloured.append(edge.mean())
    assert coloured[0] == 1
    assert all(0.2 < share < 0.95 for share in coloured[1:])
    assert len(set(views.DASHES)) == 3


def test_an_ignored_face_is_crossed_out():
    plain, crossed = (views.paint(toy_scene([50], [0], ignored=n), width=160) for n in (0, 1))
    assert (plain[70, 108:113] != crossed[70, 108:113]).any()


def test_the_static_twin_shows_three_settings_and_says_their_numbers(twin):
    assert twin.markup.startswith("<img")
    assert twin.alt.count("labelled faces") == 3
    assert "easy" in twin.alt


def test_an_empty_source_is_refused():
    class Nobody:
        table: dict = {}
        props: tuple = ()

        def __len__(self):
            return 0

    with pytest.raises(ValueError, match="nobody"):
        scene_composer(Nobody())
