"""`facelab eval`: labels in, table and JSON out, and every way in which labels or model are
wrong."""

import errno
import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

import facelab
from facelab import cli
from facelab.evaluation import models
from facelab.types import Faces

FACES = {"a.png": [[10, 10, 50, 60], [70, 20, 90, 45]], "b.png": [[5, 5, 45, 55]], "none.png": []}
POINTS = [[20, 25], [40, 25], [30, 35], [22, 48], [38, 48]]


@pytest.fixture
def run(capsys):
    """Run `facelab eval ...`; return exit status, stdout and stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as exit:
            cli.main(["eval", *map(str, arguments)])
        captured = capsys.readouterr()
        return exit.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def album(tmp_path):
    """Three photos of noise and the labels of their faces."""
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number, name in enumerate(FACES):
        photo = rng.integers(0, 255, (80, 120, 3), dtype=np.uint8)
        photo[0, 0] = number
        Image.fromarray(photo).save(tmp_path / "photos" / name)
    entries = {
        name: {"faces": [{"box": box, "lm": POINTS} for box in rows]}
        for name, rows in FACES.items()
    }
    return write(tmp_path, {"detection": entries})


@pytest.fixture
def people(tmp_path):
    """Two photos each of six people: every photo of one colour, that of its person."""
    (tmp_path / "photos").mkdir()
    entries = {}
    for person in range(6):
        for shot in range(2):
            name = f"{person}-{shot}.png"
            photo = np.full((60, 60, 3), 20 + 35 * person + shot, np.uint8)
            Image.fromarray(photo).save(tmp_path / "photos" / name)
            entries[name] = {"person": f"p{person}", "lm": POINTS}
    return write(tmp_path, {"verification": {"people": entries}})


@pytest.fixture
def model(monkeypatch):
    """Make a module `toy` whose function `look` is the one given; return its name."""

    def make(function):
        module = types.ModuleType("toy")
        module.look = function
        monkeypatch.setitem(sys.modules, "toy", module)
        return "toy:look"

    return make


def write(folder: Path, labels: object) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(labels))
    return path


def all_knowing(photo):
    """Boxes, scores and points of every labelled face, in plain lists."""
    rows = list(FACES.values())[photo[0, 0, 0]]
    return rows, [0.9] * len(rows), [POINTS] * len(rows)


def colour(crop):
    """A one-hot vector of the crop's brightness in steps of 35."""
    return np.eye(8)[round(float(crop[56, 56, 0] - 20) / 35)]


# What comes out


def test_perfect_detections_have_an_average_precision_of_one(run, album, model, tmp_path):
    out_file = tmp_path / "out.json"
    status, out, err = run("detector", album, "--model", model(all_knowing), "--json", out_file)
    assert (status, err) == (0, "")
    assert out.splitlines()[1].split()[:5] == ["all", "3", "1.0000", "1.0000", "1.0000"]
    record = json.loads(out_file.read_text())
    assert record["photos"] == 3
    assert record["left_out"] == {}
    assert record["ranges"]["all"]["ap"] == 1
    assert record["ranges"]["all"]["nme"] == 0
    assert record["ranges"]["96 and above"]["ap"] is None
    assert record["curve"]["recall"] == pytest.approx([1 / 3, 2 / 3, 1], abs=1e-6)


def test_faces_may_be_a_record_and_landmarks_may_be_missing(run, album, model):
    def blind(photo):
        rows = list(FACES.values())[photo[0, 0, 0]]
        return Faces(torch.tensor(rows).float().reshape(-1, 4), torch.full((len(rows),), 0.5))

    status, out, _ = run("detector", album, "--model", model(blind))
    assert status == 0
    assert out.splitlines()[1].split()[-1] == "-", "no landmark error without landmarks"


