"""Views that change in place, labelled sliders with a reset, and a static twin for every widget.

A widget needs a kernel. `with_static` therefore displays a bundle of two: the widget and a
picture (`<img>` with alt text). A live notebook prefers the widget. A stored notebook has no
widget state, and there JupyterLab and nbconvert would prefer the widget as well and find
nothing: so `facelab course build` drops the widget's half of the bundle from stored outputs
(`static_only`), and everybody sees the picture.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import cv2
import ipywidgets as widgets
import numpy as np

from facelab.plots.publish import checked_alt, image_tag

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class PictureView:
    """Show a photo that changes in place; `pixels` is the array shown last.

    alt: what the picture shows, for readers who do not see it. width: CSS pixels on the page.
    kind: "jpeg" for photos, "png" for drawings. The widget itself is `.view`.
    """

    def __init__(self, *, alt: str, width: int, kind: str = "jpeg") -> None:
        if kind not in ("jpeg", "png"):
            raise ValueError(f"kind must be 'jpeg' or 'png', got {kind!r}")
        self.alt = checked_alt(alt)
        self.kind = kind
        self.width = width
        self.pixels: np.ndarray | None = None
        # An HTML widget, because ipywidgets' Image has no alt text.
        self.view = widgets.HTML()
        self.view.static_tag = self.tag

    def show(self, photo: np.ndarray) -> None:
        """Encode an (H, W, 3) uint8 RGB photo and put it in place of the last one."""
        tag = image_tag(encoded(photo, self.kind), kind=self.kind, alt=self.alt, width=self.width)
        height = round(self.width * photo.shape[0] / photo.shape[1])
        # Decoded before it is painted, in a space of known size: no flicker, no jump of the page.
        place = f'height="{height}" decoding="sync" style="max-width:100%;height:auto"'
        self.view.value = tag.replace("<img ", f"<img {place} ", 1)
        self.pixels = photo

    def tag(self) -> str:
        """Return the picture as it stands, as an `<img>`."""
        return str(self.view.value)


class SvgView:
    """Show a small drawing that changes in place. The widget itself is `.view`."""

    def __init__(self) -> None:
        self.view = widgets.HTML()
        self.view.static_tag = self.tag
        self.label = ""
        self.width = 0

    def draw(self, body: str, *, width: int, height: int, label: str) -> None:
        """Put SVG elements in place of the last. label: what they show, with the key number."""
        self.label, self.width = checked_alt(label), width
        self.view.value = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-label="{html.escape(self.label)}" '
            f'style="background:white;max-width:100%" font-family="sans-serif" font-size="12">'
            f"{body}</svg>"
        )

    def tag(self) -> str:
        """Return the drawing as it stands, as an `<img>`."""
        return image_tag(self.view.value.encode(), kind="svg+xml", alt=self.label, width=self.width)


@dataclass(frozen=True)
class Slider:
    """Describe one slider: whole numbers give a slider of whole numbers.

    continuous: follow the drag; switch it off where a move takes more than 100 ms.
    """

    name: str
    value: float
    _: KW_ONLY
    min: float
    max: float
    step: float
    label: str = ""
    unit: str = ""
    continuous: bool = True

    def __post_init__(self) -> None:
        if not self.min <= self.value <= self.max or self.step <= 0:
            raise ValueError(f"slider {self.name}: need min <= value <= max and step > 0")

    def build(self) -> widgets.Widget:
        """Return the ipywidgets slider, labelled, with a read-out that can be typed into."""
        whole = all(isinstance(number, int) for number in (self.value, self.min, self.step))
        kind = widgets.IntSlider if whole else widgets.FloatSlider
        unit = f" ({self.unit})" if self.unit else ""
        return kind(
            value=self.value,
            min=self.min,
            max=self.max,
            step=self.step,
            description=f"{self.label or self.name}{unit}",
            continuous_update=self.continuous,
            style={"description_width": "170px"},
            layout={"width": "460px", "max_width": "100%"},
        )


@dataclass(frozen=True)
class Choice:
    """Describe a row of buttons of which one is pressed.

    options: the value of each button by the words on it.
    """

    name: str
    value: Any
    _: KW_ONLY
    options: Mapping[str, Any]
    label: str = ""

    def __post_init__(self) -> None:
        if self.value not in self.options.values():
            raise ValueError(f"choice {self.name}: {self.value!r} is none of its options")

    def build(self) -> widgets.Widget:
        """Return the ipywidgets buttons, labelled."""
        return widgets.ToggleButtons(
            value=self.value,
            options=list(self.options.items()),
            description=self.label or self.name,
            style={"description_width": "170px", "button_width": "auto"},
        )


class Controls:
    """Hold named sliders, a reset button and one callback. The widget itself is `.box`."""

    def __init__(self, *sliders: Slider | Choice) -> None:
        self._start = {slider.name: slider.value for slider in sliders}
        self._sliders = {slider.name: slider.build() for slider in sliders}
        self._call: Callable[..., Any] | None = None
        self._moving = False
        self.button = widgets.Button(description="Reset", tooltip="Back to the first values")
        self.button.on_click(lambda _: self.reset())
        for slider in self._sliders.values():
            slider.observe(self._changed, names="value")
        self.box = widgets.VBox([*self._sliders.values(), self.button])

    def __getitem__(self, name: str) -> Any:
        return self._sliders[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sliders)

    def values(self) -> dict[str, Any]:
        """Return every slider's value by name."""
        return {name: slider.value for name, slider in self._sliders.items()}

    def on_change(self, call: Callable[..., Any]) -> None:
        """Call with all values by name: now, and after every change."""
        self._call = call
        call(**self.values())

    def reset(self) -> None:
        """Put every slider back and call once."""
        self.put(**self._start)

    def put(self, **values: Any) -> None:
        """Move several sliders and call once."""
        self._moving = True
        try:
            for name, value in values.items():
                self._sliders[name].value = value
        finally:
            self._moving = False
        self._changed(None)

    def _changed(self, _: Any) -> None:
        if self._call is not None and not self._moving:
            self._call(**self.values())


