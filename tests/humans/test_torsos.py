"""Bodies below busts."""

import numpy as np

from facelab.humans.scenery.cutouts import Canvas, similarity
from facelab.humans.scenery.torsos import dress, measure, paint
from tests.humans.drawn import BOX, FACE, drawn_person


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_head_that_ends_above_its_lower_edge_needs_no_body():
    floating = drawn_person(1).rgba.copy()
    floating[85:] = 0
    assert measure(floating, BOX) is None
    assert measure(drawn_person(1).rgba, BOX) is not None


def test_a_bust_is_measured_by_its_colours():
    person = drawn_person(2)
    bust = measure(person.rgba, BOX)
    np.testing.assert_allclose(bust.skin, FACE, atol=3)
    np.testing.assert_allclose(np.median(bust.seam, axis=0), person.rgba[94, 48, :3], atol=3)
    assert bust.unit == 52
    assert bust.cloth is not None
    assert 60 <= bust.collar < 72  # about the chin


def body(seed, owner=3):
    canvas = Canvas.over(np.zeros((260, 200, 3), np.uint8))
    person = drawn_person(2)
    bust = measure(person.rgba, BOX)
    matrix = similarity(scale=0.5, turn=0.0, pivot=(48, 46), target=(100, 30))
    paint(
        rng(seed),
        canvas,
        bust,
        matrix,
        pattern=None,
        gains=np.ones(3),
        sigma=0.0,
        owner=owner,
    )
    return canvas, bust


def test_the_body_continues_the_bust_downwards_in_its_colour():
    for seed in range(6):
        canvas, bust = body(seed)
        rows = np.flatnonzero((canvas.owner == 3).any(axis=1))
        below = int(30 + 0.5 * (96 - 46))  # scene row of the bust's lower edge
        assert rows.max() > below + 4 * 26  # torso and legs, in face heights of 26 px
        pixel = canvas.image[below + 3, 100].astype(float)
        assert np.abs(pixel - bust.seam[len(bust.seam) // 2]).max() < 40


def test_bodies_differ():
    shapes = {(body(seed)[0].owner == 3).sum() for seed in range(8)}
    assert len(shapes) > 5


def test_new_clothes_leave_the_face_as_it_was():
    person = drawn_person(2)
    bust = measure(person.rgba, BOX)
    changed = 0
    for seed in range(12):
        rgba, dressed, pattern = dress(rng(seed), person.rgba, bust)
        np.testing.assert_array_equal(rgba[:60], person.rgba[:60])
        np.testing.assert_array_equal(rgba[..., 3], person.rgba[..., 3])
        assert dressed.seam.shape == bust.seam.shape
        changed += (rgba[90, 48] != person.rgba[90, 48]).any()
        assert pattern is None or pattern.shape[2] == 3
    assert 4 <= changed < 12  # some keep what they wear
