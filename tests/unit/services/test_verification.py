"""Whose key is this, and what may it do."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import select, update

from keyturn import system
from keyturn.domain import key_text
from keyturn.domain.events import EventKind, Notice
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason
from keyturn.domain.secret import Secret
from keyturn.services.key_terms import NewKey
from keyturn.services.keys import Issued, Keys
from keyturn.services.lookup import Lookup
from keyturn.services.verification import Question, Verdict, Verification
from keyturn.store import tables
from keyturn.store.engine import Store
from keyturn.store.key_lookup import KeyLookup
from keyturn.store.usage_tables import rollups as rollups_table

BY = Principal(OPERATOR)
UNKNOWN = Secret("sk-" + "A" * 26 + key_text.checksum("A" * 26))
MISTYPED = Secret("sk-" + "A" * 26 + key_text.checksum("B" * 26))


class Heard:
    """What the use case has told."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.first_uses: list[str] = []

    async def noticed(self, notices: list[Notice]) -> None:
        """Take notices."""
        self.notices += notices

    async def first_used(self, secret_id: str) -> None:
        """Take a first use."""
        self.first_uses.append(secret_id)


@pytest.fixture
def heard() -> Heard:
    """Who is told."""
    return Heard()


@pytest.fixture
def verification(furnished: Store, lookup: Lookup, key_lookup: KeyLookup, heard: Heard) -> Verification:
    """The use case."""
    return Verification(
        furnished,
        look=lookup.by_digest,
        labels=key_lookup.labels,
        first_used=heard.first_used,
        noticed=heard.noticed,
    )


async def issue(keys: Keys, **members: Any) -> Issued:
    """Issue a key."""
    issued = await keys.create(NewKey(name="app", **members), by=BY)
    assert isinstance(issued, Issued), issued
    return issued


async def ask(verification: Verification, issued: Issued, *, by: Principal = BY, **members: Any) -> Verdict:
    """Verify a key."""
    return await verification.verify(Question(issued.secret, **members), by=by)


def reason(verdict: Verdict) -> Reason | None:
    """Return why a key is not valid."""
    return None if verdict.refused is None else verdict.refused.reason


async def test_a_valid_key_is_told_with_whose_it_is(keys: Keys, verification: Verification) -> None:
    """All that an API needs for its own decision."""
    issued = await issue(keys, tags=("blue",), metadata={"plan": "gold"})

    verdict = await ask(verification, issued, permissions=frozenset({Permission.READ}))

    assert verdict.refused is None
    assert verdict.key is not None
    assert (verdict.key.id, verdict.key.name) == (issued.key.stored.id, "app")
    assert (verdict.key.project_id, verdict.key.account_id) == (
        issued.key.stored.project_id,
        issued.key.account_id,
    )
    assert (verdict.tags, verdict.metadata) == (("blue",), '{"plan":"gold"}')


@pytest.mark.parametrize(
    ("terms", "asked", "expected"),
    [
        ({}, {"permissions": frozenset({Permission.WRITE})}, Reason.INSUFFICIENT_PERMISSIONS),
        ({"models": ("gpt-*",)}, {"model": "o4"}, Reason.MODEL_NOT_ALLOWED),
        ({"models": ("gpt-*",)}, {"model": "gpt-5"}, None),
        ({"models": ("gpt-*",)}, {}, None),
        ({"endpoints": ("/reports/*",)}, {"endpoint": "/orders"}, Reason.ENDPOINT_NOT_ALLOWED),
        ({"endpoints": ("/reports/*",)}, {"endpoint": "/reports/1"}, None),
        ({"endpoints": ("/reports/*",)}, {}, None),
        ({"ip": ("192.0.2.0/24",)}, {"address": "198.51.100.1"}, Reason.IP_NOT_ALLOWED),
        ({"ip": ("192.0.2.0/24",)}, {"address": "192.0.2.1"}, None),
        ({"origins": ("https://a.example",)}, {"origin": "https://b.example"}, Reason.ORIGIN_NOT_ALLOWED),
        ({"origins": ("https://a.example",)}, {"origin": "https://a.example"}, None),
        (
            {"permissions": frozenset({Permission.ADMIN})},
            {"permissions": frozenset({Permission.WRITE})},
            None,
        ),
    ],
)
async def test_what_is_asked_is_checked(
    keys: Keys,
    verification: Verification,
    terms: dict[str, Any],
    asked: dict[str, Any],
    expected: Reason | None,
) -> None:
    """And what is not asked is not."""
    verdict = await ask(verification, await issue(keys, **terms), **asked)

    assert reason(verdict) is expected
    assert verdict.key is not None


@pytest.mark.parametrize("terms", [{"ip": ("192.0.2.0/24",)}, {"origins": ("https://a.example",)}])
async def test_a_key_bound_to_a_place_is_not_valid_when_nobody_says_where_it_came_from(
    keys: Keys, verification: Verification, terms: dict[str, Any]
) -> None:
    """Whoever forgets to pass the address on must not open the door to everybody."""
    verdict = await ask(verification, await issue(keys, **terms))

    assert reason(verdict) in {Reason.IP_NOT_ALLOWED, Reason.ORIGIN_NOT_ALLOWED}


async def test_who_forgot_to_say_where_it_came_from_is_told_so(
    keys: Keys, verification: Verification
) -> None:
    """Otherwise every customer with such a key is refused, and nobody knows why."""
    verdict = await ask(verification, await issue(keys, ip=("192.0.2.0/24",)))

    assert verdict.refused is not None
    assert verdict.refused.param == "ip"
    assert "say in 'ip'" in verdict.refused.text


