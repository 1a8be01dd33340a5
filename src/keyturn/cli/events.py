"""``keyturn events``: what happened that somebody should know of."""

import contextlib
import sys
import time
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from keyturn.cli import screen, since as since_when
from keyturn.cli.answers import Event
from keyturn.cli.connection import Node, on_node
from keyturn.system import now

PATH = "/api/v1/events"
COLOURS = {"info": "bright_black", "warning": "yellow", "critical": "red"}
FOLLOW_EVERY_S = 1.0
"""How long a new event may take to appear."""

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
@on_node
def events(
    node: Node,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Only of this key: its id or name.")
    ] = None,
    *,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as `key.leak.reported`.")] = None,
    severity: Annotated[str | None, typer.Option(help="Only `info`, `warning` or `critical`.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only from then on: 24h, 7d, or an RFC 3339 date.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on and show new ones as they come.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; with --follow one object a line.")
    ] = False,
) -> None:
    """Show what happened that somebody should know of.

    Leaks, guessing, rotations that are stuck, keys near their end.

    Example: `keyturn events --severity critical --since 7d`
    """
    wanted = {"kind": kind, "severity": severity, "key": key, "since": since_when.moment(since, now())}
    answer = node.get(PATH, **wanted, limit=limit)
    if follow:
        _follow(node, wanted, answer.read(list[Event]), as_json=as_json)
        return
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    found = answer.read(list[Event])
    at = now()
    rows = [
        (
            screen.ago(event.at, at),
            Text(event.severity, style=COLOURS.get(event.severity, "")),
            event.kind,
            screen.clean(event.key_id or screen.NOTHING),
            screen.clean(event.address or screen.NOTHING),
            screen.clean(_details(event)),
        )
        for event in found
    ]
    columns = ("when", "severity", "kind", "key", "from", "details")
    laid_out = screen.table(columns, rows, spare=("from", "details", "when"))
    screen.listing(laid_out, "Nothing has happened, as far as these filters see.")


def _follow(node: Node, wanted: dict[str, str | None], first: list[Event], *, as_json: bool) -> None:
    """Print events as they come, oldest first, until the user ends it."""
    # Not simply what is newer than the last: the event of a quarantine is stored once it is in force, under the
    # identifier that refusals have named since it began.
    batch, seen, oldest = first, set[str](), min((event.id for event in first), default="")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for event in reversed(batch):
                if event.id >= oldest and event.id not in seen:
                    _print_line(event, as_json=as_json)
            seen = {event.id for event in batch}
            time.sleep(FOLLOW_EVERY_S)
            batch = node.get(PATH, **wanted, limit=1000).read(list[Event])


def _print_line(event: Event, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(event).decode() + "\n")
        sys.stdout.flush()
        return
    words = (event.kind, event.key_id or "", event.address or "", _details(event))
    line = "  ".join(word for word in words if word)
    screen.out().print(
        Text(event.at, style="bright_black"),
        Text(event.severity, style=COLOURS.get(event.severity, "")),
        screen.clean(line),
    )


def _details(event: Event) -> str:
    return ", ".join(f"{name} {value}" for name, value in event.details.items())
