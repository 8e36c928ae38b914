"""Look into a widget without a browser."""

from collections.abc import Iterator

import ipywidgets as widgets


def inside(widget: widgets.Widget) -> Iterator[widgets.Widget]:
    """Yield a widget and all it holds."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from inside(child)
