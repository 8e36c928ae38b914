"""The course's own people: sampled, rendered with exact labels, composed into scenes, shipped as a
pack.

    from facelab.humans import Human, View, render          (drawing people; needs numba)
    from facelab.humans import load_pack, compose           (the people that ship, and scenes)

| Room           | Holds                                                                       |
| -------------- | --------------------------------------------------------------------------- |
| `person/`      | who people are and how a photo shows them: identity, age, look, view, light |
| `worn/`        | hair, glasses, hats, masks, hands, clothes: meshes fitted on anyone         |
| `rendering/`   | from a person and a view to a picture with labels                           |
| `packs/`       | sprites in files: rendering, writing, reading and describing them           |
| `scenery/`     | photos composed of many people: places, bodies, distractors, camera         |
| `tasks/`       | what training asks for: crops, pairs, patches, scenes, batches              |
| `head_model/`  | a statistical head and a differentiable renderer                            |
| `asset_tools/` | rebuild the renderer's assets from the public MakeHuman files               |
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facelab.humans.packs.pack import load_pack
    from facelab.humans.person.people import Human
    from facelab.humans.person.views import View
    from facelab.humans.rendering.render import render
    from facelab.humans.scenery.scenes import compose

__all__ = ["Human", "View", "compose", "load_pack", "render"]

_HOMES = {
    "Human": "person.people",
    "View": "person.views",
    "compose": "scenery.scenes",
    "load_pack": "packs.pack",
    "render": "rendering.render",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that loading a pack does not load the renderer."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
