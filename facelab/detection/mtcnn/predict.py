"""Find faces with the cascade: pyramid, P-Net, R-Net, O-Net, and what happens between them.

| Step              | Here                 | Released code             | Note                      |
| ----------------- | -------------------- | ------------------------- | ------------------------- |
| smallest face     | `min_face`           | 20 px                     | 10 for WIDER FACE         |
| pyramid factor    | `factor`             | 0.709                     | halves a level's area     |
| score thresholds  | `thresholds`         | 0.6, 0.7, 0.7             | P-, R-, O-Net             |
| P-Net suppression | `nms_thresholds[:2]` | 0.5 per level, 0.7 across | before the offsets        |
| R-Net suppression | `nms_thresholds[2]`  | 0.7                       | then offsets, squares     |
| O-Net suppression | `nms_thresholds[3]`  | 0.7, min area             | after the offsets         |
| landmarks         | `landmarks`          | in the cropped square     | not in the calibrated box |

The letter calibrates P-Net's windows before suppressing them, the authors' code after; the code is
followed, and `calibrate_first=True` gives the letter's order. Source: Zhang et al., 2016, section
II, and the authors' code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import torch
from torch import Tensor, nn

from facelab.detection.mtcnn.conventions import Convention, Facenet, HalfOpen
from facelab.detection.mtcnn.model import (
    ONET_MACS,
    RNET_MACS,
    STRIDE,
    WINDOW,
    ONet,
    Output,
    PNet,
    RNet,
    map_side,
    pnet_macs,
)
from facelab.geometry.boxes import square_boxes
from facelab.geometry.nms import batched_nms, nms
from facelab.geometry.pyramid import pyramid_scales
from facelab.images import as_photo
from facelab.types import Faces

CONVENTIONS: dict[str | None, type[Convention]] = {None: HalfOpen, "facenet": Facenet}
BATCH = {24: 256, 48: 64}  # crops of a side in one forward pass: bounds the memory
CELLS = 2**20  # of P-Net's maps that are held at once, for the same reason
SMALL = 2**12  # cells of a level that is looked at together with others


@dataclass(frozen=True, kw_only=True)
class MTCNNConfig:
    """The numbers of the inference; see the table at the top of this file.

    Raises ValueError that names the option when a value is outside its range.
    """

    min_face: float = 20.0
    factor: float = 0.709
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    nms_thresholds: tuple[float, float, float, float] = (0.5, 0.7, 0.7, 0.7)
    calibrate_first: bool = False
    compat: str | None = None

    def __post_init__(self) -> None:
        if not self.min_face >= 1:
            raise ValueError(f"min_face is in pixels, at least 1; got {self.min_face}")
        if not 0 < self.factor < 1:
            raise ValueError(f"factor must lie in (0, 1); got {self.factor}")
        for name, count in (("thresholds", 3), ("nms_thresholds", 4)):
            values = getattr(self, name)
            if len(values) != count or not all(0 <= value <= 1 for value in values):
                raise ValueError(f"{name}: expected {count} numbers in [0, 1]; got {values}")
        if self.compat not in CONVENTIONS:
            raise ValueError(f"compat must be None or 'facenet'; got {self.compat!r}")


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: its scale, size, windows looked at, multiply-adds, and windows that
    passed."""

    scale: float
    height: int
    width: int
    windows: int
    macs: int
    passed: int


@dataclass(frozen=True)
class Stage:
    """What one net did: candidates looked at, those above its threshold, and those left after
    suppression.

    `passed` holds boxes as they entered the net; `keep` (K,) int64 are the places of the survivors
    in it, and `kept` holds these calibrated, as the stage hands them on (squares after P- and
    R-Net). `macs` counts multiply-adds, `seconds` is wall-clock time, suppression included.
    """

    name: str
    looked_at: int
    passed: Faces
    keep: Tensor
    kept: Faces
    macs: int
    seconds: float


@dataclass(frozen=True)
class Trace:
    """One detection, stage by stage."""

    levels: list[Level]
    stages: dict[str, Stage]
    faces: Faces


class Strip(NamedTuple):
    """Some rows of P-Net's map of a level: `features` (cells, 32) that its heads read."""

    level: int
    first_row: int
    columns: int
    features: Tensor


class Windows(NamedTuple):
    """Cells above P-Net's threshold: places and scores (N,) on the CPU, features (N, 32)."""

    levels: Tensor
    rows: Tensor
    cols: Tensor
    scores: Tensor
    features: Tensor


