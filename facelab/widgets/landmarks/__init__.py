"""Lab 02's widgets: the cascade level by level, the surface of an error, losses of a training."""

from facelab.widgets.landmarks.history import training_view
from facelab.widgets.landmarks.stepper import cascade_stepper
from facelab.widgets.landmarks.surface import error_surface

__all__ = ["cascade_stepper", "error_surface", "training_view"]
