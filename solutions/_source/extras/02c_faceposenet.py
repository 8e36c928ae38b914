# ---
# Sequel 02c, FacePoseNet: the only source of both editions (notebooks/extras/, solutions/extras/).
# Build and execute it with `facelab course build 02c`.
# ---

# %% [markdown]
# # FacePoseNet: align without landmarks
#
# ## 1. The question
# Landmarks are a means. What we want is a face that always lies at the same place of the crop, so that a
# recogniser can compare it with others. Chang, Tran, Hassner, Masi, Nevatia and Medioni asked in 2017:
# why find landmarks at all? Regress the head's **pose** from the pixels, six numbers, and align by it.
#
# **After this notebook you can** say what is wrong with judging alignment by landmark error, write a pose
# as six numbers, find it from points, carry it through a 2-D map, and answer the question behind the
# title with numbers of your own.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch

import facelab
from facelab import plots, samples
from facelab.course import claims, predict
from facelab.course.records import home
from facelab.engine.budget import budget_table, current_budget
from facelab.geometry.alignment import align_faces, transform_points
from facelab.geometry.landmarks import to5
from facelab.humans import load_pack
from facelab.images import to_photo
from facelab.landmarks import faceposenet as fpn
from facelab.landmarks.faceposenet import expressions, study, targets, train
from facelab.plots import faceposenet as figures
from facelab.widgets.faceposenet import errors, pose_explorer
from facelab.widgets.training import live_losses

# %% tags=["figure"]
plots.style()
find = facelab.load("faceposenet")  # trained on people who do not exist
astronaut = samples.photo("astronaut")
box = facelab.load("mtcnn", min_face=60)(astronaut).boxes[:1]
pose = find(astronaut, box)
x1, y1, x2, y2 = pose.squares[0].round().int().clamp(min=0).tolist()
degrees = ", ".join(f"{math.degrees(a):.0f}°" for a in pose.angles[0])
fig, axes = plt.subplots(1, 3, figsize=(8, 2.9))
plots.photo(astronaut[y1:y2, x1:x2], ax=axes[0], title=f"yaw, pitch, roll: {degrees}")
figures.wire(axes[0], pose.project()[0] - torch.tensor([x1, y1]))
plots.photo(fpn.align_by_pose(astronaut, pose)[0], ax=axes[1], title="aligned by pose")
plots.photo(fpn.frontalise(astronaut, pose)[0], ax=axes[2], title="turned to the front")
plots.show(
    fig,
    alt="An astronaut's face with the wire of a generic head over it, aligned, and frontalised; "
    f"yaw, pitch and roll are {degrees}.",
)

# %% [markdown]
# The wire is not her face. It is a **generic head** that everybody shares, put where hers is.
#
# ## 2. Three criticisms of landmarks
# 1. **The metric.** $e = \frac{1}{m \lVert \hat p_l - \hat p_r \rVert} \sum_i \lVert p_i - \hat p_i \rVert$,
#    with $\hat p_l, \hat p_r$ the true outer eye corners. As the head turns, their distance goes to 0 and
#    $e$ to infinity, for the same error in pixels. And "the" point of a smooth jaw is ambiguous. So a
#    lower $e$ need not mean a better alignment.
# 2. **Speed.** Accurate detectors of the time were slow and sequential. That no detector ran on a GPU was
#    true of cascades of regressions; today's heatmap networks do, and this point is outdated.
# 3. **Expression and shape.** Landmarks move with a smile and with a long nose. An alignment fitted to
#    them moves too. A network trained against *one* rigid head is pushed to ignore both.
#
# The first can be computed without any face. Every point of the generic head errs by 2 mm:

# %% tags=["figure"]
yaws = range(0, 81, 5)
found = [errors(torch.tensor([math.radians(yaw), 0.0, 0.0]), 14.0) for yaw in yaws]
lines = {f"by {name}": [row[name] for row in found] for name in found[0]}
fig = figures.curves(
    yaws,
    lines,
    labels=("yaw (degrees)", "NME (%)"),
    title="The same 2 mm: the error grows as the ruler shrinks",
)
first, last = (row["outer eye corners"] for row in (found[0], found[-1]))
plots.show(
    fig,
    alt=f"NME over yaw: by outer eye corners it grows from {first:.1f} to {last:.1f} percent, by "
    "the size of the box it stays level.",
)

