"""``keyturn peppers``: what protects the stored verifiers of keys."""

from typing import Annotated

import msgspec
import typer
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.connection import Answer, Node, on_node

PATH = "/api/v1/peppers"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Replace the secret that protects the stored keys, and see which is in use.\n\n"
    "Example: `keyturn peppers status`",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Pepper(msgspec.Struct, frozen=True):
    """A pepper, without its value."""

    name: str
    newest: bool
    origin: str
    secrets: int


@app.command()
@on_node
def status(node: Node, *, as_json: AsJson = False) -> None:
    """Show the peppers and how many secrets of keys each protects.

    Example: `keyturn peppers status --json`
    """
    _show(node.get(PATH), as_json=as_json)


@app.command()
@on_node
def rotate(
    node: Node,
    *,
    prune: Annotated[bool, typer.Option("--prune", help="Delete unused older ones first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a new pepper. Every key goes on working, and moves to it when it is next used.

    Example: `keyturn peppers rotate`
    """
    if prune:
        node.call("POST", f"{PATH}/prune")
    _show(node.call("POST", f"{PATH}/rotate"), as_json=as_json)


@app.command()
@on_node
def prune(node: Node, *, as_json: AsJson = False) -> None:
    """Delete the older peppers that protect nothing any more. Keep a copy as long as you keep older backups.

    Example: `keyturn peppers prune`
    """
    _show(node.call("POST", f"{PATH}/prune"), as_json=as_json)


def _show(answer: Answer, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    rows = [
        (
            screen.clean(one.name),
            screen.clean(one.origin),
            f"{one.secrets:,}",
            Text("new keys" if one.newest else ("older keys" if one.secrets else "unused: prune deletes it")),
        )
        for one in answer.read(list[Pepper])
    ]
    screen.out().print(screen.table(("pepper", "from", "secrets", "used for"), rows, right=("secrets",)))
