"""The cascade explorer's controls, moved without a browser, against the detector itself."""

import html
import re

import numpy as np
import pytest
import torch

from facelab import samples
from facelab.detection.mtcnn.predict import Stage
from facelab.detection.mtcnn.weights import load
from facelab.geometry.boxes import box_iou
from facelab.plots.palette import rgb
from facelab.types import Faces
from facelab.widgets.mtcnn.cascade import cascade_explorer, remembering
from facelab.widgets.mtcnn.cascade_views import CANVAS, cost_rows, paint, suppressed, total_macs
from tests.widgets.live import inside

DETECTOR = load("public", min_face=40)
PHOTO = samples.photo("astronaut")


@pytest.fixture(scope="module")
def explorer():
    return cascade_explorer(DETECTOR, PHOTO)


@pytest.fixture
def twin(explorer):
    explorer.controls.reset()
    return explorer


def shown(twin, start):
    """Give what the first view that starts so shows."""
    values = (str(getattr(widget, "value", "")) for widget in inside(twin.widget))
    return next(value for value in values if value.startswith(start))


def picture(twin):
    return shown(twin, "<img")


def drawing(twin):
    return shown(twin, "<svg")


def read_out(twin):
    return shown(twin, '<div role="status"')


def written(twin):
    """List the texts of the drawing in order."""
    return [html.unescape(words) for words in re.findall(r">([^<]*)</text>", drawing(twin))]


def assert_same(trace, other):
    assert trace.levels == other.levels
    for stage, twin in zip(trace.stages.values(), other.stages.values(), strict=True):
        assert (stage.name, stage.looked_at, stage.macs) == (twin.name, twin.looked_at, twin.macs)
        for faces, copies in ((stage.passed, twin.passed), (stage.kept, twin.kept)):
            torch.testing.assert_close(faces.boxes, copies.boxes, rtol=0, atol=0)
            torch.testing.assert_close(faces.scores, copies.scores, rtol=0, atol=0)
            if faces.landmarks is not None:
                torch.testing.assert_close(faces.landmarks, copies.landmarks, rtol=0, atol=0)


def test_a_remembering_detector_traces_exactly_like_the_detector_along_a_walk():
    cascade = remembering(DETECTOR)
    walk = [
        {},
        {"thresholds": (0.3, 0.7, 0.7)},
        {"thresholds": (0.3, 0.3, 0.7)},
        {"thresholds": (0.3, 0.3, 0.95)},
        {"nms_thresholds": (0.5, 0.3, 0.3, 0.3)},
        {"min_face": 100},
        {"factor": 0.809},
        {"factor": 0.509, "min_face": 28},
        {},
    ]
    for options in walk:
        expected = DETECTOR.with_options(**options).trace(PHOTO)
        assert_same(cascade.with_options(**options).trace(PHOTO), expected)


def test_other_photos_get_answers_of_their_own():
    cascade = remembering(DETECTOR)
    for photo in (PHOTO, PHOTO[:, ::-1].copy(), PHOTO):
        assert_same(cascade.trace(photo), DETECTOR.trace(photo))


def test_a_move_runs_only_the_nets_that_it_concerns():
    cascade = remembering(DETECTOR)
    runs = []
    for name in ("pnet", "rnet", "onet"):
        first = getattr(cascade, name).trunk.conv1  # P-Net's trunk takes small levels in parts
        first.register_forward_hook(lambda *_, name=name: runs.append(name))

    def nets_run_by(**options):
        runs.clear()
        cascade.with_options(**options).trace(PHOTO)
        return set(runs)

    assert nets_run_by() == {"pnet", "rnet", "onet"}
    assert nets_run_by(thresholds=(0.6, 0.7, 0.9)) == set()
    assert nets_run_by(thresholds=(0.6, 0.3, 0.7)) == {"onet"}
    assert nets_run_by(thresholds=(0.4, 0.7, 0.7)) == {"rnet", "onet"}
    assert nets_run_by(min_face=60) == {"pnet", "rnet", "onet"}
    assert nets_run_by() == set()


def test_training_the_detector_later_does_not_reach_into_the_copy():
    detector = load("public", min_face=80)
    cascade = remembering(detector)
    with torch.no_grad():
        detector.onet.face.bias += 5
    assert_same(cascade.trace(PHOTO), DETECTOR.with_options(min_face=80).trace(PHOTO))


@pytest.mark.parametrize(
    ("name", "value", "options"),
    [
        ("min_face", 80, {"min_face": 80}),
        ("factor", 0.509, {"factor": 0.509}),
        ("pnet", 0.3, {"thresholds": (0.3, 0.1, 0.7)}),
        ("rnet", 0.95, {"thresholds": (0.6, 0.95, 0.7)}),
        ("onet", 0.05, {"thresholds": (0.6, 0.1, 0.05)}),
        ("overlap", 0.3, {"nms_thresholds": (0.5, 0.3, 0.3, 0.3)}),
    ],
)
def test_every_slider_shows_the_numbers_of_the_detector_with_that_option(
    twin, name, value, options
):
    twin.controls["rnet"].value = 0.1  # so that O-Net has doubtful candidates as well
    before = picture(twin), drawing(twin)
    twin.controls[name].value = value
    trace = DETECTOR.with_options(**{"thresholds": (0.6, 0.1, 0.7)} | options).trace(PHOTO)
    texts = written(twin)
    for stage, net in zip(trace.stages.values(), ("P-Net", "R-Net", "O-Net"), strict=True):
        counts = (stage.looked_at, len(stage.passed), len(stage.kept))
        for step, count in zip(("looked at", "above threshold", "kept"), counts, strict=True):
            assert texts[texts.index(f"{net}: {step}") + 1] == f"{count:,}"
    for level in trace.levels:
        row = texts.index(f"P-Net on {level.width} x {level.height}")
        assert texts[row + 1] == f"{level.macs / 1e6:,.1f} M"
    total = sum(stage.macs for stage in trace.stages.values())
    assert f"All three nets together: {total / 1e6:,.1f} M" in texts
    assert f"{len(trace.faces)} face" in read_out(twin)
    assert drawing(twin) != before[1]
    assert (picture(twin) != before[0]) == (name in ("min_face", "factor", "pnet", "overlap"))


