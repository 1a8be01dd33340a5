"""The search in lists of keys: what can't be a match is ruled out by an index of three letters each.

Reading through the texts of 100,000 keys takes 25 to 80 ms; looking up those that may match takes 0.1 to 5.
"""

import msgspec
from sqlalchemy import ColumnElement, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn.store.tables import keys, secrets

_ESCAPE = "\\"
_LAST = "\U0010ffff"
"""Sorts behind every other character."""
_FEW = 500
"""With more candidates than this, a page of matches is soon full without the index."""
_FEW_TERMS = 50
_TRIGRAM = 3

_TERMS = text("SELECT term FROM key_terms WHERE term >= :first AND term < :behind LIMIT :limit")
_MATCHES = text(
    "SELECT key_id FROM key_numbers WHERE number IN "
    "(SELECT rowid FROM key_texts WHERE key_texts MATCH :pattern LIMIT :limit)"
)


async def conditions(connection: AsyncConnection, sought: str) -> list[ColumnElement[bool]]:
    """Return what holds for the keys whose name, description, display or identifier a text is sought in.

    Args:
        connection: Where.
        sought: Part of the name or description, in any ASCII case; the beginning of a display; or the whole
            identifier. Not empty.
    """
    found = await _candidates(connection, sought)
    if found is None:
        return [_mentions(sought)]
    listed = text("SELECT value FROM json_each(:key_ids)").bindparams(
        key_ids=msgspec.json.encode(found).decode()
    )
    return [keys.c.id.in_(listed), _mentions(sought)]


async def _candidates(connection: AsyncConnection, sought: str) -> list[str] | None:
    """Return the keys among which are all that match; ``None``: they are many, or the index doesn't know them."""
    pattern = await _pattern(connection, sought)
    if pattern is None:
        return None
    named = await connection.scalars(_MATCHES, {"pattern": pattern, "limit": _FEW + 1}) if pattern else ()
    displayed = await connection.scalars(select(secrets.c.key_id).where(_displayed(sought)).limit(_FEW + 1))
    found = [sought, *named, *displayed]
    return found if len(found) <= _FEW else None


async def _pattern(connection: AsyncConnection, sought: str) -> str | None:
    """Return what the index is asked for; empty: nothing has it; ``None``: the index can't tell."""
    if "\0" in sought:  # which ends a text for the index
        return None
    if len(sought) >= _TRIGRAM:
        return _quoted(sought)
    folded = sought.lower()
    if not (sought.isascii() or folded == sought.upper()):
        return None
    values = {"first": folded, "behind": folded + _LAST, "limit": _FEW_TERMS + 1}
    terms = (await connection.scalars(_TERMS, values)).all()
    return " OR ".join(map(_quoted, terms)) if len(terms) <= _FEW_TERMS else None


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _displayed(sought: str) -> ColumnElement[bool]:
    return secrets.c.display.between(sought, sought + _LAST)


def _mentions(sought: str) -> ColumnElement[bool]:
    # LIKE ignores ASCII case by itself; with lower() the search takes twice as long.
    pattern = f"%{_escaped(sought)}%"
    return or_(
        keys.c.id == sought,
        keys.c.name.like(pattern, escape=_ESCAPE),
        keys.c.description.like(pattern, escape=_ESCAPE),
        select(func.count()).where(secrets.c.key_id == keys.c.id, _displayed(sought)).scalar_subquery() > 0,
    )


def _escaped(sought: str) -> str:
    return "".join(_ESCAPE + letter if letter in {_ESCAPE, "%", "_"} else letter for letter in sought)
