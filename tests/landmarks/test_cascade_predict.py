"""The cascade at work, with networks that answer what the test tells them, and with real ones."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.testing import assert_close

import facelab
from facelab.engine.weights import WeightsError, save_tensors
from facelab.geometry.boxes import square_boxes
from facelab.images import ImageError
from facelab.landmarks import cut_patches, face_squares, from_square
from facelab.landmarks.dcnn_cascade import Cascade, CascadeNets, fuse, load, predict
from facelab.landmarks.windows import shaken_squares
from tests.landmarks.faces import FIVE, noisy_faces

# Left, right, top, bottom of what the networks of level 1 see, and the points they place.
RANGES = {
    "F1": (-0.05, 1.05, -0.05, 1.05, (0, 1, 2, 3, 4)),
    "EN1": (-0.05, 1.05, -0.04, 0.84, (0, 1, 2)),
    "NM1": (-0.05, 1.05, 0.18, 1.05, (2, 3, 4)),
}


class Says(nn.Module):
    """A network that answers the same whatever it sees, and keeps what it saw."""

    def __init__(self, size, answers):
        super().__init__()
        self.size, self.answers, self.seen = size, answers, []

    def forward(self, crops):
        self.seen.append(crops)
        return self.answers.expand(len(crops), *self.answers.shape)


def sees(name, places):
    """The network of level 1 that places its points there, in square units: (K, 2)."""
    left, right, top, bottom, _ = RANGES[name]
    shares = (places - torch.tensor([left, top])) / torch.tensor([right - left, bottom - top])
    return Says((39, 39) if name == "F1" else (31, 39), (0.9 * (2 * shares - 1)).flatten())


def moves(shares):
    """Ten networks that answer moves (10, 2), as shares of the largest shift of training."""
    return Says((15, 15), 0.9 * shares)


FIRST = {
    "F1": FIVE,
    "EN1": FIVE[:3] + torch.tensor([0.02, 0.01]),
    "NM1": FIVE[2:] + torch.tensor([-0.04, 0.05]),
}
SECOND = torch.tensor([[0.1 * k, -0.05 * k] for k in range(10)])
THIRD = torch.tensor([[1 - 0.2 * k, 0.3] for k in range(10)])


def scripted(**options):
    nets = CascadeNets()
    nets.f1, nets.en1, nets.nm1 = (sees(name, places) for name, places in FIRST.items())
    nets.level2, nets.level3 = moves(SECOND), moves(THIRD)
    return Cascade(nets, **options)


def real(seed=0, **options):
    nets = CascadeNets(generator=torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():  # answers worth looking at
        for net in nets.children():
            net.output.weight.mul_(5)
            net.output.bias.normal_(0, 0.2, generator=generator)
    return Cascade(nets, **options)


def test_level_1_averages_each_point_over_the_networks_that_place_it():
    points = scripted().trace(noisy_faces(2)).points[0]
    expected = torch.stack(
        [
            FIVE[0] + torch.tensor([0.02, 0.01]) / 2,  # F1 and EN1
            FIVE[1] + torch.tensor([0.02, 0.01]) / 2,
            FIVE[2] + torch.tensor([0.02 - 0.04, 0.01 + 0.05]) / 3,  # all three
            FIVE[3] + torch.tensor([-0.04, 0.05]) / 2,  # F1 and NM1
            FIVE[4] + torch.tensor([-0.04, 0.05]) / 2,
        ]
    )
    assert_close(points, expected.expand(2, 5, 2), atol=1e-6, rtol=0)


def test_levels_2_and_3_add_the_mean_move_of_two_networks():
    trace = scripted().trace(noisy_faces(2))
    second = torch.tensor([[(0.1 * (4 * p + 1)) / 2, -(0.05 * (4 * p + 1)) / 2] for p in range(5)])
    third = torch.tensor([[1 - 0.1 * (4 * p + 1), 0.3] for p in range(5)])
    assert_close(trace.points[1], trace.points[0] + 0.05 * second, atol=1e-6, rtol=0)
    assert_close(trace.points[2], trace.points[1] + 0.02 * third, atol=1e-6, rtol=0)
    assert_close(scripted().on_patches(noisy_faces(2)), trace.points[2])


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_fewer_levels_stop_earlier(levels):
    patches, whole = noisy_faces(2), scripted().trace(noisy_faces(2))
    trace = scripted(levels=levels).trace(patches)
    assert len(trace.points) == len(trace.windows) == levels
    for got, expected in zip(trace.points, whole.points, strict=False):
        assert torch.equal(got, expected)
    assert torch.equal(scripted(levels=levels).on_patches(patches), whole.points[levels - 1])


@pytest.mark.parametrize("pair", [(1,), (2,)])
def test_one_network_of_a_point_may_work_alone(pair):
    cascade = scripted(pair=pair)
    trace = cascade.trace(noisy_faces(1))
    alone = 0.05 * SECOND[pair[0] - 1 :: 2]
    assert_close(trace.points[1][0], trace.points[0][0] + alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("voters", "votes"),
    [
        (("F1",), [1, 1, 1, 1, 1]),
        (("F1", "NM1"), [1, 1, 2, 2, 2]),
        (("EN1", "NM1"), [1, 1, 2, 1, 1]),
        (("NM1", "EN1", "F1"), [2, 2, 3, 2, 2]),
    ],
)
def test_voters_are_averaged_and_others_are_not_asked(voters, votes):
    cascade = scripted(voters=voters)
    trace = cascade.trace(noisy_faces(1))
    total = torch.zeros(5, 2)
    for name in voters:
        total[list(RANGES[name][4])] += FIRST[name]
    assert_close(trace.points[0][0], total / torch.tensor(votes)[:, None], atol=1e-6, rtol=0)
    assert list(trace.first) == list(voters)
    assert trace.windows[0].shape == (1, len(voters), 4)
    for name, network in cascade.networks.items():
        assert len(network.seen) == (name in voters)


def test_fusing_by_hand():
    first = {"EN1": torch.full((2, 3, 2), 0.2), "NM1": torch.full((2, 3, 2), 0.6)}
    assert_close(fuse(first)[..., 0], torch.tensor([0.2, 0.2, 0.4, 0.6, 0.6]).expand(2, 5))
    whole = {"F1": torch.zeros(1, 5, 2), "EN1": torch.full((1, 3, 2), 1.0)}
    assert_close(fuse(whole)[0, :, 1], torch.tensor([0.5, 0.5, 0.5, 0.0, 0.0]))
    assert fuse({"F1": torch.zeros(0, 5, 2)}).shape == (0, 5, 2)


def test_a_clamp_keeps_moves_within_the_shifts_of_training():
    free, clamped = scripted(), scripted(clamp=True)
    for cascade in (free, clamped):
        cascade.nets.level2.answers = torch.tensor([[1.0, -0.95]]).repeat(10, 1)
    wild, tame = free.trace(noisy_faces(1)), clamped.trace(noisy_faces(1))
    far = 0.05 * torch.tensor([1.0, -0.95]) / 0.9
    assert_close(wild.points[1] - wild.points[0], far.expand(1, 5, 2), atol=1e-6, rtol=0)
    near = torch.tensor([0.05, -0.05])
    assert_close(tame.points[1] - tame.points[0], near.expand(1, 5, 2), atol=1e-6, rtol=0)


def test_answers_count_in_the_frame_of_the_square_that_is_given():
    squares = torch.tensor([[0.1, -0.05, 1.3, 1.15]])  # side 1.2
    told = scripted().trace(noisy_faces(1), squares=squares)
    plain = scripted().trace(noisy_faces(1))
    corner = torch.tensor([0.1, -0.05])
    for level in range(3):
        assert_close(told.points[level], corner + 1.2 * plain.points[level], atol=1e-6, rtol=0)
    for got, expected in zip(told.windows, plain.windows, strict=True):
        assert_close(got, torch.cat([corner, corner]) + 1.2 * expected, atol=1e-6, rtol=0)


def test_the_trace_says_what_every_network_saw():
    cascade, patches = scripted(), noisy_faces(3)
    squares = shaken_squares(3, shift=0.05, scale=0.05, generator=torch.Generator().manual_seed(1))
    trace = cascade.trace(patches, squares=squares)
    for number, name in enumerate(trace.first):
        (seen,) = cascade.networks[name].seen
        size = cascade.networks[name].size
        assert_close(seen, patches.crop(trace.windows[0][:, number], size))
    for level, bank in ((2, cascade.nets.level2), (3, cascade.nets.level3)):
        (seen,) = bank.seen
        windows = trace.windows[level - 1]
        assert windows.shape == (3, 5, 2, 4)
        for point in range(5):
            for one in range(2):
                crops = patches.crop(windows[:, point, one], (15, 15))
                assert_close(seen[:, 2 * point + one], crops)
        about = (windows[..., :2] + windows[..., 2:]) / 2
        before = trace.points[level - 2][:, :, None].expand(3, 5, 2, 2)
        assert_close(about, before, atol=1e-6, rtol=0)


def test_the_first_and_second_network_of_a_point_can_be_asked_alone():
    cascade, generator = real(), torch.Generator().manual_seed(5)
    crops = torch.rand(3, 5, 1, 15, 15, generator=generator)
    for level, bank in ((2, cascade.nets.level2), (3, cascade.nets.level3)):
        for number in (1, 2):
            answers = cascade.answers(level, number, crops)
            assert answers.shape == (3, 5, 2)
            for point in range(5):
                network = bank.network(2 * point + number - 1)
                assert_close(answers[:, point], network(crops[:, point]))
    for level, number in ((1, 1), (2, 0), (3, 3)):
        with pytest.raises(ValueError, match="level, number: expected 2 or 3 and 1 or 2"):
            cascade.answers(level, number, crops)


def test_many_faces_get_what_each_gets_alone(monkeypatch):
    cascade, patches = real(), noisy_faces(7)
    squares = shaken_squares(7, shift=0.05, scale=0.05, generator=torch.Generator().manual_seed(2))
    together = cascade.trace(patches, squares=squares)
    alone = [cascade.trace(patches.select([k]), squares=squares[k : k + 1]) for k in range(7)]
    monkeypatch.setattr(predict, "AT_ONCE", 3)
    in_parts = cascade.trace(patches, squares=squares)
    for level in range(3):
        joined = torch.cat([trace.points[level] for trace in alone])
        assert_close(together.points[level], joined, atol=1e-5, rtol=0)
        assert_close(in_parts.points[level], joined, atol=1e-5, rtol=0)
        assert_close(in_parts.windows[level], together.windows[level], atol=1e-5, rtol=0)
    for name, points in in_parts.first.items():
        assert_close(points, together.first[name], atol=1e-5, rtol=0)
    assert together.points[2].std(dim=0).min() > 1e-4, "every face is looked at"


def picture(height=300, width=260, seed=0):
    """A photo that is different everywhere, smooth enough to be resized."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (height // 10, width // 10, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((10, 10, 1), np.uint8))


