"""Teeth: the upper row stays with the skull and fills a smile, the lower row goes with the jaw."""

import numpy as np
import pytest

from facelab.humans import assets
from facelab.humans.person import mouth
from facelab.humans.person.people import Human
from facelab.humans.person.views import EXPRESSIONS

pytestmark = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)
HEAD = 2.2  # decimetres


def places(expression: dict[str, float], seed: int = 0):
    """A grown person's body with and without an expression, and the teeth."""
    human = Human.sample(np.random.default_rng(seed))
    fit, neutral = human.fit(30.0, expression=expression), human.fit(30.0)
    return fit, neutral, mouth.teeth(fit, neutral, HEAD)


def incisors(teeth: np.ndarray, row: np.ndarray) -> np.ndarray:
    chosen = row & mouth.crowns()
    return teeth[chosen & (teeth[:, 2] > teeth[chosen, 2].max() - 0.1)]


def test_a_jaw_has_sixteen_teeth_above_and_below_and_gums():
    pieces, upper, crowns = mouth.pieces(), mouth.upper_row(), mouth.crowns()
    assert len(np.unique(pieces[crowns & upper])) == len(np.unique(pieces[crowns & ~upper])) == 16
    assert 0.3 < upper[~crowns].mean() < 0.7


def test_closed_lips_hide_the_teeth_and_a_laugh_does_not():
    human = Human.sample(np.random.default_rng(0))
    assert mouth.opening(human.fit(30.0)) < 0.5
    assert mouth.opening(human.fit(30.0, expression=EXPRESSIONS["laugh"][1])) == 1


@pytest.mark.parametrize("name", ["grin", "beam"])
@pytest.mark.parametrize("seed", range(4))
def test_the_upper_row_fills_most_of_a_smile(name, seed):
    fit, _, teeth = places(EXPRESSIONS[name][1], seed)
    lip, low = fit.landmark(62)[1], fit.landmark(66)[1]
    edge = incisors(teeth, mouth.upper_row())[:, 1].min()
    assert (lip - edge) / (lip - low) > 0.6
    assert edge > low - 0.03 * HEAD


def test_the_lower_row_drops_with_the_jaw_and_the_upper_row_does_not():
    _, _, closed = places({"mouth-open": 0.1})
    _, _, wide = places({"mouth-open": 0.7})
    upper = mouth.upper_row()
    fall = closed[:, 1] - wide[:, 1]
    assert abs(fall[upper & mouth.crowns()].mean()) < 0.08
    assert fall[~upper & mouth.crowns()].mean() > 0.1


def test_the_lower_row_is_hidden_behind_the_upper_one_while_the_jaw_is_closed():
    _, _, teeth = places(EXPRESSIONS["grin"][1])
    upper = mouth.upper_row()
    above, below = incisors(teeth, upper), incisors(teeth, ~upper)
    assert below[:, 2].max() < above[:, 2].max()
    assert below[:, 1].max() < np.median(above[:, 1])


def test_the_front_teeth_see_more_light_than_the_back_ones():
    _, _, teeth = places(EXPRESSIONS["beam"][1])
    light = mouth.teeth_light(teeth)
    front, back = teeth[:, 2] > teeth[:, 2].max() - 0.05, teeth[:, 2] < teeth[:, 2].min() + 0.1
    assert light[front].mean() > 2 * light[back].mean()
    assert (0 <= light).all() and (light <= 1).all()


def test_the_tongue_follows_the_jaw():
    human = Human.sample(np.random.default_rng(0))
    neutral, fit = human.fit(30.0), human.fit(30.0, expression={"mouth-open": 0.7})
    still, moved = mouth.tongue(neutral, neutral, HEAD), mouth.tongue(fit, neutral, HEAD)
    assert (moved[:, 1] < still[:, 1] - 0.1).all()


def test_normals_of_teeth_bend_to_the_front():
    ahead = np.array((0, 0, 1), np.float32)
    bent = mouth.rounded(np.array(((1, 0, 0), (0, 0, 1)), np.float32), ahead)
    assert (bent @ ahead > 0.4).all()
