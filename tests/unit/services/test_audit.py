"""Writing the audit log, and finding out what was done to it, by editing the file as an intruder would."""

import sqlite3
from pathlib import Path

import pytest

from keyturn import system
from keyturn.config.data_directory import DataDirectory
from keyturn.domain.audit import Damage
from keyturn.domain.key_text import Kind
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.domain.refusals import Reason, Refused
from keyturn.services import checkpoints
from keyturn.services.audit import CHECKPOINT_EVERY, REFUSALS_A_MINUTE, REFUSED, Audit, note, verify
from keyturn.services.checkpoints import Checkpoint
from keyturn.services.demo_models import UPSTREAMS
from keyturn.services.models import ModelChange, Models
from keyturn.services.upstreams import Upstreams
from keyturn.store.audit import AuditFilter
from keyturn.store.audit_file import entries_in
from keyturn.store.engine import Store

BY = Principal(OPERATOR, "203.0.113.7", "req_00000000000000000001")
EVERY = AuditFilter()
HOUR_MS = 3_600_000


async def write(store: Store, count: int) -> None:
    """Write entries."""
    async with store.writing() as connection:
        for number in range(count):
            await note(connection, BY, "key.edit", f"key_{number}", before={"name": "a"}, after={"name": "b"})


@pytest.fixture
async def data(store: Store) -> DataDirectory:
    """Six entries in a data directory."""
    found = DataDirectory(store.path.parent)
    found.secrets.mkdir(exist_ok=True)
    await write(store, 6)
    return found


@pytest.fixture
def audit(store: Store, data: DataDirectory) -> Audit:
    """The use cases."""
    return Audit(store, data, entries_in=entries_in)


def edit(path: Path, *statements: str) -> None:
    """Change the database as somebody does who has the file."""
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


async def checkpoint(audit: Audit, at: int = 0) -> Checkpoint:
    """Make a checkpoint that is not refused."""
    made = await audit.checkpoint(at)
    assert isinstance(made, Checkpoint)
    return made


async def test_an_untouched_log_is_intact(audit: Audit, store: Store) -> None:
    """No false alarm."""
    verdict = await audit.verify()

    assert (verdict.problem, verdict.count) == (None, 6)
    assert verify(entries_in(store.path)) == verdict


@pytest.mark.parametrize(
    ("statements", "seq", "damage"),
    [
        (["UPDATE audit SET actor='nobody' WHERE seq=4"], 4, Damage.CHANGED),
        (['UPDATE audit SET after=\'{"name":"c"}\' WHERE seq=4'], 4, Damage.CHANGED),
        (["UPDATE audit SET hash=zeroblob(32) WHERE seq=4"], 4, Damage.CHANGED),
        (["UPDATE audit SET hash='text' WHERE seq=4"], 4, Damage.CHANGED),
        (["UPDATE audit SET previous=zeroblob(32) WHERE seq=4"], 4, Damage.CHANGED),
        (["UPDATE audit SET at='soon' WHERE seq=4"], 4, Damage.CHANGED),
        (["UPDATE audit SET actor=CAST(x'ff' AS TEXT) WHERE seq=4"], 4, Damage.CHANGED),
        (["DELETE FROM audit WHERE seq=4"], 4, Damage.MISSING),
        (["DELETE FROM audit WHERE seq IN (2,3,4)"], 2, Damage.MISSING),
        (["DELETE FROM audit WHERE seq=1"], 1, Damage.MISSING),
        (["DELETE FROM audit WHERE seq=4", "UPDATE audit SET seq=seq-1 WHERE seq>4"], 4, Damage.REORDERED),
        (
            [
                "UPDATE audit SET seq=100 WHERE seq=3",
                "UPDATE audit SET seq=3 WHERE seq=4",
                "UPDATE audit SET seq=4 WHERE seq=100",
            ],
            3,
            Damage.REORDERED,
        ),
    ],
)
async def test_whatever_is_done_to_an_entry_is_seen_at_the_first_that_is_wrong(
    data: DataDirectory, statements: list[str], seq: int, damage: Damage
) -> None:
    """The log is worth what it can prove against somebody who holds the file."""
    edit(data.database, *statements)

    verdict = verify(entries_in(data.database))

    assert verdict.problem is not None
    assert (verdict.problem.seq, verdict.problem.damage) == (seq, damage)
    assert verdict.count == seq - 1


async def test_a_cut_end_is_seen_by_a_checkpoint_and_by_nothing_else(
    audit: Audit, data: DataDirectory
) -> None:
    """What is left of the chain is a good chain: the reason to keep checkpoints elsewhere."""
    seen = await checkpoint(audit)
    edit(data.database, "DELETE FROM audit WHERE seq>4")

    alone, compared = verify(entries_in(data.database)), verify(entries_in(data.database), [seen])

    assert alone.problem is None
    assert compared.problem is not None
    assert (compared.problem.seq, compared.problem.damage) == (5, Damage.CUT_OFF)


async def test_the_node_signs_nothing_more_once_its_last_checkpoint_does_not_fit(
    audit: Audit, data: DataDirectory, store: Store
) -> None:
    """A signature under a log that was cut and written on would vouch for the forgery."""
    await checkpoint(audit)
    edit(data.database, "DELETE FROM audit WHERE seq>4")
    await write(store, 5)

    refused = await audit.checkpoint(0)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.CONFLICT
    assert (await audit.verify()).problem is not None


async def test_a_checkpoint_is_made_every_hour_in_which_something_was_written(
    audit: Audit, store: Store, data: DataDirectory
) -> None:
    """At most an hour of the log can vanish without a trace in the checkpoints."""
    made = []
    for at, more in ((1, 0), (2, 1), (1 + HOUR_MS, 0), (1 + 2 * HOUR_MS, 0)):
        await write(store, more)
        await audit.checkpoint_if_due(at)
        own = checkpoints.newest(data.audit_checkpoints)
        made.append(None if own is None else own.seq)

    assert made == [6, 6, 7, 7]


