"""Sheets of rendered people show those that were asked for."""

import numpy as np
import pytest

from facelab.humans import assets

pytest.importorskip("numba", reason="rendering needs facelab[render]")

from facelab.plots import rendered_sheets

needs_assets = pytest.mark.skipif(
    not assets.available(),
    reason="the people's files are not there; set FACELAB_HUMANS_ASSETS",
)


@needs_assets
@pytest.mark.parametrize("kind", ["people", "views"])
def test_sheets_show_somebody_in_every_photo(kind):
    picture = getattr(rendered_sheets, kind)(2, columns=2, size=48, seed=1)
    assert picture.shape == (48, 96, 3)
    halves = picture[:, :48], picture[:, 48:]
    assert all(half[16:40, 12:36].std() > 8 for half in halves)


@needs_assets
def test_ages_are_one_row_a_person_and_differ():
    picture = rendered_sheets.ages(1, years=(10.0, 70.0), size=48)
    assert picture.shape == (48, 96, 3)
    assert np.abs(picture[:, :48].astype(int) - picture[:, 48:]).mean() > 2
