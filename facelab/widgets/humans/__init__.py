"""Lab 01's widgets: one person on sliders, and a scene with its label table."""

from facelab.widgets.humans.person import person_explorer
from facelab.widgets.humans.scene import scene_composer

__all__ = ["person_explorer", "scene_composer"]
