"""What a worker tells the control process of."""

import pytest

from keyturn import bus
from keyturn.domain.events import EventKind, Notice
from keyturn.gateway import notices
from keyturn.gateway.notices import AGAIN_AFTER_S, Notices


class Bus:
    """Takes messages while it is up."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[bus.FromWorker] = []

    def send(self, message: bus.FromWorker) -> bool:
        """Take a message."""
        if self.up:
            self.sent.append(message)
        return self.up


def notice(told: Notices, now: float, *, key_id: str = "key_1", address: str = "192.0.2.1") -> None:
    """Tell of a key in a URL."""
    told.add(EventKind.KEY_IN_URL, now, key_id=key_id, address=address, request_id="req_1", why="x")


def test_a_thing_is_told_once_an_hour_for_each_key() -> None:
    """A key in a crawled URL must not bury everything else."""
    line = Bus()
    told = Notices(line.send)

    for now, key_id in (
        (0.0, "key_1"),
        (AGAIN_AFTER_S - 1, "key_1"),
        (1.0, "key_2"),
        (AGAIN_AFTER_S, "key_1"),
    ):
        notice(told, now, key_id=key_id)
    told.flush()
    told.flush()

    (message,) = line.sent
    assert isinstance(message, bus.Noticed)
    assert [(one.key_id, one.at) for one in message.notices] == [
        ("key_1", 0.0),
        ("key_2", 1.0),
        ("key_1", AGAIN_AFTER_S),
    ]
    assert message.notices[0] == Notice(
        EventKind.KEY_IN_URL, 0.0, "key_1", "192.0.2.1", "req_1", {"why": "x"}
    )


def test_what_concerns_no_key_is_told_for_each_address() -> None:
    """Two addresses that guess are two."""
    line = Bus()
    told = Notices(line.send)

    notice(told, 0.0, key_id="", address="a")
    notice(told, 0.0, key_id="", address="b")
    notice(told, 0.0, key_id="", address="a")
    told.flush()

    (message,) = line.sent
    assert isinstance(message, bus.Noticed)
    assert [one.address for one in message.notices] == ["a", "b"]


def test_notices_wait_while_the_control_process_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart loses none, and a long absence fills no memory."""
    monkeypatch.setattr(notices, "WAITING", 2)
    line = Bus()
    line.up = False
    told = Notices(line.send)
    for number in range(4):
        notice(told, 0.0, key_id=f"key_{number}")
    told.flush()

    line.up = True
    told.flush()

    (message,) = line.sent
    assert isinstance(message, bus.Noticed)
    assert [one.key_id for one in message.notices] == ["key_0", "key_1"]


def test_the_first_use_of_a_secret_is_told_until_it_is_heard() -> None:
    """It starts the old secret's overlap: it may be told twice, and must not be lost."""
    line = Bus()
    line.up = False
    told = Notices(line.send)

    told.first_use("sec_1", 0.0)
    line.up = True
    for now in (0.1, 0.2, 1.0, 1.2):
        told.first_use("sec_1", now)
    told.first_use("sec_2", 1.2)

    assert line.sent == [bus.FirstUse("sec_1"), bus.FirstUse("sec_1"), bus.FirstUse("sec_2")]
