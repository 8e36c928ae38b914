"""Deep convolutional network cascade: five points in three levels (Sun, Wang, Tang, CVPR 2013).

cascade = facelab.load("dcnn_cascade")
points = cascade(photo, detector(photo).boxes)  # (N, 5, 2) in pixels
"""

from facelab.landmarks.dcnn_cascade.model import Bank, CascadeNets, Network
from facelab.landmarks.dcnn_cascade.predict import Cascade, Trace, fuse, load

__all__ = ["Bank", "Cascade", "CascadeNets", "Network", "Trace", "fuse", "load"]
