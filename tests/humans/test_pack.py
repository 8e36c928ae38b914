"""Packs keep sprites and labels, and say what is wrong with themselves."""

import contextlib
import errno
import json
import os
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from facelab.humans.packs.labels import from_bytes, to_bytes, to_table
from facelab.humans.packs.pack import PackError, load_pack
from facelab.humans.packs.packing import Chunk, PackWriter, encode
from tests.humans.toys import toy_people, toy_props, toy_sprite

SPLITS = ("train", "train", "train", "validation", "test", "test")


def chunks(people=6, views=5):
    sprites = toy_people(people, views)
    return [encode(sprites[p * views : (p + 1) * views]) for p in range(people)]


def fill(folder, *, people=6, shard_bytes=2500, props=3, finish=True):
    writer = PackWriter(folder, recipe={"seed": 0}, shard_bytes=shard_bytes)
    if props:
        writer.add_props(toy_props(props))
    for person, chunk in enumerate(chunks(people)):
        writer.add(chunk, split=SPLITS[person % 6])
    if finish:
        writer.finish()
    return writer


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack")
    fill(folder)
    return folder


@pytest.fixture
def mine(tmp_path):
    fill(tmp_path / "pack")
    return tmp_path / "pack"


def test_sprites_come_back_with_their_labels(whole):
    pack, wanted = load_pack(whole), toy_people()
    assert len(pack) == 30
    for index in (0, 7, 29):
        got, want = pack[index], wanted[index]
        assert got.rgba.shape == want.rgba.shape and got.rgba.dtype == np.uint8
        face = want.rgba[..., 3] == 255
        assert np.abs(got.rgba.astype(int) - want.rgba)[face].mean() < 8
        for name in ("box", "landmarks", "five"):
            assert np.abs(getattr(got, name) - getattr(want, name)).max() <= 1 / 64
        assert (got.visible == want.visible).all()
        assert (got.five_visible == want.five_visible).all()
        assert np.abs(got.pose - want.pose).max() < 1e-4
        assert (got.person, got.age, got.hidden) == (want.person, want.age, want.hidden)
        assert got.attributes["hair"] == want.attributes["hair"]
        assert got.attributes["moles"] == want.attributes["moles"]
        assert got.attributes["tone"] == pytest.approx(want.attributes["tone"], rel=1e-3)


def test_the_table_has_a_row_for_each_sprite_and_needs_no_decoding(whole, monkeypatch):
    monkeypatch.setattr("cv2.imdecode", None)
    pack, wanted = load_pack(whole), toy_people()
    assert {len(column) for column in pack.table.values()} == {30}
    assert pack.table["person"].tolist() == [sprite.person for sprite in wanted]
    assert pack.table["hair"].tolist() == [sprite.attributes["hair"] for sprite in wanted]
    assert pack.table["yaw"] == pytest.approx([s.pose[0] for s in wanted], abs=1e-4)
    assert pack.table["male"].dtype == np.float32 and pack.table["moles"].dtype == np.int64


def test_splits_share_no_person_and_together_are_all(whole):
    parts = [load_pack(whole, split) for split in ("train", "validation", "test")]
    people = [set(part.table["person"].tolist()) for part in parts]
    assert people == [{0, 1, 2}, {3}, {4, 5}]
    assert sum(map(len, parts)) == 30
    assert parts[2][0].person == 4, "rows and pictures keep together"


def test_props_come_back_with_their_kinds(whole):
    props = load_pack(whole).props
    assert len(props) == 3 and props[-1].kind == "hand"
    assert [prop.rgba.shape for prop in props] == [(20, 10, 4), (20, 11, 4), (20, 12, 4)]
    with pytest.raises(IndexError):
        props[3]


def test_no_shard_is_larger_than_asked(whole):
    shards = sorted(whole.glob("sprites-*.bin"))
    assert len(shards) >= 3
    assert all(shard.stat().st_size <= 2500 for shard in shards)


def test_a_pack_can_be_sent_to_another_process_and_used_by_threads(whole):
    pack = load_pack(whole)
    pack[0]  # files are open
    again = pickle.loads(pickle.dumps(pack))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: again[i % 30].rgba.sum(), range(120)))
    assert found == [pack[i % 30].rgba.sum() for i in range(120)]


def test_numbers_outside_are_index_errors_and_negative_ones_count_from_the_end(whole):
    pack = load_pack(whole)
    assert pack[-1].person == 5
    for index in (30, -31):
        with pytest.raises(IndexError, match="of 30"):
            pack[index]


