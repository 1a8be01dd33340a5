"""What open pages are told."""

import msgspec
import pytest

from keyturn.control.dashboard.live import ALIVE, BEHIND, MOST_QUEUED, OPENING, Listener, frame, reach_of
from keyturn.domain.principal import Principal
from keyturn.domain.roles import Person, Role
from keyturn.services.sessions import Visitor
from keyturn.store.sessions import SignedIn, StoredSession

SESSION = StoredSession("ses_1", b"", "user_1", "", 0, 0, 0, "", "")


def visitor(role: Role, *, first: bool = False) -> Visitor:
    """Return somebody who has signed in."""
    person = Person("user_1", "acct_1", role, first_account=first)
    signed_in = SignedIn(SESSION, "acct_1", "Acme", "kim@example.com", "Kim", role.value, "UTC", active=True)
    return Visitor(signed_in, person, Principal("user_1", person=person))


def test_who_may_see_the_same_shares_frames_and_nobody_else() -> None:
    """A member's page must never be handed what was made for an owner's."""
    owner, other_owner = reach_of(visitor(Role.OWNER)), reach_of(visitor(Role.ADMIN))
    member, operator = reach_of(visitor(Role.MEMBER)), reach_of(visitor(Role.OWNER, first=True))

    assert owner == other_owner
    assert (member.holder_id, member.alerts) == ("user_1", False)
    assert operator.everything
    assert not owner.everything
    assert len({owner, member, operator}) == 3


async def test_a_page_that_does_not_read_is_let_go_of() -> None:
    """One sleeping laptop must not fill the memory of the control process."""
    listener = Listener(visitor(Role.OWNER), "token", rows=True)

    for number in range(MOST_QUEUED + 1):
        listener.offer(frame("counters", {"requests": str(number)}))

    assert [piece async for piece in listener.frames(15)] == [OPENING, frame("end", {"why": BEHIND})]


async def test_a_quiet_stream_says_that_it_is_alive() -> None:
    """Whatever stands between would cut it otherwise."""
    listener = Listener(visitor(Role.OWNER), "token", rows=False)
    frames = listener.frames(0.01)

    assert await anext(frames) == OPENING
    assert await anext(frames) == ALIVE
    listener.offer(b"one")
    listener.offer(b"two")
    assert await anext(frames) == b"onetwo"


@pytest.mark.parametrize("text", ["plain", "line\nbreak\r\n\r\nevent: end", "\u2028"])
def test_no_text_breaks_out_of_its_event(text: str) -> None:
    """The name of a model is whatever a client sends."""
    written = frame("requests", {"model": text})

    head, data, *rest = written.split(b"\n")
    assert head == b"event: requests"
    assert msgspec.json.decode(data.removeprefix(b"data: ")) == {"model": text}
    assert rest == [b"", b""]
