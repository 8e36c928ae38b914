# ---
# Lab 03, MTCNN: the only source of both editions (notebooks/ and solutions/).
# Build and execute it with `facelab course build 03`.
# ---

# %% [markdown]
# # MTCNN: find every face with three small nets
#
# ## 1. The question
# A face can be anywhere in a photo, and of any size. So look everywhere, at every size. The trouble
# is the bill: a net that tells a face from a fist is not cheap, and "everywhere" is tens of thousands
# of places. Zhang, Zhang, Li and Qiao asked in 2016: can a detector look everywhere, stay fast on a
# plain CPU, and place five landmarks on each face while it is there?
#
# **After this lab you can** derive the pyramid and P-Net's window grid, write every step between the
# three nets, match the released detector box by box with your own code, explain the loss that trains
# it, and say what it costs and where it fails.
#
# We begin with the finished detector, its authors' weights, one photo, and the bill if every place
# went to the best of the three nets, O-Net.

# %%
import math

import cv2
import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import facelab
from facelab import plots, samples
from facelab.course import check, claims, predict, quiz
from facelab.detection.mtcnn.model import ONET_MACS
from facelab.engine.budget import Budget, budget_table, current_budget
from facelab.geometry import boxes as coding
from facelab.geometry.boxes import box_iou, square_boxes
from facelab.geometry.pyramid import MipMaps, level_size, pyramid_scales
from facelab.images import to_photo, to_tensor
from facelab.plots import mtcnn as figures
from facelab.widgets.mtcnn import cascade_explorer, loss_explorer

# %% tags=["figure"]
plots.style()
detector = facelab.load("mtcnn")  # min_face=20: look for faces of 20 pixels and more
astronaut = samples.photo("astronaut")
trace = detector.trace(astronaut)  # detector(photo) gives the faces, trace also every stage
faces, num_windows = trace.faces, trace.stages["pnet"].looked_at
names = [f"{score:.2f}" for score in faces.scores]
title = f"{num_windows:,} places looked at, one face, one false alarm"
fig = plots.boxes(astronaut, faces, labels=names, title=title)
alt = f"Portrait with {len(faces)} boxes: an astronaut's face with five points, score {names[0]}, "
plots.show(fig, alt=alt + f"and a patch of her suit, score {names[-1]}.")
everywhere = num_windows * ONET_MACS
cascade = sum(stage.macs for stage in trace.stages.values())
print(f"O-Net in every place  {everywhere / 1e9:6.1f} billion multiply-adds")
print(f"the cascade           {cascade / 1e9:6.1f} billion, {everywhere / cascade:,.0f} times less")

# %% [markdown]
# Face and points are right; the box on the suit is a confident **false alarm** (more in section 8). As
# for the bill: nearly all places are wall, flag and suit, and a crude net can see that. So ask three
# nets in a row. **P-Net** (proposal) looks everywhere and is almost free. **R-Net** (refine) looks at
# what P-Net let through. **O-Net** (output), which costs 288 times as much as one window of P-Net,
# decides about a handful and adds the landmarks.
#
# ## 2. Data to look at
# Two real portraits that Python packages ship, and `samples.crowd(n)`, their heads tiled to `n` faces
# on a canvas of constant size. Enough to *run* a detector, too little to train or grade one: nobody has
# drawn the true boxes. The synthetic people of lab 01 will add that, exactly.

# %% tags=["figure"]
hopper, crowd = samples.photo("grace_hopper"), samples.crowd(12)
hopper_face = detector(hopper)
photos = {"Eileen Collins": astronaut, "Grace Hopper": hopper, "crowd(12)": crowd}
fig, axes = plt.subplots(1, 3, figsize=(8, 2.6), width_ratios=[1, 0.85, 1.33])
for ax, (name, photo) in zip(axes, photos.items(), strict=True):
    plots.photo(photo, ax=ax, title=f"{name}, {photo.shape[1]} x {photo.shape[0]} px")
plots.show(fig, alt="Two portraits, and a grey canvas of 640 by 480 pixels with 12 heads on it.")

# %% [markdown]
# ## 3. The idea by hand, on two faces
# A photo for paper and pencil: 48 x 24 pixels, a face of 12 pixels at (4, 6), one of 24 at (20, 0).
# P-Net's window is always 12 pixels wide. It fits the small face. For the large one we do not grow the
# window, we **shrink the photo**.

# %% tags=["figure"]
toy = np.full((24, 48, 3), 128, np.uint8)
for photo, found, (x, y, size) in (
    (astronaut, faces, (4, 6, 12)),
    (hopper, hopper_face, (20, 0, 24)),
):
    x1, y1, x2, y2 = square_boxes(found.boxes[0]).round().int().tolist()
    head = cv2.resize(photo[y1:y2, x1:x2], (size, size), interpolation=cv2.INTER_AREA)
    toy[y : y + size, x : x + size] = head
toy_levels = [MipMaps(toy).resize(24, 48), MipMaps(toy).resize(12, 24)]  # scales 1 and 1/2
windows = torch.tensor([[[4, 6, 16, 18]], [[10, 0, 22, 12]]])
titles = "Scale 1: the window fits the small face", "Scale 1/2: it fits the large one"
fig, axes = plt.subplots(1, 2, figsize=(8, 2.4))
for ax, level, window, title in zip(axes, toy_levels, windows, titles, strict=True):
    large = cv2.resize(to_photo(level[0]), None, fx=20, fy=20, interpolation=cv2.INTER_NEAREST)
    plots.boxes(large, 20 * window, role="candidate", ax=ax, title=title)
alt = "A tiny photo with two faces at full and at half size. A window of 12 pixels fits the small "
plots.show(fig, alt=alt + "face at scale 1 and the large one at scale 1/2.")

# %% [markdown]
# **Windows.** The cell in row r, column c of P-Net's map looks at the 12 x 12 pixels from (2c, 2r) on.
# Divided by the scale they are a box in the photo:
#
# | | level 0 | level 1 |
# |---|---|---|
# | scale | 1 | 1/2 |
# | rows x columns | 24 x 48 pixels, 7 x 19 cells | 12 x 24 pixels, 1 x 7 cells |
# | the face's cell | r = 3, c = 2 | r = 0, c = 5 |
# | its box | (4, 6, 16, 18) | (10, 0, 22, 12) / ½ = (20, 0, 44, 24) |
#
# **Suppression.** Neighbours answer as well. In the photo, c = 4 is (16, 0, 40, 24) and shares 20 x 24
# pixels with c = 5: their IoU is 480 / (576 + 576 - 480) = 0.71. The same for c = 6. For c = 3 it is
# 384 / (576 + 576 - 384) = 0.50. **Non-maximum suppression** (NMS) visits boxes from the best score down
# and keeps one unless it overlaps an already *kept* one by more than a threshold. The real net says:

