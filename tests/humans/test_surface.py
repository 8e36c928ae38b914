"""The person's surface: rays meet the skin, the warp carries things along."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="fitting needs facelab[render]")

from facelab.humans import assets
from facelab.humans.parts import Fit
from facelab.humans.worn.surface import HEAD, Globe, Rays, directions, warp
from tests.humans import worn

pytestmark = worn.needs_assets


def mean_person() -> Fit:
    body = assets.body()
    return Fit(body.base, body.anchors, body.base, body.groups)


def test_directions_have_unit_length_and_start_at_the_front():
    d = directions(np.array([0.0, np.pi / 2, 0.0]), np.array([0.0, 0.0, np.pi / 2]))
    np.testing.assert_allclose(d, [(0, 0, 1), (1, 0, 0), (0, 1, 0)], atol=1e-6)


def test_a_ray_to_the_nose_meets_the_nose():
    tip = mean_person().landmark(30)
    aim = tip - np.float32(HEAD)
    rays = Rays(HEAD, aim[None] / np.linalg.norm(aim))
    assert rays.met.all()
    assert np.linalg.norm(rays.points(mean_person())[0] - tip) < 0.05
    for fit in worn.people()[::5]:  # the bound place stays the tip of everybody's nose
        assert np.linalg.norm(rays.points(fit)[0] - fit.landmark(30)) < 0.08


def test_rays_above_the_allowed_height_meet_nothing():
    up = np.float32([(0, 1, 0)])
    assert Rays(HEAD, up).met.all()
    assert not Rays(HEAD, up, below=7.0).met.any()


def test_skin_is_closed_at_the_given_reach_where_rays_met_nothing():
    both = np.float32([(0, 1, 0), (0, 0, 1)])
    rays, fit = Rays(HEAD, both, below=7.5), worn.people()[3]
    assert rays.met.tolist() == [False, True]
    skin, centre = rays.skin(fit, np.float32([0.5, 9.0]))
    np.testing.assert_allclose(centre, warp(fit, np.float32([HEAD]))[0])
    np.testing.assert_allclose(skin[0], centre + (0, 0.5, 0), atol=1e-6)
    np.testing.assert_array_equal(skin[1], rays.points(fit)[1])


def test_the_warp_leaves_the_mean_person_as_it_is():
    points = assets.body().base[::50]
    np.testing.assert_allclose(warp(mean_person(), points), points, atol=1e-3)


def test_the_warp_carries_the_skin_to_the_persons_skin():
    body = assets.body()
    outer = np.unique(body.at[body.region != 2])[::11]
    for fit in worn.people()[::4]:
        error = np.linalg.norm(warp(fit, body.base[outer]) - fit.points[outer], axis=1)
        assert np.median(error) < 0.06 and error.max() < 0.6
        chin = warp(fit, body.base[body.landmarks[[8]]])[0]
        np.testing.assert_allclose(chin, fit.landmark(8), atol=2e-3)


def test_a_globe_gives_a_heads_size():
    globe = Globe(HEAD, columns=24, low=0.5, high=np.pi / 2, rows=8)
    radius = globe.radius(mean_person())
    assert radius.shape == (8, 24) and 0.6 < radius.min() < radius.max() < 1.6
    between = globe.look_up(radius, globe.azimuth[:-1], np.full(23, 0.5))
    np.testing.assert_allclose(between, radius[0, :-1], rtol=1e-3)
