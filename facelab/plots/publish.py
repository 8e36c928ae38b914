"""Show HTML in a notebook and text in a terminal; pictures carry a text for who cannot see them."""

from __future__ import annotations

import base64
import html
import re
import sys

_FILE_NAME = re.compile(r"^\S+\.(png|jpe?g|svg|gif|webp|pdf)$", re.IGNORECASE)


def in_notebook() -> bool:
    """Return whether the code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def publish(text: str, markup: str) -> None:
    """Display HTML with its plain text twin in a notebook; print the text elsewhere."""
    if in_notebook():
        from IPython.display import display

        display({"text/plain": text, "text/html": markup}, raw=True)
    else:
        print(text)


def checked_alt(alt: str) -> str:
    """Return the alt text in one line.

    Raises ValueError when it is empty, a file name or too short to say anything.
    """
    text = " ".join(alt.split()) if isinstance(alt, str) else ""
    if not text:
        raise ValueError("alt text is missing: say in one or two sentences what the picture shows")
    if _FILE_NAME.match(text) or len(text.split()) < 3:
        raise ValueError(f"alt text {text!r} says nothing: describe what the picture shows")
    return text


def image_tag(data: bytes, *, kind: str, alt: str, width: int | None = None) -> str:
    """Return an `<img>` that carries its picture and its alt text.

    data: an encoded picture. kind: "png", "jpeg" or "svg+xml". width: CSS pixels.
    """
    size = f' width="{width}"' if width else ""
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    return f'<img src="{source}" alt="{html.escape(alt)}"{size}>'
