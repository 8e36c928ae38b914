"""Where people stand."""

import numpy as np
import pytest

from facelab.humans.scenery.layouts import (
    LAYOUTS,
    Request,
    Spot,
    bring_forth,
    choose,
    draw_count,
    hidden,
    push_behind,
)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("count", [1, 7, 60])
def test_everybody_gets_a_place_and_nobody_is_too_small(layout, count):
    for seed in range(3):
        spots = LAYOUTS[layout](rng(seed), Request(count, 240, 320, 6.0))
        assert len(spots) == count
        assert min(spot.height for spot in spots) >= 6
        assert all(np.isfinite([spot.x, spot.y]).all() for spot in spots)


def test_a_crowd_of_three_hundred_keeps_within_the_picture():
    for seed in range(4):
        spots = LAYOUTS["crowd"](rng(seed), Request(300, 480, 640, 6.0))
        inside = [(-20 < spot.x < 660) and (-20 < spot.y < 500) for spot in spots]
        assert np.mean(inside) > 0.97


def test_rows_have_heads_that_touch():
    touching = []
    for seed in range(10):
        spots = LAYOUTS["rows"](rng(seed), Request(20, 480, 640, 6.0))
        places = np.array([(spot.x, spot.y) for spot in spots])
        apart = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(20)
        touching += (apart.min(axis=1) / np.mean([spot.height for spot in spots])).tolist()
    assert np.median(touching) < 1.5


def test_a_head_right_before_a_face_hides_it_and_one_beside_does_not():
    x, y = np.array([50.0]), np.array([50.0])
    assert hidden(x, y, 20.0, np.array([[50.0, 50.0, 22.0]]))[0] > 0.9
    assert hidden(x, y, 20.0, np.array([[90.0, 50.0, 22.0]]))[0] == 0
    assert 0.2 < hidden(x, y, 20.0, np.array([[60.0, 50.0, 20.0]]))[0] < 0.8
    assert hidden(x, y, 20.0, np.zeros((0, 3)))[0] == 0


def test_people_are_pushed_behind_others_until_the_share_is_reached():
    free = [Spot(60.0 * (k % 10) + 30, 100.0, 20.0 + k) for k in range(10)]
    before = np.array([(spot.x, spot.y) for spot in free])
    assert push_behind(rng(), free, 0.0) == free
    moved = push_behind(rng(), free, 0.4)
    after = np.array([(spot.x, spot.y) for spot in moved])
    assert 3 <= (before != after).any(axis=1).sum() <= 5
    assert [spot.height for spot in moved] == [spot.height for spot in free]


def estimated(spots):
    """The share of each face that nearer people hide, as layouts estimate it."""
    places = np.array([(spot.x, spot.y, spot.height) for spot in spots])
    return np.array(
        [
            hidden(place[:1], place[1:2], place[2], places[k + 1 :])[0]
            for k, place in enumerate(places)
        ]
    )


def test_people_in_dense_crowds_step_aside_until_few_are_hidden():
    before, after = [], []
    for seed in range(4):
        spots = LAYOUTS["crowd"](rng(seed), Request(80, 160, 213, 6.0))
        spots.sort(key=lambda spot: spot.y)
        moved = bring_forth(rng(seed), spots, 0.1)
        assert [spot.height for spot in moved] == [spot.height for spot in spots]
        before += (estimated(spots) > 0.3).tolist()
        after += (estimated(moved) > 0.3).tolist()
    assert np.mean(before) > 0.15
    assert np.mean(after) < 0.6 * np.mean(before)


def test_nobody_steps_aside_where_there_is_room():
    free = [Spot(60.0 * k + 30, 100.0, 20.0 + k) for k in range(10)]
    assert bring_forth(rng(), free, 0.0) == free


def test_counts_are_mostly_small_sometimes_none_and_rarely_huge():
    counts = np.array([draw_count(rng(seed)) for seed in range(1500)])
    assert 0.06 < (counts == 0).mean() < 0.14
    assert counts.max() > 60
    assert 0.02 < (counts > 20).mean() < 0.2
    assert 2 <= np.median(counts) <= 8


def test_no_layout_is_chosen_that_does_not_suit_the_number():
    assert {choose(rng(seed), 200) for seed in range(60)} <= {
        "scatter",
        "street",
        "rows",
        "parade",
        "crowd",
    }
    assert "crowd" not in {choose(rng(seed), 1) for seed in range(60)}
