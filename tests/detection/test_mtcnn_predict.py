"""The cascade on real photos, against a slow oracle that follows the specification box by box."""

import math

import cv2
import numpy as np
import pytest
import torch
from torchvision.ops import nms as oracle_nms

from facelab import samples
from facelab.detection.mtcnn import predict
from facelab.detection.mtcnn.conventions import HalfOpen
from facelab.detection.mtcnn.weights import load
from facelab.geometry.pyramid import MipMaps, pyramid_scales
from facelab.images import ImageError

DETECTOR = load("public")
ASTRONAUT = samples.photo("astronaut")
FACE = torch.tensor([[178.0, 60.0, 268.0, 175.0]])  # the astronaut's, looked at


def test_the_astronauts_face_and_its_landmarks_are_found():
    faces = DETECTOR.with_options(min_face=40)(ASTRONAUT)
    assert len(faces) == 1
    assert faces.scores[0] > 0.999
    assert (faces.boxes - FACE).abs().max() < 10
    eye_left, eye_right, nose, mouth_left, mouth_right = faces.landmarks[0].tolist()
    assert eye_left == pytest.approx([205, 102], abs=5)
    assert eye_right == pytest.approx([247, 104], abs=5)
    assert nose == pytest.approx([226, 129], abs=6)
    assert mouth_left[0] < nose[0] < mouth_right[0]
    assert min(mouth_left[1], mouth_right[1]) > nose[1]


def slow_cascade(photo, config):
    """Every rule of the specification, one box at a time; crops and levels come from `MipMaps`."""
    mipmaps, candidates = MipMaps(photo), []
    scale = 12 / config.min_face
    while min(photo.shape[:2]) * scale >= 12:
        height, width = math.ceil(photo.shape[0] * scale), math.ceil(photo.shape[1] * scale)
        output = DETECTOR.pnet(mipmaps.resize(height, width))
        scores, level = output.logits.softmax(dim=1)[0, 1], []
        for row in range(scores.shape[0]):
            for col in range(scores.shape[1]):
                if scores[row, col] >= config.thresholds[0]:
                    window = [
                        2 * col / scale,
                        2 * row / scale,
                        (2 * col + 12) / scale,
                        (2 * row + 12) / scale,
                    ]
                    level.append(
                        (window, scores[row, col].item(), output.deltas[0, :, row, col].tolist())
                    )
        candidates += suppressed(level, config.nms_thresholds[0])
        scale *= config.factor
    boxes = [
        squared(moved(box, delta))
        for box, _, delta in suppressed(candidates, config.nms_thresholds[1])
    ]
    for net, size, stage in ((DETECTOR.rnet, 24, 1), (DETECTOR.onet, 48, 2)):
        looked_at = []
        for box in boxes:
            output = net(mipmaps.crops(torch.tensor([box]), size))
            score = output.logits.softmax(dim=1)[0, 1].item()
            if score > config.thresholds[stage]:
                looked_at.append((box, score, output.deltas[0].tolist(), output.landmarks))
        if stage == 1:
            kept = suppressed(looked_at, config.nms_thresholds[2])
            boxes = [squared(moved(box, delta)) for box, _, delta, _ in kept]
    return final(looked_at, config.nms_thresholds[3])


def suppressed(found, threshold):
    if not found:
        return []
    boxes = torch.tensor([item[0] for item in found])
    keep = oracle_nms(boxes, torch.tensor([item[1] for item in found]), threshold)
    return [found[index] for index in keep.tolist()]


def moved(box, delta):
    width, height = box[2] - box[0], box[3] - box[1]
    return [
        box[0] + delta[0] * width,
        box[1] + delta[1] * height,
        box[2] + delta[2] * width,
        box[3] + delta[3] * height,
    ]


def squared(box):
    width, height = box[2] - box[0], box[3] - box[1]
    side = max(width, height)
    left, top = box[0] + (width - side) / 2, box[1] + (height - side) / 2
    return [left, top, left + side, top + side]


