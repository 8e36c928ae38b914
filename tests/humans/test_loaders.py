"""Loaders give the records of each task, the same ones whatever the workers."""

import cv2
import numpy as np
import pytest
import torch

from facelab.geometry.alignment import align_face, template, umeyama
from facelab.humans.tasks import crops
from facelab.humans.tasks.crops import Backdrops
from facelab.humans.tasks.loaders import (
    PLAIN,
    AgedCrops,
    AgePairs,
    Augment,
    IdentityCrops,
    LandmarkCrops,
    PairCrops,
    Patches,
    PKSampler,
    Scenes,
    age_group,
    identity_batch,
    make_loader,
    verification_pairs,
)
from facelab.images import to_tensor
from facelab.types import AgedFace, IdentityImage, Pair, Scene
from tests.humans.toys import FIVE, ToySource, toy_sprite


def stripes(rng, size):
    """A background that needs nothing but NumPy."""
    return np.broadcast_to(rng.integers(0, 255, (size[0], 1, 3), dtype=np.uint8), (*size, 3)).copy()


def noisy(image, rng):
    """A camera that adds noise."""
    noise = rng.integers(-9, 9, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


BACKDROPS = Backdrops(count=3, side=120, paint=stripes)
PLAINLY = {"backdrops": BACKDROPS, "augment": PLAIN}
SHAKEN = {"backdrops": BACKDROPS, "augment": Augment(degrade=noisy)}


def toy_scene(source, *, seed, size, faces, **config):
    """Stand in for `compose`."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
    return Scene(image, torch.zeros(faces, 4))


def every_data_set(**options):
    source = ToySource()
    pairs = verification_pairs(source, folds=2)
    return {
        "identities": IdentityCrops(source, **options),
        "ages": AgedCrops(source, **options),
        "age pairs": AgePairs(source, **options),
        "landmarks": LandmarkCrops(source, **options),
        "pairs": PairCrops(source, pairs, **options),
        "patches": Patches(source, backdrops=BACKDROPS, degrade=noisy),
        "scenes": Scenes(source, length=12, size=(24, 32), faces=(1, 9), compose=toy_scene),
    }


def pictures(record):
    """All pictures of a record."""
    if isinstance(record, tuple):
        return [image for part in record for image in pictures(part)]
    names = ("image", "first", "second", "low", "high")
    return [getattr(record, name) for name in names if hasattr(record, name)]


def equal(first, second):
    both = zip(pictures(first), pictures(second), strict=True)
    return all(one.shape == two.shape and (one == two).all() for one, two in both)


@pytest.mark.parametrize("name", list(every_data_set(**SHAKEN)))
def test_an_item_follows_from_seed_epoch_and_number_alone(name):
    first, second = (every_data_set(**SHAKEN)[name] for _ in range(2))
    for index in (5, 0, 11):  # the order does not matter
        second[index]
    assert equal(first[5], second[5])
    assert not equal(first[5], first[6])
    second.set_epoch(1)
    assert not equal(first[5], second[5])
    second.set_epoch(0)
    assert equal(first[5], second[5])


@pytest.mark.parametrize("name", list(every_data_set(**SHAKEN)))
def test_the_end_of_a_data_set_is_an_index_error(name):
    data = every_data_set(**SHAKEN)[name]
    with pytest.raises(IndexError, match=f"of {len(data)}"):
        data[len(data)]
    assert equal(data[-1], data[len(data) - 1])


def test_workers_give_what_the_main_process_gives_also_in_later_epochs():
    data = IdentityCrops(ToySource(), **SHAKEN)
    alone, busy = (make_loader(data, batch=4, workers=n, collate=identity_batch) for n in (0, 2))
    for epoch in (0, 3):
        data.set_epoch(epoch)
        for (x, p), (y, q) in zip(alone, busy, strict=True):
            assert torch.equal(x, y) and torch.equal(p, q)
    del busy  # ends the workers


def test_workers_use_one_thread():
    class Threads(torch.utils.data.Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return cv2.getNumThreads(), torch.get_num_threads()

    (found,) = make_loader(Threads(), workers=1)
    assert found == [(1, 1)]


def test_identity_crops_are_aligned_as_align_face_aligns():
    source = ToySource(size=(112, 112))
    data = IdentityCrops(source, **PLAINLY)
    for index in (0, 13):
        sprite, record = source[index], data[index]
        assert isinstance(record, IdentityImage) and record.image.shape == (112, 112, 3)
        assert record.identity == sprite.person
        wanted = align_face(sprite.rgba[..., :3], torch.from_numpy(sprite.five))
        face = align_face(np.repeat(sprite.rgba[..., 3:], 3, axis=2), torch.from_numpy(sprite.five))
        inside = face.min(axis=2) == 255
        assert inside.mean() > 0.4
        assert np.abs(record.image.astype(int) - wanted)[inside].max() <= 2
        assert (record.landmarks - template(112)).abs().max() < 8, "the toy's points are not ours"


def test_the_fast_alignment_is_umeyamas():
    rng = np.random.default_rng(0)
    for _ in range(20):
        five = rng.uniform(0, 100, (5, 2)).astype(np.float32)
        wanted = umeyama(torch.from_numpy(five).double(), template(112)).numpy()
        np.testing.assert_allclose(crops.alignment(five), wanted, atol=1e-6)


def test_classes_are_numbered_from_zero_and_know_their_people():
    source = ToySource(people=4)
    source.table["person"] = source.table["person"] * 10 + 7
    data = IdentityCrops(source, **PLAINLY)
    assert data.people.tolist() == [7, 17, 27, 37]
    assert data.identities.tolist() == [k // 5 for k in range(20)]
    assert data[19].identity == 3


def test_maps_are_chained_and_mirrored_about_the_middle():
    turn = np.array([[0.6, -0.8, 3.0], [0.8, 0.6, -2.0]])
    move = np.array([[2.0, 0.0, 1.0], [0.0, 2.0, 5.0]])
    point = np.array([7.0, 4.0, 1.0])
    np.testing.assert_allclose(crops.then(turn, move) @ point, move @ [*(turn @ point), 1.0])
    x, y = turn @ point
    np.testing.assert_allclose(crops.flipped(turn, 10) @ point, [9 - x, y])
    assert crops.area(turn) == pytest.approx(1) and crops.area(move) == 4
    assert crops.area(crops.flipped(move, 10)) == -4


def test_shaking_turns_and_scales_about_the_middle_of_the_crop():
    class Most(np.random.Generator):
        """Draw the largest numbers."""

        def uniform(self, low=0.0, high=1.0, size=None):
            return high if size is None else np.full(size, high)

    rng, middle = Most(np.random.PCG64(0)), np.array([29.5, 19.5, 1.0])
    shaken = crops.shaken(np.eye(2, 3), (40, 60), rng, angle=0.5, zoom=2.0, shift=0.1)
    np.testing.assert_allclose(shaken @ middle, middle[:2] + (6, 4))
    np.testing.assert_allclose(shaken[:, 0], 2 * np.array([np.cos(0.5), np.sin(0.5)]))


def test_a_batch_is_what_the_pictures_are_one_by_one():
    data = IdentityCrops(ToySource(), **SHAKEN)
    records = [data[k] for k in (0, 7, 19)]
    images, identities = identity_batch(records)
    for image, record in zip(images, records, strict=True):
        assert torch.equal(image, to_tensor(record.image))
    assert images.is_contiguous() and identities.tolist() == [0, 1, 3]


def test_transparent_parts_show_the_backdrop_and_opaque_ones_the_sprite():
    sprite = toy_sprite(2, 0, (40, 40))
    green = np.full((40, 40, 3), (0, 200, 0), np.uint8)
    image = crops.cut(sprite.rgba, np.eye(2, 3), (40, 40), green)
    clear, solid = sprite.rgba[..., 3] == 0, sprite.rgba[..., 3] == 255
    assert (image[clear] == (0, 200, 0)).all()
    assert np.abs(image[solid].astype(int) - sprite.rgba[solid][:, :3]).max() <= 1


def test_leaving_out_what_lies_outside_changes_nothing():
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 255, (90, 70, 4), dtype=np.uint8)
    multiplied = np.round(rgba[..., :3] * (rgba[..., 3:] / 255))
    black = np.zeros((40, 40, 3), np.uint8)
    for angle, zoom in ((0.3, 0.9), (-1.2, 1.7), (2.0, 3.0)):
        c, s = zoom * np.cos(angle), zoom * np.sin(angle)
        matrix = np.array([[c, -s, 20 - 35 * c + 45 * s], [s, c, 20 - 35 * s - 45 * c]])
        whole = cv2.warpAffine(multiplied.astype(np.uint8), matrix, (40, 40))
        assert np.abs(crops.cut(rgba, matrix, (40, 40), black).astype(int) - whole).max() <= 1
    far = np.array([[1.0, 0.0, 500.0], [0.0, 1.0, 0.0]])
    assert (crops.cut(rgba, far, (40, 40), black) == 0).all()


def test_strong_shrinking_averages_instead_of_skipping_pixels():
    checks = np.zeros((200, 200, 4), np.uint8)
    checks[..., 3] = 255
    checks[::2, ::2, :3] = checks[1::2, 1::2, :3] = 255
    matrix = np.diag((0.1, 0.1)) @ np.eye(2, 3)
    image = crops.cut(checks, matrix, (20, 20), np.zeros((20, 20, 3), np.uint8))
    assert np.abs(image[2:-2, 2:-2].astype(int) - 127).max() <= 3


@pytest.mark.parametrize("points", [5, 68])
def test_landmarks_move_with_the_crop(points):
    source = ToySource(size=(64, 64))
    strong = Augment(angle=0.6, zoom=1.3, shift=0.1, mirror=0.5)
    data = LandmarkCrops(source, size=96, points=points, augment=strong, backdrops=BACKDROPS)
    mirrored = 0
    for index in range(len(data)):
        scene, sprite = data[index], source[index]
        assert scene.boxes.shape == (1, 4) and scene.landmarks.shape == (1, points, 2)
        mirrored += bool(scene.attributes["pose"][0, 0] * sprite.pose[0] < 0)
        if points == 5:  # the toy's points are dark dots: the crop is dark where the labels say
            x, y = scene.landmarks[0, scene.attributes["visible"][0]].int().T.numpy()
            assert (scene.image[y, x] < 60).all()
    assert 5 < mirrored < 25


def test_left_stays_left_when_a_crop_is_mirrored():
    data = LandmarkCrops(ToySource(), points=5, backdrops=BACKDROPS, augment=Augment(mirror=1.0))
    five = data[3].landmarks[0]
    assert five[0, 0] < five[1, 0] and five[3, 0] < five[4, 0]


def test_a_point_outside_the_crop_is_not_visible():
    data = LandmarkCrops(ToySource(), points=68, margin=-0.3, augment=PLAIN, backdrops=BACKDROPS)
    scene = data[0]
    outside = ((scene.landmarks < 0) | (scene.landmarks >= 112)).any(dim=-1)
    assert outside.any() and not scene.attributes["visible"][outside].any()


def test_an_unknown_number_of_points_is_refused():
    with pytest.raises(ValueError, match="5 or 68, got 21"):
        LandmarkCrops(ToySource(), points=21)


def test_a_margin_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="margin: expected more than -0.5, .* got -0.5"):
        LandmarkCrops(ToySource(), margin=-0.5)


def test_ages_and_groups():
    ages = np.array([8.0, 11.0, 20.9, 21.0, 50.9, 51.0, 80.0])
    assert age_group(ages).tolist() == [-1, 0, 0, 1, 3, 4, 4]
    data = AgedCrops(ToySource(), **PLAINLY)
    assert data.groups.tolist()[:5] == [0, 1, 2, 4, 4]
    record = data[1]
    assert isinstance(record, AgedFace) and (record.age, record.identity) == (27.0, 0)


def test_age_pairs_are_one_person_the_younger_first():
    data = AgePairs(ToySource(people=3), gap=20, **PLAINLY)
    assert len(data) == 3 * 6  # of five ages, 12 years apart, six pairs are 24 or more apart
    for index in range(len(data)):
        younger, older = data[index]
        assert younger.identity == older.identity and older.age - younger.age >= 20
    with pytest.raises(ValueError, match="nobody is shown at two ages 60 years apart"):
        AgePairs(ToySource(), gap=60, **PLAINLY)


def test_scenes_draw_how_many_faces_within_the_range():
    data = Scenes(ToySource(), length=60, size=(8, 8), faces=(1, 9), compose=toy_scene)
    counts = [len(data[k]) for k in range(60)]
    assert min(counts) == 1 and max(counts) == 9
    with pytest.raises(ValueError, match="length"):
        Scenes(ToySource(), length=0, compose=toy_scene)
    for faces in ((0, 5), (6, 5)):
        with pytest.raises(ValueError, match=r"1 <= least <= most; got \(\d, 5\)"):
            Scenes(ToySource(), length=1, faces=faces, compose=toy_scene)


def test_patches_are_one_place_at_two_resolutions():
    data = Patches(ToySource(people=20), backdrops=BACKDROPS, negatives=0.4)
    faces = 0
    for index in range(len(data)):
        patch = data[index]
        assert patch.high.shape == (48, 48, 3) and patch.low.shape == (12, 12, 3)
        small = cv2.resize(patch.high, (12, 12), interpolation=cv2.INTER_AREA)
        assert (small == patch.low).all()
        assert (patch.landmarks is not None) == patch.face
        faces += patch.face
    assert 45 < faces < 75
    with pytest.raises(ValueError, match="multiple of scale"):
        Patches(ToySource(), size=50)
    with pytest.raises(ValueError, match="scale 1 or more; got 48 and 0"):
        Patches(ToySource(), scale=0)
    with pytest.raises(ValueError, match="negatives: expected a share, 0 to 1, got 2"):
        Patches(ToySource(), negatives=2)


def test_batches_hold_p_people_with_k_images():
    identities = np.repeat(np.arange(10), 7)
    sampler = PKSampler(identities, people=4, images=3, seed=1)
    assert len(sampler) == len(list(sampler)) == 70 // 12
    for batch in sampler:
        found, counts = np.unique(identities[batch], return_counts=True)
        assert len(found) == 4 and (counts == 3).all()
        assert len(set(batch)) == 12, "no image twice"


def test_all_people_come_before_anybody_comes_again():
    identities = np.repeat(np.arange(9), 8)
    batches = list(PKSampler(identities, people=3, images=2, seed=0))
    for k in range(0, 12, 3):
        seen = [identities[item] for batch in batches[k : k + 3] for item in batch[::2]]
        assert sorted(seen) == list(range(9))


def test_batches_follow_from_seed_and_epoch():
    identities = np.repeat(np.arange(10), 4)
    first, second = (PKSampler(identities, people=3, images=2, seed=5) for _ in range(2))
    assert list(first) == list(second) == list(first)
    second.set_epoch(1)
    assert list(first) != list(second)


def test_somebody_with_few_images_is_repeated():
    (batch,) = PKSampler([0, 0, 0, 1, 1, 1, 2], people=3, images=3)
    assert batch.count(6) == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"angle": -0.1}, "angle: expected 0 or more, got -0.1"),
        ({"zoom": 0.9}, "zoom: expected 1 or more, got 0.9"),
        ({"shift": float("nan")}, "shift: expected 0 or more, got nan"),
        ({"mirror": 1.5}, "mirror: expected 0 to 1, got 1.5"),
    ],
)
def test_impossible_variations_of_crops_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Augment(**options)


def test_backdrops_of_nothing_are_refused():
    with pytest.raises(ValueError, match="count, side: expected 1 or more, got 0, 320"):
        Backdrops(count=0)


def test_age_pairs_need_a_gap_and_somebody_at_two_ages():
    with pytest.raises(ValueError, match="gap: expected years above 0, got 0"):
        AgePairs(ToySource(), gap=0, **PLAINLY)
    with pytest.raises(ValueError, match="nobody is shown"):
        AgePairs(ToySource(people=0), **PLAINLY)


def test_yaw_and_roll_change_sides_with_a_mirrored_crop():
    source = ToySource()
    for mirror, side in ((0.0, 1), (1.0, -1)):
        augment = Augment(mirror=mirror)
        pose = LandmarkCrops(source, backdrops=BACKDROPS, augment=augment)[4].attributes["pose"][0]
        yaw, pitch, roll = source[4].pose.tolist()
        assert pose.tolist() == pytest.approx([side * yaw, pitch, side * roll])


def test_crops_of_112_by_96_have_the_narrow_template():
    source = ToySource(size=(112, 112))
    wide, narrow = (IdentityCrops(source, size=s, **PLAINLY)[0] for s in (112, (112, 96)))
    assert narrow.image.shape == (112, 96, 3)
    torch.testing.assert_close(narrow.landmarks, wide.landmarks - torch.tensor([8.0, 0.0]))


def test_too_few_people_for_a_batch_are_refused():
    with pytest.raises(ValueError, match="3 asked for, 2 there"):
        PKSampler([0, 0, 1], people=3, images=1)
    with pytest.raises(ValueError, match="1 or more"):
        PKSampler([0, 0, 1], people=1, images=0)


def test_verification_folds_are_balanced_and_share_nobody():
    source = ToySource(people=20)
    pairs = verification_pairs(source, folds=5, per_fold=30, seed=2)
    person = source.table["person"]
    assert len(pairs) == 5 * 60
    assert ((person[pairs.first] == person[pairs.second]) == pairs.same).all()
    seen = [
        {*person[pairs.first[pairs.fold == k]], *person[pairs.second[pairs.fold == k]]}
        for k in range(5)
    ]
    assert sum(map(len, seen)) == len(set().union(*seen)) == 20
    assert all(pairs.same[pairs.fold == k].sum() == 30 for k in range(5))
    unordered = {tuple(sorted(pair)) for pair in zip(pairs.first, pairs.second, strict=True)}
    assert len(unordered) == len(pairs), "no pair twice"


def test_pairs_are_spread_over_people():
    source = ToySource(people=20)
    pairs = verification_pairs(source, folds=2, per_fold=20)
    counts = np.bincount(source.table["person"][pairs.first[pairs.same]], minlength=20)
    assert (counts == 2).all()


def test_kinds_of_pairs_hold_what_they_say():
    source = ToySource(people=30, views=8)
    table = source.table
    years = table["age"]
    table["age"] = 30 + years / 20
    easy = verification_pairs(source, kind="easy", folds=1)
    table["age"] = years
    for side in (easy.first, easy.second):
        assert np.abs(table["yaw"][side]).max() < 0.35 and table["hidden"][side].max() < 0.15
    age = verification_pairs(source, kind="age", folds=3)
    gap = np.abs(table["age"][age.first] - table["age"][age.second])
    assert gap[age.same].min() >= 15 and gap[~age.same].max() < 10
    different = age.first[~age.same], age.second[~age.same]
    assert (table["male"][different[0]] == table["male"][different[1]]).all()
    pose = verification_pairs(source, kind="pose", folds=2)
    yaw = np.abs(table["yaw"][np.stack([pose.first, pose.second])])
    assert yaw.min(axis=0).max() < 0.35 and yaw.max(axis=0).min() > 0.69


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "hard"}, "any, easy, age, pose"),
        ({"folds": 4}, "4 folds need 8 people, there are 6"),
        ({"folds": 2, "per_fold": 999}, r"999 asked for, but one fold has only 30 pairs"),
    ],
)
def test_impossible_pairs_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        verification_pairs(ToySource(), **options)


def test_pair_crops_are_pairs():
    source = ToySource()
    pairs = verification_pairs(source, folds=2)
    data = PairCrops(source, pairs, **PLAINLY)
    record = data[0]
    assert isinstance(record, Pair) and record.same == bool(pairs.same[0])
    assert (data.folds == pairs.fold).all()
    assert record.first.shape == record.second.shape == (112, 112, 3)


def test_backdrops_are_the_same_in_every_process_and_differ_by_seed():
    one, two, other = (Backdrops(seed=s, count=2, side=64, paint=stripes) for s in (0, 0, 1))
    windows = [b.window(np.random.default_rng(4), (20, 30)) for b in (one, two, other)]
    assert windows[0].shape == (20, 30, 3) and windows[0].dtype == np.uint8
    assert (windows[0] == windows[1]).all() and not (windows[0] == windows[2]).all()


def test_the_toys_points_lie_where_the_table_says():
    sprite = toy_sprite(0, 0, (100, 100))
    assert np.abs(sprite.five / 100 - FIVE).max() < 0.005
