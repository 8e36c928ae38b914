"""Curves in small drawings, against places worked out by hand."""

import re

import pytest

from facelab.widgets.curves import (
    Frame,
    draw_losses,
    groups,
    looks_of,
    marker,
    polyline,
    powers,
    spread,
    value_at,
)


def test_labels_are_moved_apart_keep_their_order_and_stay_inside():
    moved = spread([50, 51, 10, 99], 10, 0, 100)
    assert moved[2] < moved[0] < moved[1] < moved[3]
    gaps = [b - a for a, b in zip(sorted(moved), sorted(moved)[1:], strict=False)]
    assert min(gaps) >= 10 - 1e-9
    assert min(moved) >= 0 and max(moved) <= 100
    assert spread([5, 50], 10, 0, 100) == pytest.approx([5, 50])


def test_labels_of_one_place_are_spread_to_both_sides():
    assert spread([50, 50, 50], 10, 0, 100) == pytest.approx([40, 50, 60])


def test_labels_without_room_share_what_there_is():
    assert spread([1, 2, 3], 10, 0, 10) == pytest.approx([0, 5, 10])
    assert spread([], 10, 0, 10) == []
    assert spread([7], 10, 0, 10) == [7]


@pytest.mark.parametrize(
    ("values", "ends"),
    [
        ([0.3, 0.02], (-2, 0)),
        ([1.0, 0.1], (-1, 0)),
        ([0.5], (-1, 0)),
        ([1e-9, 5.0], (-3, 1)),  # four decades at most
        ([0.0], (-1, 0)),
    ],
)
def test_the_axis_of_losses_ends_at_powers_of_ten(values, ends):
    assert powers(values) == ends


def test_a_loss_is_placed_by_its_power_of_ten_and_stays_in_the_frame():
    frame = Frame(left=10, top=20, width=100, height=40, steps=200, low=-2, high=0)
    assert frame.place(0, 1.0) == (10, 20)
    assert frame.place(100, 0.1) == pytest.approx((60, 40))
    assert frame.place(200, 0.0) == (110, 60)


def test_names_with_a_slash_are_lines_of_a_panel():
    track = ([1], [0.5])
    found = groups({"level 2/LE": track, "level 2/N": track, "pose": track})
    assert {panel: list(lines) for panel, lines in found.items()} == {
        "level 2": ["LE", "N"],
        "loss": ["pose"],
    }


def test_the_value_at_a_step_is_that_of_the_last_row_before_it():
    steps, values = [20, 40, 60], [3.0, 2.0, 1.0]
    read = [value_at(steps, values, at) for at in (0, 20, 39, 40, 99)]
    assert read == [3, 3, 3, 2, 1]


def test_the_drawing_has_a_panel_a_group_a_line_a_loss_and_marks_the_step():
    losses = {f"level {k}/{p}": ([10, 20], [0.5, 0.1]) for k in (1, 2) for p in ("LE", "RE")}
    body, height = draw_losses(losses, width=600, height=190, at=20)
    assert body.count("<polyline") == 4
    texts = re.findall(r">([^<]*)</text>", body)
    assert [texts.count(name) for name in ("level 1", "level 2", "LE", "RE")] == [1, 1, 2, 2]
    assert height == 190
    assert draw_losses({f"{k}/a": ([1], [1]) for k in range(4)}, columns=3)[1] == 380


@pytest.mark.parametrize("names", [("a", "b"), ("level 1", "local 2"), ("classification",)])
def test_names_of_lines_end_inside_the_drawing(names):
    body, _ = draw_losses({name: ([1, 9], [1.0, 0.5]) for name in names}, width=880)
    texts = re.findall(r'<text x="([\d.]+)"[^>]*>([^<]*)</text>', body)
    starts = {text: float(x) for x, text in texts}
    for name in names:
        assert starts[name] + 6 * len(name) <= 880


def test_a_line_looks_the_same_in_every_panel():
    track = ([1], [0.5])
    looks = looks_of({"F1/LE": track, "F1/N": track, "NM1/N": track, "NM1/LM": track})
    assert list(looks) == ["LE", "N", "LM"]
    body, _ = draw_losses({"F1/LE": track, "F1/N": track, "NM1/N": track})
    colours = re.findall(r'<polyline[^>]* stroke="([^"]*)"', body)
    assert colours == [looks["LE"][0], looks["N"][0], looks["N"][0]]


def test_a_mark_beyond_the_end_of_a_curve_stands_at_its_end():
    short, long = ([10, 20], [0.5, 0.1]), ([10, 40], [0.5, 0.1])
    for at in (20, 40):
        body, _ = draw_losses({"a/x": short, "b/y": long}, at=at)
        places = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="4"', body)
        assert places[0] == re.findall(r'points="[^"]* ([\d.]+),([\d.]+)"', body)[0]


def test_long_curves_are_thinned_and_keep_their_last_row():
    steps = list(range(1, 5001))
    body, _ = draw_losses({"a": (steps, [1.0] * 4999 + [0.1])}, width=300)
    corners = re.search(r'points="([^"]*)"', body).group(1).split()
    assert len(corners) < 300
    assert corners[-1] != corners[-2]


def test_lines_have_dashes_and_markers_a_kind():
    assert "stroke-dasharray" not in polyline([(0, 0), (1, 1)], stroke="red")
    assert 'stroke-dasharray="2 2"' in polyline([(0, 0)], stroke="red", dashes="2 2")
    kinds = ("circle", "ring", "square", "triangle", "diamond", "cross", "plus")
    assert len({marker(0, 0, kind, fill="red") for kind in kinds}) == 7
    with pytest.raises(ValueError, match="'star'"):
        marker(0, 0, "star", fill="red")
