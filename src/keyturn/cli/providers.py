"""``keyturn providers``: who runs models."""

from typing import Annotated

import msgspec
import typer

from keyturn.cli import screen
from keyturn.cli.connection import Node, on_node

PATH = "/api/v1/providers"

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Provider(msgspec.Struct, frozen=True):
    """Somebody who runs models."""

    id: str
    title: str
    base_url: str | None = None
    address: str | None = None
    variables: list[str] = []


@app.command()
@on_node
def show_all(node: Node, *, as_json: AsJson = False) -> None:
    """List who runs models, where, and in which variable the credential usually stands.

    Connect one with `keyturn upstreams add NAME --provider PROVIDER`; any other server that speaks the OpenAI API is
    `compatible`.

    Example: `keyturn providers --json`
    """
    providers, raw = node.all(PATH, Provider)
    if as_json:
        screen.print_json(raw)
        return
    rows = [
        (
            screen.clean(one.id),
            screen.clean(one.title),
            screen.clean(one.base_url or one.address or screen.NOTHING),
            screen.clean(", ".join(one.variables) or screen.NOTHING),
        )
        for one in providers
    ]
    laid_out = screen.table(("provider", "name", "base URL", "variable"), rows, spare=("variable", "name"))
    screen.listing(laid_out, "There are none.")