BOXES = torch.tensor([[60.0, 70.0, 130.0, 165.0], [140.0, 120.0, 215.0, 214.0]])


def test_a_photo_is_cut_into_patches_and_the_points_go_back_to_it():
    cascade, photo = real(), picture()
    squares = face_squares(BOXES)
    expected = from_square(cascade.on_patches(cut_patches(photo, squares)), squares)
    got = cascade(photo, BOXES)
    assert got.shape == (2, 5, 2) and got.dtype == torch.float32
    assert_close(got, expected)


def test_scripted_points_land_at_their_pixels():
    # The box is 100 high: its square has 80 pixels, its middle lies 5 below (50, 60).
    boxes = torch.tensor([[12.0, 10.0, 88.0, 110.0]])
    cascade = scripted(levels=1, voters=("F1",))
    points = cascade(picture(), boxes)
    assert_close(points[0], torch.tensor([10.0, 25.0]) + 80 * FIVE, atol=1e-4, rtol=0)


def test_boxes_that_are_squares_already_are_used_as_they_are():
    boxes = torch.tensor([[20.0, 30.0, 100.0, 110.0]])
    cascade = scripted(levels=1, voters=("F1",), squares=square_boxes)
    points = cascade(picture(), boxes)
    assert_close(points[0], torch.tensor([20.0, 30.0]) + 80 * FIVE, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("right", "down"), [(7, 4), (-12, 9)])
