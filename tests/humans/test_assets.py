"""The files people are made of: found, read, and missed with a helpful error."""

import shutil

import numpy as np
import pytest

from facelab.humans import assets
from facelab.humans.assets import AssetsError

needs_assets = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)


@pytest.fixture
def fresh():
    """Nothing read before or during the test is kept."""
    kept = (assets.body, assets.targets, assets.part, assets.texture, assets._archive)
    for one in kept:
        one.cache_clear()
    yield
    for one in kept:
        one.cache_clear()


def test_a_missing_folder_is_named_with_the_command_that_makes_it(tmp_path, monkeypatch):
    monkeypatch.setenv(assets.VARIABLE, str(tmp_path))
    with pytest.raises(AssetsError, match=r"facelab data humans-assets") as caught:
        assets.folder()
    assert str(tmp_path) in str(caught.value)
    assert not assets.available()


@needs_assets
def test_a_damaged_archive_is_named(tmp_path, monkeypatch, fresh):
    for name in ("humans.npz", "extra.npz"):
        shutil.copy(assets.folder() / name, tmp_path / name)
    (tmp_path / "humans.npz").write_bytes(b"not an archive")
    monkeypatch.setenv(assets.VARIABLE, str(tmp_path))
    with pytest.raises(AssetsError, match=r"humans\.npz cannot be read"):
        assets.body()


@needs_assets
def test_a_damaged_or_missing_picture_is_named(tmp_path, monkeypatch, fresh):
    for name in ("humans.npz", "extra.npz"):
        shutil.copy(assets.folder() / name, tmp_path / name)
    (tmp_path / "eyes").mkdir()
    (tmp_path / "eyes" / "brown.jpg").write_bytes(b"not a picture")
    monkeypatch.setenv(assets.VARIABLE, str(tmp_path))
    for name in ("eyes/brown.jpg", "eyes/green.jpg"):
        with pytest.raises(AssetsError, match=name):
            assets.texture(name)


@needs_assets
def test_landmarks_of_the_mean_person_lie_where_they_belong():
    body = assets.body()
    points = body.base[body.landmarks]
    assert points[8, 1] == points[:, 1].min()  # the chin is the lowest
    assert points[30, 2] > np.delete(points[:, 2], [29, 30, 31, 32, 33, 34, 35]).max()  # the nose
    assert (points[36:42, 0] < 0).all() and (points[42:48, 0] > 0).all()  # image left: own right


@needs_assets
def test_the_jaw_line_is_smooth_in_space_and_symmetric():
    body = assets.body()
    line = body.base[np.array(assets.JAW)].astype(float)
    np.testing.assert_allclose(line[::-1] * (-1, 1, 1), line, atol=2e-3)
    assert (np.diff(line[:9, 1]) < 0).all()  # from the ear down to the chin
    steps = np.diff(line, axis=0)
    turns = np.einsum("kx,kx->k", steps[1:], steps[:-1])
    turns /= np.linalg.norm(steps[1:], axis=1) * np.linalg.norm(steps[:-1], axis=1)
    assert np.degrees(np.arccos(turns)).max() < 60  # frontal marks alone turned back: 90 and more
    assert (np.diff(line[2:9, 2]) > 0).all()  # from below the ear forwards, never back


@needs_assets
def test_labels_and_drawing_go_by_the_same_vertices_but_on_the_jaw():
    body = assets.body()
    assert tuple(body.landmarks[:17]) == assets.JAW
    np.testing.assert_array_equal(body.landmarks[17:], body.anchors[17:])
    for end in (0, 8, 16):
        assert body.landmarks[end] == body.anchors[end]


@needs_assets
def test_a_part_moves_with_the_body():
    body = assets.body()
    still = assets.fitted("eyes", body.base)
    moved = assets.fitted("eyes", body.base + np.float32((0.5, -1, 0.25)))
    np.testing.assert_allclose(moved - still, np.tile((0.5, -1, 0.25), (len(still), 1)), atol=1e-4)


@needs_assets
def test_halved_maps_keep_their_mean():
    full, half = assets.texture("eyes/brown.jpg"), assets.texture("eyes/brown.jpg", 1)
    assert half.shape[0] == full.shape[0] // 2
    np.testing.assert_allclose(half.mean(axis=(0, 1)), full.mean(axis=(0, 1)), rtol=1e-3)
