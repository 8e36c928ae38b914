"""A batched differentiable renderer in plain torch, for meshes with a colour at each vertex.

| Here              | RetinaFace                 | Note                                            |
| ----------------- | -------------------------- | ----------------------------------------------- |
| `vertices`, `colours` | coloured mesh D_PST    | x, y, z in dm and linear red, green, blue       |
| `camera`          | P_cam, 7 numbers           | `facelab.humans.head_model.camera`              |
| `light`           | P_ill, 9 numbers           | point light and ambient light, the same file    |
| `Renderer`        | R(D_PST, P_cam, P_ill)     | the photo's side of the dense loss              |

Steps: project; find the triangle each pixel centre sees (`raster`, no gradient); interpolate its
vertices with perspective-correct weights; light every pixel with its interpolated normal; and blend
the two pixels on either side of a contour by where the contour crosses between their centres. So
the image changes smoothly with the vertices inside the surface and at its contours, and gradients
exist for both. Where surfaces cut through each other (eyeball and lid) the boundary is hard and
gives no gradient.
Source: contours blended as in Laine et al., "Modular Primitives for High-Performance Differentiable
Rendering", 2020, section 3.5, but found by walking along the contour edges, so that triangles
smaller than a pixel are not missed; lighting after Phong.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facelab.humans.head_model.camera import project
from facelab.humans.head_model.raster import Visible, crossings, edges_of, visible

SHININESS = 14.0  # exponent of the highlight
DULL = 0.05  # reflectance at which half of it is left: the mouth's inside and nostrils are dark


class Rendered(NamedTuple):
    """image: (B, 3, H, W) RGB in [0, 1]. mask: (B, H, W), 1 on the surface, 0 beside it, between at
    contours. depth: (B, H, W) dm along the line of sight, inf where there is nothing; no gradient.
    face: (B, H, W) number of the triangle seen, -1 for none."""

    image: Tensor
    mask: Tensor
    depth: Tensor
    face: Tensor


class Renderer(nn.Module):
    """Draw batches of one mesh.

    triangles: (T, 3) whole numbers, counter-clockwise seen from outside; back faces are not drawn,
    so the mesh should be closed. num_vertices: of the mesh.
    Raises ValueError when triangles are not such a mesh.
    """

    triangles: Tensor
    edges: Tensor
    edge_faces: Tensor
    spread: Tensor

    def __init__(self, triangles: Tensor, num_vertices: int) -> None:
        super().__init__()
        if triangles.ndim != 2 or triangles.shape[1] != 3 or len(triangles) == 0:
            raise ValueError(f"triangles: expected shape (T, 3), got {tuple(triangles.shape)}")
        triangles = triangles.long()
        low, high = int(triangles.min()), int(triangles.max())
        if low < 0 or high >= num_vertices:
            raise ValueError(
                f"triangles: vertex numbers must be from 0 to {num_vertices - 1}; "
                f"got {low} to {high}"
            )
        edges, edge_faces = edges_of(triangles)
        self.num_vertices = num_vertices
        self.register_buffer("triangles", triangles, persistent=False)
        self.register_buffer("edges", edges, persistent=False)
        self.register_buffer("edge_faces", edge_faces, persistent=False)
        faces = torch.arange(len(triangles), device=triangles.device).repeat_interleave(3)
        self.register_buffer("spread", torch.stack([triangles.flatten(), faces]), persistent=False)

    def forward(
        self,
        vertices: Tensor,
        colours: Tensor,
        camera: Tensor,
        light: Tensor,
        *,
        size: tuple[int, int] = (64, 64),
        background: Tensor | float = 0.0,
        shine: float = 0.0,
        film: bool = True,
    ) -> Rendered:
        """Render images.

        vertices: (B, V, 3) in dm. colours: (B, V, 3) linear reflectance in [0, 1]. camera: (B, 7)
        and light: (B, 9), see `camera.py`. size: height and width in pixels. background: a number
        or something that broadcasts to (B, 3, H, W), in [0, 1]. shine: strength of the highlight, 0
        for the paper's matt surface, about 0.1 for skin. film: bend light x to 1 - exp(-x) and
        encode it as sRGB, as a photo is; False clips linear light at 1. All float32 or all float64,
        on one device.
        Raises ValueError that names the wrong argument.
        """
        self._check(vertices, colours, camera, light, size)
        batch, (height, width) = len(vertices), size
        screen, depth = project(vertices, camera, size=size)  # (B, V, 2), (B, V)
        seen = visible(screen.detach(), depth.detach(), self.triangles, size=size)

        pixel = (seen.face.flatten() >= 0).nonzero().squeeze(1)  # (P,) covered pixels
        normals = self.normals(vertices)
        table = torch.cat([screen, 1 / depth[..., None], vertices, normals, colours], dim=2)
        surface = self._interpolate(table, pixel, seen.face, size)  # (P, 9)
        image_number = pixel // (height * width)
        radiance = _shade(surface, camera[:, :3], light, image_number, shine=shine)  # (P, 3)
        value = to_display(radiance) if film else radiance.clamp(0, 1)

        behind = torch.as_tensor(background, dtype=vertices.dtype, device=vertices.device)
        behind = behind.expand(batch, 3, height, width).permute(0, 2, 3, 1).reshape(-1, 3)
        canvas = torch.cat([behind, behind.new_zeros(len(behind), 1)], dim=1)  # (B H W, 4)
        covered = torch.cat([value, torch.ones_like(value[:, :1])], dim=1)
        canvas = canvas.index_copy(0, pixel, covered)
        for upright in (True, False):
            canvas = self._blend(canvas, screen, depth, seen, upright=upright)
        canvas = canvas.view(batch, height, width, 4).permute(0, 3, 1, 2)
        return Rendered(canvas[:, :3].contiguous(), canvas[:, 3], seen.depth, seen.face)

    def normals(self, vertices: Tensor) -> Tensor:
        """Compute unit vertex normals (B, V, 3): means of the triangles', weighted by area."""
        batch = len(vertices)
        flat = vertices.permute(1, 0, 2).reshape(self.num_vertices, -1)  # (V, B 3)
        corner = [F.embedding(self.triangles[:, k], flat).view(-1, batch, 3) for k in range(3)]
        face = torch.linalg.cross(corner[1] - corner[0], corner[2] - corner[0])  # (T, B, 3)
        ones = torch.ones(self.spread.shape[1], dtype=vertices.dtype, device=vertices.device)
        spread = torch.sparse_coo_tensor(
            self.spread, ones, (self.num_vertices, len(self.triangles)), check_invariants=False
        )
        total = torch.sparse.mm(spread, face.flatten(1)).view(-1, batch, 3)  # (V, B, 3)
        return F.normalize(total, dim=2, eps=1e-12).permute(1, 0, 2)

    def _interpolate(
        self, table: Tensor, pixel: Tensor, face: Tensor, size: tuple[int, int]
    ) -> Tensor:
        """Interpolate values at pixels (P,). table: (B, V, 3 + C) x, y, 1 / depth, values. Gives
        (P, C)."""
        height, width = size
        image = pixel // (height * width)
        ids = self.triangles[face.flatten()[pixel]] + (image * self.num_vertices)[:, None]  # (P, 3)
        corners = F.embedding(ids, table.flatten(0, 1))  # (P, 3, 3 + C); its backward is exact
        centre = torch.stack([pixel % width, pixel // width % height], dim=1) + 0.5
        offset = corners[..., :2] - centre.to(table.dtype)[:, None]  # (P, 3, 2)
        after = offset.roll(-1, dims=1)
        cross = offset[..., 0] * after[..., 1] - offset[..., 1] * after[..., 0]  # sides 01, 12, 20
        weight = cross.roll(-1, dims=1) * corners[..., 2]  # opposite corner, over its depth
        weight = weight / weight.sum(dim=1, keepdim=True)
        return (weight[..., None] * corners[..., 3:]).sum(dim=1)

    def _blend(
        self, canvas: Tensor, screen: Tensor, depth: Tensor, seen: Visible, *, upright: bool
    ) -> Tensor:
        """Blend the pixels (B H W, C) beside steep contours (`upright`), or beside the others."""
        found = crossings(
            screen.detach(), depth.detach(), seen, self.edges, self.edge_faces, upright=upright
        )
        along, across = (0, 1) if upright else (1, 0)
        ends = F.embedding(torch.stack([found.first, found.second]), screen.flatten(0, 1))
        move = ends[1] - ends[0]  # (N, 2)
        share = (found.line - ends[0, :, across]) / move[:, across]
        at = ends[0, :, along] + share * move[:, along]
        reach = (at - found.place).abs()  # 0 at the inside pixel's centre, 1 at the outside one's
        inner, outer = canvas[found.inside], canvas[found.outside]
        step = outer - inner
        to_inner, to_outer = (0.5 - reach).clamp(min=0), (reach - 0.5).clamp(min=0)
        change = torch.cat([step * to_inner[:, None], -step * to_outer[:, None]])
        where = torch.cat([found.inside, found.outside])[:, None].expand_as(change)
        return canvas.scatter_add(0, where, change)

    def _check(
        self,
        vertices: Tensor,
        colours: Tensor,
        camera: Tensor,
        light: Tensor,
        size: tuple[int, int],
    ) -> None:
        if vertices.ndim != 3 or vertices.shape[1:] != (self.num_vertices, 3):
            raise ValueError(
                f"vertices: expected shape (B, {self.num_vertices}, 3), got {tuple(vertices.shape)}"
            )
        for name, value, shape in (
            ("colours", colours, tuple(vertices.shape)),
            ("camera", camera, (len(vertices), 7)),
            ("light", light, (len(vertices), 9)),
        ):
            if tuple(value.shape) != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {tuple(value.shape)}")
        for name, value in (
            ("vertices", vertices), ("colours", colours), ("camera", camera), ("light", light),
        ):  # fmt: skip
            if value.dtype != vertices.dtype or not value.is_floating_point():
                raise ValueError(
                    f"{name}: all must be float32, or all float64; vertices are {vertices.dtype}, "
                    f"{name} {value.dtype}"
                )
            if value.device != self.triangles.device:
                raise ValueError(
                    f"{name}: is on {value.device}, the renderer on {self.triangles.device}; "
                    f"move one with .to(device)"
                )
        if not bool(torch.isfinite(vertices).all()):
            raise ValueError("vertices: hold NaN or infinity")
        if len(size) != 2 or min(size) < 1:
            raise ValueError(f"size: expected height and width of at least 1 pixel, got {size}")


def _shade(surface: Tensor, eye: Tensor, light: Tensor, image: Tensor, *, shine: float) -> Tensor:
    """Light points: ambient plus lamp times the cosine, and a highlight of strength `shine`.

    surface: (P, 9) position, normal, colour. eye: (B, 3). light: (B, 9). image: (P,). Returns
    (P, 3).
    """
    position, normal, colour = surface.split(3, dim=1)
    lamp = F.embedding(image, torch.cat([light, eye], dim=1))  # (P, 12)
    normal = F.normalize(normal, dim=1)
    toward = F.normalize(lamp[:, :3] - position, dim=1)
    cosine = (normal * toward).sum(dim=1, keepdim=True)
    diffuse = lamp[:, 6:9] + lamp[:, 3:6] * cosine.clamp(min=0)
    radiance = colour * diffuse
    if shine:
        half = F.normalize(toward + F.normalize(lamp[:, 9:] - position, dim=1), dim=1)
        facing = (normal * half).sum(dim=1, keepdim=True).clamp(min=0)
        gloss = shine * colour.mean(dim=1, keepdim=True) / (colour.mean(dim=1, keepdim=True) + DULL)
        radiance = radiance + gloss * lamp[:, 3:6] * facing**SHININESS * (cosine > 0)
    return radiance


def to_display(light: Tensor) -> Tensor:
    """Bend linear light, 0 or more, into [0, 1) and encode it as sRGB; smooth everywhere."""
    bent = 1 - torch.exp(-light.clamp(min=0))
    toe = 12.92 * bent
    curve = 1.055 * bent.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(bent <= 0.0031308, toe, curve)