# %%
with torch.inference_mode():
    toy_maps = [detector.pnet(level).logits.softmax(1)[0, 1] for level in toy_levels]
row, column = divmod(int(toy_maps[0].argmax()), 19)
print(f"level 0: best of {toy_maps[0].numel()} cells is r = {row}, c = {column}")
print("level 1:", "  ".join(f"c={c}: {score:.4f}" for c, score in enumerate(toy_maps[1][0])))
predict(
    "mtcnn-survivors",
    "Level 1, NMS with threshold 0.5 on the four cells above 0.6. Which are kept?",
    choices=["c=5", "c=5 and c=3", "c=5, c=3 and c=4", "all four"],
)

# %% tags=["reveal"]
predict.reveal(
    "mtcnn-survivors",
    "c=5 and c=3",
    why="""c=4 and c=6 fall to c=5 (0.71 > 0.5). c=3 overlaps c=5 by exactly 0.5, not by more;
    and c=4, which would have suppressed it, is dead by then. The dead do not vote.""",
)

# %% [markdown]
# One box too many goes on. That is the spirit of a cascade: early stages may err, generously.
#
# ## 4. The parts
# ### The pyramid
# The smallest face we want, of $m$ pixels, has to fill the window: $s_0 = 12/m$. Each further level
# is smaller by a factor $f$, so $s_k = \frac{12}{m} f^k$, and we stop when the shorter side no longer
# holds a window:
#
# $$\min(h, w)\, \tfrac{12}{m} f^k \ge 12 \iff k \le \frac{\ln(\min(h, w) / m)}{\ln(1 / f)},
# \quad \text{levels} = \left\lfloor \frac{\ln(\min(h, w) / m)}{\ln(1 / f)} \right\rfloor + 1.$$
#
# It does **not** start with the photo itself: for $m = 20$ level 0 has 0.6 of its size. The paper's
# $f = 0.709 \approx \sqrt{1/2}$ halves the area from level to level.

# %%
predict(
    "mtcnn-levels",
    "A 640x480 photo, smallest face 20 pixels, f = 0.709. How many levels?",
    unit="levels",
)
predict(
    "mtcnn-half",
    "The smallest face goes from 40 down to 20 pixels. P-Net's cost rises by a factor of",
    choices=["about 1.4", "about 2", "about 4", "about 8"],
)

# %% tags=["reveal", "figure"]
levels = detector.trace(crowd).levels  # the crowd has 640 x 480 pixels
macs = [
    sum(level.macs for level in detector.with_options(min_face=m).trace(crowd).levels) / 1e6
    for m in (40, 20)
]
predict.reveal(
    "mtcnn-levels", len(levels), why="ln(480/20) / ln(1/0.709) = 9.24, rounded down, + 1."
)
predict.reveal(
    "mtcnn-half",
    "about 4",
    why=f"""Level 0 is twice as wide and twice as high. Measured: {macs[0]:.1f} to {macs[1]:.1f}
    million multiply-adds, {macs[1] / macs[0]:.2f} times; borders weigh more on small levels.""",
)
share = levels[0].macs / 1e6 / macs[1]
fig = figures.level_costs(levels, title=f"Level 0 alone takes {share:.0%} of P-Net's work")
alt = (
    f"Bars of P-Net's cost on {len(levels)} levels, each about half the one before; the first has "
)
plots.show(fig, alt=alt + f"{levels[0].macs / 1e6:.0f} million multiply-adds.")

# %% [markdown]
# Areas shrink by $f^2$, so all levels cost $1 + f^2 + f^4 + \dots = 1 / (1 - f^2)$ times level 0:
# **twice** for $f = 0.709$, 2.66 times for 0.79. Small faces are what you pay for; the finer pyramid
# buys smaller gaps. A face differs from the nearest window size by a factor of up to $\sqrt{1/f}$:
# 1.13 for 0.79, 1.19 for 0.709, 1.41 for 0.5.
#
# ### P-Net is a sliding window in disguise
# P-Net has no dense layer: conv 3x3, max pool 2x2 with stride 2, conv 3x3, conv 3x3, then 1x1 heads.
# Follow **one** output cell backwards: the last conv needs 3 inputs a side, the conv before 5, the
# pool doubles that to 10, the first conv makes it **12 pixels**. One step in the output is two before
# the pool: **stride 2**. So one pass gives what cutting out every window would give, without computing
# shared pixels twice. Forwards: a valid 3x3 conv takes 2 off, the pool halves and **rounds up**
# (Caffe's rule).
#
# ### Exercise 1 - the side of the map (difficulty 1, 4 minutes)
# Write `map_side(side)`: image side in pixels (whole number, at least 12) -> cells of P-Net's map.


