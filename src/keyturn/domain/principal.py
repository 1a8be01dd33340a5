"""Who asks for a change, and how far they reach. The result of authentication in the management API."""

import msgspec

from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.domain.roles import Person, Role

OPERATOR, SCHEDULER = "operator", "scheduler"
ALERTS = "alerts"
"""What slows down or freezes a key that is used as it never was."""
NOBODY = "nobody"
"""The account within reach of whoever asks without a key, where none is needed: there is no such account."""


class Principal(msgspec.Struct, frozen=True):
    """Whoever was let in.

    The operator at the control socket and the scheduler reach everything. A key with ``admin`` reaches the node when it
    belongs to the operator's own account, otherwise its account; any other key reaches its project. A person who has signed
    in reaches their account, or the node where they administer the operator's own; a member only what is their own.
    """

    name: str
    """``operator``, ``scheduler``, ``alerts``, or the identifier of a key or user: the actor in the audit log. Empty: no key was needed."""
    address: str = ""
    request_id: str = ""
    key: KeyRecord | None = None
    person: Person | None = None
    """Whoever has signed in; then there is no ``key``."""

    @property
    def trusted(self) -> bool:
        """Say whether it is this machine's operator, or the program itself: nothing is too much for them."""
        return self.key is None and self.person is None and bool(self.name)

    @property
    def account_id(self) -> str:
        """The only account within reach; empty: all."""
        if self.person is not None:
            return "" if self.person.node_wide else self.person.account_id
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

    @property
    def holder_id(self) -> str:
        """The only user whose personal keys are within reach, and no other keys; empty: all keys."""
        person = self.person
        return person.id if person is not None and person.role is Role.MEMBER else ""

    def reaches(self, account_id: str, project_id: str = "") -> bool:
        """Say whether this account, or this project of it, is within reach."""
        if self.account_id and self.account_id != account_id:
            return False
        return not self.project_id or self.project_id == project_id

    def reaches_user(self, account_id: str, user_id: str) -> bool:
        """Say whether a user of this account is within reach: members know of nobody but themselves."""
        return self.reaches(account_id) and self.holder_id in {"", user_id}

    def reaches_key(self, account_id: str, project_id: str, user_id: str | None) -> bool:
        """Say whether a key of this project is within reach; ``user_id`` is its holder, if it is a personal one."""
        if not self.reaches(account_id, project_id):
            return False
        return not self.holder_id or self.holder_id == user_id