# %% [markdown]
# ## 3. A pose is six numbers
# A point $P$ of the head, in decimetres, is seen by a pinhole camera at
# $$p \sim A\,[R \mid t]\,P, \qquad
#   p = \tfrac12 + f\, \big( X / Z,\; Y / Z \big), \quad (X, Y, Z)^\top = R P + t.$$
# $t$ is three numbers. $R$ has nine, but only three are free: the **rotation vector** $w$, axis times
# angle in radians, with Rodrigues' formula $R = I + \frac{\sin\theta}{\theta} [w]_\times +
# \frac{1 - \cos\theta}{\theta^2} [w]_\times^2$ and $\theta = \lVert w \rVert$. No angle is special at
# $w = 0$, a face to the camera. The intrinsics $A$ are **fixed**: $f$ is five sides of the crop for
# everybody, as nobody tells us the lens. The crop is the square of the box's longer side, a quarter of it
# added on every edge.
#
# **Try this:** (1) turn the head to 80 degrees and read the three bars; (2) find a yaw and a pitch whose
# rotation vector has a third number although roll is 0; (3) change the distance: what changes beside the
# size?

# %% tags=["widget"]
pose_explorer()

# %% [markdown]
# ## 4. Labels: pose from points
# Nobody labels rotation vectors. The paper takes *easy* photos, where a landmark detector is right, and
# solves **PnP**: the pose whose projections lie nearest to the points,
# $\min_{w, t} \sum_i \lVert p_i - \hat p(w, t; P_i) \rVert^2$. We start with a weak perspective (linear
# least squares, rounded to the nearest rotation) and take Gauss-Newton steps: linearise, solve
# $J^\top J\, d = J^\top r$ in six unknowns, turn and move the head by $d$. All faces at once.

# %% tags=["figure"]
budget = current_budget(train.BUDGETS)
smoke = budget.name == "smoke"
held_out, config = load_pack(split="test"), train.Config()
count = 40 if smoke else 400
test = train.training_patches(
    held_out, budget=train.replace(budget, images=count), seed=1, config=config
)
exact = fpn.exact_pose(test)
plain = targets.into_windows(test.points, targets.pose_windows(len(test)))
for steps in range(5):
    solved = fpn.solve_pnp(plain, steps=steps)
    turn = (solved.rotations - exact.rotations).norm(dim=1).mean().rad2deg()
    print(f"{steps} steps: {solved.residuals.mean():.4f} of the crop left over, off by {turn:.4f}°")
some = torch.linspace(0, len(test) - 1, 5).long()
photos = [to_photo(crop) for crop in targets.plain_crops(test.select(some), 160)]
head = fpn.project(fpn.generic_head(), exact.rotations[some], exact.translations[some])
layers = {"truth": 160 * plain[some], "prediction": 160 * head}
yaws = [f"yaw {a:.0f}°" for a in exact.angles[some, 0].rad2deg()]
fig = figures.posed_faces(
    photos, layers, titles=yaws, title="Own points (dashed green), generic head (orange)"
)
plots.show(fig, alt="Five people with their own 68 points and the generic head fitted to them.")

# %% [markdown]
# What is left over is the person: a jaw that is wider, a smile. That is meant to be left over.
#
# **Hard images from easy ones.** Training turns, shrinks and shifts the *image* and maps the **label**
# through the same similarity $x \mapsto s R_\theta x + u$. A turn about the middle of the crop turns the
# head about the optical axis, exactly. A shift is answered by turning the camera, a change of size by
# moving the head along its line of sight. Both are approximations, since $A$ is fixed.

# %%
predict(
    "faceposenet-map",
    "A crop of 64 pixels is turned by 20°, grown by 10 %, shifted by 4. How far is the label off?",
    choices=["exactly 0", "below half a pixel", "1 to 2 pixels", "more than 2 pixels"],
)

# %% tags=["reveal"]
turn, scale = math.radians(20), 1.1
cos, sin = scale * math.cos(turn), scale * math.sin(turn)
linear = torch.tensor([[cos, -sin], [sin, cos]])
shift = torch.full((2,), 0.5 + 4 / 64) - linear @ torch.full((2,), 0.5)
change = torch.cat((linear, shift[:, None]), dim=1)  # in crop units
before = fpn.project(fpn.generic_head(), exact.rotations, exact.translations)
moved = fpn.moved(exact.rotations, exact.translations, change)
off = 64 * (fpn.project(fpn.generic_head(), *moved) - transform_points(change, before)).norm(dim=-1)
predict.reveal(
    "faceposenet-map",
    "below half a pixel",
    why=f"""Mean over {len(test)} faces and 68 points: {off.mean():.2f} pixels, at most
    {off.max():.2f}. Heads are small against their distance, so the approximations hold.""",
)

# %% [markdown]
# ## 5. The network
# AlexNet of 2012, whose last layer has six outputs instead of 1,000 classes; and our small build, four
# convolutions on 64 x 64 pixels. Six numbers of different units cannot share a loss: radians vary by 0.4,
# the distance by a decimetre. So labels are **standardised**, each by its own mean and deviation, and the
# L2 loss is taken there. Mean and deviation are buffers of the net, or its answers would mean nothing.

# %% tags=["nbval-check-output"]
from facelab.landmarks.faceposenet.model import count_macs

