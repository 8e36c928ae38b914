"""Photos of every odd kind come out right, or with a message that says what to do."""

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

import facelab
from facelab import images
from facelab.images import (
    ImageError,
    as_photo,
    find_images,
    read_image,
    resize,
    to_photo,
    to_tensor,
    write_image,
)

RED = (200, 40, 30)


def patches() -> np.ndarray:
    """40x60: red top left, green top right, blue bottom left, grey bottom right."""
    photo = np.zeros((40, 60, 3), np.uint8)
    photo[:20, :30], photo[:20, 30:], photo[20:, :30], photo[20:, 30:] = (
        RED,
        (40, 200, 30),
        (30, 40, 200),
        (128, 128, 128),
    )
    return photo


def header(path: Path) -> tuple[str | None, str, int]:
    """Format, mode and number of pictures, to be sure that a test file is what it should be."""
    with Image.open(path) as picture:
        return picture.format, picture.mode, getattr(picture, "n_frames", 1)


def noise(height: int = 120, width: int = 200) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def save(path: Path, photo: np.ndarray, mode: str | None = None, **options) -> Path:
    picture = Image.fromarray(photo)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def assert_similar(photo: np.ndarray, expected: np.ndarray, within: int = 12) -> None:
    """Compare away from the edges of the patches, where lossy files blur."""
    assert photo.dtype == np.uint8 and photo.shape == expected.shape and photo.flags.c_contiguous
    inner = (
        (slice(4, 16), slice(4, 26)),
        (slice(24, 36), slice(34, 56)),
        (slice(4, 16), slice(34, 56)),
    )
    for rows, columns in inner:
        difference = np.abs(photo[rows, columns].astype(int) - expected[rows, columns])
        assert difference.max() <= within


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".gif"])
def test_lossless_files_are_read_exactly(suffix, tmp_path):
    assert np.array_equal(read_image(save(tmp_path / f"a{suffix}", patches())), patches())


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_lossy_files_are_read_nearly(suffix, tmp_path):
    path = save(tmp_path / f"a{suffix}", patches(), quality=95)
    assert_similar(read_image(path), patches())


def test_a_jpeg_has_the_same_pixels_as_pillow_gives(tmp_path):
    path = save(tmp_path / "a.jpg", noise(), quality=80)
    with Image.open(path) as picture:
        assert np.array_equal(read_image(path), np.asarray(picture))


def test_the_suffix_does_not_matter_the_content_does(tmp_path):
    path = save(tmp_path / "a.png", patches()).rename(tmp_path / "photo.from.camera")
    assert np.array_equal(read_image(path), patches())


def test_paths_may_be_text_and_hold_any_script(tmp_path):
    path = save(tmp_path / "größe 面 👤.png", patches())
    assert np.array_equal(read_image(str(path)), patches())


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_grey_becomes_rgb(suffix, tmp_path):
    photo = read_image(save(tmp_path / f"a{suffix}", patches(), "L", quality=95))
    assert photo.shape == (40, 60, 3)
    assert (photo[..., 0] == photo[..., 2]).all()
    assert abs(int(photo[30, 50, 0]) - 128) < 3


def test_a_palette_becomes_rgb(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(patches()).quantize(8).save(path)
    assert header(path)[1] == "P"
    assert_similar(read_image(path), patches(), within=2)


def test_black_and_white_becomes_rgb(tmp_path):
    photo = read_image(
        save(tmp_path / "a.png", np.eye(9, dtype=np.uint8)[..., None].repeat(3, 2) * 255, "1")
    )
    assert np.array_equal(photo[..., 1], 255 * np.eye(9, dtype=np.uint8))


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_print_colours_become_rgb(suffix, tmp_path):
    path = save(tmp_path / f"a{suffix}", patches(), "CMYK", quality=95)
    assert header(path)[1] == "CMYK"
    assert_similar(read_image(path), patches())


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_lie_on_white(mode, tmp_path):
    picture = Image.fromarray(patches()).convert(mode)
    alpha = np.full((40, 60), 255, np.uint8)
    alpha[:20], alpha[20:, :30] = 0, 128
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "a.png")
    photo = read_image(tmp_path / "a.png")
    assert (photo[:20] == 255).all()
    assert (photo[30, 50] == 128).all()
    if mode == "RGBA":
        assert (
            np.abs(photo[30, 10].astype(int) - (142, 147, 227)).max() <= 1
        )  # half blue, half white


