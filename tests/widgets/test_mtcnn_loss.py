"""The loss explorer's controls, moved without a browser, against the package's own losses."""

import html
import re

import ipywidgets as widgets
import pytest
import torch

from facelab import samples
from facelab.detection.mtcnn.losses import (
    LANDMARK,
    NEGATIVE,
    PART,
    POSITIVE,
    TASK_WEIGHTS,
    TaskWeights,
    multitask_loss,
)
from facelab.detection.mtcnn.weights import load
from facelab.geometry.boxes import box_iou, decode_corners
from facelab.widgets.mtcnn.loss import loss_explorer, measure, take_samples, weigh
from facelab.widgets.mtcnn.loss_views import decades, shares, small
from tests.widgets.live import inside

DETECTOR = load("public", min_face=40)
PHOTOS = [samples.photo("astronaut"), samples.photo("grace_hopper")]
WEIGHTS = [TASK_WEIGHTS["onet"], TASK_WEIGHTS["rnet"], TaskWeights(0.3, 2.0, 1.7)]


def batch(seed=0):
    return take_samples(DETECTOR, PHOTOS, generator=torch.Generator().manual_seed(seed))


BATCH = batch()
MEASURED = measure(DETECTOR.onet, BATCH)


@pytest.fixture(scope="module")
def explorer():
    return loss_explorer(DETECTOR, PHOTOS)


@pytest.fixture
def twin(explorer):
    explorer.controls.reset()
    return explorer


def read_out(twin):
    return next(w for w in inside(twin.widget) if "status" in str(getattr(w, "value", ""))).value


def drawings(twin):
    found = [str(getattr(w, "value", "")) for w in inside(twin.widget)]
    return [value for value in found if value.startswith("<svg")]


def button(twin, words):
    buttons = (w for w in inside(twin.widget) if isinstance(w, widgets.Button))
    return next(w for w in buttons if words in w.description)


def losses_of_the_batch(weights, keep):
    """Give the features of O-Net and the weighted terms, straight from the package."""
    features = DETECTOR.onet.features(BATCH.crops).detach().requires_grad_()
    terms = multitask_loss(
        *DETECTOR.onet.heads(features),
        kind=BATCH.kind,
        true_deltas=BATCH.true_deltas,
        true_landmarks=BATCH.true_landmarks,
        keep=keep,
    )
    return features, {task: getattr(weights, task) * term for task, term in terms.items()}


@pytest.mark.parametrize("keep", [0.1, 0.7, 1.0])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_terms_and_total_equal_the_multitask_loss_of_the_batch(weights, keep):
    weighed = weigh(MEASURED, weights, keep)
    _, terms = losses_of_the_batch(weights, keep)
    for task, term in terms.items():
        assert weighed.terms[task] == pytest.approx(term.item(), rel=1e-4, abs=1e-8)
    assert weighed.total == pytest.approx(sum(terms.values()).item(), rel=1e-4)


@pytest.mark.parametrize("keep", [0.1, 0.7, 1.0])
@pytest.mark.parametrize("weights", WEIGHTS)
def test_gradient_lengths_equal_those_of_autograd_on_the_batch(weights, keep):
    weighed = weigh(MEASURED, weights, keep)
    features, terms = losses_of_the_batch(weights, keep)
    whole = torch.autograd.grad(sum(terms.values()), features, retain_graph=True)[0]
    assert weighed.pull == pytest.approx(whole.norm().item(), rel=1e-3)
    for task, term in terms.items():
        slope = torch.autograd.grad(term, features, retain_graph=True)[0]
        assert weighed.pulls[task] == pytest.approx(slope.norm().item(), rel=1e-3)


def test_the_samples_have_the_papers_mix_and_overlaps():
    kinds = {kind: int((BATCH.kind == kind).sum()) for kind in (NEGATIVE, POSITIVE, PART, LANDMARK)}
    assert kinds == {NEGATIVE: 6, POSITIVE: 2, PART: 2, LANDMARK: 4}
    assert BATCH.iou[BATCH.kind == NEGATIVE].max() < 0.3
    assert BATCH.iou[BATCH.kind == POSITIVE].min() >= 0.65
    part = BATCH.iou[BATCH.kind == PART]
    assert 0.4 <= part.min() and part.max() < 0.65
    assert BATCH.crops.shape == (14, 3, 48, 48)


def test_targets_place_the_face_in_the_crop_with_the_stated_overlap_and_its_points_inside():
    crop = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    faces = decode_corners(BATCH.true_deltas, crop.expand(14, 4))
    torch.testing.assert_close(box_iou(faces, crop)[:, 0], BATCH.iou, rtol=0, atol=1e-4)
    points = BATCH.true_landmarks.reshape(-1, 2, 5).transpose(1, 2)  # (B, 5, 2)
    assert (points > faces[:, None, :2]).all() and (points < faces[:, None, 2:]).all()


