"""The training view's slider, moved without a browser, against numbers worked out by hand."""

import html
import re

import pytest

from facelab.engine.runs import History
from facelab.widgets.landmarks.history import losses_of, training_view
from tests.widgets.live import inside

STEPS = [20, 40, 60]
HISTORY = History(
    STEPS,
    {
        "level 1/LE": [0.8, 0.4, 0.2],
        "level 1/RE": [0.4, 0.3, 0.2],
        "level 2/LE": [0.1, 0.05, 0.01],
    },
)


@pytest.fixture
def twin():
    return training_view(HISTORY)


def values(twin):
    found = [str(w.value) for w in inside(twin.widget) if type(w).__name__ == "HTML"]
    return dict(zip(("said", "curves", "shares", "table"), found, strict=True))


def cells(table):
    rows = re.findall(r'<th scope="row"[^>]*>(\w+)</th>(.*?)</tr>', table)
    return {name: re.findall(r"<td[^>]*>([^<]*)</td>", row) for name, row in rows}


def test_it_starts_at_the_end_and_follows_the_slider(twin):
    assert cells(values(twin)["table"]) == {"LE": ["0.2", "0.01"], "RE": ["0.2", ""]}
    twin.controls["step"].value = 45
    assert cells(values(twin)["table"]) == {"LE": ["0.4", "0.05"], "RE": ["0.3", ""]}


def test_the_read_out_gives_sums_shares_and_the_slowest_line(twin):
    twin.controls["step"].value = 40
    said = values(twin)["said"]
    assert "Step 40." in said
    assert "<b>level 1: 0.7</b> (58% of the first row); RE has fallen least, to 75%" in said
    assert "<b>level 2: 0.05</b> (50% of the first row)" in said


def test_the_slider_marks_its_step_in_every_panel(twin):
    before = values(twin)
    twin.controls["step"].value = 20
    after = values(twin)
    assert all(after[name] != before[name] for name in before)
    label = re.search(r'aria-label="([^"]*)"', after["shares"]).group(1)
    assert "level 1 100%, level 2 100%" in label


def test_before_the_first_row_the_first_row_stands(twin):
    twin.controls["step"].value = 0
    assert cells(values(twin)["table"])["LE"] == ["0.8", "0.1"]


def test_reset_goes_back_to_the_end(twin):
    first = values(twin)
    twin.controls["step"].value = 20
    twin.controls.button.click()
    assert values(twin) == first and twin.controls["step"].value == 60


def test_histories_by_name_get_a_panel_each():
    phase = History(STEPS, {"LE": [0.3, 0.2, 0.1], "N": [0.2, 0.2, 0.2]})
    found = losses_of({"level 3": phase, "other": HISTORY})
    assert found["level 3/LE"] == (STEPS, [0.3, 0.2, 0.1])
    assert "level 1/RE" in found and "other/level 1/RE" not in found


def test_two_histories_with_a_loss_of_one_name_are_refused():
    phase = History(STEPS, {"LE": [0.3, 0.2, 0.1]})
    with pytest.raises(ValueError, match="'level 2/LE' is in two"):
        losses_of({"first": HISTORY, "level 2": phase})


def test_histories_of_different_lengths_share_the_axis():
    long = History([50, 100], {"N": [0.4, 0.1]})
    twin = training_view({"level 1": HISTORY, "level 3": long})
    assert twin.controls["step"].max == 100
    twin.controls["step"].value = 70
    assert cells(values(twin)["table"])["N"] == ["", "", "0.4"]


@pytest.mark.parametrize("empty", [History(), {}, {"level 1": History()}])
def test_a_training_without_rows_is_refused(empty):
    with pytest.raises(ValueError, match="no row was logged"):
        training_view(empty)


def test_names_are_shown_as_they_are_not_as_markup():
    twin = training_view(History([1, 2], {"a <b>/x & y": [1.0, 0.5]}))
    assert "<b>/x" not in values(twin)["table"]
    assert "x &amp; y" in values(twin)["table"]


def test_the_static_twin_says_first_and_last_losses(twin):
    assert "level 1 from 1.2 to 0.4, level 2 from 0.1 to 0.01" in twin.alt
    assert twin.markup.count("<img") == 1 and html.escape(twin.alt) in twin.markup
