"""AFLW2000-3D: the order of the angles, the points in two of three rows, and damaged files."""

import math

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torch.testing import assert_close

from facelab.datasets import LabelError, read_aflw2000
from facelab.geometry.landmarks import to5
from facelab.metrics.landmarks import aflw2000
from facelab.metrics.pose import pose_error
from tests.datasets.layouts import face_68, write_photo

POSE = [[-0.1, 0.9, 0.2, 120.0, 130.0, -60.0, 0.001]]  # pitch, yaw, roll, shift, scale


def write_face(folder, stem="image00002", **changes):
    """A photo and its .mat with the real keys and shapes; changes replace or, as None, remove."""
    points = np.vstack((face_68().T.numpy(), np.linspace(-40, 60, 68)))  # (3, 68)
    stored = {
        "pt3d_68": points,
        "Pose_Para": np.array(POSE, np.float32),
        "roi": np.array([[10, 20, 460, 470]], np.int16),
        "pt2d": np.full((2, 21), -1.0),
        "Shape_Para": np.zeros((199, 1)),
        "Exp_Para": np.zeros((29, 1)),
        "Illum_Para": np.zeros((1, 10)),
        "Color_Para": np.zeros((1, 7)),
        "Tex_Para": np.zeros((199, 1)),
    }
    stored = {key: value for key, value in (stored | changes).items() if value is not None}
    write_photo(folder / f"{stem}.png")
    savemat(folder / f"{stem}.mat", stored)


def test_points_pose_depth_and_crop_become_a_scene(tmp_path):
    write_face(tmp_path)
    scene = read_aflw2000(tmp_path)[0]
    assert_close(scene.landmarks[0], face_68() - 0.5)  # taken as counted from 1
    assert_close(scene.attributes["pose"], torch.tensor([[0.9, -0.1, 0.2]]))  # yaw first, as ours
    assert scene.attributes["depth"].shape == (1, 68)
    assert scene.attributes["depth"][0, 67] == 60
    assert scene.attributes["roi"].tolist() == [[10, 20, 460, 470]]
    points = face_68() - 0.5
    assert_close(scene.boxes[0], torch.cat((points.amin(dim=0), points.amax(dim=0))))


def test_where_the_first_pixel_lies_and_how_many_points_can_be_chosen(tmp_path):
    write_face(tmp_path)
    assert_close(read_aflw2000(tmp_path, shift=0)[0].landmarks[0], face_68())
    assert_close(read_aflw2000(tmp_path, points=5, shift=0)[0].landmarks[0], to5(face_68()))
    with pytest.raises(ValueError, match="^points: expected 5 or 68, got 21"):
        read_aflw2000(tmp_path, points=21)


def test_a_file_without_a_crop_has_nan_for_it_so_that_scenes_go_together(tmp_path):
    write_face(tmp_path, roi=None)
    assert torch.isnan(read_aflw2000(tmp_path)[0].attributes["roi"]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pt3d_68": None}, "has no variable pt3d_68; is this a file of AFLW2000-3D"),
        ({"Pose_Para": None}, "has no variable Pose_Para"),
        ({"pt3d_68": np.zeros((2, 68))}, r"pt3d_68 is float64 \(2, 68\), expected .* \(3, 68\)"),
        ({"Pose_Para": np.zeros((7, 1))}, r"Pose_Para is float64 \(7, 1\)"),
        ({"Pose_Para": np.array(["a"] * 7, object)[None]}, "Pose_Para is object"),
        ({"roi": np.zeros((1, 3))}, r"roi is float64 \(1, 3\)"),
        ({"pt3d_68": np.full((3, 68), np.nan)}, "pt3d_68 holds NaN or infinity"),
        ({"pt3d_68": np.ones((3, 68))}, "the points lie on one line or spot"),
    ],
)
def test_a_file_with_wrong_contents_is_named(tmp_path, changes, message):
    write_face(tmp_path, "bad", **changes)
    with pytest.raises(LabelError, match=f"bad.mat: {message}"):
        read_aflw2000(tmp_path)
    write_face(tmp_path, "good")
    faces = read_aflw2000(tmp_path, damaged="drop")
    assert faces.counts == {"read": 1, "repaired": 0, "dropped": 1}


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "pickle", "v7.3"])
def test_a_file_that_matlab_did_not_write_is_named(tmp_path, damage):
    write_face(tmp_path)
    path = tmp_path / "image00002.mat"
    whole = path.read_bytes()
    content = {
        "empty": b"",
        "text": b"version: 1\nn_points: 68\n" * 20,
        "cut": whole[:900],  # within pt3d_68
        "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
        "v7.3": whole[:124] + b"\x00\x02IM" + whole[128:],  # the version field of HDF5 files
    }[damage]
    path.write_bytes(content)
    with pytest.raises(LabelError, match="image00002.mat: (no Matlab file|a Matlab file of ver)"):
        read_aflw2000(tmp_path)


def test_a_label_without_photo_and_a_folder_without_labels_are_named(tmp_path):
    write_face(tmp_path)
    (tmp_path / "image00002.png").unlink()
    with pytest.raises(LabelError, match="image00002.mat: has no photo beside it"):
        read_aflw2000(tmp_path)
    with pytest.raises(LabelError, match="nowhere: there is no such folder"):
        read_aflw2000(tmp_path / "nowhere")
    (tmp_path / "none").mkdir()
    with pytest.raises(LabelError, match="none: holds no .mat files"):
        read_aflw2000(tmp_path / "none")


def test_the_official_protocols_run_on_what_is_read(tmp_path):
    for index, degrees in enumerate((10, -45, 80, 120)):
        pose = np.array(POSE, np.float32)
        pose[0, 1] = math.radians(degrees)
        write_face(tmp_path, f"image{index:05d}", Pose_Para=pose)
    scenes = list(read_aflw2000(tmp_path))
    truth = torch.cat([scene.landmarks for scene in scenes])
    pose = torch.cat([scene.attributes["pose"] for scene in scenes])
    verdict = aflw2000(truth + 1, truth, pose[:, 0])
    assert [row.count for row in verdict.bins.values()] == [1, 1, 2]
    size = (scenes[0].boxes[0, 2:] - scenes[0].boxes[0, :2]).prod().sqrt()
    assert verdict.balanced == pytest.approx(float(2**0.5 / size), rel=1e-4)
    judged = pose_error(pose + 0.1, pose)
    assert (judged.count, judged.left_out) == (3, 1)
    assert judged.mean == pytest.approx(0.1, rel=1e-4)
