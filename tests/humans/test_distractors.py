"""Things that are no faces: cut-outs, and how they are strewn."""

import numpy as np
import pytest

from facelab.humans.scenery.cutouts import NOBODY, THING, Canvas
from facelab.humans.scenery.distractors import (
    PAINTERS,
    barrier,
    decorate,
    paint,
    strew,
    strew_before,
)
from tests.humans.drawn import DrawnPeople


def rng(seed=0):
    return np.random.default_rng(seed)


def grey(height=120, width=160):
    return Canvas.over(np.full((height, width, 3), 128, np.uint8))


@pytest.mark.parametrize("kind", PAINTERS)
@pytest.mark.parametrize("size", [8, 48])
def test_every_thing_is_cut_out_and_varies(kind, size):
    first, again, other = (paint(rng(s), kind, size) for s in (3, 3, 4))
    assert first.dtype == np.uint8
    assert first.shape[2] == 4
    assert (first[..., 3] > 200).mean() > 0.02
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or (first != other).any()


def test_things_behind_people_belong_to_nobody():
    changed = 0
    for seed in range(12):
        canvas = grey()
        strew(rng(seed), canvas, DrawnPeople(), busy=True)
        assert (canvas.owner == NOBODY).all()
        changed += (canvas.image != 128).any()
    assert changed >= 10


def test_things_before_people_take_the_pixels_they_cover():
    covered = 0
    for seed in range(40):
        canvas = grey()
        strew_before(rng(seed), canvas, DrawnPeople(props=2))
        assert set(np.unique(canvas.owner)) <= {NOBODY, THING}
        untouched = (canvas.image == 128).all(axis=2)
        assert (
            (~untouched[canvas.owner == THING]).mean() > 0.5
            if (canvas.owner != NOBODY).any()
            else True
        )
        covered += (canvas.owner == THING).any()
    assert 5 <= covered <= 35  # now and then, not always


def test_props_of_the_source_are_used():
    found = 0
    for seed in range(20):
        canvas = Canvas.over(np.zeros((120, 160, 3), np.uint8))
        strew(rng(seed), canvas, DrawnPeople(props=1), busy=True)
        pixels = canvas.image.reshape(-1, 3).astype(int)
        found += (np.ptp(pixels, axis=1) == 0).sum() > 50  # the prop is the one grey thing
    assert found > 5


def test_what_is_worn_belongs_to_its_person():
    canvas = grey()
    for seed in range(10):
        decorate(rng(seed), canvas, x=80, y=30, height=30, owner=7)
    assert set(np.unique(canvas.owner)) == {NOBODY, 7}
    rows = np.flatnonzero((canvas.owner == 7).any(axis=1))
    assert rows.min() > 30 + 15  # below the chin


def test_a_barrier_hides_what_is_below_the_chin_only():
    canvas = grey()
    barrier(rng(2), canvas, x=80, y=30, height=20)
    rows = np.flatnonzero((canvas.owner == THING).any(axis=1))
    assert rows.min() >= 30 + 0.9 * 20


def test_unknown_things_and_tiny_sizes_are_refused():
    with pytest.raises(ValueError, match="'face'; there are skin"):
        paint(rng(), "face", 40)
    with pytest.raises(ValueError, match="8 pixels or more; got 2"):
        paint(rng(), "wheel", 2)
