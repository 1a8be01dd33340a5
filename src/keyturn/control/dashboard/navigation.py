"""What stands in the navigation, and for whom: who may not open a page does not see it either."""

import msgspec

from keyturn.control.dashboard.guard import SIGNED_IN, Entry
from keyturn.domain.roles import Person, may


class Section(msgspec.Struct, frozen=True):
    """An entry of the navigation."""

    name: str
    """What pages call it, and its icon in ``templates/icons.html``."""
    title: str
    path: str
    entry: Entry
    """Whom the page is for, as its route says."""
    shortcut: str = ""
    """The letter that leads there after ``g``."""


SECTIONS = (
    Section("overview", "Overview", "/dashboard", SIGNED_IN, "o"),
    Section("keys", "API keys", "/dashboard/keys", ("GET", "/api/v1/keys"), "k"),
    Section("usage", "Usage", "/dashboard/usage", ("GET", "/api/v1/usage"), "u"),
    Section("requests", "Requests", "/dashboard/requests", ("GET", "/api/v1/requests"), "r"),
    Section("playground", "Playground", "/dashboard/playground", SIGNED_IN, "p"),
    Section("models", "Models", "/dashboard/models", ("GET", "/api/v1/models"), "m"),
    Section("billing", "Plans and credit", "/dashboard/billing", ("GET", "/api/v1/credit"), "b"),
    Section("alerts", "Alerts", "/dashboard/alerts", ("GET", "/api/v1/alerts"), "a"),
    Section("team", "Team", "/dashboard/team", ("GET", "/api/v1/users"), "t"),
    Section("audit", "Audit", "/dashboard/audit", ("GET", "/api/v1/audit"), "l"),
    Section("settings", "Settings", "/dashboard/settings", ("GET", "/api/v1/node"), "s"),
)


def sections_for(person: Person) -> list[Section]:
    """Return what somebody sees."""
    return [one for one in SECTIONS if isinstance(one.entry, str) or may(person, *one.entry)]
