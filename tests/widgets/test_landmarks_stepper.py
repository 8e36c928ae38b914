"""The cascade stepper's controls, moved without a browser, against numbers worked out by hand."""

import html
import math
import re

import pytest
import torch

from facelab.landmarks.dcnn_cascade.evaluation import errors_by_level
from facelab.landmarks.dcnn_cascade.model import CascadeNets
from facelab.landmarks.dcnn_cascade.predict import Cascade
from facelab.widgets.landmarks.stepper import cascade_stepper, start_square, steps_of
from facelab.widgets.landmarks.stepper_views import Steps, error_table
from tests.widgets.live import inside
from tests.widgets.standins import OFF, TRUTH, WIDTH, HalvingCascade, faces

LEVEL_1 = [math.hypot(0.03, 0.03)] * 2 + [math.hypot(0.02, 0.02)] + [0.03] * 2


@pytest.fixture(scope="module")
def explorer():
    return cascade_stepper(HalvingCascade(), faces(), names=["frontal", "turned", "profile"])


@pytest.fixture
def twin(explorer):
    explorer.controls.reset()
    return explorer


def values(twin):
    """Give the read-out, picture, legend, table and drawing, in the order of the page."""
    found = [str(w.value) for w in inside(twin.widget) if type(w).__name__ == "HTML"]
    assert len(found) == 5
    return dict(zip(("said", "picture", "legend", "table", "drawing"), found, strict=True))


def mean_at(level, shift=(0.0, 0.0)):
    wrong = (OFF + torch.tensor(shift)) / 2 ** (level - 1)
    return wrong.norm(dim=1).mean().item() / WIDTH


def test_the_read_out_gives_the_mean_error_of_the_level_in_percent_of_the_box_width(twin):
    assert f"mean error {mean_at(1):.2%} of the box width" in values(twin)["said"]
    assert mean_at(1) == pytest.approx(sum(LEVEL_1) / 5 / WIDTH)
    for level in (2, 3):
        twin.controls["level"].value = level
        said = values(twin)["said"]
        assert f"After level {level}: mean error {mean_at(level):.2%}" in said
        assert f"(before it {mean_at(level - 1):.2%})" in said
        assert f"mean error {mean_at(level):.2%}" in aria_label(values(twin)["picture"])


def aria_label(drawing):
    return html.unescape(re.search(r'aria-label="([^"]*)"', drawing).group(1))


def test_the_read_out_says_how_far_a_level_moved_the_points(twin):
    twin.controls["level"].value = 2
    least, most = 0.02 * math.sqrt(2) / 2, 0.03 * math.sqrt(2) / 2
    assert f"moved the points by {least:.1%} to {most:.1%} of the square" in values(twin)["said"]


def test_the_table_has_every_point_at_every_level_and_says_what_fails(twin):
    twin.controls["right"].value = 10
    table = values(twin)["table"]
    rows = re.findall(r"<tr><th scope=\"row\"[^>]*>(\w+)</th>(.*?)</tr>", table)
    assert [name for name, _ in rows] == ["LE", "RE", "N", "LM", "RM", "mean"]
    for (name, cells), off in zip(rows, OFF, strict=False):
        numbers = re.findall(r"(\d+\.\d+)( fails)?", cells)
        for level, (number, fails) in enumerate(numbers, start=1):
            error = (off + torch.tensor([0.1, 0.0])).norm().item() / WIDTH / 2 ** (level - 1)
            assert number == f"{100 * error:.2f}", name
            assert bool(fails) == (error > 0.05)


def test_the_level_that_is_shown_is_bold_in_the_table():
    steps = steps_of(HalvingCascade(), faces().select([0]), start_square(0, 0, 1))
    assert error_table(steps, 2).count("<b>") == 6


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        ({}, "starts 0% to the right, 0% down, 1.00 times as large: inside"),
        ({"right": 8, "down": -8}, "8% to the right, 8% up, 1.00 times as large: inside"),
        ({"right": -9}, "9% to the left, 0% down, 1.00 times as large: outside"),
        ({"scale": 1.2}, "0% to the right, 0% down, 1.20 times as large: outside"),
    ],
)
def test_the_read_out_says_where_the_square_starts_and_whether_training_showed_it(
    twin, moves, words
):
    twin.controls.put(**moves)
    assert words in values(twin)["said"]


def test_a_shifted_square_raises_the_error_until_all_points_fail(twin):
    twin.controls["level"].value = 3
    assert "0 of 5 points fail" in values(twin)["said"]
    twin.controls["right"].value = 40
    said = values(twin)["said"]
    assert f"mean error {mean_at(3, (0.4, 0.0)):.2%}" in said
    assert "5 of 5 points fail" in said


@pytest.mark.parametrize(
    ("moves", "square"),
    [
        ((0, 0, 1.0), (0.0, 0.0, 1.0, 1.0)),
        ((10, -20, 1.0), (0.1, -0.2, 1.1, 0.8)),
        ((0, 0, 0.6), (0.2, 0.2, 0.8, 0.8)),
        ((5, 0, 1.6), (-0.25, -0.3, 1.35, 1.3)),
    ],
)
def test_the_start_square_is_shifted_and_scaled_about_its_middle(moves, square):
    torch.testing.assert_close(start_square(*moves), torch.tensor(square), rtol=0, atol=1e-6)


