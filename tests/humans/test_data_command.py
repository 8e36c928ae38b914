"""`facelab data` renders, verifies and describes packs, and tells users what went wrong."""

import csv
import inspect

import pytest

from facelab.cli import main
from facelab.humans import cli
from facelab.humans.packs import card, drawing, making
from facelab.humans.packs.making import Recipe, command_of, make
from facelab.humans.packs.pack import load_pack
from tests.humans.toys import render_toy, render_toy_props


@pytest.fixture
def run(capsys):
    """Run `facelab data ...`: exit status, stdout, stderr."""

    def call(*words):
        with pytest.raises(SystemExit) as caught:
            main(["data", *map(str, words)])
        out = capsys.readouterr()
        return caught.value.code or 0, out.out, out.err

    return call


@pytest.fixture
def toys(monkeypatch):
    """Let toys stand in for the renderer."""
    monkeypatch.setattr(drawing, "render_person", render_toy)
    monkeypatch.setattr(drawing, "render_props", render_toy_props)
    monkeypatch.setattr(drawing, "require_assets", lambda: None)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "pack"
    recipe = Recipe(people=20, views=6, size=32, props=2)
    make(recipe, folder, render=render_toy, render_props=render_toy_props, workers=1,
         command=command_of(recipe))  # fmt: skip
    return folder


def test_humans_renders_a_pack_and_going_on_is_no_error(run, toys, tmp_path):
    words = ("humans", "--people", 3, "--views", 2, "--size", 32, "--out", tmp_path / "p")
    status, out, _ = run(*words, "--workers", 1, "--props", 2, "--ages", "20-40")
    assert status == 0
    assert "3 people, 6 pictures, 2 props" in out
    pack = load_pack(tmp_path / "p")
    assert pack.manifest["notes"]["command"] == (
        "facelab data humans --people 3 --views 2 --size 32 --props 2 --ages 20-40 --out DIR"
    )
    assert run(*words, "--workers", 1, "--props", 2, "--ages", "20-40")[0] == 0
    status, _, err = run(*words, "--workers", 1, "--seed", 5)
    assert status == 1 and "made in another way" in err


def test_ctrl_c_says_that_the_same_command_goes_on(run, toys, monkeypatch, tmp_path):
    def stopping(recipe, person):
        if person == 2:
            raise KeyboardInterrupt
        return render_toy(recipe, person)

    words = ("humans", "--people", 3, "--views", 2, "--size", 32, "--workers", 1, "--out", tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(drawing, "render_person", stopping)
        status, _, err = run(*words)
    assert status == 130 and "interrupted; the same command goes on from here" in err
    assert run(*words)[0] == 0
    load_pack(tmp_path).verify(decode=True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--people", 0), "people: expected 1 or more, got 0"),
        (("--size", 1), "size: expected 32 to 1024 pixels, got 1"),
        (("--ages", "old"), "two numbers such as 11-80, got 'old'"),
        (("--ages", "80-11"), "youngest <= oldest"),
        (("--workers", 0), "workers: expected 1 or more"),
    ],
)
def test_impossible_requests_are_told_in_a_line(run, toys, tmp_path, words, says):
    status, out, err = run("humans", "--out", tmp_path / "p", *words)
    assert (status, out) == (1, "") and says in err and "Traceback" not in err


def test_without_a_folder_the_option_is_named(run):
    status, _, err = run("humans", "--people", 3)
    assert status == 1 and "--out" in err


def test_shipped_makes_the_shipped_recipe(run, monkeypatch, tmp_path, made):
    asked = []

    def remember(recipe, folder, **options):
        asked.append((recipe, options["command"]))
        return load_pack(made)

    monkeypatch.setattr(making, "make", remember)
    assert run("humans", "--shipped", "--out", tmp_path)[0] == 0
    assert asked == [(making.SHIPPED, "facelab data humans --shipped")]


def test_missing_assets_are_told_with_what_to_do(run, monkeypatch, tmp_path):
    monkeypatch.setenv("FACELAB_HUMANS_ASSETS", str(tmp_path / "gone"))
    from facelab.humans import assets

    for name in ("body", "targets", "_archive", "part"):
        getattr(assets, name).cache_clear()
    status, _, err = run("humans", "--people", 1, "--views", 1, "--workers", 1, "--out", tmp_path)
    assert status == 1 and "facelab data humans-assets" in err and "Traceback" not in err
    assert not list(tmp_path.iterdir()), "nothing is begun in vain"


