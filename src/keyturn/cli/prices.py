"""``keyturn prices``: what models cost, from when on, and pricing recorded requests again."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from keyturn.cli import screen, since
from keyturn.cli.connection import Node, on_node, segment
from keyturn.cli.expiry import instant
from keyturn.cli.failure import CommandFailed
from keyturn.cli.price_view import Portion, Price, Repriced, prices_table, repriced_table, told
from keyturn.system import now

PATH = "/api/v1/prices"
PORTION_TIMEOUT_S = 300.0

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Say what models cost, from when on.\n\nExample: `keyturn prices list`",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Named = Annotated[str, typer.Argument(metavar="MODEL", help="The name that clients use.")]
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@app.command("list")
@on_node
def show_all(
    node: Node,
    *,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help=f"Those in force at this time: {since.EXAMPLES}.")
    ] = None,
    shipped: Annotated[
        bool, typer.Option("--shipped", help="The whole table that came with the program.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what each model costs now, and the prices to come; per million tokens.

    Example: `keyturn prices list --at 2026-12-01`
    """
    path = f"{PATH}/shipped" if shipped else PATH
    _list(node.get(path, at=None if shipped else since.moment(at, now())).raw, as_json=as_json)


@app.command()
@on_node
def show(node: Node, model: Named, *, as_json: AsJson = False) -> None:
    """Show all prices that a model has had and will have, with their sources.

    Example: `keyturn prices show gpt-4o`
    """
    raw = node.get(PATH, model=model).raw
    _list(raw, as_json=as_json)
    if as_json:
        return
    for one in _read(raw):
        remarks = [f"{one.source} ({one.source_date})" if one.source else "", one.note]
        if any(remarks):
            text = ". ".join(remark for remark in remarks if remark)
            screen.out().print(Text.assemble((f"{one.id}: ", "bright_black"), screen.clean(text)))


@app.command("set")
@on_node
def set_price(
    node: Node,
    model: Named,
    *,
    given: Annotated[
        str | None, typer.Option("--input", metavar="USD", help="A million tokens of input.")
    ] = None,
    made: Annotated[
        str | None, typer.Option("--output", metavar="USD", help="A million tokens of output.")
    ] = None,
    cached: Annotated[
        str | None, typer.Option("--cached-input", metavar="USD", help="A million tokens of cached input.")
    ] = None,
    written: Annotated[
        str | None,
        typer.Option("--cache-write", metavar="USD", help="A million tokens that go into the cache."),
    ] = None,
    reasoning: Annotated[
        str | None, typer.Option(metavar="USD", help="A million tokens of reasoning.")
    ] = None,
    image: Annotated[str | None, typer.Option(metavar="USD", help="An image.")] = None,
    second: Annotated[str | None, typer.Option(metavar="USD", help="A second of audio.")] = None,
    characters: Annotated[
        str | None, typer.Option(metavar="USD", help="A million characters of speech.")
    ] = None,
    since_when: Annotated[
        str | None,
        typer.Option("--from", metavar="TIME", help="From when on: 2026-12-01, monday, 7d. Default: now."),
    ] = None,
    note: Annotated[str, typer.Option(help="Where you have it from.")] = "",
) -> None:
    """Set what a model costs, in US dollars, from a moment on; it stands before the shipped price.

    Example: `keyturn prices set gpt-4o --input 2.50 --output 10 --from monday`
    """
    figures = {
        "input_usd_per_million": given,
        "output_usd_per_million": made,
        "cached_input_usd_per_million": cached,
        "cache_write_usd_per_million": written,
        "reasoning_usd_per_million": reasoning,
        "image_usd": image,
        "second_usd": second,
        "characters_usd_per_million": characters,
    }
    body: dict[str, object] = {name: amount for name, amount in figures.items() if amount is not None}
    if not body:
        raise CommandFailed("no price given; say --input and --output, --image, --second or --characters")
    body |= {"model": model, "note": note}
    if since_when is not None:
        body["effective_from"] = _from(since_when)
    price = node.call("POST", PATH, body=body).read(Price)
    when = "now costs" if price.in_force else f"costs from {price.effective_from} on"
    screen.out().print(screen.clean(price.model), Text(f"{when}: {told(price)}"))