def test_an_unknown_split_names_the_known_ones(whole):
    with pytest.raises(PackError, match="train, validation, test.*'dev'"):
        load_pack(whole, "dev")


def test_an_empty_split_says_which_are_not(tmp_path):
    fill(tmp_path, people=2)
    with pytest.raises(PackError, match="no sprites in the split 'test', only in train"):
        load_pack(tmp_path, "test")


def test_a_missing_folder_and_an_empty_one_say_what_to_do(tmp_path):
    with pytest.raises(PackError, match="no such folder; `facelab data humans"):
        load_pack(tmp_path / "nowhere")
    with pytest.raises(PackError, match="manifest.json is missing"):
        load_pack(tmp_path)


def test_the_shipped_pack_that_is_missing_says_where_it_belongs(tmp_path, monkeypatch):
    monkeypatch.setenv("FACELAB_HUMANS_PACK", str(tmp_path / "gone"))
    with pytest.raises(PackError, match="datasets/humans"):
        load_pack()


def test_a_missing_shard_is_named(mine):
    (mine / "sprites-001.bin").unlink()
    with pytest.raises(PackError, match=r"sprites-001.bin: missing"):
        load_pack(mine)


def test_a_shard_that_was_cut_off_is_named(mine):
    path = mine / "sprites-000.bin"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(PackError, match=r"sprites-000.bin: cut off, \d+ bytes where"):
        load_pack(mine)


@pytest.mark.parametrize("name", ["sprites-000.bin", "labels.npz", "props.bin"])
def test_one_changed_byte_fails_verification(mine, name):
    load_pack(mine).verify(decode=True)
    data = bytearray((mine / name).read_bytes())
    data[len(data) // 2] ^= 1
    pack = load_pack(mine)
    (mine / name).write_bytes(bytes(data))
    with pytest.raises(PackError, match=f"{name}: its checksum is wrong"):
        pack.verify()


def test_damaged_labels_are_named(mine):
    size = (mine / "labels.npz").stat().st_size
    (mine / "labels.npz").write_bytes(bytes(size))
    with pytest.raises(PackError, match=r"labels.npz: damaged"):
        load_pack(mine)


def test_a_damaged_picture_is_named(mine):
    path = mine / "sprites-000.bin"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(PackError, match=r"sprites-000.bin: picture 0 is damaged"):
        load_pack(mine)[0]


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "not JSON"), ("[]", "not a pack"), ('{"format": 99}', "not a pack"),
     ('{"format": 1}', "files is missing"), ("[" * 100_000, "not JSON")],
)  # fmt: skip
def test_a_damaged_manifest_is_named(mine, text, says):
    (mine / "manifest.json").write_text(text)
    with pytest.raises(PackError, match=f"manifest.json: .*{says}"):
        load_pack(mine)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"finished": None}, "finished"), ({"files": []}, "files"), ({"labels": "gone"}, "labels"),
     ({"counts": {"people": 6}}, "counts, sprites"), ({"files": {"a.bin": {}}}, "files, a.bin"),
     ({"files": {"a.bin": {"bytes": "6", "sha256": "0"}}}, "files, a.bin"),
     ({"notes": 1}, "notes")],
    ids=str,
)  # fmt: skip
def test_a_wrong_entry_of_the_manifest_is_named(mine, change, says):
    manifest = json.loads((mine / "manifest.json").read_text())
    (mine / "manifest.json").write_text(json.dumps(manifest | change))
    for use in (load_pack, lambda folder: PackWriter(folder, recipe={"seed": 0})):
        with pytest.raises(PackError, match=f"manifest.json: damaged, {says} is missing or wrong"):
            use(mine)


def test_any_damage_to_the_labels_is_a_pack_error(mine):
    whole, rng = (mine / "labels.npz").read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 150):
        data = bytearray(whole)
        data[place] ^= 1 << rng.integers(8)
        (mine / "labels.npz").write_bytes(bytes(data))
        with contextlib.suppress(PackError):
            load_pack(mine)


def test_a_pack_that_is_being_written_is_valid_up_to_its_last_shard(tmp_path):
    writer = fill(tmp_path, finish=False)
    assert 0 < writer.people < 6
    part = load_pack(tmp_path)
    part.verify(decode=True)
    assert sorted(set(part.table["person"].tolist())) == list(range(writer.people))
    assert part.manifest["finished"] is False


