"""The command line: what it prints, what it writes, and how it takes what is wrong."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

import facelab
from facelab import cli
from facelab.types import Faces

BAD = {
    "missing.jpg": None,
    "empty.png": b"",
    "text.jpg": b"dear diary, no photo today",
    "truncated.png": "truncated",
}


def one_face(photo: np.ndarray) -> Faces:
    """Stand in for the detector: one face in the middle of every photo."""
    height, width = photo.shape[:2]
    box = torch.tensor([[width * 0.25, height * 0.25, width * 0.75, height * 0.75]])
    points = torch.tensor([[[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.4, 0.6], [0.6, 0.6]]])
    return Faces(box, torch.tensor([0.99]), points * torch.tensor([width, height]))


@pytest.fixture
def detector(monkeypatch):
    """Replace the detector by one that is quick and sure; record how it was asked for."""
    asked = {}

    def load(name, **options):
        asked.update(name=name, **options)
        return one_face

    monkeypatch.setattr(facelab, "load", load, raising=False)
    return asked


@pytest.fixture
def run(capsys):
    """Run the command line; return exit status, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as exit:
            cli.main([str(a) for a in arguments])
        captured = capsys.readouterr()
        return exit.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def portrait(tmp_path):
    return save(tmp_path / "portrait.png", skimage.data.astronaut())


