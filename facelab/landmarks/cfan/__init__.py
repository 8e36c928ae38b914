"""CFAN: five points by stacked auto-encoders, global, then local on rising resolution (2014)."""

from facelab.landmarks.cfan.descriptors import gradient_histograms
from facelab.landmarks.cfan.model import PAPER, Build, CFANNet, StackedAutoEncoder
from facelab.landmarks.cfan.predict import CFAN, Trace, load

__all__ = [
    "CFAN",
    "PAPER",
    "Build",
    "CFANNet",
    "StackedAutoEncoder",
    "Trace",
    "gradient_histograms",
    "load",
]