# %% exercise="map_side" difficulty=1 minutes=4 idea="Two off, half rounded up, two off, two off." tags=["solution"]
def map_side(side):
    """Return how many cells P-Net's map has along an image side of `side` pixels."""
    after_pool = -(-(side - 2) // 2)  # ceil((side - 2) / 2)
    return after_pool - 2 - 2


# %% tags=["check"]
map_side = check.map_side(map_side)

# %% [markdown]
# ### Exercise 2 - build P-Net (difficulty 3, 12 minutes)
# Write `build_pnet()`: a module that takes images `(B, 3, H, W)` in [0, 1] and returns
# `(logits (B, 2, h, w), deltas (B, 4, h, w))`. Channel 1 of the logits means face.
#
# 1. normalise: (255 x - 127.5) / 128
# 2. conv1 3x3 to 10 channels, PReLU; max pool 2x2, stride 2, `ceil_mode=True`
# 3. conv2 3x3 to 16 channels, PReLU; conv3 3x3 to 32 channels, PReLU
# 4. side by side: face head 1x1 to 2 channels, box head 1x1 to 4
#
# No padding. **PReLU** is $\max(0, x) + a \min(0, x)$ with a learnt slope $a$ for each channel. Create
# the layers in this order: the next cell copies the published weights into **your** net.


# %% exercise="build_pnet" difficulty=3 minutes=12 idea="A trunk in nn.Sequential and two 1x1 convolutions on the same 32 features." tags=["solution"]
def build_pnet():
    """Return P-Net: images (B, 3, H, W) in [0, 1] -> logits (B, 2, h, w), deltas (B, 4, h, w)."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
            self.pool = nn.MaxPool2d(2, stride=2, ceil_mode=True)
            self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
            self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
            self.face, self.box = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

        def forward(self, image):
            x = (255 * image - 127.5) / 128
            x = self.pool(self.prelu1(self.conv1(x)))  # (B, 10, ...)
            x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))  # (B, 32, h, w)
            return self.face(x), self.box(x)

    return Net()


# %% tags=["check"]
build_pnet = check.build_pnet(build_pnet)

# %% tags=["figure"]
pnet = build_pnet().eval()
with torch.inference_mode():
    for own, public in zip(pnet.parameters(), detector.pnet.parameters(), strict=True):
        own.copy_(public)
    toy_maps = [pnet(level)[0].softmax(1)[0, 1] for level in toy_levels]
    image = to_tensor(astronaut)[None, :, 100:114, 200:214]  # 14 x 14 pixels hold four windows
    whole = pnet(image)[0].flatten(2)[0]  # (2, 4)
    cut = [pnet(image[..., r : r + 12, c : c + 12])[0].flatten() for r in (0, 2) for c in (0, 2)]
print(f"one pass, four windows: differ by {(whole - torch.stack(cut, 1)).abs().max():.0e} at most")
fig = figures.score_maps(
    toy_maps, (1.0, 0.5), columns=2, title="Each face lights up on its own level"
)
plots.show(
    fig,
    alt="Score maps of 7 by 19 and 1 by 7 cells. At scale 1 the small face peaks at "
    f"{toy_maps[0][3, 2]:.2f}, at scale 1/2 the large one at {toy_maps[1][0, 5]:.2f}.",
)

# %% [markdown]
# The left map also answers on parts of the *large* face: with 12 pixels, P-Net is easily fooled.
#
# ### Exercise 3 - boxes from the map (difficulty 2, 8 minutes)
# Write `generate_boxes(score_map, scale, threshold)`: `score_map` `(h, w)` -> `boxes` `(N, 4)` in
# photo pixels and `scores` `(N,)`, for every cell **at or above** the threshold, row by row. A cell's
# box is `[2c, 2r, 2c + 12, 2r + 12] / scale`.


# %% exercise="generate_boxes" difficulty=2 minutes=8 idea="nonzero gives rows and columns row by row; x comes from the column." tags=["solution"]
def generate_boxes(score_map, scale, threshold):
    """Return boxes (N, 4) and scores (N,) of the cells of a map (h, w) at or above threshold."""
    rows, cols = (score_map >= threshold).nonzero(as_tuple=True)
    top_left = 2 * torch.stack([cols, rows], dim=1)  # (N, 2), x before y
    boxes = torch.cat([top_left, top_left + 12], dim=1) / scale
    return boxes, score_map[rows, cols]


# %% tags=["check"]
generate_boxes = check.generate_boxes(generate_boxes)

# %% [markdown]
# ### Exercise 4 - greedy NMS (difficulty 3, 12 minutes)
# Write `nms(boxes, scores, threshold=0.5)`: `(N, 4)`, `(N,)` -> indices of the kept boxes, int64,
# best first. A box falls when its IoU with a **kept** box is **greater than** the threshold; equal
# scores keep their order. No boxes in, none out. Use `box_iou(a, b)` of lab 00.


# %% exercise="nms" difficulty=3 minutes=12 idea="Take the best box that is left, drop what it overlaps too much, repeat." tags=["solution"]
def nms(boxes, scores, threshold=0.5):
    """Return the indices (K,) int64 of the boxes that greedy suppression keeps, best first."""
    order = scores.argsort(descending=True, stable=True)  # (N,) best first
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        overlap = box_iou(boxes[best, None], boxes[order])[0]  # with those still alive
        order = order[overlap <= threshold]
    return torch.stack(kept) if kept else order  # an empty int64 tensor here


# %% tags=["check"]
nms = check.nms(nms)

# %% tags=["figure"]
level = min(trace.levels, key=lambda level: abs(level.scale * 100 - 12))  # her face: about 100 px
with torch.inference_mode():
    score_map = pnet(MipMaps(astronaut).resize(level.height, level.width))[0].softmax(1)[0, 1]
boxes, scores = generate_boxes(score_map, level.scale, 0.6)
keep = nms(boxes, scores, 0.5)
fig, axes = plt.subplots(1, 2, figsize=(6, 3.2))
titles = f"Yours: {len(boxes)} boxes of one level", f"{len(keep)} left after your NMS"
for ax, some, title in zip(axes, (boxes, boxes[keep]), titles, strict=True):
    plots.boxes(astronaut, some, role="candidate", ax=ax, title=title)
alt = f"The astronaut twice: {len(boxes)} boxes of one level, crowded around her face, and the "
plots.show(fig, alt=alt + f"{len(keep)} that suppression keeps.")

# %% [markdown]
# ### Boxes that correct themselves
# Windows come in few sizes and steps of two pixels, so each net also says how its box should move. Let
# the candidate be $(x_1, y_1, x_2, y_2)$ with sides $w, h$, the true box $(X_1, Y_1, X_2, Y_2)$. Pixels
# would be a bad unit: the same picture at twice the size would ask for twice the number, and a net that
# sees a resized crop cannot know the size. In units **of the candidate** it need not:
#
# $$t = \left(\tfrac{X_1 - x_1}{w}, \tfrac{Y_1 - y_1}{h}, \tfrac{X_2 - x_2}{w},
# \tfrac{Y_2 - y_2}{h}\right) \Rightarrow X_1 = x_1 + t_1 w,\; Y_1 = y_1 + t_2 h,\;
# X_2 = x_2 + t_3 w,\; Y_2 = y_2 + t_4 h.$$
#
# By hand: to turn c = 4, (16, 0, 40, 24), into (20, 0, 44, 24) takes $t = (4/24, 0, 4/24, 0)$.
#
# ### Exercise 5 - calibrate (difficulty 1, 4 minutes)
# Write `calibrate(boxes, deltas)`: `(N, 4)`, `(N, 4)` -> moved boxes `(N, 4)`. The next cell lets
# P-Net's own offsets move the two survivors of section 3.


# %% exercise="calibrate" difficulty=1 minutes=4 idea="Multiply x offsets by the box's width and y offsets by its height, then add." tags=["solution"]
def calibrate(boxes, deltas):
    """Return boxes (N, 4) moved by deltas (N, 4) in units of each box's width and height."""
    sizes = boxes[:, 2:] - boxes[:, :2]  # (N, 2)
    return boxes + deltas * torch.cat([sizes, sizes], dim=1)


# %% tags=["check"]
calibrate = check.calibrate(calibrate)

# %% tags=["figure"]
with torch.inference_mode():
    moves = pnet(toy_levels[1])[1][0, :, 0, [5, 3]].T  # (2, 4), for c = 5 and c = 3
before, true_box = (
    torch.tensor([[20.0, 0, 44, 24], [12.0, 0, 36, 24]]),
    torch.tensor([[20, 0, 44, 24]]),
)
large = cv2.resize(toy, None, fx=20, fy=20, interpolation=cv2.INTER_NEAREST)
fig, axes = plt.subplots(1, 2, figsize=(8, 2.4))
stories = {"Before": before, "Calibrated": calibrate(before, moves)}
for ax, (name, pair) in zip(axes, stories.items(), strict=True):
    overlap, with_face = (box_iou(pair[1:], x).item() for x in (pair[:1], true_box))
    plots.boxes(large, 20 * true_box, role="truth", ax=ax)
    plots.boxes(None, 20 * pair, role="candidate", ax=ax)
    ax.set_title(
        f"{name}: c = 3 with c = 5 {overlap:.2f}, with the face {with_face:.2f}", fontsize=10
    )
alt = "Two windows on the large face, before and after calibration. The stray one moves onto the "
plots.show(fig, alt=alt + f"face, and the overlap of the two rises from 0.50 to {overlap:.2f}.")

# %% [markdown]
# The stray box lands on the face. Now the two overlap by more than 0.5: NMS *after* calibration would
# drop it. The letter has that order; the released code suppresses first.
#
# ### Squares
# R- and O-Net want squares. The shorter side would cut chins off, so a box grows to its longer side
# $L = \max(w, h)$ around its centre. At the border the square leaves the photo. Clipping and stretching
# the rest distorts the face; instead, what is missing is **black**.
#
# ### Exercise 6 - square crop (difficulty 3, 12 minutes)
# Write `square_crop(image, box)`: image `(C, H, W)`; box of four whole numbers, half-open, that may
# leave the image -> `(C, L, L)`, zeros outside. With sides $w, h$ of the box:
# left = `x1 - (L - w) // 2`, top = `y1 - (L - h) // 2`. After the check, O-Net judges half of Grace
# Hopper's face, once with your crop and once stretched.


# %% exercise="square_crop" difficulty=3 minutes=12 idea="Start with zeros and copy the part of the square that lies inside the image." tags=["solution"]
def square_crop(image, box):
    """Cut the square of the box's longer side out of image (C, H, W): (C, L, L), black outside."""
    x1, y1, x2, y2 = (int(value) for value in box)
    channels, height, width = image.shape
    side = max(x2 - x1, y2 - y1)
    left, top = x1 - (side - (x2 - x1)) // 2, y1 - (side - (y2 - y1)) // 2
    rows = slice(min(max(top, 0), height), min(max(top + side, 0), height))  # inside the image
    cols = slice(min(max(left, 0), width), min(max(left + side, 0), width))
    part = image[:, rows, cols]
    row, col = rows.start - top, cols.start - left
    crop = image.new_zeros((channels, side, side))
    crop[:, row : row + part.shape[1], col : col + part.shape[2]] = part
    return crop


# %% tags=["check"]
square_crop = check.square_crop(square_crop)


# %% tags=["figure"]
def shrink(crop, size):
    """Resize a crop (3, h, w) to (3, size, size)."""
    return F.interpolate(crop[None], (size, size), mode="bilinear", antialias=True)[0]


cut, (x1, y1, x2, y2) = 250, square_boxes(hopper_face.boxes[0]).round().int().tolist()
image, square = to_tensor(hopper[:, cut:]), [x1 - cut, y1, x2 - cut, y2]
crops = shrink(square_crop(image, square), 48), shrink(image[:, y1:y2, : x2 - cut], 48)
frames = torch.tensor([square, [0, y1, x2 - cut, y2]])
with torch.inference_mode():
    logits, _, points = detector.onet(torch.stack(crops))
points = coding.decode_landmarks_corner(points.reshape(2, 2, 5).transpose(1, 2), frames)
errors = (points - hopper_face.landmarks + torch.tensor([cut, 0])).norm(dim=2).mean(dim=1)
titles = [
    f"{name}\nscore {score:.2f}\npoints off by {error:.0f} px"
    for name, score, error in zip(
        ("padded", "stretched"), logits.softmax(1)[:, 1], errors, strict=True
    )
]
fig = plots.crops([to_photo(crop) for crop in crops], titles=titles, columns=2)
alt = f"Half a face. Padded with black, O-Net's points are off by {errors[0]:.0f} px on average, "
plots.show(fig, alt=alt + f"stretched by {errors[1]:.0f} px.")

# %% [markdown]
# ## 5. The assembled model
# Stage 1 from your functions: per level a score map, `generate_boxes`, `nms`; over all levels `nms`
# again, `calibrate`, squares.


# %%
@torch.inference_mode()
def first_stage(photo, pnet, min_face=20.0, factor=0.709):
    """Run stage 1: squares (N, 4), their scores (N,), and the score map of every level."""
    size, pyramid, maps, found = photo.shape[:2], MipMaps(photo), [], []
    for scale in pyramid_scales(*size, min_face=min_face, factor=factor):
        logits, deltas = pnet(pyramid.resize(*level_size(*size, scale)))
        maps.append(logits.softmax(dim=1)[0, 1])  # (h, w)
        boxes, scores = generate_boxes(maps[-1], scale, 0.6)
        moves = deltas[0][:, maps[-1] >= 0.6].T  # (N, 4), row by row as well
        keep = nms(boxes, scores, 0.5)
        found.append((boxes[keep], scores[keep], moves[keep]))
    boxes, scores, moves = (torch.cat(parts) for parts in zip(*found, strict=True))
    keep = nms(boxes, scores, 0.7)
    return square_boxes(calibrate(boxes[keep], moves[keep])), scores[keep], maps


squares, scores, maps = first_stage(astronaut, pnet)

# %% tags=["figure"]
package = trace.stages["pnet"].kept  # the same stage, by the package's detector
nearest = box_iou(squares, package.boxes).max(dim=1)
print(f"yours: {len(squares)} squares, the package: {len(package)}")
print(
    f"worst agreement: IoU {nearest.values.min():.4f}, scores differ by at most "
    f"{(scores - package.scores[nearest.indices]).abs().max():g}"
)
scales = [level.scale for level in trace.levels]
fig = figures.score_maps(
    maps, scales, title="Her face lights up on the levels where it has about 12 pixels"
)
alt = f"P-Net's score maps of the astronaut on {len(maps)} levels: scattered bright cells on the "
plots.show(fig, alt=alt + "finest, a bright spot on her face at scales from 0.15 to 0.08.")
predict("mtcnn-share", f"Of {num_windows:,} windows, what share scored 0.6 or more?", unit="%")

# %% tags=["reveal", "figure"]
stages = trace.stages
passed, kept, after_rnet = (len(x) for x in (stages["pnet"].passed, package, stages["rnet"].kept))
share = round(100 * passed / num_windows, 2)
predict.reveal("mtcnn-share", share, why=f"{passed} of {num_windows:,} windows; {kept} after NMS.")
print("         looked at    above threshold    left    million multiply-adds")
for name, stage in zip(("P-Net", "R-Net", "O-Net"), stages.values(), strict=True):
    counts = f"{stage.looked_at:>12,} {len(stage.passed):>18,} {len(stage.kept):>7,}"
    print(f"{name}{counts} {stage.macs / 1e6:>24.1f}")
fig = figures.stage_boxes(astronaut, trace)
alt = f"The astronaut after each step: {passed} windows, {kept} after suppression, {after_rnet} "
plots.show(fig, alt=alt + f"after R-Net, {len(faces)} after O-Net.")

# %% [markdown]
# R-Net judges P-Net's squares at 24 x 24 pixels, O-Net R-Net's at 48 x 48, always cut afresh from the
# **original** photo: a face that P-Net saw in 12 pixels now shows its eyes. Only the last suppression is
# different. Boxes on one face are often nested, say with sides 10 and 16: IoU is $100 / 256 = 0.39$, and
# both survive 0.7. O-Net's NMS divides by the **smaller** area,
# $|A \cap B| / \min(|A|, |B|) = 100 / 100 = 1$, and one goes.
#
# R-Net on *your* squares and crops (at whole pixels, so counts may differ from the package's by a few).
# It refuses even a smile without the face around it.

# %% tags=["figure"]
image = to_tensor(astronaut)
crops = torch.stack([shrink(square_crop(image, box), 24) for box in squares.round().int().tolist()])
with torch.inference_mode():
    rnet_logits = detector.rnet(crops).logits
judged = rnet_logits.softmax(1)[:, 1]
order = judged.argsort(descending=True)
chosen = torch.cat([order[:8], order[-8:]]).tolist()
title = f"R-Net's best and worst: {int((judged > 0.7).sum())} of {len(judged)} score above 0.7"
titles = [f"{judged[i]:.2f}" for i in chosen]
fig = plots.crops([to_photo(crops[i]) for i in chosen], titles=titles, title=title)
plots.show(
    fig,
    alt="Two rows of eight crops with R-Net's scores: seven of the best show the astronaut's face; "
    "the worst, near 0, are badges, fittings and her smile or cheek alone.",
)

# %% [markdown]
# ### The three nets, layer by layer
# One crop through each of the package's nets, every layer's output (channels x height x width) and
# parameters against the specification:

# %% tags=["nbval-check-output"]
SPEC = {
    "pnet": "conv1 10x10x10 290  pool1 10x5x5 0  conv2 16x3x3 1472  conv3 32x1x1 4672  "
    "face 2x1x1 66  box 4x1x1 132",
    "rnet": "conv1 28x22x22 812  pool1 28x11x11 0  conv2 48x9x9 12192  pool2 48x4x4 0  "
    "conv3 64x3x3 12416  flatten 576 0  fc4 128 73984  face 2 258  box 4 516",
    "onet": "conv1 32x46x46 928  pool1 32x23x23 0  conv2 64x21x21 18560  pool2 64x10x10 0  "
    "conv3 64x8x8 36992  pool3 64x4x4 0  conv4 128x3x3 33024  flatten 1152 0  "
    "fc5 256 295424  face 2 514  box 4 1028  landmarks 10 2570",
}
for name, side in (("pnet", 12), ("rnet", 24), ("onet", 48)):
    rows, spec = figures.layer_rows(getattr(detector, name), side), iter(SPEC[name].split())
    print(f"{name:12s}output     parameters  multiply-adds")
    for layer, shape, parameters, macs in rows:
        same = (layer, shape, str(parameters)) == (next(spec), next(spec), next(spec))
        verdict = "as specified" if same else "DIFFERENT"
        print(f"  {layer:10s}{shape:10s}{parameters:>11,} {macs:>14,}  {verdict}")
    parameters, macs = (sum(row[i] for row in rows) for i in (2, 3))
    print(f"  {'total':20s}{parameters:>11,} {macs:>14,}\n")

# %% [markdown]
# ### See it move
# The whole detector on sliders. **Try this:**
#
# 1. Find a setting that loses the false alarm and keeps the face *without* touching the smallest face;
#    then one with the smallest face alone.
# 2. Lower P-Net's threshold step by step. Which count explodes, and does the result change?
# 3. Bring P-Net below 30 million multiply-adds and still find the face. What did you give up?

# %% tags=["widget"]
cascade_explorer(detector, astronaut)

# %% [markdown]
# ### Paper against code
# Where letter and released code disagree, we follow the code, as the weights do.
#
# | | letter | released code |
# |---|---|---|
# | stage 1 | calibrate, then NMS | NMS, then calibrate |
# | landmark head | on all three nets | on O-Net only |
# | box target | left, top, width, height | two corners |
# | largest level | "image pyramid" | 12 / m of the photo |
# | activation, pooling | - | PReLU; rounds up, else no 576 and 1,152 features |
# | landmarks | - | in the cropped square, before calibration |
#
# ## 6. Training: three tasks, one loss
# Training needs labelled faces by the thousand and joins this lab with the synthetic people; its loss
# needs a handful, so we build that now. The recipe will be: crops sorted by their IoU with the nearest
# face, mixed 3 : 1 : 1 : 2 [M]; P-Net first, R-Net on P-Net's boxes, O-Net on what both let through.
#
# | sample | IoU with a face | `kind` | teaches |
# |---|---|---|---|
# | negative | below 0.3 with all | 0 | face or not |
# | positive | 0.65 and more | 1 | face or not, box |
# | part | 0.4 to 0.65 | -1 | box |
# | landmark | (five marked points) | -2 | landmarks |
#
# 0.3 to 0.4 is not used: too much face for a negative, too little for a box.

# %% tags=["figure"]
generator, truth = torch.Generator().manual_seed(5), hopper_face.boxes  # stands in for a label
side = (truth[0, 3] - truth[0, 1]) * (0.7 + 0.7 * torch.rand(300, 1, generator=generator))
centre = (truth[0, :2] + truth[0, 2:]) / 2 + side * (torch.rand(300, 2, generator=generator) - 0.5)
candidates = torch.cat([centre - side / 2, centre + side / 2], dim=1).round()  # (300, 4)
iou = box_iou(candidates, truth)[:, 0]
rules = {0: iou < 0.3, 1: iou >= 0.65, -1: (iou >= 0.4) & (iou < 0.65), -2: iou >= 0.65}
picked = [mask.nonzero()[-n:, 0] for mask, n in zip(rules.values(), (3, 1, 1, 2), strict=True)]
kind = torch.cat([torch.full((len(p),), k) for k, p in zip(rules, picked, strict=True)])  # (7,)
picked = torch.cat(picked)
boxes = candidates[picked]
batch = torch.stack(
    [shrink(square_crop(to_tensor(hopper), box), 48) for box in boxes.int().tolist()]
)
words = {0: "negative", 1: "positive", -1: "part", -2: "landmark"}
titles = [f"{words[int(k)]}\nIoU {i:.2f}" for k, i in zip(kind, iou[picked], strict=True)]
fig = plots.crops([to_photo(crop) for crop in batch], titles=titles, columns=7)
plots.show(
    fig,
    alt="Seven crops around Grace Hopper's face with their IoU: three negatives, one positive, one "
    "part and two landmark samples.",
)

# %% [markdown]
# **Face.** The net gives a probability $p$ for "face". The label $y$ has the likelihood
# $p^y (1 - p)^{1 - y}$; its negative logarithm is the cross-entropy,
# $L^{det} = -\,(y \ln p + (1 - y) \ln(1 - p))$. **Box, landmarks.** Squared Euclidean distance to the 4
# offsets, $L^{box} = \lVert \hat t - t \rVert^2$, and to the 10 coordinates,
# $L^{lm} = \lVert \hat q - q \rVert^2$, both in units of the crop: 2 pixels off on a 20-pixel face weigh
# as much as 20 on a 200-pixel face.
#
# A switch $\beta_i^j \in \{0, 1\}$ says whether sample $i$ has a label for task $j$, a weight $\alpha_j$
# how much the task counts: 1, 0.5, 0.5, and 1, 0.5, 1 for O-Net, whose job the landmarks are.
#
# $$\min \sum_i \sum_{j \in \{det,\, box,\, lm\}} \alpha_j\, \beta_i^j\, L_i^j$$
#
# The letter does not say how to average; we take each task's mean over *its own* samples.
#
# ### Exercise 7 - the masked loss (difficulty 4, 15 minutes)
# Write `multitask_loss(logits, deltas, landmarks, kind, true_deltas, true_landmarks, weights)`:
# `(B, 2)`, `(B, 4)`, `(B, 10)`, `(B,)`, `(B, 4)`, `(B, 10)` -> a scalar. A task without samples gives 0.
# Target rows that a sample has no label for hold **NaN**: since $0 \cdot \mathrm{NaN}$ is NaN,
# multiplying with $\beta$ will not do.


# %% exercise="multitask_loss" difficulty=4 minutes=15 idea="Select the rows that take part before computing anything; a NaN cannot be multiplied away." tags=["solution"]
def multitask_loss(
    logits, deltas, landmarks, kind, true_deltas, true_landmarks, weights=(1.0, 0.5, 0.5)
):
    """Return the weighted sum of the face, box and landmark loss of a batch, a scalar."""
    face = (kind == 1) | (kind == 0)
    box = (kind == 1) | (kind == -1)
    points = kind == -2
    per_sample = (
        F.cross_entropy(logits[face], (kind[face] == 1).long(), reduction="none"),
        (deltas[box] - true_deltas[box]).square().sum(dim=1),
        (landmarks[points] - true_landmarks[points]).square().sum(dim=1),
    )
    means = [loss.sum() / max(len(loss), 1) for loss in per_sample]
    return sum(weight * mean for weight, mean in zip(weights, means, strict=True))


# %% tags=["check"]
multitask_loss = check.multitask_loss(multitask_loss)

# %%
true_deltas = coding.encode_corners(truth, boxes)  # (7, 4)
points = coding.encode_landmarks_corner(hopper_face.landmarks.expand(len(boxes), 5, 2), boxes)
true_landmarks = points.transpose(1, 2).flatten(1)  # (7, 10), x1..x5 then y1..y5
true_deltas[(kind != 1) & (kind != -1)] = torch.nan
true_landmarks[kind != -2] = torch.nan
with torch.inference_mode():
    outputs = detector.onet(batch)  # small losses: the "labels" are O-Net's own answers
for name, weights in {
    "face": (1, 0, 0),
    "box": (0, 1, 0),
    "landmarks": (0, 0, 1),
    "total with P- and R-Net's weights": (1, 0.5, 0.5),
    "total with O-Net's weights": (1, 0.5, 1),
}.items():
    loss = multitask_loss(*outputs, kind, true_deltas, true_landmarks, weights)
    print(f"{name:35s}{float(loss):.4f}")

# %% [markdown]
# ### See the three terms
# **Try this:** (1) Which task pulls hardest with the paper's weights? Find weights with which the boxes
# do. (2) Set the face weight to 0: which samples teach nothing any more? (3) The last slider is the next
# section's. Move it from 1 to 0.1: why does the loss rise, with the same net?

# %% tags=["widget"]
loss_explorer(detector, [astronaut, hopper])

# %% [markdown]
# ### Hard samples only
# Most crops are easy: wall is wall, its loss is near 0, and yet it dilutes the mean. **Online hard
# example mining** (OHEM) sorts the face losses of each batch and averages over the hardest 70 %. If $n$
# losses sum to $S$ and the dropped ones to nearly nothing, the mean grows from $S / n$ to $S / (0.7 n)$:
# hard samples count 1.43 times as much. "Online": chosen anew in each step.
#
# It is 70 % of the samples **with a face label**. Our batch has 7 samples, 4 of them labelled:
# $\lceil 0.7 \cdot 4 \rceil = 3$ stay. Of all 7 it would be 5: nothing would be mined.
#
# ### Exercise 8 - OHEM (difficulty 2, 8 minutes)
# Write `ohem(losses, valid, keep=0.7)`: losses `(B,)`, valid `(B,)` bool -> `(B,)` bool that marks the
# `ceil(keep * number of valid)` valid samples of largest loss; of equal ones the earlier. Below it
# mines R-Net's losses on the squares of stage 1, which is where its training crops come from.


# %% exercise="ohem" difficulty=2 minutes=8 idea="Push invalid samples to the end of the order, then mark the first ceil(keep * valid)." tags=["solution"]
def ohem(losses, valid, keep=0.7):
    """Return (B,) bool: the hardest share `keep` of the valid samples."""
    count = math.ceil(round(keep * int(valid.sum()), 9))  # round: 0.55 * 20 is a little over 11
    order = losses.masked_fill(~valid, -torch.inf).argsort(descending=True, stable=True)
    chosen = torch.zeros_like(valid)
    chosen[order[:count]] = True
    return chosen


# %% tags=["check"]
ohem = check.ohem(ohem)

# %% tags=["figure"]
iou = box_iou(squares, faces.boxes[:1])[:, 0]
valid = (iou < 0.3) | (iou >= 0.65)
losses = F.cross_entropy(rnet_logits, (iou >= 0.65).long(), reduction="none")
chosen = ohem(losses, valid)
num_dropped, share = (
    int((valid & ~chosen).sum()),
    losses[valid & ~chosen].sum() / losses[valid].sum(),
)
title = f"The {num_dropped} easiest of {int(valid.sum())} samples hold {share:.2%} of the loss"
fig = figures.hard_samples(losses[valid], chosen[valid], title=title)
alt = f"Losses of {int(valid.sum())} candidates from hard to easy, on a logarithmic axis; the "
plots.show(fig, alt=alt + f"{num_dropped} dropped ones hold {share:.2%} of the sum.")

# %% [markdown]
# ## 7. What the paper claims, and what we measured
# Paper values marked [M] are from memory, not verified.

# %% tags=["claim"]
claims.table("mtcnn")

# %% [markdown]
# ## 8. Where it fails
# ### Many faces
# One often reads that many faces slow P-Net down. We measure: `images` below is the number of crowds,
# `steps` how often each is timed.

# %%
predict(
    "mtcnn-crowd",
    "48 faces in a 640x480 photo, smallest face 20 pixels. Which net multiplies most?",
    choices=["P-Net", "R-Net", "O-Net"],
)
RECIPE = (
    Budget("smoke", steps=1, batch=1, images=3, max_seconds=10),
    Budget("laptop", steps=5, batch=1, images=7, max_seconds=60),
    Budget("gpu", steps=5, batch=1, images=13, max_seconds=120),
    Budget("paper", steps=20, batch=1, images=25, max_seconds=600),
)
budget = current_budget(RECIPE)
budget_table(RECIPE)

# %% tags=["reveal", "figure"]
num_faces = [round(n) for n in np.linspace(0, 48, budget.images)]
runs = [[detector.trace(samples.crowd(n)) for _ in range(budget.steps)] for n in num_faces]
macs = {name: [run[0].stages[name].macs for run in runs] for name in stages}
seconds = {name: [min(x.stages[name].seconds for x in run) for run in runs] for name in stages}
pyramid, rnet, onet = (macs[name][-1] for name in macs)
per_face = (rnet + onet) / 48
predict.reveal(
    "mtcnn-crowd",
    "O-Net",
    why=f"""{onet / 1e9:.2f} billion; R-Net has {rnet / 1e9:.2f}, P-Net {pyramid / 1e9:.2f}. A face
    adds {per_face / 1e6:.0f} million: {pyramid / per_face:.1f} faces cost a whole pyramid.""",
)
title = "P-Net does the same work for 0 and for 48 faces; O-Net does not"
fig = figures.cost_curves(num_faces, macs, seconds, title=title)
alt = f"P-Net stays at {pyramid / 1e9:.2f} billion multiply-adds for 0 to 48 faces; R-Net rises to "
plots.show(fig, alt=alt + f"{rnet / 1e9:.2f} and O-Net to {onet / 1e9:.2f} billion.")

# %% [markdown]
# P-Net's multiply-adds depend on the photo's size, the smallest face and the pyramid factor, **not** on
# faces. What grows with faces, and with clutter like them, is the number of *candidates*: each costs
# suppression in stage 1 (quadratic at worst) and a pass of R-Net (1.53 million) or O-Net (12.9 million).
# One hundred candidates for O-Net: 1.29 billion, three times this pyramid.
#
# ### A false alarm
# Back to the patch of suit. Is it the photo, or the grid?

# %% tags=["figure"]
trials, told = (20, 24, 30), []
fig, axes = plt.subplots(1, len(trials), figsize=(6, 2.3))
for ax, min_face in zip(axes, trials, strict=True):
    found = detector.with_options(min_face=min_face)(astronaut)
    told.append(f"{min_face}: " + ", ".join(f"{score:.2f}" for score in found.scores))
    plots.boxes(astronaut, found.boxes, ax=ax, title=f"min_face {told[-1]}")
    ax.set_xlim(60, 330)
    ax.set_ylim(270, 0)
    ax.title.set_fontsize(10)
plots.show(fig, alt=f"The photo at three smallest faces; the scores found: {'; '.join(told)}.")

# %% [markdown]
# From 24 on it is gone, though the patch is larger: the pyramid now stops at other sizes, and stage 1
# proposes other windows. A score is a statement about one crop, not the truth about a place.
# An O-Net threshold of 0.9 removes it too, and one day a real face. **Thresholds and `min_face` trade
# misses for alarms**: a rescue drone and a door lock need different numbers.
#
# ### Small and turned faces
# The astronaut shrunk until her face is 6 pixels high, and both portraits turned.


# %% tags=["figure"]
def score_in_the_middle(detector, photo):
    """Return the best score of a box that holds the centre of a square photo, 0 without one."""
    found, middle = detector(photo), photo.shape[0] / 2
    inside = (found.boxes[:, :2] < middle).all(dim=1) & (found.boxes[:, 2:] > middle).all(dim=1)
    return float(found.scores[inside].max()) if inside.any() else 0.0


smoke = budget.name == "smoke"
heights, by_size = range(6, 49, 6 if smoke else 2), {}
for m in (12, 20, 40):
    views = [figures.place(astronaut, faces.boxes[0], height=h, side=128) for h in heights]
    curve = [score_in_the_middle(detector.with_options(min_face=m), view) for view in views]
    first = next(h for h, score in zip(heights, curve, strict=True) if score)
    by_size[f"min_face {m}: from {first} px"] = curve
turns, by_turn = range(-180, 181, 45 if smoke else 15), {}
for name, box in (("Eileen Collins", faces.boxes[0]), ("Grace Hopper", hopper_face.boxes[0])):
    views = [figures.place(photos[name], box, height=80, degrees=turn) for turn in turns]
    by_turn[name] = [score_in_the_middle(detector.with_options(min_face=30), x) for x in views]
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8))
title = "Small: all or nothing", "Turned: sure up to 45, then a lottery"
figures.score_curves(heights, by_size, ax=left, label="height of the face (px)", title=title[0])
figures.score_curves(turns, by_turn, ax=right, label="turned by (degrees)", title=title[1])
right.set_xticks(range(-180, 181, 90))
alt = f"Left: scores jump from 0 to about 1 ({'; '.join(by_size)}). Right: scores stay high up to "
plots.show(fig, alt=alt + "45 degrees either way; beyond 60 they jump between 0 and 1.")

