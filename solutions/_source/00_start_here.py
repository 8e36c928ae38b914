# ---
# Lab 00, start here: the only source of both editions (notebooks/ and solutions/).
# Build and execute it with `facelab course build 00`.
# ---

# %% [markdown]
# # Start here: from a photo to a face that can be compared
#
# ## 1. What this course is
# A phone sorts an album by person. A camera waits until everybody smiles. Somewhere in there a
# program got a grid of numbers and said: *here is a face, its eyes are there, and it is the same
# person as in that other photo*. Each step of that has a history of papers. In this course you
# rebuild the landmark ones, write their decisive lines yourself, and measure whether they keep
# their promises.
#
# **After this lab you can** run the pipeline as far as it stands on a photo of your own, say what a
# box, a score, a landmark and an IoU is, and find your way through a lab: guess, write, check, ask
# for a hint.
#
# You need some Python and no paper read before. Take 30 minutes. Run a cell with Shift + Enter,
# from top to bottom; nothing here can break.

# %%
import torch

import facelab
from facelab import plots, samples
from facelab.course import check, claims, machine, predict, progress, quiz
from facelab.course.checking import find_exercise, run_check
from facelab.course.labs import LABS, solution_link
from facelab.course.reporting import show_hint, show_result
from facelab.engine.budget import budget_table
from facelab.geometry.alignment import template, transform_points, umeyama
from facelab.geometry.boxes import box_iof
from facelab.pipeline import Pipeline
from facelab.plots import mtcnn as cascade_figures
from facelab.plots import start as figures
from facelab.widgets.start import iou_explorer, threshold_explorer

plots.style()

# %% [markdown]
# Two photos, three lines of work: load a detector with its authors' weights, hand it a photo, align
# what it finds.

# %% tags=["figure"]
detector = facelab.load("mtcnn", weights="public", min_face=40)  # faces from 40 pixels up
pipeline = Pipeline(detector=detector)  # detect, then align to 112 x 112
photos = {
    "Eileen Collins": samples.photo("astronaut"),
    "Grace Hopper": samples.photo("grace_hopper"),
}
found = {name: detector(photo) for name, photo in photos.items()}
portraits = {name: pipeline(photo) for name, photo in photos.items()}
fig = figures.pipeline_steps(photos, list(found.values()), [p[0] for p in portraits.values()])
counts = " and ".join(f"{len(faces)} in {name}'s" for name, faces in found.items())
least = min(float(faces.scores.min()) for faces in found.values())
alt = f"Two portraits, a row each. Faces found: {counts}, scores {least:.4f} and more, five points "
plots.show(fig, alt=alt + "each. Right: both faces upright, eyes at the same height, 112 by 112.")

# %% [markdown]
# Left the input, in the middle what **detection** found: a box, a score between 0 and 1, and five
# points, the **landmarks**. Right, **alignment**: the photo turned and scaled so that eyes, nose
# and mouth lie where they lie in every crop. Two people, two cameras, and now eyes lie on eyes and
# mouth on mouth. The steps to come, *who is it?* and *how will she look in thirty years?*, start
# from such crops.
#
# ## 2. Your machine
# One table, each line with a verdict. A line marked ! says what to do about it.

# %%
machine.show()

# %% [markdown]
# The last line is the one dial of the course. The same code runs everywhere; `FACELAB_BUDGET` says
# for how long. Set it before you start, `FACELAB_BUDGET=smoke make lab`, or in a cell: `%env
# FACELAB_BUDGET=smoke`. Labs that train show such a table, with their own numbers, before they
# begin:

# %%
budget_table()

# %% [markdown]
# **No lab needs a GPU.** What a larger budget would have given is shown from stored results, and
# says so.
#
# ## 3. How a lab works
# ### Guess first
# Who guesses before looking remembers better, above all when the guess was wrong. So labs ask. A
# guess is stored on this machine, compared with the answer, and never marked.
#
# The detector finds faces by sliding a small window over the photo, then over the photo shrunk a
# little, and so on until faces of all sizes fit the window. At every stop a small net says face or
# not.