def test_moving_box_and_photo_together_moves_the_points_with_them(right, down):
    cascade, photo = real(), picture()
    moved = np.roll(photo, (down, right), axis=(0, 1))
    step = torch.tensor([right, down, right, down])
    there = cascade(moved, BOXES[:1] + step)
    assert_close(there, cascade(photo, BOXES[:1]) + step[:2], atol=0.02, rtol=0)


def test_the_box_moves_the_points_even_where_the_photo_says_nothing():
    photo = np.full((300, 260, 3), 90, np.uint8)
    boxes = torch.tensor([[60.0, 70.0, 130.0, 165.0], [67.0, 74.0, 137.0, 169.0]])
    one, other = real()(photo, boxes)
    assert_close(other - one, torch.tensor([7.0, 4.0]).expand(5, 2), atol=1e-3, rtol=0)


def test_no_box_gives_no_points():
    cascade = real()
    assert cascade(picture(), torch.zeros(0, 4)).shape == (0, 5, 2)
    nobody = noisy_faces(1).select([])
    trace = cascade.trace(nobody)
    assert [points.shape for points in trace.points] == [(0, 5, 2)] * 3
    assert [tuple(windows.shape) for windows in trace.windows] == [
        (0, 3, 4),
        (0, 5, 2, 4),
        (0, 5, 2, 4),
    ]
    assert trace.first["EN1"].shape == (0, 3, 2)
    assert cascade.on_patches(nobody.images).shape == (0, 5, 2)