def test_before_the_first_shard_the_error_says_to_go_on(tmp_path):
    PackWriter(tmp_path, recipe={})
    with pytest.raises(PackError, match="no shard is finished yet"):
        load_pack(tmp_path)


def test_going_on_gives_the_same_files_as_one_run(tmp_path):
    fill(tmp_path / "one")
    stopped = fill(tmp_path / "two", finish=False)
    (tmp_path / "two" / "sprites-009.bin").write_bytes(b"half a shard")
    (tmp_path / "two" / "labels.npz.1.tmp").write_bytes(b"half a file")
    writer = PackWriter(tmp_path / "two", recipe={"seed": 0}, shard_bytes=2500)
    assert writer.people == stopped.people and writer.has_props
    for person, chunk in list(enumerate(chunks()))[writer.people :]:
        writer.add(chunk, split=SPLITS[person])
    writer.finish()
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / n).iterdir()} for n in ("one", "two"))
    assert one.keys() == two.keys()
    assert one == two


def test_a_folder_of_another_recipe_is_refused(mine):
    with pytest.raises(PackError, match="made in another way .seed 0, not 1"):
        PackWriter(mine, recipe={"seed": 1})


def test_a_full_disk_leaves_the_finished_shards_valid(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    writer = PackWriter(tmp_path, recipe={}, shard_bytes=2500)
    several = chunks()
    for chunk in several[:3]:
        writer.add(chunk, split="train")
    done = writer.people
    assert done >= 1
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PackError, match=r"the disk is full.*free some space"):
        for chunk in several[3:]:
            writer.add(chunk, split="train")
    load_pack(tmp_path).verify(decode=True)
    assert len(set(load_pack(tmp_path).table["person"].tolist())) == done
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("name", ["labels.npz", "sprites-003.bin", "props.npz"])
def test_a_file_of_somebody_else_is_neither_removed_nor_overwritten(tmp_path, name):
    (tmp_path / name).write_text("precious")
    with pytest.raises(PackError, match=f"{name}: there is no manifest.json that knows this file"):
        PackWriter(tmp_path, recipe={})
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_a_run_left_that_was_killed_at_once_is_no_hindrance(tmp_path):
    (tmp_path / ".manifest.json.1234.tmp").write_text("half")
    fill(tmp_path)
    load_pack(tmp_path).verify()


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(PackError, match="taken: cannot make this folder: it is a file"):
        PackWriter(tmp_path / "taken", recipe={})


def test_nobody_is_no_pack(tmp_path):
    with pytest.raises(PackError, match="nobody was added"):
        PackWriter(tmp_path, recipe={}).finish()


def test_one_person_larger_than_a_shard_is_refused(tmp_path):
    with pytest.raises(PackError, match="fewer or smaller views"):
        PackWriter(tmp_path, recipe={}, shard_bytes=100).add(chunks(1)[0], split="train")


def test_a_chunk_survives_its_file(tmp_path):
    chunk = chunks(1)[0]
    chunk.save(tmp_path / "0.npz")
    again = Chunk.load(tmp_path / "0.npz")
    assert again.pictures == chunk.pictures
    assert again.table.keys() == chunk.table.keys()
    assert all((again.table[name] == chunk.table[name]).all() for name in chunk.table)


def test_labels_are_small_and_the_same_each_time():
    table = to_table(toy_people(people=40, views=10))
    data = to_bytes(table)
    assert data == to_bytes(table)
    assert len(data) < 290 * 400  # 1.3 MB for 4,500 sprites
    assert to_bytes(from_bytes(data)) == data, "reading and writing again loses nothing more"


def test_a_label_that_the_file_cannot_hold_is_named():
    sprite = toy_sprite(0, 0)
    sprite.landmarks[3] = np.nan
    with pytest.raises(ValueError, match="landmarks: NaN, or beyond"):
        to_bytes(to_table([sprite]))


def test_sprites_with_different_attributes_are_refused():
    one, two = toy_sprite(0, 0), toy_sprite(0, 1)
    two.attributes["scar"] = 1
    with pytest.raises(ValueError, match="scar"):
        to_table([one, two])


def test_the_manifest_holds_checksums_counts_and_the_recipe(whole):
    manifest = json.loads((whole / "manifest.json").read_text())
    assert manifest["counts"] == {"people": 6, "sprites": 30, "props": 3}
    assert manifest["recipe"] == {"seed": 0} and manifest["finished"] is True
    on_disk = {path.name for path in whole.iterdir()} - {"manifest.json"}
    assert set(manifest["files"]) == on_disk
