"""People are rendered in steps that survive a stop, the same ones whatever the workers."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from facelab.humans.packs import making
from facelab.humans.packs.drawing import is_male
from facelab.humans.packs.making import SHIPPED, Recipe, make, shots, split_of
from facelab.humans.packs.pack import PackError, load_pack
from tests.humans.toys import render_toy, render_toy_props

RECIPE = Recipe(people=12, views=4, size=32, props=2)
TOYS = {"render": render_toy, "render_props": render_toy_props, "shard_bytes": 6000}
ROOT = Path(__file__).resolve().parents[2]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    make(RECIPE, folder, workers=1, **TOYS)
    return folder


def test_a_made_pack_drops_into_the_loader(whole):
    pack = load_pack(whole)
    pack.verify(decode=True)
    assert len(pack) == 48 and len(pack.props) == 2
    assert pack.table["person"].tolist() == [k // 4 for k in range(48)]
    assert not (whole / making.UNFINISHED).exists()
    assert len(list(whole.glob("sprites-*.bin"))) > 2


def test_any_number_of_workers_gives_the_same_files(whole, tmp_path):
    make(RECIPE, tmp_path, workers=2, **TOYS)
    assert files(tmp_path) == files(whole)


class Stop(Exception):
    """An interruption."""


def stop_at_nine(recipe, person):
    """Be interrupted while person 9 is rendered."""
    if person == 9:
        raise Stop
    return render_toy(recipe, person)


def test_a_stopped_run_goes_on_and_gives_the_same_files(whole, tmp_path):
    with pytest.raises(Stop):
        make(RECIPE, tmp_path, workers=1, **{**TOYS, "render": stop_at_nine})
    part = load_pack(tmp_path)
    part.verify(decode=True)
    assert 0 < len(part) < 48 and not part.manifest["finished"]
    rendered = []

    def counting(recipe, person):
        rendered.append(person)
        return render_toy(recipe, person)

    make(RECIPE, tmp_path, workers=1, **{**TOYS, "render": counting})
    assert rendered == [9, 10, 11], "nobody is rendered twice"
    assert files(tmp_path) == files(whole)


def test_a_killed_run_takes_its_workers_along_and_goes_on(whole, tmp_path):
    program = (
        "from tests.humans.test_making import RECIPE, TOYS, slow_toy; "
        "from facelab.humans.packs.making import make; "
        f"make(RECIPE, {str(tmp_path)!r}, workers=2, **(TOYS | dict(render=slow_toy)))"
    )
    if_main = f"if __name__ == '__main__':\n    {program}\n"
    script = tmp_path / "run.txt"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{if_main}")
    run = subprocess.Popen([sys.executable, script], cwd=ROOT, start_new_session=True)
    waiting, until = tmp_path / making.UNFINISHED, time.monotonic() + 60
    while not list(waiting.glob("*.npz")) and time.monotonic() < until:
        time.sleep(0.02)
    run.kill()
    run.wait()
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < until:
            os.killpg(run.pid, 0)  # are workers left?
            time.sleep(0.05)
    script.unlink()
    assert list(waiting.glob("*.npz"))
    make(RECIPE, tmp_path, workers=1, **TOYS)
    assert files(tmp_path) == files(whole)


def slow_toy(recipe, person):
    """Leave time to be killed in."""
    if person > 1:
        time.sleep(0.3)
    return render_toy(recipe, person)


@pytest.mark.parametrize("keep", [0, 13, 2000])
def test_a_damaged_file_of_a_waiting_person_is_rendered_again(whole, tmp_path, keep):
    with pytest.raises(Stop):
        make(RECIPE, tmp_path, workers=1, **{**TOYS, "render": stop_at_nine})
    path = max((tmp_path / making.UNFINISHED).glob("*.npz"))
    path.write_bytes(path.read_bytes()[:keep])
    make(RECIPE, tmp_path, workers=1, **TOYS)
    assert files(tmp_path) == files(whole)


def test_people_who_wait_from_another_recipe_are_not_taken_over(whole, tmp_path):
    other = Recipe(people=12, views=4, size=32, props=2, seed=2)
    with pytest.raises(Stop):
        make(other, tmp_path, workers=1, **{**TOYS, "render": stop_at_nine})
    for path in tmp_path.iterdir():
        if path.is_file():  # somebody makes room for another pack, and overlooks a folder
            path.unlink()
    make(RECIPE, tmp_path, workers=1, **TOYS)
    assert files(tmp_path) == files(whole)


def test_a_finished_folder_is_not_rendered_again(whole):
    pack = make(RECIPE, whole, render=None, render_props=None, workers=1, shard_bytes=6000)
    assert len(pack) == 48


def test_a_folder_with_other_people_is_refused(whole):
    with pytest.raises(PackError, match="seed 1, not 2"):
        make(Recipe(people=12, views=4, size=32, props=2, seed=2), whole, workers=1, **TOYS)


def test_a_full_disk_keeps_what_is_done_and_the_run_goes_on(whole, tmp_path, monkeypatch):
    real, written = os.fsync, []

    def fsync(handle):
        written.append(handle)
        if len(written) > 17:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(PackError, match="the disk is full"):
        make(RECIPE, tmp_path, workers=1, **TOYS)
    monkeypatch.undo()
    part = load_pack(tmp_path)
    part.verify(decode=True)
    assert 0 < len(part) < 48
    make(RECIPE, tmp_path, workers=1, **TOYS)
    assert files(tmp_path) == files(whole)


def test_a_worker_that_dies_is_reported(tmp_path):
    with pytest.raises(PackError, match="a worker died"):
        make(RECIPE, tmp_path, workers=2, **{**TOYS, "render": dying_toy})
    make(RECIPE, tmp_path, workers=1, **TOYS)


def dying_toy(recipe, person):
    os._exit(1)


def test_the_command_of_a_recipe_says_every_number_in_full():
    recipe = Recipe(people=1234567, seed=20260101, aged=0.1234567, youngest=12.5)
    assert making.command_of(recipe) == (
        "facelab data humans --people 1234567 --seed 20260101 --aged 0.1234567 --ages 12.5-80 "
        "--out DIR"
    )


def test_a_person_depends_on_seed_and_number_alone():
    more = Recipe(people=500, views=4, size=32)
    assert shots(RECIPE, 7) == shots(more, 7)
    assert shots(RECIPE, 7) != shots(RECIPE, 8)
    assert shots(RECIPE, 7) != shots(Recipe(people=12, views=4, size=32, seed=2), 7)


def test_splits_are_seven_one_and_two_of_ten():
    names = [split_of(person) for person in range(100)]
    assert [names.count(name) for name in ("train", "validation", "test")] == [70, 10, 20]


def test_sexes_are_as_many_in_every_split():
    for split in ("train", "validation", "test"):
        male = [is_male(person) for person in range(200) if split_of(person) == split]
        assert sum(male) == len(male) / 2


def test_the_shipped_recipe_keeps_what_the_course_promises():
    people = range(SHIPPED.people)
    ages = [[shot.age for shot in shots(SHIPPED, person)] for person in people]
    aged = [person for person in people if None not in ages[person]]
    assert SHIPPED.people >= 400 and SHIPPED.people * SHIPPED.views >= 4000
    assert len(aged) >= 120 and SHIPPED.views >= 5
    for person in aged:
        steps = np.diff(sorted(ages[person]))
        assert min(ages[person]) < 24 and max(ages[person]) > 68 and steps.max() < 25
    split = [split_of(person) for person in aged]
    assert min(split.count(name) for name in ("train", "validation", "test")) >= 12


def test_framings_come_in_the_shares_asked_for():
    recipe = Recipe(people=300, views=10, half=0.3, large=0.05)
    kinds = [shot.kind for person in range(300) for shot in shots(recipe, person)]
    assert abs(kinds.count("half") / 3000 - 0.3) < 0.03
    assert abs(kinds.count("large") / 3000 - 0.05) < 0.015
    sizes = {shot.kind: shot.size for person in range(30) for shot in shots(recipe, person)}
    assert sizes == {"bust": (160, 160), "half": (256, 160), "large": (384, 384)}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"people": 0}, "people: expected 1 or more, got 0"),
        ({"views": 0}, "views: expected 1 or more"),
        ({"size": 1}, "size: expected 32 to 1024 pixels, got 1"),
        ({"size": 4000}, "size: expected 32 to 1024"),
        ({"people": 2.5}, "people: expected a whole number"),
        ({"youngest": 60, "oldest": 50}, "youngest <= oldest"),
        ({"oldest": 200}, "ages: expected 5 <="),
        ({"half": 0.8, "large": 0.4}, "half [+] large at most 1"),
        ({"quality": 101}, "quality"),
        ({"seed": -1}, "seed"),
    ],
)
def test_impossible_recipes_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Recipe(**options)


def test_no_workers_are_refused(tmp_path):
    with pytest.raises(ValueError, match="workers: expected 1 or more, got 0"):
        make(RECIPE, tmp_path, workers=0, **TOYS)


def test_clearing_away_finished_people_leaves_what_a_worker_is_writing(tmp_path):
    for name in ("000001.npz", "000007.npz", ".000008.npz.0a1b.tmp"):
        (tmp_path / name).write_bytes(b"")
    making._clear(tmp_path, 5)
    assert {path.name for path in tmp_path.iterdir()} == {"000007.npz", ".000008.npz.0a1b.tmp"}
    making._clear(tmp_path, 5, half=True)
    assert {path.name for path in tmp_path.iterdir()} == {"000007.npz"}
