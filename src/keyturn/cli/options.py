"""Options that many commands take: where the settings are and which node is meant."""

from typing import Annotated

import typer

PANEL = "Node"

ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="Read this settings file, not keyturn.toml.", rich_help_panel=PANEL
    ),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="DIR", help="The node's data directory; also KEYTURN_DATA.", rich_help_panel=PANEL
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help="Address of a node on another machine; also KEYTURN_URL.",
        rich_help_panel=PANEL,
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="KEY",
        help="Management key for that address; better in KEYTURN_API_KEY, which other users can't read.",
        rich_help_panel=PANEL,
    ),
]
