from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from facelab.humans.head_model import HeadModel
from facelab.humans.head_model import model as head_model
from facelab.humans.sprites import Sprite
from facelab.plots import humans as figures

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def person():
    rgba = np.zeros((40, 30, 4), np.uint8)
    rgba[5:35, 5:25] = (200, 150, 100, 255)
    points = RNG.uniform(6, 24, (68, 2)).astype(np.float32)
    visible = np.arange(68) < 60
    five = points[:5]
    box = np.float32([5, 5, 25, 35])
    return Sprite(rgba, box, points, visible, five, np.ones(5, bool), np.zeros(3), 0, 30.0)


def table(people=4, views=3):
    count = people * views
    who = np.repeat(np.arange(people), views)
    words = np.array(["", "clear"])
    return {
        "person": who,
        "age": np.tile(np.float32([12, 35, 70])[:views], people),
        "male": (who % 2).astype(np.float32),
        "tone": np.float32([-40, 5, 30, 60])[who],
        "yaw": RNG.normal(0, 0.3, count),
        "pitch": RNG.normal(0, 0.1, count),
        "hidden": np.linspace(0, 0.5, count),
        "expression": np.array(["smile", "neutral"])[who % 2],
        **{name: words[(np.arange(count) % 2)] for name in ("glasses", "hat", "mask", "held")},
    }


def titles(fig):
    return [ax.get_title() for ax in fig.axes]


@pytest.mark.parametrize(("alpha", "shown"), [(0, 50), (255, 200), (51, 80)])
def test_a_cut_out_lies_over_its_backdrop_by_its_alpha(alpha, shown):
    rgba = np.full((2, 3, 4), 200, np.uint8)
    rgba[..., 3] = alpha
    assert (figures.over(rgba, np.full((2, 3, 3), 50, np.uint8)) == shown).all()
    assert (figures.over(rgba, (50, 50, 50)) == shown).all()


def test_the_layers_are_colour_alpha_backdrop_and_what_they_make():
    sprite = person()
    backdrop = np.full((40, 30, 3), 60, np.uint8)
    fig = figures.layers(sprite, backdrop)
    assert titles(fig) == ["colour c", "alpha α", "background b", "α c + (1 - α) b"]
    shown = [ax.images[0].get_array() for ax in fig.axes]
    assert (shown[1][..., 0] == sprite.rgba[..., 3]).all()
    assert (shown[3] == figures.over(sprite.rgba, backdrop)).all()


def test_hidden_points_are_crosses_and_seen_ones_dots():
    fig, ax = plt.subplots()
    figures.labelled(person(), ax=ax)
    seen, hidden, five = ax.lines
    assert (len(seen.get_xdata()), seen.get_marker()) == (60, "o")
    assert (len(hidden.get_xdata()), hidden.get_marker()) == (8, "x")
    assert len(five.get_xdata()) == 5
    assert five.get_markerfacecolor() == "none"  # a ring leaves the points inside to be seen
    (box,) = ax.patches
    assert box.get_bbox().extents.tolist() == [5, 5, 25, 35]


def test_a_labelled_face_fills_its_picture_and_stays_inside_the_photo():
    fig, ax = plt.subplots()
    figures.labelled(replace(person(), box=np.float32([5, 10, 15, 20])), ax=ax)
    assert ax.get_xlim() == pytest.approx((2, 18)) and ax.get_ylim() == pytest.approx((23, 7))
    fig, ax = plt.subplots()
    figures.labelled(replace(person(), box=np.float32([0, 0, 10, 10])), ax=ax)
    assert ax.get_xlim() == pytest.approx((0, 16)) and ax.get_ylim() == pytest.approx((16, 0))


def test_five_points_carry_their_numbers_and_left_and_right_differ_in_shape():
    fig, ax = plt.subplots()
    points = torch.tensor([[5.0, 5], [15, 5], [10, 10], [6, 15], [14, 15]])
    figures.numbered(np.zeros((20, 20, 3), np.uint8), points, ax=ax)
    assert [text.get_text() for text in ax.texts] == list("01234")
    shapes = [line.get_marker() for line in ax.lines]
    assert shapes[0] == shapes[3] != shapes[1] == shapes[4]


def test_the_curves_of_agreement_are_told_apart_by_more_than_colour():
    fig = figures.agreement([0, 0.2], {"frontal": [0.7, 0.9], "turned": [0.6, 0.7]})
    first, second = fig.axes[0].lines
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_marker() != second.get_marker()