@app.command()
@on_node
def remove(
    node: Node,
    price_id: Annotated[str, typer.Argument(metavar="ID", help="Of a price whose time has not come.")],
) -> None:
    """Take back a price that was set for later.

    Example: `keyturn prices remove prc_1MtO0kW2bXyZ4cQe8RfA`
    """
    price = node.call("DELETE", f"{PATH}/{segment(price_id)}").read(Price)
    screen.out().print(Text("Took back"), screen.clean(price.id), Text("of"), screen.clean(price.model))


@app.command()
@on_node
def rerate(
    node: Node,
    *,
    since_when: Annotated[
        str, typer.Option("--from", metavar="TIME", help=f"Requests from then on: {since.EXAMPLES}.")
    ],
    model: Annotated[str, typer.Option(metavar="MODEL", help="Only requests for this name.")] = "",
    apply: Annotated[
        bool, typer.Option("--apply", help="Change the charges; without it, only look.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Price recorded requests again, with the prices as they are now, and show what changes.

    Nothing is changed without `--apply`. To break it off and to repeat it does no harm: a request that has its price
    already is left alone.

    Example: `keyturn prices rerate --from 2026-11-20`
    """
    start = since.moment(since_when, now()) or ""
    body: dict[str, object] = {"from": start, "model": model, "apply": apply}
    with _progress() as progress:
        task = progress.add_task("Pricing", total=1.0)
        begin, end = _seconds(start), now()

        def told_progress(reached: str | None) -> None:
            if reached is not None and end > begin:
                progress.update(task, completed=min(1.0, (_seconds(reached) - begin) / (end - begin)))

        scanned, rows = _walk(node, body, told_progress)
    total = _sum(rows)
    if as_json:
        found = {"applied": apply, "scanned": scanned, "rows": rows, "total": total}
        screen.print_json(msgspec.json.encode(found))
        return
    if not rows:
        screen.err().print(f"Nothing changes: {scanned:,} requests have the price that they should have.")
        return
    screen.out().print(repriced_table(rows, total))
    if not apply:
        screen.err().print("Nothing was changed. With --apply it is.")


def _walk(
    node: Node, body: dict[str, object], reached: Callable[[str | None], None]
) -> tuple[int, list[Repriced]]:
    """Go through all portions; return how many requests were looked at, and what changes."""
    scanned = 0
    found: dict[tuple[str, str], Repriced] = {}
    while True:
        answer = node.call("POST", f"{PATH}/rerate", body=body, timeout_s=PORTION_TIMEOUT_S)
        portion = answer.read(Portion)
        scanned += portion.scanned
        for row in portion.rows:
            known = found.get((row.model, row.key_id))
            found[row.model, row.key_id] = row if known is None else _add(known, row)
        reached(portion.reached)
        if portion.next_cursor is None:
            return scanned, sorted(
                found.values(), key=lambda one: abs(Decimal(one.difference_usd)), reverse=True
            )
        body |= {"id": portion.id, "cursor": portion.next_cursor}


def _sum(rows: list[Repriced]) -> Repriced:
    total = Repriced("", "", "", "", 0, "0", "0", "0")
    for row in rows:
        total = _add(total, row)
    return total


def _add(one: Repriced, other: Repriced) -> Repriced:
    sums = {
        name: f"{Decimal(getattr(one, name)) + Decimal(getattr(other, name)):f}"
        for name in ("before_usd", "after_usd", "difference_usd")
    }
    return msgspec.structs.replace(one, requests=one.requests + other.requests, **sums)


def _list(raw: bytes, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(msgspec.json.encode(msgspec.json.decode(raw)["data"]))
    else:
        screen.listing(prices_table(_read(raw)), "No prices. `keyturn prices set MODEL` sets one.")


def _read(raw: bytes) -> list[Price]:
    return msgspec.json.decode(raw, type=_Prices).data


class _Prices(msgspec.Struct):
    data: list[Price]


def _from(text: str) -> str:
    """Return a time to come, a past one, or the beginning (UTC) of the next day of this name, as RFC 3339."""
    day = text.strip().lower().removeprefix("next ")
    if day not in _DAYS:
        return instant(text, now())
    today = datetime.fromtimestamp(now(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = (_DAYS.index(day) - today.weekday() - 1) % 7 + 1
    return (today + timedelta(days=ahead)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _progress() -> Progress:
    """Make a bar on stderr that is gone when it is done, and not there at all where nobody looks."""
    console = screen.err()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
