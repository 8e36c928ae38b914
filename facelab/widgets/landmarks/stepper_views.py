"""The cascade stepper's pictures: the face with windows and arrows, errors by level, crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from facelab.images import to_photo
from facelab.landmarks.dcnn_cascade.train import Config
from facelab.landmarks.patches import FacePatches
from facelab.plots.palette import PALETTE
from facelab.plots.points import POINTS
from facelab.widgets import svg
from facelab.widgets.base import SvgView
from facelab.widgets.curves import LOOKS, marker, polyline, spread
from facelab.widgets.landmarks.marks import LEVELS, TABLE, TRUTH, Glass, arrow, pixels

FAILURE = 0.05  # of the box width; errors above it are failures
SHAKEN, ZOOMED = Config.shift, Config.scale  # what training showed, shares of the side
ROOM = 0.45  # shown around the square, as a share of its side
SHOWN = 440  # pixels of the face, and of the chart
TILE, STEP = 138, 168  # pixels of a crop, and from one row of crops to the next
NETS = {"F1": (39, 39), "EN1": (31, 39), "NM1": (31, 39)}  # rows and columns of their inputs
INPUT = (15, 15)  # of the networks of levels 2 and 3
NET_LOOKS = (
    (PALETTE["accent"], "2 3", 5.0),
    (PALETTE["candidate"], "9 4", 3.0),
    ("#D55E00", "", 1.6),
)
CURVES = (*LOOKS, (svg.INK, "", "circle"))  # of the five points, and of their mean
LIMITS = (0.08, 0.16, 0.32, 0.64)  # ends of the error axis: few, so that moves can be compared
LEGEND = (
    '<div style="line-height:1.4">'
    "<b>&#9711;</b> green ring: the truth. "
    "<b>+</b> level 1, <b>&#9650;</b> level 2, <b>&#9679;</b> level 3: the guess after each level, "
    "with arrows between. Black dashes: the square that the cascade starts from. Coloured frames: "
    "what the networks of the level look at; at level 1, lines lead from the answer of each "
    "network to their mean.</div>"
)


@dataclass(frozen=True, eq=False)
class Steps:
    """What a cascade did on one face, in units of the face's own square.

    square: (4,) from which it started. first: level-1 network -> (5, 2), NaN where it has no
    answer. points: (3, 5, 2) after each level. windows: of each level (K, 4). truth: (5, 2). width:
    of the labelled box.
    """

    square: Tensor
    first: Mapping[str, Tensor]
    points: Tensor
    windows: Sequence[Tensor]
    truth: Tensor
    width: float

    @property
    def errors(self) -> Tensor:
        """Give the error of each point after each level (3, 5), as shares of the box width."""
        return (self.points - self.truth).norm(dim=-1) / self.width

    @property
    def means(self) -> list[float]:
        """Give the mean error after each level."""
        return [float(mean) for mean in self.errors.mean(dim=1)]

    def failures(self, level: int) -> int:
        """Count the points that fail after a level, from 1."""
        return int((self.errors[level - 1] > FAILURE).sum())

    def sentence(self) -> str:
        """Say the key numbers."""
        means = ", ".join(f"{100 * mean:.1f}" for mean in self.means)
        return (
            f"mean error after levels 1 to 3 {means} % of the box width, "
            f"{self.failures(3)} of 5 points fail."
        )


def read_out(steps: Steps, level: int) -> str:
    """Say what the views show."""
    mean = steps.means[level - 1]
    before = f" (before it {steps.means[level - 2]:.2%})" if level > 1 else ""
    x1, y1, x2, y2 = steps.square.tolist()
    right, down, scale = (x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2, x2 - x1
    shown = max(abs(right), abs(down)) <= SHAKEN + 1e-6 and abs(scale - 1) <= ZOOMED + 1e-6
    start = "inside" if shown else "outside"
    across = f"{abs(right):.0%} to the {'left' if right < 0 else 'right'}"
    along = f"{abs(down):.0%} {'up' if down < 0 else 'down'}"
    if level == 1:
        moved = "Its guess is the mean of the networks that know the point."
    else:
        moves = (steps.points[level - 1] - steps.points[level - 2]).norm(dim=-1)
        moved = f"It moved the points by {moves.min():.1%} to {moves.max():.1%} of the square."
    return (
        f"<b>After level {level}: mean error {mean:.2%} of the box width</b>{before}; "
        f"{steps.failures(level)} of 5 points fail (error above {FAILURE:.0%}). {moved}<br>"
        f"The square starts {across}, {along}, {scale:.2f} times as large: "
        f"{start} what training showed (shifts up to {SHAKEN:.0%}, sides {ZOOMED:.0%} off)."
    )


def error_table(steps: Steps, level: int) -> str:
    """Write the errors as an HTML table, one row a point; the level that is shown is bold."""
    cell = '<td style="padding-right:14px;text-align:right">{}</td>'
    rows = ""
    failed = [*(steps.errors > FAILURE).T.tolist(), [False] * 3]
    table = [*steps.errors.T.tolist(), steps.means]
    for name, errors, fails in zip((*POINTS, "mean"), table, failed, strict=True):
        cells = ""
        for number, (error, fail) in enumerate(zip(errors, fails, strict=True), start=1):
            words = f"{100 * error:.2f}{' fails' * fail}"
            cells += cell.format(f"<b>{words}</b>" if number == level else words)
        rows += f'<tr><th scope="row" style="text-align:left">{name}</th>{cells}</tr>'
    heads = "".join(
        f'<th scope="col" style="padding-right:14px">level {number}</th>' for number in (1, 2, 3)
    )
    head = f'<tr><th scope="col">error (% of the box width)</th>{heads}</tr>'
    return f"{TABLE}<thead>{head}</thead><tbody>{rows}</tbody></table>"


# ---- the face


def draw_face(view: SvgView, face: FacePatches, steps: Steps, level: int) -> None:
    """Draw the face with the windows of a level and the way of the points up to it."""
    body = face_drawing(face, steps, level, Glass(0, 0, SHOWN, _around(face)))
    mean = steps.means[level - 1]
    label = (
        f"A face with the windows of level {level} and arrows from guess to guess; mean error "
        f"{mean:.2%} of the box width, {steps.failures(level)} of 5 points fail"
    )
    view.draw(body, width=SHOWN, height=SHOWN, label=label)


def face_drawing(
    face: FacePatches, steps: Steps, level: int, glass: Glass, *, windows: bool = True
) -> str:
    """Draw a face in a piece of a drawing. windows: draw those of the level."""
    body = glass.face(face.images[0], face.margin)
    body += glass.box(steps.square, stroke=svg.INK, dashes="5 6", width=1.8)
    if windows:
        body += "".join(_windows(steps, level, glass))
    for point in steps.truth:
        body += marker(*glass.place(point), "ring", fill=TRUTH, size=7)
    if level == 1:
        for (colour, _, _), points in zip(NET_LOOKS, steps.first.values(), strict=True):
            for own, mean in zip(points, steps.points[0], strict=True):
                if not own.isnan().any():
                    ends = (*glass.place(own), *glass.place(mean))
                    body += svg.line(*ends, stroke=colour, width=2)
    for before, after in zip(steps.points[: level - 1], steps.points[1:level], strict=True):
        for start, end in zip(before, after, strict=True):
            body += arrow(glass.place(start), glass.place(end), width=1.6, head=5)
    for (colour, kind), points in zip(LEVELS, steps.points[:level], strict=False):
        for point in points:
            body += marker(*glass.place(point), kind, fill=colour, size=4)
    return glass.holding(body)


def _windows(steps: Steps, level: int, glass: Glass) -> list[str]:
    windows = steps.windows[level - 1]
    if level == 1:
        return [
            glass.box(window, stroke=colour, dashes=dashes, width=width)
            for window, (colour, dashes, width) in zip(windows, NET_LOOKS, strict=True)
        ]
    colour = LEVELS[level - 1][0]
    return [glass.box(window, stroke=colour, width=1.2) for window in windows]


def _around(face: FacePatches) -> tuple[float, float, float, float]:
    """Give the window of a face that is shown: the square and some room, if the patch has it."""
    room = min(face.margin, ROOM)
    return -room, -room, 1 + room, 1 + room


# ---- errors and crops


def draw_errors_and_tiles(view: SvgView, face: FacePatches, steps: Steps, level: int) -> None:
    """Draw the errors after each level, and what the networks of the chosen level see."""
    body = error_chart(steps, level, left=0, top=0, width=SHOWN, height=236)
    body += _tiles(face, steps, level, top=252)
    errors = ", ".join(f"{100 * mean:.2f}" for mean in steps.means)
    label = f"Mean error after levels 1, 2, 3: {errors} % of the box width; level {level} is shown"
    view.draw(body, width=SHOWN, height=252 + 2 * STEP + 20, label=label)


def error_chart(
    steps: Steps, level: int | None, *, left: float, top: float, width: float, height: float
) -> str:
    """Draw each point's error and the mean after each level, with the line of failure."""
    largest = float(steps.errors.max())
    limit = next((limit for limit in LIMITS if limit >= largest), LIMITS[-1])
    floor, ceiling = top + height - 34, top + 26
    places = [left + 74 + (width - 188) * number / 2 for number in range(3)]

    def y(error: float) -> float:
        return floor - (floor - ceiling) * min(error / limit, 1.0)

    body = svg.text(left, top + 14, "Error (% of the box width) after each level", bold=True)
    if level is not None:
        place = f'x="{places[level - 1] - 30:.1f}" y="{ceiling:.1f}"'
        body += f'<rect {place} width="60" height="{floor - ceiling:.1f}" fill="#EEF2F6"/>'
    for quarter in range(5):
        tick = limit * quarter / 4
        body += svg.line(left + 34, y(tick), left + width - 74, y(tick), stroke=svg.FAINT)
        body += svg.text(left + 28, y(tick) + 4, f"{100 * tick:g}", anchor="end", size=11)
    fail = [(left + 34, y(FAILURE)), (left + width - 74, y(FAILURE))]
    body += polyline(fail, stroke=svg.INK, dashes="6 4", width=1.4)
    tracks = [*steps.errors.T.tolist(), steps.means]
    for track, (colour, dashes, kind) in zip(tracks, CURVES, strict=True):
        spots = [(x, y(error)) for x, error in zip(places, track, strict=True)]
        thick = 3.0 if colour == svg.INK else 1.6
        body += polyline(spots, stroke=colour, dashes=dashes, width=thick)
        body += "".join(marker(*spot, kind, fill=colour, size=3.5) for spot in spots)
    words = f"failure: above {FAILURE:.0%}"
    body += svg.text(left + width - 78, y(FAILURE) - 5, words, anchor="end", size=11)
    ends = [y(track[-1]) for track in tracks]
    body += _names(tracks, spread(ends, 13, ceiling, floor), left + width - 64)
    for number, x in enumerate(places, start=1):
        words = f"level {number}"
        body += svg.text(x, floor + 17, words, anchor="middle", bold=number == level)
    return body


