"""The one place where photos enter and leave: files in, uint8 `(H, W, 3)` RGB arrays out, and back.

Whatever the file holds, the photo comes out upright (EXIF orientation applied), in three 8-bit
channels:

| File                          | Becomes                                                        |
| ----------------------------- | -------------------------------------------------------------- |
| grey, palette, CMYK           | RGB                                                            |
| transparent                   | laid on white                                                  |
| 16 bits a channel             | scaled to 8 bits: 65535 becomes 255                            |
| animated, or several pictures | the first one                                                  |
| damaged, cut off, no picture  | `ImageError`: what is wrong, with which file, and what to do   |
| above `MAX_PIXELS`            | `ImageError`, from the size in the header, before any decoding |

JPEG goes through OpenCV, which is nearly twice as fast; everything else, and the words for what is
wrong with a damaged file, through Pillow.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from PIL import Image, ImageOps

from facelab.engine.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "ImageError",
    "as_photo",
    "find_images",
    "read_image",
    "resize",
    "to_photo",
    "to_tensor",
    "write_image",
]

MAX_PIXELS = 170_000_000  # 510 MB once decoded; Pillow itself stops at 178 956 970
SUFFIXES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")

_JPEG_SIDE = 65_500  # limit of the encoder

Interpolation = Literal["nearest", "bilinear", "bicubic", "area"]

# Common ones first: Pillow loads its other decoders when it gets past them.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000")
_INTERPOLATIONS = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
}


class ImageError(ValueError):
    """Say which picture is wrong (`where`), what is wrong (`what`) and what to do (`advice`)."""

    def __init__(self, where: str | Path, what: str, advice: str) -> None:
        super().__init__(str(where), what, advice)
        self.where, self.what, self.advice = str(where), what, advice

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.advice}"


def read_image(path: str | Path) -> np.ndarray:
    """Read a photo as uint8 (H, W, 3) RGB, upright.

    Raises ImageError when the file is missing, unreadable, no picture, damaged, cut off, or above
    MAX_PIXELS.
    """
    path = Path(path)
    data = _read_bytes(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large and odd files that are fine here
        try:
            with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise _too_large(path, f"{width}x{height} pixels")
                if picture.format in ("JPEG", "MPO") and picture.mode in ("L", "RGB"):
                    photo = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
                    if photo is not None:
                        return photo
                return _to_rgb(path, picture)
        except ImageError:
            raise
        except Image.UnidentifiedImageError:
            raise ImageError(
                path,
                "not a picture in a known format, or its first bytes are damaged",
                f"known are {', '.join(_FORMATS)}; convert others, such as HEIC",
            ) from None
        except Image.DecompressionBombError:
            raise _too_large(path, "too many pixels") from None
        except Exception as error:  # decoders raise nearly every kind for a damaged file
            reason = str(error) or type(error).__name__
            what = "cut off or damaged" if "truncated" in reason else "damaged"
            raise ImageError(path, f"{what} ({reason})", "copy or download it again") from error


def find_images(
    paths: str | Path | Iterable[str | Path],
    *,
    on_error: Callable[[ImageError], None] | None = None,
) -> list[Path]:
    """List the photos among files and folders.

    A file given by name is listed whatever its suffix; a folder is searched with everything below
    it for files with one of SUFFIXES, in sorted order; hidden files and folders in it are skipped,
    and so are pipes and devices. Nothing is listed twice.
    on_error: is given what would be raised, and the search goes on.
    Raises ImageError when a path does not exist or a folder cannot be read.
    """
    found: dict[Path, None] = {}  # a set that keeps its order
    for path in [paths] if isinstance(paths, str | Path) else paths:
        path = Path(path)
        if os.path.isdir(path):
            found.update(dict.fromkeys(sorted(_below(path, on_error or _raise))))
        elif os.path.exists(path):
            found[path] = None
        else:
            (on_error or _raise)(
                ImageError(path, "there is no such file or folder", "check the path")
            )
    return list(found)


def write_image(path: str | Path, photo: np.ndarray, *, quality: int = 95) -> None:
    """Write a photo as PNG or JPEG, by the suffix of the path.

    photo: uint8 (H, W, 3) RGB. quality: of a JPEG, 1 to 100. The file appears whole or not at all:
    it is written under another name in the same folder and renamed.
    Raises ImageError for another suffix, a wrong array, or a place that cannot be written.
    """
    path = Path(path)
    photo = as_photo(photo)
    suffix = path.suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg"):
        raise ImageError(
            path, f"cannot write {suffix or 'a file without suffix'}", "use .png or .jpg"
        )
    height, width = photo.shape[:2]
    if suffix != ".png" and max(height, width) > _JPEG_SIDE:
        what = f"{width}x{height} pixels, and a JPEG has {_JPEG_SIDE} a side at most"
        raise ImageError(path, what, "use .png or shrink it")
    options = [] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, quality]
    encoded = cv2.imencode(suffix, photo[..., ::-1], options)[1]
    try:
        write_whole(path, encoded.tobytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError(
            path, f"cannot be written ({reason})", "check the folder, its rights and the space left"
        ) from error


def as_photo(photo: Any, *, name: str = "photo") -> np.ndarray:
    """Check that an array is a photo, uint8 (H, W, 3) with at least one pixel, and return it.

    name: what to call it in the message. Raises ImageError that names shape or dtype and the way
    out.
    """
    expected = "expected a uint8 array of shape (H, W, 3)"
    if not isinstance(photo, np.ndarray):
        if isinstance(photo, str | Path):
            advice = "read it first with facelab.read_image"
        elif hasattr(photo, "detach"):
            advice = "turn a (3, H, W) tensor in [0, 1] into a photo with facelab.images.to_photo"
        else:
            advice = "use numpy.asarray"
        raise ImageError(name, f"{expected}, got {type(photo).__name__}", advice)
    if photo.ndim != 3 or photo.shape[2] != 3:
        if photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] == 1):
            advice = "a grey picture becomes RGB with numpy.dstack([grey] * 3)"
        elif photo.ndim == 3 and photo.shape[2] == 4:
            advice = "drop the alpha channel with photo[..., :3]"
        elif photo.ndim == 3 and photo.shape[0] == 3:
            advice = "move the channels to the end with photo.transpose(1, 2, 0)"
        elif photo.ndim == 4:
            advice = "pass a list of photos, or one of them"
        else:
            advice = "read photos with facelab.read_image"
        raise ImageError(name, f"{expected}, got shape {photo.shape}", advice)
    if photo.dtype != np.uint8:
        advice = "scale values in [0, 1] with (255 * photo).round().astype(numpy.uint8)"
        raise ImageError(name, f"{expected}, got dtype {photo.dtype}", advice)
    if photo.size == 0:
        raise ImageError(name, f"no pixels in shape {photo.shape}", "check the crop that made it")
    return photo


def resize(
    photo: np.ndarray, size: tuple[int, int], interpolation: Interpolation = "bilinear"
) -> np.ndarray:
    """Resize a photo to size = (height, width).

    photo: uint8 (H, W, 3). interpolation: "nearest", "bilinear" (of the four nearest pixels,
    without smoothing first), "bicubic", or "area" (mean of the covered pixels, best for shrinking).
    Returns uint8 (height, width, 3).
    Raises ImageError for a wrong array, ValueError for a size below 1 or an unknown interpolation.
    """
    photo = as_photo(photo)
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size: expected (height, width) of at least 1 pixel, got {size}")
    if interpolation not in _INTERPOLATIONS:
        names = ", ".join(_INTERPOLATIONS)
        raise ValueError(f"interpolation: expected one of {names}, got {interpolation!r}")
    mode = _INTERPOLATIONS[interpolation]
    return cv2.resize(np.ascontiguousarray(photo), (width, height), interpolation=mode)


def to_tensor(photo: np.ndarray) -> Tensor:
    """Turn a photo into a tensor: uint8 (H, W, 3) to float32 (3, H, W) in [0, 1].

    Raises ImageError for a wrong array.
    """
    import torch  # here, so that reading a photo does not load torch

    pixels = np.ascontiguousarray(as_photo(photo).transpose(2, 0, 1))  # (3, H, W)
    return torch.from_numpy(pixels).float().div_(255)


def to_photo(image: Tensor) -> np.ndarray:
    """Turn a tensor into a photo: (3, H, W) in [0, 1] to uint8 (H, W, 3).

    Values are rounded, and clipped when they lie outside.
    Raises ImageError when image is not a float tensor (3, H, W), or holds NaN.
    """
    import torch  # here, so that reading a photo does not load torch

    if not isinstance(image, torch.Tensor) or image.ndim != 3 or image.shape[0] != 3:
        got = tuple(image.shape) if hasattr(image, "shape") else type(image).__name__
        advice = "take one image of a batch with images[i]"
        raise ImageError("image", f"expected a tensor of shape (3, H, W), got {got}", advice)
    if not image.is_floating_point():
        advice = "divide bytes by 255 first"
        raise ImageError("image", f"expected float values in [0, 1], got {image.dtype}", advice)
    values = image.detach().cpu().float()
    missing = int(torch.isnan(values).sum())
    if missing:
        advice = "look for a division by zero or a training that diverged"
        raise ImageError("image", f"{missing} of {values.numel()} values are NaN", advice)
    pixels = values.clamp(0, 1).mul(255).round().to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())


def _read_bytes(path: Path) -> bytes:
    if os.path.isdir(path):  # Path.is_dir raises where a folder on the way cannot be entered
        raise ImageError(path, "a folder, not a photo", "name a file in it, or use find_images")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImageError(path, "there is no such file", "check the path") from None
    except PermissionError:
        raise ImageError(
            path, "no permission to read it", "change its rights (chmod u+r)"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or error
        raise ImageError(
            path, f"cannot be read ({reason})", "check the path and the disk"
        ) from error
    if not data:
        raise ImageError(path, "the file is empty", "copy or download it again")
    return data


def _to_rgb(path: Path, picture: Image.Image) -> np.ndarray:
    """Decode the first frame of an opened file into uint8 (H, W, 3)."""
    picture.seek(0)
    picture.load()
    upright: Image.Image = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I;16") or (
        upright.mode == "I" and picture.format in ("PNG", "PPM")
    ):
        grey = (np.asarray(upright).astype(np.uint32) + 128) // 257  # (H, W) 0..65535 to 0..255
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    if upright.mode in ("I", "F"):
        raise ImageError(
            path, "32 bits a pixel, without a fixed white", "save it with 8 or 16 bits a channel"
        )
    if upright.has_transparency_data:
        colours = upright.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        upright = Image.alpha_composite(white, colours)
    return np.array(upright.convert("RGB"))


def _too_large(path: Path, what: str) -> ImageError:
    limit = f"the limit is {MAX_PIXELS / 1e6:.0f} megapixels"
    return ImageError(path, f"{what}, and {limit}", "shrink it or cut it into parts")


def _raise(error: ImageError) -> None:
    raise error


def _below(folder: Path, on_error: Callable[[ImageError], None]) -> list[Path]:
    def refuse(error: OSError) -> None:
        what = f"cannot be read ({error.strerror})"
        on_error(ImageError(error.filename or folder, what, "change its rights"))

    found = []
    for base, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(base, name)
            for name in files
            if not name.startswith(".")
            and name.lower().endswith(SUFFIXES)
            and not _never_ends(Path(base, name))
        ]
    return found


def _never_ends(path: Path) -> bool:
    """Say whether this is a pipe or a device; a link that leads nowhere is a file that is gone."""
    return os.path.exists(path) and not os.path.isfile(path)
