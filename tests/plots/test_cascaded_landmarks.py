"""The figures of lab 02: what they draw, from numbers worked out by hand."""

import dataclasses

import numpy as np
import pytest
import torch

from facelab.landmarks.patches import FacePatches
from facelab.plots.palette import PALETTE
from facelab.plots.points import picture

plt = pytest.importorskip("matplotlib.pyplot")

from facelab.plots import cascaded_landmarks as figures  # noqa: E402
from facelab.plots.cascaded_landmarks.errors import averaged, correlation  # noqa: E402
from facelab.plots.cascaded_landmarks.looks import series  # noqa: E402

IMAGES = torch.arange(2 * 16 * 16, dtype=torch.int64).reshape(2, 1, 16, 16).to(torch.uint8)
TRUTH = torch.tensor([[[0.2, 0.3], [0.8, 0.3], [0.5, 0.5], [0.3, 0.8], [0.7, 0.8]]] * 2)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def lines_with(ax, marker):
    return [line for line in ax.lines if line.get_marker() == marker]


def heights(ax):
    bars = [one for one in ax.containers if getattr(one, "patches", None)]
    return [[bar.get_height() for bar in one.patches] for one in bars]


# ---- pictures


def test_the_clearest_face_shows_all_points_and_has_the_strongest_eyes():
    images = torch.full((4, 1, 64, 64), 128, dtype=torch.uint8)
    faint, strong, hidden = images[1], images[2], images[3]
    for face, depth in ((faint, 20), (strong, 100), (hidden, 120)):
        face[:, 20:24] -= depth
    points = torch.tensor([[0.3, 0.2], [0.7, 0.2], [0.5, 0.5], [0.3, 0.8], [0.7, 0.8]])
    seen = torch.ones(4, 5, dtype=torch.bool)
    seen[3, 4] = False
    patches = FacePatches(
        images, points.repeat(4, 1, 1), torch.ones(4), margin=0.3, attributes={"visible": seen}
    )
    assert figures.clearest(patches) == 2
    one_eye = images.clone()
    one_eye[2, :, :, 32:] = 128
    assert figures.clearest(dataclasses.replace(patches, images=one_eye)) == 1
    dense = torch.full((4, 68, 2), 0.9)
    dense[:, 36:42], dense[:, 42:48] = points[0], points[1]  # the outlines of both eyes
    seen = torch.ones(4, 68, dtype=torch.bool)
    seen[:, 0], seen[3, 4] = False, False  # none shows everything, the last one least
    both = dataclasses.replace(patches, points=dense, attributes={"visible": seen})
    assert figures.clearest(both) == 2


def test_faces_stand_in_square_units_with_rings_for_truth_and_crosses_for_prediction():
    guess = TRUTH + 0.1
    fig = figures.faces(IMAGES, margin=0.5, truth=TRUTH, predicted=guess, titles=["a", "b"])
    assert [ax.get_title() for ax in fig.axes] == ["a", "b"]
    ax = fig.axes[1]
    assert ax.images[0].get_extent() == [-0.5, 1.5, 1.5, -0.5]
    (ring,), (cross,) = lines_with(ax, "o"), lines_with(ax, "x")
    np.testing.assert_allclose(ring.get_xydata(), TRUTH[1].numpy(), atol=1e-6)
    np.testing.assert_allclose(cross.get_xydata(), guess[1].numpy(), atol=1e-6)
    assert ring.get_markerfacecolor() == "none"
    assert (ring.get_color(), cross.get_color()) == (PALETTE["truth"], PALETTE["prediction"])
    assert len(ax.lines) == 7  # rings, crosses and a line for each of the five points
    assert len(ax.patches) == 1  # the face square


def test_faces_with_68_points_have_small_marks_and_no_lines():
    many = torch.rand(1, 68, 2)
    ax = figures.faces(IMAGES[:1], truth=many, predicted=many, square=False).axes[0]
    assert len(ax.lines) == 2 and not ax.patches
    assert {line.get_markersize() for line in ax.lines} == {3.0}


def test_unknown_points_are_left_out_of_a_face():
    holes = TRUTH[:1].clone()
    holes[0, 2] = torch.nan
    fig = figures.faces(IMAGES[:1], truth=holes)
    fig.canvas.draw()
    assert np.isnan(lines_with(fig.axes[0], "o")[0].get_xydata()).sum() == 2


def test_one_face_is_drawn_on_given_axes_and_two_are_refused():
    _, ax = plt.subplots()
    figures.faces(IMAGES[:1], truth=TRUTH[:1], ax=ax, title="One")
    assert ax.get_title() == "One"
    with pytest.raises(ValueError, match="one face; got 2 images"):
        figures.faces(IMAGES, ax=ax)