def test_a_leak_shows_mean_seeds_and_guess_of_both_results():
    accuracy = {"by image": [0.7, 0.8], "by person": [0.5, 0.5]}
    years = {"by image": [3, 4], "by person": [16, 17]}
    left, right = figures.leak(accuracy, years, chance=0.5, constant=13).axes
    assert [bar.get_width() for bar in left.patches] == pytest.approx([0.75, 0.5])
    assert [bar.get_width() for bar in right.patches] == pytest.approx([3.5, 16.5])
    assert {text.get_text().strip() for text in left.texts} == {"75%", "50%", "guessing"}
    assert left.patches[0].get_hatch() != left.patches[1].get_hatch()
    assert [len(line.get_xdata()) for line in left.lines[:2]] == [2, 2]
    assert left.lines[2].get_xdata()[0] == 0.5 and right.lines[2].get_xdata()[0] == 13
    assert [tick.get_text() for tick in left.get_yticklabels()] == list(accuracy)
    assert left.yaxis_inverted()


@pytest.mark.parametrize(
    ("degrees", "group"), [(-60, 0), (-30, 1), (0, 1), (10, 2), (30, 3), (50, 4), (80, 5)]
)
def test_tone_groups_have_the_limits_of_the_typology_angle(degrees, group):
    assert figures.tone_groups(np.array([degrees])).tolist() == [group]


def test_people_are_counted_once():
    rows = figures.people_of(table(people=4, views=3))
    assert rows["person"].tolist() == [0, 1, 2, 3]
    assert len(rows["tone"]) == 4


def test_the_distributions_count_every_render_and_every_person():
    fig = figures.distributions(table())
    by_title = {ax.get_title(): ax for ax in fig.axes if ax.get_title()}
    bars = by_title["Age and sex"].patches
    assert sum(bar.get_height() for bar in bars) == 12
    assert len({bar.get_hatch() for bar in bars}) == 2
    assert [bar.get_height() for bar in by_title["Skin tone"].patches] == [1, 1, 0, 1, 0, 1]
    assert all(bar.get_width() == 50 for bar in by_title["Worn and held"].patches)
    for ax in by_title.values():
        assert ax.get_xlabel()


def test_a_missing_column_is_said_and_not_an_error():
    fig = figures.distributions({k: v for k, v in table().items() if k != "expression"})
    texts = [text.get_text() for ax in fig.axes for text in ax.texts]
    assert "no column 'expression'" in texts


def test_the_cross_table_counts_people_and_not_renders():
    data = table(people=4, views=3)
    data["age"] = np.full(12, 35.0)
    counts = figures.cross_counts(data)
    assert counts.sum() == 4
    assert counts[:, 3].tolist() == [1, 1, 0, 1, 0, 1]
    fig = figures.cross_table(table())
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert len(texts) == counts.size and "x" in texts


def test_an_audit_shows_share_count_and_range_of_each_group_with_somebody_in_it():
    hits = {"one": np.ones(20, bool), "two": np.arange(40) % 2 == 0, "none": np.zeros(0, bool)}
    fig = figures.audit({"light": hits}, label="found")
    ax = fig.axes[0]
    assert [bar.get_height() for bar in ax.patches] == [1, 0.5]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["one\nn = 20", "two\nn = 40"]
    assert {text.get_text() for text in ax.texts} == {"100%", "50%"}
    assert not fig.legends


def test_an_audit_of_two_conditions_tells_them_apart_by_more_than_colour():
    hits = {"one": np.ones(20, bool), "two": np.arange(40) % 2 == 0}
    dark = {name: ~found for name, found in hits.items()}
    fig = figures.audit({"light": hits, "dark": dark}, label="found")
    bars = fig.axes[0].patches
    assert [bar.get_height() for bar in bars] == [1, 0.5, 0, 0.5]
    assert bars[0].get_hatch() != bars[2].get_hatch()
    assert bars[0].get_x() < bars[2].get_x() < bars[1].get_x()
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["light", "dark"]


def test_the_numbers_of_the_cross_table_are_dark_on_light_cells_and_light_on_dark_ones():
    tones = np.float32([-40] + [60] * 7)
    data = {"person": np.arange(8), "age": np.full(8, 12.0), "tone": tones}
    ax = figures.cross_table(data).axes[0]
    colours = {text.get_text(): text.get_color() for text in ax.texts}
    assert (colours["x"], colours["7"]) == ("white", "black")


@pytest.mark.parametrize(
    ("hits", "low", "high"), [((10, 10), 0.722, 1.0), ((5, 10), 0.237, 0.763), ((0, 4), 0.0, 0.490)]
)
def test_the_interval_is_wilsons(hits, low, high):
    found = np.arange(hits[1]) < hits[0]
    assert figures.wilson(found) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.skipif(not head_model.FILE.is_file(), reason="the head model is not shipped")
def test_each_step_from_the_mean_to_a_person_changes_the_picture():
    pictures = list(figures.steps(HeadModel.load(), side=64).items())
    assert [name for name, _ in pictures][:2] == ["mean shape", "+ identity"]
    for (_, before), (name, after) in zip(pictures[:-1], pictures[1:], strict=True):
        assert after.shape == (64, 64, 3)
        assert (before != after).mean() > 0.02, name
