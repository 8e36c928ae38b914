"""Views: everything that changes between two photos of one person.

view = View.sample(rng, human)                          # any
view = View.sample(rng, human, yaw=0.0, occluders=False, expression="smile", light="sun")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from facelab.humans.person import ageing
from facelab.humans.person.lights import Light, exposure_for, plain_light, sample_light
from facelab.humans.person.looks import Look
from facelab.humans.person.people import Human

EXPRESSIONS: dict[str, tuple[float, dict[str, float]]] = {
    "neutral": (0.25, {}),
    "smile": (0.20, {"mouth-corner-puller": 0.6, "eye-*-slit": 0.12}),
    "grin": (
        0.15,
        {"mouth-corner-puller": 0.5, "mouth-upward-retraction": 0.75, "eye-*-slit": 0.22},
    ),
    "beam": (
        0.13,
        {
            "mouth-corner-puller": 0.5,
            "mouth-upward-retraction": 0.95,
            "mouth-retraction": 0.15,
            "mouth-open": 0.1,
            "eye-*-slit": 0.32,
        },
    ),
    "laugh": (
        0.08,
        {
            "mouth-corner-puller": 0.55,
            "mouth-upward-retraction": 0.8,
            "mouth-open": 0.28,
            "eye-*-slit": 0.42,
        },
    ),
    "talk": (0.08, {"mouth-open": 0.17, "mouth-protusion": 0.12}),
    "surprise": (0.02, {"mouth-open": 0.3, "eyebrows-*-up": 0.6, "eye-*-opened-up": 0.5}),
    "angry": (0.015, {"eyebrows-*-down": 0.6, "mouth-compression": 0.3, "eye-*-slit": 0.25}),
    "sad": (0.015, {"mouth-depression": 0.35, "eyebrows-*-inner-up": 0.55}),
    "worried": (0.01, {"eyebrows-*-inner-up": 0.5, "mouth-retraction": 0.25}),
    "disgust": (0.01, {"nose-*-elevation": 0.5, "eyebrows-*-down": 0.35}),
    "effort": (0.01, {"mouth-retraction": 0.5, "mouth-part-later": 0.25, "eye-*-slit": 0.5}),
    "pout": (0.015, {"mouth-pursing": 0.5}),
    "shout": (0.01, {"mouth-open": 0.5, "mouth-upward-retraction": 0.25, "eye-*-slit": 0.25}),
}
"""Expressions: how often they are drawn, and their units at full strength."""


@dataclass(frozen=True, eq=False)
class View:
    """One photo of a person, apart from the person.

    age: years. expression: unit -> strength; expression_name: its word. gaze: (2,) radians of the
    eyes to the person's left and up. yaw, pitch, roll: of the head, radians. tilt: turn of the
    shoulders. fov: vertical field of view, radians. fill: height of the head in picture heights.
    shift: where its middle is, in picture heights from the picture's middle. exposure: 1 is right.
    """

    age: float
    look: Look = field(default_factory=Look)
    expression: Mapping[str, float] = field(default_factory=dict)
    expression_name: str = "neutral"
    gaze: tuple[float, float] = (0.0, 0.0)
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    tilt: float = 0.0
    fov: float = 0.3
    fill: float = 0.55
    shift: tuple[float, float] = (0.0, -0.06)
    light: Light = field(default_factory=plain_light)
    exposure: float = 1.0

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        human: Human,
        *,
        age: float | None = None,
        yaw: float | None = None,
        pitch: float | None = None,
        roll: float | None = None,
        expression: str | None = None,
        light: str | None = None,
        occluders: bool = True,
        look: Look | None = None,
        half: bool = False,
        fill: float = 0.55,
        shift: tuple[float, float] = (0.0, -0.06),
    ) -> View:
        """Draw a view; what is given is kept. occluders=False: nothing worn or held hides the face.

        half: arms and hands for pictures that reach the hips (fill 0.2 to 0.3, shift (0, -0.3)).
        Raises ValueError for an unknown expression or light.
        """
        if age is None:
            age = float(np.clip(human.age + rng.normal(0, 3), 3, 88))
        units, name = sample_expression(rng, expression)
        lit = sample_light(rng, kind=light)
        if lit.kind in ("sun", "dappled") and rng.random() < 0.3:
            units["eye-*-slit"] = min(0.7, units.get("eye-*-slit", 0) + rng.uniform(0.15, 0.4))
        wide = rng.random() < 0.15  # some look far to the side
        drawn = (
            rng.normal(0, math.radians(55 if wide else 24)),
            rng.normal(math.radians(-2), math.radians(11)),
            rng.normal(0, math.radians(8)),
        )
        limits = (1.5, 0.65, 0.8)
        angles = [
            float(np.clip(d, -limit, limit)) if given is None else float(given)
            for d, given, limit in zip(drawn, (yaw, pitch, roll), limits, strict=True)
        ]
        gaze = rng.normal(0, (0.14, 0.07))
        if rng.random() < 0.5:  # half of the time they look at the camera
            gaze = np.clip((-0.8 * angles[0], -0.8 * angles[1]), -0.45, 0.45) + gaze * 0.2
        tilt = float(rng.normal(0, 0.25))
        fov = float(rng.uniform(0.14, 0.6))
        metered = float(
            np.clip((0.34 / human.tone.mean()) ** 0.3, 0.85, 1.35)
        )  # cameras seek faces
        exposure = exposure_for(lit) * metered * float(np.exp(rng.normal(0, 0.17)))
        if look is None:
            look = Look.sample(rng, human, age, occluders=occluders, half=half)
        return cls(
            age=ageing.checked_age(age),
            look=look,
            expression=units,
            expression_name=name,
            gaze=(float(gaze[0]), float(gaze[1])),
            yaw=angles[0],
            pitch=angles[1],
            roll=angles[2],
            tilt=tilt,
            fov=fov,
            fill=fill,
            shift=shift,
            light=lit,
            exposure=exposure,
        )


def sample_expression(
    rng: np.random.Generator, name: str | None = None
) -> tuple[dict[str, float], str]:
    """Draw units of an expression, and its name; every unit keeps within human range.

    Raises ValueError for an unknown name.
    """
    if name is None:
        shares = np.array([share for share, _ in EXPRESSIONS.values()])
        name = str(rng.choice(list(EXPRESSIONS), p=shares / shares.sum()))
    elif name not in EXPRESSIONS:
        raise ValueError(f"expression: expected one of {', '.join(EXPRESSIONS)}; got {name!r}")
    strength = rng.uniform(0.7, 1.15)
    units = {}
    for unit, amount in EXPRESSIONS[name][1].items():
        full = amount * strength * rng.uniform(0.85, 1.15)
        for side in ("left", "right") if "*" in unit else ("",):  # no face is quite even
            units[unit.replace("*", side)] = min(1.0, full * rng.uniform(0.94, 1.06))
    extra = rng.random()
    if extra < 0.03:
        units["eye-left-closure"] = units["eye-right-closure"] = rng.uniform(0.85, 1.0)
        for side in ("left", "right"):
            units.pop(f"eye-{side}-slit", None)
            units.pop(f"eye-{side}-opened-up", None)
    elif extra < 0.18:
        lids = rng.uniform(0.05, 0.22)  # eyes are seldom equally open in two photos
        units["eye-*-closure"] = units.get("eye-*-closure", 0) + lids
    elif extra < 0.38:
        units["eyebrows-*-up"] = units.get("eyebrows-*-up", 0) + rng.uniform(0.05, 0.35)
    return units, name
