"""Contact sheets: laid out in rows, and of the people that were asked for."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from facelab.humans import assets

pytest.importorskip("numba", reason="rendering needs facelab[render]")

from facelab.plots import humans_sheets

needs_assets = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)


def test_photos_are_laid_out_in_rows_and_filled_with_white():
    photos = [np.full((4, 6, 3), value, np.uint8) for value in (10, 20, 30)]
    picture = humans_sheets.sheet(photos, 2)
    assert picture.shape == (8, 12, 3)
    assert [picture[1, 1, 0], picture[1, 7, 0], picture[5, 1, 0], picture[5, 7, 0]] == [
        10,
        20,
        30,
        255,
    ]


def test_an_empty_sheet_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        humans_sheets.sheet([], 3)


@needs_assets
@pytest.mark.parametrize("kind", ["people", "views"])
def test_sheets_show_somebody_in_every_photo(kind):
    picture = getattr(humans_sheets, kind)(2, columns=2, size=48, seed=1)
    assert picture.shape == (48, 96, 3)
    halves = picture[:, :48], picture[:, 48:]
    assert all(half[16:40, 12:36].std() > 8 for half in halves)


@needs_assets
def test_ages_are_one_row_a_person_and_differ():
    picture = humans_sheets.ages(1, years=(10.0, 70.0), size=48)
    assert picture.shape == (48, 96, 3)
    assert np.abs(picture[:, :48].astype(int) - picture[:, 48:]).mean() > 2


def test_a_sheet_is_framed_with_a_title_and_words_under_its_columns():
    fig = humans_sheets.figure(np.zeros((20, 60, 3), np.uint8), "Two ages", labels=("5", "60"))
    (axes,) = fig.axes
    assert axes.get_title() == "Two ages"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["5", "60"]
    assert list(axes.get_xticks()) == [15, 45]
    plt.close(fig)
