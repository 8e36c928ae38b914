"""Alignment against known similarities, skimage, and points that are followed through a crop."""

import math

import cv2
import numpy as np
import pytest
import skimage.transform
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from facelab.geometry.alignment import (
    ARCFACE_TEMPLATE,
    align_face,
    align_faces,
    invert,
    template,
    transform_points,
    umeyama,
)
from facelab.images import ImageError


def similarity(scale: float, degrees: float, dx: float, dy: float) -> Tensor:
    angle = math.radians(degrees)
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    return torch.tensor([[c, -s, dx], [s, c, dy]], dtype=torch.float64)


def random_points(*shape: int, seed: int = 0) -> Tensor:
    return 200 * torch.rand(*shape, 2, generator=torch.Generator().manual_seed(seed))


def test_a_quarter_turn_is_found_by_hand():
    source = torch.tensor([[0.0, 0], [1, 0], [0, 1]])
    target = torch.tensor([[5.0, 5], [5, 7], [3, 5]])  # twice as large, x to y, y to -x
    assert_close(umeyama(source, target), torch.tensor([[0.0, -2, 5], [2, 0, 5]]))


@given(
    st.floats(0.05, 20),
    st.floats(-180, 180),
    st.floats(-300, 300),
    st.floats(-300, 300),
    st.integers(2, 8),
)
def test_a_known_similarity_is_recovered(scale, degrees, dx, dy, count):
    truth, points = similarity(scale, degrees, dx, dy), random_points(count).double()
    moved = transform_points(truth, points)
    found = umeyama(points, moved)
    assert_close(transform_points(found, points), moved, atol=1e-4, rtol=0)
    assert_close(found, truth, atol=1e-6, rtol=1e-6)


def test_mirrored_points_are_matched_by_a_rotation_never_a_reflection():
    source = random_points(100, 5)
    mirrored = source * torch.tensor([-1.0, 1.0])
    linear = umeyama(source, mirrored)[..., :2]
    assert (torch.det(linear) > 0).all()
    scale = torch.det(linear).sqrt()
    identity = scale.square()[:, None, None] * torch.eye(2)
    assert_close(linear @ linear.mT, identity, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_noisy_points_give_the_same_similarity_as_skimage(seed):
    source, target = random_points(5, seed=seed), random_points(5, seed=seed + 50)
    estimate = skimage.transform.SimilarityTransform.from_estimate(source.numpy(), target.numpy())
    expected = torch.from_numpy(estimate.params[:2]).float()
    assert_close(umeyama(source, target), expected, atol=1e-3, rtol=1e-4)


def test_no_similarity_nearby_fits_better():
    source, target = random_points(5, seed=1).double(), random_points(5, seed=2).double()
    found = umeyama(source, target)

    def error(matrix: Tensor) -> float:
        return (transform_points(matrix, source) - target).square().sum().item()

    for change in (similarity(1, 0.1, 0, 0), similarity(1.001, 0, 0, 0), similarity(1, 0, 0.1, 0)):
        square = torch.cat((found, torch.tensor([[0.0, 0, 1]], dtype=torch.float64)))
        assert error(change @ square) > error(found)


def test_a_batch_equals_its_members_and_broadcasts_the_target():
    source = random_points(3, 4, 5)
    batch = umeyama(source, ARCFACE_TEMPLATE)
    assert batch.shape == (3, 4, 2, 3) and batch.dtype == torch.float32
    assert_close(batch[1, 2], umeyama(source[1, 2], ARCFACE_TEMPLATE))
    assert umeyama(torch.zeros(0, 5, 2), ARCFACE_TEMPLATE).shape == (0, 2, 3)


def test_points_on_a_line_still_have_a_similarity():
    source = torch.tensor([[0.0, 0], [1, 1], [2, 2]])
    matrix = umeyama(source, 2 * source)
    assert_close(matrix, torch.tensor([[2.0, 0, 0], [0, 2, 0]]))


@pytest.mark.parametrize("bad", ["source", "target"])
def test_points_that_coincide_or_hold_nan_are_refused(bad):
    good = random_points(2, 5)
    for value, message in (
        (torch.full((2, 5, 2), 7.1), "2 sets of points coincide"),
        (torch.where(torch.arange(2)[:, None, None] == 0, torch.nan, good), "1 sets .* hold NaN"),
    ):
        pair = {"source": good, "target": good} | {bad: value}
        with pytest.raises(ValueError, match=f"^{bad}: {message}"):
            umeyama(**pair)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (torch.zeros(5, 3), torch.zeros(5, 2), r"^source: expected a tensor of shape"),
        (torch.rand(1, 2), torch.rand(1, 2), "^source: a similarity needs 2 points or more, got 1"),
        (torch.rand(5, 2), torch.rand(4, 2), "^target: expected 5 points, as in source, got 4"),
        (np.zeros((5, 2)), torch.rand(5, 2), "^source: expected a tensor .* got ndarray"),
    ],
)
def test_wrong_shapes_are_refused_by_name(source, target, message):
    with pytest.raises(ValueError, match=message):
        umeyama(source, target)


