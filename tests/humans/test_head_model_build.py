"""How the head model is made: thinning and symmetry on small meshes, and a small model from the
people's assets where they are."""

import numpy as np
import pytest
import torch

pytest.importorskip("numba", reason="people need facelab[render]")

from facelab.engine.weights import read_tensors, save_tensors
from facelab.humans import assets
from facelab.humans.head_model import HeadModel, build, topology
from facelab.humans.head_model.model import FILE

needs_assets = pytest.mark.skipif(
    not assets.available(), reason="the people's assets are not there (FACELAB_HUMANS_ASSETS)"
)


def grid(side: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """A flat sheet with x from 0 to 1, its triangles facing +z."""
    steps = np.linspace(0, 1, side)
    x, y = np.meshgrid(steps, 1 - steps)
    points = np.stack([x.ravel(), y.ravel(), np.zeros(side * side)], axis=1)
    return points, topology.sheet(side, side)


def area(points: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (points[faces[:, k]] for k in range(3))
    return float(np.cross(b - a, c - a)[:, 2].sum() / 2)  # counts turned triangles against it


def test_a_thinned_sheet_keeps_area_border_and_chosen_vertices():
    points, faces = grid()
    kept = [40, 0, 8, 72, 80]  # the middle and the corners
    thinned = topology.thin(points, faces, spacing=np.ones(81), kept=kept, num_vertices=40)
    assert len(np.unique(thinned)) == 40
    assert set(kept) <= set(thinned.ravel().tolist())
    border = np.unique(topology.boundary_edges(thinned))
    assert all(points[v, 0] in (0, 1) or points[v, 1] in (0, 1) for v in border)
    assert area(points, thinned) == pytest.approx(area(points, faces), rel=1e-9)


def test_vertices_stay_where_a_small_spacing_is_wanted():
    points, faces = grid()
    spacing = np.where(points[:, 0] < 0.45, 0.05, 0.5)
    thinned = topology.thin(points, faces, spacing=spacing, kept=[], num_vertices=50)
    left = points[np.unique(thinned), 0] < 0.45
    assert left.sum() >= 34  # of 36


def test_thinning_stops_when_nothing_more_can_go():
    points, faces = grid(3)
    thinned = topology.thin(points, faces, spacing=np.ones(9), kept=range(9), num_vertices=2)
    assert sorted(map(tuple, thinned.tolist())) == sorted(map(tuple, faces.tolist()))


def test_a_point_without_a_mirror_image_is_named():
    points = np.array([[0.0, 1.0, 0.0], [0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]])
    assert topology.mirror_of(points).tolist() == [0, 2, 1]
    with pytest.raises(ValueError, match="point 1 .* no mirror image"):
        topology.mirror_of(points[:2])


def test_an_eyeball_looks_forward_and_its_triangles_outwards():
    points, faces = topology.eyeball((0.3, 0.9, 1.5), 8)
    assert points.shape == (25, 3)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1)
    a, b, c = (points[faces[:, k]] for k in range(3))
    assert (np.einsum("tc,tc->t", np.cross(b - a, c - a), a + b + c) > 0).all()
    rim = np.unique(topology.boundary_edges(faces))
    assert rim.tolist() == list(range(17, 25))


def test_half_a_head_unfolds_into_a_closed_whole():
    half = np.array([[0, 1, 2]])  # 0 and 1 on the axis, 2 beside it, 3 its mirror image
    whole = topology.unfold(half, np.array([0, 1, 3, 2]))
    assert whole.tolist() == [[0, 1, 2], [3, 1, 0]]
    assert (0, 1) not in {tuple(edge) for edge in topology.boundary_edges(whole).tolist()}


@pytest.fixture(scope="module")
def small() -> tuple[dict[str, torch.Tensor], dict]:
    return build.build(40)


@needs_assets
@pytest.mark.slow
def test_a_small_build_gives_a_working_model_and_honest_figures(small):
    tensors, card = small
    model = HeadModel(tensors, card)
    assert model.num_shape == build.SHAPES or model.num_shape < 72
    assert model.num_vertices == len(model.mirror) <= 3000
    rows = card["accuracy"]
    assert rows[0]["components"] == 0 and rows[-1]["mean_mm"] < rows[0]["mean_mm"] / 3
    assert rows[-1]["worst_person_mm"] >= rows[-1]["mean_mm"]
    text = build.table(card)
    assert f"{rows[-1]['mean_mm']:.2f} mm" in text
    vertices, colours = model.build(model.sample(torch.Generator().manual_seed(0), 2))
    assert bool(torch.isfinite(vertices).all()) and bool(torch.isfinite(colours).all())


@needs_assets
@pytest.mark.slow
def test_the_same_people_give_the_same_file(small, tmp_path, capsys):
    path = tmp_path / "head.safetensors"
    assert build.main(["--people", "40", "--out", str(path)]) == 0
    assert "mean distance" in capsys.readouterr().out
    again = HeadModel.load(path)
    first = HeadModel(*small)
    for name, value in first.named_buffers():
        assert torch.equal(value.nan_to_num(), again.get_buffer(name).nan_to_num()), name
    assert {**again.card} == {**small[1]}


@needs_assets
@pytest.mark.slow
def test_the_shipped_landmarks_are_those_of_the_people_and_can_be_written_again(tmp_path, capsys):
    path = tmp_path / "head.safetensors"
    tensors, card = read_tensors(FILE)
    save_tensors(path, tensors | {"landmarks": tensors["landmarks"].flip(0)}, card)
    for said in ("landmarks mended", "landmarks as they should be"):
        assert build.main(["--landmarks", str(path)]) == 0
        assert said in capsys.readouterr().out
    again, card_again = read_tensors(path)
    assert card_again == card
    for name, value in tensors.items():
        assert torch.equal(value.nan_to_num(), again[name].nan_to_num()), name
    save_tensors(path, tensors | {"triangles": tensors["triangles"][:-1]}, card)
    assert build.main(["--landmarks", str(path)]) == 1
    assert "build it anew" in capsys.readouterr().err


@needs_assets
def test_too_few_people_and_a_missing_folder_are_refused(tmp_path, capsys):
    assert build.main(["--people", "5", "--out", str(tmp_path / "x.safetensors")]) == 1
    assert "at least 40 are needed, got 5" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        build.main(["--out", str(tmp_path / "no" / "x.safetensors")])


def test_without_the_assets_the_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(assets.VARIABLE, str(tmp_path))
    assets.body.cache_clear()
    assets._archive.cache_clear()
    assert build.main(["--people", "40", "--out", str(tmp_path / "x.safetensors")]) == 1
    assert "lacks humans.npz" in capsys.readouterr().err
