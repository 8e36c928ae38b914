"""Frames between the levels: what is looked at, what is answered, and the way back to the photo."""

import math

import pytest
import torch
from torch.testing import assert_close

from facelab.landmarks.dcnn_cascade import targets
from facelab.landmarks.dcnn_cascade.model import STRUCTURES
from facelab.landmarks.dcnn_cascade.targets import (
    BANDS,
    LEVELS,
    band_samples,
    band_windows,
    from_answers,
    halves,
    level_samples,
    moves_from_answers,
    point_windows,
    to_answers,
)
from facelab.landmarks.windows import shaken_squares
from tests.landmarks.faces import dot_near, noisy_faces, toy_faces

SQUARE = torch.tensor([[100.0, 200.0, 200.0, 300.0]])  # side 100


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("name", "window", "points", "size"),
    [
        ("F1", (95.0, 195.0, 205.0, 305.0), (0, 1, 2, 3, 4), (39, 39)),
        ("EN1", (95.0, 196.0, 205.0, 284.0), (0, 1, 2), (31, 39)),
        ("NM1", (95.0, 218.0, 205.0, 305.0), (2, 3, 4), (31, 39)),
    ],
)
def test_the_bands_are_those_of_the_papers_table(name, window, points, size):
    band = BANDS[name]
    assert_close(band_windows(SQUARE, band), torch.tensor([window]))
    assert band.points == points
    assert STRUCTURES[band.structure].size == size
    assert STRUCTURES[band.structure].outputs == 2 * len(points)


def test_the_levels_are_those_of_the_papers_table():
    assert LEVELS[2].halves == (0.16, 0.18) and LEVELS[2].reach == 0.05
    assert LEVELS[3].halves == (0.11, 0.12) and LEVELS[3].reach == 0.02
    assert STRUCTURES["S2"].size == targets.WINDOW == (15, 15)
    assert_close(halves(2), torch.tensor([0.16, 0.18] * 5))
    assert_close(halves(3, points=2), torch.tensor([0.11, 0.12, 0.11, 0.12]))


def test_windows_about_points_by_hand():
    points = torch.tensor([[[130.0, 240.0], [150.0, 270.0]]])
    both = point_windows(points, SQUARE, torch.tensor([0.16, 0.12]))
    expected = [[114.0, 224.0, 146.0, 256.0], [138.0, 258.0, 162.0, 282.0]]
    assert_close(both, torch.tensor([expected]))
    assert_close(point_windows(points, SQUARE, 0.16)[:, 0], both[:, 0])


def test_answers_by_hand():
    # The band of F1 goes from 95 to 205 and 195 to 305: its middle answers 0, its edges 0.9.
    window = band_windows(SQUARE, BANDS["F1"])
    points = torch.tensor([[[150.0, 250.0], [95.0, 305.0], [205.0, 195.0], [122.5, 277.5]]])
    answers = torch.tensor([[[0.0, 0.0], [-0.9, 0.9], [0.9, -0.9], [-0.45, 0.45]]])
    assert_close(to_answers(points, window), answers)
    assert_close(from_answers(answers, window), points)


def test_coding_and_decoding_are_inverse_in_any_frame():
    squares = shaken_squares(6, shift=0.2, scale=0.3, generator=rng())
    points = torch.rand(6, 5, 2, generator=rng(1)) * 3 - 1
    for band in BANDS.values():
        windows = band_windows(squares, band)
        assert_close(from_answers(to_answers(points, windows), windows), points)
        assert_close(to_answers(from_answers(points, windows), windows), points)


def test_moves_by_hand_and_their_clamp():
    answers = torch.tensor([[[0.9, -0.9], [0.45, 0.0], [1.0, -0.95]]])
    at_most = 100 * torch.tensor([[[0.05, -0.05], [0.025, 0.0], [0.05 / 0.9, -0.05 * 0.95 / 0.9]]])
    assert_close(moves_from_answers(answers, SQUARE, 2), at_most)
    assert_close(moves_from_answers(answers, SQUARE, 3), at_most * 0.4)
    clamped = moves_from_answers(answers, SQUARE, 2, clamp=True)
    assert_close(clamped, torch.tensor([[[5.0, -5.0], [2.5, 0.0], [5.0, -5.0]]]))


@pytest.mark.parametrize("name", BANDS)
def test_answers_of_level_1_lead_back_to_the_points_also_from_squares_that_miss(name):
    patches, band = toy_faces(6), BANDS[name]
    squares = shaken_squares(6, shift=0.05, scale=0.05, generator=rng(2))
    size = STRUCTURES[band.structure].size
    crops, answers = band_samples(patches, squares, band, size)
    assert crops.shape == (6, 1, *size)
    assert answers.abs().max() < 0.9, "all points lie in the band"
    back = from_answers(answers, band_windows(squares, band))
    assert_close(back, patches.points[:, band.points])


