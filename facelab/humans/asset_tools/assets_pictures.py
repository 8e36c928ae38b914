"""Pictures of the assets: skins cut to the head, hair as luminance and alpha, eyes, teeth."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from facelab.humans.asset_tools.assets_build import HEAD, Sources
from facelab.humans.asset_tools.meshfiles import SourceError, is_pointer, pointed_sha256
from facelab.humans.packs.pack import checksum
from facelab.humans.packs.packing import make_folder, write_file

SKIN_SIZE = (1024, 548)
"""Width and height of a stored head skin."""

MAPS = {"hair": 768, "eyebrows": 384, "eyelashes": 256}
"""Kinds of maps with alpha, and their largest height in pixels."""

MEAN_LUMINANCE = 110.0

# Maps with real pores, lent to those that are found at 512 px only.
_PORES = {
    "female": "middleage_lightskinned_female_diffuse2",
    "male": "middleage_lightskinned_male_diffuse",
}


def pictures(sources: Sources, out: Path) -> Iterator[str]:
    """Write all pictures; yields a line of report a kind. Raises SourceError, PackError."""
    yield f"skins: {skins(sources, out / 'skins')}"
    for kind, height in MAPS.items():
        names = map_names(sources, kind)
        make_folder(out / kind)
        for name in names:
            write_file(
                out / kind / f"{name}.png", _png(luminance(_map(sources, kind, name), height))
            )
        yield f"{kind}: {len(names)} maps"
    make_folder(out / "eyes")
    eyes: dict[str, Path | None] = {"brown": sources.body_file("eyes/materials/brown_eye.png")}
    for path in sorted(sources.part_file("eyes/materials").glob("*_eye.png")):
        eyes[path.name.removesuffix("_eye.png")] = real(sources, f"eyes/materials/{path.name}")
    for name, eye in eyes.items():
        write_file(out / "eyes" / f"{name}.jpg", _jpeg(_resized(read(eye), 512), 92))
    for name, inside, side in (
        ("teeth", "teeth/materials/teeth.png", 512),
        ("tongue", "tongue/tongue01/tongue01_diffuse.png", 128),
    ):
        picture = _resized(read(real(sources, inside)), side)
        write_file(out / f"{name}.jpg", _jpeg(picture, 90))
    yield f"eyes: {len(eyes)} maps; teeth, tongue"


def skins(sources: Sources, out: Path) -> str:
    """Write the head of every skin map, upright; say how many, and how many were small ones."""
    make_folder(out)
    large = {path.name for path in sources.part_file("skins/textures").glob("*.png")}
    small = _small_skins(sources)
    names = sorted(name for name in large | set(small) if re.search(r"diffuse\d?\.png$", name))
    enlarged = 0
    for name in names:
        path = real(sources, f"skins/textures/{name}", must=name not in small)
        if path is not None:
            picture = upright(read(path)[..., :3])
        else:
            sex = "female" if "female" in name else "male"
            donor = real(sources, f"skins/textures/{_PORES[sex]}.png")
            rough = upright(read(small[name])[..., :3]).astype(np.float32)
            picture = np.clip(rough * pores(read(donor)[..., :3]), 0, 255).astype(np.uint8)
            enlarged += 1
        stem = name.removesuffix(".png").replace("_diffuse", "")
        write_file(out / f"{stem}.jpg", _jpeg(picture, 92))
    return f"{len(names)} maps, {enlarged} of them enlarged from 512 px"


def upright(skin: np.ndarray) -> np.ndarray:
    """Cut the head out of a square skin map (S, S, 3) and turn it upright: (548, 1024, 3)."""
    side = skin.shape[0]
    left, top, right, bottom = (round(share * side) for share in HEAD)
    head = cv2.transpose(skin[top:bottom, left:right])
    how = cv2.INTER_AREA if side > 1500 else cv2.INTER_LANCZOS4
    return cv2.resize(head, SKIN_SIZE, interpolation=how)


def pores(skin: np.ndarray) -> np.ndarray:
    """Give the fine structure of a skin map as a factor about 1: (548, 1024, 3) float32."""
    head = upright(skin).astype(np.float32) + 1
    coarse = cv2.resize(head, None, fx=0.35, fy=0.35, interpolation=cv2.INTER_AREA)
    coarse = cv2.resize(coarse, SKIN_SIZE, interpolation=cv2.INTER_CUBIC)
    return np.clip(head / np.maximum(coarse, 1), 0.75, 1.3)


def luminance(rgba: np.ndarray, height: int) -> np.ndarray:
    """Reduce a map to luminance and alpha; the colour of hair is chosen when it is rendered.

    rgba: uint8 (h, w, 4). height: largest, pixels. Returns uint8 (h', w', 2), 110 in the mean.
    """
    alpha = rgba[..., 3].astype(np.float32) / 255
    light = rgba[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    zoom = min(height, rgba.shape[0]) / rgba.shape[0]
    both = cv2.resize(
        np.dstack([light * alpha, alpha]), None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA
    )
    mean = max(float((light * alpha).sum() / max(alpha.sum(), 1)), 5.0)
    level = (both[..., 0] + 1e-3 * mean) / (both[..., 1] + 1e-3) * (MEAN_LUMINANCE / mean)
    return np.dstack([np.clip(level, 0, 255), both[..., 1] * 255]).astype(np.uint8)


def map_names(sources: Sources, kind: str) -> list[str]:
    """List the styles of hair, eyebrows or eyelashes."""
    return sorted(path.name for path in sources.part_file(kind).iterdir() if path.is_dir())


def real(sources: Sources, path: str, *, must: bool = True) -> Path | None:
    """Find a picture of makehuman-assets: in its checkout, or where --pictures says if that has
    pointers only, compared with the pointer's checksum.

    Raises SourceError when there is none and it `must` be there, or it is another picture.
    """
    try:
        here = sources.part_file(path)
    except SourceError:
        if must:
            raise
        return None
    if not is_pointer(here):
        return here
    below = ("base", "makehuman-docker/custom_makehuman/makehuman/data", "makehuman/data", "")
    for folder in below if sources.pictures else ():
        found = sources.pictures / folder / path  # type: ignore[operator]
        if found.exists() and not is_pointer(found):
            if checksum(found) == pointed_sha256(here):
                return found
            if must:
                raise SourceError(f"{found}: not the picture that {here} names by its checksum")
    if must:
        raise SourceError(
            f"{here}: only a Git LFS pointer; run `git lfs pull` in its checkout, or say with "
            f"--pictures where the pictures are"
        )
    return None


def read(path: Path | None) -> np.ndarray:
    """Read a picture as uint8 (h, w, 4). Raises SourceError."""
    assert path is not None
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGBA"))
    except OSError as problem:
        raise SourceError(f"{path}: not a picture that can be read ({problem})") from None


def _map(sources: Sources, kind: str, name: str) -> np.ndarray:
    """Read the map of a style: the real one, else the small copy."""
    folder = sources.part_file(f"{kind}/{name}")
    for path in sorted(folder.glob("*.png")):
        if "normal" not in path.name:
            found = real(sources, f"{kind}/{name}/{path.name}", must=sources.small is None)
            if found is not None:
                return read(found)
    if sources.small is not None:
        for below in ("public/data", ""):
            for path in sorted((sources.small / below / "proxies" / kind / name).rglob("*.png")):
                if "normal" not in path.name:
                    return read(path)
    raise SourceError(f"{folder}: no picture of it in any of the sources")


def _small_skins(sources: Sources) -> dict[str, Path]:
    """Find the 512 px copies: file name -> path."""
    if sources.small is None:
        return {}
    found: dict[str, Path] = {}
    for below in ("public/data", ""):
        for path in sorted((sources.small / below / "skins").glob("*/textures/*.png")):
            found.setdefault(path.name, path)
    return found


def _resized(picture: np.ndarray, side: int) -> np.ndarray:
    return cv2.resize(picture[..., :3], (side, side), interpolation=cv2.INTER_AREA)


def _jpeg(picture: np.ndarray, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture[..., :3])).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", optimize=True)
    return file.getvalue()
