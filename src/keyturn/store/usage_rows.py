"""What usage is asked for by, and the rows that answer."""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from operator import itemgetter

import msgspec

from keyturn.domain import latency
from keyturn.domain.periods import Span
from keyturn.store.key_sums import Figures


class Dimension(StrEnum):
    """What usage is broken down by, beside time."""

    KEY = "key"
    PROJECT = "project"
    ACCOUNT = "account"
    USER = "user"
    MODEL = "model"
    STATUS = "status"
    OPERATION = "operation"
    UPSTREAM = "upstream"


class UsageFilter(msgspec.Struct, frozen=True):
    """Which requests count; empty members leave none out."""

    key_id: str = ""
    project_id: str = ""
    account_id: str = ""
    user_id: str = ""
    models: tuple[str, ...] = ()
    """Patterns, in which ``*`` stands for any characters."""
    statuses: tuple[int, int] | None = None
    """The least and the greatest."""
    operation: str = ""
    upstream: str = ""
    reach_account_id: str = ""
    reach_project_id: str = ""
    reach_user_id: str = ""


class Step(msgspec.Struct, frozen=True):
    """One row of a course of time, or all of it."""

    since_s: int
    until_s: int
    spans: Sequence[Span]


class UsageRow(msgspec.Struct, frozen=True):
    """What the requests of one group come to."""

    step: int = 0
    """Which of the steps that were asked for."""
    group: str = ""
    """An identifier, a model's name, a status …; empty where nothing was grouped by, or nobody knows."""
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano_usd: int = 0
    errors: int = 0
    estimated: int = 0
    recovered: int = 0
    unpriced: int = 0
    durations: bytes = b""
    """A histogram (``domain.latency``), like ``first_bytes``."""
    first_bytes: bytes = b""


LONG_HISTOGRAM = 4 * latency.BUCKETS
"""Bytes: longer ones have several entries a bucket."""


def shortened(row: UsageRow) -> UsageRow:
    """Return a row whose histograms are not long, to be kept and added up again."""
    if len(row.durations) <= LONG_HISTOGRAM and len(row.first_bytes) <= LONG_HISTOGRAM:
        return row
    return msgspec.structs.replace(
        row, durations=latency.combine(row.durations), first_bytes=latency.combine(row.first_bytes)
    )


COUNTS = UsageRow.__struct_fields__[2:-2]
"""What is added up."""


def minutes_apart(steps: Sequence[Step]) -> list[Sequence[Step]]:
    """Return steps with their hours and days alone, and the same ones with their minutes alone; without minutes: as they are."""
    if all(span.period != "minute" for step in steps for span in step.spans):
        return [steps]
    return [
        [
            Step(
                step.since_s, step.until_s, [one for one in step.spans if (one.period == "minute") is minutes]
            )
            for step in steps
        ]
        for minutes in (False, True)
    ]


def put_together(rows: Iterable[UsageRow]) -> list[UsageRow]:
    """Return one row of each step and group; histograms are added up by standing one behind the other."""
    found: dict[tuple[int, str], UsageRow] = {}
    for row in rows:
        known = found.get((row.step, row.group))
        found[row.step, row.group] = row if known is None else _sum(known, row)
    return list(found.values())


def _sum(one: UsageRow, other: UsageRow) -> UsageRow:
    added = {name: getattr(one, name) + getattr(other, name) for name in UsageRow.__struct_fields__[2:]}
    return UsageRow(one.step, one.group, **added)


class Rank(StrEnum):
    """What makes a group come first."""

    REQUESTS = "requests"
    COST = "cost"
    TOKENS = "tokens"
    ERRORS = "errors"

    @property
    def figure(self) -> Callable[[Figures], int]:
        """What is compared: for thousands of groups, so that it had better be quick."""
        return _FIGURES[self]


_FIGURES: dict[Rank, Callable[[Figures], int]] = {
    Rank.REQUESTS: itemgetter(0),
    Rank.COST: itemgetter(3),
    Rank.TOKENS: lambda figures: figures[1] + figures[2],
    Rank.ERRORS: itemgetter(4),
}
