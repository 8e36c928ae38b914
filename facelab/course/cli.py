"""`facelab course`: build the labs from their sources, show a learner's progress."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="course",
    help="Show your progress in the labs, or build them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def status() -> None:
    """Show all labs, what is open today and what you have solved."""
    from facelab.course import progress

    typer.echo(progress.text())


@app.command()
def build(
    labs: Annotated[
        list[str] | None,
        typer.Argument(metavar="LAB", help="03, mtcnn or 03_mtcnn; all labs when left out."),
    ] = None,
    execute: Annotated[
        bool | None,
        typer.Option(
            "--execute/--no-execute",
            help="Run all solutions, or none; without either, those whose code changed.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a notebook is stale.")
    ] = False,
) -> None:
    """Write the notebooks from solutions/_source/ (for authors)."""
    from facelab.course.build import build_lab, find_root, source_files, stale_files
    from facelab.course.source import BuildError

    try:
        root = find_root()
        if check:
            lines = stale_files(root, labs or [])
            for line in lines:
                typer.echo(line, err=True)
            if lines:
                typer.echo("Run `facelab course build` and commit what it writes.", err=True)
                raise typer.Exit(1)
            typer.echo("The notebooks are up to date.")
            return
        for file in source_files(root, labs or []):
            build_lab(file, run=execute, say=typer.echo)
    except BuildError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