def test_the_template_has_the_published_numbers():
    assert template() is not ARCFACE_TEMPLATE
    assert_close(template(112), ARCFACE_TEMPLATE)
    assert_close(template(112)[2], torch.tensor([56.0252, 71.7366]))
    narrow = torch.tensor([30.2946, 65.5318, 48.0252, 33.5493, 62.7299])
    assert_close(template((112, 96))[:, 0], narrow)
    assert_close(template((112, 96))[:, 1], ARCFACE_TEMPLATE[:, 1])


def test_other_sizes_follow_the_scaling_rule():
    assert_close(template(224), 2 * ARCFACE_TEMPLATE)
    assert_close(template(56), ARCFACE_TEMPLATE / 2)
    wide = ARCFACE_TEMPLATE + torch.tensor([8.0, 0.0])
    assert_close(template(128), wide)
    assert_close(template(256), 2 * wide)
    assert_close(template(896), 8 * ARCFACE_TEMPLATE)  # a multiple of both: 112 goes first


@pytest.mark.parametrize("size", [0, -112, (112, 100)])
def test_sizes_without_a_template_are_refused(size):
    with pytest.raises(ValueError, match="^size: expected a side of at least 1 pixel"):
        template(size)


@given(st.floats(0.1, 10), st.floats(-180, 180), st.sampled_from([112, 128, 224, (112, 96)]))
def test_landmarks_go_to_the_template_and_back(scale, degrees, size):
    goal = template(size)
    landmarks = transform_points(similarity(scale, degrees, 300, 200).float(), goal)
    matrix = umeyama(landmarks, goal)
    assert_close(transform_points(matrix, landmarks), goal, atol=1e-3, rtol=0)
    assert_close(transform_points(invert(matrix), goal), landmarks, atol=5e-3, rtol=1e-5)


def test_the_template_goes_to_itself_within_a_ten_thousandth_of_a_pixel():
    matrix = umeyama(ARCFACE_TEMPLATE, template(112))
    assert_close(transform_points(matrix, ARCFACE_TEMPLATE), ARCFACE_TEMPLATE, atol=1e-4, rtol=0)
    assert_close(matrix, torch.eye(2, 3), atol=1e-6, rtol=0)


def test_a_matrix_times_its_inverse_changes_nothing_and_a_flat_one_is_refused():
    matrices = torch.stack([similarity(2, 30, 5, 6), similarity(0.3, -80, 1, 400)])
    points = random_points(2, 7).double()
    assert_close(transform_points(invert(matrices), transform_points(matrices, points)), points)
    with pytest.raises(ValueError, match="no inverse"):
        invert(torch.zeros(2, 3))
    with pytest.raises(ValueError, match=r"^matrix: expected a tensor of shape \(..., 2, 3\)"):
        invert(torch.eye(3))


def test_missing_points_stay_missing():
    points = torch.tensor([[1.0, 2.0], [torch.nan, torch.nan]])
    got = transform_points(torch.eye(2, 3), points)
    assert_close(got, points, equal_nan=True)


