"""Lab 01's checks: right answers pass, each classic mistake is met with the hint that fits it."""

import numpy as np
import torch

from facelab.course.checking import exercises
from facelab.geometry.landmarks import MIRROR_5, MIRROR_68
from tests.mutants import harness

NAMES = (
    "box_from_landmarks",
    "umeyama",
    "flip_scene",
    "crop_scene",
    "pk_batches",
    "split_by_person",
)
ANSWERS = harness.Answers()
solved, wrong = ANSWERS.solved, ANSWERS.wrong


# ---- box_from_landmarks


def box_with(pick=lambda own: own[~own.isnan().any(dim=1)], change=lambda box, up: box, none=None):
    """Return the boxes of each face, one by one, with some parts replaced."""

    def answer(points, up=0.0):
        rows = []
        for own in points:
            known = pick(own)
            if not len(known):
                rows.append(none or [float("nan")] * 4)
                continue
            (x1, y1), (x2, y2) = known.min(dim=0).values.tolist(), known.max(dim=0).values.tolist()
            rows.append(change([x1, y1 - up * (y2 - y1), x2, y2], up))
        return torch.tensor(rows).reshape(-1, 4)

    return answer


@solved
def box_from_landmarks(points, up=0.0):
    return box_with()(points, up)


for words, name, mistakes in (
    ("not width and height", "xywh", {"change": lambda b, _: [*b[:2], b[2] - b[0], b[3] - b[1]]}),
    ("x before y", "yxyx", {"change": lambda b, _: [b[1], b[0], b[3], b[2]]}),
    ("no . 1", "inclusive", {"change": lambda b, _: [*b[:2], b[2] + 1, b[3] + 1]}),
    ("counted as 0", "nan_is_zero", {"pick": lambda own: own.nan_to_num()}),
    ("min and max of anything with NaN", "nan_spreads", {"pick": lambda own: own}),
    ("its row is NaN", "unknown_is_zero", {"none": [0.0] * 4}),
    ("its row is NaN", "unknown_is_infinite", {"none": [float("inf")] * 2 + [-float("inf")] * 2}),
):
    wrong("box_from_landmarks", words, name)(box_with(**mistakes))


@wrong("box_from_landmarks", "up was not used")
def not_raised(points, up=0.0):
    return box_from_landmarks(points)


@wrong("box_from_landmarks", "y runs downwards")
def lowered(points, up=0.0):
    return box_from_landmarks(points, -up)


@wrong("box_from_landmarks", "number of pixels")
def raised_by_pixels(points, up=0.0):
    boxes = box_from_landmarks(points)
    boxes[:, 1] -= up
    return boxes


@wrong("box_from_landmarks", "not of the width")
def raised_by_the_width(points, up=0.0):
    boxes = box_from_landmarks(points)
    boxes[:, 1] -= up * (boxes[:, 2] - boxes[:, 0])
    return boxes


@wrong("box_from_landmarks", "dim=1")
def dropped_without_points(points, up=0.0):
    boxes = box_from_landmarks(points, up)
    return torch.stack(list(boxes))


@wrong("box_from_landmarks", "one box")
def one_for_all(points, up=0.0):
    return box_from_landmarks(points.reshape(1, -1, 2), up)[0]


@wrong("box_from_landmarks", "one box")
def a_list_of_boxes(points, up=0.0):
    return box_from_landmarks(points, up).tolist()


# ---- umeyama


def fit(p, q, *, mirror=False, sign_in_scale=True, transpose=False, scale=None, shift=None):
    """Return the best similarity by complex numbers where right, by SVD with mistakes otherwise."""
    mean_p, mean_q = p.mean(dim=0), q.mean(dim=0)
    a, b = p - mean_p, q - mean_q
    u, d, vt = torch.linalg.svd(b.T @ a / len(a))
    sign = torch.ones(2)
    if torch.det(u) * torch.det(vt) < 0 and not mirror:
        sign[1] = -1.0
    rotation = u @ torch.diag(sign) @ vt
    rotation = rotation.T if transpose else rotation
    trace = (d * sign).sum() if sign_in_scale else d.sum()
    linear = (scale(a, b, trace) if scale else trace / a.square().sum(dim=1).mean()) * rotation
    move = shift(mean_p, mean_q) if shift else mean_q - linear @ mean_p
    return torch.cat([linear, move[:, None]], dim=1)


