"""Lab 03's widgets: the cascade on sliders, and the three terms of its loss."""

from facelab.widgets.mtcnn.cascade import cascade_explorer
from facelab.widgets.mtcnn.loss import loss_explorer

__all__ = ["cascade_explorer", "loss_explorer"]
