"""Contact sheets of a pack: laid out in rows, and of the people that were asked for."""

import numpy as np
import pytest

from facelab.plots import sheets
from tests.humans.toys import ToySource


def test_photos_are_laid_out_in_rows_and_filled_with_white():
    photos = [np.full((4, 6, 3), value, np.uint8) for value in (10, 20, 30)]
    picture = sheets.sheet(photos, 2)
    assert picture.shape == (8, 12, 3)
    assert [picture[1, 1, 0], picture[1, 7, 0], picture[5, 1, 0], picture[5, 7, 0]] == [
        10,
        20,
        30,
        255,
    ]


def test_an_empty_sheet_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        sheets.sheet([], 3)


def hues(picture, side=48):
    """The colour of the middle of every photo, 0 where a place is empty."""
    rows, columns = picture.shape[0] // side, picture.shape[1] // side
    middle = picture.reshape(rows, side, columns, side, 3)[:, 30, :, 30]
    return np.where((middle == 255).all(axis=-1), 0, middle[..., 0].astype(int))


def test_people_are_all_different():
    picture = sheets.people(ToySource(people=6), 6, columns=3)
    assert picture.shape == (96, 144, 3)
    assert len(np.unique(hues(picture))) == 6


def test_a_row_of_views_shows_one_person():
    rows = hues(sheets.views(ToySource(people=4, views=5), 15, columns=5))
    assert rows.shape == (3, 5)
    assert all(len(np.unique(row)) == 1 for row in rows)
    assert len(np.unique(rows)) == 3


def test_ages_run_from_young_to_old_in_every_row(monkeypatch):
    source, shown = ToySource(people=3, views=4), []
    take = sheets._photo
    monkeypatch.setattr(sheets, "_photo", lambda s, k, rng: shown.append(int(k)) or take(s, k, rng))
    sheets.ages(source, 2, columns=4)
    age, person = source.table["age"][shown], source.table["person"][shown]
    assert len(shown) == 8
    for row in range(2):
        assert (np.diff(age[4 * row : 4 * row + 4]) > 0).all()
        assert len(np.unique(person[4 * row : 4 * row + 4])) == 1


def test_scenes_are_photos_with_boxes():
    assert sheets.scenes(ToySource(), 2, columns=2).shape == (480, 1280, 3)


def test_rows_of_people_with_fewer_photos_are_filled_with_white():
    source = ToySource(people=3, views=4)
    kept = np.flatnonzero((source.table["person"] != 1) | (source.table["age"] < 30))
    source.sprites = [source.sprites[k] for k in kept]
    source.table = {name: column[kept] for name, column in source.table.items()}
    rows = hues(sheets.views(source, 12, columns=4))
    assert (rows[:2] > 0).all()
    assert (rows[2] > 0).tolist() == [True, True, False, False]
