import base64
import re

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from facelab import plots
from facelab.plots import figures, publish
from facelab.types import Faces

ALT = "Two boxes; the left one scores 0.9."


@pytest.fixture(autouse=True)
def own_style():
    with matplotlib.rc_context():
        plots.style()
        yield
        plt.close("all")


def photo(height=60, width=80):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


def two_boxes():
    return torch.tensor([[5.0, 5, 25, 30], [40, 10, 70, 50]])


def test_a_shown_figure_carries_its_alt_text_and_is_closed(monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "publish", lambda text, markup: shown.append((text, markup)))
    plots.show(plots.photo(photo()), alt='A "quiet" photo\n   of noise.')
    text, markup = shown[0]
    assert text == 'A "quiet" photo of noise.'
    assert 'alt="A &quot;quiet&quot; photo of noise."' in markup
    assert plt.get_fignums() == []


def test_the_picture_is_a_png_of_the_figure_s_size():
    fig, ax = plt.subplots(figsize=plots.NARROW)
    ax.plot([1, 2])
    tag = figures.figure_tag(fig, ALT)
    data = base64.b64decode(re.search(r"base64,([^\"]+)", tag).group(1))
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") == 500
    assert 'width="500"' in tag
    assert figures.figure_tag(fig, ALT) == tag


def test_a_large_photo_is_stored_small():
    smooth = np.linspace(0, 255, 800).astype(np.uint8)
    noise = np.random.default_rng(0).integers(-6, 6, (500, 800, 3))
    fig = plots.photo(np.clip(smooth[None, :, None] + noise, 0, 255).astype(np.uint8))
    tag = figures.figure_tag(fig, ALT)
    assert tag.startswith('<img src="data:image/jpeg')
    assert len(tag) < 150_000


@pytest.mark.parametrize("alt", ["", "   ", "figure.png", "plot_3.SVG", "faces", "a figure", None])
def test_an_alt_text_that_says_nothing_is_an_error(alt):
    with pytest.raises(ValueError, match="alt text"):
        plots.show(plots.photo(photo()), alt=alt)


def test_outside_a_notebook_the_alt_text_is_printed(capsys):
    plots.show(plots.photo(photo()), alt=ALT)
    assert capsys.readouterr().out.strip() == ALT
    assert not publish.in_notebook()


def test_boxes_take_colour_and_line_style_from_their_role():
    fig = plots.boxes(photo(), two_boxes(), role="truth")
    patch = fig.axes[0].patches[0]
    assert matplotlib.colors.to_hex(patch.get_edgecolor()).upper() == plots.PALETTE["truth"]
    assert patch.get_linestyle() == plots.LINES["truth"]
    assert patch.get_bbox().bounds == (5, 5, 20, 25)


def test_two_roles_can_share_a_photo():
    fig, ax = plt.subplots()
    plots.boxes(photo(), two_boxes(), role="truth", ax=ax)
    assert plots.boxes(None, two_boxes() + 2, role="prediction", ax=ax) is fig
    assert len({patch.get_linestyle() for patch in ax.patches}) == 2
    with pytest.raises(ValueError, match="ax="):
        plots.boxes(None, two_boxes())


def test_surer_boxes_are_darker_and_thicker():
    faces = Faces(two_boxes(), torch.tensor([0.9, 0.2]), None)
    fig = plots.boxes(photo(), faces, colour_by="score")
    sure, unsure = fig.axes[0].patches
    assert sure.get_linewidth() > unsure.get_linewidth()
    assert sum(sure.get_edgecolor()[:3]) < sum(unsure.get_edgecolor()[:3])
    with pytest.raises(ValueError, match="colour_by"):
        plots.boxes(photo(), faces, colour_by="size")


def test_no_boxes_are_fine_with_and_without_scores():
    for colour_by in (None, "score"):
        fig = plots.boxes(photo(), Faces.empty(), colour_by=colour_by)
        assert len(fig.axes[0].patches) == 0


def test_labels_and_landmarks_are_drawn():
    points = torch.rand(2, 5, 2) * 50
    fig = plots.boxes(photo(), two_boxes(), labels=["A", "B"], landmarks=points, title="Two")
    ax = fig.axes[0]
    assert [text.get_text() for text in ax.texts] == ["A", "B"]
    assert len(ax.lines) == 2
    assert ax.get_title() == "Two"


def test_landmarks_take_one_face_or_many_and_leave_out_missing_points():
    one = torch.tensor([[10.0, 10], [30, 10], [20, 20], [12, 30], [torch.nan, torch.nan]])
    fig = plots.landmarks(photo(), one, numbers=True)
    assert len(fig.axes[0].texts) == 4
    assert len(plots.landmarks(photo(), torch.stack([one, one])).axes[0].lines) == 2


@pytest.mark.parametrize(("count", "rows"), [(0, 1), (1, 1), (8, 1), (9, 2)])
def test_crops_stand_in_a_grid(count, rows):
    fig = plots.crops([photo(12, 12)] * count, titles=[str(i) for i in range(count)])
    assert fig.axes[0].get_gridspec().nrows == rows
    assert sum(bool(ax.images) for ax in fig.axes) == count


def test_every_role_has_a_colour_a_line_and_a_marker_of_its_own():
    for cue in (plots.PALETTE, plots.LINES, plots.MARKERS):
        assert set(cue) == set(plots.PALETTE)
        assert len({str(value) for value in cue.values()}) == len(cue)


def test_type_is_ten_points_or_larger():
    for key in ("font.size", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"):
        assert matplotlib.rcParams[key] >= 10
    assert matplotlib.rcParams["image.cmap"] == "cividis"