def _names(tracks: Sequence[Sequence[float]], heights: Sequence[float], x: float) -> str:
    """Write name and last error of each point, and of the mean, beside the ends of their lines."""
    body = ""
    rows = zip((*POINTS, "mean"), tracks, heights, CURVES, strict=True)
    for name, track, height, (colour, _, kind) in rows:
        words = f"{name} {100 * track[-1]:.1f}"
        body += marker(x, height, kind, fill=colour, size=3.5)
        body += svg.text(x + 8, height + 4, words, size=11, bold=name == "mean")
    return body


def _tiles(face: FacePatches, steps: Steps, level: int, *, top: float) -> str:
    """Draw the inputs of the networks of a level, pixel by pixel, with truth and guesses."""
    words = {1: "What the networks of level 1 see, and their mean"}.get(
        level, f"What the second network of each point sees, and the move of level {level}"
    )
    tiles = _first_tiles(face, steps) if level == 1 else _later_tiles(face, steps, level)
    body = svg.text(0, top + 12, words, bold=True)
    for number, (head, glass, inside) in enumerate(tiles):
        row, column = divmod(number, 3)
        left, upper = column * (TILE + 10), top + 20 + row * STEP
        moved = Glass(left, upper + 16, TILE, glass.window)
        body += f'<g transform="translate({left},{upper + 12})">{head}</g>' + moved.holding(inside)
    return body


