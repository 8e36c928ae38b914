"""FacePoseNet: six degrees of freedom of a face, and alignment, without landmarks (2017)."""

from facelab.landmarks.faceposenet.alignment import align_by_pose, frontalise
from facelab.landmarks.faceposenet.camera import FOCAL, mirrored, moved, project
from facelab.landmarks.faceposenet.head import generic_head, reference_points
from facelab.landmarks.faceposenet.model import AlexPoseNet, PoseNet, Poses, SmallPoseNet, pose_loss
from facelab.landmarks.faceposenet.pnp import Solved, solve_pnp
from facelab.landmarks.faceposenet.predict import FacePoseNet, Pose, exact_pose
from facelab.landmarks.faceposenet.targets import pose_labels, pose_squares, steady_weights

__all__ = [
    "FOCAL",
    "AlexPoseNet",
    "FacePoseNet",
    "Pose",
    "PoseNet",
    "Poses",
    "SmallPoseNet",
    "Solved",
    "align_by_pose",
    "exact_pose",
    "frontalise",
    "generic_head",
    "mirrored",
    "moved",
    "pose_labels",
    "pose_loss",
    "pose_squares",
    "project",
    "reference_points",
    "solve_pnp",
    "steady_weights",
]
