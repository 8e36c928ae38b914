"""The networks of the cascade against the structure table of the specification."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from facelab.landmarks.dcnn_cascade.model import (
    LEVEL2,
    LEVEL3,
    STRUCTURES,
    Bank,
    CascadeNets,
    Dense,
    Layer,
    Network,
    Stage,
    Structure,
)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def crops_of(structure, count=2, *nets, seed=0):
    return torch.rand(count, *nets, 1, *STRUCTURES[structure].size, generator=rng(seed))


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


# The specification's tables: output of every convolution and pooling, and its parameters; then
# those of the two dense layers. None is a convolution without pooling after it.
TABLES = {
    "S0": (
        [
            ((20, 36, 36), 1_360, (20, 18, 18), 160),
            ((40, 16, 16), 28_960, (40, 8, 8), 320),
            ((60, 6, 6), 194_940, (60, 3, 3), 1_080),
            ((80, 2, 2), 77_120, None, 0),
        ],
        [(120, 38_520), (10, 1_210)],
    ),
    "S1": (
        [
            ((20, 28, 36), 340, (20, 14, 18), 40),
            ((40, 12, 16), 28_960, (40, 6, 8), 320),
            ((60, 4, 6), 129_960, (60, 2, 3), 720),
            ((80, 1, 2), 38_560, None, 0),
        ],
        [(100, 16_100), (6, 606)],
    ),
    "S2": (
        [((20, 12, 12), 340, (20, 6, 6), 40), ((40, 4, 4), 7_240, (40, 2, 2), 80)],
        [(60, 9_660), (2, 122)],
    ),
}
TOTALS = {  # parameters, multiply-adds
    "S0": (343_670, 3_151_920),
    "S1": (215_606, 2_278_360),
    "S2": (17_482, 171_000),
    "S3": (292_950, 3_101_520),
    "S4": (339_330, 2_566_320),
    "S5": (780_450, 1_193_520),
    "S6": (343_670, 3_151_920),
    "S7": (88_490, 3_151_920),
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("batch", [1, 3])
def test_every_row_of_the_structure_table_has_its_shape_and_its_parameters(name, batch):
    net, (stages, dense) = Network(name), TABLES[name]
    x = crops_of(name, batch)
    assert len(net.stages) == len(stages)
    for stage, (convolved, weights, pooled, gains) in zip(net.stages, stages, strict=True):
        bare = copy.deepcopy(stage)
        bare.gain = bare.shift = None  # the convolution without its pooling
        assert bare(x).shape == (batch, *convolved)
        assert count(bare) == weights == stage.weight.numel() + stage.bias.numel()
        x = stage(x)
        assert x.shape == (batch, *(pooled or convolved))
        assert count(stage) - count(bare) == gains
        assert stage.pools == (pooled is not None)
    assert net.features(crops_of(name, batch)).shape == x.shape
    x = x.flatten(1)[:, None]  # (B, 1, inputs)
    for layer, (outputs, weights) in zip((net.hidden, net.output), dense, strict=True):
        x = layer(x)
        assert x.shape == (batch, 1, outputs)
        assert count(layer) == weights
    assert net(crops_of(name, batch)).shape == (batch, dense[-1][0])


def multiply_adds(net, crops):
    """Count from what the layers really compute: kernels of convolutions times their outputs."""
    total = 0
    real = F.conv2d

    def conv2d(x, weight, bias, **options):
        nonlocal total
        found = real(x, weight, bias, **options)
        total += found[0].numel() * weight[0].numel()
        return found

    def note(layer, inputs, output):
        nonlocal total
        total += layer.weight.shape[-1] * output[0].numel()

    for layer in net.modules():
        if isinstance(layer, Dense):
            layer.register_forward_hook(note)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(F, "conv2d", conv2d)
        net(crops)
    return total


@pytest.mark.parametrize("name", TOTALS)
def test_parameters_and_multiply_adds_are_those_of_the_specification(name):
    net, (parameters, macs) = Network(name), TOTALS[name]
    assert count(net) == parameters
    assert STRUCTURES[name].macs == macs == multiply_adds(net, crops_of(name))
    outputs = {"S1": 6, "S2": 2}.get(name, 10)
    for batch in (1, 5):
        answers = net(crops_of(name, batch))
        assert answers.shape == (batch, outputs)
        assert answers.abs().max() <= 1


def test_the_whole_cascade_has_1124522_parameters_and_11128640_multiply_adds():
    nets = CascadeNets()
    assert count(nets) == 1_124_522
    assert nets.macs == 11_128_640
    assert [count(part) for part in nets.children()] == [
        *(343_670, 215_606, 215_606),
        *(10 * 17_482, 10 * 17_482),
    ]
    ten = multiply_adds(nets.level2, crops_of("S2", 2, 10))
    assert ten == 10 * 171_000


def test_s7_has_255180_parameters_fewer_than_s0():
    assert count(Network("S0")) - count(Network("S7")) == 255_180


@pytest.mark.parametrize(("name", "flat"), [("S0", 320), ("S1", 160), ("S2", 160)])
def test_what_the_dense_layers_see_has_the_size_of_the_specification(name, flat):
    assert Network(name).hidden.weight.shape[1] == flat


def test_the_banks_of_levels_2_and_3_are_named_point_by_point():
    assert LEVEL2[:4] == ("LE21", "LE22", "RE21", "RE22")
    assert LEVEL2[-1] == "RM22"
    assert LEVEL3 == tuple(name[:-2] + "3" + name[-1] for name in LEVEL2)
    assert LEVEL3[4:6] == ("N31", "N32")


@pytest.mark.parametrize(("name", "stages"), [("S3", 3), ("S4", 2), ("S5", 1)])
def test_the_shorter_structures_are_the_first_layers_of_s0(name, stages):
    assert STRUCTURES[name].layers == STRUCTURES["S0"].layers[:stages]
    assert STRUCTURES[name].hidden == 120


def test_answers_are_tanh_of_dense_layers_over_the_last_maps():
    net = Network("S2", generator=rng(2))
    crops = crops_of("S2", 3)
    x = net.features(crops).flatten(1)
    x = F.linear(x, net.hidden.weight, net.hidden.bias).tanh()
    assert_close(net(crops), F.linear(x, net.output.weight, net.output.bias).tanh())


def test_crops_are_brought_to_mean_0_and_deviation_1_one_by_one():
    crops = crops_of("S2", 4, 10)
    for normalised in (Network.normalise(crops), Network.normalise(0.3 * crops + 0.2)):
        assert_close(normalised.mean(dim=(-2, -1)), torch.zeros(4, 10, 1), atol=1e-5, rtol=0)
        deviation = normalised.std(dim=(-2, -1), correction=0)
        assert_close(deviation, torch.ones(4, 10, 1), atol=1e-4, rtol=0)
    flat = torch.full((2, 1, 15, 15), 0.4)
    assert_close(Network.normalise(flat), torch.zeros_like(flat), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["S0", "S1", "S2"])
def test_light_and_contrast_change_no_answer(name):
    net, crops = Network(name, generator=rng(1)), crops_of(name)
    assert_close(net(0.5 * crops + 0.25), net(crops), atol=1e-4, rtol=0)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_bank_gives_what_its_networks_give_one_by_one(batch):
    bank = Bank(STRUCTURES["S2"], nets=10, generator=rng(3))
    with torch.no_grad():  # gains and shifts of their own
        for parameter in bank.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=rng(4))
    crops = crops_of("S2", batch, 10)
    answers = bank(crops)
    assert answers.shape == (batch, 10, 2)
    for number in range(10):
        assert_close(answers[:, number], bank.network(number)(crops[:, number]))


def test_a_bank_of_networks_with_regions_gives_the_same_too():
    structure = Structure("T", (12, 18), (Layer(3, 4, (1, 2)), Layer(3, 5, (3, 2), False)), 6, 2)
    bank = Bank(structure, nets=3, generator=rng(3))
    crops = torch.rand(2, 3, 1, 12, 18, generator=rng(5))
    for number in range(3):
        assert_close(bank(crops)[:, number], bank.network(number)(crops[:, number]))


def test_gradients_do_not_leak_from_one_network_of_a_bank_into_another():
    bank = Bank(STRUCTURES["S2"], nets=10, generator=rng(3))
    crops = crops_of("S2", 3, 10).requires_grad_()
    bank(crops)[:, 4].square().sum().backward()
    for parameter in (*bank.parameters(), crops.grad.transpose(0, 1)):
        grad = parameter.grad if isinstance(parameter, nn.Parameter) else parameter
        assert grad[4].any()
        assert not grad[[0, 1, 2, 3, 5, 6, 7, 8, 9]].any()


def test_a_network_taken_out_of_a_bank_is_a_copy():
    bank = Bank(STRUCTURES["S2"], nets=2).eval()
    one = bank.network(1)
    assert not one.training
    before = bank.output.bias.clone()
    with torch.no_grad():
        one.output.bias += 1
    assert torch.equal(bank.output.bias, before)


@pytest.mark.parametrize("name", STRUCTURES)
def test_gradients_reach_every_parameter(name):
    net = Network(name, generator=rng(1))
    net(crops_of(name, 8)).square().sum().backward()
    for words, parameter in net.named_parameters():
        rows = parameter.grad.flatten(end_dim=-4) if parameter.ndim == 6 else parameter.grad
        assert rows.flatten(1).any(dim=1).all() if rows.ndim > 1 else rows.any(), words


def test_the_same_generator_gives_the_same_first_weights_and_answers_begin_small():
    one, again, other = (Network("S0", generator=rng(seed)) for seed in (1, 1, 2))
    crops = crops_of("S0")
    assert torch.equal(one(crops), again(crops))
    assert not torch.equal(one(crops), other(crops))
    assert 0 < one(crops).abs().max() < 0.3
    bank = Bank(STRUCTURES["S2"], nets=10, generator=rng(1))
    assert not torch.equal(bank.output.weight[0], bank.output.weight[1])


def test_the_size_of_first_weights_follows_their_number_of_inputs():
    stage = Stage(Layer(3, 40, (2, 2)), channels=20, size=(18, 18), generator=rng())
    assert stage.weight.std().item() * math.sqrt(20 * 9) == pytest.approx(Stage.SPREAD, rel=0.02)
    net = Network("S0", generator=rng())
    for layer, spread in zip((net.hidden, net.output), net.SPREADS, strict=True):
        inputs = layer.weight.shape[1]
        assert layer.weight.std().item() * math.sqrt(inputs) == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("shape", [(2, 1, 39, 31), (2, 1, 40, 39), (2, 3, 31, 39), (2, 2, 31, 39)])
def test_crops_of_another_size_or_of_colours_are_refused(shape):
    with pytest.raises(ValueError, match=r"S1 looks at \(31, 39\) rows and columns of grey"):
        Network("S1")(torch.rand(shape))


@pytest.mark.parametrize("shape", [(2, 9, 1, 15, 15), (2, 10, 3, 15, 15), (20, 1, 15, 15)])
def test_a_bank_refuses_another_number_of_crops(shape):
    bank = Bank(STRUCTURES["S2"], nets=10)
    with pytest.raises(ValueError, match=r"expected shape \(B, 10, 1, h, w\)"):
        bank(torch.rand(shape))
    with pytest.raises(ValueError, match="S2 looks at"):
        bank(torch.rand(2, 10, 1, 15, 16))


def test_a_bank_of_one_is_refused():
    with pytest.raises(ValueError, match="2 or more, got 1"):
        Bank(STRUCTURES["S2"], nets=1)


@pytest.mark.parametrize(
    "layers",
    [
        (Layer(4, 20, (5, 2)),),  # 36 rows do not make five
        (Layer(4, 20, (4, 2)),),  # nine rows each: a pooling cell would straddle two regions
        (Layer(4, 20), Layer(19, 5)),  # nothing left
        (Layer(3, 20),),  # 37 cells cannot be pooled by two
    ],
)
def test_structures_whose_regions_or_cells_do_not_fit_are_refused(layers):
    with pytest.raises(ValueError, match="T: .* cells do not make .* equal regions"):
        Network(Structure("T", (39, 39), layers, 10, 2))


def test_no_crop_gives_no_answer():
    assert Network("S1")(crops_of("S1", 0)).shape == (0, 6)
    assert Bank(STRUCTURES["S2"], nets=10)(crops_of("S2", 0, 10)).shape == (0, 10, 2)


@pytest.mark.parametrize("name", ["S0", "S1", "S2"])
def test_answers_without_gradients_are_those_with_them(name):
    net, crops = Network(name, generator=rng(1)), crops_of(name, 3)
    with torch.inference_mode():
        alone = net(crops)
    assert_close(alone, net(crops).detach(), atol=1e-6, rtol=0)
