"""Streams of what happens, from the sockets' side."""

import json
from contextlib import ExitStack
from socket import AF_UNIX, socket

from fakes.control_process import ControlProcess
from fakes.people import first_owner, newcomer
from keyturn.control.dashboard.live import FIGURES_A_SECOND, FIGURES_EVERY_S, MOST_OF_ONE_SESSION

WITHIN_S = 10.0


def test_one_session_holds_so_many_streams_and_no_more(control: ControlProcess) -> None:
    """A page that opens one after the other must not take the control process along."""
    owner = first_owner(control)
    with ExitStack() as open_streams:
        kept = []
        for _ in range(MOST_OF_ONE_SESSION + 1):
            stream = open_streams.enter_context(
                control.relayed.stream("GET", "/dashboard/live", headers=owner.cookie)
            )
            assert stream.status_code == 200
            kept.append(stream.iter_lines())  # what nobody holds is closed
            assert ": welcome" in {next(kept[-1]), next(kept[-1])}

        assert next(line for line in kept[-1] if line.startswith("event:")) == "event: end"
        assert next(line for line in kept[0] if line.startswith("event:")) != "event: end"


def test_the_more_pages_are_open_the_less_often_each_asks(fresh: ControlProcess) -> None:
    """Together they ask for figures so often and no more: what workers ask for goes through the same process."""
    owner = first_owner(fresh)
    pages = 2 * FIGURES_EVERY_S * FIGURES_A_SECOND
    with ExitStack() as open_streams:
        kept, waits = [], []
        for _ in range(pages):
            stream = open_streams.enter_context(
                fresh.relayed.stream("GET", "/dashboard/live", headers=owner.cookie)
            )
            kept.append(stream.iter_lines())  # what nobody holds is closed
            next(line for line in kept[-1] if line == "event: counters")
            waits.append(json.loads(next(kept[-1]).removeprefix("data: "))["figures_after_s"])

    assert waits[0] == FIGURES_EVERY_S
    assert waits[-1] == 2 * FIGURES_EVERY_S


def test_pages_that_open_all_at_once_are_all_told(fresh: ControlProcess) -> None:
    """Whoever comes in the moment in which sessions are looked at has just been let in, and is none of those to end."""
    people = [first_owner(fresh), *(newcomer(fresh, f"{one}@first.example", "member") for one in range(9))]

    with ExitStack() as open_streams:
        pages = [open_streams.enter_context(socket(AF_UNIX)) for _ in people]
        for page in pages:
            page.settimeout(WITHIN_S)
            page.connect(str(fresh.data.relay_socket))
        for page, person in zip(pages, people, strict=True):
            cookie = person.cookie["cookie"]
            page.sendall(
                f"GET /dashboard/live HTTP/1.1\r\nhost: keyturn\r\ncookie: {cookie}\r\n\r\n".encode()
            )

        told = [_first_event(page) for page in pages]

    assert b"event: end" not in told


def _first_event(stream: socket) -> bytes:
    with stream.makefile("rb") as lines:
        return next(line.strip() for line in lines if line.startswith(b"event:"))
