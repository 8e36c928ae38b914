"""Checks of lab 03, mtcnn: what the three nets learn from, and which samples count."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from facelab.course.answers import mtcnn as answers
from facelab.course.checking import (
    case,
    exercise,
    expect_agrees,
    expect_close,
    expect_equal,
    expect_tensor,
    expect_that,
    rng,
)
from facelab.course.failures import Failure, brief

LAB = "03_mtcnn"

# ---- ohem ----------------------------------------------------------------------------------------


@exercise(
    "ohem",
    lab=LAB,
    points=2,
    hints=(
        "A batch of 384 holds 256 samples with a face label. Seventy percent of which number? And "
        "what keeps the other 128 from being chosen, whatever their loss?",
        "count = ceil(keep * number of valid)                          int\n"
        "order = indices by falling loss, the invalid ones last        (B,)\n"
        "chosen = False, but True at order[:count]                     (B,) bool",
        "count = math.ceil(keep * int(valid.sum()))\n"
        "order = losses.masked_fill(____, -torch.inf).argsort(descending=True, stable=True)\n"
        "chosen = torch.zeros_like(valid)\n"
        "chosen[order[:count]] = True\n"
        "return chosen",
    ),
    reference="facelab.course.answers.mtcnn:ohem",
)
def ohem(fn: Any) -> None:
    def run(losses: Tensor, valid: Tensor, *keep: float) -> Tensor:
        return expect_tensor(
            fn(losses, valid, *keep),
            shape=(len(losses),),
            dtype=torch.bool,
            hint="one True or False per sample of the batch",
        )

    valid_only = "a sample without a label was chosen: take the hardest among the valid ones"
    with case("five samples, three of them valid, keep 0.5"):
        losses = torch.tensor([0.1, 9.0, 0.3, 0.2, 8.0])
        valid = torch.tensor([True, False, True, True, False])
        got = run(losses, valid, 0.5)
        share = (
            "the quota is a share of the valid samples, 0.5 x 3, not of the whole batch, 0.5 x 5"
        )
        easiest = "these are the easiest: keep the largest losses"
        rounded = "0.5 x 3 = 1.5 is rounded up: math.ceil, not int or //"
        right = "ceil(0.5 x 3) = 2 of the valid: 0.3 and 0.2"
        expect_equal(
            got,
            [False, False, True, True, False],
            suspects=(
                (valid, share),
                ([True, False, False, True, False], easiest),
                ([False, False, True, False, False], rounded),
            ),
            hint=valid_only if (got & ~valid).any() else right,
        )
    with case("samples without a label that have loss 0"):
        losses = torch.tensor([0.0, 0.0, 0.0, 0.0, 3.0, 1.0, 2.0])
        got = run(losses, losses > 0, 0.4)
        expect_equal(
            got,
            [False] * 4 + [True, False, True],
            hint="the quota is a share of the 3 valid samples, not of the whole batch of 7; "
            "rounded up: 2",
        )
    with case("equal losses"):
        got = run(torch.ones(6), torch.ones(6).bool(), 0.5)
        cause = (
            "ties go to the earlier sample: argsort(descending=True, stable=True), not a threshold"
        )
        expect_equal(got, [True] * 3 + [False] * 3, hint=cause)
    with case("keep left out"):
        got = run(torch.arange(7.0), torch.ones(7).bool())
        expect_equal(got, [False] * 2 + [True] * 5, hint="the paper keeps 0.7; ceil(4.9) = 5")
    with case("keep 1"):
        got = run(losses, losses > 0, 1.0)
        expect_equal(got, losses > 0, hint="all valid samples, and no other")
    with case("one valid sample"):
        got = run(torch.tensor([2.0, 1.0]), torch.tensor([False, True]), 0.1)
        expect_equal(got, [False, True], hint="ceil(0.1 x 1) = 1: a share is rounded up, not down")
    with case("no valid sample", hint="a batch may hold landmark samples only"):
        got = run(torch.tensor([1.0, 2.0]), torch.tensor([False, False]), 0.7)
        expect_equal(got, [False, False], hint=valid_only)
    with case("an empty batch", hint="no sample is a valid input"):
        run(torch.zeros(0), torch.zeros(0).bool(), 0.7)
    with case("random losses"):
        valid = torch.zeros(40).bool()
        valid[torch.randperm(40, generator=rng())[:23]] = True
        expect_agrees(
            fn,
            answers.ohem,
            torch.randint(0, 15, (40,), generator=rng()) / 5,  # some are equal
            valid,
            0.6,
            rows=((0, 1),),
            exact=True,
            hint="ceil(keep x valid) of the largest losses among the valid, the earlier of equal "
            "ones",
        )


# ---- multitask_loss ------------------------------------------------------------------------------

_NAN = math.nan
_Batch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def _loss_and_gradients(
    loss: Callable[..., Any],
    logits: Tensor,
    deltas: Tensor,
    landmarks: Tensor,
    kind: Tensor,
    true_deltas: Tensor,
    true_landmarks: Tensor,
    *weights: tuple[float, float, float],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the loss and its gradients at the three outputs, zeros where none arrives."""
    outputs = [x.detach().clone().requires_grad_() for x in (logits, deltas, landmarks)]
    total = loss(*outputs, kind, true_deltas, true_landmarks, *weights)
    if not isinstance(total, Tensor):
        got = f"{type(total).__name__} {brief(total)}" if not isinstance(total, dict) else "a dict"
        cause = "return the total as a tensor: float() and .item() cut the gradient off"
        raise Failure("the loss is not a tensor", "a tensor of shape ()", got, cause)
    if total.ndim != 0 or not total.is_floating_point():
        cause = "one float for the whole batch: the mean of each task, weighted and summed"
        got = f"{total.dtype} of shape {tuple(total.shape)}".removeprefix("torch.")
        raise Failure("the loss is not one number", "float32 of shape ()", got, cause)
    if total.requires_grad:
        total.backward()
    first, second, third = (
        torch.zeros_like(x) if x.grad is None else x.grad.detach() for x in outputs
    )
    return total.detach(), first, second, third


