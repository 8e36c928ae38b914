# ---
# A lab in miniature: it has every kind of cell, and is not a lab of the course.
# ---

# %% [markdown]
# # Which boxes overlap?
# One sentence.

# %%
import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
import torch
from tqdm import tqdm

from facelab import plots
from facelab.course import check, predict
from facelab.widgets.base import Controls, PictureView, Slider, with_static

plots.style()

# %% tags=["figure"]
fig, ax = plt.subplots(figsize=plots.NARROW)
ax.plot([0, 1, 2], [0, 1, 4])
plots.show(fig, alt="A curve that rises faster and faster, from 0 to 4.")

# %%
predict("sample-area", "How many pixels has a box of 10 by 20?", unit="pixels")

# %% tags=["reveal"]
predict.reveal("sample-area", 200, why="Width times height.")

# %% [markdown]
# ## Exercise 1 - overlap (difficulty 2, 10 minutes)
# Write `box_iou(a, b)`: (N, 4), (M, 4) -> (N, M).


# %% exercise="box_iou" difficulty=2 minutes=10 idea="Clamp the shared width and height at zero before multiplying." tags=["solution"]
@torch.no_grad()
def box_iou(
    a: torch.Tensor,  # (N, 4)
    b: torch.Tensor,
) -> torch.Tensor:  # (N, M)
    """Return the overlap of every box of a with every box of b."""
    # the secret of the solution
    top_left = torch.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = (bottom_right - top_left).clamp(min=0).prod(dim=-1)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).prod(dim=-1) for x in (a, b))
    return inter / (area_a[:, None] + area_b[None, :] - inter)


# %% tags=["check"]
box_iou = check.box_iou(box_iou)

# %% tags=["hint-1"]
top_left = torch.maximum(..., ...)

# %% tags=["instructor"]
print("for the instructor only")

# %% [markdown]
# ## See it move

# %%
for _ in tqdm(range(3)):
    pass

# %% tags=["nbval-check-output"]
overlap = box_iou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[0.0, 0, 2, 1]]))
print(f"overlap {overlap.item():.2f}")

# %% tags=["widget"]
picture = PictureView(alt="A grey square that gets brighter.", width=64)
controls = Controls(Slider("level", 100, min=0, max=255, step=5, label="brightness"))
controls.on_change(lambda level: picture.show(np.full((64, 64, 3), level, np.uint8)))
with_static(
    widgets.VBox([controls.box, picture.view]),
    alt="A grey square of medium brightness.",
    controls=controls,
)
