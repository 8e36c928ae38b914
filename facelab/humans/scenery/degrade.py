"""What a camera, a file format and a printer do to a picture; labels stay as they are.

| Step         | Does                                                              |
| ------------ | ----------------------------------------------------------------- |
| `gamma`      | exposure, contrast and tone curve, burnt-out lights, crushed dark |
| `low_light`  | darkness with the noise of a high sensitivity                     |
| `colour`     | white balance, saturation, coloured light                         |
| `vignette`   | darker corners                                                    |
| `blur`       | a lens out of focus                                               |
| `motion`     | a moving camera                                                   |
| `downsample` | fewer pixels: shrunk as a camera does, enlarged again             |
| `noise`      | of the sensor, stronger in brightness, with some colour           |
| `sharpen`    | the camera's own                                                  |
| `grey`       | black and white, or sepia                                         |
| `print`      | a photographed screen or halftone print                           |
| `jpeg`       | compression                                                       |

Steps run in this order. The same code serves scenes and single crops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from facelab.humans.scenery.textures import rows_and_columns, saturation
from facelab.images import as_photo

STEPS = (
    "gamma",
    "low_light",
    "colour",
    "vignette",
    "blur",
    "motion",
    "downsample",
    "noise",
    "sharpen",
    "grey",
    "print",
    "jpeg",
)
# How often a step is taken at strength 1.
_SHARES = {
    "gamma": 0.85,
    "low_light": 0.07,
    "colour": 0.8,
    "vignette": 0.2,
    "blur": 0.35,
    "motion": 0.1,
    "downsample": 0.15,
    "noise": 0.75,
    "sharpen": 0.4,
    "grey": 0.1,
    "print": 0.03,
    "jpeg": 0.8,
}


@dataclass(frozen=True)
class Step:
    """One step with its numbers: meaning and units depend on the step, see `plan`."""

    name: str
    amount: float
    second: float = 0.0
    third: float = 0.0


def plan(
    rng: np.random.Generator, *, strength: float = 1.0, steps: Sequence[str] | None = None
) -> list[Step]:
    """Draw which steps are taken and how strongly, in order.

    strength: 0 takes none, 1 is what photos on the web show, 2 is bad. steps: names from STEPS that
    are taken for certain, instead of by chance.
    Raises ValueError for a strength outside [0, 3] or a name that is not in STEPS.
    """
    if not 0 <= strength <= 3:
        raise ValueError(f"strength lies in [0, 3]; got {strength}")
    unknown = sorted(set(steps or ()) - set(STEPS))
    if unknown:
        raise ValueError(f"no step is called {', '.join(unknown)}; there are {', '.join(STEPS)}")
    taken = []
    for name, (chance, *numbers) in zip(STEPS, rng.random((len(STEPS), 4)).tolist(), strict=True):
        if strength == 0 or (name not in steps if steps is not None else False):
            continue
        if steps is None and chance >= _SHARES[name] * min(1.0, 0.5 + 0.5 * strength):
            continue
        taken.append(_drawn(name, numbers, strength))
    return taken


def _drawn(name: str, numbers: Sequence[float], strength: float) -> Step:
    """Turn three numbers in [0, 1) into a step's amounts."""
    one, two, three = numbers
    bell = one + two + three - 1.5  # about normal, within 1.5
    if name == "gamma":  # stops of exposure, contrast, lifted black
        return Step(
            name, 0.9 * strength * bell, 1 + 0.35 * strength * (two - 0.45), 0.12 * three**3
        )
    if name == "low_light":  # stops darker, noise in grey levels
        return Step(name, -1.2 - 1.8 * one * strength, 2 + 7 * two * strength)
    if name == "colour":  # warmth, tint, saturation
        warm = 0.16 * strength * (one + two - 1) * (3.0 if three > 0.92 else 1.0)
        return Step(name, warm, 0.1 * strength * (two - three), 1 + 0.6 * strength * (three - 0.55))
    if name == "vignette":  # loss at the corners
        return Step(name, min(0.9, (0.1 + 0.5 * one) * strength))
    if name == "blur":  # sigma in pixels
        return Step(name, 0.35 + 1.8 * one**3 * strength)
    if name == "motion":  # length in pixels, direction in radians
        return Step(name, 2 + 8 * one**2 * strength, np.pi * two)
    if name == "downsample":  # factor
        return Step(name, 1.2 + 1.6 * one**2 * strength)
    if name == "noise":  # sigma in grey levels, share of colour, seed
        return Step(name, (0.8 + 6 * one**2) * strength, 0.8 * two, three)
    if name == "sharpen":  # amount, sigma in pixels
        return Step(name, (0.2 + 0.9 * one) * strength, 0.6 + 0.8 * two)
    if name == "grey":  # 1 is grey, less leaves sepia
        return Step(name, 1.0 if one < 0.8 else 0.0)
    if name == "print":  # pitch in pixels, depth
        return Step(name, 2.2 + 3 * one, 0.06 + 0.16 * two * strength, three)
    return Step(name, min(max(96 - 66 * one**1.5 * strength, 12.0), 97.0))  # jpeg quality


