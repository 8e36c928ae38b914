"""P-, R- and O-Net against the specification, layer by layer."""

import pytest
import torch
from torch import nn

from facelab.detection.mtcnn.model import (
    ONET_MACS,
    RNET_MACS,
    MaxPool2,
    ONet,
    PNet,
    PReLU,
    RNet,
    map_side,
    normalise,
    pnet_macs,
)

NETS = {
    "pnet": (PNet, 12, 6_632, 6_962),
    "rnet": (RNet, 24, 100_178, 101_468),
}


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("name", NETS)
def test_parameters_with_and_without_landmark_head_are_those_of_the_specification(name):
    build, _, released, paper = NETS[name]
    assert count(build()) == released
    assert count(build(landmarks=True)) == paper


def test_onet_has_389040_parameters_and_the_released_cascade_495850():
    assert count(ONet()) == 389_040
    assert count(PNet()) + count(RNet()) + count(ONet()) == 495_850


LAYERS = {  # convolution or dense: output shape at native size, parameters
    "pnet": [((10, 10, 10), 280), ((16, 3, 3), 1_456), ((32, 1, 1), 4_640)],
    "rnet": [((28, 22, 22), 784), ((48, 9, 9), 12_144), ((64, 3, 3), 12_352), ((128,), 73_856)],
    "onet": [
        ((32, 46, 46), 896),
        ((64, 21, 21), 18_496),
        ((64, 8, 8), 36_928),
        ((128, 3, 3), 32_896),
        ((256,), 295_168),
    ],
}
POOLS = {
    "pnet": [(10, 5, 5)],
    "rnet": [(28, 11, 11), (48, 4, 4)],
    "onet": [(32, 23, 23), (64, 10, 10), (64, 4, 4)],
}


@pytest.mark.parametrize(("name", "side"), [("pnet", 12), ("rnet", 24), ("onet", 48)])
def test_every_layer_has_the_specified_shape_and_parameters(name, side):
    net = {"pnet": PNet, "rnet": RNet, "onet": ONet}[name]()
    weighted, pooled, slopes = [], [], []

    def note(layer, _, output):
        shape = tuple(output.shape[1:])
        if isinstance(layer, nn.Conv2d | nn.Linear):
            weighted.append((shape, count(layer)))
        elif isinstance(layer, nn.MaxPool2d):
            pooled.append(shape)
        elif isinstance(layer, nn.PReLU):
            slopes.append((shape[0], count(layer)))

    for layer in net.trunk.modules():
        layer.register_forward_hook(note)
    net.features(torch.rand(2, 3, side, side))
    assert weighted == LAYERS[name]
    assert pooled == POOLS[name]
    assert slopes == [(shape[0], shape[0]) for shape, _ in LAYERS[name]]  # one slope a channel


