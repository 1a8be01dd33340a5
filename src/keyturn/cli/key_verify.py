"""``keyturn keys verify``: whose key is this, and what may it do."""

import sys
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Verification
from keyturn.cli.connection import Node, on_node
from keyturn.cli.failure import CommandFailed
from keyturn.cli.limit_options import words
from keyturn.system import now

STDIN = "-"


@on_node
def verify(
    node: Node,
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY",
            help="The key itself. Left out or `-`: read from standard input, so that it stays out of the shell's history.",
        ),
    ] = STDIN,
    *,
    permission: Annotated[
        list[str] | None, typer.Option(help="It must have this; may be said more than once.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="It must be allowed to use this model.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="It must be allowed to call this path.")] = None,
    ip: Annotated[str | None, typer.Option("--ip", help="Where the request came from.")] = None,
    origin: Annotated[str | None, typer.Option(help="The request's origin.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether a key is valid, whose it is and what it may do. The exit status is 1 when it is not.

    Example: `pbpaste | keyturn keys verify --permission read`
    """
    given = {
        "permissions": permission or None,
        "model": model,
        "endpoint": endpoint,
        "ip": ip,
        "origin": origin,
    }
    body = {"key": _secret(key), **{name: value for name, value in given.items() if value is not None}}
    answer = node.call("POST", "/api/v1/keys/verify", body=body)
    found = answer.read(Verification)
    if as_json:
        screen.print_json(bytes(answer.data))
    else:
        screen.out().print(screen.facts(_rows(found)))
    if not found.valid:
        raise typer.Exit(1)


def _secret(given: str) -> str:
    """Return the key; a terminal is asked for it without showing what is typed."""
    if given != STDIN:
        return given
    if sys.stdin.isatty():
        text: str = typer.prompt("Key", hide_input=True, err=True)
    else:
        text = sys.stdin.readline()
    if not text.strip():
        raise CommandFailed("no key; it is read from standard input")
    return text.rstrip("\r\n")


def _rows(found: Verification) -> list[tuple[str, RenderableType]]:
    at = now()
    word, colour = ("valid", "green") if found.valid else (found.code.lower().replace("_", " "), "red")
    optional = (
        ("why", found.message),
        ("hint", found.hint),
        ("key", f"{found.name} ({found.key_id})" if found.key_id else ""),
        ("kind", found.kind or ""),
        ("account", found.account_id),
        ("project", found.project_id),
        ("user", found.user_id),
        ("environment", found.environment),
        ("permissions", ", ".join(found.permissions)),
        ("expires", f"{found.expires_at} ({screen.ago(found.expires_at, at)})" if found.expires_at else ""),
        ("limits", "; ".join(words(limit, at) for limit in found.limits)),
        ("tags", " ".join(found.tags)),
        ("metadata", ", ".join(f"{name} {value}" for name, value in found.metadata.items())),
    )
    rows: list[tuple[str, RenderableType]] = [("is", Text(word, style=colour))]
    rows += [(name, screen.clean(text)) for name, text in optional if text]
    return rows