def test_a_patch_becomes_a_photo_and_other_arrays_are_refused():
    grey = picture(IMAGES[0])
    assert grey.shape == (16, 16, 3) and (grey[..., 0] == IMAGES[0, 0].numpy()).all()
    colour = torch.randint(0, 255, (3, 4, 4), dtype=torch.uint8)
    np.testing.assert_array_equal(picture(colour), colour.permute(1, 2, 0).numpy())
    with pytest.raises(ValueError, match="float32"):
        picture(torch.rand(1, 4, 4))


def test_windows_of_one_label_share_a_look_and_stand_in_the_legend_once():
    boxes = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0], [-0.1, 0.0, 1.1, 0.9]])
    ax = figures.windows(IMAGES[0], boxes, labels=["small", "small", "band"]).axes[0]
    drawn = [(*patch.get_xy(), patch.get_width(), patch.get_height()) for patch in ax.patches]
    expected = [[0, 0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5], [-0.1, 0, 1.2, 0.9]]
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    looks = [(patch.get_edgecolor(), patch.get_linestyle()) for patch in ax.patches]
    assert looks[0] == looks[1] != looks[2]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["small", "band"]
    with pytest.raises(ValueError, match="one a window; got 1 for 3"):
        figures.windows(IMAGES[0], boxes, labels=["small"])


def test_arrows_lead_from_level_to_level_and_each_point_is_seen_close_up():
    levels = torch.stack([TRUTH[0] + 0.08, TRUTH[0] + 0.03, TRUTH[0] + 0.01])
    fig = figures.arrows(IMAGES[0], levels, truth=TRUTH[0], width=0.9, title="Nearer each time")
    close = fig.axes[1:6]
    assert [ax.get_title() for ax in close] == ["LE", "RE", "N", "LM", "RM"]
    for number, ax in enumerate(close):
        assert np.mean(ax.get_xlim()) == pytest.approx(TRUTH[0, number, 0].item(), abs=1e-6)
        ends = [note.xy for note in ax.texts]
        np.testing.assert_allclose(ends, levels[1:, number], atol=1e-6)
        assert ax.patches[-1].get_radius() == pytest.approx(0.045)
    legend = [text.get_text() for text in fig.axes[6].get_legend().get_texts()]
    assert legend[-2:] == ["truth", "error of 5%"]


def test_arrows_on_a_face_whose_truth_nobody_knows_promise_none():
    fig = figures.arrows(IMAGES[0], TRUTH[:1].expand(2, -1, -1), names=("a", "b"), width=0.9)
    assert [text.get_text() for text in fig.axes[6].get_legend().get_texts()] == ["a", "b"]


def test_comparing_zooms_on_each_face_and_joins_partners():
    photo = np.zeros((80, 100, 3), np.uint8)
    boxes = torch.tensor([[10.0, 10.0, 50.0, 60.0]])
    first = 30 + 10 * TRUTH[:1]
    fig = figures.compare(photo, boxes, first, first + 2, names=("A", "B"), titles=["one"])
    ax = fig.axes[0]
    assert ax.get_xlim() == pytest.approx((30 - 31, 30 + 31))
    assert ax.get_ylim() == pytest.approx((35 + 31, 35 - 31))
    np.testing.assert_allclose(lines_with(ax, "x")[0].get_xydata(), (first + 2)[0], atol=1e-5)
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["A", "B"]


# ---- errors


def test_level_errors_draws_means_and_failure_rates_and_leaves_out_unknown_points():
    table = torch.tensor([[0.01, 0.02, 0.03, 0.04, 0.06], [0.03, 0.02, 0.03, 0.08, 0.06]])
    some = table.clone()
    some[:, 3:] = torch.nan
    left, right = figures.level_errors({"EN1": some, "level 1": table}).axes
    assert heights(left)[0] == pytest.approx([2, 2, 3])
    assert heights(left)[1] == pytest.approx([2, 2, 3, 6, 6])
    assert heights(right)[1] == pytest.approx([0, 0, 0, 50, 100])
    assert len({bars.patches[0].get_hatch() for bars in left.containers}) == 2


def test_levels_look_the_same_in_every_chart():
    alone = series(["level 1", "level 2", "level 3"])
    mixed = series(["F1 alone", "Level 2", "level 3"])
    assert alone == {"level 1": 1, "level 2": 2, "level 3": 3}
    assert (mixed["Level 2"], mixed["level 3"]) == (2, 3)
    assert mixed["F1 alone"] not in (1, 2, 3)


def test_the_cumulative_curve_passes_through_the_shares_and_names_that_at_the_threshold():
    fig = figures.cumulative({"level 3": [0.01, 0.03, 0.05, 0.2, float("nan")]}, most=0.1)
    curve = fig.axes[0].lines[0]
    x, y = curve.get_data()
    assert list(x[:4]) == pytest.approx([1, 3, 5, 20])
    assert list(y[:4]) == pytest.approx([25, 50, 75, 100])
    assert curve.get_drawstyle() == "steps-post"
    assert curve.get_label() == "level 3: 75.0% within 5%"
    assert fig.axes[0].get_xlim() == (0, 10)