def degrade(
    image: np.ndarray,
    rng: np.random.Generator,
    *,
    strength: float = 1.0,
    steps: Sequence[str] | None = None,
) -> np.ndarray:
    """Degrade a picture at random: uint8 (H, W, 3) RGB in and out, same size, a new array.

    See `plan` for strength and steps, and for what is refused.
    """
    return apply(image, plan(rng, strength=strength, steps=steps), rng)


def apply(image: np.ndarray, steps: Sequence[Step], rng: np.random.Generator) -> np.ndarray:
    """Take the given steps, in the order given: uint8 (H, W, 3) RGB in and out, a new array."""
    image = as_photo(image).copy()
    for step in steps:
        image = _TAKE[step.name](image, step, rng)
    return image


def blur_sigma(steps: Sequence[Step]) -> float:
    """Give the blur in pixels that steps add up to: the sigma of a normal spread."""
    square = 0.0
    for step in steps:
        if step.name == "blur":
            square += step.amount**2
        elif step.name == "motion":
            square += step.amount**2 / 12 / 2  # a line's variance, half of it along either axis
        elif step.name == "downsample":
            square += (step.amount**2 - 1) / 6
    return square**0.5


def expose(image: np.ndarray, rng: np.random.Generator, *, good: bool) -> np.ndarray:
    """Let the camera choose the exposure: uint8 (H, W, 3) in and out, a new array.

    good: a camera that brings the mean close to middle grey.
    """
    trust = 0.9 if good else float(rng.uniform(0, 0.8))
    aim = float(rng.uniform(88, 142))
    mean = float(image[::4, ::4].mean()) + 4.0
    gain = float(np.clip((aim / mean) ** trust, 0.5, 3.0))
    snap = float(rng.uniform(0.95, 1.35))  # cameras add contrast
    level = np.arange(256) / 255.0 * gain
    level = np.maximum(aim / 255 + (level - aim / 255) * snap, 0.0)
    return cv2.LUT(image, _grey_levels(_shoulder(level, 0.75)))


def _shoulder(level: np.ndarray, start: float) -> np.ndarray:
    """Bend a tone curve over where it starts to burn out, so that it never exceeds 1."""
    rest = 1 - start
    return np.where(level < start, level, start + rest * np.tanh((level - start) / rest))


def _grey_levels(tone: np.ndarray) -> np.ndarray:
    """Give shares in [0, 1] as a table of grey levels, uint8."""
    return (tone * 255).clip(0, 255).round().astype(np.uint8)


_LINEAR = (np.arange(256) / 255.0) ** 2.2  # brightness of each grey level


