"""Who stands where, from far to near, and how sharp."""

import numpy as np
import pytest

from facelab.humans.scenery.layouts import Spot
from facelab.humans.scenery.staging import Focus, add_faceless, stage

SIZE = (240, 320)


def rng(seed=0):
    return np.random.default_rng(seed)


def staged(seed=0, **changes):
    options = {"count": 9, "layout": None, "smallest": 6.0, "sizes": None, "hide": 0.0}
    return stage(rng(seed), size=SIZE, **(options | changes))


def test_people_come_from_far_to_near():
    heights = [spot.height for spot in staged(layout="scatter")]
    assert heights == sorted(heights)


def test_in_rows_the_lower_are_the_nearer():
    for seed in range(4):
        lines = [spot.y for spot in staged(seed, layout="rows", count=12)]
        assert np.mean(np.diff(lines) >= -20) == 1


def test_nobody_needs_no_place():
    assert staged(count=0) == []
    assert staged(count=0, sizes=(20, 30), layout="rows") == []


def test_sizes_are_spread_over_their_range_and_alike_in_rows():
    spread = [spot.height for spot in staged(layout="scatter", sizes=(20, 60))]
    assert (min(spread), max(spread)) == pytest.approx((20, 60))
    rows = [spot.height for spot in staged(layout="rows", sizes=(20, 60))]
    assert min(rows) >= 20 - 1e-9
    assert max(rows) <= 60 + 1e-9
    assert max(rows) / min(rows) < 1.7


def test_people_without_a_face_are_added_now_and_then_behind_the_nearer():
    faces = [Spot(40.0 * k, 100.0, 20.0 + 10 * k) for k in range(6)]
    added = 0
    for seed in range(40):
        spots = add_faceless(rng(seed), faces, size=SIZE, smallest=6.0)
        assert [spot for spot in spots if spot.role == "face"] == faces
        cut = [spot for spot in spots if spot.role == "back" and spot.y < 0]
        assert spots[: len(cut)] == cut  # heads above the picture: behind everybody
        heights = [spot.height for spot in spots[len(cut) :]]
        assert heights == sorted(heights)
        added += len(spots) > len(faces)
    assert 5 < added < 30
    assert len(faces) == 6  # the list that was given stays as it was


def test_nobody_with_a_face_leaves_more_room_for_backs():
    counts = [len(add_faceless(rng(s), [], size=SIZE, smallest=6.0)) > 0 for s in range(60)]
    assert 0.5 < np.mean(counts) < 0.9


def test_blur_grows_with_the_distance_from_the_sharp_plane():
    focus = Focus(depth=1.0, sharp=40.0)
    assert focus.sigma(40.0) == 0
    assert focus.sigma(80.0) == focus.sigma(20.0) == pytest.approx(1)
    assert focus.sigma(5.0) == pytest.approx(0.6)  # small faces stay faces
    assert Focus(depth=0.0, sharp=40.0).sigma(5.0) == 0


def test_most_scenes_are_sharp_all_over_and_others_about_somebody():
    spots = [Spot(0.0, 0.0, height) for height in (10.0, 20.0, 90.0)]
    drawn = [Focus.draw(rng(seed), spots) for seed in range(400)]
    assert 0.6 < np.mean([focus.depth == 0 for focus in drawn]) < 0.8
    assert {focus.sharp for focus in drawn} == {10, 20, 90}
    assert np.mean([focus.sharp == 90 for focus in drawn]) > 0.75
    assert Focus.draw(rng(), []).sharp == 50