async def test_an_unknown_key_and_a_malformed_one(verification: Verification) -> None:
    """The second with a hint, neither with a word of what was sent."""
    unknown = await verification.verify(Question(UNKNOWN), by=BY)
    mistyped = await verification.verify(Question(MISTYPED), by=BY)

    assert reason(unknown) is Reason.UNKNOWN_API_KEY
    assert reason(mistyped) is Reason.MALFORMED_API_KEY
    assert mistyped.refused is not None
    assert "checksum" in mistyped.refused.details["hint"]
    assert unknown.key is mistyped.key is None


@pytest.mark.parametrize(
    "stranger",
    [
        {
            "account_id": "acct_other",
            "project_id": "proj_other",
            "permissions": frozenset({Permission.ADMIN}),
        },
        {"project_id": "proj_other", "permissions": frozenset({Permission.READ})},
    ],
)
async def test_a_key_out_of_reach_is_answered_like_one_that_does_not_exist(
    keys: Keys, verification: Verification, heard: Heard, stranger: dict[str, Any]
) -> None:
    """To find out whose key it is takes more than having it."""
    issued = await issue(keys)
    own = {"account_id": issued.key.account_id, **stranger}
    by = Principal("key_x", key=KeyRecord(id="key_x", name="x", kind=Kind.SECRET, **own))

    verdict = await ask(verification, issued, by=by)

    assert (reason(verdict), verdict.key) == (Reason.UNKNOWN_API_KEY, None)
    assert heard.first_uses == []


async def test_a_dead_key_is_reported_once_an_hour(
    keys: Keys, verification: Verification, heard: Heard
) -> None:
    """Somebody has it who should not, and the log must not drown in it."""
    issued = await issue(keys)
    await keys.revoke(issued.key.stored.id, by=BY)

    verdicts = [await ask(verification, issued, address="192.0.2.9") for _ in range(3)]

    assert {reason(verdict) for verdict in verdicts} == {Reason.REVOKED_API_KEY}
    assert [(one.kind, one.key_id, one.address) for one in heard.notices] == [
        (EventKind.DEAD_KEY_USED, issued.key.stored.id, "192.0.2.9")
    ]


async def test_a_decoy_is_unknown_and_reported(keys: Keys, verification: Verification, heard: Heard) -> None:
    """Whoever found it must not learn that it is one."""
    verdict = await ask(verification, await issue(keys, decoy=True))

    assert (reason(verdict), verdict.key) == (Reason.UNKNOWN_API_KEY, None)
    assert [one.kind for one in heard.notices] == [EventKind.DECOY_USED]


async def test_the_first_use_of_a_new_secret_is_told(
    keys: Keys, verification: Verification, heard: Heard, furnished: Store
) -> None:
    """For a key that is only ever verified, this is where its rotation goes on."""
    issued = await issue(keys)
    async with furnished.writing() as connection:
        await connection.execute(update(tables.secrets).values(activated_at=None))

    await ask(verification, issued, permissions=frozenset({Permission.WRITE}))
    told_before = list(heard.first_uses)
    await ask(verification, issued)

    assert told_before == []
    assert heard.first_uses == [issued.key.secrets[0].id]


async def test_a_verification_is_a_use_and_no_request(
    keys: Keys, verification: Verification, furnished: Store
) -> None:
    """A key that is only ever verified must not be disabled as unused."""
    issued = await issue(keys)
    before = system.now_ms()

    await ask(verification, issued, by=msgspec.structs.replace(BY, address="192.0.2.1"))
    await verification.flush()

    async with furnished.reading() as connection:
        used = (await connection.execute(select(tables.key_usage))).one()
        secret = (
            await connection.execute(
                select(tables.secrets).where(tables.secrets.c.key_id == issued.key.stored.id)
            )
        ).one()
        rollups = (await connection.execute(select(rollups_table))).all()
    assert (used.key_id, used.requests, used.last_address) == (issued.key.stored.id, 0, "192.0.2.1")
    assert before <= used.last_used_at <= system.now_ms()
    assert (secret.last_used_at, secret.last_address) == (used.last_used_at, "192.0.2.1")
    assert rollups == []


async def test_a_secret_in_its_overlap_is_noted_with_where_it_is_still_used(
    keys: Keys, verification: Verification, furnished: Store
) -> None:
    """So that a rotation that is stuck can name who holds it up."""
    issued = await issue(keys)
    async with furnished.writing() as connection:
        await connection.execute(update(tables.secrets).values(expires_at=system.now_ms() + 3_600_000))

    await ask(verification, issued, address="192.0.2.1")
    await verification.flush()

    async with furnished.reading() as connection:
        rows = (await connection.execute(select(tables.retiring_uses))).all()
    assert [(row.secret_id, row.address) for row in rows] == [(issued.key.secrets[0].id, "192.0.2.1")]


async def test_what_can_t_be_stored_now_is_stored_later(
    keys: Keys, verification: Verification, furnished: Store
) -> None:
    """A database that is busy for a while costs nothing that was noted."""
    issued = await issue(keys)
    await ask(verification, issued)
    async with furnished.writing() as connection:
        await connection.exec_driver_sql("ALTER TABLE key_usage RENAME TO elsewhere")

    await verification.flush()
    async with furnished.writing() as connection:
        await connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO key_usage")
    await verification.flush()

    async with furnished.reading() as connection:
        assert len((await connection.execute(select(tables.key_usage))).all()) == 1
