"""Looks: hair, make-up and worn things, which change between photos so that no identity hangs on
them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from facelab.humans.person import ageing
from facelab.humans.person.people import HAIR_COLOURS, Human
from facelab.humans.rendering.posing import vector
from facelab.humans.worn.accessories import Earrings, Glasses, Headphones
from facelab.humans.worn.beards import Beard
from facelab.humans.worn.clothes import Clothes
from facelab.humans.worn.hair import Hair
from facelab.humans.worn.hands import Held
from facelab.humans.worn.hats import Hat
from facelab.humans.worn.masks import Mask, Scarf

GLASSES, HAT, MASK, HELD, HEADPHONES, SCARF = 0.26, 0.14, 0.05, 0.07, 0.02, 0.05
"""Shares of photos in which a grown-up wears or holds such a thing."""

TAN = (0.22, 0.34, 0.42)  # log reflectance that a full tan takes from red, green and blue


@dataclass(frozen=True, eq=False)
class Makeup:
    """Make-up. lips: (3,) linear colour; strengths from 0 to 1."""

    lips: np.ndarray = field(default_factory=lambda: vector(0.45, 0.06, 0.08))
    lip_strength: float = 0.0
    lid_strength: float = 0.0
    blush: float = 0.0

    @classmethod
    def sample(cls, rng: np.random.Generator) -> Makeup:
        """Draw make-up that somebody put on."""
        lips = vector(rng.uniform(0.3, 0.6), rng.uniform(0.02, 0.14), rng.uniform(0.04, 0.16))
        lip, lid, blush = rng.uniform(0, (0.8, 0.55, 0.8))
        return cls(lips, float(lip), float(lid), float(blush))


@dataclass(frozen=True, eq=False)
class Look:
    """What a person wears and does with their hair. `None` is none of it.

    hair_colour: (3,) linear dye, or None for the natural colour. brow: strength, 1 usual; lash: map
    of the lashes. stubble: 0 shaved to 1 full beard painted on the skin; stubble_area: up to 0.35
    moustache and chin, above the whole beard. tan: 0 to 1. weight: change of the person's weight,
    -1 to 1.
    """

    hair: Hair | None = None
    hair_colour: np.ndarray | None = None
    brow: float = 1.0
    lash: str = "eyelashes01"
    beard: Beard | None = None
    stubble: float = 0.0
    stubble_area: float = 1.0
    makeup: Makeup = field(default_factory=Makeup)
    tan: float = 0.0
    weight: float = 0.0
    glasses: Glasses | None = None
    hat: Hat | None = None
    mask: Mask | None = None
    scarf: Scarf | None = None
    headphones: Headphones | None = None
    earrings: Earrings | None = None
    held: Held | None = None
    clothes: Clothes | None = None

    @classmethod
    def sample(
        cls,
        rng: np.random.Generator,
        human: Human,
        age: float,
        *,
        occluders: bool = True,
        half: bool = False,
    ) -> Look:
        """Draw a look. occluders=False leaves out everything that may hide the face but hair.

        half: clothes with whole arms and hands, for pictures that reach the hips.
        What is worn does not shift what is drawn for the rest: each thing has its own generator.
        """
        chance = rng.random(12)
        own = [np.random.default_rng(seed) for seed in rng.integers(2**31, size=12)]
        female, grown = human.male < 0.5, age > 15

        def wears(number: int, share: float) -> bool:
            return bool(chance[number] < share)

        hat = Hat.sample(own[0]) if occluders and wears(0, HAT) else None
        hooded = hat is not None and hat.kind in ("scarf", "hood")
        mask = Mask.sample(own[1]) if occluders and wears(1, MASK) else None
        glasses = occluders and wears(2, GLASSES if age > 8 else 0.06)
        held = occluders and wears(3, HELD)
        phones = occluders and hat is None and wears(4, HEADPHONES)
        scarf = occluders and mask is None and not hooded and wears(5, SCARF)
        earrings = wears(6, 0.35 if female else 0.04) and age > 4
        bearded = not female and age >= 18 and wears(7, 0.3 * human.beard_growth)
        late = ageing.rise(age, 36, 52)
        dyed = grown and wears(8, 0.3 + 0.45 * late if female else 0.06 + 0.08 * late)
        painted = grown and wears(9, 0.6 if female else 0.02)
        shaved = not female and wears(10, 0.05)
        recession = ageing.recession(age, human.bald_age)
        return cls(
            hair=None
            if shaved
            else Hair.sample(
                own[10], male=human.male, age=age, ancestry=human.ancestry, recession=recession
            ),
            hair_colour=_dye(own[8]) if dyed else None,
            brow=float(human.brow_strength * np.exp(rng.normal(0, 0.12))),
            lash=f"eyelashes0{rng.integers(1, 5)}",
            beard=Beard.sample(own[7]) if bearded else None,
            stubble=0.0 if female else _stubble(rng, human, age),
            stubble_area=float(rng.uniform(0, 1)),
            makeup=Makeup.sample(own[9]) if painted else Makeup(),
            tan=float(max(0, rng.normal(0, 0.35))),
            weight=float(np.clip(rng.normal(0, 0.1), -0.25, 0.25)),
            glasses=Glasses.sample(own[2]) if glasses else None,
            hat=hat,
            mask=mask,
            scarf=Scarf.sample(own[5]) if scarf else None,
            headphones=Headphones.sample(own[4]) if phones else None,
            earrings=Earrings.sample(own[6]) if earrings else None,
            held=Held.sample(own[3], male=human.male) if held else None,
            clothes=Clothes.sample(own[11], male=human.male, age=age, half=half),
        )

    def tone(self, human: Human) -> np.ndarray:
        """Linear reflectance (3,) of the person's skin with this tan; dark skin tans less."""
        lost = self.tan * human.tone.mean() ** 0.25 * vector(*TAN)
        return (human.tone * np.exp(-lost)).astype(np.float32)


def _dye(rng: np.random.Generator) -> np.ndarray:
    colour = np.array(list(HAIR_COLOURS.values()))[rng.integers(len(HAIR_COLOURS))]
    shift = rng.normal(0, 0.35) + rng.normal(0, 0.05, 3)
    return (colour * np.exp(shift)).astype(np.float32)


def _stubble(rng: np.random.Generator, human: Human, age: float) -> float:
    kinds = (0.0, rng.uniform(0.05, 0.35), rng.uniform(0.3, 0.6), rng.uniform(0.6, 1.0))
    length = float(rng.choice(kinds, p=(0.42, 0.3, 0.17, 0.11)))
    return length * human.beard_growth**0.5 * ageing.rise(age, 16, 23)
