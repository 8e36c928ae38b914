import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from facelab import samples
from facelab.geometry.alignment import align_face, template, transform_points
from facelab.pipeline import Portrait
from facelab.plots import start as figures
from facelab.types import Faces

PHOTO = np.zeros((100, 120, 3), np.uint8)
FACE = Faces(torch.tensor([[20.0, 10, 70, 80]]), torch.tensor([0.9]), template(112)[None] * 0.8)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def titles(fig):
    return [ax.get_title() for ax in fig.axes]


def test_the_pipeline_has_a_row_for_each_photo():
    portrait = Portrait((20.0, 10.0, 70.0, 80.0), 0.9, np.zeros((112, 112, 3), np.uint8))
    fig = figures.pipeline_steps({"one": PHOTO, "two": PHOTO}, [FACE, FACE], [portrait] * 2)
    one = ["one, 120 x 100", "detect: score 0.9000", "align: 112 x 112"]
    assert titles(fig) == [*one, "two, 120 x 100", *one[1:]]


def test_the_shared_part_is_drawn_where_the_boxes_overlap():
    fig = figures.hand_boxes((10, 10, 50, 50), (30, 20, 70, 60))
    ax = fig.axes[0]
    shared, first, second = ax.patches
    assert shared.get_bbox().extents.tolist() == [30, 20, 50, 50]
    assert shared.get_hatch()
    assert first.get_linestyle() != second.get_linestyle()
    assert ax.get_ylim() == (70, 0)


def test_points_on_the_crop_lie_near_their_places_on_the_template():
    photo = samples.photo("astronaut")
    points = torch.tensor([[204.0, 101], [247, 103], [225, 129], [202, 140], [245, 142]])
    face = Faces(torch.tensor([[181.0, 60, 267, 175]]), torch.tensor([1.0]), points[None])
    fig = figures.onto_template(photo, face, align_face(photo, points))
    goal, moved = (line.get_xydata() for line in fig.axes[2].lines)
    assert np.allclose(goal, template(112))
    assert np.abs(goal - moved).max() < 8
    assert fig.axes[2].lines[0].get_marker() != fig.axes[2].lines[1].get_marker()


@pytest.mark.parametrize("draw", [figures.onto_template, figures.conventions])
def test_a_face_without_points_is_refused(draw):
    bare = Faces(FACE.boxes, FACE.scores)
    with pytest.raises(ValueError, match="no landmarks"):
        draw(PHOTO, bare, PHOTO) if draw is figures.onto_template else draw(PHOTO, bare)


def test_the_difference_of_two_crops_is_in_the_title():
    dark, light = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 100, np.uint8)
    assert figures.grey_gap(light, dark) == figures.grey_gap(dark, light) == 100
    fig = figures.before_after(["a", "b"], [dark, light], [dark, dark])
    assert titles(fig)[2] == "difference:\n100 grey levels"
    assert titles(fig)[5] == "difference:\n0 grey levels"


def test_a_cut_is_the_content_of_the_box():
    photo = PHOTO.copy()
    photo[10:80, 20:70] = 200
    assert (figures.cut_square(photo, FACE.boxes[0]) == 200).all()
    beyond = figures.cut_square(photo, torch.tensor([-10.0, -10, 300, 300]), side=20)
    assert beyond.shape == (20, 20, 3) and beyond.min() == 0 < beyond.max()


def test_a_turn_moves_the_pixels_as_it_moves_the_points():
    photo = PHOTO.copy()
    photo[39:42, 79:82] = 255
    turn = figures.turning((60, 50), 90)
    x, y = transform_points(turn, torch.tensor([[80.0, 40.0]]))[0].round().int().tolist()
    assert (x, y) == (50, 30)  # right of the centre goes above it: counter-clockwise
    assert figures.turned(photo, turn)[y, x].tolist() == [255, 255, 255]
    assert figures.turned(photo, turn)[99, 0].tolist() == [128, 128, 128]


def test_the_conventions_name_corners_and_number_all_points():
    fig = figures.conventions(PHOTO, FACE)
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert {"(x1, y1) = (20, 10)", "(x2, y2) = (70, 80)", *"01234"} == set(texts)
    filled = [patch.get_xy() for patch in fig.axes[1].patches if patch.get_width() == 1]
    assert len(filled) == 4 * 3
    assert max(x for x, _ in filled) == 5 and max(y for _, y in filled) == 3


def test_the_five_points_are_told_in_order():
    assert figures.point_names().startswith("0 left eye, 1 right eye, 2 nose, 3 left")
