import re
import time

import numpy as np
import pytest
import torch
from nbformat import NotebookNode

from facelab.course.execution import _static
from facelab.geometry.boxes import box_iou
from facelab.plots.palette import rgb
from facelab.types import Faces
from facelab.widgets.start import close_up, iou_explorer, moved, pair, threshold_explorer

PHOTO = np.full((120, 160, 3), 90, np.uint8)
BOX = torch.tensor([40.0, 30.0, 100.0, 90.0])  # 60 x 60
FACES = Faces(
    torch.tensor([[10.0, 10, 40, 50], [50, 10, 80, 40], [90, 60, 150, 110]]),
    torch.tensor([0.99, 0.7, 0.2]),
)


def views(widget):
    """Return what the views of a widget show, from the first to the last."""
    own = [widget.value] if hasattr(widget, "static_tag") else []
    return own + [shown for child in getattr(widget, "children", ()) for shown in views(child)]


def drawing(twin):
    (markup,) = [value for value in views(twin.widget) if value.startswith("<svg")]
    return markup


def photo_of(twin):
    (markup,) = [value for value in views(twin.widget) if value.startswith("<img")]
    return markup


def iou_shown(twin):
    return float(re.search(r'aria-label="IoU ([\d.]+)', drawing(twin)).group(1))


@pytest.mark.parametrize(
    ("right", "down", "size"),
    [(0, 0, 100), (20, 0, 100), (30, 15, 60), (-25, 40, 200), (60, 0, 100), (0, -50, 25)],
)
def test_the_number_is_the_iou_of_the_two_boxes_wherever_b_is(right, down, size):
    twin = iou_explorer(PHOTO, BOX)
    for name, value in (("right", right), ("down", down), ("size", size)):
        twin.controls[name].value = value
    centre, side = np.array([70 + right, 60 + down]), 60 * size / 100
    other = torch.tensor([[*(centre - side / 2), *(centre + side / 2)]], dtype=torch.float32)
    assert iou_shown(twin) == pytest.approx(float(box_iou(BOX[None], other)), abs=6e-4)


def test_boxes_on_top_of_each_other_have_one_and_boxes_side_by_side_none():
    twin = iou_explorer(PHOTO, BOX)
    twin.controls["right"].value = 0
    assert iou_shown(twin) == 1
    twin.controls["right"].value = 60
    assert iou_shown(twin) == 0


def test_the_sums_below_the_bar_add_up():
    twin = iou_explorer(PHOTO, BOX)
    twin.controls["right"].value = 20
    assert "shared: 40.0 x 60.0 = 2,400 pixels" in drawing(twin)
    assert "union: 3,600 + 3,600 - 2,400 = 4,800 pixels" in drawing(twin)
    assert "IoU = 2,400 / 4,800 = 0.500" in drawing(twin)
    assert "a hit" in drawing(twin)
    twin.controls["right"].value = 21
    assert "a miss" in drawing(twin)


def test_a_move_changes_the_picture_and_reset_brings_the_first_one_back():
    twin = iou_explorer(PHOTO, BOX)
    first = photo_of(twin), drawing(twin)
    for name, value in (("right", -30), ("down", 30), ("size", 150)):
        before = photo_of(twin)
        twin.controls[name].value = value
        assert photo_of(twin) != before, name
    twin.controls.reset()
    assert (photo_of(twin), drawing(twin)) == first


def test_a_is_dashed_and_b_is_solid_so_that_colour_is_not_the_only_cue():
    apart = pair(PHOTO, torch.tensor([10.0, 20, 60, 100]), torch.tensor([90.0, 20, 140, 100]))

    def share(role, columns):
        return (apart[20, columns] == rgb(role)).all(axis=1).mean()

    assert share("prediction", slice(91, 139)) == 1
    assert 0.3 < share("truth", slice(11, 59)) < 0.8


