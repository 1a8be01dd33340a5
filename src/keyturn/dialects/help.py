"""What errors say beyond themselves: whom to ask, and where to get more."""

import msgspec

from keyturn.domain.refusals import Reason, Refused

UPGRADABLE = frozenset({Reason.RATE_LIMIT_EXCEEDED, Reason.QUOTA_EXCEEDED, Reason.INSUFFICIENT_CREDITS})
"""Refusals that a larger plan, or more credit, does away with."""


class Help(msgspec.Struct, frozen=True):
    """What the operator has set for dialects that have a place for it; what is empty is left out.

    Attributes:
        contact: Whom to ask.
        upgrade_url: Where more can be had.
    """

    contact: str = ""
    upgrade_url: str = ""

    def members(self, refused: Refused) -> dict[str, str]:
        """Return what belongs to a refusal."""
        found = {"support": self.contact} if self.contact else {}
        if self.upgrade_url and refused.reason in UPGRADABLE:
            found["upgrade_url"] = self.upgrade_url
        return found


NO_HELP = Help()