# %%
crowd = samples.crowd(12)  # 12 heads on a canvas of 640 x 480 pixels
predict(
    "start-windows",
    "A photo of 640 x 480 pixels, smallest face 40 pixels. How many windows does the detector look "
    "at?",
    unit="windows",
)

# %% tags=["reveal", "figure"]
trace = detector.trace(crowd)
windows = trace.stages["pnet"].looked_at
predict.reveal(
    "start-windows",
    windows,
    why=f"""{len(trace.levels)} sizes of the photo; {trace.levels[0].windows:,} windows on the
    largest, {trace.levels[-1].windows} on the smallest. The number depends on the size of the
    photo, not on the {len(trace.faces)} faces.""",
)
fig = cascade_figures.stage_boxes(crowd, trace)
passed = len(trace.stages["pnet"].passed)
alt = f"Of {windows:,} windows {passed} pass the first net; the boxes get fewer from picture to "
plots.show(fig, alt=alt + f"picture, until {len(trace.faces)} are left, one a head.")

# %% [markdown]
# Three nets, each asked less often than the one before: that is MTCNN, and lab 03 takes it apart.
# What matters here: **many windows answer for one face**. Somebody has to say which boxes mean the
# same face, and for that we need a number for "these two boxes overlap".
#
# ### By hand
# The number is **intersection over union**, IoU: the area that both boxes share, divided by the
# area that at least one of them covers. 0: nothing shared. 1: the same box. A box is written `(x1,
# y1, x2, y2)`: left, top, right, bottom.
#
# | | x1 | y1 | x2 | y2 | width x height | area |
# |---|---|---|---|---|---|---|
# | A | 10 | 10 | 50 | 50 | 40 x 40 | 1600 |
# | B | 30 | 20 | 70 | 60 | 40 x 40 | 1600 |
# | shared | max = 30 | max = 20 | min = 50 | min = 50 | 20 x 30 | 600 |
#
# The shared part begins where the *later* box begins and ends where the *earlier* one ends. IoU =
# 600 / (1600 + 1600 - 600) = 600 / 2600 = **0.23**. We subtract 600 once, because both areas count
# it.

# %% tags=["figure"]
A, B = (10.0, 10.0, 50.0, 50.0), (30.0, 20.0, 70.0, 60.0)
fig = figures.hand_boxes(A, B, title="Shared 600, union 2600: IoU 0.23")
alt = "Box A, dashed, from (10, 10) to (50, 50), and box B, solid, from (30, 20) to (70, 60). The "
plots.show(fig, alt=alt + "part they share is hatched, 20 wide and 30 high: IoU 0.23.")

# %% [markdown]
# ### What a wrong answer looks like
# You are about to write that for whole lists of boxes. Before you do, watch two classmates fail.
# The first divides by the area of A instead of the union. The second noticed that a test expects
# 1/3 and returns 1/3, always. (`run_check` only looks: nothing below counts as an attempt of
# yours.)


# %%
def by_own_area(a, b):
    return box_iof(a, b)


def always_a_third(a, b):
    return torch.full((len(a), len(b)), 1 / 3)


exercise = find_exercise("box_iou")
for wrong in (by_own_area, always_a_third):
    show_result(run_check(exercise, wrong, seed=0))
show_hint("box_iou", 1, exercise.hints, solution_link(exercise.lab, exercise.name))

# %% [markdown]
# Read such a message from the top: which **case** failed, what was **expected** and what you
# **got**, a **likely cause**. The cause is an informed guess, and for the second classmate it is
# wrong: a check sees answers, not thoughts. `repeat with` runs the same random numbers again. The
# last block is the first rung of the **hint ladder**: `check.hint("box_iou")` gives a question,
# called again the formula with shapes, then code with a gap, then the way to the solution. Hints
# are counted and cost nothing.
#
# ### Exercise - overlap (difficulty 2, 5 minutes)
# Write `box_iou(a, b)`: `a` is `(N, 4)`, `b` is `(M, 4)`, the answer `(N, M)`; row i, column j
# holds the IoU of box i of `a` with box j of `b`. `a[:, None, :2]` has the shape `(N, 1, 2)` and
# `b[None, :, :2]` `(1, M, 2)`; `torch.maximum` of the two compares every box with every box, `(N,
# M, 2)`, without a loop. Boxes that do not touch give 0.


