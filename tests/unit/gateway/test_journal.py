"""The worker's journal."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from keyturn import system
from keyturn.domain import journal as domain
from keyturn.domain.faults import Fault
from keyturn.domain.journal import Used
from keyturn.domain.key_text import Kind
from keyturn.domain.keys import KeyRecord
from keyturn.domain.refusals import Reason
from keyturn.gateway.journal import NAME_LENGTH, RECORD_ROOM, Journal
from keyturn.gateway.uses import Uses

SEGMENT = 16_384


def open_files() -> int:
    """Count this process's descriptors."""
    return len(list(Path("/proc/self/fd").iterdir()))


def admitted(number: int, model: str = "m") -> tuple[Any, ...]:
    """Make the fields of a record."""
    return (domain.ADMITTED, f"req_{number}", "key_1", model, "demo", "chat", 1, 2, 3, 4, "127.0.0.1")


def served(number: int, model: str = "m") -> tuple[Any, ...]:
    """Make the fields of a record."""
    names = f"req_{number}", "key_1", model, "demo", model, "chat"
    return (
        domain.SERVED,
        *names,
        200,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        0,
        0,
        8,
        True,
        "reported",
        False,
        "ok",
        "basic",
        "::1",
    )


def records(folder: Path) -> list[tuple[str, str]]:
    """Read every segment, oldest first."""
    found = []
    for path in sorted(folder.glob("*.journal"), key=lambda path: int(path.suffixes[0][1:])):
        found += [
            (type(one).__name__, one.secret_id if isinstance(one, Used) else one.request_id)
            for one, _ in domain.read(path.read_bytes())
        ]
    return found


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A new journal."""
    made = Journal(tmp_path, "1-abc", SEGMENT)
    yield made
    made.close()


def test_a_record_can_be_read_as_soon_as_it_is_noted(journal: Journal, tmp_path: Path) -> None:
    """Nothing waits in this process: it may be killed in the next instant."""
    journal.admitted(admitted(1))
    assert records(tmp_path) == [("Admitted", "req_1")]

    journal.served(served(1))
    assert records(tmp_path) == [("Admitted", "req_1"), ("Served", "req_1")]


def test_a_segment_is_allocated_whole_and_private(journal: Journal, tmp_path: Path) -> None:
    """A full disk shows when it is opened."""
    status = (tmp_path / "1-abc.0.journal").stat()

    assert status.st_size == SEGMENT
    assert status.st_blocks * 512 >= SEGMENT
    assert status.st_mode & 0o777 == 0o600


def test_the_file_is_locked_while_the_worker_lives(tmp_path: Path) -> None:
    """Unlocked means complete: the control process recovers what is left in it."""
    journal = Journal(tmp_path, "1-abc", SEGMENT)
    path = tmp_path / "1-abc.0.journal"
    assert system.is_locked(path)

    journal.close()

    assert not system.is_locked(path)


def test_a_full_segment_is_followed_by_the_next(journal: Journal, tmp_path: Path) -> None:
    """Nothing is lost between two files, and only the last is locked."""
    for number in range(300):
        journal.admitted(admitted(number))
        journal.served(served(number))

    paths = sorted(tmp_path.glob("*"))
    assert len(paths) > 1
    assert all(path.suffix == ".journal" for path in paths)
    assert [system.is_locked(path) for path in paths] == [False] * (len(paths) - 1) + [True]
    assert records(tmp_path) == [
        (kind, f"req_{number}") for number in range(300) for kind in ("Admitted", "Served")
    ]


def test_there_is_always_room_to_note_how_a_request_ended(journal: Journal, tmp_path: Path) -> None:
    """However many are under way, with the longest of names."""
    longest = "\N{GRINNING FACE}" * NAME_LENGTH
    for number in range(60):
        journal.admitted(admitted(number, longest))
    for number in range(60):
        journal.served(served(number, longest))

    assert len(records(tmp_path)) == 120
    assert journal.in_flight == 0


def test_the_longest_record_fits_the_room_that_is_kept_for_it(journal: Journal, tmp_path: Path) -> None:
    """Otherwise the one above would be luck."""
    longest = "\N{GRINNING FACE}" * NAME_LENGTH
    journal.admitted(admitted(1))
    before = journal._position

    journal.served(served(1, longest))

    assert journal._position - before < RECORD_ROOM


def test_very_many_requests_in_flight_do_not_take_a_segment_each(journal: Journal, tmp_path: Path) -> None:
    """Ten thousand streams are ordinary; a file for each would fill the disk."""
    for number in range(500):
        journal.admitted(admitted(number))

    assert len(list(tmp_path.glob("*"))) < 10
    assert len(records(tmp_path)) == 500


@contextmanager
def no_file_larger_than(length: int) -> Iterator[None]:
    """Let the system refuse larger files, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_without_room_a_request_is_not_let_in_and_one_under_way_can_still_end(
    journal: Journal, tmp_path: Path
) -> None:
    """Nothing is served that could not be charged; and when there is room again, all goes on."""
    number = 0

    def admit() -> None:
        nonlocal number
        while number < 100:
            journal.admitted(admitted(number))
            number += 1

    with no_file_larger_than(SEGMENT // 2):
        with pytest.raises(Fault) as fault:
            admit()
        for one in range(number):
            journal.served(served(one))
    assert fault.value.reason is Reason.JOURNAL_UNAVAILABLE
    assert (number > 1, journal.in_flight) == (True, 0)
    assert [path.name for path in tmp_path.glob("*")] == ["1-abc.0.journal"]

    for one in range(number, 100):
        journal.admitted(admitted(one))
        journal.served(served(one))

    assert len(records(tmp_path)) == 200


def test_a_full_disk_is_logged_once_and_told_to_every_caller(journal: Journal) -> None:
    """A thousand refusals a second must not fill what is left of it; and it is logged anew the next time."""
    journal._position = SEGMENT

    with structlog.testing.capture_logs() as logs, no_file_larger_than(SEGMENT // 2):
        for _ in range(3):
            with pytest.raises(Fault):
                journal.admitted(admitted(1))

    assert [line["event"] for line in logs] == ["no room for the journal"]


def test_a_worker_without_a_folder_does_not_start(tmp_path: Path) -> None:
    """It could not charge anybody."""
    with pytest.raises(FileNotFoundError):
        Journal(tmp_path / "missing", "1-abc", SEGMENT)


def test_a_segment_that_cannot_be_had_leaves_nothing_behind(tmp_path: Path) -> None:
    """Half-made files would be taken for journals, and descriptors run out."""
    open_before = open_files()

    with no_file_larger_than(SEGMENT // 2), pytest.raises(OSError, match="large"):
        Journal(tmp_path, "1-abc", SEGMENT)

    assert list(tmp_path.iterdir()) == []
    assert open_files() == open_before


def test_a_use_that_is_no_call_is_noted_once_in_ten_seconds(journal: Journal, tmp_path: Path) -> None:
    """A key that only opens other doors must not be taken for an unused one; a note for each would be many."""
    uses = Uses(journal)
    key = KeyRecord("key_1", "one", Kind.SECRET, frozenset(), secret_id="sec_1")

    for now, address in ((1.0, "a"), (10.9, "a"), (11.0, "a"), (11.0, "b")):
        uses.note(key, now, location="x-api-key", address=address)

    assert records(tmp_path) == [("Used", "sec_1")] * 3