def test_o_net_agrees_with_the_landmark_targets_of_the_crops():
    landmark = BATCH.kind == LANDMARK
    assert MEASURED.losses["landmarks"][landmark].max() < 0.05
    assert (MEASURED.losses["landmarks"][~landmark] == 0).all()


def test_a_seed_repeats_the_samples_and_another_gives_others():
    torch.testing.assert_close(batch().crops, BATCH.crops, rtol=0, atol=0)
    assert not torch.equal(batch(seed=1).crops, BATCH.crops)


def test_the_read_out_and_drawings_follow_every_slider(twin):
    moves = {"face": 0.5, "box": 2.0, "landmarks": 0.2, "keep": 1.0}
    for name, value in moves.items():
        before = drawings(twin)
        twin.controls[name].value = value
        values = twin.controls.values()
        keep = values.pop("keep")
        _, terms = losses_of_the_batch(TaskWeights(**values), keep)
        assert f"Total loss {sum(terms.values()).item():.4f}" in read_out(twin)
        for task, share in shares({task: x.item() for task, x in terms.items()}).items():
            assert f"({share:.0%})" in drawings(twin)[1], task
        assert all(new != old for new, old in zip(drawings(twin), before, strict=True))


def test_preset_buttons_put_the_papers_weights_and_leave_the_share_kept(twin):
    twin.controls["keep"].value = 0.4
    for words, weights in (("P-/R-Net", TASK_WEIGHTS["rnet"]), ("O-Net (1", TASK_WEIGHTS["onet"])):
        button(twin, words).click()
        expected = {"face": weights.face, "box": weights.box, "landmarks": weights.landmarks}
        assert twin.controls.values() == expected | {"keep": 0.4}
        _, terms = losses_of_the_batch(weights, 0.4)
        assert f"Total loss {sum(terms.values()).item():.4f}" in read_out(twin)


def test_reset_brings_back_the_first_view(twin):
    first = drawings(twin), read_out(twin), twin.controls.values()
    twin.controls["box"].value = 1.5
    twin.controls["keep"].value = 0.2
    assert drawings(twin) != first[0]
    twin.controls.button.click()
    assert (drawings(twin), read_out(twin), twin.controls.values()) == first


@pytest.mark.parametrize(("keep", "dropped"), [(0.1, 7), (0.7, 2), (1.0, 0)])
def test_the_easiest_classified_crops_are_dropped_and_crossed_out(twin, keep, dropped):
    twin.controls["keep"].value = keep
    assert (
        drawings(twin)[0].count("<line") - 2 * dropped == 1
    )  # two strokes each; one line in the texture
    assert drawings(twin)[0].count("dropped (easy)") == dropped
    assert f"drops the {dropped} easiest" in read_out(twin)
    weighed = weigh(MEASURED, TASK_WEIGHTS["onet"], keep)
    classified = MEASURED.takes_part["face"]
    assert int(weighed.dropped.sum()) == dropped
    stays = MEASURED.losses["face"][classified & ~weighed.dropped]
    assert (MEASURED.losses["face"][weighed.dropped] <= stays.min()).all()


def test_a_positive_that_is_dropped_still_counts_for_its_box():
    weighed = weigh(MEASURED, TASK_WEIGHTS["onet"], 0.1)
    both = weighed.dropped & (BATCH.kind == POSITIVE)
    assert both.any()
    assert (weighed.contributions["face"][both] == 0).all()
    assert (weighed.contributions["box"][both] > 0).all()


def test_all_weights_at_zero_share_nothing(twin):
    twin.controls.put(face=0.0, box=0.0, landmarks=0.0)
    assert "Total loss 0.0000" in read_out(twin)
    assert drawings(twin)[1].count("(0%)") == 6


def test_a_photo_without_a_face_is_named():
    with pytest.raises(ValueError, match="photo 1: the detector finds no face"):
        loss_explorer(DETECTOR, [PHOTOS[0], samples.photo("coffee")])


def test_small_losses_keep_a_readable_number_and_a_bar_in_bounds():
    assert [small(x) for x in (0.0, 0.01234, 0.00003)] == ["0.0000", "0.0123", "3e-05"]
    assert [decades(x) for x in (0.0, 1e-5, 1.0, 7.0)] == [0.0, pytest.approx(0), 1.0, 1.0]


def test_the_static_twin_says_total_and_shares_of_three_settings(twin):
    settings = [
        (TASK_WEIGHTS["rnet"], 0.7),
        (TASK_WEIGHTS["onet"], 0.7),
        (TASK_WEIGHTS["onet"], 1.0),
    ]
    for weights, keep in settings:
        weighed = weigh(MEASURED, weights, keep)
        assert (
            f"total {weighed.total:.3f}, face or not {shares(weighed.terms)['face']:.0%}"
            in twin.alt
        )
    assert re.search(r"<img [^>]*alt=", twin.markup)
    assert html.escape(twin.alt) in twin.markup
