"""The masked multi-task loss and OHEM, by hand and by property."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facelab.detection.mtcnn.losses import TASK_WEIGHTS, multitask_loss, ohem

NAN = math.nan


def batch(**changes):
    """Four samples, one of each kind; rows without a label are NaN."""
    values = {
        "logits": torch.zeros(4, 2),
        "deltas": torch.zeros(4, 4),
        "landmarks": torch.zeros(4, 10),
        "kind": torch.tensor([1, 0, -1, -2]),
        "true_deltas": torch.tensor([[1.0] * 4, [NAN] * 4, [2.0] * 4, [NAN] * 4]),
        "true_landmarks": torch.tensor([[NAN] * 10] * 3 + [[0.5] * 10]),
        "keep": 1.0,
    } | changes
    return multitask_loss(
        values.pop("logits"), values.pop("deltas"), values.pop("landmarks"), **values
    )


def test_each_task_is_the_mean_over_the_samples_that_take_part():
    losses = batch()
    assert losses["face"].item() == pytest.approx(math.log(2))  # positive and negative, even odds
    assert losses["box"].item() == pytest.approx((4 * 1 + 4 * 4) / 2)  # positive and part
    assert losses["landmarks"].item() == pytest.approx(10 * 0.25)


def test_unlabelled_targets_are_never_read_not_even_in_the_gradient():
    deltas = torch.zeros(4, 4, requires_grad=True)
    losses = batch(deltas=deltas)
    sum(losses.values()).backward()
    assert torch.isfinite(deltas.grad).all()
    assert not deltas.grad[[1, 3]].any()


def test_part_samples_do_not_classify():
    logits = torch.tensor([[0.0, 0.0], [0.0, 0.0], [50.0, -50.0], [-50.0, 50.0]])
    assert batch(logits=logits)["face"].item() == pytest.approx(math.log(2))


def test_a_task_without_samples_gives_zero_and_no_nan():
    losses = batch(kind=torch.tensor([0, 0, 0, 0]), true_deltas=torch.full((4, 4), NAN))
    assert losses["box"].item() == 0.0
    assert losses["landmarks"].item() == 0.0


def test_a_net_without_landmark_head_has_no_landmark_loss():
    assert set(batch(landmarks=None)) == {"face", "box"}


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match=r"-1 or -2; got \[7\]"):
        batch(kind=torch.tensor([1, 0, 7, -2]))


def test_only_hard_samples_reach_the_classification_loss():
    logits = torch.tensor([[0.0, 9.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    kind = torch.tensor([1, 1, -1, -2])
    half = batch(logits=logits, kind=kind, true_deltas=torch.zeros(4, 4), keep=0.5)["face"]
    assert half.item() == pytest.approx(math.log(2))  # the sure positive is dropped


def test_task_weights_are_those_of_the_letter():
    onet, pnet = TASK_WEIGHTS["onet"], TASK_WEIGHTS["pnet"]
    assert (onet.face, onet.box, onet.landmarks) == (1, 0.5, 1)
    assert (pnet.face, pnet.box, pnet.landmarks) == (1, 0.5, 0.5)
    assert TASK_WEIGHTS["rnet"] == pnet


def test_ohem_counts_valid_samples_only_and_rounds_up():
    losses = torch.tensor([0.1, 9.0, 0.3, 0.2, 8.0])
    valid = torch.tensor([True, False, True, True, False])
    assert ohem(losses, valid, keep=0.7).tolist() == [True, False, True, True, False]
    assert ohem(losses, valid, keep=0.5).tolist() == [False, False, True, True, False]
    assert ohem(losses, valid, keep=0.1).tolist() == [False, False, True, False, False]


def test_ohem_prefers_the_earlier_of_equal_losses():
    assert ohem(torch.ones(4), torch.ones(4).bool(), keep=0.5).tolist() == [
        True,
        True,
        False,
        False,
    ]


@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 2**31))
def test_ohem_keeps_the_ceiling_of_the_share_and_nothing_easier(size, twentieths, seed):
    generator = torch.Generator().manual_seed(seed)
    losses = torch.rand(size, generator=generator)
    valid = torch.rand(size, generator=generator) < 0.6
    chosen = ohem(losses, valid, keep=twentieths / 20)
    assert int(chosen.sum()) == -(-twentieths * int(valid.sum()) // 20)
    assert not (chosen & ~valid).any()
    if chosen.any() and (valid & ~chosen).any():
        assert losses[chosen].min() >= losses[valid & ~chosen].max()


@pytest.mark.parametrize("keep", [0.0, 1.1, math.nan])
def test_a_share_outside_its_range_is_refused(keep):
    with pytest.raises(ValueError, match="share"):
        ohem(torch.ones(3), torch.ones(3).bool(), keep=keep)
