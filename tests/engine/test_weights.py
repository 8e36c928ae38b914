"""`facelab.load`, and safetensors files with their cards."""

import lz4.frame
import pytest
import torch

import facelab
from facelab.detection.mtcnn import weights as mtcnn_weights
from facelab.detection.mtcnn.model import ONet, PNet, RNet
from facelab.engine.packages import package_file
from facelab.engine.weights import WeightsError, models, read_tensors, save_tensors


def test_load_gives_a_detector_with_the_options_asked_for():
    detector = facelab.load("mtcnn", weights="public", min_face=40)
    assert detector.config.min_face == 40
    assert models() == ["mtcnn"]


def test_an_unknown_model_is_named_with_those_that_exist():
    with pytest.raises(WeightsError, match="'mtcn'; known: mtcnn"):
        facelab.load("mtcn")


@pytest.mark.parametrize("name", ["humanz", "", "."])
def test_unknown_weights_are_named_with_what_is_expected(name):
    with pytest.raises(WeightsError, match=f"'{name}': expected public, facenet-pytorch, or"):
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
