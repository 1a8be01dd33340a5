"""Codes that are worth credit: made in lots and shown once, redeemed once by each account.

What is kept of a code is its SHA-256: with 100 random bits there is nothing to guess and nothing to look up.
"""

import hashlib

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from keyturn import system
from keyturn.domain import redeem_codes
from keyturn.domain.ledger import GrantSource, Posting
from keyturn.domain.money import LARGEST_USD, NANO_PER_USD, format_usd
from keyturn.domain.principal import Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.domain.secret import Secret
from keyturn.services.audit import Facts, note
from keyturn.services.counters import Counters
from keyturn.services.credit import NOTE_LENGTH, AccountCredit, account_of, credit_of
from keyturn.services.granting import give
from keyturn.services.idempotency import keep
from keyturn.store import credit
from keyturn.store.credit import StoredCode
from keyturn.store.engine import Store

MOST_CODES, MOST_USES, LONGEST_DAYS = 1_000, 1_000_000, 3_650
DAY_MS = 86_400_000
_SHOWN = len(redeem_codes.PREFIX) + 1 + redeem_codes.GROUP


class NewCodes(msgspec.Struct, frozen=True):
    """A lot of codes.

    Attributes:
        amount: What each is worth, in nano-dollars.
        count: How many.
        expires_at: Until when they can be redeemed, in milliseconds since 1970 UTC; ``None``: for ever.
        credit_days: How long their credit lasts; ``None``: until it is used.
        max_uses: By how many accounts each can be redeemed.
        note: What they are for.
    """

    amount: int
    count: int = 1
    expires_at: int | None = None
    credit_days: int | None = None
    max_uses: int = 1
    note: str = ""


class MadeCodes(msgspec.Struct, frozen=True):
    """Codes that were just made: what nobody can show again."""

    codes: list[Secret]
    stored: list[StoredCode]


class Codes:
    """The use cases."""

    def __init__(self, store: Store, counters: Counters) -> None:
        self._store = store
        self._counters = counters

    async def create(self, new: NewCodes, *, by: Principal) -> MadeCodes | Refused:
        """Make a lot of codes."""
        now_ms = system.now_ms()
        refused = _problem_with(new, now_ms)
        if refused is not None:
            return refused
        codes = [system.new_code() for _ in range(new.count)]
        stored = [_stored(one, new, now_ms) for one in codes]
        made = MadeCodes(codes, stored)
        async with self._store.writing() as connection:
            await credit.add_codes(connection, stored)
            after: Facts = {
                "count": new.count,
                "amount_usd": format_usd(new.amount),
                "max_uses": new.max_uses,
                "codes": [one.display for one in stored[:10]],
                "note": new.note,
            }
            await note(connection, by, "code.create", "", after=after)
            await keep(connection, made)
        return made

    async def page(
        self, *, cursor: tuple[int, bytes] | None, limit: int
    ) -> tuple[list[StoredCode], tuple[int, bytes] | None]:
        """Return codes without their text, newest first, and where the next page begins, if there is one."""
        async with self._store.reading() as connection:
            found = await credit.code_page(connection, before=cursor, limit=limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        return found[:limit], None if last is None else (last.created_at, last.hash)

    async def redeem(self, typed: str, named: str | None, *, by: Principal) -> AccountCredit | Refused:
        """Turn a code into credit of an account; each account can do so once with each code."""
        nothing = Refused(Reason.RESOURCE_NOT_FOUND, "There is no such code, or its time is over", "code")
        text = redeem_codes.normal(typed)
        if text is None:
            return nothing
        hashed = hashlib.sha256(text.encode()).digest()
        async with self._store.reading() as connection:
            if await credit.code(connection, hashed) is None:
                return nothing  # guesses must not queue up before those who change something
        async with self._store.writing() as connection:
            account = await account_of(connection, named, by)
            code = await credit.code(connection, hashed)
            if isinstance(account, Refused):
                return account
            now_ms = system.now_ms()
            if code is None or (code.expires_at is not None and code.expires_at <= now_ms):
                return nothing
            refused = await _problem_with_use(connection, code, account.id)
            if refused is not None:
                return refused
            ends = None if code.credit_days is None else now_ms + code.credit_days * DAY_MS
            posting = Posting(now_ms, by.name, code.note or "Code redeemed")
            given = await give(
                connection, account.id, GrantSource.CODE, code.amount, posting, expires_at=ends
            )
            await credit.redeem(connection, hashed, given)
            after: Facts = {"code": code.display, "grant": given.id, "amount_usd": format_usd(code.amount)}
            await note(connection, by, "credit.redeem", account.id, after=after)
            left = await credit_of(connection, account)
        await self._counters.reload(account.id)
        return left


async def _problem_with_use(connection: AsyncConnection, code: StoredCode, account_id: str) -> Refused | None:
    if await credit.redeemed(connection, code.hash, account_id):
        return Refused(Reason.CONFLICT, "This account has redeemed this code", "code")
    if code.uses >= code.max_uses:
        return Refused(Reason.CONFLICT, "This code has been redeemed as often as it can be", "code")
    return None


def _problem_with(new: NewCodes, now_ms: int) -> Refused | None:
    ranges = (
        ("amount_usd", new.amount, LARGEST_USD * NANO_PER_USD),
        ("count", new.count, MOST_CODES),
        ("max_uses", new.max_uses, MOST_USES),
        ("credit_days", new.credit_days, LONGEST_DAYS),
    )
    for name, value, most in ranges:
        if value is not None and not 1 <= value <= most:
            return Refused(Reason.INVALID_MEMBER, "The figure is too small or too large", name)
    if new.expires_at is not None and new.expires_at <= now_ms:
        return Refused(Reason.INVALID_MEMBER, "Codes end in the future", "expires_at")
    if len(new.note) > NOTE_LENGTH:
        return Refused(Reason.INVALID_MEMBER, f"A note has at most {NOTE_LENGTH} characters", "note")
    return None


def _stored(code: Secret, new: NewCodes, now_ms: int) -> StoredCode:
    text = redeem_codes.normal(code.reveal()) or ""
    return StoredCode(
        hash=hashlib.sha256(text.encode()).digest(),
        amount=new.amount,
        created_at=now_ms,
        expires_at=new.expires_at,
        credit_days=new.credit_days,
        max_uses=new.max_uses,
        uses=0,
        note=new.note,
        display=f"{code.reveal()[:_SHOWN]}…",
    )
