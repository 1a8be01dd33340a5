"""The second factor: codes of an app, and recovery codes for when the app is gone."""

import hashlib
import re

import msgspec

from keyturn import system
from keyturn.domain import redeem_codes
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services import totp
from keyturn.services.audit import Facts, note
from keyturn.services.sessions import Visitor
from keyturn.services.throttle import Throttle
from keyturn.store import logins, recovery_codes
from keyturn.store.engine import Store
from keyturn.store.vault import Vault, VaultError

RECOVERY_CODES, FEW = 10, 3
WRONG_CODE = "The code is wrong, was used before, or its time is over; wait for the next one"
_PREFIX = re.compile(f"{redeem_codes.PREFIX}-")
_LONGEST_CODE = 64


class Enrolment(msgspec.Struct, frozen=True):
    """What an app needs."""

    seed: Secret
    address: Secret
    """Of the form ``otpauth://``, for a QR code."""


class SecondFactors:
    """The use cases."""

    def __init__(self, store: Store, vault: Vault, throttle: Throttle) -> None:
        self._store = store
        self._vault = vault
        self._throttle = throttle

    async def codes_left(self, visitor: Visitor) -> int:
        """Return how many recovery codes the visitor has."""
        async with self._store.reading() as connection:
            return await recovery_codes.left(connection, visitor.person.id)

    async def begin(self, visitor: Visitor) -> Refused | None:
        """Make a seed for the visitor's app; nothing is asked for until a code of it was right."""
        seed = totp.write_seed(system.random_bytes(totp.SEED_LENGTH))
        async with self._store.writing() as connection:
            login = await logins.get(connection, visitor.person.id)
            if login is None or login.totp_confirmed_at is not None:
                return Refused(Reason.CONFLICT, "Codes are asked for already; turn that off first")
            sealed = self._vault.seal(_owner(visitor.person.id), Secret(seed))
            await logins.change(connection, visitor.person.id, {"totp_sealed": sealed, "totp_step": 0})
        return None

    async def enrolment(self, visitor: Visitor) -> Enrolment | None:
        """Return what the app needs, between the beginning and the first code."""
        async with self._store.reading() as connection:
            login = await logins.get(connection, visitor.person.id)
        if login is None or login.totp_sealed is None or login.totp_confirmed_at is not None:
            return None
        seed = self._vault.unseal(_owner(visitor.person.id), login.totp_sealed)
        return Enrolment(seed, Secret(totp.address(seed.reveal(), visitor.signed_in.email)))

    async def confirm(self, visitor: Visitor, code: str) -> list[Secret] | Refused:
        """Ask for codes from now on, if this one is right; return the recovery codes, which nobody sees again."""
        who = _guesses(visitor.person.id)
        refused = await self._throttle.attempt(who, visitor.principal.address)
        if refused is not None:
            return refused
        now_ms, user_id = system.now_ms(), visitor.person.id
        codes = _new_codes()
        async with self._store.writing() as connection:
            login = await logins.get(connection, user_id)
            if login is None or login.totp_sealed is None or login.totp_confirmed_at is not None:
                return Refused(Reason.CONFLICT, "Nothing waits for a code; begin again")
            seed = self._vault.unseal(_owner(user_id), login.totp_sealed).reveal()
            step = totp.matching_step(seed, _plain(code), system.now())
            if step is None:
                return Refused(Reason.INVALID_MEMBER, WRONG_CODE, "code")
            await logins.change(connection, user_id, {"totp_confirmed_at": now_ms, "totp_step": step})
            hashes = [_hash(user_id, one.reveal()) for one in codes]
            await recovery_codes.replace(connection, user_id, hashes, now_ms=now_ms)
            await note(connection, visitor.principal, "user.second_factor_on", user_id)
        await self._throttle.right(who, visitor.principal.address)
        return codes

    async def turn_off(self, visitor: Visitor) -> None:
        """Ask for codes no more."""
        async with self._store.writing() as connection:
            await logins.change(connection, visitor.person.id, logins.NO_APP)
            await recovery_codes.replace(connection, visitor.person.id, [], now_ms=system.now_ms())
            await note(connection, visitor.principal, "user.second_factor_off", visitor.person.id)

    async def renew_codes(self, visitor: Visitor) -> list[Secret] | Refused:
        """Make new recovery codes; those before work no more."""
        codes, user_id = _new_codes(), visitor.person.id
        async with self._store.writing() as connection:
            login = await logins.get(connection, user_id)
            if login is None or login.totp_confirmed_at is None:
                return Refused(
                    Reason.CONFLICT, "Recovery codes stand in for an app's codes; set those up first"
                )
            hashes = [_hash(user_id, one.reveal()) for one in codes]
            await recovery_codes.replace(connection, user_id, hashes, now_ms=system.now_ms())
            await note(connection, visitor.principal, "user.renew_recovery_codes", user_id)
        return codes

    async def judge(self, user_id: str, code: str, *, address: str) -> int | Refused:
        """Use a code of somebody's app, or a recovery code, up.

        Args:
            user_id: Whose. Attempts are counted by it, apart from those with passwords: who knows the password would begin
                anew with each sign-in.
            code: As it was typed.
            address: Where it comes from.

        Returns:
            How many recovery codes are left after one of them was used; -1 after a code of the app.
        """
        refused = await self._throttle.attempt(_guesses(user_id), address)
        if refused is not None:
            return refused
        left = await self._use(user_id, code[:_LONGEST_CODE], address)
        if left is None:
            return Refused(Reason.INVALID_MEMBER, WRONG_CODE, "code")
        await self._throttle.right(_guesses(user_id), address)
        return left

    async def _use(self, user_id: str, code: str, address: str) -> int | None:
        recovery = _normal(code)
        async with self._store.writing() as connection:
            login = await logins.get(connection, user_id)
            if login is None or login.totp_sealed is None or login.totp_confirmed_at is None:
                return None
            if recovery is not None:
                code_hash = _hash(user_id, recovery)
                if not await recovery_codes.use(connection, user_id, code_hash, now_ms=system.now_ms()):
                    return None
                left = await recovery_codes.left(connection, user_id)
                told: Facts = {"left": left}
                await note(
                    connection, Principal(user_id, address), "user.use_recovery_code", user_id, after=told
                )
                return left
            try:
                seed = self._vault.unseal(_owner(user_id), login.totp_sealed).reveal()
            except VaultError:
                return None
            step = totp.matching_step(seed, _plain(code), system.now(), after=login.totp_step)
            if step is None:
                return None
            await logins.change(connection, user_id, {"totp_step": step})
        return -1


def _new_codes() -> list[Secret]:
    return [Secret(_PREFIX.sub("", system.new_code().reveal(), count=1)) for _ in range(RECOVERY_CODES)]


def _normal(typed: str) -> str | None:
    return redeem_codes.normal(f"{redeem_codes.PREFIX}-{typed}")


def _plain(code: str) -> str:
    return "".join(code.split())


def _hash(user_id: str, code: str) -> bytes:
    """Return what is kept of a recovery code: it has 100 bits, so nothing slow is needed."""
    return hashlib.sha256(f"{user_id} {_normal(code)}".encode()).digest()


def _guesses(user_id: str) -> str:
    """Return what stands for somebody where wrong codes are counted."""
    return f"code:{user_id}"


def _owner(user_id: str) -> str:
    return f"totp:{user_id}"
