"""A statistical head model and a batched differentiable renderer for it."""

from facelab.humans.head_model.camera import (
    CAMERA,
    LIGHT,
    focal_length,
    front_camera,
    portrait_light,
    project,
    turn,
)
from facelab.humans.head_model.model import HeadModel, Heads
from facelab.humans.head_model.renderer import Rendered, Renderer, to_display

__all__ = [
    "CAMERA",
    "LIGHT",
    "HeadModel",
    "Heads",
    "Rendered",
    "Renderer",
    "focal_length",
    "front_camera",
    "portrait_light",
    "project",
    "to_display",
    "turn",
]