def test_the_stage_buttons_show_the_boxes_of_that_net_and_leave_the_counts(twin):
    trace = DETECTOR.trace(PHOTO)
    pictures = set()
    for name in ("pnet", "rnet", "onet"):
        twin.controls["stage"].value = name
        pictures.add(picture(twin))
        numbers = [text for text in written(twin) if text.replace(",", "").isdigit()]
        assert f"{trace.stages['pnet'].looked_at:,}" in numbers
    assert len(pictures) == 3


def test_reset_brings_back_the_first_view_at_once(twin):
    first = picture(twin), drawing(twin), read_out(twin), twin.controls.values()
    for name, value in {"min_face": 100, "overlap": 0.9, "onet": 0.95, "stage": "onet"}.items():
        twin.controls[name].value = value
    assert (picture(twin), drawing(twin)) != first[:2]
    twin.controls.button.click()
    assert (picture(twin), drawing(twin), read_out(twin), twin.controls.values()) == first


def test_the_read_out_says_what_the_one_overlap_slider_sets(twin):
    twin.controls["overlap"].value = 0.4
    assert "IoU 0.40 across P-Net's levels" in read_out(twin)
    assert "0.40 of the smaller box" in read_out(twin)
    assert "inside one level P-Net always uses IoU 0.50" in read_out(twin)


def test_sliders_start_where_the_detector_stands_and_name_an_option_out_of_range():
    detector = DETECTOR.with_options(min_face=60, thresholds=(0.5, 0.6, 0.8))
    values = cascade_explorer(detector, PHOTO).controls.values()
    assert [values[name] for name in ("min_face", "pnet", "rnet", "onet")] == [60, 0.5, 0.6, 0.8]
    with pytest.raises(ValueError, match="min_face"):
        cascade_explorer(DETECTOR.with_options(min_face=10), PHOTO)


def test_suppressed_boxes_are_those_above_the_threshold_that_a_kept_box_covers():
    stage = DETECTOR.with_options(thresholds=(0.3, 0.3, 0.7)).trace(PHOTO).stages["rnet"]
    gone = suppressed(stage)
    assert len(gone) == len(stage.passed) - len(stage.kept) > 0
    stays = stage.passed.boxes[stage.keep]
    assert (box_iou(gone, stays).amax(dim=1) > 0.7).all()


def test_kept_boxes_are_painted_solid_and_suppressed_ones_dashed():
    kept = Faces(torch.tensor([[20.0, 60.0, 60.0, 100.0]]), torch.tensor([0.9]))
    passed = Faces(
        torch.tensor([[20.0, 60.0, 60.0, 100.0], [120.0, 120.0, 180.0, 180.0]]),
        torch.tensor([0.9, 0.8]),
    )
    black = np.zeros((CANVAS, CANVAS, 3), np.uint8)
    painted = paint(black, Stage("pnet", 10, passed, torch.tensor([0]), kept, 0, 0.0))
    assert (painted[70:90, 20] == rgb("prediction")).all()
    dashed = {tuple(pixel) for pixel in painted[130:170, 120].tolist()}
    assert dashed == {rgb("ignored"), (255, 255, 255)}


def test_landmarks_are_painted_where_they_are():
    stage = DETECTOR.trace(PHOTO).stages["onet"]
    painted = paint(PHOTO, stage)
    for x, y in (stage.kept.landmarks[0] * CANVAS / 512).round().int().tolist():
        assert tuple(painted[y, x].tolist()) == rgb("prediction")


def test_levels_that_share_a_bar_are_counted_in_full():
    trace = DETECTOR.with_options(min_face=20, factor=0.809).trace(PHOTO)
    rows = cost_rows(trace)
    assert len(trace.levels) > 9 and len(rows) == 12
    assert sum(row.value for row in rows) == total_macs(trace)
    assert rows[9].label == f"P-Net, {len(trace.levels) - 9} smaller levels"


@pytest.mark.parametrize("size", [(1, 1), (30, 500), (50, 60)])
def test_a_photo_without_room_for_a_face_is_explored_without_an_error(size):
    twin = cascade_explorer(DETECTOR, np.full((*size, 3), 100, np.uint8))
    assert "0 faces found" in read_out(twin)
    assert "<img" in twin.markup


def test_the_static_twin_shows_three_settings_and_says_their_numbers(twin):
    settings = [{}, {"min_face": 80}, {"thresholds": (0.3, 0.7, 0.7)}]
    for options in settings:
        trace = DETECTOR.with_options(**options).trace(PHOTO)
        assert f"{len(trace.stages['pnet'].kept)} after P-Net" in twin.alt
        assert f"{total_macs(trace) / 1e6:.1f} M multiply-adds" in twin.alt
    assert twin.markup.count("<img") == 1
    assert html.escape(twin.alt) in twin.markup
