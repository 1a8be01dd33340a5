"""Adding up a stretch of a journal."""

import msgspec
import pytest

from fakes.usage_records import KEY, START_MS, admitted, payload, refused, request_id, served
from keyturn.control.tally import BLOCK_LENGTH, Tally, settle
from keyturn.domain import latency
from keyturn.domain.journal import Record, Served
from keyturn.store.journals import Batch
from keyturn.store.requests import STRETCH_WIDTH

MINUTE_US = 60_000_000


def batch(*records: Record) -> Batch:
    """Return what records come to."""
    tally = Tally()
    tally.add([payload(record) for record in records])
    return tally.batch(journal="j", worker="w", position=9, finished=False)


def test_a_request_that_begins_and_ends_in_one_batch_leaves_no_admission() -> None:
    """Nearly every request: the admissions table would otherwise see two writes for each."""
    begun = admitted()

    found = batch(begun, served(begun))

    assert (found.admitted, found.settled) == ([], [])
    assert len(found.blocks) == 1


def test_a_request_under_way_is_kept_as_it_was_written() -> None:
    """It is all there is to charge if its worker dies."""
    begun = admitted()

    found = batch(begun)

    assert found.admitted == [(begun.request_id, "w", payload(begun))]
    assert (found.blocks, found.rollups, found.keys) == ([], [], [])


def test_an_end_whose_beginning_came_in_an_earlier_batch_settles_it() -> None:
    """Otherwise it would be charged again when the worker ends."""
    ended = served()

    assert batch(ended).settled == [(ended.request_id,)]


