"""FacePoseNet's geometry: rotations, the camera, PnP, poses under 2-D maps, the generic head."""

import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from facelab.geometry.alignment import transform_points
from facelab.geometry.landmarks import MIRROR_68
from facelab.humans.rendering.posing import rotation as posing_rotation
from facelab.landmarks.faceposenet.camera import (
    angles,
    from_angles,
    mirrored,
    moved,
    project,
    rotation_matrices,
    rotation_vectors,
)
from facelab.landmarks.faceposenet.head import front_surface, generic_head, reference_points
from facelab.landmarks.faceposenet.pnp import solve_pnp


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_poses(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Poses as photos have them: up to a profile, nodding and leaning, off the middle."""
    draw = 2 * torch.rand(count, 6, generator=rng(seed), dtype=torch.float64) - 1
    turns = draw[:, :3] * torch.tensor([1.4, 0.6, 0.8], dtype=torch.float64)
    shifts = draw[:, 3:] * torch.tensor([0.6, 0.6, 5.0], dtype=torch.float64)
    return from_angles(turns), shifts + torch.tensor([0.0, 0.0, 14.0], dtype=torch.float64)


def similarity(turn: float, scale: float, x: float, y: float) -> Tensor:
    """A map about the crop's middle, then moved by (x, y)."""
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    linear = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    middle = torch.full((2,), 0.5, dtype=torch.float64)
    shift = middle - linear @ middle + torch.tensor([x, y], dtype=torch.float64)
    return torch.cat((linear, shift[:, None]), dim=1)


def test_a_quarter_turn_about_x_takes_y_to_z():
    matrix = rotation_matrices(torch.tensor([math.pi / 2, 0.0, 0.0], dtype=torch.float64))
    expected = torch.tensor([[1, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64)
    assert_close(matrix, expected)


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-4, 1.0, 3.0, math.pi - 1e-7])
def test_a_rotation_vector_comes_back_from_its_matrix(size: float):
    axis = torch.randn(200, 3, generator=rng(1), dtype=torch.float64)
    vectors = size * axis / axis.norm(dim=1, keepdim=True)
    assert_close(rotation_vectors(rotation_matrices(vectors)), vectors, atol=1e-9, rtol=0)


def test_half_a_turn_about_each_axis_is_not_lost():
    for axis in torch.eye(3, dtype=torch.float64):
        back = rotation_vectors(rotation_matrices(math.pi * axis))
        assert_close(back.abs(), math.pi * axis, atol=1e-6, rtol=0)


def test_the_matrix_has_a_true_derivative_also_at_zero():
    for start in (torch.zeros(2, 3), torch.randn(2, 3, generator=rng(2))):
        vectors = start.double().requires_grad_()
        assert torch.autograd.gradcheck(rotation_matrices, (vectors,))


def test_angles_mean_what_the_renderer_of_our_people_means():
    turns = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.4], [0.7, -0.4, 0.2]])
    axes = torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # the renderer has y up, z to the camera
    for turn, matrix in zip(turns, rotation_matrices(from_angles(turns)), strict=True):
        expected = torch.from_numpy(posing_rotation(*turn.tolist()))
        assert_close(axes @ matrix @ axes, expected, atol=1e-6, rtol=0)
    assert_close(angles(from_angles(turns)), turns, atol=1e-6, rtol=0)


def test_a_face_turned_to_its_left_shows_its_nose_further_right_in_the_image():
    turns = torch.tensor([[0.4, 0.0, 0.0], [0.0, 0.4, 0.0], [0.0, 0.0, 0.4]])
    away = torch.tensor([[0.0, 0.0, 14.0]]).expand(3, 3)
    ahead = project(reference_points(), torch.zeros(1, 3), away[:1])[0]
    left, up, lean = project(reference_points(), from_angles(turns), away)
    assert left[2, 0] > ahead[2, 0] + 0.1  # nose, x
    assert up[2, 1] < ahead[2, 1] - 0.1  # nose, y down
    assert lean[1, 1] < ahead[1, 1] < lean[0, 1]  # anticlockwise: the right eye rises