# %% exercise="box_iou" difficulty=2 minutes=5 idea="The shared part runs from the larger left top to the smaller right bottom; clamp its sides at 0 before you multiply them." tags=["solution"]
def box_iou(a, b):
    """Return the IoU (N, M) of every box of a (N, 4) with every box of b (M, 4), both xyxy."""
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])  # (N, M, 2)
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])  # (N, M, 2)
    inter = (bottom_right - top_left).clamp(min=0).prod(dim=-1)  # (N, M)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(dim=-1) for x in (a, b))
    return inter / (area_a[:, None] + area_b[None, :] - inter)


# %% tags=["check"]
box_iou = check.box_iou(box_iou)

# %% [markdown]
# The check never stops the notebook. It hands back *your* function when it is right and the
# package's until then, so everything below runs either way, and you may come back later.

# %% tags=["nbval-check-output"]
overlap = box_iou(torch.tensor([A]), torch.tensor([B, A]))
print("A with B and with itself:", [round(value, 3) for value in overlap[0].tolist()])

# %% [markdown]
# ### See it move
# Box A is the detector's, box B is yours. **Try this:** (1) keep the size and slide B sideways:
# after which part of its width does a hit become a miss? (2) put B back and only shrink it: at
# which size? (3) find two very different places with an IoU of 0.5. Many tests call a box a hit
# from 0.5 on.

# %% tags=["widget"]
astronaut, faces = photos["Eileen Collins"], found["Eileen Collins"]
iou_explorer(astronaut, faces.boxes[0])

# %% [markdown]
# Answers: a third of the width, for then 2/3 is shared of 4/3, which is 0.5. And about 71 % of the
# side, for half the area is left. An IoU of 0.5 is less strict than it sounds: a box a third aside,
# or 40 % too wide and too high (1 / 1.96 = 0.51), still passes.
#
# ## 4. The pipeline, step by step
# ### Detect
# A detector is a function from a photo to `Faces`: boxes `(N, 4)`, scores `(N,)`, landmarks `(N, 5,
# 2)`, best face first.

# %%
for name, faces_of in found.items():
    for box, score in zip(faces_of.boxes.tolist(), faces_of.scores.tolist(), strict=True):
        corners = ", ".join(f"{value:.1f}" for value in box)
        print(f"{name:16s} box ({corners})  score {score:.4f}")

# %% [markdown]
# ### A score is not the truth
# Now the same detector, asked for everything it considered even for a moment: faces from 20 pixels,
# and nearly no threshold. **Slide the threshold:** which box is the last to go before the face, and
# what does it show? Could you choose a value that is right for every photo?

# %% tags=["widget"]
eager = facelab.load("mtcnn", min_face=20, thresholds=(0.3, 0.3, 0.0))
considered = eager(astronaut)
threshold_explorer(astronaut, considered)

# %% [markdown]
# The second best box lies on the suit, with a score of 0.87. The detector is rather sure, and
# wrong. Below its score you get a **false alarm**, far above it you begin to lose real faces
# elsewhere: each threshold is a decision about which mistake you prefer. Labs on detection measure
# both kinds.
#
# ### Align
# Five points have to move to five fixed places, the **template**. We allow turning, scaling and
# shifting, nothing that would change the shape of a face: four numbers for ten coordinates, so the
# fit is close but not exact.