def test_faces_at_the_border_of_a_photo_are_placed():
    boxes = torch.tensor([[-40.0, -50.0, 40.0, 60.0], [230.0, 250.0, 330.0, 380.0]])
    points = real()(picture(), boxes)
    assert points.isfinite().all()


def test_images_without_points_are_as_good_as_patches():
    cascade, patches = real(), noisy_faces(2, side=112)
    assert torch.equal(cascade.on_patches(patches.images), cascade.on_patches(patches))


def test_the_cascade_computes_without_gradients_in_evaluation_mode():
    nets = CascadeNets().train()
    cascade = Cascade(nets)
    assert not nets.training
    assert not cascade.on_patches(noisy_faces(1)).requires_grad


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 0}, "levels: expected 1, 2 or 3, got 0"),
        ({"levels": 4}, "levels"),
        ({"pair": ()}, r"pair: expected \(1, 2\), \(1,\) or \(2,\), got \(\)"),
        ({"pair": (1, 3)}, "pair"),
        ({"voters": ()}, "voters: none leave points without a vote; F1 places all"),
        ({"voters": ("EN1",)}, "voters: EN1 leave points without a vote"),
        ({"voters": ("F1", "F2")}, "voters: 'F2' is not one of F1, EN1, NM1"),
    ],
)
def test_options_that_make_no_cascade_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Cascade(**options)


def test_what_cannot_be_looked_at_is_refused():
    cascade = real()
    with pytest.raises(ImageError, match="uint8"):
        cascade(picture().astype(np.float32), BOXES)
    with pytest.raises(ValueError, match=r"boxes: expected shape \(N, 4\)"):
        cascade(picture(), BOXES[0])
    with pytest.raises(ValueError, match="not square"):
        cascade(picture(), torch.tensor([[math.nan] * 4]))
    with pytest.raises(ValueError, match=r"squares: expected shape \(3, 4\), got \(2, 4\)"):
        cascade.trace(noisy_faces(3), squares=noisy_faces(2).squares())
    in_colour = cut_patches(picture(), face_squares(BOXES), colour=True)
    with pytest.raises(ValueError, match="S0 looks at .* grey"):
        cascade.on_patches(in_colour)


def test_weights_that_were_saved_come_back_with_options(tmp_path):
    cascade, path = real(seed=3), tmp_path / "mine.safetensors"
    save_tensors(path, cascade.nets.state_dict(), {})
    patches = noisy_faces(2)
    for again in (load(path), facelab.load("dcnn_cascade", weights=path)):
        assert torch.equal(again.on_patches(patches), cascade.on_patches(patches))
    short = load(path, levels=1, voters=("F1",))
    assert_close(short.on_patches(patches), cascade.trace(patches).first["F1"])


def test_weights_of_another_model_are_refused_with_the_files_name(tmp_path):
    path = tmp_path / "other.safetensors"
    save_tensors(path, {"line": torch.zeros(3)}, {})
    with pytest.raises(
        WeightsError, match=r"other.safetensors: not the weights of dcnn_cascade \("
    ):
        load(path)
    with pytest.raises(WeightsError, match="dcnn_cascade weights"):
        load(tmp_path / "nowhere.safetensors")
