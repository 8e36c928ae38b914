"""MTCNN, the cascade of three small nets (Zhang et al., 2016)."""

from facelab.detection.mtcnn.losses import multitask_loss, ohem
from facelab.detection.mtcnn.model import ONet, PNet, RNet
from facelab.detection.mtcnn.predict import MTCNN, Level, MTCNNConfig, Stage, Trace

__all__ = [
    "MTCNN",
    "Level",
    "MTCNNConfig",
    "ONet",
    "PNet",
    "RNet",
    "Stage",
    "Trace",
    "multitask_loss",
    "ohem",
]
