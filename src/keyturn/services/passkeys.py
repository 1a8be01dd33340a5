"""Passkeys: key pairs that browsers and phones keep, which sign a challenge once somebody has unlocked them.

A challenge is made of a ticket: it is bound to the visitor, works for some minutes, and once. Whoever keeps the pair has
checked who its user is (a finger, a PIN): a passkey is both factors at once.

Source: https://www.w3.org/TR/webauthn-3/
"""

import hashlib
import ipaddress

import msgspec
import webauthn
from cryptography.exceptions import UnsupportedAlgorithm
from sqlalchemy.ext.asyncio import AsyncConnection
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from keyturn import system
from keyturn.domain import labels
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.audit import Facts, note
from keyturn.services.sessions import Visitor
from keyturn.services.tickets import Ticket, Tickets
from keyturn.store import identities, logins, passkeys, users
from keyturn.store.engine import Store
from keyturn.store.passkeys import StoredPasskey

ADD, SIGN_IN = "add a passkey", "sign in with a passkey"
CHALLENGE_MS = 5 * 60_000
MOST = 20
"""Of one user."""
NAME = "Keyturn"
NOT_ACCEPTED = "The passkey was not accepted; try again, or sign in another way"
_LONGEST = 20_000
"""Characters of what a browser sends."""


class Place(msgspec.Struct, frozen=True):
    """Where the page stands that the browser shows."""

    origin: str
    """Scheme, host and port."""
    host: str
    """What passkeys belong to."""

    @property
    def takes_passkeys(self) -> bool:
        """Say whether browsers make passkeys there: at a name, over TLS or on this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        return self.origin.startswith("https://") and not _is_address(self.host)


UNREADABLE = (
    WebAuthnException,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    LookupError,
    RecursionError,
)
"""What the library raises for answers that no browser gives."""


class Asked(msgspec.Struct, frozen=True):
    """What a browser is asked for."""

    options: str
    """JSON, for ``navigator.credentials``."""
    ticket: Secret
    """Comes back with the answer."""


class Answered(msgspec.Struct, frozen=True):
    """What a browser gave."""

    credential: str
    """JSON, from ``navigator.credentials``."""
    ticket: str
    holder: str
    """What the visitor's forms carry."""
    place: Place


