"""A month of an account on one page: what it had, what it got, what it used, what is left."""

from collections.abc import Callable, Iterable

import msgspec

from keyturn.domain.ledger import Entry, EntryKind

CREDITED = frozenset({EntryKind.GRANT, EntryKind.EXPIRY, EntryKind.REVERSAL})
"""Entries about grants; what is neither these nor a charge is an adjustment."""


class Line(msgspec.Struct, frozen=True):
    """What one key was charged for one model. The names are those of today."""

    key_id: str
    key_name: str
    project_id: str
    project_name: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int


class Sum(msgspec.Struct, frozen=True):
    """The lines that have something in common, added up."""

    id: str
    name: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int


class Statement(msgspec.Struct, frozen=True):
    """The statement of a month. Amounts are nano-dollars.

    Attributes:
        account_id: Whose it is.
        account_name: What that is called.
        month: Such as ``2026-11``.
        zone: By whose calendar.
        starts_at: Seconds since 1970 UTC.
        ends_at: The first second that is not in it.
        known_until: The last second that it tells of: that of the month, or, while that is not over, now.
        opening: The balance before it; negative: owed.
        entries: Everything but the charges, in the order in which it was written down.
        lines: What the charges are made up of, the most expensive first.
        is_final: The month is over.
    """

    account_id: str
    account_name: str
    month: str
    zone: str
    starts_at: int
    ends_at: int
    known_until: int
    opening: int
    entries: tuple[Entry, ...]
    lines: tuple[Line, ...]
    is_final: bool

    @property
    def credits(self) -> list[Entry]:
        """What was granted, and what of it ended or was taken back."""
        return [entry for entry in self.entries if entry.kind in CREDITED]

    @property
    def adjustments(self) -> list[Entry]:
        """What was put right: by hand, or because usage was priced anew."""
        return [entry for entry in self.entries if entry.kind not in CREDITED]

    @property
    def credited(self) -> int:
        """The sum of ``credits``."""
        return sum(entry.amount for entry in self.credits)

    @property
    def adjusted(self) -> int:
        """The sum of ``adjustments``."""
        return sum(entry.amount for entry in self.adjustments)

    @property
    def charged(self) -> int:
        """What was used, positive."""
        return sum(line.cost_nano_usd for line in self.lines)

    @property
    def closing(self) -> int:
        """The balance at the end; negative: owed."""
        return self.opening + self.credited + self.adjusted - self.charged

    def by_model(self) -> list[Sum]:
        """Add up the lines of each model."""
        return _sums(self.lines, lambda line: (line.model, line.model))

    def by_key(self) -> list[Sum]:
        """Add up the lines of each key."""
        return _sums(self.lines, lambda line: (line.key_id, line.key_name))

    def by_project(self) -> list[Sum]:
        """Add up the lines of each project."""
        return _sums(self.lines, lambda line: (line.project_id, line.project_name))


def _sums(lines: Iterable[Line], subject: Callable[[Line], tuple[str, str]]) -> list[Sum]:
    found: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        sums = found.setdefault(subject(line), [0, 0, 0, 0])
        figures = (line.requests, line.input_tokens, line.output_tokens, line.cost_nano_usd)
        for index, value in enumerate(figures):
            sums[index] += value
    ordered = sorted(found.items(), key=lambda one: (-one[1][3], one[0]))
    return [Sum(*of, *sums) for of, sums in ordered]
