"""Lab 03's checks: right answers pass, each classic mistake is met with the hint that fits it."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from facelab.course.checking import exercises
from facelab.course.quizzing import load_quiz
from facelab.geometry.boxes import box_iou
from tests.mutants import harness

NAMES = (
    "map_side",
    "build_pnet",
    "generate_boxes",
    "nms",
    "calibrate",
    "square_crop",
    "ohem",
    "multitask_loss",
)
ANSWERS = harness.Answers()
solved, wrong = ANSWERS.solved, ANSWERS.wrong


# ---- map_side


@solved
def map_side(side):
    return len(range(0, side - 2, 2)) - 4


@wrong("map_side", "ceil mode")
def floor_pooling(side):
    return (side - 2) // 2 - 4


@wrong("map_side", "two more pixels")
def stride_one(side):
    return side - 11


@wrong("map_side", "conv1 takes 2")
def conv1_forgotten(side):
    return math.ceil(side / 2) - 4


@wrong("map_side", "conv1 takes 2")
def padded(side):
    return math.ceil(side / 2)


@wrong("map_side", "whole number")
def a_float(side):
    return np.ceil((side - 2) / 2) - 4


# ---- build_pnet


class Net(nn.Module):
    """P-Net with a switch for each mistake."""

    def __init__(self, **mistakes):
        super().__init__()
        get = mistakes.get
        bias, padding, slopes = get("bias", True), get("padding", 0), get("slopes", True)

        def layer(c_in, c_out):
            conv = nn.Conv2d(c_in, c_out, get("kernel", 3), padding=padding, bias=bias)
            if get("relu"):
                return conv, nn.ReLU()
            return conv, nn.PReLU(c_out if slopes else 1)

        first = layer(3, 10)
        pool = nn.MaxPool2d(get("window", 2), stride=2, ceil_mode=get("ceil", True))
        start = (*first, pool) if get("pool_last", True) else (first[0], pool, first[1])
        self.trunk = nn.Sequential(*start, *layer(10, 16), *layer(16, 32))
        heads = [nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)]
        if get("box_first"):
            heads.reverse()
        if get("landmarks"):
            heads.append(nn.Conv2d(32, 10, 1))
        self.heads = nn.ModuleList(heads)
        self.scale = get("scale", lambda image: image.mul(255).sub(127.5).div(128))
        self.last = get("last", lambda logits, deltas: (logits, deltas))

    def forward(self, image):
        x = self.trunk(self.scale(image))
        return self.last(*(head(x) for head in self.heads[:2]))


@solved
def build_pnet():
    return Net()


def net(words, name, **mistakes):
    def build():
        return Net(**mistakes)

    build.__name__ = name
    wrong("build_pnet", words)(build)


net("ceil_mode", "floor_pooling", ceil=False)
net("58 parameters are missing", "relu", relu=True)
net("one slope per channel", "one_slope", slopes=False)
net("no padding", "padding", padding=1)
net("58 parameters are missing", "no_bias", bias=False)
net("330 too many", "landmark_head", landmarks=True)
net("keep the order", "box_head_first", box_first=True)
net("compare this layer", "five_by_five", kernel=5)
net("trained on", "not_normalised", scale=lambda image: image)
net("trained on", "normalised_as_bytes", scale=lambda image: (image - 127.5) / 128)
net("no softmax", "softmax_inside", last=lambda logits, deltas: (logits.softmax(1), deltas))
net("no softmax", "sigmoid_inside", last=lambda logits, deltas: (logits.sigmoid(), deltas))
net("before the pool", "pool_before_prelu", pool_last=False)
net("2x2 windows", "pool_of_rnet", window=3)
net("logits, then deltas", "outputs_swapped", last=lambda logits, deltas: (deltas, logits))
net("no dict", "a_dict", last=lambda logits, deltas: {"logits": logits, "deltas": deltas})
net("box head sees", "tanh_on_offsets", last=lambda logits, deltas: (logits, deltas.tanh()))
net("give back a tensor", "numpy", last=lambda logits, deltas: (logits.numpy(), "deltas"))
net("", "image_changed", scale=lambda image: image.mul_(255).sub_(127.5).div_(128))


@wrong("build_pnet", "derived from nn.Module")
def no_net():
    return Net().forward(torch.zeros(1, 3, 12, 12))


# ---- generate_boxes


@solved
def generate_boxes(score_map, scale, threshold):
    found = [
        (2 * c / scale, 2 * r / scale, (2 * c + 12) / scale, (2 * r + 12) / scale, value)
        for r, row in enumerate(score_map.tolist())
        for c, value in enumerate(row)
        if value >= threshold
    ]
    table = torch.tensor(found).reshape(-1, 5)
    return table[:, :4], table[:, 4]


def boxes_with(at=torch.ge, order=lambda r, c: (c, r), stride=2, end=12, start=0, by=1.0):
    def answer(score_map, scale, threshold):
        rows, cols = at(score_map, threshold).nonzero(as_tuple=True)
        corner = stride * torch.stack(order(rows, cols), dim=1)
        factor = scale if by else 1.0
        boxes = torch.cat([corner + start, corner + end], dim=1) / factor**by
        return boxes, score_map[rows, cols]

    return answer


for words, name, mistakes in (
    ("swapped", "rows_are_x", {"order": lambda r, c: (r, c)}),
    ("divide by scale", "scale_forgotten", {"by": 0}),
    ("do not multiply", "scale_multiplied", {"by": -1}),
    (">= keeps it", "strictly_greater", {"at": torch.gt}),
    ("2 pixels apart", "stride_one", {"stride": 1}),
    ("exclusive", "inclusive_end", {"end": 11}),
    ("counting from one", "one_based", {"start": 1}),
):
    function = boxes_with(**mistakes)
    function.__name__ = name
    wrong("generate_boxes", words)(function)


@wrong("generate_boxes", "row by row")
def column_by_column(score_map, scale, threshold):
    boxes, scores = boxes_with(order=lambda r, c: (r, c))(score_map.T, scale, threshold)
    return boxes, scores


@wrong("generate_boxes", "row by row")
def best_first(score_map, scale, threshold):
    boxes, scores = generate_boxes(score_map, scale, threshold)
    order = scores.argsort(descending=True)
    return boxes[order], scores[order]


@wrong("generate_boxes", "its own cell")
def scores_of_other_cells(score_map, scale, threshold):
    boxes, scores = generate_boxes(score_map, scale, threshold)
    return boxes, scores.sort().values


@wrong("generate_boxes", "return boxes, scores")
def boxes_only(score_map, scale, threshold):
    return generate_boxes(score_map, scale, threshold)[0]


@wrong("generate_boxes", "index, do not loop")
def empty_forgotten(score_map, scale, threshold):
    boxes, scores = generate_boxes(score_map, scale, threshold)
    return torch.stack(list(boxes)), torch.stack(list(scores))


@wrong("generate_boxes", r"boxes are \(N, 4\)")
def whole_numbers(score_map, scale, threshold):
    boxes, scores = generate_boxes(score_map, scale, threshold)
    return boxes.long(), scores


# ---- nms


def iou(a, b, one=0.0):
    width = min(a[2], b[2]) - max(a[0], b[0]) + one
    height = min(a[3], b[3]) - max(a[1], b[1]) + one
    inter = max(width, 0.0) * max(height, 0.0)
    areas = [(x[2] - x[0] + one) * (x[3] - x[1] + one) for x in (a, b)]
    return inter / (areas[0] + areas[1] - inter)


def visit(boxes, scores, threshold, *, ranks=None, voters="kept", one=0.0, hit=float.__gt__):
    rows, values = boxes.tolist(), scores.tolist()
    ranks = ranks or sorted(range(len(rows)), key=lambda k: -values[k])
    kept, seen = [], []
    for k in ranks:
        others = kept if voters == "kept" else seen
        if not any(hit(iou(rows[k], rows[j], one), float(threshold)) for j in others):
            kept.append(k)
        seen.append(k)
    return torch.tensor(kept, dtype=torch.int64)


@solved
def nms(boxes, scores, threshold=0.5):
    return visit(boxes, scores, threshold)


@wrong("nms", "already been dropped")
def dead_boxes_vote(boxes, scores, threshold=0.5):
    return visit(boxes, scores, threshold, voters="seen")


@wrong("nms", "not when equal")
def greater_or_equal(boxes, scores, threshold=0.5):
    return visit(boxes, scores, threshold, hit=float.__ge__)


@wrong("nms", "ties keep the order")
def ties_reversed(boxes, scores, threshold=0.5):
    return visit(boxes, scores, threshold, ranks=scores.argsort(stable=True).flip(0).tolist())


@wrong("nms", "best first")
def in_order_of_input(boxes, scores, threshold=0.5):
    return visit(boxes, scores, threshold).sort().values


@wrong("nms", "falling score")
def never_sorted(boxes, scores, threshold=0.5):
    return visit(boxes, scores, threshold, ranks=list(range(len(boxes))))


@wrong("nms", "place in the sorted list")
def positions_in_the_sorted_list(boxes, scores, threshold=0.5):
    order = scores.argsort(descending=True, stable=True)
    return visit(boxes[order], scores[order], threshold)


@wrong("nms", "highest score")
def worst_first(boxes, scores, threshold=0.5):
    return visit(boxes, -scores, threshold)


@wrong("nms", r"without a \+ 1")
def inclusive_pixels(boxes, scores, threshold=0.5):
    return visit(boxes, scores, threshold, one=1.0)


@wrong("nms", "torch.stack")
def empty_crashes(boxes, scores, threshold=0.5):
    return torch.stack(list(visit(boxes, scores, threshold)))


@wrong("nms", "torch.stack")
def empty_is_float(boxes, scores, threshold=0.5):
    return torch.tensor(visit(boxes, scores, threshold).tolist())


@wrong("nms", "default threshold is 0.5")
def other_default(boxes, scores, threshold=0.7):
    return visit(boxes, scores, threshold)


@wrong("nms", "has to go")
def keeps_all(boxes, scores, threshold=0.5):
    return scores.argsort(descending=True, stable=True)


@wrong("nms", "int64")
def indices_as_floats(boxes, scores, threshold=0.5):
    return visit(boxes, scores, threshold).float()


@wrong("nms", "give back a tensor")
def a_list(boxes, scores, threshold=0.5):
    return visit(boxes, scores, threshold).tolist()


# ---- calibrate


@solved
def calibrate(boxes, deltas):
    x1, y1, x2, y2 = boxes.T
    w, h = x2 - x1, y2 - y1
    a, b, c, d = deltas.T
    return torch.stack([x1 + a * w, y1 + b * h, x2 + c * w, y2 + d * h], dim=1)


@wrong("calibrate", "wrong sign")
def subtracted(boxes, deltas):
    return calibrate(boxes, -deltas)


@wrong("calibrate", "heights of the candidate")
def y_by_width(boxes, deltas):
    return boxes + deltas * (boxes[:, 2:3] - boxes[:, :1])


@wrong("calibrate", "centre and size")
def centre_coding(boxes, deltas):
    size = boxes[:, 2:] - boxes[:, :2]
    middle = (boxes[:, 2:] + boxes[:, :2]) / 2 + deltas[:, :2] * size
    size = size * deltas[:, 2:].exp()
    return torch.cat([middle - size / 2, middle + size / 2], dim=1)


@wrong("calibrate", "multiply by its width")
def in_pixels(boxes, deltas):
    return boxes + deltas


@wrong("calibrate", r"without a \+ 1")
def inclusive_size(boxes, deltas):
    size = boxes[:, 2:] - boxes[:, :2] + 1
    return boxes + deltas * torch.cat([size, size], dim=1)


@wrong("calibrate", "of its own box")
def size_of_the_first_box(boxes, deltas):
    size = (boxes[:, 2:] - boxes[:, :2])[:1]
    return boxes + deltas * torch.cat([size, size], dim=1)


@wrong("calibrate", "one box a row")
def rounded(boxes, deltas):
    return calibrate(boxes, deltas).round().long()


# ---- square_crop


def square(box):
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    side = max(w, h)
    return x1 - (side - w) // 2, y1 - (side - h) // 2, side


def surrounded(image, left, top, right, bottom, mode="constant"):
    room = 60
    wide = F.pad(image[None], (room,) * 4, mode=mode)[0]
    return wide[:, room + top : room + bottom, room + left : room + right]


@solved
def square_crop(image, box):
    left, top, side = square(box)
    return surrounded(image, left, top, left + side, top + side)


@wrong("square_crop", "do not clip")
def clipped(image, box):
    left, top, side = square(box)
    return image[:, max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]


@wrong("square_crop", "do not clip")
def negative_indices(image, box):
    left, top, side = square(box)
    return image[:, top : top + side, left : left + side]


@wrong("square_crop", "longer one")
def shorter_side(image, box):
    x1, y1, x2, y2 = box
    side = min(x2 - x1, y2 - y1)
    left, top = x1 + (x2 - x1 - side) // 2, y1 + (y2 - y1 - side) // 2
    return surrounded(image, left, top, left + side, top + side)


@wrong("square_crop", "longer one")
def not_square(image, box):
    return surrounded(image, *box)


@wrong("square_crop", "rows are y")
def axes_swapped(image, box):
    x1, y1, x2, y2 = box
    return square_crop(image, (y1, x1, y2, x2))


@wrong("square_crop", "nearest pixel repeated")
def replicated(image, box):
    left, top, side = square(box)
    return surrounded(image, left, top, left + side, top + side, mode="replicate")


@wrong("square_crop", "share their centre")
def grows_to_the_bottom_right(image, box):
    _, _, side = square(box)
    return surrounded(image, box[0], box[1], box[0] + side, box[1] + side)


@wrong("square_crop", "share their centre")
def rounded_up(image, box):
    x1, y1, x2, y2 = box
    w, h = x2 - x1, y2 - y1
    side = max(w, h)
    left, top = x1 - (side - w + 1) // 2, y1 - (side - h + 1) // 2
    return surrounded(image, left, top, left + side, top + side)


@wrong("square_crop", "where it lies in the square")
def pasted_in_the_corner(image, box):
    inside, (_, _, side) = clipped(image, box), square(box)
    crop = image.new_zeros(len(image), side, side)
    crop[:, : inside.shape[1], : inside.shape[2]] = inside
    return crop


@wrong("square_crop", "do not clip")
def clipped_before_squared(image, box):
    x1, y1, x2, y2 = box
    height, width = image.shape[1:]
    return square_crop(image, (max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)))


@wrong("square_crop", "rows are y")
def as_bytes(image, box):
    return square_crop(image, box).byte()


# ---- ohem


@solved
def ohem(losses, valid, keep=0.7):
    labelled = [k for k in range(len(losses)) if valid[k]]
    ranked = sorted(labelled, key=lambda k: (-losses[k].item(), k))
    chosen = torch.zeros(len(losses), dtype=torch.bool)
    chosen[ranked[: math.ceil(keep * len(labelled))]] = True
    return chosen


def hardest(losses, candidates, count, *, easiest=False):
    ranked = losses.masked_fill(~candidates, math.inf if easiest else -math.inf)
    order = ranked.argsort(descending=not easiest, stable=True)
    chosen = torch.zeros_like(candidates)
    chosen[order[:count]] = True
    return chosen


@wrong("ohem", "not of the whole batch")
def quota_of_the_batch(losses, valid, keep=0.7):
    return hardest(losses, valid, math.ceil(keep * len(losses))) & valid


@wrong("ohem", "without a label was chosen")
def everybody_may_be_chosen(losses, valid, keep=0.7):
    return hardest(losses, torch.ones_like(valid), math.ceil(keep * int(valid.sum())))


@wrong("ohem", "without a label was chosen")
def quota_and_choice_of_the_batch(losses, valid, keep=0.7):
    return hardest(losses, torch.ones_like(valid), math.ceil(keep * len(losses)))


@wrong("ohem", "easiest")
def easiest(losses, valid, keep=0.7):
    return hardest(losses, valid, math.ceil(keep * int(valid.sum())), easiest=True)


@wrong("ohem", "rounded up")
def rounded_down(losses, valid, keep=0.7):
    return hardest(losses, valid, int(keep * int(valid.sum())))


@wrong("ohem", "rounded up")
def at_least_one(losses, valid, keep=0.7):
    return hardest(losses, valid, max(1, round(keep * int(valid.sum()) - 0.3)))


@wrong("ohem", "ties go to the earlier")
def by_threshold(losses, valid, keep=0.7):
    count = math.ceil(keep * int(valid.sum()))
    if count == 0:
        return torch.zeros_like(valid)
    limit = losses[valid].sort(descending=True).values[count - 1]
    return valid & (losses >= limit)


@wrong("ohem", "ties go to the earlier")
def ties_to_the_later(losses, valid, keep=0.7):
    return ohem(losses.flip(0), valid.flip(0), keep).flip(0)


@wrong("ohem", "the paper keeps 0.7")
def other_default_share(losses, valid, keep=0.5):
    return ohem(losses, valid, keep)


@wrong("ohem", "landmark samples only")
def nobody_crashes(losses, valid, keep=0.7):
    losses[valid].max()
    return ohem(losses, valid, keep)


@wrong("ohem", "one True or False")
def as_numbers(losses, valid, keep=0.7):
    return ohem(losses, valid, keep).long()


@wrong("ohem", "one True or False")
def as_indices(losses, valid, keep=0.7):
    return ohem(losses, valid, keep).nonzero().flatten()


# ---- multitask_loss


@solved
def multitask_loss(
    logits, deltas, landmarks, kind, true_deltas, true_landmarks, weights=(1.0, 0.5, 0.5)
):
    total = 0.0 * (logits.sum() + deltas.sum() + landmarks.sum())
    face = [k for k in range(len(kind)) if kind[k] in (0, 1)]
    box = [k for k in range(len(kind)) if kind[k] in (1, -1)]
    points = [k for k in range(len(kind)) if kind[k] == -2]
    for k in face:
        own = logits[k, kind[k]]
        total = total + weights[0] * (torch.logsumexp(logits[k], dim=0) - own) / len(face)
    for k in box:
        total = total + weights[1] * torch.sum((deltas[k] - true_deltas[k]) ** 2) / len(box)
    for k in points:
        error = torch.sum((landmarks[k] - true_landmarks[k]) ** 2)
        total = total + weights[2] * error / len(points)
    return total


def loss_with(
    *,
    face=lambda kind: (kind == 1) | (kind == 0),
    box=lambda kind: (kind == 1) | (kind == -1),
    label=lambda kind: (kind == 1).long(),
    distance=lambda a, b: (a - b).square().sum(dim=1),
    mean=lambda per_sample, batch: per_sample.sum() / max(len(per_sample), 1),
    weigh=lambda weights: weights,
    last=lambda total: total,
):
    """Return the loss with some of its parts replaced."""

    def answer(
        logits, deltas, landmarks, kind, true_deltas, true_landmarks, weights=(1.0, 0.5, 0.5)
    ):
        batch = max(len(kind), 1)
        weights = weigh(weights)
        entropy = F.cross_entropy(logits, label(kind), reduction="none")[face(kind)]
        chosen, marked = box(kind), kind == -2
        return last(
            weights[0] * mean(entropy, batch)
            + weights[1] * mean(distance(deltas[chosen], true_deltas[chosen]), batch)
            + weights[2] * mean(distance(landmarks[marked], true_landmarks[marked]), batch)
        )

    return answer


for words, name, mistakes in (
    ("not over the whole batch", "mean_over_the_batch", {"mean": lambda x, n: x.sum() / n}),
    ("not a sum", "summed", {"mean": lambda x, n: x.sum()}),
    ("part samples .* have no face label", "part_is_background", {"face": lambda k: k != -2}),
    (
        "part samples .* have no face label",
        "part_is_a_face",
        {"face": lambda k: k != -2, "label": lambda k: (k.abs() == 1).long()},
    ),
    ("part and landmark samples", "all_classify", {"face": lambda k: k == k}),
    ("sum, not mean", "mean_of_coordinates", {"distance": lambda a, b: ((a - b) ** 2).mean(1)}),
    ("no root", "with_root", {"distance": lambda a, b: (a - b).norm(dim=1)}),
    ("no factor 1/2", "halved", {"distance": lambda a, b: (a - b).square().sum(1) / 2}),
    ("part samples teach the box", "box_without_part", {"box": lambda k: k == 1}),
    ("positive samples teach the box", "box_without_positive", {"box": lambda k: k == -1}),
    ("weigh the tasks", "unweighted", {"weigh": lambda w: (1.0, 1.0, 1.0)}),
    ("weights that were given", "fixed_weights", {"weigh": lambda w: (1.0, 0.5, 0.5)}),
    ("the mean of nothing", "mean_of_nobody", {"mean": lambda x, n: x.mean()}),
    ("classes are swapped", "classes_swapped", {"label": lambda k: (k == 0).long()}),
    ("cut the gradient", "as_a_number", {"last": lambda total: total.item()}),
    ("no gradient reaches logits", "detached", {"last": lambda total: total.detach()}),
    ("no gradient", "made_anew", {"last": lambda total: torch.tensor(total.item())}),
    ("one float for the whole batch", "one_per_sample", {"last": lambda total: total[None]}),
    ("one float for the whole batch", "whole_number", {"last": lambda total: total.long()}),
    ("one float", "complex", {"last": lambda total: total.to(torch.complex64)}),
):
    function = loss_with(**mistakes)
    function.__name__ = name
    wrong("multitask_loss", words)(function)


@wrong("multitask_loss", "Choose the rows first")
def multiplied_by_the_mask(
    logits, deltas, landmarks, kind, true_deltas, true_landmarks, weights=(1.0, 0.5, 0.5)
):
    face, box, points = (kind >= 0).float(), (kind.abs() == 1).float(), (kind == -2).float()
    entropy = F.cross_entropy(logits, (kind == 1).long(), reduction="none") * face
    offsets = (deltas - true_deltas).square().sum(dim=1) * box
    errors = (landmarks - true_landmarks).square().sum(dim=1) * points
    terms = ((entropy, face), (offsets, box), (errors, points))
    return sum(w * x.sum() / m.sum() for w, (x, m) in zip(weights, terms, strict=True))


@wrong("multitask_loss", "torch.where")
def nan_only_in_the_gradient(
    logits, deltas, landmarks, kind, true_deltas, true_landmarks, weights=(1.0, 0.5, 0.5)
):
    def term(per_sample, mask):
        return torch.where(mask, per_sample, 0.0).sum() / mask.sum().clamp(min=1)

    entropy = F.cross_entropy(logits, (kind == 1).long(), reduction="none")
    offsets = (deltas - true_deltas).square().sum(dim=1)
    errors = (landmarks - true_landmarks).square().sum(dim=1)
    return (
        weights[0] * term(entropy, kind >= 0)
        + weights[1] * term(offsets, kind.abs() == 1)
        + weights[2] * term(errors, kind == -2)
    )


# ---- the tests


def test_lab_03_has_these_exercises_in_this_order():
    assert sorted(one.name for one in exercises("03_mtcnn")) == sorted(NAMES)


class FrozenNet(Net):
    """Give the first image's answer to every image, stretched to the right size."""

    first = None

    def forward(self, image):
        maps = super().forward(image)
        if FrozenNet.first is None:
            FrozenNet.first = [x[:1, :, :1, :1].clone() for x in maps]
        return tuple(a.expand_as(b) for a, b in zip(FrozenNet.first, maps, strict=True))