# %% tags=["figure"]
degrees, cat, all_found = (0, 45, 90, 180), samples.photo("chelsea"), []
views = [figures.place(hopper, hopper_face.boxes[0], height=110, degrees=d) for d in degrees]
fig, axes = plt.subplots(1, 5, figsize=(8, 2))
names = [*(f"{d}°" for d in degrees), "a cat"]
for ax, name, view in zip(axes, names, [*views, cat[:, 75:375]], strict=True):
    all_found.append(detector.with_options(min_face=30)(view))
    said = ", ".join(f"{score:.2f}" for score in all_found[-1].scores) or "not found"
    plots.boxes(view, all_found[-1], ax=ax, title=f"{name}: {said}")
told = "; ".join(ax.get_title() for ax in axes)
plots.show(fig, alt=f"Grace Hopper turned by 0, 45, 90 and 180 degrees, and a cat. Scores: {told}.")
points = all_found[3].landmarks  # upside down
if len(points):
    eyes_y, mouth_y = points[0, :2, 1].mean(), points[0, 3:, 1].mean()
    print(f"upside down, 'eyes' at height {eyes_y:.0f} px and 'mouth' below at {mouth_y:.0f} px")
passed = [len(stage.passed) for stage in detector.trace(cat).stages.values()]
print(f"the cat: P-Net passes {passed[0]} windows, R-Net {passed[1]}")

