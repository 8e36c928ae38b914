# ---
# Sequel 02b, CFAN: the only source of both editions (notebooks/extras/ and solutions/extras/).
# Build and execute it with `facelab course build 02b`.
# ---

# %% [markdown]
# # CFAN: auto-encoders that move points
#
# ## 1. The question
# A classical active appearance model explains a face as mean plus *linear* modes. Turn the head, and the
# linear model is left behind. Zhang, Shan, Kan and Chen asked in 2014, when convolutional networks were
# still slow on a plain computer: can a few **stacked auto-encoders**, nothing but matrices and sigmoids, do
# the non-linear part in real time, if each of them only has to correct the one before?
#
# **After this notebook you can** explain greedy pre-training and what it is for, compute a gradient
# histogram, and say why the resolution should rise from stage to stage.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import torch

import facelab
from facelab import plots, samples
from facelab.course import claims, predict
from facelab.course.records import home
from facelab.engine.budget import budget_table, current_budget
from facelab.geometry.crops import crop
from facelab.humans import load_pack
from facelab.landmarks import cut_patches, patches_of_people
from facelab.landmarks.cfan import CFAN, PAPER, CFANNet, gradient_histograms, train
from facelab.landmarks.cfan.targets import face_pixels, point_windows
from facelab.landmarks.judging import face_errors
from facelab.metrics.groups import bands
from facelab.plots import cascaded_landmarks as figures
from facelab.widgets.training import live_losses

# %% tags=["figure"]
plots.style()
find = facelab.load("cfan")  # trained on people who do not exist
astronaut = samples.photo("astronaut")
box = facelab.load("mtcnn", min_face=60)(astronaut).boxes[:1]
square = find.squares(box)
patch = cut_patches(astronaut, square)  # (1, 1, 112, 112) uint8
levels = torch.cat(find.trace(patch).shapes)  # (3, 5, 2) square units
named = ("level 1: global", "level 2: local", "level 3: local")
fig = figures.arrows(patch[0], levels, names=named, title="Three stages on a real face")
steps = (levels[1:] - levels[:-1]).norm(dim=-1).mean(dim=1)
alt = "An astronaut's face and each of its five points close up, with the guess of the global one "
told = f"and two corrections, {100 * steps[0]:.1f} and {100 * steps[1]:.1f} % of the side long"
plots.show(fig, alt=f"{alt}{told}.")

# %% [markdown]
# ## 2. Data to look at
# The people and the face squares of lab 02. A stage with resolution $r$ sees the face as if the square had
# $r$ pixels a side. What it is shown is always 16 x 16 pixels a point, so a **higher resolution is a
# smaller part of the face**, more sharply seen.

# %% tags=["figure"]
budget = current_budget(train.BUDGETS)
count = 60 if budget.name == "smoke" else 840
room = {"side": 154, "margin": 0.6}  # so that squares can be moved far
test = patches_of_people(load_pack(split="test"), seed=1, limit=count, **room)
net, build = find.net, find.net.build
near = test.attributes["yaw"].abs().argsort()[:60]  # the most frontal ones
face = test.select(near[figures.clearest(test.select(near))][None])
fig, axes = plt.subplots(1, 3, figsize=(8, 3.0))
whole = face_pixels(face, face.squares(), build)[0, 0]
axes[0].imshow(whole, cmap="gray", vmin=0, vmax=1)
axes[0].set_title(f"global: {build.side} x {build.side}")
for ax, (stage, r) in zip(axes[1:], enumerate(build.resolutions, start=1), strict=True):
    windows = point_windows(face.points, face.squares(), r, build.window)[0]  # (5, 4)
    title = f"local {stage}: {r:.0f} px a side"
    spots = {"points": face.points[0], "margin": face.margin}
    figures.windows(face.images[0], windows, **spots, ax=ax, title=title)
    ax.set(xlim=(-0.3, 1.3), ylim=(1.3, -0.3))
axes[0].set_axis_off()
plots.show(
    fig, alt="A face in 40 by 40 pixels; then five large windows on it, then five small ones."
)

