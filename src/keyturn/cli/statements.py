"""``keyturn statements``: a month of an account."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from keyturn.cli import owners, screen
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.owners import ACCOUNTS
from keyturn.system import now

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class Format(StrEnum):
    """How a statement is written."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"


@app.command()
@on_node
def statements(
    node: Node,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id (acct_…) or its name.")],
    *,
    month: Annotated[
        str | None, typer.Option(metavar="MONTH", help="Such as 2026-11; the current one, unless said.")
    ] = None,
    written: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.JSON,
) -> None:
    """Print the statement of an account for a month, as JSON, CSV or a page to print.

    Example: `keyturn statements acme --month 2026-11 --format html > acme-2026-11.html`
    """
    asked = month or f"{datetime.fromtimestamp(now(), UTC):%Y-%m}"
    path = f"{owners.path_of(node, ACCOUNTS, account)}/statements/{segment(asked)}"
    if written is Format.JSON:
        screen.print_json(bytes(node.get(path, format=written.value).data))
        return
    sys.stdout.write(node.fetch(path, format=written.value).decode())
