"""Pictures and their labels: points where they should be, seen and hidden as they are."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facelab.humans import assets
from facelab.humans.person.looks import Look
from facelab.humans.person.people import Human
from facelab.humans.rendering import truth
from facelab.humans.rendering.posing import rotation
from facelab.humans.worn.accessories import Glasses
from facelab.humans.worn.masks import Mask

pytestmark = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)
pytest.importorskip("numba", reason="rendering needs facelab[render]")

from facelab.humans.person.views import View  # noqa: E402
from facelab.humans.rendering.render import mesh_points, render  # noqa: E402

SIZE = (96, 96)
LOOK = Look()


@pytest.fixture(scope="module")
def human() -> Human:
    return Human.sample(np.random.default_rng(0))


@pytest.fixture(scope="module")
def front(human):
    return render(human, View(age=30.0, look=LOOK, fill=0.7), size=SIZE)


def test_the_same_view_gives_the_same_picture(human):
    views = [View.sample(np.random.default_rng(4), human) for _ in range(2)]
    a, b = (render(human, view, size=SIZE) for view in views)
    assert np.abs(a.rgba.astype(int) - b.rgba.astype(int)).max() <= 2
    np.testing.assert_allclose(a.landmarks, b.landmarks, atol=1e-3)
    np.testing.assert_allclose(a.box, b.box, atol=1e-3)


def test_a_frontal_face_has_its_points_in_order(front):
    points = front.landmarks
    assert points.shape == (68, 2) and front.five.shape == (5, 2)
    assert (np.diff(points[0:17:4, 0]) > 0).all()  # the jaw runs from image left to right
    assert points[36, 0] < points[39, 0] < points[42, 0] < points[45, 0]
    left, right, nose, mouth_left, mouth_right = front.five
    assert left[0] < nose[0] < right[0] and mouth_left[0] < nose[0] < mouth_right[0]
    assert max(left[1], right[1]) < nose[1] < min(mouth_left[1], mouth_right[1])


def test_a_bare_frontal_face_is_seen_and_not_hidden(front):
    assert front.visible[17:].all() and front.five_visible.all()
    assert front.hidden < 0.02


def test_the_box_holds_forehead_and_chin_and_leaves_the_background(front):
    x1, y1, x2, y2 = front.box
    assert y1 < front.landmarks[17:27, 1].min() < front.landmarks[8, 1] < y2 + 2
    assert x1 < front.landmarks[36, 0] and x2 > front.landmarks[45, 0]
    middle = front.rgba[int(y1) + 3 : int(y2) - 3, int(x1) + 6 : int(x2) - 6, 3]
    assert (middle == 255).mean() > 0.97
    assert (front.rgba[0, :, 3] == 0).all()


@pytest.mark.parametrize("side", [-1, 1])
def test_yaw_turns_the_face_to_its_own_left_and_hides_the_far_half(human, side):
    sprite = render(human, View(age=30.0, look=LOOK, yaw=1.1 * side, fill=0.7), size=SIZE)
    nose, eyes = sprite.landmarks[30], sprite.landmarks[36:48].mean(axis=0)
    assert side * (nose[0] - eyes[0]) > 5  # own left is image right
    far, near = (slice(9, 17), slice(0, 8)) if side > 0 else (slice(0, 8), slice(9, 17))
    assert sprite.visible[far].mean() < 0.3 < 0.7 < sprite.visible[near].mean()


def test_pitch_up_lifts_the_chin(human):
    level, up = (
        render(human, View(age=30.0, look=LOOK, pitch=pitch, fill=0.7), size=SIZE)
        for pitch in (0.0, 0.4)
    )
    rise = [s.landmarks[30, 1] - s.landmarks[36:48, 1].mean() for s in (level, up)]
    assert rise[1] < rise[0]


def test_gaze_moves_the_pupils_to_where_the_person_looks(human):
    still, aside = (
        render(human, View(age=30.0, look=LOOK, gaze=gaze, fill=0.8), size=(160, 160))
        for gaze in ((0.0, 0.0), (0.4, 0.0))
    )
    moved = aside.five - still.five
    assert (moved[:2, 0] > 1).all()  # own left is image right
    np.testing.assert_allclose(moved[2:], 0, atol=1e-3)


def test_the_eye_point_of_a_closed_eye_is_the_middle_of_its_lids(human):
    closed = {"eye-left-closure": 1.0, "eye-right-closure": 1.0}
    view = View(age=30.0, look=LOOK, expression=closed, gaze=(0.5, 0.3), fill=0.8)
    sprite = render(human, view, size=(160, 160))
    np.testing.assert_allclose(sprite.five[0], sprite.landmarks[36:42].mean(axis=0), atol=1e-3)


def test_a_picture_twice_as_large_has_points_twice_as_far(human):
    view = View(age=30.0, look=LOOK, yaw=0.3)
    small, large = render(human, view, size=(64, 64)), render(human, view, size=(128, 128))
    np.testing.assert_allclose(2 * small.landmarks, large.landmarks, atol=1e-3)
    mean = large.rgba.reshape(64, 2, 64, 2, 4).mean(axis=(1, 3))
    solid = (mean[..., 3] == 255) & (small.rgba[..., 3] == 255)
    assert np.abs(mean - small.rgba)[solid].mean() < 6


def test_wide_pictures_keep_the_person_in_the_middle(human):
    wide = render(human, View(age=30.0, look=LOOK), size=(64, 120))
    square = render(human, View(age=30.0, look=LOOK), size=(64, 64))
    np.testing.assert_allclose(wide.landmarks - square.landmarks, [(28, 0)] * 68, atol=1e-3)


def test_the_coarse_mesh_lies_on_the_face(human, front):
    pixels, distance, triangles = mesh_points(human, View(age=30.0, look=LOOK, fill=0.7), size=SIZE)
    assert triangles.max() < len(pixels) == len(distance)
    x1, y1, x2, y2 = front.box
    inside = (pixels > (x1 - 3, y1 - 3)) & (pixels < (x2 + 3, y2 + 3))
    assert inside.all()
    nearest = pixels[distance.argmin()]
    assert np.linalg.norm(nearest - front.landmarks[30]) < 4  # the tip of the nose


def test_things_are_labelled_and_hide_what_lies_behind_them(human):
    mask = Mask.sample(np.random.default_rng(0), kind="surgical", worn="over the nose")
    looks = (
        LOOK,
        replace(LOOK, mask=mask),
        replace(LOOK, glasses=Glasses(lens="dark", lens_alpha=0.95)),
    )
    views = [View(age=30.0, look=look, fill=0.7) for look in looks]
    bare, masked, dark = (render(human, view, size=SIZE) for view in views)
    assert masked.attributes["mask"] != "" and bare.attributes["mask"] == ""
    assert masked.hidden > bare.hidden + 0.2
    assert not masked.visible[48:68].any() and masked.visible[36:48].all()
    assert masked.five_visible.tolist() == [True, True, False, False, False]
    assert dark.attributes["glasses"] == "dark"
    assert dark.five_visible.tolist() == [False, False, True, True, True]
    np.testing.assert_allclose(masked.box, bare.box, atol=1e-3)  # what is hidden stays labelled


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 8)])
def test_tiny_pictures_are_valid(human, size):
    sprite = render(human, View(age=30.0, look=LOOK), size=size)
    assert sprite.rgba.shape == (*size, 4)
    assert np.isfinite(sprite.landmarks).all() and np.isfinite(sprite.box).all()


@pytest.mark.parametrize("wrong", [{"size": (0, 10)}, {"supersample": 0}])
def test_impossible_sizes_are_refused(human, wrong):
    with pytest.raises(ValueError, match="at least 1"):
        render(human, View(age=30.0, look=LOOK), **wrong)


def test_the_darkest_of_two_exposures_is_darker(human):
    view = View(age=30.0, look=LOOK)
    bright, dark = (
        render(human, replace(view, exposure=exposure), size=(48, 48)).rgba[..., :3].mean()
        for exposure in (1.0, 0.4)
    )
    assert dark < bright


def test_a_point_behind_a_worn_thing_is_hidden_and_one_in_front_is_seen():
    nearest = np.full((8, 8), 0.1, np.float32)  # a surface 10 dm away
    worn, veil = np.zeros((8, 8), bool), np.zeros((8, 8), np.float32)
    worn[:, :4] = True
    screen = np.float32([(1.5, 4.5), (6.5, 4.5), (6.5, 1.5), (20.0, 4.0), (1.5, 2.5)])
    depth = np.float32([1 / 10.02, 1 / 10.02, 1 / 11.0, 1 / 10, 1 / 9.9])
    assert truth.seen(screen, depth, nearest, worn, veil).tolist() == [
        False,  # just behind a mask
        True,  # on the skin
        False,  # behind the head
        False,  # outside
        True,  # before the mask
    ]
    veil[:] = 0.9
    assert not truth.seen(screen[1:2], depth[1:2], nearest, worn, veil).any()


def test_half_a_covered_face_is_half_hidden():
    outline = np.float32([(2, 2), (18, 2), (18, 18), (2, 18)])
    on_face, worn = np.ones((20, 20), bool), np.zeros((20, 20), bool)
    veil = np.zeros((20, 20), np.float32)
    worn[10:] = True
    assert truth.hidden_share(outline, on_face, worn, veil) == pytest.approx(0.5, abs=0.05)
    veil[:10] = 0.5
    assert truth.hidden_share(outline, on_face, worn, veil) == pytest.approx(0.75, abs=0.05)
    assert truth.hidden_share(outline, ~on_face, worn, veil) == 0.0


def test_rotations_are_rotations():
    turn = rotation(0.3, -0.2, 0.5).astype(float)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    assert np.linalg.det(turn) == pytest.approx(1, abs=1e-6)
    ahead = rotation(0.4, 0, 0) @ np.float32((0, 0, 1))
    assert ahead[0] > 0  # to the person's left
    assert (rotation(0, 0.4, 0) @ np.float32((0, 0, 1)))[1] > 0  # up


def test_the_box_offset_is_the_measured_one():
    stored = Path(__file__).parents[2] / "benchmarks" / "results" / "humans_box_offset.json"
    mean = json.loads(stored.read_text())["offset_mean"]
    across = (mean["left"] - mean["right"]) / 2
    np.testing.assert_allclose(
        truth.BOX_OFFSET, (across, mean["top"], -across, mean["bottom"]), atol=0.006
    )