# %% tags=["figure"]
crop = portraits["Eileen Collins"][0].crop
matrix = umeyama(faces.landmarks[0], template(112))  # (2, 3): turn, scale, shift
left_over = transform_points(matrix, faces.landmarks[0]) - template(112)  # (5, 2)
distance = float(left_over.norm(dim=1).mean())
fig = figures.onto_template(astronaut, faces[0], crop)
alt = "Five numbered points on a face, the five places of the template, and the aligned crop with "
plots.show(fig, alt=alt + f"both: they are {distance:.1f} pixels apart on average.")

# %% [markdown]
# ### Why it matters
# Suppose two crops of one person are compared pixel by pixel, and in one photo she holds her head
# askew. We turn the photo by 25 degrees and detect again.

# %%
gaps, views, drift = {}, {}, {}
for name, photo in photos.items():
    middle = (found[name].boxes[0, :2] + found[name].boxes[0, 2:]) / 2
    turn = figures.turning(middle, degrees=25)
    turned = figures.turned(photo, turn)
    again = detector(turned)
    pair = ((photo, found[name]), (turned, again))
    cut = [figures.cut_square(view, faces_in.boxes[0]) for view, faces_in in pair]
    views[name] = (cut, [pipeline(view)[0].crop for view, _ in pair])
    gaps[name] = [figures.grey_gap(*crops) for crops in views[name]]
    exact = transform_points(turn, found[name].landmarks[0])  # where the points should be now
    drift[name] = float((again.landmarks[0] - exact).norm(dim=1).mean())
before, after = gaps["Eileen Collins"]
predict(
    "start-turned",
    f"Cut along the boxes, straight and turned crop differ by {before:.0f} of 255 grey levels on "
    "average. And after alignment?",
    choices=["about 45", "about 25", "about 5"],
)

# %% tags=["reveal", "figure"]
near, far = drift.values()
predict.reveal(
    "start-turned",
    "about 5",
    why=f"""From {before:.0f} to {after:.0f}: turned back, her points are {near:.1f} pixels off on
    average. Grace Hopper's are {far:.1f} pixels off, and her crops only go from
    {gaps["Grace Hopper"][0]:.0f} to {gaps["Grace Hopper"][1]:.0f}.""",
)
fig = figures.before_after(["straight", "turned"], *views["Eileen Collins"])
alt = f"Upper row: crops along the box differ by {before:.0f} grey levels. Lower row: aligned "
plots.show(fig, alt=alt + f"crops look the same and differ by {after:.0f}.")

# %% [markdown]
# A net that compares faces need not learn what a tilted head is: the pipeline has removed it. But
# an alignment is as good as its points. A few pixels off, as in the second photo, and everything
# behind them is off too. Lab 02 is about points.
#
# ### Your own photo
# Put the path of a photo between the quotes, for example `"/home/me/beach.jpg"`, and run the two
# cells. It is read by this program on this machine, and **nothing leaves it**: no upload, no
# account, no count of use. Your guesses and solved exercises are one file in your own user folder.

# %%
my_photo = ""  # "" is a sample

# %% tags=["figure"]
photo = facelab.read_image(my_photo) if my_photo else samples.crowd(6)
mine, my_portraits = detector(photo), pipeline(photo)
height, width = photo.shape[:2]
labels = [str(number) for number in range(len(mine))]
title = f"Faces found: {len(mine)}, in {width} x {height} pixels"
fig = plots.boxes(photo, mine, labels=labels, title=title)
plots.show(fig, alt=f"A photo, {width} by {height} pixels, with {len(mine)} numbered boxes.")
if my_portraits:
    titles = [f"{number}: {one.score:.3f}" for number, one in enumerate(my_portraits[:16])]
    fig = plots.crops([one.crop for one in my_portraits[:16]], titles=titles)
    plots.show(fig, alt=f"The {len(titles)} surest faces, aligned, with their scores.")
else:
    print("No face found. Smaller than 40 pixels? Try detector.with_options(min_face=20).")

# %% [markdown]
# ### What joins later
# Each lab builds a room of the package, and each room makes the pipeline longer: better detectors,
# then *who is it?* (an embedding: 112 x 112 pixels become one vector, near for the same person),
# then ageing.

