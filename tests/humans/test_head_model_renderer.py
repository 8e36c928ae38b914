"""The differentiable renderer: what it draws on meshes worked out by hand, and its gradients
against finite differences."""

import math

import pytest
import torch

from facelab.humans.head_model import (
    Renderer,
    focal_length,
    front_camera,
    portrait_light,
    project,
    to_display,
    turn,
)
from facelab.humans.head_model.raster import edges_of

DARK = torch.tensor([[0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.5]])  # ambient light only


def camera(*, distance: float = 4.0, focal: float = 2.0, batch: int = 1) -> torch.Tensor:
    return torch.tensor([0.0, 0.0, distance, 0.0, 0.0, 0.0, focal]).repeat(batch, 1)


def square(half: float = 0.5, z: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A square that faces the camera, as an open mesh of two triangles."""
    corners = [[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]]
    return torch.tensor([corners]), torch.tensor([[0, 1, 2], [0, 2, 3]])


def ball(levels: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """An octahedron, its triangles split in four `levels` times and its corners moved to a unit
    sphere."""
    points = torch.eye(3).repeat_interleave(2, 0) * torch.tensor([1.0, -1.0]).repeat(3)[:, None]
    faces = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    corners = [points[list(face)] for face in faces]
    for _ in range(levels):
        parts = []
        for a, b, c in corners:
            ab, bc, ca = (torch.nn.functional.normalize(x, dim=0) for x in (a + b, b + c, c + a))
            parts += [torch.stack(x) for x in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
        corners = parts
    flat = torch.cat(corners)
    keys, index = torch.unique((flat * 1e5).round(), dim=0, return_inverse=True)
    vertices = torch.zeros(len(keys), 3)
    vertices[index] = flat
    return vertices[None], index.view(-1, 3)


def test_a_square_covers_the_pixels_that_the_pinhole_formula_says():
    # 1 dm at 4 dm with focal length 2: 2 / 4 of the 32 pixels of height, so 16 x 16 pixels.
    vertices, triangles = square()
    out = Renderer(triangles, 4)(vertices, torch.ones(1, 4, 3), camera(), DARK, size=(32, 40))
    expected = torch.zeros(32, 40)
    expected[8:24, 12:28] = 1
    torch.testing.assert_close(out.mask[0], expected)
    torch.testing.assert_close(out.depth[0][expected == 1], torch.full((256,), 4.0))
    assert bool(torch.isinf(out.depth[0][expected == 0]).all())
    assert bool((out.face[0] >= 0).eq(expected == 1).all())


@pytest.mark.parametrize("share", [0.1, 0.25, 0.45, 0.75, 0.9])
def test_a_border_inside_a_pixel_gives_the_covered_share_of_it(share):
    half = (8 + share) / 32 * 4 / 2  # 8 pixels and a share on either side of the middle
    vertices, triangles = square(half)
    out = Renderer(triangles, 4)(vertices, torch.ones(1, 4, 3), camera(), DARK, size=(32, 32))
    assert float(out.mask[0, 16, 24]) == pytest.approx(share, abs=1e-3)  # at the right
    assert float(out.mask[0, 7, 16]) == pytest.approx(share, abs=1e-3)  # above
    assert float(out.mask[0, 16, 16]) == 1.0 and float(out.mask[0, 16, 26]) == 0.0


def test_the_soft_mask_of_a_ball_has_the_area_of_its_disc():
    vertices, triangles = ball(4)
    out = Renderer(triangles, vertices.shape[1])(
        vertices, torch.ones_like(vertices), camera(distance=6.0), DARK, size=(48, 48)
    )
    radius = 2.0 * 48 * math.tan(math.asin(1 / 6))  # of the contour in pixels
    assert float(out.mask.sum()) == pytest.approx(math.pi * radius**2, rel=0.01)


def test_the_nearer_surface_is_seen_and_back_faces_are_not_drawn():
    near, faces = square(0.2, z=1.0)
    far, _ = square(0.6, z=0.0)
    vertices = torch.cat([near, far], dim=1)
    colours = torch.cat([torch.zeros(1, 4, 3), torch.ones(1, 4, 3)], dim=1)
    out = Renderer(torch.cat([faces, faces + 4]), 8)(
        vertices, colours, camera(), DARK, size=(32, 32), film=False
    )
    assert float(out.image[0, 0, 16, 16]) == 0.0  # the dark one in front
    assert float(out.image[0, 0, 16, 7]) == pytest.approx(0.5)  # white in ambient light of a half
    behind = Renderer(torch.cat([faces.flip(1), faces + 4]), 8)(
        vertices, colours, camera(), DARK, size=(32, 32), film=False
    )
    assert float(behind.image[0, 0, 16, 16]) == pytest.approx(0.5)


def test_colours_are_interpolated_with_perspective():
    vertices, triangles = square()
    vertices = vertices.clone()
    vertices[0, 1:3, 2] = -4.0  # the right side is twice as far away as the left
    vertices[0, 1:3, 0] = 1.0
    colours = torch.zeros(1, 4, 3)
    colours[0, 1:3] = 1.0
    light = torch.tensor([[0.0, 0, 9, 0, 0, 0, 1, 1, 1]])
    out = Renderer(triangles, 4)(vertices, colours, camera(), light, size=(64, 64), film=False)
    row = out.image[0, 0, 32]
    # At depth d the colour is (d - 4) / 4 and x is -0.5 + 1.5 (d - 4) / 4.
    for column in (20, 30, 40):
        slope = (column + 0.5 - 32) / (2 * 64)  # x / d
        d = (-0.5 - 1.5) / (slope - 1.5 / 4)
        assert float(row[column]) == pytest.approx((d - 4) / 4, abs=1e-4)


def test_light_is_ambient_plus_lamp_times_the_cosine():
    vertices, triangles = square()
    colours = torch.full((1, 4, 3), 0.5)
    light = torch.tensor([[0.0, 0.0, 1e6, 0.6, 0.3, 0.0, 0.1, 0.2, 0.3]])  # far in front: cosine 1
    renderer = Renderer(triangles, 4)
    out = renderer(vertices, colours, camera(), light, size=(16, 16), film=False)
    torch.testing.assert_close(out.image[0, :, 8, 8], torch.tensor([0.35, 0.25, 0.15]))
    light[0, :3] = torch.tensor([math.sqrt(3) * 1e6, 0.0, 1e6])  # 60 degrees to the side: half
    out = renderer(vertices, colours, camera(), light, size=(16, 16), film=False)
    torch.testing.assert_close(out.image[0, :, 8, 8], torch.tensor([0.20, 0.175, 0.15]))
    light[0, :3] = torch.tensor([0.0, 0.0, -1e6])  # behind: ambient only
    out = renderer(vertices, colours, camera(), light, size=(16, 16), film=False)
    torch.testing.assert_close(out.image[0, :, 8, 8], torch.tensor([0.05, 0.1, 0.15]))


def test_film_stays_below_one_and_is_the_srgb_curve():
    light = torch.tensor([0.0, 0.001, 0.3, 1.0, 50.0])
    shown = to_display(light)
    bent = 1 - math.exp(-0.3)
    assert float(shown[0]) == 0.0 and float(shown[-1]) <= 1.0
    assert float(shown[1]) == pytest.approx(12.92 * (1 - math.exp(-0.001)), rel=1e-4)
    assert float(shown[2]) == pytest.approx(1.055 * bent ** (1 / 2.4) - 0.055, rel=1e-5)


def test_a_background_shows_where_the_mesh_is_not():
    vertices, triangles = square()
    renderer = Renderer(triangles, 4)
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    out = renderer(vertices, torch.ones(1, 4, 3), camera(), DARK, size=(16, 16), background=picture)
    outside = out.mask[0] == 0
    torch.testing.assert_close(out.image[0][:, outside], picture[0][:, outside])
    grey = renderer(vertices, torch.ones(1, 4, 3), camera(), DARK, size=(16, 16), background=0.25)
    assert float(grey.image[0, 1, 0, 0]) == 0.25


def test_a_batch_is_rendered_as_each_alone():
    vertices, triangles = ball()
    generator = torch.Generator().manual_seed(1)
    vertices = vertices * (1 + 0.2 * torch.rand(3, vertices.shape[1], 1, generator=generator))
    colours = torch.rand(vertices.shape, generator=generator)
    cameras, lights = camera(distance=6.0, batch=3), portrait_light(3)
    cameras[:, 0] = torch.tensor([-1.0, 0.0, 2.0])
    renderer = Renderer(triangles, vertices.shape[1])
    together = renderer(vertices, colours, cameras, lights, size=(24, 24))
    for k in range(3):
        one = slice(k, k + 1)
        alone = renderer(vertices[one], colours[one], cameras[one], lights[one], size=(24, 24))
        torch.testing.assert_close(together.image[one], alone.image)
        assert torch.equal(together.face[one], alone.face)


def test_the_same_input_gives_the_same_picture_and_gradient_bit_for_bit():
    vertices, triangles = ball(3)
    renderer = Renderer(triangles, vertices.shape[1])

    def once() -> tuple[torch.Tensor, torch.Tensor]:
        x = vertices.repeat(4, 1, 1).requires_grad_()
        image = renderer(x, torch.ones_like(x), camera(batch=4), portrait_light(4)).image
        return image, torch.autograd.grad(image.square().sum(), x)[0]

    (image, gradient), (again, same) = once(), once()
    assert torch.equal(image, again) and torch.equal(gradient, same)


def loss_of(renderer: Renderer, weights: torch.Tensor, size: tuple[int, int]):
    """A loss that weighs every pixel of image and mask differently."""

    def loss(vertices, colours, camera, light):
        out = renderer(vertices, colours, camera, light, size=size, shine=0.2, background=0.3)
        return (out.image * weights[:3]).sum() + (out.mask * weights[3]).sum()

    return loss


NAMES = ["vertices", "colours", "camera", "light"]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_every_input_are_those_of_finite_differences(name):
    generator = torch.Generator().manual_seed(3)
    vertices, triangles = ball(2)
    vertices = vertices.double() * (
        1 + 0.1 * torch.rand(1, vertices.shape[1], 1, generator=generator, dtype=torch.float64)
    )
    inputs = {
        "vertices": vertices,
        "colours": 0.2 + 0.6 * torch.rand(vertices.shape, generator=generator).double(),
        "camera": torch.tensor([[0.7, 0.5, 5.0, 0.1, -0.1, 0.2, 1.7]], dtype=torch.float64),
        "light": portrait_light().double(),
    }
    renderer = Renderer(triangles, vertices.shape[1])
    weights = torch.rand(4, 20, 20, generator=generator).double()
    loss = loss_of(renderer, weights, (20, 20))
    leaf = inputs[name].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(**{**inputs, name: leaf}), leaf)
    step = 1e-6
    differences = torch.zeros_like(leaf)
    for k in range(leaf.numel()):
        shift = torch.zeros_like(leaf).flatten()
        shift[k] = step
        more, less = (inputs[name] + sign * shift.view_as(leaf) for sign in (1, -1))
        high, low = loss(**{**inputs, name: more}), loss(**{**inputs, name: less})
        differences.view(-1)[k] = (high - low) / (2 * step)
    torch.testing.assert_close(gradient, differences, rtol=1e-4, atol=1e-4)
    assert float(gradient.abs().max()) > 0.01


def test_the_mask_alone_pulls_the_contour_by_the_right_amount():
    # The area of the mask of a disc in a square image: d area / d focal = 2 area / focal.
    vertices, triangles = ball(3)
    view = camera(distance=6.0).double().requires_grad_()
    out = Renderer(triangles, vertices.shape[1])(
        vertices.double(), torch.ones_like(vertices).double(), view, DARK.double(), size=(48, 48)
    )
    area = out.mask.sum()
    (gradient,) = torch.autograd.grad(area, view)
    assert float(gradient[0, 6]) == pytest.approx(2 * float(area.detach()) / 2.0, rel=0.05)


def test_triangles_smaller_than_a_pixel_keep_their_contour_gradient():
    vertices, triangles = ball(4)  # 2,048 triangles on about 80 pixels
    view = camera(distance=6.0, focal=1.3).requires_grad_()
    out = Renderer(triangles, vertices.shape[1])(
        vertices, torch.ones_like(vertices), view, DARK, size=(24, 24)
    )
    area = out.mask.sum()
    (gradient,) = torch.autograd.grad(area, view)
    assert float(gradient[0, 6]) == pytest.approx(2 * float(area.detach()) / 1.3, rel=0.1)


@pytest.mark.parametrize("seed", range(6))
def test_wild_meshes_and_cameras_give_finite_pictures_and_gradients(seed):
    generator = torch.Generator().manual_seed(seed)
    vertices, triangles = ball(2)
    shape = (2, vertices.shape[1], 3)
    crumpled = 3 * torch.randn(shape, generator=generator)
    flat = vertices * torch.tensor([1.0, 1.0, 1e-6]) + torch.zeros(shape)
    view = camera(batch=2)
    view[:, :3] += torch.randn(2, 3, generator=generator) * seed  # sometimes inside the mesh
    view[:, 6] *= 10 * torch.rand(2, generator=generator) + 0.01
    inputs = [
        (crumpled if seed % 2 else flat),
        torch.rand(shape, generator=generator),
        view,
        3 * torch.randn(2, 9, generator=generator),
    ]
    inputs = [value.clone().requires_grad_() for value in inputs]
    out = Renderer(triangles, shape[1])(*inputs, size=(24, 32), shine=0.3)
    assert 0 <= float(out.image.detach().min()) and float(out.image.detach().max()) <= 1
    assert 0 <= float(out.mask.detach().min()) and float(out.mask.detach().max()) <= 1 + 1e-6
    (out.image.sum() + out.mask.sum()).backward()
    assert all(bool(torch.isfinite(value.grad).all()) for value in inputs)


def test_a_mesh_behind_the_camera_leaves_the_background():
    vertices, triangles = ball()
    away = vertices + torch.tensor([0.0, 0.0, 9.0])
    out = Renderer(triangles, vertices.shape[1])(
        away, torch.ones_like(vertices), camera(), DARK, size=(8, 8), background=0.5
    )
    assert float(out.mask.max()) == 0.0 and bool((out.image == 0.5).all())


def test_an_image_of_one_pixel_is_rendered():
    vertices, triangles = ball()
    out = Renderer(triangles, vertices.shape[1])(
        vertices, torch.ones_like(vertices), camera(), DARK, size=(1, 1)
    )
    assert out.image.shape == (1, 3, 1, 1) and float(out.mask[0, 0, 0]) == 1.0


def test_a_face_that_fills_the_picture_many_times_over_is_rendered_in_parts(monkeypatch):
    from facelab.humans.head_model import raster

    vertices, triangles = ball(2)
    renderer = Renderer(triangles, vertices.shape[1])
    inputs = (vertices, torch.ones_like(vertices), camera(distance=1.5), portrait_light())
    whole = renderer(*inputs, size=(32, 32))
    monkeypatch.setattr(raster, "CHUNK", 500)
    parts = renderer(*inputs, size=(32, 32))
    assert torch.equal(whole.image, parts.image)


def test_projection_and_turning_follow_the_conventions():
    nose = torch.tensor([[[0.0, 0.0, 1.0]]])
    for angles, axis, sign in (((0.3, 0, 0), 0, 1), ((0, 0.3, 0), 1, -1)):
        pixels, _ = project(turn(nose, torch.tensor([angles])), camera(), size=(64, 64))
        moved = float(pixels[0, 0, axis]) - 32
        assert moved * sign > 1, "yaw > 0 goes to the image's right, pitch > 0 up"
    ear = turn(torch.tensor([[[1.0, 0.0, 0.0]]]), torch.tensor([[0.0, 0.0, 0.2]]))
    assert float(project(ear, camera(), size=(64, 64))[0][0, 0, 1]) < 32  # counter-clockwise
    assert focal_length(math.pi / 2) == pytest.approx(0.5)
    pixels, depth = project(torch.zeros(1, 1, 3), front_camera(), size=(100, 80))
    assert float(pixels[0, 0, 0]) == 40.0 and float(depth) == pytest.approx(9.0)


BAD = {
    "vertices: expected shape": {"vertices": torch.zeros(1, 3, 3)},
    "vertices: hold NaN": {"vertices": torch.full((1, 4, 3), torch.nan)},
    "colours: expected shape": {"colours": torch.zeros(2, 4, 3)},
    "colours: all must be float32": {"colours": torch.zeros(1, 4, 3, dtype=torch.float64)},
    "light: expected shape": {"light": torch.zeros(1, 7)},
    "camera: expected shape": {"camera": torch.zeros(1, 9)},
    "camera: the focal length": {"camera": camera(focal=-1.0)},
    "camera: holds NaN": {"camera": torch.full((1, 7), torch.nan)},
    "camera: position and look-at": {"camera": torch.tensor([[0.0, 5, 0, 0, 0, 0, 1]])},
    "size: expected": {"size": (0, 8)},
}


@pytest.mark.parametrize("message", BAD)
def test_wrong_input_is_named(message):
    vertices, triangles = square()
    good = {"vertices": vertices, "colours": torch.ones(1, 4, 3), "camera": camera(), "light": DARK}
    with pytest.raises(ValueError, match=message):
        Renderer(triangles, 4)(**{**good, **BAD[message]})


def test_meshes_that_cannot_be_drawn_are_refused():
    with pytest.raises(ValueError, match=r"expected shape \(T, 3\)"):
        Renderer(torch.zeros(4, 2), 4)
    with pytest.raises(ValueError, match="from 0 to 2; got 0 to 3"):
        Renderer(torch.tensor([[0, 1, 2], [0, 2, 3]]), 3)
    with pytest.raises(ValueError, match="wound the same way"):
        Renderer(torch.tensor([[0, 1, 2], [0, 1, 3]]), 4)
    with pytest.raises(ValueError, match="radians"):
        focal_length(40)
    with pytest.raises(ValueError, match="must be positive"):
        front_camera(distance=0)
    with pytest.raises(ValueError, match=r"angles: expected shape \(1, 3\)"):
        turn(torch.zeros(1, 2, 3), torch.zeros(2, 3))


def test_edges_know_their_two_triangles():
    edges, faces = edges_of(torch.tensor([[0, 1, 2], [0, 2, 3]]))
    table = {
        tuple(edge): tuple(face) for edge, face in zip(edges.tolist(), faces.tolist(), strict=True)
    }
    assert len(table) == 5
    assert table[0, 2] == (1, 0)  # triangle 1 runs from 0 to 2, triangle 0 back
    assert table[0, 1] == (0, 2) and table[0, 3] == (2, 1)  # 2: no triangle


@pytest.mark.gpu
def test_a_gpu_draws_the_same_picture_with_the_same_gradient():
    vertices, triangles = ball(3)
    results = []
    for device in ("cpu", "cuda"):
        renderer = Renderer(triangles, vertices.shape[1]).to(device)
        x = vertices.to(device).requires_grad_()
        out = renderer(
            x, torch.ones_like(x), camera().to(device), portrait_light().to(device), size=(48, 48)
        )
        (gradient,) = torch.autograd.grad(out.image.square().sum(), x)
        results.append((out.image.detach().cpu(), gradient.cpu()))
    torch.testing.assert_close(results[0][0], results[1][0], atol=1e-3, rtol=0)
    torch.testing.assert_close(results[0][1], results[1][1], atol=1e-2, rtol=1e-2)
