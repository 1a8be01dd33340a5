"""Writes ``docs/compatibility.md`` from what the matrix has found."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from clients.matrix.cells import Cell, Check, Dialect, Outcome
from clients.matrix.refusals import EXPECTED, Why
from clients.matrix.running import names, title_of

PATH = Path(__file__).parents[3] / "docs" / "compatibility.md"
VARIABLE = "KEYTURN_WRITE_COMPATIBILITY"

TITLES = {Dialect.OPENAI: "OpenAI", Dialect.ANTHROPIC: "Anthropic", Dialect.GEMINI: "Gemini"}
_WORKS, _NONE = "✓", "\N{EN DASH}"
_NOTES = dict(zip(Why, "¹²³", strict=True))

_HEAD = f"""\
# Which SDK can do what with which provider

<!-- Written by the tests: `make compatibility`. -->

Official SDKs ask a node for models of providers that speak each of three dialects. The tests do it with the demo provider,
write this page, and fail when it is not what they find. Each row is a dialect of the provider's;
where it is not the SDK's, requests and answers are [translated](how-to/use-any-sdk.md).

| | |
|---|---|
| {_WORKS} | works, and what it took is counted |
| refused | the SDK raises its own error, before anything is charged; [why](#why-some-are-refused) |
| {_NONE} | the SDK has nothing like it |

Streams, tools (a call, its result, the answer to that), vision (an image goes in) and JSON (an answer by a schema) are of
chats. *Errors*: 400, 401, 404 and 429 arrive as the SDK's own classes or statuses. *Time-out*: its own error, and the
provider is left. *Abort*: a stream that is left is charged up to there.
"""


def is_to_be_written() -> bool:
    """Say whether this run writes the page; otherwise it compares."""
    return bool(os.environ.get(VARIABLE))


def render(outcomes: Mapping[Cell, Outcome]) -> str:
    """Return the page.

    Args:
        outcomes: Of all cells; every refusal is one of ``EXPECTED``.
    """
    lines = [line for name in names() for line in _section(name, outcomes)]
    reasons = [f"- {_NOTES[why]} {why.value}" for why in Why]
    return "\n".join([_HEAD, *lines, "## Why some are refused", "", *reasons, ""])


def _section(name: str, outcomes: Mapping[Cell, Outcome]) -> Iterator[str]:
    title, about = title_of(name)
    yield from (f"## {title}", "")
    if about:
        yield from (about, "")
    yield f"| provider | {' | '.join(Check)} |"
    yield "|---" * (1 + len(Check)) + "|"
    for dialect in Dialect:
        marks = [_mark(Cell(name, check, dialect), outcomes) for check in Check]
        yield f"| {TITLES[dialect]} | {' | '.join(marks)} |"
    yield ""


def _mark(cell: Cell, outcomes: Mapping[Cell, Outcome]) -> str:
    if cell not in outcomes:
        return _NONE
    if outcomes[cell] is None:
        return _WORKS
    return f"refused{_NOTES[EXPECTED[cell.sdk, cell.check, cell.dialect].why]}"