def test_only_the_shared_part_is_brightened_and_the_photo_stays_as_it_was():
    before = PHOTO.copy()
    shown = pair(PHOTO, torch.tensor([10.0, 10, 90, 90]), torch.tensor([50.0, 10, 130, 90]))
    assert (shown[40, 70] > PHOTO[40, 70]).all()
    assert (shown[40, 30] == PHOTO[40, 30]).all() and (shown[40, 110] == PHOTO[40, 110]).all()
    assert (PHOTO == before).all()


@pytest.mark.parametrize("shift", [(-300, 0), (300, 0), (0, -300), (0, 300), (150, 150)])
def test_a_box_beyond_the_border_is_drawn_as_far_as_it_is_inside(shift):
    assert pair(PHOTO, BOX, moved(BOX, *shift, 100)).shape == PHOTO.shape


@pytest.mark.parametrize("box", [[40.0, 30, 100, 90], [0.0, 0, 20, 20], [140.0, 100, 175, 130]])
def test_the_close_up_shows_the_box_where_it_is_in_the_photo(box):
    photo = PHOTO.copy()
    x1, y1, x2, y2 = map(int, box)
    photo[y1:y2, x1:x2] = 255
    view, corner, scale = close_up(photo, torch.tensor(box))
    assert view.shape[1] == 420
    left, top, right, bottom = ((torch.tensor(box) - corner) * scale).round().int().tolist()
    blur = int(scale) + 1
    inside = view[top + blur : bottom - blur, left + blur : right - blur]
    assert inside.size and (inside == 255).all()
    assert (view[: max(top - blur, 0)] == 90).all()
    assert (view[:, : max(left - blur, 0)] == 90).all()


def test_resizing_keeps_the_centre():
    assert moved(BOX, 0, 0, 50).tolist() == [55, 45, 85, 75]
    assert moved(BOX, 10, -5, 100).tolist() == [50, 25, 110, 85]


def test_the_threshold_keeps_what_reaches_it():
    twin = threshold_explorer(PHOTO, FACES)
    counts = {}
    for threshold in (0.0, 0.2, 0.21, 0.7, 0.71, 1.0):
        twin.controls["threshold"].value = threshold
        counts[threshold] = int(re.search(r'aria-label="(\d+) of 3', drawing(twin)).group(1))
    assert counts == {0.0: 3, 0.2: 3, 0.21: 2, 0.7: 2, 0.71: 1, 1.0: 0}


def test_kept_scores_are_filled_dots_and_boxes_leave_the_picture():
    twin = threshold_explorer(PHOTO, FACES)
    twin.controls["threshold"].value = 0.0
    everything = photo_of(twin)
    assert drawing(twin).count('r="6" fill="white"') == 0
    twin.controls["threshold"].value = 0.5
    assert drawing(twin).count('r="6" fill="white"') == 1
    assert photo_of(twin) != everything


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: iou_explorer(PHOTO, BOX), "IoU 0.50"),
        (lambda: threshold_explorer(PHOTO, FACES), "3 at 0, 2 at 0.5, 1 at 0.9"),
    ],
)
def test_without_a_kernel_a_picture_tells_the_same(make, words):
    output = NotebookNode(output_type="execute_result", data=make()._repr_mimebundle_())
    kept = _static(output).data
    assert set(kept) == {"text/html", "text/plain"}
    assert kept["text/html"].startswith("<img ") and words in kept["text/html"]


@pytest.mark.parametrize("make", [iou_explorer, threshold_explorer])
def test_a_move_takes_under_100_ms(make):
    from facelab import samples

    photo = samples.photo("astronaut")
    twin = make(photo, BOX if make is iou_explorer else FACES)
    name = next(iter(twin.controls))
    slider = twin.controls[name]
    times = []
    for value in np.linspace(slider.min, slider.max, 9):
        started = time.perf_counter()
        slider.value = type(slider.value)(value)
        times.append(time.perf_counter() - started)
    assert sorted(times)[4] < 0.1
