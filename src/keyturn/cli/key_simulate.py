"""``keyturn keys simulate``: what would happen to a request of a key."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Check, Simulation
from keyturn.cli.connection import Node, on_node, segment


@on_node
def simulate(
    node: Node,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Its id (key_…), or its name when only one has it.")
    ],
    *,
    path: Annotated[str | None, typer.Option(help="Unless said, /v1/chat/completions.")] = None,
    method: Annotated[str | None, typer.Option(help="Unless said, the one that the path takes.")] = None,
    model: Annotated[str | None, typer.Option(help="Unless named, models are not checked.")] = None,
    ip: Annotated[str | None, typer.Option("--ip", help="The client's address.")] = None,
    origin: Annotated[
        str | None, typer.Option(help="What a browser would send: https://app.example.com")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="RFC 3339, such as 2027-01-31T00:00:00Z; unless said, now."),
    ] = None,
    location: Annotated[
        str | None, typer.Option(help="Where the key stands: `header`, `query` or `body`.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(help="Which of its secrets: the id, `pending`, `active`, `retiring` or `dead`."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what would happen to a request, and why, without making it.

    The exit status is 0 whether it would be let in or not.

    Example: `keyturn keys simulate my-app --model gpt-5 --ip 203.0.113.7`
    """
    given = {
        "path": path,
        "method": method,
        "model": model,
        "ip": ip,
        "origin": origin,
        "at": at,
        "location": location,
        "secret": secret,
    }
    body = {name: value for name, value in given.items() if value is not None}
    answer = node.call("POST", f"/api/v1/keys/{segment(key)}/simulate", body=body)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    found = answer.read(Simulation)
    colour = "green" if found.would == "admitted" else "red"
    rows: list[tuple[str, RenderableType]] = [("would be", Text(found.would, style=colour))]
    if found.reason:
        rows += [
            ("status", Text(f"{found.status} {found.reason.replace('_', ' ')}")),
            ("why", screen.clean(found.message)),
        ]
    rows += [("key", f"{found.key_id}, {found.secret_id}"), *check_rows(found.checks)]
    screen.out().print(screen.facts(rows))


def check_rows(checks: list[Check]) -> list[tuple[str, RenderableType]]:
    """Lay out checks, one a line, with what each was decided by."""
    rows: list[tuple[str, RenderableType]] = []
    for number, check in enumerate(checks):
        parts: list[Text | str] = [screen.mark(passed=check.passed), " ", screen.clean(check.name)]
        if check.detail:
            parts += ["  ", Text(screen.clean(check.detail).plain, style="bright_black")]
        rows.append(("" if number else "checks", Text.assemble(*parts)))
    return rows