@pytest.mark.parametrize("name", BANDS)
def test_crops_of_level_1_show_the_dots_where_the_answers_say(name):
    patches, band = toy_faces(6, side=112), BANDS[name]
    squares = shaken_squares(6, shift=0.05, scale=0.05, generator=rng(2))
    rows, columns = STRUCTURES[band.structure].size
    crops, answers = band_samples(patches, squares, band, (2 * rows, 2 * columns))
    places = (answers / 0.9 + 1) / 2 * torch.tensor([2.0 * columns, 2.0 * rows])
    for image, points in zip(255 * crops[:, 0].numpy(), places, strict=True):
        for place in points:
            assert_close(
                torch.as_tensor(dot_near(image, place, radius=7)), place.double(), atol=0.2, rtol=0
            )


@pytest.mark.parametrize("level", [2, 3])
def test_a_samples_answer_leads_back_from_its_window_to_the_true_point(level):
    patches = toy_faces(7)
    seen = {}

    class Watched(type(patches)):
        def crop(self, windows, size):
            seen["windows"] = windows
            return super().crop(windows, size)

    patches = Watched(patches.images, patches.points, patches.widths, patches.margin)
    squares = shaken_squares(7, shift=0.05, scale=0.2, generator=rng(3))
    crops, answers = level_samples(patches, squares, level, rng(4))
    assert crops.shape == (7, 10, 1, 15, 15)
    windows, sides = seen["windows"], squares[:, 2] - squares[:, 0]
    middles = (windows[..., :2] + windows[..., 2:]) / 2
    moves = moves_from_answers(answers, squares, level)
    truth = patches.points.repeat_interleave(2, dim=1)
    assert_close(middles + moves, truth, atol=1e-6, rtol=1e-5)
    extent = windows[..., 2:] - windows[..., :2]
    expected = 2 * halves(level) * sides[:, None]
    assert_close(extent, expected[..., None].expand_as(extent), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("level", "reach"), [(2, 0.05), (3, 0.02)])
def test_training_shifts_fill_their_range_evenly_and_never_leave_it(level, reach):
    patches = toy_faces(1).select([0] * 400)
    _, answers = level_samples(patches, patches.squares(), level, rng(5))
    assert 0.9 * 0.995 < answers.abs().max() <= 0.9
    shifts = moves_from_answers(answers, patches.squares(), level)
    assert shifts.abs().max() <= reach * (1 + 1e-6)
    shares = shifts.flatten() / reach
    assert shares.mean().abs() < 0.03
    assert shares.std().item() == pytest.approx(1 / math.sqrt(3), rel=0.03)
    axes = answers.flatten(0, 1).T.corrcoef()
    assert axes[0, 1].abs() < 0.05, "x and y are drawn apart"
    networks = answers[:, :2, 0].T.corrcoef()
    assert networks[0, 1].abs() < 0.2, "so are the two networks of a point"


@pytest.mark.parametrize("level", [2, 3])
def test_crops_of_levels_2_and_3_show_the_dot_of_their_point_off_by_the_answer(level):
    patches = toy_faces(5, side=160, spread=2.0)
    crops, answers = level_samples(patches, patches.squares(), level, rng(6))
    sides = 2 * halves(level)  # of the windows, in square units
    moves = moves_from_answers(answers, patches.squares(), level)
    places = 7.5 + moves / sides[:, None] * 15  # in pixels of the crop
    for face in range(5):
        for number in range(10):
            image = 255 * crops[face, number, 0].numpy()
            found = dot_near(image, places[face, number], radius=4)
            wanted = places[face, number].double()
            assert_close(torch.as_tensor(found), wanted, atol=0.1, rtol=0)


def test_points_that_nobody_knows_have_no_answer_and_their_windows_are_in_the_middle():
    patches = noisy_faces(3)
    patches.points[1, 3] = torch.nan
    patches.points[2] = torch.nan
    _, answers = band_samples(patches, patches.squares(), BANDS["NM1"], (31, 39))
    assert answers.isnan().any(dim=-1).tolist() == [
        [False, False, False],
        [False, True, False],
        [True, True, True],
    ]
    crops, answers = level_samples(patches, patches.squares(), 2, rng())
    unknown = answers.isnan().any(dim=-1)
    assert unknown.nonzero().tolist() == [[1, 6], [1, 7], *([2, k] for k in range(10))]
    middle = point_windows(torch.full((3, 10, 2), 0.5), patches.squares(), halves(2))
    assert_close(crops[2], patches.crop(middle, (15, 15))[2])
    assert crops.isfinite().all()


def test_samples_follow_from_their_generator():
    patches = toy_faces(3)
    one, again = (level_samples(patches, patches.squares(), 2, rng(8)) for _ in range(2))
    assert torch.equal(one[0], again[0]) and torch.equal(one[1], again[1])
    other = level_samples(patches, patches.squares(), 2, rng(9))
    assert not torch.equal(one[1], other[1])


def test_no_face_gives_no_sample():
    nobody = toy_faces(2).select([])
    crops, answers = band_samples(nobody, nobody.squares(), BANDS["F1"], (39, 39))
    assert (crops.shape, answers.shape) == ((0, 1, 39, 39), (0, 5, 2))
    crops, answers = level_samples(nobody, nobody.squares(), 3, rng())
    assert (crops.shape, answers.shape) == ((0, 10, 1, 15, 15), (0, 10, 2))
