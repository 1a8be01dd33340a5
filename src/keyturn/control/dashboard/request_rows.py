"""One line of the log of requests, written out: the same for the page and for what comes in while it is open."""

from datetime import UTC, datetime

import msgspec

from keyturn.control.dashboard import figures
from keyturn.domain.journal import Admitted, Refused, Served
from keyturn.store.requests import Ended

_ERRORS, _CLIENTS_OWN = 500, 400


class RequestRow(msgspec.Struct, frozen=True):
    """A request as a line; all that is shown is text that stands in a page as it is."""

    id: str
    at: str
    """RFC 3339."""
    at_text: str
    """How long ago."""
    exact: str
    """In the visitor's time zone."""
    key_id: str
    key: str
    model: str
    status: str
    kind: str
    """good, warn, bad or info, as ``parts.dot`` has them."""
    why: str
    """What happened, where it did not simply go well."""
    tokens: str
    cost: str
    took: str
    address: str
    refused: bool
    """It was not let in."""


def row(record: Ended | Admitted, key_name: str) -> RequestRow:
    """Return the line of a request."""
    at_us = record.at_us if isinstance(record, Refused) else record.started_us
    status = 0 if isinstance(record, Admitted) else record.status
    tokens = cost = took = "\N{EN DASH}"
    if isinstance(record, Served):
        tokens = figures.count(record.input_tokens + record.output_tokens)
        cost = figures.usd(record.cost_nano_usd) if record.priced else "no price"
        took = figures.took(record.total_us)
    return RequestRow(
        id=record.request_id,
        at=datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        at_text=figures.relative(at_us // 1000),
        exact=figures.moment(at_us // 1000),
        key_id=record.key_id,
        key=key_name or record.key_id or "no key",
        model=record.model,
        status=str(status) if status else "under way" if isinstance(record, Admitted) else "lost",
        kind=kind(record),
        why=reason(record),
        tokens=tokens,
        cost=cost,
        took=took,
        address=record.address,
        refused=isinstance(record, Refused),
    )


def kind(record: Ended | Admitted) -> str:
    """Return how it went, as ``parts.dot`` has it."""
    if isinstance(record, Admitted):
        return "info"
    if record.status >= _ERRORS or not record.status:
        return "bad"
    if record.status >= _CLIENTS_OWN:
        return "warn"
    return "good"


def reason(record: Ended | Admitted) -> str:
    """Return what happened, in words; empty where it went well."""
    if isinstance(record, Admitted):
        return ""
    said = record.reason if isinstance(record, Refused) else record.outcome
    return "" if said == "ok" else said.replace("_", " ").lower()
