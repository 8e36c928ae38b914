"""Verification: same person or not, judged from similarities of pairs.

A pair counts as the same person when its similarity is at least the threshold. Pairs of equal
similarity are decided together, so the curve has one point for each different similarity.

| Figure              | Here                                                                      |
| ------------------- | ------------------------------------------------------------------------- |
| FAR, TAR            | share of different pairs and of same pairs that are accepted              |
| AUC                 | area under TAR over FAR, by trapezoids: ties count half                   |
| EER                 | mean of FAR and 1 - TAR at the point where they differ least              |
| TAR at FAR          | TAR at the last point of the curve whose FAR is not above the one asked   |
| ten-fold accuracy   | threshold with the best accuracy on nine folds, used on the tenth; mean   |

Source: LFW (Huang et al., 2007), "view 2": 10 folds, threshold from the other nine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Roc", "Verdict", "best_threshold", "fold_accuracies", "random_folds", "roc", "verify"]


@dataclass(frozen=True, eq=False)
class Roc:
    """The curve as the threshold falls: (K + 1,) each, beginning with nothing accepted."""

    far: np.ndarray
    tar: np.ndarray
    threshold: np.ndarray

    @property
    def auc(self) -> float:
        """Area under the curve, in [0, 1]."""
        return float(np.trapezoid(self.tar, self.far))

    @property
    def eer(self) -> float:
        """Equal error rate, in [0, 1]."""
        best = int(np.argmin(np.abs(self.far - (1 - self.tar))))
        return float((self.far[best] + 1 - self.tar[best]) / 2)

    def tar_at(self, far: float) -> float:
        """TAR at a false accept rate in [0, 1]. Raises ValueError for one outside."""
        if not 0 <= far <= 1:
            raise ValueError(f"far: expected a share in [0, 1], got {far}")
        return float(self.tar[np.searchsorted(self.far, far, side="right") - 1])


@dataclass(frozen=True)
class Verdict:
    """All figures of a set of pairs; accuracies and rates in [0, 1]."""

    pairs: int
    same: int
    auc: float
    eer: float
    accuracy: float
    accuracy_error: float
    tar_at_far_1: float


def roc(similarity: np.ndarray, same: np.ndarray) -> Roc:
    """Follow the rates of accepted pairs while the threshold falls.

    similarity: (N,), higher is more alike. same: (N,) bool.
    Raises ValueError for a wrong shape, NaN, or when one of both kinds of pairs is missing.
    """
    similarity, same = _checked(similarity, same)
    order = np.argsort(-similarity, kind="stable")
    ranked = similarity[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))  # the last pair of each tie
    accepted = np.cumsum(same[order])[last]
    wrong = last + 1 - accepted
    count = int(same.sum())
    return Roc(
        np.append(0.0, wrong / (len(same) - count)),
        np.append(0.0, accepted / count),
        np.append(np.inf, ranked[last]),
    )


def best_threshold(similarity: np.ndarray, same: np.ndarray) -> float:
    """Find the similarity that separates the pairs best; the lowest of several.

    similarity: (N,). same: (N,) bool. Only similarities that occur are tried.
    Raises ValueError for a wrong shape, NaN or no pairs.
    """
    similarity, same = _checked(similarity, same, both_kinds=False)
    values, group = np.unique(similarity, return_inverse=True)
    yes = np.bincount(group, weights=same, minlength=len(values))
    no = np.bincount(group, weights=~same, minlength=len(values))
    right = yes[::-1].cumsum()[::-1] + no.cumsum() - no  # accepted same + rejected different
    return float(values[int(right.argmax())])


def random_folds(count: int, *, folds: int = 10, seed: int = 0) -> np.ndarray:
    """Deal pairs into folds at random: (count,) int64 in [0, folds). Sizes differ by 1 at most.

    For pairs that come with folds (LFW's share no person), use those. Raises ValueError when there
    are fewer pairs than folds.
    """
    if count < folds:
        raise ValueError(f"{count} pairs cannot be dealt into {folds} folds; give more pairs")
    result = np.empty(count, np.int64)
    result[np.random.default_rng(seed).permutation(count)] = np.arange(count) % folds
    return result


def fold_accuracies(similarity: np.ndarray, same: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Judge each fold with the threshold that is best on the others.

    similarity: (N,). same: (N,) bool. folds: (N,) int. Returns (F,) accuracies, one a fold.
    Raises ValueError for a wrong shape, NaN, or fewer than two folds.
    """
    similarity, same = _checked(similarity, same, both_kinds=False)
    if folds.shape != similarity.shape:
        raise ValueError(f"folds: expected shape {similarity.shape}, got {folds.shape}")
    names = np.unique(folds)
    if len(names) < 2:
        raise ValueError(f"folds: expected at least 2, got {len(names)}")
    result = []
    for name in names:
        held = folds == name
        threshold = best_threshold(similarity[~held], same[~held])
        result.append(((similarity[held] >= threshold) == same[held]).mean())
    return np.array(result)


def verify(
    similarity: np.ndarray, same: np.ndarray, *, folds: np.ndarray | None = None, seed: int = 0
) -> Verdict:
    """Compute all figures. folds: as in `fold_accuracies`, by default ten random ones from seed.

    `accuracy_error` is the standard error of the mean over folds, as LFW's tables have it.
    Raises ValueError as `roc` and `random_folds`.
    """
    curve = roc(similarity, same)
    folds = random_folds(len(same), seed=seed) if folds is None else folds
    accuracies = fold_accuracies(similarity, same, folds)
    return Verdict(
        pairs=len(same),
        same=int(np.sum(same)),
        auc=curve.auc,
        eer=curve.eer,
        accuracy=float(accuracies.mean()),
        accuracy_error=float(accuracies.std(ddof=1) / len(accuracies) ** 0.5),
        tar_at_far_1=curve.tar_at(0.01),
    )


def _checked(
    similarity: np.ndarray, same: np.ndarray, *, both_kinds: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    similarity, same = np.asarray(similarity, np.float64), np.asarray(same)
    if similarity.ndim != 1 or same.shape != similarity.shape or not len(same):
        shapes = f"{similarity.shape} and {same.shape}"
        raise ValueError(f"similarity, same: expected shape (N,) each, N above 0, got {shapes}")
    if np.isnan(similarity).any():
        raise ValueError("similarity: holds NaN; an embedding of length 0 has no direction")
    same = same.astype(bool)
    if both_kinds and (same.all() or not same.any()):
        kind = "same" if same.all() else "different"
        raise ValueError(f"same: all {len(same)} pairs are {kind}; both kinds are needed")
    return similarity, same
