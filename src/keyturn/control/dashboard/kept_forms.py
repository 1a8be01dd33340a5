"""Forms of people who first have to sign in, or to show that it is them: kept meanwhile, so that nothing typed is lost.

They are in memory only, and given back to the person who sent them and to nobody else. A form with a secret in it is not
kept at all.
"""

from collections.abc import Mapping, Sequence

import msgspec

from keyturn import system
from keyturn.domain import key_text

KEPT_FIELD = "kept"
KEPT_MS = 15 * 60_000
MOST, MOST_OF_ONE, LONGEST = 500, 4, 32_768
"""How many are kept at once, how many of one person, and how many characters one may have with its address."""
SECRET_FIELDS = frozenset({"password", "current", "code", "credential", "api_key", "pasted", "key", "token"})
_SECRET_LISTS = ("api_keys[",)


class KeptForm(msgspec.Struct, frozen=True):
    """What was sent."""

    user_id: str
    """Who sent it."""
    path: str
    """Where it went, with its query, as addresses are written."""
    fields: dict[str, list[str]]
    until_ms: int
    ours: bool
    """It carried what only our pages know, so that it may be sent without asking once more."""


class KeptForms:
    """Keeps them. One for the life of the process."""

    def __init__(self) -> None:
        self._forms: dict[str, KeptForm] = {}

    def keep(self, user_id: str, path: str, fields: Mapping[str, Sequence[str]], *, ours: bool = True) -> str:
        """Keep a form; return what it is found by, ``""`` if it holds a secret or is too long to keep."""
        now_ms = system.now_ms()
        size = len(path) + sum(len(name) + len(value) for name, values in fields.items() for value in values)
        if holds_secret(fields) or size > LONGEST:
            return ""
        self._forms = {token: form for token, form in self._forms.items() if form.until_ms > now_ms}
        own = [token for token, form in self._forms.items() if form.user_id == user_id]
        if len(own) >= MOST_OF_ONE:
            del self._forms[own[0]]
        elif len(self._forms) >= MOST:
            del self._forms[next(iter(self._forms))]
        token = system.new_token().reveal()
        copied = {name: list(values) for name, values in fields.items()}
        self._forms[token] = KeptForm(user_id, path, copied, now_ms + KEPT_MS, ours)
        return token

    def find(self, token: str, user_id: str) -> KeptForm | None:
        """Return a form, if this person sent it and it is kept still."""
        form = self._forms.get(token)
        if form is None or form.user_id != user_id or form.until_ms <= system.now_ms():
            return None
        return form

    def drop(self, token: str, user_id: str) -> None:
        """Keep a form no longer: it is sent."""
        if self.find(token, user_id) is not None:
            del self._forms[token]


def holds_secret(fields: Mapping[str, Sequence[str]]) -> bool:
    """Say whether something was typed that nobody but its owner may know, also in a field that is not meant for it."""
    return any(
        (any(values) and (name in SECRET_FIELDS or name.startswith(_SECRET_LISTS)))
        or any(map(key_text.secret_in, values))
        for name, values in fields.items()
    )
