"""Small meshes: closed, right way out, with maps that cover them."""

import numpy as np
import pytest

from facelab.humans.worn.meshes import (
    Mesh,
    box,
    curve,
    grid,
    loft,
    merge,
    normals,
    plate,
    smooth,
    tube,
)


def volume(mesh: Mesh) -> float:
    a, b, c = (mesh.positions[mesh.triangles[:, k]].astype(float) for k in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


def test_a_box_has_its_volume_and_faces_outwards():
    assert volume(box((2, 3, 4))) == pytest.approx(24, rel=1e-5)
    assert 22 < volume(box((2, 3, 4), bevel=0.2)) < 24


def test_a_tube_has_about_the_volume_of_a_cylinder():
    path = np.stack([np.zeros(9), np.linspace(0, 5, 9), np.zeros(9)], axis=1)
    mesh = tube(path, 0.5, sides=24, up=(0, 0, 1))
    assert volume(mesh) == pytest.approx(np.pi * 0.25 * 5, rel=0.2)
    assert volume(mesh.mirrored()) > 0
    flat = tube(path, 0.5, sides=24, up=(0, 0, 1), flat=0.5)
    assert np.ptp(flat.positions[:, 0]) > 1.8 * np.ptp(flat.positions[:, 2])


def test_the_side_u_a_quarter_of_a_tube_looks_up():
    path = np.float32([(0, 0, 0), (0, 1, 0), (0, 2, 0)])
    mesh = tube(path, 0.3, sides=8, up=(0, 0, 1), round_ends=(False, False))
    top = mesh.positions[np.isclose(mesh.uv[:, 0], 0.25)]
    assert (top[:, 2] > 0.29).all()


def test_a_capped_loft_is_closed():
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    ring = np.stack([np.cos(angle), 0 * angle, -np.sin(angle)], axis=1)
    mesh = loft(np.stack([ring, ring + (0, 2, 0)]), caps=True)
    assert volume(mesh) == pytest.approx(2 * np.pi, rel=0.05)


def test_a_closed_grid_doubles_its_seam_so_that_the_map_goes_round():
    points = np.zeros((3, 5, 3), np.float32)
    mesh = grid(points, closed=True)
    assert len(mesh.positions) == 3 * 6
    assert mesh.uv[:, 0].max() == 1 and mesh.uv[:, 0].min() == 0


def test_merging_keeps_triangles_with_their_corners():
    one, two = box((1, 1, 1)), box((1, 1, 1)).moved(shift=(5, 0, 0))
    both = merge([one, two])
    assert volume(both) == pytest.approx(2, rel=1e-5)
    last = both.positions[both.triangles[-1]]
    np.testing.assert_allclose(last, two.positions[two.triangles[-1]])


def test_a_curve_goes_through_its_points():
    points = np.float32([(0, 0, 0), (1, 2, 0), (3, 1, 1), (4, 4, 2)])
    drawn = curve(points, 31)
    assert drawn.shape == (31, 3)
    for point in points:
        assert np.linalg.norm(drawn - point, axis=1).min() < 1e-4


def test_normals_of_a_plate_look_to_the_front():
    corners = np.float32([(0, 0), (1, 0), (1, 1), (0, 1)])
    mesh = plate(corners, 0.1, -0.1)
    look = normals(mesh.positions, mesh.triangles)
    assert (look[:4, 2] > 0.9).all() and np.allclose(np.linalg.norm(look, axis=1), 1, atol=1e-3)


def test_a_smooth_step_is_flat_at_both_ends():
    np.testing.assert_allclose(smooth(np.array([-1, 0, 0.5, 1, 3]), 0, 1), [0, 0, 0.5, 1, 1])
