"""Forms that make what must not be made twice, such as a secret or credit: sent twice, they make it once.

Such a form carries a number of its own. The first time it is sent, what it came to is noted with the change itself; a
reloaded page, or an impatient second click, leads to what was made. No secret is kept for that.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import msgspec

from keyturn import system
from keyturn.control.dashboard.guard import CSRF_FIELD, Form
from keyturn.control.management import Management
from keyturn.domain.refusals import Reason, Refused
from keyturn.services.idempotency import KeptAnswer
from keyturn.store.engine import BEFORE_CHANGE

NONCE_FIELD = "nonce"
SENT_OTHERWISE = (
    "This form was sent before with something else in it, and that was done. Send it again to do this too"
)
_UNDER_WAY = (
    "This form was sent a moment ago and is being worked on; look whether it is done before you send it again"
)
EARLIER = "This form is of an earlier version of the page: reload it and send it again. Nothing was changed"
_WORDS = {
    Reason.IDEMPOTENCY_KEY_REUSED: SENT_OTHERWISE,
    Reason.IDEMPOTENCY_IN_FLIGHT: _UNDER_WAY,
    Reason.IDEMPOTENCY_KEY_INVALID: EARLIER,
}
_FORGOTTEN = KeptAnswer(408, [], b"")
"""What nothing came of can be tried again."""


class Attempt(msgspec.Struct):
    """A form that is sent, perhaps not for the first time."""

    before: str = ""
    """The identifier of what came of it the first time; empty: it is the first."""
    refused: Refused | None = None
    """The form can't be sent so."""
    made: str = ""
    """To be set: the identifier of what came of it now."""


def in_words(refused: Refused) -> Refused:
    """Return what to say about a form that was sent before; any other refusal as it is."""
    said = _WORDS.get(refused.reason)
    return refused if said is None else Refused(refused.reason, said)


def new_nonce() -> str:
    """Return a number for a form."""
    return system.new_token().reveal()


@asynccontextmanager
async def once(
    management: Management, form: Form, *, caller: str, path: str, made: Callable[[object], str]
) -> AsyncIterator[Attempt]:
    """Let a form do its work the first time it is sent.

    Args:
        management: Remembers.
        form: What was sent.
        caller: Who sends it: a user, or a key.
        path: What is asked for.
        made: Returns the identifier of what a use case made, ``""`` for anything else it keeps.
    """

    def render(result: object) -> KeptAnswer | None:
        found = made(result)
        return KeptAnswer(200, [], found.encode()) if found else None

    stands = BEFORE_CHANGE.get()
    BEFORE_CHANGE.set(None)  # what is asked once more is asked of the change itself, not of the note about it
    fields = {name: values for name, values in sorted(form.fields.items()) if name != CSRF_FIELD}
    begun = await management.idempotency.begin(
        form.text(NONCE_FIELD),
        caller=caller,
        path=path,
        request=urlencode(fields, doseq=True).encode(),
        render=render,
    )
    if isinstance(begun, Refused):
        yield Attempt(refused=begun)
        return
    if isinstance(begun, KeptAnswer):
        yield Attempt(before=begun.body.decode())
        return
    BEFORE_CHANGE.set(stands)
    attempt, answer = Attempt(), KeptAnswer(500, [], b"")
    try:
        yield attempt
        answer = KeptAnswer(200, [], attempt.made.encode()) if attempt.made else _FORGOTTEN
    finally:
        BEFORE_CHANGE.set(None)
        await management.idempotency.finish(begun, answer)