def test_every_control_changes_picture_and_drawing(twin):
    for name, value in {"right": 8, "down": 9, "scale": 1.3, "level": 2, "face": 1}.items():
        before = values(twin)
        twin.controls[name].value = value
        after = values(twin)
        assert after["picture"] != before["picture"], name
        assert after["drawing"] != before["drawing"], name


def test_windows_of_a_level_are_drawn_and_crops_are_those_the_networks_get(twin):
    def frames(drawing):
        return drawing.count('fill="none" stroke="white" stroke-width')

    for level, frames_drawn, crops in ((1, 1 + 3, 4), (2, 1 + 10, 5), (3, 1 + 10, 5)):
        twin.controls["level"].value = level
        assert frames(values(twin)["picture"].split("<circle")[0]) == frames_drawn
        assert values(twin)["drawing"].count("<image") == crops
    texts = re.findall(r">([^<]*)</text>", values(twin)["drawing"])
    assert "LE32: 15 x 15 pixels" in texts and "RM32: 15 x 15 pixels" in texts


def test_level_1_answers_of_bands_belong_to_their_points():
    steps = steps_of(HalvingCascade(), faces().select([0]), start_square(0, 0, 1))
    assert steps.first["EN1"].isnan().all(dim=1).tolist() == [False] * 3 + [True] * 2
    assert steps.first["NM1"].isnan().all(dim=1).tolist() == [True] * 2 + [False] * 3
    torch.testing.assert_close(steps.first["NM1"][2:], TRUTH[2:])


def test_failures_count_errors_above_five_percent_of_the_box_width():
    truth = torch.zeros(5, 2)
    points = torch.zeros(3, 5, 2)
    points[0, :, 0] = torch.tensor([0.039, 0.041, 0.5, 0.0, 0.04])
    steps = Steps(torch.tensor([0.0, 0, 1, 1]), {}, points, (), truth, width=0.8)
    assert steps.failures(1) == 2
    assert steps.means[0] == pytest.approx(0.62 / 5 / 0.8)


def test_reset_brings_back_the_first_view(twin):
    first = values(twin), twin.controls.values()
    twin.controls.put(face=2, level=3, right=20, down=3, scale=0.8)
    assert values(twin) != first[0]
    twin.controls.button.click()
    assert (values(twin), twin.controls.values()) == first


def test_faces_are_chosen_by_their_names_and_numbered_without(twin):
    assert [label for label, _ in twin.controls["face"].options] == ["frontal", "turned", "profile"]
    numbered = cascade_stepper(HalvingCascade(), faces(2, colour=True))
    assert [label for label, _ in numbered.controls["face"].options] == ["1", "2"]


def test_a_move_runs_the_cascade_once():
    cascade = HalvingCascade()
    twin = cascade_stepper(cascade, faces())
    runs = cascade.runs
    twin.controls["right"].value = 7
    assert cascade.runs == runs + 1


def test_the_cascade_itself_is_stepped_through_with_the_errors_of_its_evaluation():
    cascade = Cascade(CascadeNets(generator=torch.Generator().manual_seed(0)))
    patches = faces()
    twin = cascade_stepper(cascade, patches)
    twin.controls.put(face=1, level=2, right=-8, down=4, scale=1.1)
    expected = errors_by_level(cascade, patches, squares=start_square(-8, 4, 1.1).repeat(3, 1))
    for level in (1, 2, 3):
        for error in expected[f"level {level}"][1]:
            assert f"{100 * error:.2f}" in values(twin)["table"]
    assert f"mean error {expected['level 2'][1].mean():.2%}" in values(twin)["said"]


def test_the_static_twin_shows_three_squares_and_says_their_errors(twin):
    for shift in (0.0, 0.12, 0.3):
        errors = ", ".join(f"{100 * mean_at(level, (shift, 0.0)):.1f}" for level in (1, 2, 3))
        assert f"{errors} % of the box width" in twin.alt
    assert twin.markup.count("<img") == 1 and "image/svg+xml" in twin.markup
    assert html.escape(twin.alt) in twin.markup


@pytest.mark.parametrize(
    ("patches", "names", "words"),
    [
        (faces(1).select([]), None, "1 to 8 faces"),
        (faces(9), None, "1 to 8 faces"),
        (faces(2), ["one"], "2 different ones"),
        (faces(2), ["one", "one"], "2 different ones"),
    ],
)
def test_too_few_or_too_many_faces_or_names_are_refused(patches, names, words):
    with pytest.raises(ValueError, match=words):
        cascade_stepper(HalvingCascade(), patches, names=names)


def test_a_face_with_an_unknown_point_is_refused():
    patches = faces(2)
    patches.points[1, 3] = torch.nan
    with pytest.raises(ValueError, match="unknown"):
        cascade_stepper(HalvingCascade(), patches)
