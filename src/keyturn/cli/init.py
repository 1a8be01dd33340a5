"""``keyturn init``: a place for a node."""

from pathlib import Path
from typing import Annotated

import typer

from keyturn.cli import screen, whole_file
from keyturn.cli.failure import CommandFailed
from keyturn.cli.options import DataOption
from keyturn.config.data_directory import DataDirectory
from keyturn.config.load import FILE_NAME, load
from keyturn.config.reference import commented_file

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
def init(
    *,
    data: DataOption = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a keyturn.toml that exists.")] = False,
) -> None:
    """Create the data directory and a keyturn.toml with every setting explained.

    The file goes into the working directory, and one that is there already stays as it is.

    Example: `keyturn init && keyturn serve --demo`
    """
    path = Path(FILE_NAME)
    settings = load(flags={"data": data}).settings
    console = screen.out()
    try:
        DataDirectory(settings.data).create()
        console.print(f"Data directory: {settings.data}", markup=False)
        if path.exists() and not force:
            console.print(f"{FILE_NAME} was there already and stays as it is; --force writes it anew.")
            return
        with whole_file.writing(path) as file:  # a token may be put there
            file.write(commented_file({} if data is None else {"data": data}).encode())
    except OSError as error:
        raise CommandFailed(f"{error.filename}: {error.strerror}") from None
    console.print(f"Settings: {FILE_NAME}; everything in it is commented out until you change it.")
