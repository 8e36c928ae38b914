"""The probes and the honesty checks: small parts by hand, a short training, and resuming it."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from benchmarks.humans import checks, embedder_data, models, training
from benchmarks.humans.ages import judge_ages, spearman
from benchmarks.humans.detector_data import (
    ANCHORS,
    LEVELS,
    SIDE,
    Crop,
    Crops,
    cut,
    flipped,
    targets,
)
from benchmarks.humans.detector_losses import losses_of, paired_iou, quality_focal
from benchmarks.humans.detector_net import Predictor, ProbeDetector, decode
from benchmarks.humans.embedder_data import IdentityCrops
from benchmarks.humans.embedder_net import ProbeEmbedder
from benchmarks.humans.embedder_training import Learner, contrast
from benchmarks.humans.embedder_training import losses_of as person_losses
from benchmarks.humans.training import Recipe, fit, learning_rate
from facelab.engine.weights import read_tensors, save_tensors
from facelab.geometry.boxes import box_iou
from facelab.humans.sprites import Sprite
from facelab.types import Faces, Scene

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FIVE = np.array([[0.38, 0.42], [0.62, 0.42], [0.5, 0.55], [0.41, 0.68], [0.59, 0.68]])
NO_BOX = np.zeros((0, 4), np.float32)


def toy_face(size: int, *, skin: tuple[int, int, int], eyes: int = 30) -> np.ndarray:
    """A disc with eyes and a mouth: (size, size, 4) uint8."""
    rgba = np.zeros((size, size, 4), np.uint8)
    middle, points = (size // 2, size // 2), (FIVE * size).round().astype(int)
    cv2.ellipse(rgba, middle, (int(0.28 * size), int(0.36 * size)), 0, 0, 360, (*skin, 255), -1)
    for point in points[:2]:
        cv2.circle(rgba, point.tolist(), max(1, size // 16), (eyes, eyes, eyes, 255), -1)
    cv2.line(rgba, points[3].tolist(), points[4].tolist(), (120, 30, 30, 255), max(1, size // 24))
    return rgba


def toy_sprite(person: int, view: int, *, age: float = 30.0, size: int = 64) -> Sprite:
    """A toy face whose colour and eyes belong to the person."""
    skin = tuple(int(x) for x in np.random.default_rng(person).integers(60, 255, 3))
    box = np.array([0.22, 0.14, 0.78, 0.86], np.float32) * size
    angle = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    hull = size * (0.5 + np.stack([0.31 * np.cos(angle), 0.39 * np.sin(angle)], axis=1))
    return Sprite(
        toy_face(size, skin=skin, eyes=10 * view),
        box,
        hull.astype(np.float32),
        np.ones(68, bool),
        (FIVE * size).astype(np.float32),
        np.ones(5, bool),
        np.zeros(3, np.float32),
        person,
        age,
    )


class ToySource:
    """A few people in a few views."""

    def __init__(self, people: int = 4, views: int = 4) -> None:
        self.sprites = [toy_sprite(p, v, age=20.0 + p) for p in range(people) for v in range(views)]
        self.props: list = []
        zeros = np.zeros(len(self.sprites), np.float32)
        self.table = {
            "person": np.array([sprite.person for sprite in self.sprites]),
            "age": np.array([sprite.age for sprite in self.sprites], np.float32),
            **dict.fromkeys(("yaw", "pitch", "roll", "hidden"), zeros),
        }

    def __len__(self) -> int:
        return len(self.sprites)

    def __getitem__(self, index: int) -> Sprite:
        return self.sprites[index]


def toy_scene(seed: int) -> Scene:
    """One to three toy faces on noise."""
    rng = np.random.default_rng(seed)
    image = rng.integers(60, 120, (256, 320, 3)).astype(np.uint8)
    boxes, points = [], []
    for column in range(int(rng.integers(1, 4))):
        size = int(rng.integers(40, 100))
        sprite = toy_sprite(int(rng.integers(50)), 1, size=size)
        x, y = 106 * column, int(rng.integers(0, 256 - size))
        alpha = sprite.rgba[..., 3:] > 0
        place = image[y : y + size, x : x + size]
        np.copyto(place, sprite.rgba[..., :3], where=alpha[:, : place.shape[1]])
        boxes.append(sprite.box + (x, y, x, y))
        points.append(sprite.five + (x, y))
    return Scene(
        image,
        torch.from_numpy(np.stack(boxes)).float(),
        torch.from_numpy(np.stack(points)).float(),
    )


def crop_of(*boxes: list[float], ignore: np.ndarray = NO_BOX) -> Crop:
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    points = np.full((len(rows), 5, 2), np.nan, np.float32)
    return Crop(np.zeros((SIDE, SIDE, 3), np.uint8), rows, points, ignore)


# Targets


def test_a_face_goes_to_the_levels_of_its_size_and_decodes_to_itself():
    box = [100.0, 100.0, 124.0, 124.0]  # 24 px: the anchor of stride 8 exactly
    task = targets(crop_of(box))
    there = task["label"] == 1
    assert set(LEVELS[there.numpy()]) == {0}
    centres = (ANCHORS[there, :2] + ANCHORS[there, 2:]) / 2
    assert (centres - 112).abs().max() <= 0.3 * 24
    raw = torch.cat((torch.zeros(int(there.sum()), 1), task["deltas"][there]), dim=1)
    boxes, _ = decode(torch.nn.functional.pad(raw, (0, 10)), ANCHORS[there])
    assert_close(boxes, torch.tensor([box]).expand_as(boxes))


def test_a_tiny_face_has_at_least_one_cell_and_a_close_up_too():
    for box in ([101.0, 101, 108, 109], [2.0, 2, 382, 382]):
        assert (targets(crop_of(box))["label"] == 1).sum() >= 1


def test_of_two_faces_in_a_cell_the_smaller_one_has_it():
    large, small = [80.0, 80, 112, 112], [92.0, 92, 100, 100]
    task = targets(crop_of(large, small))
    boxes, _ = decode(torch.nn.functional.pad(task["deltas"], (1, 10)), ANCHORS)
    cell = ((ANCHORS[:, :2] + ANCHORS[:, 2:]) / 2 - 96).abs().amax(dim=1) <= 4
    cell &= torch.from_numpy(LEVELS == 0)
    for box in boxes[cell & (task["label"] == 1)]:
        assert_close(box, torch.tensor(small))


def test_ignored_regions_are_not_counted_but_faces_in_them_are():
    task = targets(crop_of([40.0, 40, 72, 72], ignore=np.array([[0.0, 0, 192, 192]])))
    centre = (ANCHORS[:, :2] + ANCHORS[:, 2:]) / 2
    inside = (centre > 0).all(dim=1) & (centre < 192).all(dim=1)
    assert set(task["label"][inside].tolist()) == {-1, 1}
    assert set(task["label"][~inside].tolist()) == {0}


@pytest.mark.parametrize("seed", range(4))
def test_crops_keep_faces_under_their_labels(seed):
    # Toy faces are brighter in red than the noise about them ever is.
    rng = np.random.default_rng(seed)
    scene = toy_scene(seed)
    crop = cut(scene, rng)
    assert crop.image.shape == (SIDE, SIDE, 3)
    assert crop.image.dtype == np.uint8
    assert ((crop.boxes >= 0) & (crop.boxes <= SIDE)).all()
    for box, points in zip(crop.boxes, crop.points, strict=True):
        whole = (box > 1).all() and (box < SIDE - 1).all()
        if whole:  # a face that is not cut off: points at their shares of the box
            share = (points - box[:2]) / (box[2:] - box[:2])
            wanted = (FIVE - (0.22, 0.14)) / (0.56, 0.72)
            np.testing.assert_allclose(share, wanted, atol=0.02)


def test_mirroring_swaps_left_and_right_points():
    points = np.array([[[10.0, 5], [20, 5], [15, 9], [11, 12], [19, 12]]])
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[5, 10] = 255
    mirrored, boxes, moved, _ = flipped(image, np.array([[8.0, 2, 24, 16]]), points, NO_BOX, True)
    assert boxes.tolist() == [[SIDE - 24, 2, SIDE - 8, 16]]
    assert moved[0, 1].tolist() == [SIDE - 10, 5], "the left eye has become the right one"
    assert mirrored[5, SIDE - 11].tolist() == [255] * 3


# Losses and nets


def test_paired_iou_is_the_diagonal_of_all_pairs_and_the_general_one_falls_with_distance():
    a = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10]])
    b = torch.tensor([[5.0, 0, 15, 10], [20, 0, 30, 10], [40, 0, 50, 10]])
    iou, general = paired_iou(a, b)
    assert_close(iou, box_iou(a, b).diagonal())
    # hull 150, union 150: 1/3; hull 300, union 200: -1/3; hull 500, union 200: -3/5
    assert_close(general, torch.tensor([1 / 3, -1 / 3, -0.6]))


def test_quality_focal_is_zero_where_the_score_is_the_quality():
    logits = torch.tensor([0.0, 2.0, -3.0])
    assert_close(quality_focal(logits, logits.sigmoid()), torch.zeros(3))
    # at probability 1/2 for quality 0: (1/2)^2 x ln 2
    assert quality_focal(torch.zeros(1), torch.zeros(1)).item() == pytest.approx(math.log(2) / 4)


def test_the_detector_has_the_size_it_says_and_one_output_an_anchor():
    net = ProbeDetector()
    assert 0.40e6 < sum(p.numel() for p in net.parameters()) < 0.5e6
    with torch.inference_mode():
        assert net.eval()(torch.zeros(2, 3, SIDE, SIDE)).shape == (2, len(ANCHORS), 15)


def test_boxes_of_a_resized_photo_come_back_in_its_own_pixels():
    class Fixed(ProbeDetector):
        """Sees a face on the brightest anchor of the finest level."""

        def forward(self, images):
            raw = super().forward(images) * 0 - 20
            bright = torch.nn.functional.avg_pool2d(images.mean(dim=1, keepdim=True), 8).flatten(1)
            raw[0, bright[0].argmax(), 0] = 20.0
            raw[..., 1:] = 0
            return raw

    photo = np.zeros((300, 500, 3), np.uint8)
    photo[190:214, 390:414] = 255
    with torch.inference_mode():
        faces = Predictor(Fixed().eval())(photo)
    assert len(faces) == 2, "one from each look; their sizes differ too much to suppress"
    centres = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    assert (centres - torch.tensor([402.0, 202.0])).abs().max() <= 8, "a cell at most"
    sides = (faces.boxes[:, 2] - faces.boxes[:, 0]).sort().values
    assert_close(sides, torch.tensor([12.0, 24 / 0.832]), rtol=0.01, atol=0)


# Training


def test_a_short_training_of_the_detector_lowers_its_loss(tmp_path):
    torch.manual_seed(0)
    recipe = Recipe(steps=10, items_per_step=1, warm_up=2)
    data = Crops(toy_scene, scenes=10, per_scene=1)
    first = sum(losses_of(ProbeDetector().train(), data[0]).values()).item()
    path = fit(ProbeDetector(), data, losses_of, recipe, out=tmp_path, card={}, workers=0)
    net = ProbeDetector()
    tensors, card = read_tensors(path)
    net.load_state_dict(tensors)
    assert card["recipe"]["steps"] == 10
    last = sum(losses_of(net.train(), data[0]).values()).item()
    assert last < 0.8 * first


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    monkeypatch.setattr(embedder_data, "PEOPLE", 2)
    recipe = Recipe(steps=4, items_per_step=1, warm_up=1)

    def train(out, stop=None):
        torch.manual_seed(0)
        data = IdentityCrops(ToySource(), batches=4)
        if stop is not None:
            get = data.__class__.__getitem__

            class Stops(IdentityCrops):
                def __getitem__(self, index):
                    if index == stop:
                        raise KeyboardInterrupt
                    return get(self, index)

            data.__class__ = Stops
        learner = Learner(steps=4)
        return fit(learner, data, person_losses, recipe, out=out, card={}, workers=0)

    whole, _ = read_tensors(train(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", stop=3)
    parts, _ = read_tensors(train(tmp_path / "parts"))
    for name, tensor in whole.items():
        assert torch.equal(tensor, parts[name]), name


def test_a_state_of_another_recipe_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", 1)
    monkeypatch.setattr(embedder_data, "PEOPLE", 2)
    recipe = Recipe(steps=1, items_per_step=1)
    data = IdentityCrops(ToySource(), batches=2)
    options = {"out": tmp_path, "card": {}, "workers": 0}
    fit(Learner(steps=4), data, person_losses, recipe, **options)
    with pytest.raises(ValueError, match="another recipe"):
        fit(Learner(steps=4), data, person_losses, replace(recipe, steps=2), **options)


def test_the_learning_rate_rises_and_falls():
    recipe = Recipe(steps=100, items_per_step=1, warm_up=10, learning_rate=1.0)
    rates = [learning_rate(recipe, step) for step in range(100)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])
    assert max(rates) == rates[9] == 1.0
    assert rates[55] == pytest.approx(0.505)
    assert rates[-1] < 0.02


def test_batches_depend_on_their_number_only():
    data = IdentityCrops(ToySource(), batches=3)
    first, again, other = data[1], data[1], data[2]
    assert torch.equal(first["image"], again["image"])
    assert not torch.equal(first["image"], other["image"])
    assert first["image"].shape == (16, 3, 80, 80)
    assert sorted(first["person"].tolist()) == sorted(list(range(4)) * 4), "four crops of each"


def test_people_of_a_batch_can_be_of_one_kind(monkeypatch):
    monkeypatch.setattr(embedder_data, "PEOPLE", 4)
    source = ToySource(people=40, views=2)  # person k is 20 + k years old

    def widest(share):
        monkeypatch.setattr(embedder_data, "ALIKE", share)
        data = IdentityCrops(source, batches=5)
        return [int(np.ptp(data[k]["person"].numpy())) for k in range(5)]

    assert max(widest(1.0)) < 16 < min(widest(0.0))


# Checks


def test_found_counts_what_a_detector_finds_and_how_far_off_it_is():
    source = ToySource(people=4, views=2)

    def detector(photo):
        scale = photo.shape[0] / 64
        box = torch.from_numpy(toy_sprite(0, 0).box)[None] * scale
        if photo[photo.shape[0] // 2, photo.shape[1] // 2].tolist() == list(blind):
            return Faces.empty()
        moved = torch.tensor([[0.0, -0.1, 0.0, 0.0]]) * (box[0, 3] - box[0, 1])
        points = torch.from_numpy(FIVE).float()[None] * 64 * scale
        return Faces(box + moved, torch.ones(1), points)

    photo, _ = checks.on_grey(source[0], 192)
    blind = photo[96, 96].tolist()
    result = checks.found_by(detector, source, count=8)
    assert (result["renders"], result["found"]) == (8, 0.75)
    assert sorted(result["missed"]) == [0, 1], "both views of the first person"
    assert result["box_offset"] == pytest.approx([0, -0.1, 0, 0], abs=1e-3)
    assert result["median_landmark_error"] == pytest.approx(0, abs=1e-3)


def test_people_who_differ_in_skin_only_are_told_apart_by_skin_and_face_but_not_by_hair():
    result = checks.tell_apart(ToySource(people=3, views=6), people=3, per_person=6)
    assert result["chance"] == pytest.approx(1 / 3, abs=1e-3)
    assert result["skin colour"] == result["face"] == 1
    assert result["hair and clothes"] < 0.7


def test_twins_are_the_most_alike_people():
    source = ToySource(people=5, views=4)
    twin = [replace(sprite, person=9) for sprite in source.sprites[:4]]
    source.sprites += twin
    source.table = {
        name: np.concatenate([column, column[:4]]) for name, column in source.table.items()
    }
    source.table["person"][-4:] = 9
    result = checks.nearest_people(source, checks.grey_crop)
    assert result["people"] == 6
    assert result["most_alike"][0][:2] == [0, 9]
    assert result["different_people_most"] == pytest.approx(1, abs=1e-3)


def test_ranks_that_agree_correlate_fully():
    x = np.array([1.0, 5.0, 2.0, 9.0])
    assert spearman(x, np.exp(x)) == pytest.approx(1)
    assert spearman(x, -x) == pytest.approx(-1)


@pytest.mark.parametrize("name", ["humans_probes.py", "humans_checks.py"])
def test_the_commands_explain_themselves(name):
    command = [sys.executable, str(BENCHMARKS / name), "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--data" in shown


def test_ages_are_learned_from_half_of_the_people_and_judged_on_the_others(monkeypatch):
    from benchmarks.humans import ages

    monkeypatch.setattr(ages, "BATCH", 8)
    result = judge_ages(ToySource(people=6, views=2), steps=2)
    assert result["renders"] == 6, "three of six people"
    assert [group["from"] for group in result["groups"]] == [20]
    assert result["mean_error_years"] >= 0


def test_an_embedder_turns_a_sprite_into_a_unit_vector():
    torch.manual_seed(0)
    vector = checks.embedding(ProbeEmbedder().eval())(toy_sprite(0, 0))
    assert vector.shape == (128,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_judge_gets_one_unit_vector_of_a_crop_and_its_mirror_image(tmp_path, monkeypatch):
    torch.manual_seed(0)
    state = {f"net.{name}": value for name, value in ProbeEmbedder().state_dict().items()}
    save_tensors(tmp_path / "weights.safetensors", state, {})
    monkeypatch.setenv("FACELAB_PROBES", str(tmp_path))
    crop = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    vector = models.embedder(crop)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert_close(models.embedder(crop[:, ::-1]), vector, rtol=0, atol=1e-5)
    assert np.abs(models.embedder(crop[::-1]) - vector).max() > 1e-3


def test_the_temperature_falls_and_is_kept_in_the_state():
    learner = Learner(steps=10)
    assert learner.temperature() == pytest.approx(0.2)
    learner.done += 5
    assert learner.temperature() == pytest.approx((0.2 * 0.08) ** 0.5)
    other = Learner(steps=10)
    other.load_state_dict(learner.state_dict())
    assert other.temperature() == learner.temperature()
    other.done += 50
    assert other.temperature() == pytest.approx(0.08)


def test_contrast_is_the_mean_over_those_who_have_somebody_to_find():
    right, up = [1.0, 0.0], [0.0, 1.0]
    vectors, person = torch.tensor([right, right, up]), torch.tensor([7, 7, 8])
    each = -math.log(math.e / (math.e + 1))  # one of its own beside one other, temperature 1
    assert contrast(vectors, person, 1.0).item() == pytest.approx(each)
    sharper = -math.log(math.e**2 / (math.e**2 + 1))
    assert contrast(vectors, person, 0.5).item() == pytest.approx(sharper)


def test_contrast_averages_over_all_of_its_own():
    vectors = torch.nn.functional.normalize(
        torch.randn(6, 4, generator=torch.manual_seed(0)), dim=1
    )
    person, total = torch.tensor([0, 0, 0, 1, 1, 2]), []
    for i in range(5):
        others = [j for j in range(6) if j != i]
        scores = {j: math.exp(float(vectors[i] @ vectors[j]) / 0.3) for j in others}
        own = [j for j in others if person[j] == person[i]]
        shares = [math.log(scores[j] / sum(scores.values())) for j in own]
        total.append(-sum(shares) / len(shares))
    assert contrast(vectors, person, 0.3).item() == pytest.approx(sum(total) / 5, rel=1e-5)
