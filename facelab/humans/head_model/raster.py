"""Visibility: which triangle each pixel sees, and where contours cross between pixels.

Nothing here carries a gradient; `renderer` computes values and gradients at the places found here.
All triangles of a batch are handled at once: each is expanded into the pixels of its bounding box,
and the nearest triangle of a pixel wins by the least of whole-number keys, (depth, triangle).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

NEAR = 0.05  # dm; triangles with a corner nearer to the camera are left out
FLAT = 1e-8  # square pixels; thinner triangles would have no finite gradient
NOTHING = torch.iinfo(torch.int64).max
CHUNK = 1 << 23  # candidate pixels at a time: about 0.5 GiB
LOW = (1 << 32) - 1


class Visible(NamedTuple):
    """face: (B, H, W) int64, the triangle seen, -1 for none. depth: (B, H, W) float32 dm, inf for
    none. front: (B, T) bool, triangles that face the camera."""

    face: Tensor
    depth: Tensor
    front: Tensor


class Crossings(NamedTuple):
    """Contours that pass between the centres of neighbouring pixels, one for each pair at most.

    first, second: (N,) vertex numbers in the flattened batch of the contour's edge. inside,
    outside: (N,) flat pixel numbers, of the surface that ends there and of what lies behind it.
    line: (N,) the coordinate of the row or column that both pixels lie on. place: (N,) that of the
    inside pixel's centre along it.
    """

    first: Tensor
    second: Tensor
    inside: Tensor
    outside: Tensor
    line: Tensor
    place: Tensor


def edges_of(triangles: Tensor) -> tuple[Tensor, Tensor]:
    """List the edges of a closed or open mesh.

    triangles: (T, 3) int64, neighbours wound the same way. Returns edges (E, 2) and their faces
    (E, 2): the first has the edge in this direction, the second in the other; T for none.
    Raises ValueError when more than two triangles share an edge or neighbours are wound
    differently.
    """
    num_faces = len(triangles)
    directed = torch.cat([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    face = torch.arange(num_faces, device=triangles.device).repeat(3)
    forward = directed[:, 0] < directed[:, 1]
    edges, index = torch.unique(directed.sort(dim=1).values, dim=0, return_inverse=True)
    faces = torch.full((len(edges), 2), num_faces, device=triangles.device)
    for column, chosen in enumerate((forward, ~forward)):
        if len(index) and int(index[chosen].bincount().max()) > 1:
            raise ValueError(
                "triangles: an edge is used twice in the same direction; each must have at most "
                "two triangles, wound the same way"
            )
        faces[index[chosen], column] = face[chosen]
    return edges, faces


def doubled_area(corners: Tensor) -> Tensor:
    """Give twice the area of triangles on the screen, below 0 for those that face the camera: y
    points down, so that fronts turn clockwise. corners: (..., 3, 2) pixels. Returns (...)."""
    side = corners[..., 1:, :] - corners[..., :1, :]  # (..., 2, 2) from corner 0 to 1 and 2
    return side[..., 0, 0] * side[..., 1, 1] - side[..., 0, 1] * side[..., 1, 0]


@torch.no_grad()
def visible(screen: Tensor, depth: Tensor, triangles: Tensor, *, size: tuple[int, int]) -> Visible:
    """Find the nearest front-facing triangle at every pixel centre.

    screen: (B, V, 2) pixels. depth: (B, V) dm. triangles: (T, 3), counter-clockwise from outside.
    """
    batch, num_vertices = depth.shape
    height, width = size
    corners = screen[:, triangles.flatten()].view(batch, -1, 3, 2)  # (B, T, 3, 2)
    near = depth[:, triangles.flatten()].view(batch, -1, 3)  # (B, T, 3)
    area = doubled_area(corners)  # (B, T)
    front = area < -FLAT
    front &= near.amin(dim=2) > NEAR

    limit = corners.new_tensor([width - 1, height - 1])
    low = (corners.amin(dim=2) - 0.5).ceil().clamp(min=0)  # (B, T, 2) pixel numbers
    high = (corners.amax(dim=2) - 0.5).floor().minimum(limit)
    span = (high - low + 1).clamp(min=0).long()  # (B, T, 2)
    count = torch.where(front, span[..., 0] * span[..., 1], 0)  # (B, T)
    chosen = count.flatten().nonzero().squeeze(1)  # (K,) triangles with candidate pixels

    nearest = torch.full((batch * height * width,), NOTHING, device=screen.device)
    if len(chosen):
        count, low, span = (
            count.flatten()[chosen],
            low.view(-1, 2)[chosen],
            span.view(-1, 2)[chosen],
        )
        plane = _planes(
            corners.view(-1, 3, 2)[chosen],
            near.view(-1, 3)[chosen],
            area.flatten()[chosen],
            low + 0.5,
        )
        whole = int(count.sum()) <= CHUNK
        step = len(chosen) if whole else max(1, CHUNK // int(count.max()))
        for start in range(0, len(chosen), step):
            part = slice(start, start + step)
            _candidates(
                nearest, chosen[part], count[part], low[part], span[part], plane[part],
                num_faces=len(triangles), size=size,
            )  # fmt: skip
    seen = nearest != NOTHING
    face = torch.where(seen, nearest & LOW, -1).view(batch, height, width)
    z = (nearest >> 32).to(torch.int32).view(torch.float32)
    z = torch.where(seen, z, torch.inf).view(batch, height, width)
    return Visible(face, z, front)


def _planes(corners: Tensor, depth: Tensor, area: Tensor, origin: Tensor) -> Tensor:
    """Give each triangle's weights of corners 1 and 2 and its inverse depth as a + b x + c y.

    corners: (K, 3, 2). depth: (K, 3). area: (K,) doubled, signed. origin: (K, 2) where x = y = 0.
    Returns (K, 9).
    """
    first = corners[:, 1] - corners[:, 0]
    second = corners[:, 2] - corners[:, 0]
    start = origin - corners[:, 0]
    w1 = torch.stack([second[:, 1], -second[:, 0]], dim=1) / area[:, None]  # (K, 2) slopes
    w2 = torch.stack([-first[:, 1], first[:, 0]], dim=1) / area[:, None]
    inverse = 1 / depth
    d1, d2 = inverse[:, 1] - inverse[:, 0], inverse[:, 2] - inverse[:, 0]
    at1, at2 = (w1 * start).sum(dim=1), (w2 * start).sum(dim=1)
    z = d1[:, None] * w1 + d2[:, None] * w2
    at_z = inverse[:, 0] + d1 * at1 + d2 * at2
    return torch.stack(
        [at1, w1[:, 0], w1[:, 1], at2, w2[:, 0], w2[:, 1], at_z, z[:, 0], z[:, 1]], dim=1
    )


def _candidates(
    nearest: Tensor,
    chosen: Tensor,
    count: Tensor,
    low: Tensor,
    span: Tensor,
    plane: Tensor,
    *,
    num_faces: int,
    size: tuple[int, int],
) -> None:
    """Lower `nearest` (B H W,) to the least (depth, triangle) of the pixels of these triangles."""
    height, width = size
    owner = torch.arange(len(chosen), device=chosen.device).repeat_interleave(count)  # (C,)
    start = count.cumsum(0) - count
    rank = torch.arange(len(owner), device=owner.device) - start.index_select(0, owner)
    table = torch.cat([plane, span[:, :1].to(plane.dtype)], dim=1).index_select(0, owner)
    a1, x1, y1, a2, x2, y2, az, xz, yz, columns = table.unbind(dim=1)  # (C,) each
    y = ((rank + 0.5) / columns).floor()  # fractions: whole-number division is slow
    x = rank - y * columns
    w1 = a1 + x1 * x + y1 * y
    w2 = a2 + x2 * x + y2 * y
    inverse = az + xz * x + yz * y
    edge = -1e-5  # a hair's breadth over, so that no crack opens between neighbours
    inside = (torch.minimum(w1, w2) >= edge) & (w1 + w2 <= 1 - edge) & (inverse > 0)
    inside = inside.nonzero().squeeze(1)
    owner = owner.index_select(0, inside)
    image = torch.div(chosen, num_faces, rounding_mode="floor")
    first = (image * height + low[:, 1].long()) * width + low[:, 0].long()  # (K,)
    step = (y * width + x).index_select(0, inside).long()
    depth = (1 / inverse.index_select(0, inside)).float()
    face = (chosen - image * num_faces).index_select(0, owner)
    pixel = first.index_select(0, owner) + step
    key = (depth.view(torch.int32).long() << 32) | face  # positive floats sort as their bits do
    nearest.scatter_reduce_(0, pixel, key, "amin")


@torch.no_grad()
def crossings(
    screen: Tensor,
    depth: Tensor,
    seen: Visible,
    edges: Tensor,
    edge_faces: Tensor,
    *,
    upright: bool,
) -> Crossings:
    """Find where visible contours cross between the centres of neighbouring pixels.

    A contour edge has one triangle that faces the camera and one that does not. Steep edges
    (`upright`) cross rows of pixels, the others columns, so every edge counts once. Of several that
    cross between the same two pixels, the one nearest to the outside pixel counts.
    screen: (B, V, 2) pixels. depth: (B, V) dm. edges, edge_faces: (E, 2) as from `edges_of`.
    """
    batch, height, width = seen.face.shape
    # Pixels follow each other along; lines lie across.
    along, across = (0, 1) if upright else (1, 0)
    length, num_lines = (width, height) if upright else (height, width)
    image, ends = _contours(seen, edges, edge_faces, num_vertices=depth.shape[1])
    points, z = screen.reshape(-1, 2)[ends], depth.reshape(-1)[ends]  # (K, 2, 2), (K, 2)
    move = points[:, 1] - points[:, 0]
    right = move[:, across].abs() >= move[:, along].abs()
    if upright:  # an edge at 45 degrees belongs to the columns
        right &= move[:, across].abs() != move[:, along].abs()
    keep = (right & (z.amin(dim=1) > NEAR)).nonzero().squeeze(1)
    image, ends, points, z, move = image[keep], ends[keep], points[keep], z[keep], move[keep]

    low = (points[..., across].amin(dim=1) - 0.5).ceil().clamp(min=0)
    high = (points[..., across].amax(dim=1) - 0.5).floor().clamp(max=num_lines - 1)
    count = (high - low + 1).clamp(min=0).long()
    owner = torch.arange(len(count), device=count.device).repeat_interleave(count)
    rank = torch.arange(len(owner), device=owner.device) - (count.cumsum(0) - count)[owner]
    line = low[owner].long() + rank
    start, step = points[owner, 0], move[owner]
    share = (line + 0.5 - start[:, across]) / step[:, across]
    at = start[:, along] + share * step[:, along]  # where the edge crosses the line of centres
    inverse = (1 - share) / z[owner, 0] + share / z[owner, 1]
    before = (at - 0.5).floor()
    # Which side the surface is on follows from the winding; it differs between rows and columns.
    grows = (step[:, across] > 0) if upright else (step[:, across] < 0)
    inside = before.long() + grows.long()
    outside = before.long() + 1 - grows.long()

    valid = (before >= 0) & (before < length - 1)
    stride, leap = (1, width) if upright else (width, 1)
    base = image[owner] * (height * width) + line * leap
    inside_pixel, outside_pixel = base + inside * stride, base + outside * stride
    flat = seen.depth.flatten()
    inside_z = flat[torch.where(valid, inside_pixel, 0)]
    outside_z = flat[torch.where(valid, outside_pixel, 0)]
    valid &= (inside_z < outside_z) & (1 / inverse < outside_z)
    kept = valid.nonzero().squeeze(1)

    distance = (at[kept] - (inside[kept] + 0.5)).abs()  # 0 to 1 pixel from the inside
    pair = torch.minimum(inside_pixel, outside_pixel)[kept]
    won = kept[_farthest(pair, distance, num_pixels=len(flat))]
    return Crossings(
        first=ends[owner[won], 0],
        second=ends[owner[won], 1],
        inside=inside_pixel[won],
        outside=outside_pixel[won],
        line=line[won] + 0.5,
        place=inside[won] + 0.5,
    )


def _contours(
    seen: Visible, edges: Tensor, edge_faces: Tensor, *, num_vertices: int
) -> tuple[Tensor, Tensor]:
    """List the edges with one triangle that faces the camera: images (K,) and ends (K, 2) in the
    flattened batch, the surface on the left of the way from the first to the second."""
    front = torch.cat([seen.front, seen.front.new_zeros(len(seen.front), 1)], dim=1)  # T: none
    ahead = front[:, edge_faces[:, 0]]
    image, edge = (ahead != front[:, edge_faces[:, 1]]).nonzero(as_tuple=True)  # (K,)
    swap = ~ahead[image, edge]
    ends = edges[edge] + image[:, None] * num_vertices  # (K, 2)
    return image, torch.where(swap[:, None], ends.flip(1), ends)


def _farthest(pair: Tensor, distance: Tensor, *, num_pixels: int) -> Tensor:
    """Choose of the crossings of each pair of pixels the one farthest from the inside pixel.

    pair: (N,) number of the pair's first pixel. distance: (N,) from 0 to 1. Returns row numbers.
    """
    row = torch.arange(len(pair), device=pair.device)
    key = ((2 - distance.float()).view(torch.int32).long() << 32) | row
    best = torch.full((num_pixels,), NOTHING, device=pair.device)
    best.scatter_reduce_(0, pair, key, "amin")
    return best[best != NOTHING] & LOW