@solved
def umeyama(source, target):
    p, q = (torch.complex(*x.double().unbind(dim=1)) for x in (source, target))
    a, b = p - p.mean(), q - q.mean()
    turn = (a.conj() * b).sum() / (a.conj() * a).sum()  # a turn and a scale are one complex number
    move = q.mean() - turn * p.mean()
    rows = [[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]]
    return torch.tensor(rows, dtype=torch.float32)


for words, name, mistakes in (
    ("mirrored face came out", "may_mirror", {"mirror": True}),
    ("into the scale as well", "scale_without_sign", {"sign_in_scale": False}),
    ("wrong way round", "transposed", {"transpose": True}),
    ("the scale is missing", "rigid", {"scale": lambda a, b, t: 1.0}),
    ("if the covariance is a mean", "sum_of_squares", {"scale": lambda a, b, t: t / (a**2).sum()}),
    (
        "not of the target",
        "variance_of_the_target",
        {"scale": lambda a, b, t: t / (b**2).sum(dim=1).mean()},
    ),
    (
        "ratio of the spreads",
        "ratio_of_spreads",
        {"scale": lambda a, b, t: ((b**2).sum() / (a**2).sum()).sqrt()},
    ),
    ("not the mean over 2 N", "variance_per_axis", {"scale": lambda a, b, t: t / (a**2).mean()}),
    ("turn and scale the mean", "plain_shift", {"shift": lambda p, q: q - p}),
):

    def with_mistake(source, target, mistakes=mistakes):
        return fit(source, target, **mistakes)

    wrong("umeyama", words, name)(with_mistake)


@wrong("umeyama", "other way round")
def onto_the_source(source, target):
    return fit(target, source)


@wrong("umeyama", "not six")
def affine(source, target):
    ones = torch.cat([source, torch.ones(len(source), 1)], dim=1)
    return torch.linalg.lstsq(ones, target).solution.T


@wrong("umeyama", r"\[s R . shift\]")
def square_matrix(source, target):
    return torch.cat([fit(source, target), torch.tensor([[0.0, 0.0, 1.0]])])


# ---- flip_scene


def flip_with(**parts):
    """Return a flip with some of its parts replaced."""

    def answer(photo, boxes, landmarks):
        width = photo.shape[1]
        partner = list(MIRROR_5 if landmarks.shape[1] == 5 else MIRROR_68)
        return (
            parts.get("image", lambda p: p[:, ::-1].copy())(photo),
            parts.get("box", flipped_boxes)(boxes, width),
            parts.get("points", flipped_points)(landmarks, partner, width),
        )

    return answer


def flipped_boxes(boxes, width):
    rows = [[width - x2, y1, width - x1, y2] for x1, y1, x2, y2 in boxes.tolist()]
    return torch.tensor(rows).reshape(-1, 4)


def flipped_points(points, partner, width):
    moved = points[:, partner].clone()
    moved[..., 0] = width - moved[..., 0]
    return moved


@solved
def flip_scene(photo, boxes, landmarks):
    return flip_with()(photo, boxes, landmarks)


def unswapped(points, partner, width):
    return flipped_points(points, list(range(points.shape[1])), width)


def only_eyes(points, partner, width):
    return flipped_points(points, [1, 0, *range(2, points.shape[1])], width)


def partners_of_five(points, partner, width):
    return flipped_points(points, [*MIRROR_5, *range(5, points.shape[1])], width)


for words, name, parts in (
    ("the photo itself", "photo_forgotten", {"image": lambda p: p}),
    ("upside down", "upside_down", {"image": lambda p: p[::-1].copy()}),
    ("red and blue", "colours_mirrored", {"image": lambda p: p[..., ::-1].copy()}),
    ("old right edge", "edges_crossed", {"box": lambda b, w: flipped_boxes(b, w)[:, [2, 1, 0, 3]]}),
    (
        "width - x, not width - 1 - x",
        "inclusive_boxes",
        {"box": lambda b, w: flipped_boxes(b, w - 1)},
    ),
    ("stayed where it was", "boxes_forgotten", {"box": lambda b, w: b}),
    ("not at its height", "mirrored_at_the_height", {"box": lambda b, w: flipped_boxes(b, w - 5)}),
    ("swap partners", "unswapped", {"points": unswapped}),
    ("corners of the mouth", "only_eyes", {"points": only_eyes}),
    (
        "not reversed",
        "reversed",
        {"points": lambda p, m, w: flipped_points(p, list(range(p.shape[1]))[::-1], w)},
    ),
    ("x was not mirrored", "only_swapped", {"points": lambda p, m, w: p[:, m]}),
    ("landmarks stayed", "landmarks_forgotten", {"points": lambda p, m, w: p}),
    (
        "share the frame of the boxes",
        "inclusive_points",
        {"points": lambda p, m, w: flipped_points(p, m, w - 1)},
    ),
    ("partners of their own", "partners_of_five", {"points": partners_of_five}),
    ("stays NaN", "nan_to_zero", {"points": lambda p, m, w: flipped_points(p, m, w).nan_to_num()}),
):
    wrong("flip_scene", words, name)(flip_with(**parts))


