"""Verification figures against numbers worked out by hand, and scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics

from facelab.metrics.verification import (
    best_threshold,
    fold_accuracies,
    random_folds,
    roc,
    verify,
)

# From the most alike: same, different, same, different. Curve: (0, .5) (.5, .5) (.5, 1) (1, 1).
SIMILARITY = np.array([0.9, 0.8, 0.7, 0.1])
SAME = np.array([True, False, True, False])


def random_pairs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    same = rng.random(count) < 0.4
    return np.round(rng.normal(size=count) + same, 1), same  # rounded: many ties


def test_four_pairs_by_hand():
    curve = roc(SIMILARITY, SAME)
    assert curve.far.tolist() == [0, 0, 0.5, 0.5, 1]
    assert curve.tar.tolist() == [0, 0.5, 0.5, 1, 1]
    assert curve.threshold.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.1]
    # Of four pairs of pairs three are in order.
    assert curve.auc == pytest.approx(0.75)
    # FAR and 1 - TAR are both 0.5 at the threshold 0.8.
    assert curve.eer == pytest.approx(0.5)


@pytest.mark.parametrize(("far", "tar"), [(0, 0.5), (0.49, 0.5), (0.5, 1.0), (1, 1.0)])
def test_tar_is_read_at_the_last_point_that_keeps_the_far(far, tar):
    assert roc(SIMILARITY, SAME).tar_at(far) == tar


def test_equal_similarities_are_decided_together_and_count_half():
    curve = roc(np.array([0.5, 0.5]), np.array([True, False]))
    assert (curve.far.tolist(), curve.tar.tolist(), curve.auc) == ([0, 1], [0, 1], 0.5)
    swapped = roc(np.array([0.5, 0.5]), np.array([False, True]))
    assert swapped.auc == 0.5


def test_perfect_separation():
    verdict = verify(np.repeat([0.9, 0.1], 10), np.repeat([True, False], 10))
    assert (verdict.auc, verdict.eer, verdict.accuracy) == (1, 0, 1)
    assert (verdict.tar_at_far_1, verdict.pairs, verdict.same) == (1, 20, 10)


def test_the_area_is_the_share_of_ordered_pairs_of_pairs():
    similarity, same = random_pairs(200, seed=1)
    gap = similarity[same][:, None] - similarity[~same][None, :]
    expected = (gap > 0).mean() + (gap == 0).mean() / 2
    assert roc(similarity, same).auc == pytest.approx(expected, abs=1e-12)


def test_a_different_scale_of_similarity_changes_nothing():
    similarity, same = random_pairs(100, seed=2)
    one, other = verify(similarity, same), verify(np.exp(3 * similarity) - 7, same)
    assert one == other


def test_the_best_threshold_is_the_lowest_of_the_best_that_occur():
    # Accept from 0.7 on: 3 of 4 right; from 0.9 on: 3 of 4 right as well.
    assert best_threshold(SIMILARITY, SAME) == 0.7
    assert best_threshold(np.array([0.2, 0.3]), np.array([True, True])) == 0.2


def test_the_best_threshold_beats_every_other_one():
    similarity, same = random_pairs(150, seed=3)
    tried = [((similarity >= x) == same).mean() for x in np.unique(similarity)]
    best = best_threshold(similarity, same)
    assert ((similarity >= best) == same).mean() == max(tried)


def test_a_fold_is_judged_with_the_threshold_of_the_others():
    # Fold 0 alone would put the threshold at 0.2; fold 1 puts it at 0.8.
    similarity = np.array([0.2, 0.1, 0.8, 0.7])
    same = np.array([True, False, True, False])
    folds = np.array([0, 0, 1, 1])
    assert fold_accuracies(similarity, same, folds).tolist() == [0.5, 0.5]


def test_random_folds_have_equal_sizes_and_depend_on_the_seed_only():
    folds = random_folds(103)
    assert sorted(np.bincount(folds).tolist()) == [10] * 7 + [11] * 3
    assert (folds == random_folds(103)).all()
    assert (folds != random_folds(103, seed=1)).any()


@pytest.mark.parametrize(
    ("similarity", "same", "message"),
    [
        ([0.1, 0.2], [True, True], "all 2 pairs are same"),
        ([0.1, 0.2], [False, False], "all 2 pairs are different"),
        ([0.1, np.nan], [True, False], "NaN"),
        ([], [], "N above 0"),
        ([0.1], [True, False], "expected shape"),
    ],
)
def test_pairs_that_cannot_be_judged_are_refused(similarity, same, message):
    with pytest.raises(ValueError, match=message):
        roc(np.array(similarity), np.array(same, dtype=bool))


def test_too_few_pairs_for_the_folds_are_refused():
    with pytest.raises(ValueError, match="9 pairs cannot be dealt into 10 folds"):
        random_folds(9)


@pytest.mark.parametrize("seed", range(3))
def test_the_curve_is_that_of_scikit_learn(seed):
    similarity, same = random_pairs(300, seed)
    far, tar, threshold = metrics.roc_curve(same, similarity, drop_intermediate=False)
    curve = roc(similarity, same)
    np.testing.assert_allclose(curve.far, far, atol=1e-12)
    np.testing.assert_allclose(curve.tar, tar, atol=1e-12)
    np.testing.assert_allclose(curve.threshold[1:], threshold[1:])
