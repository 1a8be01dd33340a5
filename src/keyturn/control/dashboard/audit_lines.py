"""Entries of the audit log as lines of a page: who, what, and what is not as it was."""

from collections.abc import Sequence

import msgspec

from keyturn.control.dashboard.entities import Entity, entity
from keyturn.domain.audit import Entry
from keyturn.services.names import Names

_LONGEST = 2_000
_MUCH, _MANY = 240, 4
_NOTHING = frozenset({"none", "empty", "{}"})
"""Of something new these are not worth a line."""


class Difference(msgspec.Struct, frozen=True):
    """A member that is not what it was."""

    name: str
    before: str
    """Empty: there was none."""
    after: str


class Line(msgspec.Struct, frozen=True):
    """An entry as a row."""

    entry: Entry
    actor: Entity
    target: Entity
    differences: list[Difference]

    @property
    def long(self) -> bool:
        """What has changed would fill the page: it is shown when somebody asks."""
        written = sum(len(one.before) + len(one.after) for one in self.differences)
        return written > _MUCH or len(self.differences) > _MANY


async def lines_of(entries: Sequence[Entry], names: Names) -> list[Line]:
    """Return the lines of entries that whoever asks may see, in their order."""
    known = await names.of(one for entry in entries for one in (entry.actor, entry.target))
    return [
        Line(
            entry,
            entity(entry.actor, known),
            entity(entry.target, known),
            differences(entry.before, entry.after),
        )
        for entry in entries
    ]


def differences(before: str, after: str) -> list[Difference]:
    """Return what an entry says has changed, member by member.

    Args:
        before: JSON as it was written; somebody may have meddled with it.
        after: The same.
    """
    was, now = _members(before), _members(after)
    if not was:
        return [Difference(name, "", text) for name, text in now.items() if text not in _NOTHING]
    return [
        Difference(name, was.get(name, ""), now.get(name, ""))
        for name in dict.fromkeys([*was, *now])
        if was.get(name) != now.get(name)
    ]


def _members(text: str) -> dict[str, str]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {"": text[:_LONGEST]}
    if found is None:
        return {}
    if not isinstance(found, dict):
        return {"": _written(found)}
    return {name: _written(value) for name, value in found.items()}


def _written(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value[:_LONGEST] or "empty"
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return (", ".join(value) or "none")[:_LONGEST]
    return msgspec.json.encode(value).decode()[:_LONGEST]