class Passkeys:
    """The use cases."""

    def __init__(self, store: Store, tickets: Tickets) -> None:
        self._store = store
        self._tickets = tickets

    async def each(self, visitor: Visitor) -> list[StoredPasskey]:
        """Return the visitor's passkeys, the oldest first."""
        async with self._store.reading() as connection:
            return await passkeys.of_user(connection, visitor.person.id)

    async def ask_to_add(self, visitor: Visitor, place: Place) -> Asked:
        """Return what the browser needs to make a passkey."""
        ticket, text = self._tickets.issue(ADD, visitor.signed_in.session.csrf, for_ms=CHALLENGE_MS)
        options = webauthn.generate_registration_options(
            rp_id=place.host,
            rp_name=NAME,
            user_id=visitor.person.id.encode(),
            user_name=visitor.signed_in.email,
            user_display_name=visitor.signed_in.name,
            challenge=_challenge(ticket),
            timeout=CHALLENGE_MS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(one.id) for one in await self.each(visitor)],
        )
        return Asked(webauthn.options_to_json(options), text)

    async def add(self, visitor: Visitor, name: str, answered: Answered) -> Refused | None:
        """Keep a passkey that the browser has made."""
        refused = labels.problem_with_name(name)
        if refused is not None:
            return refused
        ticket = self._tickets.read(answered.ticket, ADD, answered.holder)
        if ticket is None or len(answered.credential) > _LONGEST:
            return _not_accepted()
        try:
            verified = webauthn.verify_registration_response(
                credential=answered.credential,
                expected_challenge=_challenge(ticket),
                expected_rp_id=answered.place.host,
                expected_origin=answered.place.origin,
                require_user_verification=True,
            )
        except UNREADABLE:
            return _not_accepted()
        if not self._tickets.spend(ticket):
            return _not_accepted()
        made = StoredPasskey(
            verified.credential_id,
            visitor.person.id,
            name,
            verified.credential_public_key,
            verified.sign_count,
            system.now_ms(),
        )
        async with self._store.writing() as connection:
            if await passkeys.get(connection, made.id) is not None:
                return Refused(Reason.CONFLICT, "This passkey is known already")
            if len(await passkeys.of_user(connection, visitor.person.id)) >= MOST:
                return Refused(Reason.CONFLICT, f"You have {MOST} passkeys; remove one first")
            await passkeys.add(connection, made)
            told: Facts = {"name": name}
            await note(connection, visitor.principal, "passkey.add", visitor.person.id, after=told)
        return None

    async def rename(self, visitor: Visitor, passkey_id: str, name: str) -> Refused | None:
        """Give one of the visitor's passkeys another name."""
        refused = labels.problem_with_name(name)
        if refused is not None:
            return refused
        async with self._store.writing() as connection:
            found = await passkeys.get(connection, _id(passkey_id))
            if found is None or found.user_id != visitor.person.id:
                return Refused(Reason.RESOURCE_NOT_FOUND, "You have no such passkey")
            await passkeys.change(connection, found.id, {"name": name})
            before: Facts = {"name": found.name}
            after: Facts = {"name": name}
            await note(
                connection, visitor.principal, "passkey.edit", found.user_id, before=before, after=after
            )
        return None

    async def remove(self, visitor: Visitor, passkey_id: str) -> Refused | None:
        """Take one of the visitor's passkeys away: it opens nothing any more."""
        async with self._store.writing() as connection:
            found = await passkeys.get(connection, _id(passkey_id))
            if found is None or found.user_id != visitor.person.id:
                return Refused(Reason.RESOURCE_NOT_FOUND, "You have no such passkey")
            if await _is_last_way_in(connection, found):
                return Refused(Reason.CONFLICT, "Set a password first: you could not sign in any more")
            await passkeys.remove(connection, found.id)
            before: Facts = {"name": found.name}
            await note(connection, visitor.principal, "passkey.remove", found.user_id, before=before)
        return None

    def ask_to_sign_in(self, holder: str, place: Place) -> Asked:
        """Return what the browser needs to sign a challenge; which passkey it takes is up to its user."""
        ticket, text = self._tickets.issue(SIGN_IN, holder, for_ms=CHALLENGE_MS)
        options = webauthn.generate_authentication_options(
            rp_id=place.host,
            challenge=_challenge(ticket),
            timeout=CHALLENGE_MS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return Asked(webauthn.options_to_json(options), text)

    async def sign_in(self, answered: Answered, *, address: str) -> str | Refused:
        """Return who has signed the challenge with a passkey of theirs."""
        ticket = self._tickets.read(answered.ticket, SIGN_IN, answered.holder)
        if ticket is None or len(answered.credential) > _LONGEST:
            return _not_accepted()
        async with self._store.reading() as connection:
            found = await passkeys.get(connection, _id_in(answered.credential))
            user = found and await users.get(connection, found.user_id)
        if found is None or not user or user.suspended_at is not None:
            return _not_accepted()
        try:
            verified = webauthn.verify_authentication_response(
                credential=answered.credential,
                expected_challenge=_challenge(ticket),
                expected_rp_id=answered.place.host,
                expected_origin=answered.place.origin,
                credential_public_key=found.public_key,
                credential_current_sign_count=found.sign_count,
                require_user_verification=True,
            )
        except UNREADABLE as error:
            return await self._noted(found, address, str(error))
        if not self._tickets.spend(ticket):
            return _not_accepted()
        now_ms = system.now_ms()
        async with self._store.writing() as connection:
            if await passkeys.get(connection, found.id) is None:  # taken away while it was looked at
                return _not_accepted()
            values: dict[str, object] = {"sign_count": verified.new_sign_count, "last_used_at": now_ms}
            await passkeys.change(connection, found.id, values)
            await logins.change(connection, found.user_id, {"last_sign_in_at": now_ms})
        return found.user_id

    async def _noted(self, passkey: StoredPasskey, address: str, why: str) -> Refused:
        """Write down that a known passkey was refused: somebody may have copied it."""
        told: Facts = {"name": passkey.name, "why": why[:200]}
        async with self._store.writing() as connection:
            by = Principal(passkey.user_id, address)
            await note(connection, by, "passkey.refused", passkey.user_id, after=told)
        return _not_accepted()


def text_of(passkey_id: bytes) -> str:
    """Return what names a passkey in a path."""
    return bytes_to_base64url(passkey_id)


async def _is_last_way_in(connection: AsyncConnection, passkey: StoredPasskey) -> bool:
    login = await logins.get(connection, passkey.user_id)
    if login is not None and login.password_hash:
        return False
    others = await passkeys.of_user(connection, passkey.user_id)
    return len(others) == 1 and not await identities.of_user(connection, passkey.user_id)


def _id(text: str) -> bytes:
    try:
        return base64url_to_bytes(text)
    except ValueError:
        return b""


def _id_in(credential: str) -> bytes:
    try:
        return _id(msgspec.json.decode(credential, type=_Named).id)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return b""


class _Named(msgspec.Struct):
    id: str


def _challenge(ticket: Ticket) -> bytes:
    return hashlib.sha256(b"challenge " + ticket.id).digest()


def _not_accepted() -> Refused:
    return Refused(Reason.INVALID_MEMBER, NOT_ACCEPTED, "passkey")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