def _first_tiles(face: FacePatches, steps: Steps) -> list[tuple[str, Glass, str]]:
    """Give heading, glass and picture of each level-1 network, and of their mean."""
    tiles = []
    answers = {**steps.first, "mean": steps.points[0]}
    for number, (name, points) in enumerate(answers.items()):
        size = NETS.get(name, NETS["F1"])
        window = steps.windows[0][number % len(NETS)]  # the mean is shown in F1's
        glass = _glass(window)
        inside = _crop(face, window, size, glass)
        for truth, own in zip(steps.truth, points, strict=True):
            if not own.isnan().any():
                inside += marker(*glass.place(truth), "ring", fill=TRUTH, size=6)
                inside += marker(*glass.place(own), "plus", fill=LEVELS[0][0], size=4)
        head = svg.text(0, 0, "mean of the networks", size=11)
        if name in NETS:
            colour, dashes, width = NET_LOOKS[number]
            head = polyline([(0, -4), (22, -4)], stroke=colour, dashes=dashes, width=width)
            head += svg.text(27, 0, f"{name}: {size[1]} x {size[0]} pixels", size=11)
        tiles.append((head, glass, inside))
    return tiles


def _later_tiles(face: FacePatches, steps: Steps, level: int) -> list[tuple[str, Glass, str]]:
    """Give heading, glass and picture of each point's second network, which sees more."""
    tiles = []
    windows = steps.windows[level - 1].reshape(len(POINTS), -1, 4)[:, -1]
    for number, window in enumerate(windows):
        glass = _glass(window)
        truth, start, end = (
            glass.place(points[number])
            for points in (steps.truth, steps.points[level - 2], steps.points[level - 1])
        )
        inside = _crop(face, window, INPUT, glass) + marker(*truth, "ring", fill=TRUTH, size=8)
        inside += arrow(start, end, width=1.6)
        for spot, (colour, kind) in ((start, LEVELS[level - 2]), (end, LEVELS[level - 1])):
            inside += marker(*spot, kind, fill=colour, size=2.5)
        name = f"{POINTS[number]}{level}2"
        head = svg.text(0, 0, f"{name}: {INPUT[1]} x {INPUT[0]} pixels", size=11)
        tiles.append((head, glass, inside))
    return tiles


