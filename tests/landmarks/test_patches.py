"""Face patches: dots painted at known places are found where the frames say they are."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from facelab.geometry.landmarks import MIRROR_5, MIRROR_68, to5
from facelab.images import ImageError
from facelab.landmarks import (
    FacePatches,
    cut_patches,
    face_squares,
    from_square,
    patches_from_scenes,
    to_square,
)
from facelab.types import Scene
from tests.landmarks.faces import FIVE, dot_near, noisy_faces, photo, toy_faces


def squares_about(*rows):
    """Squares (N, 4) from middle x, middle y, side."""
    return torch.tensor([[x - s / 2, y - s / 2, x + s / 2, y + s / 2] for x, y, s in rows])


def test_the_face_square_of_a_box_by_hand():
    boxes = torch.tensor([[10.0, 20.0, 70.0, 120.0], [10.0, 20.0, 110.0, 80.0]])
    # Longer side 100: a square of 80, 5 below the middles (40, 70) and (60, 50).
    expected = torch.tensor([[0.0, 35.0, 80.0, 115.0], [20.0, 15.0, 100.0, 95.0]])
    assert_close(face_squares(boxes), expected)
    assert_close(face_squares(boxes.int()), expected)
    plain = face_squares(boxes[:1], scale=1.0, down=0.0)
    assert_close(plain, torch.tensor([[-10.0, 20.0, 90.0, 120.0]]))
    assert face_squares(torch.zeros(0, 4)).shape == (0, 4)


@pytest.mark.parametrize(
    ("boxes", "options", "message"),
    [
        ([[0, 0, 1, 1]], {}, "boxes: expected a tensor"),
        (torch.zeros(4), {}, r"boxes: expected shape \(N, 4\), got \(4,\)"),
        (torch.zeros(1, 4), {"scale": 0.0}, "scale: expected a number above 0"),
        (torch.zeros(1, 4), {"scale": math.nan}, "scale"),
    ],
)
def test_a_face_square_of_nothing_is_refused(boxes, options, message):
    with pytest.raises(ValueError, match=message):
        face_squares(boxes, **options)


def test_square_units_by_hand_and_back():
    squares = torch.tensor([[10.0, 20.0, 60.0, 70.0], [0.0, 0.0, 2.0, 2.0]])
    points = torch.tensor([[[10.0, 20.0], [60.0, 45.0]], [[1.0, 3.0], [-1.0, 2.0]]])
    units = to_square(points, squares)
    assert_close(units, torch.tensor([[[0.0, 0.0], [1.0, 0.5]], [[0.5, 1.5], [-0.5, 1.0]]]))
    assert_close(from_square(units, squares), points)


def in_patch(place, square, *, side, margin):
    """Where a place of a photo lies in a patch, in pixels of the patch."""
    units = (np.array(place) - square[:2].numpy()) / float(square[2] - square[0])
    return (units + margin) * side / (1 + 2 * margin)


@pytest.mark.parametrize(
    ("place", "square", "spread"),
    [
        ((203.4, 151.7), (200.0, 160.0, 80.0), 3.0),  # a little shrunk
        ((203.4, 151.7), (190.0, 155.0, 30.0), 2.0),  # enlarged
        ((203.4, 151.7), (207.0, 140.0, 250.0), 6.0),  # from a half of the photo
        ((203.4, 151.7), (230.0, 160.0, 300.0), 8.0),  # most of the photo, and more
    ],
)
def test_a_dot_of_the_photo_is_found_at_its_place_in_the_patch(place, square, spread):
    squares = squares_about(square)
    patches = cut_patches(photo(320, 400, [place], spread=spread), squares, side=80)
    assert patches.shape == (1, 1, 80, 80) and patches.dtype == torch.uint8
    wanted = in_patch(place, squares[0], side=80, margin=0.3)
    found = dot_near(patches[0, 0].numpy(), wanted)
    np.testing.assert_allclose(found, wanted, atol=0.06)


@pytest.mark.parametrize(("height", "width"), [(1501, 1203), (1400, 1999)])
def test_large_photos_are_halved_first_and_the_dot_stays_in_its_place(height, width):
    place, squares = (701.3, 650.8), squares_about((640.0, 700.0, 700.0))
    patches = cut_patches(photo(height, width, [place], spread=40.0), squares, side=48, margin=0.2)
    wanted = in_patch(place, squares[0], side=48, margin=0.2)
    np.testing.assert_allclose(dot_near(patches[0, 0].numpy(), wanted, radius=9), wanted, atol=0.06)


def test_a_fine_pattern_becomes_its_mean_and_does_not_flicker():
    y, x = np.mgrid[:900, :900]
    board = np.repeat((255 * ((x + y) % 2)).astype(np.uint8)[..., None], 3, axis=2)
    patches = cut_patches(board, squares_about((450.0, 450.0, 400.0)), side=32)
    assert (patches.float() - 127.5).abs().max() < 4


def test_each_square_is_cut_as_if_it_were_alone():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (300, 260, 3), dtype=np.uint8)
    rows = [(20 + 3 * k, 250 - 2 * k, 12 + 4 * (k % 50)) for k in range(70)]  # more than go at once
    squares = squares_about(*rows)
    together = cut_patches(image, squares, side=16)
    for number in (0, 13, 49, 50, 69):
        alone = cut_patches(image, squares[number : number + 1], side=16)[0]
        assert (together[number].int() - alone.int()).abs().max() <= 1


def test_outside_the_photo_the_colours_of_its_edge_go_on():
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, 20:] = (250, 10, 90)
    patches = cut_patches(
        image, squares_about((40.0, 20.0, 40.0)), side=32, margin=0.0, colour=True
    )
    assert patches.shape == (1, 3, 32, 32)
    right = patches[0, :, :, 16:].float()  # outside
    assert_close(right, torch.tensor([250.0, 10, 90])[:, None, None].expand_as(right))
    assert (
        cut_patches(image, squares_about((90.0, -60.0, 8.0)), side=4, colour=True)[0, 0].min()
        == 250
    )


def test_grey_is_the_luma_of_the_colours():
    image = np.full((20, 20, 3), (200, 100, 50), np.uint8)
    grey = cut_patches(image, squares_about((10.0, 10.0, 8.0)), side=6)
    assert (grey == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)).all()


def test_no_square_gives_no_patch():
    image = np.zeros((20, 20, 3), np.uint8)
    assert cut_patches(image, torch.zeros(0, 4)).shape == (0, 1, 112, 112)
    assert cut_patches(image, torch.zeros(0, 4), side=9, colour=True).shape == (0, 3, 9, 9)


@pytest.mark.parametrize(
    ("squares", "options", "message"),
    [
        (torch.tensor([[0.0, 0.0, 8.0, 8.0], [0.0, 0.0, 8.0, 9.0]]), {}, "1 of 2 are not square"),
        (torch.tensor([[0.0, 0.0, math.nan, 8.0]]), {}, "1 of 1 are not square"),
        (torch.tensor([[8.0, 8.0, 0.0, 0.0]]), {}, "1 of 1 are not square"),
        (torch.tensor([[3.0, 3.0, 3.0, 3.0]]), {}, "empty"),
        (torch.zeros(4), {}, r"squares: expected shape \(N, 4\)"),
        (torch.tensor([[0.0, 0.0, 8.0, 8.0]]), {"side": 0}, "side: expected 1 or more pixels"),
    ],
)
def test_what_is_no_square_is_not_cut(squares, options, message):
    with pytest.raises(ValueError, match=message):
        cut_patches(np.zeros((20, 20, 3), np.uint8), squares, **options)


def test_a_photo_of_floats_is_refused():
    with pytest.raises(ImageError, match="uint8"):
        cut_patches(np.zeros((20, 20, 3)), squares_about((10.0, 10.0, 8.0)))


def test_the_frames_of_patches_agree_with_their_pixels():
    patches = toy_faces(3, side=80)
    assert patches.pixels == pytest.approx(80 / 1.6)
    assert_close(patches.squares(), torch.tensor([[0.0, 0.0, 1.0, 1.0]]).repeat(3, 1))
    assert_close(patches.in_patch(torch.tensor([-0.3, 1.3])), torch.tensor([0.0, 80.0]))
    for image, places in zip(patches.images[:, 0], patches.in_patch(patches.points), strict=True):
        for place in places:
            np.testing.assert_allclose(dot_near(image.numpy(), place, radius=5.5), place, atol=0.08)


def test_crops_of_patches_lie_where_their_windows_say():
    patches = toy_faces(4)
    middle = patches.points[:, 2]
    windows = torch.cat([middle - 0.2, middle + torch.tensor([0.2, 0.1])], dim=1)
    crops = patches.crop(windows, (30, 40))  # 0.3 high, 0.4 wide: a pixel is 0.01
    assert crops.shape == (4, 1, 30, 40)
    assert crops.min() >= 0 and 0.7 < crops.max() <= 1
    for image in crops[:, 0].numpy() * 255:
        np.testing.assert_allclose(dot_near(image, (20, 20), radius=12), (20, 20), atol=0.25)


def test_select_takes_faces_with_all_that_belongs_to_them():
    patches = toy_faces(5)
    for rows in ([3, 1], torch.tensor([3, 1]), np.array([3, 1])):
        part = patches.select(rows)
        assert len(part) == 2
        assert torch.equal(part.images, patches.images[[3, 1]])
        assert torch.equal(part.points, patches.points[[3, 1]])
        assert torch.equal(part.widths, patches.widths[[3, 1]])
        assert torch.equal(part.attributes["yaw"], patches.attributes["yaw"][[3, 1]])
    mask = patches.attributes["yaw"] > 0
    assert torch.equal(patches.select(mask).points, patches.points[mask])
    assert torch.equal(patches.select(slice(1, 3)).points, patches.points[1:3])
    assert len(patches.select([])) == len(patches.select(slice(0))) == 0


def test_concatenate_undoes_select_and_keeps_what_all_have():
    patches = toy_faces(5)
    less = patches.select(slice(2, 5))
    less = dataclasses.replace(
        less, attributes={name: less.attributes[name] for name in ("person", "yaw")}
    )
    joined = FacePatches.concatenate([patches.select(slice(2)), less])
    assert torch.equal(joined.images, patches.images)
    assert torch.equal(joined.points, patches.points)
    assert torch.equal(joined.widths, patches.widths)
    assert list(joined.attributes) == ["yaw", "person"]
    assert torch.equal(joined.attributes["person"], patches.attributes["person"])


@pytest.mark.parametrize("other", [toy_faces(2, margin=0.2), toy_faces(2, side=60)])
def test_patches_of_another_kind_are_not_joined(other):
    with pytest.raises(ValueError, match="same margin, image and point shapes, got 2 with"):
        FacePatches.concatenate([toy_faces(2), other])
    with pytest.raises(ValueError, match="got 0"):
        FacePatches.concatenate([])


def test_mirrored_faces_have_their_dots_where_their_points_are():
    patches = toy_faces(3, side=80)
    flipped = patches.mirrored()
    for face in range(3):
        for place in flipped.in_patch(flipped.points[face]):
            found = dot_near(flipped.images[face, 0].numpy(), place, radius=5.5)
            np.testing.assert_allclose(found, place, atol=0.08)
    assert (flipped.points[:, 0, 0] < flipped.points[:, 1, 0]).all(), "eye at image left is first"
    assert torch.equal(flipped.widths, patches.widths)
    assert_close(flipped.mirrored().points, patches.points)


@pytest.mark.parametrize(("points", "partners"), [(5, MIRROR_5), (68, MIRROR_68)])
def test_mirroring_turns_the_attributes_too(points, partners):
    visible = torch.arange(2 * points).view(2, points) % 3 == 0
    attributes = {
        name: torch.tensor([0.1, -0.4]) for name in ("yaw", "pitch", "roll", "turn", "hidden")
    }
    patches = FacePatches(
        torch.zeros(2, 1, 4, 4, dtype=torch.uint8),
        torch.zeros(2, points, 2),
        torch.ones(2),
        attributes={**attributes, "visible": visible},
    )
    flipped = patches.mirrored().attributes
    for name in ("yaw", "roll", "turn"):
        assert torch.equal(flipped[name], torch.tensor([-0.1, 0.4]))
    for name in ("pitch", "hidden"):
        assert torch.equal(flipped[name], torch.tensor([0.1, -0.4]))
    assert torch.equal(flipped["visible"], visible[:, list(partners)])


def test_patches_go_to_a_device_with_all_they_have():
    moved = toy_faces(2).to("meta")
    values = [moved.images, moved.points, moved.widths, *moved.attributes.values()]
    assert {value.device.type for value in values} == {"meta"}


def test_patches_describe_themselves():
    assert repr(toy_faces(2)) == (
        "FacePatches(2 faces, 5 points, 56x56 grey, margin=0.3, attributes: yaw, person, visible)"
    )


GOOD = {
    "images": torch.zeros(2, 1, 8, 8, dtype=torch.uint8),
    "points": torch.zeros(2, 5, 2),
    "widths": torch.ones(2),
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((2, 1, 8, 8), np.uint8)}, "FacePatches.images: expected a tensor"),
        ({"images": torch.zeros(2, 1, 8, 8)}, "FacePatches.images: expected uint8"),
        ({"images": torch.zeros(2, 2, 8, 8).byte()}, "FacePatches.images: .* 1 or 3"),
        ({"images": torch.zeros(2, 1, 8, 9).byte()}, "FacePatches.images: .* S, S"),
        ({"images": torch.zeros(2, 8, 8).byte()}, "FacePatches.images: expected 4 axes"),
        ({"points": torch.zeros(3, 5, 2)}, "FacePatches.points: expected 3 axes and 2 rows"),
        ({"points": torch.zeros(2, 6, 2)}, r"FacePatches.points: expected \(N, 5, 2\)"),
        ({"points": torch.zeros(2, 5, 3)}, "FacePatches.points"),
        ({"widths": torch.ones(1)}, "FacePatches.widths: expected 1 axes and 2 rows"),
        ({"margin": -0.1}, "FacePatches.margin: expected 0 or more, got -0.1"),
        ({"margin": math.nan}, "FacePatches.margin"),
        ({"attributes": {"yaw": torch.zeros(3)}}, r"attributes\['yaw'\]: expected 2 rows"),
        ({"attributes": {"yaw": torch.tensor(1.0)}}, r"attributes\['yaw'\]"),
    ],
)
def test_fields_that_do_not_fit_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        FacePatches(**{**GOOD, **changes})


def scene(boxes, landmarks, *, size=(200, 240), **attributes):
    places = landmarks[~landmarks.isnan().any(dim=-1)].view(-1, 2).numpy()
    return Scene(photo(*size, places, spread=3.0), boxes, landmarks, attributes)


BOXES = torch.tensor([[30.0, 40.0, 106.0, 140.0], [130.0, 60.0, 206.0, 160.0]])


def faces_in(boxes):
    """Five points in each box: (N, 5, 2)."""
    return boxes[:, None, :2] + FIVE * (boxes[:, None, 2:] - boxes[:, None, :2])


def test_faces_of_scenes_come_with_their_points_in_square_units():
    five = faces_in(BOXES)
    scenes = [scene(BOXES, five, blur=torch.tensor([1, 2])), scene(BOXES[:1], five[:1])]
    patches = patches_from_scenes(scenes, side=64)
    assert (len(patches), patches.margin) == (3, 0.3)
    for image, places in zip(patches.images[:, 0], patches.in_patch(patches.points), strict=True):
        for place in places:
            np.testing.assert_allclose(dot_near(image.numpy(), place, radius=5), place, atol=0.1)
    # The box is 100 high, so the square has 80, and the width of 76 is 0.95 of it.
    assert_close(patches.widths, torch.full((3,), 0.95))
    assert patches.attributes["scene"].tolist() == [0, 0, 1]
    assert list(patches.attributes) == ["scene"], "blur is not known of all"


def test_faces_without_points_are_left_out_and_points_that_are_missing_stay_missing():
    five = faces_in(BOXES)
    five[0] = torch.nan
    five[1, 3] = torch.nan
    attributes = {"blur": torch.tensor([1, 2]), "pose": torch.tensor([[0.0] * 3, [0.1, 0.2, 0.3]])}
    empty = Scene(np.zeros((9, 9, 3), np.uint8), torch.zeros(0, 4))
    patches = patches_from_scenes([empty, scene(BOXES, five, **attributes)], side=64)
    assert len(patches) == 1
    assert patches.points.isnan().any(dim=-1).tolist() == [[False, False, False, True, False]]
    found = {name: value.tolist() for name, value in patches.attributes.items()}
    assert found.pop("scene") == [1] and found.pop("blur") == [2]
    assert found == {
        name: [pytest.approx(v)]
        for name, v in zip(("yaw", "pitch", "roll"), (0.1, 0.2, 0.3), strict=True)
    }


def many_points(boxes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    places = 0.1 + 0.8 * torch.rand(len(boxes), 68, 2, generator=generator)
    return boxes[:, None, :2] + places * (boxes[:, None, 2:] - boxes[:, None, :2])


def test_scenes_of_68_points_give_68_or_5():
    points, squares = many_points(BOXES), face_squares(BOXES)
    visible = torch.arange(2 * 68).view(2, 68) % 2 == 0
    image = scene(BOXES, points, visible=visible)
    all_of_them = patches_from_scenes([image], points=68, side=32)
    assert_close(all_of_them.points, to_square(points, squares))
    assert torch.equal(all_of_them.attributes["visible"], visible)
    five = patches_from_scenes([image], side=32)
    assert_close(five.points, to_square(to5(points), squares))
    assert "visible" not in five.attributes, "it is known of 68 points, not of these"


def test_the_squares_of_a_list_may_be_its_boxes():
    boxes = torch.tensor([[30.0, 40.0, 110.0, 120.0]])
    patches = patches_from_scenes([scene(boxes, faces_in(boxes))], squares=lambda boxes: boxes)
    assert_close(patches.points[0], FIVE)
    assert_close(patches.widths, torch.ones(1))


def test_colour_side_and_margin_are_passed_on():
    five = faces_in(BOXES)
    patches = patches_from_scenes([scene(BOXES, five)], side=40, margin=0.1, colour=True)
    assert patches.images.shape == (2, 3, 40, 40)
    assert patches.margin == 0.1
    expected = cut_patches(
        scene(BOXES, five).image, face_squares(BOXES), side=40, margin=0.1, colour=True
    )
    assert torch.equal(patches.images, expected)


@pytest.mark.parametrize("points", [5, 68])
def test_no_scene_and_no_face_give_no_patch(points):
    empty = Scene(np.zeros((9, 9, 3), np.uint8), torch.zeros(0, 4))
    for scenes in ([], [empty], iter([empty, empty])):
        patches = patches_from_scenes(scenes, points=points, side=24)
        assert patches.images.shape == (0, 1, 24, 24)
        assert patches.points.shape == (0, points, 2)


def test_scenes_without_the_points_asked_for_are_named():
    image = np.zeros((200, 240, 3), np.uint8)
    bare, five = Scene(image, BOXES), Scene(image, BOXES, faces_in(BOXES))
    many = Scene(image, BOXES, torch.zeros(2, 98, 2))
    with pytest.raises(ValueError, match="scene 1: has faces but no landmarks"):
        patches_from_scenes([five, bare])
    with pytest.raises(ValueError, match="scene 0: has 5 points a face, and 68 are asked for"):
        patches_from_scenes([five], points=68)
    with pytest.raises(ValueError, match="scene 0: has 98 points a face, and 68 are asked for"):
        patches_from_scenes([many], points=68)


def test_noise_is_cropped_the_same_for_one_window_and_for_several():
    patches = noisy_faces(3)
    windows = torch.tensor([[[0.1, 0.2, 0.6, 0.7], [-0.3, -0.3, 1.3, 1.3]]]).repeat(3, 1, 1)
    several = patches.crop(windows, (9, 9))
    assert several.shape == (3, 2, 1, 9, 9)
    assert_close(several[:, 1], patches.crop(windows[:, 1], (9, 9)), atol=1e-6, rtol=0)