class MTCNN:
    """The whole detector: one uint8 RGB photo (H, W, 3) in, `Faces` with five landmarks out.

    Options are those of `MTCNNConfig`. The nets run on the device they are on and in evaluation
    mode.
    """

    def __init__(
        self,
        pnet: PNet,
        rnet: RNet,
        onet: ONet,
        *,
        config: MTCNNConfig | None = None,
        **options: Any,
    ) -> None:
        self.config = replace(config or MTCNNConfig(), **options)
        self.pnet, self.rnet, self.onet = pnet.eval(), rnet.eval(), onet.eval()
        # Freed once, a block of 30 MB makes glibc keep memory of that size instead of handing it
        # back and clearing it anew for every photo: a fifth of the time on a CPU.
        torch.empty(30 * 2**20, dtype=torch.uint8)

    def with_options(self, **options: Any) -> MTCNN:
        """Give a detector with the same nets and other options."""
        return MTCNN(self.pnet, self.rnet, self.onet, config=self.config, **options)

    def to(self, device: torch.device | str) -> MTCNN:
        """Move the nets to a device; photos are cut on the CPU and results come back to it."""
        for net in (self.pnet, self.rnet, self.onet):
            net.to(device)
        return self

    @overload
    def __call__(self, photos: np.ndarray) -> Faces: ...
    @overload
    def __call__(self, photos: Sequence[np.ndarray]) -> list[Faces]: ...
    def __call__(self, photos: np.ndarray | Sequence[np.ndarray]) -> Faces | list[Faces]:
        """Find the faces of one photo or of each of several, best first.

        Raises ImageError when a photo is not a uint8 array of shape (H, W, 3).
        """
        if isinstance(photos, np.ndarray):
            return self.trace(photos).faces
        return [self.trace(photo).faces for photo in photos]

    @torch.inference_mode()
    def trace(self, photo: np.ndarray) -> Trace:
        """Find faces and keep a record of every stage."""
        photo = as_photo(photo)
        view = CONVENTIONS[self.config.compat](photo)
        levels, pnet = self._propose(photo.shape[0], photo.shape[1], view)
        rnet = self._refine(view, pnet.kept.boxes)
        onet = self._finish(view, rnet.kept.boxes)
        return Trace(levels, {"pnet": pnet, "rnet": rnet, "onet": onet}, onet.kept)

    @torch.inference_mode()
    def candidates(self, photo: np.ndarray, net: Literal["rnet", "onet"]) -> Tensor:
        """Give the squares (N, 4) that R- or O-Net is asked about; those after it do not run.

        Raises ImageError as a call does, ValueError for another net.
        """
        if net not in ("rnet", "onet"):
            raise ValueError(f"net: expected rnet or onet, got {net!r}")
        photo = as_photo(photo)
        view = CONVENTIONS[self.config.compat](photo)
        squares = self._propose(photo.shape[0], photo.shape[1], view)[1].kept.boxes
        if net == "onet":
            squares = self._refine(view, squares).kept.boxes
        return squares[view.fit(squares)]

    def _propose(self, height: int, width: int, view: Convention) -> tuple[list[Level], Stage]:
        """P-Net on every level; suppression per level, then across levels; offsets; squares."""
        started = perf_counter()
        config = self.config
        sizes: list[tuple[float, int, int]] = []  # scale, height and width of each level
        small: dict[int, Tensor] = {}
        strips: list[Strip] = []
        found: list[Windows] = []
        for scale in pyramid_scales(height, width, min_face=config.min_face, factor=config.factor):
            image = view.level(scale)  # (1, 3, h, w)
            number, (h, w) = len(sizes), image.shape[2:]
            sizes.append((scale, h, w))
            if map_side(h) * map_side(w) <= SMALL:
                small[number] = image
                continue
            for strip in self._strips(number, image):
                strips.append(strip)
                if sum(len(x.features) for x in strips) >= CELLS:
                    found.append(self._above(strips))
                    strips = []
        found.append(self._above(strips + self._together(small)))
        level, rows, cols, scores, features = map(torch.cat, zip(*found, strict=True))
        counts = level.bincount(minlength=len(sizes)).tolist()
        levels = [
            Level(scale, h, w, map_side(h) * map_side(w), pnet_macs(h, w), count)
            for (scale, h, w), count in zip(sizes, counts, strict=True)
        ]
        scales = torch.tensor([x.scale for x in levels])[level]  # (N,) float32, as the maps
        boxes = view.windows(rows, cols, scales)  # (N, 4)
        passed = Faces(boxes, scores)
        # offsets only where they are needed: the box head on the features of the chosen cells
        deltas = self.pnet.box(features[:, :, None, None]).flatten(1).cpu()  # (N, 4)
        if config.calibrate_first:
            boxes, deltas = view.calibrate_window(boxes, deltas), torch.zeros_like(deltas)
        keep = batched_nms(boxes, scores, level, config.nms_thresholds[0])
        keep = keep[nms(boxes[keep], scores[keep], config.nms_thresholds[1])]
        squares = square_boxes(view.calibrate_window(boxes[keep], deltas[keep]))
        kept = Faces(squares, scores[keep])
        looked_at, macs = sum(x.windows for x in levels), sum(x.macs for x in levels)
        seconds = perf_counter() - started
        return levels, Stage("pnet", looked_at, passed, keep, kept, macs, seconds)

    def _refine(self, view: Convention, boxes: Tensor) -> Stage:
        """R-Net on 24x24 crops; suppression; offsets; squares."""
        started = perf_counter()
        boxes = boxes[view.fit(boxes)]
        scores, deltas, _ = _run(self.rnet, view, boxes, 24)
        above = scores > self.config.thresholds[1]
        passed = Faces(boxes[above], scores[above])
        keep = nms(passed.boxes, passed.scores, self.config.nms_thresholds[2])
        squares = square_boxes(view.calibrate(passed.boxes[keep], deltas[above][keep]))
        kept = Faces(squares, passed.scores[keep])
        macs, seconds = len(boxes) * RNET_MACS, perf_counter() - started
        return Stage("rnet", len(boxes), passed, keep, kept, macs, seconds)

    def _finish(self, view: Convention, boxes: Tensor) -> Stage:
        """O-Net on 48x48 crops; landmarks in the cropped square; offsets; suppression."""
        started = perf_counter()
        boxes = boxes[view.fit(boxes)]
        scores, deltas, points = _run(self.onet, view, boxes, 48)
        above = scores > self.config.thresholds[2]
        landmarks = view.landmarks(boxes[above], points[above])
        passed = Faces(boxes[above], scores[above], landmarks)
        final = view.calibrate(passed.boxes, deltas[above])
        keep = view.final_nms(final, passed.scores, self.config.nms_thresholds[3])
        kept = Faces(final[keep], passed.scores[keep], landmarks[keep])
        macs, seconds = len(boxes) * ONET_MACS, perf_counter() - started
        return Stage("onet", len(boxes), passed, keep, kept, macs, seconds)

    def _strips(self, level: int, image: Tensor) -> Iterator[Strip]:
        """Run P-Net's trunk over a level (1, 3, h, w), about `CELLS` cells at once."""
        rows, columns = (map_side(side) for side in image.shape[2:])
        rows_at_once = max(1, CELLS // columns)
        for first in range(0, rows, rows_at_once):
            last = min(first + rows_at_once, rows)
            part = image[:, :, STRIDE * first : STRIDE * (last - 1) + WINDOW]
            features = self.pnet.features(part.to(_device(self.pnet)))  # (1, 32, last - first, w)
            yield _strip(level, first, features)

    def _together(self, images: dict[int, Tensor]) -> list[Strip]:
        """Run P-Net's trunk over small levels, by their numbers, in one pass."""
        if not images:
            return []
        pixels = [image.to(_device(self.pnet)) for image in images.values()]
        maps = self.pnet.features_of(*pixels)
        return [_strip(level, 0, features) for level, features in zip(images, maps, strict=True)]

    def _above(self, strips: Sequence[Strip]) -> Windows:
        """Find the cells above P-Net's threshold, in all strips at once: many levels are small.

        The softmax score of "face" needs the difference of the two logits only, and that is one
        linear map: half the work.
        """
        nothing = torch.zeros(0, 32, device=_device(self.pnet))
        weight, bias = (x.squeeze() for x in self.pnet.face.parameters())  # (2, 32), (2,)
        logits = [x.features @ (weight[1] - weight[0]) for x in strips]  # (cells,) each
        scores = (torch.cat([nothing[:, 0], *logits]) + (bias[1] - bias[0])).sigmoid_()
        chosen = (scores >= self.config.thresholds[0]).nonzero().squeeze(1)  # (N,)
        cells, scores = chosen.cpu(), scores[chosen].cpu()
        counts = torch.tensor([len(x.features) for x in strips], dtype=torch.int64)
        ends = counts.cumsum(0)
        strip = torch.searchsorted(ends, cells, right=True)  # (N,) which one each lies in
        cells -= (ends - counts)[strip]
        level, first_row, columns = (
            torch.tensor([x[place] for x in strips], dtype=torch.int64)[strip] for place in range(3)
        )
        parts = cells.split(strip.bincount(minlength=len(strips)).tolist())
        features = [x.features[part] for x, part in zip(strips, parts, strict=True)]
        rows = first_row + cells // columns
        return Windows(level, rows, cells % columns, scores, torch.cat([nothing, *features]))


def _strip(level: int, first_row: int, features: Tensor) -> Strip:  # (1, 32, rows, columns)
    return Strip(level, first_row, features.shape[3], features[0].permute(1, 2, 0).flatten(0, 1))


def face_probability(logits: Tensor) -> Tensor:
    """Softmax over (B, 2, ...) logits, channel 1: for two classes the sigmoid of their difference,
    (B, ...)."""
    return torch.sigmoid(logits[:, 1] - logits[:, 0])


def _run(
    net: nn.Module, view: Convention, boxes: Tensor, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Scores (N,), offsets (N, 4) and landmarks (N, 10) of all boxes, in batches."""
    parts = [(torch.zeros(0), torch.zeros(0, 4), torch.zeros(0, 10))]
    for chunk in boxes.split(BATCH[size]) if len(boxes) else ():
        output: Output = net(view.crops(chunk, size).to(_device(net)))
        points = (
            output.landmarks
            if output.landmarks is not None
            else output.deltas.new_zeros(len(chunk), 10)
        )
        parts.append((face_probability(output.logits).cpu(), output.deltas.cpu(), points.cpu()))
    scores, deltas, points = (torch.cat(column) for column in zip(*parts, strict=True))
    return scores, deltas, points


def _device(net: nn.Module) -> torch.device:
    return next(net.parameters()).device
