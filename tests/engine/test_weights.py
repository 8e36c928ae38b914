"""`facelab.load`, and safetensors files with their cards."""

import json
import sys
import types

import lz4.frame
import pytest
import safetensors.torch
import torch

import facelab
from facelab.detection.mtcnn import weights as mtcnn_weights
from facelab.detection.mtcnn.model import ONet, PNet, RNet
from facelab.engine import weights as weights_module
from facelab.engine.packages import package_file
from facelab.engine.weights import (
    SHIPPED,
    WeightsError,
    build_of,
    load_net,
    models,
    read_card,
    read_tensors,
    save_tensors,
    sha256,
    weights_file,
    write_card,
)


def test_load_gives_a_detector_with_the_options_asked_for():
    detector = facelab.load("mtcnn", weights="public", min_face=40)
    assert detector.config.min_face == 40
    assert models() == ["cfan", "coarse_to_fine", "dcnn_cascade", "faceposenet", "mtcnn"]


def test_without_weights_a_model_takes_its_own_default(monkeypatch):
    made = []

    def loader(weights="its own", **options):
        made.append((weights, options))

    module = types.SimpleNamespace(load=loader)
    monkeypatch.setitem(sys.modules, "somewhere", module)
    monkeypatch.setitem(weights_module._LOADERS, "toy", "somewhere:load")
    facelab.load("toy", size=3)
    facelab.load("toy", weights="humans")
    assert made == [("its own", {"size": 3}), ("humans", {})]
    assert facelab.load("mtcnn").pnet is not None, "public weights are mtcnn's own default"


def test_an_unknown_model_is_named_with_those_that_exist():
    with pytest.raises(WeightsError, match="'mtcn'; known: cfan, .*, mtcnn"):
        facelab.load("mtcn")


@pytest.mark.parametrize("name", ["humanz", "", "."])
def test_unknown_weights_are_named_with_what_is_expected(name):
    with pytest.raises(WeightsError, match=f"'{name}': expected public, facenet-pytorch"):
        facelab.load("mtcnn", weights=name)


def test_own_weights_survive_a_round_trip_with_landmark_heads(tmp_path):
    nets = PNet(landmarks=True), RNet(landmarks=True), ONet()
    mtcnn_weights.save(tmp_path / "own.safetensors", *nets, card={"recipe": "test"})
    detector = facelab.load("mtcnn", weights=tmp_path / "own.safetensors")
    for net, read in zip(nets, (detector.pnet, detector.rnet, detector.onet), strict=True):
        for key, value in net.state_dict().items():
            assert torch.equal(value, read.state_dict()[key])
    assert read_tensors(tmp_path / "own.safetensors")[1] == {"model": "mtcnn", "recipe": "test"}


def test_a_damaged_file_gives_a_clear_error(tmp_path):
    path = tmp_path / "own.safetensors"
    mtcnn_weights.save(path, PNet(), RNet(), ONet(), card={})
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        facelab.load("mtcnn", weights=path)


def test_weights_of_another_model_are_refused(tmp_path):
    save_tensors(tmp_path / "other.safetensors", {"w": torch.zeros(3)}, {})
    with pytest.raises(WeightsError, match="not MTCNN weights"):
        facelab.load("mtcnn", weights=tmp_path / "other.safetensors")