def _glass(window: Tensor) -> Glass:
    x1, y1, x2, y2 = window.tolist()
    return Glass(0, 0, TILE, (x1, y1, x2, y2))


def _crop(face: FacePatches, window: Tensor, size: tuple[int, int], glass: Glass) -> str:
    """Draw what a network sees of a window; the picture is as high as the window."""
    photo = to_photo(face.crop(window[None], size)[0].expand(3, -1, -1))
    flat = pixels(photo, 0, 0, TILE)
    height = TILE * photo.shape[0] / photo.shape[1]
    return flat.replace(f'height="{height:.1f}"', f'height="{glass.height:.1f}"', 1)


# ---- the static twin


def settings_drawing(face: FacePatches, columns: Mapping[str, Steps]) -> str:
    """Draw the whole way of the points and the errors for each setting, side by side: an SVG."""
    cell, side = 300, 280
    body = ""
    for number, (name, steps) in enumerate(columns.items()):
        left = number * cell
        body += svg.text(left, 18, name, bold=True, size=14)
        glass = Glass(left, 28, side, _around(face))
        body += face_drawing(face, steps, 3, glass, windows=False)
        words = f"mean error {steps.means[2]:.1%}; {steps.failures(3)} of 5 points fail"
        body += svg.text(left, side + 46, words)
        body += error_chart(steps, None, left=left, top=side + 58, width=cell - 8, height=210)
    width, height = cell * len(columns), side + 274
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" style="background:white" font-family="sans-serif" font-size="12">'
        f"{body}</svg>"
    )