def _toy_batch() -> dict[str, Tensor]:
    """Return six samples that the net gets right; rows of targets without a label are NaN."""
    kind = torch.tensor([1, 0, -1, -2, 0, -2])
    face = (kind == 1).float()
    true_deltas, true_landmarks = torch.full((6, 4), _NAN), torch.full((6, 10), _NAN)
    true_deltas[(kind == 1) | (kind == -1)] = 0.0
    true_landmarks[kind == -2] = 0.5
    return {
        "logits": 60 * torch.stack([1 - face, face], dim=1) - 30,
        "deltas": torch.zeros(6, 4),
        "landmarks": torch.full((6, 10), 0.5),
        "kind": kind,
        "true_deltas": true_deltas,
        "true_landmarks": true_landmarks,
    }


def _random_batch(kind: Tensor) -> _Batch:
    """Return random outputs and targets for samples of these kinds."""
    num = len(kind)
    true_deltas = torch.randn(num, 4, generator=rng())
    true_landmarks = torch.rand(num, 10, generator=rng())
    true_deltas[(kind == 0) | (kind == -2)] = _NAN
    true_landmarks[kind != -2] = _NAN
    outputs = (torch.randn(num, size, generator=rng()) for size in (2, 4, 10))
    return *outputs, kind, true_deltas, true_landmarks  # type: ignore[return-value]


_UNREAD = (
    "a target that does not exist was read: NaN x 0 is NaN. Choose the rows first, deltas[mask] "
    "and true_deltas[mask], then subtract"
)
_NOBODY = (
    "nobody takes part in a task, and the mean of nothing is NaN: divide by count.clamp(min=1)"
)
_BATCH_MEAN = "each task is a mean over the samples that take part in it, not over the whole batch"
_EUCLIDEAN = (
    "the squared Euclidean distance sums the squares of all coordinates: sum, not mean, over dim 1"
)
_SUM = "each task is a mean over its samples, not a sum"
_HALF = (
    "half of what is right: there is no factor 1/2 in front of the squares, and the weights "
    "that were given are 1, 1, 1"
)
_ROOT = "the squared Euclidean distance has no root: square().sum(dim=1)"