def test_saving_leaves_no_half_written_file_behind(tmp_path):
    path = tmp_path / "own.safetensors"
    save_tensors(path, {"w": torch.zeros(3)}, {"n": 1})
    with pytest.raises(TypeError):
        save_tensors(path, {"w": torch.zeros(4)}, {"n": object()})
    assert read_tensors(path)[1] == {"n": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["own.safetensors"]


def layers():
    """Tensors of every kind: matrices, filter banks (also one for each place), rows of very
    different size, small ones."""
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(40, 50, generator=generator) * torch.logspace(-6, 3, 40)[:, None]
    matrix[7] = 0
    return {
        "matrix": matrix,
        "filters": torch.randn(16, 8, 3, 3, generator=generator),
        "local": torch.randn(2, 3, 16, 8, 3, 3, generator=generator)
        * torch.rand(2, 3, 16, 1, 1, 1),
        "long": torch.randn(2000, generator=generator),
        "small": torch.randn(31, 33, generator=generator),
        "counter": torch.tensor(5),
        "places": torch.arange(4096).reshape(64, 64),
    }


def test_int8_is_off_by_at_most_half_a_step_of_the_largest_number_of_each_row(tmp_path):
    tensors = layers()
    save_tensors(tmp_path / "x.safetensors", tensors, {"n": 1}, storage="int8")
    read, card = read_tensors(tmp_path / "x.safetensors")
    assert card == {"n": 1} and read.keys() == tensors.keys()
    for name, leading in (("matrix", 1), ("filters", 1), ("local", 3)):
        rows, got = tensors[name].flatten(leading), read[name].flatten(leading)
        bound = rows.abs().amax(dim=-1, keepdim=True) / 254
        assert got.dtype == torch.float32 and read[name].shape == tensors[name].shape
        assert ((got - rows).abs() <= bound * 1.0001).all()
        assert ((got - rows).abs() > 0.9 * bound).any(), "the bound is not a generous one"
        largest = rows.abs().argmax(dim=-1, keepdim=True)
        torch.testing.assert_close(got.gather(-1, largest), rows.gather(-1, largest))
    assert (read["matrix"][7] == 0).all()
    for name in ("long", "small", "counter", "places"):
        assert torch.equal(read[name], tensors[name]) and read[name].dtype == tensors[name].dtype


def test_float16_halves_the_size_and_int8_quarters_it(tmp_path):
    numbers = torch.randn(200, 501, generator=torch.Generator().manual_seed(0))
    tensors = {"w": numbers[:, :500].contiguous(), "b": numbers[:, 500].contiguous()}
    size = {}
    for storage in ("float32", "float16", "int8"):
        path = tmp_path / f"{storage}.safetensors"
        save_tensors(path, tensors, {}, storage=storage)
        size[storage] = path.stat().st_size
        read, _ = read_tensors(path)
        assert read["w"].dtype == torch.float32 and torch.equal(read["b"], tensors["b"])
        torch.testing.assert_close(read["w"], tensors["w"], atol=0.02, rtol=1e-3)
    assert 1.9 < size["float32"] / size["float16"] < 2.1
    assert 3.8 < size["float32"] / size["int8"] < 4.1


def test_own_kinds_of_numbers_are_kept_as_they_are_by_default(tmp_path):
    tensors = {"half": torch.randn(40, 40).half(), "whole": torch.ones(40, 40, dtype=torch.int8)}
    save_tensors(tmp_path / "x.safetensors", tensors, {})
    read, _ = read_tensors(tmp_path / "x.safetensors")
    assert {name: value.dtype for name, value in read.items()} == {
        "half": torch.float16,
        "whole": torch.int8,
    }


@pytest.mark.parametrize(
    ("tensor", "storage", "message"),
    [
        (torch.full((40, 40), torch.nan), "int8", "'w' holds NaN or infinity"),
        (torch.full((40, 40), 1e5), "float16", "'w' holds numbers beyond 65504"),
        (torch.zeros(40, 40), "int4", "'int4' is not one of float32, float16, int8"),
    ],
)
def test_what_a_storage_cannot_keep_is_refused_by_name(tmp_path, tensor, storage, message):
    with pytest.raises(ValueError, match=message):
        save_tensors(tmp_path / "x.safetensors", {"w": tensor}, {}, storage=storage)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="names that end with :scale are taken"):
        save_tensors(tmp_path / "x.safetensors", {"w:scale": torch.zeros(2)}, {})


def test_an_int8_file_cut_at_any_place_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    save_tensors(path, layers(), {"n": 1}, storage="int8")
    content = path.read_bytes()
    for end in range(0, len(content) - 1, 997):
        path.write_bytes(content[:end])
        with pytest.raises(WeightsError, match=r"x\.safetensors: .*copy or download it again"):
            read_tensors(path)


