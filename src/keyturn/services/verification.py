"""Say whether somebody's key may do something: for APIs of the operator's own that take Keyturn's keys.

A verification is a use of the key: it starts the overlap of a rotation and keeps the key from being taken for unused.
It is no request: it costs nothing and stands in no report. What was used is noted in batches, because a write for every
verification would take longer than all the rest.

Where a key may be used from, and when, always counts. What it may do counts as far as it is asked: a permission, a
model, an endpoint that is not named is not checked.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from keyturn import system
from keyturn.domain import key_text, verifier
from keyturn.domain.decision import Facts, refused_by_model, refused_by_origin, refused_by_owner
from keyturn.domain.events import Notice
from keyturn.domain.keys import KeyRecord, refused_by_status
from keyturn.domain.permissions import Permission, permits
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.restrictions import allows_name, path_meant
from keyturn.domain.secret import Secret
from keyturn.services.alarms import Alarms, Sighting
from keyturn.store import journals
from keyturn.store.engine import Store

NOTE_EVERY_S = 2.0


class Question(msgspec.Struct, frozen=True):
    """What is asked about a key; empty members are not asked."""

    secret: Secret
    permissions: frozenset[Permission] = frozenset()
    """All of them."""
    model: str = ""
    endpoint: str = ""
    address: str = ""
    """Where the request in question came from."""
    origin: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What is known of the key."""

    refused: Refused | None
    """``None``: it is valid."""
    key: KeyRecord | None = None
    """``None``: there is no such key, or none within reach of whoever asks."""
    tags: tuple[str, ...] = ()
    metadata: str = "{}"
    """A JSON object."""


class Verification:
    """The use case, and what is kept between two batches."""

    def __init__(
        self,
        store: Store,
        *,
        look: Callable[[bytes], Awaitable[KeyRecord | None]],
        labels: Callable[[str], tuple[str, str]],
        first_used: Callable[[str], Awaitable[None]],
        noticed: Callable[[list[Notice]], Awaitable[None]],
    ) -> None:
        """Take in where things are.

        Args:
            store: Takes what was used.
            look: Finds who holds the secret with a digest.
            labels: Returns the tags and the metadata of a key.
            first_used: Told the identifier of a pending secret that was used.
            noticed: Told what somebody should know of.
        """
        self._store = store
        self._look = look
        self._labels = labels
        self._first_used = first_used
        self._alarms = Alarms(noticed)
        self._uses: dict[tuple[str, str, str], int] = {}
        """Key, secret and address → milliseconds since 1970 UTC."""

    async def verify(self, question: Question, *, by: Principal) -> Verdict:
        """Answer; a key out of reach is answered like one that does not exist.

        Args:
            question: What is asked.
            by: Who asks.
        """
        now = system.now()
        text = question.secret.reveal().encode()
        key = await self._look(verifier.digest(text))
        if key is None:
            return Verdict(_unknown(question.secret))
        refused = _judge(key, question, now)
        await self._alarms.raise_for(
            key, refused, now, Sighting(question.address, by.request_id, "verification")
        )
        if key.decoy or not by.reaches_key(key.account_id, key.project_id, key.user_id):
            return Verdict(_unknown(question.secret))
        tags, metadata = self._labels(key.id)
        if refused is None:
            address = question.address or by.address
            self._uses[key.id, key.secret_id, address] = int(now * 1000)
            if key.pending:
                await self._first_used(key.secret_id)
        return Verdict(refused, key, tuple(tags.split()), metadata)

    async def run(self) -> None:
        """Note what was used, for ever."""
        while True:
            await asyncio.sleep(NOTE_EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Note what was used since the last time; what can't be stored is kept for the next."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            async with self._store.writing() as connection:
                rows = [(key, (secret, address, at)) for (key, secret, address), at in uses.items()]
                await journals.note_uses(connection, rows)
        except SQLAlchemyError as error:
            why = str(error).partition("\n")[0]
            structlog.get_logger().error("the use of verified keys can't be stored; trying again", why=why)
            self._uses = uses | self._uses


def _unknown(secret: Secret) -> Refused:
    """Refuse a secret that nobody within reach holds, with a hint where it can't be one; never echoes it."""
    hint = key_text.problem_with(secret.reveal())
    if hint is None:
        return Refused(Reason.UNKNOWN_API_KEY)
    return Refused(Reason.MALFORMED_API_KEY, details={"hint": hint})


def _judge(key: KeyRecord, question: Question, now: float) -> Refused | None:
    facts = Facts(Permission.READ, question.endpoint, question.address, "header", question.origin)
    return (
        refused_by_status(key, now)
        or refused_by_owner(key)
        or refused_without_address(key, question.address)
        or refused_by_origin(key, facts, now)
        or _refused_by_permission(key, question.permissions)
        or _refused_by_endpoint(key, question.endpoint)
        or (refused_by_model(key, question.model) if question.model else None)
    )


def refused_without_address(key: KeyRecord, address: str) -> Refused | None:
    """Refuse to judge a key that is bound to addresses when nobody says where the request came from."""
    if not key.ip or address:
        return None
    message = "This API key may be used from certain addresses only; say in 'ip' where the request comes from"
    details = {"key_id": key.id, "allowed": " ".join(key.ip)}
    return Refused(Reason.IP_NOT_ALLOWED, message, "ip", details)


def _refused_by_permission(key: KeyRecord, wanted: frozenset[Permission]) -> Refused | None:
    missing = sorted(one for one in wanted if not permits(key.permissions, one))
    if not missing:
        return None
    granted = " ".join(sorted(key.permissions))
    details = {"required": " ".join(missing), "granted": granted, "key_id": key.id}
    return Refused(Reason.INSUFFICIENT_PERMISSIONS, details=details)


def _refused_by_endpoint(key: KeyRecord, endpoint: str) -> Refused | None:
    if not endpoint or allows_name(key.endpoints, path_meant(endpoint)):
        return None
    return Refused(
        Reason.ENDPOINT_NOT_ALLOWED, details={"key_id": key.id, "endpoints": " ".join(key.endpoints)}
    )
