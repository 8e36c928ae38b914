"""A statistical head: a few numbers for shape, expression, age and skin give a coloured 3-D mesh.

    model = HeadModel.load()
    heads = model.sample(torch.Generator().manual_seed(0), 4)
    vertices, colours = model.build(heads)                             # (4, V, 3) each
    picture = model.renderer()(vertices, colours, front_camera(4), portrait_light(4)).image

Shape is `mean(age) + basis . coefficients + expressions`. The basis holds the principal components
of the renderer's people after their mean at their age is taken away; a coefficient of 1 is one
standard deviation. Expressions are named and not principal components, so that each can have a
slider. Skin works the same way on the logarithm of reflectance, so that it stays positive. Hair,
brows, lashes and eyes are painted over the skin by masks.
Units are decimetres; the origin is the middle of the skull, x points to the person's left, y up, z
to the front.
Source: morphable models after Blanz and Vetter, SIGGRAPH 1999; the people are facelab's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facelab.engine.weights import WeightsError, read_tensors
from facelab.humans.head_model.renderer import Renderer

FILE = Path(__file__).with_name("head_model.safetensors")
# Colours are linear reflectance.
HAIR_COLOURS = (
    (0.018, 0.016, 0.016), (0.045, 0.028, 0.018), (0.11, 0.06, 0.034), (0.22, 0.13, 0.07),
    (0.40, 0.28, 0.15), (0.26, 0.09, 0.03),
)  # fmt: skip
HAIR = HAIR_COLOURS[1]  # dark brown
GREY = (0.40, 0.385, 0.36)
IRIS = (0.10, 0.055, 0.028)
PUPIL = (0.006, 0.006, 0.006)
EYE_COLOURS = (
    (0.07, 0.035, 0.018), (0.13, 0.07, 0.03), (0.10, 0.12, 0.05), (0.08, 0.15, 0.24),
    (0.14, 0.17, 0.19),
)  # fmt: skip
TENSORS = (
    "ages", "shape_mean", "shape_basis", "shape_step", "expression_basis", "expression_step",
    "skin_mean", "skin_basis", "skin_step", "fixed_colours", "masks", "occlusion", "hair_lift",
    "traits", "triangles", "coarse", "mirror", "landmarks", "uv",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Heads:
    """The numbers that make a batch of heads.

    shape: (B, up to num_shape) and skin: (B, up to num_skin), in standard deviations. expression:
    (B, num_expression), see `HeadModel.expressions`. age: (B,) years. hair: (B,) 0 bald to 1 short
    hair. beard: (B,) 0 to 1. hair_colour, eye_colour: (B, 3) linear reflectance.
    """

    shape: Tensor
    expression: Tensor
    age: Tensor
    skin: Tensor
    hair: Tensor
    beard: Tensor
    hair_colour: Tensor
    eye_colour: Tensor


class HeadModel(nn.Module):
    """Bases and masks as buffers: `.to(device)` and `.double()` move them all.

    triangles: (T, 3), counter-clockwise from outside. coarse: (C, 3), a mesh of fewer of the same
    vertices, for drawing. landmarks: (68,) vertices in the order of
    `facelab.geometry.landmarks`. mirror: (V,) each vertex's partner on the other side. uv: (V, 2)
    place in the renderer's skin map, v from the top, NaN beside it. expressions: names. traits:
    name -> (num_shape,) shape coefficients that change it by one unit. card: how the file was made.
    """

    ages: Tensor
    shape_mean: Tensor
    shape_basis: Tensor
    expression_basis: Tensor
    skin_mean: Tensor
    skin_basis: Tensor
    fixed_colours: Tensor
    masks: Tensor
    occlusion: Tensor
    hair_lift: Tensor
    tufts: Tensor
    trait_shapes: Tensor
    triangles: Tensor
    coarse: Tensor
    mirror: Tensor
    landmarks: Tensor
    uv: Tensor

    def __init__(self, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
        super().__init__()
        self.card = dict(card)
        self.expressions: tuple[str, ...] = tuple(card["expressions"])
        self.trait_names: tuple[str, ...] = tuple(card["traits"])
        self.mask_names: tuple[str, ...] = tuple(card["masks"])

        def keep(name: str, value: Tensor) -> None:
            self.register_buffer(name, value.clone(), persistent=False)

        for name in ("shape", "expression", "skin"):  # whole steps, of a size for each component
            steps = tensors[f"{name}_step"].float()[:, None, None]
            keep(f"{name}_basis", tensors[f"{name}_basis"].float() * steps)
        keep("shape_mean", tensors["shape_mean"].float() * float(card["shape_mean_step"]))
        keep("skin_mean", tensors["skin_mean"].float() * float(card["skin_mean_step"]))
        keep("hair_lift", tensors["hair_lift"].float())
        for name in ("masks", "occlusion", "fixed_colours"):
            keep(name, tensors[name].float() / 255)
        lift = torch.linalg.vector_norm(self.hair_lift, dim=1, keepdim=True)
        keep("tufts", (lift / lift.max()).clamp(min=0.3))  # (V, 1)
        keep("ages", tensors["ages"].float())
        keep("trait_shapes", tensors["traits"].float())
        keep("uv", tensors["uv"].float())
        for name in ("triangles", "coarse", "mirror", "landmarks"):
            keep(name, tensors[name].long())

    @classmethod
    def load(cls, path: str | Path | None = None) -> HeadModel:
        """Read the model that facelab ships, or the file at `path`.

        Raises WeightsError when the file is missing, damaged, or not a head model.
        """
        path = FILE if path is None else Path(path)
        if not path.is_file():
            raise WeightsError(
                f"{path}: the head model is not there; install facelab again, or build it "
                f"with `python -m facelab.humans.head_model.build --out {path}`, which needs the "
                f"people's assets"
            )
        tensors, card = read_tensors(path)
        missing = [name for name in TENSORS if name not in tensors]
        if missing or "expressions" not in card:
            what = ", ".join(missing) or "its card"
            raise WeightsError(f"{path}: not a head model of this version; it lacks {what}")
        try:
            return cls(tensors, card)
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(f"{path}: a damaged head model ({error}); copy it again") from error

    @property
    def num_vertices(self) -> int:
        """Number of vertices, V."""
        return self.shape_mean.shape[1]

    @property
    def num_shape(self) -> int:
        """Number of shape components."""
        return len(self.shape_basis)

    @property
    def num_expression(self) -> int:
        """Number of expressions."""
        return len(self.expression_basis)

    @property
    def num_skin(self) -> int:
        """Number of skin components."""
        return len(self.skin_basis)

    @property
    def traits(self) -> dict[str, Tensor]:
        """Directions in shape space by name."""
        return dict(zip(self.trait_names, self.trait_shapes, strict=True))

    def renderer(self) -> Renderer:
        """Make a renderer for this mesh, on this model's device."""
        return Renderer(self.triangles, self.num_vertices)

    def forward(
        self,
        shape: Tensor,
        expression: Tensor | None = None,
        age: Tensor | None = None,
        *,
        hair: Tensor | None = None,
    ) -> Tensor:
        """Make vertices (B, V, 3) in dm.

        shape: (B, K) standard deviations of the first K components, usually within 2.5. expression:
        (B, num_expression), usually 0 to 1, gaze -1 to 1; calm if None. age: (B,) years, 30 if
        None, held within the model's ages. hair: (B,) 0 to 1 thickness of the hair, none if None.
        Raises ValueError that names the argument of a wrong shape.
        """
        batch = self._batch("shape", shape, self.num_shape)
        vertices = self._at_age(self.shape_mean, age, batch)
        vertices = vertices + torch.einsum("bk,kvc->bvc", shape, self.shape_basis[: shape.shape[1]])
        if expression is not None:
            self._expect("expression", expression, (batch, self.num_expression))
            vertices = vertices + torch.einsum("bk,kvc->bvc", expression, self.expression_basis)
        if hair is not None:
            self._expect("hair", hair, (batch,))
            vertices = vertices + hair[:, None, None] * self.hair_lift
        return vertices

    def albedo(
        self,
        skin: Tensor,
        age: Tensor | None = None,
        *,
        hair: Tensor | None = None,
        hair_colour: Tensor | None = None,
        eye_colour: Tensor | None = None,
        beard: Tensor | None = None,
        occlusion: bool = True,
    ) -> Tensor:
        """Make colours (B, V, 3), linear reflectance in [0, 1].

        skin: (B, K) standard deviations of the first K components. age: (B,) years, 30 if None.
        hair: (B,) 0 bald to 1, brows stay; bald if None. hair_colour, eye_colour: (B, 3) linear
        reflectance, dark brown if None. beard: (B,) 0 to 1, none if None. occlusion: darken what
        lies in folds, nostrils and mouth.
        Raises ValueError that names the argument of a wrong shape.
        """
        batch = self._batch("skin", skin, self.num_skin)
        log = self._at_age(self.skin_mean, age, batch)
        log = log + torch.einsum("bk,kvc->bvc", skin, self.skin_basis[: skin.shape[1]])
        mask = {name: self.masks[k, :, None] for k, name in enumerate(self.mask_names)}
        out = torch.lerp(log.clamp(max=-0.05).exp(), self.fixed_colours, mask["fixed"])
        strands = self._colour("hair_colour", hair_colour, HAIR, batch)
        iris = self._colour("eye_colour", eye_colour, IRIS, batch)
        if beard is not None:
            self._expect("beard", beard, (batch,))
            out = torch.lerp(out, 0.8 * strands, 0.85 * beard[:, None, None] * mask["beard"])
        out = torch.lerp(out, 0.7 * strands, 0.85 * mask["brows"])
        out = torch.lerp(out, 0.1 * strands, 0.8 * mask["lashes"])
        if hair is not None:
            self._expect("hair", hair, (batch,))
            cover = (2 * hair).clamp(0, 1)[:, None, None]
            uneven = 1 + 0.5 * (self.tufts - 1)  # what stands off less is darker
            out = torch.lerp(out, uneven * strands, 0.97 * cover * mask["scalp"])
        out = torch.lerp(out, iris, mask["iris"])
        out = torch.lerp(out, 0.4 * iris, mask["rim"])
        out = torch.lerp(out, out.new_tensor(PUPIL), mask["pupil"])
        return out * self.occlusion[:, None] if occlusion else out

    def build(self, heads: Heads) -> tuple[Tensor, Tensor]:
        """Make vertices in dm and linear reflectance, (B, V, 3) each, of a batch of heads.

        Raises ValueError that names the number of a wrong shape.
        """
        vertices = self(heads.shape, heads.expression, heads.age, hair=heads.hair)
        colours = self.albedo(
            heads.skin,
            heads.age,
            hair=heads.hair,
            hair_colour=heads.hair_colour,
            eye_colour=heads.eye_colour,
            beard=heads.beard,
        )
        return vertices, colours

    def sample(self, generator: torch.Generator, batch: int) -> Heads:
        """Draw heads: people of 12 to 75 years, most of them with a mild expression.

        generator: on the CPU; the same seed gives the same heads on every device.
        Raises ValueError for a batch below 1.
        """
        if batch < 1:
            raise ValueError(f"batch: expected 1 or more heads, got {batch}")

        def normal(count: int) -> Tensor:
            return torch.randn(batch, count, generator=generator).clamp(-1.8, 1.8)

        def uniform(low: float = 0.0, high: float = 1.0) -> Tensor:
            return low + (high - low) * torch.rand(batch, generator=generator)

        def choice(colours: tuple[tuple[float, ...], ...]) -> Tensor:
            index = torch.randint(len(colours), (batch,), generator=generator)
            return torch.tensor(colours)[index]

        expression = torch.rand(batch, self.num_expression, generator=generator)
        chosen = torch.rand(batch, self.num_expression, generator=generator) < 0.12
        expression = 0.8 * expression * chosen
        for column, name in enumerate(self.expressions):
            if name.startswith("gaze"):
                expression[:, column] = 0.3 * normal(1)[:, 0]
        age, shape, skin = uniform(12, 75), normal(self.num_shape), normal(self.num_skin)
        grey = ((age - 45) / 30 + 0.3 * normal(1)[:, 0]).clamp(0, 1)[:, None]
        grown = (age > 17) & (uniform() < 0.3)
        values = {
            "shape": shape,
            "expression": expression,
            "age": age,
            "skin": skin,
            "hair": uniform(0.5, 1.0) * (uniform() > 0.08),
            "beard": uniform(0.1, 0.8) * grown,
            "hair_colour": torch.lerp(choice(HAIR_COLOURS), torch.tensor(GREY), grey),
            "eye_colour": choice(EYE_COLOURS),
        }
        return Heads(**{k: v.to(self.shape_mean) for k, v in values.items()})

    def coefficients(self, vertices: Tensor, age: Tensor | None = None) -> Tensor:
        """Describe calm heads (B, V, 3) without hair by shape coefficients (B, num_shape).

        vertices: dm. age: (B,) years, 30 if None.
        The components are orthogonal, so these are the nearest in the sense of least squares.
        Raises ValueError for other shapes.
        """
        self._expect("vertices", vertices, (len(vertices), self.num_vertices, 3))
        rest = vertices - self._at_age(self.shape_mean, age, len(vertices))
        size = self.shape_basis.square().sum(dim=(1, 2))  # (K,)
        return torch.einsum("bvc,kvc->bk", rest, self.shape_basis) / size

    def _at_age(self, curve: Tensor, age: Tensor | None, batch: int) -> Tensor:
        """Interpolate a curve (A, V, 3) over age. Returns (B, V, 3)."""
        if age is None:
            age = curve.new_full((batch,), 30.0)
        self._expect("age", age, (batch,))
        age = age.clamp(float(self.ages[0]), float(self.ages[-1]))
        after = torch.searchsorted(self.ages, age.detach()).clamp(1, len(self.ages) - 1)
        low, high = self.ages[after - 1], self.ages[after]
        share = ((age - low) / (high - low))[:, None]  # (B, 1)
        flat = curve.flatten(1)
        return torch.lerp(flat[after - 1], flat[after], share).view(batch, -1, 3)

    def _batch(self, name: str, value: Tensor, most: int) -> int:
        if value.ndim != 2 or value.shape[1] > most:
            raise ValueError(f"{name}: expected shape (B, 0 to {most}), got {tuple(value.shape)}")
        return len(value)

    @staticmethod
    def _expect(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
        if tuple(value.shape) != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {tuple(value.shape)}")

    def _colour(
        self, name: str, value: Tensor | None, default: tuple[float, ...], batch: int
    ) -> Tensor:
        """Give colours (B, 1, 3)."""
        if value is None:
            value = self.shape_mean.new_tensor(default).expand(batch, 3)
        self._expect(name, value, (batch, 3))
        return value[:, None]
