"""Where people stand in a scene: kinds of gatherings, as places and sizes of faces.

Sizes are heights of the face box (forehead to chin) in pixels; x and y are its centre.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

Role = Literal["face", "back"]


@dataclass(frozen=True)
class Spot:
    """A place for a person: centre and height of the face in pixels, and the side that is seen."""

    x: float
    y: float
    height: float
    role: Role = "face"


@dataclass(frozen=True)
class Request:
    """What a layout is asked for.

    count: number of faces. height, width: of the picture. smallest: face height in pixels.
    """

    count: int
    height: int
    width: int
    smallest: float


# The points of a face at which a layout checks what is in front of it, in face heights.
_ANGLES = np.linspace(0, 2 * np.pi, 12, endpoint=False)
_PROBE = np.concatenate(
    [np.zeros((1, 2))]
    + [np.stack([0.38 * np.cos(_ANGLES), 0.5 * np.sin(_ANGLES)], 1) * r for r in (0.4, 0.7, 0.95)]
)

_MUCH = 0.3  # hidden share above which WIDER FACE calls an occlusion heavy
_SOME = 0.2  # share that becomes so when hair, hands and things add theirs


def hidden(x: np.ndarray, y: np.ndarray, size: float, nearer: np.ndarray) -> np.ndarray:
    """Estimate the share of faces of one size at x, y (n,) that nearer people hide: (n,).

    nearer: (m, 3) x, y and face height of people drawn later, with heads and shoulders.
    """
    if not len(nearer):
        return np.zeros(len(x))
    points = np.stack([x, y], 1)[:, None] + size * _PROBE  # (n, k, 2)
    sizes = nearer[:, 2]
    u = (points[..., None, 0] - nearer[:, 0]) / sizes  # (n, k, m)
    v = (points[..., None, 1] - nearer[:, 1]) / sizes
    head = (u / 0.52) ** 2 + ((v + 0.08) / 0.66) ** 2 < 1
    body = (np.abs(u) < 1.05) & (v > 0.8 + 0.15 * np.abs(u)) & (v < 7.5)
    return (head | body).any(axis=2).mean(axis=1)


def place(
    rng: np.random.Generator,
    sizes: np.ndarray,
    propose: Callable[[float, int], tuple[np.ndarray, np.ndarray]],
    *,
    spots: list[Spot] | None = None,
) -> list[Spot]:
    """Give each size a place where nearer people leave it free, the largest first.

    propose: (size, n) -> x (n,) and y (n,) of n places worth considering. spots: people who already
    have a place. Returns these and the new ones.
    """
    taken = [(spot.x, spot.y, spot.height) for spot in spots or []]
    for size in -np.sort(-sizes):
        x, y = propose(float(size), 12)
        best = int(np.argmin(hidden(x, y, float(size), np.array(taken).reshape(-1, 3))))
        taken.append((float(x[best]), float(y[best]), float(size)))
    return [Spot(*place_) for place_ in taken]


def bring_forth(rng: np.random.Generator, spots: list[Spot], share: float) -> list[Spot]:
    """Move people aside of whom somebody nearer hides a fifth or more, where more than a share of
    all are hidden so: dense crowds hide more faces than photos have them.

    spots: from far to near. Who finds no better place nearby stays.
    """
    spots, table = list(spots), _table(spots)
    behind, spare = 0, -1.0
    for index in range(len(spots) - 1, -1, -1):  # nearest first: who moves may hide those behind
        spot, size = spots[index], spots[index].height
        others = table[index + 1 :]
        others = others[np.abs(others[:, 0] - spot.x) < 4 * np.maximum(size, others[:, 2])]
        now = _hidden_now(table[index], others)
        if now <= _SOME:
            continue
        if spare < 0:  # drawn when it is needed: a scene with room stays as it was drawn
            spare = float(rng.random())
        if behind + 1 <= share * (len(spots) - index) + spare:
            behind += 1
            continue
        x = spot.x + rng.uniform(-2, 2, 40) * size
        y = spot.y + rng.uniform(-0.9, 0.5, 40) * size
        off = hidden(x, y, size, others) + 0.03 * np.hypot(x - spot.x, y - spot.y) / size
        best = int(np.argmin(off))
        if off[best] < now:
            spots[index] = replace(spot, x=float(x[best]), y=float(y[best]))
            table[index, :2] = x[best], y[best]
    return spots


def push_behind(rng: np.random.Generator, spots: list[Spot], share: float) -> list[Spot]:
    """Move a share of people so that somebody nearer hides a third to two thirds of their face.

    spots: from far to near. share: of all faces, counting those that are hidden already.
    """
    spots, table = list(spots), _table(spots)
    much = np.array([_hidden_now(row, table[k + 1 :]) > _MUCH for k, row in enumerate(table)], bool)
    missing = share * len(spots) - int(much.sum()) + float(rng.random()) - 0.5
    free = np.flatnonzero(~much[:-1])
    for index in sorted(rng.permutation(free)[: max(0, round(missing))].tolist()):
        spot = spots[index]
        wanted = float(rng.uniform(0.36, 0.65))
        before = index + 1 + rng.integers(0, len(spots) - index - 1, 40)
        reach = 0.5 * (spot.height + table[before, 2])
        x = table[before, 0] + rng.uniform(-1, 1, 40) * 1.3 * reach
        y = table[before, 1] + rng.uniform(-1, 1, 40) * 0.9 * reach - 0.1 * spot.height
        others = table[index + 1 :]
        others = others[np.abs(others[:, 0] - spot.x) < 12 * np.maximum(spot.height, others[:, 2])]
        off = np.abs(hidden(x, y, spot.height, others) - wanted)
        off += 0.003 * np.hypot(x - spot.x, y - spot.y) / spot.height
        best = int(np.argmin(off))
        spots[index] = replace(spot, x=float(x[best]), y=float(y[best]))
        table[index, :2] = x[best], y[best]
    return spots


def _table(spots: list[Spot]) -> np.ndarray:
    """Give x, y and face height of each place, (n, 3)."""
    return np.array([(spot.x, spot.y, spot.height) for spot in spots]).reshape(-1, 3)


def _hidden_now(row: np.ndarray, nearer: np.ndarray) -> float:
    """Estimate the share of one face that nearer people (m, 3) hide; row: (3,) of `_table`."""
    return float(hidden(row[:1], row[1:2], float(row[2]), nearer)[0])


def log_sizes(rng: np.random.Generator, low: float, high: float, count: int) -> np.ndarray:
    """Draw sizes (count,) evenly on a logarithmic scale."""
    low = min(low, high)
    return np.exp(rng.uniform(np.log(low), np.log(high), count))


def _room_for(count: int) -> float:
    """Tell by how much faces have to shrink where many share a picture."""
    return float(max(1.0, count / 5) ** 0.3 * max(1.0, count / 25) ** 0.5)


def scatter(
    rng: np.random.Generator,
    request: Request,
    *,
    largest: float | None = None,
    spots: list[Spot] | None = None,
) -> list[Spot]:
    """Put people anywhere, at all distances."""
    height, width = request.height, request.width
    count = request.count - len(spots or [])
    most = largest or 0.55 * min(height, width) / _room_for(count)
    sizes = log_sizes(rng, request.smallest, max(most, 1.3 * request.smallest), count)
    slack = float(rng.choice([0.0, 0.25]))

    def propose(size: float, n: int) -> tuple[np.ndarray, np.ndarray]:
        left, top = size * (0.45 - slack), size * (0.6 - slack)
        x = left + (width - 2 * left) * rng.random(n)
        return x, top + (height - 2 * top) * rng.random(n)

    return place(rng, sizes, propose, spots=spots)


def street(rng: np.random.Generator, request: Request) -> list[Spot]:
    """Let people stand on level ground: heads gather near the height of the camera."""
    height, width = request.height, request.width
    most = 0.4 * height / _room_for(request.count)
    sizes = log_sizes(rng, request.smallest, max(most, 1.3 * request.smallest), request.count)
    horizon = height * rng.uniform(0.15, 0.55)
    above = rng.uniform(-0.4, 1.6)  # how far heads are below the camera, in face heights

    def propose(size: float, n: int) -> tuple[np.ndarray, np.ndarray]:
        y = horizon + size * (above + rng.normal(0, 0.35, n))
        return rng.uniform(-0.1 * size, width + 0.1 * size, n), np.clip(y, 0.4 * size, height)

    return place(rng, sizes, propose)


def rows(rng: np.random.Generator, request: Request) -> list[Spot]:
    """Line people up in rows, heads that touch: a class, a team, a family at a feast."""
    height, width = request.height, request.width
    count = request.count
    lines = int(np.clip(round((count / rng.uniform(3, 9)) ** 0.6), 1, 8))
    per_line = -(-count // lines)
    pitch = width * float(np.exp(rng.uniform(np.log(0.25), np.log(1.02)))) / per_line
    size = pitch / rng.uniform(0.92, 1.7)
    rise, shift = rng.uniform(0.85, 1.7), float(rng.choice([0.5, 0.5, 0.0]))
    size = max(min(size, 0.9 * height / (rise * lines + 1)), request.smallest)
    left = 0.5 * (width - pitch * (per_line - 1)) + rng.normal(0, 0.05) * width
    low = min(height - 0.7 * size, height * rng.uniform(0.35, 0.85) + 0.5 * rise * lines * size)
    spots = []
    for index in range(count):
        line, column = divmod(index, per_line)
        own = size * 0.96**line * float(np.exp(rng.normal(0, 0.06)))
        x = left + pitch * (column + shift * (line % 2)) + rng.normal(0, 0.1) * pitch
        y = low - line * rise * size + rng.normal(0, 0.14) * size
        spots.append(Spot(float(x), float(y), max(own, request.smallest)))
    return spots


def crowd(rng: np.random.Generator, request: Request, *, loose: float = 1.0) -> list[Spot]:
    """Fill the picture with people from the horizon to the camera: a stand, a square, a march."""
    height, width = request.height, request.width
    far = request.smallest * float(np.exp(rng.uniform(0.2, 2.0)))
    near = far * float(np.exp(rng.uniform(0.4, 2.2)))
    top = height * rng.uniform(0.05, 0.5)
    apart, rise = rng.uniform(1.1, 2.1), rng.uniform(0.85, 1.6)
    spots: list[Spot] = []
    for _ in range(8):
        spots = []
        y, size = top, far
        growth = (near / far) ** (0.9 * rise * far / max(height - top, 1.0))
        middle = rng.uniform(0.2, 0.8) * width
        while y < height - 0.2 * size and len(spots) < 4 * request.count + 50:
            number = int(width / (apart * size)) + 2
            offset = rng.uniform(0, 1) if loose > 0.5 else 0.0
            for column in range(number):
                x = middle + (column - number // 2 + offset) * apart * size
                x += loose * rng.normal(0, 0.22) * size
                shift = loose * rng.normal(0, 0.16) * size
                if -0.3 * size < x < width + 0.3 * size:
                    own = size * float(np.exp(loose * rng.normal(0, 0.08)))
                    spots.append(Spot(float(x), float(y + shift), max(own, request.smallest)))
            y += rise * size
            size = min(size * max(growth ** (size / far), 1.0), 4 * near)
        if len(spots) >= request.count:
            break
        far, near = max(0.8 * far, request.smallest), 0.75 * near
        apart, rise, top = max(0.9 * apart, 0.85), max(0.9 * rise, 0.7), 0.8 * top
    chosen = np.sort(rng.permutation(len(spots))[: request.count])
    kept = [spots[int(index)] for index in chosen]
    if len(kept) < request.count:  # a small picture: the rest stands where it can
        rest = Request(request.count, height, width, request.smallest)
        kept = scatter(rng, rest, largest=far * 1.5, spots=kept)
    return kept


def parade(rng: np.random.Generator, request: Request) -> list[Spot]:
    """Let people march in ranks and files."""
    return crowd(rng, request, loose=0.25)


def table(rng: np.random.Generator, request: Request) -> list[Spot]:
    """Seat people along both sides of a table that runs away from the camera."""
    height, width = request.height, request.width
    near = 0.3 * height * float(np.exp(rng.uniform(-0.8, 0.0)))
    far = max(request.smallest, near * rng.uniform(0.2, 0.6))
    vanish = np.array([rng.uniform(0.35, 0.65) * width, rng.uniform(0.1, 0.4) * height])
    spread, drop = width * rng.uniform(0.3, 0.5) / near, rng.uniform(0.2, 0.8)
    depth = np.linspace(0, 1, max(2, -(-request.count // 2)))
    spots = []
    for index in range(request.count):
        size = near * (far / near) ** depth[index // 2] * float(np.exp(rng.normal(0, 0.06)))
        side = 1 if index % 2 else -1
        x = vanish[0] + side * spread * size + rng.normal(0, 0.2) * size
        y = vanish[1] + size * (drop + rng.normal(0, 0.12))
        spots.append(Spot(float(x), float(y), max(size, request.smallest)))
    return spots


def selfie(rng: np.random.Generator, request: Request) -> list[Spot]:
    """Put one to four people right before the camera, the others far behind them."""
    height, width = request.height, request.width
    side = min(height, width)
    first = side * rng.uniform(0.35, 0.85)
    spots = [Spot(width * rng.uniform(0.25, 0.75), height * rng.uniform(0.4, 0.7), float(first))]
    friends = min(request.count - 1, int(rng.integers(0, 4)))
    turn = rng.choice([-1, 1])
    for index in range(friends):
        size = first * rng.uniform(0.5, 0.95)
        step = (1 + index // 2) * turn * (-1) ** index
        x = spots[0].x + step * rng.uniform(0.65, 1.0) * first
        spots.append(Spot(float(x), spots[0].y + rng.normal(0, 0.25) * first, float(size)))
    spots = [spot for spot in spots if -0.2 * spot.height < spot.x < width + 0.2 * spot.height]
    return scatter(rng, request, largest=max(0.13 * side, 1.5 * request.smallest), spots=spots)


def portrait(rng: np.random.Generator, request: Request) -> list[Spot]:
    """Show one person close up, down to a face larger than the picture; others far behind."""
    height, width = request.height, request.width
    size = height * float(np.exp(rng.uniform(np.log(0.2), np.log(1.5))))
    loose = max(0.0, 0.5 - 0.4 * size / height)
    x = width * (0.5 + rng.uniform(-1, 1) * loose)
    y = height * (0.5 + rng.uniform(-0.7, 0.6) * loose)
    first = [Spot(float(x), float(y), size)]
    return scatter(rng, request, largest=max(0.12 * height, 1.5 * request.smallest), spots=first)


Layout = Callable[[np.random.Generator, Request], list[Spot]]
LAYOUTS: dict[str, Layout] = {
    "portrait": portrait,
    "selfie": selfie,
    "scatter": scatter,
    "street": street,
    "rows": rows,
    "table": table,
    "parade": parade,
    "crowd": crowd,
}
# Chance of each layout by the number of faces: up to 1, 5, 40 and more.
_CHANCES = (
    (1, (0.6, 0.05, 0.2, 0.15, 0.0, 0.0, 0.0, 0.0)),
    (5, (0.12, 0.28, 0.2, 0.15, 0.15, 0.1, 0.0, 0.0)),
    (40, (0.04, 0.08, 0.2, 0.15, 0.3, 0.06, 0.05, 0.12)),
    (10**9, (0.0, 0.0, 0.15, 0.1, 0.15, 0.0, 0.2, 0.4)),
)


def choose(rng: np.random.Generator, count: int) -> str:
    """Draw a kind of gathering that suits a number of faces."""
    chances = next(chances for limit, chances in _CHANCES if count <= limit)
    return str(rng.choice(list(LAYOUTS), p=chances))


def draw_count(rng: np.random.Generator) -> int:
    """Draw a number of faces as in photos on the web: often few, sometimes none or hundreds."""
    group = int(rng.choice(6, p=[0.1, 0.17, 0.32, 0.33, 0.065, 0.015]))
    low, high = ((0, 1), (1, 2), (2, 6), (6, 21), (21, 61), (61, 301))[group]
    return int(rng.integers(low, high))
