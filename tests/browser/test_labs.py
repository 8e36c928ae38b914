"""The learner labs in a real browser: they run, and their widgets move."""

import os
from pathlib import Path

import pytest

from facelab.course.build import notebook_files
from tests.browser.lab_page import LabPage

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LABS = [
    path.relative_to(NOTEBOOKS).as_posix()
    for path in notebook_files(NOTEBOOKS.parent, NOTEBOOKS.name)
]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def test_the_harness_sees_a_slider_change_its_picture(page, server):
    lab = LabPage.open(page, server.address("harness_slider.ipynb"))
    assert lab.run_all() == []
    assert lab.broken_views() == []
    assert lab.slider_groups() == [[0]]
    assert lab.picture_follows(0)


def test_the_harness_notices_a_picture_that_stays(page, server):
    lab = LabPage.open(page, server.address("harness_still.ipynb"))
    assert lab.run_all() == []
    assert not lab.picture_follows(0, seconds=2)


def test_the_harness_notices_an_error(page, server):
    lab = LabPage.open(page, server.address("harness_error.ipynb"))
    assert lab.run_all() == ["1 / 0: ZeroDivisionError: division by zero"]


@pytest.mark.parametrize("name", LABS)
def test_a_lab_runs_without_errors_and_its_sliders_move_the_picture(page, server, name):
    lab = LabPage.open(page, server.address(name))
    try:
        assert lab.run_all() == []
        assert lab.broken_views() == []
        for sliders in lab.slider_groups():
            assert any(lab.picture_follows(slider) for slider in sliders), (
                f"none of the sliders {sliders} of {name} changes the picture beside it"
            )
    finally:
        if folder := os.environ.get("FACELAB_SCREENSHOTS"):
            lab.photograph(Path(folder), Path(name).stem)


def test_the_labs_with_sliders_are_among_those_tried():
    assert "00_start_here.ipynb" in LABS
    for name in ("01_synthetic_humans.ipynb", "03_mtcnn.ipynb"):
        assert name in LABS, f"{NOTEBOOKS} has no {name}, whose sliders are to be moved"
