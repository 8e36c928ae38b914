"""Lab 02's checks: right answers pass, each classic mistake is met with the hint that fits it."""

import torch
import torch.nn.functional as F

from facelab.course.answers import cascaded_landmarks as answers
from facelab.course.checking import exercises
from tests.mutants import harness

NAMES = (
    "nme",
    "rectified_pool",
    "local_conv",
    "from_crop",
    "windows_around",
    "fuse_level1",
    "nudge",
    "training_pair",
)
ANSWERS = harness.Answers()
solved, wrong = ANSWERS.solved, ANSWERS.wrong


# ---- nme


def nme_with(*, length=None, mean=None, box=None, eyes=None, result=None, known=None):
    """Return the error of each face, one by one, with some parts replaced."""
    length = length or (lambda d: (d[:, 0] ** 2 + d[:, 1] ** 2) ** 0.5)
    mean = mean or (lambda distances: distances.mean() if len(distances) else torch.nan)
    box = box or (lambda b: b[2] - b[0])
    eyes = eyes or (lambda t, p: ((t[1] - t[0]) ** 2).sum() ** 0.5)
    result = result or (lambda error, size: error / size)
    known = known or (lambda t: ~t.isnan().any(dim=1))

    def answer(predicted, truth, boxes=None):
        errors = []
        for k, (p, t) in enumerate(zip(predicted, truth, strict=True)):
            size = eyes(t, p) if boxes is None else box(boxes[k])
            errors.append(float(result(mean(length((p - t)[known(t)])), size)))
        return torch.tensor(errors)

    return answer


@solved
def nme(predicted, truth, boxes=None):
    return nme_with()(predicted, truth, boxes)


for words, name, parts in (
    (r"not \|dx\|", "city_blocks", {"length": lambda d: d.abs().sum(dim=1)}),
    ("mean of their squares", "no_root", {"length": lambda d: (d**2).sum(dim=1)}),
    ("mean of their squares", "sum", {"mean": lambda e: e.sum()}),
    ("not the root of the mean", "root_mean_square", {"mean": lambda e: (e**2).mean() ** 0.5}),
    ("mean is over points", "mean_of_coordinates", {"length": lambda d: d.abs()}),
    ("one length of all", "one_norm", {"length": lambda d: d.norm()[None]}),
    ("width of the box: pixels", "pixels", {"result": lambda error, size: error}),
    (r"without a \+ 1", "inclusive_width", {"box": lambda b: b[2] - b[0] + 1}),
    ("not the height", "height", {"box": lambda b: b[3] - b[1]}),
    ("not the diagonal", "diagonal", {"box": lambda b: (b[2:] - b[:2]).norm()}),
    ("no root of width", "area", {"box": lambda b: (b[2:] - b[:2]).prod() ** 0.5}),
    ("x2 alone is a place", "xywh", {"box": lambda b: b[2]}),
    ("not 6 percent", "percent", {"result": lambda error, size: 100 * error / size}),
    (
        "comes from the truth",
        "predicted_eyes",
        {"eyes": lambda t, p: (p[1] - p[0]).norm()},
    ),
    ("eyes are tilted", "eyes_in_x_only", {"eyes": lambda t, p: t[1, 0] - t[0, 0]}),
    ("points 0 and 1", "mouth_corners", {"eyes": lambda t, p: (t[4] - t[3]).norm()}),
    ("not 24 . 7", "eyes_by_blocks", {"eyes": lambda t, p: (t[1] - t[0]).abs().sum()}),
    ("no part", "nan_spreads", {"known": lambda t: torch.ones(len(t), dtype=torch.bool)}),
    ("known points, 4", "divided_by_all", {"mean": lambda e: e.sum() / 5 if len(e) else torch.nan}),
    ("perfect face", "zero_without_truth", {"mean": lambda e: e.mean() if len(e) else 0.0}),
):
    wrong("nme", words, name)(nme_with(**parts))


@wrong("nme", "by the eyes")
def eyes_always(predicted, truth, boxes=None):
    return nme(predicted, truth)