def test_the_sheets_show_false_alarms_and_misses(run, album, model, tmp_path):
    def wrong(photo):
        return [[70, 50, 100, 75]], [0.8], None

    pictures = tmp_path / "pictures"
    status, out, _ = run("detector", album, "--model", model(wrong), "--pictures", pictures)
    assert status == 0
    assert "3 of 3 false alarms" in out
    assert "3 of 3 misses" in out
    sheet = np.asarray(Image.open(pictures / "misses.png"))
    assert sheet.shape == (112, 12 * 112, 3)
    tiles = sheet.reshape(112, 12, 112, 3).std(axis=(0, 2, 3))
    assert (tiles > 20).tolist() == [True] * 3 + [False] * 9, "three tiles are filled"


def test_the_public_detector_is_judged_by_default(run, tmp_path):
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "astronaut.png")
    labels = write(
        tmp_path, {"detection": {"astronaut.png": {"faces": [{"box": [177, 66, 273, 190]}]}}}
    )
    status, out, _ = run("detector", labels)
    assert status == 0
    assert out.splitlines()[1].split()[:3] == ["all", "1", "1.0000"]


def test_weights_in_a_file_are_judged_and_damaged_ones_refused(run, album, tmp_path):
    from facelab.detection.mtcnn.weights import save

    path = tmp_path / "own.safetensors"
    mtcnn = facelab.load("mtcnn")
    save(path, mtcnn.pnet, mtcnn.rnet, mtcnn.onet, {})
    status, out, _ = run("detector", album, "--model", path)
    assert (status, out.splitlines()[1].split()[:2]) == (0, ["all", "3"])
    path.write_bytes(b"no weights")
    status, out, err = run("detector", album, "--model", path)
    assert (status, out) == (2, "")
    assert "own.safetensors" in err


def test_an_embedder_that_tells_people_apart_has_an_area_of_one(run, people, model, tmp_path):
    out_file = tmp_path / "out.json"
    status, out, err = run("embedder", people, "--model", model(colour), "--json", out_file)
    assert (status, err) == (0, "")
    assert "66 (6 of the same person)" in out, "every two of twelve photos"
    record = json.loads(out_file.read_text())
    assert (record["auc"], record["eer"], record["same"]) == (1, 0, 6)
    assert len(record["judged"]) == 66


def test_given_pairs_are_judged_and_no_others(run, people, model, tmp_path):
    labels = json.loads(people.read_text())
    same = [[f"{k}-0.png", f"{k}-1.png", 1] for k in range(6)]
    other = [[f"{k}-0.png", f"{k + 1}-1.png", 0] for k in range(5)]
    labels["verification"]["pairs"] = same + other
    status, out, _ = run("embedder", write(tmp_path, labels), "--model", model(colour))
    assert status == 0
    assert "11 (6 of the same person)" in out


def test_help_shows_the_format_and_the_exit_status(run):
    for command in ("detector", "embedder"):
        status, out, _ = run(command, "--help")
        assert status == 0
        for part in ("LABELS.json", '"lm"', "--photos", "--model", "Exit status"):
            assert part in out


# Wrong labels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"box": [50, 10, 10, 60]}, "detection, 'a.png', face 1, box: expected [x1, y1, x2, y2]"),
        ({"box": [1, 2, 3]}, "face 1, box"),
        ({"box": [1, 2, 3, "x"]}, "face 1, box"),
        ({"box": ["1", "2", "3", "4"]}, "face 1, box"),
        ({"box": [1, "2", 3, 4]}, "face 1, box"),
        ({"box": [[1], 2, 3, 4]}, "face 1, box"),
        ({"box": [0, 0, 1e300, 4]}, "face 1, box"),
        ({"box": None}, "got null"),
        ({"lm": [[1, 2]]}, "face 1, lm: expected five points"),
        ({"lm": [[1, 2]] * 4 + [[1, float("nan")]]}, "face 1, lm"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_label_is_named_with_file_and_entry(run, album, change, message):
    labels = json.loads(album.read_text())
    labels["detection"]["a.png"]["faces"][0].update(change)
    status, out, err = run("detector", write(album.parent, labels))
    assert (status, out) == (2, "")
    assert "labels.json" in err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"detection": {', "no valid JSON"),
        ("[1, 2]", "expected an object"),
        ("[" * 100_000, "no valid JSON"),
        (f'{{"detection": {"9" * 5000}}}', "no valid JSON"),
        ('{"verification": {}}', 'has no "detection"'),
        ('{"detection": {}}', "not empty"),
        ('{"detection": {"a.png": []}}', "'a.png': expected"),
        ('{"detection": {"a.png": {"faces": [1]}}}', "face 1"),
        ('{"detection": {"a.png": {"faces": [], "ignore": [[0, 0, 0, 0]]}}}', "ignore 1"),
    ],
)
def test_labels_that_are_no_labels_are_refused(run, tmp_path, text, message):
    path = tmp_path / "labels.json"
    path.write_text(text)
    status, out, err = run("detector", path)
    assert (status, out) == (2, "")
    assert message in err


