"""Identities: who a person is, whatever the photo. Shape, skin, eyes and how they age.

human = Human.sample(np.random.default_rng(0))
points = human.shape(age=30.0)                      # (V, 3) decimetres
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from facelab.humans import assets
from facelab.humans.assets import ANCESTRIES
from facelab.humans.parts import Fit
from facelab.humans.person import ageing
from facelab.humans.rendering import kernels

HAIR_COLOURS: dict[str, tuple[float, float, float]] = {
    "black": (0.018, 0.016, 0.016),
    "dark brown": (0.045, 0.028, 0.018),
    "brown": (0.11, 0.06, 0.034),
    "light brown": (0.22, 0.13, 0.07),
    "blond": (0.45, 0.31, 0.16),
    "red": (0.28, 0.09, 0.03),
}
"""Natural hair colours as linear reflectance."""

SKIN_TONES = np.array(
    (
        (0.70, 0.44, 0.33),
        (0.63, 0.375, 0.262),
        (0.55, 0.308, 0.198),
        (0.44, 0.235, 0.142),
        (0.31, 0.157, 0.090),
        (0.21, 0.104, 0.060),
        (0.135, 0.069, 0.043),
    )
)
"""Linear reflectance of skin from light to dark."""

EYES = {
    "brown": (0.30, 0.80),
    "brownlight": (0.15, 0.14),
    "green": (0.12, 0.02),
    "blue": (0.12, 0.01),
    "grey": (0.08, 0.01),
    "bluegreen": (0.08, 0.01),
    "lightblue": (0.05, 0.01),
    "deepblue": (0.05, 0.0),
    "ice": (0.05, 0.0),
}
"""Maps of the iris, with their shares among people of European and of other ancestry."""

BROWS = ((8, 2, 4, 3, 10, 1, 11, 12, 5, 2, 8, 10, 7), (9, 12, 8, 2, 3, 4, 10, 9, 12, 1))
"""Shapes of brows, women's and men's; repeated where common."""

PAIRS = (
    ("incr", "decr"),
    ("up", "down"),
    ("out", "in"),
    ("forward", "backward"),
    ("convex", "concave"),
    ("uncompress", "compress"),
)
DETAIL_GROUPS = (
    "head", "eyes", "nose", "mouth", "chin", "cheek", "forehead", "ears", "neck", "eyebrows",
)  # fmt: skip
SPREAD = 0.32  # standard deviation of a detail, 1 being the asset's limit
# Details that look wrong, or not like a person at all, at the usual spread.
CALM = {
    "trans-in": 0.0, "head-trans": 0.0, "neck-trans": 0.05, "nose-trans": 0.16, "head-age": 0.0,
    "mouth-trans": 0.13, "eye-trans": 0.2, "neck-back": 0.2, "head-angle": 0.25,
    "eye-scale": 0.22, "head-back": 0.25, "jaw-drop": 0.15, "eye-height": 0.18, "eye-bag": 0.2,
    "prognathism": 0.2, "nose-flaring": 0.25, "head-scale": 0.27, "ear-": 0.35, "eye-push": 0.3,
    "cleft": 0.3, "nose-base": 0.3, "forehead-trans": 0.25, "neck-double": 0.15,
    "septumangle": 0.3, "head-fat": 0.18, "cheek-volume": 0.2, "chin-width": 0.2,
    "chin-bones": 0.22, "chin-jaw": 0.15, "chin-height": 0.2, "lip-volume": 0.2,
    "lip-height": 0.22, "mouth-scale": 0.24, "mouth-angles": 0.18, "nose-scale": 0.24,
    "nose-volume": 0.22, "forehead-scale": 0.22, "eyebrows-angle": 0.2,
}  # fmt: skip
RESTING = {
    "eyes/*-eye-scale-incr": 0.35,
    "eyes/*-eye-height2-incr": 0.34,
    "eyes/*-eye-trans-out": 0.2,
    "eyebrows/eyebrows-trans-up": 0.9,
    "chin/chin-height-decr": 0.3,
}
"""What everybody gets: the asset's mean person has small eyes that the brows nearly touch.

