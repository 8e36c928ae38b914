"""One person in a scene: labels that follow mirroring, turning and scaling."""

from dataclasses import replace

import numpy as np
import pytest

from facelab.humans.scenery.cutouts import NOBODY, THING, Canvas
from facelab.humans.scenery.layouts import Spot
from facelab.humans.scenery.placing import Look, place_person
from tests.humans.drawn import BOX, FIVE, drawn_person

GREY = 60


def placed(seed=0, *, spot=None, sprite=None, body=False, **changes):
    """Place a drawn person on a grey canvas: the canvas and the labels."""
    canvas = Canvas.over(np.full((240, 200, 3), GREY, np.uint8))
    look = replace(Look(np.ones(3), 0.0, body, 4), **changes)
    spot = spot or Spot(100.0, 70.0, 52.0)
    sprite = sprite or drawn_person(0)
    rngs = np.random.default_rng(seed), np.random.default_rng(100 + seed)
    return canvas, place_person(*rngs, canvas, sprite, spot, look, number=9)


def is_mirrored(person):
    """The nose of a drawn person is nearer to the eye at image left, unless mirrored."""
    left, right = np.linalg.norm(person.five[:2] - person.five[2], axis=1)
    return left > right


def test_roll_counts_against_the_clock_as_the_eyes_show():
    """As in sprites, whose line through the eyes falls to the right by -roll."""
    turns = []
    for seed in range(12):
        person = placed(seed)[1]
        across, down = person.five[1] - person.five[0]
        turns.append(person.pose[2])
        assert person.pose[2] == pytest.approx(-np.arctan2(down, across), abs=1e-6)
    assert np.ptp(turns) > 0.05


def test_mirrored_people_look_and_lean_the_other_way():
    pose = np.array([0.3, 0.1, 0.2], np.float32)
    sprite = replace(drawn_person(0), pose=pose, five_visible=np.array([1, 0, 1, 1, 1], bool))
    seen = set()
    for seed in range(12):
        person, level = (placed(seed, sprite=s)[1] for s in (sprite, drawn_person(0)))
        mirrored = is_mirrored(person)
        seen.add(mirrored)
        side = -1 if mirrored else 1
        np.testing.assert_allclose(person.pose - level.pose, [0.3 * side, 0.1, 0.2 * side])
        hidden = 0 if mirrored else 1  # the eye that moved to the other side took its label along
        assert np.flatnonzero(~person.visible).tolist() == [hidden]
    assert seen == {True, False}


@pytest.mark.parametrize("height", [7.0, 20.0, 52.0, 130.0])
def test_the_labels_have_the_size_that_was_asked_for(height):
    person = placed(1, spot=Spot(100.0, 70.0, height))[1]
    scale = height / (BOX[3] - BOX[1])
    eyes = np.linalg.norm(person.five[0] - person.five[1])
    assert eyes == pytest.approx(scale * np.linalg.norm(FIVE[0] - FIVE[1]), rel=1e-6)
    np.testing.assert_allclose((person.box[:2] + person.box[2:]) / 2, [100, 70])
    assert person.box[3] - person.box[1] == pytest.approx(height, rel=0.03)  # turned a little
    assert person.sprite == 9


def test_the_points_of_a_face_lie_on_it_and_a_back_has_none():
    canvas, person = placed(2)
    assert len(person.points) > 100
    columns, rows = person.points.astype(int).T
    assert (canvas.owner[rows, columns] == 4).mean() > 0.97
    assert len(placed(2, spot=Spot(100.0, 70.0, 52.0, "back"), owner=THING)[1].points) == 0


def test_points_leave_out_what_the_cut_out_does_not_show():
    half = drawn_person(0)
    half.rgba[:, :48] = 0
    whole, rest = placed(3)[1], placed(3, sprite=half)[1]
    assert len(rest.points) == pytest.approx(len(whole.points) / 2, rel=0.1)


def test_enlarged_and_blurred_pictures_say_so():
    assert placed(spot=Spot(100.0, 70.0, 52.0))[1].sigma == 0
    assert placed(spot=Spot(100.0, 70.0, 156.0))[1].sigma == pytest.approx(0.7)
    assert placed(sigma=3.0)[1].sigma == 3


def test_the_body_is_drawn_on_demand_and_owned_by_its_person():
    alone, whole = (placed(4, body=body)[0].owner for body in (False, True))
    assert set(np.unique(whole)) == {NOBODY, 4}
    ends = [np.flatnonzero((owner == 4).any(axis=1)).max() for owner in (alone, whole)]
    assert ends[0] < 130 < 200 < ends[1]  # a bust ends about 50 px below the middle of the face


def test_gains_change_the_colours():
    bright, dark = (placed(5, gains=np.full(3, gain))[0].image for gain in (1.0, 0.5))
    face = bright[60:80, 95:105].astype(int), dark[60:80, 95:105].astype(int)
    np.testing.assert_allclose(face[1], face[0] / 2, atol=2)


def test_nobody_is_drawn_outside_the_picture():
    canvas, person = placed(spot=Spot(-400.0, 70.0, 52.0), body=True)
    assert (canvas.owner == NOBODY).all()
    assert (canvas.image == GREY).all()
    assert person.box[2] < 0