@exercise(
    "multitask_loss",
    lab=LAB,
    points=3,
    hints=(
        "A part sample knows where the face is but not whether it is one. Which rows of "
        "true_landmarks may the loss read? What is 0 times NaN?",
        "face       cross-entropy                over kind 1 and 0         mean, ()\n"
        "box        sum of 4 squared errors      over kind 1 and -1        mean, ()\n"
        "landmarks  sum of 10 squared errors     over kind -2              mean, ()\n"
        "total      weights[0] face + weights[1] box + weights[2] landmarks; a task without "
        "samples is 0",
        "def distance(output, target, mask):             # mask (B,) bool\n"
        "    per_sample = (output[mask] - target[mask]).square().sum(dim=1)\n"
        "    return per_sample.sum() / mask.sum().clamp(min=1)\n"
        "labelled = (kind == 1) | (kind == 0)\n"
        "per_sample = F.cross_entropy(logits, (kind == 1).long(), reduction='none')\n"
        "face = per_sample[labelled].sum() / labelled.sum().clamp(min=1)\n"
        "box = distance(deltas, true_deltas, (kind == 1) | (kind == ____))\n"
        "points = distance(landmarks, true_landmarks, kind == -2)\n"
        "return weights[0] * face + weights[1] * box + weights[2] * points",
    ),
    reference="facelab.course.answers.mtcnn:multitask_loss",
    through=_loss_and_gradients,
)
def multitask_loss(fn: Any) -> None:
    def run(batch: Sequence[Tensor], *weights: tuple[float, float, float], nan_hint: str) -> Any:
        total, *gradients = fn(*batch, *weights)
        expect_that(torch.isfinite(total), nan_hint)
        return total, gradients

    def one_task(
        expected: float, suspects: list[tuple[Any, str]], hint: str, **changes: Tensor
    ) -> None:
        batch = _toy_batch() | changes
        total, _ = run(tuple(batch.values()), (1.0, 1.0, 1.0), nan_hint=_UNREAD)
        expect_close(total, expected, suspects=suspects, hint=hint)

    with case("six samples, wrong only in face or not"):
        logits = torch.tensor([[0.0, 1], [1, 0], [4, -1], [2, 3], [1, 0], [1, 2]])
        face = torch.tensor([1, 0, 0, 0, 0, 0])
        every = F.cross_entropy(logits, face, reduction="none").tolist()
        turned = F.cross_entropy(logits, 1 - face, reduction="none").tolist()
        part = "part samples (kind -1) have no face label: only kind 1 and 0 classify"
        both = "part and landmark samples have no face label: only kind 1 and 0 classify"
        right = every[0]  # as for the two negatives: log(1 + e^-1)
        one_task(
            right,
            [
                (turned[0], "the classes are swapped: channel 1 of the logits is the face"),
                (3 * right / 6, _BATCH_MEAN),
                (3 * right, _SUM),
                ((3 * right + every[2]) / 4, part),
                ((3 * right + turned[2]) / 4, part),
                (sum(every) / 6, both),
                ((sum(every) - every[2] + turned[2]) / 6, both),
            ],
            "cross-entropy over kind 1 (class 1) and 0 (class 0): each of the three is 0.313",
            logits=logits,
        )
    with case("six samples, wrong only in the box offsets"):
        deltas = torch.tensor([0.5, 7.0, 2.0, 7.0, 7.0, 7.0])[:, None].expand(6, 4).clone()
        one_task(
            (1 + 16) / 2,
            [
                (17 / 6, _BATCH_MEAN),
                (17.0, _SUM),
                (17 / 8, _EUCLIDEAN),
                (17 / 24, _EUCLIDEAN),
                (1.0, "part samples teach the box too: kind 1 and kind -1"),
                (16.0, "positive samples teach the box too: kind 1 and kind -1"),
                ((1 + 4) / 2, _ROOT),
                (17 / 4, _HALF),
            ],
            "positive: 4 x 0.5^2 = 1; part: 4 x 2^2 = 16; the mean of both is 8.5",
            deltas=deltas,
        )
    with case("six samples, wrong only in the landmarks"):
        landmarks = torch.tensor([7.0, 7.0, 7.0, 1.0, 7.0, 1.5])[:, None].expand(6, 10).clone()
        one_task(
            (2.5 + 10) / 2,
            [
                (12.5 / 6, _BATCH_MEAN),
                (12.5, _SUM),
                (12.5 / 20, _EUCLIDEAN),
                (12.5 / 60, _EUCLIDEAN),
                ((2.5**0.5 + 10**0.5) / 2, _ROOT),
                (12.5 / 4, _HALF),
            ],
            "10 x 0.5^2 = 2.5 and 10 x 1^2 = 10; the mean of both is 6.25",
            landmarks=landmarks,
        )
    mixed = torch.cat([torch.tensor([1, 0, -1, -2]), torch.randint(-2, 2, (20,), generator=rng())])
    batch = _random_batch(mixed[torch.randperm(24, generator=rng())])
    for weights in ((), ((1.0, 0.5, 1.0),)):
        with case("a random batch, weights of " + ("O-Net" if weights else "P-Net")):
            total, _ = run(batch, *weights, nan_hint=_UNREAD)
            plain_sum = answers.multitask_loss(*batch, weights=(1.0, 1.0, 1.0))
            unweighted = "weigh the tasks: weights[0] face + weights[1] box + weights[2] landmarks"
            cause = "weights[0] goes with face, weights[1] with box, weights[2] with landmarks"
            truth = answers.multitask_loss(*batch, *weights)
            expect_close(total, truth, suspects=[(plain_sum, unweighted)], hint=cause)
    with case("tasks without samples", hint=_NOBODY):
        for kinds in ([0, 0, 0], [-1, -1], [-2, -2], [1, 0, -2], []):
            lonely = _random_batch(torch.tensor(kinds, dtype=torch.int64))
            total, _ = run(lonely, nan_hint=_NOBODY)
            truth = answers.multitask_loss(*lonely)
            expect_close(total, truth, hint="a task without samples adds 0")
    with case("gradients"):
        _, gradients = run(batch, nan_hint=_UNREAD)
        true_gradients = _loss_and_gradients(answers.multitask_loss, *batch)[1:]
        for name, got, expected in zip(
            ("logits", "deltas", "landmarks"), gradients, true_gradients, strict=True
        ):
            expect_that(
                torch.isfinite(got).all(),
                f"the loss is right, but its gradient at {name} is NaN: torch.where and nan_to_num "
                "may hide a NaN from the value only. Choose the rows before you subtract",
            )
            cut = (
                f"no gradient reaches {name}: no .item(), .detach() or torch.tensor(...) on the way"
            )
            hint = cut if not got.any() else f"the gradient at {name} is not that of the loss"
            expect_close(got, expected, hint=hint)
