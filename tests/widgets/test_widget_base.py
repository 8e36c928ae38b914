import ipywidgets as widgets
import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter

from facelab.widgets.base import (
    WIDGET_VIEW,
    Choice,
    Controls,
    PictureView,
    Slider,
    SvgView,
    encoded,
    static_only,
    with_static,
)

ALT = "A grey square of brightness 100."


def explorer():
    """Return a small widget as a lab would make it, with its parts for the tests."""
    picture, curve = PictureView(alt=ALT, width=64), SvgView()
    controls = Controls(
        Slider("level", 100, min=0, max=255, step=5, label="brightness"),
        Slider("share", 0.5, min=0.0, max=1.0, step=0.01),
    )
    calls = []

    def draw(level, share):
        calls.append((level, share))
        picture.show(np.full((64, 64, 3), level, np.uint8))
        curve.draw(f'<circle r="{share}"/>', width=64, height=32, label=f"Share is now {share}.")

    controls.on_change(draw)
    box = widgets.VBox([controls.box, widgets.HBox([picture.view, curve.view])])
    return with_static(box, alt=ALT, controls=controls), picture, curve, calls


def test_moving_a_slider_changes_picture_and_drawing_in_place():
    twin, picture, curve, calls = explorer()
    view, before = picture.view, picture.view.value
    twin.controls["level"].value = 200
    assert picture.view is view and picture.view.value != before
    assert picture.pixels[0, 0, 0] == 200
    twin.controls["share"].value = 0.25
    assert 'aria-label="Share is now 0.25."' in curve.view.value
    assert calls == [(100, 0.5), (200, 0.5), (200, 0.25)]


def test_reset_puts_all_back_and_draws_once():
    twin, picture, _, calls = explorer()
    twin.controls["level"].value = 200
    twin.controls["share"].value = 0.1
    calls.clear()
    twin.controls.button.click()
    assert twin.controls.values() == {"level": 100, "share": 0.5}
    assert calls == [(100, 0.5)]
    assert picture.pixels[0, 0, 0] == 100


def test_sliders_have_labels_and_whole_numbers_stay_whole():
    controls = Controls(
        Slider("min_face", 20, min=12, max=120, step=4, label="smallest face", unit="px")
    )
    assert controls["min_face"].description == "smallest face (px)"
    assert isinstance(controls["min_face"].value, int)
    assert list(controls) == ["min_face"]


@pytest.mark.parametrize("bad", [{"min": 60}, {"max": 10}, {"step": 0}])
def test_a_slider_that_cannot_move_is_refused(bad):
    with pytest.raises(ValueError, match="min <= value <= max"):
        Slider("x", 50, **({"min": 0, "max": 100, "step": 1} | bad))


def test_the_bundle_holds_widget_picture_and_text():
    twin = explorer()[0]
    bundle = twin._repr_mimebundle_()
    assert bundle[WIDGET_VIEW]["model_id"] == twin.widget.model_id
    assert bundle["text/html"].count("<img ") == 2
    assert f'alt="{ALT}"' in bundle["text/html"]
    assert bundle["text/plain"] == ALT


def test_a_stored_output_shows_its_picture_in_a_page_without_kernel():
    bundle = explorer()[0]._repr_mimebundle_()
    stored = static_only(bundle)
    assert WIDGET_VIEW not in stored
    output = nbformat.v4.new_output("display_data", data=stored)
    cell = nbformat.v4.new_code_cell("", outputs=[output], id="cell")
    page, _ = HTMLExporter(embed_images=False).from_notebook_node(
        nbformat.v4.new_notebook(cells=[cell])
    )
    assert f'alt="{ALT}"' in page
    assert "data:image/jpeg;base64" in page and "data:image/svg+xml;base64" in page


def test_an_output_that_is_only_a_widget_is_dropped_and_others_are_kept():
    assert static_only({WIDGET_VIEW: {}, "text/plain": "  0%|"}) is None
    assert static_only({"text/plain": "1"}) == {"text/plain": "1"}


def figure():
    import matplotlib.pyplot as plt

    return plt.figure(figsize=(2, 1))


@pytest.mark.parametrize(
    ("static", "part"),
    [
        (np.zeros((4, 6, 3), np.uint8), 'width="6"'),
        ("<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (figure, "image/png"),
        (lambda: "<p>text</p>", "<p>text</p>"),
    ],
)
def test_a_static_twin_may_be_array_drawing_figure_or_text(static, part):
    assert part in with_static(widgets.VBox(), static=static, alt=ALT).markup


def test_a_widget_without_any_picture_is_refused():
    with pytest.raises(ValueError, match="static="):
        with_static(widgets.VBox([widgets.IntSlider()]), alt=ALT)
    with pytest.raises(TypeError, match="not int"):
        _ = with_static(widgets.VBox(), static=3, alt=ALT).markup


@pytest.mark.parametrize(
    "make",
    [
        lambda: with_static(widgets.VBox(), static="x", alt=""),
        lambda: PictureView(alt="photo.png", width=10),
        lambda: SvgView().draw("", width=1, height=1, label=""),
    ],
)
def test_alt_text_is_demanded_everywhere(make):
    with pytest.raises(ValueError, match="alt text"):
        make()


@pytest.mark.parametrize(
    "photo",
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)],
)
def test_what_is_no_photo_is_refused_with_its_shape(photo):
    with pytest.raises(ValueError, match="need"):
        encoded(photo, "jpeg")


def test_an_encoded_photo_keeps_its_colours():
    import cv2

    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 200
    for kind in ("png", "jpeg"):
        data = np.frombuffer(encoded(red, kind), np.uint8)
        again = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        assert np.abs(again.astype(int) - red).max() < 6
    with pytest.raises(ValueError, match="'gif'"):
        PictureView(alt=ALT, width=10, kind="gif")


def test_a_row_of_buttons_and_several_moves_at_once_call_once():
    calls = []
    controls = Controls(
        Slider("level", 1, min=0, max=9, step=1),
        Choice("net", "p", options={"after P-Net": "p", "after O-Net": "o"}, label="shown"),
    )
    controls.on_change(lambda **values: calls.append(values))
    controls.put(level=5, net="o")
    controls.reset()
    assert calls[1:] == [{"level": 5, "net": "o"}, {"level": 1, "net": "p"}]
    with pytest.raises(ValueError, match="none of its options"):
        Choice("net", "x", options={"after P-Net": "p"})


def test_a_live_picture_has_its_alt_text_and_keeps_its_place_on_the_page():
    picture = PictureView(alt=ALT, width=100)
    picture.show(np.zeros((30, 60, 3), np.uint8))
    assert f'alt="{ALT}"' in picture.view.value
    assert 'width="100"' in picture.view.value and 'height="50"' in picture.view.value