def test_the_breakdown_says_means_intervals_failures_and_counts_and_skips_empty_groups():
    groups = {"pose": {"frontal": [0.01, 0.03], "turned": [0.06]}, "blur": {"none": []}}
    pose, blur = figures.breakdown(groups).axes
    assert heights(pose)[0] == pytest.approx([2, 6])
    assert [text.get_text() for text in pose.texts] == ["0.0%\nfail", "100.0%\nfail"]
    labels = [tick.get_text() for tick in pose.get_xticklabels()]
    assert labels == ["frontal\nn=2", "turned\nn=1"]
    whisker = pose.containers[1].lines[2][0].get_segments()[0]
    half = 1.96 * 100 * np.std([0.01, 0.03], ddof=1) / 2**0.5
    np.testing.assert_allclose(whisker[:, 1], [2 - half, 2 + half])
    assert not heights(blur) and [t.get_text() for t in blur.get_xticklabels()] == []


def test_curves_are_in_percent_with_the_line_of_failure():
    ax = figures.curves([0, 10], {"level 1": [0.02, 0.08]}, label="shift (%)", threshold=0.05).axes[
        0
    ]
    assert list(ax.lines[0].get_ydata()) == pytest.approx([2, 8])
    assert list(ax.lines[1].get_ydata()) == pytest.approx([5, 5])
    assert ax.get_xlabel() == "shift (%)"


def test_averaging_equal_networks_gains_nothing_and_independent_ones_a_root():
    same = np.array([[0.03, -0.01, 0.02]] * 3)
    assert averaged(same) == (pytest.approx(rms(same)), pytest.approx(rms(same) / 3**0.5))
    apart = np.array([[0.02, 0.02, -0.02, -0.02], [0.02, -0.02, 0.02, -0.02]])
    assert correlation(*apart) == pytest.approx(0)
    assert averaged(apart)[0] == pytest.approx(rms(apart.mean(axis=0)))
    assert correlation(apart[0], -apart[0]) == pytest.approx(-1)


def rms(values):
    return float(np.sqrt(np.mean(values**2)))


def test_averaging_draws_what_is_measured_beside_what_the_formula_says():
    table = np.array([[0.02, 0.02, -0.02, -0.02], [0.04, 0.0, 0.0, -0.04]])
    left, right = figures.averaging(table, names=["F1", "EN1"]).axes
    drawn = [bars.patches[0].get_width() for bars in right.containers if bars.patches]
    measured = 100 * rms(table.mean(axis=0))
    rho = correlation(*table)
    size = rms(table)
    formula = 100 * size * ((1 + rho) / 2) ** 0.5
    expected = [2, 100 * rms(table[1]), measured, formula, 100 * size / 2**0.5]
    assert drawn == pytest.approx(expected)
    assert left.get_title() == f"correlation {rho:.2f}"
    with pytest.raises(ValueError, match="K names"):
        figures.averaging(table, names=["F1"])


def test_the_ablation_compares_with_the_first_variant():
    results = {"S0": [[0.01] * 5, [0.03] * 5], "S7": [0.04] * 5}
    fig = figures.ablation(results)
    first = fig.axes[0]
    assert [text.get_text() for text in first.texts] == ["2.00", "4.00"]
    assert first.lines[-1].get_xdata() == pytest.approx([2, 2])
    assert sorted(first.lines[0].get_xdata()) == pytest.approx([1, 3])


# ---- networks


def test_each_region_has_a_frame_of_its_own_and_its_filters_the_same_one():
    banks = {"global": torch.rand(1, 1, 3, 4, 4), "local": torch.rand(2, 2, 3, 4, 4)}
    banks["local"] = banks["local"].unsqueeze(3).requires_grad_()  # as a stage has them
    fig = figures.sharing(np.zeros((39, 39)), banks, maps=2)
    upper, lower = fig.subfigs
    assert upper.get_suptitle() == "global: 1 bank of 3 filters"
    assert lower.get_suptitle() == "local: 4 banks of 3 filters"
    assert [len(ax.patches) for ax in lower.axes[:3]] == [4, 4, 4]
    face, filters = lower.axes[:2]
    colours = [patch.get_edgecolor() for patch in face.patches]
    assert colours == [patch.get_edgecolor() for patch in filters.patches]
    assert len(set(colours)) == 4
    np.testing.assert_allclose(filters.images[3].get_array(), banks["local"][1, 1, 0, 0].detach())
    with pytest.raises(ValueError, match="kernels"):
        figures.sharing(np.zeros((39, 39)), {"flat": torch.rand(3, 4, 4)})


def test_layer_maps_are_cut_where_the_banks_meet():
    fig = figures.regions(torch.rand(3, 16, 16), (2, 4), columns=3)
    ax = fig.axes[0]
    across = [line.get_xdata()[0] for line in ax.lines if line.get_xdata()[0] != 0]
    assert across == [4, 8, 12]
    assert ax.lines[0].get_ydata()[0] == 8
