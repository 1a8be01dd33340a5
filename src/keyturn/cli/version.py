"""``keyturn version``."""

import platform

import typer

from keyturn import __version__

app = typer.Typer(add_completion=False)


@app.command()
def version() -> None:
    """Print the version of Keyturn and of the Python it runs on.

    Example: `keyturn version`
    """
    typer.echo(f"keyturn {__version__} (Python {platform.python_version()})")
