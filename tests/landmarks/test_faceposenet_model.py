"""FacePoseNet's networks, targets, training, prediction and alignment."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import facelab
from facelab.engine.budget import Budget
from facelab.engine.weights import WeightsError, save_tensors
from facelab.geometry.alignment import template, transform_points, umeyama
from facelab.humans.packs.pack import load_pack
from facelab.humans.tasks.crops import PLAIN
from facelab.landmarks import FacePatches, patches_of_people
from facelab.landmarks.faceposenet import study
from facelab.landmarks.faceposenet.alignment import align_by_pose, frontalise
from facelab.landmarks.faceposenet.camera import from_angles, project
from facelab.landmarks.faceposenet.head import generic_head, reference_points
from facelab.landmarks.faceposenet.model import (
    AlexPoseNet,
    PoseNet,
    Poses,
    SmallPoseNet,
    count_macs,
    pose_loss,
)
from facelab.landmarks.faceposenet.predict import FacePoseNet, Pose, crops_of, exact_pose
from facelab.landmarks.faceposenet.targets import (
    MARGIN,
    Perturbation,
    moved_windows,
    perturbed,
    plain_crops,
    pose_labels,
    pose_squares,
    pose_windows,
    window_maps,
)
from facelab.landmarks.faceposenet.train import (
    BUDGETS,
    Config,
    batches,
    describe,
    labelled,
    train,
    train_on_people,
)


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def posed_patches(count: int, *, side: int = 96, seed: int = 0, points: int = 68) -> FacePatches:
    """Drawn faces of the generic head: eyes, nose and mouth as discs, exact points."""
    draw = 2 * torch.rand(count, 6, generator=rng(seed)) - 1
    turns = draw[:, :3] * torch.tensor([0.9, 0.4, 0.3])
    shifts = draw[:, 3:] * torch.tensor([0.1, 0.1, 1.0]) + torch.tensor([0.0, 0.0, 14.0])
    places = Pose(from_angles(turns), shifts, pose_windows(count)).project()  # square units
    scale = side / (1 + 2 * MARGIN)
    y, x = torch.meshgrid(*[(torch.arange(side) + 0.5) / scale - MARGIN] * 2, indexing="ij")
    images = torch.full((count, 3, side, side), 90.0)
    for number, size, shade in ((30, 0.5, 200.0), (39, 0.07, 20), (42, 0.07, 20), (33, 0.08, 250)):
        centre = places[:, number, :, None, None]
        near = ((x - centre[:, 0]).square() + (y - centre[:, 1]).square()).sqrt() < size
        images = torch.where(near[:, None], shade, images)
    known = places if points == 68 else places[:, (36, 45, 30, 48, 54)]
    return FacePatches(images.to(torch.uint8), known, torch.full((count,), 0.95), MARGIN)


def shaken_points(count: int, head: Tensor) -> tuple[Poses, Tensor]:
    rotations = from_angles(torch.rand(count, 3, generator=rng(9)) - 0.5)
    translations = torch.tensor([0.1, -0.1, 14.0]).repeat(count, 1)
    return Poses(rotations, translations), project(head, rotations, translations)


def test_alexnet_has_the_specified_size_and_six_outputs():
    net = AlexPoseNet().eval()
    assert sum(p.numel() for p in net.parameters()) == 56_892_806
    assert count_macs(net, 227) == 720_335_392
    assert round(count_macs(net, 227) / 1e6, 1) == 720.3
    with torch.no_grad():
        assert net(torch.rand(2, 3, 227, 227)).shape == (2, 6)


def test_the_small_build_is_small():
    net = SmallPoseNet().eval()
    assert sum(p.numel() for p in net.parameters()) == 176_062
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in net.modules()) == 4
    with torch.no_grad():
        one, other = net(torch.rand(5, 3, 64, 64)), net(torch.rand(1, 3, 64, 64))
    assert one.shape == (5, 6) and other.shape == (1, 6)


def test_the_gradient_reaches_every_parameter():
    net = SmallPoseNet()
    sum(pose_loss(net(torch.rand(4, 3, 64, 64)), torch.randn(4, 6)).values()).backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in net.parameters())


def test_crops_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\(B, 3, 64, 64\), got \(1, 3, 63, 64\)"):
        SmallPoseNet()(torch.zeros(1, 3, 63, 64))


def test_the_loss_is_the_mean_square_split_by_what_it_is_about():
    outputs = torch.zeros(2, 6)
    targets = torch.tensor([[3.0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 6.0]])
    losses = pose_loss(outputs, targets)
    assert_close(losses["rotation"], torch.tensor(9 / 12))
    assert_close(losses["translation"], torch.tensor(36 / 12))
    assert_close(sum(losses.values()), torch.nn.functional.mse_loss(outputs, targets))
    with pytest.raises(ValueError, match=r"\(B, 6\)"):
        pose_loss(torch.zeros(2, 5), torch.zeros(2, 5))


def test_standardising_is_undone_by_pose():
    net = SmallPoseNet().eval()
    poses = Poses(torch.randn(50, 3, generator=rng(1)), torch.randn(50, 3, generator=rng(2)) + 9)
    net.describe_data(torch.rand(3, 64, 64), poses)
    numbers = net.standardise(poses)
    assert_close(numbers.mean(dim=0), torch.zeros(6), atol=1e-5, rtol=0)
    assert_close(numbers.std(dim=0), torch.ones(6))
    crops = torch.rand(3, 3, 64, 64)
    with torch.no_grad():
        assert_close(net.standardise(net.pose(crops)), net(crops), atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="two poses"):
        net.describe_data(torch.rand(3, 64, 64), Poses(torch.zeros(1, 3), torch.zeros(1, 3)))


def test_the_crop_is_the_square_of_the_longer_side_grown_by_a_quarter():
    squares = pose_squares(torch.tensor([[10.0, 20.0, 50.0, 80.0]]))
    assert_close(squares, torch.tensor([[-15.0, 5.0, 75.0, 95.0]]))  # 60 + 2 x 15, middle (30, 50)


def test_patches_and_photos_are_cut_at_the_same_place():
    people = load_pack(split="test")
    sprite = people[3]
    patches = patches_of_people(
        people.select(np.array([3])), points=68, augment=PLAIN, margin=MARGIN, colour=True, side=200
    )
    box = torch.from_numpy(sprite.box)[None]
    square = pose_squares(box)
    seen = torch.from_numpy(sprite.landmarks)[None]
    in_photo = (seen - square[:, None, :2]) / (square[:, None, 2:] - square[:, None, :2])
    window = pose_windows(1)
    in_patch = (patches.points - window[:, None, :2]) / (window[:, None, 2:] - window[:, None, :2])
    assert_close(in_patch, in_photo, atol=1e-4, rtol=0)


def test_labels_are_the_poses_that_drew_the_points():
    patches = posed_patches(20)
    solved = pose_labels(patches)
    assert solved.residuals.max() < 1e-5
    assert_close(exact_pose(patches).project(), patches.points, atol=1e-4, rtol=0)


def test_labels_of_five_points_need_the_reference_points():
    poses, points = shaken_points(5, reference_points())
    side = pose_windows(5)[:, None, 2:] - pose_windows(5)[:, None, :2]
    places = pose_windows(5)[:, None, :2] + points * side
    patches = FacePatches(torch.zeros(5, 3, 8, 8, dtype=torch.uint8), places, torch.ones(5), MARGIN)
    assert_close(pose_labels(patches).rotations, poses.rotations, atol=1e-4, rtol=0)


def test_perturbed_labels_project_to_where_the_moved_crop_shows_the_points():
    patches = posed_patches(40)
    poses = Poses(*pose_labels(patches)[:2])
    how = Perturbation(mirror=0.0)
    _, moved = perturbed(patches, poses, side=8, how=how, generator=rng(3))
    windows = moved_windows(40, how, rng(3))
    expected = transform_points(
        window_maps(windows), project(generic_head(), poses.rotations, poses.translations)
    )
    error = (project(generic_head(), *moved) - expected).norm(dim=-1)
    assert error.mean() < 0.004
    shown = (patches.points - windows[:, None, :2]) / (windows[:, None, 2:] - windows[:, None, :2])
    assert_close(shown, expected, atol=1e-3, rtol=0)


def test_a_mirrored_example_is_the_flipped_crop_with_the_mirrored_label():
    patches = posed_patches(6)
    poses = Poses(*pose_labels(patches)[:2])
    plain, one = perturbed(patches, poses, side=32, how=Perturbation(mirror=0.0), generator=rng(4))
    flipped, other = perturbed(
        patches, poses, side=32, how=Perturbation(mirror=1.0), generator=rng(4)
    )
    assert_close(flipped, plain.flip(-1))
    nose = project(generic_head()[30:31], *one)[:, 0]
    assert_close(project(generic_head()[30:31], *other)[:, 0, 0], 1 - nose[:, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"shift": 0.6}, "shift"), ({"zoom": 0.9}, "zoom"), ({"mirror": 2.0}, "mirror")],
)
def test_perturbations_out_of_range_are_refused(options, message: str):
    with pytest.raises(ValueError, match=message):
        Perturbation(**options)


def test_grey_patches_and_narrow_ones_are_refused():
    patches = posed_patches(2)
    grey = FacePatches(patches.images[:, :1], patches.points, patches.widths, MARGIN)
    with pytest.raises(ValueError, match="colour=True"):
        plain_crops(grey, 64)
    narrow = FacePatches(patches.images, patches.points, patches.widths, 0.3)
    with pytest.raises(ValueError, match=r"margin of 0\.3 is too small"):
        train(narrow, budget=Budget("smoke", steps=1, batch=2, images=2, max_seconds=5))


def test_batch_k_depends_on_the_seed_and_k_alone():
    patches, poses = labelled(posed_patches(12))
    net, config = SmallPoseNet(), Config()
    describe(net, patches, poses, config, seed=0)
    budget = Budget("smoke", steps=4, batch=4, images=12, max_seconds=5)
    whole = batches(net, patches, poses, budget, config, seed=0)
    third = [next(whole) for _ in range(3)][2]
    again = next(batches(net, patches, poses, budget, config, seed=0, start=2))
    assert_close(third[0], again[0])
    assert_close(third[1], again[1])
    other = next(batches(net, patches, poses, budget, config, seed=1, start=2))
    assert not torch.equal(again[1], other[1])


def test_training_halves_the_loss_on_a_few_faces_and_learns_which_way_they_look():
    patches = posed_patches(24)
    budget = Budget("smoke", steps=120, batch=12, images=24, max_seconds=60)
    config = Config(perturbation=Perturbation(shift=0.02, zoom=1.02))
    seen: list[float] = []
    net = train(
        patches,
        config=config,
        budget=budget,
        on_log=lambda _, losses: seen.append(sum(losses.values())),
        log_every=10,
        show=False,
        bar=False,
    )
    assert seen[-1] < seen[0] / 2
    yaw = FacePoseNet(net).on_patches(patches).angles[:, 0]
    truth = exact_pose(patches).angles[:, 0]
    assert np.corrcoef(yaw.numpy(), truth.numpy())[0, 1] > 0.8


def test_the_recipe_gives_weights_that_load_and_a_card_with_figures(tmp_path: Path):
    tensors, card = train_on_people(None, budget=BUDGETS[0], seed=0, folder=tmp_path / "run")
    save_tensors(tmp_path / "own.safetensors", tensors, card, storage="int8")
    estimator = facelab.load("faceposenet", weights=tmp_path / "own.safetensors")
    assert estimator.net.side == 64
    names = {"yaw_degrees", "pitch_degrees", "roll_degrees", "nme_five_percent"}
    assert names < set(card["figures"]) and json.loads(json.dumps(card)) == card
    assert card["figures"]["nme_five_percent_of_pnp"] < card["figures"]["nme_five_percent"]


def test_faces_without_a_pose_are_left_out_of_training():
    patches = posed_patches(4)
    points = patches.points.clone()
    points[1, 3:] = torch.nan
    kept, poses = labelled(FacePatches(patches.images, points, patches.widths, MARGIN))
    assert len(kept) == 3 and bool(torch.isfinite(poses.rotations).all())
    points[:, 3:] = torch.nan
    with pytest.raises(ValueError, match="0 of 4 have a pose"):
        labelled(FacePatches(patches.images, points, patches.widths, MARGIN))


def small_estimator() -> FacePoseNet:
    torch.manual_seed(0)
    net = SmallPoseNet()
    mean = Poses(torch.zeros(2, 3), torch.tensor([[0.0, 0, 13], [0.0, 0, 15]]))
    net.describe_data(torch.full((3, 64, 64), 0.5), mean)
    return FacePoseNet(net)


def test_a_photo_and_boxes_give_a_pose_for_each():
    photo = np.full((100, 120, 3), 128, np.uint8)
    boxes = torch.tensor([[20.0, 20.0, 60.0, 70.0], [-10.0, 50.0, 30.0, 110.0]])
    pose = small_estimator()(photo, boxes)
    assert len(pose) == 2
    assert pose.angles.shape == (2, 3)
    assert pose.project().shape == (2, 68, 2) and pose.landmarks().shape == (2, 5, 2)
    assert_close(pose.squares, pose_squares(boxes))
    assert_close(pose[torch.tensor([1])].project(), pose.project()[1:])


def test_a_photo_without_faces_gives_an_empty_pose():
    pose = small_estimator()(np.zeros((50, 50, 3), np.uint8), torch.zeros(0, 4))
    assert len(pose) == 0
    assert pose.angles.shape == (0, 3) and pose.landmarks().shape == (0, 5, 2)
    assert align_by_pose(np.zeros((50, 50, 3), np.uint8), pose).shape == (0, 112, 112, 3)
    assert frontalise(np.zeros((50, 50, 3), np.uint8), pose).shape == (0, 112, 112, 3)


def test_what_lies_outside_the_photo_is_black():
    photo = np.full((40, 40, 3), 200, np.uint8)
    crops = crops_of(photo, torch.tensor([[-20.0, 0.0, 20.0, 40.0]]), 64)
    assert bool((crops[0, :, :, :32] == 0).all())
    assert_close(crops[0, :, :, 32:], torch.full((3, 64, 32), 200 / 255))


def test_a_record_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"Pose.translations: expected shape \(2, 3\)"):
        Pose(torch.zeros(2, 3), torch.zeros(1, 3), torch.tensor([[0.0, 0, 1, 1]]).repeat(2, 1))
    with pytest.raises(ValueError, match="empty square"):
        Pose(torch.zeros(1, 3), torch.zeros(1, 3), torch.zeros(1, 4))


def test_points_project_into_the_square_of_their_face():
    pose = Pose(
        torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 14.0]]), torch.tensor([[100.0, 50, 300, 250]])
    )
    assert_close(pose.project(torch.zeros(1, 3))[0, 0], torch.tensor([200.0, 150.0]))
    assert pose.landmarks()[0, 0, 0] < 200 < pose.landmarks()[0, 1, 0]


def test_aligning_a_frontal_generic_head_puts_its_points_near_the_template():
    pose = Pose(
        torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 14.0]]), torch.tensor([[100.0, 50, 300, 250]])
    )
    five = pose.landmarks()
    away = transform_points(umeyama(five, template(112)), five) - template(112)
    eyes = (template(112)[1] - template(112)[0]).norm()
    assert away.norm(dim=-1).mean() < 0.1 * eyes


def test_aligning_true_poses_puts_eyes_and_mouth_near_the_template():
    patches = patches_of_people(load_pack(split="test"), points=68, limit=40, augment=PLAIN,
                                margin=MARGIN, colour=True, side=160)  # fmt: skip
    frontal = patches.select(patches.attributes["yaw"].abs() < 0.35)
    patches_5 = facelab.geometry.landmarks.to5(frontal.points)
    error = study.crop_error(exact_pose(frontal).landmarks(), patches_5)
    assert len(frontal) > 10
    assert error.mean() < 0.08  # of the distance between the eyes


def test_the_crop_shows_what_lies_under_the_projected_points():
    photo = np.zeros((200, 200, 3), np.uint8)
    pose = Pose(
        torch.zeros(1, 3), torch.tensor([[0.0, 0.0, 14.0]]), torch.tensor([[0.0, 0, 200, 200]])
    )
    nose = pose.landmarks()[0, 2].round().int().tolist()
    photo[nose[1] - 2 : nose[1] + 3, nose[0] - 2 : nose[0] + 3] = 255
    place = transform_points(umeyama(pose.landmarks()[0], template(112)), pose.landmarks()[0])[2]
    column, row = place.round().int().tolist()
    crop = align_by_pose(photo, pose)[0]
    assert crop[row, column].min() > 200
    front = frontalise(photo, pose)[0]
    lit = np.argwhere(front[..., 0] > 128)
    assert np.abs(lit.mean(axis=0) - (row, 55.5)).max() < 4


def test_a_turned_head_is_brought_to_the_front_and_its_far_half_filled():
    turned = from_angles(torch.tensor([[0.7, 0.0, 0.0]]))
    pose = Pose(turned, torch.tensor([[0.0, 0.0, 14.0]]), torch.tensor([[0.0, 0, 200, 200]]))
    photo = np.full((200, 200, 3), 77, np.uint8)
    front = frontalise(photo, pose)[0]
    assert set(np.unique(front)) == {0, 77}
    assert (front[56] == front[56, ::-1]).all()  # the head's outline is symmetric
    assert (front[40:90, 30:82] == 77).all()


def test_a_face_without_a_pose_is_black():
    pose = Pose(
        torch.full((1, 3), torch.nan), torch.full((1, 3), torch.nan), torch.tensor([[0.0, 0, 9, 9]])
    )
    photo = np.full((20, 20, 3), 255, np.uint8)
    assert align_by_pose(photo, pose).max() == 0 and frontalise(photo, pose).max() == 0


def test_weights_written_as_int8_give_nearly_the_same_poses(tmp_path: Path):
    estimator = small_estimator()
    path = tmp_path / "fpn.safetensors"
    save_tensors(path, estimator.net.state_dict(), {}, storage="int8")
    assert path.stat().st_size < 260_000
    again = facelab.load("faceposenet", weights=path)
    patches = posed_patches(8)
    one, two = estimator.on_patches(patches), again.on_patches(patches)
    assert_close(one.rotations, two.rotations, atol=0.02, rtol=0)


def test_weights_of_another_model_are_refused(tmp_path: Path):
    path = tmp_path / "other.safetensors"
    save_tensors(path, {"weight": torch.zeros(3)}, {})
    with pytest.raises(WeightsError, match=r"of faceposenet \(it has no 'mean_image'\)"):
        facelab.load("faceposenet", weights=path)
    tensors = SmallPoseNet().state_dict() | {"trunk.0.weight": torch.zeros(1)}
    save_tensors(path, tensors, {})
    with pytest.raises(WeightsError, match="size mismatch for trunk.0.weight"):
        facelab.load("faceposenet", weights=path)


def test_the_config_refuses_an_unknown_build():
    with pytest.raises(ValueError, match="small, alexnet"):
        Config(build="vgg")


def test_no_net_is_built_by_the_base_class_alone():
    assert isinstance(PoseNet(64).trunk, torch.nn.Identity)