Aim: distance of the pupils 63 mm; in that measure, eyes 0.47 wide and 0.16 open, chin 1.75 below.
Source: Farkas, "Anthropometry of the head and face", 1994.
"""

SMILING = {
    "cheek/*-cheek-trans-up": 0.3,
    "cheek/*-cheek-volume-incr": 0.3,
    "eyes/*-eye-bag-incr": 0.2,
    "mouth/mouth-scale-horiz-incr": 0.3,
    "mouth/mouth-upperlip-height-decr": 0.3,
}
"""What a full smile adds to the face around the mouth."""

FACE_SHAPES = (
    "oval", "round", "square", "rectangular", "diamond", "triangular", "invertedtriangular",
)  # fmt: skip


@functools.cache
def detail_stems() -> dict[str, tuple[str, str]]:
    """Paired targets of the face: stem -> (target for more, target for less)."""
    known = assets.targets().number
    stems = {}
    for name in sorted(known):
        if name.split("/")[0] not in DETAIL_GROUPS:
            continue
        for more, less in PAIRS:
            opposite = name.removesuffix(f"-{more}") + f"-{less}"
            if name.endswith(f"-{more}") and opposite in known:
                stems[name.removesuffix(f"-{more}")] = (name, opposite)
    return stems


@dataclass(frozen=True, eq=False)
class Human:
    """One person: all that a change of photo, age or clothes leaves alone.

    seed: of everything drawn for this person. male: 0 female to 1 male. ancestry: (3,) mixture
    over `assets.ANCESTRIES`. weight: -1 thin to 1 heavy. details: target -> weight. tone: (3,)
    linear reflectance of the skin. skins: textures when young, middle-aged and old. hair_colour:
    (3,) natural. eyes, brow: maps of the iris and the brows. grey_age, bald_age: years at which
    half the hair is white, and all is gone. beard_growth: 0 none to 1 full. moles: how many.
    brow_strength, freckles, oil, pores, wrinkles: 1 usual. sag: how strongly the shape ages. age:
    years at which most photos of this person are taken.
    """

    seed: int
    male: float
    ancestry: np.ndarray
    weight: float
    details: Mapping[str, float]
    tone: np.ndarray
    skins: tuple[str, str, str]
    hair_colour: np.ndarray
    eyes: str
    brow: str
    brow_strength: float
    freckles: float
    moles: int
    oil: float
    pores: float
    wrinkles: float
    sag: float
    grey_age: float
    bald_age: float
    beard_growth: float
    age: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Human:
        """Draw a person; takes one number from `rng`. Raises AssetsError without the assets."""
        seed = int(rng.integers(2**31))
        r = np.random.default_rng((seed, 1))
        is_male = bool(r.random() < 0.5)
        main = int(r.choice(3, p=(0.42, 0.29, 0.29)))
        ancestry = r.dirichlet(np.where(np.arange(3) == main, 5.0, 0.5))
        dark = main == 2
        light_share = float(np.clip(ancestry @ np.array((0.9, 2.0, 4.7)) + r.normal(0, 0.8), 0, 6))
        shade = min(int(light_share), 5)
        tone = SKIN_TONES[shade] + (SKIN_TONES[shade + 1] - SKIN_TONES[shade]) * (
            light_share - shade
        )
        tone = tone * np.exp(r.normal(0, 0.03, 3)) * np.exp(r.normal(0, 0.07))
        shares = (0.1, 0.25, 0.25, 0.2, 0.14, 0.06) if main == 0 else (0.72, 0.2, 0.06, 0.02, 0, 0)
        colour = str(r.choice(list(HAIR_COLOURS), p=shares))
        irises = np.array([share[main != 0] for share in EYES.values()])
        return cls(
            seed=seed,
            male=float(np.clip((0.86 if is_male else 0.14) + r.normal(0, 0.12), 0, 1)),
            ancestry=ancestry,
            weight=float(np.clip(r.normal(0.02, 0.42), -1, 1)),
            details=_details(r),
            tone=np.clip(tone, 0.03, 0.85).astype(np.float32),
            skins=_skins(r, is_male, dark),
            hair_colour=np.array(HAIR_COLOURS[colour])
            * np.exp(r.normal(0, 0.16) + r.normal(0, 0.05, 3)),
            eyes=str(r.choice(list(EYES), p=irises / irises.sum())),
            brow=f"eyebrow{r.choice(BROWS[is_male]):03d}",
            brow_strength=float(np.clip(r.normal(1.15 if is_male else 0.95, 0.25), 0.4, 1.7)),
            freckles=float(max(0, r.normal(-0.2, 0.5))) if main == 0 else 0.0,
            moles=int(r.poisson(1.6)),
            oil=float(np.exp(r.normal(0, 0.3))),
            pores=float(np.exp(r.normal(0.1 * is_male, 0.3))),
            wrinkles=float(np.exp(r.normal(0, 0.25))),
            sag=float(np.exp(r.normal(0, 0.2))),
            grey_age=float(r.normal(57, 8)),
            bald_age=float(max(35, r.normal(74, 20))) if is_male else 220.0,
            beard_growth=float(np.clip(r.normal(0.6, 0.3), 0.1, 1)) if is_male else 0.0,
            age=float(np.clip(r.normal(35, 17), 4, 85)),
        )

    @property
    def sex(self) -> str:
        """ "male" or "female", the nearer one."""
        return "male" if self.male > 0.5 else "female"

    def targets(
        self, age: float, expression: Mapping[str, float] | None = None, weight: float = 0.0
    ) -> dict[str, float]:
        """Weight the morph targets: name -> weight.

        age: years. expression: unit -> strength, `*` in a name for both sides. weight: change of
        the person's weight, the sum held within -1 to 1.
        """
        heavy = float(np.clip(self.weight + weight, -1, 1))
        out: dict[str, float] = {}

        def add(name: str, amount: float) -> None:
            out[name] = out.get(name, 0.0) + amount

        fat = "maxweight" if heavy > 0 else "minweight"
        for stage, share in zip(ageing.STAGES, ageing.stages(age), strict=True):
            for sex, part in (("female", 1 - self.male), ("male", self.male)):
                if share * part < 0.01:
                    continue
                for name, ancestry in zip(ANCESTRIES, self.ancestry, strict=True):
                    add(f"macrodetails/{name}-{sex}-{stage}", ancestry * part * share)
                name = f"macrodetails/universal-{sex}-{stage}-averagemuscle-{fat}"
                add(name, abs(heavy) * part * share)
        grown = 0.45 + 0.55 * ageing.rise(age, 3, 19)  # children's faces differ less
        for name, amount in self.details.items():
            add(name, amount * grown)
        changes = ageing.shape_changes(age, male=self.male, weight=heavy, sag=self.sag)
        for stem, amount in changes.items():
            for name in _both_sides(stem):
                add(name, amount)
        for stem, amount in RESTING.items():
            for name in _both_sides(stem):
                add(name, amount * (2 * grown - 1 if "height2" in stem else 1))
        # the asset's neutral face frowns and pulls its mouth down
        units = {"eyebrows-*-inner-up": 0.34, "mouth-corner-puller": 0.12}
        for unit, amount in (expression or {}).items():
            units[unit] = units.get(unit, 0.0) + amount
        pulled = units.get("mouth-corner-puller", 0) + units.get("mouth-upward-retraction", 0)
        for stem, amount in SMILING.items():  # the units move the lips, not enough of the cheeks
            for name in _both_sides(stem):
                add(name, amount * min(pulled, 1.3) * (2 * grown - 1))
        small = 0.55 + 0.45 * ageing.rise(age, 2, 18)  # the units are made for large faces
        for unit, amount in units.items():
            reach = small if unit.startswith("mouth") else 1.0
            for one in _both_sides(unit, ("left", "right")):
                for name, ancestry in zip(ANCESTRIES, self.ancestry, strict=True):
                    add(f"expression/units/{name}/{one}", ancestry * amount * reach)
        return out

    def shape(
        self, age: float, expression: Mapping[str, float] | None = None, weight: float = 0.0
    ) -> np.ndarray:
        """Morph the body in its rest pose. Returns (V, 3) float32 decimetres.

        The arguments are those of `targets`.
        Raises ValueError for an age outside 1 to 90 years, KeyError for an unknown expression unit.
        """
        known = assets.targets()
        wanted = self.targets(ageing.checked_age(age), expression, weight)
        pairs = [(known.number[name], x) for name, x in wanted.items() if abs(x) > 1e-3]
        numbers = np.array([number for number, _ in pairs], np.int64)
        weights = np.array([x for _, x in pairs], np.float32)
        return kernels.morph(
            assets.body().base, numbers, weights, known.start, known.index, known.delta
        )

    def fit(
        self,
        age: float,
        *,
        expression: Mapping[str, float] | None = None,
        weight: float = 0.0,
    ) -> Fit:
        """Give the rest-pose body on which hair, glasses and clothes are fitted."""
        mesh = assets.body()
        points = self.shape(age, expression, weight)
        return Fit(points, mesh.anchors, mesh.base, mesh.groups)

    def hair_at(self, age: float, colour: np.ndarray | None = None) -> np.ndarray:
        """Linear reflectance (3,) of the hair at an age; colour: dyed or natural if None."""
        if colour is not None:
            return np.asarray(colour, np.float32)
        own = self.hair_colour
        grey = ageing.grey_share(age, self.grey_age)
        white = np.array((0.42, 0.41, 0.40)) * (1 + 0.35 * ageing.rise(age, 65, 85))
        fair = 1 + 0.35 * ageing.rise(12 - age, 0, 8)  # children are fairer
        return (own * fair * (1 - grey) + white * grey).astype(np.float32)


def _both_sides(name: str, sides: tuple[str, str] = ("l", "r")) -> list[str]:
    """Put each side in the place of the star in a name; a name without one is for both."""
    return [name.replace("*", side) for side in sides] if "*" in name else [name]


def _details(r: np.random.Generator) -> dict[str, float]:
    details: dict[str, float] = {}
    for stem, (more, less) in detail_stems().items():
        if "/r-" in stem:
            continue
        spread = next((v for part, v in CALM.items() if part in stem), SPREAD)
        amount = float(np.clip(r.normal(0, spread), -0.9, 0.9))
        if "eyebrows-angle" in stem:
            amount += 0.7  # the asset's neutral brows frown
        paired = "/l-" in stem
        for side in ("/l-", "/r-") if paired else ("",):
            own = amount + (r.normal(0, 0.05) if paired else 0.0)
            details[(more if own > 0 else less).replace("/l-", side or "/l-")] = abs(own)
    for shape in r.choice(FACE_SHAPES, 2, replace=False):
        details[f"head/head-{shape}"] = float(min(abs(r.normal(0, 0.2)), 0.45))
    for name in assets.targets().number:
        if name.startswith("asym/"):
            details[name] = float(max(0, r.normal(0, 0.07)))
    return details


def _skins(r: np.random.Generator, is_male: bool, dark: bool) -> tuple[str, str, str]:
    sex = "male" if is_male else "female"
    kind = f"darkskinned_{sex}" if dark else f"lightskinned_{sex}"
    young = "" if dark else str(r.choice(("", "2", "3")))
    middle = "" if dark else str(r.choice(("", "2")))
    old = "" if dark else str(r.choice(("", "2")))
    return f"young_{kind}{young}", f"middleage_{kind}{middle}", f"old_{kind}{old}"