def test_sums_are_by_what_requests_have_in_common_and_by_minute() -> None:
    """Each figure of a report is one of these sums."""
    noon_us = START_MS * 1000 // MINUTE_US * MINUTE_US
    found = batch(
        served(started_us=noon_us, source="estimated"),
        served(started_us=noon_us + MINUTE_US - 1, source="recovered", priced=False, outcome="recovered"),
        served(started_us=noon_us + MINUTE_US, outcome="client_left"),
        served(started_us=noon_us, status=503, cost_nano_usd=0, outcome="upstream_failed"),
        served(started_us=noon_us, key_id="key_2", reasoning_tokens=7),
    )

    minute = noon_us // 1_000_000
    good, bad = ("demo-chat", 200, "chat", "demo"), ("demo-chat", 503, "chat", "demo")
    assert sorted(row[:-2] for row in found.rollups) == [
        (minute, (KEY, *good), 2, 18, 42, 6, 0, 10_000, 1, 1, 1, 1),
        (minute, (KEY, *bad), 1, 9, 21, 3, 0, 0, 1, 0, 0, 0),
        (minute, ("key_2", *good), 1, 9, 21, 3, 7, 5_000, 0, 0, 0, 0),
        (minute + 60, (KEY, *good), 1, 9, 21, 3, 0, 5_000, 0, 0, 0, 0),
    ]
    assert [row[:-2] for row in found.overall if row[0] == "minute" and row[1] == minute] == [
        ("minute", minute, *good, 3, 27, 63, 9, 7, 15_000, 1, 1, 1, 1),
        ("minute", minute, *bad, 1, 9, 21, 3, 0, 0, 1, 0, 0, 0),
    ]
    for period, length_s in (("hour", 3_600), ("day", 86_400)):
        assert {row[1] for row in found.overall if row[0] == period} == {minute // length_s * length_s}
        assert sum(row[6] for row in found.overall if row[0] == period) == 5


def test_a_providers_refusal_that_was_handed_on_is_an_error_of_the_request() -> None:
    """It went well for the gateway, and not for whoever looks for why nothing works."""
    found = batch(
        served(status=429),
        served(status=503),
        served(status=499, outcome="client_left"),
        served(status=200),
    )

    assert {row[1][2]: row[8] for row in found.rollups} == {429: 1, 503: 1, 499: 0, 200: 0}


def test_durations_are_kept_beside_the_sums_of_one_key_and_of_all() -> None:
    """A mean says nothing of the one request in twenty that took ten times as long."""
    took = (1_000, 2_000, 900_000)
    found = batch(
        *(served(total_us=one, first_byte_us=one // 2) for one in took), served(total_us=0, first_byte_us=0)
    )

    for durations, first_bytes in [found.rollups[0][-2:], *(row[-2:] for row in found.overall)]:
        assert latency.counts([durations]) == {latency.bucket(one): 1 for one in took}
        assert latency.counts([first_bytes]) == {latency.bucket(one // 2): 1 for one in took}


def test_a_keys_life_is_summed_and_its_last_use_noted() -> None:
    """The key list shows it."""
    first = served(address="10.0.0.1", location="query")
    last = served(address="10.0.0.2", started_us=first.started_us + 5_000_000)
    other = served(key_id="key_2")

    rows = batch(first, last, other).keys

    assert sorted(rows) == [
        (KEY, 2, 18, 42, 10_000, START_MS + 5_000, "10.0.0.2", True),
        ("key_2", 1, 9, 21, 5_000, START_MS, "127.0.0.1", False),
    ]


def test_blocks_hold_every_request_once_and_never_two_stretches_of_time() -> None:
    """A request is looked for in the blocks of its stretch only."""
    ids = [request_id(START_MS + number * 10_000) for number in range(60)]
    ids += [request_id() for _ in range(BLOCK_LENGTH + 5)]

    blocks = batch(*(served(request_id=one) for one in ids)).blocks

    held: list[str] = []
    for first, last, records in blocks:
        inside = [record.request_id for record in msgspec.msgpack.decode(records, type=list[Served])]
        assert (first, last) == (min(inside), max(inside))
        assert first[:STRETCH_WIDTH] == last[:STRETCH_WIDTH]
        assert len(inside) <= BLOCK_LENGTH
        held += inside
    assert sorted(held) == sorted(ids)


def test_records_in_a_block_are_those_of_the_journal_unchanged() -> None:
    """What is explained is what the worker wrote."""
    ended = served(model="é" * 50, outcome="upstream_cut")

    [(_, _, records)] = batch(ended).blocks

    assert records[3:] == payload(ended)


def test_what_is_before_an_unknown_record_counts() -> None:
    """A newer worker's record must not take its older neighbours along."""
    tally = Tally()

    with pytest.raises(msgspec.DecodeError):
        tally.add([payload(served()), msgspec.msgpack.encode([99, "new"]), payload(served())])

    assert tally.read == 1
    assert len(tally.batch(journal="j", worker="w", position=1, finished=False).blocks) == 1


def test_an_orphan_is_charged_its_reservation_and_says_so() -> None:
    """Nothing served goes uncounted."""
    orphan = admitted()

    record = settle(orphan)

    assert (record.source, record.outcome, record.status) == ("recovered", "recovered", 0)
    assert (record.input_tokens, record.output_tokens) == (orphan.input_tokens, orphan.output_tokens)
    assert (record.cost_nano_usd, record.priced) == (orphan.cost_nano_usd, True)
    assert not settle(admitted(cost_nano_usd=0)).priced


def test_recovered_orphans_leave_the_admissions() -> None:
    """Once, not at every start."""
    tally = Tally()
    orphan = admitted()

    tally.recover([orphan])

    found = tally.batch(journal="j", worker="w", position=1, finished=True)
    assert found.settled == [(orphan.request_id,)]
    assert found.overall[0][-4] == 1


def test_a_refusal_is_kept_and_counts_for_nothing() -> None:
    """Refusals never use up anything, and whoever asks why is told."""
    found = batch(refused(), refused(key_id=""))

    assert len(found.blocks) == 1
    assert (found.admitted, found.settled, found.rollups, found.keys) == ([], [], [], [])


def test_what_a_key_may_not_do_is_told_apart_from_all_other_refusals() -> None:
    """By what was asked; a model that is not on the list is an operation of its own."""
    denied = refused(status=403, reason="model_not_allowed", model="gpt-4o", at_us=5_000_000)
    tally = Tally()

    others = [
        refused(status=403, reason="ip_not_allowed"),
        refused(status=403, reason="insufficient_permissions", key_id=""),
        refused(),
    ]
    tally.add([payload(record) for record in (denied, *others)])

    (tried,) = tally.tried
    assert (tried.key_id, tried.operation, tried.at) == (KEY, "chat gpt-4o", 5.0)
    assert tried.request_id == denied.request_id
