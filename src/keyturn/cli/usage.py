"""``keyturn usage``: requests, tokens and cost."""

import csv
import sys
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.answers import Usage, UsageRow
from keyturn.cli.connection import Node, on_node
from keyturn.cli.failure import CommandFailed

BAR_WIDTH = 16
FIGURES = ("requests", "input_tokens", "output_tokens", "cost_usd", "estimated", "recovered", "unpriced")

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class By(StrEnum):
    """What usage is grouped by."""

    KEY = "key"
    MODEL = "model"
    DAY = "day"


@app.command()
@on_node
def usage(
    node: Node,
    *,
    by: Annotated[By, typer.Option(help="What to group by.")] = By.KEY,
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 30,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show requests, tokens and cost, grouped by key, model or day.

    Example: `keyturn usage --by day --days 7`
    """
    if as_csv and as_json:
        raise CommandFailed("--csv and --json don't go together")
    answer = node.get("/api/v1/usage", by=by.value, days=days)
    if as_json:
        screen.print_json(bytes(answer.data))
        return
    found = answer.read(Usage)
    if as_csv:
        _write_csv(by, found.rows)
        return
    rows = found.rows if by is By.DAY else sorted(found.rows, key=_weight, reverse=True)
    most = max((_weight(row) for row in rows), default=(Decimal(0), 0))
    cells = [_cells(row, screen.clean(_label(by, row)), _fraction(row, most)) for row in rows]
    total = [
        f"[bold]{cell}[/]" if isinstance(cell, str) and cell else cell
        for cell in _cells(found.total, "total", 0)
    ]
    columns = (by.value, "requests", "input", "output", "cost", "")
    console = screen.out()
    figures = ("requests", "input", "output", "cost")
    console.print(screen.table(columns, [*cells, total], right=figures, spare=("", "output", "input")))
    remarks = (
        (found.total.estimated, "estimated from their size, because the upstream did not report usage"),
        (found.total.recovered, "recovered after a process died; the reservation stands in for the usage"),
        (found.total.unpriced, "of models without a price; `keyturn models price` sets one"),
    )
    for count, text in remarks:
        if count:
            screen.err().print(f"{count:,} {'request is' if count == 1 else 'requests are'} {text}.")


def _label(by: By, row: UsageRow) -> str:
    match by:
        case By.KEY:
            return row.key_name or row.key_id or screen.NOTHING
        case By.MODEL:
            return row.model or screen.NOTHING
        case By.DAY:
            return row.day or screen.NOTHING


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
        f"{row.input_tokens:,}",
        f"{row.output_tokens:,}",
        screen.dollars(row.cost_usd),
        f"[cyan]{screen.bar(fraction, BAR_WIDTH)}[/]" if fraction else "",
    )


def _write_csv(by: By, rows: Sequence[UsageRow]) -> None:
    names = {By.KEY: ("key_id", "key_name"), By.MODEL: ("model",), By.DAY: ("day",)}[by]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*names, *FIGURES])
    for row in rows:
        writer.writerow([getattr(row, name) for name in (*names, *FIGURES)])
