"""Turn the little markup of questions and reasons into HTML."""

from __future__ import annotations

import html
import re


def inline(text: str) -> str:
    """Escape a text and turn `code`, **bold** and *emphasis* into HTML."""
    marked = html.escape(text, quote=False)
    pieces = re.split(r"(`[^`]+`)", marked)
    for index, piece in enumerate(pieces):
        if piece.startswith("`") and len(piece) > 2:
            pieces[index] = f"<code>{piece[1:-1]}</code>"
        else:
            piece = re.sub(r"\*\*(\S(?:.*?\S)?)\*\*", r"<b>\1</b>", piece)
            pieces[index] = re.sub(r"(?<!\*)\*(\S(?:[^*]*?\S)?)\*(?!\*)", r"<em>\1</em>", piece)
    return "".join(pieces)


def table(head: list[str], rows: list[list[str]], *, caption: str = "") -> str:
    """Return an HTML table; cells are escaped, the first of each row is its header.

    Every cell asks for its words at the left: notebooks would put them at the right, like numbers.
    """
    left = 'style="text-align:left"'
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    columns = "".join(f'<th scope="col" {left}>{html.escape(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row" {left}>{html.escape(first)}</th>'
        + "".join(f"<td {left}>{html.escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f"<table>{title}<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table>"


def text_table(head: list[str], rows: list[list[str]]) -> str:
    """Return the same table as aligned text."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, *rows]
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
