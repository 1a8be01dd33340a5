"""Streams of what happens, from the sockets' side."""

from contextlib import ExitStack

from fakes.control_process import ControlProcess
from fakes.people import first_owner
from keyturn.control.dashboard.live import MOST_OF_ONE_SESSION


def test_one_session_holds_so_many_streams_and_no_more(control: ControlProcess) -> None:
    """A page that opens one after the other must not take the control process along."""
    owner = first_owner(control)
    with ExitStack() as open_streams:
        ends, kept = [], []
        for _ in range(MOST_OF_ONE_SESSION + 1):
            stream = open_streams.enter_context(
                control.relayed.stream("GET", "/dashboard/live", headers=owner.cookie)
            )
            assert stream.status_code == 200
            lines = stream.iter_lines()
            kept.append(lines)  # what nobody holds is closed
            ends.append(next(line for line in lines if line in {"event: counters", "event: end"}))

    assert ends == ["event: counters"] * MOST_OF_ONE_SESSION + ["event: end"]
