"""The layers of the cascade: locally shared convolution, absolute value and pooling, against loops
that follow the specification word by word."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch.testing import assert_close

from facelab.landmarks.dcnn_cascade.model import STRUCTURES, Layer, Network, Stage


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def stage_of(kernel, maps, grid=(1, 1), *, channels, size, pools=False, seed=0, **options):
    """A stage whose weights, biases, gains and shifts are all random."""
    stage = Stage(Layer(kernel, maps, grid, pools), channels=channels, size=size, **options)
    with torch.no_grad():
        for parameter in stage.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng(seed)) * 0.4)
            seed += 1
    return stage


@pytest.mark.parametrize("batch", [1, 3])
def test_a_convolution_of_one_region_is_the_ordinary_one_rectified(batch):
    stage = stage_of(3, 5, channels=4, size=(9, 11))
    x = torch.randn(batch, 4, 9, 11, generator=rng(1))
    expected = F.conv2d(x, stage.weight[0, 0], stage.bias[0, 0]).tanh().abs()
    assert_close(stage(x), expected)


@pytest.mark.parametrize("batch", [1, 3])
def test_without_the_absolute_value_it_is_the_ordinary_one_and_tanh(batch):
    stage = stage_of(3, 5, channels=4, size=(9, 11), absolute=False)
    x = torch.randn(batch, 4, 9, 11, generator=rng(1))
    expected = F.conv2d(x, stage.weight[0, 0], stage.bias[0, 0]).tanh()
    assert_close(stage(x), expected)
    assert stage(x).min() < -0.1


@pytest.mark.parametrize("pools", [False, True])
def test_regions_that_share_their_weights_are_one_region(pools):
    one = stage_of(3, 5, channels=4, size=(10, 14), pools=pools)
    many = stage_of(3, 5, (2, 3), channels=4, size=(10, 14), pools=pools, seed=50)
    with torch.no_grad():
        for tied, free in zip(one.parameters(), many.parameters(), strict=True):
            free.copy_(tied.expand_as(free))
    x = torch.randn(2, 4, 10, 14, generator=rng(1))
    assert_close(many(x), one(x))


def region_by_region(stage, x):
    """CR and P as the specification writes them: one region, one map, one cell after the other."""
    p, q, maps, _, s, _ = stage.weight.shape
    rows, columns = x.shape[2] - s + 1, x.shape[3] - s + 1
    high, wide = rows // p, columns // q
    found = torch.zeros(len(x), maps, rows, columns)
    for i in range(rows):
        for j in range(columns):
            u, v = i // high, j // wide
            cell = x[:, None, :, i : i + s, j : j + s] * stage.weight[u, v]
            found[:, :, i, j] = (cell.sum(dim=(2, 3, 4)) + stage.bias[u, v]).tanh()
    if stage.absolute:
        found = found.abs()
    if stage.gain is None:
        return found
    pooled = torch.zeros(len(x), maps, rows // 2, columns // 2)
    for i in range(rows // 2):
        for j in range(columns // 2):
            u, v = 2 * i // high, 2 * j // wide
            largest = found[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].amax(dim=(2, 3))
            pooled[:, :, i, j] = (stage.gain[u, v] * largest + stage.shift[u, v]).tanh()
    return pooled


@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (3, 1), (1, 2)])
@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("pools", [True, False])
def test_a_stage_is_what_a_loop_over_regions_and_cells_computes(grid, absolute, pools):
    stage = stage_of(3, 4, grid, channels=2, size=(14, 14), pools=pools, absolute=absolute)
    for batch in (1, 2):
        x = torch.randn(batch, 2, 14, 14, generator=rng(7))
        assert_close(stage(x), region_by_region(stage, x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("grid", [(1, 1), (2, 3)])
def test_a_stage_gives_the_same_with_and_without_gradients(grid):
    stage = stage_of(3, 4, grid, channels=2, size=(14, 14), pools=True, absolute=False)
    x = torch.randn(3, 2, 14, 14, generator=rng(8))
    with torch.inference_mode():
        assert_close(stage(x), region_by_region(stage, x), atol=1e-5, rtol=1e-5)
    assert_close(stage(x), region_by_region(stage, x), atol=1e-5, rtol=1e-5)


def test_a_region_sees_its_own_part_of_the_input_only():
    stage = stage_of(3, 2, (2, 2), channels=1, size=(10, 14))  # regions of 4 x 6
    x = torch.zeros(1, 1, 10, 14).requires_grad_()
    stage(x)[0, :, 4:, 6:].sum().backward()  # the lower right region
    seen = x.grad[0, 0] != 0
    assert seen[4:, 6:].all()
    assert not seen[:4].any() and not seen[:, :6].any()


@pytest.mark.parametrize("pools", [True, False])
def test_pooling_before_tanh_is_pooling_after_it(pools):
    stage = stage_of(2, 3, channels=1, size=(9, 9), pools=True)
    x = torch.randn(2, 1, 9, 9, generator=rng(3))
    convolved = F.conv2d(x, stage.weight[0, 0], stage.bias[0, 0])
    values = convolved.tanh().abs()
    if pools:
        values = F.max_pool2d(values, 2)
    else:  # the order that the layer takes
        values = F.max_pool2d(convolved.abs(), 2).tanh()
    gain, shift = stage.gain.view(-1, 1, 1), stage.shift.view(-1, 1, 1)
    assert_close(stage(x), (gain * values + shift).tanh())


def test_pooling_with_gain_1_and_shift_0_is_tanh_of_the_largest():
    stage = Stage(Layer(3, 4, (2, 2)), channels=2, size=(10, 10), generator=rng())
    assert stage.gain.eq(1).all() and stage.shift.eq(0).all()
    bare = copy.deepcopy(stage)
    bare.gain = bare.shift = None
    x = torch.randn(3, 2, 10, 10, generator=rng(1))
    assert_close(stage(x), F.max_pool2d(bare(x), 2).tanh())


def test_gain_and_shift_lie_over_the_regions_of_the_pooled_map():
    stage = stage_of(3, 4, (2, 3), channels=2, size=(14, 14), pools=True)
    laid = stage.spread(stage.gain)
    assert laid.shape == (4, 6, 6) == stage(torch.zeros(1, 2, 14, 14))[0].shape
    for u in range(2):
        for v in range(3):
            part = laid[:, 3 * u : 3 * u + 3, 2 * v : 2 * v + 2]
            assert torch.equal(part, stage.gain[u, v].view(-1, 1, 1).expand(4, 3, 2))
    bare = copy.deepcopy(stage)
    bare.gain = bare.shift = None
    x = torch.randn(2, 2, 14, 14, generator=rng(4))
    pooled = F.max_pool2d(bare(x), 2)
    assert_close(stage(x), (laid * pooled + stage.spread(stage.shift)).tanh())
    whole = stage_of(3, 4, (2, 3), channels=2, size=(14, 14))
    assert whole.spread(whole.bias).shape == (4, 12, 12), "without pooling, over the whole map"


def test_s6_is_s0_without_the_absolute_value():
    s0, s6 = Network("S0"), Network("S6")
    s6.load_state_dict(s0.state_dict())
    crops = torch.rand(2, 1, *STRUCTURES["S0"].size, generator=rng())
    x = s6.normalise(crops)
    for stage in s6.stages:
        assert not stage.absolute
        x = region_by_region(stage, x) if stage is s6.stages[-1] else stage(x)
    assert_close(s6.features(crops), x, atol=1e-5, rtol=1e-5)
    assert x.min() < -0.01 < s0.features(crops).min()
    assert all(stage.absolute for name in "0123457" for stage in Network(f"S{name}").stages)


def test_gradients_of_a_stage_are_true_derivatives():
    stage = stage_of(2, 2, (2, 1), channels=1, size=(5, 3), pools=True).double()
    x = torch.randn(2, 1, 5, 3, generator=rng(5), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(stage, (x,))