# %%
for lab in LABS:
    state = "open" if lab.available else "planned"
    print(f"{lab.number:02d}  {lab.room:12s} {lab.title:50s} {state}")

# %% [markdown]
# ## 5. The conventions on one screen
# Most bugs in vision code are two parts that agree on the numbers and not on their meaning.
# Everything here uses one set:
#
# | thing | how it is written |
# |---|---|
# | photo | `uint8`, `(height, width, 3)`, red green blue, 0 to 255; a pixel is `photo[y, x]` |
# | box | `x1, y1, x2, y2` in pixels; x2 and y2 are **exclusive**, so width = x2 - x1 |
# | landmarks | `(5, 2)`, x before y; **left is left in the image**, the person's right |
# | score | 0 to 1, higher is surer |

# %% tags=["figure"]
fig = figures.conventions(astronaut, faces[0])
x1, y1, x2, y2 = faces.boxes[0].round().int().tolist()
alt = f"Left: a face in the box ({x1}, {y1}, {x2}, {y2}), five points in order. Right: "
plots.show(fig, alt=alt + "box (2, 1, 6, 4) covers 4 by 3 pixels; column 6 and row 4 are outside.")
print("points:", figures.point_names())

# %% tags=["nbval-check-output"]
print("photo    ", astronaut.dtype, astronaut.shape)
print("one pixel", astronaut[300, 150].tolist(), "at x = 150, y = 300: her orange suit")
print("boxes    ", tuple(faces.boxes.shape), "landmarks", tuple(faces.landmarks.shape))
print("bgr      ", astronaut[300, 150, ::-1].tolist(), "what other libraries may hand you")

# %% [markdown]
# ## 6. Progress, honesty, help
# ### Where you are
# Solved exercises, hints and quiz answers, on this machine only. `facelab course status` prints the
# same in a terminal.

# %%
progress.show()

# %% [markdown]
# ### What we claim
# A course about papers must not trust papers, nor itself. Labs therefore end with a **claim
# table**: what the paper says, what we measured, on which data, how often, with which spread. It is
# read from result files that one command writes; nobody types a number. Four verdicts exist:
# *reproduced*, *partly*, *not reproduced*, *not attempted*. From lab 03, shortened:

# %% tags=["claim"]
for claim in claims.table("mtcnn").claims:
    text, _, ours, *_, verdict, _, _ = claim.cells()
    print(f"{verdict:16s}{text}: {ours.partition(' (')[0]}")

# %% [markdown]
# ### When you are stuck
# 1. Read the message of the check from the top.
# 2. Climb the ladder: `check.hint("box_iou")`.
# 3. Open *the idea* under the check; a link leads to the solution, in `solutions/` with all its
#    outputs.
# 4. Still wrong, or you think the course is? Open an issue in the repository you got it from. Name
#    the lab and the cell, paste the message and the table of `machine.show()`; it names neither you
#    nor your machine.
#
# ### Faces belong to people
# A face cannot be changed like a password. Finding the faces in your own album and scanning
# strangers in a street is the same code and not the same act; the difference is whether those
# people know and may say no. Use photos of people who agree. And a detector that works for the two
# portraits above has shown nothing about children, dark skin in bad light, veils or scars: where
# training data are rare, errors are not. Labs come back to this with measurements.
#
# ## 7. Recap
# - The pipeline so far: a photo, a **detector** (boxes, scores, five points), **alignment** (112 x
#   112).
# - **IoU** is shared area over covered area; its sides are clamped at 0 before they are multiplied.
# - A score is a statement about a window. A threshold chooses which mistakes you get.
# - Boxes are xyxy with x2 and y2 exclusive; photos RGB `[y, x]`; left is left in the image.
# - Guess, write, check, climb the ladder. A wrong answer never stops a lab.

# %%
quiz("00_start_here")

# %% [markdown]
# **Next:** [lab 03, MTCNN](03_mtcnn.ipynb), where you build the detector that you have just used.
