"""The error surface's controls, moved without a browser, against numbers worked out by hand."""

import html
import math
import re

import numpy as np
import pytest
import torch

from facelab.widgets.landmarks.surface import error_surface, faces_turned, lengths_of, move
from facelab.widgets.landmarks.surface_views import STEP
from tests.widgets.live import inside
from tests.widgets.standins import TRUTH, WIDTH, faces

HEIGHT = 1.25  # of the labelled box: its longer side is the square's side over 0.8
EYES = 0.4  # of the frontal face


@pytest.fixture(scope="module")
def explorer():
    return error_surface(faces(), degrees=(0, 40, 80))


@pytest.fixture
def twin(explorer):
    explorer.controls.reset()
    return explorer


def values(twin):
    found = [str(w.value) for w in inside(twin.widget) if type(w).__name__ == "HTML"]
    return dict(zip(("said", "picture", "surface", "bars", "legend"), found, strict=True))


def texts(drawing):
    return [html.unescape(words) for words in re.findall(r">([^<]*)</text>", drawing)]


def test_loss_gradient_and_nme_of_a_moved_nose_are_those_worked_out_by_hand(twin):
    twin.controls.put(point=2, right=6.0, down=-8.0)  # 0.1 of the square away
    said = values(twin)["said"]
    assert f"L2 loss {0.1**2 / 5:.5f}" in said
    assert f"gradient ({2 * 0.06 / 5:.4f}, {-2 * 0.08 / 5:.4f}), length {0.04:.4f}" in said
    by = {"eye distance": EYES, "box width": WIDTH, "box size": math.sqrt(WIDTH * HEIGHT)}
    for words, length in by.items():
        assert f"{0.1 / 5 / length:.1%} by {words}" in said
        assert f"{0.1 / length:.1%} of the {words}" in said


@pytest.mark.parametrize("point", range(5))
def test_the_gradient_is_that_of_autograd(point):
    face = faces(1)
    start = face.points[0] + 0.02 * torch.arange(10.0).reshape(5, 2)
    moved = move(face, start, point, 3.0, -4.0)
    predicted = moved.predicted.clone().requires_grad_()
    loss = (predicted - face.points[0]).square().sum(dim=1).mean()
    (slope,) = torch.autograd.grad(loss, predicted)
    assert moved.loss == pytest.approx(loss.item())
    torch.testing.assert_close(moved.gradient, slope[point])


def test_the_map_is_the_loss_of_the_point_at_every_place():
    face = faces(1)
    start = face.points[0] + 0.05
    moved = move(face, start, 1, 4.0, 0.0)
    for right, down in ((0.0, 0.0), (0.04, 0.0), (-0.2, 0.15)):
        there = move(face, start, 1, 100 * right, 100 * down)
        assert moved.loss_at(right, down) == pytest.approx(there.loss, rel=1e-5)
    low = moved.lowest.tolist()
    assert low == pytest.approx([-0.05, -0.05])
    grid = np.meshgrid(np.linspace(-0.2, 0.2, 9), np.linspace(-0.2, 0.2, 9))
    assert moved.loss_at(*grid).min() >= moved.loss_at(*low) - 1e-9


def test_the_arrow_leads_half_the_way_to_the_minimum():
    face = faces(1)
    moved = move(face, face.points[0], 0, 20.0, 10.0)
    end = torch.tensor([0.2, 0.1]) - STEP * moved.gradient
    torch.testing.assert_close(end, torch.tensor([0.1, 0.05]))


def test_an_exact_prediction_has_no_loss_and_no_gradient(twin):
    twin.controls.put(right=0.0, down=0.0)
    assert "L2 loss 0.00000" in values(twin)["said"]
    twin.controls["face"].value = 1  # nothing to divide by in the comparison
    assert "costs" not in values(twin)["said"]