def save(path: Path, photo: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(photo).save(path)
    return path


def small(colour: int = 90) -> np.ndarray:
    return np.full((40, 60, 3), colour, np.uint8)


def bad_photo(path: Path) -> Path:
    """Write the bad photo that the name stands for."""
    content = BAD[path.name]
    if content == "truncated":
        whole = cv2.imencode(".png", skimage.data.astronaut())[1].tobytes()
        content = whole[: len(whole) // 3]
    if content is not None:
        path.write_bytes(content)
    return path


# What is printed


def test_help_is_quick_because_it_loads_no_torch():
    code = (
        "import sys\nfrom facelab import cli\n"
        "try: cli.main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'cv2', 'matplotlib'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"


def test_help_names_the_commands_and_the_exit_status(run):
    status, out, _ = run("--help")
    assert status == 0
    for part in ("detect", "course"):
        assert part in out
    status, out, _ = run("detect", "--help")
    assert status == 0
    for part in ("PHOTO", "--out DIR", "--json", "Exit status", "1 a photo failed"):
        assert part in out


@pytest.mark.parametrize("command", [[], ["detect"], ["course"], ["course", "build"]], ids=str)
def test_help_fits_a_narrow_terminal_and_is_never_cut(run, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    lines = run(*command, "--help")[1].splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith("...") for line in lines if not line.startswith("Usage"))


def test_the_version_is_that_of_the_package(run):
    assert run("--version") == (0, f"facelab {facelab.__version__}\n", "")


def test_the_table_has_a_line_for_every_face(run, detector, tmp_path):
    photo = save(tmp_path / "a.png", small())
    status, out, err = run("detect", photo)
    first, header, face = out.splitlines()
    assert (status, err) == (0, "")
    assert first == f"{photo} (60 x 40): 1 face"
    assert header.split()[:6] == ["face", "score", "x1", "y1", "x2", "y2"]
    assert face.split()[:6] == ["1", "0.990", "15", "10", "45", "30"]
    assert face.endswith("  36,24")
    assert header.endswith("  mouth L  mouth R")
    assert len(header) == len(face) < 80


def test_the_columns_of_a_table_never_touch(run, monkeypatch, tmp_path):
    faces = Faces(
        torch.tensor([[19000.0, 1.0, 19999.0, 900.0], [1.0, 2.0, 3.0, 4.0]]),
        torch.tensor([1.0, 0.5]),
        torch.tensor([[[19000.0, 19000.0]] * 5, [[1.0, 2.0]] * 5]),
    )
    monkeypatch.setattr(facelab, "load", lambda *_, **__: lambda p: faces, raising=False)
    lines = run("detect", save(tmp_path / "a.png", small()))[1].splitlines()[1:]
    assert [len(re.split(" {2,}", line.strip())) for line in lines] == [11, 11, 11]
    assert len({len(line) for line in lines}) == 1


def test_a_photo_without_a_face_says_so(run, monkeypatch, tmp_path):
    monkeypatch.setattr(facelab, "load", lambda *_, **__: lambda p: Faces.empty(), raising=False)
    photo = save(tmp_path / "a.png", small())
    assert run("detect", photo) == (0, f"{photo} (60 x 40): no faces\n", "")
    assert json.loads(run("detect", "--json", photo)[1])["faces"] == []


@pytest.mark.parametrize("landmarks", [None, torch.full((1, 5, 2), torch.nan)])
def test_faces_without_landmarks_are_printed(run, monkeypatch, tmp_path, landmarks):
    faces = Faces(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([0.5]), landmarks)
    monkeypatch.setattr(facelab, "load", lambda *_, **__: lambda p: faces, raising=False)
    photo = save(tmp_path / "a.png", small())
    assert run("detect", photo)[1].split()[-11:] == "1 0.500 1 2 3 4 - - - - -".split()
    assert json.loads(run("detect", "--json", photo)[1])["faces"][0]["landmarks"] is None


def test_json_is_one_object_a_photo(run, detector, tmp_path):
    for name in ("b.png", "a.png"):
        save(tmp_path / "album" / name, small())
    status, out, err = run("detect", "--json", tmp_path / "album")
    records = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert [Path(r["photo"]).name for r in records] == ["a.png", "b.png"]
    assert set(records[0]) == {"photo", "width", "height", "faces"}
    assert (records[0]["width"], records[0]["height"]) == (60, 40)
    (face,) = records[0]["faces"]
    assert set(face) == {"box", "score", "landmarks"}
    assert face["box"] == [15.0, 10.0, 45.0, 30.0]
    assert np.shape(face["landmarks"]) == (5, 2)


def test_the_cascade_places_the_points_when_it_is_asked_to(run, tmp_path):
    photo = save(tmp_path / "a.jpg", skimage.data.astronaut())
    own, placed = (
        json.loads(run("detect", "--json", *options, photo)[1])["faces"][0]
        for options in ((), ("--landmarks", "dcnn_cascade"))
    )
    assert (placed["box"], placed["score"]) == (own["box"], own["score"])
    apart = np.linalg.norm(np.subtract(placed["landmarks"], own["landmarks"]), axis=1)
    eyes = np.linalg.norm(np.subtract(*own["landmarks"][:2]))
    assert (apart > 0).all()
    assert apart.mean() < 0.15 * eyes


def test_options_reach_the_detector(run, detector, tmp_path):
    photo = save(tmp_path / "a.png", small())
    options = ["--min-face", "40", "--threshold", "0.9", "--compat", "facenet", "--weights", "x.pt"]
    assert run("detect", *options, photo)[0] == 0
    assert detector["name"] == "mtcnn"
    assert detector["min_face"] == 40
    assert detector["thresholds"] == (0.6, 0.7, 0.9)
    assert detector["compat"] == "facenet"
    assert detector["weights"] == "x.pt"


def test_a_photo_named_twice_is_looked_at_once(run, detector, tmp_path):
    photo = save(tmp_path / "a.png", small())
    assert len(run("detect", "--json", photo, photo)[1].splitlines()) == 1


def test_a_name_that_no_terminal_can_print_is_printed_with_marks(run, detector, tmp_path):
    photo = save(tmp_path / "a\nb\udcff.png", small())
    status, out, _ = run("detect", photo)
    assert status == 0
    assert "a?b?.png (60 x 40)" in out
    assert json.loads(run("detect", "--json", photo)[1])["photo"] == str(photo)


# What is written


def test_marked_pictures_mirror_the_folders(run, detector, tmp_path):
    album, out = tmp_path / "album", tmp_path / "out"
    for name in ("a/x.png", "b/x.png", "b/c/x.jpg"):
        save(album / name, small())
    status, _, _ = run("detect", album / "a", album / "b", "--out", out)
    written = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert status == 0
    assert written == ["a/x.png", "b/c/x.jpg", "b/x.png"]
    assert np.any(np.array(Image.open(out / "a/x.png")) != 90)


def test_the_place_of_a_marked_picture_is_told(run, detector, tmp_path):
    photo = save(tmp_path / "a.webp", small())
    out = tmp_path / "out"
    assert f"marked picture: {out / 'a.webp.png'}" in run("detect", photo, "--out", out)[1]
    record = json.loads(run("detect", photo, "--json", "--out", out)[1])
    assert record["annotated"] == str(out / "a.webp.png")


def test_photos_are_never_overwritten(run, detector, tmp_path):
    photo = save(tmp_path / "a.png", small())
    before = photo.read_bytes()
    status, out, err = run("detect", photo, "--out", tmp_path)
    assert (status, out) == (2, "")
    assert "would be overwritten" in " ".join(err.split())
    assert photo.read_bytes() == before


def test_a_folder_is_not_its_own_output(run, detector, tmp_path):
    save(tmp_path / "a.png", small())
    status, out, err = run("detect", tmp_path, "--out", tmp_path)
    assert (status, out) == (2, "")
    assert "would be overwritten" in " ".join(err.split())


def test_marked_pictures_stay_inside_the_output_folder(run, detector, tmp_path):
    a, b = save(tmp_path / "a.png", small()), save(tmp_path / "deep" / "b.png", small())
    out = tmp_path / "deep" / "out"
    roundabout = tmp_path / "deep" / ".." / "a.png"
    assert run("detect", roundabout, b, "--out", out)[0] == 0
    assert sorted(p.name for p in out.rglob("*.png")) == ["a.png", "b.png"]
    assert np.array_equal(np.array(Image.open(a)), small())


def test_photos_of_like_names_get_pictures_of_their_own(run, detector, tmp_path):
    for name in ("a.webp", "a.webp.png"):
        save(tmp_path / "album" / name, small())
    out = tmp_path / "out"
    records = run("detect", tmp_path / "album", "--json", "--out", out)[1].splitlines()
    places = {json.loads(line)["annotated"] for line in records}
    assert places == {str(out / "a.webp.png"), str(out / "a.webp.png.png")}
    assert all(Path(place).exists() for place in places)


def test_marked_pictures_of_an_earlier_run_are_not_searched(run, detector, tmp_path):
    save(tmp_path / "a.png", small())
    for _ in range(2):
        status, out, _ = run("detect", tmp_path, "--json", "--out", tmp_path / "marked")
        assert (status, len(out.splitlines())) == (0, 1)
    assert len(list((tmp_path / "marked").rglob("*.png"))) == 1


def test_an_output_folder_that_is_a_file_is_refused(run, detector, tmp_path):
    photo = save(tmp_path / "a.png", small())
    (tmp_path / "out").touch()
    status, _, err = run("detect", photo, "--out", tmp_path / "out")
    assert status == 2
    assert "it is a file" in err


def test_an_output_folder_that_cannot_be_made_is_told_before_the_work(run, detector, tmp_path):
    photo = save(tmp_path / "a.png", small())
    (tmp_path / "file").touch()
    status, out, err = run("detect", photo, "--out", tmp_path / "file" / "out")
    assert (status, out, detector) == (2, "", {})
    assert "Not a directory" in err


# What is wrong


@pytest.mark.parametrize("name", BAD)
def test_a_bad_photo_is_reported_and_the_others_go_on(run, detector, tmp_path, name):
    good, bad = save(tmp_path / "good.png", small()), bad_photo(tmp_path / name)
    status, out, err = run("detect", "--json", bad, good)
    failed, found = map(json.loads, out.splitlines())
    assert status == 1
    assert failed["photo"] == str(bad)
    assert failed["error"]
    assert len(found["faces"]) == 1
    assert str(bad) in err
    assert "1 of 2 failed" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", BAD)
def test_the_table_keeps_errors_off_stdout(run, detector, tmp_path, name):
    status, out, err = run("detect", bad_photo(tmp_path / name))
    assert (status, out) == (1, "")
    assert err.count("\n") == 1, "one line a failure"
    assert str(tmp_path / name) in err


def test_a_folder_with_mixed_files_gives_its_photos(run, detector, tmp_path):
    save(tmp_path / "a.png", small())
    (tmp_path / "notes.txt").write_text("not a photo")
    (tmp_path / ".hidden.png").write_bytes(b"")
    bad_photo(tmp_path / "empty.png")
    status, out, err = run("detect", tmp_path)
    assert status == 1
    assert out.startswith(f"{tmp_path / 'a.png'} (60 x 40): 1 face")
    assert "empty.png" in err
    assert "notes.txt" not in err + out
    assert "hidden" not in err + out


def test_a_folder_without_photos_is_reported(run, detector, tmp_path):
    status, out, err = run("detect", tmp_path)
    assert (status, out) == (1, "")
    assert "no photo in this folder" in err


def test_a_locked_folder_does_not_stop_its_neighbours(run, detector, tmp_path, monkeypatch):
    save(tmp_path / "a.png", small())
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    status, out, err = run("detect", "--json", tmp_path)
    failed, found = map(json.loads, out.splitlines())
    assert status == 1
    assert failed["photo"] == str(tmp_path / "locked")
    assert found["photo"] == str(tmp_path / "a.png")
    assert "Permission denied" in err
    assert "1 of 2 failed" in err


def test_links_that_lead_nowhere_and_pipes_do_not_stop_a_folder(run, detector, tmp_path):
    save(tmp_path / "a.png", small())
    (tmp_path / "dead.png").symlink_to("nowhere.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
    status, out, err = run("detect", tmp_path, "--out", tmp_path / "out")
    assert status == 1
    assert "a.png (60 x 40): 1 face" in out
    assert "2 of 3 failed" in err
    assert "dead.png" in err
    assert "loop.png" in err
    assert "unexpected" not in err


def test_a_name_that_is_too_long_is_reported(run, detector, tmp_path):
    status, _, err = run("detect", tmp_path / ("a" * 300 + ".png"))
    assert status == 1
    assert "File name too long" in err
    assert "unexpected" not in err


def test_an_empty_name_is_not_the_folder_we_are_in(run, detector, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.png", small())
    status, out, err = run("detect", "")
    assert (status, out) == (2, "")
    assert "the name is empty" in err


def odd_photos(folder: Path) -> dict[str, tuple[Path, tuple[int, int]]]:
    """Write photos that are unusual but right; return their paths and upright (width, height)."""
    face = Image.fromarray(skimage.data.astronaut()[:300, 100:400])
    photos = {
        "1x1.png": Image.fromarray(np.zeros((1, 1, 3), np.uint8)),
        "16bit.png": Image.fromarray((np.arange(6000).reshape(60, 100) * 10).astype(np.uint16)),
        "cmyk.jpg": face.convert("CMYK"),
        "animated.gif": face.convert("P"),
        "animated.webp": face,
        "wide.png": Image.fromarray(np.zeros((50, 20000, 3), np.uint8)),
        "palette.png": face.quantize(64),
        "zwei Wörter 顔.jpg": face,
    }
    options = {
        "animated.gif": {"save_all": True, "append_images": [face.rotate(90).convert("P")]},
        "animated.webp": {"save_all": True, "append_images": [face.rotate(90)]},
        "palette.png": {"transparency": 0},
    }
    result = {}
    for name, photo in photos.items():
        photo.save(folder / name, **options.get(name, {}))
        result[name] = (folder / name, photo.size)
    deep = skimage.data.astronaut()[:300, 100:400, ::-1].astype(np.uint16) * 257
    cv2.imwrite(str(folder / "16bit.tiff"), deep)
    result["16bit.tiff"] = (folder / "16bit.tiff", (300, 300))
    return result


TURNS = {
    1: lambda photo: photo,
    2: lambda photo: photo[:, ::-1],
    3: lambda photo: photo[::-1, ::-1],
    4: lambda photo: photo[::-1],
    5: lambda photo: photo.transpose(1, 0, 2),
    6: lambda photo: np.rot90(photo),
    7: lambda photo: photo[::-1, ::-1].transpose(1, 0, 2),
    8: lambda photo: np.rot90(photo, -1),
}


def test_a_photo_stored_in_any_orientation_has_its_face_at_one_place(run, tmp_path):
    upright = skimage.data.astronaut()[:300, 100:300]
    for orientation, turn in TURNS.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = Image.fromarray(np.ascontiguousarray(turn(upright)))
        stored.save(tmp_path / f"{orientation}.jpg", exif=exif, quality=98)
    status, out, _ = run("detect", "--json", tmp_path)
    found = [json.loads(line) for line in out.splitlines()]
    assert (status, len(found)) == (0, 8)
    assert {(r["width"], r["height"]) for r in found} == {(200, 300)}
    boxes = np.array([r["faces"][0]["box"] for r in found])
    assert np.abs(boxes - boxes[0]).max() < 8  # JPEG blocks lie elsewhere in each


def test_unusual_photos_are_right_and_upright(run, detector, tmp_path):
    photos = odd_photos(tmp_path)
    status, out, err = run("detect", "--json", tmp_path)
    found = {Path(r["photo"]).name: r for r in map(json.loads, out.splitlines())}
    assert (status, err) == (0, "")
    assert {n: (r["width"], r["height"]) for n, r in found.items()} == {
        name: size for name, (_, size) in photos.items()
    }


def test_the_real_detector_takes_unusual_photos(run, tmp_path):
    odd_photos(tmp_path)
    status, out, err = run("detect", "--json", "--out", tmp_path / "marked", tmp_path)
    found = {Path(r["photo"]).name: r for r in map(json.loads, out.splitlines())}
    assert (status, err) == (0, "")
    empty = {"1x1.png", "16bit.png", "wide.png"}
    assert {name for name, r in found.items() if not r["faces"]} == empty
    assert len(found) == 9
    assert all(Path(r["annotated"]).exists() for r in found.values())


def test_the_real_detector_finds_the_portrait(run, portrait):
    status, out, err = run("detect", portrait)
    assert (status, err) == (0, "")
    first, _, best, *_ = out.splitlines()
    assert first.startswith(f"{portrait} (512 x 512): ")
    assert best.split()[:2] == ["1", "1.000"]
    x1, y1, x2, y2 = map(int, best.split()[2:6])
    assert 160 < x1 < 200 < 250 < x2 < 290
    assert 40 < y1 < 80 < 150 < y2 < 190


@pytest.mark.parametrize("weights", ["nonsense", "nowhere.pt"])
def test_unknown_weights_are_refused_in_one_line(run, tmp_path, weights):
    photo = save(tmp_path / "a.png", small())
    status, out, err = run("detect", "--weights", weights, photo)
    assert (status, out) == (2, "")
    assert weights in err
    assert "Traceback" not in err


def test_damaged_weights_are_refused(run, tmp_path):
    photo = save(tmp_path / "a.png", small())
    (tmp_path / "weights.pt").write_bytes(b"nothing of the kind")
    status, out, err = run("detect", "--weights", tmp_path / "weights.pt", photo)
    assert (status, out) == (2, "")
    assert "weights.pt" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["detect", "--threshold", "7", "a.png"],
        ["detect", "--min-face", "1", "a.png"],
        ["detect", "--compat", "opencv", "a.png"],
        ["detect", "--colour", "a.png"],
        ["guess"],
    ],
    ids=" ".join,
)
def test_misuse_is_told_with_status_2(run, arguments):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert "Error" in err


def test_a_detector_that_fails_on_one_photo_does_not_stop_the_folder(run, monkeypatch, tmp_path):
    def moody(photo):
        if photo[0, 0, 0] == 1:
            raise RuntimeError("out of memory")
        return one_face(photo)

    monkeypatch.setattr(facelab, "load", lambda *_, **__: moody, raising=False)
    save(tmp_path / "a.png", small(1))
    save(tmp_path / "b.png", small(2))
    status, out, err = run("detect", tmp_path)
    assert status == 1
    assert out.startswith(f"{tmp_path / 'b.png'}")
    assert "a.png: RuntimeError: out of memory" in err
    assert "Traceback" not in err


def test_debug_shows_where_a_problem_happened(run, detector, tmp_path, monkeypatch):
    monkeypatch.setenv("FACELAB_DEBUG", "0")
    assert "Traceback" in run("--debug", "detect", tmp_path / "missing.png")[2]


def test_an_unexpected_problem_is_one_line(run, monkeypatch, tmp_path):
    def load(*_, **__):
        raise RuntimeError("the moon is full")

    monkeypatch.delenv("FACELAB_DEBUG", raising=False)
    monkeypatch.setattr(facelab, "load", load, raising=False)
    status, out, err = run("detect", save(tmp_path / "a.png", small()))
    assert (status, out) == (1, "")
    assert "the moon is full" in err
    assert "FACELAB_DEBUG=1" in err
    assert "Traceback" not in err


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "facelab.cli", *map(str, arguments)]


def test_a_reader_that_leaves_early_is_no_problem(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.png", small())
    process = subprocess.Popen(
        command("detect", "--json", tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    err = process.stderr.read()
    process.wait(timeout=60)
    process.stderr.close()
    assert err == b""


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_an_interruption_ends_with_one_line(tmp_path):
    for number in range(300):
        save(tmp_path / f"{number}.png", small())
    process = subprocess.Popen(
        command("detect", tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # tests started in the background inherit that SIGINT is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    process.stdout.readline()  # under way
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "facelab: interrupted\n"


def test_the_bar_is_drawn_on_a_terminal_only(tmp_path):
    pty = pytest.importorskip("pty")
    for number in range(3):
        save(tmp_path / f"{number}.png", small())
    ours, theirs = pty.openpty()
    termios = pytest.importorskip("termios")
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen(
        command("detect", "--json", tmp_path), stdout=subprocess.PIPE, stderr=theirs
    )
    out = process.stdout.read()
    process.wait(timeout=60)
    process.stdout.close()
    drawn = os.read(ours, 100_000).decode()
    os.close(theirs)
    os.close(ours)
    assert [json.loads(line)["faces"] for line in out.splitlines()] == [[], [], []]
    assert "photos" in drawn
    assert "/3" in drawn


def test_the_course_commands_are_mounted(run):
    status, out, _ = run("course", "--help")
    assert status == 0
    assert "facelab course" in out
    assert "build" in out