for build in (fpn.AlexPoseNet, fpn.SmallPoseNet):
    net = build()
    parameters = sum(p.numel() for p in net.parameters())
    macs = count_macs(net, net.side)
    print(f"{build.__name__:13s}{net.side:>4} px {parameters:>12,} parameters", end=" ")
    print(f"{macs:>12,} multiply-adds")

# %% [markdown]
# ## 6. Training
# Crops are moved anew in each step, labels with them, half of both mirrored: $w \to (w_x, -w_y, -w_z)$,
# $t \to (-t_x, t_y, t_z)$, which needs a symmetric head.

# %% tags=["gpu"]
people = train.training_patches(load_pack(split="train"), budget=budget, seed=0, config=config)
folder = home() / "runs" / "02c_faceposenet" / budget.name  # where a stopped run goes on
with live_losses(budget) as log:
    own = train.train(
        people, config=config, budget=budget, seed=0, folder=folder, on_log=log, bar=False
    )
budget_table(train.BUDGETS)

# %% tags=["figure"]
estimators = {"your training": fpn.FacePoseNet(own), "shipped weights": find}
fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
told = []
for ax, (name, estimator) in zip(axes, estimators.items(), strict=True):
    answers = estimator.on_patches(test)
    error = train.figures(estimator, test)
    told.append(f"{name}: yaw off by {error['yaw_degrees']:.1f}°,\n"
                f"five points by {error['nme_five_percent']:.1f} %")  # fmt: skip
    ax.plot([-90, 90], [-90, 90], color=plots.PALETTE["ignored"], lw=1)
    ax.plot(
        *(p.angles[:, 0].rad2deg() for p in (exact, answers)),
        ".",
        color=plots.PALETTE["prediction"],
    )
    ax.set(xlabel="yaw by PnP of the true points (degrees)", title=told[-1])
    ax.title.set_fontsize(10)
axes[0].set_ylabel("yaw of the net (degrees)")
own_error = error["nme_five_percent_of_pnp"]
print(f"the generic head itself, at the PnP pose: {own_error:.1f} % of the box width")
said = " ".join("; ".join(told).split())
plots.show(fig, alt=f"Predicted over true yaw of {len(test)} held-out pictures. {said}.")

# %% [markdown]
# Even the exact pose errs by several percent "as a landmark detector": the generic head's mouth is not
# yours. By criticism 1's own metric, FacePoseNet must look bad. Does it matter?
#
# ## 7. Aligning by pose
# **2-D:** project the generic head's eye centres, nose tip and mouth corners, fit the similarity that
# takes them to the course's template, warp. **3-D:** give every point of the head's surface the colour
# that the photo has where it projects to, and draw it from the front; what faces away is filled from the
# other half of the face.

