"""Keeping what was noticed, and telling those whom it concerns."""

import msgspec
import pytest
from structlog.testing import capture_logs

from keyturn import system
from keyturn.domain.events import SEVERITIES, EventKind, Notice, Severity
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.permissions import Permission
from keyturn.domain.principal import OPERATOR, Principal
from keyturn.services.events import Events
from keyturn.store import keys
from keyturn.store.engine import Store
from keyturn.store.events import EventFilter, StoredEvent

BY = Principal(OPERATOR)
EVERY = EventFilter()


@pytest.fixture
def events(furnished: Store) -> Events:
    """The use cases."""
    return Events(furnished)


async def first_key(furnished: Store) -> str:
    """Return the identifier of the key ``default``."""
    async with furnished.reading() as connection:
        found = await keys.named(connection, "default")
    return found[0].id


async def kept(events: Events, wanted: EventFilter = EVERY, *, reach: Principal = BY) -> list[StoredEvent]:
    """Return what a list gives."""
    page, _ = await events.page(wanted, reach=reach, cursor=None, limit=100)
    return page


async def test_a_notice_is_kept_with_whose_key_it_is(events: Events, furnished: Store) -> None:
    """A worker knows the key; who has to be told is known here."""
    key_id = await first_key(furnished)
    details = {"url": "https://example.com"}

    await events.noticed([Notice(EventKind.LEAK_REPORTED, 1790.5, key_id, "203.0.113.7", "req_1", details)])

    (event,) = await kept(events)
    assert (event.kind, event.severity, event.at) == ("key.leak.reported", "critical", 1_790_500)
    assert (event.key_id, event.address, event.request_id) == (key_id, "203.0.113.7", "req_1")
    assert event.account_id.startswith("acct_")
    assert event.project_id.startswith("proj_")
    assert msgspec.json.decode(event.details) == details


async def test_a_notice_of_an_unknown_key_or_of_none_is_kept_too(events: Events) -> None:
    """Guessing concerns no key; a key that vanished meanwhile must not lose the rest of the batch."""
    notices = [Notice(EventKind.GUESSING, 1.0), Notice(EventKind.DEAD_KEY_USED, 2.0, "key_nobody")]

    await events.noticed(notices)
    await events.noticed([])

    found = {(event.kind, event.key_id, event.account_id) for event in await kept(events)}
    assert found == {
        ("key.used_after_end", "key_nobody", ""),
        ("keys.guessing", "", ""),
    }


async def test_a_credential_in_the_details_is_cut_out_of_the_store_and_the_log(events: Events) -> None:
    """A URL that is quoted as the place of a leak may hold the key itself."""
    secret = system.new_key(Kind.SECRET).reveal()
    notice = Notice(EventKind.LEAK_REPORTED, 1.0, details={"url": f"https://h/?x={secret}"})

    with capture_logs() as logs:
        await events.noticed([notice])

    (event,) = await kept(events)
    assert secret not in repr(event)
    assert secret not in repr(logs)


@pytest.mark.parametrize("kind", EventKind)
async def test_the_log_says_how_grave_it_is(events: Events, kind: EventKind) -> None:
    """Alarms are built on levels."""
    with capture_logs() as logs:
        await events.noticed([Notice(kind, 1.0, "key_nobody")])

    expected = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}
    (line,) = logs
    assert (line["event"], line["log_level"]) == (kind.value, expected[SEVERITIES[kind]])
    assert line["key_id"] == "key_nobody"


async def test_a_list_is_filtered(events: Events, furnished: Store) -> None:
    """By what people look for: what it was, how grave, which key, since when."""
    key_id = await first_key(furnished)
    await events.noticed([Notice(EventKind.KEY_IN_URL, 10.0, key_id), Notice(EventKind.DECOY_USED, 20.0)])

    filters = [
        EventFilter(kind="key.seen_in_url"),
        EventFilter(severity="critical"),
        EventFilter(key=key_id),
        EventFilter(key="default"),
        EventFilter(since_ms=15_000),
        EventFilter(key="nobody"),
    ]
    found = [[event.kind for event in await kept(events, wanted)] for wanted in filters]

    url, decoy = ["key.seen_in_url"], ["key.decoy_used"]
    assert found == [url, decoy, url, url, decoy, []]


async def test_a_list_goes_on_where_the_page_before_ended(events: Events) -> None:
    """Newest first, none twice, none left out."""
    for at in range(5):
        await events.noticed([Notice(EventKind.GUESSING, float(at))])

    seen: list[int] = []
    cursor = None
    for _ in range(3):
        page, cursor = await events.page(EVERY, reach=BY, cursor=cursor, limit=2)
        seen += [event.at // 1000 for event in page]

    assert sorted(seen, reverse=True) == [4, 3, 2, 1, 0]
    assert cursor is None


async def test_a_key_sees_its_own_project_only(events: Events, furnished: Store) -> None:
    """Who uses which key from where is nobody else's business."""
    key_id = await first_key(furnished)
    await events.noticed([Notice(EventKind.KEY_IN_URL, 1.0, key_id), Notice(EventKind.GUESSING, 2.0)])
    own = (await kept(events, EventFilter(key=key_id)))[0]
    write = KeyRecord("key_w", "w", Kind.SECRET, frozenset({Permission.WRITE}))
    inside = msgspec.structs.replace(write, account_id=own.account_id, project_id=own.project_id)
    outside = msgspec.structs.replace(write, account_id="acct_other", project_id="proj_other")

    seen_inside = await kept(events, reach=Principal("key_w", key=inside))
    seen_outside = await kept(events, reach=Principal("key_w", key=outside))

    assert [event.kind for event in seen_inside] == ["key.seen_in_url"]
    assert seen_outside == []
