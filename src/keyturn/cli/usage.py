"""``keyturn usage``: requests, tokens and cost, by whatever they are asked for."""

import sys
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from keyturn.cli import screen, since as since_when
from keyturn.cli.answers import Usage, UsageRow
from keyturn.cli.connection import Node, on_node
from keyturn.cli.failure import CommandFailed
from keyturn.system import now

BAR_WIDTH = 16
PATH = "/api/v1/usage"
DEFAULT_DAYS = 30

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class By(StrEnum):
    """What usage is grouped by."""

    KEY = "key"
    PROJECT = "project"
    ACCOUNT = "account"
    USER = "user"
    MODEL = "model"
    STATUS = "status"
    OPERATION = "operation"
    UPSTREAM = "upstream"
    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"


class Interval(StrEnum):
    """The steps of a course of time."""

    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"


_TIMES = {By.DAY, By.HOUR, By.MINUTE}


@app.command()
@on_node
def usage(
    node: Node,
    *,
    by: Annotated[By, typer.Option(help="What to group by.")] = By.KEY,
    interval: Annotated[
        Interval | None, typer.Option(help="Each group once for each of these: a course of time.")
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, help="How many days back; 30 without this and --since.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="WHEN", help="From then on: 24h, 7d, or an RFC 3339 date.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="WHEN", help="Up to then, in the same words.")] = None,
    tz: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Where days begin: Europe/Berlin. Without it UTC.")
    ] = None,
    key: Annotated[str | None, typer.Option("--of-key", metavar="KEY", help="Only of this key.")] = None,
    project: Annotated[str | None, typer.Option(help="Only of this project.")] = None,
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    user: Annotated[str | None, typer.Option(help="Only of this user's personal keys.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Only of models like this: gpt-*.")
    ] = None,
    status: Annotated[
        str | None, typer.Option(help="Only what was answered with this: 429, or 5xx for a class.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print everything as CSV.")] = False,
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print everything as JSON, a row a line.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Show requests, tokens and cost, grouped by key, model, day and more.

    Example: `keyturn usage --by model --interval hour --since 24h`
    """
    if as_csv + as_jsonl + as_json > 1:
        raise CommandFailed("--csv, --jsonl and --json don't go together")
    at = now()
    asked: dict[str, str | int | None] = {
        "by": by.value,
        "interval": interval and interval.value,
        "days": days or (DEFAULT_DAYS if since is None else None),
        "since": since_when.moment(since, at),
        "until": since_when.moment(until, at),
        "tz": tz,
        "key": key,
        "project": project,
        "account": account,
        "user": user,
        "model": model,
        "status": status,
    }
    if as_csv or as_jsonl:
        node.pour(f"{PATH}/export", sys.stdout.buffer, format="csv" if as_csv else "jsonl", **asked)
        return
    answer = node.get(PATH, **asked)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    _show(answer.read(Usage), by, interval)


def _show(found: Usage, by: By, interval: Interval | None) -> None:
    ordered = by in _TIMES or interval is not None
    rows = found.rows if ordered else sorted(found.rows, key=_weight, reverse=True)
    most = max((_weight(row) for row in rows), default=(Decimal(0), 0))
    when = () if interval is None or by in _TIMES else (interval.value,)
    cells = [(*_when(row, when), *_cells(row, _label(by, row), _fraction(row, most))) for row in rows]
    total = [
        f"[bold]{cell}[/]" if isinstance(cell, str) and cell else cell
        for cell in (*("total",) * len(when), *_cells(found.total, "" if when else "total", 0))
    ]
    figures = ("requests", "errors", "input", "output", "cost", "p95")
    columns = (*when, by.value, *figures, "")
    laid_out = screen.table(
        columns, [*cells, total], right=figures, spare=("", "p95", "output", "input", "errors")
    )
    screen.out().print(laid_out)
    remarks = (
        (found.total.estimated, "estimated from their size, because the upstream did not report usage"),
        (found.total.recovered, "recovered after a process died; the reservation stands in for the usage"),
        (found.total.unpriced, "of models without a price; `keyturn models price` sets one"),
    )
    for count, text in remarks:
        if count:
            screen.err().print(f"{count:,} {'request is' if count == 1 else 'requests are'} {text}.")
    if found.left_out:
        screen.err().print(f"{found.left_out:,} more did not fit; --csv has all of them.")


def _when(row: UsageRow, columns: Sequence[str]) -> list[str]:
    return [(row.day or (row.start or "").removesuffix(":00Z").replace("T", " ")) for _ in columns]


def _label(by: By, row: UsageRow) -> Text:
    labels = {
        By.KEY: row.key_name or row.key_id,
        By.PROJECT: row.project_name or row.project_id,
        By.ACCOUNT: row.account_name or row.account_id,
        By.USER: row.user_name or row.user_id,
        By.MODEL: row.model,
        By.STATUS: str(row.status),
        By.OPERATION: row.operation,
        By.UPSTREAM: row.upstream,
        By.DAY: row.day,
    }
    return screen.clean(
        labels.get(by, (row.start or "").removesuffix(":00Z").replace("T", " ")) or screen.NOTHING
    )


def _weight(row: UsageRow) -> tuple[Decimal, int]:
    return Decimal(row.cost_usd), row.requests


def _fraction(row: UsageRow, most: tuple[Decimal, int]) -> float:
    """Compare by cost, or by requests where nothing costs anything."""
    if most[0]:
        return float(Decimal(row.cost_usd) / most[0])
    return row.requests / most[1] if most[1] else 0.0


def _cells(row: UsageRow, label: str | Text, fraction: float) -> Sequence[str | Text]:
    return (
        label,
        f"{row.requests:,}",
        f"{row.errors:,}",
        f"{row.input_tokens:,}",
        f"{row.output_tokens:,}",
        screen.dollars(row.cost_usd),
        screen.NOTHING if row.p95_us is None else screen.duration(row.p95_us),
        f"[cyan]{screen.bar(fraction, BAR_WIDTH)}[/]" if fraction else "",
    )