@wrong("nme", "one number a face")
def one_number_for_all(predicted, truth, boxes=None):
    return nme(predicted, truth, boxes).mean()


@wrong("nme", "its own size")
def one_size_for_all(predicted, truth, boxes=None):
    if boxes is not None and len(boxes):
        boxes = boxes.mean(dim=0).expand(len(boxes), 4)
    return nme(predicted, truth, boxes)


@wrong("nme", "its own size")
def size_of_the_first(predicted, truth, boxes=None):
    return nme(predicted, truth, None if boxes is None else boxes[:1].expand(len(boxes), 4))


@wrong("nme", "any number of points")
def five_points_only(predicted, truth, boxes=None):
    return nme(predicted[:, :5], truth[:, :5], boxes)


# ---- rectified_pool


def pool_with(*, rectify=None, pool=None, last=None):
    """Return the layer with some of its steps replaced."""
    rectify = rectify or (lambda x: torch.tanh(x).abs())
    pool = pool or (lambda x: F.max_pool2d(x, 2))
    last = last or (lambda x, gain, bias: torch.tanh(gain * x + bias))

    def answer(maps, gain, bias):
        return last(pool(rectify(maps)), gain, bias)

    return answer


@solved
def rectified_pool(maps, gain, bias):
    cells = maps.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)  # (B, n, H/2, W/2, 4)
    return torch.tanh(gain * torch.tanh(cells.abs()).amax(dim=4) + bias)


def mean_of_four(maps):
    return F.avg_pool2d(maps, 2)


def largest_is_negative(maps):
    return -F.max_pool2d(-torch.tanh(maps), 2)


for words, name, parts in (
    ("ReLU", "relu", {"rectify": lambda x: torch.tanh(x.relu())}),
    (r"\|tanh\| before", "no_absolute_value", {"rectify": torch.tanh}),
    ("two tanh", "no_first_tanh", {"rectify": torch.abs}),
    ("not their mean", "mean_pooling", {"pool": mean_of_four}),
    ("two tanh", "no_last_step", {"last": lambda x, gain, bias: x}),
    ("were not used", "no_gain", {"last": lambda x, gain, bias: torch.tanh(x)}),
    (r"gain \* max first", "bias_first", {"last": lambda x, g, b: torch.tanh(g * (x + b))}),
    ("inside the last tanh", "gain_last", {"last": lambda x, g, b: g * torch.tanh(x) + b}),
    ("two tanh", "no_last_tanh", {"last": lambda x, g, b: g * x + b}),
    ("halves both sides", "stride_one", {"pool": lambda x: F.max_pool2d(x, 2, stride=1)}),
    ("halves both sides", "no_pooling", {"pool": lambda x: x}),
    ("ReLU", "relu_of_tanh", {"rectify": lambda x: torch.tanh(x).relu()}),
):
    wrong("rectified_pool", words, name)(pool_with(**parts))


@wrong("rectified_pool", r"\|tanh\| before")
def pooled_before_the_absolute_value(maps, gain, bias):
    return torch.tanh(gain * F.max_pool2d(torch.tanh(maps), 2).abs() + bias)


@wrong("rectified_pool", "not before")
def gain_before_the_pooling(maps, gain, bias):
    return torch.tanh(
        F.max_pool2d(torch.tanh(gain[..., :1, :1] * maps + bias[..., :1, :1]).abs(), 2)
    )


@wrong("rectified_pool", "negative gain")
def maximum_after_the_gain(maps, gain, bias):
    gain, bias = (x.repeat_interleave(2, 1).repeat_interleave(2, 2) for x in (gain, bias))
    if gain.shape[1] == 2:
        gain, bias = gain[:, :1, :1], bias[:, :1, :1]
    return torch.tanh(F.max_pool2d(gain * torch.tanh(maps).abs() + bias, 2))


@wrong("rectified_pool", "map k has gain k")
def gain_of_the_first_map(maps, gain, bias):
    return rectified_pool(maps, gain[:1], bias[:1])