@pytest.mark.parametrize("size", [(8, 8), (7, 6), (6, 7), (2, 5), (9, 3), (22, 23)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pooling_equals_torchs_own_in_ceil_mode_with_and_without_gradients(size, layout):
    image = torch.randn(2, 5, *size).to(memory_format=layout)
    before = image.clone()
    expected = nn.MaxPool2d(2, stride=2, ceil_mode=True)(image)
    assert torch.equal(MaxPool2()(image), expected)
    with torch.inference_mode():
        assert torch.equal(MaxPool2()(image), expected)
    assert torch.equal(image, before)


@pytest.mark.parametrize("channels", [1, 10, 15, 16])
@pytest.mark.parametrize("size", [(7, 9), (1, 1), (0, 4)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_slopes_act_as_torchs_own_with_and_without_gradients(channels, size, layout):
    maps = torch.randn(2, channels, *size).to(memory_format=layout)
    ours, theirs = PReLU(channels), nn.PReLU(channels)
    with torch.no_grad():
        theirs.weight.copy_(ours.weight.copy_(torch.randn(channels)))
    assert torch.equal(ours(maps), theirs(maps))
    with torch.inference_mode():
        assert torch.equal(ours(maps), theirs(maps))


def test_pnet_maps_follow_ceil_pooling():
    net = PNet().eval()
    for side, cells in {12: 1, 13: 2, 14: 2, 24: 7, 25: 8}.items():
        output = net(torch.rand(1, 3, side, side + 1))
        assert output.logits.shape == (1, 2, cells, map_side(side + 1))
        assert output.deltas.shape[2] == map_side(side) == cells
    assert map_side(288) == 139
    with pytest.raises(ValueError, match="12 pixels"):
        map_side(11)


def test_pnet_on_14_pixels_equals_pnet_on_its_12_pixel_windows():
    net, image = PNet(landmarks=True).eval(), torch.rand(1, 3, 14, 14)
    whole = net(image)
    for row in (0, 1):
        for col in (0, 1):
            window = image[:, :, 2 * row : 2 * row + 12, 2 * col : 2 * col + 12]
            for everywhere, here in zip(whole, net(window), strict=True):
                torch.testing.assert_close(everywhere[:, :, row, col], here[:, :, 0, 0])


def counted_macs(net, image):
    total = 0

    def note(layer, inputs, output):
        nonlocal total
        fan_in = layer.weight[0].numel()
        total += fan_in * output[0].numel()

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(note)
    net(image)
    return total


def test_multiply_adds_are_those_of_the_specification_and_of_a_count_with_hooks():
    assert pnet_macs(12, 12) == 44_760 == counted_macs(PNet(), torch.rand(1, 3, 12, 12))
    assert pnet_macs(31, 45) == counted_macs(PNet(), torch.rand(1, 3, 31, 45))
    assert pnet_macs(480, 640) == pytest.approx(545.8e6, rel=1e-3)
    assert counted_macs(RNet(), torch.rand(1, 3, 24, 24)) == RNET_MACS == 1_530_768
    assert counted_macs(RNet(landmarks=True), torch.rand(1, 3, 24, 24)) == 1_532_048
    assert counted_macs(ONet(), torch.rand(1, 3, 48, 48)) == ONET_MACS == 12_909_952


@pytest.mark.parametrize("net", [PNet(landmarks=True), RNet(landmarks=True), ONet()])
def test_gradient_reaches_every_parameter(net):
    side = {PNet: 12, RNet: 24, ONet: 48}[type(net)]
    output = net.train()(torch.rand(8, 3, side, side))
    sum(part.square().sum() for part in output).backward()
    assert all(
        parameter.grad is not None and parameter.grad.any() for parameter in net.parameters()
    )


def test_evaluation_is_deterministic_and_training_drops_features():
    net, image = ONet(), torch.rand(4, 3, 48, 48)
    assert torch.equal(net.eval()(image).logits, net(image).logits)
    assert not torch.equal(net.train()(image).logits, net(image).logits)


def test_pixels_are_normalised_as_in_the_released_code():
    pixels = torch.tensor([0.0, 127.5, 255.0])
    torch.testing.assert_close(normalise(pixels / 255), (pixels - 127.5) * 0.0078125)


def test_images_side_by_side_have_the_features_that_each_has_alone():
    torch.manual_seed(0)
    pnet = PNet().eval()
    for slope in pnet.trunk.conv1[1].parameters():
        slope.data.uniform_(-1, 1)  # so that pooling sees negative numbers, too
    sizes = [(40, 33), (12, 12), (13, 20), (27, 13), (33, 41), (14, 15)]  # odd and even, both ways
    images = [torch.rand(1, 3, height, width) for height, width in sizes]
    together = pnet.features_of(*images)
    with torch.inference_mode():
        alone = [pnet.features(image) for image in images]
    for mine, other in zip(together, alone, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-5, rtol=0)
    with torch.inference_mode():
        single = pnet.features_of(images[4])[0]
    torch.testing.assert_close(single, alone[4], atol=1e-5, rtol=0)
