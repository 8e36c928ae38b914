"""The person explorer's controls, moved without a browser, against the head model's geometry."""

import html
import math

import numpy as np
import pytest
import torch

from facelab.humans.head_model import HeadModel, front_camera, project, turn
from facelab.humans.head_model import model as room
from facelab.widgets.humans import person_views as views
from facelab.widgets.humans.person import (
    LAMP,
    PRESETS,
    SIDE,
    Pose,
    box_of,
    lamp_at,
    look,
    person_explorer,
    seen,
)
from tests.widgets.live import inside

pytestmark = pytest.mark.skipif(not room.FILE.is_file(), reason="the head model is not shipped")


@pytest.fixture(scope="module")
def model():
    return HeadModel.load()


@pytest.fixture(scope="module")
def explorer(model):
    return person_explorer(model)


@pytest.fixture
def twin(explorer):
    explorer.controls.reset()
    return explorer


def values(twin):
    return [str(getattr(w, "value", "")) for w in inside(twin.widget)]


def find(twin, beginning):
    return next(value for value in values(twin) if beginning in value[:200])


def picture(twin):
    return find(twin, "<img")


def test_the_labels_are_the_projected_vertices_of_the_mesh(model):
    pose = Pose(age=45, yaw=30, pitch=-10, roll=12, smile=70, shape1=1.5, shape2=-1)
    labels = look(model, model.renderer(), pose)
    units = torch.zeros(1, model.num_expression)
    units[0, model.expressions.index("smile")] = 0.7
    vertices = model(torch.tensor([[1.5, -1, 0]]), units, torch.tensor([45.0]), hair=torch.ones(1))
    vertices = turn(vertices, torch.tensor([[30.0, -10, 12]]).deg2rad())
    screen, _ = project(vertices, front_camera(fill=0.74), size=(SIDE, SIDE))
    torch.testing.assert_close(labels.landmarks, screen[0, model.landmarks])
    assert labels.five[0, 0] < labels.five[1, 0]  # eye at image left first


def test_turning_moves_the_nose_and_hides_the_far_side(model):
    renderer = model.renderer()
    looks = {yaw: look(model, renderer, Pose(yaw=yaw)) for yaw in (-60, 0, 60)}
    noses = [looks[yaw].five[2, 0].item() for yaw in (-60, 0, 60)]
    assert noses[0] < noses[1] < noses[2]
    jaw_left, jaw_right = slice(0, 6), slice(11, 17)
    assert looks[60].visible[jaw_left].sum() > looks[60].visible[jaw_right].sum()
    assert looks[-60].visible[jaw_left].sum() < looks[-60].visible[jaw_right].sum()
    hidden = [(~looks[yaw].visible).sum() for yaw in (-60, 0, 60)]
    assert hidden[1] < min(hidden[0], hidden[2])


def test_pitch_is_up_and_roll_is_counter_clockwise(model):
    renderer = model.renderer()
    level, up = (look(model, renderer, Pose(yaw=0, pitch=p)) for p in (0, 25))
    assert up.five[2, 1] < level.five[2, 1]
    tilted = look(model, renderer, Pose(yaw=0, roll=25))
    assert tilted.five[0, 1] > tilted.five[1, 1] + 5  # the eye at image left sinks


def test_the_lamp_lights_the_side_on_which_it_stands(model):
    renderer = model.renderer()
    for degrees in (-80, 80):
        labels = look(model, renderer, Pose(yaw=0, lamp=degrees))
        x1, y1, x2, y2 = labels.box.int().tolist()
        face = labels.image[y1:y2, x1:x2].astype(float).mean(axis=(0, 2))
        left, right = np.array_split(face, 2)
        assert (right.mean() > left.mean()) == (degrees > 0)
    place = lamp_at(90)[0, :3]
    assert place.norm().item() == pytest.approx(LAMP)
    assert place[0] > 0 and abs(place[2].item()) < 1e-4


@pytest.mark.parametrize(
    ("name", "value"),
    [("age", 75), ("smile", 100), ("open", 100), ("shape1", 3.0), ("shape2", -3.0), ("tone", 2.5)],
)
def test_every_slider_changes_the_picture(twin, name, value):
    twin.controls["overlay"].value = "none"
    before = picture(twin)
    twin.controls[name].value = value
    assert picture(twin) != before


def test_the_overlay_is_what_the_buttons_say(twin):
    shown = {}
    for overlay in ("none", "box", "points", "mesh"):
        twin.controls["overlay"].value = overlay
        shown[overlay] = picture(twin)
    assert len(set(shown.values())) == 4


def test_read_out_and_table_carry_the_labels(twin, model):
    twin.controls.put(yaw=40, pitch=10, age=60)
    labels = look(model, model.renderer(), Pose(age=60, yaw=40, pitch=10))
    said = html.unescape(find(twin, 'role="status"'))
    assert "Age 60; yaw 40°, pitch 10°" in said
    assert f"{math.radians(40):.2f}" in said
    assert labels.key_numbers() in said
    table = find(twin, "<table")
    x, y = labels.five[2].tolist()
    assert f"{x:.1f}, {y:.1f}" in table
    assert table.count("<tr>") == 7
    assert "Yaw 40 degrees, pitch 10 degrees" in find(twin, "<svg")


def test_reset_brings_the_first_picture_back(twin):
    first = picture(twin)
    twin.controls.put(yaw=-50, age=12, overlay="mesh")
    assert picture(twin) != first
    twin.controls.reset()
    assert picture(twin) == first


def test_the_mesh_that_is_drawn_faces_the_camera(model):
    labels = look(model, model.renderer(), Pose())
    a, b = labels.mesh[:, 1] - labels.mesh[:, 0], labels.mesh[:, 2] - labels.mesh[:, 0]
    assert 0 < len(labels.mesh) < len(model.coarse)
    assert (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] < 0).all()


def test_the_box_reaches_the_forehead_and_holds_all_points(model):
    labels = look(model, model.renderer(), Pose(yaw=-20))
    x1, y1, x2, y2 = labels.box.tolist()
    points = labels.landmarks
    assert (points[:, 0] >= x1).all() and (points[:, 0] <= x2).all()
    assert points[:, 1].min() - y1 == pytest.approx(
        0.35 * (y2 - points[:, 1].min().item()), rel=1e-4
    )
    assert torch.equal(box_of(points), labels.box)


def test_a_point_behind_the_surface_or_outside_is_not_seen():
    surface = torch.full((10, 10), 5.0)
    points = torch.tensor([[5.0, 5.0], [5.0, 5.0], [-3.0, 5.0], [5.0, 10.5]])
    depth = torch.tensor([5.05, 6.0, 4.0, 4.0])
    assert seen(points, depth, surface).tolist() == [True, False, False, False]


def test_the_static_twin_shows_four_settings(twin):
    assert twin.markup.startswith("<img")
    assert all(name in twin.alt for name in PRESETS)
    assert twin.alt.count("of 68 points hidden") == 4


def test_hidden_points_are_painted_as_crosses_on_the_picture(model):
    labels = look(model, model.renderer(), Pose(yaw=60))
    dots = views.paint(labels, "points", width=SIDE)
    bare = views.paint(labels, "none", width=SIDE)
    accent = (dots == np.array(views.rgb("accent"))).all(axis=2)
    assert accent.any()
    assert not (bare == np.array(views.rgb("accent"))).all(axis=2).any()