@wrong("rectified_pool", "cell by cell")
def one_gain_for_all_cells(maps, gain, bias):
    return rectified_pool(maps, gain[:, :1, :1], bias[:, :1, :1])


@wrong("rectified_pool", "no loop")
def face_by_face(maps, gain, bias):
    return torch.stack([rectified_pool(one[None], gain, bias)[0] for one in maps])


# ---- local_conv


def conv_with(*, bank=None, bias_of=None, start=None, after=None):
    """Return every output cell by itself, with some parts replaced."""
    bank = bank or (lambda weight, u, v: weight[u, v])
    bias_of = bias_of or (lambda bias, u, v: bias[u, v])
    after = after or (lambda cell: cell)
    start = start or (lambda r, c, height, width: (r // height, c // width))

    def answer(x, weight, bias):
        p, q, num, _, s, _ = weight.shape
        rows, cols = x.shape[2] - s + 1, x.shape[3] - s + 1
        out = torch.zeros(len(x), num, rows, cols)
        for r in range(rows):
            for c in range(cols):
                u, v = start(r, c, rows // p, cols // q)
                seen = x[:, None, :, r : r + s, c : c + s]  # (B, 1, c, s, s)
                cell = (seen * bank(weight, u % p, v % q)).sum(dim=(2, 3, 4))
                out[:, :, r, c] = after(cell + bias_of(bias, u % p, v % q))
        return out

    return answer


@solved
def local_conv(x, weight, bias):
    return conv_with()(x, weight, bias)


for words, name, parts in (
    ("bias is missing", "no_bias", {"bias_of": lambda bias, u, v: 0.0}),
    ("no flip", "true_convolution", {"bank": lambda weight, u, v: weight[u, v].flip(2, 3)}),
    ("sum alone", "tanh_already", {"after": torch.tanh}),
    ("sum alone", "rectified_already", {"after": lambda cell: torch.tanh(cell).abs()}),
    ("kernels of its own", "one_bank", {"bank": lambda weight, u, v: weight[0, 0]}),
    ("bias of its own", "one_bias", {"bias_of": lambda bias, u, v: bias[0, 0]}),
    ("one piece", "every_pth_row", {"start": lambda r, c, height, width: (r, c)}),
    (
        "top left",
        "upside_down",
        {"bank": lambda weight, u, v: weight.flip(0)[u, v]},
    ),
    (
        "downwards",
        "rows_and_columns_swapped",
        {"bank": lambda w, u, v: w.transpose(0, 1).reshape(w.shape)[u, v]},
    ),
):
    wrong("local_conv", words, name)(conv_with(**parts))


@wrong("local_conv", "overlaps by s - 1")
def padded_with_zeros_at_every_seam(x, weight, bias):
    p, q, *_, s, _ = weight.shape
    height, width = (x.shape[2] - s + 1) // p, (x.shape[3] - s + 1) // q
    rows = []
    for u in range(p):
        parts = []
        for v in range(q):
            last = u == p - 1, v == q - 1
            bottom = x.shape[2] if last[0] else (u + 1) * height
            right = x.shape[3] if last[1] else (v + 1) * width
            part = x[:, :, u * height : bottom, v * width : right]
            part = F.pad(part, (0, 0 if last[1] else s - 1, 0, 0 if last[0] else s - 1))
            parts.append(F.conv2d(part, weight[u, v], bias[u, v]))
        rows.append(torch.cat(parts, dim=3))
    return torch.cat(rows, dim=2)


@wrong("local_conv", "overlaps by s - 1")
def input_cut_into_tiles(x, weight, bias):
    if len(weight) * weight.shape[1] == 1:
        return local_conv(x, weight, bias)
    rows = []
    for u, row in enumerate(x.chunk(len(weight), dim=2)):
        cells = row.chunk(weight.shape[1], dim=3)
        parts = [F.conv2d(cell, weight[u, v], bias[u, v]) for v, cell in enumerate(cells)]
        rows.append(torch.cat(parts, dim=3))
    return torch.cat(rows, dim=2)


@wrong("local_conv", "ordinary convolution without padding")
def same_size(x, weight, bias):
    s = weight.shape[-1]
    return local_conv(F.pad(x, (0, s - 1, 0, s - 1)), weight, bias)


@wrong("local_conv", "divide the OUTPUT")
def regions_of_the_input(x, weight, bias):
    def start(r, c, height, width):
        return r // (x.shape[2] // len(weight)), c // (x.shape[3] // weight.shape[1])

    return conv_with(start=start)(x, weight, bias)


# ---- from_crop


def frame_with(*, share=None, crop=None, clamp=False):
    """Return points of a crop in square units, one by one, with some parts replaced."""
    share = share or (lambda value: (value + 1) / 2)
    order = crop or (lambda left, right, top, bottom: (left, right, top, bottom))

    def answer(outputs, crop):
        left, right, top, bottom = order(*crop)
        points = [
            [left + share(x) * (right - left), top + share(y) * (bottom - top)]
            for x, y in outputs.reshape(-1, 2).tolist()
        ]
        result = torch.tensor(points).reshape(outputs.shape)
        return result.clamp(0, 1) if clamp else result

    return answer


@solved
def from_crop(outputs, crop):
    return frame_with()(outputs, crop)


for words, name, parts in (
    ("from -1 to 1, square units", "zero_to_one", {"share": lambda x: x}),
    ("add 1 first", "halved_only", {"share": lambda x: x / 2}),
    ("halve the sum", "shifted_only", {"share": lambda x: x + 1}),
    ("halve them", "half_added", {"share": lambda x: x + 0.5}),
    ("-1 is the left edge", "centre_subtracted", {"share": lambda x: x / 2 - 0.5}),
    ("larger than the square", "no_margin", {"crop": lambda *crop: (0.0, 1.0, 0.0, 1.0)}),
    (
        "larger than the square",
        "margin_on_one_side",
        {"crop": lambda left, right, top, bottom: (left, left + 1.0, top, top + 1.0)},
    ),
    (
        "as in the paper",
        "xyxy",
        {"crop": lambda left, right, top, bottom: (left, top, right, bottom)},
    ),
    (
        "its own height",
        "square_band",
        {"crop": lambda left, right, top, bottom: (left, right, top, top + right - left)},
    ),
    (
        "add its top",
        "band_from_zero",
        {
            "crop": lambda left, right, top, bottom: (
                (left, right, top, bottom) if top < 0 else (left, right, 0.0, bottom - top)
            )
        },
    ),
    (
        "were not used",
        "columns_for_rows",
        {"crop": lambda left, right, top, bottom: (left, right, left, right)},
    ),
    (
        "x goes with left",
        "axes_swapped",
        {"crop": lambda left, right, top, bottom: (top, bottom, left, right)},
    ),
    ("no clamp", "clamped", {}),
):
    wrong("from_crop", words, name)(
        frame_with(share=lambda x: min(max((x + 1) / 2, 0.0), 1.0))
        if name == "clamped"
        else frame_with(**parts)
    )


@wrong("from_crop", "y runs downwards")
def y_upwards(outputs, crop):
    left, right, top, bottom = crop
    if (top, bottom) == (left, right):  # the same for a square crop: seen in a band only
        return from_crop(outputs, crop)
    return from_crop(outputs, (left, right, bottom, top))


@wrong("from_crop", "for each point")
def flat(outputs, crop):
    return from_crop(outputs, crop).flatten(1)


# ---- windows_around


def window_with(make=None):
    """Return the windows, one by one; make: (x, y, x1, y1, side, half) -> four numbers."""

    def right(x, y, x1, y1, side, half):
        return x - half, y - half, x + half, y + half

    make = make or right

    def answer(points, squares, half):
        rows = []
        for face, (x1, y1, x2, _) in zip(points.tolist(), squares.tolist(), strict=True):
            side = x2 - x1
            for x, y in face:
                rows.append(make(x1 + x * side, y1 + y * side, x1, y1, side, half * side))
        return torch.tensor(rows).reshape(*points.shape[:2], 4)

    return answer


@solved
def windows_around(points, squares, half):
    return window_with()(points, squares, half)


for words, name, make in (
    (r"2 \* half wide", "half_is_the_side", lambda x, y, *r: around(x, y, r[3] / 2)),
    ("0.32 in all", "twice_as_wide", lambda x, y, *r: around(x, y, 2 * r[3])),
    ("square's corner", "no_corner", lambda x, y, x1, y1, s, h: around(x - x1, y - y1, h)),
    ("x before y", "yxyx", lambda x, y, *r: around(y, x, r[3])),
    ("not a corner and a size", "xywh", lambda x, y, *r: (x - r[3], y - r[3], 2 * r[3], 2 * r[3])),
    ("not a centre and a size", "cxcywh", lambda x, y, *r: (x, y, 2 * r[3], 2 * r[3])),
    (
        "middle of the window",
        "from_the_point_on",
        lambda x, y, *r: (x, y, x + 2 * r[3], y + 2 * r[3]),
    ),
    ("not in pixels", "half_in_pixels", lambda x, y, x1, y1, s, h: around(x, y, h / s)),
    ("no - 1", "inclusive", lambda x, y, *r: (x - r[3], y - r[3], x + r[3] - 1, y + r[3] - 1)),
    ("own y1", "y_from_x1", lambda x, y, x1, y1, s, h: around(x, y - y1, h)),
    (
        "square units",
        "never_left_the_square",
        lambda x, y, x1, y1, s, h: around((x - x1) / s, (y - y1) / s, h / s),
    ),
    ("not clipped", "clipped", lambda x, y, *r: [max(v, 0.0) for v in around(x, y, r[3])]),
    ("no rounding", "rounded", lambda x, y, *r: [float(round(v)) for v in around(x, y, r[3])]),
    ("no rounding", "cut_off", lambda x, y, *r: [float(int(v)) for v in around(x, y, r[3])]),
    (
        "twice the face",
        "windows_of_32_pixels",
        lambda x, y, x1, y1, s, h: around(x, y, h * 100 / s),
    ),
):
    wrong("windows_around", words, name)(window_with(make))


def around(x, y, half):
    return x - half, y - half, x + half, y + half


@wrong("windows_around", "not x2")
def side_is_x2(points, squares, half):
    corner, side = squares[:, None, :2], squares[:, None, 2:]
    return torch.cat([corner + (points - half) * side, corner + (points + half) * side], dim=2)


@wrong("windows_around", "its own square")
def square_of_the_first_face(points, squares, half):
    return windows_around(points, squares[:1].expand(len(points), 4), half)


@wrong("windows_around", "one window")
def flat_windows(points, squares, half):
    return windows_around(points, squares, half).reshape(-1, 4)


# ---- fuse_level1


def votes(weights):
    """Return a fusion that weighs F1, EN1 and NM1 at each of the five points."""
    table = torch.tensor(weights, dtype=torch.float32)  # (5, 3)

    def answer(full, eyes, mouth):
        nothing = torch.zeros(len(full), 2, 2)
        by_net = torch.stack(
            [full, torch.cat([eyes, nothing], dim=1), torch.cat([nothing, mouth], dim=1)], dim=3
        )
        return (by_net * table[:, None]).sum(dim=3)

    return answer


EYE, MOUTH, THIRD = [0.5, 0.5, 0], [0.5, 0, 0.5], [1 / 3] * 3


@solved
def fuse_level1(full, eyes, mouth):
    return votes([EYE, EYE, THIRD, MOUTH, MOUTH])(full, eyes, mouth)


for words, name, weights in (
    ("have a say", "only_f1", [[1, 0, 0]] * 5),
    ("mean of a mean", "nose_half_nm1", [EYE, EYE, [0.25, 0.25, 0.5], MOUTH, MOUTH]),
    ("mean of a mean", "nose_half_en1", [EYE, EYE, [0.25, 0.5, 0.25], MOUTH, MOUTH]),
    ("mean of a mean", "nose_half_f1", [EYE, EYE, [0.5, 0.25, 0.25], MOUTH, MOUTH]),
    ("F1's too", "nose_without_f1", [EYE, EYE, [0, 0.5, 0.5], MOUTH, MOUTH]),
    ("NM1 predicts the nose", "nose_without_nm1", [EYE, EYE, EYE, MOUTH, MOUTH]),
    ("by 2, not by 3", "always_three", [[1 / 3, 1 / 3, 0]] * 2 + [THIRD] + [[1 / 3, 0, 1 / 3]] * 2),
    ("F1's too", "always_two", [EYE, EYE, [0.5] * 3, MOUTH, MOUTH]),
    ("not a sum", "sums", [[1, 1, 0]] * 2 + [[1, 1, 1]] + [[1, 0, 1]] * 2),
    ("a vote for every", "f1_ignored", [[0, 1, 0]] * 2 + [[0, 0.5, 0.5]] + [[0, 0, 1]] * 2),
    ("do not replace", "replaced", [[0, 1, 0]] * 3 + [[0, 0, 1]] * 2),
):
    wrong("fuse_level1", words, name)(votes(weights))


@wrong("fuse_level1", "N, LM, RM")
def mouth_first(full, eyes, mouth):
    return fuse_level1(full, eyes, mouth[:, [1, 2, 0]])


@wrong("fuse_level1", "N, LM, RM")
def mouth_reversed(full, eyes, mouth):
    return fuse_level1(full, eyes, mouth[:, [1, 0, 2]])


@wrong("fuse_level1", "eleven predictions")
def all_eleven(full, eyes, mouth):
    return torch.cat([full, eyes, mouth], dim=1)


@wrong("fuse_level1", "x stays x")
def axes_swapped(full, eyes, mouth):
    return fuse_level1(full, eyes, mouth).flip(2)


@wrong("fuse_level1", "in place|clone")
def changes_the_input(full, eyes, mouth):
    full[:, :3] += eyes
    full[:, 2:] += mouth
    return full / torch.tensor([2.0, 2, 3, 2, 2])[:, None]


# ---- nudge


@solved
def nudge(points, outputs, reach):
    moved = [points + reach * outputs[:, :, k] for k in range(outputs.shape[2])]
    return torch.stack(moved).mean(dim=0)


for words, name, function in (
    ("not their sum", "sum", lambda p, o, r: p + r * o.sum(dim=2)),
    ("plus", "minus", lambda p, o, r: p - r * o.mean(dim=2)),
    ("moves by reach", "whole_square", lambda p, o, r: p + o.mean(dim=2)),
    ("does not replace", "replaced", lambda p, o, r: r * o.mean(dim=2)),
    ("does not replace", "absolute_position", lambda p, o, r: o.mean(dim=2)),
    ("not averaged", "averaged_in", lambda p, o, r: (p + o.mean(dim=2)) / 2),
    ("over the networks", "mean_over_xy", lambda p, o, r: p + r * o.mean(dim=3)[..., :2]),
    ("second network", "first_only", lambda p, o, r: p + r * o[:, :, 0]),
    ("first network", "last_only", lambda p, o, r: p + r * o[:, :, -1]),
    ("three here", "two_assumed", lambda p, o, r: p + r * (o[:, :, 0] + o[:, :, 1]) / 2),
    ("moved point for each", "not_fused", lambda p, o, r: p[:, :, None] + r * o),
):
    wrong("nudge", words, name)(function)


# ---- training_pair


def pair_with(*, shift=None, target=None):
    """Return windows and targets with one of the rules replaced."""
    shift = shift or (lambda noise, half, reach: reach * noise)
    target = target or (lambda noise, points, half, reach: -1.0 * noise)

    def answer(points, squares, noise, half, reach):
        centre = points + shift(noise, half, reach)
        return windows_around(centre, squares, half), target(noise, points, half, reach)

    return answer


@solved
def training_pair(points, squares, noise, half, reach):
    return pair_with()(points, squares, noise, half, reach)


for words, name, parts in (
    ("on the true point", "no_shift", {"shift": lambda n, h, r: 0 * n}),
    ("moves with the noise", "shift_back", {"shift": lambda n, h, r: -r * n}),
    ("in units of reach", "whole_square", {"shift": lambda n, h, r: n}),
    ("reach, not half", "shift_by_half", {"shift": lambda n, h, r: h * n}),
    ("x and y", "one_shift", {"shift": lambda n, h, r: r * n[..., :1].expand(n.shape)}),
    ("minus$|to the left", "sign", {"target": lambda n, p, h, r: n}),
    ("divide by reach", "square_units", {"target": lambda n, p, h, r: -r * n}),
    ("minus, and in units", "square_units_sign", {"target": lambda n, p, h, r: r * n}),
    ("what the network sees", "units_of_half", {"target": lambda n, p, h, r: -n * r / h}),
    ("what it sees", "units_of_window", {"target": lambda n, p, h, r: -n * r / (2 * h)}),
    ("not of half", "units_of_half_sign", {"target": lambda n, p, h, r: n * r / h}),
    ("do not replace", "absolute", {"target": lambda n, p, h, r: p.clone()}),
    ("not a place", "absolute_coded", {"target": lambda n, p, h, r: 2 * p - 1}),
):
    wrong("training_pair", words, name)(pair_with(**parts))


@wrong("training_pair", "not in pixels")
def shift_in_pixels(points, squares, noise, half, reach):
    side = (squares[:, 2:] - squares[:, :2])[:, None]
    return windows_around(points + noise / side, squares, half), -noise


@wrong("training_pair", "not in pixels")
def targets_in_pixels(points, squares, noise, half, reach):
    side = (squares[:, 2:] - squares[:, :2])[:, None]
    windows = training_pair(points, squares, noise, half, reach)[0]
    return windows, -reach * noise * side


@wrong("training_pair", "return windows, targets")
def windows_only(points, squares, noise, half, reach):
    return training_pair(points, squares, noise, half, reach)[0]


@wrong("training_pair", "first result")
def changed_order(points, squares, noise, half, reach):
    return training_pair(points, squares, noise, half, reach)[::-1]


# ---- the tests


def test_lab_02_has_these_exercises():
    assert sorted(one.name for one in exercises("02_cascaded_landmarks")) == sorted(NAMES)


class TestExercises(harness.EveryExercise):
    names, answers = NAMES, ANSWERS
    space = {"torch": torch, "F": F, "windows_around": windows_around}
    changed = [
        ("nme", 0),
        ("rectified_pool", 0),
        ("local_conv", 0),
        ("from_crop", 0),
        ("windows_around", 0),
        ("fuse_level1", 0),
        ("nudge", 0),
        ("training_pair", 2),
    ]
    gaps = {
        "nme": "nanmean",
        "rectified_pool": "gain * pooled + bias",
        "local_conv": "top : top + height + s - 1, left : left + width + s - 1",
        "from_crop": "right - left, bottom - top",
        "windows_around": "corner + (points + half) * side",
        "fuse_level1": "2:",
        "nudge": "2",
        "training_pair": "(points - centre)",
    }


def test_a_seam_in_the_locally_shared_convolution_would_show():
    """The tied kernels of a region-wise convolution give what one convolution gives."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, 18, 18, generator=generator)
    weight = torch.randn(1, 1, 4, 3, 3, 3, generator=generator)
    bias = torch.randn(1, 1, 4, generator=generator)
    tied = answers.local_conv(x, weight.repeat(2, 4, 1, 1, 1, 1), bias.repeat(2, 4, 1))
    torch.testing.assert_close(tied, F.conv2d(x, weight[0, 0], bias[0, 0]))