def test_missing_labels_are_told(run, tmp_path):
    status, _, err = run("detector", tmp_path / "nowhere.json")
    assert status == 2
    assert "there is no such file" in err


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (["0-0.png", "0-1.png", 0], "pair 1: says 0, but the photos show 'p0' and 'p0'"),
        (["0-0.png", "1-0.png", 1], "pair 1: says 1, but the photos show 'p0' and 'p1'"),
        (["0-0.png", "gone.png", 0], "pair 1: expected two photos that people lists"),
        (["0-0.png", "0-1.png"], "pair 1: expected [photo, photo, 0 or 1]"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_pair_is_named(run, people, pair, message):
    labels = json.loads(people.read_text())
    labels["verification"]["pairs"] = [pair]
    status, _, err = run("embedder", write(people.parent, labels))
    assert status == 2
    assert message in err


def test_pairs_of_one_kind_only_are_refused(run, people, model):
    labels = json.loads(people.read_text())
    labels["verification"]["pairs"] = [[f"{k}-0.png", f"{k}-1.png", 1] for k in range(6)] * 2
    name = model(colour)
    status, _, err = run("embedder", write(people.parent, labels), "--model", name)
    assert status == 2
    assert "all 12 pairs are same" in err


# Missing and damaged photos


def test_missing_photos_are_listed_before_any_work(run, album, model):
    (album.parent / "photos" / "b.png").unlink()

    def never(photo):
        raise AssertionError("the model was asked")

    status, out, err = run("detector", album, "--model", model(never))
    assert (status, out) == (2, "")
    assert "lacks labelled photos: b.png;" in err
    assert "b.png" in err
    assert "--photos" in err


def test_photos_may_lie_in_another_folder(run, album, model, tmp_path):
    other = tmp_path / "elsewhere"
    (album.parent / "photos").rename(other)
    status, _, _ = run("detector", album, "--photos", other, "--model", model(all_knowing))
    assert status == 0


def test_a_damaged_photo_is_left_out_aloud(run, album, model, tmp_path):
    (album.parent / "photos" / "a.png").write_bytes(b"no picture")
    out_file = tmp_path / "out.json"
    status, out, err = run("detector", album, "--model", model(all_knowing), "--json", out_file)
    assert status == 1
    assert out.splitlines()[1].split()[:3] == ["all", "1", "1.0000"]
    assert "a.png" in err
    assert "1 of 3 photos could not be read" in err
    assert list(json.loads(out_file.read_text())["left_out"]) == ["a.png"]


def test_a_set_without_any_face_has_no_average_precision(run, album, model):
    labels = {"detection": {"none.png": {"faces": []}}}
    path = write(album.parent, labels)
    status, out, _ = run(
        "detector", path, "--model", model(lambda photo: ([[0, 0, 9, 9]], [0.5], None))
    )
    assert status == 0
    assert out.splitlines()[1].split() == ["all", "0", "-", "-", "-", "-", "1", "-"]


# Wrong models


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "expected Faces or (boxes, scores, landmarks or None), returned NoneType"),
        (([[1, 2, 3]], [0.5], None), "boxes: expected shape (N, 4), got (1, 3)"),
        (([[1, 2, 3, 4]], [0.5, 0.4], None), "scores: expected shape (1), got (2,)"),
        (([[1, 2, 3, 4]], [0.5], [[[1, 2]]]), "landmarks: expected shape (1, 5, 2)"),
        (([[1, 2, 3, float("nan")]], [0.5], None), "NaN"),
        (("boxes", [0.5], None), "boxes: expected numbers"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_detector_that_returns_something_else_is_named(run, album, model, returned, message):
    status, out, err = run("detector", album, "--model", model(lambda photo: returned))
    assert (status, out) == (2, "")
    assert message in err
    assert "(on a.png)" in err
    assert "toy:look" in err


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros((2, 3)), "the embedding: expected shape (N), got (2, 3)"),
        (np.zeros(4), "zero everywhere"),
        (np.array([1, np.nan]), "NaN"),
    ],
    ids=str,
)
def test_an_embedder_that_returns_something_else_is_named(run, people, model, returned, message):
    status, _, err = run("embedder", people, "--model", model(lambda crop: returned))
    assert status == 2
    assert message in err
    assert "0-0.png" in err