def final(found, threshold):
    kept = []
    for box, score, delta, landmarks in sorted(found, key=lambda item: -item[1]):
        width, height = box[2] - box[0], box[3] - box[1]
        points = [
            (box[0] + width * landmarks[0, k].item(), box[1] + height * landmarks[0, k + 5].item())
            for k in range(5)
        ]
        candidate = moved(box, delta)
        if all(min_overlap(candidate, other) <= threshold for other, _, _ in kept):
            kept.append((candidate, score, points))
    return kept


def min_overlap(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return width * height / min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))


@torch.inference_mode()
@pytest.mark.parametrize(
    "photo", [ASTRONAUT[:260, 100:330], samples.photo("grace_hopper")[40:500:2, 60:500:2]]
)
def test_faces_equal_those_of_a_slow_cascade_that_follows_the_specification(photo):
    detector = DETECTOR.with_options(min_face=24)
    expected, faces = slow_cascade(photo, detector.config), detector(photo)
    assert len(faces) == len(expected) > 0
    for true_box, true_score, true_points in expected:  # equal scores may swap places
        nearest = (faces.boxes - torch.tensor(true_box)).abs().sum(dim=1).argmin()
        assert faces.boxes[nearest].tolist() == pytest.approx(true_box, abs=0.02)
        assert faces.scores[nearest].item() == pytest.approx(true_score, abs=1e-4)
        np.testing.assert_allclose(faces.landmarks[nearest], true_points, atol=0.02)


def test_windows_are_those_of_the_formula_to_the_last_bit():
    # Neighbours overlap by exactly 1/2 or so: another rounding would flip verdicts of suppression.
    rows, cols = torch.arange(40), torch.arange(40).flip(0)
    for scale in pyramid_scales(480, 640, min_face=20, factor=0.709):
        expected = torch.stack([2 * cols, 2 * rows, 2 * cols + 12, 2 * rows + 12], dim=1) / scale
        boxes = HalfOpen(ASTRONAUT).windows(rows, cols, torch.full((40,), scale))
        assert boxes.dtype == torch.float32
        assert torch.equal(boxes, expected)


def test_the_stages_hand_on_what_they_keep():
    trace = DETECTOR.trace(ASTRONAUT)
    pnet, rnet, onet = (trace.stages[name] for name in ("pnet", "rnet", "onet"))
    assert pnet.looked_at == sum(level.windows for level in trace.levels)
    assert len(pnet.passed) == sum(level.passed for level in trace.levels)
    assert (rnet.looked_at, onet.looked_at) == (len(pnet.kept), len(rnet.kept))
    for stage, threshold in ((pnet, 0.6), (rnet, 0.7), (onet, 0.7)):
        assert stage.looked_at > len(stage.passed) > len(stage.kept) > 0
        assert stage.passed.scores.min() >= threshold
        torch.testing.assert_close(stage.kept.scores, stage.passed.scores[stage.keep])
    sides = pnet.kept.boxes[:, 2:] - pnet.kept.boxes[:, :2]
    torch.testing.assert_close(sides[:, 0], sides[:, 1], atol=1e-3, rtol=0)
    assert trace.faces is onet.kept
    assert rnet.macs == rnet.looked_at * 1_530_768


def test_calibrating_before_suppression_is_an_option_and_changes_the_proposals():
    late = DETECTOR.trace(ASTRONAUT).stages["pnet"].kept
    early = DETECTOR.with_options(calibrate_first=True).trace(ASTRONAUT).stages["pnet"].kept
    assert len(early) != len(late)
    assert len(DETECTOR.with_options(calibrate_first=True, min_face=40)(ASTRONAUT)) == 1


