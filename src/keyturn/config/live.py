"""The settings as they are now: what the node was started with, and what was changed since."""

from collections.abc import Mapping

import msgspec

from keyturn.config import rules, values
from keyturn.config.reference import Entry, entries
from keyturn.config.sections import Settings

CHANGEABLE = (
    "auth.required",
    "auth.locations",
    "people.sign_up",
    "requests.kept_days",
    "usage.minutes_kept_days",
    "usage.hours_kept_days",
    "events.kept_days",
    "support.contact",
    "support.upgrade_url",
)
"""What is gone by at once when it changes; everything else is read at the start."""


class Changed(msgspec.Struct, frozen=True):
    """A value that stands above the file's."""

    value: object
    at_ms: int
    by: str
    """The actor, as the audit log names it."""


class Live:
    """What the node goes by. The parts that may change ask ``now`` each time."""

    def __init__(
        self, given: Settings, origins: Mapping[str, str] | None = None, *, anonymous_allowed: bool = False
    ) -> None:
        """Take in what the node was started with.

        Args:
            given: The settings.
            origins: Where each came from, by its path.
            anonymous_allowed: Only this machine reaches the port, or it was said at the start that everybody may come in.
        """
        self.given = given
        self.changed: dict[str, Changed] = {}
        self.now = given
        self.problems: list[str] = []
        """What was changed and is not gone by, for people."""
        self.anonymous_allowed = anonymous_allowed
        self._origins = dict(origins or {})

    @property
    def origins(self) -> dict[str, str]:
        """Where each setting came from, by its path."""
        found = dict(self._origins)
        found.update({path: f"changed at run time by {one.by}" for path, one in self.changed.items()})
        return found

    def take(self, changed: Mapping[str, Changed]) -> None:
        """Go by these values from now on, and by those of the start for everything else.

        What can't be gone by is left out and told in ``problems``: a node that starts with less than was asked for is
        better than one that does not start, or that lets the network in.
        """
        self.changed, self.problems, now = dict(changed), [], self.given
        for path, one in changed.items():
            try:
                entry = changeable()[path]
                after = with_value(now, path, values.read(one.value, entry))
            except (KeyError, ValueError):
                self.problems.append(
                    f"{path} was changed to what can't be used; run: keyturn settings reset {path}"
                )
                continue
            if self.lets_the_network_in(after):
                self.problems.append(
                    f"{path} was changed to false, and the port is open to the network: keys are needed all the same; "
                    f"run: keyturn settings reset {path}, or start with --allow-anonymous-on-network"
                )
                continue
            now = after
        self.now = now

    def lets_the_network_in(self, settings: Settings) -> bool:
        """Say whether anyone could call models at the operator's expense, which nobody has asked for."""
        return not settings.auth.required and not self.anonymous_allowed


def changeable() -> dict[str, Entry]:
    """Return the settings that can be changed while the node runs."""
    known = entries()
    return {path: known[path] for path in CHANGEABLE}


def with_value(settings: Settings, path: str, value: object) -> Settings:
    """Return settings with another value.

    Raises:
        ValueError: It can't stand beside the others.
    """
    section, _, name = path.partition(".")
    part = msgspec.structs.replace(getattr(settings, section), **{name: value})
    changed = msgspec.structs.replace(settings, **{section: part})
    wrong = rules.contradiction(changed)
    if wrong is not None:
        raise ValueError(wrong[1])
    return changed


def value_of(settings: Settings, path: str) -> object:
    """Return the value of a setting as JSON has it."""
    section, _, name = path.partition(".")
    found = msgspec.to_builtins(getattr(getattr(settings, section), name))
    return sorted(found) if isinstance(found, list | set | frozenset) else found