def test_a_model_that_fails_is_named_with_the_photo(run, album, model):
    def broken(photo):
        raise RuntimeError("out of ideas")

    status, _, err = run("detector", album, "--model", model(broken))
    assert status == 2
    assert "failed on a.png: RuntimeError: out of ideas" in err


@pytest.mark.parametrize(
    ("command", "name", "message"),
    [
        ("detector", "nonsense", "no such detector or file"),
        ("detector", "no_such_module:look", "PYTHONPATH"),
        ("detector", "json:no_such_function", "the module has no 'no_such_function'"),
        ("detector", "json:__doc__", "is no function"),
        ("embedder", "nonsense", "no such embedder"),
    ],
)
def test_an_unknown_model_is_told(run, people, command, name, message):
    labels = json.loads(people.read_text())
    labels["detection"] = {"0-0.png": {"faces": []}}
    status, out, err = run(command, write(people.parent, labels), "--model", name)
    assert (status, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_package_at_all", "cannot be imported: ModuleNotFoundError"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("def look(:", "cannot be imported: SyntaxError"),
        ("import sys; sys.nothing", "cannot be imported: AttributeError"),
    ],
)
def test_a_module_that_fails_at_its_start_is_told(run, album, monkeypatch, tmp_path, text, message):
    name = f"broken_{abs(hash(text))}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    status, out, err = run("detector", album, "--model", f"{name}:look")
    assert (status, out) == (2, "")
    assert message in err and err.count("\n") == 1


def test_labels_may_begin_with_the_mark_that_windows_writes(run, album, model):
    album.write_bytes(b"\xef\xbb\xbf" + album.read_bytes())
    assert run("detector", album, "--model", model(all_knowing))[0] == 0


@pytest.mark.parametrize(
    ("place", "message"),
    [("gone/out.json", "there is no folder"), ("photos", "a folder; name a file for --json")],
)
def test_a_place_for_the_figures_that_cannot_be_is_told_before_the_work(
    run, album, model, place, message
):
    def never(photo):
        raise AssertionError("the model was asked")

    words = ("detector", album, "--model", model(never), "--json", album.parent / place)
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert place in err and message in err


def test_a_full_disk_at_the_end_leaves_the_figures_on_the_screen(run, album, model, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    out_file = album.parent / "out.json"
    status, out, err = run("detector", album, "--model", model(all_knowing), "--json", out_file)
    assert status == 2 and "1.0000" in out
    assert f"{out_file}: cannot be written (No space left on device)" in err
    assert not list(album.parent.glob("*out.json*"))


def test_no_detections_may_be_an_empty_list_in_any_form():
    for empty in ([], np.zeros(0), np.zeros((0, 4)), torch.zeros(0, 4)):
        faces = models.as_faces((empty, [], None), name="toy")
        assert faces.boxes.shape == (0, 4)
    assert models.as_faces(([], [], []), name="toy").landmarks.shape == (0, 5, 2)