@pytest.mark.parametrize("compat", [None, "facenet"])
def test_strips_and_small_batches_change_nothing(compat, monkeypatch):
    detector = DETECTOR.with_options(compat=compat)
    whole = detector(ASTRONAUT)
    monkeypatch.setattr(predict, "CELLS", 700)
    monkeypatch.setattr(predict, "BATCH", {24: 7, 48: 3})
    parts = detector(ASTRONAUT)
    torch.testing.assert_close(parts.boxes, whole.boxes, atol=1e-2, rtol=0)
    torch.testing.assert_close(parts.scores, whole.scores, atol=1e-4, rtol=0)


def test_a_face_cut_by_the_border_is_found():
    photo = np.ascontiguousarray(ASTRONAUT[85:, :])  # through the forehead
    faces = DETECTOR.with_options(min_face=40)(photo)
    assert len(faces) == 1
    assert (faces.boxes[0] - torch.tensor([178.0, -25, 268, 90])).abs().max() < 25


def test_faces_below_the_smallest_size_are_not_found():
    small = cv2.resize(
        ASTRONAUT, (100, 100), interpolation=cv2.INTER_AREA
    )  # the face is about 20 pixels
    assert len(DETECTOR.with_options(min_face=12)(small)) == 1
    assert len(DETECTOR.with_options(min_face=60)(small)) == 0


@pytest.mark.parametrize("compat", [None, "facenet"])
@pytest.mark.parametrize(
    "photo",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((19, 400, 3), 255, np.uint8),
        np.full((20, 20, 3), 128, np.uint8),
        np.zeros((300, 200, 3), np.uint8),
    ],
)
def test_photos_too_small_or_empty_have_no_face(photo, compat):
    faces = DETECTOR.with_options(compat=compat)(photo)
    assert (len(faces), tuple(faces.landmarks.shape)) == (0, (0, 5, 2))


def test_a_very_wide_photo_is_searched():
    photo = np.full((120, 20_000, 3), 90, np.uint8)
    photo[:, 19_000:19_120] = cv2.resize(
        ASTRONAUT[10:210, 120:320], (120, 120), interpolation=cv2.INTER_AREA
    )
    faces = DETECTOR.with_options(min_face=40)(photo)
    assert len(faces) == 1
    assert 19_000 < faces.boxes[0, 0] < faces.boxes[0, 2] < 19_120


def test_a_cat_and_a_cup_are_not_faces_at_40_pixels():
    detector = DETECTOR.with_options(min_face=40)
    assert [
        len(faces) for faces in detector([samples.photo("chelsea"), samples.photo("coffee")])
    ] == [0, 0]


def test_a_list_gives_a_list_and_a_strange_array_a_clear_error():
    faces = DETECTOR([ASTRONAUT, ASTRONAUT[:100]])
    torch.testing.assert_close(faces[0].boxes, DETECTOR(ASTRONAUT).boxes)
    assert len(faces) == 2
    with pytest.raises(ImageError, match="uint8"):
        DETECTOR(ASTRONAUT.astype(np.float32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_face": 0}, "min_face"),
        ({"min_face": float("nan")}, "min_face"),
        ({"factor": 1.0}, "factor"),
        ({"thresholds": (0.6, 0.7)}, "thresholds: expected 3"),
        ({"thresholds": (0.6, 0.7, 1.7)}, "thresholds"),
        ({"nms_thresholds": (0.5, 0.7, 0.7)}, "nms_thresholds: expected 4"),
        ({"compat": "tensorflow"}, "compat"),
    ],
)
def test_options_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        DETECTOR.with_options(**options)


def test_landmark_heads_on_all_nets_change_no_box():
    nets = [type(net)(landmarks=True) for net in (DETECTOR.pnet, DETECTOR.rnet)]
    for net, released in zip(nets, (DETECTOR.pnet, DETECTOR.rnet), strict=True):
        net.load_state_dict(released.state_dict(), strict=False)
    paper = predict.MTCNN(*nets, DETECTOR.onet, min_face=40)
    torch.testing.assert_close(
        paper(ASTRONAUT).boxes, DETECTOR.with_options(min_face=40)(ASTRONAUT).boxes
    )