def test_turning_the_head_makes_the_eye_distance_explode_and_leaves_the_box(twin):
    twin.controls["face"].value = 2
    said = values(twin)["said"]
    assert f"{1 / math.cos(math.radians(80)):.1f} times (eye distance)" in said
    assert "1.0 times (box width), 1.0 times (box size" in said
    bars = texts(values(twin)["bars"])
    distance = math.hypot(0.08, 0.05)
    assert f"{distance / 5 / (EYES * math.cos(math.radians(80))):.1%}" in bars
    assert bars.count(f"{distance / 5 / WIDTH:.1%}") == 3


def test_bars_of_all_faces_are_drawn_and_those_of_the_chosen_are_solid(twin):
    for face in range(3):
        twin.controls["face"].value = face
        drawing = values(twin)["bars"]
        striped = drawing.count('fill="url(#facelab-stripes)"')
        assert (drawing.count("<rect") - striped, striped) == (9, 6)
        assert [t for t in texts(drawing) if t.startswith("yaw")] == [
            "yaw 0°", "yaw 40°", "yaw 80°",
        ] * 3  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [("right", -12.5), ("down", 20.0), ("point", 3)])
def test_sliders_and_points_change_face_and_map(twin, name, value):
    before = values(twin)
    twin.controls[name].value = value
    after = values(twin)
    assert all(after[view] != before[view] for view in ("said", "picture", "surface"))


def test_reset_brings_back_the_first_view(twin):
    first = values(twin), twin.controls.values()
    twin.controls.put(face=1, point=4, right=-3.0, down=1.5)
    assert values(twin) != first[0]
    twin.controls.button.click()
    assert (values(twin), twin.controls.values()) == first


def test_a_prediction_of_ones_own_is_where_the_points_start():
    patches = faces()
    twin = error_surface(patches, predicted=patches.points + 0.1, degrees=(0,))
    twin.controls.put(right=0.0, down=0.0)
    assert f"L2 loss {2 * 0.1**2:.5f}" in values(twin)["said"]
    with pytest.raises(ValueError, match="predicted"):
        error_surface(patches, predicted=patches.points[:1])


def test_faces_are_chosen_by_how_far_they_are_turned_each_once():
    patches = faces(4)  # 0, 40, 80, 120 degrees
    patches.attributes["yaw"][1] *= -1
    assert faces_turned(patches, (0, 35, 70)) == [0, 1, 2]
    assert faces_turned(patches, (0, 0)) == [0, 1]
    patches.points[1, 0] = torch.nan
    assert faces_turned(patches, (0, 35)) == [0, 2]


def test_faces_that_are_turned_alike_have_buttons_of_their_own():
    patches = faces(2)
    patches.attributes["yaw"][:] = 0.0
    twin = error_surface(patches, degrees=(0, 0))
    assert [label for label, _ in twin.controls["face"].options] == ["yaw 0°", "yaw 0° (2)"]


def test_patches_without_yaw_or_with_too_few_known_faces_are_refused():
    patches = faces(2)
    with pytest.raises(ValueError, match="2 faces with five known points, 3 asked for"):
        error_surface(patches)
    bare = type(patches)(patches.images, patches.points, patches.widths, patches.margin)
    with pytest.raises(ValueError, match='"yaw"'):
        error_surface(bare)


def test_lengths_are_those_the_normalisers_divide_by():
    assert lengths_of(TRUTH, 0.8, 1.25) == pytest.approx(
        {"eyes": 0.4, "box_width": 0.8, "box_size": 1.0}
    )


def test_the_static_twin_says_the_nme_of_every_face(twin):
    distance = math.hypot(0.08, 0.05)
    for angle in (0, 40, 80):
        eyes = EYES * math.cos(math.radians(angle))
        assert f"turned by {angle} degrees: NME {distance / 5 / eyes:.1%} by eye" in twin.alt
    assert twin.markup.count("<img") == 1 and html.escape(twin.alt) in twin.markup
