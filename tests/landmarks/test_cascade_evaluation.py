"""Errors of the cascade on made-up faces, by hand."""

import math

import pytest
import torch
from torch.testing import assert_close

from facelab.landmarks import patches_of_people
from facelab.landmarks.dcnn_cascade import Cascade, CascadeNets, evaluation
from facelab.landmarks.dcnn_cascade.evaluation import card_figures, errors_by_level
from facelab.landmarks.judging import FAILURE, FRONTAL, errors, unseen_patches
from tests.landmarks.faces import Dotted, noisy_faces, toy_faces


def test_errors_are_distances_over_the_width_of_the_box():
    patches = toy_faces(2)
    patches.widths[:] = torch.tensor([0.5, 0.8])
    off = torch.tensor([[0.03, 0.04], [0.0, 0.1], [0.0, 0.0], [-0.2, 0.0], [0.06, -0.08]])
    expected = torch.tensor([[0.05, 0.1, 0.0, 0.2, 0.1]]) / patches.widths[:, None]
    assert_close(errors(patches.points + off, patches), expected, atol=1e-6, rtol=0)
    some = errors((patches.points + off)[:, [2, 3]], patches, (2, 3))
    assert_close(some, expected[:, 2:4], atol=1e-6, rtol=0)


def test_a_point_that_nobody_knows_has_no_error():
    patches = toy_faces(2)
    patches.points[1, 4] = torch.nan
    found = errors(torch.zeros(2, 5, 2), patches)
    assert found.isnan().nonzero().tolist() == [[1, 4]]


def test_errors_by_level_are_those_of_the_trace():
    cascade, patches = Cascade(CascadeNets()), noisy_faces(3)
    squares = patches.squares() + 0.03
    for given in (None, squares):
        trace = cascade.trace(patches, squares=given)
        found = errors_by_level(cascade, patches, squares=given)
        assert list(found) == ["F1", "EN1", "NM1", "level 1", "level 2", "level 3"]
        for level in (1, 2, 3):
            assert_close(found[f"level {level}"], errors(trace.points[level - 1], patches))
        assert_close(found["F1"], errors(trace.first["F1"], patches))
        for name, band in (("EN1", (0, 1, 2)), ("NM1", (2, 3, 4))):
            assert_close(found[name][:, band], errors(trace.first[name], patches, band))
    assert found["EN1"].isnan().any(dim=0).tolist() == [False, False, False, True, True]
    assert found["NM1"].isnan().any(dim=0).tolist() == [True, True, False, False, False]


def test_levels_and_networks_that_are_not_used_are_not_listed():
    cascade = Cascade(CascadeNets(), levels=1, voters=("F1",))
    assert list(errors_by_level(cascade, noisy_faces(1))) == ["F1", "level 1"]


def test_the_card_counts_faces_failures_and_frontal_failures(monkeypatch):
    patches = toy_faces(4)
    patches.attributes["yaw"][:] = torch.tensor([0.1, -0.34, 0.36, -1.0])  # 20 degrees are 0.349
    asked = []

    def scripted(cascade, patches, *, squares=None):
        asked.append(squares)
        wide = torch.full((4, 5), 0.01)
        wide[0, 0] = wide[3, :4] = 0.06
        wide[1, 1] = torch.nan
        return {f"level {level}": wide * level / 3 for level in (1, 2, 3)}

    monkeypatch.setattr(evaluation, "errors_by_level", scripted)
    figures = card_figures(Cascade(), patches)
    assert figures["faces"] == 4
    mean = (14 * 0.01 + 5 * 0.06) / 19
    for what in ("", ", squares off by up to 5 %"):
        for level in (1, 2, 3):
            found = figures[f"level {level}: mean error{what}"]
            assert found == pytest.approx(mean * level / 3, abs=1e-5)
        assert figures[f"level 3: failures{what}"] == pytest.approx(5 / 19, abs=1e-4)
        ahead = figures[f"level 3, within 20 degrees: failures{what}"]
        assert ahead == pytest.approx(1 / 9, abs=1e-4)
    assert len(figures) == 11
    plain, off = asked
    assert plain is None
    middles, sides = (off[:, :2] + off[:, 2:]) / 2, off[:, 2:] - off[:, :2]
    assert 0 < (middles - 0.5).abs().max() <= 0.05 + 1e-6
    assert 0 < (sides - 1).abs().max() <= 0.05 + 1e-6


def test_the_card_has_no_line_for_frontal_faces_where_there_are_none():
    patches = noisy_faces(2)
    patches.attributes["yaw"] = torch.tensor([0.5, -0.5])
    figures = card_figures(Cascade(), patches)
    assert not any("20 degrees" in name for name in figures)
    assert all(math.isfinite(value) for value in figures.values()), "a card is JSON"


def test_the_thresholds_are_those_of_the_claims():
    assert FAILURE == 0.05
    assert math.degrees(FRONTAL) == pytest.approx(20)


def test_faces_to_be_judged_on_are_upright_and_not_mirrored():
    source = Dotted(6)
    plain = unseen_patches(source, degrade=False)
    assert not plain.attributes["turn"].any()
    assert (plain.attributes["yaw"] > 0).all()
    worse = unseen_patches(source)
    assert torch.equal(worse.points, plain.points)
    assert not torch.equal(worse.images, plain.images), "by ordinary cameras"
    assert not worse.attributes["turn"].any() and (worse.attributes["yaw"] > 0).all()
    again = unseen_patches(source)
    assert torch.equal(worse.images, again.images)
    assert len(unseen_patches(source, limit=2)) == 2
    other = unseen_patches(source, points=68, colour=True, limit=2)
    assert other.points.shape == (2, 68, 2) and other.images.shape[1] == 3
    seen_in_training = patches_of_people(source, seed=0).images
    assert not torch.equal(seen_in_training, worse.images)
