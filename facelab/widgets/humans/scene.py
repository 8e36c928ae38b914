"""The scene composer: how many people, how large, how blurred and hidden, and what the labels say.

Each move composes the scene anew from the same seed, so that what is not moved stays: the same
people in the same places wherever the settings allow it. Drawings are in `scene_views`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets as widgets

from facelab.humans.scenery.scenes import SceneConfig, compose
from facelab.humans.sprites import SpriteSource
from facelab.types import Scene
from facelab.widgets.base import (
    Choice,
    Controls,
    PictureView,
    Slider,
    SvgView,
    Twin,
    side_by_side,
    with_static,
)
from facelab.widgets.humans.scene_views import (
    LEGEND,
    Setting,
    draw_sizes,
    label_table,
    paint,
    sentence,
    settings_figure,
)

SIZE = (330, 440)  # of the scene, pixels: small enough to answer at once
SHOWN = 560  # CSS pixels of the picture's width
MOST = 40  # faces
LARGEST = 200  # pixels: a close-up in a picture of this size

ARRANGED = {"any": None, "anywhere": "scatter", "a street": "street", "rows": "rows"}
SETTINGS: dict[str, dict[str, Any]] = {
    "Eight people, 20 to 80 px": {},
    "The same, out of focus": {"blur": 4},
    "Forty people, 6 to 60 px": {"faces": 40, "smallest": 6, "largest": 60, "hide": 40},
}
"""Settings of the static twin; what is not named is as at the start."""


def scene_composer(source: SpriteSource, *, seed: int = 7) -> Twin:
    """Compose scenes on sliders: faces, their sizes, blur, occlusion, seed; with the label table.

    source: the people, for example the shipped pack. seed: of the first scene.
    Raises ValueError when the source is empty.
    """
    if len(source) == 0:
        raise ValueError("source: no sprites, so there is nobody to compose a scene of")
    picture = PictureView(alt="A composed scene with the labelled boxes of its faces", width=SHOWN)
    sizes, table, said = SvgView(), widgets.HTML(), widgets.HTML()
    controls = Controls(*_controls(seed))

    def draw(**moved: Any) -> None:
        scene = composed(source, **moved)
        picture.show(paint(scene, width=SHOWN))
        draw_sizes(sizes, scene)
        table.value = label_table(scene)
        said.value = f'<div role="status">{sentence(scene)}</div>'

    controls.on_change(draw)
    seen = widgets.VBox([picture.view, widgets.HTML(LEGEND)])
    names = list(controls)
    left, right = (
        widgets.VBox([controls[name] for name in half]) for half in (names[:4], names[4:])
    )
    above, below = side_by_side(left, right), side_by_side(seen, sizes.view)
    page = widgets.VBox([above, controls.button, said, below, table])
    start = controls.values()
    columns = [
        Setting(name, composed(source, **(start | changes))) for name, changes in SETTINGS.items()
    ]
    alt = "Three scenes of the same seed. " + " ".join(column.sentence() for column in columns)
    return with_static(page, static=lambda: settings_figure(columns), alt=alt, controls=controls)


def _controls(seed: int) -> list[Slider | Choice]:
    """Describe the controls; all wait for the end of a drag, since each composes anew."""
    slider = partial(Slider, continuous=False)
    return [
        slider("faces", 8, min=0, max=MOST, step=1, label="people"),
        slider("smallest", 20, min=4, max=100, step=2, label="smallest face", unit="px"),
        slider("largest", 80, min=6, max=LARGEST, step=2, label="largest face", unit="px"),
        slider("blur", 0.0, min=0.0, max=4.0, step=0.25, label="blur, sigma", unit="px"),
        slider("hide", 16, min=0, max=100, step=4, label="behind others", unit="%"),
        slider("camera", 40, min=0, max=200, step=20, label="camera faults", unit="%"),
        slider("seed", seed, min=0, max=max(99, seed), step=1),
        Choice("arranged", "street", options=ARRANGED),
    ]


def composed(
    source: SpriteSource,
    *,
    faces: float,
    smallest: float,
    largest: float,
    blur: float,
    hide: float,
    camera: float,
    seed: float,
    arranged: str | None,
) -> Scene:
    """Compose the scene of some values of the controls.

    hide: percent. camera: strength of its faults, percent. arranged: a layout, or None for any. A
    largest size below the smallest counts as the smallest.
    """
    config = SceneConfig(
        layout=arranged,
        smallest=float(smallest),
        sizes=(float(smallest), float(max(smallest, largest))),
        blur=float(blur),
        degrade=camera / 100,
        hide=hide / 100,
    )
    return compose(source, seed=int(seed), size=SIZE, faces=int(faces), config=config)
