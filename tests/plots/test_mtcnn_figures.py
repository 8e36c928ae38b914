"""The figures of lab 03: what they draw, and the numbers that go with them."""

import numpy as np
import pytest
import torch

import facelab
from facelab import samples
from facelab.detection.mtcnn.model import ONET_MACS, RNET_MACS, pnet_macs
from facelab.plots import mtcnn as figures

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(scope="module")
def detector():
    return facelab.load("mtcnn", min_face=40)


@pytest.fixture(scope="module")
def portrait():
    return samples.photo("astronaut")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(fig):
    """Return every title of a figure, that of the whole included."""
    whole = [fig.get_suptitle()] if fig.get_suptitle() else []
    return whole + [ax.get_title() for ax in fig.axes if ax.get_title()]


def test_score_maps_share_one_scale_from_0_to_1():
    maps = [torch.full((7, 19), 0.2), torch.full((1, 7), 0.9)]
    fig = figures.score_maps(maps, (1.0, 0.5), columns=2, title="Two levels")
    shown = [ax.images[0] for ax in fig.axes if ax.images]
    assert [image.get_clim() for image in shown] == [(0, 1), (0, 1)]
    assert [image.get_array().shape for image in shown] == [(7, 19), (1, 7)]
    assert texts(fig) == ["Two levels", "scale 1\n7 x 19 cells", "scale 0.5\n1 x 7 cells"]


@pytest.mark.parametrize("scales", [(), (1.0, 0.5)])
def test_score_maps_refuse_another_number_of_scales(scales):
    with pytest.raises(ValueError, match="one scale for each map"):
        figures.score_maps([torch.zeros(2, 2)], scales)


def test_stage_boxes_draws_each_step_with_its_count(detector, portrait):
    trace = detector.trace(portrait)
    fig = figures.stage_boxes(portrait, trace)
    drawn = [len(ax.collections[0].get_paths()) for ax in fig.axes]
    stages = trace.stages
    steps = (stages["pnet"].passed, stages["pnet"].kept, stages["rnet"].kept, trace.faces)
    assert drawn == [len(step) for step in steps]
    assert [text.split("\n")[1] for text in texts(fig)] == [f"{n} boxes" for n in drawn]


def test_stage_boxes_draws_a_photo_without_faces(detector):
    photo = np.full((60, 80, 3), 128, np.uint8)
    trace = detector.trace(photo)
    assert len(trace.faces) == 0
    assert texts(figures.stage_boxes(photo, trace))[-1] == "O-Net: faces\n0 boxes"


def test_level_costs_has_one_bar_a_level_with_its_windows(detector, portrait):
    levels = detector.trace(portrait).levels
    ax = figures.level_costs(levels).axes[0]
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == pytest.approx([pnet_macs(x.height, x.width) / 1e6 for x in levels])
    assert [text.get_text() for text in ax.texts] == [f"{level.windows:,}" for level in levels]


def test_cost_curves_are_in_billions_and_milliseconds():
    macs = {"pnet": [4e8, 4e8], "rnet": [0, 2e9], "onet": [0, 4e9]}
    seconds = {"pnet": [0.1, 0.2], "rnet": [0, 0.3], "onet": [0, 0.4]}
    left, right = figures.cost_curves([0, 48], macs, seconds).axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in left.lines}
    assert drawn == {"P-Net": [0.4, 0.4], "R-Net": [0, 2], "O-Net": [0, 4]}
    assert [line.get_ydata()[-1] for line in right.lines] == pytest.approx([200, 300, 400])
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in left.lines}
    assert len(looks) == len({look[2] for look in looks}) == 3


def test_hard_samples_draws_from_hard_to_easy_and_tells_kept_from_dropped():
    losses, chosen = torch.tensor([0.1, 2.0, 0.5]), torch.tensor([False, True, True])
    ax = figures.hard_samples(losses, chosen).axes[0]
    kept, dropped = ax.containers
    assert [bar.get_height() for bar in kept] == pytest.approx([2.0, 0.5])
    assert [bar.get_height() for bar in dropped] == pytest.approx([0.1])
    assert not kept[0].get_hatch() and dropped[0].get_hatch()
    assert ax.get_yscale() == "log"


def test_score_curves_draw_every_curve_and_the_threshold():
    _, ax = plt.subplots()
    curves = {"a": [0, 1.0], "b": [0.2, 0.4]}
    figures.score_curves([10, 20], curves, ax=ax, label="height (px)", threshold=0.7)
    assert [line.get_label() for line in ax.lines] == ["a", "b", "threshold 0.7"]
    assert ax.get_xlabel() == "height (px)"


@pytest.mark.parametrize(
    ("name", "side", "parameters", "macs"),
    [
        ("pnet", 12, 6_632, pnet_macs(12, 12)),
        ("rnet", 24, 100_178, RNET_MACS),
        ("onet", 48, 389_040, ONET_MACS),
    ],
)
def test_layer_rows_add_up_to_the_specification(detector, name, side, parameters, macs):
    rows = figures.layer_rows(getattr(detector, name), side)
    assert sum(row[2] for row in rows) == parameters
    assert sum(row[3] for row in rows) == macs


def test_layer_rows_give_the_shape_behind_each_layer(detector):
    rows = {row[0]: row[1] for row in figures.layer_rows(detector.pnet, 14)}
    assert rows == {
        "conv1": "10x12x12",
        "pool1": "10x6x6",
        "conv2": "16x4x4",
        "conv3": "32x2x2",
        "face": "2x2x2",
        "box": "4x2x2",
    }


@pytest.mark.parametrize("height", [12, 60, 300])
def test_place_puts_the_box_into_the_middle_at_the_height_asked_for(height):
    photo = np.zeros((200, 300, 3), np.uint8)
    photo[40:100, 200:240] = 255  # 40 x 60 pixels
    box = torch.tensor([200.0, 40.0, 240.0, 100.0])
    placed = figures.place(photo, box, height=height, side=320)
    rows, cols = np.nonzero(placed[:, :, 0] > 200)
    assert placed.shape == (320, 320, 3)
    assert abs(rows.min() + rows.max() + 1 - 320) <= 2
    assert abs(cols.min() + cols.max() + 1 - 320) <= 2
    assert abs(rows.max() - rows.min() + 1 - height) <= max(3, 0.02 * height)


def test_place_turns_counter_clockwise():
    photo = np.zeros((100, 100, 3), np.uint8)
    photo[45:55, 80:90] = 255  # right of the middle
    box = torch.tensor([40.0, 40.0, 60.0, 60.0])
    placed = figures.place(photo, box, height=20, degrees=90, side=100)
    rows, cols = np.nonzero(placed[:, :, 0] > 200)
    assert rows.mean() == pytest.approx(14.5, abs=1.5)  # above the middle
    assert cols.mean() == pytest.approx(49.5, abs=1.5)
