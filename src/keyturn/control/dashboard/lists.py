"""Lists that are shown a page at a time: what a page comes after, and the ways to the next one and back to the first."""

from typing import Any, NoReturn

from keyturn.control.dashboard.shell import AnyRequest, with_query
from keyturn.control.errors import refuse
from keyturn.domain import ids
from keyturn.domain.refusals import Reason

_MOST_DIGITS = 18


def after(cursor: str, prefix: str) -> str | None:
    """Return the identifier that a page comes after; ``None``: it is the first.

    Args:
        cursor: What the address says; empty: nothing.
        prefix: Of the identifiers in the list.

    Raises:
        RefusedError: No page of the list ends with it.
    """
    if cursor and not ids.is_id(cursor, prefix):
        no_page()
    return cursor or None


def after_number(cursor: str) -> int | None:
    """Return the number of the entry that a page comes after; ``None``: it is the first.

    Raises:
        RefusedError: It is no such number.
    """
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _MOST_DIGITS and int(cursor)):
        no_page()
    return int(cursor) if cursor else None


def no_page() -> NoReturn:
    """Refuse a cursor that a list has not given."""
    refuse(Reason.INVALID_MEMBER, "Not a page of this list", "cursor")


def ways(request: AnyRequest, cursor: str, following: object) -> dict[str, Any]:
    """Return the addresses that ``parts.pager`` leads to, ``next`` and ``first``; empty: there is no such page.

    Args:
        request: Of this page; what it filters by is kept.
        cursor: What this page comes after; empty: it is the first.
        following: What the next page comes after; empty or ``None``: there is none.
    """
    return {
        "next": with_query(request, cursor=str(following)) if following else "",
        "first": with_query(request, cursor="") if cursor else "",
    }
