"""What a browser brings back within minutes."""

import pytest

from keyturn import system
from keyturn.services.tickets import Tickets

MINUTE_MS = 60_000


def test_a_ticket_says_what_it_was_issued_with() -> None:
    """As often as it is read, until it is spent."""
    tickets = Tickets()
    ticket, text = tickets.issue("code", "visitor", {"user": "user_1"}, for_ms=MINUTE_MS)

    assert tickets.read(text.reveal(), "code", "visitor") == ticket
    assert tickets.read(text.reveal(), "code", "visitor") == ticket
    assert tickets.spend(ticket)
    assert not tickets.spend(ticket)
    assert tickets.read(text.reveal(), "code", "visitor") is None


def test_a_ticket_is_worth_nothing_to_others_for_other_things_or_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor after a restart, nor from another node."""
    tickets = Tickets()
    _, secret = tickets.issue("code", "visitor", for_ms=MINUTE_MS)
    text = secret.reveal()

    assert tickets.read(text, "code", "another") is None
    assert tickets.read(text, "passkey", "visitor") is None
    assert Tickets().read(text, "code", "visitor") is None
    now_ms = system.now_ms()
    monkeypatch.setattr(system, "now_ms", lambda: now_ms + MINUTE_MS + 1)
    assert tickets.read(text, "code", "visitor") is None


def test_no_changed_ticket_is_read() -> None:
    """Whatever letter is another one, and whatever is no ticket at all."""
    tickets = Tickets()
    _, secret = tickets.issue("code", "visitor", {"user": "user_1"}, for_ms=MINUTE_MS)
    text = secret.reveal()

    for at in range(len(text)):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        assert tickets.read(changed, "code", "visitor") is None or at == len(text) - 1
    for other in ("", ".", "..", "a.b", "\0", "é.é", "\udcff.x", text + "." + text, text * 100):
        assert tickets.read(other, "code", "visitor") is None


def test_spent_tickets_are_forgotten_when_they_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing grows without end."""
    tickets = Tickets()
    for _ in range(3):
        tickets.spend(tickets.issue("code", "visitor", for_ms=MINUTE_MS)[0])
    now_ms = system.now_ms()
    monkeypatch.setattr(system, "now_ms", lambda: now_ms + MINUTE_MS + 1)

    tickets.spend(tickets.issue("code", "visitor", for_ms=MINUTE_MS)[0])

    assert len(tickets._spent) == 1
