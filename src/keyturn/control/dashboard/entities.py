"""How things that lists name are shown: by what they are called, with a link where there is a page."""

import msgspec

from keyturn.domain import ids
from keyturn.domain.principal import ALERTS, OPERATOR, SCHEDULER

_PROGRAM = {
    OPERATOR: "Operator at the machine",
    SCHEDULER: "Keyturn, on schedule",
    ALERTS: "Keyturn, on an alert",
    "": "Nobody known",
}
_PAGES = {
    ids.KEY: "/dashboard/keys/",
    ids.EVENT: "/dashboard/alerts/",
    ids.PLAN: "/dashboard/billing/plans/",
    ids.ACCOUNT: "/dashboard/billing?account=",
}


class Entity(msgspec.Struct, frozen=True):
    """Somebody or something."""

    id: str
    name: str
    href: str = ""
    """Its page; empty: there is none."""


def entity(identifier: str, names: dict[str, str]) -> Entity:
    """Return how an identifier, or the name of a part of the program, is shown."""
    if identifier in _PROGRAM:
        return Entity(identifier, _PROGRAM[identifier])
    kind = identifier[: identifier.find("_") + 1]
    page = _PAGES.get(kind, "") if ids.is_id(identifier, kind) and kind else ""
    return Entity(identifier, names.get(identifier, identifier), page and page + identifier)
