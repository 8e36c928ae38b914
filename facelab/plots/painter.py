"""Paint faces on a photo with cv2: for files and for live views, where matplotlib would be slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from facelab.plots.palette import rgb

if TYPE_CHECKING:
    from facelab.types import Faces

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def annotate(photo: np.ndarray, faces: Faces, *, role: str = "prediction") -> np.ndarray:
    """Return a copy of the photo with boxes, scores and landmarks.

    photo: (H, W, 3) uint8 RGB. The line width follows the photo's size; a white rim keeps lines
    visible on any background; a score stands above its box, or inside where there is no room. With
    role "truth" there are no scores to show.
    """
    canvas = np.ascontiguousarray(photo).copy()
    height, width = canvas.shape[:2]
    line = max(1, round((height * width) ** 0.5 / 300))
    colour = rgb(role)
    corners = np.round(faces.boxes.numpy()).astype(int)
    for x1, y1, x2, y2 in corners:
        for shade, thickness in (((255, 255, 255), line + 2), (colour, line)):
            cv2.rectangle(canvas, (int(x1), int(y1)), (int(x2) - 1, int(y2) - 1), shade, thickness)
    if faces.landmarks is not None:
        for points in faces.landmarks.numpy():
            for x, y in points[np.isfinite(points).all(axis=1)]:
                centre = (round(float(x)), round(float(y)))
                cv2.circle(canvas, centre, line + 1, (255, 255, 255), -1, cv2.LINE_AA)
                cv2.circle(canvas, centre, line, colour, -1, cv2.LINE_AA)
    if role == "truth":
        return canvas
    for (x1, y1, _, _), score in zip(corners, faces.scores.tolist(), strict=True):
        _label(canvas, f"{score:.2f}", int(x1), int(y1), line, colour)
    return canvas


def _label(
    canvas: np.ndarray, text: str, x: int, y: int, line: int, colour: tuple[int, int, int]
) -> None:
    """Write white text on a plate of the dark colour; the plate is kept inside the photo."""
    scale, thickness = 0.35 + 0.15 * line, max(1, line // 2)
    (text_width, text_height), below = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = 2 + line
    plate_height = text_height + below + pad
    top = y - plate_height if y >= plate_height else y
    left = int(np.clip(x, 0, max(0, canvas.shape[1] - text_width - 2 * pad)))
    top = int(np.clip(top, 0, max(0, canvas.shape[0] - plate_height)))
    dark = tuple(int(0.75 * channel) for channel in colour)
    corner = (left + text_width + 2 * pad, top + plate_height)
    cv2.rectangle(canvas, (left, top), corner, dark, -1)
    place = (left + pad, top + text_height + pad // 2)
    cv2.putText(canvas, text, place, _FONT, scale, (255, 255, 255), thickness, cv2.LINE_AA)