@pytest.mark.parametrize("damage", ["no tensor", "other rows", "not whole", "other storage"])
def test_scales_that_do_not_belong_to_their_tensor_are_refused(tmp_path, damage):
    whole, storage = torch.ones(4, 8, dtype=torch.int8), "int8"
    stored = {"w": whole, "w:scale": torch.ones(4)}
    if damage == "no tensor":
        del stored["w"]
    elif damage == "other rows":
        stored["w:scale"] = torch.ones(3)
    elif damage == "not whole":
        stored["w"] = whole.float()
    else:
        storage = "int2"
    path, metadata = tmp_path / "x.safetensors", {"card": "{}", "storage": storage}
    safetensors.torch.save_file(stored, path, metadata=metadata)
    with pytest.raises(WeightsError, match=r"x\.safetensors: .*(do not belong|'int2')"):
        read_tensors(path)


def test_a_card_stands_beside_its_file_with_size_and_checksum(tmp_path):
    path = tmp_path / "x.safetensors"
    save_tensors(path, {"w": torch.zeros(3)}, {"recipe": "test", "data": "1 person, \u00e4"})
    assert write_card(path) == tmp_path / "x.json"
    assert read_card(path) == {
        "recipe": "test",
        "data": "1 person, \u00e4",
        "file": "x.safetensors",
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
    }
    for text in ("[1]", "{", None):
        (tmp_path / "x.json").unlink() if text is None else (tmp_path / "x.json").write_text(text)
        with pytest.raises(WeightsError, match=r"x\.json: the card"):
            read_card(path)


def test_shipped_weights_are_found_and_compared_with_their_card(tmp_path, monkeypatch):
    monkeypatch.setattr(weights_module, "SHIPPED", tmp_path)
    with pytest.raises(WeightsError, match=r"toy_humans.*facelab train toy --out FILE"):
        weights_file("toy", "humans")
    path = tmp_path / "toy_humans.safetensors"
    save_tensors(path, {"w": torch.zeros(300)}, {})
    write_card(path)
    assert weights_file("toy", "humans") == path
    assert weights_file("toy", str(path)) == path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # one bit of one weight
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged, it is not what its card says"):
        weights_file("toy", "humans")
    with pytest.raises(WeightsError, match="toy weights 'humanz': expected humans, or the path"):
        weights_file("toy", "humanz")


LANDMARKS = ("cfan", "coarse_to_fine", "dcnn_cascade", "faceposenet")


@pytest.mark.parametrize("model", LANDMARKS)
@pytest.mark.parametrize(
    ("tensors", "card"),
    [
        ({"line": torch.zeros(3)}, {}),
        ({"mean_shape": torch.zeros(7, 2), "mean_image": torch.tensor(0.5)}, {}),
        ({"level1.mean_shape": torch.full((68, 2), torch.nan)}, {"build": "small"}),
        ({"level1.mean_shape": torch.full((68, 2), torch.nan)}, {}),
        ({"mean_image": torch.zeros(3, 64, 64)}, {"build": {"colour": True}}),
        ({"mean_image": torch.zeros(3, 63, 63)}, {"build": {"side": [1, 2]}}),
    ],
    ids=["others", "shapes", "build", "numbers", "option", "sizes"],
)
def test_weights_of_another_model_name_the_file_and_the_remedy(tmp_path, model, tensors, card):
    path = tmp_path / "other.safetensors"
    save_tensors(path, tensors, card)
    with pytest.raises(WeightsError) as caught:
        facelab.load(model, weights=path)
    said = str(caught.value)
    assert said.startswith(f"{path}: not the weights of {model} (")
    assert f"`facelab train {model} --out FILE`" in said
    assert "\n" not in said and len(said) < len(str(path)) + 300
    with pytest.raises(WeightsError, match=f"{model} weights '.*nowhere'"):
        facelab.load(model, weights=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({}, r"\(it has no 'bias'\)"),
        ({"bias": torch.zeros(2)}, r"\(Missing key\(s\) in state_dict: \"weight\"\.? ?\)"),
        ({"bias": torch.zeros(0)}, r"\(no outputs\)"),
        ({"bias": torch.zeros(2), "weight": torch.zeros(2, 4)}, r"\(size mismatch for weight"),
    ],
)
def test_the_reason_is_what_is_wrong_first(tmp_path, tensors, reason):
    def make(tensors, card):
        if not len(tensors["bias"]):
            raise ValueError("no outputs")
        return torch.nn.Linear(3, len(tensors["bias"]))

    path = tmp_path / "line.safetensors"
    save_tensors(path, tensors, {})
    with pytest.raises(WeightsError, match=reason):
        load_net("line", path, make)