# %% [markdown]
# A face that is too small does not score low, it is not asked about; no threshold brings it back. Beyond
# 45 degrees a hit is luck. Upside down it even is a wrong answer with a high score: the points mark a
# face that stands upright. The cat is good news: two eyes, a nose, a mouth, and R-Net refuses it all.
#
# ### Who is in the data, and who was asked?
# The letter trains on WIDER FACE, web pictures of events, and CelebA, pictures of celebrities. Nobody in
# them was asked. Such sets show the famous and the well lit; children, old people, dark skin in bad
# light, scars and veils are rarer, and what is rare in training is missed more often (Buolamwini and
# Gebru measured such gaps for gender classifiers). Detection is also the
# first step of every surveillance system: finding faces in *your* photos, with the consent of those in
# them, and scanning a street are the same code and not the same act.
#
# ## 9. Recap
# - One window of 12 pixels finds all sizes because the photo is shrunk: $s_k = (12/m) f^k$.
# - P-Net is a sliding window made of convolutions: receptive field 12, stride 2, rounded up.
# - The cascade spends little on everything and much on little; `min_face` sets the bill, squared.
# - Between the nets: NMS, offsets in units of the box, squares on the longer side, black outside.
# - The loss asks each sample only what it knows (β), weighs tasks (α), mines hard samples (OHEM).

# %%
quiz("03_mtcnn")

# %% [markdown]
# ## 10. Further reading
# - Zhang, Zhang, Li, Qiao. *Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
#   Networks.* IEEE Signal Processing Letters 23(10), 1499-1503, 2016. The paper.
# - Viola, Jones. *Rapid Object Detection using a Boosted Cascade of Simple Features.* CVPR 2001. A
#   cascade before nets.
# - Li, Lin, Shen, Brandt, Hua. *A Convolutional Neural Network Cascade for Face Detection.* CVPR 2015.
#   The cascade that MTCNN simplifies.
# - Shrivastava, Gupta, Girshick. *Training Region-based Object Detectors with Online Hard Example
#   Mining.* CVPR 2016.
# - Yang, Luo, Loy, Tang. *WIDER FACE: A Face Detection Benchmark.* CVPR 2016.
# - Buolamwini, Gebru. *Gender Shades.* Conference on Fairness, Accountability and Transparency, 2018.
