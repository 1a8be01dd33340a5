"""``keyturn hygiene``: the keys that should be tidied up."""

from typing import Annotated

import msgspec
import typer
from rich.text import Text

from keyturn.cli import screen
from keyturn.cli.connection import Node, on_node
from keyturn.cli.key_options import AsJson
from keyturn.system import now

PATH = "/api/v1/hygiene"
WORDS = {
    "seen_in_url": ("was sent in a URL: rotate it", "red"),
    "idle": ("unused for 90 days: disable it", "yellow"),
    "never_used": ("never used: does anybody need it?", "yellow"),
    "old": ("the same secret for 90 days: rotate it", "yellow"),
    "no_expiry": ("never expires", "bright_black"),
}
SUMMED = {
    "seen_in_url": "sent in a URL",
    "idle": "unused for 90 days",
    "never_used": "never used",
    "old": "with the same secret for 90 days",
    "no_expiry": "without expiry",
    "no_limit": "without any limit",
}

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


class UntidyKey(msgspec.Struct, frozen=True):
    """A key, and what is untidy about it."""

    id: str
    name: str
    display: str
    findings: list[str]
    created_at: str
    last_used_at: str | None = None


class Summary(msgspec.Struct, frozen=True):
    """Figures for all keys that work."""

    keys: int
    without_limit: int
    findings: dict[str, int] = {}


class Report(msgspec.Struct, frozen=True):
    """The report, as it came."""

    data: list[UntidyKey]
    summary: Summary
    next_cursor: str | None = None


@app.command()
@on_node
def hygiene(
    node: Node,
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the worst.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the keys that should be tidied up, worst first.

    Sent in a URL, unused for 90 days, never used, the same secret for 90 days, no expiry. Only keys that work are shown.

    Example: `keyturn hygiene`
    """
    answer = node.get(PATH, limit=limit)
    if as_json:
        screen.print_json(answer.raw)
        return
    report = msgspec.structs.replace(answer, data=msgspec.Raw(answer.raw)).read(Report)
    at = now()
    rows = [
        (
            screen.clean(key.name),
            screen.clean(key.display),
            Text("\n").join(_words(finding) for finding in key.findings),
            screen.ago(key.last_used_at, at),
            screen.ago(key.created_at, at),
            Text(key.id, style="bright_black"),
        )
        for key in report.data
    ]
    console = screen.out()
    columns = ("name", "key", "what", "last used", "created", "id")
    screen.listing(screen.table(columns, rows, spare=("created", "id", "last used")), "No key works here.")
    figures = report.summary
    counted = figures.findings | {"no_limit": figures.without_limit}
    found = ", ".join(f"{count:,} {SUMMED.get(name, name)}" for name, count in counted.items() if count)
    console.print(f"{figures.keys:,} active key{'' if figures.keys == 1 else 's'}: {found or 'all tidy'}.")
    if report.next_cursor is not None:
        screen.err().print("There are more; --limit shows them.")


def _words(finding: str) -> Text:
    words, colour = WORDS.get(finding, (finding, "white"))
    return Text.assemble((words, colour))
