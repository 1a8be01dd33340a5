"""Who asks for a change, and how far they reach. The result of authentication in the management API."""

import msgspec

from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission

OPERATOR, SCHEDULER = "operator", "scheduler"
ALERTS = "alerts"
"""What slows down or freezes a key that is used as it never was."""
NOBODY = "nobody"
"""The account within reach of whoever asks without a key, where none is needed: there is no such account."""


class Principal(msgspec.Struct, frozen=True):
    """Whoever was let in.

    The operator at the control socket and the scheduler reach everything. A key with ``admin`` reaches the node when it
    belongs to the operator's own account, otherwise its account; any other key reaches its project.
    """

    name: str
    """``operator``, ``scheduler``, ``alerts``, or the identifier of a key: the actor in the audit log. Empty: no key was needed."""
    address: str = ""
    request_id: str = ""
    key: KeyRecord | None = None

    @property
    def account_id(self) -> str:
        """The only account within reach; empty: all."""
        key = self.key
        if key is None:
            return "" if self.name else NOBODY
        if key.node_wide and Permission.ADMIN in key.permissions:
            return ""
        return key.account_id

    @property
    def project_id(self) -> str:
        """The only project within reach; empty: all of ``account_id``."""
        if self.key is None or Permission.ADMIN in self.key.permissions:
            return ""
        return self.key.project_id

    def reaches(self, account_id: str, project_id: str = "") -> bool:
        """Say whether this account, or this project of it, is within reach."""
        if self.account_id and self.account_id != account_id:
            return False
        return not self.project_id or self.project_id == project_id