def side_by_side(*children: widgets.Widget) -> widgets.HBox:
    """Put widgets in a row that wraps where the page is narrow."""
    return widgets.HBox(
        list(children), layout={"flex_flow": "row wrap", "align_items": "flex-start"}
    )


class Twin:
    """A widget together with its static picture; show it as the last line of a cell.

    widget: what a live notebook shows. markup: HTML for everywhere else. controls: for tests.
    """

    def __init__(
        self, widget: widgets.Widget, markup: Callable[[], str], alt: str, controls: Controls | None
    ) -> None:
        self.widget = widget
        self.alt = alt
        self.controls = controls
        self._markup = markup

    @property
    def markup(self) -> str:
        """Return the static twin as HTML."""
        return self._markup()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        view = self.widget._repr_mimebundle_()[WIDGET_VIEW]
        return {WIDGET_VIEW: view, "text/html": self.markup, "text/plain": self.alt}


def with_static(
    widget: widgets.Widget,
    *,
    alt: str,
    static: Any = None,
    controls: Controls | None = None,
) -> Twin:
    """Give a widget a static twin.

    alt: what the picture shows. static: a matplotlib figure, (H, W, 3) uint8 array, SVG, HTML,
    or a function that returns one. Left out, the twin shows the widget's views as they stand.
    Raises ValueError when alt says nothing, or there is neither a static picture nor a view.
    """
    text = checked_alt(alt)
    tags = list(_static_tags(widget))
    if static is None and not tags:
        raise ValueError("a widget without views needs a static twin: give static=")

    def markup() -> str:
        if static is None:
            return "\n".join(tag() for tag in tags)
        return static_markup(static() if callable(static) else static, text)

    return Twin(widget, markup, text, controls)


def _static_tags(widget: widgets.Widget) -> Iterator[Callable[[], str]]:
    """Yield what draws each view inside a widget, in the order of the page."""
    if hasattr(widget, "static_tag"):
        yield widget.static_tag
    for child in getattr(widget, "children", ()):
        yield from _static_tags(child)


def static_markup(picture: Any, alt: str) -> str:
    """Return a picture as HTML with alt text.

    Raises TypeError when it is none of the kinds that `with_static` names.
    """
    if isinstance(picture, np.ndarray):
        return image_tag(encoded(picture, "jpeg"), kind="jpeg", alt=alt, width=picture.shape[1])
    if isinstance(picture, str):
        if picture.lstrip().startswith("<svg"):
            return image_tag(picture.strip().encode(), kind="svg+xml", alt=alt)
        return picture
    if hasattr(picture, "savefig"):
        import matplotlib.pyplot as plt

        from facelab.plots.figures import figure_tag

        markup = figure_tag(picture, alt)
        plt.close(picture)
        return markup
    raise TypeError(f"static must be a figure, an array, SVG or HTML, not {type(picture).__name__}")


def static_only(data: dict[str, Any]) -> dict[str, Any] | None:
    """Return a stored output's data without its widget, or None when nothing else is left of it."""
    if WIDGET_VIEW not in data:
        return data
    if "text/html" not in data:
        return None
    return {kind: content for kind, content in data.items() if kind != WIDGET_VIEW}


def encoded(photo: np.ndarray, kind: str) -> bytes:
    """Return an (H, W, 3) uint8 RGB photo as PNG or JPEG bytes.

    Raises ValueError that names shape and type when it is not such a photo.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
        raise ValueError(f"need (H, W, 3) uint8, got {photo.dtype} of shape {photo.shape}")
    options = [cv2.IMWRITE_JPEG_QUALITY, 85] if kind == "jpeg" else [cv2.IMWRITE_PNG_COMPRESSION, 3]
    done, data = cv2.imencode(f".{kind}", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise ValueError(f"the photo of shape {photo.shape} could not be encoded as {kind}")
    return data.tobytes()