async def test_a_checkpoint_is_made_every_thousand_entries(
    audit: Audit, store: Store, data: DataDirectory
) -> None:
    """However quickly they come."""
    await audit.checkpoint_if_due(1)
    await write(store, CHECKPOINT_EVERY)

    await audit.checkpoint_if_due(2)

    assert [one.seq for one in checkpoints.read(data.audit_checkpoints.read_bytes().splitlines())] == [
        6,
        1006,
    ]


async def test_an_entry_is_there_exactly_if_the_change_is(store: Store, audit: Audit) -> None:
    """A change without an entry, or an entry of something that never happened: both are lies."""

    async def fail_after_the_entry() -> None:
        async with store.writing() as connection:
            await note(connection, BY, "key.edit", "key_x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after_the_entry()

    page, _ = await audit.page(EVERY, cursor=None, limit=1)

    assert page[0].seq == 6


async def test_credentials_do_not_get_into_an_entry(store: Store, audit: Audit) -> None:
    """People paste keys into names; from a chain of hashes nobody could take them out again."""
    secret = system.new_key(Kind.SECRET).reveal()
    async with store.writing() as connection:
        await note(
            connection, BY, "key.edit", secret, before={"a": [secret]}, after={"b": {"c": f"x {secret}"}}
        )

    (entry, *_), _ = await audit.page(EVERY, cursor=None, limit=1)

    assert secret not in repr(entry)
    assert entry.after == '{"b":{"c":"x [redacted]"}}'


async def test_a_page_is_filtered_and_goes_on(audit: Audit, store: Store) -> None:
    """A log of a million entries is read a screen at a time."""
    async with store.writing() as connection:
        await note(connection, Principal("key_a"), "key.revoke", "key_3")

    first, cursor = await audit.page(EVERY, cursor=None, limit=4)
    rest, end = await audit.page(EVERY, cursor=cursor, limit=4)
    of_target, _ = await audit.page(AuditFilter(target="key_3"), cursor=None, limit=9)
    by_actor, _ = await audit.page(AuditFilter(actor="key_a", action="key.revoke"), cursor=None, limit=9)
    later, _ = await audit.page(AuditFilter(since_ms=system.now_ms() + HOUR_MS), cursor=None, limit=9)

    assert ([one.seq for one in first], [one.seq for one in rest], end) == ([7, 6, 5, 4], [3, 2, 1], None)
    assert [[one.seq for one in found] for found in (of_target, by_actor, later)] == [[7, 4], [7], []]


async def test_a_flood_of_refused_calls_is_counted_and_not_written_out(
    audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can be refused; it must not fill the disk, and the extent must be known."""
    refused = Refused(Reason.UNKNOWN_API_KEY)
    monkeypatch.setattr(system, "now_ms", lambda: 120_000)
    for _ in range(REFUSALS_A_MINUTE + 12):
        await audit.refused(BY, "GET /api/v1/keys", refused)
    monkeypatch.setattr(system, "now_ms", lambda: 180_000)
    await audit.refused(BY, "GET /api/v1/keys", refused)

    page, _ = await audit.page(AuditFilter(action=REFUSED), cursor=None, limit=100)

    assert len(page) == REFUSALS_A_MINUTE + 2
    assert page[1].after == '{"minute_from":120000,"more":12}'
    assert page[0].after == page[2].after == '{"reason":"unknown_api_key","status":401}'
    assert (page[0].target, page[0].address) == ("GET /api/v1/keys", BY.address)


async def test_models_and_upstreams_leave_entries(
    models: Models, upstreams: Upstreams, furnished: Store
) -> None:
    """Where requests go and what they cost is as much a matter of record as who may make them."""
    await models.add("fast", ModelChange(upstream="demo", upstream_model="demo-chat"), by=BY)
    await models.edit("fast", ModelChange(upstream_model="echo"), by=BY)
    await models.remove("fast", by=BY)
    await upstreams.remove("demo", by=BY)

    entries = list(entries_in(furnished.path))

    assert [(one.actor, one.action, one.target) for one in entries[1:]] == [
        *(("first start", "upstream.add", name) for name in UPSTREAMS),
        ("operator", "model.add", "fast"),
        ("operator", "model.edit", "fast"),
        ("operator", "model.remove", "fast"),
        ("operator", "upstream.remove", "demo"),
    ]
    assert (entries[0].actor, entries[0].action) == ("first start", "node.first_start")
    edited = entries[2 + len(UPSTREAMS)]
    assert '"upstream_model":"demo-chat"' in edited.before
    assert '"upstream_model":"echo"' in edited.after
    assert verify(entries).problem is None


def test_a_file_that_is_not_there_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    """An auditor who mistypes a path must not hear that an empty log is intact."""
    with pytest.raises(FileNotFoundError):
        verify(entries_in(tmp_path / "keyturn.db"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at_once", [1, 3, 6, 100])
async def test_an_export_is_read_in_pieces_and_leaves_out_what_is_written_meanwhile(
    audit: Audit, store: Store, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """A log of years fits into no memory, and an end that moves away is never reached."""
    monkeypatch.setattr("keyturn.services.audit.EXPORTED_AT_ONCE", at_once)

    pieces = []
    async for piece in audit.export(EVERY):
        pieces.append([one.seq for one in piece])
        await write(store, 1)

    assert [seq for piece in pieces for seq in piece] == [6, 5, 4, 3, 2, 1]
    assert max(len(piece) for piece in pieces) == min(at_once, 6)