def portrait(landmarks: Tensor, size: tuple[int, int] = (400, 500)) -> np.ndarray:
    """A black photo with a soft spot at every landmark."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    light = np.zeros(size)
    for x, y in landmarks.tolist():
        light = np.maximum(light, np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2)))
    return np.repeat((255 * light).round().astype(np.uint8)[..., None], 3, axis=2)


def test_spots_at_the_landmarks_arrive_at_the_template():
    goal = template(112)
    landmarks = transform_points(similarity(2.0, 25, 200, 60).float(), goal)
    crop = align_face(portrait(landmarks), landmarks)
    assert crop.shape == (112, 112, 3) and crop.dtype == np.uint8
    rows, columns = np.mgrid[:112, :112]
    for x, y in goal.tolist():
        near = crop[..., 0] * ((columns - x) ** 2 + (rows - y) ** 2 < 36)
        found = (near * columns).sum() / near.sum(), (near * rows).sum() / near.sum()
        assert found == pytest.approx((x, y), abs=0.1)


def test_a_photo_that_is_already_aligned_comes_back_unchanged():
    photo = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    assert np.array_equal(align_face(photo, ARCFACE_TEMPLATE), photo)


def test_what_lies_outside_the_photo_is_black():
    white = np.full((60, 60, 3), 255, np.uint8)
    crop = align_face(white, ARCFACE_TEMPLATE)
    assert (crop[:59, :59] == 255).all()
    assert (crop[61:] == 0).all() and (crop[:, 61:] == 0).all()


@pytest.mark.parametrize(("size", "shape"), [(128, (128, 128, 3)), ((112, 96), (112, 96, 3))])
def test_crops_have_the_size_that_was_asked_for(size, shape):
    photo = np.zeros((200, 300, 3), np.uint8)
    assert align_face(photo, 50 + ARCFACE_TEMPLATE, size).shape == shape
    assert align_faces(photo, 50 + ARCFACE_TEMPLATE[None], size).shape == (1, *shape)


def test_a_mirrored_view_of_a_photo_can_be_aligned():
    photo = np.random.default_rng(0).integers(0, 256, (130, 150, 3), dtype=np.uint8)
    view = photo[:, ::-1]
    expected = align_face(view.copy(), 10 + ARCFACE_TEMPLATE)
    assert np.array_equal(align_face(view, 10 + ARCFACE_TEMPLATE), expected)


def test_a_face_at_the_far_end_of_a_very_wide_photo_is_found():
    photo = np.zeros((120, 40_000, 3), np.uint8)
    photo[:, 39_000:] = 90
    crop = align_face(photo, ARCFACE_TEMPLATE + torch.tensor([39_500.0, 0.0]))
    assert (crop == 90).all()


def test_a_face_without_landmarks_gives_a_black_crop_and_the_others_theirs():
    photo = np.full((200, 200, 3), 77, np.uint8)
    landmarks = torch.stack([30 + ARCFACE_TEMPLATE, torch.full((5, 2), torch.nan)])
    crops = align_faces(photo, landmarks)
    assert (crops[0] == 77).all() and (crops[1] == 0).all()
    assert align_faces(photo, torch.zeros(0, 5, 2)).shape == (0, 112, 112, 3)


def test_wrong_photos_and_landmarks_are_refused():
    photo = np.zeros((200, 200, 3), np.uint8)
    with pytest.raises(ValueError, match=r"^landmarks: expected shape \(5, 2\), got \(68, 2\)"):
        align_face(photo, torch.zeros(68, 2))
    with pytest.raises(ValueError, match="hold NaN"):
        align_face(photo, torch.full((5, 2), torch.nan))
    with pytest.raises(ValueError, match=r"^landmarks: expected shape \(N, 5, 2\), got \(5, 2\)"):
        align_faces(photo, ARCFACE_TEMPLATE)
    with pytest.raises(ImageError, match="grey"):
        align_face(photo[..., 0], ARCFACE_TEMPLATE)


def test_crops_of_a_real_portrait_agree_with_skimage_warping():
    photo = skimage.data.astronaut()
    landmarks = torch.tensor([[196.0, 110], [246, 108], [222, 140], [204, 164], [244, 163]])
    matrix = np.vstack([umeyama(landmarks, template()).numpy(), [0, 0, 1]])
    expected = skimage.transform.warp(
        photo, np.linalg.inv(matrix), output_shape=(112, 112), order=1, preserve_range=True
    )
    difference = np.abs(align_face(photo, landmarks).astype(float) - expected)
    assert difference.mean() < 1.0  # OpenCV places samples on a fine grid
    assert cv2.PSNR(align_face(photo, landmarks), expected.round().astype(np.uint8)) > 40