def test_a_point_twice_as_far_is_seen_half_as_far_from_the_middle():
    point = torch.tensor([[1.0, -0.5, 0.0]])
    near, far = project(point, torch.zeros(2, 3), torch.tensor([[0.0, 0, 5], [0.0, 0, 10]]))[:, 0]
    assert_close(near - 0.5, torch.tensor([1.0, -0.5]))  # focal 5 over distance 5
    assert_close(far - 0.5, (near - 0.5) / 2)


def test_the_generic_head_is_symmetric_and_looks_into_the_camera():
    head = generic_head()
    assert head.shape == (68, 3)
    assert_close(head[list(MIRROR_68)] * torch.tensor([-1.0, 1.0, 1.0]), head)
    assert head[30, 2] < head[:17, 2].min()  # the nose is nearer than the jaw
    assert head[8, 1] > head[27, 1]  # the chin is lower in the image than the bridge of the nose
    assert head[36, 0] < 0 < head[45, 0]


def test_pnp_finds_known_poses():
    rotations, translations = some_poses(300)
    points = project(generic_head().double(), rotations, translations)
    solved = solve_pnp(points)
    assert_close(solved.rotations, rotations, atol=1e-4, rtol=0)
    assert_close(solved.translations, translations, atol=1e-4, rtol=0)
    assert solved.residuals.max() < 1e-8


def test_pnp_finds_known_poses_from_float32_points():
    rotations, translations = some_poses(100, seed=3)
    solved = solve_pnp(project(generic_head().double(), rotations, translations).float())
    assert solved.rotations.dtype == torch.float32
    assert_close(solved.rotations.double(), rotations, atol=1e-4, rtol=0)


def test_pnp_finds_poses_from_five_points_and_from_half_of_68():
    rotations, translations = some_poses(100, seed=4)
    five = project(reference_points().double(), rotations, translations)
    assert_close(solve_pnp(five, reference_points()).rotations, rotations, atol=1e-4, rtol=0)
    points = project(generic_head().double(), rotations, translations)
    points[:, ::2] = torch.nan
    assert_close(solve_pnp(points).rotations, rotations, atol=1e-4, rtol=0)


def test_pnp_agrees_with_opencv_on_noisy_points():
    cv2 = pytest.importorskip("cv2")
    rotations, translations = some_poses(20, seed=5)
    points = project(generic_head().double(), rotations, translations)
    points += 0.01 * torch.randn(points.shape, generator=rng(5), dtype=torch.float64)
    ours = solve_pnp(points)
    camera = torch.tensor([[5.0, 0, 0.5], [0, 5.0, 0.5], [0, 0, 1]]).double().numpy()
    head = generic_head().double().numpy()
    for row in range(len(points)):
        start = (rotations[row].numpy().copy(), translations[row].numpy().copy())
        _, turn, shift = cv2.solvePnP(
            head, points[row].numpy(), camera, None, *start, useExtrinsicGuess=True
        )
        assert_close(ours.rotations[row], torch.from_numpy(turn[:, 0]), atol=1e-4, rtol=0)
        assert_close(ours.translations[row], torch.from_numpy(shift[:, 0]), atol=1e-3, rtol=0)


def test_a_point_of_no_weight_cannot_spoil_a_pose():
    rotations, translations = some_poses(10, seed=6)
    points = project(generic_head().double(), rotations, translations)
    points[:, 0] += 0.3
    weights = torch.ones(10, 68)
    weights[:, 0] = 0
    assert_close(solve_pnp(points, weights=weights).rotations, rotations, atol=1e-4, rtol=0)
    assert (solve_pnp(points).rotations - rotations).abs().max() > 1e-3


def test_a_face_of_four_points_has_no_pose_and_does_not_disturb_the_others():
    rotations, translations = some_poses(3, seed=7)
    points = project(generic_head().double(), rotations, translations)
    points[1, 4:] = torch.nan
    solved = solve_pnp(points)
    assert solved.rotations[1].isnan().all() and solved.residuals[1].isnan()
    assert_close(solved.rotations[[0, 2]], rotations[[0, 2]], atol=1e-4, rtol=0)


def test_no_faces_have_no_poses():
    solved = solve_pnp(torch.zeros(0, 68, 2))
    assert solved.rotations.shape == (0, 3) and solved.residuals.shape == (0,)