def test_the_commands_defaults_are_the_recipes():
    for name, option in inspect.signature(cli.humans).parameters.items():
        if hasattr(Recipe, name):
            assert option.default == getattr(Recipe, name), name


def test_verify_finds_a_whole_pack_whole_and_names_a_damaged_file(run, made, tmp_path):
    status, out, _ = run("verify", made)
    assert status == 0 and "whole; 20 people, 120 pictures" in out
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in made.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    data = bytearray((copy / "sprites-000.bin").read_bytes())
    data[100] ^= 255
    (copy / "sprites-000.bin").write_bytes(bytes(data))
    status, _, err = run("verify", copy)
    assert status == 1 and "sprites-000.bin: its checksum is wrong" in err


def test_verify_without_a_pack_says_how_to_get_one(run, tmp_path):
    status, _, err = run("verify", tmp_path)
    assert status == 1 and "facelab data humans --out" in err


def test_info_counts_what_is_there(run, made):
    status, out, _ = run("info", made)
    assert status == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["train", "14", "84"] in [row[:3] for row in rows]
    assert ["all", "20", "120"] in [row[:3] for row in rows]
    assert ["50", "50"] in rows, "half of the toys are male"
    assert ["33", "33", "33"] in rows, "hair styles"


def test_people_at_five_ages_are_counted(made):
    table = load_pack(made).table
    aged = {row[0]: int(row[3]) for row in card.splits(table)[1:]}
    recipe = Recipe(people=20, views=6, size=32)
    wanted = [p for p in range(20) if making.shots(recipe, p)[0].age is not None]
    assert aged["all"] == len(wanted) == aged["train"] + aged["validation"] + aged["test"]


def test_the_card_is_written_from_the_labels(run, made):
    status, out, _ = run("card", made)
    assert status == 0 and "README.md" in out
    page = (made / "README.md").read_text()
    assert "Pictures of 20 synthetic people" in page and "| train | 14 | 84 |" in page
    assert "--people 20 --views 6" in page and "CC BY 4.0" in page
    assert "cannot show" in page and "{" not in page
    assert run("card", made, "--print")[1].strip() == page.strip()
    load_pack(made).verify()


def test_sheets_are_written_for_people_views_ages_and_scenes(run, made, tmp_path):
    code, out, _ = run("sheets", str(made), "--out", str(tmp_path / "look"))
    assert code == 0
    names = {"people.png", "views.png", "ages.png", "scenes.png"}
    assert {file.name for file in (tmp_path / "look").iterdir()} == names
    assert out.count("written: ") == 4


def test_the_table_is_csv_with_a_line_a_picture(run, made, tmp_path):
    status, out, _ = run("table", made, "--out", tmp_path / "labels.csv")
    assert status == 0 and "120 lines" in out
    with open(tmp_path / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    table = load_pack(made).table
    assert [int(row["person"]) for row in rows] == table["person"].tolist()
    assert float(rows[7]["age"]) == pytest.approx(table["age"][7], rel=1e-3)
    assert rows[7]["hair"] == table["hair"][7] and float(rows[7]["x1"]) == pytest.approx(6.4, 0.01)
    assert run("table", made)[1].splitlines()[0].startswith("sprite,person,age")


def test_assets_without_sources_say_what_to_fetch(run):
    status, out, _ = run("humans-assets")
    assert status == 2
    assert "makehumancommunity/makehuman-assets" in out and "git lfs pull" in out


def test_assets_from_a_wrong_folder_are_told(run, tmp_path):
    status, _, err = run("humans-assets", "--makehuman", tmp_path, "--out", tmp_path / "out")
    assert status == 1 and "has no makehuman/data/3dobjs/base.obj" in err


@pytest.mark.parametrize("command", ["humans", "humans-assets", "verify", "info", "table", "card"])
def test_every_command_has_help(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0 and f"facelab data {command}" in out
