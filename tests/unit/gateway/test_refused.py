"""What a worker keeps of what it has refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.usage_records import refused
from keyturn.domain import journal as domain
from keyturn.domain.refusals import Reason, Refused
from keyturn.gateway.journal import RECORD_ROOM, Journal
from keyturn.gateway.refused import (
    BURST,
    DETAIL_LENGTH,
    REMEMBERED,
    SHOWN_LENGTH,
    Allowance,
    Refusals,
    detail,
    shown,
)

KEY = "sk-000000000000000000000000003vSKjy"
SEGMENT = 1 << 16


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A worker's journal."""
    made = Journal(tmp_path, "1-abc", SEGMENT)
    yield made
    made.close()


def journalled(folder: Path) -> list[domain.Record]:
    """Return what is written down, in order."""
    paths = sorted(folder.glob("*.journal"), key=lambda path: int(path.suffixes[0][1:]))
    return [record for path in paths for record, _ in domain.read(path.read_bytes())]


def test_a_refusal_is_remembered_and_written_down(journal: Journal, tmp_path: Path) -> None:
    """It outlives the worker."""
    refusals, record = Refusals(journal), refused()

    refusals.note(record)

    assert refusals.find(record.request_id) == record
    assert journalled(tmp_path) == [record]


def test_a_flood_fills_no_disk_and_leaves_room_for_known_keys(journal: Journal, tmp_path: Path) -> None:
    """Whoever guesses keys must neither fill the disk nor push out what customers will ask about."""
    refusals, flood, known = Refusals(journal), 2 * BURST, refused()

    for _ in range(flood):
        refusals.note(refused(key_id=""))
    refusals.note(known)

    written = journalled(tmp_path)
    assert BURST <= len(written) < flood // 2 + BURST // 2
    assert written[-1] == known


def test_what_is_over_the_allowance_is_remembered_until_newer_ones_push_it_out(journal: Journal) -> None:
    """In memory, and not for ever."""
    refusals = Refusals(journal)
    first, second = refused(key_id=""), refused(key_id="")

    refusals.note(first)
    refusals.note(second)
    for _ in range(REMEMBERED - 1):
        refusals.note(refused(key_id=""))

    assert refusals.find(first.request_id) is None
    assert refusals.find(second.request_id) == second


def test_an_allowance_grows_back_and_never_beyond_its_burst() -> None:
    """A quiet night does not pay for a flood in the morning."""
    allowance = Allowance(2, 0.5, 0.0)

    taken = [allowance.take(at) for at in (0.0, 0.0, 0.0, 1.9, 2.0, 1000.0, 1000.0, 1000.0)]

    assert taken == [True, True, False, False, True, True, True, False]


def test_room_for_what_is_in_flight_comes_first(journal: Journal, tmp_path: Path) -> None:
    """A refusal must not take the place in which a request's end will be written."""
    journal.in_flight = SEGMENT // RECORD_ROOM - 3

    for _ in range(100):
        assert journal.note(refused())

    assert len(list(tmp_path.glob("*.journal"))) > 1
    assert len(journalled(tmp_path)) == 100


def test_a_full_disk_costs_the_note_and_nothing_else(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has been refused either way."""
    refusals, record = Refusals(journal), refused()
    monkeypatch.setattr("os.posix_fallocate", _full)
    journal.in_flight = SEGMENT // RECORD_ROOM

    refusals.note(record)

    assert refusals.find(record.request_id) == record
    assert journalled(tmp_path) == []


def _full(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001f511", "\ud800"])
def test_what_is_kept_is_short_in_bytes(letter: str) -> None:
    """A disk is filled by bytes, not by letters."""
    assert len(shown(letter * 1_000).encode()) <= SHOWN_LENGTH


@pytest.mark.parametrize("before", [0, SHOWN_LENGTH - 10, SHOWN_LENGTH - 1])
def test_nothing_that_looks_like_a_key_is_kept_not_even_half_of_one(before: int) -> None:
    """A key may stand anywhere, by mistake: in the path, as the model."""
    text = "/" * before + KEY

    assert "sk-0000" not in shown(text)
    assert len(shown(text)) <= SHOWN_LENGTH


def test_the_detail_names_what_the_request_ran_into() -> None:
    """The list that a model is not on answers the next question at once."""
    details = {"key_id": "key_1", "models": "gpt-* o4"}

    assert (
        detail(Refused(Reason.MODEL_NOT_ALLOWED, "Not this one", details=details))
        == "Not this one (models: gpt-* o4)"
    )


def test_a_hint_stands_in_for_the_message() -> None:
    """The message is the same for every key that is not one."""
    refused = Refused(Reason.MALFORMED_API_KEY, details={"key_id": "key_1", "hint": "missing prefix sk-"})

    assert detail(refused) == "missing prefix sk-"


def test_a_detail_is_short_whatever_the_client_sent() -> None:
    """It is written down for every refusal."""
    refused = Refused(Reason.ORIGIN_NOT_ALLOWED, "x" * 5_000 + KEY)

    assert len(detail(refused)) == DETAIL_LENGTH