# %% [markdown]
# ## 3. The idea
# **Global.** A stacked auto-encoder network (SAN) reads the pixels $x$ and says where all points are:
# $$h_0 = x, \quad h_k = \sigma(W_k h_{k-1} + b_k), \quad \hat S_0 = \bar S + W_o h_K + b_o.$$
# Hidden layers are sigmoids, the last layer is linear: a sigmoid could not leave (0, 1).
#
# **Local, stage $j$.** Describe the face around each current point, $\phi_j(\hat S_{j-1})$, and let another
# SAN say how far the points should **move**:
# $$\hat S_j = \hat S_{j-1} + f_j\big(\phi_j(\hat S_{j-1})\big).$$
# All points are described together and moved together: the eyes know about the mouth.
#
# **Greedy pre-training.** Deep sigmoid networks learnt badly from random weights in 2014. So each hidden
# layer is first an *auto-encoder*: it must keep so much of its input that a linear decoder can give it back,
# $$\min_{W, b, W', b'} \; \lVert h_{k-1} - (W' \sigma(W h_{k-1} + b) + b') \rVert^2 + \alpha \left(
# \lVert W \rVert^2 + \lVert W' \rVert^2 \right).$$
# The decoder is thrown away, the next layer is taught on top, and in the end the whole stack is trained on
# shapes: $\lVert S - \hat S \rVert^2 + \alpha \sum_k \lVert W_k \rVert^2$ with $\alpha = 0.001$. A weight of a
# penalty means nothing without the unit of what it is weighed against; the paper leaves it open, and we
# measure shapes in pixels of the stage.
#
# ## 4. What a local stage reads
# Gradients, as in SIFT: direction in 8 bins, place in 4 x 4 cells, each pixel shared linearly between the
# two nearest of each; length 1, nothing above 0.2, length 1 again. 128 numbers a point, fixed, not learnt.

# %% tags=["figure"]
side = build.window + 2  # one pixel more on each edge, for the differences
windows = face.in_patch(
    point_windows(face.points, face.squares(), build.resolutions[0], build.window)
)
seen = crop(face.images, windows, (side, side))[0, :, 0]  # (5, 18, 18)
histograms = gradient_histograms(seen).view(5, 4, 4, 8)
fig, axes = plt.subplots(2, 5, figsize=(8, 3.3))
angles = torch.arange(8) * (np.pi / 4)
for above, below, pixels, cells in zip(*axes, seen, histograms, strict=True):
    above.imshow(pixels, cmap="gray", vmin=0, vmax=1)
    for (row, column), bins in zip(np.ndindex(4, 4), cells.flatten(0, 1), strict=True):
        ends = 1.6 * bins * torch.stack([angles.cos(), angles.sin()])  # (2, 8)
        start = torch.tensor([[column], [row]]) + 0.0
        below.plot(*torch.stack([start.expand(2, 8), start + ends]).permute(1, 0, 2), "k-", lw=1)
    below.set(aspect="equal", xlim=(-0.6, 3.6), ylim=(3.6, -0.6))
for ax in axes.flat:
    ax.set_axis_off()
alt = "Patches at eyes, nose and mouth corners; below each, 4 by 4 stars whose rays are the "
plots.show(fig, alt=alt + "strength of the gradients in eight directions.")

# %%
predict("cfan-heavy", "How many numbers does one local stage of the paper learn?", unit="million")


# %% tags=["reveal"]
def millions(module):
    """Return how many numbers a module learns, in millions."""
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


with torch.device("meta"):  # shapes only, no memory
    paper = CFANNet(PAPER)
why = "68 x 128 = 8,704 inputs times 1,296 hidden units are 11.3 million of them."
predict.reveal("cfan-heavy", round(millions(paper.stages[0]), 2), why=why)
print(f"paper (sizes from memory): global {millions(paper.first):.2f} million")
print(f"ours, five points: {millions(net.first):.2f} + 2 x {millions(net.stages[0]):.3f} million")

# %% [markdown]
# ## 5. Training under a budget
# Stage by stage: encoders alone, then the stack. Each local stage is trained on the shapes that the stages
# before it really leave, with a small random similarity added. Two things are ours: pixels are scaled to
# one mean and deviation a face, so that the first layer need not learn what a dark photo is, and Adam is the
# optimiser.

# %%
budget_table(train.BUDGETS)  # steps of each stack; each hidden layer takes a fifth of that before

# %% tags=["gpu"]
faces = train.training_patches(load_pack(split="train"), budget=budget, seed=0)
folder = home() / "runs" / "02b_cfan" / budget.name  # where a stopped run goes on
begun = time.perf_counter()
with live_losses(budget, runs=3) as log:
    quiet = {"bar": False, "show": False}
    own = train.train(faces, budget=budget, seed=0, folder=folder, on_log=log, **quiet)
mine = CFAN(own)
print(f"{len(faces):,} faces, seven runs, {time.perf_counter() - begun:.0f} s in all")