@wrong("flip_scene", "return photo, boxes, landmarks")
def photo_only(photo, boxes, landmarks):
    return photo[:, ::-1].copy()


@wrong("flip_scene", "not simply backwards")
def sixty_eight_backwards(photo, boxes, landmarks):
    if landmarks.shape[1] == 68:
        return flip_with(points=lambda p, m, w: flipped_points(p, list(range(68))[::-1], w))(
            photo, boxes, landmarks
        )
    return flip_scene(photo, boxes, landmarks)


# ---- crop_scene


def crop_with(
    *,
    cut=lambda photo, x1, y1, x2, y2: photo[y1:y2, x1:x2].copy(),
    shift=(1.0, 1.0),
    clip=lambda value, end: min(max(value, 0.0), float(end)),
    enough=lambda inside, whole, window, least: inside >= least * whole and inside > 0,
    gone=lambda x, y, w, h: (float("nan"), float("nan")),
    everybody=False,
    share=None,
):
    """Return a crop, face by face, with some of its parts replaced."""

    def answer(photo, boxes, landmarks, window, least=0.5):
        left, top, right, bottom = window
        width, height = right - left, bottom - top
        kept, points, stays = [], [], []
        for box, own in zip(boxes.tolist(), landmarks.tolist(), strict=True):
            corner = [left * shift[0], top * shift[0]]
            moved = [value - corner[at % 2] for at, value in enumerate(box)]
            inside = [clip(moved[at], (width, height)[at % 2]) for at in range(4)]
            areas = [max(b[2] - b[0], 0) * max(b[3] - b[1], 0) for b in (inside, moved)]
            true = [
                min(max(v - (left, top)[at % 2], 0), (width, height)[at % 2])
                for at, v in enumerate(box)
            ]
            areas[0] = max(true[2] - true[0], 0) * max(true[3] - true[1], 0)
            stays.append(enough(*areas, width * height, share or least))
            if not stays[-1] and not everybody:
                continue
            kept.append(inside)
            corner = [left * shift[1], top * shift[1]]
            moved_points = [(x - corner[0], y - corner[1]) for x, y in own]
            points.append(
                [
                    (x, y) if 0 <= x < width and 0 <= y < height else gone(x, y, width, height)
                    for x, y in moved_points
                ]
            )
        return (
            cut(photo, *window),
            torch.tensor(kept).reshape(-1, 4),
            torch.tensor(points).reshape(-1, landmarks.shape[1], 2),
            torch.tensor(stays, dtype=torch.bool),
        )

    return answer


@solved
def crop_scene(photo, boxes, landmarks, window, least=0.5):
    return crop_with()(photo, boxes, landmarks, window, least)


def clamped(x, y, w, h):
    return min(max(x, 0.0), float(w)), min(max(y, 0.0), float(h))