def _gamma(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    light = np.minimum(_LINEAR * 2.0**step.amount, 1.6)
    tone = _shoulder(light, 0.8) ** (1 / 2.2)
    tone = (tone - 0.5) * step.second + 0.5
    tone = step.third + (1 - step.third) * tone
    return cv2.LUT(image, _grey_levels(tone))


def _low_light(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    dark = _gamma(image, Step("gamma", step.amount, 1.0), rng)
    return _noise(dark, Step("noise", step.second, 0.6), rng)


def _colour(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    gains = np.array([1 + step.amount, 1 + step.second, 1 - step.amount])
    return cv2.transform(image, (gains[:, None] * saturation(step.third)).astype(np.float32))


def _vignette(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None] ** 2
    loss = (1 - step.amount * ((rows + columns) / 2) ** 1.3) * 255
    return cv2.multiply(image, cv2.merge([loss.round().astype(np.uint8)] * 3), scale=1 / 255)


def _blur(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), step.amount)


def _motion(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    reach = int(np.ceil(step.amount / 2)) + 1
    side = 2 * reach + 1
    along = np.linspace(-0.5, 0.5, 33) * step.amount
    x, y = reach + along * np.cos(step.second), reach + along * np.sin(step.second)
    column, row = x.astype(int), y.astype(int)
    right, low = x - column, y - row
    corner = side * row + column
    places = np.concatenate([corner, corner + 1, corner + side, corner + side + 1])
    shares = [(1 - right) * (1 - low), right * (1 - low), (1 - right) * low, right * low]
    kernel = np.bincount(places, np.concatenate(shares), minlength=side * side)
    kernel = kernel.reshape(side, side).astype(np.float32)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def _downsample(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    small = max(1, round(width / step.amount)), max(1, round(height / step.amount))
    image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def _noise(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    grain = _grain(rng, (height, width))
    if step.third > 0.6:  # film and scaled photos: grain wider than a pixel
        grain = cv2.blur(grain, (2, 2))
        grain = cv2.addWeighted(grain, 2.0, grain, 0.0, -_MIDDLE)
    tint = _grain(rng, (-(-height // 2), -(-width // 2), 3))
    tint = cv2.resize(tint, (width, height), interpolation=cv2.INTER_LINEAR)
    one, three = step.amount / _GRAIN, 0.7 * step.second * step.amount / _GRAIN
    both = cv2.addWeighted(cv2.merge([grain] * 3), one, tint, three, -_MIDDLE * (one + three))
    return cv2.add(image, both, dtype=cv2.CV_8U)


_GRAIN, _MIDDLE = 104.5, 255.0  # standard deviation and mean of the sum of two bytes


def _grain(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw noise about 255 whose distribution is a triangle, which is quick and near enough to
    normal: int16."""
    count = math.prod(shape)
    raw = rng.bit_generator.random_raw(-(-count // 4)).astype("<u8", copy=False)  # any machine's
    pair = raw.view(np.uint8)[: 2 * count].reshape(2, *shape)
    return cv2.add(pair[0], pair[1], dtype=cv2.CV_16S)


def _sharpen(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    soft = cv2.GaussianBlur(image, (0, 0), step.second)
    return cv2.addWeighted(image, 1 + step.amount, soft, -step.amount, 0)


def _grey(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if step.amount < 0.5:
        grey = cv2.transform(grey, np.diag([1.0, 0.88, 0.7]).astype(np.float32))
    return grey


def _print(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    height, width = image.shape[:2]
    y, x = rows_and_columns(height, width)
    turn = math.pi / 4 if step.third > 0.5 else 0.05
    scale = 2 * math.pi / step.amount
    cos, sin = math.cos(turn) * scale, math.sin(turn) * scale
    wave = np.cos(x * cos + y * sin) * np.cos(y * cos - x * sin)
    depth = min(step.second, 0.5)  # beyond it paper would be darker than black
    screen = cv2.convertScaleAbs(wave, alpha=200 * depth, beta=200 * (1 - depth))
    return cv2.multiply(image, cv2.merge([screen] * 3), scale=1 / 200)


def _jpeg(image: np.ndarray, step: Step, rng: np.random.Generator) -> np.ndarray:
    flags = [cv2.IMWRITE_JPEG_QUALITY, round(step.amount)]
    done, code = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), flags)
    if not done:
        raise RuntimeError(f"OpenCV could not write a picture of shape {image.shape} as JPEG")
    decoded = cv2.imdecode(code, cv2.IMREAD_COLOR_RGB)
    assert decoded is not None  # it was written a line above
    return decoded


_TAKE = {
    "gamma": _gamma,
    "low_light": _low_light,
    "colour": _colour,
    "vignette": _vignette,
    "blur": _blur,
    "motion": _motion,
    "downsample": _downsample,
    "noise": _noise,
    "sharpen": _sharpen,
    "grey": _grey,
    "print": _print,
    "jpeg": _jpeg,
}