# %% [markdown]
# **Shipped weights.** The same recipe with more people and more time; they were loaded at the top as
# `find`, and are what is evaluated from here on. Yours are in the table too.
#
# ## 6. People nobody has seen

# %% tags=["figure"]
stages = dict(zip(named, find.trace(test).shapes, strict=True))
errors = {
    name: face_errors(x, test) for name, x in {**stages, "yours": mine.on_patches(test)}.items()
}
for name, values in errors.items():
    print(f"{name:<17}{100 * values.mean():5.2f} % of the box width")
fig = figures.cumulative(errors, most=0.15, title="Every stage moves the curve to the left")
told = ", ".join(f"{name} {100 * values.mean():.1f} %" for name, values in errors.items())
plots.show(fig, alt=f"Share of faces below an error, one curve a stage. Mean errors: {told}.")

# %% [markdown]
# ### Boxes that are off
# The global network reads the whole face, so it notices when the face is not where the box says. A start
# from the mean shape does not: the local stages then begin on the wrong pixels. Here all squares are moved
# to the right; training knew 5 %.

# %% tags=["figure"]
shifts = torch.arange(0, 0.31, 0.1 if budget.name == "smoke" else 0.05)
moved = [find.trace(test, squares=test.squares() + s * torch.tensor([1, 0, 1, 0])) for s in shifts]
lines = {
    name: [float(face_errors(one.shapes[at], test).mean()) for one in moved]
    for at, name in enumerate(named)
}
mean_shapes = [(net.mean_shape + s * torch.tensor([1, 0])).expand_as(test.points) for s in shifts]
blind = [float(face_errors(shape, test).mean()) for shape in mean_shapes]
lines = {"mean shape": blind, **lines}
label = "square moved by (% of its side)"
fig = figures.curves(100 * shifts, lines, label=label, title="Far off, all stages follow the box")
told = ", ".join(f"{name} {100 * x[0]:.1f} to {100 * x[-1]:.1f} %" for name, x in lines.items())
plots.show(fig, alt=f"Mean error against the shift of the square. From no shift to 30 %: {told}.")

# %% [markdown]
# ## 7. Claims
# Trained with and without each part, over several seeds, on the same faces. The paper's own figures are
# for 68 points on LFPW, HELEN and XM2VTS; what it says about speed, over 40 frames a second in Matlab, was
# not attempted.

# %% tags=["claim"]
claims.table("cfan")

# %% [markdown]
# ## 8. Where it fails

# %% tags=["figure"]
yaw = test.attributes["yaw"].abs().rad2deg()
ways = {
    "head turned": {
        k: errors[named[-1]][m] for k, m in bands(yaw, (0, 30, 60, np.inf), unit="°").items()
    },
    "hidden": {
        k: errors[named[-1]][m]
        for k, m in bands(100 * test.attributes["hidden"], (0, 10, 25, np.inf), unit="%").items()
    },
}
fig = figures.breakdown(ways, title="Turned heads cost most")
told = "; ".join(
    f"{way}: "
    + ", ".join(f"{k} {100 * float(x.mean()):.1f} %" for k, x in groups.items() if len(x))
    for way, groups in ways.items()
)
plots.show(
    fig, alt=f"Mean error by the turn of the head and by how much of the face is hidden. {told}."
)

# %% [markdown]
# Matrices on pixels have no notion of place: an eye that moves by three pixels is a different input, and
# the network must have seen it there. Convolutions share what they learn over all places; the descriptors
# help because they are cut out *at* the points, which takes the place out of the question. That idea
# outlived the auto-encoders.
#
# ## 9. Recap and further reading
# - A stack of sigmoids says where; stacks on local descriptors say how much to move; increments add up.
# - Greedy pre-training teaches layers to keep their input; what it is worth with today's optimisers is in
#   the claim table.
# - The descriptor forgets brightness and contrast, and nothing in it is learnt.
# - Rising resolution first finds the eye, then its middle.
#
# Zhang, Shan, Kan, Chen. *Coarse-to-Fine Auto-Encoder Networks (CFAN) for Real-Time Face Alignment.* ECCV
# 2014. The paper. Lowe. *Distinctive image features from scale-invariant keypoints.* IJCV 60, 2004: SIFT.
# Hinton, Salakhutdinov. *Reducing the dimensionality of data with neural networks.* Science 313, 2006:
# greedy pre-training. Xiong, De la Torre. *Supervised descent method and its applications to face
# alignment.* CVPR 2013: the same cascade with linear steps.
