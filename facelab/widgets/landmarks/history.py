"""The losses of a training, by level and by point, with a slider over its steps."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from typing import Protocol

import ipywidgets as widgets

from facelab.widgets import svg
from facelab.widgets.base import Controls, Slider, SvgView, Twin, side_by_side, with_static
from facelab.widgets.curves import (
    Losses,
    draw_losses,
    groups,
    looks_of,
    marker,
    spread,
    value_at,
)
from facelab.widgets.landmarks.marks import TABLE

WIDTH = 880
MOVES = 100  # places of the slider
DECADES = 3  # of the axis of what is left: 0.1 to 100 %


class History(Protocol):
    """What `fit` returns: the steps of its rows, and each loss at them."""

    steps: list[int]
    losses: dict[str, list[float]]


def training_view(histories: History | Mapping[str, History]) -> Twin:
    """Look back on a training: each level's losses, one line a point, and their values at a step.

    histories: what `fit` returned, or several by name, as {"level 1": ..., "level 2": ...}. A loss
    "level 2/LE" is the line LE of the panel "level 2"; losses of a named history without a slash
    get a panel of its name.
    Raises ValueError when there is no row to show.
    """
    losses = losses_of(histories)
    last = max((steps[-1] for steps, values in losses.values() if len(values)), default=0)
    if not last:
        raise ValueError("histories: no row was logged; train for more steps than log_every")
    curves, shares, table, said = SvgView(), SvgView(), widgets.HTML(), widgets.HTML()
    stride = max(1, last // MOVES)
    controls = Controls(Slider("step", int(last), min=0, max=int(last), step=stride))

    def draw(step: int) -> None:
        body, height = draw_losses(losses, width=WIDTH, at=step)
        curves.draw(
            body, width=WIDTH, height=height, label=f"Losses by level; step {step:,} marked"
        )
        draw_progress(shares, losses, step)
        table.value = loss_table(losses, step)
        said.value = f'<div role="status">{read_out(losses, step)}</div>'

    controls.on_change(draw)
    page = widgets.VBox(
        [
            side_by_side(controls["step"], controls.button),
            said,
            curves.view,
            side_by_side(shares.view, table),
        ]
    )
    return with_static(
        page, static=lambda: _static(losses, last), alt=_alt(losses, last), controls=controls
    )


def losses_of(
    histories: History | Mapping[str, History],
) -> dict[str, tuple[list[int], list[float]]]:
    """Give every loss as steps and values, named "panel/line".

    Raises ValueError when two histories have a loss of one name.
    """
    if not isinstance(histories, Mapping):
        return {name: (histories.steps, values) for name, values in histories.losses.items()}
    found: dict[str, tuple[list[int], list[float]]] = {}
    for phase, history in histories.items():
        for name, values in history.losses.items():
            full = name if "/" in name else f"{phase}/{name}"
            if full in found:
                raise ValueError(f"histories: the loss {full!r} is in two of them; rename one")
            found[full] = (history.steps, values)
    return found


def shares_left(losses: Losses, step: float) -> dict[str, dict[str, float]]:
    """Give, for each panel and line, the loss at a step as a share of its first value."""
    return {
        panel: {
            name: value_at(steps, values, step) / values[0] if values[0] > 0 else 0.0
            for name, (steps, values) in lines.items()
        }
        for panel, lines in groups(losses).items()
    }


def read_out(losses: Losses, step: float) -> str:
    """Say each panel's sum of losses, its share of the first, and the line that is worst."""
    parts = []
    left = shares_left(losses, step)
    for panel, lines in groups(losses).items():
        values = {name: value_at(*track, step) for name, track in lines.items()}
        first = sum(track[1][0] for track in lines.values())
        total = sum(values.values())
        share = f" ({total / first:.0%} of the first row)" if first > 0 else ""
        worst = max(left[panel], key=lambda name: left[panel][name])
        last = f"; {worst} has fallen least, to {left[panel][worst]:.0%}" if len(lines) > 1 else ""
        parts.append(f"<b>{html.escape(panel)}: {total:.4g}</b>{share}{html.escape(last)}")
    return f"Step {step:,}. " + ". ".join(parts) + "."


def draw_progress(view: SvgView, losses: Losses, step: float) -> None:
    """Draw how much of the first loss is left at a step: a row a panel, a marker a line."""
    left, looks = shares_left(losses, step), looks_of(losses)
    top, row, start, span = 30, 62, 92, 320
    bottom = top + len(left) * row + 6

    def place(share: float) -> float:
        power = math.log10(share) if share > 0 else -math.inf
        return start + span * min(max(1 + power / DECADES, 0.0), 1.0)

    body = svg.text(0, 14, f"Loss left at step {step:,.0f} (% of the first row)", bold=True)
    for power in range(-DECADES, 1):
        x = place(10.0**power)
        body += svg.line(x, top, x, bottom, stroke=svg.FAINT)
        body += svg.text(x, bottom + 14, f"{10.0 ** (power + 2):g}%", anchor="middle", size=11)
    for number, (panel, lines) in enumerate(left.items()):
        y = top + number * row + 24
        body += svg.text(start - 10, y + 4, panel, anchor="end", bold=True)
        body += svg.line(start, y, start + span, y, stroke=svg.FAINT)
        places = [place(share) for share in lines.values()]
        labels = spread(places, 30, start + 8, start + span - 8)
        for name, at, x in zip(lines, labels, places, strict=True):
            colour, _, kind = looks[name]
            body += svg.line(x, y, at, y + 14, stroke=svg.FAINT)
            body += svg.text(at, y + 26, name, anchor="middle", size=11)
            body += marker(x, y, kind, fill=colour)
    shares = ", ".join(
        f"{panel} {sum(lines.values()) / len(lines):.0%}" for panel, lines in left.items()
    )
    label = f"Loss left at step {step:,.0f}, mean over the lines: {shares}"
    view.draw(body, width=start + span + 24, height=bottom + 22, label=label)


def loss_table(losses: Losses, step: float) -> str:
    """Write the losses at a step as an HTML table: a row a line, a column a panel."""
    panels = groups(losses)
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    cell = '<td style="padding-right:14px;text-align:right">{}</td>'
    rows = ""
    for name in names:
        cells = "".join(
            cell.format(f"{value_at(*lines[name], step):.4g}" if name in lines else "")
            for lines in panels.values()
        )
        label = html.escape(name)
        rows += f'<tr><th scope="row" style="text-align:left">{label}</th>{cells}</tr>'
    heads = "".join(
        f'<th scope="col" style="padding-right:14px">{html.escape(panel)}</th>' for panel in panels
    )
    head = f'<tr><th scope="col">loss at step {step:,.0f}</th>{heads}</tr>'
    return f"{TABLE}<thead>{head}</thead><tbody>{rows}</tbody></table>"


def _alt(losses: Losses, last: float) -> str:
    parts = []
    for panel, lines in groups(losses).items():
        first = sum(values[0] for _, values in lines.values())
        end = sum(value_at(*track, last) for track in lines.values())
        parts.append(f"{panel} from {first:.4g} to {end:.4g}")
    return f"Training losses over {last:,.0f} steps, summed over the lines: {', '.join(parts)}."


def _static(losses: Losses, last: float) -> str:
    body, height = draw_losses(losses, width=WIDTH, at=last)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" style="background:white" font-family="sans-serif" font-size="12">'
        f"{body}</svg>"
    )