for words, name, parts in (
    ("rows are y", "rows_are_x", {"cut": lambda p, a, b, c, d: p[a:c, b:d].copy()}),
    ("begins at", "boxes_not_moved", {"shift": (0.0, 1.0), "clip": lambda v, e: v}),
    ("do not add", "corner_added", {"shift": (-1.0, 1.0), "clip": lambda v, e: v}),
    ("clip it to the window", "not_clipped", {"clip": lambda v, e: v}),
    (
        "not to the last pixel|at the last pixel",
        "inclusive_clip",
        {"clip": lambda v, e: min(max(v, 0.0), e - 1.0)},
    ),
    (
        "from the landmarks too",
        "landmarks_not_moved",
        {"shift": (1.0, 0.0), "gone": lambda x, y, w, h: (x, y)},
    ),
    ("outside the crop", "landmarks_kept", {"gone": lambda x, y, w, h: (x, y)}),
    ("wrong label", "landmarks_at_the_border", {"gone": clamped}),
    ("not 0", "unknown_is_zero", {"gone": lambda x, y, w, h: (0.0, 0.0)}),
    ("not -1", "unknown_is_minus_one", {"gone": lambda x, y, w, h: (-1.0, -1.0)}),
    (">= keeps it", "strictly_greater", {"enough": lambda i, a, w, s: i > s * a}),
    (
        "not by that of the window",
        "share_of_the_window",
        {"enough": lambda i, a, w, s: i > 0 and (i >= s * a if a < w else i >= s * w)},
    ),
    ("above 0 as well", "no_area", {"enough": lambda i, a, w, s: i >= s * a and (a == 0 or i > 0)}),
    ("at least half", "any_overlap", {"enough": lambda i, a, w, s: i > 0}),
    ("which is enough", "inside_only", {"enough": lambda i, a, w, s: i == a and i > 0}),
    ("nowhere near|at least half", "everybody_stays", {"enough": lambda i, a, w, s: True}),
    ("boxes of who stays", "gone_boxes_returned", {"everybody": True}),
    ("not 0.5", "fixed_share", {"share": 0.5}),
):
    wrong("crop_scene", words, name)(crop_with(**parts))


@wrong("crop_scene", "return cut, boxes")
def two_results(photo, boxes, landmarks, window, least=0.5):
    return crop_scene(photo, boxes, landmarks, window, least)[:2]


@wrong("crop_scene", "one bool a face")
def indices_of_who_stays(photo, boxes, landmarks, window, least=0.5):
    *rest, stays = crop_scene(photo, boxes, landmarks, window, least)
    return (*rest, stays.nonzero()[:, 0])


@wrong("crop_scene", "nobody stays")
def empty_crashes(photo, boxes, landmarks, window, least=0.5):
    cut, kept, points, stays = crop_scene(photo, boxes, landmarks, window, least)
    return cut, torch.stack(list(kept)), torch.stack(list(points)), stays


# ---- pk_batches


