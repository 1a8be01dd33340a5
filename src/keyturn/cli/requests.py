"""``keyturn requests``: what was asked of the node, newest first."""

import sys
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from keyturn.cli import screen, since as since_when
from keyturn.cli.answers import Key, Request
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.failure import CommandFailed
from keyturn.system import now

PATH = "/api/v1/requests"
DEFAULT_LIMIT = 50

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command()
@on_node
def requests(
    node: Node,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Only of this key: its id or name.")
    ] = None,
    *,
    refused: Annotated[bool, typer.Option("--refused", help="Only those that were not let in.")] = False,
    status: Annotated[int | None, typer.Option(help="Only those answered with this status.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Only those refused, or ended, for this reason: `ip_not_allowed`.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only from then on: 24h, 7d, or an RFC 3339 date.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only before; with --csv or --jsonl.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = DEFAULT_LIMIT,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of them as CSV.")] = False,
    as_jsonl: Annotated[bool, typer.Option("--jsonl", help="Print all of them as JSON, one a line.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List requests, newest first: whose, for what, from where, and what became of them.

    `--csv` and `--jsonl` print all that are kept, however many.

    Example: `keyturn requests my-app --refused --since 24h`
    """
    at = now()
    wanted: dict[str, str | int | None] = {
        "key_id": None if key is None else _key_id(node, key),
        "status": status,
        "reason": reason,
        "refused": "true" if refused else None,
        "since": since_when.moment(since, at),
    }
    if as_csv + as_jsonl + as_json > 1:
        raise CommandFailed("--csv, --jsonl and --json don't go together")
    if as_csv or as_jsonl:
        wanted["until"] = since_when.moment(until, at)
        node.pour(f"{PATH}/export", sys.stdout.buffer, format="csv" if as_csv else "jsonl", **wanted)
        return
    found = _read(node, wanted, limit)
    if as_json:
        screen.print_json(msgspec.json.encode(found))
        return
    listed = msgspec.json.decode(msgspec.json.encode(found), type=list[Request])
    columns = ("when", "status", "why", "key", "model", "from", "took", "request")
    rows = [_row(one, at) for one in listed]
    laid_out = screen.table(columns, rows, right=("status", "took"), spare=("took", "from", "model", "key"))
    screen.listing(laid_out, "No requests here, as far as these filters see.")


def _key_id(node: Node, key: str) -> str:
    return key if key.startswith("key_") else node.get(f"/api/v1/keys/{segment(key)}").read(Key).id


def _read(node: Node, wanted: dict[str, str | int | None], limit: int) -> list[msgspec.Raw]:
    """Read pages until there are enough; a page may be empty and not the last."""
    found: list[msgspec.Raw] = []
    cursor: str | None = None
    while True:
        answer = node.get(PATH, **wanted, limit=min(1000, limit - len(found)), cursor=cursor)
        found += answer.read(list[msgspec.Raw])
        cursor = answer.next_cursor
        if not cursor or len(found) >= limit:
            return found


def _row(request: Request, at: float) -> tuple[Text | str, ...]:
    colour = "green" if 0 < request.status < 400 else "red"
    return (
        screen.ago(request.started_at, at),
        Text(str(request.status or screen.NOTHING), style=colour),
        screen.clean((request.outcome or request.reason).replace("_", " ")),
        screen.clean(request.key_name or request.key_id or screen.NOTHING),
        screen.clean(request.model or screen.NOTHING),
        screen.clean(request.address or screen.NOTHING),
        screen.duration(request.total_us) if request.total_us else screen.NOTHING,
        Text(request.request_id, style="bright_black"),
    )
