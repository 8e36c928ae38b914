"""The head model that facelab ships: its file, its numbers, and that a head can be found again by
gradient descent through the renderer."""

import json

import pytest
import torch

from facelab.engine.weights import WeightsError, read_tensors, save_tensors
from facelab.geometry.landmarks import MIRROR_68, to5
from facelab.humans.head_model import (
    HeadModel,
    front_camera,
    portrait_light,
    project,
    turn,
)
from facelab.humans.head_model import model as module
from facelab.humans.head_model.overlay import box_from_landmarks, landmarks, wireframe
from facelab.humans.head_model.raster import edges_of

FLIP = torch.tensor([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def neutral(model: HeadModel, batch: int = 1) -> torch.Tensor:
    return torch.zeros(batch, model.num_shape)


def test_the_file_is_small_and_its_card_says_how_good_it_is(model):
    assert module.FILE.stat().st_size <= 3 * 2**20
    assert 1000 <= model.num_vertices <= 3000
    rows = {row["components"]: row["mean_mm"] for row in model.card["accuracy"]}
    assert rows[40] < 1.0 < rows[5] < rows[0]
    assert sorted(rows.values(), reverse=True) == list(rows.values())
    assert "CC0" in model.card["source"] and "build" in model.card["recipe"]
    json.dumps(model.card)


def test_shapes_of_everything_follow_the_batch(model):
    heads = model.sample(rng(), 3)
    vertices, colours = model.build(heads)
    assert vertices.shape == colours.shape == (3, model.num_vertices, 3)
    assert bool((colours > 0).all()) and bool((colours <= 1).all())
    assert vertices.abs().max() < 3
    assert model(torch.zeros(2, 4)).shape == (2, model.num_vertices, 3)  # the first components only
    assert len(model.expressions) == model.num_expression
    assert set(model.traits) == {"masculine", "heavy"}


def test_the_mesh_is_closed_but_for_eyes_and_teeth_and_wound_outwards(model):
    edges, faces = edges_of(model.triangles)
    open_edges = edges[(faces == len(model.triangles)).any(dim=1)]
    skin_end = int(model.landmarks.max())
    assert int((open_edges <= skin_end).all(dim=1).sum()) <= 24  # the neck's cut, which has a lid
    head = model(neutral(model))[0]
    centre = head[model.triangles].mean(dim=1)
    normal = torch.linalg.cross(
        head[model.triangles[:, 1]] - head[model.triangles[:, 0]],
        head[model.triangles[:, 2]] - head[model.triangles[:, 0]],
    )
    volume = (centre * normal).sum() / 6
    assert 2 < float(volume) < 7  # litres, a head with its neck


def test_the_mesh_and_the_mean_head_are_symmetric(model):
    faces = {tuple(sorted(face)) for face in model.triangles.tolist()}
    mirrored = {tuple(sorted(face)) for face in model.mirror[model.triangles].tolist()}
    assert faces == mirrored
    assert torch.equal(model.mirror[model.mirror], torch.arange(model.num_vertices))
    for age in (8.0, 30.0, 70.0):
        head = model(neutral(model), None, torch.tensor([age]))[0]
        torch.testing.assert_close(head[model.mirror] * FLIP, head, atol=2e-3, rtol=0)


def test_landmarks_are_in_the_course_s_order(model):
    assert torch.equal(model.mirror[model.landmarks], model.landmarks[list(MIRROR_68)])
    size = (200, 200)
    vertices, camera = model(neutral(model)), front_camera()
    points = landmarks(model, vertices, camera, size=size)
    left_eye, right_eye, nose, left_mouth, right_mouth = to5(points)[0]
    assert left_eye[0] < nose[0] < right_eye[0] and left_mouth[0] < right_mouth[0]
    assert left_eye[1] < nose[1] < left_mouth[1] < points[0, 8, 1]  # the chin is lowest
    assert points[0, 19, 1] < left_eye[1]  # brows above the eyes
    depth = project(vertices, camera, size=size)[1][0]
    assert int(model.landmarks[30]) == int(
        model.landmarks[depth[model.landmarks].argmin()]
    )  # the tip of the nose is nearest


def test_the_jaw_line_is_smooth_in_space(model):
    line = model(neutral(model))[0, model.landmarks[:17]]
    steps = line.diff(dim=0)
    turns = torch.cosine_similarity(steps[1:], steps[:-1], dim=1).arccos().rad2deg()
    assert float(turns.max()) < 60  # a line that jumps in depth turns back: 90 and more
    assert bool((line[:9, 1].diff() < 0).all()) and bool((line[2:9, 2].diff() > 0).all())


def test_the_box_holds_forehead_to_chin(model):
    points = landmarks(model, model(neutral(model)), front_camera(), size=(200, 200))
    x1, y1, x2, y2 = box_from_landmarks(points)[0].tolist()
    assert y2 == pytest.approx(float(points[0, :, 1].max()))
    brows, chin = float(points[0, 17:27, 1].mean()), float(points[0, 8, 1])
    assert 0.3 < (brows - y1) / (chin - brows) < 0.7
    assert x1 == pytest.approx(float(points[0, 0, 0])) and 1.1 < (y2 - y1) / (x2 - x1) < 1.6
    with pytest.raises(ValueError, match="68"):
        box_from_landmarks(points[:, :5])


def test_the_drawn_mesh_lies_on_the_head(model):
    head, camera = model(neutral(model)), front_camera()
    lines = wireframe(model, head, camera, size=(128, 128))[0]
    assert 300 < len(lines) < 1500
    renderer = model.renderer()
    mask = renderer(head, torch.ones_like(head), camera, portrait_light(), size=(128, 128)).mask[0]
    inside = lines.mean(dim=1).long().clamp(0, 127)
    assert float((mask[inside[:, 1], inside[:, 0]] > 0).float().mean()) > 0.97


def test_age_changes_the_head_smoothly_from_child_to_old(model):
    ages = torch.linspace(5, 85, 81)
    heads = model(neutral(model, 81), None, ages)
    height = heads[..., 1].amax(dim=1) - heads[:, model.landmarks[8], 1]
    assert float(height[0]) < 0.93 * float(height[20])  # 5 and 25 years
    step = torch.linalg.vector_norm(heads[1:] - heads[:-1], dim=2).mean(dim=1)
    assert float(step.max()) < 0.05  # mean, in dm a year
    outside = model(neutral(model, 2), None, torch.tensor([1.0, 99.0]))
    torch.testing.assert_close(outside, heads[[0, 80]])  # held within the ages


@pytest.mark.parametrize(
    ("name", "lower", "upper", "opens"),
    [("mouth open", 66, 62, True), ("blink", 41, 37, False), ("brows up", 19, 37, None)],
)
def test_expressions_move_what_they_say(model, name, lower, upper, opens):
    expression = torch.zeros(1, model.num_expression)
    expression[0, model.expressions.index(name)] = 1.0
    calm, moved = (model(neutral(model), e)[0] for e in (torch.zeros_like(expression), expression))
    gap = [
        float(h[model.landmarks[upper], 1] - h[model.landmarks[lower], 1]) for h in (calm, moved)
    ]
    if opens is None:  # brow over lid
        assert moved[model.landmarks[lower], 1] > calm[model.landmarks[lower], 1] + 0.02
    else:
        assert gap[1] > gap[0] + 0.1 if opens else gap[1] < 0.5 * gap[0]


def test_traits_and_hair_change_the_head(model):
    masculine = model.traits["masculine"][None]
    jaw = model.landmarks[[4, 12]]
    man, woman = (model(sign * masculine)[0][jaw, 0] for sign in (1.0, -1.0))
    assert float(man[1] - man[0]) > float(woman[1] - woman[0])
    top = [model(neutral(model), hair=torch.tensor([h]))[0, :, 1].max() for h in (0.0, 1.0)]
    assert float(top[1] - top[0]) > 0.05
    blond = torch.tensor([[0.4, 0.28, 0.15]])
    bald, haired = (
        model.albedo(torch.zeros(1, 3), hair=torch.tensor([h]), hair_colour=blond)
        for h in (0.0, 1.0)
    )
    crown = int(model(neutral(model))[0, :, 1].argmax())
    share = haired[0, crown] / blond[0]  # some tufts are darker
    assert 0.5 < float(share.min()) <= float(share.max()) < 1.05
    assert bool((bald[0, model.landmarks[30]] == haired[0, model.landmarks[30]]).all())


def test_coefficients_describe_the_head_they_made(model):
    shape, age = torch.randn(4, model.num_shape, generator=rng(1)), torch.tensor([9.0, 20, 45, 80])
    torch.testing.assert_close(
        model.coefficients(model(shape, None, age), age), shape, atol=2e-2, rtol=1e-2
    )


def test_sampling_is_repeatable_and_batches_do_not_mix(model):
    first, second = model.sample(rng(5), 6), model.sample(rng(5), 6)
    for name in vars(first):
        assert torch.equal(getattr(first, name), getattr(second, name)), name
    vertices, colours = model.build(first)
    alone = {name: value[2:3] for name, value in vars(first).items()}
    one_vertices, one_colours = model.build(type(first)(**alone))
    torch.testing.assert_close(one_vertices[0], vertices[2])
    torch.testing.assert_close(one_colours[0], colours[2])
    people = model.coefficients(vertices - first.hair[:, None, None] * model.hair_lift, first.age)
    assert float(torch.pdist(people).min()) > 3  # all different


def test_every_number_of_a_head_has_a_gradient(model):
    heads = model.sample(rng(2), 1)
    heads = type(heads)(**{k: v.clone().requires_grad_() for k, v in vars(heads).items()})
    vertices, colours = model.build(heads)
    image = model.renderer()(
        vertices, colours, front_camera(), portrait_light(), size=(48, 48)
    ).image
    weights = torch.rand(image.shape, generator=rng(3))
    (image * weights).sum().backward()
    for name, value in vars(heads).items():
        assert value.grad is not None and bool((value.grad != 0).any()), name


def test_gradients_through_head_and_renderer_are_those_of_finite_differences():
    model = HeadModel.load().double()
    renderer, generator = model.renderer(), rng(7)
    double = torch.float64
    inputs = {
        "shape": torch.randn(1, 5, generator=generator, dtype=double),
        "expression": 0.3 * torch.rand(1, model.num_expression, generator=generator, dtype=double),
        "age": torch.tensor([41.3], dtype=double),
        "skin": torch.randn(1, 4, generator=generator, dtype=double),
        "camera": (front_camera() + torch.tensor([[1.1, 0.4, 0.3, 0.1, 0, 0.2, -0.2]])).double(),
        "light": portrait_light().double(),
    }
    weights = torch.rand(4, 32, 32, generator=generator, dtype=double)

    def loss(shape, expression, age, skin, camera, light):
        vertices, colours = model(shape, expression, age), model.albedo(skin, age)
        out = renderer(vertices, colours, camera, light, size=(32, 32), background=0.4, shine=0.1)
        return (out.image * weights[:3]).sum() + (out.mask * weights[3]).sum()

    leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
    loss(**leaves).backward()
    for name, value in inputs.items():
        differences = torch.zeros_like(value)
        for k in range(value.numel()):
            step = torch.zeros_like(value)
            step.view(-1)[k] = 1e-7
            high, low = (loss(**{**inputs, name: value + s * step}) for s in (1, -1))
            differences.view(-1)[k] = (high - low) / 2e-7
        torch.testing.assert_close(
            leaves[name].grad, differences, rtol=1e-3, atol=1e-3, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_shape_and_camera_are_found_again_by_gradient_descent(model):
    renderer, light, size = model.renderer(), portrait_light(), (48, 48)
    colours = model.albedo(torch.zeros(1, 0))
    truth = torch.tensor([[1.2, -1.0, 0.8, 1.0, -0.8, 0.7]])
    true_camera = front_camera() + torch.tensor([[0.8, -0.5, 0.6, 0.05, -0.05, 0.0, 0.25]])

    def draw(shape, camera):
        return renderer(model(shape), colours, camera, light, size=size, background=0.5).image

    target = draw(truth, true_camera)
    shape = torch.zeros_like(truth, requires_grad=True)
    change = torch.zeros(1, 7, requires_grad=True)  # of the camera
    optimizer = torch.optim.Adam(
        [{"params": [shape], "lr": 0.1}, {"params": [change], "lr": 0.05}], betas=(0.9, 0.99)
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 110)
    losses = []
    for _ in range(110):
        loss = (draw(shape, front_camera() + change) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] / 10
    made = model(shape.detach())[:, model.landmarks]
    pixels = project(made, front_camera() + change.detach(), size=size)[0]
    wanted = project(model(truth)[:, model.landmarks], true_camera, size=size)[0]
    assert float((pixels - wanted).abs().mean()) < 0.3


def test_rounding_in_the_file_moves_no_vertex_by_a_fiftieth_of_a_millimetre(model):
    # Half a step of the mean, and of every component at 3 standard deviations.
    tensors, card = read_tensors(module.FILE)
    worst = card["shape_mean_step"] / 2 + float(tensors["shape_step"].sum()) * 3 / 2
    assert 100 * worst < 0.02
    assert tensors["shape_basis"].dtype == torch.int16


def test_the_model_moves_to_float64(model):
    twice = HeadModel.load().double()
    head = twice(torch.zeros(1, 3, dtype=torch.float64))
    assert head.dtype == torch.float64
    torch.testing.assert_close(head.float(), model(torch.zeros(1, 3)))


def test_a_missing_or_damaged_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere.*not there.*install facelab again"):
        HeadModel.load(tmp_path / "nowhere.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(module.FILE.read_bytes()[:5000])
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        HeadModel.load(broken)
    other = tmp_path / "other.safetensors"
    save_tensors(other, {"weight": torch.zeros(3)}, {})
    with pytest.raises(WeightsError, match="not a head model"):
        HeadModel.load(other)
    tensors, card = read_tensors(module.FILE)
    del card["masks"]
    save_tensors(other, tensors, card)
    with pytest.raises(WeightsError, match="damaged head model"):
        HeadModel.load(other)


BAD = {
    "shape: expected": lambda m: m(torch.zeros(3)),
    "shape: expected shape .B, 0 to": lambda m: m(torch.zeros(1, 500)),
    "expression: expected": lambda m: m(torch.zeros(2, 3), torch.zeros(2, 3)),
    "age: expected": lambda m: m(torch.zeros(2, 3), None, torch.tensor(30.0)),
    "hair: expected": lambda m: m(torch.zeros(2, 3), hair=torch.zeros(1)),
    "skin: expected": lambda m: m.albedo(torch.zeros(1, 99)),
    "hair_colour: expected": lambda m: m.albedo(torch.zeros(1, 3), hair_colour=torch.zeros(3)),
    "batch: expected 1": lambda m: m.sample(rng(), 0),
    "vertices: expected": lambda m: m.coefficients(torch.zeros(1, 5, 3)),
}


@pytest.mark.parametrize("message", BAD)
def test_wrong_shapes_are_named(model, message):
    with pytest.raises(ValueError, match=message):
        BAD[message](model)


@pytest.mark.gpu
def test_a_gpu_makes_the_same_heads_and_picture():
    pictures = []
    for device in ("cpu", "cuda"):
        model = HeadModel.load().to(device)
        vertices, colours = model.build(model.sample(rng(4), 2))
        vertices = turn(vertices, torch.tensor([[0.4, 0.1, 0.0]], device=device).expand(2, 3))
        camera, light = front_camera(2).to(device), portrait_light(2).to(device)
        pictures.append(model.renderer()(vertices, colours, camera, light).image.cpu())
    assert float((pictures[0] - pictures[1]).abs().mean()) < 1e-3