def test_a_label_mapped_through_a_turn_is_exact():
    rotations, translations = some_poses(50, seed=8)
    turn = similarity(0.7, 1.0, 0.0, 0.0)
    points = project(generic_head().double(), rotations, translations)
    after = project(generic_head().double(), *moved(rotations, translations, turn))
    assert_close(after, transform_points(turn, points), atol=1e-9, rtol=0)


@pytest.mark.parametrize("change", [(0.3, 1.1, 0.06, -0.05), (0.0, 0.85, -0.08, 0.08)])
def test_projecting_a_mapped_label_is_mapping_the_projection(change):
    rotations, translations = some_poses(50, seed=9)
    change = similarity(*change)
    points = project(generic_head().double(), rotations, translations)
    expected = transform_points(change, points)
    after = project(generic_head().double(), *moved(rotations, translations, change))
    error = (after - expected).norm(dim=-1)
    assert error.mean() < 0.004  # of the crop's side: a quarter of a pixel of 64
    least = solve_pnp(expected)  # the fixed camera cannot do better than this
    best = project(generic_head().double(), least.rotations, least.translations) - expected
    assert error.square().mean().sqrt() < 4 * best.norm(dim=-1).square().mean().sqrt() + 1e-3
    unmoved = (points - expected).norm(dim=-1).mean()
    assert error.mean() < 0.1 * unmoved


def test_one_map_serves_all_faces_or_each_has_its_own():
    rotations, translations = some_poses(2, seed=10)
    change = similarity(0.1, 1.2, 0.0, 0.1)
    one = moved(rotations, translations, change)
    two = moved(rotations, translations, torch.stack((change, change)))
    assert_close(one, two)


def test_a_mirrored_pose_shows_the_mirrored_points():
    rotations, translations = some_poses(50, seed=11)
    points = project(generic_head().double(), rotations, translations)
    after = project(generic_head().double(), *mirrored(rotations, translations))
    flipped = points[:, list(MIRROR_68)] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    assert_close(after, flipped, atol=1e-6, rtol=0)
    assert_close(
        angles(mirrored(rotations, translations)[0]),
        angles(rotations) * torch.tensor([-1.0, 1.0, -1.0]).double(),
    )


def test_the_front_surface_shows_the_nose_tip_where_it_is():
    points, normals = front_surface(64, scale=20.0, middle=(32.0, 32.0))
    tip = generic_head()[30]
    column, row = (tip[:2] * 20 + 32).floor().int().tolist()
    assert (points[row, column] - tip).norm() < 0.06  # a pixel is 0.05 dm
    assert normals[row, column, 2] < -0.7  # towards the camera
    assert points[0, 0].isnan().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rotation_matrices(torch.zeros(3, 4)), r"rotations: .*\(3, 4\)"),
        (lambda: rotation_vectors(torch.zeros(3, 2)), r"matrices: .*\(3, 2\)"),
        (lambda: from_angles(torch.zeros(2)), r"turns: .*\(2,\)"),
        (lambda: project(torch.zeros(5, 2), torch.zeros(1, 3), torch.zeros(1, 3)), "points"),
        (lambda: project(torch.zeros(5, 3), torch.zeros(1, 3), torch.zeros(2, 3)), "translations"),
        (lambda: moved(torch.zeros(1, 3), torch.ones(1, 3), torch.zeros(2, 3)), "similar|turns"),
        (lambda: moved(torch.zeros(1, 3), torch.ones(1, 3), torch.zeros(3, 2, 3)), "3 maps for 1"),
        (lambda: solve_pnp(torch.zeros(1, 5, 2)), r"head: expected \(5, 3\)"),
        (lambda: solve_pnp(torch.zeros(5, 2)), r"points: .*\(5, 2\)"),
        (lambda: solve_pnp(torch.zeros(1, 68, 2), weights=-torch.ones(1, 68)), "below 0"),
        (lambda: solve_pnp(torch.zeros(1, 68, 2), weights=torch.ones(68)), "weights: expected"),
    ],
)
def test_what_is_wrong_is_named(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_mirroring_map_is_refused():
    flip = torch.tensor([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    with pytest.raises(ValueError, match="mirrored"):
        moved(torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 14.0]]), flip)