# %% tags=["figure"]
turned = exact.angles[:, 0].abs().argsort()[[len(test) // 4, -len(test) // 3, -len(test) // 6]]
rows = []
for i in turned.tolist():
    photo, one = test.images[i].permute(1, 2, 0).numpy(), answers[[i]]
    one = fpn.Pose(one.rotations, one.translations, test.in_patch(one.squares))
    five = test.in_patch(to5(test.points[i : i + 1]))
    rows += [
        align_faces(photo, five)[0],
        fpn.align_by_pose(photo, one)[0],
        fpn.frontalise(photo, one)[0],
    ]
titles = [f"{how}" for _ in turned for how in ("true points", "pose, 2-D", "pose, 3-D")]
fig = plots.crops(rows, titles=titles, columns=9, title="Three people, each aligned in three ways")
plots.show(fig, alt="Crops of three turned faces by true points, by pose, and frontalised by pose.")

# %% [markdown]
# ## 8. The question behind the title
# **Does a lower landmark error mean better recognition?** Held-out people are aligned in many ways, and
# the same embedders verify pairs of the crops: same person or not? Ways that err by a *known* amount:
# true points with noise on **each point on its own**, and with one **shift of all five points**. In both,
# the landmark error is the same.

# %%
predict(
    "faceposenet-shift",
    "Each point errs by 5 % of the box width. Which costs recognition more?",
    choices=["each point on its own", "one shift of all points", "the same"],
)

# %% tags=["reveal", "figure"]
numbers = claims.results("alignment_recognition")
rows, auc = numbers["ways"], "fisher, any, AUC"
mean = {name: float(np.mean(row[auc])) for name, row in rows.items()}
predict.reveal(
    "faceposenet-shift",
    "one shift of all points",
    why=f"""AUC {mean["noise 5 %"]:.1f} with independent errors, {mean["shift 5 %"]:.1f} with a
    shift, {mean["truth"]:.1f} with true points. A similarity has four unknowns and five points tie
    it with ten numbers: independent errors are partly averaged away, a shift moves the whole
    crop.""",
)
fig = figures.ways(
    {name: row for name, row in rows.items() if name != "box only"},  # far off to the right
    errors=("landmark error", "crop error"),
    figure=auc,
    named=("cascade", "pose, exact", "truth", "pose, net"),
    title="Landmark error does not order the ways of aligning; misplaced crops do so better",
)
plots.show(
    fig,
    alt=f"AUC over landmark error and over misplacement of the crop. At 5 percent landmark error "
    f"noise gives {mean['noise 5 %']:.1f} and shifts {mean['shift 5 %']:.1f}; exact poses give "
    f"{mean['pose, exact']:.1f}, true points {mean['truth']:.1f}.",
)

# %% [markdown]
# Errors are in percent of the box width (left) and of the distance between the eyes in the crop (right).
# The embedder is Fisher's discriminants on gradient histograms, trained on other people aligned by their
# true points; the file also holds two that learnt nothing. On your own draw, misplaced crops:

# %%
five, widths = to5(test.points), test.widths
generator = torch.Generator().manual_seed(0)
trials = {"pose, exact": exact.landmarks(), "pose, net": answers.landmarks()}
for shared, name in ((False, "noise 5 %"), (True, "shift 5 %")):
    trials[name] = study.jittered(five, widths, 0.05, generator=generator, shared=shared)
for name, points in trials.items():
    landmark = 100 * ((points - five).norm(dim=-1).mean(dim=1) / widths).mean()
    crop = 100 * study.crop_error(points, five).mean()
    print(f"{name:12s} landmark error {landmark:4.1f} % of box,", end=" ")
    print(f"crop off by {crop:4.1f} % of eye distance")

# %% [markdown]
# ### Expression
# Criticism 3: heads of the statistical model hold still and change their faces. True eyes do not move, so
# what they move in the aligned crops is the alignment's own doing.

# %% tags=["figure"]
names = ("calm", "smile", "open mouth") if smoke else tuple(expressions.EXPRESSIONS)
chosen = {name: expressions.EXPRESSIONS[name] for name in names}
faces = expressions.faces_with_expressions(
    2 if smoke else 4, generator=torch.Generator().manual_seed(3), expressions=chosen
)
ways = {
    "five true points": to5(faces.patches.points),
    "pose, all points": fpn.exact_pose(faces.patches).landmarks(),
    "pose, steady points": fpn.exact_pose(faces.patches, weights=fpn.steady_weights()).landmarks(),
    "pose, net": find.on_patches(faces.patches).landmarks(),
}
moves = {name: float(expressions.eye_jitter(points, faces).mean()) for name, points in ways.items()}
for name, value in moves.items():
    print(f"{name:20s} eyes move by {value:.2f} % of their distance")
crops = [image.permute(1, 2, 0).numpy() for image in faces.patches.images[: len(names)]]
fig = plots.crops(crops, titles=names, columns=len(names), title="One head, one pose")
plots.show(fig, alt=f"One drawn head with {len(names)} expressions, in the same pose each time.")

# %% [markdown]
# A pose is only as steady as what it was fitted to. PnP over *all* 68 points takes an opening mouth for a
# nod; trusting nose and eyes more than chin, brows and mouth cures most of it, at hardly any cost in
# landmark error. The network learns what its labels say: `Config(steady=True)` trains on the steady ones.
#
# ## 9. What the paper claims, and what we measured
# The paper's recognition results (IJB-A, IJB-B) are quoted as a direction only; its numbers are not
# verified here.

# %% tags=["claim"]
claims.table("faceposenet")

# %% [markdown]
# ## 10. Limits
# - **One shape, no expression.** A child's head and a man's get the same 68 points: distance and size of
#   the head cannot be told apart.
# - **Fixed camera.** A selfie at arm's length and a portrait from afar look different; the net must call
#   both by one focal length.
# - **No second look.** A landmark cascade corrects itself on finer crops; here one glance at 64 pixels
#   decides, and a box that is off is only partly made good.
# - **Our test is small**, its people are synthetic, and its embedders are simple. They were trained or
#   designed for crops by true points, which favours landmarks.
#
# ## 11. Further reading
# - Chang, Tran, Hassner, Masi, Nevatia, Medioni. *FacePoseNet: Making a Case for Landmark-Free Face
#   Alignment.* ICCV workshops 2017. The paper. In 2018 the authors released a ResNet-101 that predicts a
#   weak perspective instead; that is a different model.
# - Hassner, Harel, Paz, Enbar. *Effective Face Frontalization in Unconstrained Images.* CVPR 2015.
# - Lepetit, Moreno-Noguer, Fua. *EPnP: An Accurate O(n) Solution to the PnP Problem.* IJCV 2009.
# - Belhumeur, Hespanha, Kriegman. *Eigenfaces vs. Fisherfaces.* PAMI 1997. Our embedder's grandparents.
