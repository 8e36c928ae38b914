"""Windows that MTCNN learns from: which kind each is, what it should answer, how it is cut out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from facelab.detection.mtcnn.losses import LANDMARK, NEGATIVE, PART, POSITIVE
from facelab.detection.mtcnn.targets import (
    UNUSED,
    Samples,
    kinds_of,
    random_windows,
    samples_of,
    windows_round_faces,
)
from facelab.geometry.boxes import box_iou, decode_corners, decode_landmarks_corner
from facelab.types import Scene

FACE = torch.tensor([[20.0, 20.0, 60.0, 60.0]])
POINTS = torch.tensor([[[30.0, 35], [50, 35], [40, 45], [32, 52], [48, 52]]])


def scene(boxes=FACE, landmarks=POINTS, ignore=None, size=(120, 160)):
    ramp = np.arange(size[0] * size[1] * 3, dtype=np.uint8).reshape(*size, 3)
    nothing = torch.zeros(0, 4)
    return Scene(ramp, boxes, landmarks, ignore=nothing if ignore is None else ignore)


def moved(x, y=0.0):
    return FACE + torch.tensor([x, y, x, y])


def test_windows_are_sorted_by_their_largest_overlap():
    # a window moved by d of 40 pixels overlaps by (40 - d) / (40 + d)
    windows = torch.cat([moved(x) for x in (0, 8, 9, 17, 18, 21, 22, 80)])
    kind, face = kinds_of(windows, scene())
    used = [POSITIVE, POSITIVE, PART, PART, UNUSED, UNUSED, NEGATIVE, NEGATIVE]
    assert kind.tolist() == used
    assert face.tolist() == [0] * 8


def test_a_window_belongs_to_the_face_that_it_overlaps_most():
    two = torch.cat((FACE, moved(30)))
    kind, face = kinds_of(torch.cat((moved(2), moved(27), moved(15))), scene(two, None))
    assert face[:2].tolist() == [0, 1]
    assert kind.tolist() == [POSITIVE, POSITIVE, PART]


def test_near_an_ignored_face_nothing_is_negative_but_a_counted_face_stays_one():
    ignored = moved(70)
    windows = torch.cat((moved(70), moved(75), moved(110), FACE))
    kind, _ = kinds_of(windows, scene(ignore=ignored))
    assert kind.tolist() == [UNUSED, UNUSED, NEGATIVE, POSITIVE]


def test_in_a_scene_without_faces_all_windows_are_negative():
    nobody = scene(torch.zeros(0, 4), torch.zeros(0, 5, 2))
    kind, face = kinds_of(torch.cat((FACE, moved(9))), nobody)
    assert kind.tolist() == [NEGATIVE, NEGATIVE]
    assert face.tolist() == [0, 0]
    samples = samples_of(nobody, FACE, 12)
    assert samples.kind.tolist() == [NEGATIVE]
    assert len(samples_of(nobody, FACE, 12, landmarks=True)) == 0
    assert len(windows_round_faces(nobody.boxes, np.random.default_rng(0))) == 0


def test_random_windows_are_squares_inside_the_photo_and_five_touch_each_face():
    two = torch.cat((FACE, torch.tensor([[100.0, 10, 150, 60]])))
    photo = scene(two, None)
    windows = random_windows(photo, np.random.default_rng(0), anywhere=200)
    assert windows.shape == (210, 4)
    sides = windows[:, 2:] - windows[:, :2]
    assert_close(sides[:, 0], sides[:, 1], atol=1e-3, rtol=0)
    assert sides.min() >= 12 - 1e-3 and sides.max() <= 60 + 1e-3
    assert sides[:200].max() > 50 and sides[:200].min() < 16
    assert windows.min() >= -1e-3
    assert windows[:, 2].max() <= 160 + 1e-3 and windows[:, 3].max() <= 120 + 1e-3
    overlap = box_iou(windows[200:], two)
    assert (overlap[:5, 0] > 0).all() and (overlap[5:, 1] > 0).all()
    assert windows[:200, 0].max() > 120 and windows[:200, 1].max() > 80  # everywhere


def test_a_photo_that_is_too_narrow_has_no_random_windows():
    narrow = scene(torch.zeros(0, 4), None, size=(11, 200))
    assert random_windows(narrow, np.random.default_rng(0)).shape == (0, 4)


def test_windows_round_faces_are_positives_and_parts_of_their_face():
    two = torch.cat((FACE, torch.tensor([[90.0, 20, 120, 70]])))
    photo = scene(two, None)
    windows = windows_round_faces(two, np.random.default_rng(0), count=100)
    kind, face = kinds_of(windows, photo)
    assert face.tolist() == [0] * 100 + [1] * 100
    sides = windows[:, 2:] - windows[:, :2]
    assert_close(sides[:, 0], sides[:, 1], atol=1e-3, rtol=0)
    assert 32 - 1e-3 <= sides[:100].min() < 35 and 47 < sides[:100].max() <= 50 + 1e-3
    assert 24 - 1e-3 <= sides[100:].min() < 28 and 58 < sides[100:].max() <= 62.5 + 1e-3
    for share, least in ((kind == POSITIVE, 40), (kind == PART, 60)):
        assert int(share.sum()) > least


def test_targets_lead_from_the_window_to_the_face():
    windows = torch.cat((moved(4, -3), moved(12), moved(80)))
    samples = samples_of(scene(), windows, 24)
    assert samples.kind.tolist() == [POSITIVE, PART, NEGATIVE]
    assert_close(decode_corners(samples.deltas[:2], windows[:2]), FACE.expand(2, 4))
    assert_close(samples.deltas[0], torch.tensor([-0.1, 0.075, -0.1, 0.075]))
    assert samples.deltas[2].isnan().all() and samples.landmarks.isnan().all()


def test_landmark_samples_are_the_positives_whose_points_are_known():
    two = torch.cat((FACE, moved(60)))
    points = torch.cat((POINTS, torch.full((1, 5, 2), torch.nan)))
    windows = torch.cat((moved(3), moved(61), moved(14), moved(0, 2)))
    samples = samples_of(scene(two, points), windows, 48, landmarks=True)
    assert samples.kind.tolist() == [LANDMARK, LANDMARK]
    x_then_y = samples.landmarks.view(2, 2, 5).transpose(1, 2)
    assert_close(decode_landmarks_corner(x_then_y, windows[[0, 3]]), POINTS.expand(2, 5, 2))
    assert samples.deltas.isnan().all()


def test_crops_are_those_that_the_detector_cuts_out():
    photo = scene()
    windows = torch.tensor([[100.0, 60, 124, 84], [-12.0, 30, 12, 54]])
    samples = samples_of(photo, windows, 24)
    assert samples.crops.dtype == torch.uint8 and samples.crops.shape == (2, 3, 24, 24)
    same = torch.from_numpy(photo.image[60:84, 100:124]).permute(2, 0, 1)
    assert_close(samples.crops[0], same, atol=1, rtol=0)
    assert (samples.crops[1, :, :, :12] == 0).all()  # beyond the border: black


def test_samples_are_selected_and_joined_by_rows():
    samples = samples_of(scene(), torch.cat((moved(0), moved(80), moved(12))), 12)
    part = samples.select(samples.kind != NEGATIVE)
    assert part.kind.tolist() == [POSITIVE, PART]
    both = Samples.join([part, samples.select(torch.tensor([1]))])
    assert both.kind.tolist() == [POSITIVE, PART, NEGATIVE]
    assert_close(both.crops[2], samples.crops[1])
    assert len(both) == 3


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_generator_draws_the_same_windows(seed):
    draws = [random_windows(scene(), np.random.default_rng(seed)) for _ in range(2)]
    assert torch.equal(*draws)
    assert not torch.equal(draws[0], random_windows(scene(), np.random.default_rng(seed + 1)))
