"""The figures and the widget of the notebook on FacePoseNet."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from facelab.landmarks.faceposenet.head import generic_head
from facelab.plots import faceposenet as figures
from facelab.widgets.faceposenet import errors, pose_explorer


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_the_contours_visit_every_point():
    joined = {k for contour in figures.CONTOURS for k in contour}
    assert sorted({*joined, *figures.JAW}) == list(range(68)) and not joined & {*figures.JAW}


def test_a_wire_is_one_line_a_contour_with_one_entry_in_the_legend():
    _, ax = plt.subplots()
    figures.wire(ax, generic_head()[:, :2], label="head")
    assert len(ax.lines) == len(figures.CONTOURS) + 1  # and the jaw's dots
    assert ax.get_legend_handles_labels()[1] == ["head"]


def test_posed_faces_have_a_panel_each_and_a_wire_for_each_layer():
    images = [np.zeros((40, 40, 3), np.uint8)] * 3
    points = 20 * torch.rand(3, 68, 2)
    fig = figures.posed_faces(images, {"truth": points, "prediction": points}, titles=["a"] * 3)
    assert len(fig.axes) == 3
    assert all(len(ax.lines) == 2 * (len(figures.CONTOURS) + 1) for ax in fig.axes)


def test_curves_differ_in_colour_and_in_style():
    fig = figures.curves([0, 1], {"a": [0, 1], "b": [1, 0]}, labels=("x", "y"))
    one, other = fig.axes[0].lines
    assert one.get_color() != other.get_color() and one.get_linestyle() != other.get_linestyle()


def test_ways_are_drawn_over_each_error_with_the_named_ones_named():
    row = {"landmark error": [1.0, 2.0], "crop error": [2.0, 3.0], "AUC": [80.0, 81.0]}
    numbers = dict.fromkeys(("truth", "noise 1 %", "shift 1 %", "pose, net", "cascade"), row)
    fig = figures.ways(
        numbers, errors=("landmark error", "crop error"), figure="AUC", named=("cascade",)
    )
    assert [ax.get_xlabel() for ax in fig.axes] == ["landmark error", "crop error"]
    assert [text.get_text() for text in fig.axes[0].texts] == ["cascade"]
    x, y = fig.axes[1].texts[0].xy
    assert (x, y) == (2.5, 80.5)


def test_the_same_error_grows_with_yaw_by_the_eyes_and_hardly_by_the_box():
    ahead, turned = (errors(torch.tensor([math.radians(yaw), 0.0, 0.0]), 14.0) for yaw in (0, 60))
    assert turned["outer eye corners"] > 2 * ahead["outer eye corners"]
    assert turned["box, √(w·h)"] == pytest.approx(ahead["box, √(w·h)"], rel=0.1)
    near = errors(torch.zeros(3), 10.0)["box, √(w·h)"]  # a nearer face is larger, as is its box
    assert near == pytest.approx(ahead["box, √(w·h)"], rel=0.1)


def test_the_widget_turns_the_head_and_reads_out_the_errors():
    twin = pose_explorer()
    head, bars = twin.widget.children[1:]
    before = head.value
    twin.controls.put(yaw=60)
    assert head.value != before and "yaw 60°" in head.value
    assert f"{errors(torch.tensor([math.radians(60), 0.0, 0.0]), 14.0)['eye centres']:.1f} %" in (
        bars.value
    )
    twin.controls.reset()
    assert head.value == before
    assert twin.markup.count("<img") == 2