def batches_with(
    draw=lambda rng, own, k: rng.choice(own, k, replace=False),
    order=lambda rng, people: rng.permutation(people),
    enough=lambda own, k: len(own) >= k,
    seeded=lambda seed: np.random.default_rng(seed),
    lay=lambda rows, p, k: rows.reshape(-1, p * k),
    ragged=False,
):
    """Return an epoch of batches with some of its parts replaced."""

    def answer(persons, p, k, seed):
        rng, rows = seeded(seed), []
        for person in order(rng, sorted(set(persons.tolist()))):
            own = [at for at, who in enumerate(persons.tolist()) if who == person]
            if enough(own, k):
                rows.append(list(draw(rng, own, k)))
        while ragged and len(rows) % p:
            rows.append(rows[0])
        rows = rows[: len(rows) // p * p]
        return lay(torch.tensor(rows, dtype=torch.int64).reshape(-1, k), p, k)

    return answer


@solved
def pk_batches(persons, p, k, seed):
    return batches_with()(persons, p, k, seed)


for words, name, parts in (
    ("without replacement", "with_replacement", {"draw": lambda rng, own, k: rng.choice(own, k)}),
    ("not the first k", "first_k", {"draw": lambda rng, own, k: own[:k]}),
    ("shuffle them as well", "people_in_order", {"order": lambda rng, people: people}),
    ("the same seed gives", "no_seed", {"seeded": lambda seed: np.random.default_rng()}),
    ("use the generator", "fixed_seed", {"seeded": lambda seed: np.random.default_rng(0)}),
    (
        "sit out",
        "few_images_repeated",
        {
            "enough": lambda own, k: len(own) > 1,
            "draw": lambda rng, own, k: rng.choice(own, k, replace=len(own) < k),
        },
    ),
    ("waits for the next epoch", "last_batch_filled_up", {"ragged": True}),
    (
        "stand side by side",
        "interleaved",
        {"lay": lambda rows, p, k: rows.reshape(-1, p, k).transpose(1, 2).reshape(-1, p * k)},
    ),
    ("one row of p . k", "three_axes", {"lay": lambda rows, p, k: rows.reshape(-1, p, k)}),
    ("int64", "as_floats", {"lay": lambda rows, p, k: rows.reshape(-1, p * k).float()}),
):
    wrong("pk_batches", words, name)(batches_with(**parts))


@wrong("pk_batches", "numbers of persons")
def persons_instead_of_images(persons, p, k, seed):
    return persons[pk_batches(persons, p, k, seed)] + len(persons)


@wrong("pk_batches", "once an epoch")
def people_drawn_anew(persons, p, k, seed):
    rng = np.random.default_rng(seed)
    able = [who for who in persons.unique().tolist() if int((persons == who).sum()) >= k]
    batches = []
    for _ in range(len(able) // p):
        chosen = rng.choice(able[: max(p, len(able) - 1)], p, replace=False)
        rows = [rng.choice((persons == w).nonzero()[:, 0], k, replace=False) for w in chosen]
        batches.append(np.concatenate(rows))
    return torch.tensor(np.array(batches), dtype=torch.int64).reshape(-1, p * k)


@wrong("pk_batches", "shape .0, p . k.")
def nobody_crashes(persons, p, k, seed):
    return torch.stack(list(pk_batches(persons, p, k, seed)))


# ---- split_by_person


def chosen_people(persons, count, seed):
    people = sorted(set(persons.tolist()))
    return set(np.random.default_rng(seed).permutation(people)[:count].tolist())


def marked(persons, chosen):
    return torch.tensor([who in chosen for who in persons.tolist()], dtype=torch.bool)


@solved
def split_by_person(persons, share, seed):
    count = round(share * len(set(persons.tolist())))
    return marked(persons, chosen_people(persons, count, seed))


@wrong("split_by_person", "on both sides")
def by_image(persons, share, seed):
    count = round(share * len(persons))
    test = torch.zeros(len(persons), dtype=torch.bool)
    test[torch.randperm(len(persons), generator=torch.Generator().manual_seed(seed))[:count]] = True
    return test


@wrong("split_by_person", "made from the seed")
def always_the_first_people(persons, share, seed):
    people = persons.unique()
    return torch.isin(persons, people[: round(share * len(people))])


@wrong("split_by_person", "gives the same split")
def another_split_each_time(persons, share, seed):
    return split_by_person(persons, share, int(np.random.default_rng().integers(10_000)))


@wrong("split_by_person", "not the training set|not the")
def training_set_marked(persons, share, seed):
    return ~split_by_person(persons, share, seed)


@wrong("split_by_person", "counts people, not images")
def share_of_images(persons, share, seed):
    people, test = sorted(set(persons.tolist()), key=lambda w: -int((persons == w).sum())), set()
    rng = np.random.default_rng(seed)
    even = len({int((persons == w).sum()) for w in people}) == 1
    people = rng.permutation(people).tolist() if even else people
    for who in people:
        if int(marked(persons, test).sum()) >= share * len(persons):
            break
        test.add(who)
    return marked(persons, test)


@wrong("split_by_person", "0.3 of 10 people are 3")
def one_too_few(persons, share, seed):
    count = max(round(share * len(persons.unique())) - 1, 0)
    return marked(persons, chosen_people(persons, count, seed))


@wrong("split_by_person", "one bool an image")
def indices(persons, share, seed):
    return split_by_person(persons, share, seed).nonzero()[:, 0]


@wrong("split_by_person", "one bool an image")
def list_of_people(persons, share, seed):
    return torch.tensor(sorted(chosen_people(persons, 3, seed)))


# ---- the tests


def test_lab_01_has_these_exercises():
    assert sorted(one.name for one in exercises("01_synthetic_humans")) == sorted(NAMES)


class TestExercises(harness.EveryExercise):
    names, answers = NAMES, ANSWERS
    space = {"torch": torch, "MIRROR_5": MIRROR_5, "MIRROR_68": MIRROR_68}
    changed = [
        ("box_from_landmarks", 0),
        ("umeyama", 0),
        ("flip_scene", 1),
        ("flip_scene", 2),
        ("crop_scene", 1),
        ("crop_scene", 2),
        ("pk_batches", 0),
        ("split_by_person", 0),
    ]
    gaps = {
        "box_from_landmarks": "torch.inf",
        "umeyama": "torch.det(u) * torch.det(vt)",
        "flip_scene": "partner",
        "crop_scene": "whole",
        "pk_batches": "len(rows) // p * p",
        "split_by_person": "persons, chosen",
    }