class TestExercises(harness.EveryExercise):
    names, answers = NAMES, ANSWERS
    space = {"torch": torch, "math": math, "F": F, "box_iou": box_iou, "square": square}
    given = {"square_crop": "left, top, L = square(box)\n"}
    hint_seeds = [0]
    changed = [
        ("generate_boxes", 0),
        ("nms", 0),
        ("nms", 1),
        ("calibrate", 0),
        ("calibrate", 1),
        ("square_crop", 0),
        ("ohem", 0),
        ("ohem", 1),
        ("multitask_loss", 4),
    ]
    gaps = {
        "map_side": "ceil",
        "generate_boxes": "cols, rows",
        "nms": "best, order",
        "calibrate": "size, size",
        "square_crop": "y1 - top : y2 - top, x1 - left : x2 - left",
        "ohem": "~valid",
        "multitask_loss": "-1",
    }

    def test_a_constant_does_not_pass(self, name, monkeypatch):
        monkeypatch.setattr(FrozenNet, "first", None)
        right = ANSWERS.right[name]
        constant = (lambda: FrozenNet) if name == "build_pnet" else (lambda: harness.Frozen(right))
        harness.constants_fail(name, constant)


def test_a_layer_that_differs_is_named():
    result = harness.check("build_pnet", lambda: Net(slopes=False), 0)
    assert "the slopes of prelu1" in result.failure.problem
    assert (result.failure.expected, result.failure.got) == ("shape (10,)", "shape (1,)")


def test_the_quiz_opens_and_one_question_shows_ten_lines_with_a_bug():
    quiz = load_quiz("03_mtcnn")
    assert 5 <= len(quiz.questions) <= 6
    codes = [question.code for question in quiz.questions if question.code]
    assert [len(code.splitlines()) for code in codes] == [10]