def test_a_transparent_colour_of_a_palette_lies_on_white(tmp_path):
    picture = Image.fromarray(patches()).quantize(8)
    picture.save(tmp_path / "a.png", transparency=picture.getpixel((5, 5)))
    photo = read_image(tmp_path / "a.png")
    assert (photo[5, 5] == 255).all() and (photo[5, 50] != 255).any()


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    values = np.array([[0, 257, 6100, 32896, 51400, 65535]], np.uint16)
    for suffix in (".png", ".tif"):
        assert cv2.imwrite(str(tmp_path / f"a{suffix}"), values)
        photo = read_image(tmp_path / f"a{suffix}")
        assert photo[0, :, 1].tolist() == [0, 1, 24, 128, 200, 255]


def test_sixteen_bit_colour_is_scaled_not_clipped(tmp_path):
    values = np.zeros((4, 5, 3), np.uint16)
    values[...] = (7710, 10280, 51400)  # blue, green, red: 30, 40, 200 in 8 bits
    for suffix in (".png", ".tif"):
        assert cv2.imwrite(str(tmp_path / f"a{suffix}"), values)
        assert np.abs(read_image(tmp_path / f"a{suffix}").astype(int) - (200, 40, 30)).max() <= 1


def test_floating_point_pictures_are_refused(tmp_path):
    Image.fromarray(np.ones((4, 5), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="32 bits a pixel.*save it with 8 or 16 bits"):
        read_image(tmp_path / "a.tif")


def turned(photo: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores an upright photo under each EXIF orientation."""
    return {
        1: photo,
        2: photo[:, ::-1],
        3: photo[::-1, ::-1],
        4: photo[::-1],
        5: photo.transpose(1, 0, 2),
        6: np.rot90(photo, 1),
        7: np.rot90(photo, 2).transpose(1, 0, 2),
        8: np.rot90(photo, -1),
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_photos_stand_upright_whatever_way_the_camera_was_held(orientation, suffix, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(turned(patches(), orientation))
    path = save(tmp_path / f"a{suffix}", stored, exif=exif, quality=95)
    assert_similar(read_image(path), patches())


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_the_first_picture_of_an_animation_is_taken(suffix, tmp_path):
    rest = [Image.fromarray(255 - patches()), Image.fromarray(patches()[::-1].copy())]
    path = save(tmp_path / f"a{suffix}", patches(), save_all=True, append_images=rest)
    assert header(path)[2] == 3
    assert_similar(read_image(path), patches())


def test_the_first_picture_of_a_phone_s_double_jpeg_is_taken(tmp_path):
    rest = [Image.fromarray(255 - patches())]
    path = save(
        tmp_path / "a.jpg", patches(), format="MPO", save_all=True, append_images=rest, quality=95
    )
    assert header(path)[0] == "MPO"
    assert_similar(read_image(path), patches())


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_single_pixel_is_a_photo(suffix, tmp_path):
    path = save(tmp_path / f"a{suffix}", np.full((1, 1, 3), 77, np.uint8))
    assert read_image(path).tolist() == [[[77, 77, 77]]]


@pytest.mark.parametrize(
    ("suffix", "width"), [(".png", 20_000), (".jpg", 20_000), (".png", 70_000)]
)
def test_a_very_wide_photo_is_read(suffix, width, tmp_path):
    photo = np.full((30, width, 3), 90, np.uint8)
    photo[:, -100:] = 200
    got = read_image(save(tmp_path / f"a{suffix}", photo))
    assert got.shape == (30, width, 3)
    assert abs(int(got[15, -50, 1]) - 200) <= 3


def bomb(path: Path, side: int) -> Path:
    """A small file that unfolds to side x side pixels."""
    Image.new("1", (side, side)).save(path)
    return path


@pytest.mark.parametrize("side", [13_200, 20_000])
def test_more_pixels_than_the_limit_are_refused_before_decoding(side, tmp_path, monkeypatch):
    path = bomb(tmp_path / "a.png", side)
    assert path.stat().st_size < 200_000
    monkeypatch.setattr(images, "_to_rgb", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(ImageError, match=r"pixels, and the limit is 170 megapixels; shrink it"):
        read_image(path)


def test_a_large_photo_below_the_limit_is_read_without_a_warning(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("L", (10_000, 9_500), 60).save(path)  # above the size at which Pillow warns
    assert read_image(path).shape == (9_500, 10_000, 3)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".avif"])
def test_a_file_that_was_cut_off_is_reported_not_filled_with_grey(suffix, share, tmp_path):
    path = save(tmp_path / f"a{suffix}", noise())
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert caught.value.where == str(path)
    assert any(word in caught.value.what for word in ("cut off", "damaged", "not a picture"))


def test_a_progressive_jpeg_that_was_cut_off_is_reported(tmp_path):
    path = save(tmp_path / "a.jpg", noise(), progressive=True)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ImageError, match="cut off or damaged .*; copy or download it again"):
        read_image(path)


def test_damaged_files_give_an_image_error_or_a_photo_and_nothing_else(tmp_path):
    random = np.random.default_rng(1)
    for suffix in (".jpg", ".png", ".gif", ".webp", ".tif"):
        path = save(tmp_path / f"a{suffix}", noise(30, 40))
        good = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(25):
            data = good.copy()
            data[random.integers(0, min(len(data), 400), 6)] = random.integers(0, 256, 6)
            path.write_bytes(data.tobytes())
            try:
                assert read_image(path).dtype == np.uint8
            except ImageError as error:
                assert str(path) in str(error)


@pytest.mark.parametrize("content", [b"hello, I am a text", b"%PDF-1.4 " + bytes(500), bytes(3000)])
def test_files_that_are_no_pictures_are_refused(content, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match="not a picture in a known format.*convert others"):
        read_image(path)


def test_missing_empty_and_folder_paths_are_told_apart(tmp_path):
    (tmp_path / "empty.png").touch()
    for name, message in (
        ("none.png", "there is no such file; check the path"),
        ("empty.png", "the file is empty"),
        ("", "a folder, not a photo"),
        ("none/a.png", "there is no such file"),
        ("empty.png/a.png", "cannot be read"),
        ("a\0b.png", "cannot be read"),
    ):
        with pytest.raises(ImageError, match=message) as caught:
            read_image(f"{tmp_path}/{name}")
        assert caught.value.where.startswith(str(tmp_path))


def test_a_file_that_may_not_be_read_is_reported(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", patches())
    if os.access(path, os.R_OK) and os.geteuid() == 0:  # no rights stop this user

        def refuse(self):
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "read_bytes", refuse)
    else:
        path.chmod(0)
    with pytest.raises(ImageError, match="no permission to read it; change its rights"):
        read_image(path)


def test_an_image_error_says_where_what_and_what_to_do():
    error = ImageError(Path("a.jpg"), "it is empty", "copy it again")
    assert isinstance(error, ValueError)
    assert str(error) == "a.jpg: it is empty; copy it again"
    assert (error.where, error.what, error.advice) == ("a.jpg", "it is empty", "copy it again")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # it may cross processes


def folder_of_photos(base: Path) -> Path:
    for name in (
        "b.png",
        "a.JPG",
        "notes.txt",
        ".hidden.png",
        "deep/er/c.webp",
        ".cache/d.png",
        "deep/.e.jpg",
    ):
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return base


def test_folders_are_searched_for_photos_in_order_without_hidden_files(tmp_path):
    found = find_images(folder_of_photos(tmp_path))
    assert [str(path.relative_to(tmp_path)) for path in found] == [
        "a.JPG",
        "b.png",
        "deep/er/c.webp",
    ]


def test_named_files_are_listed_whatever_they_are_called_and_once(tmp_path):
    folder_of_photos(tmp_path)
    names = [tmp_path / "notes.txt", str(tmp_path / ".hidden.png"), tmp_path / "b.png", tmp_path]
    found = [path.name for path in find_images(names)]
    assert found == ["notes.txt", ".hidden.png", "b.png", "a.JPG", "c.webp"]
    assert find_images(tmp_path / "notes.txt") == [tmp_path / "notes.txt"]


def test_a_hidden_folder_that_is_named_is_searched(tmp_path):
    folder_of_photos(tmp_path)
    assert find_images([tmp_path / ".cache"]) == [tmp_path / ".cache/d.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_in_a_folder_are_not_waited_for_and_dead_links_are_listed(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "dead.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert [path.name for path in find_images(tmp_path)] == ["dead.png", "loop.png"]
    for path in find_images(tmp_path):
        with pytest.raises(ImageError, match=path.name):
            read_image(path)


def test_a_name_that_is_too_long_is_an_error_of_its_own(tmp_path):
    name = tmp_path / ("a" * 300 + ".png")
    with pytest.raises(ImageError, match="File name too long"):
        read_image(name)
    with pytest.raises(ImageError, match="no such file"):
        find_images(name)


def test_a_search_can_go_on_after_an_error(tmp_path, monkeypatch):
    folder_of_photos(tmp_path)
    locked = str(tmp_path / "deep")
    scandir = os.scandir

    def refuse(path):
        if str(path) == locked:
            raise PermissionError(13, "Permission denied", locked)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ImageError, match=r"deep: cannot be read \(Permission denied\)"):
        find_images(tmp_path)
    errors = []
    found = find_images([tmp_path, tmp_path / "none"], on_error=errors.append)
    assert [path.name for path in found] == ["a.JPG", "b.png"]
    assert [Path(error.where).name for error in errors] == ["deep", "none"]


def test_an_empty_folder_has_no_photos_and_a_missing_path_is_an_error(tmp_path):
    assert find_images([tmp_path]) == []
    with pytest.raises(ImageError, match="none: there is no such file or folder; check the path"):
        find_images([tmp_path, tmp_path / "none"])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG"])
def test_written_photos_are_read_back(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    write_image(path, patches())
    if suffix == ".png":
        assert np.array_equal(read_image(path), patches())
    assert_similar(read_image(path), patches())
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_mirrored_views_can_be_written(tmp_path):
    write_image(tmp_path / "a.png", patches()[:, ::-1])
    assert np.array_equal(read_image(tmp_path / "a.png"), patches()[:, ::-1])


def test_a_write_that_fails_leaves_the_old_file_and_no_rests(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, patches())

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ImageError, match=r"cannot be written \(No space left on device\); check"):
        write_image(path, 255 - patches())
    assert np.array_equal(read_image(path), patches())
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]


def test_places_and_suffixes_that_cannot_be_written_are_refused(tmp_path):
    with pytest.raises(ImageError, match=r"cannot be written \(No such file or directory\)"):
        write_image(tmp_path / "none" / "a.png", patches())
    with pytest.raises(ImageError, match="cannot write .gif; use .png or .jpg"):
        write_image(tmp_path / "a.gif", patches())
    with pytest.raises(ImageError, match="cannot write a file without suffix"):
        write_image(tmp_path / "a", patches())
    with pytest.raises(ImageError, match="^photo: .* got dtype float64"):
        write_image(tmp_path / "a.png", patches() / 255)
    with pytest.raises(
        ImageError, match="70000x1 pixels, and a JPEG has 65500 a side at most; use"
    ):
        write_image(tmp_path / "a.jpg", np.zeros((1, 70_000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((4, 5), np.uint8), r"got shape \(4, 5\); a grey picture becomes RGB"),
        (np.zeros((4, 5, 1), np.uint8), r"got shape \(4, 5, 1\); a grey picture becomes RGB"),
        (np.zeros((4, 5, 4), np.uint8), "drop the alpha channel"),
        (np.zeros((3, 40, 50), np.uint8), r"photo.transpose\(1, 2, 0\)"),
        (np.zeros((2, 4, 5, 3), np.uint8), "pass a list of photos"),
        (np.zeros(7, np.uint8), r"got shape \(7,\); read photos with"),
        (np.zeros((4, 5, 3)), r"got dtype float64; scale values in \[0, 1\]"),
        (np.zeros((4, 0, 3), np.uint8), r"no pixels in shape \(4, 0, 3\)"),
        (torch.zeros(3, 4, 5), "got Tensor; .* facelab.images.to_photo"),
        ("a.jpg", "got str; read it first with facelab.read_image"),
        (None, "got NoneType"),
    ],
)
def test_arrays_that_are_no_photos_are_refused_with_the_way_out(wrong, message):
    with pytest.raises(ImageError, match=f"^crop: .*{message}"):
        as_photo(wrong, name="crop")


def test_a_good_photo_is_returned_as_it_is():
    photo = patches()
    assert as_photo(photo) is photo


def test_resizing_takes_height_first():
    assert resize(patches(), (10, 90)).shape == (10, 90, 3)
    assert np.array_equal(resize(patches(), (40, 60)), patches())


def test_each_interpolation_gives_its_known_values():
    row = np.zeros((1, 4, 3), np.uint8)
    row[0, :, :] = np.array([0, 100, 40, 200])[:, None]
    assert resize(row, (1, 2), "area")[0, :, 0].tolist() == [50, 120]
    assert resize(row, (1, 2), "bilinear")[0, :, 0].tolist() == [50, 120]
    assert resize(row, (1, 8), "nearest")[0, :, 0].tolist() == [0, 0, 100, 100, 40, 40, 200, 200]
    assert resize(row, (1, 8), "bilinear")[0, 1:3, 0].tolist() == [25, 75]
    assert resize(row[:, ::-1], (1, 2), "area")[0, :, 0].tolist() == [120, 50]


def test_bilinear_looks_at_four_pixels_only_and_area_at_all():
    lines = np.zeros((8, 8, 3), np.uint8)
    lines[:, ::4] = 255
    assert resize(lines, (2, 2), "bilinear").max() == 0  # the lines fall between the samples
    assert resize(lines, (2, 2), "area").min() == 64


def test_sizes_and_names_that_make_no_photo_are_refused():
    with pytest.raises(ValueError, match=r"^size: expected \(height, width\) of at least 1"):
        resize(patches(), (0, 5))
    with pytest.raises(ValueError, match="^interpolation: expected one of nearest, bilinear"):
        resize(patches(), (5, 5), "lanczos")  # type: ignore[arg-type]


def test_photos_become_tensors_and_return_unchanged():
    photo = noise()
    tensor = to_tensor(photo)
    assert tensor.shape == (3, 120, 200) and tensor.dtype == torch.float32
    assert tensor.min() >= 0 and tensor.max() <= 1
    assert tensor[2, 5, 7].item() == pytest.approx(photo[5, 7, 2] / 255)
    assert np.array_equal(to_photo(tensor), photo)
    assert to_tensor(photo[:, ::-1])[0, 0, 0].item() == pytest.approx(photo[0, -1, 0] / 255)


def test_values_outside_are_clipped_and_others_rounded():
    values = torch.tensor([-0.2, 0.5 / 255 + 1e-4, 1.3]).reshape(3, 1, 1)
    assert to_photo(values.double().requires_grad_()).tolist() == [[[0, 1, 255]]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (torch.zeros(1, 3, 4, 4), r"got \(1, 3, 4, 4\); take one image of a batch"),
        (np.zeros((3, 4, 4)), "expected a tensor"),
        (torch.zeros(3, 4, 4, dtype=torch.uint8), "got torch.uint8; divide bytes by 255"),
        (torch.full((3, 4, 4), torch.nan), "48 of 48 values are NaN"),
    ],
)
def test_tensors_that_are_no_photos_are_refused(wrong, message):
    with pytest.raises(ImageError, match=f"^image: .*{message}"):
        to_photo(wrong)


def test_importing_facelab_loads_neither_torch_nor_opencv_and_reading_needs_no_torch(tmp_path):
    path = save(tmp_path / "a.png", patches())
    code = f"""
import sys, facelab
assert not {{"torch", "cv2", "numpy", "PIL"}} & set(sys.modules), "import is not light"
assert {{"load", "Faces", "read_image", "__version__"}} <= set(dir(facelab))
assert facelab.read_image({str(path)!r}).shape == (40, 60, 3)
assert "torch" not in sys.modules, "reading a photo loads torch"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_offers_its_names_and_no_others():
    assert facelab.read_image is read_image
    assert facelab.Faces.__module__ == "facelab.types"
    with pytest.raises(AttributeError, match="module 'facelab' has no attribute 'laod'"):
        facelab.laod  # noqa: B018


def test_reading_leaves_no_open_file(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(patches()).save(buffer, "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(buffer.getvalue())
    read_image(path)
    path.rename(tmp_path / "b.png")  # refused on some systems while a file is open
    assert read_image(tmp_path / "b.png").shape == (40, 60, 3)