def test_the_net_that_was_made_gets_the_tensors_of_the_file(tmp_path):
    path, line = tmp_path / "line.safetensors", torch.nn.Linear(3, 2)
    save_tensors(path, line.state_dict(), {"build": {"sizes": [3, 2], "bias": True}})
    net = load_net("line", path, lambda _, card: torch.nn.Linear(*build_of(card)["sizes"]))
    assert torch.equal(net.weight, line.weight) and torch.equal(net.bias, line.bias)


def test_sizes_are_read_from_a_card_as_they_were_written():
    assert build_of({"build": {"widths": [4, 6], "half": 0.5}}) == {"widths": (4, 6), "half": 0.5}
    assert build_of({}) == {}
    with pytest.raises(ValueError, match="build is 'small', expected sizes by name"):
        build_of({"build": "small"})


def test_every_shipped_file_is_what_its_card_says_and_all_are_small():
    files = sorted(SHIPPED.glob("*.safetensors"))
    assert {file.stem for file in SHIPPED.glob("*.json")} == {file.stem for file in files}
    for path in files:
        model = path.stem.removesuffix("_humans")
        assert model in models() and weights_file(model, "humans") == path
        tensors, inside = read_tensors(path)
        card = read_card(path)
        assert all(tensor.isfinite().all() for tensor in tensors.values())
        assert {"recipe", "command", "budget", "seed", "data", "figures", "steps"} <= card.keys()
        assert card["recipe"] == model and card["figures"]
        assert card == json.loads(json.dumps(inside)) | {
            "file": path.name,
            "bytes": path.stat().st_size,
            "sha256": sha256(path),
        }
    assert sum(path.stat().st_size for path in files) < 4e6, "the four landmark systems together"


@pytest.mark.parametrize("damage", ["cut", "swapped", "missing", "text"])
def test_damaged_public_files_say_what_to_reinstall(damage, tmp_path):
    for name in mtcnn_weights.NAMES:
        content = package_file("mtcnn", f"mtcnn/assets/weights/{name}.lz4").read_bytes()
        (tmp_path / f"{name}.lz4").write_bytes(content)
    last = tmp_path / "onet.lz4"
    if damage == "cut":
        last.write_bytes(last.read_bytes()[:-5000])
    elif damage == "swapped":
        last.write_bytes((tmp_path / "rnet.lz4").read_bytes())
    elif damage == "text":
        last.write_bytes(lz4.frame.compress(b"not a pickle"))
    else:
        last.unlink()
    with pytest.raises(WeightsError, match=r"onet\.lz4: .*mtcnn==1\.0\.0"):
        mtcnn_weights.read_mtcnn_package(tmp_path)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(
        mtcnn_weights, "package_file", lambda name, _: package_file(f"{name}-is-not-there", "x")
    )
    with pytest.raises(WeightsError, match="pip install --no-deps mtcnn-is-not-there"):
        facelab.load("mtcnn")


@pytest.mark.parametrize("content", [b"not a checkpoint", b""])
def test_damaged_facenet_files_say_what_to_reinstall(content, tmp_path):
    (tmp_path / "pnet.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"pnet\.pt: .*--no-deps facenet-pytorch"):
        mtcnn_weights.read_facenet_package(tmp_path)
